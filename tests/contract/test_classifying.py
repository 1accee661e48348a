"""A ticket is classified by the rules of its plan in the change that assigns it."""

from __future__ import annotations

from copy import replace
from datetime import timedelta

import pytest

from redress.clocks.rules.clocks import ClockName
from redress.customers.cases.matching import MatchingCase
from redress.staff.rules.availability import Presence
from redress.tickets.rules.fold import fold
from redress.tickets.rules.numbers import new_number
from redress.tickets.rules.steps import by_staff
from redress.tickets.rules.steps.by_staff import Classification
from redress.tickets.rules.steps.opening import open_ticket
from redress.tickets.rules.submission import parse
from redress.tickets.rules.ticket import EventType
from tests.builders import LIN, body, plan_1, submission
from tests.contract.conftest import Shop
from tests.customers.builders import EMAIL, LI_NA, new, profile

CHARGED = {"subject": "Order 4711", "description": "You charged me twice, please help."}
LATE = {"subject": "包裹", "description": "等了三周，我的包裹还没有收到。", "language": "zh-CN"}
ON_FIRE = {"subject": "Kettle", "description": "The kettle caught fire, and my hand is burnt."}


def types(shop: Shop, number: str) -> list[EventType]:
    return [event.type for event in shop.tickets.history(number)]


def test_ticket_is_classified_in_the_change_that_assigns_it(shop: Shop) -> None:
    """C1: the category is decided before anybody works on it, and the history says why."""
    shop.member(team="service")
    number = shop.open("inquiry", **LATE).ticket.number
    assert shop.assigner().assign(number) == "a-mei"
    history = shop.tickets.history(number)
    assert [one.type for one in history][-2:] == [EventType.CLASSIFIED, EventType.ASSIGNED]
    classified, assigned = history[-2:]
    assert classified.at == assigned.at
    assert classified.by.role == "system"
    assert classified.data["values"] == {"category": "delivery/late"}
    assert classified.data["from"] == {"category": None}
    assert classified.data["why"]["category"]["rule"] == "late_delivery"
    assert "还没有收到" in classified.data["why"]["category"]["words"]
    ticket = shop.tickets.get(number)
    assert (ticket.category, ticket.classified) == ("delivery/late", True)
    assert fold(history, plan_1()) == ticket


def test_ticket_that_nobody_can_take_is_classified_once(shop: Shop) -> None:
    number = shop.open("inquiry", **LATE).ticket.number
    for _ in range(3):
        assert shop.assigner().assign(number) is None
    assert types(shop, number).count(EventType.CLASSIFIED) == 1
    shop.member(team="service")
    assert shop.assigner().drain("service") == [number]
    assert types(shop, number).count(EventType.CLASSIFIED) == 1


def test_ticket_to_which_no_rule_applies_costs_no_event(shop: Shop) -> None:
    text = {"subject": "你好", "description": "想问一下你们的营业时间。"}
    number = shop.open("inquiry", **text).ticket.number
    shop.assigner().assign(number)
    assert EventType.CLASSIFIED not in types(shop, number)


def test_history_says_that_the_rules_found_nothing(shop: Shop) -> None:
    """A leader tells such a ticket from one at which no rule has looked."""
    text = {"subject": "你好", "description": "想问一下你们的营业时间。"}
    number = shop.open("inquiry", **text).ticket.number
    shop.assigner().assign(number)
    unplaced = shop.tickets.history(number)[-1]
    assert (unplaced.type, unplaced.data["decision"]["unclassified"]) == ("unplaced", True)
    shop.member(team="service")
    shop.assigner().assign(number)
    assigned = shop.tickets.history(number)[-1]
    assert (assigned.type, assigned.data["decision"]["unclassified"]) == ("assigned", True)
    classified = shop.open("inquiry", **LATE).ticket.number
    shop.assigner().assign(classified)
    assert "unclassified" not in shop.tickets.history(classified)[-1].data["decision"]


def test_category_that_the_customer_chose_stays(shop: Shop) -> None:
    chosen = replace(submission("inquiry", **LATE), category="order/status")
    change = open_ticket(chosen, new_number(), plan_1(), shop.clock.now())
    shop.tickets.open(change, shop.clock.now())
    shop.assigner().assign(change.after.number)
    assert shop.tickets.get(change.after.number).category == "order/status"


def test_what_a_person_corrected_is_never_changed_by_a_rule(shop: Shop) -> None:
    number = shop.open("inquiry", **LATE).ticket.number
    given = Classification(category="service")
    shop.changes.change(
        number, lambda t, p, at: by_staff.reclassify(t, p, LIN, given, "I read it", at)
    )
    shop.assigner().assign(number)
    assert shop.tickets.get(number).category == "service"
    assert EventType.CLASSIFIED not in types(shop, number)


