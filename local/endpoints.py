"""The public endpoints, used as people use them: web form, status page, staff API and a mailbox.

The demo and the tests of the deployed stack see only what these return.
"""

from __future__ import annotations

import gzip
import json
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

TIMEOUT_S = 60
LANES = threading.BoundedSemaphore(3)
"""Limits the calls that run at once. The local cloud starts a process for each invocation that
overlaps another; on two cores, many such processes would delay every ticket."""


def widen(lanes: int) -> None:
    """Lets this many calls run at once, in this process. For a load with calls that are held."""
    global LANES
    LANES = threading.BoundedSemaphore(lanes)


class EndpointError(RuntimeError):
    """A public endpoint gave an unexpected answer, or an expected result did not appear in time."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirect)


def call(
    method: str,
    url: str,
    body: Any = None,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Makes one HTTP call. Returns error statuses like any other, and follows no redirect.

    Like browsers and the generated clients, it accepts compressed answers.
    """
    data = None
    sent = {"Accept-Encoding": "gzip", **(headers or {})}
    if body is not None:
        data = json.dumps(body).encode()
        sent.setdefault("Content-Type", "application/json")
    if form is not None:
        data = urllib.parse.urlencode(form).encode()
        sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
    request = urllib.request.Request(url, data=data, headers=sent, method=method)
    try:
        with LANES, _opener.open(request, timeout=TIMEOUT_S) as answer:
            return _read(answer.status, answer)
    except urllib.error.HTTPError as error:
        return _read(error.code, error)
    except OSError as error:
        raise EndpointError(f"{method} {url.rpartition('/')[0]}/...: {error}") from error


def _read(status: int, answer: Any) -> Answer:
    raw = answer.read()
    if answer.headers.get("Content-Encoding") == "gzip":
        raw = gzip.decompress(raw)
    return Answer(status, dict(answer.headers), raw.decode())


class Form(HTMLParser):
    """Parses a page: its links, the targets of its POST forms, and all fields with their values."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.actions: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        if tag == "form" and values.get("method", "").lower() == "post":
            self.actions.append(values.get("action", ""))
        if tag in ("input", "textarea", "select") and "name" in values:
            self.fields.setdefault(values["name"], values.get("value", ""))
        if tag == "a" and "href" in values:
            self.links.append(values["href"])


@dataclass(frozen=True)
class Receipt:
    """What a customer gets on submitting: the ticket's number and the link to its status page."""

    number: str
    status_url: str


def submit_by_form(base_url: str, body: Mapping[str, Any]) -> Receipt:
    """Opens the form in the customer's language, fills it in, sends it and reads the receipt."""
    page = call("GET", f"{base_url}/?{urllib.parse.urlencode({'lang': body['language']})}")
    form = Form()
    form.feed(page.text)
    contact = body["contact"]
    filled = dict(form.fields)
    filled |= {
        "kind": body.get("kind", ""),
        "subject": body["subject"],
        "description": body["description"],
        "wished_remedy": body.get("wished_remedy", ""),
        "name": contact["name"],
        "email": contact.get("email", ""),
        "phone": contact.get("phone", ""),
        "language": body["language"],
    }
    if missing := set(filled) - set(form.fields):
        raise EndpointError(f"the form has no fields {sorted(missing)}: {page.status}")
    filled["consent"] = form.fields.get("consent") or "on"
    answer = call("POST", f"{base_url}/form", form=filled)
    found = re.search(rf"{re.escape(base_url)}/t/([A-Z0-9-]+)\.[\w-]+", answer.text)
    if answer.status != 201 or found is None:
        raise EndpointError(f"the form answered {answer.status}: {answer.text[:400]}")
    return Receipt(number=found[1], status_url=found[0])


def submit_by_json(base_url: str, body: Mapping[str, Any], key: str | None = None) -> Receipt:
    """Sends POST /tickets, as a connector does."""
    headers = {"Idempotency-Key": key or uuid.uuid4().hex}
    answer = call("POST", f"{base_url}/tickets", body=body, headers=headers)
    if answer.status != 201:
        raise EndpointError(f"POST /tickets answered {answer.status}: {answer.text[:400]}")
    return Receipt(answer.json()["number"], answer.json()["status_url"])


def act_on_page(receipt: Receipt, action: str, form: Mapping[str, str]) -> None:
    """Presses a button of the status page: write, confirm, dispute, withdraw or survey."""
    page = call("GET", receipt.status_url)
    found = Form()
    found.feed(page.text)
    action_url = next((url for url in found.actions if url.endswith(f"/{action}")), None)
    if page.status != 200 or action_url is None:
        raise EndpointError(f"the page of {receipt.number} offers no '{action}': {page.status}")
    url = urllib.parse.urljoin(receipt.status_url, action_url)
    answer = call("POST", url, form=form)
    if answer.status not in (200, 303):
        raise EndpointError(f"'{action}' on {receipt.number} answered {answer.status}")


@dataclass
class Staff:
    """A signed-in member of staff."""

    base_url: str
    user: str
    role: str
    token: str
    id: str

    def call(self, method: str, path: str, body: Any = None, key: str | None = None) -> Answer:
        headers = {"Authorization": self.token} | ({"Idempotency-Key": key} if key else {})
        return call(method, f"{self.base_url}/staff{path}", body=body, headers=headers)

    def get(self, path: str) -> Any:
        answer = self.call("GET", path)
        if answer.status != 200:
            raise EndpointError(f"GET /staff{path} answered {answer.status}: {answer.text[:300]}")
        return answer.json()

    def send(self, method: str, path: str, body: Any, key: str | None = None) -> Any:
        answer = self.call(method, path, body, key)
        if answer.status not in (200, 201, 202):
            raise EndpointError(
                f"{method} /staff{path} answered {answer.status}: {answer.text[:300]}"
            )
        return answer.json()

    def read(self, number: str) -> Any:
        return self.get(f"/tickets/{number}")

    def change(self, number: str, what: str, **body: Any) -> Any:
        """Acts on a ticket in its current version, which is read first."""
        version = self.read(number)["version"]
        return self.send("POST", f"/tickets/{number}/{what}", {"version": version, **body})


def sign_in(
    cognito: Any, client_id: str, base_url: str, user: str, password: str, role: str
) -> Staff:
    """Signs a member of staff in by password. The API checks the ID token."""
    import base64

    found = cognito.initiate_auth(
        ClientId=client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": user, "PASSWORD": password},
    )["AuthenticationResult"]
    payload = found["IdToken"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return Staff(base_url, user, role, found["IdToken"], claims["sub"])


@dataclass(frozen=True)
class Mail:
    """A mail as it arrived in a mailbox."""

    to: str
    subject: str
    text: str


def mailbox(endpoint_url: str, address: str) -> list[Mail]:
    """Every mail that was sent to an address, oldest first."""
    answer = call("GET", f"{endpoint_url}/_ministack/ses/messages")
    sent = [entry for entries in answer.json()["messages"].values() for entry in entries]
    return [
        Mail(address, entry["Subject"], entry["BodyText"])
        for entry in sorted(sent, key=lambda entry: entry["Timestamp"])
        if address in entry["To"]
    ]


def wait_for[T](find: Callable[[], T | None], what: str, seconds: float, every: float = 0.25) -> T:
    """The first truthy result of `find`; raises EndpointError naming `what` after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        found = find()
        if found:
            return found
        if time.monotonic() > end:
            raise EndpointError(f"{what}: not seen within {seconds:.0f} s")
        time.sleep(every)
