"""How a customer wants to be called back: by mail or by phone, and in which hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.clocks.rules.clocks import Action, ClockName
from redress.db import encoding
from redress.plans.rules.document import parse
from redress.plans.rules.plan import Plan
from redress.tickets import explaining
from redress.tickets.rules import ticket as tickets
from redress.tickets.rules.explain import Story, explain
from redress.tickets.rules.preference import (
    EMAIL,
    PHONE,
    CallHours,
    Preference,
    call_hours_of,
    due_within,
)
from redress.tickets.rules.promise_view import promises_of
from redress.tickets.rules.ticket import State
from redress.tickets.store import items
from tests.builders import BY_MAIL, BY_PHONE, START, Life, life_at, plan_document
from tests.examples import examples

BOTH = BY_MAIL | BY_PHONE
SHANGHAI, BERLIN = "Asia/Shanghai", "Europe/Berlin"
EVENING = "18:00-20:00"
DAY = timedelta(days=1)


def local(text: str, zone: str = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def due(hours: str, start: str, end: str, zone: str = SHANGHAI) -> str:
    """The due time, in local time, of a call that was promised at `start` for `end`."""
    found = due_within(call_hours_of(hours), zone, local(start, zone), local(end, zone))
    return found.astimezone(ZoneInfo(zone)).strftime("%d %H:%M")


# ------------------------------------------------------------------------------- the hours


@pytest.mark.parametrize("text", ["18:00-20:00", "22:00-02:00", "00:00-24:00", "00:00-08:30"])
def test_hours_are_written_as_they_were_read(text: str) -> None:
    assert str(call_hours_of(text)) == text


def test_midnight_as_the_end_is_written_in_one_form() -> None:
    assert str(call_hours_of("18:00-00:00")) == "18:00-24:00"


@pytest.mark.parametrize(
    "text",
    ["", "18:00", "18-20", "18:00-18:00", "00:00-00:00", "24:00-02:00", "18:00-25:00", "x-y"],
)
def test_hours_that_are_empty_or_no_hours_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        call_hours_of(text)


# ---------------------------------------------------------------------------- the due time


def test_a_call_that_is_due_inside_the_hours_stays_due_then() -> None:
    assert due(EVENING, "2026-11-23T19:00", "2026-11-24T19:00") == "24 19:00"
    assert due(EVENING, "2026-11-23T20:00", "2026-11-24T20:00") == "24 20:00"


def test_a_call_is_due_at_the_end_of_the_last_hours_before_the_plans_time() -> None:
    assert due(EVENING, "2026-11-23T09:00", "2026-11-24T09:00") == "23 20:00"
    assert due(EVENING, "2026-11-23T21:00", "2026-11-24T21:00") == "24 20:00"


def test_a_call_at_the_first_minute_of_the_hours_is_due_the_day_before() -> None:
    assert due(EVENING, "2026-11-23T18:00", "2026-11-24T18:00") == "23 20:00"


def test_a_promise_without_any_of_the_hours_is_due_at_the_end_of_the_next_ones() -> None:
    assert due(EVENING, "2026-11-23T20:30", "2026-11-24T00:30") == "24 20:00"
    assert due(EVENING, "2026-11-23T09:00", "2026-11-23T13:00") == "23 20:00"


def test_what_is_left_of_the_hours_counts_down_to_a_second() -> None:
    assert due(EVENING, "2026-11-23T19:59:59", "2026-11-23T22:00") == "23 20:00"
    assert due(EVENING, "2026-11-23T19:59:59.5", "2026-11-23T22:00") == "24 20:00"


def test_hours_over_midnight_belong_to_one_night() -> None:
    night = "22:00-02:00"
    assert due(night, "2026-11-23T09:00", "2026-11-24T09:00") == "24 02:00"
    assert due(night, "2026-11-23T23:30", "2026-11-24T23:30") == "24 23:30"
    assert due(night, "2026-11-23T09:00", "2026-11-23T12:00") == "24 02:00"
    assert due(night, "2026-11-23T00:30", "2026-11-24T00:00") == "24 00:00"


def test_hours_of_the_whole_day_move_nothing() -> None:
    assert due("00:00-24:00", "2026-11-23T09:00", "2026-11-24T09:00") == "24 09:00"


def test_hours_are_local_on_both_sides_of_daylight_saving_time() -> None:
    # In Berlin, summer time began on 29 March 2026 at 02:00 and ended on 25 October at 03:00.
    assert due(EVENING, "2026-03-28T21:00", "2026-03-29T21:00", BERLIN) == "29 20:00"
    assert due(EVENING, "2026-10-24T21:00", "2026-10-25T21:00", BERLIN) == "25 20:00"
    before = due_within(
        call_hours_of(EVENING),
        BERLIN,
        local("2026-03-28T09:00", BERLIN),
        local("2026-03-29T09:00", BERLIN),
    )
    after = due_within(
        call_hours_of(EVENING),
        BERLIN,
        local("2026-03-29T09:00", BERLIN),
        local("2026-03-30T09:00", BERLIN),
    )
    assert after - before == DAY - timedelta(hours=1)


def test_hours_in_a_skipped_hour_do_not_exist_on_that_day() -> None:
    assert due("02:00-03:00", "2026-03-28T09:00", "2026-03-29T09:00", BERLIN) == "30 03:00"
    assert due("02:00-03:30", "2026-03-28T09:00", "2026-03-29T09:00", BERLIN) == "29 03:30"


def test_hours_in_a_repeated_hour_end_with_the_second_one() -> None:
    found = due_within(
        call_hours_of("02:00-03:00"),
        BERLIN,
        local("2026-10-24T09:00", BERLIN),
        local("2026-10-25T09:00", BERLIN),
    )
    assert found == datetime(2026, 10, 25, 2, 0, tzinfo=UTC)


@given(
    st.integers(0, 1439),
    st.integers(1, 1440),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
    st.timedeltas(timedelta(seconds=1), timedelta(days=5)),
    st.sampled_from([SHANGHAI, BERLIN, "America/New_York", "Australia/Lord_Howe", "UTC"]),
)
@examples(400)
def test_the_due_time_is_inside_the_hours_and_later_only_without_any(
    begin: int, end: int, start: datetime, lasts: timedelta, zone: str
) -> None:
    if begin == end:
        return
    hours, planned = CallHours(begin, end), start + lasts

    def inside(at: datetime) -> bool:
        of = at.astimezone(ZoneInfo(zone))
        minute = of.hour * 60 + of.minute
        return begin <= minute < end if begin < end else minute >= begin or minute < end

    found = due_within(hours, zone, start, planned)
    assert found > start
    assert inside(found - timedelta(microseconds=1))
    minutes = [start + timedelta(minutes=n) for n in range(1, int(lasts.total_seconds() // 60))]
    if found > planned:
        assert not any(map(inside, minutes))
    else:
        assert not any(inside(at) for at in minutes if found <= at < planned)


# ----------------------------------------------------------------------------- the callback


def resolved(preference: Preference | None, **fields: Any) -> Life:
    """A complaint resolved at START, 9:00 in Shanghai. The plan promises a callback in 24 h."""
    return Life().open(**fields).acknowledge().assign().resolve(preference=preference)


def story(life: Life) -> Story:
    plan = life.changes[0].plan
    plans = {change.plan.version: change.plan for change in life.changes}
    found = explain(life.events, plan, plans.__getitem__, life.clock.now())
    return next(one for one in reversed(found) if one.name is ClockName.CALLBACK)


@pytest.mark.parametrize(
    ("preference", "fields", "by_mail"),
    [
        (None, {"contact": BOTH}, True),
        (Preference(EMAIL), {"contact": BOTH}, True),
        (Preference(PHONE), {"contact": BOTH}, False),
        (Preference(PHONE), {"contact": BY_MAIL}, True),
        (Preference(PHONE, phone="+86 10 5555 0100"), {"contact": BY_MAIL}, False),
        (Preference(EMAIL), {"contact": BY_PHONE}, False),
        (Preference(hours=EVENING), {"contact": BOTH}, True),
        (None, {"contact": BY_PHONE}, False),
    ],
)
def test_a_customer_who_prefers_the_phone_and_has_a_number_is_called(
    preference: Preference | None, fields: dict[str, Any], by_mail: bool
) -> None:
    life = resolved(preference, **fields)
    assert life.ticket.callback_by_mail is by_mail
    assert life.ticket.callback_attempts == int(by_mail)
    assert (tickets.next_due(life.ticket) is None) is by_mail
    assert ("callback" in {one.clock for one in promises_of(life.ticket, START)}) is not by_mail
    listed = items.index_attributes(life.ticket)["owner_pk"]
    assert listed == (None if by_mail else "AGENT#a-mei")


def test_a_preferred_call_has_the_plans_ladder_and_its_attempts() -> None:
    life = resolved(Preference(PHONE), contact=BOTH)
    assert Action.BREACH in {one.rung.action for one in story(life).to_come}
    life.sleep_through(START + 5 * DAY)
    assert life.ticket.clocks[ClockName.CALLBACK].breached
    assert life.ticket.state is State.RESOLVED, "no silence closes it: it is a task for a person"
    for _ in range(life.plan.callback.attempts):
        life.call("no_answer")
    assert life.ticket.closure == "unconfirmed"


def test_a_call_is_due_in_the_customers_hours() -> None:
    life = resolved(Preference(PHONE, EVENING), contact=BOTH)
    assert tickets.next_due(life.ticket) == local("2026-11-23T20:00")
    assert life.ticket.clocks[ClockName.CALLBACK].due_at == START + timedelta(hours=11)


def test_hours_do_not_move_a_question_by_mail() -> None:
    life = resolved(Preference(EMAIL, EVENING), contact=BOTH)
    assert life.ticket.clocks == resolved(None, contact=BOTH).ticket.clocks


def test_hours_move_the_call_of_a_customer_who_left_only_a_number() -> None:
    life = resolved(Preference(hours="10:00-12:00"), contact=BY_PHONE)
    assert tickets.next_due(life.ticket) == local("2026-11-23T12:00")


def test_each_resolution_has_its_own_preference() -> None:
    life = resolved(Preference(PHONE, EVENING), contact=BOTH).dispute().wait(hours=1).resolve()
    assert life.ticket.callback_preference is None
    assert life.ticket.callback_by_mail
    callbacks = [
        one
        for one in explain(life.events, life.plan, lambda v: life.plan, life.clock.now())
        if one.name is ClockName.CALLBACK
    ]
    assert [one.ladder for one in callbacks] == ["promise", None]
    assert [one.moved is None for one in callbacks] == [False, True]


def test_a_ticket_keeps_its_preference_in_the_snapshot_and_in_the_history() -> None:
    life = resolved(Preference(PHONE, "22:00-02:00", "+86 10 5555 0199"), contact=BY_MAIL)
    assert life.folded == life.ticket
    assert items.ticket_of(items.snapshot_doc(life.ticket)) == life.ticket
    assert life.events[-1].data["preference"] == {
        "channel": "phone",
        "hours": "22:00-02:00",
        "phone": "+86 10 5555 0199",
    }
    assert items.event_of(encoding.encode(life.events[-1])) == life.events[-1]


def test_a_resolution_without_preference_says_nothing_of_one() -> None:
    assert "preference" not in resolved(None).events[-1].data
    assert b"preference" not in items.snapshot_doc(resolved(None).ticket).encode()


# ------------------------------------------------------------------------ other plans, reasons


def in_working_time(within: str = "8h") -> Plan:
    """Plan 2: the callback of a complaint counts office hours."""
    document = plan_document()
    promise = document["levels"]["complaint"]["promises"]["callback"]
    promise |= {"within": within, "calendar": "office"}
    return parse({**document, "version": 2})


def test_hours_outside_of_working_time_are_possible() -> None:
    life = resolved(Preference(PHONE, EVENING), contact=BOTH).move_to(in_working_time())
    callback = life.ticket.clocks[ClockName.CALLBACK]
    # 8 h of working time from Monday 9:00 end on Monday at 18:00, before any of the hours.
    assert callback.due_at == local("2026-11-23T20:00")
    assert callback.calendar == "always"
    assert life.folded == life.ticket


def test_a_moved_call_says_why_in_three_languages() -> None:
    found = story(resolved(Preference(PHONE, EVENING), contact=BOTH))
    assert found.moved is not None
    assert (found.moved.call_hours, found.moved.due_at) == (EVENING, START + DAY)
    assert explaining.sentence(found, "en") == (
        "Due on Mon 23 Nov 2026 20:00 (Asia/Shanghai): 24 h from Mon 23 Nov 09:00, when it was "
        "resolved, counted around the clock; moved from Tue 24 Nov 09:00 into the hours in which "
        "the customer wants to be called (18:00-20:00)."
    )
    assert explaining.sentence(found, "zh-CN") == (
        "应于2026年11月23日（周一）20:00（Asia/Shanghai）前兑现："
        "自11月23日（周一）09:00告知客户已解决时起计24小时，计时时段为全天24小时；"
        "按客户希望接听电话的时段（18:00-20:00），由11月24日（周二）09:00调整而来。"
    )
    assert "18:00-20:00" in explaining.sentence(found, "zh-TW")


def test_a_moved_call_names_the_working_time_that_the_plan_counts() -> None:
    life = resolved(Preference(PHONE, EVENING), contact=BOTH).move_to(in_working_time("16h"))
    sentence = explaining.sentence(story(life), "en")
    assert "16 h of working time from Mon 23 Nov 09:00" in sentence
    assert "Monday to Friday 09:00-12:00 and 13:00-18:00" in sentence
    assert "moved from Tue 24 Nov 18:00 into the hours" in sentence


def test_a_call_that_no_hours_moved_says_nothing_of_them() -> None:
    assert story(resolved(Preference(PHONE, "08:00-12:00"), contact=BOTH)).moved is None
    assert story(life_at(State.RESOLVED)).moved is None
