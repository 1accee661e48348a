"""Tests of routing: who may get a ticket, whose turn it is, and whose capacity it takes up."""

from __future__ import annotations

from collections.abc import Callable
from copy import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.plans.rules.document import parse
from redress.plans.rules.plan import Plan
from redress.staff.rules.availability import (
    Availability,
    Presence,
    agent_loaded_by,
    goes_on,
    has_just_come,
    without_load_of,
)
from redress.staff.rules.eligibility import (
    DECIDING,
    HANDING_OVER,
    Need,
    WhyNot,
    need_of,
    reasons,
)
from redress.staff.rules.routing import PAGE, Decision, Page, decide
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_system, by_timer
from redress.tickets.rules.ticket import State, classification_of, next_wake
from tests import builders
from tests.builders import JUN, MEI, NUMBER, Life

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


def needed(life: Life, plan: Plan | None = None) -> Need:
    """The requirements of the ticket of a life now."""
    return need_of(life.ticket, plan or life.plan, life.clock.now())


def decision(life: Life, *agents: Availability, plan: Plan | None = None) -> Decision:
    """The decision about the ticket of a life, of whose team these agents are present."""
    need = needed(life, plan)
    preferred = next((one for one in agents if one.agent == life.ticket.preferred), None)
    pages = [
        Page(agents[first : first + PAGE], more=first + PAGE < len(agents))
        for first in range(0, len(agents), PAGE)
    ]
    return decide(life.ticket, need, preferred, pages, life.clock.now())


def why_not(life: Life, found: Availability, plan: Plan | None = None) -> tuple[WhyNot, ...]:
    return reasons(life.ticket, needed(life, plan), found, life.clock.now())


def test_the_agent_with_the_oldest_last_assignment_gets_it(life: Life) -> None:
    life.open()
    early, late = "2026-11-22T08:00:00.000+00:00", "2026-11-22T09:00:00.000+00:00"
    found = decision(life, availability("a", late), availability("b", early), availability("c"))
    assert (found.agent, found.last) == ("c", NEVER)
    assert dict(found.why_not) == {"a": WhyNot.TURN, "b": WhyNot.TURN}


def test_ties_are_broken_by_the_agents_id(life: Life) -> None:
    life.open()
    one, other = availability("a"), availability("b")
    assert decision(life, one, other).agent == decision(life, other, one).agent == "a"


def test_agent_whom_the_complaint_is_about_never_gets_it(life: Life) -> None:
    """Story 8: the router does not give it to them, and no person can."""
    life.open().is_about("a", "c")
    found = decision(life, availability("a"), availability("b"), availability("c"))
    assert (found.agent, dict(found.why_not)) == ("b", {"a": WhyNot.ABOUT, "c": WhyNot.ABOUT})
    need = needed(life)
    for waived in (HANDING_OVER, DECIDING):
        assert reasons(life.ticket, need, availability("a"), life.clock.now(), waived)


def interval(begin: str, end: str) -> tuple[str, str]:
    return f"2026-11-23T{begin}:00.000+00:00", f"2026-11-23T{end}:00.000+00:00"


UNFIT: dict[str, tuple[dict[str, Any], WhyNot]] = {
    "away": ({"presence": Presence.AWAY}, WhyNot.PRESENCE),
    "busy": ({"presence": Presence.BUSY}, WhyNot.PRESENCE),
    "offline": ({"presence": Presence.OFFLINE}, WhyNot.PRESENCE),
    "full": ({"load": 2}, WhyNot.FULL),
    "overfull": ({"load": 3}, WhyNot.FULL),
    "no capacity": ({"capacity": 0}, WhyNot.FULL),
    "in a call": ({"live": 100}, WhyNot.IN_A_CALL),
    "another team": ({"team": "service"}, WhyNot.TEAM),
    "another language": ({"languages": ("en", "zh-TW")}, WhyNot.LANGUAGE),
    "not an agent": ({"is_agent": False}, WhyNot.NOT_AGENT),
    "reserve": ({"reserve": True}, WhyNot.RESERVE),
    "before the shift": ({"working": (interval("02:00", "09:00"),)}, WhyNot.OFF_SHIFT),
    "no shift": ({"working": ()}, WhyNot.OFF_SHIFT),
    "shift ends": ({"working": (interval("00:00", "01:15"),)}, WhyNot.SHIFT_END),
    "in a break": (
        {"working": (interval("00:00", "00:50"), interval("01:20", "09:00"))},
        WhyNot.IN_A_BREAK,
    ),
}


