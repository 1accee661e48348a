"""What a route is: one declaration, from which the router, the template and the document follow.

`routes/` declares every route beside the function that serves it. `make openapi` writes the
template's routes and the OpenAPI document from the declarations; the texts of the document are
files that only this build reads (`local/openapi`).
"""

from __future__ import annotations

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

IDEMPOTENCY_KEY = "Idempotency-Key"
NAME_LIMIT = 64
REASON_LIMIT = 2_000
PLAN_LIMIT = 1024 * 1024
"""Bytes of a body with a plan in it, which may be indented; the store measures the plan itself."""

VERSION = Whole("version", least=1)
"""The version of the ticket that the caller has read."""

REASON = Text("reason", REASON_LIMIT)


def iso(at: datetime | None) -> str | None:
    """An instant as answers have it: ISO 8601 with milliseconds, UTC."""
    return at.isoformat(timespec="milliseconds") if at else None


class Request(Struct, frozen=True):
    """One call: who calls, the parts of the path, the query, and the body as the route reads it.

    `body` holds a value for every declared field, or the document of an `UnreadBody`; it is None
    where the route declares no body.
    """

    member: Member
    path: dict[str, str]
    query: dict[str, str]
    body: Any
    event: dict[str, Any]

    @property
    def number(self) -> str:
        """The ticket's number in the path. Raises NotFound for a text of another form."""
        number = normalised(self.path["number"])
        if number is None:
            raise NotFound("there is no such ticket")
        return number


class Route(Struct, frozen=True):
    """One route of the staff API.

    `answer` names the schema of the answer in the document, and `status` is its status. `problems`
    are the statuses of the problems that this route answers with, in addition to those that every
    route has (401, 403, 500, 503) and those that every body brings (400, 413, 415, 422). `query`
    and `headers` name the parameters that the route reads beside those in its path.
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
