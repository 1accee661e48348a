"""Customers: found by a caller's number, read, changed, merged and told apart."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import replace
from itertools import product
from typing import Any

import pytest

from redress.customers.rules.profile import Doubt, revised
from redress.customers.rules.rights import RIGHTS, Part, changeable
from redress.customers.store import CustomerStore
from redress.plans.rules.plan import TICKET_ACTS
from redress.tickets.rules import access
from redress.tickets.rules.steps.matching import match
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store import items
from redress.wiring import stores as wired_stores
from tests.builders import BY_PHONE, START, Clock, plan_document
from tests.customers.builders import EMAIL, LI_NA, PHONE, WANG_WEI, new, profile
from tests.functions.conftest import MEMBERS
from tests.functions.staff.api import Api, Reply
from tests.world import Act, Opener, Stores

MERGE = {"revision": 1, "other": WANG_WEI, "other_revision": 1, "reason": "the same person"}
FIELDS = {"revision": 1, "name": "Li Na", "languages": ["zh-CN"], "needs": []}


@pytest.fixture
def customers(api: Api) -> CustomerStore:
    """The store, with two customers: one with an address, one with a number."""
    store = wired_stores.customers()
    store.write([new(profile(LI_NA, EMAIL)), new(profile(WANG_WEI, PHONE, name="Wang Wei"))])
    return store


@pytest.fixture
def of(act: Act, open_ticket: Opener) -> Callable[..., Ticket]:
    """Opens a ticket and matches it with a customer."""

    def matched(customer: str, kind: str = "complaint", **fields: Any) -> Ticket:
        return act(
            open_ticket(kind, **fields),
            lambda ticket, plan, at: match(ticket, plan, customer, "email", at),
        )

    return matched


def store(ticket: Ticket) -> None:
    """Replace the snapshot of a ticket."""
    wired_stores.models().snapshot(**items.snapshot_item(ticket)).save()


def ids(found: Reply) -> list[str]:
    return [one["id"] for one in found.body["items"]]


def numbers_of(found: Reply) -> list[str]:
    return [one["number"] for one in found.body["tickets"]]


def verify(api: Api, revision: int = 1, customer: str = LI_NA) -> Reply:
    until = "2026-11-24T10:00:00+08:00"
    body = {"revision": revision, "how": "called back", "until": until}
    found = api("customer-identity", "mei", id=customer, body=body)
    assert found.status == 200
    return found


# ------------------------------------------------------------------------------ finding


@pytest.mark.parametrize(
    "written", ["010/5555-0100", "+86 10 5555 0100", " 86 10 5555 0100", "（010）55550100 转 3"]
)
def test_a_caller_is_found_by_a_number_in_any_form(
    api: Api, customers: CustomerStore, written: str
) -> None:
    """Story 16: a number was written with a slash, and nobody was found."""
    found = api("customers", "mei", query={"phone": written})
    assert found.status == 200
    (card,) = found.body["items"]
    assert (card["id"], card["name"]) == (WANG_WEI, "Wang Wei")


def test_a_customer_is_found_by_address_and_account(api: Api, customers: CustomerStore) -> None:
    assert [
        one["id"] for one in api("customers", query={"email": "LI.na@example.com"}).body["items"]
    ] == [LI_NA]
    assert api("customers", query={"account": "crm:1"}).body == {"items": [], "next": None}
    verify(api)
    body = {"revision": 2, "kind": "account", "value": "CRM: 1"}
    assert api("customer-contact", "mei", id=LI_NA, body=body).status == 200
    assert ids(api("customers", query={"account": "crm:1"})) == [LI_NA]


@pytest.mark.parametrize(
    ("query", "pointers"),
    [
        ({}, {""}),
        ({"limit": "0", "team": "a team"}, {"", "/limit", "/team"}),
        ({"email": "li@example.com", "phone": "1"}, {""}),
        ({"email": "nobody"}, {"/email"}),
        ({"phone": "10086"}, {"/phone"}),
        ({"account": "crm"}, {"/account"}),
        ({"doubtful": "maybe", "limit": "0", "cursor": "?"}, {"/doubtful", "/limit", "/cursor"}),
        ({"need": " ", "limit": "99"}, {"/need", "/limit"}),
        ({"type": "x" * 1_001, "limit": "0"}, {"/type", "/limit"}),
        ({"need": "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 60}, {"/need"}),
        ({"company": "x" * 2_047}, {"/company"}),
        ({"company": "a\x00"}, {"/company"}),
    ],
)
def test_a_wrong_search_names_all_faults(
    api: Api, query: dict[str, str], pointers: set[str]
) -> None:
    found = api("customers", "lin", query=query)
    assert (found.status, found.pointers) == (422, pointers)


def test_lists_of_customers_are_for_leaders_and_doubts_for_the_team(
    api: Api, customers: CustomerStore
) -> None:
    made = customers.get(LI_NA)
    doubt = Doubt(WANG_WEI, START, "R-7K3M9-QW0X2", "complaints", "a-mei")
    customers.write([revised(made, replace(made, doubts=(doubt,)), "matched", START)])
    for query in ({"type": "standard"}, {"need": "lift"}, {"company": "acme"}):
        assert api("customers", "mei", query=query | {"limit": "0"}).status == 403
        assert api("customers", "lin", query=query).status == 200
    assert len(api("customers", "lin", query={"type": "standard"}).body["items"]) == 2
    for by, team, status in (
        ("mei", None, 200),
        ("lin", "complaints", 200),
        ("mei", "service", 403),
        ("lin", "service", 403),
        ("wei", "service", 200),
    ):
        query = {"doubtful": "true"} | ({"team": team} if team else {})
        assert api("customers", by, query=query).status == status
    listed = api("customers", "mei", query={"doubtful": "true"})
    assert ids(listed) == [LI_NA]
    assert [(one["other"], one["owner"]) for one in listed.body["items"][0]["doubts"]] == [
        (WANG_WEI, "a-mei")
    ]


def test_pages_of_a_list_follow_each_other(api: Api, customers: CustomerStore) -> None:
    query = {"type": "standard", "limit": "1"}
    first = api("customers", "lin", query=query)
    second = api("customers", "lin", query=query | {"cursor": first.body["next"]})
    assert second.body["next"] is None
    assert [one["id"] for page in (first, second) for one in page.body["items"]] == [
        LI_NA,
        WANG_WEI,
    ]


# ------------------------------------------------------------------------------ reading


def test_history_and_numbers_show_only_tickets_that_the_reader_may_see(
    api: Api, customers: CustomerStore, of: Callable[..., Ticket], clock: Clock
) -> None:
    ours = of(LI_NA)
    clock.advance(minutes=1)
    theirs = of(LI_NA, "inquiry")
    expected = {
        "mei": [ours.number],
        "tao": [theirs.number],
        "wei": [theirs.number, ours.number],
    }
    for by, numbers in expected.items():
        found = api("customer", by, id=LI_NA)
        assert numbers_of(found) == numbers
        assert found.body["numbers"]["tickets"] == len(numbers)
        assert found.body["next"] is None


def test_a_complaint_about_a_member_does_not_show_in_the_profile(
    api: Api, customers: CustomerStore, of: Callable[..., Ticket], stores: Stores, act: Act
) -> None:
    """Story 8: the accused agent sees nothing of a complaint about them."""
    ticket = of(LI_NA)
    made = customers.get(LI_NA)
    contact = replace(made.contacts[0], ticket=ticket.number)
    doubt = Doubt(WANG_WEI, START, ticket.number, "complaints")
    change = revised(
        made,
        replace(made, contacts=(contact,), doubts=(doubt,)),
        "matched",
        START,
        ticket=ticket.number,
    )
    customers.write([change])
    readers = (("customer", "jun"), ("customer-changes", "lin"))
    shown = [json.dumps(api(name, by, id=LI_NA).body) for name, by in readers]
    assert all(ticket.number in text for text in shown)
    accused = replace(stores.tickets.get(ticket.number), about=("a-jun", "s-lin"))
    store(accused)
    changes = (("customer-note", "jun"), ("customer-merge", "lin"))
    for name, by in readers:
        assert ticket.number not in json.dumps(api(name, by, id=LI_NA).body)
    for name, by in changes:
        body = {"text": "a note"} if name == "customer-note" else MERGE | {"revision": 3}
        found = api(name, by, id=LI_NA, body=body)
        assert found.status == 200
        assert ticket.number not in json.dumps(found.body)


def test_history_is_read_page_by_page_with_the_mean_of_the_answered_surveys(
    api: Api, customers: CustomerStore, of: Callable[..., Ticket], stores: Stores, clock: Clock
) -> None:
    numbers = []
    for score in (5, 4, None):
        ticket = of(LI_NA)
        clock.advance(minutes=1)
        numbers.append(ticket.number)
        rated = replace(stores.tickets.get(ticket.number), satisfaction=score)
        store(rated)
    first = api("customer", "mei", id=LI_NA, query={"limit": "2"})
    assert first.body["numbers"] == {
        "tickets": 3,
        "answered": 2,
        "satisfaction": 4.5,
        "complete": True,
    }
    second = api("customer", "mei", id=LI_NA, query={"limit": "2", "cursor": first.body["next"]})
    assert second.body["numbers"] is None
    assert numbers_of(first) + numbers_of(second) == numbers[::-1]


def test_a_ticket_shows_its_customer(
    api: Api, customers: CustomerStore, of: Callable[..., Ticket]
) -> None:
    ticket = of(LI_NA)
    found = api("ticket", "mei", number=ticket.number)
    assert found.body["customer"] == LI_NA
    assert found.body["profile"] == {
        "id": LI_NA,
        "name": "Li Na",
        "type": "standard",
        "identity": False,
    }
    assert api("customer-merge", "lin", id=WANG_WEI, body=MERGE | {"other": LI_NA}).status == 200
    found = api("ticket", "mei", number=ticket.number)
    assert (found.body["customer"], found.body["profile"]["id"]) == (LI_NA, WANG_WEI)
    assert api("customer", "mei", id=LI_NA).body["id"] == WANG_WEI


# ------------------------------------------------------------------------------ changing

PARTS: dict[Part, tuple[str, dict[str, Any]]] = {
    Part.NAME: ("customer-edit", FIELDS | {"name": "Li"}),
    Part.SALUTATION: ("customer-edit", FIELDS | {"salutation": "Dr"}),
    Part.LANGUAGES: ("customer-edit", FIELDS | {"languages": ["en"]}),
    Part.CHANNEL: ("customer-edit", FIELDS | {"channel": "phone"}),
    Part.HOURS: ("customer-edit", FIELDS | {"hours": "18:00-20:00"}),
    Part.TYPE: ("customer-edit", FIELDS | {"type": "vip"}),
    Part.COMPANY: ("customer-edit", FIELDS | {"company": "Acme"}),
    Part.NEEDS: ("customer-edit", FIELDS | {"needs": ["lift"]}),
    Part.CONSENT: (
        "customer-consent",
        {"revision": 1, "what": "newsletter", "where": "call", "decision": "given"},
    ),
    Part.NOTES: ("customer-note", {"text": "Call after work."}),
    Part.CONTACTS: ("customer-contact", {"revision": 2, "kind": "account", "value": "crm:1"}),
    Part.IDENTITY: (
        "customer-identity",
        {"revision": 1, "how": "called", "until": "2026-11-24T10:00:00+08:00"},
    ),
    Part.WITHDRAWAL: ("customer-identity-withdrawal", {"revision": 1, "reason": "a mistake"}),
    Part.DOUBTS: ("customer-distinct", {"revision": 1, "other": WANG_WEI, "reason": "two"}),
    Part.MERGES: ("customer-merge", MERGE),
    Part.CALLS: ("relationship-call", {"revision": 2, "outcome": "reached"}),
    Part.CALL_OWNER: (
        "relationship-call-owner",
        {"revision": 2, "owner": "a-mei", "reason": "knows the house"},
    ),
}


@pytest.mark.parametrize(("part", "by"), list(product(PARTS, ("mei", "lin", "wei"))))
def test_each_role_changes_the_parts_that_the_table_names(
    api: Api, customers: CustomerStore, part: Part, by: str
) -> None:
    if part is Part.CONTACTS:
        verify(api)
    if part in (Part.CALLS, Part.CALL_OWNER):
        assert api("customer-edit", "lin", id=LI_NA, body=FIELDS | {"type": "vip"}).status == 200
    name, body = PARTS[part]
    found = api(name, by, id=LI_NA, body=body)
    allowed = MEMBERS[by].role in RIGHTS[part].change
    assert found.status == (200 if allowed else 403)
    shown = api("customer", by, id=LI_NA).body
    assert (part in shown["can"]) == allowed
    assert shown["can"] == changeable(MEMBERS[by].role)


@pytest.mark.parametrize("by", ["mei", "lin", "wei"])
def test_each_role_reads_the_parts_that_the_table_names(
    api: Api, customers: CustomerStore, by: str
) -> None:
    role = MEMBERS[by].role
    assert set(PARTS) | {Part.TRAIL} == set(Part)
    readable = {part for part, rights in RIGHTS.items() if role in rights.read}
    assert readable >= set(PARTS)
    assert api("customer", by, id=LI_NA).status == 200
    trail = api("customer-changes", by, id=LI_NA)
    assert trail.status == (200 if Part.TRAIL in readable else 403)


def test_every_change_is_in_the_trail(api: Api, customers: CustomerStore) -> None:
    body = FIELDS | {"salutation": "Dr", "needs": ["lift"]}
    assert api("customer-edit", "mei", id=LI_NA, body=body).body["revision"] == 2
    assert api("customer-note", "mei", id=LI_NA).body["revision"] == 3
    assert api("customer-note", "mei", id=LI_NA).body["revision"] == 3, "a repeated note"
    found = api("customer-changes", "lin", id=LI_NA, query={"limit": "1"})
    (newest,) = found.body["items"]
    assert (newest["act"], newest["by"]) == ("noted", {"role": "agent", "id": "a-mei"})
    found = api("customer-changes", "lin", id=LI_NA, query={"cursor": found.body["next"]})
    (entry,) = found.body["items"]
    assert (entry["act"], entry["revision"]) == ("edited", 2)
    assert entry["fields"] == {
        "salutation": {"before": None, "after": "Dr"},
        "needs": {"before": [], "after": ["lift"]},
    }
    assert found.body["next"] is None


def test_languages_of_the_tickets_are_confirmed_as_the_customers_choice_on_record(
    api: Api, customers: CustomerStore
) -> None:
    assert not api("customer", "mei", id=LI_NA).body["languages_chosen"]
    body = FIELDS | {"languages_chosen": True}
    assert api("customer-edit", "mei", id=LI_NA, body=body).body["languages_chosen"]
    (entry,) = api("customer-changes", "lin", id=LI_NA).body["items"]
    assert entry["fields"] == {"languages_chosen": {"before": False, "after": True}}


def test_a_wrong_edit_names_all_faults(api: Api, customers: CustomerStore) -> None:
    body = {
        "revision": 9,
        "name": "Li",
        "languages": ["zh-CN", "xx", "zh-CN"],
        "needs": [" "],
        "channel": "pigeon",
        "hours": "from nine",
        "type": "king",
    }
    found = api("customer-edit", "wei", id=LI_NA, body=body)
    assert (found.status, found.codes) == (
        422,
        {
            "/revision": "unknown_version",
            "/languages/1": "unknown_language",
            "/languages/2": "twice",
            "/needs/0": "required",
            "/channel": "unknown_channel",
            "/hours": "hours_expected",
            "/type": "unknown_customer_type",
        },
    )


def test_a_need_or_company_whose_folded_form_is_longer_than_a_key_is_a_fault(
    api: Api, customers: CustomerStore
) -> None:
    long = "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}"
    body = FIELDS | {"needs": ["lift", long * 60], "company": long * 100}
    found = api("customer-edit", "mei", id=LI_NA, body=body)
    assert (found.status, found.codes) == (422, {"/needs/1": "too_long", "/company": "too_long"})
    body = FIELDS | {"needs": [long * 30], "company": long * 30}
    assert api("customer-edit", "mei", id=LI_NA, body=body).status == 200
    assert customers.get(LI_NA).company == long * 30


def test_the_right_to_change_the_type_comes_before_the_other_fields(
    api: Api, customers: CustomerStore
) -> None:
    body = FIELDS | {"type": "vip", "channel": "smoke"}
    assert api("customer-edit", "mei", id=LI_NA, body=body).status == 403
    assert api("customer-edit", "lin", id=LI_NA, body=body).codes == {"/channel": "unknown_channel"}
    same = api("customer-edit", "mei", id=LI_NA, body=body | {"type": "standard"})
    assert same.codes == {"/channel": "unknown_channel"}


def test_of_two_edits_of_one_revision_the_second_is_told(
    api: Api, customers: CustomerStore
) -> None:
    assert api("customer-edit", "mei", id=LI_NA, body=FIELDS | {"company": "Acme"}).status == 200
    found = api("customer-edit", "jun", id=LI_NA, body=FIELDS | {"company": "Other"})
    assert (found.status, found.body["current_version"]) == (409, 2)
    assert found.body["type"] == "urn:redress:problem:version-conflict"
    assert found.body["can"] == api("customer", "jun", id=LI_NA).body["can"]
    assert customers.get(LI_NA).company == "Acme"


def test_contact_points_change_only_after_the_identity_was_verified(
    api: Api, customers: CustomerStore, clock: Clock
) -> None:
    add = {"revision": 1, "kind": "phone", "value": "138 0013 8000"}
    found = api("customer-contact", "mei", id=LI_NA, body=add)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:identity-needed")
    assert "change_contacts" in found.body["detail"]
    assert "identity" in found.body["can"]
    verify(api)
    found = api("customer-contact", "mei", id=LI_NA, body=add | {"revision": 2})
    assert found.status == 200
    assert found.body["identity"]["valid"] is True
    added = found.body["contacts"][-1]
    assert (added["value"], added["by"]) == ("+8613800138000", "a-mei")
    clock.advance(days=2)
    removal = {"revision": 3, "kind": "email", "value": "li.na@example.com"}
    found = api("customer-contact-removal", "mei", id=LI_NA, body=removal)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:identity-needed")
    assert customers.by_contact(*EMAIL) is not None


def test_a_contact_point_of_somebody_else_cannot_be_added(
    api: Api, customers: CustomerStore
) -> None:
    verify(api)
    body = {"revision": 2, "kind": "phone", "value": "010 5555 0100"}
    found = api("customer-contact", "mei", id=LI_NA, body=body)
    assert (found.status, found.codes) == (422, {"/value": "belongs_to_another"})


def test_a_withdrawn_consent_is_gone_and_in_the_trail(api: Api, customers: CustomerStore) -> None:
    body = {"revision": 1, "what": "newsletter", "where": "call", "decision": "given"}
    found = api("customer-consent", "mei", id=LI_NA, body=body)
    assert [one["what"] for one in found.body["consent"]] == ["newsletter"]
    body |= {"revision": 2, "what": "Newsletter", "decision": "withdrawn"}
    assert api("customer-consent", "mei", id=LI_NA, body=body).body["consent"] == []
    acts = [one["act"] for one in api("customer-changes", "lin", id=LI_NA).body["items"]]
    assert acts == ["consent_withdrawn", "consent_given"]


def test_only_the_latest_notes_stay_in_the_profile(api: Api, customers: CustomerStore) -> None:
    for n in range(12):
        found = api("customer-note", "mei", id=LI_NA, body={"text": f"note {n}"})
    assert [one["text"] for one in found.body["notes"]] == [f"note {n}" for n in range(2, 12)]
    trail = api("customer-changes", "lin", id=LI_NA).body["items"]
    assert trail[-1]["fields"]["notes"]["after"][0]["text"] == "note 0"


# ------------------------------------------------------------------------------ merging


def test_a_merge_and_its_undo_restore_both_profiles(api: Api, customers: CustomerStore) -> None:
    """Story 18: a merge can be undone."""
    edit = FIELDS | {"name": "Wang Wei", "company": "Acme", "needs": ["lift"], "languages": ["en"]}
    assert api("customer-edit", "mei", id=WANG_WEI, body=edit).status == 200
    before = customers.get(LI_NA), customers.get(WANG_WEI)
    merged = api("customer-merge", "lin", id=LI_NA, body=MERGE | {"other_revision": 2})
    assert merged.status == 200
    again = api("customer-merge", "lin", id=LI_NA, body=MERGE | {"other_revision": 2})
    assert (again.status, again.body["current_version"]) == (409, 2)
    assert (merged.body["company"], merged.body["needs"]) == ("Acme", ["lift"])
    assert merged.body["languages"] == ["en"], "chosen ones win over those of tickets"
    assert [one["kind"] for one in merged.body["contacts"]] == ["email", "phone"]
    assert merged.body["absorbed"] == [WANG_WEI]
    card = customers.by_contact(*PHONE)
    assert card is not None
    assert card.customer == LI_NA
    undo = {"revision": 2, "other": WANG_WEI, "other_revision": 3, "reason": "two people"}
    undone = api("customer-unmerge", "lin", id=LI_NA, body=undo)
    assert undone.status == 200
    after = customers.get(LI_NA), customers.get(WANG_WEI)
    assert [replace(one, revision=0) for one in after] == [
        replace(one, revision=0) for one in before
    ]
    card = customers.by_contact(*PHONE)
    assert card is not None
    assert card.customer == WANG_WEI
    assert customers.of_company("acme", 5, None).ids == [WANG_WEI]
    twice = api("customer-unmerge", "lin", id=LI_NA, body=undo)
    assert (twice.status, twice.body["current_version"]) == (409, 3)


def test_an_undo_keeps_what_was_changed_since_the_merge(api: Api, customers: CustomerStore) -> None:
    edit = FIELDS | {"name": "Wang Wei", "company": "Acme", "salutation": "Mr"}
    assert api("customer-edit", "mei", id=WANG_WEI, body=edit).status == 200
    assert api("customer-merge", "lin", id=LI_NA, body=MERGE | {"other_revision": 2}).status == 200
    later = FIELDS | {"revision": 2, "company": "Other", "salutation": "Mr"}
    assert api("customer-edit", "mei", id=LI_NA, body=later).status == 200
    verify(api, 3)
    removal = {"revision": 4, "kind": "phone", "value": "+861055550100"}
    assert api("customer-contact-removal", "mei", id=LI_NA, body=removal).status == 200
    undo = {"revision": 5, "other": WANG_WEI, "other_revision": 3, "reason": "two people"}
    found = api("customer-unmerge", "lin", id=LI_NA, body=undo)
    assert found.status == 200
    assert (found.body["company"], found.body["salutation"]) == ("Other", None)
    assert customers.get(WANG_WEI).contacts == ()
    assert customers.get(WANG_WEI).company == "Acme"
    assert customers.by_contact(*PHONE) is None


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        ({"other": LI_NA}, {"/other": "same_profile"}),
        ({"other": "0" * 24}, {"/other": "unknown_customer"}),
        ({"revision": 9}, {"/revision": "unknown_version"}),
        ({"other_revision": 9}, {"/other_revision": "unknown_version"}),
        (
            {"revision": 9, "other_revision": 9},
            {"/revision": "unknown_version", "/other_revision": "unknown_version"},
        ),
        (
            {"revision": 9, "other": "0" * 24},
            {"/revision": "unknown_version", "/other": "unknown_customer"},
        ),
    ],
)
def test_a_merge_that_cannot_be_is_refused(
    api: Api, customers: CustomerStore, change: dict[str, Any], codes: dict[str, str]
) -> None:
    for act in ("customer-merge", "customer-unmerge"):
        found = api(act, "lin", id=LI_NA, body=MERGE | change)
        assert (found.status, found.codes) == (422, codes)


def test_of_two_merges_at_once_one_wins_and_the_other_is_told(
    api: Api, customers: CustomerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each merges the other's profile into its own. Both have read the profiles before."""
    write, done = customers.write, list[Reply]()

    def slowly(changes: Any) -> None:
        if not done:
            done.append(Reply(0, None, {}))
            other = {"revision": 1, "other": LI_NA, "other_revision": 1, "reason": "mine"}
            done[0] = api("customer-merge", "wei", id=WANG_WEI, body=other)
        write(changes)

    monkeypatch.setattr(customers, "write", slowly)
    second = api("customer-merge", "lin", id=LI_NA, body=MERGE)
    assert done[0].status == 200
    assert (second.status, second.body["type"]) == (409, "urn:redress:problem:version-conflict")
    assert customers.get(LI_NA).merged_into is not None
    assert customers.get(WANG_WEI).merged_into is None


