"""The step that merges a ticket, the source, into another one of the same customer, the target.

It changes both tickets, and the caller writes both changes in one transaction
(`tickets.cases.merging`). What the target gets is in its event, so its history alone says why a
promise is due when it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from copy import replace
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from redress.base.addresses import canonical
from redress.base.errors import Fault, InvalidInput, NotAllowedNow, NotMergeable, NotUndone
from redress.base.money import Money
from redress.base.people import SYSTEM, Actor, Member, Role
from redress.clocks.rules import clocks
from redress.clocks.rules.clocks import Action, Clock, ClockName, ClockState
from redress.plans.rules import checklists, urgent
from redress.plans.rules.plan import Plan
from redress.tickets.rules.answers import Way, way_of
from redress.tickets.rules.change import Change
from redress.tickets.rules.checklist import Item, ItemState, blocking, find
from redress.tickets.rules.conflicts import SPEAKING
from redress.tickets.rules.fold import apply
from redress.tickets.rules.steps.draft import Draft, kept_back_in, require_possible
from redress.tickets.rules.steps.table import (
    MERGED,
    MOST_ABOUT,
    MOST_LINKS,
    MOST_PARTICIPANTS,
    STEPS,
    Step,
)
from redress.tickets.rules.tasks import TaskState
from redress.tickets.rules.ticket import (
    Conversation,
    Event,
    EventType,
    LinkKind,
    State,
    Ticket,
    classification_of,
    of_every_team,
    promises,
)

INTO = "/into"
"""The pointer to the target in a request."""

_ANSWERS = (ClockName.FIRST_RESPONSE, ClockName.NEXT_REPLY)
"""The promises that a public reply keeps. A reply in the target answers the source, too."""

_CARRIED = (
    ClockName.REACTION,
    *_ANSWERS,
    ClockName.UPDATE,
    ClockName.OWN_WORD,
    ClockName.RESOLUTION,
)
"""The promises that go on in the target. Callback and survey follow a resolution, and a ticket that
is resolved is not merged. An acknowledgement names the number of its own ticket."""

_OWN_KINDS = ("complaint", "urgent")
"""The kinds that must not end in a ticket of another kind. A complaint gets an outcome and a cause,
and an urgent ticket the shortest promises, which tickets of other kinds do not have."""

_ROLES = (None, Role.SUPERVISOR.value, Role.MANAGER.value)
"""To whom a ticket can be escalated, from nobody upwards."""


@dataclass(frozen=True, slots=True)
class Merger:
    """One side of a merge: the ticket, its plan, the time of its change, and its customer now.

    `customer` is the id of the profile into which that of the ticket was merged, if it was; None if
    the ticket has none. `accused` are the members of staff whom the ticket is about.
    """

    ticket: Ticket
    plan: Plan
    at: datetime
    customer: str | None
    accused: Mapping[str, Member]


def merge(source: Merger, target: Merger, by: Actor, why: str) -> tuple[Change, Change]:
    """Merge the source into the target. Return the changes of both.

    The source is closed. Its clocks are cancelled, its open tasks end, and nobody is told of a
    broken promise there any more. The target keeps the earliest promise of both (`earliest`), the
    oldest message that nobody has answered, the higher priority, and the facts that it does not
    have itself, with the number from which they came.

    Raises InvalidInput if both are the same ticket, NotAllowedNow if the source is resolved or
    closed, and NotMergeable with every other reason for which they cannot be merged now.
    """
    ticket, other = source.ticket, target.ticket
    if ticket.number == other.number:
        raise InvalidInput([Fault(INTO, "same_ticket", "a ticket is not merged into itself")])
    require_possible(Step.MERGE, ticket)
    if faults := faults_of(source, target):
        raise NotMergeable(faults, Step.MERGE, other.state)
    # `faults_of` has found that both have a customer.
    into: dict[str, Any] = {
        "kind": LinkKind.MERGED_INTO.value,
        "ticket": other.number,
        "why": why.strip(),
        "customer": ticket.customer,
        "its_customer": other.customer,
        "subject": other.subject,
    }
    into |= _told_by_mail(ticket, source.plan, source.at)
    ended = (
        Draft(ticket, source.plan, by, source.at)
        .add(EventType.MERGED, into)
        .add(EventType.CLOSED, {"closure": MERGED}, SYSTEM)
        .change()
    )
    brought = {
        "kind": LinkKind.MERGED_FROM.value,
        "ticket": ticket.number,
        "why": why.strip(),
        "subject": ticket.subject,
        **_brought(source, target),
    }
    # What was done in the source is done, and what was cancelled there was not needed.
    if over := [task.planned for task in ticket.tasks if task.planned and not task.is_open]:
        brought["tasks_over"] = over
    draft = Draft(other, target.plan, by, target.at).add(EventType.MERGED, brought)
    if "priority" in brought or "category" in brought.get("facts", {}):
        draft.open_planned_tasks()
    return ended, draft.change()


def _told_by_mail(ticket: Ticket, plan: Plan, at: datetime) -> dict[str, Any]:
    """Return the event data with the address to which the customer is told by mail.

    Returns {} if nobody is told by mail. Who is answered through a connector gets no mail, and
    neither does an address to which no automatic mail may go: its ticket was never acknowledged.
    The status page says it.
    """
    by_mail = way_of(ticket, at, plan.sms).by is Way.MAIL
    may_be_told = ClockName.ACKNOWLEDGEMENT in ticket.clocks
    return {"to": ticket.contact.email} if by_mail and may_be_told else {}


def faults_of(source: Merger, target: Merger) -> list[Fault]:
    """Return every reason why a ticket cannot be merged into another one now; [] if it can.

    The state of the source is not checked here: `merge` does that by the table of steps.
    """
    ticket, other = source.ticket, target.ticket
    faults = []
    if other.state not in STEPS[Step.TAKE_IN]:
        faults.append(Fault(INTO, "not_open", f"the other ticket is {other.state}"))
    if any(link.kind is LinkKind.MERGED_FROM for link in ticket.links):
        detail = "other tickets were merged into this one: merge the other ticket into this one"
        faults.append(Fault("", "has_merged", detail))
    if source.customer is None or target.customer is None:
        where = "" if source.customer is None else INTO
        faults.append(Fault(where, "no_customer", "say first whose ticket it is"))
    elif source.customer != target.customer:
        faults.append(Fault(INTO, "other_customer", "the tickets are of different customers"))
    if ticket.kind in _OWN_KINDS and other.kind != ticket.kind:
        detail = f"this is a ticket of the kind {ticket.kind}, and the other one is not: merge the "
        detail += "other ticket into this one, or correct the kind of one of them first"
        faults.append(Fault(INTO, "other_kind", detail))
    faults += _conflicts_of_interest(source, target)
    # The plan has opened the same task on the other ticket, where it still counts, or is done.
    planned = {
        task.planned
        for task in other.tasks
        if task.planned and (task.blocks or task.state == TaskState.DONE)
    }
    faults += [
        Fault(f"/tasks/{task.id}", "task_open", f"'{task.title}' is required and not done")
        for task in ticket.tasks
        if task.blocks and task.planned not in planned
    ]
    detail = "this required item is not settled, and the other ticket has no such item"
    there = {(item.id, item.kind) for item in _items_there(ticket, target)}
    faults += [
        Fault(f"/checklist/{item.id}", "item_open", detail)
        for item in blocking(ticket.checklist)
        if (item.id, item.kind) not in there
    ]
    if ticket.incident is not None and (
        other.incident is None or other.incident.id != ticket.incident.id
    ):
        detail = "let the other ticket join the incident of this one, or let this one leave it"
        faults.append(Fault(INTO, "other_incident", detail))
    # The clocks of a merged ticket stop, and what its customer was promised must not be forgotten.
    faults += [
        Fault(f"/remedies/{one.id}", "remedy_open", f"this remedy ({one.kind}) is {one.state}")
        for one in ticket.remedies
        if one.is_open
    ]
    if len(ticket.links) >= MOST_LINKS:
        faults.append(Fault("", "too_many", f"this ticket has {MOST_LINKS} links; end one first"))
    if len(other.links) >= MOST_LINKS:
        detail = f"the other ticket has {MOST_LINKS} links; end one of them first"
        faults.append(Fault(INTO, "too_many", detail))
    if len({*ticket.about, *other.about}) > MOST_ABOUT:
        detail = f"together they are about more than {MOST_ABOUT} members of staff"
        faults.append(Fault(INTO, "too_many", detail))
    if len(other.participants) + len(_further_addresses(ticket, other)) > MOST_PARTICIPANTS:
        detail = f"the other ticket has {MOST_PARTICIPANTS} participants"
        faults.append(Fault(INTO, "too_many", detail))
    return faults


def _conflicts_of_interest(source: Merger, target: Merger) -> list[Fault]:
    """Return a fault for each side whose people must not read the other one.

    Whom one ticket is about must neither have the other one nor lead its team, and its supervisors
    must not be kept from the other one. As long as it is unclear whom a ticket is about, nobody
    knows who they are.
    """
    faults = []
    for side, other, where in ((source, target, INTO), (target, source, "")):
        ticket, beside = side.ticket, other.ticket
        if ticket.about_unclear is not None:
            detail = f"decide first whom {ticket.number} is about"
            faults.append(Fault("" if side is source else INTO, "about_unclear", detail))
        leads = any(
            member.role is Role.SUPERVISOR and member.team == beside.team
            for member in side.accused.values()
        )
        kept = beside.team in ticket.kept_from and beside.team not in beside.kept_from
        if leads or kept or beside.assignee in ticket.about:
            detail = f"{ticket.number} is kept from people who work on {beside.number}"
            faults.append(Fault(where, "conflict_of_interest", detail))
    return faults


def _brought(source: Merger, target: Merger) -> dict[str, Any]:
    """Return what comes with the source, as the event of the target has it."""
    ticket, other, plan = source.ticket, target.ticket, target.plan
    brought: dict[str, Any] = {
        "clocks": {
            name.value: msgspec.to_builtins(clock)
            for name, clock in earliest(source, target).items()
        }
    }
    if ticket.unanswered_since is not None:
        brought["unanswered_since"] = ticket.unanswered_since.isoformat()
    known = ticket.priority in plan.priorities
    if known and plan.higher(other.priority, ticket.priority) != other.priority:
        brought["priority"] = ticket.priority
    if _ROLES.index(ticket.escalation) > _ROLES.index(other.escalation):
        brought["escalation"] = ticket.escalation
    if ticket.watchers:
        brought["watchers"] = list(ticket.watchers)
    if joined := ticket.joined if ticket.team == other.team else of_every_team(ticket.joined):
        brought["joined"] = list(joined)
    if facts := _facts(source, target):
        brought["facts"] = facts
    if granted := _granted(ticket):
        brought["granted"] = [msgspec.to_builtins(one) for one in granted]
    if (word := _unheard_word(ticket, other)) is not None:
        brought["word"] = word
    return brought


def _unheard_word(ticket: Ticket, other: Ticket) -> int | None:
    """Return the last word of their incident that is settled for the target after the merge.

    It is None if nothing changes. A word can be on its way to the source, and the target may have
    joined after it. The customer is then told it in the target.
    """
    own, its = ticket.incident, other.incident
    if own is None or its is None or its.word > its.since or own.word >= its.word:
        return None
    return own.word


def earliest(source: Merger, target: Merger) -> dict[ClockName, Clock]:
    """Return the promises of the source that the target keeps, because its own are later or absent.

    A paused clock is compared as if it went on now. Whoever merges has read the source, so its
    reaction is only kept if the target waits for one, too. A promise of an answer is the one that
    the next public reply in the target keeps: its first response, or its next reply if it was
    answered before.

    A clock is as it was in the source, also what its ladder has done. Under another plan it may
    have no such calendar and no such ladder there. Then it has the same due time, in calendar time,
    and the ladder of the target's plan. The leaders of another team have joined nothing yet.
    """
    ticket, other = source.ticket, target.ticket
    answer = _answer_of(other)
    found: dict[ClockName, Clock] = {}
    for name, clock in ticket.clocks.items():
        if clock.over or name not in _CARRIED:
            continue
        kept_as = answer if name in _ANSWERS else name
        own = other.clocks.get(kept_as)
        if name is ClockName.REACTION and (own is None or own.over):
            continue
        running = clocks.resume(clock, source.at, source.plan.calendar(clock.calendar))
        due = [_due_now(own, target)] if own is not None and not own.over else []
        due += [found[kept_as].due_at] if kept_as in found else []
        if all(running.due_at < one for one in due):
            kept = _under(target, kept_as, running, ticket.plan_version)
            kept = kept if ticket.team == other.team else clocks.unjoined(kept)
            found[kept_as] = kept if own is None or own.over else _paused_less(kept, own)
    return found


def _due_now(clock: Clock, side: Merger) -> datetime:
    return clocks.resume(clock, side.at, side.plan.calendar(clock.calendar)).due_at


def _paused_less(clock: Clock, own: Clock) -> Clock:
    """The clock with the reasons to pause that both have.

    With further ones, a wait would make it later than the promise whose place it takes.
    """
    return replace(clock, pauses=tuple(one for one in clock.pauses if one in own.pauses))


def _under(target: Merger, name: ClockName, clock: Clock, plan_version: int) -> Clock:
    """Return a clock of a plan as the target's plan can measure it."""
    plan = target.plan
    if plan_version == plan.version:
        return clock
    promise = plan.own_word if name is ClockName.OWN_WORD else None
    promise = promise or promises(target.ticket, plan).get(name)
    target_s = (clock.due_at - clock.started_at) / timedelta(seconds=1)
    ladder = promise.ladder if promise else ""
    return clocks.replan(
        clock,
        target_s,
        target.at,
        ladder=ladder,
        pauses=promise.pauses if promise else (),
        rungs=plan.rungs(name, ladder, target_s, by_mail=False),
    )


