"""Notice who is gone, and give their urgent work to others. The sweep does it every few minutes.

It also notices conversations that are over, so that they keep no work from their agents.

One query finds everybody who is online, and everybody who went and may have tickets. So nothing is
read of members who are at home without work, and no execution runs for anybody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from redress.base.errors import NotFound, Unreadable, VersionConflict
from redress.plans.rules.plan import Plan, PresencePlan
from redress.plans.store.plans import Plans
from redress.staff.duty.store import DutyStore, Standing
from redress.staff.rules import presence as rules
from redress.staff.rules.availability import Availability, goes_on
from redress.staff.rules.shifts import Interval, within
from redress.staff.store import StaffStore
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_system
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.tickets import TicketStore

PAGE = 100
COMING = timedelta(days=31)
"""How far ahead the next shift of an agent who is gone is looked for."""
COMPARED = timedelta(hours=12)
"""How far back and ahead a copy of shifts is compared with the plan. A copy reaches further, so it
is written anew once or twice a day."""
MOST_LOOKED_AT = 300
"""The most tickets of members who are gone that one sweep reads. The next sweep reads the rest: it
begins with those members whom nobody has looked at for longest."""


def near(working: Iterable[tuple[str, str]] | None, now: datetime) -> list[Interval] | None:
    """The parts of a copy that lie near a time; None if it says that a member may work always."""
    if working is None:
        return None
    spans = [(datetime.fromisoformat(one), datetime.fromisoformat(end)) for one, end in working]
    return within(spans, now - COMPARED, now + COMPARED)


class AbsenceWatch:
    def __init__(
        self,
        staff: StaffStore,
        duty: DutyStore,
        lists: TicketLists,
        changes: TicketChanges,
        plans: Plans,
        tickets: TicketStore,
        now: Callable[[], datetime],
    ) -> None:
        self._staff, self._duty, self._lists, self._tickets = staff, duty, lists, tickets
        self._changes, self._plans, self._now = changes, plans, now

    def watched(self) -> dict[str, datetime]:
        """The members whom the sweep looks at, and since when they are online or offline.

        They are online, or they are offline and may still have tickets.
        """
        return self._duty.watched()

    def watch(self, watched: Mapping[str, datetime]) -> dict[str, int]:
        """Make those offline whose clients are silent, and queue urgent tickets of who is gone.

        `watched` are the members whom `watched()` has just returned. Returns how many members went
        `offline`, how many tickets were `released`, and of how many agents conversations `ended`,
        without zeros.
        """
        if not watched:
            return {}  # a sweep reads no plan while nobody is online
        now = self._now()
        current = self._plans.current()
        plan, zone = current.presence, current.time_zone
        soonest = timedelta(seconds=min(plan.gone_after_s, plan.unbeaten_after_s, plan.grace_s))
        done: Counter[str] = Counter()
        online = list[Availability]()
        read = 0
        due = [agent for agent, since in watched.items() if since <= now - soonest]
        for standing in self._duty.standings(due):
            found = standing.availability
            if found.presence in rules.ONLINE:
                gone = self._expired(standing, plan, now)
                done["offline"] += gone is not None
                found = gone or found
                if gone is None:
                    online.append(found)
                    done["ended"] += self._end_conversations(found, now)
            if rules.is_gone(found, plan, now) and read < MOST_LOOKED_AT:
                looked, released = self._release(found, plan, zone, now)
                read += looked
                done["released"] += released
        self._refresh(online, zone, now)
        return {name: count for name, count in done.items() if count}

    def _expired(
        self, standing: Standing, plan: PresencePlan, now: datetime
    ) -> Availability | None:
        """The availability of a member after they were made offline; None if they were not."""
        found, beat = standing.availability, standing.beat
        if rules.gone_at(found, beat, plan) > now:
            return None
        if not self._staff.expire(found, rules.last_sign(found, beat, plan)):
            return None  # they set another presence just now
        return self._staff.availability(found.agent)

    def _release(
        self, found: Availability, plan: PresencePlan, zone: str, now: datetime
    ) -> tuple[int, int]:
        """Queue the tickets of a member who is gone that cannot wait until they are back.

        Returns how many tickets were read, and how many were queued.
        """
        agent = found.agent
        coming = self._duty.work([agent], now - timedelta(days=1), now + COMING, zone)[agent]
        back = rules.back_at(found, coming, plan, now)
        looked = released = 0
        for number in self._owned(found.agent):
            looked += 1
            released += self._is_released(number, found.agent, back)
        if self._staff.availability(found.agent).load:
            self._duty.looked_at(found, now)
        else:
            self._duty.forget(found)
        return looked, released

    def _end_conversations(self, found: Availability, now: datetime) -> bool:
        """Let conversations that are over take attention of an agent no longer.

        After a rollback an agent may have some that are long over, because a version before does
        not end them. If a version before counted them, it did not store which they are. So all
        tickets of the agent are read then.
        """
        if not found.is_in_conversation:
            return False
        going_on = {}
        for number in found.conversations or self._owned(found.agent):
            with suppress(NotFound, Unreadable):
                ticket = self._tickets.get(number)
                if goes_on(ticket, found.agent, now):
                    going_on[number] = ticket.live_now
        if sum(going_on.values()) == found.live and going_on.keys() == found.conversations:
            return False
        return self._staff.end_conversations(found, going_on)

    def _refresh(self, online: Iterable[Availability], zone: str, now: datetime) -> None:
        """Copy the shifts of members who are online again, where the copy says something else.

        The copy of somebody who is online for long runs out. If an import came between the read and
        the write of a presence, or of another import, the copy is one of before.
        """
        copies = {one.agent: one.working for one in online}
        for agent, working in self._duty.near(copies, now, zone).items():
            if near(copies[agent], now) != near(working, now):
                self._duty.set_near(agent, working)

    def _is_released(self, number: str, agent: str, back: datetime | None) -> bool:
        done = False

        def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            nonlocal done
            done = rules.must_leave(ticket, agent, back) and self._is_still_gone(agent)
            return by_system.take_back(ticket, plan, at) if done else None

        try:
            self._changes.change(number, decide)
        except (NotFound, Unreadable, VersionConflict):
            return False  # the next sweep looks again
        return done

    def _is_still_gone(self, agent: str) -> bool:
        return self._staff.availability(agent).presence not in rules.ONLINE

    def _owned(self, agent: str) -> Iterator[str]:
        """The numbers of the tickets of an agent, next due first."""
        cursor = None
        while True:
            page = self._lists.owned_by(agent, PAGE, cursor)
            yield from page.numbers
            cursor = page.cursor
            if cursor is None:
                return
