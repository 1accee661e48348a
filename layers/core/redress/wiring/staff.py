"""The function `staff`: the API of agents, supervisors and managers."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from redress.base.errors import NotFound, Unreadable
from redress.base.settings import Settings
from redress.wiring import clients

if TYPE_CHECKING:
    from redress.connectors.cases.attempts import AttemptCases
    from redress.connectors.cases.calling import CallingCases
    from redress.connectors.cases.calls import CallCases
    from redress.connectors.cases.managing import ManagingCases
    from redress.connectors.cases.reporting import ReportingCases
    from redress.connectors.cases.taking import MessageCases
    from redress.connectors.store.connectors import ConnectorStore
    from redress.customers.cases.profiles import CustomerCases
    from redress.customers.cases.relationship import RelationshipCases
    from redress.customers.cases.resolving import ResolvingCase
    from redress.files.cases.accepting import AcceptingCase
    from redress.files.cases.reading import StaffFiles
    from redress.files.cases.recordings import RecordingCases
    from redress.files.cases.referring import ReferringCase
    from redress.incidents.cases import IncidentCases
    from redress.inspections.cases import InspectionCases
    from redress.mail.incoming.cases.checking import CheckedMails
    from redress.mail.incoming.cases.quarantine import QuarantineCases
    from redress.mail.incoming.cases.watching import HeldWorkCase
    from redress.mail.outgoing.cases.clearing import ReturnedAddresses
    from redress.plans.cases import PlanCases
    from redress.plans.rules.plan import Plan
    from redress.rehearsals.cases import RehearsalCases
    from redress.scores.cases.cards import ScoringCases
    from redress.search.cases.searching import SearchCase, WordIndex
    from redress.staff.accounts import UserPool
    from redress.staff.cases.about import AboutCase
    from redress.staff.cases.accused import AccusedCase
    from redress.staff.cases.acting import ActingCase
    from redress.staff.cases.board import BoardCase
    from redress.staff.cases.bulk import BulkCases
    from redress.staff.cases.claiming import ClaimingCase
    from redress.staff.cases.directory import Directory
    from redress.staff.cases.macros import MacroCases
    from redress.staff.cases.members import MemberCases
    from redress.staff.cases.mentions import MentionCases
    from redress.staff.cases.opening import OpeningCase
    from redress.staff.cases.post_mortems import PostMortemCases
    from redress.staff.cases.presence import PresenceCases
    from redress.staff.cases.reassignment import ReassignmentCase
    from redress.staff.cases.remedies import RemedyCases
    from redress.staff.cases.reminders import ReminderCases
    from redress.staff.cases.shifts import ShiftCases
    from redress.staff.cases.signing_in import SignInCase
    from redress.staff.cases.tasks import TaskCases
    from redress.staff.rules.members import Invitation
    from redress.tickets.cases.feed import FeedCase
    from redress.tickets.cases.linking import LinkCases
    from redress.tickets.cases.listing import ListCases
    from redress.tickets.cases.merging import MergeCases
    from redress.tickets.cases.splitting import SplitCases
    from redress.tickets.cases.staff import StaffCases
    from redress.tickets.cases.texts import TextCases
    from redress.tickets.cases.viewing import ViewingCase
    from redress.tickets.rules.ticket import Ticket
    from redress.workflow.cases.reports import ReportCases


class StaffSettings(Settings, frozen=True, kw_only=True):
    scores_machine_arn: str
    rehearsal_machine_arn: str
    mail_bucket: str
    inbound_queue_url: str
    sender_address: str = ""
    mail_domain: str = ""
    user_pool_id: str = ""
    """Empty if another issuer than the stack's own user pool signs staff in."""
    staff_issuer: str = ""
    search_bucket: str = ""
    """Empty if the stack has no index of words."""
    staff_audience: str = ""
    """Empty if the stack's own user pool signs staff in."""
    role_claim: str = "cognito:groups"
    team_claim: str = "custom:team"
    languages_claim: str = "custom:languages"
    capacity_claim: str = "custom:capacity"
    changes_feed: str = ""
    """Identifies the time for which the feed of changes has been on. Empty if it is off."""
    files_bucket: str = ""
    recordings_bucket: str = ""
    """Empty if the telephone system keeps no recordings in a bucket."""
    recordings_prefix: str = ""
    checker_function: str = ""
    """Empty if files are switched off."""
    link_key_secret: str


