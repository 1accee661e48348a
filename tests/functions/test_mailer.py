"""The mailer sends each mail once, skips outdated mails, and loses none while SES fails."""

from __future__ import annotations

import email
import io
import json
import time
from collections.abc import Callable, Iterator
from copy import replace
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import policy
from email.message import EmailMessage
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends

from redress.base.errors import Unavailable
from redress.base.languages import LANGUAGES
from redress.base.people import CUSTOMER, Actor, Member, Role
from redress.base.phrases import phrases
from redress.db import keys
from redress.db.rows import Models
from redress.incidents.rules import Done, Incident, IncidentChange
from redress.incidents.store import IncidentStore
from redress.mail.outgoing import rendering
from redress.mail.outgoing.carriers import ACCOUNT_REFUSED, SES_S
from redress.mail.outgoing.cases.posting import LEASE, NotSentYet, Result, SendOutcome
from redress.mail.outgoing.cases.sending import UNWANTED, MailingCase
from redress.mail.outgoing.messages import MailJob, encode, job_of
from redress.mail.outgoing.rules.relevance import acknowledgement_of
from redress.mail.outgoing.rules.table import mails_after
from redress.mail.outgoing.smtp_relay import RELAY_S
from redress.mail.outgoing.store import AddressChange, AddressMark, address_row
from redress.plans.rules.document import parse
from redress.plans.rules.plan import KINDS, ConflictPlan, Plan
from redress.staff.rules import members
from redress.staff.rules.availability import Presence
from redress.staff.rules.members import ChangeKind, MemberChange
from redress.tickets.rules.access import may_act
from redress.tickets.rules.change import Change
from redress.tickets.rules.interest import Doubt
from redress.tickets.rules.numbers import new_number
from redress.tickets.rules.post_mortem import Action
from redress.tickets.rules.preference import Preference
from redress.tickets.rules.steps import (
    by_customer,
    by_departments,
    by_staff,
    by_system,
    by_timer,
    of_incidents,
    opening,
    post_mortems,
    remedying,
)
from redress.tickets.rules.steps.by_departments import NewTask
from redress.tickets.rules.steps.by_staff import Classification
from redress.tickets.rules.steps.matching import match
from redress.tickets.rules.steps.post_mortems import Learnt
from redress.tickets.rules.steps.remedying import NewRemedy
from redress.tickets.rules.ticket import Contact, Event, Ticket, classification_of
from redress.tickets.store.mail_records import MailRecord, MailRecordStore
from redress.tickets.store.tickets import TicketStore
from redress.wiring import clients
from redress.wiring import customer as customer_wiring
from redress.wiring import mailer as mailer_wiring
from redress.wiring import staff as staff_wiring
from redress.wiring import stores as wired_stores
from tests import builders, rights, world
from tests.builders import BY_PHONE, JUN, LIN, MEI, Clock, plan_document
from tests.functions.conftest import BASE_ADDRESS, ENVIRONMENT, MEMBERS
from tests.mail import relay
from tests.template.documents import functions
from tests.wired import REGION, TABLE, set_environment
from tests.world import Opener, Stores, aws, logged_by, merge, split, unmerge, unsplit

OPERATOR = "operations@example.com"
PRIVATE = ("Li Na", "li.na@example.com", "The kettle leaks", "at the handle", "secret words")
"""What the customer typed. None of it may reach a log or a mail to staff."""

Events = Callable[[str], dict[str, Any]]


@dataclass
class Context(world.Context):
    remaining_ms: int = 10_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


@dataclass
class Post:
    """SES in moto, with the faults that a test asks for, before or after SES accepts the mail."""

    refuse_with: str | None = None
    unreachable: Exception | None = None
    answer_lost: Exception | None = None
    meanwhile: Callable[[], None] | None = None
    calls: int = 0

    def before(self, **_: Any) -> Any:
        self.calls += 1
        if self.meanwhile:
            self.meanwhile()
        if self.unreachable:
            raise self.unreachable
        if self.refuse_with:
            status = 503 if self.refuse_with == "ServiceUnavailable" else 400
            # Error messages of SES contain addresses.
            wrong = {"Code": self.refuse_with, "Message": "not verified: li.na@example.com"}
            parsed = {"Error": wrong, "ResponseMetadata": {"HTTPStatusCode": status}}
            return SimpleNamespace(status_code=status, headers={}), parsed
        return None

    def after(self, **_: Any) -> None:
        if self.answer_lost:
            raise self.answer_lost

    @property
    def accepted(self) -> int:
        """Return how many mails SES has accepted."""
        return len(ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages)

    @property
    def sent(self) -> list[EmailMessage]:
        """Return the mails that SES has accepted, unchanged."""
        found = []
        for message in ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages:
            mail = email.message_from_string(message.raw_data, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            found.append(mail)
        return found

    @property
    def only(self) -> EmailMessage:
        assert len(self.sent) == 1
        return self.sent[0]


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert isinstance(part, EmailMessage)
    content: str = part.get_content()
    return content.replace("\r\n", "\n")


@dataclass
class Mailer:
    """The function and its queues. Delivers jobs as SQS does."""

    app: ModuleType
    stores: Stores
    clock: Clock
    queue: str
    dead_letters: str
    put_off: dict[str, int] = field(default_factory=dict)

    def __call__(
        self, *bodies: str, tried: int = 1, waited_s: float = 0, **context: Any
    ) -> list[str]:
        """Deliver these messages as one batch. Returns those to deliver again.

        They were put into the queue `waited_s` seconds ago.
        """
        sent_ms = round((self.clock.now().timestamp() - waited_s) * 1000)
        records = [
            {
                "messageId": f"m-{index}",
                "receiptHandle": f"handle-m-{index}",
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": str(tried),
                    "SentTimestamp": str(sent_ms),
                },
            }
            for index, body in enumerate(bodies)
        ]
        return self.deliver({"Records": records}, **context)

    def deliver(self, event: dict[str, Any], **context: Any) -> list[str]:
        answer = self.app.handler(event, Context(**context))
        again = [item["itemIdentifier"] for item in answer["batchItemFailures"]]
        bodies = {record["messageId"]: record["body"] for record in event["Records"]}
        return [bodies[message] for message in again]

    def jobs(self, number: str, template: str | None = None) -> list[str]:
        """Return the jobs that the relay has enqueued for a ticket so far, oldest first."""
        return [
            encode(MailJob(number, event.number, mail.template, mail.audience))
            for event in self.stores.tickets.history(number)
            for mail in mails_after(event)
            if template in (None, mail.template)
        ]

    def job(self, number: str, template: str) -> str:
        return self.jobs(number, template)[-1]

    def act(
        self, number: str, decide: Callable[[Ticket, Plan, Any], Change | None], **later: float
    ) -> Ticket:
        """Apply a change to the ticket after some time has passed."""
        self.clock.advance(**later)
        return self.stores.changes.change(number, decide)

    def fire(self, number: str, **later: float) -> Ticket:
        """Wake the ticket's workflow after some time has passed."""
        return self.act(number, by_timer.act_on_due_rungs, **later)

    def records(self, number: str) -> dict[str, MailRecord]:
        return {record.key: record for record in self.stores.mail_records.of_ticket(number)}

    def set_aside(self) -> list[str]:
        answer = boto3.client("sqs").receive_message(
            QueueUrl=self.dead_letters, MaxNumberOfMessages=10
        )
        return [message["Body"] for message in answer.get("Messages", [])]


@pytest.fixture
def post(table: str) -> Post:
    boto3.client("sesv2").create_email_identity(EmailIdentity="service@example.com")
    return Post()


