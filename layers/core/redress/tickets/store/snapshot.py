"""What a head keeps of its ticket, as JSON: what is not a matter of course.

Every change writes the head, and a table is paid by the kilobyte written, twice in a transaction.
So a field is left out where it is as its type's default, and where it is what `_OF_TICKET` or
`_OF_CLOCK` makes of the others: a clock that nothing moved is due its target after its start, one
that stopped was measured when it stopped. Both directions use the same table, in its order, so what
is read is always what was written; a field that is otherwise stands there, if as null.

What a default or a rule here makes of an absent field is a format, and heads outlive the code that
wrote them. Those of this format say none. Whoever changes it lets theirs say "format", which this
reader refuses, and goes on reading these: `tests/tickets/test_snapshot.py` keeps one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import msgspec

from redress.clocks.rules.clocks import ClockName, ClockState
from redress.tickets.rules.ticket import Ticket

Fields = dict[str, Any]
"""A value by the names of its fields. Those that a rule looks at are of their own types, or as JSON
has them where that is equal (`ClockState` is a string)."""


# ------------------------------------------------------------------------------ matters of course


def _last_person_version(ticket: Fields) -> int:
    version: int = ticket["version"]
    return version


def _acknowledged_at(ticket: Fields) -> datetime | None:
    at: datetime | None = ticket["clocks"].get(ClockName.ACKNOWLEDGEMENT, {}).get("stopped_at")
    return at


def _changed_at(ticket: Fields) -> datetime:
    """Most events begin, stop, pause or resume a clock."""
    measured = [clock["anchor_at"] for clock in ticket["clocks"].values()]
    at: datetime = max([ticket["created_at"], *measured])
    return at


def _state(clock: Fields, ticket: Fields) -> ClockState:
    return ClockState.STOPPED if clock["stopped_at"] else ClockState.RUNNING


def _anchor_at(clock: Fields, ticket: Fields) -> datetime:
    at: datetime = clock["stopped_at"] or clock["started_at"]
    return at


def _consumed_s(clock: Fields, ticket: Fields) -> float:
    """In calendar time, where nothing made it stand still."""
    between: timedelta = clock["anchor_at"] - clock["started_at"]
    return between.total_seconds()


def _due_at(clock: Fields, ticket: Fields) -> datetime:
    at: datetime = clock["started_at"] + timedelta(seconds=clock["target_s"])
    return at


def _held_by(clock: Fields, ticket: Fields) -> str | None:
    return ticket.get("assignee") if clock["stopped_at"] else None


_OF_CLOCK: Mapping[str, Callable[[Fields, Fields], Any]] = {
    "started_at": lambda clock, ticket: ticket["created_at"],
    "stopped_at": lambda clock, ticket: None,
    "state": _state,
    "anchor_at": _anchor_at,
    "consumed_s": _consumed_s,
    "due_at": _due_at,
    "held_by": _held_by,
}
"""In the order in which they are read: each looks at what stands before it, at fields that are not
here, and at the ticket's `created_at` and `assignee`."""
_OF_TICKET: Mapping[str, Callable[[Fields], Any]] = {
    "last_person_version": _last_person_version,
    "acknowledged_at": _acknowledged_at,
    "changed_at": _changed_at,
}
_STORED_AS = {"last_person_version": "touched"}
"""Fields that have another name in the table: stored names outlive the names in the code."""

_TIMES = ("started_at", "stopped_at", "anchor_at")
"""Fields of a clock that rules calculate with."""


# ------------------------------------------------------------------------------ both directions


def encode(ticket: Ticket) -> Fields:
    """What of the ticket is written, for an encoder of JSON."""
    fields = _fields(ticket)
    fields["clocks"] = {name: _fields(clock) for name, clock in ticket.clocks.items()}
    written = _without_defaults(ticket, _OF_TICKET)
    written |= {
        _STORED_AS.get(n, n): fields[n]
        for n, rule in _OF_TICKET.items()
        if rule(fields) != fields[n]
    }
    written["clocks"] = {}
    for name, clock in ticket.clocks.items():
        found = fields["clocks"][name]
        kept = {n: found[n] for n, rule in _OF_CLOCK.items() if rule(found, fields) != found[n]}
        written["clocks"][name] = _without_defaults(clock, _OF_CLOCK) | kept
    return written


def decode(raw: Any) -> Ticket:
    """The ticket that was told, as JSON has it; raises msgspec.ValidationError if it is none."""
    try:
        if "format" in raw:
            raise msgspec.ValidationError(f"a head of the later format {raw['format']!r}")
        raw["created_at"] = datetime.fromisoformat(raw["created_at"])
        for clock in raw["clocks"].values():
            _fill_in(clock, raw)
        for name, stored in _STORED_AS.items():
            if stored in raw:
                raw[name] = raw.pop(stored)
        for name, of_ticket in _OF_TICKET.items():
            if name not in raw:
                raw[name] = of_ticket(raw)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise msgspec.ValidationError(f"this is no head: {error!r}") from error
    return msgspec.convert(raw, Ticket)


def _fill_in(clock: Fields, ticket: Fields) -> None:
    for name in _TIMES:
        if clock.get(name) is not None:
            clock[name] = datetime.fromisoformat(clock[name])
    for name, of_clock in _OF_CLOCK.items():
        if name not in clock:
            clock[name] = of_clock(clock, ticket)


def _fields(value: msgspec.Struct) -> Fields:
    return {name: getattr(value, name) for name in value.__struct_fields__}


def _without_defaults(value: msgspec.Struct, ruled: Mapping[str, Any]) -> Fields:
    return {
        name: _plain(one)
        for name, default in _defaults(type(value))
        if name not in ruled and (one := getattr(value, name)) != default
    }


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return _without_defaults(value, {}) if isinstance(value, msgspec.Struct) else value


@cache
def _defaults(kind: type[msgspec.Struct]) -> list[tuple[str, Any]]:
    """Each field with its default; msgspec's NODEFAULT, equal to nothing, where it has none."""
    names, defaults = kind.__struct_fields__, kind.__struct_defaults__
    missing = [msgspec.NODEFAULT] * (len(names) - len(defaults))
    return list(zip(names, [*missing, *defaults], strict=True))
