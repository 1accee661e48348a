"""Contract of changes: each is one transaction that also updates load, facts and index keys."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from copy import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from redress.base.errors import AgentNotFree, NotFound, RedressError, Unavailable, VersionConflict
from redress.base.people import Member, Role
from redress.base.service_clock import APART
from redress.db import keys
from redress.plans.rules.macros import MOST_ACTS
from redress.plans.store.plans import Plans
from redress.scores.store.scores import ScoreStore
from redress.staff.rules.availability import Presence
from redress.staff.rules.routing import Page
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.change import Change
from redress.tickets.rules.fold import fold
from redress.tickets.rules.macros import Act, whole
from redress.tickets.rules.numbers import new_number
from redress.tickets.rules.steps import by_customer, by_staff, by_system
from redress.tickets.rules.steps.table import TEXT_LIMIT
from redress.tickets.rules.ticket import EventType, Phase, State, Ticket
from redress.tickets.store.submission_store import NumberTaken
from redress.tickets.store.transaction import Raced
from tests.builders import BY_PHONE, LIN, MEI, Life
from tests.contract.conftest import Faults, Shop

URL = "http://127.0.0.1"


def test_a_change_is_written_completely(shop: Shop) -> None:
    shop.member(MEI.id)
    life = shop.open()
    shop.commit(life.assign(MEI.id))
    shop.commit(life.wait(hours=1).reply())
    assert shop.tickets.get(life.ticket.number) == life.ticket
    assert shop.tickets.history(life.ticket.number) == life.events
    assert shop.tickets.event(life.ticket.number, 2) == life.events[1]


def test_events_since_a_version_leave_out_one_that_cannot_be_read(shop: Shop) -> None:
    """A reply with an older version is then refused, not broken (`conflicts.require_current`)."""
    life = shop.open()
    for _ in range(3):
        shop.commit(life.wait(minutes=1).note())
    assert shop.tickets.events_after(life.ticket, 1) == life.events[1:]
    pk, sk = keys.ticket_pk(life.ticket.number), keys.event_sk(3)
    row = shop.models.doc.get(pk, sk)
    row.doc = "damaged"
    row.save()
    assert [event.number for event in shop.tickets.events_after(life.ticket, 1)] == [2, 4]


def test_a_ticket_that_was_not_opened_cannot_be_changed(shop: Shop) -> None:
    with pytest.raises(ValueError, match="opened"):
        shop.tickets.commit(Life(shop.clock).open().last, shop.clock.now())
    with pytest.raises(Raced):
        shop.commit(Life(shop.clock).open().note())
    assert shop.items() == {}
    for ask in (shop.tickets.get, shop.timers.get):
        with pytest.raises(NotFound):
            ask("R-00000-00009")
    with pytest.raises(NotFound):
        shop.tickets.event("R-00000-00009", 1)
    assert shop.tickets.history("R-00000-00009") == []


def test_the_second_of_two_changes_of_one_version_is_refused_and_writes_nothing(shop: Shop) -> None:
    life = shop.open()
    read = life.ticket
    shop.commit(life.note())
    before = shop.items()
    late = by_staff.note(read, life.plan, LIN, "at the same time", shop.clock.now())
    with pytest.raises(Raced):
        shop.tickets.commit(late, shop.clock.now())
    assert shop.items() == before


def test_a_change_is_refused_if_the_snapshot_has_another_version(shop: Shop) -> None:
    life = shop.open()
    shop.client.update_item(
        TableName=shop.table,
        Key={"pk": {"S": keys.ticket_pk(life.ticket.number)}, "sk": {"S": keys.TICKET}},
        UpdateExpression="SET version = :v",
        ExpressionAttributeValues={":v": {"N": "7"}},
    )
    before = shop.items()
    with pytest.raises(Raced):
        shop.commit(life.note())
    assert shop.items() == before


def test_a_change_of_another_ticket_is_written_with_the_opening_or_not_at_all(shop: Shop) -> None:
    life = shop.open()
    new = Life(shop.clock).open(number="R-00000-00002").last
    now = shop.clock.now()
    beside = [(life.note_mail("stranger").last, now)]
    shop.tickets.open(new, now, None, beside)
    assert shop.tickets.get(new.after.number) == new.after
    assert shop.tickets.history(life.ticket.number) == life.events

    late = Life(shop.clock).open(number="R-00000-00003").last
    before = shop.items()
    with pytest.raises(Raced):
        shop.tickets.open(late, now, None, beside)
    assert shop.items() == before


def test_ticket_that_is_opened_with_a_change_of_another_one_is_written_with_it_or_not_at_all(
    shop: Shop,
) -> None:
    """A split. The number of the new ticket may be taken, and the other one may have changed."""
    life = shop.open()
    shop.commit(life.wait(hours=1).write("And my invoice?"))
    number, taken = new_number(), shop.open().ticket.number
    at, before, read = shop.clock.now(), shop.items(), life.ticket
    new = life.split(number=number)
    again = Life(shop.clock, life.plan, life.events[:2], life.changes[:2]).split(number=taken)
    with pytest.raises(NumberTaken):
        shop.tickets.commit(life.last, at, None, [(again.last, at)])
    assert shop.items() == before
    shop.tickets.commit(life.last, at, None, [(new.last, at)])
    assert shop.tickets.get(number) == new.ticket
    assert fold(shop.tickets.history(number), new.plan) == new.ticket
    assert shop.timers.get(number).gen == 1
    assert shop.tickets.get(read.number) == life.ticket
    written = shop.items()
    with pytest.raises((Raced, NumberTaken)):
        shop.tickets.commit(life.last, at, None, [(new.last, at)])
    assert shop.items() == written


def test_a_long_history_is_read_in_order(shop: Shop) -> None:
    life = shop.open()
    for _ in range(11):
        shop.commit(life.note())
    numbers = [event.number for event in shop.tickets.history(life.ticket.number)]
    assert numbers == list(range(1, 13))


def test_tickets_are_read_in_the_order_of_the_numbers_without_missing_ones(shop: Shop) -> None:
    lives = [shop.open(), shop.open()]
    numbers = [life.ticket.number for life in reversed(lives)]
    asked = [numbers[0], "R-00000-00009", numbers[1], numbers[0]]
    assert [ticket.number for ticket in shop.tickets.get_many(asked)] == numbers
    assert shop.tickets.get_many([]) == []


# -------------------------------------------------------------------------------- faults

# The items of a note's transaction: its event, then the snapshot.
CONFLICT: list[str | None] = [None, "TransactionConflict"]


def test_transaction_conflicts_are_retried_with_the_same_request_token(
    shop: Shop, failing: Callable[..., Faults]
) -> None:
    life = shop.open()
    faults = failing(shop.pynamodb_client, "TransactWriteItems", CONFLICT, CONFLICT, CONFLICT)
    shop.commit(life.note())
    assert faults.calls == 4
    assert len(set(faults.tokens)) == 1, "all attempts are one request, in case a response is lost"
    assert None not in faults.tokens
    assert shop.tickets.get(life.ticket.number) == life.ticket


def test_endless_transaction_conflicts_are_unavailable_and_write_nothing(
    shop: Shop, failing: Callable[..., Faults]
) -> None:
    life = shop.open()
    before = shop.items()
    failing(shop.pynamodb_client, "TransactWriteItems", *[CONFLICT] * 20)
    with pytest.raises(Unavailable):
        shop.commit(life.note())
    assert shop.items() == before


@pytest.mark.parametrize(
    "fault", ["ThrottlingException", EndpointConnectionError(endpoint_url=URL)], ids=str
)
def test_every_operation_is_unavailable_if_the_store_cannot_be_reached(
    shop: Shop, fault: Any, failing: Callable[..., Faults]
) -> None:
    life = shop.open()
    number = life.ticket.number
    for operation in ("TransactWriteItems", "GetItem", "Query", "UpdateItem", "BatchGetItem"):
        failing(shop.pynamodb_client, operation, *[fault] * 100)
    asks: list[Callable[[], object]] = [
        lambda: shop.commit(life.note()),
        lambda: shop.tickets.get(number),
        lambda: shop.tickets.history(number),
        lambda: shop.tickets.get_many([number]),
        lambda: shop.timers.get(number),
        lambda: shop.lists.owned_by(MEI.id, 5),
        lambda: shop.lists.queued("complaints"),
        lambda: shop.timers.next_generation(number, 1, shop.clock.now()),
        lambda: shop.staff.availability(MEI.id),
        lambda: shop.staff.present("complaints", 100),
        lambda: shop.plans.current(),
    ]
    for ask in asks:
        with pytest.raises(Unavailable):
            ask()


def test_each_failed_condition_raises_its_own_error(
    shop: Shop, failing: Callable[..., Faults]
) -> None:
    """The items of an assignment's transaction are the event, the snapshot and the agent."""
    shop.member(MEI.id)
    lost = "ConditionalCheckFailed"
    reasons: dict[type[RedressError], list[str | None]] = {
        Raced: [None, lost, None],
        AgentNotFree: [None, None, lost],
    }
    for expected, answer in reasons.items():
        life = shop.open()
        failing(shop.pynamodb_client, "TransactWriteItems", answer)
        with pytest.raises(expected):
            shop.commit(life.assign(MEI.id))
    life = shop.open()
    failing(shop.pynamodb_client, "TransactWriteItems", [None, lost, lost])
    with pytest.raises(Raced):  # both failed: the decision about the agent is outdated, too
        shop.commit(life.assign(MEI.id))


