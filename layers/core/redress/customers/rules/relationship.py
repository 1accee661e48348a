"""Relationship calls: when a customer is called next though no ticket asks for it.

The plan says for each customer type how often (`plans.rules.relationship`). Each function returns
the profile after one change. A planned time is the opening of the plan's calendar on a day, so a
call is never planned for a holiday or a night. The days are those of the plan's time zone.

A clock runs from the planned time, with the ladder of the plan. It is the one of promises, so the
same rules say which rung is due when.

A date that is planned stays if the plan changes. The interval of the new plan counts from the next
call that is recorded; its team, its times and its ladder count at once.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from copy import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from redress.base.errors import CallNotPossible, Fault, InvalidInput
from redress.base.people import Role
from redress.clocks.rules import clocks
from redress.clocks.rules.clocks import Clock, DueRung
from redress.customers.rules.profile import (
    MOST_CALLS,
    CallOutcome,
    CallPlan,
    Profile,
    Refusal,
    RelationshipCall,
)
from redress.plans.rules.plan import Plan
from redress.plans.rules.relationship import CallRule, rule

CLOCK = "relationship_call"
"""The name of the clock of a planned call."""
NOTES_LIMIT = 2_000
MOST_AHEAD = timedelta(days=366)
"""How far ahead a call can be moved."""
_WITH_REASON = (CallOutcome.MOVED, CallOutcome.DECLINED)


class CallReport(Struct, frozen=True):
    """What a member of staff reports about a relationship call.

    `ticket` is the ticket that the call led to. `date` is the day to which it is moved, as somebody
    typed it, or None.
    """

    outcome: CallOutcome
    notes: str
    ticket: str | None = None
    date: str | None = None


# ---------------------------------------------------------------------- planning


def aligned(profile: Profile, plan: Plan, at: datetime, *, spread: bool = False) -> Profile:
    """Bring the planned call of a profile in line with a plan. It may be repeated.

    A customer whose type has calls, and who has no date by the rule of this type, gets one: an
    interval after the last call that reached them, or after today. With `spread` the first dates of
    many customers lie on all days of the interval, so that a team need not call all of them at
    once. A customer whose type has no calls any more has no date; who calls and what the customer
    refused is kept.
    """
    if profile.merged_into is not None:
        return profile
    found, calls = rule(plan, profile.type), profile.calls
    if found is None:
        return _without_date(profile)
    if calls is not None and calls.refused is not None:
        return replace(profile, calls=replace(calls, type=profile.type, team=found.team))
    if calls is not None and calls.clock is not None and calls.type == profile.type:
        kept = _clock(plan, found, calls.clock.started_at)
        kept = replace(kept, fired=calls.clock.fired)
        calls = replace(calls, team=found.team, clock=kept)
        return replace(profile, calls=_armed(calls, plan))
    begin = _opening(_first_day(profile, found, plan, at, spread=spread), plan, found)
    calls = calls or CallPlan(profile.type)
    calls = replace(calls, type=profile.type, team=found.team, tries=0)
    return replace(profile, calls=_dated(calls, plan, found, begin))


def _without_date(profile: Profile) -> Profile:
    """The profile without a planned call, if its type has none."""
    calls = profile.calls
    if calls is None:
        return profile
    if calls.owner is None and calls.refused is None:
        return replace(profile, calls=None)
    kept = replace(calls, type=profile.type, team="", clock=None, wake_at=None, tries=0)
    return replace(profile, calls=kept)


def _first_day(
    profile: Profile, found: CallRule, plan: Plan, at: datetime, *, spread: bool
) -> date:
    """The day on which a customer without a date is called, not before today."""
    today = _local_day(at, plan)
    reached = [one.at for one in profile.calls_made if one.outcome is CallOutcome.REACHED]
    if reached:
        return max(today, found.every.after(_local_day(max(reached), plan)))
    last = found.every.after(today)
    if not spread:
        return last
    # The same profile always gets the same place, whichever run plans it.
    place = zlib.crc32(profile.id.encode()) % (last - today).days
    return today + timedelta(days=1 + place)


def _local_day(at: datetime, plan: Plan) -> date:
    return at.astimezone(ZoneInfo(plan.time_zone)).date()


def _opening(day: date, plan: Plan, found: CallRule) -> datetime:
    """The first instant of a day, or of the next one that has any, at which staff call."""
    midnight = datetime.combine(day, time(), ZoneInfo(plan.time_zone)).astimezone(UTC)
    return plan.calendar(found.promise.calendar).next_open(midnight)


def _clock(plan: Plan, found: CallRule, begin: datetime) -> Clock:
    promise = found.promise
    return clocks.start(
        promise.target_s,
        begin,
        plan.calendar(promise.calendar),
        name=promise.calendar,
        ladder=promise.ladder,
    )


def _dated(calls: CallPlan, plan: Plan, found: CallRule, begin: datetime) -> CallPlan:
    """Plan the next call for this time. No rung has acted for it."""
    return _armed(replace(calls, date=calls.date + 1, clock=_clock(plan, found, begin)), plan)


def _armed(calls: CallPlan, plan: Plan) -> CallPlan:
    """Compute when the next rung is due."""
    left = _coming(calls, plan)
    return replace(calls, wake_at=left[0].due_at if left else None)


def _coming(calls: CallPlan, plan: Plan) -> list[DueRung]:
    if calls.clock is None:
        return []
    ladder = plan.ladder(CLOCK, calls.clock, by_mail=False)
    return sorted(clocks.coming(CLOCK, calls.clock, ladder), key=lambda one: one.due_at)


# ---------------------------------------------------------------------- what staff do


def reported(profile: Profile, plan: Plan, report: CallReport, by: str, at: datetime) -> Profile:
    """Record a call. Its outcome says when the next one is.

    Reached: an interval after today. Not reached: after the time of the plan, or an interval after
    today if it was the last try. Moved: on the day that is given. Declined: never, until somebody
    resumes the calls. Raises InvalidInput with every fault, and CallNotPossible if no call is
    planned.
    """
    profile = aligned(profile, plan, at)
    found, calls = rule(plan, profile.type), profile.calls
    begin, faults = None, list[Fault]()
    if report.outcome in _WITH_REASON and not report.notes:
        faults.append(Fault("/notes", "required", "say why"))
    if report.outcome is CallOutcome.MOVED:
        if found is not None:
            begin = _given_time(report.date, plan, found, at, faults)
    elif report.date:
        detail = "only a call that is moved has a date"
        faults.append(Fault("/date", "not_used", detail))
    if faults:
        raise InvalidInput(faults)
    if calls is None or calls.clock is None or found is None:
        refused = calls is not None and calls.refused is not None
        detail = "the customer wants no calls; resume them first" if refused else "none is planned"
        raise CallNotPossible(f"there is no relationship call to record: {detail}")
    match report.outcome:
        case CallOutcome.DECLINED:
            refusal = Refusal(at, by)
            calls = replace(calls, clock=None, wake_at=None, tries=0, refused=refusal)
        case CallOutcome.NOT_REACHED if calls.tries + 1 < found.tries:
            calendar = plan.calendar(found.promise.calendar)
            begin = calendar.next_open(calendar.add(at, found.again_s))
            calls = _dated(replace(calls, tries=calls.tries + 1), plan, found, begin)
        case CallOutcome.MOVED:
            assert begin is not None, "`_given_time` has found no fault"
            calls = _dated(calls, plan, found, begin)
        case _:
            begin = _opening(found.every.after(_local_day(at, plan)), plan, found)
            calls = _dated(replace(calls, tries=0), plan, found, begin)
    next_at = calls.clock.started_at if calls.clock else None
    made = RelationshipCall(at, by, report.outcome, report.notes, report.ticket, next_at)
    return replace(profile, calls=calls, calls_made=(*profile.calls_made, made)[-MOST_CALLS:])


def resumed(profile: Profile, plan: Plan, date_: str | None, at: datetime) -> Profile:
    """Plan calls again for a customer who wanted none: for the given day, or after an interval.

    Raises InvalidInput for a wrong day, and CallNotPossible if the calls are not stopped.
    """
    found, calls = rule(plan, profile.type), profile.calls
    faults, begin = list[Fault](), None
    if date_ is not None and found is not None:
        begin = _given_time(date_, plan, found, at, faults)
    if faults:
        raise InvalidInput(faults)
    if calls is None or calls.refused is None:
        raise CallNotPossible("the calls to this customer are not stopped")
    profile = replace(profile, calls=replace(calls, refused=None))
    if begin is None or found is None:
        return aligned(profile, plan, at)
    begun = replace(calls, refused=None, type=profile.type, team=found.team)
    return replace(profile, calls=_dated(begun, plan, found, begin))


def owned(profile: Profile, plan: Plan, owner: str | None, at: datetime) -> Profile:
    """Say who makes the relationship calls. Raises CallNotPossible if the plan plans none."""
    profile = aligned(profile, plan, at)
    if profile.calls is None or rule(plan, profile.type) is None:
        raise CallNotPossible("the plan has no relationship calls to customers of this type")
    return replace(profile, calls=replace(profile.calls, owner=owner))


def _given_time(
    text: str | None, plan: Plan, found: CallRule, at: datetime, faults: list[Fault]
) -> datetime | None:
    """When the call on a day that somebody typed is planned; None if there is a fault."""
    day = _day_of(text or "")
    if day is None:
        detail = "a day such as 2026-12-24 is expected"
        faults.append(Fault("/date", "date_expected", detail))
        return None
    today = _local_day(at, plan)
    if not today <= day <= today + MOST_AHEAD:
        detail = f"from {today} to {today + MOST_AHEAD}"
        faults.append(Fault("/date", "not_in_time", detail))
        return None
    begin = _opening(day, plan, found)
    if (open_day := _local_day(begin, plan)) != day:
        detail = f"nobody works on this day; the next one is {open_day}"
        faults.append(Fault("/date", "not_a_working_day", detail))
        return None
    return begin


def _day_of(text: str) -> date | None:
    if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text, re.ASCII) is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


# ---------------------------------------------------------------------- merging


def merged_calls(target: Profile, other: Profile) -> CallPlan | None:
    """The planned call of a profile into which another one is merged: the earlier of both.

    A customer who wants no calls under one of them wants none. `aligned` then applies the rule of
    the target's type.
    """
    own, further = target.calls, other.calls
    if own is None or further is None:
        if further is None or further.refused is None:
            return own
        return CallPlan(target.type, refused=further.refused)
    owner, refused = own.owner or further.owner, own.refused or further.refused
    if refused is not None:
        return replace(own, owner=owner, clock=None, wake_at=None, tries=0, refused=refused)
    clock, others = own.clock, further.clock
    if clock is not None and others is not None and others.started_at < clock.started_at:
        date_ = max(own.date, further.date) + 1
        return replace(own, owner=owner, date=date_, clock=others, tries=further.tries)
    return replace(own, owner=owner)


def merged_records(
    one: Iterable[RelationshipCall], other: Iterable[RelationshipCall]
) -> tuple[RelationshipCall, ...]:
    """The records of the calls of two profiles, the newest MOST_CALLS."""
    return tuple(sorted({*one, *other}, key=lambda call: call.at)[-MOST_CALLS:])


# ---------------------------------------------------------------------- the ladder


class Notice(Struct, frozen=True):
    """A notice to staff about a planned call: which date it is about, the step, and whom it tells.

    `date` is its number (`CallPlan.date`) and `planned` its time. The number alone does not
    identify it: if a customer's type has no calls for a while, the numbers begin again at 1.
    `role` is `agent` for the owner of the calls, or the supervisors of the team if they have none.
    """

    customer: str
    date: int
    step: str
    role: str
    planned: datetime


def climbed(profile: Profile, plan: Plan, at: datetime) -> tuple[Profile, list[Notice]]:
    """Act on every rung that is due: the profile after it, and the notices.

    The profile is first brought in line with the plan.
    """
    profile = aligned(profile, plan, at)
    calls = profile.calls
    if calls is None or calls.clock is None:
        return profile, []
    due = [one for one in _coming(calls, plan) if one.due_at <= at]
    clock = calls.clock
    for one in due:
        clock = clocks.fire(clock, one.step)
    notices = [
        Notice(profile.id, calls.date, one.step, role, clock.started_at)
        for one in due
        for role in _told(calls, one.rung.notify)
    ]
    return replace(profile, calls=_armed(replace(calls, clock=clock), plan)), notices


def _told(calls: CallPlan, notify: Iterable[str]) -> list[str]:
    """The roles that a rung tells. Without an owner the supervisors get one notice, not two."""
    roles = list(dict.fromkeys(notify))
    if calls.owner is None and Role.SUPERVISOR in roles:
        roles = [role for role in roles if role != Role.AGENT]
    return roles


def planned_seconds(planned: datetime) -> int:
    """A planned time as a notice names it: in seconds since 1970."""
    return int(planned.timestamp())


def reason_to_skip(profile: Profile, date_: int, planned: int = 0) -> str | None:
    """Why a notice about a planned time is outdated; None if it is valid.

    `date_` is its number (`CallPlan.date`), `planned` its `planned_seconds`; 0 if the notice does
    not name them.
    """
    calls = profile.calls
    if profile.merged_into is not None:
        return "the profile was merged"
    if calls is None or calls.clock is None or calls.date != date_:
        return "the call was made or moved"
    if planned and planned_seconds(calls.clock.started_at) != planned:
        return "the call was planned anew"
    return None


def is_overdue(calls: CallPlan, at: datetime) -> bool:
    """Whether nobody has made a planned call in time."""
    return calls.clock is not None and clocks.overdue(calls.clock, at)
