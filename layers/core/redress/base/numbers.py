"""Numbers in what clients send."""

from __future__ import annotations

from typing import Any


def whole(value: Any) -> int | None:
    """Return the whole number that a decoded JSON value is, or None if it is none.

    1.0 is a whole number, as in JSON Schema (Validation, 6.1.1). Neither true nor false is one.
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
