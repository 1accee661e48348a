"""Settings that a function reads from its environment variables, once per start."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class MissingSettings(RuntimeError):
    """The function was deployed without required variables. The message names all of them."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of every function. Functions that need more derive a type of their own.

    Each field comes from the variable of its name in capitals. The variable of a field without a
    default is required; it must not be empty. Other variables may be absent or empty.
    """

    table: str
    aws_region: str


def read[S: Settings](kind: type[S], environment: Mapping[str, str]) -> S:
    """Read settings of a kind. Raises MissingSettings that names every missing variable."""
    fields = msgspec.structs.fields(kind)
    given = {f.name: environment.get(f.name.upper(), "") for f in fields}
    missing = [f.name.upper() for f in fields if f.required and not given[f.name]]
    if missing:
        raise MissingSettings(f"missing environment variables: {', '.join(missing)}")
    return kind(**{name: value for name, value in given.items() if value})
