"""Views as JSON (schemas of the same names in openapi-staff.json). Times are ISO 8601, UTC."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from datetime import datetime
from typing import Any

from redress.clocks.rules.calendars import Interval
from redress.clocks.rules.clocks import Clock, ClockName, standing
from redress.edge.cursors import to_cursor
from redress.mail.incoming.bucket import LINK_S
from redress.mail.incoming.cases.quarantine import Opened, QuarantinedMail
from redress.mail.incoming.store import IncomingRecord, QuarantinePage
from redress.plans.cases import Publication, VersionPage
from redress.plans.rules.plan import DAYS
from redress.plans.store.plans import Published
from redress.rehearsals.cases import RehearsalStatus
from redress.rehearsals.rules import counting
from redress.rehearsals.store import JobKind
from redress.scores.cases import Run
from redress.scores.rules import Rating
from redress.scores.store.scores import Card, Summary
from redress.staff.cases.board import Board
from redress.staff.rules import Availability
from redress.tickets import explaining
from redress.tickets.cases.staff import ClockStories, WorkItem, WorkPage
from redress.tickets.rules.explain import ComingRung, Entry, FiredRung, Hours, Story
from redress.tickets.rules.ticket import Event, Resolution, Ticket, next_due
from redress.tickets.store.mail_records import MailRecord
from redress.tickets.store.tickets import TicketFile
from redress.workflow.store import ReconciliationReport


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
        "urgency": found.urgency,
        "impact": found.impact,
        "customer_type": found.customer_type,
        "on_hold": found.on_hold,
        "unanswered_since": _iso(found.unanswered_since),
        "incident_proposed": found.incident_proposed,
        "subject": found.subject,
        "contact": {
            "name": found.contact.name,
            "email": found.contact.email,
            "phone": found.contact.phone,
        },
        "participants": list(found.participants),
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
        "state": standing(clock, now).value,
        "due_at": _iso(clock.due_at),
        "target_s": round(clock.target_s),
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
        "contacts_after": found.contacts_after,
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


def held_page(page: QuarantinePage) -> dict[str, Any]:
    return {
        "items": [held(record) for record in page.records],
        "next": to_cursor(page.cursor),
    }


def held(record: IncomingRecord) -> dict[str, Any]:
    """A mail in quarantine; `ticket` is one that it names, or that it has become."""
    return {
        "id": record.identity,
        "state": record.state.value,
        "reason": record.reason,
        "because": list(record.because),
        "flags": list(record.flags),
        "received_at": _iso(record.received_at),
        "from": {"name": record.sender_name or None, "email": record.sender or None},
        "to": list(record.recipients),
        "subject": record.subject,
        "excerpt": record.excerpt,
        "ticket": record.number,
        "released_by": record.released_by,
    }


def held_mail(found: QuarantinedMail) -> dict[str, Any]:
    return held(found.record) | {"links": opened(found.opened)}


def opened(found: Opened) -> dict[str, Any]:
    """Links to a mail; they open for `expires_in_s`."""
    return {
        "original": found.original,
        "read": found.read,
        "attachments": found.attachments,
        "expires_in_s": LINK_S,
    }


def clock_stories(found: ClockStories) -> dict[str, Any]:
    """`ClockStories`: why each promise is due when it is due, in the language of the reader."""
    return {
        "number": found.number,
        "language": found.language,
        "at": _iso(found.at),
        "clocks": [_story(story, found.language) for story in found.stories],
    }


def _story(story: Story, language: str) -> dict[str, Any]:
    clock = story.clock
    return {
        "clock": story.name.value,
        "round": story.round,
        "current": story.current,
        "state": story.standing.value,
        "sentence": explaining.sentence(story, language),
        "target_s": round(clock.target_s),
        "calendar": _hours(story.hours, language),
        "ladder": story.ladder,
        "pauses": list(clock.pauses),
        "started_at": _iso(clock.started_at),
        "due_at": _iso(clock.due_at),
        "ended_at": _iso(story.until) if clock.over else None,
        "elapsed_s": round(story.elapsed_s, 3),
        "elapsed_calendar_s": round(story.ran_s, 3),
        "paused_s": round(story.paused_s, 3),
        "breached": clock.breached,
        "held_by": clock.held_by,
        "entries": [_entry(entry) for entry in story.entries],
        "rungs_fired": [_fired(rung) for rung in story.fired],
        "rungs_to_come": [_coming(rung) for rung in story.to_come],
    }


def _hours(hours: Hours, language: str) -> dict[str, Any]:
    return {
        "name": hours.name,
        "time_zone": hours.zone,
        "hours": explaining.hours(hours, language),
        "week": [
            {"days": [DAYS[day] for day in days], "open": _open(intervals)}
            for days, intervals in hours.week
        ],
        "special": [
            {"date": day.isoformat(), "open": _open(intervals)} for day, intervals in hours.special
        ],
    }


def _open(intervals: tuple[Interval, ...]) -> list[str]:
    return [str(interval) for interval in intervals]


def _entry(entry: Entry) -> dict[str, Any]:
    clock = entry.clock
    return {
        "what": entry.what.value,
        "event": _cause(entry.event),
        "elapsed_s": round(entry.elapsed_s, 3),
        "due_at": _iso(clock.due_at),
        "target_s": round(clock.target_s),
        "calendar": clock.calendar,
        "ladder": clock.ladder,
        "waits_for": list(entry.waits_for),
        "stopped_at": _iso(clock.stopped_at),
        "why": entry.event.data.get("why"),
    }


def _cause(event: Event) -> dict[str, Any]:
    """The event without what was said in it: that stands in the ticket's timeline."""
    return {name: value for name, value in _event(event).items() if name != "data"}


