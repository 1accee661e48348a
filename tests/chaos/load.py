"""The load of a run: customers, staff and incoming mail.

`planned` decides from the seed what is done and when. What an operation does is decided by its own
seed and by the tickets that exist at that time, so a second run with the same seed does the same
kinds of things at the same times, but not to the same tickets.
"""

from __future__ import annotations

import math
import random
import re
import smtplib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from local.endpoints import Answer, EndpointError, Form, Staff, call
from local.stack import Outputs
from redress.tickets.links import Links
from tests.chaos.evidence import Said
from tests.chaos.ledger import Ledger, Opened

RATES = (1, 1, 2, 4, 20)
"""Operations a second. The rate changes every STRETCH_S seconds."""
STRETCH_S = 4.0
WORKERS = 12
"""Operations that run at once."""
WINDOWS = 3
"""Messages that a customer sends to one ticket at the same time."""
TRIES = 3
"""How often a client sends a submission that was not answered."""
LANGUAGES = ("zh-CN", "zh-TW", "en")
KINDS = ("inquiry", "complaint", "urgent", "service_request", "feedback")


@dataclass(frozen=True, slots=True)
class Planned:
    """One operation: when it begins, what it is, and the seed of all its choices."""

    at_s: float
    what: str
    seed: int


WEIGHTS: Mapping[str, int] = {
    "submit": 10,
    "submit by form": 4,
    "customer": 14,
    "messages at once": 8,
    "staff": 40,
    "leader": 6,
    "mail": 8,
    "reply by mail": 8,
    "automatic mail": 3,
}


def planned(seed: int, seconds: float) -> Iterator[Planned]:
    """The operations of a run, in order."""
    choose = random.Random(f"load {seed}")
    for stretch in range(math.ceil(seconds / STRETCH_S)):
        rate = choose.choice(RATES)
        for index in range(round(rate * STRETCH_S)):
            at = stretch * STRETCH_S + (index + 0.5) / rate
            (what,) = choose.choices(list(WEIGHTS), list(WEIGHTS.values()))
            one = Planned(at, what, choose.getrandbits(48))
            if at < seconds:
                yield one


@dataclass
class Place:
    """Where the load goes. `outputs` and `staff` change when the local cloud is restarted.

    No operation begins while `up` is not set; those that have begun go on.
    """

    outputs: Outputs
    staff: dict[str, Staff]
    links: Links
    ledger: Ledger
    up: threading.Event

    @property
    def base(self) -> str:
        return self.outputs.base_url

    def of_role(self, *roles: str) -> list[Staff]:
        return [member for member in self.staff.values() if member.role in roles]


def run(
    place: Place, operations: Iterator[Planned], seconds: float, during: Callable[[float], None]
) -> None:
    """Does the operations at their times, for so many seconds, and waits for the last ones.

    If the cloud is slower than the plan, operations begin late, and the last ones are left out.
    `during` is called with the seconds since the beginning.
    """
    began = time.monotonic()
    busy = threading.BoundedSemaphore(WORKERS)

    def do(one: Planned) -> None:
        try:
            place.up.wait()
            Operation(place, one).do()
        finally:
            busy.release()

    with ThreadPoolExecutor(WORKERS) as pool:
        for one in operations:
            while (left := one.at_s - (time.monotonic() - began)) > 0:
                time.sleep(min(left, 0.05))
            during(time.monotonic() - began)
            busy.acquire()
            if time.monotonic() - began > seconds:
                break
            pool.submit(do, one)


