"""The steps of staff.

The caller has already checked what does not depend on the ticket: no text is blank or too long, and
each choice is a known one. A step checks what depends on the ticket, the plan or the time. It first
checks the content (InvalidInput), then whether the ticket's state allows the step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from msgspec import Struct, to_builtins

from redress.base import tags
from redress.base.addresses import canonical, cleaned, fault_of, is_address
from redress.base.errors import (
    AlreadyDone,
    ChecklistOpen,
    Fault,
    Forbidden,
    InvalidInput,
    LimitReached,
    NotAllowedNow,
    TasksOpen,
    Unchanged,
    pointer,
)
from redress.base.people import CUSTOMER, SYSTEM, Actor, Member, Role
from redress.clocks.rules.clocks import ClockName, ClockState
from redress.plans.rules import categories
from redress.plans.rules.checklists import OF_KIND as SERVICE_REQUEST
from redress.plans.rules.plan import LONGEST_S, NOT_DONE, OUTCOMES, REQUEST_OUTCOMES, Plan
from redress.tickets.rules import fields, mentions, remedy_events, split_events
from redress.tickets.rules.answers import Way, way_of
from redress.tickets.rules.change import Change
from redress.tickets.rules.checklist import Item, blocking
from redress.tickets.rules.interest import kept_from
from redress.tickets.rules.preference import Preference
from redress.tickets.rules.promise_view import lengthened
from redress.tickets.rules.remedies import Remedy, RemedyState
from redress.tickets.rules.steps.by_customer import confirm, dispute
from redress.tickets.rules.steps.draft import (
    Draft,
    add_about,
    attention,
    checked_text,
    closure_now,
    files_data,
    mail_source,
    recipients,
    require_possible,
    step_of_correction,
)
from redress.tickets.rules.steps.table import (
    MOST_DECLINED,
    MOST_PARTICIPANTS,
    STRANGER,
    UNCONFIRMED,
    Step,
)
from redress.tickets.rules.tasks import Task
from redress.tickets.rules.ticket import (
    Event,
    EventType,
    Ticket,
    classification_of,
    default_team,
    is_bare_thanks,
)


class NoQueue(NotAllowedNow):
    """Nobody is offered a ticket that needs no agent any more."""

    def __init__(self) -> None:
        super(NotAllowedNow, self).__init__(
            "no queue has a resolved or closed ticket: name the agent who does what is owed on it"
        )


def reassign(
    ticket: Ticket, plan: Plan, by: Actor, to: str | None, team: str | None, why: str, at: datetime
) -> Change:
    """Hand the ticket to another agent, or back to the queue of a team if `to` is None.

    An agent who gives a ticket back to the queue of its team declines it: it is not offered to them
    again. Of a ticket that needs no agent any more, another agent gets what is still owed on it
    (`hand_over`).

    Raises InvalidInput if the complaint is about that agent, or if nobody has decided yet whom it
    is about. Raises NoQueue if such a ticket is given to no agent, and LimitReached if agents
    handed the ticket over, or declined it, as often as the plan allows.
    """
    if to in ticket.about:
        raise InvalidInput([Fault("/agent", "is_about", "the complaint is about this agent")])
    if to is not None and ticket.about_unclear is not None:
        detail = "decide first whom the complaint is about"
        raise InvalidInput([Fault("/agent", "about_unclear", detail)])
    is_its_agent = by.role is Role.AGENT and by.id == ticket.assignee
    if ticket.owes_work:
        if to is None:
            raise NoQueue
        if is_its_agent:
            _as_agent(ticket, plan, to, ticket.team)
        return hand_over(ticket, plan, by, to, why, at)
    require_possible(Step.REASSIGN, ticket)
    data = {"from": ticket.assignee, "why": why.strip(), "team": team or ticket.team}
    if is_its_agent:
        data |= _as_agent(ticket, plan, to, team or ticket.team)
    draft = Draft(ticket, plan, by, at)
    if to is None:
        draft.add(EventType.QUEUED, data)
    else:
        accepted = {} if to == by.id else {"accepted": False}
        draft.add(
            EventType.ASSIGNED, {**data, "agent": to} | accepted | attention(ticket, plan, at)
        )
    return draft.change()


def hand_over(ticket: Ticket, plan: Plan, by: Actor, to: str, why: str, at: datetime) -> Change:
    """Give what is owed on a ticket that needs no agent any more to another member of staff.

    Raises NotAllowedNow if nothing is owed on it.
    """
    require_possible(Step.HAND_OVER, ticket)
    if not ticket.owes_work:
        raise NotAllowedNow(Step.HAND_OVER, ticket.state)
    data = {"from": ticket.assignee, "why": why.strip(), "team": ticket.team, "agent": to}
    return Draft(ticket, plan, by, at).add(EventType.ASSIGNED, data).change()


def _as_agent(ticket: Ticket, plan: Plan, to: str | None, team: str) -> dict[str, Any]:
    """Return what the event says if the ticket's agent gives it away. Raises LimitReached."""
    if to == ticket.assignee:
        return {}
    if to is None and team == ticket.team:
        if len(ticket.declined_by) >= MOST_DECLINED:
            raise LimitReached(
                f"{MOST_DECLINED} agents have declined this ticket; a leader decides who gets it"
            )
        return {"declined": True}
    if ticket.handovers >= plan.handing_over.most:
        raise LimitReached(
            f"this ticket was handed over {ticket.handovers} times; a leader decides who gets it"
        )
    return {}


