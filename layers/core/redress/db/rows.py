"""PynamoDB models of the table. They never leave the store.

Each kind of item is a model of its own over the same table. Items that two writers touch (head,
TIMER, DUTY) are changed by update expressions under conditions, never by `save()`: a save from an
earlier read passes a version check and erases what the other writer put there.
"""

from __future__ import annotations

from typing import Any

from pynamodb.attributes import ListAttribute, MapAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from redress.db import keys

PATIENCE = {"connect_timeout_seconds": 2, "read_timeout_seconds": 8, "max_retry_attempts": 0}
"""As short as that of the other clients: PynamoDB's own would outlast the function that waits.
What can be tried again is tried again by `outcome.run`, and only there."""


class OwnerIndex(GlobalSecondaryIndex[Any]):
    """An agent's work list or a team's queue, by what is due next."""

    class Meta:
        index_name = keys.OWNER_INDEX
        projection = KeysOnlyProjection()

    owner_pk = UnicodeAttribute(hash_key=True)
    owner_sk = UnicodeAttribute(range_key=True)


class OpenIndex(GlobalSecondaryIndex[Any]):
    """Tickets of a team that are not closed, by what is due next; and all tickets of a month."""

    class Meta:
        index_name = keys.OPEN_INDEX
        projection = KeysOnlyProjection()

    open_pk = UnicodeAttribute(hash_key=True)
    open_sk = UnicodeAttribute(range_key=True)


class AwakeIndex(GlobalSecondaryIndex[Any]):
    """Tickets whose workflow is not asleep until the right time; sleeping ones are not in it."""

    class Meta:
        index_name = keys.AWAKE_INDEX
        projection = KeysOnlyProjection()

    awake = UnicodeAttribute(hash_key=True)
    awake_since = UnicodeAttribute(range_key=True)


class PresentIndex(GlobalSecondaryIndex[Any]):
    """Agents of a team who are available, longest without a new ticket first."""

    class Meta:
        index_name = keys.PRESENT_INDEX
        projection = KeysOnlyProjection()

    duty_pk = UnicodeAttribute(hash_key=True)
    duty_sk = UnicodeAttribute(range_key=True)


class ArmedAttribute(MapAttribute[str, Any]):
    """The wait that the workflow sleeps in. The token never leaves the store but to be used."""

    token = UnicodeAttribute()
    seq = NumberAttribute()
    phase = UnicodeAttribute()


class Row(Model):
    """Any item of the table: two string keys."""

    class Meta:
        table_name = ""  # given by `Models`, one subclass of each model per table

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)


class HeadRow(Row):
    """TICKET#{number} / TICKET."""

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
    owner_index = OwnerIndex()
    open_index = OpenIndex()


class EventRow(Row):
    """TICKET#{number} / EVENT#{number}. The first event lists its ticket in its month."""

    class Meta:
        table_name = ""

    type = UnicodeAttribute()
    doc = UnicodeAttribute()
    open_pk = UnicodeAttribute(null=True)
    open_sk = UnicodeAttribute(null=True)
    open_index = OpenIndex()


class TimerRow(Row):
    """TICKET#{number} / TIMER: written by ticket changes and by Step Functions itself."""

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


class MailRow(Row):
    """TICKET#{number} / MAIL#{key}: bounds double sending and shows what became of a mail."""

    class Meta:
        table_name = ""

    state = UnicodeAttribute()
    claimed_until_ms = NumberAttribute(null=True)
    attempts = NumberAttribute(null=True)
    at = UnicodeAttribute()
    message_id = UnicodeAttribute(null=True)
    fault = UnicodeAttribute(null=True)


class FileRow(MailRow):
    """TICKET#{number} / from the first event to the head: what is read of a ticket at once."""

    class Meta:
        table_name = ""

    doc = UnicodeAttribute(null=True)


class IncomingMailRow(Row):
    """ARRIVAL#{identity} / ARRIVAL: what became of a mail that came in. Held ones are listed."""

    class Meta:
        table_name = ""

    state = UnicodeAttribute()
    doc = UnicodeAttribute()
    expires = NumberAttribute()
    open_pk = UnicodeAttribute(null=True)
    open_sk = UnicodeAttribute(null=True)
    open_index = OpenIndex()


