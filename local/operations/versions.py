"""Versions of functions, and the alias `live` that every caller names.

A deployment publishes versions and moves the aliases to them. `settle` completes it, because SAM
publishes no version if only the value of a parameter changed. The description of each alias is a
record of its last move, so that `make rollback` knows where it was before:

    version 12 after 11, deployed 2026-11-30T06:01:02Z      12 replaced 11
    version 12 after 12, deployed 2026-11-30T06:01:02Z      it did not move with the others
    version 1 after none, deployed 2026-11-30T06:01:02Z     a new function
    version 11 after 12, rolled back 2026-11-30T06:10:00Z   11 came back
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from local.operations.stacks import ALIAS

KEPT = 3
"""How many of the newest versions of a function are kept, and others if something names them."""
NEWEST = "$LATEST"
DEPLOYED, ROLLED_BACK = "deployed", "rolled back"

_RECORD = re.compile(rf"version (\d+) after (\d+|none), ({DEPLOYED}|{ROLLED_BACK}) (\S+)")

type Versions = dict[str, str]
"""The version that the alias of each function names."""


class CannotRollBack(Exception):
    """There is no version to go back to. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Record:
    """What the description of an alias says: the version it moved to, from which, and how."""

    version: str
    before: str | None
    how: str
    at: str

    def text(self) -> str:
        return f"version {self.version} after {self.before or 'none'}, {self.how} {self.at}"


@dataclass(frozen=True, slots=True)
class Move:
    """What a rollback does with the alias of a function. `to` is `now` if it stays."""

    function: str
    now: str
    to: str
    why: str


def record_of(description: str | None) -> Record | None:
    """Return the record in the description of an alias; None if there is none."""
    found = _RECORD.fullmatch(description or "")
    if found is None:
        return None
    version, before, how, at = found.groups()
    return Record(version, None if before == "none" else before, how, at)


# ------------------------------------------------------------------------------ what is deployed


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


def live(functions: Any, names: Iterable[str]) -> Versions:
    """Return the version that each alias names. A function without the alias is left out."""
    found = {name: _alias(functions, name) for name in names}
    return {name: str(alias["FunctionVersion"]) for name, alias in found.items() if alias}


def _alias(functions: Any, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = functions.get_alias(FunctionName=name, Name=ALIAS)
    except functions.exceptions.ResourceNotFoundException:
        return None
    return found


def published(functions: Any, name: str) -> list[dict[str, Any]]:
    """Return the configuration of each published version of a function, the oldest first."""
    pages = functions.get_paginator("list_versions_by_function").paginate(FunctionName=name)
    found = [one for page in pages for one in page["Versions"] if one["Version"] != NEWEST]
    return sorted(found, key=lambda one: int(one["Version"]))


# ------------------------------------------------------------------------------ a deployment


def publish(functions: Any, name: str) -> str:
    """Publish what is deployed of a function, and return the version.

    Lambda publishes nothing if code and configuration are those of the last version. It returns
    that version, so this is safe to repeat.
    """
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)
    return str(functions.publish_version(FunctionName=name)["Version"])


def settle(functions: Any, names: Iterable[str]) -> Versions:
    """Make the alias of each function name what is deployed. Return what they name."""
    settled = {}
    for name in names:
        version = publish(functions, name)
        alias = functions.get_alias(FunctionName=name, Name=ALIAS)
        if alias["FunctionVersion"] != version:
            functions.update_alias(FunctionName=name, Name=ALIAS, FunctionVersion=version)
        settled[name] = version
    return settled


def record(functions: Any, before: Mapping[str, str], now: Mapping[str, str], at: datetime) -> None:
    """Record in each alias where it was before a deployment.

    A deployment that moved nothing is not recorded, so it does not hide the one before.
    """
    if before == now:
        return
    for name, version in now.items():
        _describe(functions, name, Record(version, before.get(name), DEPLOYED, _time(at)))


def _describe(functions: Any, name: str, said: Record) -> None:
    functions.update_alias(
        FunctionName=name, Name=ALIAS, FunctionVersion=said.version, Description=said.text()
    )


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def put_back(functions: Any, was: Versions) -> None:
    """Let the aliases name what they named before a deployment that failed."""
    for name, version in was.items():
        if live(functions, [name]) != {name: version}:
            functions.update_alias(FunctionName=name, Name=ALIAS, FunctionVersion=version)


# ------------------------------------------------------------------------------ a rollback


