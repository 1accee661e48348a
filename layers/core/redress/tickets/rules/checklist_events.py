"""How the events of a checklist change a ticket. `fold.apply` uses these functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import replace
from typing import Any

import msgspec

from redress.base.people import Role
from redress.tickets.rules.checklist import MOST_EARLIER, Checklist, Item, ItemState, find
from redress.tickets.rules.ticket import Event, EventType, State, Ticket


def was_set(ticket: Ticket, event: Event) -> Ticket:
    """Set the items of the ticket. An item that it had before keeps its state.

    So what the customer has given, and what was accepted, is not asked for again, also if the
    ticket had another checklist, or none, in between. Who knew of the list before does not know of
    new items.
    """
    before = ticket.checklist
    items = items_after(before, event.data["items"])
    earlier = _left_out(before, items)
    if not items and not earlier:
        return replace(ticket, checklist=None)
    had = _had(before)
    knew = before is not None and before.told and all(_key(one) in had for one in items)
    known = knew or bool(event.data.get("known"))
    told, told_by = _told(event, known, before.told_by if knew and before else 0)
    return replace(ticket, checklist=Checklist(event.number, items, told, told_by, earlier))


def items_after(before: Checklist | None, wanted: Sequence[Mapping[str, Any]]) -> tuple[Item, ...]:
    """Return the wanted items of a ticket, each in the state that it had in the ticket before."""
    had = _had(before)
    new = (Item(one["id"], one["kind"], one["required"]) for one in wanted)
    return tuple(replace(had.get(_key(one), one), required=one.required) for one in new)


def _key(item: Item) -> tuple[str, str]:
    """What makes an item the same one in another checklist."""
    return item.id, item.kind


def _had(checklist: Checklist | None) -> dict[tuple[str, str], Item]:
    """All items that a ticket has, or had before."""
    items = (*checklist.earlier, *checklist.items) if checklist is not None else ()
    return {_key(item): item for item in items}


def _left_out(before: Checklist | None, items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Return the items that were touched and that the ticket does not have any more."""
    now = set(map(_key, items))
    left = [one for key, one in _had(before).items() if one.is_touched and key not in now]
    return tuple(left[-MOST_EARLIER:])


def _told(event: Event, told: bool, told_by: int) -> tuple[bool, int]:
    """Return `told` and `told_by` of a checklist after an event; the last two are those before.

    A customer to whom nobody could say that an item was rejected does not know what is missing.
    """
    is_sent = not {"to", "via"}.isdisjoint(event.data)
    if event.type is EventType.ITEM_GIVEN:
        return True, 0
    if is_sent and (event.type in _ASKS or not told):
        return True, event.number
    if event.type is EventType.ITEM_REJECTED and "untold" in event.data:
        return False, 0
    return told, told_by


_ASKS = (EventType.CHECKLIST_SET, EventType.ITEM_REJECTED)
"""The events that ask the customer for something."""


def not_arrived(checklist: Checklist | None, event: int | None) -> bool:
    """Whether a customer does not know of the list if the words of an event did not reach them.

    `event` is None if nobody knows which words these were.
    """
    if checklist is None or not checklist.told or not checklist.told_by:
        return False
    return event in (None, checklist.told_by)


def arrived(checklist: Checklist | None, event: int) -> bool:
    """Whether a customer knows of the list again, because words that failed arrived after all."""
    return checklist is not None and not checklist.told and checklist.told_by == event


def known(ticket: Ticket, event: Event) -> Ticket:
    """Record whether the customer knows of the list, if the event says so (`knows_list`)."""
    if ticket.checklist is None or (knows := event.data.get("knows_list")) is None:
        return ticket
    return replace(ticket, checklist=replace(ticket.checklist, told=knows))


def given(ticket: Ticket, event: Event) -> Ticket:
    """Record that the customer has given an item. A ticket that waits for an answer is open then.

    Files join those that were given before, unless staff have rejected these. A note that the
    customer has only read is accepted at once, because staff have nothing to check.
    """
    item = find(ticket.checklist, event.data["item"])
    if item is None:
        return ticket
    if event.data.get("read"):
        return _changed(ticket, event, state=ItemState.ACCEPTED)
    earlier = item.files if item.state == ItemState.GIVEN else ()
    sent = (file["id"] for file in event.data.get("files", ()))
    ticket = _changed(ticket, event, state=ItemState.GIVEN, files=(*earlier, *sent))
    return replace(ticket, state=State.OPEN) if ticket.state is State.WAITING else ticket


