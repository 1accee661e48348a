"""What every state of every machine must have, and that machines and code say the same."""

from __future__ import annotations

import re
from typing import Any

import pytest

from redress.tickets.rules.ticket import Phase
from redress.workflow.cases import timers
from redress.workflow.cases.relay import NEXT_WAIT
from tests.template.documents import (
    MACHINES,
    PLACEHOLDER,
    all_states,
    calls_function,
    machine,
    of_type,
    states_of,
    strings,
    tasks,
    waits_for_token,
    written,
    written_of_type,
)

State = dict[str, Any]

VERBS = {
    "Acknowledge",
    "Act",
    "Await",
    "Close",
    "Complete",
    "Fail",
    "Finish",
    "Give",
    "List",
    "Move",
    "Record",
    "Rehearse",
    "Report",
    "Score",
    "Work",
    "Yield",
}
QUESTIONS = ("Is", "Which", "Has", "Are", "Does", "Must")

MAY_REPEAT_A_TOKEN_WRITE = {
    "DynamoDb.InternalServerErrorException",
    "DynamoDb.ProvisionedThroughputExceededException",
    "DynamoDb.RequestLimitExceededException",
    "DynamoDb.ThrottlingException",
    "DynamoDb.TransactionConflictException",
}
"""Throttling and conflicts of transactions: no token was written, nobody was woken."""

REPORTED_BY_LAMBDA = {
    "Lambda.AWSLambdaException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.SdkClientException",
    "Lambda.ServiceException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
}
"""Faults of the service, of a killed process and of a function's own timeout: not of its code."""


def identified(entries: list[tuple[str, str, State]]) -> Any:
    """Parameters of a test per state, named by machine and state."""
    return [pytest.param(state, id=f"{file.split('.')[0]}-{name}") for file, name, state in entries]


WAITS = identified([entry for entry in tasks() if waits_for_token(entry[2])])
LAMBDAS = identified([entry for entry in tasks() if calls_function(entry[2])])


def words(name: str) -> list[str]:
    return re.findall(r"[A-Z][a-z0-9]*", name)


def seconds_of_retries(state: State) -> list[Any]:
    return [entry.get("JitterStrategy") for entry in state.get("Retry", [])]


def errors_retried(state: State) -> set[str]:
    return {error for entry in state.get("Retry", []) for error in entry["ErrorEquals"]}


# ------------------------------------------------------------------ names and comments


def test_there_is_something_to_look_at() -> None:
    assert {"ticket.asl.json", "scores.asl.json", "rehearsal.asl.json"} <= set(MACHINES)
    assert len(WAITS) == len(Phase) - 1
    assert LAMBDAS


@pytest.mark.parametrize("state", identified(all_states()))
def test_every_state_says_why(state: State) -> None:
    assert len(state.get("Comment", "")) > 20


@pytest.mark.parametrize(("file", "name", "state"), all_states())
def test_names_are_verb_phrases_and_choices_are_questions(
    file: str, name: str, state: State
) -> None:
    first, *rest = words(name)
    assert "".join([first, *rest]) == name
    if state["Type"] == "Choice":
        assert first in QUESTIONS
    else:
        assert first in VERBS, f"is {first} a verb? then add it to VERBS"


@pytest.mark.parametrize("file", MACHINES)
def test_a_machine_says_what_it_is_for(file: str) -> None:
    assert len(machine(file)["Comment"]) > 50
    assert "QueryLanguage" not in machine(file), "JSONPath: the tests' interpreter reads it"


@pytest.mark.parametrize("file", MACHINES)
def test_every_state_can_be_reached_and_every_next_exists(file: str) -> None:
    definition = machine(file)
    seen: set[str] = set()
    wanted = [definition["StartAt"]]
    while wanted:
        name = wanted.pop()
        if name not in seen:
            seen.add(name)
            wanted += successors(definition["States"][name])
    assert seen == set(definition["States"])


def successors(state: State) -> list[str]:
    parts = [state, *state.get("Catch", []), *state.get("Choices", [])]
    return [part["Next"] for part in parts if "Next" in part] + (
        [state["Default"]] if "Default" in state else []
    )


# ------------------------------------------------------------------ every task


@pytest.mark.parametrize("state", identified(tasks()))
def test_every_task_has_a_timeout(state: State) -> None:
    assert ("TimeoutSeconds" in state) != ("TimeoutSecondsPath" in state)


@pytest.mark.parametrize("state", identified(tasks()))
def test_every_retry_spreads_its_load(state: State) -> None:
    assert state["Retry"]
    assert set(seconds_of_retries(state)) == {"FULL"}


@pytest.mark.parametrize("state", identified([e for e in all_states() if "Choices" in e[2]]))
def test_every_choice_has_a_default(state: State) -> None:
    assert "Default" in state


@pytest.mark.parametrize("state", LAMBDAS)
def test_a_function_that_failed_through_no_fault_of_its_code_is_called_again(state: State) -> None:
    errors = errors_retried(state)
    assert errors >= REPORTED_BY_LAMBDA | {"Unavailable", "States.Timeout"}
    assert "States.ALL" not in errors


