"""Sign-in of the terminal client: by browser, with a password, and where tokens are kept."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail

from local.process import free_port
from redress_cli import config, sign_in, tokens
from redress_cli.config import Profile
from redress_cli.faults import BUSY, SIGN_IN, USAGE, Fault
from tests.client.conftest import Terminal
from tests.functions.gateway import served

PASSWORD, CODE = "Chosen-by-herself-1", "123456"


class Memory(KeyringBackend):
    """A keyring that refuses what the credential manager of Windows refuses."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        assert len(password) <= 1_280
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def memory() -> Iterator[Memory]:
    before, made = keyring.get_keyring(), Memory()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


@dataclass
class Issuer:
    """An OpenID Connect issuer and a user pool. It takes one password and one code of an app."""

    codes: dict[str, str] = field(default_factory=dict)
    operations: list[str] = field(default_factory=list)
    refresh: str = "refresh-1"
    status: int = 200

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        size = int(environ.get("CONTENT_LENGTH") or 0)
        text = environ["wsgi.input"].read(size).decode()
        path = environ["PATH_INFO"].removeprefix("/v1")
        if path == "/oauth2/token":
            status, body = self.token(dict(parse_qsl(text)))
        elif path == "/.well-known/openid-configuration":
            base = f"http://{environ['HTTP_HOST']}/v1/oauth2"
            names = {"authorization": "authorize", "token": "token", "revocation": "revoke"}
            status, body = 200, {f"{n}_endpoint": f"{base}/{end}" for n, end in names.items()}
        else:
            operation = environ.get("HTTP_X_AMZ_TARGET", path).rpartition(".")[2]
            self.operations.append(operation)
            status, body = self.pool(operation, json.loads(text or "{}"))
        raw = json.dumps(body).encode()
        start(f"{status} OK", [("Content-Length", str(len(raw)))])
        return [raw]

    def token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        if self.status != 200:
            return self.status, {}
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] != self.refresh:
                return 400, {"error": "invalid_grant"}
            return 200, {"id_token": "token-of-mei", "expires_in": 3600}
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if self.codes.pop(form["code"], None) != challenge:
            return 400, {"error": "invalid_grant"}
        given = {"id_token": "token-of-mei", "refresh_token": self.refresh, "expires_in": 3600}
        return 200, given

    def pool(self, operation: str, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        done = {
            "AuthenticationResult": {
                "IdToken": "token-of-mei",
                "RefreshToken": self.refresh,
                "ExpiresIn": 3600,
            }
        }
        refused = 400, {"__type": "NotAuthorizedException", "message": "Incorrect password."}
        asked = given.get("AuthParameters", {})
        answers = given.get("ChallengeResponses", {})
        if operation == "InitiateAuth" and given["AuthFlow"] == "REFRESH_TOKEN_AUTH":
            return (200, done) if asked["REFRESH_TOKEN"] == self.refresh else refused
        if operation == "InitiateAuth":
            if asked != {"USERNAME": "mei@example.com", "PASSWORD": PASSWORD}:
                return refused
            return 200, {"ChallengeName": "SOFTWARE_TOKEN_MFA", "Session": "s"}
        if operation == "RespondToAuthChallenge":
            return (200, done) if answers.get("SOFTWARE_TOKEN_MFA_CODE") == CODE else refused
        return 200, {}


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def address(issuer: Issuer) -> Iterator[str]:
    with served(issuer) as found:
        yield found


@pytest.fixture
def profile(address: str) -> Profile:
    callback = f"http://localhost:{free_port()}/"
    return Profile("http://localhost/v1", address, "the-client", callback=callback)


def browser(issuer: Issuer, **changes: str) -> Callable[[str], bool]:
    """A browser in which somebody signs in: it returns to the callback with a code."""

    def open_page(page: str) -> bool:
        query = {name: values[0] for name, values in parse_qs(urlsplit(page).query).items()}
        assert query["code_challenge_method"] == "S256"
        issuer.codes["a-code"] = query["code_challenge"]
        answer = {"code": "a-code", "state": query["state"]} | changes
        at = query["redirect_uri"].replace("localhost", "127.0.0.1")

        def go() -> None:
            assert httpx.get(f"{at}favicon.ico").status_code == 404
            httpx.get(at, params=answer)

        threading.Thread(target=go).start()
        return True

    return open_page


def test_browser_signs_in_with_a_code_and_a_proof_key(profile: Profile, issuer: Issuer) -> None:
    told: list[str] = []
    found = sign_in.by_browser(profile, told.append, browser(issuer), wait_s=20)
    assert (found.id_token, found.refresh_token) == ("token-of-mei", "refresh-1")
    assert "/oauth2/authorize?" in told[-1]


def test_answer_to_another_sign_in_is_refused(profile: Profile, issuer: Issuer) -> None:
    with pytest.raises(Fault, match="not to this sign-in") as caught:
        sign_in.by_browser(profile, print, browser(issuer, state="forged"), wait_s=20)
    assert caught.value.code == SIGN_IN
    with pytest.raises(Fault, match="code of the sign-in was refused"):
        sign_in.by_browser(profile, print, browser(issuer, code="guessed"), wait_s=20)


def test_a_connection_on_which_nothing_comes_holds_up_nobody(
    profile: Profile, issuer: Issuer
) -> None:
    idle: list[socket.socket] = []
    signed_in: list[tokens.Tokens] = []

    def open_page(page: str) -> bool:
        there = urlsplit(profile.callback)
        idle.append(socket.create_connection(("127.0.0.1", there.port or 80)))
        return browser(issuer)(page)

    def go() -> None:
        signed_in.append(sign_in.by_browser(profile, print, open_page, wait_s=20))

    waiting = threading.Thread(target=go, daemon=True)
    waiting.start()
    waiting.join(20)
    assert [one.id_token for one in signed_in] == ["token-of-mei"]
    idle[0].close()


def test_callback_at_which_the_client_does_not_listen_is_refused(profile: Profile) -> None:
    for host in ("[::1]", "desk.example.org"):
        elsewhere = replace(profile, callback=f"http://{host}:8976/")
        with pytest.raises(Fault, match="cannot listen") as caught:
            sign_in.by_browser(elsewhere, print, lambda _: True, wait_s=0.1)
        assert caught.value.code == USAGE


def test_sign_in_ends_if_nobody_comes_back(profile: Profile) -> None:
    with pytest.raises(Fault, match="in time"):
        sign_in.by_browser(profile, print, lambda _: True, wait_s=0.1)


def signed_in(terminal: Terminal, address: str, *options: str, typed: str = "") -> Any:
    terminal("setup", "--issuer", address, "--client", "the-client")
    path = terminal.folder / "profiles.json"
    settings = json.loads(path.read_text())
    settings["default"]["pool_endpoint"] = address
    path.write_text(json.dumps(settings))
    command = ("login", "--password", "--email", "mei@example.com", *options)
    return terminal(*command, by=None, input=typed or f"{PASSWORD}\n{CODE}\n")


def test_password_and_code_of_an_app_sign_in_until_sign_out(
    terminal: Terminal, address: str, issuer: Issuer, memory: Memory
) -> None:
    done = signed_in(terminal, address)
    assert (done.code, done.out) == (0, "Signed in as mei, agent of complaints.\n"), done.err
    assert PASSWORD not in done.err
    assert terminal("work", by=None).code == 0
    assert not list(terminal.folder.glob("tokens*"))

    assert terminal("logout", "--json", by=None).json == {"signed_in": False}
    assert issuer.operations[-1] == "RevokeToken"
    assert memory.kept == {}
    found = terminal("work", by=None)
    assert (found.code, found.err) == (3, "You are not signed in.\n  Sign in: redress login\n")


def test_wrong_password_is_refused_in_words(
    terminal: Terminal, address: str, memory: Memory
) -> None:
    found = signed_in(terminal, address, typed="wrong\n")
    assert (found.code, "Incorrect password." in found.err) == (3, True)
    assert memory.kept == {}


def test_without_a_keyring_the_client_says_what_to_do_and_keeps_a_file_only_if_asked(
    terminal: Terminal, address: str, memory: Memory
) -> None:
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]
    found = signed_in(terminal, address)
    assert (found.code, "--token-file" in found.err) == (1, True)
    assert not list(terminal.folder.glob("tokens*"))

    assert signed_in(terminal, address, "--token-file", "--json").json["name"] == "mei"
    [path] = terminal.folder.glob("tokens*")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert terminal("work", by=None).code == 0
    terminal("logout", by=None)
    assert not path.exists()


