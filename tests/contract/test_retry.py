"""Contract of retries: a failed condition, a busy store and a programming error differ."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ParamValidationError
from pynamodb.exceptions import TransactWriteError, UpdateError

from redress.base.errors import Unavailable
from redress.db import retry
from redress.db.retry import ConditionFailed


def client_error(code: str, *reasons: str, status: int = 400) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": ""},
        "ResponseMetadata": {"HTTPStatusCode": status},
        "CancellationReasons": [{"Code": reason} for reason in reasons],
    }
    return ClientError(response, "TransactWriteItems")


def cancelled(*reasons: str) -> ClientError:
    return client_error("TransactionCanceledException", *reasons)


class Calls:
    """A call that fails with the given errors in turn, then succeeds.

    Each call takes `seconds` of simulated time.
    """

    def __init__(self, *faults: BaseException, seconds: float = 0.0) -> None:
        self.faults, self.seconds = list(faults), seconds
        self.count, self.slept, self.moment = 0, list[float](), 0.0

    def __call__(self) -> str:
        self.count += 1
        self.moment += self.seconds
        if self.faults:
            raise self.faults.pop(0)
        return "done"

    def run(self, *names: str) -> Any:
        return retry.call(self, names, sleep=self.slept.append, clock=lambda: self.moment)


def test_no_attempt_begins_after_the_time_that_within_allows() -> None:
    first, later = Calls(client_error("ThrottlingException")), Calls()
    with retry.within(-0.1), pytest.raises(Unavailable):
        later.run()
    assert later.count == 0
    with retry.within(60):
        assert first.run() == "done"
        assert 0 < retry.time_left() <= 60
    assert first.count == 2
    assert retry.time_left() == math.inf


def test_a_failing_call_is_not_retried_when_its_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = Calls(client_error("ThrottlingException"), seconds=0.06)
    monkeypatch.setattr(retry, "time", SimpleNamespace(monotonic=lambda: calls.moment))
    with retry.within(0.05), pytest.raises(Unavailable):
        calls.run()
    assert calls.count == 1


def test_a_successful_call_is_made_once() -> None:
    calls = Calls()
    assert (calls.run(), calls.count, calls.slept) == ("done", 1, [])


TRANSIENT = [
    cancelled("None", "TransactionConflict"),
    cancelled("ThrottlingError", "None"),
    cancelled("ProvisionedThroughputExceeded", "None"),
    client_error("TransactionConflictException"),
    client_error("TransactionInProgressException"),
    client_error("ProvisionedThroughputExceededException"),
    client_error("ThrottlingException"),
    client_error("RequestLimitExceeded"),
    client_error("InternalServerError", status=500),
    client_error("", status=502),
    client_error("SomethingNew", status=503),
    ConnectionResetError(),
    TimeoutError(),
]


@pytest.mark.parametrize("error", TRANSIENT, ids=repr)
def test_transient_errors_are_retried_after_growing_pauses(error: BaseException) -> None:
    calls = Calls(*[error] * (retry.ATTEMPTS - 1))
    assert calls.run("a", "b") == "done"
    assert calls.count == retry.ATTEMPTS
    assert all(0 <= slept <= 0.025 * 2**n for n, slept in enumerate(calls.slept))


@pytest.mark.parametrize("error", TRANSIENT, ids=repr)
def test_transient_errors_without_end_are_unavailable(error: BaseException) -> None:
    calls = Calls(*[error] * 99)
    with pytest.raises(Unavailable) as refused:
        calls.run("a", "b")
    assert calls.count == retry.ATTEMPTS
    assert refused.value.__cause__ is error


def test_retries_stop_when_patience_is_over() -> None:
    calls = Calls(*[TimeoutError()] * 99, seconds=3)
    with pytest.raises(Unavailable):
        calls.run()
    assert calls.moment <= retry.PATIENCE_S + 3


@pytest.mark.parametrize(
    ("reasons", "lost"),
    [
        (["ConditionalCheckFailed", "None", "None"], {"a"}),
        (["None", "ConditionalCheckFailed", "None"], {"b"}),
        (["ConditionalCheckFailed", "None", "ConditionalCheckFailed"], {"a", "c"}),
        (["TransactionConflict", "ConditionalCheckFailed", "None"], {"b"}),
    ],
)
def test_a_failed_condition_is_reported_by_its_name_without_retry(
    reasons: list[str], lost: set[str]
) -> None:
    calls = Calls(cancelled(*reasons))
    with pytest.raises(ConditionFailed) as failed:
        calls.run("a", "b", "c")
    assert failed.value.names == lost
    assert calls.count == 1


def test_a_failed_condition_returns_the_existing_item() -> None:
    error = cancelled("ConditionalCheckFailed", "None", "ConditionalCheckFailed")
    there: Any = {"pk": {"S": "KEY#1"}}
    error.response["CancellationReasons"][0]["Item"] = there
    with pytest.raises(ConditionFailed) as failed:
        Calls(error).run("a", "b", "c")
    assert failed.value.items == {"a": there}


def test_the_failed_condition_of_a_single_write_has_its_name() -> None:
    with pytest.raises(ConditionFailed) as failed:
        Calls(client_error("ConditionalCheckFailedException")).run("claim")
    assert failed.value.names == {"claim"}


@pytest.mark.parametrize(
    "error",
    [
        client_error("AccessDeniedException"),
        client_error("ValidationException"),
        client_error("ResourceNotFoundException"),
        cancelled("ValidationError", "None"),
        cancelled("ItemCollectionSizeLimitExceeded", "None"),
        ParamValidationError(report="a bad parameter"),
        NoCredentialsError(),
        KeyError("a bug"),
    ],
    ids=repr,
)
def test_programming_and_permission_errors_are_not_retried(error: BaseException) -> None:
    calls = Calls(error)
    with pytest.raises(type(error)):
        calls.run("a", "b")
    assert calls.count == 1


@pytest.mark.parametrize(
    "wrap",
    [
        lambda error: TransactWriteError("Failed", error),
        lambda error: UpdateError("Failed", error),
        lambda error: RuntimeError("no cause of its own"),
    ],
)
def test_a_botocore_error_is_found_behind_a_wrapping_error(
    wrap: Callable[[Exception], Exception],
) -> None:
    inner = cancelled("None", "ConditionalCheckFailed")
    outer = wrap(inner)
    outer.__cause__ = inner
    with pytest.raises(ConditionFailed) as failed:
        Calls(outer).run("a", "b")
    assert failed.value.names == {"b"}
