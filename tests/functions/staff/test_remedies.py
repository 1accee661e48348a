"""Remedies through the staff API: from the proposal to the proof, and who may do what."""

from __future__ import annotations

from typing import Any

import pytest

from redress.base.people import CUSTOMER
from redress.db import keys
from redress.tickets.rules.attached import Attached, FileState
from redress.tickets.rules.steps import by_customer, by_staff
from redress.tickets.rules.ticket import EventType, State, Ticket
from redress.wiring import stores as wired_stores
from tests.builders import Clock, plan_document
from tests.functions.conftest import MEMBERS
from tests.functions.staff.api import CHANGES, REMEDY_ACTS, Api, Reply
from tests.functions.staff.test_rights import about, doubted, kept, said
from tests.wired import TABLE
from tests.world import Opener, Stores, aws

SUBJECT = "The secret kettle"
DONE = {"text": "Solved.", "outcome": "upheld", "root_cause": "seal"}
FILE = "9f86d081884c7d65"
BOUND = plan_document()["remedies"]["bounds"]["CNY"]


@pytest.fixture
def ticket(open_ticket: Opener) -> Ticket:
    return open_ticket("complaint", agent="a-mei", subject=SUBJECT)


def propose(api: Api, stores: Stores, number: str, by: str = "mei", **fields: Any) -> Reply:
    version = stores.tickets.get(number).version
    body = CHANGES["remedy-proposal"] | {"amount": 50_000, "version": version} | fields
    return api("remedy-proposal", by, number=number, body=body)


def act(api: Api, stores: Stores, name: str, by: str, number: str, **body: Any) -> Reply:
    """An act on the first remedy of a ticket, of which the caller has read the last version."""
    version = stores.tickets.get(number).version
    given = CHANGES[name] | {"version": version} | body
    return api(name, by, number=number, id="1", body=given)


def listed(api: Api, by: str, which: str, **query: str) -> list[str]:
    found = api("remedies", by, query={"list": which} | query)
    assert found.status == 200, found.body
    return [f"{line['number']} {line['id']}" for line in found.body["items"]]


# ------------------------------------------------------------------------------ a whole life


def test_remedy_goes_from_the_proposal_over_the_approval_to_the_proof(
    api: Api, ticket: Ticket, stores: Stores, clock: Clock
) -> None:
    number = ticket.number
    proposed = propose(api, stores, number)
    [remedy] = proposed.body["remedies"]
    assert (remedy["state"], remedy["amount"], remedy["currency"]) == ("proposed", 50_000, "CNY")
    assert (remedy["proposed_by"], remedy["can"]) == ("a-mei", ["withdraw_remedy"])
    assert listed(api, "lin", "proposed") == [f"{number} 1"]
    refused = act(api, stores, "remedy-approval", "mei", number)
    assert refused.status == 403
    clock.advance(hours=1)
    approved = act(api, stores, "remedy-approval", "lin", number)
    [remedy] = approved.body["remedies"]
    assert (remedy["state"], remedy["approved_by"]) == ("promised", "s-lin")
    assert (remedy["promised_at"], remedy["due_at"]) == (
        "2026-11-23T02:00:00.000Z",
        "2026-11-26T02:00:00.000Z",
    )
    assert (listed(api, "lin", "proposed"), listed(api, "lin", "owed")) == ([], [f"{number} 1"])
    clock.advance(hours=1)
    done = act(api, stores, "remedy-completion", "mei", number)
    [remedy] = done.body["remedies"]
    assert (remedy["state"], remedy["standing"], remedy["can"]) == ("done", "kept", [])
    assert listed(api, "lin", "owed") == []
    read = api("ticket", "mei", number=number).body
    assert [event["type"] for event in read["timeline"][-3:]] == [
        "remedy_proposed",
        "remedy_promised",
        "remedy_done",
    ]
    assert read["timeline"][-1]["data"]["proof"] == "Transfer 0113"
    assert read["timeline"][-2]["data"]["due"] == "2026-11-26T02:00:00.000Z"


def test_small_remedy_is_promised_at_once_with_the_words_that_the_plan_allows(
    api: Api, ticket: Ticket, stores: Stores
) -> None:
    refused = propose(api, stores, ticket.number, amount=100, text="只能怪你自己")
    assert (refused.status, refused.codes) == (422, {"/text": "refused_word"})
    vague = propose(api, stores, ticket.number, amount=100, text="我们尽快给您退款。")
    assert vague.body["remedies"][0]["state"] == "promised"
    assert [one["list"] for one in vague.body["warnings"]] == ["vague"]


