"""Accept a ticket, leave it unaccepted, decline it, and hand it over."""

from __future__ import annotations

from collections.abc import Callable
from copy import replace
from datetime import timedelta

import pytest

from redress.base.errors import Forbidden, LimitReached, NotAllowedNow
from redress.base.people import Actor
from redress.clocks.rules.clocks import ClockName
from redress.plans.rules.document import parse
from redress.plans.rules.plan import HandingOverPlan
from redress.tickets.rules.fold import fold
from redress.tickets.rules.steps import by_system
from redress.tickets.rules.ticket import EventType
from tests.builders import JUN, LIN, MEI, START, Clock, Life, plan_document

FIRST_REMINDER = START + timedelta(minutes=15)
"""Half of the 30 minutes in which a complaint gets a reaction."""


def assigned() -> Life:
    return Life().open("complaint").acknowledge().assign()


def test_ticket_that_its_agent_never_accepted_returns_to_the_queue_with_the_first_reminder() -> (
    None
):
    """Story 4: assigned, never answered. A timer that was there anyway returns it and says why."""
    life = assigned()
    life.sleep_through(FIRST_REMINDER)

    reminded, queued = life.events[-2:]
    assert (reminded.type, reminded.data["action"]) == (EventType.RUNG_FIRED, "remind")
    assert (queued.type, queued.data) == (
        EventType.QUEUED,
        {"from": MEI.id, "why": "not accepted", "team": "complaints", "avoid": MEI.id},
    )
    assert queued.at == FIRST_REMINDER
    assert (life.ticket.assignee, life.ticket.avoid) == (None, MEI.id)
    assert life.ticket.unaccepted_since is None


def test_accepted_ticket_stays_with_its_agent() -> None:
    life = assigned()
    assert life.ticket.unaccepted_since == life.ticket.changed_at
    assert life.accept().ticket.unaccepted_since is None
    life.sleep_through(FIRST_REMINDER)
    assert life.ticket.assignee == MEI.id


@pytest.mark.parametrize(
    "act", [Life.note, Life.tell_progress, Life.reply, lambda life: life.promise(hours=1)]
)
def test_any_act_of_the_agent_accepts_the_ticket(act: Callable[[Life], Life]) -> None:
    assert act(assigned()).ticket.unaccepted_since is None


@pytest.mark.parametrize("by", [LIN, JUN])
def test_act_of_somebody_else_does_not_accept_it(by: Actor) -> None:
    life = assigned()
    life.note(by)
    assert life.ticket.unaccepted_since is not None


def test_ticket_that_an_agent_took_themselves_needs_no_acceptance() -> None:
    life = Life().open("complaint").reassign(MEI.id, by=MEI)
    assert life.ticket.unaccepted_since is None
    assert life.reassign(JUN.id, by=MEI).ticket.unaccepted_since is not None


def test_agent_who_got_a_ticket_just_now_keeps_it_over_the_reminder() -> None:
    """The ticket waited in the queue. The next reminder returns it, if it is still unaccepted."""
    life = Life().open("complaint").acknowledge().wait(minutes=14).assign()
    life.sleep_through(FIRST_REMINDER)
    assert life.ticket.assignee == MEI.id
    life.sleep_through(START + timedelta(minutes=24))
    assert life.ticket.assignee is None


def test_only_open_time_of_the_calendar_counts_for_the_agent() -> None:
    """Assigned two minutes before the office closes: the night is not the agent's time."""
    life = Life().wait(hours=5, minutes=5).open("inquiry").acknowledge()
    assert life.ticket.clocks[ClockName.FIRST_RESPONSE].calendar == "office"
    life.wait(hours=3, minutes=53).assign()
    life.sleep_through(START + timedelta(hours=24, minutes=6))
    assert life.events[-1].data["action"] == "remind"
    assert life.ticket.assignee == MEI.id
    life.sleep_through(START + timedelta(hours=27))
    assert life.ticket.assignee is None


def test_assignment_by_the_version_before_is_never_returned() -> None:
    life = Life().open("complaint").acknowledge()
    now = life.clock.now()
    before = by_system.assign(life.ticket, life.plan, MEI.id, "longest without", now, offered=False)
    assert "accepted" not in before.events[0].data
    life.take(before)
    life.sleep_through(START + timedelta(minutes=30))
    assert life.ticket.assignee == MEI.id


def test_plan_without_the_property_returns_nothing() -> None:
    document = plan_document()
    for rung in document["ladders"]["promise"]:
        rung.pop("return_unaccepted", None)
    life = Life(Clock(), parse(document)).open("complaint").acknowledge().assign()
    life.sleep_through(START + timedelta(minutes=30))
    assert life.ticket.assignee == MEI.id


def test_nothing_to_accept_is_refused() -> None:
    with pytest.raises(NotAllowedNow):
        assigned().accept().accept()
    with pytest.raises(Forbidden):
        assigned().accept(JUN)


def test_declined_ticket_is_in_the_queue_and_remembers_who_declined_it() -> None:
    life = assigned().decline()
    assert (life.ticket.assignee, life.ticket.declined_by) == (None, (MEI.id,))
    assert life.events[-1].data["why"] == "a reason"
    life.assign(JUN.id).accept(JUN).reply(by=JUN)
    assert life.ticket.declined_by == (MEI.id,)
    assert life.resolve(JUN).dispute().ticket.declined_by == ()
    assert fold(life.events, life.plan) == life.ticket


def test_giving_a_ticket_back_to_the_queue_of_its_team_declines_it() -> None:
    life = assigned().reassign(None, by=MEI)
    assert life.ticket.declined_by == (MEI.id,)
    assert assigned().reassign(None, by=LIN).ticket.declined_by == ()


def test_another_team_starts_anew() -> None:
    life = assigned().decline().assign(JUN.id).reassign(None, "service", by=JUN)
    assert (life.ticket.declined_by, life.ticket.handovers) == ((), 1)


def test_agents_hand_a_ticket_over_as_often_as_the_plan_allows_and_leaders_as_they_need() -> None:
    life = assigned()
    life.plan = replace(life.plan, handing_over=HandingOverPlan(most=2))
    life.reassign(JUN.id, by=MEI).reassign(MEI.id, by=JUN)
    with pytest.raises(LimitReached, match="2 times; a leader decides"):
        life.reassign(JUN.id, by=MEI)
    with pytest.raises(LimitReached):
        life.reassign(None, "service", by=MEI)
    assert life.reassign(JUN.id, by=LIN).ticket.handovers == 2


def test_agents_pass_on_what_is_owed_as_often_as_the_plan_allows_and_leaders_as_they_need() -> None:
    life = assigned().promise_remedy().resolve()
    life.plan = replace(life.plan, handing_over=HandingOverPlan(most=1))
    assert life.reassign(JUN.id, by=MEI).ticket.handovers == 1
    with pytest.raises(LimitReached, match="1 times; a leader decides"):
        life.reassign(MEI.id, by=JUN)
    assert life.reassign(MEI.id, by=LIN).ticket.handovers == 1
