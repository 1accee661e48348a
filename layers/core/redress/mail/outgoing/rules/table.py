"""Which mails follow an event of a ticket. The follower gets them from `mails_after`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redress.base.people import Role
from redress.clocks.rules.clocks import Action, ClockName
from redress.mail.incoming.rules.decision import Notice
from redress.mail.outgoing.rules import remedy_mails
from redress.mail.outgoing.rules.task_mails import ASKER, ASKERS, DEPARTMENT, TASK, URGED, audiences
from redress.plans.rules.checklists import STEP
from redress.tickets.rules import post_mortem
from redress.tickets.rules.answers import AnswerState
from redress.tickets.rules.post_mortem import first_of_each
from redress.tickets.rules.ticket import Event, EventType, LinkKind

PARTICIPANTS = "participants"
ACKNOWLEDGEMENT = "acknowledgement"
STAFF_UNREACHED = "staff_unreached"
PROMISE_MOVED = "promise_moved"
TELL_MOVED = "tell_moved"
"""The template of the mail that asks staff to tell a customer without an address of a later
promise."""
MERGED = "merged"
"""The template of the mail that tells a customer in which ticket theirs goes on."""
UNMERGED = "unmerged"
"""The template of the mail that tells them that it goes on by itself after all."""
SPLIT = "split"
"""The template of what tells the customer of a connector that words got a ticket of their own. By
mail, this is the acknowledgement."""
SPLIT_UNDONE = "split_undone"
NAME_ANOTHER = (MERGED, UNMERGED, SPLIT_UNDONE)
"""The templates of mails that name another ticket of the customer."""
"""The template of the mail that tells the author of messages that their split was undone."""
CUSTOMER_WROTE = "customer_wrote"
"""The template of the mail that tells an agent: a message of the customer waits for an answer."""
MOVED_AWAY = "moved_away"
"""The template of the mail that tells an agent: your ticket was closed, and goes on in another."""
ABOUT_DOUBTED = "about_doubted"
RESERVE = "reserve"
"""The audience of reserve staff of the ticket's team, who are called."""
CALLED = "reserve_called"
CONNECTOR = "connector"
"""The audience of what goes through a connector instead of by mail (`cases.answering`)."""
ANSWER_FAILED = "answer_failed"
"""The template of the mail to an agent whose words did not reach the customer."""
SPIKE = "spike"
"""The template of the mail about an incident that a spike of new tickets proposes."""
JOIN = Action.JOIN.value
"""The template of the mail to leaders who join a ticket at once."""
MENTIONED = "mentioned"
"""The template of the mail to a member of staff whom a note mentions."""


REMINDED = "reminded"
"""The template of the mail to an agent whom a leader reminds. The template `remind` is that of a
rung."""


POST_MORTEM = "post_mortem"
"""The template of the mails to staff about the post-mortem of a closed ticket."""


POST_MORTEM_ACTION = "post_mortem_action"
"""The template of the mail to who owns actions of a post-mortem."""
OWNER = "owner"
"""The audience `owner-2` owns the second action of a post-mortem, and perhaps later ones."""


CHECKLIST = "checklist"
"""The template of the mail that tells a customer what their service request needs."""
ITEM = "item"
"""The template of the mail that tells a customer what staff wrote about an item of it."""
ITEM_GIVEN = "item_given"
"""The template of the mail that asks the agent to check what the customer has given."""


@dataclass(frozen=True, slots=True)
class MailToSend:
    """One mail to be sent: its template and its audience.

    The audience is `customer`, PARTICIPANTS, RESERVE, CONNECTOR, a role of staff, one of
    `task_mails` or of `remedy_mails`, one member whom a note mentions (`mentioned-2` is the second
    one in the note), or one who owns actions of a post-mortem (`owner-2`).
    """

    template: str
    audience: str


