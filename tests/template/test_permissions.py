"""Least privilege, read off the roles as they are deployed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from redress.db import keys
from tests.template.documents import (
    Statement,
    functions,
    machine,
    of_type,
    refers_to,
    statements,
    states_of,
    strings,
    waits_for_token,
)

EVERY_RESOURCE = {
    "logs:CreateLogDelivery": "log deliveries have no resource of their own (IAM reference)",
    "logs:DeleteLogDelivery": "log deliveries have no resource of their own (IAM reference)",
    "logs:DescribeLogGroups": "a list, of all groups (IAM reference)",
    "logs:DescribeResourcePolicies": "policies have no resource of their own (IAM reference)",
    "logs:GetLogDelivery": "log deliveries have no resource of their own (IAM reference)",
    "logs:ListLogDeliveries": "log deliveries have no resource of their own (IAM reference)",
    "logs:PutResourcePolicy": "policies have no resource of their own (IAM reference)",
    "logs:UpdateLogDelivery": "log deliveries have no resource of their own (IAM reference)",
    "xray:GetSamplingRules": "X-Ray's data plane has no resources (IAM reference)",
    "xray:GetSamplingTargets": "X-Ray's data plane has no resources (IAM reference)",
    "xray:PutTelemetryRecords": "X-Ray's data plane has no resources (IAM reference)",
    "xray:PutTraceSegments": "X-Ray's data plane has no resources (IAM reference)",
}
"""The only actions that may be allowed on every resource, and why."""

WIDER = {
    "identity/*": "whether the address or its domain is verified nobody can tell here; a condition "
    "holds the function to the one sender",
    "${Table.Arn}/index/*": "all indexes of the one table",
    "${MailBucket.Arn}/inbound/*": "all mails as they came",
    "${MailBucket.Arn}/read/*": "what was read of all mails",
    "${MailBucket.Arn}/attachments/*": "the attachments of all mails",
    "execution:${TicketMachine.Name}:*": "all executions of the one machine",
}
"""Wildcards inside a resource's name, and why."""

BY_THE_TRANSFORM = {
    "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    "arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess",
    "arn:aws:iam::aws:policy/service-role/AWSLambdaDynamoDBExecutionRole",
    "arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole",
}
"""Managed policies that the SAM transform adds for logs, traces and event sources."""

EVERY = [pytest.param(s, id=f"{s.role}-{s.actions[0]}") for s in statements()]


@pytest.mark.parametrize("statement", EVERY)
def test_no_action_is_a_wildcard(statement: Statement) -> None:
    assert not [action for action in statement.actions if "*" in action]


@pytest.mark.parametrize("statement", EVERY)
def test_everything_is_allowed_on_named_resources_only(statement: Statement) -> None:
    if "*" in statement.resources:
        assert set(statement.actions) <= set(EVERY_RESOURCE)
        return
    for text in strings(list(statement.resources)):
        assert "*" not in text or any(text.endswith(reason) for reason in WIDER), text


def test_every_exception_is_still_needed() -> None:
    on_all = {a for s in statements() if "*" in s.resources for a in s.actions}
    assert on_all == set(EVERY_RESOURCE)
    wide = [t for s in statements() for t in strings(list(s.resources)) if "*" in t and t != "*"]
    assert {part for part in WIDER if any(t.endswith(part) for t in wide)} == set(WIDER)


def test_no_managed_policy_but_those_of_the_transform() -> None:
    for name, role in of_type("AWS::IAM::Role").items():
        for policy in role["Properties"].get("ManagedPolicyArns", []):
            ours = refers_to(policy) in of_type("AWS::IAM::ManagedPolicy")
            assert ours or policy in BY_THE_TRANSFORM, f"{name}: {policy}"


def test_every_function_has_a_role_of_its_own() -> None:
    roles = [refers_to(function["Role"]) for function in functions().values()]
    assert len(set(roles)) == len(roles)


def allowed(logical_id: str) -> set[str]:
    """What a function's own role allows, the transform's managed policies left out."""
    role = refers_to(functions()[logical_id]["Role"])
    return {action for s in statements() if s.role == role for action in s.actions}


def test_public_functions_can_neither_delete_nor_call_anybody() -> None:
    for name in ("IntakeFunction", "CustomerFunction"):
        reached = {action.split(":")[0] for action in allowed(name)}
        assert reached <= {"dynamodb", "secretsmanager", "sqs"}
        assert allowed(name) & {"sqs:SendMessage"} == {"sqs:SendMessage"}, "the failure destination"


def test_nobody_may_delete_data_or_scan_for_it() -> None:
    actions = {action for s in statements() for action in s.actions}
    assert not [a for a in actions if "Delete" in a and not a.startswith("logs:")]
    assert "dynamodb:Scan" not in actions, "there is no scanning of open tickets"


def test_only_relay_and_repair_answer_tokens() -> None:
    for token_action in ("states:SendTaskSuccess", "states:SendTaskFailure"):
        holders = {s.role for s in statements() if token_action in s.actions}
        assert holders == {"RelayFunctionRole", "RepairFunctionRole"}


def test_only_repair_ends_executions_and_only_those_of_tickets() -> None:
    [statement] = [s for s in statements() if "states:StopExecution" in s.actions]
    assert statement.role == "RepairFunctionRole"
    assert set(statement.actions) == {"states:DescribeExecution", "states:StopExecution"}
    [resource] = strings(list(statement.resources))
    assert resource.endswith(":execution:${TicketMachine.Name}:*")


