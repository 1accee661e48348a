"""Tests of the stories that explain why a promise is due, and of their sentences."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.base import catalogue
from redress.base.errors import InvalidInput, NotAllowedNow
from redress.base.languages import LANGUAGES
from redress.clocks.rules import clocks
from redress.clocks.rules.calendars import Interval
from redress.clocks.rules.clocks import Action, ClockName, ClockState, Standing
from redress.mail.incoming.rules.answers import NoAnswer
from redress.plans.rules.document import parse
from redress.plans.rules.plan import CUSTOMER, HOLDS, KINDS, Plan
from redress.tickets import explaining
from redress.tickets.rules.explain import Hours, Story, What, explain
from redress.tickets.rules.preference import Preference
from redress.tickets.rules.steps.by_staff import CORRECTABLE
from redress.tickets.rules.ticket import EventType
from tests.builders import BY_MAIL, BY_PHONE, LIN, ROOT, START, Clock, Life, plan_1, plan_document
from tests.examples import examples
from tests.tickets.test_fold import COMMANDS, DAY, HOUR, KINDS_OF_LIFE

FRIDAY = datetime(2026, 11, 27, 7, 30, tzinfo=UTC)
"""15:30 in Shanghai, where the office is open Monday to Friday 09:00-12:00 and 13:00-18:00."""


def stories(life: Life) -> tuple[Story, ...]:
    plans = {change.plan.version: change.plan for change in life.changes}
    return explain(life.events, life.changes[0].plan, plans.__getitem__, life.clock.now())


def story(life: Life, name: str, nth: int = 1) -> Story:
    (found,) = [one for one in stories(life) if (one.name, one.round) == (name, nth)]
    return found


def entries(one: Story) -> list[tuple[str, int, str]]:
    """The entries of a story: what, and the number and type of the event that caused it."""
    return [(entry.what, entry.event.number, entry.event.type) for entry in one.entries]


def at(moment: datetime) -> Clock:
    return Clock(moment)


def other_plan(**changes: Any) -> Plan:
    """Plan 2: plan 1 with some sections replaced."""
    return parse({**plan_document(), "version": 2, **changes})


# ---------------------------------------------------------------------------- examples


def test_a_complaint_resolved_late_reports_the_delay_and_the_pause() -> None:
    life = Life().open("complaint").acknowledge().assign().wait(hours=2)
    life.reply(wait_for_customer=True).wait(hours=2, minutes=10).write()
    life.sleep_through(START + timedelta(hours=75))
    late = story(life.resolve().wait(hours=1), "resolution")

    assert entries(late) == [
        ("begun", 1, "opened"),
        ("paused", 4, "replied"),
        ("resumed", 5, "customer_wrote"),
        ("stopped", life.ticket.version, "resolved"),
    ]
    assert (late.standing, late.clock.due_at) == (
        Standing.MISSED,
        START + timedelta(hours=50, minutes=10),
    )
    assert (late.elapsed_s, late.ran_s, late.paused_s) == (262_200, 262_200, 7_800)
    assert [entry.elapsed_s for entry in late.entries] == [0, 7_200, 7_200, 262_200]
    assert [(pause.waits_for, pause.begin, pause.end) for pause in late.pauses] == [
        ((CUSTOMER,), START + timedelta(hours=2), START + timedelta(hours=4, minutes=10))
    ]
    assert explaining.sentence(late, "en") == (
        "Missed by 24 h 50 min: done on Thu 26 Nov 12:00, was due on Wed 25 Nov 2026 11:10 "
        "(Asia/Shanghai): 48 h from Mon 23 Nov 09:00, when the customer wrote, counted around the "
        "clock; paused 2 h 10 min while waiting for the customer."
    )
    assert explaining.sentence(late, "zh-CN") == (
        "超时24小时50分钟：实际于11月26日（周四）12:00完成，"
        "应于2026年11月25日（周三）11:10（Asia/Shanghai）前兑现："
        "自11月23日（周一）09:00客户提交时起计48小时，计时时段为全天24小时；"
        "因等候客户答复暂停2小时10分钟。"
    )
    assert explaining.sentence(late, "zh-TW") == (
        "逾時24小時50分鐘：實際於11月26日（週四）12:00完成，"
        "應於2026年11月25日（週三）11:10（Asia/Shanghai）前履行："
        "自11月23日（週一）09:00客戶送出時起計48小時，計時時段為全天24小時；"
        "因等候客戶答覆暫停2小時10分鐘。"
    )


def test_a_story_lists_fired_and_coming_rungs() -> None:
    life = Life().open("complaint").acknowledge().assign()
    life.sleep_through(START + timedelta(hours=37))
    first = story(life, "first_response")

    assert [(rung.action, rung.due_at - START) for rung in first.fired] == [
        (Action.REMIND, timedelta(hours=12)),
        (Action.REMIND, timedelta(hours=19, minutes=12)),
        (Action.BREACH, timedelta(hours=24)),
        (Action.ESCALATE, timedelta(hours=36)),
    ]
    assert first.to_come == ()
    resolution = story(life, "resolution")
    assert [(rung.index, rung.due_at) for rung in resolution.to_come] == [
        (1, START + timedelta(hours=38, minutes=24)),
        (2, START + timedelta(hours=48)),
        (3, START + timedelta(hours=72)),
    ]


def test_an_inquiry_is_explained_in_office_hours() -> None:
    first = story(Life(at(FRIDAY)).open("inquiry").wait(hours=66, minutes=30), "first_response")

    assert (first.standing, first.elapsed_s, first.ran_s) == (
        Standing.RUNNING,
        2.5 * HOUR + HOUR,
        66.5 * HOUR,
    )
    assert explaining.sentence(first, "en") == (
        "Due on Mon 30 Nov 2026 15:30 (Asia/Shanghai): 8 h of working time from Fri 27 Nov 15:30, "
        "when the customer wrote, counted Monday to Friday 09:00-12:00 and 13:00-18:00."
    )
    assert explaining.sentence(first, "zh-CN") == (
        "应于2026年11月30日（周一）15:30（Asia/Shanghai）前兑现："
        "自11月27日（周五）15:30客户提交时起计8小时工作时间，"
        "计时时段为周一至周五09:00-12:00、13:00-18:00。"
    )


@pytest.mark.parametrize(
    ("language", "clause"),
    [
        ("en", "; closed on Thu 1 Oct to Wed 7 Oct (public holiday or special closing)."),
        ("zh-CN", "；10月1日（周四）至10月7日（周三）不营业（节假日或特别安排）。"),
        ("zh-TW", "；10月1日（週四）至10月7日（週三）不營業（國定假日或特別安排）。"),
    ],
)
def test_a_public_holiday_with_a_weekend_is_named_as_one_period(language: str, clause: str) -> None:
    life = Life(at(datetime(2026, 9, 30, 7, 30, tzinfo=UTC))).open("inquiry")
    first = story(life, "first_response")

    assert first.clock.due_at == datetime(2026, 10, 8, 7, 30, tzinfo=UTC)
    assert explaining.sentence(first, language).endswith(clause)


def test_a_make_up_day_is_named_with_its_hours() -> None:
    life = Life(at(datetime(2026, 10, 9, 9, 0, tzinfo=UTC))).open("inquiry")
    first = story(life, "first_response")

    assert first.clock.due_at == datetime(2026, 10, 10, 9, 0, tzinfo=UTC)
    assert "open on Sat 10 Oct 09:00-12:00 and 13:00-18:00 (make-up day" in explaining.sentence(
        first, "en"
    )


def test_a_reclassified_ticket_reports_its_former_kind_and_promise() -> None:
    life = Life().open("inquiry").acknowledge().wait(hours=4).reclassify("complaint")
    first, reaction = story(life, "first_response"), story(life, "reaction")

    assert entries(first) == [("begun", 1, "opened"), ("replanned", 3, "reclassified")]
    replanned = first.entries[1]
    assert replanned.before is not None
    assert (replanned.before.calendar, replanned.clock.calendar) == ("office", "always")
    assert replanned.elapsed_s == 4 * HOUR, "the hour of lunch counts for a complaint"
    assert explaining.sentence(first, "en") == (
        "Due on Tue 24 Nov 2026 09:00 (Asia/Shanghai): 24 h from Mon 23 Nov 09:00, when the "
        "customer wrote, counted around the clock; made anew on Mon 23 Nov 13:00, when it was "
        "corrected from inquiry to complaint (before: 8 h of working time)."
    )
    assert entries(reaction) == [("begun", 3, "reclassified")]
    assert explaining.sentence(reaction, "en") == (
        "Overdue by 3 h 30 min, was due on Mon 23 Nov 2026 09:30 (Asia/Shanghai): 30 min from "
        "Mon 23 Nov 09:00, counted around the clock; promised since Mon 23 Nov 13:00, when it was "
        "corrected from inquiry to complaint."
    )


def test_a_reclassification_that_does_not_change_a_promise_is_not_mentioned() -> None:
    life = Life().open("complaint").acknowledge().wait(hours=1).reclassify(urgency="low")
    resolution = story(life, "resolution")

    assert [entry.what for entry in resolution.entries] == [What.BEGUN, What.REPLANNED]
    assert "made anew" not in explaining.sentence(resolution, "en")


def test_a_pause_is_reported_with_its_reason() -> None:
    life = Life().open("service_request").acknowledge().wait(hours=1).reply().wait(hours=1)
    life.hold("part").wait(hours=26).release().wait(hours=3).hold("third_party").wait(hours=1)
    resolution = story(life, "resolution")

    assert [entry.waits_for for entry in resolution.entries] == [
        (),
        ("part",),
        (),
        ("third_party",),
    ]
    assert resolution.standing is Standing.PAUSED
    assert all(rung.due_at is None for rung in resolution.to_come)
    assert explaining.sentence(resolution, "en") == (
        "Paused since Tue 24 Nov 2026 16:00 (Asia/Shanghai) while waiting for a third party; 5 h "
        "are used up and 35 h are left: 40 h of working time from Mon 23 Nov 09:00, when the "
        "customer wrote, counted Monday to Friday 09:00-12:00 and 13:00-18:00; paused 26 h while "
        "waiting for a part."
    )
    assert "因等候第三方暂停计时，已用5小时，还剩35小时" in explaining.sentence(resolution, "zh-CN")


def test_simultaneous_waits_are_reported_with_all_their_reasons() -> None:
    life = Life().open("service_request").acknowledge().reply(wait_for_customer=True)
    life.wait(hours=1).hold("part").wait(hours=2).write().wait(hours=1).reply().wait(hours=4)
    resolution = story(life, "resolution")

    assert [(pause.waits_for, pause.begin, pause.end) for pause in resolution.pauses] == [
        ((CUSTOMER,), START, START + timedelta(hours=1)),
        ((CUSTOMER, "part"), START + timedelta(hours=1), START + timedelta(hours=3)),
        (("part",), START + timedelta(hours=4), None),
    ]
    assert (resolution.ran_s, resolution.paused_s) == (1 * HOUR, 7 * HOUR)


def test_a_reopened_ticket_has_a_story_for_each_resolution() -> None:
    life = Life().open("complaint").acknowledge().assign().wait(hours=50).resolve()
    life.wait(hours=1).dispute().wait(hours=2)
    first, second = story(life, "resolution"), story(life, "resolution", 2)

    assert (first.standing, first.current, first.until) == (
        Standing.MISSED,
        False,
        START + timedelta(hours=50),
    )
    assert (second.standing, second.current) == (Standing.RUNNING, True)
    assert second.clock.due_at == START + timedelta(hours=51 + 48)
    assert "48 h from Wed 25 Nov 12:00, when the customer said that it was not solved" in (
        explaining.sentence(second, "en")
    )


def test_a_message_to_the_customer_ends_one_update_and_begins_the_next() -> None:
    life = Life().open("complaint").acknowledge().tell_progress().wait(hours=25)
    life.tell_progress().wait(hours=1).reply()
    updates = [one for one in stories(life) if one.name is ClockName.UPDATE]

    assert [(one.round, one.standing, one.current) for one in updates] == [
        (1, Standing.MISSED, False),
        (2, Standing.KEPT, False),
        (3, Standing.RUNNING, True),
    ]
    assert entries(updates[0])[-1] == ("stopped", 4, "progress_told")


def test_a_correction_reports_the_time_of_the_answer_and_removes_the_miss() -> None:
    life = Life().open("complaint").acknowledge().assign().wait(hours=25).wake()
    life.correct("first_response", START + timedelta(hours=3))
    first = story(life, "first_response")

    assert entries(first)[-1] == ("corrected", life.ticket.version, "corrected")
    assert first.entries[-1].event.by == LIN
    assert (first.standing, first.until, first.elapsed_s) == (
        Standing.KEPT,
        START + timedelta(hours=3),
        3 * HOUR,
    )
    assert len(first.fired) == 3, "fired rungs stay in the history"
    assert explaining.sentence(first, "en").endswith(
        "; corrected on Tue 24 Nov 10:00: the customer had been answered on Mon 23 Nov 12:00."
    )


def test_a_correction_into_a_pause_removes_the_rest_of_the_pause() -> None:
    pausing = plan_document()["levels"]
    pausing["complaint"]["promises"]["next_reply"]["pauses"] = ["part"]
    life = Life(plan=other_plan(levels=pausing)).open("complaint").acknowledge().reply()
    life.hold("part").wait(hours=1).write().wait(hours=3).reply().wait(hours=1)
    life.correct("next_reply", START + timedelta(hours=2))
    reply = story(life, "next_reply")

    assert (reply.ran_s, reply.paused_s, reply.until) == (HOUR, 0, START + timedelta(hours=2))


def test_a_move_reports_the_old_plan_and_the_old_promise() -> None:
    levels = plan_document()["levels"]
    levels["inquiry"]["promises"]["first_response"] = {"within": "3h"}
    life = Life().open("inquiry").acknowledge().wait(hours=2).move_to(other_plan(levels=levels))
    first = story(life, "first_response")

    assert entries(first) == [("begun", 1, "opened"), ("replanned", 3, "plan_changed")]
    assert first.hours == Hours("always", "Asia/Shanghai")
    assert "was moved from plan 1 to plan 2 (before: 8 h of working time)" in explaining.sentence(
        first, "en"
    )
    assert "由服务方案1改用方案2，重新计算（此前为8小时工作时间）" in explaining.sentence(
        first, "zh-CN"
    )


def test_changed_office_hours_are_reported_even_if_the_target_is_the_same() -> None:
    calendars = plan_document()["calendars"]
    calendars["office"]["week"]["monday"] = ["14:00-15:00"]
    life = Life().open("inquiry").acknowledge().wait(hours=2)
    life.move_to(other_plan(calendars=calendars))
    first = story(life, "first_response")

    assert first.entries[1].elapsed_s == 0, "measured in the new hours"
    assert "plan 2 (before: 8 h of working time)" in explaining.sentence(first, "en")
    assert "Tuesday to Friday 09:00-12:00 and 13:00-18:00" in explaining.sentence(first, "en")
    assert "Monday 14:00-15:00; Tuesday" in explaining.sentence(first, "en")


def test_a_clock_that_ended_before_a_move_is_reported_with_its_old_hours() -> None:
    calendars = plan_document()["calendars"]
    calendars["office"]["week"]["monday"] = ["14:00-15:00"]
    life = Life().open("inquiry").acknowledge().wait(hours=1).reply()
    first = story(life.move_to(other_plan(calendars=calendars)), "first_response")

    assert first.hours.week == (
        ((0, 1, 2, 3, 4), (Interval(9 * 60, 12 * 60), Interval(13 * 60, 18 * 60))),
    )


def test_a_second_own_promise_cancels_the_first() -> None:
    life = Life().open("inquiry").acknowledge().promise(hours=2).wait(hours=1).promise(hours=5)
    first, second = story(life.wait(hours=1), "own_word"), story(life, "own_word", 2)

    assert (first.standing, first.until) == (Standing.CANCELLED, START + timedelta(hours=1))
    assert explaining.sentence(first, "en") == (
        "No longer applies since Mon 23 Nov 2026 10:00 (Asia/Shanghai), when an agent gave their "
        "word: 2 h from Mon 23 Nov 09:00, when an agent gave their word, counted around the clock."
    )
    assert (second.current, second.clock.due_at) == (True, START + timedelta(hours=6))


def test_two_own_promises_at_the_same_instant_are_two_stories() -> None:
    life = Life().open("inquiry").acknowledge().promise(hours=2).promise(hours=3)
    assert [story(life, "own_word", nth).clock.target_s for nth in (1, 2)] == [7200, 10800]


def test_the_events_that_a_rung_caused_are_listed_with_it() -> None:
    ladders = plan_document()["ladders"]
    ladders["promise"][2] |= {"reassign": True, "incident": True}
    life = Life(plan=other_plan(ladders=ladders)).open("complaint").acknowledge().assign().accept()
    life.sleep_through(START + timedelta(minutes=30))
    reaction = story(life, "reaction")

    assert [event.type for event in reaction.fired[-1].then] == [
        EventType.INCIDENT_PROPOSED,
        EventType.QUEUED,
    ]
    assert all(not rung.then for rung in reaction.fired[:-1])


def test_a_callback_by_mail_has_its_own_rungs_and_closes_the_ticket() -> None:
    life = Life().open("complaint").acknowledge().assign().resolve()
    assert [rung.rung.action for rung in story(life, "callback").to_come] == [
        Action.ASK_AGAIN,
        Action.ASK_AGAIN,
        Action.CLOSE,
    ]
    callback = story(life.sleep_through(START + timedelta(days=4)), "callback")
    assert callback.ladder is None
    assert [event.type for event in callback.fired[-1].then] == [EventType.CLOSED]
    assert callback.standing is Standing.CANCELLED
    assert "when it was closed" in explaining.sentence(callback, "en")


def test_a_withdrawn_promise_reports_the_withdrawal() -> None:
    life = Life().open("complaint").acknowledge().wait(minutes=5).withdraw()
    assert explaining.sentence(story(life, "reaction"), "en").startswith(
        "No longer applies since Mon 23 Nov 2026 09:05 (Asia/Shanghai), when the customer withdrew"
    )


def test_an_empty_history_is_refused() -> None:
    with pytest.raises(ValueError, match="at least"):
        explain([], plan_1(), lambda version: plan_1(), START)


# ---------------------------------------------------------------------------- texts


def test_the_catalogue_has_a_text_for_everything_that_a_sentence_can_contain() -> None:
    wanted = {f"explain.event.{event}" for event in EventType}
    wanted |= {f"explain.waits.{reason}" for reason in (CUSTOMER, *HOLDS)}
    wanted |= {f"explain.kind.{kind}" for kind in KINDS}
    wanted |= {f"explain.{standing}" for standing in Standing}
    wanted |= {f"explain.month.{month}" for month in range(1, 13)}
    wanted |= {f"explain.{name}.{day}" for name in ("day", "weekday") for day in range(7)}
    assert wanted <= set(catalogue.catalogue("en"))


@pytest.mark.parametrize(
    ("week", "language", "words"),
    [
        (
            (((0, 1, 2, 4), (Interval(540, 720),)),),
            "en",
            "Monday to Wednesday and Friday 09:00-12:00",
        ),
        ((((0,), (Interval(0, 1440),)),), "zh-TW", "週一00:00-24:00"),
        (((tuple(range(7)), (Interval(0, 1440),)),), "en", "around the clock"),
        ((), "zh-CN", "全天24小时"),
        (
            (((0,), (Interval(540, 720),)), ((5, 6), (Interval(600, 660), Interval(700, 760)))),
            "zh-CN",
            "周一09:00-12:00，周六至周日10:00-11:00、11:40-12:40",
        ),
    ],
)
def test_office_hours_are_written_as_people_say_them(week: Any, language: str, words: str) -> None:
    assert explaining.hours(Hours("office", "Asia/Shanghai", week), language) == words


def test_a_promise_of_seconds_is_reported_to_the_second() -> None:
    levels = plan_document()["levels"]
    levels["urgent"]["promises"]["first_response"] = {"within": "30s"}
    life = Life(plan=other_plan(levels=levels)).open("urgent").wait(seconds=31).reply()
    assert explaining.sentence(story(life, "first_response"), "en").startswith(
        "Missed by 1 s: done on Mon 23 Nov 09:00:31, was due on Mon 23 Nov 2026 09:00:30 (Asia/"
    )


def test_a_delay_of_milliseconds_is_reported_as_less_than_a_second() -> None:
    life = Life().open("urgent").wait(minutes=5, milliseconds=1).reply()
    assert "by less than a second" in explaining.sentence(story(life, "first_response"), "en")


# ---------------------------------------------------------------------------- any life


def answered_before(life: Life, share: float) -> Life:
    """Correct the first clock that can be corrected, to a share of its time so far."""
    for name in CORRECTABLE:
        clock = life.ticket.clocks.get(name)
        if clock is not None and clock.state is not ClockState.CANCELLED:
            end = clock.stopped_at or life.clock.now()
            return life.correct(name, clock.started_at + (end - clock.started_at) * share)
    return life


STEPS: dict[str, Callable[[Life], object]] = {
    **COMMANDS,
    "corrected at half": lambda life: answered_before(life, 0.5),
    "corrected at once": lambda life: answered_before(life, 0.0),
}
MOVES = st.lists(
    st.tuples(
        st.sampled_from(sorted(STEPS)),
        st.one_of(st.just(0), st.integers(0, 2 * HOUR), st.integers(0, 3 * DAY)),
    ),
    max_size=16,
)


def lived(kind: str, by_mail: bool, moves: list[tuple[str, int]]) -> Life:
    """A life with these steps. Steps that are not possible in the ticket's state are left out."""
    life = Life(Clock()).open(kind, contact=BY_MAIL if by_mail else BY_PHONE)
    for name, seconds in moves:
        life.wait(seconds=seconds)
        try:
            STEPS[name](life)
        except (NotAllowedNow, InvalidInput):
            continue
    return life


