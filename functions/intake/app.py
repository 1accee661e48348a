"""POST /tickets: intake through the JSON API.

This function imports little on purpose, because customers wait for its cold start. It uses no X-Ray
SDK, pydantic, template engine or PynamoDB, and one store client that the first request creates.
`tests/test_architecture.py` checks this.
"""

from __future__ import annotations

from typing import Any

from redress.base import observe
from redress.edge.http import Refused, answer, base_address, header, json_body, problem
from redress.edge.problems import problem_for
from redress.tickets.cases.intake import Receipt
from redress.tickets.rules.promise_view import promise_fields
from redress.wiring import intake as wiring

logger = observe.logger("intake")


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Open a ticket. Answers 201 with its number, link and promises, or a problem document."""
    if event.get("warm"):
        wiring.intake()
        return {"warm": True}
    try:
        body = json_body(event)
    except Refused as refused:
        return problem(refused.problem)
    try:
        # Read the base address before anything is written. Without it the customer could not be
        # given the link to a new ticket.
        base = base_address(event)
        receipt = wiring.intake().submit(body, header(event, "idempotency-key"), "api")
    except Exception as error:
        found = problem_for(error)
        about = {"route": event["routeKey"], "status": found.status}
        if found.status >= 500:
            logger.error("request failed", extra=about | observe.fault_of(error))
        else:
            logger.info("request refused", extra=about | {"fault": type(error).__name__})
        return problem(found)
    # A repeated request is logged at debug level only: it brings nothing new.
    log = logger.debug if receipt.replayed else logger.info
    log("submission accepted", extra={"ticket": receipt.number, "replayed": receipt.replayed})
    taken = present(receipt, base)
    return answer(201, taken, {"Location": taken["status_url"]})


def present(receipt: Receipt, base: str) -> dict[str, Any]:
    """Return a receipt in the shape of `Receipt` in openapi-public.json."""
    return {
        "number": receipt.number,
        "status_url": f"{base}/t/{receipt.status_token}",
        "token": receipt.status_token,
        "language": receipt.language,
        "acknowledged": receipt.acknowledged,
        "promises": [promise_fields(promise) for promise in receipt.promises],
    }
