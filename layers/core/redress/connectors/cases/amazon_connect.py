"""Take what Amazon Connect publishes of calls: contact records and contact events.

Each contact is a part of a call (`rules.amazon_connect`). The parts that are known are stored, and
the records that follow from them go the way of records that connectors hand over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from redress.base.people import Machine, Role
from redress.connectors.cases.calls import CallCases, PartOfCall
from redress.connectors.rules import amazon_connect as rules
from redress.connectors.rules import call as records
from redress.connectors.rules.amazon_connect import Ignored, Part
from redress.connectors.rules.connector import AMAZON_CONNECT
from redress.connectors.store.calls import Outcome
from redress.connectors.store.parts import KEPT, PartStore
from redress.tickets.cases.changes import ATTEMPTS, RacedTooOften
from redress.tickets.store.transaction import Raced

MACHINE = Machine(
    AMAZON_CONNECT, "Amazon Connect", "", Role.MACHINE, "", languages=("en",), capacity=0
)
"""Who hands over these records. It sees the tickets of every team, and changes them in no other
way."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one contact. `number` is the ticket that has its record, if there is one.

    `knows_agent` is False if the record names an agent whom no member of staff is known by.
    `left_out` are the times that are not in the record, because they are wrong.
    """

    contact: str
    outcome: Outcome | Ignored
    number: str | None = None
    knows_agent: bool = True
    left_out: tuple[str, ...] = ()


class AmazonConnectCases:
    def __init__(self, parts: PartStore, calls: CallCases, now: Callable[[], datetime]) -> None:
        self._parts, self._calls, self._now = parts, calls, now

    def take(self, part: Part) -> list[Taken]:
        """Take what was published of a part of a call, and return what became of all its parts.

        It may come again, later than other parts, and after it was changed: each part has one
        record, which changes nothing if it says nothing new. Records are checked before anything is
        stored, so a part that makes a record wrong leaves everything as it was.

        A record of a call of which nothing is known any more is ignored: Amazon Connect sends one
        for 24 months whenever an attribute of the contact changes.

        Raises InvalidInput, and RacedTooOften, after which the same can be taken again.
        """
        parts = self._with(part)
        if not parts:
            return [Taken(part.id, Ignored.TOO_OLD)]
        found, taken = rules.records(parts), list[Taken]()
        for id_, record in found.items():
            if isinstance(record, Ignored):
                taken.append(Taken(id_, record))
                continue
            place = PartOfCall(record.since, record.picked_up, record.asked, record.is_last)
            became = self._calls.take(MACHINE, record.body, place)
            knows = became.knows_agent
            taken.append(Taken(id_, became.outcome, became.number, knows, record.left_out))
        return taken

    def _with(self, part: Part) -> dict[str, Part]:
        """Store what was published of a part, and return all parts of its call.

        Returns {} if the call ended before the time for which parts are kept.
        """
        for _ in range(ATTEMPTS):
            before = self._parts.of_call(part.call)
            if not before and (part.ended or part.at) < self._now() - KEPT:
                return {}
            after = rules.merged(before, part)
            if after == before:
                return after
            for record in rules.records(after).values():
                if not isinstance(record, Ignored):
                    records.parse(record.body, self._now())
            try:
                self._parts.replace(part.call, before, after, self._now())
            except Raced:
                continue
            return after
        raise RacedTooOften("other news of this call came at every attempt")
