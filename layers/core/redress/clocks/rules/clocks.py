"""A clock is one promise of a ticket, as an immutable value. Pure functions return changed clocks.

A clock consumes its target (seconds of its calendar) while it runs. It stores an anchor: at
`anchor_at` it had consumed `consumed_s` seconds. A rung at position p (seconds into the target) is
therefore due at `calendar.add(anchor_at, p - consumed_s)`. While a clock is paused, `consumed_s`
does not grow. The same formula works for calendar time and for business time.

A ticket stores one list of its waits: when it waited, and for what (`Wait`). All its clocks use the
list. With it a clock can be measured again from its beginning: in another calendar, with other
pauses, or up to another instant. This happens if a ticket moves to another plan, if its kind is
changed, or if a supervisor corrects when the customer was answered. The result is the same as if
the change had been known from the beginning.
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
    """The promises that a ticket can have. `own_word` is a promise that an agent made.

    `assignment` is no promise: its rungs relax what routing asks for (`Ticket.placing`).
    """

    ACKNOWLEDGEMENT = "acknowledgement"
    REACTION = "reaction"
    FIRST_RESPONSE = "first_response"
    NEXT_REPLY = "next_reply"
    UPDATE = "update"
    OWN_WORD = "own_word"
    RESOLUTION = "resolution"
    CALLBACK = "callback"
    SURVEY = "survey"
    ASSIGNMENT = "assignment"


class ClockState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    CANCELLED = "cancelled"


class Standing(StrEnum):
    """The status of a promise that customers and staff see. docs/clocks.md defines each value."""

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
    JOIN = "join"
    """Bring roles above the agent in: they are told at once, and of each later rung. It acts on a
    paused clock, too."""
    ASK_AGAIN = "ask_again"
    INVITE = "invite"
    CLOSE = "close"
    RELAX = "relax"
    """Ask for less of the agent who gets the ticket."""
    TELL = "tell"
    """Tell the customer if nobody at all is there."""


class Rung(Struct, frozen=True):
    """One step of a ladder, due after `at_s` seconds of the clock's calendar.

    `notify` lists the roles to notify. A rung may also raise the priority, return the ticket to the
    queue (`reassign`), subscribe roles to all later rungs (`watch`) and propose an incident. It
    may return a ticket to the queue whose agent has had it for a share of the target without
    accepting it (`return_unaccepted`, 0: never). A `quiet` rung waits for the end of the plan's
    quiet hours.
    """

    at_s: float
    action: Action
    notify: tuple[str, ...] = ()
    quiet: bool = False
    priority: str | None = None
    reassign: bool = False
    watch: tuple[str, ...] = ()
    incident: bool = False
    return_unaccepted: float = 0


class Wait(Struct, frozen=True):
    """A period in which the ticket waited for `reason`. `end` is None until the wait ends."""

    reason: str
    begin: datetime
    end: datetime | None = None


Waits = tuple[Wait, ...]
Span = tuple[datetime, datetime]


class Ladder(Struct, frozen=True):
    """The rungs of one clock, and what is needed to compute their due times.

    `calendar` counts the seconds. `notice_hours` is None if the plan has no quiet hours. `waits`
    are the waits of the ticket. If the clock passed a rung and then paused, the rung's due time
    cannot be computed without them.
    """

    rungs: tuple[Rung, ...]
    calendar: Calendar = ALL_DAY
    notice_hours: Calendar | None = None
    waits: Waits = ()


NO_LADDER = Ladder(())


def steps(rungs: Iterable[Rung]) -> tuple[str, ...]:
    """Name each rung by its action and a number, such as `remind.2`.

    The second reminder has the same name under every plan, whatever its position.
    """
    seen: Counter[Action] = Counter()
    names = []
    for rung in rungs:
        seen[rung.action] += 1
        names.append(f"{rung.action.value}.{seen[rung.action]}")
    return tuple(names)


class Clock(Struct, frozen=True):
    """One promise of one ticket. Times are aware UTC; `*_s` are seconds of the clock's calendar.

    `calendar` and `ladder` are names in the ticket's plan. `pauses` lists the reasons to wait that
    pause this clock.
    """

    target_s: int | float
    """Whole seconds if the plan sets the target. The target of an agent's own promise may have
    fractions of a second, because the agent chose the instant at which it is due."""
    started_at: datetime
    anchor_at: datetime
    """When `consumed_s` was measured. For a cancelled clock, the time of its cancellation."""
    due_at: datetime
    calendar: str = "always"
    ladder: str = "promise"
    pauses: tuple[str, ...] = ()
    consumed_s: float = 0.0
    state: ClockState = ClockState.RUNNING
    fired: tuple[str, ...] = ()
    """Steps that have acted and do not act again.

    A replan keeps a step in this list only if the clock has passed it under the new plan, too."""
    ahead: tuple[str, ...] = ()
    """Steps that acted before a replan, and that the clock has not reached under the new plan.

    They act again when the clock reaches them. If a later replan puts a step behind the clock, it
    moves to `fired` and does not act again."""
    stopped_at: datetime | None = None
    breached_at: datetime | None = None
    """The due time that was missed when the breach was recorded; None if no breach was recorded.

    The breach remains even if the ticket moves to another plan. Only a correction removes it."""
    held_by: str | None = None
    """The agent whose score includes this promise: the agent who kept it, or the agent who had the
    ticket when it was missed. A correction changes the score of this agent."""
    settled: bool = False
    """Whether the ticket moved to another plan after this clock ended. Then it is never measured
    again."""

    @property
    def breached(self) -> bool:
        """Whether a breach was recorded."""
        return self.breached_at is not None

    @property
    def missed(self) -> bool:
        """Whether the clock was stopped after its due time or after a recorded breach.

        If it stops exactly at its due time, the promise is kept.
        """
        return self.stopped_at is not None and (self.breached or self.stopped_at > self.due_at)

    @property
    def over(self) -> bool:
        """Whether the clock was stopped or cancelled. After that only a correction changes it."""
        return self.state in (ClockState.STOPPED, ClockState.CANCELLED)

    @property
    def ended_at(self) -> datetime | None:
        """When the clock was stopped or cancelled; None while it is open."""
        return self.anchor_at if self.state is ClockState.CANCELLED else self.stopped_at


def start(
    target_s: float,
    at: datetime,
    calendar: Calendar = ALL_DAY,
    *,
    name: str = "always",
    ladder: str = "promise",
    pauses: tuple[str, ...] = (),
) -> Clock:
    """Start a clock at `at`, due after `target_s` seconds of `calendar`.

    `name` and `ladder` are the names of the calendar and the ladder in the plan.
    """
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
    """Return the seconds that an open clock has consumed by `now`. Pauses do not count."""
    if clock.state is not ClockState.RUNNING:
        return clock.consumed_s
    return clock.consumed_s + calendar.elapsed(clock.anchor_at, now)


def overdue(clock: Clock, now: datetime) -> bool:
    """Whether an open clock has passed its due time.

    A running clock is tested at `now`, a paused clock at the start of its pause.
    """
    if clock.over:
        return False
    return (now if clock.state is ClockState.RUNNING else clock.anchor_at) > clock.due_at


def standing(clock: Clock, now: datetime) -> Standing:
    """Return the status of a promise at `now`. At exactly its due time it is not yet overdue."""
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
    """A period in which a clock was paused and the reasons did not change.

    `end` is None if the pause continues.
    """

    begin: datetime
    end: datetime | None
    waits_for: tuple[str, ...]


def pauses(clock: Clock, waits: Waits, until: datetime) -> tuple[Pause, ...]:
    """Return the pauses of a clock from its beginning to `until`, oldest first."""
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
    """Return the reasons of all waits that are in progress at `at`."""
    return tuple(
        wait.reason for wait in waits if wait.begin <= at and (wait.end is None or at < wait.end)
    )


def spans(clock: Clock, waits: Waits, until: datetime) -> tuple[Span, ...]:
    """Return the spans in which the clock ran, from its beginning to `until`, oldest first."""
    begin, found = clock.started_at, []
    for pause in pauses(clock, waits, until):
        if begin < pause.begin:
            found.append((begin, pause.begin))
        begin = pause.end or until
    if begin < until:
        found.append((begin, until))
    return tuple(found)


def measured(ran: Iterable[Span], calendar: Calendar = ALL_DAY) -> float:
    """Return how many seconds of a calendar are in the given spans."""
    return sum((calendar.elapsed(begin, end) for begin, end in ran), 0.0)


def reached(
    ran: Iterable[Span], position_s: float, at: datetime, calendar: Calendar = ALL_DAY
) -> datetime:
    """Return the instant at which a clock has consumed `position_s` seconds.

    The clock ran in the spans `ran`. If they contain fewer seconds, it is assumed to continue from
    `at`. If the last second ends at closing time, the result is the closing time. If it ends
    exactly at the end of a span, the result is the start of the next span, or `at` after the last.
    """
    left = position_s
    for begin, end in ran:
        available = calendar.elapsed(begin, end)
        # Calendars count whole microseconds. A smaller difference is a rounding error.
        if left <= available + _ROUNDING_S:
            instant = calendar.add(begin, max(0.0, min(left, available)))
            if instant < end:
                return instant
        left -= available
    return calendar.add(at, left if left > _ROUNDING_S else 0.0)


_ROUNDING_S = 1e-6


def pause(clock: Clock, at: datetime, calendar: Calendar = ALL_DAY) -> Clock:
    """Pause a running clock. A clock in any other state is returned unchanged."""
    if clock.state is not ClockState.RUNNING:
        return clock
    return replace(_frozen(clock, at, calendar), state=ClockState.PAUSED)


def _frozen(clock: Clock, at: datetime, calendar: Calendar) -> Clock:
    """Return the clock with its consumed time measured at `at`, the new anchor."""
    return replace(clock, consumed_s=elapsed(clock, at, calendar), anchor_at=at)


def resume(clock: Clock, at: datetime, calendar: Calendar = ALL_DAY) -> Clock:
    """Resume a paused clock. A clock in any other state is returned unchanged.

    The new due time leaves as much of the target as was left before the pause. If the promise was
    broken before the pause, its due time does not change.
    """
    if clock.state is not ClockState.PAUSED:
        return clock
    due_at = clock.due_at
    if not overdue(clock, at):
        due_at = calendar.add(at, max(0.0, clock.target_s - clock.consumed_s))
    return replace(clock, state=ClockState.RUNNING, anchor_at=at, due_at=due_at)


def stop(clock: Clock, at: datetime, calendar: Calendar = ALL_DAY) -> Clock:
    """Stop a clock because the promised thing has happened. An ended clock is returned unchanged.

    If the clock is paused, it is resumed first. That moves its due time, so the pause never turns
    a kept promise into a missed one.
    """
    if clock.over:
        return clock
    clock = _frozen(resume(clock, at, calendar), at, calendar)
    return replace(clock, state=ClockState.STOPPED, stopped_at=at)


def cancel(clock: Clock, at: datetime) -> Clock:
    """Cancel a promise that no longer applies, for example one that was replaced.

    A cancelled promise is neither kept nor missed. `consumed_s` is not updated, because the clock's
    calendar may exist only in the earlier plan of the ticket. An ended clock is returned unchanged.
    """
    if clock.over:
        return clock
    return replace(clock, state=ClockState.CANCELLED, anchor_at=at)


def correct(
    clock: Clock, stopped_at: datetime, waits: Waits = (), calendar: Calendar = ALL_DAY
) -> Clock:
    """Stop a clock at an instant in the past, because staff acted earlier than was recorded.

    The time consumed is measured up to `stopped_at`. If the promise was not broken at that instant,
    a recorded breach is removed. `stopped_at` must not be later than the recorded stop.
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
    """Recompute an open promise with a new target, calendar and ladder, from its beginning.

    The time consumed so far is measured again: in the new `calendar`, without the waits that pause
    the new promise. `rungs` are the rungs of the new ladder. An ended clock is returned unchanged.

    A step whose position the clock has already passed does not act again if it has acted. If it has
    not, it acts at once. A step that the clock has not reached acts when it is reached, even if it
    has acted before.
    """
    if clock.over:
        return clock
    replanned = replace(clock, target_s=target_s, calendar=name, ladder=ladder, pauses=pauses)
    ran = spans(replanned, waits, at)
    consumed = measured(ran, calendar)
    return replace(
        _sorted_steps(replanned, rungs, consumed),
        consumed_s=consumed,
        anchor_at=at,
        due_at=reached(ran, target_s, at, calendar),
    )


