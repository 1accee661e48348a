"""Incidents in a plan: who declares them, which spike proposes one, when an open one reminds its
leaders, and checks of the section.

Without the section, or without a value of it, only supervisors and managers declare an incident,
no spike proposes one, and none reminds anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from redress.base.numbers import whole
from redress.plans.rules.plan import Plan, seconds_of
from redress.plans.rules.reader import DocumentReader

SECTION = ("agents_declare", "spike", "remind_after")
_OF_SPIKE = ("tickets", "within")
FEWEST, MOST = 2, 1_000
"""The limits for the tickets of a spike. More are not read in one sweep."""
LONGEST_S = 24 * 3600
"""The longest time of a spike, in seconds: the sweep reads its tickets every five minutes."""


class Spike(Struct, frozen=True):
    """So many new tickets of one category within so many seconds propose an incident."""

    tickets: int
    within_s: int


def agents_declare(plan: Plan) -> bool:
    """Whether agents may declare an incident of their team."""
    return bool(plan.incidents.get("agents_declare", False))


def spike(plan: Plan) -> Spike | None:
    """Which spike proposes an incident; None if none does."""
    entry = plan.incidents.get("spike")
    if entry is None:
        return None
    return Spike(entry["tickets"], seconds_of(entry["within"]))


def remind_after_s(plan: Plan) -> float | None:
    """After how many seconds an open incident reminds its leaders, once; None if it never does."""
    after = plan.incidents.get("remind_after")
    return None if after is None else seconds_of(after)


def check(read: DocumentReader, document: Mapping[str, Any]) -> None:
    """Record every fault of the section in a document that is being published."""
    if "incidents" not in document:
        return
    section = read.section(document, "incidents", "")
    read.known(section, SECTION, "/incidents")
    read.flag(section, "agents_declare", "/incidents")
    if "remind_after" in section:
        read.duration(section, "remind_after", "/incidents")
    if "spike" not in section:
        return
    here, entry = "/incidents/spike", read.section(section, "spike", "/incidents")
    if not isinstance(section["spike"], dict):
        return
    read.known(entry, _OF_SPIKE, here)
    tickets = whole(entry.get("tickets"))
    if tickets is None or not FEWEST <= tickets <= MOST:
        detail = f"a whole number from {FEWEST} to {MOST}"
        read.fault(f"{here}/tickets", "out_of_range", detail)
    before = len(read.faults)
    read.duration(entry, "within", here)
    if len(read.faults) == before and seconds_of(entry["within"]) > LONGEST_S:
        read.fault(f"{here}/within", "too_long", "at most 24h")
