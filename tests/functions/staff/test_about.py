"""The members of staff whom a complaint is about: who sets them, and what follows."""

from __future__ import annotations

from typing import Any

import pytest

from redress.tickets.rules.steps import by_customer, by_staff
from redress.tickets.rules.ticket import EventType, Ticket
from tests.builders import LIN, MEI
from tests.functions.conftest import MEMBERS
from tests.functions.staff.api import Api, Reply
from tests.world import Act, Opener, Stores


def say(api: Api, by: str, ticket: Ticket, *members: str, **body: Any) -> Reply:
    """Sets whom the complaint is about, on the version that `ticket` has."""
    sent = {"version": ticket.version, "members": list(members), "reason": "named"} | body
    return api("about", by, number=ticket.number, body=sent)


def test_agent_whom_the_complaint_is_about_loses_the_ticket_to_the_queue(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    found = say(api, "mei", ticket, "a-mei")
    assert (found.status, found.body["about"], found.body["can"]) == (200, ["a-mei"], [])
    after = stores.tickets.get(ticket.number)
    assert (after.assignee, after.preferred, after.about) == (None, None, ("a-mei",))
    assert stores.staff.availability("a-mei").load == 0
    assert stores.lists.queued("complaints") == [ticket.number]
    set_, queued = stores.tickets.history(ticket.number)[-2:]
    assert (set_.type, set_.data) == (
        EventType.ABOUT_SET,
        {"about": ["a-mei"], "from": [], "why": "named"},
    )
    assert (queued.type, queued.data["from"]) == (EventType.QUEUED, "a-mei")
    assert api("ticket", "mei", number=ticket.number).status == 404
    assert say(api, "mei", ticket, "a-mei").status == 404


def test_tickets_about_a_member_are_listed_for_counts_until_the_member_is_taken_off(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket, other = open_ticket(agent="a-mei"), open_ticket()
    first = say(api, "lin", ticket, "a-jun", "m-wei").body
    assert say(api, "lin", other, "a-jun").status == 200
    assert stores.staff.kept_from(MEMBERS["jun"]) == sorted([ticket.number, other.number])
    assert stores.staff.kept_from(MEMBERS["wei"]) == [ticket.number]
    assert first["about"] == ["a-jun", "m-wei"]
    second = say(api, "lin", ticket, "m-wei", version=first["version"])
    assert (second.status, second.body["about"]) == (200, ["m-wei"])
    assert stores.staff.kept_from(MEMBERS["jun"]) == [other.number]
    assert say(api, "lin", ticket, "a-jun", version=second.body["version"]).status == 200
    assert stores.staff.kept_from(MEMBERS["jun"]) == sorted([ticket.number, other.number])
    assert stores.staff.kept_from(MEMBERS["wei"]) == []


def test_agent_adds_members_and_only_leaders_take_one_off(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    added = say(api, "mei", ticket, "a-jun", "s-lin").body
    off = say(api, "mei", ticket, "s-lin", version=added["version"])
    assert (off.status, off.body["type"]) == (403, "urn:redress:problem:forbidden")
    assert stores.tickets.get(ticket.number).about == ("a-jun", "s-lin")
    assert say(api, "lin", ticket, version=added["version"]).status == 404  # it is about her
    assert say(api, "wei", ticket, "s-lin", version=added["version"]).status == 200
    assert say(api, "jun", ticket, "s-lin").status == 403  # he sees it again; it is not his


def test_agent_who_has_not_seen_a_new_name_is_told_that_the_ticket_changed(
    api: Api, open_ticket: Opener
) -> None:
    ticket = open_ticket(agent="a-mei")
    assert say(api, "lin", ticket, "a-jun").status == 200
    late = say(api, "mei", ticket, "a-tao")
    assert (late.status, late.body["type"]) == (409, "urn:redress:problem:version-conflict")


def test_all_faults_of_the_members_are_named_at_once(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    found = say(api, "mei", ticket, "a-jun", "a-nobody", "a-jun", "a#b", version=99)
    assert found.status == 422
    assert found.codes == {
        "/version": "unknown_version",
        "/members/1": "unknown_member",
        "/members/2": "duplicate",
        "/members/3": "unknown_member",
    }
    many = say(api, "mei", ticket, *(f"a-{index}" for index in range(21)), reason="")
    assert many.codes == {"/members": "too_many", "/reason": "required"}
    assert stores.tickets.get(ticket.number) == ticket


def test_the_same_members_again_change_nothing(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    first = say(api, "lin", ticket, "a-jun", "a-tao").body
    again = say(api, "lin", ticket, "a-tao", "a-jun", version=first["version"])
    assert (again.status, again.body["version"]) == (200, first["version"])
    assert stores.tickets.get(ticket.number).version == first["version"]


def test_ticket_is_never_reassigned_to_an_agent_whom_it_is_about(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    version = say(api, "lin", ticket, "a-jun").body["version"]
    body = {"version": version, "agent": "a-jun", "reason": "free"}
    for by in ("mei", "lin", "wei"):
        found = api("assignment", by, number=ticket.number, body=body)
        assert (found.status, found.codes) == (422, {"/agent": "is_about"})
    assert stores.tickets.get(ticket.number).assignee == "a-mei"


@pytest.mark.parametrize("state", ["resolved", "closed"])
def test_complaint_that_is_over_can_still_be_about_a_member(
    api: Api, open_ticket: Opener, act: Act, state: str
) -> None:
    ticket = open_ticket(agent="a-mei")
    ticket = act(ticket, by_staff.resolve, MEI, "Done.", "upheld", "new one", "seal")
    if state == "closed":
        ticket = act(ticket, by_customer.withdraw, "")
    found = say(api, "lin", ticket, "a-mei")
    assert (found.status, found.body["state"]) == (200, state)
    assert api("ticket", "mei", number=ticket.number).status == 404
    assert api("work", "mei", query={}).body["items"] == []


@pytest.mark.usefixtures("staff")
def test_reopened_ticket_does_not_prefer_an_agent_whom_it_is_about(
    open_ticket: Opener, act: Act, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    ticket = act(ticket, by_staff.resolve, MEI, "Done.", "upheld", "new one", "seal")
    act(ticket, by_staff.set_about, LIN, ["a-mei"], "named in the survey")
    after = act(ticket, by_customer.dispute, MEMBERS["lin"].actor, "She was rude.")
    assert (after.assignee, after.preferred) == (None, None)
    assert stores.lists.queued("complaints") == [ticket.number]


@pytest.mark.usefixtures("staff")
def test_member_who_becomes_known_while_the_ticket_waits_for_its_agent_is_not_preferred(
    open_ticket: Opener, act: Act
) -> None:
    ticket = open_ticket(agent="a-mei")
    ticket = act(ticket, by_staff.resolve, MEI, "Done.", "upheld", "new one", "seal")
    ticket = act(ticket, by_customer.dispute, MEMBERS["lin"].actor, "Still broken.")
    assert ticket.preferred == "a-mei"
    assert act(ticket, by_staff.set_about, LIN, ["a-mei"], "named").preferred is None
