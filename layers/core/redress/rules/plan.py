"""The service plan: one immutable version of all the rules, as data.

`parse` turns a document (a JSON object; in the repository the same in YAML) into a `Plan`, or
raises `InvalidInput` naming every fault by JSON pointer. No number of the product stands anywhere
but in a plan document; plan 1 is `redress/data/plan-1.yaml`, and its `sources` section says of each
number where it comes from. `redress/data/plan.schema.json` describes the format; what a schema
cannot say (a ladder that goes backwards, weights that do not add up) is checked here.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from itertools import product
from typing import Any

from redress.rules.calendars import ALL_DAY, Calendar, Interval, WeeklyCalendar, intervals_of
from redress.rules.clocks import Action, Clock, ClockName, Ladder, Rung
from redress.rules.errors import Fault, InvalidInput, pointer

LANGUAGES = ("zh-CN", "zh-TW", "en")
KINDS = ("inquiry", "complaint", "urgent", "service_request", "feedback")
CHANNELS = ("web", "email", "phone", "chat", "social", "api")
ROLES = ("agent", "supervisor", "manager")
GRADATIONS = ("low", "normal", "high")
"""Of urgency and of impact; the matrix makes a priority of the two."""
CUSTOMER = "customer"
HOLDS = ("part", "third_party")
"""What a ticket may be put on hold for, beside waiting for the customer."""
COMPONENTS = (
    "satisfaction",
    "response_promises",
    "resolution_promises",
    "lasting_resolution",
    "supervisor_rating",
)
TEMPLATE_VARIABLES = ("agent", "customer", "due", "number", "status_url", "subject", "team")
"""What a reply template may speak of; anything else in braces is a slip."""
QUESTIONS = ("overall", "speed", "solution", "attitude", "knowledge", "friendliness")
ALWAYS = "always"
"""The calendar that every plan has: all day, every day."""
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SHORTEST_SCALED_S = 5
LONGEST_S = 366 * 86_400
"""No promise lasts longer than a year: a number beyond it is a slip, and would end in no date."""
REACH = timedelta(days=3 * 366)
"""Nothing that a plan promises lies further ahead of the ticket's word than this. Whoever writes
`500h` of a calendar that opens one hour a week means something else; a calendar that is walked
along for longer may find no open day, or the end of all dates (`calendars.PATIENCE_DAYS`)."""
STARTS_DAYS = range(0, REACH.days + 1, 183)
"""A promise is reckoned from so many days after the plan takes effect: twice a year, because years
differ in their holidays and exceptions, and somebody may forget to replace the plan."""
SOON = timedelta(days=14)
"""Looked at first, because most promises end in it and years of days are slow to reckon."""
MOST_AHEAD = timedelta(days=366)
"""A plan takes effect within a year of its publishing. No later version may do so before it: a slip
of the year would let nobody publish anything any more."""
REVIEW_AFTER = timedelta(days=183)
"""A plan that names no day is looked at again so long after the day on which it takes effect."""
LATEST_REVIEW = timedelta(days=184)
"""The longest half of a year that there is."""
MOST_NAMES = 50
"""Of priorities and of types of customer: what each combination is promised is looked at."""
MOST_DAYS = 3660
MOST_ATTEMPTS = 10
MOST_VERSIONS = 99_999
HIGHEST_SHARE = 10
TEXT_LIMIT = 500
NAME_LIMIT = 40
TEMPLATE_LIMIT = 20_000
MOST_RUNGS = 20
MOST_OVERRIDES = 200

_DURATION = re.compile(r"(?=.)(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,8})s)?")
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_DEFAULT_PAUSES: Mapping[ClockName, tuple[str, ...]] = {
    ClockName.RESOLUTION: (CUSTOMER,),
    ClockName.UPDATE: (CUSTOMER,),
}
_REQUIRED = (ClockName.ACKNOWLEDGEMENT, ClockName.FIRST_RESPONSE, ClockName.RESOLUTION)
_PROMISED = tuple(name for name in ClockName if name is not ClockName.OWN_WORD)


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise of a plan: seconds of a calendar, the ladder to climb, when it stands still."""

    target_s: int | float
    calendar: str
    ladder: str
    pauses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Level:
    """What one kind of ticket is promised; a clock that is absent is not promised."""

    team: str
    urgency: str
    impact: str
    promises: Mapping[ClockName, Promise]


@dataclass(frozen=True, slots=True)
class When:
    """The tickets that a rule is about; an absent condition holds for all."""

    kind: tuple[str, ...] = ()
    channel: tuple[str, ...] = ()
    priority: tuple[str, ...] = ()
    customer_type: tuple[str, ...] = ()

    def holds(self, kind: str, channel: str, priority: str, customer_type: str) -> bool:
        given = (kind, channel, priority, customer_type)
        wanted = (self.kind, self.channel, self.priority, self.customer_type)
        return all(not some or one in some for one, some in zip(given, wanted, strict=True))


@dataclass(frozen=True, slots=True)
class Override:
    """Other promises, or another team, for some tickets: what it names replaces what was."""

    when: When
    promises: Mapping[ClockName, Mapping[str, Any]]
    team: str | None


@dataclass(frozen=True, slots=True)
class Grade:
    name: str
    minimum: int
    bonus_tier: int


@dataclass(frozen=True, slots=True)
class ScorePlan:
    """How a month is scored: weights in per cent, the smallest sample that counts, the grades."""

    weights: Mapping[str, int]
    minimum_samples: int
    minimum_weight: int
    grades: tuple[Grade, ...]


