"""The steps of the system: acknowledgement, assignment, notices about mail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from redress.base.people import SYSTEM, Actor, Member, Role
from redress.clocks.rules.clocks import Action
from redress.plans.rules import categories
from redress.plans.rules.plan import GRADATIONS, Plan
from redress.tickets.rules.answers import FOLLOWS, AnswerState
from redress.tickets.rules.change import Change
from redress.tickets.rules.checklist_events import arrived, not_arrived
from redress.tickets.rules.interest import kept_from, kept_from_in_doubt
from redress.tickets.rules.steps.draft import (
    Draft,
    add_about,
    attention,
    kept_back_in,
    recipients,
    require_possible,
)
from redress.tickets.rules.steps.table import RETURNED, STEPS, UNSENT, Step
from redress.tickets.rules.ticket import Event, EventType, Ticket


def acknowledge(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
    """Record that the mail service accepted the acknowledgement.

    None if that is recorded already.
    """
    if ticket.acknowledged_at is not None:
        return None
    return Draft(ticket, plan, SYSTEM, at).add(EventType.ACKNOWLEDGED, {"by": "mail"}).change()


def assign(
    ticket: Ticket,
    plan: Plan,
    agent: str,
    why: str,
    at: datetime,
    team: str = "",
    decision: Mapping[str, Any] | None = None,
    *,
    offered: bool = True,
) -> Change:
    """Assign the ticket to an agent. `why` says why this agent was chosen.

    `team` is the agent's team if a rule of routing moves the ticket there. `decision` says who else
    was read and why not they (`staff.rules.routing.Decision`). The agent has not
    accepted the ticket yet. With `offered` false, nobody asks whether they do.
    """
    require_possible(Step.ASSIGN, ticket)
    data: dict[str, Any] = {"agent": agent, "from": ticket.assignee, "why": why}
    data |= {"team": team or ticket.team} | attention(ticket, plan, at)
    data |= {"accepted": False} if offered else {}
    if decision:
        data["decision"] = dict(decision)
    return Draft(ticket, plan, SYSTEM, at).add(EventType.ASSIGNED, data).change()


def classify(
    ticket: Ticket,
    plan: Plan,
    found: Mapping[str, str],
    why: Mapping[str, Mapping[str, Any]],
    at: datetime,
) -> Change | None:
    """Set the values that the rules of the plan have found. None if they change nothing.

    `why` has the reason of each value. Urgency and impact are at least those of the kind. A
    category that the plan does not offer for the kind is left out. If the plan assigns the ticket
    to another team now, and nobody has it yet, it waits in the queue of that team.
    """
    require_possible(Step.CLASSIFY, ticket)
    kind = found.get("kind", ticket.kind)
    level = plan.level(kind)
    usual = {"urgency": ticket.urgency, "impact": ticket.impact}
    if kind != ticket.kind:
        usual = {"urgency": level.urgency, "impact": level.impact}
    wanted = dict(found) | {
        name: max(value, found.get(name, value), key=GRADATIONS.index)
        for name, value in usual.items()
    }
    if "category" in wanted and categories.fault_of(plan.categories, wanted["category"], kind):
        del wanted["category"]
    changed = {name: value for name, value in wanted.items() if value != getattr(ticket, name)}
    priority = plan.priority(wanted["urgency"], wanted["impact"])
    customer_type = wanted.get("customer_type", ticket.customer_type)
    before = plan.team(ticket.kind, ticket.channel, ticket.priority, ticket.customer_type)
    team = plan.team(kind, ticket.channel, priority, customer_type)
    if ticket.assignee is None and ticket.team == before != team:
        changed["team"] = team
    if not changed:
        return None
    data = {
        "values": changed,
        "from": {name: getattr(ticket, name) for name in changed},
        "why": {name: dict(why[name]) for name in changed if name in why},
    }
    return Draft(ticket, plan, SYSTEM, at).add(EventType.CLASSIFIED, data).change()


GONE = "the agent is gone"


def take_back(ticket: Ticket, plan: Plan, at: datetime) -> Change:
    """Return the ticket of an agent who is gone to the queue, because a promise cannot wait."""
    require_possible(Step.REASSIGN, ticket)
    data = {"from": ticket.assignee, "why": GONE, "team": ticket.team, "gone": True}
    return Draft(ticket, plan, SYSTEM, at).add(EventType.QUEUED, data).change()


def leave_unplaced(
    ticket: Ticket,
    plan: Plan,
    decision: Mapping[str, Any],
    ladder: str,
    at: datetime,
    team: str = "",
    called: int = 0,
) -> Change:
    """Record that nobody could take the ticket when it was offered for the first time.

    The steps of the plan that `ladder` names then relax what routing asks for. If `called` is not
    0, reserve staff and supervisors are called, because so many tickets wait.
    """
    require_possible(Step.ASSIGN, ticket)
    data: dict[str, Any] = {"team": team or ticket.team, "ladder": ladder}
    data["decision"] = dict(decision)
    if called:
        data["called"] = called
    return Draft(ticket, plan, SYSTEM, at).add(EventType.UNPLACED, data).change()


def open_planned_tasks(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
    """Open the tasks that the plan asks for on a ticket that an agent has already.

    The agent took it from a caller, or had it before: then nobody is offered it after the rules of
    the plan have classified it. None if there are none that were not opened before.
    """
    if ticket.state not in STEPS[Step.OPEN_TASK]:
        return None
    change = Draft(ticket, plan, SYSTEM, at).open_planned_tasks().change()
    return change if change.events else None


def tell_nobody_is_there(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
    """Tell the customer that nobody is there, once, in the words of the plan.

    None if it is not time yet, if they were told before, or if a person has reacted.
    """
    search = ticket.placing
    if search is None or ticket.nobody_told or not ticket.is_unanswered:
        return None
    told = plan.nobody(search.ladder)
    if told is None or not any(step.startswith(Action.TELL) for step in search.fired):
        return None
    data: dict[str, Any] = {"text": told["text"][ticket.language]}
    data |= recipients(ticket, plan, at, always=True, by_itself=True)
    data.pop("copied_to", None)  # nobody but the customer waits
    return Draft(ticket, plan, SYSTEM, at).add(EventType.NOBODY_THERE, data).change()


def set_about(
    ticket: Ticket, plan: Plan, members: Sequence[Member], why: str, at: datetime
) -> Change:
    """Set the members of staff whom the complaint is about, from what the customer wrote."""
    require_possible(Step.SET_ABOUT, ticket)
    teams = kept_from(plan, members, ticket.created_at)
    ids = [one.id for one in members]
    return add_about(Draft(ticket, plan, SYSTEM, at), ids, why, teams, members).change()


IN_ANOTHER_TEAM = "somebody whom the complaint is, or may be, about is in another team"


def follow_accused(ticket: Ticket, plan: Plan, accused: Member, at: datetime) -> Change | None:
    """Keep a complaint from the supervisors of the team in which an accused agent is now, too.

    Open tasks of that team go back to its leaders, because the accused has colleagues there now.
    Returns None if it is not about the member, or if nothing changes.
    """
    if accused.id not in (*ticket.about, *(ticket.about_unclear or ())):
        return None
    teams = {*ticket.kept_from, *kept_from(plan, [accused], ticket.created_at)}
    departments = kept_back_in(ticket, [accused] if accused.id in ticket.about else [])
    if teams == set(ticket.kept_from) and not departments:
        return None
    require_possible(Step.SET_ABOUT, ticket)
    data: dict[str, Any] = {"about": list(ticket.about), "from": list(ticket.about)}
    data |= {"why": IN_ANOTHER_TEAM, "kept_from": sorted(teams), "moved": accused.id}
    data |= {"departments": departments} if departments else {}
    return Draft(ticket, plan, SYSTEM, at).add(EventType.ABOUT_SET, data).change()


def doubt_about(
    ticket: Ticket, plan: Plan, candidates: Sequence[Member], why: str, at: datetime
) -> Change:
    """Record that a person must decide whom the complaint is about, before anybody gets it.

    `candidates` are the members of staff whom it may be about. `why` is a `Doubt`.
    """
    require_possible(Step.DOUBT_ABOUT, ticket)
    data: dict[str, Any] = {"why": why, "candidates": [one.id for one in candidates]}
    if teams := kept_from_in_doubt(plan, candidates, ticket.team, ticket.created_at):
        data["kept_from"] = list(teams)
    return Draft(ticket, plan, SYSTEM, at).add(EventType.ABOUT_DOUBTED, data).change()


def note_mail(
    ticket: Ticket,
    plan: Plan,
    why: str,
    sender: str,
    text: str,
    at: datetime,
    mail: Mapping[str, Any],
) -> Change:
    """Log a mail about the ticket that is not the customer's message, such as a bounce.

    `why` is a `Notice` of `mail.incoming.rules.decision`. `open_ticket` describes `mail`. It
    changes no state, and no clock but one that waits for what the customer gives: if the mail that
    asked them for it did not reach them, nobody waits for them any more (`knows_list`).
    """
    require_possible(Step.NOTE_MAIL, ticket)
    data: dict[str, Any] = {"why": why, "from": sender, "text": text, "mail": dict(mail)}
    is_lost = why in (RETURNED, UNSENT) and mail.get("to", Role.CUSTOMER) == Role.CUSTOMER
    if is_lost and not_arrived(ticket.checklist, _event_of(mail.get("about", ""))):
        data["knows_list"] = False
    return Draft(ticket, plan, SYSTEM, at).add(EventType.MAIL_NOTED, data).change()


def _event_of(key: str) -> int | None:
    """The number of the event that a mail is about, from its key (`000003.reply.customer`)."""
    number = key.partition(".")[0]
    return int(number) if number.isascii() and number.isdigit() else None


def note_unsent(
    ticket: Ticket, plan: Plan, event: int, key: str, why: str, at: datetime
) -> Change | None:
    """Log that the mail after an event, with this key, is not sent to the customer at all.

    None if it does not matter to the checklist of the ticket, or was logged before. `why` says why
    it is not sent.
    """
    if not not_arrived(ticket.checklist, event):
        return None
    mail = {"about": key, "to": Role.CUSTOMER.value}
    return note_mail(ticket, plan, UNSENT, "", why, at, mail)


def report_answer(
    ticket: Ticket,
    plan: Plan,
    by: Actor,
    answer: Event,
    state: AnswerState,
    why: str,
    later: Iterable[Event],
    at: datetime,
) -> Change | None:
    """Record what became of an answer that went to a connector.

    It changes no state, and no clock but one that waits for what the customer gives: nobody waits
    for it if the words that asked for it have failed (`knows_list`).

    `answer` is the event whose words were sent, and `later` are the events after it. `why` says
    why it failed; "" otherwise. Returns None if this, or something that replaces it, was reported
    before (`answers.FOLLOWS`).
    """
    require_possible(Step.REPORT_ANSWER, ticket)
    last: AnswerState | None = None
    for event in later:
        if event.type is EventType.ANSWER_REPORTED and event.data["answer"] == answer.number:
            last = AnswerState(event.data["state"])
    if state not in FOLLOWS[last]:
        return None
    data: dict[str, Any] = {"answer": answer.number, "state": state.value}
    data["connector"] = answer.data["via"]["connector"]
    if why:
        data["why"] = why
    if state is AnswerState.FAILED and not_arrived(ticket.checklist, answer.number):
        data["knows_list"] = False
    if state is AnswerState.DELIVERED and arrived(ticket.checklist, answer.number):
        data["knows_list"] = True
    return Draft(ticket, plan, by, at).add(EventType.ANSWER_REPORTED, data).change()


def note_files(
    ticket: Ticket, plan: Plan, text: str, files: Sequence[Mapping[str, Any]], at: datetime
) -> Change:
    """Add a note to the ticket about files that were refused or that a scanner found harmful.

    `text` is the note in words. Each of `files` has id, name, state and reason. The note changes no
    clock and no state.
    """
    require_possible(Step.NOTE, ticket)
    data = {"text": text, "refused": [dict(file) for file in files]}
    return Draft(ticket, plan, SYSTEM, at).add(EventType.NOTED, data).change()
