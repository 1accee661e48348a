"""A removed stack is created again around the resources that hold data."""

from __future__ import annotations

import copy
import json

import pytest

from local.operations import recreation, removal
from local.operations.changes import Imported, Template
from local.operations.recreation import Removed
from tests.template.documents import expanded, written

LEFT = (
    Imported("Table", "AWS::DynamoDB::Table", {"TableName": "redress-Table-1"}),
    Imported("MailBucket", "AWS::S3::Bucket", {"BucketName": "redress-mailbucket-1"}),
    Imported("SearchBucket", "AWS::S3::Bucket", {"BucketName": "redress-searchbucket-1"}),
    Imported("FilesBucket", "AWS::S3::Bucket", {"BucketName": "redress-filesbucket-1"}),
    Imported("UserPool", "AWS::Cognito::UserPool", {"UserPoolId": "eu-west-1_1"}),
    Imported("LinkKey", "AWS::SecretsManager::Secret", {"Id": "arn:aws:secretsmanager:key"}),
    *(
        Imported(
            f"{group.capitalize()}Group",
            "AWS::Cognito::UserPoolGroup",
            {"UserPoolId": "eu-west-1_1", "GroupName": group},
        )
        for group in ("agent", "supervisor", "manager")
    ),
)
MARK = {"bucket": "code", "key": "removed.json"}


@pytest.fixture
def before() -> Template:
    document = written()
    kept = {name: document[name] for name in ("Parameters", "Conditions", "Outputs")}
    template: Template = json.loads(json.dumps(kept))
    return template | {"Resources": copy.deepcopy(expanded())}


def test_every_kind_of_resource_that_holds_data_is_imported(before: Template) -> None:
    retained = {
        name
        for name, one in before["Resources"].items()
        if one.get("DeletionPolicy", "Delete").startswith("Retain")
        and one["Type"] not in ("AWS::Lambda::LayerVersion", "AWS::Lambda::Version")
    }
    assert retained == {one.logical for one in LEFT}
    data = [one for one in LEFT if one.kind != removal.GROUP]
    assert {one.kind for one in data} == set(recreation.IDENTIFIED_BY)
    for one in data:
        assert [recreation.IDENTIFIED_BY[one.kind]] == list(one.identifier)


def test_import_has_only_what_was_left_and_nothing_refers_to_the_rest(before: Template) -> None:
    data = recreation.only_data(before, LEFT, MARK)

    assert set(data["Resources"]) == {one.logical for one in LEFT}
    others = set(before["Resources"]) - set(data["Resources"])
    assert others & set(recreation.references(data["Resources"])) == set()
    assert "Outputs" not in data, "outputs refer to the rest, and an import may not add them"
    for one in data["Resources"].values():
        assert one["DeletionPolicy"].startswith("Retain"), "an import needs it"
        assert "DependsOn" not in one


def test_only_the_notification_of_the_bucket_comes_later(before: Template) -> None:
    """A secret whose GenerateSecretString came later would get another value."""
    data = recreation.only_data(before, LEFT, MARK)
    left_out = {
        (name, key)
        for name, one in data["Resources"].items()
        for key in set(before["Resources"][name]["Properties"]) - set(one["Properties"])
    }
    assert left_out == {("MailBucket", "NotificationConfiguration")}
    key = data["Resources"]["LinkKey"]["Properties"]
    assert key == before["Resources"]["LinkKey"]["Properties"]


def test_references_are_found_in_every_form() -> None:
    node = [
        {"Ref": "A"},
        {"Fn::GetAtt": ["B", "Arn"]},
        {"Fn::GetAtt": "C.Arn"},
        {"Fn::Sub": "${D}-${E.Arn}"},
        {"Fn::Sub": ["${F}", {"G": {"Ref": "H"}}]},
        {"Fn::If": ["No", {"Ref": "I"}, "J"]},
    ]
    assert sorted(recreation.references(node)) == ["A", "B", "C", "D", "E", "F", "H", "I"]


def test_stored_state_is_read_back(before: Template) -> None:
    what = Removed(before, {"OperatorAddress": "ops@example.org"}, LEFT)
    assert Removed.decode(what.encode()) == what
