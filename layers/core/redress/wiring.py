"""Where settings, clients, stores and use cases are put together, and nowhere else.

Everything is made late and once per process: a cold start pays only for what its first request
uses. PynamoDB and boto3 are imported inside the functions that need them, so that the intake
function never loads them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from redress.base import settings as configuration
from redress.base.errors import Unavailable
from redress.base.settings import Settings
from redress.tickets.links import Links

if TYPE_CHECKING:
    from redress.mail.incoming.bucket import MailBucket
    from redress.mail.incoming.cases.quarantine import QuarantineCases
    from redress.mail.incoming.cases.receiving import ReceivingCase
    from redress.mail.incoming.store import IncomingMailStore
    from redress.mail.outgoing.cases.feedback import FeedbackCase
    from redress.mail.outgoing.cases.sending import MailingCase
    from redress.mail.outgoing.store import AddressStore
    from redress.plans.cases import PlanCases
    from redress.rehearsals.cases import RehearsalCases, RehearsalJobs
    from redress.scores.cases import ScoringCases
    from redress.staff.cases import AssignmentCase
    from redress.tickets.cases.customer import CustomerCases
    from redress.tickets.cases.intake import IntakeCase
    from redress.tickets.cases.staff import StaffCases
    from redress.workflow.cases.reconciliation import ReconcileCase
    from redress.workflow.cases.relay import RelayCase
    from redress.workflow.cases.repair import RepairCase
    from redress.workflow.cases.reports import ReportCases
    from redress.workflow.cases.timers import TimerCase
    from redress.workflow.executions import Executions

REFRESH_S = 300.0
"""How long a function keeps the link keys: a rotation holds within it."""


def now() -> datetime:
    """The one clock of the product: aware UTC."""
    return datetime.now(UTC)


def pause(seconds: float) -> None:
    """Wait. Whoever holds the clock holds this too."""
    time.sleep(seconds)


@cache
def settings() -> Settings:
    return configuration.read(os.environ)


@cache
def client(service: str, retries: int = 3) -> Any:
    """A botocore client, made once. Timeouts are short: a retry is worth more than patience."""
    import botocore.session
    from botocore.config import Config

    session = _session()
    config = Config(
        connect_timeout=2,
        read_timeout=8,
        retries={"mode": "standard", "max_attempts": retries},
        # A link of S3's older signature would name no region and end later than it says.
        signature_version="s3v4" if service == "s3" else None,
        user_agent_extra="redress",
    )
    assert isinstance(session, botocore.session.Session)
    return session.create_client(service, region_name=settings().aws_region, config=config)


@cache
def _dynamodb() -> Any:
    """For the doors: what it cannot do, `client("dynamodb")` can."""
    from redress.db.aws_json import DynamoDB

    return DynamoDB(os.environ)


@cache
def _secrets() -> Any:
    from redress.db.aws_json import SecretsManager

    return SecretsManager(os.environ)


@cache
def _session() -> Any:
    import botocore.session

    return botocore.session.get_session()


def _refreshed[T](read: Callable[[], T]) -> Callable[[], T]:
    """A value read again every REFRESH_S seconds, and not before it is first asked for.

    While its service does not answer, the value from before is good for another REFRESH_S: no
    customer waits for a setting that did not change. Raises Unavailable when there is none yet.
    """
    kept: list[tuple[float, T]] = []

    def get() -> T:
        from botocore.exceptions import BotoCoreError, ClientError

        moment = time.monotonic()
        if not kept or moment - kept[0][0] > REFRESH_S:
            try:
                kept[:] = [(moment, read())]
            except (BotoCoreError, ClientError, Unavailable) as error:
                if not kept:
                    raise Unavailable() from error
                kept[:] = [(moment, kept[0][1])]
        return kept[0][1]

    return get


@cache
def links() -> Links:
    """Links signed with the key made at deploy time; the key before it stays valid for reading."""

    def read(stage: str) -> bytes:
        from redress.db import retry

        secret = settings().require("link_key_secret").link_key_secret
        found = retry.call(lambda: _secrets().get_secret_value(SecretId=secret, VersionStage=stage))
        key: str = found["SecretString"]
        return key.encode()

    def read_previous() -> bytes | None:
        from botocore.exceptions import ClientError

        try:
            return read("AWSPREVIOUS")
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return None  # never rotated yet

    current, previous = _refreshed(lambda: read("AWSCURRENT")), _refreshed(read_previous)

    def keys() -> Iterator[bytes]:
        yield current()
        if (before := previous()) is not None:
            yield before

    return Links(keys)


@cache
def _models() -> Any:
    from redress.db.rows import Models

    return Models(settings().table, settings().aws_region)


@cache
def _tickets() -> Any:
    from redress.tickets.store.tickets import TicketStore

    return TicketStore(_models())


@cache
def _staff() -> Any:
    from redress.staff.store import StaffStore

    return StaffStore(_models())


@cache
def _plans() -> Any:
    from redress.plans.store import Plans

    return Plans(_staff(), now)


@cache
def intake() -> IntakeCase:
    """The intake of both doors, JSON and web form: bare botocore, no PynamoDB."""
    from redress.plans.store import Plans
    from redress.tickets.cases.intake import IntakeCase
    from redress.tickets.store.submission_store import SubmissionStore

    store = SubmissionStore(_dynamodb(), settings().table)
    return IntakeCase(store, Plans(store, now), links(), now)


@cache
def customer_cases() -> CustomerCases:
    """What a link opens: the pages before it need none of this."""
    from redress.tickets.cases.customer import CustomerCases

    return CustomerCases(_tickets(), _plans(), links(), _addresses(), now)


@cache
def staff_cases() -> StaffCases:
    from redress.tickets.cases.staff import StaffCases

    return StaffCases(_tickets(), _staff(), _plans(), now)


@cache
def plan_cases() -> PlanCases:
    from redress.plans.cases import PlanCases

    return PlanCases(_staff(), _plans(), now)


def tell_operations(subject: str, text: str) -> None:
    """A word to whoever gets the alarms."""
    topic = settings().require("operations_topic_arn").operations_topic_arn
    client("sns").publish(TopicArn=topic, Subject=subject, Message=text)


@cache
def scoring_cases() -> ScoringCases:
    from redress.scores.cases import ScoringCases
    from redress.scores.store.scores import ScoreStore

    return ScoringCases(
        ScoreStore(_models()),
        _staff(),
        _plans(),
        lambda: client("stepfunctions"),
        settings().scores_machine_arn,
        now,
    )


@cache
def _rehearsals() -> Any:
    from redress.rehearsals.store import RehearsalStore

    return RehearsalStore(_models())


@cache
def rehearsal_cases() -> RehearsalCases:
    from redress.rehearsals.cases import RehearsalCases

    return RehearsalCases(
        _rehearsals(),
        _plans(),
        lambda: client("stepfunctions"),
        settings().rehearsal_machine_arn,
        now,
    )


def rehearsal_machine_arn() -> str:
    """The machine whose executions are rehearsals and moves; those of all others are tickets'."""
    return settings().rehearsal_machine_arn


