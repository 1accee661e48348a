"""Every key and every index of the table, and nothing else (docs/data-model.md lists their use).

One table, string keys `pk` and `sk`. Indexes are sparse, keys only, and those that an intake
writes are sharded by the ticket's number, so no intake waits for another.
"""

from __future__ import annotations

import hashlib
import zlib
from datetime import UTC, datetime

SHARDS = 4
"""Partitions of each index that intake writes: 4 x 1,000 writes a second."""

OWNER_INDEX = "owner"
OPEN_INDEX = "open"
AWAKE_INDEX = "awake"
PRESENT_INDEX = "present"

TICKET = "TICKET"
TIMER = "TIMER"
AVAILABILITY = "DUTY"
KEY = "KEY"
INCOMING_MAIL = "ARRIVAL"
QUARANTINE = "HELD"
"""The partition of the open index that is the quarantine."""
OBJECT = "OBJECT"
THREAD = "THREAD"
ADDRESS = "ADDRESS"
SURVEYS = "SURVEYS"
"""Beside ADDRESS: that whoever reads there wants no more surveys."""
COUNT = "COUNT"
STAFF = "STAFF"
PLAN = "PLAN"
CURRENT = "CURRENT"
SUMMARY = "SUMMARY"
RECONCILIATION = "RECONCILIATION"
JOB = "JOB"
DRAFT = "DRAFT"
REPORT = "REPORT"
PART_PREFIX = "PART#"
EVENT_PREFIX = "EVENT#"
MAIL_PREFIX = "MAIL#"
NEVER = "0000"
"""Sorts before every time: an agent who was never assigned anything is asked first."""


def ticket_pk(number: str) -> str:
    """`TICKET#R-7K3M9-QW0X2`: everything about one ticket."""
    return f"TICKET#{number}"


def number_of(pk: str) -> str:
    """The ticket number in a `TICKET#...` key; raises ValueError for any other key."""
    prefix, _, number = pk.partition("#")
    if prefix != TICKET or not number:
        raise ValueError(f"{pk!r} is not the key of a ticket")
    return number


def event_sk(number: int) -> str:
    """`EVENT#000001`: the history sorts as it happened."""
    return f"{EVENT_PREFIX}{number:06d}"


def mail_sk(key: str) -> str:
    """`MAIL#000003.reply.customer`: one record per mail that must go out once."""
    return f"{MAIL_PREFIX}{key}"


def idempotency_pk(digest: str) -> str:
    """`KEY#9f86d0...`: what was done for an Idempotency-Key (hashed, it may be anything)."""
    return f"KEY#{digest}"


def shard(number: str) -> int:
    """Which partition of an index a ticket lives in; stable for its whole life."""
    return zlib.crc32(number.encode()) % SHARDS


def agent_pk(agent: str) -> str:
    """`AGENT#0b7e...`: one member of staff; also their partition of the owner index."""
    return f"AGENT#{agent}"


def queue_pk(team: str, shard_number: int) -> str:
    """`QUEUE#complaints#3`: unassigned tickets of a team, in the owner index."""
    return f"QUEUE#{team}#{shard_number}"


def open_pk(team: str, shard_number: int) -> str:
    """`OPEN#complaints#3`: tickets of a team that are not closed, in the open index."""
    return f"OPEN#{team}#{shard_number}"


def opened_pk(created: datetime, shard_number: int) -> str:
    """`OPENED#2026-11#3`: all tickets opened in a month of UTC, in the open index, for ever."""
    return f"OPENED#{created.astimezone(UTC):%Y-%m}#{shard_number}"


def opened_sk(created: datetime, number: str = "") -> str:
    """`2026-11-23T01:00:00.000+00:00#R-...`: as they came; without a number it bounds a range."""
    moment = created.astimezone(UTC).isoformat(timespec="milliseconds")
    return f"{moment}#{number}" if number else moment


def due_sk(due: datetime | None, number: str) -> str:
    """`2026-11-23T09:00:00.000+00:00#R-...`: by what is due next; nothing due sorts last."""
    moment = due.isoformat(timespec="milliseconds") if due else "9999"
    return f"{moment}#{number}"


def awake_pk(shard_number: int) -> str:
    """`AWAKE#3`: tickets whose workflow is not asleep until the right time, in the awake index."""
    return f"AWAKE#{shard_number}"


