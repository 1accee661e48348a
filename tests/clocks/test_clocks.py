"""Property tests of clocks: any target, any pauses, any order of changes; and ladders."""

from __future__ import annotations

from collections.abc import Callable
from copy import replace
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.clocks.rules import clocks
from redress.clocks.rules.calendars import ALL_DAY, Calendar, WeeklyCalendar, intervals_of
from redress.clocks.rules.clocks import (
    Action,
    Clock,
    ClockName,
    ClockState,
    Ladder,
    Rung,
    Wait,
    Waits,
)
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
    """A simple fake of business hours: only even hours count."""

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


@dataclass(frozen=True)
class Lived:
    """A clock after several pauses and resumptions up to `now`, and the waits of its ticket."""

    clock: Clock
    now: datetime
    waits: Waits

    @property
    def paused(self) -> timedelta:
        return sum(((wait.end or self.now) - wait.begin for wait in self.waits), timedelta())


def toggled(clock: Clock, gaps: list[int], calendar: Calendar = ALL_DAY) -> Lived:
    """Pause the clock after the first gap, resume it after the second, and so on.

    Gaps are milliseconds.
    """
    moment, waits = clock.started_at, list[Wait]()
    for index, gap in enumerate(gaps):
        moment += timedelta(milliseconds=gap)
        if index % 2 == 0:
            clock = clocks.pause(clock, moment, calendar)
            waits.append(Wait("customer", moment))
        else:
            clock = clocks.resume(clock, moment, calendar)
            waits[-1] = replace(waits[-1], end=moment)
    return Lived(clock, moment, tuple(waits))


def begun(target: float, calendar: Calendar = ALL_DAY) -> Clock:
    return clocks.start(target, START, calendar, pauses=("customer",))


def due_by_walking(target: float, gaps: list[int]) -> datetime:
    """The expected due time, computed step by step: running time uses up the target, and pauses
    before its end move it."""
    moment, left = START, timedelta(seconds=target)
    for index, gap in enumerate(gaps):
        step = timedelta(milliseconds=gap)
        if index % 2 == 0:
            if left < step:
                return moment + left
            left -= step
        moment += step
    return moment + left


@given(TARGETS, GAPS)
def test_pauses_move_the_due_time_by_their_length_until_it_is_reached(
    target: int, gaps: list[int]
) -> None:
    lived = toggled(begun(target), gaps)
    clock = clocks.resume(lived.clock, lived.now)
    assert abs(clock.due_at - due_by_walking(target, gaps)) < timedelta(milliseconds=1)


OFFICE = WeeklyCalendar(
    "Asia/Shanghai", dict.fromkeys(range(5), intervals_of(["09:00-12:00", "13:00-18:00"]))
)


@given(st.integers(1, 40 * 3600), GAPS)
def test_the_stored_anchor_agrees_with_a_measurement_from_the_beginning(
    target: int, gaps: list[int]
) -> None:
    """In business time: consumed seconds and due time agree, and so does a replan."""
    lived = toggled(begun(target, OFFICE), gaps, OFFICE)
    clock = clocks.resume(lived.clock, lived.now, OFFICE)
    ran = clocks.spans(clock, lived.waits, lived.now)
    assert clocks.measured(ran, OFFICE) == pytest.approx(clock.consumed_s, abs=1e-3)
    due_at = clocks.reached(ran, target, lived.now, OFFICE)
    assert abs(due_at - clock.due_at) < timedelta(milliseconds=1)
    same = clocks.replan(
        lived.clock, target, lived.now, OFFICE, waits=lived.waits, pauses=("customer",)
    )
    assert abs(clocks.resume(same, lived.now, OFFICE).due_at - due_at) < timedelta(milliseconds=1)


@given(TARGETS, GAPS)
def test_consumed_and_paused_time_add_up_to_the_time_that_passed(
    target: int, gaps: list[int]
) -> None:
    lived = toggled(begun(target), gaps)
    consumed = timedelta(seconds=clocks.elapsed(lived.clock, lived.now))
    assert abs((lived.now - START) - (consumed + lived.paused)) < timedelta(milliseconds=1)