@dataclass(frozen=True, slots=True)
class CallbackPlan:
    attempts: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One version of all the rules. Immutable; a ticket keeps the version it began under."""

    version: int
    note: str
    time_zone: str
    effective_from: datetime | None
    review_by: date | None
    calendars: Mapping[str, Calendar]
    waking: Calendar | None
    levels: Mapping[str, Level]
    overrides: tuple[Override, ...]
    priorities: tuple[str, ...]
    matrix: Mapping[tuple[str, str], str]
    customer_types: tuple[str, ...]
    ladders: Mapping[str, tuple[tuple[float, Rung], ...]]
    own_word: Promise
    callback: CallbackPlan
    survey_invite_after_s: int
    idempotency_days: int
    score: ScorePlan
    reopened_priority: str

    @property
    def teams(self) -> frozenset[str]:
        """Every team that it may give a ticket to."""
        given = {override.team for override in self.overrides if override.team}
        return frozenset(given | {level.team for level in self.levels.values()})

    def in_force(self, at: datetime) -> bool:
        """Whether its effective time has come."""
        return self.effective_from is None or self.effective_from <= at

    def level(self, kind: str) -> Level:
        return self.levels[kind]

    def calendar(self, name: str) -> Calendar:
        """The calendar of this name, which every promise of this plan that is open has."""
        return self.calendars[name]

    def priority(self, urgency: str, impact: str) -> str:
        return self.matrix[urgency, impact]

    def higher(self, one: str, other: str) -> str:
        """The higher of two priorities."""
        return max(one, other, key=self.priorities.index)

    def promises(
        self, kind: str, channel: str, priority: str, customer_type: str
    ) -> dict[ClockName, Promise]:
        """What such a ticket is promised: its kind's, then every override that fits, in order."""
        found = dict(self.levels[kind].promises)
        for override in self.overrides:
            if override.when.holds(kind, channel, priority, customer_type):
                for name, changed in override.promises.items():
                    found[name] = _promise(name, changed, found.get(name))
        return found

    def team(self, kind: str, channel: str, priority: str, customer_type: str) -> str:
        """The team that handles such a ticket: its kind's, or of the last override that fits."""
        found = self.levels[kind].team
        for override in self.overrides:
            if override.team and override.when.holds(kind, channel, priority, customer_type):
                found = override.team
        return found

    def ladder(self, name: ClockName, clock: Clock, *, by_mail: bool) -> Ladder:
        """The rungs of one clock, in seconds of its time.

        A callback by mail asks again after each target and closes after the last attempt; a
        callback by phone is a person's task and climbs the ladder like any other promise (H4).
        """
        return Ladder(
            self.rungs(name, clock.ladder, clock.target_s, by_mail=by_mail),
            self.calendars[clock.calendar],
            self.waking,
        )

    def rungs(
        self, name: ClockName, ladder: str, target_s: float, *, by_mail: bool
    ) -> tuple[Rung, ...]:
        """The rungs of a clock of this name with this ladder and target."""
        if name is ClockName.SURVEY:
            return (
                Rung(min(self.survey_invite_after_s, target_s), Action.INVITE, (CUSTOMER,)),
                Rung(target_s, Action.CLOSE),
            )
        if name is ClockName.CALLBACK and by_mail:
            asks = tuple(
                Rung(target_s * n, Action.ASK_AGAIN, (CUSTOMER,))
                for n in range(1, self.callback.attempts)
            )
            return (*asks, Rung(target_s * self.callback.attempts, Action.CLOSE))
        return tuple(_placed(rung, at, target_s) for at, rung in self.ladders[ladder])


def _placed(rung: Rung, share: float, target_s: float) -> Rung:
    """At whole seconds; but the whole target is the very instant at which the clock is due."""
    return Rung(
        target_s if share == 1 else math.ceil(target_s * share),
        rung.action,
        rung.notify,
        rung.quiet,
        rung.priority,
        rung.reassign,
        rung.watch,
        rung.incident,
    )


def _promise(name: ClockName, entry: Mapping[str, Any], base: Promise | None = None) -> Promise:
    """A promise out of a checked entry; what the entry leaves out is the base's, or the default."""
    ladder = "acknowledgement" if name is ClockName.ACKNOWLEDGEMENT else "promise"
    base = base or Promise(1, ALWAYS, ladder, _DEFAULT_PAUSES.get(name, ()))
    return Promise(
        target_s=seconds_of(entry["within"]) if "within" in entry else base.target_s,
        calendar=entry.get("calendar", base.calendar),
        ladder=entry.get("ladder", base.ladder),
        pauses=_listed(entry["pauses"]) if "pauses" in entry else base.pauses,
    )


def _listed(value: str | list[str]) -> tuple[str, ...]:
    """What was written as a list, or as one name instead of a list of one."""
    return (value,) if isinstance(value, str) else tuple(value)


# ------------------------------------------------------------------------------------ durations


def seconds_of(duration: str) -> int:
    """`8h`, `30m`, `1h30m`, `45s` in seconds; raises ValueError for anything else, and for 0."""
    found = _DURATION.fullmatch(duration)
    if found is None:
        raise ValueError("a duration such as 8h, 30m, 1h30m or 45s is expected")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    total = hours * 3600 + minutes * 60 + seconds
    if not 1 <= total <= LONGEST_S:
        raise ValueError("a duration is at least 1s and at most a year (8784h)")
    return total


def duration_of(seconds: int) -> str:
    """The shortest way to write a duration: 5400 is `1h30m`."""
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    parts = ((hours, "h"), (minutes, "m"), (rest, "s"))
    return "".join(f"{amount}{unit}" for amount, unit in parts if amount)


# -------------------------------------------------------------------------------------- reading


