"""Scoring against the table: facts of tickets, ratings, scorecards, and who may see them."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import replace
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from types import ModuleType
from typing import Any

import boto3
import pytest

from redress.base.errors import Forbidden, InvalidInput, NotFound, Unavailable
from redress.base.observe import Failed
from redress.base.people import CUSTOMER, Actor, Member, Role
from redress.db import keys
from redress.db.rows import Models
from redress.plans.store.plans import shipped_document
from redress.scores.cases.cards import ScoringCases
from redress.scores.messages import AgentResult
from redress.scores.store import facts as facts_module
from redress.scores.store import scores as scores_module
from redress.scores.store.scores import LateFacts, ScoreStore, Summary
from redress.staff.rules.availability import Presence
from redress.tickets.rules.steps import by_customer, by_staff
from redress.tickets.rules.ticket import Ticket
from redress.wiring import clients
from redress.wiring import scoring as scoring_wiring
from redress.wiring import staff as staff_wiring
from tests.builders import JUN, LIN, MEI, ROOT, START, Clock
from tests.wired import REGION, TABLE, rewire, set_environment
from tests.world import Act, Context, Opener, Stores, aws, create_idle_machine

DECEMBER = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)
"""The end of November in the time zone of plan 1."""

Sample = Callable[[str], dict[str, Any]]

RATING = {"attitude": 4, "knowledge": 5, "comment": "calm and kind"}


@pytest.fixture
def cases(table: str, staff: dict[str, Member]) -> ScoringCases:
    return staff_wiring.scoring_cases()


@pytest.fixture
def scores(table: str) -> ScoreStore:
    return ScoreStore(Models(table, REGION))


@pytest.fixture
def solve(open_ticket: Opener, act: Act, staff: dict[str, Member]) -> Callable[..., Ticket]:
    """Opens a complaint and resolves it at once, by Mei unless a test names another agent."""

    def run(by: Actor = MEI) -> Ticket:
        ticket = open_ticket(agent=by.id)
        return act(ticket, by_staff.resolve, by, "Replaced.", "upheld", "a kettle", "the seal")

    return run


def _score(cases: ScoringCases, agent: str = "a-mei", period: str = "2026-11") -> str:
    jobs = scoring_wiring.scoring_jobs()
    month = jobs.list_agents(period)
    return jobs.score_agent(agent, month.period, month.preview, month.plan_version).outcome


# ------------------------------------------------------------------------------------- facts


def test_change_and_its_facts_are_stored_together(
    solve: Callable[..., Ticket], scores: ScoreStore
) -> None:
    ticket = solve()
    facts = {fact.name: fact for fact in scores.facts("a-mei", "2026-11")}
    assert set(facts) == {"reaction", "first_response", "resolution.1", "resolved.1"}
    assert {fact.number for fact in facts.values()} == {ticket.number}
    assert facts["first_response"].value == {"kept": True, "seconds": 0}
    assert scores.facts("a-jun", "2026-11") == []


def test_fact_that_changes_after_the_month_is_replaced_and_counted_once(
    solve: Callable[..., Ticket],
    act: Act,
    clock: Clock,
    cases: ScoringCases,
    staff: dict[str, Member],
) -> None:
    """November is scored. In December a customer disputes a resolution of November."""
    tickets = [solve() for _ in range(2)] + [solve()]
    clock.moment = DECEMBER
    assert _score(cases) == "stored"
    act(tickets[0], by_customer.dispute, CUSTOMER, "It leaks again.")
    assert _score(cases) == "stored"
    card = cases.card(staff["mei"], "2026-11", "a-mei")
    lasting = next(p for p in card.scorecard.components if p.name == "lasting_resolution")
    assert (lasting.samples, lasting.score) == (3, "66.67")
    against = [line.number for line in lasting.evidence if line.counted == "against"]
    assert against == [tickets[0].number]
    assert card.revision == 2
    assert [(e.revision, e.total) for e in card.earlier] == [(1, "100.00")]


# ------------------------------------------------------------------------------- tasks of a run


def test_lists_all_agents_and_all_members_with_facts(
    cases: ScoringCases,
    open_ticket: Opener,
    act: Act,
) -> None:
    act(open_ticket(agent="a-mei"), by_staff.reply, LIN, "I answer myself.", False)
    month = scoring_wiring.scoring_jobs().list_agents("2026-11")
    assert month.agents == ["a-jun", "a-mei", "a-tao", "s-lin"]
    assert (month.period, month.preview, month.plan_version) == ("2026-11", True, 1)


def test_previous_month_is_determined_in_the_time_zone_of_the_plan(
    cases: ScoringCases, clock: Clock
) -> None:
    assert scoring_wiring.scoring_jobs().list_agents("previous").period == "2026-10"
    clock.moment = DECEMBER
    month = scoring_wiring.scoring_jobs().list_agents("previous")
    assert (month.period, month.preview) == ("2026-11", False)


def test_promoted_agent_is_scored_for_months_with_facts_only(
    cases: ScoringCases,
    stores: Stores,
    solve: Callable[..., Ticket],
    clock: Clock,
    staff: dict[str, Member],
) -> None:
    solve(JUN)
    promoted = replace(staff["jun"], role=Role.SUPERVISOR)
    stores.staff.record(promoted, Presence.AWAY, clock.now())
    assert "a-jun" in scoring_wiring.scoring_jobs().list_agents("2026-11").agents
    clock.moment = DECEMBER
    assert "a-jun" not in scoring_wiring.scoring_jobs().list_agents("2026-12").agents


@pytest.mark.parametrize("period", ["2026-12", "2026-13", "yesterday", ""])
def test_malformed_or_future_month_is_not_scored(cases: ScoringCases, period: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        scoring_wiring.scoring_jobs().list_agents(period)
    assert [fault.pointer for fault in refused.value.faults] == ["/period"]


def test_card_of_an_open_month_is_a_preview(
    solve: Callable[..., Ticket],
    cases: ScoringCases,
    clock: Clock,
    staff: dict[str, Member],
) -> None:
    solve()
    _score(cases)
    preview = cases.card(staff["mei"], "2026-11", "a-mei")
    assert preview.scorecard.preview
    clock.moment = DECEMBER
    assert _score(cases) == "stored"
    final = cases.card(staff["mei"], "2026-11", "a-mei")
    assert not final.scorecard.preview
    assert (final.revision, final.earlier[0].preview) == (2, True)
    assert final.earlier[0].digest == preview.scorecard.digest != final.scorecard.digest


def test_scoring_a_month_again_changes_nothing(
    solve: Callable[..., Ticket],
    cases: ScoringCases,
    scores: ScoreStore,
    clock: Clock,
) -> None:
    solve()
    clock.moment = DECEMBER
    assert _score(cases) == "stored"
    before = scores.card("a-mei", "2026-11")
    clock.advance(days=1)
    assert _score(cases) == "unchanged"
    assert scores.card("a-mei", "2026-11") == before


def test_evidence_that_is_stored_in_several_parts_is_read_back_completely(
    solve: Callable[..., Ticket],
    cases: ScoringCases,
    staff: dict[str, Member],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scores_module, "LINES_A_PART", 3)
    tickets = [solve() for _ in range(2)]
    _score(cases)
    card = cases.card(staff["mei"], "2026-11", "a-mei").scorecard
    for part in card.components:
        assert len(part.evidence) == part.samples
    responses = next(p for p in card.components if p.name == "response_promises")
    assert sorted((line.number, line.fact) for line in responses.evidence) == sorted(
        (ticket.number, fact) for ticket in tickets for fact in ("reaction", "first_response")
    )
    assert {line.counted for line in responses.evidence} == {"for"}


def test_card_is_recomputed_if_another_run_replaced_it_meanwhile(
    solve: Callable[..., Ticket],
    cases: ScoringCases,
    scores: ScoreStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    solve()
    read = ScoreStore.facts
    raced: list[bool] = []

    def facts_while_another_run_finishes(self: ScoreStore, agent: str, period: str) -> Any:
        found = read(self, agent, period)
        if not raced:
            raced.append(True)
            solve()
            _score(cases)
        return found

    monkeypatch.setattr(ScoreStore, "facts", facts_while_another_run_finishes)
    assert _score(cases) == "unchanged"
    card = scores.card("a-mei", "2026-11")
    assert card is not None
    assert (card.revision, card.scorecard.figures.resolved) == (1, 2)


def test_card_that_other_runs_keep_replacing_raises_unavailable(
    solve: Callable[..., Ticket], cases: ScoringCases, monkeypatch: pytest.MonkeyPatch
) -> None:
    solve()

    def lost(self: ScoreStore, card: Any) -> None:
        raise scores_module.CardReplaced("a-mei")

    monkeypatch.setattr(ScoreStore, "save", lost)
    with pytest.raises(Unavailable):
        _score(cases)


def test_finished_month_keeps_the_plan_version_it_was_scored_under(
    cases: ScoringCases, stores: Stores, clock: Clock
) -> None:
    clock.moment = DECEMBER
    scoring_wiring.scoring_jobs().finish("2026-11", False, 1, [])
    document = {**shipped_document(), "version": 2, "note": "stricter"}
    stores.plan_store.publish(document, 2, 1)
    rewire()
    assert scoring_wiring.scoring_jobs().list_agents("2026-11").plan_version == 1
    assert scoring_wiring.scoring_jobs().list_agents("2026-12").plan_version == 2


def test_preview_does_not_fix_the_plan_version_of_the_month(
    cases: ScoringCases, stores: Stores, clock: Clock
) -> None:
    scoring_wiring.scoring_jobs().finish("2026-11", True, 1, [])
    document = {**shipped_document(), "version": 2, "note": "stricter"}
    stores.plan_store.publish(document, 2, 1)
    rewire()
    clock.moment = DECEMBER
    assert scoring_wiring.scoring_jobs().list_agents("2026-11").plan_version == 2


def test_finished_run_has_a_summary_with_the_agents_that_failed(
    cases: ScoringCases, staff: dict[str, Member], clock: Clock
) -> None:
    results = [
        AgentResult("a-mei", "stored"),
        AgentResult("a-jun", "failed", "ValueError"),
        AgentResult("a-tao", "unchanged"),
    ]
    finished = scoring_wiring.scoring_jobs().finish("2026-11", True, 1, results)
    assert (finished.agents, finished.stored, finished.unchanged, finished.failed) == (3, 1, 1, 1)
    summary = cases.summary(staff["lin"], "2026-11")
    assert summary == Summary(
        period="2026-11",
        preview=True,
        plan_version=1,
        agents=3,
        stored=1,
        unchanged=1,
        failed=(scores_module.Failure("a-jun", "ValueError"),),
        finished_at=START,
    )
    with pytest.raises(NotFound):
        cases.summary(staff["lin"], "2026-10")
    with pytest.raises(Forbidden):
        cases.summary(staff["mei"], "2026-11")


def test_unknown_outcome_of_an_agent_raises_value_error(cases: ScoringCases) -> None:
    with pytest.raises(ValueError, match="lost"):
        scoring_wiring.scoring_jobs().finish("2026-11", True, 1, [AgentResult("a-mei", "lost")])


# --------------------------------------------------------------------------------------- ratings


def test_rating_counts_in_the_next_run_and_all_its_revisions_are_kept(
    cases: ScoringCases, staff: dict[str, Member], table: str
) -> None:
    cases.rate(staff["lin"], "2026-11", "a-mei", lambda: RATING)
    _score(cases)
    second = cases.rate(staff["wei"], "2026-11", "a-mei", lambda: {"attitude": 1, "knowledge": 1})
    assert (second.revision, second.by, second.comment) == (2, "m-wei", "")
    assert _score(cases) == "stored"
    card = cases.card(staff["mei"], "2026-11", "a-mei").scorecard
    rated = next(p for p in card.components if p.name == "supervisor_rating")
    assert rated.score == "0.00"
    kept = boto3.client("dynamodb").query(
        TableName=table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
        ExpressionAttributeValues={
            ":pk": {"S": "RATING#2026-11"},
            ":sk": {"S": "AGENT#a-mei#"},
        },
    )["Items"]
    said = [json.loads(item["doc"]["S"]) for item in kept]
    assert [(r["by"], r["attitude"], r["comment"]) for r in said] == [
        ("s-lin", 4, "calm and kind"),
        ("m-wei", 1, ""),
    ]


def test_two_concurrent_ratings_are_both_kept(
    cases: ScoringCases,
    scores: ScoreStore,
    staff: dict[str, Member],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = ScoreStore.rating
    raced: list[bool] = []

    def rating_while_another_is_stored(self: ScoreStore, agent: str, period: str) -> Any:
        held = read(self, agent, period)
        if not raced:
            raced.append(True)
            cases.rate(staff["wei"], "2026-11", "a-mei", lambda: RATING)
        return held

    monkeypatch.setattr(ScoreStore, "rating", rating_while_another_is_stored)
    rating = cases.rate(staff["lin"], "2026-11", "a-mei", lambda: {"attitude": 2, "knowledge": 2})
    assert rating.revision == 2
    held = scores.rating("a-mei", "2026-11")
    assert held == rating


def test_all_faults_of_a_rating_are_reported_together(
    cases: ScoringCases, staff: dict[str, Member]
) -> None:
    body = {"attitude": 6, "knowledge": True, "comment": 7, "grade/mark": "A"}
    with pytest.raises(InvalidInput) as refused:
        cases.rate(staff["lin"], "2027-01", "a-mei", lambda: body)
    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [
        ("/period", "not_begun"),
        ("/attitude", "score_expected"),
        ("/knowledge", "score_expected"),
        ("/comment", "text_expected"),
        ("/grade~1mark", "unknown"),
    ]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([], ""),
        ({"attitude": 0, "knowledge": 1}, "/attitude"),
        ({"attitude": 1, "knowledge": 4.5}, "/knowledge"),
        ({"attitude": 1}, "/knowledge"),
        ({"attitude": 1, "knowledge": 1, "comment": "x" * 5001}, "/comment"),
    ],
)
def test_invalid_rating_is_refused(
    cases: ScoringCases, staff: dict[str, Member], body: Any, pointer: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        cases.rate(staff["lin"], "2026-11", "a-mei", lambda: body)
    assert [fault.pointer for fault in refused.value.faults] == [pointer]


def test_future_month_cannot_be_rated(
    cases: ScoringCases, staff: dict[str, Member], clock: Clock
) -> None:
    with pytest.raises(InvalidInput):
        cases.rate(staff["lin"], "2026-12", "a-mei", lambda: RATING)
    clock.moment = DECEMBER
    assert cases.rate(staff["lin"], "2026-12", "a-mei", lambda: RATING).revision == 1


@pytest.mark.parametrize(
    ("who", "whom"), [("mei", "a-jun"), ("mei", "a-mei"), ("hua", "a-mei"), ("wei", "m-wei")]
)
def test_nobody_rates_a_colleague_another_team_or_themselves(
    cases: ScoringCases, scores: ScoreStore, staff: dict[str, Member], who: str, whom: str
) -> None:
    with pytest.raises(Forbidden):
        cases.rate(staff[who], "2026-11", whom, lambda: RATING)
    assert scores.rating(whom, "2026-11") is None


def test_rating_of_an_unknown_agent_is_not_found(
    cases: ScoringCases, staff: dict[str, Member]
) -> None:
    with pytest.raises(NotFound):
        cases.rate(staff["wei"], "2026-11", "a-nobody", lambda: RATING)


# ----------------------------------------------------------------------------------- reading cards


@pytest.fixture
def scored(cases: ScoringCases) -> ScoringCases:
    for agent in ("a-mei", "a-jun", "a-tao"):
        _score(cases, agent)
    return cases


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        ("mei", ["a-mei"]),
        ("lin", ["a-jun", "a-mei"]),
        ("hua", ["a-tao"]),
        ("wei", ["a-jun", "a-mei", "a-tao"]),
    ],
)
def test_agents_see_their_own_card_supervisors_their_teams_and_managers_all(
    scored: ScoringCases, staff: dict[str, Member], who: str, seen: list[str]
) -> None:
    cards = scored.cards(staff[who], "2026-11")
    assert [card.scorecard.agent for card in cards] == seen
    for agent in ("a-jun", "a-mei", "a-tao"):
        if agent in seen:
            assert scored.card(staff[who], "2026-11", agent).scorecard.agent == agent
        else:
            with pytest.raises(NotFound):
                scored.card(staff[who], "2026-11", agent)


def test_list_of_cards_omits_the_evidence(
    scored: ScoringCases,
    solve: Callable[..., Ticket],
    staff: dict[str, Member],
) -> None:
    solve()
    _score(scored)
    (card,) = scored.cards(staff["mei"], "2026-11")
    assert sum(part.samples for part in card.scorecard.components) > 0
    assert all(part.evidence == () for part in card.scorecard.components)


def test_month_that_was_never_scored_has_no_cards(
    cases: ScoringCases, staff: dict[str, Member]
) -> None:
    assert cases.cards(staff["wei"], "2026-10") == []
    assert cases.cards(staff["mei"], "2026-10") == []
    with pytest.raises(NotFound):
        cases.card(staff["wei"], "2026-10", "a-mei")
    with pytest.raises(NotFound):
        cases.card(staff["lin"], "2026-11", "a-nobody")


# ----------------------------------------------------------------------------------------- running


@pytest.fixture
def machine(table: str) -> Any:
    """Creates an idle state machine for scores in moto. Gives a Step Functions client."""
    create_idle_machine("redress-scores")
    return boto3.client("stepfunctions")


def _executions(machine: Any) -> dict[str, dict[str, str]]:
    arn = staff_wiring.settings().scores_machine_arn
    found = machine.list_executions(stateMachineArn=arn)["executions"]
    return {
        entry["name"]: json.loads(
            machine.describe_execution(executionArn=entry["executionArn"])["input"]
        )
        for entry in found
    }


def test_run_requested_twice_with_one_key_starts_once(
    machine: Any, cases: ScoringCases, staff: dict[str, Member]
) -> None:
    first = cases.run(staff["lin"], "2026-11", "key-1")
    assert cases.run(staff["lin"], "2026-11", "key-1") == first
    assert first.execution.startswith("2026-11-")
    assert _executions(machine) == {first.execution: {"period": "2026-11"}}
    other = cases.run(staff["wei"], "previous", "key-1")
    assert other.period == "2026-10"
    assert set(_executions(machine)) == {first.execution, other.execution}


def test_repeated_request_does_not_restart_a_run_that_has_ended(
    cases: ScoringCases, staff: dict[str, Member], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = boto3.client("stepfunctions")

    def already_exists(**parameters: Any) -> None:
        raise client.exceptions.ExecutionAlreadyExists(
            {"Error": {"Code": "ExecutionAlreadyExists"}}, "StartExecution"
        )

    monkeypatch.setattr(client, "start_execution", already_exists)
    monkeypatch.setattr(cases, "_step_functions", lambda: client)
    assert cases.run(staff["lin"], "2026-11", "key-1").period == "2026-11"


def test_each_request_without_a_key_starts_a_run(
    machine: Any, cases: ScoringCases, staff: dict[str, Member]
) -> None:
    names = {cases.run(staff["lin"], "2026-11").execution for _ in range(2)}
    assert set(_executions(machine)) == names
    assert len(names) == 2


def test_agents_start_no_runs_and_nobody_starts_a_run_of_a_future_month(
    machine: Any, cases: ScoringCases, staff: dict[str, Member]
) -> None:
    with pytest.raises(Forbidden):
        cases.run(staff["mei"], "2026-11")
    with pytest.raises(InvalidInput):
        cases.run(staff["wei"], "2026-12")
    assert _executions(machine) == {}


# ------------------------------------------------------------------------------------- the function


@pytest.fixture
def scoring(load_function: Callable[[str], ModuleType]) -> ModuleType:
    return load_function("scoring")


def test_function_performs_each_task_of_the_state_machine(
    scoring: ModuleType, cases: ScoringCases, sample: Sample, context: Context
) -> None:
    assert scoring.handler(sample("scoring-list-agents"), context) == {
        "period": "2026-11",
        "preview": True,
        "plan_version": 1,
        "agents": ["a-jun", "a-mei", "a-tao"],
    }
    scored = scoring.handler(sample("scoring-score-agent"), context)
    assert scored == {"agent": "a-mei", "outcome": "stored"}
    assert scoring.handler(sample("scoring-finish"), context) == {
        "period": "2026-11",
        "agents": 3,
        "stored": 1,
        "unchanged": 1,
        "failed": 1,
    }


def test_function_answers_a_warm_up_event(
    scoring: ModuleType, table: str, context: Context
) -> None:
    assert scoring.handler({"warm": True}, context) == {"warm": True}


def test_unknown_task_raises_an_error(scoring: ModuleType, table: str, context: Context) -> None:
    with pytest.raises(Failed, match="ValueError"):
        scoring.handler({"task": "grade", "period": "2026-11"}, context)


# ------------------------------------------------------------------ facts after the last run


def _november_is_scored(
    solve: Callable[..., Ticket], clock: Clock, cases: ScoringCases
) -> list[Ticket]:
    tickets = [solve() for _ in range(3)]
    clock.moment = DECEMBER
    assert _score(cases) == "stored"
    return tickets


def test_fact_after_the_last_run_marks_the_card_as_stale_until_the_next_run(
    solve: Callable[..., Ticket], act: Act, clock: Clock, cases: ScoringCases
) -> None:
    first, second, _ = _november_is_scored(solve, clock, cases)
    assert cases.late_facts("2026-11", "a-mei") is None
    act(first, by_customer.dispute, CUSTOMER, "It leaks again.")
    since = clock.now()
    clock.advance(hours=1)
    act(second, by_customer.dispute, CUSTOMER, "So does this one.")

    stale = LateFacts(2, since, 2)
    assert cases.late_facts("2026-11", "a-mei") == stale
    assert cases.late_facts_of_all("2026-11") == {"a-mei": stale}
    assert cases.late_facts("2026-12", "a-mei") is None
    assert _score(cases) == "stored"
    assert cases.late_facts("2026-11", "a-mei") is None
    assert cases.late_facts_of_all("2026-11") == {}

    clock.advance(hours=1)
    act(second, by_customer.withdraw, "")
    assert _score(cases) == "unchanged"


def test_late_fact_does_not_change_the_stored_card(
    solve: Callable[..., Ticket],
    act: Act,
    clock: Clock,
    cases: ScoringCases,
    scores: ScoreStore,
) -> None:
    """A month changes only by a run, which keeps the former card."""
    first, *_ = _november_is_scored(solve, clock, cases)
    before = scores.card("a-mei", "2026-11")
    act(first, by_customer.dispute, CUSTOMER, "It leaks again.")
    assert scores.card("a-mei", "2026-11") == before


def test_fact_that_comes_during_a_run_keeps_the_card_stale(
    solve: Callable[..., Ticket],
    act: Act,
    clock: Clock,
    cases: ScoringCases,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second, _ = _november_is_scored(solve, clock, cases)
    act(first, by_customer.dispute, CUSTOMER, "It leaks again.")
    read = ScoreStore.facts
    left = [second]

    def facts_before_another_comes(self: ScoreStore, *about: str, consistent: bool = False) -> Any:
        assert consistent, "an eventually consistent read can lack a fact that is counted as late"
        found = read(self, *about, consistent=consistent)
        if left:
            act(left.pop(), by_customer.dispute, CUSTOMER, "So does this one.")
        return found

    monkeypatch.setattr(ScoreStore, "facts", facts_before_another_comes)
    assert _score(cases) == "stored"
    assert cases.late_facts("2026-11", "a-mei") is not None
    assert _score(cases) == "stored"
    assert cases.late_facts("2026-11", "a-mei") is None


def test_run_that_ends_after_another_does_not_clear_a_fact_that_came_between_them(
    solve: Callable[..., Ticket],
    act: Act,
    clock: Clock,
    cases: ScoringCases,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both runs saw one late fact. After the first has cleared it, the count is one again."""
    first, second, _ = _november_is_scored(solve, clock, cases)
    act(first, by_customer.dispute, CUSTOMER, "It leaks again.")
    clear, held = ScoreStore.clear_late_facts, list[Callable[[], None]]()
    with monkeypatch.context() as patch:
        patch.setattr(
            ScoreStore, "clear_late_facts", lambda *given: held.append(partial(clear, *given))
        )
        assert [_score(cases), _score(cases)] == ["stored", "unchanged"]
    one, other = held
    one()
    assert cases.late_facts("2026-11", "a-mei") is None
    act(second, by_customer.dispute, CUSTOMER, "So does this one.")
    other()
    assert cases.late_facts("2026-11", "a-mei") == LateFacts(1, clock.now(), 2)
    assert _score(cases) == "stored"
    assert cases.late_facts("2026-11", "a-mei") is None


