"""Keep workflows alive: follow an execution that ended badly, and sweep what is awake too long."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger

from redress import observe, wiring

logger = Logger(service="repair")


@logger.inject_lambda_context(clear_state=True)
@observe.discreet(logger)
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """An execution's status change, or the schedule's {"task": "sweep"}."""
    if event.get("warm"):
        wiring.repair()
        return {"warm": True}
    if event.get("detail-type") == "Step Functions Execution Status Change":
        detail = event["detail"]
        followed = wiring.repair().follow_dead(detail["name"], detail["status"])
        logger.info("execution ended", extra={"execution": detail["name"], "followed": followed})
        observe.count("repair", "WorkflowFollowed", int(followed))
        return {"followed": followed}
    if event.get("task") == "sweep":
        done = wiring.repair().sweep()
        logger.info("swept", extra={"done": done})
        for name in ("started", "signalled", "followed"):
            observe.count("repair", f"Sweep{name.capitalize()}", done.get(name, 0))
        return done
    raise ValueError(f"not a task of this function: {sorted(event)}")
