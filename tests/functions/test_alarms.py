"""Each alarm of the template rings for its fault, and for nothing that a repeat has cured.

A test causes the fault and evaluates the template's alarms against the lines that the functions
write (`tests.alarming`). What only AWS counts (answers of the API, throttled calls, invocations) is
given as AWS documents it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bench.life import runs_a_month
from local.patches.worker import failure
from redress.base import observe
from redress.base.errors import Unreadable
from redress.db import keys
from redress.mail.outgoing.carriers import ACCOUNT_REFUSED
from redress.tickets.rules.ticket import Phase
from redress.wiring import clients
from redress.wiring import inbound as inbound_wiring
from redress.wiring import intake as intake_wiring
from redress.wiring import mailer as mailer_wiring
from redress.wiring import repair as repair_wiring
from redress.workflow.cases.repair import PATIENCE
from redress.workflow.stream import LATE
from tests.alarming import (
    API,
    FAILED_LINES,
    HEALTHY_LINES,
    REPAIR,
    Datum,
    alarms,
    embedded,
    filtered,
    matches,
    ringing,
)
from tests.builders import NUMBER, Clock, Life
from tests.functions.test_inbound import Post as Inbound
from tests.functions.test_inbound import mail, post
from tests.functions.test_relay_repair import (
    Call,
    Sample,
    Services,
    arm,
    call,
    opened,
    services,
)
from tests.streams import Stream
from tests.template.documents import of_type
from tests.wired import REGION, TABLE, set_environment
from tests.world import Context, Opener, Stores, aws

__all__ = ["call", "opened", "post", "services"]

MINUTE = timedelta(minutes=1)


class Watched:
    """The metrics that the test has caused so far, and which alarms ring because of them."""

    def __init__(self, capsys: pytest.CaptureFixture[str], clock: Clock) -> None:
        self._capsys, self._clock = capsys, clock
        self.data: list[Datum] = []
        self._lines: list[dict[str, Any]] = []
        self.last_sweep: datetime | None = None
        """None: the sweep runs all the time."""

    def collect(self) -> None:
        """Take what the functions have written since the last call, at the time of the clock."""
        written = [one for one in self._capsys.readouterr().out.splitlines() if '"_aws"' in one]
        self.data += embedded(written, self._clock.now())
        self._lines += [json.loads(one) for one in written]

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What the functions have reported, oldest first."""
        self.collect()
        return self._lines

    def ringing(self) -> set[str]:
        self.collect()
        now = self._clock.now()
        last = self.last_sweep or now
        sweeps = [
            Datum("AWS/Lambda", "Invocations", last - n * 5 * MINUTE, 1.0, OF_REPAIR)
            for n in range(6)
        ]
        return ringing([*self.data, *sweeps], now)

    def messages(self) -> list[str]:
        """What the findings say, without equal ones that follow each other."""
        return list(dict.fromkeys(one["message"] for one in self.lines))


OF_REPAIR = frozenset({("FunctionName", REPAIR)})
OF_API = frozenset({("ApiId", API)})


@pytest.fixture
def watched(capsys: pytest.CaptureFixture[str], clock: Clock) -> Watched:
    return Watched(capsys, clock)


def refusing(code: str) -> Callable[..., Any]:
    def refuse(**parameters: Any) -> Any:
        raise ClientError({"Error": {"Code": code, "Message": "li.na@example.com"}}, "Any")

    return refuse


# ------------------------------------------------------------------ nothing rings


