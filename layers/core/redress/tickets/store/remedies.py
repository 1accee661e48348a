"""The lists of remedies: those that a team must decide about, and those that it owes to customers.

An item per remedy lists it while it is open. The ticket's snapshot has everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from redress.db import keys, retry
from redress.db.rows import Models
from redress.tickets.rules.change import Change
from redress.tickets.rules.remedies import Remedy, RemedyState
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.transaction import Cause, Dated, Write


class Listed(Struct, frozen=True):
    """One open remedy in a list: its ticket and its id. `key` is its place, by its due time."""

    number: str
    remedy: str
    key: str


class RemedyLists:
    def __init__(self, models: Models) -> None:
        self._models = models

    def of_team(self, team: str, state: RemedyState, after: str | None, most: int) -> list[Listed]:
        """At most `most` remedies of a team's tickets in a state, next due first, after the place
        `after`."""
        model = self._models.task
        beyond = model.open_sk > after if after is not None else None
        query = model.open_index.query(keys.team_remedies_pk(team, state), beyond, limit=most)
        return [_listed(row.open_sk) for row in retry.call(lambda: list(query))]


def _listed(key: str) -> Listed:
    number, remedy = keys.listed_task(key)
    return Listed(number, remedy, key)


def also_written(models: Models, changes: Sequence[Dated], cause: Cause | None) -> list[Write]:
    """Return the writes of the items of remedies that the changes add, end, or list elsewhere.

    They are listed under another team when their ticket moves there. The item of one that is over
    is in no list and has `expires`, because no function has the right to delete items.
    """
    return [write for change, now in changes for write in _writes(models, change, now)]


def _writes(models: Models, change: Change, now: datetime) -> list[Write]:
    after = change.after
    if not after.remedies:
        return []
    before = _all_keys(change.before) if change.before is not None else {}
    found = []
    for remedy in after.remedies:
        listed = _keys(after, remedy)
        if before.get(remedy.id) == listed:
            continue
        row = models.task(keys.ticket_pk(after.number), keys.remedy_sk(remedy.id), **listed)
        if not listed:
            row.expires = int(now.timestamp())
        found.append(Write(row))
    return found


def _all_keys(ticket: Ticket) -> dict[str, dict[str, Any]]:
    return {remedy.id: _keys(ticket, remedy) for remedy in ticket.remedies}


def _keys(ticket: Ticket, remedy: Remedy) -> dict[str, Any]:
    """The index keys of the item of a remedy; {} if no list has it."""
    if not remedy.is_open:
        return {}
    return {
        "open_pk": keys.team_remedies_pk(ticket.team, remedy.state),
        "open_sk": keys.task_place(remedy.clock.due_at, ticket.number, remedy.id),
    }
