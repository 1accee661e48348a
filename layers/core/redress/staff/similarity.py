"""How similar two texts are: rapidfuzz over the pairs of characters of folded texts.

Only the function `assigner` has rapidfuzz. It is imported when two texts are compared, so that the
start of a process does not wait for it (docs/decisions/072-duplicates.md).
"""

from __future__ import annotations

from collections.abc import Sequence

from redress.search.rules.words import bigrams_of

MOST_CHARACTERS = 2_000
"""How much of a text is compared, from its beginning. Two texts of this length take 0.3 ms."""
LEAST_PAIRS = 8
"""A text with fewer pairs of characters says too little: "refund" is like every other "refund"."""


def pairs_of(text: str) -> Sequence[str]:
    """Return the pairs of characters of a text, in their order; () if it says too little.

    Texts in simplified and traditional Chinese, in other widths or with other capitals have the
    same pairs, because the search index folds texts in the same way.
    """
    found = bigrams_of(text[:MOST_CHARACTERS])
    return found if len(found) >= LEAST_PAIRS else ()


def similarity(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how similar two texts are, from 0 to 100, given their `pairs_of`.

    It is the share of pairs that both have in the same order. Two long texts in one language have
    nearly the same pairs, but not in the same order.
    """
    if not one or not other:
        return 0
    from rapidfuzz import fuzz

    return round(fuzz.ratio(one, other))
