"""Compare how likely texts are, to find the charset of bytes.

The same bytes mean a different text in each charset. `cost_of` returns how unlikely a text is in
the languages that are written in that charset: the sum of the costs of its characters. The cost of
a character is about the negative natural logarithm of its frequency. So texts with different
numbers of characters can be compared, and the difference of two sums is the logarithm of how much
likelier one text is. The frequencies are rough, because even a few characters decide:

- `frequent.py` lists the most common characters of Chinese, Japanese and Korean.
- The old national standards put common characters first (level 1 of GB 2312, Big5 and JIS X 0208),
  and every Python has their codecs. The other characters of a standard are rare, and those that
  later standards added are rarer.
- Text in Latin letters seldom has two characters beyond ASCII side by side.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from functools import cache

from redress.mail.incoming.reader.frequent import HANGUL, KANJI, SIMPLIFIED, TRADITIONAL

MARK = "\N{REPLACEMENT CHARACTER}"
_MARK = 12.0
"""The cost of a broken place, which the text has as MARK. Few mails have broken places."""
_MARK_MORE = 8.0
"""The cost of each further MARK directly behind the first one."""
_NOTHING_ELSE = 5.0
"""What it costs in addition if a text has no character beyond ASCII except MARK."""
_IMPOSSIBLE = 20.0
RARE = 12.0
"""Characters that cost this or more are rare in a text that was read in the right charset."""

EATEN = 12.0
"""The additional cost of a character that stands alone between ASCII characters and whose second
byte is an ASCII byte. Such bytes are more often a letter of Latin-1, or a broken byte, beside an
ASCII character."""

_REMEMBERED = 20_000
"""The most characters whose costs are cached for a group of languages."""
_TIERS = ((250, 5.8), (500, 7.0), (1_000, 8.3))
"""The costs of the first 250, 500 and 1,000 characters of a list that is sorted by frequency."""
_PUNCTUATION = "，。、？！：；“”（）\u3000"
PUNCTUATION = "，。、？！：；（）＄％～"
"""East Asian marks that people also write between words and numbers in ASCII."""
_LESS_COMMON = "《》【】「」『』—…·‘’～￥％－．／"
_CANTONESE = "嘅咗喺啲佢唔冇嚟嘢咁噉哋咩嗰乜瞓攞睇嗌揾"
_HIRAGANA = "のにはをたがでてとしれさるいすまなかっもらりあこうくおそんよけえきつだみわせど"
_ACCENTED = "éèàùüöäßñçóíáêôúâîûëïãõåøæœąęłśżńćščřžýěůőűșțăışğđ"
_LATIN_SYMBOLS = "«»“”‘’„–—…€£°§\xa0®©™·¿¡"

_EAST_ASIAN = "\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3\uff61-\uff9f"
_BESIDE = f"{_EAST_ASIAN}\u0370-\u04ff\u2500-\u25a1"
_GLUED = re.compile(f"[A-Za-z](?=[{_BESIDE}])|[{_BESIDE}](?=[A-Za-z])")
"""Matches a Latin letter directly beside an East Asian, Greek or Cyrillic character. People
sometimes write this, but text that is read in a wrong charset has it more often."""
_UNLIKE_WORDS = re.compile(
    r"[\xa1-\u024f\u2018-\u2122](?=[\xa1-\u024f\u2018-\u2122])|[a-zß-ÿ](?=[À-Þ])"
    r"|[А-яα-ωא-ת](?=[A-Za-z])|[A-Za-z](?=[А-яα-ωא-ת])|[а-я](?=[А-Я])|[α-ω](?=[Α-Ω])"
    r"|(?<=[A-Za-zÀ-ÿ])[¢-¶¸-¿×÷](?=[A-Za-zÀ-ÿ])"
)
"""Matches pairs of characters that are rare in Latin, Cyrillic, Greek and Hebrew words, such as a
capital letter after a small one, or letters of two alphabets. Many pairs show that a text was read
in a wrong charset."""
_LETTERS = re.compile(r"[А-яЁёІіЇїЄєҐґΆ-ώא-תء-ي\u0900-\u0dff\u0e01-\u0e5b\u1ea0-\u1ef9]")
"""Matches letters of other alphabets that many people use. Bytes that are wrongly read as UTF-8
often become other, rare characters."""
_CYRILLIC = re.compile("[Ѐ-ӿ]")
_MARKS = re.compile(f"{MARK}+")


_HALF_WIDTH, _HALF_WIDTH_GAIN = 7.1, 2.9
"""The cost of a half-width katakana, and how much less it costs if there is a sign of Shift_JIS.

