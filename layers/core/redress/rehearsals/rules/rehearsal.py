"""Rehearse a plan: replay the real history of a ticket under another plan, the draft.

The replay keeps what people did, at the real times. It also keeps the acknowledgement and the
assignments. It drops what the plan did (rungs, and everything that followed from rungs or promises)
and computes that again under the draft. Between two kept events, the workflow wakes exactly when
the draft would have woken it. A kept step may be impossible under the draft, for example because
the draft has closed the ticket before. Such a step is skipped and counted.

A rehearsal is a pure computation: it writes, sends and assigns nothing. Nobody can know what people
would have done under other deadlines. The result therefore says how the draft would have judged
what people really did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import replace
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import zip_longest

from redress.base.errors import Forbidden, InvalidInput, NotAllowedNow
from redress.base.people import SYSTEM
from redress.clocks.rules.clocks import Clock, ClockName, ClockState, cancel, overdue
from redress.plans.rules.plan import Plan
from redress.staff.rules.classification import Rules, facts_of, is_open
from redress.staff.rules.eligibility import need_of
from redress.tickets.rules import post_mortem
from redress.tickets.rules.change import Change
from redress.tickets.rules.fold import apply, corrects_only_category
from redress.tickets.rules.preference import preference_in
from redress.tickets.rules.steps import by_call, by_customer, by_staff, by_system, by_timer
from redress.tickets.rules.steps.by_staff import Classification
from redress.tickets.rules.steps.draft import Draft, require_possible
from redress.tickets.rules.steps.table import MERGED, SPLIT_UNDONE, Step
from redress.tickets.rules.ticket import (
    Event,
    EventType,
    LinkKind,
    Ticket,
    is_bare_thanks,
    is_word_to_all,
    next_wake,
)


class Verdict(StrEnum):
    """The outcome of one promise.

    `void` means that the promise is not judged. Either it was cancelled or replaced before its due
    time (the customer withdrew, the plan no longer promises it, the agent made a new promise), or
    it waits for the customer and not for staff (a survey, a callback by mail).
    """

    KEPT = "kept"
    MISSED = "missed"
    OPEN = "open"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The last due time of a promise, and its verdict."""

    due_at: datetime
    verdict: Verdict


PromiseKey = tuple[ClockName, datetime]
"""Identifies a promise by its clock and its start. A clock that begins again is another promise."""


@dataclass(slots=True)
class Side:
    """One of the two lives of a ticket: what really happened, or the replay under the draft."""

    ticket: Ticket
    opened_in: str
    """The first team of the ticket."""
    events: list[Event]
    promises: dict[PromiseKey, Outcome]
    classified: Mapping[str, str | None]
    """The classification with which the ticket was offered to agents, before people corrected it:
    the values of CLASSIFIED."""


CLASSIFIED = ("kind", "category", "priority", "customer_type", "language", "team")


@dataclass(slots=True)
class Comparison:
    """The two lives of a ticket, and the real steps that were skipped under the draft.

    `skipped` counts these steps by event type. They were not possible or not needed.
    """

    number: str
    real: Side
    draft: Side
    skipped: Counter[str]
    undecided: tuple[str, ...] = ()
    """The rules of the draft that a rehearsal cannot decide: those that count earlier tickets."""

    @property
    def changed(self) -> bool:
        """Whether the two lives differ in anything that the report shows."""
        return (
            bool(self.skipped)
            or self.real.promises != self.draft.promises
            or _plan_actions(self.real) != _plan_actions(self.draft)
            or self.real.opened_in != self.draft.opened_in
            or self.real.ticket.team != self.draft.ticket.team
            or self.real.classified != self.draft.classified
            or self.real.ticket.closure != self.draft.ticket.closure
        )


_PLAN_EVENTS = (EventType.RUNG_FIRED, EventType.QUEUED, EventType.INCIDENT_PROPOSED)


