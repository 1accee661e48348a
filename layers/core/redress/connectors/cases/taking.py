"""A connector hands over a message of a customer. It opens a ticket or is added to one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec import structs

from redress.base.errors import KeyReused
from redress.base.people import Actor, Role
from redress.connectors.rules import message as rules
from redress.connectors.rules.message import Message
from redress.connectors.rules.sequence import following
from redress.connectors.store.calls import CallAdded, CallKnown, CallStore, Outcome
from redress.connectors.store.taken import Known, MessageStore, MessageTaken, Taken
from redress.db import encoding
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.tickets.cases.changes import Decided, TicketChanges
from redress.tickets.links import Links
from redress.tickets.rules.change import Change, joined
from redress.tickets.rules.numbers import new_number
from redress.tickets.rules.preference import PHONE
from redress.tickets.rules.steps import by_call, by_customer, linking, opening
from redress.tickets.rules.steps.table import STEPS, Step
from redress.tickets.rules.ticket import UNPROVEN, LinkKind, State, Ticket
from redress.tickets.store.tickets import TicketStore
from redress.tickets.store.transaction import DoneAlready

ATTEMPTS = 4

WayBack = Callable[[datetime], dict[str, Any]]
"""What a message of this time says about answers to it (`Connector.way_back`)."""


def no_way_back(wrote_at: datetime) -> dict[str, Any]:
    """The connector takes no answers."""
    return {}


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to a message, with the token of the ticket's status page."""

    taken: Taken
    status_token: str


