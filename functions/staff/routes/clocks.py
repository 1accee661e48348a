"""The route that explains the due time of each promise of a ticket."""

from __future__ import annotations

from typing import Any

from route import STAFF, Request, Route, iso
from ticket_view import cause_view

from redress.clocks.rules.calendars import Interval
from redress.edge.http import Answer, answer
from redress.plans.rules.plan import DAYS
from redress.tickets import explaining
from redress.tickets.cases.staff import ClockStories
from redress.tickets.rules.explain import ComingRung, Entry, FiredRung, Hours, MovedCall, Story
from redress.wiring import staff as wiring


def explain_clocks(request: Request) -> Answer:
    language = request.query.get("language")
    found = wiring.staff_cases().clocks(request.member, request.path["number"], language)
    return answer(200, stories_view(found))


# -------------------------------------------------------------------- views


def stories_view(found: ClockStories) -> dict[str, Any]:
    """`ClockStories`: explains the due time of each promise, in the language of the reader."""
    return {
        "number": found.number,
        "language": found.language,
        "at": iso(found.at),
        "clocks": [_story(story, found.language) for story in found.stories],
        "unacknowledged": _unacknowledged(found),
    }


def _unacknowledged(found: ClockStories) -> dict[str, str] | None:
    if found.unacknowledged is None:
        return None
    sentence = explaining.unacknowledged(found.unacknowledged, found.language)
    return {"reason": found.unacknowledged, "sentence": sentence}


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
        "moved": _moved(story.moved),
        "ladder": story.ladder,
        "pauses": list(clock.pauses),
        "started_at": iso(clock.started_at),
        "due_at": iso(clock.due_at),
        "ended_at": iso(story.until) if clock.over else None,
        "elapsed_s": round(story.elapsed_s, 3),
        "elapsed_calendar_s": round(story.ran_s, 3),
        "paused_s": round(story.paused_s, 3),
        "breached": clock.breached,
        "held_by": clock.held_by,
        "entries": [_entry(entry) for entry in story.entries],
        "rungs_fired": [_fired(rung) for rung in story.fired],
        "rungs_to_come": [_coming(rung) for rung in story.to_come],
    }


def _moved(moved: MovedCall | None) -> dict[str, str | None] | None:
    if moved is None:
        return None
    return {"call_hours": moved.call_hours, "plan_due_at": iso(moved.due_at)}


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
        "event": cause_view(entry.event),
        "elapsed_s": round(entry.elapsed_s, 3),
        "due_at": iso(clock.due_at),
        "target_s": round(clock.target_s),
        "calendar": clock.calendar,
        "ladder": clock.ladder,
        "waits_for": list(entry.waits_for),
        "stopped_at": iso(clock.stopped_at),
        "why": entry.event.data.get("why"),
    }


def _fired(rung: FiredRung) -> dict[str, Any]:
    data = rung.event.data
    return {
        "rung": rung.index,
        "action": rung.action.value,
        "due_at": iso(rung.due_at),
        "fired_at": iso(rung.event.at),
        "event": rung.event.number,
        "notify": data["notify"],
        "priority": data.get("priority"),
        "watch": data.get("watch", []),
        "then": [cause_view(event) for event in rung.then],
    }


def _coming(coming: ComingRung) -> dict[str, Any]:
    rung = coming.rung
    return {
        "rung": coming.index,
        "action": rung.action.value,
        "at_s": round(rung.at_s),
        "due_at": iso(coming.due_at),
        "notify": list(rung.notify),
        "priority": rung.priority,
        "watch": list(rung.watch),
        "reassign": rung.reassign,
        "incident": rung.incident,
    }


# -------------------------------------------------------------------- declarations

ROUTES = (
    Route(
        "GET",
        "/staff/tickets/{number}/clocks",
        STAFF,
        explain_clocks,
        query=("language",),
        answer="ClockStories",
        problems=(404, 422),
    ),
)
