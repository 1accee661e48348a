"""Tests of keys that are made from what people type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.db import keys
from redress.tickets.rules.submission import ORDER_LIMIT

MOST_BYTES = 2_048
"""DynamoDB's limit for a partition key."""


@pytest.mark.parametrize(
    "written",
    [
        "SO-2026-118",
        " so 2026 118 ",
        "so_2026/118",
        "#SO.2026.118",
        "ＳＯ－２０２６－１１８",
        "SO–2026—118",
        "SO\u200b-2026\u3000118",
    ],
)
def test_an_order_number_has_one_key_however_it_is_written(written: str) -> None:
    assert keys.order_pk(written) == "ORDER#SO2026118"


@pytest.mark.parametrize("written", ["", " ", "#", "-/-", "\u200b"])
def test_an_order_number_without_letters_and_digits_has_no_key(written: str) -> None:
    assert keys.order_pk(written) is None


@pytest.mark.parametrize("widest", ["\ufdfa", "\u1e9e", "\U0001f600"])
def test_the_key_of_the_longest_order_number_fits_into_the_limit(widest: str) -> None:
    key = keys.order_pk(widest * ORDER_LIMIT)
    assert key is not None
    assert len(key.encode()) <= MOST_BYTES


@given(st.text(max_size=ORDER_LIMIT))
def test_the_form_of_an_order_number_contains_no_blank_and_no_sign(written: str) -> None:
    folded = keys.folded_order(written)
    assert not set(folded) & set("-_/.# \u3000\n")
