"""When a member of staff counts as gone, and which of their tickets somebody else must take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from redress.plans.rules.plan import PresencePlan
from redress.staff.rules.availability import Availability, Presence
from redress.tickets.rules.ticket import Ticket, next_due

if TYPE_CHECKING:
    # The store of members imports this module, and most functions need no tables of shifts.
    from redress.staff.rules.shifts import Work

ONLINE = (Presence.AVAILABLE, Presence.BUSY)
"""The presences of somebody who is at work."""


@dataclass(frozen=True, slots=True)
class Period:
    """A member of staff was online from `begin` to `end`; `end` is None if they still are."""

    begin: datetime
    end: datetime | None
    presence: Presence


def since(found: Availability) -> datetime:
    """When the member set the presence that they have."""
    return datetime.fromisoformat(found.since)


def gone_at(found: Availability, beat: datetime | None, plan: PresencePlan) -> datetime:
    """From when an online member counts as gone, if nothing more is heard of them.

    `beat` is the last beat of their client. Only a client that beats is expected to go on: a
    version of a client before beats never.
    """
    heard = _heard(found, beat, plan)
    if heard is None:
        return since(found) + timedelta(seconds=plan.unbeaten_after_s)
    return heard + timedelta(seconds=plan.gone_after_s)


def last_sign(found: Availability, beat: datetime | None, plan: PresencePlan) -> datetime:
    """When a member who is gone was at work last: at their last beat, or when they set a presence.

    Nobody knows when somebody left whose client never beats. Then it is when they count as gone.
    """
    return _heard(found, beat, plan) or gone_at(found, beat, plan)


def _heard(found: Availability, beat: datetime | None, plan: PresencePlan) -> datetime | None:
    """When a member with a client that beats was at work last; None if their client does not beat.

    A client beats if it did so since the presence was set, or was expected to beat when it was set:
    a presence is a sign of life like a beat.
    """
    came = since(found)
    if beat is None or beat + timedelta(seconds=plan.gone_after_s) < came:
        return None
    return max(beat, came)


def is_gone(found: Availability, plan: PresencePlan, at: datetime) -> bool:
    """Whether a member is not online, for longer than the grace of the plan."""
    return found.presence not in ONLINE and since(found) + timedelta(seconds=plan.grace_s) <= at


def back_at(
    found: Availability, coming: Work | None, plan: PresencePlan, at: datetime
) -> datetime | None:
    """When an agent who is gone is expected back; None if nobody can say.

    That is when their coming work begins, after shifts and breaks. `coming` is None if they have no
    shift plan. Then, and in a month without a plan, they are expected some time after they went, or
    when the month begins. Who is late is expected for the length of the grace.
    """
    late = at - timedelta(seconds=plan.grace_s)
    expected = since(found) + timedelta(seconds=plan.expected_back_s)
    if coming is None:
        return expected if expected > late else None
    begins = [begin for begin, _ in coming.shifts]
    begins += [max(begin, expected) for begin, end in coming.free if expected < end]
    return min((begin for begin in begins if begin > late), default=None)


def must_leave(ticket: Ticket, agent: str, back: datetime | None) -> bool:
    """Whether a ticket of an agent who is gone must go to somebody else.

    That is so if a promise of staff is due before the agent is `back`, or is running and nobody
    knows when they are. A ticket whose promises are all paused waits for its agent.
    """
    if ticket.assignee != agent or not ticket.needs_agent:
        return False
    due = next_due(ticket)
    return due is not None and (back is None or due < back)


def within(periods: Iterable[Period], begin: datetime, end: datetime) -> list[Period]:
    """The parts of the periods between two instants, each once, in their order.

    Adjacent periods of one presence become one, because setting the same presence again begins a
    new period.
    """
    cut = sorted(
        {
            (max(one.begin, begin), None if one.end is None else min(one.end, end), one.presence)
            for one in periods
            if one.begin < end and (one.end is None or one.end > begin)
        },
        key=lambda one: one[0],
    )
    found: list[Period] = []
    for first, last, presence in cut:
        before = found[-1] if found else None
        if before is not None and (before.end, before.presence) == (first, presence):
            found[-1] = Period(before.begin, last, presence)
        else:
            found.append(Period(first, last, presence))
    return found


def seconds_online(periods: Iterable[Period], until: datetime) -> float:
    """The length of the periods in seconds. One that has not ended counts up to `until`."""
    return sum(((one.end or until) - one.begin).total_seconds() for one in periods)