def _plan_actions(side: Side) -> list[tuple[object, ...]]:
    """Return the actions of the plan. Times are left out, because real wakes are slightly late."""
    return [
        (
            event.type,
            event.data.get("clock"),
            event.data.get("action"),
            event.data.get("notify"),
        )
        for event in side.events
        if event.type in _PLAN_EVENTS
        and not event.by.is_person
        and event.data.get("clock") != ClockName.ASSIGNMENT  # who was there is not known
        and "task" not in event.data  # tasks are not repeated
        and "remedy_id" not in event.data  # nor are remedies
        and event.data.get("clock") != post_mortem.CLOCK  # nor is what was written after the end
        and not event.data.get("gone")
    ]


def rehearse(
    history: Iterable[Event],
    plan: Plan,
    plans: Callable[[int], Plan],
    draft: Plan,
    until: datetime,
    rules: Rules | None = None,
) -> Comparison:
    """Compare the real life of a ticket up to `until` with its life under the draft.

    `plan` is the plan under which the ticket was opened. `plans` returns the plan of a version. It
    is needed for a ticket that was moved to another version. The draft applies from the opening of
    the ticket on, even if the ticket was really moved. `rules` are those of the draft that classify
    tickets, if they are prepared already. Raises ValueError if the history has no event up to
    `until`.

    The history ends with its last event up to `until`. An earlier event may have a later time, if
    an earlier version of Redress wrote it on a machine whose clock was fast.
    """
    # The draft life has the checklist of the real one, and nobody writes its post-mortem.
    draft = replace(draft, checklists={}, urgent={})
    real_life, draft_life = _Life(), _Life()
    skipped: Counter[str] = Counter()
    events = list(history)
    while events and events[-1].at > until:
        events.pop()
    first = _Classifying(rules or Rules(draft.classification), draft)
    for event, following in _with_following(events):
        if event.type is EventType.PLAN_CHANGED:
            plan = plans(event.data["plan_version"])
        if not _comes_before_classifying(event):
            first.classify(real_life, draft_life)
        before = real_life.ticket
        real_life.take(event, plan)
        if before is None:
            draft_life.take(_without_promises(event), draft)
            continue
        if event.type is EventType.CLASSIFIED:
            real_life.classified = _values_of(real_life.ticket)
        step = _STEPS[event.type]
        if (
            step is None
            or _queued_by_plan(event)
            or _confirmed_by_survey(event, following, draft)
            or corrects_only_category(event, before)
            or _hands_over(event, before)
            or _says_nothing(event, before)
            or _is_only_noted(event)
        ):
            if _accepts(event, before, real_life.ticket):
                draft_life.accept(draft, event.at)
            continue
        draft_life.wake(draft, event.at)
        if not draft_life.repeat(step, _KeptEvent(event, before, plan), draft):
            skipped[event.type.value] += 1
    first.classify(real_life, draft_life)
    draft_life.wake(draft, until)
    real_side, draft_side = real_life.side(until), draft_life.side(until)
    return Comparison(real_side.ticket.number, real_side, draft_side, skipped, first.undecided)


def _without_promises(opened: Event) -> Event:
    """The first event of a ticket without what was promised elsewhere.

    The promises that came with the messages of a split are those of another ticket. The draft has
    not made them.
    """
    if (split := opened.data.get("split")) is None:
        return opened
    return replace(opened, data=opened.data | {"split": split | {"clocks": {}}})


def _is_only_noted(event: Event) -> bool:
    """Whether an event about a mail, or about an answer, affects no promise.

    The others say whether the customer knows of the checklist, for which a promise waits.
    """
    is_notice = event.type in (EventType.MAIL_NOTED, EventType.ANSWER_REPORTED)
    return is_notice and "knows_list" not in event.data


def _values_of(ticket: Ticket | None) -> dict[str, str | None]:
    return {name: getattr(ticket, name) for name in CLASSIFIED} if ticket is not None else {}


def _comes_before_classifying(event: Event) -> bool:
    """Whether an event can come before the change that classifies a ticket and offers it to agents.

    These are the opening, its checklist, its acknowledgement, the match with the customer and what
    follows from the customer's type, and all messages with which a split opens a ticket.
    """
    if event.type is EventType.CUSTOMER_WROTE and "split" in event.data:
        return True
    return event.type in _FIRST or (event.type is EventType.RECLASSIFIED and not event.by.is_person)


