"""Contract of the drain: who waits behind tickets that nobody can take gets an agent, too."""

from __future__ import annotations

from typing import Any

import pytest

from redress.staff import store
from redress.staff.cases import assignment, draining
from redress.staff.rules.routing import place_of
from redress.staff.store import StaffStore
from redress.tickets.rules.steps import by_system
from tests.builders import MEI
from tests.contract.conftest import Shop

TAIWANESE = {"language": "zh-TW", "subject": "水壺漏水", "description": "水壺的把手漏水了，謝謝。"}


def offered(shop: Shop, count: int = 1, **fields: Any) -> list[str]:
    """The numbers of tickets that were offered to nobody."""
    numbers = [shop.open(**fields).ticket.number for _ in range(count)]
    for number in numbers:
        assert shop.assigner().assign(number) is None
    return numbers


def test_queue_drains_behind_a_hundred_tickets_that_nobody_can_take(amazons: Shop) -> None:
    """Nobody speaks their language, and they are due first. moto needs minutes for so many."""
    for _ in range(101):
        life, at = amazons.open(**TAIWANESE), amazons.clock.now()
        amazons.commit(life.take(by_system.leave_unplaced(life.ticket, life.plan, {}, "/", at)))
    amazons.clock.advance(minutes=1)
    [english] = offered(amazons)
    amazons.member(MEI.id, capacity=5)
    assert amazons.assigner().drain("complaints", MEI.id) == [english]


def counted(monkeypatch: pytest.MonkeyPatch, name: str) -> list[tuple[Any, ...]]:
    """The calls of a method of the store from now on."""
    calls: list[tuple[Any, ...]] = []
    real = getattr(StaffStore, name)

    def count(self: StaffStore, *given: Any) -> Any:
        calls.append(given)
        return real(self, *given)

    monkeypatch.setattr(StaffStore, name, count)
    return calls


def test_drain_stops_when_the_last_room_is_taken(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads agents once, and once for each ticket that somebody gets, however many wait."""
    numbers = offered(shop, 8)
    shop.member(MEI.id, capacity=2)
    rings, looks = counted(monkeypatch, "ring"), counted(monkeypatch, "call")
    assert len(assigned := shop.assigner().drain("complaints", MEI.id)) == 2
    assert set(assigned) < set(numbers)
    assert (len(rings), len(looks)) == (1 + 2, 1)


def test_drain_offers_a_ticket_whose_first_offer_was_lost_though_nobody_is_there(
    shop: Shop,
) -> None:
    number = shop.open().ticket.number
    assert shop.assigner().drain("complaints") == []
    assert shop.tickets.get(number).placing is not None


def test_agent_who_came_gets_the_ticket_that_only_they_can_take(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a team of which only a part is read, they are read first."""
    monkeypatch.setattr(store, "PAGE", 1)
    monkeypatch.setattr(store, "MOST_READ", 1)
    [number] = offered(shop, 1, **TAIWANESE)
    for place in range(5):
        shop.member(f"b-{place}")
    shop.member("a-speaker", languages=("zh-TW",))
    monkeypatch.setattr(draining, "place_of", lambda named: place_of("b-0"))
    monkeypatch.setattr(assignment, "start_of", lambda ticket, at: place_of("b-0"))
    assert shop.assigner().drain("complaints") == [], "they are not among those who are read"
    assert shop.assigner().drain("complaints", "a-speaker") == [number]
    assert shop.tickets.get(number).assignee == "a-speaker"