def test_count_of_late_facts_from_before_it_had_a_sequence_is_cleared(
    solve: Callable[..., Ticket], clock: Clock, cases: ScoringCases
) -> None:
    _november_is_scored(solve, clock, cases)
    key = {"pk": keys.late_facts_pk("2026-11"), "sk": keys.agent_pk("a-mei")}
    boto3.resource("dynamodb").Table(TABLE).put_item(
        Item=key | {"late": 2, "since": clock.now().isoformat()}
    )
    assert cases.late_facts("2026-11", "a-mei") == LateFacts(2, clock.now(), 0)
    _score(cases)
    assert cases.late_facts("2026-11", "a-mei") is None


def test_rating_after_the_month_marks_its_card_as_stale(
    solve: Callable[..., Ticket], clock: Clock, cases: ScoringCases, staff: dict[str, Member]
) -> None:
    solve()
    cases.rate(staff["lin"], "2026-11", "a-mei", lambda: RATING)
    clock.moment = DECEMBER
    assert cases.late_facts("2026-11", "a-mei") is None
    cases.rate(staff["lin"], "2026-11", "a-mei", lambda: RATING | {"attitude": 1})
    assert cases.late_facts("2026-11", "a-mei") == LateFacts(1, clock.now(), 1)


def test_change_in_the_month_of_its_facts_writes_nothing_more(
    stores: Stores, solve: Callable[..., Ticket], clock: Clock, act: Act
) -> None:
    """So a ticket without incident takes as many write units as before."""
    ticket, models = solve(), Models("redress", REGION)
    plan = stores.plans.current()
    change = by_customer.dispute(ticket, plan, CUSTOMER, "It leaks.", clock.now())
    written = facts_module.also_written(models, [(change, clock.now())], None)
    assert [type(write.row).__name__ for write in written] == ["FactRow"]
    late = facts_module.also_written(models, [(change, DECEMBER)], None)
    assert [type(write.row).__name__ for write in late] == ["FactRow", "LateFactsRow"]