@pytest.mark.parametrize("first", ["old", "new"])
def test_bound_is_for_both_tickets_of_a_customer_after_a_split(
    api: Api, ticket: Ticket, stores: Stores, first: str
) -> None:
    """Whoever splits a ticket cannot promise twice what they may not promise at once."""
    wrote = stores.changes.change(
        ticket.number, lambda t, p, at: by_customer.write(t, p, "And the lid is loose", at)
    )
    body = {"version": wrote.version, "events": [wrote.version], "subject": "The lid"}
    body |= {"kind": "complaint", "reason": "another matter"}
    key = {"Idempotency-Key": "a-key"}
    split = api("splitting", "mei", number=ticket.number, body=body, headers=key)
    assert split.status == 201, split.body
    numbers = {"old": ticket.number, "new": split.body["number"]}
    other = "new" if first == "old" else "old"
    promised = propose(api, stores, numbers[first], "lin", amount=BOUND)
    assert promised.body["remedies"][0]["state"] == "promised"
    again = propose(api, stores, numbers[other], "lin", amount=1)
    assert again.body["remedies"][0]["state"] == "proposed"


def test_resolution_waits_for_the_decision_and_not_for_the_remedy(
    api: Api, ticket: Ticket, stores: Stores
) -> None:
    number = ticket.number
    proposed = propose(api, stores, number).body
    assert "resolve" not in proposed["can"]
    body = DONE | {"version": proposed["version"], "cause": "defective_part"}
    blocked = api("resolution", "mei", number=number, body=body | {"remedy": "a refund"})
    assert (blocked.status, blocked.body["type"]) == (409, "urn:redress:problem:tasks-open")
    assert blocked.codes == {"/remedies/1": "remedy_not_decided"}
    approved = act(api, stores, "remedy-approval", "lin", number).body
    stale = api("resolution", "mei", number=number, body=body)
    assert [one["type"] for one in stale.body["conflicts"]] == ["remedy_promised"]
    solved = api("resolution", "mei", number=number, body=body | {"version": approved["version"]})
    assert solved.status == 200, solved.body
    assert solved.body["resolution"]["cause"] == "defective_part"
    assert solved.body["remedies"][0]["state"] == "promised"


def test_closed_ticket_with_an_owed_remedy_is_in_the_lists_until_it_is_done(
    api: Api, ticket: Ticket, stores: Stores
) -> None:
    number = ticket.number
    propose(api, stores, number, amount=100)
    stores.changes.change(number, lambda t, p, at: by_customer.withdraw(t, p, "", at))
    assert stores.tickets.get(number).state is State.CLOSED
    assert listed(api, "wei", "owed", team="complaints") == [f"{number} 1"]
    work = [line["number"] for line in api("work", "mei", query={}).body["items"]]
    assert work == [number]
    assert act(api, stores, "remedy-completion", "mei", number).status == 200
    assert api("work", "mei", query={}).body["items"] == []


def resolved(stores: Stores, ticket: Ticket) -> str:
    """The number of the ticket after its agent has resolved it. The customer is asked by mail."""
    words = ("Solved.", "upheld", "a new one", "seal")
    mei = MEMBERS["mei"].actor
    stores.changes.change(ticket.number, lambda t, p, at: by_staff.resolve(t, p, mei, *words, at))
    return ticket.number


def worked_on(api: Api, by: str) -> list[str]:
    return [line["number"] for line in api("work", by, query={}).body["items"]]


def test_remedy_that_is_approved_after_its_agent_has_left_comes_to_the_list_of_who_approves_it(
    api: Api, ticket: Ticket, stores: Stores, clock: Clock
) -> None:
    """It was in the lists of the team alone, until somebody looked there."""
    number = resolved(stores, ticket)
    assert propose(api, stores, number).body["remedies"][0]["state"] == "proposed"
    stores.staff.depart(MEMBERS["mei"], clock.now())
    approved = act(api, stores, "remedy-approval", "lin", number)
    assert (approved.status, approved.body["assignee"]) == (200, "s-lin")
    assert worked_on(api, "lin") == [number]
    told, given = stores.tickets.history(number)[-2:]
    assert (told.type, given.type) == (EventType.REMEDY_PROMISED, EventType.ASSIGNED)
    assert (given.data["from"], given.data["agent"], given.by.id) == ("a-mei", "s-lin", "s-lin")
    assert given.at == told.at
    body = {"version": approved.body["version"], "agent": "a-jun", "reason": "theirs"}
    assert api("assignment", "lin", number=number, body=body).body["assignee"] == "a-jun"