def accept(ticket: Ticket, plan: Plan, by: Actor, at: datetime) -> Change:
    """Record that the ticket's agent works on it. Any other act of the agent does so, too."""
    require_possible(Step.ACCEPT, ticket)
    if ticket.assignee != by.id:
        raise Forbidden("only the agent of the ticket accepts it")
    if ticket.unaccepted_since is None:
        raise NotAllowedNow(Step.ACCEPT, ticket.state)
    return Draft(ticket, plan, by, at).add(EventType.ACCEPTED).change()


def decline(ticket: Ticket, plan: Plan, by: Actor, why: str, at: datetime) -> Change:
    """Give the ticket back to the queue of its team. It is not offered to this agent again.

    The agent may have accepted it before. Raises LimitReached if too many agents declined it.
    """
    require_possible(Step.DECLINE, ticket)
    if ticket.assignee != by.id:
        raise Forbidden("only the agent of the ticket declines it")
    return reassign(ticket, plan, by, None, None, why, at)


def claim(
    ticket: Ticket,
    plan: Plan,
    by: Actor,
    key: str,
    at: datetime,
    decision: Mapping[str, Any] | None = None,
) -> Change:
    """Assign the ticket to the agent who asked for the next one.

    `key` is a digest of the key of the agent's request, "" if it had none. `decision` says what was
    asked of the agent.
    """
    require_possible(Step.ASSIGN, ticket)
    data: dict[str, Any] = {"agent": by.id, "from": ticket.assignee}
    data |= {"why": "asked for the next ticket", "team": ticket.team} | attention(ticket, plan, at)
    if key:
        data["key"] = key
    if decision:
        data["decision"] = dict(decision)
    return Draft(ticket, plan, by, at).add(EventType.ASSIGNED, data).change()


class Classification(Struct, frozen=True):
    """The corrected values of a ticket's classification. None means that a value is not corrected.

    If the kind changes, an urgency or impact that is None becomes that of the new kind. A category
    that is "" removes the ticket's category.
    """

    kind: str | None = None
    urgency: str | None = None
    impact: str | None = None
    customer_type: str | None = None
    category: str | None = None


def reclassify(
    ticket: Ticket, plan: Plan, by: Actor, given: Classification, why: str, at: datetime
) -> Change:
    """Correct the classification. The open promises are recomputed from their beginning.

    A promise that the customer was told may become later by it, or no longer apply. The event says
    so, and a mail tells the customer. If the system corrects the classification, no promise becomes
    later.

    If the plan assigns the new classification to another team, the ticket is queued there. The
    category decides neither promises nor team. Without a correction the ticket keeps it, even if
    the plan does not have it or does not offer it for the new kind.
    """
    kind = given.kind or ticket.kind
    category = ticket.category if given.category is None else given.category or None
    _check_classification(ticket, plan, given, kind)
    require_possible(Step.RECLASSIFY, ticket)
    level = plan.level(kind)
    own = (ticket.urgency, ticket.impact) if kind == ticket.kind else (level.urgency, level.impact)
    urgency, impact = given.urgency or own[0], given.impact or own[1]
    customer_type = given.customer_type or ticket.customer_type
    corrected = (kind, urgency, impact, customer_type)
    own_values = (ticket.kind, ticket.urgency, ticket.impact, ticket.customer_type)
    if corrected == own_values and category == ticket.category:
        named = [name for name in given.__struct_fields__ if getattr(given, name) is not None]
        here = pointer(*named) if len(named) == 1 else ""
        raise Unchanged([Fault(here, "same_kind", "the ticket is classified so already")])
    data: dict[str, Any] = {
        "kind": kind,
        "from": ticket.kind,
        "urgency": urgency,
        "impact": impact,
        "customer_type": customer_type,
        "why": why.strip(),
    }
    if category != ticket.category:
        data["category"] = category
    if not by.is_person:
        data["not_later"] = True
    draft = Draft(ticket, plan, by, at).add(EventType.RECLASSIFIED, data)
    if later := _later_promises(ticket, draft.after, plan, at):
        data |= later
        draft = Draft(ticket, plan, by, at).add(EventType.RECLASSIFIED, data)
    before, after = _team(ticket, plan), _team(draft.after, plan)
    # If the plan's team does not change, the ticket stays in its team, because a person may have
    # moved it there.
    if after not in (before, ticket.team):
        data = {"from": ticket.assignee, "why": "another team handles these", "team": after}
        draft.add(EventType.QUEUED, data, SYSTEM)
    return draft.change()


