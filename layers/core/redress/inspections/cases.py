"""A leader looks into tickets of the day before, channel by channel, and signs what they found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from itertools import batched
from zoneinfo import ZoneInfo

from redress.base.errors import (
    AlreadyDone,
    Fault,
    Forbidden,
    InspectionChanged,
    InvalidInput,
    NotComplete,
    NotFound,
    Unavailable,
)
from redress.base.people import Member, Role, is_team
from redress.inspections import rules
from redress.inspections.rules import (
    ChannelState,
    Check,
    DrawnList,
    InspectionChange,
    Part,
    Verdict,
)
from redress.inspections.store import InspectionRaced, InspectionStore
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.staff.store import StaffStore
from redress.tickets.cases.staff import WorkItem, work_item
from redress.tickets.rules.access import may_see
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store import ranges
from redress.tickets.store.ranges import Entry, TicketRanges
from redress.tickets.store.tickets import TicketStore

ATTEMPTS = 5
DRAWN_WITHIN = timedelta(days=31)
"""How long after a day its list can still be drawn. A list that was drawn stays."""
MOST_LISTED = 20_000
"""The most tickets of a day among which the list is drawn."""
MOST_READ = 1_000
"""The most tickets of a day that are read until every channel has its number."""
BATCH = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One ticket of a list: as it is now, and the last word about it."""

    item: WorkItem
    check: Check | None


@dataclass(frozen=True, slots=True)
class Channel:
    """The part of a list that is one channel."""

    name: str
    lines: list[Line]
    signed_by: str | None
    signed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Inspection:
    """The list of a team's day as its reader may see it, with its trail, the newest first."""

    drawn: DrawnList
    channels: list[Channel]
    changes: list[InspectionChange]


