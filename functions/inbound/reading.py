"""Convert the bytes of a mail into the `IncomingMail` that the use case takes.

This module combines the parts of `redress.mail.incoming.reader`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import replace
from datetime import datetime
from typing import Any

from redress.base.addresses import canonical, canonical_domain
from redress.base.languages import LANGUAGES
from redress.base.scripts import language_of
from redress.base.texts import cleaned_line
from redress.mail.incoming.reader import autoreplies, clues, folding, machines, parsing, verdicts
from redress.mail.incoming.reader.addresses import addresses_of
from redress.mail.incoming.reader.groups import is_relayed
from redress.mail.incoming.reader.headers import ids_of
from redress.mail.incoming.reader.limits import VALUE, Defects
from redress.mail.incoming.reader.machines import Machine, MachineKind
from redress.mail.incoming.reader.mail import Address, ParsedMail, as_data
from redress.mail.incoming.rules.attachments import refused, served_as
from redress.mail.incoming.rules.autoreplies import NO_WORDING, Wording
from redress.mail.incoming.rules.decision import Notice
from redress.mail.incoming.rules.folding import Part, PartKind, answer
from redress.mail.incoming.rules.mail import (
    Enclosed,
    FailedAddress,
    ForwardedMail,
    IncomingMail,
)
from redress.mail.outgoing.rendering import TO_CUSTOMERS, template

_NOTICES = {
    MachineKind.BOUNCE: Notice.RETURNED,
    MachineKind.DELAY: Notice.DELAYED,
    MachineKind.COMPLAINT: Notice.COMPLAINED,
}
_MAY_BE_PERSONAL = (MachineKind.LIST, MachineKind.BULK)
"""These kinds make no notice, because people's own mails can carry such headers, too."""
_SENT_TO = ("delivered-to", "x-original-to", "x-forwarded-to", "envelope-to", "x-envelope-to")
_FAILED = ("FAIL",)
MOST_RECIPIENTS = 50
"""How many recipients of the envelope are kept. SES delivers to at most 50 in one transaction."""


def incoming_mail_of(
    raw: bytes,
    key: str,
    received_at: datetime,
    own_addresses: Iterable[str],
    language: str,
    envelope: Sequence[str] = (),
    groups: Iterable[str] = (),
    doors: Iterable[str] = (),
    languages: Sequence[str] = LANGUAGES,
    domains: Iterable[str] = (),
) -> IncomingMail:
    """Read a mail.

    `own_addresses` are the address that Redress sends from and the domain that receives mail.
    `language` is the language to assume if the text does not show one. `envelope` are the
    recipients of the SMTP envelope (RCPT TO); empty if they are not known. `groups` are the groups
    and forwarders that the plan names. `doors` are the addresses that receive mail for
    Redress, besides `own_addresses`. `languages` are the languages that customers write in, the
    most common one first. `domains` are the domains of the house.
    """
    mail = parsing.parse(raw, languages)
    own, trusted, ours = list(own_addresses), tuple(groups), tuple(doors)
    machine = machines.kind_of(mail, own, trusted)
    title = _title(mail.subject)
    verdict = verdicts.verdicts(mail)
    sender = mail.sender_addresses[0] if mail.sender_addresses else None
    answers = machines.answer_address(mail, own, trusted, ours, domains)
    contact = answers.address if answers is not None else _named_besides_from(mail, (*own, *ours))
    one_author = sender is None or _has_one_author(mail, verdict.author)
    # A group that the plan names adds text to a mail, which breaks DMARC. SPF proves that the mail
    # came through the group. The group may accept mail from strangers, so this does not prove the
    # author in From.
    relayed = verdict.dmarc == "fail" and is_relayed(mail, trusted)
    parts = folding.parts_of(mail.text, _context(mail))
    new = answer(mail.text, parts).text
    names = [one.name for one in mail.sender_addresses]
    notice = _notice(machine)
    said = autoreplies.wording_of(mail.subject, new, names, files=bool(mail.attachments))
    wording = _without_our_words(said)
    if notice is not None:
        wording = NO_WORDING
    return IncomingMail(
        key=key,
        received_at=received_at,
        message_id=mail.message_id,
        sender=canonical(sender.address) if sender else "",
        sender_name=cleaned_line(sender.name) if sender else "",
        contact=canonical(contact.address) if contact else "",
        contact_name=cleaned_line(contact.name) if contact else "",
        addressed_to=_addressed_to(mail, envelope),
        envelope=tuple(canonical(one) for one in envelope[:MOST_RECIPIENTS]),
        subject=cleaned_line(mail.subject),
        title=title,
        date=mail.date.isoformat() if mail.date else "",
        text=new,
        whole=mail.text,
        parts=parts,
        language=language_of(f"{title}\n{new}", language),
        answers_to=_answers_to(mail),
        returned_ids=_returned_ids(mail),
        numbers=clues.numbers_in(mail.subject),
        enclosed=tuple(
            Enclosed(
                one.name,
                one.size,
                served_as(one.declared_type, one.detected_type),
                refused(one.name, one.declared_type, one.detected_type, one.size),
                one.content,
            )
            for one in mail.attachments
        ),
        original=as_data(mail) | _parts_as_data(mail.text, parts, new),
        machine=Notice.AUTOMATIC if wording.is_some else notice,
        wording=wording,
        returned=_returned(machine),
        automatic=machine is not None and machine.proven,
        own=machine is not None and machine.kind is MachineKind.OWN,
        because=machine.because if machine is not None else (),
        spam=verdict.spam in _FAILED,
        virus=verdict.virus in _FAILED,
        authentic=verdict.dmarc == "pass" and sender is not None and one_author,
        disowned=(verdict.dmarc == "fail" and not relayed) or not one_author,
        relayed=relayed,
        forwarded=_forwarded(mail, own, language, ours),
        no_answer=machines.no_answer(mail, own, trusted, ours),
        named_contact=answers is not None and answers.named,
        foreign=answers.foreign if answers is not None else contact is not None,
    )


