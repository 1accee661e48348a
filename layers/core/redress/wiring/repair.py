"""The function `repair`: it keeps the workflow of every open ticket running."""

from __future__ import annotations

from functools import cache, partial

from redress.base.settings import Settings
from redress.mail.incoming.cases.watching import HeldMailWatch
from redress.mail.outgoing import messages
from redress.mail.outgoing.messages import HeldDigest, MailJob
from redress.rehearsals.cases import RehearsalJobs
from redress.scores.cases.repeats import EndedRun, ScoringRepeats
from redress.wiring import clients, stores
from redress.wiring.rehearsal import rehearsal_jobs
from redress.wiring.relay import relay_case
from redress.workflow.cases.follower import FollowerCase
from redress.workflow.cases.mails import CompareMails
from redress.workflow.cases.reconciliation import ReconcileCase
from redress.workflow.cases.relay import RelayCase
from redress.workflow.cases.repair import RepairCase
from redress.workflow.executions import Executions

__all__ = [
    "EndedRun",
    "RehearsalJobs",
    "RepairSettings",
    "held_mail",
    "reconciliation",
    "rehearsal_jobs",
    "repair",
    "scoring_repeats",
    "settings",
]


class RepairSettings(Settings, frozen=True, kw_only=True):
    ticket_machine_arn: str
    mail_queue_url: str
    assigner_function: str
    rehearsal_machine_arn: str
    """The state machine of rehearsals and moves."""
    scores_machine_arn: str = ""
    """The state machine of scoring runs. Without it, no scoring run is started again. An ended
    execution of a machine that is neither this nor that of rehearsals belongs to a ticket."""
    operations_topic_arn: str = ""
    """The topic of the people who get the alarms."""


@cache
def settings() -> RepairSettings:
    return clients.read(RepairSettings)


@cache
def _relay() -> RelayCase:
    return relay_case(settings().ticket_machine_arn, clients.client("stepfunctions"))


@cache
def _executions() -> Executions:
    return Executions(clients.client("stepfunctions"), settings().ticket_machine_arn)


@cache
def repair() -> RepairCase:
    given = settings()
    follower = FollowerCase(
        clients.client("sqs"),
        clients.client("lambda"),
        given.mail_queue_url,
        given.assigner_function,
    )
    return RepairCase(
        stores.timers(),
        stores.changes(),
        stores.lists(),
        _relay(),
        follower.drain,
        _executions(),
        stores.staff(),
        clients.now,
    )


@cache
def scoring_repeats() -> ScoringRepeats:
    given = settings()
    return ScoringRepeats(
        stores.plans(),
        clients.client("stepfunctions"),
        given.scores_machine_arn,
        partial(clients.publish, given.operations_topic_arn),
        clients.now,
    )


@cache
def held_mail() -> HeldMailWatch:
    return HeldMailWatch(
        stores.incoming_mails(),
        stores.digests(),
        stores.plans(),
        _ask_for_mail,
        clients.now,
    )


def _ask_for_mail(job: MailJob | HeldDigest) -> None:
    clients.client("sqs").send_message(
        QueueUrl=settings().mail_queue_url, MessageBody=messages.encode(job)
    )


@cache
def mail_comparison() -> CompareMails:
    return CompareMails(
        stores.tickets(),
        stores.lists(),
        stores.plans(),
        stores.reports(),
        _ask_for_mail,
        clients.now,
    )


@cache
def reconciliation() -> ReconcileCase:
    return ReconcileCase(
        stores.tickets(),
        stores.timers(),
        stores.lists(),
        stores.plans(),
        stores.staff(),
        _relay(),
        _executions(),
        stores.reports(),
        mail_comparison(),
        clients.now,
        clients.pause,
    )
