"""Post-mortems of urgent tickets through the staff API: until when, who writes one, and lists."""

from __future__ import annotations

from typing import Any

import pytest

from redress.search.rules.contents import words_of_ticket
from redress.tickets.cases import customer
from redress.tickets.rules.post_mortem import MOST_ACTIONS
from redress.tickets.rules.steps import by_customer, by_staff
from redress.tickets.rules.ticket import Phase, State, Ticket
from tests.builders import Clock
from tests.functions.conftest import MEMBERS
from tests.functions.staff.api import CHANGES, Api, Reply, with_post_mortem
from tests.functions.staff.test_rights import about, kept, said
from tests.world import Act, Opener, Stores

SUBJECT = "The secret kettle"
ACTION = {"text": "Stop the sale of this model.", "owner": "a-jun", "due": "2026-12-15"}
LEARNT = {"happened": "A kettle caught fire.", "cause": "Its thermostat sticks."}


@pytest.fixture
def ticket(open_ticket: Opener, stores: Stores) -> Ticket:
    """A closed urgent ticket of mei, whose post-mortem is due."""
    return with_post_mortem(stores, open_ticket("urgent", agent="a-mei", subject=SUBJECT))


def write(api: Api, stores: Stores, number: str, by: str = "mei", **fields: Any) -> Reply:
    """Write a post-mortem, by who has read the last version of the ticket."""
    body = CHANGES["post-mortem"] | {"version": stores.tickets.get(number).version} | fields
    return api("post-mortem", by, number=number, body=body)


def numbers(found: Reply) -> list[str]:
    assert found.status == 200, found.body
    return [line["number"] for line in found.body["items"]]


# ------------------------------------------------------------------------------ a whole life


def test_urgent_ticket_counts_as_open_until_its_post_mortem_is_written(
    api: Api, ticket: Ticket, stores: Stores, clock: Clock
) -> None:
    number = ticket.number
    due_at = "2026-11-25T10:00:00.000Z"
    read = api("ticket", "mei", number=number).body
    assert (read["state"], read["due_at"]) == ("closed", due_at)
    assert read["post_mortem"] == {
        "state": "due",
        "due_at": due_at,
        "standing": "running",
        "breached": False,
        "written_at": None,
        "written_by": None,
        "event": None,
    }
    assert "write_post_mortem" in read["can"]
    [line] = api("tickets", "lin", query={"view": "post_mortem_due"}).body["items"]
    assert (line["number"], line["state"]) == (number, "closed")
    assert line["post_mortem_due_at"] == due_at
    assert numbers(api("tickets", "lin", query={"view": "open"})) == [number]
    assert numbers(api("work", "mei", query={})) == [number]
    counts = api("counts", "lin", query={}).body
    assert (counts["post_mortem_due"]["count"], counts["open"]["count"]) == (1, 1)
    [shown] = api("board", "lin", query={}).body["post_mortems"]
    assert (shown["number"], shown["post_mortem_due_at"]) == (number, due_at)
    clock.advance(hours=2)
    written = api(
        "post-mortem",
        "mei",
        number=number,
        body=LEARNT | {"version": read["version"], "actions": [ACTION]},
    )
    assert written.status == 200, written.body
    found = written.body["post_mortem"]
    assert (found["state"], found["standing"], found["written_by"]) == ("written", "kept", "a-mei")
    assert found["event"] == written.body["version"]
    after = stores.tickets.get(number)
    assert (after.state, after.phase) == (State.CLOSED, Phase.CLOSED)
    for view in ("post_mortem_due", "open"):
        assert numbers(api("tickets", "lin", query={"view": view})) == []
    assert numbers(api("work", "mei", query={})) == []
    assert api("counts", "lin", query={}).body["post_mortem_due"]["count"] == 0
    assert api("board", "lin", query={}).body["post_mortems"] == []


def test_open_tickets_are_narrowed_to_closed_ones_that_still_owe_something(
    api: Api, open_ticket: Opener, act: Act, stores: Stores
) -> None:
    """So they are in the list of a customer: it has all of their tickets, of any state."""
    owing = open_ticket("urgent", contact={"name": "Li Na", "email": "li.na@example.com"})
    over = open_ticket("complaint", contact={"name": "Li Na", "email": "li.na@example.com"})
    for _ in range(2):
        api("next", "mei", headers={"Idempotency-Key": ""})
    for one in (owing, over):
        act(stores.tickets.get(one.number), by_customer.withdraw, "Never mind")
    customer_id = stores.tickets.get(owing.number).customer
    for query in ({"state": "closed"}, {"customer": customer_id}):
        found = api("tickets", "lin", query={"view": "open"} | query)
        assert numbers(found) == [owing.number], query
    assert write(api, stores, owing.number).status == 200
    for query in ({"state": "closed"}, {"customer": customer_id}):
        assert numbers(api("tickets", "lin", query={"view": "open"} | query)) == []


def test_timeline_has_its_texts_and_names_the_owners_of_its_actions(
    api: Api, ticket: Ticket, stores: Stores
) -> None:
    version = ticket.version
    body = LEARNT | {"version": version, "actions": [ACTION]}
    assert api("post-mortem", "mei", number=ticket.number, body=body).status == 200
    read = api("ticket", "lin", number=ticket.number).body
    last = read["timeline"][-1]
    assert (last["type"], last["by"]) == ("post_mortem_written", {"role": "agent", "id": "a-mei"})
    assert last["data"] == {
        "happened": "A kettle caught fire.",
        "root_cause": "Its thermostat sticks.",
        "actions": [ACTION],
    }
    assert read["people"]["a-jun"] == {"name": MEMBERS["jun"].name, "role": "agent"}


