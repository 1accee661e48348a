"""Records of calls, on each engine: one ticket for each call, whatever comes first or twice."""

from __future__ import annotations

from copy import replace
from typing import Any

import pytest

from redress.base.errors import InvalidInput, KeyReused, Unreadable
from redress.clocks.rules.clocks import ClockName, ClockState
from redress.connectors.cases.calls import CallCases, Recorded
from redress.connectors.cases.taking import MessageCases
from redress.connectors.rules.connector import Connector, Scope, State
from redress.connectors.store.calls import CallStore, Outcome
from redress.connectors.store.taken import MessageStore
from redress.customers.rules.profile import MergedInto
from redress.db import keys
from redress.tickets.cases.changes import Decided
from redress.tickets.links import Links
from redress.tickets.rules.steps import by_customer, merging
from redress.tickets.rules.steps.matching import match
from redress.tickets.rules.ticket import Event, EventType
from tests.builders import BY_PHONE, MEI, START, Life
from tests.contract.conftest import Shop
from tests.customers.builders import EMAIL, LI_NA, PHONE, WANG_WEI, new, profile


def machine(team: str | None = None) -> Any:
    scopes = (Scope.WRITE_CALLS, Scope.WRITE_MESSAGES)
    return Connector("hotline", "Hotline", scopes, team, State.ACTIVE, (), 1).machine


def calls(shop: Shop) -> CallCases:
    return CallCases(
        CallStore(shop.models),
        shop.tickets,
        shop.changes,
        shop.plans,
        shop.customers,
        shop.staff.known_as,
        shop.clock.now,
    )


def messages(shop: Shop) -> MessageCases:
    return MessageCases(
        MessageStore(shop.models),
        CallStore(shop.models),
        shop.tickets,
        shop.changes,
        shop.plans,
        Links(lambda: [b"secret"]),
        shop.clock.now,
    )


def record(**fields: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "call": "c-1",
        "updated": "2026-11-23T00:59:00Z",
        "result": "answered",
        "phone": "+86 138 0013 8000",
        "began": "2026-11-23T00:54:00Z",
        "left_menu": "2026-11-23T00:54:20Z",
        "answered": "2026-11-23T00:54:24Z",
        "ended": "2026-11-23T00:57:24Z",
        "agent": "A-Mei@Example.com",
    }
    return {name: value for name, value in (usual | fields).items() if value is not None}


def missed(**fields: Any) -> dict[str, Any]:
    return record(**({"result": "abandoned_in_queue", "answered": None, "agent": None} | fields))


def in_menu(**fields: Any) -> dict[str, Any]:
    return missed(**({"result": "abandoned_in_menu", "left_menu": None} | fields))


def message(**fields: Any) -> dict[str, Any]:
    usual = {
        "conversation": "c-1",
        "message": "m-1",
        "channel": "phone",
        "text": "The kettle leaks.",
        "language": "en",
        "customer": {"name": "Li Na", "phone": "13800138000"},
        "consent": True,
    }
    return usual | fields


def take(shop: Shop, body: dict[str, Any]) -> Recorded:
    return calls(shop).take(machine(), body)


def meanwhile(shop: Shop, monkeypatch: pytest.MonkeyPatch, body: dict[str, Any]) -> list[Recorded]:
    """Let another record come after the next one has read what is known, and before it writes.

    What became of the other record is added to the list.
    """
    original, faster = CallStore.known, list[Recorded]()

    def known(store: CallStore, *given: Any) -> Any:
        found = original(store, *given)
        if not faster:
            monkeypatch.setattr(CallStore, "known", original)
            faster.append(take(shop, body))
        return found

    monkeypatch.setattr(CallStore, "known", known)
    return faster


def recorded(shop: Shop, number: str | None) -> list[Event]:
    assert number is not None
    history = shop.tickets.history(number)
    return [event for event in history if event.type is EventType.CALL_RECORDED]


def test_record_opens_a_ticket_once_and_a_repeat_gets_the_same_answer(shop: Shop) -> None:
    """Story 17: the source's id is the key."""
    shop.member("a-mei")
    first = take(shop, record())
    assert first.outcome is Outcome.OPENED
    before = shop.items()
    assert take(shop, record()) == first
    assert shop.items() == before
    [event] = recorded(shop, first.number)
    assert event.data["agent"] == "a-mei"
    with pytest.raises(KeyReused):
        take(shop, record(menu="3"))


def test_newer_record_is_added_and_an_older_one_is_ignored(shop: Shop) -> None:
    first = take(shop, record())
    late = record(updated="2026-11-23T00:59:30Z", after_work_ended="2026-11-23T00:59:20Z")
    added = take(shop, late)
    assert (added.outcome, added.number) == (Outcome.ADDED, first.number)
    older = take(shop, record(menu="3"))
    assert (older.outcome, older.number) == (Outcome.OLDER, first.number)
    assert [event.data["seconds"].get("after") for event in recorded(shop, first.number)] == [
        None,
        116,
    ]


def test_records_out_of_order_leave_the_newest_one(shop: Shop) -> None:
    newest = record(updated="2026-11-23T00:59:30Z", after_work_ended="2026-11-23T00:59:20Z")
    first = take(shop, newest)
    assert take(shop, record()).outcome is Outcome.OLDER
    assert take(shop, newest) == first
    assert len(recorded(shop, first.number)) == 1


