"""A complaint that names members of staff is about them from its assignment on."""

from __future__ import annotations

from collections.abc import Callable
from copy import replace
from functools import partial

import pytest

from redress.base.errors import NotFound
from redress.base.people import Member, Role
from redress.customers.cases.identity import IdentityCase
from redress.staff.cases.names import StaffNames
from redress.staff.rules.availability import Presence
from redress.tickets.cases.staff import StaffCases, StaffStep
from redress.tickets.rules.steps import by_staff
from redress.tickets.rules.steps.by_staff import Classification
from redress.tickets.rules.ticket import EventType, Ticket
from tests.builders import LIN
from tests.contract.conftest import Shop

NA = Member("a-na", "李娜", "na@example.com", Role.AGENT, "complaints", ("zh-CN", "en"), 5)
BO = Member("a-bo", "Bo Ek", "bo@example.com", Role.AGENT, "complaints", ("zh-CN", "en"), 5)
RUDE = {"subject": "投诉", "description": "客服李娜态度很差"}


def come(shop: Shop, *members: Member) -> None:
    for member in members:
        shop.staff.record(member, Presence.AVAILABLE, shop.clock.now())


def test_complaint_is_assigned_to_an_agent_whom_it_does_not_name(shop: Shop) -> None:
    come(shop, NA, BO)
    number = shop.open(**RUDE).ticket.number
    assert shop.assigner().assign(number) == "a-bo"
    ticket = shop.tickets.get(number)
    assert (ticket.assignee, ticket.about) == ("a-bo", ("a-na",))
    assert shop.staff.kept_from(NA) == [number]
    events = shop.tickets.history(number)
    assert [event.type for event in events][-2:] == [EventType.ABOUT_SET, EventType.ASSIGNED]
    assert events[-2].at == events[-1].at
    assert events[-2].data["why"] == "the complaint names them"


def test_complaint_that_names_the_only_agent_waits_and_is_searched_once(shop: Shop) -> None:
    come(shop, NA)
    number = shop.open(**RUDE).ticket.number
    assert shop.assigner().assign(number) is None
    ticket = shop.tickets.get(number)
    assert (ticket.assignee, ticket.about) == (None, ("a-na",))
    assert shop.assigner().assign(number) is None
    assert shop.tickets.get(number).version == ticket.version
    come(shop, BO)
    assert shop.assigner().drain("complaints") == [number]
    assert shop.tickets.get(number).assignee == "a-bo"


def test_name_that_staff_took_off_is_not_found_again(shop: Shop) -> None:
    come(shop, NA)
    number = shop.open(**RUDE).ticket.number
    shop.assigner().assign(number)
    shop.changes.change(number, lambda t, p, at: by_staff.set_about(t, p, LIN, [], "praise", at))
    assert shop.staff.kept_from(NA) == []
    assert shop.assigner().assign(number) == "a-na"
    assert shop.tickets.get(number).about == ()


def test_complaint_that_somebody_took_before_the_search_goes_back_to_the_queue(
    shop: Shop,
) -> None:
    come(shop, NA)
    number = shop.open(**RUDE).ticket.number
    shop.changes.change(
        number, lambda t, p, at: by_staff.reassign(t, p, LIN, "a-na", None, "quick", at)
    )
    assert shop.assigner().assign(number) is None
    ticket = shop.tickets.get(number)
    assert (ticket.assignee, ticket.about) == (None, ("a-na",))
    assert shop.staff.availability("a-na").load == 0


@pytest.mark.parametrize("kind", ["inquiry", "urgent"])
def test_only_complaints_are_searched(shop: Shop, kind: str) -> None:
    come(shop, replace(NA, team="service"), BO)
    number = shop.open(kind, **RUDE).ticket.number
    shop.assigner().assign(number)
    assert shop.tickets.get(number).about == ()


def test_ticket_that_becomes_a_complaint_is_searched_although_it_has_an_agent(shop: Shop) -> None:
    come(shop, NA)
    number = shop.open("urgent", **RUDE).ticket.number
    assert shop.assigner().assign(number) == "a-na"
    complaint = Classification(kind="complaint")
    shop.changes.change(
        number, lambda t, p, at: by_staff.reclassify(t, p, LIN, complaint, "it is one", at)
    )
    assert shop.tickets.get(number).assignee == "a-na", "the same team handles both kinds"
    shop.assigner().assign(number)  # the follower asks for it
    ticket = shop.tickets.get(number)
    assert (ticket.assignee, ticket.about) == (None, ("a-na",))


