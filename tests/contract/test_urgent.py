"""The tasks that a plan opens on urgent tickets, on every engine."""

from __future__ import annotations

from copy import replace

from redress.tickets.rules.fold import fold
from redress.tickets.rules.numbers import new_number
from redress.tickets.rules.steps.opening import open_for_caller, open_ticket
from redress.tickets.rules.ticket import EventType
from redress.tickets.store.tasks import TaskLists
from tests.builders import MEI, plan_document, submission
from tests.contract.conftest import Shop
from tests.customers.builders import EMAIL, LI_NA, new, profile

TITLE = {"zh-CN": "停售", "zh-TW": "停售", "en": "Stop the sale"}
TASK = {"name": "stop_sale", "team": "service", "title": TITLE, "text": TITLE}


def publish(shop: Shop) -> None:
    document = plan_document() | {"version": 2}
    document["urgent"]["tasks"] = [TASK | {"when": {"category": "product"}}]
    shop.plan_store.publish(document, 2, 1)
    shop.clock.advance(seconds=10)


def opened(shop: Shop, kind: str = "urgent", category: str = "product/defect") -> str:
    said, now = replace(submission(kind), category=category), shop.clock.now()
    change = open_ticket(said, new_number(), shop.plans.current(), now)
    shop.tickets.open(change, now)
    return change.after.number


def test_tasks_are_written_in_the_change_that_assigns_the_ticket(shop: Shop) -> None:
    publish(shop)
    shop.member()
    number = opened(shop)
    assert shop.assigner().assign(number) == "a-mei"
    history = shop.tickets.history(number)
    assigned, task = history[-2:]
    assert (assigned.type, task.type) == (EventType.ASSIGNED, EventType.TASK_OPENED)
    assert assigned.at == task.at
    assert (task.by.role, task.data["planned"]) == ("system", "stop_sale")
    ticket = shop.tickets.get(number)
    assert fold(history, shop.plans.get(2)) == ticket
    [listed] = TaskLists(shop.models).queued("service", None, 25)
    assert (listed.number, listed.task) == (number, "1")


def test_tasks_are_opened_once_if_nobody_can_take_the_ticket(shop: Shop) -> None:
    publish(shop)
    number = opened(shop)
    for _ in range(3):
        assert shop.assigner().assign(number) is None
    shop.member()
    assert shop.assigner().drain("complaints") == [number]
    types = [event.type for event in shop.tickets.history(number)]
    assert types.count(EventType.TASK_OPENED) == 1


def test_tasks_of_a_call_are_opened_when_the_system_has_looked_at_the_ticket(shop: Shop) -> None:
    """The agent has it from the beginning, so nobody is offered it."""
    publish(shop)
    shop.member()
    said, now = replace(submission("urgent"), category="product/defect"), shop.clock.now()
    change = open_for_caller(said, new_number(), shop.plans.current(), MEI, now, takes=True)
    assert EventType.TASK_OPENED not in [event.type for event in change.events]
    shop.tickets.open(change, now)
    number = change.after.number
    for _ in range(2):
        assert shop.assigner().assign(number) is None
    types = [event.type for event in shop.tickets.history(number)]
    assert types.count(EventType.TASK_OPENED) == 1
    assert shop.tickets.get(number).assignee == MEI.id


def test_customer_of_a_type_opens_tasks_after_the_search_for_whom_a_complaint_is_about(
    shop: Shop,
) -> None:
    document = plan_document() | {"version": 2}
    document["urgent"] |= {"when": {"customer_type": ["vip"]}, "tasks": [TASK]}
    shop.plan_store.publish(document, 2, 1)
    shop.clock.advance(seconds=10)
    shop.customers.write([new(profile(LI_NA, EMAIL, type="vip"))])
    shop.member()
    shop.member("a-tao", name="陶立行", team="service")
    said, now = submission(description="陶立行没有回电话，我等了三天。"), shop.clock.now()
    change = open_ticket(said, new_number(), shop.plans.current(), now)
    shop.tickets.open(change, now)
    shop.assigner().assign(change.after.number)
    types = [event.type for event in shop.tickets.history(change.after.number)]
    assert types.index(EventType.RECLASSIFIED) < types.index(EventType.ABOUT_SET)
    assert types.index(EventType.ABOUT_SET) < types.index(EventType.TASK_OPENED)
    ticket = shop.tickets.get(change.after.number)
    assert ticket.about == ("a-tao",)
    assert [task.private for task in ticket.tasks] == [True]


def test_other_tickets_have_no_event_and_no_item_more(shop: Shop) -> None:
    publish(shop)
    shop.member()
    others = [opened(shop, "complaint"), opened(shop, "urgent", "delivery/late")]
    for number in others:
        assert shop.assigner().assign(number) == "a-mei"
        types = [event.type for event in shop.tickets.history(number)]
        assert EventType.TASK_OPENED not in types
    assert [pk for pk, sk in shop.items() if sk.startswith("WORK#")] == []
