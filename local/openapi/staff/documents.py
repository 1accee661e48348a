"""Answers that are documents of the deployed function."""

from __future__ import annotations

from typing import Any

from msgspec import field

from local.openapi.values import OpenAnswer


class PlanSchema(OpenAnswer):
    schema: Any = field(name="$schema")
    id: Any = field(name="$id")
    properties: Any


class Document(OpenAnswer):
    pass
