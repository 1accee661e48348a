"""The local cloud behaves like AWS where Redress relies on it: at least one test for each patch.

Each test fails on the unpatched emulator (`LOCAL_CLOUD=plain`), except those under the last
heading. These check what needs no patch, so that a new version of the emulator cannot lose it
unnoticed.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from local import endpoints, mails, process, stack
from local.calls import counted
from local.faults import Do, Fault, accept_mail, happened, refuse_mail, turn_off, turn_on
from local.patches import VERSION, WrongEmulator, check_version
from local.patches.turns import ENVIRONMENTS, Turns
from tests import uploads
from tests.local.laboratory import ROLE, Laboratory, archive, eventually, unique

# ------------------------------------------------------------------------------ functions


def test_function_can_import_only_its_code_and_its_layers(laboratory: Laboratory) -> None:
    layers = [
        laboratory.client("lambda").publish_layer_version(
            LayerName=unique("layer"),
            Content={
                "ZipFile": archive(python__mine=f"A = {text!r}", python__app="B = 'of a layer'")
            },
        )["LayerVersionArn"]
        for text in ("below", "above")
    ]
    code = """
        import sys
        import mine
        B = "of the function"
        def handler(event, context):
            import app
            found = []
            for name in ("boto3", "rich", "pip"):
                try:
                    __import__(name)
                    found.append(name)
                except ImportError:
                    continue
            loaded = "botocore" in sys.modules
            return {"found": found, "mine": mine.A, "app": app.B, "loaded": loaded}
    """
    name = laboratory.function(code, tuple(layers))

    answer, error = laboratory.invoke(name)

    assert error is None
    # The function's code comes before its layers, and a later layer before an earlier one.
    assert answer == {"found": [], "mine": "above", "app": "of the function", "loaded": False}


def test_environments_share_unpacked_files(laboratory: Laboratory) -> None:
    code = """
        import os
        def handler(event, context):
            return [os.path.realpath(__file__), os.getpid()]
    """
    one, other = (laboratory.invoke(laboratory.function(code))[0] for _ in range(2))

    assert one[0] == other[0]
    assert one[1] != other[1]


def test_function_has_the_environment_of_the_runtime_not_of_the_shell(
    laboratory: Laboratory,
) -> None:
    code = """
        import os, time
        def handler(event, context):
            names = ("AWS_EXECUTION_ENV", "TZ", "AWS_LAMBDA_FUNCTION_NAME", "MINE")
            left = context.get_remaining_time_in_millis()
            return {"env": {n: os.environ.get(n) for n in names}, "zone": time.tzname[0],
                    "shell": "PYTEST_CURRENT_TEST" in os.environ or "VIRTUAL_ENV" in os.environ,
                    "memory": context.memory_limit_in_mb, "left": 18000 < left <= 20000,
                    "arn": context.invoked_function_arn, "id": len(context.aws_request_id)}
    """
    name = laboratory.function(code, Environment={"Variables": {"MINE": "1"}}, MemorySize=256)

    answer, _ = laboratory.invoke(name)

    assert answer == {
        "env": {
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "TZ": ":UTC",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "MINE": "1",
        },
        "zone": "UTC",
        "shell": False,
        "memory": "256",
        "left": True,
        "arn": laboratory.arn(name),
        "id": 36,
    }


def test_function_that_raises_reports_its_exception_and_stays_warm(
    laboratory: Laboratory,
) -> None:
    code = """
        calls = 0
        class NotToday(Exception): ...
        def handler(event, context):
            global calls
            calls += 1
            if event == "raise":
                raise NotToday("come again")
            return calls
    """
    name = laboratory.function(code)

    answer, error = laboratory.invoke(name, "raise")
    calls, _ = laboratory.invoke(name, "count")

    assert error == "Unhandled"
    assert (answer["errorType"], answer["errorMessage"]) == ("NotToday", "come again")
    assert "raise NotToday" in answer["stackTrace"][-1]
    assert calls == 2


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("import nowhere_to_be_found", "Runtime.ImportModuleError"),
        ("handel = 1", "Runtime.HandlerNotFound"),
        ("raise ValueError('at import')", "ValueError"),
        ("def handler(event, context): return {1, 2}", "Runtime.MarshalError"),
        ("import os\ndef handler(event, context): os._exit(3)", "Runtime.ExitError"),
    ],
)
def test_function_that_cannot_answer_reports_the_error_type(
    laboratory: Laboratory, code: str, kind: str
) -> None:
    answer, error = laboratory.invoke(laboratory.function(code))

    assert (error, answer["errorType"]) == ("Unhandled", kind)


def test_output_of_a_function_does_not_disturb_its_answer(laboratory: Laboratory) -> None:
    code = """
        import os, sys
        def handler(event, context):
            print('{"status": "ok", "result": "printed"}')
            os.write(1, b'{"status": "ok", "result": "written"}\\n')
            return "returned: \\u8bb0"
    """
    assert laboratory.invoke(laboratory.function(code)) == ("returned: 记", None)


def test_many_calls_at_once_share_a_few_environments_and_all_are_answered(
    laboratory: Laboratory,
) -> None:
    code = """
        import os, time
        def handler(event, context):
            time.sleep(0.3)
            return os.getpid()
    """
    name = laboratory.function(code)
    calls = 3 * ENVIRONMENTS

    with ThreadPoolExecutor(calls) as pool:
        answers = list(pool.map(lambda _: laboratory.invoke(name), range(calls)))

    assert [error for _, error in answers] == [None] * calls
    # More than one environment ran, but not more than the limit.
    assert 1 < len({process for process, _ in answers}) <= ENVIRONMENTS


def test_callers_run_in_order_and_one_that_waited_too_long_runs_anyway() -> None:
    turns, came = Turns(1, 0.2), list[str]()

    def call(name: str) -> None:
        with turns.turn():
            came.append(name)

    with turns.turn():
        inside = threading.Thread(target=call, args=("impatient",))
        inside.start()
        inside.join()
        threads = []
        for name in ("first", "second"):
            threads.append(threading.Thread(target=call, args=(name,)))
            threads[-1].start()
            time.sleep(0.05)
        assert came == ["impatient"]
    for thread in threads:
        thread.join()
    assert came == ["impatient", "first", "second"]
    with turns.turn():  # no place was lost
        pass


def test_event_for_a_failing_function_goes_to_its_failure_destination(
    laboratory: Laboratory,
) -> None:
    url, queue = laboratory.queue()
    name = laboratory.function("def handler(event, context): raise RuntimeError(event['detail'])")
    laboratory.client("lambda").put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnFailure": {"Destination": queue}}
    )
    source = unique("laboratory")
    events = laboratory.client("events")
    events.put_rule(Name=source, EventPattern=json.dumps({"source": [source]}))
    events.put_targets(Rule=source, Targets=[{"Id": "f", "Arn": laboratory.arn(name)}])

    events.put_events(Entries=[{"Source": source, "DetailType": "t", "Detail": '{"a": 1}'}])

    message = laboratory.received(url)[0]
    assert message["responsePayload"]["errorType"] == "RuntimeError"
    assert message["requestPayload"]["detail"] == {"a": 1}


def test_failed_asynchronous_call_of_an_alias_goes_to_the_destination_of_the_alias(
    laboratory: Laboratory,
) -> None:
    url, queue = laboratory.queue()
    name = laboratory.function("def handler(event, context): raise RuntimeError(event['id'])")
    alias = laboratory.alias(name)
    functions = laboratory.client("lambda")
    functions.put_function_event_invoke_config(
        FunctionName=name,
        Qualifier="live",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": queue}},
    )
    source = unique("laboratory")
    events = laboratory.client("events")
    events.put_rule(Name=source, EventPattern=json.dumps({"source": [source]}))
    events.put_targets(Rule=source, Targets=[{"Id": "f", "Arn": alias}])

    functions.invoke(FunctionName=alias, InvocationType="Event", Payload=b'{"id": "called"}')
    events.put_events(Entries=[{"Source": source, "DetailType": "t", "Detail": "{}"}])
    functions.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"id": "no alias"}')

    called, event = sorted(
        laboratory.received(url, 2), key=lambda one: "detail-type" in one["requestPayload"]
    )
    assert called["requestPayload"] == {"id": "called"}
    assert event["requestPayload"]["source"] == source
    assert laboratory.client("sqs").receive_message(QueueUrl=url).get("Messages", []) == []


def test_answer_of_an_asynchronous_call_goes_to_the_function_that_is_its_destination(
    laboratory: Laboratory,
) -> None:
    name = laboratory.function(
        "def handler(event, context): return {'said': event['id']} if event['id'] else 1 / 0"
    )
    # It fails, so what it was told lies in its own queue.
    told = laboratory.function("def handler(event, context): raise RuntimeError")
    aliases = laboratory.alias(name), laboratory.alias(told)
    url, queue = laboratory.queue()
    functions = laboratory.client("lambda")
    wanted = {"OnSuccess": {"Destination": aliases[1]}}, {"OnFailure": {"Destination": queue}}
    for function, destination in zip((name, told), wanted, strict=True):
        functions.put_function_event_invoke_config(
            FunctionName=function,
            Qualifier="live",
            MaximumRetryAttempts=0,
            DestinationConfig=destination,
        )

    for payload in (b'{"id": ""}', b'{"id": "asked"}'):
        functions.invoke(FunctionName=aliases[0], InvocationType="Event", Payload=payload)
    functions.invoke(FunctionName=aliases[0], Payload=b'{"id": "nobody is told"}')

    record = laboratory.received(url)[0]["requestPayload"]
    assert record["requestContext"]["condition"] == "Success"
    assert record["requestPayload"] == {"id": "asked"}
    assert record["responsePayload"] == {"said": "asked"}
    assert laboratory.client("sqs").receive_message(QueueUrl=url).get("Messages", []) == []


def test_reserved_concurrency_of_a_function_holds_for_its_alias(laboratory: Laboratory) -> None:
    name = laboratory.function("def handler(event, context): return 1")
    alias = laboratory.alias(name)
    functions = laboratory.client("lambda")
    assert laboratory.invoke(alias) == (1, None)

    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)

    with pytest.raises(functions.exceptions.TooManyRequestsException):
        functions.invoke(FunctionName=alias)


def test_mapping_that_an_update_moves_to_an_alias_calls_the_version_of_the_alias(
    laboratory: Laboratory,
) -> None:
    url, queue = laboratory.queue()
    code = _SEND + "def handler(event, context): send(VERSION)"
    name = laboratory.function(
        f"VERSION = 'of the alias'\n{code}", Environment={"Variables": {"URL": _log(laboratory)}}
    )
    alias = laboratory.alias(name)
    laboratory.client("lambda").update_function_code(
        FunctionName=name, ZipFile=archive(app=f"VERSION = 'newest'\n{code}")
    )
    stacks, stack_name = laboratory.client("cloudformation"), unique("stack")

    def mapped(function: str) -> str:
        properties = {"EventSourceArn": queue, "FunctionName": function}
        mapping = {"Type": "AWS::Lambda::EventSourceMapping", "Properties": properties}
        return json.dumps({"Resources": {"Mapping": mapping}})

    stacks.create_stack(StackName=stack_name, TemplateBody=mapped(name))
    stacks.get_waiter("stack_create_complete").wait(StackName=stack_name)
    [before] = stacks.list_stack_resources(StackName=stack_name)["StackResourceSummaries"]
    stacks.update_stack(StackName=stack_name, TemplateBody=mapped(alias))
    stacks.get_waiter("stack_update_complete").wait(StackName=stack_name)
    [after] = stacks.list_stack_resources(StackName=stack_name)["StackResourceSummaries"]

    laboratory.client("sqs").send_message(QueueUrl=url, MessageBody="{}")

    assert laboratory.received(_url(laboratory, name)) == ["of the alias"]
    assert before["PhysicalResourceId"] == after["PhysicalResourceId"], "it keeps its position"


def test_idle_process_of_a_version_ends_when_its_alias_moves(laboratory: Laboratory) -> None:
    name = laboratory.function("import os\ndef handler(event, context): return os.getpid()")
    alias = laboratory.alias(name)
    functions = laboratory.client("lambda")
    process_id, _ = laboratory.invoke(alias)
    functions.update_function_configuration(FunctionName=name, Timeout=7)
    version = functions.publish_version(FunctionName=name)["Version"]
    assert is_running(process_id)

    functions.update_alias(FunctionName=name, Name="live", FunctionVersion=version)

    eventually(lambda: not is_running(process_id), "the process of the version before ends")
    assert laboratory.invoke(alias)[1] is None


def is_running(process_id: int) -> bool:
    """Whether a process is there and was not ended. A dead child stays until it is waited for."""
    status = Path(f"/proc/{process_id}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


# ------------------------------------------------------------------------------ workflows


def _await_token(table: str, key: str, **fields: Any) -> dict[str, Any]:
    """A state that stores its token under a condition and waits, as in the product."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken",
        "Parameters": {
            "TableName": table,
            "Key": {"pk": {"S": key}},
            "UpdateExpression": "SET armed = :token",
            "ConditionExpression": "attribute_not_exists(closed)",
            "ExpressionAttributeValues": {":token": {"S.$": "$$.Task.Token"}},
        },
        "End": True,
    } | fields


