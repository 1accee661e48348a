"""The functions that follow a change: relay, follower, workflow, repair and assigner.

Their handlers are called with sample events, against moto.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ParamValidationError
from moto.awslambda_simple.models import LambdaSimpleBackend
from moto.core.config import default_user_config
from moto.stepfunctions.models import StepFunctionBackend

from local.filters import READERS, reaches
from redress.base.errors import Unavailable
from redress.base.observe import Failed
from redress.base.people import Member
from redress.db import keys
from redress.staff.rules.availability import Presence
from redress.tickets.rules.steps import by_customer, by_staff, by_system
from redress.tickets.rules.ticket import EventType, Phase
from redress.tickets.store.items import event_of
from redress.wiring import clients
from redress.wiring import planreview as planreview_wiring
from redress.wiring import repair as repair_wiring
from redress.wiring import workflow as workflow_wiring
from redress.workflow.cases.follower import ACKNOWLEDGE_AFTER_S
from redress.workflow.cases.relay import MOVED
from redress.workflow.cases.repair import PATIENCE
from redress.workflow.cases.timers import SUPERSEDED
from redress.workflow.stream import (
    CapacityFreed,
    EventAdded,
    TicketChanged,
    TimerChanged,
    stream_change_of,
)
from redress.workflow.subscribers import messages_after
from tests.builders import MEI, NUMBER, START, Clock, Life
from tests.streams import Stream
from tests.wired import ACCOUNT, REGION, TABLE, set_environment
from tests.world import Context, Opener, Stores, aws, create_idle_machine

MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:redress-ticket"
EXECUTION = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:redress-ticket"
ASSIGNER, CHECKER = "redress-assigner", "redress-checker"
READER_SAMPLES = ("relay-opened", "relay-acknowledged", "follower-opened", "follower-agent-came")

Event = dict[str, Any]
Handler = Callable[[Event], Any]
Sample = Callable[[str], Event]


@dataclass
class Services:
    """The services that the functions call, and the calls in their order."""

    mails: str
    dead: str
    asked: list[tuple[str, Any]] = field(default_factory=list)
    """Pairs of kind and details: ("started", name), ("succeeded", (token, output)),
    ("failed", (token, error)), ("offered", job)."""

    def mail_jobs(self) -> list[Any]:
        """Wait for the mail jobs: an acknowledgement is delayed until its workflow sleeps."""
        return self._read(self.mails, ACKNOWLEDGE_AFTER_S + 1)

    def dead_letters(self) -> list[Any]:
        return self._read(self.dead)

    def _read(self, url: str, wait_s: int = 0) -> list[Any]:
        found = aws("sqs").receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_s
        )
        return [json.loads(message["Body"]) for message in found.get("Messages", [])]

    def of(self, kind: str) -> list[Any]:
        return [what for asked, what in self.asked if asked == kind]


@pytest.fixture
def services(table: str, monkeypatch: pytest.MonkeyPatch) -> Services:
    monkeypatch.setitem(default_user_config, "lambda", {"use_docker": False})
    urls = [aws("sqs").create_queue(QueueName=n)["QueueUrl"] for n in ("mails", "dead-letters")]
    made = Services(*urls)
    set_environment(
        monkeypatch,
        TICKET_MACHINE_ARN=MACHINE,
        MAIL_QUEUE_URL=made.mails,
        DEAD_LETTER_QUEUE_URL=made.dead,
        ASSIGNER_FUNCTION=ASSIGNER,
    )
    create_idle_machine("redress-ticket")
    _record_calls(made, monkeypatch)
    return made


def _record_calls(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Record the calls that moto accepts but does not keep: tokens, starts, invocations."""
    asked = services.asked
    start = StepFunctionBackend.start_execution

    def started(self: Any, arn: str, name: str, given: str) -> Any:
        execution = start(self, arn, name, given)
        asked.append(("started", name))
        return execution

    def succeeded(self: Any, task_token: str, outcome: str) -> None:
        asked.append(("succeeded", (task_token, json.loads(outcome))))

    def failed(self: Any, task_token: str, error: str | None = None) -> None:
        asked.append(("failed", (task_token, error)))

    def invoked(self: Any, function_name: str, qualifier: Any, body: Any, *rest: Any) -> bytes:
        if function_name == ASSIGNER:
            asked.append(("offered", json.loads(body)))
        else:
            assert (function_name, json.loads(body)) == (CHECKER, {"look_for": "uploads"})
        return b""

    monkeypatch.setattr(StepFunctionBackend, "start_execution", started)
    monkeypatch.setattr(StepFunctionBackend, "send_task_success", succeeded)
    monkeypatch.setattr(StepFunctionBackend, "send_task_failure", failed)
    monkeypatch.setattr(LambdaSimpleBackend, "invoke", invoked)


