"""API Gateway events for built functions, made from the samples in `events/`."""

from __future__ import annotations

import json
import uuid
from typing import Any

from bench.serving import Function
from local.process import ROOT

Event = dict[str, Any]


def sample(name: str) -> Event:
    event: Event = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return event


def submission(key: str = "") -> Event:
    """A JSON submission of a complaint with this idempotency key, or with a new one."""
    event = sample("intake-submit")
    event["headers"]["idempotency-key"] = key or uuid.uuid4().hex
    return event


def opened(intake: Function) -> tuple[str, str]:
    """Submits a complaint. Returns number and token of the new ticket."""
    receipt = json.loads(intake.invoke(submission())["body"])
    return receipt["number"], receipt["token"]


def status(token: str) -> Event:
    """A request for the status page of this token."""
    event = sample("customer-status")
    event["pathParameters"] = {"token": token}
    return event
