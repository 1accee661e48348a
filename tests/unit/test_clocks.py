"""Clocks as arithmetic: what holds for every target, every pause and every order of things."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.rules import clocks
from redress.rules.calendars import WeeklyCalendar, intervals_of
from redress.rules.clocks import Action, Clock, ClockName, ClockState, Ladder, Rung
from tests.builders import START

TARGETS = st.integers(1, 30 * 86_400)
GAPS = st.lists(st.integers(0, 10 * 86_400_000), max_size=12)
"""Milliseconds between one pause or resume and the next."""

FIVE_RUNGS = (
    Rung(50, Action.REMIND, ("agent",)),
    Rung(80, Action.REMIND, ("agent",)),
    Rung(100, Action.BREACH, ("supervisor",)),
    Rung(100, Action.ESCALATE, ("manager",)),
    Rung(150, Action.ESCALATE, ("manager",)),
)


@dataclass(frozen=True)
class EveryOtherHour:
    """A calendar in which only the even hours count: a small stand-in for business hours."""

    def add(self, start: datetime, seconds: float) -> datetime:
        moment, left = start, timedelta(seconds=seconds)
        while True:
            into = timedelta(minutes=moment.minute, seconds=moment.second)
            rest = timedelta(hours=1) - into
            if moment.hour % 2:
                moment += rest
            elif left <= rest:
                return moment + left
            else:
                moment, left = moment + rest, left - rest

    def elapsed(self, start: datetime, end: datetime) -> float:
        total, moment = 0.0, start
        while moment < end:
            into = timedelta(minutes=moment.minute, seconds=moment.second)
            until = min(end, moment + timedelta(hours=1) - into)
            if moment.hour % 2 == 0:
                total += (until - moment).total_seconds()
            moment = until
        return total

    def next_open(self, at: datetime) -> datetime:
        raise NotImplementedError("no ladder here is quiet")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def toggled(clock: Clock, gaps: list[int]) -> tuple[Clock, datetime, timedelta]:
    """The clock paused and resumed in turn; the last moment; how long it was paused in all."""
    moment, paused = clock.started_at, timedelta()
    for index, gap in enumerate(gaps):
        step = timedelta(milliseconds=gap)
        moment += step
        if index % 2 == 0:
            clock = clocks.pause(clock, moment)
        else:
            clock, paused = clocks.resume(clock, moment), paused + step
    return clock, moment, paused


@given(TARGETS, GAPS)
def test_pauses_move_the_due_time_by_their_own_length_and_nothing_else(
    target: int, gaps: list[int]
) -> None:
    clock, moment, paused = toggled(clocks.start(target, START), gaps)
    clock = clocks.resume(clock, moment)
    drift = abs(clock.due_at - (at(target) + paused))
    assert drift < timedelta(milliseconds=1)


@given(TARGETS, GAPS)
def test_consumed_and_paused_time_add_up_to_the_time_that_passed(
    target: int, gaps: list[int]
) -> None:
    clock, moment, paused = toggled(clocks.start(target, START), gaps)
    consumed = timedelta(seconds=clocks.elapsed(clock, moment))
    assert abs((moment - START) - (consumed + paused)) < timedelta(milliseconds=1)


@given(TARGETS, GAPS, st.lists(st.integers(0, 10**9), min_size=2, max_size=8))
def test_elapsed_never_goes_back(target: int, gaps: list[int], later: list[int]) -> None:
    clock, moment, _ = toggled(clocks.start(target, START), gaps)
    looks = [
        clocks.elapsed(clock, moment + timedelta(milliseconds=after)) for after in sorted(later)
    ]
    assert looks == sorted(looks)
    assert looks[0] >= 0


@given(TARGETS, GAPS)
def test_elapsed_does_not_jump_when_a_clock_is_paused_resumed_or_stopped(
    target: int, gaps: list[int]
) -> None:
    clock, moment, _ = toggled(clocks.start(target, START), gaps)
    before = clocks.elapsed(clock, moment)
    for change in (clocks.pause, clocks.resume, clocks.stop, clocks.cancel):
        assert clocks.elapsed(change(clock, moment), moment) == pytest.approx(before)


@given(TARGETS, TARGETS, GAPS)
def test_a_new_target_counts_from_the_beginning_and_keeps_the_time_that_is_gone(
    target: int, other: int, gaps: list[int]
) -> None:
    clock, moment, paused = toggled(clocks.start(target, START), gaps)
    planned = clocks.replan(clocks.resume(clock, moment), other, moment)
    assert clocks.elapsed(planned, moment) == pytest.approx(clocks.elapsed(clock, moment))
    assert abs(planned.due_at - (at(other) + paused)) < timedelta(milliseconds=1)
    assert planned.started_at == START


@given(TARGETS, TARGETS, st.integers(0, 86_400), st.integers(0, 86_400))
def test_a_new_target_given_during_a_pause_holds_after_it(
    target: int, other: int, before: int, pause: int
) -> None:
    paused = clocks.pause(clocks.start(target, START), at(before))
    planned = clocks.replan(paused, other, at(before + pause))
    assert planned.state is ClockState.PAUSED
    resumed = clocks.resume(planned, at(before + pause))
    assert abs(resumed.due_at - at(other + pause)) < timedelta(milliseconds=1)


RUNGS_OF_400 = (
    Rung(200, Action.REMIND),
    Rung(320, Action.REMIND),
    Rung(400, Action.BREACH),
    Rung(600, Action.ESCALATE),
)


@pytest.mark.parametrize(
    ("fired", "now", "ladder", "again"),
    [
        (3, 110, "promise", 0),  # all that had fired lie ahead again
        (3, 210, "promise", 1),  # the first has been passed under the new promise as well
        (1, 410, "promise", 1),  # the second and the third act at once, the first did
        (3, 410, "courtesy", 0),  # another ladder begins at its foot
    ],
)
def test_a_new_promise_repeats_no_rung_that_fired_and_still_lies_behind(
    fired: int, now: int, ladder: str, again: int
) -> None:
    climbed = replace(clocks.start(100, START), fired=fired)
    planned = clocks.replan(climbed, 400, at(now), ladder=ladder, rungs=RUNGS_OF_400)
    assert planned.fired == again


def test_under_another_calendar_the_credit_is_measured_anew() -> None:
    """An inquiry that was open for a night is a complaint: the night counts, its pause does not."""
    even = EveryOtherHour()
    two = START.replace(hour=2)
    clock = clocks.start(7200, two, even, name="even")
    clock = clocks.pause(clock, two + timedelta(hours=1), even)
    clock = clocks.resume(clock, two + timedelta(hours=2), even)
    now = two + timedelta(hours=3, minutes=30)
    assert clocks.elapsed(clock, now, even) == 2 * 3600
    planned = clocks.replan(clock, 4 * 3600, now)
    assert planned.consumed_s == 2.5 * 3600, "hours 2, 4 and half of 5; not 3, which was paused"
    assert planned.due_at == now + timedelta(hours=1.5)
    assert clocks.replan(planned, 7200, now, even, name="even").consumed_s == 2 * 3600


def test_a_correction_is_as_if_it_had_been_recorded_then() -> None:
    late = replace(clocks.start(60, START), fired=3, breached=True, held_by="a-mei")
    recorded = clocks.stop(late, at(200))
    kept = clocks.correct(recorded, at(50))
    assert (kept.stopped_at, kept.missed, kept.breached) == (at(50), False, False)
    assert kept.consumed_s == 50
    assert kept.held_by == "a-mei"
    still_late = clocks.correct(recorded, at(90))
    assert (still_late.missed, still_late.breached) == (True, True)


def test_a_correction_to_before_a_pause_leaves_the_pause_out() -> None:
    clock = clocks.resume(clocks.pause(clocks.start(100, START), at(30)), at(500))
    corrected = clocks.correct(clock, at(20))
    assert (corrected.consumed_s, corrected.due_at) == (20, at(100))


@pytest.mark.parametrize("end", [clocks.stop, clocks.cancel])
@pytest.mark.parametrize(
    "after",
    [
        lambda clock: clocks.stop(clock, at(90)),
        lambda clock: clocks.cancel(clock, at(90)),
        lambda clock: clocks.pause(clock, at(90)),
        lambda clock: clocks.resume(clock, at(90)),
        lambda clock: clocks.replan(clock, 5, at(90)),
    ],
    ids=["stop", "cancel", "pause", "resume", "replan"],
)
def test_what_is_over_stays_as_it_ended(
    end: Callable[[Clock, datetime], Clock], after: Callable[[Clock], Clock]
) -> None:
    over = end(clocks.start(60, START), at(30))
    assert after(over) == over


def test_a_paused_clock_is_not_paused_again_nor_a_running_one_resumed() -> None:
    running = clocks.start(60, START)
    paused = clocks.pause(running, at(10))
    assert clocks.pause(paused, at(20)) == paused
    assert clocks.resume(running, at(20)) == running


def test_the_due_instant_itself_keeps_the_promise() -> None:
    clock = clocks.start(3600, START)
    assert not clocks.stop(clock, at(3600)).missed
    assert clocks.stop(clock, at(3600) + timedelta(milliseconds=1)).missed


def test_a_promise_that_is_open_or_cancelled_is_not_called_missed() -> None:
    clock = clocks.start(60, START)
    assert not clock.missed
    assert not clocks.cancel(clock, at(1000)).missed


def test_stopping_a_paused_clock_keeps_the_promise_whatever_time_has_passed_meanwhile() -> None:
    paused = clocks.pause(clocks.start(60, START), at(30))
    stopped = clocks.stop(clocks.resume(paused, at(5000)), at(5010))
    assert not stopped.missed
    assert stopped.consumed_s == pytest.approx(40)


# -------------------------------------------------------------------------------- ladders

LADDERS = dict.fromkeys(ClockName, Ladder(FIVE_RUNGS))
SOME_CLOCKS = st.dictionaries(
    st.sampled_from(list(ClockName)),
    st.tuples(TARGETS, st.integers(0, 6), st.integers(0, 200), st.sampled_from("rpsc")),
)


def _clock(target: int, fired: int, offset: int, state: str) -> Clock:
    clock = replace(clocks.start(target, at(offset)), fired=fired)
    change = {"r": None, "p": clocks.pause, "s": clocks.stop, "c": clocks.cancel}[state]
    return change(clock, at(offset)) if change else clock


@given(SOME_CLOCKS)
def test_the_next_wake_is_the_earliest_rung_that_a_running_clock_waits_for(
    some: dict[ClockName, tuple[int, int, int, str]],
) -> None:
    found = {name: _clock(*parts) for name, parts in some.items()}
    falls = [
        clock.started_at + timedelta(seconds=rung.at_s)
        for clock in found.values()
        if clock.state is ClockState.RUNNING
        for rung in FIVE_RUNGS[clock.fired :]
    ]
    assert clocks.next_wake(found, LADDERS) == min(falls, default=None)


@given(SOME_CLOCKS, st.integers(0, 400))
def test_due_rungs_are_all_that_fell_by_now_in_the_order_of_their_times(
    some: dict[ClockName, tuple[int, int, int, str]], seconds: int
) -> None:
    found = {name: _clock(*parts) for name, parts in some.items()}
    due = clocks.due_rungs(found, LADDERS, at(seconds))
    fell = {
        (name, index)
        for name, clock in found.items()
        if clock.state is ClockState.RUNNING
        for index, rung in enumerate(FIVE_RUNGS)
        if index >= clock.fired and clock.started_at + timedelta(seconds=rung.at_s) <= at(seconds)
    }
    assert {(rung.clock, rung.index) for rung in due} == fell
    assert len(due) == len(fell)
    assert [rung.due_at for rung in due] == sorted(rung.due_at for rung in due)
    for name in found:
        own = [rung.index for rung in due if rung.clock is name]
        assert own == sorted(own)


@given(SOME_CLOCKS)
def test_nothing_is_due_before_the_next_wake_and_something_is_at_it(
    some: dict[ClockName, tuple[int, int, int, str]],
) -> None:
    found = {name: _clock(*parts) for name, parts in some.items()}
    wake = clocks.next_wake(found, LADDERS)
    if wake is None:
        assert clocks.due_rungs(found, LADDERS, at(10**9)) == []
    else:
        assert clocks.due_rungs(found, LADDERS, wake)
        assert not clocks.due_rungs(found, LADDERS, wake - timedelta(microseconds=1))


def test_a_pause_moves_the_rungs_that_are_left_and_not_those_that_have_fallen() -> None:
    clock = clocks.resume(clocks.pause(clocks.start(100, START), at(60)), at(1060))
    falls = clocks.rung_times(clock, Ladder(FIVE_RUNGS))
    assert falls[1:] == [at(1080), at(1100), at(1100), at(1150)]
    assert falls[0] < at(1060), "the rung at 50 s had fallen before the pause"


def test_a_clock_without_a_ladder_wakes_nobody() -> None:
    running = {ClockName.REACTION: clocks.start(60, START)}
    assert clocks.next_wake(running, {}) is None
    assert clocks.due_rungs(running, {}, at(10**6)) == []


# -------------------------------------------------------------------------------- calendars


def test_one_rule_serves_a_calendar_with_closing_hours() -> None:
    calendar = EveryOtherHour()
    two = START.replace(hour=2)
    clock = clocks.start(5400, two, calendar)
    assert clock.due_at == START.replace(hour=4, minute=30)
    paused = clocks.pause(clock, two + timedelta(minutes=150), calendar)
    assert paused.consumed_s == 3600 + 1800
    clock = clocks.start(7200, two, calendar)
    paused = clocks.pause(clock, two + timedelta(minutes=30), calendar)
    resumed = clocks.resume(paused, START.replace(hour=5), calendar)
    assert resumed.due_at == START.replace(hour=8, minute=30), "90 open minutes are left at 5:00"
    ladder = Ladder((Rung(3600, Action.REMIND),), calendar)
    assert clocks.rung_times(resumed, ladder) == [START.replace(hour=6, minute=30)]


NIGHT = WeeklyCalendar("UTC", dict.fromkeys(range(7), intervals_of(["07:00-22:00"])), {})
QUIET = Ladder(
    (
        Rung(1800, Action.REMIND, quiet=True),
        Rung(3600, Action.BREACH),
        Rung(7200, Action.ESCALATE, quiet=True),
    ),
    waking=NIGHT,
)


def test_a_quiet_rung_waits_for_the_morning() -> None:
    evening = START.replace(hour=21)
    clock = clocks.start(3600, evening)
    assert clocks.rung_times(clock, QUIET) == [
        evening + timedelta(minutes=30),
        evening + timedelta(hours=1),
        START.replace(hour=7) + timedelta(days=1),
    ]


def test_a_quiet_rung_waits_no_longer_than_until_the_next_rung_falls() -> None:
    """Who hears of the breach at night hears of the reminder with it, in their order."""
    midnight = START.replace(hour=0)
    clock = clocks.start(3600, midnight)
    falls = clocks.rung_times(clock, QUIET)
    assert falls == [
        midnight + timedelta(hours=1),
        midnight + timedelta(hours=1),
        midnight.replace(hour=7),
    ]
    due = clocks.due_rungs({ClockName.REACTION: clock}, {ClockName.REACTION: QUIET}, falls[0])
    assert [rung.rung.action for rung in due] == [Action.REMIND, Action.BREACH]
