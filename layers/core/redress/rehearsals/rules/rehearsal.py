"""Rehearse a plan: a real ticket's history, lived once more under another plan.

What people did is kept, at the times at which they did it, and so are the acknowledgement and the
assignments. What the plan did (rungs, and whatever followed from them or from a promise that a
plan makes) is left out and done anew: between two kept events the workflow wakes at exactly the
instants at which the draft would have woken it. A step that is no longer possible (the ticket would
have been closed by then) is left out and counted.

Nothing is written, sent or assigned here: a rehearsal is a fold. Nobody can know what people would
have done under other deadlines; the answer is what the draft would have said of what they did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from redress.base.errors import InvalidInput, NotAllowedNow
from redress.clocks.rules.clocks import Clock, ClockName, ClockState, overdue
from redress.plans.rules.plan import Plan
from redress.tickets.rules.change import Change
from redress.tickets.rules.fold import apply
from redress.tickets.rules.steps import by_customer, by_staff, by_system, by_timer
from redress.tickets.rules.steps.by_staff import Classification
from redress.tickets.rules.ticket import Event, EventType, Ticket, next_wake


class Verdict(StrEnum):
    """What became of one promise. `void`: it ended (withdrawn, no longer promised) before its due
    time, or it is none of staff's (the survey, a callback by mail)."""

    KEPT = "kept"
    MISSED = "missed"
    OPEN = "open"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One promise at its end: when it was due at last, and what became of it."""

    due_at: datetime
    verdict: Verdict


PromiseKey = tuple[ClockName, datetime]
"""A promise by its clock and when it began: a second round, another reply are others."""


@dataclass(slots=True)
class Side:
    """One of the two lives: the real one, or that under the draft."""

    ticket: Ticket
    opened_in: str
    """The team that had it first."""
    events: list[Event]
    promises: dict[PromiseKey, Outcome]


@dataclass(slots=True)
class Comparison:
    """One ticket's two lives, and the steps of people for which the draft left no room."""

    number: str
    real: Side
    draft: Side
    skipped: Counter[str]

    @property
    def changed(self) -> bool:
        """Whether anything would have been different, as far as it is reported."""
        return (
            bool(self.skipped)
            or self.real.promises != self.draft.promises
            or _plans_doing(self.real) != _plans_doing(self.draft)
            or self.real.opened_in != self.draft.opened_in
            or self.real.ticket.team != self.draft.ticket.team
            or self.real.ticket.closure != self.draft.ticket.closure
        )


_PLANS_DOING = (EventType.RUNG_FIRED, EventType.QUEUED, EventType.INCIDENT_PROPOSED)


def _plans_doing(side: Side) -> list[tuple[object, ...]]:
    """What the plan did, without its instants: a real wake comes a moment after its time."""
    return [
        (
            event.type,
            event.data.get("clock"),
            event.data.get("action"),
            event.data.get("notify"),
        )
        for event in side.events
        if event.type in _PLANS_DOING and not event.by.is_person
    ]


def rehearse(
    history: Iterable[Event],
    plan: Plan,
    plans: Callable[[int], Plan],
    draft: Plan,
    until: datetime,
) -> Comparison:
    """The two lives of a ticket up to `until`: as it was, and as the draft would have had it.

    `plan` is the one under which it began and `plans` finds those to which it was moved; the draft
    holds for the whole of the second life. Raises ValueError for a history without its opening.
    """
    real, played = _Life(), _Life()
    skipped: Counter[str] = Counter()
    for event in history:
        if event.at > until:
            break
        if event.type is EventType.PLAN_CHANGED:
            plan = plans(event.data["plan_version"])
        before = real.ticket
        real.take(event, plan)
        if before is None:
            played.take(event, draft)
            continue
        step = _STEPS[event.type]
        if step is None or _follows_by_itself(event):
            continue
        played.wake(draft, event.at)
        if not played.follow(step, _Moment(event, before, plan), draft):
            skipped[event.type.value] += 1
    played.wake(draft, until)
    real_side = real.side(until)
    return Comparison(real_side.ticket.number, real_side, played.side(until), skipped)


# -------------------------------------------------------------------------- living through it


@dataclass(frozen=True, slots=True)
class _Moment:
    """A kept event, and where the real ticket stood just before it."""

    event: Event
    real: Ticket
    plan: Plan


@dataclass(slots=True)
class _Promise:
    clock: Clock
    late: bool = False
    """Its due time had passed when it was replaced or no longer applied."""
    replaced: bool = False


