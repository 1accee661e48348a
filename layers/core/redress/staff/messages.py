"""What the assigner is asked to do: the payloads of its asynchronous invocation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class AssignTicket(msgspec.Struct, frozen=True, rename={"number": "ticket"}):
    """Give this ticket to an agent, if it still waits for one: `{"ticket": "R-7K3M9-QW0X2"}`."""

    number: str


class DrainQueue(msgspec.Struct, frozen=True):
    """Offer the queue of this team: `{"team": "complaints"}`."""

    team: str


AssignmentRequest = AssignTicket | DrainQueue


def encode(request: AssignmentRequest) -> bytes:
    return msgspec.json.encode(request)


def decode(payload: Mapping[str, Any]) -> AssignmentRequest:
    """The request in a payload; raises msgspec.ValidationError for anything else."""
    if "ticket" in payload:
        return msgspec.convert(payload, AssignTicket)
    return msgspec.convert(payload, DrainQueue)
