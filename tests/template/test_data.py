"""Data outlives the stack, failures raise alarms, and the template contains no secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest

from redress.db import keys
from redress.db.rows import Models
from redress.files.messages import Verdict
from redress.files.store import scans
from redress.tickets.store import items
from tests.builders import NUMBER, Life
from tests.template.documents import GIVEN, called, expanded, of_type, refers_to, strings, written

# ------------------------------------------------------------------ resources that hold data

HOLDS_DATA = {"Table", "MailBucket", "SearchBucket", "FilesBucket", "UserPool", "LinkKey"}


@pytest.mark.parametrize("name", sorted(HOLDS_DATA))
def test_resource_that_holds_data_outlives_the_stack(name: str) -> None:
    resource = expanded()[name]
    assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
    assert resource["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("name", sorted(HOLDS_DATA))
def test_nothing_stops_the_rollback_of_a_creation_that_failed(name: str) -> None:
    """A protected resource cannot be deleted. `make deploy` protects after it succeeded."""
    properties = expanded()[name].get("Properties", {})
    assert not {"DeletionProtection", "DeletionProtectionEnabled"} & set(properties)


def test_every_resource_that_holds_data_is_listed() -> None:
    holding = of_type(
        "AWS::DynamoDB::Table",
        "AWS::S3::Bucket",
        "AWS::Cognito::UserPool",
        "AWS::SecretsManager::Secret",
    )
    assert set(holding) == HOLDS_DATA


def test_table_can_be_restored() -> None:
    table = expanded()["Table"]["Properties"]
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["BillingMode"] == "PAY_PER_REQUEST", "an idle month costs nothing"


def test_only_administrators_make_accounts_of_staff() -> None:
    pool = expanded()["UserPool"]["Properties"]
    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}


def test_staff_cannot_change_their_own_team_or_capacity() -> None:
    client = expanded()["UserPoolClient"]["Properties"]
    assert not [name for name in client["WriteAttributes"] if name.startswith("custom:")]


def test_raw_mail_is_versioned() -> None:
    bucket = expanded()["MailBucket"]["Properties"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}


def test_text_that_is_removed_from_the_index_is_gone_and_no_segment_expires() -> None:
    bucket = expanded()["SearchBucket"]["Properties"]
    assert not {"VersioningConfiguration", "LifecycleConfiguration"} & set(bucket)


def test_every_bucket_is_private_encrypted_and_reached_over_tls_only() -> None:
    policies = {
        refers_to(one["Properties"]["Bucket"]): one["Properties"]["PolicyDocument"]["Statement"]
        for one in of_type("AWS::S3::BucketPolicy").values()
    }
    for name, one in of_type("AWS::S3::Bucket").items():
        bucket = one["Properties"]
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}, name
        assert bucket["BucketEncryption"], name
        first = policies[name][0]
        assert (first["Effect"], first["Action"], first["Principal"]) == ("Deny", "s3:*", "*"), name
        assert first["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}, name


def test_stack_without_search_has_no_index_and_nobody_asks_for_one() -> None:
    parameter = written()["Parameters"]["Search"]
    assert (parameter["Default"], parameter["AllowedValues"]) == ("off", ["off", "on"])
    resources = expanded()
    for name in ("SearchBucket", "SearchBucketPolicy", "UpkeepSchedule"):
        assert resources[name]["Condition"] == "HasSearch", name
    mapping = resources["IndexerFunctionTexts"]["Properties"]
    assert mapping["Enabled"] == {"Fn::If": ["HasSearch", True, False]}
    for function, variable in (
        ("StaffFunction", "SEARCH_BUCKET"),
        ("FollowerFunction", "SEARCH_QUEUE_URL"),
    ):
        variables = resources[function]["Properties"]["Environment"]["Variables"]
        condition, _, off = variables[variable]["Fn::If"]
        assert (condition, off) == ("HasSearch", ""), function


# ------------------------------------------------------------------ files


def test_stack_without_files_has_no_bucket_for_them_and_nobody_asks_for_one() -> None:
    parameter = written()["Parameters"]["Files"]
    assert parameter["Default"] == "off", "whoever switches files on says what checks them"
    assert parameter["AllowedValues"] == ["off", "guardduty", "clamav", "eicar"]
    resources = expanded()
    for name in ("FilesBucket", "FilesBucketPolicy", "UploadArrivedRule"):
        assert resources[name]["Condition"] == "HasFiles", name
    for function, variable in (
        ("CustomerFunction", "FILES_BUCKET"),
        ("StaffFunction", "FILES_BUCKET"),
        ("CheckerFunction", "FILES_BUCKET"),
        ("ScannerFunction", "FILES_BUCKET"),
        ("FollowerFunction", "CHECKER_FUNCTION"),
        ("RepairFunction", "CHECKER_FUNCTION"),
    ):
        variables = resources[function]["Properties"]["Environment"]["Variables"]
        condition, _, off = variables[variable]["Fn::If"]
        assert (condition, off) == ("HasFiles", ""), function


def test_an_idle_stack_polls_no_queue_for_files() -> None:
    """An empty queue that is polled all month costs more than 100,000 files."""
    for function in ("CheckerFunction", "ScannerFunction"):
        for mapping in of_type("AWS::Lambda::EventSourceMapping").values():
            assert called(mapping["Properties"]["FunctionName"]) != function


def denials() -> dict[str, dict[str, Any]]:
    policy = expanded()["FilesBucketPolicy"]["Properties"]["PolicyDocument"]
    assert {one["Effect"] for one in policy["Statement"]} == {"Deny"}
    assert {one["Principal"] for one in policy["Statement"]} == {"*"}
    return {one["Sid"]: one for one in policy["Statement"]}


def test_nobody_but_what_scans_reads_a_file_before_it_is_clean_and_nobody_else_tags_it() -> None:
    scanning = [
        {"Fn::GetAtt": ["ScannerRole", "Arn"]},
        {
            "Fn::If": [
                "GuardDutyScans",
                {"Fn::GetAtt": ["MalwareProtectionRole", "Arn"]},
                {"Ref": "AWS::NoValue"},
            ]
        },
    ]
    reading, tagging = denials()["OnlyCleanFilesAreRead"], denials()["OnlyWhatScansWritesTags"]
    assert reading["Action"] == ["s3:GetObject", "s3:GetObjectVersion"]
    assert reading["Resource"] == {"Fn::Sub": "${FilesBucket.Arn}/files/*"}
    assert reading["Condition"] == {
        # Both must differ. An object without a tag differs too (IAM, "Negated matching").
        "StringNotEquals": {
            f"s3:ExistingObjectTag/{scans.TAG}": Verdict.CLEAN,
            f"s3:ExistingObjectTag/{scans.GUARDDUTY_TAG}": "NO_THREATS_FOUND",
        },
        "ArnNotEquals": {"aws:PrincipalArn": scanning},
    }
    assert {action.rpartition("Object")[2] for action in tagging["Action"]} == {
        "Tagging",
        "VersionTagging",
    }
    assert {action[:6] for action in tagging["Action"]} == {"s3:Put", "s3:Del"}
    assert tagging["Resource"] == {"Fn::Sub": "${FilesBucket.Arn}/*"}
    assert tagging["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": scanning}}


def test_what_one_scanner_refused_is_read_by_nobody_whatever_the_other_says() -> None:
    scanning = denials()["OnlyCleanFilesAreRead"]["Condition"]["ArnNotEquals"]
    refused = {
        "WhatTheScannerRefusedIsNotRead": (scans.TAG, [Verdict.FOUND, Verdict.UNSCANNED]),
        "WhatGuardDutyRefusedIsNotRead": (scans.GUARDDUTY_TAG, ["THREATS_FOUND", "UNSUPPORTED"]),
    }
    for sid, (tag, values) in refused.items():
        denied = denials()[sid]
        assert denied["Action"] == ["s3:GetObject", "s3:GetObjectVersion"]
        assert denied["Condition"] == {
            "StringEquals": {f"s3:ExistingObjectTag/{tag}": values},
            "ArnNotEquals": scanning,
        }


def test_only_the_checker_reads_what_was_uploaded() -> None:
    uploads = denials()["OnlyTheCheckerReadsUploads"]
    assert uploads["Resource"] == {"Fn::Sub": "${FilesBucket.Arn}/uploads/*"}
    assert uploads["Action"] == ["s3:GetObject", "s3:GetObjectVersion"]
    checker = {"Fn::GetAtt": ["CheckerFunctionRole", "Arn"]}
    assert uploads["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": checker}}


def test_uploads_that_no_message_refers_to_are_gone_after_a_week() -> None:
    bucket = expanded()["FilesBucket"]["Properties"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    rules = {one.get("Prefix"): one for one in bucket["LifecycleConfiguration"]["Rules"]}
    assert rules["uploads/"]["ExpirationInDays"] == 7
    hidden = rules["uploads/"]["NoncurrentVersionExpiration"]["NoncurrentDays"]
    assert hidden > rules["uploads/"]["ExpirationInDays"], "the version that was checked is copied"
    assert rules["files/"]["ExpirationInDays"] == {"Ref": "FileRetentionDays"}
    assert rules["files/"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert rules[None]["ExpiredObjectDeleteMarker"] is True


def test_every_event_reaches_the_function_that_follows_it() -> None:
    rules = {name: one["Properties"] for name, one in of_type("AWS::Events::Rule").items()}
    assert {name: called(one["Targets"][0]["Arn"]) for name, one in rules.items()} == {
        "ExecutionEndedRule": "RepairFunction",
        "UploadArrivedRule": "CheckerFunction",
        "FileCopiedRule": "ScannerFunction",
        "FileScannedRule": "CheckerFunction",
        "ContactEventRule": "HotlineFunction",
    }
    for name, prefix in (("UploadArrivedRule", "uploads/"), ("FileCopiedRule", "files/")):
        pattern = rules[name]["EventPattern"]
        assert (pattern["source"], pattern["detail-type"]) == (["aws.s3"], ["Object Created"])
        assert pattern["detail"] == {
            "bucket": {"name": [{"Ref": "FilesBucket"}]},
            "object": {"key": [{"prefix": prefix}]},
        }
    bucket = expanded()["FilesBucket"]["Properties"]["NotificationConfiguration"]
    assert bucket == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


def test_verdict_of_the_scanner_goes_to_the_checker_without_a_call_of_its_own() -> None:
    """A function in a VPC without a NAT gateway reaches no API of Lambda."""
    [config] = [
        one["Properties"]
        for one in of_type("AWS::Lambda::EventInvokeConfig").values()
        if refers_to(one["Properties"]["FunctionName"]) == "ScannerFunction"
    ]
    assert called(config["DestinationConfig"]["OnSuccess"]["Destination"]) == "CheckerFunction"


def test_pages_of_the_api_and_of_other_origins_may_send_files_with_script() -> None:
    own, others = expanded()["FilesBucket"]["Properties"]["CorsConfiguration"]["CorsRules"]
    assert own["AllowedMethods"] == ["GET", "POST"]
    [[condition, given, usual]] = [one["Fn::If"] for one in own["AllowedOrigins"]]
    assert condition == "HasBaseAddress"
    assert usual == {"Fn::Sub": "https://*.execute-api.${AWS::Region}.${AWS::URLSuffix}"}
    text, parts = given["Fn::Sub"]
    index, split = parts["Host"]["Fn::Select"]
    separator, address = split["Fn::Split"]
    for base in ("https://help.example.org", "https://help.example.org:8443/a/b"):
        host = address["Fn::Sub"].replace("${BaseAddress}", base).split(separator)[index]
        assert base.startswith(text.replace("${Host}", host))
        assert "/" not in host
    condition, rule, _ = others["Fn::If"]
    assert condition == "HasAllowedOrigins"
    assert rule["AllowedOrigins"] == {"Ref": "AllowedOrigins"}


# ------------------------------------------------------------------ GuardDuty

GUARDDUTY: Any = botocore.session.get_session().get_service_model("guardduty")


def shape_of(members: dict[str, Any], shape: Any) -> None:
    """Check that CloudFormation's names are those of GuardDuty's API, except for capitals."""
    known = {name.lower(): one for name, one in shape.members.items()}
    for name, value in members.items():
        assert name.lower() in known, name
        if isinstance(value, dict) and not {"Ref", "Fn::GetAtt"} & set(value):
            shape_of(value, known[name.lower()])


def test_plan_of_guardduty_scans_the_copies_and_writes_tags() -> None:
    """GuardDuty runs nowhere but on AWS. Its API's model is what can be compared here."""
    plan = expanded()["MalwareProtectionPlan"]
    assert plan["Condition"] == "GuardDutyScans"
    properties = plan["Properties"]
    shape_of(properties, GUARDDUTY.operation_model("CreateMalwareProtectionPlan").input_shape)
    bucket = properties["ProtectedResource"]["S3Bucket"]
    assert bucket == {"BucketName": {"Ref": "FilesBucket"}, "ObjectPrefixes": ["files/"]}
    status = GUARDDUTY.shape_for("MalwareProtectionPlanTaggingActionStatus").enum
    assert properties["Actions"] == {"Tagging": {"Status": "ENABLED"}}
    assert "ENABLED" in status