In Shift_JIS, every byte from A1 to DF is a half-width katakana. So text in any charset with one
byte per character can be misread as half-width katakana."""
_HALF = "\uff61-\uff9f"
_NO_HALF_WIDTH = re.compile("(?<![ｳｶ-ﾄﾊ-ﾎ])ﾞ|(?<![ﾊ-ﾎ])ﾟ|(?<![ｱ-ﾝﾞﾟ])[ｧ-ｯｰ]")
"""Matches a voicing mark or a small letter behind a character that it cannot follow."""
_LONE_HALF_WIDTH = re.compile(
    f"(?<=[0-9A-Za-z])[{_HALF}](?![{_EAST_ASIAN}])|(?<![{_EAST_ASIAN}])[{_HALF}](?=[0-9A-Za-z])"
)
_HALF_WIDTH_LETTERS = re.compile(f"[{_HALF}]")
_LONE = 16.0
"""The cost of a half-width katakana that stands alone beside a Latin letter or a digit."""


class Costs(dict[str, float]):
    """The costs of characters in one group of languages, computed when they are first needed."""

    def __init__(self, rule: Callable[[str], float], odd: re.Pattern[str], odd_cost: float) -> None:
        self._rule, self._odd, self._odd_cost = rule, odd, odd_cost

    def __missing__(self, character: str) -> float:
        cost = _common(character)
        found = self._rule(character) if cost is None else cost
        if len(self) < _REMEMBERED:
            self[character] = found
        return found

    def of(self, text: str) -> float:
        """Return the cost of a text. Each sequence of MARK is one broken place."""
        odd = sum(1 for _ in self._odd.finditer(text)) * self._odd_cost
        if MARK in text:
            lengths = [len(found) for found in _MARKS.findall(text)]
            odd += sum(_MARK + (length - 1) * _MARK_MORE for length in lengths)
            text = text.replace(MARK, "")
            odd += _NOTHING_ELSE * text.isascii()
        return odd + sum(self[one] * number for one, number in Counter(text).items())


def costs_for(codec: str) -> Costs:
    """Return the costs for the languages that are written in a charset."""
    return _costs(_GROUPS.get(codec, "single"))


def cost_of(text: str, codec: str) -> float:
    """Return how unlikely a text is that was decoded in this charset. 0 is certain."""
    return costs_for(codec).of(text)


def half_width_gain(text: str, *, expected: bool) -> float:
    """Return how much likelier half-width katakana make it that a text is in Shift_JIS.

    Each katakana is a gain if all are in an order that Japanese has, and if there is another sign
    of Shift_JIS (`expected`) or a voicing mark among them. Each katakana that stands alone beside a
    Latin letter or a digit is a loss. So is the only katakana of a text without another sign.
    """
    lone = _LONE * len(_LONE_HALF_WIDTH.findall(text))
    letters = len(_HALF_WIDTH_LETTERS.findall(text))
    if letters == 1 and not expected:
        return -_LONE
    if not letters or _NO_HALF_WIDTH.search(text) or not (expected or "ﾞ" in text or "ﾟ" in text):
        return -lone
    return letters * _HALF_WIDTH_GAIN - lone


_GROUPS = {
    "gb18030": "simplified",
    "hz": "simplified",
    "cp950": "traditional",
    "big5hkscs": "traditional",
    "cp932": "japanese",
    "shift_jis_2004": "japanese",
    "euc_jp": "japanese",
    "euc_jis_2004": "japanese",
    "cp949": "korean",
    "utf-8": "any",
}


@cache
def _costs(group: str) -> Costs:
    rules: dict[str, Callable[[str], float]] = {
        "simplified": _simplified,
        "traditional": _traditional,
        "japanese": _japanese,
        "korean": _korean,
        "single": _single,
        "any": _any,
    }
    return Costs(rules[group], *((_UNLIKE_WORDS, 3.0) if group == "single" else (_GLUED, 4.5)))


def _common(character: str) -> float | None:
    """Return the cost of a character that costs the same in all charsets; None for others.

    These are ASCII characters, control characters, and private and unassigned code points.
    """
    code = ord(character)
    if code < 0x80:
        if character.isalnum():
            return 3.0
        return 1.5 if character in " \t\r\n" else 4.0 if code >= 0x20 and code != 0x7F else RARE
    return _IMPOSSIBLE if code <= 0x9F or unicodedata.category(character) in ("Co", "Cn") else None


@cache
def _ranks(characters: str) -> dict[str, float]:
    """Return the cost of each listed character by its place in the list."""
    return {
        character: next(cost for end, cost in _TIERS if place < end)
        for place, character in enumerate(characters)
    }


def _lead(character: str, codec: str) -> int:
    """Return the first byte of a two-byte character in a charset; 0 for other characters."""
    try:
        data = character.encode(codec)
    except UnicodeError:
        return 0
    return data[0] if len(data) == 2 else 0


def _simplified(character: str) -> float:
    if (cost := _ranks(SIMPLIFIED).get(character)) is not None:
        return cost
    if (cost := _chinese_mark(character)) is not None:
        return cost
    lead = _lead(character, "gb2312")
    if 0xB0 <= lead <= 0xD7:
        return 10.2
    if lead >= 0xD8:
        return 12.5
    if (cost := _ranks(TRADITIONAL).get(character)) is not None:
        return cost + 3.5
    if not _is_han(character):
        return 13.0 if _CYRILLIC.fullmatch(character) else 11.0
    return 12.5 if 0xA4 <= _lead(character, "big5") <= 0xC6 else 14.0


def _traditional(character: str) -> float:
    if (cost := _ranks(TRADITIONAL).get(character)) is not None:
        return cost
    if (cost := _chinese_mark(character)) is not None:
        return cost
    if character in _CANTONESE:
        return 8.0
    lead = _lead(character, "big5")
    if 0xA4 <= lead <= 0xC6:
        return 10.4
    if not _is_han(character):
        return 13.0 if _CYRILLIC.fullmatch(character) else 11.0
    return 12.8 if lead >= 0xC9 else 14.0


def _japanese(character: str) -> float:
    code = ord(character)
    if 0x3041 <= code <= 0x309F:
        return 4.0 if character in _HIRAGANA else 5.5
    if 0x30A1 <= code <= 0x30FF:
        return 5.2
    if character in "、。「」・！？（）\u3000":
        return 4.0
    if 0xFF61 <= code <= 0xFF9F:
        return _HALF_WIDTH
    if _is_wide(character):
        return 6.5
    if (place := _KANJI.get(character)) is not None:
        return 7.0 if place < 330 else 8.3
    lead = _lead(character, "euc_jp")
    if 0xB0 <= lead <= 0xCF:
        return 10.6
    return 13.0 if lead >= 0xD0 else 14.5 if _is_han(character) else 11.0


def _korean(character: str) -> float:
    if (place := _HANGUL.get(character)) is not None:
        return 5.1 if place < 120 else 6.6
    if 0xAC00 <= ord(character) <= 0xD7A3:
        return 10.0 if _lead(character, "euc_kr") else 13.0
    return 13.0 if _is_han(character) else 7.0 if character in "·…“”‘’" else 11.0


def _single(character: str) -> float:
    """Return the cost in a charset with one byte per character."""
    if character in _ACCENTED:
        return 4.5
    if character in _LATIN_SYMBOLS:
        return 5.5
    if ord(character) <= 0xFF:
        return 6.5 if character.lower() in _ACCENTED else 9.0
    if not character.isalpha() and unicodedata.category(character) not in ("Mn", "Mc"):
        return 9.0
    latin = unicodedata.name(character, "").startswith("LATIN")
    upper = character.isupper()
    return (8.0 if upper else 6.5) if latin else (5.5 if upper else 3.8)


def _any(character: str) -> float:
    """Return the cost in UTF-8, which every language is written in."""
    if _is_east_asian(character):
        return min(rule(character) for rule in (_simplified, _traditional, _japanese, _korean))
    if character in _ACCENTED or character.lower() in _ACCENTED or character in _LATIN_SYMBOLS:
        return _single(character)
    if _LETTERS.fullmatch(character):
        return 6.0
    chinese = _chinese_mark(character)
    return chinese if chinese is not None else 8.0 if ord(character) >= 0x2010 else 11.0


def _chinese_mark(character: str) -> float | None:
    """Return the cost of a mark that Chinese texts use; None for other characters."""
    if character in _PUNCTUATION:
        return 4.0
    if character in _LESS_COMMON:
        return 5.5
    return 8.0 if _is_wide(character) else None


def _is_wide(character: str) -> bool:
    return 0x3000 <= ord(character) <= 0x3020 or 0xFF01 <= ord(character) <= 0xFF5E


def _is_han(character: str) -> bool:
    return 0x3400 <= ord(character) <= 0x9FFF or 0x20000 <= ord(character) <= 0x3134F


def _is_east_asian(character: str) -> bool:
    return _is_han(character) or 0x3000 <= ord(character) <= 0x30FF or ord(character) >= 0xAC00


_KANJI = {character: place for place, character in enumerate(KANJI)}
_HANGUL = {character: place for place, character in enumerate(HANGUL)}
