"""Who views or writes a ticket: a short-lived item for each, directly behind the snapshot."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from redress.base.errors import NotFound
from redress.db import encoding, keys, retry
from redress.db.rows import Models
from redress.tickets.rules.ticket import Ticket
from redress.tickets.rules.viewers import Doing, Viewer
from redress.tickets.store import items


def viewers_in(rows: Iterable[Any]) -> list[Viewer]:
    """The viewers of these rows. One that cannot be read is reported and left out."""
    return list(encoding.readable(rows, _viewer_of))


class ViewerStore:
    def __init__(self, models: Models) -> None:
        self._models = models

    def read(self, number: str) -> tuple[Ticket, list[Viewer]]:
        """A ticket and its viewers, in one consistent query. Raises NotFound or Unreadable.

        Some viewers may have left (`Viewer.is_there`).
        """
        model = self._models.file
        among = model.sk.between(keys.TICKET, keys.AFTER_VIEWERS)
        rows = retry.call(
            lambda: list(model.query(keys.ticket_pk(number), among, consistent_read=True))
        )
        if not rows or rows[0].sk != keys.TICKET:
            raise NotFound(f"there is no ticket {number}")
        return items.ticket_in(rows[0]), viewers_in(rows[1:])

    def record(self, number: str, viewer: Viewer) -> None:
        """Store what a member does with the ticket now, in place of what they did before."""
        row = self._models.viewer(
            keys.ticket_pk(number),
            keys.viewer_sk(viewer.id),
            name=viewer.name,
            doing=viewer.doing.value,
            since=viewer.since.isoformat(),
            expires=int(viewer.until.timestamp()),
        )
        retry.call(row.save)


def _viewer_of(row: Any) -> Viewer:
    return Viewer(
        keys.viewer_of(row.sk),
        row.name,
        Doing(row.doing),
        datetime.fromisoformat(row.since),
        datetime.fromtimestamp(int(row.expires), UTC),
    )
