"""Staff link tickets, and nobody reads on one side about a ticket that is kept from them."""

from __future__ import annotations

from copy import replace
from typing import Any

import pytest

from redress.tickets.rules.steps import by_staff
from redress.tickets.rules.ticket import EventType, Ticket
from tests.functions.conftest import MEMBERS
from tests.functions.staff.api import Api, Reply
from tests.world import Act, Opener, Stores


def link(
    api: Api, by: str, ticket: Ticket, other: str, name: str = "linking", **given: Any
) -> Reply:
    body = {"version": ticket.version, "kind": "related", "ticket": other, "reason": "one batch"}
    return api(name, by, number=ticket.number, body=body | given)


def test_link_and_its_end_are_on_both_timelines(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    first, second = open_ticket(agent="a-mei"), open_ticket(agent="a-mei")
    typed = second.number.lower()
    assert link(api, "mei", first, typed, kind="follow_up_of").status == 200
    for ticket, other, kind in (
        (first, second, "follow_up_of"),
        (second, first, "followed_by"),
    ):
        read = api("ticket", "mei", number=ticket.number).body
        assert read["links"] == [
            {"kind": kind, "number": other.number, "subject": other.subject, "state": "new"}
        ]
        last = read["timeline"][-1]
        assert (last["type"], last["by"]["id"]) == ("linked", "a-mei")
        assert last["data"] == {"kind": kind, "ticket": other.number, "why": "one batch"}

    now = stores.tickets.get(second.number)
    ended = link(api, "lin", now, first.number, "unlinking", kind="followed_by")
    assert ended.status == 200
    for ticket in (first, second):
        read = api("ticket", "mei", number=ticket.number).body
        assert (read["links"], read["timeline"][-1]["type"]) == ([], "unlinked")
        assert stores.tickets.get(ticket.number).links == ()


@pytest.mark.parametrize("other", ["R-00000-00000", "no number", "elsewhere"])
def test_ticket_that_the_caller_does_not_see_is_the_same_fault_as_one_that_is_not_there(
    api: Api, open_ticket: Opener, stores: Stores, other: str
) -> None:
    ticket, elsewhere = open_ticket(agent="a-mei"), open_ticket("inquiry", agent="a-tao")
    found = link(api, "mei", ticket, elsewhere.number if other == "elsewhere" else other)
    assert found.status == 422
    assert [(one["pointer"], one["code"]) for one in found.body["errors"]] == [
        ("/ticket", "unknown_ticket")
    ]
    assert stores.tickets.get(elsewhere.number) == elsewhere


def test_reader_of_one_side_learns_nothing_of_a_ticket_of_another_team(
    api: Api, open_ticket: Opener
) -> None:
    ticket, elsewhere = open_ticket(agent="a-mei"), open_ticket("inquiry", agent="a-tao")
    assert link(api, "wei", ticket, elsewhere.number).status == 200
    for reader, number, other in (
        ("mei", ticket.number, elsewhere.number),
        ("tao", elsewhere.number, ticket.number),
    ):
        found = api("ticket", reader, number=number)
        assert found.body["links"] == []
        assert "linked" not in {one["type"] for one in found.body["timeline"]}
        assert other not in str(found.body)
    assert len(api("ticket", "wei", number=ticket.number).body["links"]) == 1


def test_links_that_a_reader_may_not_see_change_nothing_of_what_they_can_do(
    api: Api, open_ticket: Opener
) -> None:
    """`unlink` in `can`, or another refusal, would tell that there is a link."""
    linked, lone = open_ticket(agent="a-mei"), open_ticket(agent="a-mei")
    elsewhere, beside = open_ticket("inquiry", agent="a-tao"), open_ticket(agent=None)
    assert link(api, "wei", linked, elsewhere.number).status == 200
    read = [api("ticket", "mei", number=one.number).body for one in (linked, lone)]
    assert read[0]["can"] == read[1]["can"]
    refused = [
        link(api, "mei", replace(ticket, version=now["version"]), beside.number, "unlinking")
        for ticket, now in zip((linked, lone), read, strict=True)
    ]
    assert [(one.status, one.body["errors"][0]["code"]) for one in refused] == [
        (422, "not_linked")
    ] * 2


def test_member_whom_a_linked_complaint_is_about_learns_nothing_of_it(
    api: Api, open_ticket: Opener, act: Act
) -> None:
    ticket, complaint = open_ticket(agent="a-mei"), open_ticket(agent=None)
    assert link(api, "lin", ticket, complaint.number).status == 200
    assert len(api("ticket", "mei", number=ticket.number).body["links"]) == 1
    act(
        complaint,
        lambda t, p, at: by_staff.set_about(t, p, MEMBERS["lin"].actor, ["a-mei"], "named", at),
    )
    read = api("ticket", "mei", number=ticket.number).body
    assert read["links"] == []
    assert complaint.number not in str(read)
    assert complaint.subject not in str([one["data"] for one in read["timeline"][1:]])
    again = link(api, "mei", ticket, complaint.number)
    assert [one["code"] for one in again.body["errors"]] == ["unknown_ticket"]


def test_number_that_a_mail_named_is_kept_from_whom_the_complaint_is_about(
    api: Api, open_ticket: Opener, stores: Stores, act: Act
) -> None:
    """A stranger's mail opened a complaint; the notice on the first ticket names its number."""
    from redress.tickets.rules.steps import by_system

    ticket, complaint = open_ticket(agent="a-mei"), open_ticket(agent=None)
    mail = {"id": "0" * 40, "key": "inbound/b", "ticket": complaint.number}
    act(
        ticket,
        lambda t, p, at: by_system.note_mail(
            t, p, "stranger", "bo@example.net", "He was rude", at, mail
        ),
    )
    assert complaint.number in str(api("ticket", "mei", number=ticket.number).body)
    act(
        complaint,
        lambda t, p, at: by_staff.set_about(t, p, MEMBERS["lin"].actor, ["a-mei"], "named", at),
    )
    assert complaint.number not in str(api("ticket", "mei", number=ticket.number).body)
    assert complaint.number in str(api("ticket", "lin", number=ticket.number).body)


def test_link_that_somebody_else_made_meanwhile_is_not_made_twice(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    first, second, third = (open_ticket(agent=agent) for agent in ("a-mei", "a-mei", None))
    assert link(api, "lin", second, first.number).status == 200
    found = link(api, "mei", first, second.number)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:version-conflict")
    assert link(api, "mei", first, third.number).status == 200
    events = stores.tickets.history(first.number)
    assert [one.type for one in events].count(EventType.LINKED) == 2
