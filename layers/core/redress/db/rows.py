"""PynamoDB models of the table. Only stores use them.

Each kind of item has its own model over the same table. Three kinds of items have two writers: a
ticket's snapshot, its TIMER, and an agent's DUTY. They are changed only by update expressions with
conditions, never by `save()`. `save()` writes all attributes as they were read. So it can pass a
version check and still erase what the other writer added.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from pynamodb.attributes import (
    BooleanAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.constants import ALL_OLD, UPDATE_ITEM
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from redress.db import keys

CONNECT_S = 2.0
"""The longest time that a call waits for a connection, in seconds."""


def is_within(attribute: Any, least: int, most: int) -> Any:
    """The condition that an attribute is a number from `least` to `most`."""
    return attribute.is_type() & attribute.between(least, most)


class OwnerIndex(GlobalSecondaryIndex[Any]):
    """An agent's work list or a team's queue, by next due time.

    It also has an agent's closed tickets, the quarantine of a team, the tickets about an order,
    open invitations, the open tasks of a member or of a department's queue, and the planned calls
    of a member to customers.
    """

    class Meta:
        index_name = keys.OWNER_INDEX
        projection = KeysOnlyProjection()

    owner_pk = UnicodeAttribute(hash_key=True)
    owner_sk = UnicodeAttribute(range_key=True)


class OpenIndex(GlobalSecondaryIndex[Any]):
    """Open tickets of a team, by next due time; also tickets of a month that were opened or closed,
    quarantined mails, the open tasks of a department, the open remedies of a team, and its planned
    calls to customers."""

    class Meta:
        index_name = keys.OPEN_INDEX
        projection = KeysOnlyProjection()

    open_pk = UnicodeAttribute(hash_key=True)
    open_sk = UnicodeAttribute(range_key=True)


class AwakeIndex(GlobalSecondaryIndex[Any]):
    """Awake tickets: their workflow does not sleep until the right time yet. Also planned calls to
    customers, by when the next rung is due. The sweep reads both."""

    class Meta:
        index_name = keys.AWAKE_INDEX
        projection = KeysOnlyProjection()

    awake = UnicodeAttribute(hash_key=True)
    awake_since = UnicodeAttribute(range_key=True)


class PresentIndex(GlobalSecondaryIndex[Any]):
    """Available agents of a team, as a ring in the order of a digest of their ids. Also tickets of
    a team that are on hold, by next due time."""

    class Meta:
        index_name = keys.PRESENT_INDEX
        projection = KeysOnlyProjection()

    duty_pk = UnicodeAttribute(hash_key=True)
    duty_sk = UnicodeAttribute(range_key=True)


class ArmedAttribute(MapAttribute[str, Any]):
    """The task token of the workflow's current wait. Only calls to Step Functions may use it."""

    token = UnicodeAttribute()
    seq = NumberAttribute()
    phase = UnicodeAttribute()


class Row(Model):
    """Base of all models: the two string keys."""

    class Meta:
        table_name = ""  # `Models` makes a subclass of each model with the real name

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    damage: Exception | None = None
    """Why an attribute of the stored item cannot be decoded. `encoding.decoded` raises it."""

    @classmethod
    def from_raw_data(cls, data: dict[str, Any]) -> Self:
        """The row of a stored item.

        If an attribute has another type than the model declares, PynamoDB raises an error, and the
        whole page of items is lost. So such an item becomes a row with its keys and `damage`.
        """
        try:
            return super().from_raw_data(data)
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            row = cls(data["pk"]["S"], data["sk"]["S"])
            row.damage = error
            return row

    @classmethod
    def update_or_see(cls, pk: str, sk: str, actions: list[Any], condition: Any) -> None:
        """Update an item on a condition. If the condition fails, the failure contains the item.

        `retry.call` raises that failure as ConditionFailed. The item needs no read, so it costs no
        read unit (API reference of UpdateItem, ReturnValuesOnConditionCheckFailure). PynamoDB's own
        `update` cannot ask for the item.
        """
        connection: Any = cls._get_connection().connection
        request = connection.get_operation_kwargs(
            cls.Meta.table_name,
            pk,
            range_key=sk,
            actions=actions,
            condition=condition,
            return_values_on_condition_failure=ALL_OLD,
        )
        connection.dispatch(UPDATE_ITEM, request)


