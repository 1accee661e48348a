"""How each event changes a ticket.

`apply` is pure: the same events under the same plan always give the same ticket, including its
clocks. A change does not read the history. It applies its new events to the stored snapshot.
A ticket's `version` is the number of its last event, so it always agrees with the history.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from copy import replace
from datetime import datetime
from typing import Any

from msgspec import convert

from redress.base.people import SYSTEM, Role
from redress.clocks.rules import clocks
from redress.clocks.rules.clocks import Action, Clock, ClockName, ClockState, Wait, Waits
from redress.plans.rules.plan import Plan, Promise
from redress.tickets.rules import (
    checklist_events,
    merge_events,
    post_mortem,
    post_mortem_events,
    remedies,
    remedy_events,
    split_events,
    task_events,
)
from redress.tickets.rules.calls import talks_with
from redress.tickets.rules.interest import kept_from_in_doubt
from redress.tickets.rules.preference import PHONE, preference_in
from redress.tickets.rules.tasks import id_in
from redress.tickets.rules.ticket import (
    UNPROVEN,
    Contact,
    Conversation,
    Duplicate,
    Event,
    EventType,
    InIncident,
    LinkKind,
    Placing,
    Resolution,
    State,
    Ticket,
    TicketLink,
    after_missed_call,
    classification_of,
    is_bare_thanks,
    is_survey_due,
    is_word_to_all,
    of_every_team,
    promises,
    waits_for,
    within_call_hours,
)


def fold(events: Iterable[Event], plan: Plan, plans: Callable[[int], Plan] | None = None) -> Ticket:
    """Compute the ticket from its complete history. Raises ValueError if the history is empty.

    `plan` is the plan under which the ticket was opened. `plans` returns the plan of a version; it
    is needed if the ticket was moved to another plan.
    """
    states = [ticket for ticket, _ in walk(events, plan, plans)]
    if not states:
        raise ValueError("a history has at least the event that opened the ticket")
    return states[-1]


def first_plan(events: Sequence[Event], ticket: Ticket) -> int:
    """Return the version of the plan under which a ticket was opened, from its complete history."""
    moves = (event for event in events if event.type is EventType.PLAN_CHANGED)
    moved = next(moves, None)
    version: int = ticket.plan_version if moved is None else moved.data["from"]
    return version


def walk(
    events: Iterable[Event], plan: Plan, plans: Callable[[int], Plan] | None = None
) -> Iterator[tuple[Ticket, Event]]:
    """Yield each event of a history, with the ticket after it. Takes the parameters of `fold`."""
    ticket: Ticket | None = None
    for event in events:
        if event.type is EventType.PLAN_CHANGED and plans is not None:
            plan = plans(event.data["plan_version"])
        ticket = apply(ticket, event, plan)
        yield ticket, event


def apply(ticket: Ticket | None, event: Event, plan: Plan) -> Ticket:
    """Return the ticket after one more event. Does not check whether the event was allowed."""
    if ticket is None:
        return _opened(event, plan)
    ticket = replace(
        ticket,
        version=event.number,
        changed_at=event.at,
        last_person_version=event.number if _agent_must_see(event) else ticket.last_person_version,
    )
    changed = _unjoined(ticket, _APPLY[event.type](ticket, event, plan))
    changed = _placed(_accepted_by_acting(ticket, changed, event))
    changed = _in_conversation(ticket, changed, event)
    return _paused_or_resumed(changed, event.at, plan)


def _unjoined(before: Ticket, after: Ticket) -> Ticket:
    """Return `after`; if its team has changed, without the roles that have joined.

    A role stands for its people in the ticket's team. In another team these are other people. The
    role of managers stays, because managers are the same people for every team.
    """
    if after.team == before.team:
        return after
    return replace(
        after,
        joined=of_every_team(after.joined),
        clocks={name: clocks.unjoined(clock) for name, clock in after.clocks.items()},
    )


def _accepted_by_acting(before: Ticket, after: Ticket, event: Event) -> Ticket:
    """Return the ticket as accepted if its agent acted on it, or if it needs no agent any more."""
    if after.unaccepted_since is None:
        return after
    acted = event.by.is_staff and event.by.id == before.assignee == after.assignee
    return replace(after, unaccepted_since=None) if acted or not after.needs_agent else after


_TOLD = frozenset({EventType.PROGRESS_TOLD, EventType.REPLIED})
"""What staff say to the customer while they speak with them, or afterwards."""
_TOLD_AFTERWARDS = frozenset({EventType.PROMISED, EventType.HELD, EventType.RESOLVED})
"""What staff tell the customer only at the end of a conversation."""


def _in_conversation(before: Ticket, after: Ticket, event: Event) -> Ticket:
    """Return the ticket with what is known about its live conversation after an event.

    It begins with the reaction of a person, also if a correction reports it, and goes on until it
    is known to be over (`_is_over`). Then the ticket takes nothing of its agent's attention.
    """
    if not (after.live or after.in_conversation):
        return after
    if not after.live or _is_over(before, after, event):
        return replace(after, live=0, in_conversation=False)
    begun = before.is_unanswered and not after.is_unanswered
    return replace(after, in_conversation=True) if begun else after


def _is_over(before: Ticket, after: Ticket, event: Event) -> bool:
    """Whether a live conversation is over after an event.

    It is over if the ticket leaves its agent, or waits for nobody, and with a promise, a hold or a
    resolution. A call is also over with a reply, which documents it: nobody writes while they
    speak. So it is with progress, unless that is the first word. The first word says that somebody
    has picked up. In a chat, replies and progress are the conversation. A call is over when its
    record has an end. A word to all customers of an incident says nothing about the conversation.
    """
    if after.assignee is None or not after.needs_agent:
        return True
    if event.type in _TOLD_AFTERWARDS:
        return bool(event.data.get("heard", True))
    if event.type is EventType.CALL_RECORDED:
        return after.channel == PHONE and "ended" in event.data
    if event.type not in _TOLD or after.channel != PHONE or is_word_to_all(event):
        return False
    return event.type is EventType.REPLIED or not before.is_unanswered


def _placed(ticket: Ticket) -> Ticket:
    """End the search for an agent if the ticket needs none any more."""
    return ticket if ticket.needs_agent or ticket.placing is None else replace(ticket, placing=None)


def _paused_or_resumed(ticket: Ticket, at: datetime, plan: Plan) -> Ticket:
    """Pause or resume each open clock after an event.

    A clock is paused while the ticket waits for one of the reasons that its promise names, and runs
    otherwise. This rule is the same for every event. While a message of the customer is unanswered,
    no clock is paused, even if the ticket is on hold, because the delay is then not the customer's.
    """
    reasons = waits_for(ticket)
    changed = {}
    for name, clock in ticket.clocks.items():
        if clock.over:
            continue
        adjust = clocks.resume if set(reasons).isdisjoint(clock.pauses) else clocks.pause
        adjusted = adjust(clock, at, plan.calendar(clock.calendar))
        if adjusted is not clock:
            changed[name] = adjusted
    waits = _waits_after(ticket.waits, reasons, at)
    if not changed and waits is ticket.waits:
        return ticket
    return replace(ticket, clocks=ticket.clocks | changed, waits=waits)


def _waits_after(waits: Waits, reasons: tuple[str, ...], at: datetime) -> Waits:
    """Return the waits after the ticket's reasons to wait became `reasons` at the time `at`.

    Waits for other reasons end, and waits for new reasons begin. Waits of no length are removed,
    also those that began at a wrong time, later than `at`.
    """
    in_progress = {wait.reason for wait in waits if wait.end is None}
    if in_progress == set(reasons):
        return waits
    earlier = (
        replace(wait, end=at) if wait.end is None and wait.reason not in reasons else wait
        for wait in waits
    )
    new = (Wait(reason, at) for reason in reasons if reason not in in_progress)
    return (*(wait for wait in earlier if wait.end is None or wait.begin < wait.end), *new)


def _agent_must_see(event: Event) -> bool:
    """Whether an agent must have seen this event before they change the ticket.

    This is so if a person caused the event, unless it changes nothing that an agent decides on: a
    note, a reminder, a leader who presses for a task, a customer who urges. A word to all customers
    of an incident was written by a person, also if the event does not name them.
    """
    if is_word_to_all(event):
        return True
    return event.by.is_person and event.type not in _CHANGE_NOTHING


_CHANGE_NOTHING = (
    EventType.NOTED,
    EventType.REMINDED,
    EventType.TASK_PRESSED,
    EventType.URGED,
)


_STARTED_AT_OPENING = (
    ClockName.ACKNOWLEDGEMENT,
    ClockName.REACTION,
    ClockName.FIRST_RESPONSE,
    ClockName.RESOLUTION,
)
"""The clocks that start when a ticket is opened. Later events start the others. If the mail that
opened the ticket must not be answered automatically, no acknowledgement is promised."""


def _opened(event: Event, plan: Plan) -> Ticket:
    data = event.data
    level = plan.level(data["kind"])
    customer_type = data.get("customer_type", "standard")
    priority = plan.priority(level.urgency, level.impact)
    classification = (data["kind"], data["channel"], priority, customer_type)
    promised = plan.promises(*classification)
    team = plan.team(*classification)
    # The intake does not read the list of staff. Until somebody has looked, it may be any agent.
    is_unsearched = (
        event.by.role is Role.CUSTOMER and data["kind"] == "complaint" and bool(data.get("about"))
    )
    mail = data.get("mail", {})
    if "unacknowledged" in mail:
        promised.pop(ClockName.ACKNOWLEDGEMENT, None)
    missed_call = data.get("missed_call", False)
    if missed_call:
        promised = after_missed_call(promised, plan)
    split = data.get("split")
    if split is not None and not data["contact"].get("email"):
        promised.pop(ClockName.ACKNOWLEDGEMENT, None)  # nobody tells them by mail
    ticket = Ticket(
        number=data["number"],
        version=event.number,
        last_person_version=event.number,
        state=State.NEW,
        kind=data["kind"],
        channel=data["channel"],
        language=data["language"],
        subject=data["subject"],
        contact=Contact(
            data["contact"]["name"],
            data["contact"].get("email"),
            data["contact"].get("phone"),
            data["contact"].get("phone_e164"),
            data["contact"].get("company"),
            data["contact"].get("no_sms", False),
        ),
        team=team,
        priority=priority,
        urgency=level.urgency,
        impact=level.impact,
        customer_type=customer_type,
        category=data.get("category"),
        order=data.get("order"),
        fields=tuple(sorted((name, _shortened(one)) for name, one in data["fields"].items()))
        if "fields" in data
        else (),
        about_unclear=() if is_unsearched else None,
        about_unsearched=is_unsearched,
        kept_from=kept_from_in_doubt(plan, (), team, event.at) if is_unsearched else (),
        plan_version=plan.version,
        first_sender=mail.get("sender"),
        links=(TicketLink(LinkKind.FOLLOW_UP_OF, data["follows"]),) if "follows" in data else (),
        created_at=event.at,
        changed_at=event.at,
        unanswered_since=event.at,
        missed_call=missed_call,
        conversation=_conversation_at_opening(data),
        clocks={
            name: _new_clock(promised[name], event.at, plan)
            for name in _STARTED_AT_OPENING
            if name in promised
        },
    )
    return ticket if split is None else _split_off(ticket, event, plan)


def _split_off(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """The new ticket as one that was split off another one.

    The solution counts from when the author wrote the messages, and the first answer from when they
    began to wait for one. The acknowledgement is that of the new number. The reaction is a promise
    that nobody has made to them before.
    """
    split, promised = event.data["split"], promises(ticket, plan)
    ticket = split_events.opened(ticket, event)
    assert ticket.split is not None, "it was set just now"
    begun = {
        ClockName.FIRST_RESPONSE: ticket.split.since,
        ClockName.RESOLUTION: datetime.fromisoformat(split["at"]),
    }
    own = {
        name: _new_clock(promised[name], at, plan)
        for name, at in begun.items()
        if name in ticket.clocks
    }
    return split_events.with_promises(replace(ticket, clocks=ticket.clocks | own), event)


def _conversation_at_opening(data: dict[str, Any]) -> Conversation | None:
    """The conversation of a new ticket: that of its message, or of the ticket that it follows."""
    if "conversation" in data:
        return convert(data["conversation"], Conversation)
    return _conversation_in(data.get("source", {}))


def _conversation_in(source: dict[str, Any]) -> Conversation | None:
    """The conversation of a message from a connector that takes answers; None for any other."""
    if not source.get("answered"):
        return None
    until = source.get("answer_until")
    return Conversation(
        source["connector"],
        source["conversation"],
        None if until is None else datetime.fromisoformat(until),
    )


def _conversation_after(ticket: Ticket, source: dict[str, Any]) -> Conversation | None:
    """The conversation through which the customer is answered after one more message.

    A message from a phone number that nobody has proven does not change it. A message through
    another connector that takes no answers does not, either: the earlier way is still the only one.
    Messages may come late and in any order, so within a conversation the latest end counts.
    """
    earlier, found = ticket.conversation, _conversation_in(source)
    if UNPROVEN in source:
        return earlier
    if found is None:
        is_other = earlier is not None and earlier.connector != source["connector"]
        return earlier if is_other else None
    if earlier is None or (found.connector, found.id) != (earlier.connector, earlier.id):
        return found
    if found.until is None or earlier.until is None:
        return replace(found, until=None)
    return replace(found, until=max(found.until, earlier.until))


FIELD_LIMIT = 500
"""The most characters of a field that the snapshot keeps. What a customer wrote may be longer; the
event has it whole. Every step writes the snapshot."""


def _shortened(text: str) -> str:
    return text if len(text) <= FIELD_LIMIT else f"{text[: FIELD_LIMIT - 1]}…"


def _new_clock(promise: Promise, at: datetime, plan: Plan) -> Clock:
    return clocks.start(
        promise.target_s,
        at,
        plan.calendar(promise.calendar),
        name=promise.calendar,
        ladder=promise.ladder,
        pauses=promise.pauses,
    )


def _start_clocks(
    ticket: Ticket, plan: Plan, at: datetime, *names: ClockName
) -> dict[ClockName, Clock]:
    """Return the ticket's clocks after starting the named ones that the plan promises, at `at`."""
    promised = promises(ticket, plan)
    if callback := promised.get(ClockName.CALLBACK):
        promised[ClockName.CALLBACK] = within_call_hours(callback, ticket, at, plan)
    return ticket.clocks | {
        name: _new_clock(promised[name], at, plan) for name in names if name in promised
    }


