"""Contract of the profiles of customers, their contact points and their lists."""

from __future__ import annotations

from collections.abc import Callable
from copy import replace
from datetime import timedelta

import pytest

from bench import units
from local.template import table_definition
from redress.base.errors import NotFound
from redress.customers.rules.profile import Doubt, MergedInto, revised
from redress.customers.store import CustomerPage, CustomerStore
from redress.db import keys
from redress.tickets.store.transaction import Raced
from tests.builders import MEI, NUMBER, START
from tests.contract.conftest import Shop
from tests.customers.builders import EMAIL, LI_NA, PHONE, WANG_WEI, new, point, profile


@pytest.fixture
def customers(shop: Shop) -> CustomerStore:
    return shop.customers


def test_a_customer_is_found_by_each_contact_point_in_one_read(
    shop: Shop, customers: CustomerStore
) -> None:
    made = profile(LI_NA, EMAIL, PHONE, type="vip", salutation="Ms", needs=("large print",))
    customers.write([new(made)])
    calls = []
    shop.pynamodb_client.meta.events.register(
        "before-call.dynamodb", lambda model, **_: calls.append(model.name)
    )
    card = customers.by_contact(*PHONE)
    assert calls == ["GetItem"]
    assert card is not None
    assert (card.customer, card.name, card.salutation) == (LI_NA, "Li Na", "Ms")
    assert (card.languages, card.type, card.needs) == (("zh-CN",), "vip", ("large print",))
    assert customers.by_contact(*EMAIL) == card
    assert customers.by_contact("phone", "+861055550199") is None
    assert customers.get(LI_NA) == made


def test_the_same_value_of_another_kind_is_another_contact_point(
    customers: CustomerStore,
) -> None:
    customers.write([new(profile(LI_NA, ("account", "crm:7")))])
    assert customers.by_contact("email", "crm:7") is None
    assert customers.by_contacts([("account", "crm:7"), EMAIL]).keys() == {("account", "crm:7")}


def test_a_change_is_in_the_card_of_every_contact_point_and_in_the_trail(
    customers: CustomerStore,
) -> None:
    made = profile(LI_NA, EMAIL, PHONE)
    customers.write([new(made)])
    change = revised(made, replace(made, salutation="Dr"), "edited", START, MEI, "asked")
    customers.write([change])
    for key in (EMAIL, PHONE):
        card = customers.by_contact(*key)
        assert card is not None
        assert card.salutation == "Dr"
    entry = customers.entry(LI_NA, 2)
    assert (entry.by, entry.act, entry.why) == (MEI, "edited", "asked")
    assert entry.fields == {"salutation": (None, "Dr")}
    assert customers.trail(LI_NA, 10, None) == ([entry], None)
    assert customers.trail(LI_NA, 10, 2) == ([], None)
    with pytest.raises(NotFound):
        customers.entry(LI_NA, 3)


def test_an_unreadable_entry_of_the_trail_hides_no_earlier_one(
    shop: Shop, customers: CustomerStore
) -> None:
    now = profile(LI_NA, EMAIL)
    customers.write([new(now)])
    for salutation in ("Ms", "Dr", "Prof"):
        change = revised(now, replace(now, salutation=salutation), "edited", START, MEI)
        customers.write([change])
        now = change.after
    pk, sk = keys.customer_pk(LI_NA), keys.change_sk(3)
    shop.models.doc(pk, sk, doc="damaged").save()
    shown, before = customers.trail(LI_NA, 2, None)
    assert ([one.revision for one in shown], before) == ([4], 3)
    shown, before = customers.trail(LI_NA, 1, before)
    assert ([one.revision for one in shown], before) == ([2], None)


def test_a_ticket_that_was_matched_several_times_hides_no_other_one(
    shop: Shop, customers: CustomerStore
) -> None:
    first = shop.open()
    shop.clock.advance(minutes=1)
    second = shop.open()
    for life, matches in ((first, [LI_NA]), (second, [LI_NA, WANG_WEI] * 2 + [LI_NA])):
        for one in matches:
            shop.commit(life.match(one))
    page = customers.tickets_of([LI_NA], 1, None)
    assert page.numbers == [second.ticket.number]
    page = customers.tickets_of([LI_NA], 1, page.cursor)
    assert (page.numbers, page.cursor) == ([first.ticket.number], None)


def test_of_two_changes_of_one_revision_only_the_first_is_written(
    customers: CustomerStore,
) -> None:
    made = profile(LI_NA, EMAIL)
    customers.write([new(made)])
    customers.write([revised(made, replace(made, company="Acme"), "edited", START)])
    with pytest.raises(Raced):
        customers.write([revised(made, replace(made, needs=("lift",)), "edited", START)])
    assert customers.get(LI_NA).company == "Acme"
    assert customers.with_need("lift", 5, None).ids == []


