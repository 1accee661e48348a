"""Parse raw bytes into a `ParsedMail` with its headers, readable text and attachments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from redress.base.languages import LANGUAGES
from redress.mail.incoming.reader import (
    calendars,
    charset,
    content,
    headers,
    markup,
    tnef,
    uuencode,
)
from redress.mail.incoming.reader.addresses import addresses_of
from redress.mail.incoming.reader.limits import (
    ATTACHMENTS,
    EMBEDDED,
    HEAD,
    HTML,
    RAW,
    REPORT,
    TEXT,
    VALUE,
    Code,
    Defects,
)
from redress.mail.incoming.reader.mail import (
    Address,
    Attachment,
    BounceReport,
    Invitation,
    ParsedMail,
)
from redress.mail.incoming.reader.smime import Kind
from redress.mail.incoming.reader.structure import (
    MESSAGES,
    NAMES_OF_MESSAGES,
    PKCS7,
    MimePart,
    StructureReader,
    name_of,
)
from redress.mail.incoming.reader.texts import (
    Piece,
    armour,
    flowed,
    is_stub,
    repaired,
    with_words_of,
)

_MBOX = re.compile(rb">?From (?![ \t]*:)[^\r\n]{1,500}(?:\r*\n|\r)")
_STATUS = {
    "message/delivery-status": "delivery-status",
    "message/global-delivery-status": "delivery-status",
    "message/disposition-notification": "disposition-notification",
    "message/global-disposition-notification": "disposition-notification",
    "message/feedback-report": "feedback-report",
}
_RETURNED_HEADERS = ("text/rfc822-headers", "message/rfc822-headers", "message/global-headers")
_SINGLE = ("from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id")
_REQUIRED = ("from", "date", "message-id", "subject")


def parse(raw: bytes, languages: Sequence[str] = LANGUAGES) -> ParsedMail:
    """Parse a mail. Never raises. `defects` of the result lists what was cut or repaired.

    `languages` are the languages in which the customers of the house write, the most common one
    first. They help to guess the charset of a text that does not show it.
    """
    defects, size = Defects(), len(raw)
    if size > RAW:
        defects.add(Code.RAW_CUT, f"{size} bytes")
        raw = raw[: HEAD + 1]
    start = beginning(raw, defects)
    if size > RAW:
        block = headers.read_block(raw, start, len(raw), HEAD, defects)
        raw = raw[: block.body]
    hints = charset.Hints(languages)
    root = StructureReader(defects, hints).message(raw, start, len(raw))
    return _Assembly(defects, [EMBEDDED], hints).mail(root, size, defects)


def beginning(raw: bytes, defects: Defects) -> int:
    """Return the position at which the mail begins.

    Blank lines and the separator line of an mbox file may come before it.
    """
    position = 0
    while raw[position : position + 1] in (b"\r", b"\n", b"\0") and position < len(raw):
        position += 1
    if position:
        defects.add(Code.LEADING_BLANK)
    if (line := _MBOX.match(raw, position)) is not None:
        defects.add(Code.MBOX_LINE)
        return line.end()
    return position


class _Assembly:
    """Collects the texts, attachments and reports from the parts of one message.

    `embedded_left` holds one number: how many embedded messages may still be parsed. A mail and all
    messages that are embedded in it share this list, and the hints about charsets.
    """

    def __init__(self, defects: Defects, embedded_left: list[int], hints: charset.Hints) -> None:
        self.defects = defects
        self.hints = hints
        self.embedded_left = embedded_left
        self.attachments: list[Attachment] = []
        self.embedded: list[ParsedMail] = []
        self.names: set[str] = set()
        self.calendar: Invitation | None = None
        self.calendar_file: Invitation | None = None
        self.report_kind = ""
        self.groups: list[dict[str, str]] = []
        self.original: tuple[tuple[str, str], ...] = ()
        self.wrapped: Piece | None = None
        self.signed_fields: tuple[headers.Field, ...] = ()
        self.text_left = 4 * TEXT
        self.html_left = HTML
        self.compared_left = TEXT

    def mail(self, root: MimePart, size: int, defects: Defects) -> ParsedMail:
        self._unwrap_signed(root, root)
        # The body is read first. It is longer than the headers, so it shows the charset better.
        text, html = self._body(self._pieces(root))
        hints = self.hints
        values = [(name, headers.raw_text(value, hints, defects)) for name, value in root.fields]
        shown = tuple((name, headers.decode_words(value, defects, hints)) for name, value in values)
        first: dict[str, str] = {}
        for name, value in values:
            if name in first and name in _SINGLE:
                defects.add(Code.REPEATED_HEADER, name)
            if not first.get(name, "").strip():
                first[name] = value
        for name in _REQUIRED:
            if name not in first:
                defects.add(Code.MISSING_HEADER, name)

        def addresses(name: str) -> tuple[Address, ...]:
            found = addresses_of(first.get(name, ""), defects, hints)
            # If the first header has no address, such as `From: "Li" <>`, a repeated one counts.
            others = (value for field, value in values if field == name) if not found else ()
            return found or next(filter(None, (addresses_of(v, Defects()) for v in others)), ())

        def ids(name: str) -> tuple[str, ...]:
            return headers.ids_of(
                headers.decode_words(first.get(name, ""), defects, hints), defects
            )

        subject = headers.decode_words(first.get("subject", ""), defects, hints).strip()
        if subject in ("", "..."):
            subject = next(
                (
                    headers.text_of(value, hints, defects).strip()
                    for name, value in self.signed_fields
                    if name == "subject"
                ),
                subject,
            )
        text = repaired(text, by_qq=_is_by_qq(shown))
        # If the header To or Cc is repeated, the addresses of all of them are recipients. If From
        # is repeated, only the first one with an address is used.
        return ParsedMail(
            headers=shown,
            sender_addresses=addresses("from"),
            reply_to=addresses("reply-to"),
            sender=addresses("sender"),
            to=_all_addresses("to", values, defects, hints),
            cc=_all_addresses("cc", values, defects, hints),
            return_path=_return_path(first.get("return-path")),
            subject=subject,
            date=headers.date_of(first.get("date", ""), defects),
            message_id=next(iter(ids("message-id")), ""),
            in_reply_to=ids("in-reply-to"),
            references=ids("references"),
            type=root.type,
            text=text,
            html=html,
            attachments=tuple(self.attachments),
            embedded=tuple(self.embedded),
            calendar=self.calendar,
            report=self._report(root),
            security=_security(root, armour(text)),
            size=size,
            defects=tuple(defects),
        )

    def _unwrap_signed(self, part: MimePart, root: MimePart) -> None:
        """Replace each wrapper in this part by the mail inside of it.

        Some programs wrap a mail in a part of type message/rfc822 to sign its headers, too (RFC
        8551, 3.1). The wrapper usually has the parameter `forwarded=no`. Without it, a signed
        message by somebody else is a forwarded mail.
        """
        is_signed = part.type == "multipart/signed" or part.kind_of_smime is not Kind.OTHER
        for index, child in enumerate(part.children):
            if is_signed and child.type in MESSAGES and self._is_wrapper(child, root):
                part.children[index] = child = child.children[0]
                self.signed_fields = self.signed_fields or child.fields
            if child.type not in MESSAGES:
                self._unwrap_signed(child, root)

    def _is_wrapper(self, part: MimePart, root: MimePart) -> bool:
        forwarded = part.parameters.get("forwarded", "").lower()
        if forwarded in ("yes", "no") or not part.children:
            return forwarded == "no" and bool(part.children)
        [inner] = part.children
        if (one := inner.first("message-id").strip()) and one == root.first("message-id").strip():
            return True
        authors = [
            addresses_of(headers.text_of(one.first("from"), self.hints, Defects()), Defects())
            for one in (inner, root)
        ]
        inside, outside = ({one.address.lower() for one in found} for found in authors)
        return bool(inside) and inside == outside

    # -------------------------------------------------------------------------- the text

    def _body(self, pieces: list[Piece]) -> tuple[str, str | None]:
        """Return the text and the HTML of all pieces, in order.

        The HTML is None if no piece has HTML that can be shown, or if the HTML is too long to show.
        """
        if self.wrapped is not None and not any(
            one.strip() for piece in pieces for one in (piece.plain, *piece.html)
        ):
            pieces = [self.wrapped]
        texts: list[str] = []
        shown: list[str] = []
        any_html, length = False, 0
        for piece in pieces:
            if length > TEXT:
                self.defects.add(Code.TEXT_CUT, "further parts")
                break
            plain = piece.plain.strip("\n")
            found = [markup.show(one, self.defects) for one in piece.html if one.strip()]
            words = "\n\n".join(one.text for one in found if one.text.strip())
            if found and is_stub(plain, words):
                plain = words
            elif words and len(plain) <= TEXT:
                if len(words) > self.compared_left:
                    self.defects.add(Code.TEXT_CUT, "words of HTML beside plain text")
                    words = words[: self.compared_left]
                self.compared_left -= len(words)
                plain = with_words_of(plain, words, any_word=len(piece.html) > 1)
            texts.append(plain)
            length += len(plain)
            if any(one.html is not None for one in found):
                any_html = True
                shown += [
                    markup.escaped(one.text) if one.html is None else one.html for one in found
                ]
            elif plain:
                shown.append(markup.escaped(plain[:TEXT]))
        text = "\n\n".join(one for one in texts if one.strip())
        if not text.strip():
            self.calendar = self.calendar or self.calendar_file
            text = self.calendar.text if self.calendar is not None else text
        if len(text) > TEXT:
            self.defects.add(Code.TEXT_CUT, f"{len(text)} characters")
            text = text[:TEXT]
        html = "\n".join(shown) if any_html else None
        if html is not None and len(html) > 2 * HTML:
            self.defects.add(Code.HTML_LEFT_OUT, "too long")
            html = None
        return text, html

    def _pieces(self, part: MimePart, *, alternative: bool = False) -> list[Piece]:
        """Return the readable pieces of a part, in order.

        This also collects the attachments, embedded messages, reports and calendars of the part.
        `alternative`: the part and the parts beside it are forms of the same content.
        """
        if part.type == "multipart/alternative" and part.children:
            return _joined([self._pieces(child, alternative=True) for child in part.children])
        if part.type in MESSAGES:
            self._message(part)
            return []
        if part.children:
            return [piece for child in part.children for piece in self._pieces(child)]
        if part.type in _STATUS:
            self._status(part)
            return []
        if part.type in _RETURNED_HEADERS:
            block = headers.read_block(self._content(part, REPORT), 0, REPORT, REPORT, Defects())
            self.original = self.original or _shown_fields(block.fields, self.hints)
            return []
        if part.type == "text/x-amp-html":
            return []
        if _is_text(part):
            return self._text(part)
        self._leaf(part, alternative=alternative)
        return []

    def _text(self, part: MimePart) -> list[Piece]:
        label = part.parameters.get("charset", "")
        if part.type == "text/html":
            return self._html(part, label)
        if self.text_left <= 0:
            self.defects.add(Code.TEXT_CUT, "further parts")
            return []
        data = content.decoded_text(part.body, part.encoding, self.defects)
        if b"begin" in data and b"\nbegin" in b"\n" + data:
            files, data = uuencode.files_in(data, self.defects)
            for name, inside in files:
                original = charset.decode(name, label, self.defects, self.hints).text
                self._attach(original, "application/octet-stream", inside)
        if len(data) > self.text_left:
            self.defects.add(Code.TEXT_CUT, f"{len(data)} bytes")
            data = _cut(data, self.text_left)
        self.text_left -= len(data) or 1
        text = charset.decode(data, label, self.defects, self.hints).text
        if part.parameters.get("format", "").lower() == "flowed":
            text = flowed(text, delete=part.parameters.get("delsp", "").lower() == "yes")
        return [Piece(text)]

    def _html(self, part: MimePart, label: str) -> list[Piece]:
        """Decode an HTML part. The HTML parts of a message share limits.HTML bytes; more is cut."""
        if self.html_left <= 0:
            self.defects.add(Code.HTML_CUT, "further parts")
            return []
        data = content.decoded(part.body, part.encoding, self.defects)
        if len(data) > self.html_left:
            self.defects.add(Code.HTML_CUT, f"{len(data)} bytes")
            data = _cut(data, self.html_left)
        self.html_left -= len(data) or 1
        inside = markup.label_inside(data)
        text = charset.decode(data, label, self.defects, self.hints, inside).text
        return [Piece("", (text,))]

    # -------------------------------------------------------------------------- the rest

    def _content(self, part: MimePart, limit: int) -> bytes:
        """Return the first `limit` bytes of a part's decoded content."""
        body = part.source[part.start : min(part.end, part.start + 2 * limit)]
        return content.decoded(body, part.encoding, self.defects)[:limit]

    def _leaf(self, part: MimePart, *, alternative: bool) -> None:
        data = content.decoded(part.body, part.encoding, self.defects)
        name = _file_name(part)
        is_tnef = part.type in ("application/ms-tnef", "application/vnd.ms-tnef")
        if (is_tnef or name.lower() == "winmail.dat") and self._unwrap(data):
            return
        if part.type in ("text/calendar", "application/ics"):
            self._calendar(part, data, alternative=alternative)
        identifier = part.first("content-id").decode("latin-1")
        identifier = charset.clean(identifier).strip(" <>\t")[:250]
        inline = part.disposition != "attachment" and bool(identifier)
        self._attach(name, part.type, data, identifier, inline or part.disposition == "inline")

    def _calendar(self, part: MimePart, data: bytes, *, alternative: bool) -> None:
        """Read a calendar object. It is the mail's own if it is an alternative of the text.

        Otherwise it is a file. A file counts as the mail's own only if the mail has no words.
        """
        own = alternative and part.disposition != "attachment"
        if (self.calendar if own else self.calendar_file) is not None:
            return
        found = calendars.read(data, part.parameters.get("charset", ""), self.defects, self.hints)
        if own:
            self.calendar = found
        else:
            self.calendar_file = found

    def _attach(
        self, name: str, kind: str, data: bytes, identifier: str = "", inline: bool = False
    ) -> None:
        if len(self.attachments) >= ATTACHMENTS:
            self.defects.add(Code.TOO_MANY_ATTACHMENTS)
            return
        detected = content.detected_type(data)
        generic = kind in ("application/octet-stream", "application/binary", "")
        safe = content.safe_name(name, detected if generic and detected else kind, self.names)
        self.attachments.append(
            Attachment(safe, name[:1_000], kind, detected, identifier, inline, data)
        )

    def _unwrap(self, data: bytes) -> bool:
        """Unpack a winmail.dat. Returns whether it held text or files."""
        found = tnef.read(data, self.defects, self.hints)
        if found is None or not (found.files or found.text.strip() or found.html.strip()):
            return False
        for one in found.files:
            kind = one.kind or "application/octet-stream"
            self._attach(one.name, kind, one.content, one.content_id, bool(one.content_id))
        if found.text.strip() or found.html.strip():
            self.wrapped = Piece(found.text, (found.html,) if found.html else ())
        return True

    def _message(self, part: MimePart) -> None:
        """Keep an embedded message as an attachment, and parse it as a mail of its own."""
        size = part.end - part.start
        if not part.children:
            self._attach(_file_name(part), part.type, part.body)
            return
        child = part.children[0]
        if self.embedded_left[0] > 0:
            self.embedded_left[0] -= 1
            # A bounce often contains only the beginning of the returned mail. The defects of an
            # embedded message are therefore not listed as defects of this mail.
            inner = _Assembly(Defects(), self.embedded_left, self.hints)
            mail = inner.mail(child, size, inner.defects)
            self.embedded.append(mail)
            self.original = self.original or mail.headers
            name = mail.subject
        else:
            self.defects.add(Code.TOO_MANY_EMBEDDED)
            name = ""
        original = _file_name(part) or (f"{name[:80]}.eml" if name else "")
        self._attach(original, "message/rfc822", part.body)

    def _status(self, part: MimePart) -> None:
        data = self._content(part, REPORT)
        self.report_kind = self.report_kind or _STATUS[part.type]
        if part.type == "message/feedback-report" or not self.groups:
            position, ignored = 0, Defects()
            while position < len(data) and len(self.groups) < 200:
                block = headers.read_block(data, position, len(data), REPORT, ignored)
                fields = _shown_fields(block.fields, self.hints)
                if fields:
                    self.groups.append(dict(reversed(fields)))
                # A block ends before a line that is not a header. If this is the first line of the
                # block, skip it, so that the loop makes progress.
                position = block.body if block.body > position else _next_line(data, position)

    def _report(self, root: MimePart) -> BounceReport | None:
        matter = _signed_part(root)
        is_report = "report" in matter.type
        declared = matter.parameters.get("report-type", "").lower() if is_report else ""
        kind = self.report_kind or declared
        if not kind:
            return None
        return BounceReport(kind, tuple(self.groups), self.original, matter.type)


