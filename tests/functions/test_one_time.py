"""Functions whose machines' clocks are hours apart live the life of a ticket by one time.

The handlers run against moto. Each function has the clock of its own machine, and every answer of
AWS has the true time in its `Date`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from copy import replace
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import Phase as Phases
from hypothesis import strategies as st

from redress.base.service_clock import APART, BOUND_S, ServiceClock
from redress.db.rows import Models
from redress.mail.outgoing import messages as mail_messages
from redress.mail.outgoing.messages import MailJob
from redress.scores.store.facts import facts_in
from redress.staff import messages as assignment_messages
from redress.staff.messages import AssignTicket, DrainQueue, FindDuplicates
from redress.tickets.rules.explain import Story, explain
from redress.tickets.rules.ticket import Event, EventType, Phase, Ticket
from redress.wiring import clients
from redress.wiring import customer as customer_wiring
from redress.wiring import stores as wired_stores
from redress.workflow.subscribers import messages_after
from tests import moto_direct
from tests.builders import START, Clock
from tests.examples import TIMES
from tests.functions.conftest import ENVIRONMENT, MEMBERS, altered
from tests.functions.staff.api import claims_of
from tests.functions.test_inbound import mail
from tests.wired import REGION, TABLE, forget_wiring, set_environment
from tests.world import Context, Stores, aws, load, read_sample

FUNCTIONS = ("intake", "customer", "staff", "assigner", "workflow", "mailer", "inbound")
HOURS_APART = 2

STEPS: dict[str, tuple[str, dict[str, Any]]] = {
    "write": ("customer-api-message", {"text": "Is there any news?"}),
    "confirm": ("customer-api-confirmation", {}),
    "dispute": ("customer-api-dispute", {"text": "It leaks again."}),
    "survey": ("customer-api-survey", {"overall": 5, "speed": 4}),
    "reply": ("staff-reply", {"text": "We are on it.", "wait_for_customer": False}),
    "ask": ("staff-reply", {"text": "Which colour?", "wait_for_customer": True}),
    "progress": ("staff-progress", {"text": "We look into it."}),
    "hold": ("staff-hold", {"reason": "part", "text": "The part is on its way."}),
    "release": ("staff-release", {}),
    "note": ("staff-note", {"text": "The same batch again."}),
    "resolve": (
        "staff-resolution",
        {"text": "Done.", "outcome": "upheld", "remedy": "a new one", "root_cause": "seal"},
    ),
}
"""Steps that a request takes: the sample event and its body."""


@dataclass
class Apart:
    """A stack whose functions run on machines with clocks of their own.

    `true` is the time of AWS. `written` maps the number of each event to the true time at which the
    call that wrote it ended.
    """

    stores: Stores
    before: list[dict[str, Any]]
    """The items that the table has before a life: the members of staff."""
    true: Clock = field(default_factory=Clock)
    number: str = ""
    written: dict[int, datetime] = field(default_factory=dict)
    idle_wakes: int = 0
    """How many wakes of the workflow in succession found nothing due."""
    latency_s: float = 0.0
    told: list[tuple[float, datetime]] = field(default_factory=list)
    _clocks: dict[str, ServiceClock] = field(default_factory=dict)
    _wake_at: datetime | None = None
    _seq: int = 0
    _mails: int = 0

    def begin(self, seconds_ahead: Mapping[str, float], latency_s: float) -> None:
        """Empty the table, and start new processes on machines whose clocks are ahead by so many
        seconds."""
        self.number, self.written, self.told, self.idle_wakes = "", {}, [], 0
        self._wake_at, self._seq, self._mails = None, 0, 0
        self.true.moment, self.latency_s = START, latency_s
        forget_wiring()
        client = aws("dynamodb")
        kept = {(item["pk"]["S"], item["sk"]["S"]): item for item in self.before}
        for item in client.scan(TableName=TABLE)["Items"]:
            if (item["pk"]["S"], item["sk"]["S"]) not in kept:
                client.delete_item(TableName=TABLE, Key={"pk": item["pk"], "sk": item["sk"]})
        for item in kept.values():
            client.put_item(TableName=TABLE, Item=item)
        for name in FUNCTIONS:
            self._clocks[name] = self._clock(seconds_ahead.get(name, 0.0))

    def _clock(self, ahead: float) -> ServiceClock:
        return ServiceClock(
            lambda: self.true.now() + timedelta(seconds=ahead),
            lambda *told: self.told.append(told),
            lambda: (self.true.now() - START).total_seconds(),
        )

    # ------------------------------------------------------------------ calls

    def call(self, function: str, event: dict[str, Any]) -> Any:
        """Invoke a function in its process, then let everything follow that a change causes."""
        return self._with(function, lambda: load(function).handler(event, Context()))

    def _with(self, function: str, do: Callable[[], Any]) -> Any:
        clients._CLOCK = self._clocks[function]
        answer = do()
        if self.number:
            self._follow()
        return answer

    def request(self, function: str, name: str, body: dict[str, Any]) -> int:
        event = read_sample(name)
        path = {"number": self.number} if event.get("pathParameters") else {}
        headers = {}
        if function == "customer":
            token = customer_wiring.links().status_token(self.number)
            headers = {"Authorization": f"Bearer {token}"}
        else:
            event["requestContext"]["authorizer"]["jwt"]["claims"] |= claims_of(MEMBERS["wei"])
        if "version" in json.loads(event.get("body") or "{}"):
            body = body | {"version": self.ticket.version}
        raw = json.dumps(body) if event.get("body") else None
        answer = self.call(function, altered(event, body=raw, path=path, headers=headers))
        status: int = answer["statusCode"]
        assert status < 500, answer
        return status

    @property
    def ticket(self) -> Ticket:
        return self.stores.tickets.get(self.number)

    @property
    def history(self) -> list[Event]:
        return self.stores.tickets.history(self.number)

    def _follow(self) -> None:
        """What relay, queues and Step Functions do after a change."""
        new = [event for event in self.history if event.number not in self.written]
        for event in new:
            self.written[event.number] = self.true.now()
        if new:
            self.idle_wakes = 0
        self._look_at_timer()
        for message in (one for event in new for one in messages_after(self.number, event)):
            if isinstance(message, MailJob):
                self.send(mail_messages.encode(message))
            elif isinstance(message, AssignTicket | DrainQueue | FindDuplicates):
                asked = json.loads(assignment_messages.encode(message))
                self.call("assigner", asked)

    def send(self, body: str) -> None:
        self._mails += 1
        record = {
            "messageId": f"m-{self._mails}",
            "receiptHandle": "handle",
            "body": body,
            "attributes": {"ApproximateReceiveCount": "1"},
        }
        answer = self.call("mailer", {"Records": [record]})
        assert answer == {"batchItemFailures": []}

    def _look_at_timer(self) -> None:
        """Start the workflow, or wake it because the clocks moved."""
        timer = self.stores.timers.get(self.number)
        assert timer.awake_since is None or timer.awake_since - self.true.now() <= APART
        if timer.seq != self._seq:
            self._seq = timer.seq
            self._wake()

    def _wake(self) -> None:
        before = self.ticket.version
        sleep = self.call("workflow", {"ticket": self.number, "gen": 1})
        self.idle_wakes = self.idle_wakes + 1 if self.ticket.version == before else 0
        closed = sleep["phase"] == Phase.CLOSED
        self._wake_at = None if closed else self.true.now() + timedelta(seconds=sleep["wait"])

    def wait(self, seconds: float) -> None:
        """Let time pass. Step Functions wakes the workflow by its own, true time."""
        until = self.true.now() + timedelta(seconds=seconds)
        while self._wake_at is not None and self._wake_at <= until:
            self.true.moment = max(self.true.now(), self._wake_at)
            self._wake_at = None
            self._wake()
            assert self.idle_wakes <= 2, "the workflow wakes again and again without a due rung"
        self.true.moment = max(self.true.now(), until)

    # ------------------------------------------------------------------ steps

    def open(self, kind: str) -> None:
        event = read_sample("intake-submit")
        body = json.loads(event["body"]) | {"kind": kind}
        key = {"Idempotency-Key": "a key"}
        answer = self.call("intake", altered(event, body=json.dumps(body), headers=key))
        assert answer["statusCode"] == 201, answer
        self.number = json.loads(answer["body"])["number"]
        self._follow()

    def step(self, name: str) -> None:
        if name == "mail":
            self._write_mail()
        elif name == "bounce":
            self._return_mail()
        elif name == "promise":
            due = (self.true.now() + timedelta(hours=3)).isoformat(timespec="seconds")
            self.request("staff", "staff-promise", {"by": due, "text": "By then."})
        else:
            sample, body = STEPS[name]
            self.request(sample.partition("-")[0], sample, dict(body))

    def _write_mail(self) -> None:
        self._mails += 1
        address = f"{customer_wiring.links().mail_token(self.number)}@{ENVIRONMENT['MAIL_DOMAIN']}"
        raw = mail("A word.", to=address, message_id=f"<{self._mails}.{self.number}@example.com>")
        raw = raw.replace(b"li.na@example.com", b"wang@customer.example")
        key = f"inbound/{self.number}-{self._mails}"
        aws("s3").put_object(Bucket=ENVIRONMENT["MAIL_BUCKET"], Key=key, Body=raw)
        at = self.true.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        body = json.dumps({"Records": [{"eventTime": at, "s3": {"object": {"key": key}}}]})
        answer = self.call("inbound", {"Records": [{"messageId": "m", "body": body}]})
        assert answer == {"batchItemFailures": []}

    def _return_mail(self) -> None:
        self._mails += 1
        event = read_sample("mailer-bounce")
        body = json.loads(event["Records"][0]["body"])
        body["bounce"] |= {"bounceType": "Transient", "feedbackId": f"feedback {self._mails}"}
        body["mail"]["tags"] |= {"ticket": [self.number], "event": ["1"]}
        self.send(json.dumps(body))


@pytest.fixture
def apart(
    table: str, staff: Any, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Apart]:
    monkeypatch.setattr(moto_direct, "enabled", False)  # clocks read the time of HTTP's answers
    made = Apart(stores, aws("dynamodb").scan(TableName=TABLE)["Items"])

    def answer(response_dict: dict[str, Any], **_: Any) -> None:
        made.true.advance(seconds=made.latency_s / 2)
        response_dict["headers"]["Date"] = format_datetime(made.true.now(), usegmt=True)
        made.true.advance(seconds=made.latency_s / 2)

    def of_aws(session: Any) -> None:
        session.register("before-parse", answer)
        clients.listen(session)

    def strict() -> datetime:
        assert clients._CLOCK.checked, "a function asked for the time before AWS answered it"
        return clients._CLOCK.now()

    monkeypatch.setattr(clients, "_CLOCK", made._clock(0.0))
    monkeypatch.setattr(clients, "now", strict)
    session = boto3.Session()._session
    of_aws(session)
    monkeypatch.setattr(clients, "session", lambda: session)
    lean = {name: session.create_client(name, REGION) for name in ("dynamodb", "secretsmanager")}
    monkeypatch.setattr(clients, "dynamodb", lambda: lean["dynamodb"])
    monkeypatch.setattr(clients, "secrets", lambda: lean["secretsmanager"])
    models = Models(TABLE, REGION, listen=of_aws)
    monkeypatch.setattr(wired_stores, "models", lambda: models)

    aws("sesv2").create_email_identity(EmailIdentity=ENVIRONMENT["SENDER_ADDRESS"])
    aws("s3").create_bucket(Bucket=ENVIRONMENT["MAIL_BUCKET"])
    queue = aws("sqs").create_queue(QueueName="redress-mail")["QueueUrl"]
    set_environment(
        monkeypatch, MAIL_QUEUE_URL=queue, MAIL_DEAD_LETTER_QUEUE_URL=queue, CALL_TIMEOUT_S="1.5"
    )
    yield made
    forget_wiring()


WAITS = st.one_of(
    st.sampled_from([0, 1, 59, 61, 300, 3600]),
    st.integers(0, 4 * 3600),
    st.integers(0, 3 * 86_400),
)
AHEAD = st.floats(-HOURS_APART * 3600 / 2, HOURS_APART * 3600 / 2) | st.sampled_from(
    [-3600.0, 3600.0, -9.0, 9.0, 0.0]
)
LIVES = st.lists(
    st.tuples(st.sampled_from([*STEPS, "mail", "bounce", "promise"]), WAITS), min_size=2, max_size=7
)


# Failures are not shrunk, because a life takes seconds.
@settings(
    max_examples=5 * TIMES,
    phases=[Phases.explicit, Phases.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example(
    ahead=dict.fromkeys(FUNCTIONS, 0.0) | {"intake": 3600.0, "assigner": -3600.0},
    latency_s=0.1,
    kind="complaint",
    life=[("ask", 600), ("mail", 90_000), ("resolve", 600), ("confirm", 60), ("survey", 60)],
)
@given(
    ahead=st.fixed_dictionaries(dict.fromkeys(FUNCTIONS, AHEAD)),
    latency_s=st.floats(0, 2),
    kind=st.sampled_from(["complaint", "inquiry", "urgent"]),
    life=LIVES,
)
def test_whole_life_is_decided_by_the_time_of_aws(
    apart: Apart, ahead: dict[str, float], latency_s: float, kind: str, life: list[tuple[str, int]]
) -> None:
    live(apart, ahead, latency_s, kind, life)
    check_history(apart)
    check_promises(apart)
    check_rungs(apart)
    check_facts(apart)
    check_future(apart)
    check_told(apart, ahead)


def live(
    apart: Apart,
    ahead: Mapping[str, float],
    latency_s: float,
    kind: str,
    life: list[tuple[str, int]],
) -> None:
    apart.begin(ahead, latency_s)
    apart.open(kind)
    for step, seconds in life:
        apart.wait(seconds)
        apart.step(step)
    apart.wait(3600)


def check_history(apart: Apart) -> None:
    """Each event has the time at which it was written, and none is earlier than the one before."""
    last = apart.history[0].at
    for event in apart.history:
        off = (event.at - apart.written[event.number]).total_seconds()
        assert abs(off) <= APART.total_seconds(), (event.type, off)
        assert event.at >= last, event.type
        last = event.at


def stories(apart: Apart, events: list[Event]) -> tuple[Story, ...]:
    plan = apart.stores.plans.get(apart.ticket.plan_version)
    return explain(events, plan, apart.stores.plans.get, apart.true.now())


def check_promises(apart: Apart) -> None:
    """Each promise has the standing that the same steps at their true times would give it.

    Its due time may differ by a minute of its calendar. A promise that ended between the two due
    times, or within a minute of them, may have either standing.
    """
    truly = [replace(event, at=apart.written[event.number]) for event in apart.history]
    plan = apart.stores.plans.get(apart.ticket.plan_version)
    for ours, true in zip(stories(apart, apart.history), stories(apart, truly), strict=True):
        assert min(ours.elapsed_s, ours.ran_s, ours.paused_s) >= 0
        assert abs(ours.until - true.until) <= APART
        first, last = sorted((ours.clock.due_at, true.clock.due_at))
        assert plan.calendar(ours.clock.calendar).elapsed(first, last) <= APART.total_seconds()
        if not first - APART <= true.until <= last + APART:
            assert ours.standing is true.standing, (ours.name, ours.clock, true.clock)


def check_rungs(apart: Apart) -> None:
    """Each rung acted at its due time, by the time of AWS."""
    for event in apart.history:
        if event.type is EventType.RUNG_FIRED:
            due = datetime.fromisoformat(event.data["due_at"])
            late = (apart.written[event.number] - due).total_seconds()
            assert abs(late) <= APART.total_seconds(), (event.data, late)


def check_facts(apart: Apart) -> None:
    for row in wired_stores.models().fact.scan():
        if apart.number not in row.sk:
            continue
        agent, period = row.pk.split("#")[1:3]
        for fact in facts_in(agent, period, row):
            assert all(value >= 0 for value in fact.value.values() if isinstance(value, int)), fact


def check_future(apart: Apart) -> None:
    """No time in the table is in the future, except those at which something is due."""
    latest = (apart.true.now() + APART).isoformat(timespec="milliseconds")
    found = aws("dynamodb").scan(TableName=TABLE)["Items"]
    for item in found:
        for name in ("awake_since", "since", "last_assigned", "at"):
            assert item.get(name, {"S": ""})["S"] <= latest, item
    assert apart.ticket.changed_at - apart.true.now() <= APART


def check_told(apart: Apart, ahead: Mapping[str, float]) -> None:
    """Operations are told of a wrong clock, and of no other. Every life calls intake."""
    if abs(ahead["intake"]) > BOUND_S + 3 + apart.latency_s:
        assert any(abs(told - ahead["intake"]) <= 3 for told, _ in apart.told)
    if max(map(abs, ahead.values())) <= BOUND_S:
        assert not apart.told
