"""Remind operations, on a daily schedule, of a service plan that is due for review."""

from __future__ import annotations

from typing import Any

from redress.base import observe
from redress.wiring import planreview as wiring

logger = observe.logger("planreview")


@logger.inject_lambda_context(clear_state=True)
@observe.discreet(logger)
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Handle {"task": "review_plan"}. Returns whether it asked for a review."""
    if event.get("warm"):
        wiring.plan_cases()
        return {"warm": True}
    if event.get("task") != "review_plan":
        raise ValueError(f"{event.get('task')!r} is not a task of this function")
    review = wiring.plan_cases().ask_for_review(wiring.tell_operations)
    logger.info("checked the plan's review date", extra={"asked_for": review is not None})
    return {"asked_for": review is not None}
