"""The rules of remedies: what needs an approval, who decides, what is owed until when."""

from __future__ import annotations

from collections.abc import Callable
from copy import replace
from datetime import timedelta
from typing import Any

import pytest

from redress.base.errors import Forbidden, InvalidInput, LimitReached, NotAllowedNow, TasksOpen
from redress.base.languages import LANGUAGES
from redress.base.money import DECIMALS, Money
from redress.base.people import Actor, Member, Role
from redress.base.phrases import moment, phrases
from redress.clocks.rules.clocks import ClockName, ClockState, Standing, standing
from redress.mail.outgoing.messages import MailJob
from redress.mail.outgoing.results import for_connector, of_complaint
from redress.mail.outgoing.rules.relevance import Matter
from redress.mail.outgoing.rules.table import ANSWER_FAILED, CONNECTOR, MailToSend, mails_after
from redress.plans.rules.document import parse
from redress.tickets.rules import access, remedy_rights
from redress.tickets.rules.attached import Attached, FileState
from redress.tickets.rules.change import Change
from redress.tickets.rules.fold import fold
from redress.tickets.rules.remedies import MOST_REMEDIES, Remedy, told
from redress.tickets.rules.steps import by_staff, remedying
from redress.tickets.rules.steps.remedying import NewRemedy, needs_approval
from redress.tickets.rules.ticket import EventType, Phase, State, next_due, next_wake
from redress.tickets.store import items
from tests.builders import BY_PHONE, JUN, LIN, MEI, START, Life, life_at, plan_1, plan_document

WEI = Actor(Role.MANAGER, "m-wei")
LIN_OF_STAFF = Member("s-lin", "lin", "lin@example.com", Role.SUPERVISOR, "complaints", ("en",), 5)
WEI_OF_STAFF = Member("m-wei", "wei", "wei@example.com", Role.MANAGER, "complaints", ("en",), 5)
MEI_OF_STAFF = Member("a-mei", "mei", "mei@example.com", Role.AGENT, "complaints", ("en",), 2)
BOUND = plan_document()["remedies"]["bounds"]["CNY"]


def remedy(life: Life) -> Remedy:
    return life.ticket.remedies[-1]


def rungs(life: Life) -> list[dict[str, Any]]:
    """The data of the rungs of remedies that fired."""
    fired = (event.data for event in life.events if event.type is EventType.RUNG_FIRED)
    return [data for data in fired if "remedy_id" in data]


def types(life: Life, count: int) -> list[str]:
    return [event.type.value for event in life.events[-count:]]


def faults(life: Life, new: NewRemedy) -> set[str]:
    with pytest.raises(InvalidInput) as refused:
        remedying.propose(life.ticket, life.plan, MEI, new, "Words", life.clock.now())
    return {f"{fault.pointer} {fault.code}" for fault in refused.value.faults}


# ------------------------------------------------------------------------------ the bound


def test_remedy_up_to_the_bound_is_promised_at_once() -> None:
    life = life_at(State.OPEN).propose_remedy(amount=BOUND)
    assert types(life, 2) == ["remedy_proposed", "remedy_promised"]
    assert (remedy(life).state, remedy(life).approved_by) == ("promised", None)
    assert remedy(life).promised_at == life.clock.moment
    assert life.events[-1].data["to"] == "li.na@example.com"


def test_remedy_above_the_bound_waits_for_an_approval_and_tells_the_customer_nothing() -> None:
    life = life_at(State.OPEN).propose_remedy(amount=BOUND + 1)
    assert types(life, 1) == ["remedy_proposed"]
    assert (remedy(life).is_undecided, remedy(life).promised_at) == (True, None)


def test_bound_is_for_all_remedies_of_the_ticket_together() -> None:
    """Otherwise an agent pays in two parts what they may not pay at once."""
    life = life_at(State.OPEN).propose_remedy(amount=BOUND - 1)
    assert life.propose_remedy(amount=2).ticket.remedies[-1].is_undecided
    life.refuse_remedy()
    assert life.propose_remedy(amount=1).ticket.remedies[-1].is_owed
    life.finish_remedy()
    assert life.propose_remedy(amount=1).ticket.remedies[-1].is_undecided