def team_pk(team: str) -> str:
    """`TEAM#complaints`: who is present, longest without a new ticket first (present index)."""
    return f"TEAM#{team}"


def facts_pk(agent: str, period: str) -> str:
    """`FACTS#0b7e...#2026-11`: the compact facts of one agent's month."""
    return f"FACTS#{agent}#{period}"


def fact_sk(number: str, round_: int) -> str:
    """`R-7K3M9-QW0X2#1`: what one round of a ticket says of the agent's month."""
    return f"{number}#{round_}"


def ticket_of_fact(sk: str) -> tuple[str, int]:
    """Ticket number and round in a `fact_sk`; raises ValueError for any other key."""
    number, _, round_ = sk.partition("#")
    return number, int(round_)


def card_pk(period: str) -> str:
    """`CARD#2026-11`: all scorecards of a month; sorted by `AGENT#id`."""
    return f"CARD#{period}"


def rating_pk(period: str) -> str:
    """`RATING#2026-11`: the supervisors' monthly ratings; sorted by `AGENT#id`."""
    return f"RATING#{period}"


def rating_trail_sk(agent: str, revision: int) -> str:
    """`AGENT#0b7e...#00002`: each version of a rating beside the current one; never overwritten."""
    return f"{agent_pk(agent)}#{revision:05d}"


def evidence_pk(period: str, agent: str) -> str:
    """`EVIDENCE#2026-11#0b7e...`: what the scorecards of one agent's month rest on."""
    return f"EVIDENCE#{period}#{agent}"


def evidence_sk(digest: str, part: int) -> str:
    """`9f86d0...#003`: evidence is kept under its card's digest, so two runs never mix theirs."""
    return f"{digest}#{part:03d}"


def plan_sk(version: int) -> str:
    """`VERSION#00002`: one immutable version of the service plan."""
    return f"VERSION#{version:05d}"


def about_sk(version: int) -> str:
    """`ABOUT#00002`: what a list of the versions says of one, so that it reads no whole plan."""
    return f"ABOUT#{version:05d}"


def run_sk(began_at: datetime) -> str:
    """`RUN#2026-11-23T03:30:00.000+00:00`: the reports of reconciliations sort as they ran."""
    return f"RUN#{began_at.isoformat(timespec='milliseconds')}"


def rehearsal_pk(job: str) -> str:
    """`REHEARSAL#5f0e3a528f3c4c43`: one rehearsal of a plan, or one move of open tickets to one."""
    return f"REHEARSAL#{job}"


def part_sk(part: str) -> str:
    """`PART#2026-11-01T00:00:00+00:00/2026-11-08T12:00:00+00:00#3`: how far one part of it is."""
    return f"{PART_PREFIX}{part}"


def incoming_mail_pk(identity: str) -> str:
    """`ARRIVAL#9f86d0...`: one mail that came in, however often and under whatever name it did."""
    return f"ARRIVAL#{identity}"


def incoming_mail_of(pk: str) -> str:
    """The identity in an `arrival_pk`; raises ValueError for any other key."""
    prefix, _, identity = pk.partition("#")
    if prefix != INCOMING_MAIL or not identity:
        raise ValueError(f"{pk!r} is not the key of a mail that came in")
    return identity


def quarantine_sk(received: datetime, identity: str) -> str:
    """`2026-11-23T01:00:00.000+00:00#9f86d0...`: quarantine, in the open index, as it came."""
    return f"{received.astimezone(UTC).isoformat(timespec='milliseconds')}#{identity}"


def object_pk(key: str) -> str:
    """`OBJECT#9f86d0...`: an object of the bucket of mails, by its key."""
    return f"OBJECT#{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:40]}"


def thread_pk(digest: str) -> str:
    """`THREAD#5f0e3a...`: the ticket of a customer's own mail, by its Message-ID and sender."""
    return f"THREAD#{digest}"


def count_pk(what: str, hour: datetime) -> str:
    """`COUNT#R-7K3M9-QW0X2#2026-11-23T01`: how many mails came about it in this hour of UTC."""
    return f"COUNT#{what}#{hour.astimezone(UTC):%Y-%m-%dT%H}"


def address_pk(address: str) -> str:
    """`ADDRESS#9f86d0...`: what is known of an address, in any case of letters."""
    digest = hashlib.sha256(address.lower().encode("utf-8", "replace")).hexdigest()[:40]
    return f"ADDRESS#{digest}"
