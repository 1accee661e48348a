"""Tasks for other departments in a plan: how long a department has, and checks of the section.

A plan without the section has no tasks: nobody can open one on a ticket under it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from redress.clocks.rules.clocks import Action
from redress.plans.rules.plan import ALWAYS, LONGEST_S, Plan, Promise, seconds_of
from redress.plans.rules.reader import DocumentReader

SECTION = ("within", "calendar", "ladder", "most", "urge_every", "teams")
_OF_TEAM = ("within", "calendar", "ladder")
MOST_TEAMS = 50
USUAL_URGE_S = 86_400
"""The shortest time between two urges of a customer if the plan has none, in seconds."""
_ONLY_OF_TICKETS = ("priority", "reassign", "watch", "incident", "return_unaccepted")
"""The fields of a rung that change the ticket. A ladder for tasks, remedies, post-mortems or
relationship calls must not have them."""


def has_tasks(plan: Plan) -> bool:
    """Whether tasks can be opened on tickets under the plan."""
    return bool(plan.tasks)


def promise(plan: Plan, team: str) -> Promise:
    """Return how long a department has for a task if whoever opens it gives no due time.

    Raises KeyError for a plan without tasks.
    """
    entry = plan.tasks | plan.tasks.get("teams", {}).get(team, {})
    return Promise(
        target_s=seconds_of(entry["within"]),
        calendar=entry.get("calendar", ALWAYS),
        ladder=entry["ladder"],
        pauses=(),
    )


def ladder(plan: Plan, team: str) -> str:
    """Return the name of the ladder of a department's tasks; "" if the plan has no tasks."""
    return promise(plan, team).ladder if has_tasks(plan) else ""


def most_s(plan: Plan) -> int:
    """Return the longest time that a department can be given for a task, in seconds."""
    return seconds_of(plan.tasks["most"]) if "most" in plan.tasks else LONGEST_S


def urge_every_s(plan: Plan) -> int:
    """Return the shortest time between two urges of a customer on one ticket, in seconds."""
    return seconds_of(plan.tasks["urge_every"]) if "urge_every" in plan.tasks else USUAL_URGE_S


def promises(plan: Plan) -> Iterator[tuple[str, Promise]]:
    """Yield the JSON pointer of each entry that sets a promise, and the promise."""
    if has_tasks(plan):
        yield "/tasks", promise(plan, "")
        for team in plan.tasks.get("teams", {}):
            yield f"/tasks/teams/{team}", promise(plan, team)


def check(read: DocumentReader, document: Mapping[str, Any], plan: Plan) -> None:
    """Record every fault of the section in a document that is being published."""
    if "tasks" not in document:
        return
    section = read.section(document, "tasks", "")
    read.known(section, SECTION, "/tasks")
    check_entry(read, document, section, plan, "/tasks", need=("within", "ladder"))
    for name in ("most", "urge_every"):
        if name in section:
            read.duration(section, name, "/tasks")
    teams = read.section(section, "teams", "/tasks", need=False)
    if len(teams) > MOST_TEAMS:
        read.fault("/tasks/teams", "too_many", f"at most {MOST_TEAMS}")
    for team in teams:
        at = f"/tasks/teams/{team}"
        if team not in plan.team_names:
            read.fault(at, "unknown_team", "a department has a name in /team_names")
        own = read.section(teams, team, "/tasks/teams")
        read.known(own, _OF_TEAM, at)
        check_entry(read, document, own, plan, at, need=())


def check_entry(
    read: DocumentReader,
    document: Mapping[str, Any],
    entry: Mapping[str, Any],
    plan: Plan,
    at: str,
    need: tuple[str, ...],
) -> None:
    """Check when something beside a ticket's own promises is due: a task, a remedy, a post-mortem,
    or a call to a customer. Its ladder must not change a ticket. `need` has those of `within` and
    `ladder` that the entry must have."""
    if "within" in entry or "within" in need:
        read.duration(entry, "within", at)
    if "calendar" in entry:
        read.one_of(entry["calendar"], plan.calendars, f"{at}/calendar")
    if "ladder" not in entry and "ladder" not in need:
        return
    named = read.one_of(entry.get("ladder"), plan.ladders, f"{at}/ladder")
    ladders = document.get("ladders")
    rungs = ladders.get(named) if isinstance(ladders, dict) else None
    for rung in rungs if isinstance(rungs, list) else ():
        if isinstance(rung, dict) and (
            any(name in rung for name in _ONLY_OF_TICKETS) or rung.get("action") == Action.JOIN
        ):
            what = ", ".join(_ONLY_OF_TICKETS)
            parts = "a task, a remedy, a post-mortem or a relationship call"
            detail = f"a rung of {parts} has none of: {what}, and brings nobody in"
            read.fault(f"{at}/ladder", "not_of_tasks", detail)
            return
