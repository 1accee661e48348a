"""Mail that came in: each object in the bucket, read and taken once; and mails out of quarantine.

The queue has two kinds of messages: what S3 says of a new object, and `{"release": identity, "by":
agent}` of the staff API. A mail that the reader fails at goes into quarantine with its raw object;
a failure of anything else lets the message come again, and after some tries into the dead-letter
queue.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote_plus

import reading
from aws_lambda_powertools import Logger

from redress.base import observe
from redress.base.errors import NotAllowedNow
from redress.mail.incoming import messages
from redress.mail.incoming.cases.receiving import IncomingMail, Received
from redress.mail.incoming.messages import ReleaseMail
from redress.mail.incoming.store import MailState
from redress.tickets.store.transaction import DoneAlready
from redress.wiring import inbound as wiring

logger = Logger(service="inbound")

LANGUAGE = "en"
"""Of a mail whose words do not tell theirs: numbers, a picture, Japanese."""


@dataclass(frozen=True, slots=True)
class Came:
    """A mail came into the bucket."""

    key: str
    at: datetime


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """A batch of messages -> those to be delivered again."""
    if event.get("warm"):
        wiring.receiving()
        return {"warm": True}
    failed = []
    for record in event["Records"]:
        try:
            for job in _jobs(record["body"]):
                _do(job)
        except Exception as error:
            found = {"record": record["messageId"]} | observe.fault_of(error)
            logger.error("a mail comes again", extra=found)
            observe.count("inbound", "MailDelayed")
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def _jobs(body: str) -> Iterator[Came | ReleaseMail]:
    """What a message asks for; raises ValueError or KeyError for a message of anything else."""
    said = json.loads(body)
    if (release := messages.decode(said)) is not None:
        yield release
    elif said.get("Event") != "s3:TestEvent":  # what S3 sends when it is told of the queue
        for one in said["Records"]:
            # A key is in the form of a query: blanks are +.
            yield Came(
                unquote_plus(one["s3"]["object"]["key"]),
                datetime.fromisoformat(one["eventTime"]),
            )


def _do(job: Came | ReleaseMail) -> None:
    match job:
        case Came(key, at):
            if (done := wiring.receiving().came(key)) is not None:
                _report(done)
                return
            try:
                mail = _read(key, at)
            except ReadingFailed as failed:
                _unread(key, at, failed)
                return
            _report(wiring.receiving().receive(mail))
        case ReleaseMail(identity, by):
            _release(identity, by)


class ReadingFailed(Exception):
    """The reader failed at a mail; raised from what it failed with."""


def _read(key: str, at: datetime) -> IncomingMail:
    raw = wiring.mail_bucket().get(key)
    try:
        return reading.letter_of(raw, key, at, wiring.ours(), LANGUAGE)
    except Exception as error:
        raise ReadingFailed from error


def _unread(key: str, at: datetime, failed: ReadingFailed) -> None:
    """Quarantine, where it waits with its raw object until the reader is mended."""
    cause = failed.__cause__ or failed
    logger.error("a mail could not be read", extra={"key": key} | observe.fault_of(cause))
    observe.count("inbound", "MailUnreadable")
    _report(wiring.receiving().hold_unread(key, at, type(cause).__name__))


def _release(identity: str, by: str) -> None:
    held = wiring.incoming_mails().get(identity)
    if held.state is not MailState.QUARANTINED:
        logger.info("was released before")
        return
    try:
        mail = _read(held.key, held.received_at)
        _report(wiring.receiving().release(mail, held, by))
    except ReadingFailed as failed:
        _unread(held.key, held.received_at, failed)
    except DoneAlready:
        logger.info("was released before")
    except NotAllowedNow:
        logger.warning("stays in quarantine: a virus")


def _report(done: Received) -> None:
    record = done.record
    about = {"mail": record.identity, "state": record.state.value, "reason": record.reason}
    if done.repeated:
        logger.info("came before", extra=about)
        return
    logger.info("taken", extra=about | ({"ticket": record.number} if record.number else {}))
    observe.count("inbound", "MailHeld", int(record.state is MailState.QUARANTINED))
