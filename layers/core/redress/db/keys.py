"""Every key and every index of the table. docs/data-model.md describes their use.

There is one table with the string keys `pk` and `sk`. Indexes are sparse and contain only keys. The
indexes to which an intake writes are split into shards by ticket number. So many intakes at the
same time do not exceed the write limit of one partition.
"""

from __future__ import annotations

import hashlib
import unicodedata
import zlib
from datetime import UTC, date, datetime

from redress.base.addresses import canonical
from redress.base.texts import without_hidden

SHARDS = 4
"""The number of partitions of each index to which an intake writes. DynamoDB accepts 1,000 writes a
second for each partition."""

OWNER_INDEX = "owner"
OPEN_INDEX = "open"
AWAKE_INDEX = "awake"
PRESENT_INDEX = "present"

TICKET = "TICKET"
TIMER = "TIMER"
AVAILABILITY = "DUTY"
PRESENCE = "PRESENCE"
"""In the owner index, the partition of members who are online, and of those who went and may have
tickets, sorted by when they came, went or were last looked at."""
BEAT = "BEAT"
"""The sort key of the last beat of a member's client, in `agent_pk`."""
KEY = "KEY"
INCOMING_MAIL = "ARRIVAL"
QUARANTINE = "QUARANTINE"
"""The partition of the open index that lists all quarantined mails."""
HELD = "HELD"
"""In the owner index, the partition that lists the quarantined mails by team. In the open index,
the partition of mails that an earlier version put into quarantine without a team."""
OBJECT = "OBJECT"
THREAD = "THREAD"
COPIES = "COPIES"
ADDRESS = "ADDRESS"
SURVEYS = "SURVEYS"
"""Sort key of the item that records whether the reader at an address refuses surveys. It has the
same partition key as the item ADDRESS of that address."""
COUNT = "COUNT"
PROFILE = "PROFILE"
CONTACT = "CONTACT"
COMPANY = "COMPANY"
RELATIONSHIP_CALL = "RELATIONSHIP_CALL"
"""The sort key of the item that lists a planned call to a customer, in `customer_pk`. In the awake
index, the partition of all planned calls, sorted by when the next rung is due (`rung_sk`)."""
RELATIONSHIP_CALLS = "RELATIONSHIP_CALLS"
"""In `CATCH_UP`, the sort key of the job that plans calls as a new plan says."""
CHANGE_PREFIX = "CHANGE#"
STAFF = "STAFF"
PLAN = "PLAN"
INVITATION = "INVITATION"
CURRENT = "CURRENT"
SUMMARY = "SUMMARY"
RECONCILIATION = "RECONCILIATION"
JOB = "JOB"
DRAFT = "DRAFT"
REPORT = "REPORT"
DIGEST = "DIGEST"
FEED = "FEED"
"""The partition of the numbered changes of tickets (`feed_sk`)."""
CATCH_UP = "CATCH_UP"
"""The partition of the jobs that mend what the version before wrote, and the sort key of the job
for tickets."""
MEMBERS_CATCH_UP = "MEMBERS"
"""In `CATCH_UP`, the sort key of the job for members of staff."""
CONNECTORS = "CONNECTORS"
ATTEMPT_PREFIX = "ATTEMPT#"
"""Begins the sort key of an item that records that a connector handed over a message."""
PART_PREFIX = "PART#"
EVENT_PREFIX = "EVENT#"
ABOUT_PREFIX = "ABOUT#"
"""Begins the sort key of an item in the partition of a member: a ticket is about this member."""
MENTION_PREFIX = "MENTION#"
"""Begins the sort key of an item in the partition of a member: a note mentions this member."""
REMINDER_PREFIX = "REMINDER#"
"""Begins the sort key of an item in the partition of a member: a leader reminded this member."""
AFTER_REMINDERS = "REMINDER$"
"""Sorts after every `reminder_sk`, and before every other sort key behind them."""
MAIL_PREFIX = "MAIL#"
FILE_PREFIX = "FILE#"
VIEWED_PREFIX = "VIEWED#"
HEARD_PREFIX = "VIEWED_CALL#"
"""Begins the sort key of an item that records that staff opened a file. It lies behind TICKET, so
readers of the whole ticket do not read these items."""
VIEWER_PREFIX = "TICKET#"
"""Begins the sort key of an item that says that a member views or writes the ticket now. These
items lie directly behind TICKET, so one query reads the snapshot with them."""
AFTER_VIEWERS = "TICKET$"
"""Sorts after every `viewer_sk` and before every other sort key behind them."""
RETURNED = "RETURNED"
UNDUE = "9999"
"""This text stands for the due time of a ticket that has none. It sorts after every time."""
NEVER = "0000"
"""This text stands for the time of the last assignment of an agent who never had one. It sorts
before every time, so that agent comes first."""