# ------------------------------------------------------------------ keys and indexes


def key_names(schema: list[dict[str, str]]) -> tuple[str, str]:
    names = {entry["KeyType"]: entry["AttributeName"] for entry in schema}
    return names["HASH"], names["RANGE"]


def test_table_has_the_key_that_items_have() -> None:
    assert key_names(expanded()["Table"]["Properties"]["KeySchema"]) == ("pk", "sk")


def test_indexes_are_those_that_the_stores_read() -> None:
    models = Models("any", "us-east-1")
    used = {
        name: {**index._get_schema(), "attribute_definitions": []}
        for model in vars(models).values()
        for name, index in getattr(model, "_indexes", {}).items()
    }
    deployed = {
        index["IndexName"]: {
            "index_name": index["IndexName"],
            "key_schema": index["KeySchema"],
            "projection": index["Projection"],
            "attribute_definitions": [],
        }
        for index in expanded()["Table"]["Properties"]["GlobalSecondaryIndexes"]
    }
    assert deployed == used
    assert set(deployed) == {
        keys.OWNER_INDEX,
        keys.OPEN_INDEX,
        keys.AWAKE_INDEX,
        keys.PRESENT_INDEX,
    }


def test_indexes_contain_only_keys() -> None:
    for index in expanded()["Table"]["Properties"]["GlobalSecondaryIndexes"]:
        assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}, "no text is stored twice"