@dataclass(slots=True)
class _Life:
    """A ticket as it goes on, and every promise that it ever made."""

    ticket: Ticket | None = None
    opened_in: str = ""
    events: list[Event] = field(default_factory=list)
    promises: dict[PromiseKey, _Promise] = field(default_factory=dict)
    _last: Mapping[ClockName, Clock] = field(default_factory=dict)

    def take(self, event: Event, plan: Plan) -> None:
        """An event happens as it is."""
        self._see(apply(self.ticket, event, plan), (event,))

    def follow(self, step: _Step, moment: _Moment, plan: Plan) -> bool:
        """Somebody does the same again; False when they could not, or need not."""
        assert self.ticket is not None
        try:
            change = step(self.ticket, plan, moment)
        except (NotAllowedNow, InvalidInput):
            return False
        return self._change(change)

    def wake(self, plan: Plan, until: datetime) -> None:
        """The workflow sleeps and wakes up to `until`, each time at the very instant.

        What is overdue when a step brings it up (a promise made anew) is acted on at once.
        """
        while self.ticket is not None:
            wake = next_wake(self.ticket, plan)
            if wake is None or wake > until:
                return
            at = max(wake, self.events[-1].at)
            if not self._change(by_timer.act_on_due_rungs(self.ticket, plan, at)):
                return

    def _change(self, change: Change | None) -> bool:
        if change is None:
            return False
        if len(change.events) == 1:
            self._see(change.after, change.events)
            return True
        for event in change.events:
            self.take(event, change.plan)
        return True

    def _see(self, after: Ticket, events: tuple[Event, ...]) -> None:
        at = ended_at = events[-1].at
        if events[-1].type is EventType.CORRECTED:
            ended_at = datetime.fromisoformat(events[-1].data["stopped_at"])
        for name, clock in after.clocks.items():
            before = self._last.get(name)
            if clock is before:
                continue
            if before is not None and clock.started_at != before.started_at:
                ended = self.promises[name, before.started_at]
                ended.replaced, ended.late = True, ended.late or overdue(before, ended_at)
            held = self.promises.get((name, clock.started_at))
            if held is None or before is None:
                self.promises[name, clock.started_at] = _Promise(clock)
                continue
            held.clock = clock
            if clock.state is ClockState.CANCELLED and before.state is not ClockState.CANCELLED:
                held.late = overdue(before, at)
        self._last = after.clocks
        self.opened_in = self.opened_in or after.team
        self.events.extend(events)
        self.ticket = after

    def side(self, until: datetime) -> Side:
        if self.ticket is None:
            raise ValueError("a history has at least the event that opened the ticket")
        return Side(
            self.ticket,
            self.opened_in,
            self.events,
            {
                key: Outcome(
                    held.clock.due_at,
                    _verdict(key[0], held, until, by_mail=self.ticket.by_mail),
                )
                for key, held in self.promises.items()
            },
        )


def _verdict(name: ClockName, held: _Promise, until: datetime, *, by_mail: bool) -> Verdict:
    """A breach that was recorded is a miss, whatever was promised in its place later."""
    clock = held.clock
    if name is ClockName.SURVEY or (name is ClockName.CALLBACK and by_mail):
        return Verdict.VOID
    if clock.breached or held.late or clock.missed:
        return Verdict.MISSED
    if clock.state is ClockState.CANCELLED or (name is ClockName.OWN_WORD and not clock.over):
        if clock.over or held.replaced:
            return Verdict.VOID
    elif clock.state is ClockState.STOPPED or held.replaced:
        return Verdict.KEPT
    return Verdict.MISSED if overdue(clock, until) else Verdict.OPEN


# ------------------------------------------------------------------------------ the kept steps

_Step = Callable[[Ticket, Plan, _Moment], Change | None]


def _follows_by_itself(event: Event) -> bool:
    """A ticket that went back to the queue without a person: by a rung, a dispute, another kind."""
    return event.type is EventType.QUEUED and not event.by.is_person


def _text(event: Event) -> str:
    text: str = event.data.get("text") or ""
    return text


def _chosen_team(moment: _Moment) -> str | None:
    """The team that somebody chose; None when the ticket stayed where it was."""
    team: str | None = moment.event.data.get("team")
    return team if team != moment.real.team else None


def _acknowledged(ticket: Ticket, plan: Plan, moment: _Moment) -> Change | None:
    event = moment.event
    if event.data.get("by") != "page":
        return by_system.acknowledge(ticket, plan, event.at)
    again = Event(ticket.version + 1, event.type, event.at, event.by, event.data)
    return Change(ticket, (again,), apply(ticket, again, plan), plan)


def _assigned(ticket: Ticket, plan: Plan, moment: _Moment) -> Change | None:
    """Whoever got it gets it; but nobody is given a ticket that is not in the queue here."""
    event, data = moment.event, moment.event.data
    if event.by.is_person:
        return by_staff.reassign(
            ticket, plan, event.by, data["agent"], _chosen_team(moment), data["why"], event.at
        )
    if moment.real.assignee is None and ticket.assignee is not None:
        return None
    return by_system.assign(ticket, plan, data["agent"], data["why"], event.at)


def _queued(ticket: Ticket, plan: Plan, moment: _Moment) -> Change | None:
    event = moment.event
    team = _chosen_team(moment)
    return by_staff.reassign(ticket, plan, event.by, None, team, event.data["why"], event.at)


