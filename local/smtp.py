"""An SMTP server on 127.0.0.1 that stores mail in the mail bucket, as SES does.

`make up` starts it; `swaks`, smtplib or any mail program can send to it. Like SES it puts headers
about the sender above the mail (Return-Path, Received, the verdicts) and leaves the rest unchanged.
Local senders have no DNS to check, so every verdict is PASS unless the mail's first line says
otherwise: `X-Local-Verdicts: spam=FAIL, dmarc=FAIL`. On AWS this header has no effect.
"""

from __future__ import annotations

import asyncio
import email.utils
import json
import logging
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from botocore.exceptions import BotoCoreError, ClientError

from redress.base.addresses import canonical_domain
from redress.mail.incoming.reader import headers, parsing
from redress.mail.incoming.reader.addresses import addresses_of
from redress.mail.incoming.reader.limits import HEAD, Defects

PREFIX = "inbound/"
LARGEST = 40 * 1024 * 1024
"""The size that SES accepts, in bytes, including transfer encoding."""
VERDICTS = ("spam", "virus", "spf", "dkim", "dmarc")
_LOCAL_VERDICTS = re.compile(rb"^X-Local-Verdicts:([^\r\n]*)\r?\n", re.IGNORECASE)
_SET = re.compile(r"(\w+)\s*=\s*(\w+)")

logger = logging.getLogger("smtp")


@dataclass(frozen=True)
class Target:
    """Where mail is stored. Read again for each mail, so a new deployment takes effect at once."""

    directory: Path

    def read(self) -> tuple[Any, str, str]:
        """S3 client, bucket and mail domain; raises OSError if nothing is deployed yet."""
        known = json.loads((self.directory / "outputs.json").read_text(encoding="utf-8"))
        client = boto3.client(
            "s3",
            endpoint_url=known["endpoint_url"],
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - the local cloud accepts any secret
        )
        return client, known["MailBucketName"], known["MailDomain"]


class MailHandler:
    """aiosmtpd's handler: accepts mail for the product's domain, answers once it is stored."""

    def __init__(self, target: Target) -> None:
        self._target = target

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        try:
            _, _, domain = self._target.read()
        except (OSError, KeyError, ValueError):
            return "451 4.3.0 nothing is deployed yet: make up"
        if canonical_domain(address.rpartition("@")[2]) != canonical_domain(domain):
            return f"550 5.1.1 mail for {domain} is taken here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        message_id = uuid.uuid4().hex
        content = envelope.content
        raw = content if isinstance(content, bytes) else (content or "").encode()
        stored = as_stored(raw, envelope.mail_from or "", envelope.rcpt_tos, message_id)
        try:
            client, bucket, _ = self._target.read()
            await asyncio.to_thread(
                client.put_object, Bucket=bucket, Key=f"{PREFIX}{message_id}", Body=stored
            )
        except (BotoCoreError, ClientError, OSError) as error:
            logger.warning("a mail was not stored: %s", type(error).__name__)
            return "451 4.3.0 try again shortly"
        return f"250 2.0.0 OK {message_id}"


def as_stored(
    raw: bytes,
    sender: str,
    recipients: list[str],
    message_id: str,
    at: datetime | None = None,
) -> bytes:
    """A mail as SES stores it in a bucket: SES's own headers above the original mail.

    SES stores one mail for all recipients of an SMTP transaction, and names the recipient in
    Received only if there is a single one.
    """
    verdicts, rest = verdicts_of(raw)
    at = at or datetime.now(UTC)
    sender = sender.strip("<>")  # the server's library gives the null sender as <>
    domain = canonical_domain(sender.rpartition("@")[2]) or "unknown"
    named = domain_of_author(rest) or domain
    taken_for = [f" for {recipients[0]};"] if len(recipients) == 1 else []
    found = "; ".join(f"{name}={verdicts[name].lower()}" for name in ("spf", "dkim", "dmarc"))
    head = [
        f"Return-Path: <{sender}>",
        "Received: from sender.example (sender.example [192.0.2.1])",
        f" by inbound-smtp.us-east-1.amazonaws.com with SMTP id {message_id}"
        + ("" if taken_for else ";"),
        *taken_for,
        f" {email.utils.format_datetime(at)}",
        f"X-SES-Spam-Verdict: {verdicts['spam']}",
        f"X-SES-Virus-Verdict: {verdicts['virus']}",
        f"Received-SPF: {verdicts['spf'].lower()} (spfCheck: domain of {domain})",
        f" client-ip=192.0.2.1; envelope-from={sender}; helo=sender.example;",
        f"Authentication-Results: amazonses.com; {found} header.from={named};",
        "X-SES-RECEIPT: AEFBQUFBQUFBQUFB",
    ]
    return "".join(f"{line}\r\n" for line in head).encode("utf-8", "replace") + rest


def domain_of_author(raw: bytes) -> str:
    """The domain in From, which DMARC checks, in ASCII; "" if From has no address."""
    ignored = Defects()
    block = headers.read_block(raw, parsing.beginning(raw, ignored), len(raw), HEAD, ignored)
    values = (value for name, value in block.fields if name == "from")
    found = (addresses_of(headers.raw_text(one, None, ignored), ignored) for one in values)
    first = next(filter(None, found), ())
    return canonical_domain(first[0].domain) if first else ""


def verdicts_of(raw: bytes) -> tuple[Mapping[str, str], bytes]:
    """The verdicts in the mail's first line (PASS by default), and the mail without that line."""
    verdicts = dict.fromkeys(VERDICTS, "PASS")
    found = _LOCAL_VERDICTS.match(raw)
    if found is None:
        return verdicts, raw
    asked = _SET.findall(found[1].decode("ascii", "replace"))
    verdicts |= {name: value.upper() for name, value in asked if name in verdicts}
    return verdicts, raw[found.end() :]


class _MailServer(SMTP):
    line_length_limit = LARGEST
    """SES accepts longer lines than RFC 5321 allows, and so does this server."""


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _MailServer(self.handler, **self.SMTP_kwargs)


def start_server(directory: Path, port: int) -> Controller:
    """Starts a server on 127.0.0.1 in its own thread; `stop()` on the result ends it."""
    controller = server(Target(directory), port)
    controller.start()
    return controller


def server(target: Target, port: int) -> Controller:
    return _Controller(
        MailHandler(target),
        hostname="127.0.0.1",
        port=port,
        data_size_limit=LARGEST,
        decode_data=False,
        enable_SMTPUTF8=True,
    )
