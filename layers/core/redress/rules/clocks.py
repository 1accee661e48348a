"""Clocks: every promise as a pure fold over what happened.

A clock consumes its target (seconds of its calendar) while it runs. It is kept as an anchor: at
`anchor_at` it had consumed `consumed_s`. So a rung at position p (seconds into the target) falls at
`calendar.add(anchor_at, p - consumed_s)`, and pausing is freezing `consumed_s`: one rule for
start, pause, resume and re-plan, in calendar time and in business time alike. The spans in which it
ran are kept too: under another calendar (a corrected kind, a new plan) they are measured anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from redress.rules.calendars import ALL_DAY, Calendar


class ClockName(StrEnum):
    """The promises that a ticket can carry (product.md S1)."""

    ACKNOWLEDGEMENT = "acknowledgement"
    REACTION = "reaction"
    FIRST_RESPONSE = "first_response"
    NEXT_REPLY = "next_reply"
    UPDATE = "update"
    OWN_WORD = "own_word"
    RESOLUTION = "resolution"
    CALLBACK = "callback"
    SURVEY = "survey"


class ClockState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    CANCELLED = "cancelled"


class Standing(StrEnum):
    """How a promise stands, as its customer and staff read it (`cases.intake.promise_of`)."""

    RUNNING = "running"
    OVERDUE = "overdue"
    PAUSED = "paused"
    KEPT = "kept"
    MISSED = "missed"
    CANCELLED = "cancelled"


class Action(StrEnum):
    """What a rung does when it fires."""

    REMIND = "remind"
    BREACH = "breach"
    ESCALATE = "escalate"
    ASK_AGAIN = "ask_again"
    INVITE = "invite"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of a ladder: `at_s` seconds of the clock's own time after it started.

    Beside its notice it may raise the priority, hand the ticket back to the queue (`reassign`), let
    roles hear of every later rung (`watch`) and propose an incident. A `quiet` one waits for the
    end of the plan's quiet hours.
    """

    at_s: int
    action: Action
    notify: tuple[str, ...] = ()
    quiet: bool = False
    priority: str | None = None
    reassign: bool = False
    watch: tuple[str, ...] = ()
    incident: bool = False


@dataclass(frozen=True, slots=True)
class Ladder:
    """The rungs of one clock, the calendar that its seconds are of, and when notices may be sent.

    `waking` is None where the plan knows no quiet hours.
    """

    rungs: tuple[Rung, ...]
    calendar: Calendar = ALL_DAY
    waking: Calendar | None = None


NO_LADDER = Ladder(())

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Clock:
    """One promise of one ticket. Times are aware UTC; `*_s` are seconds of the clock's calendar.

    `calendar` and `ladder` are names in the ticket's plan; `pauses` are the reasons to wait for
    which it stands still.
    """

    target_s: int
    started_at: datetime
    anchor_at: datetime
    due_at: datetime
    calendar: str = "always"
    ladder: str = "promise"
    pauses: tuple[str, ...] = ()
    consumed_s: float = 0.0
    state: ClockState = ClockState.RUNNING
    fired: int = 0
    """How many rungs of its ladder have acted; the next one is `rungs[fired]`."""
    stopped_at: datetime | None = None
    breached: bool = False
    """Its breach was recorded, for whoever held it then: no later plan lays it to another."""
    held_by: str | None = None
    """Who held the ticket when the breach was recorded: a correction takes it from them again."""
    settled: bool = False
    """It ended under a plan that the ticket has left since: nothing measures it anew."""
    spans: tuple[Span, ...] = ()
    """When it ran before `anchor_at`, oldest first: one span for each pause."""

    @property
    def missed(self) -> bool:
        """Kept means stopped by the due time; the due instant itself still keeps the promise."""
        return self.stopped_at is not None and self.stopped_at > self.due_at

    @property
    def over(self) -> bool:
        """It has ended, one way or the other: nothing moves it any more but a correction."""
        return self.state in (ClockState.STOPPED, ClockState.CANCELLED)


