"""What staff write to a customer of a social inbox goes back there, and a failure is told.

The social inbox is the worked example of docs/connectors.md: messages, answers and receipts in the
plain JSON form.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest
from standardwebhooks import Webhook

from redress.connectors.https import NotAnswered, NotPublic, NotReached, Reply, Sender
from redress.connectors.store import taken
from redress.mail.outgoing.cases.answering import GIVES_UP_AFTER
from redress.mail.outgoing.cases.posting import LEASE
from redress.mail.outgoing.connector_carrier import PAUSE
from redress.mail.outgoing.messages import MailJob, encode
from redress.mail.outgoing.rules.table import ANSWER_FAILED, CONNECTOR, mails_after
from redress.plans.rules.checklists import STEP, label, of
from redress.tickets.cases import following
from redress.tickets.rules.steps import by_customer, by_system
from redress.tickets.rules.steps.matching import match
from redress.tickets.rules.ticket import EventType, State
from redress.wiring import customer as customer_wiring
from redress.wiring import mailer as mailer_wiring
from redress.wiring import stores as wired_stores
from tests import wechat
from tests.builders import BY_PHONE, Clock, plan_document
from tests.functions.conftest import BASE_ADDRESS, altered
from tests.functions.staff.api import Api
from tests.functions.staff.api import Reply as Answered
from tests.functions.staff.test_machines import Machine, make
from tests.wired import set_environment
from tests.world import Context, Opener, Stores, aws, read_sample, split, unsplit

URL = "https://inbox.example.com/answers"
NAME_ONLY = {"name": "Li Na"}
OUTCOMES: dict[str, Any] = {
    "reached": NotReached("gaierror"),
    "answered": NotAnswered("TimeoutError"),
    "public": NotPublic("inside"),
}


@dataclass
class Inbox:
    """The social inbox: what it got, and what it says next. By default it takes everything."""

    secret: str
    got: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    says: Any = 200

    def post(self, url: str, headers: dict[str, str], body: bytes) -> Reply:
        assert url == URL
        # `Webhook.verify` compares with the clock of the machine.
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        right = Webhook(self.secret).sign(headers["webhook-id"], at, body.decode())
        assert right in headers["webhook-signature"].split()
        self.got.append(json.loads(body))
        self.ids.append(headers["webhook-id"])
        if isinstance(self.says, Exception):
            raise self.says
        return Reply(self.says, b"")


@dataclass
class World:
    """The API of staff, the social inbox as a connector, and the mailer with its queue."""

    api: Api
    machine: Machine
    inbox: Inbox
    mailer: ModuleType
    stores: Stores
    clock: Clock
    put_off: list[int] = field(default_factory=list)

    def opened(self, **fields: Any) -> str:
        """The customer's first message comes. Mei, who is free, takes the ticket."""
        usual = {"channel": "social", "customer": NAME_ONLY, "kind": "complaint", "language": "en"}
        found = self.machine.message(**(usual | fields))
        assert found.status == 201, found.body
        number: str = found.body["number"]
        taken = self.act("assign", number, agent="a-mei")
        assert taken.status == 200, taken.body
        return number

    def act(self, name: str, number: str, *, who: str = "mei", **fields: Any) -> Answered:
        version = self.stores.tickets.get(number).version
        if name == "assign":
            body = {"agent": fields["agent"], "reason": "-", "version": version}
            return self.api("assignment", "lin", number=number, body=body)
        return self.api(name, who, number=number, body={"version": version} | fields)

    def reply(self, number: str, text: str = "Please send a photo.") -> Answered:
        return self.act("reply", number, text=text, wait_for_customer=False)

    def jobs(self, number: str, audience: str = CONNECTOR) -> list[str]:
        return [
            encode(MailJob(number, event.number, mail.template, mail.audience))
            for event in self.stores.tickets.history(number)
            for mail in mails_after(event)
            if mail.audience == audience
        ]

    def deliver(self, job: str, tried: int = 1) -> bool:
        """Give the mailer a job of the queue. Returns whether it is finished."""
        record = {
            "messageId": "m-0",
            "receiptHandle": "handle",
            "body": job,
            "attributes": {
                "ApproximateReceiveCount": str(tried),
                "SentTimestamp": str(round(self.clock.now().timestamp() * 1000)),
            },
        }
        answer = self.mailer.handler({"Records": [record]}, Context())
        return not answer["batchItemFailures"]

    def reports(self, number: str) -> list[dict[str, Any]]:
        file = self.api("ticket", "wei", number=number).body
        return [one["data"] for one in file["timeline"] if one["type"] == "answer_reported"]

    def states(self, number: str) -> list[str]:
        return [one["state"] for one in self.reports(number)]

    def receipt(self, number: str, state: str = "delivered", **fields: Any) -> Answered:
        job = json.loads(self.jobs(number)[-1])
        answer = f"{number}-{job['event']}"
        return self.machine.message(of="receipt", **({"answer": answer, "state": state} | fields))


