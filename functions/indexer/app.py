"""Make the search index: index tickets whose texts changed, and merge segments by schedule.

The follower sends a message for each event with a text. A batch waits for a minute at most, and
becomes one segment. If the segment cannot be added to the index, the whole batch is delivered
again. After several attempts a message goes to the dead-letter queue.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger

from redress.base.observe import Alarm, discreet, report
from redress.search import messages
from redress.search.cases.indexing import Asked
from redress.search.messages import NotAMessage, SearchMessage
from redress.wiring import indexer as wiring

logger = Logger(service="indexer")

ATTEMPTS = 5
"""After this many failed attempts SQS sets a message aside (`maxReceiveCount` in the template)."""


@logger.inject_lambda_context(clear_state=True)
@discreet(logger)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Process a batch of messages and return those to deliver again; or {"task": "upkeep"}."""
    if event.get("warm"):
        wiring.indexing()
        return {"warm": True}
    if event.get("task") == "upkeep":
        done = wiring.upkeep().run(lambda: context.get_remaining_time_in_millis() / 1000)
        logger.info("kept up", extra={"merged": done.merged, "removed": done.removed})
        return {"merged": done.merged, "removed": done.removed}
    return _index(event["Records"])


def _index(records: list[dict[str, Any]]) -> dict[str, Any]:
    by_id: dict[str, SearchMessage] = {}
    batch: list[Asked] = []
    failed: list[str] = []
    for record in records:
        try:
            message = messages.decode(record["body"])
        except NotAMessage:
            # The queue sets it aside after some attempts, and an alarm rings.
            failed.append(record["messageId"])
            logger.error("this is not a message", extra={"record": record["messageId"]})
            continue
        by_id[record["messageId"]] = message
        batch.append(Asked(message, _sent(record)))
    again = wiring.indexing().index(batch)
    failed += [id_ for id_, message in by_id.items() if message in again]
    logger.info("indexed", extra={"messages": len(records), "failed": len(failed)})
    last = [one for one in records if one["messageId"] in failed and _attempts(one) >= ATTEMPTS]
    if last:
        why = "messages to the indexer are set aside"
        report(Alarm.DEAD_LETTERS, why, {"messages": len(last)}, value=len(last))
    return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}


def _attempts(record: dict[str, Any]) -> int:
    return int(record["attributes"]["ApproximateReceiveCount"])


def _sent(record: dict[str, Any]) -> datetime:
    return datetime.fromtimestamp(int(record["attributes"]["SentTimestamp"]) / 1000, UTC)
