"""Scan a file of a ticket, and return the verdict, which Lambda passes to the checker.

EventBridge invokes this function for each new object of `files/`. If the scanner gives no verdict,
the function fails. Lambda repeats the call twice, and sets it aside after that. The file stays held
meanwhile, and the sweep asks again.
"""

from __future__ import annotations

from typing import Any

import msgspec

from redress.base import observe
from redress.files import messages
from redress.files.rules.clamd import ScannerUnavailable
from redress.wiring import scanner as wiring

logger = observe.logger("scanner")

RESERVE_S = 6.0
"""The seconds of a call that are kept for the tag, after the scanner's answer."""


@logger.inject_lambda_context(clear_state=True)
@observe.discreet(logger)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Handle an "Object Created" of S3 and return a `Judged`, or {} if there is no such file."""
    if event.get("warm"):
        wiring.files()
        return {"warm": True}
    about = event["detail"]["object"]

    def seconds_left() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000 - RESERVE_S

    place = messages.file_in(about["key"])
    if place is not None:
        logger.append_keys(ticket=place[1], file=place[2])
    try:
        judged = wiring.scanning(seconds_left).judge(about["key"], about.get("version-id"))
    except ScannerUnavailable as error:
        # Its message is written in this code base and contains nothing of the file.
        logger.error("the scanner gave no verdict", extra={"why": str(error)})
        raise
    if judged is None:
        logger.info("there is no such file")
        return {}
    logger.info("scanned", extra={"verdict": judged.verdict, "reason": judged.reason})
    told: dict[str, Any] = msgspec.to_builtins(judged)
    return told
