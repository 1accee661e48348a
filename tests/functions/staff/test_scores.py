"""Ratings, score runs and scorecards."""

from __future__ import annotations

import pytest

from redress.base.instants import written
from redress.wiring import staff as staff_wiring
from tests.builders import Clock
from tests.functions.staff.api import CHANGES, THIS_MONTH, Api, score
from tests.world import Opener, aws


def test_second_rating_replaces_the_first(api: Api, clock: Clock) -> None:
    first = api("rating", "lin")
    assert (first.status, first.body["by"], first.body["revision"]) == (200, "s-lin", 1)
    assert first.body["at"] == written(clock.now())
    again = api("rating", "lin", body={"attitude": 3.0, "knowledge": 3})
    assert (again.body["attitude"], again.body["comment"], again.body["revision"]) == (3, "", 2)


def test_rating_reports_all_wrong_fields_and_the_month_together(api: Api) -> None:
    body = {"attitude": 6, "knowledge": "good", "comment": 1, "mood": 5}
    found = api("rating", "lin", body=body, period="2027-01")
    assert found.status == 422
    assert found.pointers == {"/attitude", "/knowledge", "/comment", "/mood", "/period"}


@pytest.mark.parametrize(
    ("by", "agent", "status"),
    [("lin", "a-tao", 403), ("lin", "s-lin", 403), ("lin", "a-nobody", 404), ("wei", "a-tao", 200)],
)
def test_supervisors_rate_agents_of_their_own_team_only(
    api: Api, by: str, agent: str, status: int
) -> None:
    assert api("rating", by, agent=agent).status == status


def test_run_requested_twice_with_one_key_starts_once(api: Api, scores_machine: None) -> None:
    first, second = api("scorecards-run", "wei"), api("scorecards-run", "wei")
    assert first.status == second.status == 202
    assert first.body == second.body
    assert first.body["period"] == "2026-10"
    arn = staff_wiring.settings().scores_machine_arn
    executions = aws("stepfunctions").list_executions(stateMachineArn=arn)["executions"]
    assert [execution["name"] for execution in executions] == [first.body["execution"]]


@pytest.mark.parametrize("name", ["scorecards", "scorecard", "scorecards-run"])
@pytest.mark.parametrize("period", ["2026-13", "november", "2027-01"])
def test_malformed_or_future_month_is_refused(api: Api, name: str, period: str) -> None:
    found = api(name, "wei", period=period)
    assert (found.status, found.pointers) == (422, {"/period"})


def test_scorecard_lists_the_evidence_behind_each_component(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket(agent="a-mei")
    body = CHANGES["resolution"] | {"version": ticket.version}
    assert api("resolution", "mei", body=body, number=ticket.number).status == 200
    score("a-mei")
    found = api("scorecard", "mei", period=THIS_MONTH)
    assert found.status == 200
    assert found.body["preview"] is True
    parts = {part["name"]: part for part in found.body["components"]}
    assert {line["number"] for line in parts["lasting_resolution"]["evidence"]} == {ticket.number}
    assert {line["fact"] for line in parts["response_promises"]["evidence"]} == {
        "reaction",
        "first_response",
    }
    assert parts["supervisor_rating"]["reason"] == "not_rated"


def test_list_contains_the_scorecards_that_the_caller_may_see(api: Api) -> None:
    for agent in ("a-mei", "a-jun", "a-tao"):
        score(agent)
    seen = {}
    for by in ("mei", "lin", "wei"):
        found = api("scorecards", by, period=THIS_MONTH)
        assert found.status == 200
        seen[by] = [card["agent"] for card in found.body["cards"]]
        assert (found.body["last_run"] is None) == (by == "mei")
    assert seen == {
        "mei": ["a-mei"],
        "lin": ["a-jun", "a-mei"],
        "wei": ["a-jun", "a-mei", "a-tao"],
    }


def test_scorecard_that_the_caller_may_not_see_is_not_found(api: Api) -> None:
    score("a-jun")
    assert api("scorecard", "mei", period=THIS_MONTH, agent="a-jun").status == 404
    assert api("scorecard", "lin", period=THIS_MONTH, agent="a-jun").status == 200
    assert api("scorecard", "hua", period=THIS_MONTH, agent="a-jun").status == 404