class _Reader:
    """Walks a document and collects every fault, so that one answer names them all."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def fault(self, at: str, code: str, detail: str) -> None:
        self.faults.append(Fault(at, code, detail))

    def section(self, parent: Any, key: str, at: str, *, need: bool = True) -> dict[str, Any]:
        value = parent.get(key) if isinstance(parent, dict) else None
        if value is None and not need and key not in (parent if isinstance(parent, dict) else ()):
            return {}
        if not isinstance(value, dict):
            self.fault(at + pointer(key), "object_expected", "an object is expected here")
            return {}
        return value

    def entries(self, parent: Mapping[str, Any], key: str, at: str, most: int) -> list[Any]:
        value = parent.get(key, [])
        if not isinstance(value, list):
            self.fault(f"{at}/{key}", "list_expected", "a list is expected here")
            return []
        if len(value) > most:
            self.fault(f"{at}/{key}", "too_many", f"at most {most}")
        return value[:most]

    def whole(
        self, parent: Mapping[str, Any], key: str, at: str, least: int = 1, *, most: int
    ) -> int:
        value = parent.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self.fault(
                f"{at}/{key}",
                "whole_number_expected",
                f"a whole number from {least} to {most} is expected",
            )
            return least
        return value

    def text(self, parent: Mapping[str, Any], key: str, at: str, limit: int = TEXT_LIMIT) -> str:
        value = parent.get(key)
        if not isinstance(value, str) or not value.strip():
            self.fault(f"{at}/{key}", "text_expected", "a text is expected here")
            return ""
        if len(value) > limit:
            self.fault(f"{at}/{key}", "too_long", f"at most {limit} characters")
        return value

    def one_of(self, value: Any, known: Iterable[str], at: str) -> str:
        if not isinstance(value, str) or value not in known:
            self.fault(at, "unknown", f"one of {', '.join(known)}")
            return next(iter(known), "")
        return value

    def some_of(self, parent: Any, key: str, known: Iterable[str], at: str) -> tuple[str, ...]:
        value = parent.get(key, [])
        if not isinstance(value, str | list) or any(
            not isinstance(one, str) or one not in known for one in _listed(value)
        ):
            self.fault(f"{at}/{key}", "unknown", f"a list out of {', '.join(known)}")
            return ()
        return _listed(value)

    def known(self, keys: Mapping[str, Any], allowed: Iterable[str], at: str) -> None:
        for key in keys:
            if key not in allowed:
                self.fault(at + pointer(str(key)), "unknown", "this is not part of a service plan")

    def duration(self, parent: Mapping[str, Any], key: str, at: str) -> None:
        value = parent.get(key)
        try:
            seconds_of(value if isinstance(value, str) else "")
        except ValueError as error:
            self.fault(f"{at}/{key}", "duration_expected", str(error))

    def flag(self, parent: Mapping[str, Any], key: str, at: str) -> bool:
        value = parent.get(key, False)
        if not isinstance(value, bool):
            self.fault(f"{at}/{key}", "yes_or_no_expected", "true or false is expected here")
            return False
        return value

    def day(self, value: Any, at: str) -> date | None:
        try:
            return date.fromisoformat(value) if isinstance(value, str) else _no_date()
        except ValueError:
            self.fault(at, "date_expected", "a date such as 2026-10-01 is expected")
            return None

    def zone(self, parent: Mapping[str, Any], key: str, at: str) -> str:
        """A time zone of the IANA database: a month is cut by it, and so every change of a ticket.

        Imported late: only a plan that is being published pays for it (see `parse`).
        """
        import zoneinfo

        name = self.text(parent, key, at)
        try:
            zoneinfo.ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            self.fault(f"{at}/{key}", "unknown_zone", "an IANA time zone is expected")
            return "UTC"  # to go on with: the document is refused
        return name


def _no_date() -> date:
    raise ValueError


_SECTIONS = (
    "version",
    "note",
    "effective_from",
    "review_by",
    "time_zone",
    "calendars",
    "quiet_hours",
    "levels",
    "overrides",
    "priorities",
    "customer_types",
    "ladders",
    "own_word",
    "callback",
    "survey",
    "idempotency",
    "reopened",
    "routing",
    "templates",
    "questionnaire",
    "score",
    "sampling",
    "retention",
    "sources",
)


def parse(document: Any, *, publishing_at: datetime | None = None) -> Plan:
    """A plan from its document; raises InvalidInput with every fault, by JSON pointer.

    With the instant at which it is to be published, it is also asked what a plan that was published
    need not be asked again: whether its times lie where they should as seen from there, and what
    costs a cold start some milliseconds (time zones, the sections that no clock depends on).
    """
    publishing = publishing_at is not None
    read = _Reader()
    if not isinstance(document, dict):
        raise InvalidInput([Fault("", "object_expected", "a plan is a JSON object")])
    read.known(document, _SECTIONS, "")
    zone = (read.zone if publishing else read.text)(document, "time_zone", "")
    calendars = _calendars(read, document, zone, publishing=publishing)
    priorities, matrix = _priorities(read, document)
    customer_types = _customer_types(read, document)
    ladders = _ladders(read, document, priorities)
    known = _Known(tuple(calendars), tuple(ladders), priorities, customer_types)
    levels = _levels(read, document, known)
    effective_from = _effective_from(read, document, publishing_at)
    begins = _begins(read, effective_from, publishing_at)
    plan = Plan(
        version=read.whole(document, "version", "", most=MOST_VERSIONS),
        note=read.text(document, "note", ""),
        time_zone=zone,
        effective_from=effective_from,
        review_by=_review_by(read, document, zone, begins),
        calendars=calendars,
        waking=_waking(read, document, calendars),
        levels=levels,
        overrides=_overrides(read, document, known),
        priorities=priorities,
        matrix=matrix,
        customer_types=customer_types,
        ladders=ladders,
        own_word=_own_word(read, document, known),
        callback=CallbackPlan(
            read.whole(
                read.section(document, "callback", ""), "attempts", "/callback", most=MOST_ATTEMPTS
            )
        ),
        survey_invite_after_s=_survey_invite_after(read, document),
        idempotency_days=read.whole(
            read.section(document, "idempotency", ""),
            "kept_days",
            "/idempotency",
            least=30,
            most=MOST_DAYS,
        ),
        score=_score(read, document),
        reopened_priority=read.one_of(
            read.section(document, "reopened", "").get("priority"),
            priorities,
            "/reopened/priority",
        ),
    )
    if publishing_at is not None:
        _shapes(read, document, known)
        _check_promised(read, plan, begins or publishing_at)
    if read.faults:
        raise InvalidInput(read.faults)
    return plan


@dataclass(frozen=True, slots=True)
class _Known:
    """The names that other sections may use."""

    calendars: tuple[str, ...]
    ladders: tuple[str, ...]
    priorities: tuple[str, ...]
    customer_types: tuple[str, ...]


def _review_by(
    read: _Reader, document: Mapping[str, Any], zone: str, begins: datetime | None
) -> date | None:
    """The day of the review, in the plan's zone; `begins` is None where nobody need know it."""
    value = document.get("review_by")
    given = None if value is None else read.day(value, "/review_by")
    if begins is None:
        return given
    import zoneinfo

    first = begins.astimezone(zoneinfo.ZoneInfo(zone)).date()
    last = first + LATEST_REVIEW
    if given is not None and not first <= given <= last:
        detail = f"from {first}, when the plan takes effect, to {last}, half a year later"
        read.fault("/review_by", "not_in_time", detail)
    return given or first + REVIEW_AFTER


