"""Read delivery notices: the fields of RFC 3464 if a notice has them, otherwise its text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import replace
from dataclasses import dataclass

from redress.mail.incoming.reader.mail import Address, ParsedMail

_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.:-])([45]\d\d)(?:[ -])(?=[#\w(<])")
_ADDRESS = re.compile(
    r"(?<![\w.+-])[\w.!#$%&'*+?^`{|}~-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}"
)
_LOOKED_AT = 20_000
_MOST_RECIPIENTS = 50
_DAEMONS = re.compile(
    r"(?:mailer-daemon|mailerdaemon|mail-daemon|postmaster|mailsystem|mail-system|mdaemon|"
    r"mailer_daemon|mailadmin|mail\.daemon|mailmaster|bounce|bounces)(?:[+.-].*)?\Z",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"undeliver|undelivered|non.?delivery|delivery (?:status|failure|failed|error|has failed|problem)|"
    r"returned mail|mail delivery|failure notice|delivery notification|mail system error|"
    r"could not (?:be delivered|send)|not delivered|message not delivered|error sending your mail|"
    r"email delivery error|mail failure|rejected (?:mail|message)|"
    r"退信|系统退信|系統退信|无法投递|無法投遞|无法送达|無法送達|投递失败|投遞失敗|未送达|未送達|傳送失敗|发送失败|寄送失敗|退件|"
    r"недоставлен|не доставлен|unzustellbar|zustellung|non remis|échec de la remise|no entregado|"
    r"did not reach the following|recipients? (?:address|name) .{0,20}(?:rejected|not recognized)|"
    r"mancato recapito|配信不能|配信できません|配送不能|メールエラー|エラー通知|エラーメール|반송",
    re.IGNORECASE,
)
_DELAY = re.compile(
    r"\bdelay|still (?:being retried|trying)|will (?:continue to|be) (?:try|retr)|"
    r"could not send message for past|has not yet been delivered|not yet delivered|"
    r"warning: message .{0,60} delayed|延迟|延遲|暂时无法|暫時無法|稍后重试|稍後重試|遅延|verzögert|retardé",
    re.IGNORECASE,
)
_RETURNED = re.compile(
    r"^(?:[-=_ ]{3,}.{0,60}(?:original|returned|copy|header).{0,60}|(?:Received|Return-Path|X-[\w-]+): .*)$",
    re.IGNORECASE | re.MULTILINE,
)
"""Matches the line at which a notice begins to quote the mail that it returns."""
_GIVEN_UP = re.compile(r"cannot send message for|giving up|will not be retried|permanent", re.I)


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address that a notice is about. Unknown fields are "".

    original    the address as in the mail that was sent
    final       the address as the last server knew it
    action      failed, delayed, delivered, relayed or expanded (RFC 3464, 2.3.3). If the notice is
                text only, failed or delayed is guessed
    status      such as "5.1.1" (RFC 3463), from the status field or else from the diagnostic
    diagnostic  the answer of the remote server
    """

    original: str
    final: str
    action: str
    status: str
    diagnostic: str

    @property
    def address(self) -> str:
        return self.original or self.final


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a delivery notice says.

    `delayed`: nothing has failed yet, and delivery is still being tried. `permanent`: an address
    failed permanently (class 5). `standard`: the notice has the form of RFC 3464; otherwise the
    result was guessed from its text.
    """

    recipients: tuple[Recipient, ...]
    delayed: bool
    permanent: bool
    standard: bool


def is_daemon(local: str) -> bool:
    """Whether the local part of an address (before the @) is that of a mail system."""
    return _DAEMONS.match(local) is not None


def read(mail: ParsedMail) -> Bounce | None:
    """Read a delivery notice; None if the mail is no delivery notice."""
    if mail.report is not None and mail.report.kind == "delivery-status":
        found = [one for one in map(_recipient, mail.report.groups) if one is not None]
        if not found:
            return _bounce(_from_text(mail), standard=False)
        if not any("@" in one.address for one in found):
            # The fields name a place on the last server's disk. The text names the addresses.
            in_text = _from_text(mail)[: len(found)]
            found = [
                replace(one, original=named.final)
                for one, named in zip(found, in_text, strict=False)
            ] or found
        return _bounce(found, standard=True)
    if mail.has("x-failed-recipients"):
        return _bounce(_from_text(mail), standard=False)
    return _bounce(_from_text(mail), standard=False) if looks_returned(mail) else None


def looks_returned(mail: ParsedMail) -> bool:
    """Whether a mail without standard fields looks like a delivery notice.

    It must come from a mail system or have no sender, and its subject or text must speak of a
    failure or a delay. It may also contain a returned message, with a subject of a failure.
    """
    system = mail.return_path == "" or any(is_daemon(one.local) for one in _senders(mail))
    system = system or not mail.sender_addresses
    words = f"{mail.subject}\n{mail.text[:1_000]}"
    if system and (_SUBJECT.search(words) or _DELAY.search(words)):
        return True
    # Some mail systems write from no-reply addresses. Such a mail must contain a returned message.
    return bool(mail.embedded) and _SUBJECT.search(mail.subject) is not None


def _senders(mail: ParsedMail) -> Iterator[Address]:
    yield from mail.sender_addresses
    yield from mail.sender


def _bounce(recipients: list[Recipient], *, standard: bool) -> Bounce:
    failed = [one for one in recipients if one.action == "failed"]
    delayed = not failed and any(one.action == "delayed" for one in recipients)
    permanent = any(not one.status.startswith("4") for one in failed)
    return Bounce(tuple(recipients), delayed, permanent, standard)


def _recipient(group: Mapping[str, str]) -> Recipient | None:
    """Read a block of fields about one recipient; None if it names none.

    The first block of a report names none, because it is about the message.
    """
    final = _typed(group.get("final-recipient", ""))
    original = _typed(group.get("original-recipient", ""))
    if not final and not original:
        return None
    diagnostic = _typed(group.get("diagnostic-code", ""))[:1_000]
    status = _status(group.get("status", "")) or _status(diagnostic)
    action = group.get("action", "").strip().lower().partition(" ")[0]
    if not action:
        action = "delayed" if status.startswith("4") else "failed"
    return Recipient(original, final, action, status, diagnostic)


def _typed(value: str) -> str:
    """Remove the type: `rfc822; li@example.com` -> `li@example.com`.

    Escapes in xtext (RFC 3461, section 4) are not decoded.
    """
    kind, semicolon, rest = value.partition(";")
    plain = rest if semicolon and re.fullmatch(r"\s*[\w-]{1,30}\s*", kind) else value
    return plain.strip().strip("<>").strip()


def _status(text: str) -> str:
    match = _STATUS.search(text)
    return ".".join(match.groups()) if match else ""


def _from_text(mail: ParsedMail) -> list[Recipient]:
    """Return the addresses in a notice's text, except those of its own sender and recipients."""
    text = mail.text[:_LOOKED_AT]
    if (returned := _RETURNED.search(text)) is not None:
        text = text[: returned.start()]
    excluded = {one.address.lower() for one in (*mail.sender_addresses, *mail.to, *mail.cc)}
    named = mail.first("x-failed-recipients")
    found = dict.fromkeys(
        address.lower() for address in _ADDRESS.findall(f"{named} {text}"[:_LOOKED_AT])
    )
    addresses = [a for a in found if a not in excluded and not is_daemon(a.rpartition("@")[0])]
    if not addresses:
        # Only the returned message names its recipients.
        addresses = [one.address for inner in mail.embedded[:1] for one in inner.to]
    status, reply = _status(text), _REPLY.search(text)
    words = f"{mail.subject}\n{text[:2_000]}"
    waits = _DELAY.search(words) is not None and _GIVEN_UP.search(words) is None
    waits = waits and not status.startswith("5")
    action = "delayed" if waits else "failed"
    if not status and reply is not None:
        status = f"{reply.group(1)[0]}.0.0"
    diagnostic = _line_with(text, reply.start() if reply else None)
    return [Recipient("", a, action, status, diagnostic) for a in addresses[:_MOST_RECIPIENTS]]


def _line_with(text: str, place: int | None) -> str:
    if place is None:
        return ""
    begin = text.rfind("\n", 0, place) + 1
    end = text.find("\n", place)
    return text[begin : end if end >= 0 else len(text)].strip()[:1_000]
