"""A record of a call as a connector hands it over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any

from msgspec import Struct

from redress.base import instants, phones, texts
from redress.base.errors import Fault, InvalidInput, pointer
from redress.base.languages import LANGUAGES
from redress.connectors.rules.message import ID_LIMIT
from redress.plans.rules.plan import KINDS
from redress.tickets.rules.calls import Call, Direction, Result
from redress.tickets.rules.numbers import normalised
from redress.tickets.rules.submission import DEFAULT_KIND, NAME_LIMIT

TEXT_LIMIT = 200
"""The most characters of a menu choice, a queue and an agent."""
RECORDING_LIMIT = 1_000
MOST_HOLDS = 50
LONGEST = timedelta(days=1)
"""A call with its work afterwards is not longer than this. A longer one is a wrong time."""
AHEAD = timedelta(minutes=5)
"""How far a time in a record may be ahead of the clock of this service."""

_TIMES = ("began", "left_menu", "answered", "ended", "after_work_ended")
_FIELDS = (
    "call",
    "updated",
    "result",
    "direction",
    "phone",
    "name",
    *_TIMES,
    "held",
    "hold_s",
    "menu",
    "queue",
    "agent",
    "recording",
    "ticket",
    "conversation",
    "language",
    "kind",
)
_NEEDS = {
    Result.ONGOING: (),
    Result.ANSWERED: ("answered", "ended"),
    Result.MISSED: ("ended",),
    Result.ABANDONED_IN_MENU: ("ended",),
    Result.ABANDONED_IN_QUEUE: ("ended",),
}
_NEVER = {
    Result.ONGOING: ("ended", "after_work_ended"),
    Result.ANSWERED: (),
    Result.MISSED: ("answered", "after_work_ended", "held", "hold_s"),
    Result.ABANDONED_IN_MENU: ("left_menu", "answered", "after_work_ended", "held", "hold_s"),
    Result.ABANDONED_IN_QUEUE: ("answered", "after_work_ended", "held", "hold_s"),
}


class Record(Struct, frozen=True):
    """A valid record.

    `updated` is when the source last changed the record: the newest one counts. `conversation` is
    the id under which messages of the same call come. `ticket` is the number that the agent's
    client gave. `agent` is an id or an address.
    """

    call: Call
    updated: datetime
    conversation: str
    kind: str = DEFAULT_KIND
    name: str | None = None
    agent: str | None = None
    ticket: str | None = None
    language: str | None = None


class _Reader:
    """Reads the fields of a record, and collects every fault."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._body = body
        self.faults: list[Fault] = []

    def fault(self, name: str, code: str, detail: str) -> None:
        self.faults.append(Fault(f"/{name}", code, detail))

    def has(self, name: str) -> bool:
        return self._body.get(name) not in (None, "")

    def text(self, name: str, limit: int, *, need: bool = False) -> str | None:
        value = self._body.get(name)
        if value is None or value == "":
            if need:
                self.fault(name, "required", "this field is required")
            return None
        if not isinstance(value, str):
            self.fault(name, "text_expected", "a text is expected here")
            return None
        cleaned = texts.cleaned_line(value)
        if fault := texts.fault_of(value):
            self.fault(name, *fault)
        elif len(cleaned) > limit:
            self.fault(name, "too_long", f"at most {limit} characters")
        elif len(cleaned.splitlines()) > 1:
            self.fault(name, "one_line", "one line is expected here")
        elif need and not cleaned:
            self.fault(name, "required", "this field is required")
        return cleaned or None

    def word[W: StrEnum](self, name: str, known: type[W], otherwise: W | None = None) -> W | None:
        value = self._body.get(name)
        if value is None and otherwise is not None:
            return otherwise
        if not isinstance(value, str) or value not in list(known):
            self.fault(name, "unknown_value", f"one of {', '.join(known)}")
            return None
        return known(value)

    def time(self, name: str, *, need: bool = False) -> datetime | None:
        value = self._body.get(name)
        if value is None:
            if need:
                self.fault(name, "required", "this field is required")
            return None
        return self.instant(value, name)

    def instant(self, value: Any, at: str) -> datetime | None:
        try:
            return instants.parse(value)
        except ValueError:
            detail = f"an instant in the form of RFC 3339, such as {instants.EXAMPLE}"
            self.fault(at, "instant_expected", detail)
            return None

    def periods(self) -> tuple[tuple[datetime, datetime], ...]:
        value = self._body.get("held")
        if value is None:
            return ()
        if not isinstance(value, list) or len(value) > MOST_HOLDS:
            self.fault("held", "list_expected", f"a list of at most {MOST_HOLDS} periods")
            return ()
        found = []
        for index, period in enumerate(value):
            at = f"held/{index}"
            if not isinstance(period, list) or len(period) != 2:
                self.fault(at, "period_expected", "a period has its begin and its end")
                continue
            begin, end = (self.instant(one, f"{at}/{n}") for n, one in enumerate(period))
            if begin is not None and end is not None:
                found.append((begin, end))
        return tuple(found)

    def seconds(self, name: str) -> float | None:
        value = self._body.get(name)
        if value is None:
            return None
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 0 <= value <= LONGEST.total_seconds():
            most = int(LONGEST.total_seconds())
            self.fault(name, "number_expected", f"a number of seconds from 0 to {most}")
            return None
        return round(float(value), 3)


