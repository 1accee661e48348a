"""The status pages of both tickets of a split say that messages were split off.

If the tickets have different customers, neither page says anything of the other one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from redress.db import keys
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.steps import by_customer
from redress.tickets.rules.steps.matching import match
from redress.tickets.rules.ticket import Ticket
from redress.wiring import customer as customer_wiring
from tests import rights
from tests.files import samples
from tests.functions.conftest import altered
from tests.functions.filing import create_bucket, judge, send
from tests.wired import TABLE
from tests.world import (
    Act,
    Context,
    Opener,
    Stores,
    aws,
    load,
    merge,
    read_sample,
    split,
    unsplit,
)

pytestmark = pytest.mark.usefixtures("table")

Site = Callable[..., dict[str, Any]]
WANG = "wang.wei@example.com"


@pytest.fixture
def site() -> Site:
    """Calls the function with `events/customer-{name}.json` for a ticket, with its fields."""

    def call(name: str, number: str, **given: Any) -> dict[str, Any]:
        token = customer_wiring.links().status_token(number)
        event = altered(
            read_sample(f"customer-{name}"),
            body=given.get("body"),
            headers={"Authorization": f"Bearer {token}"},
            path={"token": token, "number": number} | given.get("path", {}),
        )
        with rights.of("CustomerFunction"):
            found: dict[str, Any] = load("customer").handler(event, Context())
        return found

    return call


@pytest.fixture
def told(open_ticket: Opener, act: Act) -> Ticket:
    """A ticket to which the customer wrote again: its last event."""
    return act(open_ticket(language="en"), by_customer.write, "And where is my invoice?")


def status(site: Site, number: str) -> Any:
    return json.loads(site("api-ticket", number)["body"])


def test_pages_of_one_customer_lead_to_each_other(site: Site, told: Ticket, stores: Stores) -> None:
    number = split(stores, told.number, told.version)
    token = customer_wiring.links().status_token(told.number)
    page = site("status", number)["body"]
    assert f"/t/{token}" in page
    assert f"You wrote this in your request {told.number}." in page
    assert "And where is my invoice?" in page
    assert status(site, number)["written_in"] == {"number": told.number, "token": token}

    old = site("status", told.number)["body"]
    assert "A message was given a request of its own" in old
    [line] = [one for one in status(site, told.number)["timeline"] if one["type"] == "split"]
    assert line["text"] == number
    assert status(site, told.number)["written_in"] is None


def test_pages_of_a_merged_ticket_say_where_its_words_went(
    site: Site, told: Ticket, open_ticket: Opener, stores: Stores
) -> None:
    """The customer wrote them in the merged ticket, and its page leads to the other one."""
    target = open_ticket(language="en")
    merge(stores, told.number, target.number)
    number = split(stores, target.number, told.version, merged=told.number)
    token = customer_wiring.links().status_token(told.number)
    page = site("status", number)["body"]
    assert f"You wrote this in your request {told.number}." in page
    assert status(site, number)["written_in"] == {"number": told.number, "token": token}
    for one in (told.number, target.number):
        assert "A message was given a request of its own" in site("status", one)["body"]
        [line] = [row for row in status(site, one)["timeline"] if row["type"] == "split"]
        assert line["text"] == number
    assert status(site, told.number)["continued_in"]["number"] == target.number


def test_line_of_the_words_has_the_time_when_they_were_written(
    site: Site, told: Ticket, stores: Stores, clock: Any
) -> None:
    clock.advance(hours=2)
    number = split(stores, told.number, told.version)
    first, *_ = status(site, number)["timeline"]
    written = status(site, told.number)["timeline"][1]["at"]
    assert (first["type"], first["by"], first["at"]) == ("opened", "customer", written)


def test_neither_page_says_anything_of_the_other_customer(
    site: Site, open_ticket: Opener, act: Act, stores: Stores
) -> None:
    ticket = open_ticket(language="en")
    wrote = act(
        ticket,
        lambda t, p, at: by_customer.write(t, p, "Mine hums, too", at, participant=WANG),
    )
    number = split(stores, ticket.number, wrote.version)
    old, new = site("status", ticket.number)["body"], site("status", number)["body"]
    assert "A message was given a request of its own" in old
    assert "You wrote this in another request." in new
    for page, hidden in ((old, (number, WANG)), (new, (ticket.number, ticket.contact.email))):
        assert not [one for one in hidden if one in page]
    both = [json.dumps(status(site, one)) for one in (ticket.number, number)]
    assert (number in both[0], ticket.number in both[1]) == (False, False)
    assert status(site, number)["written_in"] == {"number": None, "token": None}


def test_page_leads_nowhere_after_one_of_the_two_got_another_customer(
    site: Site, told: Ticket, act: Act, stores: Stores
) -> None:
    number = split(stores, told.number, told.version)
    act(told, lambda t, p, at: match(t, p, "wang-wei", "staff", at))
    assert status(site, number)["written_in"] == {"number": None, "token": None}
    assert told.number not in site("status", number)["body"]


def test_neither_page_names_the_other_ticket_after_that_got_another_customer(
    site: Site, told: Ticket, act: Act, stores: Stores
) -> None:
    number = split(stores, told.number, told.version)
    unsplit(stores, told.number, number)
    act(stores.tickets.get(number), lambda t, p, at: match(t, p, "wang-wei", "staff", at))
    for one, other in ((told.number, number), (number, told.number)):
        assert other not in site("status", one)["body"]
        assert other not in json.dumps(status(site, one))


def test_page_of_an_undone_split_leads_back(
    site: Site, told: Ticket, act: Act, stores: Stores
) -> None:
    act(told, lambda t, p, at: match(t, p, "li-na", "email", at))
    number = split(stores, told.number, told.version)
    unsplit(stores, told.number, number)
    page = site("status", number)["body"]
    assert f"Continue to request {told.number}" in page
    assert "It is continued with the request in which you wrote it." in page
    assert "It is handled by itself" not in page
    assert "handled together with this request again" in site("status", told.number)["body"]
    answer = site("api-message", number, body=json.dumps({"text": "It still leaks"}))
    assert answer["statusCode"] == 200
    last = stores.tickets.history(told.number)[-1]
    assert (last.data["text"], last.data["sent_to"]) == ("It still leaks", number)


def test_page_of_an_undone_split_leads_to_the_ticket_into_which_the_first_one_was_merged(
    site: Site, told: Ticket, open_ticket: Opener, act: Act, stores: Stores
) -> None:
    act(told, lambda t, p, at: match(t, p, "li-na", "email", at))
    number, last = split(stores, told.number, told.version), open_ticket(language="en")
    unsplit(stores, told.number, number)
    merge(stores, told.number, last.number)
    assert f"Continue to request {last.number}" in site("status", number)["body"]
    answer = site("api-message", number, body=json.dumps({"text": "It still leaks"}))
    assert answer["statusCode"] == 200
    wrote = stores.tickets.history(last.number)[-1]
    assert (wrote.data["text"], wrote.data["sent_to"]) == ("It still leaks", number)
    assert stores.tickets.continued(stores.tickets.get(number)).number == last.number


def test_message_during_a_merge_of_the_first_ticket_goes_to_where_that_goes_on(
    site: Site,
    told: Ticket,
    open_ticket: Opener,
    act: Act,
    stores: Stores,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    act(told, lambda t, p, at: match(t, p, "li-na", "email", at))
    number, last = split(stores, told.number, told.version), open_ticket(language="en")
    unsplit(stores, told.number, number)
    change = TicketChanges.change

    def change_after_the_merge(self: TicketChanges, *given: Any, **named: Any) -> Ticket:
        monkeypatch.setattr(TicketChanges, "change", change)
        merge(stores, told.number, last.number)
        return change(self, *given, **named)

    monkeypatch.setattr(TicketChanges, "change", change_after_the_merge)
    answer = site("api-message", number, body=json.dumps({"text": "It still leaks"}))
    assert answer["statusCode"] == 200
    wrote = stores.tickets.history(last.number)[-1]
    assert (wrote.data["text"], wrote.data["sent_to"]) == ("It still leaks", number)


def test_page_of_the_new_ticket_is_shown_although_the_first_one_cannot_be_read(
    site: Site, told: Ticket, stores: Stores
) -> None:
    number = split(stores, told.number, told.version)
    key = {"pk": {"S": keys.ticket_pk(told.number)}, "sk": {"S": keys.TICKET}}
    item = aws("dynamodb").get_item(TableName=TABLE, Key=key)["Item"]
    aws("dynamodb").put_item(TableName=TABLE, Item=item | {"doc": {"S": "nonsense"}})
    page = site("status", number)
    assert (page["statusCode"], told.number in page["body"]) == (200, False)
    assert status(site, number)["written_in"] == {"number": None, "token": None}


def test_author_opens_and_withdraws_the_files_of_their_words_on_the_new_page(
    site: Site, told: Ticket, stores: Stores
) -> None:
    create_bucket()
    made = customer_wiring.files().offer(told.number, "bill.pdf", len(samples.PDF))
    send({"upload": {"fields": made.fields}}, samples.PDF)
    sent = stores.tickets.get(told.number)
    number = split(stores, told.number, told.version, sent.version)
    judge(told.number, made.id)
    [file] = [one for line in status(site, number)["timeline"] for one in line["files"]]
    assert (file["id"], file["state"]) == (made.id, "clean")
    assert site("api-file", number, path={"file": made.id})["statusCode"] == 200
    assert site("api-file-withdrawal", number, path={"file": made.id})["statusCode"] == 200
    for one in (told.number, number):
        assert site("api-file", one, path={"file": made.id})["statusCode"] == 409
