"""The table's stream: signal the workflow and enqueue what follows from a change."""

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

_PASSES = (ClientError, BotoCoreError, Unavailable, NotTaken)
_PERMANENT = frozenset(
    {"ValidationException", "ValidationError", "InvalidParameterValue", "InvalidInputException"}
    | {"InvalidExecutionInput", "InvalidMessageContents", "InvalidName", "InvalidRequestContent"}
)
"""What services answer to a request that will never be right, however often it is made.

Anything else, a missing right or a deleted queue included, is mended by somebody within the day
for which the stream keeps a record.
"""


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """A batch of stream records -> the first one to be delivered again, if any.

    A record that a service did not take comes again, with all after it: the stream keeps its
    order. A record that no retry can help is set aside in the dead-letter queue, and the others
    go on. Signals come first in a batch: nothing stands before a timer.
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
            logger.info("gone meanwhile")
        except Exception as error:
            if not _may_pass(error):
                _set_aside(case, record, error)
                continue
            logger.warning("a record comes again", extra=observe.fault_of(error))
            failed.append(sequence)
    return {"batchItemFailures": [{"itemIdentifier": min(failed, key=_order)}] if failed else []}


def _rank(change: StreamChange) -> int:
    match change:
        case TimerChanged():
            return 0
        case EventAdded():
            return 1
        case CapacityFreed():
            return 2


def _may_pass(error: Exception) -> bool:
    """Whether the same record may succeed later: a service did not take it now."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code") not in _PERMANENT
    return isinstance(error, _PASSES) and not isinstance(error, ParamValidationError)


def _order(sequence: str) -> tuple[int, str]:
    return len(sequence), sequence


def _set_aside(case: RelayCase, record: dict[str, Any], error: Exception) -> None:
    logger.error("a record was set aside", extra=observe.fault_of(error))
    observe.count("relay", "RecordSetAside")
    case.dead_letter(record, type(error).__name__)