def test_preview_that_ends_after_the_month_replaces_no_final_card(
    solve: Callable[..., Ticket], clock: Clock, cases: ScoringCases, scores: ScoreStore
) -> None:
    """A run that began before the end of the month is overtaken by the run of the 1st."""
    solve()
    jobs = scoring_wiring.scoring_jobs()
    slow = jobs.list_agents("2026-11")
    assert slow.preview
    clock.moment = DECEMBER
    assert _score(cases) == "stored"
    jobs.finish("2026-11", False, 1, [AgentResult("a-mei", "stored")])
    final, summary = scores.card("a-mei", "2026-11"), scores.summary("2026-11")

    assert jobs.score_agent("a-mei", slow.period, True, slow.plan_version).outcome == "unchanged"
    jobs.finish(slow.period, True, slow.plan_version, [AgentResult("a-mei", "unchanged")])
    assert scores.card("a-mei", "2026-11") == final
    assert scores.summary("2026-11") == summary


# ------------------------------------------------------------------ runs that ended badly

Ends = Callable[..., dict[str, Any]]


@dataclass
class Told:
    messages: list[tuple[str, str]] = field(default_factory=list)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    found = Told()
    monkeypatch.setattr(clients, "publish", lambda topic, *message: found.messages.append(message))
    return found


