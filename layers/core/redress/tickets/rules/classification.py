"""Why a ticket is classified as it is: for each value, what set it last, from its history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from redress.plans.rules.plan import Plan
from redress.tickets.rules.ticket import Event, EventType

VALUES = ("kind", "category", "language", "urgency", "impact", "customer_type")


class Source(StrEnum):
    """What set a value.

    `opening`: the customer, the channel, or the agent who opened the ticket. `kind`: the plan gives
    it to all tickets of this kind. `rule`: a rule of the plan. `text`: the language of the text.
    `profile`: the customer's profile. `staff`: a person corrected it.
    """

    OPENING = "opening"
    KIND = "kind"
    RULE = "rule"
    TEXT = "text"
    PROFILE = "profile"
    STAFF = "staff"


class Decided(Struct, frozen=True):
    """A value of a ticket's classification, and what set it at the time `at`.

    `rule` is the name of a rule of the plan. `found` has what the rule found: `words`, the
    `sender`, or the number of `earlier` tickets. `reason` is what a person gave as the reason.
    """

    name: str
    value: str | None
    source: Source
    at: datetime
    rule: str | None = None
    found: Mapping[str, Any] = {}
    reason: str | None = None


def decided(history: Iterable[Event], plan: Plan | None) -> tuple[Decided, ...]:
    """Return the values of a ticket's classification in the order of VALUES.

    `plan` is the ticket's plan. No event names the urgency and the impact that it gives to all
    tickets of the kind. Without the plan they are left out until an event changes them.
    """
    found: dict[str, Decided] = {}
    for event in history:
        if event.type is EventType.OPENED and plan is not None:
            level = plan.level(event.data["kind"])
            for name, value in (("urgency", level.urgency), ("impact", level.impact)):
                found[name] = Decided(name, value, Source.KIND, event.at)
        for one in _decided_by(event):
            before = found.get(one.name)
            if before is None or before.value != one.value:
                found[one.name] = one
    return tuple(found[name] for name in VALUES if name in found)


def _decided_by(event: Event) -> Iterable[Decided]:
    """Yield the values that an event sets. A value that it only repeats is among them."""
    data, at = event.data, event.at
    match event.type:
        case EventType.OPENED:
            given = {"customer_type": "standard", "category": None} | data
            for name in ("kind", "category", "language", "customer_type"):
                yield Decided(name, given[name], Source.OPENING, at)
        case EventType.CLASSIFIED:
            for name in (one for one in VALUES if one in data["values"]):
                why = data["why"].get(name, {})
                rule: str | None = why.get("rule")
                of_text = Source.PROFILE if "profile" in why else Source.TEXT
                source = Source.RULE if rule else of_text if why else Source.KIND
                facts = {key: why[key] for key in ("words", "sender", "earlier") if key in why}
                yield Decided(name, data["values"][name], source, at, rule, facts)
        case EventType.RECLASSIFIED:
            source = Source.STAFF if event.by.is_person else Source.PROFILE
            for name in (one for one in VALUES if one in data):
                yield Decided(name, data[name], source, at, reason=data["why"])
