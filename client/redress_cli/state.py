"""What all commands share: the session, the option `--json`, and the types of common options."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import typer
from redress_staff.types import UNSET

from redress_cli import screen
from redress_cli.session import Answer, Session


@dataclass
class State:
    """`json` is set by the option of a command."""

    profile: str
    json: bool = False

    @cached_property
    def session(self) -> Session:
        return Session(self.profile)

    def shown(self, answer: Answer) -> bool:
        """Write the API's answer if `--json` was given. Returns whether it was."""
        if self.json:
            screen.raw(answer.content)
        return self.json


def state_of(ctx: typer.Context) -> State:
    found = ctx.find_root().obj
    assert isinstance(found, State)
    return found


def _want_json(ctx: typer.Context, value: bool) -> bool:
    if value:
        state_of(ctx).json = True
    return value


Json = Annotated[
    bool,
    typer.Option("--json", help="Print the API's answer as it came.", callback=_want_json),
]
Number = Annotated[str, typer.Argument(metavar="NUMBER", help="Such as R-7K3M9-QW0X2.")]
Limit = Annotated[int, typer.Option(min=1, help="Lines of a page.")]
Cursor = Annotated[str, typer.Option(help="The page after: the cursor that the page before named.")]


def given(value: str | None) -> Any:
    """A value of a query for the generated client, which leaves absent values out."""
    return value or UNSET


def number_of(text: str) -> str:
    """The number of a ticket as the API writes it."""
    return text.strip().upper()
