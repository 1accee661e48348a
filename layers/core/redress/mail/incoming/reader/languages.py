"""In which of our languages to answer a mail: by its script, and Chinese by its characters.

Simplified and traditional Chinese share most characters; what tells them apart are those that only
one of the two old national standards has (GB 2312, Big5). That is a table of 4,000 characters each
way that every Python brings along. What libraries were compared is in
docs/decisions/015-inbound-mail.md.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

SIMPLIFIED, TRADITIONAL, ENGLISH = "zh-CN", "zh-TW", "en"
_LOOKED_AT = 4_000
_LEAST_SHARE = 0.1
"""Han among all letters: a name in a signature makes no mail Chinese, but a few words beside an
order number do."""


def language_of(text: str, default: str) -> str:
    """The language of a mail's own words; `default` where they do not tell."""
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
    # A Chinese character says about as much as a word of four letters.
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
    """-1: written in simplified Chinese only; 1: in traditional only; 0: in both, or in neither."""
    return int(_has(character, "big5")) - int(_has(character, "gb2312"))


def _has(character: str, codec: str) -> bool:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return False
    return True