@cache
def settings() -> StaffSettings:
    return clients.read(StaffSettings)


def is_ours(address: str, plan: Plan) -> bool:
    """Whether mail to this address comes to Redress."""
    from redress.mail.incoming.rules import decision

    given = settings()
    return decision.comes_to_us(address, plan.mail, given.sender_address, given.mail_domain)


@cache
def returned_addresses() -> ReturnedAddresses:
    from redress.mail.outgoing.cases.clearing import ReturnedAddresses
    from redress.wiring import stores

    return ReturnedAddresses(stores.changes(), stores.addresses())


def plan_of(ticket: Ticket) -> Plan | None:
    """The plan of a ticket; None if it cannot be read. The rest of the ticket is still shown."""
    from redress.wiring import stores

    try:
        return stores.plans().get(ticket.plan_version)
    except Unreadable:
        return None


def now() -> datetime:
    return clients.now()


@cache
def staff_cases() -> StaffCases:
    from redress.customers.cases.identity import IdentityCase
    from redress.tickets.cases.staff import StaffCases
    from redress.wiring import stores

    return StaffCases(
        stores.tickets(),
        stores.lists(),
        stores.changes(),
        stores.plans(),
        clients.now,
        is_ours,
        IdentityCase(stores.customers()).require,
    )


@cache
def text_cases() -> TextCases:
    from redress.tickets.cases.texts import TextCases
    from redress.wiring import stores

    return TextCases(stores.tickets(), stores.plans(), clients.now)


@cache
def list_cases() -> ListCases:
    from redress.tickets.cases.listing import ListCases
    from redress.wiring import stores

    kept, profiles = stores.staff().kept_from, stores.customers().ids_of
    return ListCases(stores.ranges(), stores.plans(), kept, profiles, clients.now)


@cache
def linking() -> LinkCases:
    from redress.tickets.cases.linking import LinkCases
    from redress.wiring import stores

    return LinkCases(stores.tickets(), stores.changes(), staff_cases())


@cache
def merging() -> MergeCases:
    from redress.tickets.cases.merging import MergeCases
    from redress.wiring import stores

    return MergeCases(
        stores.tickets(),
        stores.plans(),
        stores.changes(),
        staff_cases(),
        linking(),
        _profile_of,
        stores.staff().named,
    )


@cache
def splitting() -> SplitCases:
    from redress.staff.cases.names import StaffNames
    from redress.tickets.cases.splitting import SplitCases
    from redress.wiring import stores

    return SplitCases(
        stores.tickets(),
        stores.plans(),
        stores.changes(),
        stores.opening_keys(),
        staff_cases(),
        linking(),
        _profile_of,
        StaffNames(stores.staff()).named_in,
    )


def _profile_of(customer: str) -> str | None:
    """The id of the profile into which this one was merged, or its own; None if there is none."""
    from redress.wiring import stores

    try:
        return stores.customers().current(customer).id
    except NotFound:
        return None


@cache
def feed() -> FeedCase:
    from redress.tickets.cases.feed import FeedCase
    from redress.tickets.store.feed import FeedStore
    from redress.wiring import stores

    given = settings()
    store = FeedStore(clients.dynamodb(), given.table, clients.now)
    ended = stores.staff().ended_mentions_of
    return FeedCase(store, stores.ranges(), given.changes_feed, ended, clients.now)


@cache
def claiming() -> ClaimingCase:
    from redress.staff.cases.claiming import ClaimingCase
    from redress.wiring import assigner, stores

    assignment = assigner.assignment()
    return ClaimingCase(
        assignment,
        stores.ranges(),
        stores.tickets(),
        stores.staff(),
        stores.plans(),
        clients.now,
    )


@cache
def opening() -> OpeningCase:
    from redress.staff.cases.names import StaffNames
    from redress.staff.cases.opening import OpeningCase
    from redress.wiring import stores

    return OpeningCase(
        stores.tickets(),
        stores.changes(),
        stores.opening_keys(),
        stores.plans(),
        stores.staff(),
        StaffNames(stores.staff()),
        clients.now,
    )


@cache
def customers() -> CustomerCases:
    from redress.customers.cases.profiles import CustomerCases
    from redress.tickets.cases.parting import PartingCases
    from redress.wiring import stores

    return CustomerCases(
        stores.customers(),
        stores.tickets(),
        staff_cases(),
        PartingCases(stores.tickets(), stores.changes()),
        stores.plans(),
        clients.now,
    )