class SnapshotRow(Row):
    """TICKET#{number} / TICKET: a ticket's snapshot and its index keys."""

    class Meta:
        table_name = ""

    version = NumberAttribute()
    touched = NumberAttribute()
    state = UnicodeAttribute()
    doc = UnicodeAttribute()
    owner_pk = UnicodeAttribute(null=True)
    owner_sk = UnicodeAttribute(null=True)
    open_pk = UnicodeAttribute(null=True)
    open_sk = UnicodeAttribute(null=True)
    duty_pk = UnicodeAttribute(null=True)
    duty_sk = UnicodeAttribute(null=True)
    owner_index = OwnerIndex()
    open_index = OpenIndex()


class EventRow(Row):
    """TICKET#{number} / EVENT#{number}: one event of the history.

    The first event carries the index keys that list the ticket in the month of its opening, and
    under the customer's order. The event CLOSED carries those that list it in the month of its
    closing, and under its agent.
    """

    class Meta:
        table_name = ""

    type = UnicodeAttribute()
    doc = UnicodeAttribute()
    owner_pk = UnicodeAttribute(null=True)
    owner_sk = UnicodeAttribute(null=True)
    open_pk = UnicodeAttribute(null=True)
    open_sk = UnicodeAttribute(null=True)
    owner_index = OwnerIndex()
    open_index = OpenIndex()


class TimerRow(Row):
    """TICKET#{number} / TIMER: written by ticket changes and directly by the state machine."""

    class Meta:
        table_name = ""

    gen = NumberAttribute()
    seq = NumberAttribute()
    phase = UnicodeAttribute()
    gen_version = NumberAttribute(null=True)
    next_wake_ms = NumberAttribute(null=True)
    armed = ArmedAttribute(null=True)
    awake = UnicodeAttribute(null=True)
    awake_since = UnicodeAttribute(null=True)
    awake_index = AwakeIndex()


class TaskRow(Row):
    """TICKET#{number} / WORK#{task}: lists a task that another department has, while it is open.

    TICKET#{number} / WORK#REMEDY#{remedy} lists a remedy while somebody must decide about it or do
    it. The snapshot has the task or the remedy. The item of an ended one has only `expires`, and
    TTL removes it.
    """

    class Meta:
        table_name = ""

    owner_pk = UnicodeAttribute(null=True)
    owner_sk = UnicodeAttribute(null=True)
    open_pk = UnicodeAttribute(null=True)
    open_sk = UnicodeAttribute(null=True)
    expires = NumberAttribute(null=True)
    owner_index = OwnerIndex()
    open_index = OpenIndex()


class MailRow(Row):
    """TICKET#{number} / MAIL#{key}: the state of one outgoing mail. It prevents a second copy."""

    class Meta:
        table_name = ""

    state = UnicodeAttribute()
    claimed_until_ms = NumberAttribute(null=True)
    attempts = NumberAttribute(null=True)
    attempt = UnicodeAttribute(null=True)
    at = UnicodeAttribute()
    message_id = UnicodeAttribute(null=True)
    fault = UnicodeAttribute(null=True)


class AttachedRow(Row):
    """TICKET#{number} / FILE#{file}: one file of a ticket.

    `doc` is the file without `state`, `revision` and `event`, which conditions need as attributes.
    In `owner_index` a file is listed while it waits for its verdict.
    """

    class Meta:
        table_name = ""

    doc = UnicodeAttribute()
    state = UnicodeAttribute()
    revision = NumberAttribute()
    event = NumberAttribute(null=True)
    owner_pk = UnicodeAttribute(null=True)
    owner_sk = UnicodeAttribute(null=True)
    owner_index = OwnerIndex()


class ReturnedRow(Row):
    """RETURNED#{file} / RETURNED: the customer has come back from the upload of this file."""

    class Meta:
        table_name = ""

    expires = NumberAttribute()


class FileRow(MailRow):
    """Any item of a ticket whose sort key lies between those of its first event and its viewers.

    These are events, files, mail records, the snapshot, and the members who view the ticket.
    `TicketStore.file` reads them in one query.
    """

    class Meta:
        table_name = ""

    doc = UnicodeAttribute(null=True)
    revision = NumberAttribute(null=True)
    event = NumberAttribute(null=True)
    name = UnicodeAttribute(null=True)
    doing = UnicodeAttribute(null=True)
    since = UnicodeAttribute(null=True)
    expires = NumberAttribute(null=True)


