"""Do one act, or one macro, on many tickets. Each ticket is a change of its own.

The tickets are done one after the other. Their snapshots are read together, so each needs little
more than its own transaction (docs/decisions/052-macros-and-bulks.md has the measurement). If the
time is over, the tickets that are left were not tried, and the caller sends them again.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from redress.base.errors import Fault, InvalidInput, KeyReused, Unavailable, pointer
from redress.base.numbers import whole
from redress.base.people import Actor, Member
from redress.db import encoding, retry
from redress.plans.rules import acts
from redress.plans.rules.plan import Plan
from redress.plans.rules.reader import DocumentReader
from redress.staff.cases.acting import ActingCase
from redress.staff.cases.macros import MACRO, MacroCases
from redress.tickets.cases.staff import StaffCases, StaffStep
from redress.tickets.rules import macros
from redress.tickets.rules.change import Change
from redress.tickets.rules.numbers import normalised
from redress.tickets.rules.ticket import Event, Ticket
from redress.tickets.store.ranges import BATCH, TicketRanges
from redress.tickets.store.tickets import TicketStore

MOST_TICKETS = 500
PATIENCE_S = 18.0
"""No ticket is begun later than this many seconds after the bulk began."""
LAST_CALL_S = 19.0
"""No call to AWS is begun later. So the last one ends before the function must (template.yaml)."""
BULK = "bulk"
"""The name under which the data of an event says which bulk it came from."""
WHY = "bulk"
"""The reason of a change that needs one, if the act gives none."""


class Result(StrEnum):
    """What became of one ticket of a bulk."""

    DONE = "done"
    REPEATED = "repeated"
    REFUSED = "refused"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Wish:
    """One ticket of a bulk, and the version of it that the caller has read."""

    number: str
    version: int


@dataclass(frozen=True, slots=True)
class Bulk:
    """One act with its fields, or one macro (then `act` is None), for these tickets."""

    act: str | None
    macro: str | None
    fields: acts.Fields
    tickets: Sequence[Wish]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one ticket.

    `ticket` and the `events` of the bulk are set if it was done, now or by an earlier request.
    `error` is set if it was refused.
    """

    number: str
    result: Result
    ticket: Ticket | None = None
    events: tuple[Event, ...] = ()
    error: Exception | None = None

    @property
    def version(self) -> int | None:
        return self.ticket.version if self.ticket is not None else None


class _DoneBefore(Exception):
    """An earlier request with the same key has done this to the ticket."""

    def __init__(self, ticket: Ticket, events: tuple[Event, ...]) -> None:
        self.ticket, self.events = ticket, events


_Done = tuple[Ticket, tuple[Event, ...]]
"""A ticket after the act, and the events that the act added."""


