"""What a function is told by its environment: one frozen object, read once, complete or refused."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class MissingSettings(RuntimeError):
    """The function was deployed without these variables; the message names every one."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What every function is given. Each function derives a type of its own with the rest.

    A field comes from the variable of its name in capitals. A field with a default may be absent or
    empty.
    """

    table: str
    aws_region: str


def read[S: Settings](kind: type[S], environment: Mapping[str, str]) -> S:
    """The settings of this kind; raises MissingSettings naming every missing variable."""
    fields = msgspec.structs.fields(kind)
    given = {f.name: environment.get(f.name.upper(), "") for f in fields}
    missing = [f.name.upper() for f in fields if f.required and not given[f.name]]
    if missing:
        raise MissingSettings(f"missing environment variables: {', '.join(missing)}")
    return kind(**{name: value for name, value in given.items() if value})