@pytest.fixture
def ends(
    table: str, told: Told, load_function: Callable[[str], ModuleType], sample: Sample
) -> Ends:
    """Sends repair the event that a scoring run ended: `ends(name, input=..., status=...)`."""
    create_idle_machine("redress-scores")
    rewire()
    repair = load_function("repair")

    def send(name: str = "", **detail: Any) -> dict[str, Any]:
        event = sample("repair-scoring-ended")
        event["detail"] |= {"name": name or event["detail"]["name"], **detail}
        result: dict[str, Any] = repair.handler(event, Context())
        return result

    return send


def _started() -> dict[str, Any]:
    client = aws("stepfunctions")
    arn = staff_wiring.settings().scores_machine_arn
    executions = client.list_executions(stateMachineArn=arn)["executions"]
    return {
        one["name"]: json.loads(
            client.describe_execution(executionArn=one["executionArn"])["input"]
        )
        for one in executions
    }


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_scoring_run_that_ended_badly_is_started_again_for_its_month_and_told(
    ends: Ends, told: Told, status: str
) -> None:
    again = ends(status=status)["again"]
    assert _started() == {again: {"period": "2026-10", "wait": 900}}
    [(subject, text)] = told.messages
    assert subject == f"Redress: scoring 2026-10 {status}"
    assert again in text
    assert (ROOT / text.split("Runbook: ")[1].strip()).is_file()