@pytest.mark.parametrize("name", UNFIT)
def test_unsuitable_agent_gets_nothing_and_the_decision_says_why(life: Life, name: str) -> None:
    """Stories 3, 6 and 7: one function refuses for every path. Who is unfit never gets it, also if
    nobody else is there."""
    fields, why = UNFIT[name]
    unfit = availability("x", **fields)
    life.open(language="zh-CN")
    found = decision(life, unfit)
    assert (found.agent, found.why_not) == (None, (("x", why),))
    assert why_not(life, unfit) == (why,)


@pytest.mark.parametrize("name", UNFIT)
def test_people_waive_only_what_they_may(life: Life, name: str) -> None:
    fields, why = UNFIT[name]
    life.open(language="zh-CN")
    need, unfit = needed(life), availability("x", **fields)
    never = {
        WhyNot.NOT_AGENT,
        WhyNot.TEAM,
        WhyNot.PRESENCE,
        WhyNot.FULL,
        WhyNot.IN_A_CALL,
    }
    by_leader = reasons(life.ticket, need, unfit, life.clock.now(), DECIDING)
    assert by_leader == ((why,) if why in never else ())
    by_agent = reasons(life.ticket, need, unfit, life.clock.now(), HANDING_OVER)
    assert by_agent == ((why,) if why in {*never, WhyNot.LANGUAGE, WhyNot.RESERVE} else ())


def test_every_reason_is_named_at_once(life: Life) -> None:
    life.open(language="zh-CN").is_about("x")
    unfit = availability("x", team="service", load=2, presence=Presence.AWAY, languages=())
    assert set(why_not(life, unfit)) == {
        WhyNot.ABOUT,
        WhyNot.TEAM,
        WhyNot.PRESENCE,
        WhyNot.FULL,
        WhyNot.LANGUAGE,
    }


def test_the_agent_who_resolved_a_reopened_ticket_gets_it_first(life: Life) -> None:
    life.open().assign(JUN.id).resolve(JUN).dispute()
    busy = "2026-11-22T08:00:00.000+00:00"
    assert decision(life, availability("a"), availability(JUN.id, busy)).agent == JUN.id
    away = availability(JUN.id, presence=Presence.AWAY)
    assert decision(life, availability("a"), away).agent == "a"


def test_the_agent_from_whom_it_was_taken_gets_it_last(life: Life) -> None:
    life.open()
    ticket = replace(life.ticket, avoid="a")
    need = need_of(ticket, life.plan, life.clock.now())
    two = [Page([availability("a")], more=True), Page([availability("b")])]
    assert decide(ticket, need, None, two, life.clock.now()).agent == "b"
    alone = [Page([availability("a")])]
    assert decide(ticket, need, None, alone, life.clock.now()).agent == "a"


def test_decision_lists_at_most_twenty_and_says_that_others_were_not_read(life: Life) -> None:
    life.open()
    team = [availability(f"{place:03}", load=2 * (place < 30)) for place in range(60)]
    data = decision(life, *team).data()
    assert (data["read"], data["others"]) == (40, True)
    assert data["not"] == {"full": [f"{place:03}" for place in range(20)]}


def test_the_same_state_gives_the_same_decision(life: Life) -> None:
    life.open()
    team = [availability(f"{place:03}", load=place % 3) for place in range(40)]
    assert decision(life, *team) == decision(life, *team)