@pytest.fixture
def mailer(
    stores: Stores,
    clock: Clock,
    post: Post,
    load_function: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> Mailer:
    sqs = boto3.client("sqs")
    queue = sqs.create_queue(QueueName="redress-mail")["QueueUrl"]
    dead = sqs.create_queue(QueueName="redress-mail-dead")["QueueUrl"]
    set_environment(
        monkeypatch,
        MAIL_QUEUE_URL=queue,
        MAIL_DEAD_LETTER_QUEUE_URL=dead,
        CALL_TIMEOUT_S="1.5",
        OPERATOR_ADDRESS=OPERATOR,
    )
    mailer = Mailer(load_function("mailer"), stores, clock, queue, dead)
    events = mailer_wiring.ses().meta.events
    events.register_last("before-call.sesv2.SendEmail", post.before)
    events.register_last("after-call.sesv2.SendEmail", post.after)

    def remember(params: dict[str, Any], **_: Any) -> Any:
        """Record the delay instead of calling SQS. The tests invent the receipt handles."""
        asked = json.loads(params["body"])
        assert asked["QueueUrl"] == queue
        mailer.put_off[asked["ReceiptHandle"]] = asked["VisibilityTimeout"]
        return SimpleNamespace(status_code=200, headers={}), {"ResponseMetadata": {}}

    known = mailer_wiring.sqs().meta.events
    known.register("before-call.sqs.ChangeMessageVisibility", remember)
    return mailer


@pytest.fixture
def log(mailer: Mailer) -> Iterator[io.StringIO]:
    """Collect what the function logs."""
    with logged_by(mailer.app) as written:
        yield written


def metrics_of(capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    """Return the metrics that the function has written since the last call, by name."""
    found: dict[str, float] = {}
    for line in capsys.readouterr().out.splitlines():
        if not line.startswith("{"):
            continue
        document = json.loads(line)
        for group in document.get("_aws", {}).get("CloudWatchMetrics", []):
            for metric in group["Metrics"]:
                name = metric["Name"]
                found[name] = found.get(name, 0) + sum(document[name])
    return found


# ------------------------------------------------------------------ the acknowledgement


def test_acknowledges_in_the_customers_language_with_number_promises_and_link(
    mailer: Mailer, post: Post, open_ticket: Opener, sample: Events
) -> None:
    ticket = open_ticket(language="zh-TW")
    event = sample("mailer-acknowledgement")
    body = event["Records"][0]["body"]
    event["Records"][0]["body"] = body.replace("R-7K3M9-QW0X2", ticket.number)
    assert mailer.deliver(event) == []

    mail = post.only
    token = customer_wiring.links().status_token(ticket.number)
    assert mail["To"] == "li.na@example.com"
    assert mail["Subject"] == f"[{ticket.number}] 我們已收到您的申訴"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert f"{BASE_ADDRESS}/t/{token}\n" in text_of(mail)
    assert text_of(mail).count("http") == 1
    # A complaint of 09:00 in Shanghai: reaction in 30 min, first response in 24 h, solved in 48 h.
    assert "- 首次回報進度：2026年11月23日（星期一）09:30（UTC+8）前\n" in text_of(mail)
    assert "- 首次專人回覆：2026年11月24日（星期二）09:00（UTC+8）前\n" in text_of(mail)
    assert "- 解決問題：2026年11月25日（星期三）09:00（UTC+8）前\n" in text_of(mail)
    assert not any(typed in text_of(mail) for typed in ("Li Na", "kettle", "handle"))

    assert mailer.stores.tickets.get(ticket.number).acknowledged_at == mailer.clock.now()
    record = mailer.records(ticket.number)["000001.acknowledgement.customer"]
    assert (record.state, record.attempts, record.fault) == ("sent", 1, None)


def test_an_acknowledgement_after_days_of_outage_names_no_past_promise(
    mailer: Mailer, post: Post, open_ticket: Opener
) -> None:
    ticket = open_ticket(language="en")
    mailer.clock.advance(days=3)
    assert mailer(mailer.job(ticket.number, "acknowledgement")) == []
    assert "We are sorry for the trouble that you have had" in text_of(post.only)
    assert "and that this confirmation comes late" in text_of(post.only)
    assert mailer.stores.tickets.get(ticket.number).acknowledged_at is not None


@pytest.mark.parametrize("kind", KINDS)
def test_acknowledgement_says_what_fits_the_kind_that_the_ticket_has_now(
    mailer: Mailer, post: Post, open_ticket: Opener, kind: str
) -> None:
    ticket = open_ticket(kind, language="en")
    assert mailer(mailer.job(ticket.number, "acknowledgement")) == []
    subject, _ = rendering.template("en", acknowledgement_of(kind, is_late=False))
    assert post.only["Subject"] == f"[{ticket.number}] {subject}"
    assert ("sorry" in text_of(post.only)) == (kind == "complaint")


def test_name_and_colours_of_the_house_are_in_its_mails(
    mailer: Mailer, post: Post, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"HOUSE_NAME": "Example Teas 示例茶业", "HOUSE_COLOUR": "#7a1f3d"}
    set_environment(monkeypatch, **settings)
    ticket = open_ticket(language="en")
    assert mailer(mailer.job(ticket.number, "acknowledgement")) == []
    [sender] = post.only["From"].addresses
    assert (sender.display_name, sender.addr_spec) == (
        "Example Teas 示例茶业",
        ENVIRONMENT["SENDER_ADDRESS"],
    )
    html = post.only.get_body(("html",))
    assert html is not None
    assert 'class="house">Example Teas' in html.get_content()
    assert "background: #7a1f3d" in html.get_content()


def test_the_next_delivery_records_the_acknowledgement_if_the_worker_died(
    mailer: Mailer, post: Post, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = open_ticket()
    job = mailer.job(ticket.number, "acknowledgement")
    with monkeypatch.context() as patch:
        patch.setattr(TicketStore, "commit", _unavailable)
        assert mailer(job) == [job]
    assert mailer.stores.tickets.get(ticket.number).acknowledged_at is None

    assert mailer(job, tried=2) == []
    assert mailer.stores.tickets.get(ticket.number).acknowledged_at is not None
    assert len(post.sent) == 1


def test_an_acknowledgement_that_can_never_be_sent_breaches_its_clock(
    mailer: Mailer, post: Post, open_ticket: Opener, capsys: pytest.CaptureFixture[str]
) -> None:
    ticket = open_ticket()
    post.refuse_with = "BadRequestException"
    assert mailer(mailer.job(ticket.number, "acknowledgement")) == []
    assert metrics_of(capsys) == {"MailNotSent": 1}
    record = mailer.records(ticket.number)["000001.acknowledgement.customer"]
    assert (record.state, record.fault) == ("refused", "BadRequestException")

    post.refuse_with = None
    assert mailer(mailer.job(ticket.number, "acknowledgement"), tried=2) == []
    assert post.sent == []
    after = mailer.fire(ticket.number, minutes=5)
    assert after.acknowledged_at is None
    assert after.escalation == "supervisor"


def _unavailable(*_: Any, **__: Any) -> None:
    raise Unavailable()


# ------------------------------------------------------------------ once


def test_a_job_delivered_many_times_is_sent_once(
    mailer: Mailer, post: Post, open_ticket: Opener
) -> None:
    ticket = open_ticket()
    job = mailer.job(ticket.number, "acknowledgement")
    assert mailer(job, job, job) == []
    mailer.clock.advance(days=2)
    assert mailer(job, tried=4) == []
    assert len(post.sent) == 1


def test_a_worker_killed_between_sending_and_recording_causes_one_more_copy(
    mailer: Mailer, post: Post, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = open_ticket()
    job = mailer.job(ticket.number, "acknowledgement")
    with monkeypatch.context() as patch:
        patch.setattr(MailRecordStore, "record", _unavailable)
        assert mailer(job) == [job]
    assert mailer(job, tried=2) == [job], "its claim still stands"
    assert len(post.sent) == 1

    mailer.clock.moment += LEASE + timedelta(seconds=1)
    assert mailer(job, tried=3) == []
    assert mailer(job, tried=4) == []
    assert len(post.sent) == 2


def test_a_lost_answer_of_ses_causes_one_more_copy(
    mailer: Mailer, post: Post, open_ticket: Opener
) -> None:
    ticket = open_ticket()
    job = mailer.job(ticket.number, "acknowledgement")
    post.answer_lost = ReadTimeoutError(endpoint_url="https://email.us-east-1.amazonaws.com")
    assert mailer(job) == [job]
    post.answer_lost = None
    assert mailer(job, tried=2) == [job], "it may have been sent: not again before the claim ends"
    assert post.calls == 1

    mailer.clock.moment += LEASE + timedelta(seconds=1)
    assert mailer(job, tried=3) == []
    assert mailer(job, tried=4) == []
    assert (post.calls, len(post.sent)) == (2, 2)
    assert mailer.stores.tickets.get(ticket.number).acknowledged_at is not None


def test_a_mail_that_another_worker_is_sending_is_tried_again(
    mailer: Mailer, post: Post, open_ticket: Opener
) -> None:
    ticket = open_ticket()
    case, job = mailer_wiring.mailing(), MailJob(ticket.number, 1, "acknowledgement", "customer")

    def second_worker() -> None:
        with pytest.raises(NotSentYet, match="held"):
            case.send(job)

    post.meanwhile = second_worker
    assert case.send(job) == SendOutcome(Result.SENT)
    assert case.send(job) == SendOutcome(Result.SENT_BEFORE)
    assert len(post.sent) == 1


# ------------------------------------------------------------------ when SES does not accept a mail


TRANSIENT = [
    "SendingPausedException",
    "TooManyRequestsException",
    "LimitExceededException",
    "AccountSuspendedException",
    "ThrottlingException",
    "ServiceUnavailable",
    "AccessDeniedException",
    # SES returns this for every mail while the sender is not verified, until the operator fixes it.
    "MessageRejected",
    "MailFromDomainNotVerifiedException",
]


@pytest.mark.parametrize("code", TRANSIENT)
def test_mails_wait_while_ses_refuses_and_are_sent_once_afterwards(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    log: io.StringIO,
    capsys: pytest.CaptureFixture[str],
    code: str,
) -> None:
    jobs = [mailer.job(open_ticket().number, "acknowledgement") for _ in range(3)]
    post.refuse_with = code
    for tried in (1, 2, 3):
        assert mailer(*jobs, tried=tried) == jobs
    assert metrics_of(capsys) == ({"MailNotSent": 9} if code in ACCOUNT_REFUSED else {})
    number = json.loads(jobs[0])["number"]
    record = mailer.records(number)["000001.acknowledgement.customer"]
    assert (record.state, record.fault, record.attempts) == ("failed", code, 3)

    post.refuse_with = None
    assert mailer(*jobs, tried=4) == []
    assert mailer(*jobs, tried=5) == []
    assert len(post.sent) == 3
    assert mailer.records(number)["000001.acknowledgement.customer"].fault is None
    assert not any(typed in log.getvalue() for typed in PRIVATE)


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="https://email.us-east-1.amazonaws.com"),
        ConnectTimeoutError(endpoint_url="https://email.us-east-1.amazonaws.com"),
    ],
)
def test_a_mail_that_never_reached_ses_is_tried_again_at_once(
    mailer: Mailer, post: Post, open_ticket: Opener, error: Exception
) -> None:
    job = mailer.job(open_ticket().number, "acknowledgement")
    post.unreachable = error
    assert mailer(job) == [job]
    post.unreachable = None
    assert mailer(job, tried=2) == []
    assert len(post.sent) == 1


@pytest.mark.parametrize(
    ("tried", "least", "most"),
    [
        *((1, 2, 5), (2, 5, 10), (3, 10, 20), (4, 15, 30), (22, 15, 30)),
        *((23, 30, 60), (26, 240, 480), (27, 450, 900), (900, 450, 900)),
    ],
)
def test_the_delay_of_a_failed_mail_doubles_up_to_a_quarter_of_an_hour(
    mailer: Mailer, post: Post, open_ticket: Opener, tried: int, least: int, most: int
) -> None:
    post.refuse_with = "SendingPausedException"
    jobs = [mailer.job(open_ticket().number, "acknowledgement") for _ in range(5)]
    mailer(*jobs, tried=tried)
    assert len(mailer.put_off) == 5
    assert all(least <= wait <= most for wait in mailer.put_off.values())
    assert tried < 3 or len(set(mailer.put_off.values())) > 1, "jitter spreads them"


def test_a_mail_whose_delay_cannot_be_set_is_still_tried_again(
    mailer: Mailer, post: Post, open_ticket: Opener
) -> None:
    post.refuse_with = "SendingPausedException"
    job = mailer.job(open_ticket().number, "acknowledgement")

    def broken(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url=mailer.queue)

    mailer_wiring.sqs().meta.events.register_first(
        "before-call.sqs.ChangeMessageVisibility", broken
    )
    assert mailer(job) == [job]


def test_no_mail_is_begun_without_enough_time_left(
    mailer: Mailer, post: Post, open_ticket: Opener
) -> None:
    jobs = [mailer.job(open_ticket().number, "acknowledgement") for _ in range(2)]
    assert mailer(*jobs, remaining_ms=7_000) == jobs
    assert post.calls == 0
    assert set(mailer.put_off) == {"handle-m-0", "handle-m-1"}
    assert mailer(*jobs, tried=2) == []


@pytest.fixture
def spend(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return what lets some seconds of the worker's life pass. Nothing else lets time pass."""
    began, spent = time.monotonic(), [0.0]
    monkeypatch.setattr("time.monotonic", lambda: began + spent[0])

    def pass_time(seconds: float) -> None:
        spent[0] += seconds

    return pass_time


def slow_claim(monkeypatch: pytest.MonkeyPatch, take: Callable[[], None]) -> None:
    claim = MailRecordStore.claim

    def slowly(self: MailRecordStore, *given: Any) -> Any:
        found = claim(self, *given)
        take()
        return found

    monkeypatch.setattr(MailRecordStore, "claim", slowly)


@pytest.mark.parametrize("claim_s", [0.5, 4.0])
def test_a_mail_whose_claim_took_too_long_is_put_off_and_can_be_claimed_at_once(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    spend: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
    claim_s: float,
) -> None:
    number = open_ticket().number
    job = mailer.job(number, "acknowledgement")
    with monkeypatch.context() as patch:
        slow_claim(patch, lambda: spend(claim_s))
        assert mailer(job, remaining_ms=8_000) == [job]
    assert post.calls == 0
    [record] = mailer.records(number).values()
    assert (record.state, record.fault) == ("failed", "too little time is left")
    assert mailer.put_off["handle-m-0"] <= 5
    assert mailer(job, tried=2) == []
    assert post.accepted == 1


def test_a_mail_is_recorded_although_ses_used_all_its_time(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    spend: Callable[[float], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is left is the time of one call of the table."""
    number = open_ticket().number
    job = mailer.job(number, "acknowledgement")
    slow_claim(monkeypatch, lambda: spend(0.2))
    post.meanwhile = lambda: spend(sum(SES_S) + 0.1)
    assert mailer(job, remaining_ms=7_950) == [job], "the acknowledgement is not recorded yet"
    [record] = mailer.records(number).values()
    assert (record.state, post.accepted) == ("sent", 1)
    post.meanwhile = None
    assert mailer(job, tried=2) == []
    assert mailer.stores.tickets.get(number).acknowledged_at is not None
    assert post.accepted == 1


# ------------------------------------------------------------------ bad records


def test_a_bad_record_goes_to_the_dead_letter_queue_and_blocks_no_other(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    sample: Events,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ticket = open_ticket()
    event = sample("mailer-poison")
    for record in event["Records"]:
        record["body"] = record["body"].replace("R-7K3M9-QW0X2", ticket.number)
    assert mailer.deliver(event) == []
    assert post.only["To"] == "li.na@example.com"
    first, _, third = (record["body"] for record in event["Records"])
    assert sorted(mailer.set_aside()) == sorted([first, third])
    assert metrics_of(capsys) == {"DeadLetters": 2}


@pytest.mark.parametrize(
    ("template", "audience"),
    [("reply", "customer"), ("acknowledgement", "manager"), ("acknowledgement", "everybody")],
)
def test_a_mail_that_does_not_follow_its_event_goes_to_the_dead_letter_queue(
    mailer: Mailer, post: Post, open_ticket: Opener, template: str, audience: str
) -> None:
    job = encode(MailJob(open_ticket().number, 1, template, audience))
    assert mailer(job) == []
    assert mailer.set_aside() == [job]
    assert post.calls == 0


def test_a_bad_record_stays_while_the_dead_letter_queue_fails(mailer: Mailer, post: Post) -> None:
    def broken(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url=mailer.dead_letters)

    events = mailer_wiring.sqs().meta.events
    events.register_first("before-call.sqs.SendMessage", broken)
    assert mailer("not a job") == ["not a job"]
    events.unregister("before-call.sqs.SendMessage", broken)
    assert mailer("not a job", tried=2) == []
    assert mailer.set_aside() == ["not a job"]


def test_a_job_of_a_missing_ticket_leaves_the_queue(mailer: Mailer, post: Post) -> None:
    job = encode(MailJob("R-00000-00000", 1, "acknowledgement", "customer"))
    assert mailer(job) == []
    assert (post.calls, mailer.set_aside()) == (0, [])


def test_an_unexpected_error_is_tried_again_and_logs_nothing_that_anybody_typed(
    mailer: Mailer, post: Post, open_ticket: Opener, log: io.StringIO, monkeypatch: Any
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise KeyError("secret words of li.na@example.com")

    job = mailer.job(open_ticket().number, "acknowledgement")
    with monkeypatch.context() as patch:
        patch.setattr("redress.mail.outgoing.rendering.render", broken)
        assert mailer(job) == [job]
    assert "KeyError" in log.getvalue()
    assert not any(typed in log.getvalue() for typed in PRIVATE)
    assert mailer(job, tried=2) == []


def test_warms_without_sending(mailer: Mailer, post: Post, sample: Events) -> None:
    assert mailer.app.handler(sample("mailer-warm"), Context()) == {"warm": True}
    assert post.calls == 0


# ------------------------------------------------------------------ mails to the customer


def _reply(text: str, wait: bool) -> Callable[[Ticket, Plan, Any], Change]:
    return lambda ticket, plan, at: by_staff.reply(ticket, plan, MEI, text, wait, at)


def _resolve(
    text: str = "The seal was worn; we replaced it.", preference: Preference | None = None
) -> Callable[..., Change]:
    return lambda ticket, plan, at: by_staff.resolve(
        ticket, plan, MEI, text, "upheld", "a new seal", "a worn seal", at, preference
    )


def test_a_reply_is_sent_as_the_agent_wrote_it(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    typed = "Dear {name},\n\n{0.__class__} {{x}} 100 % 好的 🙂\n.\nFrom now on it is tight."
    ticket = open_ticket(agent="a-mei", language="en")
    mailer.act(ticket.number, _reply(typed, wait=False))
    assert mailer(mailer.job(ticket.number, "reply")) == []
    mail = post.only
    assert mail["Subject"] == f"[{ticket.number}] The kettle leaks"
    assert mail["Auto-Submitted"] is None, "a person wrote it"
    token = mail["References"].strip("<>").partition("@")[0]
    assert mail["Reply-To"] == f"{token}@in.example.org"
    assert mail["In-Reply-To"] == mail["References"] == f"<{token}@example.com>"
    assert customer_wiring.links().read_mail(token) == ticket.number
    marker = phrases("en").marker
    assert text_of(mail).startswith(f"{marker}\n\n{typed}\n")
    assert "We need your answer" not in text_of(mail)


def test_a_reply_that_waits_asks_for_an_answer_until_there_is_one(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei", language="en")
    mailer.act(ticket.number, _reply("Which model is it?", wait=True))
    first = mailer.job(ticket.number, "reply")
    mailer.act(ticket.number, _reply("And since when?", wait=True), minutes=1)
    assert mailer(first) == []
    mailer.act(ticket.number, lambda t, p, at: by_customer.write(t, p, "The K3.", at), minutes=1)
    assert mailer(mailer.job(ticket.number, "reply")) == []
    waiting, answered = post.sent
    token = customer_wiring.links().status_token(ticket.number)
    assert f"Please reply on this page:\n{BASE_ADDRESS}/t/{token}\n" in text_of(waiting)
    assert "We need your answer" not in text_of(answered)


def test_progress_is_mailed_to_the_customer(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei")
    mailer.act(
        ticket.number, lambda t, p, at: by_staff.tell_progress(t, p, MEI, "新密封圈已寄出。", at)
    )
    assert mailer(mailer.job(ticket.number, "progress")) == []
    assert "目前进展如下：\n\n新密封圈已寄出。\n" in text_of(post.only)
    assert post.only["Auto-Submitted"] is None


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "We continue both as one, under the number {}"),
        ("zh-CN", "以编号 {} 继续处理"),
        ("zh-TW", "以編號 {} 繼續處理"),
    ],
)
def test_customer_is_told_once_in_which_ticket_theirs_goes_on(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    stores: Stores,
    staff: dict[str, Member],
    language: str,
    said: str,
) -> None:
    source, target = open_ticket(language=language), open_ticket()
    merge(stores, source.number, target.number)
    assert mailer(mailer.job(source.number, "merged")) == []
    assert said.format(target.number) in text_of(post.only)
    assert f"[{source.number}]" in post.only["Subject"]
    history = stores.tickets.history(target.number)
    of_target = (mail for event in history for mail in mails_after(event))
    assert [mail.template for mail in of_target if mail.audience == Role.CUSTOMER] == [
        "acknowledgement"
    ]


def test_customer_is_told_that_their_ticket_goes_on_by_itself_after_all(
    mailer: Mailer, post: Post, open_ticket: Opener, stores: Stores, staff: dict[str, Member]
) -> None:
    source, target = open_ticket(language="en"), open_ticket()
    merge(stores, source.number, target.number)
    unmerge(stores, source.number, target.number)
    assert mailer(mailer.job(source.number, "unmerged")) == []
    assert f"Your request {source.number} goes on by itself" in text_of(post.only)


def test_customer_is_told_of_no_merge_and_of_no_split_that_was_undone_meanwhile(
    mailer: Mailer, post: Post, open_ticket: Opener, stores: Stores, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(language="en")
    number = split(stores, ticket.number, add_message(stores, ticket.number))
    unsplit(stores, ticket.number, number)
    assert mailer(mailer.job(number, "acknowledgement")) == []
    source, target = open_ticket(language="en"), open_ticket()
    merge(stores, source.number, target.number)
    merged = mailer.job(source.number, "merged")
    unmerge(stores, source.number, target.number)
    assert mailer(merged) == []
    assert post.sent == []
    assert mailer(mailer.job(source.number, "unmerged")) == []
    assert "told you" not in text_of(post.only)


@pytest.mark.parametrize("is_gone", [False, True])
def test_customer_reads_no_number_of_a_ticket_that_turned_out_to_be_of_somebody_else(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    stores: Stores,
    staff: dict[str, Member],
    is_gone: bool,
) -> None:
    """While the mail waits, staff match the other ticket with another customer, or it is lost."""
    source, target = open_ticket(language="en"), open_ticket()
    merge(stores, source.number, target.number)
    merged = mailer.job(source.number, "merged")
    if is_gone:
        aws("dynamodb").delete_item(
            TableName=TABLE,
            Key={"pk": {"S": keys.ticket_pk(target.number)}, "sk": {"S": keys.TICKET}},
        )
    else:
        give(stores, target.number, "wang-wei")
    with rights.of("MailerFunction"):
        assert mailer(merged) == []
    assert post.sent == []


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "together with another request."),
        ("zh-CN", "此前曾与另一事项合并处理"),
        ("zh-TW", "先前曾與另一案件合併處理"),
    ],
)
def test_customer_learns_that_a_merge_with_the_ticket_of_somebody_else_is_undone(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    stores: Stores,
    staff: dict[str, Member],
    language: str,
    said: str,
) -> None:
    source, target = open_ticket(language=language), open_ticket()
    merge(stores, source.number, target.number)
    unmerge(stores, source.number, target.number)
    give(stores, target.number, "wang-wei")
    assert mailer(mailer.job(source.number, "unmerged")) == []
    assert said in text_of(post.only)
    assert target.number not in str(post.only)


def give(stores: Stores, number: str, customer: str) -> None:
    """Match the ticket with another customer."""
    stores.changes.change(number, lambda t, p, at: match(t, p, customer, "staff", at))


def test_customer_is_not_told_that_a_ticket_goes_on_by_itself_which_was_merged_again(
    mailer: Mailer, post: Post, open_ticket: Opener, stores: Stores, staff: dict[str, Member]
) -> None:
    source, first, second = (open_ticket(language="en") for _ in range(3))
    merge(stores, source.number, first.number)
    job = mailer.job(source.number, "merged")
    unmerge(stores, source.number, first.number)
    merge(stores, source.number, second.number)
    assert mailer(job) == []
    assert mailer(mailer.job(source.number, "unmerged")) == []
    assert post.sent == []
    assert mailer(mailer.job(source.number, "merged")) == []
    assert second.number in text_of(post.only)


def test_agent_learns_of_words_that_a_merge_by_somebody_else_brings_to_a_waiting_ticket(
    mailer: Mailer, post: Post, open_ticket: Opener, stores: Stores, staff: dict[str, Member]
) -> None:
    source, target = open_ticket(), open_ticket(agent="a-jun")
    mailer.act(
        target.number, lambda t, p, at: by_staff.reply(t, p, JUN, "A photo, please", True, at)
    )
    merge(stores, source.number, target.number)
    assert mailer(mailer.job(target.number, "customer_wrote")) == []
    assert post.only["To"] == "jun@example.com"
    assert not any(typed in text_of(post.only) for typed in PRIVATE)


@pytest.mark.parametrize("what", ["merged it", "undone", "answered"])
def test_agent_gets_no_mail_about_words_of_a_merge_of_which_they_know_or_that_are_answered(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    stores: Stores,
    staff: dict[str, Member],
    what: str,
) -> None:
    agent = "a-mei" if what == "merged it" else "a-jun"  # Mei merges
    source, target = open_ticket(), open_ticket(agent=agent)
    merge(stores, source.number, target.number)
    if what == "undone":
        unmerge(stores, source.number, target.number)
    elif what == "answered":
        mailer.act(target.number, lambda t, p, at: by_staff.reply(t, p, JUN, "Yes", False, at))
    assert mailer(mailer.job(target.number, "customer_wrote")) == []
    assert post.sent == []


def test_agent_is_told_that_somebody_else_merged_their_ticket_or_undid_its_split(
    mailer: Mailer, post: Post, open_ticket: Opener, stores: Stores, staff: dict[str, Member]
) -> None:
    source, target = open_ticket(agent="a-jun"), open_ticket(agent="a-mei")
    merge(stores, source.number, target.number)
    assert mailer(mailer.job(source.number, "moved_away")) == []
    assert post.only["To"] == "jun@example.com"
    assert f"{staff['mei'].name} " in text_of(post.only)
    assert target.number in text_of(post.only)

    number = split(stores, target.number, add_message(stores, target.number))
    mailer.act(number, lambda t, p, at: by_system.assign(t, p, "a-jun", "", at))
    unsplit(stores, target.number, number)
    assert mailer(mailer.job(number, "moved_away")) == []
    assert post.sent[-1]["To"] == "jun@example.com"


@pytest.mark.parametrize(("agent", "is_undone"), [("a-mei", False), (None, False), ("a-jun", True)])
def test_agent_is_not_told_of_their_own_merge_and_of_none_that_was_undone(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    stores: Stores,
    staff: dict[str, Member],
    agent: str | None,
    is_undone: bool,
) -> None:
    source, target = open_ticket(agent=agent), open_ticket()
    merge(stores, source.number, target.number)
    if is_undone:
        unmerge(stores, source.number, target.number)
    assert mailer(mailer.job(source.number, "moved_away")) == []
    assert post.sent == []


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "under its own number: {}"),
        ("zh-CN", "另立编号 {} 处理"),
        ("zh-TW", "另立案件編號 {} 處理"),
    ],
)
def test_author_is_told_once_that_their_words_have_a_ticket_of_their_own(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    stores: Stores,
    staff: dict[str, Member],
    language: str,
    said: str,
) -> None:
    ticket = open_ticket(language=language)
    wrote = add_message(stores, ticket.number)
    number = split(stores, ticket.number, wrote)
    assert mailer(mailer.job(number, "acknowledgement")) == []
    assert mailer(mailer.job(number, "acknowledgement")) == []
    assert said.format(number) in text_of(post.only)
    assert ticket.number not in str(post.only)
    assert stores.tickets.get(number).acknowledged_at is not None


def test_participant_is_told_at_their_own_address(
    mailer: Mailer, post: Post, open_ticket: Opener, stores: Stores, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(language="en")
    wrote = add_message(stores, ticket.number, "wang.wei@example.com")
    number = split(stores, ticket.number, wrote)
    assert mailer(mailer.job(number, "acknowledgement")) == []
    assert post.only["To"] == "wang.wei@example.com"
    assert str(ticket.contact.email) not in str(post.only)


def test_author_of_old_words_reads_no_promise_that_is_broken(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    stores: Stores,
    clock: Clock,
    staff: dict[str, Member],
) -> None:
    ticket = open_ticket(language="en")
    wrote = add_message(stores, ticket.number)
    clock.advance(days=9)
    number = split(stores, ticket.number, wrote)
    assert mailer(mailer.job(number, "acknowledgement")) == []
    text = text_of(post.only)
    assert ("We promise you" in text, "sorry" in text) == (False, True)


def test_author_is_told_that_their_words_went_back(
    mailer: Mailer, post: Post, open_ticket: Opener, stores: Stores, staff: dict[str, Member]
) -> None:
    wang = "wang.wei@example.com"
    apart = "it belongs to the request in which you wrote it"
    for participant, is_given, said in (
        (None, False, "it belongs to your request {}"),
        (wang, False, apart),
        (None, True, apart),
    ):
        ticket = open_ticket(language="en")
        wrote = add_message(stores, ticket.number, participant)
        number = split(stores, ticket.number, wrote)
        if is_given:  # the first ticket is another customer's now
            give(stores, ticket.number, "wang-wei")
        unsplit(stores, ticket.number, number)
        assert mailer(mailer.job(number, "split_undone")) == []
        told = post.sent[-1]
        assert said.format(ticket.number) in text_of(told)
        assert (ticket.number in text_of(told)) is (said is not apart)


def test_author_reads_no_number_of_a_ticket_that_is_of_somebody_else_since_their_words_went_back(
    mailer: Mailer, post: Post, open_ticket: Opener, stores: Stores, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(language="en")
    number = split(stores, ticket.number, add_message(stores, ticket.number))
    unsplit(stores, ticket.number, number)
    give(stores, ticket.number, "wang-wei")
    assert mailer(mailer.job(number, "split_undone")) == []
    assert "it belongs to the request in which you wrote it" in text_of(post.only)
    assert ticket.number not in str(post.only)


def add_message(stores: Stores, number: str, participant: str | None = None) -> int:
    """The customer, or a participant, writes again. Returns the number of the event."""
    text = "And where is my invoice, please?"
    return stores.changes.change(
        number, lambda t, p, at: by_customer.write(t, p, text, at, participant=participant)
    ).version


def test_customer_is_told_of_a_promise_that_a_correction_makes_later(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    """C1: no promise is lengthened in silence after the customer was told."""
    ticket = open_ticket("complaint", agent="a-mei", language="en")
    mailer.act(ticket.number, by_system.acknowledge)
    later = Classification("feedback")
    mailer.act(
        ticket.number, lambda t, p, at: by_staff.reclassify(t, p, MEI, later, "only praise", at)
    )
    assert mailer(mailer.job(ticket.number, "promise_moved")) == []
    text = text_of(post.only)
    moved = "- solution: now by Friday 27 November 2026, 18:00 (UTC+8), before by Wednesday"
    assert f"{moved} 25 November 2026, 09:00 (UTC+8)" in text
    assert "- first word on progress: no longer promised, before by Monday 23" in text
    assert "later" not in text, "a promise that is taken back is not later"
    assert post.only["Auto-Submitted"] == "auto-generated"


def test_customer_is_told_of_a_promise_that_another_plan_makes_later(
    mailer: Mailer, post: Post, open_ticket: Opener, stores: Stores, staff: dict[str, Member]
) -> None:
    document = plan_document() | {"version": 2}
    document["levels"]["complaint"]["promises"]["resolution"]["within"] = "72h"
    ticket = open_ticket("complaint", agent="a-mei", language="en")
    stores.plan_store.publish(document, 2, 1)
    mailer.act(ticket.number, by_system.acknowledge)
    mailer.act(
        ticket.number, lambda t, p, at: by_staff.move_to_plan(t, p, parse(document), LIN, "so", at)
    )
    assert mailer(mailer.job(ticket.number, "promise_moved")) == []
    text = text_of(post.only)
    assert "We have changed the times within which we deal with requests" in text
    assert f"changes what we promised you about your request (number {ticket.number})" in text
    assert "- solution: now by Thursday 26 November 2026" in text
    assert "classified" not in text


def test_mail_about_a_later_promise_is_skipped_if_it_was_corrected_back(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket("complaint", agent="a-mei", language="en")
    mailer.act(ticket.number, by_system.acknowledge)
    for wanted in (Classification("feedback"), Classification("complaint")):

        def step(
            ticket: Ticket, plan: Plan, at: datetime, wanted: Classification = wanted
        ) -> Change:
            return by_staff.reclassify(ticket, plan, MEI, wanted, "right", at)

        mailer.act(ticket.number, step)
    assert mailer(mailer.job(ticket.number, "promise_moved")) == []
    assert post.sent == []


def _publish_slower(stores: Stores, by: Actor = LIN) -> Callable[[Ticket, Plan, datetime], Change]:
    """Publish a plan in which complaints are solved a day later. Returns the move to it."""
    document = plan_document() | {"version": 2}
    document["levels"]["complaint"]["promises"]["resolution"]["within"] = "72h"
    stores.plan_store.publish(document, 2, 1)
    new = parse(document)
    return lambda ticket, plan, at: by_staff.move_to_plan(ticket, plan, new, by, "so", at)


def test_customer_is_told_of_a_paused_promise_that_another_plan_makes_later(
    mailer: Mailer, post: Post, open_ticket: Opener, stores: Stores, staff: dict[str, Member]
) -> None:
    ticket = open_ticket("complaint", agent="a-mei", language="en")
    move = _publish_slower(stores)
    mailer.act(ticket.number, by_system.acknowledge)
    mailer.act(ticket.number, _reply("Which model is it?", wait=True))
    mailer.act(ticket.number, move, hours=5)
    mailer.clock.advance(hours=1)
    assert mailer(mailer.job(ticket.number, "promise_moved")) == []
    due, before = "Thursday 26 November 2026, 14:00", "Wednesday 25 November 2026, 14:00"
    line = f"- solution: now by {due} (UTC+8), before by {before} (UTC+8) (paused: both times move"
    assert line in text_of(post.only)


def test_customer_is_told_of_a_later_promise_although_it_was_paused_since(
    mailer: Mailer, post: Post, open_ticket: Opener, stores: Stores, staff: dict[str, Member]
) -> None:
    ticket = open_ticket("complaint", agent="a-mei", language="en")
    move = _publish_slower(stores)
    mailer.act(ticket.number, by_system.acknowledge)
    mailer.act(ticket.number, _reply("We look into it.", wait=False))
    mailer.act(ticket.number, move)
    mailer.act(ticket.number, _reply("Which model is it?", wait=True), minutes=1)
    mailer.clock.advance(hours=1)
    assert mailer(mailer.job(ticket.number, "promise_moved")) == []
    due, before = "Thursday 26 November 2026, 09:00", "Wednesday 25 November 2026, 09:00"
    line = f"- solution: now by {due} (UTC+8), before by {before} (UTC+8) (paused: both times move"
    assert line in text_of(post.only)


def test_mail_about_a_later_paused_promise_is_skipped_if_it_was_corrected_back(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket("complaint", agent="a-mei", language="en")
    mailer.act(ticket.number, by_system.acknowledge)
    mailer.act(ticket.number, _reply("Which model is it?", wait=True))
    for wanted in (Classification("feedback"), Classification("complaint")):

        def step(
            ticket: Ticket, plan: Plan, at: datetime, wanted: Classification = wanted
        ) -> Change:
            return by_staff.reclassify(ticket, plan, MEI, wanted, "right", at)

        mailer.act(ticket.number, step, minutes=3)
    assert mailer(mailer.job(ticket.number, "promise_moved")) == []
    assert post.sent == []


@pytest.mark.parametrize("agent", ["a-mei", None])
def test_staff_are_asked_to_tell_a_customer_without_an_address_of_a_later_promise(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    stores: Stores,
    staff: dict[str, Member],
    agent: str | None,
) -> None:
    """C1: nobody learned of these tickets but by a number in the report of the move."""
    ticket = open_ticket("complaint", agent=agent, contact=BY_PHONE)
    mailer.act(ticket.number, _publish_slower(stores))
    assert mailer(mailer.job(ticket.number, "tell_moved")) == []
    mail = post.only
    assert str(mail["To"]) == ("mei@example.com" if agent else "lin@example.com")
    text = text_of(mail)
    assert ticket.number in text
    assert "改为不晚于" in text
    assert not any(private in text for private in PRIVATE)


def test_agent_whose_own_change_makes_a_promise_later_gets_no_mail_about_it(
    mailer: Mailer, post: Post, open_ticket: Opener, stores: Stores, staff: dict[str, Member]
) -> None:
    """The answer to their request has said so."""
    ticket = open_ticket("complaint", agent="a-mei", contact=BY_PHONE)
    mailer.act(ticket.number, _publish_slower(stores, MEI))
    assert mailer(mailer.job(ticket.number, "tell_moved")) == []
    assert post.sent == []


def test_a_resolution_says_what_was_done_and_asks_whether_it_is_solved(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei", language="en")
    mailer.act(ticket.number, _resolve())
    assert mailer(mailer.job(ticket.number, "resolution")) == []
    text = text_of(post.only)
    assert "The seal was worn; we replaced it." in text
    assert "Is it really solved?" in text
    assert text.count("http") == 1, "one link, to a page that asks for a click"
    # The ticket closes after three attempts of 24 h each.
    assert "by Thursday 26 November 2026, 09:00 (UTC+8)," in text


@pytest.mark.parametrize(
    ("language", "hours", "said"),
    [
        (
            "en",
            "18:00-20:00",
            "We will call you between 18:00 and 20:00, "
            "by Monday 23 November 2026, 20:00 (UTC+8) at the latest.",
        ),
        ("en", None, "We will call you by Tuesday 24 November 2026, 09:00 (UTC+8)."),
        ("zh-CN", "22:00-02:00", "我们将在22:00至02:00之间给您打电话，最晚不超过2026年11月24日"),
        ("zh-TW", "22:00-24:00", "我們將在22:00至24:00之間致電給您，最晚不超過2026年11月24日"),
    ],
)
def test_a_customer_who_prefers_a_call_is_told_when_we_will_call(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    staff: dict[str, Member],
    language: str,
    hours: str | None,
    said: str,
) -> None:
    ticket = open_ticket(agent="a-mei", language=language)
    wish = Preference("phone", hours, "+86 10 5555 0199")
    mailer.act(ticket.number, _resolve(preference=wish))
    assert mailer(mailer.job(ticket.number, "resolution")) == []
    text = text_of(post.only)
    assert said in text
    assert "/t/" in text, "they may also answer on the page"
    assert "5555" not in text, "a number of the profile is not in a mail to another address"


def test_a_resolution_that_comes_after_the_time_of_the_call_promises_no_call(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei", language="en")
    wish = Preference("phone", "18:00-20:00", "+86 10 5555 0199")
    mailer.act(ticket.number, _resolve(preference=wish))
    mailer.clock.advance(hours=12)
    assert mailer(mailer.job(ticket.number, "resolution")) == []
    assert "We will call you" not in text_of(post.only)


@pytest.mark.parametrize("kind", ["complaint", "feedback"])
def test_a_resolution_asks_nothing_once_it_can_no_longer_be_answered(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member], kind: str
) -> None:
    ticket = open_ticket(kind, agent="a-mei" if kind == "complaint" else "a-tao", language="en")
    after = mailer.act(ticket.number, _resolve("Thank you; it is in the next version."))
    if kind == "complaint":
        mailer.act(
            ticket.number, lambda t, p, at: by_customer.confirm(t, p, CUSTOMER, at), minutes=1
        )
    else:
        assert after.state == "closed", "feedback is answered without a callback"
    assert mailer(mailer.job(ticket.number, "resolution")) == []
    assert "Thank you; it is in the next version." in text_of(post.only)
    assert "Is it really solved?" not in text_of(post.only)


def test_asks_again_while_the_customer_is_silent(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei", language="zh-CN")
    mailer.act(ticket.number, _resolve())
    mailer.fire(ticket.number, hours=24)
    first = mailer.job(ticket.number, "callback_again")
    assert mailer(first) == []
    assert "问题真的解决了吗？" in text_of(post.only)
    assert "我们曾于2026年11月23日（星期一）09:00（UTC+8）告知您" in text_of(post.only)
    assert text_of(post.only).count("http") == 1

    mailer.fire(ticket.number, hours=24)
    mailer.stores.mail_records.record(
        ticket.number, "000004.callback_again.customer", "failed", mailer.clock.now()
    )
    assert mailer(*mailer.jobs(ticket.number, "callback_again")) == []
    assert len(post.sent) == 2, "of two questions that waited only the later one goes out"


@pytest.mark.parametrize("step", ["confirmed", "disputed", "resolved again"])
def test_does_not_ask_again_when_the_customer_has_answered(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member], step: str
) -> None:
    ticket = open_ticket(agent="a-mei")
    mailer.act(ticket.number, _resolve())
    mailer.fire(ticket.number, hours=24)
    if step == "confirmed":
        mailer.act(
            ticket.number, lambda t, p, at: by_customer.confirm(t, p, CUSTOMER, at), minutes=1
        )
    else:
        mailer.act(
            ticket.number,
            lambda t, p, at: by_customer.dispute(t, p, CUSTOMER, "It still leaks.", at),
            minutes=1,
        )
    if step == "resolved again":
        mailer.act(ticket.number, _resolve(), minutes=1)
    assert mailer(mailer.job(ticket.number, "callback_again")) == []
    assert post.sent == []


def _came(why: str) -> dict[str, Any]:
    return {"id": "1", "key": "inbound/1", "unacknowledged": why}


@pytest.mark.parametrize(
    ("why", "fault"),
    [
        ("reply_to", "no mail has come from the address"),
        ("no_reply", "nobody reads the address"),
        ("list", None),
        ("suppressed", None),
    ],
)
def test_an_address_that_may_be_somebody_elses_gets_what_staff_write_and_nothing_automatic(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    staff: dict[str, Member],
    why: str,
    fault: str | None,
) -> None:
    ticket = open_ticket(agent="a-mei", mail=_came(why))
    mailer.act(ticket.number, _resolve())
    assert mailer(mailer.job(ticket.number, "resolution")) == []
    mailer.fire(ticket.number, hours=24)
    assert mailer(mailer.job(ticket.number, "callback_again")) == []
    assert len(post.sent) == (1 if fault else 2)
    faults = {record.fault for record in mailer.records(ticket.number).values()} - {None}
    assert faults == ({fault} if fault else set())


@pytest.mark.parametrize("how", ["a mail", "a link"])
def test_an_address_that_has_written_gets_automatic_mail(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member], how: str
) -> None:
    ticket = open_ticket(agent="a-mei", mail=_came("reply_to"))
    if how == "a mail":
        wrote = AddressChange("li.na@example.com", None, mailer.clock.now())
        address_row(wired_stores.models(), wrote).save()
    else:
        mailer.act(ticket.number, lambda t, p, at: by_customer.write(t, p, "4711", at))
    mailer.act(ticket.number, _resolve(), minutes=1)
    mailer.fire(ticket.number, hours=24)
    assert mailer(mailer.job(ticket.number, "callback_again")) == []
    assert post.only["To"] == "li.na@example.com"


def test_a_message_by_mail_from_another_address_does_not_prove_the_contacts(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei", mail=_came("reply_to") | {"sender": "li@x.example"})
    came = {"id": "2", "key": "inbound/2"}
    mailer.act(ticket.number, lambda t, p, at: by_customer.write(t, p, "4711", at, came))
    mailer.act(ticket.number, _resolve(), minutes=1)
    mailer.fire(ticket.number, hours=24)
    assert mailer(mailer.job(ticket.number, "callback_again")) == []
    assert post.sent == []


def _surveyed(mailer: Mailer, open_ticket: Opener) -> Ticket:
    ticket = open_ticket(agent="a-mei", language="en")
    mailer.act(ticket.number, _resolve())
    mailer.act(ticket.number, lambda t, p, at: by_customer.confirm(t, p, CUSTOMER, at), minutes=1)
    return mailer.fire(ticket.number, hours=1)


def test_the_survey_link_ends_with_the_survey(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = _surveyed(mailer, open_ticket)
    assert mailer(mailer.job(ticket.number, "survey")) == []
    text = text_of(post.only)
    token = customer_wiring.links().survey_token(ticket.number, ticket.clocks["survey"].due_at)  # type: ignore[index]
    assert f"{BASE_ADDRESS}/s/{token}\n" in text
    assert text.count("http") == 1
    assert "until Monday 30 November 2026, 09:01 (UTC+8)." in text
    page = post.only["List-Unsubscribe"].strip("<>")
    assert page == f"{BASE_ADDRESS}/u/{customer_wiring.links().unsubscribe_token(ticket.number)}"
    assert post.only["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_no_survey_is_sent_to_a_customer_who_wants_none(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    number = _surveyed(mailer, open_ticket).number
    wired_stores.addresses().set_surveys("li.na@example.com", mailer.clock.now(), refused=True)
    assert mailer(mailer.job(number, "survey")) == []
    assert post.sent == []
    faults = [record.fault for record in mailer.records(number).values()]
    assert faults == ["the customer wants no surveys"]
    assert mailer(mailer.job(number, "resolution")) == []
    assert post.only["List-Unsubscribe"] is None, "this was no survey, and is sent"


@pytest.mark.parametrize("step", ["answered", "disputed", "over"])
def test_no_survey_is_sent_when_it_is_answered_or_over(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member], step: str
) -> None:
    ticket = _surveyed(mailer, open_ticket)
    if step == "answered":
        mailer.act(
            ticket.number, lambda t, p, at: by_customer.answer_survey(t, p, {"overall": 5}, at)
        )
    elif step == "disputed":
        mailer.act(
            ticket.number, lambda t, p, at: by_customer.dispute(t, p, CUSTOMER, "It leaks.", at)
        )
    else:
        mailer.clock.advance(days=8)
    assert mailer(mailer.job(ticket.number, "survey")) == []
    assert post.sent == []


def test_a_customer_without_email_gets_no_mail(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei", contact={"name": "Li Na", "phone": "+86 10 5555 0100"})
    mailer.act(ticket.number, _reply("It is on its way.", wait=False))
    assert mailer(mailer.job(ticket.number, "reply")) == []
    assert (post.sent, mailer.records(ticket.number)) == ([], {})


def test_nothing_is_sent_to_a_stored_address_that_is_not_plainly_one(
    mailer: Mailer, post: Post, open_ticket: Opener, capsys: pytest.CaptureFixture[str]
) -> None:
    """Version 1 accepted addresses that cannot be mailed."""
    given = replace(builders.submission(), contact=Contact("Li Na", "李娜@example.com"))
    change = opening.open_ticket(
        given, new_number(), open_ticket.stores.plans.current(), mailer.clock.now()
    )
    open_ticket.stores.tickets.open(change, mailer.clock.now())
    ticket = change.after
    job = mailer.job(ticket.number, "acknowledgement")
    assert mailer(job) == []
    assert mailer(job) == []
    assert metrics_of(capsys) == {"MailNotSent": 1}
    record = mailer.records(ticket.number)["000001.acknowledgement.customer"]
    assert (record.state, record.fault) == ("refused", "no recipient")
    assert post.calls == 0


# ------------------------------------------------------------------ mails to staff


def test_a_reminder_goes_to_the_agent_without_data_of_the_customer(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei")
    mailer.fire(ticket.number, minutes=15)
    assert mailer(mailer.job(ticket.number, "remind")) == []
    mail = post.only
    assert mail["To"] == "mei@example.com"
    assert mail["Subject"] == f"[{ticket.number}] 到期提醒：首次反馈进展"
    assert "到期时间：2026年11月23日（星期一）09:30（UTC+8）" in text_of(mail)
    assert mail["Auto-Submitted"] == "auto-generated"
    assert not any(typed in mail.as_string() + text_of(mail) for typed in PRIVATE)


def test_a_reminder_is_not_sent_once_the_promise_was_kept_or_a_later_rung_fired(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    kept, later = open_ticket(agent="a-mei"), open_ticket(agent="a-jun")
    mailer.clock.advance(minutes=15)
    mailer.fire(kept.number)
    mailer.fire(later.number)
    mailer.act(kept.number, _reply("It is on its way.", wait=False))
    early = mailer.job(later.number, "remind")
    mailer.fire(later.number, minutes=9)
    late = mailer.job(later.number, "remind")
    assert mailer(mailer.job(kept.number, "remind"), early, late) == []
    assert post.only["To"] == "jun@example.com"


def test_a_breach_mail_says_what_became_of_the_promise(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei")
    mailer.fire(ticket.number, minutes=30)
    jobs = [job for job in mailer.jobs(ticket.number, "breach") if "agent" in job]
    assert mailer(jobs[-1]) == []
    mailer.act(ticket.number, _reply("Here we are.", wait=False), minutes=1)
    assert mailer(mailer.job(ticket.number, "breach")) == []
    to_agent, to_supervisor = post.sent
    assert to_agent["To"] == "mei@example.com"
    assert "当前情况：仍未兑现" in text_of(to_agent)
    assert to_supervisor["To"] == "lin@example.com"
    assert "当前情况：其间已兑现" in text_of(to_supervisor)
    assert "负责人：mei" in text_of(to_supervisor)
    assert not any(typed in text_of(to_supervisor) for typed in PRIVATE)


def test_a_breach_of_an_unassigned_ticket_reaches_the_supervisor_only(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket()
    mailer.fire(ticket.number, minutes=30)
    reaction = mailer.jobs(ticket.number, "breach")[-2:]
    assert mailer(*reaction) == []
    assert post.only["To"] == "lin@example.com"
    assert "负责人：暂无" in text_of(post.only)
    assert len(mailer.records(ticket.number)) == 1


def test_only_the_breach_is_mailed_if_a_reminder_fires_with_it(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei")
    mailer.fire(ticket.number, minutes=30)
    jobs = mailer.jobs(ticket.number)
    assert [json.loads(job)["template"] for job in jobs].count("remind") == 2
    assert mailer(*(job for job in jobs if '"acknowledgement"' not in job)) == []
    assert [(mail["To"], mail["Subject"].partition("] ")[2]) for mail in post.sent] == [
        ("lin@example.com", "承诺超时：自动确认"),
        ("mei@example.com", "承诺超时：首次反馈进展"),
        ("lin@example.com", "承诺超时：首次反馈进展"),
    ]


def _publish(ladder: list[dict[str, Any]]) -> None:
    """Publish plan 1 with this ladder for its promises as version 2."""
    document = plan_document() | {"version": 2}
    document["ladders"]["promise"] = ladder
    staff_wiring.plan_cases().publish(MEMBERS["wei"], document)


def test_a_reminder_is_sent_if_the_later_rung_notifies_somebody_else(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    _publish(
        [
            {"at": 0.2, "action": "remind", "notify": ["supervisor"]},
            {"at": 0.5, "action": "remind", "notify": ["agent"]},
            {"at": 1, "action": "breach", "notify": ["manager"]},
        ]
    )
    ticket = open_ticket(agent="a-mei", language="en")
    mailer.fire(ticket.number, minutes=15)
    early = mailer.jobs(ticket.number, "remind")
    assert mailer(early[0]) == []
    assert post.only["To"] == "lin@example.com"
    assert post.only["Subject"] == f"[{ticket.number}] 请关注：首次反馈进展"
    assert "您负责的工单" not in text_of(post.only), "it is not the supervisor's own"

    late = open_ticket(agent="a-mei")
    mailer.fire(late.number, minutes=30)
    assert mailer(*mailer.jobs(late.number, "remind")) == []
    _, to_supervisor, to_agent = post.sent
    for mail, name in ((to_supervisor, "lin"), (to_agent, "mei")):
        assert mail["To"] == f"{name}@example.com"
        assert mail["Subject"] == f"[{late.number}] 承诺超时：首次反馈进展", "as it stands now"


def test_supervisors_are_reminded_of_a_paused_promise(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    _publish(
        [
            {"at": 0.2, "action": "remind", "notify": ["agent", "supervisor"]},
            {"at": 1, "action": "breach", "notify": ["manager"]},
        ]
    )
    ticket = open_ticket("inquiry", agent="a-tao")
    mailer.act(ticket.number, _reply("On its way.", wait=False))
    mailer.fire(ticket.number, hours=5)
    mailer.act(ticket.number, _reply("Which model is it?", wait=True), minutes=1)
    assert mailer(*mailer.jobs(ticket.number, "remind")) == []
    assert post.only["To"] == "hua@example.com"
    assert "当前情况：已暂停计时，正在等候" in text_of(post.only)


@pytest.mark.parametrize("next_holder", [None, "a-jun"])
@pytest.mark.parametrize("action", ["remind", "breach"])
def test_an_agent_is_notified_when_a_rung_takes_their_ticket(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    staff: dict[str, Member],
    action: str,
    next_holder: str | None,
) -> None:
    taking = {"notify": ["agent"], "reassign": True, "incident": True}
    reminding = taking if action == "remind" else {"notify": ["agent"]}
    _publish(
        [
            {"at": 0.5, "action": "remind", **reminding},
            {"at": 1, "action": "breach", **(taking if action == "breach" else {})},
        ]
    )
    ticket = open_ticket(agent="a-mei")
    share = 15 if action == "remind" else 30
    assert mailer.fire(ticket.number, minutes=share).assignee is None
    if next_holder:
        mailer.act(ticket.number, lambda t, p, at: by_system.assign(t, p, next_holder, "free", at))
    assert mailer(*(job for job in mailer.jobs(ticket.number, action) if '"agent"' in job)) == []
    assert post.only["To"] == "mei@example.com"
    assert post.only["Subject"] == f"[{ticket.number}] 工单已转出：首次反馈进展"
    assert "到期时间：2026年11月23日（星期一）09:30（UTC+8）" in text_of(post.only)
    assert f"负责人：{'jun' if next_holder else '暂无'}\n" in text_of(post.only)


def test_a_breach_goes_to_the_former_agent_and_a_reminder_to_the_current_one(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    staff: dict[str, Member],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticket, lin = open_ticket(agent="a-mei"), Actor(Role.SUPERVISOR, "s-lin")
    mailer.fire(ticket.number, minutes=15)
    reminder = mailer.job(ticket.number, "remind")
    other = open_ticket(agent="a-mei")
    mailer.fire(other.number, minutes=30)
    (breach,) = (job for job in mailer.jobs(other.number, "breach") if "agent" in job)
    for number in (ticket.number, other.number):
        mailer.act(
            number,
            lambda t, p, at: by_staff.reassign(t, p, lin, "a-jun", None, "she is ill", at),
        )
    read = TicketStore.event

    def held(store: TicketStore, number: str, which: int) -> Event:
        event = read(store, number, which)
        return replace(event, data={**event.data, "held_by": "a-mei"})

    monkeypatch.setattr(TicketStore, "event", held)
    assert mailer(reminder, breach) == []
    reminded, told = post.sent
    assert reminded["To"] == "jun@example.com"
    assert reminded["Subject"] == f"[{ticket.number}] 到期提醒：首次反馈进展"
    assert told["To"] == "mei@example.com"
    assert told["Subject"] == f"[{other.number}] 工单已转出：首次反馈进展"
    assert "负责人：jun" in text_of(told)


def _declare(mailer: Mailer, ticket: Ticket, by: Actor) -> None:
    """Declares an incident, of which the ticket is a case."""
    given = ("9f86d081884c7d65", 0, "")
    store = IncidentStore(wired_stores.models())
    new = Incident(given[0], "complaints", "Seals", "Rubber", ticket.created_at, by.id, "")
    store.declare(new, IncidentChange(1, Done.DECLARED, ticket.created_at, by.id))
    mailer.act(ticket.number, lambda t, p, at: of_incidents.join(t, p, by, *given, at))


@pytest.mark.parametrize("declared", [False, True])
def test_spike_is_proposed_to_the_leaders_unless_somebody_has_declared_the_incident(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member], *, declared: bool
) -> None:
    ticket = open_ticket(category="product/defect")
    mailer.act(ticket.number, lambda t, p, at: of_incidents.propose(t, p, 20, 3600, at))
    if declared:
        _declare(mailer, ticket, staff["lin"].actor)
    assert mailer(*mailer.jobs(ticket.number, "spike")) == []
    assert [mail["To"] for mail in post.sent] == (
        [] if declared else ["lin@example.com", "wei@example.com"]
    )
    for mail in post.sent:
        assert mail["Subject"] == f"[{ticket.number}] 建议列为重大事件：同一类别新增 20 张工单"
        assert "自 2026年11月23日（星期一）08:00（UTC+8） 起新增：20 张" in text_of(mail)


_PROPOSES = [
    {"at": 1, "action": "breach", "notify": ["agent"]},
    {"at": 2, "action": "escalate", "notify": [], "incident": True},
]


def test_incident_that_a_rung_proposes_is_not_proposed_after_it_was_declared(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    _publish(_PROPOSES)
    ticket = open_ticket(agent="a-mei")
    mailer.fire(ticket.number, minutes=30)
    mailer.fire(ticket.number, minutes=30)
    _declare(mailer, ticket, staff["lin"].actor)
    assert mailer(*mailer.jobs(ticket.number, "incident")) == []
    assert post.sent == []


@pytest.mark.parametrize("held_again", [False, True])
def test_a_proposed_incident_reaches_those_who_can_declare_it(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member], held_again: bool
) -> None:
    _publish(_PROPOSES)
    ticket = open_ticket(agent="a-mei")
    mailer.fire(ticket.number, minutes=30)
    mailer.fire(ticket.number, minutes=30)
    if held_again:
        mailer.act(ticket.number, _reply("Here we are.", wait=False), minutes=1)
    assert mailer(*mailer.jobs(ticket.number, "incident")) == []
    assert [mail["To"] for mail in post.sent] == ["lin@example.com", "wei@example.com"]
    for mail in post.sent:
        assert mail["Subject"] == f"[{ticket.number}] 建议列为重大事件：首次反馈进展"
        assert "到期时间：2026年11月23日（星期一）09:30（UTC+8）" in text_of(mail)
        standing = "其间已兑现" if held_again else "仍未兑现"
        assert f"当前情况：{standing}" in text_of(mail)
        assert f"{BASE_ADDRESS}/staff/tickets/{ticket.number}\n" in text_of(mail)
        assert not any(typed in mail.as_string() + text_of(mail) for typed in PRIVATE)


def test_an_escalation_names_the_time_at_which_the_promise_broke(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei")
    mailer.fire(ticket.number, hours=72)
    mailer.act(ticket.number, _resolve(), minutes=1)
    mailer.act(
        ticket.number, lambda t, p, at: by_customer.dispute(t, p, CUSTOMER, "No.", at), minutes=1
    )
    assert mailer(mailer.job(ticket.number, "escalate")) == []
    assert post.only["To"] == "wei@example.com"
    assert "承诺：解决问题\n到期时间：2026年11月25日（星期三）09:00（UTC+8）\n" in text_of(
        post.only
    )
    assert "当前情况：其间已兑现" in text_of(post.only), "the promise that broke, not the new one"


def test_a_new_message_is_reported_to_the_agent_without_its_text(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei")
    write = lambda t, p, at: by_customer.write(t, p, "secret words", at)  # noqa: E731
    mailer.act(ticket.number, write)
    assert mailer(mailer.job(ticket.number, "customer_wrote")) == []
    assert post.only["Subject"] == f"[{ticket.number}] 客户有新留言"
    token = customer_wiring.links().mail_token(ticket.number)
    assert post.only["Reply-To"] == f"{token}@in.example.org"
    assert text_of(post.only).startswith("##- 写在此行上方的内容将成为内部备注 -##\n\n")
    assert not any(typed in text_of(post.only) for typed in PRIVATE)

    nobodys = open_ticket()
    mailer.act(nobodys.number, write)
    assert mailer(mailer.job(nobodys.number, "customer_wrote")) == []
    assert len(post.sent) == 1


def test_praise_reaches_the_agent_and_says_that_nothing_is_due(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei")
    mailer.act(ticket.number, lambda t, p, at: by_customer.write(t, p, "好的，谢谢", at))
    assert mailer(mailer.job(ticket.number, "customer_wrote")) == []
    assert post.only["Subject"] == f"[{ticket.number}] 客户向您致谢"
    assert "不产生答复时限" in text_of(post.only)


def test_praise_on_a_closed_ticket_asks_the_agent_for_nothing_that_is_refused(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    """It said that the agent could treat it as a message. A closed ticket answers that with 409."""
    ticket = open_ticket(agent="a-mei")
    mailer.act(ticket.number, lambda t, p, at: by_customer.withdraw(t, p, "", at))
    mailer.act(ticket.number, lambda t, p, at: by_customer.write(t, p, "谢谢", at))
    assert mailer(mailer.job(ticket.number, "customer_wrote")) == []
    assert "作为普通留言处理" not in text_of(post.only)
    assert "另建工单" in text_of(post.only)


@pytest.mark.parametrize(
    ("agent", "confirmed", "left", "told"),
    [
        ("a-mei", False, False, "mei"),
        ("a-mei", True, False, "mei"),
        ("a-mei", False, True, "lin"),
        (None, False, False, "lin"),
    ],
)
def test_a_message_after_the_resolution_reaches_the_agent_or_the_supervisor(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    staff: dict[str, Member],
    agent: str | None,
    confirmed: bool,
    left: bool,
    told: str,
) -> None:
    ticket = open_ticket(agent=agent)
    mailer.act(ticket.number, _resolve())
    if confirmed:
        mailer.act(
            ticket.number, lambda t, p, at: by_customer.confirm(t, p, CUSTOMER, at), minutes=1
        )
    if left:
        mailer.stores.staff.depart(staff["mei"], mailer.clock.now())
    write = lambda t, p, at: by_customer.write(t, p, "secret words", at)  # noqa: E731
    after = mailer.act(ticket.number, write, minutes=1)
    assert after.state == ("confirmed" if confirmed else "resolved"), "it reopens nothing"
    assert mailer(mailer.job(ticket.number, "customer_wrote")) == []
    assert post.only["To"] == f"{told}@example.com"
    assert post.only["Subject"] == f"[{ticket.number}] 客户在工单解决后留言"
    assert not any(typed in text_of(post.only) for typed in PRIVATE)


def test_a_message_before_the_resolution_is_not_reported_as_late(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket, nobodys = open_ticket(agent="a-mei"), open_ticket()
    for number in (ticket.number, nobodys.number):
        mailer.act(number, lambda t, p, at: by_customer.write(t, p, "secret words", at))
        mailer.act(number, _resolve(), minutes=1)
        assert mailer(mailer.job(number, "customer_wrote")) == []
    assert post.only["To"] == "mei@example.com"
    assert post.only["Subject"] == f"[{ticket.number}] 客户有新留言"


def _disputed_and_told(mailer: Mailer, open_ticket: Opener) -> str:
    """Dispute a resolution and send the mail about it. Return the ticket's number."""
    number = open_ticket(agent="a-mei").number
    mailer.act(number, _resolve())
    mailer.act(
        number,
        lambda t, p, at: by_customer.dispute(t, p, CUSTOMER, "secret words", at),
        hours=1,
    )
    assert mailer(mailer.job(number, "disputed")) == []
    return number


def test_a_dispute_reports_the_new_promise_to_the_supervisor(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    _disputed_and_told(mailer, open_ticket)
    assert post.only["To"] == "lin@example.com"
    assert "到期时间：2026年11月25日（星期三）10:00（UTC+8）" in text_of(post.only)
    assert not any(typed in text_of(post.only) for typed in PRIVATE)


def test_a_dispute_is_reported_to_the_supervisor_once(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    """It raises the priority of a complaint, whose ladder notifies the supervisor after 18 s."""
    number = _disputed_and_told(mailer, open_ticket)
    mailer.fire(number, seconds=18)
    assert mailer(mailer.job(number, "remind")) == []
    assert [message["To"] for message in post.sent] == ["lin@example.com"]


def test_a_complaint_of_high_urgency_and_impact_is_reported_to_the_supervisor(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei")
    urgent = Classification(urgency="high", impact="high")
    mailer.act(
        ticket.number,
        lambda t, p, at: by_staff.reclassify(t, p, staff["mei"].actor, urgent, "scalded", at),
    )
    mailer.fire(ticket.number, seconds=18)
    assert mailer(mailer.job(ticket.number, "remind")) == []
    assert post.only["To"] == "lin@example.com"


def _person(
    identity: str, role: Role, team: str, languages: tuple[str, ...], address: str | None = None
) -> Member:
    address = f"{identity}@example.com" if address is None else address
    return Member(identity, identity, address, role, team, languages, 5)


@pytest.mark.parametrize(
    ("people", "recipients"),
    [
        (
            [
                _person("own", Role.SUPERVISOR, "complaints", ("en",)),
                _person("other", Role.SUPERVISOR, "service", ("en",)),
                _person("boss", Role.MANAGER, "complaints", ("en",)),
            ],
            "own@example.com",
        ),
        (
            [
                _person("own", Role.SUPERVISOR, "complaints", ("en",), ""),
                _person("other", Role.SUPERVISOR, "service", ("en",)),
                _person("boss", Role.MANAGER, "complaints", ("en",)),
            ],
            "other@example.com",
        ),
        (
            [
                _person("boss", Role.MANAGER, "service", ("en",)),
                _person("hand", Role.AGENT, "complaints", ("en",)),
            ],
            "boss@example.com",
        ),
        ([_person("hand", Role.AGENT, "complaints", ("en",))], OPERATOR),
        (
            [
                _person("one", Role.SUPERVISOR, "complaints", ("en",)),
                _person("two", Role.SUPERVISOR, "complaints", ("zh-TW", "en")),
            ],
            "one@example.com, two@example.com",
        ),
    ],
)
def test_a_broken_promise_is_always_reported_to_somebody(
    mailer: Mailer, post: Post, open_ticket: Opener, people: list[Member], recipients: str
) -> None:
    for person in people:
        mailer.stores.staff.record(person, Presence.AWAY, mailer.clock.now())
    ticket = open_ticket()
    mailer.fire(ticket.number, minutes=5)
    assert mailer(mailer.job(ticket.number, "breach")) == []
    assert post.only["To"] == recipients


def test_people_without_a_common_language_get_one_mail_in_each_of_theirs(
    mailer: Mailer, post: Post, open_ticket: Opener
) -> None:
    for person in (
        _person("one", Role.SUPERVISOR, "complaints", ("en",)),
        _person("two", Role.SUPERVISOR, "complaints", ("zh-TW", "en")),
        _person("six", Role.SUPERVISOR, "complaints", ("en", "zh-CN")),
    ):
        mailer.stores.staff.record(person, Presence.AWAY, mailer.clock.now())
    ticket = open_ticket()
    mailer.fire(ticket.number, minutes=5)
    assert mailer(mailer.job(ticket.number, "breach")) == []
    text = text_of(post.only)
    assert text.count("Now: still open") == 1
    assert text.count("目前狀況：尚未履行") == 1
    assert "当前情况" not in text


def test_the_operator_gets_a_mail_in_all_languages(
    mailer: Mailer, post: Post, open_ticket: Opener
) -> None:
    ticket = open_ticket()
    mailer.fire(ticket.number, minutes=5)
    assert mailer(mailer.job(ticket.number, "breach")) == []
    assert post.only["To"] == OPERATOR
    for said in ("当前情况：仍未兑现", "目前狀況：尚未履行", "Now: still open"):
        assert said in text_of(post.only)


def _is_about(*members: str) -> Any:
    lin = MEMBERS["lin"].actor
    return lambda t, p, at: by_staff.set_about(t, p, lin, members, "named", at)


def test_no_supervisor_or_manager_is_told_of_a_complaint_about_them(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    told = []
    for accused in (["s-lin"], ["s-lin", "s-hua"], ["s-lin", "s-hua", "m-wei"]):
        ticket = open_ticket()
        mailer.act(ticket.number, _is_about(*accused))
        mailer.fire(ticket.number, minutes=5)
        assert mailer(mailer.job(ticket.number, "breach")) == []
        told.append(post.sent[-1]["To"])
    assert told == ["wei@example.com", "wei@example.com", OPERATOR]


def _may_act(address: str, ticket: Ticket) -> bool:
    """Whether a member of staff with this address may act on the ticket."""
    return any(one.email == address and may_act(one, ticket) for one in MEMBERS.values())


def test_agent_who_lost_the_ticket_because_it_is_about_them_hears_nothing_of_it(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei")
    mailer.fire(ticket.number, minutes=30)
    mailer.act(ticket.number, _is_about("a-mei"))
    mailer.act(ticket.number, lambda t, p, at: by_customer.write(t, p, "secret words", at))
    jobs = [job for job in mailer.jobs(ticket.number) if '"acknowledgement"' not in job]
    assert {json.loads(job)["audience"] for job in jobs} == {"agent", "supervisor"}
    assert mailer(*jobs) == []
    assert {mail["To"] for mail in post.sent} == {"lin@example.com"}


def test_supervisor_hears_in_place_of_the_agent_who_resolved_a_complaint_about_them(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei")
    mailer.act(ticket.number, _resolve())
    mailer.act(ticket.number, _is_about("a-mei"))
    mailer.act(ticket.number, lambda t, p, at: by_customer.write(t, p, "secret words", at))
    assert mailer(mailer.job(ticket.number, "customer_wrote")) == []
    assert post.only["To"] == "lin@example.com"


def test_participant_whom_the_complaint_is_about_gets_no_copy(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei")
    mailer.act(ticket.number, _let_in("Jun@Example.com", "bo@example.net"))
    mailer.act(ticket.number, _is_about("a-jun"))
    mailer.act(ticket.number, lambda t, p, at: by_staff.reply(t, p, MEI, "Soon.", False, at))
    assert mailer(mailer.job(ticket.number, "copy")) == []
    assert post.only["To"] == "bo@example.net"


def _doubt(*candidates: str) -> Any:
    found = [MEMBERS[name] for name in candidates]
    return lambda t, p, at: by_system.doubt_about(t, p, found, Doubt.SEVERAL_NAMED_SO, at)


def _strictly_about(*names: str) -> Any:
    """Name members under a plan that keeps the ticket from their supervisors, too."""
    lin, known = MEMBERS["lin"].actor, {MEMBERS[name].id: MEMBERS[name] for name in names}
    conflict = ConflictPlan(without_their_supervisor=True)
    return lambda t, p, at: by_staff.set_about(
        t, replace(p, conflict=conflict), lin, list(known), "named", at, known
    )


@pytest.mark.parametrize(
    ("candidates", "told"), [([], "lin@example.com"), (["mei", "lin"], "wei@example.com")]
)
def test_leader_whom_it_is_not_about_is_asked_whom_an_unclear_complaint_is_about(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    staff: dict[str, Member],
    stores: Stores,
    candidates: list[str],
    told: str,
) -> None:
    """Story 8: supervisors of other teams may not open it, so a manager is asked."""
    ticket = open_ticket()
    mailer.act(ticket.number, _doubt(*candidates))
    job = mailer.job(ticket.number, "about_doubted")
    assert mailer(job) == []
    assert post.only["To"] == told
    assert _may_act(told, stores.tickets.get(ticket.number)), "who is asked can open and decide it"
    said = f"{post.only['Subject']} {text_of(post.only)}"
    assert ticket.number in said
    assert not [word for word in PRIVATE if word in said]


def test_nobody_is_asked_whom_a_complaint_is_about_after_it_was_decided(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket()
    mailer.act(ticket.number, _doubt())
    job = mailer.job(ticket.number, "about_doubted")
    mailer.act(ticket.number, _is_about())
    assert mailer(job) == []
    assert post.sent == []


def test_supervisor_of_the_accused_is_not_told_if_the_plan_keeps_it_from_them(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket()
    mailer.act(ticket.number, _strictly_about("mei"))
    mailer.act(ticket.number, _let_in("Lin@Example.com", "bo@example.net"))
    mailer.fire(ticket.number, minutes=5)
    assert mailer(mailer.job(ticket.number, "breach")) == []
    assert post.only["To"] == "wei@example.com"
    mailer.act(ticket.number, lambda t, p, at: by_staff.reply(t, p, MEI, "Soon.", False, at))
    assert mailer(mailer.job(ticket.number, "copy")) == []
    assert post.sent[-1]["To"] == "bo@example.net"


def _call_reserve(ticket: Ticket, plan: Plan, at: datetime) -> Change:
    return by_system.leave_unplaced(ticket, plan, {}, "", at, called=21)


@pytest.mark.parametrize("accused", ["s-lin", "a-jun"])
def test_call_of_reserve_staff_names_no_ticket_and_is_kept_from_nobody(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    stores: Stores,
    staff: dict[str, Member],
    clock: Clock,
    accused: str,
) -> None:
    """Story 8: the ticket that made the queue too long may be about one of those who are called."""
    stores.staff.record(replace(staff["jun"], reserve=True), Presence.AVAILABLE, clock.now())
    ticket = open_ticket()
    mailer.act(ticket.number, _is_about(accused))
    mailer.act(ticket.number, _call_reserve)
    jobs = [job for job in mailer.jobs(ticket.number) if '"reserve_called"' in job]
    assert mailer(*jobs) == []
    assert {mail["To"] for mail in post.sent} == {"lin@example.com", "jun@example.com"}
    for mail in post.sent:
        assert ticket.number not in f"{mail} {text_of(mail)}"
        assert mail["References"] is None
    assert len({mail["Message-ID"] for mail in post.sent}) == 2


def test_call_of_reserve_staff_whom_the_team_has_not_needs_no_operator(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    staff: dict[str, Member],
    capsys: pytest.CaptureFixture[str],
) -> None:
    ticket = open_ticket()
    mailer.act(ticket.number, _call_reserve)
    jobs = [job for job in mailer.jobs(ticket.number) if '"reserve_called"' in job]
    assert len(jobs) == 2
    assert mailer(*jobs) == []
    assert post.only["To"] == "lin@example.com"
    assert metrics_of(capsys) == {}


def test_supervisor_learns_that_nobody_is_there_after_a_promise_was_broken(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket("urgent")

    def leave_unplaced(ticket: Ticket, plan: Plan, at: datetime) -> Change:
        ladder = plan.placing(classification_of(ticket))
        return by_system.leave_unplaced(ticket, plan, {}, ladder, at)

    mailer.act(ticket.number, leave_unplaced)
    mailer.fire(ticket.number, minutes=10)
    mailer.act(ticket.number, by_system.tell_nobody_is_there)
    assert mailer(mailer.job(ticket.number, "unattended")) == []
    assert post.only["To"] == "lin@example.com"


def _mention(*names: str) -> Any:
    found = {MEMBERS[name].id: MEMBERS[name] for name in names}
    return lambda t, p, at: by_staff.note(
        t, p, MEI, "secret words", at, mentioned=list(found), members=found
    )


def test_each_mentioned_colleague_gets_a_mail_of_their_own_without_a_word_of_the_ticket(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei")
    mailer.act(ticket.number, _mention("tao", "hua"))
    jobs = [job for job in mailer.jobs(ticket.number) if '"mentioned"' in job]
    assert mailer(*jobs) == []
    assert [mail["To"] for mail in post.sent] == ["tao@example.com", "hua@example.com"]
    for mail in post.sent:
        said = f"{mail['Subject']} {text_of(mail)}"
        assert ticket.number in said
        assert "mei" in said
        assert not [word for word in PRIVATE if word in said]


def test_colleague_whose_mention_ended_or_whom_the_complaint_is_about_gets_no_mail(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei")
    mailer.act(ticket.number, _mention("tao", "hua", "jun"))
    mailer.act(ticket.number, _is_about("a-tao"))
    lin = MEMBERS["lin"].actor
    mailer.act(ticket.number, lambda t, p, at: by_staff.set_mentions(t, p, lin, ["a-jun"], "x", at))
    jobs = [job for job in mailer.jobs(ticket.number) if '"mentioned"' in job]
    assert (len(jobs), mailer(*jobs)) == (3, [])
    assert post.only["To"] == "jun@example.com"


def _remind(agent: str) -> Any:
    lin = MEMBERS["lin"].actor
    return lambda t, p, at: by_staff.remind(t, p, lin, agent, "secret words", at)


def test_agent_whom_a_leader_reminds_gets_a_mail_without_a_word_of_the_ticket(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei")
    mailer.act(ticket.number, _remind("a-mei"))
    assert mailer(mailer.job(ticket.number, "reminded")) == []
    said = f"{post.only['Subject']} {text_of(post.only)}"
    assert post.only["To"] == "mei@example.com"
    assert ticket.number in said
    assert "lin" in said
    assert not [word for word in PRIVATE if word in said]


def test_reminder_is_not_mailed_to_an_agent_who_has_the_ticket_no_longer(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket, lin = open_ticket(agent="a-mei"), MEMBERS["lin"].actor
    mailer.act(ticket.number, _remind("a-mei"))
    mailer.act(ticket.number, lambda t, p, at: by_staff.reassign(t, p, lin, "a-jun", None, "", at))
    assert mailer(mailer.job(ticket.number, "reminded")) == []
    assert post.sent == []


def _ask_service(ticket: Ticket, plan: Plan, at: datetime) -> Change:
    new = NewTask("service", "The secret words", "secret words", required=False)
    return by_departments.open_task(ticket, plan, MEMBERS["mei"].actor, new, at)


def _assign_task(to: str, by: str) -> Any:
    def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change:
        member = MEMBERS[to]
        return by_departments.assign(
            ticket, plan, MEMBERS[by].actor, ticket.tasks[0], member.id, "", at, member
        )

    return decide


def _finish_task(ticket: Ticket, plan: Plan, at: datetime) -> Change:
    tao = MEMBERS["tao"].actor
    return by_departments.finish(ticket, plan, tao, ticket.tasks[0], "secret words", at)


def test_supervisors_of_a_department_learn_of_a_task_in_its_queue_and_read_none_of_its_words(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei")
    mailer.act(ticket.number, _ask_service)
    assert mailer(mailer.job(ticket.number, "task")) == []
    said = f"{post.only['Subject']} {text_of(post.only)}"
    assert post.only["To"] == "hua@example.com"
    assert f"/staff/tasks/{ticket.number}/1" in said
    assert not [word for word in PRIVATE if word in said]


JOINS = {
    "en": ("needs a senior person at once", "Monday 23 November 2026, 09:05"),
    "zh-CN": ("需要主管立即介入", "2026年11月23日（星期一）09:05"),
    "zh-TW": ("需要主管立即介入", "2026年11月23日（星期一）09:05"),
}


@pytest.mark.parametrize("language", JOINS)
def test_supervisor_who_joins_an_urgent_ticket_reads_who_has_it_and_what_is_due_first(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    staff: dict[str, Member],
    stores: Stores,
    clock: Clock,
    language: str,
) -> None:
    lin = replace(MEMBERS["lin"], languages=(language,))
    stores.staff.record(lin, Presence.AVAILABLE, clock.now())
    ticket = open_ticket("urgent", agent="a-mei")
    mailer.fire(ticket.number, seconds=9)
    assert mailer(mailer.job(ticket.number, "join")) == []
    assert post.only["To"] == "lin@example.com"
    said = text_of(post.only)
    for words in (*JOINS[language], "mei", f"/staff/tickets/{ticket.number}"):
        assert words in said
    assert not [word for word in PRIVATE if word in said]


def test_nobody_joins_an_urgent_ticket_that_is_over_or_kept_from_them(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    over, about = open_ticket("urgent", agent="a-mei"), open_ticket("urgent", agent="a-mei")
    for ticket in (over, about):
        mailer.fire(ticket.number, seconds=9)
    mailer.act(over.number, lambda t, p, at: by_customer.withdraw(t, p, "", at))
    assert mailer(mailer.job(over.number, "join")) == []
    assert post.sent == []
    wei = MEMBERS["wei"].actor
    mailer.act(about.number, lambda t, p, at: by_staff.set_about(t, p, wei, ["s-lin"], "named", at))
    assert mailer(mailer.job(about.number, "join")) == []
    assert post.only["To"] == "wei@example.com"


ASKED_BY_THE_PLAN = {
    "en": "An urgent ticket needs a task of your department",
    "zh-CN": "紧急工单需要贵部门协办，系统已建立任务",
    "zh-TW": "緊急案件需要貴部門協辦，系統已建立任務",
}


@pytest.mark.parametrize("language", ASKED_BY_THE_PLAN)
def test_mail_about_a_task_that_the_plan_has_opened_names_nobody_who_asks(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    staff: dict[str, Member],
    stores: Stores,
    clock: Clock,
    language: str,
) -> None:
    hua = replace(MEMBERS["hua"], languages=(language,))
    stores.staff.record(hua, Presence.AVAILABLE, clock.now())
    document = plan_document() | {"version": 2}
    label = dict.fromkeys(("zh-CN", "zh-TW", "en"), "secret words")
    task = {"name": "stop_sale", "team": "service", "title": label, "text": label}
    document["urgent"]["tasks"] = [task]
    stores.plan_store.publish(document, 2, 1)
    clock.advance(seconds=10)
    ticket = open_ticket("urgent", agent="a-mei")
    assert mailer(mailer.job(ticket.number, "task")) == []
    said = f"{post.only['Subject']} {text_of(post.only)}"
    assert post.only["To"] == "hua@example.com"
    assert ASKED_BY_THE_PLAN[language] in said
    assert not [word for word in PRIVATE if word in said]


def test_answer_to_a_mail_of_a_department_does_not_reach_the_ticket(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    """The people of a department do not see the ticket. So they get no address to write to it."""
    ticket = open_ticket(agent="a-mei")
    mailer.act(ticket.number, _ask_service)
    mailer(mailer.job(ticket.number, "task"))
    assert post.only["Reply-To"] == ENVIRONMENT["SENDER_ADDRESS"]
    assert post.only["References"] is None


def test_owner_of_a_task_is_told_that_a_leader_gave_it_to_them(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei")
    mailer.act(ticket.number, _ask_service)
    mailer.act(ticket.number, _assign_task("tao", "hua"))
    assert mailer(mailer.job(ticket.number, "task")) == []
    assert post.only["To"] == "tao@example.com"
    assert "有一項協辦任務需要您處理" in post.only["Subject"]


def test_supervisor_is_reminded_to_decide_about_more_time_until_somebody_has(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei")
    mailer.act(ticket.number, _ask_service)
    hua, lin = MEMBERS["hua"].actor, MEMBERS["lin"].actor
    until = mailer.clock.now() + timedelta(hours=30)

    def ask(ticket: Ticket, plan: Plan, at: datetime) -> Change:
        return by_departments.ask_extension(ticket, plan, hua, ticket.tasks[0], until, "late", at)

    def refuse(ticket: Ticket, plan: Plan, at: datetime) -> Change:
        task = ticket.tasks[0]
        return by_departments.decide_extension(ticket, plan, lin, task, False, "no", at)

    mailer.act(ticket.number, ask)
    mailer.fire(ticket.number, hours=6)
    job = mailer.job(ticket.number, "task")
    assert mailer(job) == []
    assert post.only["To"] == "lin@example.com"
    assert "承办部门申请延期" in post.only["Subject"]
    mailer.act(ticket.number, ask)
    mailer.fire(ticket.number, hours=2)
    job = mailer.job(ticket.number, "task")
    mailer.act(ticket.number, refuse)
    assert mailer(job) == []
    assert len(post.sent) == 1


TAKEN = {
    "en": "A task of yours was given to somebody else",
    "zh-CN": "您的一项协办任务已改派他人",
    "zh-TW": "您的一項協辦任務已改派他人",
}


@pytest.mark.parametrize("language", TAKEN)
def test_who_had_a_task_is_told_that_a_leader_gave_it_to_somebody_else(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    staff: dict[str, Member],
    stores: Stores,
    clock: Clock,
    language: str,
) -> None:
    tao = replace(MEMBERS["tao"], languages=(language,))
    stores.staff.record(tao, Presence.AVAILABLE, clock.now())
    ticket = open_ticket(agent="a-mei")
    mailer.act(ticket.number, _ask_service)
    mailer.act(ticket.number, _assign_task("tao", "hua"))
    mailer.act(ticket.number, _assign_task("hua", "hua"))
    assert mailer(mailer.job(ticket.number, "task")) == []
    assert post.only["To"] == "tao@example.com"
    said = f"{post.only['Subject']} {text_of(post.only)}"
    assert TAKEN[language] in said
    assert not [word for word in PRIVATE if word in said]


def test_who_had_a_private_task_is_told_without_the_name_of_who_has_it(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei")
    mei, tao = MEMBERS["mei"].actor, MEMBERS["tao"]
    colleague = replace(tao, id="a-bo")
    new = NewTask("service", "The secret words", "secret words", required=False, owner=tao.id)
    mailer.act(
        ticket.number,
        lambda t, p, at: by_departments.open_task(t, p, mei, new, at, tao, [colleague]),
    )
    assert mailer.act(ticket.number, _assign_task("hua", "hua")).tasks[0].private
    assert mailer(mailer.job(ticket.number, "task")) == []
    assert post.only["To"] == "tao@example.com"
    said = f"{post.only['Subject']} {text_of(post.only)}"
    assert TAKEN["zh-TW"] in said
    for secret in (*PRIVATE, MEMBERS["hua"].name, "/staff/"):
        assert secret not in said


def test_who_had_a_task_and_whom_the_complaint_is_about_now_is_not_told(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei")
    mailer.act(ticket.number, _ask_service)
    mailer.act(ticket.number, _assign_task("tao", "hua"))
    mailer.act(ticket.number, _assign_task("hua", "hua"))
    job, wei = mailer.job(ticket.number, "task"), MEMBERS["wei"].actor
    mailer.act(
        ticket.number, lambda t, p, at: by_staff.set_about(t, p, wei, ["a-tao"], "named", at)
    )
    assert mailer(job) == []
    assert post.sent == []


def test_leaders_of_a_department_are_told_of_a_task_whose_owner_is_in_another_one_now(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member], stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    mailer.act(ticket.number, _ask_service)
    mailer.act(ticket.number, _assign_task("tao", "hua"))
    job = mailer.job(ticket.number, "task")
    before = stores.staff.member("a-tao")
    after = members.changed(before, team="workshop")
    moved = MemberChange(
        after.revision, ChangeKind.CHANGED, mailer.clock.now(), "m-wei", {}, "", ""
    )
    stores.staff.write(before, after, moved)
    assert mailer(job) == []
    assert post.only["To"] == "hua@example.com"


@pytest.mark.parametrize("has_owner", [False, True])
def test_managers_are_told_of_the_task_of_a_department_whose_people_cannot_be_reached(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    staff: dict[str, Member],
    stores: Stores,
    has_owner: bool,
) -> None:
    """Supervisors of other teams could not open it."""
    ticket = open_ticket(agent="a-jun")
    mailer.act(ticket.number, _ask_service)
    if has_owner:
        mailer.act(ticket.number, _assign_task("tao", "hua"))
    job = mailer.job(ticket.number, "task")
    for gone in ("tao", "hua"):
        stores.staff.depart(staff[gone], mailer.clock.now())
    assert mailer(job) == []
    assert post.only["To"] == "wei@example.com"


def test_mail_about_a_task_that_is_over_is_skipped(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei")
    mailer.act(ticket.number, _ask_service)
    job = mailer.job(ticket.number, "task")
    mailer.act(ticket.number, _finish_task)
    assert mailer(job) == []
    assert post.sent == []


def test_agent_learns_what_became_of_a_task_and_the_supervisor_does_if_nobody_has_the_ticket(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    for agent, address in (("a-mei", "mei@example.com"), (None, "lin@example.com")):
        ticket = open_ticket(agent=agent)
        mailer.act(ticket.number, _ask_service)
        mailer.act(ticket.number, _finish_task)
        assert mailer(mailer.job(ticket.number, "task")) == []
        assert post.sent[-1]["To"] == address


def test_accused_owner_and_accused_leaders_get_no_mail_about_a_task(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei")
    mailer.act(ticket.number, _ask_service)
    job = mailer.job(ticket.number, "task")
    wei = MEMBERS["wei"].actor
    mailer.act(
        ticket.number, lambda t, p, at: by_staff.set_about(t, p, wei, ["s-hua"], "named", at)
    )
    assert mailer(job) == []
    assert post.only["To"] == "wei@example.com"


def _propose(amount: int, by: str = "mei") -> Any:
    new = NewRemedy("refund", "secret words", amount, "CNY")

    def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change:
        return remedying.propose(ticket, plan, MEMBERS[by].actor, new, "secret words", at)

    return decide


REFUND = {"en": "Refund CNY 159.00", "zh-CN": "退款 CNY 159.00", "zh-TW": "退款 CNY 159.00"}
DUE = {
    "en": "Thursday 26 November 2026, 09:00",
    "zh-CN": "2026年11月26日（星期四）09:00",
    "zh-TW": "2026年11月26日（星期四）09:00",
}


@pytest.mark.parametrize("language", REFUND)
def test_customer_is_told_what_they_are_promised_by_when_in_their_language(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member], language: str
) -> None:
    ticket = open_ticket(agent="a-mei", language=language)
    mailer.act(ticket.number, _propose(15_900))
    assert mailer(mailer.job(ticket.number, "remedy_promised")) == []
    said = text_of(post.only)
    assert post.only["To"] == "li.na@example.com"
    assert REFUND[language] in said
    assert DUE[language] in said
    assert "secret words" in said


def test_customer_does_not_read_what_a_replacement_costs(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket, mei = open_ticket(agent="a-mei", language="en"), MEMBERS["mei"].actor
    new = NewRemedy("replacement", "why", 15_900, "CNY")
    mailer.act(ticket.number, lambda t, p, at: remedying.propose(t, p, mei, new, "Soon", at))
    mailer(mailer.job(ticket.number, "remedy_promised"))
    assert "Replacement" in text_of(post.only)
    assert "CNY" not in text_of(post.only)


@pytest.mark.parametrize("language", REFUND)
def test_customer_is_told_that_a_remedy_is_done_and_nothing_of_its_proof(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member], language: str
) -> None:
    ticket, mei = open_ticket(agent="a-mei", language=language), MEMBERS["mei"].actor
    mailer.act(ticket.number, _propose(15_900))
    mailer.act(
        ticket.number, lambda t, p, at: remedying.finish(t, p, mei, "1", "Transfer 0113", "", at)
    )
    assert mailer(mailer.job(ticket.number, "remedy_done")) == []
    assert REFUND[language] in text_of(post.only)
    assert "0113" not in text_of(post.only)


def _withdraw(ticket: Ticket, plan: Plan, at: datetime) -> Change:
    lin, word = MEMBERS["lin"].actor, "You get a new one."
    return remedying.withdraw(ticket, plan, lin, "1", "secret words", word, at)


def test_customer_is_told_that_a_promise_is_taken_back_and_not_promised_it_any_more(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    """The mail about the promise has waited. It is not true any more, so it is skipped."""
    ticket = open_ticket(agent="a-mei", language="en")
    mailer.act(ticket.number, _propose(15_900))
    promised = mailer.job(ticket.number, "remedy_promised")
    mailer.act(ticket.number, _withdraw)
    assert mailer(promised) == []
    assert post.sent == []
    mailer(mailer.job(ticket.number, "remedy_withdrawn"))
    assert "You get a new one." in text_of(post.only)
    assert "does not apply any more" in text_of(post.only)
    assert "secret words" not in text_of(post.only)


def test_leaders_who_can_approve_a_remedy_are_asked_and_the_proposer_is_not(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    for by, address in (("mei", "lin@example.com"), ("lin", "wei@example.com")):
        ticket = open_ticket(agent="a-mei")
        mailer.act(ticket.number, _propose(50_000, by))
        assert mailer(mailer.job(ticket.number, "remedy")) == []
        said = f"{post.sent[-1]['Subject']} {text_of(post.sent[-1])}"
        assert post.sent[-1]["To"] == address
        assert "CNY 500.00" in said
        assert f"/staff/tickets/{ticket.number}" in said
        assert not [word for word in PRIVATE if word in said]


def test_accused_supervisor_is_not_asked_to_approve_a_remedy(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket, wei = open_ticket(agent="a-mei"), MEMBERS["wei"].actor
    mailer.act(ticket.number, _propose(50_000))
    job = mailer.job(ticket.number, "remedy")
    mailer.act(
        ticket.number, lambda t, p, at: by_staff.set_about(t, p, wei, ["s-lin"], "named", at)
    )
    assert mailer(job) == []
    assert post.only["To"] == "wei@example.com"


def test_only_managers_are_asked_about_a_remedy_while_it_is_unclear_whom_the_ticket_is_about(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket = open_ticket(agent="a-mei")
    mailer.act(ticket.number, _propose(50_000))
    job = mailer.job(ticket.number, "remedy")
    why = Doubt.NOBODY_NAMED_SO
    mailer.act(ticket.number, lambda t, p, at: by_system.doubt_about(t, p, [], why, at))
    assert mailer(job) == []
    assert post.only["To"] == "wei@example.com"


UNDECIDED = {
    "remind": {
        "en": "A remedy still waits for a decision",
        "zh-CN": "一项补偿仍待审批",
        "zh-TW": "一項補償仍待核准",
    },
    "breach": {
        "en": "Nobody has decided about a remedy in time",
        "zh-CN": "一项补偿审批超时",
        "zh-TW": "一項補償逾時未核准",
    },
    "escalate": {
        "en": "A remedy has waited for a decision for long",
        "zh-CN": "一项补偿审批严重超时",
        "zh-TW": "一項補償嚴重逾時未核准",
    },
}


@pytest.mark.parametrize("action", UNDECIDED)
@pytest.mark.parametrize("language", LANGUAGES)
def test_leaders_read_in_their_language_how_long_a_remedy_waits_for_a_decision(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    staff: dict[str, Member],
    stores: Stores,
    clock: Clock,
    language: str,
    action: str,
) -> None:
    for name in ("lin", "wei"):
        leader = replace(MEMBERS[name], languages=(language,))
        stores.staff.record(leader, Presence.AVAILABLE, clock.now())
    document = plan_document() | {"version": 2}
    last = {"at": 2, "action": "escalate", "notify": ["manager"]}
    document["ladders"]["approval"].append(last)
    stores.plan_store.publish(document, 2, 1)
    clock.advance(seconds=10)
    ticket = open_ticket(agent="a-mei")
    mailer.act(ticket.number, _propose(50_000))
    hours = {"remind": [6], "breach": [6, 30], "escalate": [6, 30, 72]}
    for later in hours[action]:
        mailer.fire(ticket.number, hours=later)
    assert mailer(mailer.job(ticket.number, "remedy")) == []
    subject = UNDECIDED[action][language]
    assert post.only["Subject"] == f"[{ticket.number}] {subject}"
    said = text_of(post.only)
    assert subject in said
    assert "CNY 500.00" in said
    assert not [word for word in PRIVATE if word in said]


def test_mail_that_asks_for_a_decision_is_skipped_after_it(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    ticket, lin = open_ticket(agent="a-mei"), MEMBERS["lin"].actor
    mailer.act(ticket.number, _propose(50_000))
    job = mailer.job(ticket.number, "remedy")
    mailer.act(ticket.number, lambda t, p, at: remedying.refuse(t, p, lin, "1", "no", at))
    assert mailer(job) == []
    assert post.sent == []
    mailer(mailer.job(ticket.number, "remedy"))
    assert post.only["To"] == "mei@example.com"


def _write_post_mortem(ticket: Ticket, plan: Plan, at: datetime) -> Change:
    learnt = Learnt("It caught fire", "secret words", no_action="It is known")
    return post_mortems.write(ticket, plan, MEMBERS["mei"].actor, learnt, {}, at)


def _post_mortem_due(mailer: Mailer, ticket: Ticket, clock: Clock) -> None:
    """Close an urgent ticket, and let the first rung of its post-mortem fire."""
    mailer.act(ticket.number, lambda t, p, at: by_customer.withdraw(t, p, "", at))
    clock.advance(minutes=15)
    mailer.act(ticket.number, by_timer.act_on_due_rungs)


NOT_WRITTEN = {
    "en": ("post-mortem", "Until it is written, the ticket counts as open."),
    "zh-CN": ("复盘报告", "未结案"),
    "zh-TW": ("檢討報告", "未結案"),
}


@pytest.mark.parametrize("language", NOT_WRITTEN)
def test_who_served_is_told_in_their_language_that_a_post_mortem_is_due(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    staff: dict[str, Member],
    stores: Stores,
    clock: Clock,
    language: str,
) -> None:
    mei = replace(MEMBERS["mei"], languages=(language,))
    stores.staff.record(mei, Presence.AVAILABLE, clock.now())
    ticket = open_ticket("urgent", agent="a-mei")
    _post_mortem_due(mailer, ticket, clock)
    assert mailer(mailer.job(ticket.number, "post_mortem")) == []
    assert post.only["To"] == "mei@example.com"
    said = text_of(post.only)
    for words in NOT_WRITTEN[language]:
        assert words in said
    assert DUE_AT[language] in said
    assert not [word for word in PRIVATE if word in said]


DUE_AT = {
    "en": "Wednesday 25 November 2026, 18:00",
    "zh-CN": "2026年11月25日（星期三）18:00",
    "zh-TW": "2026年11月25日（星期三）18:00",
}


ACTIONS_TOLD = {
    "en": "It names tao as the owner of these actions",
    "zh-CN": "其中列明以下措施由tao负责",
    "zh-TW": "其中列明下列措施由tao負責",
}


def _learn(*actions: tuple[str, str]) -> Any:
    """Write the post-mortem with actions of these texts and owners."""

    def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change:
        due = (at + timedelta(days=9)).date()
        learnt = Learnt(
            "secret words", "secret words", tuple(Action(text, to, due) for text, to in actions)
        )
        known = {one.id: one for one in MEMBERS.values()}
        return post_mortems.write(ticket, plan, MEMBERS["mei"].actor, learnt, known, at)

    return decide


@pytest.mark.parametrize("language", ACTIONS_TOLD)
def test_owner_of_actions_of_a_post_mortem_reads_theirs_and_nothing_else_of_the_ticket(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    staff: dict[str, Member],
    stores: Stores,
    clock: Clock,
    language: str,
) -> None:
    """The owner is of another team, and sees the action only."""
    tao = replace(MEMBERS["tao"], languages=(language,))
    stores.staff.record(tao, Presence.AVAILABLE, clock.now())
    ticket = open_ticket("urgent", agent="a-mei")
    _post_mortem_due(mailer, ticket, clock)
    learn = _learn(("Stop the sale", "a-tao"), ("Train all", "a-jun"), ("Recall it", "a-tao"))
    mailer.act(ticket.number, learn)
    first, second = mailer.jobs(ticket.number, "post_mortem_action")
    assert mailer(first) == []
    assert post.only["To"] == "tao@example.com"
    said = text_of(post.only)
    assert ACTIONS_TOLD[language] in said
    assert "- 2026-12-02: Stop the sale\n- 2026-12-02: Recall it\n" in said
    assert "Train all" not in said
    assert not [word for word in PRIVATE if word in said]
    assert post.only["Reply-To"] == ENVIRONMENT["SENDER_ADDRESS"]
    assert mailer(second) == []
    assert post.sent[1]["To"] == "jun@example.com"


def test_leaders_get_the_actions_of_who_has_left_and_nobody_those_that_were_corrected(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    staff: dict[str, Member],
    stores: Stores,
    clock: Clock,
) -> None:
    ticket = open_ticket("urgent", agent="a-mei")
    _post_mortem_due(mailer, ticket, clock)
    mailer.act(ticket.number, _learn(("Stop the sale", "a-tao")))
    mailer.act(ticket.number, _learn(("Recall it", "a-tao")))
    before, after = mailer.jobs(ticket.number, "post_mortem_action")
    assert mailer(before) == []
    assert post.sent == []
    gone = replace(MEMBERS["tao"], left=True)
    stores.staff.record(gone, Presence.AWAY, clock.now())
    assert mailer(after) == []
    assert post.only["To"] == "lin@example.com"
    assert ACTIONS_TOLD["zh-CN"] in text_of(post.only), "they read whose actions they are"


def test_leaders_are_told_of_a_post_mortem_if_nobody_served(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member], clock: Clock
) -> None:
    ticket = open_ticket("urgent")
    _post_mortem_due(mailer, ticket, clock)
    mailer(mailer.job(ticket.number, "post_mortem"))
    assert post.only["To"] == "lin@example.com"


def test_accused_agent_is_not_asked_for_the_post_mortem(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member], clock: Clock
) -> None:
    ticket, wei = open_ticket("urgent", agent="a-mei"), MEMBERS["wei"].actor
    _post_mortem_due(mailer, ticket, clock)
    job = mailer.job(ticket.number, "post_mortem")
    mailer.act(
        ticket.number, lambda t, p, at: by_staff.set_about(t, p, wei, ["a-mei"], "named", at)
    )
    assert mailer(job) == []
    assert post.only["To"] == "lin@example.com"


def test_nobody_is_asked_for_a_post_mortem_that_is_written(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member], clock: Clock
) -> None:
    ticket = open_ticket("urgent", agent="a-mei")
    _post_mortem_due(mailer, ticket, clock)
    job = mailer.job(ticket.number, "post_mortem")
    mailer.act(ticket.number, _write_post_mortem)
    assert mailer(job) == []
    assert post.sent == []


RESULT = {
    "en": ("your complaint is partly justified", "A part of the product was defective"),
    "zh-CN": ("您的投诉部分成立", "产品部件存在缺陷"),
    "zh-TW": ("您的客訴部分成立", "產品零件有瑕疵"),
}


@pytest.mark.parametrize("language", RESULT)
def test_resolution_of_a_complaint_says_outcome_cause_and_remedy_in_the_customers_words(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member], language: str
) -> None:
    ticket, mei = open_ticket("complaint", agent="a-mei", language=language), MEMBERS["mei"].actor
    mailer.act(ticket.number, _propose(15_900))
    mailer.act(
        ticket.number,
        lambda t, p, at: by_staff.resolve(
            t,
            p,
            mei,
            "It is solved.",
            "partly_upheld",
            None,
            "batch 4711",
            at,
            cause="defective_part",
        ),
    )
    mailer(mailer.job(ticket.number, "resolution"))
    said = text_of(post.only)
    for words in (*RESULT[language], REFUND[language], DUE[language], "It is solved."):
        assert words in said
    assert "4711" not in said, "the root cause is for staff"


def test_a_mail_to_staff_without_recipient_is_refused_and_counted(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_environment(monkeypatch, OPERATOR_ADDRESS=None)
    ticket = open_ticket()
    mailer.fire(ticket.number, minutes=5)
    assert mailer(mailer.job(ticket.number, "breach")) == []
    assert metrics_of(capsys) == {"MailNotSent": 1}
    (record,) = mailer.records(ticket.number).values()
    assert (record.state, record.fault) == ("refused", "no recipient")
    assert post.calls == 0


def test_the_wiring_builds_the_mailing_case(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from redress.base.settings import MissingSettings

    set_environment(monkeypatch, MAIL_QUEUE_URL=None)
    with pytest.raises(MissingSettings, match="MAIL_QUEUE_URL, MAIL_DEAD_LETTER_QUEUE_URL"):
        mailer_wiring.mailing()
    set_environment(monkeypatch, MAIL_QUEUE_URL="q", MAIL_DEAD_LETTER_QUEUE_URL="d")
    assert isinstance(mailer_wiring.mailing(), MailingCase)


def test_the_clients_of_the_mailer_wait_briefly_and_never_repeat_a_send(mailer: Mailer) -> None:
    """botocore would send a mail twice: it repeats a call whose answer was lost."""
    ses, sqs = mailer_wiring.ses().meta.config, mailer_wiring.sqs().meta.config
    assert ses.retries["total_max_attempts"] == 1
    assert (ses.connect_timeout, ses.read_timeout) == SES_S
    assert (sqs.connect_timeout, sqs.read_timeout) == (1.5, 1.5)
    given = clients.settings()
    models = Models(given.table, given.aws_region, timeout_s=given.call_timeout_s)
    table = models.connection.client.meta.config
    assert (table.connect_timeout, table.read_timeout) == (1.5, 1.5)
    assert mailer_wiring.call_s() == 3


# ------------------------------------------------------------------------------ participants


def _let_in(*addresses: str) -> Any:
    lin = Actor(Role.SUPERVISOR, "s-lin")
    return lambda t, p, at: by_staff.set_participants(t, p, lin, addresses, at)


def test_a_participant_gets_a_copy_without_the_customers_page(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    number = open_ticket(agent="a-mei").number
    mailer.act(number, _let_in("wang.wei@example.com", "bo@example.net"))
    mailer.act(number, _resolve(), minutes=1)
    assert mailer(mailer.job(number, "copy")) == []
    assert post.only["To"] == "wang.wei@example.com, bo@example.net"
    assert "/t/" not in str(post.only)
    assert customer_wiring.links().mail_token(number) in str(post.only["References"])
    assert post.only["Auto-Submitted"] is None


@pytest.mark.parametrize("why", ["taken out", "returned"])
def test_a_former_or_unreachable_participant_gets_no_copy(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member], why: str
) -> None:
    number = open_ticket(agent="a-mei").number
    mailer.act(number, _let_in("wang.wei@example.com", "bo@example.net"))
    mailer.act(number, _resolve(), minutes=1)
    if why == "taken out":
        mailer.act(number, _let_in("wang.wei@example.com"), minutes=1)
    else:
        mark = AddressMark(mailer.clock.now(), "5.1.1")
        address_row(wired_stores.models(), AddressChange("bo@example.net", mark)).save()
    assert mailer(mailer.job(number, "copy")) == []
    assert post.only["To"] == "wang.wei@example.com"


def test_a_copy_without_recipients_is_no_fault(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    number = open_ticket(agent="a-mei").number
    mailer.act(number, _let_in("bo@example.net"))
    mailer.act(number, _resolve(), minutes=1)
    mailer.act(number, _let_in("wang.wei@example.com"), minutes=1)
    job = job_of(mailer.job(number, "copy"))
    assert isinstance(job, MailJob)
    done = mailer_wiring.mailing().send(job)
    assert (done.result, done.why in UNWANTED) == (Result.REFUSED, True)


# ------------------------------------------------------------------ a job that comes late or again


def _wrote(mailer: Mailer, number: str) -> str:
    """Let the customer write. Return the job of the mail to the agent."""
    mailer.act(number, lambda t, p, at: by_customer.write(t, p, "It leaks", at), minutes=1)
    return mailer.job(number, "customer_wrote")


def _give(mailer: Mailer, number: str, agent: str | None, **later: float) -> None:
    def give(ticket: Ticket, plan: Plan, at: Any) -> Change | None:
        if agent is None:
            return by_staff.reassign(ticket, plan, MEI, None, None, "for a test", at)
        return by_system.assign(ticket, plan, agent, "for a test", at)

    mailer.act(number, give, **later)


def test_mail_that_was_skipped_at_its_time_is_not_sent_when_its_job_is_repeated(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: Any
) -> None:
    """After the upgrade, the follower begins with the oldest record of the stream.

    So it sends the messages of the last day again.
    """
    number = open_ticket().number
    job = _wrote(mailer, number)
    assert mailer(job) == []
    _give(mailer, number, MEI.id, hours=2)
    mailer.clock.advance(hours=20)
    assert mailer(job) == []
    assert post.sent == []
    assert mailer.records(number) == {}


def test_mail_that_was_true_at_its_time_is_sent_however_late_its_job_comes(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: Any
) -> None:
    number = open_ticket(agent=MEI.id).number
    job = _wrote(mailer, number)
    mailer.clock.advance(hours=20)
    assert mailer(job) == []
    assert post.only["To"] == "mei@example.com"


def test_mail_that_was_tried_before_is_sent_although_it_was_outdated_for_a_while(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: Any
) -> None:
    number = open_ticket(agent=MEI.id).number
    job = _wrote(mailer, number)
    post.refuse_with = "SendingPausedException"
    assert mailer(job) == [job]
    _give(mailer, number, None, minutes=5)
    _give(mailer, number, MEI.id, hours=2)
    post.refuse_with = None
    assert mailer(job, tried=2) == []
    assert post.only["To"] == "mei@example.com"


def test_late_job_of_a_ticket_whose_history_is_damaged_is_sent(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: Any
) -> None:
    number = open_ticket(agent=MEI.id).number
    job = _wrote(mailer, number)
    boto3.client("dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": keys.ticket_pk(number)}, "sk": {"S": keys.event_sk(1)}},
        UpdateExpression="SET doc = :doc",
        ExpressionAttributeValues={":doc": {"S": "{"}},
    )
    mailer.clock.advance(hours=20)
    assert mailer(job) == []
    assert post.only["To"] == "mei@example.com"


def test_late_job_of_a_ticket_whose_first_plan_is_missing_is_sent(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_no_plan(*_: object) -> None:
        raise LookupError("service plan 3 was never published")

    number = open_ticket(agent=MEI.id).number
    job = _wrote(mailer, number)
    mailer.clock.advance(hours=20)
    monkeypatch.setattr("redress.mail.outgoing.cases.sending.skipped_in_time", find_no_plan)
    assert mailer(job) == []
    assert post.only["To"] == "mei@example.com"


# ------------------------------------------------------------------ by an SMTP relay


@pytest.fixture
def by_relay(
    mailer: Mailer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[relay.Replies]:
    """Run an SMTP relay, let the mailer send by it, and yield the relay's replies."""
    cert = relay.certificate(tmp_path)
    login = {"username": relay.USERNAME, "password": relay.PASSWORD}
    secret = boto3.client("secretsmanager").create_secret(
        Name="relay", SecretString=json.dumps(login)
    )
    with relay.running(relay.Replies(), cert, tls="starttls") as replies:
        monkeypatch.setenv("SSL_CERT_FILE", str(cert[0]))
        set_environment(
            monkeypatch,
            SMTP_HOST="localhost",
            SMTP_PORT=str(replies.port),
            SMTP_SECRET=secret["ARN"],
            CONFIGURATION_SET="",
        )
        yield replies


def test_a_relay_gets_the_mail_with_its_headers_and_ses_gets_nothing(
    mailer: Mailer, post: Post, open_ticket: Opener, by_relay: relay.Replies
) -> None:
    ticket = open_ticket()
    assert mailer(mailer.job(ticket.number, "acknowledgement")) == []

    [(sender, to, raw)] = by_relay.taken
    assert (sender, to) == ("service@example.com", [ticket.contact.email])
    mail = email.message_from_bytes(raw, policy=policy.default)
    assert ticket.number in mail["Subject"]
    record = mailer.records(ticket.number)["000001.acknowledgement.customer"]
    assert record.state == "sent"
    assert mail["Message-ID"].strip() == f"<{record.message_id}>"
    assert mail["Message-ID"].endswith(".000001.acknowledgement.customer@example.com>")
    assert post.calls == 0


def test_a_repeated_job_sends_no_second_mail_by_the_relay(
    mailer: Mailer, open_ticket: Opener, by_relay: relay.Replies
) -> None:
    job = mailer.job(open_ticket().number, "acknowledgement")
    assert mailer(job) == mailer(job) == []
    assert len(by_relay.taken) == 1


def test_a_refusal_of_the_relay_is_final_and_counted(
    mailer: Mailer,
    open_ticket: Opener,
    by_relay: relay.Replies,
    capsys: pytest.CaptureFixture[str],
    log: io.StringIO,
) -> None:
    ticket = open_ticket()
    by_relay.recipients = {ticket.contact.email or "": "550 5.1.1 <mei@example.com> is unknown"}
    job = mailer.job(ticket.number, "acknowledgement")
    assert mailer(job) == []
    assert metrics_of(capsys) == {"MailNotSent": 1}
    record = mailer.records(ticket.number)["000001.acknowledgement.customer"]
    assert (record.state, record.fault) == ("refused", "recipient 550")
    assert "unknown" not in log.getvalue(), "the words of a relay may contain addresses"


def test_a_mail_waits_while_the_relay_does_not_take_it(
    mailer: Mailer,
    open_ticket: Opener,
    by_relay: relay.Replies,
    capsys: pytest.CaptureFixture[str],
) -> None:
    number = open_ticket().number
    job = mailer.job(number, "acknowledgement")
    by_relay.mail = "451 4.3.0 try again"
    assert mailer(job) == [job]
    assert metrics_of(capsys) == {}
    assert mailer.records(number)["000001.acknowledgement.customer"].fault == "sender 451"
    by_relay.mail = ""
    assert mailer(job, tried=2) == []
    assert len(by_relay.taken) == 1


def test_a_mail_whose_reply_was_lost_is_sent_again_when_its_claim_has_expired(
    mailer: Mailer, open_ticket: Opener, by_relay: relay.Replies
) -> None:
    job = mailer.job(open_ticket().number, "acknowledgement")
    by_relay.data = relay.HANG_UP
    assert mailer(job) == [job]
    by_relay.data = ""
    assert mailer(job, tried=2) == [job]
    assert len(by_relay.taken) == 1, "the claim stands"
    mailer.clock.advance(seconds=LEASE.total_seconds() + 1)
    assert mailer(job, tried=3) == []
    first, second = (raw for _, _, raw in by_relay.taken)
    assert (
        email.message_from_bytes(first)["Message-ID"]
        == email.message_from_bytes(second)["Message-ID"]
    )


def test_a_mail_that_only_some_of_the_staff_get_is_counted(
    mailer: Mailer,
    open_ticket: Opener,
    by_relay: relay.Replies,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ticket = open_ticket()
    for name in ("first", "second"):
        address = f"{name}@staff.example"
        person = Member(name, name, address, Role.SUPERVISOR, ticket.team, ("en",), 5)
        mailer.stores.staff.record(person, Presence.AWAY, mailer.clock.now())
    by_relay.recipients = {"second@staff.example": "550 5.1.1 no such user"}
    mailer.fire(ticket.number, minutes=5)
    assert mailer(mailer.job(ticket.number, "breach")) == []
    [(_, to, _)] = by_relay.taken
    assert "first@staff.example" in to
    assert "second@staff.example" not in to
    assert metrics_of(capsys) == {"MailNotSent": 1}


def test_a_secret_that_cannot_be_read_delays_the_mail(
    mailer: Mailer,
    open_ticket: Opener,
    by_relay: relay.Replies,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_environment(monkeypatch, SMTP_SECRET="arn:aws:secretsmanager:us-east-1:1:secret:none-a1")
    number = open_ticket().number
    job = mailer.job(number, "acknowledgement")
    assert mailer(job) == [job]
    assert mailer.records(number) == {}, "nothing was claimed"
    assert metrics_of(capsys) == {"MailNotSent": 1}, "it needs a person"


def test_the_relay_fits_into_the_life_of_the_function(mailer: Mailer) -> None:
    assert RELAY_S + mailer_wiring.call_s() + 2 <= functions()["MailerFunction"]["Timeout"]
