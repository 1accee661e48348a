"""The declaration of a route. The staff function finds its handlers by these declarations.

`routes/` declares each route next to the function that serves it. From the declarations,
`make openapi` writes the OpenAPI document and the template's routes. The texts of the document are
in `local/openapi`, which no function loads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import unquote

from msgspec import Struct

from redress.base import idempotency, instants
from redress.base.errors import Fault, InvalidInput, NotFound
from redress.base.people import Member, Role, is_subject, is_team
from redress.connectors.rules.connector import Scope
from redress.edge.bodies import Body, Text, UnreadBody, Whole
from redress.edge.http import Answer, header, source_of
from redress.plans.rules.plan import CHANNELS
from redress.plans.rules.reader import NAME
from redress.plans.store.plans import LARGEST_DOCUMENT
from redress.tickets.rules.numbers import normalised

STAFF = frozenset({Role.AGENT, Role.SUPERVISOR, Role.MANAGER})
AGENTS = frozenset({Role.AGENT})
LEADERS = frozenset({Role.SUPERVISOR, Role.MANAGER})
MANAGERS = frozenset({Role.MANAGER})
MACHINES = frozenset({Role.MACHINE})
EVERYBODY = frozenset[Role]()
"""The roles of a route that needs no sign-in."""

IDEMPOTENCY_KEY = "Idempotency-Key"
NAME_LIMIT = 64
REASON_LIMIT = 2_000
PLAN_LIMIT = 6 * LARGEST_DOCUMENT + 100_000
"""The most bytes of a body with a plan. JSON can write each byte of a plan as an escape of six
bytes (`\\u0061`). The store has a lower limit for the plan itself."""

VERSION = Whole("version", least=1)
"""The version of the ticket that the caller has read."""

REASON = Text("reason", REASON_LIMIT)


def iso(at: datetime | None) -> str | None:
    """An instant in the format of answers (`instants.written`); None for None."""
    return instants.written(at) if at else None


def asked_list(
    query: Mapping[str, str],
    known: Collection[str],
    usual: str,
    page: Callable[[], tuple[int, str | None]],
) -> tuple[str, str | None]:
    """The list and the team that a query asks for; None for the reader's own team.

    `known` are the lists, and `usual` is the one without the parameter `list`. `page` reads the
    limit and the cursor. Raises InvalidInput with a fault for each wrong parameter, also those of
    `page`. If list and team are right, the case reads `page` when it knows that the reader may have
    the list.
    """
    which, team, faults = query.get("list") or usual, query.get("team") or None, list[Fault]()
    if which not in known:
        faults.append(Fault("/list", "unknown_value", f"one of {', '.join(known)}"))
    if team is not None and not is_team(team):
        faults.append(Fault("/team", "unknown_team", "there is no such team"))
    if faults:
        try:
            page()
        except InvalidInput as invalid:
            faults += invalid.faults
        raise InvalidInput(faults)
    return which, team


class PathPart(Struct, frozen=True):
    """A variable of a path, such as `{agent}`.

    `parse` returns its value, or None if the text has another form. Then nothing can be at this
    address, and the answer is 404 with the detail `missing`. The value may become part of a key of
    the database, so no text of another form gets past the route.
    """

    parse: Callable[[str], Any]
    missing: str


def whole_number(text: str) -> int | None:
    """A whole number from 1 to 99,999; None for any other text."""
    return int(text) if re.fullmatch("[1-9][0-9]{0,4}", text) else None


def _day(text: str) -> date | None:
    if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _subject(text: str) -> str | None:
    """The identity of a member of staff, also if `|` or `@` is still written as `%7C` or `%40`.

    No identity has a `%`, so decoding a text that API Gateway has decoded changes nothing.
    """
    decoded = unquote(text)
    return decoded if is_subject(decoded) else None


def _macro(text: str) -> str | None:
    return text if NAME.fullmatch(text) else None


def _channel(text: str) -> str | None:
    return text if text in CHANNELS else None


def hexadecimal(digits: int) -> Callable[[str], str | None]:
    """A parser of identities that are so many hexadecimal digits."""
    return lambda text: text if re.fullmatch(f"[0-9a-f]{{{digits}}}", text) else None


PATH_PARTS = {
    "number": PathPart(normalised, "there is no such ticket"),
    "entry": PathPart(normalised, "there is no such ticket"),
    "event": PathPart(whole_number, "there is no such event"),
    "file": PathPart(hexadecimal(16), "there is no such file"),
    "macro": PathPart(_macro, "there is no such macro"),
    "version": PathPart(whole_number, "there is no such version of the plan"),
    "generation": PathPart(whole_number, "there is no such key"),
    "agent": PathPart(_subject, "there is no such member of staff"),
    "channel": PathPart(_channel, "there is no such channel"),
    "date": PathPart(_day, "a day such as 2026-11-23 is expected"),
    # The use case checks it, because a text that is no month is a fault of the content (422).
    "period": PathPart(lambda text: text, ""),
}
"""The variables of paths that mean the same in each route. A route declares its own `{id}`."""


class Proof(StrEnum):
    """How a request proves who calls."""

    SIGN_IN = "sign_in"
    """API Gateway has checked the token of a member of staff."""
    SIGNATURE = "signature"
    """HTTP Message Signatures (RFC 9421), which the function checks."""
    WEBHOOK = "webhook"
    """Standard Webhooks, which the function checks."""


class Content(Struct, frozen=True):
    """What a request contains beside its address.

    `body` is a dict with a value for every declared field, or the document of an `UnreadBody`. It
    is None if the route declares no body. `key` is the Idempotency-Key, "" if there is none.
    """

    body: Any
    key: str


class Request(Struct, frozen=True):
    """One call: the caller, the parsed variables of the path, and the query.

    `caller` is None on a route for EVERYBODY. `routes` are all routes of the API. `content` reads
    the rest. A use case calls it after it has checked that the caller may see and change the
    object, so a caller who may not learns nothing from the faults of their request
    (docs/decisions/025-order-of-refusals.md).
    """

    caller: Member | None
    path: dict[str, Any]
    query: dict[str, str]
    event: dict[str, Any]
    route: Route
    routes: Mapping[tuple[str, str], Route]

    @property
    def member(self) -> Member:
        """The caller, on a route that needs a sign-in."""
        assert self.caller is not None
        return self.caller

    @property
    def source(self) -> str:
        """The IP address that sent the request, for the trail of a change."""
        return source_of(self.event)

    def content(self) -> Content:
        """Parse the declared body and the declared headers.

        Raises Refused, or InvalidInput that names every fault.
        """
        faults: list[Fault] = []
        key, body = "", None
        if IDEMPOTENCY_KEY in self.route.headers:
            key = header(self.event, IDEMPOTENCY_KEY.lower())
            by_case = self.route.key_required and isinstance(self.route.body, UnreadBody)
            needed = bool(key) or self.route.key_required
            if needed and not by_case and (fault := idempotency.fault_of(key)):
                faults.append(fault)
        if self.route.body is not None:
            try:
                body = self.route.body.read(self.event)
            except InvalidInput as invalid:
                faults += invalid.faults
        if faults:
            raise InvalidInput(faults)
        return Content(body, key)


class Route(Struct, frozen=True):
    """One route of the staff API.

    `roles` may call it: EVERYBODY, or those who have signed in with one of these roles.
    `answer` names the schema of the answer in the OpenAPI document. `status` is the HTTP status of
    the answer. `query` and `headers` name the parameters that the route reads in addition to those
    in its path. With `key_required` a request needs an Idempotency-Key; the use case of an
    `UnreadBody` checks it itself, so that its fault is named with those of the body. `id` describes
    the variable `{id}` of the path, if it has one. `problems` are the error statuses of this route.
    `proof` says how the caller proves who they are; a route of machines needs `scope`, unless every
    connector may call it. The document adds the statuses of every route (401, 403, 429, 500, 503)
    and those of every route with a body (400, 413, 415, 422).
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
    id: PathPart | None = None
    problems: tuple[int, ...] = ()
    proof: Proof = Proof.SIGN_IN
    scope: Scope | None = None
    key_required: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return self.method, self.path

    def parsed(self, given: dict[str, str]) -> dict[str, Any]:
        """The values of the variables of the path, by name. Raises NotFound."""
        values = {}
        for name, text in given.items():
            part = PATH_PARTS[name] if name != "id" else self.id
            assert part is not None, "a route with {id} declares it"
            values[name] = part.parse(text)
            if values[name] is None:
                raise NotFound(part.missing)
        return values