def ticket_pk(number: str) -> str:
    """`TICKET#R-7K3M9-QW0X2`: the partition of all items of one ticket."""
    return f"TICKET#{number}"


def number_of(pk: str) -> str:
    """Return the ticket number in a `ticket_pk`. Raises ValueError for any other key."""
    prefix, _, number = pk.partition("#")
    if prefix != TICKET or not number:
        raise ValueError(f"{pk!r} is not the key of a ticket")
    return number


def event_sk(number: int) -> str:
    """`EVENT#000001`: one event of the ticket's history. Events are sorted by their number."""
    return f"{EVENT_PREFIX}{number:06d}"


def mail_sk(key: str) -> str:
    """`MAIL#000003.reply.customer`: the mail record of one outgoing mail.

    It makes sure that the mail is sent only once.
    """
    return f"{MAIL_PREFIX}{key}"


def key_of_mail(sk: str) -> str:
    """Return the key of the mail in a `mail_sk`."""
    return sk.removeprefix(MAIL_PREFIX)


def file_sk(file: str) -> str:
    """`FILE#9f86d081884c7d65`: one file of the ticket."""
    return f"{FILE_PREFIX}{file}"


def file_of(sk: str) -> str:
    """Return the id of the file in a `file_sk`."""
    return sk.removeprefix(FILE_PREFIX)


def held_files_pk() -> str:
    """`FILES#HELD`: the files that a message refers to and that no scanner has judged."""
    return "FILES#HELD"


def held_file_sk(since: datetime, number: str, file: str) -> str:
    """`2026-11-23T01:00:00.000+00:00#R-7K3M9-QW0X2#9f86d081884c7d65`: since when it is held."""
    return f"{before_held_files(since)}#{number}#{file}"


def before_held_files(since: datetime) -> str:
    """`2026-11-23T01:00:00.000+00:00`: sorts before the files that are held since this time."""
    return since.astimezone(UTC).isoformat(timespec="milliseconds")


def held_file(sk: str) -> tuple[datetime, str, str]:
    """Return the time, the ticket and the file of a `held_file_sk`. Raises ValueError."""
    since, number, file = sk.split("#")
    return datetime.fromisoformat(since), number, file


def viewed_sk(at: datetime, file: str, token: str) -> str:
    """`VIEWED#2026-11-23T01:00:00.000+00:00#9f86d081884c7d65#1f2e3d4c`: staff opened a file.

    `token` tells two openings in one millisecond apart.
    """
    moment = at.astimezone(UTC).isoformat(timespec="milliseconds")
    return f"{VIEWED_PREFIX}{moment}#{file}#{token}"


def heard_sk(at: datetime, event: int, token: str) -> str:
    """`VIEWED_CALL#2026-11-23T01:00:00.000+00:00#000004#1f2e3d4c`: staff opened a recording.

    It is that of the call of this event. `token` tells two openings in one millisecond apart.
    """
    moment = at.astimezone(UTC).isoformat(timespec="milliseconds")
    return f"{HEARD_PREFIX}{moment}#{event:06d}#{token}"


def viewer_sk(member: str) -> str:
    """`TICKET#0b7e...`: a member views or writes the ticket now."""
    return f"{VIEWER_PREFIX}{member}"


def viewer_of(sk: str) -> str:
    """Return the member in a `viewer_sk`."""
    return sk.removeprefix(VIEWER_PREFIX)


def returned_pk(file: str) -> str:
    """`RETURNED#9f86d081884c7d65`: the customer came back from the upload of this file."""
    return f"{RETURNED}#{file}"


