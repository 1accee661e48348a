"""Work through the mail queue: send mails, and record what SES reports about sent mails.

A mail that SES does not accept now is tried again later. This is a plain loop instead of
Powertools' BatchProcessor, because each failed record gets its own delay before the next attempt,
and a record that no retry can help leaves the queue at once.
"""

from __future__ import annotations

import random
from typing import Any, Protocol

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from redress.base import observe
from redress.base.errors import NotFound
from redress.mail.incoming.rules.decision import Notice
from redress.mail.outgoing.cases.feedback import Feedback, feedback_of, is_feedback
from redress.mail.outgoing.cases.posting import NO_RECIPIENT, NotSentYet, Result, SendOutcome
from redress.mail.outgoing.cases.sending import UNWANTED
from redress.mail.outgoing.messages import HeldDigest, NotAJob, job_of
from redress.wiring import mailer as wiring

logger = Logger(service="mailer")

FIRST_WAIT_S = 5
LONGEST_WAIT_S = 900
RESERVE_MS = 20_000
"""With less time left, no further mail is begun. It must suffice to connect to SES, get its answer
and write the records."""


class Context(Protocol):
    def get_remaining_time_in_millis(self) -> int: ...


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Process a batch of mail jobs and SES events, and return those to deliver again."""
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
    """Process a record. Return whether it may leave the queue."""
    try:
        if is_feedback(record["body"]):
            _take(feedback_of(record["body"]))
            return True
        job = job_of(record["body"])
        if isinstance(job, HeldDigest):
            with logger.append_context_keys(team=job.team, mail=job.key):
                _report(wiring.digests().send(job))
            return True
        with logger.append_context_keys(ticket=job.number, mail=job.key):
            _report(wiring.mailing().send(job))
        return True
    except NotAJob as error:
        return _is_set_aside(record, str(error))
    except NotSentYet as error:
        logger.warning("the mail will be tried again", extra=_named(record, error.fault))
        observe.count("mailer", "MailDelayed")
    except Exception as error:
        found = {"record": record["messageId"]} | observe.fault_of(error)
        logger.error("the mail will be tried again", extra=found)
        observe.count("mailer", "MailDelayed")
    return False


def _take(feedback: Feedback | None) -> None:
    """Record what SES reports about a mail that it accepted before."""
    if feedback is None:
        logger.info("this event of SES changes nothing")
        return
    about = {
        "ticket": feedback.job.number,
        "mail": feedback.job.key,
        "why": feedback.why.value,
    }
    try:
        new = wiring.feedback().take(feedback)
    except NotFound:
        logger.info("the ticket does not exist any more", extra=about)
        return
    logger.info("report recorded" if new else "the report was recorded before", extra=about)
    if new and feedback.why is not Notice.DELAYED:
        observe.count("mailer", "MailReturned")


def _report(done: SendOutcome) -> None:
    if done.why in UNWANTED:
        logger.info("the mail was not sent", extra={"why": done.why})
        return
    if done.result is Result.REFUSED:
        logger.error("the mail can never be sent", extra={"fault": done.why})
        name = "MailWithoutRecipient" if done.why == NO_RECIPIENT else "MailRefused"
        observe.count("mailer", name)
        return
    logger.info(done.result.value, extra={"why": done.why} if done.why else {})


def _is_set_aside(record: dict[str, Any], fault: str) -> bool:
    """Move a record that can never become a mail to the dead-letter queue.

    There it does not delay other mails. Returns whether the move succeeded.
    """
    logger.error("moving the record to the dead-letter queue", extra=_named(record, fault))
    observe.count("mailer", "MailSetAside")
    try:
        wiring.sqs().send_message(
            QueueUrl=wiring.settings().mail_dead_letter_queue_url,
            MessageBody=record["body"],
            MessageAttributes={"fault": {"DataType": "String", "StringValue": fault}},
        )
    except (ClientError, BotoCoreError) as error:
        logger.warning(
            "the record could not be moved to the dead-letter queue",
            extra=_named(record, type(error).__name__),
        )
        return False
    return True


def _put_off(record: dict[str, Any]) -> None:
    """Delay the next delivery of a record.

    The delay is random, between half of a limit and the limit. The limit doubles with each attempt,
    up to LONGEST_WAIT_S.
    """
    tried = int(record["attributes"]["ApproximateReceiveCount"])
    longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(tried - 1, 10))
    try:
        wiring.sqs().change_message_visibility(
            QueueUrl=wiring.settings().mail_queue_url,
            ReceiptHandle=record["receiptHandle"],
            VisibilityTimeout=round(random.uniform(longest / 2, longest)),
        )
    except (ClientError, BotoCoreError) as error:
        # The record is delivered again anyway, after the queue's visibility timeout.
        logger.warning(
            "the record could not be delayed", extra=_named(record, type(error).__name__)
        )


def _named(record: dict[str, Any], fault: str) -> dict[str, str]:
    return {"record": record["messageId"], "fault": fault}
