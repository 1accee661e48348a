"""Clocks: every promise as a pure fold over what happened.

A clock consumes its target (seconds of its calendar) while it runs. It is kept as an anchor: at
`anchor_at` it had consumed `consumed_s`. So a rung at position p (seconds into the target) falls at
`calendar.add(anchor_at, p - consumed_s)`, and pausing is freezing `consumed_s`: one rule for start,
pause, resume and re-plan, in calendar time and in business time alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol


class ClockName(StrEnum):
    """The promises that a ticket can carry (product.md S1)."""

    ACKNOWLEDGEMENT = "acknowledgement"
    REACTION = "reaction"
    FIRST_RESPONSE = "first_response"
    RESOLUTION = "resolution"
    CALLBACK = "callback"
    SURVEY = "survey"


class ClockState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
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
    """One step of a ladder: `at_s` seconds of the clock's own time after it started."""

    at_s: int
    action: Action
    notify: tuple[str, ...] = ()


class Calendar(Protocol):
    """The seam for business hours: the plan issue adds calendars, nothing else changes."""

    def add(self, start: datetime, seconds: float) -> datetime:
        """The instant at which `seconds` of this calendar's time have passed since `start`."""

    def elapsed(self, start: datetime, end: datetime) -> float:
        """Seconds of this calendar's time between the two instants (0 when end < start)."""


class AllDay:
    """Calendar time: every second counts."""

    def add(self, start: datetime, seconds: float) -> datetime:
        return start + timedelta(seconds=seconds)

    def elapsed(self, start: datetime, end: datetime) -> float:
        return max(0.0, (end - start).total_seconds())


ALL_DAY = AllDay()


@dataclass(frozen=True, slots=True)
class Clock:
    """One promise of one ticket. Times are aware UTC; `*_s` are seconds of the clock's calendar."""

    target_s: int
    started_at: datetime
    anchor_at: datetime
    due_at: datetime
    consumed_s: float = 0.0
    state: ClockState = ClockState.RUNNING
    fired: int = 0
    """How many rungs of its ladder have acted; the next one is `ladder[fired]`."""
    stopped_at: datetime | None = None
    breached: bool = False
    """Its breach was recorded, for whoever held it then: no later plan lays it to another."""

    @property
    def missed(self) -> bool:
        """Kept means stopped by the due time; the due instant itself still keeps the promise."""
        return self.stopped_at is not None and self.stopped_at > self.due_at


Clocks = Mapping[ClockName, Clock]
Ladders = Mapping[ClockName, tuple[Rung, ...]]


def start(target_s: int, at: datetime, calendar: Calendar = ALL_DAY) -> Clock:
    """A clock that begins at `at` and is due after `target_s` seconds of its calendar."""
    return Clock(target_s=target_s, started_at=at, anchor_at=at, due_at=calendar.add(at, target_s))


def elapsed(clock: Clock, now: datetime, calendar: Calendar = ALL_DAY) -> float:
    """Seconds of its calendar that the clock has consumed by `now`, pauses left out."""
    if clock.state is not ClockState.RUNNING:
        return clock.consumed_s
    return clock.consumed_s + calendar.elapsed(clock.anchor_at, now)


def pause(clock: Clock, at: datetime, calendar: Calendar = ALL_DAY) -> Clock:
    """Freeze a running clock; any other state is left as it is."""
    if clock.state is not ClockState.RUNNING:
        return clock
    return replace(
        clock, state=ClockState.PAUSED, consumed_s=elapsed(clock, at, calendar), anchor_at=at
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
    if clock.state in (ClockState.STOPPED, ClockState.CANCELLED):
        return clock
    clock = resume(clock, at, calendar)
    return replace(
        clock, state=ClockState.STOPPED, consumed_s=elapsed(clock, at, calendar), stopped_at=at
    )


def cancel(clock: Clock, at: datetime, calendar: Calendar = ALL_DAY) -> Clock:
    """The promise no longer applies (withdrawn, replaced): neither kept nor missed."""
    if clock.state in (ClockState.STOPPED, ClockState.CANCELLED):
        return clock
    return replace(clock, state=ClockState.CANCELLED, consumed_s=elapsed(clock, at, calendar))


def replan(clock: Clock, target_s: int, at: datetime, calendar: Calendar = ALL_DAY) -> Clock:
    """A new target for a promise that is still open, from its beginning: time consumed is kept.

    The new ladder begins anew: rungs that the time consumed has already passed act at once.
    """
    if clock.state in (ClockState.STOPPED, ClockState.CANCELLED):
        return clock
    return replace(
        clock,
        target_s=target_s,
        due_at=calendar.add(clock.anchor_at, target_s - clock.consumed_s),
        fired=0,
    )


def rung_at(clock: Clock, rung: Rung, calendar: Calendar = ALL_DAY) -> datetime:
    """When a rung of a running clock falls."""
    return calendar.add(clock.anchor_at, rung.at_s - clock.consumed_s)


def next_rung(
    clock: Clock, ladder: tuple[Rung, ...], calendar: Calendar = ALL_DAY
) -> tuple[datetime, Rung] | None:
    """The rung that a running clock waits for, with its time; None when nothing is left to do."""
    if clock.state is not ClockState.RUNNING or clock.fired >= len(ladder):
        return None
    rung = ladder[clock.fired]
    return rung_at(clock, rung, calendar), rung


def next_wake(clocks: Clocks, ladders: Ladders) -> datetime | None:
    """The earliest rung of all running clocks: the instant until which the workflow may sleep."""
    times = [
        found[0]
        for name, clock in clocks.items()
        if (found := next_rung(clock, ladders.get(name, ())))
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
        for index, rung in enumerate(ladders.get(name, ())[clock.fired :], start=clock.fired):
            at = rung_at(clock, rung)
            if at > now:
                break
            found.append(DueRung(name, rung, at, index))
    return sorted(found, key=lambda due: (due.due_at, due.index, due.clock))
