"""A connector hands over the record of a call. It is added to the call's ticket, or opens one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from msgspec import structs

from redress.base import instants, phones
from redress.base.errors import Fault, InvalidInput, KeyReused, NotFound, Unreadable
from redress.base.languages import LANGUAGES
from redress.base.people import Member
from redress.connectors.rules import call as rules
from redress.connectors.rules.call import Record
from redress.connectors.store.calls import (
    CallAdded,
    CallKnown,
    CallRecorded,
    CallStore,
    Outcome,
)
from redress.customers.rules import profile
from redress.customers.rules.profile import Card
from redress.customers.store import CustomerStore
from redress.db import encoding
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.tickets.cases.changes import Decided, TicketChanges
from redress.tickets.rules import access
from redress.tickets.rules.calls import Call, Direction, Result
from redress.tickets.rules.numbers import new_number
from redress.tickets.rules.preference import PHONE
from redress.tickets.rules.steps import by_call
from redress.tickets.rules.steps.by_staff import written_at
from redress.tickets.rules.submission import Submission
from redress.tickets.rules.ticket import Contact, EventType, Ticket
from redress.tickets.store.tickets import TicketFile, TicketStore

LATEST = 5
"""The most tickets of the caller that are compared with the time of the call, newest first."""
AFTERWARDS = timedelta(minutes=5)
"""How long after the end of a call its agent may still open the ticket for it."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a record: the ticket that has it, if there is one, and its version with it.

    `knows_agent` is False if the record names an agent whom no member of staff is known by.
    """

    outcome: Outcome
    number: str | None
    version: int | None
    knows_agent: bool = True


@dataclass(frozen=True, slots=True)
class PartOfCall:
    """The place of a record in a call whose source makes one record of each part.

    `since` is when the whole call began. `picked_up` says whether the agent of this part was the
    first who spoke with the customer. The parts have one `conversation`. `asked` is from when the
    customer was to be called back, if this part is the callback that they had asked for.
    """

    since: datetime
    picked_up: bool
    asked: datetime | None = None


class CallCases:
    def __init__(
        self,
        calls: CallStore,
        tickets: TicketStore,
        changes: TicketChanges,
        plans: Plans,
        customers: CustomerStore,
        agent: Callable[[str], Member | None],
        now: Callable[[], datetime],
    ) -> None:
        """`agent` returns the member of staff with an id or an address."""
        self._calls, self._tickets, self._changes = calls, tickets, changes
        self._plans, self._customers = plans, customers
        self._agent, self._now = agent, now

    def take(self, machine: Member, body: Any, part: PartOfCall | None = None) -> Recorded:
        """Take the record of a call, or of a part of it.

        The source's id of the call is the key. A repeat gets the same answer and changes nothing. A
        newer record of the same call is added to the same ticket, and an older one is ignored. If
        the ticket was merged into another one, the record is added to that one.

        The ticket of a call is the one that the record names, that of the call's conversation, or
        the one that an agent opened for this caller while the call lasted. If there is none, the
        plan says whether the record opens one. A call to a customer opens none, unless it is the
        callback that they asked for. Otherwise the record waits until a message of the same
        conversation opens a ticket.

        The parts of a call have the ticket of their conversation in common, whichever comes first.
        A newer record of a part that says nothing new is a repeat: its source sends it again for
        what is no part of this form.

        Raises InvalidInput, and KeyReused if the same call comes with other content and the same
        `updated`.
        """
        record = rules.parse(body, self._now())
        if record.agent is not None and (found := self._agent(record.agent)) is not None:
            call = structs.replace(record.call, agent=found.id, agent_text=None)
            record = structs.replace(record, call=call)
        fingerprint = encoding.fingerprint(body if part is None else _said(body, part))
        recorded = self._changes.write(lambda: self._decide(machine, record, fingerprint, part))
        return replace(recorded, knows_agent=record.call.agent_text is None)

    def _decide(
        self, machine: Member, record: Record, fingerprint: str, part: PartOfCall | None
    ) -> Decided[Recorded]:
        call = record.call
        known, talk = self._calls.known(machine.id, call.id, record.conversation)
        if known is not None:
            same = known.fingerprint == fingerprint
            if record.updated < known.updated:
                return Decided(Recorded(Outcome.OLDER, known.number, known.version))
            if same and (part is not None or record.updated == known.updated):
                return Decided(Recorded(known.outcome, known.number, known.version))
            if record.updated == known.updated and part is not None:
                # An earlier version of the rules told the same part in another way.
                return Decided(Recorded(known.outcome, known.number, known.version))
            if record.updated == known.updated:
                raise KeyReused("this call came before with other content: set `updated`")
        ticket = self._ticket(machine, record, known, talk, part)
        if ticket is not None:
            return self._added(machine, record, fingerprint, known, ticket, talk, part)
        plan, at = self._plans.current(), self._now()
        # Who is called has asked for nothing, unless it is the callback that they asked for.
        asked = part.asked if part is not None else None
        unasked = call.direction is Direction.OUTBOUND and asked is None
        if call.phone is None or unasked or not plan.opens_for_call(call.result):
            after = CallKnown(record.updated, fingerprint, Outcome.KEPT, call=call)
            self._calls.keep(CallAdded(machine.id, call.id, known, after), at)
            return Decided(Recorded(Outcome.KEPT, None, None))
        source = {"connector": machine.id, "conversation": record.conversation, "call": call.id}
        submission = self._submission(record, plan, call.phone)
        number = new_number()
        change = by_call.open_for_call(
            submission, number, plan, call, machine.actor, at, source, asked=asked
        )
        after = CallKnown(record.updated, fingerprint, Outcome.OPENED, number, change.after.version)
        added = CallAdded(machine.id, call.id, known, after)
        cause = CallRecorded(added, record.conversation, talk)
        return Decided(Recorded(after.outcome, after.number, after.version), change, at, cause)

    def _added(
        self,
        machine: Member,
        record: Record,
        fingerprint: str,
        known: CallKnown | None,
        ticket: Ticket,
        talk: str | None,
        part: PartOfCall | None,
    ) -> Decided[Recorded]:
        """Add the record to the ticket of its call, or to the one in which that goes on."""
        call = record.call
        of_call, ticket = ticket, self._tickets.continued(ticket)
        merged = of_call if of_call.number != ticket.number else None
        at, plan = self._changes.moment(ticket), self._plans.get(ticket.plan_version)
        keeps = part is None or part.picked_up
        opened = part is not None and self._opened_by(machine, record, of_call)
        asked = part.asked if part is not None and opened else None
        written: list[datetime] = []
        kept = by_call.kept_promise(ticket, call, at, opened=opened, merged=merged, asked=asked)
        if keeps and kept:
            file = self._tickets.file(ticket.number)
            # What opened the ticket of the call was said in the call.
            ticket, written = file.ticket, written_at(file.history[1:])
            if merged is not None:
                since = self._tickets.history(merged.number)[1:]
                written = _unanswered(file) + written_at(since)
        change = by_call.record(
            ticket,
            plan,
            call,
            machine.id,
            machine.actor,
            at,
            written,
            opened=opened,
            merged=merged,
            keeps=keeps,
            asked=asked,
        )
        version = change.after.version
        after = CallKnown(record.updated, fingerprint, Outcome.ADDED, ticket.number, version)
        added = CallAdded(machine.id, call.id, known, after)
        # The other parts of the call find the ticket by their conversation.
        shared = part is not None and talk is None
        cause = CallRecorded(added, record.conversation if shared else None)
        return Decided(Recorded(after.outcome, ticket.number, version), change, at, cause)

    def _opened_by(self, machine: Member, record: Record, ticket: Ticket) -> bool:
        """Whether the record of this part of a call, or of another one, opened the ticket."""
        if record.call.answered is None or ticket.channel != PHONE:
            return False
        source = self._tickets.history(ticket.number)[0].data.get("source") or {}
        same = ("connector", machine.id), ("conversation", record.conversation)
        return "call" in source and all(source.get(name) == value for name, value in same)

    def _ticket(
        self,
        machine: Member,
        record: Record,
        known: CallKnown | None,
        talk: str | None,
        part: PartOfCall | None,
    ) -> Ticket | None:
        """The ticket of a call; None if it has none yet. Raises InvalidInput."""
        if record.ticket is not None:
            try:
                named = self._tickets.get(record.ticket)
            except NotFound:
                named = None
            if named is not None and access.may_see(machine, named):
                return named
            if part is None:  # a flow's attribute may have any value, and the call is not lost
                raise InvalidInput([Fault("/ticket", "unknown_ticket", "there is no such ticket")])
        if number := (known.number if known is not None else None) or talk:
            return self._tickets.get(number)
        since = part.since if part is not None else record.call.began
        return self._opened_by_agent(machine, record.call, since)

    def _opened_by_agent(self, machine: Member, call: Call, since: datetime) -> Ticket | None:
        """The ticket that an agent opened for this caller while the call lasted; None if none.

        `since` is when the call began.
        """
        card = self._card(call.phone, self._plans.current())
        if card is None or call.result is not Result.ANSWERED:
            return None
        until = (call.after_work_ended or call.ended or self._now()) + AFTERWARDS
        page = self._customers.tickets_of(self._customers.ids_of(card.customer), LATEST, None)
        found = [
            ticket
            for ticket in self._tickets.get_readable(page.numbers)
            if ticket.channel == PHONE
            and since <= ticket.created_at <= until
            and access.may_see(machine, ticket)
        ]
        return min(found, key=lambda ticket: ticket.created_at, default=None)

    def _card(self, phone: str | None, plan: Plan) -> Card | None:
        number = phones.e164(phone, plan.home_region) if phone is not None else None
        try:
            return self._customers.by_contact(profile.PHONE, number) if number is not None else None
        except Unreadable:  # a damaged profile keeps no call from its ticket
            return None

    def _submission(self, record: Record, plan: Plan, phone: str) -> Submission:
        """What opens a ticket for a call. The customer is found by the number."""
        call = record.call
        card = self._card(phone, plan)
        known = [one for one in card.languages if one in LANGUAGES] if card is not None else []
        language = record.language or next(iter(known), LANGUAGES[0])
        missed = call.is_unanswered or call.is_unreached
        subject = plan.call_subject(missed=missed, language=language)
        named = record.name or (card.name if card is not None else None)
        return Submission(
            kind=record.kind,
            channel=PHONE,
            language=language,
            subject=subject,
            description=subject,
            wished_remedy=None,
            contact=Contact(name=named or phone, phone=phone),
        )


def _said(body: Mapping[str, Any], part: PartOfCall) -> dict[str, Any]:
    """What the record of a part says, whenever it was made. Another part may tell since when the
    customer waited for their callback."""
    asked = {"asked": instants.written(part.asked)} if part.asked is not None else {}
    return {key: body[key] for key in body if key != "updated"} | asked


def _unanswered(file: TicketFile) -> list[datetime]:
    """The times of the customer's words since the last answer.

    The ticket took in the one of the call, so it may have answered other words after the call.
    """
    answers = [
        place
        for place, event in enumerate(file.history)
        if event.type in (EventType.REPLIED, EventType.CORRECTED)
    ]
    return written_at(file.history[answers[-1] + 1 if answers else 0 :])
