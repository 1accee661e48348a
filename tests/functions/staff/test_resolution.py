"""Resolutions and callbacks."""

from __future__ import annotations

from copy import replace
from typing import Any

import pytest

from redress.base.instants import written
from redress.customers.cases.matching import MatchingCase
from redress.customers.rules.profile import Profile, revised
from redress.customers.store import CustomerStore
from redress.db import keys
from redress.wiring import stores as wired_stores
from tests.builders import BY_MAIL, BY_PHONE, LIN, START, Clock
from tests.functions.staff.api import CHANGES, Api
from tests.wired import TABLE
from tests.world import Opener, Stores, aws


def test_complaint_needs_outcome_remedy_and_root_cause_to_be_resolved(
    api: Api, open_ticket: Opener
) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "text": "Done."}
    found = api("resolution", "mei", body=body, number=ticket.number)
    assert found.status == 422
    assert found.pointers == {"/outcome", "/remedy", "/root_cause"}


def test_resolution_of_a_complaint_is_stored_and_starts_the_callback(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    clock.advance(hours=3)
    body = CHANGES["resolution"] | {"version": ticket.version}
    found = api("resolution", "mei", body=body, number=ticket.number)
    assert found.status == 200
    assert found.body["state"] == "resolved"
    assert found.body["resolution"] == {
        "at": written(clock.now()),
        "by": "a-mei",
        "team": "complaints",
        "outcome": "upheld",
        "remedy": "replacement",
        "root_cause": "seal",
        "cause": None,
        "contacts_after": 0,
    }
    states = {promise["clock"]: promise["state"] for promise in found.body["promises"]}
    assert (states["reaction"], states["resolution"], states["callback"]) == (
        "missed",
        "kept",
        "running",
    )


def test_inquiry_needs_only_a_text_to_be_resolved(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket("inquiry", agent="a-tao")
    body = {"version": ticket.version, "text": "Yes, it is dishwasher safe."}
    assert api("resolution", "tao", body=body, number=ticket.number).body["state"] == "resolved"


@pytest.fixture
def resolved_by_phone(api: Api, open_ticket: Opener) -> dict[str, Any]:
    """A resolved complaint of a customer who left only a phone number."""
    ticket = open_ticket(agent="a-mei", contact=BY_PHONE)
    body = CHANGES["resolution"] | {"version": ticket.version}
    found: dict[str, Any] = api("resolution", "mei", body=body, number=ticket.number).body
    return found


def test_resolved_ticket_stays_on_the_work_list_until_its_callback(
    api: Api, resolved_by_phone: dict[str, Any]
) -> None:
    items = api("work", "mei", query={}).body["items"]
    assert [item["number"] for item in items] == [resolved_by_phone["number"]]


def test_callback_with_a_satisfied_customer_confirms_the_resolution(
    api: Api, resolved_by_phone: dict[str, Any]
) -> None:
    body = {"version": resolved_by_phone["version"], "outcome": "confirmed"}
    found = api("callback", "mei", body=body, number=resolved_by_phone["number"])
    assert (found.status, found.body["state"]) == (200, "confirmed")


def test_callback_with_a_dissatisfied_customer_reopens_with_higher_priority(
    api: Api, resolved_by_phone: dict[str, Any]
) -> None:
    body = {
        "version": resolved_by_phone["version"],
        "outcome": "dissatisfied",
        "text": "The new one leaks as well.",
    }
    found = api("callback", "mei", body=body, number=resolved_by_phone["number"])
    assert found.status == 200
    assert (found.body["state"], found.body["priority"], found.body["round"]) == (
        "open",
        "urgent",
        2,
    )
    assert found.body["assignee"] is None


def test_callback_with_a_dissatisfied_customer_requires_a_text(
    api: Api, resolved_by_phone: dict[str, Any]
) -> None:
    body = {"version": resolved_by_phone["version"], "outcome": "dissatisfied"}
    found = api("callback", "mei", body=body, number=resolved_by_phone["number"])
    assert (found.status, found.codes) == (422, {"/text": "required"})


def test_callback_without_answer_closes_after_the_last_attempt_of_the_plan(
    api: Api, resolved_by_phone: dict[str, Any], stores: Stores
) -> None:
    version, number = resolved_by_phone["version"], resolved_by_phone["number"]
    states = []
    for _ in range(stores.plans.current().callback.attempts):
        body = {"version": version, "outcome": "no_answer"}
        found = api("callback", "mei", body=body, number=number).body
        version = found["version"]
        states.append(found["state"])
    assert states == ["resolved", "resolved", "closed"]
    assert found["closure"] == "unconfirmed"


def test_callback_before_the_resolution_is_refused(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "outcome": "confirmed"}
    found = api("callback", "mei", body=body, number=ticket.number)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:not-allowed-now")


# ------------------------------------------------------------- what the customer's profile says


def known_customer(number: str, **fields: Any) -> Profile:
    """Match the ticket as the assigner does, and set these fields of its customer's profile."""
    customers, changes = wired_stores.customers(), wired_stores.changes()
    assert MatchingCase(customers, changes).match(number)
    matched = wired_stores.tickets().get(number).customer
    assert matched is not None
    made = customers.get(matched)
    customers.write([revised(made, replace(made, **fields), "changed", START, LIN)])
    return customers.get(matched)


def resolution(api: Api, stores: Stores, number: str) -> dict[str, Any]:
    body = CHANGES["resolution"] | {"version": stores.tickets.get(number).version}
    found = api("resolution", "mei", body=body, number=number)
    assert found.status == 200
    answer: dict[str, Any] = found.body
    return answer


def test_customer_who_prefers_a_call_in_the_evening_is_on_the_agents_list_until_then(
    api: Api, stores: Stores, open_ticket: Opener
) -> None:
    number = open_ticket(agent="a-mei", contact=BY_MAIL | BY_PHONE).number
    known_customer(number, channel="phone", hours="18:00-20:00")
    found = resolution(api, stores, number)
    assert found["callback"] == {
        "by": "phone",
        "phone": BY_PHONE["phone"],
        "hours": "18:00-20:00",
    }
    assert found["due_at"] == "2026-11-23T12:00:00.000Z", "20:00 in Shanghai"
    [item] = api("work", "mei", query={}).body["items"]
    assert (item["number"], item["due_at"]) == (number, found["due_at"])
    clocks = api("clocks", "mei", number=number, query={"language": "en"}).body["clocks"]
    callback = next(one for one in clocks if one["clock"] == "callback")
    assert "the hours in which the customer wants to be called" in callback["sentence"]
    assert callback["moved"] == {
        "call_hours": "18:00-20:00",
        "plan_due_at": "2026-11-24T01:00:00.000Z",
    }


def test_customer_who_prefers_mail_is_asked_by_mail(
    api: Api, stores: Stores, open_ticket: Opener
) -> None:
    number = open_ticket(agent="a-mei", contact=BY_MAIL | BY_PHONE).number
    known_customer(number, channel="email", hours="18:00-20:00")
    found = resolution(api, stores, number)
    assert found["callback"] == {"by": "email", "phone": None, "hours": "18:00-20:00"}
    assert api("work", "mei", query={}).body["items"] == []


def test_resolution_reads_one_profile_and_only_if_the_ticket_has_a_customer(
    api: Api, stores: Stores, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    without, matched = (open_ticket(agent="a-mei").number for _ in range(2))
    known_customer(matched, channel="phone")
    read: list[str] = []
    get = CustomerStore.get

    def counting(store: CustomerStore, customer: str) -> Profile:
        read.append(customer)
        return get(store, customer)

    monkeypatch.setattr(CustomerStore, "get", counting)
    resolution(api, stores, without)
    assert read == []
    resolution(api, stores, matched)
    assert read == [stores.tickets.get(matched).customer]


@pytest.mark.parametrize("damage", ["gone", "unreadable"])
def test_ticket_is_resolved_even_if_its_customers_profile_is_gone_or_damaged(
    api: Api, stores: Stores, open_ticket: Opener, damage: str
) -> None:
    number = open_ticket(agent="a-mei", contact=BY_MAIL | BY_PHONE).number
    found = known_customer(number, channel="phone")
    key = {"pk": {"S": keys.customer_pk(found.id)}, "sk": {"S": keys.PROFILE}}
    if damage == "gone":
        aws("dynamodb").delete_item(TableName=TABLE, Key=key)
    else:
        aws("dynamodb").update_item(
            TableName=TABLE,
            Key=key,
            UpdateExpression="SET doc = :doc",
            ExpressionAttributeValues={":doc": {"S": "{"}},
        )
    assert resolution(api, stores, number)["callback"]["by"] == "email"