def test_agent_whom_nobody_knows_is_kept_as_a_text(shop: Shop) -> None:
    [event] = recorded(shop, take(shop, record(agent="desk 4")).number)
    assert (event.data["agent_text"], "agent" in event.data) == ("desk 4", False)


def test_record_is_added_to_the_ticket_of_its_conversation(shop: Shop) -> None:
    opened = messages(shop).take("hotline", "d-1", message()).taken
    added = take(shop, record())
    assert (added.outcome, added.number) == (Outcome.ADDED, opened.number)


def test_messages_of_a_call_go_to_the_ticket_that_its_record_opened(shop: Shop) -> None:
    opened = take(shop, record())
    added = messages(shop).take("hotline", "d-1", message()).taken
    assert (added.number, added.opened) == (opened.number, False)


def test_record_before_its_call_joins_the_ticket_that_the_message_opens(shop: Shop) -> None:
    kept = take(shop, in_menu())
    assert (kept.outcome, kept.number) == (Outcome.KEPT, None)
    opened = messages(shop).take("hotline", "d-1", message()).taken
    assert opened.opened
    [event] = recorded(shop, opened.number)
    assert event.number == opened.version
    later = take(shop, in_menu(updated="2026-11-23T00:59:30Z", menu="3"))
    assert (later.outcome, later.number) == (Outcome.ADDED, opened.number)


def test_repeat_of_a_record_that_waits_changes_nothing(shop: Shop) -> None:
    take(shop, in_menu())
    before = shop.items()
    assert take(shop, in_menu()).outcome is Outcome.KEPT
    assert shop.items() == before


def test_hidden_number_opens_no_ticket(shop: Shop) -> None:
    assert take(shop, missed(phone=None)).outcome is Outcome.KEPT
    assert not [pk for pk, _ in shop.items() if pk.startswith("TICKET#")]


def test_missed_call_opens_a_callback_for_the_number(shop: Shop) -> None:
    found = take(shop, missed(phone="021/6552-9988", language="en"))
    assert (found.outcome, found.number is not None) == (Outcome.OPENED, True)
    ticket = shop.tickets.get(str(found.number))
    assert (ticket.missed_call, ticket.channel) == (True, "phone")
    assert ticket.contact.phone_e164 == "+862165529988"
    assert ticket.subject == "Missed call: please call back"


def test_customer_is_found_by_the_number(shop: Shop) -> None:
    """Story 16: numbers are normalised once, at the door."""
    earlier = shop.open("inquiry", contact={"name": "Li Na", "phone": "(021) 65529988"})
    shop.assigner().assign(earlier.ticket.number)
    found = take(shop, missed(phone="+86 21/6552-9988"))
    ticket = shop.tickets.get(str(found.number))
    assert ticket.contact.name == "Li Na"
    shop.assigner().assign(ticket.number)
    matched = [shop.tickets.get(one).customer for one in (earlier.ticket.number, ticket.number)]
    assert matched[0] is not None
    assert matched[0] == matched[1]


def opened_by_agent(shop: Shop, **fields: Any) -> Life:
    life = shop.open("inquiry", channel="phone", contact=BY_PHONE, **fields)
    shop.assigner().assign(life.ticket.number)
    return life


def test_record_is_added_to_the_ticket_that_an_agent_opened_for_the_caller(shop: Shop) -> None:
    life = opened_by_agent(shop)
    shop.clock.advance(minutes=5)
    times = {"began": "2026-11-23T00:59:00Z", "left_menu": None}
    times |= {"answered": "2026-11-23T00:59:10Z", "ended": "2026-11-23T01:04:00Z"}
    found = take(shop, record(phone=BY_PHONE["phone"], updated="2026-11-23T01:04:00Z", **times))
    assert (found.outcome, found.number) == (Outcome.ADDED, life.ticket.number)


def test_late_record_leaves_nothing_unanswered_that_was_said_in_the_call(shop: Shop) -> None:
    """The agent wrote the ticket while the caller spoke. Only what the customer wrote after the
    call waits for a reply."""
    life = opened_by_agent(shop)
    number = life.ticket.number
    shop.clock.advance(minutes=10)
    times = {"began": "2026-11-23T00:59:00Z", "left_menu": None}
    times |= {"answered": "2026-11-23T00:59:10Z", "ended": "2026-11-23T01:04:00Z"}
    body = record(phone=BY_PHONE["phone"], updated="2026-11-23T01:04:00Z", **times)
    assert take(shop, body).number == number
    ticket = shop.tickets.get(number)
    assert ticket.unanswered_since is None
    assert ClockName.NEXT_REPLY not in ticket.clocks


def test_record_that_corrects_the_answer_corrects_the_reaction_with_it(shop: Shop) -> None:
    number = opened_by_agent(shop).ticket.number
    shop.clock.advance(minutes=10)
    times = {"began": "2026-11-23T00:59:00Z", "ended": "2026-11-23T01:04:00Z", "left_menu": None}
    for updated, answered in (("01:05:00", "00:59:12"), ("01:06:00", "00:59:04")):
        said = {"updated": f"2026-11-23T{updated}Z", "answered": f"2026-11-23T{answered}Z"}
        assert take(shop, record(phone=BY_PHONE["phone"], **said, **times)).number == number
    clocks = shop.tickets.get(number).clocks
    for name in (ClockName.REACTION, ClockName.FIRST_RESPONSE):
        assert f"{clocks[name].stopped_at:%H:%M:%S}" == "00:59:04", name


