"""How many examples a property is tried with: few at each change, many in `make fuzz`."""

from __future__ import annotations

import os

from hypothesis import settings

USUAL = 100
TIMES = int(os.environ.get("EXAMPLES_TIMES", "1"))
"""`make fuzz` sets it: a number by which all counts are multiplied."""


def examples(count: int) -> settings:
    """As a decorator: try a property with this many examples, or with TIMES as many."""
    return settings(max_examples=count * TIMES)
