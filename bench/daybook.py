"""What the day wrote, in the order in which it was written: presence, loads and tickets.

The table's stream has every state of every item once. So it shows an agent's load at each moment,
and what the router could read when it decided. `Daybook` reads it while the day is played.
`assignments` and `openings` look back when the histories are known.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bench.engine import STREAM_API, Engine
from local import stack
from redress.base.people import Role
from redress.db import keys
from redress.db.rows import Models
from redress.plans.rules.plan import Plan
from redress.staff.rules.availability import Availability
from redress.staff.rules.eligibility import ALL_ATTENTION, need_of, reasons
from redress.staff.store import availability_of
from redress.tickets.rules.ticket import Event, EventType, Ticket
from redress.tickets.store import items

POLL_S = 0.3
PAGE = 1000
_ROWS = Models("any", stack.REGION)
"""Only to read rows; it calls no service."""


_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Duty:
    """An agent's availability, as a record has it.

    `read_at` is when the record was read, so it was written at that time or earlier.
    """

    availability: Availability
    read_at: datetime = _LONG_AGO


@dataclass(frozen=True, slots=True)
class Head:
    """A ticket's snapshot, as a record has it."""

    ticket: Ticket


type Entry = Duty | Head


def entry_of(record: Mapping[str, Any], read_at: datetime) -> Entry | None:
    """What a record of the stream says about an agent or a ticket; None for any other record."""
    image = record["dynamodb"].get("NewImage")
    if image is None:
        return None
    match image["sk"]["S"]:
        case keys.AVAILABILITY:
            row = _ROWS.availability()
            row.deserialize(image)
            return Duty(availability_of(row), read_at)
        case keys.TICKET:
            return Head(items.ticket_of(image["doc"]["S"]))
    return None


def fitting(
    ticket: Ticket, plan: Plan, agents: Iterable[Availability], at: datetime
) -> list[Availability]:
    """The agents who may get a ticket."""
    need = need_of(ticket, plan, at)
    return [one for one in agents if not reasons(ticket, need, one, at)]


class Daybook:
    """Reads the stream of the table until it is closed. All methods may be called by any thread."""

    def __init__(self, endpoint: str, table: str, plan: Plan) -> None:
        self._plan = plan
        self._engine = Engine(endpoint, stack.REGION, STREAM_API)
        stream = self._engine.call("ListStreams", TableName=table)["Streams"][0]["StreamArn"]
        described = self._engine.call("DescribeStream", StreamArn=stream)["StreamDescription"]
        self._iterator: str = self._engine.call(
            "GetShardIterator",
            StreamArn=stream,
            ShardId=described["Shards"][-1]["ShardId"],
            ShardIteratorType="TRIM_HORIZON",
        )["ShardIterator"]
        self._entries: list[Entry] = []
        self._duties: dict[str, Availability] = {}
        self._tickets: dict[str, Ticket] = {}
        self._lock, self._over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._failure: Exception | None = None
        self._thread.start()

    def _follow(self) -> None:
        try:
            while not self._over.is_set():
                if not self._read():
                    time.sleep(POLL_S)
            while self._read():
                pass
        except Exception as error:  # raised by `entries`, in the thread of the benchmark
            self._failure = error

    def _read(self) -> bool:
        """Reads the next page. Returns whether there was one."""
        found = self._engine.call("GetRecords", ShardIterator=self._iterator, Limit=PAGE)
        self._iterator, at = found["NextShardIterator"], datetime.now(UTC)
        new = [one for record in found["Records"] if (one := entry_of(record, at)) is not None]
        with self._lock:
            self._entries += new
            for entry in new:
                match entry:
                    case Duty(availability):
                        self._duties[availability.agent] = availability
                    case Head(ticket):
                        self._tickets[ticket.number] = ticket
        return bool(found["Records"])

    def close(self) -> None:
        """Reads what is there, and ends."""
        self._over.set()
        self._thread.join()
        with contextlib.suppress(OSError):
            self._engine.close()

    @property
    def entries(self) -> list[Entry]:
        """Everything that was read so far, in the order in which it was written."""
        if self._failure is not None:
            raise self._failure
        with self._lock:
            return list(self._entries)

    def loaded(self) -> list[str]:
        """The agents who have work now."""
        with self._lock:
            return [agent for agent, one in self._duties.items() if one.load > 0]

    def waiting(self) -> int:
        """How many tickets wait for an agent although one may take them now."""
        with self._lock:
            duties = list(self._duties.values())
            tickets = [one for one in self._tickets.values() if _waits(one)]
        now = datetime.now(UTC)
        return sum(bool(fitting(ticket, self._plan, duties, now)) for ticket in tickets)


