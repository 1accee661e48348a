"""Records for each mail address whether mail may be sent there.

If mail to an address failed permanently, the address is marked. No mail is then sent there until a
mail comes from that address. The same item records when the first mail came from the address. A
second item records whether the reader refuses surveys.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from redress.db import encoding, keys, retry
from redress.db.rows import Models


@dataclass(frozen=True, slots=True)
class AddressMark:
    """When a mail to an address failed permanently, and why.

    `status` is a code of RFC 3463 such as `5.1.1`, "complaint", or "" if unknown.
    """

    at: datetime
    status: str


@dataclass(frozen=True, slots=True)
class AddressChange:
    """A change to the mark of an address. `mark` is the new mark, or None to remove the mark.

    `wrote_at` is the time of a mail from the address, `cleared_at` the time at which staff allowed
    mail to it again. Each is None if the change has another cause.
    """

    address: str
    mark: AddressMark | None
    wrote_at: datetime | None = None
    cleared_at: datetime | None = None


class AddressStore:
    """Reads and writes the marks of addresses and refusals of surveys."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def returned(self, address: str) -> AddressMark | None:
        """Return the mark of an address. None if it has no mark, so that mail may be sent there."""
        row = self._row(address, keys.ADDRESS)
        return encoding.decoded(row, _mark_of) if row is not None else None

    def has_written(self, address: str) -> bool:
        """Whether a mail has come from the address that its domain did not disown.

        A mail that came before Redress recorded this does not count.
        """
        row = self._row(address, keys.ADDRESS)
        return row is not None and row.wrote_at is not None

    def works_since(self, address: str) -> datetime | None:
        """Since when the address is known to work: a mail came from it, or staff cleared it.

        Returns None if nothing shows that it works, or if it returned mail afterwards. Otherwise
        the time is that of the first mail. Until a mail comes, it is that of the clearance.
        """
        row = self._row(address, keys.ADDRESS)
        return encoding.decoded(row, _works_since) if row is not None else None

    def is_known_to_write(self, address: str) -> bool:
        """Whether a mail has come from the address, and the address has no mark since."""
        row = self._row(address, keys.ADDRESS)
        return row is not None and row.wrote_at is not None and row.returned_at is None

    def refuses_surveys(self, address: str) -> bool:
        """Whether the reader at this address unsubscribed from surveys."""
        row = self._row(address, keys.SURVEYS)
        return row is not None and row.refused_at is not None

    def set_surveys(self, address: str, at: datetime, *, refused: bool) -> None:
        """Record that the reader wants no more surveys, or wants them again."""
        row = self._models.address(
            keys.address_pk(address), keys.SURVEYS, refused_at=at.isoformat() if refused else None
        )
        retry.call(row.save)

    def _row(self, address: str, sk: str) -> Any:
        """Return a row of an address, or None. Raises Unreadable.

        The row under the earlier key of the address counts only if there is none under today's, so
        every later change overrides it.
        """
        for pk in dict.fromkeys((keys.address_pk(address), keys.earlier_address_pk(address))):
            if rows := retry.call(partial(self._rows, pk, sk)):
                return encoding.decoded(rows[0], lambda row: row)
        return None

    def _rows(self, pk: str, sk: str) -> list[Any]:
        model = self._models.address
        return list(model.query(pk, model.sk == sk, consistent_read=True))


def _mark_of(row: Any) -> AddressMark | None:
    if row.returned_at is None:
        return None
    return AddressMark(datetime.fromisoformat(row.returned_at), row.status or "")


def _works_since(row: Any) -> datetime | None:
    shown = row.wrote_at or row.cleared_at
    return datetime.fromisoformat(shown) if shown else None


def address_row(models: Models, change: AddressChange) -> Any:
    """Return the row that sets or removes the mark of an address.

    A mark removes the record that mail came from the address: until the next one, nothing shows
    that the address exists.
    """
    mark = change.mark
    return models.address(
        keys.address_pk(change.address),
        keys.ADDRESS,
        returned_at=mark.at.isoformat() if mark else None,
        status=mark.status or None if mark else None,
        wrote_at=change.wrote_at.isoformat() if change.wrote_at else None,
        cleared_at=change.cleared_at.isoformat() if change.cleared_at else None,
    )
