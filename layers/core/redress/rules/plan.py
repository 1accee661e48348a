"""The service plan: one immutable version of all the rules, as data.

`parse` turns a document (a JSON object) into a `Plan`, or raises `InvalidInput` naming every
fault by JSON pointer. No number of the product stands anywhere but in a plan document; plan 1
is `redress/data/plan-1.json`, and its `sources` section says of each number where it comes from.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redress.rules.clocks import Action, ClockName, Rung
from redress.rules.errors import Fault, InvalidInput, pointer

LANGUAGES = ("zh-CN", "zh-TW", "en")
KINDS = ("inquiry", "complaint", "urgent", "service_request", "feedback")
ROLES = ("agent", "supervisor", "manager")
LEVEL_CLOCKS = tuple(ClockName)
COMPONENTS = (
    "satisfaction",
    "response_promises",
    "resolution_promises",
    "lasting_resolution",
    "supervisor_rating",
)
SHORTEST_SCALED_S = 5
LONGEST_S = 366 * 86_400
"""No promise lasts longer than a year: a number beyond it is a slip, and would end in no date."""
MOST_DAYS = 3660
MOST_ATTEMPTS = 10
MOST_VERSIONS = 99_999
HIGHEST_SHARE = 10
TEXT_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Level:
    """The promises of one kind of ticket, seconds by clock; an absent clock is not promised."""

    targets: Mapping[ClockName, int]
    team: str
    priority: str


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
    levels: Mapping[str, Level]
    ladders: Mapping[str, tuple[tuple[float, Action, tuple[str, ...]], ...]]
    callback: CallbackPlan
    survey_invite_after_s: int
    idempotency_days: int
    score: ScorePlan
    reopened_priority: str

    def level(self, kind: str) -> Level:
        return self.levels[kind]

    def ladder(self, clock: ClockName, target_s: int, *, by_mail: bool) -> tuple[Rung, ...]:
        """The rungs of one clock, in seconds of its time.

        A callback by mail asks again after each target and closes after the last attempt; a
        callback by phone is a person's task and climbs the ladder like any other promise (H4).
        """
        if clock is ClockName.SURVEY:
            return (
                Rung(min(self.survey_invite_after_s, target_s), Action.INVITE, ("customer",)),
                Rung(target_s, Action.CLOSE),
            )
        if clock is ClockName.CALLBACK and by_mail:
            asks = tuple(
                Rung(target_s * n, Action.ASK_AGAIN, ("customer",))
                for n in range(1, self.callback.attempts)
            )
            return (*asks, Rung(target_s * self.callback.attempts, Action.CLOSE))
        return tuple(
            Rung(math.ceil(target_s * at), action, notify)
            for at, action, notify in self.ladders[_ladder_name(clock)]
        )


def _ladder_name(clock: ClockName) -> str:
    return "acknowledgement" if clock is ClockName.ACKNOWLEDGEMENT else "promise"


class _Reader:
    """Walks a document and collects every fault, so that one answer names them all."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def fault(self, pointer: str, code: str, detail: str) -> None:
        self.faults.append(Fault(pointer, code, detail))

    def section(self, parent: Any, key: str, pointer: str) -> dict[str, Any]:
        value = parent.get(key) if isinstance(parent, dict) else None
        if not isinstance(value, dict):
            self.fault(f"{pointer}/{key}", "object_expected", "an object is expected here")
            return {}
        return value

    def whole(
        self, parent: Mapping[str, Any], key: str, pointer: str, least: int = 1, *, most: int
    ) -> int:
        value = parent.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self.fault(
                f"{pointer}/{key}",
                "whole_number_expected",
                f"a whole number from {least} to {most} is expected",
            )
            return least
        return value

    def text(self, parent: Mapping[str, Any], key: str, pointer: str) -> str:
        value = parent.get(key)
        if not isinstance(value, str) or not value.strip():
            self.fault(f"{pointer}/{key}", "text_expected", "a text is expected here")
            return ""
        if len(value) > TEXT_LIMIT:
            self.fault(f"{pointer}/{key}", "too_long", f"at most {TEXT_LIMIT} characters")
        return value

    def known(self, keys: Mapping[str, Any], allowed: tuple[str, ...], at: str) -> None:
        for key in keys:
            if key not in allowed:
                self.fault(at + pointer(key), "unknown", "this is not part of a service plan")

    def zone(self, parent: Mapping[str, Any], key: str, pointer: str) -> str:
        """A time zone of the IANA database: a month is cut by it, and so every change of a ticket.

        Imported late: only a plan that is being published pays for it (see `parse`).
        """
        import zoneinfo

        name = self.text(parent, key, pointer)
        try:
            zoneinfo.ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            self.fault(f"{pointer}/{key}", "unknown_zone", "an IANA time zone is expected")
        return name