def kept(terminal: Terminal, monkeypatch: pytest.MonkeyPatch, **fields: Any) -> tokens.Tokens:
    """Keep tokens of a sign-in, with these fields."""
    monkeypatch.setenv("REDRESS_CONFIG", str(terminal.folder))
    usual: dict[str, Any] = {
        "id_token": "an-old-token",
        "refresh_token": "refresh-1",
        "expires_at": time.time(),
    }
    made = tokens.Tokens(**(usual | fields))
    tokens.save("default", "keyring", made)
    return made


def test_token_is_renewed_before_it_expires_and_after_it_was_refused(
    terminal: Terminal, address: str, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = f"{address}/oauth2/token"
    for expires in (60, 3000):
        kept(terminal, monkeypatch, expires_at=time.time() + expires, refresh_at=there)
        assert terminal("work", by=None).code == 0
        found = tokens.load("default", "keyring")
        assert found is not None
        assert (found.id_token, found.refresh_token) == ("token-of-mei", "refresh-1")


def test_sign_in_that_has_ended_asks_for_another_one(
    terminal: Terminal,
    address: str,
    issuer: Issuer,
    memory: Memory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept(terminal, monkeypatch, refresh_at=f"{address}/oauth2/token", refresh_token="revoked")
    found = terminal("work", by=None)
    assert (found.code, "Sign in again: redress login" in found.err) == (3, True)
    issuer.status = 503
    found = terminal("work", by=None)
    assert (found.code, "cannot renew" in found.err) == (BUSY, True)


def test_outputs_of_a_stack_are_the_settings(terminal: Terminal, tmp_path: Path) -> None:
    outputs = {
        "ApiUrl": "https://abc.execute-api.eu-west-1.amazonaws.com/v1",
        "StaffIssuer": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example00",
        "UserPoolClientId": "the-client",
        "SignInAddress": "https://desk.auth.eu-west-1.amazoncognito.com",
    }
    listed = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
    for document in (listed, {"Stacks": [{"Outputs": listed}]}):
        found = config.from_outputs(document)
        assert list(found.values()) == list(outputs.values())
    path = tmp_path / "outputs.json"
    path.write_text(json.dumps(listed))
    shown = terminal("--profile", "work", "setup", "--outputs", str(path)).out
    assert "sign_in: https://desk.auth.eu-west-1.amazoncognito.com\n" in shown
    path.write_text("[]")
    assert terminal("setup", "--outputs", str(path)).code == 2


def test_tokens_are_kept_whole_and_nothing_of_old_ones_stays(
    terminal: Terminal, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = kept(terminal, monkeypatch, id_token="o" * 3_000)

    def killed(service: str, username: str, password: str) -> None:
        if len(memory.kept) == 7:
            raise PermissionError("locked")
        Memory.set_password(memory, service, username, password)

    with monkeypatch.context() as patch:
        patch.setattr(memory, "set_password", killed)
        with pytest.raises(Fault, match="cannot be read or kept: locked"):
            kept(terminal, monkeypatch, id_token="n" * 3_000)
    assert tokens.load("default", "keyring") == old

    new = kept(terminal, monkeypatch, id_token="short")
    assert tokens.load("default", "keyring") == new
    assert len(memory.kept) == 2
    kept(terminal, monkeypatch, id_token="s" * 3_000)
    tokens.forget("default", "keyring")
    assert memory.kept == {}


def test_tokens_of_the_version_before_are_read_and_replaced(
    terminal: Terminal, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tokens.Tokens("o" * 1_500, "refresh-1", 1.0)
    text = json.dumps(asdict(old))
    memory.kept = {
        (tokens.SERVICE, "default"): "2",
        (tokens.SERVICE, "default:0"): text[:1_000],
        (tokens.SERVICE, "default:1"): text[1_000:],
    }
    assert tokens.load("default", "keyring") == old
    new = kept(terminal, monkeypatch, id_token="short")
    assert tokens.load("default", "keyring") == new
    assert len(memory.kept) == 2


def test_file_of_tokens_that_cannot_be_read_or_written_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REDRESS_CONFIG", str(tmp_path / "settings"))
    (tmp_path / "settings").write_text("not a folder")
    with pytest.raises(Fault, match="cannot be read or kept"):
        tokens.save("default", "file", tokens.Tokens("a", "b", 1.0))
    with pytest.raises(Fault, match="cannot be read or kept"):
        tokens.forget("default", "file")


@pytest.mark.parametrize(
    ("address", "taken"),
    [
        ("https://api.example.org/v1", True),
        ("http://localhost:4566/v1", True),
        ("http://api.localhost:4566/v1", True),
        ("http://127.0.0.1/v1", True),
        ("http://[::1]:80/v1", True),
        ("http://api.example.org/v1", False),
        ("http://127.0.0.1.example.org/v1", False),
        ("http://localhost@example.org/v1", False),
        ("http://10.0.0.1/v1", False),
        ("https:///v1", False),
        ("http://[::1/v1", False),
    ],
)
def test_tokens_go_by_https_or_stay_on_this_machine(
    address: str, taken: bool, terminal: Terminal
) -> None:
    found = terminal("setup", "--api", address)
    assert (found.code, "api: " in found.out) == ((0, True) if taken else (2, False))


def test_settings_that_are_no_addresses_are_all_named(terminal: Terminal) -> None:
    found = terminal("setup", "--api", "abc", "--issuer", "def")
    assert (found.code, found.err.count("is not an address")) == (2, 2)
