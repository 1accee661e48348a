"""Tokens of links. A token is a ticket number and a signature, so that nobody can guess it.

The signature is computed from the number and the purpose of the link. The signing key is created at
deployment and read at run time. During a key rotation two keys are valid. New links are signed with
the current key. A link that was signed with either key is accepted.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable
from datetime import datetime

from redress.base.errors import LinkExpired, NotFound
from redress.tickets.rules.numbers import normalised

_SIGNATURE_BYTES = 18
"""144 bits of HMAC-SHA256, or 24 characters in a link. Nobody can guess so many bits."""

_SHORT_BYTES = 10
"""80 bits, 16 characters. A mail address must stay short. 80 bits suffice there because every guess
costs a mail, and incoming mails are counted and limited."""


class Links:
    """Makes and reads link tokens.

    `keys()` returns an iterable of the valid keys. The first one is the signing key. A further key
    is read from it only if a token is not signed with the keys before.
    """

    def __init__(self, keys: Callable[[], Iterable[bytes]]) -> None:
        self._keys = keys

    def status_token(self, number: str) -> str:
        """The token of a ticket's status page: `R-7K3M9-QW0X2.<signature>`."""
        return f"{number}.{self._sign(self._current(), 'status', number)}"

    def survey_token(self, number: str, expires: datetime) -> str:
        """The token of a ticket's survey, valid until `expires` (rounded down to seconds)."""
        claim = f"{number}.{int(expires.timestamp())}"
        return f"{claim}.{self._sign(self._current(), 'survey', claim)}"

    def unsubscribe_token(self, number: str) -> str:
        """The token of the link by which the recipient of a survey refuses further surveys."""
        return f"{number}.{self._sign(self._current(), 'unsubscribe', number)}"

    def return_token(self, number: str, file: str, language: str, expires: datetime) -> str:
        """The token of the address to which a browser comes back after it has sent a file.

        The address lies in a form that goes to the bucket, so it must not bear the token of the
        status page. `file` is the id of the file, and `language` that of the reader. The token is
        valid until `expires` (rounded down to seconds).
        """
        claim = f"{number}.{file}.{language}.{int(expires.timestamp())}"
        return f"{claim}.{self._sign(self._current(), 'return', claim)}"

    def mail_token(self, number: str) -> str:
        """The token in the mails of a ticket: `r-7k3m9-qw0x2.<signature>`.

        It is the part before the @ in the reply address and in message ids. Mail programs may
        change the letter case of these. So the token is in lower case and `read_mail` ignores case.
        """
        return f"{number.lower()}.{self._short(self._current(), number)}"

    def read_mail(self, token: str) -> str:
        """The number in a mail token, in any letter case. Raises NotFound for an invalid signature.

        A second dot and the text after it are ignored: they distinguish the mails of one ticket.
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
        """The number in a status token. Raises NotFound for an invalid signature."""
        number, _, signature = token.partition(".")
        self._check("status", number, signature)
        return self._number(number)

    def read_unsubscribe(self, token: str) -> str:
        """The number in an unsubscribe token. Raises NotFound for an invalid signature."""
        number, _, signature = token.partition(".")
        self._check("unsubscribe", number, signature)
        return self._number(number)

    def read_survey(self, token: str, now: Callable[[], datetime]) -> str:
        """The number in a survey token. Raises NotFound if forged, LinkExpired if it is over.

        `now` is called after the keys were read, because a function knows the time of AWS only
        after an answer (`redress.base.service_clock`).
        """
        claim, _, signature = token.rpartition(".")
        self._check("survey", claim, signature)
        number, _, expires = claim.partition(".")
        if not expires.isdigit() or int(expires) < now().timestamp():
            raise LinkExpired("this link has expired")
        return self._number(number)

    def read_return(self, token: str, now: Callable[[], datetime]) -> tuple[str, str, str]:
        """The number, the file and the language in a return token.

        Raises NotFound if it is forged, LinkExpired if it is over. `now` is called after the keys
        were read, as in `read_survey`.
        """
        claim, _, signature = token.rpartition(".")
        self._check("return", claim, signature)
        number, file, language, expires = claim.split(".")
        if int(expires) < now().timestamp():
            raise LinkExpired("this link has expired")
        return self._number(number), file, language

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
