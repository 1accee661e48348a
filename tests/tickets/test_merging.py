"""Merging a ticket into another one of the same customer (stories 9 to 11)."""

from __future__ import annotations

from copy import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from redress.base.errors import InvalidInput, NotAllowedNow, NotMergeable, NotUndone
from redress.base.money import Money
from redress.base.people import SYSTEM, Member, Role
from redress.clocks.rules.clocks import ClockName, ClockState
from redress.plans.rules.document import parse as parse_plan
from redress.plans.rules.plan import ConflictPlan
from redress.scores.rules.facts import facts_of
from redress.tickets.rules.calls import Result
from redress.tickets.rules.explain import What, explain
from redress.tickets.rules.remedies import Granted
from redress.tickets.rules.steps import by_system, merging
from redress.tickets.rules.steps.draft import Draft
from redress.tickets.rules.steps.table import MOST_LINKS, MOST_PARTICIPANTS
from redress.tickets.rules.tasks import TaskState
from redress.tickets.rules.ticket import (
    EventType,
    InIncident,
    LinkKind,
    Merged,
    State,
    Ticket,
    TicketLink,
    continues_in,
    next_wake,
)
from redress.tickets.store.snapshot import decode, encode
from tests.builders import (
    BY_PHONE,
    INCIDENT,
    LIN,
    MEI,
    NUMBER,
    OTHER,
    START,
    TAO,
    Clock,
    Life,
    a_call,
    plan_document,
)

LIN_LEADS = Member("s-lin", "lin", "lin@example.com", Role.SUPERVISOR, "complaints", ("en",), 5)
DETAILS = "account/personal_data"
CUSTOMER = "9f86d081884c7d659a2feaa0"


def two(kind: str = "complaint", **fields: Any) -> tuple[Life, Life]:
    """Two tickets of one customer: the second one was opened an hour after the first."""
    first = Life().open(kind, **fields)
    first.wait(hours=1)
    second = Life(first.clock).open(kind, number=OTHER)
    return first, second


def due(ticket: Ticket, name: ClockName) -> Any:
    return ticket.clocks[name].due_at


def codes(source: merging.Merger, target: merging.Merger) -> list[tuple[str, str]]:
    return [(one.pointer, one.code) for one in merging.faults_of(source, target)]


def test_source_ends_and_both_sides_say_so() -> None:
    source, target = two()
    source.assign().merge(target)
    ticket = source.ticket
    assert (ticket.state, ticket.closure) == (State.CLOSED, "merged")
    assert [one.type for one in source.last.events] == [EventType.MERGED, EventType.CLOSED]
    assert ticket.links == (TicketLink(LinkKind.MERGED_INTO, OTHER),)
    assert ticket.merged == Merged(OTHER, CUSTOMER, CUSTOMER)
    assert target.ticket.links == (TicketLink(LinkKind.MERGED_FROM, NUMBER),)
    assert target.last.events[0].data["ticket"] == NUMBER
    assert continues_in(ticket, target.ticket)
    assert (source.folded, target.folded) == (ticket, target.ticket)
    assert [decode(msgspec.to_builtins(encode(one))) for one in (ticket, target.ticket)] == [
        ticket,
        target.ticket,
    ]


def test_address_that_gets_no_automatic_mail_gets_none_about_the_merge() -> None:
    source, target = two(mail={"id": "m-1", "unacknowledged": "list"})
    source.merge(target)
    assert "to" not in source.last.events[0].data
    source.unmerge(target)
    assert "to" not in source.last.events[0].data

    source, target = two()
    source.merge(target)
    assert source.last.events[0].data["to"] == source.ticket.contact.email
    source.unmerge(target)
    assert source.last.events[0].data["to"] == source.ticket.contact.email


def test_merged_ticket_is_not_shown_as_escalated_and_no_clock_runs() -> None:
    """In other products a merged ticket escalated on (story 10)."""
    source, target = two()
    source.assign().wait(hours=25).wake()
    assert (escalation := source.ticket.escalation) is not None
    source.merge(target)
    assert source.ticket.escalation is None
    assert {clock.state for clock in source.ticket.clocks.values() if not clock.over} == set()
    assert next_wake(source.ticket, source.plan) is None
    assert target.ticket.escalation == escalation


