"""Decide whether an incoming mail opens a ticket, is added to a ticket, or goes into quarantine.

`decide` takes facts that were read from the mail and returns a decision. No mail is dropped. A
claim that anybody could forge is never trusted:

- A ticket number in a subject names a ticket, but only a party of that ticket may write on it. A
  sender is not a party if DMARC fails for the sender's domain.
- A mail in the name of a member of staff counts as theirs only if DMARC passes, because staff may
  see more than customers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import replace
from dataclasses import dataclass, field
from enum import StrEnum

from redress.base.addresses import canonical, canonical_domain
from redress.base.people import Actor, Member
from redress.mail.incoming.rules.answers import NoAnswer
from redress.mail.incoming.rules.autoreplies import NO_WORDING, Wording, is_auto_reply_to
from redress.plans.rules.plan import MailPlan
from redress.tickets.rules.access import is_kept_from, may_see
from redress.tickets.rules.steps.table import RETURNED, STRANGER, UNSENT
from redress.tickets.rules.submission import DEFAULT_KIND
from redress.tickets.rules.ticket import State, Ticket


class Clue(StrEnum):
    """The ways in which a mail can name a ticket. The most reliable is first."""

    ADDRESS = "address"
    """The mail was sent to the ticket's signed reply address."""
    CONVERSATION = "conversation"
    """The mail answers or returns a mail that Redress sent, and refers to that mail's signed id."""
    THREAD = "thread"
    """The mail answers an earlier incoming mail of the same sender."""
    SUBJECT = "subject"
    """The subject contains a ticket number, which anybody can write."""


SIGNED = (Clue.ADDRESS, Clue.CONVERSATION)


class Reason(StrEnum):
    """Why a mail is in quarantine. `rules.held` says when staff can release it."""

    UNREADABLE = "unreadable"
    """The reader failed on this mail. When staff release it after a fix, it is read again."""
    VIRUS = "virus"
    SPAM = "spam"
    OWN = "own"
    """Redress sent this mail itself, and it came back."""
    AUTOMATIC = "automatic"
    """It is proven that a machine wrote the mail, for example an auto-responder or a program that
    sends newsletters. Nobody expects an answer."""
    NO_SENDER = "no_sender"
    """The mail cannot be answered: none of From, Reply-To and Sender has a valid address."""
    FROM_STAFF = "from_staff"
    """The mail is in the name of a member of staff. Either DMARC does not prove that they sent it,
    or the mail neither forwards a customer's mail nor names a ticket that they may see."""
    DISOWNED = "disowned"
    """DMARC failed for the sender's domain. The person who would get the answer may not have
    written the mail."""
    TOO_MANY = "too_many"
    """More mails came from this sender, or about this ticket, than the plan allows in an hour."""


class Notice(StrEnum):
    """Why a mail is logged on a ticket as a notice instead of a message from the customer."""

    RETURNED = RETURNED
    """A mail that Redress sent could not be delivered."""
    UNSENT = UNSENT
    """A mail that asked the customer for something was not sent, because nothing is sent to their
    address."""
    DELAYED = "delayed"
    """The provider is still trying to deliver a mail that Redress sent."""
    COMPLAINED = "complained"
    """A recipient reported a mail that Redress sent as spam."""
    AUTOMATIC = "automatic"
    """The mail is an automatic answer to a mail that Redress sent (out of office, receipt)."""
    STRANGER = STRANGER
    """The mail uses the ticket's signed address or id, but its sender is not a party. Staff can
    accept it."""
    DISOWNED = "disowned"
    """The mail is in the name of the customer or a participant, but DMARC failed for their
    domain."""


@dataclass(frozen=True, slots=True)
class Named:
    """A ticket that a mail names, and how."""

    number: str
    by: Clue