def _begins(
    read: _Reader, effective_from: datetime | None, publishing_at: datetime | None
) -> datetime | None:
    """When a plan that is being published takes effect; None where its own word on it is wrong."""
    wrong = any(fault.pointer == "/effective_from" for fault in read.faults)
    if publishing_at is None or wrong:
        return None
    return max(publishing_at, effective_from or publishing_at)


def _effective_from(
    read: _Reader, document: Mapping[str, Any], publishing_at: datetime | None
) -> datetime | None:
    value = document.get("effective_from")
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        read.fault(
            "/effective_from", "instant_expected", "an instant such as 2027-01-01T00:00:00+08:00"
        )
        return None
    if publishing_at is not None and at > publishing_at + MOST_AHEAD:
        read.fault("/effective_from", "too_late", "at most a year after it is published")
        return None
    return at


# ------------------------------------------------------------------------------------ calendars


def _calendars(
    read: _Reader, document: Mapping[str, Any], zone: str, *, publishing: bool
) -> dict[str, Calendar]:
    section = read.section(document, "calendars", "", need=False)
    found: dict[str, Calendar] = {ALWAYS: ALL_DAY}
    for name in section:
        at = "/calendars" + pointer(str(name))
        if name == ALWAYS:
            read.fault(at, "taken", "this calendar is built in: all day, every day")
            continue
        if not _NAME.fullmatch(str(name)):
            read.fault(at, "name_expected", "a name of small letters, digits and underscores")
            continue
        before = len(read.faults)
        entry = read.section(section, name, "/calendars")
        allowed = ("time_zone", "week", "holidays", "make_up", "exceptions", "days")
        read.known(entry, allowed, at)
        own_zone = zone
        if "time_zone" in entry:
            own_zone = (read.zone if publishing else read.text)(entry, "time_zone", at)
        week = _week(read, entry, at)
        days = _days(read, entry, at, _hours(read, entry, "make_up", at))
        if "holidays" in entry:
            _holidays(read, entry, at)
        if not any(week.values()):
            read.fault(f"{at}/week", "never_open", "a calendar is open at some time of the week")
            continue
        if len(read.faults) == before:
            found[name] = WeeklyCalendar(own_zone, week, days)
        else:
            found[name] = ALL_DAY  # not used: the document is refused
    return found


def _week(read: _Reader, entry: Mapping[str, Any], at: str) -> dict[int, tuple[Interval, ...]]:
    section = read.section(entry, "week", at)
    read.known(section, DAYS, f"{at}/week")
    return {
        number: _hours(read, section, day, f"{at}/week")
        for number, day in enumerate(DAYS)
        if day in section
    }


def _hours(read: _Reader, parent: Mapping[str, Any], key: str, at: str) -> tuple[Interval, ...]:
    value = parent.get(key, [])
    here = at + pointer(key)
    if not isinstance(value, list) or any(not isinstance(one, str) for one in value):
        read.fault(here, "intervals_expected", 'a list such as ["09:00-12:00", "13:00-18:00"]')
        return ()
    try:
        return intervals_of(value)
    except ValueError as error:
        read.fault(here, "wrong_intervals", str(error))
        return ()


def _days(
    read: _Reader, entry: Mapping[str, Any], at: str, make_up: tuple[Interval, ...]
) -> dict[date, tuple[Interval, ...]]:
    """Public holidays and make-up working days as they were expanded, then the own exceptions."""
    found: dict[date, tuple[Interval, ...]] = {}
    section = read.section(entry, "days", at, need=False)
    for text, worked in section.items():
        here = f"{at}/days" + pointer(str(text))
        day = read.day(text, here)
        if not isinstance(worked, bool):
            read.fault(here, "yes_or_no_expected", "true: a make-up working day; false: a holiday")
        elif day is not None:
            found[day] = make_up if worked else ()
    if not make_up and any(worked is True for worked in section.values()):
        read.fault(f"{at}/make_up", "missing", "the hours of a make-up working day")
    exceptions = read.section(entry, "exceptions", at, need=False)
    for text in exceptions:
        day = read.day(text, f"{at}/exceptions" + pointer(str(text)))
        hours = _hours(read, exceptions, text, f"{at}/exceptions")
        if day is not None:
            found[day] = hours
    return found


