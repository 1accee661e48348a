"""From whom a conflict of interest keeps a complaint, and how doubts about it are decided."""

from __future__ import annotations

from copy import replace
from datetime import timedelta

import pytest

from redress.base.errors import InvalidInput, NotAllowedNow
from redress.base.people import SYSTEM, Member, Post, Role
from redress.plans.rules.plan import ConflictPlan, Plan
from redress.tickets.rules import access, fold
from redress.tickets.rules.interest import Doubt, kept_from
from redress.tickets.rules.steps import by_staff, by_system
from redress.tickets.rules.ticket import EventType, State
from tests.builders import LIN, START, Life, life_at, plan_1


def member(name: str, role: Role, team: str = "complaints") -> Member:
    return Member(name, name, f"{name}@example.com", role, team, ("en",), 5)


MEI = member("a-mei", Role.AGENT)
JUN = member("a-jun", Role.AGENT)
TAO = member("a-tao", Role.AGENT, "service")
LEADER = member("s-lin", Role.SUPERVISOR)
HUA = member("s-hua", Role.SUPERVISOR, "service")
WEI = member("m-wei", Role.MANAGER)
STAFF = {one.id: one for one in (MEI, JUN, TAO, LEADER, HUA, WEI)}

STRICT = ConflictPlan(without_their_supervisor=True)


def plan(*, strict: bool) -> Plan:
    return replace(plan_1(), conflict=STRICT if strict else ConflictPlan())


def about(life: Life, *members: str) -> Life:
    at = life.clock.now()
    return life.take(by_staff.set_about(life.ticket, life.plan, LIN, members, "named", at, STAFF))


def doubt(life: Life, *candidates: Member, why: Doubt = Doubt.SEVERAL_NAMED_SO) -> Life:
    at = life.clock.now()
    return life.take(by_system.doubt_about(life.ticket, life.plan, candidates, why, at))


def seeing(life: Life) -> set[str]:
    return {one.id for one in STAFF.values() if access.may_see(one, life.ticket)}


@pytest.mark.parametrize(
    ("strict", "members", "teams"),
    [
        (False, [MEI, TAO], ()),
        (True, [MEI, TAO, JUN], ("complaints", "service")),
        (True, [LEADER, WEI], ()),
        (True, [], ()),
    ],
)
def test_complaint_is_kept_from_the_supervisors_of_accused_agents_if_the_plan_says_so(
    strict: bool, members: list[Member], teams: tuple[str, ...]
) -> None:
    assert kept_from(plan(strict=strict), members, START) == teams


@pytest.mark.parametrize("strict", [False, True])
def test_supervisor_of_the_accused_sees_the_complaint_unless_the_plan_keeps_it_from_them(
    strict: bool,
) -> None:
    life = about(Life(plan=plan(strict=strict)).open(), MEI.id)
    assert seeing(life) == {JUN.id, WEI.id} | ({LEADER.id} if not strict else set())
    assert life.ticket.kept_from == (("complaints",) if strict else ())
    assert life.folded == life.ticket


def test_complaint_about_an_agent_of_another_team_is_kept_from_that_teams_supervisor() -> None:
    life = about(Life(plan=plan(strict=True)).open(), TAO.id)
    assert seeing(life) == {MEI.id, JUN.id, LEADER.id, WEI.id}
    life.reassign(None, "service")
    assert seeing(life) == {WEI.id}, "neither the agent nor their supervisor sees it now"


def test_supervisor_sees_it_again_when_the_agent_is_taken_off() -> None:
    life = about(about(Life(plan=plan(strict=True)).open(), MEI.id))
    assert (life.ticket.about, life.ticket.kept_from) == ((), ())
    assert seeing(life) == {MEI.id, JUN.id, LEADER.id, WEI.id}


def test_mention_shows_nothing_that_a_conflict_of_interest_keeps_from_somebody() -> None:
    life = about(Life(plan=plan(strict=True)).open(), TAO.id)
    for one in (TAO, HUA):
        with pytest.raises(InvalidInput) as refused:
            life.note(LIN, one)
        assert [fault.code for fault in refused.value.faults] == ["not_mentionable"]
    life = Life(plan=plan(strict=True)).open().note(LIN, HUA)
    assert HUA.id in seeing(life)
    assert HUA.id not in seeing(about(life, TAO.id))


def test_while_it_is_unclear_no_agent_and_no_candidate_sees_the_complaint() -> None:
    life = doubt(Life().open(), MEI, LEADER)
    assert life.ticket.about_unclear == (MEI.id, LEADER.id)
    assert seeing(life) == {WEI.id}
    assert life.folded == life.ticket
    assert [access.can(one, life.ticket) for one in (MEI, JUN, LEADER)] == [[], [], []]
    assert "set_about" in access.can(WEI, life.ticket)


