"""The values that describe one parsed mail. Their texts contain no lone surrogates and no NULs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from redress.mail.incoming.reader.limits import Defect


@dataclass(frozen=True, slots=True)
class Address:
    """A mail address and the name next to it.

    `address` has one @, and its domain is in lower case. `name` is the decoded display name, or "".
    """

    name: str
    address: str

    @property
    def local(self) -> str:
        return self.address.rpartition("@")[0]

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file of a mail.

    name            a name that is safe for file systems and downloads: without path, control or
                    bidi characters, unique in its mail, at most limits.NAME characters long, with a
                    suffix
    original_name   the decoded name that the sender chose; "" if there was none
    declared_type   the type that the part declares, in lower case ("application/pdf")
    detected_type   the type that its first bytes show; "" if they match no known type
    content_id      without <>; "" if there is none
    inline          shown within the text rather than as a file
    content         the decoded bytes
    size            the length of the content in bytes
    """

    name: str
    original_name: str
    declared_type: str
    detected_type: str
    content_id: str
    inline: bool
    content: bytes = field(repr=False)

    @property
    def size(self) -> int:
        return len(self.content)


@dataclass(frozen=True, slots=True)
class Invitation:
    """The content of a calendar object. A property that is missing is "".

    `method` is REQUEST, REPLY, CANCEL, ... Times are copied unchanged, such as "20261123T090000Z",
    with the name of the time zone after them if there is one. `answer` is the PARTSTAT of a REPLY:
    ACCEPTED, DECLINED or TENTATIVE. `text` presents all properties as plain text.
    """

    method: str
    summary: str
    start: str
    end: str
    location: str
    organizer: str
    answer: str
    text: str


@dataclass(frozen=True, slots=True)
class BounceReport:
    """A machine-readable report (multipart/report, RFC 6522).

    kind       delivery-status, disposition-notification or feedback-report if the machine-readable
               part has such a type; otherwise the declared report-type in lower case
    groups     the blocks of fields of the machine-readable part, with names in lower case. If a
               name occurs twice in a block, the first value is used
    original   the headers of the mail that the report is about, as in `ParsedMail.headers`
    within     the content type of the mail, or of the mail inside the signature around it
    """

    kind: str
    groups: tuple[dict[str, str], ...]
    original: tuple[tuple[str, str], ...]
    within: str = ""


@dataclass(frozen=True, slots=True)
class ParsedMail:
    """One parsed mail. Absent headers are empty.

    headers       the first limits.FIELDS header fields in their order, each with its name in lower
                  case and its value unfolded and decoded
    sender_addresses  the addresses in From; `sender` has those in the header Sender
    return_path   None if the header is missing; "" for the null sender of a bounce
    date          in UTC
    text          the text of the text/plain parts, with the words that only the HTML beside them
                  has. Without such parts, it is made from the HTML; without HTML, from a calendar
                  object
    html          HTML that is safe to show (see `markup`); None if the mail has no HTML that can be
                  shown
    type          the content type of the complete mail, such as "multipart/report"
    security      "smime-signed", "smime-encrypted", "pgp-signed", "pgp-encrypted" or "". It says
                  how a part with words, or a PGP block inside the text, is protected. Encryption
                  counts before a signature. No signature is verified
    embedded      messages inside this mail (forwarded or returned), parsed in the same way
    size          bytes of the raw mail
    """

    headers: tuple[tuple[str, str], ...]
    sender_addresses: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    sender: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    return_path: str | None
    subject: str
    date: datetime | None
    message_id: str
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    type: str
    text: str
    html: str | None
    attachments: tuple[Attachment, ...]
    embedded: tuple[ParsedMail, ...]
    calendar: Invitation | None
    report: BounceReport | None
    security: str
    size: int
    defects: tuple[Defect, ...]
    _values: dict[str, list[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        values: dict[str, list[str]] = {}
        for name, value in self.headers:
            values.setdefault(name, []).append(value)
        object.__setattr__(self, "_values", values)

    def first(self, name: str) -> str:
        """Return the first value of a header, or "". `name` must be in lower case."""
        return self._values.get(name, ("",))[0]

    def all(self, name: str) -> list[str]:
        return list(self._values.get(name, ()))

    def has(self, name: str) -> bool:
        return name in self._values


def as_data(mail: ParsedMail) -> dict[str, Any]:
    """Return the mail as data for JSON. The content of attachments is left out."""
    data = {
        name: getattr(mail, name)
        for name in (
            "return_path",
            "subject",
            "message_id",
            "type",
            "text",
            "html",
            "security",
            "size",
        )
    }
    data["date"] = mail.date.isoformat() if mail.date else None
    data["headers"] = [list(pair) for pair in mail.headers]
    data["in_reply_to"], data["references"] = list(mail.in_reply_to), list(mail.references)
    for name in ("sender_addresses", "reply_to", "sender", "to", "cc"):
        data[name] = [{"name": one.name, "address": one.address} for one in getattr(mail, name)]
    data["attachments"] = [
        {
            "name": one.name,
            "original_name": one.original_name,
            "declared_type": one.declared_type,
            "detected_type": one.detected_type,
            "content_id": one.content_id,
            "inline": one.inline,
            "size": one.size,
        }
        for one in mail.attachments
    ]
    data["embedded"] = [as_data(one) for one in mail.embedded]
    data["calendar"] = _fields(mail.calendar)
    data["report"] = mail.report and {
        "kind": mail.report.kind,
        "groups": [dict(group) for group in mail.report.groups],
        "original": [list(pair) for pair in mail.report.original],
    }
    data["defects"] = [{"code": str(one.code), "detail": one.detail} for one in mail.defects]
    return data


def _fields(value: Invitation | None) -> dict[str, str] | None:
    if value is None:
        return None
    return {name: getattr(value, name) for name in Invitation.__slots__}
