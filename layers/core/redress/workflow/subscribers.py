"""One table of the subscribers of every event type of a ticket. The follower reads it.

A subscriber only decides which messages to other functions follow from an event. The receiver of a
message checks the current state of the ticket. So a late or repeated message does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from redress.clocks.rules.clocks import ClockName
from redress.customers.rules.matching import NEW
from redress.files.messages import Mailed, Referred
from redress.mail.outgoing.messages import MailJob
from redress.mail.outgoing.rules.table import mails_after
from redress.search.messages import IndexTicket
from redress.staff.messages import AssignTicket, DrainQueue, FindDuplicates
from redress.tickets.rules.ticket import Event, EventType

Message = MailJob | AssignTicket | DrainQueue | FindDuplicates | IndexTicket | Referred | Mailed
Subscriber = Callable[[str, Event], list[Message]]
"""Takes the number of a ticket and one of its events. Returns the messages that follow."""


def mails(number: str, event: Event) -> list[Message]:
    """Return a message to the mailer for each mail that follows the event (`mails_after`)."""
    return [
        MailJob(number, event.number, mail.template, mail.audience) for mail in mails_after(event)
    ]


def assignment(number: str, event: Event) -> list[Message]:
    """Return a message that asks the assigner to find an agent for the ticket.

    After a correction it may need another one. The assigner also searches the text of a ticket that
    became a complaint for members of staff whom it names. It returns at once if nothing is to do.
    """
    return [AssignTicket(number)]


def moved(number: str, event: Event) -> list[Message]:
    """Return a message to the assigner if rules moved the ticket to another team.

    An agent of the team before may have asked for it (`AssignmentCase.claim`), so nobody of the
    other team was asked yet.
    """
    return [AssignTicket(number)] if "team" in event.data["values"] else []


def waiting(number: str, event: Event) -> list[Message]:
    """Return a message to the assigner if a ticket without an agent was moved to another plan."""
    return [AssignTicket(number)] if event.data.get("queued") else []


def relaxing(number: str, event: Event) -> list[Message]:
    """Return a message to the assigner if a step of the plan lowered what an agent must meet."""
    return [AssignTicket(number)] if event.data["clock"] == ClockName.ASSIGNMENT else []


def decision(number: str, event: Event) -> list[Message]:
    """Return a message to the assigner if staff said whom the complaint is about.

    A complaint is offered to no agent as long as this is unclear.
    """
    return [AssignTicket(number)] if event.by.is_staff else []


def duplicates(number: str, event: Event) -> list[Message]:
    """Return a message to the assigner if the customer of a ticket was known before.

    A new customer has no other tickets.
    """
    return [] if event.data["by"] == NEW else [FindDuplicates(number)]


def words(number: str, event: Event) -> list[Message]:
    """Return a message that asks the indexer to index the ticket, if the event has a text."""
    return [IndexTicket(number)]


def files(number: str, event: Event) -> list[Message]:
    """Return a message to the checker if a message of staff refers to files."""
    if not event.by.is_staff or not (named := event.data.get("files")):
        return []
    return [Referred(number, tuple(file["id"] for file in named))]


def mailed(number: str, event: Event) -> list[Message]:
    """Return a message to the checker if the event came by a mail with attachments."""
    mail = event.data.get("mail") or {}
    return [Mailed(number, event.number)] if mail.get("attachments") else []


SUBSCRIBERS: Mapping[EventType, tuple[Subscriber, ...]] = {
    EventType.OPENED: (mails, assignment, words),
    EventType.ACKNOWLEDGED: (),
    EventType.ASSIGNED: (),
    EventType.UNPLACED: (mails,),
    EventType.NOBODY_THERE: (mails,),
    EventType.QUEUED: (assignment,),
    EventType.ACCEPTED: (),
    EventType.CLASSIFIED: (moved,),
    EventType.RECLASSIFIED: (mails, assignment),
    EventType.TAGGED: (),
    EventType.PROGRESS_TOLD: (mails, words),
    EventType.REPLIED: (mails, words, files),
    EventType.NOTED: (mails, words, files),
    EventType.CUSTOMER_WROTE: (mails, words),
    EventType.MESSAGE_COUNTED: (),
    EventType.MAIL_NOTED: (mails, words),
    EventType.PARTICIPANTS_SET: (),
    EventType.MATCHED: (duplicates,),
    EventType.ABOUT_SET: (decision,),
    EventType.ABOUT_DOUBTED: (mails,),
    EventType.MENTIONS_SET: (),
    EventType.FIELDS_SET: (),
    EventType.LINKED: (),
    EventType.UNLINKED: (),
    EventType.MERGED: (mails,),
    EventType.UNMERGED: (mails,),
    EventType.SPLIT: (),
    EventType.UNSPLIT: (mails,),
    EventType.DUPLICATE_PROPOSED: (),
    EventType.DUPLICATE_DISMISSED: (),
    EventType.INCIDENT_JOINED: (),
    EventType.INCIDENT_LEFT: (),
    EventType.REMINDED: (mails, words),
    EventType.TASK_OPENED: (mails, words),
    EventType.TASK_ASSIGNED: (mails,),
    EventType.TASK_DONE: (mails, words),
    EventType.TASK_RETURNED: (mails, words),
    EventType.TASK_CANCELLED: (mails,),
    EventType.TASK_PRESSED: (mails, words),
    EventType.TASK_EXTENSION_ASKED: (mails, words),
    EventType.TASK_EXTENSION_DECIDED: (mails, words),
    EventType.URGED: (mails,),
    EventType.CHECKLIST_SET: (mails,),
    EventType.ITEM_GIVEN: (mails, words),
    EventType.ITEM_ACCEPTED: (words,),
    EventType.ITEM_REJECTED: (mails, words),
    EventType.ITEM_DONE: (mails, words),
    EventType.ITEM_OBSTRUCTED: (mails, words),
    EventType.REMEDY_PROPOSED: (mails, words),
    EventType.REMEDY_PROMISED: (mails,),
    EventType.REMEDY_REFUSED: (mails,),
    EventType.REMEDY_WITHDRAWN: (mails, words),
    EventType.REMEDY_DONE: (mails, words, files),
    EventType.POST_MORTEM_WRITTEN: (mails, words),
    EventType.PROMISED: (mails, words),
    EventType.HELD: (mails, words),
    EventType.RELEASED: (),
    EventType.CORRECTED: (),
    EventType.CALL_RECORDED: (),
    EventType.ANSWER_REPORTED: (mails,),
    EventType.PLAN_CHANGED: (mails, waiting),
    EventType.INCIDENT_PROPOSED: (mails,),
    EventType.RESOLVED: (mails, words, files),
    EventType.CALLBACK_ATTEMPTED: (words,),
    EventType.CONFIRMED: (),
    EventType.DISPUTED: (mails, words),
    EventType.SURVEYED: (),
    EventType.WITHDRAWN: (words,),
    EventType.RUNG_FIRED: (mails, relaxing),
    EventType.CLOSED: (),
}
"""The subscribers of each event type. A test checks that every event type has an entry."""


def messages_after(number: str, event: Event) -> list[Message]:
    """Return the messages of all subscribers to an event of a ticket.

    An event of any type can come by mail.
    """
    subscribers = (*SUBSCRIBERS[event.type], mailed)
    return [message for follow in subscribers for message in follow(number, event)]