def way_back(functions: Any, names: Iterable[str]) -> list[Move]:
    """Return how each alias goes back to where it was before the last deployment.

    If aliases moved since their records, a `sam deploy` without this command was the last
    deployment. Then only these move, to the version in their record. Raises CannotRollBack if
    no alias has a version to go back to.
    """
    found = {name: _alias(functions, name) for name in names}
    aliases = {name: alias for name, alias in found.items() if alias}
    records = {name: record_of(alias.get("Description")) for name, alias in aliases.items()}
    unrecorded = [
        name
        for name, said in records.items()
        if said is None or said.version != aliases[name]["FunctionVersion"]
    ]
    moves = []
    for name, alias in aliases.items():
        now, said = str(alias["FunctionVersion"]), records[name]
        to, why = now, "it did not move in the last deployment"
        if name in unrecorded:
            to = said.version if said else _older(functions, name, now)
            why = "it has no older version" if to == now else f"{now} was deployed by sam alone"
        elif not unrecorded and said is not None:
            if said.how == ROLLED_BACK:
                why = f"it is back already, from {said.before}"
            elif said.before is None:
                why = "it is new"
            elif said.before != now:
                to, why = said.before, f"{now} was deployed {said.at}"
        moves.append(Move(name, now, to, why))
    _require(functions, moves)
    return moves


def way_to(functions: Any, names: Iterable[str], at: datetime) -> list[Move]:
    """Return how each alias goes to the newest version of this time. Raises CannotRollBack."""
    moves = []
    for name, now in live(functions, names).items():
        older = [one for one in published(functions, name) if _modified(one) <= at]
        if not older:
            raise CannotRollBack(f"{name} has no version of {_time(at)}: {_said(functions, name)}")
        newest = older[-1]
        moves.append(Move(name, now, str(newest["Version"]), f"of {_time(_modified(newest))}"))
    _require(functions, moves)
    return moves


def _require(functions: Any, moves: list[Move]) -> None:
    """Raise CannotRollBack if nothing moves, or a version does not exist any more."""
    if not moves:
        raise CannotRollBack("no function has an alias yet: run `make deploy` first")
    if all(move.to == move.now for move in moves):
        reasons = sorted({move.why for move in moves})
        raise CannotRollBack(f"every alias is where it should be: {'; '.join(reasons)}")
    for move in moves:
        known = {one["Version"] for one in published(functions, move.function)}
        if move.to not in known:
            raise CannotRollBack(
                f"version {move.to} of {move.function} is gone: {_said(functions, move.function)}"
            )


def _older(functions: Any, name: str, version: str) -> str:
    """The newest version that is older than this one, or this one if there is none."""
    numbers = [int(one["Version"]) for one in published(functions, name)]
    return str(max((one for one in numbers if one < int(version)), default=int(version)))


def _said(functions: Any, name: str) -> str:
    kept = [f"{one['Version']} of {_time(_modified(one))}" for one in published(functions, name)]
    return f"kept are {', '.join(kept) or 'none'}"


def _modified(version: Mapping[str, Any]) -> datetime:
    """When a version was published. Lambda writes `2026-11-30T06:01:02.000+0000`."""
    return datetime.fromisoformat(str(version["LastModified"]))


def move(functions: Any, moves: Iterable[Move], at: datetime) -> None:
    """Carry out a rollback: move each alias and record it."""
    for one in moves:
        if one.to != one.now:
            _describe(functions, one.function, Record(one.to, one.now, ROLLED_BACK, _time(at)))


# ------------------------------------------------------------------------------ pruning


def prune(functions: Any, cloudformation: Any, stack: str) -> tuple[int, int]:
    """Delete old versions of functions, and versions of the layer that no function uses.

    Kept are the KEPT newest, what the alias names, what its record names, and what the stack
    itself names, because CloudFormation returns to that version if an update fails. Return how
    many versions of functions and of the layer were deleted.
    """
    named = set(resources(cloudformation, stack, "AWS::Lambda::Version"))
    deleted, used = 0, set[str]()
    for name in functions_of(cloudformation, stack):
        used |= _layers(functions.get_function_configuration(FunctionName=name))
        versions = published(functions, name)
        keep = {one["Version"] for one in versions[-KEPT:]}
        alias = _alias(functions, name) or {}
        said = record_of(alias.get("Description"))
        keep |= {str(alias.get("FunctionVersion")), str(said.before if said else None)}
        for one in versions:
            if one["Version"] in keep or one["FunctionArn"] in named:
                used |= _layers(one)
                continue
            functions.delete_function(FunctionName=name, Qualifier=one["Version"])
            deleted += 1
    return deleted, prune_layer(functions, stack, used)


def prune_layer(functions: Any, stack: str, used: set[str]) -> int:
    """Delete the versions of a stack's layer that are not used. Return how many."""
    layer, deleted = f"{stack}-core", 0
    pages = functions.get_paginator("list_layer_versions").paginate(LayerName=layer)
    try:
        found = [one for page in pages for one in page["LayerVersions"]]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return 0
    for one in found:
        if one["LayerVersionArn"] not in used:
            functions.delete_layer_version(LayerName=layer, VersionNumber=one["Version"])
            deleted += 1
    return deleted


def _layers(configuration: Mapping[str, Any]) -> set[str]:
    return {layer["Arn"] for layer in configuration.get("Layers", ())}
