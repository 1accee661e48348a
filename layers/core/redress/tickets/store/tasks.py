"""The lists of tasks: those of a department, its queue, and those of one member of staff.

An item per task lists it while it is open. The ticket's snapshot has everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from redress.db import keys, retry
from redress.db.rows import Models
from redress.tickets.rules.change import Change
from redress.tickets.rules.tasks import Task
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.transaction import Cause, Dated, Write


class Listed(Struct, frozen=True):
    """One open task in a list: its ticket and its id. `key` is its place, by its due time."""

    number: str
    task: str
    key: str


class TaskLists:
    def __init__(self, models: Models) -> None:
        self._models = models

    def of_member(self, agent: str, after: str | None, most: int) -> list[Listed]:
        """At most `most` open tasks that a member has, next due first, after the place `after`."""
        return self._owned(keys.tasks_of_pk(agent), after, most)

    def queued(self, team: str, after: str | None, most: int) -> list[Listed]:
        """The same for the open tasks of a department that nobody has taken."""
        return self._owned(keys.task_queue_pk(team), after, most)

    def of_team(self, team: str, after: str | None, most: int) -> list[Listed]:
        """The same for all open tasks of a department."""
        model = self._models.task
        beyond = model.open_sk > after if after is not None else None
        query = model.open_index.query(keys.team_tasks_pk(team), beyond, limit=most)
        return [_listed(row.open_sk) for row in retry.call(lambda: list(query))]

    def _owned(self, pk: str, after: str | None, most: int) -> list[Listed]:
        model = self._models.task
        beyond = model.owner_sk > after if after is not None else None
        query = model.owner_index.query(pk, beyond, limit=most)
        return [_listed(row.owner_sk) for row in retry.call(lambda: list(query))]


def _listed(key: str) -> Listed:
    number, task = keys.listed_task(key)
    return Listed(number, task, key)


def also_written(models: Models, changes: Sequence[Dated], cause: Cause | None) -> list[Write]:
    """Return the writes of the items of tasks that the changes open, end, or list elsewhere.

    The item of an ended task is in no list and has `expires`, because no function has the right to
    delete items. Its partition is the ticket's, so that every function that changes tickets may
    write it.
    """
    return [write for change, now in changes for write in _writes(models, change, now)]


def _writes(models: Models, change: Change, now: datetime) -> list[Write]:
    after: Ticket = change.after
    if not after.tasks:
        return []
    before = {task.id: task for task in change.before.tasks} if change.before is not None else {}
    found = []
    for task in after.tasks:
        earlier = before.get(task.id)
        listed = _keys(after.number, task)
        if earlier is not None and _keys(after.number, earlier) == listed:
            continue
        row = models.task(keys.ticket_pk(after.number), keys.task_sk(task.id), **listed)
        if not listed:
            row.expires = int(now.timestamp())
        found.append(Write(row))
    return found


def _keys(number: str, task: Task) -> dict[str, Any]:
    """The index keys of the item of a task; {} if no list has it."""
    if not task.is_open:
        return {}
    place = keys.task_place(task.clock.due_at, number, task.id)
    owner = keys.tasks_of_pk(task.owner) if task.owner else keys.task_queue_pk(task.team)
    return {
        "owner_pk": owner,
        "owner_sk": place,
        "open_pk": keys.team_tasks_pk(task.team),
        "open_sk": place,
    }