def _team(ticket: Ticket, plan: Plan) -> str:
    rule = plan.routing_rule(classification_of(ticket))
    return rule.team or default_team(ticket, plan)


def set_tags(ticket: Ticket, plan: Plan, by: Actor, given: Sequence[str], at: datetime) -> Change:
    """Set the tags of the ticket to these. They are stored in one form (`tags.read`)."""
    wanted = tags.read(given)
    require_possible(Step.TAG, ticket)
    if wanted == ticket.tags:
        raise Unchanged([Fault("/tags", "same_tags", "the ticket has these tags already")])
    data = {"tags": list(wanted), "from": list(ticket.tags)}
    return Draft(ticket, plan, by, at).add(EventType.TAGGED, data).change()


def set_fields(
    ticket: Ticket, plan: Plan, by: Actor, given: Mapping[str, str | None], at: datetime
) -> Change:
    """Set the fields that `given` names; the others stay. None empties a field.

    Raises InvalidInput with every fault (`fields.changes`), and Unchanged if nothing changes.
    """
    changed = fields.changes(ticket, plan, given)
    require_possible(Step.SET_FIELDS, ticket)
    if not changed:
        raise Unchanged([Fault("/fields", "same_fields", "the ticket has these values already")])
    kept = dict(ticket.fields)
    data = {"fields": changed, "from": {name: kept.get(name) for name in changed}}
    return Draft(ticket, plan, by, at).add(EventType.FIELDS_SET, data).change()


def tell_progress(ticket: Ticket, plan: Plan, by: Actor, text: str, at: datetime) -> Change:
    """Tell the customer about progress. This stops the reaction clock, not the first response's."""
    require_possible(Step.TELL_PROGRESS, ticket)
    data = {"text": text.strip()} | recipients(ticket, plan, at)
    return Draft(ticket, plan, by, at).add(EventType.PROGRESS_TOLD, data).change()


def _check_classification(ticket: Ticket, plan: Plan, given: Classification, kind: str) -> None:
    faults = [
        Fault(f"/{name}", f"unknown_{name}", f"one of {', '.join(known)}")
        for name, value, known in (
            ("kind", given.kind, tuple(plan.levels)),
            ("customer_type", given.customer_type, plan.customer_types),
        )
        if value is not None and value not in known
    ]
    if given.category and given.category != ticket.category:
        known_kind = kind if kind in plan.levels else None
        if fault := categories.fault_of(plan.categories, given.category, known_kind):
            faults.append(fault)
    if faults:
        raise InvalidInput(faults)


def promise(
    ticket: Ticket, plan: Plan, by: Actor, due: datetime, text: str, at: datetime
) -> Change:
    """Record that an agent promises the customer an answer by `due`. It gets a clock of its own.

    A second promise replaces the first one. The first one stays in the history.
    """
    if not 1 <= (due - at).total_seconds() <= LONGEST_S:
        raise InvalidInput([Fault("/by", "not_in_time", "an instant to come, within a year")])
    require_possible(Step.PROMISE, ticket)
    data = {"by": due.isoformat(), "text": text.strip()} | recipients(ticket, plan, at)
    return Draft(ticket, plan, by, at).add(EventType.PROMISED, data).change()