def _machine(state: dict[str, Any], **fields: Any) -> dict[str, Any]:
    after = {"Type": "Pass", "Parameters": {"caught.$": "$.error.Error"}, "End": True}
    return {"StartAt": "Wait", "States": {"Wait": state, "Caught": after}} | fields


def _catch(*names: str) -> list[dict[str, Any]]:
    return [{"ErrorEquals": list(names), "ResultPath": "$.error", "Next": "Caught"}]


def _token(laboratory: Laboratory, table: str, key: str) -> str:
    armed = eventually(lambda: laboratory.item(table, key).get("armed"), "the token is stored")
    return str(armed["S"])


def test_token_wait_times_out_after_the_seconds_in_its_input(laboratory: Laboratory) -> None:
    table = laboratory.table()
    wait = _await_token(table, "a", TimeoutSecondsPath="$.wait", Catch=_catch("States.Timeout"))
    began = time.monotonic()

    ended = laboratory.run(_machine(wait), {"wait": 1})

    assert json.loads(ended["output"]) == {"caught": "States.Timeout"}
    assert 1 <= time.monotonic() - began < 3


@pytest.mark.parametrize("seconds", [0, -1, 2.5, "3", True, None])
def test_token_wait_accepts_only_a_whole_number_of_seconds(
    laboratory: Laboratory, seconds: object
) -> None:
    wait = _await_token(laboratory.table(), "a", TimeoutSecondsPath="$.wait")

    ended = laboratory.run(_machine(wait), {"wait": seconds})

    assert (ended["status"], ended.get("error")) == ("FAILED", "States.Runtime")


def test_token_wait_with_a_heartbeat_fails_instead_of_passing_by_luck(
    laboratory: Laboratory,
) -> None:
    wait = _await_token(laboratory.table(), "a", TimeoutSeconds=1, HeartbeatSeconds=1)

    assert laboratory.run(_machine(wait), {})["error"] == "States.Runtime"


def test_stopped_execution_stays_stopped_and_refuses_answers(
    laboratory: Laboratory,
) -> None:
    states, table = laboratory.client("stepfunctions"), laboratory.table()
    machine = laboratory.machine(_machine(_await_token(table, "a", TimeoutSeconds=3)))
    execution = laboratory.start(machine, {})
    token = _token(laboratory, table, "a")

    states.stop_execution(executionArn=execution, error="Enough", cause="of it")

    with pytest.raises(states.exceptions.TaskTimedOut):
        states.send_task_success(taskToken=token, output="{}")
    time.sleep(3.5)  # until after the task's timeout, which would change the status to FAILED
    described = states.describe_execution(executionArn=execution)
    assert (described["status"], described["error"]) == ("ABORTED", "Enough")
    history = states.get_execution_history(executionArn=execution)["events"]
    assert history[-1]["type"] == "ExecutionAborted"


def test_execution_ends_at_the_machines_timeout_with_an_event_on_the_bus(
    laboratory: Laboratory,
) -> None:
    states, table = laboratory.client("stepfunctions"), laboratory.table()
    url, queue = laboratory.queue()
    wait = _await_token(table, "a", TimeoutSeconds=60)
    machine = laboratory.machine(_machine(wait, TimeoutSeconds=1))
    events, rule = laboratory.client("events"), unique("rule")
    pattern = {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"stateMachineArn": [machine], "status": ["FAILED", "TIMED_OUT", "ABORTED"]},
    }
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=rule, Targets=[{"Id": "q", "Arn": queue}])

    ended = laboratory.ended(laboratory.start(machine, {"number": "7"}))

    assert ended["status"] == "TIMED_OUT"
    detail = laboratory.received(url)[0]["detail"]
    assert (detail["status"], detail["executionArn"]) == ("TIMED_OUT", ended["executionArn"])
    assert json.loads(detail["input"]) == {"number": "7"}
    with pytest.raises(states.exceptions.TaskTimedOut):
        states.send_task_success(taskToken=_token(laboratory, table, "a"), output="{}")