# ------------------------------------------------------------------------------ details


def _joined(sides: list[list[Piece]]) -> list[Piece]:
    """Return the pieces of a multipart/alternative as one piece with plain text and HTML.

    `sides` are the pieces of each alternative. The side with HTML can also contain plain text, for
    example between its files. If no side has plain text only, the pieces are returned unchanged.
    """
    with_html = [side for side in sides if any(piece.html for piece in side)]
    others = [piece for side in sides if not any(one.html for one in side) for piece in side]
    plain = "\n\n".join(piece.plain for piece in others if piece.plain.strip())
    if not with_html:
        return [Piece(plain)] if plain else []
    if not plain:
        return [piece for side in with_html for piece in side]
    html: list[str] = []
    for piece in (piece for side in with_html for piece in side):
        html += piece.html or ([markup.escaped(piece.plain)] if piece.plain.strip() else [])
    return [Piece(plain, tuple(html))]


def _all_addresses(
    name: str, values: list[tuple[str, str]], defects: Defects, hints: charset.Hints
) -> tuple[Address, ...]:
    listed = ", ".join(value for field, value in values if field == name)
    return addresses_of(listed[: 2 * VALUE], defects, hints)


def _return_path(value: str | None) -> str | None:
    if value is None:
        return None
    found = addresses_of(value, Defects())
    return found[0].address if found else ""