@cache
def rehearsal_jobs() -> RehearsalJobs:
    from redress.rehearsals.cases import RehearsalJobs
    from redress.workflow.store import ReportStore

    return RehearsalJobs(_rehearsals(), _tickets(), _staff(), _plans(), ReportStore(_models()), now)


@cache
def timers() -> TimerCase:
    from redress.workflow.cases.timers import TimerCase

    return TimerCase(_tickets(), _plans(), now)


@cache
def relay() -> RelayCase:
    from redress.workflow.cases.relay import RelayCase

    given = settings().require(
        "ticket_machine_arn",
        "mail_queue_url",
        "assigner_function",
        "dead_letter_queue_url",
    )
    return RelayCase(
        _tickets(), client("stepfunctions"), client("sqs"), client("lambda"), given, now
    )


@cache
def assignment() -> AssignmentCase:
    from redress.staff.cases import AssignmentCase

    return AssignmentCase(_tickets(), _staff(), _plans(), now)


@cache
def mailing() -> MailingCase:
    from redress.mail.outgoing.cases.sending import MailingCase

    return MailingCase(
        _tickets(),
        _addresses(),
        _staff(),
        _plans(),
        links(),
        client("sesv2", retries=0),  # the queue tries again: a repeat here could send a mail twice
        settings().require(
            "base_address", "sender_address", "mail_queue_url", "mail_dead_letter_queue_url"
        ),
        now,
    )


@cache
def feedback() -> FeedbackCase:
    from redress.mail.outgoing.cases.feedback import FeedbackCase

    return FeedbackCase(_tickets(), incoming(), _addresses(), _plans(), now)


@cache
def incoming() -> IncomingMailStore:
    from redress.mail.incoming.store import IncomingMailStore

    return IncomingMailStore(_models())


@cache
def _addresses() -> AddressStore:
    from redress.mail.outgoing.store import AddressStore

    return AddressStore(_models())


@cache
def mail_bucket() -> MailBucket:
    from redress.mail.incoming.bucket import MailBucket

    return MailBucket(client("s3"), settings().require("mail_bucket").mail_bucket)


def ours() -> tuple[str, ...]:
    """The address that mail of ours goes out from, and the domain that mail comes in at."""
    given = settings().require("sender_address")
    return tuple(one.lower() for one in (given.sender_address, given.mail_domain) if one)


@cache
def receiving() -> ReceivingCase:
    from redress.mail.incoming.cases.receiving import ReceivingCase

    return ReceivingCase(
        _tickets(), incoming(), _addresses(), _staff(), _plans(), links(), mail_bucket(), now
    )


@cache
def quarantine() -> QuarantineCases:
    from redress.mail.incoming.cases.quarantine import QuarantineCases

    queue = settings().require("inbound_queue_url").inbound_queue_url
    return QuarantineCases(incoming(), staff_cases(), mail_bucket(), client("sqs"), queue)


@cache
def _executions() -> Executions:
    from redress.workflow.executions import Executions

    return Executions(client("stepfunctions"), settings().ticket_machine_arn)


@cache
def repair() -> RepairCase:
    from redress.workflow.cases.repair import RepairCase

    return RepairCase(_tickets(), relay(), _executions(), _staff(), now)


@cache
def report_cases() -> ReportCases:
    from redress.workflow.cases.reports import ReportCases
    from redress.workflow.store import ReportStore

    return ReportCases(ReportStore(_models()), _plans())


@cache
def reconciliation() -> ReconcileCase:
    from redress.workflow.cases.reconciliation import ReconcileCase
    from redress.workflow.store import ReportStore

    reports = ReportStore(_models())
    return ReconcileCase(
        _tickets(), _plans(), _staff(), relay(), _executions(), reports, now, pause
    )
