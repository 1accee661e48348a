"""Keep workflows alive: replace failed executions, sweep awake tickets, reconcile once a day.

The sweep also tells the supervisors of a team if its oldest held mail stays unseen for too long.
This function also marks a rehearsal as failed if its execution could not do so itself, and starts a
scoring run again that ended badly.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from aws_lambda_powertools import Logger

from redress.base import observe
from redress.wiring import repair as wiring
from redress.workflow.cases.reconciliation import Finding, OutOfTime

logger = Logger(service="repair")


@logger.inject_lambda_context(clear_state=True)
@observe.discreet(logger)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Handle the end of an execution, or a scheduled {"task": "sweep"} or {"task": "reconcile"}."""
    if event.get("warm"):
        wiring.repair()
        return {"warm": True}
    if event.get("detail-type") == "Step Functions Execution Status Change":
        detail = event["detail"]
        if detail["stateMachineArn"] == wiring.settings().rehearsal_machine_arn:
            failed = wiring.rehearsal_jobs().stopped(detail["name"], detail["status"])
            logger.info("rehearsal ended", extra={"execution": detail["name"], "failed": failed})
            return {"failed": failed}
        if detail["stateMachineArn"] == wiring.settings().scores_machine_arn:
            return _follow_scoring_run(detail)
        followed = wiring.repair().follow_dead(detail["name"], detail["status"])
        logger.info("execution ended", extra={"execution": detail["name"], "followed": followed})
        observe.count("repair", "WorkflowFollowed", int(followed))
        return {"followed": followed}
    if event.get("task") == "sweep":
        done = wiring.repair().sweep()
        logger.info("swept", extra={"done": done})
        for name in ("started", "signalled", "followed"):
            observe.count("repair", f"Sweep{name.capitalize()}", done.get(name, 0))
        # Last, so that a fault in a mail's record stops no workflow from being repaired.
        held = wiring.held_mail().watch()
        logger.info("watched held mail", extra={"done": held})
        return done | held
    if event.get("task") == "reconcile":
        return _reconcile(context)
    raise ValueError(f"not a task of this function: {sorted(event)}")


def _follow_scoring_run(detail: dict[str, Any]) -> dict[str, Any]:
    """Start the run again, if it may be. `startDate` is in milliseconds since 1970."""
    began_at = datetime.fromtimestamp(detail["startDate"] / 1000, UTC)
    run = wiring.EndedRun(detail["name"], detail["status"], began_at, detail.get("input"))
    again = wiring.scoring_repeats().follow(run)
    logger.error("scoring run ended badly", extra={"execution": run.name, "again": again})
    return {"again": again}


def _reconcile(context: Any) -> dict[str, Any]:
    """Reconcile and return the report (`ReconciliationReport`), for a person who calls this."""
    try:
        report = wiring.reconciliation().run(lambda: context.get_remaining_time_in_millis() / 1000)
    except OutOfTime as error:
        logger.error("reconciliation ran out of time", extra={"how_far": str(error)})
        raise
    content: dict[str, Any] = msgspec.to_builtins(report)
    logger.info("reconciled", extra={"report": content})
    for finding, number in report.found.items():
        if finding not in (Finding.AWAKE, Finding.MAIL_EXPLAINED):
            observe.count("repair", f"Reconcile{finding.title().replace('_', '')}", number)
    return content