def _signed_part(part: MimePart) -> MimePart:
    """Return the part that a signature around the mail covers; the part itself if there is none."""
    while part.children and (
        part.type == "multipart/signed" or part.kind_of_smime is not Kind.OTHER
    ):
        part = part.children[0]
    return part


def _security(root: MimePart, in_text: str) -> str:
    """Return how the words of the mail are protected.

    A list that adds a footer puts the signed mail into a multipart/mixed. So every part counts that
    is neither a file nor an embedded message. An encrypted part counts before a signed one, because
    its words cannot be read. `in_text` is the protection that a PGP block in the text shows.
    """
    found = [*_protections(root, is_root=True), in_text]
    return next((one for one in found if one.endswith("encrypted")), next(filter(None, found), ""))


def _protections(part: MimePart, *, is_root: bool = False) -> Iterator[str]:
    """Yield how this part and the parts in it are signed or encrypted."""
    protocol = part.parameters.get("protocol", "").lower()
    kind = part.kind_of_smime
    if part.type == "multipart/signed":
        yield "pgp-signed" if "pgp" in protocol else "smime-signed"
    elif part.type == "multipart/encrypted" or _is_version_of_pgp(part):
        yield "pgp-encrypted"
    elif (is_root or part.children or _is_unnamed(part)) and kind is not Kind.COMPRESSED:
        if kind is Kind.OTHER and part.type in PKCS7:
            declared = part.parameters.get("smime-type", "").lower()
            kind = Kind.SIGNED if declared.startswith("signed") else Kind.ENCRYPTED
        if kind is not Kind.OTHER:
            yield f"smime-{kind}"
    if part.type not in MESSAGES:
        for child in part.children:
            yield from _protections(child)


