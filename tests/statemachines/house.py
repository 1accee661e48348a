"""The product behind its doors, with skipped time: what people do and see, and what fires between.

A `House` is a `World` whose tickets are opened, answered and read as people do it: by the JSON API
and the status page of customers, the staff API, the routes of connectors, and records of Amazon
Connect. Its mails are sent by the real mailer to the mailboxes of moto. Only AWS is replaced.
"""

from __future__ import annotations

import email
import json
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import policy
from email.message import EmailMessage
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends

from redress.staff.rules.availability import Presence
from redress.wiring import clients
from redress.wiring import customer as customer_wiring
from redress.workflow.cases import follower
from tests.functions.conftest import ENVIRONMENT, MEMBERS, altered
from tests.functions.staff.api import KEEP, Api, Reply
from tests.statemachines.world import World
from tests.wired import REGION
from tests.world import Context, aws, load, read_sample


@dataclass(frozen=True)
class Mail:
    """A mail as it arrived: when, to whom, and what it says."""

    at: datetime
    to: str
    subject: str
    text: str


@dataclass
class House(World):
    api: Api = field(default_factory=lambda: Api(load("staff"), read_sample, Context()))
    asked: list[dict[str, Any]] = field(default_factory=list)
    """What the assigner was asked to do and has not done yet."""
    mails: list[Mail] = field(default_factory=list)
    later: list[tuple[datetime, int, str]] = field(default_factory=list)
    """What the mailer has put off: until when, how often it was tried, and the message."""
    keys: int = 0

    # ------------------------------------------------------------- doors

    def submit(self, kind: str = "complaint", **fields: Any) -> str:
        """A customer opens a ticket by the JSON API. Returns its number."""
        body = {
            "kind": kind,
            "subject": "The kettle leaks",
            "description": "It leaks at the handle since the second day.",
            "contact": {"name": "Li Na", "email": "li.na@example.com"},
            "language": "en",
            "consent": True,
        }
        event = altered(
            read_sample("intake-submit"),
            body=json.dumps(body | fields),
            headers={"Idempotency-Key": self._key()},
        )
        answer = load("intake").handler(event, Context())
        assert answer["statusCode"] == 201, answer["body"]
        self.follow()
        number: str = json.loads(answer["body"])["number"]
        return number

    def ask(self, name: str, by: str, *, key: bool = False, body: Any = KEEP, **path: Any) -> Reply:
        """A member of staff calls a route, and what follows from it happens."""
        headers = {"Idempotency-Key": self._key()} if key else None
        found = self.api(name, by, body=body, headers=headers, **path)
        self.follow()
        return found

    def act(
        self,
        name: str,
        who: str,
        number: str,
        /,
        *,
        key: bool = False,
        path: dict[str, str] | None = None,
        **body: Any,
    ) -> Any:
        """A member of staff changes a ticket in its current version. Returns the answer's body."""
        body = {"version": self.tickets.get(number).version} | body
        found = self.ask(name, who, key=key, body=body, number=number, **(path or {}))
        assert found.status in (200, 201), found.body
        return found.body

    def combine(self, source: str, target: str) -> Any:
        """The supervisor merges a ticket into another one. Returns the first one."""
        version = self.tickets.get(target).version
        return self.act(
            "merging", "lin", source, into=target, into_version=version, reason="One kettle."
        )

    def agent(self, number: str) -> str:
        """The name of the agent to whom the ticket was offered, and who has accepted it now."""
        given = self.tickets.get(number)
        name = next(name for name, one in MEMBERS.items() if one.id == given.assignee)
        if given.unaccepted_since is not None:
            self.act("accepting", name, number)
        return name

    def solve(self, number: str, by: str | None = None) -> Any:
        """The agent of a ticket resolves it, or somebody else."""
        answer: dict[str, Any] = {
            "text": "A new one left.",
            "outcome": "upheld",
            "remedy": "replacement",
        }
        given = answer | {"root_cause": "seal", "cause": "defective_part"}
        if self.tickets.get(number).kind != "complaint":
            given = {"text": "It is done."}
        return self.act("resolution", by or self.agent(number), number, **given)

    def read(self, number: str, by: str = "wei") -> Any:
        """The ticket with its timeline, as a member of staff sees it."""
        found = self.api("ticket", by, number=number)
        assert found.status == 200, found.body
        return found.body

    def customer(
        self, name: str, number: str, form: dict[str, str] | None = None, **path: str
    ) -> Any:
        """The customer of a ticket uses a page or a route of `events/customer-{name}.json`.

        `form` is a form of a page, or the JSON of a route whose name begins with `api`.
        """
        token = customer_wiring.links().status_token(number)
        raw = None
        if form is not None:
            raw = json.dumps(form) if name.startswith("api") else urlencode(form)
        event = altered(
            read_sample(f"customer-{name}"),
            body=raw,
            headers={"Authorization": f"Bearer {token}"},
            path={"token": token, "number": number} | path,
        )
        answer = load("customer").handler(event, Context())
        self.follow()
        return answer

    def page(self, number: str) -> str:
        """The status page of the customer."""
        answer = self.customer("status", number)
        assert answer["statusCode"] == 200, answer
        found: str = answer["body"]
        return found

    def press(self, number: str, action: str, **fields: str) -> None:
        """The customer presses a button of the status page."""
        answer = self.customer("status-action", number, fields, action=action)
        assert answer["statusCode"] in (200, 303), answer

    def _key(self) -> str:
        self.keys += 1
        return f"key-{self.keys:05}"

    # ------------------------------------------------------------- what follows

    def follow(self) -> None:
        """Delivers stream records, requests to the assigner and mails until there are none."""
        while True:
            super().follow()
            if not self._assign() and not self._post():
                return

    def pass_time(self, **by: float) -> None:
        """Lets time pass. Waits that end and mails that were put off come in their order."""
        end = self.clock.moment + timedelta(**by)
        self.follow()
        while True:
            sleeper = self.sleepers.next_due(end)
            due = min((at for at, _, _ in self.later if at <= end), default=None)
            if sleeper is None and due is None:
                break
            if sleeper is None or (due is not None and due < sleeper.deadline):
                assert due is not None
                self.clock.moment = max(self.clock.moment, due)
            else:
                self.clock.moment = max(self.clock.moment, sleeper.deadline)
                self.sleepers.time_out(sleeper)
            self.follow()
        self.clock.moment = end

    def _assign(self) -> bool:
        asked, self.asked = self.asked, []
        for request in asked:
            load("assigner").handler(request, Context())
        return bool(asked)

    def _post(self) -> bool:
        """Delivers the mail queue to the mailer. Returns whether something was due in it."""
        now = self.clock.now()
        due = [(body, tried) for at, tried, body in self.later if at <= now]
        self.later = [one for one in self.later if one[0] > now]
        due += [(body, 1) for body in self._received()]
        if not due:
            return False
        records = [
            {
                "messageId": f"m-{index}",
                "receiptHandle": f"{index}",
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": str(tried),
                    "SentTimestamp": str(round(now.timestamp() * 1000)),
                },
            }
            for index, (body, tried) in enumerate(due)
        ]
        before = len(_sent())
        failed = load("mailer").handler({"Records": records}, Context())["batchItemFailures"]
        for one in failed:
            body, tried = due[int(one["itemIdentifier"].removeprefix("m-"))]
            self.later.append((now + PUT_OFF, tried + 1, body))
        self.mails += [self._arrived(raw) for raw in _sent()[before:]]
        return True

    @staticmethod
    def _received() -> list[str]:
        """The messages of the mail queue, which is empty then."""
        sqs, queue = aws("sqs"), os.environ["MAIL_QUEUE_URL"]
        found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        for one in found:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
        return [one["Body"] for one in found]

    def _arrived(self, raw: str) -> Mail:
        mail = email.message_from_string(raw, policy=policy.default)
        part = mail.get_body(("plain",))
        assert isinstance(part, EmailMessage)
        return Mail(self.clock.now(), str(mail["To"]), str(mail["Subject"]), part.get_content())

    # ------------------------------------------------------------- what people see

    def mailed(self, to: str, about: str) -> list[Mail]:
        """The mails to an address in which a text is, oldest first."""
        return [one for one in self.mails if to in one.to and about in one.subject + one.text]

    def happened(self, number: str, kind: str) -> list[Any]:
        """The events of a kind in the timeline."""
        return [one for one in self.read(number)["timeline"] if one["type"] == kind]

    def fired(self, number: str) -> list[tuple[str, str]]:
        """Clock and action of each rung that has fired, in order."""
        return [(clock, action) for clock, action, _ in self.rungs(number)]


