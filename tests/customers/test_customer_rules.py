"""Rules of profiles: who is recognised, what a further ticket adds, what a contact point is."""

from __future__ import annotations

from copy import replace
from typing import Any

import pytest

from redress.base.errors import InvalidInput
from redress.customers.rules import editing, matching
from redress.customers.rules.profile import (
    MOST_CONTACTS,
    MOST_DOUBTS,
    Doubt,
    Profile,
    card_of,
    folded,
)
from tests.builders import NUMBER, START, Life, plan_1
from tests.customers.builders import EMAIL, LI_NA, PHONE, WANG_WEI, profile

LI, WANG = card_of(profile(LI_NA)), card_of(profile(WANG_WEI))
BOTH = [EMAIL, PHONE]


@pytest.mark.parametrize(
    ("order", "found", "by", "others"),
    [
        (("account", "email", "phone"), LI_NA, "email", (WANG_WEI,)),
        (("phone", "email"), WANG_WEI, "phone", (LI_NA,)),
        (("phone",), WANG_WEI, "phone", ()),
    ],
)
def test_the_order_of_the_plan_decides_whose_ticket_it_is(
    order: tuple[str, ...], found: str, by: str, others: tuple[str, ...]
) -> None:
    known = matching.recognise(BOTH, {EMAIL: LI, PHONE: WANG}, order)
    assert known is not None
    assert (known.card.customer, known.by, known.others) == (found, by, others)


def test_a_contact_point_of_a_kind_that_does_not_count_leads_to_nobody() -> None:
    assert matching.recognise(BOTH, {PHONE: WANG}, ("email",)) is None
    known = matching.recognise(BOTH, {EMAIL: LI, PHONE: WANG}, ("email",))
    assert known is not None
    assert (known.others, known.free) == ((), ())


def test_a_number_that_is_not_valid_is_no_contact_point() -> None:
    ticket = Life().open(contact={"name": "Li Na", "phone": "10086"}).ticket
    assert matching.points_of(ticket.contact) == []


def test_a_full_profile_gets_no_further_contact_points() -> None:
    keys = [("account", f"crm:{n}") for n in range(MOST_CONTACTS)]
    full = profile(LI_NA, *keys)
    ticket = Life().open().ticket
    assert matching.completed(full, ticket, [PHONE], START) == full
    room = replace(full, contacts=full.contacts[1:])
    added = matching.completed(room, ticket, [PHONE, EMAIL], START)
    assert [point.key for point in added.contacts[-1:]] == [PHONE]
    assert len(added.contacts) == MOST_CONTACTS


def test_doubts_are_bounded_and_never_repeated() -> None:
    doubts = [Doubt(f"{n:024x}", START, NUMBER, "complaints") for n in range(MOST_DOUBTS + 2)]
    found = profile()
    for doubt in doubts:
        found = matching.doubted(found, doubt)
        assert matching.doubted(found, doubt) == found
    assert found.doubts == tuple(doubts[:MOST_DOUBTS])


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("email", "Li.Na@EXAMPLE.com", "li.na@example.com"),
        ("phone", "010/5555-0100", "+861055550100"),
        ("phone", " 861055550100", "+861055550100"),
        ("account", "CRM : 10045", "crm:10045"),
    ],
)
def test_a_contact_point_has_one_form(kind: str, text: str, value: str) -> None:
    assert editing.contact_value(kind, text, "CN") == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [("email", "nobody"), ("phone", "10086"), ("account", "crm"), ("account", ":7"), ("phone", "")],
)
def test_a_text_that_is_no_contact_point_is_refused(kind: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        editing.contact_value(kind, text, "CN")


def test_needs_and_companies_are_compared_without_case_and_width() -> None:
    assert folded("ＡＣＭＥ  Ltd ") == folded("acme ltd")


@pytest.mark.parametrize(
    ("had", "named", "found"),
    [
        (None, "Tea Ltd", "Tea Ltd"),
        ("Coffee Ltd", "Tea Ltd", "Coffee Ltd"),
        (None, None, None),
        (None, "\ufdfa" * 100, None),
    ],
)
def test_profile_gets_the_company_of_a_ticket_if_it_has_none_and_can_be_listed_by_it(
    had: str | None, named: str | None, found: str | None
) -> None:
    contact = {"name": "Li Na", "email": "li.na@example.com", "company": named}
    ticket = Life().open(contact=contact).ticket
    before = replace(profile(LI_NA, EMAIL), company=had)
    assert matching.completed(before, ticket, [], START).company == found
    if had is None:
        assert matching.first_profile(LI_NA, ticket, [], START).company == found


def edit(before: Profile, *languages: str, confirmed: bool = False) -> Profile:
    given: dict[str, Any] = {"name": "Li Na", "languages": languages, "needs": ()}
    given["languages_chosen"] = confirmed
    empty = dict.fromkeys(("salutation", "channel", "hours", "company", "type"))
    return editing.edited(before, empty | given, plan_1())


def test_languages_that_staff_enter_are_chosen_until_they_remove_them() -> None:
    before = profile(LI_NA, EMAIL)
    assert not edit(before, "zh-CN").languages_chosen, "the same as those of the tickets"
    chosen = edit(before, "zh-TW", "zh-CN")
    assert chosen.languages_chosen
    assert card_of(chosen).languages_chosen
    assert edit(chosen, "zh-TW", "zh-CN").languages_chosen
    assert not edit(chosen).languages_chosen


def test_customer_may_confirm_the_languages_that_their_tickets_gave() -> None:
    before = profile(LI_NA, EMAIL)
    assert edit(before, "zh-CN", confirmed=True) == replace(before, languages_chosen=True)
    with pytest.raises(InvalidInput) as refused:
        edit(before, confirmed=True)
    assert [(one.pointer, one.code) for one in refused.value.faults] == [("/languages", "required")]


def test_ticket_adds_its_language_only_if_the_customer_has_chosen_none() -> None:
    ticket = Life().open(language="en").ticket
    before = profile(LI_NA, EMAIL)
    assert matching.completed(before, ticket, [], START).languages == ("zh-CN", "en")
    chosen = replace(before, languages_chosen=True)
    assert matching.completed(chosen, ticket, [], START).languages == ("zh-CN",)
