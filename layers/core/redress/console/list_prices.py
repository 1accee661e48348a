"""The list prices that ship with the product (`data/prices.json`)."""

from __future__ import annotations

from functools import cache
from importlib import resources

import msgspec

from redress.console.rules.prices import Prices


@cache
def list_prices() -> Prices:
    """The prices of us-east-1, with the day on which they were looked up."""
    raw = resources.files("redress").joinpath("data/prices.json").read_bytes()
    return msgspec.json.decode(raw, type=Prices)
