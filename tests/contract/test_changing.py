"""A change is written whole, against the ticket that was read, and moves what depends on it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from redress.base.errors import AgentNotFree, NotFound, RedressError, Unavailable, VersionConflict
from redress.db import keys
from redress.plans.store.plans import Plans
from redress.scores.store.scores import ScoreStore
from redress.staff.cases.assignment import AssignmentCase
from redress.staff.rules import Presence
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_customer, by_staff, by_system
from redress.tickets.rules.ticket import EventType, State, Ticket
from redress.tickets.store.transaction import Raced
from tests.builders import BY_PHONE, LIN, MEI, Life
from tests.contract.conftest import Faults, Shop

URL = "http://127.0.0.1"


def test_a_change_is_there_whole(shop: Shop) -> None:
    shop.member(MEI.id)
    life = shop.open()
    shop.commit(life.assign(MEI.id))
    shop.commit(life.wait(hours=1).reply())
    assert shop.tickets.get(life.ticket.number) == life.ticket
    assert shop.tickets.history(life.ticket.number) == life.events
    assert shop.tickets.event(life.ticket.number, 2) == life.events[1]


def test_what_nobody_opened_cannot_change(shop: Shop) -> None:
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


def test_of_two_changes_of_one_version_the_second_is_raced_and_writes_nothing(shop: Shop) -> None:
    life = shop.open()
    read = life.ticket
    shop.commit(life.note())
    before = shop.items()
    late = by_staff.note(read, life.plan, LIN, "at the same time", shop.clock.now())
    with pytest.raises(Raced):
        shop.tickets.commit(late, shop.clock.now())
    assert shop.items() == before


def test_a_head_that_moved_on_is_raced_whatever_its_history_says(shop: Shop) -> None:
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


def test_a_long_history_is_read_in_the_order_in_which_it_happened(shop: Shop) -> None:
    life = shop.open()
    for _ in range(11):
        shop.commit(life.note())
    numbers = [event.number for event in shop.tickets.history(life.ticket.number)]
    assert numbers == list(range(1, 13))


def test_many_tickets_are_read_in_the_order_asked_without_those_that_are_gone(shop: Shop) -> None:
    lives = [shop.open(), shop.open()]
    numbers = [life.ticket.number for life in reversed(lives)]
    asked = [numbers[0], "R-00000-00009", numbers[1], numbers[0]]
    assert [ticket.number for ticket in shop.tickets.get_many(asked)] == numbers
    assert shop.tickets.get_many([]) == []


# -------------------------------------------------------------------------------- faults

# A note: its event first, then the head.
CONFLICT: list[str | None] = [None, "TransactionConflict"]


def test_another_writer_at_the_same_instant_is_never_shown_as_a_conflict(
    shop: Shop, failing: Callable[..., Faults]
) -> None:
    life = shop.open()
    faults = failing(shop.clients["full"], "TransactWriteItems", CONFLICT, CONFLICT, CONFLICT)
    shop.commit(life.note())
    assert faults.calls == 4
    assert len(set(faults.tokens)) == 1, "every try is one request, should an answer be lost"
    assert None not in faults.tokens
    assert shop.tickets.get(life.ticket.number) == life.ticket


def test_conflicts_without_end_are_unavailable_and_nothing_is_written(
    shop: Shop, failing: Callable[..., Faults]
) -> None:
    life = shop.open()
    before = shop.items()
    failing(shop.clients["full"], "TransactWriteItems", *[CONFLICT] * 20)
    with pytest.raises(Unavailable):
        shop.commit(life.note())
    assert shop.items() == before


@pytest.mark.parametrize(
    "fault", ["ThrottlingException", EndpointConnectionError(endpoint_url=URL)], ids=str
)
def test_a_store_that_cannot_be_reached_is_unavailable_in_every_way(
    shop: Shop, fault: Any, failing: Callable[..., Faults]
) -> None:
    life = shop.open()
    number = life.ticket.number
    for operation in ("TransactWriteItems", "GetItem", "Query", "UpdateItem", "BatchGetItem"):
        failing(shop.clients["full"], operation, *[fault] * 100)
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
        lambda: shop.staff.present("complaints"),
        lambda: shop.plans.current(),
    ]
    for ask in asks:
        with pytest.raises(Unavailable):
            ask()


def test_a_reason_names_its_own_condition_and_no_other(
    shop: Shop, failing: Callable[..., Faults]
) -> None:
    """event, head, timer, agent: that is the order in which an assignment is written."""
    shop.member(MEI.id)
    lost = "ConditionalCheckFailed"
    reasons: dict[type[RedressError], list[str | None]] = {
        Raced: [None, lost, None],
        AgentNotFree: [None, None, lost],
    }
    for expected, answer in reasons.items():
        life = shop.open()
        failing(shop.clients["full"], "TransactWriteItems", answer)
        with pytest.raises(expected):
            shop.commit(life.assign(MEI.id))
    life = shop.open()
    failing(shop.clients["full"], "TransactWriteItems", [None, lost, lost])
    with pytest.raises(Raced):  # both lost: what the agent carries may be just as old
        shop.commit(life.assign(MEI.id))


def test_a_word_whose_answer_is_lost_is_written_once(
    amazons: Shop, losing_the_answer: Callable[[Any, str, Exception], None]
) -> None:
    """The customer's text must not stand there twice because an answer was lost on its way."""
    life = amazons.open()
    losing_the_answer(
        amazons.clients["full"], "TransactWriteItems", ReadTimeoutError(endpoint_url=URL)
    )
    TicketChanges(amazons.tickets, amazons.plans, amazons.clock.now).change(
        life.ticket.number,
        lambda t, p, at: by_customer.write(t, p, "It leaks", at),
    )
    history = amazons.tickets.history(life.ticket.number)
    assert [event.type for event in history] == [EventType.OPENED, EventType.CUSTOMER_WROTE]


