"""A restore rewrites the template so that everything uses a table outside of the stack."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest

from local.operations import switching
from local.operations.switching import NotSwitchable, Template
from tests.template.documents import expanded, of_type, written

TARGET = {
    "Ref": "redress-restored",
    "Arn": "arn:aws:dynamodb:eu-west-1:1:table/redress-restored",
    "StreamArn": "arn:aws:dynamodb:eu-west-1:1:table/redress-restored/stream/1",
}
MARK = {"table": "redress-restored", "at": "2026-11-23T08:00:00Z"}


def deployed() -> Template:
    """The template as CloudFormation stores it after the transform."""
    document = written()
    kept = {name: document[name] for name in ("Parameters", "Conditions", "Outputs")}
    template: Template = json.loads(json.dumps(kept))
    return template | {"Resources": copy.deepcopy(expanded())}


def switched() -> Template:
    return switching.without_table(deployed(), TARGET, MARK)


def test_nothing_refers_to_the_table_that_left() -> None:
    after = switched()

    assert "Table" not in after["Resources"]
    text = json.dumps(after)
    assert re.findall(r'\{"Ref": "Table"\}|"Fn::GetAtt": \["Table"|\$\{Table[.}]', text) == []
    assert after["Outputs"]["TableName"]["Value"] == "redress-restored"


def test_functions_machines_roles_and_mappings_get_the_values_of_the_restored_table() -> None:
    before, after = deployed(), switched()

    def changed(kind: str) -> int:
        names = [name for name, one in before["Resources"].items() if one["Type"] == kind]
        return sum(before["Resources"][one] != after["Resources"].get(one) for one in names)

    functions = of_type("AWS::Lambda::Function")
    assert changed("AWS::Lambda::Function") == len(functions)
    machine = after["Resources"]["TicketMachine"]["Properties"]
    assert machine["DefinitionSubstitutions"]["TableName"] == "redress-restored"
    for reader in ("RelayFunctionChanges", "FollowerFunctionChanges"):
        properties = after["Resources"][reader]["Properties"]
        assert properties["EventSourceArn"] == TARGET["StreamArn"]
    roles = json.dumps(after["Resources"]["StaffFunctionRole"])
    assert TARGET["Arn"] in roles
    assert f"{TARGET['Arn']}/index/*" in roles


def test_what_holds_data_is_unchanged() -> None:
    before, after = deployed()["Resources"], switched()["Resources"]
    for name in ("UserPool", "LinkKey", "MailBucket", "HttpApi"):
        assert after[name] == before[name]


def test_import_adds_the_table_and_changes_nothing_else() -> None:
    before, after = deployed(), switched()
    imported = switching.with_table(after, before)

    assert imported["Resources"].pop("Table") == before["Resources"]["Table"]
    assert imported == after
    assert before["Resources"]["Table"]["DeletionPolicy"].startswith("Retain"), "imports need it"


def test_unfinished_restore_is_found_in_the_template() -> None:
    assert switching.mark_of(deployed()) is None
    assert switching.mark_of(switched()) == MARK


def small(**resources: Any) -> Template:
    table = {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Retain"}
    return {"Resources": {"Table": table, **resources}}


def test_reference_in_a_text_is_replaced_unless_it_is_a_variable_of_the_text() -> None:
    template = small(
        One={"Type": "X", "Properties": {"A": {"Fn::Sub": "${Table.Arn}/index/${Table}"}}},
        Two={"Type": "X", "Properties": {"A": {"Fn::Sub": ["${Table}", {"Table": "mine"}]}}},
        Three={"Type": "X", "DependsOn": "Table", "Properties": {"A": "${Tables} ${Table2}"}},
    )
    after = switching.without_table(template, TARGET, MARK)["Resources"]

    assert after["One"]["Properties"]["A"] == {"Fn::Sub": f"{TARGET['Arn']}/index/redress-restored"}
    assert after["Two"] == template["Resources"]["Two"]
    assert after["Three"] == template["Resources"]["Three"] | {"DependsOn": []}


def test_table_that_would_be_deleted_does_not_leave_the_stack() -> None:
    template = small()
    template["Resources"]["Table"]["DeletionPolicy"] = "Delete"
    with pytest.raises(NotSwitchable, match="would be deleted"):
        switching.without_table(template, TARGET, MARK)


def test_unknown_attribute_of_the_table_is_named() -> None:
    template = small(One={"Type": "X", "Properties": {"A": {"Fn::GetAtt": "Table.TableId"}}})
    with pytest.raises(NotSwitchable, match=re.escape("Table.TableId")):
        switching.without_table(template, TARGET, MARK)


def test_template_without_the_table_is_refused() -> None:
    with pytest.raises(NotSwitchable, match="no table"):
        switching.without_table({"Resources": {}}, TARGET, MARK)