def test_a_message_is_written_once_if_the_response_is_lost(
    amazons: Shop, losing_the_answer: Callable[[Any, str, Exception], None]
) -> None:
    """The customer's message must not be written twice because a response was lost."""
    life = amazons.open()
    losing_the_answer(
        amazons.pynamodb_client, "TransactWriteItems", ReadTimeoutError(endpoint_url=URL)
    )
    TicketChanges(amazons.tickets, amazons.plans, amazons.clock.now).change(
        life.ticket.number,
        lambda t, p, at: by_customer.write(t, p, "It leaks", at),
    )
    history = amazons.tickets.history(life.ticket.number)
    assert [event.type for event in history] == [EventType.OPENED, EventType.CUSTOMER_WROTE]


# ------------------------------------------------------------------------------ deciding again


def test_a_lost_race_decides_again_on_the_current_ticket(shop: Shop) -> None:
    life = shop.open()
    seen: list[int] = []

    def decide(ticket: Any, plan: Any, at: Any) -> Change:
        seen.append(ticket.version)
        if len(seen) == 1:
            shop.commit(life.note())
        return by_customer.write(ticket, plan, "words", at)

    number = life.ticket.number
    after = TicketChanges(shop.tickets, shop.plans, shop.clock.now).change(number, decide)
    assert seen == [1, 2]
    assert after == shop.tickets.get(number)
    assert after.version == 3


