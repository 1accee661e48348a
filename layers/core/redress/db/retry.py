"""Retry calls to AWS, and find out why a transaction of DynamoDB failed.

If DynamoDB cancels a transaction, it returns one reason per item. A failed condition says something
about the stored data, so it is raised as ConditionFailed and not retried. A TransactionConflict
only means that another request used the item at the same instant. It is retried here and never
reported as a version conflict.
"""

from __future__ import annotations

import math
import random
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError, ParamValidationError
from botocore.exceptions import ConnectionError as BotocoreConnectionError

from redress.base.errors import Unavailable

ATTEMPTS = 8
PATIENCE_S = 5.0
"""A call that fails after more than this many seconds is not retried, so that the caller gets an
answer before its own timeout."""
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
    # Step Functions, Lambda, SQS, S3, Secrets Manager (the errors in their API references).
    "ExecutionLimitExceeded",
    "TooManyRequestsException",
    "RequestThrottled",
    "Throttling",
    "ThrottledException",
    "EC2ThrottledException",
    "SlowDown",
    "RequestTimeout",
    "InternalError",
    "InternalFailure",
    "InternalServiceError",
    "ServiceException",
    "ServiceUnavailableException",
}


_WRONG = frozenset(
    {"ValidationException", "ValidationError", "InvalidParameterValue", "InvalidInputException"}
    | {"InvalidExecutionInput", "InvalidMessageContents", "InvalidName", "InvalidRequestContent"}
)
"""Error codes of services for a request that fails however often it is repeated."""


_NO_ANSWER = (HTTPClientError, BotocoreConnectionError, ConnectionError, TimeoutError)
"""Errors that say that no answer arrived. Other botocore errors (a wrong parameter, missing
credentials) are mistakes in this code or its deployment and are not retried."""


class ConditionFailed(Exception):
    """One or more conditions of a write did not hold.

    `names` lists the items whose condition did not hold, by the names that the caller gave them.
    `items` maps such a name to the stored item in DynamoDB's JSON. It has only the items that the
    call asked DynamoDB to return.
    """

    def __init__(self, names: frozenset[str], items: Mapping[str, Any] | None = None) -> None:
        super().__init__(", ".join(sorted(names)))
        self.names, self.items = names, items or {}


def client_error(error: BaseException) -> ClientError | None:
    """Return the innermost botocore ClientError among an exception and its causes, if any.

    PynamoDB raises a ClientError of its own from botocore's error. The response in PynamoDB's error
    has neither the cancellation reasons nor the HTTP status. The response in botocore's error has
    both.
    """
    seen: BaseException | None = error
    found: ClientError | None = None
    while seen is not None:
        if isinstance(seen, ClientError):
            found = seen
        seen = getattr(seen, "cause", None) or seen.__cause__
    return found


_latest: ContextVar[float] = ContextVar("latest", default=math.inf)
"""When the last attempt of a call may begin, by the monotonic clock."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Begin no attempt of a call in this block later than `seconds` from now.

    A function whose own timeout is short uses it, so that its last attempt ends before the timeout.
    """
    token = _latest.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _latest.reset(token)


def time_left() -> float:
    """Return the seconds in which an attempt may still begin; infinity outside of `within`."""
    return _latest.get() - time.monotonic()


def request_token() -> str:
    """Return a new token for one transaction. All attempts must use the same token.

    DynamoDB may execute a transaction although its answer never arrives. If the same token comes
    again within ten minutes, DynamoDB reports success and writes nothing. Without the token, a
    retry would find its own earlier write and take it for the write of somebody else.
    """
    return secrets.token_hex(16)


