"""The function `workflow`: acts on due clocks when a ticket machine wakes."""

from __future__ import annotations

from functools import cache

from redress.base.settings import Settings
from redress.wiring import clients, stores
from redress.workflow.cases.timers import TimerCase

WorkflowSettings = Settings


@cache
def timers() -> TimerCase:
    return TimerCase(stores.timers(), stores.changes(), clients.now)
