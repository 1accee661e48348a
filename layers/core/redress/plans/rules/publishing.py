"""Checks that run only when a plan is published, not when a stored version is read.

`check_promised` limits how late a promise can be due. `check_shapes` checks the sections that do
not affect clocks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from itertools import product
from typing import Any

from redress.base.errors import Fault
from redress.clocks.rules.calendars import Calendar
from redress.clocks.rules.clocks import Action, ClockName
from redress.plans.rules import (
    categories,
    checklists,
    fields,
    remedies,
    tasks,
    templates,
    thanks,
    urgent,
    wording,
)
from redress.plans.rules.plan import CHANNELS, Override, Plan, Promise, duration_of, promise_from
from redress.plans.rules.reader import MOST_DAYS, DocumentReader

QUESTIONS = ("overall", "speed", "solution", "attitude", "knowledge", "friendliness")
REACH = timedelta(days=3 * 366)
"""The longest time from the start of a promise to its due time. A target such as `500h` in a
calendar that opens for one hour a week is a mistake. A calendar may also find no open day beyond
this time, and then raises an error (`calendars.PATIENCE_DAYS`)."""
STARTS_DAYS = range(0, REACH.days + 1, 183)
"""Each promise is checked from several start times: every half year for three years. They are given
in days after the plan takes effect. Several are needed because each year has other holidays, and
because a plan may stay in use longer than intended."""
SOON = timedelta(days=14)
"""This period is tried before REACH. Most promises are due within it, and long periods are slow to
compute."""


def check_promised(read: DocumentReader, plan: Plan, begins: datetime) -> None:
    """Check the promises of each kind, under each combination of overrides that can apply.

    No promise and no rung may be due later than REACH after its start; nor may the promise for held
    mail, nor the time for a task, a remedy, its approval or a post-mortem. An override that adds a
    survey needs a callback, because a survey follows a callback. An agent's own promise is not
    checked: the agent chooses its due time, at most a year ahead, and its calendar is never closed.
    No ladder of a callback brings leaders in.
    """
    starts = [begins + timedelta(days=days) for days in STARTS_DAYS]

    @cache
    def named_within_reach(calendar_name: str, seconds: float) -> bool:
        return within_reach(plan.calendars[calendar_name], seconds)

    def within_reach(calendar: Calendar, seconds: float) -> bool:
        """Whether this many seconds of the calendar pass within REACH after every start."""
        return all(
            any(calendar.elapsed(start, start + within) >= seconds for within in (SOON, REACH))
            for start in starts
        )

    if plan.notice_hours is not None and not within_reach(plan.notice_hours, 1):
        read.fault("/quiet_hours/outside", "never_open", "these quiet hours do not end for years")
    held = plan.mail.held
    if not named_within_reach(held.calendar, held.target_s):
        what = duration_of(held.target_s)
        detail = f"in the calendar '{held.calendar}' {what} is more than 3 years ahead"
        read.fault("/mail/held/look_within", "too_far", detail)
    # The ladder of a task that a plan opens on urgent tickets is in the section on tasks.
    for sections, promised in (
        (("/tasks", "/ladders"), tasks.promises),
        (("/remedies", "/ladders"), remedies.promises),
        (("/urgent", "/tasks", "/ladders"), urgent.promises),
    ):
        if any(fault.pointer.startswith(sections) for fault in read.faults):
            continue
        for at, part in promised(plan):
            rungs = plan.rungs("part", part.ladder, part.target_s, by_mail=False)
            last_s = max(part.target_s, *(rung.at_s for rung in rungs))
            if not named_within_reach(part.calendar, last_s):
                what = duration_of(math.ceil(last_s))
                detail = f"in the calendar '{part.calendar}' {what} is more than 3 years ahead"
                read.fault(at, "too_far", detail)
    _check_who_joins(read, plan)
    callback_has_fault = any("/promises/callback" in fault.pointer for fault in read.faults)
    reported = set[str]()
    for kind, promises in _possible_promises(plan):
        added = promises.keys() - plan.levels[kind].promises.keys()
        for name, (promise, at) in promises.items():
            if at in reported or promise.ladder not in plan.ladders:
                continue
            rung_seconds = (
                rung.at_s
                for by_mail in (True, False)
                for rung in plan.rungs(name, promise.ladder, promise.target_s, by_mail=by_mail)
            )
            if (
                name is ClockName.SURVEY
                and name in added
                and ClockName.CALLBACK not in promises
                and not callback_has_fault
            ):
                fault = Fault(at, "needs_callback", f"{kind}: a survey follows a callback only")
            elif not named_within_reach(promise.calendar, promise.target_s):
                what = duration_of(math.ceil(promise.target_s))
                fault = _too_far(at, kind, promise, what)
            elif not named_within_reach(promise.calendar, last := max(rung_seconds, default=0)):
                what = f"the last rung or attempt ({duration_of(math.ceil(last))})"
                fault = _too_far(at, kind, promise, what)
            else:
                continue
            reported.add(at)
            read.faults.append(fault)


def _check_who_joins(read: DocumentReader, plan: Plan) -> None:
    """Check that no ladder of a callback brings leaders in.

    They join those who work on a ticket. After the resolution nobody does. A survey, which begins
    after the resolution, too, climbs no ladder (`Plan.rungs`).
    """
    joining = {
        name
        for name, rungs in plan.ladders.items()
        if any(rung.action is Action.JOIN for _, rung in rungs)
    }
    named = {
        f"/levels/{kind}": level.promises[ClockName.CALLBACK].ladder
        for kind, level in plan.levels.items()
        if ClockName.CALLBACK in level.promises
    }
    for index, override in enumerate(plan.overrides):
        changed = override.promises.get(ClockName.CALLBACK)
        if changed is None:
            continue
        kinds = override.when.kind or tuple(plan.levels)
        is_added = any(ClockName.CALLBACK not in plan.levels[kind].promises for kind in kinds)
        # Without a ladder of its own, it has that of the level; if it is added, the usual one.
        if "ladder" in changed or is_added:
            ladder = promise_from(ClockName.CALLBACK, changed).ladder
            named[f"/overrides/{index}"] = ladder
    for at, ladder in named.items():
        if ladder in joining:
            detail = "after the resolution nobody works on the ticket whom a leader could join"
            read.fault(f"{at}/promises/callback/ladder", "nobody_joins", detail)


def _too_far(at: str, kind: str, promise: Promise, what: str) -> Fault:
    detail = f"{kind}: in the calendar '{promise.calendar}' {what} is more than 3 years ahead"
    return Fault(at, "too_far", detail)


_PromisesWithPointers = dict[ClockName, tuple[Promise, str]]
"""The promise of each clock, and the JSON pointer of the plan's entry that sets it.