def merged(shop: Shop, source: str, target: str) -> None:
    """Staff merge a ticket into another one."""
    at = shop.clock.now()
    first, second = (
        merging.Merger(one, shop.plans.get(one.plan_version), at, one.customer, {})
        for one in (shop.tickets.get(source), shop.tickets.get(target))
    )
    ended, taken = merging.merge(first, second, MEI, "the same matter")
    shop.changes.write(lambda: Decided(None, ended, at, also=((taken, at),)))


def test_record_that_comes_after_its_ticket_was_merged_keeps_the_promise_in_the_target(
    shop: Shop,
) -> None:
    """The agent opened a ticket in the call, and saw then that the matter had one already."""
    target = shop.open("inquiry", contact=BY_PHONE).ticket.number
    shop.assigner().assign(target)
    shop.clock.advance(hours=1)
    source = opened_by_agent(shop).ticket.number
    shop.clock.advance(minutes=1)
    merged(shop, source, target)
    times = {"began": "2026-11-23T01:59:00Z", "left_menu": "2026-11-23T01:59:10Z"}
    times |= {"answered": "2026-11-23T01:59:14Z", "ended": "2026-11-23T02:00:30Z"}
    times["conversation"] = "c-9"
    body = record(phone=BY_PHONE["phone"], updated="2026-11-23T02:01:00Z", **times)
    found = take(shop, body)
    assert (found.outcome, found.number) == (Outcome.ADDED, target)
    assert recorded(shop, source) == []
    [event] = recorded(shop, target)
    assert event.data["sent_to"] == source
    ticket = shop.tickets.get(target)
    answered = ticket.clocks[ClockName.FIRST_RESPONSE]
    assert (answered.state, answered.breached) == (ClockState.STOPPED, False)
    assert answered.stopped_at is not None
    assert answered.stopped_at.isoformat() == "2026-11-23T01:59:14+00:00"
    assert ticket.unanswered_since is None
    again = body | {"updated": "2026-11-23T02:02:00Z", "after_work_ended": "2026-11-23T02:01:30Z"}
    assert take(shop, again).number == target
    assert shop.tickets.get(target).version == ticket.version + 1
    of_customer(shop, target, WANG_WEI)
    later = again | {"updated": "2026-11-23T02:03:00Z", "menu": "3"}
    assert take(shop, later).number == source, "the target is somebody else's now"
    assert take(shop, later).number == source
    assert len(recorded(shop, target)) == 2
    wrote = messages(shop).take("hotline", "d-1", message(conversation="c-9")).taken
    assert wrote.number != target


def test_ticket_of_another_call_of_the_customer_is_left_alone(shop: Shop) -> None:
    life = opened_by_agent(shop)
    shop.clock.advance(hours=5)
    times = {"began": "2026-11-23T05:00:00Z", "left_menu": None}
    times |= {"answered": "2026-11-23T05:00:10Z", "ended": "2026-11-23T05:04:00Z"}
    found = take(shop, record(phone=BY_PHONE["phone"], updated="2026-11-23T05:04:00Z", **times))
    assert found.outcome is Outcome.OPENED
    assert recorded(shop, life.ticket.number) == []


def test_record_names_its_ticket_only_if_the_connector_may_see_it(shop: Shop) -> None:
    number = shop.open("inquiry", channel="phone", contact=BY_PHONE).ticket.number
    with pytest.raises(InvalidInput) as caught:
        calls(shop).take(machine("complaints"), record(ticket=number))
    assert [fault.pointer for fault in caught.value.faults] == ["/ticket"]
    with pytest.raises(InvalidInput):
        take(shop, record(ticket="R-00000-00000"))
    added = calls(shop).take(machine("service"), record(ticket=number))
    assert (added.outcome, added.number) == (Outcome.ADDED, number)


