"""`redress bulk`: one act or one macro on many tickets, with a report for each."""

from __future__ import annotations

import json as json_module
import sys
import uuid
from pathlib import Path
from typing import Annotated, Any

import typer
from redress_staff.api.tickets import read_ticket, run_bulk
from redress_staff.models import ActContent, ActName, Bulk, BulkWish
from redress_staff.types import UNSET

from redress_cli import screen
from redress_cli.faults import INPUT, PARTLY, USAGE, Fault, Refusal
from redress_cli.session import Session
from redress_cli.state import Json, given, number_of, state_of


def add(app: typer.Typer) -> None:
    app.command()(bulk)


def bulk(
    ctx: typer.Context,
    numbers: Annotated[
        list[str] | None, typer.Argument(metavar="[NUMBER]...", help="The tickets.")
    ] = None,
    page: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="FILE",
            help="The tickets of a list: what `queue --json` or `search --json` printed; `-` reads "
            "the input. They are changed as the list showed them.",
        ),
    ] = "",
    macro: Annotated[str, typer.Option(help="A macro of yours.")] = "",
    act: Annotated[ActName | None, typer.Option(help="An act instead of a macro.")] = None,
    content: Annotated[
        str, typer.Option(help='The fields of the act as JSON: \'{"add": ["recall"]}\'')
    ] = "{}",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before it is done.")] = False,
    json: Json = False,
) -> None:
    """Do one act, or one macro, on many tickets. One that is refused stops no other.

    With --json, each answer of the API is one line: there are several if it takes long.
    """
    state = state_of(ctx)
    if bool(macro) == (act is not None):
        raise Fault("Name a macro or an act.", USAGE, ["redress macro lists your macros."])
    wishes = _wishes(state.session, numbers or [], page)
    body = Bulk(tickets=wishes, macro=given(macro), act=act or UNSET)
    if act is not None:
        body.content = _content(content)
    if not yes and screen.interactive():
        what = macro or (act.value.replace("_", " ") if act else "")
        if screen.ask(f"{what} on {len(wishes)} tickets: [d]o it, or [q]uit", "q") != "d":
            raise Fault("Nothing was done.", INPUT)
    key, done, refused = uuid.uuid4().hex, 0, list[str]()
    with screen.progress() as progress:
        task = progress.add_task("Tickets", total=len(wishes))
        while body.tickets:
            # The key makes a repeat safe: it does nothing twice.
            found = state.session.read(run_bulk, body=body, idempotency_key=key)
            state.shown(found)
            left = {one.number for one in found.value.tickets if one.result.value == "left"}
            done += found.value.done
            refused += [words for one in found.value.tickets for words in _refusal(one)]
            progress.update(task, completed=len(wishes) - len(left))
            if len(left) == len(body.tickets):
                raise Fault(f"{len(left)} tickets were not tried.", PARTLY, sorted(left))
            body.tickets = [one for one in body.tickets if one.number in left]
    words = f"{done} of {len(wishes)} tickets were changed."
    if refused:
        raise Fault(words, PARTLY, refused)
    if not state.json:
        screen.say(words)


def _refusal(one: Any) -> list[str]:
    """What the API says of a ticket that was refused, as lines."""
    if one.result.value != "refused":
        return []
    said = Refusal(one.problem.status, one.problem.to_dict(), b"")
    return [f"{one.number}: {said.words}", *(f"    {hint}" for hint in said.hints)]


def _content(text: str) -> ActContent:
    try:
        found = json_module.loads(text)
        if isinstance(found, dict):
            return ActContent.from_dict(found)
    except (ValueError, KeyError, TypeError) as error:
        raise Fault(f"--content cannot be read: {error!r}", USAGE) from error
    raise Fault("--content is not a JSON object.", USAGE)


def _wishes(session: Session, numbers: list[str], page: str) -> list[BulkWish]:
    """The tickets with their versions: those of the list, or those of now."""
    found: dict[str, int] = {}
    if page:
        try:
            text = sys.stdin.read() if page == "-" else Path(page).read_text("utf-8")
            found = {one["number"]: int(one["version"]) for one in json_module.loads(text)["items"]}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Fault(f"{page} is not a list of tickets: {error!r}", USAGE) from error
    with screen.progress() as progress:
        for number in progress.track(list(map(number_of, numbers)), description="Reading"):
            if number not in found:
                found[number] = session.read(read_ticket, number).value.version
    if not found:
        raise Fault("There is no ticket to change.", USAGE)
    return [BulkWish(number=number, version=version) for number, version in found.items()]
