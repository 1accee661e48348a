"""Holds, an agent's own promises, and corrections of clocks."""

from __future__ import annotations

from typing import Any

import pytest

from redress.clocks.rules.clocks import ClockName
from redress.tickets.rules.steps import by_customer, by_timer
from tests.builders import Clock
from tests.functions.staff.api import CHANGES, Api, Reply, states_of
from tests.world import Opener, Stores


def test_a_hold_pauses_what_the_plan_says_until_the_customer_writes(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    ticket = open_ticket("service_request", agent="a-tao")
    number = ticket.number
    replied = api("reply", "tao", number=number, body={"version": 2, "text": "We look."}).body
    held = api("hold", "tao", number=number, body=CHANGES["hold"] | {"version": replied["version"]})
    states = {promise["clock"]: promise["state"] for promise in held.body["promises"]}
    assert (held.body["on_hold"], states["resolution"]) == ("part", "paused")
    plan = stores.plans.current()
    written = by_customer.write(stores.tickets.get(number), plan, "And?", clock.now())
    stores.tickets.commit(written, clock.now())
    found = api("ticket", "tao", number=number).body
    states = {promise["clock"]: promise["state"] for promise in found["promises"]}
    assert states["resolution"] == states["next_reply"] == "running"
    assert found["unanswered_since"] is not None
    released = api("release", "tao", number=number, body={"version": found["version"]})
    assert released.body["on_hold"] is None
    again = api("release", "tao", number=number, body={"version": released.body["version"]})
    assert again.status == 409


def test_a_hold_lets_the_resolution_of_a_complaint_run_on(api: Api, open_ticket: Opener) -> None:
    number = open_ticket("complaint", agent="a-mei").number
    api("reply", "mei", number=number, body={"version": 2, "text": "We look."})
    held = api("hold", "mei", number=number, body=CHANGES["hold"] | {"version": 3})
    assert (held.status, held.body["on_hold"]) == (200, "part")
    assert states_of(held)["resolution"] == "running"


def test_a_hold_counts_no_hour_but_those_in_which_a_word_of_the_customer_waits(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    number = open_ticket("service_request", agent="a-tao").number

    def done(name: str, **body: Any) -> Reply:
        version = stores.tickets.get(number).version
        found = api(name, "tao", number=number, body=body | {"version": version})
        assert found.status == 200
        return found

    done("reply", text="We look.")
    assert states_of(done("hold", **CHANGES["hold"]))["resolution"] == "paused"
    clock.advance(hours=1)
    asked = by_customer.write(
        stores.tickets.get(number), stores.plans.current(), "When?", clock.now()
    )
    stores.tickets.commit(asked, clock.now())
    assert states_of(api("ticket", "tao", number=number))["resolution"] == "running"
    clock.advance(hours=1)
    answered = done("reply", text="On Thursday.")
    assert (answered.body["on_hold"], states_of(answered)["resolution"]) == ("part", "paused")
    clock.advance(hours=4)
    released = done("release")
    resolution = next(one for one in released.body["promises"] if one["clock"] == "resolution")
    # 40 office hours from Monday 09:00 end on Friday at 18:00. Four of them are not counted (09-10,
    # 11-12, 13-15), so it is due four office hours later: on Monday at 14:00, behind the lunch.
    assert (resolution["state"], resolution["due_at"]) == (
        "running",
        "2026-11-30T06:00:00.000+00:00",
    )


def test_a_hold_before_the_first_reply_is_not_possible(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket("service_request", agent="a-tao")
    found = api(
        "hold", "tao", number=ticket.number, body=CHANGES["hold"] | {"version": ticket.version}
    )
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:not-allowed-now")


@pytest.mark.parametrize("by", ["2026-11-23T08:59:59+08:00", "2027-12-01T09:00:00+08:00"])
def test_an_own_word_is_given_for_the_coming_year(api: Api, open_ticket: Opener, by: str) -> None:
    ticket = open_ticket(agent="a-mei")
    body = CHANGES["promise"] | {"version": ticket.version, "by": by}
    found = api("promise", "mei", number=ticket.number, body=body)
    assert (found.status, found.codes) == (422, {"/by": "not_in_time"})


def test_an_own_word_is_a_promise_until_the_answer(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    body = CHANGES["promise"] | {"version": ticket.version}
    told = api("promise", "mei", number=ticket.number, body=body).body
    word = next(promise for promise in told["promises"] if promise["clock"] == "own_word")
    assert (word["due_at"], word["state"]) == ("2026-11-24T02:00:00.000+00:00", "running")
    clock.advance(hours=1)
    reply = {"version": told["version"], "text": "Here it is."}
    kept = api("reply", "mei", number=ticket.number, body=reply).body["promises"]
    assert {promise["clock"]: promise["state"] for promise in kept}["own_word"] == "kept"


def test_a_correction_takes_a_breach_back(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    clock.advance(hours=25)
    plan = stores.plans.current()
    late = by_timer.act_on_due_rungs(ticket, plan, clock.now())
    assert late is not None
    stores.tickets.commit(late, clock.now())
    missed = api("ticket", "lin", number=ticket.number).body
    body = CHANGES["correction"] | {"version": missed["version"]}
    found = api("correction", "lin", number=ticket.number, body=body).body
    states = {promise["clock"]: promise["state"] for promise in found["promises"]}
    assert (found["state"], states["first_response"]) == ("open", "kept")
    assert not stores.tickets.get(ticket.number).clocks[ClockName.FIRST_RESPONSE].breached


@pytest.mark.parametrize(
    ("changed", "codes"),
    [
        ({"at": "2026-11-23T09:00:01+08:00"}, {"/at": "not_in_time"}),
        ({"at": "2026-11-23T08:59:59+08:00"}, {"/at": "not_in_time"}),
        ({"clock": "next_reply"}, {"/clock": "unknown_clock"}),
    ],
    ids=["to come", "before the ticket was there", "a clock that never ran"],
)
def test_a_correction_of_what_cannot_have_been_is_refused(
    api: Api,
    open_ticket: Opener,
    stores: Stores,
    changed: dict[str, str],
    codes: dict[str, str],
) -> None:
    ticket = open_ticket(agent="a-mei")
    body = CHANGES["correction"] | {"version": ticket.version} | changed
    found = api("correction", "lin", number=ticket.number, body=body)
    assert (found.status, found.codes) == (422, codes)
    assert stores.tickets.get(ticket.number) == ticket


def test_a_correction_is_no_agents_to_make(api: Api, open_ticket: Opener, stores: Stores) -> None:
    ticket = open_ticket(agent="a-mei")
    body = CHANGES["correction"] | {"version": ticket.version}
    assert api("correction", "mei", number=ticket.number, body=body).status == 403
    assert stores.tickets.get(ticket.number) == ticket