def test_customer_reads_nothing_of_it(api: Api, ticket: Ticket, stores: Stores) -> None:
    assert write(api, stores, ticket.number).status == 200
    now = stores.tickets.get(ticket.number).changed_at
    shown = customer.view(stores.tickets.file(ticket.number), stores.plans, now)
    assert "thermostat" not in repr(shown)
    assert shown.timeline[-1].type == "closed"


# ------------------------------------------------------------------------------ corrections, races


def test_second_one_corrects_the_first_for_who_has_read_it(
    api: Api, ticket: Ticket, stores: Stores
) -> None:
    first = write(api, stores, ticket.number)
    late = write(api, stores, ticket.number, "lin", version=ticket.version)
    assert (late.status, late.body["type"]) == (409, "urn:redress:problem:version-conflict")
    assert [one["type"] for one in late.body["conflicts"]] == ["post_mortem_written"]
    now = write(api, stores, ticket.number, "lin", cause="The cable, as the workshop found.")
    assert now.status == 200
    assert now.body["post_mortem"]["written_by"] == "s-lin"
    last = api("ticket", "lin", number=ticket.number).body["timeline"][-1]
    assert last["data"]["corrects"] == first.body["version"]


def test_message_of_the_customer_since_does_not_refuse_it(
    api: Api, ticket: Ticket, stores: Stores
) -> None:
    """It says nothing to the customer. A message after the end is logged by mail only."""
    stores.changes.change(
        ticket.number,
        lambda t, p, at: by_staff.note(t, p, MEMBERS["lin"].actor, "Well done", at),
    )
    assert write(api, stores, ticket.number, version=ticket.version).status == 200


def test_ticket_that_owes_none_is_refused(api: Api, open_ticket: Opener, stores: Stores) -> None:
    urgent = open_ticket("urgent", agent="a-mei")
    complaint = open_ticket("complaint", agent="a-mei")
    stores.changes.change(complaint.number, lambda t, p, at: by_customer.withdraw(t, p, "", at))
    for number in (urgent.number, complaint.number):
        found = write(api, stores, number)
        assert (found.status, found.body["type"]) == (409, "urn:redress:problem:not-allowed-now")
        assert "write_post_mortem" not in found.body["can"]


# ------------------------------------------------------------------------------ rights


def test_it_is_as_if_it_did_not_exist_for_whom_the_complaint_is_about(
    api: Api, ticket: Ticket, stores: Stores
) -> None:
    about(stores, ticket, "a-mei", "s-lin")
    for by in ("mei", "lin"):
        found = write(api, stores, ticket.number, by)
        assert (found.status, SUBJECT in said(found)) == (404, False), by
    assert numbers(api("work", "mei", query={})) == []
    assert numbers(api("tickets", "lin", query={"view": "post_mortem_due"})) == []
    assert api("counts", "lin", query={}).body["post_mortem_due"]["count"] == 0
    assert api("board", "lin", query={}).body["post_mortems"] == []
    assert write(api, stores, ticket.number, "wei").status == 200


def test_supervisor_from_whom_the_ticket_is_kept_neither_writes_nor_lists_it(
    api: Api, ticket: Ticket, stores: Stores
) -> None:
    kept(stores, ticket)
    assert write(api, stores, ticket.number, "lin").status == 404
    assert api("board", "lin", query={}).body["post_mortems"] == []
    assert write(api, stores, ticket.number, "mei").status == 200


def test_colleague_who_has_not_served_is_refused_and_a_leader_is_not(
    api: Api, ticket: Ticket, stores: Stores
) -> None:
    assert write(api, stores, ticket.number, "jun").status == 403
    assert write(api, stores, ticket.number, "tao").status == 404
    assert write(api, stores, ticket.number, "lin").status == 200


# ------------------------------------------------------------------------------ content


def test_every_fault_is_named(api: Api, ticket: Ticket, stores: Stores) -> None:
    wrong = [
        {"text": "", "owner": "a-jun", "due": "2026-12-15", "cost": 3},
        {"text": "x", "owner": "No One", "due": "tomorrow"},
        "a test",
    ]
    found = write(api, stores, ticket.number, happened=" ", cause="x" * 5_001, actions=wrong)
    assert (found.status, found.codes) == (
        422,
        {
            "/happened": "required",
            "/cause": "too_long",
            "/actions/0/cost": "unknown",
            "/actions/0/text": "required",
            "/actions/1/owner": "unknown_agent",
            "/actions/1/due": "date_expected",
            "/actions/2": "object_expected",
        },
    )
    stale = [ACTION | {"owner": "a-nobody", "due": "2026-11-22"}]
    found = write(api, stores, ticket.number, actions=stale, no_action="nothing")
    assert found.codes == {
        "/actions/0/owner": "unknown_agent",
        "/actions/0/due": "not_in_time",
        "/no_action": "contradicts",
    }
    none = write(api, stores, ticket.number, actions=[], no_action=None)
    assert none.codes == {"/actions": "required"}
    many = write(api, stores, ticket.number, actions=[ACTION] * (MOST_ACTIONS + 1))
    assert many.codes == {"/actions": "too_many"}
    assert write(api, stores, ticket.number, actions="none").codes == {"/actions": "list_expected"}
    assert stores.tickets.get(ticket.number) == ticket


def test_texts_of_it_are_found_by_those_who_see_the_ticket(
    api: Api, ticket: Ticket, stores: Stores
) -> None:
    body = LEARNT | {"version": ticket.version, "actions": [ACTION]}
    assert api("post-mortem", "mei", number=ticket.number, body=body).status == 200
    found = words_of_ticket(ticket, stores.tickets.history(ticket.number))
    assert {"fire", "thermostat", "sale"} <= found