def test_only_repair_lists_what_runs_and_may_not_change_the_machine() -> None:
    [statement] = [s for s in statements() if "states:ListExecutions" in s.actions]
    assert statement.role == "RepairFunctionRole"
    assert statement.resources == ({"Ref": "TicketMachine"},)
    assert not [s for s in statements() if "states:UpdateStateMachine" in s.actions]


def test_a_mail_goes_out_under_one_sender() -> None:
    [statement] = [s for s in statements() if "ses:SendEmail" in s.actions]
    assert statement.role == "MailerFunctionRole"
    assert statement.condition == {"StringEquals": {"ses:FromAddress": {"Ref": "SenderAddress"}}}


def written_items(logical_id: str) -> dict[str, list[str]]:
    """Which items a function's own role lets each writing action reach, by their leading keys."""
    role = refers_to(functions()[logical_id]["Role"])
    found: dict[str, list[str]] = {}
    for statement in statements():
        if statement.role == role:
            limits = statement.condition.get("ForAllValues:StringLike", {})
            for action in statement.actions:
                if action in ("dynamodb:PutItem", "dynamodb:UpdateItem"):
                    found[action] = limits.get("dynamodb:LeadingKeys", ["*"])
    return found


def test_a_rehearsal_can_write_nothing_but_itself() -> None:
    """That it has no side effect is not only its code's word."""
    own = [keys.rehearsal_pk("*")]
    assert written_items("RehearsalFunction") == {
        "dynamodb:PutItem": own,
        "dynamodb:UpdateItem": own,
    }
    reached = {action.split(":")[0] for action in allowed("RehearsalFunction")}
    assert reached == {"dynamodb", "sqs"}
    assert allowed("RehearsalFunction") & {"sqs:SendMessage"}, "the failure destination"


def test_a_move_writes_tickets_their_facts_and_itself() -> None:
    own = [keys.ticket_pk("*"), "FACTS#*", keys.rehearsal_pk("*")]
    assert written_items("MoverFunction") == {
        "dynamodb:PutItem": own,
        "dynamodb:UpdateItem": own,
    }
    assert keys.facts_pk("a", "2026-11").startswith("FACTS#")
    assert {a.split(":")[0] for a in allowed("MoverFunction")} == {"dynamodb", "sqs"}


def test_readers_of_months_and_open_tickets_reach_no_other_index() -> None:
    for name in ("RehearsalFunction", "MoverFunction"):
        role = refers_to(functions()[name]["Role"])
        read = [s for s in statements() if s.role == role and "dynamodb:Query" in s.actions]
        assert [text for s in read for text in strings(list(s.resources)) if "index" in text] == [
            f"${{Table.Arn}}/index/{keys.OPEN_INDEX}"
        ]


def test_the_machine_may_write_what_arming_a_wait_writes_and_nothing_else() -> None:
    """IAM holds it to the attributes that its expressions name, so the two must agree."""
    [statement] = [
        s
        for s in statements()
        if s.role == "TicketMachineRole" and "dynamodb:UpdateItem" in s.actions
    ]
    assert statement.actions == ("dynamodb:UpdateItem",)
    conditions = {k: v for part in statement.condition.values() for k, v in part.items()}
    assert conditions["dynamodb:LeadingKeys"] == [keys.ticket_pk("*")]
    for _, state in states_of(machine("ticket.asl.json")):
        if waits_for_token(state):
            assert attributes(state["Parameters"]) == set(conditions["dynamodb:Attributes"])


def attributes(parameters: dict[str, Any]) -> set[str]:
    """The top-level attributes that an update's keys and expressions name."""
    text = f"{parameters['UpdateExpression']} {parameters['ConditionExpression']}"
    words = text.replace(",", " ").replace("=", " ").split()
    expressed = {w for w in words if w.islower() and not w.startswith(":")}
    return expressed | set(parameters["Key"])


def test_roles_are_assumed_by_services_only() -> None:
    for name, role in of_type("AWS::IAM::Role").items():
        for statement in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
            assert set(statement["Principal"]) == {"Service"}, name


def test_whoever_may_call_a_function_from_outside_names_where_from() -> None:
    for name, permission in of_type("AWS::Lambda::Permission").items():
        assert "SourceArn" in permission["Properties"], name
        assert permission["Properties"]["Principal"] != "*", name


def test_queues_and_buckets_open_to_others_name_who_and_from_where() -> None:
    for name, resource in of_type("AWS::SQS::QueuePolicy").items():
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
            assert statement["Condition"], f"{name}: {json.dumps(statement)}"
    for name, resource in of_type("AWS::S3::BucketPolicy").items():
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
            if "Fn::If" in statement:
                # Where SES takes mail: it alone may put, for this account, by this rule set.
                condition, statement, otherwise = statement["Fn::If"]
                assert (condition, otherwise) == ("SesTakesMail", {"Ref": "AWS::NoValue"})
                assert statement["Principal"] == {"Service": "ses.amazonaws.com"}
                assert statement["Action"] == "s3:PutObject"
                assert set(statement["Condition"]) == {"StringEquals", "ArnLike"}
                continue
            assert statement["Effect"] == "Deny", name
