"""Contract of matching: a ticket and the profile of its customer are written together."""

from __future__ import annotations

from collections.abc import Callable
from copy import replace
from typing import Any

import pytest

from bench import units
from local.template import table_definition
from redress.clocks.rules.clocks import ClockName
from redress.customers.cases.matching import MatchingCase
from redress.customers.rules.merging import merged
from redress.customers.rules.profile import ContactPoint, MergedInto, Profile, revised
from redress.db import keys
from redress.plans.rules.document import parse
from redress.tickets.rules.ticket import EventType, Ticket
from tests.builders import MEI, START, Life, plan_document
from tests.contract.conftest import Shop
from tests.customers.builders import EMAIL, LI_NA, PHONE, WANG_WEI, new, profile

BOTH = {"name": "Li Na", "email": "Li.Na@Example.com", "phone": "010 5555 0100"}
BY_PHONE = {"name": "Wang Wei", "phone": "010/5555-0100"}


def assigned(shop: Shop, **fields: Any) -> Ticket:
    """Open a ticket and assign it to MEI, as the assigner does."""
    shop.member(MEI.id, capacity=50)
    life = shop.open(**fields)
    assert shop.assigner().assign(life.ticket.number) == MEI.id
    return shop.tickets.get(life.ticket.number)


def profile_of(shop: Shop, ticket: Ticket) -> Profile:
    assert ticket.customer is not None
    return shop.customers.get(ticket.customer)


def interleave(
    monkeypatch: pytest.MonkeyPatch, shop: Shop, between: Callable[[], object]
) -> list[int]:
    """Run `between` after the next look-up of contact points. Returns a count of look-ups."""
    look_up, looked = shop.customers.by_contacts, list[int]()

    def by_contacts(points: Any) -> Any:
        found = look_up(points)
        looked.append(len(points))
        if len(looked) == 1:
            between()
        return found

    monkeypatch.setattr(shop.customers, "by_contacts", by_contacts)
    return looked


def test_a_new_customer_gets_a_profile_in_the_change_that_assigns(shop: Shop) -> None:
    ticket = assigned(shop, contact=BOTH)
    found = profile_of(shop, ticket)
    assert (found.name, found.languages, found.type) == ("Li Na", ("zh-CN",), "standard")
    assert found.contacts == (
        ContactPoint(*EMAIL, START, ticket.number),
        ContactPoint(*PHONE, START, ticket.number),
    )
    history = shop.tickets.history(ticket.number)
    assert [event.type for event in history] == [
        EventType.OPENED,
        EventType.MATCHED,
        EventType.CLASSIFIED,
        EventType.ASSIGNED,
    ]
    assert history[1].data == {"customer": found.id, "by": "new"}
    assert shop.customers.tickets_of([found.id], 5, None).numbers == [ticket.number]


def test_the_same_customer_is_recognised_over_addresses_and_numbers(shop: Shop) -> None:
    """Story 16: a number was written with a slash, and nobody was found."""
    first = assigned(shop, contact=BOTH)
    before = shop.items()
    second = assigned(shop, contact=BY_PHONE)
    third = assigned(shop, contact={"name": "Li Na", "email": "LI.NA@example.com"})
    assert first.customer == second.customer == third.customer
    assert profile_of(shop, second).name == "Li Na", "a later contact replaces nothing"
    profiles = [pk for pk, _ in shop.items() if pk.startswith(("CUSTOMER#", "CONTACT#"))]
    assert profiles == [pk for pk, _ in before if pk.startswith(("CUSTOMER#", "CONTACT#"))]
    numbers = {first.number, second.number, third.number}
    assert first.customer is not None
    assert set(shop.customers.tickets_of([first.customer], 5, None).numbers) == numbers


def test_a_further_ticket_completes_the_profile_and_replaces_nothing(shop: Shop) -> None:
    shop.customers.write([new(profile(LI_NA, EMAIL))])
    ticket = assigned(shop, contact=BOTH | {"name": "Li"}, language="en")
    found = profile_of(shop, ticket)
    assert found.id == LI_NA
    assert (found.name, found.languages, found.revision) == ("Li Na", ("zh-CN", "en"), 2)
    assert [point.key for point in found.contacts] == [EMAIL, PHONE]
    assert found.contacts[1].ticket == ticket.number
    card = shop.customers.by_contact(*PHONE)
    assert card is not None
    assert card.customer == LI_NA
    ((entry,), _) = shop.customers.trail(LI_NA, 5, None)
    assert (entry.act, entry.ticket) == ("matched", ticket.number)


