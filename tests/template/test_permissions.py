"""Every deployed role has least privilege."""

from __future__ import annotations

import json
from collections import defaultdict
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
    "cloudwatch:GetMetricStatistics": "metrics have no resource of their own (IAM reference)",
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
    "identity/*": "the template cannot know whether the address or its domain is verified; a "
    "condition allows only the one sender",
    "${Table.Arn}/index/*": "all indexes of the one table",
    "${MailBucket.Arn}/inbound/*": "all mails as they came in",
    "${MailBucket.Arn}/read/*": "the texts that were read from all mails",
    "${MailBucket.Arn}/attachments/*": "the attachments of all mails",
    "${SearchBucket.Arn}/segments/*": "all segments of the search index",
    "${FilesBucket.Arn}/uploads/*": "all uploads",
    "${FilesBucket.Arn}/files/*": "the files of all tickets; the policy of the bucket denies those "
    "that are not clean",
    "${RecordingsBucket}/${RecordingsPrefix}*": "all recordings in the place that the "
    "operator names",
    "${FilesBucket.Arn}/*": "as GuardDuty's user guide demands it; see test_data.py for what the "
    "policy of the bucket denies",
    "rule/DO-NOT-DELETE-AmazonGuardDutyMalwareProtectionS3*": "GuardDuty names its own rule",
    "execution:${TicketMachine.Name}:*": "all executions of the one machine",
    "Function.Arn}:*": "the versions and the alias of the one function",
}
"""Wildcards inside a resource's name, and why."""

