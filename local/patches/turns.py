"""Limits how many callers run at once; the others wait in order of arrival."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Iterator

ENVIRONMENTS = max(4, 2 * (os.cpu_count() or 1))
"""Environments of one function at once; more of them only slow each other down."""
PATIENCE_S = 60.0
"""The longest time that a function of Redress may run."""


class Turns:
    """Lets `limit` callers run at once.

    A caller that has waited for `patience_s` seconds runs even beyond the limit, because the
    running callers may be waiting for it.
    """

    def __init__(self, limit: int, patience_s: float) -> None:
        self._limit, self._patience_s = limit, patience_s
        self._lock = threading.Lock()
        self._running = 0
        self._waiting: deque[threading.Event] = deque()

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        self._begin()
        try:
            yield
        finally:
            self._end()

    def _begin(self) -> None:
        with self._lock:
            if self._running < self._limit:
                self._running += 1
                return
            mine = threading.Event()
            self._waiting.append(mine)
        if mine.wait(self._patience_s):
            return  # a caller that ended passed on its place
        with self._lock:
            if not mine.is_set():
                self._waiting.remove(mine)
                self._running += 1

    def _end(self) -> None:
        with self._lock:
            if self._waiting and self._running <= self._limit:
                self._waiting.popleft().set()
            else:
                self._running -= 1
