"""What is known of addresses: that mail came back from there, and nothing more is sent until they
write themselves; that whoever reads there wants no surveys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redress.db import keys, retry
from redress.db.rows import Models


@dataclass(frozen=True, slots=True)
class AddressMark:
    """When a mail came back for good, and why: a status of RFC 3463 such as `5.1.1`, or ""."""

    at: datetime
    status: str


@dataclass(frozen=True, slots=True)
class AddressChange:
    """What becomes known of an address: mail came back from there (`mark`), or, with None, mail may
    be sent there again."""

    address: str
    mark: AddressMark | None


class AddressStore:
    def __init__(self, models: Models) -> None:
        self._models = models

    def returned(self, address: str) -> AddressMark | None:
        """What is known of an address; None while mail may be sent there."""
        model = self._models.address
        pk = keys.address_pk(address)
        rows = retry.call(
            lambda: list(model.query(pk, model.sk == keys.ADDRESS, consistent_read=True))
        )
        if not rows or rows[0].returned_at is None:
            return None
        return AddressMark(datetime.fromisoformat(rows[0].returned_at), rows[0].status or "")

    def refuses_surveys(self, address: str) -> bool:
        """Whether they said that they want no more surveys."""
        model = self._models.address
        pk = keys.address_pk(address)
        rows = retry.call(
            lambda: list(model.query(pk, model.sk == keys.SURVEYS, consistent_read=True))
        )
        return bool(rows) and rows[0].refused_at is not None

    def set_surveys(self, address: str, at: datetime, *, refused: bool) -> None:
        """They want no more surveys, or want them again after all."""
        row = self._models.address(
            keys.address_pk(address), keys.SURVEYS, refused_at=at.isoformat() if refused else None
        )
        retry.call(row.save)


def address_row(models: Models, change: AddressChange) -> Any:
    """The row that says what is known of an address from now on."""
    mark = change.mark
    return models.address(
        keys.address_pk(change.address),
        keys.ADDRESS,
        returned_at=mark.at.isoformat() if mark else None,
        status=mark.status or None if mark else None,
    )