@pytest.fixture
def call(
    services: Services, load_function: Callable[[str], ModuleType], context: Context
) -> Callable[[str, Event], Any]:
    """Call a function with an event: `call("relay", event)`."""
    return lambda function, event: load_function(function).handler(event, context)


@pytest.fixture
def opened(stores: Stores, clock: Clock) -> Life:
    """The ticket of the sample events, stored in the table."""
    life = Life(clock).open()
    stores.tickets.open(life.last, life.last.after.created_at)
    return life


Call = Callable[[str, Event], Any]
NO_FAILURES: dict[str, list[Any]] = {"batchItemFailures": []}


def arm(phase: Phase, token: str = "token-1", number: str = NUMBER) -> None:
    """Write what the state machine writes when it begins to sleep."""
    aws("dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": keys.ticket_pk(number)}, "sk": {"S": keys.TIMER}},
        UpdateExpression="SET armed = :armed REMOVE awake, awake_since",
        ExpressionAttributeValues={
            ":armed": {"M": {"token": {"S": token}, "seq": {"N": "1"}, "phase": {"S": phase.value}}}
        },
    )


# ------------------------------------------------------------------ the samples


def test_sample_events_match_the_records_of_the_table(opened: Life, sample: Sample) -> None:
    """Otherwise the tests that use the sample would prove nothing."""
    written = Stream(TABLE, REGION).records()
    samples = [*sample("relay-opened")["Records"], *sample("follower-opened")["Records"]]
    for mine, theirs in zip(samples, written, strict=True):
        assert mine["eventName"] == theirs["eventName"]
        assert mine["dynamodb"]["Keys"] == theirs["dynamodb"]["Keys"]
        assert mine["dynamodb"]["NewImage"] == theirs["dynamodb"]["NewImage"]


@pytest.mark.parametrize("name", READER_SAMPLES)
def test_event_filters_pass_a_record_to_the_one_reader_that_processes_it(
    name: str, sample: Sample
) -> None:
    for record in sample(name)["Records"]:
        assert [one for one in READERS if reaches(one, record)] == [name.partition("-")[0]]
        assert stream_change_of(record) is not None


def test_event_filters_drop_records_from_which_nothing_follows(sample: Sample) -> None:
    records = sample("relay-filtered-out")["Records"]
    assert len(records) == 6
    for record in records:
        assert not any(reaches(reader, record) for reader in READERS)
        assert what_follows(record) is None


def what_follows(record: Event) -> str | None:
    """The reader that has something to do for this record."""
    match stream_change_of(record):
        case None | TicketChanged():  # the feed of changes is off by default
            return None
        case TimerChanged():
            return "relay"
        case EventAdded(number, doc):
            return "follower" if messages_after(number, event_of(doc)) else None
        case CapacityFreed():
            return "follower"


