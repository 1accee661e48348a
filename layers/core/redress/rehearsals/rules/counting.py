"""Counts the results of many tickets per kind, team and promise, and builds reports from them.

`Counts` holds a count for each key, and for some keys up to EXAMPLES ticket numbers. Its size does
not grow with the number of tickets. The parts of a period are counted separately, and `include`
adds their `Counts` together. The order of the additions does not change the result.

When a due time moves, the move is counted in the step that its length falls into. BOUNDS_S holds
the upper bounds of the steps. Medians and percentiles are therefore only known up to such a bound.
Sums and means are exact.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeGuard

from redress.clocks.rules.clocks import Action, Clock, ClockName, ClockState
from redress.rehearsals.rules.rehearsal import Comparison, Outcome, Side, Verdict
from redress.tickets.rules import post_mortem
from redress.tickets.rules.change import Change
from redress.tickets.rules.promise_view import BY_CONNECTOR, BY_MAIL, BY_STAFF, told_by
from redress.tickets.rules.ticket import EventType, State, Ticket

EXAMPLES = 3
ALL = "all"
"""Stands for all kinds, or for all teams, in a report."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
BOUNDS_S = (
    *(minutes * _MINUTE for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * _HOUR for hours in (1, 2, 3, 4, 6, 8, 12, 16)),
    *(days * _DAY for days in (1, 2, 3, 4, 5, 7, 10, 14, 30, 366)),
)
"""Upper bounds, in seconds, of the steps in which moves of due times are counted."""

SAME_WITHIN_S = 1
"""Two due times count as equal if they differ by less than this, because targets are whole
seconds."""

_SEPARATOR = "|"
REAL, DRAFT = "real", "draft"


@dataclass(slots=True)
class Counts:
    """Counts and example tickets. Their keys have the form `kind|team|clock|measure`.

    The clock in a key is empty if the measure counts tickets rather than promises.
    """

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def include(self, other: Counts) -> Counts:
        """Add other counts to these. Returns self."""
        for key, count in other.counts.items():
            self.counts[key] = self.counts.get(key, 0) + count
        for key, numbers in other.examples.items():
            self._exemplify(key, numbers)
        return self

    def _exemplify(self, key: str, numbers: Iterable[str]) -> None:
        """Keep the lowest EXAMPLES ticket numbers of a key.

        The choice therefore does not depend on the order in which tickets are counted.
        """
        self.examples[key] = sorted({*self.examples.get(key, ()), *numbers})[:EXAMPLES]

    def hide(self, numbers: Collection[str]) -> None:
        """Leave these tickets out of the examples. They are still counted."""
        for key, examples in self.examples.items():
            self.examples[key] = [one for one in examples if one not in numbers]

    def group(self, kind: str, team: str) -> Group:
        """The group in which tickets of a kind and a team are counted."""
        return Group(self, f"{kind}{_SEPARATOR}{team}")


@dataclass(frozen=True, slots=True)
class Group:
    """The counts of one kind and team."""

    counts: Counts
    prefix: str

    def count(self, measure: str, clock: str = "", by: int = 1) -> None:
        """Add `by` to a measure."""
        if by:
            key = self._key(measure, clock)
            self.counts.counts[key] = self.counts.counts.get(key, 0) + by

    def exemplify(self, measure: str, number: str, clock: str = "") -> None:
        """Count a ticket or promise, and keep the ticket number as an example."""
        self.count(measure, clock)
        self.counts._exemplify(self._key(measure, clock), (number,))

    def moved(self, clock: str, before: datetime, after: datetime) -> None:
        """Count a move of a due time, with its direction and length. Ignore equal due times."""
        seconds = round((after - before).total_seconds())
        if abs(seconds) < SAME_WITHIN_S:
            return
        way = "earlier" if seconds < 0 else "later"
        self.count(way, clock)
        self.count(f"{way}_s", clock, abs(seconds))
        self.count(f"{way}_step.{bisect_left(BOUNDS_S, abs(seconds))}", clock)

    def _key(self, measure: str, clock: str) -> str:
        return _SEPARATOR.join((self.prefix, clock, measure))


