"""Resolutions and callbacks."""

from __future__ import annotations

from typing import Any

import pytest

from redress.base.instants import written
from tests.builders import BY_PHONE, Clock
from tests.functions.staff.api import CHANGES, Api
from tests.world import Opener, Stores


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
