"""Limits on how much of one mail is read. The text below a limit says what it limits.

A mail that exceeds a limit gets a defect; no error is raised. What the reader leaves out is not
lost, because the raw mail is kept in the bucket.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

RAW = 30 * 2**20
"""Bytes of a mail. If a mail is larger, only its headers are read. (SES accepts 40 MB at most.)"""
PARTS = 1_000
"""MIME parts, including those of embedded messages."""
DEPTH = 20
"""Levels of nested multiparts and embedded messages."""
HEAD = 256 * 2**10
"""Bytes of the header block of the mail."""
PART_HEAD = 64 * 2**10
"""Bytes of the header block of each part."""
FIELDS = 1_000
"""Header fields of one block."""
VALUE = 64 * 2**10
"""Characters of one header's value, decoded."""
PARAMETERS = 8 * 2**10
"""Characters of a header with parameters (Content-Type, Content-Disposition)."""
BOUNDARY = 2_000
"""Bytes of a boundary. RFC 2046 allows only 70."""
ADDRESSES = 200
"""Addresses in one header."""
REFERENCES = 100
"""Message-IDs in a References header. If there are more, the first one and the last ones are
kept."""
TEXT = 200_000
"""Characters of the plain text of one message."""
TEXT_PARTS = 200
"""Marked parts of one text (quotes, signatures). Lines of further parts count as own words."""
HTML = 2 * 2**20
"""Bytes of HTML. Longer HTML is cut before it is parsed."""
ELEMENTS = 50_000
"""Elements of HTML. If there are more, only the text of the HTML is shown."""
ENTITIES = 50_000
"""Escaped characters of HTML, such as &amp; and &lt;. The time that nh3 needs grows with the square
of their number. If there are more, only the text of the HTML is shown."""
ATTACHMENTS = 50
EMBEDDED = 10
"""Embedded messages that are parsed. Further ones are kept as attachments but not parsed."""
REPORT = 64 * 2**10
"""Bytes of a delivery status or disposition notification."""
CALENDAR = 256 * 2**10
"""Bytes of a calendar object."""
TNEF_OBJECTS = 2_000
"""Objects of one winmail.dat."""
TNEF_VALUES = 10_000
"""Property values of one winmail.dat."""
SMIME = 2 * RAW
"""Bytes of all opened S/MIME messages of one mail together. They can be nested."""
SMIME_PIECES = 200_000
"""ASN.1 values that are read from one S/MIME message. Programs cut 20 MB into 20,000 values."""
NAME = 120
"""Characters of an attachment's safe name."""
DEFECTS = 100
DETAIL = 200
"""Characters of a defect's detail."""


class Code(StrEnum):
    """What was cut, repaired or missing."""

    RAW_CUT = "raw_cut"
    HEAD_CUT = "head_cut"
    TOO_MANY_FIELDS = "too_many_fields"
    TOO_MANY_PARTS = "too_many_parts"
    TOO_DEEP = "too_deep"
    TEXT_CUT = "text_cut"
    HTML_CUT = "html_cut"
    HTML_LEFT_OUT = "html_left_out"
    TOO_MANY_ATTACHMENTS = "too_many_attachments"
    TOO_MANY_EMBEDDED = "too_many_embedded"
    TOO_MANY_ADDRESSES = "too_many_addresses"
    TOO_MANY_REFERENCES = "too_many_references"
    MBOX_LINE = "mbox_line"
    LEADING_BLANK = "leading_blank"
    BAD_HEADER_LINE = "bad_header_line"
    NO_BLANK_LINE = "no_blank_line"
    RAW_8BIT_HEADER = "raw_8bit_header"
    REPEATED_HEADER = "repeated_header"
    MISSING_HEADER = "missing_header"
    BAD_ADDRESS = "bad_address"
    BAD_DATE = "bad_date"
    NO_BOUNDARY = "no_boundary"
    BOUNDARY_GUESSED = "boundary_guessed"
    NO_PARTS = "no_parts"
    UNCLOSED = "unclosed"
    BAD_TYPE = "bad_type"
    BAD_ENCODING = "bad_encoding"
    UNKNOWN_ENCODING = "unknown_encoding"
    UNKNOWN_CHARSET = "unknown_charset"
    WRONG_CHARSET = "wrong_charset"
    NO_CHARSET = "no_charset"
    DAMAGED_TEXT = "damaged_text"
    BAD_UUENCODE = "bad_uuencode"
    BAD_TNEF = "bad_tnef"
    BAD_SMIME = "bad_smime"
    SIGNATURE_NOT_VERIFIED = "signature_not_verified"
    BAD_CALENDAR = "bad_calendar"


@dataclass(frozen=True, slots=True)
class Defect:
    code: Code
    detail: str = ""


class Defects:
    """Collects at most DEFECTS different defects. Repetitions are ignored."""

    def __init__(self) -> None:
        self._found: dict[Defect, None] = {}

    def add(self, code: Code, detail: str = "") -> None:
        if len(self._found) < DEFECTS:
            self._found[Defect(code, printable(detail[:DETAIL]))] = None

    def __iter__(self) -> Iterator[Defect]:
        return iter(self._found)


def printable(text: str) -> str:
    """Replace unprintable characters, so that the text is one line for logs and JSON."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
