"""Ticket numbers: random, so that no intake waits for another and nobody can guess a neighbour."""

from __future__ import annotations

import re
import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I, L, O, U to misread or misspell
_NUMBER = re.compile(rf"R-[{ALPHABET}]{{5}}-[{ALPHABET}]{{5}}")
_MISREAD = str.maketrans("ILO", "110")


def new_number() -> str:
    """A number such as `R-7K3M9-QW0X2`: 50 random bits; the conditional put settles a collision."""
    bits = secrets.randbits(50)
    letters = "".join(ALPHABET[bits >> shift & 31] for shift in range(0, 50, 5))
    return f"R-{letters[:5]}-{letters[5:]}"


def normalised(text: str) -> str | None:
    """The number a person meant (case, I for 1, O for 0), or None when it is none."""
    number = text.strip().upper()
    number = number[:2] + number[2:].translate(_MISREAD)
    return number if _NUMBER.fullmatch(number) else None
