"""Relationship calls: which customers staff are to call, and what came of it."""

from __future__ import annotations

import json
from copy import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from redress.customers.rules import relationship
from redress.customers.rules.profile import ID_DIGITS, Profile
from redress.customers.store import CustomerStore
from redress.plans.rules.plan import Plan
from redress.staff.rules.availability import Presence
from redress.tickets.rules.steps.matching import match
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store import items
from redress.wiring import stores as wired_stores
from tests.builders import Clock, plan_1
from tests.customers.builders import EMAIL, LI_NA, PHONE, WANG_WEI, new, profile
from tests.functions.conftest import MEMBERS
from tests.functions.staff.api import Api, Reply
from tests.world import Act, Opener, Stores

FIELDS = {"revision": 1, "name": "Li Na", "languages": ["zh-CN"], "needs": []}
NEXT = "2027-02-23T01:00:00.000Z"
"""Three months after 23 November 2026, at nine in Shanghai."""
PLANNED = {
    "next_at": NEXT,
    "overdue_at": "2027-02-24T10:00:00.000Z",
    "overdue": False,
    "team": "service",
    "owner": None,
    "tries": 0,
    "refused": None,
}


@pytest.fixture
def customers(api: Api) -> CustomerStore:
    """The store with Li Na, whom a leader has made a VIP, and Wang Wei, who is a usual customer."""
    store = wired_stores.customers()
    store.write([new(profile(LI_NA, EMAIL)), new(profile(WANG_WEI, PHONE, name="Wang Wei"))])
    assert api("customer-edit", "lin", id=LI_NA, body=FIELDS | {"type": "vip"}).status == 200
    return store


def record(api: Api, outcome: str, revision: int = 2, by: str = "mei", **fields: Any) -> Reply:
    body = {"revision": revision, "outcome": outcome} | fields
    return api("relationship-call", by, id=LI_NA, body=body)


def of_li_na(act: Act, ticket: Ticket) -> Ticket:
    return act(ticket, lambda ticket, plan, at: match(ticket, plan, LI_NA, "email", at))


# ------------------------------------------------------------------------------ the date


def test_customer_gets_a_next_date_with_a_type_that_has_calls_and_loses_it_with_another(
    api: Api, customers: CustomerStore
) -> None:
    found = api("customer", "mei", id=LI_NA).body
    assert (found["calls"], found["calls_made"]) == (PLANNED, [])
    assert api("customer", "mei", id=WANG_WEI).body["calls"] is None
    body = FIELDS | {"revision": 2, "type": "standard"}
    assert api("customer-edit", "lin", id=LI_NA, body=body).body["calls"] is None
    assert ids(api("relationship-calls", "hua", query={"list": "team"})) == []


def test_an_edit_that_keeps_the_type_plans_nothing_anew(
    api: Api, customers: CustomerStore, clock: Clock
) -> None:
    clock.advance(days=30)
    body = FIELDS | {"revision": 2, "salutation": "Dr"}
    assert api("customer-edit", "mei", id=LI_NA, body=body).body["calls"] == PLANNED


# ------------------------------------------------------------------------------ recording


def test_a_call_is_recorded_with_its_notes_and_the_next_date_and_is_in_the_trail(
    api: Api, customers: CustomerStore, clock: Clock
) -> None:
    clock.advance(days=92)  # 23 February
    found = record(api, "reached", notes="Content. Asked for a filter.")
    assert found.status == 200
    assert found.body["calls"]["next_at"] == "2027-05-24T01:00:00.000Z", "the 23rd is a Sunday"
    [made] = found.body["calls_made"]
    assert (made["by"], made["outcome"], made["notes"], made["ticket"]) == (
        "a-mei",
        "reached",
        "Content. Asked for a filter.",
        None,
    )
    assert made["next_at"] == found.body["calls"]["next_at"]
    entry = api("customer-changes", "lin", id=LI_NA).body["items"][0]
    assert (entry["act"], entry["by"]["id"], entry["source"]) == (
        "call_reached",
        "a-mei",
        "203.0.113.7",
    )
    assert entry["fields"]["calls_made"]["after"][0]["notes"] == "Content. Asked for a filter."


def test_a_customer_who_is_not_reached_is_tried_again_and_the_tries_are_counted(
    api: Api, customers: CustomerStore, clock: Clock
) -> None:
    clock.advance(days=92, hours=1)
    found = record(api, "not_reached")
    assert (found.body["calls"]["tries"], found.body["calls"]["next_at"]) == (
        1,
        "2027-02-24T02:00:00.000Z",
    )


