"""Tests of routing: who is asked, in which order, and whose capacity a ticket takes up."""

from __future__ import annotations

from copy import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.staff.rules.availability import Availability, Presence, agent_loaded_by
from redress.staff.rules.routing import candidates
from redress.tickets.rules.ticket import State
from tests import builders
from tests.builders import JUN, MEI, Life

NEVER = "0000"
TEAMS = ("complaints", "service")
LANGUAGES = ("zh-CN", "zh-TW", "en")


def availability(agent: str, last: str = NEVER, **fields: object) -> Availability:
    good = Availability(
        agent=agent,
        team="complaints",
        languages=("zh-CN", "en"),
        presence=Presence.AVAILABLE,
        capacity=2,
        load=0,
        last_assigned=last,
        since="2026-11-23T00:00:00.000+00:00",
    )
    return replace(good, **fields)  # type: ignore[arg-type]


def asked(life: Life, *availabilities: Availability) -> list[str]:
    return [found.agent for found in candidates(life.ticket, availabilities)]


def test_the_agent_with_the_oldest_last_assignment_is_asked_first(life: Life) -> None:
    life.open()
    early, late = "2026-11-22T08:00:00.000+00:00", "2026-11-22T09:00:00.000+00:00"
    assert asked(life, availability("a", late), availability("b", early), availability("c")) == [
        "c",
        "b",
        "a",
    ]


def test_ties_are_broken_by_the_agents_id(life: Life) -> None:
    life.open()
    assert (
        asked(life, availability("b"), availability("a"))
        == asked(life, availability("a"), availability("b"))
        == ["a", "b"]
    )


def test_agent_whom_the_complaint_is_about_is_never_asked(life: Life) -> None:
    life.open().is_about("a", "c")
    assert asked(life, availability("a"), availability("b"), availability("c")) == ["b"]


@pytest.mark.parametrize(
    "unfit",
    [
        availability("x", presence=Presence.AWAY),
        availability("x", load=2),
        availability("x", load=3),
        availability("x", capacity=0),
        availability("x", team="service"),
        availability("x", languages=("en", "zh-TW")),
    ],
    ids=["away", "full", "overfull", "no capacity", "another team", "another language"],
)
def test_agents_who_are_away_full_or_unsuitable_are_not_asked(
    life: Life, unfit: Availability
) -> None:
    assert asked(life.open(language="zh-CN"), unfit) == []


def test_the_agent_who_resolved_a_reopened_ticket_is_asked_first(life: Life) -> None:
    life.open().assign(JUN.id).resolve(JUN).dispute()
    busy = "2026-11-22T08:00:00.000+00:00"
    assert asked(life, availability("a"), availability(JUN.id, busy)) == [JUN.id, "a"]
    assert asked(life, availability("a"), availability(JUN.id, presence=Presence.AWAY)) == ["a"]


AVAILABILITIES = st.lists(
    st.builds(
        Availability,
        agent=st.sampled_from("abcdefgh"),
        team=st.sampled_from(TEAMS),
        languages=st.lists(st.sampled_from(LANGUAGES)).map(tuple),
        presence=st.sampled_from(Presence),
        capacity=st.integers(0, 3),
        load=st.integers(0, 3),
        last_assigned=st.sampled_from([NEVER, "2026-11-22", "2026-11-23"]),
        since=st.just(""),
    ),
    unique_by=lambda found: found.agent,
)


@given(AVAILABILITIES, st.sampled_from(LANGUAGES))
def test_all_suitable_agents_are_asked_and_no_others(
    availabilities: list[Availability], language: str
) -> None:
    now = Life().open("complaint", language=language).ticket
    found = candidates(now, availabilities)
    assert all(
        availability.presence is Presence.AVAILABLE
        and availability.team == now.team
        and language in availability.languages
        and availability.load < availability.capacity
        for availability in found
    )
    fits = sum(
        availability.presence is Presence.AVAILABLE
        and availability.team == now.team
        and language in availability.languages
        and availability.load < availability.capacity
        for availability in availabilities
    )
    assert len(found) == fits
    assert [availability.last_assigned for availability in found] == sorted(
        availability.last_assigned for availability in found
    )


@pytest.mark.parametrize(
    ("state", "takes_up"),
    [
        (State.NEW, True),
        (State.OPEN, True),
        (State.WAITING, True),
        (State.RESOLVED, False),
        (State.CONFIRMED, False),
        (State.CLOSED, False),
    ],
)
def test_only_open_tickets_take_up_capacity(state: State, takes_up: bool) -> None:
    assert agent_loaded_by(builders.life_at(state).ticket) == (MEI.id if takes_up else None)


def test_a_queued_ticket_takes_up_no_capacity(life: Life) -> None:
    assert agent_loaded_by(life.open().ticket) is None
    assert agent_loaded_by(None) is None
