"""Contract of the TIMER: when it wakes a workflow, and that no writer overwrites another.

It has three writers: changes of the ticket, the state machine when it goes to sleep, and repair.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from redress.base.errors import NotFound
from redress.db import encoding, keys
from redress.tickets.rules import ticket as tickets
from redress.tickets.rules.ticket import Phase, State
from redress.tickets.store.timers import Timer, TimerLost
from redress.workflow.cases.timers import TimerCase, sleep_of
from redress.workflow.store import ReconciliationReport, ReportStore
from tests.builders import BY_PHONE, MEI, START, Life
from tests.contract.conftest import Shop


def timer(shop: Shop, life: Life) -> Timer:
    return shop.timers.get(life.ticket.number)


def awake(shop: Shop) -> set[str]:
    """All tickets in the awake index."""
    return set(shop.timers.awake_since_before(shop.clock.now() + timedelta(days=1)))


def asleep(shop: Shop, kind: str = "complaint", **fields: Any) -> Life:
    """A ticket whose workflow sleeps until its next rung."""
    life = shop.open(kind, **fields)
    shop.fall_asleep(life, "token")
    return life


def test_a_new_ticket_is_awake_until_its_workflow_sleeps(shop: Shop) -> None:
    life = shop.open()
    assert timer(shop, life) == Timer(
        number=life.ticket.number,
        gen=1,
        seq=1,
        phase=Phase.ACKNOWLEDGEMENT,
        next_wake=START + timedelta(minutes=5),
        armed=None,
        awake_since=START,
    )
    assert awake(shop) == {life.ticket.number}
    shop.fall_asleep(life, "token")
    assert timer(shop, life).asleep
    assert timer(shop, life).awake_since is None
    assert awake(shop) == set()


def test_a_workflow_that_has_not_seen_the_last_change_cannot_sleep(shop: Shop) -> None:
    life = shop.open()
    shop.commit(life.acknowledge())
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        shop.fall_asleep(life, "too late", seq=1)
    assert timer(shop, life).armed is None
    assert awake(shop) == {life.ticket.number}


WAKES: dict[str, tuple[Callable[[Life], Life], Callable[[Life], Life]]] = {
    # the steps before the workflow sleeps, the step that then wakes it
    "acknowledged": (lambda life: life, Life.acknowledge),
    "first answer": (Life.acknowledge, Life.reply),
    "resolved": (lambda life: life.acknowledge().reply(), Life.resolve),
    "confirmed": (lambda life: life.acknowledge().resolve(), Life.confirm),
    "reopened": (lambda life: life.acknowledge().resolve(), Life.dispute),
    "surveyed": (lambda life: life.acknowledge().resolve().confirm(), Life.answer_survey),
    "withdrawn": (Life.acknowledge, Life.withdraw),
    "customer wrote after a pause": (
        lambda life: life.acknowledge().reply(wait_for_customer=True),
        Life.write,
    ),
    "a shorter promise": (
        lambda life: life.acknowledge().tell_progress(),
        lambda life: life.reclassify("urgent"),
    ),
}


def opened_and(shop: Shop, before: Callable[[Life], Life], **fields: Any) -> Life:
    """A ticket after the steps of `before`, each written, whose workflow then sleeps."""
    life = shop.open(**fields)
    done = len(life.changes)
    before(life)
    for change in life.changes[done:]:
        shop.tickets.commit(change, shop.clock.now())
    shop.fall_asleep(life, "token")
    return life


@pytest.mark.parametrize("what", WAKES)
def test_a_new_phase_or_an_earlier_wake_marks_the_ticket_awake(shop: Shop, what: str) -> None:
    before, wakes = WAKES[what]
    life = opened_and(shop, before)
    slept = timer(shop, life)
    shop.clock.advance(seconds=2)
    shop.commit(wakes(life))
    now = timer(shop, life)
    assert now.seq == slept.seq + 1
    assert now.phase is life.ticket.phase
    assert now.next_wake == tickets.next_wake(life.ticket, life.plan)
    assert now.awake_since == shop.clock.now()
    assert awake(shop) == {life.ticket.number}
    assert not now.asleep


LEAVES_ASLEEP: dict[str, tuple[Callable[[Life], Life], Callable[[Life], Life]]] = {
    "a note": (Life.acknowledge, Life.note),
    "an assignment": (Life.acknowledge, Life.assign),
    "a message": (Life.acknowledge, Life.write),
    "progress": (Life.acknowledge, Life.tell_progress),  # stops the reaction clock
    "a pause": (lambda life: life.acknowledge().reply(), lambda life: life.reply(True)),
    "a longer promise": (
        lambda life: life.acknowledge().tell_progress().reply(),
        lambda life: life.reclassify("service_request"),
    ),
    "a rung that fired": (
        Life.acknowledge,
        lambda life: life.wait(minutes=15).wake(),
    ),
}


@pytest.mark.parametrize("what", LEAVES_ASLEEP)
def test_a_later_wake_or_none_leaves_the_workflow_asleep(shop: Shop, what: str) -> None:
    before, harmless = LEAVES_ASLEEP[what]
    shop.member(MEI.id)
    life = opened_and(shop, before)
    slept = timer(shop, life)
    shop.commit(harmless(life))
    now = timer(shop, life)
    assert (now.seq, now.armed, now.awake_since) == (slept.seq, slept.armed, None)
    assert now.asleep
    assert now.next_wake == tickets.next_wake(life.ticket, life.plan)
    assert awake(shop) == set()


def test_a_change_of_no_clock_does_not_write_the_timer(shop: Shop) -> None:
    life = asleep(shop)
    before = shop.timer_item(life)
    shop.commit(life.note())
    assert shop.timer_item(life) == before


def test_a_change_keeps_a_token_that_was_armed_after_its_read(shop: Shop) -> None:
    """The state machine writes the TIMER itself, so a change must not write back what it read."""
    life = shop.open()
    decided = life.acknowledge().last  # read before the workflow fell asleep
    shop.fall_asleep(life, "armed meanwhile")
    shop.tickets.commit(decided, shop.clock.now())
    now = timer(shop, life)
    assert now.armed is not None
    assert now.armed.token == "armed meanwhile"
    assert (now.armed.seq, now.seq, now.awake_since) == (1, 2, shop.clock.now())


def test_a_change_that_leaves_the_workflow_asleep_keeps_a_new_token_too(shop: Shop) -> None:
    life = opened_and(shop, Life.acknowledge)
    decided = life.tell_progress().last
    shop.client.update_item(
        TableName=shop.table,
        Key={"pk": {"S": keys.ticket_pk(life.ticket.number)}, "sk": {"S": keys.TIMER}},
        UpdateExpression="SET armed.#t = :t",
        ExpressionAttributeNames={"#t": "token"},
        ExpressionAttributeValues={":t": {"S": "another"}},
    )
    shop.tickets.commit(decided, shop.clock.now())
    armed = timer(shop, life).armed
    assert armed is not None
    assert armed.token == "another"


def test_a_change_keeps_a_generation_that_began_after_its_read(shop: Shop) -> None:
    life = asleep(shop)
    decided = life.acknowledge().last
    assert shop.timers.next_generation(life.ticket.number, 1, shop.clock.now())
    shop.tickets.commit(decided, shop.clock.now())
    now = timer(shop, life)
    assert (now.gen, now.seq, now.armed) == (2, 3, None)


# -------------------------------------------------------------------------------- generations


def test_a_generation_has_only_one_successor(shop: Shop) -> None:
    life = asleep(shop)
    number = life.ticket.number
    shop.clock.advance(minutes=1)
    assert shop.timers.next_generation(number, 1, shop.clock.now())
    now = timer(shop, life)
    assert (now.gen, now.seq, now.armed, now.awake_since) == (2, 2, None, shop.clock.now())
    assert not shop.timers.next_generation(number, 1, shop.clock.now())
    assert timer(shop, life) == now
    assert awake(shop) == {number}


def test_a_closed_or_unknown_ticket_gets_no_new_generation(shop: Shop) -> None:
    life = shop.open("feedback")
    shop.commit(life.resolve())
    assert not shop.timers.next_generation(life.ticket.number, 1, shop.clock.now())
    assert not shop.timers.next_generation("R-00000-00009", 1, shop.clock.now())
    with pytest.raises(NotFound):
        shop.timers.get("R-00000-00009")


def test_the_awake_marker_is_cleared_only_for_a_closed_unchanged_ticket(shop: Shop) -> None:
    life = asleep(shop, "feedback")
    number = life.ticket.number
    assert not shop.timers.clear_awake(number, 1, 1)
    shop.commit(life.resolve())
    closed = timer(shop, life)
    assert (closed.phase, closed.next_wake) == (Phase.CLOSED, None)
    assert awake(shop) == {number}
    for gen, seq in ((2, closed.seq), (1, closed.seq - 1)):
        assert not shop.timers.clear_awake(number, gen, seq)
    assert awake(shop) == {number}
    assert shop.timers.clear_awake(number, 1, closed.seq)
    rested = timer(shop, life)
    assert (rested.armed, rested.awake_since) == (None, None)
    assert awake(shop) == set()
    assert shop.timers.clear_awake(number, 1, closed.seq), "a repeat is harmless"


def test_a_generation_stores_the_version_of_the_ticket_at_its_beginning(shop: Shop) -> None:
    life = asleep(shop)
    number = life.ticket.number
    assert timer(shop, life).gen_version == 1
    shop.timers.next_generation(number, 1, shop.clock.now(), version=7)
    assert timer(shop, life).gen_version == 7
    shop.timers.next_generation(number, 2, shop.clock.now())
    assert timer(shop, life).gen_version == 7, "without a version the earlier one stays"


# -------------------------------------------------------------------------------- corrections


def spoilt(shop: Shop, next_wake: datetime, phase: Phase = Phase.FIRST_RESPONSE) -> Life:
    """A sleeping, acknowledged ticket whose TIMER has a wrong next wake or phase."""
    life = opened_and(shop, Life.acknowledge)
    shop.client.update_item(
        TableName=shop.table,
        Key={"pk": {"S": keys.ticket_pk(life.ticket.number)}, "sk": {"S": keys.TIMER}},
        UpdateExpression="SET next_wake_ms = :w, phase = :p",
        ExpressionAttributeValues={
            ":w": {"N": str(encoding.milliseconds(next_wake))},
            ":p": {"S": phase.value},
        },
    )
    return life


def correct(shop: Shop, life: Life, seen: Timer) -> bool:
    wake = tickets.next_wake(life.ticket, life.plan)
    return shop.timers.correct(life.ticket, seen, wake, shop.clock.now())


@pytest.mark.parametrize(
    ("hours", "phase", "wakes"),
    [
        (48, Phase.FIRST_RESPONSE, True),
        (0, Phase.FIRST_RESPONSE, False),
        (0, Phase.CALLBACK, True),
    ],
    ids=["wakes too late", "wakes too early", "has the wrong phase"],
)
def test_a_correction_wakes_a_workflow_that_would_act_too_late(
    shop: Shop, hours: int, phase: Phase, wakes: bool
) -> None:
    life = spoilt(shop, START + timedelta(hours=hours), phase)
    seen = timer(shop, life)
    shop.clock.advance(seconds=5)
    assert correct(shop, life, seen)
    now = timer(shop, life)
    assert (now.phase, now.next_wake) == (life.ticket.phase, START + timedelta(minutes=15))
    assert (now.seq, now.asleep) == (seen.seq + wakes, not wakes)
    assert awake(shop) == ({life.ticket.number} if wakes else set())
    assert now.armed == seen.armed


def test_a_change_after_the_read_prevents_a_correction(shop: Shop) -> None:
    life = spoilt(shop, START + timedelta(hours=48))
    seen, read = timer(shop, life), Life(shop.clock, changes=list(life.changes))
    shop.commit(life.note())
    before = shop.timer_item(life)
    assert not correct(shop, read, seen)
    assert shop.timer_item(life) == before


def test_a_generation_after_the_read_prevents_a_correction(shop: Shop) -> None:
    life = spoilt(shop, START + timedelta(hours=48))
    seen = timer(shop, life)
    shop.timers.next_generation(life.ticket.number, 1, shop.clock.now())
    before = shop.timer_item(life)
    assert not correct(shop, life, seen)
    assert shop.timer_item(life) == before


# -------------------------------------------------------------------------------- rebuilding


RUINS: dict[str, dict[str, Any]] = {
    "no generation": {"UpdateExpression": "REMOVE gen"},
    "generation is a text": {
        "UpdateExpression": "SET gen = :v",
        "ExpressionAttributeValues": {":v": {"S": "1"}},
    },
    "generation too big": {
        "UpdateExpression": "SET gen = :v",
        "ExpressionAttributeValues": {":v": {"N": "9" * 30}},
    },
    "sequence is a list": {
        "UpdateExpression": "SET seq = :v",
        "ExpressionAttributeValues": {":v": {"L": []}},
    },
    "sequence is negative": {
        "UpdateExpression": "SET seq = :v",
        "ExpressionAttributeValues": {":v": {"N": "-1"}},
    },
}


def ruin(shop: Shop, life: Life, what: str) -> None:
    key = {"pk": {"S": keys.ticket_pk(life.ticket.number)}, "sk": {"S": keys.TIMER}}
    if what == "missing":
        shop.client.delete_item(TableName=shop.table, Key=key)
    else:
        shop.client.update_item(TableName=shop.table, Key=key, **RUINS[what])


def rebuild(shop: Shop, life: Life) -> bool:
    wake = tickets.next_wake(life.ticket, life.plan)
    return shop.timers.rebuild(life.ticket, wake, shop.clock.now())


@pytest.mark.parametrize("what", ["missing", *RUINS])
def test_a_lost_timer_is_rebuilt_once_with_a_new_generation(shop: Shop, what: str) -> None:
    life = asleep(shop)
    ruin(shop, life, what)
    with pytest.raises(TimerLost):
        shop.commit(life.acknowledge())
    life.changes.pop()
    assert not shop.timers.next_generation(life.ticket.number, 1, shop.clock.now())
    assert rebuild(shop, life)
    now = timer(shop, life)
    assert now == replace(now, phase=Phase.ACKNOWLEDGEMENT, seq=1, armed=None, gen_version=1)
    assert now.gen == (shop.clock.now() - datetime(2020, 1, 1, tzinfo=UTC)).total_seconds() // 60
    assert now.next_wake == tickets.next_wake(life.ticket, life.plan)
    assert awake(shop) == {life.ticket.number}
    assert not rebuild(shop, life)
    assert timer(shop, life) == now


@pytest.mark.parametrize("what", ["missing", *RUINS])
def test_a_change_after_the_read_prevents_a_rebuilt_timer(shop: Shop, what: str) -> None:
    life = asleep(shop)
    read = Life(shop.clock, changes=list(life.changes))
    shop.commit(life.acknowledge())
    ruin(shop, life, what)
    before = shop.timer_item(life) if what != "missing" else None
    assert not rebuild(shop, read)
    assert before is None or shop.timer_item(life) == before


def test_a_second_rebuilt_timer_has_a_later_generation(shop: Shop) -> None:
    life = asleep(shop)
    ruin(shop, life, "missing")
    rebuild(shop, life)
    first = timer(shop, life).gen
    shop.client.update_item(
        TableName=shop.table,
        Key={"pk": {"S": keys.ticket_pk(life.ticket.number)}, "sk": {"S": keys.TIMER}},
        UpdateExpression="SET phase = :v",
        ExpressionAttributeValues={":v": {"S": "hibernation"}},
    )
    assert rebuild(shop, life)
    assert timer(shop, life).gen == first + 1


def test_a_closed_ticket_gets_a_timer_that_starts_nothing(shop: Shop) -> None:
    life = shop.open("feedback")
    shop.commit(life.resolve())
    ruin(shop, life, "missing")
    assert rebuild(shop, life)
    now = timer(shop, life)
    assert (now.phase, now.awake_since, now.next_wake) == (Phase.CLOSED, None, None)
    assert awake(shop) == set()


# -------------------------------------------------------------------------------- walking


def walked(shop: Shop, team: str, limit: int) -> list[str]:
    """All open tickets of a team, page by page, as the reconciliation lists them."""
    found: list[str] = []
    for shard in range(keys.SHARDS):
        cursor: str | None = None
        while True:
            page = shop.lists.open_in_shard(team, shard, cursor, limit)
            assert all(keys.shard(number) == shard for number in page.numbers)
            found += page.numbers
            if (cursor := page.cursor) is None:
                break
    return found


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_every_open_ticket_is_listed_once_with_any_page_size(shop: Shop, limit: int) -> None:
    lives = [shop.open() for _ in range(9)]
    shop.open("service_request")
    shop.commit(lives.pop().withdraw())
    numbers = sorted(life.ticket.number for life in lives)
    assert sorted(walked(shop, "complaints", limit)) == numbers


def test_snapshots_and_timers_are_read_in_pairs(shop: Shop) -> None:
    first, second = shop.open(), asleep(shop)
    gone = "R-00000-00009"
    shop.client.update_item(
        TableName=shop.table,
        Key={"pk": {"S": keys.ticket_pk(second.ticket.number)}, "sk": {"S": keys.TICKET}},
        UpdateExpression="SET doc = :d",
        ExpressionAttributeValues={":d": {"S": "{}"}},
    )
    read = shop.timers.side_by_side([second.ticket.number, gone, first.ticket.number])
    assert read == [
        (None, timer(shop, second)),
        (None, None),
        (first.ticket, timer(shop, first)),
    ]
    assert shop.timers.side_by_side([]) == []


# -------------------------------------------------------------------------------- reports


def test_reports_are_listed_by_run_newest_first(shop: Shop) -> None:
    reports = ReportStore(shop.models)
    assert reports.latest() == []
    runs = [
        ReconciliationReport(START + timedelta(days=day), f"print-{day}", START, ("complaints",))
        for day in range(3)
    ]
    for run in runs:
        reports.save(run)
    done = replace(runs[2], ended_at=START, found={"followed": 1}, examples={"followed": ["R-1"]})
    reports.save(done)
    assert reports.latest(2) == [done, runs[1]]
    assert reports.latest(2, keys.run_sk(runs[2].began_at)) == [runs[1], runs[0]]


# -------------------------------------------------------------------------------- the index


def test_the_sweep_finds_only_tickets_that_are_awake_for_too_long(shop: Shop) -> None:
    sleeping = asleep(shop)
    old = shop.open()
    shop.clock.advance(minutes=3)
    new = shop.open()
    moment = shop.clock.now() - timedelta(minutes=2)
    assert set(shop.timers.awake_since_before(moment)) == {old.ticket.number}
    shop.clock.advance(minutes=3)
    moment = shop.clock.now() - timedelta(minutes=2)
    assert set(shop.timers.awake_since_before(moment)) == {old.ticket.number, new.ticket.number}
    assert sleeping.ticket.number not in awake(shop)
    assert 0 < len(list(shop.timers.awake_since_before(moment, most=1))) <= 2


def test_the_awake_index_covers_every_shard(shop: Shop) -> None:
    numbers = {shop.open().ticket.number for _ in range(12)}
    assert len({keys.shard(number) for number in numbers}) > 1
    assert awake(shop) == numbers


# -------------------------------------------------------------------------------- the workflow


def test_a_woken_workflow_acts_once_and_returns_how_long_to_sleep(shop: Shop) -> None:
    life = opened_and(shop, Life.acknowledge, contact=BY_PHONE)
    number = life.ticket.number
    case = TimerCase(shop.timers, shop.changes, shop.clock.now)
    shop.clock.moment = START + timedelta(minutes=15)
    first = case.act_on_due_clocks(number, 1)
    again = case.act_on_due_clocks(number, 1)
    assert first == again
    assert (first.wait, first.phase, first.seq) == (9 * 60, "first_response", 1)
    fired = [event for event in shop.tickets.history(number) if event.type == "rung_fired"]
    assert [event.data["action"] for event in fired] == ["remind"]


@pytest.mark.parametrize("away", [timedelta(days=91), timedelta(days=400_000), None])
def test_a_workflow_sleeps_at_most_90_days(shop: Shop, away: timedelta | None) -> None:
    far = replace(timer(shop, asleep(shop)), next_wake=START + away if away else None)
    assert sleep_of(far, START).wait == 90 * 86_400


def test_a_superseded_generation_does_nothing(shop: Shop) -> None:
    life = asleep(shop)
    number = life.ticket.number
    case = TimerCase(shop.timers, shop.changes, shop.clock.now)
    shop.timers.next_generation(number, 1, shop.clock.now())
    shop.clock.advance(hours=1)
    assert case.act_on_due_clocks(number, 1).phase == "superseded"
    assert len(shop.tickets.history(number)) == 1


def test_a_workflow_that_closes_its_ticket_clears_the_awake_marker(shop: Shop) -> None:
    life = shop.open()
    for step in (life.acknowledge, life.resolve):
        shop.commit(step())
    case = TimerCase(shop.timers, shop.changes, shop.clock.now)
    number = life.ticket.number
    for _ in range(3):
        wake = timer(shop, life).next_wake
        assert wake is not None
        shop.clock.moment = wake
        sleep = case.act_on_due_clocks(number, 1)
    assert sleep.phase == "closed"
    assert shop.tickets.get(number).state is State.CLOSED
    assert awake(shop) == set()
