"""Why a file is refused or held back, in words for staff."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from redress.files.rules import kinds
from redress.plans.rules.plan import FilesPlan
from redress.tickets.rules.attached import Attached, FileState


class Refusal(StrEnum):
    """Why an uploaded file may not be kept. The values are stored."""

    TYPE = "type"
    """The plan allows no file of this type, by its content."""
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    CLOSED = "closed"
    """The ticket was closed before the file arrived."""


_WORDS: Mapping[str, str] = {
    Refusal.TYPE: "its content is of no allowed type",
    Refusal.TOO_LARGE: "it is too large",
    Refusal.TOO_MANY: "the ticket has too many files",
    Refusal.CLOSED: "the ticket was closed before it arrived",
}


def refusal_of(plan: FilesPlan, media_type: str, size: int) -> Refusal | None:
    """Return why the plan refuses a file of this type and size; None if it may be kept."""
    if size > plan.most_bytes:
        return Refusal.TOO_LARGE
    return None if kinds.is_allowed(media_type, plan.types) else Refusal.TYPE


def note_of(files: Sequence[Attached]) -> str:
    """Return the words of the note about files that were refused or in which something was found.

    There is one line for each file.
    """
    return "\n".join(_line(file) for file in files)


def _line(file: Attached) -> str:
    if file.state is FileState.REFUSED:
        why = _WORDS.get(file.reason or "", "it is not allowed")
        return f"The file “{file.name}” was refused: {why}."
    if file.reason and file.reason.startswith(UNSCANNED):
        return f"The file “{file.name}” could not be scanned. Nobody can open it."
    found = f": {file.reason}" if file.reason else ""
    return f"The scanner found something in the file “{file.name}”{found}. Nobody can open it."


def note_of_withdrawal(file: Attached) -> str:
    """Return the words of the note about a file that somebody has taken back."""
    return f"The file “{file.name}” was withdrawn. Nobody can open it."


UNSCANNED = "unscanned"
"""Begins the reason of a file that the scanner could not scan."""


def noted(file: Attached) -> dict[str, Any]:
    """Return a file as the event of its refusal lists it."""
    data = {"id": file.id, "name": file.name, "state": file.state.value}
    return data | ({"reason": file.reason} if file.reason else {})
