"""Events for built functions, as API Gateway makes them, of the samples in `events/`."""

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
    """A complaint as JSON, by this key or by a new one."""
    event = sample("intake-submit")
    event["headers"]["idempotency-key"] = key or uuid.uuid4().hex
    return event


def opened(intake: Function) -> tuple[str, str]:
    """Number and token of a new ticket."""
    receipt = json.loads(intake.invoke(submission())["body"])
    return receipt["number"], receipt["token"]


def status(token: str) -> Event:
    """Somebody looks at the page of their ticket."""
    event = sample("customer-status")
    event["pathParameters"] = {"token": token}
    return event
