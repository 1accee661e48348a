"""`redress import`: members of staff, or tickets, from a CSV file.

The whole file is checked first. If anything is wrong, nothing is sent, and every fault is named
with its line. An import can be repeated: the API completes an invitation that is sent again, and a
ticket has a key that is made of its line.
"""

from __future__ import annotations

import csv
import hashlib
import json as json_module
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from redress_staff.api.lead import invite_member
from redress_staff.api.tickets import open_ticket
from redress_staff.models import (
    InvitationBody,
    Kind,
    Language,
    LiveChannel,
    NewTicket,
    Position,
    StaffRole,
    SubmissionContact,
)
from redress_staff.types import UNSET

from redress_cli import screen
from redress_cli.faults import INPUT, PARTLY, Fault, Refusal
from redress_cli.session import Answer, Session
from redress_cli.state import Json, given, state_of

MOST = 10_000
"""Lines of a file."""

MOST_FORBIDDEN = 3
"""Lines one after another that the person may not import. One can be of another team; so many say
that the person may not import this file."""


def add(app: typer.Typer) -> None:
    app.command("import")(import_file)


Say = Callable[[str], object]
"""Takes a fault of a line."""


@dataclass(frozen=True)
class Sheet:
    """What a file can contain. `body` makes the body of a request out of the cells of a line; it
    returns None after it has said what is wrong. `same` are the columns that no two lines share."""

    what: str
    needed: tuple[str, ...]
    optional: tuple[str, ...]
    same: tuple[str, ...]
    body: Callable[[dict[str, str], Say], Any]


@dataclass(frozen=True)
class Row:
    """A line of the file, counted from 1; the header is line 1. `name` is what people call it."""

    line: int
    name: str
    body: Any


def read(path: Path) -> tuple[Sheet, list[Row]]:
    """What the file contains, and its rows. Raises Fault that names everything that is wrong."""
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise Fault(f"{path}: {error.strerror or error}", INPUT) from error
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        hint = "Save it as CSV UTF-8."
        raise Fault(f"{path}, line {line}: it is not in UTF-8.", INPUT, [hint]) from error
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    wrong: list[str] = []
    rows: list[Row] = []
    seen: dict[tuple[str, ...], int] = {}
    sheet = MEMBERS
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        sheet = TICKETS if "subject" in header else MEMBERS
        wrong += _faults_of_header(header, sheet)
        for cells in reader if not wrong else ():
            if not any(cell.strip() for cell in cells):
                continue
            line = reader.line_num
            if len(cells) != len(header):
                wrong.append(f"line {line}: {len(cells)} cells, and the header has {len(header)}")
                continue
            values = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
            body = sheet.body(values, partial(_note, wrong, line))
            key = tuple(values.get(name, "").lower() for name in sheet.same)
            if key in seen:
                wrong.append(f"line {line}: {key[0]} is also on line {seen[key]}")
            seen.setdefault(key, line)
            if body is not None:
                rows.append(Row(line, values[sheet.same[0]], body))
    except csv.Error as error:
        wrong.append(f"line {reader.line_num}: {error}")
    if len(rows) > MOST:
        wrong.append(f"{len(rows)} lines; at most {MOST} are taken")
    if not rows and not wrong:
        wrong.append(f"there are no {sheet.what} in it")
    if wrong:
        raise Fault(f"{path} cannot be imported. Nothing was sent.", INPUT, wrong)
    return sheet, rows


def _faults_of_header(header: list[str], sheet: Sheet) -> list[str]:
    known = (*sheet.needed, *sheet.optional)
    return [
        *(f"line 1: the column {name} is missing" for name in sheet.needed if name not in header),
        *(
            f"line 1: {name!r} is not a column of {sheet.what}"
            for name in header
            if name not in known
        ),
        *(
            f"line 1: the column {name} is there twice"
            for name in sorted(set(header))
            if header.count(name) > 1
        ),
    ]


def _note(wrong: list[str], line: int, words: str) -> None:
    wrong.append(f"line {line}: {words}")


# ------------------------------------------------------------------------------ members


def _member(values: dict[str, str], say: Say) -> InvitationBody | None:
    faults = [
        *_address(values["email"]),
        *_empty(values, "name", "team", "languages"),
        *_choice(values, "role", StaffRole),
        *_choice(values, "position", Position, needed=False),
    ]
    languages = [part for part in re.split(r"[;,\s]+", values["languages"]) if part]
    for language in languages:
        faults += _choice({"languages": language}, "languages", Language)
    if not re.fullmatch(r"[0-9]{1,2}|100", values["capacity"], re.ASCII):
        faults.append(f"capacity: {values['capacity']!r} is not a number from 0 to 100")
    for words in faults:
        say(words)
    if faults:
        return None
    position = values.get("position")
    return InvitationBody(
        email=values["email"],
        name=values["name"],
        role=StaffRole(values["role"]),
        team=values["team"],
        languages=[Language(one) for one in languages],
        capacity=int(values["capacity"]),
        position=Position(position) if position else UNSET,
    )