def test_event_filters_pass_all_relevant_records_of_a_complete_ticket_life(
    stores: Stores, staff: dict[str, Member], clock: Clock, open_ticket: Opener
) -> None:
    everything = Stream(TABLE, REGION, readers=())
    number = open_ticket(agent="a-mei").number
    for step in (
        by_system.acknowledge,
        lambda t, p, at: by_staff.reply(t, p, MEI, "An answer", True, at),
        lambda t, p, at: by_customer.write(t, p, "Words", at),
        lambda t, p, at: by_customer.withdraw(t, p, "", at),
    ):
        ticket = stores.tickets.get(number)
        decided = step(ticket, stores.plans.current(), clock.advance(hours=1))
        assert decided is not None
        stores.tickets.commit(decided, clock.now())
    stores.timers.clear_awake(number, 1, stores.timers.get(number).seq)

    records = everything.records()
    followed = [(record, reader) for record in records if (reader := what_follows(record))]
    assert {reader for _, reader in followed} == set(READERS)
    assert len(followed) > 9
    for record, reader in followed:
        assert reaches(reader, record), record


# ------------------------------------------------------------------ relay


def test_new_ticket_starts_its_workflow(
    call: Call, services: Services, opened: Life, sample: Sample
) -> None:
    assert call("relay", sample("relay-opened")) == NO_FAILURES

    assert services.asked == [("started", f"{NUMBER}-1")]
    found = aws("stepfunctions").describe_execution(executionArn=f"{EXECUTION}:{NUMBER}-1")
    assert json.loads(found["input"]) == {
        "ticket": NUMBER,
        "gen": 1,
        "seq": 1,
        "phase": "acknowledgement",
        "wait": 300,
    }


def test_records_that_are_delivered_twice_start_one_workflow(
    call: Call, services: Services, opened: Life, sample: Sample
) -> None:
    call("relay", sample("relay-opened"))
    assert call("relay", sample("relay-opened")) == NO_FAILURES

    found = aws("stepfunctions").list_executions(stateMachineArn=MACHINE)["executions"]
    assert [execution["name"] for execution in found] == [f"{NUMBER}-1"]
    assert services.dead_letters() == []


def test_repeated_start_with_another_input_counts_as_started(
    call: Call, services: Services, opened: Life, sample: Sample, clock: Clock
) -> None:
    """A minute later the first wait is a minute shorter, so the input of the start differs.

    Step Functions then answers ExecutionAlreadyExists.
    """
    call("relay", sample("relay-opened"))
    clock.advance(minutes=1)
    assert call("relay", sample("relay-opened")) == NO_FAILURES
    assert services.of("started") == [f"{NUMBER}-1"]


def test_ticket_in_the_next_phase_wakes_its_workflow_with_the_next_wait(
    call: Call, services: Services, opened: Life, stores: Stores, sample: Sample
) -> None:
    arm(Phase.ACKNOWLEDGEMENT)
    opened.clock.advance(seconds=3)
    stores.tickets.commit(opened.acknowledge().last, opened.clock.now())
    assert call("relay", sample("relay-acknowledged")) == NO_FAILURES

    [(token, sleep)] = services.of("succeeded")
    assert token == "token-1"
    assert sleep == {
        "ticket": NUMBER,
        "gen": 1,
        "seq": 2,
        "phase": "first_response",
        "wait": 897,
    }, "it waits for the first reminder, 15 minutes after the start"


def test_ticket_that_skipped_a_phase_makes_its_workflow_check_again(
    call: Call, services: Services, opened: Life, stores: Stores, sample: Sample
) -> None:
    arm(Phase.ACKNOWLEDGEMENT)
    stores.tickets.commit(opened.withdraw().last, opened.clock.now())
    call("relay", sample("relay-acknowledged"))

    assert services.of("failed") == [("token-1", MOVED)]
    timer = stores.timers.get(NUMBER)
    assert (timer.armed, timer.awake_since) == (None, None), (
        "a closed ticket is neither armed nor awake"
    )


def test_record_of_a_deleted_ticket_is_skipped(
    call: Call, services: Services, sample: Sample
) -> None:
    assert call("relay", sample("relay-acknowledged")) == NO_FAILURES
    assert services.of("started") == []
    assert services.dead_letters() == []


