"""Presence of members of staff: they come and go, and their clients say that they are open."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from redress.base.errors import NotFound, Unavailable, Unreadable
from redress.base.people import Member
from redress.plans.store.plans import Plans
from redress.staff.cases.signing_in import ATTEMPTS, require_active
from redress.staff.duty.store import DutyStore
from redress.staff.rules.availability import Availability, Presence, has_just_come
from redress.staff.rules.presence import ONLINE
from redress.staff.store import MemberRaced, StaffStore
from redress.tickets.store.tickets import TicketStore


@dataclass(frozen=True, slots=True)
class Heard:
    """The answer to a beat: the presence of the member, and when the next beat is expected.

    `availability` is None if the member never set a presence.
    """

    availability: Availability | None
    again_within_s: int

    @property
    def presence(self) -> Presence:
        return self.availability.presence if self.availability else Presence.OFFLINE


class PresenceCases:
    def __init__(
        self,
        staff: StaffStore,
        duty: DutyStore,
        plans: Plans,
        tickets: TicketStore,
        now: Callable[[], datetime],
    ) -> None:
        self._staff, self._duty, self._plans = staff, duty, plans
        self._tickets, self._now = tickets, now

    def set_presence(self, member: Member, presence: Presence) -> Availability:
        """Record the presence of a member.

        Who becomes available is in no conversation any more, whatever was counted. A conversation
        that came a moment ago goes on: they cannot have meant it if they repeat a request.

        If the member was changed since the request began, the new team and capacity count. Raises
        Forbidden if they have left or were suspended meanwhile.
        """
        for _ in range(ATTEMPTS):
            now = self._now()
            try:
                zone = self._plans.current().time_zone
                working = self._duty.near([member.id], now, zone)[member.id]
                going_on = partial(self._just_come, at=now)
                return self._staff.set_presence(member, presence, now, working, going_on)
            except MemberRaced:
                member = self._staff.member(member.id, consistent=True)
                require_active(member)
        raise Unavailable("your account is being changed by others")

    def _just_come(self, seen: Availability, at: datetime) -> dict[str, int]:
        """The counted conversations to which the agent has had no time to react (`GoingOn`)."""
        found = {}
        for number in seen.conversations:
            with suppress(NotFound, Unreadable):
                ticket = self._tickets.get(number)
                if has_just_come(ticket, seen.agent, at):
                    found[number] = ticket.live_now
        return found

    def beat(self, member: Member) -> Heard:
        """Record that the client of a member is open, if they are online.

        A beat brings nobody back who is away or offline: a laptop that wakes up is not a person at
        work. The answer tells the client.
        """
        again = self._plans.current().presence.beat_s
        try:
            found = self._staff.availability(member.id)
        except NotFound:
            return Heard(None, again)
        if found.presence in ONLINE:
            self._duty.beat(member.id, self._now())
        return Heard(found, again)
