"""What a reader of the feed of changes learns from its entries."""

from __future__ import annotations

import pytest

from redress.base.people import Member, Role
from redress.tickets.rules import feed
from redress.tickets.rules.feed import MOST_CHANGES, Batch, Change, Entry, Position

MEI = Member("a-mei", "mei", "mei@example.com", Role.AGENT, "complaints", ("en",), 5)
WEI = Member("m-wei", "wei", "wei@example.com", Role.MANAGER, "complaints", ("en",), 5)


def entry(number: int, *tickets: str, id: str = "") -> Entry:
    changes = tuple(Change(one, 1, "complaints") for one in tickets)
    return Entry(number, id or f"{number:08x}", 0, changes)


def read(position: Position, *entries: Entry, most: int = 100, more: bool = False) -> Batch | None:
    return feed.batch(position, entries, most, more=more)


def test_reader_gets_each_changed_ticket_once_and_a_position_after_all() -> None:
    found = read(Position(), entry(1, "a", "b"), entry(2, "b", "c"))
    assert found is not None
    assert (list(found.tickets), found.more) == (["a", "b", "c"], False)
    assert found.position == Position(2, 2, f"{2:08x}")
    again = read(found.position, entry(2, "b", "c"))
    assert again == Batch({}, found.position, more=False)


def test_page_ends_within_an_entry_and_the_next_one_continues_there() -> None:
    entries = entry(1, "a", "b", "c"), entry(2, "a", "d")
    seen, position = list[str](), Position()
    for _ in range(4):
        rest = entries[max(position.number - 1, 0) :]
        found = read(position, *rest, most=1)
        assert found is not None
        seen += found.tickets
        position = found.position
        assert found.more is (len(seen) < 5)
    found = read(position, entries[1], most=1)
    assert found is not None
    assert [*seen, *found.tickets] == ["a", "b", "c", "a", "d"]
    assert found.more is False


def test_changes_of_one_ticket_are_one_line_with_all_its_teams() -> None:
    moved = Entry(1, "x", 0, (Change("a", 1, "service"), Change("a", 2, "complaints", "service")))
    found = read(Position(), moved, most=1)
    assert found is not None
    assert found.tickets == {"a": frozenset({"service", "complaints"})}
    assert found.more is False


def test_missing_entries_are_noticed() -> None:
    third = Position(3, 1, f"{3:08x}")
    assert read(third) is None, "the entry of the position has expired"
    assert read(third, entry(4, "a")) is None
    assert read(third, entry(3, "a"), entry(5, "b")) is None, "one in the middle was deleted"
    assert read(Position(), entry(2, "a")) is None, "the first one has expired"
    assert read(Position()) == Batch({}, Position(), more=False), "an empty feed misses nothing"


def test_entry_with_the_same_number_after_a_restore_is_noticed() -> None:
    assert read(Position(3, 1, "of before"), entry(3, "a"), entry(4, "b")) is None


def test_reader_is_told_that_there_is_more_than_was_read() -> None:
    found = read(Position(), entry(1, "a"), more=True)
    assert found is not None
    assert found.more is True


@pytest.mark.parametrize("position", [Position(), Position(12, MOST_CHANGES, "9a8b7c6d")])
def test_cursor_keeps_the_position(position: Position) -> None:
    stamp = feed.stamp("a run", MEI)
    cursor = feed.cursor_of(stamp, position)
    assert feed.is_cursor(cursor)
    assert feed.position_in(cursor, stamp) == position


def test_cursor_is_valid_for_one_run_of_the_feed_and_one_sight_of_the_tickets() -> None:
    cursor = feed.cursor_of(feed.stamp("a run", MEI), Position(1, 1, "aa"))
    moved = Member("a-mei", "mei", "mei@example.com", Role.AGENT, "service", ("en",), 5)
    for run, member in (("another run", MEI), ("a run", moved), ("a run", WEI)):
        assert feed.position_in(cursor, feed.stamp(run, member)) is None
    colleague = Member("s-lin", "lin", "lin@example.com", Role.SUPERVISOR, "complaints", (), 5)
    assert feed.position_in(cursor, feed.stamp("a run", colleague)) is not None


@pytest.mark.parametrize("text", ["", "x", "3f9a1c0b7d2e.12.3", "3f9a1c0b7d2e.-1.0.aa"])
def test_text_of_another_form_is_no_cursor(text: str) -> None:
    assert not feed.is_cursor(text)
    with pytest.raises(ValueError, match="is not a cursor"):
        feed.position_in(text, "3f9a1c0b7d2e")


def test_manager_had_every_ticket_in_sight_and_others_those_of_their_team() -> None:
    assert feed.was_in_sight(WEI, frozenset({"service"}))
    assert feed.was_in_sight(MEI, frozenset({"service", "complaints"}))
    assert not feed.was_in_sight(MEI, frozenset({"service"}))