def _facts(source: Merger, target: Merger) -> dict[str, Any]:
    """Return the facts of the source that the target does not have itself.

    `departments` are those of the accused, whose tasks in the target go back to their leaders.
    """
    ticket, other = source.ticket, target.ticket
    facts: dict[str, Any] = {}
    if ticket.order is not None and other.order is None:
        facts["order"] = ticket.order
    if _brings_category(ticket, other):
        facts["category"] = ticket.category
    if items := _items_brought(ticket, target):
        facts["items"] = items
    if _knows_checklist(ticket, target):
        facts["told"] = True
    known = dict(other.fields)
    if fields := {name: value for name, value in ticket.fields if name not in known}:
        facts["fields"] = fields
    if about := [one for one in ticket.about if one not in other.about]:
        facts["about"] = about
        named = [source.accused[one] for one in about if one in source.accused]
        if departments := kept_back_in(other, named):
            facts["departments"] = departments
    if kept_from := sorted({*ticket.kept_from} - {*other.kept_from}):
        facts["kept_from"] = kept_from
    if further := _further_addresses(ticket, other):
        facts["participants"] = further
    if _brings_conversation(ticket, target):
        facts["conversation"] = msgspec.to_builtins(ticket.conversation)
    return facts


def _granted(ticket: Ticket) -> list[Money]:
    """Return what the customer got in the source, one amount for each currency.

    The bound up to which staff promise a remedy alone is for both tickets together.
    """
    totals = Counter[str]()
    for remedy in ticket.remedies:
        if remedy.stands and remedy.money is not None:
            totals[remedy.money.currency] += remedy.money.amount
    return [Money(amount, currency) for currency, amount in sorted(totals.items())]


