"""The steps of calls: the record of a call opens a ticket, or is added to one.

What a record tells of a promise is known only after the call. It is entered with its true time as a
correction: pick-up counts from when the caller left the menu.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from redress.base.errors import NotAllowedNow
from redress.base.people import CUSTOMER, SYSTEM, Actor
from redress.clocks.rules.clocks import Clock, ClockName, ClockState
from redress.plans.rules.plan import Plan
from redress.tickets.rules.calls import Call, Direction
from redress.tickets.rules.change import Change
from redress.tickets.rules.preference import PHONE
from redress.tickets.rules.steps.draft import Draft, require_possible, step_of_correction
from redress.tickets.rules.steps.opening import kept_by_speaking, opened_data
from redress.tickets.rules.steps.table import STEPS, Step
from redress.tickets.rules.submission import Submission
from redress.tickets.rules.ticket import EventType, Ticket

RECORDED = "the record of the call says so"
SPOKE = "spoke with the customer"
HAS_TICKET = "has the ticket that the call is about"
AFTERWARDS = timedelta(minutes=5)
"""How long after the end of a call, or of the work after it, its agent may open its ticket."""


def open_for_call(
    submission: Submission,
    number: str,
    plan: Plan,
    call: Call,
    by: Actor,
    at: datetime,
    source: Mapping[str, str],
    *,
    asked: datetime | None = None,
    about: Ticket | None = None,
) -> Change:
    """Open a ticket for a call that has none, or a callback for a missed call about a ticket.

    If nobody spoke with the caller, the ticket is a callback: the promises of a live call end with
    the call, and the plan says until when the caller is called back. `asked` says that the call is
    the callback itself, and from when on it was due: it keeps that promise if the customer was
    reached. The ticket is offered first to the agent who spoke with the customer; after a missed
    call, to the agent of the ticket that the call is `about`.
    """
    data = opened_data(submission, number, plan, source=source)
    calls_back = call.is_unanswered or asked is not None
    if calls_back:
        data["missed_call"] = True
    draft = Draft(None, plan, CUSTOMER, at).add(EventType.OPENED, data)
    if submission.contact.email is None and not calls_back:
        draft.add(EventType.ACKNOWLEDGED, {"by": "agent"}, by)
    _add(draft, plan, call, source["connector"], by, at, opened=True, asked=asked)
    if call.agent is not None and not (call.is_unanswered or call.is_unreached):
        _prefer(draft, call.agent, SPOKE)
    elif about is not None and about.needs_agent and about.team == draft.after.team:
        _prefer(draft, about.assignee, HAS_TICKET)
    return draft.change()


def opened_until(call: Call, at: datetime) -> datetime:
    """Return until when an agent may have opened the ticket of a call."""
    return (call.after_work_ended or call.ended or at) + AFTERWARDS


def record(
    ticket: Ticket,
    plan: Plan,
    call: Call,
    connector: str,
    by: Actor,
    at: datetime,
    written: Iterable[datetime] = (),
    *,
    opened: bool = False,
    merged: Ticket | None = None,
    keeps: bool = True,
    asked: datetime | None = None,
    takes_over: bool = False,
) -> Change:
    """Add the record of a call to a ticket. A later record of the same call is one more event.

    `opened` says that the ticket was opened for this call, whenever that was. `written` are the
    times of the customer's messages. Those after the answer stay unanswered. `merged` is the ticket
    of the call, if that was merged into this one. `keeps` is False for a part of the call whose
    customer had spoken with somebody before: it keeps no promise. `asked` is from when on the
    callback was due that the customer had asked for, if this is it and the ticket was opened for
    it. `takes_over` says that the call was transferred to its agent while the ticket waited for the
    one before: now it is offered to this one first.
    """
    require_possible(Step.RECORD_CALL, ticket)
    draft = Draft(ticket, plan, by, at)
    _add(
        draft,
        plan,
        call,
        connector,
        by,
        at,
        written,
        opened=opened,
        merged=merged,
        keeps=keeps,
        asked=asked,
    )
    if takes_over:
        _prefer(draft, call.agent, SPOKE)
    return draft.change()


def _prefer(draft: Draft, agent: str | None, why: str) -> None:
    """Offer the ticket first to this agent. Nothing happens without one."""
    if agent is not None:
        queued = {"from": None, "why": why, "team": draft.after.team, "preferred": agent}
        draft.add(EventType.QUEUED, queued, SYSTEM)


def _add(
    draft: Draft,
    plan: Plan,
    call: Call,
    connector: str,
    by: Actor,
    at: datetime,
    written: Iterable[datetime] = (),
    *,
    opened: bool = False,
    merged: Ticket | None = None,
    keeps: bool = True,
    asked: datetime | None = None,
) -> None:
    ticket = draft.after
    if asked is not None and plan.missed_call is None:
        asked = call.waited_from  # the plan promises no callback, so nobody was late before
    kept = kept_promise(ticket, call, at, opened=opened, merged=merged, asked=asked)
    correction = kept if keeps else {}
    if correction:
        _correct(draft, call, by, correction, written)
    data = call.data() | {"connector": connector}
    if merged is not None:
        data["sent_to"] = merged.number
    if plan.talk_s is not None and "talk" in call.seconds:
        data["talk_target_s"] = plan.talk_s
    draft.add(EventType.CALL_RECORDED, data, by)


def _correct(
    draft: Draft, call: Call, by: Actor, correction: dict[str, Any], written: Iterable[datetime]
) -> None:
    """Add what a call tells of a promise. `written` are the times of the customer's messages."""
    ticket, answered = draft.after, call.answered
    is_first = correction["clock"] != ClockName.REACTION
    later = [one for one in written if answered is not None and one > answered]
    if is_first and later and not ticket.clocks[ClockName(correction["clock"])].over:
        correction["unanswered_since"] = min(later).isoformat()
    before = ticket.clocks[ClockName(correction["clock"])].stopped_at
    update = ticket.clocks.get(ClockName.UPDATE)
    if is_first and update is not None and not update.over and answered != before:
        # The next word to the customer counts from the answer, whose true time came later.
        correction |= {"restarts_update": True} if update.started_at == before else {}
    with_it = _reaction_with(ticket, correction)
    draft.add(EventType.CORRECTED, correction, by)
    if with_it:
        draft.add(EventType.CORRECTED, with_it, by)


