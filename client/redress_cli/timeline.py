"""A ticket in words: its head, its promises and what happened to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from redress_staff.models import ActorRole, Event, TicketFile

from redress_cli import screen
from redress_cli.screen import at, safe, say, until

TEXTS = ("description", "text")
"""Keys of `data` that are shown as text."""


def head(ticket: Any) -> list[str]:
    """Lines about a ticket that fit a draft and the screen."""
    contact = ticket.contact
    reach = contact.email or contact.phone or "no address"
    lines = [
        f"{ticket.number} {ticket.kind.value}, {ticket.state.value}, {ticket.priority}: "
        f"{ticket.subject}",
        f"Customer: {contact.name} <{reach}>, reads {ticket.language.value}",
    ]
    if ticket.due_at:
        lines.append(f"Due: {until(ticket.due_at, screen.now())}")
    return lines


def name_of(file: TicketFile, id_: str | None, role: str) -> str:
    """The name of a member of staff; their role if they are not in the file's people."""
    person = file.people.additional_properties.get(id_ or "")
    return person.name if person else (id_ or role)


def happened(file: TicketFile, event: Event) -> tuple[str, str]:
    """An event as a line, and the text that somebody wrote, or ""."""
    data = event.data.to_dict()
    kind = event.type_.value
    who = name_of(file, event.by.id, event.by.role.value)
    words = kind.replace("_", " ")
    if kind == "assigned":
        agent = name_of(file, data.get("agent"), "")
        words = f"assigned to {agent}" + (f": {data['why']}" if data.get("why") else "")
    elif kind == "opened":
        words = f"opened by {data.get('channel', '')}"
    elif kind == "rung_fired":
        words = f"{data.get('clock', '')}: {data.get('action', '')}".replace("_", " ")
    else:
        if data.get("ticket"):
            words += f" {data['ticket']}"
        if data.get("why"):
            words += f": {data['why']}"
    if data.get("to") and kind in ("replied", "progress_told", "resolved", "promised", "held"):
        words += f" (to {data['to']})"
    files = [str(one.get("name", "")) for one in data.get("files") or ()]
    if files:
        words += f" [files: {', '.join(files)}]"
    text = text_of(event)
    if kind == "opened" and data.get("wished_remedy"):
        text += f"\n(wishes: {data['wished_remedy']})"
    return f"{at(event.at)}  {who}: {words}", text


def text_of(event: Event) -> str:
    """The text that somebody wrote with an event, or ""."""
    data = event.data.to_dict()
    return next((str(data[key]) for key in TEXTS if data.get(key)), "")


def show_events(
    file: TicketFile, events: Iterable[Event], say: Callable[[str, str], None] = say
) -> None:
    """Print events. `say` prints a line in a style."""
    for event in events:
        line, text = happened(file, event)
        say(line, "dim" if event.by.role is ActorRole.SYSTEM else "bold")
        for part in safe(text).split("\n") if text else ():
            say(f"    {part}", "")


def show_file(file: TicketFile) -> None:
    """Print a ticket with its complete timeline."""
    first, *rest = head(file)
    say(first, "bold")
    for line in rest:
        say(line)
    agent = name_of(file, file.assignee, "") if file.assignee else "nobody"
    say(
        f"With: {agent}, {file.team}" + (f", on hold: {file.on_hold.value}" if file.on_hold else "")
    )
    if file.order:
        say(f"Order: {file.order}")
    if file.tags:
        say(f"Tags: {', '.join(file.tags)}")
    if file.profile:
        say(f"Profile: {file.profile.name}, {file.profile.type_} ({file.profile.id})")
    for field in file.fields:
        if field.value is not None or field.written is not None:
            say(f"{field.label.to_dict().get('en', field.name)}: {field.value or field.written}")
    for one in file.viewers:
        say(f"{one.name} is {one.doing.value} here since {at(one.since)}.", "yellow")
    now = screen.now()
    for promise in file.promises:
        state = promise.state.value
        due = f", due {until(promise.due_at, now)}" if state in ("running", "overdue") else ""
        clock = promise.clock.value.replace("_", " ")
        say(f"  {clock}: {state}{due}", "red" if state in ("overdue", "missed") else "")
    say()
    show_events(file, file.timeline)
    say()
    say("You can: " + (", ".join(one.value.replace("_", " ") for one in file.can) or "only read"))


def last_words(file: TicketFile) -> list[str]:
    """The customer's last text, as lines for a draft."""
    for event in reversed(file.timeline):
        if event.by.role is ActorRole.CUSTOMER:
            line, text = happened(file, event)
            if text:
                return [line, *(f"  {part}" for part in text.split("\n"))]
    return []