def _brings_conversation(ticket: Ticket, target: Merger) -> bool:
    """Whether the customer is answered in the source's conversation, because the target has no way.

    A conversation of the target whose window has ended is none if that of the source still goes on.
    """
    own, other = ticket.conversation, target.ticket.conversation
    if own is None or target.ticket.has_address:
        return False
    return other is None or (not other.goes_on(target.at) and own.goes_on(target.at))


def _brings_category(ticket: Ticket, other: Ticket) -> bool:
    is_missing = ticket.category is not None and other.category is None
    return is_missing and ticket.kind == other.kind


def _items_there(ticket: Ticket, target: Merger) -> tuple[Item, ...]:
    """Return the items of the target after the merge, as they are without the source.

    If its category comes with the source, it gets the checklist of that category (`Draft.add`).
    """
    other = target.ticket
    if not _brings_category(ticket, other):
        return other.checklist.items if other.checklist is not None else ()
    planned = checklists.of(target.plan, other.kind, ticket.category)
    return tuple(Item(one.id, one.kind, one.required) for one in planned)


_MISSING = (ItemState.OPEN, ItemState.REJECTED)
"""The states of an item that the customer, or a step of staff, still has to give."""


def _items_brought(ticket: Ticket, target: Merger) -> list[dict[str, Any]]:
    """Return the items of the target that are as in the source, because they are open there.

    So the customer is not asked again for what they have given. The files of an item stay in the
    source, where the people of the target open them.
    """
    found = []
    for own in _items_there(ticket, target):
        item = find(ticket.checklist, own.id)
        is_given = item is not None and item.kind == own.kind and item.state not in _MISSING
        if item is not None and is_given and own.state == ItemState.OPEN:
            found.append(
                {
                    "id": own.id,
                    "kind": own.kind,
                    "required": own.required,
                    "state": str(item.state),
                }
            )
    return found


