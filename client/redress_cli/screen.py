"""What the person sees: tables that fit a narrow terminal, and texts that cannot harm it.

Results go to the output; questions, progress and errors go to the error output, so a result can be
piped. NO_COLOR is respected by rich.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import Progress, ProgressColumn
from rich.table import Table
from rich.text import Text

from redress_cli.faults import INTERRUPTED, Fault

NARROW = 70
"""Columns. A narrower terminal gets a block of lines for each row instead of a table."""

_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f]")
"""Control characters. The text of a customer must not move the cursor or turn a line around."""

OUT = Console(highlight=False, soft_wrap=False)
ERR = Console(highlight=False, stderr=True)


def begin() -> None:
    """Write to the output and the error output of now: tests replace them. A console that records
    stays."""
    global OUT, ERR
    if OUT.record:
        return
    OUT = Console(highlight=False)
    ERR = Console(highlight=False, stderr=True)


def now() -> datetime:
    """The time of this machine. It decides nothing: the API knows what is due."""
    return datetime.now(UTC)


def safe(text: object) -> str:
    """A text without characters that control a terminal."""
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", str(text).replace("\r\n", "\n"))


def tell(words: str, style: str = "") -> None:
    """Say something beside the result."""
    ERR.print(Text(safe(words), style=style))


def say(words: str = "", style: str = "") -> None:
    OUT.print(Text(safe(words), style=style))


def raw(content: bytes) -> None:
    """Write the API's answer as it came, and a line end. It is UTF-8 on every system."""
    sys.stdout.flush()
    sys.stdout.buffer.write(content.rstrip(b"\n") + b"\n")
    sys.stdout.buffer.flush()


def data(found: Any) -> None:
    """Write something as JSON that no answer of the API contains."""
    raw(json.dumps(found, ensure_ascii=False).encode())


def progress(*columns: ProgressColumn) -> Progress:
    """Progress of long work: in a terminal until it is done, elsewhere nothing."""
    return Progress(*columns, console=ERR, transient=True, disable=not ERR.is_terminal)


def interactive() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(what: str, default: str = "") -> str:
    """Ask for a line. Without a terminal, it is read from the input."""
    prompt = f"{what} [{default}]: " if default else f"{what}: "
    ERR.print(Text(safe(prompt)), end="")
    line = sys.stdin.readline()
    if not line:
        raise Fault("There is no answer to read.", INTERRUPTED)
    return line.rstrip("\r\n") or default


def show_fault(fault: Fault) -> None:
    ERR.print(Text(safe(fault.words), style="bold red"))
    for hint in fault.hints:
        if "redress " in hint:
            # A command that is broken into lines cannot be copied. The terminal breaks it.
            ERR.print(Text(f"  {safe(hint)}"), soft_wrap=True)
            continue
        ERR.print(Padding(Text(safe(hint)), (0, 0, 0, 2), expand=False))


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    empty: str,
    *,
    widest: int | None = None,
) -> None:
    """Print rows. `widest` is the column that may be cut to fit."""
    cells = [[safe("" if cell is None else cell) for cell in row] for row in rows]
    if not cells:
        say(empty)
        return
    if OUT.width < NARROW:
        for row in cells:
            say(row[0], "bold")
            for name, cell in zip(columns[1:], row[1:], strict=True):
                if cell:
                    say(f"  {name}: {cell}")
        return
    made = Table(box=None, pad_edge=False, header_style="bold")
    for index, name in enumerate(columns):
        if index == widest:
            made.add_column(name, ratio=1, overflow="fold")
        else:
            made.add_column(name, no_wrap=index == 0)
    for row in cells:
        made.add_row(*map(escape, row))
    OUT.print(made)


def at(time: datetime | None) -> str:
    """A time in the zone of this machine."""
    return "" if time is None else time.astimezone().strftime("%d %b %H:%M")


def until(time: datetime | None, now: datetime) -> str:
    """When something is due, and how long that is: "1 Dec 14:00 (in 3 h)"."""
    if time is None:
        return ""
    return f"{at(time)} ({_span((time - now).total_seconds())})"


def _span(seconds: float) -> str:
    amount = abs(seconds)
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if amount >= size:
            words = f"{amount / size:.0f} {unit}"
            break
    else:
        words = f"{amount:.0f} s"
    return f"in {words}" if seconds >= 0 else f"{words} late"


def typed(words: Sequence[str]) -> str:
    """A command as a person types it in the shell of this system."""
    import shlex
    import subprocess

    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def editor() -> list[str]:
    """The command of the person's editor: VISUAL, EDITOR, or that of the system."""
    import shlex
    import shutil

    for name in ("VISUAL", "EDITOR"):
        if os.environ.get(name, "").strip():
            if os.name != "nt":
                return shlex.split(os.environ[name])
            # A path with backslashes is not split as in a shell; its quotes stay then.
            return [part.strip("\"'") for part in shlex.split(os.environ[name], posix=False)]
    if os.name == "nt":
        return ["notepad"]
    return [next((one for one in ("nano", "vi") if shutil.which(one)), "vi")]
