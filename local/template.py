"""`template.yaml` as data, so tests and benchmarks use what is deployed instead of a copy."""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml

from local.process import ROOT


class _TemplateLoader(yaml.SafeLoader):
    """Reads CloudFormation; a short-form function (`!Ref Table`) is read as its argument."""


def _argument(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.MappingNode)
    return loader.construct_mapping(node, deep=True)


_TemplateLoader.add_multi_constructor("!", _argument)


@cache
def template() -> dict[str, Any]:
    """`template.yaml`, read once. Callers must not change it."""
    text = (ROOT / "template.yaml").read_text()
    read: dict[str, Any] = yaml.load(text, _TemplateLoader)  # noqa: S506 - a safe loader
    return read


def with_default(value: Any) -> Any:
    """Return the default of the parameter that this value names, else the value.

    A short reference (`!Ref ChangesAtOnce`) is read as the name of what it refers to.
    """
    parameter = template()["Parameters"].get(value, {}) if isinstance(value, str) else {}
    return parameter.get("Default", value)


def table_definition(name: str) -> dict[str, Any]:
    """Arguments of `create_table` for the template's table, under this name."""
    properties = template()["Resources"]["Table"]["Properties"]
    kept = ("BillingMode", "KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes")
    return {
        "TableName": name,
        **{part: properties[part] for part in kept},
        "StreamSpecification": {"StreamEnabled": True, **properties["StreamSpecification"]},
    }
