"""What becomes of a mail that came in: a ticket, a message on one, or a record in quarantine.

One table of decisions over facts that were read from the mail. Nothing is dropped and nothing is
believed that anybody could have written: a number in a subject names a ticket, but only a party of
the ticket may write on it, and only if their own domain does not disown the mail (DMARC). A mail in
the name of staff counts as theirs only if their domain says so: staff see what customers may not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from redress.base.people import Actor
from redress.plans.rules.plan import MailPlan
from redress.tickets.rules.access import may_see
from redress.tickets.rules.submission import DEFAULT_KIND
from redress.tickets.rules.ticket import State, Ticket


class Clue(StrEnum):
    """How a mail names a ticket, the surest first."""

    ADDRESS = "address"
    """It was sent to the signed address for answers."""
    CONVERSATION = "conversation"
    """It answers a mail of ours: a signed id in In-Reply-To or References."""
    THREAD = "thread"
    """It answers a mail of the same sender that came in before."""
    SUBJECT = "subject"
    """A number in the subject, which anybody can write."""


SIGNED = (Clue.ADDRESS, Clue.CONVERSATION)


class Reason(StrEnum):
    """Why a mail is in quarantine; staff can release it from there."""

    UNREADABLE = "unreadable"
    """Our reader failed at it. Released after a mending, it is read again."""
    VIRUS = "virus"
    SPAM = "spam"
    OWN = "own"
    """A mail of ours that came back to us."""
    AUTOMATIC = "automatic"
    """A machine wrote it: an out-of-office, a mailing list. Nobody waits for us."""
    NO_SENDER = "no_sender"
    """Nobody could be answered: no address, or none that mail goes to."""
    FROM_STAFF = "from_staff"
    """In the name of a member of staff, and either nothing proves that it is theirs (DMARC), or it
    neither forwards a customer's mail nor names a ticket of theirs."""
    DISOWNED = "disowned"
    """Their domain says that it is not from there (DMARC): whoever it names would be answered for
    what others wrote."""
    TOO_MANY = "too_many"
    """More within an hour than a person writes, or than one ticket is written about."""


RELEASABLE = tuple(reason for reason in Reason if reason is not Reason.VIRUS)
"""A virus stays where it is: what it sits in can be read, but never becomes a ticket."""


class Notice(StrEnum):
    """Why a mail stands on a ticket without being the customer's words."""

    RETURNED = "returned"
    """A mail of ours could not be delivered."""
    DELAYED = "delayed"
    """A mail of ours is still being tried."""
    COMPLAINED = "complained"
    """Somebody told their provider that a mail of ours is spam."""
    AUTOMATIC = "automatic"
    """An out-of-office, a receipt: their machine answered ours."""
    STRANGER = "stranger"
    """Whoever wrote knows the signed address, but is no party of the ticket."""
    DISOWNED = "disowned"
    """In the name of the customer or of somebody who takes part, but their domain says that it is
    not from there."""


@dataclass(frozen=True, slots=True)
class Named:
    """A ticket that a mail names."""

    number: str
    by: Clue


@dataclass(frozen=True, slots=True)
class StaffSender:
    """A member of staff, and whose tickets they see."""

    actor: Actor
    team: str


@dataclass(frozen=True, slots=True)
class MailFacts:
    """A mail, as far as its decision needs it. Addresses are in lower case; `sender` may be ""."""

    sender: str
    recipients: tuple[str, ...]
    named: tuple[Named, ...] = ()
    own: bool = False
    machine: Notice | None = None
    """What kind of notice it is, if a machine wrote it about something of ours."""
    automatic: bool = False
    """A machine wrote it, or it may not be answered."""
    spam: bool = False
    virus: bool = False
    disowned: bool = False
    """The sender's domain says that this mail is not from it (DMARC failed)."""
    staff: StaffSender | None = None
    """The member of staff in whose name it comes."""
    forwards: bool = False
    """It passes on the mail of somebody who is none of ours."""
    authentic: bool = False
    """The sender's domain says that it is theirs (DMARC passed)."""
    recent: int = 0
    """Mails of this sender that were taken within this hour of the clock."""
    recent_on: Mapping[str, int] = field(default_factory=dict)
    """Mails about each ticket that it names, within this hour."""


