"""Drafts: every text for a ticket is a file on this machine until the API has taken it.

The editor works on the file itself, so a text that was saved there survives a killed terminal. A
draft begins with lines about the ticket, which end with `CUT`.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from redress_cli import config, screen
from redress_cli.faults import OTHER, Fault

CUT = "# ------------------ Write below this line. An empty text sends nothing. ------------------"
_CUT = re.compile(rf"^{re.escape(CUT)}[ \t]*$", re.MULTILINE)
_VERSION = re.compile(r"^# version (\d+)$", re.MULTILINE)

COMMANDS = {
    "tell_progress": "progress {}",
    "promise": "promise {} --by TIME",
    "hold": "hold {} --reason REASON",
}
"""How the command of an act is typed, if it has another name or needs an option."""


def command(act: str, number: str) -> str:
    """The command that offers a draft again."""
    return "redress " + COMMANDS.get(act, f"{act} {{}}").format(number)


@dataclass(frozen=True)
class Draft:
    """A text for a ticket. `act` is reply, note or resolve."""

    path: Path

    @staticmethod
    def of(profile: str, number: str, act: str) -> Draft:
        return Draft(config.folder() / "drafts" / f"{profile}.{number}.{act}.txt")

    @property
    def exists(self) -> bool:
        return self.path.is_file() and bool(self.text())

    @property
    def saved_at(self) -> datetime:
        return datetime.fromtimestamp(self.path.stat().st_mtime, UTC)

    def text(self) -> str:
        """The text without the lines about the ticket."""
        head, after = self._parts()
        if head is None:  # the line was removed in the editor
            after = re.sub(r"\A(#.*\n|\s*\n)*(#.*\Z)?", "", after)
        return after.strip()

    def version(self) -> int:
        """The version of the ticket that the person saw when the draft began; 0 if the line was
        removed in the editor."""
        found = _VERSION.findall(self._parts()[0] or "")
        return int(found[-1]) if found else 0

    def _parts(self) -> tuple[str | None, str]:
        """The lines about the ticket, or None without `CUT`, and what follows.

        The last `CUT` counts, because the lines contain words of the customer.
        """
        whole = self.path.read_text("utf-8-sig", "replace").replace("\r\n", "\n")
        found = list(_CUT.finditer(whole))
        return (whole[: found[-1].start()], whole[found[-1].end() :]) if found else (None, whole)

    def write(self, version: int, about: Iterable[str], text: str) -> None:
        """Write the draft anew, with lines about the ticket. None of them can be read as `CUT`."""
        words = CUT.strip("# -")
        lines = [
            f"# {line}".rstrip().replace(words, f"({words})")
            for part in about
            for line in screen.safe(part).split("\n")
        ]
        head = "\n".join([*lines, f"# version {version}", CUT])
        config.write(self.path, f"{head}\n{text}\n")

    def edit(self) -> None:
        """Open the editor and wait for its end."""
        command = screen.editor()
        try:
            done = subprocess.run([*command, str(self.path)], check=False)
        except OSError as error:
            hint = "Name your editor: export EDITOR=nano. Or give the text: --text '...'"
            raise Fault(f"{command[0]} cannot be started: {error}", OTHER, [hint]) from error
        if done.returncode:
            hint = f"Your text is kept in {self.path}"
            raise Fault(f"{command[0]} ended with {done.returncode}.", OTHER, [hint])

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


def waiting(profile: str) -> list[tuple[str, str, Path]]:
    """Ticket, act and file of each draft of a profile that has a text."""
    found = []
    for path in sorted((config.folder() / "drafts").glob(f"{profile}.R-*.*.txt")):
        number, act = path.name.removeprefix(f"{profile}.").split(".")[:2]
        if Draft(path).exists and os.access(path, os.R_OK):
            found.append((number, act, path))
    return found