class PlaceRow(Row):
    """OBJECT#{digest} / OBJECT: which mail an object of the bucket is."""

    class Meta:
        table_name = ""

    identity = UnicodeAttribute()
    expires = NumberAttribute()


class ThreadRow(Row):
    """THREAD#{digest} / THREAD."""

    class Meta:
        table_name = ""

    number = UnicodeAttribute()
    expires = NumberAttribute()


class AddressRow(Row):
    """ADDRESS#{digest} / ADDRESS, whether it returned mail; / SURVEYS, whether they are refused."""

    class Meta:
        table_name = ""

    returned_at = UnicodeAttribute(null=True)
    status = UnicodeAttribute(null=True)
    refused_at = UnicodeAttribute(null=True)


class CountRow(Row):
    """COUNT#{what}#{hour} / COUNT: grows by one with each mail that was taken."""

    class Meta:
        table_name = ""

    n = NumberAttribute(default=0)
    expires = NumberAttribute(null=True)


class MemberRow(Row):
    """STAFF / AGENT#{id}: who somebody is."""

    class Meta:
        table_name = ""

    doc = UnicodeAttribute()


class AvailabilityRow(Row):
    """AGENT#{id} / DUTY: presence and load, changed by presence calls and by assignments."""

    class Meta:
        table_name = ""

    team = UnicodeAttribute()
    languages = ListAttribute(of=UnicodeAttribute)
    presence = UnicodeAttribute()
    since = UnicodeAttribute()
    capacity = NumberAttribute()
    load = NumberAttribute()
    last_assigned = UnicodeAttribute()
    duty_pk = UnicodeAttribute(null=True)
    duty_sk = UnicodeAttribute(null=True)
    present_index = PresentIndex()


class FactRow(Row):
    """FACTS#{agent}#{period} / {number}#{round}: packed by `scores.store.facts`, set one by one."""

    class Meta:
        table_name = ""

    reaction = UnicodeAttribute(null=True, attr_name="re")
    first_response = UnicodeAttribute(null=True, attr_name="fr")
    answered = UnicodeAttribute(null=True, attr_name="an")
    resolution = UnicodeAttribute(null=True, attr_name="rn")
    resolved = UnicodeAttribute(null=True, attr_name="rd")
    survey = UnicodeAttribute(null=True, attr_name="su")


class DocRow(Row):
    """Anything that is only put and read whole: cards, ratings, plan versions, reports, tallies."""

    class Meta:
        table_name = ""

    doc = UnicodeAttribute()
    revision = NumberAttribute(null=True)


class JobRow(Row):
    """REHEARSAL#{job} / JOB: what it is about (`doc`), and how far it is."""

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
    """The keys of the table and of all its indexes: what the one connection must know."""

    class Meta:
        table_name = ""

    owner_index = OwnerIndex()
    open_index = OpenIndex()
    awake_index = AwakeIndex()
    present_index = PresentIndex()


class Models:
    """The models bound to one table. Two tables in one process (tests) do not disturb each other.

    All share one connection: PynamoDB would give each model a client of its own, and a cold start
    would pay for every one of them.
    """

    def __init__(self, table: str, region: str, host: str | None = None) -> None:
        settings = {"table_name": table, "region": region, "host": host}
        meta = type("Meta", (), settings | PATIENCE)
        schema: Any = type("Schema", (Schema,), {"Meta": meta})
        shared = schema._get_connection()

        def bound[M: type[Row]](model: M) -> M:
            return type(model.__name__, (model,), {"Meta": meta, "_connection": shared})  # type: ignore[return-value]

        self.row = bound(Row)
        self.head = bound(HeadRow)
        self.event = bound(EventRow)
        self.timer = bound(TimerRow)
        self.mail = bound(MailRow)
        self.file = bound(FileRow)
        self.incoming_mail = bound(IncomingMailRow)
        self.place = bound(PlaceRow)
        self.thread = bound(ThreadRow)
        self.address = bound(AddressRow)
        self.count = bound(CountRow)
        self.member = bound(MemberRow)
        self.availability = bound(AvailabilityRow)
        self.fact = bound(FactRow)
        self.doc = bound(DocRow)
        self.job = bound(JobRow)
        self.connection = shared.connection
