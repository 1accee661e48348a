"""Which machine calls: from the signature of the request (docs/decisions/053-machines.md).

The routes of machines have no authorizer, because an authorizer does not see the body.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from route import Proof, Route

from redress.base.errors import NotAuthentic, RedressError
from redress.connectors import webhooks
from redress.connectors.rules.connector import ID, ConnectedMachine
from redress.edge.http import Refused, base_address, body_of, route_of, source_of
from redress.edge.problems import plain, problem_for
from redress.wiring import staff as wiring


def caller(event: dict[str, Any], route: Route) -> ConnectedMachine:
    """The connector that has signed the request.

    Raises Refused for a body that cannot be decoded, and the errors of `CallingCases`.
    """
    if route.proof is Proof.WEBHOOK:
        return _by_webhook(event, route)
    return _by_signature(event, route)


def claimed(event: dict[str, Any]) -> str | None:
    """The connector that a webhook names in its address, for the log; None if that is no name."""
    named = (event.get("pathParameters") or {}).get("id", "")
    return named if re.fullmatch(ID, named) else None


def raw_body(event: dict[str, Any]) -> bytes:
    """The bytes of the body, which are signed. Raises Refused."""
    try:
        return body_of(event)
    except ValueError as error:
        detail = "the body cannot be decoded"
        raise Refused(plain(400, "not-json", "Not JSON", detail)) from error


def _by_webhook(event: dict[str, Any], route: Route) -> ConnectedMachine:
    connector, delivery = event["pathParameters"]["id"], ""
    try:
        given = webhooks.read(event.get("headers") or {})
        delivery = given.id
        return wiring.calling().by_webhook(connector, given, raw_body(event), route.scope).machine
    except (RedressError, Refused) as error:
        record_failure(event, connector, delivery, error)
        raise


def record_failure(
    event: dict[str, Any], connector: str, delivery: str, error: RedressError | Refused
) -> None:
    """Record an attempt to hand over a message that was refused."""
    found = error.problem if isinstance(error, Refused) else problem_for(error)
    attempts = wiring.attempts()
    record = attempts.refused if isinstance(error, NotAuthentic) else attempts.failed
    record(connector, delivery, found.status, found.type.rpartition(":")[2], source_of(event))


def _by_signature(event: dict[str, Any], route: Route) -> ConnectedMachine:
    from redress.connectors.message_signatures import Signed

    method, _ = route_of(event)
    request = Signed(
        method,
        base_address(event),
        path_of(event),
        event.get("rawQueryString") or "",
        event.get("headers") or {},
        raw_body(event),
    )
    changes = method != "GET"
    return wiring.calling().by_signature(request, route.scope, changes=changes).machine


def path_of(event: dict[str, Any]) -> str:
    """The path after the base address, from the route and the variables of the path.

    API Gateway's `rawPath` has the stage, but not the path of a custom domain.
    """
    _, path = route_of(event)
    for name, value in (event.get("pathParameters") or {}).items():
        path = path.replace(f"{{{name}}}", quote(value, safe="-._~"))
    return path