# ----------------------------------------------------------------------------------- a rehearsal


def add_comparison(counts: Counts, found: Comparison) -> None:
    """Count one rehearsed ticket.

    It belongs to the group of the last kind and team that it really had, not those under the draft.
    """
    real, draft = found.real, found.draft
    group = counts.group(real.ticket.kind, real.ticket.team)
    group.count("tickets")
    if found.changed:
        group.exemplify("changed", found.number)
    teams = (real.opened_in, draft.opened_in)
    if teams[0] == teams[1]:
        teams = (real.ticket.team, draft.ticket.team)
    if teams[0] != teams[1]:
        group.exemplify(f"team.{teams[0]}.{teams[1]}", found.number)
    for name, was in real.classified.items():
        would = draft.classified.get(name)
        if would != was:
            group.exemplify(f"class.{name}.{was or ''}.{would or ''}", found.number)
    if found.undecided:
        group.exemplify("undecided", found.number)
    for what, count in found.skipped.items():
        group.count(f"skipped.{what}", by=count)
    for side, life in ((REAL, real), (DRAFT, draft)):
        _add_side(group, side, life)
    for key in real.promises.keys() | draft.promises.keys():
        _add_promise(
            group, found.number, key[0].value, real.promises.get(key), draft.promises.get(key)
        )


def _add_side(group: Group, side: str, life: Side) -> None:
    missed = any(one.verdict is Verdict.MISSED for one in life.promises.values())
    group.count(f"breached.{side}", by=int(missed))
    group.count(f"unconfirmed.{side}", by=int(life.ticket.closure == "unconfirmed"))
    for event in life.events:
        if event.by.is_person:
            continue
        if event.type is EventType.QUEUED and event.data.get("avoid"):
            group.count(f"taken_away.{side}")
        elif event.type is EventType.INCIDENT_PROPOSED:
            group.count(f"incidents.{side}")
        elif event.type is EventType.RUNG_FIRED:
            clock, action = event.data["clock"], event.data["action"]
            own = (ClockName.ASSIGNMENT, post_mortem.CLOCK)
            if clock in own or not {"task", "remedy_id"}.isdisjoint(event.data):
                continue
            for role in ("", *event.data["notify"]):
                group.count(f"rung.{action}.{role}.{side}", clock)


def _add_promise(
    group: Group, number: str, clock: str, real: Outcome | None, draft: Outcome | None
) -> None:
    for side, outcome in ((REAL, real), (DRAFT, draft)):
        if outcome is not None:
            group.count(f"{outcome.verdict}.{side}", clock)
    if real is None or draft is None:
        group.count("new" if real is None else "dropped", clock)
        return
    if real.verdict is not draft.verdict:
        group.exemplify(f"turned.{real.verdict}.{draft.verdict}", number, clock)
    group.moved(clock, real.due_at, draft.due_at)


# ---------------------------------------------------------------------------------------- a move


def add_move(counts: Counts, move: Change) -> None:
    """Count how a move to another plan changes the deadlines of an open ticket.

    Due times are compared only if the promise runs before and after the move. A paused promise has
    no due time until it resumes. With a clock, the measure `overdue` counts the promises that the
    move makes overdue. Without a clock, it counts the tickets that have such a promise. The measure
    `closes` counts the resolved tickets that the move closes. The new plan has no callback or
    survey for these tickets. A ticket of which a promise becomes later than the customer was told
    counts as `told_by`: a mail or the connector tells the customer, or staff must do it.
    """
    assert move.before is not None, "a move begins with a ticket"
    before, after, event = move.before, move.after, move.events[0]
    at = event.at
    group = counts.group(before.kind, before.team)
    group.count("tickets")
    group.count("moved")
    changed = overdue = False
    for name in before.clocks.keys() | after.clocks.keys():
        was, now = before.clocks.get(name), after.clocks.get(name)
        if _runs(was) and _runs(now):
            changed = changed or abs((now.due_at - was.due_at).total_seconds()) >= SAME_WITHIN_S
            group.moved(name.value, was.due_at, now.due_at)
        elif _is_open(was) != _is_open(now):
            changed = True
            group.count("dropped" if _is_open(was) else "new", name.value)
        if _is_overdue(name, now, after, at) and not _is_overdue(name, was, before, at):
            overdue = True
            group.exemplify("overdue", before.number, name.value)
    group.count("touched", by=int(changed))
    if event.data.get("lengthened"):
        group.exemplify(f"told_by.{told_by(event.data)}", before.number)
    group.count("closes", by=int(after.state is State.CLOSED))
    group.count("overdue", by=int(overdue))


