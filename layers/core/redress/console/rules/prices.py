"""List prices, and what a month's use costs at these prices."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

HOURS = 730
"""Hours in a month, as Amazon counts."""
GB = 10**9
SAMPLED = 0.05
"""The share of traces that X-Ray records."""
STATES_OF_A_LIFE = 5
"""States that the ticket machine enters in a life without incident."""
CHECK_OF_CLOCKS = 3
"""States that the ticket machine enters for each check of the clocks: the check, the choice of the
next wait, and that wait (`statemachines/ticket.asl.json`)."""


class Price(Struct, frozen=True):
    """The list price of one meter, in US dollars for one `unit`.

    `free` is the amount that Amazon gives every account each month, for ever.
    """

    name: str
    price: float
    unit: str
    free: float
    source: str


class Prices(Struct, frozen=True):
    """List prices by meter, as published for `region` on the day `looked_up`."""

    looked_up: str
    region: str
    note: str
    prices: dict[str, Price]


class Row(Struct, frozen=True):
    """One meter of a month: how much was used, and what that costs.

    `dollars` is the list price without any free amount. `beyond_free` is what is left if the whole
    free amount of the account is used for this stack.
    """

    meter: str
    name: str
    amount: float
    dollars: float
    beyond_free: float


def cost(amounts: Mapping[str, float], known: Prices, *, free: bool = False) -> dict[str, float]:
    """US dollars by meter, the largest first. With `free`, a month's free amounts are deducted."""
    dollars = {
        name: max(0.0, amount - (known.prices[name].free if free else 0)) * known.prices[name].price
        for name, amount in amounts.items()
    }
    return dict(sorted(dollars.items(), key=lambda part: -part[1]))


def rows(amounts: Mapping[str, float], known: Prices) -> list[Row]:
    """One row for each meter, the most expensive first."""
    beyond = cost(amounts, known, free=True)
    return [
        Row(meter, known.prices[meter].name, amounts[meter], dollars, beyond[meter])
        for meter, dollars in cost(amounts, known).items()
    ]


def recorded(traces: float, hours: float = HOURS) -> float:
    """How many of the traces of these hours Lambda records.

    It records the first trace of each second, and SAMPLED of the others. Traces are assumed to be
    evenly spread, which gives the highest count.
    """
    first = min(traces, hours * 3600.0)
    return first + SAMPLED * (traces - first)


def transitions(started: float, checks: float) -> float:
    """About how many transitions executions made.

    `started` counts executions of tickets that began, and `checks` the checks of their clocks.
    CloudWatch has no count of transitions by state machine. Retries of tasks are left out.
    """
    return STATES_OF_A_LIFE * started + CHECK_OF_CLOCKS * checks