def idempotency_pk(digest: str) -> str:
    """`KEY#9f86d0...`: the result of the request with this Idempotency-Key.

    The key is hashed because callers choose it freely.
    """
    return f"KEY#{digest}"


def shard(number: str) -> int:
    """The index partition of a ticket, 0 to SHARDS - 1. It never changes."""
    return zlib.crc32(number.encode()) % SHARDS


def agent_pk(agent: str) -> str:
    """`AGENT#0b7e...`: one member of staff. In the owner index, the partition of their tickets."""
    return f"AGENT#{agent}"


CALL = "CALL"
"""`TEAM#complaints` / `CALL`: whether reserve staff of a team are called."""


def agent_of(pk: str) -> str:
    """The id of the member of staff in an `agent_pk`."""
    return pk.partition("#")[2]


def kept_from_pk(role: str, team: str) -> str:
    """`KEPT#supervisor#complaints`: tickets that nobody of this role in this team may see."""
    return f"KEPT#{role}#{team}"


def ticket_about_sk(number: str) -> str:
    """`ABOUT#R-7K3M9-QW0X2`: a ticket that a member of staff may not see, because it is, or may be,
    about them. It is in the partition `agent_pk` of one member, or in `kept_from_pk` of several.

    Counts of tickets subtract these tickets.
    """
    return f"{ABOUT_PREFIX}{number}"


def ticket_about(sk: str) -> str:
    """Return the ticket number in a `ticket_about_sk`."""
    return sk.removeprefix(ABOUT_PREFIX)


def mention_sk(number: str) -> str:
    """`MENTION#R-7K3M9-QW0X2`: a note on the ticket mentions a member, in `agent_pk`."""
    return f"{MENTION_PREFIX}{number}"


def mentioned_on(sk: str) -> str:
    """Return the ticket number in a `mention_sk`."""
    return sk.removeprefix(MENTION_PREFIX)


def reminder_sk(at: datetime, number: str, event: int) -> str:
    """`REMINDER#2026-11-23T01:00:00.000+00:00#R-7K3M9-QW0X2#000004`: a leader reminded a member.

    It is in the partition `agent_pk` of the member. The last part is the number of the event.
    """
    moment = at.astimezone(UTC).isoformat(timespec="milliseconds")
    return f"{REMINDER_PREFIX}{moment}#{number}#{event:06d}"


def reminder(sk: str) -> tuple[str, int]:
    """Return the number of the ticket and of the event in a `reminder_sk`. Raises ValueError."""
    _, _, number, event = sk.split("#")
    return number, int(event)


TASK_PREFIX = "WORK#"
"""Begins the sort key of the item of a task. It lies behind TICKET, so readers of the whole ticket
do not read these items."""


def task_sk(task: str) -> str:
    """`WORK#2`: the second task of a ticket that another department was asked to do."""
    return f"{TASK_PREFIX}{task}"


def tasks_of_pk(agent: str) -> str:
    """`TASKS#AGENT#0b7e...`: the open tasks of a member of staff, in the owner index."""
    return f"TASKS#{agent_pk(agent)}"


def task_queue_pk(team: str) -> str:
    """`TASKS#QUEUE#warehouse`: the open tasks of a department that nobody has, in the owner index.

    Few tickets have tasks, so these partitions need no shards.
    """
    return f"TASKS#QUEUE#{team}"


def team_tasks_pk(team: str) -> str:
    """`TASKS#warehouse`: all open tasks of a department, in the open index."""
    return f"TASKS#{team}"


def task_place(due: datetime, number: str, task: str) -> str:
    """`2026-11-23T09:00:00.000+00:00#R-7K3M9-QW0X2#2`: sorts parts by due time."""
    return f"{due.astimezone(UTC).isoformat(timespec='milliseconds')}#{number}#{task}"


def listed_task(place: str) -> tuple[str, str]:
    """Return the ticket number and the id of the task or remedy in a `task_place`.

    Raises ValueError.
    """
    _, number, task = place.split("#")
    return number, task


def remedy_sk(remedy: str) -> str:
    """`WORK#REMEDY#2`: the second remedy of a ticket that somebody must decide about or do."""
    return f"{TASK_PREFIX}REMEDY#{remedy}"