def test_starting_the_same_execution_again_returns_the_running_one(laboratory: Laboratory) -> None:
    states = laboratory.client("stepfunctions")
    machine = laboratory.machine(_machine({"Type": "Wait", "Seconds": 1, "End": True}))
    name = unique("execution")

    first = laboratory.start(machine, {"a": 1}, name)

    assert laboratory.start(machine, {"a": 1}, name) == first
    with pytest.raises(states.exceptions.ExecutionAlreadyExists):
        laboratory.start(machine, {"a": 2}, name)
    laboratory.ended(first)
    with pytest.raises(states.exceptions.ExecutionAlreadyExists):
        laboratory.start(machine, {"a": 1}, name)


def test_execution_tells_with_which_definition_it_began(laboratory: Laboratory) -> None:
    states = laboratory.client("stepfunctions")
    waiting = _machine({"Type": "Wait", "Seconds": 5, "End": True})
    machine = laboratory.machine(waiting)
    created = states.describe_state_machine(stateMachineArn=machine)["creationDate"]
    first = laboratory.start(machine, {})
    time.sleep(1.1)  # the emulator may count whole seconds
    changed = json.dumps(waiting | {"Comment": "another"})
    updated = states.update_state_machine(stateMachineArn=machine, definition=changed)
    second = laboratory.start(machine, {})

    before, after = (
        states.describe_state_machine_for_execution(executionArn=execution)
        for execution in (first, second)
    )
    assert (json.loads(before["definition"]), before["updateDate"]) == (waiting, created)
    assert json.loads(after["definition"])["Comment"] == "another"
    assert abs(after["updateDate"] - updated["updateDate"]) < timedelta(seconds=1)


def test_answer_to_a_token_counts_once(laboratory: Laboratory) -> None:
    states, table = laboratory.client("stepfunctions"), laboratory.table()
    machine = laboratory.machine(_machine(_await_token(table, "a", TimeoutSeconds=30)))
    execution = laboratory.start(machine, {})
    token = _token(laboratory, table, "a")

    states.send_task_success(taskToken=token, output='{"answer": 1}')

    with pytest.raises(states.exceptions.TaskTimedOut):
        states.send_task_success(taskToken=token, output='{"answer": 2}')
    with pytest.raises(states.exceptions.InvalidToken):
        states.send_task_failure(taskToken="never-a-token", error="E", cause="c")
    assert json.loads(laboratory.ended(execution)["output"]) == {"answer": 1}


def test_task_is_retried_and_caught_by_the_name_of_the_functions_exception(
    laboratory: Laboratory,
) -> None:
    code = """
        calls = 0
        class TryAgain(Exception): ...
        class GiveUp(Exception): ...
        def handler(event, context):
            global calls
            calls += 1
            raise (TryAgain if calls < 3 else GiveUp)(str(calls))
    """
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": laboratory.function(code), "Payload.$": "$"},
        "TimeoutSeconds": 10,
        "Retry": [{"ErrorEquals": ["TryAgain"], "IntervalSeconds": 1, "BackoffRate": 1}],
        "Catch": _catch("GiveUp"),
        "End": True,
    }

    ended = laboratory.run(_machine(task), {})

    assert json.loads(ended["output"]) == {"caught": "GiveUp"}


def test_throttling_is_retried_by_the_name_of_its_error(laboratory: Laboratory) -> None:
    function = laboratory.function("def handler(event, context): return 1")
    functions = laboratory.client("lambda")
    functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function},
        "OutputPath": "$.Payload",
        "TimeoutSeconds": 10,
        "Retry": [{"ErrorEquals": ["Lambda.TooManyRequestsException"], "IntervalSeconds": 1}],
        "End": True,
    }
    execution = laboratory.start(laboratory.machine(_machine(task)), {})
    time.sleep(0.5)
    functions.delete_function_concurrency(FunctionName=function)

    ended = laboratory.ended(execution)

    assert (ended["status"], ended.get("output")) == ("SUCCEEDED", "1")


# ------------------------------------------------------------------------------ event sources


def _subscribe(laboratory: Laboratory, code: str, **settings: Any) -> tuple[str, str]:
    """Creates a table with a stream and a function that reads it. Returns both names."""
    name = laboratory.table(
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    )
    stream = laboratory.client("dynamodb").describe_table(TableName=name)["Table"][
        "LatestStreamArn"
    ]
    function = laboratory.function(code, Environment={"Variables": {"URL": _log(laboratory)}})
    laboratory.client("lambda").create_event_source_mapping(
        EventSourceArn=stream,
        FunctionName=function,
        StartingPosition="TRIM_HORIZON",
        **settings,
    )
    return name, function


def _log(laboratory: Laboratory) -> str:
    """The URL of a new queue, to which a function can report without an SDK."""
    return laboratory.queue()[0].replace("localhost", "127.0.0.1")


# These functions have no SDK, so they send to a queue by a plain request.
_SEND = """
import json, os, urllib.parse, urllib.request
def send(value):
    fields = {"Action": "SendMessage", "MessageBody": json.dumps(value)}
    data = urllib.parse.urlencode(fields).encode()
    urllib.request.urlopen(urllib.request.Request(os.environ["URL"], data))
def keys(event):
    return [record["dynamodb"]["Keys"]["pk"]["S"] for record in event["Records"]]
"""


def _url(laboratory: Laboratory, function: str) -> str:
    config = laboratory.client("lambda").get_function_configuration(FunctionName=function)
    return str(config["Environment"]["Variables"]["URL"])


def test_slow_consumer_of_one_stream_does_not_delay_another(laboratory: Laboratory) -> None:
    slow, _ = _subscribe(laboratory, "import time\ndef handler(e, c): time.sleep(15)")
    quick, function = _subscribe(
        laboratory, _SEND + "def handler(event, context): send(keys(event))"
    )
    laboratory.put(slow, "s")
    time.sleep(1)
    laboratory.put(quick, "first")
    assert laboratory.received(_url(laboratory, function), seconds=8) == [["first"]]
    # The function is warm now, so the next record must arrive at once.
    began = time.monotonic()
    laboratory.put(quick, "second")
    assert laboratory.received(_url(laboratory, function)) == [["second"]]
    assert time.monotonic() - began < 1


def test_second_reader_of_a_stream_goes_on_while_the_first_one_fails(
    laboratory: Laboratory,
) -> None:
    table, failing = _subscribe(
        laboratory,
        _SEND
        + """
def handler(event, context):
    send(keys(event))
    number = event["Records"][0]["dynamodb"]["SequenceNumber"]
    return {"batchItemFailures": [{"itemIdentifier": number}]}
""",
        FunctionResponseTypes=["ReportBatchItemFailures"],
        BisectBatchOnFunctionError=True,
        BatchSize=2,
    )
    described = laboratory.client("dynamodb").describe_table(TableName=table)["Table"]
    reader = laboratory.function(
        _SEND + "def handler(event, context): send(keys(event))",
        Environment={"Variables": {"URL": _log(laboratory)}},
    )
    laboratory.client("lambda").create_event_source_mapping(
        EventSourceArn=described["LatestStreamArn"],
        FunctionName=reader,
        StartingPosition="TRIM_HORIZON",
        BatchSize=1,
    )
    for key in ("a", "b", "c"):
        laboratory.put(table, key)

    seen = laboratory.received(_url(laboratory, reader), 3)
    assert seen == [["a"], ["b"], ["c"]]
    repeated = laboratory.received(_url(laboratory, failing), 3)
    assert {key for batch in repeated for key in batch} <= {"a", "b"}, "a later batch waits"
    assert all(batch[0] == "a" for batch in repeated), "the checkpoint is the reported record"
    last = max(repeated, key=len)
    assert repeated.count(last) > 1, "a report does not bisect the batch"


def test_stream_continues_from_the_reported_record(laboratory: Laboratory) -> None:
    code = (
        _SEND
        + """
seen = []
def handler(event, context):
    send(keys(event))
    for record in event["Records"]:
        key = record["dynamodb"]["Keys"]["pk"]["S"]
        if key == "bad" and seen.count("bad") < 2:
            seen.append(key)
            number = record["dynamodb"]["SequenceNumber"]
            return {"batchItemFailures": [{"itemIdentifier": number}]}
"""
    )
    table, function = _subscribe(
        laboratory,
        code,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        BatchSize=3,
        Enabled=False,
    )
    for key in ("good", "bad", "last"):
        laboratory.put(table, key)
    _enable(laboratory, function)

    batches = laboratory.received(_url(laboratory, function), 3)

    assert batches == [["good", "bad", "last"], ["bad", "last"], ["bad", "last"]]


def _enable(laboratory: Laboratory, function: str) -> None:
    functions = laboratory.client("lambda")
    mappings = functions.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mappings[0]["UUID"], Enabled=True)


