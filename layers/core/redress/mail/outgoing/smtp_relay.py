"""Send mail by an SMTP relay, where SES does not exist.

Each mail has a connection of its own. It is encrypted before anything is said: by TLS from the
start on port 465, by STARTTLS on any other port. A relay that offers no TLS, or whose certificate
is not valid for its name, gets no mail and no password.

Only replies about the mail itself refuse it for ever: 5xx to a recipient or to the content. A 5xx
to anything else, such as the password or the sender, is a fault of the configuration. Then the mail
is tried again, because it must be sent when the operator has fixed that, and the operator is told.

Nobody confirms a mail whose last reply was lost, as SES does by its event `Send`. So each such loss
is one more copy. Both copies have the same Message-ID.
"""

from __future__ import annotations

import contextlib
import email
import smtplib
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from redress.mail.outgoing.carriers import (
    NeedsOperator,
    NeverTaken,
    NotTaken,
    Tags,
    Taken,
    Unanswered,
)

TLS_PORT = 465
"""The port on which TLS begins at once (RFC 8314)."""
CONNECT_S = 2.0
RELAY_S = 5.0
"""How long a connection and a complete transaction may take, in seconds."""
NO_TLS = "the relay offers no TLS"
NO_LOGIN = "the secret of the relay has no username and password"
_TOO_LARGE = 552


class Login(msgspec.Struct, frozen=True):
    """The content of the secret: `{"username": "redress", "password": "..."}`."""

    username: str
    password: str


def login_of(secret: str) -> Login:
    """Decode the secret. Raises NeedsOperator if it is no login that smtplib can send."""
    try:
        login = msgspec.json.decode(secret, type=Login)
    except (msgspec.DecodeError, UnicodeError):
        # The message of the error might repeat a part of the secret.
        raise NeedsOperator(NO_LOGIN) from None
    if not (login.username + login.password).isascii():  # smtplib encodes both in ASCII
        raise NeedsOperator(NO_LOGIN)
    return login


