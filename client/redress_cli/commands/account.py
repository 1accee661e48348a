"""Settings, sign-in and presence."""

from __future__ import annotations

import json as json_module
import sys
from dataclasses import asdict
from getpass import getpass
from pathlib import Path
from typing import Annotated

import typer
from redress_staff.api.me import set_presence, show_me
from redress_staff.models import Presence, PresenceState

from redress_cli import config, drafts, screen, sign_in
from redress_cli.faults import USAGE, Fault
from redress_cli.state import Json, state_of


def add(app: typer.Typer) -> None:
    app.command()(setup)
    app.command()(login)
    app.command()(logout)
    app.command()(whoami)
    app.command()(presence)


def setup(
    ctx: typer.Context,
    outputs: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Outputs of the stack as JSON, from `aws cloudformation describe-stacks` or from "
            "the local cloud; `-` reads the input.",
        ),
    ] = "",
    api: Annotated[str, typer.Option(help="Address of the API with its stage: .../v1")] = "",
    issuer: Annotated[str, typer.Option(help="Issuer of the tokens of staff.")] = "",
    client: Annotated[str, typer.Option(help="Id of the client at the issuer.")] = "",
    sign_in_pages: Annotated[
        str, typer.Option("--sign-in", help="Address of the sign-in pages of the user pool.")
    ] = "",
    callback: Annotated[
        str,
        typer.Option(help="Where the pages return: one of SignInCallbackAddresses of the stack."),
    ] = "",
    email: Annotated[str, typer.Option(help="Your address, for sign-in with a password.")] = "",
    show: Annotated[bool, typer.Option("--show", help="Only show the settings.")] = False,
    json: Json = False,
) -> None:
    """Tell the client where the service is and where you sign in."""
    state = state_of(ctx)
    changes: dict[str, str] = {}
    if outputs:
        try:
            text = sys.stdin.read() if outputs == "-" else Path(outputs).read_text("utf-8")
            changes = config.from_outputs(json_module.loads(text))
        except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
            raise Fault(f"{outputs} cannot be read as outputs: {error!r}", USAGE) from error
    named = {
        "api": api,
        "issuer": issuer,
        "client": client,
        "sign_in": sign_in_pages,
        "callback": callback,
        "email": email,
    }
    changes |= {name: value for name, value in named.items() if value}
    wrong = [
        f"{name}: {value!r} is not an address with https:// (http:// only on this machine)"
        for name, value in changes.items()
        if name in ("api", "issuer", "sign_in", "pool_endpoint", "callback")
        and not config.is_address(value)
    ]
    if wrong:
        raise Fault("Some settings are wrong.", USAGE, wrong)
    if not changes and not show:
        raise Fault("There is nothing to set.", USAGE, ["redress setup --help"])
    profile = config.save(state.profile, changes) if changes else state.session.profile
    if state.json:
        screen.data(asdict(profile))
        return
    for name, value in asdict(profile).items():
        screen.say(f"{name}: {value}")


def login(
    ctx: typer.Context,
    password: Annotated[
        bool, typer.Option("--password", help="Ask for the password here, without a browser.")
    ] = False,
    email: Annotated[str, typer.Option(help="Your address, if it is not in the settings.")] = "",
    token_file: Annotated[
        bool | None,
        typer.Option(
            "--token-file/--keyring",
            help="Keep the tokens in a file that only you can read, or again in the keyring.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Sign in, by browser or with a password."""
    state = state_of(ctx)
    changes = {"email": email} if email else {}
    if token_file is not None:
        changes["keep"] = "file" if token_file else "keyring"
    if changes:
        config.save(state.profile, changes)
    session = state.session
    profile = session.profile
    if not (profile.api and profile.client and (profile.issuer or profile.sign_in)):
        hint = "redress setup --outputs FILE, or --api, --issuer and --client"
        raise Fault("The service is not set up here.", USAGE, [hint])
    if password:
        address = profile.email or screen.ask("Address")
        found = sign_in.by_password(profile, address, _ask, screen.tell)
        if address != profile.email:
            session.profile = config.save(state.profile, {"email": address})
    else:
        found = sign_in.by_browser(profile, screen.tell)
    session.signed_in(found)
    shown = session.read(show_me)
    if not state.shown(shown):
        me = shown.value
        screen.say(f"Signed in as {me.name}, {me.role.value} of {me.team}.")


def _ask(what: str, shown: bool) -> str:
    if shown or not sys.stdin.isatty():
        return screen.ask(what)
    return getpass(f"{what}: ", stream=sys.stderr)


def logout(ctx: typer.Context, json: Json = False) -> None:
    """Sign out: revoke the sign-in and remove its tokens from this machine."""
    state = state_of(ctx)
    state.session.signed_out()
    if state.json:
        screen.data({"signed_in": False})
        return
    screen.say("Signed out. A token that was copied elsewhere is valid for an hour at most.")


def whoami(ctx: typer.Context, json: Json = False) -> None:
    """Show who you are, and whether work is assigned to you."""
    state = state_of(ctx)
    found = state.session.read(show_me)
    if state.shown(found):
        return
    me = found.value
    screen.say(f"{me.name} <{me.email or ''}>, {me.role.value} of {me.team}", "bold")
    screen.say(
        f"{me.presence.value}, {me.load} of {me.capacity} tickets, {state.session.profile.api}"
    )
    tell_drafts(state.profile)


def presence(
    ctx: typer.Context,
    presence: Annotated[PresenceState, typer.Argument(help="available, busy, away or offline")],
    json: Json = False,
) -> None:
    """Come to work or leave: only who is available gets tickets."""
    state = state_of(ctx)
    found = state.session.read(set_presence, body=Presence(presence=presence))
    if not state.shown(found):
        duty = found.value
        screen.say(f"You are {duty.presence.value}, with {duty.load} of {duty.capacity} tickets.")


def tell_drafts(profile: str) -> None:
    """Remind of texts that were not sent."""
    for number, act, _ in drafts.waiting(profile):
        screen.tell(f"A draft is waiting: {drafts.command(act, number)}")