def test_poison_record_goes_to_the_failure_destination_and_the_rest_is_delivered(
    laboratory: Laboratory,
) -> None:
    url, queue = laboratory.queue()
    code = (
        _SEND
        + """
def handler(event, context):
    if "bad" in keys(event):
        raise ValueError("poison")
    send(keys(event))
"""
    )
    table, function = _subscribe(
        laboratory,
        code,
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=1,
        BatchSize=4,
        Enabled=False,
        DestinationConfig={"OnFailure": {"Destination": queue}},
    )
    for key in ("a", "bad", "b", "c"):
        laboratory.put(table, key)
    _enable(laboratory, function)

    assert laboratory.received(_url(laboratory, function), 2) == [["a"], ["b", "c"]]
    record = laboratory.received(url)[0]
    assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert record["DDBStreamBatchInfo"]["batchSize"] == 1


def test_long_batch_is_divided_into_lanes_with_each_items_records_in_order(
    laboratory: Laboratory,
) -> None:
    code = (
        _SEND
        + """
import time
def handler(event, context):
    time.sleep(1)
    changes = [record["dynamodb"]["NewImage"]["change"]["S"] for record in event["Records"]]
    send([os.getpid(), list(zip(keys(event), changes))])
"""
    )
    table, function = _subscribe(
        laboratory, code, ParallelizationFactor=4, BatchSize=100, Enabled=False
    )
    for change in ("1", "2", "3"):
        for item in range(20):
            laboratory.put(table, f"item {item}", change=change)
    _enable(laboratory, function)

    lanes = laboratory.received(_url(laboratory, function), 4)

    assert len({process for process, _ in lanes}) > 1, "all lanes ran in one environment"
    for item in range(20):
        seen = [[change for key, change in lane if key == f"item {item}"] for _, lane in lanes]
        assert [changes for changes in seen if changes] == [["1", "2", "3"]]


def test_schedule_fires_within_two_seconds_of_its_time(laboratory: Laboratory) -> None:
    url, queue = laboratory.queue()
    at = time.time() + 2
    laboratory.client("scheduler").create_schedule(
        Name=unique("schedule"),
        ScheduleExpression=time.strftime("at(%Y-%m-%dT%H:%M:%S)", time.gmtime(at)),
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": queue, "RoleArn": ROLE, "Input": '{"task": "sweep"}'},
    )

    assert laboratory.received(url, seconds=5) == [{"task": "sweep"}]
    assert time.time() - int(at) < 2.5


# ------------------------------------------------------------------------------ tables and APIs


def test_table_of_a_template_has_time_to_live_and_point_in_time_recovery(
    laboratory: Laboratory,
) -> None:
    template = {
        "Resources": {
            "Table": {
                "Type": "AWS::DynamoDB::Table",
                "Properties": {
                    "BillingMode": "PAY_PER_REQUEST",
                    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                    "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": True},
                    "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
                },
            }
        },
        "Outputs": {"Name": {"Value": {"Ref": "Table"}}},
    }
    name = laboratory.deploy(template)["Name"]

    tables = laboratory.client("dynamodb")
    expiry = tables.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    backups = tables.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    assert (expiry["AttributeName"], expiry["TimeToLiveStatus"]) == ("expires", "ENABLED")
    assert recovery == "ENABLED"