@pytest.fixture
def world(
    api: Api,
    stores: Stores,
    clock: Clock,
    load_function: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    return build(api, stores, clock, load_function, monkeypatch)


def build(
    api: Api,
    stores: Stores,
    clock: Clock,
    load_function: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    **fields: Any,
) -> World:
    made = make(api, "social", name="Social inbox", answers_url=URL, **fields)
    sqs = boto3.client("sqs")
    queue = sqs.create_queue(QueueName="redress-mail")["QueueUrl"]
    dead = sqs.create_queue(QueueName="redress-mail-dead")["QueueUrl"]
    set_environment(
        monkeypatch,
        MAIL_QUEUE_URL=queue,
        MAIL_DEAD_LETTER_QUEUE_URL=dead,
        CALL_TIMEOUT_S="1.5",
        OPERATOR_ADDRESS="operations@example.com",
    )
    boto3.client("sesv2").create_email_identity(EmailIdentity="service@example.com")
    inbox = Inbox(made["answers_secret"])
    monkeypatch.setattr(Sender, "post", lambda _, *given: inbox.post(*given))
    mailer_wiring.answering.cache_clear()
    built = World(api, Machine(api, clock, made), inbox, load_function("mailer"), stores, clock)
    monkeypatch.setattr(built.mailer, "_put_off", lambda _, wait: built.put_off.append(round(wait)))
    return built


def sent_mails() -> int:
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.ses.models import ses_backends

    from tests.wired import REGION

    return len(ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages)


# ---------------------------------------------------------------------- out and back


def test_reply_to_a_social_message_goes_back_there_and_never_by_mail(world: World) -> None:
    number = world.opened()
    shown = world.reply(number)
    assert shown.body["answers"] == {
        "by": "connector",
        "why": None,
        "connector": "social",
        "until": None,
    }
    assert world.jobs(number, "customer") == []
    [job] = world.jobs(number)
    assert world.deliver(job)
    [got] = world.inbox.got
    token = customer_wiring.links().status_token(number)
    event = json.loads(job)["event"]
    assert got == {
        "type": "answer",
        "id": f"{number}-{event}",
        "conversation": "c-20261123-17",
        "ticket": number,
        "event": "replied",
        "at": got["at"],
        "language": "en",
        "text": "Please send a photo.",
        "files": [],
        "status_url": f"{BASE_ADDRESS}/t/{token}",
    }
    assert world.inbox.ids == [got["id"]]
    assert world.reports(number) == [{"answer": event, "state": "sent", "connector": "social"}]
    assert sent_mails() == 0


def test_receipt_says_on_the_timeline_that_the_customer_has_the_answer(world: World) -> None:
    number = world.opened()
    world.reply(number)
    world.deliver(world.jobs(number)[0])
    found = world.receipt(number)
    assert (found.status, found.body["news"]) == (200, True)
    assert world.states(number) == ["sent", "delivered"]
    file = world.api("ticket", "lin", number=number).body
    assert file["timeline"][-1]["by"] == {"role": "machine", "id": "social"}
    assert file["version"] == found.body["version"]


def test_receipt_that_comes_twice_or_late_changes_nothing(world: World) -> None:
    number = world.opened()
    world.reply(number)
    assert world.receipt(number).body["news"] is True, "it overtook the record of the sending"
    assert world.receipt(number).body["news"] is False
    assert world.receipt(number, "failed", why="too late").body["news"] is False
    assert world.deliver(world.jobs(number)[0])
    assert world.states(number) == ["delivered"]


def test_failed_receipt_is_told_to_the_agent_and_the_supervisor_if_there_is_none(
    world: World,
) -> None:
    number = world.opened()
    world.reply(number)
    world.deliver(world.jobs(number)[0])
    found = world.receipt(number, "failed", why="The customer has blocked the account")
    assert found.status == 200
    assert world.reports(number)[-1]["why"] == "The customer has blocked the account"
    [job] = world.jobs(number, "agent")
    assert json.loads(job)["template"] == ANSWER_FAILED
    assert world.deliver(job)
    assert sent_mails() == 1
    assert len(world.inbox.got) == 1, "the failure is not tried again"


def test_receipts_of_another_connector_and_of_other_events_find_nothing(
    world: World, clock: Clock
) -> None:
    number = world.opened()
    world.reply(number)
    other = Machine(world.api, clock, make(world.api, "other", answers_url=URL))
    answer = json.loads(world.jobs(number)[0])["event"]
    for machine, event in ((other, answer), (world.machine, 1), (world.machine, 99)):
        found = machine.message(of="receipt", answer=f"{number}-{event}", state="delivered")
        assert found.status == 404, found.body
    unknown = world.machine.message(of="receipt", answer="R-7K3M9-QW0X2-3", state="delivered")
    assert unknown.status == 404
    assert world.reports(number) == []


def test_all_faults_of_a_receipt_are_named_and_the_attempt_is_recorded(world: World) -> None:
    found = world.machine.message(of="receipt", answer="3", state="sent", more=1)
    assert (found.status, found.pointers) == (422, {"/answer", "/state", "/more"})
    attempts = world.api("connector-attempts", "wei", id="social").body["items"]
    assert (attempts[0]["status"], attempts[0]["problem"]) == (422, "invalid-input")


@pytest.mark.parametrize(
    ("act", "event", "fields"),
    [
        ("progress", "progress_told", {"text": "We look."}),
        ("promise", "promised", {"text": "By Monday.", "by": "2026-11-23T09:00:00Z"}),
        (
            "resolution",
            "resolved",
            {"text": "Solved.", "outcome": "upheld", "remedy": "a kettle", "root_cause": "seal"},
        ),
    ],
)
def test_all_that_staff_write_to_the_customer_goes_back_through_the_connector(
    world: World, act: str, event: str, fields: dict[str, Any]
) -> None:
    number = world.opened()
    found = world.act(act, number, **fields)
    assert found.status == 200, found.body
    [job] = world.jobs(number)
    assert world.deliver(job)
    result = "\n\nResult: your complaint is justified" if act == "resolution" else ""
    assert world.inbox.got[0]["event"] == event
    assert world.inbox.got[0]["text"] == fields["text"] + result


def requested(world: World, category: str = "account/personal_data", **fields: Any) -> str:
    """A customer asks for something through the social inbox."""
    usual = {"channel": "social", "customer": NAME_ONLY, "language": "en"}
    opened = world.machine.message(kind="service_request", category=category, **(usual | fields))
    number: str = opened.body["number"]
    return number


def test_checklist_of_a_request_goes_back_through_the_connector(world: World) -> None:
    number = requested(world, "payment/invoice")
    [job] = world.jobs(number)
    assert world.deliver(job)
    [got] = world.inbox.got
    assert (got["event"], got["status_url"][: len(BASE_ADDRESS)]) == ("checklist_set", BASE_ADDRESS)
    first, _, rest = got["text"].partition("\n\n")
    lines, _, last = rest.partition("\n\n")
    plan = world.stores.plans.current()
    wanted = [item for item in of(plan, "service_request", "payment/invoice") if item.kind != STEP]
    assert first == "For your request we need from you:"
    assert lines.splitlines() == [
        f"- {item.text['en']}{'' if item.required else ' (optional)'}" for item in wanted
    ]
    assert last.endswith("the time that we promised for the solution may stand still."), (
        "a plan can let it go on, and it does until the first answer"
    )
    assert world.states(number) == ["sent"]
    assert sent_mails() == 0
    found = world.stores.tickets.get(number).checklist
    assert found is not None
    assert found.told, "so the promise waits for the customer"


def test_checklist_that_did_not_reach_the_customer_is_told_to_staff(world: World) -> None:
    number = requested(world, "payment/invoice")
    world.inbox.says = 410
    assert world.deliver(world.jobs(number)[0])
    assert world.states(number) == ["failed"]
    failed = world.stores.tickets.history(number)[-1]
    assert [mail.template for mail in mails_after(failed)] == [ANSWER_FAILED]


def test_checklist_goes_where_the_customer_wrote_also_if_they_left_an_address(
    world: World,
) -> None:
    number = requested(world, customer=NAME_ONLY | {"email": "li.na@example.com"})
    templates = [json.loads(job)["template"] for job in world.jobs(number, "customer")]
    assert templates == ["acknowledgement"]
    [job] = world.jobs(number)
    assert world.deliver(job)
    assert world.inbox.got[-1]["event"] == "checklist_set"


@pytest.mark.parametrize(
    ("language", "begins", "lists", "ends"),
    [
        (
            "en",
            "We have corrected how your request is classified. This changes what we promised you",
            "- solution: now by ",
            "please write to us here.",
        ),
        ("zh-CN", "我们更正了事项的分类。关于您提交的事项", "：改为不晚于", "直接在这里回复。"),
        ("zh-TW", "我們更正了案件的分類。關於您的案件", "：改為不晚於", "直接在這裡回覆。"),
    ],
)
def test_later_promise_is_told_where_the_customer_wrote_and_not_by_mail(
    world: World, language: str, begins: str, lists: str, ends: str
) -> None:
    """Nobody decided to write to the address: the customer talks with us in a chat."""
    number = world.opened(customer=NAME_ONLY | {"email": "li.na@example.com"}, language=language)
    world.stores.changes.change(number, by_system.acknowledge)
    corrected = world.act("classification", number, kind="feedback", reason="only praise")
    assert corrected.body["lengthened"]["told_by"] == "connector"
    templates = [json.loads(job)["template"] for job in world.jobs(number, "customer")]
    assert templates == ["acknowledgement"]
    [job] = world.jobs(number)
    assert world.deliver(job)
    got = world.inbox.got[-1]
    assert got["event"] == "reclassified"
    assert got["text"].startswith(begins)
    assert number in got["text"]
    assert lists in got["text"]
    assert got["text"].endswith(ends)
    assert world.states(number) == ["sent"]


def test_later_promise_that_the_connector_does_not_take_is_told_to_the_agent(world: World) -> None:
    number = world.opened()
    world.act("classification", number, kind="feedback", reason="only praise")
    world.inbox.says = 422
    assert world.deliver(world.jobs(number)[-1])
    assert world.states(number) == ["failed"]
    failed = world.stores.tickets.history(number)[-1]
    assert [mail.template for mail in mails_after(failed)] == [ANSWER_FAILED]


def test_customer_without_an_address_is_told_of_a_split_and_its_end_in_their_conversation(
    world: World,
) -> None:
    first = world.opened()
    world.stores.changes.change(first, lambda t, p, at: by_customer.write(t, p, "And?", at))
    wrote = world.stores.tickets.get(first).version
    new = split(world.stores, first, wrote)
    [job] = world.jobs(new)
    assert world.deliver(job)
    [got] = world.inbox.got
    assert (got["event"], got["ticket"]) == ("opened", new)
    assert got["conversation"] == "c-20261123-17", "where they wrote"
    assert f"under its own number: {new}" in got["text"]
    assert world.states(new) == ["sent"]
    unsplit(world.stores, first, new)
    assert world.deliver(world.jobs(new)[-1])
    assert first in world.inbox.got[-1]["text"]
    assert sent_mails() == 0


def test_answer_belongs_to_the_ticket_of_a_split_about_which_staff_wrote_last(
    world: World,
) -> None:
    """Both tickets are of one customer, who writes in one conversation about both."""
    first = world.opened()
    world.stores.changes.change(first, lambda t, p, at: by_customer.write(t, p, "And?", at))
    new = split(world.stores, first, world.stores.tickets.get(first).version)
    world.act("assign", new, agent="a-mei")
    count = iter(range(99))

    def writes(text: str) -> str:
        number: str = world.machine.message(message=f"n-{next(count)}", text=text).body["number"]
        return number

    assert writes("Nobody has answered about it yet.") == first
    assert world.act("reply", new, text="Which one?", wait_for_customer=True).status == 200
    assert world.stores.tickets.get(new).state is State.WAITING
    assert writes("The blue one.") == new
    assert world.stores.tickets.get(new).state is State.OPEN
    assert writes("And large.") == new
    assert world.reply(first).status == 200
    assert writes("Here is the photo.") == first


def test_message_after_the_end_of_one_ticket_goes_to_the_other_one_of_its_split(
    world: World,
) -> None:
    """No third ticket is opened, whichever of the two has ended."""
    first = world.opened()
    world.stores.changes.change(first, lambda t, p, at: by_customer.write(t, p, "And?", at))
    new = split(world.stores, first, world.stores.tickets.get(first).version)
    world.stores.changes.change(first, lambda t, p, at: by_customer.withdraw(t, p, "", at))
    back = world.machine.message(message="n-1", text="When does it come?")
    assert (back.status, back.body["number"], back.body["opened"]) == (200, new, False)
    last = world.stores.tickets.history(new)[-1]
    assert (last.data["text"], "sent_to" in last.data) == ("When does it come?", False)
    world.stores.changes.change(new, lambda t, p, at: by_customer.withdraw(t, p, "", at))
    assert world.machine.message(message="n-2", text="And a third one").body["opened"]


def test_words_about_an_item_of_a_checklist_say_which_one_it_is(world: World) -> None:
    category = "account/personal_data"
    number = requested(world, category)
    version = world.stores.tickets.get(number).version
    body = {"agent": "a-tao", "reason": "-", "version": version}
    assert world.api("assignment", "wei", number=number, body=body).status == 200
    version = world.stores.tickets.get(number).version
    body = {"text": "The register is closed.", "who": "third_party", "version": version}
    told = world.api("obstacle", "tao", number=number, id="change", body=body)
    assert told.status == 200, told.body
    assert world.deliver(world.jobs(number)[-1])
    got, name = world.inbox.got[-1], label(world.stores.plans.current(), category, "change")
    assert (got["item"], got["text"]) == (name["en"], "The register is closed.")
    assert name["en"] != "change"


def solved(world: World, number: str) -> None:
    fields = {"outcome": "upheld", "remedy": "new", "root_cause": "seal"}
    done = world.act("resolution", number, text="Replaced.", **fields)
    assert done.status == 200, done.body


def something_else(world: World, number: str) -> str:
    """The customer tells us something else from the status page. Returns the new number."""
    words = {"kind": "complaint", "subject": "The second cup", "description": "It is missing."}
    token = customer_wiring.links().status_token(number)
    receipt = customer_wiring.following().submit(token, words | {"consent": True}, "n-1")
    return receipt.number


def test_something_else_is_answered_where_the_customer_wrote(world: World) -> None:
    """They left no address. The reply was accepted, and reached nobody."""
    first = world.opened()
    solved(world, first)
    new = something_else(world, first)
    tickets = world.stores.tickets
    assert tickets.get(new).conversation == tickets.get(first).conversation
    assert world.act("assign", new, agent="a-mei").status == 200
    asked = world.act("reply", new, text="Which one?", wait_for_customer=True)
    assert asked.status == 200, asked.body
    assert asked.body["answers"]["by"] == "connector"
    assert world.deliver(world.jobs(new)[-1])
    assert world.inbox.got[-1]["ticket"] == new
    answer = world.machine.message(message="m-2", text="The red one.", customer=NAME_ONLY)
    assert (answer.status, answer.body["number"]) == (200, new), "not to what was solved"
    assert tickets.get(first).state is State.RESOLVED


def wait_in(world: World, number: str) -> None:
    asked = world.act("reply", number, text="Which one?", wait_for_customer=True)
    assert asked.status == 200, asked.body


@pytest.mark.parametrize("linked", [True, False], ids=["linked", "no room for a link"])
def test_conversation_goes_back_to_the_disputed_ticket_when_staff_write_about_it_again(
    world: World, monkeypatch: pytest.MonkeyPatch, linked: bool
) -> None:
    """The answer to a question about the first matter was added to the second one."""
    if not linked:
        monkeypatch.setattr(following, "MOST_LINKS", 0)
    first = world.opened()
    solved(world, first)
    new = something_else(world, first)
    assert bool(world.stores.tickets.get(first).links) is linked
    for turn, number in enumerate((new, first, new)):
        if turn == 1:
            token = customer_wiring.links().status_token(first)
            customer_wiring.customer_cases().dispute(token, "It leaks again.")
            if not linked:
                monkeypatch.setattr(taken, "MOST_LINKS", 0)
        if world.stores.tickets.get(number).assignee != "a-mei":
            assert world.act("assign", number, agent="a-mei").status == 200
        wait_in(world, number)
        told = world.machine.message(message=f"m-{turn + 2}", text="Red.", customer=NAME_ONLY)
        assert (told.status, told.body["number"]) == (200, number)


def test_something_else_after_the_window_is_refused_before_it_is_lost(
    api: Api,
    stores: Stores,
    clock: Clock,
    load_function: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = build(api, stores, clock, load_function, monkeypatch, answer_hours=48)
    first = world.opened()
    solved(world, first)
    clock.advance(hours=49)
    new = something_else(world, first)
    assert world.act("assign", new, agent="a-mei").status == 200
    assert world.act("reply", new, text="?", wait_for_customer=False).status == 409


# ---------------------------------------------------------------------- faults


def test_remedy_goes_back_through_the_connector_with_what_it_is_and_by_when(world: World) -> None:
    number = world.opened()
    fields: dict[str, Any] = {
        "kind": "refund",
        "amount": 15_900,
        "currency": "CNY",
        "reason": "no spare part",
    }
    promised = world.act("remedy-proposal", number, text="We pay it back.", **fields)
    assert promised.status == 200, promised.body
    world.deliver(world.jobs(number)[-1])
    assert world.inbox.got[-1]["event"] == "remedy_promised"
    assert world.inbox.got[-1]["text"].startswith("What we do for you: Refund CNY 159.00, by ")
    assert world.inbox.got[-1]["text"].endswith("\n\nWe pay it back.")
    done = world.api(
        "remedy-completion",
        "mei",
        number=number,
        id="1",
        body={"version": promised.body["version"], "proof": "Transfer 0113"},
    )
    assert done.status == 200, done.body
    world.deliver(world.jobs(number)[-1])
    assert world.inbox.got[-1]["text"] == "What we do for you: Refund CNY 159.00 (done)"


def test_answer_is_sent_once_however_often_its_job_comes(world: World) -> None:
    number = world.opened()
    world.reply(number)
    [job] = world.jobs(number)
    assert world.deliver(job)
    assert world.deliver(job)
    assert len(world.inbox.got) == 1
    assert world.states(number) == ["sent"]


def test_worker_that_dies_before_it_reports_is_replaced_by_one_that_does(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from redress.connectors.cases.reporting import ReportingCases

    number = world.opened()
    world.reply(number)
    [job] = world.jobs(number)

    def die(*_: Any) -> None:
        raise RuntimeError("the worker is gone")

    with monkeypatch.context() as dying:
        dying.setattr(ReportingCases, "report", die)
        assert not world.deliver(job)
    assert world.states(number) == []
    assert world.deliver(job, tried=2)
    assert (len(world.inbox.got), world.states(number)) == (1, ["sent"])


@pytest.mark.parametrize("says", [503, 429, 401, 404, OUTCOMES["reached"]])
def test_answer_is_tried_again_with_the_same_id_until_it_is_taken(world: World, says: Any) -> None:
    number = world.opened()
    world.reply(number)
    [job] = world.jobs(number)
    world.inbox.says = says
    assert not world.deliver(job)
    assert world.states(number) == []
    world.inbox.says = 204
    world.clock.advance(seconds=PAUSE.total_seconds())
    assert world.deliver(job, tried=2)
    assert len(set(world.inbox.ids)) == 1
    assert len(world.inbox.got) == 2
    assert world.states(number) == ["sent"]


def test_answer_whose_receipt_was_lost_waits_until_the_claim_is_over(world: World) -> None:
    number = world.opened()
    world.reply(number)
    [job] = world.jobs(number)
    world.inbox.says = OUTCOMES["answered"]
    assert not world.deliver(job)
    assert world.put_off == [round(LEASE.total_seconds())]
    world.inbox.says = 200
    world.clock.advance(seconds=LEASE.total_seconds() + 1)
    assert world.deliver(job, tried=2)
    assert len(set(world.inbox.ids)) == 1, "the other side knows the repeat by its id"


def test_system_that_was_not_reached_is_left_alone_for_a_moment(world: World) -> None:
    """Hundreds of answers to one broken system would hold up the mails of everybody."""
    first, second = world.opened(), world.opened(conversation="c-2", message="m-2")
    world.reply(first)
    world.reply(second)
    world.inbox.says = OUTCOMES["reached"]
    assert not world.deliver(world.jobs(first)[0])
    assert not world.deliver(world.jobs(second)[0])
    assert len(world.inbox.got) == 1
    assert world.stores.mail_records.of_ticket(second) == [], "it was not even claimed"


@pytest.mark.parametrize(
    ("says", "why"),
    [
        (422, "http_422"),
        (410, "http_410"),
        (302, "http_302"),
        (OUTCOMES["public"], "not_public"),
    ],
)
def test_final_refusal_is_on_the_timeline_and_told_to_the_agent(
    world: World, says: Any, why: str
) -> None:
    number = world.opened()
    world.reply(number)
    world.inbox.says = says
    assert world.deliver(world.jobs(number)[0])
    [report] = world.reports(number)
    assert (report["state"], report["why"]) == ("failed", why)
    assert [json.loads(job)["template"] for job in world.jobs(number, "agent")] == [ANSWER_FAILED]
    assert sent_mails() == 0, "never a mail to the customer instead"


def test_answer_that_nobody_takes_for_a_day_has_failed(world: World) -> None:
    number = world.opened()
    world.reply(number)
    [job] = world.jobs(number)
    world.inbox.says = 503
    assert not world.deliver(job)
    world.clock.advance(seconds=GIVES_UP_AFTER.total_seconds())
    assert world.deliver(job, tried=200)
    [report] = world.reports(number)
    assert (report["state"], report["why"]) == ("failed", "gave_up")
    assert len(world.inbox.got) == 1


def test_suspended_connector_gets_its_answers_when_it_is_reinstated(world: World) -> None:
    number = world.opened()
    world.reply(number)
    [job] = world.jobs(number)
    world.api("connector-suspension", "wei", id="social")
    assert not world.deliver(job)
    assert world.inbox.got == []
    world.api("connector-reinstatement", "wei", id="social")
    assert world.deliver(job, tried=2)
    assert world.states(number) == ["sent"]


def test_connector_that_takes_no_answers_any_more_fails_them(world: World) -> None:
    number = world.opened()
    world.reply(number)
    body = {"revision": 1, "name": "Social inbox", "scopes": ["messages:write"], "team": None}
    changed = world.api(
        "connector-change", "wei", id="social", body=body | {"reason": "it was replaced"}
    )
    assert changed.body["answers_url"] is None
    assert world.deliver(world.jobs(number)[0])
    assert world.reports(number)[0]["why"] == "no_way_out"


def test_answers_are_signed_with_all_valid_keys_so_the_other_side_can_change_its_own(
    world: World,
) -> None:
    number = world.opened()
    world.reply(number)
    body = {"revision": 1, "old_ends_at": None, "reason": "once a year"}
    rotated = world.api("connector-rotation", "wei", id="social", body=body)
    assert rotated.status == 201
    assert world.deliver(world.jobs(number)[0]), "the inbox still has the old key"
    world.inbox.secret = rotated.body["answers_secret"]
    world.reply(number, "And the invoice, please.")
    assert world.deliver(world.jobs(number)[1]), "now it has the new one"


# ---------------------------------------------------------------------- the window


def test_agent_sees_the_end_of_the_window_and_a_later_reply_is_refused(
    api: Api,
    stores: Stores,
    clock: Clock,
    load_function: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = build(api, stores, clock, load_function, monkeypatch, answer_hours=48)
    number = world.opened(sent_at=None)
    file = world.api("ticket", "mei", number=number).body
    until = clock.now() + timedelta(hours=48)
    assert file["answers"]["until"] == until.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    clock.advance(hours=48)
    assert world.api("ticket", "lin", number=number).body["answers"] == {
        "by": None,
        "why": "window_ended",
        "connector": "social",
        "until": file["answers"]["until"],
    }
    refused = world.reply(number)
    assert refused.status == 409
    assert refused.body["type"].endswith("not-allowed-now")
    assert file["answers"]["until"] in refused.body["detail"]
    assert world.jobs(number) == []
    again = world.machine.message(channel="social", customer=NAME_ONLY, message="m-2", sent_at=None)
    assert again.status == 200, again.body
    assert world.reply(number).status == 200


def test_answer_that_waited_beyond_the_window_is_not_sent(
    api: Api,
    stores: Stores,
    clock: Clock,
    load_function: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = build(api, stores, clock, load_function, monkeypatch, answer_hours=2)
    number = world.opened(sent_at=None)
    world.reply(number)
    clock.advance(hours=2)
    assert world.deliver(world.jobs(number)[0])
    assert world.inbox.got == []
    assert world.reports(number)[0]["why"] == "window_ended"


# ---------------------------------------------------------------------- without a way out


def test_agent_is_told_that_a_reply_reaches_nobody_if_the_connector_takes_none(
    api: Api, clock: Clock, stores: Stores
) -> None:
    machine = Machine(api, clock, make(api, "crm"))
    found = machine.message(kind="complaint", customer=BY_PHONE)
    number = found.body["number"]
    version = stores.tickets.get(number).version
    body = {"agent": "a-mei", "reason": "-", "version": version}
    api("assignment", "lin", number=number, body=body)
    version = stores.tickets.get(number).version
    body = {"text": "An answer", "wait_for_customer": False, "version": version}
    shown = api("reply", "mei", number=number, body=body)
    assert shown.status == 200, shown.body
    assert shown.body["answers"] == {
        "by": None,
        "why": "no_address",
        "connector": None,
        "until": None,
    }
    replied = stores.tickets.history(number)[-1]
    assert replied.type is EventType.REPLIED
    assert "to" not in replied.data


def test_customer_who_has_only_an_account_there_can_be_handed_over_if_answers_are_taken(
    world: World, clock: Clock
) -> None:
    without = Machine(world.api, clock, make(world.api, "crm"))
    refused = without.message(customer=NAME_ONLY)
    assert (refused.status, refused.codes) == (422, {"/customer/email": "email_or_phone"})
    assert world.machine.message(customer=NAME_ONLY).status == 201


# ---------------------------------------------------------------------- what managers decide


@pytest.mark.parametrize(
    ("fields", "codes"),
    [
        ({"answers_url": "http://inbox.example.com"}, {"/answers_url": "url_expected"}),
        ({"answers_url": "https://10.0.0.1/"}, {"/answers_url": "url_expected"}),
        ({"answer_hours": 48}, {"/answer_hours": "without_url"}),
        ({"answers_url": URL, "answer_hours": 0}, {"/answer_hours": "out_of_range"}),
        (
            {"answers_url": "inbox", "team": "nobody"},
            {"/answers_url": "url_expected", "/team": "unknown_team"},
        ),
    ],
)
def test_faults_of_the_way_of_answers_are_named(
    api: Api, fields: dict[str, Any], codes: dict[str, str]
) -> None:
    body = {"id": "erp", "name": "ERP", "scopes": ["messages:write"], "team": None, "reason": "-"}
    found = api("connector-make", "wei", body=body | fields)
    assert (found.status, found.codes) == (422, codes)


def test_change_of_the_way_of_answers_is_on_the_trail(world: World) -> None:
    body = {"revision": 1, "name": "Social inbox", "scopes": ["messages:write"], "team": None}
    more = {"answers_url": URL, "answer_hours": 24, "reason": "a day is enough"}
    changed = world.api("connector-change", "wei", id="social", body=body | more).body
    assert (changed["answers_url"], changed["answer_hours"]) == (URL, 24)
    what = changed["changes"][0]["what"]
    assert {"field": "answer_hours", "old": None, "new": 24} in what


# ---------------------------------------------------------------------- WeChat


def test_wechat_customer_is_answered_in_wechat_for_48_hours_and_then_not_at_all(
    api: Api,
    stores: Stores,
    clock: Clock,
    load_function: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The adapter of docs/adapters, from the customer's message to WeChat's interface and back."""
    world = build(api, stores, clock, load_function, monkeypatch, answer_hours=48)
    machine, sent = world.machine, list[dict[str, Any]]()

    def call(url: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        if "/connectors/" in url:
            assert body is not None
            event = altered(read_sample("staff-machine-message"), path={"id": machine.id})
            event["body"] = body.decode()
            event["headers"] |= {name.lower(): value for name, value in headers.items()}
            found = api.send(event)
            return found.status, json.dumps(found.body).encode()
        if "/cgi-bin/token" in url:
            return 200, b'{"access_token": "t", "expires_in": 7200}'
        sent.append(json.loads(body or b""))
        return 200, b'{"errcode": 0}'

    module = wechat.load()
    now = SimpleNamespace(time=lambda: clock.now().timestamp())
    monkeypatch.setattr(module, "time", now)
    secrets = {"WEBHOOK_SECRET": machine.secret, "ANSWERS_SECRET": world.inbox.secret}
    settings = wechat.SETTINGS | secrets | {"CONNECTOR": machine.id, "STORE": ":memory:"}
    adapter = module.Adapter(settings, call)

    def post(_: Any, url: str, headers: dict[str, str], body: bytes) -> Reply:
        lower = {name.lower(): value for name, value in headers.items()}
        status, said = adapter.from_redress(lower, body)
        return Reply(status, said.encode())

    monkeypatch.setattr(Sender, "post", post)
    mailer_wiring.answering.cache_clear()

    wrote = wechat.TEXT.replace("1795395600", str(int(clock.now().timestamp())))
    proof = wechat.proof(clock.now())
    assert adapter.from_wechat(proof, wrote.encode()) == (200, "success")
    assert adapter.hand_over() == 0
    assert adapter.acknowledge() == 0
    [number] = {
        item["pk"]["S"].removeprefix("TICKET#")
        for item in aws("dynamodb").scan(TableName="redress-test")["Items"]
        if item["sk"]["S"] == "TICKET"
    }
    version = stores.tickets.get(number).version
    told = sent.pop()
    assert told["touser"] == "oOpenId000042"
    assert f"编号 {number}。" in told["text"]["content"]
    assert f"/t/{number}." in told["text"]["content"], "the page of the ticket"
    body = {"agent": "a-mei", "reason": "-", "version": version}
    assert api("assignment", "wei", number=number, body=body).status == 200
    assert world.reply(number, "请发照片。").status == 200
    assert world.deliver(world.jobs(number)[0])
    assert sent == [
        {"touser": "oOpenId000042", "msgtype": "text", "text": {"content": "请发照片。"}}
    ]
    assert world.states(number) == ["sent"]
    clock.advance(hours=48)
    refused = world.reply(number, "照片收到了吗？")
    assert (refused.status, len(sent)) == (409, 1)


# ---------------------------------------------------------------------- short messages


SMS = "+8613800138000"
LEFT_NUMBER = {"name": "Li Na", "phone": "138 0013 8000"}


@pytest.fixture
def gateway(
    api: Api,
    stores: Stores,
    clock: Clock,
    load_function: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    """The connector is a gateway for SMS that the plan names."""
    document = plan_document() | {"version": 2, "sms": {"connector": "social"}}
    stores.plan_store.publish(document, 2, 1)
    stores.plans.refresh()
    wired_stores.plans().refresh()
    return build(api, stores, clock, load_function, monkeypatch)


def from_number(world: World, message: str, text: str) -> Answered:
    """Somebody writes an SMS from the number."""
    return world.machine.message(
        channel="social", conversation=SMS, message=message, text=text, customer=LEFT_NUMBER
    )


def shown_to_customer(number: str) -> list[str]:
    """The texts on the status page."""
    view = customer_wiring.customer_cases().status(customer_wiring.links().status_token(number))
    return [line.text for line in view.timeline if line.text is not None]


def test_who_left_only_a_phone_number_is_answered_by_sms_and_can_write_back(
    gateway: World, open_ticket: Opener
) -> None:
    """A customer of the web form without an address."""
    world = gateway
    number = open_ticket(agent="a-mei", contact=LEFT_NUMBER).number
    shown = world.reply(number)
    assert (shown.status, shown.body["answers"]["by"]) == (200, "connector")
    assert world.jobs(number, "customer") == []
    assert world.deliver(world.jobs(number)[0])
    assert world.inbox.got[0]["conversation"] == "+8613800138000"
    assert world.states(number) == ["sent"]
    back = from_number(world, "s-1", "Here it is.")
    assert (back.status, back.body["number"]) == (200, number)
    assert world.reply(number, "Thank you.").status == 200
    assert world.deliver(world.jobs(number)[1])
    assert world.inbox.got[1]["conversation"] == "+8613800138000"


def test_checklist_goes_to_no_phone_number_by_itself(gateway: World, open_ticket: Opener) -> None:
    """Anybody can open a ticket with a stranger's number."""
    ticket = open_ticket("service_request", contact=LEFT_NUMBER, category="payment/invoice")
    assert ticket.checklist is not None
    assert not ticket.checklist.told
    assert [gateway.jobs(ticket.number, whom) for whom in (CONNECTOR, "customer")] == [[], []]


def test_what_comes_back_from_a_number_that_nobody_has_proven_is_not_on_the_status_page(
    gateway: World, open_ticket: Opener
) -> None:
    """Whoever opened the ticket has its link, and may have left the number of a stranger."""
    number = open_ticket(agent="a-mei", contact=LEFT_NUMBER).number
    gateway.reply(number)
    for count, text in enumerate(("My address is 5 Long Street.", "And I am away on Monday.")):
        assert from_number(gateway, f"s-{count}", text).body["number"] == number
        assert gateway.reply(number, "Thank you.").status == 200
    written = [
        event.data["text"]
        for event in gateway.stores.tickets.history(number)
        if event.type is EventType.CUSTOMER_WROTE
    ]
    assert written == ["My address is 5 Long Street.", "And I am away on Monday."]
    assert shown_to_customer(number)[-3:] == ["Please send a photo.", "Thank you.", "Thank you."]


def test_what_comes_from_the_number_that_opened_the_ticket_is_on_the_status_page(
    gateway: World,
) -> None:
    number = gateway.opened(conversation=SMS, customer=LEFT_NUMBER)
    gateway.reply(number)
    assert from_number(gateway, "s-1", "Here it is.").body["number"] == number
    assert shown_to_customer(number)[-1] == "Here it is."


def test_ticket_of_somebody_else_does_not_take_over_the_conversation_of_a_number(
    gateway: World, open_ticket: Opener
) -> None:
    own = gateway.opened(conversation=SMS, customer=LEFT_NUMBER)
    other = open_ticket(agent="a-mei", contact=LEFT_NUMBER).number
    assert gateway.reply(other).body["answers"]["by"] == "connector"
    assert from_number(gateway, "s-1", "Who are you?").body["number"] == own
    assert "Who are you?" not in shown_to_customer(other)


def test_answer_by_sms_belongs_to_the_ticket_about_which_staff_wrote_last(
    gateway: World, open_ticket: Opener
) -> None:
    """Both tickets are of one customer, as staff have found."""
    first = gateway.opened(conversation=SMS, customer=LEFT_NUMBER)
    second = open_ticket(agent="a-mei", contact=LEFT_NUMBER).number
    for number in (first, second):
        gateway.stores.changes.change(
            number, lambda t, p, at: match(t, p, "9f86d081884c7d659a2feaa0", "staff", at)
        )
    gateway.reply(second)
    assert from_number(gateway, "s-1", "It is blue.").body["number"] == second
    gateway.reply(first)
    assert from_number(gateway, "s-2", "It is red.").body["number"] == first
    assert shown_to_customer(first)[-1] == "It is red."
    gateway.reply(second)
    assert from_number(gateway, "s-3", "It is green.").body["number"] == second
    assert "It is green." not in shown_to_customer(second)
