"""`redress import`: members of staff from a CSV file.

The whole file is checked first. If anything is wrong, nothing is sent, and every fault is named
with its line. The API completes an invitation that is sent again, so an import can be repeated.
"""

from __future__ import annotations

import csv
import json as json_module
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from redress_staff.api.lead import invite_member
from redress_staff.models import InvitationBody, Language, Position, StaffRole
from redress_staff.types import UNSET
from rich.progress import track

from redress_cli import screen
from redress_cli.faults import INPUT, PARTLY, Fault, Refusal
from redress_cli.state import Json, state_of

NEEDED = ("email", "name", "role", "team", "languages", "capacity")
OPTIONAL = ("position",)
MOST = 10_000
"""Lines of a file."""


def add(app: typer.Typer) -> None:
    app.command("import")(import_members)


@dataclass(frozen=True)
class Row:
    """A line of the file. Lines are counted from 1, and the header is line 1."""

    line: int
    body: InvitationBody


def read_members(path: Path) -> list[Row]:
    """The rows of a file of members. Raises Fault that names everything that is wrong."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise Fault(f"{path}: {error.strerror or error}", INPUT) from error
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        hint = "Save it as CSV UTF-8."
        raise Fault(f"{path}, line {line}: it is not in UTF-8.", INPUT, [hint]) from error
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    wrong: list[str] = []
    rows: list[Row] = []
    seen: dict[str, int] = {}
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        wrong += [f"line 1: the column {name} is missing" for name in NEEDED if name not in header]
        unknown = [name for name in header if name not in (*NEEDED, *OPTIONAL)]
        wrong += [f"line 1: {name!r} is not a column of members" for name in unknown]
        wrong += [
            f"line 1: the column {name} is there twice"
            for name in sorted(set(header))
            if header.count(name) > 1
        ]
        if wrong:
            raise Fault(f"{path} cannot be imported.", INPUT, wrong)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            line = reader.line_num
            if len(cells) != len(header):
                wrong.append(f"line {line}: {len(cells)} cells, and the header has {len(header)}")
                continue
            values = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
            body = _body(values, partial(_note, wrong, line))
            email = values["email"].lower()
            if email in seen:
                wrong.append(f"line {line}: {email} is also on line {seen[email]}")
            seen.setdefault(email, line)
            if body is not None:
                rows.append(Row(line, body))
    except csv.Error as error:
        wrong.append(f"line {reader.line_num}: {error}")
    if len(rows) > MOST:
        wrong.append(f"{len(rows)} lines; at most {MOST} are taken")
    if not rows and not wrong:
        wrong.append("there is no member in it")
    if wrong:
        raise Fault(f"{path} cannot be imported. Nothing was sent.", INPUT, wrong)
    return rows


def _note(wrong: list[str], line: int, words: str) -> None:
    wrong.append(f"line {line}: {words}")


def _body(values: dict[str, str], say: Callable[[str], object]) -> InvitationBody | None:
    """The invitation of a row; None if `say` was told that something is wrong."""
    faults = []
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", values["email"]):
        faults.append(f"email: {values['email']!r} is not an address")
    faults += [f"{name}: it is empty" for name in ("name", "team") if not values[name]]
    roles = [one.value for one in StaffRole]
    if values["role"] not in roles:
        faults.append(f"role: {values['role']!r} is none of {', '.join(roles)}")
    languages = [part for part in re.split(r"[;,\s]+", values["languages"]) if part]
    known = [one.value for one in Language]
    faults += [
        f"languages: {x!r} is none of {', '.join(known)}" for x in languages if x not in known
    ]
    if not languages:
        faults.append("languages: it is empty")
    if not re.fullmatch(r"[0-9]{1,2}|100", values["capacity"], re.ASCII):
        faults.append(f"capacity: {values['capacity']!r} is not a number from 0 to 100")
    position = values.get("position", "")
    positions = [one.value for one in Position]
    if position and position not in positions:
        faults.append(f"position: {position!r} is none of {', '.join(positions)}")
    for words in faults:
        say(words)
    if faults:
        return None
    return InvitationBody(
        email=values["email"],
        name=values["name"],
        role=StaffRole(values["role"]),
        team=values["team"],
        languages=[Language(one) for one in languages],
        capacity=int(values["capacity"]),
        position=Position(position) if position else UNSET,
    )


def import_members(
    ctx: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(help=f"CSV with the columns {', '.join(NEEDED)}; optional: position."),
    ],
    check: Annotated[bool, typer.Option("--check", help="Only check the file.")] = False,
    json: Json = False,
) -> None:
    """Invite all members of a CSV file. Languages are separated by blanks or `;`.

    With --json, each line has the line of the file and the API's answer.
    """
    state = state_of(ctx)
    rows = read_members(file)
    if check:
        screen.say(f"{len(rows)} members can be imported.")
        return
    refused: list[str] = []
    for row in track(rows, "Inviting", console=screen.ERR, transient=True):
        answer: Any
        try:
            found = state.session.read(invite_member, body=row.body)
            answer = json_module.loads(found.content)
        except Refusal as refusal:
            if refusal.status in (401, 429, 503):
                refusal.hints.append(f"The lines before {row.line} were done. Repeat the command.")
                raise
            answer = dict(refusal.body)
            refused.append(f"line {row.line}, {row.body.email}: {refusal.words}")
            refused += [f"    {hint}" for hint in refusal.hints]
        except Fault as fault:
            fault.hints.append(f"The lines before {row.line} were done. Repeat the command.")
            raise
        if state.json:
            written = json_module.dumps({"line": row.line, "answer": answer}, ensure_ascii=False)
            screen.raw(written.encode())
    count = len({words.partition(",")[0] for words in refused if words.startswith("line")})
    if refused:
        raise Fault(f"{count} of {len(rows)} lines were refused.", PARTLY, refused)
    if not state.json:
        screen.say(f"{len(rows)} members are invited.")
