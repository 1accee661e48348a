"""Macros: named lists of acts of the service plan, done whole or not at all."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from redress_staff.api.tickets import apply_macro, list_macros, read_ticket
from redress_staff.models import MacroCall

from redress_cli import screen
from redress_cli.faults import INPUT, Fault
from redress_cli.state import Json, number_of, state_of
from redress_cli.timeline import head, show_events


def add(app: typer.Typer) -> None:
    app.command()(macro)


def macro(
    ctx: typer.Context,
    number: Annotated[str, typer.Argument(metavar="[NUMBER]", help="A ticket.")] = "",
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="A macro.")] = "",
    language: Annotated[str, typer.Option(help="Of the labels in the list.")] = "en",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would happen.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before it is done.")] = False,
    json: Json = False,
) -> None:
    """Apply a macro to a ticket; without a name, list the macros that you may apply.

    It is tried first, and you see what it would do, with the texts as the customer will read them.
    """
    state = state_of(ctx)
    session = state.session
    if not name:
        found = session.read(list_macros)
        if not state.shown(found):
            rows = [(one.name, _label(one, language), _acts(one)) for one in found.value.items]
            screen.table(("macro", "label", "acts"), rows, "There is no macro.", widest=2)
        return
    file = session.read(read_ticket, number_of(number)).value
    tried = session.read(
        apply_macro, file.number, name, body=MacroCall(version=file.version, dry_run=True)
    )
    if dry_run:
        if not state.shown(tried):
            show_events(file, tried.value.events)
        return
    if not yes and screen.interactive():
        for line in head(file):
            screen.tell(line)
        show_events(file, tried.value.events, screen.tell)
        if screen.ask("[d]o it, or [q]uit", "q") != "d":
            raise Fault("Nothing was done.", INPUT)
    # A macro that was done raised the version, so a repeat is refused and not done twice.
    found = session.change(apply_macro, file.number, name, body=MacroCall(version=file.version))
    if not state.shown(found):
        show_events(file, found.value.events)
        screen.say(f"{file.number} is {found.value.ticket.state.value}.")


def _label(one: Any, language: str) -> str:
    labels = one.label.to_dict()
    return str(labels.get(language) or next(iter(labels.values())))


def _acts(one: Any) -> str:
    return ", ".join(act.act.value.replace("_", " ") for act in one.acts)
