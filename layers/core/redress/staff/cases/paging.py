"""A page of a list of which the reader may not see every entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class _Placed(Protocol):
    @property
    def key(self) -> str:
        """The place in the list."""


def page[Entry: _Placed, Line: _Placed](
    limit: int,
    after: str | None,
    listed: Callable[[str | None], list[Entry]],
    shown: Callable[[list[Entry]], list[Line]],
    most: int,
) -> tuple[list[Line], str | None]:
    """At most `limit` lines of a list, and the key after which the next page begins.

    The key is None if there is no next page. `listed` reads the next entries after a key, `most` of
    them unless the list ends. `shown` makes the lines of those entries that the reader may see. It
    goes on reading until there is one line more than asked for, so a page is never empty while the
    reader may see a later entry.
    """
    lines: list[Line] = []
    while len(lines) <= limit:
        some = listed(after)
        lines += shown(some)
        if len(some) < most:
            break
        after = some[-1].key
    return lines[:limit], lines[limit - 1].key if len(lines) > limit else None
