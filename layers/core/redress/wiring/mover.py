"""The function `mover`: moves open tickets to another plan, as a task of the rehearsal machine."""

from __future__ import annotations

from redress.base.settings import Settings
from redress.wiring.rehearsal import rehearsal_jobs

__all__ = ["MoverSettings", "rehearsal_jobs"]

MoverSettings = Settings