def test_losing_every_race_is_a_conflict_with_the_current_version(shop: Shop) -> None:
    life = shop.open()

    def decide(ticket: Any, plan: Any, at: Any) -> Change:
        shop.commit(life.note())
        return by_customer.write(ticket, plan, "words", at)

    with pytest.raises(VersionConflict) as conflict:
        TicketChanges(shop.tickets, shop.plans, shop.clock.now).change(life.ticket.number, decide)
    assert conflict.value.current == life.ticket.version
    assert {event.type for event in shop.tickets.history(life.ticket.number)} == {
        EventType.OPENED,
        EventType.NOTED,
    }


# -------------------------------------------------------------------------------- load


def load(shop: Shop, agent: str) -> int:
    return shop.staff.availability(agent).load


def test_assigning_adds_to_the_load_and_resolving_releases_it(shop: Shop) -> None:
    shop.member(MEI.id)
    life = shop.open()
    shop.commit(life.assign(MEI.id))
    assert load(shop, MEI.id) == 1
    shop.commit(life.reply())
    shop.commit(life.reply(wait_for_customer=True))
    assert load(shop, MEI.id) == 1
    shop.commit(life.resolve())
    assert load(shop, MEI.id) == 0
    shop.commit(life.confirm())
    shop.commit(life.answer_survey())
    assert load(shop, MEI.id) == 0


def test_a_load_of_zero_does_not_prevent_a_change(shop: Shop) -> None:
    shop.member(MEI.id)
    life = shop.open()
    shop.commit(life.assign(MEI.id))
    shop.client.update_item(
        TableName=shop.table,
        Key={"pk": {"S": keys.agent_pk(MEI.id)}, "sk": {"S": keys.AVAILABILITY}},
        UpdateExpression="SET #load = :none",
        ExpressionAttributeNames={"#load": "load"},
        ExpressionAttributeValues={":none": {"N": "0"}},
    )
    shop.commit(life.resolve())
    assert load(shop, MEI.id) == 0
    assert shop.tickets.get(life.ticket.number).state == "resolved"


ENDS: dict[str, Callable[[Life], Life]] = {
    "withdrawn": Life.withdraw,
    "queued again": lambda life: life.reassign(None),
    "another team's": lambda life: life.reclassify("inquiry"),
}


@pytest.mark.parametrize("end", ENDS)
def test_every_way_to_take_a_ticket_from_an_agent_releases_the_load(shop: Shop, end: str) -> None:
    shop.member(MEI.id)
    life = shop.open()
    shop.commit(life.assign(MEI.id))
    shop.commit(ENDS[end](life))
    assert load(shop, MEI.id) == 0


def test_a_reopened_ticket_adds_to_the_load_only_when_it_is_assigned_again(shop: Shop) -> None:
    shop.member(MEI.id)
    life = shop.open()
    shop.commit(life.assign(MEI.id))
    shop.commit(life.resolve())
    shop.commit(life.dispute())
    assert load(shop, MEI.id) == 0
    shop.commit(life.assign(MEI.id))
    assert load(shop, MEI.id) == 1


def test_reassigning_a_ticket_moves_the_load(shop: Shop) -> None:
    shop.member("a-mei")
    shop.member("a-jun")
    life = shop.open()
    shop.commit(life.assign("a-mei"))
    shop.commit(life.reassign("a-jun"))
    assert (load(shop, "a-mei"), load(shop, "a-jun")) == (0, 1)


def test_reassigning_a_ticket_to_the_same_agent_changes_no_load(shop: Shop) -> None:
    shop.member("a-mei", capacity=1)
    life = shop.open()
    shop.commit(life.assign("a-mei"))
    shop.commit(life.reassign("a-mei"))
    assert load(shop, "a-mei") == 1


def test_a_refused_reassignment_changes_nothing(shop: Shop) -> None:
    shop.member("a-mei")
    shop.member("a-jun", capacity=0)
    life = shop.open()
    shop.commit(life.assign("a-mei"))
    before = shop.items()
    with pytest.raises(AgentNotFree):
        shop.commit(life.reassign("a-jun"))
    assert shop.items() == before


@pytest.mark.parametrize("why", ["full", "away", "unknown"])
def test_a_ticket_cannot_be_assigned_to_an_agent_who_is_not_free(shop: Shop, why: str) -> None:
    if why != "unknown":
        member = shop.member(MEI.id, capacity=0 if why == "full" else 2)
        if why == "away":
            shop.staff.record(member, Presence.AWAY, shop.clock.now())
    life = shop.open()
    before = shop.items()
    with pytest.raises(AgentNotFree):
        shop.commit(life.assign(MEI.id))
    assert shop.items() == before


