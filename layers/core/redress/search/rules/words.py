"""The words of a text, as the index has them, and what a query asks of the index.

Texts and queries are folded by the same function. Widths, capitals, accents and the two scripts of
Chinese make no difference. Chinese has no spaces between words, so each character is a word, and so
are each two adjacent ones: 退款了 has 退款, 款了, 退, 款 and 了. A query of several characters asks
only for the pairs, of which a text has fewer.
"""

from __future__ import annotations

import re
import unicodedata

from msgspec import Struct

from redress.base import texts
from redress.search.rules.han import AS, SAME

FOLDING = 1
"""The version of this folding. An index with another one must be built again."""
WORD_LIMIT = 40
"""The most characters of a word. Longer words (links, codes) are cut, in texts and in queries."""
QUERY_LIMIT = 200
"""The most characters of a query."""

_SAME = str.maketrans(SAME, AS)
_ACCENTS = "[\u0300-\u036f]"
# Han characters with 々 and 〇, and kana, which is also written without spaces.
_DENSE = (
    "\u3005\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003fffd"
)
_WORD = f"([{_DENSE}]+)|[^\\W_{_DENSE}]+"


class Query(Struct, frozen=True):
    """What a query asks for: all of `words`, and a word that begins with each of `beginnings`."""

    words: tuple[str, ...]
    beginnings: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.words or self.beginnings)


def folded(text: str) -> str:
    """Return a text in the form in which texts are compared."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", texts.without_hidden(text).casefold()).casefold()
    return unicodedata.normalize("NFC", re.sub(_ACCENTS, "", plain)).translate(_SAME)


def words_of(text: str) -> set[str]:
    """Return the words of a text, each once."""
    found: set[str] = set()
    for match in re.finditer(_WORD, folded(text)):
        if (run := match[1]) is None:
            found.add(match[0][:WORD_LIMIT])
        else:
            found.update(run, _pairs(run))
    return found


def bigrams_of(text: str) -> list[str]:
    """Return each two adjacent characters of each word, in their order.

    A word of one character is in the list as it is.
    """
    words = (match[0] for match in re.finditer(_WORD, folded(text)))
    return [pair for word in words for pair in _pairs(word) or [word]]


def query_of(text: str) -> Query:
    """Return what a query asks for. It is false if the text has no word.

    The last word may be the beginning of a longer one, if it is not Chinese and has two letters or
    more. The words that begin with one letter are too many.
    """
    words: dict[str, None] = {}
    beginnings: dict[str, None] = {}
    matches = list(re.finditer(_WORD, folded(text)))
    for match in matches:
        if (run := match[1]) is None:
            word = match[0][:WORD_LIMIT]
            is_beginning = match is matches[-1] and len(word) > 1
            (beginnings if is_beginning else words)[word] = None
        else:
            words.update(dict.fromkeys(_pairs(run) or [run]))
    return Query(tuple(words), tuple(beginnings))


def _pairs(run: str) -> list[str]:
    """Return each two adjacent characters of a run of characters."""
    return [run[at : at + 2] for at in range(len(run) - 1)]