The entry is the last override that changes the due time or the ladder. If there is none, it is the
promise of the ticket's kind. A fault names this entry."""


def _possible_promises(plan: Plan) -> Iterator[tuple[str, _PromisesWithPointers]]:
    """Yield every combination of promises that a ticket can have, with the ticket's kind.

    One combination is yielded for each kind and each set of overrides that can apply to a ticket of
    that kind at once.
    """
    others = (
        _matching(plan.overrides, "channel", CHANNELS),
        _matching(plan.overrides, "priority", plan.priorities),
        _matching(plan.overrides, "customer_type", plan.customer_types),
    )
    for kind, level in plan.levels.items():
        of_kind = _matching(plan.overrides, "kind", (kind,))
        for applied in {frozenset.intersection(*sets) for sets in product(of_kind, *others)}:
            found: _PromisesWithPointers = {
                name: (promise, f"/levels/{kind}/promises/{name}")
                for name, promise in level.promises.items()
            }
            for index in sorted(applied):
                for name, changed in plan.overrides[index].promises.items():
                    base, at = found.get(name, (None, ""))
                    if base is None or changed.keys() - {"pauses"}:
                        at = f"/overrides/{index}/promises/{name}"
                    found[name] = promise_from(name, changed, base), at
            yield kind, found


def _matching(
    overrides: tuple[Override, ...], condition: str, values: Iterable[str]
) -> set[frozenset[int]]:
    """For each value of a condition, return the set of overrides that apply to it, by index.

    An override without this condition applies to every value. Equal sets are returned once.
    """
    allowed = [getattr(override.when, condition) for override in overrides]
    return {
        frozenset(index for index, some in enumerate(allowed) if not some or value in some)
        for value in values
    }


# ------------------------------------------------------------ sections that do not affect clocks


def check_shapes(read: DocumentReader, document: Mapping[str, Any]) -> None:
    """Check the form of the sections that `Plan` does not contain."""
    lists = wording.check(read, document)
    for name in ("templates", "scripts"):
        templates.check(read, document, name, lists)
    templates.check_team_names(read, document)
    _questionnaire(read, document)
    categories.check(read, document)
    checklists.check(read, document)
    _conflict(read, document)
    fields.check(read, document)
    thanks.check(read, document)
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


def _conflict(read: DocumentReader, document: Mapping[str, Any]) -> None:
    """Check that the categories of the section are categories of the plan."""
    section, known = document.get("conflict"), document.get("categories", [])
    if not isinstance(section, dict) or any(f.pointer[:11] == "/categories" for f in read.faults):
        return
    listed = section.get("categories")
    for index, one in enumerate(listed if isinstance(listed, list) else ()):
        if fault := categories.fault_of(known, one, "complaint"):
            read.fault(f"/conflict/categories/{index}", fault.code, fault.detail)


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