def test_tickets_are_assigned_to_agents_in_turn(shop: Shop) -> None:
    for agent in ("a-jun", "a-mei", "a-tao"):
        shop.member(agent)
    assigner = shop.assigner()
    taken = []
    for _ in range(6):
        shop.clock.advance(seconds=1)
        taken.append(assigner.assign(shop.open().ticket.number))
    assert taken == ["a-jun", "a-mei", "a-tao"] * 2
    assert assigner.assign(shop.open().ticket.number) is None, "all are full"


def test_an_assigner_with_a_slow_clock_does_not_write_history_backwards(shop: Shop) -> None:
    """Story: the assigner's clock was three seconds behind the intake's. The history then showed
    the assignment before the opening of the ticket."""
    shop.member(MEI.id)
    life = shop.open()
    shop.clock.advance(seconds=-3)
    assigner = shop.assigner()
    assert assigner.assign(life.ticket.number) == MEI.id
    opened, *others = shop.tickets.history(life.ticket.number)
    assert others[-1].type is EventType.ASSIGNED
    assert {event.at for event in others} == {opened.at}
    assert shop.tickets.get(life.ticket.number).changed_at == opened.at


def test_an_agent_whose_room_was_taken_meanwhile_is_skipped(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Agents may have changed since they were read, but the transaction checks the current
    state."""
    shop.member("a-jun")
    shop.member("a-mei")
    read = list(shop.staff.ring("complaints", "0" * 16))
    shop.member("a-jun", capacity=0)
    monkeypatch.setattr(shop.staff, "ring", lambda team, start: iter(read))
    assigner = shop.assigner()
    assert assigner.assign(shop.open().ticket.number) == "a-mei"
    shop.member("a-mei", capacity=0)
    assert assigner.assign(shop.open().ticket.number) is None


def test_agent_who_got_another_ticket_since_they_were_read_has_had_their_turn(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two assigners that read the same agents at once do not give both tickets to one of them."""
    shop.member("a-jun")
    shop.member("a-mei")
    ring, others = shop.staff.ring, [shop.open()]

    def overtaken(team: str, start: str) -> Iterator[Page]:
        pages = list(ring(team, start))
        if others:
            shop.commit(others.pop().assign("a-jun"))
        yield from pages

    monkeypatch.setattr(shop.staff, "ring", overtaken)
    shop.clock.advance(seconds=1)
    assert shop.assigner().assign(shop.open().ticket.number) == "a-mei"


def test_nobody_there_is_recorded_once_with_the_decision(shop: Shop) -> None:
    shop.member("a-jun", capacity=0)
    life, assigner = shop.open(), shop.assigner()
    for _ in range(2):
        assert assigner.assign(life.ticket.number) is None
    *_, left = shop.tickets.history(life.ticket.number)
    assert left.type is EventType.UNPLACED
    assert left.data["decision"] == {"step": 0, "read": 1, "not": {"full": ["a-jun"]}}
    shop.member("a-mei")
    assert assigner.assign(life.ticket.number) == "a-mei"
    *_, given = shop.tickets.history(life.ticket.number)
    assert given.data["decision"] == {
        "step": 0,
        "read": 2,
        "not": {"full": ["a-jun"]},
        "last": keys.NEVER,
    }
    assert shop.tickets.get(life.ticket.number).placing is None


def test_agents_behind_a_hundred_full_ones_are_found(shop: Shop) -> None:
    """The full ones are withdrawn from the ring, so they hide nobody."""
    row = shop.staff._models.availability
    for place in range(101):
        shop.member(f"a-{place}", capacity=1)
        row(keys.agent_pk(f"a-{place}"), keys.AVAILABILITY).update(actions=[row.load.set(1)])
    life = shop.open()
    assigner = shop.assigner()
    assert assigner.assign(life.ticket.number) is None
    [last] = shop.staff.present("complaints", 100)
    shop.member(last.agent, capacity=2)
    assert assigner.assign(life.ticket.number) == last.agent
    other = next(f"a-{place}" for place in range(101) if f"a-{place}" != last.agent)
    row(keys.agent_pk(other), keys.AVAILABILITY).update(actions=[row.load.set(0)])
    assert assigner.drain("complaints", other) == []
    assert other in {one.agent for one in shop.staff.present("complaints", 100)}


def counted(shop: Shop, agent: str = MEI.id) -> tuple[int, set[str]]:
    """What the conversations of an agent take, and the numbers of their tickets."""
    found = shop.staff.availability(agent)
    return found.live, set(found.conversations)


def as_stored(shop: Shop, life: Life) -> Life:
    """The life with the ticket as the table has it now."""
    return life.take(Change(life.ticket, (), shop.tickets.get(life.ticket.number), life.plan))


def test_agent_on_a_call_gets_no_other_ticket_until_its_outcome_is_written(shop: Shop) -> None:
    shop.member(MEI.id, capacity=5)
    life = shop.open(channel="phone")
    number = life.ticket.number
    assert shop.assigner().assign(number) == MEI.id
    assert counted(shop) == (100, {number})
    second, mail = shop.open(channel="phone"), shop.open()
    as_stored(shop, life)
    for say in (life.accept, life.tell_progress):  # the phone is picked up
        shop.commit(say())
        assert counted(shop) == (100, {number})
        for other in (second, mail):
            assert shop.assigner().assign(other.ticket.number) is None
    with pytest.raises(AgentNotFree):
        shop.commit(shop.open().assign(MEI.id))
    shop.commit(life.reply())
    assert (counted(shop), load(shop, MEI.id)) == ((0, set()), 1)
    assert shop.assigner().assign(mail.ticket.number) == MEI.id
    assert shop.assigner().assign(second.ticket.number) == MEI.id


def test_mail_comes_during_a_chat_and_a_call_does_not(shop: Shop) -> None:
    """Plan 1: a chat takes a third of the attention, a call all of it, a mail nothing."""
    shop.member(MEI.id, capacity=5)
    shop.commit(shop.open(channel="chat").assign(MEI.id))
    assert shop.assigner().assign(shop.open(channel="email").ticket.number) == MEI.id
    assert shop.assigner().assign(shop.open(channel="chat").ticket.number) == MEI.id
    assert shop.assigner().assign(shop.open(channel="chat").ticket.number) is None
    assert shop.assigner().assign(shop.open(channel="phone").ticket.number) is None


def test_repeated_assignment_counts_a_call_once(shop: Shop) -> None:
    """The message that asks for an assignment may come twice, or late."""
    shop.member(MEI.id, capacity=5)
    life = shop.open(channel="phone")
    for _ in range(2):
        shop.assigner().assign(life.ticket.number)
        assert counted(shop) == (100, {life.ticket.number})
    again = as_stored(shop, life).reassign(MEI.id)
    with pytest.raises(AgentNotFree):
        shop.commit(shop.open(channel="phone").assign(MEI.id))
    shop.commit(again)
    assert counted(shop) == (100, {life.ticket.number})


def test_available_agent_is_in_no_conversation_and_its_end_is_subtracted_once(
    shop: Shop,
) -> None:
    mei = shop.member(MEI.id, capacity=5)
    call = shop.commit(shop.open(channel="phone").assign(MEI.id))
    shop.staff.record(mei, Presence.BUSY, shop.clock.now())
    assert counted(shop) == (100, {call.ticket.number})
    shop.staff.record(mei, Presence.AVAILABLE, shop.clock.now())
    assert counted(shop) == (0, set())
    second = shop.commit(shop.open(channel="phone").assign(MEI.id))
    shop.commit(call.reply())
    assert counted(shop) == (100, {second.ticket.number})
    shop.commit(call.resolve())
    assert (counted(shop), load(shop, MEI.id)) == ((100, {second.ticket.number}), 1)


def test_call_that_is_queued_after_its_agent_said_it_was_over_frees_their_room(shop: Shop) -> None:
    mei = shop.member(MEI.id, capacity=5)
    call = shop.commit(shop.open(channel="phone").assign(MEI.id))
    shop.staff.record(mei, Presence.AVAILABLE, shop.clock.now())
    shop.commit(call.reassign(None))
    assert (counted(shop), load(shop, MEI.id)) == ((0, set()), 0)


def test_number_that_the_version_before_stored_counts_until_its_conversation_ends(
    shop: Shop,
) -> None:
    """It stored `live`, but not of which tickets."""
    shop.member(MEI.id, capacity=5)
    call = shop.commit(shop.open(channel="phone").assign(MEI.id))
    row = shop.staff._models.availability
    row(keys.agent_pk(MEI.id), keys.AVAILABILITY).update(actions=[row.conversations.remove()])
    assert counted(shop) == (100, set())
    assert shop.assigner().assign(shop.open(channel="phone").ticket.number) is None
    shop.commit(call.reply())
    assert counted(shop) == (0, set())


def test_ticket_that_stays_with_its_agent_is_counted_with_the_weight_that_it_has_now(
    shop: Shop,
) -> None:
    """An agent got it in a version before, which counted no attention. A leader gives it again."""
    shop.member(MEI.id, capacity=5)
    life = shop.open(channel="chat")
    change = life.assign(MEI.id).last
    old = replace(change, after=replace(change.after, live=0))
    shop.tickets.commit(old, shop.clock.now())
    assert counted(shop) == (0, set())
    at = shop.clock.now()
    again = by_staff.reassign(old.after, life.plan, LIN, MEI.id, None, "take it", at)
    shop.tickets.commit(again, at)
    assert (counted(shop), load(shop, MEI.id)) == ((34, {life.ticket.number}), 1)


def test_two_calls_at_once_do_not_both_reach_one_agent(amazons: Shop) -> None:
    amazons.member(MEI.id, capacity=5)
    lives = [amazons.open(channel="phone").assign(MEI.id) for _ in range(2)]
    results: list[str] = []
    ready = threading.Barrier(len(lives))

    def assign(life: Life) -> None:
        ready.wait()
        try:
            amazons.commit(life)
            results.append("assigned")
        except AgentNotFree:
            results.append("refused")

    threads = [threading.Thread(target=assign, args=(life,)) for life in lives]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["assigned", "refused"]
    assert (counted(amazons)[0], load(amazons, MEI.id)) == (100, 1)


@pytest.mark.parametrize("end", ["queue", "withdraw", "move"])
def test_live_conversation_that_leaves_the_agent_frees_their_attention(
    shop: Shop, end: str
) -> None:
    shop.member(MEI.id, capacity=5)
    shop.member("a-jun", capacity=5)
    life = shop.commit(shop.open(channel="chat").assign(MEI.id))
    assert shop.staff.availability(MEI.id).live == 34
    if end == "queue":
        life.reassign(None)
    elif end == "withdraw":
        life.withdraw()
    else:
        life.reassign("a-jun")
    shop.commit(life)
    assert counted(shop) == (0, set())
    moved = (34, {life.ticket.number}) if end == "move" else (0, set())
    assert counted(shop, "a-jun") == moved


def test_conversation_assigned_by_the_version_before_is_not_subtracted(shop: Shop) -> None:
    """Its assignment counted no attention, and its snapshot says so."""
    shop.member(MEI.id, capacity=5)
    shop.commit(shop.open(channel="chat").assign(MEI.id))
    life = shop.open(channel="chat")
    change = life.assign(MEI.id).last
    old = replace(change, after=replace(change.after, live=0))
    shop.tickets.commit(old, shop.clock.now())
    shop.tickets.commit(
        by_staff.reply(old.after, life.plan, MEI, "Hello", False, shop.clock.now()),
        shop.clock.now(),
    )
    assert shop.staff.availability(MEI.id).live == 34


def test_simultaneous_assignments_never_exceed_an_agents_capacity(amazons: Shop) -> None:
    amazons.member(MEI.id, capacity=2)
    lives = [amazons.open() for _ in range(6)]
    for life in lives:
        life.assign(MEI.id)
    results: list[str] = []
    ready = threading.Barrier(len(lives))

    def assign(life: Life) -> None:
        ready.wait()
        try:
            amazons.commit(life)
            results.append("assigned")
        except AgentNotFree:
            results.append("full")

    threads = [threading.Thread(target=assign, args=(life,)) for life in lives]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["assigned"] * 2 + ["full"] * 4
    assert load(amazons, MEI.id) == 2
    owned = amazons.lists.owned_by(MEI.id, 10).numbers
    assert len(owned) == 2
    assert len(amazons.lists.queued("complaints")) == 4


def test_simultaneous_messages_are_all_written(amazons: Shop) -> None:
    number = amazons.open().ticket.number
    ready = threading.Barrier(4)
    failed: list[BaseException] = []

    def write(text: str) -> None:
        ready.wait()
        try:
            TicketChanges(amazons.tickets, amazons.plans, amazons.clock.now).change(
                number,
                lambda t, p, at: by_customer.write(t, p, text, at),
            )
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(f"word {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    history = amazons.tickets.history(number)
    assert [event.number for event in history] == [1, 2, 3, 4, 5]
    assert sorted(event.data["text"] for event in history[1:]) == [f"word {n}" for n in range(4)]


# -------------------------------------------------------------------------------- facts


def test_score_facts_are_written_with_the_change_that_causes_them(shop: Shop) -> None:
    shop.member(MEI.id)
    life = shop.open()
    shop.commit(life.assign(MEI.id))
    shop.commit(life.wait(minutes=10).reply())
    facts = ScoreStore(shop.models).facts(MEI.id, "2026-11")
    assert {(fact.number, fact.name, fact.value["kept"]) for fact in facts} == {
        (life.ticket.number, "reaction", True),
        (life.ticket.number, "first_response", True),
    }


def macro_of(life: Life, most: int) -> Change:
    """A change of as many events as a macro can make: notes, and a reply as the last one."""
    by = Member(LIN.id, "lin", "lin@example.com", Role.SUPERVISOR, "complaints", ("en",), 2)
    note = Act("note", partial(by_staff.note, text="x" * TEXT_LIMIT))
    reply = Act("reply", partial(by_staff.reply, text="y" * TEXT_LIMIT, wait_for_customer=True))
    acts = [*[note] * (most - 1), reply]
    return whole(life.ticket, life.plan, by, acts, life.clock.now(), lambda *given: None)


def test_the_largest_macro_is_one_transaction_with_its_facts(shop: Shop) -> None:
    shop.member(MEI.id)
    life = shop.open()
    shop.commit(life.assign(MEI.id))
    change = macro_of(life.wait(minutes=10), MOST_ACTS)
    shop.tickets.commit(change, shop.clock.now())
    assert shop.tickets.get(life.ticket.number) == change.after
    assert shop.tickets.history(life.ticket.number)[-MOST_ACTS:] == list(change.events)
    assert shop.timers.get(life.ticket.number).phase is Phase.RESOLUTION
    facts = ScoreStore(shop.models).facts(LIN.id, "2026-11")
    assert {fact.name for fact in facts} == {"reaction", "first_response"}


def test_a_macro_that_lost_a_race_writes_none_of_its_events(shop: Shop) -> None:
    life = shop.open()
    change = macro_of(life, 3)
    shop.commit(life.note())
    before = shop.items()
    with pytest.raises(Raced):
        shop.tickets.commit(change, shop.clock.now())
    assert shop.items() == before


def test_a_refused_change_leaves_no_score_fact(shop: Shop) -> None:
    shop.member(MEI.id)
    life = shop.open()
    shop.commit(life.assign(MEI.id))
    read = life.ticket
    shop.commit(life.note())
    late = by_staff.reply(read, life.plan, MEI, "An answer", False, shop.clock.now())
    with pytest.raises(Raced):
        shop.tickets.commit(late, shop.clock.now())
    assert not [pk for pk, _ in shop.items() if pk.startswith("FACTS#")]


# -------------------------------------------------------------------------------- indexes


def index_keys(shop: Shop, life: Life) -> dict[str, str]:
    """The index keys of a ticket's snapshot in the table."""
    item = shop.item(keys.ticket_pk(life.ticket.number), keys.TICKET)
    names = ("owner_pk", "owner_sk", "open_pk", "open_sk")
    return {name: item[name]["S"] for name in names if name in item}


def test_a_slow_clock_does_not_write_history_backwards(shop: Shop) -> None:
    life = shop.open()
    assert note_after(shop, life, 2, -1.5, 0, -APART.total_seconds() + 2) == [0, 2, 2, 2, 2]


def test_an_event_in_the_future_does_not_change_the_times_of_later_events(shop: Shop) -> None:
    """Story: a fast clock opened a ticket, and for two hours all that happened got that time."""
    life = shop.open()
    assert note_after(shop, life, -7200, 60, 3600) == [0, -7200, -7140, -3540]
    ticket = shop.tickets.get(life.ticket.number)
    assert ticket.changed_at == shop.clock.now()
    assert ticket.version == 4, "the order of events is that of their numbers"


def test_an_event_just_beyond_the_most_that_clocks_may_differ_is_not_followed(shop: Shop) -> None:
    apart = APART.total_seconds()
    assert note_after(shop, shop.open(), -apart) == [0, 0]
    assert note_after(shop, shop.open(), -apart - 0.001) == [0, -apart - 0.001]


def note_after(shop: Shop, life: Life, *seconds: float) -> list[float]:
    """Adds a note after each of these changes of the clock. Returns the times of all events, in
    seconds since the ticket was opened."""
    number, first = life.ticket.number, shop.clock.now()
    for by in seconds:
        shop.clock.advance(seconds=by)
        shop.changes.change(number, lambda t, p, at: by_staff.note(t, p, MEI, f"{at}", at))
    return [(event.at - first).total_seconds() for event in shop.tickets.history(number)]


def test_a_ticket_moves_from_the_queue_to_a_work_list_and_leaves_all_lists_at_the_end(
    shop: Shop,
) -> None:
    shop.member(MEI.id)
    life = shop.open(contact=BY_PHONE)
    number, shard = life.ticket.number, keys.shard(life.ticket.number)

    def places() -> tuple[bool, bool, bool]:
        return (
            number in shop.lists.queued("complaints"),
            number in shop.lists.owned_by(MEI.id, 5).numbers,
            number in shop.lists.open_in_team("complaints"),
        )

    assert places() == (True, False, True)
    assert index_keys(shop, life)["owner_pk"] == keys.queue_pk("complaints", shard)
    assert index_keys(shop, life)["owner_sk"] == f"2026-11-23T01:30:00.000+00:00#{number}"
    shop.commit(life.assign(MEI.id))
    assert places() == (False, True, True)
    shop.commit(life.reply())
    assert index_keys(shop, life)["owner_sk"] == f"2026-11-24T01:00:00.000+00:00#{number}", (
        "the update"
    )
    shop.commit(life.resolve())
    assert places() == (False, True, True), "the callback is still a task"
    assert index_keys(shop, life)["open_sk"] == f"2026-11-24T01:00:00.000+00:00#{number}"
    shop.commit(life.call("confirmed"))
    assert places() == (False, False, True)
    assert index_keys(shop, life) == {
        "open_pk": keys.open_pk("complaints", shard),
        "open_sk": f"9999#{number}",
    }
    shop.commit(life.answer_survey())
    assert places() == (False, False, False)
    changed = life.ticket.changed_at
    assert index_keys(shop, life) == {
        "open_pk": keys.changed_pk(changed, shard),
        "open_sk": keys.opened_sk(changed, number),
    }


def test_closed_tickets_are_listed_by_the_day_of_their_last_change(shop: Shop) -> None:
    began = shop.clock.now()
    numbers = []
    for _ in range(6):
        life = shop.open(contact=BY_PHONE)
        life.withdraw()
        shop.commit(life)
        numbers.append(life.ticket.number)
        shop.clock.advance(hours=9)
    shop.open()

    def listed(since: datetime) -> list[str]:
        return sorted(chain.from_iterable(shop.lists.closed_since(since, shop.clock.now())))

    assert listed(began) == sorted(numbers)
    assert listed(began + timedelta(hours=18)) == sorted(numbers[2:])
    assert listed(shop.clock.now()) == []
    TicketChanges(shop.tickets, shop.plans, shop.clock.now).change(
        numbers[0], lambda t, p, at: by_system.note_mail(t, p, "returned", "", "", at, {"id": "i"})
    )
    assert listed(shop.clock.now()) == [numbers[0]]
    assert listed(began) == sorted(numbers), "its entry has moved"


def test_a_callback_by_mail_is_on_no_work_list(shop: Shop) -> None:
    shop.member(MEI.id)
    life = shop.open()
    shop.commit(life.assign(MEI.id))
    shop.commit(life.resolve())
    assert "owner_pk" not in index_keys(shop, life)


def test_a_reclassified_ticket_moves_to_the_queue_of_its_new_team(shop: Shop) -> None:
    life = shop.open("complaint")
    shop.commit(life.reclassify("inquiry"))
    assert shop.lists.queued("complaints") == shop.lists.open_in_team("complaints") == []
    assert shop.lists.queued("service") == [life.ticket.number]
    assert shop.lists.open_in_team("service") == [life.ticket.number]


def test_lists_merge_all_shards_next_due_first(shop: Shop) -> None:
    made = [shop.open("urgent") for _ in range(3)]
    shop.clock.advance(minutes=-20)
    made += [shop.open("complaint") for _ in range(3)]
    shop.clock.advance(hours=1)
    made += [shop.open("urgent") for _ in range(3)]
    first_due = {
        life.ticket.number: min(
            clock.due_at for name, clock in life.ticket.clocks.items() if name != "acknowledgement"
        )
        for life in made
    }
    expected = sorted(first_due, key=lambda number: (first_due[number], number))
    assert shop.lists.queued("complaints") == expected
    assert shop.lists.open_in_team("complaints") == expected
    assert shop.lists.queued("complaints", 4) == expected[:4]
    assert shop.lists.open_in_team("complaints", 4) == expected[:4]


def test_pages_of_a_work_list_have_no_gaps_or_repeats(shop: Shop) -> None:
    shop.member(MEI.id, capacity=9)
    numbers = []
    for _ in range(7):
        life = shop.open()
        shop.clock.advance(seconds=1)
        shop.commit(life.assign(MEI.id))
        numbers.append(life.ticket.number)
    for size in (1, 3, 7, 25):
        pages, cursor = [], None
        for _ in range(9):
            page = shop.lists.owned_by(MEI.id, size, cursor)
            pages.append(page.numbers)
            cursor = page.cursor
            if cursor is None:
                break
        assert [number for page in pages for number in page] == numbers
        assert all(len(page) <= size for page in pages)
        assert cursor is None


def test_a_cursor_continues_correctly_after_tickets_left_the_list(shop: Shop) -> None:
    shop.member(MEI.id, capacity=9)
    lives = []
    for _ in range(4):
        lives.append(shop.open())
        shop.clock.advance(seconds=1)
        shop.commit(lives[-1].assign(MEI.id))
    page = shop.lists.owned_by(MEI.id, 2)
    shop.commit(lives[1].resolve())
    following = shop.lists.owned_by(MEI.id, 5, page.cursor)
    assert following.numbers == [life.ticket.number for life in lives[2:]]


@pytest.mark.parametrize("cursor", ["nonsense", "#", "9999#", "2026#R-1#R-2", "字", "x" * 1100])
def test_a_forged_cursor_is_refused_or_harmless(shop: Shop, cursor: str) -> None:
    shop.member(MEI.id)
    life = shop.open()
    shop.commit(life.assign(MEI.id))
    try:
        page = shop.lists.owned_by(MEI.id, 5, cursor)
    except RedressError:
        return
    assert set(page.numbers) <= {life.ticket.number}


def test_a_closed_ticket_stays_readable(shop: Shop) -> None:
    life = shop.open("feedback")
    shop.commit(life.resolve())
    assert shop.tickets.get(life.ticket.number).state is State.CLOSED


def test_a_ticket_and_one_event_are_read_together(shop: Shop) -> None:
    life = shop.open()
    number = life.ticket.number

    assert shop.tickets.with_event(number, 1) == (life.ticket, life.events[0])
    for missing in ((number, 2), ("R-00000-00009", 1)):
        with pytest.raises(NotFound):
            shop.tickets.with_event(*missing)


def test_a_change_of_a_known_ticket_reads_it_only_after_a_lost_race(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = shop.open()
    read: list[str] = []
    get = shop.tickets.get

    def counted(number: str) -> Ticket:
        read.append(number)
        return get(number)

    monkeypatch.setattr(shop.tickets, "get", counted)

    def acknowledge(known: Ticket) -> Ticket:
        plans = Plans(shop.plan_store, shop.clock.now)
        number, decide = known.number, by_system.acknowledge
        return TicketChanges(shop.tickets, plans, shop.clock.now).change(
            number, decide, known=known
        )

    first = acknowledge(life.ticket)
    assert (first.acknowledged_at is not None, read) == (True, [])
    assert acknowledge(life.ticket) == first
    assert read == [life.ticket.number]
