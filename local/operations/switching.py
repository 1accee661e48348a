"""Rewrite the template of a stack, so that everything uses a table that the stack does not contain.

CloudFormation cannot exchange the table behind a logical id. But a template may name a table
outside of the stack, a resource with `DeletionPolicy: Retain` may leave a stack, and a table may be
imported under a logical id that is free. So three changes lead from one table to another:

1. `without_table`: every reference to the table is replaced by a literal, and the table leaves.
2. `with_table`: the same template and the resource, for the import of the other table.
3. the template from before: every reference leads to the imported table, with the same values.

Functions here are pure: they take and return templates as data.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any

type Template = dict[str, Any]

TABLE = "Table"
"""The logical id of the table in `template.yaml`."""

MARK = "RestoreFrom"
"""Key of the note in the template's `Metadata` while the table is outside of the stack."""


class NotSwitchable(Exception):
    """The template is not one of this product, or refers to the table in an unknown way."""


def without_table(before: Template, target: dict[str, str], mark: dict[str, str]) -> Template:
    """Return the template with literals instead of its table, and without the table.

    `target` has what the literals are: `Ref`, `Arn`, `StreamArn`. `mark` is stored in the metadata.
    Raises NotSwitchable.
    """
    resource = before.get("Resources", {}).get(TABLE)
    if resource is None or resource.get("Type") != "AWS::DynamoDB::Table":
        raise NotSwitchable(f"the stack's template has no table {TABLE}")
    if resource.get("DeletionPolicy") not in ("Retain", "RetainExceptOnCreate"):
        raise NotSwitchable(
            f"{TABLE} would be deleted when it leaves the stack: it is not retained"
        )
    after = copy.deepcopy(before)
    del after["Resources"][TABLE]
    after = dict(_replaced(after, TABLE, partial(_literal, target)))
    for one in after["Resources"].values():
        if TABLE in _listed(one.get("DependsOn")):
            one["DependsOn"] = [other for other in _listed(one["DependsOn"]) if other != TABLE]
    after["Metadata"] = after.get("Metadata", {}) | {MARK: mark}
    if left := re.findall(rf'"(?:Ref|Fn::GetAtt)": \[?"{TABLE}[".]', json.dumps(after)):
        raise NotSwitchable(f"the template still refers to the table: {left[0]}")
    return after


def with_table(after: Template, before: Template) -> Template:
    """Return a template of `without_table` with the table, to import it. Nothing else changes."""
    return after | {"Resources": after["Resources"] | {TABLE: before["Resources"][TABLE]}}


def mark_of(template: Template) -> dict[str, str] | None:
    """Return the note of an unfinished restore, or None."""
    found: dict[str, str] | None = template.get("Metadata", {}).get(MARK)
    return found


def _listed(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def _replaced(node: Any, logical: str, value_of: Callable[[str], str]) -> Any:
    """Return a copy in which every reference to a resource is replaced by a value.

    `value_of` gets `Ref` or the name of an attribute. References are `Ref`, `Fn::GetAtt` in its
    two forms, and `${}` in `Fn::Sub`, unless that names a variable of the same `Fn::Sub`.
    """
    if isinstance(node, list):
        return [_replaced(one, logical, value_of) for one in node]
    if not isinstance(node, dict):
        return node
    if node == {"Ref": logical}:
        return value_of("Ref")
    if len(node) == 1:
        ((kind, given),) = node.items()
        if kind == "Fn::GetAtt":
            parts = given.split(".", 1) if isinstance(given, str) else given
            if parts[0] == logical:
                return value_of(str(parts[1]))
        if kind == "Fn::Sub":
            text, own = (given, {}) if isinstance(given, str) else given
            if logical not in own:
                text = re.sub(
                    rf"\$\{{{logical}(?:\.([\w.]+))?\}}",
                    lambda found: value_of(found[1] or "Ref"),
                    text,
                )
            own = _replaced(own, logical, value_of)
            return {kind: [text, own] if own else text}
    return {name: _replaced(one, logical, value_of) for name, one in node.items()}


def _literal(target: dict[str, str], attribute: str) -> str:
    if attribute not in target:
        raise NotSwitchable(
            f"the template uses {TABLE}.{attribute}, which this command cannot name"
        )
    return target[attribute]
