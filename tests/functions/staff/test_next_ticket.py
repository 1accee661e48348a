"""Claiming the next ticket of the queue."""

from __future__ import annotations

from collections.abc import Callable
from copy import replace
from typing import Any

import pytest

from redress.base.people import Actor, Member, Role
from redress.db import encoding
from redress.staff.rules.availability import Presence
from redress.tickets.rules.steps import by_staff
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store import items
from redress.wiring import staff as wiring
from tests.builders import LIN, Clock
from tests.functions.staff.api import Api, Reply
from tests.wired import TABLE
from tests.world import Act, Opener, Stores, aws


def claim(api: Api, by: str = "mei", key: str = "") -> Reply:
    return api("next", by, headers={"Idempotency-Key": key})


def number_in(found: Reply) -> str:
    assert found.status == 200, found.body
    assert found.body["reason"] is None
    number: str = found.body["ticket"]["number"]
    return number


def code_in(found: Reply) -> str:
    assert found.status == 200, found.body
    assert found.body["ticket"] is None
    code: str = found.body["reason"]["code"]
    return code


def test_agent_gets_the_ticket_that_is_due_next(
    api: Api, open_ticket: Opener, clock: Clock, stores: Stores
) -> None:
    complaint = open_ticket("complaint")
    clock.advance(minutes=1)
    urgent = open_ticket("urgent")
    found = claim(api)
    assert number_in(found) == urgent.number
    assert found.body["ticket"]["assignee"] == "a-mei"
    assert "reply" in found.body["ticket"]["can"]
    assert number_in(claim(api)) == complaint.number
    assert stores.staff.availability("a-mei").load == 2
    event = stores.tickets.history(urgent.number)[-1]
    assert (event.by.id, event.data["why"]) == ("a-mei", "asked for the next ticket")


def test_agent_who_is_away_gets_no_ticket(api: Api, open_ticket: Opener, stores: Stores) -> None:
    ticket = open_ticket()
    api("presence", "mei", body={"presence": "away"})
    assert code_in(claim(api)) == "away"
    assert stores.tickets.get(ticket.number) == ticket


def test_agent_without_room_gets_no_ticket(api: Api, open_ticket: Opener) -> None:
    for _ in range(3):
        open_ticket(language="en")
    number_in(claim(api))
    number_in(claim(api))
    assert code_in(claim(api)) == "no_room"


def test_empty_queue_gives_no_ticket(api: Api, open_ticket: Opener) -> None:
    open_ticket("inquiry")
    assert code_in(claim(api)) == "queue_empty"


def test_ticket_in_another_language_is_passed_over(api: Api, open_ticket: Opener) -> None:
    first = open_ticket(language="zh-TW")
    assert code_in(claim(api)) == "no_language"
    second = open_ticket(language="zh-CN")
    assert first.team == second.team
    assert number_in(claim(api)) == second.number


def test_complaint_about_the_agent_is_passed_over_as_if_it_did_not_wait(
    api: Api, open_ticket: Opener, act: Act
) -> None:
    ticket = open_ticket()
    act(ticket, by_staff.set_about, LIN, ("a-mei",), "named in it")
    assert code_in(claim(api, "mei")) == "queue_empty"
    assert number_in(claim(api, "jun")) == ticket.number


def test_complaint_that_names_the_agent_is_not_given_to_them_before_it_was_searched(
    api: Api, open_ticket: Opener, stores: Stores, staff: dict[str, Member], clock: Clock
) -> None:
    """The claim searches the text in the same change, as every assignment does."""
    stores.staff.record(replace(staff["mei"], name="Mei Zhang"), Presence.AVAILABLE, clock.now())
    ticket = open_ticket(description="Mei Zhang shouted at me on the phone.", language="en")
    found = api("next", "mei", claims={"name": "Mei Zhang"}, headers={"Idempotency-Key": ""})
    assert code_in(found) == "queue_empty"
    assert stores.tickets.get(ticket.number).assignee is None


def test_ticket_that_was_taken_from_the_agent_comes_last(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    taken = open_ticket()
    item = encoding.item_to_dynamodb(items.snapshot_item(replace(taken, avoid="a-mei")))
    aws("dynamodb").put_item(TableName=TABLE, Item=item)
    clock.advance(minutes=1)
    later = open_ticket()
    assert number_in(claim(api)) == later.number
    assert number_in(claim(api)) == taken.number


def test_repeated_call_with_its_key_returns_the_same_ticket(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    for _ in range(3):
        open_ticket()
    first = number_in(claim(api, key="a key"))
    assert number_in(claim(api, key="a key")) == first
    assert stores.staff.availability("a-mei").load == 1
    assert number_in(claim(api, key="another")) != first


def test_key_of_a_call_without_a_ticket_tries_again(api: Api, open_ticket: Opener) -> None:
    assert code_in(claim(api, key="a key")) == "queue_empty"
    ticket = open_ticket()
    assert number_in(claim(api, key="a key")) == ticket.number


def test_key_that_no_request_can_have_is_refused(api: Api) -> None:
    assert claim(api, key="x" * 300).status == 422


def test_ticket_that_a_colleague_takes_meanwhile_is_replaced_by_the_next(
    api: Api,
    open_ticket: Opener,
    clock: Clock,
    act: Act,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A colleague gets the first ticket after the queue was read and before the write."""
    first = open_ticket()
    clock.advance(minutes=1)
    second = open_ticket()
    assignment = wiring.claiming()._assignment
    plain: Callable[..., Ticket | None] = assignment.claim

    def overtaken(number: str, wanted: Any) -> Ticket | None:
        if number == first.number:
            act(first, by_staff.reassign, LIN, "a-jun", None, "faster")
        return plain(number, wanted)

    monkeypatch.setattr(assignment, "claim", overtaken)
    assert number_in(claim(api)) == second.number


def test_supervisors_and_managers_claim_no_ticket(api: Api, open_ticket: Opener) -> None:
    open_ticket()
    assert claim(api, "lin").status == 403
    assert claim(api, "wei").status == 403


def test_room_that_is_lost_in_the_transaction_is_reported(
    api: Api, open_ticket: Opener, act: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent's last room is taken after their load was read."""
    open_ticket(agent="a-mei")
    waiting, other = open_ticket(), open_ticket(agent="a-jun")
    assignment = wiring.claiming()._assignment
    plain: Callable[..., Ticket | None] = assignment.claim
    given: list[str] = []

    def filled(number: str, wanted: Any) -> Ticket | None:
        if not given:
            given.append(number)
            act(other, by_staff.reassign, Actor(Role.SUPERVISOR, "s-lin"), "a-mei", None, "help")
        return plain(number, wanted)

    monkeypatch.setattr(assignment, "claim", filled)
    assert code_in(claim(api)) == "no_room"
    assert given == [waiting.number]