Clocks = Mapping[ClockName, Clock]
Ladders = Mapping[ClockName, Ladder]


def start(
    target_s: int,
    at: datetime,
    calendar: Calendar = ALL_DAY,
    *,
    name: str = "always",
    ladder: str = "promise",
    pauses: tuple[str, ...] = (),
) -> Clock:
    """A clock that begins at `at`, due after `target_s` seconds of `calendar`, named `name`."""
    return Clock(
        target_s=target_s,
        started_at=at,
        anchor_at=at,
        due_at=calendar.add(at, target_s),
        calendar=name,
        ladder=ladder,
        pauses=pauses,
    )


def elapsed(clock: Clock, now: datetime, calendar: Calendar = ALL_DAY) -> float:
    """Seconds of its calendar that the clock has consumed by `now`, pauses left out."""
    if clock.state is not ClockState.RUNNING:
        return clock.consumed_s
    return clock.consumed_s + calendar.elapsed(clock.anchor_at, now)


def standing(clock: Clock, now: datetime) -> Standing:
    """How a promise stands at `now`; the due instant itself still keeps it."""
    match clock.state:
        case ClockState.STOPPED:
            return Standing.MISSED if clock.missed else Standing.KEPT
        case ClockState.RUNNING:
            return Standing.OVERDUE if now > clock.due_at else Standing.RUNNING
        case ClockState.PAUSED:
            return Standing.PAUSED
        case ClockState.CANCELLED:
            return Standing.CANCELLED


def spans_until(clock: Clock, at: datetime) -> tuple[Span, ...]:
    """When the clock ran up to `at`, oldest first; a clock that is over ran until it ended."""
    spans = clock.spans
    if clock.state is ClockState.RUNNING:
        spans = (*spans, (clock.anchor_at, at))
    return tuple((begin, min(end, at)) for begin, end in spans if begin < min(end, at))


def pause(clock: Clock, at: datetime, calendar: Calendar = ALL_DAY) -> Clock:
    """Freeze a running clock; any other state is left as it is."""
    if clock.state is not ClockState.RUNNING:
        return clock
    return replace(_frozen(clock, at, calendar), state=ClockState.PAUSED)


def _frozen(clock: Clock, at: datetime, calendar: Calendar) -> Clock:
    return replace(
        clock,
        consumed_s=elapsed(clock, at, calendar),
        spans=spans_until(clock, at),
        anchor_at=at,
    )


def resume(clock: Clock, at: datetime, calendar: Calendar = ALL_DAY) -> Clock:
    """Let a paused clock go on with what is left of its target, to the second."""
    if clock.state is not ClockState.PAUSED:
        return clock
    return replace(
        clock,
        state=ClockState.RUNNING,
        anchor_at=at,
        due_at=calendar.add(at, clock.target_s - clock.consumed_s),
    )


def stop(clock: Clock, at: datetime, calendar: Calendar = ALL_DAY) -> Clock:
    """The promise was acted on; a clock that is already over keeps its first stop.

    A paused clock resumes first: its due time moves by the pause, so the pause is never a miss.
    """
    if clock.over:
        return clock
    clock = _frozen(resume(clock, at, calendar), at, calendar)
    return replace(clock, state=ClockState.STOPPED, stopped_at=at)


def cancel(clock: Clock, at: datetime, calendar: Calendar = ALL_DAY) -> Clock:
    """The promise no longer applies (withdrawn, replaced): neither kept nor missed."""
    if clock.over:
        return clock
    return replace(_frozen(clock, at, calendar), state=ClockState.CANCELLED)


def correct(clock: Clock, stopped_at: datetime, calendar: Calendar = ALL_DAY) -> Clock:
    """The promise was acted on at an earlier instant than was recorded: as if stopped then.

    What it consumed is measured up to that instant. A breach that was recorded although the promise
    was kept by then is taken back. A stop later than the recorded one is none of a correction.
    """
    ran = spans_until(clock, stopped_at)
    consumed = sum(calendar.elapsed(begin, end) for begin, end in ran)
    due_at = calendar.add(stopped_at, clock.target_s - consumed)
    kept = stopped_at <= due_at
    return replace(
        clock,
        state=ClockState.STOPPED,
        stopped_at=stopped_at,
        consumed_s=consumed,
        spans=ran,
        anchor_at=stopped_at,
        due_at=due_at,
        breached=clock.breached and not kept,
    )


