"""Instants as texts: RFC 3339 in requests and answers.

Stored texts have formats of their own, which do not change.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

EXAMPLE = "2026-11-24T09:00:00+08:00"

_FORM = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt]([0-9]{2}):[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
    r"([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)
"""RFC 3339, section 5.6, `date-time`. `datetime.fromisoformat` also reads other forms of ISO 8601:
week dates, a day without hyphens, a space in place of T, offsets with seconds."""


def written(at: datetime) -> str:
    """Return an instant as every answer has it: `2026-11-30T08:00:00.264Z`.

    It is in UTC. What is less than a millisecond is cut off. Raises ValueError for an instant
    without an offset.
    """
    if at.tzinfo is None:
        raise ValueError("an instant without an offset has no place in time")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse(text: object) -> datetime:
    """Return the instant of a text in the form of RFC 3339, in UTC.

    Raises ValueError for anything else. RFC 3339 allows a leap second (`:60`), but `datetime` has
    none, so it is refused, too.
    """
    found = re.fullmatch(_FORM, text) if isinstance(text, str) else None
    if found is None or found[1] == "24":
        raise ValueError("not an instant of RFC 3339")
    try:
        return datetime.fromisoformat(found[0].upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("RFC 3339, but no instant of the years 1 to 9999") from error
