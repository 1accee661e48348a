"""One rule for characters that nobody can see, and for characters that control something.

Four groups of characters matter. They are written out here, because the table of Unicode is not in
a regular expression's reach. `tests/base/test_texts.py` compares them with `unicodedata`.

- Blanks: spaces and line ends.
- Hidden characters have no width: zero-width spaces, joiners, marks of direction, soft hyphens,
  variation selectors, tags, fillers (all of `Default_Ignorable_Code_Point`, UAX #44), and the
  braille blank, which is as empty as a space.
- Reordering characters are the hidden ones that change the direction of the text around them:
  embeddings, overrides and isolates (UAX #9). They can make a text read as another one.
- Control characters (C0 and C1) steer terminals and break stores. Tab and line ends are allowed.
"""

from __future__ import annotations

import re

_BLANK = "\\t-\\r\\x1c-\\x1f \\x85\\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_REORDERING = "\u202a-\u202e\u2066-\u2069"
_JOINING = "\u200c\u200d\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0020-\U000e007f\U000e0100-\U000e01ef"
"""Hidden characters that change the character before them: joiners, variation selectors and the
tags in a flag. Emoji, Persian and the scripts of India need them."""
_HIDDEN = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffc\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_CONTROL = "\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f"

# Patterns are strings: `re` compiles each at its first use and keeps it. Few texts need most of
# them, and a cold start needs none.
_SEEN = f"[^{_BLANK}{_HIDDEN}{_CONTROL}]"
_NEEDLESS_IN_A_LINE = f"(?![{_JOINING}])[{_HIDDEN}]"
_DANGEROUS = f"[{_CONTROL}{_REORDERING}\ufeff\ud800-\udfff]"
_BEFORE = f"[{_BLANK}{_HIDDEN}]+"

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
_AFTER = _EDGE + "\xad\u061c\u115f\u1160\u2800\u3164\ufeff\uffa0"


def is_empty(text: str) -> bool:
    """Whether the text has no character that a person can see."""
    return re.search("[!-~]" if text.isascii() else _SEEN, text) is None


def fault_of(text: str) -> tuple[str, str] | None:
    """Return code and English detail of what makes a text unacceptable; None if nothing does."""
    if re.search(f"[{_CONTROL}]", text):
        return "control_characters", "control characters are not allowed"
    if not text.isascii() and re.search("[\ud800-\udfff]", text):
        return "not_unicode", "the text is not valid Unicode"
    return None


def without_dangers(text: str) -> str:
    """Return a text that came by mail without control and reordering characters.

    Lone surrogates and byte order marks go, too. A form refuses such a text instead, because the
    person who typed it can correct it.
    """
    return re.sub(_DANGEROUS, "", text)


def without_hidden(text: str) -> str:
    """Return the text without any hidden character. Blanks stay."""
    return text if text.isascii() else re.sub(f"[{_HIDDEN}]", "", text)


def begin_of(text: str) -> int:
    """Return where `cleaned` begins to keep the text, if it has no reordering characters."""
    begin = re.match(_BEFORE, text)
    return begin.end() if begin else 0


def cleaned(text: str) -> str:
    """Return a text of any length as it is stored.

    It has no blanks and hidden characters around it, and no reordering characters in it: they
    could turn around what stands beside the text where it is shown. Marks of direction stay,
    because Hebrew and Arabic need them and they only affect the characters beside them. A text that
    nobody can see becomes "".
    """
    if is_empty(text):
        return ""
    if text.isascii():
        return text.strip()
    text = re.sub(f"[{_REORDERING}]", "", text)
    return text[begin_of(text) :].rstrip(_AFTER)


def cleaned_line(text: str) -> str:
    """Return a name or a subject as it is stored: like `cleaned`, without any hidden character.

    Only hidden characters that change the character before them stay, as in emoji.
    """
    text = cleaned(text)
    return text if text.isascii() else re.sub(_NEEDLESS_IN_A_LINE, "", text)