_FIRST = (
    EventType.OPENED,
    EventType.ACKNOWLEDGED,
    EventType.CHECKLIST_SET,
    EventType.MATCHED,
    EventType.MAIL_NOTED,
)


@dataclass(slots=True)
class _Classifying:
    """Classifies the ticket of the draft once, when the real ticket was offered to agents first."""

    rules: Rules
    draft: Plan
    undecided: tuple[str, ...] = ()
    done: bool = False

    def classify(self, real: _Life, drafted: _Life) -> None:
        """Apply the draft's rules, and record the classification on both sides.

        The real assigner acts seconds after the opening. So the time is that of the match, or that
        of the opening if the ticket was not matched.
        """
        if self.done or drafted.ticket is None or real.ticket is None:
            return
        self.done = True
        matched = (event.at for event in real.events if event.type is EventType.MATCHED)
        opened = real.events[0]
        at = max(next(matched, opened.at), drafted.events[-1].at)
        drafted.wake(self.draft, at)
        if self.rules and is_open(drafted.ticket):
            found = self.rules.found(facts_of(drafted.ticket, opened))
            self.undecided = found.unknown
            drafted.change(
                by_system.classify(drafted.ticket, self.draft, found.values, found.why, at)
            )
        real.classified = _values_of(real.ticket)
        drafted.classified = _values_of(drafted.ticket)


# -------------------------------------------------------------------------- replaying a life


@dataclass(frozen=True, slots=True)
class _KeptEvent:
    """An event that is replayed, with the real ticket and its plan just before the event."""

    event: Event
    real: Ticket
    plan: Plan


@dataclass(slots=True)
class _Promise:
    """A promise during the replay: the last state of its clock, and how it ended."""

    clock: Clock
    by_mail: bool
    """Whether the ticket's callback was a question by mail when the promise began."""
    late: bool = False
    """Whether its due time had passed when it was replaced or cancelled."""
    replaced: bool = False
    """Whether another promise of the same clock has taken its place."""


@dataclass(slots=True)
class _Life:
    """A ticket during the replay, and all promises that it has had."""

    ticket: Ticket | None = None
    opened_in: str = ""
    events: list[Event] = field(default_factory=list)
    promises: dict[PromiseKey, _Promise] = field(default_factory=dict)
    classified: Mapping[str, str | None] = field(default_factory=dict)
    _last: Mapping[ClockName, Clock] = field(default_factory=dict)

    def take(self, event: Event, plan: Plan) -> None:
        """Apply an event as it is."""
        self._record(apply(self.ticket, event, plan), (event,))

    def repeat(self, step: _Step, kept: _KeptEvent, plan: Plan) -> bool:
        """Repeat a real step on this ticket. Returns False if it is not possible or not needed."""
        assert self.ticket is not None
        try:
            change = step(self.ticket, plan, kept)
        except (NotAllowedNow, InvalidInput, Forbidden):
            return False
        return self.change(change)

    def accept(self, plan: Plan, at: datetime) -> None:
        """Count the ticket as accepted by its agent, without an event."""
        self.wake(plan, at)
        if self.ticket is not None:
            self.ticket = replace(self.ticket, unaccepted_since=None)

    def wake(self, plan: Plan, until: datetime) -> None:
        """Wake the workflow exactly at every rung that is due up to `until`.

        When a step recomputes a promise, the time of a rung may have passed already. Such a rung
        acts at once, at the time of that step.
        """
        while self.ticket is not None:
            wake = next_wake(self.ticket, plan)
            if wake is None or wake > until:
                return
            at = max(wake, min(self.events[-1].at, until))
            if not self.change(by_timer.act_on_due_rungs(self.ticket, plan, at)):
                return

    def change(self, change: Change | None) -> bool:
        """Apply a change. Returns False for None."""
        if change is None:
            return False
        if len(change.events) == 1:
            self._record(change.after, change.events)
            return True
        for event in change.events:
            self.take(event, change.plan)
        return True

    def _record(self, after: Ticket, events: tuple[Event, ...]) -> None:
        """Set the ticket to `after`, add the events, and update the ticket's promises.

        A promise that was replaced ended with the last event. If that is a correction, the promise
        ended when the customer was really answered.
        """
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
                if events[-1].type is EventType.MERGED:  # an earlier one came from the source
                    ended.clock = cancel(before, at)
            held = self.promises.get((name, clock.started_at))
            if held is None or before is None:
                self.promises[name, clock.started_at] = _Promise(clock, after.callback_by_mail)
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
                key: Outcome(held.clock.due_at, _verdict(key[0], held, until))
                for key, held in self.promises.items()
            },
            self.classified,
        )