def team_remedies_pk(team: str, state: str) -> str:
    """`REMEDIES#proposed#complaints`: the remedies of tickets of a team that are in a state, in the
    open index. `task_place` sorts them by their due time. Few tickets have one, so these partitions
    need no shards.
    """
    return f"REMEDIES#{state}#{team}"


def shifts_sk(month: str) -> str:
    """`SHIFTS#2026-12`: the shifts of a member in a month, in `agent_pk`."""
    return f"SHIFTS#{month}"


def online_sk(day: date) -> str:
    """`ONLINE#2026-12-01`: when a member was online on this day in UTC, in `agent_pk`."""
    return f"ONLINE#{day.isoformat()}"


def declines_sk(day: date) -> str:
    """`DECLINES#2026-12-01`: how many tickets a member declined on this day, in `agent_pk`."""
    return f"DECLINES#{day.isoformat()}"


def change_sk(revision: int) -> str:
    """`CHANGE#000002`: the entry of a trail that made this revision of a member or a customer.

    It is in the partition `AGENT#0b7e...` or `CUSTOMER#9f86d0...`, put once and never changed.
    """
    return f"{CHANGE_PREFIX}{revision:06d}"


def inspection_pk(team: str, day: date) -> str:
    """`INSPECTION#complaints#2026-11-30`: the inspection list of a team's day."""
    return f"INSPECTION#{team}#{day.isoformat()}"


INSPECTION_LIST = "LIST"
"""Sort key of the tickets that were drawn. It lies behind every `channel_sk`."""
CHANNEL_PREFIX = "CHANNEL#"


def channel_sk(channel: str) -> str:
    """`CHANNEL#web`: what was found of the tickets of one channel, in `inspection_pk`."""
    return f"{CHANNEL_PREFIX}{channel}"


def channel_of(sk: str) -> str:
    """Return the channel in a `channel_sk`."""
    return sk.removeprefix(CHANNEL_PREFIX)


def channel_change_sk(channel: str, revision: int) -> str:
    """`CHANGE#web#000002`: the entry of the trail that made this revision of a channel's state."""
    return f"{CHANGE_PREFIX}{channel}#{revision:06d}"


def incident_pk(incident: str) -> str:
    """`INCIDENT#9f86d081884c7d65`: the partition of all items of one incident."""
    return f"INCIDENT#{incident}"


INCIDENT = "INCIDENT"
"""The sort key of the snapshot of an incident, in `incident_pk`."""
CASE_PREFIX = "CASE#"
AFTER_CASES = "CASE$"
"""Sorts after every `case_sk`, and before every other sort key behind them."""
WORD_PREFIX = "WORD#"
NOTICES = "NOTICES"
"""The partition of what the public form says about open incidents, under `CURRENT`."""


def case_sk(number: str) -> str:
    """`CASE#R-7K3M9-QW0X2`: a ticket is a case of an incident, in `incident_pk`."""
    return f"{CASE_PREFIX}{number}"


def case_of(sk: str) -> str:
    """Return the ticket number in a `case_sk`."""
    return sk.removeprefix(CASE_PREFIX)


def word_sk(number: int) -> str:
    """`WORD#000002`: the second word to all customers of an incident, in `incident_pk`."""
    return f"{WORD_PREFIX}{number:06d}"


OWNERS = "OWNERS"
"""The sort key of what is left to be done after an incident was closed: to tell the owners of its
actions. In `incident_pk`, and in `incidents_pk(OWNERS)` of the open index until it is done."""


def incident_of(pk: str) -> str:
    """Return the id of the incident in an `incident_pk`."""
    return pk.removeprefix("INCIDENT#")


def incidents_pk(state: str) -> str:
    """`INCIDENTS#open`: the incidents of a state, in the open index."""
    return f"INCIDENTS#{state}"


def incident_place(declared: datetime, incident: str) -> str:
    """`2026-11-23T09:00:00.000+00:00#9f86d081884c7d65`: sorts incidents by their declaration."""
    return f"{declared.astimezone(UTC).isoformat(timespec='milliseconds')}#{incident}"


def connector_pk(connector: str) -> str:
    """`CONNECTOR#crm`: the partition of what a connector did. In CONNECTORS, its own sort key."""
    return f"CONNECTOR#{connector}"