def test_every_text_of_the_explanations_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty lives by chance, and the few sentences that they hardly ever need."""
    used: set[str] = set()
    text = catalogue.text

    def noted(language: str, key: str, **values: object) -> str:
        used.add(key)
        return text(language, key, **values)

    monkeypatch.setattr(catalogue, "text", noted)
    chance = random.Random(1)  # the same lives each time
    lives = [
        lived(
            chance.choice(KINDS),
            chance.random() < 0.5,
            [(chance.choice(sorted(STEPS)), chance.choice((60, 2 * HOUR, DAY))) for _ in range(8)],
        )
        for _ in range(50)
    ]
    before_holidays = datetime(2026, 9, 30, 7, 30, tzinfo=UTC)
    before_a_make_up_day = datetime(2026, 10, 9, 9, 0, tzinfo=UTC)
    lives += [Life(at(day)).open("inquiry") for day in (before_holidays, before_a_make_up_day)]
    lives.append(broken_under_an_earlier_promise())
    at_noon = Preference(hours="12:00-13:00")
    lives.append(Life().open("complaint", contact=BY_PHONE).assign().resolve(preference=at_noon))
    for life in lives:
        for one in stories(life):
            explaining.sentence(one, "en")
    two = (((0,), (Interval(540, 720),)), ((5,), (Interval(600, 660),)))
    explaining.hours(Hours("office", "Asia/Shanghai", two), "en")
    explaining.hours(Hours("always", "Asia/Shanghai", ()), "en")
    for why in NoAnswer:
        explaining.unacknowledged(why, "en")

    by_value = ("day", "event", "kind", "month", "waits", "weekday", *Standing, "h", "min", "s")
    wanted = {
        key
        for key in catalogue.catalogue("en")
        if key.startswith("explain.") and key.split(".")[1] not in by_value
    }
    assert wanted - used == set()


@given(KINDS_OF_LIFE, MOVES)
@examples(200)
def test_the_current_stories_are_the_clocks_of_the_ticket(
    kind: tuple[str, bool], moves: list[tuple[str, int]]
) -> None:
    life = lived(*kind, moves)
    found = stories(life)
    current = {one.name: one for one in found if one.current}

    assert {name: one.clock for name, one in current.items()} == life.ticket.clocks
    assert sum(one.current for one in found) == len(current)
    for name in {one.name for one in found}:
        rounds = [one.round for one in found if one.name is name]
        assert rounds == list(range(1, len(rounds) + 1))
        earlier = [one for one in found if one.name is name and not one.current]
        assert all(one.clock.over for one in earlier)


@given(KINDS_OF_LIFE, MOVES)
@examples(200)
def test_running_and_paused_seconds_add_up(
    kind: tuple[str, bool], moves: list[tuple[str, int]]
) -> None:
    life = lived(*kind, moves)
    now, calendar = life.clock.now(), life.plan.calendar
    for one in stories(life):
        if one.clock.state is not ClockState.CANCELLED:
            consumed = clocks.elapsed(one.clock, now, calendar(one.clock.calendar))
            assert one.elapsed_s == pytest.approx(consumed)
        assert one.elapsed_s <= one.ran_s + 1e-6
        whole = (one.until - one.clock.started_at).total_seconds()
        assert one.ran_s + one.paused_s == pytest.approx(whole)
        stood = sum(((p.end or one.until) - p.begin).total_seconds() for p in one.pauses)
        assert stood == pytest.approx(one.paused_s)
        assert all(a.end is not None and a.end <= b.begin for a, b in pairwise(one.pauses))
        paused = one.clock.state is ClockState.PAUSED
        assert paused == any(p.end is None for p in one.pauses)


ENDS = (What.STOPPED, What.CANCELLED)


@given(KINDS_OF_LIFE, MOVES)
@examples(200)
def test_every_story_begins_once_and_ends_once_in_order(
    kind: tuple[str, bool], moves: list[tuple[str, int]]
) -> None:
    order = list(What)
    for one in stories(lived(*kind, moves)):
        whats = [entry.what for entry in one.entries]
        assert whats[0] is What.BEGUN
        assert whats.count(What.BEGUN) == 1
        assert whats.count(What.STOPPED) <= 1
        ended = [index for index, what in enumerate(whats) if what is What.CANCELLED]
        assert all(what is What.REPLANNED for i in ended for what in whats[i + 1 : i + 2])
        assert one.clock.over == (whats[-1] in (*ENDS, What.CORRECTED))
        steps = [(entry.event.number, order.index(entry.what)) for entry in one.entries]
        assert steps == sorted(set(steps))
        turns = [what for what in whats if what in (What.PAUSED, What.RESUMED, What.CANCELLED)]
        assert all(a is not b or a is What.CANCELLED for a, b in pairwise(turns))
        assert all(a is What.PAUSED for a, b in pairwise([None, *turns]) if b is What.RESUMED)
        assert one.entries[-1].clock.state is one.clock.state


@given(KINDS_OF_LIFE, MOVES)
@examples(200)
def test_every_rung_is_listed_once_as_fired_or_coming(
    kind: tuple[str, bool], moves: list[tuple[str, int]]
) -> None:
    life = lived(*kind, [*moves, ("wake", 0)])
    found = stories(life)
    fired = [
        event
        for event in life.events
        if event.type is EventType.RUNG_FIRED and event.data["clock"] in ClockName
    ]

    assert sorted(r.event.number for one in found for r in one.fired) == [e.number for e in fired]
    followed = [event.number for one in found for rung in one.fired for event in rung.then]
    assert len(followed) == len(set(followed))
    for one in found:
        assert all(rung.event.data["clock"] == one.name for rung in one.fired)
        if one.clock.over:
            assert one.to_come == ()
            continue
        rungs = life.plan.rungs(
            one.name, one.clock.ladder, one.clock.target_s, by_mail=life.ticket.callback_by_mail
        )
        left = [i for i, step in enumerate(clocks.steps(rungs)) if step not in one.clock.fired]
        assert [rung.index for rung in one.to_come] == left
        times = [rung.due_at for rung in one.to_come if rung.due_at is not None]
        assert times == sorted(times)
        assert len(times) == (len(one.to_come) if one.clock.state is ClockState.RUNNING else 0)


def test_a_cancelled_and_revived_promise_is_one_story() -> None:
    life = Life(at(START)).open("complaint").acknowledge().assign().wait(minutes=5)
    life.reclassify("inquiry").wait(minutes=5).reclassify("complaint")
    [one] = [one for one in stories(life) if one.name is ClockName.REACTION]
    assert [entry.what for entry in one.entries] == [What.BEGUN, What.CANCELLED, What.REPLANNED]
    assert (one.elapsed_s, one.standing) == (600, Standing.RUNNING)


def broken_under_an_earlier_promise() -> Life:
    life = Life(at(START)).open("urgent").acknowledge().assign().wait(minutes=6).wake()
    return life.wait(minutes=4).reclassify("complaint").wait(minutes=50).reply()


def test_a_breach_under_an_earlier_promise_is_reported_with_both_due_times() -> None:
    life = broken_under_an_earlier_promise()
    [one] = [one for one in stories(life) if one.name is ClockName.FIRST_RESPONSE]
    assert one.standing is Standing.MISSED
    assert explaining.sentence(one, "en").startswith(
        "Missed: it had been broken under an earlier promise, due on Mon 23 Nov 09:05; done on "
        "Mon 23 Nov 10:00, by then due on Tue 24 Nov 2026 09:00 (Asia/Shanghai): 24 h from "
    )


def test_a_promise_that_was_broken_before_its_pause_is_reported_as_overdue() -> None:
    life = Life(at(START)).open("complaint").acknowledge().assign().wait(hours=49).wake()
    life.reply(wait_for_customer=True).wait(hours=5)
    [one] = [one for one in stories(life) if one.name is ClockName.RESOLUTION]
    assert (one.clock.state, one.standing) == (ClockState.PAUSED, Standing.OVERDUE)
    assert explaining.sentence(one, "en").startswith("Overdue by 6 h, was due on Wed 25 Nov 2026")


@given(KINDS_OF_LIFE, MOVES, st.sampled_from(LANGUAGES))
@examples(150)
def test_every_story_has_a_sentence_in_every_language(
    kind: tuple[str, bool], moves: list[tuple[str, int]], language: str
) -> None:
    for one in stories(lived(*kind, moves)):
        sentence = explaining.sentence(one, language)
        assert "{" not in sentence
        assert sentence.endswith("." if language == "en" else "。")


# ---------------------------------------------------------------------------- docs/clocks.md


def documented() -> Life:
    """The example of docs/clocks.md, from Friday 15:30 to Tuesday 09:30 in Shanghai."""
    life = Life(at(FRIDAY)).open("inquiry").acknowledge().assign()
    life.wait(hours=1, minutes=30).reply(wait_for_customer=True)
    life.sleep_through(datetime(2026, 11, 30, 2, 15, tzinfo=UTC))
    life.write().sleep_through(datetime(2026, 12, 1, 1, 30, tzinfo=UTC))
    return life.resolve()


DOCUMENT = (ROOT / "docs/clocks.md").read_text()
SHOWN = ("first_response", "next_reply", "resolution", "callback")


def wall(moment: datetime) -> str:
    return f"{moment.astimezone(ZoneInfo('Asia/Shanghai')):%a %H:%M}"


def hours(seconds: float) -> str:
    whole = round(seconds / 60)
    return f"{whole // 60} h {whole % 60:02} min"


def test_the_worked_example_of_the_document_has_the_numbers_of_the_code() -> None:
    found = [one for one in stories(documented()) if one.name in SHOWN]
    steps = [
        (entry.event.number, SHOWN.index(one.name), one, entry)
        for one in found
        for entry in one.entries
    ]
    rows = [
        f"| {wall(entry.event.at)} | {entry.event.number} {entry.event.type} | {one.name} "
        f"| {entry.what} | {hours(entry.elapsed_s)} | {wall(entry.clock.due_at)} |"
        for _, _, one, entry in sorted(steps, key=lambda step: step[:2])
    ]
    assert [line for line in DOCUMENT.splitlines() if line.startswith("| ") and " h " in line] == (
        rows
    )


def test_the_document_quotes_the_sentences_and_rungs_of_the_code() -> None:
    life = documented()
    reply, resolution = story(life, "next_reply"), story(life, "resolution")
    for quoted in (
        explaining.sentence(reply, "en"),
        explaining.sentence(resolution, "en"),
        explaining.sentence(resolution, "zh-CN"),
    ):
        assert f"> {quoted}" in DOCUMENT
    assert [wall(rung.due_at) for rung in reply.fired] == ["Mon 15:15", "Mon 17:39"]
    assert all(wall(rung.due_at) in DOCUMENT for rung in reply.fired)
