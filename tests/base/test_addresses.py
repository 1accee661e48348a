"""Tests of the one form of addresses, and of what can be mailed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.base import addresses
from redress.base.addresses import canonical, fault_of, is_address


@pytest.mark.parametrize(
    "forms",
    [
        ("wang@bücher.example", "WANG@xn--bcher-kva.example", "wang@BÜCHER.example"),
        ("a.b@grüße.example", "A.B@xn--gre-6ka8l.example"),
        ("chen@商店.网址", "chen@xn--czrs0t.xn--ses554g", "chen@商店。网址"),
        (
            "ops@example.org",
            "\u2060ops@example.org",
            "ops@exam\u00adple.org",
            " OPS@example.org\ufeff",
        ),
        (
            "x1@example.org",
            "ｘ１＠ｅｘａｍｐｌｅ．ｏｒｇ",
            "x1@example｡org",
            "\u3000x1@example.org\u00a0",
        ),
        ("a@\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.example", "a@xn--mgba3gch31f060k.example"),
        ("m@☕.example", "m@xn--53h.example", "m@☕\ufe0f.example"),
    ],
)
def test_the_ways_to_type_one_address_are_equal(forms: tuple[str, ...]) -> None:
    assert len({canonical(form) for form in forms}) == 1
    assert canonical(forms[0]).isascii()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a@fuß.example", "a@fuss.example"),
        ("a@όσος.example", "a@όσοσ.example"),
        (
            "a@\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.example",
            "a@\u0646\u0627\u0645\u0647\u0627\u06cc.example",
        ),
        ("a.b@example.org", "ab@example.org"),
        ("a+1@example.org", "a@example.org"),
    ],
)
def test_addresses_of_different_people_stay_different(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.emails())
def test_the_canonical_form_is_its_own_canonical_form(text: str) -> None:
    found = canonical(text)
    assert canonical(found) == found
    assert addresses.is_address(found) == (addresses.deliverable(found) is not None)


@given(st.text(max_size=60))
def test_what_is_deliverable_is_equal_to_what_was_typed(text: str) -> None:
    found = addresses.deliverable(f"a{text}@example.org")
    if found is not None:
        assert found.isascii()
        assert canonical(found) == canonical(f"a{text}@example.org")


@pytest.mark.parametrize(
    "domain", ["商" * 100_000, "a." * 100_000 + "商", "\u200c" * 100_000 + "商"]
)
def test_a_domain_of_any_length_is_compared_at_once(domain: str) -> None:
    assert canonical(f"a@{domain}").startswith("a@")
    assert not addresses.is_address(f"a@{domain}")


def test_a_key_of_an_ascii_address_is_the_one_of_its_lower_case_form() -> None:
    """Version 1 compared and stored addresses in lower case. Its rows are found under this form."""
    assert canonical("Li.Na+2@Example.COM") == "li.na+2@example.com"


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("wang..li@example.org", "email_undeliverable"),
        (".wang@example.org", "email_undeliverable"),
        ("wang.@example.org", "email_undeliverable"),
        ("王@example.org", "email_undeliverable"),
        (f"{'a' * 65}@example.org", "email_undeliverable"),
        (f"a@{'b' * 64}.example", "email_undeliverable"),
        ("a@-b.example", "email_undeliverable"),
        ("a@b_c.example", "email_undeliverable"),
        ("a@192.0.2.1", "email_undeliverable"),
        (f"a@{'b.' * 130}example", "email_undeliverable"),
        ("a@xn--b.example", "email_undeliverable"),
        ("a@shop.xn--.example", "email_undeliverable"),
        ("a@xn--shop-.example", "email_undeliverable"),
        ("a@xn--zzzzzzzz.example", "email_undeliverable"),
        ("a@XN--B.商店", "email_undeliverable"),
        ('"wang li"@example.org', "email_expected"),
        ("a@example.org, b@example.org", "email_expected"),
        ("wang@localhost", "email_expected"),
        ("wang", "email_expected"),
        ("", "email_expected"),
        ("wang\x1b@example.org", "control_characters"),
        ("wang@example.org\x00", "control_characters"),
        ("wang@exam\ud800ple.org", "not_unicode"),
    ],
)
def test_what_cannot_be_mailed_is_refused_with_the_reason(typed: str, code: str) -> None:
    assert not addresses.is_address(typed)
    assert addresses.fault_of(typed)[0] == code


@pytest.mark.parametrize(
    "domain", ["商店.网址", "grüße.example", "fuß.example", "☕.example", "例え.テスト"]
)
def test_the_ascii_form_of_a_domain_can_be_mailed(domain: str) -> None:
    assert addresses.deliverable(f"a@{domain}") == canonical(f"a@{domain}")
    assert addresses.is_address(canonical(f"a@{domain}"))


def test_an_address_is_stored_as_it_was_typed_without_what_cannot_be_meant() -> None:
    assert addresses.cleaned("\u200b Wang@Bücher.example\u200b") == "Wang@Bücher.example"
    assert addresses.cleaned("ｗａｎｇ＠example。org") == "wang@example.org"


@pytest.mark.parametrize(
    "before", ["\ue000", "\u0378", "\x00", "\ud800", "\U000f0000", "\uffff", "a", "中", ""]
)
@pytest.mark.parametrize("joiner", ["\u200c", "\u200d"])
def test_a_joiner_after_any_character_raises_no_error(before: str, joiner: str) -> None:
    address = f"x@{before}{joiner}中.com"
    assert canonical(address) == canonical(f"x@{before}中.com") or before in ("a", "中")
    is_address(address)
    fault_of(address)