def _reaction_with(ticket: Ticket, correction: Mapping[str, Any]) -> dict[str, Any]:
    """Return the correction of the reaction that was the same answer; {} if there is none.

    An answer that is corrected for the first time is the reaction, too. If a record corrects it
    again, for example because a part of the call came late, both must say the same.
    """
    answer = ticket.clocks[ClockName(correction["clock"])]
    reaction = ticket.clocks.get(ClockName.REACTION)
    if correction["clock"] == ClockName.REACTION or reaction is None or not answer.over:
        return {}
    same = (reaction.started_at, reaction.stopped_at) == (answer.started_at, answer.stopped_at)
    if not same or reaction.state is ClockState.CANCELLED or reaction.settled:
        return {}
    return {**correction, "clock": ClockName.REACTION.value}


def kept_promise(
    ticket: Ticket,
    call: Call,
    at: datetime,
    *,
    opened: bool,
    merged: Ticket | None = None,
    asked: datetime | None = None,
) -> dict[str, Any]:
    """Return the data of the correction that a call makes; {} if it makes none.

    A call answers the ticket that was opened for it, while it lasted, in the agent's work after it
    (`opened_until`), or by its record (`opened`).
    Its promises then count from leaving the menu. A later call answers a missed call, whoever
    called whom. `asked` is from when on the callback was due, if the ticket was opened after that.
    If the ticket of the call was `merged` into this one, its promise may have come with it.
    """
    answered, of_call = call.answered, merged or ticket
    if answered is None or of_call.channel != PHONE:
        return {}
    later = asked is not None or of_call.created_at <= answered
    calls_again = of_call.missed_call and later and not opened
    if call.direction is Direction.INBOUND and not calls_again:
        if not opened and not call.began <= of_call.created_at <= opened_until(call, at):
            return {}
        clock = kept_by_speaking(of_call.clocks)
        started: datetime | None = call.waited_from
    elif of_call.missed_call and later:
        clock, started = ClockName.FIRST_RESPONSE, asked and min(asked, answered)
    else:
        return {}
    if merged is not None and clock is not None:
        clock = _came_as(merged.clocks[clock], clock, ticket) if clock in merged.clocks else None
    held = ticket.clocks.get(clock) if clock is not None else None
    if clock is None or held is None or held.state is ClockState.CANCELLED or held.settled:
        return {}
    if ticket.state not in STEPS[step_of_correction(clock, held)] or answered > (
        held.stopped_at or at
    ):
        return {}
    if held.stopped_at == answered and held.started_at == (started or held.started_at):
        return {}  # an earlier record of this call has said so
    data: dict[str, Any] = {
        "clock": clock.value,
        "stopped_at": answered.isoformat(),
        "why": RECORDED,
    }
    if started is not None:
        data["started_at"] = started.isoformat()
    if call.agent is not None:
        data["agent"] = call.agent
    return data


