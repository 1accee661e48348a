"""Record an agent's work in the terminal client as a picture: `make recording`, after `make up`.

It runs the commands of `client/` against the local cloud and writes `docs/images/terminal.svg`. The
picture loads nothing from other sites, because GitHub blocks what such a picture loads.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from local import endpoints, stack
from local.clients import tools
from local.operations.stacks import LAPTOP
from local.process import ROOT
from local.stack import Outputs

PICTURE = ROOT / "docs" / "images" / "terminal.svg"
WIDTH = 96
"""Columns."""
COMPLAINT = {
    "kind": "complaint",
    "language": "en",
    "subject": "The kettle leaks",
    "description": "It leaks at the handle since the second day. I want a new one.",
    "contact": {"name": "Ada Wong", "email": "ada@example.com"},
    "consent": True,
}
REPLY = "Dear Ms Wong, a new kettle leaves our warehouse today. You need not send the old one back."


def record(outputs: Outputs, picture: Path) -> None:
    """Play the work at this stack, and write the picture."""
    answer = endpoints.call(
        "POST",
        f"{outputs.base_url}/tickets",
        body=COMPLAINT,
        headers={"Idempotency-Key": os.urandom(8).hex()},
    )
    number = answer.json()["number"]
    manager = next(e for e, one in outputs.staff.items() if "manager" in one["groups"])
    token = stack.sign_in(outputs, manager)

    def agent() -> Any:
        path = f"/staff/tickets/{number}"
        return stack.call_api(outputs, "GET", path, None, token)["assignee"]

    assignee = endpoints.wait_for(agent, f"{number} is assigned", 60)
    email = next(e for e, one in outputs.staff.items() if one["sub"] == assignee)
    sys.path[:0] = [str(ROOT / "client"), str(tools.terminal())]
    from redress_cli import screen
    from redress_cli.app import app

    with open(os.devnull, "w") as nowhere, tempfile.TemporaryDirectory() as folder:
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True)
        screen.OUT = screen.ERR = console
        os.environ["REDRESS_CONFIG"] = folder
        os.environ["REDRESS_TOKEN"] = stack.sign_in(outputs, email)
        app(["setup", "--api", outputs.base_url], standalone_mode=False)
        console.export_text()  # the picture begins after the settings
        for command in (
            ["work"],
            ["show", number],
            ["reply", number, "--text", REPLY, "--yes"],
            ["macro"],
        ):
            typed = " ".join(f'"{part}"' if " " in part else part for part in command)
            console.print(Text(f"$ redress {typed}", style="bold green"))
            app(command, standalone_mode=False)
            console.print()
        svg = console.export_svg(title="redress", unique_id="terminal")
    picture.write_text(re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL), "utf-8")


def main() -> int:
    """Write the picture, and print its path. Returns 1 if no local cloud runs."""
    path = LAPTOP / "outputs.json"
    if not path.is_file():
        print("start the local cloud first: make up", file=sys.stderr)
        return 1
    read = json.loads(path.read_text("utf-8"))
    kept = {name: read[name] for name in ("base_url", "port", "endpoint_url", "staff", "smtp_port")}
    record(Outputs(stack=read, directory=LAPTOP, **kept), PICTURE)
    print(PICTURE.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