@dataclass(frozen=True, slots=True)
class OpenTicket:
    """A new ticket. `follows` is one that the mail names, but may not write on. `passed_on`: it is
    that of whoever wrote the mail that a member of staff passes on."""

    kind: str
    follows: str | None = None
    passed_on: bool = False


@dataclass(frozen=True, slots=True)
class AddReply:
    """Words of the customer on this ticket. `participant`: who wrote them for the customer.
    `proven`: they knew what only our mails say, or their domain vouches for them; otherwise all
    that speaks for them is a From, and a number."""

    number: str
    participant: str | None = None
    proven: bool = True


@dataclass(frozen=True, slots=True)
class AddNote:
    """An internal note of a member of staff on this ticket."""

    number: str
    by: Actor


@dataclass(frozen=True, slots=True)
class LogNotice:
    """A note on this ticket, which is not the customer's words and moves no clock."""

    number: str
    why: Notice


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Quarantine. `about` is a ticket that the mail names."""

    reason: Reason
    about: str | None = None


Decision = OpenTicket | AddReply | AddNote | LogNotice | Quarantine


def decide(
    facts: MailFacts, tickets: Mapping[str, Ticket], plan: MailPlan, *, released: bool = False
) -> Decision:
    """What becomes of a mail.

    `tickets` are those that it names and that there are, by number. `released`: a person has looked
    at it and says that it is to be taken, whatever held it; a sender is needed all the same.
    """
    named = [name for clue in Clue for name in facts.named if name.by is clue]
    known = [name for name in named if name.number in tickets]
    about = known[0].number if known else None
    signed = next((name.number for name in known if name.by in SIGNED), None)
    if not released:
        if reason := _grave(facts):
            return Quarantine(reason, about)
        if facts.recent >= plan.most_of_a_sender or any(
            facts.recent_on.get(name.number, 0) >= plan.most_on_a_ticket for name in known
        ):
            return Quarantine(Reason.TOO_MANY, about)
        if facts.machine is not None and signed is not None and facts.staff is None:
            return LogNotice(signed, facts.machine)
        if reason := _doubtful(facts, speaks=_speaks(facts, signed, tickets)):
            return Quarantine(reason, about)
    if facts.staff is not None and not any(_is_known(facts, t) for t in tickets.values()):
        theirs = _seen_by(facts.staff, known, tickets)
        if theirs is not None and facts.authentic:
            return AddNote(theirs, facts.staff.actor)
        if facts.forwards and (facts.authentic or released):
            return OpenTicket(_kind(facts.recipients, plan.doors), passed_on=True)
        if not released:
            return Quarantine(Reason.FROM_STAFF, about)
    if not facts.sender:
        return Quarantine(Reason.NO_SENDER, about)
    for name in known:
        ticket = tickets[name.number]
        if is_party(facts, ticket) and ticket.state is not State.CLOSED:
            written_for_them = not _is_customer(facts, ticket)
            proven = name.by in SIGNED or facts.authentic
            return AddReply(ticket.number, facts.sender if written_for_them else None, proven)
    if signed is not None and not is_party(facts, tickets[signed]):
        if _is_known(facts, tickets[signed]):
            return LogNotice(signed, Notice.DISOWNED)
        if plan.strangers == "message":
            return LogNotice(signed, Notice.STRANGER)
    if facts.disowned and not released:
        return Quarantine(Reason.DISOWNED, about)
    own = next((n.number for n in known if is_party(facts, tickets[n.number])), None)
    return OpenTicket(_kind(facts.recipients, plan.doors), own or signed)


def _grave(facts: MailFacts) -> Reason | None:
    return _first((facts.virus, Reason.VIRUS), (facts.spam, Reason.SPAM), (facts.own, Reason.OWN))


def _speaks(facts: MailFacts, signed: str | None, tickets: Mapping[str, Ticket]) -> bool:
    """Whether it is somebody's answer in spite of what their provider writes into every mail: it is
    no notice, and came to an address that only we give out. Nothing that follows from it is mailed
    to them by itself."""
    if facts.machine is not None or signed is None:
        return False
    return facts.staff is not None or is_party(facts, tickets[signed])


def _doubtful(facts: MailFacts, *, speaks: bool) -> Reason | None:
    return _first(
        (not facts.sender, Reason.NO_SENDER),
        (facts.automatic and not speaks, Reason.AUTOMATIC),
        (facts.staff is not None and not facts.authentic, Reason.FROM_STAFF),
    )


def _first(*reasons: tuple[bool, Reason]) -> Reason | None:
    return next((reason for holds, reason in reasons if holds), None)


def is_party(facts: MailFacts, ticket: Ticket) -> bool:
    """Whether the sender may write on it: its customer or somebody whom staff let take part, and
    not disowned by their domain."""
    return _is_known(facts, ticket) and not facts.disowned


def _is_known(facts: MailFacts, ticket: Ticket) -> bool:
    return _is_customer(facts, ticket) or facts.sender in ticket.participants


def _is_customer(facts: MailFacts, ticket: Ticket) -> bool:
    email = ticket.contact.email
    return email is not None and email.lower() == facts.sender


def _seen_by(
    member: StaffSender, known: Sequence[Named], tickets: Mapping[str, Ticket]
) -> str | None:
    """The first ticket that the mail names and this member of staff may see."""
    for name in known:
        if may_see(member.actor, member.team, tickets[name.number]):
            return name.number
    return None


def _kind(recipients: Sequence[str], doors: Mapping[str, str]) -> str:
    """That of the first door which it was sent to; a complaint's own address presets the kind."""
    for address in recipients:
        kind = doors.get(address.rpartition("@")[0])
        if kind is not None:
            return kind
    return DEFAULT_KIND


