"""Amazon Connect in the template: nothing of it exists without its parameters.

No instance of Amazon Connect can run locally. So the mapping and the rule are only read here, and
tests/functions/test_hotline.py calls the function as they would.
"""

from __future__ import annotations

from typing import Any

from redress.connectors.contact_stream import LAST_CALL_S, RESERVE_S
from tests.template.documents import (
    expanded,
    functions,
    of_type,
    refers_to,
    statements,
    written,
)

CONDITION = "HasConnect"


def of_connect() -> dict[str, str]:
    """The resources that exist only with an instance of Amazon Connect, by their type."""
    return {
        name: resource["Type"]
        for name, resource in expanded().items()
        if resource.get("Condition") == CONDITION
    }


def test_without_an_instance_nothing_reads_a_stream_or_listens_to_events() -> None:
    assert of_connect() == {
        "ContactRecords": "AWS::Lambda::EventSourceMapping",
        "ContactEventRule": "AWS::Events::Rule",
        "ContactEventPermission": "AWS::Lambda::Permission",
    }
    parameters = written()["Parameters"]
    for name in ("ConnectInstanceArn", "ConnectRecordsStreamArn", "ConnectRecordsKey"):
        assert parameters[name]["Default"] == ""
    mapped = {
        name
        for name, one in of_type("AWS::Lambda::EventSourceMapping").items()
        if "ConnectRecordsStreamArn" in str(one["Properties"]["EventSourceArn"])
    }
    assert mapped == {"ContactRecords"}
    assert of_type("AWS::Kinesis::Stream") == {}


def test_mapping_keeps_a_failing_record_for_a_day_and_sets_it_aside() -> None:
    mapping = expanded()["ContactRecords"]["Properties"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["StartingPosition"] == "TRIM_HORIZON", "no record is skipped"
    assert mapping["MaximumRetryAttempts"] > 0
    assert mapping["MaximumRecordAgeInSeconds"] < 24 * 3600, "a stream keeps records for a day"
    aside = refers_to(mapping["DestinationConfig"]["OnFailure"]["Destination"])
    given = functions()["HotlineFunction"]["Environment"]["Variables"]
    assert aside == refers_to(given["DEAD_LETTER_QUEUE_URL"]) == "DeadLetterQueue"


def test_function_keeps_time_to_end_what_it_began() -> None:
    function = functions()["HotlineFunction"]
    wait_s = float(function["Environment"]["Variables"]["CALL_TIMEOUT_S"])
    call_s = min(2, wait_s) + wait_s
    assert 4 * call_s <= RESERVE_S <= function["Timeout"] / 2
    assert call_s <= LAST_CALL_S


def test_rule_passes_events_of_calls_and_tasks_of_the_one_instance() -> None:
    pattern = expanded()["ContactEventRule"]["Properties"]["EventPattern"]
    assert pattern["source"] == ["aws.connect"]
    assert pattern["detail-type"] == ["Amazon Connect Contact Event"]
    detail: dict[str, Any] = pattern["detail"]
    channels = [{"equals-ignore-case": one} for one in ("VOICE", "TASK")]
    assert detail["channel"] == channels
    [first, second] = detail["$or"]
    instance = [{"Ref": "ConnectInstanceArn"}]
    assert (first, second) == ({"instanceArn": instance}, {"instanceARN": instance})
    assert set(detail["eventType"]) == {"QUEUED", "CONNECTED_TO_AGENT", "DISCONNECTED"}


def test_function_may_do_nothing_but_set_aside_without_an_instance() -> None:
    role = refers_to(functions()["HotlineFunction"]["Role"])
    assert role is not None
    allowed: dict[str, set[str]] = {
        "always": set(),
        CONDITION: set(),
        "HasConnectRecordsKey": set(),
    }
    for policy in expanded()[role]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            condition, one = "always", statement
            if "Fn::If" in statement:
                condition, one, otherwise = statement["Fn::If"]
                assert otherwise == {"Ref": "AWS::NoValue"}
            actions = one["Action"]
            allowed[condition] |= {actions} if isinstance(actions, str) else set(actions)
    assert allowed["always"] == {"sqs:SendMessage"}
    assert {action for action in allowed[CONDITION] if action.startswith("kinesis:")} == {
        "kinesis:DescribeStream",
        "kinesis:DescribeStreamSummary",
        "kinesis:GetRecords",
        "kinesis:GetShardIterator",
        "kinesis:ListShards",
    }
    assert not {one for one in allowed[CONDITION] if "Delete" in one or "Scan" in one}
    assert allowed["HasConnectRecordsKey"] == {"kms:Decrypt"}
    readers = {one.role for one in statements() if "kinesis:GetRecords" in one.actions}
    assert readers == {role}


def test_sweep_looks_at_the_mapping_if_there_is_one() -> None:
    variables = functions()["RepairFunction"]["Environment"]["Variables"]
    looked_at = {"Fn::If": [CONDITION, {"Ref": "ContactRecords"}, {"Ref": "AWS::NoValue"}]}
    assert looked_at in variables["READER_MAPPINGS"]["Fn::Join"][1]


def test_instance_and_stream_belong_together() -> None:
    rule = written()["Rules"]["ConnectHasAnInstanceAndAStream"]
    assert "ConnectInstanceArn and ConnectRecordsStreamArn" in str(rule)