def parse(document: Any, *, publishing: bool = False) -> Plan:
    """A plan from its document; raises InvalidInput with every fault, by JSON pointer.

    Publishing also looks the time zone up: that costs a cold start some milliseconds, and need
    not be done again for a plan that was published.
    """
    read = _Reader()
    if not isinstance(document, dict):
        raise InvalidInput([Fault("", "object_expected", "a plan is a JSON object")])
    read.known(
        document,
        (
            "version",
            "note",
            "time_zone",
            "levels",
            "ladders",
            "callback",
            "survey",
            "idempotency",
            "score",
            "reopened",
            "sources",
        ),
        "",
    )
    plan = Plan(
        version=read.whole(document, "version", "", most=MOST_VERSIONS),
        note=read.text(document, "note", ""),
        time_zone=(read.zone if publishing else read.text)(document, "time_zone", ""),
        levels=_levels(read, document),
        ladders=_ladders(read, document),
        callback=CallbackPlan(
            read.whole(
                read.section(document, "callback", ""), "attempts", "/callback", most=MOST_ATTEMPTS
            )
        ),
        survey_invite_after_s=read.whole(
            read.section(document, "survey", ""), "invite_after_s", "/survey", most=LONGEST_S
        ),
        idempotency_days=read.whole(
            read.section(document, "idempotency", ""),
            "kept_days",
            "/idempotency",
            least=30,
            most=MOST_DAYS,
        ),
        score=_score(read, document),
        reopened_priority=read.text(
            read.section(document, "reopened", ""), "priority", "/reopened"
        ),
    )
    if read.faults:
        raise InvalidInput(read.faults)
    return plan


def _levels(read: _Reader, document: dict[str, Any]) -> dict[str, Level]:
    section = read.section(document, "levels", "")
    read.known(section, KINDS, "/levels")
    levels: dict[str, Level] = {}
    for kind in KINDS:
        pointer = f"/levels/{kind}"
        entry = read.section(section, kind, "/levels")
        read.known(entry, ("targets_s", "team", "priority"), pointer)
        targets = read.section(entry, "targets_s", pointer)
        read.known(targets, LEVEL_CLOCKS, f"{pointer}/targets_s")
        for needed in (ClockName.ACKNOWLEDGEMENT, ClockName.FIRST_RESPONSE, ClockName.RESOLUTION):
            if needed not in targets:
                read.fault(
                    f"{pointer}/targets_s/{needed}", "missing", "every kind of ticket promises this"
                )
        if ClockName.SURVEY in targets and ClockName.CALLBACK not in targets:
            read.fault(
                f"{pointer}/targets_s/survey", "needs_callback", "a survey follows a callback only"
            )
        levels[kind] = Level(
            targets={
                clock: read.whole(targets, clock, f"{pointer}/targets_s", most=LONGEST_S)
                for clock in LEVEL_CLOCKS
                if clock in targets
            },
            team=read.text(entry, "team", pointer),
            priority=read.text(entry, "priority", pointer),
        )
    return levels


def _ladders(
    read: _Reader, document: dict[str, Any]
) -> dict[str, tuple[tuple[float, Action, tuple[str, ...]], ...]]:
    section = read.section(document, "ladders", "")
    read.known(section, ("acknowledgement", "promise"), "/ladders")
    ladders: dict[str, tuple[tuple[float, Action, tuple[str, ...]], ...]] = {}
    for name in ("acknowledgement", "promise"):
        pointer = f"/ladders/{name}"
        entries = section.get(name)
        if not isinstance(entries, list) or not entries:
            read.fault(pointer, "list_expected", "a ladder is a list of at least one rung")
            continue
        rungs: list[tuple[float, Action, tuple[str, ...]]] = []
        for index, entry in enumerate(entries):
            here = f"{pointer}/{index}"
            if not isinstance(entry, dict):
                read.fault(here, "object_expected", "a rung is an object")
                continue
            read.known(entry, ("at", "action", "notify"), here)
            at, action, notify = entry.get("at"), entry.get("action"), entry.get("notify", [])
            if (
                not isinstance(at, int | float)
                or isinstance(at, bool)
                or not 0 < at <= HIGHEST_SHARE
            ):
                read.fault(
                    f"{here}/at",
                    "share_expected",
                    f"a share of the target above 0, at most {HIGHEST_SHARE}",
                )
                at = rungs[-1][0] if rungs else 0.0  # said once: no other fault follows from it
            elif rungs and at < rungs[-1][0]:
                read.fault(f"{here}/at", "backwards", "a ladder never goes backwards")
            elif action == Action.BREACH and at != 1:
                read.fault(f"{here}/at", "breach_at_due", "a breach falls at 1, the due time")
            if not isinstance(notify, list) or any(role not in ROLES for role in notify):
                read.fault(f"{here}/notify", "unknown", f"a list out of {', '.join(ROLES)}")
                notify = []
            if action not in (Action.REMIND, Action.BREACH, Action.ESCALATE):
                read.fault(f"{here}/action", "unknown", "remind, breach or escalate is expected")
                action = Action.REMIND
            rungs.append((float(at), Action(action), tuple(notify)))
        if sum(rung[1] is Action.BREACH for rung in rungs) != 1:
            read.fault(pointer, "one_breach", "a ladder has exactly one breach")
        ladders[name] = tuple(rungs)
    return ladders


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


def scaled(document: Mapping[str, Any], pace: int, version: int) -> dict[str, Any]:
    """The same plan with every promise `pace` times shorter, never under 5 s.

    For seeing a plan run: with pace 3600 an hour passes in a second. Days for which links and
    idempotency records are kept are not promises and stay.
    """
    if pace < 1:
        raise InvalidInput([Fault("/pace", "whole_number_expected", "a pace is at least 1")])

    def shorter(seconds: int) -> int:
        return max(SHORTEST_SCALED_S, math.ceil(seconds / pace))

    result = copy.deepcopy(dict(document))
    result["version"] = version
    result["note"] = f"{document['note']} (paced: {pace} times faster)"
    for level in result["levels"].values():
        level["targets_s"] = {name: shorter(s) for name, s in level["targets_s"].items()}
    result["survey"]["invite_after_s"] = shorter(result["survey"]["invite_after_s"])
    return result
