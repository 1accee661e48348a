"""Tests of the grammar of phone numbers and of their normal form."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.base import phones
from tests import effort


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
        ("021-62345678/13912345678", "+862162345678"),
        ("手机：13912345678", "+8613912345678"),
        ("手机号码 13912345678", "+8613912345678"),
        ("联系电话:021-62345678", "+862162345678"),
        ("電話：（021）62345678", "+862162345678"),
        ("【手机】13912345678", "+8613912345678"),
        ("Tel.: 139 1234 5678", "+8613912345678"),
        ("Phone number: 13912345678", "+8613912345678"),
        ("Mobil +49 30 901820", "+4930901820"),
        ("☎ 021-62345678", "+862162345678"),
        ("13912345678.", "+8613912345678"),
        ("021-62345678；", "+862162345678"),
        ("13912345678，021-62345678", "+8613912345678"),
        ("13912345678或13712345678", "+8613912345678"),
        ("13912345678、021-62345678转15、95588", "+8613912345678"),
        ("手机13912345678；座机021-62345678", "+8613912345678"),
        ("13912345678 / 13712345678", "+8613912345678"),
        ("+1 415 555 2671 ext.: 15", "+14155552671"),
        ("+1 415 555 2671 Ext. #15", "+14155552671"),
        ("+1 415 555 2671 extn-15", "+14155552671"),
        ("+1 415 555 2671, poste 15", "+14155552671"),
        ("021-62345678*15", "+862162345678"),
        ("021-62345678分机号码15", "+862162345678"),
        ("+49 30 901820 Durchwahl 15", "+4930901820"),
        ("+49 30 901820 DW 15", "+4930901820"),
        ("+49 30 901820, App. 15", "+4930901820"),
        ("［021］62345678", "+862162345678"),
        ("〔021〕62345678", "+862162345678"),
        ("021-62345678-8015", "+862162345678"),
        ("021-62345678 8015", "+862162345678"),
        ("+86-21-62345678-15", "+862162345678"),
        ("400-600-1234-2", "+864006001234"),
        ("13912345678（同微信）", "+8613912345678"),
        ("13912345678 (after 6 p.m.)", "+8613912345678"),
        ("13912345678 [WhatsApp]", "+8613912345678"),
        ("13912345678微信同号", "+8613912345678"),
    ],
)
def test_a_number_as_people_write_it_is_a_number(written: str, expected: str | None) -> None:
    assert phones.is_phone(written)
    assert phones.e164(written, "CN") == expected


@pytest.mark.parametrize(
    ("number", "takes"),
    [
        ("+8613912345678", True),
        ("+886912345678", True),
        ("+85251234567", True),
        ("+14155552671", True),  # nobody can tell a mobile number from a landline there
        ("+862162345678", False),
        ("+86105550100", False),
        ("+864006001234", False),
        ("+868008100000", False),
        ("+886223456789", False),
        ("+4930901820", False),
    ],
)
def test_short_messages_go_to_mobile_numbers_only(number: str, takes: bool) -> None:
    assert phones.takes_sms(number) is takes


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
        "手机",
        "手机：",
        "Tel. (office)",
        "王先生的狗 13912345678",
        "电话转15",
        "、13912345678",
        "\ufdfa" * 40,
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


@pytest.mark.parametrize(
    "text",
    [
        "1" + " " * 100_000,
        "1" * 100_000,
        "1 (" * 50_000,
        *(f"{('1' + sign) * 20}"[:39] + "?" for sign in "/,; .-()、*#x"),
        "1 , " * 9 + "1 ,?",
        "\u3250" * 39 + "?",
    ],
)
def test_a_text_of_any_length_is_judged_at_once(text: str) -> None:
    assert not effort.within(0.1, lambda: phones.is_phone(text))
