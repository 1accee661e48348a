"""The stores of the product's table and the mail bucket, each created once per process."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from redress.customers.store import CustomerStore
from redress.db import keys
from redress.db.rows import Models
from redress.mail.incoming.store import DigestStore, IncomingMailStore
from redress.mail.outgoing.store import AddressStore
from redress.plans.store.plan_store import PlanStore
from redress.plans.store.plans import Plans
from redress.staff.store import StaffStore
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.store.attached import AttachedStore
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.mail_records import MailRecordStore
from redress.tickets.store.opening_keys import OpeningKeys
from redress.tickets.store.tickets import TicketStore
from redress.tickets.store.timers import TimerStore
from redress.wiring import clients
from redress.wiring.transaction import ALSO_WRITTEN

if TYPE_CHECKING:
    from redress.files.store.bucket import FilesBucket
    from redress.mail.incoming.bucket import MailBucket
    from redress.rehearsals.store import RehearsalStore
    from redress.scores.store.scores import ScoreStore
    from redress.staff.duty.store import DutyStore
    from redress.tickets.store.ranges import TicketRanges
    from redress.workflow.store import ReportStore


@cache
def models() -> Models:
    given = clients.settings()
    return Models(
        given.table,
        given.aws_region,
        timeout_s=given.call_timeout_s,
        listen=clients.listen,
    )


@cache
def tickets() -> TicketStore:
    return TicketStore(models(), ALSO_WRITTEN, lambda one, other: customers().is_one(one, other))


@cache
def lists() -> TicketLists:
    return TicketLists(models())


@cache
def ranges() -> TicketRanges:
    """Only functions that list tickets for staff need it, so the others do not load it."""
    from redress.tickets.store.ranges import TicketRanges

    return TicketRanges(clients.dynamodb(), clients.settings().table)


@cache
def attached() -> AttachedStore:
    return AttachedStore(models())


@cache
def opening_keys() -> OpeningKeys:
    return OpeningKeys(models())


@cache
def timers() -> TimerStore:
    return TimerStore(models())


@cache
def mail_records() -> MailRecordStore:
    return MailRecordStore(models())


@cache
def digest_records() -> MailRecordStore:
    return MailRecordStore(models(), keys.held_pk)


@cache
def digests() -> DigestStore:
    return DigestStore(models())


@cache
def changes() -> TicketChanges:
    return TicketChanges(tickets(), plans(), clients.now)


@cache
def staff() -> StaffStore:
    return StaffStore(models())


@cache
def duty() -> DutyStore:
    from redress.staff.duty.store import DutyStore

    return DutyStore(models(), staff())


@cache
def customers() -> CustomerStore:
    return CustomerStore(models())


@cache
def plan_store() -> PlanStore:
    return PlanStore(models())


@cache
def plans() -> Plans:
    return Plans(plan_store(), clients.now)


@cache
def incoming_mails() -> IncomingMailStore:
    return IncomingMailStore(models())


@cache
def addresses() -> AddressStore:
    return AddressStore(models())


@cache
def scores() -> ScoreStore:
    from redress.scores.store.scores import ScoreStore

    return ScoreStore(models())


@cache
def rehearsals() -> RehearsalStore:
    from redress.rehearsals.store import RehearsalStore

    return RehearsalStore(models())


@cache
def reports() -> ReportStore:
    from redress.workflow.store import ReportStore

    return ReportStore(models())


@cache
def mail_bucket(name: str) -> MailBucket:
    from redress.mail.incoming.bucket import MailBucket

    return MailBucket(clients.client("s3"), name)


@cache
def files_bucket(name: str) -> FilesBucket:
    from redress.files.store.bucket import FilesBucket

    return FilesBucket(clients.client("s3"), name)