def test_leader_who_promises_a_remedy_for_an_agent_who_has_left_has_it_in_their_list(
    api: Api, ticket: Ticket, stores: Stores, clock: Clock
) -> None:
    number = resolved(stores, ticket)
    stores.staff.depart(MEMBERS["mei"], clock.now())
    promised = propose(api, stores, number, by="wei", amount=100)
    assert (promised.status, promised.body["assignee"]) == (200, "m-wei")
    assert worked_on(api, "wei") == [number]


def test_remedy_that_is_approved_stays_with_its_agent(
    api: Api, ticket: Ticket, stores: Stores
) -> None:
    number = resolved(stores, ticket)
    propose(api, stores, number)
    assert act(api, stores, "remedy-approval", "lin", number).body["assignee"] == "a-mei"
    assert stores.tickets.history(number)[-1].type is EventType.REMEDY_PROMISED


# ------------------------------------------------------------------------------ races


def test_approval_after_a_withdrawal_is_refused_and_says_why(
    api: Api, ticket: Ticket, stores: Stores
) -> None:
    number = ticket.number
    version = propose(api, stores, number).body["version"]
    assert act(api, stores, "remedy-withdrawal", "mei", number).status == 200
    late = act(api, stores, "remedy-approval", "lin", number, version=version)
    assert (late.status, [one["type"] for one in late.body["conflicts"]]) == (
        409,
        ["remedy_withdrawn"],
    )
    now = act(api, stores, "remedy-approval", "lin", number)
    assert (now.status, now.body["type"]) == (409, "urn:redress:problem:not-allowed-now")


def test_withdrawal_after_an_approval_is_refused_and_says_why(
    api: Api, ticket: Ticket, stores: Stores
) -> None:
    number = ticket.number
    version = propose(api, stores, number).body["version"]
    assert act(api, stores, "remedy-approval", "lin", number).status == 200
    word = "您会得到新的水壶。"
    late = act(api, stores, "remedy-withdrawal", "lin", number, version=version, text=word)
    assert (late.status, [one["type"] for one in late.body["conflicts"]]) == (
        409,
        ["remedy_promised"],
    )
    assert stores.tickets.get(number).remedies[0].is_owed


def test_approval_is_refused_if_the_customer_wrote_meanwhile(
    api: Api, ticket: Ticket, stores: Stores
) -> None:
    number = ticket.number
    version = propose(api, stores, number).body["version"]
    stores.changes.change(number, lambda t, p, at: by_customer.write(t, p, "A new one!", at))
    late = act(api, stores, "remedy-approval", "lin", number, version=version)
    assert [one["type"] for one in late.body["conflicts"]] == ["customer_wrote"]


def test_repeated_proposal_promises_nothing_twice(api: Api, ticket: Ticket, stores: Stores) -> None:
    first = propose(api, stores, ticket.number, amount=100)
    again = propose(api, stores, ticket.number, amount=100, version=ticket.version)
    assert (first.status, again.status) == (200, 409)
    assert {one["type"] for one in again.body["conflicts"]} == {
        "remedy_proposed",
        "remedy_promised",
    }
    assert len(stores.tickets.get(ticket.number).remedies) == 1


# ------------------------------------------------------------------------------ rights


def test_leader_who_proposed_it_is_refused_and_a_manager_decides(
    api: Api, ticket: Ticket, stores: Stores
) -> None:
    proposed = propose(api, stores, ticket.number, "lin").body
    assert proposed["remedies"][0]["can"] == ["withdraw_remedy"]
    for name in ("remedy-approval", "remedy-refusal"):
        found = act(api, stores, name, "lin", ticket.number)
        assert (found.status, "neither proposed it" in found.body["detail"]) == (403, True)
    assert act(api, stores, "remedy-refusal", "wei", ticket.number).status == 200


@pytest.mark.parametrize("standing", ["accused", "unclear", "kept"])
@pytest.mark.parametrize("name", REMEDY_ACTS)
def test_remedy_is_as_if_it_did_not_exist_for_who_is_kept_from_the_ticket(
    api: Api, ticket: Ticket, stores: Stores, name: str, standing: str
) -> None:
    """Nothing is approved, withdrawn or done by whom the complaint is about, on any path."""
    number = ticket.number
    propose(api, stores, number)
    put = {
        "accused": lambda: about(stores, ticket, *(member.id for member in MEMBERS.values())),
        "unclear": lambda: doubted(stores, ticket),
        "kept": lambda: kept(stores, ticket),
    }
    version = put[standing]().version
    out = {"accused": ("mei", "lin", "wei"), "unclear": ("mei",), "kept": ("lin",)}[standing]
    for by in out:
        found = act(api, stores, name, by, number)
        assert found.status in (403, 404), by
        assert SUBJECT not in said(found)
        if by != "mei":
            for which in ("proposed", "owed"):
                assert listed(api, by, which) == []
    assert stores.tickets.get(number).version == version


