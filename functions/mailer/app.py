"""Work through the mail queue: send mails, and record what SES reports about mails.

Answers to customers who wrote through a connector are jobs of the same queue.

A mail that SES does not accept now is tried again later. This is a plain loop instead of
Powertools' BatchProcessor, because each failed record gets its own delay before the next attempt,
and a record that no retry can help leaves the queue at once.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from redress.base import observe
from redress.base.errors import NotFound
from redress.db import retry
from redress.mail.outgoing.cases.feedback import (
    Accepted,
    Feedback,
    NoticeMissed,
    feedback_of,
    is_feedback,
)
from redress.mail.outgoing.cases.posting import SOME_REFUSED, NotSentYet, Result, SendOutcome
from redress.mail.outgoing.cases.sending import UNWANTED
from redress.mail.outgoing.messages import (
    CallNotice,
    HeldDigest,
    IncidentMail,
    Job,
    LostLinks,
    NotAJob,
    job_of,
)
from redress.mail.outgoing.rules.table import CONNECTOR
from redress.wiring import clients
from redress.wiring import mailer as wiring

logger = observe.logger("mailer")

FIRST_WAIT_S = 5
SOON_S = 30
SOON_TRIES = 22
"""The first SOON_TRIES attempts wait SOON_S at most. Even if every wait is the shortest, they cover
the five minutes in which an acknowledgement is due. So when SES works again in these minutes, an
acknowledgement waits at most SOON_S longer."""
LONGEST_WAIT_S = 900
LONG = timedelta(minutes=5)
"""Operations are told of a mail that waits longer than this. An acknowledgement is due within five
minutes. A mail whose worker died once waits for one minute."""
SPREAD_S = 5
"""Mails that must wait for the same time are tried again at random within this many seconds."""
MARGIN_S = 0.2
"""Seconds that the function keeps for its own code. To put a record off takes one more call, which
this does not cover. If the function ends before that call, the queue delivers the record again when
its visibility timeout is over."""


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
        left = context.get_remaining_time_in_millis() / 1000
        with retry.within(left - wiring.call_s() - MARGIN_S):
            wait = _wait_of(record)
        if wait is not None:
            _put_off(record, wait)
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}


def _wait_of(record: dict[str, Any]) -> float | None:
    """Process a record. Return None if it may leave the queue.

    Otherwise return how many seconds the next attempt must wait at least.
    """
    try:
        if is_feedback(record["body"]):
            _take(feedback_of(record["body"]))
            return None
        job = job_of(record["body"])
        if isinstance(job, HeldDigest):
            with logger.append_context_keys(team=job.team, mail=job.key):
                _report(wiring.digests().send(job), record)
            return None
        if isinstance(job, CallNotice):
            with logger.append_context_keys(customer=job.customer, mail=job.key):
                _report(wiring.call_notices().send(job), record)
            return None
        if isinstance(job, IncidentMail):
            with logger.append_context_keys(incident=job.incident, mail=job.key):
                _report(wiring.incident_mails().send(job), record)
            return None
        if isinstance(job, LostLinks):
            with logger.append_context_keys(mail=job.key):
                _report(wiring.lost_links().send(job), record)
            return None
        with logger.append_context_keys(ticket=job.number, mail=job.key):
            case = wiring.answering() if job.audience == CONNECTOR else wiring.mailing()
            _report(case.send(job), record)
        return None
    except NotAJob as error:
        return None if _is_set_aside(record, str(error)) else 0
    except NotSentYet as error:
        found = {"fault": error.fault}
        _log_delay(record, found, logger.warning, at_once=error.needs_operator)
        return error.wait.total_seconds()
    except Exception as error:
        _log_delay(record, observe.fault_of(error), logger.error)
    return 0


def _log_delay(
    record: dict[str, Any],
    fault: dict[str, Any],
    log: Callable[..., None],
    *,
    at_once: bool = False,
) -> None:
    """Log that a record is tried again. Tell operations `at_once`, or if it has waited for LONG."""
    sent_at = datetime.fromtimestamp(int(record["attributes"]["SentTimestamp"]) / 1000, UTC)
    waited = clients.now() - sent_at
    found: dict[str, Any] = {"record": record["messageId"], **_subject_of(record["body"]), **fault}
    if at_once or waited > LONG:
        found["seconds_waited"] = round(waited.total_seconds())
        message = "the mail waits and will be tried again"
        observe.report(observe.Alarm.MAIL_NOT_SENT, message, found)
    else:
        log("the mail will be tried again", extra=found)


def _subject_of(body: str) -> dict[str, str]:
    """Which mail a record is about: the ticket, team or customer, and the key of the mail's record.

    Empty for an event of SES. A mail with links is named without its address.
    """
    return {} if is_feedback(body) else _named_mail(job_of(body))


def _named_mail(job: Job) -> dict[str, str]:
    if isinstance(job, LostLinks):
        return {"mail": job.key}
    kinds = {HeldDigest: "team", CallNotice: "customer", IncidentMail: "incident"}
    return {kinds.get(type(job), "ticket"): job.owner, "mail": job.key}


def _take(feedback: Feedback | NoticeMissed | Accepted | None) -> None:
    """Record what SES reports about a mail."""
    if feedback is None:
        logger.info("this event of SES changes nothing")
        return
    if isinstance(feedback, Accepted):
        _confirm(feedback)
        return
    if isinstance(feedback, NoticeMissed):
        _report_missed_staff(_named_mail(feedback.job) | {"why": feedback.why.value})
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
    if new and feedback.misses_staff:
        _report_missed_staff(about)


def _report_missed_staff(about: dict[str, str]) -> None:
    message = "a notice did not reach a member of staff, or they called it spam"
    observe.report(observe.Alarm.MAIL_NOT_SENT, message, about)


def _confirm(accepted: Accepted) -> None:
    """Record a mail as sent. Usually the worker that sent it has done so already."""
    job = accepted.job
    records = wiring.records_of(job)
    if records.confirm(job.owner, job.key, accepted.message_id, accepted.at):
        about = _named_mail(job)
        logger.info("SES reports a mail that was not recorded as sent yet", extra=about)


def _report(done: SendOutcome, record: dict[str, Any]) -> None:
    if done.why in UNWANTED:
        logger.info("the mail was not sent", extra={"why": done.why})
        return
    if done.result is Result.REFUSED:
        found = {"fault": done.why, **_subject_of(record["body"])}
        observe.report(observe.Alarm.MAIL_NOT_SENT, "the mail can never be sent", found)
        return
    if done.why == SOME_REFUSED:
        message = "the mail was sent to a part of its recipients only"
        observe.report(observe.Alarm.MAIL_NOT_SENT, message, _subject_of(record["body"]))
        return
    logger.info(done.result.value, extra={"why": done.why} if done.why else {})


def _is_set_aside(record: dict[str, Any], fault: str) -> bool:
    """Move a record that can never become a mail to the dead-letter queue.

    There it does not delay other mails. Returns whether the move succeeded.
    """
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
    found = _named(record, fault)
    observe.report(observe.Alarm.DEAD_LETTERS, "a record that is no mail was set aside", found)
    return True


def _put_off(record: dict[str, Any], wait: float) -> None:
    """Delay the next delivery of a record by `wait` seconds or longer.

    The delay is random, between half of a limit and the limit. The limit doubles with each attempt,
    up to SOON_S for the first SOON_TRIES attempts, and later up to LONGEST_WAIT_S.
    """
    tried = int(record["attributes"]["ApproximateReceiveCount"])
    if tried <= SOON_TRIES:
        longest = min(SOON_S, FIRST_WAIT_S * 2 ** (tried - 1))
    else:
        longest = min(LONGEST_WAIT_S, SOON_S * 2 ** min(tried - SOON_TRIES, 10))
    chosen = random.uniform(longest / 2, longest)
    if chosen <= wait:
        chosen = wait + 1 + random.uniform(0, SPREAD_S)
    try:
        wiring.sqs().change_message_visibility(
            QueueUrl=wiring.settings().mail_queue_url,
            ReceiptHandle=record["receiptHandle"],
            VisibilityTimeout=round(chosen),
        )
    except (ClientError, BotoCoreError) as error:
        # The record is delivered again anyway, after the queue's visibility timeout.
        logger.warning(
            "the record could not be delayed", extra=_named(record, type(error).__name__)
        )


def _named(record: dict[str, Any], fault: str) -> dict[str, str]:
    return {"record": record["messageId"], "fault": fault}