PUT_OFF = timedelta(minutes=15)
"""When the mailer gets a message again that was not sent: after its longest pause."""


def _sent() -> list[str]:
    return [one.raw_data for one in ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages]


def arrange(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Store all members, available, and let the functions reach the assigner and the mail queue."""
    aws("sesv2").create_email_identity(EmailIdentity=ENVIRONMENT["SENDER_ADDRESS"])
    for member in MEMBERS.values():
        house.staff.record(member, Presence.AVAILABLE, house.clock.now())

    def invoke(*, FunctionName: str, Payload: bytes, **_: Any) -> Any:
        assert FunctionName == ENVIRONMENT["ASSIGNER_FUNCTION"]
        house.asked.append(json.loads(Payload))
        return {"StatusCode": 202}

    make = clients.client

    def client(service: str, *given: Any, **named: Any) -> Any:
        if service == "lambda":
            return SimpleNamespace(invoke=invoke)
        return make(service, *given, **named)

    monkeypatch.setattr(clients, "client", client)
    # moto intercepts botocore's clients only, so they replace the product's lean ones.
    monkeypatch.setattr(clients, "dynamodb", lambda: aws("dynamodb"))
    monkeypatch.setattr(clients, "secrets", lambda: aws("secretsmanager"))
    monkeypatch.setattr(load("mailer"), "_put_off", lambda record, wait: None)
    # moto delays messages in real time.
    monkeypatch.setattr(follower, "ACKNOWLEDGE_AFTER_S", 0)
