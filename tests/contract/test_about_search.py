"""Whom a complaint is about is found out before it is offered to agents, or a person decides."""

from __future__ import annotations

from copy import replace
from typing import Any

import pytest

from redress.base.people import Actor, Member, Role
from redress.db import keys
from redress.plans.rules.plan import ConflictPlan
from redress.staff.rules.availability import Presence
from redress.tickets.rules import access
from redress.tickets.rules.numbers import new_number
from redress.tickets.rules.steps import by_staff
from redress.tickets.rules.steps.by_staff import Classification
from redress.tickets.rules.ticket import EventType, Ticket
from tests.builders import LIN, Life
from tests.contract.conftest import Shop

NA = Member("a-na", "李娜", "na@example.com", Role.AGENT, "complaints", ("zh-CN", "en"), 5)
BO = Member("a-bo", "Bo Ek", "bo@example.com", Role.AGENT, "complaints", ("zh-CN", "en"), 5)
BO_2 = Member("a-bo-2", "Bo Ek", "bo2@example.com", Role.AGENT, "service", ("en",), 5)
LEADER = Member("s-lin", "Lin", "lin@example.com", Role.SUPERVISOR, "complaints", ("en",), 5)
RUDE: dict[str, Any] = {"subject": "投诉", "description": "态度很差"}


@pytest.fixture(autouse=True)
def staff(shop: Shop) -> None:
    for member in (NA, BO, BO_2, LEADER):
        shop.staff.record(member, Presence.AVAILABLE, shop.clock.now())


def offered(shop: Shop, kind: str = "complaint", **fields: Any) -> Ticket:
    """A new ticket after it was offered to agents."""
    number = shop.open(kind, **{**RUDE, **fields}).ticket.number
    shop.assigner().assign(number)
    return shop.tickets.get(number)


def act(shop: Shop, number: str, step: Any, *args: Any) -> None:
    shop.changes.change(number, lambda t, p, at: step(t, p, *args, at))


def doubt(shop: Shop, ticket: Ticket) -> str | None:
    """Why it is unclear whom a ticket is about."""
    history = shop.tickets.history(ticket.number)
    found = [one.data["why"] for one in history if one.type is EventType.ABOUT_DOUBTED]
    return found[0] if found else None


def test_name_in_the_form_says_whom_the_complaint_is_about(shop: Shop) -> None:
    ticket = offered(shop, about="李娜")
    assert (ticket.about, ticket.about_unclear, ticket.assignee) == ((NA.id,), None, BO.id)


def test_inquiry_with_a_name_in_the_form_is_about_nobody(shop: Shop) -> None:
    ticket = offered(shop, "urgent", about="nobody we know")
    assert (ticket.about, ticket.about_unclear) == ((), None)
    assert ticket.assignee is not None


@pytest.mark.parametrize(
    ("field", "why", "candidates"),
    [
        ("the tall man", "nobody has the name in the form", ()),
        ("Bo Ek", "several have the name in the form", (BO.id, BO_2.id)),
    ],
)
def test_unclear_name_in_the_form_is_decided_by_a_person_before_routing(
    shop: Shop, field: str, why: str, candidates: tuple[str, ...]
) -> None:
    ticket = offered(shop, about=field)
    assert (ticket.about_unclear, ticket.about, ticket.assignee) == (candidates, (), None)
    assert doubt(shop, ticket) == why
    assert shop.assigner().drain("complaints") == []
    assert shop.tickets.get(ticket.number) == ticket, "it is doubted once"
    assert not access.may_see(NA, ticket)
    assert access.may_see(LEADER, ticket)
    for one in (NA, BO):
        assert shop.staff.kept_from(one) == [ticket.number]
    assert shop.staff.kept_from(LEADER) == []
    shop.changes.change(
        ticket.number, lambda t, p, at: by_staff.set_about(t, p, LIN, [BO.id], "he called", at)
    )
    assert (shop.staff.kept_from(NA), shop.staff.kept_from(BO)) == ([], [ticket.number])
    assert shop.staff.kept_from(BO_2) == []
    assert shop.assigner().assign(ticket.number) == NA.id


