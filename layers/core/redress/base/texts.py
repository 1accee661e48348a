"""Rules for characters that nobody can see, and for control characters.

Four groups of characters matter. `re` cannot test Unicode categories, so the characters are listed
here. `tests/base/test_texts.py` compares them with `unicodedata`.

- Blanks: spaces and line ends.
- Hidden characters have no width: zero-width spaces, joiners, marks of direction, soft hyphens,
  variation selectors, tags, fillers (all of `Default_Ignorable_Code_Point`, UAX #44), the braille
  blank, which is as empty as a space, and the noncharacters, which no text should contain.
- Reordering characters are the hidden ones that change the direction of the text around them:
  embeddings, overrides and isolates (UAX #9). They can make a text look like another text.
- Control characters (C0 and C1) steer terminals and break stores. Tab and line ends are allowed.
"""

from __future__ import annotations

import re
import unicodedata

_BLANK = "\\t-\\r\\x1c-\\x1f \\x85\\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_REORDERING = "\u202a-\u202e\u2066-\u2069"
_JOINERS = "\u200c\u200d"
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17)
)
_HIDDEN = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffc\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    f"\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff{_NONCHARACTERS}"
)
_CONTROL = "\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f"
ACCEPTED = f"^[^{_CONTROL}]*$"
"""The pattern of a text without control characters, for the OpenAPI documents."""

# Patterns are strings: `re` compiles each at its first use and caches it. Most texts need few of
# them, and a cold start needs none.
_SEEN = f"[^{_BLANK}{_HIDDEN}{_CONTROL}]"
_DANGEROUS = f"[{_CONTROL}{_REORDERING}\ufeff\ud800-\udfff]"
_BEFORE = f"[{_BLANK}{_HIDDEN}]+"

_EMOJI = (
    "\xa9\xae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf\u2934\u2935"
    "\u2b00-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
_VARIABLE = f"0{_HAN}\u1000-\u109f\u2190-\u2bff\u3001\u3002\ua840-\ua877\uaa60-\uaa7f\uff00-\uffef"
"""Characters that have standardized variants (StandardizedVariants.txt), by block."""
_JOINED = (
    "\u0600-\u08ff\u0900-\u0dff\u0f00-\u109f\u1700-\u18af\u1a00-\u1cff\ua800-\uabff\ufb50-\ufdcf"
    "\ufdf0-\ufdff\ufe70-\ufefc\U00010a00-\U00011fff\U0001e900-\U0001e95f"
)
"""The scripts in which a joiner changes a letter: Arabic and its relatives, and those of South and
Southeast Asia."""
_NEEDED = "|".join(
    (
        "\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f",
        f"(?<=[{_EMOJI}\ufe0f\u20e3])\u200d(?=[{_EMOJI}])",
        f"(?<=[{_JOINED}])[{_JOINERS}]",
        f"(?<=[{_EMOJI}#*0-9])[\ufe0e\ufe0f]",
        f"(?<=[{_VARIABLE}])[\ufe00-\ufe0d]",
        f"(?<=[{_HAN}])[\U000e0100-\U000e01ef]",
        "(?<=[\u1800-\u18af])[\u180b-\u180d\u180f]",
    )
)
"""Hidden characters that the characters beside them need: the tags of a flag (UTS #51, ED-14a), the
joiners of emoji and of some scripts, and one variation selector after a character with variants.
Everywhere else, and in rows, they could carry a hidden text."""
_HIDDEN_IN_A_LINE = f"({_NEEDED})|[{_HIDDEN}]"

_EDGE = " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    chr(code)
    for first, last in (
        (0x2000, 0x200B),
        (0x200E, 0x200F),
        (0x202A, 0x202E),
        (0x2060, 0x206F),
        (0xFFF9, 0xFFFC),
    )
    for code in range(first, last + 1)
)
_AFTER = _EDGE + "\xad\u061c\u115f\u1160\u2800\u3164\ufeff\uffa0\ufffe\uffff"
"""Blanks and hidden characters that are removed from the end of a text. Joiners, variation
selectors and tags are not among them, because they can belong to the character before them."""


_HIDDEN_YET_PRINTABLE = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0\ufffc\U0001d159"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
"""The hidden characters for which `str.isprintable` is true. It is false for every other hidden
character, every control character, and every blank except the space."""


def _is_plain(text: str) -> bool:
    """Whether the text has no hidden character, no control character, and no unusual blank.

    Usual blanks are space and line feed. The check needs no pattern, because compiling one takes
    milliseconds of a cold start.
    """
    return text.replace("\n", " ").isprintable() and _HIDDEN_YET_PRINTABLE.isdisjoint(text)


def is_empty(text: str) -> bool:
    """Whether the text has no character that a person can see.

    A text of combining marks alone is empty, because they need a letter to stand on.
    """
    if text.isascii():
        return re.search("[!-~]", text) is None
    if _is_plain(text) and any(map(str.isalnum, text)):
        return False
    seen = re.finditer(_SEEN, text)
    return all(unicodedata.category(one[0]) in ("Mn", "Me") for one in seen)


def fault_of(text: str) -> tuple[str, str] | None:
    """Return the code and the English detail of why a text is not accepted; None if it is."""
    if _is_plain(text):
        return None
    if re.search(f"[{_CONTROL}]", text):
        return "control_characters", "control characters are not allowed"
    if not text.isascii() and re.search("[\ud800-\udfff]", text):
        return "not_unicode", "the text is not valid Unicode"
    return None


def without_dangers(text: str) -> str:
    """Return the text of a mail, with its control and reordering characters removed.

    Lone surrogates and byte order marks are removed, too. A form refuses control characters and
    surrogates instead, because the person who typed the text can correct it.
    """
    return re.sub(_DANGEROUS, "", text)


def without_hidden(text: str) -> str:
    """Return the text without any hidden character. Blanks stay."""
    return text if text.isascii() else re.sub(f"[{_HIDDEN}]", "", text)


def begin_of(text: str) -> int:
    """Return the index of the first character that `cleaned` keeps of a text.

    The text must have no reordering characters.
    """
    begin = re.match(_BEFORE, text)
    return begin.end() if begin else 0


def cleaned(text: str) -> str:
    """Return a text of any length as it is stored.

    Blanks and hidden characters around it are removed. Reordering characters are removed
    everywhere, because they could reverse other text that is shown beside this one. Marks of
    direction stay, because Hebrew and Arabic need them and they only affect the characters beside
    them. A text that nobody can see becomes "".
    """
    if is_empty(text):
        return ""
    if text.isascii() or _is_plain(text):
        return text.strip()
    text = re.sub(f"[{_REORDERING}]", "", text)
    return text[begin_of(text) :].rstrip(_AFTER)


def cleaned_line(text: str) -> str:
    """Return a name or a subject as it is stored: like `cleaned`, without any hidden character.

    A hidden character stays only if the characters beside it need it, as in emoji.
    """
    text = cleaned(text)
    if text.isascii() or _is_plain(text):
        return text
    text = re.sub(_HIDDEN_IN_A_LINE, lambda found: found[1] or "", text)
    return "" if is_empty(text) else text
