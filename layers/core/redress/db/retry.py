"""Retries of DynamoDB calls, and the meaning of a failed transaction for any client.

DynamoDB cancels a transaction with one reason per item. A failed condition is an answer about the
data and is raised as ConditionFailed. A TransactionConflict only means that another writer used the
item at the same instant. It is retried here and never reported as a version conflict.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotocoreConnectionError

from redress.base.errors import Unavailable

ATTEMPTS = 8
PATIENCE_S = 5.0
"""No retry begins after this many seconds, so that the caller gets an answer before it gives up."""
_TRANSIENT = {
    "TransactionConflict",
    "TransactionConflictException",
    "TransactionInProgressException",
    "ThrottlingError",
    "ThrottlingException",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "InternalServerError",
    "ServiceUnavailable",
}


_LOST = (HTTPClientError, BotocoreConnectionError, ConnectionError, TimeoutError)
"""Errors that mean that no answer arrived. Other botocore errors (a wrong parameter, missing
credentials) are faults of this code or its deployment and are not retried."""


class ConditionFailed(Exception):
    """One or more conditions of a write did not hold. `names` lists them.

    `items` maps names to the stored items that failed the condition, in DynamoDB's JSON, if the
    write asked DynamoDB to return them.
    """

    def __init__(self, names: frozenset[str], items: Mapping[str, Any] | None = None) -> None:
        super().__init__(", ".join(sorted(names)))
        self.names, self.items = names, items or {}


def client_error(error: BaseException) -> ClientError | None:
    """Return the innermost botocore ClientError among an exception and its causes, if any.

    PynamoDB's exceptions keep neither the cancellation reasons nor the HTTP status. Only the
    botocore error from which they were raised has them.
    """
    seen: BaseException | None = error
    found: ClientError | None = None
    while seen is not None:
        if isinstance(seen, ClientError):
            found = seen
        seen = getattr(seen, "cause", None) or seen.__cause__
    return found


def request_token() -> str:
    """Return a new token that identifies one transaction in all its tries.

    A try may be written although its answer was lost. For ten minutes DynamoDB accepts a repeat
    with the same token and writes nothing. So a retry never mistakes its own earlier write for that
    of another writer.
    """
    return secrets.token_hex(16)


def call(
    request: Callable[[], Any],
    names: Sequence[str] = (),
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Any:
    """Run one store call, with retries.

    `names` names the conditions, in the order of the transaction's items. Raises ConditionFailed
    if any of them did not hold. Raises Unavailable if the call still fails after ATTEMPTS tries or
    PATIENCE_S seconds. Waits before retries have full jitter and a limit that starts at 0.025 s
    and doubles. Any other error is a programming or deployment error and is raised unchanged.
    """
    began = clock()
    for attempt in range(ATTEMPTS):
        try:
            return request()
        except Exception as error:
            _raise_unless_transient(error, names)
            if attempt == ATTEMPTS - 1 or clock() - began > PATIENCE_S:
                raise Unavailable() from error
            sleep(random.uniform(0, 0.025 * 2**attempt))
    raise AssertionError("unreachable")


def _raise_unless_transient(error: Exception, names: Sequence[str]) -> None:
    """Return if the call may be tried again. Otherwise raise ConditionFailed or the error."""
    cause = client_error(error)
    if cause is None:
        if _lost_connection(error):
            return
        raise error
    code = cause.response.get("Error", {}).get("Code", "")
    if code == "TransactionCanceledException":
        reasons = [reason or {} for reason in cause.response.get("CancellationReasons", [])]
        lost = {
            name: reason.get("Item")
            for name, reason in zip(names, reasons, strict=False)
            if reason.get("Code") == "ConditionalCheckFailed"
        }
        if lost:
            found = {name: item for name, item in lost.items() if item}
            raise ConditionFailed(frozenset(lost), found) from error
        if any(reason.get("Code") in _TRANSIENT for reason in reasons):
            return
        raise error
    if code == "ConditionalCheckFailedException":
        raise ConditionFailed(frozenset(names)) from error
    status = cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _TRANSIENT or status >= 500:
        return
    raise error


def _lost_connection(error: Exception) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, _LOST):
            return True
        seen = getattr(seen, "cause", None) or seen.__cause__
    return False