# -------------------------------------------------------------------------------- deciding anew


def test_who_loses_a_race_decides_anew_on_the_truth(shop: Shop) -> None:
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


def test_who_loses_every_race_is_told_the_version_that_is_there_now(shop: Shop) -> None:
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


def test_an_assignment_takes_up_room_and_the_end_of_the_work_gives_it_back(shop: Shop) -> None:
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


def test_a_load_that_is_nothing_already_holds_up_no_ticket(shop: Shop) -> None:
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
def test_whatever_takes_a_ticket_from_an_agent_gives_the_room_back(shop: Shop, end: str) -> None:
    shop.member(MEI.id)
    life = shop.open()
    shop.commit(life.assign(MEI.id))
    shop.commit(ENDS[end](life))
    assert load(shop, MEI.id) == 0


def test_a_reopened_ticket_takes_up_room_only_once_it_is_assigned_again(shop: Shop) -> None:
    shop.member(MEI.id)
    life = shop.open()
    shop.commit(life.assign(MEI.id))
    shop.commit(life.resolve())
    shop.commit(life.dispute())
    assert load(shop, MEI.id) == 0
    shop.commit(life.assign(MEI.id))
    assert load(shop, MEI.id) == 1


def test_handing_a_ticket_on_moves_the_load_with_it(shop: Shop) -> None:
    shop.member("a-mei")
    shop.member("a-jun")
    life = shop.open()
    shop.commit(life.assign("a-mei"))
    shop.commit(life.reassign("a-jun"))
    assert (load(shop, "a-mei"), load(shop, "a-jun")) == (0, 1)


def test_handing_a_ticket_to_who_has_it_changes_no_load(shop: Shop) -> None:
    shop.member("a-mei", capacity=1)
    life = shop.open()
    shop.commit(life.assign("a-mei"))
    shop.commit(life.reassign("a-mei"))
    assert load(shop, "a-mei") == 1


def test_a_ticket_that_cannot_be_handed_on_stays_where_it_was(shop: Shop) -> None:
    shop.member("a-mei")
    shop.member("a-jun", capacity=0)
    life = shop.open()
    shop.commit(life.assign("a-mei"))
    before = shop.items()
    with pytest.raises(AgentNotFree):
        shop.commit(life.reassign("a-jun"))
    assert shop.items() == before


@pytest.mark.parametrize("why", ["full", "away", "unknown"])
def test_an_agent_who_is_not_free_is_assigned_nothing(shop: Shop, why: str) -> None:
    if why != "unknown":
        member = shop.member(MEI.id, capacity=0 if why == "full" else 2)
        if why == "away":
            shop.staff.record(member, Presence.AWAY, shop.clock.now())
    life = shop.open()
    before = shop.items()
    with pytest.raises(AgentNotFree):
        shop.commit(life.assign(MEI.id))
    assert shop.items() == before


def test_who_was_just_assigned_a_ticket_is_asked_last_next_time(shop: Shop) -> None:
    for agent in ("a-jun", "a-mei", "a-tao"):
        shop.member(agent)
    assigner = AssignmentCase(shop.changes, shop.lists, shop.staff)
    taken = []
    for _ in range(6):
        shop.clock.advance(seconds=1)
        taken.append(assigner.assign(shop.open().ticket.number))
    assert taken == ["a-jun", "a-mei", "a-tao"] * 2
    assert assigner.assign(shop.open().ticket.number) is None, "all are full"


def test_an_assigner_whose_clock_is_behind_does_not_write_history_backwards(shop: Shop) -> None:
    """Story: the assigner's clock was three seconds behind the intake's, and the assignment stood
    before the opening of its ticket."""
    shop.member(MEI.id)
    life = shop.open()
    shop.clock.advance(seconds=-3)
    assigner = AssignmentCase(shop.changes, shop.lists, shop.staff)
    assert assigner.assign(life.ticket.number) == MEI.id
    opened, assigned = shop.tickets.history(life.ticket.number)
    assert assigned.at == opened.at
    assert shop.tickets.get(life.ticket.number).changed_at == opened.at