def test_target_keeps_the_earliest_promise_of_each_name() -> None:
    older, newer = two()
    names = (ClockName.FIRST_RESPONSE, ClockName.RESOLUTION)
    wanted = {name: due(older.ticket, name) for name in names}
    older.merge(newer)
    assert {name: due(newer.ticket, name) for name in names} == wanted
    assert newer.folded == newer.ticket

    older, newer = two()
    before = older.ticket.clocks
    newer.merge(older)
    assert older.ticket.clocks == before


def test_unanswered_source_is_the_next_reply_of_a_target_that_was_answered() -> None:
    older, newer = two()
    older.assign().reply()
    wanted = due(newer.ticket, ClockName.FIRST_RESPONSE)
    answered = older.ticket.clocks[ClockName.FIRST_RESPONSE]
    newer.merge(older)
    ticket = older.ticket
    assert ticket.unanswered_since == START + timedelta(hours=1)
    assert due(ticket, ClockName.NEXT_REPLY) == wanted
    assert ticket.clocks[ClockName.FIRST_RESPONSE] == answered
    older.reply()
    assert older.ticket.clocks[ClockName.NEXT_REPLY].state is ClockState.STOPPED


def test_unanswered_words_end_the_wait_for_the_customer() -> None:
    older, newer = two()
    older.assign().reply(wait_for_customer=True)
    newer.merge(older)
    assert (older.ticket.state, older.ticket.unanswered_since) == (
        State.OPEN,
        START + timedelta(hours=1),
    )
    assert older.ticket.clocks[ClockName.RESOLUTION].state is ClockState.RUNNING
    assert older.folded == older.ticket


def test_answered_source_lets_the_target_wait() -> None:
    older, newer = two()
    older.assign().reply(wait_for_customer=True)
    newer.assign().reply().merge(older)
    assert older.ticket.state is State.WAITING
    assert older.folded == older.ticket


def test_paused_promise_of_the_source_goes_on_as_if_it_were_resumed() -> None:
    older, newer = two()
    older.assign().reply(wait_for_customer=True).wait(minutes=10)
    paused = older.ticket.clocks[ClockName.RESOLUTION]
    assert paused.state is ClockState.PAUSED
    older.merge(newer)
    kept = newer.ticket.clocks[ClockName.RESOLUTION]
    assert kept.state is ClockState.RUNNING
    assert kept.due_at == paused.due_at + timedelta(minutes=10)


def test_promise_that_comes_is_not_paused_longer_than_that_of_the_target_was() -> None:
    """A service request waits for parts at the cost of its customer, a complaint does not."""
    older = Life().open("service_request")
    older.wait(hours=96)
    newer = Life(older.clock).open("complaint", number=OTHER)
    wanted = due(older.ticket, ClockName.RESOLUTION)
    assert "part" in older.ticket.clocks[ClockName.RESOLUTION].pauses
    older.merge(newer)
    assert due(newer.ticket, ClockName.RESOLUTION) == wanted
    newer.assign().reply().hold("part")
    kept = newer.ticket.clocks[ClockName.RESOLUTION]
    assert (kept.state, kept.pauses) == (ClockState.RUNNING, ("customer",))
    newer.release().reply(wait_for_customer=True)
    assert newer.ticket.clocks[ClockName.RESOLUTION].state is ClockState.PAUSED
    assert newer.folded == newer.ticket


def test_reaction_is_kept_only_if_the_target_waits_for_one() -> None:
    older, newer = two()
    older.assign().tell_progress()
    newer.merge(older)
    assert older.ticket.clocks[ClockName.REACTION].state is ClockState.STOPPED


def test_steps_of_a_ladder_that_have_acted_do_not_act_again_in_the_target() -> None:
    older, newer = two()
    older.assign().wait(hours=25).wake()
    broken = older.ticket.clocks[ClockName.FIRST_RESPONSE]
    assert broken.breached
    older.merge(newer)
    assert newer.ticket.clocks[ClockName.FIRST_RESPONSE] == broken
    fired = len(newer.events)
    newer.wake()
    acted = {(e.data["clock"], e.data["step"]) for e in newer.events[fired:] if "step" in e.data}
    assert not acted & {("first_response", step) for step in broken.fired}


def test_broken_promise_that_comes_with_the_source_is_scored_once() -> None:
    older, newer = two()
    older.assign().wait(hours=25).wake().merge(newer)
    newer.assign().reply()
    names = [fact.name for change in newer.changes for fact in facts_of(change)]
    assert "first_response" not in names


