"""Remedies on every engine: the lists, and races between a remedy, its end and a resolution."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from redress.base.errors import NotAllowedNow
from redress.db import keys
from redress.tickets.rules.remedies import RemedyState
from redress.tickets.rules.steps import by_staff, remedying
from redress.tickets.rules.ticket import Phase, State
from redress.tickets.store.remedies import Listed, RemedyLists
from redress.tickets.store.transaction import Raced
from tests.builders import LIN, MEI
from tests.contract.conftest import Shop


def numbers(found: list[Listed]) -> list[tuple[str, str]]:
    return [(one.number, one.remedy) for one in found]


def test_lists_of_remedies_follow_decision_due_time_team_and_end(shop: Shop) -> None:
    lists = RemedyLists(shop.models)

    def listed(team: str, state: RemedyState) -> list[tuple[str, str]]:
        return numbers(lists.of_team(team, state, None, 25))

    late, soon = (shop.open(contact={"name": "Li Na", "phone": "13800138000"}) for _ in range(2))
    now = shop.clock.moment
    shop.commit(late.propose_remedy(amount=1, due=now + timedelta(hours=5)))
    shop.commit(soon.propose_remedy(amount=1, due=now + timedelta(hours=2)))
    both = [(soon.ticket.number, "1"), (late.ticket.number, "1")]
    assert listed("complaints", RemedyState.PROMISED) == both
    [first] = lists.of_team("complaints", RemedyState.PROMISED, None, 1)
    assert numbers(lists.of_team("complaints", RemedyState.PROMISED, first.key, 25)) == both[1:]
    shop.commit(soon.propose_remedy())
    assert listed("complaints", RemedyState.PROPOSED) == [(soon.ticket.number, "2")]
    shop.commit(soon.approve_remedy())
    assert listed("complaints", RemedyState.PROPOSED) == []
    assert (soon.ticket.number, "2") in listed("complaints", RemedyState.PROMISED)
    shop.commit(late.reassign(None, "service"))
    assert listed("service", RemedyState.PROMISED) == both[1:]
    shop.commit(late.finish_remedy(by=LIN))
    assert listed("service", RemedyState.PROMISED) == []
    ended = shop.item(keys.ticket_pk(late.ticket.number), keys.remedy_sk("1"))
    assert set(ended) == {"pk", "sk", "expires"}


def test_item_of_a_remedy_is_no_part_of_the_file_of_its_ticket(shop: Shop) -> None:
    life = shop.open()
    shop.commit(life.propose_remedy())
    file = shop.tickets.file(life.ticket.number, with_viewers=True)
    assert (file.ticket, file.mails, file.attached) == (life.ticket, [], [])


def test_of_an_approval_and_a_withdrawal_at_once_one_wins_and_nothing_is_half_done(
    shop: Shop,
) -> None:
    """Both were decided on the same version. Whoever loses decides again, and is refused."""
    for first in ("approval", "withdrawal"):
        life = shop.open()
        shop.commit(life.propose_remedy())
        given, at = (life.ticket, life.plan), life.clock.now()
        changes = {
            "approval": remedying.approve(*given, LIN, "1", None, "Words", at),
            "withdrawal": remedying.withdraw(*given, MEI, "1", "why", "", at),
        }
        winner = changes.pop(first)
        [loser] = changes.values()
        shop.tickets.commit(winner, shop.clock.now())
        with pytest.raises(Raced):
            shop.tickets.commit(loser, shop.clock.now())
        assert shop.tickets.get(life.ticket.number) == winner.after


def test_approval_and_withdrawal_from_two_threads_leave_one_of_them(amazons: Shop) -> None:
    life = amazons.open()
    amazons.commit(life.propose_remedy())
    number, ready = life.ticket.number, threading.Barrier(2)
    refused: list[str] = []

    def approve() -> None:
        ready.wait()
        try:
            amazons.changes.change(
                number, lambda t, p, at: remedying.approve(t, p, LIN, "1", None, "Words", at)
            )
        except NotAllowedNow:
            refused.append("approval")

    def withdraw() -> None:
        ready.wait()
        try:
            amazons.changes.change(
                number, lambda t, p, at: remedying.withdraw(t, p, MEI, "1", "why", "", at)
            )
        except NotAllowedNow:
            refused.append("withdrawal")
        except Exception as error:  # it was promised first: a leader takes it back, with a word
            refused.append(type(error).__name__)

    threads = [threading.Thread(target=approve), threading.Thread(target=withdraw)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    state = amazons.tickets.get(number).remedies[0].state
    assert (state, refused) in [("promised", ["InvalidInput"]), ("withdrawn", ["approval"])]


def test_of_a_remedy_and_a_resolution_at_once_one_wins(shop: Shop) -> None:
    life = shop.open()
    proposed = remedying.propose(
        life.ticket,
        life.plan,
        MEI,
        remedying.NewRemedy("refund", "why", 50_000, "CNY"),
        "Words",
        life.clock.now(),
    )
    resolved = by_staff.resolve(
        life.ticket, life.plan, MEI, "Solved", "upheld", "new", "seal", life.clock.now()
    )
    shop.tickets.commit(proposed, shop.clock.now())
    with pytest.raises(Raced):
        shop.tickets.commit(resolved, shop.clock.now())
    assert shop.tickets.get(life.ticket.number) == proposed.after


def test_closed_ticket_with_a_promised_remedy_keeps_its_timer_until_it_is_done(shop: Shop) -> None:
    life = shop.open()
    shop.commit(life.propose_remedy(amount=1))
    shop.commit(life.withdraw())
    timer = shop.timers.get(life.ticket.number)
    assert (life.ticket.state, timer.phase) == (State.CLOSED, Phase.SURVEY)
    assert timer.next_wake is not None
    shop.commit(life.finish_remedy())
    timer = shop.timers.get(life.ticket.number)
    assert (timer.phase, timer.next_wake) == (Phase.CLOSED, None)
