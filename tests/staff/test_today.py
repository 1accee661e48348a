"""The figures of a day: ranks of what was measured, and how much of a shift has passed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from redress.staff.rules.shifts import Work
from redress.staff.rules.today import rank, seconds_of_shift


@pytest.mark.parametrize(
    ("values", "median", "ninety"),
    [([], None, None), ([7], 7, 7), ([1, 9], 1, 9), (list(range(1, 11)), 5, 9), ([3] * 20, 3, 3)],
)
def test_rank_is_a_value_that_was_measured(
    values: list[int], median: int | None, ninety: int | None
) -> None:
    assert (rank(values, 0.5), rank(values, 0.9)) == (median, ninety)


BEGIN, NOW = datetime(2026, 11, 22, 16, tzinfo=UTC), datetime(2026, 11, 23, 5, 30, tzinfo=UTC)


def hour(number: float) -> datetime:
    return datetime(2026, 11, 23, tzinfo=UTC) + timedelta(hours=number)


MORNING, AFTERNOON, NIGHT = (hour(1), hour(4)), (hour(5), hour(9)), (hour(-10), hour(-6))
NOVEMBER = (hour(-22 * 24 - 8), hour(8 * 24 - 8))


@pytest.mark.parametrize(
    ("work", "hours"),
    [
        (None, None),
        (Work([], []), 0),
        (Work([MORNING], []), 3),
        (Work([MORNING, AFTERNOON], []), 3.5),
        (Work([NIGHT, MORNING], []), 5),
        (Work([(hour(6), hour(7))], []), 0),
        (Work([], [NOVEMBER]), None),
        (Work([NIGHT], [(hour(-8), hour(700))]), 2),
    ],
)
def test_shift_counts_what_has_passed_of_today(work: Work | None, hours: float | None) -> None:
    found = seconds_of_shift(work, BEGIN, NOW)
    assert found == (None if hours is None else hours * 3600)