_TO_CUSTOMER: Mapping[EventType, str] = {
    EventType.PROGRESS_TOLD: "progress",
    EventType.PROMISED: "progress",
    EventType.HELD: "progress",
    EventType.REPLIED: "reply",
    EventType.RESOLVED: "resolution",
    EventType.ITEM_REJECTED: ITEM,
    EventType.ITEM_DONE: ITEM,
    EventType.ITEM_OBSTRUCTED: ITEM,
}
_OF_MERGES: Mapping[EventType, str] = {
    EventType.MERGED: MERGED,
    EventType.UNMERGED: UNMERGED,
    EventType.UNSPLIT: SPLIT_UNDONE,
}
_TOLD_SIDES = (LinkKind.MERGED_INTO, LinkKind.SPLIT_FROM)
"""The sides of a merge and of a split from which their end is told."""
_RUNGS: Mapping[tuple[str, str], str] = {
    (ClockName.CALLBACK, Action.ASK_AGAIN): "callback_again",
    (ClockName.SURVEY, Action.INVITE): "survey",
}


_NOT_REACHED = (Notice.RETURNED, Notice.COMPLAINED, Notice.UNSENT)
_ABOVE: Mapping[str, Role] = {
    Role.AGENT: Role.SUPERVISOR,
    Role.SUPERVISOR: Role.MANAGER,
    Role.MANAGER: Role.MANAGER,
}


def template_of_key(key: str) -> str:
    """Return the template of the mail with this key: `reply` for `000003.reply.customer`."""
    return key.partition(".")[2].rpartition(".")[0]


def audience_of(key: str) -> str:
    """Return the audience of the mail with this key: `customer` for `000003.reply.customer`."""
    return key.rpartition(".")[2]


