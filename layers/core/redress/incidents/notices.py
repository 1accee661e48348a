"""What the public form says about open incidents.

The function of the form does not load PynamoDB, because customers wait for its cold start. So the
notices are one small item beside the incidents, and this module imports no store.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from redress.db import encoding, keys

FRESH_FOR_S = 30.0
"""How long a process shows the notices before it reads them again. So the form costs at most half a
read unit in this time for each process, however many customers open it."""

_NOTICES = msgspec.json.Decoder(dict[str, dict[str, str]])


class FormNotices:
    """A cache of the notices. `read` returns the stored document, or None if there is none."""

    def __init__(
        self, read: Callable[[], str | None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read, self._clock = read, clock
        self._known: list[dict[str, str]] = []
        self._read_at: float | None = None

    def in_language(self, language: str) -> list[str]:
        """The notices of all open incidents in a language, in the order in which they were set.

        Raises Unavailable and Unreadable. The next call within FRESH_FOR_S then returns what was
        known before, so an outage of the table makes no request of the form wait twice.
        """
        moment = self._clock()
        if self._read_at is None or moment - self._read_at >= FRESH_FOR_S:
            self._read_at = moment
            doc = self._read()
            with encoding.reading(keys.NOTICES, keys.CURRENT):
                self._known = [] if doc is None else list(_NOTICES.decode(doc).values())
        return [texts[language] for texts in self._known if language in texts]
