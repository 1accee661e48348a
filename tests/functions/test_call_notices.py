"""Planned calls to customers: the sweep acts on their rungs, and the mailer tells staff once."""

from __future__ import annotations

import email
import json
from collections.abc import Callable
from copy import replace
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends

from redress.base.people import Member
from redress.customers.rules import relationship
from redress.customers.rules.profile import CallOutcome, Profile, Revised, revised
from redress.customers.rules.relationship import CallReport
from redress.customers.store import CustomerStore
from redress.db import keys
from redress.mail.outgoing.messages import (
    CallNotice,
    NotAJob,
    encode,
    job_of,
    tagged,
    tags_of_notice,
)
from redress.wiring import repair as repair_wiring
from redress.wiring import stores as wired_stores
from redress.workflow.cases import relationship as watching
from redress.workflow.store import CallsPlanned, CallsPlannedStore
from tests.builders import START, Clock, plan_1, plan_document
from tests.customers.builders import EMAIL, LI_NA, new, profile
from tests.functions.conftest import BASE_ADDRESS
from tests.wired import REGION, set_environment
from tests.world import Context, Stores, aws

PLANNED = datetime(2027, 2, 23, 1, 0, tzinfo=UTC)
"""Three months after START, at nine in Shanghai."""
PRIVATE = ("li.na", "Li Na")


@dataclass
class House:
    """The repair and the mailer function, the queue between them, and SES."""

    repair: ModuleType
    mailer: ModuleType
    queue: str
    clock: Clock
    stores: Stores

    def plan_call(self, owner: str | None = None) -> Profile:
        """Store a VIP with a planned call."""
        made = relationship.aligned(profile(LI_NA, EMAIL, type="vip"), plan_1(), START)
        assert made.calls is not None
        made = replace(made, calls=replace(made.calls, owner=owner))
        wired_stores.customers().write([new(made)])
        return made

    def sweep(self, at: datetime) -> list[str]:
        """Let the sweep look at planned calls at this time. Returns what it asks of the mailer."""
        self.clock.moment = at
        self.repair._watch_calls(Context())
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
    return House(load_function("repair"), load_function("mailer"), queue, clock, stores)


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert isinstance(part, EmailMessage)
    content: str = part.get_content()
    return content.replace("\r\n", "\n")


def publish(house: House, version: int, calls: dict[str, Any], **sections: Any) -> None:
    document = plan_document() | sections | {"version": version, "relationship_calls": calls}
    house.stores.plan_store.publish(document, version, version - 1)
    wired_stores.plans().refresh()


# --------------------------------------------------------------------- reminders of a planned call


def test_owner_supervisor_and_manager_are_told_in_time_each_once(house: House) -> None:
    house.plan_call(owner="a-mei")
    told = []
    at = PLANNED - timedelta(days=1)
    while at < PLANNED + timedelta(days=20):
        for mail in house.send(*house.sweep(at)):
            told.append((at.isoformat(), str(mail["To"]), str(mail["Subject"])))
        at += timedelta(hours=12)
    assert told == [
        ("2027-02-23T13:00:00+00:00", "mei@example.com", "有一次客户关怀电话已到计划时间"),
        ("2027-02-24T13:00:00+00:00", "mei@example.com", "有一次客户关怀电话已超时"),
        ("2027-02-24T13:00:00+00:00", "hua@example.com", "有一次客户关怀电话已超时"),
        ("2027-03-02T13:00:00+00:00", "wei@example.com", "有一次客户关怀电话严重超时"),
    ]
    stored = wired_stores.customers().get(LI_NA)
    assert stored.calls is not None
    assert stored.calls.wake_at is None
    trail, _ = wired_stores.customers().trail(LI_NA, 10, None)
    assert [entry.act for entry in trail] == ["call_due"] * 3


def test_a_notice_links_to_the_profile_and_says_nothing_that_anybody_wrote(house: House) -> None:
    house.plan_call(owner="a-mei")
    [asked] = house.sweep(PLANNED + timedelta(minutes=1))
    assert json.loads(asked) == {
        "customer": LI_NA,
        "date": 1,
        "step": "remind-1",
        "audience": "agent",
        "planned": int(PLANNED.timestamp()),
    }
    [mail] = house.send(asked)
    text = text_of(mail)
    assert "客户类型：vip" in text
    assert "2027年2月23日（星期二）09:00（UTC+8）" in text
    assert f"{BASE_ADDRESS}/staff/customers/{LI_NA}" in text
    assert mail["Auto-Submitted"] == "auto-generated"
    assert not any(word in mail.as_string() + text for word in PRIVATE)


def test_a_call_without_an_owner_is_told_to_the_supervisors_of_the_team(house: House) -> None:
    house.plan_call()
    [mail] = house.send(*house.sweep(PLANNED + timedelta(minutes=1)))
    assert mail["To"] == "hua@example.com"


