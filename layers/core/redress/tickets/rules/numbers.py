"""Ticket numbers.

They are random: intakes need no shared counter, and nobody can guess another ticket's number.
"""

from __future__ import annotations

import re
import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's Base32: without I, L and O, which are misread, and U, which may spell bad words."""
_NUMBER = re.compile(rf"R-[{ALPHABET}]{{5}}-[{ALPHABET}]{{5}}")
_MISREAD = str.maketrans("ILO", "110")


_IN_TEXT = re.compile(r"(?<![0-9A-Za-z])[Rr]-[0-9A-Za-z]{5}-[0-9A-Za-z]{5}(?![0-9A-Za-z])")


def new_number() -> str:
    """Return a random number such as `R-7K3M9-QW0X2` (50 bits).

    The conditional put of a new ticket fails for a number that is already in use.
    """
    bits = secrets.randbits(50)
    letters = "".join(ALPHABET[bits >> shift & 31] for shift in range(0, 50, 5))
    return f"R-{letters[:5]}-{letters[5:]}"


def normalised(text: str) -> str | None:
    """Return the number that a person typed, or None if the text is not a number.

    Corrects letter case and misread letters: I and L become 1, O becomes 0.
    """
    number = text.strip().upper()
    number = number[:2] + number[2:].translate(_MISREAD)
    return number if _NUMBER.fullmatch(number) else None


def found_in(*texts: str) -> list[str]:
    """Return the numbers that people wrote in these texts, in their order, each once."""
    read = (normalised(found) for text in texts for found in _IN_TEXT.findall(text))
    return list(dict.fromkeys(number for number in read if number is not None))
