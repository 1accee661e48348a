"""A task: what another department than the ticket's team is asked to do for a ticket.

A task is a part of its ticket: its events are in the ticket's history, its clock is one of the
ticket's timers, and it is in the snapshot. Long texts are in the events only.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from redress.clocks.rules.clocks import Clock

MOST_TASKS = 20
"""The most tasks of one ticket, open or not. The snapshot contains them."""
MOST_OPEN = 10
"""The most tasks of one ticket that are open at a time. When the ticket is closed, each of them is
an event and an item of the transaction."""
TITLE_LIMIT = 120
"""The most characters of a title. It is in the snapshot, and every step writes the snapshot."""

CLOCK_PREFIX = "task:"
"""Begins the name of the clock of a task in the ticket's timers: `task:2`."""


class TaskState(StrEnum):
    """The state of a task. The values are stored: never change one."""

    OPEN = "open"
    DONE = "done"
    RETURNED = "returned"
    """The department refused the task and gave a reason."""
    CANCELLED = "cancelled"


class Share(StrEnum):
    """A part of the ticket that the department can read with a task. The values are stored."""

    SUBJECT = "subject"
    CATEGORY = "category"
    ORDER = "order"
    MESSAGE = "message"
    """The text of the message with which the customer opened the ticket. If that was split off, it
    is the first one that they wrote after it and that is still here."""


class Extension(Struct, frozen=True):
    """A request for more time: the due time that is asked for, and the member who asks for it.

    `parties` are who had the task then, and who asked before and was replaced. They decide nothing
    about it, also if they give the task away.
    """

    until: datetime
    by: str
    parties: tuple[str, ...] = ()


class Task(Struct, frozen=True, omit_defaults=True):
    """One task. `id` counts the tasks of the ticket from 1.

    `event` is the number of the event that opened it, which has its text and what it shares.
    `revision` is the number of the last event that changed its owner, its state or its due time: an
    act on the task names it.
    """

    id: str
    team: str
    """The department that has it."""
    title: str
    event: int
    revision: int
    opened_at: datetime
    clock: Clock
    required: bool = True
    """Whether the ticket can be resolved only when the task is done, or was cancelled."""
    private: bool = False
    """Whether only its owner and the leaders of the department see it, because the complaint is
    about somebody of the department."""
    state: str = TaskState.OPEN
    """A `TaskState`. A later version may store another one, which counts as not done."""
    owner: str | None = None
    """The id of the member who works on it. None if it waits in the queue of the department."""
    pressed: int = 0
    """How often a leader has pressed for it."""
    urged: int = 0
    """How often the customer has urged while it was open."""
    extension: Extension | None = None
    """Set while an extension was asked for and nobody has decided about it."""
    extended: int = 0
    """How often its due time was extended."""
    planned: str = ""
    """The name of the task in the plan that has opened it; "" if a person has."""

    @property
    def clock_name(self) -> str:
        """The name of its clock in the ticket's timers."""
        return f"{CLOCK_PREFIX}{self.id}"

    @property
    def is_open(self) -> bool:
        return self.state == TaskState.OPEN

    @property
    def blocks(self) -> bool:
        """Whether the ticket cannot be resolved because of this task.

        A state that this version does not know is not done.
        """
        return self.required and self.state not in (TaskState.DONE, TaskState.CANCELLED)


def find(tasks: Iterable[Task], id_: str) -> Task | None:
    """The task with this id, or None."""
    return next((task for task in tasks if task.id == id_), None)


def id_in(clock: str) -> str | None:
    """The id of the task whose clock has this name; None if it is the clock of no task."""
    return clock.removeprefix(CLOCK_PREFIX) if clock.startswith(CLOCK_PREFIX) else None
