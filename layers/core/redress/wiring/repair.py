"""The function `repair`: it keeps the workflow of every open ticket running."""

from __future__ import annotations

from datetime import datetime
from functools import cache, partial

from redress.base.settings import Settings
from redress.customers.cases.matching import MatchingCase
from redress.customers.rules.relationship import Notice, planned_seconds
from redress.db import keys
from redress.files import messages as files
from redress.files.cases.watching import HeldFilesWatch
from redress.incidents.cases import DeliveryCase, IncidentWatch, SpikeWatch
from redress.incidents.store import IncidentStore
from redress.mail.incoming.cases.watching import HeldMailWatch
from redress.mail.outgoing import messages
from redress.mail.outgoing.messages import CallNotice, HeldDigest, IncidentMail, MailJob
from redress.rehearsals.cases import RehearsalJobs
from redress.scores.cases.repeats import EndedRun, ScoringRepeats
from redress.scores.cases.watching import MonthWatch
from redress.staff.cases.absence import AbsenceWatch
from redress.wiring import clients, stores
from redress.wiring.rehearsal import rehearsal_jobs
from redress.wiring.relay import relay_case
from redress.wiring.scoring import scoring_jobs
from redress.workflow.cases.catching_up import CatchUpCase, MembersCatchUpCase
from redress.workflow.cases.follower import FollowerCase
from redress.workflow.cases.mails import CompareMails
from redress.workflow.cases.quiet import CompleteSweeps
from redress.workflow.cases.reconciliation import ReconcileCase
from redress.workflow.cases.relationship import CallPlanning, CallWatch
from redress.workflow.cases.relay import RelayCase
from redress.workflow.cases.repair import RepairCase
from redress.workflow.cases.watching import StackWatch
from redress.workflow.executions import Executions
from redress.workflow.store import CallsPlannedStore, CatchUpStore, MembersCatchUpStore

__all__ = [
    "EndedRun",
    "RehearsalJobs",
    "RepairSettings",
    "absences",
    "call_planning",
    "calls",
    "complete_sweeps",
    "held_files",
    "held_mail",
    "incidents",
    "month_watch",
    "reconciliation",
    "rehearsal_jobs",
    "repair",
    "scoring_repeats",
    "settings",
    "spikes",
    "watch",
    "words",
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
    runbook_address: str = "docs/runbooks"
    """Where the runbooks are published."""
    reader_mappings: str = ""
    """The ids of the event source mappings that must read, separated by commas."""
    dead_letter_queue_urls: str = ""
    """The URLs of the dead-letter queues, separated by commas."""
    checker_function: str = ""
    """The function that checks files. Empty if files are switched off."""


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
def complete_sweeps() -> CompleteSweeps:
    return CompleteSweeps(clients.now)


@cache
def absences() -> AbsenceWatch:
    return AbsenceWatch(
        stores.staff(),
        stores.duty(),
        stores.lists(),
        stores.changes(),
        stores.plans(),
        stores.tickets(),
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
        f"{given.runbook_address}/scores.md",
    )


@cache
def month_watch() -> MonthWatch:
    return MonthWatch(scoring_jobs(), stores.plans(), _ran_before, clients.now)


def _ran_before(moment: datetime) -> bool:
    """Whether the stack existed before a time: a reconciliation began earlier."""
    return bool(stores.reports().latest(1, before=keys.run_sk(moment)))


@cache
def held_files() -> HeldFilesWatch | None:
    """Looks for files that wait for a verdict; None if files are switched off."""
    if not (checker := settings().checker_function):
        return None

    def ask(message: files.Held | files.LookForUploads) -> None:
        clients.client("lambda").invoke(
            FunctionName=checker, InvocationType="Event", Payload=files.encode(message)
        )

    return HeldFilesWatch(stores.attached().held, ask, clients.now)


@cache
def watch() -> StackWatch:
    given = settings()
    return StackWatch(
        clients.client("lambda"),
        clients.client("sqs"),
        [one for one in given.reader_mappings.split(",") if one],
        [one for one in given.dead_letter_queue_urls.split(",") if one],
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


def _ask_for_mail(job: MailJob | HeldDigest | CallNotice | IncidentMail) -> None:
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
def catch_up() -> CatchUpCase:
    return CatchUpCase(
        CatchUpStore(stores.models()),
        stores.tickets(),
        stores.lists(),
        stores.plans(),
        MatchingCase(stores.customers(), stores.changes()),
        clients.now,
    )


@cache
def members_catch_up() -> MembersCatchUpCase:
    return MembersCatchUpCase(
        MembersCatchUpStore(stores.models()), stores.staff(), stores.duty(), clients.now
    )


@cache
def words() -> DeliveryCase:
    """Delivers words of incidents that a request could not deliver to all customers in its time."""
    return DeliveryCase(
        IncidentStore(stores.models()), stores.changes(), stores.staff(), clients.now
    )


@cache
def incidents() -> IncidentWatch:
    def ask(incident: str, action: int) -> None:
        _ask_for_mail(IncidentMail(incident, action))

    return IncidentWatch(IncidentStore(stores.models()), stores.plans(), ask, clients.now)


@cache
def spikes() -> SpikeWatch:
    return SpikeWatch(
        stores.lists(), stores.tickets(), stores.changes(), stores.plans(), clients.now
    )


@cache
def calls() -> CallWatch:
    def ask(notice: Notice) -> None:
        step = notice.step.replace(".", "-")
        planned = planned_seconds(notice.planned)
        _ask_for_mail(CallNotice(notice.customer, notice.date, step, notice.role, planned))

    return CallWatch(stores.customers(), stores.plans(), ask, clients.now)


@cache
def call_planning() -> CallPlanning:
    return CallPlanning(
        CallsPlannedStore(stores.models()), stores.customers(), stores.plans(), clients.now
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