def test_a_customer_who_declines_has_no_date_until_the_calls_are_resumed(
    api: Api, customers: CustomerStore
) -> None:
    assert record(api, "declined").codes == {"/notes": "required"}
    found = record(api, "declined", notes="wants no calls")
    assert found.body["calls"]["next_at"] is None
    assert found.body["calls"]["refused"]["by"] == "a-mei"
    assert record(api, "reached", revision=3).status == 409
    for by, team in (("hua", None), ("wei", "service")):
        query = {"list": "team"} | ({"team": team} if team else {})
        assert ids(api("relationship-calls", by, query=query)) == []
    body = {"revision": 3, "reason": "asked for calls", "date": "2027-01-04"}
    found = api("relationship-call-resumption", "mei", id=LI_NA, body=body)
    assert found.body["calls"]["next_at"] == "2027-01-04T01:00:00.000Z"
    assert found.body["calls"]["refused"] is None
    entry = api("customer-changes", "lin", id=LI_NA).body["items"][0]
    assert (entry["act"], entry["why"]) == ("calls_resumed", "asked for calls")
    body = {"revision": 4, "reason": "again"}
    again = api("relationship-call-resumption", "mei", id=LI_NA, body=body)
    assert (again.status, again.body["type"]) == (409, "urn:redress:problem:not-allowed-now")


def test_a_call_is_moved_to_a_working_day_with_a_reason(api: Api, customers: CustomerStore) -> None:
    found = record(api, "moved", notes="travels", date="2026-12-28")
    assert found.body["calls"]["next_at"] == "2026-12-28T01:00:00.000Z"
    wrong = record(api, "moved", revision=9, date="2026-12-27", ticket="R-00000-00000")
    assert wrong.codes == {
        "/revision": "unknown_version",
        "/ticket": "unknown_ticket",
        "/notes": "required",
        "/date": "not_a_working_day",
    }


def test_of_two_who_record_a_call_at_once_one_is_told(api: Api, customers: CustomerStore) -> None:
    assert record(api, "reached").status == 200
    found = record(api, "not_reached", by="jun")
    assert (found.status, found.body["current_version"]) == (409, 3)
    assert record(api, "declined", notes="no", by="jun").status == 409


def test_no_call_of_a_customer_without_calls_is_recorded(
    api: Api, customers: CustomerStore
) -> None:
    body = {"revision": 1, "outcome": "reached"}
    found = api("relationship-call", "mei", id=WANG_WEI, body=body)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:not-allowed-now")
    owner = {"revision": 1, "owner": "a-mei", "reason": "r"}
    assert api("relationship-call-owner", "lin", id=WANG_WEI, body=owner).status == 409


# ------------------------------------------------------------------------------ tickets


def test_a_call_leads_to_a_ticket_of_the_customer(
    api: Api, customers: CustomerStore, open_ticket: Opener, act: Act
) -> None:
    ticket = of_li_na(act, open_ticket(agent="a-mei"))
    found = record(api, "reached", notes="The kettle leaks.", ticket=ticket.number.lower())
    assert found.body["calls_made"][0]["ticket"] == ticket.number
    fresh = open_ticket(agent="a-mei")
    assert record(api, "reached", revision=3, ticket=fresh.number).status == 200


def test_a_ticket_of_another_customer_or_one_that_is_not_visible_is_refused(
    api: Api, customers: CustomerStore, open_ticket: Opener, act: Act
) -> None:
    other = act(
        open_ticket(agent="a-mei"),
        lambda ticket, plan, at: match(ticket, plan, WANG_WEI, "email", at),
    )
    assert record(api, "reached", ticket=other.number).codes == {"/ticket": "of_another_customer"}
    elsewhere = open_ticket("inquiry", agent="a-tao")
    for number in (elsewhere.number, "R-00000-00000", "x"):
        assert record(api, "reached", ticket=number).codes == {"/ticket": "unknown_ticket"}


def test_the_accused_sees_neither_the_ticket_of_a_call_nor_its_notes(
    api: Api, customers: CustomerStore, open_ticket: Opener, act: Act, stores: Stores
) -> None:
    """Story 8: the notes of a call would tell the accused of the complaint it led to."""
    ticket = of_li_na(act, open_ticket(agent="a-mei"))
    secret = "Jun was rude to her"
    assert record(api, "reached", notes=secret, ticket=ticket.number).status == 200
    accused = replace(stores.tickets.get(ticket.number), about=("a-jun", "s-lin"))
    wired_stores.models().snapshot(**items.snapshot_item(accused)).save()
    assert secret in json.dumps(api("customer", "mei", id=LI_NA).body)
    for name, by in (("customer", "jun"), ("customer-note", "jun"), ("customer-changes", "lin")):
        found = api(name, by, id=LI_NA)
        assert found.status == 200
        shown = json.dumps(found.body)
        assert ticket.number not in shown
        assert secret not in shown
    [made] = api("customer", "jun", id=LI_NA).body["calls_made"]
    assert (made["outcome"], made["notes"], made["ticket"]) == ("reached", None, None)


# ------------------------------------------------------------------------------ owners and lists


def own(api: Api, owner: str | None, revision: int = 2, by: str = "lin") -> Reply:
    body = {"revision": revision, "owner": owner, "reason": "knows the house"}
    return api("relationship-call-owner", by, id=LI_NA, body=body)


