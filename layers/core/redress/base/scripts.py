"""The language of a text, by its script, and for Chinese by its characters.

Simplified and traditional Chinese share many characters. Two old national standards show which
characters belong to one of them only. About 2,400 characters are in GB 2312 (simplified) but not in
Big5 (traditional). About 8,700 characters are in Big5 but not in GB 2312. Every Python has codecs
for both standards. docs/decisions/015-inbound-mail.md compares this method with libraries.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from msgspec import Struct

SIMPLIFIED, TRADITIONAL, ENGLISH = "zh-CN", "zh-TW", "en"
_LOOKED_AT = 4_000
_LEAST_SHARE = 0.1
"""A text is in Chinese if Han characters are at least this share of its letters (a Latin letter
counts as a quarter). A Chinese name in the signature of an English mail is a smaller share. A few
Chinese words with an order number are a larger one."""
_LEAST_HAN = 4
"""A text with fewer Han characters may be a name or a product, and shows no language."""
_LEAST_LEANING = 2
"""This many characters of one script only, and four times as many as of the other one, show which
script a text is written in. A single one may be part of a quoted name."""
_LEAST_ENGLISH = 3
_ENGLISH_WORDS = frozenset(
    "a after and any are at be been but by can did do for from had has have i if in is it me my no "
    "not of on or our please that the there they this to us was we when where which why will with "
    "would you your".split()
)
"""Words that every English text of a few sentences has, and names of products do not have."""


class _Characters(Struct, frozen=True):
    """How many characters of a text belong to a script, and to one of the scripts of Chinese."""

    han: int
    kana: int
    latin: int
    simplified: int
    traditional: int

    @property
    def is_chinese(self) -> bool:
        # A Chinese character carries about as much meaning as a word of four letters.
        return bool(self.han) and self.han >= _LEAST_SHARE * (self.han + self.latin / 4)


def language_of(text: str, default: str) -> str:
    """Return the language of a text: simplified or traditional Chinese, or English.

    A text in Latin letters counts as English. For Japanese, Korean and other scripts, the result is
    `default`. If a Chinese text does not show whether it is simplified or traditional, the result
    is `default` if that is Chinese, and simplified Chinese otherwise.
    """
    if text[:_LOOKED_AT].isascii():
        return ENGLISH if any(map(str.isalpha, text[:_LOOKED_AT])) else default
    found = _characters(text)
    if found.kana:
        return default
    if found.is_chinese:
        if found.simplified == found.traditional:
            return default if default in (SIMPLIFIED, TRADITIONAL) else SIMPLIFIED
        return SIMPLIFIED if found.simplified > found.traditional else TRADITIONAL
    return ENGLISH if found.latin else default


def shown_language(text: str, presumed: str) -> str:
    """Return the language that a text clearly shows, and `presumed` if it shows none clearly.

    `presumed` is the language that a channel said without having read the text. It is wrong only if
    nobody would doubt it: an English text has several of the most common English words, and a
    Chinese text has several characters, of which some are written in one of the two scripts only.
    """
    found = _characters(text)
    if found.kana:
        return presumed
    if found.is_chinese:
        less, more = sorted((found.simplified, found.traditional))
        if found.han < _LEAST_HAN:
            return presumed
        if more < _LEAST_LEANING or more < 4 * less:
            return presumed if presumed in (SIMPLIFIED, TRADITIONAL) else SIMPLIFIED
        return SIMPLIFIED if more == found.simplified else TRADITIONAL
    words = re.findall(r"[^\W\d_]+", text[:_LOOKED_AT].lower())
    common = sum(word in _ENGLISH_WORDS for word in words)
    return ENGLISH if common >= _LEAST_ENGLISH and not found.han else presumed


def _characters(text: str) -> _Characters:
    han = kana = latin = simplified = traditional = 0
    for character in text[:_LOOKED_AT]:
        script = _script(character)
        han += script == "han"
        kana += script in ("kana", "hangul")
        latin += script == "latin"
        if script == "han":
            leans = leaning(character)
            simplified += leans < 0
            traditional += leans > 0
    return _Characters(han, kana, latin, simplified, traditional)


@lru_cache(maxsize=8_192)
def _script(character: str) -> str:
    code = ord(character)
    if 0x4E00 <= code <= 0x9FFF or 0x3400 <= code <= 0x4DBF or 0x20000 <= code <= 0x3134F:
        return "han"
    if 0x3041 <= code <= 0x30FF:
        return "kana"
    if 0xAC00 <= code <= 0xD7A3:
        return "hangul"
    if character.isalpha() and unicodedata.name(character, "").startswith("LATIN"):
        return "latin"
    return ""


@lru_cache(maxsize=8_192)
def leaning(character: str) -> int:
    """Return -1 for a character of simplified Chinese only, 1 for traditional only, else 0."""
    return int(_has(character, "big5")) - int(_has(character, "gb2312"))


def _has(character: str, codec: str) -> bool:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return False
    return True