# ------------------------------------------------------------------------------ skills and steps


def plan_with(**routing: Any) -> Plan:
    """Plan 1 with another section `routing`, checked as when it is published."""
    document = builders.plan_document() | {"routing": routing}
    document.pop("review_by")
    return parse(document, publishing_at=builders.START)


KETTLES = {"name": "kettles", "when": {"kind": "complaint"}}
STEPS = [
    {"after": "2m", "level": 1},
    {"after": "4m", "skill": "any"},
    {"after": "6m", "reserve": True},
    {"after": "8m", "language": "any"},
]


def unplaced(life: Life, plan: Plan) -> Life:
    """Record that the first attempt found nobody."""
    ladder = plan.placing(classification_of(life.ticket))
    return life.take(by_system.leave_unplaced(life.ticket, plan, {}, ladder, life.clock.now()))


def test_skill_and_level_are_asked_and_relaxed_in_time_and_then_reserve_staff() -> None:
    plan = plan_with(rules=[KETTLES | {"skill": {"name": "kettles", "level": 3}}], steps=STEPS)
    life = Life(plan=plan).open(language="zh-CN")
    none, little = availability("a"), availability("b", skills={"kettles": 1})
    expert = availability("c", skills={"kettles": 3})
    reserve = availability("d", reserve=True)
    foreign = availability("e", languages=("en",), skills={"kettles": 3})
    assert decision(life, none, little, expert).agent == "c"
    assert why_not(life, none) == (WhyNot.SKILL,)
    assert why_not(life, little) == (WhyNot.LEVEL,)
    unplaced(life, plan)
    fit = []
    for _ in range(5):
        fit.append(
            [one.agent for one in (none, little, reserve, foreign) if not why_not(life, one)]
        )
        life.clock.advance(minutes=2)
        life.take(by_timer.act_on_due_rungs(life.ticket, plan, life.clock.now()))
    assert fit == [[], ["b"], ["a", "b"], ["a", "b", "d"], ["a", "b", "d", "e"]]
    assert needed(life, plan).step == 4


def test_step_that_changes_nothing_for_a_ticket_makes_no_rung() -> None:
    plan = plan_with(rules=[], steps=STEPS[:2])
    life = Life(plan=plan).open()
    before = next_wake(life.ticket, plan)
    assert next_wake(unplaced(life, plan).ticket, plan) == before


def test_search_for_an_agent_ends_with_the_assignment_and_begins_anew_in_the_queue() -> None:
    plan = plan_with(rules=[], steps=[{"after": "2m", "reserve": True}])
    life = unplaced(Life(plan=plan).open(), plan)
    assert next_wake(life.ticket, plan) == life.clock.now() + timedelta(minutes=2)
    life.assign(MEI.id)
    assert life.ticket.placing is None
    unplaced(life.reassign(None), plan).resolve(JUN)
    assert life.ticket.placing is None


def test_correction_that_leaves_the_steps_as_they_are_does_not_begin_the_search_anew() -> None:
    """Otherwise each correction would put off reserve staff, and each later step."""
    reserve = {"after": "2m", "reserve": True}
    plan = plan_with(rules=[], steps=[reserve, reserve | {"when": {"customer_type": "vip"}}])
    life = unplaced(Life(plan=plan).open(), plan)
    life.clock.advance(minutes=2)
    life.take(by_timer.act_on_due_rungs(life.ticket, plan, life.clock.now()))
    assert needed(life, plan).reserve
    life.reclassify(category="product").reclassify(urgency="low").move_to(replace(plan, version=2))
    assert needed(life, plan).reserve
    assert life.reclassify(customer_type="vip").ticket.placing is None


RESERVE = {"after": "2m", "reserve": True}
LANGUAGE = {"after": "2m", "language": "any"}
VIP = {"after": "1m", "reserve": True, "when": {"customer_type": "vip"}}


