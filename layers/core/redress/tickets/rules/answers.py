"""How words of staff reach the customer: by mail, through a connector, or not at all."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from redress.tickets.rules.ticket import Conversation, Ticket


class Way(StrEnum):
    MAIL = "mail"
    CONNECTOR = "connector"


class Why(StrEnum):
    """Why the customer is not answered where they wrote. The values are stored."""

    WINDOW_ENDED = "window_ended"
    """The connector's system takes no answers until the customer writes again."""
    NO_ADDRESS = "no_address"
    """The customer left no email address, and no connector takes answers."""


class AnswerWay(Struct, frozen=True):
    """The way of an answer that is written now; None if it reaches nobody.

    `conversation` is the one that the answer goes to, or the one whose window has ended.
    """

    by: Way | None
    why: Why | None = None
    conversation: Conversation | None = None


class AnswerState(StrEnum):
    """What became of an answer that went to a connector. The values are stored."""

    SENT = "sent"
    """The connector's system took it."""
    DELIVERED = "delivered"
    """The connector's system says that the customer has it."""
    FAILED = "failed"


FOLLOWS: dict[AnswerState | None, tuple[AnswerState, ...]] = {
    None: (AnswerState.SENT, AnswerState.DELIVERED, AnswerState.FAILED),
    AnswerState.SENT: (AnswerState.DELIVERED, AnswerState.FAILED),
    # A receipt of success comes late if the system had given up too early.
    AnswerState.FAILED: (AnswerState.DELIVERED,),
    AnswerState.DELIVERED: (),
}
"""State -> the states that may follow. Reports come twice and in any order; others are ignored."""


def way_of(ticket: Ticket, at: datetime, sms: str | None) -> AnswerWay:
    """The way of an answer that is written at this time.

    An answer goes where the customer wrote. If the window of the conversation has ended, it goes to
    the email address that the customer left. Who left only a phone number gets it through the
    connector `sms` (`Plan.sms`), if there is one and short messages can reach the number, which is
    the id of the conversation.
    """
    conversation = ticket.conversation
    if conversation is not None and conversation.goes_on(at):
        return AnswerWay(Way.CONNECTOR, None, conversation)
    why = None if conversation is None else Why.WINDOW_ENDED
    if ticket.has_address:
        return AnswerWay(Way.MAIL, why, conversation)
    contact = ticket.contact
    if sms is not None and contact.phone_e164 and not contact.no_sms:
        return AnswerWay(Way.CONNECTOR, why, Conversation(sms, contact.phone_e164))
    return AnswerWay(None, why or Why.NO_ADDRESS, conversation)
