"""The command `redress`."""

from __future__ import annotations

import io
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from redress_cli import __version__, screen
from redress_cli.commands import (
    account,
    bulk,
    facts,
    imports,
    lead,
    macros,
    matters,
    opening,
    tickets,
    writing,
)
from redress_cli.faults import INTERRUPTED, Fault
from redress_cli.state import State, state_of


class Commands(TyperGroup):
    """Shows errors in words, and ends with their exit codes (`redress_cli/faults.py`)."""

    def invoke(self, ctx: Any) -> Any:
        screen.begin()
        try:
            return super().invoke(ctx)
        except Fault as fault:
            if fault.content and state_of(ctx).json:
                screen.raw(fault.content)
            screen.show_fault(fault)
            raise typer.Exit(fault.code) from fault
        except (KeyboardInterrupt, EOFError) as stopped:
            screen.tell("Stopped.")
            raise typer.Exit(INTERRUPTED) from stopped


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    # A traceback with the values of variables would show tokens and texts of customers.
    pretty_exceptions_enable=False,
    help="Redress in a terminal: the work of agents and supervisors.",
    epilog="Exit codes: 0 done, 1 fault, 2 wrong command, 3 not signed in, 4 not allowed or not "
    "found, 5 not possible now, 6 input refused, 7 no connection or busy, 8 partly done.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"redress {__version__}")
        raise typer.Exit


@app.callback()
def begin(
    ctx: typer.Context,
    profile: Annotated[
        str, typer.Option(envvar="REDRESS_PROFILE", help="The deployment and person to use.")
    ] = "default",
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    ctx.obj = State(profile)


for module in (account, tickets, opening, writing, facts, matters, macros, bulk, lead, imports):
    module.add(app)


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        # A pipe on Windows may have an encoding without Chinese: a sign is lost then, not a ticket.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    app()