def test_every_defined_attribute_is_part_of_a_key() -> None:
    table = expanded()["Table"]["Properties"]
    schemas = [table["KeySchema"], *(i["KeySchema"] for i in table["GlobalSecondaryIndexes"])]
    named = {entry["AttributeName"] for schema in schemas for entry in schema}
    assert {entry["AttributeName"] for entry in table["AttributeDefinitions"]} == named


def test_only_the_idempotency_record_of_a_ticket_expires() -> None:
    """DynamoDB may delete an expired item days late, so no promise may depend on it."""
    expires = expanded()["Table"]["Properties"]["TimeToLiveSpecification"]["AttributeName"]
    change = Life().open(number=NUMBER).last
    written = items.opening_items("key", "fingerprint", "{}", change)
    assert [item["sk"] for item in written if expires in item] == [keys.KEY]


# ------------------------------------------------------------------ secrets

LOOKS_SECRET = re.compile(r"AKIA[A-Z0-9]{16}|[A-Za-z0-9+/]{40,}={0,2}|[0-9a-f]{32,}|-----BEGIN")


def test_template_contains_no_key() -> None:
    assert [text for text in strings(written()) if LOOKS_SECRET.search(text)] == []


def test_key_of_links_is_generated_by_the_deployment() -> None:
    [secret] = of_type("AWS::SecretsManager::Secret").values()
    assert "SecretString" not in secret["Properties"]
    assert secret["Properties"]["GenerateSecretString"]["PasswordLength"] >= 32


