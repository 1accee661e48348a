"""Calls of the staff API: with a token that is renewed in time, and with patience.

A call that the service refuses for a moment (429, 503) is repeated after the time that the answer
names, and the person is told. A call that may have been done already is not repeated.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from redress_staff import AuthenticatedClient

from redress_cli import config, sign_in, tokens
from redress_cli.faults import BUSY, OTHER, SIGN_IN, USAGE, Fault, Refusal
from redress_cli.screen import tell

EARLY_S = 300
"""A token is renewed if it has less time left than this."""
PATIENCE_S = 60
"""Waits for a busy service take no longer than this together."""

pause = time.sleep


@dataclass(frozen=True)
class Answer:
    """The answer of the API: `value` of the generated class, and the bytes that came."""

    value: Any
    content: bytes


class _Failed(Exception):
    """An answer with an error. It is raised before the generated client reads it: a gateway in
    front of the functions may answer in a form that is not in the document."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(response.status_code)
        self.response = response


def _stop_at_errors(response: httpx.Response) -> None:
    if response.status_code >= 300:
        response.read()
        raise _Failed(response)


class Session:
    """The calls of one person at one deployment."""

    def __init__(self, name: str) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
            raise Fault(f"{name!r} cannot be the name of a profile.", USAGE)
        self.name = name
        self.profile = config.load(name)
        self._tokens: tokens.Tokens | None = None
        self._client: AuthenticatedClient | None = None

    # -------------------------------------------------------------------- sign-in

    def signed_in(self, found: tokens.Tokens) -> None:
        tokens.save(self.name, self.profile.keep, found)
        self._tokens, self._client = found, None

    def signed_out(self) -> None:
        kept = tokens.load(self.name, self.profile.keep)
        tokens.forget(self.name, self.profile.keep)
        if kept is not None:
            sign_in.revoke(self.profile, kept)
        self._tokens = self._client = None

    def _token(self, *, renew: bool = False) -> str:
        given = os.environ.get("REDRESS_TOKEN")
        if given:
            return given
        if self._tokens is None:
            self._tokens = tokens.load(self.name, self.profile.keep)
        if self._tokens is None:
            raise Fault("You are not signed in.", SIGN_IN, ["Sign in: redress login"])
        if renew or self._tokens.expires_at - time.time() < EARLY_S:
            found = sign_in.refreshed(self.profile, self._tokens)
            if found is None:
                raise Fault("Your sign-in has ended.", SIGN_IN, ["Sign in again: redress login"])
            self.signed_in(found)
        assert self._tokens is not None
        return self._tokens.id_token

    def _connected(self, *, renew: bool = False) -> AuthenticatedClient:
        if not self.profile.api:
            hint = "Tell it once: redress setup --api https://.../v1 (or --outputs FILE)"
            raise Fault("The address of the service is not known.", USAGE, [hint])
        token = self._token(renew=renew)
        if self._client is None or self._client.token != token:
            self._client = AuthenticatedClient(
                base_url=self.profile.api.rstrip("/"),
                token=token,
                timeout=httpx.Timeout(60, connect=10),
                headers={"User-Agent": "redress-cli"},
                httpx_args={"event_hooks": {"response": [_stop_at_errors]}},
            )
        return self._client

    # -------------------------------------------------------------------- calls

    def read(self, operation: Any, *given: Any, **named: Any) -> Answer:
        """Call an operation that changes nothing, or that can be repeated without harm."""
        return self._call(operation, given, named, repeatable=True)

    def change(self, operation: Any, *given: Any, **named: Any) -> Answer:
        """Call an operation that must not happen twice. Raises Unknown if its answer was lost."""
        return self._call(operation, given, named, repeatable=False)

    def _call(
        self, operation: Any, given: tuple[Any, ...], named: dict[str, Any], *, repeatable: bool
    ) -> Answer:
        waited, renewed, lost = 0.0, False, False
        while True:
            client = self._connected()
            try:
                found = operation.sync_detailed(*given, client=client, **named)
            except httpx.ConnectError as error:
                raise Fault(
                    f"No connection to {self.profile.api}: {error}",
                    BUSY,
                    ["Check your connection, and the address: redress setup --show"],
                ) from error
            except httpx.HTTPError as error:
                if repeatable and not lost:
                    lost = True
                    continue
                if repeatable:
                    raise Fault(f"The answer did not come: {error}", BUSY) from error
                raise Unknown(BUSY) from error
            except _Failed as failed:
                response = failed.response
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise Fault(
                    "The answer of the service has a form that this client does not know.",
                    OTHER,
                    ["Install the version of redress that belongs to your deployment."],
                ) from error
            else:
                return Answer(found.parsed, found.content)
            status = response.status_code
            if status == 401 and not renewed and not os.environ.get("REDRESS_TOKEN"):
                renewed = True
                self._connected(renew=True)
                continue
            # 429 comes before the function, so nothing was done.
            if status == 429 or (status in (502, 503, 504) and repeatable):
                wait = _wait(response.headers, waited)
                if waited + wait <= PATIENCE_S:
                    tell(f"The service is busy; trying again in {wait:.0f} s.")
                    pause(wait)
                    waited += wait
                    continue
            refusal = Refusal(status, _body(response), response.content)
            # API Gateway answers 503 if the function takes too long and 500 if it dies, and the
            # function may have made the change before.
            if status >= 500 and not repeatable:
                raise Unknown(refusal.code, response.content)
            raise refusal


class Unknown(Fault):
    """The answer to a change was lost or an error of the service, so nobody knows here whether the
    change was made. `content` is the answer, if one came."""

    def __init__(self, code: int, content: bytes = b"") -> None:
        super().__init__(
            "The service did not say whether this was done.",
            code,
            ["Look first, before you repeat it: redress show NUMBER"],
        )
        self.content = content


def _wait(headers: Mapping[str, str], waited: float) -> float:
    """Seconds until the next try: those that the answer names, or longer each time."""
    named = headers.get("retry-after", "")
    return float(named) if named.isdecimal() else max(1.0, waited)


def _body(response: httpx.Response) -> dict[str, Any]:
    """The JSON of an error. A gateway may answer with another form, or with a page."""
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