def test_conflicting_ids_never_merge_and_the_agent_owns_the_doubt(shop: Shop) -> None:
    """Story 18: customers with different ids were merged by themselves."""
    shop.customers.write([new(profile(LI_NA, EMAIL)), new(profile(WANG_WEI, PHONE))])
    ticket = assigned(shop, contact=BOTH)
    assert ticket.customer == LI_NA, "the plan names the address before the number"
    (event,) = [one for one in shop.tickets.history(ticket.number) if one.type is EventType.MATCHED]
    assert event.data == {"customer": LI_NA, "by": "email", "doubt": WANG_WEI}
    for one, other in ((LI_NA, WANG_WEI), (WANG_WEI, LI_NA)):
        (doubt,) = shop.customers.get(one).doubts
        assert (doubt.other, doubt.owner) == (other, MEI.id)
        assert (doubt.team, doubt.ticket) == ("complaints", ticket.number)
    assert shop.customers.doubtful("complaints", 5, None).ids == [LI_NA, WANG_WEI]
    for key, owner in ((EMAIL, LI_NA), (PHONE, WANG_WEI)):
        card = shop.customers.by_contact(*key)
        assert card is not None
        assert card.customer == owner


def test_a_doubt_is_recorded_once_and_not_again_after_it_was_settled(shop: Shop) -> None:
    shop.customers.write([new(profile(LI_NA, EMAIL)), new(profile(WANG_WEI, PHONE))])
    assigned(shop, contact=BOTH)
    assigned(shop, contact=BOTH)
    assert shop.customers.get(LI_NA).revision == 2
    for one, other in ((LI_NA, WANG_WEI), (WANG_WEI, LI_NA)):
        found = shop.customers.get(one)
        settled = replace(found, doubts=(), distinct_from=(other,))
        shop.customers.write([revised(found, settled, "settled", START)])
    ticket = assigned(shop, contact=BOTH)
    assert shop.customers.get(LI_NA).doubts == ()
    event = shop.tickets.history(ticket.number)[1]
    assert "doubt" not in event.data


def test_a_settled_doubt_does_not_return_after_one_of_the_profiles_was_merged(shop: Shop) -> None:
    third = "c" * 24
    shop.customers.write(
        [
            new(profile(LI_NA, EMAIL)),
            new(profile(WANG_WEI, PHONE, distinct_from=(LI_NA,))),
            new(profile(third)),
        ]
    )
    target, other = shop.customers.get(third), shop.customers.get(LI_NA)
    shop.customers.write(merged(target, other, MEI, "one person", START))
    ticket = assigned(shop, contact=BOTH)
    assert ticket.customer == third
    assert [shop.customers.get(one).doubts for one in (third, WANG_WEI)] == [(), ()]
    assert "doubt" not in shop.tickets.history(ticket.number)[1].data


def test_without_a_free_agent_the_ticket_is_matched_once_in_a_change_of_its_own(
    shop: Shop,
) -> None:
    life = shop.open(contact=BOTH)
    assigner = shop.assigner()
    assert assigner.assign(life.ticket.number) is None
    matched = shop.tickets.get(life.ticket.number)
    assert (matched.version, matched.assignee) == (4, None)
    assert matched.customer is not None
    assert assigner.assign(life.ticket.number) is None
    assert shop.tickets.get(life.ticket.number) == matched
    shop.member(MEI.id)
    assert assigner.assign(life.ticket.number) == MEI.id
    assert shop.tickets.get(life.ticket.number).customer == matched.customer


def test_a_ticket_of_a_vip_is_promised_what_vips_are_promised(shop: Shop) -> None:
    shop.customers.write([new(profile(LI_NA, EMAIL, type="vip"))])
    shop.member(MEI.id, team="service")
    life = shop.open("inquiry")
    shop.assigner().assign(life.ticket.number)
    ticket = shop.tickets.get(life.ticket.number)
    assert ticket.customer_type == "vip"
    name = ClockName.FIRST_RESPONSE
    assert ticket.clocks[name].target_s < life.ticket.clocks[name].target_s
    types = [event.type for event in shop.tickets.history(life.ticket.number)]
    assert types[1:4] == [EventType.MATCHED, EventType.RECLASSIFIED, EventType.CLASSIFIED]
    assert types[4:] == [EventType.ASSIGNED]
    assert shop.tickets.history(life.ticket.number)[2].data["why"] == (
        "the customer is of the type vip"
    )


def test_a_vip_is_offered_to_the_team_that_the_plan_names_for_vips(shop: Shop) -> None:
    document = plan_document()
    document["overrides"].append({"when": {"customer_type": ["vip"]}, "team": "vips"})
    document["version"] = 2
    plan = parse(document)
    shop.plan_store.publish(document, 2, 1)
    shop.customers.write([new(profile(LI_NA, EMAIL, type="vip"))])
    shop.member(MEI.id)
    shop.member("a-jun", team="vips")
    life = Life(shop.clock, plan).open(number="R-7K3M9-QW0X3")
    shop.tickets.open(life.last, shop.clock.now())
    assert shop.assigner().assign(life.ticket.number) == "a-jun"
    assert shop.tickets.get(life.ticket.number).team == "vips"