def attempt_sk(at: datetime, token: str) -> str:
    """`ATTEMPT#2026-11-23T01:00:00.000+00:00#1f2e3d4c`: a connector handed over a message.

    `token` tells two of one millisecond apart.
    """
    return f"{ATTEMPT_PREFIX}{at.astimezone(UTC).isoformat(timespec='milliseconds')}#{token}"


def delivery_sk(delivery: str) -> str:
    """`DELIVERY#9f86d0...`: the answer to the delivery with this `webhook-id`."""
    return f"DELIVERY#{_digest(delivery)}"


def said_sk(conversation: str, message: str) -> str:
    """`SAID#9f86d0...`: the answer to a message, by its ids in the connector's system."""
    return f"SAID#{_digest(f'{_digest(conversation)}/{message}')}"


def conversation_sk(conversation: str) -> str:
    """`CONVERSATION#9f86d0...`: the ticket of a conversation, by its id there."""
    return f"CONVERSATION#{_digest(conversation)}"


def sequence_sk(conversation: str) -> str:
    """`SEQUENCE#9f86d0...`: which messages of a conversation are missing, by its id there."""
    return f"SEQUENCE#{_digest(conversation)}"


def call_sk(call: str) -> str:
    """`CALL#9f86d0...`: what is known of a call, by its id there."""
    return f"CALL#{_digest(call)}"


def caller_sk(number: str) -> str:
    """`CALLER#9f86d0...`: the ticket that waits for the callback of a caller, by their number in
    the form of E.164."""
    return f"CALLER#{_digest(number)}"


def parts_sk(call: str) -> str:
    """`PARTS#9f86d0...`: the parts of a call that its telephone system reports one by one."""
    return f"PARTS#{_digest(call)}"


def nonce_sk(nonce: str) -> str:
    """`NONCE#9f86d0...`: a signed request with this nonce has come."""
    return f"NONCE#{_digest(nonce)}"


def invitation_digest(address: str) -> str:
    """`9f86d0...`: the hash of the canonical form of an invited address, 40 hexadecimal digits."""
    return _digest(canonical(address))


def invitation_pk(digest: str) -> str:
    """`INVITATION#9f86d0...`: the invitation of an address, by its `invitation_digest`."""
    return f"INVITATION#{digest}"


def invited_sk(team: str, digest: str = "") -> str:
    """`complaints#9f86d0...`: an open invitation to a team, in the partition INVITATION.

    It is a sort key of the owner index. Without `digest`, the result is the prefix of all
    invitations to the team.
    """
    return f"{team}#{digest}"


def members_pk(team: str) -> str:
    """`MEMBERS#complaints`: the members of a team by their id, in the owner index."""
    return f"MEMBERS#{team}"


def queue_pk(team: str, shard_number: int) -> str:
    """`QUEUE#complaints#3`: unassigned tickets of a team, in the owner index."""
    return f"QUEUE#{team}#{shard_number}"


def open_pk(team: str, shard_number: int) -> str:
    """`OPEN#complaints#3`: tickets of a team that are not closed, in the open index."""
    return f"OPEN#{team}#{shard_number}"


def opened_pk(created: datetime, shard_number: int) -> str:
    """`OPENED#2026-11#3`: all tickets opened in a UTC month, in the open index.

    A ticket is never removed from it.
    """
    return f"OPENED#{created.astimezone(UTC):%Y-%m}#{shard_number}"


def opened_sk(created: datetime, number: str = "") -> str:
    """`2026-11-23T01:00:00.000+00:00#R-...`: sorts tickets by the time at which they were opened.

    Closed tickets are sorted by the time of their closing, or of their last change, in the same
    way.

    Without a number the result is a limit for a range query.
    """
    moment = created.astimezone(UTC).isoformat(timespec="milliseconds")
    return f"{moment}#{number}" if number else moment


def changed_pk(changed: datetime, shard_number: int) -> str:
    """`CHANGED#2026-11-23#3`: closed tickets by the UTC day of their last change.

    It is a partition of the open index. If a closed ticket is changed on another day, its entry
    moves.
    """
    return f"CHANGED#{changed.astimezone(UTC):%Y-%m-%d}#{shard_number}"


