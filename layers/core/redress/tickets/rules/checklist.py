"""The checklist of a service request: what the customer gives, and what staff do.

The plan has the texts of the items (`redress.plans.rules.checklists`). The snapshot has their
states. What was written about an item is in the events only.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from redress.plans.rules.checklists import MATERIAL, NOTE, STEP

MOST_FILES = 5
"""The most files that a customer sends for one material. The snapshot contains their ids."""
MOST_EARLIER = 40
"""The most items of earlier checklists of a ticket that are remembered. The snapshot contains
them."""


class ItemState(StrEnum):
    """The state of an item. The values are stored: never change one."""

    OPEN = "open"
    """The customer has given nothing, or staff have not done the step."""
    GIVEN = "given"
    """The customer has given it. Staff decide whether it is right."""
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    """Staff have said what is wrong with it. The customer can give it again."""
    DONE = "done"
    """Staff have done the step."""


class Responsible(StrEnum):
    """Who has to do something about an obstacle. The values are stored."""

    CUSTOMER = "customer"
    US = "us"
    THIRD_PARTY = "third_party"


class Item(Struct, frozen=True, omit_defaults=True):
    """One item of a ticket's checklist.

    `id` is its id in the plan. `event` is the number of the last event about it; 0 if there is
    none. `files` are the ids of the files that the customer has sent for it.
    """

    id: str
    kind: str
    """One of `checklists.ITEM_KINDS`. It is a text, because a later version may store a kind that
    this version does not know."""
    required: bool = True
    """Whether the request is done only when the item is settled."""
    state: str = ItemState.OPEN
    """An `ItemState`. It is a text, because a later version may store a state that this version
    does not know. Such an item counts as not settled."""
    event: int = 0
    files: tuple[str, ...] = ()
    obstacle: bool = False
    """Whether the last event about the item says why it cannot go on."""
    lost: tuple[str, ...] = ()
    """Those of `files` that nobody can open any more: they were withdrawn, or the scanner found
    something in them."""

    @property
    def usable(self) -> tuple[str, ...]:
        """The files of the item that can be opened, now or after their check."""
        return tuple(file for file in self.files if file not in self.lost)

    @property
    def is_touched(self) -> bool:
        """Whether anybody has given it, done it, decided or said something about it."""
        return self.event > 0 or self.state != ItemState.OPEN

    @property
    def is_of_customer(self) -> bool:
        """Whether the customer has to give it. Otherwise it is a step of staff."""
        return self.kind in (MATERIAL, NOTE)

    @property
    def is_missing(self) -> bool:
        """Whether the customer has not given it yet, or has to give it again."""
        return self.is_of_customer and self.state in (ItemState.OPEN, ItemState.REJECTED)

    @property
    def blocks(self) -> bool:
        """Whether the request is not done because of this item.

        An item in a state that this version does not know is not settled.
        """
        return self.required and self.state not in (ItemState.ACCEPTED, ItemState.DONE)


class Checklist(Struct, frozen=True, omit_defaults=True):
    """The items of a ticket, in the order of the plan. `event` is the event that set them.

    `told` says that the customer knows of the list: it was sent to them, words about an item were
    sent to them, or they have given an item.
    """

    event: int
    items: tuple[Item, ...]
    told: bool = False
    told_by: int = 0
    """The event that last asked the customer for something, or told them of the list. If it turns
    out that its words did not arrive, they do not know of it (`told`). 0 if they have given an item
    themselves, know the list from another ticket, or were told in a version before this one."""
    earlier: tuple[Item, ...] = ()
    """Items that the ticket had under another category, kind or plan, and that were touched. If a
    later checklist has one of them again, it keeps its state. A ticket that has only these has no
    checklist now (`items` is empty)."""


def find(checklist: Checklist | None, id_: str) -> Item | None:
    """The item with this id, or None."""
    items = checklist.items if checklist is not None else ()
    return next((item for item in items if item.id == id_), None)


def waits_for_customer(checklist: Checklist | None) -> bool:
    """Whether only the customer can go on: something required is missing, and nothing is to check.

    What the customer has given and nobody has decided about is work of staff. So the ticket does
    not wait for the customer meanwhile, even if something else is missing. Nor does it wait for
    what a customer was never told of, as one who left no email address.
    """
    if checklist is None or not checklist.told:
        return False
    return any(item.required and item.is_missing for item in checklist.items) and not any(
        item.state == ItemState.GIVEN for item in checklist.items
    )


def blocking(checklist: Checklist | None) -> tuple[Item, ...]:
    """The required items that are not settled."""
    return tuple(item for item in checklist.items if item.blocks) if checklist is not None else ()


_CUSTOMERS = (MATERIAL, NOTE)

POSSIBLE: Mapping[str, tuple[tuple[str, ...], tuple[ItemState, ...]]] = {
    "give_item": (_CUSTOMERS, (ItemState.OPEN, ItemState.GIVEN, ItemState.REJECTED)),
    "accept_item": (_CUSTOMERS, (ItemState.OPEN, ItemState.GIVEN, ItemState.REJECTED)),
    # Somebody may see later that what was accepted is wrong.
    "reject_item": (_CUSTOMERS, (ItemState.GIVEN, ItemState.ACCEPTED)),
    "finish_step": ((STEP,), (ItemState.OPEN,)),
    "tell_obstacle": (
        (*_CUSTOMERS, STEP),
        (ItemState.OPEN, ItemState.GIVEN, ItemState.REJECTED),
    ),
}
"""The act -> the kinds of items on which it is possible, and their states before it."""


def is_possible(item: Item, act: str) -> bool:
    """Whether an act of POSSIBLE is possible on an item as it is now."""
    kinds, states = POSSIBLE[act]
    return item.kind in kinds and item.state in states


def can(checklist: Checklist | None, act: str) -> bool:
    """Whether an act of POSSIBLE is possible on any item."""
    return checklist is not None and any(is_possible(item, act) for item in checklist.items)
