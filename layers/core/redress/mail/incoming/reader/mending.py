"""Read damaged text in a charset of East Asia and lose as little of it as possible.

After a broken byte, a decoder does not know whether the next byte begins a character. Python's
decoders assume that it does. If it is the second byte of a character, every following pair of bytes
is decoded wrongly, often without an error. This module compares how likely both readings are. No
character of several bytes contains a byte below 0x30, so the damage ends at the next such byte.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from redress.mail.incoming.reader.likelihood import EATEN, MARK, RARE, Costs, cost_of, costs_for

_PIECE = re.compile(rb"[\x80-\xff][\x30-\xff]*")
"""Matches a piece: bytes that may contain characters of several bytes. All bytes outside of pieces
are characters of one byte."""
_LONGEST = 1_000
"""The most bytes whose readings are compared at once."""
_BROKEN, _BROKEN_MORE = 4.0, 8.0
"""The costs of the first and of each further byte of a broken place."""
_GAIN = 5.0
"""If a piece is valid, it counts as damaged only if a reading with marks costs this much less."""
_GLUED = 3.5
"""The cost of an ASCII letter directly behind a broken byte or a character beyond ASCII: its byte may
be the second byte of a pair."""
EATEN_BYTES = re.compile(
    rb"(?<![\x80-\xff])(?<![\x80-\xff][\x30-\x7f])"
    rb"(?:((?<=[A-Za-z])[\x80-\xff][A-Za-z]|[\x80-\xff][a-z](?=[a-z]))"
    rb"|[\x80-\xff][\x40-\x7e])(?![\x80-\xff])"
)
"""Matches a byte from 0x80 and an ASCII byte that could be one character, alone between ASCII
characters. The group matches if they are within a word in ASCII letters."""
_MARKS = re.compile(f"{MARK}(?:[ ?\0]?{MARK})*")
_FOUR = ("gb18030",)
_THREE = ("euc_jp", "euc_jis_2004")
_PAIRED = ("gb18030", "cp950", "big5hkscs", "cp932", "euc_jp", "euc_jis_2004", "cp949")

_SHIFTED = re.compile(rb"\x0e([^\x0f\x1b\r\n]*)\x0f?")
_SEVEN_BITS = {
    "iso2022_jp": (re.compile(rb"\x1b\$[@B]([^\x1b\r\n]*)(?:\x1b\([BJ])?"), "euc_jp"),
    "iso2022_kr": (_SHIFTED, "cp949"),
    "iso2022_cn": (_SHIFTED, "gb18030"),
    "hz": (re.compile(rb"~\{([^~\r\n]*)(?:~\})?"), "gb18030"),
}
"""For each codec: a pattern of the escapes around its double bytes, and the codec that decodes
these bytes after the high bit of each is set."""
_SWITCH = re.compile(r"\x1b(?:\$\)[A-Z]|\([A-Z])|[\x0e\x0f]")
_RAISED = bytes(
    one | 0x80 if 0x21 <= one <= 0x7E else one if one <= 0x20 else 0xFF for one in range(0x100)
)


@dataclass(slots=True)
class Budget:
    """How much work a mail may still cause. After that, text is decoded without comparisons."""

    bytes: int = 64 * 2**10
    """Bytes that may still be mended."""
    texts: int = 300
    """Texts that may still be decoded in every charset."""
    questions: int = 20
    """Texts for which chardet may still be asked."""


def mended(data: bytes, codec: str, budget: Budget) -> str:
    """Decode bytes, with MARK for each broken byte."""
    if codec not in _PAIRED:
        return data.decode(codec, "replace")
    found: list[str] = []
    position = 0
    for match in _PIECE.finditer(data):
        if budget.bytes <= 0:
            break
        found.append(data[position : match.start()].decode("ascii", "replace"))
        found.append(_piece(match.group(), codec, budget))
        position = match.end()
    found.append(data[position:].decode(codec, "replace"))
    return "".join(found)


def mended_of_seven_bits(data: bytes, codec: str, budget: Budget) -> str:
    """Decode bytes in ISO 2022 or HZ, with MARK for each broken byte.

    With their high bits set, the double bytes of these charsets are those of an eight-bit charset.
    """
    double, eight_bit = _SEVEN_BITS[codec]
    found: list[str] = []
    position = 0
    for match in double.finditer(data):
        found.append(_SWITCH.sub("", data[position : match.start()].decode("ascii", "replace")))
        found.append(mended(match.group(1).translate(_RAISED), eight_bit, budget))
        position = match.end()
    found.append(_SWITCH.sub("", data[position:].decode("ascii", "replace")))
    return "".join(found)


def with_one_mark(text: str) -> str:
    """Reduce each broken place to one MARK, however many bytes are broken there.

    A blank or question mark between two broken bytes belongs to the place: it was damaged, too.
    """
    return _MARKS.sub(MARK, text) if MARK in text else text


def looks_shifted(text: str, codec: str) -> bool:
    """Whether a lost byte may have shifted the pairs of a text that was decoded without an error.

    About half of the shifted pairs mean rare characters.
    """
    if codec not in _PAIRED or text.isascii():
        return False
    costs = costs_for(codec)
    return any(costs[one] >= RARE for one in set(text))


def _piece(data: bytes, codec: str, budget: Budget) -> str:
    try:
        text = data.decode(codec)
        costs = costs_for(codec)
        if all(costs[one] < RARE for one in text):
            return text
    except UnicodeError:
        text = ""
    found: list[str] = []
    position, cost = 0, 0.0
    while position < len(data):
        if budget.bytes <= 0:
            found.append(data[position:].decode(codec, "replace"))
            break
        chunk = data[position : position + _LONGEST]
        budget.bytes -= len(chunk)
        best, taken, paid = _best(chunk, codec, position + len(chunk) < len(data))
        found.append(best)
        cost += paid
        position += taken
    better = "".join(found)
    whole = cost_of(text, codec) + EATEN * len(EATEN_BYTES.findall(data))
    return text if text and cost > whole - _GAIN else better


def _best(data: bytes, codec: str, continued: bool) -> tuple[str, int, float]:
    """Return the likeliest reading of a chunk, the number of bytes that it uses, and its cost.

    If the piece continues after the chunk (`continued`), the last byte may be left for the rest.
    """
    size, costs = len(data), costs_for(codec)
    eaten = {match.start() for match in EATEN_BYTES.finditer(data)}
    inf = float("inf")
    # For each position: the lowest cost of the bytes before it, if they end with a character
    # (`whole`) or with a broken byte (`broken`). `steps` has the length and the text of that last
    # character, and whether it follows a broken byte.
    whole, broken = [inf] * (size + 1), [inf] * (size + 1)
    steps: list[tuple[int, str, bool]] = [(0, "", False)] * (size + 1)
    broken_after: list[bool] = [False] * (size + 1)
    whole[0] = 0.0
    for at in range(size):
        before, after_broken = (whole[at], False) if whole[at] <= broken[at] else (broken[at], True)
        if before == inf:
            continue
        if 0x40 <= data[at] < 0x80 and (after_broken or not steps[at][1].isascii()):
            before += _GLUED
        for length, text, cost in _readings(data[at : at + 4], codec, costs):
            paid = before + cost + (EATEN if at in eaten and length == 2 else 0.0)
            if paid < whole[at + length]:
                whole[at + length] = paid
                steps[at + length] = (length, text, after_broken)
        if data[at] >= 0x80:
            anew, more = whole[at] + _BROKEN + _BROKEN_MORE, broken[at] + _BROKEN_MORE
            broken[at + 1] = min(anew, more)
            broken_after[at + 1] = more < anew
    end = size
    if (
        continued
        and size > 1
        and min(whole[size - 1], broken[size - 1]) < min(whole[size], broken[size])
    ):
        end = size - 1
    parts: list[str] = []
    at, in_broken = end, broken[end] < whole[end]
    while at > 0:
        if in_broken:
            parts.append(MARK)
            in_broken = broken_after[at]
            at -= 1
        else:
            length, text, in_broken = steps[at]
            parts.append(text)
            at -= length
    return "".join(reversed(parts)), end, min(whole[end], broken[end])


def _readings(data: bytes, codec: str, costs: Costs) -> list[tuple[int, str, float]]:
    """Return the characters that the bytes can begin with, as length in bytes, text and cost."""
    first = data[0]
    if first < 0x80:
        text = chr(first)
        return [(1, text, costs[text])]
    found = [*_character(data[:1], codec), *_character(data[:2], codec)]
    if codec in _FOUR and data[1:2].isdigit():
        found += _character(data[:4], codec)
    elif codec in _THREE and first == 0x8F:
        found += _character(data[:3], codec)
    return found


@lru_cache(maxsize=32_768)
def _character(data: bytes, codec: str) -> list[tuple[int, str, float]]:
    try:
        text = data.decode(codec)
    except UnicodeError:
        return []
    if len(text) != 1 and not (len(text) == 2 and len(data) == 2 and ord(text[1]) > 0x7F):
        return []
    costs = costs_for(codec)
    return [(len(data), text, sum(costs[one] for one in text))]