def _verdict(name: ClockName, held: _Promise, until: datetime) -> Verdict:
    """Return the verdict on a promise.

    A promise with a recorded breach is missed, even if its due time was moved to a later time.
    """
    clock = held.clock
    if name is ClockName.SURVEY or (name is ClockName.CALLBACK and held.by_mail):
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

_Step = Callable[[Ticket, Plan, _KeptEvent], Change | None]


def _queued_by_plan(event: Event) -> bool:
    """Whether the ticket returned to the queue by a decision of the plan.

    A rung, a dispute or a changed kind can cause this. The event is not replayed, because the draft
    decides again whether the ticket returns to the queue. That its agent was gone is a fact, so it
    is replayed.
    """
    if event.type is not EventType.QUEUED or event.data.get("gone"):
        return False
    return not event.by.is_person


def _with_following(history: Iterable[Event]) -> Iterator[tuple[Event, Event | None]]:
    """Return each event with the event after it, None for the last one."""
    events = list(history)
    return zip_longest(events, events[1:])


def _hands_over(event: Event, before: Ticket) -> bool:
    """Whether somebody else got what was owed on a ticket that needed no agent any more.

    It changes no promise that a rehearsal compares.
    """
    return event.type is EventType.ASSIGNED and not before.needs_agent


def _accepts(event: Event, before: Ticket, after: Ticket | None) -> bool:
    """Whether the agent has accepted the ticket by something that is not repeated.

    They propose a remedy or ask a department, for example. Who works on it has it under any plan.
    """
    was_open = before.unaccepted_since is not None
    is_open = after is not None and after.unaccepted_since is not None
    return event.by.is_staff and was_open and not is_open


def _says_nothing(event: Event, before: Ticket) -> bool:
    """Whether an event of a remedy was no progress for the customer.

    They were not told of it, it reached nobody, or nobody worked on the ticket any more.
    """
    if event.type not in _OF_REMEDIES_TOLD:
        return False
    is_silent = event.type is EventType.REMEDY_WITHDRAWN and "text" not in event.data
    return is_silent or "untold" in event.data or not before.needs_agent


_OF_REMEDIES_TOLD = (
    EventType.REMEDY_PROMISED,
    EventType.REMEDY_WITHDRAWN,
    EventType.REMEDY_DONE,
)


def _confirmed_by_survey(event: Event, following: Event | None, draft: Plan) -> bool:
    """Whether only a survey confirmed the resolution, and its answers are low under the draft.

    A survey that confirms adds both events at the same instant. Under the draft, its answers
    confirm nothing.
    """
    return (
        event.type is EventType.CONFIRMED
        and following is not None
        and following.type is EventType.SURVEYED
        and following.at == event.at
        and draft.is_low(following.data["answers"])
    )


def _text(event: Event) -> str:
    text: str = event.data.get("text") or ""
    return text


def _chosen_team(kept: _KeptEvent) -> str | None:
    """Return the team that a person chose, or None if the event did not change the team."""
    team: str | None = kept.event.data.get("team")
    return team if team != kept.real.team else None


def _acknowledged(ticket: Ticket, plan: Plan, kept: _KeptEvent) -> Change | None:
    event = kept.event
    if event.data.get("by") not in ("page", "agent"):
        return by_system.acknowledge(ticket, plan, event.at)
    again = Event(ticket.version + 1, event.type, event.at, event.by, event.data)
    return Change(ticket, (again,), apply(ticket, again, plan), plan)


def _as_it_was(ticket: Ticket, plan: Plan, kept: _KeptEvent) -> Change | None:
    """Take over an event of the checklist. What the customer was asked, and knows of, is a fact."""
    event = kept.event
    again = Event(ticket.version + 1, event.type, event.at, event.by, event.data)
    return Change(ticket, (again,), apply(ticket, again, plan), plan)


