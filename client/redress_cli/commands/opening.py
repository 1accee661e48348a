"""`redress open`: a ticket for somebody on the telephone, with the words to say."""

from __future__ import annotations

import hashlib
import json as json_module
import uuid
from pathlib import Path
from typing import Annotated

import typer
from redress_staff.api.tickets import open_ticket
from redress_staff.models import (
    AssignTo,
    Kind,
    Language,
    LiveChannel,
    NewTicket,
    SubmissionContact,
)
from redress_staff.types import UNSET

from redress_cli import config, screen
from redress_cli.faults import BUSY, INPUT, USAGE, Fault, Refusal
from redress_cli.state import Json, given, state_of


def add(app: typer.Typer) -> None:
    app.command("open")(open_for_caller)


def open_for_caller(
    ctx: typer.Context,
    subject: Annotated[str, typer.Option(help="One line.")] = "",
    text: Annotated[str, typer.Option("--text", help="What the customer tells you.")] = "",
    name: Annotated[str, typer.Option(help="Of the customer.")] = "",
    phone: Annotated[str, typer.Option(help="Their number.")] = "",
    email: Annotated[str, typer.Option(help="Their address.")] = "",
    company: Annotated[str, typer.Option()] = "",
    kind: Annotated[Kind, typer.Option()] = Kind.INQUIRY,
    language: Annotated[Language, typer.Option(help="Of the customer.")] = Language.ZH_CN,
    channel: Annotated[LiveChannel, typer.Option(help="Where you speak.")] = LiveChannel.PHONE,
    category: Annotated[str, typer.Option(help="A category of the plan.")] = "",
    order: Annotated[str, typer.Option(help="Order or product number.")] = "",
    remedy: Annotated[str, typer.Option(help="What the customer wishes.")] = "",
    mine: Annotated[
        bool, typer.Option("--mine/--team", help="You take it, or it waits in the queue.")
    ] = True,
    consent: Annotated[
        bool, typer.Option("--consent", help="The customer agrees that you record this.")
    ] = False,
    json: Json = False,
) -> None:
    """Open a ticket for a caller, and read out what you tell them.

    In a terminal you are asked for what the options leave out. If the answer is lost, give the same
    command again: it opens no second ticket.
    """
    state = state_of(ctx)
    if screen.interactive():
        name = name or screen.ask("Name of the customer")
        phone = phone or ("" if email else screen.ask("Number"))
        subject = subject or screen.ask("Subject")
        text = text or screen.ask("What happened")
        consent = consent or screen.ask("Do they agree that you record this? [y/n]") == "y"
    needed = {
        "--subject": subject,
        "--text": text,
        "--name": name,
        "--phone or --email": phone or email,
    }
    missing = [option for option, value in needed.items() if not value]
    if missing:
        raise Fault("Something is missing.", USAGE, [f"Give {option}" for option in missing])
    if not consent:
        raise Fault("Nothing was opened.", INPUT, ["The customer must agree: --consent"])
    body = NewTicket(
        subject=subject,
        description=text,
        contact=SubmissionContact(
            name=name, email=given(email), phone=given(phone), company=given(company)
        ),
        language=language,
        channel=channel,
        consent=True,
        kind=kind,
        category=given(category),
        order=given(order),
        wished_remedy=given(remedy),
        assign=AssignTo.ME if mine else UNSET,
    )
    key, kept = _key(state.profile, body)
    try:
        found = state.session.read(open_ticket, body=body, idempotency_key=key)
    except Refusal as refusal:
        if refusal.name == "agent-not-free":
            refusal.hints.append("Leave it to the queue: --team")
        if refusal.code != BUSY:
            kept.unlink(missing_ok=True)
        raise
    kept.unlink(missing_ok=True)
    if state.shown(found):
        return
    opened = found.value
    screen.say(opened.say, "bold")
    screen.tell(f"{opened.number}" + (" was open already." if opened.replayed else " is open."))
    if opened.acknowledged_by.value == "agent":
        screen.tell("No mail follows: your words are the acknowledgement.")


def _key(profile: str, body: NewTicket) -> tuple[str, Path]:
    """The key of this call, and the file that keeps it until an answer came.

    A second call with the same words is another ticket, but a repeat after a lost answer is not.
    """
    content = json_module.dumps(body.to_dict() | {"assign": None}, sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    path = config.folder() / "drafts" / f"{profile}.open.{digest}.key"
    if not path.is_file():
        config.write(path, uuid.uuid4().hex)
    return path.read_text("utf-8"), path