def searched(plan: Plan) -> Life:
    """A ticket whose search has gone one step."""
    life = unplaced(Life(plan=plan).open(), plan)
    life.clock.advance(minutes=2)
    return life.take(by_timer.act_on_due_rungs(life.ticket, plan, life.clock.now()))


def test_search_goes_on_in_a_plan_that_has_its_steps_at_another_place() -> None:
    life = searched(plan_with(rules=[], steps=[RESERVE]))
    moved = replace(plan_with(rules=[], steps=[VIP, RESERVE]), version=2)
    assert needed(life.move_to(moved), moved).reserve


def test_step_that_acted_means_no_other_step_of_a_later_plan() -> None:
    """Story: the step at the same place of the next plan had acted before its time."""
    life = searched(plan_with(rules=[], steps=[RESERVE]))
    assert needed(life).reserve
    moved = replace(plan_with(rules=[], steps=[LANGUAGE]), version=2)
    need = needed(life.move_to(moved), moved)
    assert (need.reserve, need.language, need.step) == (False, "zh-CN", 0)
    assert life.ticket.placing is None, "the search begins anew"


def test_search_that_a_version_before_stored_by_indexes_goes_on_in_its_plan() -> None:
    plan = plan_with(rules=[], steps=[VIP, RESERVE])
    life = Life(plan=plan).open()
    at, of = life.clock.now(), classification_of(life.ticket)
    assert (plan.indexed_placing(of), plan.placing(of)) == ("1/", "2m reserve/")
    life.take(by_system.leave_unplaced(life.ticket, plan, {}, "1/", at))
    assert next_wake(life.ticket, plan) == at + timedelta(minutes=2)
    life.clock.advance(minutes=2)
    life.take(by_timer.act_on_due_rungs(life.ticket, plan, life.clock.now()))
    assert needed(life.reclassify(urgency="low"), plan).reserve
    assert life.move_to(replace(plan, version=2)).ticket.placing is None


def test_steps_that_a_search_names_are_those_of_the_plan() -> None:
    steps = [
        {"after": "2m", "level": 2, "skill": "any"},
        {"after": "90s", "language": "any", "reserve": True},
    ]
    plan = plan_with(rules=[KETTLES | {"skill": {"name": "kettles"}}], steps=steps)
    ladder = plan.placing({"kind": "complaint"})
    assert ladder == "2m level=2 skill=any,90s language=any reserve/"
    assert plan.placing_steps(ladder) == steps[::-1]
    shipped, of = builders.plan_1(), classification_of(Life().open(channel="phone").ticket)
    named = shipped.placing(of)
    assert shipped.nobody(named) == shipped.nobody(shipped.indexed_placing(of)) is not None
    assert shipped.placing_steps(named) == [{"after": "2m", "reserve": True}]


def test_rule_moves_a_ticket_to_its_team_unless_somebody_decided_the_team() -> None:
    plan = plan_with(rules=[KETTLES | {"team": "kettles"}])
    life = Life(plan=plan).open()
    assert needed(life, plan).team == "kettles"
    at = life.clock.now()
    life.take(by_system.assign(life.ticket, plan, MEI.id, "longest without", at, "kettles"))
    life.reassign(None, "complaints")
    assert needed(life, plan).team == "complaints"


def test_first_rule_that_matches_decides() -> None:
    rules = [
        {"name": "faults", "when": {"category": "product", "language": ["en"]}, "team": "x"},
        {"name": "all", "when": {"kind": ["complaint", "urgent"]}, "team": "y"},
    ]
    plan = plan_with(rules=rules)
    given = {"kind": "complaint", "category": "product/defect", "language": "en"}
    assert plan.routing_rule(given).name == "faults"
    assert plan.routing_rule(given | {"category": "products"}).name == "all"
    assert plan.routing_rule(given | {"kind": "inquiry", "category": ""}).name == ""
    assert {"x", "y"} <= plan.teams


# ------------------------------------------------------------------------------ weights


