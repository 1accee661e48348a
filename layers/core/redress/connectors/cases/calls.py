"""A connector hands over the record of a call. It is added to the call's ticket, or opens one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from msgspec import structs

from redress.base import instants, phones
from redress.base.errors import (
    Fault,
    InvalidInput,
    KeyReused,
    NotFound,
    Unreadable,
)
from redress.base.languages import LANGUAGES
from redress.base.people import Member
from redress.connectors.rules import call as rules
from redress.connectors.rules.call import Record
from redress.connectors.store.calls import (
    CallAdded,
    CallFound,
    CallKnown,
    CallRecorded,
    CallStore,
    Outcome,
    Waiting,
)
from redress.customers.rules import profile
from redress.customers.rules.profile import Card
from redress.customers.store import CustomerStore
from redress.db import encoding
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.tickets.cases.changes import Decided, TicketChanges
from redress.tickets.rules import access
from redress.tickets.rules.calls import UNANSWERED, Call, Direction, Result
from redress.tickets.rules.change import Change, joined
from redress.tickets.rules.numbers import new_number
from redress.tickets.rules.preference import PHONE
from redress.tickets.rules.steps import by_call, linking
from redress.tickets.rules.steps.by_staff import written_at
from redress.tickets.rules.submission import Submission
from redress.tickets.rules.ticket import Contact, Event, EventType, Ticket
from redress.tickets.store.tickets import TicketFile, TicketStore

LATEST = 5
"""The most tickets of the caller that are compared with the time of the call, newest first."""


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
    customer was to be called back, if this part is the callback that they had asked for. `is_last`
    says that nobody spoke with the customer in a later part.
    """

    since: datetime
    picked_up: bool
    asked: datetime | None = None
    is_last: bool = True


@dataclass(frozen=True, slots=True)
class _Taken:
    """A record that came, and from whom."""

    machine: Member
    record: Record
    fingerprint: str
    part: PartOfCall | None

    @property
    def keeps(self) -> bool:
        """Whether the agent of this record may keep a promise."""
        return self.part is None or self.part.picked_up

    @property
    def asked(self) -> datetime | None:
        """From when on the customer was to be called back, if this is what they had asked for."""
        return self.part.asked if self.part is not None else None

    @property
    def may_open(self) -> bool:
        """Whether the call can open a ticket: its number is known, and the customer has called us
        or had asked to be called back."""
        call = self.record.call
        return call.phone is not None and (
            call.direction is Direction.INBOUND or self.asked is not None
        )

    @property
    def is_missed(self) -> bool:
        """Whether the customer wanted to speak with somebody in this call, and reached nobody."""
        call = self.record.call
        is_unreached = call.is_unreached and self.asked is not None
        return self.keeps and (call.is_unanswered or is_unreached)


