"""Finding tickets: exactly, and by words through the indexer's segments."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError

from redress.base.observe import Alarm
from redress.db import keys
from redress.search import messages
from redress.search.cases import indexing, searching
from redress.search.messages import IndexMonth, IndexTicket, SearchMessage
from redress.search.rules.manifest import FAN, LATE
from redress.search.store.bucket import LostRace, SearchBucket
from redress.tickets.rules.steps import by_customer, by_staff
from redress.tickets.rules.ticket import Ticket
from redress.wiring import stores
from tests.builders import MEI, Clock
from tests.functions.staff.api import Api, Reply
from tests.wired import set_environment
from tests.world import Act, Context, Opener, aws

BUCKET = "redress-search"


@dataclass
class Index:
    """The bucket, the queue and the indexer, with a caller of the search."""

    api: Api
    module: ModuleType
    context: Context
    clock: Clock
    queue_url: str

    def messages(self, *given: SearchMessage, attempt: int = 1) -> dict[str, Any]:
        """Call the indexer with messages that are sent now."""
        sent = round(self.clock.now().timestamp() * 1000)
        records = [
            {
                "messageId": str(at),
                "body": messages.encode(message),
                "attributes": {"ApproximateReceiveCount": str(attempt), "SentTimestamp": str(sent)},
            }
            for at, message in enumerate(given)
        ]
        answer: dict[str, Any] = self.module.handler({"Records": records}, self.context)
        return answer

    def tickets(self, *tickets: Ticket) -> None:
        """Index tickets as they are in the table, as one batch."""
        answer = self.messages(*(IndexTicket(one.number) for one in tickets))
        assert answer == {"batchItemFailures": []}

    def upkeep(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.module.handler({"task": "upkeep"}, self.context)
        return answer

    def search(self, text: str, by: str = "mei", **query: str) -> Reply:
        return self.api("search", by, query={"q": text} | query)

    def found(self, text: str, by: str = "mei", **query: str) -> list[str]:
        reply = self.search(text, by, **query)
        assert reply.status == 200, reply.body
        return [item["number"] for item in reply.body["items"]]

    def objects(self) -> list[str]:
        listed = aws("s3").list_objects_v2(Bucket=BUCKET, Prefix="segments/")
        return [one["Key"] for one in listed.get("Contents", [])]


@pytest.fixture
def index(
    api: Api,
    load_function: Callable[[str], ModuleType],
    context: Context,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> Index:
    aws("s3").create_bucket(Bucket=BUCKET)
    queue_url = aws("sqs").create_queue(QueueName="redress-search")["QueueUrl"]
    set_environment(monkeypatch, SEARCH_BUCKET=BUCKET, SEARCH_QUEUE_URL=queue_url)
    # Every search asks for the manifest again.
    monkeypatch.setattr(searching, "FRESH_S", -1.0)
    return Index(api, load_function("indexer"), context, clock, queue_url)


@pytest.fixture
def complaint(open_ticket: Opener) -> Callable[..., Ticket]:
    """Opens a complaint with this description."""

    def opened(description: str, subject: str = "投诉", **fields: Any) -> Ticket:
        return open_ticket("complaint", subject=subject, description=description, **fields)

    return opened


# ------------------------------------------------------------------ words


def test_two_character_word_is_found_in_both_scripts(
    index: Index, complaint: Callable[..., Ticket]
) -> None:
    """Story 29: the cleaning of queries elsewhere deleted all Chinese."""
    simplified = complaint("我要申请退款")
    index.clock.advance(minutes=1)
    traditional = complaint("我要申請退款", language="zh-TW")
    index.clock.advance(minutes=1)
    complaint("款項已經收到")
    index.tickets(simplified, traditional)
    for word in ("退款", "申请", "申請", "退"):
        assert index.found(word) == [traditional.number, simplified.number], word


def test_words_of_subject_messages_notes_and_contact_are_found(
    index: Index, complaint: Callable[..., Ticket], act: Act
) -> None:
    ticket = complaint("水壶坏了", subject="Kettle", agent="a-mei")
    act(ticket, by_staff.note, MEI, "客户是老顾客")
    act(ticket, by_customer.write, "还是漏水，序列号 KX-42")
    index.tickets(ticket)
    for text in ("kettle", "水壶", "老顾客", "漏水", "KX-42", "li na", "Kettle 漏水", "kett"):
        assert index.found(text) == [ticket.number], text
    assert index.found("kettle 退款") == []


def test_late_repeated_and_reordered_messages_do_no_harm(
    index: Index, complaint: Callable[..., Ticket], act: Act
) -> None:
    ticket = complaint("水壶坏了", agent="a-mei")
    index.tickets(ticket, ticket)
    act(ticket, by_staff.note, MEI, "要求退款")
    for _ in range(FAN):
        index.tickets(ticket)
    index.upkeep()
    assert index.found("退款") == [ticket.number]
    assert index.found("水壶") == [ticket.number]


def test_pages_have_no_gaps_or_duplicates_while_the_index_grows(
    index: Index, complaint: Callable[..., Ticket]
) -> None:
    tickets = []
    for _ in range(9):
        tickets.append(complaint("我要退款"))
        index.clock.advance(seconds=1)
        index.tickets(tickets[-1])
    seen: list[str] = []
    query: dict[str, str] = {"limit": "4"}
    for _ in range(3):
        page = index.search("退款", **query)
        seen += [item["number"] for item in page.body["items"]]
        query["cursor"] = page.body["next"]
        index.tickets(complaint("我要退款"), tickets[3])
        index.upkeep()
    assert page.body["next"] is None
    assert seen == [one.number for one in reversed(tickets)]


# ------------------------------------------------------------------ rights


def test_search_shows_only_tickets_that_the_member_may_see(
    index: Index, complaint: Callable[..., Ticket], open_ticket: Opener
) -> None:
    """Stories 8 and 46: lists, counts and searches elsewhere showed tickets of others."""
    ours = complaint("我要退款")
    theirs = open_ticket("service_request", subject="退款", description="请帮我退款")
    assert theirs.team == "service"
    index.tickets(ours, theirs)
    assert index.found("退款", by="mei") == [ours.number]
    assert index.found("退款", by="tao") == [theirs.number]
    assert set(index.found("退款", by="wei")) == {ours.number, theirs.number}
    for text in (ours.number, "li.na@example.com"):
        assert index.found(text, by="tao") in ([], [theirs.number]), text


def test_page_reads_on_until_it_is_full_although_most_are_hidden(
    index: Index, complaint: Callable[..., Ticket], open_ticket: Opener
) -> None:
    ours = [complaint("我要退款") for _ in range(3)]
    index.clock.advance(minutes=1)
    hidden = [open_ticket("service_request", description="退款") for _ in range(40)]
    index.tickets(*ours, *hidden)
    reply = index.search("退款", limit="3")
    assert {item["number"] for item in reply.body["items"]} == {one.number for one in ours}
    assert reply.body["next"] is None


def test_full_page_has_no_next_if_only_hidden_tickets_follow(
    index: Index, complaint: Callable[..., Ticket], open_ticket: Opener
) -> None:
    """Otherwise an empty last page would say that somebody else has such tickets."""
    hidden = [open_ticket("service_request", description="退款") for _ in range(2)]
    index.clock.advance(minutes=1)
    ours = [complaint("我要退款") for _ in range(2)]
    index.tickets(*ours, *hidden)
    assert index.search("退款", limit="2").body["next"] is None
    assert index.search("退款", limit="1").body["next"] is not None


def test_page_without_a_visible_ticket_still_leads_to_the_next(
    index: Index,
    complaint: Callable[..., Ticket],
    open_ticket: Opener,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(searching, "MOST_CANDIDATES", 5)
    ours = complaint("我要退款")
    index.clock.advance(minutes=1)
    index.tickets(ours, *(open_ticket("service_request", description="退款") for _ in range(7)))
    first = index.search("退款")
    assert first.body["items"] == []
    assert index.found("退款", cursor=first.body["next"]) == [ours.number]


# ------------------------------------------------------------------ exact


def test_number_and_order_are_found_at_once_without_an_index(
    api: Api, complaint: Callable[..., Ticket]
) -> None:
    ticket = complaint("水壶坏了", order="SO-2026/118")
    complaint("另一件", order="SO-2026/119")
    for text, by in (
        (ticket.number, "number"),
        (ticket.number.lower().replace("0", "o"), "number"),
        ("so 2026118", "order"),
    ):
        reply = api("search", "mei", query={"q": text})
        assert [item["number"] for item in reply.body["items"]] == [ticket.number], text
        assert (reply.body["by"], reply.body["next"]) == (by, None)


def test_tickets_of_a_customer_are_found_by_address_and_by_number_however_it_is_written(
    api: Api,
    complaint: Callable[..., Ticket],
    load_function: Callable[[str], ModuleType],
    context: Context,
) -> None:
    contact = {"name": "Li Na", "email": "li.na@example.com", "phone": "+86 10 5555 0100"}
    first = complaint("水壶坏了", contact=contact)
    complaint("另一件", contact={"name": "Wang Wei", "email": "wang.wei@example.com"})
    load_function("assigner").handler({"ticket": first.number}, context)
    for text in ("Li.Na@Example.com", "+86 10 5555 0100", "010-5555/0100", "(010) 55550100"):
        reply = api("search", "mei", query={"q": text})
        assert [item["number"] for item in reply.body["items"]] == [first.number], text
        assert reply.body["by"] == "contact"
    assert api("search", "tao", query={"q": "li.na@example.com"}).body["items"] == []


def test_sample_of_a_search_is_answered(api: Api, sample: Callable[[str], dict[str, Any]]) -> None:
    assert api.send(sample("staff-search")).status == 200


def test_stack_without_search_says_so_and_finds_no_words(
    api: Api, complaint: Callable[..., Ticket]
) -> None:
    complaint("我要退款")
    reply = api("search", "mei", query={"q": "退款"})
    assert reply.status == 200
    assert (reply.body["items"], reply.body["by"]) == ([], "words")
    assert reply.body["index"]["state"] == "off"
    assert "no index of words" in reply.body["index"]["detail"]


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ({}, {"/q": "no_words"}),
        ({"q": "，。"}, {"/q": "no_words"}),
        ({"q": "退" * 201}, {"/q": "too_long"}),
        ({"q": "退\u0000款"}, {"/q": "control_characters"}),
        (
            {"q": "", "limit": "0", "cursor": "bm8="},
            {"/q": "no_words", "/limit": "out_of_range", "/cursor": "unknown_cursor"},
        ),
    ],
)
def test_wrong_query_is_refused_with_every_fault(
    api: Api, query: dict[str, str], codes: dict[str, str]
) -> None:
    reply = api("search", "mei", query=query)
    assert (reply.status, reply.codes) == (422, codes)


# ------------------------------------------------------------------ the state of the index


def test_answer_says_until_when_the_index_is_complete(
    index: Index, complaint: Callable[..., Ticket]
) -> None:
    index.tickets(complaint("退款"))
    state = index.search("退款").body["index"]
    assert (state["state"], state["indexed_until"]) == ("complete", "2026-11-23T01:00:00.000Z")
    index.clock.advance(seconds=LATE.total_seconds() + 1)
    assert index.search("退款").body["index"]["state"] == "late"
    index.upkeep()
    assert index.search("退款").body["index"]["state"] == "complete", "nothing waits in the queue"


def test_upkeep_does_not_call_the_index_complete_while_messages_wait(
    index: Index, complaint: Callable[..., Ticket]
) -> None:
    index.tickets(complaint("退款"))
    aws("sqs").send_message(QueueUrl=index.queue_url, MessageBody="{}")
    index.clock.advance(seconds=LATE.total_seconds() + 1)
    index.upkeep()
    assert index.search("退款").body["index"]["state"] == "late"


def test_index_that_was_never_made_is_late(index: Index) -> None:
    state = index.search("退款").body["index"]
    assert (state["state"], state["indexed_until"]) == ("late", None)


def test_lists_and_exact_search_work_while_the_bucket_is_gone(
    index: Index, complaint: Callable[..., Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = complaint("退款", agent="a-mei")
    set_environment(monkeypatch, SEARCH_BUCKET="redress-gone")
    reply = index.search("退款")
    assert (reply.status, reply.body["items"]) == (200, [])
    assert reply.body["index"] == {
        "state": "unavailable",
        "indexed_until": None,
        "detail": "The index cannot be read. Numbers, addresses and lists still work.",
    }
    assert index.found(ticket.number) == [ticket.number]
    assert index.api("work", "mei", query={}).body["items"][0]["number"] == ticket.number


@pytest.mark.parametrize("fault", ["gone", "damaged"])
def test_segment_that_cannot_be_used_is_left_out_and_reported(
    index: Index,
    complaint: Callable[..., Ticket],
    reported: Callable[[], list[dict[str, Any]]],
    fault: str,
) -> None:
    lost = complaint("退款")
    index.tickets(lost)
    [name] = index.objects()
    kept = complaint("退款")
    index.tickets(kept)
    if fault == "gone":
        aws("s3").delete_object(Bucket=BUCKET, Key=name)
    else:
        aws("s3").put_object(Bucket=BUCKET, Key=name, Body=b"damaged")
    reply = index.search("退款")
    assert [item["number"] for item in reply.body["items"]] == [kept.number]
    assert reply.body["index"]["state"] == "incomplete"
    [line] = reported()
    assert (line["alarm"], line["segment"]) == (Alarm.UNREADABLE, name.removeprefix("segments/"))
    for _ in range(FAN - 2):
        index.tickets(kept)
    index.upkeep()
    assert index.search("退款").body["index"]["state"] == "incomplete", "also after its merge"


@pytest.fixture
def reported(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """The reports to operations so far."""

    def read() -> list[dict[str, Any]]:
        lines = [json.loads(one) for one in capsys.readouterr().out.splitlines() if "alarm" in one]
        return [one for one in lines if "alarm" in one]

    return read


# ------------------------------------------------------------------ writing the index


def test_two_writers_of_the_manifest_both_succeed(
    index: Index, complaint: Callable[..., Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = complaint("退款"), complaint("退款")
    replace = SearchBucket.replace
    lost: list[LostRace] = []

    def raced(self: SearchBucket, *given: Any) -> None:
        if not lost:
            lost.append(LostRace())
            index.tickets(second)  # another indexer writes after this one has read
        replace(self, *given)

    monkeypatch.setattr(SearchBucket, "replace", raced)
    index.tickets(first)
    assert lost
    assert set(index.found("退款")) == {first.number, second.number}


def test_batch_is_delivered_again_if_the_index_cannot_be_written(
    index: Index, complaint: Callable[..., Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = complaint("退款")

    def always_raced(*_: Any) -> None:
        raise LostRace

    monkeypatch.setattr(SearchBucket, "replace", always_raced)
    with pytest.raises(Exception, match="Contended"):
        index.messages(IndexTicket(ticket.number))


def test_only_the_message_whose_ticket_cannot_be_read_now_is_delivered_again(
    index: Index,
    complaint: Callable[..., Ticket],
    monkeypatch: pytest.MonkeyPatch,
    reported: Callable[[], list[dict[str, Any]]],
) -> None:
    good, bad = complaint("退款"), complaint("退款")
    store = stores.tickets()
    read = store.file

    def file(number: str, **options: Any) -> Any:
        if number == bad.number:
            raise ClientError({"Error": {"Code": "Throttled", "Message": ""}}, "Query")
        return read(number, **options)

    monkeypatch.setattr(store, "file", file)
    asked = [IndexTicket(good.number), IndexTicket(bad.number), IndexTicket("R-00000-00000")]
    assert index.messages(*asked) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert reported() == []
    assert index.found("退款") == [good.number]
    index.messages(*asked, attempt=5)
    assert [one["alarm"] for one in reported()] == [Alarm.DEAD_LETTERS]


def test_message_of_no_known_kind_is_set_aside_and_the_others_are_indexed(
    index: Index, complaint: Callable[..., Ticket], sample: Callable[[str], dict[str, Any]]
) -> None:
    ticket = complaint("退款")
    event = sample("indexer-texts")
    [record] = event["Records"]
    good = record | {"messageId": "good", "body": messages.encode(IndexTicket(ticket.number))}
    bad = record | {"messageId": "bad", "body": '{"number": "7"}'}
    answer = index.module.handler({"Records": [bad, good]}, index.context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert index.found("退款") == [ticket.number]


def test_merged_segments_are_removed_an_hour_later_with_those_of_killed_runs(
    index: Index, complaint: Callable[..., Ticket]
) -> None:
    tickets = [complaint("退款") for _ in range(FAN)]
    for ticket in tickets:
        index.tickets(ticket)
    orphan = aws("s3").put_object(Bucket=BUCKET, Key="segments/orphan", Body=b"of a killed merge")
    assert orphan["ETag"]
    assert index.upkeep() == {"merged": FAN, "removed": 0}
    assert len(index.objects()) == FAN + 2
    # The bucket has the time of the machine, which is later than the time of the tests.
    index.clock.advance(days=3650)
    for ticket in tickets:
        index.tickets(ticket)
    assert index.upkeep()["removed"] == FAN + 1
    assert "segments/orphan" not in index.objects()
    assert set(index.found("退款")) == {one.number for one in tickets}


def test_tickets_of_earlier_months_are_indexed_page_by_page(
    index: Index, complaint: Callable[..., Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "PAGE", 2)
    tickets = [complaint("退款") for _ in range(12)]
    index.clock.advance(days=40)
    tickets.append(complaint("退款"))
    asked: list[SearchMessage] = [IndexMonth("2026-11")]
    states = []
    while asked:
        assert index.messages(*asked) == {"batchItemFailures": []}
        states.append(index.search("退款").body["index"]["state"])
        asked = received(index.queue_url)
    assert set(states) == {"incomplete"}
    index.upkeep()
    assert index.search("退款").body["index"]["state"] == "complete", "nothing waits in the queue"
    assert set(index.found("退款")) == {one.number for one in tickets}
    assert len(states) > 2 * keys.SHARDS


def test_samples_of_the_indexer_are_processed(
    index: Index, sample: Callable[[str], dict[str, Any]]
) -> None:
    handler = index.module.handler
    assert handler(sample("indexer-texts"), index.context) == {"batchItemFailures": []}
    assert handler(sample("indexer-upkeep"), index.context) == {"merged": 0, "removed": 0}


def received(queue_url: str) -> list[SearchMessage]:
    """All messages of the queue, which are removed from it."""
    found: list[SearchMessage] = []
    while (
        batch := aws("sqs")
        .receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)
        .get("Messages")
    ):
        for one in batch:
            found.append(messages.decode(one["Body"]))
            aws("sqs").delete_message(QueueUrl=queue_url, ReceiptHandle=one["ReceiptHandle"])
    return found
