"""Holds, an agent's own promises, and corrections of clocks."""

from __future__ import annotations

from typing import Any

import pytest

from redress.clocks.rules.clocks import ClockName
from redress.tickets.rules.steps import by_customer, by_timer
from tests.builders import Clock
from tests.functions.staff.api import CHANGES, Api, Reply, states_of
from tests.world import Opener, Stores


def test_hold_pauses_the_promises_that_the_plan_names_until_the_customer_writes(
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


def test_hold_does_not_pause_the_resolution_of_a_complaint(api: Api, open_ticket: Opener) -> None:
    number = open_ticket("complaint", agent="a-mei").number
    api("reply", "mei", number=number, body={"version": 2, "text": "We look."})
    held = api("hold", "mei", number=number, body=CHANGES["hold"] | {"version": 3})
    assert (held.status, held.body["on_hold"]) == (200, "part")
    assert states_of(held)["resolution"] == "running"


def test_during_a_hold_only_hours_with_an_unanswered_customer_message_count(
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
    # 40 office hours from Monday 09:00 end on Friday at 18:00. Four hours on hold (09-10, 11-12,
    # 13-15) do not count, so it is due four office hours later: on Monday at 14:00, because the
    # lunch break is closed.
    assert (resolution["state"], resolution["due_at"]) == (
        "running",
        "2026-11-30T06:00:00.000Z",
    )


def test_hold_before_the_first_reply_is_refused(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket("service_request", agent="a-tao")
    found = api(
        "hold", "tao", number=ticket.number, body=CHANGES["hold"] | {"version": ticket.version}
    )
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:not-allowed-now")


@pytest.mark.parametrize("by", ["2026-11-23T08:59:59+08:00", "2027-12-01T09:00:00+08:00"])
def test_own_word_must_be_due_within_a_year(api: Api, open_ticket: Opener, by: str) -> None:
    ticket = open_ticket(agent="a-mei")
    body = CHANGES["promise"] | {"version": ticket.version, "by": by}
    found = api("promise", "mei", number=ticket.number, body=body)
    assert (found.status, found.codes) == (422, {"/by": "not_in_time"})


def test_own_word_is_a_promise_that_a_reply_keeps(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    body = CHANGES["promise"] | {"version": ticket.version}
    answer = api("promise", "mei", number=ticket.number, body=body).body
    own_word = next(promise for promise in answer["promises"] if promise["clock"] == "own_word")
    assert (own_word["due_at"], own_word["state"]) == ("2026-11-24T02:00:00.000Z", "running")
    clock.advance(hours=1)
    reply = {"version": answer["version"], "text": "Here it is."}
    kept = api("reply", "mei", number=ticket.number, body=reply).body["promises"]
    assert {promise["clock"]: promise["state"] for promise in kept}["own_word"] == "kept"


def test_correction_revokes_a_breach(
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
    ids=["in the future", "before the ticket was opened", "a clock that never ran"],
)
def test_impossible_correction_is_refused(
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


def test_agent_may_not_make_a_correction(api: Api, open_ticket: Opener, stores: Stores) -> None:
    ticket = open_ticket(agent="a-mei")
    body = CHANGES["correction"] | {"version": ticket.version}
    assert api("correction", "mei", number=ticket.number, body=body).status == 403
    assert stores.tickets.get(ticket.number) == ticket