def _title(subject: str) -> str:
    """Return the subject of a ticket. Hidden characters go first: one can stand before `Re:`."""
    return cleaned_line(clues.bare_subject(cleaned_line(subject)))


def _without_our_words(wording: Wording) -> Wording:
    """Return the wording without the words that our mails put before the subject of a ticket.

    An auto-responder repeats these words, as in `Automatic reply: How did we do? Parcel`.
    """
    if not wording.repeated:
        return wording
    for language in LANGUAGES:
        for name in TO_CUSTOMERS:
            before, _, _ = template(language, name)[0].partition("{subject}")
            if wording.repeated.startswith(before) and before:
                return replace(wording, repeated=wording.repeated.removeprefix(before))
    return wording


def _named_besides_from(mail: ParsedMail, own: Sequence[str]) -> Address | None:
    """Return whom to answer if From has no address: the first address in Reply-To, else in Sender.

    If that address has no name, the name in From is used, as in `From: "Li" <>`.
    """
    for one in (*mail.reply_to[:1], *mail.sender[:1]):
        if machines.is_answerable(one, "", own):
            name = one.name or mail.first("from").partition("<")[0].strip("\"' ")
            return Address(name[:300], one.address)
    return None


def _context(mail: ParsedMail) -> folding.Context:
    """Return the facts about a mail, besides its text, that help to find the parts of the text."""
    senders = mail.sender_addresses
    return folding.Context(
        forwards=clues.is_forward(mail.subject),
        names=frozenset(text for one in senders for text in (one.name, one.address)),
    )


def _parts_as_data(text: str, parts: Sequence[Part], new: str) -> dict[str, Any]:
    """Return the marked parts of a text for staff.

    `quoted` has all quotes and forwarded mails, `signature` all signatures and the like. `parts`
    lists each part; its `first` and `last` (exclusive) are indexes of lines.
    """
    lines = text.split("\n")

    def joined(*kinds: PartKind) -> str:
        found = ["\n".join(lines[one.first : one.last]) for one in parts if one.kind in kinds]
        return "\n".join(found).strip("\n")

    return {
        "new": new,
        "quoted": joined(PartKind.QUOTE, PartKind.FORWARD),
        "signature": joined(PartKind.SIGNATURE, PartKind.DEVICE, PartKind.ARMOUR),
        "parts": [
            {"kind": one.kind.value, "first": one.first, "last": one.last, "proven": one.proven}
            for one in parts
        ],
    }


