"""Data outlives the stack, failures raise alarms, and the template contains no secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from redress.db import keys
from redress.db.rows import Models
from redress.tickets.store import items
from tests.builders import NUMBER, Life
from tests.template.documents import GIVEN, called, expanded, of_type, refers_to, strings, written

# ------------------------------------------------------------------ resources that hold data

HOLDS_DATA = {"Table", "MailBucket", "SearchBucket", "UserPool", "LinkKey"}


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
    "ManagedLoginBranding"
)
"""Types that the local cloud does not support. One of them would fail the complete deployment."""


def test_types_that_the_local_cloud_does_not_support_are_left_out_there() -> None:
    for name, resource in expanded().items():
        if NOT_IN_THE_LOCAL_CLOUD.search(resource["Type"]):
            assert resource.get("Condition") in ("IsOnAws", "SesTakesMail", "StylesSignInPages"), (
                name
            )


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
