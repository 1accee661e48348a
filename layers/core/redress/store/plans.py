"""Published service plans. Versions are immutable; the product ships version 1 itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any, Protocol

import msgspec

from redress.rules.plan import Plan, parse
from redress.store import keys

FRESH_FOR_S = 5.0
"""How long a function may go on with the plan it knows: a published plan holds within this time."""


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

    def __init__(self, source: PlanSource, clock: Callable[[], float] = time.monotonic) -> None:
        self._source, self._clock = source, clock
        self._versions: dict[int, Plan] = {}
        self._current: tuple[float, Plan] | None = None

    def get(self, version: int) -> Plan:
        """The plan of this version; raises LookupError when it was never published."""
        if version not in self._versions:
            stored = self._source.plan_document(keys.plan_sk(version))
            if stored is not None:
                plan = parse(msgspec.json.decode(stored))
            elif version == 1:
                plan = parse(shipped_document())
            else:
                raise LookupError(f"service plan {version} was never published")
            self._versions[version] = plan
        return self._versions[version]

    def current(self) -> Plan:
        """The plan under which new tickets begin."""
        now = self._clock()
        if self._current is None or now - self._current[0] > FRESH_FOR_S:
            self._current = (now, parse(self.current_document()))
        return self._current[1]

    def current_document(self) -> dict[str, Any]:
        stored = self._source.plan_document(keys.CURRENT)
        document: dict[str, Any] = msgspec.json.decode(stored) if stored else shipped_document()
        return document
