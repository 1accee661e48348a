"""The mail queue: send each mail, let those that SES does not take now come again later; and record
what SES says of those that it took.

A plain loop, not Powertools' BatchProcessor: each record that fails is given its own time to come
back, and one that no retry can help leaves the queue at once.
"""

from __future__ import annotations

import random
from typing import Any, Protocol

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from redress.base import observe
from redress.base.errors import NotFound
from redress.mail.incoming.rules import Notice
from redress.mail.outgoing.cases.feedback import Feedback, feedback_of, is_feedback
from redress.mail.outgoing.cases.sending import (
    NO_RECIPIENT,
    UNWANTED,
    NotSentYet,
    Result,
    SendOutcome,
)
from redress.mail.outgoing.messages import NotAJob, job_of
from redress.wiring import mailer as wiring

logger = Logger(service="mailer")

FIRST_WAIT_S = 5
LONGEST_WAIT_S = 900
RESERVE_MS = 20_000
"""A mail is not begun with less time left: a connection and an answer of SES, and the records."""


class Context(Protocol):
    def get_remaining_time_in_millis(self) -> int: ...


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """A batch of mail jobs -> those to be delivered again."""
    if event.get("warm"):
        wiring.mailing()
        return {"warm": True}
    failed = []
    for record in event["Records"]:
        in_time = context.get_remaining_time_in_millis() > RESERVE_MS
        if not in_time or not _is_done(record):
            _put_off(record)
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def _is_done(record: dict[str, Any]) -> bool:
    """Whether the record may leave the queue."""
    try:
        if is_feedback(record["body"]):
            _take(feedback_of(record["body"]))
            return True
        job = job_of(record["body"])
        with logger.append_context_keys(ticket=job.number, mail=job.key):
            _report(wiring.mailing().send(job))
        return True
    except NotAJob as error:
        return _is_set_aside(record, str(error))
    except NotSentYet as error:
        logger.warning("a mail comes again", extra=_named(record, error.fault))
        observe.count("mailer", "MailDelayed")
    except Exception as error:
        found = {"record": record["messageId"]} | observe.fault_of(error)
        logger.error("a mail comes again", extra=found)
        observe.count("mailer", "MailDelayed")
    return False


def _take(told: Feedback | None) -> None:
    """What SES says of a mail that it took before."""
    if told is None:
        logger.info("nothing to record")
        return
    about = {"ticket": told.job.number, "mail": told.job.key, "why": told.why.value}
    try:
        new = wiring.feedback().take(told)
    except NotFound:
        logger.info("the ticket is gone", extra=about)
        return
    logger.info("recorded" if new else "was recorded before", extra=about)
    if new and told.why is not Notice.DELAYED:
        observe.count("mailer", "MailReturned")


def _report(done: SendOutcome) -> None:
    if done.why in UNWANTED:
        logger.info("not sent", extra={"why": done.why})
        return
    if done.result is Result.REFUSED:
        logger.error("refused for good", extra={"fault": done.why})
        name = "MailWithoutRecipient" if done.why == NO_RECIPIENT else "MailRefused"
        observe.count("mailer", name)
        return
    logger.info(done.result.value, extra={"why": done.why} if done.why else {})


def _is_set_aside(record: dict[str, Any], fault: str) -> bool:
    """Move a record that will never be a mail to the dead-letter queue: it delays no other."""
    logger.error("set aside", extra=_named(record, fault))
    observe.count("mailer", "MailSetAside")
    try:
        wiring.sqs().send_message(
            QueueUrl=wiring.settings().mail_dead_letter_queue_url,
            MessageBody=record["body"],
            MessageAttributes={"fault": {"DataType": "String", "StringValue": fault}},
        )
    except (ClientError, BotoCoreError) as error:
        logger.warning("could not be set aside", extra=_named(record, type(error).__name__))
        return False
    return True


def _put_off(record: dict[str, Any]) -> None:
    """Let the record come again after a while that doubles each time, up to LONGEST_WAIT_S."""
    tried = int(record["attributes"]["ApproximateReceiveCount"])
    longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(tried - 1, 10))
    try:
        wiring.sqs().change_message_visibility(
            QueueUrl=wiring.settings().mail_queue_url,
            ReceiptHandle=record["receiptHandle"],
            VisibilityTimeout=round(random.uniform(longest / 2, longest)),
        )
    except (ClientError, BotoCoreError) as error:
        # It comes again all the same, when the queue's own time is over.
        logger.warning("could not be put off", extra=_named(record, type(error).__name__))


def _named(record: dict[str, Any], fault: str) -> dict[str, str]:
    return {"record": record["messageId"], "fault": fault}
