"""Macros: the lists of acts of the plan, and what one did."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from local.openapi.schemas import named
from local.openapi.staff.tickets import Event, Ticket
from local.openapi.values import Answer, OpenAnswer
from redress.plans.rules import acts
from redress.plans.rules.macros import MOST_ACTS
from redress.plans.rules.reader import NAME

ActName = Annotated[str, named("ActName", acts.FIELDS)]


class MacroAct(OpenAnswer):
    """One act of a macro, with its fields as the plan has them (GET /staff/plan/schema)."""

    act: ActName


class Macro(Answer):
    name: Annotated[str, Meta(pattern=f"^{NAME.pattern}$", examples=["ask_for_photo"])]
    label: Annotated[dict[str, str], Meta(description="What staff read, by language")]
    acts: Annotated[list[MacroAct], Meta(min_length=1, max_length=MOST_ACTS)]


class Macros(Answer):
    items: list[Macro]


class MacroResult(Answer):
    dry_run: bool
    ticket: Ticket
    events: list[Event]
