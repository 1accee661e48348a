"""The pure part of the benchmark of growth: its slope."""

from __future__ import annotations

import pytest

from bench.growth import slope


@pytest.mark.parametrize(
    ("costs", "wanted"),
    [
        ({1_000: 5.0, 10_000: 5.0, 100_000: 5.0}, 0.0),
        ({1_000: 1.0, 10_000: 10.0, 100_000: 100.0}, 1.0),
        ({1_000: 1.0, 10_000: 100.0, 100_000: 10_000.0}, 2.0),
        ({1_000: 8.0, 10_000: 4.0, 100_000: 2.0}, -0.301),
        ({1_000: 1.0, 100_000: 10.0}, 0.5),
    ],
)
def test_slope_says_how_cost_grows_with_the_tickets(costs: dict[int, float], wanted: float) -> None:
    assert slope(costs) == pytest.approx(wanted, abs=0.001)