def _holidays(read: _Reader, entry: Mapping[str, Any], at: str) -> None:
    section = read.section(entry, "holidays", at)
    here = f"{at}/holidays"
    read.known(section, ("country", "subdivision", "years"), here)
    read.text(section, "country", here, 2)
    if section.get("subdivision") is not None:
        read.text(section, "subdivision", here, 10)
    years = section.get("years")
    if (
        not isinstance(years, list)
        or not 1 <= len(years) <= 20
        or any(
            not isinstance(y, int) or isinstance(y, bool) or not 1970 <= y <= 2100 for y in years
        )
    ):
        read.fault(f"{here}/years", "years_expected", "a list of 1 to 20 years, 1970 to 2100")


def _waking(
    read: _Reader, document: Mapping[str, Any], calendars: Mapping[str, Calendar]
) -> Calendar | None:
    if "quiet_hours" not in document:
        return None
    section = read.section(document, "quiet_hours", "")
    read.known(section, ("outside",), "/quiet_hours")
    name = read.one_of(section.get("outside"), tuple(calendars), "/quiet_hours/outside")
    return calendars.get(name)


# --------------------------------------------------------------------------- levels and ladders


def _priorities(
    read: _Reader, document: Mapping[str, Any]
) -> tuple[tuple[str, ...], dict[tuple[str, str], str]]:
    section = read.section(document, "priorities", "")
    read.known(section, ("order", "matrix"), "/priorities")
    order = _names(read, section, "order", "/priorities")
    matrix = read.section(section, "matrix", "/priorities")
    read.known(matrix, GRADATIONS, "/priorities/matrix")
    found: dict[tuple[str, str], str] = {}
    for urgency in GRADATIONS:
        row = read.section(matrix, urgency, "/priorities/matrix")
        read.known(row, GRADATIONS, f"/priorities/matrix/{urgency}")
        for impact in GRADATIONS:
            at = f"/priorities/matrix/{urgency}/{impact}"
            found[urgency, impact] = read.one_of(row.get(impact), order, at)
    return order, found


def _names(read: _Reader, section: Mapping[str, Any], key: str, at: str) -> tuple[str, ...]:
    """A list of at least one name, each once."""
    value = section.get(key)
    if (
        not isinstance(value, list)
        or not value
        or any(not isinstance(one, str) or not _NAME.fullmatch(one) for one in value)
    ):
        detail = "a list of names of small letters, digits and underscores"
        read.fault(f"{at}/{key}", "names_expected", detail)
        return ()
    if len(set(value)) != len(value):
        read.fault(f"{at}/{key}", "twice", "each name once")
    if len(value) > MOST_NAMES:
        read.fault(f"{at}/{key}", "too_many", f"at most {MOST_NAMES}")
    return tuple(dict.fromkeys(value[:MOST_NAMES]))


def _customer_types(read: _Reader, document: Mapping[str, Any]) -> tuple[str, ...]:
    found = _names(read, document, "customer_types", "")
    if found and "standard" not in found:
        read.fault("/customer_types", "missing", "every plan knows the type 'standard'")
    return found


def _levels(read: _Reader, document: Mapping[str, Any], known: _Known) -> dict[str, Level]:
    section = read.section(document, "levels", "")
    read.known(section, KINDS, "/levels")
    levels: dict[str, Level] = {}
    for kind in KINDS:
        at = f"/levels/{kind}"
        entry = read.section(section, kind, "/levels")
        read.known(entry, ("team", "urgency", "impact", "promises"), at)
        promises = read.section(entry, "promises", at)
        clean = _clean_promises(read, promises, f"{at}/promises", known, whole=True)
        for needed in _REQUIRED:
            if needed not in promises:
                read.fault(
                    f"{at}/promises/{needed}", "missing", "every kind of ticket promises this"
                )
        if ClockName.SURVEY in promises and ClockName.CALLBACK not in promises:
            read.fault(
                f"{at}/promises/survey", "needs_callback", "a survey follows a callback only"
            )
        levels[kind] = Level(
            team=_team(read, entry, at),
            urgency=read.one_of(entry.get("urgency"), GRADATIONS, f"{at}/urgency"),
            impact=read.one_of(entry.get("impact"), GRADATIONS, f"{at}/impact"),
            promises={name: _promise(name, promised) for name, promised in clean.items()},
        )
    return levels


def _team(read: _Reader, entry: Mapping[str, Any], at: str) -> str:
    name = read.text(entry, "team", at, NAME_LIMIT)
    if name and not re.fullmatch(r"[a-z0-9_-]{1,40}", name):
        read.fault(f"{at}/team", "name_expected", "small letters, digits, _ and -")
    return name


def _clean_promises(
    read: _Reader, promises: Mapping[str, Any], at: str, known: _Known, *, whole: bool
) -> dict[ClockName, dict[str, Any]]:
    """Promises of a level (each with its `within`), or the parts that an override replaces.

    Those with which nothing is wrong, in the order of the clocks.
    """
    read.known(promises, _PROMISED, at)
    found: dict[ClockName, dict[str, Any]] = {}
    for name in _PROMISED:
        if name not in promises:
            continue
        before = len(read.faults)
        entry = read.section(promises, name, at)
        here = f"{at}/{name}"
        read.known(entry, ("within", "calendar", "ladder", "pauses"), here)
        if whole or "within" in entry:
            read.duration(entry, "within", here)
        _check_choices(read, entry, here, known)
        if len(read.faults) == before:
            found[name] = entry
    return found