def test_no_alarm_rings_during_a_healthy_life(
    call: Call,
    services: Services,
    watched: Watched,
    open_ticket: Opener,
    clock: Clock,
    staff: Any,
    sample: Sample,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call("repair", sample("repair-reconcile"))
    stream = Stream(TABLE, REGION)
    number = open_ticket(agent="a-mei").number
    clock.advance(seconds=1)
    records = stream.records()
    assert call("relay", {"Records": records}) == {"batchItemFailures": []}
    assert call("follower", {"Records": records}) == {"batchItemFailures": []}
    arm(Phase.ACKNOWLEDGEMENT, number=number)
    for _ in range(13):
        call("repair", sample("repair-sweep"))
        clock.advance(minutes=5)
    assert watched.messages() == []
    assert watched.ringing() == set()


# ------------------------------------------------------------------ the API and calls


def test_api_that_fails_three_requests_rings_and_one_that_fails_once_does_not(
    watched: Watched,
    services: Services,
    clock: Clock,
    sample: Sample,
    load_function: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """API Gateway counts an answer of a function with a status from 500 on as `5xx`."""
    intake = load_function("intake")

    def submit() -> None:
        answer = intake.handler(sample("intake-submit"), Context())
        if answer["statusCode"] >= 500:
            watched.data.append(Datum("AWS/ApiGateway", "5xx", clock.now(), 1.0, OF_API))

    submit()
    assert watched.ringing() == set()
    with monkeypatch.context() as patch:
        patch.setattr(intake_wiring.intake(), "submit", refusing("InternalServerError"))
        submit()
        assert watched.ringing() == set()
        clock.advance(minutes=5)
        submit()
        submit()
        assert watched.ringing() == {"ApiFailing"}
    clock.advance(minutes=16)
    assert watched.ringing() == set()


def test_filter_finds_each_failed_call_and_no_other_line(
    capsys: pytest.CaptureFixture[str], clock: Clock
) -> None:
    assert failure("Failed", observe.Failed("ValueError"), "13222b1e")
    raised = capsys.readouterr().out.strip()
    for line in (raised, *FAILED_LINES):
        assert [one.name for one in filtered([line], clock.now())] == ["FunctionsFailing"], line
    assert list(filtered(HEALTHY_LINES, clock.now())) == []


def raised_line(kind: str, error: BaseException) -> str:
    """The log line of the runtime for an unhandled exception."""
    return json.dumps({"level": "ERROR", "errorMessage": str(error), "errorType": kind})


def test_pattern_that_the_evaluator_does_not_know_is_refused() -> None:
    for other in ("ERROR", '?"a" "b"', "{ $.level = ERROR }", '{ len($.a = "b") }', ""):
        with pytest.raises(ValueError, match="not a pattern"):
            matches(other, "a b ERROR")


def test_five_failed_calls_ring_and_one_asynchronous_call_that_failed_three_times_does_not(
    watched: Watched, clock: Clock
) -> None:
    for _ in range(3):
        watched.data += filtered(FAILED_LINES[:1], clock.now())
        clock.advance(minutes=1)
    assert watched.ringing() == set()
    watched.data += filtered(FAILED_LINES[:1] * 2, clock.now())
    assert watched.ringing() == {"FunctionsFailing"}
    clock.advance(minutes=15)
    assert watched.ringing() == set()


def test_sweeps_that_fail_ring_after_the_second_one(
    call: Call,
    services: Services,
    opened: Life,
    watched: Watched,
    clock: Clock,
    staff: Any,
    sample: Sample,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only a sweep would count the letters of failed sweeps. Lambda tries each three times."""
    monkeypatch.setattr(clients.client("lambda"), "invoke", refusing("AccessDeniedException"))
    clock.advance(minutes=3)
    for _ in range(2):
        for _ in range(3):
            with pytest.raises(observe.Failed) as raised:
                call("repair", sample("repair-sweep"))
            watched.data += filtered([raised_line("Failed", raised.value)], clock.now())
            clock.advance(minutes=1)
        clock.advance(minutes=2)
    assert "FunctionsFailing" in watched.ringing()


def test_throttling_rings_if_it_lasts_for_three_of_five_minutes(
    watched: Watched, clock: Clock
) -> None:
    for minute in range(4):
        watched.data.append(Datum("AWS/Lambda", "Throttles", clock.now(), 8.0))
        assert watched.ringing() == ({"Throttled"} if minute >= 2 else set())
        clock.advance(minutes=1)
    clock.advance(minutes=3)
    assert watched.ringing() == set()


def test_throttles_of_one_function_are_another_metric(watched: Watched, clock: Clock) -> None:
    for _ in range(5):
        watched.data.append(Datum("AWS/Lambda", "Throttles", clock.now(), 8.0, OF_REPAIR))
        clock.advance(minutes=1)
    assert watched.ringing() == set()


def test_sweep_that_does_not_run_for_a_quarter_of_an_hour_rings(
    watched: Watched, clock: Clock
) -> None:
    [schedule] = [
        one["Properties"]["ScheduleExpression"]
        for one in of_type("AWS::Scheduler::Schedule").values()
        if one["Properties"]["Target"]["Input"] == '{"task": "sweep"}'
    ]
    assert runs_a_month(schedule) == 12 * 730, "as often as the data of the fixture"
    watched.last_sweep = clock.now()
    assert watched.ringing() == set()
    clock.advance(minutes=10)
    assert watched.ringing() == set()
    clock.advance(minutes=10)
    assert watched.ringing() == {"SweepMissing"}
    watched.last_sweep = clock.now()
    assert watched.ringing() == set()


# ------------------------------------------------------------------ dead letters


def test_record_that_a_reader_sets_aside_rings_at_once(
    call: Call, services: Services, watched: Watched, sample: Sample
) -> None:
    call("relay", sample("relay-poison"))
    call("follower", sample("follower-poison"))
    assert "a record was set aside" in watched.messages()
    assert {one["reader"] for one in watched.lines if "reader" in one} == {"relay", "follower"}
    assert "DeadLetters" in watched.ringing()


def test_letter_that_nobody_reported_rings_after_the_next_count_and_until_it_is_gone(
    call: Call,
    services: Services,
    watched: Watched,
    clock: Clock,
    sample: Sample,
    staff: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The sweep counts the dead letters once an hour, because each request to a queue is billed."""
    set_environment(monkeypatch, DEAD_LETTER_QUEUE_URLS=f"{services.mails},{services.dead}")
    aws("sqs").send_message(QueueUrl=services.dead, MessageBody="{}")
    counted = 0

    def sweep(hours: int) -> set[str]:
        """Run two of the twelve sweeps of each hour."""
        nonlocal counted
        for _ in range(hours):
            for minutes in (5, 55):
                before = len(watched.lines)
                call("repair", sample("repair-sweep"))
                counted += len(watched.lines) - before
                clock.advance(minutes=minutes)
        return watched.ringing()

    assert clock.now().minute == 0
    assert sweep(1) == {"DeadLetters"}
    assert counted == 1
    assert watched.lines[-1]["queues"] == {"dead-letters": 1}
    assert sweep(1) == {"DeadLetters"}
    services.dead_letters()
    assert sweep(1) == {"DeadLetters"}, "a letter that somebody works with still lies there"
    aws("sqs").purge_queue(QueueUrl=services.dead)
    assert sweep(2) == set()
    assert counted == 3


def test_incoming_mail_rings_at_its_last_attempt(
    post: Inbound, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.keep(mail(), "inbound/1")
    event = {"eventTime": "2026-11-23T01:00:00.123Z", "s3": {"object": {"key": "inbound/1"}}}
    monkeypatch.setattr(inbound_wiring, "receiving", refusing("ServiceUnavailable"))
    for tried in range(1, 6):
        assert post.send({"Records": [event]}, tried) == ["m"]
        assert watched.ringing() == set()
    assert post.send({"Records": [event]}, 6) == ["m"]
    assert watched.messages() == ["an incoming mail is set aside"]
    assert watched.ringing() == {"DeadLetters"}


# ------------------------------------------------------------------ workflows


def test_execution_that_failed_rings(
    call: Call, opened: Life, watched: Watched, sample: Sample, clock: Clock
) -> None:
    arm(Phase.ACKNOWLEDGEMENT)
    event = sample("repair-execution-ended")
    assert call("repair", event) == {"followed": True}
    assert watched.messages() == ["an execution failed and was replaced"]
    assert watched.lines[0]["execution"] == event["detail"]["name"]
    assert watched.ringing() == {"WorkflowsRepaired"}
    assert call("repair", event) == {"followed": False}
    clock.advance(minutes=16)
    assert watched.ringing() == set(), "the repeated event found nothing"


def test_rehearsal_whose_execution_failed_rings(
    call: Call, services: Services, watched: Watched, sample: Sample, monkeypatch: Any
) -> None:
    stopped = SimpleNamespace(stopped=lambda name, status: True)
    monkeypatch.setattr(repair_wiring, "rehearsal_jobs", lambda: stopped)
    assert call("repair", sample("repair-rehearsal-ended")) == {"failed": True}
    assert watched.messages() == ["a rehearsal or a move of tickets failed"]
    assert watched.ringing() == {"WorkflowsRepaired"}


def test_what_the_sweep_had_to_find_rings(
    call: Call, opened: Life, watched: Watched, sample: Sample, clock: Clock, staff: Any
) -> None:
    clock.moment += PATIENCE + timedelta(seconds=1)
    assert call("repair", sample("repair-sweep"))["started"] == 1
    assert watched.messages() == ["the sweep repaired workflows"]
    assert watched.ringing() == {"WorkflowsRepaired"}


class Mappings:
    """Event source mappings and their states, as Lambda answers for them."""

    def __init__(self, **states: str) -> None:
        self.states = states

    def __call__(self, **parameters: str) -> dict[str, str]:
        [mapping] = parameters.values()
        if mapping not in self.states:
            client = clients.client("lambda")
            refused = {"Error": {"Code": "ResourceNotFoundException"}}
            raise client.exceptions.ResourceNotFoundException(refused, "GetEventSourceMapping")
        return {"UUID": mapping, "State": self.states[mapping]}


@pytest.mark.parametrize(
    ("state", "rings"),
    [
        ("Enabled", False),
        ("Enabling", False),
        ("Updating", False),
        ("Disabled", True),
        ("Disabling", True),
        ("Deleting", True),
        (None, True),
    ],
)
def test_reader_that_is_switched_off_rings_although_it_has_no_age(
    call: Call,
    services: Services,
    watched: Watched,
    sample: Sample,
    clock: Clock,
    staff: Any,
    monkeypatch: pytest.MonkeyPatch,
    state: str | None,
    rings: bool,
) -> None:
    set_environment(monkeypatch, READER_MAPPINGS="relay-id,follower-id")
    states = {"relay-id": "Enabled"} | ({"follower-id": state} if state else {})
    monkeypatch.setattr(clients.client("lambda"), "get_event_source_mapping", Mappings(**states))
    for _ in range(6):
        call("repair", sample("repair-sweep"))
        assert watched.ringing() == ({"WorkflowsRepaired"} if rings else set())
        clock.advance(minutes=5)
    if rings:
        assert watched.lines[-1]["mappings"] == {"follower-id": state or "Deleted"}


def test_sweep_looks_at_the_readers_although_a_repair_failed(
    call: Call,
    services: Services,
    opened: Life,
    watched: Watched,
    sample: Sample,
    clock: Clock,
    staff: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_environment(monkeypatch, READER_MAPPINGS="relay-id")
    monkeypatch.setattr(clients.client("lambda"), "get_event_source_mapping", Mappings())
    monkeypatch.setattr(clients.client("lambda"), "invoke", refusing("ServiceException"))
    with pytest.raises(observe.Failed, match="ServiceException"):
        call("repair", sample("repair-sweep"))
    assert "a reader is switched off" in watched.messages()


@pytest.mark.parametrize("reader", ["relay", "follower"])
def test_change_that_is_read_late_rings_and_one_that_failed_once_does_not(
    call: Call, services: Services, watched: Watched, sample: Sample, clock: Clock, reader: str
) -> None:
    event = sample(f"{reader}-opened")
    for record in event["Records"]:
        record["dynamodb"]["ApproximateCreationDateTime"] = clock.now().timestamp()
    clock.advance(minutes=2)
    call(reader, event)
    assert watched.ringing() == set()
    clock.moment += LATE
    call(reader, event)
    assert watched.lines[-1]["reader"] == reader
    assert watched.lines[-1]["seconds_late"] == 300
    assert watched.ringing() == {"WorkflowsRepaired"}


def test_broken_ticket_of_the_reconciliation_rings_every_night(
    call: Call, services: Services, opened: Life, watched: Watched, sample: Sample, clock: Clock
) -> None:
    aws("dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": keys.ticket_pk(NUMBER)}, "sk": {"S": keys.TICKET}},
        UpdateExpression="SET doc = :damaged",
        ExpressionAttributeValues={":damaged": {"S": "{"}},
    )
    for _ in range(2):
        call("repair", sample("repair-reconcile"))
        assert "WorkflowsRepaired" in watched.ringing()
        found = [one for one in watched.lines if one["alarm"] == "WorkflowsRepaired"]
        assert found[-1]["found"]["broken"] == 1
        clock.advance(days=1)


def test_timer_that_was_rebuilt_rings(
    opened: Life, stores: Stores, watched: Watched, clock: Clock
) -> None:
    ticket = opened.last.after
    aws("dynamodb").delete_item(
        TableName=TABLE, Key={"pk": {"S": keys.ticket_pk(NUMBER)}, "sk": {"S": keys.TIMER}}
    )
    assert stores.timers.rebuild(ticket, None, clock.now())
    assert "a TIMER was rebuilt" in watched.messages()
    assert {"WorkflowsRepaired", "Unreadable"} == watched.ringing()


# ------------------------------------------------------------------ scores


@pytest.fixture
def run_ended(
    services: Services, call: Call, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Any]:
    monkeypatch.setattr(clients, "publish", lambda *message: None)
    aws("stepfunctions").create_state_machine(
        name="redress-scores",
        definition='{"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}',
        roleArn="arn:aws:iam::123456789012:role/any",
    )

    def end(name: str) -> Any:
        event = sample("repair-scoring-ended")
        event["detail"] |= {"name": name, "input": '{"period": "2026-10"}'}
        return call("repair", event)["again"]

    return end


def test_scoring_run_rings_only_when_it_is_not_started_again(
    run_ended: Callable[[str], Any], watched: Watched
) -> None:
    name = "2026-10-8c1f0a55d2e94b7a"
    for _ in range(2):
        name = run_ended(name)
        assert watched.ringing() == set()
    assert run_ended(name) is None
    assert watched.messages() == ["a scoring run failed and is not started again"]
    assert watched.ringing() == {"MonthFailed"}


@pytest.fixture
def nightly(
    call: Call, services: Services, watched: Watched, sample: Sample, clock: Clock, staff: Any
) -> Callable[[int], set[str]]:
    """Runs the reconciliation of the 20th, and then that of a day of the next month."""
    clock.moment = clock.moment.replace(day=20)
    call("repair", sample("repair-reconcile"))

    def run(day: int) -> set[str]:
        month = clock.moment.month % 12 + 1 if clock.moment.day == 20 else clock.moment.month
        clock.moment = clock.moment.replace(month=month, day=day)
        call("repair", sample("repair-reconcile"))
        return watched.ringing()

    return run


def test_month_that_no_run_scored_rings_from_the_third_day_on_until_it_is_scored(
    nightly: Callable[[int], set[str]],
    watched: Watched,
    load_function: Callable[[str], ModuleType],
    clock: Clock,
) -> None:
    assert nightly(2) == set()
    assert nightly(3) == {"MonthFailed"}
    assert watched.lines[-1]["period"] == "2026-11"
    assert nightly(4) == {"MonthFailed"}
    finish = {"task": "finish", "period": "2026-11", "preview": False, "plan_version": 1}
    scoring = load_function("scoring")
    failed = [{"agent": "a-mei", "outcome": "failed", "error": "Unreadable"}]
    scoring.handler(finish | {"results": failed}, Context())
    assert nightly(5) == {"MonthFailed"}, "an agent has no card"
    scoring.handler(finish | {"results": [{"agent": "a-mei", "outcome": "stored"}]}, Context())
    assert nightly(7) == set()


def test_month_before_the_stack_existed_does_not_ring(
    call: Call, services: Services, watched: Watched, sample: Sample, staff: Any
) -> None:
    """The first night of a stack that was deployed on the 23rd: nobody scored October."""
    call("repair", sample("repair-reconcile"))
    call("repair", sample("repair-reconcile"))
    assert watched.ringing() == set()


# ------------------------------------------------------------------ mail


@pytest.fixture
def refused_by_ses(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str | None], None]:
    def refuse(code: str | None) -> None:
        answer = refusing(code) if code else lambda **_: {"MessageId": "m-1"}
        monkeypatch.setattr(mailer_wiring.ses(), "send_email", answer)

    set_environment(monkeypatch, MAIL_DEAD_LETTER_QUEUE_URL=services.dead, CALL_TIMEOUT_S="1.5")
    monkeypatch.setattr(mailer_wiring.sqs(), "change_message_visibility", lambda **_: {})
    return refuse


def job(sample: Sample, clock: Clock, number: str, waited: timedelta) -> dict[str, Any]:
    event = sample("mailer-acknowledgement")
    [record] = event["Records"]
    record["body"] = record["body"].replace("R-7K3M9-QW0X2", number)
    record["attributes"]["SentTimestamp"] = str(round((clock.now() - waited).timestamp() * 1000))
    return event


@pytest.mark.parametrize("code", sorted(ACCOUNT_REFUSED))
def test_ses_that_refuses_all_mail_of_the_account_rings_at_once(
    call: Call,
    watched: Watched,
    open_ticket: Opener,
    sample: Sample,
    clock: Clock,
    refused_by_ses: Callable[[str | None], None],
    code: str,
) -> None:
    refused_by_ses(code)
    number = open_ticket().number
    assert call("mailer", job(sample, clock, number, timedelta(0)))["batchItemFailures"]
    assert watched.ringing() == {"MailNotSent"}
    line = watched.lines[-1]
    assert (line["ticket"], line["fault"]) == (number, code)
    assert "li.na@example.com" not in json.dumps(watched.lines)


def test_mail_that_waits_rings_after_five_minutes_and_until_it_is_sent(
    call: Call,
    watched: Watched,
    open_ticket: Opener,
    sample: Sample,
    clock: Clock,
    refused_by_ses: Callable[[str | None], None],
) -> None:
    refused_by_ses("ThrottlingException")
    number, began = open_ticket().number, clock.now()

    def attempt() -> Any:
        event = job(sample, clock, number, clock.now() - began)
        return call("mailer", event)["batchItemFailures"]

    assert attempt()
    clock.advance(minutes=4)
    assert attempt()
    assert watched.ringing() == set()
    for _ in range(3):
        clock.advance(minutes=15)
        assert attempt()
        assert watched.ringing() == {"MailNotSent"}
    assert watched.lines[-1]["seconds_waited"] == 49 * 60
    refused_by_ses(None)
    assert attempt() == []
    clock.advance(minutes=31)
    assert watched.ringing() == set()


def test_mail_that_waits_because_of_a_fault_of_ours_rings_after_five_minutes(
    call: Call,
    watched: Watched,
    open_ticket: Opener,
    sample: Sample,
    clock: Clock,
    refused_by_ses: Callable[[str | None], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mailer_wiring.mailing(), "send", refusing("InternalServerError"))
    number = open_ticket().number
    assert call("mailer", job(sample, clock, number, timedelta(minutes=1)))["batchItemFailures"]
    assert watched.ringing() == set()
    assert call("mailer", job(sample, clock, number, timedelta(minutes=6)))["batchItemFailures"]
    assert watched.ringing() == {"MailNotSent"}


def test_mail_that_can_never_be_sent_rings(
    call: Call,
    watched: Watched,
    open_ticket: Opener,
    sample: Sample,
    clock: Clock,
    refused_by_ses: Callable[[str | None], None],
) -> None:
    refused_by_ses("BadRequestException")
    number = open_ticket().number
    assert call("mailer", job(sample, clock, number, timedelta(0)))["batchItemFailures"] == []
    assert watched.messages() == ["the mail can never be sent"]
    assert watched.lines[-1]["ticket"] == number
    assert watched.ringing() == {"MailNotSent"}


# ------------------------------------------------------------------ unreadable data, clocks


def test_item_that_cannot_be_read_rings(
    call: Call, services: Services, opened: Life, watched: Watched, sample: Sample
) -> None:
    aws("dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": keys.ticket_pk(NUMBER)}, "sk": {"S": keys.TICKET}},
        UpdateExpression="SET doc = :damaged",
        ExpressionAttributeValues={":damaged": {"S": "{"}},
    )
    with pytest.raises(Unreadable):
        call("workflow", sample("workflow-look"))
    assert watched.messages() == ["an item cannot be read"]
    assert watched.ringing() == {"Unreadable"}


def test_incoming_mail_that_cannot_be_read_rings(
    post: Inbound, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> Any:
        raise ValueError("the words of li.na@example.com")

    monkeypatch.setattr(post.module.reading, "incoming_mail_of", fail)
    post.deliver(mail())
    assert watched.messages() == ["a mail cannot be read"]
    assert watched.ringing() == {"Unreadable"}
    assert "li.na" not in json.dumps(watched.lines)


def test_wrong_clock_of_a_machine_rings(watched: Watched, clock: Clock) -> None:
    clients._tell_of_wrong_clock(7200.0, clock.now())
    assert watched.ringing() == {"ClockWrong"}
    assert watched.lines[-1]["seconds_ahead"] == 7200


# ------------------------------------------------------------------ the evaluator


def test_every_alarm_is_shown_to_ring() -> None:
    """Each has a test above that asserts its name among those that ring."""
    from pathlib import Path

    text = Path(__file__).read_text()
    assert [name for name in alarms() if f'"{name}"' not in text] == []


def test_embedded_metric_belongs_to_its_namespace_name_and_dimensions(clock: Clock) -> None:
    metric = {"Namespace": "N", "Dimensions": [["stack"], []], "Metrics": [{"Name": "A"}]}
    document = {
        "_aws": {"Timestamp": round(clock.now().timestamp() * 1000), "CloudWatchMetrics": [metric]},
        "stack": "redress",
        "A": [2.0, 3],
    }
    found = list(embedded([json.dumps(document, separators=(",", ":")), '{"level":"INFO"}']))
    assert [(one.value, dict(one.dimensions)) for one in found] == [
        (2.0, {"stack": "redress"}),
        (3, {"stack": "redress"}),
        (2.0, {}),
        (3, {}),
    ]
    assert {one.at for one in found} == {clock.now()}
