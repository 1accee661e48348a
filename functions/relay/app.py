"""Read the table's stream: signal workflows and send the messages that follow from changes."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from redress.base import observe
from redress.base.errors import NotFound, Unavailable
from redress.wiring import relay as wiring
from redress.workflow.cases.relay import (
    CapacityFreed,
    EventAdded,
    NotTaken,
    RelayCase,
    StreamChange,
    TimerChanged,
    stream_change_of,
)

logger = Logger(service="relay")

_TEMPORARY = (ClientError, BotoCoreError, Unavailable, NotTaken)
_PERMANENT = frozenset(
    {"ValidationException", "ValidationError", "InvalidParameterValue", "InvalidInputException"}
    | {"InvalidExecutionInput", "InvalidMessageContents", "InvalidName", "InvalidRequestContent"}
)
"""Error codes of services for a request that fails however often it is repeated.

After any other error the record is retried for almost a day. That is time enough to restore a
missing permission or a deleted queue.
"""


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Process a batch of stream records. Returns the first record to deliver again, if any.

    If a service fails, its record is delivered again together with all later ones, because the
    stream keeps its order. A record that no retry can process goes to the dead-letter queue, and
    the other records are processed. Signals come first in a batch, so that mails cannot delay them.
    """
    if event.get("warm"):
        wiring.relay()
        return {"warm": True}
    case = wiring.relay()
    failed: list[str] = []
    work: list[tuple[str, StreamChange, dict[str, Any]]] = []
    for record in event["Records"]:
        try:
            change = stream_change_of(record)
        except (KeyError, ValueError, TypeError) as error:
            _set_aside(case, record, error)
            continue
        if change is not None:
            work.append((record["dynamodb"]["SequenceNumber"], change, record))
    seen: set[StreamChange] = set()
    for sequence, change, record in sorted(work, key=lambda entry: _rank(entry[1])):
        if change in seen:
            continue
        seen.add(change)
        try:
            case.follow(change)
        except NotFound:
            logger.info("there is no such ticket")
        except Exception as error:
            if not _is_temporary(error):
                _set_aside(case, record, error)
                continue
            logger.warning("a record will be delivered again", extra=observe.fault_of(error))
            failed.append(sequence)
    return {"batchItemFailures": [{"itemIdentifier": min(failed, key=_order)}] if failed else []}


def _rank(change: StreamChange) -> int:
    """The order within a batch: signals, then mails and assignments, then queues to drain."""
    match change:
        case TimerChanged():
            return 0
        case EventAdded():
            return 1
        case CapacityFreed():
            return 2


def _is_temporary(error: Exception) -> bool:
    """Whether the same record may succeed later, because a service failed for the moment."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code") not in _PERMANENT
    return isinstance(error, _TEMPORARY) and not isinstance(error, ParamValidationError)


def _order(sequence: str) -> tuple[int, str]:
    """The sort key of a sequence number, which is a decimal number of any length."""
    return len(sequence), sequence


def _set_aside(case: RelayCase, record: dict[str, Any], error: Exception) -> None:
    logger.error("a record was set aside", extra=observe.fault_of(error))
    observe.count("relay", "RecordSetAside")
    case.dead_letter(record, type(error).__name__)
