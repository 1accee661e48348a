"""Tables: settings that the emulator ignores, and stream records that a restart loses."""

from __future__ import annotations

import copy
from typing import Any

from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners

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
