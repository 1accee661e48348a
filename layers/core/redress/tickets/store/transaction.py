"""The transaction of a change: what is written in it, and what a failed condition means.

`TicketStore` provides the writes of the ticket's own items. Other packages add writes through the
list `redress.wiring.transaction.ALSO_WRITTEN`: each entry is a function that returns the writes of
one package. DynamoDB stores all writes of a transaction or none.
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
    condition  if this condition does not hold, the transaction fails
    lost       the error to raise in that case; if it is None, the transaction is sent again without
               this item, or with `instead` in its place
    """

    row: Any
    actions: Sequence[Action] | None = None
    condition: Any = None
    lost: Exception | None = None
    instead: Write | None = None


class Cause:
    """What caused a change, such as an incoming mail. The change's transaction records it.

    A package that records causes derives a class from this one. Its entry in `ALSO_WRITTEN`
    recognizes that class.
    """


type Dated = tuple[Change, datetime]
"""A change and its time."""

type AlsoWritten = Callable[[Models, Sequence[Dated], Cause | None], list[Write]]
"""A function that returns the writes of one package for a transaction. Its arguments are the row
models, the changes of the transaction, and the cause of the first of them. The changes are of
different tickets. If two of them concern one item, the function returns one write of it, because
DynamoDB refuses a transaction with two (API reference, TransactWriteItems)."""

_PRECEDENCE = (DoneAlready, Raced)
"""If several conditions of a transaction failed, `write` raises the error that is earliest in this
list. Other errors come after these: they do not matter if the cause was recorded before or the
ticket has changed."""


def write(models: Models, writes: Sequence[Write]) -> None:
    """Write all items or none. Raises the `lost` error of a condition that failed."""
    # PynamoDB sends all puts before all updates. DynamoDB reports failed conditions in that order.
    ordered = sorted(writes, key=lambda one: one.actions is not None)
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
        refused = [ordered[int(name)] for name in failed.names]
        errors = [one.lost for one in refused if one.lost is not None]
        if errors:
            raise min(errors, key=_rank) from failed
        kept = [one.instead if one in refused else one for one in ordered]
        write(models, [one for one in kept if one is not None])


def _rank(error: Exception) -> int:
    ranks = (rank for rank, kind in enumerate(_PRECEDENCE) if isinstance(error, kind))
    return next(ranks, len(_PRECEDENCE))