@cache
def relationship() -> RelationshipCases:
    from redress.customers.cases.relationship import RelationshipCases
    from redress.wiring import stores

    return RelationshipCases(
        stores.customers(), stores.tickets(), stores.staff().member, clients.now
    )


@cache
def presence() -> PresenceCases:
    from redress.staff.cases.presence import PresenceCases
    from redress.wiring import stores

    return PresenceCases(
        stores.staff(), stores.duty(), stores.plans(), stores.tickets(), clients.now
    )


@cache
def shifts() -> ShiftCases:
    from redress.staff.cases.shifts import ShiftCases
    from redress.wiring import stores

    return ShiftCases(stores.staff(), stores.duty(), stores.plans(), clients.now)


@cache
def mentions() -> MentionCases:
    from redress.staff.cases.mentions import MentionCases
    from redress.wiring import stores

    return MentionCases(stores.staff(), stores.tickets())


@cache
def inspections() -> InspectionCases:
    from redress.inspections.cases import InspectionCases
    from redress.inspections.store import InspectionStore
    from redress.wiring import stores

    return InspectionCases(
        InspectionStore(stores.models()),
        stores.staff(),
        stores.tickets(),
        stores.ranges(),
        stores.plans(),
        clients.now,
    )


@cache
def reminders() -> ReminderCases:
    from redress.staff.cases.reminders import ReminderCases
    from redress.wiring import stores

    return ReminderCases(stores.staff(), stores.tickets(), stores.changes())


@cache
def viewing() -> ViewingCase:
    from redress.tickets.cases.viewing import ViewingCase
    from redress.tickets.store.viewers import ViewerStore
    from redress.wiring import stores

    return ViewingCase(ViewerStore(stores.models()), clients.now)


@cache
def sign_in() -> SignInCase:
    from redress.staff.cases.signing_in import SignInCase
    from redress.wiring import stores

    return SignInCase(stores.staff(), lambda one: accused().keep_from_leaders(one), clients.now)


@cache
def accused() -> AccusedCase:
    from redress.staff.cases.accused import AccusedCase
    from redress.wiring import stores

    return AccusedCase(stores.staff(), stores.changes())


@cache
def members() -> MemberCases:
    from redress.staff.cases.members import MemberCases
    from redress.tickets.store.tasks import TaskLists
    from redress.wiring import stores

    return MemberCases(
        stores.staff(),
        stores.lists(),
        stores.changes(),
        TaskLists(stores.models()),
        accused(),
        accounts(),
        clients.now,
        clients.pause,
    )


def accounts() -> UserPool | None:
    """The accounts of staff in the stack's user pool; None if another issuer signs staff in."""
    from redress.staff.accounts import UserPool

    pool = settings().user_pool_id
    return UserPool(lambda: clients.client("cognito-idp", retries=0), pool) if pool else None


def claims_of(invitation: Invitation) -> dict[str, str]:
    """The claims that another issuer must put into the token of an invited person.

    With `email_verified`, the address is enough, and the claims after it may be missing.
    """
    given, profile = settings(), invitation.profile
    return {
        "email": invitation.email,
        "email_verified": "true",
        "name": profile.name,
        given.role_claim: profile.role.value,
        given.team_claim: profile.team,
        given.languages_claim: ",".join(profile.languages),
        given.capacity_claim: str(profile.capacity),
    }


@cache
def directory() -> Directory:
    from redress.staff.cases.directory import Directory
    from redress.wiring import stores

    return Directory(stores.staff(), stores.tickets())


@cache
def board() -> BoardCase:
    from redress.staff.cases.board import BoardCase
    from redress.wiring import stores

    return BoardCase(
        stores.tickets(),
        stores.lists(),
        stores.staff(),
        stores.duty(),
        stores.ranges(),
        stores.plans(),
        clients.now,
    )


@cache
def held_work() -> HeldWorkCase:
    from redress.mail.incoming.cases.watching import HeldWorkCase
    from redress.wiring import stores

    return HeldWorkCase(stores.incoming_mails(), stores.plans(), clients.now)


@cache
def resolving() -> ResolvingCase:
    from redress.customers.cases.resolving import ResolvingCase
    from redress.wiring import stores

    return ResolvingCase(stores.customers())


