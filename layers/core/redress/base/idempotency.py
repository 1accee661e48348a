"""The rule for an Idempotency-Key, the text by which a repeated request is recognized."""

from __future__ import annotations

from redress.base.errors import Fault

KEY_LIMIT = 200


def fault_of(key: str) -> Fault | None:
    """Return why a key is not accepted; None if it is."""
    if 1 <= len(key) <= KEY_LIMIT and key.isprintable():
        return None
    detail = f"a header of 1 to {KEY_LIMIT} printable characters is required"
    return Fault("#Idempotency-Key", "key_expected", detail)
