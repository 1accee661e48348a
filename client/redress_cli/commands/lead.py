"""Leading: the board, members, who has which ticket."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Annotated, Any

import typer
from redress_staff.api.lead import invite_member, reinstate, show_board, suspend
from redress_staff.api.me import list_members, show_member
from redress_staff.api.tickets import read_ticket, reassign
from redress_staff.models import (
    Assignment,
    InvitationBody,
    Language,
    Reinstatement,
    StaffRole,
    Suspension,
)

from redress_cli import screen
from redress_cli.faults import BUSY, REFUSED, USAGE, Fault
from redress_cli.people import id_of
from redress_cli.state import Cursor, Json, Limit, Number, given, number_of, state_of

pause = time.sleep


def add(app: typer.Typer) -> None:
    app.command()(board)
    app.command()(members)
    app.command()(invite)
    app.command("suspend")(suspend_member)
    app.command("reinstate")(reinstate_member)
    app.command()(assign)


Team = Annotated[str, typer.Option(help="Another team than yours (managers).")]
Reason = Annotated[str, typer.Option(help="Why; it is recorded.")]


def board(
    ctx: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Show it anew until Ctrl-C.")] = False,
    every: Annotated[int, typer.Option(min=2, max=3600, help="Seconds between.")] = 10,
    team: Team = "",
    json: Json = False,
) -> None:
    """Show who is present, and which promises are near their limit."""
    state = state_of(ctx)

    def once() -> None:
        found = state.session.read(show_board, team=given(team))
        if state.shown(found):
            return
        if watch and screen.OUT.is_terminal:
            screen.OUT.clear()
        _show_board(found.value)

    once()
    with suppress(KeyboardInterrupt):
        while watch:
            pause(every)
            try:
                once()
            except Fault as fault:
                # A board on a wall goes on after a lost connection.
                if fault.code != BUSY:
                    raise
                screen.show_fault(fault)


def _show_board(found: Any) -> None:
    now = screen.now()
    words = f"{found.team}: {found.open_} open, {found.queued} queued, {len(found.present)} present"
    if found.queued_since:
        words += f", the oldest in the queue since {screen.at(found.queued_since)}"
    screen.say(f"{words}  ({screen.at(now)})", "bold")
    mail = found.held_mail
    if mail.unseen or mail.promised:
        style = "red" if mail.overdue else ""
        screen.say(f"Mail in quarantine: {mail.unseen} unseen, {mail.promised} promised", style)
    screen.say()
    names = {one.agent: one.name for one in (*found.present, *found.members)}
    rows = [
        (
            one.name,
            one.presence.value,
            f"{one.load} of {one.capacity}",
            one.unaccepted or "",
            screen.at(one.since) if one.since else "",
            _hours(one.online_s),
            _hours(one.shift_s) if one.shift_s is not None else "",
        )
        for one in found.members
    ]
    columns = ("agent", "presence", "tickets", "unaccepted", "since", "online", "of shift")
    screen.table(columns, rows, "Nobody is in the team.")
    screen.say()
    today = found.first_responses_today
    if today.answered or today.waiting:
        answered = f"First answers today: {today.answered}"
        if today.median_s is not None and today.ninety_s is not None:
            answered += f", half within {today.median_s} s, nine of ten within {today.ninety_s} s"
        screen.say(f"{answered}; {today.waiting} customers wait")
        screen.say()
    talks = found.talks_today
    if talks.calls:
        longer = (
            f"{talks.over_target} longer than planned" if talks.over_target else "none too long"
        )
        screen.say(f"Calls today: {talks.calls}, half of at most {talks.median_s} s; {longer}")
        screen.say()
    near = [
        (
            one.number,
            one.clock.value.replace("_", " "),
            screen.until(one.due_at, now),
            names.get(one.assignee or "", one.assignee or "queue"),
            one.subject,
        )
        for one in found.near_limit
    ]
    head = ("ticket", "promise", "due", "with", "subject")
    screen.table(head, near, "No promise is near its limit.", widest=4)


def _hours(seconds: int) -> str:
    """A length of time such as 2:05 h."""
    return f"{seconds // 3600}:{seconds // 60 % 60:02} h"


def members(
    ctx: typer.Context,
    who: Annotated[
        str, typer.Argument(help="A name, an address or an id: shows this member.")
    ] = "",
    team: Team = "",
    limit: Limit = 25,
    cursor: Cursor = "",
    json: Json = False,
) -> None:
    """List your colleagues, or show one with everything that was changed."""
    state = state_of(ctx)
    if who:
        found = state.session.read(show_member, id_of(state.session, who))
        if not state.shown(found):
            _show_member(found.value)
        return
    found = state.session.read(list_members, team=given(team), limit=limit, cursor=given(cursor))
    if state.shown(found):
        return
    rows = [
        (
            one.name,
            one.role.value,
            one.team,
            one.presence.value if one.state.value == "active" else one.state.value,
            f"{one.load} of {one.capacity}",
            ", ".join(language.value for language in one.languages),
            one.email,
        )
        for one in found.value.items
    ]
    columns = ("name", "role", "team", "state", "tickets", "languages", "address")
    screen.table(columns, rows, "Nobody is here.", widest=6)
    if found.value.next_:
        screen.tell(f"There are more: add --cursor {found.value.next_}")


def _show_member(one: Any) -> None:
    screen.say(f"{one.name} <{one.email or ''}>, {one.role.value} of {one.team}", "bold")
    languages = ", ".join(language.value for language in one.languages)
    screen.say(
        f"{one.state.value}, {one.presence.value}, {one.load} of {one.capacity}, {languages}"
    )
    for change in one.changes:
        what = ", ".join(f"{part.field}: {part.old} -> {part.new}" for part in change.what)
        words = f"{screen.at(change.at)}  {change.kind.value.replace('_', ' ')} by {change.by}"
        screen.say("  ".join(filter(None, (words, what, change.why))))
    screen.say("You can: " + (", ".join(x.value.replace("_", " ") for x in one.can) or "only read"))


def invite(
    ctx: typer.Context,
    email: Annotated[str, typer.Argument()],
    name: Annotated[str, typer.Option(help="What customers read.")],
    team: Annotated[str, typer.Option()],
    role: Annotated[StaffRole, typer.Option()] = StaffRole.AGENT,
    language: Annotated[
        list[Language] | None, typer.Option(help="Several times, the best first.")
    ] = None,
    capacity: Annotated[int, typer.Option(min=0, max=100, help="Open tickets at once.")] = 5,
    json: Json = False,
) -> None:
    """Invite somebody to the staff."""
    state = state_of(ctx)
    body = InvitationBody(
        email=email,
        name=name,
        role=role,
        team=team,
        languages=language or [Language.EN],
        capacity=capacity,
    )
    # The API completes an invitation that is sent again.
    found = state.session.read(invite_member, body=body)
    if not state.shown(found):
        screen.say(f"{found.value.name} is invited until {screen.at(found.value.expires_at)}.")


def suspend_member(
    ctx: typer.Context,
    who: Annotated[str, typer.Argument(help="A name, an address or an id.")],
    reason: Reason,
    json: Json = False,
) -> None:
    """Suspend a member at once. Their open tickets go back to the queue."""
    state = state_of(ctx)
    id_ = id_of(state.session, who)
    found = state.session.change(suspend, id_, body=Suspension(reason=reason))
    if not state.shown(found):
        changed = found.value
        screen.say(f"{changed.member.name} is {changed.member.state.value}.")
        for number in changed.queued:
            screen.say(f"{number} is back in the queue.")


def reinstate_member(
    ctx: typer.Context,
    who: Annotated[str, typer.Argument(help="A name, an address or an id.")],
    reason: Reason,
    json: Json = False,
) -> None:
    """Take a member back who is suspended or has left."""
    state = state_of(ctx)
    id_ = id_of(state.session, who)
    found = state.session.change(reinstate, id_, body=Reinstatement(reason=reason))
    if not state.shown(found):
        screen.say(f"{found.value.member.name} is {found.value.member.state.value}.")


def assign(
    ctx: typer.Context,
    number: Number,
    reason: Reason,
    to: Annotated[str, typer.Option(help="A name, an address or an id.")] = "",
    team: Annotated[str, typer.Option(help="The queue of this team, instead of a person.")] = "",
    json: Json = False,
) -> None:
    """Hand a ticket to another agent, or back to a queue."""
    state = state_of(ctx)
    if to and team:
        raise Fault("Name a person or a team, not both.", USAGE)
    ticket = state.session.read(read_ticket, number_of(number)).value
    if "reassign" not in [one.value for one in ticket.can]:
        raise Fault(f"You cannot reassign {ticket.number}.", REFUSED)
    body = Assignment(
        version=ticket.version,
        agent=id_of(state.session, to) if to else None,
        team=given(team),
        reason=reason,
    )
    found = state.session.change(reassign, ticket.number, body=body)
    if not state.shown(found):
        screen.say(f"{ticket.number} is with {to or 'the queue of ' + found.value.team}.")
