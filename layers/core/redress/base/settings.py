"""Settings that a function reads from its environment variables, once at each start."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class MissingSettings(RuntimeError):
    """The function was deployed without required variables. The message names all of them."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that every function has. A function that needs more derives its own type.

    The variable of a field has the name of the field in capitals. If the field has no default, its
    variable is required and must not be empty. If a variable that is not required is absent or
    empty, the field has its default.
    """

    table: str
    aws_region: str
    call_timeout_s: float = 8
    """Seconds that a call of an AWS service waits for a connection (at most 2) and then for its
    answer. A function with a short timeout of its own needs a smaller value."""
    aws_endpoint_url: str = ""
    """The address of a local cloud. botocore reads the variable too. It is empty on AWS."""


def read[S: Settings](kind: type[S], environment: Mapping[str, str]) -> S:
    """Read settings of the type `kind`.

    Raises MissingSettings, which names every required variable that is absent or empty, and
    msgspec.ValidationError for a value of the wrong type.
    """
    fields = msgspec.structs.fields(kind)
    given = {f.name: environment.get(f.name.upper(), "") for f in fields}
    missing = [f.name.upper() for f in fields if f.required and not given[f.name]]
    if missing:
        raise MissingSettings(f"missing environment variables: {', '.join(missing)}")
    return msgspec.convert(
        {name: value for name, value in given.items() if value}, kind, strict=False
    )
