"""What is known of one mail: values only, all of them plain text without lone surrogates or NULs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from redress.mail.incoming.reader.limits import Defect


@dataclass(frozen=True, slots=True)
class Address:
    """`address` has one @ and its domain in lower case; `name` is as shown, or empty."""

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

    name            safe for a file system and a download: no path, no control or bidi characters,
                    unique in its mail, at most limits.NAME characters, with a suffix
    original_name   as the sender wrote it, decoded; empty when there was none
    declared_type   as the part says, lower case ("application/pdf")
    detected_type   by its first bytes; empty when they tell nothing
    size            bytes of the content
    content_id      without <>; empty when there is none
    inline          shown in the text, not beside it
    content         the decoded bytes
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
    """What a calendar object says: `method` is REQUEST, REPLY, CANCEL, ...; empty when not said.

    Times are as written ("20261123T090000Z", with the zone's name behind it where one is given).
    `answer` is the PARTSTAT of a REPLY: ACCEPTED, DECLINED, TENTATIVE.
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
    """multipart/report (RFC 6522). `kind` is its report-type, lower case, or told by the parts:
    delivery-status, disposition-notification, feedback-report.

    `groups` are the blocks of fields of its machine-readable part; names in lower case, first one
    of each name. `original` are the header fields of the mail that it is about, as in `Mail.headers`.
    """

    kind: str
    groups: tuple[dict[str, str], ...]
    original: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ParsedMail:
    """One mail as read. Absent headers are empty; `date` is in UTC.

    headers       every field of the first limits.FIELDS, in order: (name in lower case, value
                  unfolded and decoded)
    return_path   None: no such header. "": the null sender of a bounce
    text          what the sender wrote, plain: of text/plain, else of the HTML, else of a calendar
    html          safe to show (see `markup`), None when there was none or it could not be shown
    type          of the whole mail: "multipart/report"
    security      "smime-signed", "smime-encrypted", "pgp-signed", "pgp-encrypted" or ""
    embedded      messages inside of this one (forwarded, returned), read in the same way
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

    def first(self, name: str) -> str:
        """The first value of a header (`name` in lower case), or ""."""
        return next((value for field, value in self.headers if field == name), "")

    def all(self, name: str) -> list[str]:
        return [value for field, value in self.headers if field == name]

    def has(self, name: str) -> bool:
        return any(field == name for field, _ in self.headers)


def as_data(mail: ParsedMail) -> dict[str, Any]:
    """The mail as JSON takes it; of attachments everything but the content."""
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