# ------------------------------------------------------------------------------ races

REPLY = partial(by_staff.reply, text="An answer", wait_for_customer=False)
ABOUT = partial(by_staff.set_about, members=["a-na"], why="she is named")
LEADER = Member("s-lin", "Lin", "lin@example.com", Role.SUPERVISOR, "complaints", ("en",), 5)


def act(
    shop: Shop,
    by: Member,
    read: Ticket,
    step: StaffStep,
    between: Callable[[], object] = int,
    name: str = "reply",
) -> Ticket:
    """A change by a member who has read the ticket in this version.

    `between` runs after the change has read the ticket, and before it is written.
    """

    def content() -> tuple[int, StaffStep]:
        between()
        return read.version, step

    now = shop.clock.now
    cases = StaffCases(
        shop.tickets,
        shop.lists,
        shop.changes,
        shop.plans,
        now,
        lambda address, plan: False,
        IdentityCase(shop.customers).require,
    )
    return cases.act(by, read.number, name, content)


def types(shop: Shop, number: str) -> list[EventType]:
    return [event.type for event in shop.tickets.history(number)]


def given_to_na(shop: Shop) -> Ticket:
    come(shop, NA)
    number = shop.open(subject="Kettle", description="It leaks").ticket.number
    assert shop.assigner().assign(number) == "a-na"
    return shop.tickets.get(number)


def test_agent_who_is_named_during_their_reply_is_told_that_there_is_no_such_ticket(
    shop: Shop,
) -> None:
    read = given_to_na(shop)
    with pytest.raises(NotFound) as refusal:
        act(shop, NA, read, REPLY, between=lambda: act(shop, LEADER, read, ABOUT, name="set_about"))
    assert refusal.value.can is None
    assert types(shop, read.number)[-2:] == [EventType.ABOUT_SET, EventType.QUEUED]
    assert EventType.REPLIED not in types(shop, read.number)
    assert shop.staff.availability("a-na").load == 0
    assert shop.staff.kept_from(NA) == [read.number]


def test_leader_who_names_an_agent_during_a_reply_names_them_and_the_reply_stays(
    shop: Shop,
) -> None:
    read = given_to_na(shop)
    act(
        shop,
        LEADER,
        read,
        ABOUT,
        between=lambda: act(shop, NA, read, REPLY),
        name="set_about",
    )
    ticket = shop.tickets.get(read.number)
    assert types(shop, read.number)[-3:] == [
        EventType.REPLIED,
        EventType.ABOUT_SET,
        EventType.QUEUED,
    ]
    assert (ticket.assignee, ticket.about, ticket.replies) == (None, ("a-na",), 1)
    assert shop.staff.kept_from(NA) == [read.number]
    assert shop.staff.availability("a-na").load == 0


def test_search_that_finds_a_name_during_a_reply_keeps_the_reply_and_takes_the_ticket(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    come(shop, NA)
    number = shop.open(**RUDE).ticket.number
    read = shop.changes.change(
        number, lambda t, p, at: by_staff.reassign(t, p, LIN, "a-na", None, "quick", at)
    )
    search, searched = StaffNames.named_in, list[str]()

    def named_in(names: StaffNames, *texts: str) -> tuple[Member, ...]:
        if not searched:
            act(shop, NA, read, REPLY)
        searched.extend(texts)
        return search(names, *texts)

    monkeypatch.setattr(StaffNames, "named_in", named_in)
    assert shop.assigner().assign(number) is None
    assert types(shop, number)[-5:] == [
        EventType.REPLIED,
        EventType.MATCHED,
        EventType.ABOUT_SET,
        EventType.QUEUED,
        EventType.UNPLACED,
    ]
    ticket = shop.tickets.get(number)
    assert (ticket.assignee, ticket.about) == (None, ("a-na",))
    assert shop.staff.availability("a-na").load == 0
