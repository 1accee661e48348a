"""The status page of a merged ticket leads its customer, and only them, to the other ticket."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from redress.db import keys
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.steps import by_customer
from redress.tickets.rules.steps.matching import match
from redress.tickets.rules.ticket import EventType, State, Ticket
from redress.wiring import customer as customer_wiring
from tests import rights
from tests.functions.conftest import altered
from tests.wired import TABLE
from tests.world import Act, Context, Opener, Stores, aws, load, merge, read_sample, unmerge

pytestmark = pytest.mark.usefixtures("table")

Site = Callable[..., dict[str, Any]]
type Two = tuple[Ticket, Ticket]


@pytest.fixture
def site() -> Site:
    """Calls the function with `events/customer-{name}.json` for a ticket, with its fields."""

    def call(name: str, ticket: Ticket, **given: Any) -> dict[str, Any]:
        token = customer_wiring.links().status_token(ticket.number)
        event = altered(
            read_sample(f"customer-{name}"),
            body=given.get("body"),
            headers={"Authorization": f"Bearer {token}"},
            path={"token": token, "number": ticket.number} | given.get("path", {}),
        )
        with rights.of("CustomerFunction"):
            found: dict[str, Any] = load("customer").handler(event, Context())
        return found

    return call


@pytest.fixture
def two(open_ticket: Opener, stores: Stores) -> Two:
    """A ticket that was merged into another one."""
    source, target = open_ticket(language="en"), open_ticket(language="en")
    merge(stores, source.number, target.number)
    return source, target


def status(site: Site, ticket: Ticket) -> Any:
    return json.loads(site("api-ticket", ticket)["body"])


def test_page_of_a_merged_ticket_leads_to_the_other_one(site: Site, two: Two) -> None:
    source, target = two
    token = customer_wiring.links().status_token(target.number)
    page = site("status", source)["body"]
    assert f"/t/{token}" in page
    assert f"Continue to request {target.number}" in page
    assert "<textarea" not in page
    assert "/another" not in page
    assert source.number in site("status", target)["body"]

    found = status(site, source)
    assert found["continued_in"] == {"number": target.number, "state": "new", "token": token}
    assert (found["closure"], found["can"]) == ("merged", [])
    assert status(site, target)["continued_in"] is None


def test_chinese_page_puts_no_space_between_two_sentences(
    site: Site, open_ticket: Opener, stores: Stores
) -> None:
    source, target = open_ticket(language="zh-CN"), open_ticket(language="zh-CN")
    merge(stores, source.number, target.number)
    assert "此事项已结案。它已与您的另一事项合并处理。" in site("status", source)["body"]


@pytest.mark.parametrize("damaged", ["source", "target"])
def test_page_is_shown_although_the_other_ticket_of_a_merge_cannot_be_read(
    site: Site, two: Two, damaged: str
) -> None:
    """Nobody can say whose it is, so its number is not shown, and nothing leads there."""
    other, ticket = two if damaged == "source" else reversed(two)
    aws("dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": keys.ticket_pk(other.number)}, "sk": {"S": keys.TICKET}},
        UpdateExpression="SET doc = :doc",
        ExpressionAttributeValues={":doc": {"S": "{"}},
    )
    for page in ("status", "api-ticket"):
        shown = site(page, ticket)
        assert shown["statusCode"] == 200
        assert other.number not in shown["body"]
    assert status(site, ticket)["continued_in"] is None


def test_message_on_the_page_of_a_merged_ticket_goes_to_the_other_one(
    site: Site, two: Two, stores: Stores
) -> None:
    source, target = two
    body = urlencode({"words": "It still leaks"})
    answer = site("status-action", source, body=body, path={"action": "write"})
    assert answer["statusCode"] == 303
    last = stores.tickets.history(target.number)[-1]
    assert (last.type, last.data["text"]) == (EventType.CUSTOMER_WROTE, "It still leaks")
    assert last.data["sent_to"] == source.number
    again = site("status-action", source, body=body, path={"action": "write"})
    assert again["statusCode"] == 303
    assert stores.tickets.get(target.number).version == last.number


def test_message_to_a_merged_ticket_whose_other_ticket_is_closed_is_refused_on_both(
    site: Site, two: Two, stores: Stores, act: Act
) -> None:
    source, target = two
    act(target, by_customer.withdraw, "never mind")
    body = json.dumps({"text": "Wait"})
    for ticket in two:
        assert site("api-message", ticket, body=body)["statusCode"] == 409
    assert status(site, source)["continued_in"]["state"] == State.CLOSED


def test_message_during_the_end_of_a_merge_goes_to_the_ticket_to_which_it_was_sent(
    site: Site, two: Two, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = two
    change = TicketChanges.change

    def change_after_the_end(self: TicketChanges, number: str, *given: Any, **named: Any) -> Ticket:
        monkeypatch.setattr(TicketChanges, "change", change)
        unmerge(stores, source.number, target.number)
        return change(self, number, *given, **named)

    monkeypatch.setattr(TicketChanges, "change", change_after_the_end)
    answer = site("api-message", source, body=json.dumps({"text": "It still leaks"}))
    assert answer["statusCode"] == 200
    last = stores.tickets.history(source.number)[-1]
    assert (last.type, "sent_to" in last.data) == (EventType.CUSTOMER_WROTE, False)
    written = {event.type for event in stores.tickets.history(target.number)}
    assert EventType.CUSTOMER_WROTE not in written


def test_nothing_of_the_other_ticket_is_shown_after_it_got_another_customer(
    site: Site, two: Two, act: Act, stores: Stores
) -> None:
    source, target = two
    act(target, lambda t, p, at: match(t, p, "wang-wei", "account", at))
    token = customer_wiring.links().status_token(target.number)
    assert token not in site("status", source)["body"]
    for ticket, other in (two, (target, source)):
        for page in ("status", "api-ticket"):
            assert other.number not in site(page, ticket)["body"]
    assert status(site, source)["continued_in"] is None
    before = stores.tickets.get(target.number)
    body = json.dumps({"text": "Wait"})
    assert site("api-message", source, body=body)["statusCode"] == 409
    assert stores.tickets.get(target.number) == before
