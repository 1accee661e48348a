"""Recordings of calls in the staff API: who opens them, by what link, and what is on record."""

from __future__ import annotations

import json

import pytest

from redress.tickets.rules.steps import by_staff
from redress.tickets.rules.ticket import Ticket
from tests.builders import Clock
from tests.functions.conftest import MEMBERS
from tests.functions.staff.api import Api
from tests.wired import set_environment
from tests.world import RECORDING, Opener, Stores, called


@pytest.fixture(autouse=True)
def bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    set_environment(monkeypatch, RECORDINGS_BUCKET="calls")


@pytest.fixture
def ticket(api: Api, open_ticket: Opener) -> Ticket:
    return open_ticket(agent="a-mei")


def test_agent_and_leaders_get_a_short_link_and_each_opening_is_on_record(
    api: Api, stores: Stores, ticket: Ticket, clock: Clock
) -> None:
    event = called(stores, ticket)
    for by in ("mei", "lin", "wei"):
        clock.advance(minutes=1)
        found = api("recording", by, number=ticket.number, event=str(event))
        assert (found.status, found.body["event"], found.body["expires_in_s"]) == (200, event, 300)
        assert "/2026/11/23/c-1.wav?" in found.body["url"]
        assert "X-Amz-Expires=300" in found.body["url"]
    heard = api("recordings", "lin", number=ticket.number).body["opened"]
    assert [(one["event"], one["by"]) for one in heard] == [
        (event, "m-wei"),
        (event, "s-lin"),
        (event, "a-mei"),
    ]
    assert heard[0]["at"] == "2026-11-23T01:03:00.000Z"
    assert api("files", "mei", number=ticket.number).body["opened"] == []


def test_colleague_who_sees_the_ticket_does_not_hear_the_call(
    api: Api, stores: Stores, ticket: Ticket
) -> None:
    event = called(stores, ticket)
    assert api("ticket", "jun", number=ticket.number).status == 200
    found = api("recording", "jun", number=ticket.number, event=str(event))
    assert (found.status, found.body["detail"]) == (
        403,
        "its agent and the leaders of its team open recordings of this ticket",
    )
    assert api("recordings", "lin", number=ticket.number).body["opened"] == []


def test_whoever_the_complaint_is_about_learns_of_no_recording(
    api: Api, stores: Stores, open_ticket: Opener
) -> None:
    ticket = open_ticket("complaint", agent="a-mei")
    event = called(stores, ticket)
    chief = MEMBERS["wei"].actor
    stores.changes.change(
        ticket.number, lambda t, p, at: by_staff.set_about(t, p, chief, ["s-lin"], "named", at)
    )
    for name in ("recording", "recordings"):
        assert api(name, "lin", number=ticket.number, event=str(event)).status == 404


def test_timeline_says_that_there_is_a_recording_and_not_where(
    api: Api, stores: Stores, ticket: Ticket
) -> None:
    called(stores, ticket)
    shown = api("ticket", "mei", number=ticket.number).body
    [event] = [one for one in shown["timeline"] if one["type"] == "call_recorded"]
    assert event["data"]["recording"] is True
    assert RECORDING not in json.dumps(shown)


@pytest.mark.parametrize("event", ["1", "99"])
def test_event_without_a_recording_is_not_there(
    api: Api, stores: Stores, ticket: Ticket, event: str
) -> None:
    called(stores, ticket)
    found = api("recording", "mei", number=ticket.number, event=event)
    assert (found.status, found.body["detail"]) == (404, "there is no recording of this event")


def test_call_that_was_not_recorded_has_no_recording(
    api: Api, stores: Stores, ticket: Ticket
) -> None:
    event = called(stores, ticket, None)
    assert api("recording", "mei", number=ticket.number, event=str(event)).status == 404
    shown = api("ticket", "mei", number=ticket.number).body
    assert "recording" not in shown["timeline"][event - 1]["data"]


def test_address_of_another_system_is_given_as_it_is_and_on_record(
    api: Api, stores: Stores, ticket: Ticket
) -> None:
    event = called(stores, ticket, "https://calls.example/c-1")
    found = api("recording", "mei", number=ticket.number, event=str(event))
    assert found.body == {
        "event": event,
        "url": "https://calls.example/c-1",
        "expires_in_s": None,
    }
    assert len(api("recordings", "lin", number=ticket.number).body["opened"]) == 1


@pytest.mark.parametrize(
    ("bucket", "place", "reason"),
    [
        ("", RECORDING, "no_bucket"),
        ("calls", "s3://others/c-1.wav", "other_bucket"),
        ("calls", "tape 7", "no_address"),
    ],
)
def test_recording_without_a_link_says_why_and_leaves_no_record(
    api: Api,
    stores: Stores,
    ticket: Ticket,
    monkeypatch: pytest.MonkeyPatch,
    bucket: str,
    place: str,
    reason: str,
) -> None:
    set_environment(monkeypatch, RECORDINGS_BUCKET=bucket)
    event = called(stores, ticket, place)
    found = api("recording", "mei", number=ticket.number, event=str(event))
    assert (found.status, found.body["reason"]) == (409, reason)
    assert place not in json.dumps(found.body)
    assert api("recordings", "lin", number=ticket.number).body["opened"] == []