def add_left_alone(counts: Counts, ticket: Ticket, why: str) -> None:
    """Count a ticket that a move does not change.

    `why` is `already` if the ticket has the new plan already. It is `closed` if the ticket was
    closed before the move reached it.
    """
    group = counts.group(ticket.kind, ticket.team)
    group.count("tickets")
    group.exemplify(why, ticket.number)


def add_unreadable(counts: Counts, number: str) -> None:
    """Count a ticket whose history could not be read or replayed."""
    counts.group("", "").exemplify("unreadable", number)


def _runs(clock: Clock | None) -> TypeGuard[Clock]:
    return clock is not None and clock.state is ClockState.RUNNING


def _is_open(clock: Clock | None) -> bool:
    return clock is not None and not clock.over


def _is_overdue(name: ClockName, clock: Clock | None, ticket: Ticket, at: datetime) -> bool:
    """Whether staff are late with this promise at `at`: it is running and past its due time.

    A survey and a callback by mail wait for the customer, so they never count.
    """
    of_staff = name is not ClockName.SURVEY and (
        name is not ClockName.CALLBACK or not ticket.callback_by_mail
    )
    return of_staff and _runs(clock) and clock.due_at < at


# ------------------------------------------------------------------------------------ the report

_GroupCounts = dict[str, dict[str, int]]
"""The counts of one group, by clock ('' for measures of tickets) and measure."""


def report(counts: Counts) -> dict[str, Any]:
    """The report of a rehearsal as JSON (`RehearsalReport` in openapi-staff.json).

    `together` is about all tickets. `groups` has one entry for each kind and team. In a pair of
    numbers, `real` is what happened, and `draft` is what would have happened under the draft plan.
    For a median or a 90th percentile, the report gives an upper bound from BOUNDS_S.
    """
    return _layout(counts, _rehearsed)


def move_report(counts: Counts) -> dict[str, Any]:
    """Return the report of a move or of its dry run: `MoveReport` in openapi-staff.json."""
    return _layout(counts, _moves)


def _layout(counts: Counts, body: Any) -> dict[str, Any]:
    """Lay out a report. `body` makes the part about all tickets, and the part about each group."""
    groups = _groups(counts)
    together = Counts()
    for key, count in counts.counts.items():
        together.group(ALL, ALL).count(*_measure_and_clock(key), by=count)
    for key, numbers in counts.examples.items():
        _, _, clock, measure = key.split(_SEPARATOR)
        together._exemplify(_SEPARATOR.join((ALL, ALL, clock, measure)), numbers)
    total = _groups(together).get((ALL, ALL), {})
    return {
        "unreadable": {
            "tickets": total.get("", {}).get("unreadable", 0),
            "examples": together.examples.get(f"{ALL}|{ALL}||unreadable", []),
        },
        "together": body(total, _Examples(together, ALL, ALL)),
        "groups": [
            {"kind": kind, "team": team, **body(group, _Examples(counts, kind, team))}
            for (kind, team), group in sorted(groups.items())
            if kind
        ],
    }


def _measure_and_clock(key: str) -> tuple[str, str]:
    _, _, clock, measure = key.split(_SEPARATOR)
    return measure, clock


def _groups(counts: Counts) -> dict[tuple[str, str], _GroupCounts]:
    found: dict[tuple[str, str], _GroupCounts] = {}
    for key, count in counts.counts.items():
        kind, team, clock, measure = key.split(_SEPARATOR)
        found.setdefault((kind, team), {}).setdefault(clock, {})[measure] = count
    return found