@given(TARGETS, GAPS, st.lists(st.integers(0, 10**9), min_size=2, max_size=8))
def test_elapsed_never_goes_back(target: int, gaps: list[int], later: list[int]) -> None:
    lived = toggled(begun(target), gaps)
    readings = [
        clocks.elapsed(lived.clock, lived.now + timedelta(milliseconds=after))
        for after in sorted(later)
    ]
    assert readings == sorted(readings)
    assert readings[0] >= 0


@given(TARGETS, GAPS)
def test_elapsed_does_not_jump_when_a_clock_is_paused_resumed_or_stopped(
    target: int, gaps: list[int]
) -> None:
    lived = toggled(begun(target), gaps)
    before = clocks.elapsed(lived.clock, lived.now)
    for change in (clocks.pause, clocks.resume, clocks.stop):
        after = change(lived.clock, lived.now)
        assert clocks.elapsed(after, lived.now) == pytest.approx(before)


@given(TARGETS, TARGETS, GAPS)
def test_replan_counts_a_new_target_from_the_beginning_and_keeps_the_consumed_time(
    target: int, other: int, gaps: list[int]
) -> None:
    lived = toggled(begun(target), gaps)
    planned = clocks.replan(lived.clock, other, lived.now, waits=lived.waits, pauses=("customer",))
    assert clocks.elapsed(planned, lived.now) == pytest.approx(
        clocks.elapsed(lived.clock, lived.now)
    )
    due_at = clocks.resume(planned, lived.now).due_at
    assert abs(due_at - due_by_walking(other, gaps)) < timedelta(milliseconds=1)
    assert planned.started_at == START


@given(TARGETS, GAPS)
def test_replan_counts_waits_that_do_not_pause_the_new_promise(
    target: int, gaps: list[int]
) -> None:
    lived = toggled(begun(target), gaps)
    planned = clocks.replan(lived.clock, target, lived.now, waits=lived.waits, pauses=("part",))
    assert planned.consumed_s == pytest.approx((lived.now - START).total_seconds())
    back = clocks.replan(planned, target, lived.now, waits=lived.waits, pauses=("customer",))
    assert back.consumed_s == pytest.approx(clocks.elapsed(lived.clock, lived.now))


@given(TARGETS, TARGETS, st.integers(0, 86_400), st.integers(1, 86_400))
def test_replan_during_a_pause_takes_effect_when_the_clock_resumes(
    target: int, other: int, before: int, pause: int
) -> None:
    lived = toggled(begun(target), [before * 1000])
    now = at(before + pause)
    planned = clocks.replan(lived.clock, other, now, waits=lived.waits, pauses=("customer",))
    assert planned.state is ClockState.PAUSED
    expected = at(other + pause) if other >= before else at(other)
    assert abs(clocks.resume(planned, now).due_at - expected) < timedelta(milliseconds=1)


@pytest.mark.parametrize("paused_at", [100, 130])
def test_a_pause_after_the_due_time_does_not_undo_a_broken_promise(
    paused_at: int,
) -> None:
    """A pause exactly at the due time still keeps the promise; a later pause does not."""
    paused = clocks.pause(begun(100), at(paused_at))
    stopped = clocks.stop(paused, at(5000))
    assert stopped.missed == (paused_at > 100)
    assert clocks.standing(paused, at(5000)) is (
        clocks.Standing.OVERDUE if paused_at > 100 else clocks.Standing.PAUSED
    )


def test_a_target_used_up_at_closing_time_was_due_then_not_when_the_clock_is_changed_later() -> (
    None
):
    friday = datetime(2026, 11, 27, 8, tzinfo=UTC)  # 16:00 in Shanghai; closing time is 18:00
    clock = clocks.start(7200, friday, OFFICE, pauses=("customer",))
    closing, night = friday + timedelta(hours=2), friday + timedelta(hours=4)
    paused = clocks.pause(clock, night, OFFICE)
    saturday = Wait("customer", night, night + timedelta(hours=10))
    for found in (
        clocks.resume(paused, night + timedelta(hours=10), OFFICE),
        clocks.stop(paused, night + timedelta(hours=10), OFFICE),
        clocks.correct(paused, night + timedelta(hours=9), (saturday,), OFFICE),
        clocks.replan(clock, 7200, night, OFFICE, pauses=("customer",)),
    ):
        assert found.due_at == closing
        assert clocks.standing(found, night + timedelta(hours=10)) in (
            clocks.Standing.OVERDUE,
            clocks.Standing.MISSED,
        )


