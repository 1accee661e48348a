"""Published service plans. Versions are immutable; the product ships version 1 itself."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib import resources
from typing import Any, Protocol

import msgspec

from redress.db import keys
from redress.plans.rules.document import parse
from redress.plans.rules.plan import Plan

FRESH_FOR_S = 5.0
"""How long a function may go on with the plan it knows: a published plan holds within this time."""


LARGEST_DOCUMENT = 400_000
"""Bytes of a document as JSON. DynamoDB takes 409,600 for an item, keys and names included."""


@dataclass(frozen=True, slots=True)
class Published:
    """What a list says of one version. Who published it, and when, is None of plan 1 as it ships
    and of a version from before this was kept."""

    version: int
    note: str
    effective_from: datetime | None
    review_by: date | None
    at: datetime | None = None
    by: str | None = None


class PlanSource(Protocol):
    """Where stored plans are read (the lean store and the table's models both are one)."""

    def plan_document(self, sort: str) -> str | None:
        """The JSON of a stored plan under this sort key, None when there is none."""


@cache
def shipped_document() -> dict[str, Any]:
    """Plan 1 as it ships."""
    text = resources.files("redress").joinpath("data/plan-1.json").read_bytes()
    document: dict[str, Any] = msgspec.json.decode(text)
    return document


class Plans:
    """Plans by version, each read once; and the current one, read again when it is stale."""

    def __init__(
        self,
        source: PlanSource,
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source, self._clock, self._now = source, clock, now
        self._versions: dict[int, Plan] = {}
        self._latest: tuple[float, str | None, Plan] | None = None

    def get(self, version: int) -> Plan:
        """The plan of this version; raises LookupError when it was never published."""
        if version not in self._versions:
            self._versions[version] = parse(self.document(version))
        return self._versions[version]

    def document(self, version: int) -> dict[str, Any]:
        """The document of this version; raises LookupError when it was never published."""
        stored = self._source.plan_document(keys.plan_sk(version))
        if stored is None and version == 1:
            return shipped_document()
        if stored is None:
            raise LookupError(f"service plan {version} was never published")
        document: dict[str, Any] = msgspec.json.decode(stored)
        return document

    def refresh(self) -> None:
        """Read the last published plan again when it is next asked for, however fresh it is."""
        if self._latest is not None:
            self._latest = (-math.inf, *self._latest[1:])

    def latest(self) -> Plan:
        """The plan that was published last, whether it is effective yet or not.

        Its text is read again when it is stale, and parsed again only when it has changed.
        """
        moment = self._clock()
        if self._latest is None or moment - self._latest[0] > FRESH_FOR_S:
            stored = self._source.plan_document(keys.CURRENT)
            if self._latest is not None and self._latest[1] == stored:
                plan = self._latest[2]
            else:
                plan = parse(msgspec.json.decode(stored) if stored else shipped_document())
            self._latest = (moment, stored, plan)
        return self._latest[2]

    def current(self) -> Plan:
        """The plan under which new tickets begin: the last one published that is effective."""
        plan = self.latest()
        now = self._now()
        while not plan.in_force(now) and plan.version > 1:
            plan = self.get(plan.version - 1)
        return plan

    def current_document(self) -> dict[str, Any]:
        return self.document(self.current().version)
