"""The figures of a day: ranks of what was measured, and how much of a shift has passed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

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
MORNING = ("2026-11-23T01:00:00.000+00:00", "2026-11-23T04:00:00.000+00:00")
AFTERNOON = ("2026-11-23T05:00:00.000+00:00", "2026-11-23T09:00:00.000+00:00")
NIGHT = ("2026-11-22T14:00:00.000+00:00", "2026-11-22T18:00:00.000+00:00")


@pytest.mark.parametrize(
    ("working", "hours"),
    [
        (None, None),
        ((), 0),
        ((MORNING,), 3),
        ((MORNING, AFTERNOON), 3.5),
        ((NIGHT, MORNING), 5),
        ((("2026-11-23T06:00:00.000+00:00", "2026-11-23T07:00:00.000+00:00"),), 0),
    ],
)
def test_shift_counts_what_has_passed_of_today(
    working: tuple[tuple[str, str], ...] | None, hours: float | None
) -> None:
    found = seconds_of_shift(working, BEGIN, NOW)
    assert found == (None if hours is None else hours * 3600)