def _fired(rung: FiredRung) -> dict[str, Any]:
    data = rung.event.data
    return {
        "rung": rung.index,
        "action": rung.action.value,
        "due_at": _iso(rung.due_at),
        "fired_at": _iso(rung.event.at),
        "event": rung.event.number,
        "notify": data["notify"],
        "priority": data.get("priority"),
        "watch": data.get("watch", []),
        "then": [_cause(event) for event in rung.then],
    }


def _coming(coming: ComingRung) -> dict[str, Any]:
    rung = coming.rung
    return {
        "rung": coming.index,
        "action": rung.action.value,
        "at_s": round(rung.at_s),
        "due_at": _iso(coming.due_at),
        "notify": list(rung.notify),
        "priority": rung.priority,
        "watch": list(rung.watch),
        "reassign": rung.reassign,
        "incident": rung.incident,
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


def plan_page(page: VersionPage) -> dict[str, Any]:
    """`PlanVersions`: the newest first; `next` is the cursor of the page after."""
    return {
        "items": [{**_about(about), "state": standing.value} for about, standing in page.items],
        "next": to_cursor(str(page.next) if page.next else None),
    }


def publication(found: Publication) -> dict[str, Any]:
    """`PublishedPlan`: what is kept of it, and what is worth a look."""
    return {**_about(found.about), "notes": found.notes}


def _about(found: Published) -> dict[str, Any]:
    return {
        "version": found.version,
        "note": found.note,
        "effective_from": _iso(found.effective_from),
        "review_by": found.review_by.isoformat() if found.review_by else None,
        "published_at": _iso(found.at),
        "published_by": found.by,
    }


def availability(found: Availability) -> dict[str, Any]:
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
        "present": [
            {"name": member.name, **availability(on_duty)} for member, on_duty in found.present
        ],
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


def report(found: ReconciliationReport) -> dict[str, Any]:
    """`Reconciliation`: what one run compared, found and repaired; ids and numbers only."""
    return {
        **asdict(found),
        "began_at": _iso(found.began_at),
        "ended_at": _iso(found.ended_at),
        "definition_since": _iso(found.definition_since),
        "teams": list(found.teams),
    }


def rehearsal(found: RehearsalStatus) -> dict[str, Any]:
    """`Rehearsal`: what was asked, how far it is, and once it is done what it found."""
    job, progress = found.job, found.progress
    return {
        "id": job.id,
        "kind": job.kind.value,
        "state": progress.state.value,
        "begun_at": _iso(job.begun_at),
        "begun_by": job.by,
        "updated_at": _iso(progress.updated_at),
        "plan_version": job.plan_version,
        "period": {"from": job.period[0], "to": job.period[1]} if job.period else None,
        "apply": job.apply,
        "dry_run": job.dry_run,
        "reason": job.reason,
        "progress": {"done": progress.done, "listed": progress.listed},
        "fault": progress.fault,
        "report": _report(found) if found.counts is not None else None,
    }


def _report(found: RehearsalStatus) -> dict[str, Any]:
    assert found.counts is not None
    layout = counting.report if found.job.kind is JobKind.REHEARSAL else counting.move_report
    return layout(found.counts)


def rehearsal_table(found: RehearsalStatus) -> str:
    """The report as CSV (RFC 4180), a line for each number; its first line names the columns."""
    written = io.StringIO()
    csv.writer(written).writerows(counting.rows(_report(found)))
    return written.getvalue()
