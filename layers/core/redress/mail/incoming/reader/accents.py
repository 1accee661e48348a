"""Tell whether characters beyond ASCII stand where words in Latin letters have them.

The bytes of Chinese, Japanese and Korean characters also mean accented letters and symbols in
windows-1252, but in places and orders that no text in Latin letters has. `evidence` checks each run
of characters beyond ASCII, together with the characters before and after it:

- Letters side by side belong to one language. They are all capitals, as in RECLAMAÇÃO, or all
  small; only the first letter of a word may be a capital before small letters.
- A capital does not follow a small letter.
- A mark that opens a sentence (¡ ¿) does not follow a letter or digit, and a quotation mark (« »)
  does not stand between two of them.
- A symbol such as ° or µ does not stand between two letters.
"""

from __future__ import annotations

import re
from enum import IntEnum
from functools import lru_cache

_ALPHABETS = (
    "äöüß",
    "åäöé",
    "æøåéó",
    "áðéíóúýþæöø",
    "äõöüšž",
    "àâæçèéêëîïôœùûüÿ",
    "áéíñóúüç",
    "áâãàçéêíóôõú",
    "àèéìíîòóùú",
    "ëïéèü",
    "àçèéíïòóúü",
    "ąćęłńóśźż",
    "áčďéěíňóřšťúůýž",
    "áéíóöőúüű",
    "çğıöşüâî",
    "ăâîșțşţ",
    "čćđšž",
    "āčēģīķļņšūž",
    "ąčęėįšųūž",
)
"""The letters beyond ASCII of the languages that are written in Latin letters."""
_LETTERS = frozenset("".join(_ALPHABETS) + "ãõýÿ")
_ICELANDIC = frozenset("áðéíóúýþæöøäåªºµ")
_ICELANDIC_ONLY = frozenset("ðþý")
"""Icelandic letters. Turkish and Baltic texts that are misread as Latin-1 also have them, but
together with letters that Icelandic does not have."""
_SEEN_ALONE = frozenset("ää öö õõ üü åä äö åö öü äü æø øå æå þú þó þá".split())
"""Pairs of letters that also stand alone, as a word or as a list of letters."""
_AFTER_DIGITS = _LETTERS - set("šžœ")
_LONGEST = 12
"""The most characters beyond ASCII that may stand side by side in Latin text."""
_BEGINS = "¡¿„‚"
_QUOTES = "«»“”‘›‹"
_AROUND = "’…–—\xa0"
_AFTER_SYMBOLS = "”’»…\xa0"
_BEFORE_SYMBOLS = "“„«\xa0"
_SYMBOLS = "°µ§€£¥©®™ºª²³¹½¼¾±×÷¢‰†•·´"
_UNITS = re.compile("°[CFK]|µ[A-Za-z]|·[lL]")
_NOT_AFTER_MARKS = "@\\^_`{|}~"
_WORD = re.compile(r"[^\W\d_]{1,60}")
_OTHER_ALPHABETS = [
    re.compile(f"[{letters}]+")
    for letters in (
        "\u0400-\u04ff",  # Cyrillic
        "\u0370-\u03ff",  # Greek
        "\u0590-\u05ff",  # Hebrew
        "\u0600-\u06ff",  # Arabic
        "\u0e00-\u0e7f",  # Thai
    )
]
_RUN = re.compile(r"[^\x00-\x7f]+")
_PARTS = re.compile(r"[^\W\d_ªºµ¹²³¼½¾]+|.", re.DOTALL)


class Evidence(IntEnum):
    """Whether the places of its characters beyond ASCII show that a text is in Latin letters."""

    AGAINST = 0
    WEAK = 1
    """A run of capitals stands alone. It may be a list of letters, so only a label can decide."""
    FOR = 2
    ALONE = 3
    """Two capitals of one language stand alone. Only the other words of the text can decide. A run
    can have this evidence, but never a whole text."""


def evidence(text: str) -> tuple[Evidence, int]:
    """Return whether characters beyond ASCII show a text in Latin letters, and their number.

    A tenth of the runs may stand in wrong places, because a long text may have broken places.
    """
    found = list(_RUN.finditer(text))
    length = sum(len(match.group()) for match in found)
    against = alone = 0
    least = Evidence.FOR
    for match in found:
        begin, end = match.span()
        run, one = match.group(), Evidence.AGAINST
        if len(run) <= _LONGEST:
            one = _of_run(text[max(0, begin - 1) : begin], run, text[end : end + 1])
        if one is Evidence.ALONE:
            alone += 1
        elif one is Evidence.AGAINST:
            against += 1
            if against > len(found) // 10:
                return Evidence.AGAINST, length
        else:
            least = min(least, one)
    if 2 * alone >= len(found) or not _are_of_one_alphabet(text):
        return Evidence.AGAINST, length
    return least, length