@dataclass(frozen=True, slots=True)
class _Examples:
    counts: Counts
    kind: str
    team: str

    def __call__(self, measure: str, clock: str = "") -> list[str]:
        key = _SEPARATOR.join((self.kind, self.team, clock, measure))
        return self.counts.examples.get(key, [])


def _rehearsed(counts: _GroupCounts, examples: _Examples) -> dict[str, Any]:
    tickets = counts.get("", {})
    return {
        "tickets": tickets.get("tickets", 0),
        "changed": tickets.get("changed", 0),
        "changed_examples": examples("changed"),
        "with_a_breach": _pair(tickets, "breached"),
        "closed_unconfirmed": _pair(tickets, "unconfirmed"),
        "taken_from_their_agent": _pair(tickets, "taken_away"),
        "incidents_proposed": _pair(tickets, "incidents"),
        "other_team": [
            {"real": was, "draft": would, "tickets": count, "examples": examples(measure)}
            for measure, count in sorted(tickets.items())
            if measure.startswith("team.")
            for _, was, would in [measure.split(".")]
        ],
        "classified_otherwise": [
            {
                "value": name,
                "real": was or None,
                "draft": would or None,
                "tickets": count,
                "examples": examples(measure),
            }
            for measure, count in sorted(tickets.items())
            if measure.startswith("class.")
            for _, name, was, would in [measure.split(".")]
        ],
        "undecided": tickets.get("undecided", 0),
        "undecided_examples": examples("undecided"),
        "skipped": {
            measure.partition(".")[2]: count
            for measure, count in sorted(tickets.items())
            if measure.startswith("skipped.")
        },
        "promises": [
            _promise_line(name, counts[name], examples) for name in _in_order(counts, _is_promise)
        ],
        "rungs": [line for name in _in_order(counts) for line in _rung_lines(name, counts[name])],
    }


def _is_promise(measures: dict[str, int]) -> bool:
    return any(not measure.startswith("rung.") for measure in measures)


def _in_order(counts: _GroupCounts, wanted: Any = bool) -> Iterator[str]:
    """The clocks of a group that have counts, in the order of `ClockName`."""
    return (name.value for name in ClockName if name in counts and wanted(counts[name]))


def _promise_line(name: str, measures: dict[str, int], examples: _Examples) -> dict[str, Any]:
    return {
        "clock": name,
        **{verdict.value: _pair(measures, verdict.value) for verdict in Verdict},
        "newly_promised": measures.get("new", 0),
        "no_longer_promised": measures.get("dropped", 0),
        "turned": [
            {"real": was, "draft": would, "promises": count, "examples": examples(measure, name)}
            for measure, count in sorted(measures.items())
            if measure.startswith("turned.")
            for _, was, would in [measure.split(".")]
        ],
        "due_earlier": _spread(measures, "earlier"),
        "due_later": _spread(measures, "later"),
    }


def _rung_lines(name: str, measures: dict[str, int]) -> list[dict[str, Any]]:
    """How often the rungs of a clock fired, with a line for each action and notified role.

    If `told` is None, the line counts every rung of the action, whoever was notified.
    """
    found = []
    for action in Action:
        roles = {measure.split(".")[2] for measure in measures if _is_rung(measure, action)}
        for role in sorted(roles):
            pair = _pair(measures, f"rung.{action}.{role}")
            found.append({"clock": name, "action": action.value, "told": role or None, **pair})
    return found


def _is_rung(measure: str, action: Action) -> bool:
    return measure.startswith(f"rung.{action}.")