def test_promise_of_another_plan_keeps_its_due_time_and_has_the_ladder_of_the_target() -> None:
    document = plan_document()
    document["calendars"] = {
        f"other_{name}": one for name, one in document["calendars"].items()
    } | document["calendars"]
    plan = replace(parse_plan(document), version=2)
    older = Life(plan=plan).open("inquiry", contact=BY_PHONE)
    older.wait(hours=1)
    newer = Life(older.clock).open("inquiry", number=OTHER)
    wanted = due(older.ticket, ClockName.RESOLUTION)
    older.merge(newer)
    kept = newer.ticket.clocks[ClockName.RESOLUTION]
    assert (kept.due_at, kept.calendar) == (wanted, "always")
    assert kept.ladder in newer.plan.ladders
    newer.sleep_through(wanted + timedelta(minutes=1))
    assert newer.ticket.clocks[ClockName.RESOLUTION].breached
    assert newer.folded == newer.ticket


def test_higher_priority_and_escalation_come_with_the_source() -> None:
    older, newer = two("inquiry")
    older.reclassify(None, urgency="high", by=LIN)
    assert older.ticket.priority != newer.ticket.priority
    older.merge(newer)
    assert newer.ticket.priority == older.ticket.priority
    assert newer.folded == newer.ticket


def test_facts_follow_with_their_origin_where_the_target_has_none() -> None:
    """Merging left facts behind in another product (story 11)."""
    source, target = two(order="A-1")
    source.is_about("a-jun")
    source.merge(target)
    assert (target.ticket.order, target.ticket.about) == ("A-1", ("a-jun",))
    data = target.last.events[0].data
    assert (data["ticket"], data["facts"]) == (NUMBER, {"order": "A-1", "about": ["a-jun"]})

    source, target = two(order="A-1")
    target = Life(source.clock).open(number=OTHER, order="B-2")
    source.merge(target)
    assert target.ticket.order == "B-2"


def test_whom_the_source_is_about_loses_their_task_and_is_not_preferred_in_the_target() -> None:
    source, target = two()
    source.is_about(TAO.id, MEI.id)
    target.open_task(required=True).assign_task(TAO)
    queued = {"from": None, "why": "a reason", "team": target.ticket.team, "preferred": MEI.id}
    draft = Draft(target.ticket, target.plan, LIN, target.clock.now())
    target.take(draft.add(EventType.QUEUED, queued).change())
    assert (target.ticket.tasks[0].owner, target.ticket.preferred) == (TAO.id, MEI.id)
    source.merge(target)
    [task] = target.ticket.tasks
    assert (task.is_open, task.owner, task.private) == (True, None, True)
    assert task.revision == target.ticket.version
    assert target.ticket.preferred is None
    assert target.folded == target.ticket


def requests(of_target: str | None = DETAILS, of_source: str = DETAILS) -> tuple[Life, Life]:
    """Two service requests of one customer, of these categories."""
    source = Life().request(of_source)
    source.wait(hours=1)
    target = Life(source.clock).open("service_request", number=OTHER, category=of_target)
    return source, target


def items(life: Life) -> dict[str, str]:
    checklist = life.ticket.checklist
    return {one.id: one.state for one in checklist.items} if checklist is not None else {}


def test_form_that_was_sent_twice_is_merged_before_anything_of_it_was_given() -> None:
    source, target = requests()
    assert codes(source.side(), target.side()) == []
    before = target.ticket.checklist
    source.merge(target)
    assert target.ticket.checklist == before


def test_what_was_given_in_the_source_is_not_asked_again_in_the_target() -> None:
    source, target = requests()
    source.send_item().accept_item().answer_item()
    target.finish_step()
    source.merge(target)
    assert items(target) == {"identity": "accepted", "new_details": "given", "change": "done"}
    assert [one.type for one in target.last.events] == [EventType.MERGED]
    assert target.folded == target.ticket
    target.accept_item("new_details")
    assert items(target)["new_details"] == "accepted"


def test_target_keeps_what_was_decided_about_its_own_items() -> None:
    source, target = requests()
    source.send_item().accept_item()
    target.send_item().reject_item()
    source.merge(target)
    assert items(target)["identity"] == "rejected"


def test_what_nobody_has_checked_ends_the_wait_of_the_target() -> None:
    source, target = requests()
    source.reply().answer_item()
    target.assign().reply(wait_for_customer=True)
    source.merge(target)
    assert target.ticket.state is State.OPEN
    source.unmerge(target)
    assert (target.ticket.state, items(target)["new_details"]) == (State.WAITING, "open")
    assert target.folded == target.ticket