def test_second_currency_needs_an_approval() -> None:
    life = life_at(State.OPEN).propose_remedy(amount=1, currency="CNY")
    assert life.propose_remedy(amount=1, currency="USD").ticket.remedies[-1].is_undecided
    assert not needs_approval(life.ticket, life.plan, None)


def test_remedy_without_an_amount_needs_no_approval() -> None:
    life = life_at(State.OPEN).propose_remedy("apology", None, currency=None)
    assert (remedy(life).state, remedy(life).money) == ("promised", None)


def test_leader_is_bound_as_everybody_is() -> None:
    assert remedy(life_at(State.OPEN).propose_remedy(by=LIN, amount=BOUND + 1)).is_undecided


# ------------------------------------------------------------------------------ who decides


def test_leader_who_did_not_propose_it_approves_it_and_the_customer_is_told_then() -> None:
    life = life_at(State.OPEN).propose_remedy().wait(hours=1).approve_remedy()
    assert types(life, 1) == ["remedy_promised"]
    assert life.events[-1].data["approved"] is True
    assert (remedy(life).state, remedy(life).approved_by) == ("promised", "s-lin")
    assert life.events[-1].data["text"] == "We pay it back"


def test_agent_is_asked_to_call_a_customer_without_an_address_about_an_approved_remedy() -> None:
    life = Life().open(contact=BY_PHONE).assign().propose_remedy().approve_remedy()
    assert life.events[-1].data["untold"] == "no_address"
    assert MailToSend(ANSWER_FAILED, "agent") in mails_after(life.events[-1])
    life = Life().open(contact=BY_PHONE).assign().promise_remedy()
    assert "untold" not in life.events[-1].data, "the agent has said it on the phone"


@pytest.mark.parametrize("act", [Life.approve_remedy, Life.refuse_remedy])
def test_nobody_decides_about_their_own_proposal(act: Any) -> None:
    life = life_at(State.OPEN).propose_remedy(by=LIN)
    with pytest.raises(Forbidden):
        act(life, by=LIN)
    assert act(life, by=WEI).ticket.remedies[-1].state in ("promised", "refused")


@pytest.mark.parametrize("act", [Life.approve_remedy, Life.refuse_remedy])
def test_nobody_decides_about_a_remedy_of_the_ticket_that_they_have(act: Any) -> None:
    """Story 24: own work is excluded from approval."""
    life = Life().open().acknowledge().assign(LIN.id).propose_remedy(by=WEI)
    with pytest.raises(Forbidden):
        act(life, by=LIN)


@pytest.mark.parametrize("act", [Life.approve_remedy, Life.refuse_remedy])
@pytest.mark.parametrize("way", ["had_it", "got_it_meanwhile", "got_it_when_resolved"])
def test_leader_who_gives_the_ticket_away_does_not_decide_about_its_remedy(
    act: Any, way: str
) -> None:
    """Story 24: nobody steps out of their own work in order to approve it."""
    life = Life().open().acknowledge()
    if way == "had_it":
        life.assign(LIN.id).propose_remedy(by=MEI).reassign(JUN.id)
    elif way == "got_it_meanwhile":
        life.assign().propose_remedy().reassign(LIN.id, by=WEI).reassign(None)
    else:
        life.assign().promise_remedy().propose_remedy().withdraw()
        life.hand_over(LIN.id, by=WEI).hand_over(JUN.id)
    assert "approve_remedy" not in remedy_rights.can(LIN_OF_STAFF, life.ticket, remedy(life))
    assert "approve_remedy" in remedy_rights.can(WEI_OF_STAFF, life.ticket, remedy(life))
    assert life.ticket == life.folded
    with pytest.raises(Forbidden):
        act(life, by=LIN)


def test_proposal_of_a_version_before_says_nobody_who_had_the_ticket() -> None:
    life = life_at(State.OPEN).propose_remedy(by=WEI)
    assert remedy(life).had == (MEI.id,)
    *before, proposed = life.events
    data = {name: one for name, one in proposed.data.items() if name != "assignee"}
    assert fold([*before, replace(proposed, data=data)], life.plan).remedies[0].had == ()