def _are_of_one_alphabet(text: str) -> bool:
    """Whether a text has no letter that only Icelandic uses, or no letter that Icelandic lacks."""
    letters = {one for one in text.lower() if not one.isascii() and one.isalpha()}
    return letters <= _ICELANDIC or not letters & _ICELANDIC_ONLY


def are_words(text: str) -> bool:
    """Whether a text is in words of an alphabet such as Cyrillic, Greek, Hebrew, Arabic or Thai.

    Each word must be in one alphabet and in one case, except for a first capital letter. Letters
    must be at least three quarters of the characters beyond ASCII.
    """
    beyond = [one for one in text if not one.isascii()]
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    return sum(map(len, words)) * 4 >= len(beyond) * 3 > 0 and all(map(_is_word, words))


@lru_cache(maxsize=8_192)
def _is_word(word: str) -> bool:
    has_case = word.isupper() or word.islower() or word[1:].islower()
    return any(one.fullmatch(word) for one in _OTHER_ALPHABETS) and (
        has_case or word.upper() == word.lower()
    )


@lru_cache(maxsize=8_192)
def _of_run(before: str, run: str, after: str) -> Evidence:
    parts = _PARTS.findall(run)
    least = Evidence.FOR
    for place, part in enumerate(parts):
        left = parts[place - 1] if place else before
        right = parts[place + 1] if place + 1 < len(parts) else after
        if part.isalpha() and part not in _SYMBOLS:
            one = _of_letters(left, part, right)
            if one is Evidence.ALONE:
                return one
            # Letters beside a mark must be part of a longer word, as in «Où» and ¡Última!
            if len(parts) > 1 and not _is_ascii_letter(left) and not _is_ascii_letter(right):
                return Evidence.AGAINST
        else:
            one = Evidence.FOR if _is_in_place(left, part, right) else Evidence.AGAINST
        least = min(least, one)
    return least


def _of_letters(left: str, letters: str, right: str) -> Evidence:
    small, cased = letters.replace("İ", "ı").lower(), letters.replace("ß", "")
    if not set(small) <= _LETTERS:
        return Evidence.AGAINST
    if len(small) > 1 and not any(set(small) <= set(one) for one in _ALPHABETS):
        return Evidence.AGAINST
    if cased.isupper():
        is_right = not left.islower() and not (len(letters) > 1 and right.islower())
    elif cased.islower():
        is_right = not right.isupper()
    else:
        is_right = not cased or (cased[0].isupper() and cased[1:].islower() and not left.isalpha())
    if not is_right:
        return Evidence.AGAINST
    if len(letters) == 1 or cased.islower():
        is_after_digit = left.isdigit() and not set(small) <= _AFTER_DIGITS
        return Evidence.AGAINST if is_after_digit else Evidence.FOR
    if len(letters) == 2 or len(set(small)) == 1:
        if _is_ascii_letter(left) or _is_ascii_letter(right):
            return Evidence.FOR
        return Evidence.WEAK if small in _SEEN_ALONE else Evidence.ALONE
    if not cased.isupper():
        return Evidence.FOR
    is_list = len(cased) == 3 or sorted(cased) == list(cased)
    return Evidence.WEAK if is_list else Evidence.AGAINST


def _is_in_place(left: str, mark: str, right: str) -> bool:
    """Whether a mark can stand between these two characters in Latin text."""
    if right and right in _NOT_AFTER_MARKS:
        return False
    if mark in _BEGINS:
        return not left.isalnum() and (right.isascii() or right.isalpha() or right in "¡¿")
    if mark in _QUOTES:
        return not (left.isalnum() and right.isalnum())
    if mark in _AROUND:
        return True
    if mark not in _SYMBOLS or (left and not left.isascii() and left not in _BEFORE_SYMBOLS):
        return False
    if right and not right.isascii():
        return right in _AFTER_SYMBOLS
    return not right.isalpha() or bool(
        _UNITS.match(mark + right) and (mark == "·" or not left.isalpha())
    )


def _is_ascii_letter(character: str) -> bool:
    return character.isascii() and character.isalpha()