@pytest.mark.parametrize("settled", [True, False])
def test_checklist_that_comes_with_the_category_asks_only_for_what_is_missing(
    settled: bool,
) -> None:
    source, target = requests(None)
    source.send_item().accept_item().answer_item().accept_item("new_details")
    if settled:
        source.finish_step()
    source.merge(target)
    assert (target.ticket.category, items(target)) == (DETAILS, items(source))
    # The customer gets no list of what they have given.
    set_again = [one.type for one in target.last.events if one.type is EventType.CHECKLIST_SET]
    assert set_again == [] if settled else [EventType.CHECKLIST_SET]
    assert target.folded == target.ticket
    source.unmerge(target)
    assert (target.ticket.category, target.ticket.checklist) == (None, None)
    assert target.folded == target.ticket


def told_only_in_the_source(of_target: str | None = DETAILS) -> tuple[Life, Life]:
    """Two service requests of one customer.

    They got the checklist of the first one by mail. They opened the second one by phone, so its
    checklist was not sent to them.
    """
    source = Life().request().reply()
    target = Life(source.clock).open(
        "service_request", number=OTHER, category=of_target, contact=BY_PHONE
    )
    return source, target.assign().reply()


def is_known(life: Life) -> bool:
    return life.ticket.checklist is not None and life.ticket.checklist.told


@pytest.mark.parametrize("of_target", [DETAILS, None])
def test_promise_waits_for_a_customer_who_knows_the_list_from_the_source(
    of_target: str | None,
) -> None:
    source, target = told_only_in_the_source(of_target)
    before = target.ticket.checklist
    promised = target.ticket.clocks[ClockName.RESOLUTION]
    assert promised.state is ClockState.RUNNING
    source.merge(target)
    assert is_known(target)
    assert target.ticket.clocks[ClockName.RESOLUTION].state is ClockState.PAUSED
    assert target.folded == target.ticket
    source.wait(hours=3)
    source.unmerge(target)
    assert target.ticket.checklist == before
    again = target.ticket.clocks[ClockName.RESOLUTION]
    assert (again.state, again.due_at) == (ClockState.RUNNING, promised.due_at)
    assert target.folded == target.ticket


def test_customer_knows_the_list_from_the_source_also_if_a_task_is_taken_from_the_accused() -> None:
    source, target = told_only_in_the_source(None)
    bo = replace(TAO, id="a-bo", team="complaints")
    target.open_task("complaints").assign_task(bo)
    source.is_about(bo.id)
    source.merge(target)
    assert is_known(target)
    assert [one.type for one in target.last.events][:3] == [
        EventType.MERGED,
        EventType.TASK_ASSIGNED,
        EventType.CHECKLIST_SET,
    ]


def test_promise_waits_for_nobody_who_was_told_of_another_list() -> None:
    """The list of the target has items of which the customer knows nothing."""
    source = Life().request("payment/invoice").answer_item("title").accept_item("title")
    source.answer_item("no_change", "").finish_step("issue")
    _, target = told_only_in_the_source()
    source.merge(target)
    assert not is_known(target)
    assert target.ticket.clocks[ClockName.RESOLUTION].state is ClockState.RUNNING


def test_required_item_that_the_target_does_not_have_must_be_settled_first() -> None:
    source, target = requests("payment/invoice")
    source.send_item().accept_item()
    wanted = [("/checklist/new_details", "item_open"), ("/checklist/change", "item_open")]
    assert codes(source.side(), target.side()) == wanted


def test_undone_merge_gives_back_the_items_that_nobody_has_touched_since() -> None:
    source, target = requests()
    target.assign().tell_obstacle("identity")
    before = target.ticket.checklist
    source.send_item().answer_item().merge(target).unmerge(target)
    assert target.ticket.checklist == before
    source.merge(target)
    target.accept_item("new_details")
    source.unmerge(target)
    assert items(target) == {"identity": "open", "new_details": "accepted", "change": "open"}
    assert items(source) == {"identity": "given", "new_details": "given", "change": "open"}
    assert (source.folded, target.folded) == (source.ticket, target.ticket)


@pytest.mark.parametrize(("hours", "comes"), [(48, True), (1000, False), (None, False)])
def test_open_conversation_comes_with_the_source_if_the_window_of_the_target_has_ended(
    hours: int | None, comes: bool
) -> None:
    target = Life().open_by_connector(hours)
    source = Life(target.clock).open("inquiry", number=OTHER, contact=BY_PHONE)
    source.wait(hours=100).write_by_connector(48)
    before, own = target.ticket.conversation, source.ticket.conversation
    source.merge(target)
    assert target.ticket.conversation == (own if comes else before)
    source.unmerge(target)
    assert target.ticket.conversation == before
    assert target.folded == target.ticket