# ------------------------------------------------------------------------------ tickets


def _ticket(values: dict[str, str], say: Say) -> NewTicket | None:
    faults = [
        *_empty(values, "subject", "description", "name"),
        *_choice(values, "language", Language),
        *_choice(values, "channel", LiveChannel),
        *_choice(values, "kind", Kind, needed=False),
    ]
    email, phone = values.get("email", ""), values.get("phone", "")
    if email:
        faults += _address(email)
    elif not phone:
        faults.append("email, phone: one of them is needed")
    if values["consent"].lower() != "yes":
        faults.append("consent: the customer must have agreed: yes")
    for words in faults:
        say(words)
    if faults:
        return None
    kind = values.get("kind")
    return NewTicket(
        subject=values["subject"],
        description=values["description"],
        contact=SubmissionContact(
            name=values["name"],
            email=given(email),
            phone=given(phone),
            company=given(values.get("company")),
        ),
        language=Language(values["language"]),
        channel=LiveChannel(values["channel"]),
        consent=True,
        kind=Kind(kind) if kind else UNSET,
        category=given(values.get("category")),
        order=given(values.get("order")),
        wished_remedy=given(values.get("wished_remedy")),
    )


def _empty(values: dict[str, str], *names: str) -> list[str]:
    return [f"{name}: it is empty" for name in names if not values[name]]


def _address(text: str) -> list[str]:
    good = re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text)
    return [] if good else [f"email: {text!r} is not an address"]


def _choice(values: dict[str, str], name: str, of: type[Enum], *, needed: bool = True) -> list[str]:
    found, known = values.get(name, ""), [str(one.value) for one in of]
    if found in known or not (found or needed):
        return []
    return [f"{name}: {found!r} is not one of {', '.join(known)}"]


MEMBERS = Sheet(
    "members",
    ("email", "name", "role", "team", "languages", "capacity"),
    ("position",),
    ("email",),
    _member,
)
TICKETS = Sheet(
    "tickets",
    ("subject", "description", "name", "language", "channel", "consent"),
    ("email", "phone", "company", "kind", "category", "order", "wished_remedy"),
    ("subject", "description", "name", "email", "phone", "order"),
    _ticket,
)


# ------------------------------------------------------------------------------ the command


def _send(session: Session, body: Any) -> Answer:
    """Send a line. A repeat of the same line changes nothing."""
    if isinstance(body, InvitationBody):
        return session.read(invite_member, body=body)
    content = json_module.dumps(body.to_dict(), sort_keys=True)
    key = hashlib.sha256(content.encode()).hexdigest()
    return session.read(open_ticket, body=body, idempotency_key=f"import-{key[:40]}")


def import_file(
    ctx: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(help="CSV in UTF-8. docs/terminal.md lists the columns."),
    ],
    check: Annotated[bool, typer.Option("--check", help="Only check the file.")] = False,
    json: Json = False,
) -> None:
    """Invite the members, or open the tickets, of a CSV file.

    The whole file is checked first. With --json, each line has the line of the file and the API's
    answer.
    """
    state = state_of(ctx)
    sheet, rows = read(file)
    if check and state.json:
        screen.data({"lines": len(rows), "of": sheet.what})
        return
    if check:
        screen.say(f"{len(rows)} {sheet.what} can be imported.")
        return
    again = "The other lines before {} are done. Repeat the command."
    refused: list[str] = []
    count = forbidden = 0
    with screen.progress() as shown:
        for row in shown.track(rows, description="Importing"):
            answer: Any
            try:
                answer = json_module.loads(_send(state.session, row.body).content)
            except Refusal as refusal:
                forbidden = forbidden + 1 if refusal.status == 403 else 0
                if (
                    refusal.status in (401, 429)
                    or refusal.status >= 500
                    or forbidden == MOST_FORBIDDEN
                ):
                    refusal.hints += [*refused, again.format(row.line)]
                    raise
                answer = dict(refusal.body)
                count += 1
                refused.append(f"line {row.line}, {row.name}: {refusal.words}")
                refused += [f"    {hint}" for hint in refusal.hints]
            except Fault as fault:
                fault.hints += [*refused, again.format(row.line)]
                raise
            else:
                forbidden = 0
            if state.json:
                screen.data({"line": row.line, "answer": answer})
    if refused:
        raise Fault(f"{count} of {len(rows)} lines were refused.", PARTLY, refused)
    if not state.json:
        screen.say(f"{len(rows)} {sheet.what} are imported.")
