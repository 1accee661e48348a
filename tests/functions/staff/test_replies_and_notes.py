"""Replies, progress, participants and notes."""

from __future__ import annotations

import pytest

from redress.tickets.rules.steps import by_staff
from redress.tickets.rules.ticket import Event, EventType
from redress.tickets.store.tickets import TicketStore
from tests.builders import Clock
from tests.functions.conftest import MEMBERS
from tests.functions.staff.api import Api
from tests.world import Opener, Stores


def test_reply_opens_the_ticket_and_keeps_the_first_response_promise(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    clock.advance(minutes=12)
    body = {"version": ticket.version, "text": "  您好，明天换货。 "}
    found = api("reply", "mei", body=body, number=ticket.number)
    assert found.status == 200
    assert found.body["version"] == ticket.version + 1
    assert found.body["state"] == "open"
    states = {promise["clock"]: promise["state"] for promise in found.body["promises"]}
    assert states["reaction"] == states["first_response"] == "kept"
    event = stores.tickets.history(ticket.number)[-1]
    assert (event.type, event.by.id, event.data["text"]) == (
        EventType.REPLIED,
        "a-mei",
        "您好，明天换货。",
    )


@pytest.mark.parametrize("text", ["\u200b", "\u202e\u2069", "\u3164\ufe0f", " \u00ad\u2800"])
def test_a_reply_that_nobody_can_see_keeps_no_promise(
    api: Api, open_ticket: Opener, stores: Stores, text: str
) -> None:
    ticket = open_ticket(agent="a-mei")
    for name in ("reply", "progress", "note"):
        own = {"version": ticket.version} if name != "note" else {}
        found = api(name, "mei", body=own | {"text": text}, number=ticket.number)
        assert found.status == 422
        [fault] = found.body["errors"]
        assert (fault["pointer"], fault["code"]) == ("/text", "required")
    assert stores.tickets.get(ticket.number).version == ticket.version


def test_reply_that_asks_the_customer_pauses_the_resolution_promise(
    api: Api, open_ticket: Opener
) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "text": "A picture, please?", "wait_for_customer": True}
    found = api("reply", "mei", body=body, number=ticket.number)
    assert found.body["state"] == "waiting"
    states = {promise["clock"]: promise["state"] for promise in found.body["promises"]}
    assert states["resolution"] == "paused"


def test_progress_is_a_reaction_but_not_the_first_response(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "text": "We are asking the warehouse."}
    found = api("progress", "mei", body=body, number=ticket.number)
    states = {promise["clock"]: promise["state"] for promise in found.body["promises"]}
    assert (states["reaction"], states["first_response"]) == ("kept", "running")
    assert found.body["state"] == "new"


def test_participants_are_set_validated_and_removed(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "participants": ["Wang.Wei@example.com"]}
    found = api("participants", "mei", body=body, number=ticket.number)
    assert (found.status, found.body["participants"]) == (200, ["wang.wei@example.com"])
    again = api(
        "participants", "mei", body=body | {"version": ticket.version + 1}, number=ticket.number
    )
    assert again.body["version"] == ticket.version + 1
    wrong = body | {"version": ticket.version + 1, "participants": ["li.na@example.com", "x"]}
    refused = api("participants", "mei", body=wrong, number=ticket.number)
    assert refused.status == 422
    assert {fault["pointer"]: fault["code"] for fault in refused.body["errors"]} == {
        "/participants/0": "is_customer",
        "/participants/1": "email_expected",
    }
    none = body | {"version": ticket.version + 1, "participants": []}
    assert api("participants", "mei", body=none, number=ticket.number).body["participants"] == []


def test_any_agent_of_the_team_may_add_a_note_without_a_version(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    for by in ("mei", "jun", "lin"):
        assert api("note", by, body={"text": f"by {by}"}, number=ticket.number).status == 200
    notes = [e for e in stores.tickets.history(ticket.number) if e.type is EventType.NOTED]
    assert [(note.by.id, note.data["text"]) for note in notes] == [
        ("a-mei", "by mei"),
        ("a-jun", "by jun"),
        ("s-lin", "by lin"),
    ]


def test_repeated_note_of_the_same_author_is_stored_once(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    for by, text in (("mei", "call again"), ("mei", " call again"), ("jun", "call again")):
        assert api("note", by, body={"text": text}, number=ticket.number).status == 200
    notes = [e for e in stores.tickets.history(ticket.number) if e.type is EventType.NOTED]
    assert [note.by.id for note in notes] == ["a-mei", "a-jun"]


def test_reply_to_a_closed_ticket_is_refused(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket("feedback", agent="a-tao")
    body = {"version": ticket.version, "text": "Thank you."}
    closed = api("resolution", "tao", body=body, number=ticket.number).body
    assert (closed["state"], closed["closure"]) == ("closed", "answered")
    body["version"] = closed["version"]
    found = api("reply", "tao", body=body, number=ticket.number)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:not-allowed-now")


def test_note_is_not_written_if_its_writer_may_no_longer_see_the_ticket(
    api: Api, open_ticket: Opener, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A supervisor moves the ticket to another team just before the note is written."""
    number = open_ticket().number
    by = MEMBERS["wei"].actor
    original = TicketStore.event

    def moved_meanwhile(store: TicketStore, number: str, event_number: int) -> Event:
        found = original(store, number, event_number)
        if store.get(number).team != "service":
            stores.changes.change(
                number, lambda t, p, at: by_staff.reassign(t, p, by, None, "service", "r", at)
            )
        return found

    monkeypatch.setattr(TicketStore, "event", moved_meanwhile)
    assert api("note", "mei", body={"text": "A secret"}, number=number).status == 404
    types = [event.type for event in stores.tickets.history(number)]
    assert types[-1] is EventType.QUEUED
    assert EventType.NOTED not in types
