"""A post-mortem: what is learnt from an urgent ticket after it is closed.

It is a part of its ticket: its event is in the ticket's history, its clock is one of the ticket's
timers, and the snapshot says whether it is written. The texts are in the event only. An incident
has one, too (`incidents.rules`), whose actions are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from msgspec import Struct

from redress.base.errors import Fault
from redress.base.people import Member
from redress.clocks.rules.clocks import Clock

CLOCK = "post_mortem"
"""The name of its clock in the ticket's timers. It is no promise to the customer, so it is no
`ClockName`."""
TEXT_LIMIT = 5_000
"""The most characters of each of its texts."""
MOST_ACTIONS = 20
"""The most actions of a post-mortem."""


class Action(Struct, frozen=True):
    """One thing to change because of what happened, with its owner and the day when it is due."""

    text: str
    owner: str
    due: date


class PostMortem(Struct, frozen=True, omit_defaults=True):
    """The post-mortem of a closed ticket.

    `clock` counts from the closing. `event` is the number of the event with the texts, `at` and
    `by` say when and by whom it was written last; None until it is written.
    """

    clock: Clock
    event: int | None = None
    at: datetime | None = None
    by: str | None = None

    @property
    def is_due(self) -> bool:
        """Whether somebody must write it."""
        return self.event is None


def first_of_each(owners: Iterable[str]) -> list[int]:
    """The number of the first action of each owner, from 1. `owners` are those of the actions."""
    found: dict[str, int] = {}
    for number, owner in enumerate(owners, 1):
        found.setdefault(owner, number)
    return list(found.values())


def faults_of_actions(
    actions: Sequence[Action], known: Mapping[str, Member], today: date
) -> list[Fault]:
    """Return every fault of actions: their owners may work, and they are due today or later.

    `known` are the members of staff who can own one, by id.
    """
    faults = []
    for index, one in enumerate(actions):
        here = f"/actions/{index}"
        owner = known.get(one.owner)
        if owner is None or not owner.is_active:
            detail = "there is no such member of staff who may work"
            faults.append(Fault(f"{here}/owner", "unknown_agent", detail))
        if one.due < today:
            faults.append(Fault(f"{here}/due", "not_in_time", "today or later"))
    return faults
