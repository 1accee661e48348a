"""Mistakes to plant into a copy of the product before it is deployed: `make chaos PLANT=name`.

A run that does not find them would prove nothing. The source tree stays as it is.
"""

from __future__ import annotations

import py_compile
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CORE = "CoreLayer/python"


@dataclass(frozen=True, slots=True)
class Edit:
    """Replaces a text, which is there exactly once, in a module of the core layer."""

    module: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mistake:
    """`finds` is a part of the words of the violations that show it."""

    words: str
    finds: str
    edits: tuple[Edit, ...]


MISTAKES: Mapping[str, Mistake] = {
    "version": Mistake(
        "a change is written whatever version the ticket has",
        "is missing",
        (
            Edit(
                "redress/tickets/store/tickets.py",
                "                snapshots.version == change.before.version,\n",
                "                snapshots.pk.exists(),\n",
            ),
            Edit(
                "redress/tickets/store/tickets.py",
                "                condition=events.pk.does_not_exist(),\n"
                "                lost=raced,\n",
                "",
            ),
        ),
    ),
    "mail": Mistake(
        "every fifth mail is recorded as sent and never given to SES",
        "is recorded as sent and was not",
        (
            Edit(
                "redress/mail/outgoing/cases/posting.py",
                "        try:\n            to = [one.address for one in letter.recipients]\n",
                '        self.posted = getattr(self, "posted", 0) + 1\n'
                "        if self.posted % 5 == 0:\n"
                '            self._record(letter, "sent", message_id="unknown")\n'
                "            return SendOutcome(Result.SENT)\n"
                "        try:\n            to = [one.address for one in letter.recipients]\n",
            ),
        ),
    ),
    "load": Mistake(
        "an assignment does not count in the agent's load",
        "tickets are assigned",
        (Edit("redress/staff/store.py", "    if taken is not None:\n", "    if False:\n"),),
    ),
    "clock": Mistake(
        "an acknowledgement stops no clock",
        "its snapshot has clocks.acknowledgement",
        (
            Edit(
                "redress/tickets/rules/fold.py",
                "        clocks=_stop_clocks(ticket, event, plan, ClockName.ACKNOWLEDGEMENT),\n",
                "        clocks=ticket.clocks,\n",
            ),
        ),
    ),
    "key": Mistake(
        "an idempotency key is not found again",
        "one submission",
        (
            Edit(
                "redress/tickets/store/items.py",
                "keys.idempotency_pk(encoding.key_digest(key))",
                "keys.idempotency_pk(encoding.key_digest(key + change.after.number))",
            ),
        ),
    ),
}
"""Five mistakes of five kinds: a race, a record, a count, a rule, a repeated request."""


def planted(built: Path, name: str) -> Path:
    """Copies a build to a folder beside it, with the mistake. Returns the copy.

    Raises ValueError if the source is not as the mistake expects it.
    """
    copy = built.with_name(f"planted-{name}")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(built, copy, symlinks=True)
    for edit in MISTAKES[name].edits:
        module = copy / CORE / edit.module
        module.write_text(changed(module.read_text(encoding="utf-8"), edit), encoding="utf-8")
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(module), doraise=True, invalidation_mode=mode)
    return copy


def changed(source: str, edit: Edit) -> str:
    if source.count(edit.old) != 1:
        raise ValueError(f"{edit.module} has this text {source.count(edit.old)} times: {edit.old}")
    return source.replace(edit.old, edit.new)
