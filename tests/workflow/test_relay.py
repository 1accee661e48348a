"""What a stream record reports, and what the relay does then. All services are stand-ins."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from redress.db import encoding, keys
from redress.tickets.rules.ticket import Phase
from redress.tickets.store import items
from redress.tickets.store.timers import Armed, Timer
from redress.workflow.cases.relay import (
    MOVED,
    NEXT_WAIT,
    CapacityFreed,
    EventAdded,
    NotTaken,
    RelayCase,
    Targets,
    TimerChanged,
    execution_name,
    stream_change_of,
    ticket_of_execution,
)
from tests.builders import BY_PHONE, NUMBER, START, Clock, Life

# ------------------------------------------------------------------------------ stream records


def record(
    name: str, new: encoding.Item | None, old: encoding.Item | None = None
) -> dict[str, Any]:
    """A record as the stream delivers it, from items in plain values."""
    some = new or old
    assert some is not None
    change: dict[str, Any] = {
        "Keys": encoding.item_to_dynamodb({"pk": some["pk"], "sk": some["sk"]}),
        "SequenceNumber": "111",
    }
    if new is not None:
        change["NewImage"] = encoding.item_to_dynamodb(new)
    if old is not None:
        change["OldImage"] = encoding.item_to_dynamodb(old)
    return {"eventName": name, "dynamodb": change}


def timer_row(**attributes: Any) -> encoding.Item:
    row = {"pk": keys.ticket_pk(NUMBER), "sk": keys.TIMER, "gen": 1, "seq": 1}
    return row | {"phase": "first_response"} | attributes


AWAKE = {"awake": keys.awake_pk(0), "awake_since": START.isoformat()}


@pytest.mark.parametrize("name", ["INSERT", "MODIFY"])
def test_record_of_an_awake_timer_reports_a_changed_timer(name: str) -> None:
    assert stream_change_of(record(name, timer_row(**AWAKE))) == TimerChanged(NUMBER)


def test_record_of_a_timer_that_fell_asleep_reports_nothing() -> None:
    assert stream_change_of(record("MODIFY", timer_row(), timer_row(**AWAKE))) is None


def test_record_of_a_new_event_reports_the_event_with_its_document(life: Life) -> None:
    event = life.open().events[0]
    change = stream_change_of(record("INSERT", items.event_item(NUMBER, event)))
    assert isinstance(change, EventAdded)
    assert change.number == NUMBER
    assert items.event_of(change.doc) == event


def test_record_of_an_event_that_is_written_again_reports_nothing(life: Life) -> None:
    event = items.event_item(NUMBER, life.open().events[0])
    assert stream_change_of(record("MODIFY", event, event)) is None


def duty_row(load: int = 0, capacity: int = 2, present: bool = True) -> encoding.Item:
    row: encoding.Item = {
        "pk": keys.agent_pk("a-mei"),
        "sk": keys.AVAILABILITY,
        "team": "complaints",
        "load": load,
        "capacity": capacity,
    }
    return row | ({"duty_pk": keys.team_pk("complaints")} if present else {})


FREED = [
    # before, after, whether the queue may drain
    (None, duty_row(), True),
    (None, duty_row(load=2), False),
    (None, duty_row(present=False), False),
    (duty_row(present=False), duty_row(load=1), True),
    (duty_row(present=False), duty_row(load=2), False),
    (duty_row(load=2), duty_row(load=1), True),
    (duty_row(load=1), duty_row(load=0), True),
    (duty_row(load=2), duty_row(load=2, capacity=3), True),
    (duty_row(load=0), duty_row(load=1), False),
    (duty_row(load=1), duty_row(load=1), False),
    (duty_row(load=3), duty_row(load=2), False),
    (duty_row(load=1), duty_row(load=1, capacity=1), False),
    (duty_row(), duty_row(present=False), False),
]


@pytest.mark.parametrize(("before", "after", "freed"), FREED)
def test_queue_drains_when_an_agent_becomes_available_or_gets_room(
    before: encoding.Item | None, after: encoding.Item, freed: bool
) -> None:
    change = stream_change_of(record("MODIFY" if before else "INSERT", after, before))
    assert change == (CapacityFreed("complaints") if freed else None)


def test_records_of_other_items_and_removals_report_nothing(life: Life) -> None:
    change = life.open().last
    rows = [
        items.snapshot_item(change.after),
        items.idempotency_item("a key", "print", "{}", change),
        {"pk": keys.ticket_pk(NUMBER), "sk": keys.mail_sk("000001.acknowledgement.customer")},
        {"pk": keys.facts_pk("a-mei", "2026-11"), "sk": keys.fact_sk(NUMBER, 1)},
        {"pk": keys.STAFF, "sk": keys.agent_pk("a-mei"), "doc": "{}"},
    ]
    assert [stream_change_of(record("INSERT", row)) for row in rows] == [None] * len(rows)
    for row in (*rows, timer_row(**AWAKE), items.event_item(NUMBER, change.events[0])):
        assert stream_change_of(record("REMOVE", None, row)) is None


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"eventName": "INSERT", "dynamodb": {}},
        {"eventName": "INSERT", "dynamodb": {"Keys": {"pk": {"S": "x"}}}},
        record("INSERT", {"pk": "SOMETHING", "sk": keys.TIMER, **AWAKE}),
        record("INSERT", {"pk": "TICKET#", "sk": keys.event_sk(1), "doc": "{}"}),
        record("INSERT", {"pk": keys.ticket_pk(NUMBER), "sk": keys.event_sk(1)}),
        record("INSERT", {"pk": keys.agent_pk("a"), "sk": keys.AVAILABILITY, "duty_pk": "TEAM#x"}),
    ],
)
def test_malformed_record_raises_an_error(broken: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError)):
        stream_change_of(broken)


# -------------------------------------------------------------------------------- stand-ins


class Exceptions:
    """The exceptions of a Step Functions client, with the names that AWS gave them."""

    class ExecutionAlreadyExists(Exception): ...

    class TaskTimedOut(Exception): ...

    class TaskDoesNotExist(Exception): ...

    class InvalidToken(Exception): ...


@dataclass
class Service:
    """Records every call of any operation. Raises `fault` instead of answering, if there is one."""

    answer: dict[str, Any] = field(default_factory=dict)
    fault: Exception | None = None
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    exceptions: type = Exceptions

    def __getattr__(self, operation: str) -> Any:
        def call(**arguments: Any) -> dict[str, Any]:
            self.calls.append((operation, arguments))
            if self.fault is not None:
                raise self.fault
            return self.answer

        return call


@dataclass
class Timers:
    """The part of the timer store that the relay uses."""

    timer_now: Timer
    cleared: list[tuple[str, int, int]] = field(default_factory=list)

    def get(self, number: str) -> Timer:
        assert number == self.timer_now.number
        return self.timer_now

    def clear_awake(self, number: str, gen: int, seq: int) -> bool:
        self.cleared.append((number, gen, seq))
        return True


TARGETS = Targets(
    ticket_machine_arn="arn:aws:states:us-east-1:123456789012:stateMachine:redress-ticket",
    mail_queue_url="https://queue.example.com/mail",
    assigner_function="redress-assigner",
    dead_letter_queue_url="https://queue.example.com/dead",
)


class Relay:
    """A relay with one TIMER and with stand-ins for all services."""

    def __init__(self, timer: Timer | None = None) -> None:
        self.tickets = Timers(timer or a_timer())
        self.machine, self.queue, self.functions = Service(), Service(), Service()
        self.case = RelayCase(
            self.tickets,  # type: ignore[arg-type]
            self.machine,
            self.queue,
            self.functions,
            TARGETS,
            Clock().now,
        )


def a_timer(
    phase: Phase = Phase.FIRST_RESPONSE,
    armed: Armed | None = None,
    *,
    seq: int = 2,
    awake: bool = True,
    wake_in: timedelta | None = timedelta(seconds=90),
) -> Timer:
    return Timer(
        number=NUMBER,
        gen=3,
        seq=seq,
        phase=phase,
        next_wake=START + wake_in if wake_in is not None else None,
        armed=armed,
        awake_since=START if awake else None,
    )


# -------------------------------------------------------------------------------- the workflow


def test_ticket_without_a_workflow_gets_one_that_knows_how_long_to_sleep() -> None:
    relay = Relay(a_timer(Phase.ACKNOWLEDGEMENT, seq=1))
    relay.case.follow(TimerChanged(NUMBER))
    [(operation, given)] = relay.machine.calls
    assert operation == "start_execution"
    assert given["name"] == f"{NUMBER}-3"
    assert given["stateMachineArn"] == TARGETS.ticket_machine_arn
    assert json.loads(given["input"]) == {
        "ticket": NUMBER,
        "gen": 3,
        "seq": 1,
        "phase": "acknowledgement",
        "wait": 90,
    }


@pytest.mark.parametrize(
    ("wake_in", "wait"),
    [
        (timedelta(milliseconds=1), 1),
        (timedelta(seconds=1, milliseconds=1), 2),
        (timedelta(seconds=-5), 1),
        (timedelta(0), 1),
        (None, 90 * 86_400),
    ],
)
def test_workflow_sleeps_at_least_a_second_and_never_wakes_before_its_time(
    wake_in: timedelta | None, wait: int
) -> None:
    relay = Relay(a_timer(wake_in=wake_in))
    relay.case.signal(NUMBER)
    assert json.loads(relay.machine.calls[0][1]["input"])["wait"] == wait


def test_start_of_a_workflow_that_was_already_started_does_nothing() -> None:
    relay = Relay()
    relay.machine.fault = Exceptions.ExecutionAlreadyExists()
    relay.case.signal(NUMBER)
    assert len(relay.machine.calls) == 1


@pytest.mark.parametrize(
    "timer",
    [
        a_timer(awake=False),
        a_timer(armed=Armed("token", 2, Phase.FIRST_RESPONSE)),
        a_timer(armed=Armed("token", 2, Phase.FIRST_RESPONSE), awake=False),
    ],
    ids=["no marker", "armed for this seq", "asleep"],
)
def test_workflow_that_sleeps_until_the_right_time_is_not_woken(timer: Timer) -> None:
    relay = Relay(timer)
    relay.case.signal(NUMBER)
    assert relay.machine.calls == []


@pytest.mark.parametrize("phase", NEXT_WAIT)
def test_expected_next_phase_sends_the_machine_to_the_next_wait(phase: Phase) -> None:
    relay = Relay(a_timer(NEXT_WAIT[phase], Armed("token", 1, phase)))
    relay.case.signal(NUMBER)
    [(operation, given)] = relay.machine.calls
    assert (operation, given["taskToken"]) == ("send_task_success", "token")
    assert json.loads(given["output"])["phase"] == NEXT_WAIT[phase]


@pytest.mark.parametrize(
    ("slept_in", "now"),
    [
        (Phase.RESOLUTION, Phase.RESOLUTION),  # the next rung is due earlier
        (Phase.ACKNOWLEDGEMENT, Phase.RESOLUTION),  # answered before it was acknowledged
        (Phase.CALLBACK, Phase.RESOLUTION),  # reopened
        (Phase.CALLBACK, Phase.CLOSED),  # withdrawn
    ],
)
def test_any_other_phase_makes_the_machine_check_the_clocks(slept_in: Phase, now: Phase) -> None:
    relay = Relay(a_timer(now, Armed("token", 1, slept_in)))
    relay.case.signal(NUMBER)
    [(operation, given)] = relay.machine.calls
    assert (operation, given["taskToken"], given["error"]) == (
        "send_task_failure",
        "token",
        MOVED,
    )


@pytest.mark.parametrize(
    "over", [Exceptions.TaskTimedOut, Exceptions.TaskDoesNotExist, Exceptions.InvalidToken]
)
@pytest.mark.parametrize("phase", [Phase.FIRST_RESPONSE, Phase.RESOLUTION])
def test_signal_to_a_wait_that_is_over_does_nothing(over: type[Exception], phase: Phase) -> None:
    relay = Relay(a_timer(phase, Armed("token", 1, Phase.FIRST_RESPONSE)))
    relay.machine.fault = over()
    relay.case.signal(NUMBER)
    assert len(relay.machine.calls) == 1


def test_error_of_a_service_that_rejects_a_signal_is_raised() -> None:
    relay = Relay(a_timer(Phase.RESOLUTION, Armed("token", 1, Phase.FIRST_RESPONSE)))
    relay.machine.fault = ConnectionError("down")
    with pytest.raises(ConnectionError):
        relay.case.signal(NUMBER)


def test_workflow_of_a_closed_ticket_is_woken_once_more_and_its_awake_marker_removed() -> None:
    relay = Relay(a_timer(Phase.CLOSED, Armed("token", 1, Phase.SURVEY), wake_in=None))
    relay.case.signal(NUMBER)
    assert [operation for operation, _ in relay.machine.calls] == ["send_task_success"]
    assert relay.tickets.cleared == [(NUMBER, 3, 2)]


def test_awake_marker_of_an_open_ticket_is_not_removed() -> None:
    relay = Relay(a_timer(Phase.SURVEY, Armed("token", 1, Phase.CALLBACK)))
    relay.case.signal(NUMBER)
    assert relay.tickets.cleared == []


# -------------------------------------------------------------------------------- the queues


def last_event(life: Life) -> EventAdded:
    """The change that the record of the last event reports."""
    return EventAdded(NUMBER, encoding.encode(life.last.events[-1]))


def jobs(relay: Relay) -> list[dict[str, Any]]:
    found = []
    for operation, given in relay.queue.calls:
        assert operation == "send_message_batch"
        assert given["QueueUrl"] == TARGETS.mail_queue_url
        assert len({entry["Id"] for entry in given["Entries"]}) == len(given["Entries"])
        found += [json.loads(entry["MessageBody"]) for entry in given["Entries"]]
    return found


def assignments(relay: Relay) -> list[dict[str, Any]]:
    for operation, given in relay.functions.calls:
        assert (operation, given["InvocationType"]) == ("invoke", "Event")
        assert given["FunctionName"] == TARGETS.assigner_function
    return [json.loads(given["Payload"]) for _, given in relay.functions.calls]


def test_opened_ticket_is_acknowledged_and_offered_to_agents(life: Life) -> None:
    relay = Relay()
    relay.case.follow(last_event(life.open()))
    assert jobs(relay) == [
        {"number": NUMBER, "event": 1, "template": "acknowledgement", "audience": "customer"}
    ]
    assert assignments(relay) == [{"ticket": NUMBER}]


def test_mail_job_contains_no_personal_data(life: Life) -> None:
    relay = Relay()
    relay.case.follow(last_event(life.open().reply()))
    assert [set(job) for job in jobs(relay)] == [{"number", "event", "template", "audience"}]


def test_ticket_that_is_queued_again_is_offered_again(life: Life) -> None:
    relay = Relay()
    relay.case.follow(last_event(life.open().assign().reassign(None)))
    assert (jobs(relay), assignments(relay)) == ([], [{"ticket": NUMBER}])


def test_note_sends_no_signal_and_no_message(life: Life) -> None:
    relay = Relay()
    relay.case.follow(last_event(life.open().note()))
    assert relay.queue.calls == relay.functions.calls == relay.machine.calls == []


def test_breach_is_mailed_to_everybody_that_the_ladder_names(life: Life) -> None:
    relay = Relay()
    life.open(contact=BY_PHONE).wait(minutes=29).wake().wait(minutes=1).wake()
    relay.case.follow(last_event(life))
    assert [(job["template"], job["audience"]) for job in jobs(relay)] == [
        ("breach", "agent"),
        ("breach", "supervisor"),
    ]
    assert len(relay.queue.calls) == 1


def test_message_that_the_queue_rejects_makes_the_record_fail(
    life: Life,
) -> None:
    relay = Relay()
    relay.queue.answer = {"Failed": [{"Id": "0", "Code": "InternalError"}]}
    with pytest.raises(NotTaken, match="1 messages"):
        relay.case.follow(last_event(life.open()))
    assert relay.functions.calls == [], "the complete record is retried"


def test_agent_with_room_lets_the_queue_of_the_team_drain() -> None:
    relay = Relay()
    relay.case.follow(CapacityFreed("complaints"))
    assert assignments(relay) == [{"team": "complaints"}]


def test_record_set_aside_keeps_its_keys_and_none_of_its_content(life: Life) -> None:
    relay = Relay()
    opened = record("INSERT", items.event_item(NUMBER, life.open().events[0]))
    relay.case.dead_letter(opened, "KeyError")
    [(operation, given)] = relay.queue.calls
    assert (operation, given["QueueUrl"]) == ("send_message", TARGETS.dead_letter_queue_url)
    assert json.loads(given["MessageBody"]) == {
        "keys": {"pk": {"S": keys.ticket_pk(NUMBER)}, "sk": {"S": "EVENT#000001"}},
        "sequence": "111",
        "fault": "KeyError",
    }


def test_record_without_keys_can_be_set_aside() -> None:
    relay = Relay()
    relay.case.dead_letter({}, "KeyError")
    assert json.loads(relay.queue.calls[0][1]["MessageBody"])["fault"] == "KeyError"


# -------------------------------------------------------------------------------- names


def test_execution_is_named_by_its_ticket_and_generation() -> None:
    assert ticket_of_execution(execution_name(NUMBER, 12)) == (NUMBER, 12)


@pytest.mark.parametrize("name", ["", "by-hand", "7", "-7", NUMBER])
def test_name_of_an_execution_that_was_started_by_hand_names_no_ticket(name: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message does not matter
        ticket_of_execution(name)