def test_two_records_of_a_call_at_once_open_one_ticket(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    faster = meanwhile(shop, monkeypatch, record())
    second = take(shop, record(updated="2026-11-23T00:59:30Z", menu="3"))
    assert (second.outcome, second.number) == (Outcome.ADDED, faster[0].number)
    assert len(recorded(shop, second.number)) == 2


def test_message_at_the_same_time_as_the_record_goes_to_one_ticket(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, faster = CallStore.known, list[str]()

    def known(store: CallStore, *given: Any) -> Any:
        found = original(store, *given)
        if not faster:
            monkeypatch.setattr(CallStore, "known", original)
            faster.append(messages(shop).take("hotline", "d-1", message()).taken.number)
        return found

    monkeypatch.setattr(CallStore, "known", known)
    assert take(shop, record()).number == faster[0]


def test_plan_without_a_hotline_opens_no_ticket(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from redress.plans.rules.document import parse
    from tests.builders import plan_document

    document = plan_document()
    del document["hotline"]
    monkeypatch.setattr(shop.plans, "current", lambda: parse(document))
    assert take(shop, record()).outcome is Outcome.KEPT


@pytest.mark.parametrize("fields", [{}, {"result": "missed", "answered": None}])
def test_call_to_a_customer_opens_no_ticket(shop: Shop, fields: dict[str, Any]) -> None:
    """Whether or not they answered: they asked for nothing."""
    shop.member("a-mei")
    body = record(direction="outbound", left_menu=None, **fields)
    assert take(shop, body).outcome is Outcome.KEPT
    assert not [pk for pk, _ in shop.items() if pk.startswith("TICKET#")]


# ------------------------------------------------------------------ a caller who calls again


def at(time: str) -> str:
    return f"2026-11-23T{time}Z"


def later(call: str, began: str, answered: str | None, ended: str, **fields: Any) -> dict[str, Any]:
    """Another call of the same number."""
    times = {"began": at(began), "left_menu": None, "ended": at(ended), "updated": at(ended)}
    usual = {"call": call, "phone": "138-0013-8000", **times}
    if answered is None:
        return missed(**(usual | {"result": "missed"} | fields))
    return record(**(usual | {"answered": at(answered)} | fields))


def response(shop: Shop, number: str | None) -> Any:
    return shop.tickets.get(str(number)).clocks[ClockName.FIRST_RESPONSE]


def numbers(shop: Shop) -> set[str]:
    return {pk for pk, sk in shop.items() if pk.startswith("TICKET#") and sk == "TICKET"}


@pytest.mark.parametrize("result", ["missed", "abandoned_in_queue", "abandoned_in_menu"])
def test_caller_who_waits_for_a_callback_and_calls_again_has_one_callback(
    shop: Shop, result: str
) -> None:
    """Three calls of a number in a queue without agents gave three callbacks."""
    first = take(shop, missed())
    again = [
        take(shop, later(f"c-{n}", f"01:0{n}:00", None, f"01:0{n}:30", result=result))
        for n in (2, 3)
    ]
    assert {one.number for one in again} == {first.number}
    assert {one.outcome for one in again} == {Outcome.ADDED}
    assert len(recorded(shop, first.number)) == 3
    assert response(shop, first.number).state is ClockState.RUNNING
    assert len(numbers(shop)) == 1


def test_two_missed_calls_of_a_number_at_once_are_one_callback(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    faster = meanwhile(shop, monkeypatch, missed())
    second = take(shop, later("c-2", "00:58:00", None, "00:59:00"))
    assert (second.outcome, second.number) == (Outcome.ADDED, faster[0].number)


@pytest.mark.parametrize("direction", ["inbound", "outbound"])
def test_call_that_was_answered_keeps_the_callback_of_the_number(
    shop: Shop, direction: str
) -> None:
    """Staff dial from their telephone, and the caller does not wait but calls again. Neither names
    the ticket."""
    shop.member("a-mei")
    first = take(shop, missed())
    shop.clock.advance(minutes=10)
    body = later("c-2", "01:05:00", "01:05:10", "01:08:00", direction=direction)
    second = take(shop, body)
    assert (second.outcome, second.number) == (Outcome.ADDED, first.number)
    kept = response(shop, first.number)
    assert (kept.state, kept.missed, kept.held_by) == (ClockState.STOPPED, False, "a-mei")
    assert f"{kept.stopped_at:%H:%M:%S}" == "01:05:10"
    assert kept.started_at == shop.tickets.get(str(first.number)).created_at
    assert len(numbers(shop)) == 1


def test_words_of_whoever_calls_from_the_same_number_are_not_added_to_its_callback(
    shop: Shop,
) -> None:
    """Several people may have one number, such as that of a company."""
    first = take(shop, missed())
    shop.clock.advance(minutes=10)
    take(shop, later("c-2", "01:05:00", "01:05:10", "01:08:00"))
    told = messages(shop).take("hotline", "d-1", message(conversation="c-2")).taken
    assert told.number != first.number
    of_first = [event.type for event in shop.tickets.history(str(first.number))]
    assert of_first.count(EventType.CALL_RECORDED) == 2
    assert EventType.CUSTOMER_WROTE not in of_first
    picked_up = response(shop, told.number)
    assert (picked_up.state, picked_up.missed) == (ClockState.STOPPED, False), "by the call"
    assert len(recorded(shop, told.number)) == 1
    assert linked_with(shop, told.number) == [first.number]
    assert linked_with(shop, first.number) == [told.number]
    newer = later("c-2", "01:05:00", "01:05:10", "01:08:00", menu="3", updated=at("01:09:00"))
    assert take(shop, newer).number == told.number


def of_customer(shop: Shop, number: str, customer: str) -> None:
    shop.changes.change(number, lambda t, plan, at: match(t, plan, customer, "phone", at))


def test_damaged_profile_keeps_no_call_from_the_ticket_that_it_names(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(customer: str) -> tuple[str, ...]:
        raise Unreadable(customer, "PROFILE")

    first = take(shop, missed())
    other = shop.open("inquiry", channel="phone", contact=BY_PHONE).ticket.number
    for number, customer in ((str(first.number), LI_NA), (other, WANG_WEI)):
        of_customer(shop, number, customer)
    monkeypatch.setattr(shop.customers, "ids_of", damaged)
    shop.clock.advance(minutes=10)
    named = take(shop, later("c-2", "01:05:00", "01:05:10", "01:08:00", ticket=other))
    assert (named.outcome, named.number) == (Outcome.ADDED, other)
    assert response(shop, first.number).state is ClockState.RUNNING


@pytest.mark.parametrize("is_merged", [True, False])
def test_call_about_another_ticket_is_the_callback_only_of_the_customer_who_was_called(
    shop: Shop, is_merged: bool
) -> None:
    shop.member("a-mei")
    first = take(shop, missed())
    other = shop.open("inquiry", channel="phone", contact=BY_PHONE).ticket.number
    for number, customer in ((str(first.number), LI_NA), (other, WANG_WEI)):
        of_customer(shop, number, customer)
    target, gone = profile(LI_NA, PHONE), profile(WANG_WEI, EMAIL)
    if is_merged:
        target = replace(target, absorbed=(WANG_WEI,))
        gone = replace(gone, merged_into=MergedInto(LI_NA, 2, START))
    shop.customers.write([new(target), new(gone)])
    shop.clock.advance(minutes=10)
    take(shop, later("c-2", "01:05:00", "01:05:10", "01:08:00", ticket=other))
    state = response(shop, first.number).state
    assert state is (ClockState.STOPPED if is_merged else ClockState.RUNNING)
    assert linked_with(shop, first.number) == ([other] if is_merged else [])


def test_newer_record_of_the_second_call_is_the_one_that_its_words_get(shop: Shop) -> None:
    """A telephone system sends the record again when the work after the call is over."""
    first = take(shop, missed())
    shop.clock.advance(minutes=10)
    body = later("c-2", "01:05:00", "01:05:10", "01:08:00")
    take(shop, body)
    newer = {"updated": at("01:09:00"), "after_work_ended": at("01:08:50")}
    assert take(shop, body | newer).number == first.number
    told = messages(shop).take("hotline", "d-1", message(conversation="c-2")).taken
    [event] = recorded(shop, told.number)
    assert event.data["seconds"]["after"] == 50
    assert linked_with(shop, told.number) == [first.number]


def test_call_whose_words_go_to_its_ticket_is_not_kept_for_another_one(shop: Shop) -> None:
    first = take(shop, missed())
    assert take(shop, missed(updated=at("00:59:30"), menu="3")).number == first.number
    item = shop.item(keys.connector_pk("hotline"), keys.call_sk("c-1"))
    assert '"began"' not in str(item)


def test_agent_who_takes_the_second_call_is_offered_the_callback_first(shop: Shop) -> None:
    shop.member("a-mei")
    first = take(shop, missed())
    shop.clock.advance(minutes=10)
    take(shop, later("c-2", "01:05:00", "01:05:10", "01:08:00"))
    assert shop.tickets.get(str(first.number)).preferred == "a-mei"


def test_attempt_that_reaches_nobody_is_on_the_ticket_and_keeps_nothing(shop: Shop) -> None:
    first = take(shop, missed())
    second = take(shop, later("c-2", "01:02:00", None, "01:02:30", direction="outbound"))
    assert (second.outcome, second.number) == (Outcome.ADDED, first.number)
    assert response(shop, first.number).state is ClockState.RUNNING


def test_callback_that_was_made_before_the_record_of_the_missed_call_came_is_kept(
    shop: Shop,
) -> None:
    first = take(shop, missed(ended="2026-11-23T00:55:00Z"))
    second = take(shop, later("c-2", "00:57:00", "00:57:05", "00:59:00", direction="outbound"))
    assert second.number == first.number
    kept = response(shop, first.number)
    times = [f"{one:%H:%M:%S}" for one in (kept.started_at, kept.stopped_at)]
    assert times == ["00:55:00", "00:57:05"]


def test_call_that_was_answered_before_the_missed_one_is_no_callback(shop: Shop) -> None:
    first = take(shop, missed())
    early = later("c-0", "00:40:00", "00:40:10", "00:45:00")
    second = take(shop, early)
    assert (second.outcome, second.number != first.number) == (Outcome.OPENED, True)
    assert response(shop, first.number).state is ClockState.RUNNING


def test_caller_who_was_called_back_and_calls_again_is_called_back_again(shop: Shop) -> None:
    first = take(shop, missed())
    shop.clock.advance(minutes=10)
    take(shop, later("c-2", "01:05:00", "01:05:10", "01:08:00", direction="outbound"))
    third = take(shop, later("c-3", "01:09:00", None, "01:09:30"))
    assert (third.outcome, third.number != first.number) == (Outcome.OPENED, True)
    fourth = take(shop, later("c-4", "01:09:40", None, "01:09:50"))
    assert (fourth.outcome, fourth.number) == (Outcome.ADDED, third.number)


def test_missed_call_of_another_number_is_a_callback_of_its_own(shop: Shop) -> None:
    first = take(shop, missed())
    second = take(shop, later("c-2", "00:58:00", None, "00:59:00", phone="13800138001"))
    assert (second.outcome, second.number != first.number) == (Outcome.OPENED, True)


def test_connector_of_another_team_adds_nothing_to_the_callback(shop: Shop) -> None:
    first = calls(shop).take(machine("service"), missed())
    body = later("c-2", "00:58:00", None, "00:59:00")
    second = calls(shop).take(machine("complaints"), body)
    assert second.number != first.number


def test_further_call_goes_to_the_ticket_into_which_the_callback_was_merged(shop: Shop) -> None:
    target = shop.open("inquiry", contact={"name": "Li Na", "phone": "13800138000"}).ticket.number
    shop.assigner().assign(target)
    first = take(shop, missed())
    shop.assigner().assign(str(first.number))
    shop.clock.advance(minutes=1)
    merged(shop, str(first.number), target)
    shop.clock.advance(minutes=9)
    second = take(shop, later("c-2", "01:05:00", "01:05:10", "01:08:00", direction="outbound"))
    assert (second.outcome, second.number) == (Outcome.ADDED, target)
    assert recorded(shop, target)[-1].data["sent_to"] == first.number
    assert response(shop, target).state is ClockState.STOPPED


def linked_with(shop: Shop, number: str | None) -> list[str]:
    return [one.number for one in shop.tickets.get(str(number)).links]


def test_agent_who_opens_a_ticket_in_the_call_keeps_the_callback_too(shop: Shop) -> None:
    """The caller of a missed call calls again, and the agent writes a ticket for that call."""
    shop.member("a-mei")
    first = take(shop, missed(phone=BY_PHONE["phone"]))
    shop.assigner().assign(str(first.number))
    shop.clock.advance(minutes=10)
    life = opened_by_agent(shop)
    shop.clock.advance(minutes=5)
    body = later("c-2", "01:09:00", "01:09:10", "01:12:00", phone=BY_PHONE["phone"])
    second = take(shop, body)
    assert (second.outcome, second.number) == (Outcome.ADDED, life.ticket.number)
    assert recorded(shop, first.number)[-1].data["id"] == "c-1"
    kept = response(shop, first.number)
    assert (kept.state, kept.held_by) == (ClockState.STOPPED, "a-mei")
    assert linked_with(shop, first.number) == [life.ticket.number]
    assert linked_with(shop, life.ticket.number) == [first.number]
    before = shop.items()
    assert take(shop, body) == second
    assert shop.items() == before


# A newer record that names another ticket.


def test_newer_record_that_names_another_ticket_links_both(shop: Shop) -> None:
    first = take(shop, missed())
    other = shop.open("inquiry", channel="phone", contact=BY_PHONE).ticket.number
    named = missed(updated="2026-11-23T00:59:30Z", ticket=other)
    moved = take(shop, named)
    assert (moved.outcome, moved.number) == (Outcome.ADDED, other)
    assert linked_with(shop, first.number) == [other]
    assert linked_with(shop, other) == [first.number]
    assert response(shop, first.number).state is ClockState.RUNNING, "nobody was called back"
    told = messages(shop).take("hotline", "d-1", message()).taken
    assert told.number == other, "messages of the call go where its record is"


def test_newer_record_that_says_that_the_call_was_answered_ends_the_callback(shop: Shop) -> None:
    shop.member("a-mei")
    first = take(shop, missed())
    other = shop.open("inquiry", channel="phone", contact=BY_PHONE).ticket.number
    shop.clock.advance(minutes=1)
    moved = take(shop, record(updated="2026-11-23T00:59:30Z", ticket=other))
    assert moved.number == other
    kept = response(shop, first.number)
    times = [f"{one:%H:%M:%S}" for one in (kept.started_at, kept.stopped_at)]
    assert (kept.state, times) == (ClockState.STOPPED, ["00:54:20", "00:54:24"])
    again = take(shop, record(updated="2026-11-23T00:59:40Z", ticket=other, menu="3"))
    assert again.number == other
    assert linked_with(shop, other) == [first.number], "once"


def test_newer_record_that_says_that_its_own_missed_call_was_answered_ends_the_callback(
    shop: Shop,
) -> None:
    shop.member("a-mei")
    first = take(shop, missed())
    shop.clock.advance(minutes=1)
    newer = take(shop, record(updated="2026-11-23T00:59:30Z"))
    assert (newer.outcome, newer.number) == (Outcome.ADDED, first.number)
    kept = response(shop, first.number)
    times = [f"{one:%H:%M:%S}" for one in (kept.started_at, kept.stopped_at)]
    assert (kept.state, times) == (ClockState.STOPPED, ["00:54:20", "00:54:24"])
    assert shop.tickets.get(str(first.number)).unanswered_since is None


# ------------------------------------------------------------------ a missed call with a ticket


def end(shop: Shop, life: Life) -> None:
    shop.changes.change(
        life.ticket.number, lambda t, plan, at: by_customer.withdraw(t, plan, "", at)
    )


@pytest.mark.parametrize("closed", [False, True])
def test_missed_call_about_a_ticket_is_a_callback_that_is_linked_with_it(
    shop: Shop, *, closed: bool
) -> None:
    """The caller types the number of their ticket in the menu and hangs up in the queue."""
    life = shop.open("inquiry", language="zh-TW")
    named = life.ticket.number
    if closed:
        end(shop, life)
    shop.clock.advance(minutes=15)
    body = missed(ticket=named)
    found = take(shop, body)
    assert (found.outcome, found.number == named) == (Outcome.OPENED, False)
    callback = shop.tickets.get(str(found.number))
    assert callback.missed_call
    assert callback.language == "zh-TW"
    assert response(shop, found.number).state is ClockState.RUNNING
    assert recorded(shop, named) == []
    assert linked_with(shop, found.number) == [named]
    assert linked_with(shop, named) == [found.number]
    before = shop.items()
    assert take(shop, body) == found
    assert shop.items() == before
    again = take(shop, later("c-2", "01:01:00", None, "01:02:00", ticket=named))
    assert (again.outcome, again.number) == (Outcome.ADDED, named), "they wait already"
    assert linked_with(shop, named) == [found.number]
    called = take(shop, later("c-3", "01:03:00", "01:03:10", "01:05:00", direction="outbound"))
    assert called.number == found.number
    assert response(shop, found.number).state is ClockState.STOPPED
    for minute in (9, 10):
        take(shop, missed(ticket=named, updated=at(f"01:{minute:02}:00"), menu=str(minute)))
    take(shop, later("c-2", "01:01:00", None, "01:02:00", updated=at("01:11:00"), ticket=named))
    assert len(numbers(shop)) == 2, "what is known later of a call opens no second callback"


@pytest.mark.parametrize("named", [False, True])
def test_call_that_goes_on_and_is_missed_then_is_a_callback(shop: Shop, *, named: bool) -> None:
    """The first record names the ticket, or finds it by the conversation."""
    told = messages(shop).take("hotline", "d-1", message(channel="chat")).taken
    shop.changes.change(told.number, lambda t, plan, at: by_customer.withdraw(t, plan, "", at))
    where = {"ticket": told.number} if named else {"conversation": "c-1"}
    rings = record(call="c-7", result="ongoing", answered=None, ended=None, agent=None, **where)
    assert take(shop, rings).number == told.number
    again = {} if named else where
    found = take(shop, missed(call="c-7", updated="2026-11-23T00:59:30Z", **again))
    assert found.outcome is Outcome.OPENED
    assert linked_with(shop, found.number) == [told.number]


@pytest.mark.parametrize("before", [{"phone": None}, {"result": "abandoned_in_menu"}])
def test_newer_record_that_says_whom_to_call_back_opens_a_callback(
    shop: Shop, before: dict[str, Any]
) -> None:
    """The first record has no number yet, or a result that opens no ticket."""
    named = shop.open("inquiry").ticket.number
    menu = {"left_menu": None} if "result" in before else {}
    assert take(shop, missed(ticket=named, **before, **menu)).outcome is Outcome.ADDED
    newer = take(shop, missed(ticket=named, updated="2026-11-23T00:59:30Z"))
    assert newer.outcome is Outcome.OPENED
    assert linked_with(shop, newer.number) == [named]


def test_who_calls_back_learns_that_somebody_else_called_from_the_same_number(shop: Shop) -> None:
    """Anna waits to be called back. Bert names his own ticket and gives up."""
    of_bert = shop.open("inquiry", contact={"name": "Bert", "email": "bert@example.com"})
    shop.assigner().assign(of_bert.ticket.number)
    shop.clock.advance(minutes=15)
    of_anna = take(shop, missed(phone=BY_PHONE["phone"]))
    shop.assigner().assign(str(of_anna.number))
    number = of_bert.ticket.number
    body = later("c-2", "01:01:00", None, "01:02:00", ticket=number, phone=BY_PHONE["phone"])
    assert take(shop, body).number == number
    assert linked_with(shop, number) == [of_anna.number]
    assert response(shop, of_anna.number).state is ClockState.RUNNING


def test_callback_about_a_ticket_is_offered_first_to_who_has_that(shop: Shop) -> None:
    shop.member("a-mei")
    life = shop.open()
    shop.assigner().assign(life.ticket.number)
    found = take(shop, missed(ticket=life.ticket.number, kind="complaint"))
    assert shop.tickets.get(str(found.number)).preferred == "a-mei"


def test_missed_call_in_the_conversation_of_a_closed_ticket_is_a_callback(shop: Shop) -> None:
    told = messages(shop).take("hotline", "d-1", message(channel="chat")).taken
    shop.changes.change(told.number, lambda t, plan, at: by_customer.withdraw(t, plan, "", at))
    found = take(shop, missed(conversation="c-1", call="c-7"))
    assert (found.outcome, found.number == told.number) == (Outcome.OPENED, False)
    assert linked_with(shop, told.number) == [found.number]
    more = messages(shop).take("hotline", "d-2", message(channel="chat", message="m-2")).taken
    assert shop.tickets.history(more.number)[0].data["source"]["follows"] == told.number


def test_words_of_a_missed_call_that_nobody_has_answered_are_its_ticket(shop: Shop) -> None:
    told = messages(shop).take("hotline", "d-1", message()).taken
    found = take(shop, missed())
    assert (found.outcome, found.number) == (Outcome.ADDED, told.number)
    assert len(numbers(shop)) == 1


def test_late_record_of_a_missed_call_opens_no_callback_if_somebody_has_served_the_caller(
    shop: Shop,
) -> None:
    """The record of the later call, which was answered, came first."""
    shop.member("a-mei")
    shop.clock.advance(minutes=15)
    number = BY_PHONE["phone"]
    shop.open("inquiry", channel="phone", contact=BY_PHONE)
    served = take(shop, later("c-2", "01:05:00", "01:05:10", "01:08:00", phone=number))
    assign_all(shop)
    late = take(shop, missed(phone=number))
    assert (late.outcome, late.number) == (Outcome.ADDED, served.number)
    told = messages(shop).take("hotline", "d-1", message()).taken
    assert told.number != served.number, "whoever called may be somebody else"
    other = take(shop, missed(call="c-9", phone="+86 138 0013 8001"))
    assert other.outcome is Outcome.OPENED
    after = later("c-4", "01:10:00", None, "01:11:00", phone=number)
    assert take(shop, after).outcome is Outcome.OPENED, "they called again afterwards"


def test_late_record_opens_a_callback_although_another_ticket_of_the_caller_is_damaged(
    shop: Shop,
) -> None:
    shop.clock.advance(minutes=15)
    number = BY_PHONE["phone"]
    damaged = shop.open("inquiry", channel="phone", contact=BY_PHONE).ticket.number
    assign_all(shop)
    row = shop.models.event.get(keys.ticket_pk(damaged), keys.event_sk(2))
    row.doc = "{"
    row.save()
    late = take(shop, missed(phone=number))
    assert late.outcome is Outcome.OPENED


def test_late_record_that_names_a_ticket_goes_to_no_ticket_of_somebody_else(shop: Shop) -> None:
    """Anna was served at this number. Then comes the record of Bert's call, which was missed."""
    of_bert = shop.open("inquiry", contact={"name": "Bert", "email": "bert@example.com"})
    shop.open("inquiry", channel="phone", contact=BY_PHONE)
    shop.clock.advance(minutes=15)
    number = BY_PHONE["phone"]
    served = take(shop, later("c-2", "01:05:00", "01:05:10", "01:08:00", phone=number))
    assign_all(shop)
    late = take(shop, missed(phone=number, ticket=of_bert.ticket.number))
    assert late.outcome is Outcome.OPENED
    assert late.number != served.number
    assert linked_with(shop, late.number) == [of_bert.ticket.number]


def assign_all(shop: Shop) -> None:
    """The customer of each ticket is found."""
    for key in numbers(shop):
        shop.assigner().assign(key.removeprefix("TICKET#"))


# ------------------------------------------------------------------ the ticket of an agent


def in_the_call(**fields: Any) -> dict[str, Any]:
    """The record of a call in which an agent wrote a ticket: it ended at 01:04."""
    times = {"began": at("00:59:00"), "left_menu": at("00:59:20"), "answered": at("01:01:20")}
    usual = {"phone": BY_PHONE["phone"], "ended": at("01:04:00"), "updated": at("01:06:00")}
    return record(**(usual | times | fields))


def test_pick_up_is_corrected_if_the_agent_writes_the_ticket_after_the_call(shop: Shop) -> None:
    """The wait of two minutes was a pick-up after 0 s."""
    shop.clock.advance(minutes=5)
    life = opened_by_agent(shop)
    shop.clock.advance(minutes=5)
    found = take(shop, in_the_call(after_work_ended=at("01:05:30")))
    assert (found.outcome, found.number) == (Outcome.ADDED, life.ticket.number)
    reaction = shop.tickets.get(life.ticket.number).clocks[ClockName.REACTION]
    times = [f"{one:%H:%M:%S}" for one in (reaction.started_at, reaction.stopped_at)]
    assert times == ["00:59:20", "01:01:20"]
    assert reaction.missed


@pytest.mark.parametrize("words_first", [False, True])
def test_words_of_a_call_and_the_ticket_that_its_agent_wrote_are_told_of_each_other(
    shop: Shop, *, words_first: bool
) -> None:
    life = opened_by_agent(shop)
    written = life.ticket.number
    shop.clock.advance(minutes=10)
    if words_first:
        told = messages(shop).take("hotline", "d-1", message()).taken.number
        assert take(shop, in_the_call()).number == told
        assert linked_with(shop, written) == [told]
        assert linked_with(shop, told) == [written]
    else:
        assert take(shop, in_the_call()).number == written
        told = messages(shop).take("hotline", "d-1", message()).taken.number
        assert told == written, "they are words of the same call"
    reaction = shop.tickets.get(written).clocks[ClockName.REACTION]
    assert f"{reaction.started_at:%H:%M:%S}" == "00:59:20"


@pytest.mark.parametrize("answered", [None, "01:03:10"])
def test_long_call_takes_nothing_of_another_call_from_the_same_number(
    shop: Shop, answered: str | None
) -> None:
    """Bert calls from the number of a company, or is missed, while Anna talks for 20 minutes."""
    phone = BY_PHONE["phone"]
    shop.clock.advance(minutes=6)
    of_bert = take(shop, later("c-2", "01:03:00", answered, "01:05:00", phone=phone))
    assign_all(shop)
    before = shop.tickets.get(str(of_bert.number))
    shop.clock.advance(minutes=20)
    if answered is None:
        messages(shop).take("hotline", "d-1", message(conversation="c-1"))
    take(shop, later("c-1", "01:00:00", "01:00:10", "01:20:00", phone=phone))
    told = messages(shop).take("hotline", "d-2", message(conversation="c-1", message="m-2")).taken
    assert told.number != of_bert.number
    after = shop.tickets.get(str(of_bert.number))
    assert after.clocks == before.clocks, "nobody has called Bert back"


def test_item_of_a_call_is_removed_after_30_days(shop: Shop) -> None:
    take(shop, record())
    item = shop.item(keys.connector_pk("hotline"), keys.call_sk("c-1"))
    assert int(item["expires"]["N"]) - shop.clock.now().timestamp() == 30 * 86400