BY_THE_TRANSFORM = {
    "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    "arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess",
    "arn:aws:iam::aws:policy/service-role/AWSLambdaDynamoDBExecutionRole",
    "arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole",
}
OF_THE_SCANNER = [
    {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"},
    {
        "Fn::If": [
            "ScannerIsInANetwork",
            {
                "Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/service-role/"
                "AWSLambdaVPCAccessExecutionRole"
            },
            {"Ref": "AWS::NoValue"},
        ]
    },
]
"""Those of the one role that the template writes out. SAM would add the second one to a function
that is in no VPC, too."""
"""Managed policies that the SAM transform adds for logs, traces and event sources."""

EVERY = [pytest.param(s, id=f"{s.role}-{s.actions[0]}") for s in statements()]


@pytest.mark.parametrize("statement", EVERY)
def test_no_action_is_a_wildcard(statement: Statement) -> None:
    assert not [action for action in statement.actions if "*" in action]


@pytest.mark.parametrize("statement", EVERY)
def test_actions_are_allowed_only_on_named_resources(statement: Statement) -> None:
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


def test_no_managed_policies_but_those_of_the_stack_and_the_transform() -> None:
    for name, role in of_type("AWS::IAM::Role").items():
        if name == "ScannerRole":
            assert role["Properties"]["ManagedPolicyArns"] == OF_THE_SCANNER
            continue
        for policy in role["Properties"].get("ManagedPolicyArns", []):
            ours = refers_to(policy) in of_type("AWS::IAM::ManagedPolicy")
            assert ours or policy in BY_THE_TRANSFORM, f"{name}: {policy}"


def test_every_function_has_a_role_of_its_own() -> None:
    roles = [refers_to(function["Role"]) for function in functions().values()]
    assert len(set(roles)) == len(roles)


def allowed(logical_id: str) -> set[str]:
    """The actions that a function's role allows, without the transform's managed policies."""
    role = refers_to(functions()[logical_id]["Role"])
    return {action for s in statements() if s.role == role for action in s.actions}


def test_public_functions_can_neither_delete_data_nor_call_other_functions() -> None:
    for name in ("IntakeFunction", "CustomerFunction"):
        reached = {action.split(":")[0] for action in allowed(name)}
        assert reached <= {"dynamodb", "secretsmanager", "sqs", "s3"}
        assert allowed(name) & {"sqs:SendMessage"} == {"sqs:SendMessage"}, "the failure destination"


def test_no_role_may_delete_data_or_scan_the_table() -> None:
    actions = {action for s in statements() for action in s.actions}
    deleting = {a for a in actions if "Delete" in a and not a.startswith("logs:")}
    assert deleting == {"s3:DeleteObject", "events:DeleteRule"}
    assert {s.role for s in statements() if "events:DeleteRule" in s.actions} == {
        "MalwareProtectionRole"
    }, "GuardDuty deletes its own rule"
    removed: dict[str, set[str]] = defaultdict(set)
    for statement in statements():
        if "s3:DeleteObject" in statement.actions:
            removed[statement.role] |= set(strings(list(statement.resources)))
    files, uploads = "${FilesBucket.Arn}/files/*", "${FilesBucket.Arn}/uploads/*"
    assert removed == {
        "IndexerFunctionRole": {"${SearchBucket.Arn}/segments/*"},
        # The bucket keeps versions, so this writes a marker. No role may delete a version.
        "CustomerFunctionRole": {files, uploads},
        "StaffFunctionRole": {files, uploads},
        "CheckerFunctionRole": {files, uploads},
    }
    assert "dynamodb:Scan" not in actions, "open tickets are never scanned"


def test_scanner_reaches_nothing_but_files_the_checker_and_its_dead_letters() -> None:
    """It processes what strangers send."""
    reached = {
        text
        for s in statements()
        if s.role == "ScannerRole"
        for one in s.resources
        for text in [*strings([one]), str(refers_to(one))]
    }
    assert {name for name in reached if name.startswith("$")} == {
        "${FilesBucket.Arn}/files/*",
        "${CheckerFunction.Arn}:*",
    }
    assert not {name for name in reached if "Table" in name or "Key" in name}
    assert allowed("ScannerFunction") == {
        "lambda:InvokeFunction",
        "sqs:SendMessage",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:PutObjectTagging",
        "s3:PutObjectVersionTagging",
        "s3:ListBucket",
    }


def test_role_of_guardduty_is_that_of_its_guide() -> None:
    """Source: Amazon GuardDuty User Guide, "Create or update IAM role policy". Only the part about
    keys of KMS is missing, because the bucket has none."""
    bucket, objects = ["FilesBucket"], "${FilesBucket.Arn}/*"
    rule = (
        "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/"
        "DO-NOT-DELETE-AmazonGuardDutyMalwareProtectionS3*"
    )
    found = {
        tuple(s.actions): [refers_to(one) or one["Fn::Sub"] for one in s.resources]
        for s in statements()
        if s.role == "MalwareProtectionRole"
    }
    assert found == {
        ("events:PutRule", "events:DeleteRule", "events:PutTargets", "events:RemoveTargets"): [
            rule
        ],
        ("events:DescribeRule", "events:ListTargetsByRule"): [rule],
        (
            "s3:PutObjectTagging",
            "s3:GetObjectTagging",
            "s3:PutObjectVersionTagging",
            "s3:GetObjectVersionTagging",
        ): [objects],
        ("s3:PutBucketNotification", "s3:GetBucketNotification"): bucket,
        ("s3:PutObject",): ["${FilesBucket.Arn}/malware-protection-resource-validation-object"],
        ("s3:ListBucket",): bucket,
        ("s3:GetObject", "s3:GetObjectVersion"): [objects],
    }
    [managed] = [s for s in statements() if "events:PutRule" in s.actions]
    service = "malware-protection-plan.guardduty.amazonaws.com"
    assert managed.condition == {"StringLike": {"events:ManagedBy": service}}
    [trust] = of_type("AWS::IAM::Role")["MalwareProtectionRole"]["Properties"][
        "AssumeRolePolicyDocument"
    ]["Statement"]
    assert trust["Principal"] == {"Service": service}


def test_only_relay_and_repair_may_use_task_tokens() -> None:
    for token_action in ("states:SendTaskSuccess", "states:SendTaskFailure"):
        holders = {s.role for s in statements() if token_action in s.actions}
        assert holders == {"RelayFunctionRole", "RepairFunctionRole"}


def test_relay_can_neither_send_mail_jobs_nor_call_functions() -> None:
    """No mail and no assignment can delay a signal."""
    assert not [action for action in allowed("RelayFunction") if action.startswith("lambda:")]
    reached = {
        refers_to(one) for s in statements() if s.role == "RelayFunctionRole" for one in s.resources
    }
    assert reached == {"Table", "TicketMachine", "SignalDeadLetterQueue", "DeadLetterQueue"}


def test_follower_can_only_send_messages_and_call_the_assigner() -> None:
    reached = {
        refers_to(one)
        for s in statements()
        if s.role == "FollowerFunctionRole"
        for one in s.resources
    }
    queues = {"MailQueue", "EventDeadLetterQueue", "DeadLetterQueue"}
    called = {"AssignerFunction", "CheckerFunction", None}
    assert reached == {*queues, *called}, "None: the versions of both functions"
    assert allowed("FollowerFunction") == {"sqs:SendMessage", "lambda:InvokeFunction"}


def test_only_repair_stops_executions_and_only_those_of_tickets() -> None:
    [statement] = [s for s in statements() if "states:StopExecution" in s.actions]
    assert statement.role == "RepairFunctionRole"
    assert set(statement.actions) == {
        "states:DescribeExecution",
        "states:DescribeStateMachineForExecution",
        "states:StopExecution",
    }
    [resource] = strings(list(statement.resources))
    assert resource.endswith(":execution:${TicketMachine.Name}:*")


def test_only_repair_lists_executions_and_no_role_may_change_the_machine() -> None:
    [statement] = [s for s in statements() if "states:ListExecutions" in s.actions]
    assert statement.role == "RepairFunctionRole"
    assert statement.resources == ({"Ref": "TicketMachine"},)
    assert not [s for s in statements() if "states:UpdateStateMachine" in s.actions]


def test_mail_is_sent_only_from_the_sender_address() -> None:
    [statement] = [s for s in statements() if "ses:SendEmail" in s.actions]
    assert statement.role == "MailerFunctionRole"
    assert statement.condition == {"StringEquals": {"ses:FromAddress": {"Ref": "SenderAddress"}}}


def written_items(logical_id: str) -> dict[str, list[str]]:
    """For each writing action of a function's role, the partition keys that it may write."""
    role = refers_to(functions()[logical_id]["Role"])
    found: dict[str, list[str]] = {}
    for statement in statements():
        if statement.role == role:
            limits = statement.condition.get("ForAllValues:StringLike", {})
            for action in statement.actions:
                if action in ("dynamodb:PutItem", "dynamodb:UpdateItem"):
                    found[action] = limits.get("dynamodb:LeadingKeys", ["*"])
    return found


RECORDINGS = {"Fn::Sub": "arn:${AWS::Partition}:s3:::${RecordingsBucket}/${RecordingsPrefix}*"}


def _reads_files(statement: Statement) -> bool:
    """Whether it lets staff read files of tickets, or recordings, which the product never asks for:
    it only signs links to them.
    """
    files = {"Fn::Sub": "${FilesBucket.Arn}/files/*"}
    is_of_staff = statement.role == "StaffFunctionRole"
    return is_of_staff and (files in statement.resources or RECORDINGS in statement.resources)


def test_missing_object_is_not_found_by_each_role_that_gets_objects() -> None:
    """S3 answers 404 only to who may list the key that is missing, and 403 to everybody else."""
    got: dict[str, set[str]] = {}
    # For an object that is missing, the policy of the files bucket denies before S3 looks for it.
    denied = {"MalwareProtectionRole", "CustomerFunctionRole"}
    ours = [one for one in statements() if one.role not in denied and not _reads_files(one)]
    for statement in ours:
        if {"s3:GetObject", "s3:GetObjectTagging"} & set(statement.actions):
            paths = {text.partition("/")[2] for text in strings(list(statement.resources))}
            got.setdefault(statement.role, set()).update(paths)
    listed: dict[str, set[str]] = {}
    for statement in ours:
        if "s3:ListBucket" in statement.actions:
            prefixes = statement.condition["StringLike"]["s3:prefix"]
            listed.setdefault(statement.role, set()).update(prefixes)
    assert listed == got
    assert got["InboundFunctionRole"] == {"inbound/*"}


def test_rehearsal_function_can_write_only_rehearsals() -> None:
    """Its permissions guarantee that a rehearsal has no side effects, whatever its code does."""
    own = [keys.rehearsal_pk("*")]
    assert written_items("RehearsalFunction") == {
        "dynamodb:PutItem": own,
        "dynamodb:UpdateItem": own,
    }
    reached = {action.split(":")[0] for action in allowed("RehearsalFunction")}
    assert reached == {"dynamodb", "sqs"}
    assert allowed("RehearsalFunction") & {"sqs:SendMessage"}, "the failure destination"


def test_mover_function_can_write_only_tickets_their_facts_and_moves() -> None:
    own = [keys.ticket_pk("*"), "FACTS#*", keys.rehearsal_pk("*")]
    assert written_items("MoverFunction") == {
        "dynamodb:PutItem": own,
        "dynamodb:UpdateItem": own,
    }
    assert keys.facts_pk("a", "2026-11").startswith("FACTS#")
    assert {a.split(":")[0] for a in allowed("MoverFunction")} == {"dynamodb", "sqs"}


def test_rehearsal_and_mover_functions_read_no_index_but_that_of_open_tickets() -> None:
    for name in ("RehearsalFunction", "MoverFunction"):
        role = refers_to(functions()[name]["Role"])
        read = [s for s in statements() if s.role == role and "dynamodb:Query" in s.actions]
        assert [text for s in read for text in strings(list(s.resources)) if "index" in text] == [
            f"${{Table.Arn}}/index/{keys.OPEN_INDEX}"
        ]


def test_console_can_only_read_and_reads_no_profile_of_staff_and_no_address() -> None:
    """Everybody who may look at the dashboard sees what this function returns."""
    role = refers_to(functions()["ConsoleFunction"]["Role"])
    own = [s for s in statements() if s.role == role]
    assert allowed("ConsoleFunction") == {
        "cloudwatch:GetMetricStatistics",
        "dynamodb:BatchGetItem",
        "dynamodb:DescribeTable",
        "dynamodb:GetItem",
        "dynamodb:Query",
        "sqs:SendMessage",  # the failure destination
    }
    [reading] = [s for s in own if "dynamodb:Query" in s.actions]
    readable = reading.condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
    assert readable == [
        keys.ticket_pk("*"),
        keys.PLAN,
        keys.RECONCILIATION,
        "OPEN#*",
        "QUEUE#*",
        "AWAKE#*",
    ]
    indexes = [t for t in strings(list(reading.resources)) if "index" in t]
    assert indexes == [f"${{Table.Arn}}/index/{name}" for name in ("open", "owner", "awake")]


def test_ticket_machine_may_write_only_the_attributes_that_arm_a_wait() -> None:
    """IAM checks the attributes that the machine's expressions name, so the two must agree."""
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
    """The top-level attributes that the key and the expressions of an update name."""
    text = f"{parameters['UpdateExpression']} {parameters['ConditionExpression']}"
    words = text.replace(",", " ").replace("=", " ").split()
    expressed = {w for w in words if w.islower() and not w.startswith(":")}
    return expressed | set(parameters["Key"])


def test_service_that_may_use_a_key_has_the_same_name_in_every_partition() -> None:
    """The Developer Guide of KMS (kms:ViaService): the suffix is .amazonaws.com in all of them."""
    named = {
        value["Fn::Sub"]
        for one in statements()
        for condition in one.condition.values()
        for key, value in condition.items()
        if key == "kms:ViaService"
    }
    services = ("kinesis", "s3")
    assert named == {f"{service}.${{AWS::Region}}.amazonaws.com" for service in services}


def test_only_services_may_assume_roles() -> None:
    for name, role in of_type("AWS::IAM::Role").items():
        for statement in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
            assert set(statement["Principal"]) == {"Service"}, name


def test_permission_to_call_a_function_names_the_source() -> None:
    for name, permission in of_type("AWS::Lambda::Permission").items():
        assert "SourceArn" in permission["Properties"], name
        assert permission["Properties"]["Principal"] != "*", name


def test_policies_of_queues_and_buckets_name_the_service_and_the_source() -> None:
    for name, resource in of_type("AWS::SQS::QueuePolicy").items():
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
            assert statement["Condition"], f"{name}: {json.dumps(statement)}"
    for name, resource in of_type("AWS::S3::BucketPolicy").items():
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
            if "Fn::If" in statement:
                # If SES receives mail, only SES may put objects, for this account and rule set.
                condition, statement, otherwise = statement["Fn::If"]
                assert (condition, otherwise) == ("SesTakesMail", {"Ref": "AWS::NoValue"})
                assert statement["Principal"] == {"Service": "ses.amazonaws.com"}
                assert statement["Action"] == "s3:PutObject"
                assert set(statement["Condition"]) == {"StringEquals", "ArnLike"}
                continue
            assert statement["Effect"] == "Deny", name
