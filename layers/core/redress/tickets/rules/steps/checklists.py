"""The steps of the items of a checklist: the customer gives them, staff decide and do the others.

A step first checks that the ticket has the item (NotFound) and its content (InvalidInput), then
whether it is possible now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from redress.base.errors import Fault, InvalidInput, NotAllowedNow, NotFound
from redress.base.people import CUSTOMER, Actor
from redress.plans.rules import checklists
from redress.plans.rules.checklists import MATERIAL, NOTE, STEP
from redress.plans.rules.plan import Plan
from redress.tickets.rules.change import Change
from redress.tickets.rules.checklist import (
    MOST_FILES,
    Item,
    ItemState,
    Responsible,
    find,
    is_possible,
)
from redress.tickets.rules.checklist_events import given_files
from redress.tickets.rules.steps.draft import (
    Draft,
    checked_text,
    files_data,
    recipients,
    require_possible,
)
from redress.tickets.rules.steps.table import STEPS, Step
from redress.tickets.rules.ticket import EventType, Ticket


class ItemNotAllowedNow(NotAllowedNow):
    """The item is in another state than this needs."""

    def __init__(self, detail: str) -> None:
        super(NotAllowedNow, self).__init__(detail)


# --------------------------------------------------------------------------------- the customer


def answer(ticket: Ticket, plan: Plan, id_: str, text: str, at: datetime) -> Change:
    """The customer answers a note, or says that they have read one that asks for no answer.

    Raises InvalidInput for a material, which is given by sending files (`send`).
    """
    item = _of_customer(ticket, id_)
    if item.kind == MATERIAL:
        raise InvalidInput([Fault("", "needs_file", "send a file for this item")])
    data: dict[str, Any]
    if _asks(plan, ticket, id_):
        data = {"item": id_, "text": checked_text(text, "/text")}
        _require(Step.GIVE_ITEM, "give_item", ticket, item)
    elif checked_text(text, "/text", required=False):
        raise InvalidInput([Fault("/text", "not_asked", "this item asks for no answer")])
    else:
        data = {"item": id_, "read": True}
        _require(Step.READ_ITEM, "give_item", ticket, item)
    return Draft(ticket, plan, CUSTOMER, at).add(EventType.ITEM_GIVEN, data).change()


def send(
    ticket: Ticket, plan: Plan, id_: str, files: Sequence[Mapping[str, Any]], at: datetime
) -> Change:
    """Files of the customer arrived for a material. `room` says how many it takes."""
    item = _of_customer(ticket, id_)
    _require(Step.GIVE_ITEM, "give_item", ticket, item)
    data = {"item": id_} | files_data(files)
    return Draft(ticket, plan, CUSTOMER, at).add(EventType.ITEM_GIVEN, data).change()


def room(ticket: Ticket, id_: str) -> int:
    """How many files the customer can send now for an item; 0 if it takes none."""
    item = find(ticket.checklist, id_)
    if item is None or item.kind != MATERIAL or not is_possible(item, "give_item"):
        return 0
    if ticket.state not in STEPS[Step.GIVE_ITEM]:
        return 0
    return MOST_FILES - (len(item.usable) if item.state == ItemState.GIVEN else 0)


def require_room(ticket: Ticket, id_: str) -> None:
    """Raise an error if the customer can send no file for an item.

    Raises NotFound if the ticket has no such material, NotAllowedNow if it was accepted or the
    ticket is over, and InvalidInput if it has MOST_FILES files already.
    """
    item = _of_customer(ticket, id_)
    if item.kind != MATERIAL:
        raise NotFound("there is no such material")
    _require(Step.GIVE_ITEM, "give_item", ticket, item)
    if room(ticket, id_) < 1:
        detail = f"an item has at most {MOST_FILES} files"
        raise InvalidInput([Fault("", "too_many_files", detail)])


def withdraw(
    ticket: Ticket, plan: Plan, by: Actor, file: Mapping[str, Any], text: str, at: datetime
) -> Change | None:
    """Record that somebody takes back a file that was given for an item. None if it is no such one.

    `file` has its id and name, and `text` says it in words, as a note. If the customer has taken
    back all files of an item, it is missing again.
    """
    if file["id"] not in given_files(ticket.checklist):
        return None
    require_possible(Step.NOTE, ticket)
    data = {"text": text, "withdrawn": [dict(file)]}
    return Draft(ticket, plan, by, at).add(EventType.NOTED, data).change()


# ------------------------------------------------------------------------------------- staff


def accept(
    ticket: Ticket,
    plan: Plan,
    by: Actor,
    id_: str,
    text: str,
    at: datetime,
    files: Sequence[str] = (),
) -> Change:
    """Accept what the customer has given.

    If it came in another way, such as by mail or by post, `files` are the ids of files of the
    ticket that it is, or `text` says how it came. Only staff read the text.
    """
    item = _item(ticket, id_)
    if len(files) > MOST_FILES:
        raise InvalidInput([Fault("/files", "too_many_files", f"at most {MOST_FILES}")])
    data: dict[str, Any] = {"item": id_}
    if said := checked_text(text, "/text", required=False):
        data["text"] = said
    if files:
        data["of_files"] = list(files)
    is_given = item.state == ItemState.GIVEN
    if item.is_of_customer and not is_given and not (said or files):
        detail = "the customer has not given it here: name its files, or say how it came"
        raise InvalidInput([Fault("/text", "required", detail)])
    _require(Step.ACCEPT_ITEM, "accept_item", ticket, item)
    return Draft(ticket, plan, by, at).add(EventType.ITEM_ACCEPTED, data).change()


def reject(ticket: Ticket, plan: Plan, by: Actor, id_: str, text: str, at: datetime) -> Change:
    """Tell the customer what is wrong with an item. They can give it again.

    It is recorded also if the words reach nobody, because it decides about the item (`_telling`).
    """
    return _telling(ticket, plan, by, id_, text, at, Step.REJECT_ITEM, EventType.ITEM_REJECTED)


def finish(ticket: Ticket, plan: Plan, by: Actor, id_: str, text: str, at: datetime) -> Change:
    """Record that a step is done, and tell the customer its result.

    It is recorded also if the words reach nobody, because the step is done (`_telling`). The event
    has the category of the ticket. With it, the mail finds the name of the step in the plan, also
    after the category was corrected.
    """
    event, category = EventType.ITEM_DONE, str(ticket.category)
    return _telling(ticket, plan, by, id_, text, at, Step.FINISH_STEP, event, category=category)


def tell_obstacle(
    ticket: Ticket, plan: Plan, by: Actor, id_: str, who: Responsible, text: str, at: datetime
) -> Change:
    """Tell the customer why it cannot go on with an item, and who has to do something (`who`).

    It pauses no promise: a hold does that, if the plan says so. It does nothing but tell. So it is
    refused if it would reach nobody, as a reply is (AnswerWindowEnded).
    """
    event, step = EventType.ITEM_OBSTRUCTED, Step.TELL_OBSTACLE
    return _telling(ticket, plan, by, id_, text, at, step, event, always=False, who=who.value)


def _telling(
    ticket: Ticket,
    plan: Plan,
    by: Actor,
    id_: str,
    text: str,
    at: datetime,
    step: Step,
    event: EventType,
    *,
    always: bool = True,
    **more: str,
) -> Change:
    """Change an item, and tell the customer.

    With `always`, it is done also if the conversation of the customer takes no answers any more.
    The event then has `untold`, and the agent is asked to reach them in another way (`recipients`).
    """
    item, said = _item(ticket, id_), checked_text(text, "/text")
    _require(step, step.value, ticket, item)
    data = {"item": id_, "text": said} | more
    data |= recipients(ticket, plan, at, always=always)
    data.pop("copied_to", None)  # what somebody needs for their request is nobody else's business
    return Draft(ticket, plan, by, at).add(event, data).change()


def _item(ticket: Ticket, id_: str) -> Item:
    item = find(ticket.checklist, id_)
    if item is None:
        raise NotFound("there is no such item")
    return item


def _of_customer(ticket: Ticket, id_: str) -> Item:
    item = _item(ticket, id_)
    if not item.is_of_customer:
        raise NotFound("the customer gives no such item")
    return item


def _asks(plan: Plan, ticket: Ticket, id_: str) -> bool:
    """Whether an item is a note that the customer answers with a text."""
    planned = checklists.of(plan, ticket.kind, ticket.category)
    return any(one.id == id_ and one.kind == NOTE and one.answer for one in planned)


_DOES_NOT_FIT = {
    "give_item": "staff have accepted this item",
    "accept_item": "the customer gives it, and it is not accepted yet",
    "reject_item": "the customer has given it",
    "finish_step": "it is a step that is not done yet",
    "tell_obstacle": "it is not settled yet",
}


def _require(step: Step, act: str, ticket: Ticket, item: Item) -> None:
    """Raise NotAllowedNow if the ticket or the item is in a state in which this is not possible."""
    require_possible(step, ticket)
    if not is_possible(item, act):
        if act == "give_item":
            raise ItemNotAllowedNow(_DOES_NOT_FIT[act])
        kind = STEP if item.kind == STEP else "item"
        raise ItemNotAllowedNow(f"the {kind} is {item.state}; this needs: {_DOES_NOT_FIT[act]}")