def _moves(counts: _GroupCounts, examples: _Examples) -> dict[str, Any]:
    tickets = counts.get("", {})
    return {
        "tickets": tickets.get("tickets", 0),
        "moved": tickets.get("moved", 0),
        "deadlines_changed": tickets.get("touched", 0),
        "overdue_at_once": tickets.get("overdue", 0),
        "closed_by_it": tickets.get("closes", 0),
        "later_told_by_mail": tickets.get(f"told_by.{BY_MAIL}", 0),
        "later_told_by_connector": tickets.get(f"told_by.{BY_CONNECTOR}", 0),
        "later_told_by_staff": tickets.get(f"told_by.{BY_STAFF}", 0),
        "later_told_by_staff_examples": examples(f"told_by.{BY_STAFF}"),
        "already_there": tickets.get("already", 0),
        "closed_meanwhile": tickets.get("closed", 0),
        "promises": [
            {
                "clock": name,
                "newly_promised": counts[name].get("new", 0),
                "no_longer_promised": counts[name].get("dropped", 0),
                "due_earlier": _spread(counts[name], "earlier"),
                "due_later": _spread(counts[name], "later"),
                "overdue_at_once": counts[name].get("overdue", 0),
                "overdue_examples": examples("overdue", name),
            }
            for name in _in_order(counts)
        ],
    }


def _pair(measures: dict[str, int], name: str) -> dict[str, int]:
    return {side: measures.get(f"{name}.{side}", 0) for side in (REAL, DRAFT)}


def _spread(measures: dict[str, int], way: str) -> dict[str, int | None]:
    """How many due times moved in one direction, and by how many seconds.

    If no due time moved, the seconds are None.
    """
    count = measures.get(way, 0)
    return {
        "promises": count,
        "mean_s": round(measures.get(f"{way}_s", 0) / count) if count else None,
        "median_at_most_s": _percentile(measures, way, count, 50),
        "p90_at_most_s": _percentile(measures, way, count, 90),
    }


def _percentile(measures: dict[str, int], way: str, count: int, percent: int) -> int | None:
    """The lowest bound that at least `percent` % of the moves do not exceed.

    None if there are no moves, or if too many of them exceed the last bound.
    """
    left = -(-count * percent // 100)
    for step, bound in enumerate(BOUNDS_S):
        left -= measures.get(f"{way}_step.{step}", 0)
        if count and left <= 0:
            return bound
    return None


# ---------------------------------------------------------------------------------------- tables

COLUMNS = ("kind", "team", "clock", "measure", "real", "draft")


def rows(laid_out: dict[str, Any]) -> Iterator[tuple[str | int, ...]]:
    """A report as rows for a spreadsheet, beginning with the header COLUMNS.

    A pair fills the columns `real` and `draft`. A single number is in the column `draft`. The rows
    contain no example tickets; only the JSON report does.
    """
    yield COLUMNS
    yield ALL, ALL, "", "unreadable", "", laid_out["unreadable"]["tickets"]
    everything = {"kind": ALL, "team": ALL, **laid_out["together"]}
    for group in (everything, *laid_out["groups"]):
        about = (group["kind"], group["team"])
        for clock, measure, real, draft in _lines(group, ""):
            yield *about, clock, measure, real, draft


_Line = tuple[str, str, str | int, str | int]


def _lines(part: dict[str, Any], clock: str) -> Iterator[_Line]:
    for name, value in part.items():
        match value:
            case int():
                yield clock, name, "", value
            case {"real": int(real), "draft": int(draft)}:
                yield clock, name, real, draft
            case {"promises": int()}:
                for measure, seconds in value.items():
                    yield clock, f"{name}.{measure}", "", "" if seconds is None else seconds
            case dict():
                for key, count in value.items():
                    yield clock, f"{name}.{key}", "", count
            case list():
                for entry in value:
                    if isinstance(entry, dict):
                        yield from _entry_lines(name, entry, clock)


def _entry_lines(name: str, entry: dict[str, Any], clock: str) -> Iterator[_Line]:
    match entry:
        case {"value": str(value), "tickets": int(count)}:
            was, would = entry["real"] or "", entry["draft"] or ""
            yield clock, f"{name}.{value}.{was}.{would}", "", count
        case {"clock": str(own), "action": str(action), "real": int(real), "draft": int(draft)}:
            told = f".told_{entry['told']}" if entry["told"] else ""
            yield own, f"{action}{told}", real, draft
        case {"clock": str(own)}:
            yield from _lines({k: v for k, v in entry.items() if k != "clock"}, own)
        case {"real": str(was), "draft": str(would)}:
            count = entry.get("tickets", entry.get("promises", 0))
            yield clock, f"{name}.{was}.{would}", "", count
