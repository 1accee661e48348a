"""The routing of a plan: checks of its section when it is published.

`Plan` looks up what the section says: which rule a ticket matches, which steps relax it in time,
and what a live conversation takes of an agent's attention.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from redress.base.languages import LANGUAGES
from redress.base.people import TEAM
from redress.plans.rules.plan import CHANNELS, KINDS, Plan, seconds_of
from redress.plans.rules.reader import NAME_LIMIT, TEXT_LIMIT, DocumentReader

SECTION = (
    "reserve_over",
    "weights",
    "rules",
    "steps",
    "nobody",
    "before_end",
    "declines_a_day",
    "handovers",
)
MOST_WAITING = 100_000
MOST_RULES = 100
MOST_STEPS = 10
LEVELS = (1, 5)
"""The lowest and the highest level of a skill."""
LIVE_CHANNELS = ("phone", "chat", "social")
"""The channels on which a customer waits for somebody at the other end."""
_WHEN = ("kind", "channel", "priority", "customer_type", "category", "language")
_STEP = ("after", "when", "level", "skill", "language", "reserve")


def before_end_s(plan: Plan) -> int:
    """For how long before the end of a shift or the beginning of a break an agent gets no work."""
    return seconds_of(plan.routing["before_end"]) if "before_end" in plan.routing else 0


def check(read: DocumentReader, document: Mapping[str, Any], plan: Plan) -> None:
    """Record every fault of the section in a document that is being published."""
    routing = read.section(document, "routing", "", need=False)
    read.known(routing, SECTION, "/routing")
    if "reserve_over" in routing:
        read.whole_number(routing, "reserve_over", "/routing", most=MOST_WAITING)
    weights = read.section(routing, "weights", "/routing", need=False)
    read.known(weights, LIVE_CHANNELS, "/routing/weights")
    for channel in weights:
        if channel in LIVE_CHANNELS:
            read.whole_number(weights, channel, "/routing/weights", most=100)
    if "before_end" in routing:
        read.duration(routing, "before_end", "/routing")
    _Section(read, document, plan).check(routing)


class _Section:
    """The lists of the section, whose entries say which tickets they are about."""

    def __init__(self, read: DocumentReader, document: Mapping[str, Any], plan: Plan) -> None:
        self._read, self._plan = read, plan
        self._categories = _categories_in(document)

    def check(self, routing: Mapping[str, Any]) -> None:
        for name, most, check in (
            ("rules", MOST_RULES, self._rule),
            ("steps", MOST_STEPS, self._step),
            ("nobody", MOST_STEPS, self._nobody),
        ):
            for index, entry in enumerate(self._read.entries(routing, name, "/routing", most)):
                at = f"/routing/{name}/{index}"
                if isinstance(entry, dict):
                    check(entry, at)
                else:
                    self._read.fault(at, "object_expected", "an object is expected here")
        seen: list[Any] = []
        for index, rule in enumerate(self._read.entries(routing, "rules", "/routing", MOST_RULES)):
            named = rule.get("name") if isinstance(rule, dict) else None
            if named is not None and named in seen:
                self._read.fault(f"/routing/rules/{index}/name", "twice", "each name once")
            seen.append(named)

    def _rule(self, entry: dict[str, Any], at: str) -> None:
        read = self._read
        read.known(entry, ("name", "when", "team", "skill"), at)
        read.text(entry, "name", at, NAME_LIMIT)
        self._when(entry, at, need=True)
        if "team" in entry:
            self._name(entry.get("team"), f"{at}/team")
        if "skill" in entry:
            skill = read.section(entry, "skill", at)
            read.known(skill, ("name", "level"), f"{at}/skill")
            self._name(skill.get("name"), f"{at}/skill/name")
            if "level" in skill:
                read.whole_number(skill, "level", f"{at}/skill", LEVELS[0], most=LEVELS[1])
        if "team" not in entry and "skill" not in entry:
            read.fault(at, "empty", "it gives a team or a skill")

    def _step(self, entry: dict[str, Any], at: str) -> None:
        read = self._read
        read.known(entry, _STEP, at)
        read.duration(entry, "after", at)
        self._when(entry, at)
        if "level" in entry:
            read.whole_number(entry, "level", at, LEVELS[0], most=LEVELS[1])
        for name in ("skill", "language"):
            if name in entry and entry[name] != "any":
                read.fault(f"{at}/{name}", "unknown", "any")
        if "reserve" in entry and entry["reserve"] is not True:
            read.fault(f"{at}/reserve", "unknown", "true")
        if not entry.keys() & {"level", "skill", "language", "reserve"}:
            read.fault(at, "empty", "it asks for less: level, skill, language or reserve")

    def _nobody(self, entry: dict[str, Any], at: str) -> None:
        read = self._read
        read.known(entry, ("after", "when", "text"), at)
        read.duration(entry, "after", at)
        self._when(entry, at)
        text = read.section(entry, "text", at)
        read.known(text, LANGUAGES, f"{at}/text")
        for language in LANGUAGES:
            read.text(text, language, f"{at}/text", TEXT_LIMIT)

    def _when(self, entry: dict[str, Any], at: str, *, need: bool = False) -> None:
        _check_when(self._read, self._plan, self._categories, entry, at, need=need)

    def _name(self, value: Any, at: str) -> None:
        if not isinstance(value, str) or not re.fullmatch(TEAM, value):
            self._read.fault(at, "name_expected", "small letters, digits, _ and -")


def check_when(
    read: DocumentReader, document: Mapping[str, Any], plan: Plan, entry: dict[str, Any], at: str
) -> None:
    """Record every fault of the condition `when` of an entry, if it has one (`plan.matches`)."""
    _check_when(read, plan, _categories_in(document), entry, at)


def _check_when(
    read: DocumentReader,
    plan: Plan,
    categories: tuple[str, ...],
    entry: dict[str, Any],
    at: str,
    *,
    need: bool = False,
) -> None:
    here = f"{at}/when"
    when = read.section(entry, "when", at, need=need)
    read.known(when, _WHEN, here)
    if not when and (need or "when" in entry):
        read.fault(here, "empty", "say which tickets this is about")
    known: Mapping[str, Iterable[str]] = {
        "kind": KINDS,
        "channel": CHANNELS,
        "priority": plan.priorities,
        "customer_type": plan.customer_types,
        "category": categories,
        "language": LANGUAGES,
    }
    for name, values in known.items():
        if name in when and not read.some_of(when, name, values, here) and when[name] == []:
            read.fault(f"{here}/{name}", "empty", "at least one is needed")


def _categories_in(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of all categories of the document, with those of the second level."""
    found: list[str] = []
    for entry in _named(document.get("categories")):
        found.append(entry["name"])
        found += [f"{entry['name']}/{one['name']}" for one in _named(entry.get("sub"))]
    return tuple(found)


def _named(entries: Any) -> list[dict[str, Any]]:
    """The entries of a list that have a name. `plans.rules.categories` records faults of others."""
    return [
        one
        for one in (entries if isinstance(entries, list) else ())
        if isinstance(one, dict) and isinstance(one.get("name"), str)
    ]