def _knows_checklist(ticket: Ticket, target: Merger) -> bool:
    """Whether the customer knows the checklist of the target only from the source.

    They do if they were told of that of the source and it has every item of the target's. Otherwise
    the target would wait for nobody: its customer was never told of its list there.
    """
    there, own = _items_there(ticket, target), target.ticket.checklist
    if ticket.checklist is None or not ticket.checklist.told or not there:
        return False
    if own is not None and own.told and own.items == there:
        return False
    known = {(item.id, item.kind) for item in ticket.checklist.items}
    return all((item.id, item.kind) in known for item in there)


def _further_addresses(ticket: Ticket, other: Ticket) -> list[str]:
    """Return the address from which the customer wrote to the source and not to the target, or [].

    It takes part in the target. So a mail from there is the customer's, and an answer gets there.
    Participants of the source do not: nobody has said that they may read the target.
    """
    email = ticket.contact.email
    known = {canonical(one) for one in (other.contact.email, *other.participants) if one}
    return [email.lower()] if email is not None and canonical(email) not in known else []


def parted(
    ticket: Ticket,
    plan: Plan,
    by: Actor,
    at: datetime,
    history: Sequence[Event],
    source: str,
    theirs: Conversation | None = None,
) -> Change | None:
    """Remove the address and the conversation that the ticket got by a merge.

    The ticket with the number `source` was merged into this one, and belongs to another customer.
    `theirs` is the conversation of the source now, and `history` the history of this ticket. A
    conversation came with the merge, or with a message that was sent to the source since. It stays
    if the customer of this ticket wrote there before the merge. An address stays if staff have
    removed it since the merge and added it again. Returns None if there is nothing to remove.
    """
    merges = [one for one in history if one.type is EventType.MERGED]
    merge = next((one for one in reversed(merges) if one.data["ticket"] == source), None)
    if merge is None:
        return None
    require_possible(Step.PART, ticket)
    facts = merge.data.get("facts", {})
    since = [one for one in history if one.number > merge.number]
    came = {canonical(one) for one in facts.get("participants", ())}
    for event in since:
        if event.type is EventType.PARTICIPANTS_SET:
            came &= {canonical(one) for one in event.data["participants"]}
    left = [one for one in ticket.participants if canonical(one) not in came]
    data: dict[str, Any] = {"participants": left, "from": list(ticket.participants)}
    own = _place(ticket.conversation)
    brought = {_place(theirs), _place_in(facts.get("conversation"))}
    brought |= {_place_of_words(one) for one in since if one.data.get("sent_to") == source}
    before = (one for one in history if one.number < merge.number)
    earlier = {_place_of_words(one) for one in before if "sent_to" not in one.data}
    if own is not None and own in brought - earlier:
        data["conversation"] = None
    if len(left) == len(ticket.participants) and "conversation" not in data:
        return None
    return Draft(ticket, plan, by, at).add(EventType.PARTICIPANTS_SET, data).change()