def test_other_address_of_the_customer_takes_part_and_strangers_do_not() -> None:
    source, target = two(contact={"name": "Li Na", "email": "Na.Li@example.net"})
    source.let_in("bo@example.net").merge(target)
    assert target.ticket.participants == ("na.li@example.net",)


def test_ticket_is_not_merged_into_itself() -> None:
    life = Life().open()
    with pytest.raises(InvalidInput) as caught:
        merging.merge(life.side(), life.side(), MEI, "a reason")
    assert [one.code for one in caught.value.faults] == ["same_ticket"]


def test_every_reason_against_a_merge_is_named() -> None:
    source, target = two()
    source.open_task().is_about("s-lin").take_in()
    target.withdraw()
    side = replace(source.side(LIN_LEADS), customer=None)
    assert codes(side, target.side()) == [
        ("/into", "not_open"),
        ("", "has_merged"),
        ("", "no_customer"),
        ("/into", "conflict_of_interest"),
        ("/tasks/1", "task_open"),
    ]
    with pytest.raises(NotMergeable) as caught:
        merging.merge(side, target.side(), MEI, "a reason")
    assert len(caught.value.faults) == 5


def test_ticket_with_an_open_remedy_is_not_merged_because_its_clocks_would_stop() -> None:
    source, target = two()
    source.promise_remedy(amount=1).propose_remedy()
    assert codes(source.side(), target.side()) == [
        ("/remedies/1", "remedy_open"),
        ("/remedies/2", "remedy_open"),
    ]
    source.refuse_remedy()
    assert codes(source.side(), target.side()) == [("/remedies/1", "remedy_open")]


def test_tickets_of_different_customers_are_not_merged() -> None:
    source, target = two()
    other = replace(target.side(), customer="another")
    assert codes(source.side(), other) == [("/into", "other_customer")]


@pytest.mark.parametrize("kind", ["complaint", "urgent"])
def test_complaint_and_urgent_ticket_end_in_no_ticket_of_another_kind(kind: str) -> None:
    """The target would be resolved without the outcome, or with later promises."""
    source, target = two(kind)
    other = Life(source.clock).open("inquiry", number=OTHER)
    assert codes(source.side(), other.side()) == [("/into", "other_kind")]
    assert codes(other.side(), source.side()) == []
    assert codes(source.side(), target.side()) == []


def test_what_the_customer_got_in_the_source_counts_for_the_bound_of_the_target() -> None:
    """Otherwise an agent pays in two tickets what they may not pay at once."""
    bound = plan_document()["remedies"]["bounds"]["CNY"]
    source, target = two()
    source.assign().propose_remedy(amount=bound).finish_remedy()
    source.merge(target)
    assert list(target.ticket.granted) == [Granted(NUMBER, Money(bound, "CNY"))]
    assert decode(msgspec.json.decode(msgspec.json.encode(encode(target.ticket)))) == target.ticket
    source.unmerge(target)
    assert list(target.ticket.granted) == []
    source.merge(target)
    target.assign().propose_remedy(amount=1)
    assert target.ticket.remedies[-1].is_undecided
    assert target.folded == target.ticket


def test_chain_is_refused_in_both_directions() -> None:
    first, second = two()
    first.merge(second)
    third = Life(first.clock).open(number="R-00000-00001")
    assert ("", "has_merged") in codes(second.side(), third.side())
    assert ("/into", "not_open") in codes(third.side(), first.side())


@pytest.mark.parametrize("source_is_about", [True, False])
def test_complaint_about_whoever_has_the_other_ticket_is_not_merged(source_is_about: bool) -> None:
    first, second = two()
    complaint, other = (first, second) if source_is_about else (second, first)
    complaint.is_about("a-jun")
    other.assign("a-jun")
    where = "/into" if source_is_about else ""
    assert codes(first.side(), second.side()) == [(where, "conflict_of_interest")]


def test_complaint_of_which_nobody_knows_whom_it_is_about_is_not_merged() -> None:
    source, target = two()
    source.doubt_about()
    assert ("", "about_unclear") in codes(source.side(), target.side())