def test_danger_makes_a_complaint_one_of_consequence_with_earlier_promises(shop: Shop) -> None:
    shop.member()
    opened = shop.open(**ON_FIRE).ticket
    shop.assigner().assign(opened.number)
    ticket = shop.tickets.get(opened.number)
    assert (ticket.urgency, ticket.impact, ticket.priority) == ("high", "high", "urgent")
    assert ticket.clocks[ClockName.RESOLUTION].ladder == "consequence"
    for name, clock in opened.clocks.items():
        assert ticket.clocks[name].due_at <= clock.due_at


def test_language_of_a_channel_is_corrected_where_the_text_is_clear(shop: Shop) -> None:
    said = parse(body("inquiry", language="zh-CN", **CHARGED), "chat")
    opened = open_ticket(said, new_number(), plan_1(), shop.clock.now())
    shop.tickets.open(opened, shop.clock.now())
    shop.assigner().assign(opened.after.number)
    ticket = shop.tickets.get(opened.after.number)
    assert (ticket.language, ticket.category) == ("en", "payment/double_charge")
    [profile] = shop.customers.get_readable([ticket.customer or ""])
    assert profile.languages == ("en",)


@pytest.mark.parametrize("is_matched_before", [False, True])
def test_language_that_the_customer_chose_is_not_overwritten_by_the_text(
    shop: Shop, is_matched_before: bool
) -> None:
    chosen = profile(LI_NA, EMAIL, languages=("zh-TW",), languages_chosen=True)
    shop.customers.write([new(chosen)])
    said = parse(body("inquiry", language="zh-TW", **CHARGED), "chat")
    opened = open_ticket(said, new_number(), plan_1(), shop.clock.now())
    shop.tickets.open(opened, shop.clock.now())
    number = opened.after.number
    if is_matched_before:
        assert MatchingCase(shop.customers, shop.changes).match(number)
    shop.assigner().assign(number)
    ticket = shop.tickets.get(number)
    assert (ticket.customer, ticket.language) == (LI_NA, "zh-TW")
    assert ticket.category == "payment/double_charge"
    assert shop.customers.get(LI_NA).languages == ("zh-TW",)


def test_ticket_without_clear_words_is_in_a_language_that_the_customer_chose(shop: Shop) -> None:
    chosen = profile(LI_NA, EMAIL, languages=("en",), languages_chosen=True)
    shop.customers.write([new(chosen)])
    said = parse(body("inquiry", language="zh-CN", subject="4711", description="KX-1"), "chat")
    opened = open_ticket(said, new_number(), plan_1(), shop.clock.now())
    shop.tickets.open(opened, shop.clock.now())
    shop.assigner().assign(opened.after.number)
    assert shop.tickets.get(opened.after.number).language == "en"
    [classified] = [
        one for one in shop.tickets.history(opened.after.number) if one.type is EventType.CLASSIFIED
    ]
    assert classified.data["why"] == {"language": {"profile": "en"}}


def test_ticket_on_which_somebody_has_worked_is_not_classified(shop: Shop) -> None:
    shop.member(team="service")
    number = shop.open("inquiry", **LATE).ticket.number
    shop.changes.change(
        number, lambda t, p, at: by_staff.tell_progress(t, p, LIN, "We look into it.", at)
    )
    shop.assigner().assign(number)
    assert shop.tickets.get(number).category is None


@pytest.mark.parametrize(
    ("apart", "impact"), [(timedelta(days=5), "high"), (timedelta(days=40), "normal")]
)
def test_third_complaint_of_a_customer_within_a_month_is_of_consequence(
    shop: Shop, apart: timedelta, impact: str
) -> None:
    shop.member(capacity=9)
    numbers = []
    for _ in range(3):
        numbers.append(shop.open(subject="投诉", description="又来了").ticket.number)
        shop.assigner().assign(numbers[-1])
        shop.clock.moment += apart
        shop.staff.record(shop.staff.member("a-mei"), Presence.AVAILABLE, shop.clock.now())
    tickets = [shop.tickets.get(number) for number in numbers]
    assert [one.impact for one in tickets] == ["normal", "normal", impact]
    last = shop.tickets.history(numbers[-1])
    reasons = [e.data["why"].get("impact") for e in last if e.type is EventType.CLASSIFIED]
    assert reasons == ([{"rule": "complains_again", "earlier": 2}] if impact == "high" else [])
