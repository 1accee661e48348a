"""Files that wait for a verdict: when the sweep asks again, and when operations are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from redress.files.cases.watching import LATE, LOOKS, MOST, SWEEP, HeldFilesWatch, is_due
from redress.files.messages import Held, LookForUploads

NOW = datetime(2026, 11, 30, 9, 12, tzinfo=UTC)
NUMBER, FILE = "R-7K3M9-QW0X2", "9f86d081884c7d65"


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


@pytest.mark.parametrize(
    ("waits", "due"),
    [(0, 0), (9.9, 0), (10, 1), (19, 1), (30, 0), (40, 1), (55, 0), (60, 1), (70, 0), (600, 1)],
)
def test_sweep_asks_after_10_20_and_40_minutes_and_then_each_hour(waits: float, due: int) -> None:
    assert is_due(minutes(waits)) is bool(due)


def test_each_file_is_asked_for_26_times_on_its_first_day_whenever_the_sweep_runs() -> None:
    for offset in (0.0, 1.5, 4.9, 9.9):
        sweeps = [minutes(offset) + number * LOOKS for number in range(144)]
        assert sum(map(is_due, sweeps)) == 26


def test_files_that_are_due_are_asked_for_and_those_that_are_late_are_told() -> None:
    asked: list[Held | LookForUploads] = []
    given: list[tuple[datetime, int]] = []
    found = [(NOW - LATE, NUMBER, FILE), (NOW - minutes(35), NUMBER, "0" * 16)]

    def held(before: datetime, limit: int) -> list[tuple[datetime, str, str]]:
        given.append((before, limit))
        return found

    watch = HeldFilesWatch(held, asked.append, lambda: NOW)
    assert watch.watch() == {"asked": 1, "late": 1}
    assert asked == [Held(NUMBER, FILE)]
    assert given == [(NOW - minutes(10), MOST)]


def test_sweep_without_held_files_does_nothing() -> None:
    def refuse(message: Held | LookForUploads) -> None:
        raise AssertionError(message)

    assert HeldFilesWatch(lambda before, limit: [], refuse, lambda: NOW).watch() == {}


def test_one_sweep_an_hour_looks_for_uploads_of_which_no_event_told() -> None:
    asked: list[Held | LookForUploads] = []
    for number in range(24):
        now = NOW + number * SWEEP
        HeldFilesWatch(lambda before, limit: [], asked.append, lambda now=now: now).watch()  # type: ignore[misc]
    assert asked == [LookForUploads()] * 2


def test_every_second_sweep_looks_for_no_files() -> None:
    reads: list[datetime] = []

    def held(before: datetime, limit: int) -> list[tuple[datetime, str, str]]:
        reads.append(before)
        return []

    for number in range(12):
        now = NOW + number * SWEEP
        HeldFilesWatch(held, lambda message: None, lambda now=now: now).watch()  # type: ignore[misc]
    assert len(reads) == 6