class BulkCases:
    def __init__(
        self,
        staff: StaffCases,
        acting: ActingCase,
        macro_cases: MacroCases,
        tickets: TicketStore,
        found: TicketRanges,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._staff, self._acting, self._macros = staff, acting, macro_cases
        self._tickets, self._ranges, self._clock = tickets, found, clock

    def run(self, member: Member, given: Bulk, key: str) -> Iterator[Outcome]:
        """Do the act on each ticket, and yield what became of it, in the order of the request.

        `key` is the Idempotency-Key of the request. Each event of the bulk has a digest of the
        member, the key and the act. So a repeated request finds what an earlier one has done, even
        if that one is still running or its answer was lost, and does nothing twice.

        An error of one ticket concerns this ticket only, whatever it is. Raises the errors of
        content that concern no ticket: InvalidInput for an agent, a team or a macro that there is
        not, Forbidden for a macro of another role.
        """
        began = self._clock()
        mark = _mark(member, given, key)
        do = self._doing(member, given, mark)
        for wishes in itertools.batched(given.tickets, BATCH, strict=False):
            passed = self._clock() - began
            known = self._read(wishes) if passed < PATIENCE_S else {}
            for wish in wishes:
                passed = self._clock() - began
                if passed >= PATIENCE_S:
                    yield Outcome(wish.number, Result.LEFT)
                    continue
                with retry.within(LAST_CALL_S - passed):
                    outcome = self._outcome(wish, do, known.get(wish.number))
                yield outcome

    def _read(self, wishes: Sequence[Wish]) -> dict[str, Ticket]:
        """The tickets by number. Whatever cannot be read now is read again when it is changed."""
        try:
            found = self._ranges.current([wish.number for wish in wishes])
        except (Unavailable, ClientError, BotoCoreError):
            return {}
        return {ticket.number: ticket for ticket in found}

    def _outcome(
        self, wish: Wish, do: Callable[[Wish, Ticket | None], _Done], known: Ticket | None
    ) -> Outcome:
        try:
            return Outcome(wish.number, Result.DONE, *do(wish, known))
        except _DoneBefore as before:
            return Outcome(wish.number, Result.REPEATED, before.ticket, before.events)
        except Exception as error:
            # Whatever it is, the other tickets are not concerned. The route reports it as if this
            # ticket had been changed alone.
            return Outcome(wish.number, Result.REFUSED, error=error)

    def _doing(
        self, member: Member, given: Bulk, mark: str
    ) -> Callable[[Wish, Ticket | None], _Done]:
        """The function that does the act, or the macro, on one ticket."""
        origin = {BULK: mark}

        def not_before(ticket: Ticket) -> None:
            self._require_not_before(ticket, mark)

        if given.act is None:
            assert given.macro is not None, "a bulk has an act or a macro"
            name = given.macro
            wanted = self._macros.acts(member, name)

            def apply(wish: Wish, known: Ticket | None) -> _Done:
                return self._staff.act_whole(
                    member,
                    wish.number,
                    lambda: wanted,
                    lambda: (wish.version, False),
                    not_before,
                    known,
                    {MACRO: name, **origin},
                )

            return apply

        act = given.act
        try:
            step = self._acting.step(act, given.fields, WHY, member.name)
        except InvalidInput as invalid:
            faults = [Fault(f"/content{f.pointer}", f.code, f.detail) for f in invalid.faults]
            raise InvalidInput(faults) from None

        def make(wish: Wish, known: Ticket | None) -> _Done:
            made: list[Event] = []

            def decide(ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime) -> Change | None:
                made.clear()
                change = step(ticket, plan, by=by, at=at)
                if change is None:
                    return None
                change = macros.marked(change, origin)
                made.extend(change.events)
                return change

            asked: tuple[int, StaffStep] = (wish.version, decide)
            ticket = self._staff.act(
                member, wish.number, act, lambda: asked, not_before, known=known
            )
            return ticket, tuple(made)

        return make

    def _require_not_before(self, ticket: Ticket, mark: str) -> None:
        """Raise _DoneBefore if an earlier request with the same key has changed the ticket.

        Raises KeyReused if the same key came with another act. The whole history is searched,
        whatever version the caller names: a caller who got no answer may read the tickets again
        before they repeat the request.
        """
        of_bulks = [e for e in self._tickets.history(ticket.number) if BULK in e.data]
        if done := tuple(event for event in of_bulks if event.data[BULK] == mark):
            raise _DoneBefore(ticket, done)
        key = mark.partition("-")[0]
        if any(event.data[BULK].partition("-")[0] == key for event in of_bulks):
            raise KeyReused("this Idempotency-Key was used for another act")


def _mark(member: Member, given: Bulk, key: str) -> str:
    """Two digests: of the member with their key, and of the act."""
    act = {"act": given.act, "macro": given.macro, "fields": dict(given.fields)}
    of_key = encoding.key_digest(f"{member.id}\n{key}")
    return f"{of_key[:24]}-{encoding.fingerprint(act)[:16]}"


# -------------------------------------------------------------------- reading the request


def fields_of(body: Mapping[str, Any], faults: list[Fault]) -> dict[str, Any]:
    """The fields of the act of a bulk. Adds every fault of `act`, `macro` and `content`."""
    act, macro, content = (body.get(name) for name in ("act", "macro", "content"))
    if (act is None) == (macro is None):
        faults.append(Fault("/act", "required", "either an act or a macro"))
    if "content" in body and not isinstance(content, dict):
        faults.append(Fault("/content", "object_expected", "an object is expected here"))
        return {}
    fields: dict[str, Any] = content or {}
    if macro is not None and fields:
        faults.append(Fault("/content", "unknown", "a macro has its content in the plan"))
    elif isinstance(act, str) and act in acts.FIELDS:
        reader = DocumentReader(publishing=True)
        acts.check(reader, act, fields, "/content")
        faults += reader.faults
    return fields


def wishes_of(given: Any, faults: list[Fault]) -> list[Wish]:
    """The tickets of a bulk. Adds every fault of the list."""
    if not isinstance(given, list):
        faults.append(Fault("/tickets", "list_expected", "a list of tickets is expected here"))
        return []
    if not 1 <= len(given) <= MOST_TICKETS:
        code = "too_many" if given else "required"
        faults.append(Fault("/tickets", code, f"from 1 to {MOST_TICKETS} tickets"))
        return []
    wishes: list[Wish] = []
    seen: set[str] = set()
    for index, one in enumerate(given):
        here = f"/tickets/{index}"
        if not isinstance(one, dict):
            faults.append(Fault(here, "object_expected", "a number and a version"))
            continue
        faults += [
            Fault(here + pointer(name), "unknown", "this field is not part of this body")
            for name in one
            if name not in ("number", "version")
        ]
        text, version = one.get("number"), whole(one.get("version"))
        number = normalised(text) if isinstance(text, str) else None
        if number is None:
            detail = "the number of a ticket is expected here"
            faults.append(Fault(f"{here}/number", "number_expected", detail))
        elif number in seen:
            faults.append(Fault(f"{here}/number", "repeated", "this ticket is in the list before"))
        if version is None or version < 1:
            detail = "a whole number, at least 1"
            faults.append(Fault(f"{here}/version", "whole_number_expected", detail))
        if number is not None and version is not None:
            seen.add(number)
            wishes.append(Wish(number, version))
    return wishes
