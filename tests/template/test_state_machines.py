"""The rules for every state of every machine, and the agreement between machines and code."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any, get_args

import pytest

from redress.rehearsals import messages as rehearsals
from redress.rehearsals.cases import Listed
from redress.scores import messages as scores
from redress.scores.cases.runs import Month
from redress.tickets.rules.ticket import Phase
from redress.workflow.cases.relay import NEXT_WAIT
from redress.workflow.cases.timers import SUPERSEDED
from redress.workflow.messages import Sleep, Woken
from tests.template.documents import (
    MACHINES,
    PLACEHOLDER,
    all_states,
    called,
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
"""Throttling and transaction conflicts. After these errors the token was not written."""

REPORTED_BY_LAMBDA = {
    "Lambda.AWSLambdaException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.SdkClientException",
    "Lambda.ServiceException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
}
"""Errors of the Lambda service, of a killed process and of a timeout, not of a function's code."""


def identified(entries: list[tuple[str, str, State]]) -> Any:
    """One parameter of a test per state, with the names of machine and state as its id."""
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


def test_no_set_of_machines_or_states_under_test_is_empty() -> None:
    assert {"ticket.asl.json", "scores.asl.json", "rehearsal.asl.json"} <= set(MACHINES)
    assert len(WAITS) == len(Phase) - 1
    assert LAMBDAS


@pytest.mark.parametrize("state", identified(all_states()))
def test_every_state_has_a_comment(state: State) -> None:
    assert len(state.get("Comment", "")) > 20


@pytest.mark.parametrize(("file", "name", "state"), all_states())
def test_names_of_states_are_verb_phrases_and_names_of_choices_are_questions(
    file: str, name: str, state: State
) -> None:
    first, *rest = words(name)
    assert "".join([first, *rest]) == name
    if state["Type"] == "Choice":
        assert first in QUESTIONS
    else:
        assert first in VERBS, f"is {first} a verb? then add it to VERBS"


@pytest.mark.parametrize("file", MACHINES)
def test_every_machine_has_a_comment(file: str) -> None:
    assert len(machine(file)["Comment"]) > 50
    assert "QueryLanguage" not in machine(file), "the tests' interpreter reads only JSONPath"


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
def test_every_retry_has_full_jitter(state: State) -> None:
    assert state["Retry"]
    assert set(seconds_of_retries(state)) == {"FULL"}


@pytest.mark.parametrize("state", identified([e for e in all_states() if "Choices" in e[2]]))
def test_every_choice_has_a_default(state: State) -> None:
    assert "Default" in state


@pytest.mark.parametrize("state", LAMBDAS)
def test_function_is_called_again_after_an_error_that_its_code_did_not_cause(state: State) -> None:
    errors = errors_retried(state)
    assert errors >= REPORTED_BY_LAMBDA | {"Unavailable", "States.Timeout"}
    assert "States.ALL" not in errors


def test_check_of_the_clocks_that_keeps_failing_is_retried_for_minutes() -> None:
    """The next generation begins as soon as one gives up, so giving up must take some time."""
    check = next(state for _, name, state in tasks() if name == "ActOnDueClocks")
    last = check["Retry"][-1]
    assert last["ErrorEquals"] == ["States.TaskFailed"]
    pauses = [
        min(last["IntervalSeconds"] * last["BackoffRate"] ** n, last["MaxDelaySeconds"])
        for n in range(last["MaxAttempts"])
    ]
    assert sum(pauses) / 2 >= 120, "full jitter halves the pauses on average"


@pytest.mark.parametrize("state", LAMBDAS)
def test_any_other_error_of_a_function_is_caught(state: State) -> None:
    assert [entry["ErrorEquals"] for entry in state["Catch"]][-1] == ["States.ALL"]
    assert all(entry["ResultPath"] not in ("$", None) for entry in state["Catch"]), (
        "the input is kept"
    )


@pytest.mark.parametrize("state", LAMBDAS)
def test_task_has_a_longer_timeout_than_the_function_that_it_calls(state: State) -> None:
    [name] = PLACEHOLDER.findall(state["Parameters"]["FunctionName"])
    function = written_of_type("AWS::Serverless::Function")[name.removesuffix("Arn")]
    assert state["TimeoutSeconds"] >= function["Properties"]["Timeout"]


# ------------------------------------------------------------------ waits for a token


@pytest.mark.parametrize("state", WAITS)
def test_wait_takes_its_seconds_from_its_input(state: State) -> None:
    assert state["TimeoutSecondsPath"] == "$.wait"
    assert {"TimeoutSeconds", "HeartbeatSeconds", "HeartbeatSecondsPath"}.isdisjoint(state)
    assert {"InputPath", "OutputPath", "ResultPath", "ResultSelector"}.isdisjoint(state), (
        "its complete result is the input of the next wait"
    )


