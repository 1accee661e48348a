"""Answers about shifts."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from local.openapi.staff.members import PositionName
from local.openapi.values import Agent, Answer, Count, Date

TimeOfDay = Annotated[str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["09:00"])]


class PlannedShifts(Answer):
    agents: list[Agent]
    days: Count


class Break(Answer):
    begin: TimeOfDay
    end: TimeOfDay


class Shift(Answer):
    agent: Agent
    date: Date
    begin: TimeOfDay
    end: TimeOfDay
    zone: Annotated[str, Meta(examples=["Asia/Shanghai"])]
    breaks: list[Break]
    position: PositionName | None


class Shifts(Answer):
    items: list[Shift]
    next: str | None