def test_no_parameter_is_a_secret() -> None:
    """A parameter may name a secret, so that only functions that need its value read it."""
    for name, parameter in written()["Parameters"].items():
        if re.search("key|secret|password|token", name, re.IGNORECASE):
            assert "arn:aws" in parameter["AllowedPattern"], name


def test_only_parameters_that_nobody_can_guess_have_no_default() -> None:
    parameters = written()["Parameters"]
    assert {name for name, one in parameters.items() if "Default" not in one} == set(GIVEN)


# ------------------------------------------------------------------ deployable


def test_every_parameter_and_condition_is_used() -> None:
    document = written()
    rest = json.dumps({k: v for k, v in document.items() if k != "Parameters"})
    for name in document["Parameters"]:
        assert f'"Ref": "{name}"' in rest or f"${{{name}}}" in rest, name
    for name in document["Conditions"]:
        assert rest.count(f'"{name}"') > 1, name


NOT_IN_THE_LOCAL_CLOUD = re.compile(
    "AWS::SES::Receipt|CompositeAlarm|QueryDefinition|Events::Archive|Events::Connection|"
    "ApiDestination|WebACLAssociation|StateMachineVersion|StateMachineAlias|CodeDeploy|Budgets|"
    "ManagedLoginBranding|GuardDuty"
)
"""Types that the local cloud does not support. One of them would fail the complete deployment."""
NOT_ON_THE_LAPTOP = ("IsOnAws", "SesTakesMail", "StylesSignInPages", "GuardDutyScans")
"""Conditions that no stack on a laptop fulfils."""