def _check_choices(read: _Reader, entry: Mapping[str, Any], at: str, known: _Known) -> None:
    if "calendar" in entry:
        read.one_of(entry["calendar"], known.calendars, f"{at}/calendar")
    if "ladder" in entry:
        read.one_of(entry["ladder"], known.ladders, f"{at}/ladder")
    if "pauses" in entry:
        read.some_of(entry, "pauses", (CUSTOMER, *HOLDS), at)


def _own_word(read: _Reader, document: Mapping[str, Any], known: _Known) -> Promise:
    """An agent's own word to the customer: when is theirs to say, the ladder is the plan's."""
    section = read.section(document, "own_word", "")
    read.known(section, ("ladder",), "/own_word")
    ladder = read.one_of(section.get("ladder"), known.ladders, "/own_word/ladder")
    return Promise(1, ALWAYS, ladder, ())


def _overrides(read: _Reader, document: Mapping[str, Any], known: _Known) -> tuple[Override, ...]:
    found: list[Override] = []
    for index, entry in enumerate(read.entries(document, "overrides", "", MOST_OVERRIDES)):
        at = f"/overrides/{index}"
        if not isinstance(entry, dict):
            read.fault(at, "object_expected", "an object is expected here")
            continue
        read.known(entry, ("when", "promises", "team", "note"), at)
        when = read.section(entry, "when", at)
        here = f"{at}/when"
        read.known(when, ("kind", "channel", "priority", "customer_type"), here)
        if not when:
            read.fault(here, "empty", "say which tickets this is about")
        promises = read.section(entry, "promises", at, need=False)
        clean = _clean_promises(read, promises, f"{at}/promises", known, whole=False)
        if not promises and "team" not in entry:
            read.fault(at, "empty", "it changes promises or a team")
        kinds = read.some_of(when, "kind", KINDS, here)
        _check_complete(read, document, kinds or KINDS, promises, at)
        found.append(
            Override(
                when=When(
                    kinds,
                    read.some_of(when, "channel", CHANNELS, here),
                    read.some_of(when, "priority", known.priorities, here),
                    read.some_of(when, "customer_type", known.customer_types, here),
                ),
                promises=clean,
                team=_team(read, entry, at) if "team" in entry else None,
            )
        )
    return tuple(found)


def _check_complete(
    read: _Reader,
    document: Mapping[str, Any],
    kinds: Iterable[str],
    promises: Mapping[str, Any],
    at: str,
) -> None:
    """A promise that a kind does not have can only be added whole: with its `within`."""
    levels = document.get("levels")
    for kind in kinds:
        level = levels.get(kind) if isinstance(levels, dict) else None
        had = level.get("promises") if isinstance(level, dict) else None
        for name, entry in promises.items():
            whole = isinstance(entry, dict) and "within" in entry
            if isinstance(had, dict) and name not in had and not whole:
                read.fault(f"{at}/promises/{name}/within", "missing", f"{kind} has no such promise")


def _check_promised(read: _Reader, plan: Plan, begins: datetime) -> None:
    """That nothing which any ticket may be promised, overrides and all, lies beyond REACH; and that
    an override which adds a survey has a callback to send it after.

    An agent's own word is left out: when it is due is theirs to say, for a year at most, and it is
    of no calendar that could be closed.
    """
    starts = [begins + timedelta(days=days) for days in STARTS_DAYS]

    @cache
    def reached(calendar: str, seconds: float) -> bool:
        return ends(plan.calendars[calendar], seconds)

    def ends(calendar: Calendar, seconds: float) -> bool:
        return all(
            any(calendar.elapsed(start, start + within) >= seconds for within in (SOON, REACH))
            for start in starts
        )

    if plan.waking is not None and not ends(plan.waking, 1):
        read.fault("/quiet_hours/outside", "never_open", "these quiet hours do not end for years")
    a_callback_is_wrong = any("/promises/callback" in fault.pointer for fault in read.faults)
    told = set[str]()
    for kind, promises in _promised_to_some(plan):
        added = promises.keys() - plan.levels[kind].promises.keys()
        for name, (promise, at) in promises.items():
            if at in told or promise.ladder not in plan.ladders:
                continue
            rungs = (
                rung.at_s
                for by_mail in (True, False)
                for rung in plan.rungs(name, promise.ladder, promise.target_s, by_mail=by_mail)
            )
            if (
                name is ClockName.SURVEY
                and name in added
                and ClockName.CALLBACK not in promises
                and not a_callback_is_wrong
            ):
                fault = Fault(at, "needs_callback", f"{kind}: a survey follows a callback only")
            elif not reached(promise.calendar, promise.target_s):
                what = duration_of(math.ceil(promise.target_s))
                fault = _too_far(at, kind, promise, what)
            elif not reached(promise.calendar, last := max(rungs, default=0)):
                what = f"the last rung or attempt ({duration_of(math.ceil(last))})"
                fault = _too_far(at, kind, promise, what)
            else:
                continue
            told.add(at)
            read.faults.append(fault)


def _too_far(at: str, kind: str, promise: Promise, what: str) -> Fault:
    detail = f"{kind}: in the calendar '{promise.calendar}' {what} is more than 3 years ahead"
    return Fault(at, "too_far", detail)


_Traced = dict[ClockName, tuple[Promise, str]]
"""Promises, each with the path of what had the last word on when it is due."""


