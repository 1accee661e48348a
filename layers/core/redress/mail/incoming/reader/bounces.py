"""Read delivery notices (bounces and delays).

A notice is read from its fields of RFC 3464 if it has them, otherwise from its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import replace
from dataclasses import dataclass

from redress.base.addresses import canonical
from redress.mail.incoming.reader.mail import Address, ParsedMail

_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_SMTP_REPLY = re.compile(r"(?<![\d.:-])([45]\d\d)(?:[ -])(?=[#\w(<])")
_ADDRESS = re.compile(
    r"(?<![\w.+-])[\w.!#$%&'*+?^`{|}~-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}"
)
_TEXT_LIMIT = 20_000
_MOST_RECIPIENTS = 50
_DAEMONS = re.compile(
    r"(?:mailer[-_.]?daemon(?:[+-].*)?|mail[-_.]daemon|mail-?system|mdaemon)\Z", re.IGNORECASE
)
"""Matches local parts with which only mail systems write. A local part with a further name or word,
such as `mdaemon.paul`, may be a person's, so it does not match."""
_OFFICES = re.compile(
    r"(?:postmaster|mailadmin|mailmaster|bounces?|bounces?[+=-].*|.*-bounces(?:\+.*)?)\Z",
    re.IGNORECASE,
)
"""Matches local parts to which mail is returned, or with which a mail system may write. A person may
have them, too: as the postmaster of a small house, or in Sender, where programs write them."""
_NO_REPLY = re.compile(
    r"(?:no|non|not|do-?not|dont|never|ne-?pas|nao)[._-]?(?:reply|repondre|responder?|answer)|noreply",
    re.IGNORECASE,
)
_FAILURE = re.compile(
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
_QUOTE_BEGINS = re.compile(
    r"^(?:[-=_ ]{3,}.{0,60}(?:original|returned|copy|header).{0,60}|(?:Received|Return-Path|X-[\w-]+): .*)$",
    re.IGNORECASE | re.MULTILINE,
)
"""Matches the line at which a notice begins to quote the mail that it returns."""
_GIVEN_UP = re.compile(r"cannot send message for|giving up|will not be retried|permanent", re.I)


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address that a notice is about. Unknown fields are "".

    original    the address to which the mail was sent
    final       the address that the last mail server used, for example after forwarding
    action      failed, delayed, delivered, relayed or expanded (RFC 3464, 2.3.3). If the notice
                gives no action, failed or delayed is guessed
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

    `delayed`: no address has failed yet, and delivery to at least one is still being tried.
    `permanent`: at least one address failed with a status that is not of class 4 (temporary).
    `standard`: the notice has the form of RFC 3464; otherwise the result was guessed from its text.
    """

    recipients: tuple[Recipient, ...]
    delayed: bool
    permanent: bool
    standard: bool


def is_daemon(local: str) -> bool:
    """Whether only mail systems write with a local part (the part of an address before the @)."""
    return _DAEMONS.match(local) is not None


def may_be_daemon(local: str) -> bool:
    """Whether a mail system may write with a local part, or mail may be returned to it."""
    return is_daemon(local) or _OFFICES.match(local) is not None


def is_no_reply(local: str) -> bool:
    """Whether a local part says that nobody reads the address."""
    return _NO_REPLY.search(local) is not None


def is_reported(mail: ParsedMail, *, passed_on: bool = False) -> bool:
    """Whether the machine-readable report in a mail is the mail itself.

    If a person forwards a report, it is one of the files of an ordinary mail, which may be signed.
    `passed_on` is as in `is_proven`.
    """
    if mail.report is None:
        return False
    outer = mail.report.within or mail.type
    is_report = outer == "multipart/report" or outer.startswith("message/")
    return is_report or _by_system(mail, passed_on=passed_on)


def is_proven(mail: ParsedMail, *, passed_on: bool = False) -> bool:
    """Whether it is certain that a mail system wrote a notice that `read` found.

    `passed_on` says that the mail claims to come through a group or forwarder. Some of these send
    every mail with the null sender, so the null sender is no proof then.
    """
    reported = is_reported(mail, passed_on=passed_on)
    return reported or _by_system(mail, passed_on=passed_on) or _returns_a_mail(mail)


def read(mail: ParsedMail, *, passed_on: bool = False) -> Bounce | None:
    """Read a delivery notice. Returns None if the mail does not look like one."""
    reported = is_reported(mail, passed_on=passed_on)
    if mail.report is not None and mail.report.kind == "delivery-status" and reported:
        found = [one for one in map(_recipient, mail.report.groups) if one is not None]
        if not found:
            return _bounce(_from_text(mail), standard=False)
        if not any("@" in one.address for one in found):
            # The fields contain something other than addresses, such as the path of a mailbox on
            # the last server. The text is assumed to name the addresses in the same order.
            in_text = _from_text(mail)[: len(found)]
            found = [
                replace(one, original=named.final)
                for one, named in zip(found, in_text, strict=False)
            ] or found
        return _bounce(found, standard=True)
    return _bounce(_from_text(mail), standard=False) if looks_returned(mail) else None


def looks_returned(mail: ParsedMail) -> bool:
    """Whether a mail without the fields of RFC 3464 looks like a delivery notice.

    There are two cases. In the first case, the mail may come from a mail system or has no sender,
    and its subject, text or X-Failed-Recipients reports a failure or a delay. The second case is
    that of `_returns_a_mail`. In all other cases, a person may have written the words, for example
    in a complaint about a delivery with the shop's mail attached.
    """
    may_be = any(may_be_daemon(one.local) for one in mail.sender_addresses)
    if may_be or _by_system(mail):
        words = f"{mail.subject}\n{mail.text[:1_000]}"
        named = mail.has("x-failed-recipients")
        return named or bool(_FAILURE.search(words) or _DELAY.search(words))
    return _returns_a_mail(mail)


def _returns_a_mail(mail: ParsedMail) -> bool:
    """Whether the mail is a notice by a mail system that contains the undelivered mail.

    The subject must report a failure, and the sender must not be a person. A no-reply address is
    never a person's. An address such as postmaster@ may be a person's: it counts as a mail system's
    only if a recipient of this notice wrote the undelivered mail.
    """
    if not mail.embedded or _FAILURE.search(mail.subject) is None:
        return False
    answered = (*mail.sender_addresses, *mail.reply_to)
    if all(is_no_reply(one.local) for one in answered):
        return True
    to = {canonical(one.address) for one in mail.to}
    authors = {canonical(one.address) for one in mail.embedded[0].sender_addresses}
    return all(may_be_daemon(one.local) for one in answered) and not to.isdisjoint(authors)


def _by_system(mail: ParsedMail, *, passed_on: bool = False) -> bool:
    """Whether the mail has the null sender, the address of a mail system, or no address at all."""
    null_sender = mail.return_path == "" and not passed_on
    if null_sender or any(is_daemon(one.local) for one in _senders(mail)):
        return True
    return not mail.sender_addresses and not mail.reply_to


def _senders(mail: ParsedMail) -> Iterator[Address]:
    yield from mail.sender_addresses
    yield from mail.sender


def _bounce(recipients: list[Recipient], *, standard: bool) -> Bounce:
    failed = [one for one in recipients if one.action == "failed"]
    delayed = not failed and any(one.action == "delayed" for one in recipients)
    permanent = any(not one.status.startswith("4") for one in failed)
    return Bounce(tuple(recipients), delayed, permanent, standard)


def _recipient(group: Mapping[str, str]) -> Recipient | None:
    """Read a block of fields about one recipient. Returns None if the block names no recipient.

    The first block of a report names no recipient, because it describes the message.
    """
    final = _without_type(group.get("final-recipient", ""))
    original = _without_type(group.get("original-recipient", ""))
    if not final and not original:
        return None
    diagnostic = _without_type(group.get("diagnostic-code", ""))[:1_000]
    status = _status(group.get("status", "")) or _status(diagnostic)
    action = group.get("action", "").strip().lower().partition(" ")[0]
    if not action:
        action = "delayed" if status.startswith("4") else "failed"
    return Recipient(original, final, action, status, diagnostic)


def _without_type(value: str) -> str:
    """Return the value of a typed field: `rfc822; li@example.com` -> `li@example.com`.

    Escapes of xtext (RFC 3461, section 4) are not decoded.
    """
    kind, semicolon, rest = value.partition(";")
    plain = rest if semicolon and re.fullmatch(r"\s*[\w-]{1,30}\s*", kind) else value
    return plain.strip().strip("<>").strip()


def _status(text: str) -> str:
    match = _STATUS.search(text)
    return ".".join(match.groups()) if match else ""


def _from_text(mail: ParsedMail) -> list[Recipient]:
    """Return the recipients that a notice's text names.

    The addresses in the notice's own From, To and Cc headers are not among them.
    """
    text = mail.text[:_TEXT_LIMIT]
    if (returned := _QUOTE_BEGINS.search(text)) is not None:
        text = text[: returned.start()]
    excluded = {canonical(one.address) for one in (*mail.sender_addresses, *mail.to, *mail.cc)}
    named = mail.first("x-failed-recipients")
    found = dict.fromkeys(
        canonical(address) for address in _ADDRESS.findall(f"{named} {text}"[:_TEXT_LIMIT])
    )
    addresses = [a for a in found if a not in excluded and not may_be_daemon(a.rpartition("@")[0])]
    if not addresses:
        # The notice itself names no recipient, but the returned message does.
        addresses = [one.address for inner in mail.embedded[:1] for one in inner.to]
    status, reply = _status(text), _SMTP_REPLY.search(text)
    words = f"{mail.subject}\n{text[:2_000]}"
    is_delayed = _DELAY.search(words) is not None and _GIVEN_UP.search(words) is None
    is_delayed = is_delayed and not status.startswith("5")
    action = "delayed" if is_delayed else "failed"
    if not status and reply is not None:
        status = f"{reply.group(1)[0]}.0.0"
    diagnostic = _line_at(text, reply.start() if reply else None)
    return [Recipient("", a, action, status, diagnostic) for a in addresses[:_MOST_RECIPIENTS]]


def _line_at(text: str, position: int | None) -> str:
    if position is None:
        return ""
    begin = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    return text[begin : end if end >= 0 else len(text)].strip()[:1_000]
