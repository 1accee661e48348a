"""POST /tickets: the JSON door. Lean on purpose: it is the cold start that customers meet.

No X-Ray SDK, no pydantic, no template engine, no PynamoDB; one store client, made at the first
request. `tests/test_architecture.py` holds it to that.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aws_lambda_powertools import Logger

from redress.base import observe
from redress.edge.http import Refused, answer, base_address, header, json_body, problem
from redress.edge.problems import problem_for
from redress.tickets.cases.intake import Receipt
from redress.wiring import intake as wiring

logger = Logger(service="intake")


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """A request of the HTTP API -> 201 with number, link and promises, or a problem."""
    if event.get("warm"):
        wiring.intake()
        return {"warm": True}
    try:
        body = json_body(event)
    except Refused as refused:
        return problem(refused.problem)
    try:
        # Before anything is written: a customer who cannot be told where to look gets no ticket.
        base = base_address(event)
        receipt = wiring.intake().submit(body, header(event, "idempotency-key"), "api")
    except Exception as error:
        found = problem_for(error)
        if found.status >= 500:
            logger.error("failed", extra=observe.fault_of(error))
        else:
            logger.info("refused", extra={"fault": type(error).__name__})
        return problem(found)
    # Of a repeat nothing is new: it costs no line that everybody keeps.
    log = logger.debug if receipt.replayed else logger.info
    log("taken", extra={"ticket": receipt.number, "replayed": receipt.replayed})
    taken = present(receipt, base)
    return answer(201, taken, {"Location": taken["status_url"]})


def present(receipt: Receipt, base: str) -> dict[str, Any]:
    """The contract of POST /tickets (openapi-public.json, `Receipt`)."""
    return {
        "number": receipt.number,
        "status_url": f"{base}/t/{receipt.status_token}",
        "token": receipt.status_token,
        "language": receipt.language,
        "acknowledged": receipt.acknowledged,
        "promises": [
            {
                "clock": promise.clock,
                "due_at": _iso(promise.due_at),
                "state": promise.state,
                "waits_for": promise.waits_for,
                "done_at": _iso(promise.done_at),
            }
            for promise in receipt.promises
        ],
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None
