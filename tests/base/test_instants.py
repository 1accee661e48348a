"""Instants in requests and answers: RFC 3339."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.base import instants
from tests.examples import examples

FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")

_ZONES = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
)
_INSTANTS = st.datetimes(
    datetime(1, 1, 3), datetime(9999, 12, 29), timezones=_ZONES, allow_imaginary=False
)


@examples(200)
@given(at=_INSTANTS)
def test_every_instant_is_written_in_one_form_and_read_back_to_the_millisecond(
    at: datetime,
) -> None:
    text = instants.written(at)
    assert FORM.fullmatch(text)
    assert instants.parse(text) == at - timedelta(microseconds=at.microsecond % 1000)


@examples(200)
@given(at=_INSTANTS)
def test_every_instant_with_an_offset_in_minutes_is_read_in_utc(at: datetime) -> None:
    found = instants.parse(at.isoformat())
    assert (found, found.tzinfo) == (at, UTC)


def test_an_instant_without_an_offset_is_not_written() -> None:
    with pytest.raises(ValueError, match="offset"):
        instants.written(datetime(2026, 11, 30, 8))


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("2026-11-30T08:00:00Z", 0),
        ("2026-11-30t08:00:00z", 0),
        ("2026-11-30T16:00:00+08:00", 0),
        ("2026-11-30T07:30:00.5-00:30", 500_000),
        ("2026-11-30T08:00:00.264706123Z", 264_706),
    ],
)
def test_forms_of_rfc_3339_are_read(text: str, microseconds: int) -> None:
    assert instants.parse(text) == datetime(2026, 11, 30, 8, 0, 0, microseconds, UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-30T08:00:00",  # no offset
        "2026-11-30 08:00:00Z",  # a space in place of T
        " 2026-11-30T08:00:00Z",
        "2026-11-30T08:00:00Z\n",
        "2026-W49-1T08:00:00Z",  # a week date
        "2026-334T08:00:00Z",  # a day of the year
        "20261130T080000Z",
        "2026-11-30T08:00Z",
        "2026-11-30T08Z",
        "2026-11-30T24:00:00Z",
        "2026-11-29T24:00:00+00:00",
        "2026-11-30T08:00:60Z",
        "2026-11-30T08:00:00+0800",
        "2026-11-30T08:00:00+08",
        "2026-11-30T08:00:00+08:00:30",
        "2026-11-30T08:00:00+24:00",
        "2026-11-30T08:00:00,5Z",
        "2026-11-30T08:00:00.Z",
        "2026-11-31T08:00:00Z",
        "0000-11-30T08:00:00Z",
        "0001-01-01T00:00:00+08:00",
        "9999-12-31T23:59:59-08:00",
        "２０２６-11-30T08:00:00Z",
        "2026-11-30",
        "",
        None,
        1764489600,
        ["2026-11-30T08:00:00Z"],
    ],
)
def test_other_forms_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="RFC 3339"):
        instants.parse(value)


@examples(300)
@given(text=st.text(max_size=40) | st.from_regex(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}.{0,16}\Z"))
def test_what_is_read_is_an_instant_of_the_same_minute_and_second(text: str) -> None:
    try:
        found = instants.parse(text)
    except ValueError:
        return
    assert found.tzinfo is UTC
    assert text[10] in "Tt"
    assert text[17:19] == f"{found.second:02d}"