RUNGS_OF_400 = (
    Rung(200, Action.REMIND),
    Rung(320, Action.REMIND),
    Rung(400, Action.BREACH),
    Rung(600, Action.ESCALATE),
)
R1, R2, B, E = clocks.steps(RUNGS_OF_400)


@pytest.mark.parametrize(
    ("acted", "now", "behind", "ahead"),
    [
        ((R1, R2, B), 110, (), (R1, R2, B)),  # the new promise has reached no step yet
        ((R1, R2, B), 210, (R1,), (R2, B)),  # it has passed the first reminder
        ((R1,), 410, (R1,), ()),  # the second reminder and the breach will act at once
        ((R1, B), 610, (R1, B), ()),  # the earlier ladder had no second reminder
    ],
)
def test_replan_does_not_repeat_a_passed_step_that_has_acted(
    acted: tuple[str, ...], now: int, behind: tuple[str, ...], ahead: tuple[str, ...]
) -> None:
    climbed = replace(begun(100), fired=acted)
    planned = clocks.replan(climbed, 400, at(now), rungs=RUNGS_OF_400)
    assert (planned.fired, planned.ahead) == (behind, ahead)


@pytest.mark.parametrize("is_paused", [False, True])
def test_clock_on_another_ladder_keeps_its_due_time_and_repeats_no_passed_step(
    is_paused: bool,
) -> None:
    clock = replace(begun(400), fired=(R1, R2), ahead=(B,))
    if is_paused:
        clock = clocks.pause(clock, at(210))
    other = clocks.put_on(clock, "other", RUNGS_OF_400, at(300 if is_paused else 210))
    assert other == replace(clock, ladder="other", fired=(R1,), ahead=(R2, B))
    assert clocks.put_on(clock, clock.ladder, RUNGS_OF_400, at(210)) == clock


@given(
    st.lists(st.tuples(st.integers(1, 400), st.integers(0, 200)), min_size=1, max_size=6),
)
def test_no_sequence_of_replans_skips_a_breach(
    plans: list[tuple[int, int]],
) -> None:
    """Ladders differ in length and name. A step counts as done only if that very step acted."""
    clock, now, acted = begun(100), START, set[str]()
    for target, gap in plans:
        rungs = tuple(
            Rung(target * share / 100, action)
            for share, action in (
                *((50, Action.REMIND),) * (target % 3),
                (100, Action.BREACH),
                *((150, Action.ESCALATE),) * (target % 2),
            )
        )
        now += timedelta(seconds=gap)
        clock = clocks.replan(clock, target, now, ladder=f"of {target}", rungs=rungs)
        due = clocks.due_rungs(
            {ClockName.REACTION: clock}, {ClockName.REACTION: Ladder(rungs)}, now
        )
        for rung in due:
            clock = clocks.fire(clock, rung.step)
            acted.add(rung.step)
        if clock.due_at <= now:
            assert "breach.1" in acted
        left = {rung.step for rung in clocks.coming(ClockName.REACTION, clock, Ladder(rungs))}
        assert left == set(clocks.steps(rungs)) - set(clock.fired)


def test_a_breach_does_not_act_again_when_a_ticket_returns_to_its_first_promise() -> None:
    """A ticket is urgent, then a complaint, then urgent again. Its breach has acted before."""
    short = (Rung(50, Action.REMIND), Rung(100, Action.BREACH))
    clock = replace(begun(100), fired=("remind.1", "breach.1"), breached_at=at(100))
    longer = clocks.replan(clock, 400, at(120), ladder="other", rungs=RUNGS_OF_400)
    back = clocks.replan(longer, 100, at(130), rungs=short)
    assert clocks.coming(ClockName.REACTION, back, Ladder(short)) == []
    in_time = clocks.stop(longer, at(130))
    assert in_time.missed, "a longer promise does not undo a recorded breach"


