"""A batch of contact records from a Kinesis data stream, read like the table's stream.

A record that would fail again, however often it came, is reported to the dead-letter queue. The
report has its id and its fault, and not its content. Amazon Connect sends the record again when an
attribute of the contact is changed (docs/runbooks/dead-letters.md). So one bad record stops no
other.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from redress.base import observe
from redress.base.errors import InvalidInput, Unavailable
from redress.connectors.cases.amazon_connect import Taken
from redress.connectors.rules.amazon_connect import Ignored, Part
from redress.connectors.rules.message import ID_LIMIT
from redress.connectors.store.calls import Outcome
from redress.db import retry

RESERVE_S = 20.0
"""No record is begun with fewer seconds left. One record is a few reads and a transaction, and it
may have to be set aside. `tests/template` compares the value with the timeouts."""
LAST_CALL_S = 5.0
"""The last attempt of a call of the table begins with this many seconds left."""

_TEMPORARY = (ClientError, BotoCoreError, Unavailable)


class ContactReader:
    """Takes batches of contact records.

    read          reads one document: a part of a call, or why it is ignored. Raises InvalidInput
    take          takes a part of a call; it may be repeated
    logger        the logger of the function
    letters       the SQS client and the URL of the dead-letter queue
    seconds_left  returns the seconds until the function's timeout
    """

    def __init__(
        self,
        read: Callable[[Any], Part | Ignored],
        take: Callable[[Part], Sequence[Taken]],
        logger: Any,
        letters: tuple[Any, str],
        seconds_left: Callable[[], float],
    ) -> None:
        self._read, self._take, self._logger = read, take, logger
        self._sqs, self._queue_url = letters
        self._seconds_left = seconds_left

    def read_batch(self, records: Iterable[dict[str, Any]]) -> dict[str, Any]:
        """Take the records of a batch. Return the first one to deliver again, if any.

        The answer has the shape of Lambda's partial batch response, which is a checkpoint: Lambda
        delivers the reported record again and all after it. Each of them may come again.
        """
        failed: list[str] = []
        for place, record in enumerate(records):
            sequence = str(record["kinesis"]["sequenceNumber"])
            if place and self._seconds_left() < RESERVE_S:
                self._logger.warning("too little time is left for the rest of the batch")
                failed.append(sequence)
                break
            document: Any = None
            try:
                document = _decoded(record)
                with retry.within(self._seconds_left() - LAST_CALL_S):
                    self.take_one(document)
            except Exception as error:
                about = {"contact": contact_of(document), "sequence": sequence}
                about |= observe.fault_of(error) | faults_of(error)
                if _is_temporary(error):
                    self._logger.warning("a record will be delivered again", extra=about)
                    failed.append(sequence)
                elif not self._is_set_aside(about):
                    failed.append(sequence)
        first = [{"itemIdentifier": min(failed, key=_order)}] if failed else []
        return {"batchItemFailures": first}

    def take_one(self, document: Any) -> None:
        """Take one document, and log what became of it by the ids of contacts and of tickets."""
        part = self._read(document)
        if isinstance(part, Ignored):
            self._logger.info("ignored", extra={"contact": contact_of(document), "why": part})
            return
        for taken in self._take(part):
            self._log(taken)

    def _log(self, taken: Taken) -> None:
        if isinstance(taken.outcome, Ignored):
            about = {"contact": taken.contact, "why": taken.outcome.value}
            self._logger.info("nothing is recorded of a contact", extra=about)
            return
        found = {"contact": taken.contact, "ticket": taken.number, "outcome": taken.outcome.value}
        self._logger.info("a contact is recorded", extra=found)
        if not taken.knows_agent and taken.outcome in (Outcome.OPENED, Outcome.ADDED):
            # The name may be that of a person, so the line does not have it.
            self._logger.warning("no member of staff has the agent's username", extra=found)
        if taken.left_out:
            left_out = found | {"times": list(taken.left_out)}
            self._logger.warning("times that cannot be right are not recorded", extra=left_out)

    def _is_set_aside(self, about: dict[str, Any]) -> bool:
        """Report a record that would fail again, however often it came.

        Returns False if the dead-letter queue did not accept the report.
        """
        told = ("contact", "sequence", "fault", "faults")
        body = {name: about[name] for name in told if name in about}
        try:
            self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=json.dumps(body))
        except (ClientError, BotoCoreError) as refusal:
            extra = about | observe.fault_of(refusal)
            self._logger.warning("a record could not be set aside", extra=extra)
            return False
        observe.report(observe.Alarm.DEAD_LETTERS, "a contact record was set aside", about)
        return True


def contact_of(document: Any) -> str:
    """The id of the contact of a record or of an event, for the log; "" if it has none."""
    found = document.get("detail", document) if isinstance(document, dict) else None
    id_ = found.get("ContactId", found.get("contactId")) if isinstance(found, dict) else None
    return id_[:ID_LIMIT] if isinstance(id_, str) else ""


def faults_of(error: Exception) -> dict[str, list[str]]:
    """Which fields are wrong and why, as in `/Agent/Username: too_long`. No value is quoted."""
    if not isinstance(error, InvalidInput):
        return {}
    return {"faults": [f"{fault.pointer}: {fault.code}" for fault in error.faults]}


def _decoded(record: dict[str, Any]) -> Any:
    """The document of a record. Raises ValueError."""
    return json.loads(base64.b64decode(record["kinesis"]["data"], validate=True))


def _is_temporary(error: Exception) -> bool:
    return isinstance(error, _TEMPORARY) and not retry.is_wrong_request(error)


def _order(sequence: str) -> tuple[int, str]:
    """The sort key of a sequence number, which is a decimal number of any length."""
    return len(sequence), sequence