class InspectionCases:
    def __init__(
        self,
        inspections: InspectionStore,
        staff: StaffStore,
        tickets: TicketStore,
        found: TicketRanges,
        plans: Plans,
        now: Callable[[], datetime],
    ) -> None:
        self._inspections, self._staff, self._tickets = inspections, staff, tickets
        self._ranges, self._plans, self._now = found, plans, now

    def read(self, leader: Member, team: str, day: date) -> Inspection:
        """The list of a team's day. Whoever reads it first draws it.

        Raises Forbidden for another team than the leader's, unless they are a manager, InvalidInput
        for a team that nobody is in and for a day that is not over, and NotFound if no list was
        drawn for a day that is longer ago than DRAWN_WITHIN.
        """
        self._must_lead(leader, team)
        drawn, states = self._inspections.get(team, day)
        if drawn is None:
            drawn, states = self._drawn_by(leader, team, day), {}
        return self._shown(leader, drawn, states)

    def check(
        self,
        leader: Member,
        team: str,
        day: date,
        channel: str,
        number: str,
        content: Callable[[], tuple[Verdict, str, int]],
        source: str,
    ) -> Inspection:
        """Record what a leader found of one ticket of the list.

        `content` reads from the request: the verdict, the note, and the revision of the last word
        that the leader has read, 0 if there was none. The same word by the same leader is recorded
        once. Raises Forbidden for another team, and if the leader worked on the ticket themselves.
        Raises NotFound for a ticket that is not on the list or that they may not see, the errors of
        `content`, InspectionChanged, and AlreadyDone if the channel is signed.
        """
        self._must_lead(leader, team)
        asked = cache(content)

        def decide(drawn: DrawnList, state: ChannelState) -> tuple[ChannelState, InspectionChange]:
            if number not in drawn.entries.get(channel, ()):
                raise NotFound("this ticket is not on the list")
            file = self._tickets.file(number, behind=True)
            if not may_see(leader, file.ticket):
                raise NotFound("this ticket is not on the list")
            if rules.has_worked_on(leader, file.history):
                raise Forbidden("nobody inspects their own work: another leader looks into this")
            verdict, note, revision = asked()
            last = state.checks.get(number)
            same = last is not None and (last.verdict, last.note, last.by) == (
                verdict,
                note,
                leader.id,
            )
            if same:
                raise _Unneeded
            if state.signature_of(number) is not None:
                raise AlreadyDone("this channel was signed off")
            current = last.revision if last else 0
            if revision > current:
                detail = "there is no such revision"
                raise InvalidInput([Fault("/revision", "unknown_revision", detail)])
            if revision < current:
                raise InspectionChanged(current)
            at = self._now()
            after = state.checked(number, Check(verdict, note, leader.id, at, current + 1))
            entry = InspectionChange(
                channel, after.revision, at, leader.id, source, number, verdict, note
            )
            return after, entry

        return self._change(leader, team, day, channel, decide)

    def sign_off(
        self, leader: Member, team: str, day: date, channel: str, source: str
    ) -> Inspection:
        """Sign what was found of the tickets of a channel. After that it stays as it is.

        The signature covers the tickets that the leader may see. The others are another leader's,
        who signs them later. A repeated request of the same leader changes nothing. Raises
        Forbidden for another team, NotFound if the list has no ticket of the channel that the
        leader may see, NotComplete with every ticket that nobody has looked into, and AlreadyDone
        if others have signed all of them.
        """
        self._must_lead(leader, team)

        def decide(drawn: DrawnList, state: ChannelState) -> tuple[ChannelState, InspectionChange]:
            seen = [t.number for t in self._seen(leader, drawn.entries.get(channel, ()))]
            if not seen:
                raise NotFound("the list has no ticket of this channel")
            open_ = [number for number in seen if state.signature_of(number) is None]
            signed_by = {one.by for number in seen if (one := state.signature_of(number))}
            if not open_ and leader.id in signed_by:
                raise _Unneeded
            if not open_:
                raise AlreadyDone("another leader has signed this channel")
            if left := rules.unchecked(open_, state.checks):
                detail = "nobody has looked into this ticket"
                raise NotComplete([Fault(f"/{number}", "unchecked", detail) for number in left])
            at = self._now()
            after = state.signed(leader.id, at, open_)
            return after, InspectionChange(
                channel, after.revision, at, leader.id, source, covers=tuple(open_)
            )

        return self._change(leader, team, day, channel, decide)

    def _change(
        self,
        leader: Member,
        team: str,
        day: date,
        channel: str,
        decide: Callable[[DrawnList, ChannelState], tuple[ChannelState, InspectionChange]],
    ) -> Inspection:
        """Change the state of a channel, and decide again after a lost race."""
        for _ in range(ATTEMPTS):
            drawn, states = self._inspections.get(team, day)
            if drawn is None:
                raise NotFound("no list was drawn for this day")
            before = states.get(channel, ChannelState())
            try:
                after, entry = decide(drawn, before)
            except _Unneeded:
                return self._shown(leader, drawn, states)
            try:
                self._inspections.write(drawn, before, after, entry)
            except InspectionRaced:
                continue
            return self._shown(leader, drawn, {**states, channel: after})
        raise Unavailable("this list is being changed by others")

    # ---------------------------------------------------------------- drawing

    def _drawn_by(self, leader: Member, team: str, day: date) -> DrawnList:
        plan, now = self._plans.current(), self._now()
        today = now.astimezone(ZoneInfo(plan.time_zone)).date()
        if day >= today:
            raise InvalidInput([Fault("/date", "not_over", "this day is not over")])
        if today - day > DRAWN_WITHIN:
            raise NotFound("no list was drawn for this day")
        if not self._staff.has_team(team):
            raise InvalidInput([Fault("/team", "unknown_team", "there is no such team")])
        drawn = self._draw(leader, team, day, plan, now)
        try:
            self._inspections.put(drawn)
        except InspectionRaced:  # another leader has read it at the same time
            found, _ = self._inspections.get(team, day)
            assert found is not None, "a list that was put stays"
            return found
        return drawn

    def _draw(self, leader: Member, team: str, day: date, plan: Plan, now: datetime) -> DrawnList:
        of = ranges.opened_between(*_bounds(day, plan.time_zone))
        each = plan.inspection.each_channel
        entries, more, after = list[Entry](), True, None
        while more and len(entries) < MOST_LISTED:
            page, more = self._ranges.entries(of, after, MOST_LISTED - len(entries))
            entries += page
            after = entries[-1].key if entries else None
        leaders = [one for one in self._staff.members() if one.is_active]
        ordered = rules.order(team, day, (entry.number for entry in entries))
        chosen: dict[Part, dict[str, list[str]]] = {part: defaultdict(list) for part in Part}
        for some in batched(ordered[:MOST_READ], BATCH, strict=False):
            for snapshot in self._ranges.snapshots([Entry("", number) for number in some]):
                ticket = snapshot.ticket()
                part = rules.part_of(ticket, team, leaders) if ticket is not None else None
                if ticket is None or part is None:
                    continue
                # Each part has its own places. Otherwise a missing ticket would tell a supervisor
                # that there is one which they may not see.
                if len(chosen[part][ticket.channel]) < each:
                    chosen[part][ticket.channel].append(ticket.number)
        names = sorted({name for found in chosen.values() for name in found})
        kept = {name: tuple(n for part in Part for n in chosen[part][name]) for name in names}
        complete = not more and len(ordered) <= MOST_READ
        return DrawnList(team, day, now, leader.id, plan.version, each, complete, kept)

    # ---------------------------------------------------------------- reading

    def _must_lead(self, leader: Member, team: str) -> None:
        if leader.role is not Role.MANAGER and team != leader.team:
            raise Forbidden("this is the list of another team")
        if not is_team(team):
            raise InvalidInput([Fault("/team", "unknown_team", "there is no such team")])

    def _seen(self, reader: Member, numbers: tuple[str, ...]) -> list[Ticket]:
        return [t for t in self._tickets.get_readable(list(numbers)) if may_see(reader, t)]

    def _shown(
        self, reader: Member, drawn: DrawnList, states: Mapping[str, ChannelState]
    ) -> Inspection:
        """What a reader may see of a list: nothing of a ticket that they may not see."""
        numbers = tuple(number for some in drawn.entries.values() for number in some)
        seen = {ticket.number: ticket for ticket in self._seen(reader, numbers)}
        channels = []
        for name, drawn_here in drawn.entries.items():
            state = states.get(name, ChannelState())
            lines = [
                Line(work_item(seen[number], reader), state.checks.get(number))
                for number in drawn_here
                if number in seen
            ]
            if lines:
                channels.append(Channel(name, lines, *_signed(state, lines)))
        shown = {channel.name for channel in channels}
        changes = [
            one
            for one in self._inspections.changes(drawn.team, drawn.day)
            if one.channel in shown and _is_seen(one, seen)
        ]
        return Inspection(drawn, channels, sorted(changes, key=lambda one: one.at, reverse=True))


def _signed(state: ChannelState, lines: list[Line]) -> tuple[str | None, datetime | None]:
    """Who signed last of those who signed these lines, and when; None while a line is left."""
    found = [state.signature_of(line.item.number) for line in lines]
    signatures = [one for one in found if one is not None]
    if len(signatures) < len(found):
        return None, None
    last = max(signatures, key=lambda one: one.at)
    return last.by, last.at


def _is_seen(change: InspectionChange, seen: Container[str]) -> bool:
    """Whether an entry of the trail is about a ticket that its reader sees."""
    about = change.covers if change.number is None else (change.number,)
    return not about or any(number in seen for number in about)


class _Unneeded(Exception):
    """What is asked for is already the case."""


def _bounds(day: date, zone: str) -> tuple[datetime, datetime]:
    """The first instant of a day of the time zone, and the first one of the next day."""
    own = ZoneInfo(zone)
    begin = datetime.combine(day, time(), own)
    return begin, datetime.combine(day + timedelta(days=1), time(), own)
