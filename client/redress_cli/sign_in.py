"""Sign-in: by browser (authorization code with PKCE, RFC 7636 and 8252), or with a password.

Any OpenID Connect issuer has the first way; a user pool of Amazon Cognito also has the second.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
import webbrowser
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import httpx

from redress_cli.config import Profile
from redress_cli.faults import BUSY, SIGN_IN, USAGE, Fault
from redress_cli.tokens import Tokens

Ask = Callable[[str, bool], str]
"""Asks for something; the second argument says whether the answer is shown while it is typed."""
Tell = Callable[[str], None]

SCOPE = "openid email profile"
TIMEOUT_S = 30
PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>Redress</title>"
    "<p>{}</p><p>You can close this page and return to the terminal.</p></html>"
)


def _ask_server(method: str, address: str, **given: Any) -> tuple[int, dict[str, Any]]:
    """The status and the JSON of an answer. Raises Fault without a connection."""
    try:
        found = httpx.request(method, address, timeout=TIMEOUT_S, **given)
    except httpx.HTTPError as error:
        host = urlsplit(address).netloc
        raise Fault(f"No answer from {host}: {error}", BUSY, ["Check your connection."]) from error
    try:
        body = found.json()
    except ValueError:
        body = {}
    return found.status_code, body if isinstance(body, dict) else {}


# ------------------------------------------------------------------------------ by browser


def endpoints(profile: Profile) -> dict[str, str]:
    """The addresses of the sign-in: authorize, token and, if there is one, revoke."""
    if profile.sign_in:
        base = profile.sign_in.rstrip("/") + "/oauth2"
        return {
            "authorize": f"{base}/authorize",
            "token": f"{base}/token",
            "revoke": f"{base}/revoke",
        }
    address = profile.issuer.rstrip("/") + "/.well-known/openid-configuration"
    status, found = _ask_server("GET", address)
    if status != 200 or "authorization_endpoint" not in found:
        raise Fault(f"{address} does not describe an issuer ({status}).", SIGN_IN)
    return {
        "authorize": str(found["authorization_endpoint"]),
        "token": str(found["token_endpoint"]),
        "revoke": str(found.get("revocation_endpoint", "")),
    }


def by_browser(
    profile: Profile,
    tell: Tell,
    open_page: Callable[[str], bool] = webbrowser.open,
    wait_s: float = 300,
) -> Tokens:
    """Sign in at the pages of the issuer. Listens at the profile's callback address meanwhile."""
    places = endpoints(profile)
    callback = urlsplit(profile.callback)
    if callback.hostname not in ("localhost", "127.0.0.1"):
        hint = "It must begin with http://localhost or http://127.0.0.1"
        raise Fault(f"The client cannot listen at {profile.callback}.", USAGE, [hint])
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
    digest = hashlib.sha256(verifier.encode()).digest()
    query = {
        "response_type": "code",
        "client_id": profile.client,
        "redirect_uri": profile.callback,
        "scope": SCOPE,
        "state": state,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    address = f"{places['authorize']}?{urlencode(query, quote_via=quote)}"
    with _Loopback(callback.port or 80, callback.path or "/") as server:
        tell("Sign in at the page that opens in your browser, or open it yourself:")
        tell(address)
        # Some browsers run until they are closed, and the page needs an answer before that.
        threading.Thread(target=open_page, args=(address,), daemon=True).start()
        found = server.answer(time.monotonic() + wait_s)
    if found.get("state") != state:
        raise Fault("The answer of the browser is not to this sign-in.", SIGN_IN, [_AGAIN])
    if "code" not in found:
        why = found.get("error_description") or found.get("error") or "no code came"
        raise Fault(f"The sign-in was refused: {why}", SIGN_IN, [_AGAIN])
    form = {
        "grant_type": "authorization_code",
        "client_id": profile.client,
        "redirect_uri": profile.callback,
        "code": found["code"],
        "code_verifier": verifier,
    }
    status, tokens = _ask_server("POST", places["token"], data=form)
    if status != 200 or "id_token" not in tokens:
        why = str(tokens.get("error_description") or tokens.get("error") or status)
        raise Fault(f"The code of the sign-in was refused: {why}", SIGN_IN, [_AGAIN])
    return Tokens(
        id_token=tokens["id_token"],
        refresh_token=tokens.get("refresh_token", ""),
        expires_at=time.time() + float(tokens.get("expires_in", 3600)),
        refresh_at=places["token"],
        revoke_at=places["revoke"],
    )


_AGAIN = "Try again: redress login"


class _Loopback:
    """An HTTP server on this machine that takes one answer of the browser.

    Each connection has a thread: browsers open some in advance, on which they send nothing.
    """

    def __init__(self, port: int, path: str) -> None:
        found: list[dict[str, str]] = []
        came = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            timeout = TIMEOUT_S

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                given = dict(parse_qsl(parts.query))
                # Browsers also ask for /favicon.ico.
                answers = parts.path == path and bool({"code", "error"} & given.keys())
                text = "You are signed in." if "code" in given else "This is not a sign-in."
                body = PAGE.format(text).encode()
                self.send_response(200 if answers else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                if answers:
                    found.append(given)
                    came.set()

            def log_message(self, *_: Any) -> None:
                """Print nothing: the query contains the code."""

        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        except OSError as error:
            hint = "End the program that uses the port, or wait until another sign-in has ended."
            raise Fault(f"Port {port} of this machine is in use.", SIGN_IN, [hint]) from error
        self._found, self._came = found, came

    def __enter__(self) -> _Loopback:
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, until: float) -> dict[str, str]:
        """What the browser brought. Raises Fault if it brought nothing in time."""
        # Ctrl-C on Windows ends no wait, so each is short.
        while not self._came.wait(min(1, max(0, until - time.monotonic()))):
            if until <= time.monotonic():
                raise Fault("Nobody signed in at the page in time.", SIGN_IN, [_AGAIN])
        return self._found[0]


# ------------------------------------------------------------------------------ with a password


def by_password(profile: Profile, email: str, ask: Ask, tell: Tell) -> Tokens:
    """Sign in at the user pool with a password, and the code of an app if the pool asks for one."""
    password = ask("Password", False)
    found = _pool(
        profile,
        "InitiateAuth",
        AuthFlow="USER_PASSWORD_AUTH",
        ClientId=profile.client,
        AuthParameters={"USERNAME": email, "PASSWORD": password},
    )
    while "AuthenticationResult" not in found:
        name, session = str(found["ChallengeName"]), str(found.get("Session", ""))
        answer = {"USERNAME": found.get("ChallengeParameters", {}).get("USER_ID_FOR_SRP", email)}
        if name == "NEW_PASSWORD_REQUIRED":
            tell("Choose a password of your own: 12 characters, with a capital and a digit.")
            chosen = ask("New password", False)
            if ask("New password, again", False) != chosen:
                hint = "Sign in again with the password that you were sent."
                raise Fault("The two passwords differ.", SIGN_IN, [hint])
            answer["NEW_PASSWORD"] = chosen
        elif name == "SOFTWARE_TOKEN_MFA":
            answer["SOFTWARE_TOKEN_MFA_CODE"] = ask("Code of your authenticator app", True)
        elif name == "MFA_SETUP":
            session = _set_up_app(profile, email, session, ask, tell)
        else:
            hint = "Sign in by browser: redress login"
            raise Fault(f"The user pool asks for {name}.", SIGN_IN, [hint])
        found = _pool(
            profile,
            "RespondToAuthChallenge",
            ClientId=profile.client,
            ChallengeName=name,
            Session=session,
            ChallengeResponses=answer,
        )
    result = found["AuthenticationResult"]
    return Tokens(
        id_token=result["IdToken"],
        refresh_token=result.get("RefreshToken", ""),
        expires_at=time.time() + float(result.get("ExpiresIn", 3600)),
    )


def _set_up_app(profile: Profile, email: str, session: str, ask: Ask, tell: Tell) -> str:
    begun = _pool(profile, "AssociateSoftwareToken", Session=session)
    about = urlencode({"secret": begun["SecretCode"], "issuer": "Redress"})
    tell(f"Add this key to your authenticator app: {begun['SecretCode']}")
    tell(f"or open there: otpauth://totp/{quote(f'Redress:{email}')}?{about}")
    code = ask("Code of your authenticator app", True)
    done = _pool(profile, "VerifySoftwareToken", Session=begun["Session"], UserCode=code)
    return str(done["Session"])


def _pool(profile: Profile, operation: str, **given: Any) -> dict[str, Any]:
    """The answer of an operation of Amazon Cognito. Raises Fault with its words."""
    host = urlsplit(profile.issuer).netloc
    if not (profile.pool_endpoint or host.startswith("cognito-idp.")):
        hint = "Sign in by browser: redress login"
        raise Fault(f"{profile.issuer} is not a user pool of Amazon Cognito.", USAGE, [hint])
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"AWSCognitoIdentityProviderService.{operation}",
    }
    address = profile.pool_endpoint or f"https://{host}/"
    status, body = _ask_server("POST", address, json=given, headers=headers)
    if status != 200:
        why = body.get("message") or body.get("Message") or body.get("__type") or status
        code = BUSY if status >= 500 else SIGN_IN
        raise Fault(f"The sign-in was refused: {why}", code, [f"{_AGAIN} --password"])
    return body


