"""An incoming mail as the reader understood it: the values that the rules and use cases take.

The reader (`redress.mail.incoming.reader`) needs libraries that only one function carries. So its
values stay in that function, and `functions/inbound/reading.py` converts them to an `IncomingMail`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from copy import replace
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redress.base.addresses import is_address
from redress.mail.incoming.rules.answers import NoAnswer
from redress.mail.incoming.rules.autoreplies import NO_WORDING, Wording
from redress.mail.incoming.rules.copies import Copy, copy_of
from redress.mail.incoming.rules.decision import Notice
from redress.mail.incoming.rules.folding import Part


@dataclass(frozen=True, slots=True)
class Enclosed:
    """One attachment.

    `served_as` is the Content-Type with which its link serves it. If it must not be served,
    `refused` is the reason, and it has no link.
    """

    name: str
    size: int
    served_as: str
    refused: str | None
    content: bytes


@dataclass(frozen=True, slots=True)
class FailedAddress:
    """An address to which a mail of Redress could not be delivered.

    `status` is a code of RFC 3463 such as `5.1.1`. `permanent` is true if a delivery report
    (RFC 3464) says that the failure is permanent.
    """

    address: str
    status: str
    diagnostic: str
    permanent: bool


@dataclass(frozen=True, slots=True)
class ForwardedMail:
    """A mail that another mail forwards, with fields as in `IncomingMail`.

    `text` is its complete text, and `parts` are the marked parts of it. `comment` is the text that
    the forwarding person wrote above it.
    """

    message_id: str
    sender: str
    sender_name: str
    subject: str
    title: str
    text: str
    language: str
    answers_to: tuple[str, ...]
    numbers: tuple[str, ...]
    comment: str
    parts: tuple[Part, ...]
    answerable: bool
    """Whether a person seems to have written it, rather than a mail system, a machine or Redress
    itself."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Return the Message-IDs of this mail and of the mails that it answers.

        If the customer also sent this mail to Redress, its Message-ID belongs to a known thread.
        """
        return (*((self.message_id,) if self.message_id else ()), *self.answers_to)


@dataclass(frozen=True, slots=True)
class IncomingMail:
    """A mail as the reader understood it.

    Addresses are in canonical form (`redress.base.addresses`); `sender` is "" if missing.

    contact       who gets the answers: the sender, or the person for whom a web form sent the mail.
                  Being the contact gives no rights on tickets
    addressed_to  every address that the envelope or a header names as a recipient, those of the
                  envelope first
    envelope      the recipients of the SMTP envelope (RCPT TO); empty if not known
    answers_to    Message-IDs in In-Reply-To and References, without <>, the nearest first
    returned_ids  Message-IDs of the mail that a bounce returns, and of its conversation
    numbers       ticket numbers in the subject
    text          the new words: the text without the parts that are proven by their form
    whole         the complete text, with quotes and signature
    parts         the marked parts of `whole`: quotes, forwarded mails, signatures, ...
    original      everything that was read, as data for JSON; staff can look at it
    machine       the kind of notice, if a machine seems to have written the mail because of a mail
                  from Redress. If `automatic` is false, `wording` has the evidence
    returned      the addresses that a bounce reports
    automatic     it is proven that a machine wrote the mail
    own           Redress sent the mail itself
    because       the evidence for the values of `machine` and `automatic`
    authentic     DMARC passed: the mail is from the sender's domain
    disowned      DMARC failed: the mail is not from the sender's domain, or names several authors
    relayed       DMARC failed, but it is proven that a group of the plan passed the mail on, which
                  explains the failure. So the mail is not disowned, but its sender is not proven
    forwarded     the mail that this one forwards
    no_answer     why no automatic answer may follow; None if one may
    named_contact the sender named the contact in Reply-To; false if a form or a group may have
                  named the contact
    foreign       the sender named a contact of another organisation than their own
    wording       the words of an auto-responder in subject and text, which prove nothing alone
    """

    key: str
    received_at: datetime
    message_id: str
    sender: str
    sender_name: str
    contact: str
    contact_name: str
    addressed_to: tuple[str, ...]
    subject: str
    title: str
    date: str
    text: str
    whole: str
    parts: tuple[Part, ...]
    language: str
    answers_to: tuple[str, ...]
    returned_ids: tuple[str, ...]
    numbers: tuple[str, ...]
    enclosed: tuple[Enclosed, ...]
    original: Mapping[str, Any]
    machine: Notice | None
    returned: tuple[FailedAddress, ...]
    automatic: bool
    own: bool
    because: tuple[str, ...]
    spam: bool
    virus: bool
    authentic: bool
    disowned: bool
    forwarded: ForwardedMail | None = None
    envelope: tuple[str, ...] = ()
    no_answer: NoAnswer | None = None
    named_contact: bool = False
    foreign: bool = False
    relayed: bool = False
    wording: Wording = NO_WORDING

    @property
    def copies_digest(self) -> str | None:
        """Return a digest of sender, Message-ID and date; None if the mail does not have all three.

        Copies of one mail have the same digest. Other mails can have it, too, so `rules.copies`
        compares the rest.
        """
        if not (self.sender and self.message_id and self.date):
            return None
        parts = json.dumps([self.sender, self.message_id, self.date])
        return hashlib.sha256(parts.encode()).hexdigest()[:40]

    @property
    def copy(self) -> Copy:
        """Return the digests by which `rules.copies` compares the mail with others."""
        files = ((one.served_as, one.content) for one in self.enclosed)
        headers = self.original.get("headers", ())
        list_ids = [value for name, value in headers if name == "list-id"]
        return copy_of(self.identity, self.subject, self.whole, files, list_ids)

    @property
    def identity(self) -> str:
        """Return a digest of the mail's sender, content, Message-ID, date and attachments.

        Received headers and verdicts are left out, because they differ when a mail server delivers
        the same mail again. If a mail has neither Message-ID nor date, its key in the bucket is
        part of the digest. Otherwise two separate mails with the text "Thank you." would count as
        one.
        """
        parts = [self.message_id, self.sender, self.date, self.subject, self.whole]
        parts += [hashlib.sha256(one.content).hexdigest() for one in self.enclosed]
        if not self.message_id and not self.date:
            parts.append(self.key)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:40]


def passed_on_mail(mail: IncomingMail, staff: Collection[str]) -> IncomingMail | None:
    """Return the mail that a member of staff forwarded, as if its author had sent it to Redress.

    Returns None unless the forwarded mail is from a person outside the staff. The result has the
    attachments of the forwarding mail. It does not contain the comment that the member of staff
    wrote above the forwarded mail, because the customer did not write it.
    """
    inner = mail.forwarded
    if inner is None or mail.automatic or not inner.answerable:
        return None
    if not is_address(inner.sender) or inner.sender in staff:
        return None
    return replace(
        mail,
        message_id=inner.message_id,
        sender=inner.sender,
        sender_name=inner.sender_name,
        contact=inner.sender,
        contact_name=inner.sender_name,
        subject=inner.subject,
        title=inner.title,
        text=inner.text,
        whole=inner.text,
        parts=inner.parts,
        language=inner.language,
        disowned=False,
        relayed=False,
        no_answer=None,
        named_contact=False,
        foreign=False,
    )
