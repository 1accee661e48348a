"""What the public form says about open incidents.

The function of the form does not load PynamoDB, because customers wait for its cold start. So the
notices are one small item beside the incidents, and this module imports no store.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from redress.db import encoding, keys

FRESH_FOR_S = 30.0
"""How long a process shows the notices before it reads them again. So the form costs at most half a
read unit in this time for each process, however many customers open it."""

UNTIL = "until"
"""In what is stored of a notice, beside its languages: the ISO time at which it ends by itself."""

_NOTICES = msgspec.json.Decoder(dict[str, dict[str, str]])


def end_of(said: Mapping[str, str]) -> datetime | None:
    """When a notice ends by itself, from what is stored of it; None if it does not."""
    until = said.get(UNTIL)
    return None if until is None else datetime.fromisoformat(until)


class FormNotices:
    """A cache of the notices. `read` returns the stored document, or None if there is none.

    `now` is the time of day, by which a notice ends. `clock` measures how old the cache is.
    """

    def __init__(
        self,
        read: Callable[[], str | None],
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._now, self._clock = read, now, clock
        self._known: list[tuple[dict[str, str], datetime | None]] = []
        self._read_at: float | None = None

    def in_language(self, language: str) -> list[str]:
        """The notices of all open incidents in a language, in the order in which they were set.

        One whose time is over is left out.

        Raises Unavailable and Unreadable. The next call within FRESH_FOR_S then returns what was
        known before, so an outage of the table makes no request of the form wait twice.
        """
        moment = self._clock()
        if self._read_at is None or moment - self._read_at >= FRESH_FOR_S:
            self._read_at = moment
            doc = self._read()
            with encoding.reading(keys.NOTICES, keys.CURRENT):
                said = [] if doc is None else list(_NOTICES.decode(doc).values())
                self._known = [(one, end_of(one)) for one in said]
        at = self._now()
        return [
            texts[language]
            for texts, until in self._known
            if language in texts and (until is None or at < until)
        ]