type _Place = tuple[str, str] | None
"""The connector and the id of a conversation; None without one."""


def _place(talk: Conversation | None) -> _Place:
    return (talk.connector, talk.id) if talk is not None else None


def _place_in(data: Mapping[str, Any] | None) -> _Place:
    return (data["connector"], data["id"]) if data is not None else None


def _place_of_words(event: Event) -> _Place:
    """Return the conversation of a customer's message; None for another event."""
    if event.type not in (EventType.OPENED, EventType.CUSTOMER_WROTE):
        return None
    source = event.data.get("source", {})
    if "conversation" in source:
        return source["connector"], source["conversation"]
    return _place_in(event.data.get("conversation"))


@dataclass(frozen=True, slots=True)
class Undone:
    """One side of a merge that is undone: the ticket now and before the merge, and what followed.

    `merge` is the event of the merge. `since` are the events after it, and `earlier` those before.
    """

    ticket: Ticket
    plan: Plan
    at: datetime
    before: Ticket
    merge: Event
    since: Sequence[Event]
    earlier: Sequence[Event] = ()


_STATES_AGAIN = {
    State.NEW: Step.UNMERGE_UNANSWERED,
    State.OPEN: Step.UNMERGE,
    State.WAITING: Step.UNMERGE_WAITING,
}
"""The state of the source when it was merged -> the step that brings it back there."""


