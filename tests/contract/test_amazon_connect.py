"""Calls of Amazon Connect, on each engine: the same tickets, whatever comes first or twice."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import pytest

from redress.base.errors import InvalidInput
from redress.clocks.rules.clocks import ClockName, ClockState
from redress.connectors.cases.amazon_connect import MACHINE, AmazonConnectCases, Taken
from redress.connectors.cases.calls import CallCases, PartOfCall
from redress.connectors.rules.amazon_connect import (
    Ignored,
    Part,
    PlainRecord,
    read_event,
    read_record,
    records,
)
from redress.connectors.rules.connector import AMAZON_CONNECT
from redress.connectors.store.calls import CallStore, Outcome
from redress.connectors.store.parts import PartStore
from redress.db import keys
from redress.tickets.rules.steps import by_customer
from redress.tickets.rules.ticket import Event, EventType, State, Ticket
from tests import amazon_connect as connect
from tests.amazon_connect import FIRST, INSTANCE, SECOND, THIRD, clock, contact
from tests.builders import BY_PHONE
from tests.contract.conftest import Shop


def call_cases(shop: Shop) -> CallCases:
    return CallCases(
        CallStore(shop.models),
        shop.tickets,
        shop.changes,
        shop.plans,
        shop.customers,
        shop.staff.known_as,
        shop.clock.now,
    )


def cases(shop: Shop) -> AmazonConnectCases:
    parts = PartStore(shop.models, AMAZON_CONNECT)
    return AmazonConnectCases(parts, call_cases(shop), shop.clock.now)


def take(shop: Shop, document: dict[str, Any]) -> dict[str, Taken]:
    read = read_event if "detail" in document else read_record
    part = read(document, INSTANCE)
    assert isinstance(part, Part)
    return {one.contact: one for one in cases(shop).take(part)}


def recorded(shop: Shop, number: str | None) -> list[Event]:
    assert number is not None
    history = shop.tickets.history(number)
    return [event for event in history if event.type is EventType.CALL_RECORDED]


def tickets(shop: Shop) -> list[Ticket]:
    numbers = {
        keys.number_of(pk) for pk, sk in shop.items() if pk.startswith("TICKET#") and sk == "TICKET"
    }
    return [shop.tickets.get(number) for number in sorted(numbers)]


def staffed(shop: Shop) -> None:
    shop.member("a-mei", email="mei@example.com")
    shop.member("a-jun", email="jun@example.com")


def test_record_opens_one_ticket_and_its_repeat_changes_nothing(shop: Shop) -> None:
    """Stories 15 to 17."""
    staffed(shop)
    first = take(shop, contact())[FIRST]
    assert (first.outcome, first.knows_agent) == (Outcome.OPENED, True)
    ticket = shop.tickets.get(str(first.number))
    assert ticket.contact.phone_e164 == "+8613800138000"
    reaction = ticket.clocks.get(ClockName.REACTION) or ticket.clocks[ClockName.FIRST_RESPONSE]
    assert reaction.started_at.isoformat() == "2026-11-23T00:54:20+00:00", "leaving the menu"
    assert reaction.stopped_at is not None
    assert reaction.stopped_at.isoformat() == "2026-11-23T00:54:24+00:00"
    [event] = recorded(shop, first.number)
    assert event.data["agent"] == "a-mei"
    assert event.by.id == AMAZON_CONNECT
    before = shop.items()
    assert take(shop, contact())[FIRST] == first
    assert shop.items() == before


def test_record_that_was_changed_elsewhere_adds_no_event(shop: Shop) -> None:
    """Amazon Connect sends a record again when an attribute changes, for 24 months."""
    staffed(shop)
    number = take(shop, contact())[FIRST].number
    for second in ("50", "51"):
        changed = {"LastUpdateTimestamp": clock(f"00:59:{second}")}
        take(shop, contact(Attributes={"surveyed": second}, **changed))
    assert len(recorded(shop, number)) == 1


def test_record_that_says_more_is_added_once(shop: Shop) -> None:
    staffed(shop)
    number = take(shop, contact(Agent={"AfterContactWorkEndTimestamp": None}))[FIRST].number
    later = contact(LastUpdateTimestamp=clock("00:59:40"))
    assert take(shop, later)[FIRST].outcome is Outcome.ADDED
    take(shop, contact(Agent={"AfterContactWorkEndTimestamp": None}))
    after = [event.data["seconds"].get("after") for event in recorded(shop, number)]
    assert after == [None, 32]


def test_missed_call_is_a_callback(shop: Shop) -> None:
    taken = take(shop, connect.abandoned())[FIRST]
    assert taken.outcome is Outcome.OPENED
    assert shop.tickets.get(str(taken.number)).missed_call


def test_agent_whom_nobody_knows_is_kept_as_a_text(shop: Shop) -> None:
    taken = take(shop, contact(Agent={"Username": "Steve.Lusk"}))[FIRST]
    assert (taken.outcome, taken.knows_agent) == (Outcome.OPENED, False)
    [event] = recorded(shop, taken.number)
    assert event.data["agent_text"] == "Steve.Lusk"


def test_hidden_number_and_unanswered_call_to_a_customer_open_no_ticket(shop: Shop) -> None:
    hidden = {"Address": "anonymous", "Type": "TELEPHONE_NUMBER"}
    assert take(shop, contact(CustomerEndpoint=hidden))[FIRST].outcome is Outcome.KEPT
    dialled = contact(
        ContactId=SECOND, InitiationMethod="OUTBOUND", ConnectedToSystemTimestamp=None, Queue=None
    )
    assert take(shop, dialled)[SECOND].outcome is Outcome.KEPT
    assert tickets(shop) == []


def test_call_to_a_customer_who_answered_opens_no_ticket(shop: Shop) -> None:
    """Its promises would be broken at once, though the customer was spoken to."""
    dialled = contact(InitiationMethod="OUTBOUND", Queue=None)
    assert take(shop, dialled)[FIRST].outcome is Outcome.KEPT
    assert tickets(shop) == []


def test_answered_callback_opens_a_ticket_whose_promise_it_has_kept(shop: Shop) -> None:
    staffed(shop)
    for call, of in ((connect.callback, SECOND), (connect.customer_first, THIRD)):
        place = len(tickets(shop))
        taken = [take(shop, of_another_call(one, place)) for one in call()][-1]
        [done] = [one for id_, one in taken.items() if id_[0] == of[0]]
        assert done.outcome is Outcome.OPENED
        ticket = shop.tickets.get(str(done.number))
        assert ticket.missed_call
        response = ticket.clocks[ClockName.FIRST_RESPONSE]
        times = [f"{one:%H:%M:%S}" for one in (response.started_at, response.stopped_at) if one]
        assert times == ["00:38:39", "00:40:25"]
        assert (response.missed, response.held_by) == (False, "a-mei")
        assert ClockName.REACTION not in ticket.clocks
        assert (ticket.state, ticket.preferred) == (State.OPEN, "a-mei")
        [event] = recorded(shop, done.number)
        assert event.data["direction"] == "outbound"


@pytest.mark.parametrize(
    "nobody", [{"ConnectedToSystemTimestamp": None}, {"Agent": None, "Recording": None}]
)
def test_callback_that_did_not_reach_the_customer_is_a_ticket_that_waits_for_one(
    shop: Shop, nobody: dict[str, Any]
) -> None:
    staffed(shop)
    first, second = connect.callback()
    take(shop, first)
    taken = take(shop, second | nobody)[SECOND]
    assert taken.outcome is Outcome.OPENED
    ticket = shop.tickets.get(str(taken.number))
    assert (ticket.missed_call, ticket.state, ticket.preferred) == (True, State.NEW, None)
    assert ticket.clocks[ClockName.FIRST_RESPONSE].state is ClockState.RUNNING
    assert ticket.subject == "Missed call: please call back"


def test_later_attempt_keeps_the_promise_of_the_callback(shop: Shop) -> None:
    """The record of the first attempt came before it named the next one."""
    staffed(shop)
    first, nobody, reached = connect.retried()
    take(shop, first)
    opened = take(shop, nobody | {"NextContactId": None})[SECOND]
    assert opened.outcome is Outcome.OPENED
    assert take(shop, reached)[THIRD].number == opened.number
    response = shop.tickets.get(str(opened.number)).clocks[ClockName.FIRST_RESPONSE]
    times = [f"{one:%H:%M:%S}" for one in (response.started_at, response.stopped_at) if one]
    assert times == ["00:38:39", "00:40:25"]
    assert response.held_by == "a-jun"


def test_missed_call_is_a_callback_if_a_task_was_made_of_it(shop: Shop) -> None:
    first, task = connect.abandoned(NextContactId=SECOND), connect.task_of_the_call()
    assert take(shop, first)[FIRST].outcome is Ignored.GOES_ON
    taken = take(shop, task)
    assert (taken[FIRST].outcome, taken[SECOND].outcome) == (
        Outcome.OPENED,
        Ignored.OTHER_CHANNEL,
    )


def test_record_goes_to_the_ticket_that_an_attribute_names(shop: Shop) -> None:
    number = shop.open("inquiry", channel="phone", contact=BY_PHONE).ticket.number
    attributes = {"redress_ticket": number}
    taken = take(shop, contact(InitiationMethod="OUTBOUND", Queue=None, Attributes=attributes))
    assert (taken[FIRST].outcome, taken[FIRST].number) == (Outcome.ADDED, number)
    unknown = contact(ContactId=SECOND, Attributes={"redress_ticket": "R-00000-00000"})
    assert take(shop, unknown)[SECOND].outcome is Outcome.OPENED


def test_missed_call_about_a_ticket_is_a_callback_that_is_linked_with_it(shop: Shop) -> None:
    number = shop.open("inquiry").ticket.number
    taken = take(shop, connect.abandoned(Attributes={"redress_ticket": number}))[FIRST]
    assert taken.outcome is Outcome.OPENED
    callback = shop.tickets.get(str(taken.number))
    assert (callback.missed_call, [one.number for one in callback.links]) == (True, [number])


def test_queued_callback_about_a_ticket_waits_until_an_attempt_reaches_the_customer(
    shop: Shop,
) -> None:
    staffed(shop)
    named = shop.open("inquiry").ticket.number
    first, nobody, reached = (
        one | {"Attributes": {"redress_ticket": named}} for one in connect.retried()
    )
    take(shop, first)
    opened = take(shop, nobody | {"NextContactId": None})[SECOND]
    assert opened.outcome is Outcome.OPENED
    callback = shop.tickets.get(str(opened.number))
    assert [one.number for one in callback.links] == [named]
    assert callback.clocks[ClockName.FIRST_RESPONSE].state is ClockState.RUNNING
    assert take(shop, reached)[THIRD].number == named
    response = shop.tickets.get(str(opened.number)).clocks[ClockName.FIRST_RESPONSE]
    assert (response.state, response.held_by) == (ClockState.STOPPED, "a-jun")


def test_agent_who_dials_a_missed_caller_keeps_the_promise_of_the_callback(shop: Shop) -> None:
    staffed(shop)
    first = take(shop, connect.abandoned())[FIRST]
    times = {
        "InitiationTimestamp": clock("00:58:00"),
        "ConnectedToSystemTimestamp": clock("00:58:10"),
    }
    dialled = contact(
        ContactId=SECOND,
        InitiationMethod="OUTBOUND",
        Queue=None,
        DisconnectTimestamp=clock("00:59:00"),
        Agent=connect.of_agent("00:58:00", "00:59:00", "00:59:10"),
        **times,
    )
    taken = take(shop, dialled)[SECOND]
    assert (taken.outcome, taken.number) == (Outcome.ADDED, first.number)
    response = shop.tickets.get(str(first.number)).clocks[ClockName.FIRST_RESPONSE]
    assert (response.state, response.missed, response.held_by) == (
        ClockState.STOPPED,
        False,
        "a-mei",
    )


def test_contact_that_an_agent_closes_days_later_calls_nobody_back(shop: Shop) -> None:
    """The call itself was before the one that was missed, and the ticket of it gets its record."""
    staffed(shop)
    own = shop.open("inquiry", channel="phone", contact=BY_PHONE).ticket
    shop.assigner().assign(own.number)
    shop.clock.advance(days=1)
    endpoint = {"Address": str(BY_PHONE["phone"]), "Type": "TELEPHONE_NUMBER"}
    day = "2026-11-24T"
    missed = connect.abandoned(
        ContactId=SECOND,
        CustomerEndpoint=endpoint,
        InitiationTimestamp=f"{day}00:30:00Z",
        Queue={"EnqueueTimestamp": f"{day}00:30:20Z", "DequeueTimestamp": f"{day}00:33:00Z"},
        DisconnectTimestamp=f"{day}00:33:00Z",
        LastUpdateTimestamp=f"{day}00:33:10Z",
    )
    waits = take(shop, missed)[SECOND]
    assert (waits.outcome, waits.number == own.number) == (Outcome.OPENED, False)
    shop.clock.advance(days=2)
    closed = contact(
        CustomerEndpoint=endpoint,
        DisconnectTimestamp=clock("01:01:00"),
        Agent=connect.of_agent("00:54:24", "01:01:00", "00:00:00")
        | {"AfterContactWorkEndTimestamp": "2026-11-25T23:00:00Z"},
        LastUpdateTimestamp="2026-11-25T23:00:10Z",
    )
    taken = take(shop, closed)[FIRST]
    assert (taken.number, taken.left_out) == (own.number, ("after_work_ended",))
    [event] = recorded(shop, own.number)
    assert event.data["seconds"] == {"menu": 20, "queue": 4, "talk": 396, "hold": 0}
    kept = shop.tickets.get(own.number).clocks
    answered = [f"{one.stopped_at:%d %H:%M:%S}" for one in kept.values() if one.stopped_at]
    assert "23 00:54:24" in answered
    response = shop.tickets.get(str(waits.number)).clocks[ClockName.FIRST_RESPONSE]
    assert response.state is ClockState.RUNNING


def test_part_that_an_earlier_version_told_in_another_way_is_a_repeat(shop: Shop) -> None:
    staffed(shop)
    first = take(shop, contact())[FIRST]
    before = shop.items()
    parts = PartStore(shop.models, AMAZON_CONNECT).of_call(FIRST)
    body = records(parts)[FIRST]
    assert isinstance(body, PlainRecord)
    place = PartOfCall(body.since, body.picked_up)
    told = body.body | {"hold_s": 31}
    again = call_cases(shop).take(MACHINE, told, place)
    assert (again.outcome, again.number) == (first.outcome, first.number)
    assert shop.items() == before


@pytest.mark.parametrize(
    ("call", "kept"),
    [
        (connect.transferred, ("00:54:20", "00:54:24")),
        (connect.hung_up, ("00:54:20", "00:54:24")),
        (connect.asked_for_help, ("00:54:20", "00:54:24")),
        (connect.overflowed, ("00:54:20", "00:55:00")),
        (connect.callback, ("00:38:39", "00:40:25")),
        (connect.customer_first, ("00:38:39", "00:40:25")),
    ],
)
def test_order_in_which_contacts_come_changes_nothing(
    shop: Shop, call: Any, kept: tuple[str, str]
) -> None:
    """One ticket, what is known of each part at last, and the pick-up of who answered first."""
    staffed(shop)
    documents = list(call())
    if len(documents) == 2:
        documents.append(connect.event("QUEUED", "00:54:20"))
    found = []
    for place, order in enumerate(permutations(documents)):
        for one in (*order, order[0]):
            take(shop, of_another_call(one, place))
        found.append(state_of(shop, place))
    assert len(found) == 6
    for one in found:
        assert one == found[0]
    assert kept in found[0][1]


def test_transfer_that_nobody_answered_opens_no_callback_while_its_agent_works(shop: Shop) -> None:
    """The record of the agent's part opens the ticket of the call, and the wait is an event in
    it. Nobody hung up on an agent who asked for help."""
    staffed(shop)
    for place, (call, told) in enumerate(((connect.hung_up, 2), (connect.asked_for_help, 1))):
        first, lost, answered = (of_another_call(one, place) for one in call())
        take(shop, answered)
        [waits] = [one for one in take(shop, lost).values() if one.contact[0] == SECOND[0]]
        assert waits.outcome is Ignored.WAITS
        assert len(tickets(shop)) == place
        assert take(shop, first)[first["ContactId"]].outcome is Outcome.OPENED
        [ticket] = [one for one in tickets(shop) if one.contact.phone_e164 == phone_of(place)]
        assert (ticket.missed_call, ticket.preferred) == (False, "a-mei")
        assert len(recorded(shop, ticket.number)) == told


def test_ticket_of_a_transferred_call_is_offered_first_to_who_took_it_over(shop: Shop) -> None:
    staffed(shop)
    first, second = connect.transferred()
    number = str(take(shop, first)[FIRST].number)
    assert shop.tickets.get(number).preferred == "a-mei"
    take(shop, second)
    assert shop.tickets.get(number).preferred == "a-jun"
    take(shop, first | {"LastUpdateTimestamp": clock("00:59:59"), "Queue": {"Name": "Other"}})
    assert shop.tickets.get(number).preferred == "a-jun"


def test_withdrawn_ticket_of_a_transferred_call_goes_to_nobody(shop: Shop) -> None:
    staffed(shop)
    first, second = connect.transferred()
    number = str(take(shop, first)[FIRST].number)
    shop.changes.change(number, lambda t, p, at: by_customer.withdraw(t, p, "Never mind", at))
    take(shop, second)
    ticket, history = shop.tickets.get(number), shop.tickets.history(number)
    assert (ticket.state, history[-1].type) == (State.CLOSED, EventType.CALL_RECORDED)


def test_agent_who_has_the_ticket_keeps_it_when_the_call_was_transferred(shop: Shop) -> None:
    for name in ("mei", "jun"):
        shop.member(f"a-{name}", email=f"{name}@example.com", team="service")
    first, second = connect.transferred()
    number = str(take(shop, first)[FIRST].number)
    shop.assigner().assign(number)
    assert shop.tickets.get(number).assignee == "a-mei"
    take(shop, second)
    assert shop.tickets.get(number).assignee == "a-mei"


def of_another_call(document: dict[str, Any], place: int) -> dict[str, Any]:
    """The same document about the call of another customer."""
    text = json.dumps(document).replace("1111-111111111111", f"1111-1111{place:08}")
    text = text.replace("2222-222222222222", f"2222-2222{place:08}")
    text = text.replace("3333-333333333333", f"3333-3333{place:08}")
    found: dict[str, Any] = json.loads(text.replace(PHONE, phone_of(place)))
    return found


PHONE = "+8613800138000"


def phone_of(place: int) -> str:
    return f"{PHONE[:-2]}{place:02}"


def state_of(shop: Shop, place: int) -> Any:
    """The newest record of each part of a call, the promises that were kept, by their times, and
    everything else of the ticket that follows from the call."""
    [ticket] = [one for one in tickets(shop) if one.contact.phone_e164 == phone_of(place)]
    named = {"id", "phone", "recording"}
    newest = {
        event.data["id"][0]: {name: event.data[name] for name in event.data if name not in named}
        for event in recorded(shop, ticket.number)
    }
    kept = {
        (f"{held.started_at:%H:%M:%S}", f"{held.stopped_at:%H:%M:%S}")
        for held in ticket.clocks.values()
        if held.stopped_at is not None and held.stopped_at < shop.clock.now()
    }
    clocks = {
        name: (held.started_at, held.due_at, held.stopped_at, held.state, held.held_by)
        for name, held in ticket.clocks.items()
    }
    return newest, kept, clocks, ticket.preferred, ticket.state, ticket.missed_call, ticket.replies


def test_parts_of_a_call_are_added_to_the_ticket_that_its_first_agent_opened(shop: Shop) -> None:
    """The second part begins after the ticket was opened, and its record comes first."""
    staffed(shop)
    life = shop.open("inquiry", channel="phone", contact=BY_PHONE)
    shop.assigner().assign(life.ticket.number)
    shop.clock.advance(minutes=8)
    first, second = connect.transferred()
    times = {"DisconnectTimestamp": clock("01:01:00"), "LastUpdateTimestamp": clock("01:06:00")}
    endpoint = {"Address": str(BY_PHONE["phone"]), "Type": "TELEPHONE_NUMBER"}
    first |= times | {
        "CustomerEndpoint": endpoint,
        "Agent": first["Agent"] | connect.of_agent("00:54:24", "01:01:00", "01:06:00"),
    }
    second |= {
        "CustomerEndpoint": endpoint,
        "InitiationTimestamp": clock("01:00:50"),
        "Queue": {"EnqueueTimestamp": clock("01:01:00")},
        "Agent": second["Agent"] | connect.of_agent("01:01:10", "01:04:00", "01:04:10"),
        "DisconnectTimestamp": clock("01:04:00"),
        "LastUpdateTimestamp": clock("01:04:30"),
    }
    take(shop, connect.event("CONNECTED_TO_AGENT", "00:54:24"))
    assert take(shop, second)[SECOND].number == life.ticket.number
    assert take(shop, first)[FIRST].number == life.ticket.number
    assert [one.data["id"] for one in recorded(shop, life.ticket.number)] == [SECOND, FIRST]
    assert len(tickets(shop)) == 1


def test_wrong_contact_leaves_its_call_as_it_was(shop: Shop) -> None:
    staffed(shop)
    take(shop, contact())
    before = shop.items()
    with pytest.raises(InvalidInput):
        take(
            shop,
            contact(
                DisconnectTimestamp=clock("03:00:00"),
                Agent={"AfterContactWorkStartTimestamp": None},
                LastUpdateTimestamp=clock("01:00:00"),
            ),
        )
    assert shop.items() == before


def test_two_contacts_of_a_call_at_once_are_both_kept(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    staffed(shop)
    first, second = connect.transferred()
    original, faster = PartStore.of_call, list[Any]()

    def of_call(store: PartStore, call: str) -> Any:
        found = original(store, call)
        if not faster:
            faster.append(None)
            faster.append(take(shop, first)[FIRST])
        return found

    monkeypatch.setattr(PartStore, "of_call", of_call)
    taken = take(shop, second)
    assert {one.number for one in taken.values()} == {faster[1].number}
    assert taken[SECOND].outcome is Outcome.ADDED


def test_process_that_died_before_the_record_was_taken_is_repeated(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(CallCases, "take", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            take(shop, contact())
    assert tickets(shop) == []
    assert take(shop, contact())[FIRST].outcome is Outcome.OPENED


def test_event_opens_nothing(shop: Shop) -> None:
    taken = take(shop, connect.event("DISCONNECTED", "00:57:40"))
    assert taken[FIRST].outcome is Ignored.NO_RECORD
    assert tickets(shop) == []


def test_record_of_a_call_that_is_forgotten_opens_no_ticket(shop: Shop) -> None:
    """An attribute was changed months after the call."""
    shop.clock.advance(days=31)
    changed = connect.abandoned(LastUpdateTimestamp="2026-12-24T00:00:00Z")
    assert take(shop, changed)[FIRST].outcome is Ignored.TOO_OLD
    assert shop.items() == {}


def test_parts_of_a_call_are_removed_after_30_days(shop: Shop) -> None:
    take(shop, contact())
    item = shop.item(keys.connector_pk(AMAZON_CONNECT), keys.parts_sk(FIRST))
    assert int(item["expires"]["N"]) - shop.clock.now().timestamp() == 30 * 86400
    assert MACHINE.id == AMAZON_CONNECT
