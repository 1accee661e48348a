"""The service plan: one immutable version of all the rules, and what can be looked up in it.

No number of the product stands anywhere but in a plan document; plan 1 is
`redress/data/plan-1.yaml`, and its `sources` section says of each number where it comes from. How a
document is read is in `plan_document`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from msgspec import Struct

from redress.clocks.rules.calendars import Calendar
from redress.clocks.rules.clocks import Action, Clock, ClockName, Ladder, Rung

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
ALWAYS = "always"
"""The calendar that every plan has: all day, every day."""
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LONGEST_S = 366 * 86_400
"""No promise lasts longer than a year: a number beyond it is a slip, and would end in no date."""
MOST_VERSIONS = 99_999

_DURATION = re.compile(r"(?=.)(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,8})s)?")
_DEFAULT_PAUSES: Mapping[ClockName, tuple[str, ...]] = {
    ClockName.RESOLUTION: (CUSTOMER,),
    ClockName.UPDATE: (CUSTOMER,),
}


class Promise(Struct, frozen=True):
    """One promise of a plan: seconds of a calendar, the ladder to climb, when it stands still."""

    target_s: int | float
    calendar: str
    ladder: str
    pauses: tuple[str, ...]


class Level(Struct, frozen=True):
    """What one kind of ticket is promised; a clock that is absent is not promised."""

    team: str
    urgency: str
    impact: str
    promises: Mapping[ClockName, Promise]


class When(Struct, frozen=True):
    """The tickets that a rule is about; an absent condition holds for all."""

    kind: tuple[str, ...] = ()
    channel: tuple[str, ...] = ()
    priority: tuple[str, ...] = ()
    customer_type: tuple[str, ...] = ()

    def holds(self, kind: str, channel: str, priority: str, customer_type: str) -> bool:
        given = (kind, channel, priority, customer_type)
        wanted = (self.kind, self.channel, self.priority, self.customer_type)
        return all(not some or one in some for one, some in zip(given, wanted, strict=True))


class Override(Struct, frozen=True):
    """Other promises, or another team, for some tickets: what it names replaces what was."""

    when: When
    promises: Mapping[ClockName, Mapping[str, Any]]
    team: str | None


class Grade(Struct, frozen=True):
    name: str
    minimum: int
    bonus_tier: int


class ScorePlan(Struct, frozen=True):
    """How a month is scored: weights in per cent, the smallest sample that counts, the grades."""

    weights: Mapping[str, int]
    minimum_samples: int
    minimum_weight: int
    grades: tuple[Grade, ...]


class CallbackPlan(Struct, frozen=True):
    attempts: int


STRANGERS = ("ticket", "message")


class MailPlan(Struct, frozen=True):
    """How mail is taken.

    `doors`: the kind that an address presets, by what stands before its @. `strangers`: what the
    answer of somebody who is no party of the ticket becomes, a linked ticket or a note on it. At
    most so many mails of one sender, and about one ticket, are taken in an hour of the clock.
    """

    doors: Mapping[str, str]
    strangers: str = "ticket"
    most_of_a_sender: int = 30
    most_on_a_ticket: int = 60


NO_DOORS = MailPlan({})


class Plan(Struct, frozen=True):
    """One version of all the rules. Immutable; a ticket keeps the version it began under."""

    version: int
    note: str
    time_zone: str
    effective_from: datetime | None
    review_by: date | None
    calendars: Mapping[str, Calendar]
    notice_hours: Calendar | None
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
    mail: MailPlan = NO_DOORS

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
                    found[name] = promise_from(name, changed, found.get(name))
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
            self.notice_hours,
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


def promise_from(name: ClockName, entry: Mapping[str, Any], base: Promise | None = None) -> Promise:
    """A promise out of a checked entry; what the entry leaves out is the base's, or the default."""
    ladder = "acknowledgement" if name is ClockName.ACKNOWLEDGEMENT else "promise"
    base = base or Promise(1, ALWAYS, ladder, _DEFAULT_PAUSES.get(name, ()))
    return Promise(
        target_s=seconds_of(entry["within"]) if "within" in entry else base.target_s,
        calendar=entry.get("calendar", base.calendar),
        ladder=entry.get("ladder", base.ladder),
        pauses=listed(entry["pauses"]) if "pauses" in entry else base.pauses,
    )


def listed(value: str | list[str]) -> tuple[str, ...]:
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
