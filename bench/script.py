"""The life of a complaint as a fixed script of requests, so that its cost can be compared.

Each step is one request to the deployed API, by a customer's browser, by a connector or by a staff
client; nothing else is called. A browser fetches what a page needs and follows the redirect of a
button. It fetches the style sheet once, because the response allows it to keep the file for good.
After each step that changes something, the script waits until nothing happens any more, because in
reality hours would pass.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import boto3

from local import meter
from local.endpoints import Answer, EndpointError, Form, Staff, call, sign_in
from local.stack import Outputs

CUSTOMER = "customer"
CONNECTOR = "connector"
AGENT = "agent"
MANAGER = "manager"
STILL_S = 2.0
"""Seconds without activity after which none is expected: mails go out a second after an event."""
PATIENCE_S = 60.0
POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class Step:
    """One request. `send` is a form or a JSON body.

    In `path`, `{number}` and `{token}` are those of the ticket, and `{style}` is the version of the
    style sheet that the page names.
    """

    who: str
    method: str
    path: str
    send: Mapping[str, Any] = field(default_factory=dict)


COMPLAINT = {
    "kind": "complaint",
    "subject": "Charged twice for one order",
    "description": (
        "My card was charged twice on Monday for order 4711. I wrote to the shop and nobody "
        "answered. Please look into it and tell me when the second charge is refunded."
    ),
    "wished_remedy": "Refund the second charge.",
    "name": "Margaret Hale",
    "email": "margaret@customer.example",
    "phone": "",
    "language": "en",
    "consent": "yes",
}
REPLY = {
    "text": (
        "Dear Ms Hale, thank you for telling us. We see both charges and have asked the bank to "
        "return the second one. You will hear from us tomorrow."
    )
}
SOLVED = {
    "text": (
        "Dear Ms Hale, the second charge was returned to your card today. The cause was a "
        "repeated message between the shop and the bank; it is mended."
    ),
    "outcome": "upheld",
    "remedy": "refund",
    "root_cause": "billing",
}
RATED = {"overall": "5", "speed": "4", "solution": "5", "comment": "Quick and kind."}

PAGE = Step(CUSTOMER, "GET", "/t/{token}")
STYLE = Step(CUSTOMER, "GET", "/assets/style.css?v={style}")

SUBMITTED = (
    Step(CUSTOMER, "GET", "/?lang=en&kind=complaint"),
    STYLE,
    Step(CUSTOMER, "POST", "/form", COMPLAINT),
    PAGE,  # opened from the receipt, to bookmark it
)
TAKEN_UP = (
    Step(AGENT, "GET", "/staff/work"),
    Step(AGENT, "GET", "/staff/tickets/{number}"),
)
ANSWERED = (*TAKEN_UP, Step(AGENT, "POST", "/staff/tickets/{number}/replies", REPLY))
ACCEPTED = (*SUBMITTED, *TAKEN_UP, Step(AGENT, "POST", "/staff/tickets/{number}/accept"))
RESOLVED = (*TAKEN_UP, Step(AGENT, "POST", "/staff/tickets/{number}/resolution", SOLVED))
LOOKED = (PAGE,)  # opened from a mail, hours later
CONFIRMED = (Step(CUSTOMER, "POST", "/t/{token}/confirm"), PAGE)
SURVEYED = (Step(CUSTOMER, "POST", "/t/{token}/survey", RATED), PAGE)

AFTER_SUBMISSION = (
    *ANSWERED,
    *LOOKED,
    *RESOLVED,
    *LOOKED,
    *CONFIRMED,
    *SURVEYED,
)
HAPPY_PATH = (*SUBMITTED, *AFTER_SUBMISSION)
"""Acknowledged, answered, resolved, confirmed and surveyed on the page, all in time: no reminder
is sent. The customer opens the page four times, the agent opens the work list twice."""

SUBMISSION = {
    name: COMPLAINT[name]
    for name in ("kind", "subject", "description", "wished_remedy", "language")
} | {"contact": {"name": COMPLAINT["name"], "email": COMPLAINT["email"]}, "consent": True}
READ = Step(CONNECTOR, "GET", "/tickets/{number}")

BY_API = (
    Step(CONNECTOR, "POST", "/tickets", SUBMISSION),
    *ANSWERED,
    READ,
    *RESOLVED,
    READ,
    Step(CONNECTOR, "POST", "/tickets/{number}/confirmation"),
    Step(
        CONNECTOR,
        "POST",
        "/tickets/{number}/survey",
        RATED | {"overall": 5, "speed": 4, "solution": 5},
    ),
)
"""The same life behind a shop's own pages: a connector makes the customer's calls, and reads the
ticket once after each mail."""

DISPUTED = (
    Step(CUSTOMER, "POST", "/t/{token}/dispute", {"text": "I see no refund on my card."}),
    PAGE,
)
TAKEN_ON = tuple(
    Step(MANAGER, step.method, step.path, step.send) for step in (*ANSWERED, *RESOLVED)
)
AFTER_THE_LADDER = (
    *TAKEN_ON,
    *LOOKED,
    *DISPUTED,
    *ANSWERED,
    *RESOLVED,
    *LOOKED,
    *CONFIRMED,
    *SURVEYED,
)
"""A manager answers and resolves the ticket; the customer disputes; the agent takes over."""


class Player:
    """Makes the requests of a script one after another."""

    def __init__(self, outputs: Outputs) -> None:
        """Signs in an agent and a manager of a stack whose staff are at work."""
        self._base_url, self._endpoint_url = outputs.base_url, outputs.endpoint_url
        self._staff = {role: _signed_in(outputs, role) for role in (AGENT, MANAGER)}
        self._known: dict[str, Any] = {}
        # Plan 1 treats a third complaint of the same customer in a month as more important, so
        # each life has a customer of its own.
        self._address = f"margaret-{uuid.uuid4().hex[:8]}@customer.example"
        self.opened_at = 0.0
        """When the ticket was opened, on the clock of `time.monotonic`."""

    @property
    def number(self) -> str:
        """The number of the opened ticket."""
        found: str = self._known["number"]
        return found

    def play(self, script: Sequence[Step]) -> None:
        """Makes the requests; raises EndpointError at an unexpected response."""
        for step in script:
            self._make(step)
            if step.method != "GET":
                self.wait_until_still()

    def rungs(self) -> list[str]:
        """The clock and the action of each rung that fired, in order."""
        timeline = self._staff[MANAGER].read(self.number)["timeline"]
        return [
            f"{event['data']['clock']}: {event['data']['action']}"
            for event in timeline
            if event["type"] == "rung_fired"
        ]

    def wait_until_still(self) -> None:
        wait_until_still(lambda: meter.size(self._endpoint_url))

    def _make(self, step: Step) -> None:
        path = step.path.format_map(self._known)
        if step.who == CUSTOMER:
            answer = self._as_customer(step, path)
        elif step.who == CONNECTOR:
            answer = self._as_connector(step, path)
        else:
            answer = self._as_staff(step, path)
        if answer.status not in (200, 201, 303):
            raise EndpointError(
                f"{step.method} {step.path} answered {answer.status}: {answer.text}"
            )

    def _as_customer(self, step: Step, path: str) -> Answer:
        if step.path == "/form":
            sent = {**step.send, "email": self._address, "nonce": self._known["nonce"]}
            self.opened_at = time.monotonic()
            answer = call("POST", self._base_url + path, form=sent)
            found = re.search(rf"{re.escape(self._base_url)}/t/(([A-Z0-9-]+)\.[\w-]+)", answer.text)
            if found is None:
                raise EndpointError(f"no receipt: {answer.status} {answer.text[:400]}")
            self._known |= {"token": found[1], "number": found[2]}
            return answer
        form = step.send if step.method == "POST" else None
        answer = call(step.method, self._base_url + path, form=form)
        page = Form()
        page.feed(answer.text)
        self._known |= {name: page.fields[name] for name in ("nonce",) if name in page.fields}
        if style := re.search(r"/assets/style\.css\?v=(\w+)", answer.text):
            self._known["style"] = style[1]
        if step == STYLE and "immutable" not in answer.headers.get("Cache-Control", ""):
            raise EndpointError("a browser would fetch the style sheet again")
        return answer

    def _as_connector(self, step: Step, path: str) -> Answer:
        body = step.send if step.method == "POST" else None
        if step.path == "/tickets":
            assert body is not None
            body = {**body, "contact": {**body["contact"], "email": self._address}}
            headers = {"Idempotency-Key": uuid.uuid4().hex}
        else:
            headers = {"Authorization": f"Bearer {self._known['token']}"}
        answer = call(step.method, self._base_url + path, body, headers=headers)
        if step.path == "/tickets":
            self._known |= {name: answer.json()[name] for name in ("number", "token")}
        return answer

    def _as_staff(self, step: Step, path: str) -> Answer:
        """Sends a request of staff; a change names the version that was read last."""
        body = {"version": self._known["version"], **step.send} if step.method == "POST" else None
        answer = self._staff[step.who].call(step.method, path.removeprefix("/staff"), body)
        if step.path == "/staff/tickets/{number}":
            self._known["version"] = answer.json()["version"]
        return answer


def _signed_in(outputs: Outputs, role: str) -> Staff:
    """Signs in a member with this role who may get an English complaint: same team and language."""
    user, member = next(
        (user, member)
        for user, member in outputs.staff.items()
        if role in member["groups"]
        and member["team"] == "complaints"
        and COMPLAINT["language"] in member["languages"]
    )
    users: Any = boto3.client("cognito-idp", **outputs.client_arguments())
    pool = outputs.stack["UserPoolClientId"]
    return sign_in(users, pool, outputs.base_url, user, member["password"], role)


def wait_until_still(count: Callable[[], int]) -> None:
    """Waits until `count` has not changed for STILL_S s. Raises EndpointError after PATIENCE_S."""
    began = seen = time.monotonic()
    last = count()
    while time.monotonic() - seen < STILL_S:
        time.sleep(POLL_S)
        if (now := count()) != last:
            last, seen = now, time.monotonic()
        if time.monotonic() - began > PATIENCE_S:
            raise EndpointError(f"the cloud is still active after {PATIENCE_S:.0f} s")
