"""Versions of functions, and the alias `live` that every caller names.

A deployment publishes versions and moves the aliases to them. `settle` completes it, because SAM
publishes no version if only the value of a parameter changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from local.operations.stacks import ALIAS


def functions_of(cloudformation: Any, stack: str) -> list[str]:
    """Return the names of the functions of a stack, in order."""
    return sorted(resources(cloudformation, stack, "AWS::Lambda::Function"))


def resources(cloudformation: Any, stack: str, kind: str) -> list[str]:
    """Return the physical ids of the resources of this type in a stack."""
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    return [
        one["PhysicalResourceId"]
        for page in pages
        for one in page["StackResourceSummaries"]
        if one["ResourceType"] == kind and one.get("PhysicalResourceId")
    ]


def settle(functions: Any, names: Iterable[str]) -> list[str]:
    """Make each alias name what is deployed. Return the names of the functions that moved.

    Lambda publishes no version of a function whose code and configuration did not change since its
    last one. It returns that one, so this is safe to repeat.
    """
    moved = []
    for name in names:
        functions.get_waiter("function_updated_v2").wait(FunctionName=name)
        version = functions.publish_version(FunctionName=name)["Version"]
        alias = functions.get_alias(FunctionName=name, Name=ALIAS)
        if alias["FunctionVersion"] != version:
            functions.update_alias(FunctionName=name, Name=ALIAS, FunctionVersion=version)
            moved.append(name)
    return moved