def recovered_table(laboratory: Laboratory) -> str:
    """A table whose point-in-time recovery is on."""
    name = laboratory.table(DeletionProtectionEnabled=True)
    laboratory.client("dynamodb").update_continuous_backups(
        TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    return name


def test_restored_table_has_the_items_of_that_time_and_none_of_the_settings(
    laboratory: Laboratory,
) -> None:
    tables, name = laboratory.client("dynamodb"), recovered_table(laboratory)
    laboratory.put(name, "changed", is_="before")
    laboratory.put(name, "deleted", is_="there")
    laboratory.put(name, "same", is_="here")
    time.sleep(0.2)
    then = time.time()
    time.sleep(0.2)
    laboratory.put(name, "changed", is_="after")
    laboratory.put(name, "changed", is_="long after")
    tables.delete_item(TableName=name, Key={"pk": {"S": "deleted"}})
    laboratory.put(name, "new", is_="too late")
    restored = unique("restored")

    tables.restore_table_to_point_in_time(
        SourceTableName=name, TargetTableName=restored, RestoreDateTime=then
    )

    found = {item["pk"]["S"]: item["is_"]["S"] for item in tables.scan(TableName=restored)["Items"]}
    assert found == {"changed": "before", "deleted": "there", "same": "here"}
    described = tables.describe_table(TableName=restored)["Table"]
    assert not described["DeletionProtectionEnabled"]
    assert "StreamSpecification" not in described
    backups = tables.describe_continuous_backups(TableName=restored)
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "DISABLED"
    assert laboratory.item(name, "changed")["is_"]["S"] == "long after", "the source is as it was"


def test_table_is_restored_only_to_a_time_within_its_window(laboratory: Laboratory) -> None:
    tables, name = laboratory.client("dynamodb"), recovered_table(laboratory)
    without = laboratory.table()
    backups = tables.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    window = backups["PointInTimeRecoveryDescription"]
    earliest = window["EarliestRestorableDateTime"]
    assert earliest <= window["LatestRestorableDateTime"]

    def restore(source: str, at: Any) -> None:
        tables.restore_table_to_point_in_time(
            SourceTableName=source, TargetTableName=unique("restored"), RestoreDateTime=at
        )

    with pytest.raises(tables.exceptions.InvalidRestoreTimeException):
        restore(name, earliest - timedelta(seconds=2))
    with pytest.raises(tables.exceptions.InvalidRestoreTimeException):
        restore(name, time.time() + 60)
    with pytest.raises(tables.exceptions.PointInTimeRecoveryUnavailableException):
        restore(without, time.time())
    with pytest.raises(tables.exceptions.TableAlreadyExistsException):
        tables.restore_table_to_point_in_time(
            SourceTableName=name, TargetTableName=without, UseLatestRestorableTime=True
        )


def test_imported_table_keeps_its_name_and_its_items_when_it_is_updated(
    laboratory: Laboratory,
) -> None:
    stacks, name, table = laboratory.client("cloudformation"), unique("stack"), laboratory.table()
    laboratory.put(table, "one", is_="here")
    resource: dict[str, Any] = {
        "Type": "AWS::DynamoDB::Table",
        "DeletionPolicy": "Retain",
        "Properties": {
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        },
    }
    queue = {"Type": "AWS::SQS::Queue"}

    def change(kind: str, template: Any, **more: Any) -> None:
        stacks.create_change_set(
            StackName=name,
            ChangeSetName=kind,
            ChangeSetType=kind,
            TemplateBody=json.dumps(template),
            **more,
        )
        stacks.execute_change_set(StackName=name, ChangeSetName=kind)
        eventually(lambda: status().endswith(f"{kind}_COMPLETE"), f"{kind} has ended")

    def status() -> str:
        return str(stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])

    change("CREATE", {"Resources": {"Queue": queue}})
    identified = {
        "ResourceType": "AWS::DynamoDB::Table",
        "LogicalResourceId": "Table",
        "ResourceIdentifier": {"TableName": table},
    }
    change(
        "IMPORT",
        {"Resources": {"Queue": queue, "Table": resource}},
        ResourcesToImport=[identified],
    )
    resource["Properties"]["StreamSpecification"] = {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    change("UPDATE", {"Resources": {"Queue": queue, "Table": resource}})

    found = stacks.describe_stack_resource(StackName=name, LogicalResourceId="Table")
    assert found["StackResourceDetail"]["PhysicalResourceId"] == table
    assert laboratory.item(table, "one")["is_"]["S"] == "here"
    described = laboratory.client("dynamodb").describe_table(TableName=table)["Table"]
    assert described["StreamSpecification"]["StreamEnabled"]


def test_imported_secret_keeps_its_value(laboratory: Laboratory) -> None:
    stacks, secrets = laboratory.client("cloudformation"), laboratory.client("secretsmanager")
    name = unique("stack")
    arn = secrets.create_secret(Name=unique("secret"), SecretString="kept")["ARN"]
    resource = {
        "Type": "AWS::SecretsManager::Secret",
        "DeletionPolicy": "Retain",
        "Properties": {"GenerateSecretString": {"PasswordLength": 64}},
    }
    stacks.create_change_set(
        StackName=name,
        ChangeSetName="import",
        ChangeSetType="IMPORT",
        TemplateBody=json.dumps({"Resources": {"Key": resource}}),
        ResourcesToImport=[
            {
                "ResourceType": "AWS::SecretsManager::Secret",
                "LogicalResourceId": "Key",
                "ResourceIdentifier": {"Id": arn},
            }
        ],
    )
    stacks.execute_change_set(StackName=name, ChangeSetName="import")

    def is_imported() -> bool:
        found = stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        return bool(found == "IMPORT_COMPLETE")

    eventually(is_imported, "the secret is imported")
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "kept"


def test_mapping_that_a_template_leaves_off_is_reported_as_disabled(
    laboratory: Laboratory,
) -> None:
    function = laboratory.function("def handler(event, context): ...")
    _, queue = laboratory.queue()
    outputs = laboratory.deploy(
        {
            "Parameters": {"On": {"Type": "String", "Default": "false"}},
            "Resources": {
                "Mapping": {
                    "Type": "AWS::Lambda::EventSourceMapping",
                    "Properties": {
                        "FunctionName": function,
                        "EventSourceArn": queue,
                        "Enabled": {"Ref": "On"},
                    },
                }
            },
            "Outputs": {"Id": {"Value": {"Ref": "Mapping"}}},
        }
    )

    mapping = laboratory.client("lambda").get_event_source_mapping(UUID=outputs["Id"])

    assert mapping["State"] == "Disabled"


# ------------------------------------------------------------------------------ files


def _put_by_form(made: dict[str, Any], content: bytes, **changed: str) -> int:
    """Puts an object by a signed form, of which a test may change fields. Returns the status."""
    fields = {name: value for name, value in (made["fields"] | changed).items() if value}
    return uploads.put_by_form(made["url"], fields, content).status


def test_form_puts_an_object_only_with_the_signature_of_its_policy(laboratory: Laboratory) -> None:
    bucket = unique("bucket")
    objects: Any = boto3.client(
        "s3",
        endpoint_url=laboratory.cloud.endpoint,
        region_name=stack.REGION,
        aws_access_key_id=stack.KEY,
        aws_secret_access_key=stack.KEY,
        config=Config(signature_version="s3v4"),
    )
    objects.create_bucket(Bucket=bucket)
    made = objects.generate_presigned_post(
        bucket, "uploads/a", Conditions=[["content-length-range", 1, 10]], ExpiresIn=60
    )
    wider = json.loads(base64.b64decode(made["fields"]["policy"]))
    wider["conditions"][0] = ["content-length-range", 1, 1000]
    forged = base64.b64encode(json.dumps(wider).encode()).decode()
    unsigned = dict.fromkeys(made["fields"].keys() - {"key"}, "")

    assert _put_by_form(made, bytes(100), policy=forged) == 403
    assert _put_by_form(made, bytes(5), **unsigned) == 403
    assert _put_by_form(made, bytes(11)) == 400
    assert _put_by_form(made, bytes(5), key="uploads/b") == 403
    assert objects.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert _put_by_form(made, bytes(5)) == 204
    assert objects.list_objects_v2(Bucket=bucket)["KeyCount"] == 1


def test_policy_of_a_bucket_denies_an_object_without_its_tag_to_all_but_one_role(
    laboratory: Laboratory,
) -> None:
    objects, bucket = laboratory.client("s3"), unique("bucket")
    objects.create_bucket(Bucket=bucket)
    objects.put_object(Bucket=bucket, Key="files/a", Body=b"content")
    role = f"arn:aws:iam::000000000000:role/{unique('scanner')}"
    denied: dict[str, Any] = {
        "Effect": "Deny",
        "Principal": "*",
        "Resource": f"arn:aws:s3:::{bucket}/files/*",
        "Condition": {"ArnNotEquals": {"aws:PrincipalArn": [role]}},
    }
    unclean = {"StringNotEquals": {"s3:ExistingObjectTag/scan": "clean"}}
    statements = [
        denied | {"Action": "s3:GetObject", "Condition": denied["Condition"] | unclean},
        denied | {"Action": ["s3:PutObjectTagging"]},
    ]
    policy = {"Version": "2012-10-17", "Statement": statements}
    objects.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    code = """
        import os, urllib.error, urllib.request
        def handler(event, context):
            sent = event["body"].encode() if event["body"] else None
            headers = {"User-Agent": f"test app/{os.environ['AWS_SDK_UA_APP_ID']}"}
            request = urllib.request.Request(event["link"], sent, headers, method=event["method"])
            try:
                with urllib.request.urlopen(request) as answer:
                    return answer.status
            except urllib.error.HTTPError as error:
                return error.code
    """
    scanner = laboratory.function(code, Role=role)
    other = laboratory.function(code)
    place = {"Bucket": bucket, "Key": "files/a"}
    link = objects.generate_presigned_url("get_object", place)
    tag = objects.generate_presigned_url("put_object_tagging", place | {"Tagging": {"TagSet": []}})
    clean = "<Tagging><TagSet><Tag><Key>scan</Key><Value>clean</Value></Tag></TagSet></Tagging>"
    reading = {"link": link, "method": "GET", "body": ""}
    tagging = {"link": tag, "method": "PUT", "body": clean}
    copied = {"Bucket": bucket, "Key": "b", "CopySource": place}

    assert uploads.get(link).status == 403
    assert laboratory.invoke(other, reading)[0] == 403
    assert laboratory.invoke(scanner, reading)[0] == 200
    with pytest.raises(objects.exceptions.ClientError, match="AccessDenied"):
        objects.copy_object(**copied)
    assert laboratory.invoke(other, tagging)[0] == 403
    assert laboratory.invoke(scanner, tagging)[0] == 200
    assert laboratory.invoke(other, reading)[0] == 200
    assert uploads.get(link).status == 200
    objects.copy_object(**copied)


_ECHO = """
import json
def handler(event, context):
    action = (event.get("pathParameters") or {}).get("action")
    if action == "raise":
        raise KeyError("a secret of the function")
    if action == "page":
        return {"statusCode": 200, "headers": {"Content-Type": "text/html; charset=utf-8"},
                "cookies": ["a=1", "b=2"], "body": "<p>\u6295\u8bc9</p>"}
    shown = ("routeKey", "rawPath", "pathParameters", "queryStringParameters", "body",
            "isBase64Encoded", "stageVariables")
    authorizer = event["requestContext"].get("authorizer") or {}
    return {"statusCode": 200, "body": json.dumps(
        {name: event[name] for name in shown if name in event}
        | {"method": event["requestContext"]["http"]["method"]}
        | {"claims": authorizer.get("jwt", {}).get("claims")})}
"""


@pytest.fixture(scope="session")
def api(laboratory: Laboratory) -> dict[str, str]:
    """An API like the product's: explicit routes, a default route, authorizer, stage variable."""
    function = laboratory.function(_ECHO)
    outputs = laboratory.deploy(
        {
            "Transform": "AWS::Serverless-2016-10-31",
            "Resources": {
                "Pool": {
                    "Type": "AWS::Cognito::UserPool",
                    "Properties": {"UsernameAttributes": ["email"]},
                },
                "Client": {
                    "Type": "AWS::Cognito::UserPoolClient",
                    "Properties": {
                        "UserPoolId": {"Ref": "Pool"},
                        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"],
                    },
                },
                "Group": {
                    "Type": "AWS::Cognito::UserPoolGroup",
                    "Properties": {"GroupName": "agent", "UserPoolId": {"Ref": "Pool"}},
                },
                "Api": {
                    "Type": "AWS::Serverless::HttpApi",
                    "Properties": {
                        "StageName": "v1",
                        "StageVariables": {"base_address": "https://help.example.org"},
                        "DefinitionBody": _definition(laboratory.arn(function)),
                    },
                },
            },
            "Outputs": {
                "Api": {"Value": {"Ref": "Api"}},
                "Pool": {"Value": {"Ref": "Pool"}},
                "Client": {"Value": {"Ref": "Client"}},
            },
        }
    )
    address = f"http://localhost:{laboratory.cloud.port}/restapis/{outputs['Api']}/v1"
    return outputs | {"address": f"{address}/_user_request_"}


CORS: dict[str, Any] = {
    "allowOrigins": ["https://desk.example.org", "http://localhost:5173"],
    "allowMethods": ["GET", "POST"],
    "allowHeaders": ["authorization", "content-type"],
    "exposeHeaders": ["location"],
    "maxAge": 600,
}


@pytest.fixture(scope="session")
def open_api(laboratory: Laboratory, api: dict[str, str]) -> str:
    """The address of an API with CORS. Its function claims to allow every origin."""
    function = laboratory.function(_ALLOWS_ALL)
    return _cors_api(laboratory, _definition(laboratory.arn(function), api["Pool"], api["Client"]))


@pytest.fixture(scope="session")
def routed_api(laboratory: Laboratory, api: dict[str, str]) -> str:
    """The address of an API with CORS that has no default route."""
    function = laboratory.function(_ALLOWS_ALL)
    document = _definition(laboratory.arn(function), api["Pool"], api["Client"])
    del document["paths"]["$default"]
    return _cors_api(laboratory, document)


_ALLOWS_ALL = """
def handler(event, context):
    method = event["requestContext"]["http"]["method"]
    headers = {"Access-Control-Allow-Origin": "*", "Access-Control-Max-Age": "1"}
    status = 202 if method == "OPTIONS" else 200
    return {"statusCode": status, "headers": headers | {"x-method": method}, "body": "{}"}
"""


def _cors_api(laboratory: Laboratory, document: dict[str, Any]) -> str:
    body = document | {"x-amazon-apigateway-cors": {"Fn::If": ["Allows", CORS, _NOTHING]}}
    outputs = laboratory.deploy(
        {
            "Transform": "AWS::Serverless-2016-10-31",
            "Conditions": {"Allows": {"Fn::Equals": ["a", "a"]}},
            "Resources": {
                "Api": {
                    "Type": "AWS::Serverless::HttpApi",
                    "Properties": {"StageName": "v1", "DefinitionBody": body},
                }
            },
            "Outputs": {"Api": {"Value": {"Ref": "Api"}}},
        }
    )
    return f"http://localhost:{laboratory.cloud.port}/restapis/{outputs['Api']}/v1/_user_request_"


_NOTHING = {"Ref": "AWS::NoValue"}


def _preflight(origin: str, method: str = "POST") -> dict[str, str]:
    return {"Origin": origin, "Access-Control-Request-Method": method}


def _of_cors(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value for name, value in headers.items() if name.lower().startswith("access-control-")
    }


@pytest.mark.parametrize("origin", CORS["allowOrigins"])
def test_preflight_reaches_the_default_route_and_gets_the_configured_headers(
    open_api: str, origin: str
) -> None:
    for path in ("/tickets/7/notes", "/staff/work", "/elsewhere"):
        found = endpoints.call("OPTIONS", open_api + path, headers=_preflight(origin))
        assert (found.status, found.headers["x-method"]) == (202, "OPTIONS")
        assert _of_cors(found.headers) == {
            "access-control-allow-origin": origin,
            "access-control-allow-methods": "GET,POST",
            "access-control-allow-headers": "authorization,content-type",
            "access-control-expose-headers": "location",
            "access-control-max-age": "600",
        }


def test_preflight_without_any_route_is_answered_by_the_gateway(routed_api: str) -> None:
    found = endpoints.call(
        "OPTIONS", routed_api + "/staff/work", headers=_preflight(CORS["allowOrigins"][0])
    )
    assert (found.status, found.text) == (204, "")
    assert found.headers["access-control-allow-origin"] == CORS["allowOrigins"][0]


@pytest.mark.parametrize(
    "origin",
    ["https://other.example", "http://desk.example.org", "https://desk.example.org:8443", "null"],
)
def test_origin_that_is_not_listed_gets_no_headers_of_cors(
    open_api: str, routed_api: str, origin: str
) -> None:
    for address in (open_api, routed_api):
        preflight = endpoints.call("OPTIONS", address + "/staff/work", headers=_preflight(origin))
        assert preflight.status < 300
        assert _of_cors(preflight.headers) == {}
    simple = endpoints.call("GET", open_api + "/tickets/7/notes", headers={"Origin": origin})
    assert (simple.status, _of_cors(simple.headers)) == (200, {})


def test_options_that_is_no_preflight_gets_no_headers_of_cors(open_api: str) -> None:
    found = endpoints.call("OPTIONS", open_api + "/", headers={"Origin": CORS["allowOrigins"][0]})
    assert (found.status, _of_cors(found.headers)) == (202, {})


@pytest.mark.parametrize("path", ["/tickets/7/notes", "/elsewhere", "/staff/work"])
def test_answer_to_a_listed_origin_has_its_headers_whoever_gives_it(
    open_api: str, path: str
) -> None:
    """The authorizer answers for the path of staff, because there is no token."""
    origin = CORS["allowOrigins"][1]
    found = endpoints.call("GET", open_api + path, headers={"Origin": origin})
    assert found.status == (401 if path.startswith("/staff") else 200)
    assert _of_cors(found.headers) == {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": "location",
    }


def test_function_decides_about_cors_if_the_api_has_no_configuration(api: dict[str, str]) -> None:
    headers = _preflight("https://desk.example.org")
    found = endpoints.call("OPTIONS", api["address"] + "/elsewhere", headers=headers)
    assert (found.status, found.json()["routeKey"]) == (200, "$default")
    assert found.json()["method"] == "OPTIONS"
    assert _of_cors(found.headers) == {}


def _definition(function: str, pool: str = "${Pool}", client: Any = None) -> dict[str, Any]:
    service = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions"
    integration = {
        "type": "aws_proxy",
        "httpMethod": "POST",
        "uri": f"{service}/{function}/invocations",
        "payloadFormatVersion": "2.0",
    }
    operation = {"x-amazon-apigateway-integration": integration, "responses": {}}
    issuer = {"Fn::Sub": f"https://cognito-idp.${{AWS::Region}}.${{AWS::URLSuffix}}/{pool}"}
    return {
        "openapi": "3.0.1",
        "info": {"title": "laboratory", "version": "1"},
        "paths": {
            "/tickets/{number}/{action}": {"get": operation, "post": operation},
            "/staff/{action}": {"get": operation | {"security": [{"Staff": []}]}},
            "$default": {"x-amazon-apigateway-any-method": operation | {"isDefaultRoute": True}},
        },
        "components": {
            "securitySchemes": {
                "Staff": {
                    "type": "oauth2",
                    "x-amazon-apigateway-authorizer": {
                        "type": "jwt",
                        "identitySource": "$request.header.Authorization",
                        "jwtConfiguration": {
                            "issuer": issuer,
                            "audience": [client or {"Ref": "Client"}],
                        },
                    },
                }
            }
        },
    }


def _tokens(laboratory: Laboratory, api: dict[str, str]) -> dict[str, str]:
    users, email = laboratory.client("cognito-idp"), f"{unique('li')}@example.com"
    users.admin_create_user(
        UserPoolId=api["Pool"],
        Username=email,
        MessageAction="SUPPRESS",
        UserAttributes=[{"Name": "email", "Value": email}],
    )
    users.admin_set_user_password(
        UserPoolId=api["Pool"], Username=email, Password="Secret-12345", Permanent=True
    )
    users.admin_add_user_to_group(UserPoolId=api["Pool"], Username=email, GroupName="agent")
    answer = users.initiate_auth(
        AuthFlow="USER_PASSWORD_AUTH",
        ClientId=api["Client"],
        AuthParameters={"USERNAME": email, "PASSWORD": "Secret-12345"},
    )["AuthenticationResult"]
    return {"id": answer["IdToken"], "access": answer["AccessToken"]}


@pytest.mark.parametrize("ignores", [True, False])
def test_capitals_of_a_user_name_count_unless_the_pool_ignores_them(
    laboratory: Laboratory, ignores: bool
) -> None:
    users = laboratory.client("cognito-idp")
    setting = {"UsernameConfiguration": {"CaseSensitive": False}} if ignores else {}
    pool = users.create_user_pool(PoolName=unique("pool"), UsernameAttributes=["email"], **setting)[
        "UserPool"
    ]["Id"]
    users.admin_create_user(
        UserPoolId=pool,
        Username="li@example.org",
        MessageAction="SUPPRESS",
        UserAttributes=[{"Name": "email", "Value": "li@example.org"}],
    )
    if ignores:
        found = users.admin_get_user(UserPoolId=pool, Username="Li@Example.org")
        assert {"Name": "email", "Value": "li@example.org"} in found["UserAttributes"]
    else:
        with pytest.raises(users.exceptions.UserNotFoundException):
            users.admin_get_user(UserPoolId=pool, Username="Li@Example.org")


def test_staff_route_accepts_tokens_of_its_user_pool_client(
    laboratory: Laboratory, api: dict[str, str]
) -> None:
    """As on AWS it accepts an access token too, which only the function can refuse."""
    url, tokens = f"{api['address']}/staff/work", _tokens(laboratory, api)

    for kind, token in tokens.items():
        status, _, body = laboratory.call(url, Authorization=f"Bearer {token}")
        claims = json.loads(body)["claims"]
        assert (status, claims["token_use"]) == (200, kind)
        assert claims["cognito:groups"] == "[agent]"


def test_failed_function_reveals_nothing_to_callers(
    laboratory: Laboratory, api: dict[str, str]
) -> None:
    status, headers, body = laboratory.call(f"{api['address']}/tickets/7/raise")

    assert (status, headers["Content-Type"]) == (500, "application/json")
    assert json.loads(body) == {"message": "Internal Server Error"}


# ------------------------------------------------------------------------------ mail


def raw_mail(laboratory: Laboratory, to: str, **given: Any) -> str:
    """Sends a raw mail with its own headers. Returns its id."""
    raw = (
        f"From: service@example.com\r\nTo: {to}\r\nSubject: s\r\nMessage-ID: <ours@example.com>"
        "\r\nReferences: <thread@example.com>\r\n\r\nHello\r\n"
    )
    sent = laboratory.client("sesv2").send_email(
        FromEmailAddress="service@example.com",
        Destination={"ToAddresses": [to]},
        Content={"Raw": {"Data": raw.encode()}},
        **given,
    )
    return str(sent["MessageId"])


def test_mailbox_has_the_sent_mail_unchanged_except_for_its_message_id(
    laboratory: Laboratory,
) -> None:
    laboratory.client("sesv2").create_email_identity(EmailIdentity="example.com")
    to = f"{unique('reader')}@example.com"
    sent = raw_mail(laboratory, to)

    box = mails.kept(laboratory.cloud.directory / "mailbox")

    [found] = [raw for raw in box if f"To: {to}".encode() in raw]
    assert b"References: <thread@example.com>" in found
    assert f"Message-ID: <{sent}>".encode() in found
    assert b"<ours@example.com>" not in found


def events_about(laboratory: Laboratory, address: str, *wanted: str) -> list[dict[str, Any]]:
    """Sends a mail through a configuration set that asks for these events. Returns the events."""
    ses, sns, sqs = (laboratory.client(name) for name in ("sesv2", "sns", "sqs"))
    ses.create_email_identity(EmailIdentity="example.com")
    name = unique("set")
    topic = sns.create_topic(Name=name)["TopicArn"]
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=raw)
    ses.create_configuration_set(ConfigurationSetName=name)
    ses.create_configuration_set_event_destination(
        ConfigurationSetName=name,
        EventDestinationName="feedback",
        EventDestination={
            "Enabled": True,
            "MatchingEventTypes": list(wanted),
            "SnsDestination": {"TopicArn": topic},
        },
    )

    tags = [{"Name": "ticket", "Value": "R-7K3M9-QW0X2"}]
    raw_mail(laboratory, address, ConfigurationSetName=name, EmailTags=tags)

    def look() -> list[dict[str, Any]]:
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

    return eventually(look, "an event")


