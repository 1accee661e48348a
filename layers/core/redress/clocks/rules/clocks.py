"""Clocks: every promise as a pure fold over what happened.

A clock consumes its target (seconds of its calendar) while it runs. It is kept as an anchor: at
`anchor_at` it had consumed `consumed_s`. So a rung at position p (seconds into the target) falls at
`calendar.add(anchor_at, p - consumed_s)`, and pausing is freezing `consumed_s`: one rule for
start, pause and resume, in calendar time and in business time alike.

What the ticket has waited for, and when, is kept once for all its clocks (`Wait`). With it a clock
can be measured from its beginning at any time: under another calendar, with other pauses, up to
another instant. A new plan, a corrected kind and a correction do that; what was not known when it
happened then counts as if it had been.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from copy import replace
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from msgspec import Struct

from redress.clocks.rules.calendars import ALL_DAY, Calendar


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
    """How a promise stands, as its customer and staff read it (`tickets.cases.intake`)."""

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


class Rung(Struct, frozen=True):
    """One step of a ladder: `at_s` seconds of the clock's own time after it started.

    Beside its notice it may raise the priority, hand the ticket back to the queue (`reassign`), let
    roles hear of every later rung (`watch`) and propose an incident. A `quiet` one waits for the
    end of the plan's quiet hours.
    """

    at_s: float
    action: Action
    notify: tuple[str, ...] = ()
    quiet: bool = False
    priority: str | None = None
    reassign: bool = False
    watch: tuple[str, ...] = ()
    incident: bool = False


class Wait(Struct, frozen=True):
    """A time in which the ticket waited for `reason`; `end` is None while it does."""

    reason: str
    begin: datetime
    end: datetime | None = None


Waits = tuple[Wait, ...]
Span = tuple[datetime, datetime]


class Ladder(Struct, frozen=True):
    """The rungs of one clock, the calendar that its seconds are of, and when notices may be sent.

    `waking` is None where the plan knows no quiet hours. With `waits` a rung that was passed before
    a pause is placed where it was passed.
    """

    rungs: tuple[Rung, ...]
    calendar: Calendar = ALL_DAY
    notice_hours: Calendar | None = None
    waits: Waits = ()


NO_LADDER = Ladder(())


def steps(rungs: Iterable[Rung]) -> tuple[str, ...]:
    """What each rung is called on any ladder: its action, and its number among those of that one.

    So the second reminder is the second reminder under every plan, wherever it lies there.
    """
    seen: Counter[Action] = Counter()
    names = []
    for rung in rungs:
        seen[rung.action] += 1
        names.append(f"{rung.action.value}.{seen[rung.action]}")
    return tuple(names)


class Clock(Struct, frozen=True):
    """One promise of one ticket. Times are aware UTC; `*_s` are seconds of the clock's calendar.

    `calendar` and `ladder` are names in the ticket's plan; `pauses` are the reasons to wait for
    which it stands still.
    """

    target_s: int | float
    """Whole seconds where a plan says them; an agent's own word ends at the instant they named."""
    started_at: datetime
    anchor_at: datetime
    """When `consumed_s` was measured; of a cancelled clock, when it ended."""
    due_at: datetime
    calendar: str = "always"
    ladder: str = "promise"
    pauses: tuple[str, ...] = ()
    consumed_s: float = 0.0
    state: ClockState = ClockState.RUNNING
    fired: tuple[str, ...] = ()
    """The steps that have acted and lie behind: none of them acts again."""
    ahead: tuple[str, ...] = ()
    """Steps that acted under an earlier promise and lie ahead in this one: they act again there,
    but not if yet another promise puts them behind."""
    stopped_at: datetime | None = None
    breached_at: datetime | None = None
    """The due time whose breach was recorded, for whoever held it then: no later plan lays it to
    another, and none takes it back."""
    held_by: str | None = None
    """Who held the ticket when the breach was recorded: a correction takes it from them again."""
    settled: bool = False
    """It ended under a plan that the ticket has left since: nothing measures it anew."""

    @property
    def breached(self) -> bool:
        return self.breached_at is not None

    @property
    def missed(self) -> bool:
        """Kept means stopped by the due time; the due instant itself still keeps the promise."""
        return self.stopped_at is not None and (self.breached or self.stopped_at > self.due_at)

    @property
    def over(self) -> bool:
        """It has ended, one way or the other: nothing moves it any more but a correction."""
        return self.state in (ClockState.STOPPED, ClockState.CANCELLED)

    @property
    def ended_at(self) -> datetime | None:
        """When it ended; None for one that is open."""
        return self.anchor_at if self.state is ClockState.CANCELLED else self.stopped_at


