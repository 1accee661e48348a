"""Urgent tickets in a plan: what they need besides their promises.

A plan without the section asks for nothing more than the promises.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from redress.base.languages import LANGUAGES
from redress.plans.rules import tasks
from redress.plans.rules.plan import ALWAYS, Plan, Promise, matches, seconds_of
from redress.plans.rules.reader import NAME, DocumentReader

SECTION = ("when", "post_mortem", "tasks")
_OF_TASK = ("name", "when", "team", "title", "text", "within", "calendar", "required", "shares")
MOST_TASKS = 5
"""The most tasks that a plan opens on one ticket. Each is an event and an item of a transaction."""
TEXT_LIMIT = 2_000
"""The most characters of the text of a task."""
SHARES = ("subject", "category", "order", "message")
"""What a department can read of the ticket (`tickets.rules.tasks.Share`)."""
_OF_POST_MORTEM = ("within", "calendar", "ladder")
_USUALLY = {"kind": "urgent"}
"""Which tickets are urgent if the section does not say it."""


def is_urgent(plan: Plan, of: Mapping[str, str]) -> bool:
    """Whether the section is about a ticket. `of` has its values by condition
    (`tickets.rules.ticket.classification_of`)."""
    return bool(plan.urgent) and matches(plan.urgent.get("when", _USUALLY), of)


def post_mortem(plan: Plan) -> Promise | None:
    """Return by when the post-mortem of an urgent ticket is written, from its closing on.

    None if the plan asks for none.
    """
    entry = plan.urgent.get("post_mortem")
    if entry is None:
        return None
    calendar = entry.get("calendar", ALWAYS)
    return Promise(seconds_of(entry["within"]), calendar, entry["ladder"], ())


def tasks_for(plan: Plan, of: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    """Yield the entries of the tasks that the plan opens on a ticket. `of` as for `is_urgent`."""
    entries = plan.urgent.get("tasks")
    if entries and is_urgent(plan, of):
        yield from (one for one in entries if matches(one.get("when", {}), of))


def task_due(plan: Plan, entry: Mapping[str, Any], at: datetime) -> datetime | None:
    """When a task of the plan that is opened at `at` is due; None for the department's own time."""
    if "within" not in entry:
        return None
    return plan.calendar(entry.get("calendar", ALWAYS)).add(at, seconds_of(entry["within"]))


def promises(plan: Plan) -> Iterator[tuple[str, Promise]]:
    """Yield the JSON pointer of each entry that sets a due time, and the promise."""
    if (found := post_mortem(plan)) is not None:
        yield "/urgent/post_mortem", found
    for index, entry in enumerate(plan.urgent.get("tasks", ())):
        if "within" in entry:
            calendar, ladder = entry.get("calendar", ALWAYS), tasks.ladder(plan, entry["team"])
            promise = Promise(seconds_of(entry["within"]), calendar, ladder, ())
            yield f"/urgent/tasks/{index}", promise


def check(read: DocumentReader, document: Mapping[str, Any], plan: Plan) -> None:
    """Record every fault of the section in a document that is being published."""
    if "urgent" not in document:
        return
    from redress.plans.rules import routing  # only publishing needs it, and no cold start

    section = read.section(document, "urgent", "")
    read.known(section, SECTION, "/urgent")
    routing.check_when(read, document, plan, section, "/urgent")
    if "post_mortem" in section:
        at = "/urgent/post_mortem"
        own = read.section(section, "post_mortem", "/urgent")
        read.known(own, _OF_POST_MORTEM, at)
        tasks.check_entry(read, document, own, plan, at, need=("within", "ladder"))
    _check_tasks(read, document, section, plan)


def _check_tasks(
    read: DocumentReader, document: Mapping[str, Any], section: Mapping[str, Any], plan: Plan
) -> None:
    """Record every fault of the tasks that the plan opens."""
    from redress.plans.rules import categories, routing

    entries = read.entries(section, "tasks", "/urgent", MOST_TASKS)
    if entries and not tasks.has_tasks(plan):
        read.fault("/urgent/tasks", "no_tasks", "the plan has no section tasks")
    seen: list[Any] = []
    for index, entry in enumerate(entries):
        at = f"/urgent/tasks/{index}"
        if not isinstance(entry, dict):
            read.fault(at, "object_expected", "an object is expected here")
            continue
        read.known(entry, _OF_TASK, at)
        name = entry.get("name")
        if not isinstance(name, str) or not NAME.fullmatch(name):
            detail = "a name of small letters, digits and underscores"
            read.fault(f"{at}/name", "name_expected", detail)
        elif name in seen:
            read.fault(f"{at}/name", "twice", "each name once")
        seen.append(name)
        routing.check_when(read, document, plan, entry, at)
        read.one_of(entry.get("team"), plan.team_names, f"{at}/team")
        categories.check_label(read, entry, "title", at)
        text = read.section(entry, "text", at)
        read.known(text, LANGUAGES, f"{at}/text")
        for language in LANGUAGES:
            read.text(text, language, f"{at}/text", TEXT_LIMIT)
        read.flag(entry, "required", at)
        shares = read.some_of(entry, "shares", SHARES, at)
        if len(set(shares)) != len(shares):
            read.fault(f"{at}/shares", "twice", "each part once")
        if "calendar" in entry:
            read.one_of(entry["calendar"], plan.calendars, f"{at}/calendar")
            if "within" not in entry:
                read.fault(f"{at}/within", "duration_expected", "the time in this calendar")
        if "within" in entry:
            _check_time(read, entry, at, plan)


def _check_time(read: DocumentReader, entry: Mapping[str, Any], at: str, plan: Plan) -> None:
    """Check how long a department has. It is no longer than a member of staff may give."""
    before = len(read.faults)
    read.duration(entry, "within", at)
    is_checked = len(read.faults) == before and not any(
        fault.pointer.startswith("/tasks") for fault in read.faults
    )
    if is_checked and seconds_of(entry["within"]) > tasks.most_s(plan):
        read.fault(f"{at}/within", "too_long", "longer than /tasks/most")
