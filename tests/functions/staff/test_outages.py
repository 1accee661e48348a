"""Services of AWS that refuse a call or do not answer: 503 on each route, and no orphaned job."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from redress.db.rows import Models
from redress.rehearsals.cases import NOT_STARTED
from redress.rehearsals.store import JobState, RehearsalStore
from redress.wiring import clients
from redress.wiring import stores as wired_stores
from tests.builders import Clock
from tests.functions.conftest import ENVIRONMENT
from tests.functions.staff.api import Api, Reply, hold_mail
from tests.wired import TABLE, set_environment
from tests.world import Context, aws, load

pytestmark = pytest.mark.usefixtures("scores_machine", "at_once")

ADDRESS = "https://aws.example"


def with_status(status: int) -> ClientError:
    """An error that only its HTTP status describes."""
    response: Any = {
        "Error": {"Code": "Strange"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "Any")


OUTAGES: dict[str, Exception] = {
    "throttled": ClientError({"Error": {"Code": "ThrottlingException"}}, "Any"),
    "too many": ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Any"),
    "limit": ClientError({"Error": {"Code": "ExecutionLimitExceeded"}}, "Any"),
    "slow down": ClientError({"Error": {"Code": "SlowDown"}}, "Any"),
    "500": with_status(500),
    "429": with_status(429),
    "no right yet": ClientError({"Error": {"Code": "AccessDeniedException"}}, "Any"),
    "refused": EndpointConnectionError(endpoint_url=ADDRESS),
    "no connection": ConnectTimeoutError(endpoint_url=ADDRESS),
    "no answer": ReadTimeoutError(endpoint_url=ADDRESS),
}


Break = Callable[..., None]


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Break:
    """Lets an operation of a service fail. If `after`, the service does what it was asked first."""

    def fail(service: str, operation: str, error: Exception, *, after: bool = False) -> None:
        retries = {} if service == "s3" else {"retries": 0}
        client = clients.client(service, **retries)
        work = getattr(client, operation)

        def failing(*given: Any, **named: Any) -> Any:
            if after:
                work(*given, **named)
            raise error

        monkeypatch.setattr(client, operation, failing)

    return fail


def unavailable(found: Reply) -> None:
    assert (found.status, found.body["type"]) == (503, "urn:redress:problem:unavailable")
    assert int(found.headers["Retry-After"]) >= 1


def executions(machine: str) -> set[str]:
    arn = ENVIRONMENT[f"{machine}_MACHINE_ARN"]
    return {
        one["name"]
        for one in aws("stepfunctions").list_executions(stateMachineArn=arn)["executions"]
    }


STARTS = {
    "scorecards-run": {"period": "2026-11"},
    "rehearsal-begin": {},
    "plan-moves": {"version": "1"},
}


@pytest.mark.parametrize("outage", OUTAGES)
@pytest.mark.parametrize("name", STARTS)
def test_start_that_step_functions_refuses_is_unavailable(
    api: Api, broken: Break, name: str, outage: str
) -> None:
    broken("stepfunctions", "start_execution", OUTAGES[outage])
    unavailable(api(name, "wei", headers={"Idempotency-Key": ""}, **STARTS[name]))


@pytest.mark.parametrize("outage", OUTAGES)
def test_release_that_the_queue_refuses_is_unavailable_and_is_no_longer_requested(
    api: Api, broken: Break, clock: Clock, monkeypatch: pytest.MonkeyPatch, outage: str
) -> None:
    url = aws("sqs").create_queue(QueueName="redress-inbound")["QueueUrl"]
    set_environment(monkeypatch, INBOUND_QUEUE_URL=url)
    record = hold_mail(1, clock)
    with monkeypatch.context() as patched:
        client = clients.client("sqs", retries=0)

        def refuse(**_: Any) -> None:
            raise OUTAGES[outage]

        patched.setattr(client, "send_message", refuse)
        unavailable(api("held-mail-release", "lin", id=record.identity))
    assert api("held-mail", "lin", id=record.identity).body["requested"] is None
    assert api("held-mail-release", "lin", id=record.identity).status == 202
    again = api("held-mail-release", "lin", id=record.identity)
    assert (again.status, again.body["reason"]) == (409, "requested")


@pytest.mark.parametrize("outage", ["throttled", "refused"])
def test_links_of_mails_are_unavailable_if_s3_is(
    api: Api, broken: Break, clock: Clock, outage: str
) -> None:
    record = hold_mail(1, clock)
    broken("s3", "generate_presigned_url", OUTAGES[outage])
    unavailable(api("held-mail", "lin", id=record.identity))


# ------------------------------------------------------------------------------ no orphaned jobs

JOBS = {"rehearsal-begin": {}, "plan-moves": {"version": "1"}}


def jobs(models: Models) -> dict[str, RehearsalStore]:
    """The store, by the id of each stored job."""
    found = aws("dynamodb").scan(TableName=TABLE)["Items"]
    store = RehearsalStore(models)
    return {
        item["pk"]["S"].removeprefix("REHEARSAL#"): store
        for item in found
        if item["sk"]["S"] == "JOB"
    }


@pytest.mark.parametrize("name", JOBS)
@pytest.mark.parametrize("outage", ["throttled", "no answer"])
def test_job_with_a_key_is_started_by_a_repeated_request(
    api: Api, monkeypatch: pytest.MonkeyPatch, name: str, outage: str
) -> None:
    headers = {"Idempotency-Key": "once"}
    with monkeypatch.context() as patched:
        client = clients.client("stepfunctions", retries=0)

        def refuse(**_: Any) -> None:
            raise OUTAGES[outage]

        patched.setattr(client, "start_execution", refuse)
        unavailable(api(name, "wei", headers=headers, **JOBS[name]))
    [(job, store)] = jobs(wired_stores.models()).items()
    assert store.job(job)[1].state is JobState.WAITING
    again = api(name, "wei", headers=headers, **JOBS[name])
    assert (again.status, again.body["id"]) == (202, job)
    assert executions("REHEARSAL") == {job}
    third = api(name, "wei", headers=headers, **JOBS[name])
    assert (third.status, third.body["id"]) == (202, job)
    assert executions("REHEARSAL") == {job}


@pytest.mark.parametrize("name", JOBS)
def test_job_with_a_key_that_started_without_an_answer_is_not_started_twice(
    api: Api, broken: Break, name: str
) -> None:
    headers = {"Idempotency-Key": "once"}
    broken("stepfunctions", "start_execution", OUTAGES["no answer"], after=True)
    unavailable(api(name, "wei", headers=headers, **JOBS[name]))
    [(job, store)] = jobs(wired_stores.models()).items()
    store.listed(job, 0, 0, clients.now())  # the first task of the execution
    again = api(name, "wei", headers=headers, **JOBS[name])
    assert (again.status, again.body["id"]) == (202, job)
    assert executions("REHEARSAL") == {job}


@pytest.mark.parametrize("name", JOBS)
@pytest.mark.parametrize("after", [False, True])
def test_job_without_a_key_that_was_not_seen_to_start_is_failed_and_does_nothing(
    api: Api, broken: Break, name: str, after: bool
) -> None:
    broken("stepfunctions", "start_execution", OUTAGES["no answer"], after=after)
    unavailable(api(name, "wei", headers={"Idempotency-Key": ""}, **JOBS[name]))
    [(job, _)] = jobs(wired_stores.models()).items()
    shown = api("rehearsal", "wei", id=job).body
    assert (shown["state"], shown["fault"]) == ("failed", NOT_STARTED)
    # If it has started nevertheless, its first task ends it.
    with pytest.raises(Exception, match="ValueError"):
        load("rehearsal").handler({"task": "list_parts", "job": job}, Context())
    assert api("rehearsal", "wei", id=job).body["state"] == "failed"


@pytest.mark.parametrize("name", JOBS)
def test_job_without_a_key_that_runs_already_is_answered_although_the_answer_was_lost(
    api: Api, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    client = clients.client("stepfunctions", retries=0)

    def start_and_lose_the_answer(**given: Any) -> None:
        job = json.loads(given["input"])["job"]
        RehearsalStore(wired_stores.models()).listed(job, 0, 0, clients.now())
        raise OUTAGES["no answer"]

    monkeypatch.setattr(client, "start_execution", start_and_lose_the_answer)
    found = api(name, "wei", headers={"Idempotency-Key": ""}, **JOBS[name])
    assert found.status == 202
    assert api("rehearsal", "wei", id=found.body["id"]).body["state"] == "running"


def test_mistake_in_a_call_is_still_an_internal_error(api: Api, broken: Break) -> None:
    mistake = ClientError({"Error": {"Code": "ValidationException"}}, "StartExecution")
    broken("stepfunctions", "start_execution", mistake)
    assert api("scorecards-run", "wei", period="2026-11").status == 500