def test_a_look_that_fails_for_good_fails_slowly() -> None:
    """Each generation that gives up is followed at once; they must not chase each other."""
    look = next(state for _, name, state in tasks() if name == "ActOnDueClocks")
    last = look["Retry"][-1]
    assert last["ErrorEquals"] == ["States.TaskFailed"]
    pauses = [
        min(last["IntervalSeconds"] * last["BackoffRate"] ** n, last["MaxDelaySeconds"])
        for n in range(last["MaxAttempts"])
    ]
    assert sum(pauses) / 2 >= 120, "with full jitter, minutes on average"


@pytest.mark.parametrize("state", LAMBDAS)
def test_whatever_else_a_function_raises_is_caught(state: State) -> None:
    assert [entry["ErrorEquals"] for entry in state["Catch"]][-1] == ["States.ALL"]
    assert all(entry["ResultPath"] not in ("$", None) for entry in state["Catch"]), (
        "the input is kept"
    )


@pytest.mark.parametrize("state", LAMBDAS)
def test_a_task_outlives_the_function_it_calls(state: State) -> None:
    [name] = PLACEHOLDER.findall(state["Parameters"]["FunctionName"])
    function = written_of_type("AWS::Serverless::Function")[name.removesuffix("Arn")]
    assert state["TimeoutSeconds"] >= function["Properties"]["Timeout"]


# ------------------------------------------------------------------ waits for a token


@pytest.mark.parametrize("state", WAITS)
def test_a_wait_takes_its_seconds_from_its_input(state: State) -> None:
    assert state["TimeoutSecondsPath"] == "$.wait"
    assert {"TimeoutSeconds", "HeartbeatSeconds", "HeartbeatSecondsPath"}.isdisjoint(state)
    assert {"InputPath", "OutputPath", "ResultPath", "ResultSelector"}.isdisjoint(state), (
        "its result is the input of the next wait, whole"
    )


@pytest.mark.parametrize("state", WAITS)
def test_a_wait_repeats_only_a_write_that_was_not_done(state: State) -> None:
    errors = errors_retried(state)
    assert errors
    assert errors <= MAY_REPEAT_A_TOKEN_WRITE


@pytest.mark.parametrize("state", WAITS)
def test_a_wait_that_ends_in_any_other_way_looks(state: State) -> None:
    [catch] = state["Catch"]
    assert catch["ErrorEquals"] == ["States.ALL"]
    assert catch["Next"] == "ActOnDueClocks"
    assert catch["ResultPath"] == "$.woken", "ticket and generation stay in the input"


@pytest.mark.parametrize("state", WAITS)
def test_a_wait_is_armed_only_if_nothing_moved_since(state: State) -> None:
    parameters = state["Parameters"]
    assert parameters["ConditionExpression"] == "gen = :gen AND seq = :seq AND phase = :phase"
    assert parameters["UpdateExpression"] == "SET armed = :armed REMOVE awake, awake_since"
    values = parameters["ExpressionAttributeValues"]
    assert values[":gen"] == {"N.$": "States.Format('{}', $.gen)"}
    assert values[":seq"] == {"N.$": "States.Format('{}', $.seq)"}
    armed = values[":armed"]["M"]
    assert armed["token"] == {"S.$": "$$.Task.Token"}
    assert armed["seq"] == values[":seq"]
    assert armed["phase"] == values[":phase"]


def test_only_the_database_is_waited_with() -> None:
    """A Lambda that waits for a token would swallow its own errors, and cost while it waits."""
    for _, _, state in tasks():
        if waits_for_token(state):
            resource = state["Resource"]
            assert resource == "arn:aws:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken"


@pytest.mark.parametrize("file", MACHINES)
def test_no_duration_is_written_in_a_machine(file: str) -> None:
    kinds = {state["Type"] for _, state in states_of(machine(file))}
    assert "Wait" not in kinds, "code computes deadlines, machines wait for them"
    assert "TimeoutSeconds" not in machine(file), "a ticket may live for a year"


# ------------------------------------------------------------------ machine and code agree


def wait_of() -> dict[Phase, str]:
    """The wait that each phase sleeps in, by what it writes."""
    waits = {
        state["Parameters"]["ExpressionAttributeValues"][":phase"]["S"]: name
        for name, state in states_of(machine("ticket.asl.json"))
        if waits_for_token(state)
    }
    return {Phase(phase): name for phase, name in waits.items()}


def test_every_phase_has_its_own_wait() -> None:
    assert set(wait_of()) == set(Phase) - {Phase.CLOSED}
    assert len(set(wait_of().values())) == len(Phase) - 1


def test_the_relay_knows_the_successor_of_each_wait() -> None:
    states = machine("ticket.asl.json")["States"]
    reached = {name: phase for phase, name in wait_of().items()}
    chain = {
        phase: Phase.CLOSED if states[name].get("End") else reached[states[name]["Next"]]
        for phase, name in wait_of().items()
    }
    assert chain == NEXT_WAIT