def test_candidates_supervisor_does_not_decide_if_the_plan_keeps_it_from_them() -> None:
    life = doubt(Life(plan=plan(strict=True)).open(), MEI)
    assert seeing(life) == {WEI.id}
    life = doubt(Life(plan=plan(strict=True)).open(), TAO)
    assert seeing(life) == {LEADER.id, WEI.id}


def test_manager_decides_if_nobody_knows_who_it_may_be_and_the_plan_is_strict() -> None:
    """Story 8: it is most likely an agent of the supervisor who would decide."""
    life = doubt(Life(plan=plan(strict=True)).open(), why=Doubt.NOBODY_NAMED_SO)
    assert (life.ticket.about_unclear, life.ticket.kept_from) == ((), ("complaints",))
    assert seeing(life) == {WEI.id}
    life.reassign(None, "service")
    assert seeing(life) == {WEI.id}, "it may be about an agent of the next team"
    assert life.folded == life.ticket
    assert seeing(about(life, MEI.id)) == {TAO.id, HUA.id, WEI.id}


@pytest.mark.parametrize("strict", [False, True])
def test_complaint_whose_field_names_somebody_is_kept_from_agents_before_anybody_has_looked(
    strict: bool,
) -> None:
    """Story 8: a plan that keeps it from the supervisors of the accused keeps it from them now."""
    life = Life(plan=plan(strict=strict)).open(about="Tao")
    assert seeing(life) == {WEI.id} | ({LEADER.id} if not strict else set())
    assert seeing(doubt(life, TAO)) == {LEADER.id, WEI.id}, "what is found counts, not the guess"


def test_complaint_that_rules_make_an_inquiry_before_the_search_is_kept_from_nobody() -> None:
    life = Life(plan=plan(strict=True)).open(about="Tao")
    found = by_system.classify(life.ticket, life.plan, {"kind": "inquiry"}, {}, life.clock.now())
    assert found is not None
    ticket = life.take(found).ticket
    assert (ticket.about_unclear, ticket.about_unsearched, ticket.kept_from) == (None, False, ())


def test_inquiry_with_a_name_and_a_complaint_without_one_are_kept_from_nobody() -> None:
    for life in (Life().open("inquiry", about="Tao"), Life().open("complaint")):
        assert (life.ticket.about_unclear, life.ticket.about_unsearched) == (None, False)


@pytest.mark.parametrize("members", [[], [MEI.id]])
def test_decision_ends_the_doubt_also_with_nobody(members: list[str]) -> None:
    life = about(doubt(Life().open(), MEI, JUN), *members)
    assert (life.ticket.about_unclear, life.ticket.about_decided) == (None, True)
    assert life.ticket.about == tuple(members)
    assert life.last.events[0].type is EventType.ABOUT_SET
    assert (MEI.id in seeing(life), JUN.id in seeing(life)) == (not members, True)


def test_decision_is_one_although_it_names_the_same_members_as_before() -> None:
    life = doubt(about(Life().open(), TAO.id), MEI)
    assert (life.ticket.about, life.ticket.about_unclear) == ((TAO.id,), (MEI.id,))
    life = about(life, TAO.id)
    assert (life.ticket.about, life.ticket.about_unclear) == ((TAO.id,), None)


@pytest.mark.parametrize("strict", [False, True])
def test_doubt_ends_if_the_ticket_is_no_complaint_after_all(strict: bool) -> None:
    """Story 8: an inquiry that was taken for a complaint is about nobody, and agents get it."""
    life = doubt(Life(plan=plan(strict=strict)).open(), MEI)
    life.reclassify("inquiry", by=LIN)
    assert (life.ticket.about_unclear, life.ticket.kept_from) == (None, ())
    assert not life.ticket.about_decided, "it is asked again if it becomes a complaint again"
    assert not any(access.is_kept_from(life.ticket, one) for one in STAFF.values())
    assert life.folded == life.ticket


def test_doubt_stays_while_the_ticket_is_a_complaint() -> None:
    life = doubt(Life().open(), MEI).reclassify(category="service", by=LIN)
    assert life.reclassify(customer_type="vip", by=SYSTEM).ticket.about_unclear == (MEI.id,)


def test_unclear_complaint_is_assigned_to_nobody() -> None:
    life = doubt(Life().open())
    with pytest.raises(InvalidInput) as refused:
        life.reassign(MEI.id)
    assert [fault.code for fault in refused.value.faults] == ["about_unclear"]
    life.reassign(None, "service")
    assert life.ticket.team == "service"


def test_closed_complaint_is_not_doubted() -> None:
    with pytest.raises(NotAllowedNow):
        doubt(life_at(State.CLOSED), MEI)


def test_events_of_earlier_versions_keep_a_complaint_from_no_supervisor() -> None:
    life = Life(plan=plan(strict=True)).open()
    event = about(life, MEI.id).last.events[0]
    old = {name: value for name, value in event.data.items() if name != "kept_from"}
    ticket = fold.apply(life.changes[0].after, replace(event, data=old), life.plan)
    assert (ticket.about, ticket.kept_from) == ((MEI.id,), ())