@dataclass
class SmtpRelay:
    """Sends by an SMTP relay. `secret` reads the secret anew each time. It raises NotTaken."""

    host: str
    port: int
    sender: str
    secret: Callable[[], str]
    context: ssl.SSLContext
    seconds: float = RELAY_S
    _login: Login | None = None
    _login_worked: bool = False
    """Whether the relay has accepted `_login` before."""

    def prepare(self) -> None:
        """Read the password, unless this environment has it."""
        if self._login is None:
            self._login = login_of(self.secret())

    def take(self, raw: bytes, to: Sequence[str], tags: Tags) -> Taken:
        """Hand over one mail. The tags are for SES only.

        If the relay accepts some of the recipients, these get the mail and the others do not.
        """
        self.prepare()
        assert self._login is not None
        ends = time.monotonic() + self.seconds
        with _conversation("connect"):
            smtp = self._connect()
        try:
            refused = self._transaction(smtp, self._login, raw, to, ends)
        finally:
            smtp.close()
        return Taken(str(email.message_from_bytes(raw)["Message-ID"]).strip("<> \r\n"), refused)

    def _connect(self) -> smtplib.SMTP:
        # Without a name for the greeting, smtplib asks DNS for the name of this machine.
        name = self.sender.rpartition("@")[2]
        if self.port == TLS_PORT:
            return smtplib.SMTP_SSL(
                self.host, self.port, name, timeout=CONNECT_S, context=self.context
            )
        return smtplib.SMTP(self.host, self.port, name, timeout=CONNECT_S)

    def _transaction(
        self, smtp: smtplib.SMTP, login: Login, raw: bytes, to: Sequence[str], ends: float
    ) -> int:
        with _conversation("hello"):
            _limit(smtp, ends)
            smtp.ehlo_or_helo_if_needed()
        if self.port != TLS_PORT:
            if not smtp.has_extn("starttls"):
                raise NeedsOperator(NO_TLS)
            with _conversation("tls"):
                _limit(smtp, ends)
                smtp.starttls(context=self.context)
                smtp.ehlo_or_helo_if_needed()
        try:
            with _conversation("login"):
                _limit(smtp, ends)
                smtp.login(login.username, login.password)
        except NotTaken as error:
            # The password may have changed, so the next attempt reads it again. Only a login that
            # never worked needs a person.
            worked, self._login, self._login_worked = self._login_worked, None, False
            raise (NotTaken(error.fault) if worked else error) from None
        self._login_worked = True
        with _conversation("sender"):
            _limit(smtp, ends)
            size = [f"size={len(raw)}"] if smtp.has_extn("size") else []
            code, _ = smtp.mail(self.sender, size)
        if code == _TOO_LARGE:
            raise NeverTaken(f"sender {code}")
        if code != 250:
            raise (NeedsOperator if code >= 500 else NotTaken)(f"sender {code}")
        refusals = self._recipients(smtp, to, ends)
        self._content(smtp, raw, ends)
        return refusals

    def _recipients(self, smtp: smtplib.SMTP, to: Sequence[str], ends: float) -> int:
        """Name the recipients. Return how many of them the relay refused."""
        codes = []
        for address in to:
            with _conversation("recipient"):
                _limit(smtp, ends)
                code, _ = smtp.rcpt(address)
            if code == 421:
                raise NotTaken("recipient 421")
            codes.append(code)
        refused = [code for code in codes if code not in (250, 251)]
        if len(refused) == len(codes):
            later = [code for code in refused if code < 500]
            raise (
                NotTaken(f"recipient {later[0]}")
                if later
                else NeverTaken(f"recipient {refused[0]}")
            )
        return len(refused)

    def _content(self, smtp: smtplib.SMTP, raw: bytes, ends: float) -> None:
        with _conversation("content"):
            _limit(smtp, ends)
            code, _ = smtp.docmd("data")
        if code != 354:
            raise NeverTaken(f"content {code}") if code >= 500 else NotTaken(f"content {code}")
        try:
            _limit(smtp, ends)
            smtp.send(_stuffed(raw))
            _limit(smtp, ends)
            code, _ = smtp.getreply()
        except (OSError, smtplib.SMTPException, NotTaken) as error:
            # The relay may have the complete mail.
            raise Unanswered(f"content {type(error).__name__}") from None
        if code != 250:
            raise NeverTaken(f"content {code}") if code >= 500 else NotTaken(f"content {code}")
        with contextlib.suppress(OSError, smtplib.SMTPException):
            # The mail is taken, whatever happens to this courtesy. Its reply is not waited for.
            smtp.putcmd("quit")


def _limit(smtp: smtplib.SMTP, ends: float) -> None:
    """Let the next step wait until `ends` at most. Raises NotTaken if that is over."""
    left = ends - time.monotonic()
    if left <= 0:
        raise NotTaken("the relay is too slow")
    if smtp.sock is not None:
        smtp.sock.settimeout(left)


def _stuffed(raw: bytes) -> bytes:
    """The content as SMTP wants it: lines end with CRLF, dots at their beginning are doubled."""
    lines = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    if lines[-1] == b"":
        del lines[-1]
    doubled = (b"." + line if line.startswith(b".") else line for line in lines)
    return b"\r\n".join([*doubled, b".", b""])


@contextlib.contextmanager
def _conversation(step: str) -> Iterator[None]:
    """Turn each failure of a step before the content into NotTaken, without the relay's words.

    A certificate that is not valid, and a refusal for ever, need a person.
    """
    try:
        yield
    except smtplib.SMTPResponseException as error:
        kind = NeedsOperator if error.smtp_code >= 500 else NotTaken
        raise kind(f"{step} {error.smtp_code}") from None
    except (ssl.SSLCertVerificationError, smtplib.SMTPNotSupportedError) as error:
        raise NeedsOperator(f"{step} {type(error).__name__}") from None
    except (OSError, smtplib.SMTPException) as error:
        raise NotTaken(f"{step} {type(error).__name__}") from None