def test_lists_of_another_team_are_for_those_who_see_every_team(
    api: Api, ticket: Ticket, stores: Stores
) -> None:
    propose(api, stores, ticket.number)
    assert api("remedies", "hua", query={"team": "complaints"}).status == 403
    assert api("remedies", "mei", query={}).status == 403
    assert listed(api, "hua", "proposed") == []
    assert listed(api, "wei", "proposed", team="complaints") == [f"{ticket.number} 1"]


# ------------------------------------------------------------------------------ input


def test_every_wrong_field_of_a_new_remedy_is_named(
    api: Api, ticket: Ticket, stores: Stores
) -> None:
    body = {"kind": " ", "amount": 0, "currency": "CNYX", "due_at": "soon"}
    found = api("remedy-proposal", "mei", number=ticket.number, body=body)
    assert (found.status, found.codes) == (
        422,
        {
            "/version": "required",
            "/text": "required",
            "/kind": "required",
            "/reason": "required",
            "/amount": "out_of_range",
            "/currency": "too_long",
            "/due_at": "instant_expected",
        },
    )
    wrong = propose(api, stores, ticket.number, kind="cruise", currency="JPY", version=999)
    assert wrong.codes == {
        "/version": "unknown_version",
        "/kind": "unknown_remedy",
        "/currency": "unknown_currency",
    }


def test_every_wrong_parameter_of_a_list_is_named(api: Api, staff: Any) -> None:
    found = api("remedies", "lin", query={"list": "all", "team": "#", "limit": "0", "cursor": "x"})
    assert (found.status, found.codes) == (
        422,
        {
            "/list": "unknown_value",
            "/team": "unknown_team",
            "/limit": "out_of_range",
            "/cursor": "unknown_cursor",
        },
    )


def test_list_has_pages_next_due_first(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    wanted = []
    for _ in range(3):
        number = open_ticket("complaint", agent=None).number
        assert propose(api, stores, number, "lin").status == 200
        wanted.append(f"{number} 1")
        clock.advance(minutes=5)
    first = api("remedies", "lin", query={"list": "proposed", "limit": "2"}).body
    assert [f"{one['number']} {one['id']}" for one in first["items"]] == wanted[:2]
    assert listed(api, "lin", "proposed", cursor=first["next"]) == wanted[2:]
    assert listed(api, "lin", "proposed", team="complaints") == wanted


def test_remedy_that_the_ticket_does_not_have_is_not_found(
    api: Api, ticket: Ticket, stores: Stores
) -> None:
    propose(api, stores, ticket.number)
    for wrong in ("2", "0", "11", "x", "01"):
        found = api("remedy-approval", "lin", number=ticket.number, id=wrong)
        assert found.status == 404


def test_file_of_the_ticket_proves_that_it_is_done_and_the_customer_does_not_get_it(
    api: Api, ticket: Ticket, stores: Stores, clock: Clock
) -> None:
    number = ticket.number
    propose(api, stores, number, amount=100)
    missing = act(api, stores, "remedy-completion", "mei", number, file=FILE)
    assert (missing.status, missing.codes) == (422, {"/file": "unknown_file"})
    mei = MEMBERS["mei"].actor
    kept_file = Attached(FILE, "slip.pdf", "application/pdf", 9, mei, clock.now(), FileState.CLEAN)
    wired_stores.attached().put_new(number, kept_file)
    assert act(api, stores, "remedy-completion", "mei", number, file=FILE).status == 200
    event = stores.tickets.history(number)[-1]
    assert (event.type, event.data["proof_file"]) == (EventType.REMEDY_DONE, FILE)
    [stored] = wired_stores.attached().of_ticket(number)
    assert stored.event == event.number, "no other message can refer to it"
    assert stored.by != CUSTOMER


def test_item_of_a_remedy_that_is_over_is_in_no_index_and_is_removed_by_ttl(
    api: Api, ticket: Ticket, stores: Stores, clock: Clock
) -> None:
    key = {"pk": {"S": keys.ticket_pk(ticket.number)}, "sk": {"S": keys.remedy_sk("1")}}

    def item() -> dict[str, Any]:
        found: dict[str, Any] = aws("dynamodb").get_item(TableName=TABLE, Key=key)["Item"]
        return found

    propose(api, stores, ticket.number)
    assert item()["open_pk"]["S"] == "REMEDIES#proposed#complaints"
    act(api, stores, "remedy-refusal", "lin", ticket.number)
    assert set(item()) == {"pk", "sk", "expires"}
    assert int(item()["expires"]["N"]) == int(clock.now().timestamp())