def test_case_of_an_incident_is_merged_only_into_another_case_of_it() -> None:
    """Otherwise its customer would not hear the words to all customers of the incident."""
    source, target = two()
    source.join_incident()
    assert codes(source.side(), target.side()) == [("/into", "other_incident")]
    assert codes(target.side(), source.side()) == []
    target.join_incident("0123456789abcdef")
    assert codes(source.side(), target.side()) == [("/into", "other_incident")]
    target.leave_incident().join_incident()
    assert codes(source.side(), target.side()) == []


def test_word_on_its_way_to_the_source_is_still_to_be_told_in_a_target_that_joined_after_it() -> (
    None
):
    source, target = two()
    source.join_incident()
    target.join_incident(word=1)
    source.merge(target)
    assert target.ticket.incident == InIncident(INCIDENT)
    assert target.folded == target.ticket
    source.unmerge(target)
    assert target.ticket.incident == InIncident(INCIDENT, 1, 1)
    assert target.folded == target.ticket


def test_word_that_was_told_in_the_target_is_not_told_again_after_a_merge() -> None:
    source, target = two()
    source.join_incident()
    target.join_incident().tell_word(1)
    source.merge(target)
    assert target.ticket.incident == InIncident(INCIDENT, 1)
    assert "word" not in target.last.events[0].data


def test_full_target_is_refused() -> None:
    source, target = two(contact={"name": "Li Na", "email": "na@example.net"})
    target.let_in(*(f"p{n}@example.net" for n in range(MOST_PARTICIPANTS)))
    for index in range(MOST_LINKS):
        target.link(to=f"R-00000-{index:05}")
    assert codes(source.side(), target.side()) == [("/into", "too_many"), ("/into", "too_many")]


def test_story_of_the_promise_says_that_it_came_by_the_merge() -> None:
    older, newer = two()
    older.merge(newer)
    stories = explain(newer.events, newer.plan, lambda _: newer.plan, newer.clock.now())
    resolutions = [one for one in stories if one.name is ClockName.RESOLUTION]
    assert [one.current for one in resolutions] == [False, True]
    assert [one.what for one in resolutions[0].entries] == [What.BEGUN, What.CANCELLED]
    assert resolutions[1].entries[0].event.type is EventType.MERGED
    assert resolutions[1].clock.started_at == START


def test_nothing_goes_on_if_one_of_them_turns_out_to_be_of_another_customer() -> None:
    source, target = two()
    source.merge(target)
    target.match("another")
    assert not continues_in(source.ticket, target.ticket)


def test_call_that_was_answered_keeps_the_promise_that_came_with_its_ticket() -> None:
    """The agent opened the ticket in the call, and merged it before the record of the call came."""
    target = Life().open("inquiry", number=OTHER).assign()
    target.reply()
    target.wait(hours=1)
    source = Life(target.clock).open("inquiry", channel="phone", contact=BY_PHONE)
    target.wait(minutes=1)
    source.merge(target)
    assert not target.ticket.clocks[ClockName.NEXT_REPLY].over
    call = a_call(target.clock.now(), began=source.ticket.created_at - timedelta(seconds=60))
    target.record_call_of(source, call)
    answered = target.ticket.clocks[ClockName.NEXT_REPLY]
    assert (answered.state, answered.stopped_at) == (ClockState.STOPPED, call.answered)
    assert (answered.started_at, answered.breached) == (call.waited_from, False)
    assert target.ticket.unanswered_since is None
    assert target.last.events[-1].data["sent_to"] == NUMBER
    assert target.folded == target.ticket
    target.record_call_of(source, call)
    assert [one.type for one in target.last.events] == [EventType.CALL_RECORDED]


# ------------------------------------------------------------------------------------- undone

UNTOUCHED = ("state", "unanswered_since", "priority", "raised", "escalation", "order", "about")


def at(state: State, number: str, clock: Any) -> Life:
    """A ticket of the customer in this state."""
    life = Life(clock).open(number=number, order="A-1" if number == NUMBER else None)
    if state is State.NEW:
        return life
    return life.assign().reply(wait_for_customer=state is State.WAITING)