@cache
def tasks() -> TaskCases:
    from redress.customers.cases.identity import IdentityCase
    from redress.staff.cases.tasks import TaskCases
    from redress.tickets.store.tasks import TaskLists
    from redress.wiring import stores

    return TaskCases(
        stores.staff(),
        stores.tickets(),
        TaskLists(stores.models()),
        stores.changes(),
        IdentityCase(stores.customers()).require,
    )


@cache
def remedies() -> RemedyCases:
    from redress.staff.cases.remedies import RemedyCases
    from redress.tickets.store.remedies import RemedyLists
    from redress.wiring import stores

    lists = RemedyLists(stores.models())
    return RemedyCases(stores.tickets(), lists, stores.attached(), stores.staff())


@cache
def post_mortems() -> PostMortemCases:
    from redress.staff.cases.post_mortems import PostMortemCases
    from redress.wiring import stores

    return PostMortemCases(stores.staff())


@cache
def reassignment() -> ReassignmentCase:
    from redress.staff.cases.reassignment import ReassignmentCase
    from redress.wiring import stores

    return ReassignmentCase(stores.staff())


@cache
def acting() -> ActingCase:
    from redress.staff.cases.acting import ActingCase

    # Most bulks have no incident, so its package is loaded late.
    return ActingCase(
        resolving(), reassignment(), lambda incident, why: incidents().joining(incident, why)
    )


@cache
def incidents() -> IncidentCases:
    from redress.incidents.cases import DeliveryCase, IncidentCases
    from redress.incidents.store import IncidentStore
    from redress.wiring import stores

    store = IncidentStore(stores.models())
    return IncidentCases(
        store,
        stores.staff(),
        stores.tickets(),
        stores.plans(),
        DeliveryCase(store, stores.changes(), stores.staff(), clients.now),
        clients.now,
    )


@cache
def macros() -> MacroCases:
    from redress.staff.cases.macros import MacroCases
    from redress.wiring import stores

    return MacroCases(staff_cases(), acting(), stores.plans())


@cache
def bulk() -> BulkCases:
    from redress.staff.cases.bulk import BulkCases
    from redress.wiring import stores

    return BulkCases(staff_cases(), acting(), macros(), stores.tickets(), stores.ranges())


@cache
def about() -> AboutCase:
    from redress.staff.cases.about import AboutCase
    from redress.wiring import stores

    return AboutCase(stores.staff())


@cache
def plan_cases() -> PlanCases:
    from redress.plans.cases import PlanCases
    from redress.wiring import stores

    return PlanCases(stores.plan_store(), stores.plans(), clients.now)


@cache
def scoring_cases() -> ScoringCases:
    from redress.scores.cases.cards import ScoringCases
    from redress.wiring import stores

    return ScoringCases(
        stores.scores(),
        stores.staff(),
        stores.tickets(),
        stores.plans(),
        lambda: clients.client("stepfunctions", retries=0),
        settings().scores_machine_arn,
        clients.now,
    )


@cache
def rehearsal_cases() -> RehearsalCases:
    from redress.rehearsals.cases import RehearsalCases
    from redress.wiring import stores

    return RehearsalCases(
        stores.rehearsals(),
        stores.plans(),
        stores.staff(),
        lambda: clients.client("stepfunctions", retries=0),
        settings().rehearsal_machine_arn,
        clients.now,
    )


@cache
def report_cases() -> ReportCases:
    from redress.wiring import stores
    from redress.workflow.cases.reports import ReportCases

    return ReportCases(stores.reports(), stores.plans(), stores.staff())


@cache
def quarantine() -> QuarantineCases:
    from redress.mail.incoming.cases.quarantine import QuarantineCases
    from redress.wiring import stores

    given = settings()
    return QuarantineCases(
        stores.incoming_mails(),
        staff_cases(),
        stores.staff().kept_from,
        stores.plans(),
        stores.mail_bucket(given.mail_bucket),
        clients.client("sqs", retries=0),
        given.inbound_queue_url,
        clients.now,
        checked_mails(),
    )