def _has_one_author(mail: ParsedMail, author: str) -> bool:
    """Whether the mail names a single author, who is the one that DMARC checked.

    A second From header or a second domain in it can show the reader one author while another one
    passes DMARC (RFC 7489, 6.6.1). No mail program writes such a header. Some gateways repeat a
    From header, in another form or without an address, which is harmless.
    """
    domains = {canonical_domain(one.domain) for one in mail.sender_addresses}
    authors = {
        frozenset(canonical(one.address) for one in addresses_of(value, Defects()))
        for value in mail.all("from")
    }
    return (
        len(authors - {frozenset()}) == 1
        and len(domains | ({canonical_domain(author)} if author else set())) == 1
    )


def _addressed_to(mail: ParsedMail, envelope: Sequence[str]) -> tuple[str, ...]:
    """Return the addresses that a mail was sent to. The addresses that are certain come first.

    The envelope names all our addresses that the mail was sent to, even those in Bcc. They come
    first, in the order of To and Cc, because that order shows what the sender meant. If the
    envelope is not known, the Received line of SES names one of these addresses. It comes first if
    it is not in To or Cc. Anybody can write the other headers, so their addresses are only hints.
    """
    named = [canonical(one.address) for one in (*mail.to, *mail.cc)]
    taken = [canonical(one) for one in envelope]
    if not taken and (one := canonical(verdicts.recipient(mail))) and one not in named:
        taken = [one]
    certain = [one for one in named if one in taken] + taken
    values = ", ".join(value for name in _SENT_TO for value in mail.all(name))
    hints = [canonical(one.address) for one in addresses_of(values[:VALUE], Defects())]
    return tuple(dict.fromkeys((*certain, *named, *hints)))


def _returned_ids(mail: ParsedMail) -> tuple[str, ...]:
    """Return the Message-IDs of the mail that a notice is about, and of its conversation."""
    if mail.report is None and not mail.embedded:
        return ()
    headers = list(mail.report.original) if mail.report is not None else []
    ids = [value for name, value in headers if name in ("message-id", "references", "in-reply-to")]
    found = [one for value in ids for one in ids_of(value, Defects())]
    for inner in mail.embedded:
        found += [inner.message_id, *inner.in_reply_to, *inner.references]
    return tuple(dict.fromkeys(one for one in found if "@" in one))[:100]


def _forwarded(
    mail: ParsedMail, own: list[str], language: str, doors: Sequence[str]
) -> ForwardedMail | None:
    found = clues.forwarded(mail)
    if found is None or found.sender is None:
        return None
    inner = mail.embedded[0] if found.how == "attached" else None
    parts = folding.parts_of(found.text)
    new = answer(found.text, parts).text
    title = _title(found.subject)
    return ForwardedMail(
        message_id=inner.message_id if inner is not None else "",
        sender=canonical(found.sender.address),
        sender_name=cleaned_line(found.sender.name),
        subject=cleaned_line(found.subject),
        title=title,
        text=found.text,
        parts=parts,
        language=language_of(f"{title}\n{new}", language),
        answers_to=_answers_to(inner) if inner is not None else (),
        numbers=clues.numbers_in(found.subject),
        comment=found.comment,
        answerable=machines.is_answerable(found.sender, found.subject, (*own, *doors))
        and (inner is None or _is_by_a_person(inner, own)),
    )


def _is_by_a_person(mail: ParsedMail, own: list[str]) -> bool:
    machine = machines.kind_of(mail, own)
    return machine is None or not machine.proven


def _answers_to(mail: ParsedMail) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*mail.in_reply_to, *reversed(mail.references))))


def _notice(machine: Machine | None) -> Notice | None:
    if machine is None or not machine.proven:
        return None
    if machine.kind in (MachineKind.OWN, *_MAY_BE_PERSONAL):
        return None
    return _NOTICES.get(machine.kind, Notice.AUTOMATIC)


def _returned(machine: Machine | None) -> tuple[FailedAddress, ...]:
    """Return the addresses that a bounce reports as failed.

    A failure counts as permanent only if a standard report (RFC 3464) gives a status of class 5 in
    its own field. A status that was found in free text is not reliable enough.
    """
    if machine is None or machine.bounce is None or machine.kind is not MachineKind.BOUNCE:
        return ()
    if not machine.proven:
        return ()
    standard = machine.bounce.standard
    return tuple(
        FailedAddress(
            canonical(one.address),
            one.status,
            one.diagnostic[:300],
            standard and one.status.startswith("5"),
        )
        for one in machine.bounce.recipients
        if one.action == "failed"
    )