class ViewerRow(Row):
    """TICKET#{number} / TICKET#{id}: a member of staff views or writes the ticket until `expires`.

    TTL removes the item some time later.
    """

    class Meta:
        table_name = ""

    name = UnicodeAttribute()
    doing = UnicodeAttribute()
    since = UnicodeAttribute()
    expires = NumberAttribute()


class IncomingMailRow(Row):
    """ARRIVAL#{identity} / ARRIVAL: the outcome of an incoming mail.

    Quarantined mails carry keys of two indexes. The open index lists all of them, the owner index
    those of each team.
    """

    class Meta:
        table_name = ""

    state = UnicodeAttribute()
    doc = UnicodeAttribute()
    expires = NumberAttribute()
    owner_pk = UnicodeAttribute(null=True)
    owner_sk = UnicodeAttribute(null=True)
    open_pk = UnicodeAttribute(null=True)
    open_sk = UnicodeAttribute(null=True)
    owner_index = OwnerIndex()
    open_index = OpenIndex()


class MailObjectRow(Row):
    """OBJECT#{digest} / OBJECT: the identity of the mail that an object of the bucket holds."""

    class Meta:
        table_name = ""

    identity = UnicodeAttribute()
    expires = NumberAttribute()


class ThreadRow(Row):
    """THREAD#{digest} / THREAD: the ticket that an earlier mail belongs to.

    The digest is that of the mail's Message-ID and sender.
    """

    class Meta:
        table_name = ""

    number = UnicodeAttribute()
    expires = NumberAttribute()


class CopiesRow(Row):
    """COPIES#{digest} / COPIES: content digests of the mails with one sender, Message-ID and date.

    Every write increases `revision`, on the condition that it has not changed since it was read.
    """

    class Meta:
        table_name = ""

    doc = UnicodeAttribute()
    revision = NumberAttribute()
    expires = NumberAttribute()


class AddressRow(Row):
    """ADDRESS#{digest} / ADDRESS: when mail to the address was returned, and with which status;
    or when mail came from the address; or when staff allowed mail to it again.

    ADDRESS#{digest} / SURVEYS uses only `refused_at`: when its reader refused further surveys.
    """

    class Meta:
        table_name = ""

    returned_at = UnicodeAttribute(null=True)
    status = UnicodeAttribute(null=True)
    wrote_at = UnicodeAttribute(null=True)
    cleared_at = UnicodeAttribute(null=True)
    refused_at = UnicodeAttribute(null=True)


class CountRow(Row):
    """COUNT#{what}#{hour} / COUNT: how many mails were accepted in an hour.

    `what` is their sender or their ticket. AGENT#{id} / DECLINES#{day}: how many tickets a member
    declined on a day.
    """

    class Meta:
        table_name = ""

    n = NumberAttribute(default=0)
    expires = NumberAttribute(null=True)


class MemberRow(Row):
    """STAFF / AGENT#{id}: a member of staff, with their role and team.

    An item of an earlier version has only `doc`. The owner index lists the others by team.
    """

    class Meta:
        table_name = ""

    doc = UnicodeAttribute()
    revision = NumberAttribute(null=True)
    owner_pk = UnicodeAttribute(null=True)
    owner_sk = UnicodeAttribute(null=True)
    owner_index = OwnerIndex()


class InvitationRow(Row):
    """INVITATION#{digest} / INVITATION: an invitation to the staff.

    `invited_ms` is when it was made, in milliseconds since 1970. It tells an invitation from the
    one that replaced it. `agent` is the member that it has become. `withdrawn` is present if a
    leader has withdrawn it. `owner_pk` and `owner_sk` list an invitation that is neither.
    """

    class Meta:
        table_name = ""

    doc = UnicodeAttribute()
    invited_ms = NumberAttribute()
    agent = UnicodeAttribute(null=True)
    withdrawn = NumberAttribute(null=True)
    expires = NumberAttribute()
    owner_pk = UnicodeAttribute(null=True)
    owner_sk = UnicodeAttribute(null=True)
    owner_index = OwnerIndex()