def checked_mails() -> CheckedMails | None:
    """The links to mails that were checked; None if files are switched off."""
    from redress.files import messages
    from redress.mail.incoming.cases.checking import CheckedMails
    from redress.wiring import stores

    given = settings()
    if not given.files_bucket:
        return None

    def ask(message: messages.Mailed) -> None:
        clients.client("lambda").invoke(
            FunctionName=given.checker_function,
            InvocationType="Event",
            Payload=messages.encode(message),
        )

    bucket = stores.files_bucket(given.files_bucket)
    return CheckedMails(stores.attached(), bucket, ask, clients.now)


@cache
def connector_store() -> ConnectorStore:
    from redress.connectors.store.connectors import ConnectorStore
    from redress.wiring import stores

    return ConnectorStore(stores.models())


@cache
def connectors() -> ManagingCases:
    from redress.connectors.cases.managing import ManagingCases
    from redress.wiring import stores

    secrets = clients.link_keys(settings().link_key_secret)
    return ManagingCases(connector_store(), secrets, stores.staff().has_team, clients.now)


@cache
def calling() -> CallingCases:
    from redress.connectors.cases.calling import CallingCases

    secrets = clients.link_keys(settings().link_key_secret)
    return CallingCases(connector_store(), secrets, clients.now)


@cache
def attempts() -> AttemptCases:
    from redress.connectors.cases.attempts import AttemptCases

    return AttemptCases(connector_store(), clients.now, _tell_of_lost_attempt)


def _tell_of_lost_attempt(error: Exception) -> None:
    from redress.base import observe

    observe.logger("staff").warning("attempt not recorded", extra=observe.fault_of(error))


@cache
def connector_messages() -> MessageCases:
    from redress.connectors.cases.taking import MessageCases
    from redress.connectors.store.calls import CallStore
    from redress.connectors.store.taken import MessageStore
    from redress.wiring import stores

    return MessageCases(
        MessageStore(stores.models()),
        CallStore(stores.models()),
        stores.tickets(),
        stores.changes(),
        stores.plans(),
        clients.links(settings().link_key_secret),
        clients.now,
    )


@cache
def connector_receipts() -> ReportingCases:
    from redress.connectors.cases.reporting import ReportingCases
    from redress.wiring import stores

    return ReportingCases(stores.tickets(), stores.changes())


@cache
def connector_calls() -> CallCases:
    from redress.connectors.cases.calls import CallCases
    from redress.connectors.store.calls import CallStore
    from redress.wiring import stores

    return CallCases(
        CallStore(stores.models()),
        stores.tickets(),
        stores.changes(),
        stores.plans(),
        stores.customers(),
        stores.staff().known_as,
        clients.now,
    )


@cache
def files() -> StaffFiles:
    """What staff do with files. Raises NotFound if files are switched off."""
    from redress.files.cases.reading import StaffFiles
    from redress.wiring import stores

    if not (bucket := settings().files_bucket):
        raise NotFound("files are switched off")
    return StaffFiles(
        stores.tickets(),
        stores.attached(),
        stores.plans(),
        stores.files_bucket(bucket),
        stores.changes(),
        clients.now,
    )


@cache
def recordings() -> RecordingCases:
    from redress.files.cases.recordings import RecordingCases
    from redress.files.store.recordings import HeardStore, RecordingsBucket
    from redress.wiring import stores

    given = settings()
    bucket = RecordingsBucket(
        clients.client("s3"), given.recordings_bucket, given.recordings_prefix
    )
    return RecordingCases(stores.tickets(), HeardStore(stores.models()), bucket, clients.now)


@cache
def referring() -> ReferringCase:
    from redress.files.cases.referring import ReferringCase
    from redress.wiring import stores

    return ReferringCase(stores.attached())


@cache
def accepting() -> AcceptingCase:
    from redress.files.cases.accepting import AcceptingCase
    from redress.wiring import stores

    return AcceptingCase(stores.tickets(), stores.attached())


@cache
def search() -> SearchCase:
    from redress.search.cases.searching import SearchCase
    from redress.wiring import stores

    return SearchCase(
        stores.tickets(),
        stores.lists(),
        stores.customers(),
        stores.plans(),
        _word_index(),
    )


def _word_index() -> WordIndex | None:
    """The index of words; None if the stack has none."""
    from redress.search.cases.searching import WordIndex
    from redress.search.store.bucket import SearchBucket
    from redress.search.store.files import SegmentFiles

    if not (name := settings().search_bucket):
        return None
    bucket = SearchBucket(clients.client("s3"), name)
    return WordIndex(bucket, SegmentFiles(bucket), clients.now)