@pytest.mark.parametrize("act", [Life.approve_remedy, Life.refuse_remedy])
def test_only_a_manager_decides_while_it_is_unclear_whom_the_complaint_is_about(act: Any) -> None:
    """It may be about the supervisor of the team."""
    life = Life().open().assign().propose_remedy().reassign(None).doubt_about()
    life.changes[-1] = replace(life.last, after=replace(life.ticket, kept_from=()))
    assert access.may_act(LIN_OF_STAFF, life.ticket), "the plan does not keep it from them"
    assert remedy_rights.can(LIN_OF_STAFF, life.ticket, remedy(life)) == ["withdraw_remedy"]
    with pytest.raises(Forbidden):
        act(life, by=LIN)
    assert "approve_remedy" in remedy_rights.can(WEI_OF_STAFF, life.ticket, remedy(life))
    life.is_about(JUN.id)
    assert "approve_remedy" in remedy_rights.can(LIN_OF_STAFF, life.ticket, remedy(life))


def test_bound_counts_what_the_customer_gets_in_the_other_parts_of_a_matter() -> None:
    life, half = life_at(State.OPEN), Money(BOUND // 2, "CNY")
    assert not needs_approval(life.ticket, life.plan, half, [half])
    assert needs_approval(life.ticket, life.plan, half, [half, Money(1, "CNY")])
    assert needs_approval(life.ticket, life.plan, half, [Money(1, "EUR")])


@pytest.mark.parametrize("act", [Life.approve_remedy, Life.refuse_remedy])
def test_agent_decides_about_no_remedy(act: Any) -> None:
    with pytest.raises(Forbidden):
        act(life_at(State.OPEN).propose_remedy(), by=JUN)


def test_accused_supervisor_neither_sees_nor_approves_the_remedy() -> None:
    """Also if they are accused after it was proposed."""
    life = life_at(State.OPEN).propose_remedy()
    assert "approve_remedy" in remedy_rights.can(LIN_OF_STAFF, life.ticket, remedy(life))
    life.is_about(LIN.id, by=WEI)
    assert remedy_rights.can(LIN_OF_STAFF, life.ticket, remedy(life)) == []
    assert not access.may_see(LIN_OF_STAFF, life.ticket)
    assert "approve_remedy" in remedy_rights.can(WEI_OF_STAFF, life.ticket, remedy(life))


def test_supervisor_of_another_team_whom_a_note_mentions_approves_nothing() -> None:
    other = replace(LIN_OF_STAFF, id="s-hua", team="service")
    life = life_at(State.OPEN).propose_remedy().note(MEI, other)
    assert access.may_see(other, life.ticket)
    assert remedy_rights.can(other, life.ticket, remedy(life)) == []


@pytest.mark.parametrize("member", [MEI_OF_STAFF, LIN_OF_STAFF, WEI_OF_STAFF])
@pytest.mark.parametrize(
    "steps",
    [
        [Life.propose_remedy],
        [Life.promise_remedy],
        [Life.propose_remedy, Life.refuse_remedy],
        [Life.promise_remedy, Life.finish_remedy],
        [Life.promise_remedy, Life.withdraw_remedy],
    ],
)
def test_act_is_possible_if_and_only_if_it_is_in_can(member: Member, steps: list[Any]) -> None:
    life = life_at(State.OPEN)
    for step in steps:
        step(life)
    told = "Words" if remedy(life).is_owed else ""
    given = (life.ticket, life.plan, member.actor, "1")
    at = life.clock.now()
    acts: dict[str, Callable[[], Change]] = {
        "approve_remedy": lambda: remedying.approve(*given, None, "Words", at),
        "refuse_remedy": lambda: remedying.refuse(*given, "a reason", at),
        "withdraw_remedy": lambda: remedying.withdraw(*given, "a reason", told, at),
        "finish_remedy": lambda: remedying.finish(*given, "a proof", "", at),
    }
    possible = set(remedy_rights.can(member, life.ticket, remedy(life)))
    for name, act in acts.items():
        if name in possible:
            assert act().events
        else:
            with pytest.raises((Forbidden, NotAllowedNow)):
                act()
    assert possible <= set(access.can(member, life.ticket)) | {"propose_remedy"}


# ------------------------------------------------------------------------------ content


def test_every_fault_of_a_new_remedy_is_named() -> None:
    life = life_at(State.OPEN)
    past = life.clock.moment
    wrong = NewRemedy("cruise", "why", 0, "ABC", past)
    assert faults(life, wrong) == {
        "/kind unknown_remedy",
        "/currency unknown_currency",
        "/amount out_of_range",
        "/due_at not_in_time",
    }
    assert faults(life, NewRemedy("refund", "why")) == {"/amount required", "/currency required"}
    assert faults(life, NewRemedy("apology", "why", 1, "CNY")) == {
        "/amount no_amount",
        "/currency no_amount",
    }
    years = past + timedelta(hours=2161)
    assert faults(life, NewRemedy("refund", "why", 1, "CNY", years)) == {"/due_at not_in_time"}
    assert faults(life, NewRemedy("refund", " ", 1, "CNY")) == {"/reason required"}


def test_plan_without_remedies_promises_none() -> None:
    document = plan_document()
    del document["remedies"]
    life = Life(plan=parse(document)).open().assign()
    with pytest.raises(NotAllowedNow, match="no remedies"):
        life.propose_remedy()


def test_number_of_remedies_is_bounded() -> None:
    life = life_at(State.OPEN)
    for _ in range(MOST_REMEDIES):
        life.promise_remedy(amount=1)
    with pytest.raises(LimitReached):
        life.promise_remedy(amount=1)


def test_amounts_are_exact_and_read_the_same_in_every_language() -> None:
    assert str(Money(15_900, "CNY")) == "CNY 159.00"
    assert str(Money(1_234_505, "USD")) == "USD 12,345.05"
    assert str(Money(1_500, "JPY")) == "JPY 1,500"
    assert str(Money(1_005, "KWD")) == "KWD 1.005"
    assert all(len(code) == 3 and code.isupper() for code in DECIMALS)


# ------------------------------------------------------------------------------ its due time


def test_remedy_is_due_by_the_time_of_its_kind_from_when_the_customer_is_told() -> None:
    life = life_at(State.OPEN).propose_remedy().wait(hours=5).approve_remedy()
    assert remedy(life).clock.due_at == START + timedelta(hours=5 + 72)
    other = life_at(State.OPEN).propose_remedy("replacement", 1)
    assert remedy(other).clock.due_at == START + timedelta(hours=168)


def test_remedy_may_have_another_due_time() -> None:
    due = START + timedelta(hours=30)
    life = life_at(State.OPEN).promise_remedy(due=due)
    assert remedy(life).clock.due_at == due
    late = life_at(State.OPEN).propose_remedy(due=due).wait(hours=31)
    with pytest.raises(InvalidInput) as refused:
        late.approve_remedy()
    assert [fault.code for fault in refused.value.faults] == ["not_in_time"]
    assert remedy(late.approve_remedy(due=due + timedelta(hours=10))).clock.due_at == due + (
        timedelta(hours=10)
    )


def test_rungs_of_a_decision_and_of_a_promise_are_two_ladders_of_one_clock() -> None:
    life = life_at(State.OPEN).propose_remedy()
    life.sleep_through(START + timedelta(hours=9))
    fired = [
        e.data for e in life.events if e.type is EventType.RUNG_FIRED and "remedy_id" in e.data
    ]
    assert [(one["state"], one["action"], one["notify"]) for one in fired] == [
        ("proposed", "remind", ["supervisor"]),
        ("proposed", "breach", ["supervisor", "manager"]),
    ]
    life.approve_remedy()
    assert remedy(life).clock.fired == ()
    life.sleep_through(life.clock.moment + timedelta(hours=110))
    fired = [
        e.data for e in life.events if e.type is EventType.RUNG_FIRED and "remedy_id" in e.data
    ]
    assert [(one["state"], one["action"]) for one in fired[2:]] == [
        ("promised", "remind"),
        ("promised", "remind"),
        ("promised", "breach"),
        ("promised", "escalate"),
    ]
    assert remedy(life).clock.breached
    assert fired[4]["held_by"] == "a-mei"


def test_ladder_of_a_remedy_changes_nothing_of_the_ticket() -> None:
    life = life_at(State.OPEN, "feedback").promise_remedy()
    before = life.ticket
    life.sleep_through(START + timedelta(hours=110))
    after = life.ticket
    assert (after.priority, after.assignee, after.state) == (
        before.priority,
        before.assignee,
        before.state,
    )


def test_promise_is_due_next_in_the_work_list_also_after_the_resolution() -> None:
    life = life_at(State.OPEN).promise_remedy(due=START + timedelta(hours=2))
    assert next_due(life.ticket) == START + timedelta(hours=2)
    life.resolve()
    assert next_due(life.ticket) == START + timedelta(hours=2)
    assert items.index_attributes(life.ticket)["owner_pk"] == "AGENT#a-mei"
    life.finish_remedy()
    assert items.index_attributes(life.ticket)["owner_pk"] is None


def test_done_in_time_is_kept_and_done_late_is_missed() -> None:
    life = life_at(State.OPEN).promise_remedy().wait(hours=72).finish_remedy()
    assert standing(remedy(life).clock, life.clock.now()) is Standing.KEPT
    late = life_at(State.OPEN).promise_remedy().wait(hours=73).finish_remedy()
    assert standing(remedy(late).clock, late.clock.now()) is Standing.MISSED
    assert remedy(late).clock.held_by == "a-mei"


# ------------------------------------------------------------------------------ the resolution


def test_undecided_remedy_blocks_the_resolution_like_a_required_task() -> None:
    life = life_at(State.OPEN).open_task().propose_remedy()
    with pytest.raises(TasksOpen) as refused:
        life.resolve()
    assert [(one.pointer, one.code) for one in refused.value.faults] == [
        ("/tasks/1", "task_not_done"),
        ("/remedies/1", "remedy_not_decided"),
    ]
    assert "resolve" not in access.can(MEI_OF_STAFF, life.ticket)
    assert life.refuse_remedy().cancel_task().resolve().ticket.state is State.RESOLVED


def test_promised_remedy_outlives_the_resolution() -> None:
    life = life_at(State.OPEN).promise_remedy().resolve()
    assert (life.ticket.state, remedy(life).clock.state) == (State.RESOLVED, ClockState.RUNNING)
    assert life.dispute().ticket.remedies[-1].is_owed


def resolve(life: Life, **given: Any) -> None:
    facts: dict[str, Any] = {"outcome": "upheld", "remedy": None, "root_cause": "seal"} | given
    life.take(by_staff.resolve(life.ticket, life.plan, MEI, "Done", at=life.clock.now(), **facts))


def test_complaint_whose_customer_has_a_remedy_needs_no_other_word_for_it() -> None:
    life = life_at(State.OPEN)
    with pytest.raises(InvalidInput) as refused:
        resolve(life)
    assert [fault.pointer for fault in refused.value.faults] == ["/remedy"]
    life.promise_remedy().finish_remedy()
    resolve(life)
    assert life.ticket.resolution is not None
    assert life.ticket.resolution.remedy is None


def test_resolution_through_a_connector_says_outcome_cause_and_remedies() -> None:
    """Only the mail named the remedies, so who writes from a chat read nothing of them."""
    life = Life().open_by_connector(kind="complaint").assign().promise_remedy()
    life.promise_remedy(kind="replacement").approve_remedy().finish_remedy()
    resolve(life, cause="defective_part")
    [event] = [one for one in life.events if one.type is EventType.RESOLVED]
    [mail] = [one for one in mails_after(event) if one.audience == CONNECTOR]
    job = MailJob(life.ticket.number, event.number, mail.template, mail.audience)

    def said() -> str:
        return for_connector(Matter(job, event, life.ticket, life.plan, life.clock.now()))

    own, language = phrases(life.ticket.language), life.ticket.language
    first, second = (told(one, life.plan, language) for one in life.ticket.remedies)
    due = moment(life.ticket.remedies[0].clock.due_at, life.plan.time_zone, language)
    assert said().splitlines() == [
        event.data["text"],
        "",
        own.outcome.format(outcome=own.outcomes["upheld"]),
        own.cause.format(cause=life.plan.causes["defective_part"][language]),
        own.remedy.format(remedy=own.remedy_due.format(remedy=first, due=due)),
        own.remedy.format(remedy=own.remedy_done.format(remedy=second)),
    ]
    id_, at = life.ticket.remedies[0].id, life.clock.now()
    life.take(remedying.withdraw(life.ticket, life.plan, LIN, id_, "a reason", "A new one", at))
    assert first not in said(), "it is not promised again"


def test_resolution_has_a_cause_of_the_plan() -> None:
    life = life_at(State.OPEN)
    with pytest.raises(InvalidInput) as refused:
        resolve(life, remedy="new", cause="bad_luck")
    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [
        ("/cause", "unknown_cause")
    ]
    resolve(life, remedy="new", cause="defective_part")
    assert life.ticket.resolution is not None
    assert life.ticket.resolution.cause == "defective_part"
    assert life.folded == life.ticket


def test_customer_reads_the_same_cause_under_a_plan_that_does_not_have_it() -> None:
    """The status page said it, and did not say it any more after the move of a resolved ticket."""
    life = life_at(State.OPEN)
    resolve(life, remedy="new", cause="defective_part")
    [event] = [one for one in life.events if one.type is EventType.RESOLVED]
    before = life.plan.causes["defective_part"]
    for version in (2, 3):
        document = plan_document() | {"version": version}
        del document["causes"]
        life.move_to(parse(document))
        resolution = life.ticket.resolution
        assert resolution is not None
        assert resolution.told_cause(life.plan) == before
        job = MailJob(life.ticket.number, event.number, "resolution", "customer")
        said = of_complaint(Matter(job, event, life.ticket, life.plan, life.clock.now()))
        assert before[life.ticket.language] in said
    assert "cause_words" not in life.events[-1].data, "the plan before did not have it either"
    assert life.folded == life.ticket
    assert items.ticket_of(items.snapshot_doc(life.ticket)) == life.ticket


# ------------------------------------------------------------------------------ the end


def closings() -> dict[str, Any]:
    return {
        "confirmed": lambda life: life.resolve().confirm().answer_survey(),
        "unconfirmed": lambda life: life.resolve().call("no_answer").call("no_answer"),
        "withdrawn": lambda life: life.withdraw(),
    }


@pytest.mark.parametrize("how", closings())
def test_closing_does_not_stop_the_clock_of_a_promised_remedy(how: str) -> None:
    life = closings()[how](life_at(State.OPEN).promise_remedy())
    assert life.ticket.state is State.CLOSED
    assert (remedy(life).clock.state, life.ticket.phase) == (ClockState.RUNNING, Phase.SURVEY)
    assert next_wake(life.ticket, life.plan) is not None
    assert all(clock.over for clock in life.ticket.clocks.values())
    life.sleep_through(START + timedelta(hours=72))
    assert life.events[-1].data["action"] == "breach"
    life.finish_remedy()
    assert (life.ticket.phase, next_wake(life.ticket, life.plan)) == (Phase.CLOSED, None)


def test_closed_ticket_with_an_owed_remedy_stays_in_the_lists_of_what_is_open() -> None:
    life = life_at(State.CLOSED)
    assert str(items.index_attributes(life.ticket)["open_pk"]).startswith("CHANGED#")
    owed = life_at(State.OPEN).promise_remedy().withdraw()
    listed = items.index_attributes(owed.ticket)
    assert str(listed["open_pk"]).startswith("OPEN#complaints")
    assert listed["owner_pk"] == "AGENT#a-mei"
    listed = items.index_attributes(owed.finish_remedy().ticket)
    assert (listed["owner_pk"], str(listed["open_pk"])[:8]) == (None, "CHANGED#")


def test_undecided_remedy_of_a_withdrawn_ticket_can_still_be_decided() -> None:
    life = life_at(State.OPEN).propose_remedy().withdraw()
    assert life.ticket.phase is Phase.SURVEY
    assert remedy(life.approve_remedy()).is_owed


def test_closed_ticket_gets_no_new_remedy() -> None:
    with pytest.raises(NotAllowedNow):
        life_at(State.CLOSED).promise_remedy()


def test_what_the_customer_was_promised_is_taken_back_by_a_leader_with_a_word() -> None:
    life = life_at(State.OPEN).promise_remedy()
    with pytest.raises(Forbidden):
        life.withdraw_remedy(by=MEI)
    with pytest.raises(InvalidInput) as refused:
        life.withdraw_remedy(text="")
    assert [fault.code for fault in refused.value.faults] == ["word_needed"]
    life.withdraw_remedy()
    assert (remedy(life).state, remedy(life).clock.state) == ("withdrawn", ClockState.CANCELLED)
    assert life.events[-1].data["to"] == "li.na@example.com"


def test_agent_withdraws_a_proposal_of_which_the_customer_knows_nothing() -> None:
    life = life_at(State.OPEN).propose_remedy()
    with pytest.raises(InvalidInput) as refused:
        life.withdraw_remedy(text="You get nothing")
    assert [fault.code for fault in refused.value.faults] == ["not_told"]
    life.withdraw_remedy(by=MEI)
    assert "to" not in life.events[-1].data


@pytest.mark.parametrize("state", ["done", "refused", "withdrawn"])
def test_remedy_that_is_over_stays_over(state: str) -> None:
    life = life_at(State.OPEN)
    match state:
        case "done":
            life.promise_remedy().finish_remedy()
        case "refused":
            life.propose_remedy().refuse_remedy()
        case _:
            life.promise_remedy().withdraw_remedy()
    for act in (Life.approve_remedy, Life.refuse_remedy, Life.withdraw_remedy, Life.finish_remedy):
        with pytest.raises(NotAllowedNow, match=state):
            act(life)


# ------------------------------------------------------------------------------ the proof


def attached(**fields: Any) -> Attached:
    usual: dict[str, Any] = {
        "id": "9f86d081884c7d65",
        "name": "transfer.pdf",
        "type": "application/pdf",
        "size": 2048,
        "by": MEI,
        "at": START,
        "state": FileState.CLEAN,
    }
    return Attached(**(usual | fields))


def finish(life: Life, file: Attached, by: Actor = MEI) -> Life:
    change = remedying.finish(
        life.ticket, life.plan, by, "1", "Transfer", "", life.clock.now(), file.id, [file]
    )
    return life.take(change)


def test_file_that_was_uploaded_for_it_becomes_part_of_the_event() -> None:
    life = finish(life_at(State.OPEN).promise_remedy(), attached())
    data = life.events[-1].data
    assert (data["proof_file"], [one["name"] for one in data["files"]]) == (
        "9f86d081884c7d65",
        ["transfer.pdf"],
    )


def test_any_file_of_the_ticket_can_be_the_proof() -> None:
    sent = attached(by=Actor(Role.CUSTOMER, ""), event=1)
    data = finish(life_at(State.OPEN).promise_remedy(), sent).events[-1].data
    assert (data["proof_file"], "files" in data) == (sent.id, False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": FileState.REFUSED},
        {"state": FileState.WITHDRAWN},
        {"state": FileState.FOUND},
        {"by": JUN},
        {"at": START - timedelta(days=7)},
    ],
)
def test_file_that_nobody_can_open_proves_nothing(wrong: dict[str, Any]) -> None:
    life = life_at(State.OPEN).promise_remedy()
    with pytest.raises(InvalidInput) as refused:
        finish(life, attached(**wrong))
    assert [(f.pointer, f.code) for f in refused.value.faults] == [("/file", "unknown_file")]


