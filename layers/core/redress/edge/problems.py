"""The table from errors to HTTP statuses, and the shape of every error (RFC 9457)."""

from __future__ import annotations

from typing import Any

import msgspec

from redress.base import errors

CONTENT_TYPE = "application/problem+json"


class Problem(msgspec.Struct, frozen=True):
    """A problem to answer with. `faults` name every wrong field. It contains no internals."""

    status: int
    type: str
    title: str
    detail: str
    faults: tuple[errors.Fault, ...] = ()
    current_version: int | None = None
    headers: dict[str, str] = {}  # msgspec makes a new one each time


_TABLE: tuple[tuple[type[errors.RedressError], int, str, str], ...] = (
    (errors.InvalidInput, 422, "invalid-input", "Some fields are not right"),
    (errors.KeyReused, 409, "key-reused", "This key was used for another submission"),
    (errors.VersionConflict, 409, "version-conflict", "The ticket was changed meanwhile"),
    (errors.NotAllowedNow, 409, "not-allowed-now", "This is not possible in the present state"),
    (errors.AgentNotFree, 409, "agent-not-free", "The agent is away or has no room"),
    (errors.NotFound, 404, "not-found", "There is nothing here"),
    (errors.Forbidden, 403, "forbidden", "You may not do this"),
    (errors.Unavailable, 503, "unavailable", "Please try again shortly"),
)


def problem_for(error: Exception) -> Problem:
    """The problem for a domain error. Any other error becomes a 500 without its cause."""
    for kind, status, name, title in _TABLE:
        if isinstance(error, kind):
            headers = {}
            if isinstance(error, errors.Unavailable):
                headers["Retry-After"] = str(error.retry_after_s)
            return Problem(
                status=status,
                type=f"urn:redress:problem:{name}",
                title=title,
                detail=str(error),
                faults=tuple(error.faults) if isinstance(error, errors.InvalidInput) else (),
                current_version=(
                    error.current if isinstance(error, errors.VersionConflict) else None
                ),
                headers=headers,
            )
    return Problem(500, "urn:redress:problem:internal", "Something went wrong", "please try again")


def plain(status: int, name: str, title: str, detail: str) -> Problem:
    """A problem of HTTP itself: not JSON, too large, no such route."""
    return Problem(status, f"urn:redress:problem:{name}", title, detail)


def to_json(problem: Problem) -> dict[str, Any]:
    """The body of application/problem+json."""
    body: dict[str, Any] = {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.faults:
        body["errors"] = [
            {"pointer": fault.pointer, "code": fault.code, "detail": fault.detail}
            for fault in problem.faults
        ]
    if problem.current_version is not None:
        body["current_version"] = problem.current_version
    return body