def mails_after(event: Event) -> list[MailToSend]:
    """Return the mails that follow one event.

    The customer gets the acknowledgement, replies, progress, the resolution with the callback
    question, and the survey. A correction that makes a promise later is told, too; if that reaches
    nobody, the agent is asked to tell them. So are a merge and its end, from the ticket that
    was merged, and the end of a split, from the ticket that was split off. The agent of the ticket
    that ends with it is told, and the agent of the other one if they get words of the customer that
    wait for an answer. Participants get a
    copy of what staff wrote to the customer. Staff get reminders, breaches and escalations. The
    supervisor is notified of a dispute, which reopens the ticket. The agent is notified of new
    messages from the customer, of mails that came to the ticket from another address, and of mails
    that did not reach the customer or a participant. If a notice did not reach a member of staff,
    the next role is notified (`next_role`). Each member whom a note mentions gets a mail of their
    own, so none of them sees the others' addresses. An agent gets the reminder of a leader. The
    supervisor is asked to decide whom a complaint is about, if that is unclear.
    Supervisor and manager are notified of a proposed incident, because they can declare it. If
    nobody is there, the customer and the supervisor are told. If too many tickets wait, supervisor
    and reserve staff are called. `task_mails` says who is told of a task, and `remedy_mails` who is
    told of a remedy. Whom a rung of a post-mortem names learns that it is due, and whoever owns
    actions of it learns which. A customer gets the
    checklist of their service request, and what staff write about its items; the agent is asked to
    check what the customer has given.

    Words to a customer who wrote through a connector that takes answers go there (CONNECTOR)
    instead of by mail. If they do not reach the customer, the agent is told.
    `MailingCase` checks later whether a recipient has an address.
    """
    if event.type is EventType.URGED or "task" in event.data:
        asker = [MailToSend(URGED, ASKER)] if event.type is EventType.URGED else []
        return [*asker, *(MailToSend(TASK, audience) for audience in audiences(event))]
    if "remedy_id" in event.data:
        return _about_remedy(event)
    if event.data.get("clock") == post_mortem.CLOCK:
        return [MailToSend(POST_MORTEM, role) for role in event.data["notify"]]
    if event.type is EventType.OPENED and "via" in event.data:
        return [_to_customer(SPLIT, event.data)]
    if event.type is EventType.OPENED:
        return [MailToSend(ACKNOWLEDGEMENT, "customer")] if _is_acknowledged(event.data) else []
    if event.type in _TO_CUSTOMER:
        copies = [MailToSend("copy", PARTICIPANTS)] if event.data.get("copied_to") else []
        return [_to_customer(_TO_CUSTOMER[event.type], event.data), *copies]
    if event.type is EventType.CHECKLIST_SET:
        is_asked = any(item["kind"] != STEP for item in event.data["items"])
        is_told = not {"to", "via"}.isdisjoint(event.data)
        return [_to_customer(CHECKLIST, event.data)] if is_asked and is_told else []
    if event.type is EventType.ITEM_GIVEN:
        return [] if event.data.get("read") else [MailToSend(ITEM_GIVEN, Role.AGENT)]
    if event.type in (EventType.RECLASSIFIED, EventType.PLAN_CHANGED):
        if not event.data.get("lengthened"):
            return []
        if {"to", "via"}.isdisjoint(event.data):
            return [MailToSend(TELL_MOVED, Role.AGENT)]
        return [_to_customer(PROMISE_MOVED, event.data)]
    if event.type in _OF_MERGES:
        return _about_merge(event)
    if event.type is EventType.NOBODY_THERE:
        told = _to_customer("nobody_there", event.data)
        return [told, MailToSend("unattended", "supervisor")]
    if event.type is EventType.ANSWER_REPORTED:
        failed = event.data["state"] == AnswerState.FAILED
        return [MailToSend(ANSWER_FAILED, Role.AGENT)] if failed else []
    if event.type is EventType.UNPLACED:
        called = (Role.SUPERVISOR.value, RESERVE) if "called" in event.data else ()
        return [MailToSend(CALLED, audience) for audience in called]
    if event.type is EventType.CUSTOMER_WROTE:
        # A message that was split off another ticket is not new. Its agent gets the whole ticket.
        return [] if "split" in event.data else [MailToSend(CUSTOMER_WROTE, Role.AGENT)]
    if event.type is EventType.POST_MORTEM_WRITTEN:
        owners = first_of_each(one["owner"] for one in event.data.get("actions", ()))
        return [MailToSend(POST_MORTEM_ACTION, f"{OWNER}-{number}") for number in owners]
    if event.type is EventType.NOTED:
        count = len(event.data.get("mentions", ()))
        return [MailToSend(MENTIONED, f"{MENTIONED}-{place}") for place in range(1, count + 1)]
    if event.type is EventType.MAIL_NOTED:
        if event.data["why"] == Notice.STRANGER:
            return [MailToSend("stranger_wrote", "agent")]
        if role := next_role(event.data):
            return [MailToSend(STAFF_UNREACHED, role)]
        return [MailToSend("mail_returned", "agent")] if _wants_an_agent(event.data) else []
    if event.type is EventType.REMINDED:
        return [MailToSend(REMINDED, Role.AGENT)]
    if event.type is EventType.DISPUTED:
        return [MailToSend("disputed", "supervisor")]
    if event.type is EventType.ABOUT_DOUBTED:
        return [MailToSend(ABOUT_DOUBTED, "supervisor")]
    if event.type is EventType.INCIDENT_PROPOSED:
        proposed = "incident" if "clock" in event.data else SPIKE
        return [MailToSend(proposed, "supervisor"), MailToSend(proposed, "manager")]
    if event.type is EventType.RUNG_FIRED:
        data = event.data
        if template := _RUNGS.get((data["clock"], data["action"])):
            return [MailToSend(template, "customer")]
        return [MailToSend(data["action"], role) for role in data["notify"] if role != "customer"]
    return []


def _to_customer(template: str, data: Mapping[str, Any]) -> MailToSend:
    """What takes the words of an event to the customer, as the event fixed it (`recipients`).

    If they reach nobody, the agent is told so instead.
    """
    if "via" in data:
        return MailToSend(template, CONNECTOR)
    if "untold" in data:
        return MailToSend(ANSWER_FAILED, Role.AGENT)
    return MailToSend(template, "customer")


