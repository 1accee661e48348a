"""The requests to the assigner: the payloads of its asynchronous invocations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class AssignTicket(msgspec.Struct, frozen=True, rename={"number": "ticket"}):
    """Assign this ticket if it still waits for an agent: `{"ticket": "R-7K3M9-QW0X2"}`."""

    number: str


class FindDuplicates(msgspec.Struct, frozen=True, rename={"number": "compare"}):
    """Compare this ticket with the others of its customer: `{"compare": "R-7K3M9-QW0X2"}`."""

    number: str


class DrainQueue(msgspec.Struct, frozen=True, omit_defaults=True):
    """Offer the queued tickets of this team to its agents: `{"team": "complaints"}`.

    `agent` came or got room, and is read first. The sweep and the version before name nobody.
    """

    team: str
    agent: str = ""


Request = AssignTicket | DrainQueue | FindDuplicates


def encode(request: Request) -> bytes:
    """The JSON payload of a request."""
    return msgspec.json.encode(request)


def decode(payload: Mapping[str, Any]) -> Request:
    """The request in a payload. Raises msgspec.ValidationError if it contains none."""
    if "ticket" in payload:
        return msgspec.convert(payload, AssignTicket)
    if "compare" in payload:
        return msgspec.convert(payload, FindDuplicates)
    return msgspec.convert(payload, DrainQueue)