def _reclassified(ticket: Ticket, plan: Plan, moment: _Moment) -> Change | None:
    """What was corrected is corrected; what only followed from the kind follows from the draft."""
    event, real, data = moment.event, moment.real, moment.event.data
    kind = data["kind"]
    level = moment.plan.level(kind)
    usual = {"urgency": level.urgency, "impact": level.impact}
    if kind == real.kind:
        usual = {"urgency": real.urgency, "impact": real.impact}
    given = {name: data[name] for name in usual if data.get(name, usual[name]) != usual[name]}
    customer_type = data.get("customer_type", real.customer_type)
    what = Classification(
        kind if kind != real.kind else None,
        **given,
        customer_type=customer_type if customer_type != real.customer_type else None,
    )
    return by_staff.reclassify(ticket, plan, event.by, what, data["why"], event.at)


def _progress_told(ticket: Ticket, plan: Plan, moment: _Moment) -> Change | None:
    event = moment.event
    return by_staff.tell_progress(ticket, plan, event.by, _text(event), event.at)


def _replied(ticket: Ticket, plan: Plan, moment: _Moment) -> Change | None:
    event = moment.event
    waits = bool(event.data.get("wait_for_customer"))
    return by_staff.reply(ticket, plan, event.by, _text(event), waits, event.at)


def _noted(ticket: Ticket, plan: Plan, moment: _Moment) -> Change | None:
    event = moment.event
    return by_staff.note(ticket, plan, event.by, _text(event), event.at)


def _customer_wrote(ticket: Ticket, plan: Plan, moment: _Moment) -> Change | None:
    return by_customer.write(ticket, plan, _text(moment.event), moment.event.at)


def _promised(ticket: Ticket, plan: Plan, moment: _Moment) -> Change | None:
    event = moment.event
    due = datetime.fromisoformat(event.data["by"])
    return by_staff.promise(ticket, plan, event.by, due, _text(event), event.at)


def _held(ticket: Ticket, plan: Plan, moment: _Moment) -> Change | None:
    event = moment.event
    return by_staff.hold(ticket, plan, event.by, event.data["reason"], _text(event), event.at)


def _released(ticket: Ticket, plan: Plan, moment: _Moment) -> Change | None:
    return by_staff.release(ticket, plan, moment.event.by, moment.event.at)


def _corrected(ticket: Ticket, plan: Plan, moment: _Moment) -> Change | None:
    event, data = moment.event, moment.event.data
    stopped_at = datetime.fromisoformat(data["stopped_at"])
    later = data.get("unanswered_since")
    words = [datetime.fromisoformat(later)] if later else []
    return by_staff.correct(
        ticket, plan, event.by, data["clock"], stopped_at, data["why"], event.at, words
    )


def _resolved(ticket: Ticket, plan: Plan, moment: _Moment) -> Change | None:
    event, data = moment.event, moment.event.data
    return by_staff.resolve(
        ticket,
        plan,
        event.by,
        _text(event),
        data.get("outcome"),
        data.get("remedy"),
        data.get("root_cause"),
        event.at,
    )


def _callback_attempted(ticket: Ticket, plan: Plan, moment: _Moment) -> Change | None:
    event = moment.event
    return by_staff.record_callback(ticket, plan, event.by, "no_answer", _text(event), event.at)


def _confirmed(ticket: Ticket, plan: Plan, moment: _Moment) -> Change | None:
    return by_customer.confirm(ticket, plan, moment.event.by, moment.event.at)


def _disputed(ticket: Ticket, plan: Plan, moment: _Moment) -> Change | None:
    event = moment.event
    return by_customer.dispute(ticket, plan, event.by, _text(event), event.at)


def _surveyed(ticket: Ticket, plan: Plan, moment: _Moment) -> Change | None:
    return by_customer.answer_survey(ticket, plan, moment.event.data["answers"], moment.event.at)


def _withdrawn(ticket: Ticket, plan: Plan, moment: _Moment) -> Change | None:
    return by_customer.withdraw(ticket, plan, _text(moment.event), moment.event.at)


_STEPS: Mapping[EventType, _Step | None] = {
    EventType.OPENED: None,
    EventType.ACKNOWLEDGED: _acknowledged,
    EventType.ASSIGNED: _assigned,
    EventType.QUEUED: _queued,
    EventType.RECLASSIFIED: _reclassified,
    EventType.PROGRESS_TOLD: _progress_told,
    EventType.REPLIED: _replied,
    EventType.NOTED: _noted,
    EventType.MAIL_NOTED: None,
    EventType.PARTICIPANTS_SET: None,
    EventType.CUSTOMER_WROTE: _customer_wrote,
    EventType.PROMISED: _promised,
    EventType.HELD: _held,
    EventType.RELEASED: _released,
    EventType.CORRECTED: _corrected,
    EventType.PLAN_CHANGED: None,
    EventType.INCIDENT_PROPOSED: None,
    EventType.RESOLVED: _resolved,
    EventType.CALLBACK_ATTEMPTED: _callback_attempted,
    EventType.CONFIRMED: _confirmed,
    EventType.DISPUTED: _disputed,
    EventType.SURVEYED: _surveyed,
    EventType.WITHDRAWN: _withdrawn,
    EventType.RUNG_FIRED: None,
    EventType.CLOSED: None,
}
"""How each kind of event is done again. None: it is the plan's own doing and done anew, or, as a
mail that was only noted or who takes part, it moves nothing."""
