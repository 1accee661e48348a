"""Merging a ticket into another one, splitting messages off a ticket, and undoing both."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

import typer
from redress_staff.api.tickets import (
    merge_ticket,
    read_ticket,
    split_ticket,
    unmerge_ticket,
    unsplit_ticket,
)
from redress_staff.models import (
    ActorRole,
    Event,
    EventType,
    Kind,
    Merging,
    Splitting,
    TicketFile,
    Unmerging,
    Unsplitting,
)

from redress_cli import screen
from redress_cli.faults import USAGE, Fault
from redress_cli.session import Session
from redress_cli.state import Json, Number, given, number_of, state_of
from redress_cli.timeline import name_of, text_of

MESSAGES = (EventType.OPENED, EventType.CUSTOMER_WROTE)
SAID_WITH = (EventType.DISPUTED, EventType.ITEM_GIVEN)
"""The events with which the customer may have said something."""


def add(app: typer.Typer) -> None:
    app.command()(merge)
    app.command()(unmerge)
    app.command()(split)
    app.command()(unsplit)


Reason = Annotated[str, typer.Option(help="Why; only staff read it.")]
Other = Annotated[str, typer.Argument(metavar="OTHER", help="The number of the other ticket.")]


def _read(session: Session, number: str) -> TicketFile:
    found: TicketFile = session.read(read_ticket, number_of(number)).value
    return found


def merge(
    ctx: typer.Context,
    number: Number,
    other: Other,
    reason: Reason,
    json: Json = False,
) -> None:
    """Merge a ticket into another one of the same customer.

    NUMBER is closed, and OTHER goes on: it keeps the earliest promise, and gets all answers.
    """
    state = state_of(ctx)
    source, target = _read(state.session, number), _read(state.session, other)
    body = Merging(
        version=source.version,
        into=target.number,
        into_version=target.version,
        reason=reason,
    )
    found = state.session.change(merge_ticket, source.number, body=body)
    if not state.shown(found):
        screen.say(f"{source.number} is merged into {target.number}.")


def unmerge(ctx: typer.Context, number: Number, reason: Reason, json: Json = False) -> None:
    """Undo a merge: NUMBER goes on by itself. Possible until the next word to the customer."""
    state = state_of(ctx)
    ticket = _read(state.session, number)
    body = Unmerging(version=ticket.version, reason=reason)
    found = state.session.change(unmerge_ticket, ticket.number, body=body)
    if not state.shown(found):
        screen.say(f"{ticket.number} goes on by itself. It is {found.value.state.value}.")


def split(
    ctx: typer.Context,
    number: Number,
    message: Annotated[
        list[int] | None,
        typer.Option(help="Number of a message, several times. Without it, messages are listed."),
    ] = None,
    subject: Annotated[str, typer.Option(help="Of the new ticket; its customer reads it.")] = "",
    reason: Reason = "",
    kind: Annotated[
        Kind | None, typer.Option(help="Of the new ticket. Without it: that of NUMBER.")
    ] = None,
    category: Annotated[str, typer.Option(help="A category of the plan.")] = "",
    merged: Annotated[
        str, typer.Option(help="The ticket whose messages they are, if it was merged into NUMBER.")
    ] = "",
    json: Json = False,
) -> None:
    """Split messages off a ticket. They become a ticket of their author.

    After a merge and an answer, words of the merged ticket get out of NUMBER again by --merged.
    """
    state = state_of(ctx)
    if not message:
        found = state.session.read(read_ticket, number_of(merged or number))
        if not state.shown(found):
            _list(found.value)
        return
    needed = {"--subject": subject, "--reason": reason}
    if missing := [f"Give {option}" for option, value in needed.items() if not value]:
        raise Fault("Something is missing.", USAGE, missing)
    ticket = _read(state.session, number)
    body = Splitting(
        version=ticket.version,
        events=message,
        subject=subject,
        kind=kind or ticket.kind,
        reason=reason,
        category=given(category),
        merged=given(number_of(merged) if merged else ""),
    )
    # With its key, a repeat splits nothing off again.
    key = uuid.uuid4().hex
    done = state.session.read(split_ticket, ticket.number, body=body, idempotency_key=key)
    if state.shown(done):
        return
    new = done.value
    screen.say(f"{new.number} is a ticket of its own, split off {ticket.number}.")
    if new.told_by is None:
        screen.tell(f"Nobody tells the author. Tell them that {new.number} is theirs.")


def _list(ticket: TicketFile) -> None:
    """Print the messages of a ticket with the numbers by which they are split off."""
    rows = [
        (
            event.number,
            screen.at(event.at),
            name_of(ticket, event.by.id, event.by.role.value),
            _becomes(event),
            text_of(event).replace("\n", " "),
        )
        for event in ticket.timeline
        if _is_message(event)
    ]
    columns = ("message", "at", "by", "split off into", "text")
    screen.table(columns, rows, "It has no messages.", widest=4)


def _is_message(event: Event) -> bool:
    """Whether an event can be split off. What staff wrote of a call are not a customer's words."""
    if event.type_ in SAID_WITH:
        return event.by.role is ActorRole.CUSTOMER and bool(text_of(event))
    return event.type_ in MESSAGES


def _becomes(event: Event) -> Any:
    data = event.data.to_dict()
    # The number of a ticket that you may not see is null.
    return (data["split_into"] or "another ticket") if "split_into" in data else ""


def unsplit(
    ctx: typer.Context, number: Number, other: Other, reason: Reason, json: Json = False
) -> None:
    """Undo a split: the messages of OTHER belong to NUMBER again. Possible until the next word."""
    state = state_of(ctx)
    ticket = _read(state.session, number)
    body = Unsplitting(version=ticket.version, ticket=number_of(other), reason=reason)
    found = state.session.change(unsplit_ticket, ticket.number, body=body)
    if not state.shown(found):
        screen.say(f"The messages of {number_of(other)} belong to {ticket.number} again.")