def test_a_rung_that_was_passed_before_a_pause_keeps_its_true_time() -> None:
    lived = toggled(begun(1000), [60_000, 40_000])
    planned = clocks.replan(lived.clock, 100, at(110), waits=lived.waits, pauses=("customer",))
    ladder = Ladder(FIVE_RUNGS, waits=lived.waits)
    assert clocks.rung_times(planned, ladder)[:2] == [at(50), at(120)]


def test_replan_measures_consumed_time_in_the_new_calendar() -> None:
    """An inquiry becomes a complaint: closed hours count now, pauses still do not."""
    even = EveryOtherHour()
    two = START.replace(hour=2)
    clock = clocks.start(7200, two, even, name="even", pauses=("customer",))
    third = Wait("customer", two + timedelta(hours=1), two + timedelta(hours=2))
    clock = clocks.pause(clock, third.begin, even)
    clock = clocks.resume(clock, two + timedelta(hours=2), even)
    now = two + timedelta(hours=3, minutes=30)
    assert clocks.elapsed(clock, now, even) == 2 * 3600
    planned = clocks.replan(clock, 4 * 3600, now, waits=(third,), pauses=("customer",))
    assert planned.consumed_s == 2.5 * 3600, "hours 2, 4 and half of 5; not 3, which was paused"
    assert planned.due_at == now + timedelta(hours=1.5)
    back = clocks.replan(
        planned, 7200, now, even, waits=(third,), name="even", pauses=("customer",)
    )
    assert back.consumed_s == 2 * 3600


def test_a_correction_acts_as_if_the_clock_had_stopped_at_that_instant() -> None:
    late = replace(clocks.start(60, START), breached_at=at(60), held_by="a-mei")
    recorded = clocks.stop(late, at(200))
    kept = clocks.correct(recorded, at(50))
    assert (kept.stopped_at, kept.missed, kept.breached) == (at(50), False, False)
    assert kept.consumed_s == 50
    assert kept.held_by == "a-mei"
    still_late = clocks.correct(recorded, at(90))
    assert (still_late.missed, still_late.breached) == (True, True)


def test_a_correction_to_an_instant_before_a_pause_ignores_the_pause() -> None:
    lived = toggled(begun(100), [30_000, 470_000])
    corrected = clocks.correct(lived.clock, at(20), lived.waits)
    assert (corrected.consumed_s, corrected.due_at) == (20, at(100))
    within = clocks.correct(lived.clock, at(200), lived.waits)
    assert (within.consumed_s, within.due_at, within.missed) == (30, at(270), False)


@pytest.mark.parametrize("end", [clocks.stop, clocks.cancel])
@pytest.mark.parametrize(
    "after",
    [
        lambda clock: clocks.stop(clock, at(90)),
        lambda clock: clocks.cancel(clock, at(90)),
        lambda clock: clocks.pause(clock, at(90)),
        lambda clock: clocks.resume(clock, at(90)),
        lambda clock: clocks.replan(clock, 5, at(90)),
        lambda clock: clocks.put_on(clock, "other", RUNGS_OF_400, at(90)),
    ],
    ids=["stop", "cancel", "pause", "resume", "replan", "put_on"],
)
def test_an_ended_clock_does_not_change(
    end: Callable[[Clock, datetime], Clock], after: Callable[[Clock], Clock]
) -> None:
    over = end(clocks.start(60, START), at(30))
    assert after(over) == over


def test_pausing_a_paused_clock_or_resuming_a_running_one_changes_nothing() -> None:
    running = clocks.start(60, START)
    paused = clocks.pause(running, at(10))
    assert clocks.pause(paused, at(20)) == paused
    assert clocks.resume(running, at(20)) == running


def test_stopping_exactly_at_the_due_time_keeps_the_promise() -> None:
    clock = clocks.start(3600, START)
    assert not clocks.stop(clock, at(3600)).missed
    assert clocks.stop(clock, at(3600) + timedelta(milliseconds=1)).missed


