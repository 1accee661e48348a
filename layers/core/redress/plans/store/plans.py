"""Published service plans. Versions are immutable. Version 1 ships with the product."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from typing import Any, Protocol

import msgspec

from redress.base import shipped
from redress.base.errors import Unreadable
from redress.db import encoding, keys
from redress.plans.rules.document import parse
from redress.plans.rules.plan import Plan
from redress.plans.rules.reader import Undecoded

FRESH_FOR_S = 5.0
"""How long a function uses the latest plan before it reads it again. A newly published plan is used
everywhere after this time."""


LARGEST_DOCUMENT = 400_000
"""The limit for a document as JSON, in bytes. DynamoDB's limit for an item is 409,600 bytes, which
include its keys and attribute names."""


class Published(msgspec.Struct, frozen=True):
    """One version in a list of versions.

    `at` and `by` say when it was published and by whom. They are None for the shipped plan 1 and
    for versions that were published before Redress recorded `at` and `by`.
    """

    version: int
    note: str
    effective_from: datetime | None
    review_by: date | None
    at: datetime | None = None
    by: str | None = None


class PlanSource(Protocol):
    """Reads stored plans. `PlanStore` and `SubmissionStore` implement it."""

    def plan_document(self, sort: str) -> str | None:
        """The JSON of the stored plan with this sort key, or None. Raises Unreadable."""


@cache
def shipped_document() -> dict[str, Any]:
    """The document of plan 1 that ships with the product."""
    document: dict[str, Any] = msgspec.json.decode(shipped.read("plan-1.json"))
    return document


_WORDS = "classification"
"""The section that only classifying reads. In plan 1 it is most of the document."""
_SECTIONS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def for_parsing(stored: str | bytes) -> dict[str, Any]:
    """Return a stored document with its words undecoded, as `parse` reads it.

    So a cold start of the intake decodes no words. Raises msgspec.DecodeError if the document is
    not JSON or not an object. That includes the JSON of the words.
    """
    return {
        name: Undecoded(raw.copy()) if name == _WORDS else msgspec.json.decode(raw)
        for name, raw in _SECTIONS.decode(stored).items()
    }


class Plans:
    """A cache of plans. Each version is read once.

    After FRESH_FOR_S, a process looks whether a version follows the latest that it knows. Versions
    are numbered without gaps and never change. So it reads the item of the next one, which costs
    one read unit as long as it is missing. The whole latest plan would cost 48 units (plan 1).
    """

    def __init__(
        self,
        source: PlanSource,
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source, self._clock, self._now = source, clock, now
        self._versions: dict[int, Plan] = {}
        self._latest: tuple[float, Plan] | None = None

    def get(self, version: int) -> Plan:
        """The plan of a version that was published, such as the version of a stored ticket.

        Raises Unreadable if it is not stored or cannot be read.
        """
        if version not in self._versions:
            with encoding.reading(keys.PLAN, keys.plan_sk(version)):
                self._versions[version] = parse(for_parsing(self.stored(version)))
        return self._versions[version]

    def published(self, version: int) -> Plan:
        """The plan of a version that somebody names. Raises LookupError or Unreadable."""
        if version not in self._versions:
            self.stored(version)
        return self.get(version)

    def document(self, version: int) -> dict[str, Any]:
        """The document of a version. Raises LookupError if it was never published.

        Raises Unreadable if it cannot be read.
        """
        stored = self.stored(version)
        if isinstance(stored, bytes):
            return shipped_document()
        with encoding.reading(keys.PLAN, keys.plan_sk(version)):
            return msgspec.json.decode(stored, type=dict[str, Any])

    def stored(self, version: int) -> str | bytes:
        """The JSON of a version: a text from the table, or the bytes of the shipped plan 1.

        Raises LookupError if the version was never published.
        """
        stored = self._source.plan_document(keys.plan_sk(version))
        if stored is None and version == 1:
            return shipped.read("plan-1.json")
        if stored is None:
            raise LookupError(f"service plan {version} was never published")
        return stored

    def refresh(self) -> None:
        """Make the next call of `latest` look for a newer plan, even before FRESH_FOR_S is over."""
        if self._latest is not None:
            self._latest = (-math.inf, self._latest[1])

    def latest(self) -> Plan:
        """The plan that was published last, even if it is not effective yet.

        A process reads it from CURRENT, which has a copy of it. Then it looks for the next version
        after FRESH_FOR_S. If an item cannot be read, the same plan is read from the other one.
        Raises Unreadable if both cannot be read.
        """
        moment = self._clock()
        if self._latest is None:
            self._latest = (moment, self._first())
        elif moment - self._latest[0] > FRESH_FOR_S:
            self._latest = (moment, self._next(self._latest[1]))
        return self._latest[1]

    def _first(self) -> Plan:
        """The latest plan for a process that knows none. Raises Unreadable."""
        try:
            return self._copied()
        except Unreadable:
            version = 1
            while self._source.plan_document(keys.plan_sk(version + 1)) is not None:
                version += 1
            return self.get(version)

    def _next(self, known: Plan) -> Plan:
        """The latest plan for a process that knows one. Raises Unreadable."""
        try:
            while (found := self._read(known.version + 1)) is not None:
                known = found
        except Unreadable:
            found = self._copied()
            return found if found.version > known.version else known
        return known

    def _read(self, version: int) -> Plan | None:
        """The stored plan of a version; None if there is none. Raises Unreadable."""
        stored = self._source.plan_document(keys.plan_sk(version))
        if stored is None:
            return None
        with encoding.reading(keys.PLAN, keys.plan_sk(version)):
            self._versions[version] = parse(for_parsing(stored))
        return self._versions[version]

    def _copied(self) -> Plan:
        """The plan of CURRENT, or the shipped one if none was published. Raises Unreadable."""
        stored = self._source.plan_document(keys.CURRENT)
        with encoding.reading(keys.PLAN, keys.CURRENT):
            plan = parse(for_parsing(stored or shipped.read("plan-1.json")))
        return self._versions.setdefault(plan.version, plan)

    def current(self) -> Plan:
        """The plan for new tickets: the latest published version that is effective."""
        plan = self.latest()
        now = self._now()
        while not plan.in_force(now) and plan.version > 1:
            plan = self.get(plan.version - 1)
        return plan

    def current_document(self) -> dict[str, Any]:
        """The document of the plan for new tickets."""
        return self.document(self.current().version)