def test_an_edit_during_a_merge_is_not_lost(
    api: Api, customers: CustomerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, done = customers.write, list[int]()

    def slowly(changes: Any) -> None:
        if not done:
            done.append(0)
            edit = FIELDS | {"name": "Wang", "company": "Acme"}
            done[0] = api("customer-edit", "mei", id=WANG_WEI, body=edit).status
        write(changes)

    monkeypatch.setattr(customers, "write", slowly)
    found = api("customer-merge", "lin", id=LI_NA, body=MERGE)
    assert done == [200]
    assert (found.status, found.body["current_version"]) == (409, 2)
    assert customers.get(WANG_WEI).company == "Acme"


def test_a_merged_profile_is_neither_changed_nor_merged_again(
    api: Api, customers: CustomerStore
) -> None:
    third = "c" * 24
    customers.write([new(profile(third))])
    assert api("customer-merge", "lin", id=LI_NA, body=MERGE).status == 200
    merged = "urn:redress:problem:profile-merged"
    edit = api("customer-edit", "mei", id=WANG_WEI, body=FIELDS | {"revision": 2})
    assert (edit.status, edit.body["type"]) == (409, merged)
    again = {"revision": 1, "other": WANG_WEI, "other_revision": 2, "reason": "mine"}
    found = api("customer-merge", "lin", id=third, body=again)
    assert (found.status, found.body["type"]) == (409, merged)
    back = {"revision": 2, "other": LI_NA, "other_revision": 2, "reason": "a circle"}
    found = api("customer-merge", "lin", id=WANG_WEI, body=back)
    assert (found.status, found.body["type"]) == (409, merged)


def test_merges_of_merges_are_undone_from_the_last_one(api: Api, customers: CustomerStore) -> None:
    third = "c" * 24
    customers.write([new(profile(third))])
    assert api("customer-merge", "lin", id=LI_NA, body=MERGE).status == 200
    body = {"revision": 1, "other": LI_NA, "other_revision": 2, "reason": "one more"}
    found = api("customer-merge", "lin", id=third, body=body)
    assert found.body["absorbed"] == [LI_NA, WANG_WEI]
    assert customers.current(WANG_WEI).id == third
    undo = {"revision": 3, "other": WANG_WEI, "other_revision": 2, "reason": "no"}
    early = api("customer-unmerge", "lin", id=LI_NA, body=undo)
    assert (early.status, early.body["type"]) == (409, "urn:redress:problem:profile-merged")
    elsewhere = api("customer-unmerge", "lin", id=third, body=undo | {"revision": 2})
    assert elsewhere.codes == {"/other": "not_merged"}
    last = {"revision": 2, "other": LI_NA, "other_revision": 3, "reason": "no"}
    assert api("customer-unmerge", "lin", id=third, body=last).body["absorbed"] == []
    undo = {"revision": 4, "other": WANG_WEI, "other_revision": 2, "reason": "no"}
    assert api("customer-unmerge", "lin", id=LI_NA, body=undo).status == 200
    assert customers.current(WANG_WEI).id == WANG_WEI


def test_a_doubt_is_settled_on_both_profiles(api: Api, customers: CustomerStore) -> None:
    for one, other in ((LI_NA, WANG_WEI), (WANG_WEI, LI_NA)):
        made = customers.get(one)
        doubt = Doubt(other, START, "R-7K3M9-QW0X2", "complaints")
        customers.write([revised(made, replace(made, doubts=(doubt,)), "matched", START)])
    body = {"revision": 2, "other": WANG_WEI, "reason": "two people of one household"}
    found = api("customer-distinct", "mei", id=LI_NA, body=body)
    assert found.status == 200
    for one, other in ((LI_NA, WANG_WEI), (WANG_WEI, LI_NA)):
        now = customers.get(one)
        assert (now.doubts, now.distinct_from) == ((), (other,))
    assert customers.doubtful("complaints", 5, None).ids == []


def test_the_plan_may_ask_for_a_verified_identity_before_a_merge(
    api: Api, customers: CustomerStore, stores: Stores
) -> None:
    document = plan_document() | {"version": 2, "customers": {"verified_for": ["merge"]}}
    stores.plan_store.publish(document, 2, 1)
    found = api("customer-merge", "lin", id=LI_NA, body=MERGE)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:identity-needed")
    verify(api)
    assert api("customer-merge", "lin", id=LI_NA, body=MERGE | {"revision": 2}).status == 200


# ------------------------------------------------------------------------------ tickets


def test_the_plan_may_ask_for_a_verified_identity_before_a_change_of_a_ticket(
    api: Api, customers: CustomerStore, of: Callable[..., Ticket], open_ticket: Opener
) -> None:
    needed = "urn:redress:problem:identity-needed"
    document = plan_document() | {"customers": {"verified_for": ["promise", "set_tags"]}}
    wired_stores.plan_store().publish(document | {"version": 2}, 2, 1)
    ticket, stranger = of(LI_NA, agent="a-mei"), open_ticket(agent="a-mei")
    assert ticket.plan_version == 2
    body: dict[str, Any] = {"version": ticket.version, "tags": ["kettle"]}
    found = api("tags", "mei", number=ticket.number, body=body)
    assert (found.status, found.body["type"]) == (409, needed)
    assert f"/staff/customers/{LI_NA}/identity" in found.body["detail"]
    note = api("note", "mei", number=ticket.number, body={"text": "he will call back"})
    reply = {"version": ticket.version, "text": "Thank you.", "wait_for_customer": False}
    version = api("reply", "mei", number=ticket.number, body=reply).body["version"]
    assert note.status == 200
    verify(api)
    found = api("tags", "mei", number=ticket.number, body=body | {"version": version})
    assert (found.status, found.body["tags"]) == (200, ["kettle"])
    body = {"version": stranger.version, "tags": ["kettle"]}
    found = api("tags", "mei", number=stranger.number, body=body)
    assert (found.status, found.body["type"]) == (409, needed)
    assert f"/staff/tickets/{stranger.number}/customer" in found.body["detail"]


def test_a_plan_can_name_each_change_of_a_ticket_that_has_a_customer() -> None:
    assert set(TICKET_ACTS) == set(access.ACTIONS) - {
        "note",
        "remind",
        "open_task",
        "refuse_remedy",
        "correct_match",
        "link",
        "unlink",
        "dismiss_duplicate",
        "join_incident",
        "leave_incident",
        "write_post_mortem",
    }


def test_staff_correct_whose_ticket_it_is(
    api: Api, customers: CustomerStore, of: Callable[..., Ticket]
) -> None:
    ticket = of(LI_NA, agent="a-mei")
    body: dict[str, Any] = {
        "version": ticket.version,
        "customer": WANG_WEI,
        "reason": "for his mother",
    }
    found = api("ticket-customer", "mei", number=ticket.number, body=body)
    assert (found.status, found.body["customer"]) == (200, WANG_WEI)
    assert [one["number"] for one in api("customer", "mei", id=WANG_WEI).body["tickets"]] == [
        ticket.number
    ]
    assert api("customer", "mei", id=LI_NA).body["tickets"] == []
    event = api("ticket", "mei", number=ticket.number).body["timeline"][-1]
    assert event["type"] == "matched"
    assert event["data"] == {
        "customer": WANG_WEI,
        "by": "staff",
        "from": LI_NA,
        "why": "for his mother",
    }
    again = api(
        "ticket-customer", "mei", number=ticket.number, body=body | {"version": ticket.version + 1}
    )
    assert again.codes == {"/customer": "same_customer"}


def test_a_ticket_of_a_shared_address_gets_a_profile_of_its_own(
    api: Api, customers: CustomerStore, of: Callable[..., Ticket]
) -> None:
    both = {"name": "Li Lei", "email": "li.na@example.com", "phone": "138 0013 8000"}
    ticket = of(LI_NA, agent="a-mei", contact=both)
    body = {"version": ticket.version, "customer": None, "reason": "her brother"}
    found = api("ticket-customer", "mei", number=ticket.number, body=body)
    assert found.status == 200
    made = customers.get(found.body["customer"])
    assert made.name == "Li Lei"
    assert [point.value for point in made.contacts] == ["+8613800138000"]
    card = customers.by_contact(*EMAIL)
    assert card is not None
    assert card.customer == LI_NA


def test_a_reply_goes_where_it_was_written_to_although_the_profile_changed_since(
    api: Api, customers: CustomerStore, of: Callable[..., Ticket]
) -> None:
    """Story 52: the customer was changed; a reply already sent went to the new one."""
    ticket = of(WANG_WEI, agent="a-mei", contact=BY_PHONE | {"email": "wang@example.com"})
    reply = {"version": ticket.version, "text": "We send a new one."}
    assert api("reply", "mei", number=ticket.number, body=reply).status == 200
    body = {"version": ticket.version + 1, "customer": LI_NA, "reason": "a mistake"}
    assert api("ticket-customer", "mei", number=ticket.number, body=body).status == 200
    assert api("customer-merge", "lin", id=LI_NA, body=MERGE).status == 200
    found = api("ticket", "mei", number=ticket.number)
    assert found.body["contact"]["email"] == "wang@example.com"