class Operation:
    """One operation of the load."""

    def __init__(self, place: Place, planned: Planned) -> None:
        self._place, self._what = place, planned.what
        self._choose = random.Random(planned.seed)
        self._mark = f"x{planned.seed:012x}x"

    def do(self) -> None:
        place, what = self._place, self._what
        place.ledger.count(what)
        try:
            match what:
                case "submit":
                    self._submit()
                case "submit by form":
                    self._submit_by_form()
                case "customer":
                    self._as_customer()
                case "messages at once":
                    self._write_at_once()
                case "staff":
                    self._as_agent()
                case "leader":
                    self._as_leader()
                case "mail":
                    self._send(
                        f"{self._mark}@customer.example",
                        self._door(),
                        self._choose.choice((1, 1, 2)),
                    )
                case "reply by mail":
                    self._reply_by_mail()
                case "automatic mail":
                    self._reply_by_mail(automatic=True)
        except EndpointError as error:  # no answer; what was sent is in the ledger
            place.ledger.answered(what, type(error.__cause__).__name__)

    # ---------------------------------------------------------------- customers

    def _body(self) -> dict[str, Any]:
        choose, mark = self._choose, self._mark
        # Without the mark, because later tickets of the same customer have this address too.
        name = f"customer-{mark.strip('x')}"
        address = choose.choice(
            [f"{name}@customer.example"] * 12 + [f"bounce+{name}@simulator.amazonses.com", ""]
        )
        contact = {"name": "Li Na", "phone": "+86 10 5555 0100"}
        if address:
            contact["email"] = address
        return {
            "kind": choose.choice(KINDS),
            "language": choose.choice(LANGUAGES),
            "subject": f"Matter {mark}",
            "description": f"It broke on the second day. {mark}",
            "contact": contact,
            "consent": True,
        }

    def _submit(self) -> None:
        """Sends a submission until it is answered; sometimes once more."""
        body = self._body()
        for _ in range(TRIES):
            if self._sent(body) is not None:
                break
            time.sleep(self._choose.uniform(0.2, 1.0))
        if self._choose.random() < 0.2:
            self._sent(body)

    def _sent(self, body: dict[str, Any]) -> Opened | None:
        place, key = self._place, f"key-{self._mark}"
        place.ledger.submitted(key, self._mark, None)
        try:
            answer = call(
                "POST", f"{place.base}/tickets", body=body, headers={"Idempotency-Key": key}
            )
        except EndpointError as error:
            place.ledger.answered("submit", type(error.__cause__).__name__)
            return None
        place.ledger.answered("submit", answer.status)
        if answer.status != 201:
            return None
        found = answer.json()
        opened = Opened(found["number"], found["token"], body["contact"].get("email", ""))
        place.ledger.submitted(key, self._mark, opened)
        return opened

    def _submit_by_form(self) -> None:
        """Opens the form once, and sends it until it is answered."""
        place, body = self._place, self._body()
        form = Form()
        form.feed(call("GET", f"{place.base}/?lang={body['language']}").text)
        if "nonce" not in form.fields:
            return  # the page could not be shown
        contact = body["contact"]
        fields = form.fields | {
            "kind": body["kind"],
            "subject": body["subject"],
            "description": body["description"],
            "wished_remedy": "",
            "name": contact["name"],
            "email": contact.get("email", ""),
            "phone": contact["phone"],
            "language": body["language"],
            "consent": "on",
        }
        key = f"nonce {fields['nonce']}"
        for _ in range(TRIES):
            place.ledger.submitted(key, self._mark, None)
            try:
                answer = call("POST", f"{place.base}/form", form=fields)
            except EndpointError as error:
                place.ledger.answered("submit by form", type(error.__cause__).__name__)
                continue
            place.ledger.answered("submit by form", answer.status)
            found = re.search(rf"{re.escape(place.base)}/t/(([A-Z0-9-]+)\.[\w-]+)", answer.text)
            if answer.status == 201 and found is not None:
                email = contact.get("email", "")
                place.ledger.submitted(key, self._mark, Opened(found[2], found[1], email))
                return

    def _some(self) -> Opened | None:
        """A ticket that a client knows, more likely a late one; None if there is none."""
        known = self._place.ledger.tickets()
        return self._choose.choice(known[-60:]) if known else None

    def _as_customer(self) -> None:
        ticket = self._some()
        if ticket is None:
            return
        status = self._customer_call(ticket, "GET", "")
        if status.status != 200:
            return
        can = status.json()["can"]
        if not can:
            return
        what = self._choose.choice(can)
        # Most customers write or confirm; few withdraw.
        if what == "withdraw" and self._choose.random() < 0.8:
            what = "write" if "write" in can else what
        bodies: dict[str, tuple[str, dict[str, Any] | None]] = {
            "write": ("messages", {"text": f"Are you there? {self._mark}"}),
            "confirm": ("confirmation", None),
            "dispute": ("dispute", {"text": f"It broke again. {self._mark}"}),
            "withdraw": ("withdrawal", {"text": f"Never mind. {self._mark}"}),
            "survey": (
                "survey",
                {"overall": self._choose.randint(1, 5), "comment": f"So it is. {self._mark}"},
            ),
        }
        if what not in bodies:
            return
        path, body = bodies[what]

        def send() -> Answer:
            return self._customer_call(ticket, "POST", f"/{path}", body)

        mark = self._mark if body is not None else None
        self._say(ticket.number, f"the customer's {path}", send, mark)

    def _write_at_once(self) -> None:
        """Sends messages to one ticket from several windows of a browser at the same time."""
        ticket = self._some()
        if ticket is None:
            return

        def write(window: int) -> None:
            mark = f"{self._mark}-{window}"
            body = {"text": f"I write from window {window}. {mark}"}
            self._say(
                ticket.number,
                "the customer's messages",
                lambda: self._customer_call(ticket, "POST", "/messages", body),
                mark,
            )

        with ThreadPoolExecutor(WINDOWS) as pool:
            list(pool.map(write, range(WINDOWS)))

    def _customer_call(
        self, ticket: Opened, method: str, path: str, body: dict[str, Any] | None = None
    ) -> Answer:
        headers = {"Authorization": f"Bearer {ticket.token}"}
        url = f"{self._place.base}/tickets/{ticket.number}{path}"
        return call(method, url, body, headers=headers)

    def _say(self, number: str, what: str, send: Callable[[], Answer], mark: str | None) -> None:
        """Sends something, and records the answer. `mark` is in its text; None if it has none."""
        ledger, sent = self._place.ledger, datetime.now(UTC)
        try:
            status: int | str = send().status
        except EndpointError as error:
            status = type(error.__cause__).__name__
        ledger.answered(self._what, status)
        if mark is not None:
            answered = status in (200, 201)
            refused = isinstance(status, int) and 400 <= status < 500
            between = sent, datetime.now(UTC)
            ledger.said(Said(number, mark, what, answered, refused, between))

    # ---------------------------------------------------------------- staff

    def _as_agent(self) -> None:
        """An agent takes a ticket from their work list and does one thing with it."""
        choose, mark = self._choose, self._mark
        agents = self._place.of_role("agent")
        agent = choose.choice(agents)
        if choose.random() < 0.03:
            presence = choose.choice(("available", "available", "away"))
            answer = agent.call("PUT", "/presence", {"presence": presence})
            self._place.ledger.answered("presence", answer.status)
            return
        items: list[Any] = []
        for agent in choose.sample(agents, len(agents)):
            found = agent.call("GET", "/work")
            if items := found.json()["items"] if found.status == 200 else []:
                break
        if not items:
            return
        item = choose.choice(items)
        number, version = item["number"], item["version"]
        soon = datetime.now(UTC) + timedelta(seconds=choose.randint(5, 60))
        solved = {"outcome": "upheld", "remedy": "refund", "root_cause": "packing"}
        texts: list[tuple[int, str, dict[str, Any]]] = [
            (30, "replies", {"wait_for_customer": choose.random() < 0.4}),
            (35, "resolution", solved if item["kind"] == "complaint" else {}),
            (8, "progress", {}),
            (6, "promise", {"by": soon.isoformat(timespec="seconds")}),
            (6, "hold", {"reason": "part"}),
            (10, "notes", {}),
        ]
        if item["state"] == "resolved":
            outcome = choose.choice(("confirmed", "dissatisfied", "no_answer"))
            texts = [(1, "callbacks", {"outcome": outcome})]
        (chosen,) = choose.choices(texts, [weight for weight, _, _ in texts])
        _, path, more = chosen
        body = {"text": f"Dear customer, {mark}", **more}
        if path != "notes":
            body["version"] = version
        # A confirmation by phone keeps no text.
        marked = more.get("outcome") != "confirmed" or path == "resolution"
        self._say(
            number,
            f"the agent's {path}",
            lambda: agent.call("POST", f"/tickets/{number}/{path}", body),
            mark if marked else None,
        )

    def _as_leader(self) -> None:
        """A supervisor or the manager gives a ticket to another agent, or corrects its kind."""
        choose, mark, ticket = self._choose, self._mark, self._some()
        if ticket is None:
            return
        leader = choose.choice(self._place.of_role("supervisor", "manager"))
        found = leader.call("GET", f"/tickets/{ticket.number}")
        if found.status != 200:
            return
        read = found.json()
        body: dict[str, Any] = {"version": read["version"], "reason": f"I say so. {mark}"}
        if choose.random() < 0.6:
            agents = [one.id for one in self._place.of_role("agent")]
            path = "assignment"
            body |= {"agent": choose.choice([None, *agents]), "team": read["team"]}
        else:
            path = "classification"
            body["kind"] = choose.choice(KINDS)
        self._say(
            ticket.number,
            f"the leader's {path}",
            lambda: leader.call("POST", f"/tickets/{ticket.number}/{path}", body),
            mark,
        )

    # ---------------------------------------------------------------- mail

    def _door(self) -> str:
        part = self._choose.choice(("complaints", "service", "urgent", "feedback"))
        return f"{part}@{self._place.outputs.stack['MailDomain']}"

    def _reply_by_mail(self, *, automatic: bool = False) -> None:
        ticket = self._some()
        if ticket is None or not ticket.email or "simulator" in ticket.email:
            return
        domain = self._place.outputs.stack["MailDomain"]
        to = f"{self._place.links.mail_token(ticket.number)}@{domain}"
        self._send(ticket.email, to, self._choose.choice((1, 1, 1, 2)), automatic)

    def _send(self, sender: str, to: str, copies: int, automatic: bool = False) -> None:
        """Sends one mail, `copies` times with the same bytes."""
        mail = EmailMessage()
        mail["From"], mail["To"] = sender, to
        mail["Subject"] = f"Away until Monday {self._mark}" if automatic else f"About {self._mark}"
        mail["Message-ID"] = f"<{self._mark}@customer.example>"
        mail["Date"] = format_datetime(datetime.now(UTC))
        if automatic:
            mail["Auto-Submitted"] = "auto-replied"
        mail.set_content(f"The parcel did not arrive. Please look into it. {self._mark}\n")
        raw = mail.as_bytes()
        for _ in range(copies):
            accepted = 0
            try:
                port = self._place.outputs.smtp_port
                with smtplib.SMTP("127.0.0.1", port, timeout=30) as server:
                    server.sendmail(sender, [to], raw)
                accepted = 1
            except (OSError, smtplib.SMTPException) as error:
                self._place.ledger.answered(self._what, type(error).__name__)
            self._place.ledger.mailed(self._mark, accepted)
