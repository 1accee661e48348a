"""Links that nobody can guess: a ticket's number with a signature over it and its purpose.

The key is made at deploy time and read at run time. During a rotation two keys are valid: links
are signed with the current one and read with either.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable
from datetime import datetime

from redress.base.errors import NotFound
from redress.tickets.rules.numbers import normalised

_SIGNATURE_BYTES = 18
"""144 bits of HMAC-SHA256: 24 letters of a link, far beyond guessing."""

_SHORT_BYTES = 10
"""80 bits, 16 letters: an address must stay short, and every guess is a mail that is counted."""


class Links:
    """Makes and reads link tokens. `keys()` gives the valid keys, the signing one first; the others
    are asked for only when a token is not signed with it."""

    def __init__(self, keys: Callable[[], Iterable[bytes]]) -> None:
        self._keys = keys

    def status_token(self, number: str) -> str:
        """The token of a ticket's status page: `R-7K3M9-QW0X2.<signature>`."""
        return f"{number}.{self._sign(self._current(), 'status', number)}"

    def survey_token(self, number: str, expires: datetime) -> str:
        """The token of a ticket's questionnaire, valid until `expires` (whole seconds)."""
        claim = f"{number}.{int(expires.timestamp())}"
        return f"{claim}.{self._sign(self._current(), 'survey', claim)}"

    def unsubscribe_token(self, number: str) -> str:
        """The token with which who got the survey of a ticket ends surveys to their address."""
        return f"{number}.{self._sign(self._current(), 'unsubscribe', number)}"

    def mail_token(self, number: str) -> str:
        """The token in the mails of a ticket: `r-7k3m9-qw0x2.<signature>`.

        It stands before the @ of the reply address and of the message ids, where it comes back in
        whatever case a mail program likes: so it is of lower-case letters and read in any.
        """
        return f"{number.lower()}.{self._short(self._current(), number)}"

    def read_mail(self, token: str) -> str:
        """The number in a mail token, in any case; NotFound for anything that we did not sign.

        What follows on the token and a dot tells mails of a ticket apart and is not looked at.
        """
        claim, _, rest = token.partition(".")
        signature = rest.partition(".")[0]
        given = signature.lower().encode("utf-8", "surrogatepass")
        if number := normalised(claim):
            for key in self._keys():
                if hmac.compare_digest(self._short(key, number).encode(), given):
                    return number
        raise NotFound("this address is not known")

    def read_status(self, token: str) -> str:
        """The number in a status token; NotFound for anything that we did not sign."""
        number, _, signature = token.partition(".")
        self._check("status", number, signature)
        return self._number(number)

    def read_unsubscribe(self, token: str) -> str:
        """The number in an unsubscribe token; NotFound for anything that we did not sign."""
        number, _, signature = token.partition(".")
        self._check("unsubscribe", number, signature)
        return self._number(number)

    def read_survey(self, token: str, now: datetime) -> str:
        """The number in a survey token; NotFound for a forged or an expired one."""
        claim, _, signature = token.rpartition(".")
        self._check("survey", claim, signature)
        number, _, expires = claim.partition(".")
        if not expires.isdigit() or int(expires) < now.timestamp():
            raise NotFound("this link has expired")
        return self._number(number)

    def _current(self) -> bytes:
        return next(iter(self._keys()))

    def _check(self, purpose: str, claim: str, signature: str) -> None:
        given = signature.encode("utf-8", "surrogatepass")
        for key in self._keys():
            if hmac.compare_digest(self._sign(key, purpose, claim).encode(), given):
                return
        raise NotFound("this link is not known")

    @staticmethod
    def _short(key: bytes, number: str) -> str:
        digest = hmac.new(key, f"mail|{number}".encode(), hashlib.sha256).digest()
        return base64.b32encode(digest[:_SHORT_BYTES]).decode().lower()

    @staticmethod
    def _number(text: str) -> str:
        number = normalised(text)
        if number != text or number is None:
            raise NotFound("this link is not known")
        return number

    @staticmethod
    def _sign(key: bytes, purpose: str, claim: str) -> str:
        message = f"{purpose}|{claim}".encode("utf-8", "surrogatepass")
        digest = hmac.new(key, message, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest[:_SIGNATURE_BYTES]).decode()