class AvailabilityRow(Row):
    """AGENT#{id} / DUTY: presence and load of an agent.

    Presence calls, changes of the member, assignments and releases of tickets change it.
    The owner index has members who are online, and those who went and may have tickets.
    `member_revision` is the revision of the member whose team and capacity it has. `skills` is a
    JSON object. `withdrawn` is set to the team while the agent is available but not in the ring of
    their team, because they were full. `conversations` are the numbers of the tickets whose live
    conversations `live` counts. Each text of `working` is an ISO interval, such as
    `2026-12-01T01:00:00.000+00:00/2026-12-01T05:00:00.000+00:00`.
    """

    class Meta:
        table_name = ""

    team = UnicodeAttribute()
    languages = ListAttribute(of=UnicodeAttribute)
    presence = UnicodeAttribute()
    since = UnicodeAttribute()
    capacity = NumberAttribute()
    load = NumberAttribute()
    last_assigned = UnicodeAttribute()
    claim_key = UnicodeAttribute(null=True)
    claimed = UnicodeAttribute(null=True)
    member_revision = NumberAttribute(null=True)
    live = NumberAttribute(null=True)
    conversations = UnicodeSetAttribute(null=True)
    reserve = BooleanAttribute(null=True)
    skills = UnicodeAttribute(null=True)
    working = ListAttribute(of=UnicodeAttribute, null=True)
    is_agent = BooleanAttribute(null=True)
    withdrawn = UnicodeAttribute(null=True)
    duty_pk = UnicodeAttribute(null=True)
    duty_sk = UnicodeAttribute(null=True)
    owner_pk = UnicodeAttribute(null=True)
    owner_sk = UnicodeAttribute(null=True)
    present_index = PresentIndex()
    owner_index = OwnerIndex()


class BeatRow(Row):
    """AGENT#{id} / BEAT: the client of a member was open `at`.

    It is no part of DUTY, because a beat would hold up assignments and start the stream's readers.
    """

    class Meta:
        table_name = ""

    at = UnicodeAttribute()
    expires = NumberAttribute()


class OnlineRow(Row):
    """AGENT#{id} / ONLINE#{day}: the periods of a day in UTC in which a member was online.

    Each text is an ISO interval and a presence: `2026-12-01T01:00:00.000+00:00/.../available`. A
    period over midnight is in both days. The last period is added when it ends.
    """

    class Meta:
        table_name = ""

    periods = ListAttribute(of=UnicodeAttribute)
    expires = NumberAttribute()


class CallRow(Row):
    """TEAM#{team} / CALL: since when reserve staff of a team are called.

    The call is over when at most `until` tickets wait. `over` says that it is.
    """

    class Meta:
        table_name = ""

    since = UnicodeAttribute()
    until = NumberAttribute()
    over = BooleanAttribute(null=True)


class AboutRow(Row):
    """AGENT#{id} / ABOUT#{number}: this member of staff may not see the ticket.

    KEPT#{role}#{team} / ABOUT#{number}: nobody of this role in this team may see it, and no
    supervisor who led the team when the ticket was `opened` or later. If they may see it since, the
    item has `expires`, and TTL removes it. Until then it counts as removed.
    """

    class Meta:
        table_name = ""

    opened = UnicodeAttribute(null=True)
    expires = NumberAttribute(null=True)


class MentionRow(Row):
    """AGENT#{id} / MENTION#{number}: a note on the ticket mentions this member of staff.

    `event` is the number of the last such note, and `at` its time. If the mention has ended, the
    item has only `expires`, and TTL removes it.
    """

    class Meta:
        table_name = ""

    at = UnicodeAttribute(null=True)
    event = NumberAttribute(null=True)
    expires = NumberAttribute(null=True)


class ReminderRow(Row):
    """AGENT#{id} / REMINDER#{at}#{number}#{event}: a leader reminded this member of their ticket.

    The words are in the event. TTL removes the item at `expires`.
    """

    class Meta:
        table_name = ""

    expires = NumberAttribute(null=True)


class FactRow(Row):
    """FACTS#{agent}#{period} / {number}#{round}: score facts, encoded by `scores.store.facts`.

    Each attribute is one fact. A write sets only the attributes of its own facts.
    """

    class Meta:
        table_name = ""

    reaction = UnicodeAttribute(null=True, attr_name="re")
    first_response = UnicodeAttribute(null=True, attr_name="fr")
    answered = UnicodeAttribute(null=True, attr_name="an")
    resolution = UnicodeAttribute(null=True, attr_name="rn")
    resolved = UnicodeAttribute(null=True, attr_name="rd")
    survey = UnicodeAttribute(null=True, attr_name="su")


