"""Convert errors to HTTP statuses and to the body of an error response (RFC 9457)."""

from __future__ import annotations

from typing import Any

import msgspec

from redress.base import errors, instants

CONTENT_TYPE = "application/problem+json"


class Problem(msgspec.Struct, frozen=True):
    """The content of an error response. It shows nothing about the inside of the system.

    `faults` has an entry for every wrong field, for every act of a macro that was refused, or
    for every unchecked ticket of a list, or for every task that is not
    done and every remedy that is not decided.
    `conflicts` has an entry for every event with which a change of a ticket conflicts.
    `reason` says why a mail cannot be released, or a file cannot be opened. `can` says what the
    caller may do with the ticket instead.
    """

    status: int
    type: str
    title: str
    detail: str
    faults: tuple[errors.Fault, ...] = ()
    current_version: int | None = None
    conflicts: tuple[errors.Conflict, ...] = ()
    reason: str | None = None
    can: tuple[str, ...] | None = None
    headers: dict[str, str] = {}  # msgspec makes a new dict for each instance


_TABLE: tuple[tuple[type[errors.RedressError], int, str, str], ...] = (
    (errors.InvalidInput, 422, "invalid-input", "Some fields are not right"),
    (errors.KeyReused, 409, "key-reused", "This key was used for another submission"),
    (errors.MemberChanged, 409, "version-conflict", "The member was changed meanwhile"),
    (errors.RevisionConflict, 409, "version-conflict", "The profile was changed meanwhile"),
    (errors.ConnectorChanged, 409, "version-conflict", "The connector was changed meanwhile"),
    (errors.TaskChanged, 409, "version-conflict", "The task was changed meanwhile"),
    (errors.InspectionChanged, 409, "version-conflict", "The entry was changed meanwhile"),
    (errors.OtherTicketChanged, 409, "version-conflict", "The other ticket was changed meanwhile"),
    (errors.IncidentChanged, 409, "version-conflict", "The incident was changed meanwhile"),
    (errors.VersionConflict, 409, "version-conflict", "The ticket was changed meanwhile"),
    (errors.MacroRefused, 409, "macro-refused", "Nothing of the macro was done"),
    (errors.NotComplete, 409, "not-complete", "Some tickets of the list are unchecked"),
    (errors.AlreadyDone, 409, "already-done", "This was done before"),
    (errors.TasksOpen, 409, "tasks-open", "Something must be done before"),
    (
        errors.ChecklistOpen,
        409,
        "checklist-open",
        "Required items of the checklist are not settled",
    ),
    (errors.NotMergeable, 409, "not-mergeable", "These tickets cannot be merged"),
    (errors.NotSplittable, 409, "not-splittable", "Nothing of this ticket can be split off"),
    (errors.NotUndone, 409, "not-undone", "This cannot be undone any more"),
    (errors.NotAllowedNow, 409, "not-allowed-now", "This is not possible in the present state"),
    (errors.NotReleasable, 409, "not-releasable", "This mail cannot be released"),
    (errors.FileNotOpen, 409, "file-not-open", "This file cannot be opened now"),
    (errors.ProfileMerged, 409, "profile-merged", "This profile was merged into another one"),
    (errors.IdentityNeeded, 409, "identity-needed", "Verify who the customer is first"),
    (errors.AgentNotFree, 409, "agent-not-free", "The agent is away or has no room"),
    (errors.NotFound, 404, "not-found", "There is nothing here"),
    (errors.LinkExpired, 410, "link-expired", "This link has expired"),
    (errors.CursorExpired, 410, "cursor-expired", "Changes after this cursor are missing"),
    (errors.SwitchedOff, 409, "switched-off", "This part of the product is off"),
    (errors.Forbidden, 403, "forbidden", "You may not do this"),
    (errors.SignatureMissing, 401, "signature-missing", "The signature is missing or malformed"),
    (errors.SignatureExpired, 401, "signature-expired", "The signature is too old, or too new"),
    (errors.SignatureRepeated, 401, "signature-repeated", "This signature has come before"),
    (errors.NotAuthentic, 401, "signature-wrong", "The signature does not fit"),
    (errors.Unreadable, 500, "unreadable", "Stored data cannot be read"),
    (errors.Unavailable, 503, "unavailable", "Please try again shortly"),
)


_WITH_FAULTS = (
    errors.InvalidInput,
    errors.MacroRefused,
    errors.NotComplete,
    errors.TasksOpen,
    errors.ChecklistOpen,
    errors.NotMergeable,
    errors.NotSplittable,
    errors.NotUndone,
)
_WITH_REASON = (errors.NotReleasable, errors.FileNotOpen)


def problem_for(error: Exception) -> Problem:
    """The problem for a domain error.

    An error of AWS that says that a call may succeed later gives a 503. Any other error gives a 500
    that does not name its cause.
    """
    if not isinstance(error, errors.RedressError):
        # Imported late: it loads botocore, which a request without an error may not need.
        from redress.db import retry

        if retry.is_outage(error):
            error = errors.Unavailable()
    for kind, status, name, title in _TABLE:
        if isinstance(error, kind):
            headers = {}
            if isinstance(error, errors.Unavailable):
                headers["Retry-After"] = str(error.retry_after_s)
            if isinstance(error, errors.NotAuthentic):
                headers["WWW-Authenticate"] = "Signature"
            return Problem(
                status=status,
                type=f"urn:redress:problem:{name}",
                title=title,
                detail=str(error),
                faults=tuple(error.faults) if isinstance(error, _WITH_FAULTS) else (),
                current_version=(
                    error.current if isinstance(error, errors.VersionConflict) else None
                ),
                conflicts=(
                    tuple(error.conflicts) if isinstance(error, errors.VersionConflict) else ()
                ),
                reason=error.reason if isinstance(error, _WITH_REASON) else None,
                can=None if error.can is None else tuple(error.can),
                headers=headers,
            )
    return Problem(500, "urn:redress:problem:internal", "Something went wrong", "please try again")


def plain(status: int, name: str, title: str, detail: str, **headers: str) -> Problem:
    """The problem for a faulty HTTP request: it is not JSON, it is too large, no route fits.

    `headers` are headers of the answer; a name such as `Allow` has no dash.
    """
    return Problem(status, f"urn:redress:problem:{name}", title, detail, headers=headers)


def to_json(problem: Problem) -> dict[str, Any]:
    """The body of an error response, in the form of application/problem+json."""
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
    if problem.conflicts:
        body["conflicts"] = [
            {
                "event": one.number,
                "type": one.type,
                "at": instants.written(one.at),
                "by": {"role": one.role, "id": one.id},
            }
            for one in problem.conflicts
        ]
    if problem.reason is not None:
        body["reason"] = problem.reason
    if problem.can is not None:
        body["can"] = list(problem.can)
    return body