def test_a_contact_point_belongs_to_one_profile_only(customers: CustomerStore) -> None:
    customers.write([new(profile(LI_NA, EMAIL))])
    with pytest.raises(Raced):
        customers.write([new(profile(WANG_WEI, EMAIL, PHONE))])
    assert customers.by_contact(*PHONE) is None, "nothing of the second profile was written"
    with pytest.raises(NotFound):
        customers.get(WANG_WEI)


def test_a_contact_point_that_was_removed_belongs_to_nobody(customers: CustomerStore) -> None:
    made = profile(LI_NA, EMAIL, PHONE)
    customers.write([new(made)])
    customers.write([revised(made, replace(made, contacts=(point(EMAIL),)), "contacts", START)])
    assert customers.by_contact(*PHONE) is None
    customers.write([new(profile(WANG_WEI, PHONE))])
    found = customers.by_contact(*PHONE)
    assert found is not None
    assert found.customer == WANG_WEI


def test_contact_points_of_a_merged_profile_lead_to_the_other_one(
    customers: CustomerStore,
) -> None:
    target, other = profile(LI_NA, EMAIL), profile(WANG_WEI, PHONE, company="Acme")
    customers.write([new(target), new(other)])
    both = replace(target, contacts=(*target.contacts, *other.contacts), absorbed=(WANG_WEI,))
    gone = replace(other, merged_into=MergedInto(LI_NA, 2, START))
    customers.write([revised(target, both, "merged", START), revised(other, gone, "merged", START)])
    found = customers.by_contact(*PHONE)
    assert found is not None
    assert found.customer == LI_NA
    assert customers.current(WANG_WEI).id == LI_NA
    assert customers.of_type("standard", 10, None).ids == [LI_NA]
    assert customers.of_company("acme", 10, None).ids == []


def test_customers_are_listed_by_type_need_and_company_page_by_page(
    customers: CustomerStore,
) -> None:
    ids = [f"{n:024x}" for n in range(7)]
    for n, customer in enumerate(ids):
        made = profile(
            customer,
            created_at=START + timedelta(minutes=n),
            type="vip",
            needs=("Large  Print",),
            company="ＡＣＭＥ",
        )
        customers.write([new(made)])
    listings: tuple[Callable[[str | None], CustomerPage], ...] = (
        lambda cursor: customers.of_type("vip", 3, cursor),
        lambda cursor: customers.with_need("large print", 3, cursor),
        lambda cursor: customers.of_company("acme", 3, cursor),
    )
    for listing in listings:
        found: list[str] = []
        cursor: str | None = None
        for size in (3, 3, 1):
            page = listing(cursor)
            assert len(page.ids) == size
            found, cursor = found + page.ids, page.cursor
        assert found == ids
        assert cursor is None


def test_a_customer_leaves_the_lists_that_no_longer_fit(customers: CustomerStore) -> None:
    made = profile(LI_NA, needs=("lift",), company="Acme", type="vip")
    customers.write([new(made)])
    later = replace(made, needs=(), company="Other", type="standard")
    customers.write([revised(made, later, "edited", START)])
    assert customers.with_need("lift", 5, None).ids == []
    assert customers.of_company("Acme", 5, None).ids == []
    assert customers.of_company("other", 5, None).ids == [LI_NA]
    assert customers.of_type("vip", 5, None).ids == []
    assert customers.of_type("standard", 5, None).ids == [LI_NA]


def test_doubtful_profiles_are_listed_for_the_team_that_decides(
    customers: CustomerStore,
) -> None:
    doubt = Doubt(WANG_WEI, START, NUMBER, "complaints", MEI.id)
    made = profile(LI_NA, EMAIL, doubts=(doubt,))
    customers.write([new(made)])
    assert customers.doubtful("complaints", 5, None).ids == [LI_NA]
    assert customers.doubtful("service", 5, None).ids == []
    customers.write([revised(made, replace(made, doubts=()), "settled", START)])
    assert customers.doubtful("complaints", 5, None).ids == []


def test_a_new_customer_adds_at_most_ten_write_units(shop: Shop, customers: CustomerStore) -> None:
    customers.write([new(profile(LI_NA, EMAIL, PHONE))])
    items = shop.items()
    indexes = table_definition("units")["GlobalSecondaryIndexes"]
    written = sum(
        units.write_units(None, item, indexes, transaction=True) for item in items.values()
    )
    assert written == 7, "the profile with one entry of an index, and two contact points"
    assert all(units.item_bytes(item) < units.WRITE_BYTES for item in items.values())
    assert (keys.customer_pk(LI_NA), keys.PROFILE) in items