class LateFactsRow(Row):
    """FACTS#LATE#{period} / AGENT#{agent}: how many facts of a month came after its end.

    `since` is when the first of them came. A scoring run that has counted them sets `late` to 0 and
    removes `since`. `seq` grows by 1 with each write that counts some, and is never reset. So a run
    knows whether others came after it read the item, although `late` has the same value again.
    """

    class Meta:
        table_name = ""

    late = NumberAttribute()
    since = UnicodeAttribute(null=True)
    seq = NumberAttribute(null=True)


class ProfileRow(Row):
    """CUSTOMER#{id} / PROFILE: the profile of a customer.

    The open index lists profiles by type, the owner index the doubtful ones by team. A profile that
    was merged into another one is in neither.
    """

    class Meta:
        table_name = ""

    doc = UnicodeAttribute()
    revision = NumberAttribute()
    owner_pk = UnicodeAttribute(null=True)
    owner_sk = UnicodeAttribute(null=True)
    open_pk = UnicodeAttribute(null=True)
    open_sk = UnicodeAttribute(null=True)
    owner_index = OwnerIndex()
    open_index = OpenIndex()


class ContactRow(Row):
    """CONTACT#{digest} / CONTACT: whose contact point it is. `doc` is a card of that customer.

    If it was removed from a profile, the item has only `expires`, and TTL removes it.
    """

    class Meta:
        table_name = ""

    customer = UnicodeAttribute(null=True)
    doc = UnicodeAttribute(null=True)
    expires = NumberAttribute(null=True)


class CustomerListingRow(Row):
    """CUSTOMER#{id} / NEED#{need} or COMPANY: lists the customer by a need or by the company.

    If the customer is not in this list any more, the item has only `expires`, and TTL removes it.
    """

    class Meta:
        table_name = ""

    open_pk = UnicodeAttribute(null=True)
    open_sk = UnicodeAttribute(null=True)
    expires = NumberAttribute(null=True)
    open_index = OpenIndex()


class RelationshipCallRow(Row):
    """CUSTOMER#{id} / RELATIONSHIP_CALL: lists the planned call to a customer, whom no ticket asks
    to call.

    The open index lists it for the team, the owner index for the member who owns it, and the awake
    index for the sweep. If no call is planned any more, the item has only `expires`.
    """

    class Meta:
        table_name = ""

    owner_pk = UnicodeAttribute(null=True)
    owner_sk = UnicodeAttribute(null=True)
    open_pk = UnicodeAttribute(null=True)
    open_sk = UnicodeAttribute(null=True)
    awake = UnicodeAttribute(null=True)
    awake_since = UnicodeAttribute(null=True)
    expires = NumberAttribute(null=True)
    owner_index = OwnerIndex()
    open_index = OpenIndex()
    awake_index = AwakeIndex()


class DocRow(Row):
    """An item that is always written and read as one document.

    Examples are scorecards, ratings, plan versions, reports and parts of rehearsals.
    """

    class Meta:
        table_name = ""

    doc = UnicodeAttribute()
    revision = NumberAttribute(null=True)


class IncidentRow(Row):
    """INCIDENT#{id} / INCIDENT, CHANGE#, WORD#, CASE# or OWNERS: an incident and what it has.

    INCIDENT is the snapshot (`doc`), with the number of its tickets (`cases`) and their languages,
    which the transactions of the tickets change. So it is changed by update expressions only.
    `reminded` says that its leaders were told that it is open for long. A case has no attribute; if
    the ticket left, it has `expires`, and TTL removes it. So has OWNERS when they were told.
    """

    class Meta:
        table_name = ""

    doc = UnicodeAttribute(null=True)
    revision = NumberAttribute(null=True)
    state = UnicodeAttribute(null=True)
    cases = NumberAttribute(null=True)
    languages = UnicodeSetAttribute(null=True)
    reminded = NumberAttribute(null=True)
    expires = NumberAttribute(null=True)
    open_pk = UnicodeAttribute(null=True)
    open_sk = UnicodeAttribute(null=True)
    open_index = OpenIndex()


