"""Post-mortems on every engine: the list of those that are due, and the end of the workflow."""

from __future__ import annotations

import pytest

from redress.tickets.rules.steps import post_mortems
from redress.tickets.rules.steps.post_mortems import Learnt
from redress.tickets.rules.ticket import Phase, State
from redress.tickets.store import ranges
from redress.tickets.store.ranges import TicketRanges
from redress.tickets.store.transaction import Raced
from tests.builders import LIN, MEI, Life
from tests.contract.conftest import Shop


def reader(shop: Shop) -> TicketRanges:
    return TicketRanges(shop.intake_client, shop.table)


def closed(shop: Shop) -> Life:
    life = shop.open(kind="urgent")
    shop.commit(life.withdraw())
    return life


def test_list_of_post_mortems_has_closed_tickets_until_they_are_written(shop: Shop) -> None:
    def listed(team: str = "complaints") -> list[str]:
        entries, more = reader(shop).entries(ranges.post_mortems(team), None, 25)
        assert not more
        return [one.number for one in entries]

    first = closed(shop)
    shop.clock.advance(minutes=5)
    second = closed(shop)
    assert listed() == [first.ticket.number, second.ticket.number]
    assert listed("service") == []
    counted = reader(shop).counts([(ranges.post_mortems("complaints"), 200)])
    assert counted == [2]
    shop.commit(first.write_post_mortem())
    assert listed() == [second.ticket.number]
    opened, _ = reader(shop).entries(ranges.opened("complaints"), None, 25)
    assert [one.number for one in opened] == [second.ticket.number]


def test_closed_ticket_keeps_its_timer_until_the_post_mortem_is_written(shop: Shop) -> None:
    life = closed(shop)
    number = life.ticket.number
    assert life.ticket.state is State.CLOSED
    timer = shop.timers.get(number)
    assert (timer.phase, timer.gen) == (Phase.SURVEY, 1)
    assert timer.next_wake is not None
    shop.commit(life.write_post_mortem())
    timer = shop.timers.get(number)
    assert (timer.phase, timer.next_wake, timer.gen) == (Phase.CLOSED, None, 1)


def test_of_two_post_mortems_at_once_one_wins_and_the_other_is_told(shop: Shop) -> None:
    life = closed(shop)
    learnt = Learnt("It caught fire", "A bad thermostat", no_action="It is known")
    given, at = (life.ticket, life.plan), life.clock.now()
    winner, loser = (post_mortems.write(*given, by, learnt, {}, at) for by in (MEI, LIN))
    shop.tickets.commit(winner, shop.clock.now())
    with pytest.raises(Raced):
        shop.tickets.commit(loser, shop.clock.now())
    assert shop.tickets.get(life.ticket.number) == winner.after
