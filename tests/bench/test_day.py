"""The benchmark of a day: what comes in, and what its figures make of what was written."""

from __future__ import annotations

from collections import Counter
from copy import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bench import day, replay
from bench.daybook import (
    Assignment,
    Duty,
    Entry,
    Head,
    History,
    assignments,
    entry_of,
    openings,
    over_capacity,
    unevenness,
)
from bench.report import Figure
from redress.plans.rules.document import parse
from redress.staff.rules.availability import Availability, Presence
from redress.staff.rules.eligibility import need_of
from redress.tickets.store import items
from tests.builders import JUN, LIN, MEI, START, Life, plan_1, plan_document
from tests.chaos import checker
from tests.chaos.checker import Known
from tests.chaos.evidence import Evidence, Stored


def agent(name: str, **fields: Any) -> Availability:
    good = Availability(
        agent=name,
        team="complaints",
        languages=("zh-CN",),
        presence=Presence.AVAILABLE,
        capacity=2,
        load=0,
        last_assigned="0000",
        since="2026-11-23T00:00:00.000+00:00",
    )
    return replace(good, **fields)


def given(life: Life, before: Availability) -> Availability:
    """The agent's availability after the last assignment of this ticket."""
    moment = life.events[-1].at.isoformat(timespec="milliseconds")
    return replace(before, load=before.load + 1, last_assigned=moment)


def history(life: Life) -> History:
    states = [after for change in life.changes for after in (change.after,) * len(change.events)]
    return History(life.events, states)


def a_life(number: str) -> Life:
    life = Life()
    life.clock.moment += timedelta(seconds=int(number[-1]))
    return life.open(number=number)


# ------------------------------------------------------------------------------ what comes in


def test_twenty_agents_work_in_three_teams_beside_agents_who_are_equally_eligible() -> None:
    agents = [member for member in day.crew() if member.group == "agent"]
    assert len(agents) == 20
    assert len({member.team for member in agents}) == 3
    assert len({member.email for member in day.crew()}) == len(day.crew())
    assert all(group.agents > 1 for group in day.GROUPS)


def test_a_team_speaks_each_language_of_its_customers() -> None:
    spoken = {
        (group.team, language) for group in day.GROUPS for language in group.languages.split(",")
    }
    assert spoken == {(team, language) for team in day.TEAMS for language in day.LANGUAGES}


def test_same_seed_gives_the_same_day_of_tickets_of_all_kinds() -> None:
    first, second = day.coming(1, 2_000), day.coming(1, 2_000)
    assert first == second != day.coming(2, 2_000)
    assert {one.kind for one in first} == set(day.KINDS)
    assert {one.channel for one in first} == set(day.CHANNELS)
    assert {one.language for one in first} == set(day.LANGUAGES)
    assert len({one.mark for one in first}) == 2_000
    assert all(one.kind in day.DOORS for one in first if one.channel == "mail")


def test_bursts_have_at_most_twenty_tickets_and_all_of_them_in_order() -> None:
    tickets = day.coming(1, 500)
    found = list(day.bursts(1, tickets))
    assert [one for burst in found for one in burst.tickets] == tickets
    assert max(len(burst.tickets) for burst in found) <= 20 < len(found)
    assert all(day.SLOWEST <= burst.rate <= day.BURST for burst in found)


# ------------------------------------------------------------------------------ the figures


def test_busiest_second_is_found_wherever_it_begins() -> None:
    assert day.busiest([]) == 0
    assert day.busiest([0.0, 0.9, 1.0, 1.2, 1.8, 5.0]) == 4
    assert day.busiest([0.0, 1.0, 2.0]) == 1


def test_unevenness_is_that_of_the_agent_furthest_from_the_mean_of_their_group() -> None:
    groups = {"a": "north", "b": "north", "c": "south", "d": "south", "e": "idle"}
    found = unevenness({"a": 9, "b": 11, "c": 5, "d": 15}, groups)
    assert found == {"north": pytest.approx(0.1), "south": pytest.approx(0.5), "idle": 0.0}


def test_one_ticket_more_than_another_agent_is_even() -> None:
    assert unevenness({"a": 2, "b": 3}, {"a": "north", "b": "north"}) == {"north": 0.0}
    assert unevenness({"a": 2, "b": 4}, {"a": "north", "b": "north"})["north"] > 0.3


def test_too_much_work_is_found_at_any_moment_and_not_only_at_the_end() -> None:
    full = agent("a", load=2)
    entries = [Duty(agent("a")), Duty(full), Duty(replace(full, load=3)), Duty(full)]
    assert over_capacity(entries) == [replace(full, load=3)]
    talking = agent("a", load=2, live=134)
    assert over_capacity([Duty(replace(talking, live=100)), Duty(talking)]) == [talking]