def parse(body: Any, now: datetime) -> Record:
    """Validate a decoded JSON body. Raises InvalidInput that lists every wrong field."""
    if not isinstance(body, Mapping):
        raise InvalidInput([Fault("", "object_expected", "the body must be a JSON object")])
    read = _Reader(body)
    for name in body:
        if name not in _FIELDS:
            read.faults.append(Fault(pointer(name), "unknown", "this is not part of a record"))
    id_ = read.text("call", ID_LIMIT, need=True)
    updated = read.time("updated", need=True)
    result = read.word("result", Result)
    direction = read.word("direction", Direction, Direction.INBOUND)
    times = {name: read.time(name, need=name == "began") for name in _TIMES}
    held, hold_s = read.periods(), read.seconds("hold_s")
    if result is not None:
        for name in _NEEDS[result]:
            if not read.has(name):
                read.fault(name, "required", f"a call that is {result} has it")
        for name in _NEVER[result]:
            if body.get(name) not in (None, [], 0):
                read.fault(name, "not_possible", f"a call that is {result} has none")
    _check_order(read, times, held, hold_s)
    if updated is not None and updated > now + AHEAD:
        read.fault("updated", "in_the_future", "this time is still to come")
    for name, at in times.items():
        if at is not None and at > now + AHEAD:
            read.fault(name, "in_the_future", "this time is still to come")
    phone = read.text("phone", phones.LIMIT)
    if phone is not None and not phones.is_phone(phone):
        read.fault("phone", "phone_expected", "this is no phone number")
    language = read.text("language", TEXT_LIMIT)
    if language is not None and language not in LANGUAGES:
        read.fault("language", "unknown_language", f"one of {', '.join(LANGUAGES)}")
    kind = read.text("kind", TEXT_LIMIT) or DEFAULT_KIND
    if kind not in KINDS:
        read.fault("kind", "unknown_kind", f"one of {', '.join(KINDS)}")
    ticket = read.text("ticket", TEXT_LIMIT)
    number = normalised(ticket) if ticket is not None else None
    if ticket is not None and number is None:
        read.fault("ticket", "unknown_ticket", "there is no such ticket")
    name = read.text("name", NAME_LIMIT)
    agent, menu = read.text("agent", TEXT_LIMIT), read.text("menu", TEXT_LIMIT)
    queue = read.text("queue", TEXT_LIMIT)
    recording = read.text("recording", RECORDING_LIMIT)
    conversation = read.text("conversation", ID_LIMIT)
    began = times["began"]
    if read.faults:
        first = {fault.pointer: fault for fault in reversed(read.faults)}
        raise InvalidInput(sorted(first.values(), key=read.faults.index))
    assert id_ is not None, "required"
    assert updated is not None, "required"
    assert began is not None, "required"
    assert result is not None, "it is one of the known ones"
    assert direction is not None, "it is one of the known ones"
    call = Call(
        id_,
        result,
        direction,
        began,
        phone=phone,
        held=held,
        hold_s=None if held else hold_s,
        menu=menu,
        queue=queue,
        agent_text=agent,
        recording=recording,
        left_menu=times["left_menu"],
        answered=times["answered"],
        ended=times["ended"],
        after_work_ended=times["after_work_ended"],
    )
    return Record(
        call,
        updated,
        conversation or id_,
        kind=kind,
        name=name,
        agent=agent,
        ticket=number,
        language=language,
    )


def _check_order(
    read: _Reader,
    times: Mapping[str, datetime | None],
    held: tuple[tuple[datetime, datetime], ...],
    hold_s: float | None,
) -> None:
    """Record a fault of each time that is before an earlier one, and of holds outside the call."""
    known = [(name, at) for name in _TIMES if (at := times[name]) is not None]
    for (before, earlier), (name, at) in pairwise(known):
        if at < earlier:
            read.fault(name, "not_in_order", f"it is before {before}")
    began, last = times["began"], known[-1][1] if known else None
    if began is not None and last is not None and last - began > LONGEST:
        read.fault(known[-1][0], "too_long", "a call does not last longer than a day")
    answered, ended = times["answered"], times["ended"]
    if not held and not hold_s:
        return
    name = "held" if held else "hold_s"
    if held and hold_s is not None:
        read.fault("hold_s", "twice", "give the periods or their sum")
    if answered is None:
        if not read.has("answered"):
            read.fault(name, "not_possible", "only a call that was answered is put on hold")
        return
    if held:
        edge = answered
        for index, (begin, end) in enumerate(held):
            if not edge <= begin <= end or (ended is not None and end > ended):
                detail = "periods are in order, apart, and between answered and ended"
                read.fault(f"held/{index}", "not_in_order", detail)
            edge = max(edge, end)
    elif ended is not None and hold_s is not None and hold_s > (ended - answered).total_seconds():
        read.fault("hold_s", "too_long", "it is longer than from answered to ended")