def test_call_fills_an_agent_and_mails_do_not(life: Life) -> None:
    """Capacity is by the weight of the channel (`routing.weights`)."""
    life.open(channel="chat")
    free, chatting = availability("a"), availability("b", live=34)
    two, calling = availability("c", live=68), availability("d", live=100)
    assert [bool(why_not(life, one)) for one in (free, chatting, two, calling)] == [
        False,
        False,
        True,
        True,
    ]
    mail = Life().open(channel="email")
    assert [bool(why_not(mail, one)) for one in (two, calling)] == [False, True]
    call = Life().open(channel="phone")
    assert [bool(why_not(call, one)) for one in (free, chatting)] == [False, True]


def on_the_phone(life: Life) -> Life:
    """A call reached the agent, and they have picked up."""
    return life.open(channel="phone").assign(MEI.id).tell_progress()


def test_call_takes_attention_until_its_outcome_is_written(life: Life) -> None:
    """The first word says that somebody picked up. Then they speak, and document it afterwards."""
    life.open(channel="phone").assign(MEI.id)
    assert life.ticket.live_now == 100
    for say in (life.accept, life.tell_progress, life.note, life.write):
        assert say().ticket.live_now == 100, say.__name__
    assert life.reply().ticket.live_now == 0
    assert Life().open(channel="web").assign(MEI.id).ticket.live_now == 0


def test_call_that_was_answered_before_it_was_written_down_goes_on(life: Life) -> None:
    life.open(channel="phone").assign(MEI.id)
    life.correct("first_response", life.clock.now(), by=MEI)
    assert (life.ticket.is_unanswered, life.ticket.live_now) == (False, 100)
    assert life.tell_progress().ticket.live_now == 0


@pytest.mark.parametrize(
    "end",
    [
        Life.tell_progress,
        Life.reply,
        lambda life: life.correct("first_response", life.clock.now(), by=MEI).hold(),
        Life.resolve,
        Life.withdraw,
        lambda life: life.promise(hours=2),
        lambda life: life.reassign(None),
        lambda life: life.is_about(MEI.id),
    ],
)
def test_call_is_over_with_its_outcome_and_when_the_ticket_leaves_its_agent(
    life: Life, end: Callable[[Life], Life]
) -> None:
    assert on_the_phone(life).ticket.live_now == 100
    assert end(life).ticket.live_now == 0
    assert not life.ticket.in_conversation


def test_chat_goes_on_with_each_reply_and_ends_with_a_resolution(life: Life) -> None:
    life.open(channel="chat").assign(MEI.id)
    for say in (life.reply, life.write, life.tell_progress, partial(life.reply, True), life.write):
        assert say().ticket.live_now == 34
    assert life.resolve().ticket.live_now == 0


def test_call_that_is_handed_to_a_colleague_takes_their_attention(life: Life) -> None:
    on_the_phone(life)
    assert bool(why_not(life, availability("a", live=34)))
    assert life.reassign("a-jun").ticket.live_now == 100
    assert life.reply().reassign(MEI.id).ticket.live_now == 0


def test_conversation_to_which_the_version_before_reacted_is_over(life: Life) -> None:
    """It stored no more than what the conversation took when it was assigned."""
    old = replace(on_the_phone(life).ticket, in_conversation=False)
    assert (old.live, old.live_now) == (100, 0)


def test_conversation_without_a_word_for_long_is_over(life: Life) -> None:
    call, chat = on_the_phone(life).ticket, Life().open(channel="chat").assign(MEI.id)
    at = call.changed_at
    assert goes_on(call, MEI.id, at + timedelta(minutes=119))
    assert not goes_on(call, MEI.id, at + timedelta(hours=2))
    assert not goes_on(call, "a-jun", at)
    late = at + timedelta(minutes=10)
    assert goes_on(chat.ticket, MEI.id, late), "the customer waits for the first word"
    assert not goes_on(chat.reply().ticket, MEI.id, late)


