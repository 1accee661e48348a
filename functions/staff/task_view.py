"""A task for another department as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from route import iso
from ticket_view import cause_view, task_view

from redress.edge.cursors import to_cursor
from redress.staff.cases.tasks import TaskFile, TaskPage
from redress.tickets.rules.ticket import Event


def task_page_view(page: TaskPage, now: datetime) -> dict[str, Any]:
    """`TaskPage`: `next` is the cursor of the next page, null on the last one."""
    items = [
        {"number": line.number, **task_view(line.task, now), "can": line.can} for line in page.lines
    ]
    return {"items": items, "next": to_cursor(page.next)}


def task_file_view(found: TaskFile, now: datetime) -> dict[str, Any]:
    """`TaskFile`: the task with its text, what it shares of the ticket, and its own timeline."""
    return {
        "number": found.number,
        "language": found.language,
        **task_view(found.task, now),
        "text": found.text,
        "shared": {share.value: value for share, value in found.shared.items()},
        "timeline": [_event(event) for event in found.history],
        "can": found.can,
    }


_SHOWN = ("text", "why", "owner", "from", "action", "required", "shares", "granted")
_TIMES = ("due", "due_at", "until")


def _event(event: Event) -> dict[str, Any]:
    """`Event`: one event of the task. It has no data of the ticket."""
    data = {name: event.data[name] for name in _SHOWN if name in event.data}
    times = {
        name: iso(datetime.fromisoformat(event.data[name])) for name in _TIMES if name in event.data
    }
    return {**cause_view(event), "data": data | times}