def _stop_clocks(
    ticket: Ticket, event: Event, plan: Plan, *names: ClockName
) -> dict[ClockName, Clock]:
    """Return the ticket's clocks after stopping the named ones that are open.

    `held_by` records the person who kept the promise, or the ticket's agent if it was missed.
    """
    stopped = dict(ticket.clocks)
    for name in names:
        clock = stopped.get(name)
        if clock is None or clock.over:
            continue
        ended = clocks.stop(clock, event.at, plan.calendar(clock.calendar))
        if not ended.breached:
            ended = replace(ended, held_by=ticket.assignee if ended.missed else event.by.id or None)
        stopped[name] = ended
    return stopped


def _with_update_restarted(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """Restart the clock of the periodic update, because the customer was sent a message."""
    if not ticket.needs_agent:
        return ticket
    return replace(ticket, clocks=_start_clocks(ticket, plan, event.at, ClockName.UPDATE))


def _acknowledged(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return replace(
        ticket,
        acknowledged_at=event.at,
        clocks=_stop_clocks(ticket, event, plan, ClockName.ACKNOWLEDGEMENT),
    )


def _assigned(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    team = event.data.get("team", ticket.team)
    return replace(
        remedy_events.handed_over(ticket, event.data["agent"]),
        assignee=event.data["agent"],
        placing=None,
        live=event.data.get("live", 0),
        **_team_after(ticket, event),
        preferred=None,
        avoid=None,
        unaccepted_since=None if event.data.get("accepted", True) else event.at,
        declined_by=_declined_by(ticket, team),
        handovers=ticket.handovers + _is_handover(ticket, event),
    )


def _team_after(ticket: Ticket, event: Event) -> dict[str, Any]:
    """The fields of a ticket that say its team, after an event that may move it.

    If a complaint about nobody knows whom is kept from the supervisors of its team, it is kept from
    those of the next team, too: it may be about one of their agents.
    """
    team = event.data.get("team", ticket.team)
    kept = ticket.kept_from
    if ticket.about_unclear == () and kept:
        kept = tuple(sorted({*kept, team}))
    decided = ticket.team_decided or team != ticket.team
    return {"team": team, "team_decided": decided, "kept_from": kept}


def _unplaced(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    placing = Placing(event.at, event.data.get("ladder", ""))
    return replace(ticket, placing=placing, **_team_after(ticket, event))


def _nobody_there(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return replace(ticket, nobody_told=True)


def _queued(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    team = event.data.get("team", ticket.team)
    declined_by = _declined_by(ticket, team)
    if event.data.get("declined"):
        declined_by = tuple(dict.fromkeys((*declined_by, event.data["from"])))
    return replace(
        ticket,
        assignee=None,
        placing=None,
        live=0,
        **_team_after(ticket, event),
        preferred=_unless_about(event.data.get("preferred"), ticket.about),
        avoid=event.data.get("avoid"),
        unaccepted_since=None,
        declined_by=declined_by,
        handovers=ticket.handovers + _is_handover(ticket, event),
    )


def _accepted(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return replace(ticket, unaccepted_since=None)


def _declined_by(ticket: Ticket, team: str) -> tuple[str, ...]:
    """Return the agents who declined the ticket, if it is in this team now."""
    return ticket.declined_by if team == ticket.team else ()


def _is_handover(ticket: Ticket, event: Event) -> bool:
    """Whether the ticket's agent gave it to another agent, or to the queue of another team.

    An agent who declines a ticket leaves it to the queue of the team, which is no hand-over.
    """
    if event.by.role is not Role.AGENT or event.by.id != ticket.assignee:
        return False
    if event.type is EventType.ASSIGNED:
        return bool(event.data["agent"] != event.by.id)
    return bool(event.data.get("team", ticket.team) != ticket.team)


MOVE_PROMISES = ("kind", "urgency", "impact", "customer_type")
"""The values of a classification on which promises depend."""


def _classified(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """Set what the rules of the plan have found. No promise becomes later by it."""
    values = event.data["values"]
    ticket = _without_doubt(replace(ticket, **values, classified=True))
    if set(values).isdisjoint(MOVE_PROMISES):
        return ticket
    priority = _priority(ticket.raised, plan, ticket.urgency, ticket.impact)
    return _replanned(replace(ticket, priority=priority), event.at, plan, not_later=True)


def corrects_only_category(event: Event, before: Ticket) -> bool:
    """Whether an event changes a ticket's category and nothing else, so that no promise moves."""
    return (
        event.type is EventType.RECLASSIFIED
        and "category" in event.data
        and all(event.data[name] == getattr(before, name) for name in MOVE_PROMISES)
    )


def _reclassified(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    data = event.data
    level = plan.level(data["kind"])
    urgency, impact = data.get("urgency", level.urgency), data.get("impact", level.impact)
    classified = ticket.classified or event.by.is_person
    if corrects_only_category(event, ticket):
        ticket = replace(ticket, category=data["category"], classified=classified)
        return _searched_again(ticket, plan)
    ticket = replace(
        ticket,
        classified=classified,
        kind=data["kind"],
        urgency=urgency,
        impact=impact,
        priority=_priority(ticket.raised, plan, urgency, impact),
        customer_type=data.get("customer_type", ticket.customer_type),
        category=data.get("category", ticket.category),
    )
    ticket = _searched_again(_without_doubt(ticket), plan)
    return _replanned(ticket, event.at, plan, not_later=bool(data.get("not_later")))


def _searched_again(ticket: Ticket, plan: Plan, *, moved: bool = False) -> Ticket:
    """End the search for an agent if the plan has other steps for the ticket as it is now.

    Otherwise the ticket keeps its steps and how far it has come in them. A version before stored
    indexes of steps. They mean something only in the plan in which the search began, so if the
    ticket `moved` to another one, the search ends.
    """
    search, of = ticket.placing, classification_of(ticket)
    if search is None or search.ladder == plan.placing(of):
        return ticket
    if not moved and search.ladder == plan.indexed_placing(of):
        return ticket
    return replace(ticket, placing=None)


def _without_doubt(ticket: Ticket) -> Ticket:
    """End the doubt whom a complaint is about, if the ticket is no complaint any more.

    Nobody has decided, so the search begins anew if it becomes a complaint again.
    """
    if ticket.about_unclear is None or ticket.kind == "complaint":
        return ticket
    kept = ticket.kept_from if ticket.about else ()
    return replace(ticket, about_unclear=None, about_unsearched=False, kept_from=kept)


def _tagged(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return replace(ticket, tags=tuple(event.data["tags"]))


def _fields_set(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    kept = dict(ticket.fields) | event.data["fields"]
    left = sorted((name, value) for name, value in kept.items() if value is not None)
    return replace(ticket, fields=tuple(left))


def _priority(raised: str | None, plan: Plan, urgency: str, impact: str) -> str:
    """Return the higher of two priorities: the one in the plan's matrix, and `raised`."""
    priority = plan.priority(urgency, impact)
    if raised is None or raised not in plan.priorities:
        return priority
    return plan.higher(priority, raised)


def _with_raised_priority(ticket: Ticket, to: str, plan: Plan) -> Ticket:
    before = ticket.raised if ticket.raised in plan.priorities else None
    raised = plan.higher(before, to) if before else to
    return replace(ticket, raised=raised, priority=plan.higher(ticket.priority, to))


def _replanned(ticket: Ticket, at: datetime, plan: Plan, *, not_later: bool = False) -> Ticket:
    """Recompute every open promise from its beginning, after its plan or classification changed.

    The time consumed so far is measured again. A promise that no longer applies is cancelled. A
    promise that did not apply before the change is added. A reaction then counts from the opening
    of the ticket, a next reply from the oldest unanswered message, and an update from `at`.
    A promise that was cancelled and applies again is computed as if it had never been cancelled.

    `not_later` says that no person has decided the change. The customer may have been told a
    promise. So an open one stays as it is if it would no longer apply, and keeps its due time if it
    would become later. It then has the ladder of the new promise, which says who is told. For the
    steps that have acted, the same holds as for those of a promise that is recomputed.
    """
    promised = promises(ticket, plan)
    changed: dict[ClockName, Clock] = {}
    for name, clock in ticket.clocks.items():
        promise = promised.get(name)
        if name is ClockName.OWN_WORD:  # the agent chose the due time, the plan has the ladder
            promise = replace(plan.own_word, target_s=clock.target_s)
        if name is ClockName.CALLBACK and promise is not None:
            promise = within_call_hours(promise, ticket, clock.started_at, plan)
        if clock.over or (promise is None and not_later):
            changed[name] = clock
        elif promise is None:
            changed[name] = clocks.cancel(clock, at)
        else:
            replanned = _replanned_clock(ticket, name, clock, promise, at, plan)
            stays = not_later and replanned.due_at > clock.due_at
            ladder = promise.ladder
            changed[name] = _put_on(ticket, name, clock, ladder, at, plan) if stays else replanned
    starts: dict[ClockName, datetime] = {}
    if ticket.state is State.NEW and not ticket.reacted:
        starts[ClockName.REACTION] = ticket.created_at
    elif ticket.needs_agent and ticket.state is not State.NEW:
        starts[ClockName.UPDATE] = at
        if ticket.unanswered_since is not None:
            starts[ClockName.NEXT_REPLY] = ticket.unanswered_since
    for name, start in starts.items():
        old = changed.get(name)
        if name not in promised or (old is not None and not old.over):
            continue
        if old is not None and old.state is ClockState.CANCELLED and old.started_at == start:
            revived = clocks.revive(old)
            changed[name] = _replanned_clock(ticket, name, revived, promised[name], at, plan)
        else:
            changed[name] = _new_clock(promised[name], start, plan)
    return replace(ticket, clocks=changed)


def _replanned_clock(
    ticket: Ticket, name: ClockName, clock: Clock, promise: Promise, at: datetime, plan: Plan
) -> Clock:
    return clocks.replan(
        clock,
        promise.target_s,
        at,
        plan.calendar(promise.calendar),
        waits=ticket.waits,
        name=promise.calendar,
        ladder=promise.ladder,
        pauses=promise.pauses,
        rungs=plan.rungs(name, promise.ladder, promise.target_s, by_mail=ticket.callback_by_mail),
    )


def _put_on(
    ticket: Ticket, name: ClockName, clock: Clock, ladder: str, at: datetime, plan: Plan
) -> Clock:
    rungs = plan.rungs(name, ladder, clock.target_s, by_mail=ticket.callback_by_mail)
    return clocks.put_on(clock, ladder, rungs, at, plan.calendar(clock.calendar))


def _plan_changed(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """Move the ticket to `plan`. Clocks that ended under the old plan are never measured again."""
    ended = {
        name: replace(clock, settled=True) if clock.over else clock
        for name, clock in ticket.clocks.items()
    }
    ticket = replace(
        ticket,
        plan_version=plan.version,
        clocks=ended,
        priority=_priority(ticket.raised, plan, ticket.urgency, ticket.impact),
    )
    ticket = task_events.moved_to_plan(ticket, event, plan)
    ticket = remedy_events.moved_to_plan(ticket, event, plan)
    if ticket.resolution is not None and "cause_words" in event.data:
        resolution = replace(ticket.resolution, cause_words=event.data["cause_words"])
        ticket = replace(ticket, resolution=resolution)
    return _replanned(_searched_again(ticket, plan, moved=True), event.at, plan)


def _progress_told(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    if is_word_to_all(event):
        return _word_told(ticket, event, plan)
    if "untold" in event.data:
        return ticket  # the customer has heard nothing, so nothing that was promised is kept
    stopped = _stop_clocks(ticket, event, plan, ClockName.REACTION)
    return _with_update_restarted(replace(ticket, reacted=True, clocks=stopped), event, plan)


def _word_told(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """Record a word to all customers of an incident.

    It stops the reaction clock, and nobody has kept that promise: it was written once for many. A
    customer who waits in a queue for a live conversation was promised a person, so they wait on.
    """
    if ticket.incident is not None:
        word, untold = event.data["word"], event.data.get("untold", "")
        ticket = replace(ticket, incident=replace(ticket.incident, word=word, untold=untold))
    if "untold" in event.data or _waits_for_a_person(ticket, plan):
        return ticket
    stopped = _stop_clocks(ticket, replace(event, by=SYSTEM), plan, ClockName.REACTION)
    return _with_update_restarted(replace(ticket, reacted=True, clocks=stopped), event, plan)


def _waits_for_a_person(ticket: Ticket, plan: Plan) -> bool:
    """Whether the customer waits on a live channel, and no person has said anything yet."""
    is_live_channel = bool(ticket.live or plan.weight(ticket.channel))
    return ticket.is_unanswered and ticket.is_live and is_live_channel


def _checklist_set(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return checklist_events.was_set(ticket, event)


def _item_given(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return checklist_events.given(ticket, event)


def _item_accepted(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return checklist_events.accepted(ticket, event)


def _item_rejected(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """Reject an item. Staff tell the customer why, so it is also progress."""
    return _progress_told(checklist_events.rejected(ticket, event), event, plan)


def _item_done(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """Record that a step is done. Staff tell the customer its result, so it is also progress."""
    return _progress_told(checklist_events.done(ticket, event), event, plan)


def _item_obstructed(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """Record an obstacle. Staff tell the customer of it, so it is also progress."""
    return _progress_told(checklist_events.obstructed(ticket, event), event, plan)


_STOPPED_BY_REPLY = (
    ClockName.REACTION,
    ClockName.FIRST_RESPONSE,
    ClockName.NEXT_REPLY,
    ClockName.OWN_WORD,
)
"""The clocks that a public reply to the customer stops."""


def _replied(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    waiting = bool(event.data.get("wait_for_customer"))
    replied = replace(
        ticket,
        state=State.WAITING if waiting else State.OPEN,
        replies=ticket.replies + 1,
        unanswered_since=None,
        clocks=_stop_clocks(ticket, event, plan, *_STOPPED_BY_REPLY),
    )
    return _with_update_restarted(replied, event, plan)


def _promised(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """Start the clock of an agent's own promise. The agent chose its due time.

    It is also a reaction and progress, unless the event says that the customer has not heard of it.
    Events of the version before do not say so.
    """
    due = datetime.fromisoformat(event.data["by"])
    promise = replace(plan.own_word, target_s=(due - event.at).total_seconds())
    begun = ticket.clocks | {ClockName.OWN_WORD: _new_clock(promise, event.at, plan)}
    if not event.data.get("heard", True):
        return replace(ticket, clocks=begun)
    stopped = _stop_clocks(replace(ticket, clocks=begun), event, plan, ClockName.REACTION)
    return _with_update_restarted(replace(ticket, reacted=True, clocks=stopped), event, plan)


def _remedy_promised(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return _told_of_remedy(remedy_events.promised(ticket, event, plan), event, plan)


def _remedy_withdrawn(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    changed = remedy_events.withdrawn(ticket, event, plan)
    return _told_of_remedy(changed, event, plan) if "text" in event.data else changed


def _remedy_done(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return _told_of_remedy(remedy_events.done(ticket, event, plan), event, plan)


def _told_of_remedy(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """The customer is told something by a person, as with progress."""
    return _progress_told(ticket, event, plan) if ticket.needs_agent else ticket


def _held(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    held = replace(ticket, on_hold=event.data["reason"], held_since=event.at)
    return _with_update_restarted(held, event, plan)


def _released(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return replace(ticket, on_hold=None, held_since=None)


def _corrected(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """Record that staff answered the customer earlier than the history says, for example by phone.

    Messages that the customer wrote after that answer are still unanswered. The event contains the
    time of the first of them, and the next-reply clock starts at that time. The record of a call
    also says when the caller began to wait, and who answered. If it corrects an earlier record, it
    says from when on the periodic update counts, because that began with the answer.
    """
    name = ClockName(event.data["clock"])
    at = datetime.fromisoformat(event.data["stopped_at"])
    was_open = not ticket.clocks[name].over
    corrected = {name: _corrected_clock(ticket, name, at, plan, event)}
    reaction = ticket.clocks.get(ClockName.REACTION)
    if reaction is not None and not reaction.over:  # an answer also counts as a reaction
        corrected[ClockName.REACTION] = _corrected_clock(
            ticket, ClockName.REACTION, at, plan, event
        )
    ticket = replace(ticket, reacted=True, clocks=ticket.clocks | corrected)
    if event.data.get("restarts_update"):
        ticket = replace(ticket, clocks=_start_clocks(ticket, plan, at, ClockName.UPDATE))
    if name is ClockName.REACTION or not was_open:
        return ticket
    since = event.data.get("unanswered_since")
    unanswered = datetime.fromisoformat(since) if since else None
    starts: list[tuple[ClockName, datetime]] = []
    update = ticket.clocks.get(ClockName.UPDATE)
    if update is None or update.over or update.started_at < at:
        starts.append((ClockName.UPDATE, at))
    if unanswered is not None:
        starts.append((ClockName.NEXT_REPLY, unanswered))
    ticket = replace(
        ticket,
        state=State.OPEN if ticket.state is State.NEW else ticket.state,
        replies=ticket.replies + 1,
        unanswered_since=unanswered,
    )
    for started, start in starts:
        ticket = replace(ticket, clocks=_start_clocks(ticket, plan, start, started))
    return _with_hold_after_answer(ticket, at, unanswered, event, plan)


def _with_hold_after_answer(
    ticket: Ticket, answered: datetime, unanswered: datetime | None, event: Event, plan: Plan
) -> Ticket:
    """Add the wait of a hold that could not pause clocks before the correction.

    Before the correction, a message of the customer counted as unanswered, so the hold paused no
    clock. With the correction, the wait begins with the hold or with the answer, whichever is
    later. It ends with the next unanswered message; without one it has no end yet. The clocks that
    the hold pauses are recomputed.
    """
    if ticket.on_hold is None or ticket.held_since is None:
        return ticket
    begin, end = max(answered, ticket.held_since), unanswered or event.at
    if begin >= end:
        return ticket
    wait = Wait(ticket.on_hold, begin, unanswered)
    ticket = replace(ticket, waits=(*ticket.waits, wait))
    recomputed = {}
    for name, clock in ticket.clocks.items():
        if wait.reason in clock.pauses and not clock.over:
            promise = Promise(clock.target_s, clock.calendar, clock.ladder, clock.pauses)
            recomputed[name] = _replanned_clock(ticket, name, clock, promise, event.at, plan)
    return replace(ticket, clocks=ticket.clocks | recomputed)


def _corrected_clock(
    ticket: Ticket, name: ClockName, at: datetime, plan: Plan, event: Event
) -> Clock:
    clock, started = ticket.clocks[name], event.data.get("started_at")
    if started is not None:
        clock = replace(clock, started_at=datetime.fromisoformat(started))
    corrected = clocks.correct(clock, at, ticket.waits, plan.calendar(clock.calendar))
    if started is not None and corrected.breached:
        corrected = replace(corrected, breached_at=corrected.due_at)
    answered_by, held_by = event.data.get("agent"), clock.held_by
    kept_by = held_by or answered_by if corrected.missed else answered_by or held_by
    return replace(corrected, held_by=kept_by or ticket.assignee)


def _call_recorded(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return replace(ticket, talks=talks_with(ticket.talks, event.data))


def _noted(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    ticket = checklist_events.files_lost(ticket, event)
    named = event.data.get("mentions", ())
    if not named:
        return ticket
    return replace(ticket, mentioned=tuple(dict.fromkeys((*ticket.mentioned, *named))))


def _mail_noted(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """A mail to the customer may be the one with their checklist. Then they do not know of it."""
    return checklist_events.known(ticket, event)


def _answer_reported(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return checklist_events.known(ticket, event)


def _reminded(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return ticket


def _mentions_set(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return replace(ticket, mentioned=tuple(event.data["mentioned"]))


def _linked(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    added = TicketLink(LinkKind(event.data["kind"]), event.data["ticket"])
    return ticket if added in ticket.links else replace(ticket, links=(*ticket.links, added))


def _unlinked(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    ended = TicketLink(LinkKind(event.data["kind"]), event.data["ticket"])
    return replace(ticket, links=tuple(one for one in ticket.links if one != ended))


def _merged(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    ticket = merge_events.merged(ticket, event)
    raised = event.data.get("priority")
    return _with_raised_priority(ticket, raised, plan) if raised else ticket


def _unmerged(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return merge_events.unmerged(ticket, event)


def _split(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return split_events.split(ticket, event)


def _unsplit(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """One of the two tickets after the split was undone.

    Its messages waited for an answer all the time. So the waits end that began with the split.
    """
    ticket = split_events.unsplit(ticket, event)
    at = split_events.split_at(event)
    return ticket if at is None else _with_waits_cut(ticket, at, event, plan)


def _duplicate_proposed(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    found = Duplicate(event.data["ticket"], event.data["similarity"])
    return replace(ticket, duplicates=(*ticket.duplicates, found))


def _duplicate_dismissed(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    number = event.data["ticket"]
    return replace(
        ticket,
        duplicates=tuple(
            replace(one, dismissed=True) if one.number == number else one
            for one in ticket.duplicates
        ),
    )


def _incident_joined(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    word = event.data.get("word", 0)
    return replace(ticket, incident=InIncident(event.data["incident"], word, word))


def _incident_left(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return replace(ticket, incident=None)


def _matched(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return replace(ticket, customer=event.data["customer"])


def _participants_set(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """Set the participants. The event also ends a conversation that belongs to another customer."""
    data = event.data
    return replace(
        ticket,
        participants=tuple(data["participants"]),
        conversation=None if "conversation" in data else ticket.conversation,
    )


def _about_set(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    if "moved" in event.data:  # an accused agent is in another team; nobody has decided anything
        ticket = task_events.kept_back(ticket, (), event.data.get("departments", ()))
        return replace(ticket, kept_from=tuple(event.data["kept_from"]))
    about = tuple(event.data["about"])
    ticket = task_events.kept_back(ticket, about, event.data.get("departments", ()))
    preferred = _unless_about(ticket.preferred, about)
    mentioned = tuple(one for one in ticket.mentioned if one not in about)
    return replace(
        ticket,
        about=about,
        about_decided=True,
        about_unclear=None,
        about_unsearched=False,
        kept_from=tuple(event.data.get("kept_from", ())),
        preferred=preferred,
        mentioned=mentioned,
    )


def _about_doubted(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    before = () if ticket.about_unsearched else ticket.kept_from
    teams = (*before, *event.data.get("kept_from", ()))
    return replace(
        ticket,
        about_unclear=tuple(event.data["candidates"]),
        about_unsearched=False,
        kept_from=tuple(sorted(set(teams))),
    )


def _unless_about(agent: str | None, about: Collection[str]) -> str | None:
    """Return the agent; None if the complaint is about them."""
    return None if agent in about else agent


def _customer_wrote(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    if "source" in event.data:
        ticket = replace(ticket, conversation=_conversation_after(ticket, event.data["source"]))
    if is_bare_thanks(event):
        return ticket
    if ticket.resolution is not None and not ticket.needs_agent:
        return _with_contact_after(ticket, ticket.resolution)
    return _with_unanswered_message(ticket, event.at, plan)


def _with_contact_after(ticket: Ticket, resolution: Resolution) -> Ticket:
    counted = replace(resolution, contacts_after=resolution.contacts_after + 1)
    return replace(ticket, resolution=counted)


def _with_unanswered_message(ticket: Ticket, at: datetime, plan: Plan) -> Ticket:
    """Record that the customer waits for an answer to a message of the time `at`.

    The next-reply clock starts with the oldest unanswered message. Further messages do not move it.
    """
    if ticket.state is State.WAITING:
        ticket = replace(ticket, state=State.OPEN)
    if ticket.unanswered_since is not None:
        return ticket
    ticket = replace(ticket, unanswered_since=at)
    return replace(ticket, clocks=_start_clocks(ticket, plan, at, ClockName.NEXT_REPLY))


def _message_counted(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """Treat a message that was taken for a bare thanks as an ordinary message.

    The customer has waited for an answer since it was written. If the ticket waited for the
    customer after that time, this wait ends at that time: the delay was not the customer's.
    """
    at = datetime.fromisoformat(event.data["written_at"])
    resolution = ticket.resolution
    if resolution is not None and not ticket.needs_agent:
        return _with_contact_after(ticket, resolution) if at >= resolution.at else ticket
    if event.data.get("answered"):
        return ticket
    older = ticket.unanswered_since is not None and at < ticket.unanswered_since
    if older and ticket.state is not State.NEW:
        ticket = _with_earlier_next_reply(ticket, at, event, plan)
    paused = ticket.unanswered_since is None
    ticket = _with_unanswered_message(ticket, at, plan)
    return _with_waits_cut(ticket, at, event, plan) if paused else ticket


def _with_earlier_next_reply(ticket: Ticket, at: datetime, event: Event, plan: Plan) -> Ticket:
    """Let the running next-reply clock count from the time `at` of an older message."""
    clock = ticket.clocks.get(ClockName.NEXT_REPLY)
    ticket = replace(ticket, unanswered_since=at)
    if clock is None or clock.over:
        return ticket
    promise = Promise(clock.target_s, clock.calendar, clock.ladder, clock.pauses)
    earlier = replace(clock, started_at=at)
    replanned = _replanned_clock(ticket, ClockName.NEXT_REPLY, earlier, promise, event.at, plan)
    return replace(ticket, clocks=ticket.clocks | {ClockName.NEXT_REPLY: replanned})


def _with_waits_cut(ticket: Ticket, at: datetime, event: Event, plan: Plan) -> Ticket:
    """End the waits in progress at the time `at`, and measure again the clocks that they pause."""
    begun = [wait for wait in ticket.waits if wait.end is None or wait.end > at]
    if not begun:
        return ticket
    waits = tuple(
        replace(wait, end=at) if wait in begun else wait
        for wait in ticket.waits
        if wait.begin < at or wait not in begun
    )
    ticket = replace(ticket, waits=waits)
    reasons = {wait.reason for wait in begun}
    recomputed = {}
    for name, clock in ticket.clocks.items():
        if not reasons.isdisjoint(clock.pauses) and not clock.over:
            promise = Promise(clock.target_s, clock.calendar, clock.ladder, clock.pauses)
            recomputed[name] = _replanned_clock(ticket, name, clock, promise, event.at, plan)
    return replace(ticket, clocks=ticket.clocks | recomputed)


def _resolved(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    stopped = _stop_clocks(
        ticket, event, plan, *_STOPPED_BY_REPLY, ClockName.UPDATE, ClockName.RESOLUTION
    )
    ticket = replace(
        ticket,
        state=State.RESOLVED,
        unanswered_since=None,
        on_hold=None,
        held_since=None,
        clocks=stopped,
        callback_preference=preference_in(event.data),
    )
    data = event.data
    replies = ticket.replies + 1  # a resolution is also a public reply
    return replace(
        ticket,
        replies=replies,
        clocks=_start_clocks(ticket, plan, event.at, ClockName.CALLBACK),
        callback_attempts=1 if ticket.callback_by_mail else 0,
        resolution=Resolution(
            at=event.at,
            by=event.by.id,
            team=ticket.team,
            outcome=data.get("outcome"),
            remedy=data.get("remedy"),
            root_cause=data.get("root_cause"),
            replies=replies,
            round=ticket.round,
            cause=data.get("cause"),
        ),
    )


def _callback_attempted(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return replace(ticket, callback_attempts=ticket.callback_attempts + 1)


def _confirmed(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    stopped = _stop_clocks(ticket, event, plan, ClockName.CALLBACK)
    ticket = replace(ticket, state=State.CONFIRMED, clocks=stopped)
    if not is_survey_due(ticket, plan):
        return ticket
    return replace(ticket, clocks=_start_clocks(ticket, plan, event.at, ClockName.SURVEY))


def _disputed(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """Reopen the ticket: start a new resolution promise and raise the priority."""
    stopped = _stop_clocks(ticket, event, plan, ClockName.CALLBACK)
    if (survey := stopped.get(ClockName.SURVEY)) is not None:
        stopped[ClockName.SURVEY] = clocks.cancel(survey, event.at)
    ticket = replace(
        _with_raised_priority(ticket, plan.reopened_priority, plan),
        state=State.OPEN,
        round=ticket.round + 1,
        declined_by=(),
        callback_attempts=0,
        clocks=stopped,
    )
    begun = _start_clocks(ticket, plan, event.at, ClockName.RESOLUTION, ClockName.UPDATE)
    return _with_unanswered_message(replace(ticket, clocks=begun), event.at, plan)


def _surveyed(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    """Stop the clock of the survey, which shows that it was answered.

    If the answer was low and the resolution is not confirmed, this clock does not run yet. It then
    starts and stops with the answer.
    """
    if ticket.state is State.RESOLVED:
        begun = _start_clocks(ticket, plan, event.at, ClockName.SURVEY)
        ticket = replace(ticket, clocks=begun)
    return replace(
        ticket,
        satisfaction=event.data["answers"]["overall"],
        clocks=_stop_clocks(ticket, event, plan, ClockName.SURVEY),
    )


def _withdrawn(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    return ticket


_ESCALATION_ROLES = (Role.SUPERVISOR.value, Role.MANAGER.value)
"""The roles to which a ticket can be escalated, from the lowest to the highest.

The ticket's escalation never goes down. If it is `manager` and the supervisor is notified of the
breach of another promise, it stays `manager`.
"""


def _rung_fired(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    data = event.data
    if id_in(data["clock"]) is not None:
        return task_events.rung_fired(ticket, event)
    if remedies.id_in(data["clock"]) is not None:
        return remedy_events.rung_fired(ticket, event)
    if data["clock"] == post_mortem.CLOCK:
        return post_mortem_events.rung_fired(ticket, event)
    name, action = ClockName(data["clock"]), Action(data["action"])
    if name is ClockName.ASSIGNMENT:
        if (search := ticket.placing) is None:  # another rung of the same wake ended the search
            return ticket
        return replace(ticket, placing=replace(search, fired=(*search.fired, data["step"])))
    clock = ticket.clocks[name]
    fired = clocks.fire(clock, data["step"])
    if action is Action.BREACH and not clock.breached:
        fired = replace(fired, breached_at=clock.due_at, held_by=data["held_by"])
    changed = replace(
        ticket,
        clocks=ticket.clocks | {name: fired},
        watchers=tuple(dict.fromkeys((*ticket.watchers, *data.get("watch", ())))),
    )
    if action is Action.JOIN:
        changed = replace(changed, joined=tuple(dict.fromkeys((*ticket.joined, *data["notify"]))))
    if raised := data.get("priority"):
        changed = _with_raised_priority(changed, raised, plan)
    if action is Action.ASK_AGAIN:
        return replace(changed, callback_attempts=changed.callback_attempts + 1)
    if action in (Action.BREACH, Action.ESCALATE):
        reached = [r for r in _ESCALATION_ROLES if r in data["notify"] or r == ticket.escalation]
        return replace(changed, escalation=reached[-1] if reached else None)
    return changed


def _incident_proposed(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    spike = ticket.spike_proposed
    if "within_s" in event.data:
        spike = event.data["category"]
    return replace(ticket, incident_proposed=True, spike_proposed=spike)


def _closed(ticket: Ticket, event: Event, plan: Plan) -> Ticket:
    ticket = post_mortem_events.closed(task_events.closed(ticket, event), event, plan)
    return replace(
        ticket,
        state=State.CLOSED,
        closure=event.data["closure"],
        closed_at=event.at,
        on_hold=None,
        held_since=None,
        unanswered_since=None,
        mentioned=(),
        clocks={name: clocks.cancel(clock, event.at) for name, clock in ticket.clocks.items()},
    )


_APPLY = {
    EventType.ACKNOWLEDGED: _acknowledged,
    EventType.ASSIGNED: _assigned,
    EventType.UNPLACED: _unplaced,
    EventType.NOBODY_THERE: _nobody_there,
    EventType.QUEUED: _queued,
    EventType.ACCEPTED: _accepted,
    EventType.CLASSIFIED: _classified,
    EventType.RECLASSIFIED: _reclassified,
    EventType.TAGGED: _tagged,
    EventType.PROGRESS_TOLD: _progress_told,
    EventType.REPLIED: _replied,
    EventType.NOTED: _noted,
    EventType.CUSTOMER_WROTE: _customer_wrote,
    EventType.MESSAGE_COUNTED: _message_counted,
    EventType.MAIL_NOTED: _mail_noted,
    EventType.PARTICIPANTS_SET: _participants_set,
    EventType.MATCHED: _matched,
    EventType.ABOUT_SET: _about_set,
    EventType.ABOUT_DOUBTED: _about_doubted,
    EventType.MENTIONS_SET: _mentions_set,
    EventType.LINKED: _linked,
    EventType.UNLINKED: _unlinked,
    EventType.MERGED: _merged,
    EventType.UNMERGED: _unmerged,
    EventType.SPLIT: _split,
    EventType.UNSPLIT: _unsplit,
    EventType.DUPLICATE_PROPOSED: _duplicate_proposed,
    EventType.DUPLICATE_DISMISSED: _duplicate_dismissed,
    EventType.INCIDENT_JOINED: _incident_joined,
    EventType.INCIDENT_LEFT: _incident_left,
    EventType.FIELDS_SET: _fields_set,
    EventType.REMINDED: _reminded,
    EventType.TASK_OPENED: task_events.opened,
    EventType.TASK_ASSIGNED: task_events.assigned,
    EventType.TASK_DONE: task_events.done,
    EventType.TASK_RETURNED: task_events.returned,
    EventType.TASK_CANCELLED: task_events.cancelled,
    EventType.TASK_PRESSED: task_events.pressed,
    EventType.TASK_EXTENSION_ASKED: task_events.extension_asked,
    EventType.TASK_EXTENSION_DECIDED: task_events.extension_decided,
    EventType.URGED: task_events.urged,
    EventType.CHECKLIST_SET: _checklist_set,
    EventType.ITEM_GIVEN: _item_given,
    EventType.ITEM_ACCEPTED: _item_accepted,
    EventType.ITEM_REJECTED: _item_rejected,
    EventType.ITEM_DONE: _item_done,
    EventType.ITEM_OBSTRUCTED: _item_obstructed,
    EventType.REMEDY_PROPOSED: remedy_events.proposed,
    EventType.REMEDY_PROMISED: _remedy_promised,
    EventType.REMEDY_REFUSED: remedy_events.refused,
    EventType.REMEDY_WITHDRAWN: _remedy_withdrawn,
    EventType.REMEDY_DONE: _remedy_done,
    EventType.POST_MORTEM_WRITTEN: post_mortem_events.written,
    EventType.PROMISED: _promised,
    EventType.HELD: _held,
    EventType.RELEASED: _released,
    EventType.CORRECTED: _corrected,
    EventType.CALL_RECORDED: _call_recorded,
    EventType.ANSWER_REPORTED: _answer_reported,
    EventType.PLAN_CHANGED: _plan_changed,
    EventType.INCIDENT_PROPOSED: _incident_proposed,
    EventType.RESOLVED: _resolved,
    EventType.CALLBACK_ATTEMPTED: _callback_attempted,
    EventType.CONFIRMED: _confirmed,
    EventType.DISPUTED: _disputed,
    EventType.SURVEYED: _surveyed,
    EventType.WITHDRAWN: _withdrawn,
    EventType.RUNG_FIRED: _rung_fired,
    EventType.CLOSED: _closed,
}
