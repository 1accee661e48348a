"""Records of calls as connectors hand them over: what is read, and which faults are named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from redress.base import phones
from redress.base.errors import InvalidInput
from redress.connectors.rules.call import parse
from redress.tickets.rules.calls import Result

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


def body(**fields: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "call": "c-1",
        "updated": "2026-11-23T00:59:00Z",
        "result": "answered",
        "phone": "+86 138 0013 8000",
        "began": "2026-11-23T00:54:00Z",
        "left_menu": "2026-11-23T00:54:20Z",
        "answered": "2026-11-23T00:54:24Z",
        "ended": "2026-11-23T00:57:24Z",
    }
    return {name: value for name, value in (usual | fields).items() if value is not None}


def faults(**fields: Any) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        parse(body(**fields), NOW)
    return {fault.pointer: fault.code for fault in caught.value.faults}


def test_record_is_read_with_its_times_in_utc() -> None:
    record = parse(body(began="2026-11-23T08:54:00+08:00"), NOW)
    assert record.call.began == NOW - timedelta(minutes=6)
    assert record.call.seconds == {"menu": 20, "queue": 4, "talk": 180, "hold": 0}
    assert record.conversation == record.call.id == "c-1"


def test_every_fault_of_a_record_is_named() -> None:
    found = faults(
        call="",
        updated="yesterday",
        result="lost",
        phone="nobody",
        began=5,
        direction="up",
        hold_s=-1,
        held="long",
        language="fr",
        kind="question",
        ticket="no number",
        queue=7,
        more=1,
    )
    assert set(found) == {
        "/call",
        "/updated",
        "/result",
        "/phone",
        "/began",
        "/direction",
        "/hold_s",
        "/held",
        "/language",
        "/kind",
        "/ticket",
        "/queue",
        "/more",
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"answered": "2026-11-23T00:54:10Z"}, {"/answered": "not_in_order"}),
        ({"left_menu": "2026-11-23T00:53:59Z"}, {"/left_menu": "not_in_order"}),
        ({"ended": "2026-11-23T00:54:23Z"}, {"/ended": "not_in_order"}),
        ({"after_work_ended": "2026-11-23T00:57:00Z"}, {"/after_work_ended": "not_in_order"}),
        ({"updated": "2026-11-23T01:06:00Z"}, {"/updated": "in_the_future"}),
        ({"after_work_ended": "2026-11-23T01:06:00Z"}, {"/after_work_ended": "in_the_future"}),
        ({"began": "2026-11-21T00:54:00Z"}, {"/ended": "too_long"}),
        ({"answered": None}, {"/answered": "required"}),
        ({"ended": None}, {"/ended": "required"}),
        ({"result": "missed"}, {"/answered": "not_possible"}),
        (
            {"result": "abandoned_in_menu", "answered": None},
            {"/left_menu": "not_possible"},
        ),
        ({"result": "ongoing"}, {"/ended": "not_possible"}),
        ({"hold_s": 181}, {"/hold_s": "too_long"}),
        ({"hold_s": True}, {"/hold_s": "number_expected"}),
        (
            {"held": [["2026-11-23T00:54:23Z", "2026-11-23T00:55:00Z"]]},
            {"/held/0": "not_in_order"},
        ),
        (
            {"held": [["2026-11-23T00:57:00Z", "2026-11-23T00:58:00Z"]]},
            {"/held/0": "not_in_order"},
        ),
        (
            {
                "held": [
                    ["2026-11-23T00:55:00Z", "2026-11-23T00:56:00Z"],
                    ["2026-11-23T00:55:30Z", "2026-11-23T00:56:30Z"],
                ]
            },
            {"/held/1": "not_in_order"},
        ),
        ({"held": [["2026-11-23T00:55:00Z"]]}, {"/held/0": "period_expected"}),
        (
            {"result": "missed", "answered": None, "hold_s": 3},
            {"/hold_s": "not_possible"},
        ),
    ],
)
def test_times_that_cannot_be_are_refused(fields: dict[str, Any], expected: dict[str, str]) -> None:
    found = faults(**fields)
    assert expected.items() <= found.items()


@pytest.mark.parametrize("result", [one.value for one in Result])
def test_each_result_has_a_valid_record(result: str) -> None:
    fields: dict[str, Any] = {"result": result}
    if result != "answered":
        fields["answered"] = None
    if result == "abandoned_in_menu":
        fields["left_menu"] = None
    if result == "ongoing":
        fields["ended"] = None
    assert parse(body(**fields), NOW).call.result == result


@pytest.mark.parametrize("written", ["021/6552-9988", "+86 21 6552 9988", "(021) 65529988"])
def test_number_with_a_slash_is_the_same_number(written: str) -> None:
    """Story 16: a phone number with "/" matched nobody."""
    phone = parse(body(phone=written), NOW).call.phone
    assert phone is not None
    assert phones.e164(phone, "CN") == "+862165529988"


def test_record_of_a_hidden_number_is_read() -> None:
    assert parse(body(phone=None), NOW).call.phone is None
