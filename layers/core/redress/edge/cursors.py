"""Pages of a list: reading `limit` and `cursor` from a query, and making the next cursor."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping

from redress.base.errors import Fault, InvalidInput


def limit(query: Mapping[str, str], most: int, usual: int | None = None) -> int:
    """The `limit` of a query, from 1 to `most`. Raises InvalidInput.

    If the query has none, it is `usual`, or `most` if that is None.
    """
    given = query.get("limit")
    if given is None:
        return most if usual is None else usual
    if not re.fullmatch(r"-?[0-9]{1,6}", given, re.ASCII):
        detail = "a whole number is expected here"
        raise InvalidInput([Fault("/limit", "whole_number_expected", detail)])
    if not 1 <= int(given) <= most:
        raise InvalidInput([Fault("/limit", "out_of_range", f"from 1 to {most}")])
    return int(given)


def page(
    query: Mapping[str, str],
    most: int,
    is_key: Callable[[str], bool],
    usual: int | None = None,
    name: str = "cursor",
) -> tuple[int, str | None]:
    """The `limit` and cursor of a query. Raises InvalidInput with a fault for each wrong one.

    `limit` is from 1 to `most`, by default `usual`. `is_key` tells whether a text has the form of a
    key of this list. `name` is the parameter that has the cursor.
    """
    faults: list[Fault] = []
    items, cursor = most, None
    try:
        items = limit(query, most, usual)
    except InvalidInput as invalid:
        faults += invalid.faults
    if given := query.get(name):
        cursor = _from_cursor(given, is_key)
        if cursor is None:
            detail = "this is not the `next` of an earlier answer"
            faults.append(Fault(f"/{name}", "unknown_cursor", detail))
    if faults:
        raise InvalidInput(faults)
    return items, cursor


def to_cursor(key: str | None) -> str | None:
    """The cursor of the page that begins after this key; None for None.

    A cursor is opaque: letters, digits, `-` and `_`, and up to two `=` at the end.
    """
    return base64.urlsafe_b64encode(key.encode()).decode() if key is not None else None


def _from_cursor(given: str, is_key: Callable[[str], bool]) -> str | None:
    """The key in a cursor, or None if the text is not a cursor of this list.

    `is_key` checks the key because the key becomes part of a database query.
    """
    try:
        key = base64.b64decode(given, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    return key if is_key(key) else None