def test_unclear_complaint_that_is_no_complaint_after_all_is_offered_to_agents(
    shop: Shop,
) -> None:
    """Story 8: a leader corrects the kind, and says nothing about whom it is about."""
    ticket = offered(shop, about="the tall man", language="en")
    assert (ticket.about_unclear, ticket.assignee) == ((), None)
    kind = Classification("service_request")
    corrected = shop.changes.change(
        ticket.number, lambda t, p, at: by_staff.reclassify(t, p, LIN, kind, "no complaint", at)
    )
    assert all(shop.staff.kept_from(one) == [] for one in (NA, BO, BO_2))
    assert shop.assigner().drain(corrected.team) == [ticket.number]


def test_unclear_ticket_that_goes_to_another_team_is_kept_from_that_teams_agents(
    shop: Shop,
) -> None:
    ticket = offered(shop, about="the tall man")
    shop.changes.change(
        ticket.number,
        lambda t, p, at: by_staff.reassign(t, p, LIN, None, "service", "theirs", at),
    )
    assert shop.staff.kept_from(NA) == []
    assert shop.staff.kept_from(BO_2) == [ticket.number]


def test_name_in_the_text_and_an_unclear_one_in_the_form_are_both_kept(shop: Shop) -> None:
    ticket = offered(shop, description="李娜态度很差", about="her chief")
    assert (ticket.about, ticket.about_unclear) == ((NA.id,), ())
    types = [event.type for event in shop.tickets.history(ticket.number)]
    assert types[-2:] == [EventType.ABOUT_SET, EventType.ABOUT_DOUBTED]


# ------------------------------------------------------------------------------ earlier tickets


def served(shop: Shop, by: Member = NA, **fields: Any) -> Ticket:
    """An earlier ticket of the same customer, which this agent handled."""
    number = shop.open("urgent", **fields).ticket.number
    shop.assigner().assign(number)
    shop.changes.change(
        number,
        lambda t, p, at: (
            by_staff.reassign(t, p, LIN, by.id, None, "for the test", at)
            if t.assignee != by.id
            else None
        ),
    )
    return shop.tickets.get(number)


@pytest.mark.parametrize("where", ["subject", "description", "about"])
def test_complaint_that_names_an_earlier_ticket_is_about_its_agent(shop: Shop, where: str) -> None:
    earlier = served(shop)
    ticket = offered(shop, **{where: f"还是 {earlier.number.lower()}"})
    assert (ticket.about, ticket.about_unclear, ticket.assignee) == ((NA.id,), None, BO.id)
    set_ = [e for e in shop.tickets.history(ticket.number) if e.type is EventType.ABOUT_SET]
    assert set_[0].data["why"] == "the complaint names an earlier ticket of theirs"


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.MANAGER])
def test_agent_of_the_earlier_ticket_does_not_see_the_complaint_after_they_became_a_leader(
    shop: Shop, role: Role
) -> None:
    earlier = served(shop)
    leads = replace(NA, role=role)
    shop.staff.record(leads, Presence.AVAILABLE, shop.clock.now())
    ticket = offered(shop, description=f"还是 {earlier.number}")
    assert (ticket.about, ticket.assignee) == ((NA.id,), BO.id)
    assert not access.may_see(leads, ticket)


def test_supervisor_who_served_the_customer_last_is_asked_about_and_does_not_decide(
    shop: Shop,
) -> None:
    """A supervisor who resolved the earlier ticket handled it as much as its agent."""
    served(shop, NA)
    shop.staff.record(replace(NA, role=Role.SUPERVISOR), Presence.AVAILABLE, shop.clock.now())
    ticket = offered(shop, category="service/attitude")
    assert ticket.about_unclear == (NA.id,)
    assert not access.may_see(replace(NA, role=Role.SUPERVISOR), ticket)


