"""The price of a photo: what is added to the counts of the stack, and GuardDuty's list price."""

from __future__ import annotations

import pytest

from bench import bill as bills
from bench import files
from bench.bill import Bill
from local.meter import Call, Records


def test_guardduty_costs_40_cents_for_1000_photos_of_2_mb() -> None:
    assert files.cents(files.by_guardduty(), bills.prices()) == pytest.approx(18.0 + 21.5)


def test_request_of_the_browser_events_and_storage_are_added_to_what_the_stack_does() -> None:
    use = files.use_of(Bill(bucket_writes=2, bucket_reads=4), 0.0)
    assert (use["object_write"], use["object_read"], use["bus_event"]) == (3, 4, 3)
    assert use["object_gb_month"] == pytest.approx(0.002 * (1 + 7 / 30.4))
    kept = {"object_gb_month": use["object_gb_month"]}
    assert files.cents(kept, bills.prices()) == pytest.approx(5.66, abs=0.01)


def test_list_of_a_bucket_has_the_price_of_a_write() -> None:
    calls = [
        Call("s3", "GET /redress-files", "redress-checker", 200),
        Call("s3", "GET /redress-files/uploads/a", "redress-checker", 200),
        Call("s3", "GET /redress-files", "", 200),
    ]
    assert files.lists(Records([], calls, [])) == 1
    use = files.use_of(Bill(bucket_writes=2, bucket_reads=4), 0.0, 1)
    assert (use["object_write"], use["object_read"]) == (4, 3)


def test_mail_is_left_out() -> None:
    assert files.cents({"mail": 4.0}, bills.prices()) == 0


def test_rows_name_both_scanners() -> None:
    rows = files.figures(Records([], [], []), Bill(), bills.prices())
    assert [row.unit for row in rows] == ["cents"] * 4
    assert "own scanner" in rows[2].name
    assert "GuardDuty" in rows[3].name


def test_photo_has_the_size_that_is_priced() -> None:
    assert len(files.photo()) == files.SIZE