# ------------------------------------------------------------------------------ the ticket


def test_promise_of_a_remedy_counts_as_a_reaction_and_restarts_the_next_update() -> None:
    life = Life().open().acknowledge().assign().wait(minutes=10).promise_remedy()
    reaction = life.ticket.clocks[ClockName.REACTION]
    assert (reaction.state, reaction.held_by) == (ClockState.STOPPED, "a-mei")
    assert life.ticket.clocks[ClockName.UPDATE].started_at == life.clock.moment
    silent = Life().open().acknowledge().assign().propose_remedy()
    assert silent.ticket.clocks[ClockName.REACTION].state is ClockState.RUNNING


def test_move_to_a_plan_without_remedies_keeps_what_was_promised() -> None:
    document = plan_document() | {"version": 2}
    del document["remedies"]
    life = life_at(State.OPEN).promise_remedy()
    due = remedy(life).clock.due_at
    life.move_to(parse(document))
    assert (remedy(life).clock.due_at, remedy(life).is_owed) == (due, True)
    assert life.finish_remedy().ticket.remedies[-1].state == "done"


@pytest.mark.parametrize("dropped", ["the kind", "the section"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_customer_reads_the_same_of_a_remedy_whose_kind_the_next_plans_do_not_have(
    dropped: str, language: str
) -> None:
    life = life_at(State.OPEN).propose_remedy(amount=50_000)
    before = told(remedy(life), life.plan, language)
    assert before.endswith(" CNY 500.00")
    for version in (2, 3):
        document = plan_document() | {"version": version}
        if dropped == "the section" and version == 3:
            del document["remedies"]
        else:
            del document["remedies"]["kinds"]["refund"]
        life.move_to(parse(document))
        assert told(remedy(life), life.plan, language) == before
    assert "remedies" not in life.events[-1].data, "the plan before did not have it either"
    assert life.ticket == life.folded
    assert items.ticket_of(items.snapshot_doc(life.ticket)) == life.ticket
    life.move_to(replace(plan_1(), version=4))
    assert told(remedy(life), life.plan, language) == before


def test_amount_that_only_staff_read_stays_theirs_under_a_plan_without_the_kind() -> None:
    life = life_at(State.OPEN).promise_remedy(kind="replacement", amount=9_000)
    document = plan_document() | {"version": 2}
    del document["remedies"]["kinds"]["replacement"]
    life.move_to(parse(document))
    assert told(remedy(life), life.plan, "en") == "Replacement"


def test_remedy_that_a_version_before_has_moved_is_called_by_the_name_of_its_kind() -> None:
    life = life_at(State.OPEN).promise_remedy()
    document = plan_document() | {"version": 2}
    del document["remedies"]["kinds"]["refund"]
    assert told(remedy(life), parse(document), "en") == "refund"


def test_customer_reads_the_kind_of_a_remedy_and_an_amount_that_is_for_them() -> None:
    refund = remedy(life_at(State.OPEN).promise_remedy())
    assert told(refund, plan_1(), "en") == "Refund CNY 159.00"
    replacement = replace(refund, kind="replacement")
    assert told(replacement, plan_1(), "en") == "Replacement"
    assert told(replace(refund, kind="apology", money=None), plan_1(), "zh-TW") == "書面致歉"


def test_move_to_another_plan_keeps_the_due_time_and_the_rungs_that_acted() -> None:
    life = life_at(State.OPEN).promise_remedy()
    life.sleep_through(START + timedelta(hours=40))
    fired = remedy(life).clock.fired
    life.move_to(replace(life.plan, version=2))
    assert (remedy(life).clock.fired, remedy(life).clock.due_at) == (
        fired,
        START + timedelta(hours=72),
    )


def test_history_gives_the_same_ticket() -> None:
    life = life_at(State.OPEN).promise_remedy().finish_remedy(text="It is on its way")
    life.propose_remedy().approve_remedy(by=WEI).withdraw_remedy()
    life.propose_remedy().refuse_remedy()
    life.promise_remedy(amount=1, due=START + timedelta(hours=3))
    life.sleep_through(START + timedelta(hours=5))
    assert life.folded == life.ticket
    assert items.ticket_of(items.snapshot_doc(life.ticket)) == life.ticket


def test_ticket_without_remedies_stores_nothing_of_them() -> None:
    assert "remed" not in items.snapshot_doc(life_at(State.CLOSED).ticket).replace('"remedy"', "")


def test_remedy_in_a_state_of_a_later_version_is_over() -> None:
    life = life_at(State.OPEN).promise_remedy()
    later = replace(remedy(life), state="disputed")
    assert (later.is_open, later.stands) == (False, False)
