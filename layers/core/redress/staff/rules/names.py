"""Find the full names of members of staff in a text.

Texts and names are folded as search folds them: case, width, accents and the two scripts of Chinese
make no difference.

- A name in Chinese, Japanese or Korean characters counts anywhere in a text if it has two
  characters or more, because these scripts do not separate words. Blanks and dots inside it do not
  matter.
- Any other name counts as whole words, one after the other. It needs two words of two letters or
  more. So a first name alone, or an initial, is no match: too many people and things have it. The
  last name may come first or last, and single letters inside the name may be left out.
- A name that is written in both ways, such as "Li Na 李娜", counts in each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from redress.search.rules.words import folded as searchable

_HAN_AND_KANA = (
    "\u3005-\u3007\u3040-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003fffd"
)
_UNSPACED = f"{_HAN_AND_KANA}\uac00-\ud7a3"
_BLANKS_INSIDE = f"(?<=[{_HAN_AND_KANA}])[ \t\xb7\u2022\u2027\u30fb]+(?=[{_HAN_AND_KANA}])"
"""Blanks and dots between two characters of a name: 李 娜, 阿卜杜拉·买买提."""
_APOSTROPHES = "['`\u2019\u02bc]"
"""They are part of a word: O'Neil is written ONeil, too."""


class Names:
    """The names of members of staff, prepared so that the search is as fast with 10,000 names."""

    def __init__(self, members: Iterable[tuple[str, str]]) -> None:
        """`members` are ids and names."""
        self._unspaced: dict[str, set[str]] = {}
        self._spaced: dict[tuple[str, ...], set[str]] = {}
        for member, name in members:
            folded = _folded(name)
            if len(characters := "".join(_runs(folded))) >= 2:
                self._unspaced.setdefault(characters, set()).add(member)
            for words in _orders(_words(folded)):
                self._spaced.setdefault(words, set()).add(member)
        self._lengths = sorted({len(characters) for characters in self._unspaced})
        self._sizes = sorted({len(words) for words in self._spaced})

    def found_in(self, text: str) -> set[str]:
        """The ids of the members whose full name is in the text.

        If several members have the name, all of them are returned: nothing says which one is meant.
        """
        folded = _folded(text)
        found = set[str]()
        for run in _runs(folded):
            for length in self._lengths:
                for start in range(len(run) - length + 1):
                    found |= self._unspaced.get(run[start : start + length], set())
        words = _words(folded)
        for size in self._sizes:
            for start in range(len(words) - size + 1):
                found |= self._spaced.get(tuple(words[start : start + size]), set())
        return found


def _folded(text: str) -> str:
    """A text as it is compared: as search folds it, without apostrophes and blanks inside names."""
    bare = re.sub(_APOSTROPHES, "", searchable(text))
    return re.sub(_BLANKS_INSIDE, "", bare)


def _runs(folded: str) -> list[str]:
    """The longest parts of a folded text in scripts that do not separate words."""
    return re.findall(f"[{_UNSPACED}]+", folded)


def _words(folded: str) -> list[str]:
    """The words of a folded text. A part in another script is one word, which no name has."""
    return re.findall(r"\w+", re.sub(f"[{_UNSPACED}]+", " 0 ", folded))


def _orders(words: list[str]) -> Iterator[tuple[str, ...]]:
    """The ways in which a name of several words is written; none if it is too short to be sure."""
    words = [word for word in words if word != "0"]
    long = [word for word in words if len(word) > 1]
    if len(long) < 2:
        return
    for written in (words, long):
        *first, last = written
        yield (*first, last)
        yield (last, *first)