def test_signal_that_step_functions_refuses_is_reported_and_the_others_are_sent(
    call: Call, services: Services, opened: Life, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**parameters: Any) -> Any:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "StartExecution")

    monkeypatch.setattr(clients.client("stepfunctions", retries=0), "start_execution", refuse)
    event = sample("relay-opened")
    sequence = event["Records"][0]["dynamodb"]["SequenceNumber"]
    assert call("relay", event) == {"batchItemFailures": [{"itemIdentifier": sequence}]}
    assert services.dead_letters() == []


def test_record_with_a_foreign_key_goes_to_the_dead_letters_and_others_are_processed(
    call: Call, services: Services, opened: Life, sample: Sample
) -> None:
    assert call("relay", sample("relay-poison")) == NO_FAILURES

    assert services.of("started") == [f"{NUMBER}-1"]
    assert [letter["fault"] for letter in services.dead_letters()] == ["ValueError"]


def test_relay_leaves_events_to_the_follower(
    call: Call, services: Services, sample: Sample
) -> None:
    """During a deployment, the relay may still get what the filters of the version before pass."""
    assert call("relay", sample("follower-opened")) == NO_FAILURES
    assert call("relay", sample("follower-agent-came")) == NO_FAILURES
    assert (services.asked, services.mail_jobs()) == ([], [])


# ------------------------------------------------------------------ follower


def test_new_ticket_is_acknowledged_and_offered_to_agents(
    call: Call, services: Services, sample: Sample
) -> None:
    assert call("follower", sample("follower-opened")) == NO_FAILURES

    assert services.asked == [("offered", {"ticket": NUMBER})]
    assert services.mail_jobs() == [
        {"number": NUMBER, "event": 1, "template": "acknowledgement", "audience": "customer"}
    ]


def test_agent_who_becomes_available_starts_the_drain_of_the_teams_queue(
    call: Call, services: Services, sample: Sample
) -> None:
    assert call("follower", sample("follower-agent-came")) == NO_FAILURES
    assert services.asked == [("offered", {"team": "complaints", "agent": "a-mei"})]


def test_poison_record_goes_to_the_dead_letters_without_content_and_others_are_processed(
    call: Call, services: Services, opened: Life, sample: Sample
) -> None:
    event = sample("follower-poison")
    assert call("follower", event) == NO_FAILURES

    assert services.of("offered") == [{"ticket": NUMBER}]
    [letter] = services.dead_letters()
    bad = event["Records"][0]["dynamodb"]
    assert letter == {
        "keys": bad["Keys"],
        "sequence": bad["SequenceNumber"],
        "fault": letter["fault"],
    }
    assert "leaks" not in json.dumps(letter)


@pytest.mark.parametrize(
    "fault",
    [
        ClientError({"Error": {"Code": "ServiceUnavailable"}}, "SendMessageBatch"),
        ConnectTimeoutError(endpoint_url="https://queue"),
    ],
    ids=["refused", "unreachable"],
)
def test_record_is_delivered_again_if_the_mail_queue_fails_and_agents_are_asked_nevertheless(
    call: Call,
    services: Services,
    opened: Life,
    sample: Sample,
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
) -> None:
    def refuse(**parameters: Any) -> Any:
        raise fault

    monkeypatch.setattr(clients.client("sqs", retries=0), "send_message_batch", refuse)
    event = sample("follower-opened")
    sequence = event["Records"][0]["dynamodb"]["SequenceNumber"]
    assert call("follower", event) == {"batchItemFailures": [{"itemIdentifier": sequence}]}
    assert services.of("offered") == [{"ticket": NUMBER}]
    assert services.dead_letters() == []


