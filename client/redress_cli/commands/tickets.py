"""Reading: the next ticket, lists, one ticket, search, customers."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from redress_staff.api.customers import find_customers, read_customer
from redress_staff.api.me import claim_next, list_mentions, list_work
from redress_staff.api.tickets import (
    list_files,
    list_tickets,
    open_file,
    read_ticket,
    search_tickets,
)
from redress_staff.models import ListView

from redress_cli import downloads, screen
from redress_cli.commands.account import tell_drafts
from redress_cli.faults import REFUSED, USAGE, Fault
from redress_cli.state import Cursor, Json, Limit, Number, given, number_of, state_of
from redress_cli.timeline import show_file


def add(app: typer.Typer) -> None:
    app.command("next")(next_)
    for command in (work, queue, mentions, show, files, search, customer):
        app.command()(command)


def lines(items: Iterable[Any], empty: str) -> None:
    """Print tickets, one a line."""
    now = screen.now()
    columns = ("ticket", "due", "state", "kind", "priority", "language", "subject")
    rows = [
        (
            one.number,
            screen.until(one.due_at, now),
            one.state.value,
            one.kind.value,
            one.priority,
            one.language.value,
            one.subject,
        )
        for one in items
    ]
    screen.table(columns, rows, empty, widest=6)


def more(cursor: str | None) -> None:
    if cursor:
        screen.tell(f"There are more: add --cursor {cursor}")


def next_(ctx: typer.Context, json: Json = False) -> None:
    """Take the next ticket of your team's queue, and show it."""
    state = state_of(ctx)
    # With its own key, a repeat takes the same ticket and not another one.
    found = state.session.read(claim_next, idempotency_key=str(uuid.uuid4()))
    if state.shown(found):
        return
    if found.value.ticket is None:
        raise Fault(f"You get no ticket: {found.value.reason.detail}", REFUSED)
    show_file(state.session.read(read_ticket, found.value.ticket.number).value)


def work(ctx: typer.Context, limit: Limit = 25, cursor: Cursor = "", json: Json = False) -> None:
    """List your tickets, next due first."""
    state = state_of(ctx)
    found = state.session.read(list_work, limit=limit, cursor=given(cursor))
    if state.shown(found):
        return
    lines(found.value.items, "You have no open ticket. Take one: redress next")
    more(found.value.next_)
    tell_drafts(state.profile)


def queue(
    ctx: typer.Context,
    view: Annotated[ListView, typer.Option(help="queue, or another view of the team.")] = (
        ListView.QUEUE
    ),
    team: Annotated[str, typer.Option(help="Another team than yours (managers).")] = "",
    limit: Limit = 25,
    cursor: Cursor = "",
    json: Json = False,
) -> None:
    """List the tickets of your team that wait for an agent."""
    state = state_of(ctx)
    found = state.session.read(
        list_tickets, view=view, team=given(team), limit=limit, cursor=given(cursor)
    )
    if state.shown(found):
        return
    lines(found.value.items, "Nothing is here.")
    more(found.value.next_)


def mentions(
    ctx: typer.Context, limit: Limit = 25, cursor: Cursor = "", json: Json = False
) -> None:
    """List the tickets on which a colleague asks you for a word."""
    state = state_of(ctx)
    found = state.session.read(list_mentions, limit=limit, cursor=given(cursor))
    if state.shown(found):
        return
    lines(found.value.items, "Nobody asks you.")
    more(found.value.next_)


def show(ctx: typer.Context, number: Number, json: Json = False) -> None:
    """Show a ticket with everything that happened to it."""
    state = state_of(ctx)
    found = state.session.read(read_ticket, number_of(number))
    if not state.shown(found):
        show_file(found.value)


def files(
    ctx: typer.Context,
    number: Number,
    save: Annotated[
        Path | None, typer.Option(help="Save all files that may be opened in this folder.")
    ] = None,
    json: Json = False,
) -> None:
    """List the files of a ticket, or save them. Each opening is recorded."""
    state = state_of(ctx)
    session, number = state.session, number_of(number)
    found = session.read(list_files, number)
    if save is not None:
        if not save.is_dir():
            raise Fault(f"{save} is not a folder.", USAGE)
        for one in found.value.files:
            if one.state.value == "clean":
                link = session.read(open_file, number, one.id).value.url
                path = str(downloads.save(link, save, one.name, one.size))
                (screen.tell if state.json else screen.say)(path)
        if not state.json:
            return
    if state.shown(found):
        return
    rows = [
        (one.name, f"{one.size:,}", one.type_, one.state.value, screen.at(one.at), one.reason)
        for one in found.value.files
    ]
    columns = ("file", "bytes", "type", "state", "since", "why")
    screen.table(columns, rows, "It has no files.", widest=5)


def search(
    ctx: typer.Context,
    words: Annotated[
        list[str], typer.Argument(help="A number, an address, a phone number, an order, or words.")
    ],
    limit: Limit = 25,
    cursor: Cursor = "",
    json: Json = False,
) -> None:
    """Find tickets."""
    state = state_of(ctx)
    found = state.session.read(search_tickets, q=" ".join(words), limit=limit, cursor=given(cursor))
    if state.shown(found):
        return
    lines(found.value.items, "Nothing was found.")
    more(found.value.next_)
    if found.value.by.value == "words" and found.value.index.state.value != "complete":
        screen.tell(found.value.index.detail)


def customer(
    ctx: typer.Context,
    who: Annotated[
        str, typer.Argument(help="An address, a phone number, an account, a ticket, or an id.")
    ],
    json: Json = False,
) -> None:
    """Show a customer with the history of their tickets."""
    state = state_of(ctx)
    session, who = state.session, who.strip()
    if re.fullmatch(r"[0-9a-f]{24}", who):
        id_: str | None = who
    elif re.fullmatch(r"[Rr]-\w{5}-\w{5}", who):
        id_ = session.read(read_ticket, number_of(who)).value.customer
    else:
        if "@" in who:
            found = session.read(find_customers, email=who)
        elif re.fullmatch(r"[+(]?[0-9][0-9 ()./-]{4,}", who):
            found = session.read(find_customers, phone=who)
        else:
            found = session.read(find_customers, account=who)
        # A contact point belongs to one profile.
        id_ = found.value.items[0].id if found.value.items else None
    if id_ is None:
        raise Fault(f"No customer is known as {who}.", REFUSED, ["redress search finds tickets."])
    answer = session.read(read_customer, id_)
    if not state.shown(answer):
        _show_customer(answer.value)


def _show_customer(file: Any) -> None:
    screen.say(f"{file.name} ({file.id}), {file.type_}", "bold")
    facts = {
        "Languages": ", ".join(one.value for one in file.languages),
        "Company": file.company,
        "Prefers": " ".join(filter(None, (file.channel and file.channel.value, file.hours))),
        "Needs": ", ".join(file.needs),
        "Reached at": ", ".join(f"{one.value}" for one in file.contacts),
        "Identity": file.identity and ("verified" if file.identity.valid else "no longer verified"),
    }
    for name, value in facts.items():
        if value:
            screen.say(f"{name}: {value}")
    for note in file.notes:
        screen.say(f"Note of {screen.at(note.at)}: {note.text}")
    if file.doubts:
        screen.say(f"It may be the same person as {len(file.doubts)} other profile(s).", "red")
    screen.say()
    rows = [
        (one.number, screen.at(one.created_at), one.state.value, one.satisfaction, one.subject)
        for one in file.tickets
    ]
    columns = ("ticket", "opened", "state", "satisfaction", "subject")
    screen.table(columns, rows, "No ticket that you may see.", widest=4)