def hold(ticket: Ticket, plan: Plan, by: Actor, reason: str, text: str, at: datetime) -> Change:
    """Put the ticket on hold because it waits for something other than the customer's answer.

    The customer is told. The plan says which clocks pause for `reason` (one of `plan.HOLDS`).
    """
    require_possible(Step.HOLD, ticket)
    data = {"reason": reason, "text": text.strip()} | recipients(ticket, plan, at)
    return Draft(ticket, plan, by, at).add(EventType.HELD, data).change()


def release(ticket: Ticket, plan: Plan, by: Actor, at: datetime) -> Change:
    """End a hold."""
    require_possible(Step.RELEASE, ticket)
    if ticket.on_hold is None:
        raise NotAllowedNow(Step.RELEASE, ticket.state)
    return Draft(ticket, plan, by, at).add(EventType.RELEASED).change()


CORRECTABLE = (ClockName.REACTION, ClockName.FIRST_RESPONSE, ClockName.NEXT_REPLY)
"""The promises that somebody may have kept by a call or a visit that was not recorded."""


def correct(
    ticket: Ticket,
    plan: Plan,
    by: Actor,
    clock: str,
    stopped_at: datetime,
    why: str,
    at: datetime,
    written: Iterable[datetime] = (),
) -> Change:
    """Record that the customer was answered at `stopped_at`.

    The history has a later answer, or none. Only supervisors and managers may do this. The event
    contains the reason `why`. Rungs that fired stay in the history. `written` are the times of the
    customer's messages (`written_at`). Messages after `stopped_at` stay unanswered. Raises
    InvalidInput for a clock or a time that cannot be corrected.
    """
    held = ticket.clocks.get(ClockName(clock)) if clock in CORRECTABLE else None
    faults = []
    if held is None or held.state is ClockState.CANCELLED:
        known = ", ".join(name for name in CORRECTABLE if name in ticket.clocks)
        faults.append(Fault("/clock", "unknown_clock", f"one of {known}"))
    elif held.settled:
        faults.append(Fault("/clock", "other_plan", "it ended under a plan that was left since"))
    elif not held.started_at <= stopped_at <= (held.stopped_at or at):
        detail = "from when the clock began to when it was stopped, or to now"
        faults.append(Fault("/at", "not_in_time", detail))
    if faults or held is None:
        raise InvalidInput(faults)
    step = step_of_correction(ClockName(clock), held)
    require_possible(step, ticket)
    unrecorded = step is Step.RECORD_EARLIER_ANSWER
    data = {"clock": clock, "stopped_at": stopped_at.isoformat(), "why": why.strip()}
    if unrecorded and (later := min((one for one in written if one > stopped_at), default=None)):
        data["unanswered_since"] = later.isoformat()
    return Draft(ticket, plan, by, at).add(EventType.CORRECTED, data).change()


def written_at(history: Iterable[Event]) -> list[datetime]:
    """The times at which the customer wrote, from a ticket's history.

    A bare thanks needs no answer, unless a person counted it as a message.
    """
    read = list(history)
    counted = {event.data["event"] for event in read if event.type is EventType.MESSAGE_COUNTED}
    moved = split_events.split_off(read)
    return [
        split_events.written_at(event)
        for event in read
        if event.type in _WRITTEN
        and event.number not in moved
        and (not is_bare_thanks(event) or event.number in counted)
    ]


_WRITTEN = (EventType.OPENED, EventType.CUSTOMER_WROTE, EventType.DISPUTED)


def _later_promises(ticket: Ticket, after: Ticket, plan: Plan, at: datetime) -> dict[str, Any]:
    """The data of an event that makes promises later than the customer was told; {} if none is.

    `plan` is the plan before the event. `via` is the conversation through which the customer is
    told, and `to` the address to which a mail about it goes. Without both, staff must tell them. It
    goes to no phone number by itself: anybody can name a stranger's.
    """
    moved = lengthened(ticket, after, plan, at)
    if not moved:
        return {}
    data: dict[str, Any] = {
        "lengthened": [
            {
                "clock": one.clock,
                "before": one.before.isoformat(),
                "after": one.after and one.after.isoformat(),
                **({"paused": True} if one.paused else {}),
            }
            for one in moved
        ]
    }
    way = way_of(ticket, at, sms=None)
    if way.by is Way.CONNECTOR:
        data["via"] = to_builtins(way.conversation)
    elif way.by is Way.MAIL:
        data["to"] = ticket.contact.email
    return data


def _cause_lost(ticket: Ticket, old: Plan, new: Plan) -> dict[str, str]:
    """The words of the cause of the resolution if the new plan does not have it, by language."""
    if ticket.resolution is None or (ticket.resolution.cause or "") in new.causes:
        return {}
    return dict(old.causes.get(ticket.resolution.cause or "", {}))


