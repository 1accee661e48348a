"""What a failed transaction means, whichever client ran it.

DynamoDB cancels a transaction with one reason per item. A lost condition is an answer about the
data; a TransactionConflict is only another writer at the same instant, and is tried again here,
never shown to anybody as a conflict of versions.
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
"""No new try after this time: whoever waits is told so while they still listen."""
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
"""No answer came. Other errors of botocore (a wrong parameter, no credentials) are ours."""


class ConditionFailed(Exception):
    """One or more conditions of a transaction did not hold; `names` says which.

    `items`: those that were there instead, in DynamoDB's notation, where the write asked for them.
    """

    def __init__(self, names: frozenset[str], items: Mapping[str, Any] | None = None) -> None:
        super().__init__(", ".join(sorted(names)))
        self.names, self.items = names, items or {}


def client_error(error: BaseException) -> ClientError | None:
    """The botocore error behind an exception of any wrapper, the innermost one.

    PynamoDB's own ClientError keeps neither the cancellation reasons nor the status; only the
    botocore error that it was raised from has them.
    """
    seen: BaseException | None = error
    found: ClientError | None = None
    while seen is not None:
        if isinstance(seen, ClientError):
            found = seen
        seen = getattr(seen, "cause", None) or seen.__cause__
    return found


def request_token() -> str:
    """Names one transaction through all its tries.

    A try whose answer was lost may have been written. DynamoDB answers a repeat of the same token
    (for ten minutes) with yes and writes nothing, so no try finds its own work as another's.
    """
    return secrets.token_hex(16)


def call(
    request: Callable[[], Any],
    names: Sequence[str] = (),
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Any:
    """Run one store call to its end.

    `names` are the conditions in the order of the transaction's items. Raises ConditionFailed
    when any did not hold, Unavailable when the store did not take it after ATTEMPTS tries with
    full jitter (0.025 s doubling) or PATIENCE_S seconds. Anything else is a fault of ours and
    passes through.
    """
    began = clock()
    for attempt in range(ATTEMPTS):
        try:
            return request()
        except Exception as error:
            _judge(error, names)
            if attempt == ATTEMPTS - 1 or clock() - began > PATIENCE_S:
                raise Unavailable() from error
            sleep(random.uniform(0, 0.025 * 2**attempt))
    raise AssertionError("unreachable")


def _judge(error: Exception, names: Sequence[str]) -> None:
    """Return when the call may be tried again; raise what it means otherwise."""
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