def unmerge(source: Undone, target: Undone, by: Actor, why: str) -> tuple[Change, Change]:
    """Undo a merge. Return the changes of both tickets.

    The source is as it was, and its clocks are measured as if they had never stopped: the customer
    has waited. It goes to the queue, first to the agent whom it had. The target loses what came
    with the source, and the open tasks that the plan asked for because of it. The required tasks
    that the merge ended wait in the queues of their departments again. A reminder that acted there
    meanwhile is not repeated.

    Raises NotAllowedNow if the ticket is not merged. Raises NotUndone if the customer has written
    or was told something in the target since, or if a promise was broken that came with the source,
    or ran there because of it: then nobody can say to which of the two that belongs.
    """
    ticket = source.ticket
    if ticket.merged is None:
        raise NotAllowedNow(Step.UNMERGE, ticket.state)
    require_possible(_STATES_AGAIN[source.before.state], ticket)
    if faults := _too_late(target):
        raise NotUndone(faults, Step.UNMERGE, ticket.state)
    data = {
        "kind": LinkKind.MERGED_INTO.value,
        "ticket": target.ticket.number,
        "why": why.strip(),
        **_again(source, target),
    }
    data |= _told_by_mail(ticket, source.plan, source.at)
    queued = {"from": ticket.assignee, "why": "the merge was undone", "team": ticket.team}
    if ticket.assignee not in (None, *ticket.about):
        queued["preferred"] = ticket.assignee
    draft = Draft(ticket, source.plan, by, source.at).add(EventType.UNMERGED, data)
    for id_ in data.get("tasks", ()):
        waits = {"task": id_, "owner": None, "from": None, "why": "the merge was undone"}
        draft.add(EventType.TASK_ASSIGNED, waits, SYSTEM)
    goes_on = draft.add(EventType.QUEUED, queued, SYSTEM).change()
    given = {
        "kind": LinkKind.MERGED_FROM.value,
        "ticket": ticket.number,
        "why": why.strip(),
        **_without(target),
    }
    back = Draft(target.ticket, target.plan, by, target.at).add(EventType.UNMERGED, given)
    for id_ in _tasks_of_the_merge(target, back.after):
        over = {"task": id_, "why": "the merge was undone", "unplanned": True}
        back.add(EventType.TASK_CANCELLED, over, SYSTEM)
    return goes_on, back.change()


def _tasks_of_the_merge(target: Undone, alone: Ticket) -> list[str]:
    """Return the ids of the open tasks that the merge opened, unless the plan asks for them on the
    target alone, too."""
    wanted = urgent.tasks_for(target.plan, classification_of(alone))
    names = {entry["name"] for entry in wanted}
    opened = {
        event.data["task"]
        for event in target.since
        if event.type is EventType.TASK_OPENED and event.at == target.merge.at
    }
    return [
        task.id
        for task in alone.tasks
        if task.id in opened and task.is_open and task.planned and task.planned not in names
    ]


def _too_late(target: Undone) -> list[Fault]:
    """Return a fault for each event of the target after which the merge is not undone.

    A promise that waited for the customer runs because of the words that came with the source. If
    it was broken since, that is because of the merge, too.
    """
    waited = (name for name, one in target.before.clocks.items() if one.state is ClockState.PAUSED)
    moved = {*target.merge.data["clocks"], *waited}
    faults = []
    for event in target.since:
        broken = event.type is EventType.RUNG_FIRED and event.data["clock"] in moved
        broken = broken and event.data["action"] in (Action.BREACH, Action.ESCALATE)
        if event.type in _LAST or _is_answered_call(event) or broken:
            detail = f"{event.type} (event {event.number}) came after the merge"
            faults.append(Fault(INTO, "too_late", detail))
    return faults