@pytest.mark.parametrize("state", [State.NEW, State.OPEN, State.WAITING])
@pytest.mark.parametrize("of_target", [State.NEW, State.OPEN, State.WAITING])
def test_undone_merge_leaves_both_tickets_as_they_were(state: State, of_target: State) -> None:
    source = at(state, NUMBER, Life().clock)
    source.wait(hours=1)
    target = at(of_target, OTHER, source.clock)
    before = source.ticket, target.ticket
    source.merge(target).wait(hours=2).unmerge(target)
    for life, was in zip((source, target), before, strict=True):
        now = life.ticket
        assert {name: getattr(now, name) for name in UNTOUCHED} == {
            name: getattr(was, name) for name in UNTOUCHED
        }
        assert (now.merged, now.closure, now.closed_at, now.links) == (None, None, None, ())
        for name, clock in was.clocks.items():
            assert now.clocks[name].state is clock.state, name
            assert clock.state is ClockState.PAUSED or now.clocks[name].due_at == clock.due_at
        assert not [
            name for name, clock in now.clocks.items() if name not in was.clocks and not clock.over
        ]
        assert life.folded == now
        assert decode(msgspec.to_builtins(encode(now))) == now
    assert source.ticket.assignee is None
    assert source.ticket.preferred == before[0].assignee


def test_undone_merge_gives_back_the_mentions_of_the_source_but_not_to_the_accused() -> None:
    wang = replace(TAO, id="a-wang")
    source, target = two()
    source.note(MEI, TAO, wang).merge(target)
    assert not source.ticket.mentioned
    source.is_about(wang.id).unmerge(target)
    assert source.ticket.mentioned == (TAO.id,)
    assert source.folded == source.ticket


def test_customer_who_kept_us_waiting_during_the_merge_kept_us_waiting() -> None:
    source = at(State.WAITING, NUMBER, Life().clock)
    target = at(State.NEW, OTHER, source.clock)
    source.wait(hours=1).merge(target).wait(hours=5).unmerge(target).wait(hours=1)
    source.write()
    resolution = source.ticket.clocks[ClockName.RESOLUTION]
    assert resolution.due_at == START + timedelta(hours=48 + 7)
    assert source.folded == source.ticket


@pytest.mark.parametrize("minutes", [0, 30, 330])
def test_customer_who_kept_the_target_waiting_still_kept_it_waiting_after_an_undone_merge(
    minutes: int,
) -> None:
    """The words of the source end the wait, and all promises of the target run meanwhile."""
    source = at(State.OPEN, NUMBER, Life().clock).wait(hours=1).write()
    target = at(State.WAITING, OTHER, source.clock).wait(hours=1)
    alone = Life(Clock(source.clock.now()), target.plan, [*target.events], [*target.changes])
    source.merge(target)
    for life in (target, alone):
        life.wait(minutes=minutes)
    source.unmerge(target)
    assert target.ticket.state is State.WAITING
    assert target.ticket.waits == alone.ticket.waits
    for life in (target, alone):
        life.wait(minutes=20).write()
    for name, clock in alone.ticket.clocks.items():
        now = target.ticket.clocks[name]
        assert (now.due_at, now.state) == (clock.due_at, clock.state), name
    assert target.folded == target.ticket


def test_hold_that_ended_during_a_merge_has_ended_when_it_is_undone() -> None:
    target = at(State.OPEN, OTHER, Life().clock).hold()
    source = Life(target.clock).open().wait(hours=1).merge(target).wait(hours=1)
    target.release().wait(hours=1)
    source.unmerge(target)
    [wait] = target.ticket.waits
    assert (wait.reason, wait.begin, wait.end) == ("part", START, START + timedelta(hours=2))
    assert target.folded == target.ticket


def test_undone_merge_of_a_version_before_is_read() -> None:
    """It did not say what the waits of the target would be."""
    source = at(State.OPEN, NUMBER, Life().clock).write()
    target = at(State.WAITING, OTHER, source.clock)
    source.merge(target).wait(hours=1).unmerge(target)
    last = target.events[-1]
    assert last.data.pop("waits")
    target.events[-1] = last
    assert target.folded.state is State.WAITING


def test_target_stays_escalated_because_of_its_own_promise_when_a_merge_is_undone() -> None:
    source = Life().open().acknowledge().assign()
    source.sleep_through(START + timedelta(hours=30))
    assert source.ticket.escalation == "manager"
    target = Life(source.clock).open(number=OTHER).acknowledge().assign().promise(hours=1)
    source.merge(target).wait(hours=1)
    target.wake()
    source.unmerge(target)
    assert target.ticket.clocks[ClockName.OWN_WORD].breached
    assert (source.ticket.escalation, target.ticket.escalation) == ("manager", "supervisor")
    assert target.folded == target.ticket


