"""What follows a change, and what keeps it going: relay, workflow, repair, assigner as deployed."""

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

from local.filters import passes, relay_patterns
from redress.base.errors import Unavailable
from redress.base.observe import Failed
from redress.base.people import Member
from redress.db import keys
from redress.staff.rules.availability import Presence
from redress.tickets.rules.steps import by_customer, by_staff, by_system
from redress.tickets.rules.ticket import EventType, Phase
from redress.wiring import clients
from redress.wiring import planreview as planreview_wiring
from redress.wiring import workflow as workflow_wiring
from redress.workflow.cases.relay import ACKNOWLEDGE_AFTER_S, MOVED, stream_change_of
from redress.workflow.cases.repair import PATIENCE
from redress.workflow.cases.timers import SUPERSEDED
from tests.builders import MEI, NUMBER, START, Clock, Life
from tests.streams import Stream
from tests.wired import ACCOUNT, REGION, TABLE, set_environment
from tests.world import Context, Opener, Stores, aws, create_idle_machine

MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:redress-ticket"
EXECUTION = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:redress-ticket"
ASSIGNER = "redress-assigner"
RELAY_SAMPLES = ("relay-opened", "relay-acknowledged", "relay-agent-came")

Event = dict[str, Any]
Handler = Callable[[Event], Any]
Sample = Callable[[str], Event]


@dataclass
class Services:
    """The services behind the relay, and what they were asked, in order."""

    mails: str
    dead: str
    asked: list[tuple[str, Any]] = field(default_factory=list)
    """("started", name), ("sent on", token), ("told to look", token), ("offered", job)."""

    def mail_jobs(self) -> list[Any]:
        """An acknowledgement stays hidden for a second: the workflow falls asleep first."""
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
    _listen(made, monkeypatch)
    return made


