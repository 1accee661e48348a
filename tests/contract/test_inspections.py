"""Inspection lists and reminders on each engine: what is put once, and what a condition refuses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

import pytest

from redress.inspections.rules import ChannelState, Check, DrawnList, InspectionChange, Verdict
from redress.inspections.store import InspectionRaced, InspectionStore
from redress.plans.rules.plan import Plan
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_staff
from redress.tickets.rules.ticket import Ticket
from tests.builders import LIN, MEI
from tests.contract.conftest import Shop

DAY = date(2026, 11, 23)


def drawn(shop: Shop, by: str) -> DrawnList:
    entries: dict[str, tuple[str, ...]] = {"web": ("R-00000-00001", "R-00000-00002")}
    return DrawnList("complaints", DAY, shop.clock.now(), by, 1, 5, complete=True, entries=entries)


def reminding(text: str) -> Callable[[Ticket, Plan, datetime], Change]:
    return lambda ticket, plan, at: by_staff.remind(ticket, plan, LIN, MEI.id, text, at)


def test_list_is_put_once(shop: Shop) -> None:
    store = InspectionStore(shop.models)
    assert store.get("complaints", DAY) == (None, {})
    store.put(drawn(shop, "s-lin"))
    with pytest.raises(InspectionRaced):
        store.put(drawn(shop, "m-wei"))
    assert store.get("complaints", DAY) == (drawn(shop, "s-lin"), {})
    assert store.get("service", DAY) == (None, {})


def test_state_of_a_channel_is_written_on_condition_of_its_revision_and_with_its_trail(
    shop: Shop,
) -> None:
    store, at = InspectionStore(shop.models), shop.clock.now()
    store.put(drawn(shop, "s-lin"))
    empty, check = ChannelState(), Check(Verdict.DEFICIENT, "late", "s-lin", at)
    first = empty.checked("R-00000-00001", check)
    word = InspectionChange(
        "web", 1, at, "s-lin", "203.0.113.7", "R-00000-00001", Verdict.DEFICIENT, "late"
    )
    store.write(drawn(shop, "s-lin"), empty, first, word)
    with pytest.raises(InspectionRaced):
        store.write(drawn(shop, "s-lin"), empty, empty.signed("m-wei", at, ()), word)
    signed = first.signed("m-wei", at, ["R-00000-00001"])
    covers = ("R-00000-00001",)
    signature = InspectionChange("web", 2, at, "m-wei", "203.0.113.8", covers=covers)
    store.write(drawn(shop, "s-lin"), first, signed, signature)
    assert store.get("complaints", DAY) == (drawn(shop, "s-lin"), {"web": signed})
    assert store.changes("complaints", DAY) == [signature, word]


def test_signature_of_an_earlier_version_covers_all_tickets_of_its_channel(shop: Shop) -> None:
    state = ChannelState(1, {}, "s-lin", shop.clock.now())
    found = state.signature_of("R-00000-00001")
    assert found is not None
    assert found.by == "s-lin"


def test_reminders_of_a_member_are_listed_from_the_last_one_on(shop: Shop) -> None:
    shop.member("a-mei")
    number = shop.open().ticket.number
    shop.assigner().assign(number)
    for text in ("first", "second", "third"):
        shop.clock.advance(seconds=1)
        shop.changes.change(number, reminding(text))
    found = shop.staff.reminders_of(MEI.id, None, 2)
    last = shop.tickets.get(number).version
    assert [one.event for one in found] == [last, last - 1]
    rest = shop.staff.reminders_of(MEI.id, found[-1].key, 2)
    assert [one.event for one in rest] == [last - 2]
    assert shop.staff.reminders_of("a-jun", None, 2) == []
    events = shop.tickets.events([(one.number, one.event) for one in (*found, *rest)])
    assert {event.data["text"] for event in events.values()} == {"first", "second", "third"}
    assert shop.tickets.events([(number, 99)]) == {}