def closed_pk(team: str, month: str, shard_number: int) -> str:
    """`CLOSED#complaints#2026-11#3`: tickets of a team that were closed in a month (open index).

    The month is one of the plan's time zone. Closed tickets stay closed, so no entry moves.
    """
    return f"CLOSED#{team}#{month}#{shard_number}"


def closed_by_pk(agent: str) -> str:
    """`CLOSED#0b7e...`: closed tickets of the agent who resolved them, in the owner index."""
    return f"CLOSED#{agent}"


def hold_pk(team: str) -> str:
    """`HOLD#complaints`: tickets of a team that are on hold, in the present index.

    An intake never writes to it, so it needs no shards.
    """
    return f"HOLD#{team}"


def post_mortems_pk(team: str) -> str:
    """`POST_MORTEMS#complaints`: closed tickets of a team whose post-mortem is not written, in the
    present index.

    A ticket is there after its closing only, so it is not on hold.
    """
    return f"POST_MORTEMS#{team}"


def due_sk(due: datetime | None, number: str) -> str:
    """`2026-11-23T09:00:00.000+00:00#R-...`: sorts tickets by their next due time.

    A ticket without a due time comes last.
    """
    moment = due.isoformat(timespec="milliseconds") if due else UNDUE
    return f"{moment}#{number}"


def just_after(sk: str) -> str:
    """`2026-11-23T09:00:00.000+00:00#R-7K3M9-QW0X2~`: after this sort key and before the next one.

    `sk` is a `due_sk` or an `opened_sk`. No other one begins with it.
    """
    return f"{sk}~"


def just_before(sk: str) -> str:
    """`2026-11-23T09:00:00.000+00:00#R-7K3M9-QW0X1~`: before this sort key and after the last one.

    `sk` is a `due_sk` or an `opened_sk`. They end with a ticket number, so the last character is a
    digit or a capital letter.
    """
    return f"{sk[:-1]}{chr(ord(sk[-1]) - 1)}~"


FOLDED_ORDER_LIMIT = 200
"""Compatibility forms can make 18 characters of one. DynamoDB's limit for a partition key is 2,048
bytes."""
_SIGNS_OF_ORDERS = str.maketrans("", "", "-_/.#\u2010\u2011\u2012\u2013\u2014\u2015\u2212")
"""Signs that people leave out of an order number, or write in another way, such as any dash."""


def folded_order(order: str) -> str:
    """`SO2026118` for `so-2026/118`: the form in which order numbers are compared.

    Full-width characters become the usual ones, and letters become capitals. Blanks, hidden
    characters and the signs - _ / . # are removed. The result may be empty.
    """
    form = unicodedata.normalize("NFKC", without_hidden(order)).upper()
    return "".join(form.split()).translate(_SIGNS_OF_ORDERS)[:FOLDED_ORDER_LIMIT]


def order_pk(order: str) -> str | None:
    """`ORDER#SO2026118`: tickets about an order, in the owner index. Its sort key is `opened_sk`.

    None if the order number has no letter and no digit to compare.
    """
    folded = folded_order(order)
    return f"ORDER#{folded}" if folded else None


def awake_pk(shard_number: int) -> str:
    """`AWAKE#3`: tickets whose workflow does not yet wait for the right time (awake index)."""
    return f"AWAKE#{shard_number}"


def team_pk(team: str) -> str:
    """`TEAM#complaints`: available agents of a team, in the present index.

    The agent whose last assignment is longest ago comes first.
    """
    return f"TEAM#{team}"


def facts_pk(agent: str, period: str) -> str:
    """`FACTS#0b7e...#2026-11`: the compact score facts of one agent's month."""
    return f"FACTS#{agent}#{period}"


def fact_sk(number: str, round_: int) -> str:
    """`R-7K3M9-QW0X2#1`: the score facts from one round of a ticket."""
    return f"{number}#{round_}"


def ticket_of_fact(sk: str) -> tuple[str, int]:
    """Return ticket number and round in a `fact_sk`. Raises ValueError for any other key."""
    number, _, round_ = sk.partition("#")
    return number, int(round_)


def late_facts_pk(period: str) -> str:
    """`FACTS#LATE#2026-11`: facts that came after the month was over, counted by `AGENT#id`.

    Functions that may write facts of any agent may also write this partition.
    """
    return f"FACTS#LATE#{period}"


