"""Receive incoming mails, and release mails from quarantine.

The queues hold three kinds of messages. SES sends a notification for each mail that it stored in
the mail bucket. It names the addresses for which SES accepted the mail. S3 sends an event for each
new object in the bucket. On AWS it comes 15 minutes later, in case the notification was lost. The
staff API sends `{"release": identity, "by": agent, "at": instant}`.

If the reader fails on a mail, the mail goes into quarantine; its raw object is kept. After any
other failure the message is delivered again, and after several attempts it goes to the dead-letter
queue.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import unquote_plus

import reading

from redress.base import observe
from redress.base.errors import NotFound
from redress.mail.incoming import messages
from redress.mail.incoming.cases.receiving import Received
from redress.mail.incoming.messages import ReleaseMail
from redress.mail.incoming.rules.decision import Reason
from redress.mail.incoming.rules.held import NOT_KEPT
from redress.mail.incoming.rules.mail import IncomingMail
from redress.mail.incoming.store import MailState
from redress.tickets.store.transaction import DoneAlready
from redress.wiring import inbound as wiring

logger = observe.logger("inbound")

LANGUAGE = "en"
"""The language of a mail if its text shows no language of the product. For example, the text has
only numbers, the mail has only a picture, or the text is Japanese."""

ATTEMPTS = 6
"""After this many failed attempts SQS sets a message aside (`maxReceiveCount` in the template)."""

OF_SES = "Successfully validated SNS topic for Amazon SES"
"""The beginning of the message that SES publishes when a topic is set up. It needs no action."""


@dataclass(frozen=True, slots=True)
class MailStored:
    """A mail was stored as an object in the bucket.

    `envelope` are the addresses for which SES accepted the mail; empty if they are not known.
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
            _report_failure(record, found)
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def _report_failure(record: dict[str, Any], found: dict[str, Any]) -> None:
    """Log a failed attempt. After the last one, SQS moves the message to the dead-letter queue."""
    if int(record["attributes"]["ApproximateReceiveCount"]) < ATTEMPTS:
        logger.error("the queue will deliver this message again", extra=found)
        return
    observe.report(observe.Alarm.DEAD_LETTERS, "an incoming mail is set aside", found)


def _jobs_in(body: str) -> Iterator[MailStored | ReleaseMail]:
    """Yield the jobs in a message. The test messages of S3 and SES have none.

    Raises ValueError, KeyError, TypeError, AttributeError or msgspec.ValidationError if the message
    is of no known kind.
    """
    if body.startswith(OF_SES):
        return
    content = json.loads(body)
    if content.get("Type") == "Notification":  # SNS wraps messages, unless raw delivery is on
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
            if (done := wiring.receiving().came(key, envelope)) is not None:
                _report(done)
                return
            try:
                mail = _read(key, at, envelope)
            except ReadingFailed as failed:
                _quarantine_unread(key, at, failed, envelope)
                return
            _report(wiring.receiving().receive(mail))
        case ReleaseMail():
            _release(job)


class ReadingFailed(Exception):
    """The reader failed on a mail. The cause is the reader's own exception."""


def _read(key: str, at: datetime, envelope: tuple[str, ...]) -> IncomingMail:
    return _parsed(wiring.mail_bucket().get(key), key, at, envelope)


def _parsed(raw: bytes, key: str, at: datetime, envelope: tuple[str, ...]) -> IncomingMail:
    own, groups, doors = wiring.own_addresses(), wiring.groups(), wiring.doors()
    expected, domains = wiring.languages(), wiring.house_domains()
    try:
        return reading.incoming_mail_of(
            raw, key, at, own, LANGUAGE, envelope, groups, doors, expected, domains
        )
    except Exception as error:
        raise ReadingFailed from error


def _quarantine_unread(
    key: str, at: datetime, failed: ReadingFailed, envelope: tuple[str, ...]
) -> None:
    """Quarantine a mail that could not be read.

    Its raw object is kept, so staff can release the mail after the reader is fixed.
    """
    because = _report_unreadable(key, failed)
    _report(wiring.receiving().hold_unread(key, at, because, envelope))


def _report_unreadable(key: str, failed: ReadingFailed) -> str:
    """Report a failure of the reader. Returns the name of the reader's error."""
    cause = failed.__cause__ or failed
    about = {"key": key} | observe.fault_of(cause)
    observe.report(observe.Alarm.UNREADABLE, "a mail cannot be read", about)
    return type(cause).__name__


def _release(request: ReleaseMail) -> None:
    """Release a mail from quarantine, or write into its record why the release failed.

    If the request is delivered again after its outcome was recorded, it changes nothing.
    """
    held = wiring.incoming_mails().get(request.identity)
    if held.state is not MailState.QUARANTINED:
        logger.info("the mail was released before")
        return
    if request.at is not None and (held.requested is None or held.requested.at != request.at):
        logger.info("the outcome of this request is known, or there is a later request")
        return
    receiving, by = wiring.receiving(), request.by
    try:
        raw = wiring.mail_bucket().get(held.key)
    except NotFound:
        _finish(partial(receiving.refuse, held, by, NOT_KEPT))
        return
    try:
        mail = _parsed(raw, held.key, held.received_at, held.envelope)
    except ReadingFailed as failed:
        because = _report_unreadable(held.key, failed)
        _finish(partial(receiving.refuse, held, by, Reason.UNREADABLE, because))
        return
    _finish(partial(receiving.release, mail, held, by))


def _finish(release: Callable[[], Received]) -> None:
    """Carry out the last step of a release and log its outcome."""
    try:
        done = release()
    except DoneAlready:
        logger.info("the mail was released before")
        return
    record = done.record
    if record.state is not MailState.QUARANTINED:
        _report(done)
        return
    why = record.refused.reason if record.refused else record.reason
    found = {"mail": record.identity, "why": why}
    logger.warning("the mail could not be released and stays in quarantine", extra=found)


def _report(done: Received) -> None:
    record = done.record
    about = {"mail": record.identity, "state": record.state.value, "reason": record.reason}
    if done.repeated:
        logger.info("the mail was received before", extra=about)
        return
    if record.number:
        about["ticket"] = record.number
    logger.info("mail received", extra=about)