class ConnectorRow(Row):
    """CONNECTOR#{id} / ATTEMPT#, DELIVERY#, SAID#, CONVERSATION#, CALL#, CALLER# or NONCE#.

    It is what a connector did.

    `number` is the ticket of a conversation. It has `unproven` if staff began the conversation by
    writing to a phone number. A nonce has no attribute but `expires`.
    """

    class Meta:
        table_name = ""

    doc = UnicodeAttribute(null=True)
    number = UnicodeAttribute(null=True)
    unproven = BooleanAttribute(null=True)
    expires = NumberAttribute(null=True)


class OpeningKeyRow(Row):
    """KEY#{digest} / KEY: the ticket that a request with an Idempotency-Key opened."""

    class Meta:
        table_name = ""

    fingerprint = UnicodeAttribute()
    number = UnicodeAttribute()
    answer = UnicodeAttribute()
    expires = NumberAttribute()


class JobRow(Row):
    """REHEARSAL#{job} / JOB: the description (`doc`) and progress of a rehearsal or a move."""

    class Meta:
        table_name = ""

    doc = UnicodeAttribute()
    state = UnicodeAttribute()
    parts = NumberAttribute(null=True)
    listed = NumberAttribute(null=True)
    done = NumberAttribute(null=True)
    updated = UnicodeAttribute()
    fault = UnicodeAttribute(null=True)


class Schema(Row):
    """The keys of the table and of all its indexes, which the shared connection must know."""

    class Meta:
        table_name = ""

    owner_index = OwnerIndex()
    open_index = OpenIndex()
    awake_index = AwakeIndex()
    present_index = PresentIndex()


class Models:
    """All models, bound to one table. One process may use several tables, as tests do.

    The models share one connection. Otherwise PynamoDB would create a client for each model, and
    each client would lengthen the cold start.
    """

    def __init__(
        self,
        table: str,
        region: str,
        host: str | None = None,
        timeout_s: float = 8,
        listen: Callable[[Any], None] | None = None,
    ) -> None:
        """A call waits `timeout_s` seconds for its answer. PynamoDB's default is longer than the
        timeout of a function. PynamoDB does not retry; `redress.db.retry.call` does.

        `listen` gets the botocore session of the connection before its client is created."""
        settings = {
            "table_name": table,
            "region": region,
            "host": host,
            "connect_timeout_seconds": min(CONNECT_S, timeout_s),
            "read_timeout_seconds": timeout_s,
            "max_retry_attempts": 0,
        }
        meta = type("Meta", (), settings)
        schema: Any = type("Schema", (Schema,), {"Meta": meta})
        shared = schema._get_connection()

        def bound[M: type[Row]](model: M) -> M:
            return type(model.__name__, (model,), {"Meta": meta, "_connection": shared})  # type: ignore[return-value]

        self.row = bound(Row)
        self.snapshot = bound(SnapshotRow)
        self.event = bound(EventRow)
        self.timer = bound(TimerRow)
        self.task = bound(TaskRow)
        self.mail = bound(MailRow)
        self.file = bound(FileRow)
        self.viewer = bound(ViewerRow)
        self.attached = bound(AttachedRow)
        self.returned = bound(ReturnedRow)
        self.incoming_mail = bound(IncomingMailRow)
        self.mail_object = bound(MailObjectRow)
        self.thread = bound(ThreadRow)
        self.copies = bound(CopiesRow)
        self.address = bound(AddressRow)
        self.count = bound(CountRow)
        self.member = bound(MemberRow)
        self.invitation = bound(InvitationRow)
        self.availability = bound(AvailabilityRow)
        self.beat = bound(BeatRow)
        self.online = bound(OnlineRow)
        self.call = bound(CallRow)
        self.about = bound(AboutRow)
        self.mention = bound(MentionRow)
        self.reminder = bound(ReminderRow)
        self.fact = bound(FactRow)
        self.late_facts = bound(LateFactsRow)
        self.profile = bound(ProfileRow)
        self.contact = bound(ContactRow)
        self.customer_listing = bound(CustomerListingRow)
        self.relationship_call = bound(RelationshipCallRow)
        self.doc = bound(DocRow)
        self.incident = bound(IncidentRow)
        self.connector = bound(ConnectorRow)
        self.opening_key = bound(OpeningKeyRow)
        self.job = bound(JobRow)
        self.connection = shared.connection
        if listen is not None:
            listen(self.connection.session)
