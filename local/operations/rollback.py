"""Move the alias of every function back to the version before the last deployment.

    python -m local.operations.rollback                                the stack on this laptop
    python -m local.operations.rollback --stack redress                a stack on AWS
    python -m local.operations.rollback --stack redress --to 2026-11-29T18:00+08:00

`--to` names a time: each function gets the version that was the newest one then. It is safe to
repeat: a second run moves only what the first one did not.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from local.operations import stacks, versions
from local.operations.stacks import NoStack, Stack
from local.operations.versions import CannotRollBack, Move

STAYS = """\
Stays as it is deployed: the table and all data, the definitions of the state machines, the routes,
permissions, queues, schedules and alarms. Executions that began before the rollback go on.
The next deployment moves every alias to what it deploys (docs/deploy.md, "Roll back")."""


def back(stack: Stack, to: datetime | None, now: datetime, console: Console) -> list[Move]:
    """Say where each alias goes, and move it there. Raises CannotRollBack."""
    functions: Any = stack.client("lambda")
    names = versions.functions_of(stack.client("cloudformation"), stack.name)
    moves = versions.way_to(functions, names, to) if to else versions.way_back(functions, names)
    for one in moves:
        where = f"{one.now} -> {one.to}" if one.to != one.now else f"{one.now} stays"
        console.print(
            f"{one.function:<28} {where}  ({one.why})",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    versions.move(functions, moves, now)
    console.print(STAYS, markup=False, highlight=False, soft_wrap=True)
    return moves


def time_of(text: str) -> datetime:
    """Return a time with its zone. Raises CannotRollBack if it is none, or has no zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = datetime.min
    if found.tzinfo is None:
        raise CannotRollBack(f"{text!r} is not a time with a zone, such as 2026-11-29T18:00+08:00")
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local.operations.rollback",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--stack", help="name of a stack on AWS (default: the one on this laptop)")
    parser.add_argument("--to", help="a time with its zone, such as 2026-11-29T18:00+08:00")
    given = parser.parse_args(arguments)
    console = Console()
    try:
        to = time_of(given.to) if given.to else None
        back(stacks.found(given.stack), to, datetime.now(UTC), console)
    except (CannotRollBack, NoStack, BotoCoreError, ClientError) as error:
        console.print(f"Failed: {error}", style="red", markup=False, highlight=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
