"""Receive incoming mails, and release mails from quarantine.

The queues hold three kinds of messages. SES sends a notification for each mail that it stored in
the mail bucket; it names the addresses for which SES took the mail. S3 sends an event for each new
object in the bucket; on AWS it comes two minutes later, in case the notification was lost. The
staff API sends `{"release": identity, "by": agent}`.

If the reader fails on a mail, the mail goes into quarantine; its raw object is kept. After any
other failure the message is delivered again, and after several attempts it goes to the dead-letter
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
"""The language of a mail if its text shows no language of the product. For example, the text has
only numbers, the mail has only a picture, or the text is Japanese."""

OF_SES = "Successfully validated SNS topic for Amazon SES"
"""SES publishes a text that begins so when a topic is set up. It needs no action."""


@dataclass(frozen=True, slots=True)
class MailStored:
    """A mail was stored as an object in the bucket.

    `envelope` are the addresses for which SES took the mail; empty if they are not known.
    """

    key: str
    at: datetime
    envelope: tuple[str, ...] = ()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Process a batch of messages and return those to deliver again."""
    if event.get("warm"):
        wiring.receiving()
        return {"warm": True}
    failed = []
    for record in event["Records"]:
        try:
            for job in _jobs_in(record["body"]):
                _do(job)
        except Exception as error:
            found = {"record": record["messageId"]} | observe.fault_of(error)
            logger.error("the queue will deliver this message again", extra=found)
            observe.count("inbound", "MailDelayed")
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def _jobs_in(body: str) -> Iterator[MailStored | ReleaseMail]:
    """Yield the jobs in a message. The test messages of S3 and SES have none.

    Raises ValueError, KeyError, TypeError, AttributeError or msgspec.ValidationError if the message
    is of no known kind.
    """
    if body.startswith(OF_SES):
        return
    content = json.loads(body)
    if content.get("Type") == "Notification":  # the subscription does not ask for the raw message
        yield from _jobs_in(content["Message"])
    elif "receipt" in content:
        # Amazon SES Developer Guide, "Contents of notifications for Amazon SES email receiving"
        receipt = content["receipt"]
        yield MailStored(
            receipt["action"]["objectKey"],
            datetime.fromisoformat(receipt["timestamp"]),
            tuple(str(one) for one in receipt["recipients"]),
        )
    elif (release := messages.decode(content)) is not None:
        yield release
    elif content.get("Event") != "s3:TestEvent":  # S3 sends it when the notification is set up
        for one in content["Records"]:
            # S3 encodes keys like a query string: + means a blank.
            yield MailStored(
                unquote_plus(one["s3"]["object"]["key"]),
                datetime.fromisoformat(one["eventTime"]),
            )


def _do(job: MailStored | ReleaseMail) -> None:
    match job:
        case MailStored(key, at, envelope):
            if (done := wiring.receiving().came(key)) is not None:
                _report(done)
                return
            try:
                mail = _read(key, at, envelope)
            except ReadingFailed as failed:
                _quarantine_unread(key, at, failed, envelope)
                return
            _report(wiring.receiving().receive(mail))
        case ReleaseMail(identity, by):
            _release(identity, by)


class ReadingFailed(Exception):
    """The reader failed on a mail. The cause is the reader's own exception."""


def _read(key: str, at: datetime, envelope: tuple[str, ...]) -> IncomingMail:
    raw = wiring.mail_bucket().get(key)
    try:
        return reading.incoming_mail_of(raw, key, at, wiring.own_addresses(), LANGUAGE, envelope)
    except Exception as error:
        raise ReadingFailed from error


def _quarantine_unread(
    key: str, at: datetime, failed: ReadingFailed, envelope: tuple[str, ...]
) -> None:
    """Quarantine a mail that could not be read.

    Its raw object is kept, so staff can release the mail after the reader is fixed.
    """
    cause = failed.__cause__ or failed
    logger.error("a mail could not be read", extra={"key": key} | observe.fault_of(cause))
    observe.count("inbound", "MailUnreadable")
    _report(wiring.receiving().hold_unread(key, at, type(cause).__name__, envelope))


def _release(identity: str, by: str) -> None:
    held = wiring.incoming_mails().get(identity)
    if held.state is not MailState.QUARANTINED:
        logger.info("the mail was released before")
        return
    try:
        mail = _read(held.key, held.received_at, held.envelope)
        _report(wiring.receiving().release(mail, held, by))
    except ReadingFailed as failed:
        _quarantine_unread(held.key, held.received_at, failed, held.envelope)
    except DoneAlready:
        logger.info("the mail was released before")
    except NotAllowedNow:
        logger.warning("the mail contains a virus and stays in quarantine")


def _report(done: Received) -> None:
    record = done.record
    about = {"mail": record.identity, "state": record.state.value, "reason": record.reason}
    if done.repeated:
        logger.info("the mail was received before", extra=about)
        return
    if record.number:
        about["ticket"] = record.number
    logger.info("mail received", extra=about)
    observe.count("inbound", "MailHeld", int(record.state is MailState.QUARANTINED))