def test_a_leader_says_who_calls_and_the_owner_has_the_call_in_their_list(
    api: Api, customers: CustomerStore
) -> None:
    assert own(api, "a-mei", by="mei").status == 403
    assert own(api, "a-mei").body["calls"]["owner"] == "a-mei"
    mine = api("relationship-calls", "mei")
    assert ids(mine) == [LI_NA]
    [line] = mine.body["items"]
    assert (line["name"], line["revision"]) == ("Li Na", 3)
    assert line["calls"] == PLANNED | {"owner": "a-mei"}
    assert ids(api("relationship-calls", "jun", query={"list": "mine"})) == []
    assert own(api, None, revision=3).body["calls"]["owner"] is None
    assert ids(api("relationship-calls", "mei")) == []


def test_an_owner_works_here(
    api: Api, customers: CustomerStore, stores: Stores, clock: Clock
) -> None:
    for nobody in ("nobody", "a#b", "x" * 200):
        assert own(api, nobody).codes == {"/owner": "unknown_agent"}
    gone = replace(MEMBERS["jun"], id="a-gone")
    stores.staff.record(gone, Presence.AWAY, clock.now())
    stores.staff.depart(gone, clock.now())
    assert own(api, "a-gone").codes == {"/owner": "unknown_agent"}


def test_a_team_reads_its_own_calls_and_a_manager_those_of_each_team(
    api: Api, customers: CustomerStore
) -> None:
    """Plan 1 gives the calls to the team service."""
    for by in ("tao", "hua"):
        assert ids(api("relationship-calls", by, query={"list": "team"})) == [LI_NA]
    assert ids(api("relationship-calls", "lin", query={"list": "team"})) == []
    for by, status in (("mei", 403), ("lin", 403), ("wei", 200)):
        query = {"list": "team", "team": "service"}
        assert api("relationship-calls", by, query=query).status == status
    wrong = {"list": "all", "team": "a team", "limit": "0", "cursor": "?"}
    assert set(api("relationship-calls", "wei", query=wrong).codes) == {
        "/list",
        "/team",
        "/limit",
        "/cursor",
    }


def test_overdue_calls_are_listed_apart(api: Api, customers: CustomerStore, clock: Clock) -> None:
    overdue = {"list": "overdue"}
    clock.moment = datetime(2027, 2, 24, 10, 0, tzinfo=UTC)  # at the end of the second day
    assert ids(api("relationship-calls", "tao", query=overdue)) == []
    clock.advance(seconds=1)
    found = api("relationship-calls", "tao", query=overdue)
    assert ids(found) == [LI_NA]
    assert found.body["items"][0]["calls"]["overdue"]
    assert record(api, "reached").status == 200
    assert ids(api("relationship-calls", "tao", query=overdue)) == []


def test_pages_have_no_gaps_and_no_duplicates_and_the_next_call_comes_first(
    api: Api, clock: Clock
) -> None:
    under = plan_1()
    expected = []
    for number in range(7):
        made = planned(f"{number:0{ID_DIGITS}x}", under, clock.now() - timedelta(days=number))
        wired_stores.customers().write([new(made)])
        assert made.calls is not None
        assert made.calls.clock is not None
        expected.append((made.calls.clock.started_at, made.id))
    seen, cursor = list[str](), None
    for _ in range(4):
        query = {"list": "team", "limit": "2"} | ({"cursor": cursor} if cursor else {})
        found = api("relationship-calls", "tao", query=query)
        seen += ids(found)
        cursor = found.body["next"]
    assert cursor is None
    assert seen == [id_ for _, id_ in sorted(expected)]


def planned(customer: str, under: Plan, at: datetime) -> Profile:
    return relationship.aligned(profile(customer, type="vip"), under, at)


# ------------------------------------------------------------------------------ merging


def test_a_merge_keeps_the_earlier_date_and_the_merged_profile_is_in_no_list(
    api: Api, customers: CustomerStore
) -> None:
    body = FIELDS | {"type": "vip", "name": "Wang Wei"}
    assert api("customer-edit", "lin", id=WANG_WEI, body=body).status == 200
    moved = {"revision": 2, "outcome": "moved", "notes": "soon", "date": "2026-12-01"}
    assert api("relationship-call", "mei", id=WANG_WEI, body=moved).status == 200
    merge = {"revision": 2, "other": WANG_WEI, "other_revision": 3, "reason": "the same person"}
    found = api("customer-merge", "lin", id=LI_NA, body=merge)
    assert found.body["calls"]["next_at"] == "2026-12-01T01:00:00.000Z"
    assert ids(api("relationship-calls", "tao", query={"list": "team"})) == [LI_NA]
    body = {"revision": 4, "outcome": "reached"}
    assert (
        api("relationship-call", "mei", id=WANG_WEI, body=body)
        .body["type"]
        .endswith("profile-merged")
    )
    undo = {"revision": 3, "other": WANG_WEI, "other_revision": 4, "reason": "two people"}
    undone = api("customer-unmerge", "lin", id=LI_NA, body=undo)
    assert undone.body["calls"]["next_at"] == NEXT
    assert undone.body["calls_made"] == []
    assert ids(api("relationship-calls", "tao", query={"list": "team"})) == [WANG_WEI, LI_NA]


def ids(found: Reply) -> list[str]:
    return [one["id"] for one in found.body["items"]]
