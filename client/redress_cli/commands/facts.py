"""Facts of a ticket: its fields and tags, why its promises are due, and the call after it."""

from __future__ import annotations

from typing import Annotated

import typer
from redress_staff.api.tickets import (
    explain_clocks,
    read_ticket,
    record_callback,
    set_fields,
    set_tags,
)
from redress_staff.models import (
    Callback,
    CallbackOutcome,
    Fields,
    FieldsFields,
    Language,
    Tags,
    TicketFile,
)

from redress_cli import screen
from redress_cli.faults import USAGE, Fault
from redress_cli.session import Session
from redress_cli.state import Json, Number, given, number_of, state_of


def add(app: typer.Typer) -> None:
    app.command("fields")(fields_of_ticket)
    app.command()(tag)
    app.command()(why)
    app.command()(callback)


def _read(session: Session, number: str) -> TicketFile:
    found: TicketFile = session.read(read_ticket, number_of(number)).value
    return found


def fields_of_ticket(
    ctx: typer.Context,
    number: Number,
    values: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="NAME= empties it.")
    ] = None,
    language: Annotated[Language, typer.Option(help="Of the labels.")] = Language.EN,
    json: Json = False,
) -> None:
    """Show the fields that the plan has for this ticket, or set some."""
    state = state_of(ctx)
    ticket = _read(state.session, number)
    if values:
        wrong = [value for value in values if "=" not in value]
        if wrong:
            raise Fault("Give each field as NAME=VALUE.", USAGE, wrong)
        named = FieldsFields()
        for name, _, value in (one.partition("=") for one in values):
            named[name] = value or None
        body = Fields(version=ticket.version, fields=named)
        changed = state.session.change(set_fields, ticket.number, body=body)
        if state.shown(changed):
            return
        ticket = _read(state.session, number)
    elif state.json:
        state.shown(state.session.read(read_ticket, ticket.number))
        return
    rows = []
    for one in ticket.fields:
        labels = one.value_label.to_dict() if one.value_label else {}
        shown = labels.get(language.value) or one.value or (one.written and f"? {one.written}")
        rows.append((one.name, one.label.to_dict().get(language.value, ""), one.type_.value, shown))
    screen.table(("field", "label", "type", "value"), rows, "It has no fields.", widest=3)


def tag(
    ctx: typer.Context,
    number: Number,
    add_: Annotated[list[str] | None, typer.Option("--add", help="A tag to add.")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="A tag to remove.")] = None,
    json: Json = False,
) -> None:
    """Add or remove tags."""
    state = state_of(ctx)
    ticket = _read(state.session, number)
    kept = [one for one in ticket.tags if one not in (remove or ())]
    tags = list(dict.fromkeys([*kept, *(add_ or ())]))
    body = Tags(version=ticket.version, tags=tags)
    found = state.session.change(set_tags, ticket.number, body=body)
    if not state.shown(found):
        screen.say(f"{ticket.number}: {', '.join(found.value.tags) or 'no tags'}")


def why(
    ctx: typer.Context,
    number: Number,
    language: Annotated[Language, typer.Option(help="Of the explanation.")] = Language.EN,
    json: Json = False,
) -> None:
    """Explain why each promise is due when it is."""
    state = state_of(ctx)
    found = state.session.read(explain_clocks, number_of(number), language=language)
    if not state.shown(found):
        for story in found.value.clocks:
            screen.say(story.clock.value.replace("_", " "), "bold")
            screen.say(f"  {story.sentence}")


def callback(
    ctx: typer.Context,
    number: Number,
    outcome: Annotated[CallbackOutcome, typer.Option(help="What the customer said.")],
    text: Annotated[str, typer.Option(help="Their words.")] = "",
    json: Json = False,
) -> None:
    """Record the call to the customer after the resolution."""
    state = state_of(ctx)
    ticket = _read(state.session, number)
    body = Callback(version=ticket.version, outcome=outcome, text=given(text))
    found = state.session.change(record_callback, ticket.number, body=body)
    if not state.shown(found):
        screen.say(f"{ticket.number} is {found.value.state.value}.")