def waits_for_callback(of_call: Ticket, ticket: Ticket) -> bool:
    """Whether the caller of a missed call waits to be called back.

    `of_call` is the ticket of the missed call, and `ticket` the one in which it goes on.
    """
    if not of_call.missed_call or ClockName.FIRST_RESPONSE not in of_call.clocks:
        return False
    name: ClockName | None = ClockName.FIRST_RESPONSE
    if of_call.number != ticket.number:
        name = _came_as(of_call.clocks[ClockName.FIRST_RESPONSE], ClockName.FIRST_RESPONSE, ticket)
    return name is not None and not ticket.clocks[name].over


def keep_callback(
    ticket: Ticket,
    plan: Plan,
    call: Call,
    by: Actor,
    at: datetime,
    written: Iterable[datetime],
    asked: datetime | None,
    merged: Ticket | None,
) -> Change | None:
    """Keep the promise of a missed call by a call whose record is in another ticket.

    None if it keeps none. The arguments are those of `record` and `kept_promise`.
    """
    correction = kept_promise(ticket, call, at, opened=False, merged=merged, asked=asked)
    if not correction:
        return None
    draft = Draft(ticket, plan, by, at)
    _correct(draft, call, by, correction, written)
    return draft.change()


def _came_as(promise: Clock, name: ClockName, ticket: Ticket) -> ClockName | None:
    """Return the name of the promise of a merged ticket in the one that took it in.

    None if it did not come, because that had an earlier one of its own or waited for none. A
    promised answer may be the next reply there (`merging.earliest`).
    """
    for one in (name, ClockName.NEXT_REPLY):
        clock = ticket.clocks.get(one)
        if clock is not None and clock.started_at == promise.started_at:
            return one if one == name or name is ClockName.FIRST_RESPONSE else None
    return None


def correct_again(
    ticket: Ticket, plan: Plan, by: Actor, data: Mapping[str, Any], at: datetime
) -> Change:
    """Repeat the correction of a call under another plan. Raises NotAllowedNow."""
    name = ClockName(data["clock"])
    clock = ticket.clocks.get(name)
    if clock is None or clock.state is ClockState.CANCELLED or clock.settled:
        raise NotAllowedNow(Step.CORRECT, ticket.state)
    require_possible(step_of_correction(name, clock), ticket)
    return Draft(ticket, plan, by, at).add(EventType.CORRECTED, dict(data)).change()