def test_types_that_the_local_cloud_does_not_support_are_left_out_there() -> None:
    for name, resource in expanded().items():
        if NOT_IN_THE_LOCAL_CLOUD.search(resource["Type"]):
            assert resource.get("Condition") in NOT_ON_THE_LAPTOP, name


def test_references_between_resources_have_no_circle() -> None:
    """Linters accept a circle of references; only a deployment finds it."""
    needs = {name: set(references(resource)) for name, resource in expanded().items()}
    done: set[str] = set()
    while ready := {n for n, wanted in needs.items() if n not in done and wanted <= done}:
        done |= ready
    assert set(needs) - done == set()


def references(value: Any) -> Iterator[str]:
    """The logical ids of the resources to which a part of the template refers."""
    match value:
        case {"DependsOn": wanted, **rest}:
            yield from [wanted] if isinstance(wanted, str) else wanted
            yield from references(rest)
        case {"Fn::Sub": text}:
            yield from _substituted(text)
        case {"Ref": str(name)} if name in expanded():
            yield name
        case {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case dict():
            for part in value.values():
                yield from references(part)
        case list():
            for part in value:
                yield from references(part)


def _substituted(text: Any) -> Iterator[str]:
    template = text if isinstance(text, str) else text[0]
    for name in re.findall(r"\$\{(\w+)(?:\.\w+)*\}", template):
        if name in expanded():
            yield name


# ------------------------------------------------------------------ mail in


def test_ses_tells_the_envelope_to_the_queue_and_s3_tells_the_object_later() -> None:
    """The event of S3 has no envelope, so it must not come before the notification of SES."""
    resources = expanded()
    [rule] = of_type("AWS::SES::ReceiptRule").values()
    [action] = rule["Properties"]["Rule"]["Actions"]
    topic = refers_to(action["S3Action"]["TopicArn"])
    [subscription] = [
        one["Properties"]
        for one in of_type("AWS::SNS::Subscription").values()
        if refers_to(one["Properties"]["TopicArn"]) == topic
    ]
    assert refers_to(subscription["Endpoint"]) == "InboundQueue"
    assert subscription["RawMessageDelivery"] is True
    bucket = resources["MailBucket"]["Properties"]
    [told] = bucket["NotificationConfiguration"]["QueueConfigurations"]
    condition, late, at_once = told["Queue"]["Fn::If"]
    assert (condition, refers_to(at_once)) == ("SesTakesMail", "InboundQueue")
    queue = refers_to(late)
    assert queue is not None
    retried = resources["InboundQueue"]["Properties"]["VisibilityTimeout"]
    assert 2 * retried < resources[queue]["Properties"]["DelaySeconds"] <= 900, "two retries first"
    [mapping] = [
        one["Properties"]
        for one in of_type("AWS::Lambda::EventSourceMapping").values()
        if refers_to(one["Properties"]["EventSourceArn"]) == queue
    ]
    assert called(mapping["FunctionName"]) == "InboundFunction"
