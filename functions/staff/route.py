"""The declaration of a route. The staff function finds its handlers by these declarations.

`routes/` declares each route next to the function that serves it. From the declarations,
`make openapi` writes the OpenAPI document and the template's routes. The texts of the document are
in `local/openapi`, which no function loads.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from msgspec import Struct

from redress.base.errors import NotFound
from redress.base.people import Member, Role
from redress.edge.bodies import Body, Text, UnreadBody, Whole
from redress.edge.http import Answer
from redress.tickets.rules.numbers import normalised

STAFF = frozenset({Role.AGENT, Role.SUPERVISOR, Role.MANAGER})
LEADERS = frozenset({Role.SUPERVISOR, Role.MANAGER})
MANAGERS = frozenset({Role.MANAGER})
EVERYBODY = frozenset[Role]()
"""The roles of a route that needs no sign-in."""

IDEMPOTENCY_KEY = "Idempotency-Key"
NAME_LIMIT = 64
REASON_LIMIT = 2_000
PLAN_LIMIT = 1024 * 1024
"""The most bytes of a body with a plan. Clients may indent its JSON. The store has a lower limit
for the plan itself."""

VERSION = Whole("version", least=1)
"""The version of the ticket that the caller has read."""

REASON = Text("reason", REASON_LIMIT)


def iso(at: datetime | None) -> str | None:
    """An instant in the format of answers: ISO 8601 with milliseconds, UTC."""
    return at.isoformat(timespec="milliseconds") if at else None


class Request(Struct, frozen=True):
    """One call: the caller, the variables of the path, the query, and the parsed body.

    `caller` is None on a route for EVERYBODY.
    `body` is a dict with a value for every declared field, or the document of an `UnreadBody`. It
    is None if the route declares no body.
    """

    caller: Member | None
    path: dict[str, str]
    query: dict[str, str]
    body: Any
    event: dict[str, Any]

    @property
    def member(self) -> Member:
        """The caller, on a route that needs a sign-in."""
        assert self.caller is not None
        return self.caller

    @property
    def number(self) -> str:
        """The ticket's number in the path. Raises NotFound for a text of another form."""
        number = normalised(self.path["number"])
        if number is None:
            raise NotFound("there is no such ticket")
        return number

    @property
    def event_number(self) -> int:
        """The number of an event in the path. Raises NotFound for a text of another form."""
        event = self.path["event"]
        if not re.fullmatch(r"[1-9][0-9]{0,4}", event, re.ASCII):
            raise NotFound("there is no such event")
        return int(event)


class Route(Struct, frozen=True):
    """One route of the staff API.

    `roles` may call it: EVERYBODY, or those who have signed in with one of these roles.
    `answer` names the schema of the answer in the OpenAPI document. `status` is the HTTP status of
    the answer. `query` and `headers` name the parameters that the route reads in addition to those
    in its path. `problems` are the error statuses of this route. The document adds those of every
    route (401, 403, 429, 500, 503) and those of every route with a body (400, 413, 415, 422).
    """

    method: str
    path: str
    roles: frozenset[Role]
    run: Callable[[Request], Answer]
    answer: str
    status: int = 200
    body: Body | UnreadBody | None = None
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    problems: tuple[int, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        return self.method, self.path