def test_number_of_a_ticket_of_somebody_else_keeps_nobody_from_anything(shop: Shop) -> None:
    stranger = {"name": "Tom", "email": "tom@example.org"}
    earlier = served(shop, contact=stranger)
    ticket = offered(shop, description=f"See {earlier.number}")
    assert ticket.about == ()


def test_complaint_about_service_may_be_about_who_served_the_customer_last(shop: Shop) -> None:
    served(shop, BO)
    shop.clock.advance(hours=1)
    served(shop, NA)
    shop.clock.advance(days=2)
    ticket = offered(shop, category="service/attitude")
    assert (ticket.about_unclear, ticket.assignee) == ((NA.id,), None)
    assert doubt(shop, ticket) == "it is about service, and this agent served the customer last"


@pytest.mark.parametrize(
    ("category", "days", "named"),
    [("product/defect", 2, ""), ("service/attitude", 31, ""), ("service/attitude", 2, "李娜")],
)
def test_nothing_is_unclear_for_other_categories_long_after_or_if_somebody_is_named(
    shop: Shop, category: str, days: int, named: str
) -> None:
    served(shop, NA)
    shop.clock.advance(days=days)
    ticket = offered(shop, category=category, description=f"不好 {named}")
    assert ticket.about_unclear is None
    assert ticket.assignee is not None


def test_complaint_about_service_of_a_customer_whom_nobody_served_is_routed_at_once(
    shop: Shop,
) -> None:
    ticket = offered(shop, category="service/attitude")
    assert (ticket.about_unclear, ticket.assignee is None) == (None, False)


def test_ticket_that_an_agent_has_is_not_doubted(shop: Shop) -> None:
    served(shop, BO)
    number = shop.open(**RUDE, category="service/attitude").ticket.number
    shop.changes.change(
        number, lambda t, p, at: by_staff.reassign(t, p, LIN, NA.id, None, "quick", at)
    )
    shop.assigner().assign(number)
    ticket = shop.tickets.get(number)
    assert (ticket.assignee, ticket.about_unclear) == (NA.id, None)


@pytest.mark.parametrize("replies", [False, True])
def test_ticket_that_an_agent_has_had_is_not_doubted_when_it_is_offered_again(
    shop: Shop, replies: bool
) -> None:
    """An earlier ticket of the customer gets its agent after people have worked on this one."""
    ticket = offered(shop, category="service/attitude")
    assert ticket.assignee is not None
    if replies:
        agent = Actor(Role.AGENT, ticket.assignee)
        act(shop, ticket.number, by_staff.reply, agent, "We look into it.", False)
    served(shop, BO)
    act(shop, ticket.number, by_staff.reassign, LIN, None, None, "back to the queue")
    shop.assigner().assign(ticket.number)
    again = shop.tickets.get(ticket.number)
    assert (again.about_unclear, again.assignee is None) == (None, False)


def test_ticket_that_agents_have_seen_in_their_queue_is_not_doubted_by_what_came_after(
    shop: Shop,
) -> None:
    for one in (NA, BO):
        shop.staff.set_presence(one, Presence.AWAY, shop.clock.now())
    ticket = offered(shop, category="service/attitude")
    assert ticket.placing is not None
    shop.staff.set_presence(BO, Presence.AVAILABLE, shop.clock.now())
    served(shop, BO)
    assert shop.assigner().assign(ticket.number) == BO.id


# ------------------------------------------------------------------------------ before the search


