"""Reports of the nightly reconciliations."""

from __future__ import annotations

import json
from copy import replace
from datetime import UTC, datetime, timedelta

import pytest

from redress.base.instants import written
from redress.db.rows import Models
from redress.workflow.store import MailComparison, ReconciliationReport, ReportStore
from tests.builders import NUMBER
from tests.functions.staff.api import Api
from tests.wired import REGION, TABLE
from tests.world import Stores


@pytest.fixture
def runs(stores: Stores) -> list[ReconciliationReport]:
    """Reports of 26 nightly runs, oldest first, and of a manual run on the last day."""
    store = ReportStore(Models(TABLE, REGION))
    first = datetime(2026, 10, 28, 19, 30, tzinfo=UTC)  # 03:30 on the 29th in Shanghai
    began_on = [first + timedelta(days=day) for day in range(26)]
    began_on.append(began_on[-1] + timedelta(hours=12))
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
        for at in began_on
    ]
    for report in reports:
        store.save(report)
    return reports


def test_reconciliations_are_listed_newest_first(
    api: Api, runs: list[ReconciliationReport]
) -> None:
    first = api("reconciliations").body
    assert [one["began_at"] for one in first["items"]] == [
        written(run.began_at) for run in reversed(runs[2:])
    ]
    newest = first["items"][0]
    assert newest["found"] == {"followed": 1}
    assert newest["examples"] == {"followed": [NUMBER]}
    assert len(api("reconciliations", query={"limit": "3"}).body["items"]) == 3
    for limit in ("0", "26", "x"):
        found = api("reconciliations", query={"limit": limit})
        assert (found.status, found.pointers) == (422, {"/limit"})


def test_report_of_a_day_is_the_last_reconciliation_that_began_on_it(
    api: Api, runs: list[ReconciliationReport]
) -> None:
    def began_on(day: str) -> str | None:
        found: str | None = api("reconciliation", date=day).body.get("began_at")
        return found

    assert began_on("2026-10-29") == "2026-10-28T19:30:00.000Z", "days are those of Shanghai"
    assert began_on("2026-11-23") == written(runs[-1].began_at)
    for day in ("2026-10-28", "2026-11-24", "2026-02-30", "9999-12-31", "0001-01-01", "yesterday"):
        assert api("reconciliation", date=day).status == 404, day


def test_a_report_has_the_price_of_comparing_mails_if_its_version_compared_them(
    api: Api, runs: list[ReconciliationReport]
) -> None:
    last, store = runs[-1], ReportStore(Models(TABLE, REGION))
    since = last.began_at - timedelta(days=1)
    store.save(replace(last, mails=MailComparison(since, last.began_at, 4, 2.5, 0.0000003125)))
    newest, older = api("reconciliations").body["items"][:2]
    assert newest["mails"] == {
        "since": "2026-11-22T07:30:00.000Z",
        "until": "2026-11-23T07:30:00.000Z",
        "tickets": 4,
        "read_units": 2.5,
        "dollars": 0.0000003125,
    }
    assert older["mails"] is None


def test_a_report_that_an_earlier_version_stored_can_be_read(api: Api, stores: Stores) -> None:
    models = Models(TABLE, REGION)
    began = "2026-11-01T19:30:00+00:00"
    stored = {"began_at": began, "definition": "d", "definition_since": began, "teams": []}
    models.doc("RECONCILIATION", f"RUN#{began}", doc=json.dumps(stored)).save()
    [found] = api("reconciliations").body["items"]
    assert (found["mails"], found["left"]) == (None, 0)


def test_there_are_no_reports_before_the_first_reconciliation(api: Api) -> None:
    assert api("reconciliations").body == {"items": []}
    assert api("reconciliation").status == 404


@pytest.mark.parametrize("name", ["mei", "lin"])
def test_only_managers_read_reconciliations(
    api: Api, runs: list[ReconciliationReport], name: str
) -> None:
    assert api("reconciliations", name).status == 403
    assert api("reconciliation", name).status == 403