def card_pk(period: str) -> str:
    """`CARD#2026-11`: all scorecards of a month, sorted by `AGENT#id`."""
    return f"CARD#{period}"


def rating_pk(period: str) -> str:
    """`RATING#2026-11`: the supervisors' ratings for a month, sorted by `AGENT#id`."""
    return f"RATING#{period}"


def rating_trail_sk(agent: str, revision: int) -> str:
    """`AGENT#0b7e...#00002`: one version of a rating.

    Each version is kept in addition to the current rating. It is never overwritten.
    """
    return f"{agent_pk(agent)}#{revision:05d}"


def evidence_pk(period: str, agent: str) -> str:
    """`EVIDENCE#2026-11#0b7e...`: the evidence of the scorecards of one agent's month."""
    return f"EVIDENCE#{period}#{agent}"


def evidence_sk(digest: str, part: int) -> str:
    """`9f86d0...#003`: one part of the evidence, under its card's digest.

    Because of the digest, a scoring run with other inputs does not overwrite this evidence.
    """
    return f"{digest}#{part:03d}"


def plan_sk(version: int) -> str:
    """`VERSION#00002`: one immutable version of the service plan."""
    return f"VERSION#{version:05d}"


def about_sk(version: int) -> str:
    """`ABOUT#00002`: the summary of a plan version. A list of versions needs only summaries."""
    return f"ABOUT#{version:05d}"


def run_sk(began_at: datetime) -> str:
    """`RUN#2026-11-23T03:30:00.000+00:00`: the report of the reconciliation that began then."""
    return f"RUN#{began_at.isoformat(timespec='milliseconds')}"


def feed_sk(number: int) -> str:
    """`000000000012`: one entry of the feed of changes. Numbers are dense and begin with 1."""
    return f"{number:012d}"


def rehearsal_pk(job: str) -> str:
    """`REHEARSAL#5f0e3a528f3c4c43`: one job.

    A job is a rehearsal of a plan, or a move of open tickets to a plan.
    """
    return f"REHEARSAL#{job}"


def part_sk(part: str) -> str:
    """`PART#2026-11-01T00:00:00+00:00/2026-11-08T12:00:00+00:00#3`: progress of a part of a job.

    A part of a rehearsal is the tickets of one shard that were opened in a range of time. A part of
    a move is the tickets of one team in one shard.
    """
    return f"{PART_PREFIX}{part}"


def incoming_mail_pk(identity: str) -> str:
    """`ARRIVAL#9f86d0...`: one incoming mail.

    The key stays the same if the mail is delivered again or stored under another object name.
    """
    return f"ARRIVAL#{identity}"


def quarantine_sk(received: datetime, identity: str) -> str:
    """`2026-11-23T01:00:00.000+00:00#9f86d0...`: a quarantined mail, in the open index.

    Mails are sorted by the time at which they were received.
    """
    return f"{received.astimezone(UTC).isoformat(timespec='milliseconds')}#{identity}"


def held_sk(team: str, standing: str, place: str = "") -> str:
    """`complaints#unseen#2026-11-23T01:00:00.000+00:00#9f86d0...`: a quarantined mail of a team.

    It is a sort key of the owner index. `place` is a `quarantine_sk`, with the time since which the
    mail waits. Without `place`, the result is the prefix of all keys with this team and standing.
    """
    return f"{team}#{standing}#{place}"


def team_of_held(sk: str) -> str:
    """Return the team in a `held_sk`."""
    return sk.partition("#")[0]


def held_pk(team: str) -> str:
    """`HELD#complaints`: the last digest of held mail that the supervisors of a team got."""
    return f"HELD#{team}"


def after_team(team: str) -> str:
    """`complaints#~`: sorts after every `held_sk` of this team and before those of other teams."""
    return f"{team}#~"


def object_pk(key: str) -> str:
    """`OBJECT#9f86d0...`: an object of the mail bucket, by the hash of its key."""
    return f"OBJECT#{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:40]}"


def thread_pk(digest: str) -> str:
    """`THREAD#5f0e3a...`: the ticket of a customer's mail, by a hash of Message-ID and sender."""
    return f"THREAD#{digest}"