def _listen(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what moto only takes: tokens, starts and calls of functions."""
    asked = services.asked
    start = StepFunctionBackend.start_execution

    def started(self: Any, arn: str, name: str, given: str) -> Any:
        execution = start(self, arn, name, given)
        asked.append(("started", name))
        return execution

    def succeeded(self: Any, task_token: str, outcome: str) -> None:
        asked.append(("sent on", (task_token, json.loads(outcome))))

    def failed(self: Any, task_token: str, error: str | None = None) -> None:
        asked.append(("told to look", (task_token, error)))

    def invoked(self: Any, function_name: str, qualifier: Any, body: Any, *rest: Any) -> bytes:
        assert function_name == ASSIGNER
        asked.append(("offered", json.loads(body)))
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
    """The ticket that the samples are about, as it stands in the table."""
    life = Life(clock).open()
    stores.tickets.open(life.last, life.last.after.created_at)
    return life


Call = Callable[[str, Event], Any]
NOTHING_AGAIN: dict[str, list[Any]] = {"batchItemFailures": []}


def arm(phase: Phase, token: str = "token-1") -> None:
    """What the machine writes when it goes to sleep."""
    aws("dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": keys.ticket_pk(NUMBER)}, "sk": {"S": keys.TIMER}},
        UpdateExpression="SET armed = :armed REMOVE awake, awake_since",
        ExpressionAttributeValues={
            ":armed": {"M": {"token": {"S": token}, "seq": {"N": "1"}, "phase": {"S": phase.value}}}
        },
    )


# ------------------------------------------------------------------ the samples


def test_samples_are_what_the_table_writes(opened: Life, sample: Sample) -> None:
    """A sample that has drifted would prove nothing."""
    written = Stream(TABLE, REGION).records()
    for mine, theirs in zip(sample("relay-opened")["Records"], written, strict=True):
        assert mine["eventName"] == theirs["eventName"]
        assert mine["dynamodb"]["Keys"] == theirs["dynamodb"]["Keys"]
        assert mine["dynamodb"]["NewImage"] == theirs["dynamodb"]["NewImage"]


@pytest.mark.parametrize("name", RELAY_SAMPLES)
def test_the_filters_let_pass_what_the_relay_follows(name: str, sample: Sample) -> None:
    for record in sample(name)["Records"]:
        assert any(passes(record, pattern) for pattern in relay_patterns())
        assert stream_change_of(record) is not None


def test_the_filters_hold_back_what_nothing_follows_from(sample: Sample) -> None:
    records = sample("relay-filtered-out")["Records"]
    assert len(records) == 5
    for record in records:
        assert not any(passes(record, pattern) for pattern in relay_patterns())
        assert stream_change_of(record) is None


def test_over_a_whole_life_nothing_that_the_relay_would_follow_is_held_back(
    stores: Stores, staff: dict[str, Member], clock: Clock, open_ticket: Opener
) -> None:
    everything = Stream(TABLE, REGION, filtered=False)
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
    followed = [record for record in records if stream_change_of(record) is not None]
    assert len(followed) > 10
    for record in followed:
        assert any(passes(record, pattern) for pattern in relay_patterns()), record


# ------------------------------------------------------------------ relay


def test_a_new_ticket_starts_its_workflow_then_its_mail_then_its_assignment(
    call: Call, services: Services, opened: Life, sample: Sample
) -> None:
    assert call("relay", sample("relay-opened")) == NOTHING_AGAIN

    assert services.asked == [("started", f"{NUMBER}-1"), ("offered", {"ticket": NUMBER})]
    assert services.mail_jobs() == [
        {"number": NUMBER, "event": 1, "template": "acknowledgement", "audience": "customer"}
    ]
    found = aws("stepfunctions").describe_execution(executionArn=f"{EXECUTION}:{NUMBER}-1")
    assert json.loads(found["input"]) == {
        "ticket": NUMBER,
        "gen": 1,
        "seq": 1,
        "phase": "acknowledgement",
        "wait": 300,
    }


def test_records_that_come_twice_start_one_workflow(
    call: Call, services: Services, opened: Life, sample: Sample
) -> None:
    call("relay", sample("relay-opened"))
    assert call("relay", sample("relay-opened")) == NOTHING_AGAIN

    found = aws("stepfunctions").list_executions(stateMachineArn=MACHINE)["executions"]
    assert [execution["name"] for execution in found] == [f"{NUMBER}-1"]
    assert services.dead_letters() == []


def test_a_start_with_another_input_than_the_first_is_a_start_that_happened(
    call: Call, services: Services, opened: Life, sample: Sample, clock: Clock
) -> None:
    """A minute later the first wait is a minute shorter: Step Functions calls it another input."""
    call("relay", sample("relay-opened"))
    clock.advance(minutes=1)
    assert call("relay", sample("relay-opened")) == NOTHING_AGAIN
    assert services.of("started") == [f"{NUMBER}-1"]


def test_a_ticket_that_moved_on_sends_its_sleeping_workflow_on(
    call: Call, services: Services, opened: Life, stores: Stores, sample: Sample
) -> None:
    arm(Phase.ACKNOWLEDGEMENT)
    opened.clock.advance(seconds=3)
    stores.tickets.commit(opened.acknowledge().last, opened.clock.now())
    assert call("relay", sample("relay-acknowledged")) == NOTHING_AGAIN

    [(token, sleep)] = services.of("sent on")
    assert token == "token-1"
    assert sleep == {
        "ticket": NUMBER,
        "gen": 1,
        "seq": 2,
        "phase": "first_response",
        "wait": 897,
    }, "until the first reminder, a quarter of an hour after the start"


def test_a_ticket_that_skipped_a_wait_lets_its_workflow_look(
    call: Call, services: Services, opened: Life, stores: Stores, sample: Sample
) -> None:
    arm(Phase.ACKNOWLEDGEMENT)
    stores.tickets.commit(opened.withdraw().last, opened.clock.now())
    call("relay", sample("relay-acknowledged"))

    assert services.of("told to look") == [("token-1", MOVED)]
    timer = stores.timers.get(NUMBER)
    assert (timer.armed, timer.awake_since) == (None, None), "closed tickets are laid to rest"


def test_an_agent_who_came_lets_the_queue_of_the_team_be_offered(
    call: Call, services: Services, sample: Sample
) -> None:
    assert call("relay", sample("relay-agent-came")) == NOTHING_AGAIN
    assert services.asked == [("offered", {"team": "complaints"})]


def test_a_record_of_a_ticket_that_is_gone_stops_nothing(
    call: Call, services: Services, sample: Sample
) -> None:
    assert call("relay", sample("relay-acknowledged")) == NOTHING_AGAIN
    assert services.of("started") == []
    assert services.dead_letters() == []


def test_a_poison_record_is_set_aside_without_its_content_and_the_others_go_on(
    call: Call, services: Services, opened: Life, sample: Sample
) -> None:
    event = sample("relay-poison")
    assert call("relay", event) == NOTHING_AGAIN

    assert services.of("started") == [f"{NUMBER}-1"]
    [letter] = services.dead_letters()
    bad = event["Records"][0]["dynamodb"]
    assert letter == {
        "keys": bad["Keys"],
        "sequence": bad["SequenceNumber"],
        "fault": letter["fault"],
    }
    assert "leaks" not in json.dumps(letter)


def test_a_record_that_is_not_one_of_ours_is_set_aside(
    call: Call, services: Services, opened: Life, sample: Sample
) -> None:
    event = sample("relay-opened")
    event["Records"][1]["dynamodb"]["Keys"]["pk"]["S"] = "TICKET"
    assert call("relay", event) == NOTHING_AGAIN

    assert services.of("started") == [f"{NUMBER}-1"]
    assert [letter["fault"] for letter in services.dead_letters()] == ["ValueError"]


@pytest.mark.parametrize(
    "fault",
    [
        ClientError({"Error": {"Code": "ServiceUnavailable"}}, "SendMessageBatch"),
        ConnectTimeoutError(endpoint_url="https://queue"),
    ],
    ids=["refused", "unreachable"],
)
def test_what_a_service_does_not_take_comes_again_and_the_signals_have_gone_out(
    call: Call,
    services: Services,
    opened: Life,
    sample: Sample,
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
) -> None:
    def refuse(**parameters: Any) -> Any:
        raise fault

    monkeypatch.setattr(clients.client("sqs"), "send_message_batch", refuse)
    event = sample("relay-opened")
    event["Records"].reverse()
    answer = call("relay", event)

    happened = event["Records"][0]["dynamodb"]
    assert happened["Keys"]["sk"]["S"] == "EVENT#000001"
    assert answer == {"batchItemFailures": [{"itemIdentifier": happened["SequenceNumber"]}]}
    assert services.of("started") == [f"{NUMBER}-1"], "signals come first in a batch"
    assert services.dead_letters() == []


@pytest.mark.parametrize(
    "fault",
    [
        ClientError({"Error": {"Code": "InvalidParameterValue"}}, "SendMessageBatch"),
        ParamValidationError(report="Invalid type for parameter Entries[0], value: a complaint"),
    ],
    ids=["never right", "not even sent"],
)
def test_what_no_retry_can_help_is_set_aside_and_holds_up_nothing(
    call: Call,
    services: Services,
    opened: Life,
    sample: Sample,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: Exception,
) -> None:
    send = clients.client("sqs").send_message_batch

    def refuse(**parameters: Any) -> Any:
        raise fault

    monkeypatch.setattr(clients.client("sqs"), "send_message_batch", refuse)
    assert call("relay", sample("relay-opened")) == {"batchItemFailures": []}
    monkeypatch.setattr(clients.client("sqs"), "send_message_batch", send)
    assert [letter["fault"] for letter in services.dead_letters()] == [type(fault).__name__]
    assert services.of("started") == [f"{NUMBER}-1"]
    assert "a complaint" not in capsys.readouterr().out


def test_the_first_record_that_failed_is_named_even_where_its_number_is_shorter(
    call: Call,
    services: Services,
    sample: Sample,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The stream goes on after the lowest number named; numbers grow in length."""

    def refuse(**parameters: Any) -> Any:
        raise ClientError({"Error": {"Code": "ServiceUnavailable"}}, "Invoke")

    monkeypatch.setattr(clients.client("lambda"), "invoke", refuse)
    [record] = sample("relay-agent-came")["Records"]
    later, earlier = json.loads(json.dumps([record, record]))
    later["dynamodb"]["SequenceNumber"], earlier["dynamodb"]["SequenceNumber"] = "1000", "999"
    later["dynamodb"]["NewImage"]["team"]["S"] = "service"
    answer = call("relay", {"Records": [earlier, later]})

    assert answer == {"batchItemFailures": [{"itemIdentifier": "999"}]}


# ------------------------------------------------------------------ workflow


def test_a_look_answers_with_the_input_of_the_next_wait(
    call: Call, opened: Life, sample: Sample
) -> None:
    assert call("workflow", sample("workflow-look")) == {
        "ticket": NUMBER,
        "gen": 1,
        "seq": 1,
        "phase": "acknowledgement",
        "wait": 300,
    }


def test_a_look_fires_what_is_due_once(
    call: Call, opened: Life, stores: Stores, sample: Sample, clock: Clock
) -> None:
    clock.advance(minutes=16)
    first, second = (call("workflow", sample("workflow-look")) for _ in range(2))

    assert first == second
    assert first["wait"] == 8 * 60, "to the reminder at 24 of 30 minutes"
    fired = [e for e in stores.tickets.history(NUMBER) if e.type is EventType.RUNG_FIRED]
    assert [e.data["action"] for e in fired] == ["breach", "remind"]
    assert {e.at for e in fired} == {START + timedelta(minutes=16)}


def test_a_look_asked_for_by_an_older_definition_is_answered(
    call: Call, opened: Life, sample: Sample
) -> None:
    """Executions keep the definition that they began under, and with it what it sends."""
    event = sample("workflow-look")
    oldest = {"ticket": event["ticket"], "gen": event["gen"]}
    newer = event | {"noted": {"by": "a newer machine"}}
    assert call("workflow", oldest) == call("workflow", newer) == call("workflow", event)
    assert call("workflow", oldest | {"woken": "DynamoDb.AccessDeniedException"})["wait"] == 300


def test_an_older_generation_is_told_to_yield(
    call: Call, opened: Life, stores: Stores, sample: Sample, clock: Clock
) -> None:
    stores.timers.next_generation(NUMBER, 1, clock.now())
    clock.advance(minutes=16)
    assert call("workflow", sample("workflow-look"))["phase"] == SUPERSEDED
    assert len(stores.tickets.history(NUMBER)) == 1


def test_a_look_that_closes_a_ticket_lays_it_to_rest_itself(
    call: Call, opened: Life, stores: Stores, sample: Sample, clock: Clock
) -> None:
    """Nobody need tell a machine that closed its own ticket to look at it."""
    stores.tickets.commit(opened.resolve().last, clock.now())
    clock.advance(hours=72)
    assert call("workflow", sample("workflow-look"))["phase"] == "closed"

    timer = stores.timers.get(NUMBER)
    assert (timer.phase, timer.armed, timer.awake_since) == (Phase.CLOSED, None, None)


def test_a_look_at_a_table_that_is_away_fails_under_the_name_that_is_retried(
    call: Call, opened: Life, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(number: str) -> Any:
        raise Unavailable

    monkeypatch.setattr(workflow_wiring.timers()._timers, "get", away)
    with pytest.raises(Unavailable):
        call("workflow", sample("workflow-look"))


# ------------------------------------------------------------------ repair


def test_an_execution_that_was_aborted_is_followed_by_the_next_generation(
    call: Call, opened: Life, stores: Stores, sample: Sample
) -> None:
    arm(Phase.ACKNOWLEDGEMENT)
    assert call("repair", sample("repair-execution-ended")) == {"followed": True}

    timer = stores.timers.get(NUMBER)
    assert (timer.gen, timer.seq, timer.armed) == (2, 2, None)
    assert timer.awake_since == opened.clock.now(), "the stream will start it"
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
def test_the_end_of_any_other_execution_changes_nothing(
    call: Call, opened: Life, stores: Stores, sample: Sample, name: str, status: str
) -> None:
    event = sample("repair-execution-ended")
    event["detail"] |= {"name": name, "status": status}
    assert call("repair", event) == {"followed": False}
    assert stores.timers.get(NUMBER).gen == 1


def test_a_sweep_starts_what_has_waited_too_long_and_offers_queues(
    call: Call,
    services: Services,
    opened: Life,
    staff: dict[str, Member],
    sample: Sample,
    clock: Clock,
) -> None:
    clock.moment += PATIENCE + timedelta(seconds=1)
    assert call("repair", sample("repair-sweep")) == {"started": 1, "drained": 1}

    assert services.asked == [("started", f"{NUMBER}-1"), ("offered", {"team": "complaints"})]


def test_a_sweep_of_a_healthy_system_touches_nothing(
    call: Call, services: Services, staff: dict[str, Member], sample: Sample
) -> None:
    assert call("repair", sample("repair-sweep")) == {"drained": 0}
    assert services.asked == []


def test_a_reconciliation_tells_what_it_found_and_counts_it(
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
    assert '"ReconcileFollowed":[1.0]' in capsys.readouterr().out


def test_a_reconciliation_of_an_idle_stack_counts_nothing(
    call: Call,
    services: Services,
    table: str,
    sample: Sample,
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = call("repair", sample("repair-reconcile"))
    assert (report["found"], report["open"], report["running"]) == ({}, 0, 0)
    assert "CloudWatchMetrics" not in capsys.readouterr().out, "a metric costs its month"


def test_a_plan_that_is_due_for_review_is_told_to_operations_once_that_day(
    call: Call,
    services: Services,
    sample: Sample,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(planreview_wiring, "tell_operations", lambda *words: told.append(words))
    assert call("planreview", sample("planreview")) == {"asked_for": False}
    clock.moment = clock.moment.replace(year=2027, month=5, day=23)
    assert call("planreview", sample("planreview")) == {"asked_for": True}
    assert [subject for subject, _ in told] == ["Service plan 1: review it"]
    assert "by 2027-05-23" in told[0][1]


def test_operations_are_told_through_their_topic(
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


def test_a_task_that_repair_does_not_know_is_an_error_not_a_silence(call: Call) -> None:
    with pytest.raises(Failed, match="ValueError"):
        call("repair", {"task": "swep"})


# ------------------------------------------------------------------ assigner


def test_a_waiting_ticket_goes_to_somebody_present(
    call: Call, opened: Life, staff: dict[str, Member], stores: Stores, sample: Sample
) -> None:
    assert call("assigner", sample("assigner-ticket")) == {"assigned": 1}
    assert stores.tickets.get(NUMBER).assignee in ("a-mei", "a-jun")
    assert call("assigner", sample("assigner-ticket")) == {"assigned": 0}, "it has somebody now"


def test_a_ticket_waits_when_nobody_is_there_and_is_drained_when_somebody_comes(
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


def test_a_ticket_that_is_gone_is_no_error_to_the_assigner(call: Call, sample: Sample) -> None:
    assert call("assigner", sample("assigner-ticket")) == {"assigned": 0}


# ------------------------------------------------------------------ all


@pytest.mark.parametrize("function", ["relay", "workflow", "repair", "assigner"])
def test_keeping_warm_asks_no_service(call: Call, services: Services, function: str) -> None:
    assert call(function, {"warm": True}) == {"warm": True}
    assert services.asked == []
