"""Choose the language in which to answer a mail: by its script, and for Chinese by its characters.

Simplified and traditional Chinese share most characters. They differ in about 4,000 characters each
that only one of two old national standards contains (GB 2312 and Big5). Every Python includes both
as codecs. docs/decisions/015-inbound-mail.md compares libraries for this.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

SIMPLIFIED, TRADITIONAL, ENGLISH = "zh-CN", "zh-TW", "en"
_LOOKED_AT = 4_000
_LEAST_SHARE = 0.1
"""The least share of Han characters among all letters of a Chinese mail. A name in a signature has
less, but a few words next to an order number have more."""


def language_of(text: str, default: str) -> str:
    """Return the language of a text; `default` if the text does not show it."""
    han = kana = latin = simplified = traditional = 0
    for character in text[:_LOOKED_AT]:
        script = _script(character)
        han += script == "han"
        kana += script in ("kana", "hangul")
        latin += script == "latin"
        if script == "han":
            leaning = _leaning(character)
            simplified += leaning < 0
            traditional += leaning > 0
    if kana:
        return default
    # A Chinese character carries about as much meaning as a word of four letters.
    if han and han >= _LEAST_SHARE * (han + latin / 4):
        if simplified == traditional:
            return default if default in (SIMPLIFIED, TRADITIONAL) else SIMPLIFIED
        return SIMPLIFIED if simplified > traditional else TRADITIONAL
    return ENGLISH if latin else default


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
def _leaning(character: str) -> int:
    """Return -1 for a character of simplified Chinese only, 1 for traditional only, else 0."""
    return int(_has(character, "big5")) - int(_has(character, "gb2312"))


def _has(character: str, codec: str) -> bool:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return False
    return True