@pytest.mark.parametrize(
    "fault",
    [
        ClientError({"Error": {"Code": "InvalidParameterValue"}}, "SendMessageBatch"),
        ParamValidationError(report="Invalid type for parameter Entries[0], value: a complaint"),
    ],
    ids=["rejected by the service", "invalid before sending"],
)
def test_mail_job_that_no_retry_can_send_goes_to_the_dead_letters(
    call: Call,
    services: Services,
    opened: Life,
    sample: Sample,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: Exception,
) -> None:
    send = clients.client("sqs", retries=0).send_message_batch

    def refuse(**parameters: Any) -> Any:
        raise fault

    monkeypatch.setattr(clients.client("sqs", retries=0), "send_message_batch", refuse)
    assert call("follower", sample("follower-opened")) == NO_FAILURES
    monkeypatch.setattr(clients.client("sqs", retries=0), "send_message_batch", send)
    assert [letter["fault"] for letter in services.dead_letters()] == [type(fault).__name__]
    assert services.of("offered") == [{"ticket": NUMBER}]
    assert "a complaint" not in capsys.readouterr().out


def test_refused_assigner_holds_back_no_record_and_no_mail(
    call: Call,
    services: Services,
    sample: Sample,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The next sweep drains every queue."""

    def refuse(**parameters: Any) -> Any:
        raise ClientError({"Error": {"Code": "ServiceException"}}, "Invoke")

    monkeypatch.setattr(clients.client("lambda", retries=0), "invoke", refuse)
    assert call("follower", sample("follower-opened")) == NO_FAILURES
    assert [job["template"] for job in services.mail_jobs()] == ["acknowledgement"]
    assert call("follower", sample("follower-agent-came")) == NO_FAILURES
    assert "CloudWatchMetrics" not in capsys.readouterr().out, "the sweep asks for an agent"
    assert services.dead_letters() == []


# ------------------------------------------------------------------ workflow


def test_check_returns_the_input_of_the_next_wait(call: Call, opened: Life, sample: Sample) -> None:
    assert call("workflow", sample("workflow-look")) == {
        "ticket": NUMBER,
        "gen": 1,
        "seq": 1,
        "phase": "acknowledgement",
        "wait": 300,
    }


def test_check_fires_due_rungs_once(
    call: Call, opened: Life, stores: Stores, sample: Sample, clock: Clock
) -> None:
    clock.advance(minutes=16)
    first, second = (call("workflow", sample("workflow-look")) for _ in range(2))

    assert first == second
    assert first["wait"] == 8 * 60, "it waits for the reminder after 24 of 30 minutes"
    fired = [e for e in stores.tickets.history(NUMBER) if e.type is EventType.RUNG_FIRED]
    assert [e.data["action"] for e in fired] == ["breach", "remind"]
    assert {e.at for e in fired} == {START + timedelta(minutes=16)}


def test_check_accepts_the_input_of_older_and_newer_machine_definitions(
    call: Call, opened: Life, sample: Sample
) -> None:
    """An execution keeps the definition with which it started, so it sends that input."""
    event = sample("workflow-look")
    oldest = {"ticket": event["ticket"], "gen": event["gen"]}
    newer = event | {"noted": {"by": "a newer machine"}}
    assert call("workflow", oldest) == call("workflow", newer) == call("workflow", event)
    assert call("workflow", oldest | {"woken": "DynamoDb.AccessDeniedException"})["wait"] == 300


def test_execution_of_an_older_generation_is_superseded(
    call: Call, opened: Life, stores: Stores, sample: Sample, clock: Clock
) -> None:
    stores.timers.next_generation(NUMBER, 1, clock.now())
    clock.advance(minutes=16)
    assert call("workflow", sample("workflow-look"))["phase"] == SUPERSEDED
    assert len(stores.tickets.history(NUMBER)) == 1


def test_check_that_closes_a_ticket_leaves_no_awake_timer(
    call: Call, opened: Life, stores: Stores, sample: Sample, clock: Clock
) -> None:
    """The execution itself closed the ticket, so nothing needs to wake it."""
    stores.tickets.commit(opened.resolve().last, clock.now())
    clock.advance(hours=72)
    assert call("workflow", sample("workflow-look"))["phase"] == "closed"

    timer = stores.timers.get(NUMBER)
    assert (timer.phase, timer.armed, timer.awake_since) == (Phase.CLOSED, None, None)


def test_check_raises_unavailable_if_the_table_does_not_answer(
    call: Call, opened: Life, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(number: str) -> Any:
        raise Unavailable

    monkeypatch.setattr(workflow_wiring.timers()._timers, "get", unavailable)
    with pytest.raises(Unavailable):
        call("workflow", sample("workflow-look"))


# ------------------------------------------------------------------ repair


def test_aborted_execution_is_followed_by_the_next_generation(
    call: Call, opened: Life, stores: Stores, sample: Sample
) -> None:
    arm(Phase.ACKNOWLEDGEMENT)
    assert call("repair", sample("repair-execution-ended")) == {"followed": True}

    timer = stores.timers.get(NUMBER)
    assert (timer.gen, timer.seq, timer.armed) == (2, 2, None)
    assert timer.awake_since == opened.clock.now(), (
        "the awake marker makes the relay start the execution"
    )
    assert call("repair", sample("repair-execution-ended")) == {"followed": False}


@pytest.mark.parametrize(
    ("name", "status"),
    [
        (f"{NUMBER}-1", "SUCCEEDED"),
        (f"{NUMBER}-7", "FAILED"),
        ("R-00000-00000-1", "FAILED"),
        ("tried-by-hand", "ABORTED"),
        ("tried", "TIMED_OUT"),
    ],
)
def test_end_of_any_other_execution_changes_nothing(
    call: Call, opened: Life, stores: Stores, sample: Sample, name: str, status: str
) -> None:
    event = sample("repair-execution-ended")
    event["detail"] |= {"name": name, "status": status}
    assert call("repair", event) == {"followed": False}
    assert stores.timers.get(NUMBER).gen == 1


def test_sweep_starts_workflows_that_waited_too_long_and_drains_queues(
    call: Call,
    services: Services,
    opened: Life,
    staff: dict[str, Member],
    sample: Sample,
    clock: Clock,
) -> None:
    clock.moment += PATIENCE + timedelta(seconds=1)
    done = call("repair", sample("repair-sweep"))
    assert done == {"watched": 6, "started": 1, "opened": 1, "drained": 1}

    assert services.asked == [("started", f"{NUMBER}-1"), ("offered", {"team": "complaints"})]


def test_sweep_fails_if_the_assigner_refuses_so_that_operations_learn_of_it(
    call: Call,
    services: Services,
    opened: Life,
    sample: Sample,
    clock: Clock,
    staff: dict[str, Member],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Lambda tries each sweep twice more, so `FunctionsFailing` rings after the second one."""

    def refuse(**parameters: Any) -> Any:
        raise ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke")

    monkeypatch.setattr(clients.client("lambda"), "invoke", refuse)
    clock.advance(minutes=3)
    with pytest.raises(Failed, match="TooManyRequestsException"):
        call("repair", sample("repair-sweep"))
    assert services.of("started") == [f"{NUMBER}-1"], "workflows are repaired before"


def test_sweep_does_every_other_part_if_one_fails(
    call: Call,
    services: Services,
    opened: Life,
    sample: Sample,
    clock: Clock,
    staff: dict[str, Member],
    stores: Stores,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A fault that lasts in one mail's record lets nobody stay available who is gone."""

    def broken() -> Any:
        raise ClientError({"Error": {"Code": "ValidationException"}}, "Query")

    monkeypatch.setattr(repair_wiring, "held_mail", broken)
    clock.advance(hours=13)
    with pytest.raises(Failed, match="ValidationException"):
        call("repair", sample("repair-sweep"))
    assert services.of("started") == [f"{NUMBER}-1"]
    assert stores.staff.availability(MEI.id).presence is Presence.OFFLINE


def test_sweep_of_a_healthy_system_calls_no_service(
    call: Call, services: Services, staff: dict[str, Member], sample: Sample
) -> None:
    assert call("repair", sample("repair-sweep")) == {"watched": 6, "drained": 0}
    assert services.asked == []


def test_reconciliation_reports_and_counts_what_it_found(
    call: Call,
    services: Services,
    opened: Life,
    sample: Sample,
    clock: Clock,
    capsys: pytest.CaptureFixture[str],
) -> None:
    call("relay", sample("relay-opened"))
    arm(Phase.ACKNOWLEDGEMENT)
    aws("stepfunctions").stop_execution(executionArn=f"{EXECUTION}:{NUMBER}-1")
    report = call("repair", sample("repair-reconcile"))

    assert (report["found"], report["examples"]) == ({"followed": 1}, {"followed": [NUMBER]})
    assert (report["open"], report["items_read"], report["left"]) == (1, 5, 0)
    assert '"found":{"followed":1},"WorkflowsRepaired":[1.0]' in capsys.readouterr().out


def test_reconciliation_of_an_idle_stack_records_no_metrics(
    call: Call,
    services: Services,
    table: str,
    sample: Sample,
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = call("repair", sample("repair-reconcile"))
    assert (report["found"], report["open"], report["running"]) == ({}, 0, 0)
    assert "CloudWatchMetrics" not in capsys.readouterr().out, "each metric costs money for a month"


def test_operations_are_notified_on_the_day_when_a_plan_is_due_for_review(
    call: Call,
    services: Services,
    sample: Sample,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(planreview_wiring, "tell_operations", lambda *message: sent.append(message))
    assert call("planreview", sample("planreview")) == {"asked_for": False}
    clock.moment = clock.moment.replace(year=2027, month=5, day=23)
    assert call("planreview", sample("planreview")) == {"asked_for": True}
    assert [subject for subject, _ in sent] == ["Service plan 1: review it"]
    assert "by 2027-05-23" in sent[0][1]


def test_operations_are_notified_through_their_topic(
    table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = aws("sns").create_topic(Name="operations")["TopicArn"]
    queue = aws("sqs").create_queue(QueueName="inbox")["QueueUrl"]
    where = aws("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    aws("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=where["Attributes"]["QueueArn"])
    set_environment(monkeypatch, OPERATIONS_TOPIC_ARN=topic)
    planreview_wiring.tell_operations("A subject", "A text")
    [message] = aws("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(message["Body"])["Subject"] == "A subject"


def test_unknown_task_of_repair_raises_an_error(call: Call) -> None:
    with pytest.raises(Failed, match="ValueError"):
        call("repair", {"task": "swep"})


# ------------------------------------------------------------------ assigner


def test_queued_ticket_is_assigned_to_an_available_agent(
    call: Call, opened: Life, staff: dict[str, Member], stores: Stores, sample: Sample
) -> None:
    assert call("assigner", sample("assigner-ticket")) == {"assigned": 1}
    assert stores.tickets.get(NUMBER).assignee in ("a-mei", "a-jun")
    assert call("assigner", sample("assigner-ticket")) == {"assigned": 0}, (
        "the ticket is already assigned"
    )


def test_ticket_waits_until_an_agent_becomes_available(
    call: Call,
    opened: Life,
    stores: Stores,
    staff: dict[str, Member],
    sample: Sample,
    clock: Clock,
) -> None:
    for name in ("mei", "jun"):
        stores.staff.record(staff[name], Presence.AWAY, clock.now())
    assert call("assigner", sample("assigner-ticket")) == {"assigned": 0}
    stores.staff.record(staff["jun"], Presence.AVAILABLE, clock.now())
    assert call("assigner", sample("assigner-team")) == {"assigned": 1}
    assert stores.tickets.get(NUMBER).assignee == "a-jun"


def test_assigner_ignores_a_deleted_ticket(call: Call, sample: Sample) -> None:
    assert call("assigner", sample("assigner-ticket")) == {"assigned": 0}


# ------------------------------------------------------------------ all


@pytest.mark.parametrize("function", ["relay", "follower", "workflow", "repair", "assigner"])
def test_warm_up_event_calls_no_service(call: Call, services: Services, function: str) -> None:
    assert call(function, {"warm": True}) == {"warm": True}
    assert services.asked == []
