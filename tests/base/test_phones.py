"""Tests of the grammar of phone numbers and of their normal form."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.base import phones


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("139 1234 5678", "+8613912345678"),
        ("\u202a+86 139 1234 5678\u202c", "+8613912345678"),
        ("\u200e１３９１２３４５６７８", "+8613912345678"),
        ("＋86（139）1234－5678", "+8613912345678"),
        ("+86\u00a0139\u20091234\u30005678", "+8613912345678"),
        ("139\u20101234\u20135678", "+8613912345678"),
        ("139\u20141234\u22125678", "+8613912345678"),
        ("139·1234·5678", "+8613912345678"),
        ("（021）62345678", "+862162345678"),
        ("021/6234.5678", "+862162345678"),
        ("(+86) 21 6234 5678", "+862162345678"),
        ("0086 21 6234 5678", "+862162345678"),
        ("+86(0)21 6234 5678", "+862162345678"),
        ("tel:+86-21-6234-5678", "+862162345678"),
        ("+86-21-6234-5678;ext=15", "+862162345678"),
        ("021-62345678转15", "+862162345678"),
        ("021-62345678 轉 15", "+862162345678"),
        ("021-62345678（分机：15）", "+862162345678"),
        ("021-62345678轉分機15", "+862162345678"),
        ("(021) 6234-5678 Ext. 15", "+862162345678"),
        ("(021) 6234-5678 x15", "+862162345678"),
        ("(021) 6234-5678 ｘ１５", "+862162345678"),
        ("(021) 6234-5678 #15", "+862162345678"),
        ("021 6234 5678, 15", "+862162345678"),
        ("400-600-1234转2", "+864006001234"),
        ("١٣٩١٢٣٤٥٦٧٨", "+8613912345678"),
        ("+886 2 2345 6789 #12", "+886223456789"),
        ("+1 (415) 555-2671 extension 3", "+14155552671"),
        ("95588", None),
        ("10010", None),
        ("12345678901234567890", None),
        ("021-62345678/13912345678", None),
    ],
)
def test_a_number_as_people_write_it_is_a_number(written: str, expected: str | None) -> None:
    assert phones.is_phone(written)
    assert phones.e164(written, "CN") == expected


@pytest.mark.parametrize(
    "written",
    [
        "",
        "1234",
        "(1) 23",
        "call me",
        "139 1234 567a",
        "12345 and 67890",
        "ext. 15",
        "转15",
        "++86 139 1234 5678",
        "139+1234+5678",
        "-----",
        "li.na@example.com",
        "021-62345678转123456789",
        "021-62345678 twice",
        "1" * 41,
    ],
)
def test_what_is_no_number_is_refused(written: str) -> None:
    assert not phones.is_phone(written)
    assert phones.e164(written, "CN") is None


@pytest.mark.parametrize(
    ("region", "expected"),
    [("CN", None), ("TW", "+886223456789"), ("JP", "+81223456789")],
)
def test_a_number_without_a_country_code_is_one_of_the_home_region(
    region: str, expected: str | None
) -> None:
    assert phones.e164("(02) 2345-6789", region) == expected
    assert phones.e164("+86 139 1234 5678", region) == "+8613912345678"


def test_the_regions_are_those_of_the_library() -> None:
    assert set(phones.REGIONS.split()) == set(phonenumbers.SUPPORTED_REGIONS)
    assert phones.HOME_REGION in phones.REGIONS.split()


@given(st.text(st.sampled_from("0123456789 ()+-./,;#x转轉ext\u202a\u2011１（")))
def test_a_normal_form_is_a_number_of_its_own(text: str) -> None:
    found = phones.e164(text, "CN")
    if found is not None:
        assert phones.is_phone(text)
        assert phones.e164(found, "US") == found


@pytest.mark.parametrize("text", ["1" + " " * 100_000, "1" * 100_000, "1 (" * 50_000])
def test_a_text_of_any_length_is_judged_at_once(text: str) -> None:
    assert not phones.is_phone(text)
