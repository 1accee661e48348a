"""An SMTP relay on 127.0.0.1 for tests: TLS with its own certificate, login, chosen replies."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local.process import free_port

USERNAME, PASSWORD = "redress", "right-password"
HANG_UP = "hang up"
SILENCE = "silence"


def certificate(folder: Path, name: str = "localhost") -> tuple[Path, Path]:
    """Write a certificate for a host name, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / f"{name}.crt", folder / f"{name}.key"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert_file, key_file


@dataclass
class Replies:
    """The relay's behaviour, and what it took. A reply is a line, HANG_UP or SILENCE; "" is OK."""

    mail: str = ""
    recipients: dict[str, str] = field(default_factory=dict)
    data: str = ""
    password: str = PASSWORD
    taken: list[tuple[str, list[str], bytes]] = field(default_factory=list)
    clear: list[str] = field(default_factory=list)
    """What was said without TLS, after the greeting."""
    greeted: str = ""
    """How the last client named itself."""
    port: int = 0

    async def _say(self, server: SMTP, reply: str) -> str:
        if reply == HANG_UP:
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
            await asyncio.sleep(3600)
        if reply == SILENCE:
            await asyncio.sleep(3600)
        return reply or "250 OK"

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if session.ssl is None:
            self.clear.append("MAIL")
        self.greeted = str(session.host_name)
        envelope.mail_from = address
        return await self._say(server, self.mail)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        reply = await self._say(server, self.recipients.get(address, ""))
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if not self.data or self.data in (HANG_UP, SILENCE):
            content = envelope.content
            assert isinstance(content, bytes)
            assert envelope.mail_from is not None
            self.taken.append((envelope.mail_from, list(envelope.rcpt_tos), content))
        return await self._say(server, self.data)

    def login(self, server: SMTP, session: Session, *given: Any) -> AuthResult:
        data = given[-1]
        if session.ssl is None:
            self.clear.append("AUTH")
        right = LoginPassword(USERNAME.encode(), self.password.encode())
        return AuthResult(success=data == right, handled=False)


@contextmanager
def running(replies: Replies, cert: tuple[Path, Path], *, tls: str) -> Iterator[Replies]:
    """Run a relay. `tls` is "starttls", "from the start" or "none"."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*map(str, cert))
    options: dict[str, Any] = {
        "authenticator": replies.login,
        # The library thinks of TLS from the start as of clear text.
        "auth_require_tls": tls == "starttls",
        "decode_data": False,
    }
    if tls == "from the start":
        options["ssl_context"] = context
    else:
        options["auth_required"] = True
    if tls == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    server = Controller(replies, hostname="127.0.0.1", port=free_port(), **options)
    server.start()
    replies.port = server.port
    try:
        yield replies
    finally:
        server.stop(no_assert=True)