def _assigned(ticket: Ticket, plan: Plan, kept: _KeptEvent) -> Change | None:
    """Assign the ticket to the agent who really got it.

    An automatic assignment from the queue is skipped if the ticket still has an agent under the
    draft. An assignment that needed no acceptance needs none under the draft either: nobody knows
    when the agent would have accepted it.
    """
    event, data = kept.event, kept.event.data
    if event.by.is_person:
        return by_staff.reassign(
            ticket, plan, event.by, data["agent"], _chosen_team(kept), data["why"], event.at
        )
    if kept.real.assignee is None and ticket.assignee is not None:
        return None
    offered = data.get("accepted") is False
    # A rule of routing in the draft decides the team, as it does when a ticket is really offered.
    team = need_of(ticket, plan, event.at).team
    agent, why = data["agent"], data["why"]
    return by_system.assign(ticket, plan, agent, why, event.at, team, offered=offered)


def _queued(ticket: Ticket, plan: Plan, kept: _KeptEvent) -> Change | None:
    event = kept.event
    team = _chosen_team(kept)
    return by_staff.reassign(ticket, plan, event.by, None, team, event.data["why"], event.at)


def _accepted(ticket: Ticket, plan: Plan, kept: _KeptEvent) -> Change | None:
    return by_staff.accept(ticket, plan, kept.event.by, kept.event.at)


def _reclassified(ticket: Ticket, plan: Plan, kept: _KeptEvent) -> Change | None:
    """Repeat a correction of the classification.

    Values that a person gave are kept. The kind of a ticket sets its urgency and impact if nobody
    gives them. Such values are left out here, so that the draft sets them from its own level of
    that kind. The category is left out, because the draft may have others and no promise depends
    on it.
    """
    event, real, data = kept.event, kept.real, kept.event.data
    kind = data["kind"]
    level = kept.plan.level(kind)
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


def _progress_told(ticket: Ticket, plan: Plan, kept: _KeptEvent) -> Change | None:
    event = kept.event
    if is_word_to_all(event):  # that the customer was told it is a fact, and no agent's work
        return _as_it_was(ticket, plan, kept) if ticket.needs_agent else None
    return by_staff.tell_progress(ticket, plan, event.by, _text(event), event.at)


def _told_of_remedy(ticket: Ticket, plan: Plan, kept: _KeptEvent) -> Change | None:
    """What the customer is told of a remedy counts as progress while somebody works on the ticket.

    The remedy itself is not repeated: who approved what does not follow from a plan.
    """
    event = kept.event
    if not ticket.needs_agent:
        return None
    return by_staff.tell_progress(ticket, plan, event.by, event.data.get("text", ""), event.at)


def _replied(ticket: Ticket, plan: Plan, kept: _KeptEvent) -> Change | None:
    event = kept.event
    waits = bool(event.data.get("wait_for_customer"))
    return by_staff.reply(ticket, plan, event.by, _text(event), waits, event.at)


def _noted(ticket: Ticket, plan: Plan, kept: _KeptEvent) -> Change | None:
    event = kept.event
    if "withdrawn" in event.data:
        return _as_it_was(ticket, plan, kept)
    if not event.by.is_person:
        return None
    return by_staff.note(ticket, plan, event.by, _text(event), event.at)


def _customer_wrote(ticket: Ticket, plan: Plan, kept: _KeptEvent) -> Change | None:
    event, source = kept.event, kept.event.data.get("source")
    if is_bare_thanks(event):
        # A bare thanks changes one thing at most: until when its connector takes our answers.
        return _again(ticket, plan, event) if source else None
    if not _text(event):
        return by_customer.attach(ticket, plan, event.data.get("files", ()), event.at)
    return by_customer.write(ticket, plan, _text(event), event.at, source=source, recognise=False)


def _message_counted(ticket: Ticket, plan: Plan, kept: _KeptEvent) -> Change | None:
    require_possible(Step.COUNT_MESSAGE, ticket)
    return _again(ticket, plan, kept.event)