# ---------------------------------------------------------------------- members who change team


def was(member: Member, role: Role, team: str, hours: float = 1) -> Member:
    """The member, who had another role or team until some hours after START."""
    return replace(member, former=(Post(role, team, START + timedelta(hours=hours)),))


def test_supervisor_of_the_accused_who_changes_team_is_kept_from_the_complaint() -> None:
    life = about(Life(plan=plan(strict=True)).open(), MEI.id).reassign(None, "service")
    moved = replace(LEADER, team="service")
    assert access.may_see(moved, life.ticket), "nobody knows that they led the accused"
    assert not access.may_see(was(moved, Role.SUPERVISOR, "complaints"), life.ticket)
    assert access.may_see(was(moved, Role.AGENT, "complaints"), life.ticket)


def test_supervisor_who_led_the_team_only_before_the_complaint_sees_it() -> None:
    life = about(Life(plan=plan(strict=True)).open(), MEI.id).reassign(None, "service")
    assert access.may_see(was(HUA, Role.SUPERVISOR, "complaints", hours=-1), life.ticket)
    assert not access.may_see(was(HUA, Role.SUPERVISOR, "complaints", hours=0), life.ticket)


@pytest.mark.parametrize("now", [WEI, JUN])
def test_supervisor_who_became_a_manager_or_an_agent_reads_the_complaint_because_somebody_must(
    now: Member,
) -> None:
    life = about(Life(plan=plan(strict=True)).open(), MEI.id)
    assert access.may_see(was(now, Role.SUPERVISOR, "complaints"), life.ticket)


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.MANAGER, Role.AGENT])
@pytest.mark.parametrize("strict", [False, True])
def test_accused_agent_who_leads_the_team_of_the_complaint_now_never_sees_it(
    strict: bool, role: Role
) -> None:
    life = about(Life(plan=plan(strict=strict)).open(), MEI.id)
    for team in ("complaints", "service"):
        promoted = was(replace(MEI, role=role, team=team), Role.AGENT, "complaints")
        assert not access.may_see(promoted, life.ticket)


@pytest.mark.parametrize("now", [Role.AGENT, Role.SUPERVISOR])
def test_complaint_is_kept_from_those_who_led_the_accused_when_it_was_opened(now: Role) -> None:
    accused = was(replace(TAO, role=now), Role.AGENT, "complaints")
    teams = ("complaints", "service") if now is Role.AGENT else ("complaints",)
    assert kept_from(plan(strict=True), [accused], START) == teams
    assert kept_from(plan(strict=True), [accused], START + timedelta(hours=2)) == teams[1:]


def follow(life: Life, member: Member) -> Life:
    found = by_system.follow_accused(life.ticket, life.plan, member, life.clock.now())
    assert found is not None
    return life.take(found)


def test_complaint_follows_its_accused_agent_to_the_supervisors_of_another_team() -> None:
    life = about(Life(plan=plan(strict=True)).open(), MEI.id).reassign(None, "service")
    assert HUA.id in seeing(life)
    moved = was(replace(MEI, team="service"), Role.AGENT, "complaints")
    follow(life, moved)
    assert life.ticket.kept_from == ("complaints", "service")
    assert seeing(life) == {TAO.id, WEI.id}
    assert life.ticket.about == (MEI.id,)
    assert life.folded == life.ticket
    assert by_system.follow_accused(life.ticket, life.plan, moved, life.clock.now()) is None


def test_doubt_goes_on_when_a_candidate_changes_team() -> None:
    life = doubt(Life(plan=plan(strict=True)).open(), MEI)
    follow(life, replace(MEI, team="service"))
    assert (life.ticket.about_unclear, life.ticket.about_decided) == ((MEI.id,), False)
    assert life.ticket.kept_from == ("complaints", "service")
    assert life.folded == life.ticket


@pytest.mark.parametrize("strict", [False, True])
def test_complaint_about_somebody_else_does_not_follow_a_member(strict: bool) -> None:
    life = about(Life(plan=plan(strict=strict)).open(), JUN.id if strict else MEI.id)
    moved = replace(MEI, team="service")
    assert by_system.follow_accused(life.ticket, life.plan, moved, life.clock.now()) is None


def test_further_accused_let_no_supervisor_in_again() -> None:
    life = about(Life(plan=plan(strict=True)).open(), MEI.id)
    life = follow(life, replace(MEI, team="service"))
    assert about(life, MEI.id, JUN.id).ticket.kept_from == ("complaints", "service")
    at, moved = life.clock.now(), {MEI.id: replace(MEI, team="returns")}
    again = by_staff.set_about(life.ticket, life.plan, LIN, [MEI.id, JUN.id], "so", at, moved)
    assert again is not None
    assert again.after.kept_from == ("complaints", "returns", "service"), "the same members again"
    life.take(again)
    same = by_staff.set_about(life.ticket, life.plan, LIN, [MEI.id, JUN.id], "so", at, moved)
    assert same is None
