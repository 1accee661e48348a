"""What a sweep of a quiet stack leaves out.

A stack is quiet if nobody is online, no member who is offline may still have tickets, no ticket was
opened for a day, and no workflow had to be repaired. Each sweep learns this from ten small reads.
The sweep of a quiet stack then leaves out the queues, held mail, and reminders of incidents and of
planned calls. It looks at them every quarter of an hour. So a month without tickets costs half as
many read units.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

COMPLETE_AFTER = timedelta(minutes=14)
"""How long after a complete sweep the next one is due. The sweep runs every five minutes, and a
minute more or less between two of them must not make it twenty."""


class CompleteSweeps:
    """Remembers when this process last swept completely.

    A new process does not know, and its first sweep is complete. So a forgotten time costs some
    reads, and leaves nothing out.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._last: datetime | None = None

    def is_due(self) -> bool:
        """Whether the next sweep must be complete, even on a quiet stack."""
        return self._last is None or self._now() - self._last >= COMPLETE_AFTER

    def done(self) -> None:
        """Record that a sweep was complete."""
        self._last = self._now()
