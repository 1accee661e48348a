"""Choose the language in which to answer a mail: by its script, and for Chinese by its characters.

Simplified and traditional Chinese share many characters. Two old national standards show which
characters belong to one of them only. About 2,400 characters are in GB 2312 (simplified) but not in
Big5 (traditional). About 8,700 characters are in Big5 but not in GB 2312. Every Python has codecs
for both standards. docs/decisions/015-inbound-mail.md compares this method with libraries.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

SIMPLIFIED, TRADITIONAL, ENGLISH = "zh-CN", "zh-TW", "en"
_LOOKED_AT = 4_000
_LEAST_SHARE = 0.1
"""A mail is in Chinese if Han characters are at least this share of its letters (a Latin letter
counts as a quarter). A Chinese name in the signature of an English mail is a smaller share. A few
Chinese words with an order number are a larger one."""


def language_of(text: str, default: str) -> str:
    """Return the language of a text: simplified or traditional Chinese, or English.

    A text in Latin letters counts as English. For Japanese, Korean and other scripts, the result is
    `default`. If a Chinese text does not show whether it is simplified or traditional, the result
    is `default` if that is Chinese, and simplified Chinese otherwise.
    """
    if text[:_LOOKED_AT].isascii():
        return ENGLISH if any(map(str.isalpha, text[:_LOOKED_AT])) else default
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
def leaning(character: str) -> int:
    """Return -1 for a character of simplified Chinese only, 1 for traditional only, else 0."""
    return int(_has(character, "big5")) - int(_has(character, "gb2312"))


def _has(character: str, codec: str) -> bool:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return False
    return True
