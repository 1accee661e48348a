"""Views as JSON (schemas of the same names in openapi-staff.json). Times are ISO 8601, UTC."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from bodies import to_cursor

from redress.cases.intake import promise_of
from redress.cases.scoring import Run
from redress.cases.staff import Board, TicketFile, WorkItem, WorkPage
from redress.rules.clocks import Clock, ClockName
from redress.rules.routing import Duty
from redress.rules.scoring import Rating
from redress.rules.ticket import Event, Resolution, Ticket, next_due
from redress.store.scores import Card, Summary
from redress.store.tickets import MailRecord


def _iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds") if at else None


def ticket(found: Ticket, now: datetime) -> dict[str, Any]:
    """`Ticket`: the head as it is now. Its `version` is what the next change must name."""
    return {
        "number": found.number,
        "version": found.version,
        "state": found.state.value,
        "kind": found.kind,
        "channel": found.channel,
        "language": found.language,
        "priority": found.priority,
        "subject": found.subject,
        "contact": {
            "name": found.contact.name,
            "email": found.contact.email,
            "phone": found.contact.phone,
        },
        "team": found.team,
        "assignee": found.assignee,
        "created_at": _iso(found.created_at),
        "acknowledged_at": _iso(found.acknowledged_at),
        "due_at": _iso(next_due(found)),
        "promises": [_promise(name, clock, now) for name, clock in found.clocks.items()],
        "escalation": found.escalation,
        "round": found.round,
        "callback_attempts": found.callback_attempts,
        "resolution": _resolution(found.resolution) if found.resolution else None,
        "closure": found.closure,
        "closed_at": _iso(found.closed_at),
        "plan_version": found.plan_version,
    }


def ticket_file(found: TicketFile, now: datetime) -> dict[str, Any]:
    """`TicketFile`: the head with its whole timeline and what became of its mails."""
    return {
        **ticket(found.ticket, now),
        "timeline": [_event(event) for event in found.history],
        "mails": [_mail(mail) for mail in found.mails],
    }


def _promise(name: ClockName, clock: Clock, now: datetime) -> dict[str, Any]:
    return {
        "clock": name.value,
        "state": promise_of(name, clock, now).state,
        "due_at": _iso(clock.due_at),
        "target_s": clock.target_s,
        "started_at": _iso(clock.started_at),
        "stopped_at": _iso(clock.stopped_at),
    }


def _resolution(found: Resolution) -> dict[str, Any]:
    return {
        "at": _iso(found.at),
        "by": found.by,
        "team": found.team,
        "outcome": found.outcome,
        "remedy": found.remedy,
        "root_cause": found.root_cause,
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "number": event.number,
        "type": event.type.value,
        "at": _iso(event.at),
        "by": {"role": event.by.role.value, "id": event.by.id or None},
        "data": event.data,
    }


def _mail(mail: MailRecord) -> dict[str, Any]:
    return {
        "key": mail.key,
        "state": mail.state,
        "at": _iso(mail.at),
        "attempts": mail.attempts,
        "fault": mail.fault,
    }


def work_item(item: WorkItem) -> dict[str, Any]:
    """`WorkItem`: one line of a list."""
    return {
        "number": item.number,
        "version": item.version,
        "state": item.state,
        "kind": item.kind,
        "priority": item.priority,
        "language": item.language,
        "subject": item.subject,
        "assignee": item.assignee,
        "due_at": _iso(item.due_at),
    }


def work_page(page: WorkPage) -> dict[str, Any]:
    """`WorkPage`: `next` is the cursor of the page after, null on the last one."""
    return {"items": [work_item(item) for item in page.items], "next": to_cursor(page.next)}


def duty(found: Duty) -> dict[str, Any]:
    """`Duty`: presence and load of one member of staff."""
    return {
        "agent": found.agent,
        "team": found.team,
        "languages": list(found.languages),
        "presence": found.presence.value,
        "since": found.since,
        "capacity": found.capacity,
        "load": found.load,
    }


def board(found: Board) -> dict[str, Any]:
    """`Board`: who is present, what waits, what is near its limit."""
    return {
        "team": found.team,
        "present": [{"name": member.name, **duty(on_duty)} for member, on_duty in found.present],
        "queued": found.queued,
        "open": found.open,
        "near_limit": [
            {
                **work_item(line.item),
                "clock": line.clock,
                "due_at": _iso(line.due_at),
                "overdue": line.overdue,
            }
            for line in found.near
        ],
    }


def rating(found: Rating) -> dict[str, Any]:
    """`Rating`: the supervisor's word that holds now."""
    return {
        "agent": found.agent,
        "period": found.period,
        "attitude": found.attitude,
        "knowledge": found.knowledge,
        "comment": found.comment,
        "by": found.by,
        "at": _iso(found.at),
        "revision": found.revision,
    }


def run(found: Run) -> dict[str, Any]:
    """`Run`: a run that has begun."""
    return {"period": found.period, "execution": found.execution}


def scorecard(card: Card) -> dict[str, Any]:
    """`Scorecard`: every component with the facts behind it, and the cards that came before."""
    return {
        **asdict(card.scorecard),
        "revision": card.revision,
        "plan_version": card.plan_version,
        "scored_at": _iso(card.scored_at),
        "earlier": [
            {**asdict(earlier), "scored_at": _iso(earlier.scored_at)} for earlier in card.earlier
        ],
    }


def scorecards(period: str, cards: list[Card], last_run: Summary | None) -> dict[str, Any]:
    """`Scorecards`: a month; evidence is left to the single card."""
    listed = [scorecard(card) for card in cards]
    for card in listed:
        for component in card["components"]:
            del component["evidence"]
    return {
        "period": period,
        "last_run": _summary(last_run) if last_run else None,
        "cards": listed,
    }


def _summary(found: Summary) -> dict[str, Any]:
    return {**asdict(found), "finished_at": _iso(found.finished_at)}
