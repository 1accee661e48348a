"""The widgets of the dashboard as a page: `make console` (`STACK=redress`: of a stack on AWS).

The emulator has no page that shows a dashboard. This command invokes the function `console` as
CloudWatch does, and writes its answers into a file. It changes nothing.
"""

from __future__ import annotations

import argparse
import html
import json
import sys
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.operations import stacks
from local.operations.stacks import ALIAS, LAPTOP, NoStack, Stack

SHOWN = ("state", "price", "ticket")
FRAME = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body {{ margin: 0; padding: 12px; background: {page}; color: {text}; font: 14px sans-serif }}
section {{ border: 1px solid {line}; border-radius: 6px; padding: 8px 12px; margin-bottom: 12px }}
h2 {{ font-size: 16px; margin: 4px 0 }} cwdb-action {{ display: none }}</style></head>
<body><h1 style="font-size: 20px">{title}</h1>{sections}</body></html>
"""
THEMES = {
    "light": {"page": "#ffffff", "text": "#16191f", "line": "#d5dbdb"},
    "dark": {"page": "#161d26", "text": "#e6e9ee", "line": "#414d5c"},
}


class NotShown(Exception):
    """The function did not answer. The message says why."""


def asked(show: str, theme: str, ticket: str = "") -> dict[str, Any]:
    """The event with which CloudWatch invokes the function for a widget."""
    form = {"all": {"ticket": ticket} if ticket else {}}
    return {"show": show, "widgetContext": {"theme": theme, "forms": form}}


def drawn(stack: Stack, show: str, theme: str, ticket: str = "") -> str:
    """The HTML of a widget. Raises NotShown, and errors of boto3 if the stack does not answer."""
    function = f"{stack.function('console')}:{ALIAS}"
    payload = json.dumps(asked(show, theme, ticket))
    answer = stack.client("lambda").invoke(FunctionName=function, Payload=payload)
    given = json.loads(answer["Payload"].read())
    if "FunctionError" in answer or not isinstance(given, str):
        raise NotShown(f"the function {function} failed: {given}")
    return given


def page(stack: Stack, theme: str, ticket: str = "") -> str:
    """All widgets in one page."""
    sections = "".join(
        f"<section><h2>{show}</h2>{drawn(stack, show, theme, ticket)}</section>" for show in SHOWN
    )
    title = html.escape(f"{stack.name}: what the dashboard's widgets show")
    return FRAME.format(title=title, sections=sections, **THEMES[theme])


def write(stack: Stack, folder: Path, ticket: str = "") -> list[Path]:
    """Write the page in both themes. Returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for theme in THEMES:
        file = folder / f"{theme}.html"
        file.write_text(page(stack, theme, ticket), encoding="utf-8")
        written.append(file)
    return written


def main() -> int:
    parser = argparse.ArgumentParser(prog="make console", description=__doc__)
    parser.add_argument("--stack", metavar="NAME", help="a stack on AWS; otherwise this laptop's")
    parser.add_argument("--ticket", default="", metavar="NUMBER", help="also show this ticket")
    given = parser.parse_args()
    try:
        files = write(stacks.found(given.stack), LAPTOP / "console", given.ticket)
    except (NoStack, NotShown, ClientError, BotoCoreError) as error:
        print(f"Failed: {error}", file=sys.stderr)
        return 1
    print("\n".join(str(file) for file in files))
    return 0


if __name__ == "__main__":
    sys.exit(main())
