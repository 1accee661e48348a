"""The transaction of a change: what is written in it, and what a failed condition means.

`TicketStore` provides the writes of the ticket's own items. Other subjects add theirs by the list
`redress.wiring.transaction.ALSO_WRITTEN`: each entry is a function from a change to more writes. A
change is stored with all writes or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from redress.base.errors import RedressError
from redress.db import retry
from redress.db.rows import Models
from redress.tickets.rules.change import Change


class Raced(RedressError):
    """The ticket was changed after it was read. The caller must read it and decide again."""


class DoneAlready(RedressError):
    """An earlier transaction has recorded the same cause. Nothing is written now."""


@dataclass(frozen=True, slots=True)
class Write:
    """One item of the transaction.

    row        the item: it is put if `actions` is None, otherwise updated by `actions`
    condition  the transaction is written only if this condition holds
    lost       the error to raise if the condition does not hold; if None, the item is left out and
               the others are written
    """

    row: Any
    actions: Sequence[Action] | None = None
    condition: Any = None
    lost: Exception | None = None


class Cause:
    """The cause of a change, such as an incoming mail, that must be recorded in its transaction.

    A subject that records causes derives a class from this one. Its entry in `ALSO_WRITTEN`
    recognizes that class.
    """


type AlsoWritten = Callable[[Models, Change, datetime, Cause | None], list[Write]]
"""Returns what a subject writes with a change. The arguments are the row models, the change, its
time and its cause."""

_FIRST = (DoneAlready, Raced)
"""The errors that are raised first if several conditions of a transaction failed. If the cause was
recorded before, or the ticket has changed, the other failures do not matter."""


def write(models: Models, writes: Sequence[Write]) -> None:
    """Write all items or none. Raises the `lost` error of a condition that did not hold."""
    ordered = sorted(writes, key=lambda one: one.actions is not None)  # as PynamoDB sends them
    token = retry.request_token()

    def send() -> None:
        with TransactWrite(token, connection=models.connection) as transaction:
            for one in ordered:
                if one.actions is None:
                    transaction.save(one.row, condition=one.condition)
                else:
                    transaction.update(one.row, actions=list(one.actions), condition=one.condition)

    try:
        retry.call(send, [str(index) for index in range(len(ordered))])
    except retry.ConditionFailed as failed:
        lost = [ordered[int(name)] for name in failed.names]
        errors = [one.lost for one in lost if one.lost is not None]
        if errors:
            raise min(errors, key=_rank) from failed
        write(models, [one for one in ordered if one not in lost])


def _rank(error: Exception) -> int:
    return next((rank for rank, kind in enumerate(_FIRST) if isinstance(error, kind)), len(_FIRST))