def put_on(
    clock: Clock, ladder: str, rungs: tuple[Rung, ...], at: datetime, calendar: Calendar = ALL_DAY
) -> Clock:
    """Return an open clock with another ladder. Its target, calendar and due time stay the same.

    `rungs` are the rungs of the new ladder for the target of the clock, and `calendar` is the
    calendar of the clock. As after `replan`, a step acts again only if the clock has not reached
    it. A clock that is over, or that has this ladder already, is returned unchanged.
    """
    if clock.over or clock.ladder == ladder:
        return clock
    return _sorted_steps(replace(clock, ladder=ladder), rungs, elapsed(clock, at, calendar))


def _sorted_steps(clock: Clock, rungs: tuple[Rung, ...], consumed_s: float) -> Clock:
    """Return the clock with each step that has acted in `fired` or in `ahead`.

    It is in `fired` if the clock has passed its position on `rungs`, and in `ahead` otherwise.
    `consumed_s` is the time in seconds that the clock has consumed.
    """
    acted = dict.fromkeys((*clock.fired, *clock.ahead))
    behind = [
        step
        for step, rung in zip(steps(rungs), rungs, strict=True)
        if step in acted and rung.at_s <= consumed_s
    ]
    return replace(
        clock, fired=tuple(behind), ahead=tuple(step for step in acted if step not in behind)
    )


