"""Reports of the nightly reconciliations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from redress.db.rows import Models
from redress.workflow.store import ReconciliationReport, ReportStore
from tests.builders import NUMBER
from tests.functions.staff.api import Api
from tests.wired import REGION, TABLE
from tests.world import Stores


@pytest.fixture
def runs(stores: Stores) -> list[ReconciliationReport]:
    """Twenty-seven nightly runs, the oldest first; the last day has one by hand, too."""
    store = ReportStore(Models(TABLE, REGION))
    first = datetime(2026, 10, 28, 19, 30, tzinfo=UTC)  # 03:30 of the 29th in Shanghai
    begun = [first + timedelta(days=day) for day in range(26)]
    begun.append(begun[-1] + timedelta(hours=12))
    reports = [
        ReconciliationReport(
            at,
            "5f0e3a52",
            first,
            ("complaints", "service"),
            ended_at=at + timedelta(seconds=4),
            found={"followed": 1},
            examples={"followed": [NUMBER]},
        )
        for at in begun
    ]
    for report in reports:
        store.save(report)
    return reports


def test_the_last_reconciliations_are_listed_newest_first(
    api: Api, runs: list[ReconciliationReport]
) -> None:
    first = api("reconciliations").body
    assert [one["began_at"] for one in first["items"]] == [
        run.began_at.isoformat(timespec="milliseconds") for run in reversed(runs[2:])
    ]
    newest = first["items"][0]
    assert newest["found"] == {"followed": 1}
    assert newest["examples"] == {"followed": [NUMBER]}
    assert len(api("reconciliations", query={"limit": "3"}).body["items"]) == 3
    for limit in ("0", "26", "x"):
        found = api("reconciliations", query={"limit": limit})
        assert (found.status, found.pointers) == (422, {"/limit"})


def test_the_reconciliation_of_a_day_is_the_last_that_began_on_it(
    api: Api, runs: list[ReconciliationReport]
) -> None:
    def begun(day: str) -> str | None:
        found: str | None = api("reconciliation", date=day).body.get("began_at")
        return found

    assert begun("2026-10-29") == "2026-10-28T19:30:00.000+00:00", "of Shanghai's day"
    assert begun("2026-11-23") == runs[-1].began_at.isoformat(timespec="milliseconds")
    for day in ("2026-10-28", "2026-11-24", "2026-02-30", "9999-12-31", "0001-01-01", "yesterday"):
        assert api("reconciliation", date=day).status == 404, day


def test_before_the_first_run_there_is_nothing_to_read(api: Api) -> None:
    assert api("reconciliations").body == {"items": []}
    assert api("reconciliation").status == 404


@pytest.mark.parametrize("name", ["mei", "lin"])
def test_only_managers_read_reconciliations(
    api: Api, runs: list[ReconciliationReport], name: str
) -> None:
    assert api("reconciliations", name).status == 403
    assert api("reconciliation", name).status == 403
