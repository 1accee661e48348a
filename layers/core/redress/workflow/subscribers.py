"""One table of the subscribers of every event type of a ticket. The follower reads it.

A subscriber only decides which messages to other functions follow from an event. The receiver of a
message checks the current state of the ticket. So a late or repeated message does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from redress.mail.outgoing.messages import MailJob
from redress.mail.outgoing.rules.table import mails_after
from redress.staff.messages import AssignTicket, DrainQueue
from redress.tickets.rules.ticket import Event, EventType

Message = MailJob | AssignTicket | DrainQueue
Subscriber = Callable[[str, Event], list[Message]]
"""Takes the number of a ticket and one of its events. Returns the messages that follow."""


def mails(number: str, event: Event) -> list[Message]:
    """Return a message to the mailer for each mail that follows the event (`mails_after`)."""
    return [
        MailJob(number, event.number, mail.template, mail.audience) for mail in mails_after(event)
    ]


def assignment(number: str, event: Event) -> list[Message]:
    """Return a message that asks the assigner to find an agent for the ticket."""
    return [AssignTicket(number)]


SUBSCRIBERS: Mapping[EventType, tuple[Subscriber, ...]] = {
    EventType.OPENED: (mails, assignment),
    EventType.ACKNOWLEDGED: (),
    EventType.ASSIGNED: (),
    EventType.QUEUED: (assignment,),
    EventType.RECLASSIFIED: (),
    EventType.TAGGED: (),
    EventType.PROGRESS_TOLD: (mails,),
    EventType.REPLIED: (mails,),
    EventType.NOTED: (),
    EventType.CUSTOMER_WROTE: (mails,),
    EventType.MAIL_NOTED: (mails,),
    EventType.PARTICIPANTS_SET: (),
    EventType.MATCHED: (),
    EventType.ABOUT_SET: (),
    EventType.PROMISED: (mails,),
    EventType.HELD: (mails,),
    EventType.RELEASED: (),
    EventType.CORRECTED: (),
    EventType.PLAN_CHANGED: (),
    EventType.INCIDENT_PROPOSED: (mails,),
    EventType.RESOLVED: (mails,),
    EventType.CALLBACK_ATTEMPTED: (),
    EventType.CONFIRMED: (),
    EventType.DISPUTED: (mails,),
    EventType.SURVEYED: (),
    EventType.WITHDRAWN: (),
    EventType.RUNG_FIRED: (mails,),
    EventType.CLOSED: (),
}
"""The subscribers of each event type. A test checks that every event type has an entry."""


def messages_after(number: str, event: Event) -> list[Message]:
    """Return the messages of all subscribers to an event of a ticket."""
    return [message for follow in SUBSCRIBERS[event.type] for message in follow(number, event)]