def revive(clock: Clock) -> Clock:
    """Reopen a cancelled clock whose promise applies again. The caller must then `replan` it.

    A clock in any other state is returned unchanged.
    """
    if clock.state is not ClockState.CANCELLED:
        return clock
    return replace(clock, state=ClockState.RUNNING)


def unjoined(clock: Clock) -> Clock:
    """Return the clock as if no step of Action.JOIN had acted, so that these steps act again.

    A step whose position the clock has passed acts at once.
    """

    def others(acted: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(step for step in acted if not step.startswith(f"{Action.JOIN.value}."))

    return replace(clock, fired=others(clock.fired), ahead=others(clock.ahead))


def fire(clock: Clock, step: str) -> Clock:
    """Record that a step has acted."""
    return replace(
        clock,
        fired=(*clock.fired, step),
        ahead=tuple(other for other in clock.ahead if other != step),
    )


def rung_times(clock: Clock, ladder: Ladder) -> list[datetime]:
    """Return the due time of each rung of an open clock, in ascending order.

    Those of a paused clock that it has not passed count from the beginning of the pause.

    A quiet rung waits for the end of quiet hours, but not longer than until the next rung is due.
    If two rungs are due at the same time, the mailer decides which notices to send.
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
    """A rung with its clock, its due time, its index on the ladder and the name of its step."""

    clock: str
    rung: Rung
    due_at: datetime
    index: int
    step: str


def coming(name: str, clock: Clock, ladder: Ladder) -> list[DueRung]:
    """Return the rungs that have not acted, in order. Empty if the clock is over.

    Of a paused clock they are those that bring somebody in, due as if it went on. The others act on
    a delay, and nobody delays anything meanwhile. That somebody must join does not depend on whom
    the ticket waits for.
    """
    if clock.over:
        return []
    rungs, is_paused = ladder.rungs, clock.state is ClockState.PAUSED
    if is_paused and not any(rung.action is Action.JOIN for rung in rungs):
        return []
    return [
        DueRung(name, rung, at, index, step)
        for index, (rung, at, step) in enumerate(
            zip(rungs, rung_times(clock, ladder), steps(rungs), strict=True)
        )
        if step not in clock.fired and (rung.action is Action.JOIN or not is_paused)
    ]


# The name of a clock is a `ClockName`, or that of a part of a ticket, such as `task:2`.


def next_wake[N: str](clocks: Mapping[N, Clock], ladders: Mapping[N, Ladder]) -> datetime | None:
    """Return when the workflow must wake: the earliest due time of a rung of all open clocks."""
    return min((rung.due_at for rung in _all_coming(clocks, ladders)), default=None)


def due_rungs[N: str](
    clocks: Mapping[N, Clock], ladders: Mapping[N, Ladder], now: datetime
) -> list[DueRung]:
    """Return all rungs that are due by `now`, sorted by due time.

    Rungs with the same due time are in the order of their ladder. The workflow acts on all of them
    in one wake.
    """
    due = [rung for rung in _all_coming(clocks, ladders) if rung.due_at <= now]
    return sorted(due, key=lambda rung: (rung.due_at, rung.index, rung.clock))


def _all_coming[N: str](
    clocks: Mapping[N, Clock], ladders: Mapping[N, Ladder]
) -> Iterator[DueRung]:
    for name, clock in clocks.items():
        yield from coming(name, clock, ladders.get(name, NO_LADDER))
