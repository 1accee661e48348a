"""The subscribers of every event type of a ticket, in one table that the relay reads.

A subscriber turns an event into messages to other functions and decides nothing else. The receiver
checks the current state when it handles a message, so late and repeated messages do no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from redress.mail.outgoing.messages import MailJob
from redress.mail.outgoing.rules.table import mails_after
from redress.staff.messages import AssignTicket, DrainQueue
from redress.tickets.rules.ticket import Event, EventType

Message = MailJob | AssignTicket | DrainQueue
Subscriber = Callable[[str, Event], list[Message]]
"""From the number of a ticket and one of its events to the messages that follow."""


def mails(number: str, event: Event) -> list[Message]:
    """The mails that follow by the table of mails, for the mailer."""
    return [
        MailJob(number, event.number, mail.template, mail.audience) for mail in mails_after(event)
    ]


def assignment(number: str, event: Event) -> list[Message]:
    """A request to the assigner: the ticket needs an agent."""
    return [AssignTicket(number)]


SUBSCRIBERS: Mapping[EventType, tuple[Subscriber, ...]] = {
    EventType.OPENED: (mails, assignment),
    EventType.ACKNOWLEDGED: (),
    EventType.ASSIGNED: (),
    EventType.QUEUED: (assignment,),
    EventType.RECLASSIFIED: (),
    EventType.PROGRESS_TOLD: (mails,),
    EventType.REPLIED: (mails,),
    EventType.NOTED: (),
    EventType.CUSTOMER_WROTE: (mails,),
    EventType.MAIL_NOTED: (mails,),
    EventType.PARTICIPANTS_SET: (),
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
"""Every event type has an entry; a test checks it."""


def messages_after(number: str, event: Event) -> list[Message]:
    """All messages that follow from an event of a ticket."""
    return [message for follow in SUBSCRIBERS[event.type] for message in follow(number, event)]
