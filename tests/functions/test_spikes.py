"""A spike of new tickets of one category proposes an incident, once, and costs no ticket more."""

from __future__ import annotations

from typing import Any

import pytest

from redress.base.people import SYSTEM, Member
from redress.incidents.cases import SpikeWatch
from redress.incidents.rules import Done, Incident, IncidentChange
from redress.incidents.store import IncidentStore
from redress.plans.rules.plan import Plan
from redress.tickets.rules.steps import by_staff, of_incidents
from redress.tickets.rules.steps.by_staff import Classification
from redress.tickets.rules.steps.draft import Draft
from redress.tickets.rules.ticket import EventType, Ticket
from redress.wiring import repair as wiring
from redress.wiring import stores as wired_stores
from tests.builders import Clock, plan_document
from tests.functions.conftest import MEMBERS
from tests.world import Act, Opener, Stores

DEFECT = "product/defect"
FEW = 3


@pytest.fixture
def watch(staff: dict[str, Member], stores: Stores) -> SpikeWatch:
    """Looks for spikes under a plan in which three tickets in an hour are one."""
    publish(stores, {"tickets": FEW, "within": "1h"})
    return wiring.spikes()


def publish(stores: Stores, spike: dict[str, Any] | None) -> None:
    document = plan_document() | {"version": 2, "incidents": {"spike": spike} if spike else {}}
    stores.plan_store.publish(document, 2, 1)
    for plans in (stores.plans, wired_stores.plans()):
        plans.refresh()


def proposals(stores: Stores, *tickets: Ticket) -> list[dict[str, Any]]:
    return [
        event.data
        for ticket in tickets
        for event in stores.tickets.history(ticket.number)
        if event.type is EventType.INCIDENT_PROPOSED
    ]


def test_spike_of_one_category_is_proposed_once_on_its_newest_ticket(
    watch: SpikeWatch, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    tickets = []
    for _ in range(FEW):
        tickets.append(open_ticket(category=DEFECT))
        clock.advance(minutes=5)
    assert watch.watch(watch.opened()) == 1
    assert proposals(stores, *tickets[:-1]) == []
    found = {"category": DEFECT, "tickets": FEW, "within_s": 3600}
    assert proposals(stores, tickets[-1]) == [found]
    assert stores.tickets.get(tickets[-1].number).clocks == tickets[-1].clocks
    open_ticket(category=DEFECT)
    assert watch.watch(watch.opened()) == 0


def test_tickets_of_several_categories_or_of_a_longer_time_are_no_spike(
    watch: SpikeWatch, open_ticket: Opener, clock: Clock
) -> None:
    open_ticket(category=DEFECT)
    open_ticket(category="service")
    open_ticket()
    assert watch.watch(watch.opened()) == 0
    clock.advance(minutes=61)
    open_ticket(category=DEFECT)
    open_ticket(category=DEFECT)
    assert watch.watch(watch.opened()) == 0
    open_ticket(category=DEFECT)
    assert watch.watch(watch.opened()) == 1


def test_proposal_is_not_repeated_after_the_category_of_its_ticket_was_corrected(
    watch: SpikeWatch, open_ticket: Opener, act: Act, clock: Clock
) -> None:
    for _ in range(FEW):
        clock.advance(minutes=1)
        newest = open_ticket(category=DEFECT)
    assert watch.watch(watch.opened()) == 1
    what = Classification("complaint", category="service")
    act(newest, by_staff.reclassify, MEMBERS["lin"].actor, what, "a reason")
    open_ticket(category=DEFECT)
    assert watch.watch(watch.opened()) == 0
    for _ in range(FEW - 1):
        open_ticket(category="service")
    assert watch.watch(watch.opened()) == 1, "another category has a spike of its own"


def test_incident_that_a_rung_has_proposed_hides_no_spike(
    watch: SpikeWatch, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    tickets = [open_ticket(category=DEFECT) for _ in range(FEW)]
    for one in tickets:
        draft = Draft(one, stores.plans.current(), SYSTEM, clock.now())
        change = draft.add(EventType.INCIDENT_PROPOSED, {"clock": "resolution"}).change()
        stores.tickets.commit(change, clock.now())
    assert watch.watch(watch.opened()) == 1


def test_tickets_of_a_declared_incident_do_not_count_and_hide_no_further_spike(
    watch: SpikeWatch, open_ticket: Opener, act: Act, clock: Clock
) -> None:
    tickets = [open_ticket(category=DEFECT) for _ in range(FEW)]
    lin, id_ = MEMBERS["lin"].actor, "9f86d081884c7d65"
    new = Incident(id_, "complaints", "Seals", "Rubber", clock.now(), lin.id, "")
    entry = IncidentChange(1, Done.DECLARED, clock.now(), lin.id)
    IncidentStore(wired_stores.models()).declare(new, entry)
    act(tickets[0], of_incidents.join, lin, id_, 0, "")
    assert watch.watch(watch.opened()) == 0
    open_ticket(category=DEFECT)
    assert watch.watch(watch.opened()) == 1


def test_complaint_that_is_kept_from_somebody_does_not_count(
    watch: SpikeWatch, open_ticket: Opener, act: Act
) -> None:
    tickets = [open_ticket(category=DEFECT) for _ in range(FEW)]
    lin = MEMBERS["lin"].actor

    def about(ticket: Ticket, plan: Plan, at: Any) -> Any:
        return by_staff.set_about(ticket, plan, lin, ["a-mei"], "named", at)

    act(tickets[0], about)
    assert watch.watch(watch.opened()) == 0


def test_plan_without_a_spike_reads_no_ticket(
    watch: SpikeWatch, open_ticket: Opener, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = plan_document() | {"version": 3, "incidents": {}}
    stores.plan_store.publish(document, 3, 2)
    wired_stores.plans().refresh()
    for _ in range(FEW):
        open_ticket(category=DEFECT)
    monkeypatch.setattr(wired_stores.lists(), "opened_page", None)
    assert watch.watch(watch.opened()) == 0


def test_stack_without_new_tickets_reads_no_plan(
    watch: SpikeWatch, open_ticket: Opener, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(FEW):
        open_ticket(category=DEFECT)
    clock.advance(hours=25)
    monkeypatch.setattr(wired_stores.plans(), "current", None)
    assert watch.watch(watch.opened()) == 0


def test_quiet_stack_reads_only_the_number_of_new_tickets(
    watch: SpikeWatch, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(FEW - 1):
        open_ticket(category=DEFECT)
    monkeypatch.setattr(wired_stores.lists(), "opened_page", None)
    monkeypatch.setattr(wired_stores.tickets(), "get_readable", None)
    assert watch.watch(watch.opened()) == 0