@dataclass(frozen=True, slots=True)
class _Waits:
    """A ticket of the same caller. `of_call` is that of the call, `ticket` the one in which that
    goes on, and `since` is from when on the caller waits."""

    of_call: Ticket
    ticket: Ticket
    since: datetime

    def asked(self, call: Call) -> datetime | None:
        """When the caller began to wait, if the call was answered before the ticket was opened."""
        early = call.answered is not None and call.answered < self.of_call.created_at
        return self.since if early else None


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

        The ticket of a call is the one that the record names, that of the call's conversation, the
        one that an agent opened for this caller while the call lasted, or the one in which the same
        number waits for a callback. A call that was answered keeps the promise of that callback,
        also if its record is in another ticket; both are linked then, and so are the tickets of a
        record that names another one than before. A missed call opens a callback, which is linked
        with the ticket that the record names or that of its conversation, if nobody would call back
        because of that ticket. If the call has no ticket, the plan says whether the record opens
        one. A call to a customer opens none, unless it is the callback that they asked for.
        Otherwise the record waits until a message of the same conversation opens a ticket.

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
        taken = _Taken(machine, record, fingerprint, part)
        recorded = self._changes.write(lambda: self._decide(taken))
        return replace(recorded, knows_agent=record.call.agent_text is None)

    def _decide(self, taken: _Taken) -> Decided[Recorded]:
        record, part, fingerprint = taken.record, taken.part, taken.fingerprint
        call, plan = record.call, self._plans.current()
        caller = phones.e164(call.phone, plan.home_region) if call.phone is not None else None
        found = self._calls.known(taken.machine.id, call.id, record.conversation, caller)
        known = found.newest
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
        waits = self._waits(taken, found)
        ticket = self._ticket(taken, found, waits)
        opens = taken.may_open and plan.opens_for_call(call.result)
        if ticket is not None and not (
            opens and self._needs_callback(taken, found, plan, ticket, waits)
        ):
            return self._added(taken, found, ticket, waits)
        late = opens and ticket is None and taken.is_missed
        if late and (served := self._served_since(taken, caller)) is not None:
            return self._added(taken, found, served.of_call, served)
        if opens:
            return self._opened(taken, found, plan, caller, ticket)
        at, after = self._now(), CallKnown(record.updated, fingerprint, Outcome.KEPT, call=call)
        self._calls.keep(CallAdded(taken.machine.id, call.id, known, after), at)
        return Decided(Recorded(Outcome.KEPT, None, None))

    def _opened(
        self,
        taken: _Taken,
        found: CallFound,
        plan: Plan,
        caller: str | None,
        ticket: Ticket | None,
    ) -> Decided[Recorded]:
        """Open a ticket for a call. If it is a missed call about `ticket`, link both."""
        at, record, by, asked = self._now(), taken.record, taken.machine.actor, taken.asked
        call = record.call
        source = {"connector": by.id, "conversation": record.conversation, "call": call.id}
        about = self._tickets.continued(ticket) if ticket is not None else None
        submission, number = self._submission(record, plan, about), new_number()
        change = by_call.open_for_call(
            submission, number, plan, call, by, at, source, asked=asked, about=about
        )
        others: list[_Waits] = []
        if ticket is not None and about is not None:
            others.append(_Waits(ticket, about, call.waited_from))
        change, also = self._with_others(taken, change, at, others)
        version = change.after.version
        after = CallKnown(record.updated, taken.fingerprint, Outcome.OPENED, number, version)
        cause = CallRecorded(CallAdded(taken.machine.id, call.id, found.newest, after))
        if found.ticket is None or about is None:
            # A conversation that had a ticket before keeps it.
            conversation = record.conversation
            cause = replace(cause, conversation=conversation, ticket_before=found.ticket)
        if caller is not None and by_call.waits_for_callback(change.after, change.after):
            waiting = Waiting(number, asked or call.ended or call.began)
            cause = replace(cause, caller=caller, waits=waiting, waited=found.caller)
        recorded = Recorded(after.outcome, after.number, after.version)
        return Decided(recorded, change, at, cause, also)

    def _needs_callback(
        self,
        taken: _Taken,
        found: CallFound,
        plan: Plan,
        ticket: Ticket,
        waits: _Waits | None,
    ) -> bool:
        """Whether a missed call must open a callback, though it has a ticket.

        The record of a call in a ticket tells no agent to do anything. So nobody would call back.
        No callback is needed in these cases: the number waits for one already; an earlier record of
        this call has opened one; the ticket has the caller's words in this call, and nobody has
        answered them yet.
        """
        if not taken.is_missed or waits is not None:
            return False
        is_named = taken.record.ticket == ticket.number
        if not is_named and taken.part is not None:
            return False
        newest = found.newest.number if found.newest is not None else None
        if newest is not None and self._has_callback(newest, taken, plan):
            return False
        current = self._tickets.continued(ticket)
        if by_call.waits_for_callback(ticket, current):
            return False
        is_unanswered = current.needs_agent and current.unanswered_since is not None
        return is_named or ticket.channel != PHONE or not is_unanswered

    def _has_callback(self, number: str, taken: _Taken, plan: Plan) -> bool:
        """Whether an earlier record of this call has opened a callback.

        `number` is the ticket that has that record. The record opened one if it said that the call
        was missed, if it had a number, and if the plan opens tickets for its result. True also if
        the history cannot be read: a callback too few is better than one with each new record.
        """
        try:
            records = self._records(taken.machine, self._tickets.history(number))
        except Unreadable:
            return True
        earlier = [one for one in records if one["id"] == taken.record.call.id]
        if not earlier:
            return False
        result = earlier[-1]["result"]
        return result in UNANSWERED and "phone" in earlier[-1] and plan.opens_for_call(result)

    def _records(self, machine: Member, history: Iterable[Event]) -> list[dict[str, Any]]:
        """The records of calls in a ticket that this connector handed over (`Call.data`)."""
        return [
            event.data
            for event in history
            if event.type is EventType.CALL_RECORDED and event.data["connector"] == machine.id
        ]

    def _added(
        self, taken: _Taken, found: CallFound, ticket: Ticket, waits: _Waits | None
    ) -> Decided[Recorded]:
        """Add the record to the ticket of its call, or to the one in which that goes on."""
        call, part, by = taken.record.call, taken.part, taken.machine.actor
        of_call, ticket = ticket, self._tickets.continued(ticket)
        merged = of_call if of_call.number != ticket.number else None
        at, plan = self._changes.moment(ticket), self._plans.get(ticket.plan_version)
        opened = self._opened_by(taken, found, of_call)
        again = waits is not None and waits.of_call.number == of_call.number
        asked = taken.asked if opened else None
        if part is None and opened and of_call.missed_call:
            # An earlier record said that this call was missed, and opened this callback. Now it is
            # known that somebody answered the call. So that answer keeps the callback's promise.
            opened, asked = False, call.waited_from
        if waits is not None and again:
            asked = waits.asked(call)
        written: list[datetime] = []
        kept = by_call.kept_promise(ticket, call, at, opened=opened, merged=merged, asked=asked)
        if taken.keeps and kept:
            ticket, written = self._said(ticket, merged)
        spoke = again and _is_offered_to_agent(ticket, call)
        change = by_call.record(
            ticket,
            plan,
            call,
            by.id,
            by,
            at,
            written,
            opened=opened,
            merged=merged,
            keeps=taken.keeps,
            asked=asked,
            takes_over=spoke or self._takes_over(taken, ticket),
        )
        left = self._left(found, ticket, call)
        # A missed call does not keep the promise of a callback to the same number. The two tickets
        # are linked, so that the agent who calls back knows of both calls.
        is_beside = call.answered is None or self._is_of_others(taken, ticket, waits)
        if again or (is_beside and not taken.is_missed):
            waits = None
        beside = self._opened_beside(taken, found, ticket)
        others = [one for one in (left, waits, beside) if one is not None]
        change, also = self._with_others(taken, change, at, others)
        version = change.after.version
        after = CallKnown(
            taken.record.updated,
            taken.fingerprint,
            Outcome.ADDED,
            ticket.number,
            version,
            call if _is_kept(taken, found, again=again) else None,
            merged.number if merged is not None else None,
        )
        cause = CallRecorded(CallAdded(taken.machine.id, call.id, found.newest, after))
        if _is_found_by_conversation(taken, found, left, again=again):
            conversation = taken.record.conversation
            cause = replace(cause, conversation=conversation, ticket_before=found.ticket)
        recorded = Recorded(after.outcome, ticket.number, version)
        return Decided(recorded, change, at, cause, also)

    def _is_of_others(self, taken: _Taken, ticket: Ticket, waits: _Waits | None) -> bool:
        """Whether a call that names its ticket was not with the customer who waits at its number.

        Several people may have one number. Nobody was called back by a call with somebody else. A
        ticket keeps the id of a profile that was merged into another one.
        """
        if waits is None or taken.record.ticket is None:
            return False
        spoken, waiting = ticket.customer, waits.of_call.customer
        if spoken is None or waiting is None or spoken == waiting:
            return False
        try:
            return spoken not in self._customers.ids_of(waiting)
        except Unreadable:  # a damaged profile keeps no call from its ticket
            return True

    def _takes_over(self, taken: _Taken, ticket: Ticket) -> bool:
        """Whether the ticket waits in the queue for the agent of an earlier part of this call.

        The call was transferred to the agent of this part since. Who has the ticket keeps it.
        """
        call, part, waits_for = taken.record.call, taken.part, ticket.preferred
        if not ticket.needs_agent:
            return False
        if part is None or not part.is_last or call.agent is None or call.answered is None:
            return False
        if waits_for in (None, call.agent) or ticket.assignee is not None or ticket.placing:
            return False
        records = self._records(taken.machine, self._tickets.readable_history(ticket.number))
        return any(one.get("agent") == waits_for for one in records)

    def _with_others(
        self, taken: _Taken, change: Change, at: datetime, others: Sequence[_Waits]
    ) -> tuple[Change, tuple[tuple[Change, datetime], ...]]:
        """The change that adds a record, with the links of its ticket, and the changes of others.

        The others are the ticket that had this call before, that of a missed call of the same
        caller, the one that an agent wrote in this call, and the one that a missed call is about.
        If somebody spoke with the customer, the callback of each is done, and the pick-up of the
        one that an agent wrote is corrected.
        """
        call, by = taken.record.call, taken.machine.actor
        found: dict[str, tuple[Change, datetime]] = {}
        for other in others:
            ticket = other.ticket
            if ticket.number in (change.after.number, *found):
                continue
            merged = other.of_call if other.of_call.number != ticket.number else None
            moment, plan = self._changes.moment(ticket), self._changes.plan_of(ticket)
            kept: Change | None = None
            if taken.keeps and call.answered is not None:
                ticket, written = self._said(ticket, merged)
                kept = by_call.keep_callback(
                    ticket, plan, call, by, moment, written, other.asked(call), merged
                )
            mine = (change.after, change.plan, at)
            theirs = (kept.after if kept is not None else ticket, plan, moment)
            link, its_link = linking.link_of_call(mine, theirs, by)
            change = joined(change, link) or change
            its = joined(kept, its_link)
            if its is not None:
                found[ticket.number] = (its, moment)
        return change, tuple(found.values())

    def _said(self, ticket: Ticket, merged: Ticket | None) -> tuple[Ticket, list[datetime]]:
        """Read a ticket again. Return it, and when its customer wrote something outside the call.

        What opened the ticket of the call was said in the call.
        """
        file = self._tickets.file(ticket.number)
        if merged is None:
            return file.ticket, written_at(file.history[1:])
        since = self._tickets.history(merged.number)[1:]
        return file.ticket, _unanswered(file) + written_at(since)

    def _opened_beside(self, taken: _Taken, found: CallFound, ticket: Ticket) -> _Waits | None:
        """The ticket that the agent of this call wrote; None if there is none.

        It is asked only if a message of the call has opened another ticket before.
        """
        record = taken.record
        if record.ticket is not None or found.newest is not None or found.ticket is None:
            return None
        since = taken.part.since if taken.part is not None else record.call.began
        opened = self._opened_by_agent(taken.machine, record.call, since, but=ticket.number)
        if opened is None:
            return None
        return _Waits(opened, self._tickets.continued(opened), record.call.waited_from)

    def _left(self, found: CallFound, ticket: Ticket, call: Call) -> _Waits | None:
        """The ticket that had this call before a newer record named another one."""
        if found.newest is None or found.newest.of_call in (None, ticket.number):
            return None
        try:
            before = self._tickets.get(str(found.newest.of_call))
        except NotFound:
            return None
        current = self._tickets.continued(before)
        same = current.number == ticket.number
        return None if same else _Waits(before, current, call.waited_from)

    def _waits(self, taken: _Taken, found: CallFound) -> _Waits | None:
        """The ticket in which the same number waits for a callback; None if it does not.

        A call that was answered before the missed one is no callback.
        """
        call = taken.record.call
        if found.caller is None or call.result is Result.ONGOING:
            return None
        try:
            ticket = self._tickets.get(found.caller.number)
        except NotFound:
            return None
        current = self._tickets.continued(ticket)
        waits = access.may_see(taken.machine, ticket) and by_call.waits_for_callback(
            ticket, current
        )
        early = call.answered is not None and call.answered < found.caller.since
        return _Waits(ticket, current, found.caller.since) if waits and not early else None

    def _opened_by(self, taken: _Taken, found: CallFound, ticket: Ticket) -> bool:
        """Whether an earlier record of this call, or that of another part of it, opened the ticket.

        The parts of a call have its conversation in common. Calls that have no parts have an id.
        """
        machine, record, newest = taken.machine, taken.record, found.newest
        if record.call.answered is None or ticket.channel != PHONE:
            return False
        if taken.part is None and (newest is None or newest.of_call != ticket.number):
            return False
        source, same = self._source_of(ticket), {"connector": machine.id}
        if taken.part is None:
            same["call"] = record.call.id
        else:
            same["conversation"] = record.conversation
        return "call" in source and same.items() <= source.items()

    def _ticket(self, taken: _Taken, found: CallFound, waits: _Waits | None) -> Ticket | None:
        """The ticket of a call; None if it has none yet. Raises InvalidInput."""
        record, part = taken.record, taken.part
        if record.ticket is not None:
            try:
                named = self._tickets.get(record.ticket)
            except NotFound:
                named = None
            if named is not None and access.may_see(taken.machine, named):
                return named
            if part is None:  # a flow's attribute may have any value, and the call is not lost
                raise InvalidInput([Fault("/ticket", "unknown_ticket", "there is no such ticket")])
        number = found.newest.of_call if found.newest is not None else None
        if number or found.ticket:
            return self._tickets.get(number or str(found.ticket))
        since = part.since if part is not None else record.call.began
        opened = self._opened_by_agent(taken.machine, record.call, since)
        return waits.of_call if opened is None and waits is not None else opened

    def _source_of(self, ticket: Ticket) -> Mapping[str, Any]:
        """The source of the message or call that opened a ticket; {} if it came from no connector.

        If the first event is damaged or missing, the connector is None: it is unknown. The call is
        recorded all the same.
        """
        try:
            return self._tickets.event(ticket.number, 1).data.get("source") or {}
        except (Unreadable, NotFound):
            return {"connector": None}

    def _opened_by_agent(
        self, machine: Member, call: Call, since: datetime, but: str | None = None
    ) -> Ticket | None:
        """The ticket that an agent opened for this caller while the call lasted; None if none.

        `since` is when the call began. The ticket with the number `but` is left out. So are tickets
        that a record or a message of a connector opened: several people may have the same number.
        """
        if call.result is not Result.ANSWERED:
            return None
        until = by_call.opened_until(call, self._now())
        found = [
            ticket
            for ticket in self._by_phone(machine, call)
            if ticket.number != but
            and since <= ticket.created_at <= until
            and "connector" not in self._source_of(ticket)
        ]
        return min(found, key=lambda ticket: ticket.created_at, default=None)

    def _served_since(self, taken: _Taken, caller: str | None) -> _Waits | None:
        """The ticket of a later call from this number that was answered; None if there is none.

        The record of the missed call came late. If it had come in time, the later call would have
        kept the promise of its callback.
        """
        call, machine = taken.record.call, taken.machine
        if caller is None or call.ended is None:
            return None
        region, over = self._plans.current().home_region, instants.written(call.ended)
        for ticket in self._by_phone(machine, call):
            phone = ticket.contact.phone
            if phone is None or phones.e164(phone, region) != caller:
                continue
            if ticket.created_at <= call.ended:
                continue
            records = self._records(machine, self._tickets.readable_history(ticket.number))
            if any(one.get("answered", "") >= over for one in records):
                return _Waits(ticket, self._tickets.continued(ticket), call.waited_from)
        return None

    def _by_phone(self, machine: Member, call: Call) -> list[Ticket]:
        """The newest tickets of the caller that were opened on the telephone."""
        card = self._card(call.phone, self._plans.current())
        if card is None:
            return []
        try:
            ids = self._customers.ids_of(card.customer)
        except Unreadable:  # a damaged profile keeps no call from its ticket
            return []
        page = self._customers.tickets_of(ids, LATEST, None)
        return [
            ticket
            for ticket in self._tickets.get_readable(page.numbers)
            if ticket.channel == PHONE and access.may_see(machine, ticket)
        ]

    def _card(self, phone: str | None, plan: Plan) -> Card | None:
        number = phones.e164(phone, plan.home_region) if phone is not None else None
        try:
            return self._customers.by_contact(profile.PHONE, number) if number is not None else None
        except Unreadable:  # a damaged profile keeps no call from its ticket
            return None

    def _submission(self, record: Record, plan: Plan, about: Ticket | None) -> Submission:
        """What opens a ticket for a call. The customer is found by the number.

        They speak the language of the record, of their profile, or of the ticket that the call is
        about.
        """
        call, phone = record.call, record.call.phone
        assert phone is not None, "a call with a hidden number opens no ticket"
        card = self._card(phone, plan)
        known = [one for one in card.languages if one in LANGUAGES] if card is not None else []
        usual = about.language if about is not None else LANGUAGES[0]
        language = record.language or next(iter(known), usual)
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