# ------------------------------------------------------------------------------ later


def refreshed(profile: Profile, tokens: Tokens) -> Tokens | None:
    """New tokens for the kept refresh token; None if the issuer does not take it any more."""
    if not tokens.refresh_token:
        return None
    if tokens.refresh_at:
        form = {
            "grant_type": "refresh_token",
            "client_id": profile.client,
            "refresh_token": tokens.refresh_token,
        }
        status, body = _ask_server("POST", tokens.refresh_at, data=form)
        if status >= 500 or status == 429:
            raise Fault(f"The issuer cannot renew your sign-in now ({status}).", BUSY)
        result = {
            "IdToken": body.get("id_token"),
            "RefreshToken": body.get("refresh_token"),
            "ExpiresIn": body.get("expires_in", 3600),
        }
    else:
        try:
            result = _pool(
                profile,
                "InitiateAuth",
                AuthFlow="REFRESH_TOKEN_AUTH",
                ClientId=profile.client,
                AuthParameters={"REFRESH_TOKEN": tokens.refresh_token},
            ).get("AuthenticationResult", {})
        except Fault as fault:
            if fault.code == SIGN_IN:
                return None
            raise
    if not result.get("IdToken"):
        return None
    return Tokens(
        id_token=str(result["IdToken"]),
        refresh_token=str(result.get("RefreshToken") or tokens.refresh_token),
        expires_at=time.time() + float(result.get("ExpiresIn", 3600)),
        refresh_at=tokens.refresh_at,
        revoke_at=tokens.revoke_at,
    )


def revoke(profile: Profile, tokens: Tokens) -> None:
    """Make the refresh token useless. Raises Fault if the issuer cannot be reached."""
    if not tokens.refresh_token:
        return
    if tokens.refresh_at:
        if tokens.revoke_at:
            form = {"client_id": profile.client, "token": tokens.refresh_token}
            _ask_server("POST", tokens.revoke_at, data=form)
    else:
        _pool(profile, "RevokeToken", ClientId=profile.client, Token=tokens.refresh_token)