def test_two_calls_of_one_agent_are_found_in_the_tickets_whatever_was_counted() -> None:
    calls = [
        Life().open(number=number, channel="phone").assign("a").tell_progress()
        for number in ("R-AAAAA-AAAAA", "R-BBBBB-BBBBB")
    ]
    first, second = (Head(life.ticket) for life in calls)
    one = agent("a", load=1, live=100, conversations=frozenset({calls[0].ticket.number}))
    both = replace(one, conversations=frozenset(life.ticket.number for life in calls))
    assert over_capacity([Duty(one), first, second]) == [], "the agent has said that one is over"
    assert over_capacity([Duty(one), first, Duty(both), second]) == [both]


def test_record_of_an_agent_and_of_a_ticket_is_read_and_others_are_not() -> None:
    duty = {
        "pk": {"S": "AGENT#a"},
        "sk": {"S": "DUTY"},
        "team": {"S": "complaints"},
        "languages": {"L": [{"S": "zh-CN"}]},
        "presence": {"S": "available"},
        "capacity": {"N": "2"},
        "load": {"N": "1"},
        "last_assigned": {"S": "0000"},
        "since": {"S": "2026-11-23T00:00:00.000+00:00"},
        "is_agent": {"BOOL": True},
    }
    assert entry_of({"dynamodb": {"NewImage": duty}}, START) == Duty(agent("a", load=1), START)
    ticket = Life().open().ticket
    head = {"sk": {"S": "TICKET"}, "doc": {"S": items.snapshot_doc(ticket)}}
    assert entry_of({"dynamodb": {"NewImage": head}}, START) == Head(ticket)
    assert entry_of({"dynamodb": {"NewImage": head | {"sk": {"S": "TIMER"}}}}, START) is None
    assert entry_of({"dynamodb": {}}, START) is None, "an item that expired"


@pytest.mark.parametrize("duty_first", [True, False])
def test_assignment_has_the_state_just_before_it_whatever_its_transaction_wrote_first(
    duty_first: bool,
) -> None:
    mei, jun = agent(MEI.id), agent(JUN.id, load=1)
    life = a_life("R-1")
    opened = life.ticket
    life.wait(seconds=3).assign(MEI.id)
    written: list[Entry] = [Duty(given(life, mei)), Head(life.ticket)]
    entries: list[Entry] = [
        Duty(mei),
        Duty(jun),
        Head(opened),
        *(written if duty_first else written[::-1]),
    ]
    [found] = assignments(entries, {"R-1": history(life)})
    assert (found.ticket, found.agent) == (opened, MEI.id)
    assert found.availabilities == (jun, mei)


def test_assignments_by_people_are_not_the_routers() -> None:
    life = a_life("R-1")
    opened = life.ticket
    life.reassign(MEI.id, by=LIN)
    entries: list[Entry] = [Duty(agent(MEI.id)), Head(opened), Head(life.ticket)]
    assert assignments(entries, {"R-1": history(life)}) == []


def test_ticket_is_free_at_its_opening_if_there_is_more_room_than_others_wait_for() -> None:
    first, second, third = (a_life(f"R-{n}") for n in (1, 2, 3))
    entries: list[Entry] = [
        Duty(agent(MEI.id)),
        *(Head(life.ticket) for life in (first, second, third)),
    ]
    second.wait(seconds=7).assign(MEI.id)
    entries.append(Head(second.ticket))
    histories = {one.ticket.number: history(one) for one in (first, second, third)}
    found = openings(entries, histories, plan_1())
    assert [one.free for one in found] == [True, True, False]
    assert [one.waited_s for one in found] == [None, 7.0, None]


def test_nobody_is_free_who_is_away_or_speaks_another_language() -> None:
    life = a_life("R-1")
    others = [agent("b", presence=Presence.AWAY), agent("c", languages=("en",))]
    entries: list[Entry] = [*(Duty(one) for one in others), Head(life.ticket)]
    [found] = openings(entries, {"R-1": history(life)}, plan_1())
    assert not found.free


