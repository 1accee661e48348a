"""The list prices that ship with the product (`data/prices.json`)."""

from __future__ import annotations

from functools import cache

import msgspec

from redress.base import shipped
from redress.console.rules.prices import Prices


@cache
def list_prices() -> Prices:
    """The prices of us-east-1, with the day on which they were looked up."""
    return msgspec.json.decode(shipped.read("prices.json"), type=Prices)
