"""A change names the version that its author saw: what happens when the ticket changed since."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from redress.tickets.rules.steps import by_customer
from redress.tickets.rules.ticket import EventType
from redress.tickets.store.tickets import TicketStore
from redress.workflow.cases.timers import TimerCase
from tests.builders import Clock
from tests.functions.staff.api import CHANGES, Api
from tests.world import Opener, Stores


def test_two_agents_at_once_one_wins_and_the_other_is_told_the_current_version(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "text": "First."}
    assert api("reply", "mei", body=body, number=ticket.number).status == 200
    found = api("reply", "lin", body=body | {"text": "Second."}, number=ticket.number)
    assert found.status == 409
    assert found.body["type"] == "urn:redress:problem:version-conflict"
    assert found.body["current_version"] == ticket.version + 1
    replies = [e for e in stores.tickets.history(ticket.number) if e.type is EventType.REPLIED]
    assert [event.data["text"] for event in replies] == ["First."]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Lets something happen once, between the next read of a ticket and its write."""
    commit = TicketStore.commit

    def arrange(happens: Callable[[], Any]) -> None:
        def slower(store: TicketStore, *given: Any) -> None:
            monkeypatch.setattr(TicketStore, "commit", commit)
            happens()
            commit(store, *given)

        monkeypatch.setattr(TicketStore, "commit", slower)

    return arrange


def test_agent_who_wins_between_read_and_write_of_the_other_makes_a_conflict(
    api: Api, open_ticket: Opener, stores: Stores, meanwhile: Callable[[Callable[[], Any]], None]
) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "text": "Slower."}
    faster = body | {"text": "Faster."}
    meanwhile(lambda: api("reply", "lin", body=faster, number=ticket.number))
    found = api("reply", "mei", body=body, number=ticket.number)
    assert (found.status, found.body["current_version"]) == (409, ticket.version + 1)
    replies = [e for e in stores.tickets.history(ticket.number) if e.type is EventType.REPLIED]
    assert [event.data["text"] for event in replies] == ["Faster."]


def test_reminder_that_fires_between_read_and_write_makes_no_conflict(
    api: Api,
    open_ticket: Opener,
    stores: Stores,
    clock: Clock,
    meanwhile: Callable[[Callable[[], Any]], None],
) -> None:
    ticket = open_ticket(agent="a-mei")
    clock.advance(minutes=16)
    timers = TimerCase(stores.timers, stores.changes, clock.now)
    meanwhile(lambda: timers.act_on_due_clocks(ticket.number, 1))
    body = {"version": ticket.version, "text": "Done while the reminder fired."}
    found = api("reply", "mei", body=body, number=ticket.number)
    types = [event.type for event in stores.tickets.history(ticket.number)]
    assert found.status == 200
    assert types[-2:] == [EventType.RUNG_FIRED, EventType.REPLIED]


def test_second_click_is_told_of_the_first(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "text": "Once."}
    event = api.event("reply", "mei", body=body, number=ticket.number)
    assert [api.send(copy.deepcopy(event)).status for _ in range(2)] == [200, 409]


def test_customer_who_wrote_meanwhile_makes_a_conflict(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    wrote = by_customer.write(ticket, stores.plans.current(), "It got worse!", clock.now())
    stores.tickets.commit(wrote, clock.now())
    body = {"version": ticket.version, "text": "All is well."}
    found = api("reply", "mei", body=body, number=ticket.number)
    assert (found.status, found.body["current_version"]) == (409, ticket.version + 1)


def test_reminder_that_fired_in_between_makes_no_conflict(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    clock.advance(minutes=16)
    TimerCase(stores.timers, stores.changes, clock.now).act_on_due_clocks(ticket.number, 1)
    moved_on = stores.tickets.get(ticket.number).version
    assert moved_on > ticket.version
    body = {"version": ticket.version, "text": "I had this open for a while."}
    found = api("reply", "mei", body=body, number=ticket.number)
    assert (found.status, found.body["version"]) == (200, moved_on + 1)


@pytest.mark.parametrize("name", CHANGES)
def test_change_on_an_old_version_is_told_the_current_one_and_changes_nothing(
    api: Api, open_ticket: Opener, stores: Stores, name: str
) -> None:
    ticket = open_ticket(agent="a-mei")
    first = {"version": ticket.version, "text": "We are on it."}
    assert api("reply", "mei", number=ticket.number, body=first).status == 200
    now = stores.tickets.get(ticket.number)
    body = CHANGES[name] | {"version": ticket.version}
    found = api(name, "lin", number=ticket.number, body=body)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:version-conflict")
    assert found.body["current_version"] == now.version
    assert stores.tickets.get(ticket.number) == now


def test_version_that_does_not_exist_yet_is_refused(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version + 1, "text": "From the future."}
    found = api("reply", "mei", body=body, number=ticket.number)
    assert (found.status, found.codes) == (422, {"/version": "unknown_version"})
