"""Changes that name an older version of the ticket than the current one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from redress.base.instants import written
from redress.tickets.rules.steps import by_customer
from redress.tickets.rules.steps.duplicates import propose
from redress.tickets.rules.steps.matching import match
from redress.tickets.rules.ticket import EventType, Ticket
from redress.wiring import stores as wired_stores
from redress.workflow.cases.timers import TimerCase
from tests.builders import Clock
from tests.customers.builders import EMAIL, LI_NA, new, profile
from tests.functions.staff.api import CHANGES, REMEDY_ACTS, Api, with_post_mortem, with_remedy
from tests.world import Opener, Stores, merge


def test_second_of_two_replies_to_one_version_gets_a_conflict(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "text": "First."}
    assert api("reply", "mei", body=body, number=ticket.number).status == 200
    found = api("reply", "lin", body=body | {"text": "Second."}, number=ticket.number)
    assert found.status == 409
    assert found.body["type"] == "urn:redress:problem:version-conflict"
    assert found.body["current_version"] == ticket.version + 1
    replies = [e for e in stores.tickets.history(ticket.number) if e.type is EventType.REPLIED]
    assert [event.data["text"] for event in replies] == ["First."]


def test_reply_of_another_agent_between_read_and_write_causes_a_conflict(
    api: Api, open_ticket: Opener, stores: Stores, meanwhile: Callable[[Callable[[], Any]], None]
) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "text": "Slower."}
    faster = body | {"text": "Faster."}
    meanwhile(lambda: api("reply", "lin", body=faster, number=ticket.number))
    found = api("reply", "mei", body=body, number=ticket.number)
    assert (found.status, found.body["current_version"]) == (409, ticket.version + 1)
    replies = [e for e in stores.tickets.history(ticket.number) if e.type is EventType.REPLIED]
    assert [event.data["text"] for event in replies] == ["Faster."]


def test_reminder_that_fires_between_read_and_write_causes_no_conflict(
    api: Api,
    open_ticket: Opener,
    stores: Stores,
    clock: Clock,
    meanwhile: Callable[[Callable[[], Any]], None],
) -> None:
    ticket = open_ticket(agent="a-mei")
    clock.advance(minutes=16)
    timers = TimerCase(stores.timers, stores.changes, clock.now)
    meanwhile(lambda: timers.act_on_due_clocks(ticket.number, 1))
    body = {"version": ticket.version, "text": "Done while the reminder fired."}
    found = api("reply", "mei", body=body, number=ticket.number)
    types = [event.type for event in stores.tickets.history(ticket.number)]
    assert found.status == 200
    assert types[-2:] == [EventType.RUNG_FIRED, EventType.REPLIED]


def test_repeated_request_gets_a_conflict(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "text": "Once."}
    event = api.event("reply", "mei", body=body, number=ticket.number)
    assert [api.send(copy.deepcopy(event)).status for _ in range(2)] == [200, 409]


def test_customer_message_after_the_named_version_causes_a_conflict(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    wrote = by_customer.write(ticket, stores.plans.current(), "It got worse!", clock.now())
    stores.tickets.commit(wrote, clock.now())
    body = {"version": ticket.version, "text": "All is well."}
    found = api("reply", "mei", body=body, number=ticket.number)
    assert (found.status, found.body["current_version"]) == (409, ticket.version + 1)


def test_reminder_after_the_named_version_causes_no_conflict(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    clock.advance(minutes=16)
    TimerCase(stores.timers, stores.changes, clock.now).act_on_due_clocks(ticket.number, 1)
    current = stores.tickets.get(ticket.number).version
    assert current > ticket.version
    body = {"version": ticket.version, "text": "I had this open for a while."}
    found = api("reply", "mei", body=body, number=ticket.number)
    assert (found.status, found.body["version"]) == (200, current + 1)


OF_TWO = ("linking", "unlinking", "duplicate-dismissal")
MERGES = ("merging", "unmerging")
"""Changes of two tickets of one customer."""


@pytest.mark.parametrize(
    "name", [name for name in CHANGES if name not in ("declining", "splitting")]
)
def test_repeated_change_gets_the_current_version_and_changes_nothing(
    api: Api, noted: Callable[..., Ticket], open_ticket: Opener, stores: Stores, name: str
) -> None:
    ticket = noted()
    number = ticket.number
    other = open_ticket().number if name in (*OF_TWO, *MERGES) else ""
    if name in MERGES:
        wired_stores.customers().write([new(profile(LI_NA, EMAIL))])
        for one in (number, other):
            stores.changes.change(one, lambda t, p, at: match(t, p, LI_NA, "email", at))
    if name == "unlinking":
        linked = CHANGES["linking"] | {"version": ticket.version, "ticket": other}
        assert api("linking", "mei", number=number, body=linked).status == 200
    if name == "duplicate-dismissal":
        stores.changes.change(number, lambda t, p, at: propose(t, p, {other: 83}, at))
    if name == "unmerging":
        merge(stores, number, other, LI_NA)
    if name == "unsplitting":
        wrote = stores.changes.change(number, lambda t, p, at: by_customer.write(t, p, "More", at))
        asked = CHANGES["splitting"] | {"version": wrote.version, "events": [wrote.version]}
        other = api("splitting", "mei", number=number, body=asked).body["number"]
    incident = ""
    if name in ("incident-joining", "incident-leaving"):
        incident = api("incident-declaration", "wei").body["id"]
    if name == "incident-leaving":
        joined = CHANGES["incident-joining"] | {"version": ticket.version, "incident": incident}
        assert api("incident-joining", "mei", number=number, body=joined).status == 200
    if name == "callback":
        done = CHANGES["resolution"] | {"version": ticket.version}
        assert api("resolution", "mei", number=number, body=done).status == 200
    if name in ("hold", "release"):  # a new ticket cannot be on hold
        said = {"version": ticket.version, "text": "We are on it."}
        assert api("reply", "mei", number=number, body=said).status == 200
    if name == "release":
        held = CHANGES["hold"] | {"version": stores.tickets.get(number).version}
        assert api("hold", "mei", number=number, body=held).status == 200
    if name == "counting":
        stores.changes.change(number, lambda t, p, at: by_customer.write(t, p, "Thank you", at))
    if name == "mentions-end":
        asked = {"text": "Do you know it?", "mentions": ["a-tao"]}
        assert api("note", "mei", number=number, body=asked).status == 200
    if name in REMEDY_ACTS:
        with_remedy(stores, ticket, amount=100 if name == "remedy-completion" else 50_000)
    if name == "post-mortem":
        with_post_mortem(stores, ticket)
    body = CHANGES[name] | {"version": stores.tickets.get(number).version}
    if name == "plan-move":
        assert api("plan-publish", "wei").status == 201
        body |= {"plan_version": 2}
    if other and name != "unmerging":
        body |= {"into" if name == "merging" else "ticket": other}
    if name == "incident-joining":
        body |= {"incident": incident}
    if name == "counting":
        body |= {"event": stores.tickets.get(number).version}
    path = {"number": number, "event": str(ticket.version)}
    by = "mei" if name == "accepting" else "lin"
    once = api(name, by, body=body, **path)
    assert once.status == 200, once.body
    now = stores.tickets.get(number)
    found = api(name, by, body=body, **path)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:version-conflict")
    assert found.body["current_version"] == now.version
    assert found.body["conflicts"]
    assert stores.tickets.get(number) == now


def test_reply_claim_and_tags_of_one_version_do_not_make_each_other_conflict(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    """Point 6 of routing: a claim, a reply and a correction of something else go together."""
    api("presence", "jun", body={"presence": "away"})
    ticket = open_ticket()
    assert api("presence", "mei", body={"presence": "available"}).status == 200
    assert api("next", "mei").body["ticket"]["number"] == ticket.number
    tags = {"version": ticket.version, "tags": ["kettle"]}
    assert api("tags", "lin", number=ticket.number, body=tags).status == 200
    fields = {"version": ticket.version, "fields": {"serial_number": "KX-1"}}
    assert api("fields", "mei", number=ticket.number, body=fields).status == 200
    reply = {"version": ticket.version, "text": "We are on it."}
    found = api("reply", "lin", number=ticket.number, body=reply)
    assert found.status == 200, found.body
    types = [event.type for event in stores.tickets.history(ticket.number)]
    assert types[-4:] == [
        EventType.ASSIGNED,
        EventType.TAGGED,
        EventType.FIELDS_SET,
        EventType.REPLIED,
    ]


def test_conflict_names_the_events_that_the_caller_has_not_read(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    tags = {"version": ticket.version, "tags": ["kettle"]}
    assert api("tags", "lin", number=ticket.number, body=tags).status == 200
    now = stores.tickets.get(ticket.number)
    wrote = by_customer.write(now, stores.plans.current(), "It got worse!", clock.now())
    stores.tickets.commit(wrote, clock.now())
    body = {"version": ticket.version, "text": "All is well."}
    found = api("reply", "mei", number=ticket.number, body=body)
    assert found.body["conflicts"] == [
        {
            "event": now.version + 1,
            "type": "customer_wrote",
            "at": written(clock.now()),
            "by": {"role": "customer", "id": None},
        }
    ]
    assert f"(customer_wrote, event {now.version + 1})" in found.body["detail"]


def test_version_higher_than_the_current_one_is_refused(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version + 1, "text": "From the future."}
    found = api("reply", "mei", body=body, number=ticket.number)
    assert (found.status, found.codes) == (422, {"/version": "unknown_version"})