def test_complaint_whose_field_names_somebody_is_kept_from_agents_until_somebody_has_looked(
    shop: Shop,
) -> None:
    """Story 8: also while the assigner is down."""
    ticket = shop.open(**RUDE, about="李娜").ticket
    stored = shop.tickets.get(ticket.number)
    assert (stored.about, stored.about_unclear, stored.about_unsearched) == ((), (), True)
    assert [access.may_see(one, stored) for one in (NA, BO, LEADER)] == [False, False, True]
    assert [shop.staff.kept_from(one) for one in (NA, LEADER)] == [[ticket.number], []]
    assert shop.assigner().assign(ticket.number) == BO.id
    found = shop.tickets.get(ticket.number)
    assert (found.about, found.about_unclear, found.about_unsearched) == ((NA.id,), None, False)
    assert [shop.staff.kept_from(one) for one in (NA, BO)] == [[ticket.number], []]


def test_submission_whose_field_names_somebody_is_kept_from_agents_in_counts_at_once(
    shop: Shop,
) -> None:
    """The intake writes the item in the transaction that opens the ticket."""
    life = Life(shop.clock).open(number=new_number(), about="李娜")
    shop.intake_store.open(life.last, "key", "print", "{}")
    assert shop.staff.kept_from(NA) == [life.ticket.number]
    plain = Life(shop.clock).open(number=new_number())
    shop.intake_store.open(plain.last, "key-2", "print", "{}")
    assert shop.staff.kept_from(NA) == [life.ticket.number]


def test_drain_searches_a_complaint_whose_first_offer_was_lost(shop: Shop) -> None:
    """Story 8: the assigner was down, and its message is lost."""
    number = shop.open(**RUDE, about="李娜").ticket.number
    assert shop.assigner().drain("complaints") == [number]
    found = shop.tickets.get(number)
    assert (found.about, found.assignee) == ((NA.id,), BO.id)
    lost = shop.open(**RUDE, about="the tall man").ticket.number
    assert shop.assigner().drain("complaints") == []
    assert not shop.tickets.get(lost).about_unsearched


def test_leader_may_decide_before_anybody_has_looked(shop: Shop) -> None:
    number = shop.open(**RUDE, about="李娜").ticket.number
    act(shop, number, by_staff.set_about, LIN, [], "another Li Na")
    assert access.may_see(NA, shop.tickets.get(number))
    assert shop.assigner().assign(number) in (NA.id, BO.id)


def test_person_decides_if_what_the_customer_wrote_cannot_be_read(shop: Shop) -> None:
    number = shop.open(**RUDE, about="李娜").ticket.number
    shop.models.doc(keys.ticket_pk(number), keys.event_sk(1), doc="damaged").save()
    assert shop.assigner().assign(number) is None
    ticket = shop.tickets.get(number)
    assert (ticket.about_unclear, ticket.about_unsearched) == ((), False)
    assert shop.assigner().assign(number) is None
    assert shop.tickets.get(number) == ticket


def test_supervisor_of_the_candidate_is_kept_out_with_counts_if_the_plan_says_so(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = replace(shop.plans.current(), conflict=ConflictPlan(without_their_supervisor=True))
    monkeypatch.setattr(shop.plans, "get", lambda version: strict)
    ticket = offered(shop, about="李娜")
    assert (ticket.about, ticket.kept_from) == ((NA.id,), ("complaints",))
    assert not access.may_see(LEADER, ticket)
    assert shop.staff.kept_from(LEADER) == [ticket.number]
    elsewhere = Member("s-hua", "Hua", "h@example.com", Role.SUPERVISOR, "service", ("en",), 5)
    assert shop.staff.kept_from(elsewhere) == []


def test_supervisors_of_the_team_of_today_are_kept_out_though_the_names_are_a_minute_old(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = replace(shop.plans.current(), conflict=ConflictPlan(without_their_supervisor=True))
    monkeypatch.setattr(shop.plans, "get", lambda version: strict)
    assigner = shop.assigner()
    assigner.assign(shop.open(**RUDE).ticket.number)
    shop.staff.record(replace(NA, team="service"), Presence.AVAILABLE, shop.clock.now())
    number = shop.open(**RUDE, about="李娜").ticket.number
    assigner.assign(number)
    ticket = shop.tickets.get(number)
    assert (ticket.about, ticket.kept_from) == ((NA.id,), ("service",))