def files_lost(ticket: Ticket, event: Event) -> Ticket:
    """Record that nobody can open files any more that were given for an item.

    If the customer has withdrawn all of them, they have given nothing. If somebody else has, or if
    the scanner found something, staff decide about the item: nobody has told the customer yet.
    """
    gone = {file["id"] for name in ("refused", "withdrawn") for file in event.data.get(name, ())}
    if ticket.checklist is None or gone.isdisjoint(given_files(ticket.checklist)):
        return ticket
    items = tuple(
        _without(item, gone, event) if item.state == ItemState.GIVEN else item
        for item in ticket.checklist.items
    )
    return replace(ticket, checklist=replace(ticket.checklist, items=items))


def given_files(checklist: Checklist | None) -> set[str]:
    """The files of the items that staff have to check."""
    items = checklist.items if checklist is not None else ()
    return {file for item in items if item.state == ItemState.GIVEN for file in item.files}


def _without(item: Item, gone: set[str], event: Event) -> Item:
    lost = tuple(file for file in item.files if file in gone or file in item.lost)
    if lost == item.lost:
        return item
    if event.by.role is Role.CUSTOMER and len(lost) == len(item.files):
        state = ItemState.OPEN
        return replace(item, state=state, event=event.number, files=(), lost=(), obstacle=False)
    return replace(item, lost=lost)


def accepted(ticket: Ticket, event: Event) -> Ticket:
    """Accept an item. It may have come in another way than through the page."""
    fields = {"files": tuple(event.data["of_files"])} if "of_files" in event.data else {}
    return _changed(ticket, event, state=ItemState.ACCEPTED, lost=(), **fields)


def rejected(ticket: Ticket, event: Event) -> Ticket:
    """Reject an item. The customer begins anew; the files stay in the ticket."""
    return _changed(ticket, event, state=ItemState.REJECTED, files=(), lost=())


def done(ticket: Ticket, event: Event) -> Ticket:
    return _changed(ticket, event, state=ItemState.DONE)


def obstructed(ticket: Ticket, event: Event) -> Ticket:
    return _changed(ticket, event, obstacle=True)


def brought(
    ticket: Ticket, event: Event, items: Sequence[Mapping[str, Any]], *, told: bool = False
) -> Ticket:
    """Give items the states that they had in a ticket that was merged into this one.

    `told` says that the customer knows all of the checklist from there. A ticket without a
    checklist has only these items until it gets that of the category, which came with them. Then
    they keep their states (`was_set`). What staff have to check opens a ticket that waits for an
    answer (`given`).
    """
    if told and ticket.checklist is not None:
        ticket = replace(ticket, checklist=replace(ticket.checklist, told=True))
    if not items:
        return ticket
    came = {
        one["id"]: Item(one["id"], one["kind"], one["required"], one["state"], event.number)
        for one in items
    }
    before = ticket.checklist or Checklist(event.number, (), told)
    after = tuple(came.get(item.id, item) for item in before.items) or tuple(came.values())
    opens = ticket.state is State.WAITING and any(
        item.state == ItemState.GIVEN for item in came.values()
    )
    return replace(
        ticket,
        checklist=replace(before, items=after),
        state=State.OPEN if opens else ticket.state,
    )


def restored(ticket: Ticket, items: Sequence[Mapping[str, Any]], *, untold: bool) -> Ticket:
    """Make items what they were before a merge that is undone.

    With `untold`, the customer knew of the checklist only from the other ticket.
    """
    if ticket.checklist is None:
        return ticket
    again = {one["id"]: msgspec.convert(one, Item) for one in items}
    after = tuple(again.get(item.id, item) for item in ticket.checklist.items)
    told = ticket.checklist.told and not untold
    return replace(ticket, checklist=replace(ticket.checklist, items=after, told=told))


def _changed(ticket: Ticket, event: Event, **fields: Any) -> Ticket:
    """Return the ticket after a change of the event's item.

    A ticket that does not have the item stays as it is: a rehearsal can move it to a plan with
    another checklist.
    """
    if ticket.checklist is None:
        return ticket
    values = {"obstacle": False, "event": event.number, **fields}
    items = tuple(
        replace(item, **values) if item.id == event.data["item"] else item
        for item in ticket.checklist.items
    )
    told, told_by = _told(event, ticket.checklist.told, ticket.checklist.told_by)
    checklist = replace(ticket.checklist, items=items, told=told, told_by=told_by)
    return replace(ticket, checklist=checklist)
