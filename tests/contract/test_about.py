"""A complaint that names members of staff is about them from its assignment on."""

from __future__ import annotations

from copy import replace

import pytest

from redress.base.people import Member, Role
from redress.staff.rules.availability import Presence
from redress.tickets.rules.steps import by_staff
from redress.tickets.rules.ticket import EventType
from tests.builders import LIN
from tests.contract.conftest import Shop

NA = Member("a-na", "李娜", "na@example.com", Role.AGENT, "complaints", ("zh-CN", "en"), 5)
BO = Member("a-bo", "Bo Ek", "bo@example.com", Role.AGENT, "complaints", ("zh-CN", "en"), 5)
RUDE = {"subject": "投诉", "description": "客服李娜态度很差"}


def come(shop: Shop, *members: Member) -> None:
    for member in members:
        shop.staff.record(member, Presence.AVAILABLE, shop.clock.now())


def test_complaint_is_assigned_to_an_agent_whom_it_does_not_name(shop: Shop) -> None:
    come(shop, NA, BO)
    number = shop.open(**RUDE).ticket.number
    assert shop.assigner().assign(number) == "a-bo"
    ticket = shop.tickets.get(number)
    assert (ticket.assignee, ticket.about) == ("a-bo", ("a-na",))
    assert shop.staff.tickets_about("a-na") == [number]
    events = shop.tickets.history(number)
    assert [event.type for event in events][-2:] == [EventType.ABOUT_SET, EventType.ASSIGNED]
    assert events[-2].at == events[-1].at
    assert events[-2].data["why"] == "the complaint names them"


def test_complaint_that_names_the_only_agent_waits_and_is_searched_once(shop: Shop) -> None:
    come(shop, NA)
    number = shop.open(**RUDE).ticket.number
    assert shop.assigner().assign(number) is None
    ticket = shop.tickets.get(number)
    assert (ticket.assignee, ticket.about) == (None, ("a-na",))
    assert shop.assigner().assign(number) is None
    assert shop.tickets.get(number).version == ticket.version
    come(shop, BO)
    assert shop.assigner().drain("complaints") == [number]
    assert shop.tickets.get(number).assignee == "a-bo"


def test_name_that_staff_took_off_is_not_found_again(shop: Shop) -> None:
    come(shop, NA)
    number = shop.open(**RUDE).ticket.number
    shop.assigner().assign(number)
    shop.changes.change(number, lambda t, p, at: by_staff.set_about(t, p, LIN, [], "praise", at))
    assert shop.staff.tickets_about("a-na") == []
    assert shop.assigner().assign(number) == "a-na"
    assert shop.tickets.get(number).about == ()


def test_complaint_that_somebody_took_before_the_search_goes_back_to_the_queue(
    shop: Shop,
) -> None:
    come(shop, NA)
    number = shop.open(**RUDE).ticket.number
    shop.changes.change(
        number, lambda t, p, at: by_staff.reassign(t, p, LIN, "a-na", None, "quick", at)
    )
    assert shop.assigner().assign(number) is None
    ticket = shop.tickets.get(number)
    assert (ticket.assignee, ticket.about) == (None, ("a-na",))
    assert shop.staff.availability("a-na").load == 0


@pytest.mark.parametrize("kind", ["inquiry", "urgent"])
def test_only_complaints_are_searched(shop: Shop, kind: str) -> None:
    come(shop, replace(NA, team="service"), BO)
    number = shop.open(kind, **RUDE).ticket.number
    shop.assigner().assign(number)
    assert shop.tickets.get(number).about == ()