@pytest.mark.parametrize("state", WAITS)
def test_wait_retries_only_errors_after_which_nothing_was_written(state: State) -> None:
    errors = errors_retried(state)
    assert errors
    assert errors <= MAY_REPEAT_A_TOKEN_WRITE


@pytest.mark.parametrize("state", WAITS)
def test_wait_that_ends_with_any_error_checks_the_clocks(state: State) -> None:
    [catch] = state["Catch"]
    assert catch["ErrorEquals"] == ["States.ALL"]
    assert catch["Next"] == "ActOnDueClocks"
    assert catch["ResultPath"] == "$.woken", "ticket and generation stay in the input"


@pytest.mark.parametrize("state", WAITS)
def test_wait_is_armed_only_if_the_timer_has_not_changed(state: State) -> None:
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


def test_only_writes_to_the_table_wait_for_a_token() -> None:
    """A Lambda task that waits would hide the errors of its function and cost an invocation."""
    for _, _, state in tasks():
        if waits_for_token(state):
            _, _, integration = state["Resource"].partition(":states:::")
            assert integration == "aws-sdk:dynamodb:updateItem.waitForTaskToken"


@pytest.mark.parametrize("state", identified(tasks()))
def test_tasks_name_the_partition_of_their_region(state: State) -> None:
    assert state["Resource"].startswith("arn:${Partition}:states:::")


@pytest.mark.parametrize("file", ["scores.asl.json", "rehearsal.asl.json"])
def test_maps_run_as_many_parts_as_the_template_says(file: str) -> None:
    """A substitution is text, but a map wants a number: the step before converts it."""
    states = machine(file)["States"]
    [(name, each)] = [(name, one) for name, one in states.items() if one["Type"] == "Map"]
    assert each["MaxConcurrencyPath"] == "$.at_once"
    [before] = [one for one in states.values() if one.get("Next") == name]
    assert before["ResultSelector"]["at_once.$"] == "States.StringToJson('${PartsAtOnce}')"


def test_steps_before_a_map_pass_on_all_that_their_function_returns() -> None:
    listed = {"scores.asl.json": ("ListAgents", Month), "rehearsal.asl.json": ("ListParts", Listed)}
    for file, (name, answer) in listed.items():
        selected = machine(file)["States"][name]["ResultSelector"]
        passed = {key.removesuffix(".$"): value for key, value in selected.items()}
        del passed["at_once"]
        assert passed == {one.name: f"$.Payload.{one.name}" for one in fields(answer)}


@pytest.mark.parametrize("file", MACHINES)
def test_no_machine_contains_a_duration(file: str) -> None:
    waits = [state for _, state in states_of(machine(file)) if state["Type"] == "Wait"]
    own = [wait.keys() & {"Seconds", "Timestamp"} for wait in waits]
    assert not any(own), "code computes deadlines, machines wait for them"
    assert "TimeoutSeconds" not in machine(file), "a ticket may live for a year"


# ------------------------------------------------------------------ machine and code agree


def wait_of() -> dict[Phase, str]:
    """The wait of each phase, found by the phase that the wait writes."""
    waits = {
        state["Parameters"]["ExpressionAttributeValues"][":phase"]["S"]: name
        for name, state in states_of(machine("ticket.asl.json"))
        if waits_for_token(state)
    }
    return {Phase(phase): name for phase, name in waits.items()}


def test_every_phase_has_its_own_wait() -> None:
    assert set(wait_of()) == set(Phase) - {Phase.CLOSED}
    assert len(set(wait_of().values())) == len(Phase) - 1


def test_relay_knows_the_wait_that_follows_each_wait() -> None:
    states = machine("ticket.asl.json")["States"]
    reached = {name: phase for phase, name in wait_of().items()}
    chain = {
        phase: Phase.CLOSED if states[name].get("End") else reached[states[name]["Next"]]
        for phase, name in wait_of().items()
    }
    assert chain == NEXT_WAIT


def test_check_of_the_clocks_leads_to_the_wait_of_each_phase() -> None:
    choice = machine("ticket.asl.json")["States"]["WhichPhase"]
    led = {entry["StringEquals"]: entry["Next"] for entry in choice["Choices"]}
    assert led == {**wait_of(), Phase.CLOSED: "CloseTicket"}
    assert all(entry["Variable"] == "$.phase" for entry in choice["Choices"])
    assert SUPERSEDED not in led
    assert choice["Default"] == "YieldToNewerGeneration"