def test_two_first_tickets_of_a_customer_make_one_profile(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second ticket was looked up before the first one's profile was written."""
    shop.member(MEI.id)
    one, two = shop.open(contact=BOTH), shop.open(contact=BOTH)
    assigner = shop.assigner()
    looked = interleave(monkeypatch, shop, lambda: assigner.assign(one.ticket.number))
    assert assigner.assign(two.ticket.number) == MEI.id
    assert len(looked) == 3, "twice for the second ticket"
    first, second = (shop.tickets.get(life.ticket.number) for life in (one, two))
    assert first.customer == second.customer
    assert profile_of(shop, first).revision == 1
    assert shop.staff.availability(MEI.id).load == 2


def test_a_ticket_that_is_matched_during_a_merge_belongs_to_the_merged_customer(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, other = profile(LI_NA, EMAIL), profile(WANG_WEI, PHONE)
    shop.customers.write([new(target), new(other)])

    def merge() -> None:
        both = replace(target, contacts=(*target.contacts, *other.contacts), absorbed=(WANG_WEI,))
        gone = replace(other, merged_into=MergedInto(LI_NA, 2, START))
        shop.customers.write(
            [revised(target, both, "merged", START), revised(other, gone, "merged", START)]
        )

    interleave(monkeypatch, shop, merge)
    ticket = assigned(shop, contact=BY_PHONE)
    assert ticket.customer == WANG_WEI, "the contact point was read before the merge"
    assert profile_of(shop, ticket).merged_into is not None
    found = shop.customers.current(WANG_WEI)
    assert found.id == LI_NA
    listed = shop.customers.tickets_of([found.id, *found.absorbed], 5, None)
    assert listed.numbers == [ticket.number]


def test_an_edit_during_a_match_is_kept(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    made = profile(LI_NA, EMAIL)
    shop.customers.write([new(made)])
    read = shop.customers.get

    def get(customer: str) -> Profile:
        found = read(customer)
        if found.company is None:
            edited = revised(found, replace(found, company="Acme"), "edited", START, MEI)
            shop.customers.write([edited])
        return found

    monkeypatch.setattr(shop.customers, "get", get)
    ticket = assigned(shop, contact=BOTH)
    found = profile_of(shop, ticket)
    assert (found.company, found.revision) == ("Acme", 3)
    assert [point.key for point in found.contacts] == [EMAIL, PHONE]


def test_a_damaged_contact_point_delays_no_assignment(shop: Shop) -> None:
    row = shop.models.contact(keys.contact_pk(*EMAIL), keys.CONTACT, customer=LI_NA, doc="{")
    row.save()
    ticket = assigned(shop)
    assert (ticket.assignee, ticket.customer) == (MEI.id, None)


def test_a_plan_may_match_no_tickets(shop: Shop) -> None:
    document = plan_document() | {"version": 2, "customers": {"match_by": []}}
    shop.plan_store.publish(document, 2, 1)
    life = Life(shop.clock, parse(document)).open(number="R-7K3M9-QW0X3")
    shop.tickets.open(life.last, shop.clock.now())
    shop.member(MEI.id)
    shop.assigner().assign(life.ticket.number)
    assert shop.tickets.get(life.ticket.number).customer is None


def test_a_closed_ticket_of_the_version_before_is_matched_when_asked(shop: Shop) -> None:
    shop.member(MEI.id)
    life = shop.open()
    shop.commit(life.assign(MEI.id))
    shop.commit(life.withdraw())
    case = MatchingCase(shop.customers, shop.changes)
    assert case.match(life.ticket.number)
    ticket = shop.tickets.get(life.ticket.number)
    assert ticket.customer is not None
    assert ticket.state is life.ticket.state
    assert not case.match(life.ticket.number)


@pytest.mark.parametrize(("known", "most"), [(False, 10), (True, 3)])
def test_a_match_adds_few_write_units_to_the_assignment(shop: Shop, known: bool, most: int) -> None:
    if known:
        shop.customers.write([new(profile(LI_NA, EMAIL, PHONE))])
    before = shop.items()
    assigned(shop, contact=BOTH)
    indexes = table_definition("units")["GlobalSecondaryIndexes"]
    added = {
        key: item
        for key, item in shop.items().items()
        if key not in before
        and (key[0].startswith(("CUSTOMER#", "CONTACT#")) or item.get("type") == {"S": "matched"})
    }
    assert all(units.item_bytes(item) < units.WRITE_BYTES for item in added.values())
    written = [units.write_units(None, one, indexes, transaction=True) for one in added.values()]
    assert sum(written) <= most


def test_company_of_a_submission_reaches_the_profile_and_replaces_none(shop: Shop) -> None:
    contact = {"name": "Li Na", "email": "li.na@example.com"}
    without = assigned(shop, contact=contact)
    assert profile_of(shop, without).company is None
    first = assigned(shop, contact=contact | {"company": "Tea  Ltd"})
    assert (first.contact.company, profile_of(shop, first).company) == ("Tea  Ltd", "Tea  Ltd")
    second = assigned(shop, contact=contact | {"company": "Coffee Ltd"})
    assert profile_of(shop, second).company == "Tea  Ltd", "staff decide which one is right"
    assert shop.customers.of_company("TEA ltd", 5, None).ids == [first.customer]
    new = assigned(shop, contact={"name": "Bo", "email": "bo@example.net", "company": "Tea Ltd"})
    found = shop.customers.of_company("tea ltd", 5, None).ids
    assert set(found) == {first.customer, new.customer}
