"""Tests that logged errors name their type, causes and place, and never contain personal data."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from redress.base import observe
from redress.base.errors import Unavailable
from redress.base.observe import Failed, discreet, fault_of
from redress.wiring import clients
from tests.world import Context


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    try:
        raise error from cause
    except type(error) as found:
        return found


def test_fault_of_names_the_error_its_causes_and_the_aws_error_code() -> None:
    throttled = ClientError({"Error": {"Code": "ThrottlingException", "Message": "li@a"}}, "Get")
    found = fault_of(raised(Unavailable(), throttled))
    assert found["fault"] == "Unavailable < ClientError ThrottlingException"
    assert found["where"][-1].endswith(" raised")
    assert "li@a" not in str(found)


def test_discreet_replaces_an_unexpected_error_by_one_without_its_message(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @discreet(logging.getLogger("discreet"))
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        raise ValueError("the words of li@example.org")

    with pytest.raises(Failed, match=r"^ValueError$") as found:
        handler({}, None)
    assert found.value.__cause__ is None
    assert found.value.__suppress_context__
    assert "li@example.org" not in caplog.text


def test_discreet_raises_domain_errors_unchanged() -> None:
    """State machines retry by their names."""

    @discreet(logging.getLogger("discreet"))
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        raise Unavailable("the store did not answer")

    with pytest.raises(Unavailable, match="the store did not answer"):
        handler({}, None)


def test_a_refreshed_setting_keeps_its_value_when_reading_it_again_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moments = iter(
        [0.0, 1.0, clients.REFRESH_S + 1, clients.REFRESH_S + 2, 2 * clients.REFRESH_S + 2]
    )
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    answers: list[str | Exception] = ["first", _refused(), "third"]

    def read() -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    get = clients.refreshed(read)
    assert [get() for _ in range(5)] == ["first", "first", "first", "first", "third"]


def test_a_setting_that_could_never_be_read_raises_unavailable() -> None:
    def read() -> str:
        raise _refused()

    with pytest.raises(Unavailable):
        clients.refreshed(read)()


def _refused() -> ClientError:
    return ClientError({"Error": {"Code": "ThrottlingException"}}, "GetParameter")


def test_lines_leave_out_what_the_log_group_and_lambda_say(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1")
    logger = observe.logger("lines")

    @logger.inject_lambda_context
    def handler(event: dict[str, Any], context: Context) -> None:
        logger.info("answered", extra={"status": 200})

    handler({}, Context())
    line = json.loads(capsys.readouterr().out)
    assert not line.keys() & observe.SAID_ELSEWHERE
    assert (line["message"], line["service"], line["status"]) == ("answered", "lines", 200)
    assert line["function_request_id"] == Context().aws_request_id
