"""One transaction per change of a ticket: what is written in it, and what a lost condition means.

The ticket's own items are written by `TicketStore`. What other subjects write in the same
transaction comes from a list that the wiring holds (`redress.wiring.transaction.ALSO_WRITTEN`):
each entry turns a change into more writes. A change is stored with all of them or not at all.
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
    """The ticket was changed between our read and our write: read again, decide again."""


class DoneAlready(RedressError):
    """This was written before, in an earlier transaction. Nothing is written now."""


@dataclass(frozen=True, slots=True)
class Write:
    """One item of the transaction.

    row        the item: put if there are no `actions`, otherwise updated by them
    condition  the transaction is written only if it holds
    lost       raised if the condition does not hold; None: the item is left out and the rest is
               written
    """

    row: Any
    actions: Sequence[Action] | None = None
    condition: Any = None
    lost: Exception | None = None


class Cause:
    """What made a change, where the transaction must record more than the ticket does.

    A subject that has such records derives a class from this one, and its entry in the list of
    writers recognizes it.
    """


type AlsoWritten = Callable[[Models, Change, datetime, Cause | None], list[Write]]
"""What a subject writes with a change: rows, change, time of the change, cause."""

_FIRST = (DoneAlready, Raced)
"""If several conditions are lost, these explain it best: the change was made before, or the ticket
moved on. What else was lost then does not matter."""


def write(models: Models, writes: Sequence[Write]) -> None:
    """Write all items or none; raises the `lost` of a condition that did not hold."""
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
