"""Links between tickets: each kind has its own effect, and both sides say so (story 14)."""

from __future__ import annotations

from copy import replace

import pytest

from redress.base.errors import InvalidInput, Unchanged
from redress.tickets.rules.steps import linking
from redress.tickets.rules.steps.table import MOST_LINKS
from redress.tickets.rules.ticket import (
    INVERSE,
    WITHOUT_EFFECT,
    EventType,
    LinkKind,
    State,
    TicketLink,
)
from redress.tickets.store.snapshot import encode
from tests.builders import LIN, OTHER, Life, life_at


@pytest.mark.parametrize("kind", WITHOUT_EFFECT)
def test_link_moves_no_clock_and_closes_nothing(kind: LinkKind) -> None:
    """Related tickets were closed as duplicates in another product: here nothing follows."""
    life = Life().open().assign()
    before = life.ticket
    after = life.wait(minutes=1).link(kind, by=LIN).ticket
    assert after.links == (TicketLink(kind, OTHER),)
    assert (
        replace(
            after,
            links=(),
            version=before.version,
            last_person_version=before.last_person_version,
            changed_at=before.changed_at,
        )
        == before
    )
    assert life.folded == after


@pytest.mark.parametrize("kind", WITHOUT_EFFECT)
def test_both_sides_say_so_with_the_inverse_kind(kind: LinkKind) -> None:
    first, second = Life().open(), Life().open(number=OTHER)
    at = first.clock.now()
    sides = (first.ticket, first.plan, at), (second.ticket, second.plan, at)
    mine, theirs = linking.link_both(*sides, LIN, kind, "the same batch")
    assert [one.type for one in (*mine.events, *theirs.events)] == [EventType.LINKED] * 2
    assert mine.after.links == (TicketLink(kind, OTHER),)
    assert theirs.after.links == (TicketLink(INVERSE[kind], first.ticket.number),)
    sides = (mine.after, first.plan, at), (theirs.after, second.plan, at)
    ended, too = linking.unlink_both(*sides, LIN, kind, "another batch")
    assert ended.after.links == too.after.links == ()


def test_same_link_twice_and_a_link_with_itself_are_refused() -> None:
    life = Life().open().link()
    with pytest.raises(Unchanged):
        life.link()
    with pytest.raises(InvalidInput) as caught:
        life.link(to=life.ticket.number)
    assert [one.code for one in caught.value.faults] == ["same_ticket"]


def test_two_tickets_do_not_follow_each_other() -> None:
    life = Life().open().link(LinkKind.FOLLOW_UP_OF)
    with pytest.raises(InvalidInput) as caught:
        life.link(LinkKind.FOLLOWED_BY)
    assert [one.code for one in caught.value.faults] == ["linked_otherwise"]
    assert len(life.link(LinkKind.RELATED).ticket.links) == 2


def test_every_fault_of_a_link_is_named_and_no_ticket_has_too_many() -> None:
    life = Life().open().link(LinkKind.FOLLOW_UP_OF)
    for index in range(MOST_LINKS - 1):
        life.link(to=f"R-00000-{index:05}")
    full = replace(life.ticket, number=OTHER)
    faults = linking.link_faults(life.ticket, LinkKind.FOLLOWED_BY, full)
    assert [(one.pointer, one.code) for one in faults] == [
        ("/ticket", "linked_otherwise"),
        ("", "too_many"),
        ("/ticket", "too_many"),
    ]


def test_only_a_link_that_is_there_can_be_ended() -> None:
    """Without any link the refusal is the same: the other links may be hidden from the reader."""
    for life in (Life().open(), Life().open().link()):
        with pytest.raises(InvalidInput) as caught:
            life.unlink(LinkKind.FOLLOW_UP_OF)
        assert [one.code for one in caught.value.faults] == ["not_linked"]


def test_snapshot_keeps_links_and_has_none_if_there_are_none() -> None:
    life = life_at(State.CLOSED)
    assert "links" not in encode(life.ticket)
    ticket = life.link(LinkKind.FOLLOW_UP_OF).ticket
    assert encode(ticket)["links"] == [{"kind": "follow_up_of", "number": OTHER}]
