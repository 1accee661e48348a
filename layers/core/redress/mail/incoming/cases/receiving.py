"""Turn an incoming mail into a ticket, a message on a ticket, or a quarantine record, exactly once.

The reader (`redress.mail.incoming.reader`) parses the bytes into an `IncomingMail`. This module
gathers the facts, asks `mail.incoming.rules.decision` for the decision and writes the result. A
mail is recognised by its identity and by its object in the bucket. Its record and its effect are
written in one transaction. So a mail takes effect once, even if its event is repeated, late or out
of order, or if a worker is killed.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import replace
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redress.base.addresses import canonical, is_address
from redress.base.errors import NotFound
from redress.base.people import Member
from redress.mail.incoming.bucket import MailBucket, attachment_key, read_key
from redress.mail.incoming.cases import event_data
from redress.mail.incoming.rules.answers import NoAnswer
from redress.mail.incoming.rules.copies import Copy, is_copy
from redress.mail.incoming.rules.decision import (
    AddNote,
    AddReply,
    Clue,
    Decision,
    LogNotice,
    MailFacts,
    Named,
    Notice,
    OpenTicket,
    Quarantine,
    Reason,
    decide,
    joined_beside,
    kind_of,
    noted_beside,
    participant_of,
)
from redress.mail.incoming.rules.folding import (
    SentWords,
    Shown,
    answer,
    needs_sent_words,
    whole,
)
from redress.mail.incoming.rules.held import READER, Refused, team_of_kind
from redress.mail.incoming.rules.mail import IncomingMail, passed_on_mail
from redress.mail.incoming.store import (
    Copies,
    IncomingMailStore,
    IncomingRecord,
    MailState,
    MailTaken,
    on,
)
from redress.mail.outgoing.rules.table import audience_of
from redress.mail.outgoing.rules.writing import works_after
from redress.mail.outgoing.store import AddressChange, AddressMark, AddressStore
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.staff.store import StaffStore
from redress.tickets.cases.changes import Decided, TicketChanges
from redress.tickets.links import Links
from redress.tickets.rules.change import Change
from redress.tickets.rules.numbers import new_number
from redress.tickets.rules.steps import by_customer, by_staff, by_system, opening, table
from redress.tickets.rules.submission import (
    DESCRIPTION_LIMIT,
    NAME_LIMIT,
    SUBJECT_LIMIT,
)
from redress.tickets.rules.ticket import State, Ticket
from redress.tickets.store.mail_records import MailRecord, MailRecordStore
from redress.tickets.store.tickets import TicketStore
from redress.tickets.store.transaction import DoneAlready

EXCERPT = 300
MOST_NAMED = 20
"""How many tickets and threads of one mail are looked up. No person names more in one mail."""


@dataclass(frozen=True, slots=True)
class Received:
    """The result of receiving a mail. `repeated` is true if the mail had been received before."""

    record: IncomingRecord
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class _Existing:
    """The tickets that a mail names, by number, with what named them.

    A merged ticket is replaced by its target, so most of the code need not know of the merge.
    """

    named: tuple[Named, ...]
    tickets: Mapping[str, Ticket]
    sources: Mapping[str, Ticket]
    """Each target -> the merged ticket by which alone it was named."""
    merged: Mapping[str, tuple[Ticket, ...]]
    """Each target -> all merged tickets by which it was named."""


class ReceivingCase:
    """Receives incoming mails and releases quarantined ones."""

    def __init__(
        self,
        tickets: TicketStore,
        incoming_: IncomingMailStore,
        addresses: AddressStore,
        staff: StaffStore,
        plans: Plans,
        links: Links,
        bucket: MailBucket,
        changes: TicketChanges,
        mail_records: MailRecordStore,
        now: Callable[[], datetime],
        own_domains: tuple[str, ...] = (),
    ) -> None:
        """`own_domains` are the domains of the house that the deployment knows."""
        self._own_domains = own_domains
        self._changes, self._mail_records = changes, mail_records
        self._tickets, self._staff = tickets, staff
        self._incoming, self._addresses = incoming_, addresses
        self._plans, self._links, self._bucket, self._now = plans, links, bucket, now

    def came(self, key: str, envelope: Sequence[str] = ()) -> Received | None:
        """Return the earlier result for the mail in this object; None if it must be received.

        The lookup uses only the object's key. So it still works if a newer reader would read the
        mail differently and compute another identity. A mail must be received again if its
        `envelope` has the signed address of a ticket that was not known when the mail came.
        """
        known = self._incoming.at(key)
        if known is None or self._unheard(known, [canonical(one) for one in envelope]):
            return None
        return Received(known, repeated=True)

    def receive(self, mail: IncomingMail) -> Received:
        """Decide on a mail and write the result, once.

        Raises Unavailable if the store cannot write the result; then nothing was written.
        """
        known, copies = self._incoming.look_up(mail.identity, mail.copies_digest)
        if known is not None:
            return self._repeated(mail, known)
        return self._process(mail, None, copies)

    def release(self, mail: IncomingMail, held: IncomingRecord, by: str) -> Received:
        """Release a mail from quarantine, as the member of staff `by` decided.

        `mail` is what a new reading of it found. The mail becomes a ticket or part of one. If the
        new reading does not allow that, it stays in quarantine; its record says why, and it is
        unseen again. Raises DoneAlready if the mail is
        no longer in quarantine.
        """
        twin = self._incoming.find(mail.identity)
        if mail.virus or twin is None or twin.identity == held.identity:
            return self._release(mail, held, by)
        # The reader could not read the quarantined object when it came. The same mail also came in
        # another object, and its record there is `twin`. `held` gets the same result as `twin`.
        if twin.state is MailState.QUARANTINED and twin.reason != Reason.VIRUS:
            try:
                twin = self._release(mail, twin, by).record
            except DoneAlready:
                twin = self._incoming.get(twin.identity)
        if twin.state is not MailState.QUARANTINED:
            return self._settled(mail, held, twin, by)
        if twin.reason == Reason.VIRUS:
            return self.refuse(replace(held, reason=twin.reason), by, Reason.VIRUS)
        refused = twin.refused.reason if twin.refused is not None else Reason.UNREADABLE
        return self.refuse(held, by, refused)

    def _release(self, mail: IncomingMail, held: IncomingRecord, by: str) -> Received:
        held = replace(held, released_by=by)
        if mail.virus:
            record = replace(self._record(mail), received_at=held.received_at, team=held.team)
            found = Quarantine(Reason.VIRUS, held.number)
            return Received(self._held(mail, record, found, held))
        return self._process(mail, held)

    def refuse(
        self, held: IncomingRecord, by: str, reason: str, because: str | None = None
    ) -> Received:
        """Record that a release failed. The mail stays in quarantine and is unseen again.

        `reason` is a `Reason` or `rules.held.NOT_KEPT`. `because` is the name of the error if the
        reader failed. Raises DoneAlready if the mail is no longer in quarantine.
        """
        refused = Refused(str(reason), self._now(), by, because)
        record = replace(held, refused=refused, requested=None, seen_at=None, seen_by=None)
        self._incoming.rewrite(record)
        return Received(record)

    def hold_unread(
        self, key: str, received_at: datetime, because: str, envelope: tuple[str, ...] = ()
    ) -> Received:
        """Put a mail into quarantine because the reader failed on it. `because` is the error.

        `envelope` is kept for its release, because the object in the bucket does not have it.
        """
        identity = unread_identity(key)
        facts = MailFacts("", envelope, envelope, own_domains=self._own_domains)
        record = IncomingRecord(
            identity=identity,
            state=MailState.QUARANTINED,
            key=key,
            received_at=received_at,
            sender="",
            sender_name="",
            subject="",
            excerpt="",
            reason=Reason.UNREADABLE,
            because=(because,),
            recipients=envelope[:MOST_NAMED],
            envelope=envelope,
            team=_team_for(facts, {}, self._plans.current()),
        )
        try:
            self._incoming.hold(record)
        except DoneAlready:
            # Another worker has received or quarantined it in the meantime.
            return self.came(key) or Received(self._incoming.get(identity), repeated=True)
        return Received(record)

    def _repeated(self, mail: IncomingMail, known: IncomingRecord) -> Received:
        """Record that a known mail came again, perhaps in another object.

        If another event names this object, `came` finds the mail without reading it.
        """
        known = self._leave_words(mail, known)
        self._incoming.repeated(mail.key, known)
        return Received(known, repeated=True)

    def _settled(
        self, mail: IncomingMail, held: IncomingRecord, twin: IncomingRecord, by: str | None
    ) -> Received:
        """Give a mail in quarantine the result of the same mail that came in another object."""
        twin = self._leave_words(mail, twin)
        settled = replace(twin, identity=held.identity, released_by=by)
        self._incoming.rewrite(settled)
        return Received(settled, repeated=True)

    # ---------------------------------------------------------------- several deliveries

    def _unheard(self, known: IncomingRecord, addresses: Iterable[str]) -> list[str]:
        """Return those of the addresses that are signed and not in the record of the mail."""
        heard = {*known.recipients, *known.envelope}
        return [one for one in addresses if one not in heard and self._signed([one], Clue.ADDRESS)]

    def _leave_words(self, mail: IncomingMail, known: IncomingRecord) -> IncomingRecord:
        """Add the text of a known mail to the tickets that only this delivery was sent to.

        A mail server can deliver one mail once for each address. All deliveries have the same
        headers. A ticket's address in Bcc is only in the envelope of one delivery. Returns the
        record of the mail.
        """
        for address in self._unheard(known, mail.addressed_to)[:MOST_NAMED]:
            attempt = functools.partial(self._left, mail, known.identity, address)
            known = self._changes.write(attempt)
        return known

    def _left(self, mail: IncomingMail, identity: str, address: str) -> Decided[IncomingRecord]:
        """Return the change that adds the text of a known mail to the ticket of an address.

        The ticket is read before the record. If another worker adds the same text meanwhile, this
        worker either loses the race for the ticket or reads the record that the other one wrote.
        """
        existing = self._existing(tuple(self._signed([address], Clue.ADDRESS)))
        named, tickets, sources = existing.named, existing.tickets, existing.sources
        known = self._incoming.get(identity)
        held = known.state is MailState.QUARANTINED
        if not self._unheard(known, [address]) or (not held and known.number in tickets):
            return Decided(known)
        plan, now = self._plans.current(), self._now()
        member, forwarded = self._staff_sender(mail)
        facts = self._facts(mail, named, member, now, forwards=forwarded is not None)
        thanked = self._thanked(mail, tickets.values())
        facts = replace(facts, thanked=thanked, merged=existing.merged)
        decision = decide(facts, tickets, plan.mail)
        heard = replace(
            known,
            recipients=(*known.recipients, address),
            envelope=tuple(dict.fromkeys((*known.envelope, *mail.envelope)))
            if held
            else known.envelope,
        )
        if isinstance(decision, OpenTicket) and not held:
            strangers = noted_beside(facts, tickets, decision)
            decision = LogNotice(strangers[0], Notice.STRANGER) if strangers else decision
        if isinstance(decision, OpenTicket | Quarantine):
            if held:
                # Its release will read the envelope from the record.
                self._incoming.change(identity, lambda one: _with_addresses(one, heard))
            return Decided(heard)
        record = self._record(mail)
        if held:
            record = _as_held(record, known)
        released = known if held else None
        decided = self._decided(mail, forwarded, record, decision, tickets, sources, released)
        if held:
            return decided
        assert isinstance(decided.cause, MailTaken)
        cause = MailTaken(
            heard, again=True, counted=decided.cause.counted, addresses=decided.cause.addresses
        )
        return Decided(heard, decided.change, decided.at, cause)

    def _staff_sender(self, mail: IncomingMail) -> tuple[Member | None, IncomingMail | None]:
        """Return the member of staff who sent a mail, and the mail that they forwarded, if any."""
        members = {canonical(m.email): m for m in self._staff.members() if m.is_active}
        member = members.get(mail.sender)
        return member, passed_on_mail(mail, members) if member is not None else None

    # ---------------------------------------------------------------- deciding

    def _process(
        self, mail: IncomingMail, held: IncomingRecord | None, copies: Copies | None = None
    ) -> Received:
        """Decide on a mail and write the result.

        `held` is its record in quarantine, if it is released. `copies` are the mails with the same
        sender, Message-ID and date, if they were read before; None if they were not.
        """
        record = self._record(mail)
        if held is not None:
            record = _as_held(record, held)
        self._store_files(mail, record)
        member, forwarded = self._staff_sender(mail)

        own = {record.identity} if held is None else {record.identity, held.identity}
        copy, digest, looked_up = mail.copy, mail.copies_digest, [copies]

        def attempt() -> Decided[Received]:
            copies = looked_up.pop() if looked_up else None
            if copies is None and digest is not None:
                _, copies = self._incoming.look_up(record.identity, digest)
            twin = self._twin(copy, copies, own)
            if twin is not None and twin.state is not MailState.QUARANTINED:
                return Decided(Received(twin, repeated=True))
            copies = copies.plus(copy) if copies is not None else None
            plan, now = self._plans.current(), self._now()
            existing = self._existing(self._named(mail))
            named, tickets, sources = existing.named, existing.tickets, existing.sources
            facts = self._facts(mail, named, member, now, forwards=forwarded is not None)
            facts = replace(
                facts,
                noted=dict(record.noted),
                thanked=self._thanked(mail, tickets.values()),
                merged=existing.merged,
            )
            decision = decide(facts, tickets, plan.mail, released=held is not None)
            strangers = [tickets[one] for one in noted_beside(facts, tickets, decision)]
            if isinstance(decision, Quarantine):
                if twin is not None and held is None:
                    return Decided(Received(twin, repeated=True))
                of_team = replace(record, team=_team_for(facts, tickets, plan))
                if strangers and held is None:
                    return self._held_and_noted(mail, of_team, decision, strangers, copies)
                return Decided(Received(self._held(mail, of_team, decision, held, copies)))
            if held is not None and (known := self._noted_before(record, decision)) is not None:
                self._incoming.rewrite(known)
                return Decided(Received(known))
            decided = self._decided(mail, forwarded, record, decision, tickets, sources, held)
            decided = self._with_notes(mail, record, decided, strangers)
            for number in joined_beside(facts, tickets, decision):
                ticket, sent_to = tickets[number], _sent_to(sources, number)
                decided = self._with_message(mail, record, decided, facts, ticket, sent_to)
            assert isinstance(decided.cause, MailTaken)
            cause = replace(decided.cause, copies=copies)
            done = Received(decided.result)
            return Decided(done, decided.change, decided.at, cause, decided.also)

        try:
            received = self._changes.write(attempt)
        except DoneAlready:
            if held is not None:
                raise
            known = self._incoming.at(mail.key) or self._incoming.get(record.identity)
            return self._repeated(mail, known)
        if not received.repeated:
            return received
        if held is None:
            return self._repeated(mail, received.record)
        return self._settled(mail, held, received.record, held.released_by)

    def _twin(
        self, copy: Copy, copies: Copies | None, own: Collection[str]
    ) -> IncomingRecord | None:
        """Return the record of another copy of this mail, which a list or a gateway changed.

        `own` are the identities of the mail itself. If several copies came, a copy that is not in
        quarantine is preferred. If the copy is in quarantine, the caller uses it only for a mail
        that goes there, too. Otherwise nobody would see the text, although it came twice.
        """
        same = [
            one
            for one in (copies.known if copies is not None else ())
            if one.identity not in own and is_copy(one, copy)
        ]
        records = [found for one in same if (found := self._incoming.find(one.identity))]
        done = (one for one in records if one.state is not MailState.QUARANTINED)
        return next(done, records[0] if records else None)

    def _named(self, mail: IncomingMail) -> tuple[Named, ...]:
        """Return the tickets that a mail names.

        This method checks signatures. `decide` checks later whether the sender may write on the
        tickets.
        """
        found = [
            *self._signed(mail.addressed_to, Clue.ADDRESS),
            *self._signed((*mail.answers_to, *mail.returned_ids), Clue.CONVERSATION),
        ]
        digests = [thread_digest(one, mail.sender) for one in mail.answers_to[:MOST_NAMED]]
        numbers = mail.numbers
        if (inner := mail.forwarded) is not None:
            numbers += inner.numbers
            digests += [thread_digest(one, inner.sender) for one in inner.ids[:MOST_NAMED]]
        found += [Named(number, Clue.THREAD) for number in self._incoming.thread(digests)]
        found += [Named(number, Clue.SUBJECT) for number in numbers]
        return tuple(dict.fromkeys(found))[:MOST_NAMED]

    def _signed(self, addresses: Sequence[str], clue: Clue) -> list[Named]:
        found = []
        for address in addresses:
            try:
                number = self._links.read_mail(address.partition("@")[0])
            except NotFound:
                continue  # an ordinary address, or a forged token
            found.append(Named(number, clue))
        return found

    def _existing(self, named: Sequence[Named]) -> _Existing:
        """Return the tickets that these names name, if they exist."""
        numbers = list(dict.fromkeys(name.number for name in named))
        found = {t.number: t for t in self._tickets.get_many(numbers)} if numbers else {}
        into = {number: self._tickets.continued(one) for number, one in found.items()}
        tickets = {one.number: one for one in into.values()}
        sources = {
            one.number: found[number] for number, one in into.items() if one.number not in found
        }
        passed_on = (
            Named(into[name.number].number, name.by) if name.number in into else name
            for name in named
        )
        merged: dict[str, tuple[Ticket, ...]] = {}
        for number, one in into.items():
            if one.number != number:
                merged[one.number] = (*merged.get(one.number, ()), found[number])
        return _Existing(tuple(dict.fromkeys(passed_on)), tickets, sources, merged)

    def _facts(
        self,
        mail: IncomingMail,
        named: tuple[Named, ...],
        member: Member | None,
        now: datetime,
        *,
        forwards: bool,
    ) -> MailFacts:
        numbers = list(dict.fromkeys(name.number for name in named))
        counted = [_sender_counter(mail.contact), *numbers, *map(_held_counter, numbers)]
        counts = self._incoming.counts(counted, now)
        answerable = is_address(mail.contact)
        return MailFacts(
            sender=mail.sender if answerable and is_address(mail.sender) else "",
            reachable=answerable,
            recipients=mail.addressed_to,
            envelope=mail.envelope,
            own_domains=self._own_domains,
            named=named,
            own=mail.own,
            machine=mail.machine,
            automatic=mail.automatic,
            wording=mail.wording,
            no_answer=self._no_answer(mail),
            spam=mail.spam,
            virus=mail.virus,
            disowned=mail.disowned,
            relayed=mail.relayed,
            staff=member,
            forwards=forwards,
            authentic=mail.authentic,
            recent=counts.get(_sender_counter(mail.contact), 0),
            recent_on=counts,
            held_on={one: counts.get(_held_counter(one), 0) for one in numbers},
        )

    def _thanked(self, mail: IncomingMail, tickets: Iterable[Ticket]) -> frozenset[str]:
        """Return the numbers of those of the tickets that are closed, if the mail only thanks."""
        found = set[str]()
        for ticket in tickets:
            if ticket.state is not State.CLOSED or mail.enclosed:
                continue
            plan = self._plans.get(ticket.plan_version)
            text = self._answer(mail, ticket.number).text.strip()
            said = "\n".join((text, _beside(mail, ticket, plan, text)))
            if by_customer.thanks_in(said, plan, ticket.contact.name):
                found.add(ticket.number)
        return frozenset(found)

    def _no_answer(self, mail: IncomingMail) -> NoAnswer | None:
        """Return why no automatic answer may follow; None if one may.

        Anybody can name somebody else's address in Reply-To. An address of another organisation
        therefore gets no automatic mail until a mail has come from it.
        """
        if mail.foreign and not self._addresses.has_written(mail.contact):
            return NoAnswer.REPLY_TO
        return mail.no_answer

    # ---------------------------------------------------------------- carrying out a decision

    def _decided(
        self,
        mail: IncomingMail,
        forwarded: IncomingMail | None,
        record: IncomingRecord,
        decision: OpenTicket | AddReply | AddNote | LogNotice,
        tickets: Mapping[str, Ticket],
        sources: Mapping[str, Ticket],
        released: IncomingRecord | None,
    ) -> Decided[IncomingRecord]:
        """Return the change that follows from a decision.

        `sources` are as `_existing` returns them. What a machine wrote about a mail of a merged
        ticket is logged there, because only that ticket has the record of the mail.
        """
        match decision:
            case OpenTicket(passed_on=True) if forwarded is not None:
                record = replace(record, forwarded_by=record.sender)
                return self._opened(forwarded, record, decision, released, ())
            case OpenTicket():
                addresses = self._sender_wrote(mail)
                return self._opened(mail, record, decision, released, addresses)
            case AddReply(number, participant, proven):
                ticket = tickets[number]
                if not proven:
                    record = replace(record, flags=(*record.flags, "unproven"))
                plan, at = self._plan_and_moment(ticket)
                words = self._answer(mail, number)
                text = event_data.text_of(words, ticket.language)
                source = event_data.source(mail, record, words)
                beside = _beside(mail, ticket, plan, text)
                change = by_customer.write(
                    ticket,
                    plan,
                    text,
                    at,
                    source,
                    participant,
                    beside=beside,
                    sent_to=_sent_to(sources, number),
                )
                done = on(record, MailState.JOINED, number, change.events[0].number)
                addresses = self._sender_wrote(mail)
            case AddNote(number, by):
                ticket = tickets[number]
                plan, at = self._plan_and_moment(ticket)
                # If the mail passes on another mail, the note must contain that one, too.
                words = (
                    whole(mail.whole, mail.parts, table.TEXT_LIMIT)
                    if forwarded is not None
                    else self._answer(mail, number)
                )
                text = event_data.text_of(words, ticket.language)
                source = event_data.source(mail, record, words)
                change = by_staff.note(ticket, plan, by, text, at, source)
                done = on(record, MailState.JOINED, number, change.events[0].number)
                addresses = ()
            case LogNotice(number, why):
                by_person = why in (Notice.STRANGER, Notice.DISOWNED)
                ticket = tickets[number] if by_person else sources.get(number, tickets[number])
                number = ticket.number
                plan, at = self._plan_and_moment(ticket)
                words = self._answer(mail, number)
                text = event_data.text_of(words, ticket.language)
                source = event_data.source(mail, record, words)
                about = self._returned_mail(mail, number)
                key = about.key if about is not None else None
                source |= event_data.notice_data(why, mail, ticket, key)
                change = by_system.note_mail(ticket, plan, why, mail.sender, text, at, source)
                done = on(record, MailState.NOTED, number, change.events[0].number)
                addresses = self._failure_marks(mail, ticket, about, at)
        return Decided(done, change, at, _mail_taken(mail, done, released, addresses))

    def _held(
        self,
        mail: IncomingMail,
        record: IncomingRecord,
        decision: Quarantine,
        released: IncomingRecord | None,
        copies: Copies | None = None,
    ) -> IncomingRecord:
        """Write the record of a mail that goes to quarantine, or stays there when it is released.

        It changes no ticket, so the record is written at once.
        """
        found = replace(
            record,
            state=MailState.QUARANTINED,
            reason=decision.reason.value,
            number=decision.about,
            reader=READER,
        )
        if released is None:
            self._incoming.hold(found, copies)
            return found
        by, found = released.released_by or "", replace(found, released_by=None)
        if found.identity != released.identity:
            # The mail could not be read when it came, so its record has another identity. The links
            # to its files are made from the identity in the record.
            found = replace(found, identity=released.identity)
            self._store_files(mail, found)
        return self.refuse(found, by, decision.reason).record

    def _held_and_noted(
        self,
        mail: IncomingMail,
        record: IncomingRecord,
        decision: Quarantine,
        tickets: Sequence[Ticket],
        copies: Copies | None,
    ) -> Decided[Received]:
        """Put a stranger's mail into quarantine, and log it on the tickets that it names.

        The notices name the reason for the quarantine, also as a flag.
        """
        flags = tuple(dict.fromkeys((*record.flags, decision.reason.value)))
        about = {"held": decision.reason.value}
        noted = [self._note(mail, replace(record, flags=flags), one, about) for one in tickets]
        found = replace(
            record,
            reason=decision.reason.value,
            number=decision.about,
            reader=READER,
            noted=tuple((one.after.number, one.events[0].number) for one, _ in noted),
        )
        counted = tuple(_held_counter(ticket.number) for ticket in tickets)
        (change, at), *also = noted
        cause = MailTaken(found, counted=counted, copies=copies)
        return Decided(Received(found), change, at, cause, tuple(also))

    def _noted_before(self, record: IncomingRecord, decision: Decision) -> IncomingRecord | None:
        """Return the record of a released mail if its text is on the ticket already; None if not.

        The mail was logged there as a stranger's mail when it was put into quarantine. Staff may
        have accepted it there.
        """
        if not isinstance(decision, AddReply | LogNotice):
            return None
        noted = dict(record.noted).get(decision.number)
        if noted is None:
            return None
        if isinstance(decision, LogNotice):
            return on(record, MailState.NOTED, decision.number, noted)
        accepted = (
            event.number
            for event in self._tickets.history(decision.number)
            if (event.data.get("accepted") or {}).get("event") == noted
        )
        event = next(accepted, None)
        return on(record, MailState.JOINED, decision.number, event) if event is not None else None

    def _opened(
        self,
        mail: IncomingMail,
        record: IncomingRecord,
        decision: OpenTicket,
        released: IncomingRecord | None,
        addresses: tuple[AddressChange, ...],
    ) -> Decided[IncomingRecord]:
        plan, now = self._plans.current(), self._now()
        words = whole(mail.whole, mail.parts, DESCRIPTION_LIMIT)
        source = event_data.source(mail, record, words)
        if decision.follows:
            source["follows"] = decision.follows
        if decision.unacknowledged is not None:
            source["unacknowledged"] = decision.unacknowledged.value
        if mail.named_contact:
            source["sender"] = mail.sender
        number = new_number()
        submission = event_data.submission(mail, words, decision.kind)
        change = opening.open_ticket(submission, number, plan, now, source)
        done = on(record, MailState.OPENED, number, 1)
        return Decided(done, change, now, _mail_taken(mail, done, released, addresses))

    def _with_notes(
        self,
        mail: IncomingMail,
        record: IncomingRecord,
        decided: Decided[IncomingRecord],
        tickets: Sequence[Ticket],
    ) -> Decided[IncomingRecord]:
        """Add to each of these tickets a notice that a stranger's mail about it came.

        The notice names the ticket that the mail opened or was added to.
        """
        if not tickets or decided.cause is None:
            return decided
        assert isinstance(decided.cause, MailTaken)
        about = {"ticket": decided.result.number}
        also = tuple(self._note(mail, record, ticket, about) for ticket in tickets)
        counted = (*decided.cause.counted, *(ticket.number for ticket in tickets))
        return replace(decided, cause=replace(decided.cause, counted=counted), also=also)

    def _with_message(
        self,
        mail: IncomingMail,
        record: IncomingRecord,
        decided: Decided[IncomingRecord],
        facts: MailFacts,
        ticket: Ticket,
        sent_to: str | None,
    ) -> Decided[IncomingRecord]:
        """Add the mail as a message to another ticket, whose signed address it was also sent to.

        `sent_to` is the number of the merged ticket whose address that was.
        """
        assert isinstance(decided.cause, MailTaken)
        plan, at = self._plan_and_moment(ticket)
        words = self._answer(mail, ticket.number)
        source = event_data.source(mail, record, words)
        text, by = event_data.text_of(words, ticket.language), participant_of(facts, ticket)
        beside = _beside(mail, ticket, plan, text)
        change = by_customer.write(
            ticket, plan, text, at, source, by, beside=beside, sent_to=sent_to
        )
        cause = replace(decided.cause, counted=(*decided.cause.counted, ticket.number))
        return replace(decided, cause=cause, also=(*decided.also, (change, at)))

    def _note(
        self, mail: IncomingMail, record: IncomingRecord, ticket: Ticket, about: dict[str, Any]
    ) -> tuple[Change, datetime]:
        """Return the change that logs a stranger's mail on this ticket, and its time.

        `about` is added to what the event says about the mail.
        """
        plan, at = self._plan_and_moment(ticket)
        words = self._answer(mail, ticket.number)
        source = event_data.source(mail, record, words) | about
        text, why = event_data.text_of(words, ticket.language), Notice.STRANGER
        return by_system.note_mail(ticket, plan, why, mail.sender, text, at, source), at

    def _plan_and_moment(self, ticket: Ticket) -> tuple[Plan, datetime]:
        return self._plans.get(ticket.plan_version), self._changes.moment(ticket)

    def _answer(self, mail: IncomingMail, number: str) -> Shown:
        """Return the text of a mail as the ticket shows it: without quotes that are proven."""
        return answer(mail.whole, mail.parts, self._sent_words(mail, number))

    def _sent_words(self, mail: IncomingMail, number: str) -> SentWords:
        """Return the words that staff sent to the customer of a ticket.

        They are read only if they can prove a quote that its form does not prove.
        """
        if not needs_sent_words(mail.parts):
            return SentWords()
        return SentWords(event_data.sent_texts(self._tickets.history(number)))

    def _returned_mail(self, mail: IncomingMail, number: str) -> MailRecord | None:
        """Return the record of the ticket's outgoing mail that a bounce returns, or None.

        The mail is recognised by its SES message id. This id appears only in the mail that was
        sent. So whoever quotes the id received that mail or handled its delivery.
        """
        ids = {one.partition("@")[0] for one in mail.returned_ids}
        if not ids:
            return None
        records = self._mail_records.of_ticket(number)
        sent = {one.message_id.partition("@")[0]: one for one in records}
        return next((one for name, one in sent.items() if name and name in ids), None)

    def _failure_marks(
        self, mail: IncomingMail, ticket: Ticket, about: MailRecord | None, now: datetime
    ) -> tuple[AddressChange, ...]:
        """Return marks for the addresses to which delivery failed permanently, as a notice says.

        Only addresses to which the returned mail `about` was sent are marked. Otherwise a false
        notice could mark any address. An address that works since is not marked (`works_after`).
        """
        if about is None or mail.disowned or mail.relayed:
            return ()
        addresses = event_data.addresses_of(ticket, audience_of(about.key))
        permanent = {one.address: one.status for one in mail.returned if one.permanent}
        failed = {address: permanent[address] for address in permanent if address in addresses}
        history = self._tickets.history(ticket.number) if failed else []
        return tuple(
            AddressChange(address, AddressMark(now, status))
            for address, status in failed.items()
            if not works_after(
                about.at, address, self._addresses.works_since(address), ticket, history
            )
        )

    def _sender_wrote(self, mail: IncomingMail) -> tuple[AddressChange, ...]:
        """Return the change that records that a mail came from the sender's address.

        It also removes the mark of returned mail: if an address sends mail, it can probably receive
        mail again. Returns () if nothing changes or if DMARC failed, even if a group relayed the
        mail.
        """
        if not mail.sender or mail.disowned or mail.relayed:
            return ()
        if self._addresses.is_known_to_write(mail.sender):
            return ()
        return (AddressChange(mail.sender, None, self._now()),)

    def _record(self, mail: IncomingMail) -> IncomingRecord:
        flags = [name for name in ("disowned", "spam", "virus") if getattr(mail, name)]
        return IncomingRecord(
            identity=mail.identity,
            state=MailState.QUARANTINED,
            key=mail.key,
            received_at=mail.received_at,
            sender=mail.sender,
            sender_name=mail.sender_name[:NAME_LIMIT],
            subject=mail.subject[:SUBJECT_LIMIT],
            excerpt=mail.text[:EXCERPT],
            recipients=mail.addressed_to[:MOST_NAMED],
            envelope=mail.envelope,
            because=mail.because,
            flags=tuple(flags),
        )

    def _store_files(self, mail: IncomingMail, record: IncomingRecord) -> None:
        """Write the mail's content and attachments into the bucket, before a record refers to them.

        The keys contain nothing that the sender chose. If the worker is killed after this, the
        files stay in the bucket, and the retry of the event writes to the same keys.
        """
        whole = json.dumps(mail.original, ensure_ascii=False).encode("utf-8", "replace")
        self._bucket.put(read_key(record.identity), whole, "application/json")
        for number, one in enumerate(mail.enclosed, 1):
            if one.refused is None:
                self._bucket.put(
                    attachment_key(record.identity, number), one.content, one.served_as
                )


def _beside(mail: IncomingMail, ticket: Ticket, plan: Plan, text: str) -> str:
    """Return the subject of a mail whose text only thanks, if its sender chose the subject.

    Many people write what they want into the subject. For other texts it decides nothing.
    """
    if by_customer.thanks_in(text, plan, ticket.contact.name) is None:
        return ""
    return event_data.own_subject(mail, ticket)


def _as_held(record: IncomingRecord, held: IncomingRecord) -> IncomingRecord:
    """Return the new record of a released mail, with the facts that its old record `held` has."""
    return replace(
        record,
        received_at=held.received_at,
        reason=held.reason,
        released_by=held.released_by,
        team=held.team,
        seen_at=held.seen_at,
        seen_by=held.seen_by,
        noted=held.noted,
    )


def _with_addresses(record: IncomingRecord, heard: IncomingRecord) -> IncomingRecord | None:
    """Return the record of a mail in quarantine with more addresses; None if it was released."""
    if record.state is not MailState.QUARANTINED:
        return None
    return replace(record, recipients=heard.recipients, envelope=heard.envelope)


def with_team(record: IncomingRecord, plan: Plan) -> IncomingRecord:
    """Return the record of a mail that an earlier version put into quarantine, with its team."""
    facts = MailFacts(record.sender, record.recipients, record.envelope)
    return replace(record, team=team_of_kind(kind_of(facts, plan.mail), plan))


def _sent_to(sources: Mapping[str, Ticket], number: str) -> str | None:
    """Return the number of the merged ticket through which a mail came to a ticket, if any."""
    return sources[number].number if number in sources else None


def _team_for(facts: MailFacts, tickets: Mapping[str, Ticket], plan: Plan) -> str:
    """Return the team of the address that a mail was sent to.

    The signed address of a ticket belongs to the team of the ticket.
    """
    signed = (name.number for name in facts.named if name.by is Clue.ADDRESS)
    team = next((tickets[number].team for number in signed if number in tickets), None)
    return team or team_of_kind(kind_of(facts, plan.mail), plan)


def _mail_taken(
    mail: IncomingMail,
    done: IncomingRecord,
    released: IncomingRecord | None,
    addresses: tuple[AddressChange, ...],
) -> MailTaken:
    counted = (_sender_counter(mail.contact), *((done.number,) if done.number else ()))
    threads = (thread_digest(mail.message_id, mail.sender),) if mail.message_id else ()
    return MailTaken(
        done,
        released=released,
        counted=counted,
        threads=threads if done.state is not MailState.NOTED else (),
        addresses=addresses,
    )


def unread_identity(key: str) -> str:
    """Return the identity of a mail that could not be read. Only its key is known."""
    return hashlib.sha256(f"unread {key}".encode()).hexdigest()[:40]


def thread_digest(message_id: str, sender: str) -> str:
    """Return a digest of a mail's Message-ID and its sender.

    The digest includes the sender. So if somebody else has seen the Message-ID, they cannot use it
    to write in the thread.
    """
    return hashlib.sha256(f"{message_id}\n{sender}".encode("utf-8", "replace")).hexdigest()[:40]


def _held_counter(number: str) -> str:
    return f"HELD#{number}"


def _sender_counter(sender: str) -> str:
    return f"SENDER#{hashlib.sha256(sender.encode('utf-8', 'replace')).hexdigest()[:40]}"
