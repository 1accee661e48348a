"""Turns the stories of `tickets.rules.explain` into sentences for staff, in every language.

All texts are in the catalogues, under keys that begin with `explain.`. This module only chooses the
texts of a sentence and their order. Times are shown in the time zone of the promise's calendar.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from functools import reduce
from zoneinfo import ZoneInfo

from redress.base import catalogue
from redress.clocks.rules.calendars import WHOLE_DAY, Interval
from redress.clocks.rules.clocks import ClockState, Standing
from redress.plans.rules.plan import ALWAYS
from redress.tickets.rules.explain import Entry, Hours, Story, What
from redress.tickets.rules.steps.table import WITHDRAWN
from redress.tickets.rules.ticket import EventType


def sentence(story: Story, language: str) -> str:
    """Return one sentence that gives the due time of a promise or its end, and the reasons."""
    say = _StoryTexts(language, story)
    clock, due = story.clock, say.moment(story.clock.due_at, full=True)
    given = {"basis": say.joined("more", [_basis(story, say), *_clauses(story, say)])}
    match story.standing:
        case Standing.RUNNING:
            given |= {"due": due}
        case Standing.OVERDUE:
            given |= {"due": due, "late": say.duration(story.until - clock.due_at)}
        case Standing.PAUSED:
            last = story.pauses[-1]
            given |= {
                "since": say.moment(last.begin, full=True),
                "reason": say.reasons(last.waits_for),
                "elapsed": say.duration(story.elapsed_s),
                "left": say.duration(max(0.0, clock.target_s - story.elapsed_s)),
            }
        case Standing.KEPT:
            given |= {"due": due, "at": say.moment(story.until)}
        case Standing.MISSED if clock.breached_at and story.until <= clock.due_at:
            given |= {
                "due": due,
                "at": say.moment(story.until),
                "broken": say.moment(clock.breached_at),
            }
            return say("explain.missed_earlier", **given)
        case Standing.MISSED:
            late = story.until - clock.due_at
            given |= {"due": due, "at": say.moment(story.until), "late": say.duration(late)}
        case Standing.CANCELLED:
            given |= {
                "at": say.moment(story.until, full=True),
                "event": say.event(story.entries[-1]),
            }
    return say(f"explain.{story.standing}", **given)


def hours(of: Hours, language: str) -> str:
    """The hours of a calendar as text: `Monday to Friday 09:00-12:00 and 13:00-18:00`."""
    say = _Texts(language)
    if of.always or of.week == ((tuple(range(7)), WHOLE_DAY),):
        return say("explain.always")
    return say.joined(
        "group",
        (
            say("explain.open", days=_weekdays(days, say), times=_times(intervals, say))
            for days, intervals in of.week
        ),
    )


def unacknowledged(reason: str, language: str) -> str:
    """The sentence that says why a ticket promises no acknowledgement.

    `reason` is a `NoAnswer` of `mail.incoming.rules.answers`.
    """
    say = _Texts(language)
    return say("explain.unacknowledged", why=say(f"explain.unacknowledged.{reason}"))


class _Texts:
    """The texts of one language, and phrases that combine several of them."""

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, key: str, **values: object) -> str:
        return catalogue.text(self.language, key, **values)

    def joined(self, how: str, parts: Iterable[str]) -> str:
        """Join one or more parts. The text `explain.{how}` joins each part to those before it."""
        return reduce(lambda one, other: self(f"explain.{how}", first=one, last=other), parts)

    def duration(self, time: float | timedelta) -> str:
        """A duration in hours, minutes and whole seconds.

        Hours are never converted to days, because plans state promises in hours.
        """
        seconds = int(time.total_seconds() if isinstance(time, timedelta) else time)
        if not seconds:
            return self("explain.instant")
        units = (("h", seconds // 3600), ("min", seconds // 60 % 60), ("s", seconds % 60))
        parts = [self(f"explain.{unit}", n=n) for unit, n in units if n]
        return self.joined("duration", parts)

    def reasons(self, waits_for: Sequence[str]) -> str:
        return self.joined("and", (self(f"explain.waits.{reason}") for reason in waits_for))


class _StoryTexts(_Texts):
    """The texts for one story, in its time zone.

    The main date of a story is its due time. For a paused or cancelled promise it is `until`.
    Other dates are written without a year if they are in the year of the main date.
    """

    def __init__(self, language: str, story: Story) -> None:
        super().__init__(language)
        self._zone = story.hours.zone
        paused = story.standing in (Standing.PAUSED, Standing.CANCELLED)
        named = story.until if paused else story.clock.due_at
        self._year = named.astimezone(ZoneInfo(self._zone)).year

    def moment(self, at: datetime, *, full: bool = False) -> str:
        """Format a time such as `Tue 24 Nov 14:30`.

        The year is added if it is not the year of the story's main date. `full` always adds the
        year, and also the time zone.
        """
        local = at.astimezone(ZoneInfo(self._zone))
        shown = f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"
        day = self.day(local.date(), year=full or local.year != self._year)
        moment = self("explain.moment", day=day, time=shown)
        return self("explain.zoned", moment=moment, zone=self._zone) if full else moment

    def day(self, day: date, *, year: bool) -> str:
        return self(
            "explain.date_with_year" if year else "explain.date",
            year=day.year,
            month=self(f"explain.month.{day.month}"),
            day=day.day,
            weekday=self(f"explain.day.{day.weekday()}"),
        )

    def days(self, first: date, last: date) -> str:
        begin, end = (self.day(d, year=d.year != self._year) for d in (first, last))
        return begin if first == last else self("explain.to", first=begin, last=end)

    def target(self, seconds: float, calendar: str) -> str:
        """The target of a promise: its duration, and whether it counts working time only."""
        name = "explain.target" if calendar == ALWAYS else "explain.target_open"
        return self(name, time=self.duration(seconds))

    def event(self, entry: Entry) -> str:
        """What happened, as a clause such as `the customer wrote again`."""
        event = entry.event
        if event.type is EventType.RECLASSIFIED and event.data["kind"] != event.data["from"]:
            old, new = (self(f"explain.kind.{event.data[part]}") for part in ("from", "kind"))
            return self("explain.event.reclassified_kind", old=old, new=new)
        if event.type is EventType.PLAN_CHANGED:
            old, new = event.data["from"], event.data["plan_version"]
            return self("explain.event.plan_changed", old=old, new=new)
        if event.type is EventType.CLOSED and event.data["closure"] == WITHDRAWN:
            return self("explain.event.withdrawn")
        if event.data.get("knows_list") is False:
            return self("explain.event.list_not_arrived")
        return self(f"explain.event.{event.type}")


def _basis(story: Story, say: _StoryTexts) -> str:
    """Target, start and hours of a promise: `8 h from ..., when the customer wrote, ...`.

    The event is only named if the clock began with it.
    """
    begun, start = story.entries[0], story.clock.started_at
    target, of = story.clock.target_s, story.hours
    if story.moved:
        target, of = story.moved.target_s, story.moved.hours
    given = {
        "target": say.target(target, of.name),
        "start": say.moment(start),
        "hours": hours(of, say.language),
    }
    if start == begun.event.at:
        return say("explain.basis", event=say.event(begun), **given)
    return say("explain.basis_earlier", **given)


def _clauses(story: Story, say: _StoryTexts) -> Iterable[str]:
    """Clauses for everything that moved the due time. What readers expect most comes first."""
    begun = story.entries[0]
    if story.clock.started_at != begun.event.at:
        yield say("explain.since", at=say.moment(begun.event.at), event=say.event(begun))
    yield from _specials(story.moved.hours if story.moved else story.hours, say)
    if story.moved:
        before = say.moment(story.moved.due_at)
        yield say("explain.call_hours", before=before, hours=story.moved.call_hours)
    yield from _pauses(story, say)
    for entry in story.entries:
        at = say.moment(entry.event.at)
        if entry.what is What.REPLANNED and entry.before is not None and _moved(entry):
            before = say.target(entry.before.target_s, entry.before.calendar)
            yield say("explain.replanned", at=at, event=say.event(entry), before=before)
        elif entry.what is What.CORRECTED and entry.clock.stopped_at is not None:
            yield say("explain.corrected", at=at, stopped=say.moment(entry.clock.stopped_at))


def _moved(entry: Entry) -> bool:
    """Whether recomputing a promise changed its target, its calendar or its due time.

    Often nothing changes. The due time is only compared if the clock ran before and after.
    """
    old, new = entry.before, entry.clock
    if old is None or (old.target_s, old.calendar) != (new.target_s, new.calendar):
        return True
    return old.state is new.state is ClockState.RUNNING and old.due_at != new.due_at


def _pauses(story: Story, say: _StoryTexts) -> Iterable[str]:
    """One clause for each combination of reasons: how long the clock was paused for it in total.

    A pause that has not ended is left out; the sentence for a paused promise names it.
    """
    total: dict[tuple[str, ...], timedelta] = {}
    for pause in story.pauses:
        if pause.end is not None:
            total[pause.waits_for] = (
                total.get(pause.waits_for, timedelta()) + pause.end - pause.begin
            )
    for waits_for, time in total.items():
        yield say("explain.stood", time=say.duration(time), reason=say.reasons(waits_for))


def _specials(of: Hours, say: _StoryTexts) -> Iterable[str]:
    """Clauses for special dates.

    Successive closed dates become one range, even if days in between are closed in every week. Each
    date with other opening hours has a clause of its own.
    """
    runs: list[tuple[date, date]] = []
    for day, intervals in of.special:
        if intervals:
            days = say.days(day, day)
            yield say("explain.opened", days=days, times=_times(intervals, say))
        elif runs and all(of.closed_on(between) for between in _between(runs[-1][1], day)):
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    if runs:
        yield say("explain.closed", days=say.joined("and", (say.days(*run) for run in runs)))


def _between(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=n) for n in range(1, (last - first).days))


def _times(intervals: Sequence[Interval], say: _Texts) -> str:
    return say.joined("and", (str(interval) for interval in intervals))


def _weekdays(days: Sequence[int], say: _Texts) -> str:
    """`Monday to Friday`, `Saturday`, `Monday and Wednesday`."""
    runs: list[tuple[int, int]] = []
    for day in days:
        if runs and day == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    named = ((say(f"explain.weekday.{a}"), say(f"explain.weekday.{b}")) for a, b in runs)
    return say.joined(
        "and",
        (
            first if first == last else say("explain.to", first=first, last=last)
            for first, last in named
        ),
    )
