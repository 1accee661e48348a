"""Tables and mappings: settings that the emulator ignores, restarts, and restores to a time."""

from __future__ import annotations

import copy
import json
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import dynamodb, lambda_svc, secretsmanager
from ministack.services.cloudformation import changesets, provisioners

from local.patches.checking import expect


def keep_table_settings() -> None:
    """A table is created with its time to live and its point-in-time recovery.

    AWS: sets both while it creates the table.
    Emulator: reads neither from the template.
    Patch: sets them through the table's own API right after its creation.
    """
    handlers = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    create = handlers["create"]
    expect(callable(dynamodb._update_ttl), "dynamodb._update_ttl")
    expect(callable(dynamodb._update_continuous_backups), "dynamodb._update_continuous_backups")

    def make(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        made = create(logical_id, properties, stack)
        name = made[0]
        expiry = properties.get("TimeToLiveSpecification")
        if expiry:
            _done(
                dynamodb._update_ttl(
                    {
                        "TableName": name,
                        "TimeToLiveSpecification": {
                            "Enabled": _is_true(expiry.get("Enabled")),
                            "AttributeName": expiry.get("AttributeName"),
                        },
                    }
                )
            )
        recovery = properties.get("PointInTimeRecoverySpecification")
        if recovery:
            _done(
                dynamodb._update_continuous_backups(
                    {
                        "TableName": name,
                        "PointInTimeRecoverySpecification": {
                            "PointInTimeRecoveryEnabled": _is_true(
                                recovery.get("PointInTimeRecoveryEnabled")
                            )
                        },
                    }
                )
            )
        return made

    handlers["create"] = make


def _is_true(value: object) -> bool:
    """CloudFormation's booleans arrive as JSON booleans or as strings."""
    return str(value).lower() == "true"


def _done(response: tuple[int, dict[str, str], bytes]) -> None:
    status, _, body = response
    if status != 200:
        raise RuntimeError(f"the table's settings were refused: {body.decode()}")


def keep_stream_records() -> None:
    """The records of a table's stream outlive a restart of the local cloud.

    AWS: keeps the records of a stream for 24 hours, whatever happens to its readers.
    Emulator: saves its tables and the positions of readers, but no records. Whatever was written
    and not read before a restart has no consequences.
    Patch: saves the records with the tables, in the same moment.
    """
    save, restore = dynamodb.get_state, dynamodb._restore_state
    expect("stream_records" not in save(), "dynamodb.get_state saves no stream records")
    kept = {"stream_records": dynamodb._stream_records, "stream_trimmed": dynamodb._stream_trimmed}

    def get_state() -> dict[str, Any]:
        saved: dict[str, Any] = save()
        return saved | copy.deepcopy(kept)

    def restore_state(data: dict[str, Any] | None) -> None:
        restore(data)
        for name, store in kept.items():
            store.update((data or {}).get(name, {}))

    dynamodb.get_state, dynamodb._restore_state = get_state, restore_state


def keep_tables_at_their_names() -> None:
    """A table without a `TableName` in the template keeps its name when it is updated.

    AWS: the name of a resource is its physical id. It stays, also if the table was imported under
    a name that CloudFormation did not generate.
    Emulator: computes the name that it would generate. If the table has another one, it replaces
    the table by an empty one.
    Patch: passes the table's own name as its `TableName`, before and after.
    """
    handlers = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    update = handlers["update"]
    expect(update.__code__.co_varnames[:3] == ("physical_id", "old_props", "new_props"), "update")

    def updated(
        name: str, old: dict[str, Any], new: dict[str, Any], *rest: Any, **more: Any
    ) -> Any:
        is_generated = "TableName" not in old and "TableName" not in new
        stack, logical = rest[0], rest[1] if len(rest) > 1 else more.get("logical_id")
        generated = provisioners._physical_name(stack, logical or name, max_len=255)
        if is_generated and name != generated:
            old, new = old | {"TableName": name}, new | {"TableName": name}
        return update(name, old, new, *rest, **more)

    handlers["update"] = updated


def report_mappings_that_are_off() -> None:
    """An event source mapping that the template creates or makes disabled is reported as disabled.

    AWS: its `State` is `Disabled`.
    Emulator: delivers nothing, but reports `Enabled`.
    Patch: sets the state after each creation and each update.
    """
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::EventSourceMapping"]

    def stating(change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*given: Any, **named: Any) -> Any:
            made = change(*given, **named)
            mapping = lambda_svc._esms[made[0]]
            mapping["State"] = "Enabled" if _is_true(mapping["Enabled"]) else "Disabled"
            return made

        return changed

    for operation in ("create", "update"):
        expect(callable(handlers.get(operation)), f"the handler to {operation} mappings")
        handlers[operation] = stating(handlers[operation])


def import_secrets() -> None:
    """A secret can be imported into a stack, and keeps its value.

    AWS: supports the import of a secret by its `Id`, which is its ARN.
    Emulator: supports imports of other types only, and reports the change set as unavailable.
    Patch: adds the type. As elsewhere in the emulator, the physical id is the secret's name.
    """
    kind = "AWS::SecretsManager::Secret"
    handler = provisioners._RESOURCE_HANDLERS[kind]
    expect("import" not in handler, "secrets cannot be imported")
    expect("AWS::S3::Bucket" in changesets._IMPORT_LOOKUPS, "the types that can be imported")

    def secret(identity: str) -> dict[str, Any] | None:
        for found in secretsmanager._secrets.values():
            if identity in (found["Name"], found["ARN"]) and not found.get("DeletedDate"):
                return dict(found)
        return None

    def problem(identity: str) -> str | None:
        missing = changesets._IMPORT_NOT_FOUND.format(type=kind, value=identity)
        return None if secret(identity) else str(missing)

    def adopt(identifier: dict[str, str]) -> tuple[str, dict[str, str]]:
        found = secret(identifier["Id"])
        assert found is not None, "`problem` was asked before"
        return found["Name"], {"Id": found["ARN"], "Arn": found["ARN"]}

    handler["import"] = adopt
    changesets._IMPORT_LOOKUPS[kind] = (("Id",), problem)


KEPT_CHANGES = 200_000
"""How many changes of a table are kept for a restore. AWS keeps those of 35 days."""


class History:
    """What the items of a table were before each change, while its recovery is on."""

    def __init__(self, since: float) -> None:
        self.since = since
        self._changes: deque[tuple[float, str, str, dict[str, Any] | None]] = deque()

    def note(self, at: float, pk: str, sk: str, before: dict[str, Any] | None) -> None:
        """Note the item that a change replaces or removes; None if there was none."""
        self._changes.append((at, pk, sk, before))
        if len(self._changes) > KEPT_CHANGES:
            self.since = self._changes.popleft()[0]

    def undo(self, items: dict[str, dict[str, Any]], until: float) -> None:
        """Undo the changes after this time in a copy of the table's items, the newest first."""
        for at, pk, sk, before in reversed(self._changes):
            if at <= until:
                return
            if before is None:
                items.get(pk, {}).pop(sk, None)
            else:
                items.setdefault(pk, {})[sk] = before


def restore_tables_to_a_time() -> None:
    """A restore to a point in time has the items of that time.

    AWS: restores the items as they were at `RestoreDateTime`, to a new table that has the indexes
    but no stream, time to live, recovery, deletion protection or tags. The time must lie after
    recovery was switched on. The latest time is about five minutes ago.
    Emulator: copies the present items, whatever the time and the settings of the source are.
    Patch: keeps what each change replaces, while recovery is on, and undoes the later changes in
    the copy. A time outside of the window is refused as on AWS. The latest time is the present,
    so that tests need not wait. A change's time is that of the emulator's own clock.
    """
    put, drop = dynamodb._set_item, dynamodb._remove_item
    switch, describe = dynamodb._update_continuous_backups, dynamodb._describe_continuous_backups
    restore = dynamodb._restore_table_to_point_in_time
    expect(
        put.__code__.co_varnames[:3] == ("table", "pk_val", "sk_val"), "_set_item(table, pk, sk)"
    )
    expect(
        drop.__code__.co_varnames[:3] == ("table", "pk_val", "sk_val"), "_remove_item(table,...)"
    )
    histories: dict[str, History] = {}

    def noted(change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(table: Any, pk: str, sk: str, *rest: Any) -> Any:
            if history := histories.get(table.get("TableId", "")):
                # The emulator replaces items and never changes one, so no copy is needed.
                before = table["items"].get(pk, {}).get(sk)
                history.note(time.time(), pk, sk, before)
            return change(table, pk, sk, *rest)

        return changed

    def of(data: dict[str, Any], key: str) -> Any:
        name = dynamodb._normalize_table_name(data.get(key) or "")
        return dynamodb._tables.get(name)

    def switched(data: dict[str, Any]) -> Any:
        answer = switch(data)
        table = of(data, "TableName")
        if answer[0] == 200 and table:
            asked = data.get("PointInTimeRecoverySpecification", {})
            if asked.get("PointInTimeRecoveryEnabled"):
                histories.setdefault(table["TableId"], History(time.time()))
            else:
                histories.pop(table["TableId"], None)
        return answer

    def described(data: dict[str, Any]) -> Any:
        status, headers, body = describe(data)
        table = of(data, "TableName")
        history = histories.get(table["TableId"]) if table else None
        if status != 200 or history is None:
            return status, headers, body
        content = json.loads(body)
        recovery = content["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        recovery["EarliestRestorableDateTime"] = history.since
        recovery["LatestRestorableDateTime"] = time.time()
        recovery["RecoveryPeriodInDays"] = 35
        return json_response(content)

    def restored(data: dict[str, Any]) -> Any:
        source = of(data, "SourceTableName" if data.get("SourceTableName") else "SourceTableArn")
        if source is None:
            return restore(data)
        history, asked = histories.get(source["TableId"]), data.get("RestoreDateTime")
        if history is None:
            return error_response_json(
                "PointInTimeRecoveryUnavailableException",
                f"Point in time recovery is not enabled for table '{source['TableName']}'",
                400,
            )
        if asked is None and not data.get("UseLatestRestorableTime"):
            return error_response_json(
                "ValidationException",
                "Either RestoreDateTime or UseLatestRestorableTime must be specified",
                400,
            )
        until = time.time() if asked is None else float(asked)
        if not history.since <= until <= time.time():
            return error_response_json("InvalidRestoreTimeException", "Invalid restore time", 400)
        answer = restore(data)
        if answer[0] == 200:
            made = dynamodb._tables[data["TargetTableName"]]
            history.undo(made["items"], until)
            dynamodb._items_replaced(made)
        return answer

    dynamodb._set_item, dynamodb._remove_item = noted(put), noted(drop)
    dynamodb._update_continuous_backups = switched
    dynamodb._describe_continuous_backups = described
    dynamodb._restore_table_to_point_in_time = restored
