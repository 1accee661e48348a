"""Checks that run only when a plan is published, not when a stored version is read.

They check how far ahead promises can be due, and the sections that do not affect clocks.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from itertools import product
from typing import Any

from redress.base.errors import Fault, pointer
from redress.base.languages import LANGUAGES
from redress.clocks.rules.calendars import Calendar
from redress.clocks.rules.clocks import ClockName
from redress.plans.rules.plan import CHANNELS, Override, Plan, Promise, duration_of, promise_from
from redress.plans.rules.reader import MOST_DAYS, NAME, NAME_LIMIT, DocumentReader

TEMPLATE_VARIABLES = ("agent", "customer", "due", "number", "status_url", "subject", "team")
"""The variables of reply templates. Any other name in braces is refused as a mistake."""
QUESTIONS = ("overall", "speed", "solution", "attitude", "knowledge", "friendliness")
REACH = timedelta(days=3 * 366)
"""The latest due time of any promise, counted from its start. A target such as `500h` in a calendar
that opens for one hour a week is a mistake. Beyond this reach a calendar may find no open day and
raise an error (`calendars.PATIENCE_DAYS`)."""
STARTS_DAYS = range(0, REACH.days + 1, 183)
"""Each promise is checked from several start dates, given in days after the plan takes effect:
twice a year for three years. Years differ in their holidays and exceptions, and a plan may stay in
use longer than intended."""
SOON = timedelta(days=14)
"""Checked before REACH: most promises end within it, and long periods are slow to compute."""
TEMPLATE_LIMIT = 20_000

_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def check_promised(read: DocumentReader, plan: Plan, begins: datetime) -> None:
    """Check the promises of every ticket that is possible under the plan, with all overrides.

    No promise and no rung may be due later than REACH. An override that adds a survey needs a
    callback, because the survey follows it. An agent's own promise is not checked: the agent
    chooses its due time, at most a year ahead, and its calendar is never closed.
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

    if plan.notice_hours is not None and not ends(plan.notice_hours, 1):
        read.fault("/quiet_hours/outside", "never_open", "these quiet hours do not end for years")
    a_callback_is_wrong = any("/promises/callback" in fault.pointer for fault in read.faults)
    reported = set[str]()
    for kind, promises in _promised_to_some(plan):
        added = promises.keys() - plan.levels[kind].promises.keys()
        for name, (promise, at) in promises.items():
            if at in reported or promise.ladder not in plan.ladders:
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
            reported.add(at)
            read.faults.append(fault)


def _too_far(at: str, kind: str, promise: Promise, what: str) -> Fault:
    detail = f"{kind}: in the calendar '{promise.calendar}' {what} is more than 3 years ahead"
    return Fault(at, "too_far", detail)


_Traced = dict[ClockName, tuple[Promise, str]]
"""Promises, each with the JSON pointer of the entry that last changed when it is due."""


def _promised_to_some(plan: Plan) -> Iterator[tuple[str, _Traced]]:
    """Yield kind and promises for each set of overrides that can apply to a ticket together."""
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
                    found[name] = promise_from(name, changed, base), at
            yield kind, found


def _fitting(
    overrides: tuple[Override, ...], condition: str, values: Iterable[str]
) -> set[frozenset[int]]:
    """For each value, the set of overrides whose condition matches it; each distinct set once."""
    wanted = [getattr(override.when, condition) for override in overrides]
    return {
        frozenset(index for index, some in enumerate(wanted) if not some or value in some)
        for value in values
    }


# ------------------------------------------------------------ sections that do not affect clocks


def check_shapes(read: DocumentReader, document: Mapping[str, Any]) -> None:
    """Check the form of the sections that `Plan` does not contain."""
    routing = read.section(document, "routing", "", need=False)
    read.known(routing, ("reserve_over",), "/routing")
    if "reserve_over" in routing:
        read.whole_number(routing, "reserve_over", "/routing", most=100_000)
    _templates(read, document)
    _questionnaire(read, document)
    sampling = read.section(document, "sampling", "", need=False)
    read.known(sampling, ("tickets_per_agent_and_week",), "/sampling")
    if sampling:
        read.whole_number(sampling, "tickets_per_agent_and_week", "/sampling", least=0, most=1000)
    retention = read.section(document, "retention", "", need=False)
    read.known(retention, ("tickets_days", "mails_days"), "/retention")
    for name in retention:
        if name in ("tickets_days", "mails_days"):
            read.whole_number(retention, name, "/retention", least=30, most=MOST_DAYS)
    read.section(document, "sources", "", need=False)


def _templates(read: DocumentReader, document: Mapping[str, Any]) -> None:
    section = read.section(document, "templates", "", need=False)
    for name in section:
        at = "/templates" + pointer(str(name))
        if not NAME.fullmatch(str(name)):
            read.fault(at, "name_expected", "a name of small letters, digits and underscores")
        entry = read.section(section, name, "/templates")
        read.known(entry, LANGUAGES, at)
        for language in LANGUAGES:
            text = read.text(entry, language, at, TEMPLATE_LIMIT)
            for fault in _template_faults(text):
                read.fault(f"{at}/{language}", "unknown_variable", fault)


def _template_faults(text: str) -> list[str]:
    """Describe every wrong use of braces in a reply template.

    Braces may hold only the name of a variable. Python's other syntax in braces (a format, a
    conversion, an attribute) is refused, because it could expose data that no reply may contain.
    """
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


def _questionnaire(read: DocumentReader, document: Mapping[str, Any]) -> None:
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