def _about_merge(event: Event) -> list[MailToSend]:
    """The mails to customer and staff after a merge, an undone merge or an undone split.

    The agent of the ticket that was closed by it gets one. The agent of the other ticket gets one
    if that ticket got messages that wait for an answer.
    """
    data, found = event.data, list[MailToSend]()
    is_told_side = data["kind"] in _TOLD_SIDES
    if event.type is EventType.UNSPLIT and "via" in data:
        found.append(_to_customer(SPLIT_UNDONE, data))
    elif is_told_side and "to" in data:
        found.append(MailToSend(_OF_MERGES[event.type], Role.CUSTOMER))
    if event.type is EventType.UNMERGED:
        return found  # the queue offers the source to an agent, and the target gets no message
    if is_told_side:
        found.append(MailToSend(MOVED_AWAY, Role.AGENT))
    elif not {"unanswered", "unanswered_since"}.isdisjoint(data):
        found.append(MailToSend(CUSTOMER_WROTE, Role.AGENT))
    return found


def _about_remedy(event: Event) -> list[MailToSend]:
    """The mails about a remedy: to the customer, with a copy of what staff wrote, and to staff."""
    found = []
    if (template := remedy_mails.template_for_customer(event)) is not None:
        found.append(_to_customer(template, event.data))
        if event.data.get("copied_to") and event.data.get("text"):
            found.append(MailToSend("copy", PARTICIPANTS))
    staff = remedy_mails.audiences(event)
    return [*found, *(MailToSend(remedy_mails.REMEDY, audience) for audience in staff)]


def mentioned_member(event: Event, audience: str) -> str:
    """Return the id of the member who is the audience `mentioned-2` of a note's mails."""
    place = int(audience.removeprefix(f"{MENTIONED}-"))
    member: str = event.data["mentions"][place - 1]
    return member


def owned_actions(event: Event, audience: str) -> list[dict[str, Any]]:
    """Return all actions of who is the audience `owner-2` of the mails about a post-mortem."""
    actions: list[dict[str, Any]] = event.data["actions"]
    owner = actions[int(audience.removeprefix(f"{OWNER}-")) - 1]["owner"]
    return [one for one in actions if one["owner"] == owner]


def next_role(noted: Mapping[str, Any]) -> Role | None:
    """Return who is notified of a notice that did not reach a member of staff, or was called spam.

    The role above the one that the notice was for; for managers, the other managers. If it told a
    member that a note mentions them, or was about a task, a remedy or an action, these are the
    supervisors of the ticket's team. Returns None for any other mail, and if such a notification
    itself did not reach its reader: it would be followed by another one without end. Operations
    learn of each (`mail.outgoing.cases.feedback`).
    """
    mail = noted["mail"]
    if (
        noted["why"] not in _NOT_REACHED
        or template_of_key(mail.get("about", "")) == STAFF_UNREACHED
    ):
        return None
    to: str = mail.get("to", "customer")
    of_part = (DEPARTMENT, ASKER, ASKERS, OWNER, remedy_mails.PROPOSER, remedy_mails.DECIDERS)
    if to.startswith((f"{MENTIONED}-", *of_part)):
        return Role.SUPERVISOR
    return _ABOVE.get(to)


def _wants_an_agent(noted: Mapping[str, Any]) -> bool:
    """Whether the agent must know about a notice that was logged on the ticket.

    The agent must know if a mail did not reach the customer or a participant, or was reported as
    spam. An out-of-office reply needs no attention. `to` is the audience of the mail that the
    notice is about; "" means that it is unknown. Then nobody is notified, because that mail may
    have gone to the agent. If `to` is missing, the audience was the customer.
    """
    to = noted["mail"].get("to", "customer")
    return noted["why"] in _NOT_REACHED and to in ("customer", PARTICIPANTS)


def _is_acknowledged(opened: Mapping[str, Any]) -> bool:
    """Whether an acknowledgement follows: the customer has an address that may be answered."""
    return bool(opened["contact"].get("email")) and not why_unacknowledged(opened)


def why_unacknowledged(opened: Mapping[str, Any]) -> str | None:
    """Return why a ticket is not acknowledged by mail, from the data of its event `opened`.

    The result is a `NoAnswer` of `mail.incoming.rules.answers`, or None.
    """
    why: str | None = opened.get("mail", {}).get("unacknowledged")
    return why