_LAST = (*SPEAKING, EventType.URGED, EventType.NOBODY_THERE, EventType.CLOSED)
"""The events of the target after which a merge is not undone: what the customer said or was told,
and the end. More than SPEAKING, because a reply need not be written again only because the
customer urged; but whether they urged for the one ticket or the other, nobody knows."""


def _is_answered_call(event: Event) -> bool:
    """Whether somebody spoke with the customer."""
    return event.type is EventType.CALL_RECORDED and "answered" in event.data


def _again(source: Undone, target: Undone) -> dict[str, Any]:
    """Return what the source is again, as its event has it."""
    was = source.before
    answer = _answer_of(target.before)
    again = {}
    for name, clock in was.clocks.items():
        if clock.over:
            continue
        kept_as = answer if name in _ANSWERS else name
        in_target = target.ticket.clocks.get(kept_as)
        came = kept_as in target.merge.data["clocks"] and in_target is not None
        if came and in_target is not None and in_target.started_at == clock.started_at:
            acted = tuple(dict.fromkeys((*clock.fired, *in_target.fired)))
            clock = replace(clock, fired=acted)
        again[name.value] = msgspec.to_builtins(_measured_again(clock, name, source, was))
    data: dict[str, Any] = {"state": was.state.value, "clocks": again}
    if was.unanswered_since is not None:
        data["unanswered_since"] = was.unanswered_since.isoformat()
    if was.on_hold is not None and was.held_since is not None:
        data["on_hold"], data["held_since"] = was.on_hold, was.held_since.isoformat()
    if waits := [wait.reason for wait in was.waits if wait.end is None]:
        data["waits"] = waits
    if was.escalation is not None:
        data["escalation"] = was.escalation
    if was.watchers:
        data["watchers"] = list(was.watchers)
    if was.joined:
        data["joined"] = list(was.joined)
    if tasks := _tasks_again(source):
        data["tasks"] = tasks
    if mentioned := _mentioned_again(source):
        data["mentioned"] = mentioned
    closed = [one.number for one in source.since if one.type is EventType.CLOSED]
    return data | {"closed": closed[0]}


def _tasks_again(source: Undone) -> dict[str, Any]:
    """Return the required tasks that the merge has ended, by id: the clock of each.

    They were left to the same tasks of the target, which are none of the source any more. Without
    them, a merge that is undone would be a way to resolve the ticket without what the plan demands.
    """
    ended = {
        event.data["task"]
        for event in source.since
        if event.type is EventType.TASK_CANCELLED and event.by.role is Role.SYSTEM
    }
    return {
        task.id: msgspec.to_builtins(task.clock)
        for task in source.before.tasks
        if task.id in ended and task.is_open and task.required
    }


def _mentioned_again(source: Undone) -> dict[str, Any]:
    """Return the members whose mention the merge has ended: the note that mentions each of them."""
    ended = {*source.before.mentioned} - {*source.ticket.mentioned, *source.ticket.about}
    return {
        one: {"event": event.number, "at": event.at.isoformat()}
        for event in source.earlier
        if event.type is EventType.NOTED
        for one in event.data.get("mentions", ())
        if one in ended
    }


def _measured_again(clock: Clock, name: ClockName, side: Undone, was: Ticket) -> Clock:
    """The clock with what it has consumed until now, as if nothing had stopped it."""
    plan = side.plan
    return clocks.replan(
        clock,
        clock.target_s,
        side.at,
        plan.calendar(clock.calendar),
        waits=was.waits,
        name=clock.calendar,
        ladder=clock.ladder,
        pauses=clock.pauses,
        rungs=plan.rungs(name, clock.ladder, clock.target_s, by_mail=was.callback_by_mail),
    )


