"""A remedy: what a customer is promised to make up for a fault, such as a refund.

A remedy is a part of its ticket: its events are in the ticket's history, its clock is one of the
ticket's timers, and it is in the snapshot. Long texts are in the events only.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from redress.base.money import Money
from redress.clocks.rules.clocks import Clock
from redress.plans.rules import remedies as in_plan
from redress.plans.rules.plan import Plan

MOST_REMEDIES = 10
"""The most remedies of one ticket, also refused and withdrawn ones. The snapshot contains them."""

CLOCK_PREFIX = "remedy:"
"""Begins the name of the clock of a remedy in the ticket's timers: `remedy:2`."""


class RemedyState(StrEnum):
    """The state of a remedy. The values are stored: never change one."""

    PROPOSED = "proposed"
    """It needs an approval, and nobody has decided yet. The customer knows nothing of it."""
    PROMISED = "promised"
    """The customer was told."""
    DONE = "done"
    REFUSED = "refused"
    """It was not approved. The customer knows nothing of it."""
    WITHDRAWN = "withdrawn"


class Remedy(Struct, frozen=True, omit_defaults=True):
    """One remedy. `id` counts the remedies of the ticket from 1. `kind` is a name of the plan.

    `event` is the number of the event that proposed it, which has the texts. `clock` measures the
    decision while the remedy is proposed, and after that by when it is done.
    """

    id: str
    kind: str
    event: int
    by: str
    """The id of the member of staff who proposed it."""
    clock: Clock
    money: Money | None = None
    state: str = RemedyState.PROPOSED
    """A `RemedyState`. A later version may store another one, which counts as over."""
    due: datetime | None = None
    """The due time that the proposal asks for; None for the plan's."""
    promised_at: datetime | None = None
    """When the customer was told; None if they never were."""
    approved_by: str | None = None
    """Who approved it; None if it needed no approval, or has none."""
    had: tuple[str, ...] = ()
    """Who had the ticket besides `by` when it was proposed, and later while nobody had decided."""
    words: dict[str, str] | None = None
    """What customers read of its kind, by language. Set if the ticket has moved to a plan that does
    not have the kind; then `is_amount_told` says whether they read its amount."""
    is_amount_told: bool = False

    @property
    def clock_name(self) -> str:
        """The name of its clock in the ticket's timers."""
        return f"{CLOCK_PREFIX}{self.id}"

    @property
    def is_undecided(self) -> bool:
        """Whether somebody must approve or refuse it. The ticket is not resolved before."""
        return self.state == RemedyState.PROPOSED

    @property
    def is_owed(self) -> bool:
        """Whether the customer was promised it, and it is not done."""
        return self.state == RemedyState.PROMISED

    @property
    def is_open(self) -> bool:
        """Whether somebody has to do something about it."""
        return self.is_undecided or self.is_owed

    @property
    def stands(self) -> bool:
        """Whether the customer gets it, got it, or will get it if it is approved."""
        return self.is_open or self.state == RemedyState.DONE


def label(remedy: Remedy, plan: Plan, language: str) -> str:
    """What people read instead of the name of its kind.

    The words are those of the ticket's plan, or of the plan before that had the kind. It is the
    name if a version before has moved the ticket to a plan without the kind.
    """
    known = in_plan.words(plan, remedy.kind) or remedy.words
    return remedy.kind if known is None else known[language]


def told_money(remedy: Remedy, plan: Plan) -> Money | None:
    """The amount of a remedy if the customer reads it; None if it has none, or only staff do."""
    is_told = in_plan.amounts(plan, remedy.kind) is in_plan.Amounts.TOLD
    if in_plan.words(plan, remedy.kind) is None:
        is_told = remedy.is_amount_told
    return remedy.money if is_told else None


def told(remedy: Remedy, plan: Plan, language: str) -> str:
    """What the customer reads of a remedy: `Refund CNY 200.00`."""
    name, money = label(remedy, plan, language), told_money(remedy, plan)
    return f"{name} {money}" if money else name


class Granted(Struct, frozen=True):
    """What the customer got in the ticket `source`, which was merged into this one."""

    source: str
    money: Money


def find(remedies: Iterable[Remedy], id_: str) -> Remedy | None:
    """The remedy with this id, or None."""
    return next((remedy for remedy in remedies if remedy.id == id_), None)


def id_in(clock: str) -> str | None:
    """The id of the remedy whose clock has this name; None if it is the clock of no remedy."""
    return clock.removeprefix(CLOCK_PREFIX) if clock.startswith(CLOCK_PREFIX) else None