def move_to_plan(ticket: Ticket, old: Plan, new: Plan, by: Actor, why: str, at: datetime) -> Change:
    """Move the ticket to another version of the plan.

    Every open promise is recomputed, and the time consumed so far is measured again. If the
    ticket waits for a callback or a survey that the new plan does not promise, it is closed. If
    promises that the customer was told become later or no longer apply, the event says so, and a
    mail tells the customer.
    """
    require_possible(Step.CHANGE_PLAN, ticket)
    if new.version == ticket.plan_version:
        raise Unchanged([Fault("/plan_version", "same_plan", "it is under this plan already")])
    data: dict[str, Any] = {
        "plan_version": new.version,
        "from": ticket.plan_version,
        "why": why.strip(),
    }
    if lost := remedy_events.words_lost(ticket, old, new):
        data["remedies"] = lost
    if words := _cause_lost(ticket, old, new):
        data["cause_words"] = words
    if ticket.needs_agent and ticket.assignee is None:
        data["queued"] = True  # the new plan may ask for another agent
    draft = Draft(ticket, new, by, at).add(EventType.PLAN_CHANGED, data)
    if later := _later_promises(ticket, draft.after, old, at):
        data |= later
        draft = Draft(ticket, new, by, at).add(EventType.PLAN_CHANGED, data)
    if closure := closure_now(draft.after, new):
        draft.add(EventType.CLOSED, {"closure": closure}, SYSTEM)
    return replace(draft.change(), plan_before=old)


Files = Sequence[Mapping[str, Any]]
"""The files of a message, as its event lists them: id, name, type and size of each."""


def reply(
    ticket: Ticket,
    plan: Plan,
    by: Actor,
    text: str,
    wait_for_customer: bool,
    at: datetime,
    files: Files = (),
) -> Change:
    """Send a public reply. The first one is the first response.

    If `wait_for_customer` is true, the ticket waits for the customer's answer from now on.
    """
    require_possible(Step.REPLY_AND_WAIT if wait_for_customer else Step.REPLY, ticket)
    data = {"text": text.strip(), "wait_for_customer": wait_for_customer}
    data |= recipients(ticket, plan, at) | files_data(files)
    return Draft(ticket, plan, by, at).add(EventType.REPLIED, data).change()


def note(
    ticket: Ticket,
    plan: Plan,
    by: Actor,
    text: str,
    at: datetime,
    mail: Mapping[str, Any] | None = None,
    cleared: str | None = None,
    files: Files = (),
    mentioned: Sequence[str] = (),
    members: Mapping[str, Member] | None = None,
    is_guest: bool = False,
) -> Change:
    """Add an internal note, which the customer never sees. `mail` is described at `open_ticket`.

    `cleared` is an address to which the writer of the note allowed mail again. `mentioned` are the
    ids of the members whom the note mentions, and `members` those of them that exist, by id.
    `is_guest` says that the writer sees the ticket only because a note mentions them. Raises
    InvalidInput with a fault for every member who cannot be mentioned (`mentions.faults_of`).
    """
    data = {"text": checked_text(text, "/text")} | mail_source(mail) | files_data(files)
    if cleared is not None:
        data["cleared"] = cleared
    if mentioned:
        if faults := mentions.faults_of(ticket, by, mentioned, members or {}, is_guest):
            raise InvalidInput(faults)
        data["mentions"] = list(mentioned)
        require_possible(Step.MENTION, ticket)
    require_possible(Step.NOTE, ticket)
    return Draft(ticket, plan, by, at).add(EventType.NOTED, data).change()


def remind(ticket: Ticket, plan: Plan, by: Actor, agent: str, text: str, at: datetime) -> Change:
    """Record that a leader reminds the agent of the ticket. It changes nothing else of the ticket.

    The leader names the agent, because another one may have got the ticket since the leader read
    it. Raises InvalidInput if another member than `agent` has the ticket, NotAllowedNow if nobody
    has it, and Forbidden if the leader has it.
    """
    data = {"text": checked_text(text, "/text"), "agent": agent}
    if ticket.assignee not in (None, by.id, agent):
        detail = "another member has the ticket now"
        raise InvalidInput([Fault("/agent", "not_assignee", detail)])
    require_possible(Step.REMIND, ticket)
    if ticket.assignee is None:
        raise NotAllowedNow(Step.REMIND, ticket.state)
    if ticket.assignee == by.id:
        raise Forbidden("nobody reminds themselves")
    return Draft(ticket, plan, by, at).add(EventType.REMINDED, data).change()