def copies_pk(digest: str) -> str:
    """`COPIES#7c211a...`: content digests of the mails with one sender, Message-ID and date."""
    return f"COPIES#{digest}"


def count_pk(what: str, hour: datetime) -> str:
    """`COUNT#R-7K3M9-QW0X2#2026-11-23T01`: how many mails were accepted in one UTC hour.

    `what` is the ticket or the sender whose mails are counted.
    """
    return f"COUNT#{what}#{hour.astimezone(UTC):%Y-%m-%dT%H}"


def address_pk(address: str) -> str:
    """`ADDRESS#9f86d0...`: facts about an email address, by a hash of its canonical form."""
    return _address_pk(canonical(address))


def earlier_address_pk(address: str) -> str:
    """The key that version 1 gave to an address. It differs for a domain that is not ASCII."""
    return _address_pk(address.lower())


def customer_pk(customer: str) -> str:
    """`CUSTOMER#9f86d081884c7d659a2feaa0`: the partition of all items of one customer.

    In the owner index, the partition of the customer's tickets, sorted by `opened_sk`.
    """
    return f"CUSTOMER#{customer}"


def contact_pk(kind: str, value: str) -> str:
    """`CONTACT#9f86d0...`: a contact point of a customer, by a hash of its kind and value."""
    return contact_pk_of(contact_digest(kind, value))


def contact_digest(kind: str, value: str) -> str:
    """`9f86d0...`: the hash of a contact point, 64 hexadecimal digits."""
    return hashlib.sha256(f"{kind}:{value}".encode("utf-8", "replace")).hexdigest()


def contact_pk_of(digest: str) -> str:
    """`CONTACT#9f86d0...`: the key of the contact point with this `contact_digest`."""
    return f"CONTACT#{digest}"


def revision_of(sk: str) -> int:
    """The revision in a `change_sk`: `CHANGE#000002` gives 2."""
    return int(sk.removeprefix(CHANGE_PREFIX))


def need_sk(need: str) -> str:
    """`NEED#large print`: a need of a customer, in the form of `profile.folded`."""
    return f"NEED#{need}"


def customers_pk(type_: str, shard_number: int) -> str:
    """`CUSTOMERS#vip#3`: customers of a type, in the open index, sorted by `customers_sk`."""
    return f"CUSTOMERS#{type_}#{shard_number}"


def customers_with_pk(what: str, value: str) -> str:
    """`CUSTOMERS#need#large print`: customers with a need or of a company, in the open index.

    `what` is `need` or `company`, and `value` is in the form of `profile.folded`.
    """
    return f"CUSTOMERS#{what}#{value}"


def customers_sk(created: datetime, customer: str) -> str:
    """`2026-11-23T01:00:00.000+00:00#9f86d0...`: sorts customers by when their profile was made."""
    return f"{created.astimezone(UTC).isoformat(timespec='milliseconds')}#{customer}"


def calls_of_pk(agent: str) -> str:
    """`CALLS#AGENT#0b7e...`: planned calls to customers that a member owns, in the owner index.

    They are sorted by `customers_sk`, with the planned time.
    """
    return f"CALLS#{agent_pk(agent)}"


def team_calls_pk(team: str) -> str:
    """`CALLS#service`: planned calls of a team to customers, in the open index, sorted likewise.

    Staff and the sweep plan calls, and no intake does, so these partitions need no shards.
    """
    return f"CALLS#{team}"


def rung_sk(due: datetime | None, customer: str) -> str:
    """`2026-11-23T01:00:00.000+00:00#9f86d0...`: a rung of a planned call is due at this time.

    A call of which no rung is left comes last.
    """
    return customers_sk(due, customer) if due else f"{UNDUE}#{customer}"


def doubtful_pk(team: str) -> str:
    """`DOUBTFUL#complaints`: profiles about which a team must decide, in the owner index.

    They are sorted by `customers_sk`, with the time since which the oldest doubt waits.
    """
    return f"DOUBTFUL#{team}"


def _address_pk(form: str) -> str:
    return f"ADDRESS#{_digest(form)}"


def _digest(form: str) -> str:
    return hashlib.sha256(form.encode("utf-8", "replace")).hexdigest()[:40]
