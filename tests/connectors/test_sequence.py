"""Social messages that never came are noticed, if the source numbers them."""

from __future__ import annotations

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from redress.connectors.rules.sequence import HIGHEST, MOST_MISSING, Sequence, following


def after(*numbers: int) -> Sequence:
    found = reduce(following, numbers, None)
    assert found is not None
    return found


def test_missing_number_is_shown_until_it_comes() -> None:
    assert after(1, 2).missing == ()
    assert after(1, 2, 5).missing == (3, 4)
    assert after(1, 2, 5, 3).missing == (4,)
    assert after(1, 2, 5, 3, 4).missing == ()


def test_conversation_may_be_older_than_the_connector() -> None:
    assert after(17) == Sequence(17)
    assert after(17, 3) == Sequence(17), "it was never missed"


def test_number_that_comes_twice_changes_nothing() -> None:
    assert after(1, 4, 4) == after(1, 4)
    assert after(1, 4, 2, 2) == after(1, 4, 2)


def test_of_many_missing_numbers_the_oldest_are_forgotten() -> None:
    """A source that jumps must not make an item that no table takes."""
    found = after(1, HIGHEST)
    assert found.missing == tuple(range(HIGHEST - MOST_MISSING, HIGHEST))
    more = following(after(1, 3, 3 + MOST_MISSING), 5 + MOST_MISSING)
    assert len(more.missing) == MOST_MISSING
    assert more.missing[-1] == 4 + MOST_MISSING


@given(st.permutations(range(2, 12)))
def test_in_whatever_order_all_messages_come_none_is_missing_in_the_end(order: list[int]) -> None:
    found = after(1, *order)
    assert found == Sequence(11)


@given(st.lists(st.integers(0, 40), min_size=1))
def test_what_has_come_is_never_missing(numbers: list[int]) -> None:
    found = after(*numbers)
    assert not set(numbers) & set(found.missing)
    assert list(found.missing) == sorted(set(found.missing))
    assert found.last == max(numbers)