def _is_unnamed(part: MimePart) -> bool:
    """Whether S/MIME data in this part is a message, and not a signed or encrypted document."""
    return name_of(part).lower() in NAMES_OF_MESSAGES


def _is_version_of_pgp(part: MimePart) -> bool:
    """Whether a part is the first one of a mail encrypted with PGP (RFC 3156, 4).

    Exchange changes the type of the multipart around it to multipart/mixed.
    """
    return (
        part.type == "application/pgp-encrypted"
        and part.end - part.start < 200
        and b"Version" in content.decoded(part.body, part.encoding, Defects())
    )


def _is_by_qq(fields: tuple[tuple[str, str], ...]) -> bool:
    """Whether QQ Mail wrote the mail."""
    return any(
        name.startswith("x-qq-") or (name == "x-mailer" and "qqmail" in value.lower())
        for name, value in fields
    )


def _is_text(part: MimePart) -> bool:
    """Whether the part is text to read rather than a file.

    A text part is a file if its disposition is `attachment`, or `inline` together with a file name.
    """
    if part.type not in ("text/plain", "text/html", "text/enriched", "text/richtext"):
        # A multipart whose parts were not found is read as text.
        return part.type.startswith("multipart/")
    named = bool(_file_name(part))
    return part.disposition != "attachment" and not (named and part.disposition == "inline")


def _file_name(part: MimePart) -> str:
    return charset.clean(name_of(part)).replace("\n", " ")


def _shown_fields(
    fields: tuple[headers.Field, ...], hints: charset.Hints
) -> tuple[tuple[str, str], ...]:
    ignored = Defects()
    return tuple((name, headers.text_of(value, hints, ignored)) for name, value in fields)


def _next_line(data: bytes, position: int) -> int:
    found = data.find(b"\n", position)
    return found + 1 if found >= 0 else len(data)


def _cut(data: bytes, limit: int) -> bytes:
    """Cut data at `limit`, if possible after a complete line, so that no character is split."""
    if len(data) <= limit:
        return data
    head = data[:limit]
    return head[: head.rfind(b"\n") + 1] or head