def _waits(ticket: Ticket) -> bool:
    return ticket.needs_agent and ticket.assignee is None


# ------------------------------------------------------------------------------ looking back


@dataclass(frozen=True)
class History:
    """The events of a ticket: `states[i]` is the ticket after `events[i]`."""

    events: Sequence[Event]
    states: Sequence[Ticket]

    @property
    def number(self) -> str:
        return self.states[0].number


@dataclass(frozen=True, slots=True)
class Assignment:
    """A ticket that the router gave to an agent: the state in which it decided, and the decision.

    `availabilities` are those just before the assignment was written. If `settled`, those of the
    agent's team were written before the router began to decide, so they are what it has read.
    """

    ticket: Ticket
    availabilities: tuple[Availability, ...]
    agent: str
    at: datetime
    decision: Mapping[str, Any]
    """What the event says about the decision."""
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Opening:
    """A ticket that was opened. `free` says whether an agent could take it at once, beside all
    tickets that waited then. `assigned_at` is None if the router has not given it to anybody.
    """

    ticket: Ticket
    at: datetime
    free: bool
    assigned_at: datetime | None

    @property
    def waited_s(self) -> float | None:
        """Seconds from the opening to the first assignment by the router."""
        if self.assigned_at is None:
            return None
        return (self.assigned_at - self.at).total_seconds()


@dataclass(frozen=True, slots=True)
class Moment:
    """The state just before the entry that wrote this version of a ticket."""

    number: str
    version: int
    before: int
    """The version of the ticket before; 0 if it was opened."""
    duties: Mapping[str, tuple[Duty, ...]]
    """The last two states of each agent's availability, or the only one, newest last."""
    waiting: tuple[Ticket, ...]


def moments(entries: Iterable[Entry], wanted: Mapping[str, set[int]]) -> Iterator[Moment]:
    """The moments at which the wanted versions of tickets were written."""
    duties: dict[str, tuple[Duty, ...]] = {}
    tickets: dict[str, Ticket] = {}
    waiting: dict[str, Ticket] = {}
    for entry in entries:
        match entry:
            case Duty(found):
                duties[found.agent] = (*duties.get(found.agent, ())[-1:], entry)
            case Head(ticket):
                number, known = ticket.number, tickets.get(ticket.number)
                before = known.version if known is not None else 0
                versions = range(before + 1, ticket.version + 1)
                if not wanted.get(number, set()).isdisjoint(versions):
                    others = tuple(one for one in waiting.values() if one.number != number)
                    yield Moment(number, ticket.version, before, dict(duties), others)
                tickets[number] = ticket
                waiting.pop(number, None)
                if _waits(ticket):
                    waiting[number] = ticket


def assigned_by_router(history: History) -> list[int]:
    """The places of the events with which the router gave the ticket to an agent."""
    return [
        place
        for place, event in enumerate(history.events)
        if event.type is EventType.ASSIGNED and event.by.role is Role.SYSTEM
    ]


