"""Tickets of one customer that may be one matter are proposed to staff, and nothing is forced."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from redress.customers.store import CustomerStore
from redress.staff import messages
from redress.staff.cases.duplicates import MOST_COMPARED
from redress.staff.messages import FindDuplicates
from redress.tickets.rules.steps import by_customer, by_staff
from redress.tickets.rules.steps.matching import match
from redress.tickets.rules.steps.table import MOST_DUPLICATES
from redress.tickets.rules.ticket import EventType, Ticket
from redress.wiring import stores as wired_stores
from redress.workflow.subscribers import messages_after
from tests.builders import Clock, plan_document
from tests.customers.builders import EMAIL, LI_NA, PHONE, WANG_WEI, new, profile
from tests.functions.conftest import MEMBERS
from tests.functions.staff.api import Api, Reply
from tests.world import Act, Context, Opener, Stores, split

KETTLE: dict[str, Any] = {
    "subject": "电热水壶不加热",
    "description": "上周买的电热水壶坏了，不加热，订单号A1029，请尽快退款。",
}
AGAIN: dict[str, Any] = {
    "subject": "電熱水壺壞了",
    "description": "我上週買的電熱水壺壞了，不加熱，訂單A1029，請儘快給我退款！",
}
SHIRT: dict[str, Any] = {
    "subject": "想换衬衫",
    "description": "新买的衬衫尺码太小了，能换大一号的吗？谢谢。",
}

Search = Callable[[Ticket | str], int]


@pytest.fixture
def customers(api: Api) -> CustomerStore:
    store = wired_stores.customers()
    store.write([new(profile(LI_NA, EMAIL)), new(profile(WANG_WEI, PHONE, name="Wang Wei"))])
    return store


@pytest.fixture
def opened(
    customers: CustomerStore, act: Act, open_ticket: Opener, clock: Clock
) -> Callable[..., Ticket]:
    """Opens a ticket of Li Na or of another customer, a minute after the one before."""

    def opened(
        words: dict[str, Any] = KETTLE,
        agent: str | None = None,
        customer: str = LI_NA,
        **fields: Any,
    ) -> Ticket:
        clock.advance(minutes=1)
        kind = fields.pop("kind", "complaint")
        ticket = open_ticket(kind, agent=agent, **(words | fields))
        return act(ticket, lambda t, p, at: match(t, p, customer, "email", at))

    return opened


@pytest.fixture
def search(load_function: Callable[[str], ModuleType], customers: CustomerStore) -> Search:
    """Asks the function for duplicates of a ticket. Returns how many tickets got a proposal."""

    def asked(ticket: Ticket | str) -> int:
        number = ticket if isinstance(ticket, str) else ticket.number
        found = load_function("assigner").handler({"compare": number}, Context())
        proposed: int = found["proposed"]
        return proposed

    return asked


def proposed(stores: Stores, ticket: Ticket) -> list[str]:
    return [one.number for one in stores.tickets.get(ticket.number).duplicates]


def dismiss(api: Api, by: str, ticket: Ticket, other: str, **given: Any) -> Reply:
    body = {"version": ticket.version, "ticket": other, "reason": "two kettles"}
    return api("duplicate-dismissal", by, number=ticket.number, body=body | given)


def test_second_ticket_of_a_customer_in_other_words_is_proposed_and_nothing_else_happens(
    api: Api, opened: Callable[..., Ticket], search: Search, stores: Stores
) -> None:
    """One is in simplified Chinese and the other one in traditional Chinese."""
    first, other, second = opened(KETTLE), opened(SHIRT), opened(AGAIN, "a-mei")
    assert search(second) == 1
    read = api("ticket", "mei", number=second.number).body
    [found] = read["duplicates"]
    assert (found["number"], found["subject"], found["state"]) == (
        first.number,
        KETTLE["subject"],
        "new",
    )
    assert 40 <= found["similarity"] < 100
    last = read["timeline"][-1]
    assert (last["type"], last["by"]["role"]) == ("duplicate_proposed", "system")
    assert last["data"] == {"ticket": first.number, "similarity": found["similarity"]}
    assert (read["state"], read["assignee"], read["links"]) == ("new", "a-mei", [])
    for ticket in (first, other):
        assert stores.tickets.get(ticket.number) == ticket


def test_the_second_of_two_submissions_gets_the_proposal_by_the_way_of_every_ticket(
    api: Api, stores: Stores, open_ticket: Opener, load_function: Callable[[str], ModuleType]
) -> None:
    """The assigner matches each with its customer; the event of the match asks for duplicates."""
    assigner = load_function("assigner")
    numbers = [open_ticket(agent=None, **words).number for words in (KETTLE, AGAIN)]
    asked = []
    for number in numbers:
        assigner.handler({"ticket": number}, Context())
        for event in stores.tickets.history(number):
            for message in messages_after(number, event):
                if isinstance(message, FindDuplicates):
                    asked.append(message)
    assert [one.number for one in asked] == numbers[1:], "the first one is of a new customer"
    for message in asked:
        assigner.handler({"compare": message.number}, Context())
        assert messages.encode(message) == f'{{"compare":"{message.number}"}}'.encode()
    first, second = (stores.tickets.get(number) for number in numbers)
    newer, older = sorted((first, second), key=lambda t: (t.created_at, t.number), reverse=True)
    assert [one.number for one in newer.duplicates] == [older.number]
    assert older.duplicates == ()


def test_message_that_comes_twice_makes_one_proposal(
    opened: Callable[..., Ticket], search: Search, stores: Stores
) -> None:
    opened(KETTLE)
    second = opened(AGAIN)
    assert (search(second), search(second)) == (1, 0)
    types = [one.type for one in stores.tickets.history(second.number)]
    assert types.count(EventType.DUPLICATE_PROPOSED) == 1


def test_newer_ticket_gets_the_proposal_also_if_the_older_one_is_matched_last(
    opened: Callable[..., Ticket], search: Search, stores: Stores
) -> None:
    first, second = opened(KETTLE), opened(AGAIN)
    assert search(first) == 1
    assert (proposed(stores, first), proposed(stores, second)) == ([], [first.number])


@pytest.mark.parametrize(
    ("days", "found"), [(timedelta(days=7), 1), (timedelta(days=7, seconds=1), 0)]
)
def test_only_tickets_within_the_days_of_the_plan_are_compared(
    opened: Callable[..., Ticket], search: Search, clock: Clock, days: timedelta, found: int
) -> None:
    first = opened(KETTLE)
    clock.moment = first.created_at + days - timedelta(minutes=1)
    assert search(opened(AGAIN)) == found
    assert search(first) == 0, "the pair is proposed once, or too far apart"


def test_plan_without_the_section_compares_nothing(
    api: Api, opened: Callable[..., Ticket], search: Search, clock: Clock
) -> None:
    document = plan_document() | {"version": 2, "note": "No duplicates"}
    del document["duplicates"]
    assert api("plan-publish", "wei", body=document).status == 201
    clock.advance(minutes=10)
    opened(KETTLE)
    second = opened(AGAIN)
    assert second.plan_version == 2
    assert search(second) == 0


def test_tickets_of_other_customers_are_not_compared(
    opened: Callable[..., Ticket], search: Search
) -> None:
    opened(KETTLE, customer=WANG_WEI, contact={"name": "Wang", "phone": "+86 10 5555 0100"})
    assert search(opened(AGAIN)) == 0


def test_same_telephone_number_is_compared_although_the_address_has_another_profile(
    opened: Callable[..., Ticket], search: Search, stores: Stores
) -> None:
    """Who calls about what they have sent by mail has one number and perhaps two profiles."""
    phone = {"name": "Wang Wei", "phone": "+86 10 5555 0100"}
    first = opened(KETTLE, customer=WANG_WEI, contact=phone)
    second = opened(AGAIN, contact=phone | {"email": EMAIL[1]})
    assert search(second) == 1
    assert proposed(stores, second) == [first.number]


def test_ticket_that_was_matched_with_another_customer_since_is_not_compared(
    opened: Callable[..., Ticket], search: Search, act: Act
) -> None:
    first = opened(KETTLE)
    act(first, lambda t, p, at: match(t, p, WANG_WEI, "staff", at, by=MEMBERS["lin"].actor))
    assert search(opened(AGAIN)) == 0


def test_ticket_is_not_proposed_to_what_was_split_off_it(
    opened: Callable[..., Ticket], search: Search, act: Act, stores: Stores
) -> None:
    first = opened(KETTLE, "a-mei")
    act(first, by_customer.write, "还有一件事：发票呢？")
    number = split(stores, first.number, 1)
    assert stores.tickets.get(number).customer == first.customer
    assert (search(number), search(first)) == (0, 0)


def test_bounded_number_of_tickets_is_compared_the_last_opened_first(
    opened: Callable[..., Ticket],
    search: Search,
    stores: Stores,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("redress.staff.cases.duplicates.MOST_COMPARED", 2)
    assert MOST_COMPARED == 20
    first = opened(KETTLE)
    between = opened(SHIRT), opened(SHIRT)
    second = opened(AGAIN)
    assert search(second) == 0, f"{first.number} is older than {len(between)} others"
    third = opened(AGAIN)
    assert search(third) == 1
    assert proposed(stores, third) == [second.number]


def test_customer_who_writes_the_same_all_day_gets_few_proposals_on_a_ticket(
    opened: Callable[..., Ticket], search: Search, stores: Stores
) -> None:
    for _ in range(MOST_DUPLICATES + 1):
        opened(KETTLE)
    last = opened(KETTLE)
    assert search(last) == 1
    assert len(proposed(stores, last)) == MOST_DUPLICATES


def test_ticket_that_is_over_gets_no_proposal_but_is_proposed(
    opened: Callable[..., Ticket], search: Search, act: Act, stores: Stores
) -> None:
    """A complaint that comes again after its solution is linked with it, not multiplied."""
    solution = (MEMBERS["mei"].actor, "已经换新。", "upheld", "换新", "底座")
    first, second = opened(KETTLE), opened(AGAIN)
    act(first, by_staff.resolve, *solution)
    assert search(second) == 1
    assert proposed(stores, second) == [first.number]
    third = opened(AGAIN)
    act(third, by_staff.resolve, *solution)
    assert search(third) == 0


@pytest.mark.parametrize("number", ["R-00000-00000"])
def test_ticket_that_does_not_exist_is_not_compared(search: Search, number: str) -> None:
    assert search(number) == 0


# ------------------------------------------------------------------------------------- decisions


def test_dismissal_is_on_record_and_the_pair_is_never_proposed_again(
    api: Api, opened: Callable[..., Ticket], search: Search, stores: Stores
) -> None:
    first, second = opened(KETTLE), opened(AGAIN, "a-mei")
    search(second)
    now = stores.tickets.get(second.number)
    found = dismiss(api, "mei", now, first.number.lower())
    assert found.status == 200
    read = api("ticket", "mei", number=second.number).body
    last = read["timeline"][-1]
    assert read["duplicates"] == []
    assert (last["type"], last["by"]["id"], last["data"]) == (
        "duplicate_dismissed",
        "a-mei",
        {"ticket": first.number, "why": "two kettles"},
    )
    assert (search(second), search(first)) == (0, 0)
    assert api("ticket", "mei", number=second.number).body["duplicates"] == []


def test_dismissal_by_somebody_else_meanwhile_is_a_conflict_that_says_so(
    api: Api, opened: Callable[..., Ticket], search: Search, stores: Stores
) -> None:
    first, second = opened(KETTLE), opened(AGAIN, "a-mei")
    search(second)
    now = stores.tickets.get(second.number)
    assert dismiss(api, "lin", now, first.number).status == 200
    found = dismiss(api, "mei", now, first.number)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:version-conflict")
    assert [one["type"] for one in found.body["conflicts"]] == ["duplicate_dismissed"]


def test_merge_with_the_proposed_ticket_decides_about_it(
    api: Api, opened: Callable[..., Ticket], search: Search, stores: Stores
) -> None:
    first, second = opened(KETTLE), opened(AGAIN, "a-mei")
    search(second)
    body = {
        "version": stores.tickets.get(second.number).version,
        "into": first.number,
        "into_version": first.version,
        "reason": "one kettle",
    }
    assert api("merging", "mei", number=second.number, body=body).status == 200
    assert api("ticket", "mei", number=second.number).body["duplicates"] == []
    third = opened(AGAIN)
    assert search(third) == 1
    assert proposed(stores, third) == [first.number], "not the one that goes on in it"


# ------------------------------------------------------------------------------------ who may see


def test_reader_learns_nothing_of_a_ticket_of_another_team(
    api: Api, opened: Callable[..., Ticket], search: Search, stores: Stores
) -> None:
    elsewhere = opened(KETTLE, agent="a-tao", kind="inquiry")
    second = opened(AGAIN, "a-mei")
    assert search(second) == 1
    read = api("ticket", "mei", number=second.number).body
    assert read["duplicates"] == []
    assert "duplicate_proposed" not in {one["type"] for one in read["timeline"]}
    assert elsewhere.number not in str(read)
    assert elsewhere.subject not in str(read)
    assert len(api("ticket", "wei", number=second.number).body["duplicates"]) == 1
    refused = dismiss(api, "mei", stores.tickets.get(second.number), elsewhere.number)
    assert (refused.status, refused.codes) == (422, {"/ticket": "unknown_ticket"})


def test_agent_whom_an_older_complaint_is_about_learns_nothing_of_it(
    api: Api, opened: Callable[..., Ticket], search: Search, act: Act, stores: Stores
) -> None:
    """Story 8: neither its number nor its subject, nor that there is a proposal."""
    complaint, second = opened(KETTLE), opened(AGAIN, "a-mei")
    plain = opened(SHIRT, "a-mei")
    search(second)
    assert len(api("ticket", "mei", number=second.number).body["duplicates"]) == 1
    act(
        complaint,
        lambda t, p, at: by_staff.set_about(t, p, MEMBERS["lin"].actor, ["a-mei"], "named", at),
    )
    read = api("ticket", "mei", number=second.number).body
    assert read["duplicates"] == []
    assert complaint.number not in str(read)
    assert complaint.subject not in str(read)
    assert read["can"] == api("ticket", "mei", number=plain.number).body["can"]
    refused = dismiss(api, "mei", stores.tickets.get(second.number), complaint.number)
    assert refused.codes == {"/ticket": "unknown_ticket"}
    assert len(api("ticket", "lin", number=second.number).body["duplicates"]) == 1