def _is_found_by_conversation(
    taken: _Taken, found: CallFound, left: _Waits | None, *, again: bool
) -> bool:
    """Whether the ticket that gets the record is stored as that of the call's conversation.

    Then the other parts of the call, and the caller's messages, find this ticket. It replaces the
    ticket that had the call before (`left`). It is not stored if the record is kept (`_is_kept`).
    """
    if found.ticket is None:
        return not _is_kept(taken, found, again=again)
    return left is not None and found.ticket == left.of_call.number


def _is_kept(taken: _Taken, found: CallFound, *, again: bool) -> bool:
    """Whether the record is kept for a ticket that a message of its conversation may open.

    Whoever calls `again` from the number of a callback may be somebody else. Their words are not
    added to the ticket that waits for the callback: they open one, which gets this record, too.
    """
    if taken.part is not None or found.ticket is not None:
        return False
    newest = found.newest
    before = newest is not None and newest.number is not None and newest.call is not None
    return again or before


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


def _is_offered_to_agent(ticket: Ticket, call: Call) -> bool:
    """Whether a ticket that waits for a callback is offered first to the agent of this call."""
    spoke = call.agent is not None and not (call.is_unanswered or call.is_unreached)
    is_free = ticket.assignee is None and ticket.preferred is None and not ticket.placing
    return spoke and is_free