def test_an_agent_who_has_no_room_by_now_is_passed_over(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read of the agents is a moment old; the transaction knows better."""
    shop.member("a-jun")
    shop.member("a-mei")
    present = shop.staff.present("complaints")
    shop.member("a-jun", capacity=0)
    monkeypatch.setattr(shop.staff, "present", lambda team: present)
    assigner = AssignmentCase(shop.changes, shop.lists, shop.staff)
    assert assigner.assign(shop.open().ticket.number) == "a-mei"
    shop.member("a-mei", capacity=0)
    assert assigner.assign(shop.open().ticket.number) is None


def test_two_assignments_at_once_never_overfill_an_agent(amazons: Shop) -> None:
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


def test_two_who_write_at_once_both_get_through_and_neither_word_is_lost(amazons: Shop) -> None:
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


def test_the_facts_of_a_month_are_written_with_the_change_that_makes_them(shop: Shop) -> None:
    shop.member(MEI.id)
    life = shop.open()
    shop.commit(life.assign(MEI.id))
    shop.commit(life.wait(minutes=10).reply())
    facts = ScoreStore(shop.models).facts(MEI.id, "2026-11")
    assert {(fact.number, fact.name, fact.value["kept"]) for fact in facts} == {
        (life.ticket.number, "reaction", True),
        (life.ticket.number, "first_response", True),
    }


def test_a_change_that_is_raced_leaves_no_fact(shop: Shop) -> None:
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


def head(shop: Shop, life: Life) -> dict[str, str]:
    """The index keys of a head, as they lie in the table."""
    item = shop.item(keys.ticket_pk(life.ticket.number), keys.TICKET)
    names = ("owner_pk", "owner_sk", "open_pk", "open_sk")
    return {name: item[name]["S"] for name in names if name in item}


def test_a_clock_that_is_behind_moves_no_history_backwards(shop: Shop) -> None:
    life = shop.open()
    number, first = life.ticket.number, shop.clock.now()
    for seconds in (2, -1.5, 0, -600):
        shop.clock.advance(seconds=seconds)
        TicketChanges(shop.tickets, shop.plans, shop.clock.now).change(
            number,
            lambda t, p, at: by_staff.note(t, p, MEI, "a word", at),
        )
    times = [event.at - first for event in shop.tickets.history(number)]
    assert times == [timedelta(0), *[timedelta(seconds=2)] * 4]


def test_a_ticket_moves_from_queue_to_work_list_and_out_of_all(shop: Shop) -> None:
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
    assert head(shop, life)["owner_pk"] == keys.queue_pk("complaints", shard)
    assert head(shop, life)["owner_sk"] == f"2026-11-23T01:30:00.000+00:00#{number}"
    shop.commit(life.assign(MEI.id))
    assert places() == (False, True, True)
    shop.commit(life.reply())
    assert head(shop, life)["owner_sk"] == f"2026-11-24T01:00:00.000+00:00#{number}", "the update"
    shop.commit(life.resolve())
    assert places() == (False, True, True), "the call is still to be made"
    assert head(shop, life)["open_sk"] == f"2026-11-24T01:00:00.000+00:00#{number}"
    shop.commit(life.call("confirmed"))
    assert places() == (False, False, True)
    assert head(shop, life) == {
        "open_pk": keys.open_pk("complaints", shard),
        "open_sk": f"9999#{number}",
    }
    shop.commit(life.answer_survey())
    assert places() == (False, False, False)
    assert head(shop, life) == {}


def test_a_callback_by_mail_is_nobodys_work(shop: Shop) -> None:
    shop.member(MEI.id)
    life = shop.open()
    shop.commit(life.assign(MEI.id))
    shop.commit(life.resolve())
    assert "owner_pk" not in head(shop, life)


def test_a_ticket_of_another_kind_moves_to_the_queue_of_its_team(shop: Shop) -> None:
    life = shop.open("complaint")
    shop.commit(life.reclassify("inquiry"))
    assert shop.lists.queued("complaints") == shop.lists.open_in_team("complaints") == []
    assert shop.lists.queued("service") == [life.ticket.number]
    assert shop.lists.open_in_team("service") == [life.ticket.number]


def test_lists_are_ordered_by_what_is_due_next_across_all_shards(shop: Shop) -> None:
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


def test_a_work_list_is_paged_without_gap_or_repeat(shop: Shop) -> None:
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


def test_a_page_goes_on_where_it_was_when_tickets_leave_and_come(shop: Shop) -> None:
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
def test_a_cursor_that_we_did_not_give_is_the_callers_fault_or_harmless(
    shop: Shop, cursor: str
) -> None:
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


def test_a_ticket_and_the_event_that_is_asked_for_are_read_together(shop: Shop) -> None:
    life = shop.open()
    number = life.ticket.number

    assert shop.tickets.with_event(number, 1) == (life.ticket, life.events[0])
    for missing in ((number, 2), ("R-00000-00009", 1)):
        with pytest.raises(NotFound):
            shop.tickets.with_event(*missing)


def test_a_change_of_a_ticket_that_is_known_reads_it_only_when_somebody_was_faster(
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