@dataclass(frozen=True, slots=True)
class MailFacts:
    """The facts about a mail that `decide` needs.

    Addresses are in canonical form (`redress.base.addresses`). `sender` is "" if the mail has no
    sender who can be answered. `recipients` begins with the addresses for which the mail server
    accepted the mail, if they are known. `own_domains` are the domains of the house; empty if they
    are not known.
    """

    sender: str
    recipients: tuple[str, ...]
    envelope: tuple[str, ...] = ()
    """The recipients of the SMTP envelope (RCPT TO); empty if they are not known."""
    own_domains: tuple[str, ...] = ()
    named: tuple[Named, ...] = ()
    reachable: bool = False
    """There is no sender, but Reply-To names somebody who can be answered. This gives no rights."""
    own: bool = False
    machine: Notice | None = None
    """The kind of notice if a machine seems to have written this mail about a mail from Redress;
    otherwise None. If `wording` has words, they are the only evidence."""
    wording: Wording = NO_WORDING
    """The words of an auto-responder, if nothing else shows a machine."""
    automatic: bool = False
    """It is proven that a machine wrote the mail."""
    no_answer: NoAnswer | None = None
    """Why no automatic answer may follow from the mail; None if one may."""
    spam: bool = False
    virus: bool = False
    disowned: bool = False
    """DMARC failed: the mail is not from the sender's domain, or it names several authors."""
    relayed: bool = False
    """DMARC failed, but a group of the plan passed the mail on, so it may be from the sender."""
    staff: Member | None = None
    """The member of staff in whose name the mail was sent."""
    forwards: bool = False
    """The mail forwards a mail by somebody who is not a member of staff."""
    authentic: bool = False
    """DMARC passed: the mail is from the sender's domain."""
    recent: int = 0
    """How many mails from this sender were accepted in the current UTC hour."""
    recent_on: Mapping[str, int] = field(default_factory=dict)
    """By ticket number: how many mails about the ticket were accepted in the current UTC hour."""
    held_on: Mapping[str, int] = field(default_factory=dict)
    """By ticket number: how many held mails were logged on the ticket in the current UTC hour."""
    thanked: Collection[str] = ()
    """The closed tickets that the mail names, if it only thanks (`plans.rules.thanks`)."""
    noted: Collection[str] = ()
    """The tickets on which this mail was logged when it was put into quarantine."""
    merged: Mapping[str, Sequence[Ticket]] = field(default_factory=dict)
    """By ticket number: the tickets that were merged into it and that the mail names."""


@dataclass(frozen=True, slots=True)
class OpenTicket:
    """Open a new ticket.

    `follows` is a ticket that the mail names but to which it cannot be added. `passed_on`: a member
    of staff forwarded the mail, and the author of the forwarded mail is the ticket's customer.
    `unacknowledged` is the reason for which no acknowledgement is promised and sent, if any.
    """

    kind: str
    follows: str | None = None
    passed_on: bool = False
    unacknowledged: NoAnswer | None = None


@dataclass(frozen=True, slots=True)
class AddReply:
    """Add a message from the customer's side to this ticket.

    `participant` is the address of the participant who wrote it; None if the customer did.
    `proven`: the mail used a signed address or id, or DMARC passed. Otherwise the From header is
    the only evidence of who wrote it.
    """

    number: str
    participant: str | None = None
    proven: bool = True


@dataclass(frozen=True, slots=True)
class AddNote:
    """Add an internal note by a member of staff to this ticket."""

    number: str
    by: Actor


