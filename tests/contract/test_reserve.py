"""Contract of peaks and empty desks: who is called, who is told, and that both happen once."""

from __future__ import annotations

from typing import Any

import pytest

from redress.plans.rules.document import parse
from redress.plans.rules.plan import Plan
from redress.staff.rules.availability import CALLED_FOR, Presence
from redress.tickets.rules.steps import by_staff, by_timer
from redress.tickets.rules.ticket import Event, EventType
from tests.builders import MEI, plan_document
from tests.contract.conftest import Shop


def history(shop: Shop, number: str) -> list[Event]:
    return shop.tickets.history(number)


def calls(shop: Shop, *numbers: str) -> list[Event]:
    """The events that called reserve staff."""
    return [
        event
        for number in numbers
        for event in history(shop, number)
        if event.type is EventType.UNPLACED and "called" in event.data
    ]


@pytest.fixture
def small(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop whose plan calls reserve staff when more than four tickets wait."""
    plan = _plan(reserve_over=4)
    monkeypatch.setattr(shop.plans, "get", lambda version: plan)
    return shop


def _plan(**changes: Any) -> Plan:
    document = plan_document()
    return parse(document | {"routing": document["routing"] | changes})


def waiting(shop: Shop, count: int) -> list[str]:
    """The numbers of tickets that were offered to nobody."""
    numbers = []
    for _ in range(count):
        life = shop.open()
        shop.assigner().assign(life.ticket.number)
        numbers.append(life.ticket.number)
    return numbers


def test_too_long_a_queue_calls_reserve_staff_once_and_they_take_work(small: Shop) -> None:
    """Over a threshold reserve staff are called. The call ends when half of it waits."""
    small.member("a-reserve", reserve=True, capacity=10)
    numbers = waiting(small, 4)
    assert calls(small, *numbers) == []
    assert small.staff.availability("a-reserve").load == 0
    numbers += waiting(small, 2)
    [call] = calls(small, *numbers)
    assert call.data["called"] == 5
    assert small.staff.availability("a-reserve").load == 2, "the one that called, and the next"
    assert len(small.assigner().drain("complaints")) == 2
    assert len(small.lists.queued("complaints")) == 2, "with two the call is over"
    assert small.staff.call("complaints", small.clock.now()) is None
    more = waiting(small, 3)
    assert [event.data["called"] for event in calls(small, *more)] == [5], "the next peak"


def test_urgent_ticket_that_calls_reserve_staff_goes_to_them_also_if_the_plan_opens_its_tasks(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    document, title = plan_document(), {"zh-CN": "停售", "zh-TW": "停售", "en": "Stop the sale"}
    document["routing"]["reserve_over"] = 1
    task = {"name": "stop_sale", "team": "service", "title": title, "text": title}
    document["urgent"]["tasks"] = [task]
    plan = parse(document)
    monkeypatch.setattr(shop.plans, "get", lambda version: plan)
    shop.member("a-reserve", reserve=True, capacity=10)
    waiting(shop, 1)
    number = shop.open("urgent").ticket.number
    assert shop.assigner().assign(number) == "a-reserve"
    types = [event.type for event in history(shop, number)]
    assert types[-3:] == [EventType.UNPLACED, EventType.TASK_OPENED, EventType.ASSIGNED]


def test_call_goes_on_while_the_queue_stays_long(small: Shop) -> None:
    """Also if no new ticket comes that could call reserve staff again."""
    waiting(small, 6)
    small.clock.advance(seconds=CALLED_FOR.total_seconds() - 60)
    assert small.assigner().drain("complaints") == [], "nobody is there"
    small.clock.advance(hours=1)
    small.member("a-reserve", reserve=True, capacity=10)
    assert len(small.assigner().drain("complaints", "a-reserve")) == 4


def test_reserve_staff_get_tickets_of_a_short_queue_if_nobody_else_is_there(shop: Shop) -> None:
    """In plan 1 after ten minutes, on every channel."""
    shop.member("a-reserve", reserve=True)
    [number] = waiting(shop, 1)
    shop.clock.advance(minutes=9)
    shop.changes.change(number, by_timer.act_on_due_rungs)
    assert shop.assigner().drain("complaints") == []
    shop.clock.advance(minutes=1)
    shop.changes.change(number, by_timer.act_on_due_rungs)
    assert shop.assigner().assign(number) == "a-reserve"


def test_call_that_nobody_ends_is_over_after_half_a_day(small: Shop) -> None:
    waiting(small, 5)
    assert small.staff.call("complaints", small.clock.now()) is not None
    small.clock.advance(seconds=CALLED_FOR.total_seconds())
    [event] = calls(small, *waiting(small, 1))
    assert event.data["called"] == 5, "more are not counted"


def unanswered(shop: Shop, minutes: int, **fields: Any) -> str:
    """The number of a chat that was offered to nobody, and whose steps have acted since."""
    life = shop.open("inquiry", channel="chat", **fields)
    number = life.ticket.number
    assert shop.assigner().assign(number) is None
    shop.clock.advance(minutes=minutes)
    shop.changes.change(number, by_timer.act_on_due_rungs)
    shop.assigner().assign(number)
    return number


WORDS = {
    "zh-CN": {"subject": "水壶漏水", "description": "水壶的把手漏水了，请问怎么处理？谢谢。"},
    "zh-TW": {"subject": "水壺漏水", "description": "水壺的把手漏水了，請問怎麼處理？謝謝。"},
    "en": {},
}


@pytest.mark.parametrize("language", ["zh-CN", "zh-TW", "en"])
def test_customer_is_told_once_that_nobody_is_there(shop: Shop, language: str) -> None:
    """Story 7: nobody gets the ticket who is not there. It stays in the queue, and the supervisor
    and the customer are told, in the words of the plan."""
    member = shop.member(MEI.id, team="service", languages=("zh-CN", "zh-TW", "en"))
    shop.staff.record(member, Presence.AWAY, shop.clock.now())
    number = unanswered(shop, 2, language=language, **WORDS[language])
    told = [e for e in history(shop, number) if e.type is EventType.NOBODY_THERE]
    [entry] = [e for e in plan_document()["routing"]["nobody"] if "channel" in e["when"]]
    assert [event.data["text"] for event in told] == [entry["text"][language]]
    shop.assigner().assign(number)
    assert [e.type for e in history(shop, number)].count(EventType.NOBODY_THERE) == 1
    ticket = shop.tickets.get(number)
    assert (ticket.assignee, ticket.nobody_told) == (None, True)
    assert number in shop.lists.queued("service")


def test_customer_is_not_told_before_the_time_of_the_plan(shop: Shop) -> None:
    number = unanswered(shop, 1)
    assert EventType.NOBODY_THERE not in [event.type for event in history(shop, number)]


def test_customer_is_not_told_that_nobody_is_there_if_all_are_full(shop: Shop) -> None:
    shop.member(MEI.id, team="service", capacity=0)
    number = unanswered(shop, 2)
    assert EventType.NOBODY_THERE not in [event.type for event in history(shop, number)]


def told(shop: Shop, number: str) -> bool:
    return EventType.NOBODY_THERE in [event.type for event in history(shop, number)]


def test_customer_is_not_told_that_nobody_is_there_while_somebody_is_busy(shop: Shop) -> None:
    member = shop.member(MEI.id, team="service", languages=("zh-CN", "en"))
    shop.staff.record(member, Presence.BUSY, shop.clock.now())
    shop.staff.listed()
    assert not told(shop, unanswered(shop, 2))


def test_customer_is_not_told_that_nobody_is_there_if_the_full_ones_were_withdrawn(
    shop: Shop,
) -> None:
    shop.member(MEI.id, team="service", capacity=0)
    assert shop.staff.withdraw(shop.staff.availability(MEI.id))
    shop.staff.listed()
    assert not told(shop, unanswered(shop, 2))


def test_customer_is_told_if_those_who_are_there_can_never_take_the_ticket(shop: Shop) -> None:
    """One declined it, and the other does not speak the language, which plan 1 always asks."""
    shop.member(MEI.id, team="service")
    life = shop.commit(shop.open("inquiry", channel="chat").assign(MEI.id))
    number = life.ticket.number
    life.take(by_staff.decline(life.ticket, life.plan, MEI, "I know them", shop.clock.now()))
    shop.commit(life)
    shop.member("a-jun", team="service", languages=("zh-TW",))
    assert shop.assigner().assign(number) is None
    shop.clock.advance(minutes=2)
    shop.changes.change(number, by_timer.act_on_due_rungs)
    assert shop.assigner().drain("service") == []
    assert told(shop, number)


def test_customer_who_can_wait_is_not_told(shop: Shop) -> None:
    """The acknowledgement of a mail said when it will be answered."""
    number = shop.open("inquiry", channel="email").ticket.number
    assigner = shop.assigner()
    assert assigner.assign(number) is None
    shop.clock.advance(minutes=10)
    shop.changes.change(number, by_timer.act_on_due_rungs)
    assert assigner.assign(number) is None
    assert EventType.NOBODY_THERE not in [event.type for event in history(shop, number)]


def test_coming_drains_the_queue_that_waited_over_night(shop: Shop) -> None:
    """Story 5: all were offline, and whoever comes gets what waits, up to their capacity."""
    numbers = waiting(shop, 3)
    shop.clock.advance(hours=9)
    shop.member(MEI.id, capacity=2)
    assigned = shop.assigner().drain("complaints")
    assert len(assigned) == 2
    assert set(assigned) < set(numbers)
    assert shop.staff.availability(MEI.id).load == 2