def test_an_owner_who_has_left_is_replaced_by_the_supervisors(
    house: House, staff: dict[str, Member]
) -> None:
    house.plan_call(owner="a-mei")
    house.stores.staff.depart(staff["mei"], house.clock.now())
    [mail] = house.send(*house.sweep(PLANNED + timedelta(minutes=1)))
    assert mail["To"] == "hua@example.com"


def test_a_killed_run_is_repeated_without_a_second_notice(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.plan_call(owner="a-mei")

    def dies(self: CustomerStore, changes: list[Revised]) -> None:
        raise ZeroDivisionError

    at = PLANNED + timedelta(minutes=1)
    with monkeypatch.context() as patched:
        patched.setattr(CustomerStore, "write", dies)
        with pytest.raises(ZeroDivisionError):
            house.sweep(at)
    bodies = house.sweep(at + timedelta(minutes=5))
    assert len(bodies) == 2, "the worker asked before it died, and the next one asked again"
    assert bodies[0] == bodies[1]
    assert len(house.send(*bodies)) == 1
    assert house.sweep(at + timedelta(minutes=10)) == []


def test_a_call_that_is_planned_afresh_reminds_again(house: House) -> None:
    """The customer was of another type for a while, so the numbers of the dates begin again."""
    house.plan_call()
    customers = wired_stores.customers()
    [waits] = house.sweep(PLANNED + timedelta(minutes=1))
    assert len(house.send(waits)) == 1
    for minutes, kind in ((2, "standard"), (3, "vip")):
        at, now = PLANNED + timedelta(minutes=minutes), customers.get(LI_NA)
        after = relationship.aligned(replace(now, type=kind), plan_1(), at)
        customers.write([revised(now, after, "changed", at)])
    calls = customers.get(LI_NA).calls
    assert calls is not None
    assert calls.clock is not None
    assert calls.date == 1
    bodies = house.sweep(calls.clock.started_at + timedelta(minutes=1))
    assert len(house.send(*bodies)) == 1
    assert house.send(waits) == [], "it is about the date before"


def test_a_notice_about_a_call_that_was_made_meanwhile_is_not_sent(house: House) -> None:
    house.plan_call(owner="a-mei")
    at = PLANNED + timedelta(minutes=1)
    bodies = house.sweep(at)
    now = wired_stores.customers().get(LI_NA)
    report = CallReport(CallOutcome.REACHED, "")
    after = relationship.reported(now, plan_1(), report, "a-mei", at)
    wired_stores.customers().write([revised(now, after, "call_reached", at)])
    assert house.send(*bodies) == []
    unknown = CallNotice("c" * 24, 1, "remind-1", "agent")
    assert house.send(encode(unknown)) == []


def test_many_calls_of_one_morning_are_told_in_pages_and_one_that_is_damaged_stops_none(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "PAGE", 3)
    for number in range(8):
        made = profile(f"{number:024x}", type="vip")
        wired_stores.customers().write([new(relationship.aligned(made, plan_1(), START))])
    row = wired_stores.models().profile.get(keys.customer_pk(f"{2:024x}"), keys.PROFILE)
    row.update([type(row).doc.set("{")])
    house.clock.moment = PLANNED + timedelta(minutes=1)
    watch = repair_wiring.calls()
    assert watch.watch(lambda: 1) == {"acted": 7, "notices": 7, "left": 1}
    assert watch.watch(lambda: 1) == {"left": 1}


def test_a_rung_acts_in_the_sweep_of_its_instant(house: House) -> None:
    house.plan_call(owner="a-mei")
    assert len(house.sweep(PLANNED + timedelta(seconds=6))) == 1
    breach = datetime(2027, 2, 24, 10, 0, tzinfo=UTC)
    assert house.sweep(breach - timedelta(milliseconds=1)) == []
    assert len(house.sweep(breach)) == 2


def test_a_run_without_time_leaves_the_rest_to_the_next_one(house: House) -> None:
    house.plan_call()
    house.clock.moment = PLANNED + timedelta(minutes=1)
    assert repair_wiring.calls().watch(lambda: 0) == {}
    assert repair_wiring.calls().watch(lambda: 1) == {"acted": 1, "notices": 1}


def test_an_idle_sweep_costs_one_query_and_reads_no_plan(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An idle stack pays for it 8,640 times a month."""
    queries: list[Any] = []
    client = wired_stores.models().connection.client
    real = client._make_api_call

    def counted(operation: str, arguments: Any) -> Any:
        queries.append((operation, arguments.get("IndexName")))
        return real(operation, arguments)

    watch = repair_wiring.calls()
    monkeypatch.setattr(client, "_make_api_call", counted)
    assert watch.watch(lambda: 1) == {}
    assert queries == [("Query", "awake")]


# --------------------------------------------------- what happens when a new plan comes into force


def test_a_new_plan_plans_calls_to_customers_who_are_there_already_and_ends_others(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "PAGE", 2)
    customers, planning = wired_stores.customers(), repair_wiring.call_planning()
    done = planning.run(lambda: 1)
    assert done is not None
    assert (done.plan_version, done.customers) == (1, 0)
    house.plan_call()
    key = [profile(f"{number:024x}", type="standard") for number in range(5)]
    customers.write([new(one) for one in key])
    assert planning.run(lambda: 1) is None, "this plan was done"
    entry = plan_document()["relationship_calls"]["vip"]
    publish(house, 2, {"standard": entry | {"team": "accounts"}})
    done = planning.run(lambda: 1)
    assert done is not None
    assert (done.plan_version, done.planned, done.left) == (2, 6, 0)
    assert customers.get(LI_NA).calls is None
    for one in key:
        found = customers.get(one.id)
        assert found.calls is not None
        assert found.calls.clock is not None
        assert found.calls.clock.started_at > house.clock.now()
    assert len(customers.calls_of_team("accounts", 10, None).ids) == 5
    assert customers.calls_of_team("service", 10, None).ids == []
    [entry_of_trail], _ = customers.trail(key[0].id, 1, None)
    assert (entry_of_trail.act, entry_of_trail.why) == ("calls_planned", "service plan 2")
    assert planning.run(lambda: 1) is None
    monkeypatch.setattr(CallsPlannedStore, "progress", None)
    assert planning.run(lambda: 1) is None, "the process knows that this plan is done"


def test_a_killed_planning_goes_on_where_it_stopped(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "PAGE", 2)
    customers, planning = wired_stores.customers(), repair_wiring.call_planning()
    customers.write([new(profile(f"{number:024x}", type="vip")) for number in range(6)])
    left = iter([1, 1, 0])
    done = planning.run(lambda: next(left))
    assert done is not None
    assert (done.ended_at, planning.goes_on) == (None, True)
    store = CallsPlannedStore(wired_stores.models())
    save = CallsPlannedStore.save

    def dies(self: CallsPlannedStore, progress: CallsPlanned) -> CallsPlanned | None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(CallsPlannedStore, "save", dies)
        with pytest.raises(ZeroDivisionError):
            planning.run(lambda: 1)
    assert CallsPlannedStore.save is save
    done = planning.run(lambda: 1)
    assert done is not None
    assert (done.ended_at is not None, planning.goes_on) == (True, False)
    assert len(customers.calls_of_team("service", 10, None).ids) == 6
    for number in range(6):
        assert customers.get(f"{number:024x}").revision == 2, "planned once"
    assert store.save(replace(done, revision=1)) is None, "another run was quicker"


def test_the_sweep_plans_once_an_hour(house: House) -> None:
    wired_stores.customers().write([new(profile(LI_NA, EMAIL, type="vip"))])
    house.clock.moment = START + timedelta(minutes=31)
    assert house.repair._plan_calls(Context()) == {}
    house.clock.moment = START + timedelta(minutes=61)
    assert house.repair._plan_calls(Context()) == {"calls_planned": 1}
    assert house.repair._plan_calls(Context()) == {}


# ------------------------------------------------------------- what the mailer does with a message


@pytest.mark.parametrize(
    "changes",
    [
        {"customer": "a"},
        {"customer": "A" * 24},
        {"date": 0},
        {"date": "1"},
        {"planned": -1},
        {"planned": "1"},
        {"step": "remind"},
        {"step": "remind.1"},
        {"audience": "customer"},
        {"audience": None},
    ],
)
def test_a_message_that_names_no_notice_is_not_a_job(changes: dict[str, Any]) -> None:
    good = CallNotice(LI_NA, 2, "breach-1", "supervisor", 1798005600)
    assert job_of(encode(good)) == good
    with pytest.raises(NotAJob):
        job_of(json.dumps(json.loads(encode(good)) | changes))


def test_a_notice_of_the_version_before_keeps_its_key() -> None:
    """It lies in the queue during an update, and its mail may have been sent."""
    job = CallNotice(LI_NA, 2, "breach-1", "supervisor")
    said = {"customer": LI_NA, "date": 2, "step": "breach-1", "audience": "supervisor"}
    assert job_of(json.dumps(said)) == job
    assert job.key == "000002.breach-1.relationship_call.supervisor"
    tags = {one["Name"]: one["Value"] for one in tags_of_notice(job) if one["Name"] != "planned"}
    assert tagged(tags) == job


def test_the_tags_of_a_notice_lead_back_to_it() -> None:
    good = CallNotice(LI_NA, 2, "breach-1", "supervisor", 1798005600)
    tags = {one["Name"]: one["Value"] for one in tags_of_notice(good)}
    assert tagged(tags) == good
    assert good.key == "000002-1798005600.breach-1.relationship_call.supervisor"
    for name, wrong in (
        ("date", "x"),
        ("planned", "x"),
        ("customer", "x"),
        ("audience", "customer"),
    ):
        assert tagged(tags | {name: wrong}) is None