def assignments(entries: Iterable[Entry], histories: Mapping[str, History]) -> list[Assignment]:
    """All assignments by the router, in the order in which they were written."""
    places = {number: assigned_by_router(one) for number, one in histories.items()}
    wanted = {number: {place + 1 for place in found} for number, found in places.items()}
    found = []
    for moment in moments(entries, wanted):
        history = histories[moment.number]
        for place in places[moment.number]:
            if moment.before < place + 1 <= moment.version:
                event = history.events[place]
                agent = event.data["agent"]
                states = [
                    _before(pair, event) if one == agent else pair[-1]
                    for one, pair in sorted(moment.duties.items())
                ]
                availabilities = tuple(one.availability for one in states)
                team = next((one.team for one in availabilities if one.agent == agent), None)
                settled = all(
                    one.read_at < event.at for one in states if one.availability.team == team
                )
                ticket = history.states[place - 1]
                decision = event.data.get("decision", {})
                found.append(Assignment(ticket, availabilities, agent, event.at, decision, settled))
    return found


def _before(pair: tuple[Duty, ...], event: Event) -> Duty:
    """The availability before the assignment, whose transaction may have written it already."""
    written = event.at.isoformat(timespec="milliseconds")
    return pair[0] if pair[-1].availability.last_assigned == written else pair[-1]


def openings(
    entries: Iterable[Entry], histories: Mapping[str, History], plan: Plan
) -> list[Opening]:
    """All tickets that were opened, in the order in which they were written."""
    wanted = {number: {1} for number in histories}
    found = []
    for moment in moments(entries, wanted):
        history = histories[moment.number]
        opened = history.states[0]
        given = assigned_by_router(history)
        found.append(
            Opening(
                opened,
                history.events[0].at,
                has_room(opened, plan, moment, history.events[0].at),
                history.events[given[0]].at if given else None,
            )
        )
    return found


def has_room(ticket: Ticket, plan: Plan, moment: Moment, at: datetime) -> bool:
    """Whether its agents have more room than all tickets need that wait for them.

    An agent has room for one more live conversation at most.
    """
    agents = [pair[-1].availability for pair in moment.duties.values()]
    found, need = fitting(ticket, plan, agents, at), need_of(ticket, plan, at)
    room = sum(1 if need.weight else one.capacity - one.load for one in found)
    return room > sum(need_of(one, plan, at).team == need.team for one in moment.waiting)


def over_capacity(entries: Iterable[Entry]) -> list[Availability]:
    """Every written state of an agent with more work, or more live work, than they may have.

    Live work is what was stored, and what the tickets of the counted conversations say.
    """
    duties: dict[str, Availability] = {}
    tickets: dict[str, Ticket] = {}
    found = []
    for entry in entries:
        match entry:
            case Duty(one):
                duties[one.agent] = one
                over = one.load > one.capacity or one.live > ALL_ATTENTION
            case Head(ticket):
                tickets[ticket.number] = ticket
                if ticket.assignee not in duties:
                    continue
                one, over = duties[ticket.assignee], False
        theirs = [tickets[number] for number in one.conversations if number in tickets]
        live = sum(ticket.live_now for ticket in theirs if ticket.assignee == one.agent)
        if over or live > ALL_ATTENTION:
            found.append(one)
    return found


def unevenness(counts: Mapping[str, int], groups: Mapping[str, str]) -> dict[str, float]:
    """How far the agent who is furthest from the mean of their group is from it, by group.

    `counts` are assignments by agent; `groups` names the group of each agent. 0.1 is 10 %. It is 0
    if no two agents differ by more than one ticket, because a ticket cannot be divided.
    """
    found = {}
    ordered = sorted(groups, key=lambda agent: (groups[agent], agent))
    for group, agents in itertools.groupby(ordered, key=lambda agent: groups[agent]):
        numbers = [counts.get(agent, 0) for agent in agents]
        mean = sum(numbers) / len(numbers)
        even = max(numbers) - min(numbers) <= 1
        found[group] = 0.0 if even else max(abs(number - mean) for number in numbers) / mean
    return found
