"""The picture in the README: the real client at work, against the real handlers.

`make recording` runs this test with RECORDING, the file to write.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from redress_cli import screen
from tests.builders import Clock
from tests.client.conftest import Terminal
from tests.world import Opener

WIDTH = 96
"""Columns."""
ADA = {"name": "Ada Wong", "email": "ada@example.com"}
REPLY = "Dear Ms Wong, a new kettle leaves our warehouse today. You need not send the old one back."


def test_the_client_can_be_recorded_at_work(
    terminal: Terminal,
    open_ticket: Opener,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    number = open_ticket("complaint", contact=ADA, language="en").number
    monkeypatch.setattr(screen, "now", clock.now)
    with open(os.devnull, "w") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True)
        monkeypatch.setattr(screen, "OUT", console)
        monkeypatch.setattr(screen, "ERR", console)
        for command in (
            ["next"],
            ["reply", number, "--text", REPLY, "--yes"],
            ["work"],
            ["macro"],
        ):
            typed = " ".join(f'"{part}"' if " " in part else part for part in command)
            console.print(Text(f"$ redress {typed}", style="bold green"))
            assert terminal(*command).code == 0
            clock.advance(minutes=3)
            console.print()
        svg = console.export_svg(title="redress", unique_id="terminal")
    # GitHub shows no picture that loads something from elsewhere.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    picture = Path(os.environ.get("RECORDING", tmp_path / "terminal.svg"))
    picture.write_text(svg, "utf-8")
    assert "url(http" not in svg
    shown = re.sub(r"<[^>]+>", "", svg).replace("&#160;", " ")
    for words in (f"{number} complaint", "It leaks at the handle", "ask_for_photo"):
        assert words in shown