Clocks = Mapping[ClockName, Clock]
Ladders = Mapping[ClockName, Ladder]


def start(
    target_s: float,
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
    """Seconds of its calendar that an open clock has consumed by `now`, pauses left out."""
    if clock.state is not ClockState.RUNNING:
        return clock.consumed_s
    return clock.consumed_s + calendar.elapsed(clock.anchor_at, now)


def overdue(clock: Clock, now: datetime) -> bool:
    """Whether an open clock has passed its due time: by `now`, or before it was paused."""
    if clock.over:
        return False
    return (now if clock.state is ClockState.RUNNING else clock.anchor_at) > clock.due_at


def standing(clock: Clock, now: datetime) -> Standing:
    """How a promise stands at `now`; the due instant itself still keeps it."""
    match clock.state:
        case ClockState.STOPPED:
            return Standing.MISSED if clock.missed else Standing.KEPT
        case ClockState.CANCELLED:
            return Standing.CANCELLED
        case _ if overdue(clock, now):
            return Standing.OVERDUE
        case ClockState.PAUSED:
            return Standing.PAUSED
        case ClockState.RUNNING:
            return Standing.RUNNING


class Pause(Struct, frozen=True):
    """A time in which a clock stood still for one and the same reasons; `end` is None by now."""

    begin: datetime
    end: datetime | None
    waits_for: tuple[str, ...]


def pauses(clock: Clock, waits: Waits, until: datetime) -> tuple[Pause, ...]:
    """When and for what the clock stood still from its beginning to `until`, oldest first."""
    begin = clock.started_at
    counted = [
        wait
        for wait in waits
        if wait.reason in clock.pauses
        and wait.begin <= until
        and (wait.end is None or wait.end > begin)
    ]
    edges = sorted(
        {max(begin, wait.begin) for wait in counted}
        | {min(until, wait.end) for wait in counted if wait.end is not None}
        | {until}
    )
    found: list[Pause] = []
    for left, right in pairwise(edges):
        if reasons := _reasons(counted, left):
            found.append(Pause(left, right, reasons))
    if last := tuple(wait.reason for wait in counted if wait.end is None):
        if found and found[-1].end == until and found[-1].waits_for == last:
            found[-1] = Pause(found[-1].begin, None, last)
        else:
            found.append(Pause(until, None, last))
    return tuple(found)


def _reasons(waits: list[Wait], at: datetime) -> tuple[str, ...]:
    """What is waited for from `at` on."""
    return tuple(
        wait.reason for wait in waits if wait.begin <= at and (wait.end is None or at < wait.end)
    )


def spans(clock: Clock, waits: Waits, until: datetime) -> tuple[Span, ...]:
    """When the clock ran from its beginning to `until`, oldest first."""
    begin, found = clock.started_at, []
    for pause in pauses(clock, waits, until):
        if begin < pause.begin:
            found.append((begin, pause.begin))
        begin = pause.end or until
    if begin < until:
        found.append((begin, until))
    return tuple(found)


def measured(ran: Iterable[Span], calendar: Calendar = ALL_DAY) -> float:
    """Seconds of a calendar in the spans in which a clock ran."""
    return sum((calendar.elapsed(begin, end) for begin, end in ran), 0.0)


def reached(
    ran: Iterable[Span], position_s: float, at: datetime, calendar: Calendar = ALL_DAY
) -> datetime:
    """The instant at which `position_s` seconds have been consumed by a clock that ran so.

    If they were not within these spans, it goes on running from `at`. What was used up at closing
    time was so at closing time, not in the night in which one looks.
    """
    left = position_s
    for begin, end in ran:
        there = calendar.elapsed(begin, end)
        # Sums of seconds are exact to the microsecond only: what is nearer is the same instant.
        if left <= there + _FUZZ_S:
            instant = calendar.add(begin, max(0.0, min(left, there)))
            if instant < end:
                return instant
        left -= there
    return calendar.add(at, left if left > _FUZZ_S else 0.0)


_FUZZ_S = 1e-6


def pause(clock: Clock, at: datetime, calendar: Calendar = ALL_DAY) -> Clock:
    """Freeze a running clock; any other state is left as it is."""
    if clock.state is not ClockState.RUNNING:
        return clock
    return replace(_frozen(clock, at, calendar), state=ClockState.PAUSED)


def _frozen(clock: Clock, at: datetime, calendar: Calendar) -> Clock:
    return replace(clock, consumed_s=elapsed(clock, at, calendar), anchor_at=at)


def resume(clock: Clock, at: datetime, calendar: Calendar = ALL_DAY) -> Clock:
    """Let a paused clock go on with what is left of its target, to the second.

    A promise that had been broken before the pause stays due when it was due.
    """
    if clock.state is not ClockState.PAUSED:
        return clock
    due_at = clock.due_at
    if not overdue(clock, at):
        due_at = calendar.add(at, max(0.0, clock.target_s - clock.consumed_s))
    return replace(clock, state=ClockState.RUNNING, anchor_at=at, due_at=due_at)


def stop(clock: Clock, at: datetime, calendar: Calendar = ALL_DAY) -> Clock:
    """The promise was acted on; a clock that is already over keeps its first stop.

    A paused clock resumes first: its due time moves by the pause, so the pause is never a miss.
    """
    if clock.over:
        return clock
    clock = _frozen(resume(clock, at, calendar), at, calendar)
    return replace(clock, state=ClockState.STOPPED, stopped_at=at)


def cancel(clock: Clock, at: datetime) -> Clock:
    """The promise no longer applies (withdrawn, replaced): neither kept nor missed.

    What it consumed last is not asked any more: its calendar may be gone with the plan before.
    """
    if clock.over:
        return clock
    return replace(clock, state=ClockState.CANCELLED, anchor_at=at)


def correct(
    clock: Clock, stopped_at: datetime, waits: Waits = (), calendar: Calendar = ALL_DAY
) -> Clock:
    """The promise was acted on at an earlier instant than was recorded: as if stopped then.

    What it consumed is measured up to that instant. A breach that was recorded although the promise
    was kept by then is taken back. A stop later than the recorded one is none of a correction.
    """
    ran = spans(clock, waits, stopped_at)
    due_at = reached(ran, clock.target_s, stopped_at, calendar)
    return replace(
        clock,
        state=ClockState.STOPPED,
        stopped_at=stopped_at,
        consumed_s=measured(ran, calendar),
        anchor_at=stopped_at,
        due_at=due_at,
        breached_at=clock.breached_at if stopped_at > due_at else None,
    )


def replan(
    clock: Clock,
    target_s: float,
    at: datetime,
    calendar: Calendar = ALL_DAY,
    *,
    waits: Waits = (),
    name: str = "always",
    ladder: str = "promise",
    pauses: tuple[str, ...] = (),
    rungs: tuple[Rung, ...] = (),
) -> Clock:
    """A new promise for one that is still open, from its beginning.

    The credit is right: what it has consumed is measured anew, in the new `calendar` and without
    the waits for which the new promise stands still. `rungs` are those of the new ladder. A step
    that acted before and lies behind does not act again; one that lies ahead again does, and one
    that never acted and has been passed acts at once.
    """
    if clock.over:
        return clock
    anew = replace(clock, target_s=target_s, calendar=name, ladder=ladder, pauses=pauses)
    ran = spans(anew, waits, at)
    consumed = measured(ran, calendar)
    acted = dict.fromkeys((*clock.fired, *clock.ahead))
    behind = [
        step
        for step, rung in zip(steps(rungs), rungs, strict=True)
        if step in acted and rung.at_s <= consumed
    ]
    return replace(
        anew,
        consumed_s=consumed,
        anchor_at=at,
        due_at=reached(ran, target_s, at, calendar),
        fired=tuple(behind),
        ahead=tuple(step for step in acted if step not in behind),
    )


def revive(clock: Clock) -> Clock:
    """A cancelled promise that applies again, to be planned anew; any other is left as it is."""
    if clock.state is not ClockState.CANCELLED:
        return clock
    return replace(clock, state=ClockState.RUNNING)


def fire(clock: Clock, step: str) -> Clock:
    """A step has acted."""
    return replace(
        clock,
        fired=(*clock.fired, step),
        ahead=tuple(other for other in clock.ahead if other != step),
    )


def rung_times(clock: Clock, ladder: Ladder) -> list[datetime]:
    """When each rung of a running clock falls, never one before the rung below it.

    A quiet rung waits for the end of quiet hours, but no longer than until the next rung falls: a
    ladder never goes backwards. Which of two that fall together are told is for the mailer to say.
    """
    times: list[datetime] = []
    ran = spans(clock, ladder.waits, clock.anchor_at) if clock.consumed_s else ()
    for rung in reversed(ladder.rungs):
        if rung.at_s <= clock.consumed_s:
            at = reached(ran, rung.at_s, clock.anchor_at, ladder.calendar)
        else:
            at = ladder.calendar.add(clock.anchor_at, rung.at_s - clock.consumed_s)
        if rung.quiet and ladder.notice_hours is not None:
            at = ladder.notice_hours.next_open(at)
        times.append(min(at, times[-1]) if times else at)
    return times[::-1]


class DueRung(Struct, frozen=True):
    """A rung with its place on the ladder, its step and its time."""

    clock: ClockName
    rung: Rung
    due_at: datetime
    index: int
    step: str


def coming(name: ClockName, clock: Clock, ladder: Ladder) -> list[DueRung]:
    """The rungs that a running clock still waits for, in their order."""
    if clock.state is not ClockState.RUNNING:
        return []
    rungs = ladder.rungs
    return [
        DueRung(name, rung, at, index, step)
        for index, (rung, at, step) in enumerate(
            zip(rungs, rung_times(clock, ladder), steps(rungs), strict=True)
        )
        if step not in clock.fired
    ]


def next_wake(clocks: Clocks, ladders: Ladders) -> datetime | None:
    """The earliest rung of all running clocks: the instant until which the workflow may sleep."""
    return min((rung.due_at for rung in _all_coming(clocks, ladders)), default=None)


def due_rungs(clocks: Clocks, ladders: Ladders, now: datetime) -> list[DueRung]:
    """Every rung due by `now`, in the order of their times; those of one clock in their order.

    Rungs that fall together are returned together, so that one wake acts on all of them.
    """
    due = [rung for rung in _all_coming(clocks, ladders) if rung.due_at <= now]
    return sorted(due, key=lambda rung: (rung.due_at, rung.index, rung.clock))


def _all_coming(clocks: Clocks, ladders: Ladders) -> Iterator[DueRung]:
    for name, clock in clocks.items():
        yield from coming(name, clock, ladders.get(name, NO_LADDER))