class MessageCases:
    def __init__(
        self,
        messages: MessageStore,
        calls: CallStore,
        tickets: TicketStore,
        changes: TicketChanges,
        plans: Plans,
        links: Links,
        now: Callable[[], datetime],
    ) -> None:
        self._messages, self._calls = messages, calls
        self._tickets, self._changes = tickets, changes
        self._plans, self._links, self._now = plans, links, now

    def take(
        self, connector: str, delivery: str, body: Any, way_back: WayBack = no_way_back
    ) -> Receipt:
        """Take a message, once. `way_back` says whether and until when answers to it are taken.

        The first message of a conversation opens a ticket. Others are added to it, unless it is
        closed: then a new ticket is opened, which says which one it follows. If its ticket was
        merged into another one, that one counts. If it is closed, and messages were split off it
        that are still handled, they count. A bare thanks opens no new ticket. A repeat, by
        the id of its delivery or by the ids of its source, gets the same answer. Raises
        InvalidInput, and KeyReused if the same id comes with other content.
        """
        message = rules.parse(
            body,
            lambda: self._plans.current().categories,
            reachable=bool(way_back(self._now())),
        )
        fingerprint = encoding.fingerprint(body)
        for _ in range(ATTEMPTS):
            try:
                taken = self._changes.write(
                    lambda: self._decide(connector, delivery, message, fingerprint, way_back)
                )
            except DoneAlready:
                continue  # the same message came twice at once: answer as the first one
            return Receipt(taken, self._links.status_token(taken.number))
        raise AssertionError("a message that came before has an answer")

    def _decide(
        self,
        connector: str,
        delivery: str,
        message: Message,
        fingerprint: str,
        way_back: WayBack,
    ) -> Decided[Taken]:
        known = self._messages.known(
            connector,
            delivery,
            message.conversation,
            message.message,
            numbered=message.sequence is not None,
        )
        if (earlier := _earlier(known, fingerprint)) is not None:
            return Decided(structs.replace(earlier, again=True))
        ticket, sent_to = None, None
        if known.ticket is not None:
            ticket = self._tickets.continued(self._tickets.get(known.ticket))
            sent_to = known.ticket if known.ticket != ticket.number else None
            if not self._is_possible(ticket, message):
                beside = self._split_beside(ticket, connector, message.conversation)
                ticket, sent_to = (beside, None) if beside is not None else (ticket, sent_to)
        call: CallAdded | None = None
        also: tuple[tuple[Change, datetime], ...] = ()
        numbered = None
        if message.sequence is not None:
            numbered = (known.sequence, following(known.sequence, message.sequence))
        missing = numbered[1].missing if numbered is not None else ()
        if ticket is not None and self._is_possible(ticket, message):
            at, plan = self._changes.moment(ticket), self._plans.get(ticket.plan_version)
            source = message.source(connector, missing) | way_back(message.wrote_at(at))
            if known.unproven:
                source[UNPROVEN] = True
            change = by_customer.write(
                ticket, plan, message.text, at, source=source, sent_to=sent_to
            )
        else:
            at, plan = self._now(), self._plans.current()
            follows = ticket.number if ticket is not None else None
            source = message.source(connector, missing, follows)
            source |= way_back(message.wrote_at(at))
            change = opening.open_ticket(message.submission, new_number(), plan, at, source=source)
            if message.submission.channel == PHONE:
                change, call, also = self._with_call(
                    connector, message.conversation, change, plan, at
                )
        after: Ticket = change.after
        taken = Taken(
            after.number, after.version, change.before is None, fingerprint, missing=missing
        )
        cause = MessageTaken(
            connector,
            delivery,
            message.conversation,
            message.message,
            taken,
            known.ticket,
            # Staff may find out that the merged ticket and its target are of two people. So
            # `TicketStore.continued` decides for each message where it belongs.
            sent_to if sent_to is not None and not taken.opened else taken.number,
            call,
            numbered,
            # Whoever opens a ticket from a conversation wrote it from there.
            known.unproven and not taken.opened,
        )
        return Decided(taken, change, at, cause, also)

    def _is_possible(self, ticket: Ticket, message: Message) -> bool:
        """Whether the message is added to the ticket. A bare thanks is, even if it is closed."""
        if ticket.state in STEPS[Step.WRITE]:
            return True
        plan = self._plans.get(ticket.plan_version)
        return by_customer.thanks_in(message.text, plan, ticket.contact.name) is not None

    def _split_beside(self, closed: Ticket, connector: str, conversation: str) -> Ticket | None:
        """The ticket that a split links with a closed one, and whose customer writes there, too.

        Of several it is one that waits for the customer, or the one that was changed last. None if
        no such ticket takes messages.
        """
        kinds = (LinkKind.SPLIT_INTO, LinkKind.SPLIT_FROM)
        numbers = [link.number for link in closed.links if link.kind in kinds]
        found = []
        for number in numbers:
            ticket = self._tickets.continued(self._tickets.get(number))
            talk = ticket.conversation
            is_there = talk is not None and (talk.connector, talk.id) == (connector, conversation)
            if is_there and ticket.state in STEPS[Step.WRITE]:
                found.append(ticket)
        return max(
            found, key=lambda one: (one.state is State.WAITING, one.changed_at), default=None
        )

    def _with_call(
        self, connector: str, conversation: str, opened: Change, plan: Plan, at: datetime
    ) -> tuple[Change, CallAdded | None, tuple[tuple[Change, datetime], ...]]:
        """The change that opens a ticket, with the record of its call if that came before.

        If the record went to the callback of the same number, because the words could be somebody
        else's, both tickets are linked. The change of that one is returned too.
        """
        known = self._calls.known(connector, conversation, conversation).newest
        if known is None or known.call is None:
            return opened, None, ()
        by = Actor(Role.MACHINE, connector)
        second = by_call.record(opened.after, plan, known.call, connector, by, at, opened=True)
        change = joined(opened, second)
        assert change is not None, "both steps change the ticket"
        also: tuple[tuple[Change, datetime], ...] = ()
        if known.number is not None:
            other = self._tickets.continued(self._tickets.get(str(known.of_call)))
            moment = self._changes.moment(other)
            theirs = (other, self._changes.plan_of(other), moment)
            link, its = linking.link_of_call((change.after, plan, at), theirs, by)
            change = joined(change, link) or change
            also = ((its, moment),) if its is not None else ()
        number, version = change.after.number, change.after.version
        after = CallKnown(known.updated, known.fingerprint, Outcome.ADDED, number, version)
        return change, CallAdded(connector, conversation, known, after), also


def _earlier(known: Known, fingerprint: str) -> Taken | None:
    """The answer to the same delivery or message; None if it is new. Raises KeyReused."""
    if known.delivered is not None:
        if known.delivered.fingerprint != fingerprint:
            raise KeyReused("this webhook-id was used for another message")
        return known.delivered
    if known.said is not None:
        if known.said.fingerprint != fingerprint:
            raise KeyReused("this message of this conversation came before with other content")
        return known.said
    return None
