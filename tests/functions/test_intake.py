"""The intake function, called with `events/intake-submit.json` and faulty variants of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from redress.tickets.rules.steps import by_customer
from redress.wiring import intake as intake_wiring
from redress.wiring import staff as staff_wiring
from tests.builders import Clock, plan_document
from tests.functions.conftest import BASE_ADDRESS, MEMBERS, altered
from tests.wired import TABLE, rewire
from tests.world import Context, Stores, aws, load, logged_by

pytestmark = pytest.mark.usefixtures("table")

Sample = Callable[[str], dict[str, Any]]
Send = Callable[..., tuple[int, dict[str, Any], dict[str, str]]]


@pytest.fixture
def send(sample: Sample) -> Send:
    """Calls intake with the sample event, with a changed body or key if a test gives one.

    The result is the status, the parsed body and the headers of the answer.
    """

    def replay(
        body: Any = None, key: str | None = None, raw: str | None = None, media: str | None = None
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        event = sample("intake-submit")
        if body is not None:
            raw = json.dumps(json.loads(event["body"]) | body)
        given = {"Idempotency-Key": key, "Content-Type": media}
        headers = {name: value for name, value in given.items() if value is not None}
        event = altered(event, body=raw, headers=headers)
        answer = load("intake").handler(event, Context())
        return answer["statusCode"], json.loads(answer["body"]), answer["headers"]

    return replay


def items() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = aws("dynamodb").scan(TableName=TABLE)["Items"]
    return found


def test_submission_is_answered_with_number_link_and_promised_times(
    send: Send, stores: Stores, clock: Clock
) -> None:
    status, receipt, headers = send()

    assert status == 201
    assert receipt["status_url"] == f"{BASE_ADDRESS}/t/{receipt['token']}"
    assert headers["Location"] == receipt["status_url"]
    assert {promise["clock"] for promise in receipt["promises"]} == {
        "reaction",
        "first_response",
        "resolution",
    }
    assert receipt["acknowledged"] is False
    ticket = stores.tickets.get(receipt["number"])
    assert (ticket.kind, ticket.channel, ticket.created_at) == ("complaint", "api", clock.now())
    assert {item["sk"]["S"] for item in items()} == {"KEY", "TICKET", "TIMER", "EVENT#000001"}


def test_repeated_submission_gets_the_same_answer_and_writes_nothing(send: Send) -> None:
    first = send()
    written = items()

    assert send()[:2] == first[:2]
    assert items() == written


def test_submission_repeated_days_later_under_another_plan_gets_the_same_answer(
    send: Send, stores: Stores, clock: Clock
) -> None:
    """A receipt states the promises of the submission. The status page shows the present state."""
    first = send()
    ticket = stores.tickets.get(first[1]["number"])
    withdrawn = by_customer.withdraw(ticket, stores.plans.get(1), "", clock.now())
    stores.tickets.commit(withdrawn, clock.now())
    clock.advance(days=3)
    document = plan_document() | {"version": 2}
    document["levels"]["complaint"]["promises"]["resolution"]["within"] = "120h"
    staff_wiring.plan_cases().publish(MEMBERS["wei"], document)
    rewire()

    assert send()[:2] == first[:2]
    assert send(key="another key")[1]["promises"] != first[1]["promises"]


def test_submission_repeated_after_its_category_left_the_plan_gets_the_same_answer(
    send: Send, clock: Clock
) -> None:
    asked = {"category": "product/defect", "order": "SO-2026/118"}
    first = send(asked)
    assert first[0] == 201
    document = plan_document() | {"version": 2, "categories": []}
    document |= {"classification": {}, "conflict": {}, "checklists": {}}  # they name categories
    staff_wiring.plan_cases().publish(MEMBERS["wei"], document)
    clock.advance(minutes=1)
    rewire()

    assert send(asked)[:2] == first[:2]
    assert send(asked | {"subject": "Another matter"})[0] == 409
    status, problem, _ = send(asked, key="another key")
    assert (status, [one["pointer"] for one in problem["errors"]]) == (422, ["/category"])


def test_ticket_has_the_category_and_the_order_number_of_its_submission(
    send: Send, stores: Stores
) -> None:
    _, receipt, _ = send({"category": "delivery", "order": " SO-2026/118"})
    ticket = stores.tickets.get(receipt["number"])
    assert (ticket.category, ticket.order) == ("delivery", "SO-2026/118")
    assert stores.lists.of_order("so2026118", 5).numbers == [receipt["number"]]


def test_fields_of_a_submission_are_kept_whether_the_plan_has_them_or_not(
    send: Send, stores: Stores
) -> None:
    status, receipt, _ = send({"fields": {"bought_on": "2026-11-01", "colour": "red"}})
    assert status == 201
    kept = stores.tickets.get(receipt["number"]).fields
    assert kept == (("bought_on", "2026-11-01"), ("colour", "red"))


def test_unknown_category_is_refused_with_the_known_ones(send: Send) -> None:
    status, problem, _ = send({"category": "toys", "order": "x" * 65})
    assert status == 422
    found = {one["pointer"]: one for one in problem["errors"]}
    assert {where: one["code"] for where, one in found.items()} == {
        "/category": "unknown_category",
        "/order": "too_long",
    }
    assert "product[/defect|" in found["/category"]["detail"]


def test_submission_with_fields_in_another_order_is_a_repeat(send: Send, sample: Sample) -> None:
    number = send()[1]["number"]
    body = json.loads(sample("intake-submit")["body"])

    status, receipt, _ = send(raw=json.dumps(dict(reversed(body.items()))))
    assert (status, receipt["number"]) == (201, number)


def test_used_key_with_another_body_is_refused(send: Send) -> None:
    send()

    status, problem, _ = send({"subject": "Another matter"})
    assert (status, problem["type"]) == (409, "urn:redress:problem:key-reused")


def test_body_in_base64_is_decoded(send: Send, sample: Sample) -> None:
    event = sample("intake-submit")
    event["body"] = base64.b64encode(event["body"].encode()).decode()
    event["isBase64Encoded"] = True

    assert load("intake").handler(event, Context())["statusCode"] == 201


@pytest.mark.parametrize(
    ("raw", "media", "status"),
    [
        ("{", None, 400),
        ("", None, 400),
        ("[" * 50_000, None, 400),
        ('"words"', None, 422),
        (json.dumps({"subject": "x" * 400_000}), None, 413),
        ("{}", "text/plain", 415),
    ],
)
def test_malformed_request_is_refused_with_the_matching_status(
    send: Send, raw: str, media: str | None, status: int
) -> None:
    assert send(raw=raw, media=media)[0] == status
    assert items() == []


def test_all_wrong_fields_are_reported_in_one_answer(send: Send) -> None:
    status, problem, headers = send(
        raw=json.dumps(
            {"kind": "praise", "subject": 7, "contact": {"email": "nowhere"}, "language": "fr"}
        ),
        key="",
    )

    assert status == 422
    assert headers["Content-Type"] == "application/problem+json"
    assert {fault["pointer"] for fault in problem["errors"]} == {
        "#Idempotency-Key",
        "/kind",
        "/subject",
        "/description",
        "/contact/name",
        "/contact/email",
        "/language",
        "/consent",
    }
    assert items() == []


def test_customer_with_only_a_phone_number_is_acknowledged_by_the_answer(
    send: Send, stores: Stores
) -> None:
    _, receipt, _ = send({"contact": {"name": "孙丽", "phone": "+86 755 2345 6789"}})

    assert receipt["acknowledged"] is True
    assert stores.tickets.get(receipt["number"]).acknowledged_at is not None


@pytest.mark.usefixtures("at_once")
def test_store_failure_is_answered_with_503_and_writes_nothing(
    send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    client: Any = intake_wiring.intake()._store._client

    def down(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://dynamodb.us-east-1.amazonaws.com")

    with monkeypatch.context() as broken:
        broken.setattr(client, "transact_write_items", down)
        status, problem, headers = send()
    assert status == 503
    assert int(headers["Retry-After"]) >= 1
    assert "dynamodb" not in json.dumps(problem)
    assert items() == []
    assert send()[0] == 201, "the same key can be used when the store works again"


def test_logs_contain_the_ticket_number_and_no_personal_data(send: Send) -> None:
    with logged_by(load("intake")) as written:
        _, receipt, _ = send()

    logged = written.getvalue()
    assert receipt["number"] in logged
    for secret in ("wang@", "王小明", "杯子", receipt["token"].partition(".")[2]):
        assert secret not in logged


def test_warm_up_event_is_answered_at_once(send: Send) -> None:
    assert load("intake").handler({"warm": True}, Context()) == {"warm": True}