def set_mentions(
    ticket: Ticket, plan: Plan, by: Actor, members: Sequence[str], why: str, at: datetime
) -> Change:
    """Set the members who may read the ticket because a note mentions them: `members`, no others.

    Only a supervisor or a manager may do this. It ends mentions and adds none, because only a note
    says what somebody is asked for. Raises InvalidInput with a fault for every member who is not
    mentioned now, NotAllowedNow if nobody is, and Unchanged if nothing changes.
    """
    if faults := mentions.not_mentioned(ticket, members):
        raise InvalidInput(faults)
    require_possible(Step.SET_MENTIONS, ticket)
    if not ticket.mentioned:
        raise NotAllowedNow(Step.SET_MENTIONS, ticket.state)
    left = [one for one in ticket.mentioned if one in members]
    if left == list(ticket.mentioned):
        raise Unchanged([Fault("/members", "same_mentions", "these members are mentioned now")])
    data = {"mentioned": left, "from": list(ticket.mentioned), "why": why.strip()}
    return Draft(ticket, plan, by, at).add(EventType.MENTIONS_SET, data).change()


def set_participants(
    ticket: Ticket,
    plan: Plan,
    by: Actor,
    addresses: Sequence[str],
    at: datetime,
    is_ours: Callable[[str, Plan], bool] = lambda address, plan: False,
) -> Change | None:
    """Set the participants of the ticket to these addresses. Returns None if nothing changes.

    From now on participants get a copy of each message to the customer, and may write on the ticket
    by mail. `is_ours` says whether mail to an address comes to Redress: a copy to it would end in
    our own quarantine. Raises InvalidInput with a fault for every address that cannot be a
    participant.
    """
    # Each participant once, as the first of equal addresses was typed.
    wanted: dict[str, str] = {}
    for address in addresses:
        wanted.setdefault(canonical(address), cleaned(address).lower())
    customer = canonical(ticket.contact.email or "")
    faults = []
    if len(wanted) > MOST_PARTICIPANTS:
        faults.append(Fault("/participants", "too_many", f"at most {MOST_PARTICIPANTS}"))
    for index, address in enumerate(addresses):
        here = pointer("participants", str(index))
        if not is_address(address):
            faults.append(Fault(here, *fault_of(address)))
        elif canonical(address) == customer:
            faults.append(Fault(here, "is_customer", "this is the customer"))
        elif is_ours(address, plan):
            faults.append(Fault(here, "is_ours", "mail to this address comes to this system"))
    if faults:
        raise InvalidInput(faults)
    require_possible(Step.SET_PARTICIPANTS, ticket)
    if wanted.keys() == {canonical(address) for address in ticket.participants}:
        return None
    data = {"participants": list(wanted.values()), "from": list(ticket.participants)}
    return Draft(ticket, plan, by, at).add(EventType.PARTICIPANTS_SET, data).change()


def set_about(
    ticket: Ticket,
    plan: Plan,
    by: Actor,
    members: Sequence[str],
    why: str,
    at: datetime,
    known: Mapping[str, Member] = MappingProxyType({}),
) -> Change | None:
    """Set the members of staff whom the complaint is about: `members`, and nobody else.

    None of them sees the ticket any more. `known` are the members by id, who decide which
    supervisors do not see it either. As long as no member is taken off, it stays kept from those
    from whom it is kept already. If it was unclear whom the complaint is about, this decides
    it. Otherwise returns None if nothing changes. Everybody who may act on the ticket may add
    members. Only a supervisor or a manager may take one off, because that gives
    somebody access again. Raises Forbidden if an agent takes one off.
    """
    require_possible(Step.SET_ABOUT, ticket)
    named = [known[one] for one in members if one in known]
    teams = set(kept_from(plan, named, ticket.created_at))
    if ticket.about_unclear is None:
        if set(ticket.about) <= set(members):
            teams |= set(ticket.kept_from)
        if set(members) == set(ticket.about) and teams == set(ticket.kept_from):
            return None
    if by.role is Role.AGENT and not set(ticket.about) <= set(members):
        raise Forbidden("only a supervisor or a manager takes a member of staff off this list")
    return add_about(Draft(ticket, plan, by, at), members, why, sorted(teams), named).change()


def is_acceptable(event: Event) -> bool:
    """Whether the event logs a mail that `accept_mail` can make the customer's message."""
    return event.type is EventType.MAIL_NOTED and event.data.get("why") == STRANGER