@pytest.mark.parametrize(("to", "kind"), [("bounce", "Bounce"), ("complaint", "Complaint")])
def test_feedback_is_published_to_the_topic_of_the_configuration_set(
    laboratory: Laboratory, to: str, kind: str
) -> None:
    address = f"{to}@simulator.amazonses.com"
    [event] = events_about(laboratory, address, "BOUNCE", "COMPLAINT")
    assert event["eventType"] == kind
    assert event["mail"]["tags"] == {"ticket": ["R-7K3M9-QW0X2"]}


def test_each_accepted_mail_is_published_if_the_configuration_set_asks_for_it(
    laboratory: Laboratory,
) -> None:
    [event] = events_about(laboratory, f"{unique('li')}@example.com", "SEND", "BOUNCE")
    assert (event["eventType"], event["send"]) == ("Send", {})
    assert event["mail"]["tags"] == {"ticket": ["R-7K3M9-QW0X2"]}


# ------------------------------------------------------------------------------ faults and version


def test_mail_is_refused_while_the_fault_switch_is_on(laboratory: Laboratory) -> None:
    mail = laboratory.client("sesv2")
    mail.create_email_identity(EmailIdentity="example.org")

    def send() -> str:
        sent = mail.send_email(
            FromEmailAddress="service@example.org",
            Destination={"ToAddresses": ["customer@example.com"]},
            Content={"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}},
        )
        return str(sent["MessageId"])

    refuse_mail(laboratory.cloud.endpoint, "MessageRejected")
    with pytest.raises(mail.exceptions.MessageRejected):
        send()
    # Only one refusal: the SDK tries again by itself and succeeds.
    refuse_mail(laboratory.cloud.endpoint, "TooManyRequestsException", 429, times=1)
    assert send()
    assert send()
    refuse_mail(laboratory.cloud.endpoint)
    accept_mail(laboratory.cloud.endpoint)
    assert send()


CALLS_DYNAMODB = """
    import json
    import os
    import urllib.request

    def handler(event, context):
        content = {"TableName": event["table"], "Item": {"pk": {"S": "made"}}}
        scope = "test/20261129/us-east-1/dynamodb/aws4_request"
        headers = {
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, Signature=x",
            "Content-Type": "application/x-amz-json-1.0",
            "User-Agent": f"test app/{os.environ['AWS_SDK_UA_APP_ID']}",
            "X-Amz-Target": "DynamoDB_20120810.PutItem",
        }
        body = json.dumps(content).encode()
        url = os.environ["AWS_ENDPOINT_URL"]
        with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as response:
            return response.read().decode()
"""


@pytest.mark.parametrize(("do", "made"), [(Do.KILL_BEFORE, False), (Do.KILL_AFTER, True)])
def test_function_is_killed_before_or_after_its_call(
    laboratory: Laboratory, do: Do, made: bool
) -> None:
    endpoint, table = laboratory.cloud.endpoint, laboratory.table()
    function = laboratory.function(CALLS_DYNAMODB)
    turn_on(endpoint, [Fault(do, "dynamodb", "PutItem", function)])
    try:
        answer, error = laboratory.invoke(function, {"table": table})
    finally:
        turn_off(endpoint)
    assert error is not None
    assert answer["errorType"] == "Runtime.ExitError"
    assert bool(laboratory.item(table, "made")) is made
    last = happened(endpoint)[-1]
    assert (last.do, last.function, last.operation) == (do, function, "PutItem")
    assert laboratory.invoke(function, {"table": table}) == ("{}", None), "a new process serves"


def test_function_has_a_wrong_clock_if_its_configuration_says_so(laboratory: Laboratory) -> None:
    code = """
        import time
        from datetime import UTC, datetime

        def handler(event, context):
            now = datetime.now(UTC)
            return [now.timestamp(), time.time(), type(now) is datetime]
    """
    for seconds in (0, 7200, -3600):
        variables = {"LOCAL_CLOCK_S": str(seconds)} if seconds else {}
        function = laboratory.function(code, Environment={"Variables": variables})
        (now, epoch, plain), error = laboratory.invoke(function)
        assert error is None
        assert now == pytest.approx(time.time() + seconds, abs=30)
        assert epoch == pytest.approx(now, abs=1)
        assert plain


def test_host_of_the_internet_is_on_this_machine_if_the_configuration_says_so(
    laboratory: Laboratory,
) -> None:
    code = """
        import socket

        def handler(event, context):
            [(*_, (address, port))] = socket.getaddrinfo("inbox.example.com", 443, 2, 1)
            with socket.create_connection((address, port), 5) as talk:
                talk.sendall(b"hello")
            return [address, port]
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        variables = {"LOCAL_HOSTS": f"inbox.example.com={port}"}
        function = laboratory.function(code, Environment={"Variables": variables})
        found, error = laboratory.invoke(function)
        assert (found, error) == (["192.0.43.1", 443], None)
        with listening.accept()[0] as talk:
            assert talk.recv(5) == b"hello"


def test_stream_records_outlive_a_restart(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    cloud = process.start(tmp_path, process.free_port(), state=kept)
    try:
        own = Laboratory(cloud)
        settings = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
        table = own.table(StreamSpecification=settings)
        own.put(table, "before the restart")
    finally:
        process.stop(cloud)
    cloud = process.start(tmp_path, cloud.port, state=kept)
    try:
        streams = stack.client(cloud, "dynamodbstreams")
        (stream,) = streams.list_streams(TableName=table)["Streams"]
        shards = streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]
        iterator = streams.get_shard_iterator(
            StreamArn=stream["StreamArn"],
            ShardId=shards["Shards"][0]["ShardId"],
            ShardIteratorType="TRIM_HORIZON",
        )["ShardIterator"]
        records = streams.get_records(ShardIterator=iterator)["Records"]
    finally:
        process.stop(cloud)
    assert [one["dynamodb"]["Keys"]["pk"]["S"] for one in records] == ["before the restart"]


def test_calls_are_counted_by_name(laboratory: Laboratory) -> None:
    table = laboratory.table()
    before = counted(laboratory.cloud.endpoint)

    laboratory.item(table, "a")
    laboratory.item(table, "b")

    assert dict(counted(laboratory.cloud.endpoint) - before) == {"DynamoDB_20120810.GetItem": 2}


def test_another_version_of_the_emulator_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    check_version()
    monkeypatch.setattr("local.patches.version", lambda _: "1.5.34")

    with pytest.raises(WrongEmulator, match=rf"{VERSION}, but 1\.5\.34 is installed"):
        check_version()


# ------------------------------------------------------------------ the limit of an account


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """A cloud whose account runs one function at once."""
    plain = os.environ.get("LOCAL_CLOUD") == "plain"
    directory = tmp_path_factory.mktemp("small")
    cloud = process.start(directory, process.free_port(), concurrency=1, plain=plain)
    yield Laboratory(cloud)
    process.stop(cloud)


_SLOW = """
    import time
    def handler(event, context):
        time.sleep(2)
        return event
"""


def test_call_beyond_the_limit_is_refused_and_an_event_is_kept(small: Laboratory) -> None:
    queue = small.client("sqs").create_queue(QueueName="given-up")["QueueUrl"]
    arn = small.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    busy, other = small.function(_SLOW), small.function(_SLOW)
    functions = small.client("lambda")
    functions.put_function_event_invoke_config(
        FunctionName=other,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": arn["Attributes"]["QueueArn"]}},
    )
    running = threading.Thread(target=functions.invoke, kwargs={"FunctionName": busy})
    running.start()
    time.sleep(0.5)
    functions.invoke(FunctionName=other, InvocationType="Event", Payload=b'{"kept": 1}')
    with pytest.raises(urllib.error.HTTPError) as refused:
        _invoke_once(small, other)
    assert refused.value.code == 429
    assert json.loads(refused.value.read())["Reason"] == "ConcurrentInvocationLimitExceeded"
    running.join()

    def invocations() -> bool:
        now = datetime.now(UTC)
        found = small.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName="Invocations",
            Dimensions=[{"Name": "FunctionName", "Value": other}],
            StartTime=now - timedelta(minutes=5),
            EndTime=now + timedelta(minutes=5),
            Period=600,
            Statistics=["Sum"],
        )["Datapoints"]
        return bool(sum(point["Sum"] for point in found) >= 1)

    eventually(invocations, "the event ran when there was room for it")
    assert "Messages" not in small.client("sqs").receive_message(QueueUrl=queue)


def _invoke_once(laboratory: Laboratory, name: str) -> bytes:
    """One call without the retries of boto3."""
    url = f"{laboratory.cloud.endpoint}/2015-03-31/functions/{name}/invocations"
    request = urllib.request.Request(url, b"{}", method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        content: bytes = answer.read()
        return content


# -------------------------------------------------------------- correct without a patch


def test_stream_delivers_only_records_that_pass_the_filters(laboratory: Laboratory) -> None:
    timer = {"dynamodb": {"NewImage": {"awake": {"S": [{"exists": True}]}}}}
    event = {"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": "EVENT#"}]}}}}
    table, function = _subscribe(
        laboratory,
        _SEND + "def handler(event, context): send(keys(event))",
        FilterCriteria={"Filters": [{"Pattern": json.dumps(p)} for p in (timer, event)]},
        BatchSize=1,
    )
    laboratory.put(table, "TIMER")
    laboratory.put(table, "EVENT#1")
    laboratory.put(table, "EVENT#1", text="changed")
    laboratory.put(table, "TIMER", awake="yes")

    assert laboratory.received(_url(laboratory, function), 2) == [["EVENT#1"], ["TIMER"]]


def test_message_becomes_visible_again_when_the_function_asked_for(laboratory: Laboratory) -> None:
    url, queue = laboratory.queue(VisibilityTimeout="60")
    code = (
        _SEND
        + """
import time
def handler(event, context):
    failed = []
    for record in event["Records"]:
        send({"body": record["body"], "at": time.time()})
        if record["attributes"]["ApproximateReceiveCount"] == "1" and record["body"] == "later":
            fields = {"Action": "ChangeMessageVisibility", "ReceiptHandle": record["receiptHandle"],
                      "VisibilityTimeout": "2"}
            data = urllib.parse.urlencode(fields).encode()
            urllib.request.urlopen(urllib.request.Request(os.environ["SOURCE"], data)).read()
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
"""
    )
    log = _log(laboratory)
    function = laboratory.function(
        code,
        Environment={"Variables": {"URL": log, "SOURCE": url.replace("localhost", "127.0.0.1")}},
    )
    laboratory.client("lambda").create_event_source_mapping(
        EventSourceArn=queue,
        FunctionName=function,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    for body in ("later", "at once"):
        laboratory.client("sqs").send_message(QueueUrl=url, MessageBody=body)

    seen = laboratory.received(log, 3)

    times = [entry["at"] for entry in seen if entry["body"] == "later"]
    assert sorted(entry["body"] for entry in seen) == ["at once", "later", "later"]
    assert 2 <= times[1] - times[0] < 3


def test_failed_condition_of_a_token_write_is_caught_by_its_name(laboratory: Laboratory) -> None:
    table = laboratory.table()
    laboratory.put(table, "a", closed="yes")
    caught = _catch("DynamoDb.ConditionalCheckFailedException")
    wait = _await_token(table, "a", TimeoutSeconds=30, Catch=caught)

    ended = laboratory.run(_machine(wait), {"kept": 1})

    assert json.loads(ended["output"]) == {"caught": "DynamoDb.ConditionalCheckFailedException"}


@pytest.mark.parametrize(
    "limit", [{"MaxConcurrency": 2}, {"MaxConcurrencyPath": "$.at_once"}], ids=["number", "path"]
)
def test_map_runs_at_most_its_concurrency_and_keeps_the_order(
    laboratory: Laboratory, limit: dict[str, Any]
) -> None:
    code = """
        import time
        def handler(event, context):
            began = time.time()
            time.sleep(0.5)
            return {"item": event["item"], "began": began, "ended": time.time()}
    """
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": laboratory.function(code), "Payload.$": "$"},
        "OutputPath": "$.Payload",
        "TimeoutSeconds": 20,
        "End": True,
    }
    machine = {
        "StartAt": "Each",
        "States": {
            "Each": {
                "Type": "Map",
                "ItemsPath": "$.items",
                "ItemSelector": {"item.$": "$$.Map.Item.Value"},
                **limit,
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "INLINE"},
                    "StartAt": "One",
                    "States": {"One": task},
                },
                "End": True,
            }
        },
    }

    ended = laboratory.run(machine, {"items": ["a", "b", "c", "d"], "at_once": 2})

    done = json.loads(ended["output"])
    assert [one["item"] for one in done] == ["a", "b", "c", "d"]
    moments = [(one["began"], 1) for one in done] + [(one["ended"], -1) for one in done]
    running = [sum(step for _, step in sorted(moments)[: n + 1]) for n in range(len(moments))]
    assert max(running) == 2


def test_map_fails_if_its_concurrency_is_no_whole_number(laboratory: Laboratory) -> None:
    each = {
        "Type": "Map",
        "ItemsPath": "$.items",
        "MaxConcurrencyPath": "$.at_once",
        "ItemProcessor": {"StartAt": "One", "States": {"One": {"Type": "Pass", "End": True}}},
        "End": True,
    }
    machine = {"StartAt": "Each", "States": {"Each": each}}
    ended = laboratory.run(machine, {"items": ["a"], "at_once": "2"})
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Runtime")


def test_request_reaches_its_function_completely(
    laboratory: Laboratory, api: dict[str, str]
) -> None:
    status, _, body = laboratory.call(
        f"{api['address']}/tickets/R-1/%E5%86%99?tag=a&tag=b",
        "POST",
        b"text=%E4%BD%A0%E5%A5%BD&agree=on",
        Content_Type="application/x-www-form-urlencoded",
    )

    assert status == 200
    assert json.loads(body) == {
        "routeKey": "POST /tickets/{number}/{action}",
        "method": "POST",
        "rawPath": "/tickets/R-1/写",
        "pathParameters": {"number": "R-1", "action": "写"},
        "queryStringParameters": {"tag": "a,b"},
        "body": base64.b64encode(b"text=%E4%BD%A0%E5%A5%BD&agree=on").decode(),
        "isBase64Encoded": True,
        "stageVariables": {"base_address": "https://help.example.org"},
        "claims": None,
    }


def test_page_reaches_its_reader_unchanged(laboratory: Laboratory, api: dict[str, str]) -> None:
    status, headers, body = laboratory.call(f"{api['address']}/tickets/R-1/page")

    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert body.decode() == "<p>投诉</p>"


def test_staff_route_refuses_missing_and_forged_tokens(
    laboratory: Laboratory, api: dict[str, str]
) -> None:
    head, claims, _ = _tokens(laboratory, api)["id"].split(".")
    changed = json.loads(base64.urlsafe_b64decode(claims + "==")) | {"cognito:groups": ["manager"]}
    forged = base64.urlsafe_b64encode(json.dumps(changed).encode()).decode().rstrip("=")
    url = f"{api['address']}/staff/work"

    assert laboratory.call(url)[0] == 401
    assert laboratory.call(url, Authorization=f"Bearer {head}.{forged}.AAAA")[0] == 401
    _, _, body = laboratory.call(f"{api['address']}/nowhere")
    assert json.loads(body)["routeKey"] == "$default"