@pytest.mark.parametrize(("channel", "minutes"), [("phone", 120), ("chat", 10)])
def test_conversation_that_is_long_over_takes_no_attention_of_the_next_agent(
    life: Life, channel: str, minutes: int
) -> None:
    """Its agent has said nothing but the first word, and hands the ticket over."""
    life.open(channel=channel).assign(MEI.id).tell_progress()
    quiet = life.ticket
    life.wait(minutes=minutes - 1)
    weight = needed(life).weight
    assert weight > 0
    assert life.reassign(JUN.id).ticket.live_now == weight
    life.take(Change(life.ticket, (), quiet, life.plan)).wait(minutes=1)
    assert needed(life).weight == 0
    after = life.reassign(JUN.id).ticket
    assert (after.live_now, after.in_conversation) == (0, False)


def test_call_that_nobody_has_answered_for_hours_takes_no_attention(life: Life) -> None:
    """The caller does not hold the line for so long. Whoever gets the ticket calls them back."""
    life.open(channel="phone").wait(minutes=119)
    assert needed(life).weight == 100
    life.wait(minutes=1)
    assert needed(life).weight == 0
    assert life.assign(MEI.id).ticket.live_now == 0


def test_conversation_has_just_come_until_its_agent_reacts_or_two_minutes_have_passed(
    life: Life,
) -> None:
    life.open(channel="phone").assign(MEI.id)
    at = life.clock.now()
    assert has_just_come(life.ticket, MEI.id, at + timedelta(seconds=119))
    assert not has_just_come(life.ticket, MEI.id, at + timedelta(minutes=2))
    assert not has_just_come(life.ticket, JUN.id, at)
    assert has_just_come(life.accept().ticket, MEI.id, life.clock.now()), "nobody has picked up yet"
    assert not has_just_come(life.tell_progress().ticket, MEI.id, life.clock.now())
    handed = life.reassign(JUN.id).ticket
    assert has_just_come(handed, JUN.id, life.clock.now()), "they have said nothing yet"
    assert not has_just_come(life.reply(by=JUN).ticket, JUN.id, life.clock.now())


def test_mail_that_has_just_come_is_no_conversation(life: Life) -> None:
    assert not has_just_come(life.open().assign(MEI.id).ticket, MEI.id, life.clock.now())


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
def test_who_waited_longest_of_all_suitable_agents_gets_it(
    agents: list[Availability], language: str
) -> None:
    life = Life().open("complaint", language=language)
    fitting = [
        (one.last_assigned, one.agent)
        for one in agents
        if one.presence is Presence.AVAILABLE
        and one.team == life.ticket.team
        and language in one.languages
        and one.load < one.capacity
    ]
    chosen = min(fitting)[1] if fitting else None
    found = decision(life, *agents)
    assert found.agent == chosen
    assert {agent for agent, _ in found.why_not} == {one.agent for one in agents} - {chosen}


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


def test_conversation_that_a_reader_may_not_see_is_in_no_number_of_its_agent(life: Life) -> None:
    """Story 8: a supervisor who may not see a chat does not see its weight in the agent's load."""
    numbers = frozenset({NUMBER, "R-AAAAA-AAAAA"})
    seen = replace(availability("a"), load=3, live=68, conversations=numbers)
    hidden = replace(life.open(channel="chat").assign("a").ticket, live=34)
    assert hidden.live_now == 34
    found = without_load_of([hidden, replace(hidden, assignee="b")], seen)
    assert (found.load, found.live) == (2, 34)
    assert found.conversations == {"R-AAAAA-AAAAA"}
    over = replace(seen, live=34, conversations=frozenset({"R-AAAAA-AAAAA"}))
    assert without_load_of([hidden], over).live == 34
    before = replace(seen, live=68, conversations=frozenset())
    assert without_load_of([hidden], before).live == 34, "a version before stored no numbers"
    old = without_load_of([hidden], replace(before, load=0, live=0))
    assert (old.load, old.live) == (0, 0)