def accept_mail(
    ticket: Ticket,
    plan: Plan,
    by: Actor,
    noted: Event,
    history: Iterable[Event],
    at: datetime,
    is_ours: Callable[[str, Plan], bool],
) -> Change:
    """Make the words of a stranger's mail the customer's message, and its sender a participant.

    `noted` is the event that logs the mail (`is_acceptable`). The customer counts as having written
    at `at`, because nobody on the customer's side was entitled to write earlier. Raises
    InvalidInput if there is no room for one more participant, if the address in From is ours
    (`set_participants`), or if no mail can be sent to it: nothing else in a mail can be proven to
    be its sender's. Raises AlreadyDone if the mail was accepted before.
    """
    address = noted.data["from"]
    if not is_address(address):
        code, _ = fault_of(address)
        detail = "the mail has no sender to whom mail can be sent; add a participant instead"
        raise InvalidInput([Fault("", code, detail)])
    known = (*ticket.participants, *([ticket.contact.email] if ticket.contact.email else []))
    is_new = canonical(address) not in map(canonical, known)
    faults = []
    if is_ours(address, plan):
        faults.append(Fault("", "is_ours", "mail to the sender's address comes to this system"))
    if is_new and len(ticket.participants) >= MOST_PARTICIPANTS:
        detail = f"at most {MOST_PARTICIPANTS}; remove one first"
        faults.append(Fault("", "too_many", detail))
    if faults:
        raise InvalidInput(faults)
    require_possible(Step.WRITE, ticket)
    if any((one.data.get("accepted") or {}).get("event") == noted.number for one in history):
        raise AlreadyDone("this mail was accepted before")
    draft = Draft(ticket, plan, by, at)
    if is_new:
        wanted = [*ticket.participants, address]
        data = {"participants": wanted, "from": list(ticket.participants)}
        draft.add(EventType.PARTICIPANTS_SET, data)
    words: dict[str, Any] = {
        "text": noted.data["text"],
        "from": address,
        "accepted": {"event": noted.number, "by": by.id},
    }
    words |= mail_source(noted.data["mail"])
    return draft.add(EventType.CUSTOMER_WROTE, words, CUSTOMER).change()


_ANSWERS = (EventType.REPLIED, EventType.RESOLVED, EventType.DISPUTED)
"""The events after which an earlier message of the customer needs no answer of its own. A dispute
waits for an answer itself."""


def count_message(
    ticket: Ticket,
    plan: Plan,
    by: Actor,
    number: int,
    history: Iterable[Event],
    at: datetime,
) -> Change:
    """Decide that a message which was taken for a bare thanks says more than that.

    `number` is that of its event. What follows from a message then follows from its time: the
    customer waits for an answer, unless staff have answered since, or it counts as a contact after
    the resolution. Raises InvalidInput if the event is no bare thanks, and AlreadyDone if it was
    counted before.
    """
    require_possible(Step.COUNT_MESSAGE, ticket)
    read = list(history)
    said = next((one for one in read if one.number == number and is_bare_thanks(one)), None)
    if said is None:
        raise InvalidInput([Fault("/event", "no_thanks", "an event that is a bare thanks")])
    counted = (one for one in read if one.type is EventType.MESSAGE_COUNTED)
    if any(one.data["event"] == number for one in counted):
        raise AlreadyDone("this message was counted before")
    data: dict[str, Any] = {"event": number, "written_at": said.at.isoformat()}
    if any(_answers(one, said) for one in read):
        data["answered"] = True
    return Draft(ticket, plan, by, at).add(EventType.MESSAGE_COUNTED, data).change()


def _answers(event: Event, said: Event) -> bool:
    """Whether the message `said` needs no answer any more because of this event."""
    if event.type is EventType.CORRECTED and event.data["clock"] != ClockName.REACTION:
        return datetime.fromisoformat(event.data["stopped_at"]) >= said.at
    return event.number > said.number and event.type in _ANSWERS