def test_an_open_or_cancelled_promise_is_not_missed() -> None:
    clock = clocks.start(60, START)
    assert not clock.missed
    assert not clocks.cancel(clock, at(1000)).missed


def test_time_in_a_pause_does_not_make_a_promise_missed() -> None:
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
    clock = replace(clocks.start(target, at(offset)), fired=clocks.steps(FIVE_RUNGS)[:fired])
    change = {"r": None, "p": clocks.pause, "s": clocks.stop, "c": clocks.cancel}[state]
    return change(clock, at(offset)) if change else clock


@given(SOME_CLOCKS)
def test_next_wake_is_the_earliest_rung_of_all_running_clocks(
    some: dict[ClockName, tuple[int, int, int, str]],
) -> None:
    found = {name: _clock(*parts) for name, parts in some.items()}
    falls = [
        clock.started_at + timedelta(seconds=rung.at_s)
        for clock in found.values()
        if clock.state is ClockState.RUNNING
        for rung in FIVE_RUNGS[len(clock.fired) :]
    ]
    assert clocks.next_wake(found, LADDERS) == min(falls, default=None)


@given(SOME_CLOCKS, st.integers(0, 400))
def test_due_rungs_are_all_rungs_due_by_now_in_order(
    some: dict[ClockName, tuple[int, int, int, str]], seconds: int
) -> None:
    found = {name: _clock(*parts) for name, parts in some.items()}
    due = clocks.due_rungs(found, LADDERS, at(seconds))
    fell = {
        (name, index)
        for name, clock in found.items()
        if clock.state is ClockState.RUNNING
        for index, rung in enumerate(FIVE_RUNGS)
        if index >= len(clock.fired)
        and clock.started_at + timedelta(seconds=rung.at_s) <= at(seconds)
    }
    assert {(rung.clock, rung.index) for rung in due} == fell
    assert len(due) == len(fell)
    assert [rung.due_at for rung in due] == sorted(rung.due_at for rung in due)
    for name in found:
        own = [rung.index for rung in due if rung.clock is name]
        assert own == sorted(own)


@given(SOME_CLOCKS)
def test_no_rung_is_due_before_the_next_wake_and_one_is_due_at_it(
    some: dict[ClockName, tuple[int, int, int, str]],
) -> None:
    found = {name: _clock(*parts) for name, parts in some.items()}
    wake = clocks.next_wake(found, LADDERS)
    if wake is None:
        assert clocks.due_rungs(found, LADDERS, at(10**9)) == []
    else:
        assert clocks.due_rungs(found, LADDERS, wake)
        assert not clocks.due_rungs(found, LADDERS, wake - timedelta(microseconds=1))


def test_a_pause_moves_later_rungs_but_not_passed_ones() -> None:
    clock = clocks.resume(clocks.pause(clocks.start(100, START), at(60)), at(1060))
    falls = clocks.rung_times(clock, Ladder(FIVE_RUNGS))
    assert falls[1:] == [at(1080), at(1100), at(1100), at(1150)]
    assert falls[0] < at(1060), "the rung at 50 s was passed before the pause"


def test_a_clock_without_a_ladder_has_no_wake_and_no_due_rungs() -> None:
    running = {ClockName.REACTION: clocks.start(60, START)}
    assert clocks.next_wake(running, {}) is None
    assert clocks.due_rungs(running, {}, at(10**6)) == []


# -------------------------------------------------------------------------------- calendars


def test_start_pause_resume_and_rungs_work_in_a_calendar_with_closed_hours() -> None:
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
    notice_hours=NIGHT,
)


def test_a_quiet_rung_waits_for_the_morning() -> None:
    evening = START.replace(hour=21)
    clock = clocks.start(3600, evening)
    assert clocks.rung_times(clock, QUIET) == [
        evening + timedelta(minutes=30),
        evening + timedelta(hours=1),
        START.replace(hour=7) + timedelta(days=1),
    ]


def test_a_quiet_rung_waits_at_most_until_the_next_rung_is_due() -> None:
    """Rungs that are due together keep the order of the ladder."""
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