def _without(target: Undone) -> dict[str, Any]:
    """Return what the target is without the source, as its event has it."""
    ticket, was, brought = target.ticket, target.before, target.merge.data
    alone = _alone(target)
    own, ended = {}, []
    for text in brought["clocks"]:
        name = ClockName(text)
        clock = was.clocks.get(name)
        if clock is None:
            ended.append(text)
            continue
        if not clock.over:
            clock = _measured_again(clock, name, target, alone)
        own[text] = msgspec.to_builtins(clock)
    data: dict[str, Any] = {
        "state": was.state.value if ticket.needs_agent else ticket.state.value,
        "clocks": own,
        "ended": ended,
        "facts": _still_there(ticket, target),
        "about_decided": was.about_decided or _is_decided_since(target),
        "watchers": list(alone.watchers),
    }
    if alone.joined:
        data["joined"] = list(alone.joined)
    if alone.waits != ticket.waits:
        data["waits"] = msgspec.to_builtins(alone.waits)
        for name, clock in ticket.clocks.items():
            if not clock.over and name.value not in brought["clocks"]:
                own[name.value] = msgspec.to_builtins(_measured_again(clock, name, target, alone))
    if items := _items_again(target):
        data["items"] = items
    if "word" in brought and was.incident is not None:
        # Nobody was told anything in the target since, so the word is settled there as before.
        lowered = replace(was.incident, word=brought["word"], since=brought["word"])
        if ticket.incident == lowered:
            data["word"] = was.incident.word
    if "conversation" in brought.get("facts", {}) and was.conversation is not None:
        data["conversation"] = msgspec.to_builtins(was.conversation)
    if was.unanswered_since is not None:
        data["unanswered_since"] = was.unanswered_since.isoformat()
    if alone.escalation is not None:
        data["escalation"] = alone.escalation
    if "priority" in brought and ticket.raised == brought["priority"]:
        data["priority"], data["raised"] = was.priority, was.raised
    return data


def _alone(target: Undone) -> Ticket:
    """Return the target as it would be now if the source had never come.

    It is the target before the merge with what happened to it since. A rung of a promise that came
    with the source would not have fired, and a checklist that came with the category of the source
    would have let nothing wait. Who has joined the target itself has joined it, also if
    they had joined the source before, so that nobody told them again.
    """
    alone = target.before
    has_category = "category" in target.merge.data.get("facts", {})
    for event in target.since:
        data = event.data
        is_rung = event.type is EventType.RUNG_FIRED
        if is_rung and data["clock"] in target.merge.data["clocks"]:
            continue
        if event.type is EventType.CHECKLIST_SET and event.at == target.merge.at and has_category:
            continue
        alone = apply(alone, event, target.plan)
        if is_rung and data["action"] == Action.JOIN:
            clock = alone.clocks[ClockName(data["clock"])]
            ladder = target.plan.ladder(data["clock"], clock, by_mail=alone.callback_by_mail)
            roles = ladder.rungs[data["rung"]].notify
            alone = replace(
                alone,
                watchers=tuple(dict.fromkeys((*alone.watchers, *roles))),
                joined=tuple(dict.fromkeys((*alone.joined, *roles))),
            )
    return alone


def _is_decided_since(target: Undone) -> bool:
    """Whether staff have decided since whom the target is about.

    An event with `moved` decides nothing: an accused agent is in another team.
    """
    return any(one.type is EventType.ABOUT_SET and "moved" not in one.data for one in target.since)


def _items_again(target: Undone) -> list[dict[str, Any]]:
    """Return the items as they were before the merge, of those that nobody has touched since.

    A checklist that came with the category goes with it, and nothing of it is remembered.
    """
    items = (Item(one["id"], one["kind"], one["required"]) for one in _items_of(target.merge))
    return [
        msgspec.to_builtins(find(target.before.checklist, item.id) or item)
        for item in items
        if (now := find(target.ticket.checklist, item.id)) is not None
        and now.event == target.merge.number
    ]


def _items_of(merge: Event) -> Sequence[Mapping[str, Any]]:
    """The items of the checklist that came with the source."""
    items: Sequence[Mapping[str, Any]] = merge.data.get("facts", {}).get("items", ())
    return items


def _still_there(ticket: Ticket, target: Undone) -> dict[str, Any]:
    """Return the facts that came with the source and that nobody has changed since.

    Those of items are apart (`_items_again`).
    """
    facts: dict[str, Any] = dict(target.merge.data.get("facts", {}))
    facts.pop("items", None)
    if _is_decided_since(target):
        facts = {name: one for name, one in facts.items() if name not in ("about", "kept_from")}
    for name in ("order", "category"):
        if name in facts and getattr(ticket, name) != facts[name]:
            del facts[name]
    return facts


def _answer_of(target: Ticket) -> ClockName:
    """The promise that the next public reply in the target keeps."""
    return ClockName.FIRST_RESPONSE if target.state is State.NEW else ClockName.NEXT_REPLY