def resolve(
    ticket: Ticket,
    plan: Plan,
    by: Actor,
    text: str,
    outcome: str | None,
    remedy: str | None,
    root_cause: str | None,
    at: datetime,
    preference: Preference | None = None,
    files: Files = (),
    cause: str | None = None,
) -> Change:
    """Resolve the ticket. A complaint also needs an outcome, a root cause and a remedy.

    The remedy is a text for staff. A complaint does not need it if the customer was promised a
    remedy, or got one. `cause` is a cause of the plan, whose words the customer reads. `preference`
    says how and when the customer wants to be called back. Raises TasksOpen while a required task
    of another department is not done, or nobody has decided about a proposed remedy. A service
    request is done only if each required item of its checklist is settled (ChecklistOpen).
    Otherwise it is resolved with an outcome that says that it is not done, and `text` tells the
    customer why.
    """
    faults = _faults_of_resolution(ticket, plan, outcome, remedy, root_cause, cause)
    if faults:
        raise InvalidInput(faults)
    require_possible(Step.RESOLVE, ticket)
    undone = [_not_done(task) for task in ticket.tasks if task.blocks]
    if undone := undone + [_undecided(one) for one in ticket.remedies if one.is_undecided]:
        raise TasksOpen(undone)
    if outcome not in NOT_DONE and (open_items := blocking(ticket.checklist)):
        raise ChecklistOpen([_not_settled(item) for item in open_items])
    draft = Draft(ticket, plan, by, at).add(
        EventType.RESOLVED,
        {
            "text": text.strip(),
            "outcome": outcome,
            "remedy": remedy,
            "root_cause": root_cause,
        }
        | recipients(ticket, plan, at, always=True)
        | files_data(files)
        | ({"cause": cause} if cause else {})
        | ({"preference": to_builtins(preference)} if preference else {}),
    )
    if closure := closure_now(draft.after, plan):
        draft.add(EventType.CLOSED, {"closure": closure}, SYSTEM)
    return draft.change()


def _fault_of_outcome(ticket: Ticket, outcome: str | None) -> Fault | None:
    """Return the fault of an outcome that tickets of this kind do not have.

    Other kinds than complaints keep the outcomes of complaints, which they could always have.
    """
    if outcome in REQUEST_OUTCOMES and ticket.kind != SERVICE_REQUEST:
        detail = "only service requests have this outcome"
        if ticket.kind == "complaint":
            detail = f"a complaint has one of {', '.join(OUTCOMES)}"
        return Fault("/outcome", "not_of_kind", detail)
    return None


def _not_settled(item: Item) -> Fault:
    return Fault(pointer("checklist", item.id), "item_not_settled", f"this item is {item.state}")


def _faults_of_resolution(
    ticket: Ticket,
    plan: Plan,
    outcome: str | None,
    remedy: str | None,
    root_cause: str | None,
    cause: str | None,
) -> list[Fault]:
    fault = _fault_of_outcome(ticket, outcome)
    faults = [fault] if fault else []
    if ticket.kind == "complaint":
        has_remedy = any(one.is_owed or one.state == RemedyState.DONE for one in ticket.remedies)
        needed = {"outcome": outcome, "remedy": remedy, "root_cause": root_cause}
        if has_remedy:
            del needed["remedy"]
        faults += [
            Fault(f"/{name}", "required", f"a complaint needs its {name}")
            for name, value in needed.items()
            if not (value or "").strip()
        ]
    if cause is not None and cause not in plan.causes:
        known = ", ".join(plan.causes) or "none: the plan has no causes"
        faults.append(Fault("/cause", "unknown_cause", f"one of {known}"))
    return faults


def _undecided(remedy: Remedy) -> Fault:
    detail = f"nobody has decided about a proposed remedy ({remedy.kind})"
    return Fault(pointer("remedies", remedy.id), "remedy_not_decided", detail)


def _not_done(task: Task) -> Fault:
    detail = f"{task.title} ({task.team}) is {task.state}"
    return Fault(pointer("tasks", task.id), "task_not_done", detail)


def record_callback(
    ticket: Ticket, plan: Plan, by: Actor, outcome: str, text: str, at: datetime
) -> Change:
    """Record a call to the customer: `confirmed`, `dissatisfied` or `no_answer`.

    If the customer does not answer the last of the plan's attempts, the ticket is closed as
    unconfirmed.
    """
    if outcome == "confirmed":
        return confirm(ticket, plan, by, at)
    if outcome == "dissatisfied":
        return dispute(ticket, plan, by, text, at)
    require_possible(Step.RECORD_NO_ANSWER, ticket)
    data = {"text": text.strip()}
    draft = Draft(ticket, plan, by, at).add(EventType.CALLBACK_ATTEMPTED, data)
    if ticket.callback_attempts + 1 >= plan.callback.attempts:
        draft.add(EventType.CLOSED, {"closure": UNCONFIRMED}, SYSTEM)
    return draft.change()
