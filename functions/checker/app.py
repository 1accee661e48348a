"""Check uploads, copy them to be scanned, and record what the scanner found.

The files queue holds four kinds of messages (`redress.files.messages`). The customer's uploads of
one batch that belong to one ticket become one message on it. A message that failed is delivered
again, and after several attempts it goes to the dead-letter queue. Its file then stays unchecked,
so nobody can open it; the ticket goes on.
"""

from __future__ import annotations

from typing import Any

from redress.base import observe
from redress.files import contents, messages
from redress.files.messages import Arrived, FileMessage, Held, Judged, Referred, file_in
from redress.wiring import checker as wiring

logger = observe.logger("checker")

ATTEMPTS = 6
"""After this many failed attempts SQS sets a message aside (`maxReceiveCount` in the template)."""

Record = dict[str, Any]


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Process a batch of messages and return those to deliver again."""
    if event.get("warm"):
        wiring.arriving(contents.media_type)
        wiring.verdicts()
        return {"warm": True}
    failed: dict[str, Record] = {}
    arrived: dict[str, list[tuple[str, Record]]] = {}
    for record in event["Records"]:
        try:
            for message in messages.decode(record["body"]):
                _collect(message, record, arrived)
        except Exception as error:
            _report_failure(record, error)
            failed[record["messageId"]] = record
    for number, uploads in arrived.items():
        for record, fault in _take(number, uploads):
            if record["messageId"] not in failed:
                _report_failure(record, fault)
                failed[record["messageId"]] = record
    return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}


def _take(number: str, uploads: list[tuple[str, Record]]) -> list[tuple[Record, Exception]]:
    """Take uploads of a ticket. Return the records of those that failed, with their errors.

    If they fail together, each is tried alone, so that one of them does not keep out the others.
    """
    try:
        new = wiring.arriving(contents.media_type).arrived(number, [one for one, _ in uploads])
    except Exception as error:
        if len(uploads) == 1:
            return [(uploads[0][1], error)]
        return [failed for upload in uploads for failed in _take(number, [upload])]
    states = [file.state.value for file in new]
    logger.info("files arrived", extra={"ticket": number, "states": states})
    return []


def _collect(
    message: FileMessage, record: Record, arrived: dict[str, list[tuple[str, Record]]]
) -> None:
    """Carry out a message. An upload is only collected, so that those of a ticket come together."""
    match message:
        case Arrived(key):
            found = file_in(key)
            if found is None or found[0] != "uploads":
                logger.info("the object is no upload to a ticket")
                return
            _, number, file = found
            arrived.setdefault(number, []).append((file, record))
        case Referred(number, files):
            wiring.arriving(contents.media_type).refer(number, files)
            logger.info("files were sent", extra={"ticket": number, "files": len(files)})
        case Judged(number, file):
            state = wiring.verdicts().judged(message)
            logger.info("a file was scanned", extra={"ticket": number, "state": state.value})
        case Held(number, _):
            known = wiring.asking(contents.media_type).ask(message)
            logger.info("a file waits long", extra={"ticket": number, "verdict_found": known})


def _report_failure(record: Record, error: Exception) -> None:
    """Log a failed attempt. After the last one, SQS moves the message to the dead-letter queue."""
    found = {"record": record["messageId"]} | observe.fault_of(error)
    if int(record["attributes"]["ApproximateReceiveCount"]) < ATTEMPTS:
        logger.error("the queue will deliver this message again", extra=found)
        return
    observe.report(observe.Alarm.DEAD_LETTERS, "a message about a file is set aside", found)