def replan(
    clock: Clock,
    target_s: int,
    at: datetime,
    calendar: Calendar = ALL_DAY,
    *,
    name: str = "always",
    ladder: str = "promise",
    pauses: tuple[str, ...] = (),
    rungs: tuple[Rung, ...] = (),
) -> Clock:
    """A new promise for one that is still open, from its beginning.

    The credit is right: the spans in which it ran are measured in the new `calendar`. `rungs` are
    those of the new ladder. One that fired before and still lies in the past does not fire again;
    one that lies in the future again does, and one that has been passed acts at once.
    """
    if clock.over:
        return clock
    ran = spans_until(clock, at)
    consumed = sum(calendar.elapsed(begin, end) for begin, end in ran)
    fired = 0
    if ladder == clock.ladder:
        before = rungs[: clock.fired]
        fired = sum(rung.at_s <= consumed for rung in before)
    return replace(
        clock,
        target_s=target_s,
        calendar=name,
        ladder=ladder,
        pauses=pauses,
        consumed_s=consumed,
        spans=ran,
        anchor_at=at,
        due_at=_due(at, target_s - consumed, calendar),
        fired=fired,
    )


def _due(at: datetime, left_s: float, calendar: Calendar) -> datetime:
    """When the rest of a target is used up; one that is used up was so at closing time at last,
    not in the night in which one looks."""
    if left_s > 0:
        return calendar.add(at, left_s)
    return calendar.add(calendar.add(at, left_s - 1), 1)


def rung_times(clock: Clock, ladder: Ladder) -> list[datetime]:
    """When each rung of a running clock falls, never one before the rung below it.

    A quiet rung waits for the end of quiet hours, but no longer than until the next rung falls:
    whoever is to hear of a breach at night hears of the reminder with it, in their order.
    """
    times: list[datetime] = []
    for rung in reversed(ladder.rungs):
        at = ladder.calendar.add(clock.anchor_at, rung.at_s - clock.consumed_s)
        if rung.quiet and ladder.waking is not None:
            at = ladder.waking.next_open(at)
        times.append(min(at, times[-1]) if times else at)
    return times[::-1]


def next_rung(clock: Clock, ladder: Ladder) -> tuple[datetime, Rung] | None:
    """The rung that a running clock waits for, with its time; None when nothing is left to do."""
    if clock.state is not ClockState.RUNNING or clock.fired >= len(ladder.rungs):
        return None
    return rung_times(clock, ladder)[clock.fired], ladder.rungs[clock.fired]


def next_wake(clocks: Clocks, ladders: Ladders) -> datetime | None:
    """The earliest rung of all running clocks: the instant until which the workflow may sleep."""
    times = [
        found[0]
        for name, clock in clocks.items()
        if (found := next_rung(clock, ladders.get(name, NO_LADDER)))
    ]
    return min(times, default=None)


@dataclass(frozen=True, slots=True)
class DueRung:
    clock: ClockName
    rung: Rung
    due_at: datetime
    index: int


def due_rungs(clocks: Clocks, ladders: Ladders, now: datetime) -> list[DueRung]:
    """Every rung due by `now`, in the order of their times; those of one clock in their order.

    Rungs that fall together are returned together, so that one wake acts on all of them.
    """
    found: list[DueRung] = []
    for name, clock in clocks.items():
        if clock.state is not ClockState.RUNNING:
            continue
        ladder = ladders.get(name, NO_LADDER)
        times = rung_times(clock, ladder)
        for index in range(clock.fired, len(times)):
            if times[index] > now:
                break
            found.append(DueRung(name, ladder.rungs[index], times[index], index))
    return sorted(found, key=lambda due: (due.due_at, due.index, due.clock))
