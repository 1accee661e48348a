"""Held mail as work: the sweep keeps one promise per team, and the mailer tells its supervisors."""

from __future__ import annotations

import email
import json
from collections.abc import Callable
from copy import replace
from dataclasses import dataclass, field
from datetime import timedelta
from email import policy
from email.message import EmailMessage
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends

from redress.base.people import Member, Role
from redress.mail.incoming.cases.watching import MOST_ADOPTED
from redress.mail.incoming.rules.held import Refused, ReleaseRequest
from redress.mail.incoming.store import IncomingRecord, MailState, Told
from redress.mail.outgoing.messages import HeldDigest, NotAJob, encode, job_of
from redress.staff.rules.availability import Presence
from redress.wiring import repair as repair_wiring
from redress.wiring import stores as wired_stores
from tests.builders import Clock, plan_document
from tests.functions.conftest import BASE_ADDRESS, MEMBERS
from tests.wired import REGION, set_environment
from tests.world import Context, Stores, aws

SWEEP = {"task": "sweep", "all": True}
BEFORE_IT_IS_DUE = {"hours": 4, "minutes": 59}
"""From 9:00 to 13:59: the plan gives four business hours, with a lunch break."""
PRIVATE = ("li.na", "Li Na", "Away", "secret words")


@dataclass
class House:
    """The repair and the mailer function, the queue between them, and SES."""

    repair: ModuleType
    mailer: ModuleType
    queue: str
    clock: Clock
    held: list[IncomingRecord] = field(default_factory=list)

    def hold(self, team: str = "complaints", **fields: Any) -> IncomingRecord:
        usual: dict[str, Any] = {
            "identity": f"{len(self.held) + 1:040x}",
            "state": MailState.QUARANTINED,
            "key": f"inbound/{len(self.held) + 1}",
            "received_at": self.clock.now(),
            "sender": "li.na@example.com",
            "sender_name": "Li Na",
            "subject": "Away",
            "excerpt": "secret words",
            "reason": "automatic",
            "team": team,
        }
        record = IncomingRecord(**(usual | fields))
        wired_stores.incoming_mails().hold(record)
        self.held.append(record)
        return record

    def change(self, record: IncomingRecord, **fields: Any) -> None:
        def decide(found: IncomingRecord) -> IncomingRecord:
            return replace(found, **fields)

        wired_stores.incoming_mails().change(record.identity, decide)

    def sweep(self, **later: float) -> list[str]:
        """Run the sweep after some time has passed. Returns the messages in the mail queue."""
        self.clock.advance(**later)
        self.repair.handler(SWEEP, Context())
        found = aws("sqs").receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        messages = found.get("Messages", [])
        for message in messages:
            aws("sqs").delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return [message["Body"] for message in messages]

    def send(self, *bodies: str) -> list[EmailMessage]:
        """Deliver messages to the mailer. Returns the mails that it has sent because of them."""
        before = len(self.sent)
        records = [
            {
                "messageId": f"m-{index}",
                "receiptHandle": "handle",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
            }
            for index, body in enumerate(bodies)
        ]
        assert self.mailer.handler({"Records": records}, Context()) == {"batchItemFailures": []}
        return self.sent[before:]

    @property
    def sent(self) -> list[EmailMessage]:
        found = []
        for message in ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages:
            mail = email.message_from_string(message.raw_data, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            found.append(mail)
        return found


@pytest.fixture
def house(
    stores: Stores,
    clock: Clock,
    staff: dict[str, Member],
    load_function: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> House:
    boto3.client("sesv2").create_email_identity(EmailIdentity="service@example.com")
    queue = aws("sqs").create_queue(QueueName="redress-mail")["QueueUrl"]
    dead = aws("sqs").create_queue(QueueName="redress-mail-dead")["QueueUrl"]
    set_environment(
        monkeypatch,
        MAIL_QUEUE_URL=queue,
        MAIL_DEAD_LETTER_QUEUE_URL=dead,
        CALL_TIMEOUT_S="1.5",
        OPERATOR_ADDRESS="operations@example.com",
        CHECKER_FUNCTION="",
    )
    return House(load_function("repair"), load_function("mailer"), queue, clock)


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert isinstance(part, EmailMessage)
    content: str = part.get_content()
    return content.replace("\r\n", "\n")


def test_supervisors_of_the_team_get_one_digest_when_the_oldest_unseen_mail_is_overdue(
    house: House,
) -> None:
    house.hold()
    house.hold("service", received_at=house.clock.now() + timedelta(hours=2))
    assert house.sweep(**BEFORE_IT_IS_DUE) == []
    house.hold(reason="disowned")
    [asked] = house.sweep(minutes=1)
    assert json.loads(asked) == {"held": "complaints", "digest": 1}
    [mail] = house.send(asked)
    assert mail["To"] == "lin@example.com"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "In-Reply-To" not in mail
    text = text_of(mail)
    assert mail["Subject"] == "隔离区有邮件无人查看：2"
    assert "2026年11月23日（星期一）14:00（UTC+8）" in text
    assert "- 疑似自动邮件：1\n- 未能证实来自该发件人（DMARC）：1" in text
    assert f"{BASE_ADDRESS}/staff/quarantine?team=complaints&unseen=true" in text
    assert not any(word in mail.as_string() + text for word in PRIVATE)


def test_repeated_sweeps_and_messages_make_one_digest_in_the_time_of_the_promise(
    house: House,
) -> None:
    house.hold()
    [asked] = house.sweep(hours=5)
    assert len(house.send(asked, asked)) == 1
    assert house.send(asked) == []
    for _ in range(5):
        house.hold()
        assert house.sweep(minutes=40) == []
    [again] = house.sweep(hours=18)
    assert json.loads(again)["digest"] == 2
    [mail] = house.send(again)
    assert mail["Subject"].endswith("6")


def test_a_flood_of_spam_and_viruses_tells_nobody_and_hides_no_other_mail(house: House) -> None:
    for number in range(130):
        house.hold(reason="spam" if number % 2 else "virus")
    assert house.sweep(days=3) == []
    house.hold()
    assert house.sweep(minutes=5) == []
    [asked] = house.sweep(days=1)
    [mail] = house.send(asked)
    assert mail["Subject"].endswith("：1")


def test_mail_that_somebody_has_opened_or_released_has_kept_its_promise(house: House) -> None:
    opened, released = house.hold(), house.hold()
    house.change(opened, seen_at=house.clock.now(), seen_by="s-lin")
    house.change(released, state=MailState.OPENED, number="R-00000-00000")
    assert house.sweep(days=3) == []


def test_mail_whose_release_failed_or_was_lost_is_unseen_work_from_then_on(house: House) -> None:
    refused, lost = house.hold(), house.hold("service")
    house.clock.advance(hours=3)
    now = house.clock.now()
    house.change(refused, refused=Refused("no_sender", now, "s-lin"))
    house.change(lost, requested=ReleaseRequest(now, "s-lin"))
    assert house.sweep(hours=3) == []
    assert len(house.sweep(hours=2)) == 2


def test_a_digest_is_not_sent_if_somebody_looked_at_the_mails_meanwhile(house: House) -> None:
    record = house.hold()
    [asked] = house.sweep(hours=6)
    house.change(record, seen_at=house.clock.now(), seen_by="s-lin")
    assert house.send(asked) == []
    house.hold()
    assert house.send(asked) == [], "the new mail is not overdue"


def test_a_digest_is_asked_for_again_if_the_worker_died_before_it_was_recorded(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.hold()
    with monkeypatch.context() as patched:
        patched.setattr(wired_stores.digests(), "tell", lambda *_: 1 / 0)
        with pytest.raises(Exception, match="ZeroDivisionError"):
            house.sweep(hours=6)
    bodies = house.sweep(minutes=5)
    assert [json.loads(body)["digest"] for body in bodies] == [1, 1]
    assert len(house.send(*bodies)) == 1


def test_two_sweeps_at_once_record_one_digest(house: House) -> None:
    digests, now = wired_stores.digests(), house.clock.now()
    assert digests.tell("complaints", Told(1, now))
    assert not digests.tell("complaints", Told(1, now))
    assert digests.tell("complaints", Told(2, now))


def test_a_digest_is_in_the_languages_of_the_supervisors(
    house: House, stores: Stores, clock: Clock
) -> None:
    for number, language in enumerate(("en", "zh-TW"), 1):
        member = replace(
            MEMBERS["lin"], id=f"s-{number}", email=f"{number}@example.com", languages=(language,)
        )
        stores.staff.record(member, Presence.AWAY, clock.now())
    house.hold()
    [mail] = house.send(*house.sweep(hours=6))
    text = text_of(mail)
    assert all(words in text for words in ("nobody has looked at it", "尚无人查看", "尚無人查看"))
    assert len(mail["To"].addresses) == 3


def test_a_team_without_supervisors_is_looked_after_by_others(house: House) -> None:
    house.hold("nobody")
    [mail] = house.send(*house.sweep(hours=6))
    assert {one.addr_spec for one in mail["To"].addresses} == {"lin@example.com", "hua@example.com"}


def test_a_digest_without_anybody_to_tell_is_refused_once(
    house: House, stores: Stores, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for member in MEMBERS.values():
        if member.role is not Role.AGENT:
            stores.staff.depart(member, clock.now())
    set_environment(monkeypatch, OPERATOR_ADDRESS="")
    house.hold()
    assert house.send(*house.sweep(hours=6)) == []


def test_the_sweep_gives_mails_of_an_earlier_version_their_team_and_promise(house: House) -> None:
    for _ in range(MOST_ADOPTED + 1):
        house.hold("", recipients=("complaints@in.example.org",))
    house.hold("", recipients=("other@in.example.org",), reason="spam")
    house.sweep(minutes=5)
    house.sweep(minutes=5)
    incoming = wired_stores.incoming_mails()
    assert incoming.without_team(100) == []
    teams = {incoming.get(one.identity).team for one in house.held[:-1]}
    assert teams == {"complaints"}
    assert incoming.get(house.held[-1].identity).team == "service"
    assert len(incoming.held(100, None).records) == len(house.held)
    assert len(house.sweep(hours=6)) == 1


def test_a_plan_without_this_promise_gives_a_day(house: House, stores: Stores) -> None:
    document = plan_document() | {"version": 2}
    del document["mail"]["held"]
    stores.plan_store.publish(document, 2, 1)
    house.hold()
    assert house.sweep(hours=23) == []
    assert len(house.sweep(hours=1)) == 1


def test_the_sweep_of_a_house_without_held_mail_reads_two_partitions(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An idle stack pays for them 8,640 times a month."""
    queries: list[Any] = []
    client = wired_stores.models().connection.client
    real = client._make_api_call

    def counted(operation: str, arguments: Any) -> Any:
        queries.append((operation, arguments))
        return real(operation, arguments)

    repair_wiring.held_mail()
    monkeypatch.setattr(client, "_make_api_call", counted)
    assert repair_wiring.held_mail().watch() == {}
    assert [arguments.get("IndexName") for _, arguments in queries] == ["owner", "open"]


@pytest.mark.parametrize(
    "body",
    [
        '{"held": "complaints"}',
        '{"held": "", "digest": 1}',
        '{"held": "a#b", "digest": 1}',
        '{"held": "complaints", "digest": 0}',
        '{"held": "complaints", "digest": "1"}',
        "[]",
    ],
)
def test_a_message_that_names_no_digest_is_not_a_job(body: str) -> None:
    with pytest.raises(NotAJob):
        job_of(body)
    assert job_of(encode(HeldDigest("complaints", 1))) == HeldDigest("complaints", 1)