def test_a_look_leads_to_the_wait_of_each_phase() -> None:
    choice = machine("ticket.asl.json")["States"]["WhichPhase"]
    led = {entry["StringEquals"]: entry["Next"] for entry in choice["Choices"]}
    assert led == {**wait_of(), Phase.CLOSED: "CloseTicket"}
    assert all(entry["Variable"] == "$.phase" for entry in choice["Choices"])
    assert timers.SUPERSEDED not in led
    assert choice["Default"] == "YieldToNewerGeneration"


def test_a_life_begins_with_the_acknowledgement() -> None:
    assert machine("ticket.asl.json")["StartAt"] == wait_of()[Phase.ACKNOWLEDGEMENT]


def test_a_machine_reads_nothing_of_its_input_but_a_sleep() -> None:
    """Ids and times only ever pass through the ticket machine, never personal data."""
    read = {
        part
        for text in strings(machine("ticket.asl.json"))
        for part in re.findall(r"(?<!\$)\$\.(\w+)", text)
    }
    assert read - {"woken", "fault", "Payload"} <= set(timers.Sleep.__slots__)


# ------------------------------------------------------------------ executions that sleep on

PROMISED_SLEEP = {"ticket", "gen", "seq", "phase", "wait"}
"""What waits of every definition that was ever deployed read of their input. Add, never remove."""

PROMISED_PHASES = {
    "acknowledgement",
    "first_response",
    "resolution",
    "callback",
    "survey",
    "closed",
}
"""What a look may answer, as every definition that was ever deployed knows it."""


def test_what_sleeps_under_an_older_definition_is_still_given_what_it_reads() -> None:
    assert set(timers.Sleep.__slots__) >= PROMISED_SLEEP
    assert {phase.value for phase in Phase} >= PROMISED_PHASES


def test_a_look_is_asked_for_with_what_every_definition_sends() -> None:
    payload = machine("ticket.asl.json")["States"]["ActOnDueClocks"]["Parameters"]["Payload"]
    assert {"ticket.$", "gen.$"} <= set(payload)


@pytest.mark.parametrize(
    ("logical_id", "property_name", "value"),
    [
        ("TicketMachine", "Name", "${AWS::StackName}-ticket"),
        ("WorkflowFunction", "FunctionName", "${AWS::StackName}-workflow"),
    ],
)
def test_what_running_executions_name_keeps_its_name(
    logical_id: str, property_name: str, value: str
) -> None:
    """Another name would be another machine or function: the old one is deleted under sleepers."""
    resource = written()["Resources"][logical_id]
    assert resource["Properties"][property_name] == {"Fn::Sub": value}


def test_the_role_that_running_executions_keep_is_changed_in_place() -> None:
    role = written()["Resources"]["TicketMachineRole"]["Properties"]
    assert not {"RoleName", "Path"} & set(role), "a change of either replaces the role"
    machine_role = written()["Resources"]["TicketMachine"]["Properties"]["Role"]
    assert machine_role == {"Fn::GetAtt": ["TicketMachineRole", "Arn"]}


def test_every_open_ticket_is_compared_with_its_workflow_once_a_day() -> None:
    [schedule] = [
        resource["Properties"]
        for resource in of_type("AWS::Scheduler::Schedule").values()
        if resource["Properties"]["Target"]["Input"] == '{"task": "reconcile"}'
    ]
    assert schedule["ScheduleExpression"] == "cron(30 3 * * ? *)"
    assert schedule["Target"]["Arn"] == {"Fn::GetAtt": ["RepairFunction", "Arn"]}
    assert schedule["Target"]["DeadLetterConfig"], "a run that cannot begin is heard of"


# ------------------------------------------------------------------ template and machines agree


@pytest.mark.parametrize("file", MACHINES)
def test_placeholders_and_substitutions_are_the_same(file: str) -> None:
    [properties] = [
        resource["Properties"]
        for resource in written_of_type("AWS::Serverless::StateMachine").values()
        if resource["Properties"]["DefinitionUri"] == f"statemachines/{file}"
    ]
    used = {name for text in strings(machine(file)) for name in PLACEHOLDER.findall(text)}
    assert used == set(properties["DefinitionSubstitutions"])


def test_every_machine_of_the_template_has_a_file() -> None:
    machines = written_of_type("AWS::Serverless::StateMachine").values()
    named = [resource["Properties"]["DefinitionUri"] for resource in machines]
    assert sorted(named) == [f"statemachines/{file}" for file in MACHINES]


def test_no_machine_logs_what_it_carries() -> None:
    for name, resource in written_of_type("AWS::Serverless::StateMachine").items():
        logging = resource["Properties"]["Logging"]
        assert logging["IncludeExecutionData"] is False, f"{name} would log its task tokens"
        assert logging["Level"] == "ERROR"