# ------------------------------------------------------------------------------ attachments

_OPENED_AS = (
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "application/pdf",
    "text/plain",
)
"""What a browser may show from a link of ours: it runs nothing. Anything else is only saved."""
SAVED_AS = "application/octet-stream"

_REFUSED_TYPES = (
    "application/vnd.microsoft.portable-executable",
    "application/x-elf",
    "text/x-shellscript",
)
_REFUSED_SUFFIXES = frozenset(
    "ade adp apk app appx bat chm cmd com cpl dll dmg exe gadget hta img inf ins iso isp jar js "
    "jse lib lnk mde msc msi msp mst nsh pif ps1 reg scr sct shb svg sys vb vbe vbs vhd vxd wsc "
    "wsf wsh xll html htm xhtml shtml mht mhtml swf".split()
)
"""What runs when it is opened (the lists of Gmail and Outlook), and pages, which can look like
ours. They stay in the original mail."""
LARGEST_ATTACHMENT = 25 * 2**20


def served_as(declared: str, detected: str) -> str:
    """The Content-Type under which an attachment is handed out: a safe one, and a true one."""
    if detected in _OPENED_AS:
        return detected
    return "text/plain" if declared == "text/plain" and not detected else SAVED_AS


def refused(name: str, declared: str, detected: str, size: int) -> str | None:
    """Why an attachment is not handed out: `type`, `size`, or None when it is."""
    suffix = name.rpartition(".")[2].lower()
    if suffix in _REFUSED_SUFFIXES or {declared, detected}.intersection(_REFUSED_TYPES):
        return "type"
    return "size" if size > LARGEST_ATTACHMENT else None