@dataclass(frozen=True, slots=True)
class LogNotice:
    """Log a notice on this ticket. It is not a customer's message and affects no clock."""

    number: str
    why: Notice


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Put the mail into quarantine. `about` is a ticket that the mail names, if any."""

    reason: Reason
    about: str | None = None


Decision = OpenTicket | AddReply | AddNote | LogNotice | Quarantine


def decide(
    facts: MailFacts, tickets: Mapping[str, Ticket], plan: MailPlan, *, released: bool = False
) -> Decision:
    """Decide how a mail is handled.

    `tickets` contains the existing tickets that the mail names, by number. `released`: a member of
    staff has released the mail from quarantine. A released mail is accepted, whatever the reason
    for the quarantine was, unless it has no sender.
    """
    facts = replace(facts, machine=_machine(facts, tickets))
    named = [name for clue in Clue for name in facts.named if name.by is clue]
    existing = [name for name in named if name.number in tickets]
    about = existing[0].number if existing else None
    signed = next((name.number for name in existing if name.by in SIGNED), None)
    if not released:
        if reason := _reason_in_content(facts):
            return Quarantine(reason, about)
        if facts.recent >= plan.most_of_a_sender or any(
            facts.recent_on.get(name.number, 0) >= plan.most_on_a_ticket for name in existing
        ):
            return Quarantine(Reason.TOO_MANY, about)
        answered = signed or _joined(facts, existing, tickets)
        if facts.machine is not None and answered is not None and facts.staff is None:
            return LogNotice(answered, facts.machine)
        if reason := _reason_in_sender(facts, is_reply=_is_reply(facts, signed, tickets)):
            return Quarantine(reason, about)
    if facts.staff is not None and not any(
        _is_customer_or_participant(facts, t) for t in tickets.values()
    ):
        visible = _first_visible(facts.staff, existing, tickets)
        if visible is not None and facts.authentic:
            return AddNote(visible, facts.staff.actor)
        if facts.forwards and (facts.authentic or released):
            return OpenTicket(kind_of(facts, plan), passed_on=True)
        if not released:
            return Quarantine(Reason.FROM_STAFF, about)
    if not facts.sender and not facts.reachable:
        return Quarantine(Reason.NO_SENDER, about)
    for name in existing:
        ticket = tickets[name.number]
        # A bare thanks opens no new ticket if its ticket is closed.
        is_possible = ticket.state is not State.CLOSED or ticket.number in facts.thanked
        if is_party(facts, ticket) and is_possible:
            participant = participant_of(facts, ticket)
            proven = name.by in SIGNED or facts.authentic
            return AddReply(ticket.number, participant, proven)
    if signed is not None and not is_party(facts, tickets[signed]):
        if _is_customer_or_participant(facts, tickets[signed]):
            return LogNotice(signed, Notice.DISOWNED)
        if plan.strangers == "message":
            return LogNotice(signed, Notice.STRANGER)
    if facts.disowned and not released:
        return Quarantine(Reason.DISOWNED, about)
    # The sender's ticket is closed, or nothing proves the sender of a mail that a group passed on.
    own = (n.number for n in existing if _is_customer_or_participant(facts, tickets[n.number]))
    follows = None if facts.disowned else next(own, None)
    return OpenTicket(
        kind_of(facts, plan),
        follows or signed,
        unacknowledged=facts.no_answer,
    )


def _machine(facts: MailFacts, tickets: Mapping[str, Ticket]) -> Notice | None:
    """Return the kind of notice; None if no machine wrote the mail.

    If only the subject has the words of an auto-reply, they must also fit the subject of a ticket.
    """
    said = facts.wording
    if not said.is_some or said.text:
        return facts.machine
    fits = any(is_auto_reply_to(said, one.subject) for one in tickets.values())
    return facts.machine if fits else None


def _joined(
    facts: MailFacts, existing: Sequence[Named], tickets: Mapping[str, Ticket]
) -> str | None:
    """Return the ticket to which a mail that only looks automatic would be added as a message.

    Its words are those of an auto-reply, so it is logged there as a notice instead.
    """
    if facts.automatic:
        return None
    return next((name.number for name in existing if is_party(facts, tickets[name.number])), None)


MOST_NOTED = 5
"""The most further tickets on which one mail is logged, or to which it is added."""
MOST_HELD_NOTED = 10
"""How many held mails are logged on one ticket in an hour. A flood of them is only held."""
_NOTED_IF_HELD = (Reason.DISOWNED, Reason.NO_SENDER, Reason.TOO_MANY)
"""A mail that is held for one of these reasons is also logged on tickets, because a person may have
written it (`noted_beside`)."""


def noted_beside(
    facts: MailFacts, tickets: Mapping[str, Ticket], decision: Decision
) -> tuple[str, ...]:
    """Return the tickets on which the mail is logged as a stranger's in addition to the decision.

    If a mail has the signed address or id of a ticket, its sender may be the ticket's customer with
    another address. So the ticket's agent must be able to read the mail and accept it, even if the
    mail opens another ticket, is added to another one, or is held. Held mails are not logged if
    they are spam, have a virus or come from a machine. A mail is logged only once on a ticket
    (`noted`).
    """
    if facts.staff is not None:
        return ()
    is_held = isinstance(decision, Quarantine)
    if isinstance(decision, Quarantine):
        by_machine = facts.automatic or _machine(facts, tickets) is not None
        if by_machine or decision.reason not in _NOTED_IF_HELD:
            return ()
    elif not isinstance(decision, OpenTicket | AddReply):
        return ()
    numbers = dict.fromkeys(name.number for name in facts.named if name.by in SIGNED)
    return tuple(
        number
        for number in numbers
        if number in tickets
        and number not in facts.noted
        and not _is_customer_or_participant(facts, tickets[number])
        and not (is_held and facts.held_on.get(number, 0) >= MOST_HELD_NOTED)
    )[:MOST_NOTED]


def joined_beside(
    facts: MailFacts, tickets: Mapping[str, Ticket], decision: Decision
) -> tuple[str, ...]:
    """Return the other tickets to which a party's mail is also added as a message.

    If one mail has the signed addresses of several tickets on which its sender may write, each of
    these tickets gets the message. Closed tickets are left out.
    """
    if not isinstance(decision, AddReply):
        return ()
    numbers = dict.fromkeys(name.number for name in facts.named if name.by is Clue.ADDRESS)
    return tuple(
        number
        for number in numbers
        if number in tickets
        and number != decision.number
        and is_party(facts, tickets[number])
        and tickets[number].state is not State.CLOSED
    )[:MOST_NOTED]


def participant_of(facts: MailFacts, ticket: Ticket) -> str | None:
    """Return the sender as the ticket's participant; None if the sender is its customer."""
    return None if _is_customer(facts, ticket) else facts.sender


