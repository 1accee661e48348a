"""Encode a ticket as a snapshot, a JSON object, and decode it.

A snapshot omits fields that can be derived from the others, because a smaller snapshot is cheaper.
Every change writes the snapshot, and DynamoDB charges for each kilobyte written. In a transaction
it charges twice as much.

A field is omitted if it has its default value, or if it has the value that its rule in `_OF_TICKET`
or `_OF_CLOCK` derives. For example, a clock in calendar time that was never paused is due at its
start plus its target. A field with any other value is written, even if that value is null. Encoding
and decoding use the same rules, so decoding always restores what was encoded.

Snapshots are read by later versions of the code. So the meaning of an omitted field is part of the
stored format. A snapshot of this format has no key "format". If you change a rule or a default,
write the key "format" into new snapshots, and keep the code that reads the old ones. The code here
refuses a snapshot that has this key. `tests/tickets/test_snapshot.py` contains an old snapshot.
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
"""The fields of a ticket or a clock, by name. Times that a rule reads are always `datetime` values.
While a snapshot is decoded, other fields may have the types of JSON."""


# --------------------------------------------------------------------------------- derived fields


def _last_person_version(ticket: Fields) -> int:
    version: int = ticket["version"]
    return version


def _acknowledged_at(ticket: Fields) -> datetime | None:
    at: datetime | None = ticket["clocks"].get(ClockName.ACKNOWLEDGEMENT, {}).get("stopped_at")
    return at


def _changed_at(ticket: Fields) -> datetime:
    """The latest time at which a clock was measured, or at which the ticket was created.

    Most events measure a clock, so this is often the time of the last event.
    """
    measured = [clock["anchor_at"] for clock in ticket["clocks"].values()]
    at: datetime = max([ticket["created_at"], *measured])
    return at


def _state(clock: Fields, ticket: Fields) -> ClockState:
    return ClockState.STOPPED if clock["stopped_at"] else ClockState.RUNNING


def _anchor_at(clock: Fields, ticket: Fields) -> datetime:
    at: datetime = clock["stopped_at"] or clock["started_at"]
    return at


def _consumed_s(clock: Fields, ticket: Fields) -> float:
    """The seconds consumed by a clock in calendar time that was never paused."""
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
"""Field of a clock -> the rule that derives it from the clock's and the ticket's fields.

Fields are derived in the order of this table. A rule may read the clock's fields that are above its
own or not in this table. Of the ticket it may read only `created_at` and `assignee`.
"""
_OF_TICKET: Mapping[str, Callable[[Fields], Any]] = {
    "last_person_version": _last_person_version,
    "acknowledged_at": _acknowledged_at,
    "changed_at": _changed_at,
}
_STORED_AS = {"last_person_version": "touched"}
"""Fields that are stored under an older name, because stored names must not change."""

MOST = 10**11
"""No version of a ticket and no number of seconds of a clock is larger: these are 3,000 years. With
a larger one, which only damage can make, times cannot be calculated."""

_TIMES = ("started_at", "stopped_at", "anchor_at")
"""Fields of a clock that are parsed from text before the rules calculate with them."""


# ----------------------------------------------------------------------------- encode and decode


def encode(ticket: Ticket) -> Fields:
    """The fields of the snapshot, ready for the JSON encoder."""
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
    """The ticket of a snapshot. `raw` is the parsed JSON object; `decode` modifies it.

    Raises msgspec.ValidationError.
    """
    try:
        if "format" in raw:
            raise msgspec.ValidationError(f"a snapshot of the later format {raw['format']!r}")
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
        raise msgspec.ValidationError(f"this is not a snapshot: {error!r}") from error
    ticket = msgspec.convert(raw, Ticket)
    every = ticket.timers.values()
    seconds = [s for clock in every for s in (clock.target_s, clock.consumed_s)]
    if max([ticket.version, *seconds]) > MOST:
        raise msgspec.ValidationError("a number of this snapshot is too big")
    return ticket


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
    """Each field of a type with its default.

    A field without a default gets msgspec's NODEFAULT. No value equals NODEFAULT, so the value of
    such a field never counts as its default.
    """
    names, defaults = kind.__struct_fields__, kind.__struct_defaults__
    missing = [msgspec.NODEFAULT] * (len(names) - len(defaults))
    return list(zip(names, [*missing, *defaults], strict=True))
