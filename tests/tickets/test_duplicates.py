"""Proposed duplicates: nothing follows from a proposal, and none is made twice."""

from __future__ import annotations

from copy import replace

import pytest

from redress.base.errors import InvalidInput, NotAllowedNow, Unchanged
from redress.base.people import SYSTEM
from redress.tickets.rules.steps import duplicates
from redress.tickets.rules.steps.table import MOST_DUPLICATES
from redress.tickets.rules.ticket import Duplicate, EventType, LinkKind, State, Ticket
from redress.tickets.store.snapshot import encode
from tests.builders import LIN, OTHER, Life, life_at

THIRD = "R-0M4C1-Z2Y3W"


def propose(life: Life, **found: int) -> Ticket | None:
    """The ticket after a search that found these tickets, whose numbers are short here."""
    numbered = {f"R-00000-0000{name}": alike for name, alike in found.items()}
    change = duplicates.propose(life.ticket, life.plan, numbered, life.clock.now())
    return life.take(change).ticket if change is not None else None


def test_proposal_moves_no_clock_and_no_state_and_closes_nothing() -> None:
    """Story 14: "related" tickets were closed as duplicates."""
    life = Life().open().assign()
    before = life.ticket
    after = life.wait(minutes=1).propose_duplicate().ticket
    assert after.duplicates == (Duplicate(OTHER, 83),)
    assert (
        replace(after, duplicates=(), version=before.version, changed_at=before.changed_at)
        == before
    )
    assert life.folded == after
    assert life.last.events[0].by == SYSTEM


def test_search_that_is_repeated_proposes_nothing_again() -> None:
    life = Life().open().propose_duplicate()
    again = duplicates.propose(life.ticket, life.plan, {OTHER: 90}, life.clock.now())
    assert again is None
    more = duplicates.propose(life.ticket, life.plan, {OTHER: 90, THIRD: 50}, life.clock.now())
    assert more is not None
    assert [one.data["ticket"] for one in more.events] == [THIRD]


def test_pair_that_a_person_dismissed_is_never_proposed_again() -> None:
    life = Life().open().propose_duplicate().dismiss_duplicate(by=LIN)
    assert life.ticket.open_duplicates == ()
    assert duplicates.propose(life.ticket, life.plan, {OTHER: 100}, life.clock.now()) is None
    assert life.folded == life.ticket
    assert life.last.events[0].data == {"ticket": OTHER, "why": "a reason"}


def test_ticket_has_few_proposals_the_most_similar_ones() -> None:
    life = Life().open()
    after = propose(life, A=41, B=90, C=60, D=60, E=99)
    assert after is not None
    assert [one.similarity for one in after.duplicates] == [99, 90, 60]
    assert [one.number[-1] for one in after.duplicates] == ["E", "B", "C"]
    assert len(after.duplicates) == MOST_DUPLICATES
    assert propose(life, F=100) is None


@pytest.mark.parametrize("kind", [LinkKind.RELATED, LinkKind.FOLLOW_UP_OF])
def test_link_decides_about_a_proposal_and_a_linked_ticket_is_not_proposed(kind: LinkKind) -> None:
    life = Life().open().propose_duplicate().link(kind)
    assert life.ticket.open_duplicates == ()
    assert life.unlink(kind).ticket.open_duplicates == (Duplicate(OTHER, 83),)
    linked = Life().open().link(kind)
    assert duplicates.propose(linked.ticket, linked.plan, {OTHER: 90}, linked.clock.now()) is None


def test_merge_decides_about_a_proposal() -> None:
    source, target = Life().open(), Life().open(number=OTHER)
    source.propose_duplicate().merge(target)
    assert source.ticket.open_duplicates == ()
    older, newer = Life().open(number=OTHER), Life().open()
    newer.propose_duplicate()
    older.merge(newer)
    assert newer.ticket.open_duplicates == ()


def test_dismissal_names_a_proposal_and_is_made_once() -> None:
    life = Life().open().propose_duplicate()
    with pytest.raises(InvalidInput) as refused:
        life.dismiss_duplicate(THIRD)
    assert [(one.pointer, one.code) for one in refused.value.faults] == [
        ("/ticket", "not_proposed")
    ]
    life.dismiss_duplicate()
    with pytest.raises(Unchanged):
        life.dismiss_duplicate()
    types = [one.type for one in life.events]
    assert types.count(EventType.DUPLICATE_DISMISSED) == 1


def test_proposal_that_nobody_decided_about_ends_with_the_ticket() -> None:
    life = Life().open().propose_duplicate()
    assert life.resolve().ticket.open_duplicates == (Duplicate(OTHER, 83),)
    closed = Life().open().propose_duplicate().withdraw()
    assert closed.ticket.open_duplicates == ()
    with pytest.raises(NotAllowedNow):
        closed.dismiss_duplicate()


@pytest.mark.parametrize("state", [State.RESOLVED, State.CONFIRMED, State.CLOSED])
def test_ticket_on_which_nobody_works_gets_no_proposal(state: State) -> None:
    with pytest.raises(NotAllowedNow):
        life_at(state).propose_duplicate()


def test_ticket_without_proposals_has_nothing_of_them_in_its_snapshot() -> None:
    assert "duplicates" not in encode(Life().open().ticket)