def _reason_in_content(facts: MailFacts) -> Reason | None:
    return _first((facts.virus, Reason.VIRUS), (facts.spam, Reason.SPAM), (facts.own, Reason.OWN))


def _is_reply(facts: MailFacts, signed: str | None, tickets: Mapping[str, Ticket]) -> bool:
    """Whether the mail counts as a person's reply on a ticket, even if it looks like bulk mail.

    Some providers add such headers to every mail. A mail is a reply if it is not a notice, has a
    signed address or id, and comes from staff or from a party of the ticket. Only Redress gives out
    signed addresses and ids. This cannot cause a mail loop, because a message on a ticket causes no
    automatic mail to its sender.
    """
    if facts.machine is not None or signed is None:
        return False
    return facts.staff is not None or is_party(facts, tickets[signed])


def _reason_in_sender(facts: MailFacts, *, is_reply: bool) -> Reason | None:
    auto_reply_of_staff = facts.machine is not None and facts.staff is not None
    return _first(
        (not facts.sender and not facts.reachable, Reason.NO_SENDER),
        ((facts.automatic and not is_reply) or auto_reply_of_staff, Reason.AUTOMATIC),
        (facts.staff is not None and not facts.authentic, Reason.FROM_STAFF),
    )


def _first(*reasons: tuple[bool, Reason]) -> Reason | None:
    return next((reason for holds, reason in reasons if holds), None)


def is_party(facts: MailFacts, ticket: Ticket) -> bool:
    """Whether the sender may write on the ticket.

    The sender must be the customer or a participant whom staff added, and DMARC must not have
    failed for the sender's domain. A failure counts even if a group of the plan explains it,
    because a group can pass on the mails of strangers.
    """
    return _is_customer_or_participant(facts, ticket) and not (facts.disowned or facts.relayed)


def _is_customer_or_participant(facts: MailFacts, ticket: Ticket) -> bool:
    """Whether the sender is the customer or a participant; false if the mail has no sender.

    An earlier version could store a participant without an address, so this must not match "". A
    member of staff from whom the ticket is kept is never a party of it.
    """
    if not facts.sender or (facts.staff is not None and is_kept_from(ticket, facts.staff)):
        return False
    return _is_customer(facts, ticket) or facts.sender in map(canonical, ticket.participants)


def _is_customer(facts: MailFacts, ticket: Ticket) -> bool:
    """Whether the sender is the contact, or wrote the ticket's first mail with another Reply-To.

    If the mail names a ticket that was merged into this one, the sender of that ticket's first mail
    counts as the customer, too. This holds as long as the contact of that ticket may write on this
    one. The sender gets no mails because of it.
    """
    email = ticket.contact.email
    known = {canonical(one) for one in (email, *ticket.participants) if one}
    if email is not None and facts.sender in (canonical(email), _first_sender(ticket)):
        return True
    return any(
        facts.sender == _first_sender(source)
        and source.contact.email is not None
        and canonical(source.contact.email) in known
        for source in facts.merged.get(ticket.number, ())
    )