def test_replay_in_another_process_decides_what_the_router_decided() -> None:
    mei, jun = agent(MEI.id, last_assigned="2026-11-23T00:30:00.000+00:00"), agent(JUN.id)
    life = a_life("R-1")
    opened = life.ticket
    decided = replay.decide(replay.State(items.snapshot_doc(opened), START, (mei, jun)), plan_1())
    assert decided.agent == JUN.id
    life.assign(JUN.id)
    entries: list[Entry] = [Duty(mei), Duty(jun), Head(opened), Head(life.ticket)]
    [found] = assignments(entries, {"R-1": history(life)})
    found = replace(found, decision=decided.decision)
    other = replace(found, decision={"step": 0, "read": 1})
    wanted: dict[str, float] = {
        "decisions replayed": 2,
        "  two processes decide differently": 0,
        "  the agent is that of the day": 100.0,
        "  and all reasons why not another": 50.0,
        "  whose agents did not change meanwhile": 2,
        "    the agent is that of the day": 100.0,
    }
    figures = day.replay_figures(plan_document(), [found, other])
    assert values(figures) == wanted
    assert [one.name for one in figures if one.met is False] == []
    changed = [replace(found, agent=MEI.id, settled=False)] + [found] * 18
    assert missed(changed) == ["  the agent is that of the day"]
    assert missed([*changed, found]) == []
    assert missed([*[found] * 20, replace(found, agent=MEI.id)]) == [
        "    the agent is that of the day"
    ]
    assert missed([replace(found, settled=False)]) == ["    the agent is that of the day"]


def missed(given: list[Assignment]) -> list[str]:
    """The goals of the replay that these assignments miss."""
    return [one.name for one in day.replay_figures(plan_document(), given) if one.met is False]


def test_agents_are_settled_if_they_were_written_before_the_router_decided() -> None:
    mei, jun, tao = agent(MEI.id), agent(JUN.id), agent("a-tao", team="service")
    life = a_life("R-1")
    opened = life.ticket
    life.wait(seconds=3).assign(MEI.id)
    decided = life.events[-1].at
    own, head = Duty(given(life, mei), decided + timedelta(seconds=1)), Head(life.ticket)

    def settled(late: Availability | None) -> bool:
        duties = [
            Duty(one, decided + timedelta(seconds=1 if one is late else -1))
            for one in (mei, jun, tao)
        ]
        [found] = assignments([*duties, Head(opened), own, head], {"R-1": history(life)})
        return found.settled

    assert settled(None), "the assignment itself does not count"
    assert settled(tao), "another team does not count"
    assert not settled(jun)
    assert not settled(mei)


def values(figures: list[Figure]) -> dict[str, float | None]:
    return {one.name: one.value for one in figures}


def test_replay_finds_nobody_among_agents_who_may_not_have_the_ticket() -> None:
    ticket = items.snapshot_doc(Life().open().ticket)
    others = (agent("b", presence=Presence.AWAY), agent("c", team="service"))
    assert replay.decide(replay.State(ticket, START, others), plan_1()).agent is None


@pytest.mark.parametrize("count", [20, 70])
def test_replay_reads_agents_in_the_order_of_the_ring(count: int) -> None:
    ticket = Life().open().ticket
    agents = tuple(agent(f"agent-{n}") for n in range(count))
    one, again = (
        replay.decide(replay.State(items.snapshot_doc(ticket), START, given), plan_1())
        for given in (agents, agents[::-1])
    )
    assert one == again
    assert one.decision["read"] == 20


def test_service_requests_need_a_skill_that_some_agents_of_their_team_have() -> None:
    document = plan_document()
    document["routing"]["rules"] = [day.RULE]
    ticket, plan = Life().open("service_request").ticket, parse(document)
    need = need_of(ticket, plan, START)
    assert (need.team, need.skill, need.level) == ("orders", "orders", 3)
    able = [group for group in day.GROUPS if group.team == need.team and group.level >= 3]
    assert {word for group in able for word in group.languages.split(",")} == set(day.LANGUAGES)


def test_open_ticket_without_agent_must_be_listed_in_a_queue() -> None:
    life = Life().open()
    number = life.ticket.number
    queued = dict(items.snapshot_item(life.ticket))
    evidence = cast(Evidence, SimpleNamespace())
    for head, wanted in ((queued, 0), (queued | {"owner_pk": "AGENT#a"}, 1), ({}, 1)):
        known = Known(Stored(number, head), [life.ticket], {})
        assert len(list(day.owned(evidence, [known]))) == wanted
    assigned = Known(Stored(number, {}), [life.assign().ticket], {})
    assert list(day.owned(evidence, [assigned])) == []


def test_every_check_of_the_checker_that_needs_no_scoring_counts_for_a_figure() -> None:
    used = Counter(check.__name__ for checks in day.CHECKED.values() for check in checks)
    every = {check.__name__ for check in checker.CHECKS}
    assert every - set(used) == {"cards", "repairs"}
    assert set(used.values()) == {1}


def test_history_that_cannot_be_read_is_an_illegal_one() -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    evidence = Evidence(tickets={"R-1": Stored("R-1")}, plans={}, began=now, ended=now)
    found = day.checked(evidence)
    assert [str(one) for one in found["illegal steps in histories"]] == [
        "R-1: it has no snapshot",
        "R-1: it has no TIMER",
        "R-1: its events are numbered []",
    ]
    assert sum(map(len, found.values())) == 3
