"""Rules of presence: when somebody is gone, and which tickets others must take."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from redress.plans.rules.plan import PresencePlan
from redress.staff.rules import presence
from redress.staff.rules.availability import Availability, Presence
from redress.staff.rules.presence import Period
from redress.staff.rules.shifts import Work
from tests.builders import JUN, MEI, START, Life

PLAN = PresencePlan()


def standing(state: Presence = Presence.AVAILABLE, since: datetime = START) -> Availability:
    moment = since.isoformat(timespec="milliseconds")
    return Availability(MEI.id, "complaints", ("en",), state, 5, 1, "0000", moment)


def minutes(number: float) -> datetime:
    return START + timedelta(minutes=number)


def test_a_background_tab_that_beats_late_stays_online() -> None:
    """Story 2: browsers slow timers of background tabs, and a beat can be lost."""
    last = minutes(60)
    for late in (1.7, 2.5, 4.9):
        assert presence.gone_at(standing(), last, PLAN) > last + timedelta(minutes=late)
    assert presence.gone_at(standing(), last, PLAN) == minutes(65)


def test_client_that_never_beats_is_gone_after_the_longer_time() -> None:
    assert presence.gone_at(standing(), None, PLAN) == minutes(12 * 60)
    the_day_before = minutes(-8 * 60)
    assert presence.gone_at(standing(), the_day_before, PLAN) == minutes(12 * 60)


def test_client_that_beat_until_a_presence_was_set_is_expected_to_go_on() -> None:
    """It beats, its agent says that they are busy, and it breaks before it beats again."""
    busy = standing(Presence.BUSY)
    just_before = minutes(-1)
    assert presence.gone_at(busy, just_before, PLAN) == minutes(5)
    assert presence.last_sign(busy, just_before, PLAN) == START


def test_who_is_gone_was_at_work_until_their_last_beat() -> None:
    assert presence.last_sign(standing(), minutes(3), PLAN) == minutes(3)
    assert presence.last_sign(standing(), None, PLAN) == minutes(12 * 60)


@pytest.mark.parametrize("state", [Presence.AWAY, Presence.OFFLINE])
def test_somebody_is_gone_only_after_the_grace(state: Presence) -> None:
    assert not presence.is_gone(standing(state), PLAN, minutes(14))
    assert presence.is_gone(standing(state), PLAN, minutes(15))


def test_busy_is_at_work() -> None:
    assert not presence.is_gone(standing(Presence.BUSY), PLAN, minutes(600))


def test_agent_with_shifts_is_back_when_the_next_one_begins() -> None:
    shifts = [(minutes(begin), minutes(begin + 30)) for begin in (-60, 60, 300)]
    work = Work(shifts, [])
    assert presence.back_at(standing(), work, PLAN, START) == minutes(60)
    late = presence.back_at(standing(), work, PLAN, minutes(70))
    assert late == minutes(60), "who is late is expected during the grace"
    assert presence.back_at(standing(), work, PLAN, minutes(76)) == minutes(300)
    assert presence.back_at(standing(), Work([], []), PLAN, START) is None


def test_agent_is_expected_in_a_month_without_plan_as_without_shifts() -> None:
    """They went in the evening before it, in the middle of it, and long before it."""
    for begin, back in ((8 * 60, 16 * 60), (-600, 16 * 60), (48 * 60, 48 * 60)):
        work = Work([], [(minutes(begin), minutes(begin + 44_640))])
        assert presence.back_at(standing(), work, PLAN, minutes(20)) == minutes(back)
    soon = (minutes(60), minutes(90))
    work = Work([soon], [(minutes(90), minutes(44_640))])
    assert presence.back_at(standing(), work, PLAN, minutes(20)) == minutes(60)


def test_agent_without_shifts_is_expected_the_next_morning_and_then_no_longer() -> None:
    assert presence.back_at(standing(), None, PLAN, minutes(20)) == minutes(16 * 60)
    assert presence.back_at(standing(), None, PLAN, minutes(16 * 60 + 15)) is None


def test_only_what_cannot_wait_leaves_an_agent_who_is_gone() -> None:
    life = Life().open("complaint").acknowledge().assign()
    assert presence.must_leave(life.ticket, MEI.id, minutes(31)), "the reaction is due before"
    assert not presence.must_leave(life.ticket, MEI.id, minutes(30))
    assert not presence.must_leave(life.ticket, JUN.id, None), "it is not theirs"
    life.reply(wait_for_customer=True)
    assert not presence.must_leave(life.ticket, MEI.id, None), "everything is paused"
    life.write()
    assert presence.must_leave(life.ticket, MEI.id, None)
    assert not presence.must_leave(life.resolve().ticket, MEI.id, None)


def test_periods_are_cut_to_a_day_and_joined() -> None:
    periods = [
        Period(minutes(-60), minutes(10), Presence.AVAILABLE),
        Period(minutes(-60), minutes(10), Presence.AVAILABLE),  # recorded in two days
        Period(minutes(10), minutes(20), Presence.AVAILABLE),
        Period(minutes(30), minutes(40), Presence.BUSY),
        Period(minutes(50), None, Presence.AVAILABLE),
        Period(minutes(900), None, Presence.AVAILABLE),
    ]
    found = presence.within(periods, START, minutes(60))
    assert found == [
        Period(START, minutes(20), Presence.AVAILABLE),
        Period(minutes(30), minutes(40), Presence.BUSY),
        Period(minutes(50), None, Presence.AVAILABLE),
    ]
    assert presence.seconds_online(found, minutes(60)) == 40 * 60