def _again(ticket: Ticket, plan: Plan, event: Event) -> Change:
    """The same event in the replay."""
    again = Event(ticket.version + 1, event.type, event.at, event.by, event.data)
    return Change(ticket, (again,), apply(ticket, again, plan), plan)


def _promised(ticket: Ticket, plan: Plan, kept: _KeptEvent) -> Change | None:
    event = kept.event
    if not event.data.get("heard", True):
        require_possible(Step.PROMISE, ticket)
        return _again(ticket, plan, event)
    due = datetime.fromisoformat(event.data["by"])
    return by_staff.promise(ticket, plan, event.by, due, _text(event), event.at)


def _held(ticket: Ticket, plan: Plan, kept: _KeptEvent) -> Change | None:
    event = kept.event
    return by_staff.hold(ticket, plan, event.by, event.data["reason"], _text(event), event.at)


def _released(ticket: Ticket, plan: Plan, kept: _KeptEvent) -> Change | None:
    return by_staff.release(ticket, plan, kept.event.by, kept.event.at)


def _corrected(ticket: Ticket, plan: Plan, kept: _KeptEvent) -> Change | None:
    event, data = kept.event, kept.event.data
    if "started_at" in data:
        return by_call.correct_again(ticket, plan, event.by, data, event.at)
    stopped_at = datetime.fromisoformat(data["stopped_at"])
    later = data.get("unanswered_since")
    words = [datetime.fromisoformat(later)] if later else []
    return by_staff.correct(
        ticket, plan, event.by, data["clock"], stopped_at, data["why"], event.at, words
    )


def _resolved(ticket: Ticket, plan: Plan, kept: _KeptEvent) -> Change | None:
    """Resolve the ticket as it was really resolved.

    Remedies are not repeated. If the customer has one, the resolution needed no text for it, and
    needs none under the draft: its kind stands in place of the text.
    """
    event, data = kept.event, kept.event.data
    given = [one.kind for one in kept.real.remedies if one.stands]
    return by_staff.resolve(
        ticket,
        plan,
        event.by,
        _text(event),
        data.get("outcome"),
        data.get("remedy") or next(iter(given), None),
        data.get("root_cause"),
        event.at,
        preference_in(data),
    )


def _callback_attempted(ticket: Ticket, plan: Plan, kept: _KeptEvent) -> Change | None:
    event = kept.event
    return by_staff.record_callback(ticket, plan, event.by, "no_answer", _text(event), event.at)


def _confirmed(ticket: Ticket, plan: Plan, kept: _KeptEvent) -> Change | None:
    return by_customer.confirm(ticket, plan, kept.event.by, kept.event.at)


def _disputed(ticket: Ticket, plan: Plan, kept: _KeptEvent) -> Change | None:
    event = kept.event
    return by_customer.dispute(ticket, plan, event.by, _text(event), event.at)


def _surveyed(ticket: Ticket, plan: Plan, kept: _KeptEvent) -> Change | None:
    return by_customer.answer_survey(ticket, plan, kept.event.data["answers"], kept.event.at)


def _withdrawn(ticket: Ticket, plan: Plan, kept: _KeptEvent) -> Change | None:
    return by_customer.withdraw(ticket, plan, _text(kept.event), kept.event.at)


def _merged(ticket: Ticket, plan: Plan, kept: _KeptEvent) -> Change | None:
    """A merge ends its source, and the target takes it in.

    The promises that came with the source are not replayed: the draft has not made them.
    """
    event = kept.event
    ends = event.data["kind"] == LinkKind.MERGED_INTO
    require_possible(Step.MERGE if ends else Step.TAKE_IN, ticket)
    data = event.data if ends else event.data | {"clocks": {}}
    draft = Draft(ticket, plan, event.by, event.at).add(EventType.MERGED, data)
    if ends:
        draft.add(EventType.CLOSED, {"closure": MERGED}, SYSTEM)
    return draft.change()


def _split(ticket: Ticket, plan: Plan, kept: _KeptEvent) -> Change | None:
    """Take over which messages went to another ticket, and what is left unanswered.

    If staff answer under the draft as they did really, the same messages wait for an answer.
    """
    return _as_it_was(ticket, plan, kept) if ticket.needs_agent else None