def test_reminder_that_acted_in_the_target_is_not_repeated_in_the_source() -> None:
    older, newer = two()
    for life in (older, newer):
        life.assign().tell_progress()
    older.merge(newer).wait(hours=12)
    newer.wake()
    acted = newer.ticket.clocks[ClockName.FIRST_RESPONSE].fired
    assert acted
    older.unmerge(newer)
    assert set(acted) <= set(older.ticket.clocks[ClockName.FIRST_RESPONSE].fired)
    assert newer.ticket.clocks[ClockName.FIRST_RESPONSE].fired == ()


def nobody_is_there(life: Life) -> Life:
    data = {"text": "Nobody is there at the moment.", "to": "li@example.com"}
    draft = Draft(life.ticket, life.plan, SYSTEM, life.clock.now())
    return life.take(draft.add(EventType.NOBODY_THERE, data).change())


@pytest.mark.parametrize(
    "happens",
    [
        Life.write,
        lambda life: life.assign().reply(),
        lambda life: life.assign().tell_progress(),
        lambda life: life.reclassify("inquiry"),
        lambda life: life.wait(hours=25).wake(),
        Life.withdraw,
        lambda life: life.take_in(Life(life.clock).open(number="R-00000-00001")),
        lambda life: life.open_task().urge(),
        Life.record_call,
        nobody_is_there,
    ],
    ids=[
        "a message",
        "a reply",
        "progress",
        "a new kind",
        "a breach",
        "closing",
        "a merge",
        "urging",
        "an answered call",
        "a word that nobody is there",
    ],
)
def test_merge_is_not_undone_after_the_next_public_word(happens: Any) -> None:
    older, newer = two()
    older.merge(newer)
    happens(newer)
    kept = older.ticket, newer.ticket
    with pytest.raises(NotUndone) as caught:
        older.unmerge(newer)
    assert {(one.pointer, one.code) for one in caught.value.faults} == {("/into", "too_late")}
    assert (older.ticket, newer.ticket) == kept


def test_merge_is_not_undone_after_a_promise_was_broken_that_only_ran_because_of_it() -> None:
    """The target waited for the customer, and its promise of an update stood still."""
    source = at(State.OPEN, NUMBER, Life().clock).write()
    target = at(State.WAITING, OTHER, source.clock)
    source.merge(target).wait(hours=60)
    target.wake()
    with pytest.raises(NotUndone) as caught:
        source.unmerge(target)
    assert {one.detail.partition(" ")[0] for one in caught.value.faults} == {"rung_fired"}


def test_internal_work_on_the_target_does_not_keep_a_merge_from_being_undone() -> None:
    older, newer = two()
    older.merge(newer)
    newer.assign().note().tag("kettle")
    newer.record_call(result=Result.MISSED, answered=None, hold_s=None)
    older.unmerge(newer)
    assert newer.ticket.tags == ("kettle",)
    assert newer.folded == newer.ticket


def test_task_that_the_merge_cancelled_stays_cancelled_when_it_is_undone() -> None:
    source, target = two()
    source.open_task(required=False).merge(target).unmerge(target)
    assert [task.state for task in source.ticket.tasks] == [TaskState.CANCELLED]
    source.open_task(required=False)
    assert [task.is_open for task in source.ticket.tasks] == [False, True]
    assert source.folded == source.ticket


def test_fact_that_staff_changed_since_the_merge_stays() -> None:
    source, target = two()
    source.is_about("a-jun").merge(target)
    target.is_about("a-jun", "a-tao")
    source.unmerge(target)
    assert target.ticket.about == ("a-jun", "a-tao")
    assert source.ticket.about == ("a-jun",)


def test_complaint_that_follows_an_accused_agent_into_another_team_is_no_decision() -> None:
    source, target = two()
    source.is_about(TAO.id).merge(target)
    strict = replace(target.plan, conflict=ConflictPlan(without_their_supervisor=True))
    moved = by_system.follow_accused(target.ticket, strict, TAO, target.clock.now())
    assert moved is not None
    target.take(moved)
    source.unmerge(target)
    assert (target.ticket.about, target.ticket.about_decided) == ((), False)
    assert source.ticket.about == (TAO.id,)


def test_ticket_that_is_not_merged_cannot_be_undone() -> None:
    life = Life().open().withdraw()
    side = replace(life.undone(OTHER))
    with pytest.raises(NotAllowedNow):
        merging.unmerge(side, side, MEI, "a reason")


def test_undone_merge_can_be_made_again() -> None:
    source, target = two()
    source.merge(target).unmerge(target).merge(target)
    assert source.ticket.closure == "merged"
    assert (source.folded, target.folded) == (source.ticket, target.ticket)