def _first_sender(ticket: Ticket) -> str | None:
    return canonical(ticket.first_sender) if ticket.first_sender else None


def _first_visible(
    member: Member, existing: Sequence[Named], tickets: Mapping[str, Ticket]
) -> str | None:
    """Return the first ticket that the mail names and that this member of staff may see."""
    for name in existing:
        if may_see(member, tickets[name.number]):
            return name.number
    return None


def doors(plan: MailPlan, own_domains: Iterable[str]) -> frozenset[str]:
    """Return the addresses that receive mail for Redress according to the plan.

    These are its service addresses and groups. If the plan names only the part before the @, an
    address at each domain of the house is meant. Other addresses at these domains belong to people.
    `own_domains` is as in `MailFacts`.
    """
    names = (one for one in plan.kind_by_address if "@" not in one)
    house = dict.fromkeys((*own_domains, *plan.domains))
    made = {f"{name}@{domain}" for name in names for domain in house}
    complete = (one for one in (*plan.kind_by_address, *plan.groups) if "@" in one)
    return frozenset(made.union(complete))


def own_addresses(sender_address: str, mail_domain: str) -> tuple[str, ...]:
    """Return the sender address of outgoing mail and, if it is set, the domain that gets mail."""
    return tuple(one for one in (canonical(sender_address), canonical_domain(mail_domain)) if one)


def own_domains(sender_address: str, mail_domain: str) -> tuple[str, ...]:
    """Return the domains of the house: the one that gets mail, and that of the sender address.

    Returns () if no domain gets mail.
    """
    if not mail_domain:
        return ()
    return (canonical_domain(mail_domain), canonical_domain(sender_address.rpartition("@")[2]))


def comes_to_us(address: str, plan: MailPlan, sender_address: str, mail_domain: str) -> bool:
    """Whether mail to an address comes to Redress. A part after a plus is ignored.

    This holds for every address at the domain that gets mail, for the sender address of outgoing
    mail, and for the service addresses and groups of the plan.
    """
    local, _, domain = canonical(address).rpartition("@")
    ours = {*own_addresses(sender_address, mail_domain)}
    ours.update(map(canonical, doors(plan, own_domains(sender_address, mail_domain))))
    return domain in ours or f"{local.partition('+')[0]}@{domain}" in ours


def kind_of(facts: MailFacts, plan: MailPlan) -> str:
    """Return the kind that the mail's recipient addresses give to a new ticket.

    The first recipient that the plan names decides. The plan can name a complete address, or only
    the part before the @: for example, `complaints` gives the kind `complaint`. Such a part counts
    only at a domain of the house or in the address of a group of the plan, because other companies
    have an `urgent@`, too. If no domain of the house is known, every domain counts. If the plan
    does not name what follows a plus, it is ignored: complaints+li@ counts as complaints@. If the
    plan names no recipient, the kind is DEFAULT_KIND.

    Anybody can write `urgent@` into a header. So an address in a header does not count if the
    envelope has other addresses at its domain, but not this one: the envelope has all recipients at
    its domains. If a forwarder passed the mail on, the address at the forwarder's domain is only in
    a header, and it counts.
    """
    house = {*facts.own_domains, *plan.domains}
    complete = {one.rpartition("@")[2] for one in facts.envelope}
    counting = (
        address
        for address in facts.recipients
        if address in facts.envelope or address.rpartition("@")[2] not in complete
    )
    found = (_named_kind(address, plan, house) for address in counting)
    return next((kind for kind in found if kind is not None), DEFAULT_KIND)


def _named_kind(address: str, plan: MailPlan, house: set[str]) -> str | None:
    local, _, domain = address.rpartition("@")
    bare = local.partition("+")[0]
    names = [address, f"{bare}@{domain}"]
    if not house or domain in house or not set(names).isdisjoint(plan.groups):
        names += [local, bare]
    return next((plan.kind_by_address[one] for one in names if one in plan.kind_by_address), None)