def test_mail_about_a_scoring_run_ends_with_the_published_address_of_its_runbook(
    ends: Ends, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(monkeypatch, RUNBOOK_ADDRESS="https://redress.example/runbooks")
    ends()
    [(_, text)] = told.messages
    assert text.endswith("\nRunbook: https://redress.example/runbooks/scores.md\n")


def test_event_of_a_scoring_run_that_is_delivered_twice_starts_one_run(ends: Ends) -> None:
    assert ends() == ends()
    assert len(_started()) == 1


def test_scoring_run_is_started_again_twice_at_most(ends: Ends, told: Told) -> None:
    second = ends("2026-10-8c1f0a55d2e94b7a", input='{"period": "2026-10"}')["again"]
    third = ends(second, input='{"period": "2026-10", "wait": 900}')["again"]
    assert ends(third, input='{"period": "2026-10", "wait": 3600}') == {"again": None}
    assert _started() == {
        second: {"period": "2026-10", "wait": 900},
        third: {"period": "2026-10", "wait": 3600},
    }
    assert "Somebody must look" in told.messages[-1][1]


@pytest.mark.parametrize(
    ("name", "month"), [("2026-09-8c1f0a55d2e94b7a", "2026-09"), ("by-hand", "2026-10")]
)
def test_month_of_a_run_follows_from_its_name_or_beginning_if_the_event_has_no_input(
    ends: Ends, name: str, month: str
) -> None:
    assert _started() == {}
    again = ends(name, input=None)["again"]
    assert _started() == {again: {"period": month, "wait": 900}}


@pytest.mark.parametrize("month", ["2027-01", "November"])
def test_run_of_a_month_that_cannot_be_scored_is_told_and_not_started_again(
    ends: Ends, told: Told, month: str
) -> None:
    assert ends(input=json.dumps({"period": month})) == {"again": None}
    assert _started() == {}
    assert len(told.messages) == 1


def test_name_of_a_repeat_is_not_too_long_for_an_execution(ends: Ends) -> None:
    again = ends("2026-10-" + "x" * 72)["again"]
    assert len(again) == 80
