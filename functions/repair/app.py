"""Keep workflows alive: follow an execution that ended badly, and sweep what is awake too long."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from redress import wiring

logger = Logger(service="repair")
metrics = Metrics(namespace="Redress", service="repair")


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """An execution's status change, or the schedule's {"task": "sweep"}."""
    if event.get("warm"):
        wiring.repair()
        return {"warm": True}
    if event.get("detail-type") == "Step Functions Execution Status Change":
        detail = event["detail"]
        followed = wiring.repair().follow_dead(detail["name"], detail["status"])
        logger.info("execution ended", extra={"execution": detail["name"], "followed": followed})
        if followed:
            metrics.add_metric("WorkflowFollowed", MetricUnit.Count, 1)
        return {"followed": followed}
    if event.get("task") == "sweep":
        done = wiring.repair().sweep()
        logger.info("swept", extra={"done": done})
        for name in ("started", "signalled", "followed"):
            if done.get(name):
                metrics.add_metric(f"Sweep{name.capitalize()}", MetricUnit.Count, done[name])
        return done
    raise ValueError(f"not a task of this function: {sorted(event)}")