def _unsplit(ticket: Ticket, plan: Plan, kept: _KeptEvent) -> Change | None:
    """The end of a split ends the ticket that was split off.

    What came back to the other one is not replayed: the clocks of the event are those of its plan.
    """
    event = kept.event
    if event.data["kind"] != LinkKind.SPLIT_FROM:
        return None
    require_possible(Step.END_SPLIT, ticket)
    draft = Draft(ticket, plan, event.by, event.at).add(EventType.UNSPLIT, event.data)
    return draft.add(EventType.CLOSED, {"closure": SPLIT_UNDONE}, SYSTEM).change()


_STEPS: Mapping[EventType, _Step | None] = {
    EventType.OPENED: None,
    EventType.ACKNOWLEDGED: _acknowledged,
    EventType.ASSIGNED: _assigned,
    EventType.UNPLACED: None,
    EventType.NOBODY_THERE: None,
    EventType.QUEUED: _queued,
    EventType.ACCEPTED: _accepted,
    EventType.CLASSIFIED: None,  # the rules of the draft decide instead (`_Classifying`)
    EventType.RECLASSIFIED: _reclassified,
    EventType.TAGGED: None,
    EventType.PROGRESS_TOLD: _progress_told,
    EventType.REPLIED: _replied,
    EventType.NOTED: _noted,
    EventType.MAIL_NOTED: _as_it_was,
    EventType.PARTICIPANTS_SET: None,
    EventType.MATCHED: None,
    EventType.ABOUT_SET: None,
    EventType.ABOUT_DOUBTED: None,
    EventType.MENTIONS_SET: None,
    EventType.FIELDS_SET: None,
    EventType.LINKED: None,
    EventType.UNLINKED: None,
    EventType.DUPLICATE_PROPOSED: None,
    EventType.DUPLICATE_DISMISSED: None,
    EventType.MERGED: _merged,
    EventType.UNMERGED: None,
    EventType.SPLIT: _split,
    EventType.UNSPLIT: _unsplit,
    EventType.INCIDENT_JOINED: None,
    EventType.INCIDENT_LEFT: None,
    EventType.REMINDED: None,
    EventType.TASK_OPENED: None,
    EventType.TASK_ASSIGNED: None,
    EventType.TASK_DONE: None,
    EventType.TASK_RETURNED: None,
    EventType.TASK_CANCELLED: None,
    EventType.TASK_PRESSED: None,
    EventType.TASK_EXTENSION_ASKED: None,
    EventType.TASK_EXTENSION_DECIDED: None,
    EventType.URGED: None,
    EventType.CHECKLIST_SET: _as_it_was,
    EventType.ITEM_GIVEN: _as_it_was,
    EventType.ITEM_ACCEPTED: _as_it_was,
    EventType.ITEM_REJECTED: _as_it_was,
    EventType.ITEM_DONE: _as_it_was,
    EventType.ITEM_OBSTRUCTED: _as_it_was,
    EventType.REMEDY_PROPOSED: None,
    EventType.REMEDY_PROMISED: _told_of_remedy,
    EventType.REMEDY_REFUSED: None,
    EventType.REMEDY_WITHDRAWN: _told_of_remedy,
    EventType.REMEDY_DONE: _told_of_remedy,
    EventType.POST_MORTEM_WRITTEN: None,
    EventType.CUSTOMER_WROTE: _customer_wrote,
    EventType.MESSAGE_COUNTED: _message_counted,
    EventType.PROMISED: _promised,
    EventType.HELD: _held,
    EventType.RELEASED: _released,
    EventType.CORRECTED: _corrected,
    EventType.CALL_RECORDED: None,
    EventType.ANSWER_REPORTED: _as_it_was,
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
"""How each type of event is replayed. None means that it is not replayed. OPENED begins both lives
and needs no step. PLAN_CHANGED concerns only the real life. A match, and a change of
tags, of participants or of `about`, a leader's reminder, the record of a call and tasks of other
departments affect no clock that is a promise to the customer. The checklist is that of the real
life, because nobody knows what the customer would have given for another one. No search for an
agent is replayed (UNPLACED, NOBODY_THERE): nobody knows whom another search would have found. The
plan causes the other events, so the draft decides them again."""