def call(
    request: Callable[[], Any],
    names: Sequence[str] = (),
    *,
    always: bool = False,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Any:
    """Run a call to DynamoDB or another service, and retry it after transient errors.

    `names` holds one name per item of the transaction, in the same order. The wait before a retry
    is random (full jitter). It is at most 0.025 s before the first retry, and the maximum doubles
    each time.

    With `always`, the first attempt begins also if `within` allows none. A caller uses it to record
    something that has happened.

    Raises ConditionFailed with the names of the items whose condition did not hold. Raises
    Unavailable if the call still fails after ATTEMPTS attempts or PATIENCE_S seconds, or if
    `within` allows no further attempt. Any other error is a programming or deployment error and is
    raised unchanged.
    """
    if time_left() < 0 and not always:
        raise Unavailable()
    began = clock()
    for attempt in range(ATTEMPTS):
        try:
            return request()
        except Exception as error:
            _raise_unless_transient(error, names)
            over = clock() - began > PATIENCE_S or time_left() < 0
            if attempt == ATTEMPTS - 1 or over:
                raise Unavailable() from error
            sleep(random.uniform(0, 0.025 * 2**attempt))
    raise AssertionError("unreachable")


def _raise_unless_transient(error: Exception, names: Sequence[str]) -> None:
    """Return if the call should be retried. Otherwise raise ConditionFailed or the error itself."""
    cause = client_error(error)
    if cause is None:
        if got_no_answer(error):
            return
        raise error
    code = cause.response.get("Error", {}).get("Code", "")
    if code == "TransactionCanceledException":
        reasons = [reason or {} for reason in cause.response.get("CancellationReasons", [])]
        failed = {
            name: reason.get("Item")
            for name, reason in zip(names, reasons, strict=False)
            if reason.get("Code") == "ConditionalCheckFailed"
        }
        if failed:
            returned = {name: item for name, item in failed.items() if item}
            raise ConditionFailed(frozenset(failed), returned) from error
        if any(reason.get("Code") in _TRANSIENT for reason in reasons):
            return
        raise error
    if code == "ConditionalCheckFailedException":
        item = cause.response.get("Item")
        stored = dict.fromkeys(names, item) if item else {}
        raise ConditionFailed(frozenset(names), stored) from error
    if _is_transient(cause):
        return
    raise error


def _is_refused_for_its_time(error: ClientError) -> bool:
    """Whether AWS refused a request because the clock of this machine is off by minutes.

    Nothing was done. A client of `redress.db.aws_json` signs its next attempt with the time of AWS,
    which it learned from this answer. botocore's clients cannot
    (https://github.com/boto/boto3/issues/1252), so their calls end as Unavailable. A signature that
    is wrong for another reason has the same code and another message. S3 has a code of its own.
    """
    found = error.response.get("Error", {})
    code, message = found.get("Code"), found.get("Message") or ""
    if code in ("InvalidSignatureException", "SignatureDoesNotMatch"):
        return message.startswith(("Signature expired", "Signature not yet current"))
    return code == "RequestTimeTooSkewed"


def _is_transient(cause: ClientError) -> bool:
    code = cause.response.get("Error", {}).get("Code", "")
    status = cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return code in _TRANSIENT or status == 429 or status >= 500 or _is_refused_for_its_time(cause)


def is_outage(error: Exception) -> bool:
    """Whether an error says that a service of AWS refused a call that may succeed later.

    A missing right counts, too: new rights of a role take effect some seconds after a deployment
    (IAM User Guide, "Changes that I make are not always immediately visible").
    """
    cause = client_error(error)
    if cause is None:
        return got_no_answer(error)
    code = cause.response.get("Error", {}).get("Code", "")
    return _is_transient(cause) or code in ("AccessDenied", "AccessDeniedException")


def is_wrong_request(error: Exception) -> bool:
    """Whether a service of AWS, or its client, refuses this request however often it is sent."""
    if isinstance(error, ParamValidationError):
        return True
    cause = client_error(error)
    return cause is not None and cause.response.get("Error", {}).get("Code") in _WRONG


def got_no_answer(error: Exception) -> bool:
    """Whether a call ended without an answer: in time, or because the connection failed."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, _NO_ANSWER):
            return True
        seen = getattr(seen, "cause", None) or seen.__cause__
    return False
