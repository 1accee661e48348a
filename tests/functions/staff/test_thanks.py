"""Staff treat a thank-you of the customer as a message."""

from __future__ import annotations

from redress.tickets.rules.steps import by_customer
from redress.tickets.rules.ticket import EventType, Ticket
from tests.functions.staff.api import Api
from tests.world import Opener, Stores


def thanked(stores: Stores, ticket: Ticket) -> Ticket:
    return stores.changes.change(
        ticket.number, lambda t, p, at: by_customer.write(t, p, "Many thanks!", at)
    )


def test_thanks_is_marked_with_its_reason_and_can_be_counted(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "text": "Which one?", "wait_for_customer": True}
    assert api("reply", "mei", number=ticket.number, body=body).status == 200
    said = thanked(stores, ticket)
    read = api("ticket", "mei", number=ticket.number).body
    assert (read["state"], read["timeline"][-1]["data"]["thanks"]) == ("waiting", "many thanks")
    assert "count_message" in read["can"]

    body = {"version": said.version, "event": said.version}
    found = api("counting", "mei", number=ticket.number, body=body)
    assert (found.status, found.body["state"]) == (200, "open")
    assert "next_reply" in {one["clock"] for one in found.body["promises"]}
    last = stores.tickets.history(ticket.number)[-1]
    assert (last.type, last.by.id) == (EventType.MESSAGE_COUNTED, "a-mei")


def test_event_that_is_no_thanks_is_refused(api: Api, open_ticket: Opener, stores: Stores) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "event": 1}
    found = api("counting", "mei", number=ticket.number, body=body)
    assert (found.status, found.body["errors"][0]["pointer"]) == (422, "/event")


def test_only_who_may_act_counts_a_message(api: Api, open_ticket: Opener, stores: Stores) -> None:
    ticket = thanked(stores, open_ticket(agent="a-mei"))
    body = {"version": ticket.version, "event": ticket.version}
    assert api("counting", "jun", number=ticket.number, body=body).status == 403
    assert api("counting", "hua", number=ticket.number, body=body).status == 404
    assert api("counting", "lin", number=ticket.number, body=body).status == 200
