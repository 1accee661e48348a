"""The growth benchmark without its engine: the slope, and which figures meet their goals."""

from __future__ import annotations

import pytest

from bench import growth
from bench.growth import Cost
from bench.report import Figure

SIZES = (1_000, 10_000, 100_000)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_slope_is_the_power_by_which_a_cost_grows(power: float) -> None:
    assert growth.slope({size: 3 * size**power for size in SIZES}) == pytest.approx(power)


@pytest.mark.parametrize("cost", [1, 0.1, 13, 101.5, 1 / 3])
def test_slope_of_equal_costs_is_exactly_0(cost: float) -> None:
    assert growth.slope(dict.fromkeys(SIZES, cost)) == 0


def test_slope_considers_all_sizes() -> None:
    """The middle size is the mean of the logarithms, so it does not change the slope."""
    assert growth.slope({1_000: 5.0, 10_000: 50.0, 100_000: 5.0}) == pytest.approx(0)
    assert growth.slope({1_000: 5.0, 10_000: 5.0, 100_000: 50.0}) == pytest.approx(0.5)


def test_slope_of_a_falling_cost_is_negative() -> None:
    assert growth.slope({10: 2.0, 20: 1.0}) == pytest.approx(-1)


def _costs(milliseconds: float, calls: int, read_units: float) -> list[Cost]:
    return [Cost(milliseconds, ("Query",) * calls, read_units, 1.0)] * 3


def _figures(**of_the_largest: float) -> dict[str, Figure]:
    flat = {"milliseconds": 10.0, "calls": 2, "read_units": 4.5}
    largest = flat | of_the_largest
    taken = {size: _costs(**flat) for size in SIZES[:2]} | {  # type: ignore[arg-type]
        SIZES[2]: _costs(**largest)  # type: ignore[arg-type]
    }
    return {
        figure.name.partition(": ")[2]: figure for figure in growth.operation_figures("page", taken)
    }


def test_constant_costs_meet_every_goal() -> None:
    found = _figures()
    assert [figure.met for figure in found.values()] == [None, True, True, True]
    assert found["median at 100,000"].ratio == 1
    assert found["slope of units"].note == (
        "5.5 at 1,000, 5.5 at 10,000, 5.5 at 100,000, as the engine counts"
    )


def test_time_may_grow_a_little() -> None:
    # If only the last of three sizes, 100 times the first, costs r times as much, the slope is
    # log10(r) / 2.
    assert _figures(milliseconds=10 * 10**0.19)["slope of time"].met is True
    assert _figures(milliseconds=10 * 10**0.21)["slope of time"].met is False


@pytest.mark.parametrize(
    ("grown", "slope"), [({"calls": 3}, "slope of calls"), ({"read_units": 5.0}, "slope of units")]
)
def test_calls_and_units_may_not_grow_at_all(grown: dict[str, float], slope: str) -> None:
    assert [name for name, figure in _figures(**grown).items() if figure.met is False] == [slope]


def test_units_are_the_sum_of_reads_and_writes() -> None:
    assert Cost(1.0, ("Query", "PutItem"), 0.5, 2.0).units == 2.5


def test_price_of_a_reconciliation_follows_from_its_reads_for_each_ticket() -> None:
    each, price = growth.listing_figures(200, Cost(9.0, ("Query",), 300.0, 7.0), 0.000001)
    assert each.value == 1.5
    assert price.value == pytest.approx(1.5)


def test_operation_of_the_desk_meets_its_goal_by_its_slowest_calls() -> None:
    """One call of twenty may be slow. With two, the goal is missed, whatever the median is."""
    fast, slow = [Cost(9.0, ("Query",), 1.0, 0.0)] * 18, Cost(60.0, ("Query",), 1.0, 0.0)
    assert growth.desk_figure("list", 100_000, [*fast, fast[0], slow]).met is True
    assert growth.desk_figure("list", 100_000, [*fast, slow, slow]).met is False