def _promised_to_some(plan: Plan) -> Iterator[tuple[str, _Traced]]:
    """What tickets may be promised: by kind, for each set of overrides that fits one together."""
    fitting = (
        _fitting(plan.overrides, "channel", CHANNELS),
        _fitting(plan.overrides, "priority", plan.priorities),
        _fitting(plan.overrides, "customer_type", plan.customer_types),
    )
    for kind, level in plan.levels.items():
        of_kind = _fitting(plan.overrides, "kind", (kind,))
        for fits in {frozenset.intersection(*some) for some in product(of_kind, *fitting)}:
            found: _Traced = {
                name: (promise, f"/levels/{kind}/promises/{name}")
                for name, promise in level.promises.items()
            }
            for index in sorted(fits):
                for name, changed in plan.overrides[index].promises.items():
                    base, at = found.get(name, (None, ""))
                    if base is None or changed.keys() - {"pauses"}:
                        at = f"/overrides/{index}/promises/{name}"
                    found[name] = _promise(name, changed, base), at
            yield kind, found


def _fitting(
    overrides: tuple[Override, ...], condition: str, values: Iterable[str]
) -> set[frozenset[int]]:
    """For each of the values, the overrides that this condition lets apply; each set once."""
    wanted = [getattr(override.when, condition) for override in overrides]
    return {
        frozenset(index for index, some in enumerate(wanted) if not some or value in some)
        for value in values
    }


_Ladders = dict[str, tuple[tuple[float, Rung], ...]]
_RUNG = ("at", "action", "notify", "quiet", "priority", "reassign", "watch", "incident")


def _ladders(read: _Reader, document: Mapping[str, Any], priorities: tuple[str, ...]) -> _Ladders:
    section = read.section(document, "ladders", "")
    ladders: _Ladders = {}
    for needed in ("acknowledgement", "promise"):
        if needed not in section:
            read.fault(f"/ladders/{needed}", "missing", "every plan has this ladder")
    for name in section:
        at = "/ladders" + pointer(str(name))
        if not _NAME.fullmatch(str(name)):
            read.fault(at, "name_expected", "a name of small letters, digits and underscores")
        entries = read.entries(section, name, "/ladders", MOST_RUNGS)
        if isinstance(section[name], list) and not entries:
            read.fault(at, "list_expected", "a ladder is a list of at least one rung")
        rungs: list[tuple[float, Rung]] = []
        for index, entry in enumerate(entries):
            here = f"{at}/{index}"
            if not isinstance(entry, dict):
                read.fault(here, "object_expected", "a rung is an object")
                continue
            rungs.append(_rung(read, entry, here, rungs[-1][0] if rungs else None, priorities))
        if entries and sum(rung.action is Action.BREACH for _, rung in rungs) != 1:
            read.fault(at, "one_breach", "a ladder has exactly one breach")
        ladders[name] = tuple(rungs)
    return ladders


def _rung(
    read: _Reader,
    entry: dict[str, Any],
    at: str,
    before: float | None,
    priorities: tuple[str, ...],
) -> tuple[float, Rung]:
    read.known(entry, _RUNG, at)
    share, action = entry.get("at"), entry.get("action")
    if (
        not isinstance(share, int | float)
        or isinstance(share, bool)
        or not 0 < share <= HIGHEST_SHARE
    ):
        read.fault(
            f"{at}/at",
            "share_expected",
            f"a share of the target above 0, at most {HIGHEST_SHARE}",
        )
        share = before or 0.0  # said once: no other fault follows from it
    else:
        if before is not None and share < before:
            read.fault(f"{at}/at", "backwards", "a ladder never goes backwards")
        if action == Action.BREACH and share != 1:
            read.fault(f"{at}/at", "breach_at_due", "a breach falls at 1, the due time")
    if action not in (Action.REMIND, Action.BREACH, Action.ESCALATE):
        read.fault(f"{at}/action", "unknown", "remind, breach or escalate is expected")
        action = Action.REMIND
    quiet = read.flag(entry, "quiet", at)
    if quiet and action == Action.BREACH:
        read.fault(
            f"{at}/quiet", "breach_at_due", "a breach is recorded at its time, day and night"
        )
    priority = entry.get("priority")
    if priority is not None:
        priority = read.one_of(priority, priorities, f"{at}/priority")
    return float(share), Rung(
        at_s=0,
        action=Action(action),
        notify=read.some_of(entry, "notify", ROLES, at),
        quiet=quiet,
        priority=priority,
        reassign=read.flag(entry, "reassign", at),
        watch=read.some_of(entry, "watch", ROLES, at),
        incident=read.flag(entry, "incident", at),
    )


def _survey_invite_after(read: _Reader, document: Mapping[str, Any]) -> int:
    section = read.section(document, "survey", "")
    read.known(section, ("invite_after",), "/survey")
    read.duration(section, "invite_after", "/survey")
    try:
        return seconds_of(section.get("invite_after", ""))
    except (ValueError, TypeError):
        return 1


# --------------------------------------------------------------------------------------- scores