def test_ticket_machine_starts_with_the_acknowledgement() -> None:
    assert machine("ticket.asl.json")["StartAt"] == wait_of()[Phase.ACKNOWLEDGEMENT]


def test_ticket_machine_reads_only_the_fields_of_a_sleep_from_its_input() -> None:
    """Only ids and times pass through the ticket machine, never personal data."""
    read = {
        part
        for text in strings(machine("ticket.asl.json"))
        for part in re.findall(r"(?<!\$)\$\.(\w+)", text)
    }
    assert read - {"woken", "fault", "Payload"} <= set(Sleep.__struct_fields__)


TASKS = {kind.__struct_config__.tag: kind for kind in get_args(scores.Task)} | {
    f"rehearsal {kind.__struct_config__.tag}": kind for kind in get_args(rehearsals.Task)
}


@pytest.mark.parametrize(("file", "prefix"), [("scores", ""), ("rehearsal", "rehearsal ")])
def test_payload_of_every_task_has_the_fields_of_its_message(file: str, prefix: str) -> None:
    payloads = [
        state["Parameters"]["Payload"]
        for machine_file, _, state in tasks()
        if machine_file == f"{file}.asl.json"
        and "task" in state.get("Parameters", {}).get("Payload", {})
    ]
    assert payloads
    for payload in payloads:
        kind = TASKS[prefix + payload["task"]]
        fields = {name.removesuffix(".$") for name in payload} - {"task"}
        assert fields == set(kind.__struct_fields__)


def test_payload_of_a_check_has_the_fields_of_its_message() -> None:
    payload = machine("ticket.asl.json")["States"]["ActOnDueClocks"]["Parameters"]["Payload"]
    assert {name.removesuffix(".$") for name in payload} == set(Woken.__struct_fields__)


# ------------------------------------------------------------------ executions that sleep on

PROMISED_SLEEP = {"ticket", "gen", "seq", "phase", "wait"}
"""The fields of their input that waits read, in any definition that was ever deployed. Only add."""

PROMISED_PHASES = {
    "acknowledgement",
    "first_response",
    "resolution",
    "callback",
    "survey",
    "closed",
}
"""The phases that every definition that was ever deployed knows."""


def test_executions_of_older_definitions_still_get_the_fields_and_phases_that_they_read() -> None:
    assert set(Sleep.__struct_fields__) >= PROMISED_SLEEP
    assert {phase.value for phase in Phase} >= PROMISED_PHASES


def test_check_of_the_clocks_gets_the_fields_that_every_definition_sends() -> None:
    payload = machine("ticket.asl.json")["States"]["ActOnDueClocks"]["Parameters"]["Payload"]
    assert {"ticket.$", "gen.$"} <= set(payload)


@pytest.mark.parametrize(
    ("logical_id", "property_name", "value"),
    [
        ("TicketMachine", "Name", "${AWS::StackName}-ticket"),
        ("WorkflowFunction", "FunctionName", "${AWS::StackName}-workflow"),
    ],
)
def test_resource_that_running_executions_name_keeps_its_name(
    logical_id: str, property_name: str, value: str
) -> None:
    """A new name would replace the resource and delete the old one, which executions still use."""
    resource = written()["Resources"][logical_id]
    assert resource["Properties"][property_name] == {"Fn::Sub": value}


def test_role_that_running_executions_keep_is_updated_in_place() -> None:
    role = written()["Resources"]["TicketMachineRole"]["Properties"]
    assert not {"RoleName", "Path"} & set(role), "a change of either replaces the role"
    machine_role = written()["Resources"]["TicketMachine"]["Properties"]["Role"]
    assert machine_role == {"Fn::GetAtt": ["TicketMachineRole", "Arn"]}


def test_reconciliation_runs_once_a_day() -> None:
    [schedule] = [
        resource["Properties"]
        for resource in of_type("AWS::Scheduler::Schedule").values()
        if resource["Properties"]["Target"]["Input"] == '{"task": "reconcile"}'
    ]
    assert schedule["ScheduleExpression"] == "cron(30 3 * * ? *)"
    assert called(schedule["Target"]["Arn"]) == "RepairFunction"
    assert schedule["Target"]["DeadLetterConfig"], "a run that cannot begin is reported"


# ------------------------------------------------------------------ template and machines agree


@pytest.mark.parametrize("file", MACHINES)
def test_placeholders_of_a_machine_are_its_substitutions(file: str) -> None:
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


def test_no_machine_logs_execution_data() -> None:
    for name, resource in written_of_type("AWS::Serverless::StateMachine").items():
        logging = resource["Properties"]["Logging"]
        assert logging["IncludeExecutionData"] is False, f"{name} would log its task tokens"
        assert logging["Level"] == "ERROR"