def _score(read: _Reader, document: dict[str, Any]) -> ScorePlan:
    section = read.section(document, "score", "")
    read.known(section, ("weights", "minimum_samples", "minimum_weight", "grades"), "/score")
    weights = read.section(section, "weights", "/score")
    read.known(weights, COMPONENTS, "/score/weights")
    values = {
        name: read.whole(weights, name, "/score/weights", least=0, most=100) for name in COMPONENTS
    }
    if sum(values.values()) != 100:
        read.fault("/score/weights", "sum", f"weights add up to {sum(values.values())}, not 100")
    grades: list[Grade] = []
    entries = section.get("grades")
    if not isinstance(entries, list) or not entries:
        read.fault("/score/grades", "list_expected", "a list of grades is expected")
        entries = []
    for index, entry in enumerate(entries):
        here = f"/score/grades/{index}"
        if not isinstance(entry, dict):
            read.fault(here, "object_expected", "a grade is an object")
            continue
        grade = Grade(
            read.text(entry, "name", here),
            read.whole(entry, "minimum", here, least=0, most=100),
            read.whole(entry, "bonus_tier", here, least=0, most=100),
        )
        if grades and grade.minimum >= grades[-1].minimum:
            read.fault(f"{here}/minimum", "overlap", "grades go down, each below the one before")
        grades.append(grade)
    if grades and grades[-1].minimum != 0:
        read.fault(f"/score/grades/{len(grades) - 1}/minimum", "gap", "the last grade begins at 0")
    return ScorePlan(
        weights=values,
        minimum_samples=read.whole(section, "minimum_samples", "/score", most=10_000),
        minimum_weight=read.whole(section, "minimum_weight", "/score", least=0, most=100),
        grades=tuple(grades),
    )


# ----------------------------------------------------- sections whose use comes with other parts


def _shapes(read: _Reader, document: Mapping[str, Any], known: _Known) -> None:
    """Sections that no clock depends on: looked at when a plan is published, and only then."""
    routing = read.section(document, "routing", "", need=False)
    read.known(routing, ("reserve_over",), "/routing")
    if "reserve_over" in routing:
        read.whole(routing, "reserve_over", "/routing", most=100_000)
    _templates(read, document)
    _questionnaire(read, document)
    sampling = read.section(document, "sampling", "", need=False)
    read.known(sampling, ("tickets_per_agent_and_week",), "/sampling")
    if sampling:
        read.whole(sampling, "tickets_per_agent_and_week", "/sampling", least=0, most=1000)
    retention = read.section(document, "retention", "", need=False)
    read.known(retention, ("tickets_days", "mails_days"), "/retention")
    for name in retention:
        if name in ("tickets_days", "mails_days"):
            read.whole(retention, name, "/retention", least=30, most=MOST_DAYS)
    read.section(document, "sources", "", need=False)


def _templates(read: _Reader, document: Mapping[str, Any]) -> None:
    section = read.section(document, "templates", "", need=False)
    for name in section:
        at = "/templates" + pointer(str(name))
        if not _NAME.fullmatch(str(name)):
            read.fault(at, "name_expected", "a name of small letters, digits and underscores")
        entry = read.section(section, name, "/templates")
        read.known(entry, LANGUAGES, at)
        for language in LANGUAGES:
            text = read.text(entry, language, at, TEMPLATE_LIMIT)
            for fault in _template_faults(text):
                read.fault(f"{at}/{language}", "unknown_variable", fault)


def _template_faults(text: str) -> list[str]:
    """Braces hold the name of a variable and nothing else: what Python reads there besides, a
    format, a conversion or an attribute, could reach for what no reply may say."""
    found = list(_BRACES.finditer(text))
    if any(match[0] in ("{", "}") for match in found):
        return ["the braces do not match; one that is meant is written twice"]
    names = dict.fromkeys(match[1] for match in found if match[1] is not None)
    known = ", ".join(TEMPLATE_VARIABLES)
    return [
        f"{{{name[:NAME_LIMIT]}}} is none of {known}"
        for name in names
        if name not in TEMPLATE_VARIABLES
    ]


def _questionnaire(read: _Reader, document: Mapping[str, Any]) -> None:
    section = read.section(document, "questionnaire", "", need=False)
    if not section:
        return
    read.known(section, ("questions",), "/questionnaire")
    asked: set[str] = set()
    for index, entry in enumerate(read.entries(section, "questions", "/questionnaire", 50)):
        at = f"/questionnaire/questions/{index}"
        if not isinstance(entry, dict):
            read.fault(at, "object_expected", "an object is expected here")
            continue
        read.known(entry, ("name", "required"), at)
        read.flag(entry, "required", at)
        name = entry.get("name")
        if not isinstance(name, str) or name not in QUESTIONS:
            read.fault(f"{at}/name", "unknown", f"one of {', '.join(QUESTIONS)}")
            continue
        if name in asked:
            read.fault(f"{at}/name", "twice", "each question once")
        asked.add(name)
    if "overall" not in asked:
        read.fault("/questionnaire/questions", "missing", "the overall question is always asked")


# --------------------------------------------------------------------------------------- pacing


def scaled(document: Mapping[str, Any], pace: int, version: int) -> dict[str, Any]:
    """The same plan with every promise `pace` times shorter, never under 5 s.

    For seeing a plan run: with pace 3600 an hour passes in a second. Its calendars are open all day
    every day, because an office hour of one second cannot be seen. Days for which idempotency
    records are kept are not promises and stay.
    """
    if pace < 1:
        raise InvalidInput([Fault("/pace", "whole_number_expected", "a pace is at least 1")])

    def shorter(duration: str) -> str:
        return duration_of(max(SHORTEST_SCALED_S, math.ceil(seconds_of(duration) / pace)))

    result = copy.deepcopy(dict(document))
    result["version"] = version
    result["note"] = f"{document['note']} (paced: {pace} times faster)"
    result.pop("effective_from", None)
    result.pop("review_by", None)
    open_always = {"week": {day: ["00:00-24:00"] for day in DAYS}}
    result["calendars"] = dict.fromkeys(result.get("calendars", {}), open_always)
    for holder in (*result["levels"].values(), *result.get("overrides", [])):
        for promise in holder.get("promises", {}).values():
            if "within" in promise:
                promise["within"] = shorter(promise["within"])
    result["survey"]["invite_after"] = shorter(result["survey"]["invite_after"])
    return result
