"""Promises on the deployed stack: they pause, resume, are recomputed, and fire on time.

The plan is paced (an hour passes in a second), so promises are seconds long. Every time is read
back through the staff API; no rung may be more than 5 s late.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local import stack, story
from local.endpoints import Receipt, Staff, act_on_page, submit_by_json, wait_for
from local.stack import Outputs
from local.story import World
from redress.plans.rules.document import parse
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import shipped_document
from tests.local.living import asleep, opened

BOUND = timedelta(seconds=story.TIMER_BOUND_S)
MILLISECOND = timedelta(milliseconds=1)


def submission(kind: str, name: str) -> dict[str, Any]:
    return story.body(
        kind, "en", name, f"Matter of {name}", "It broke.", email=f"{name}@customer.example"
    )


def at(moment: str) -> datetime:
    return datetime.fromisoformat(moment)


def clock(world: World, number: str, name: str) -> dict[str, Any]:
    """One clock of a ticket, explained by the API."""
    found = world.manager.get(f"/tickets/{number}/clocks?language=en")["clocks"]
    [one] = [one for one in found if one["clock"] == name and one["current"]]
    return dict(one)


def happened(world: World, number: str, kind: str) -> list[datetime]:
    """The times of a ticket's events of one kind."""
    timeline = world.manager.read(number)["timeline"]
    return [at(event["at"]) for event in timeline if event["type"] == kind]


def assert_in_time(world: World, number: str) -> None:
    """Asserts that no rung fired early or more than BOUND late."""
    for event in world.manager.read(number)["timeline"]:
        if event["type"] == "rung_fired":
            late = at(event["at"]) - at(event["data"]["due_at"])
            assert timedelta() <= late <= BOUND, event


def rung_of(world: World, number: str, name: str, action: str) -> dict[str, Any]:
    def there() -> dict[str, Any] | None:
        fired = clock(world, number, name)["rungs_fired"]
        return next((dict(rung) for rung in fired if rung["action"] == action), None)

    return wait_for(there, f"{number}: {name}: {action} has fired", 60)


def begun(world: World, kind: str, name: str) -> tuple[Receipt, Staff]:
    receipt = submit_by_json(world.base_url, submission(kind, name))
    agent = story.agent_of(world, receipt.number)
    story.acknowledged(world, receipt.number)
    return receipt, agent


def test_waiting_for_the_customer_postpones_every_rung_by_the_time_waited(world: World) -> None:
    receipt, agent = begun(world, "complaint", "paused")
    number = receipt.number
    before = clock(world, number, "resolution")
    agent.change(number, "replies", text="Which model?", wait_for_customer=True)
    paused = clock(world, number, "resolution")
    assert (paused["state"], paused["entries"][-1]["what"]) == ("paused", "paused")
    assert all(rung["due_at"] is None for rung in paused["rungs_to_come"])
    time.sleep(6)
    act_on_page(receipt, "write", {"words": "The red one."})
    [replied_at], [wrote] = (
        happened(world, number, kind) for kind in ("replied", "customer_wrote")
    )
    resumed = clock(world, number, "resolution")
    assert resumed["state"] == "running"
    moved = at(resumed["due_at"]) - at(before["due_at"])
    assert abs(moved - (wrote - replied_at)) <= MILLISECOND
    half = rung_of(world, number, "resolution", "remind")
    assert abs(at(half["due_at"]) - (at(before["rungs_to_come"][0]["due_at"]) + moved)) < BOUND
    assert_in_time(world, number)
    agent.change(number, "resolution", text="It is repaired.", **story.solved("complaint"))
    kept = clock(world, number, "resolution")
    assert kept["state"] == "kept"
    assert kept["paused_s"] == pytest.approx((wrote - replied_at).total_seconds(), abs=0.002)
    assert "while waiting for the customer" in kept["sentence"]


def test_hold_pauses_the_clock_except_while_a_customer_message_is_unanswered(world: World) -> None:
    receipt, agent = begun(world, "service_request", "held")
    number = receipt.number
    agent.change(number, "replies", text="We begin.")
    agent.change(number, "hold", reason="part", text="A part is on its way.")
    assert clock(world, number, "resolution")["state"] == "paused"
    time.sleep(2)
    act_on_page(receipt, "write", {"words": "When does it come?"})
    assert clock(world, number, "resolution")["state"] == "running"
    assert clock(world, number, "next_reply")["state"] == "running"
    time.sleep(1)
    agent.change(number, "replies", text="In a moment.")
    assert clock(world, number, "resolution")["state"] == "paused"
    time.sleep(2)
    agent.change(number, "release")
    [held] = happened(world, number, "held")
    [wrote] = happened(world, number, "customer_wrote")
    replied = happened(world, number, "replied")[-1]
    [released] = happened(world, number, "released")
    resolution = clock(world, number, "resolution")
    assert resolution["state"] == "running"
    paused = (wrote - held) + (released - replied)
    assert resolution["paused_s"] == pytest.approx(paused.total_seconds(), abs=0.002)
    assert_in_time(world, number)


def test_corrected_kind_makes_the_workflow_act_at_the_new_due_times(
    world: World, deployed: Outputs
) -> None:
    """A complaint turns out to be urgent and is then overdue: the breach fires at once, once."""
    receipt, agent = begun(world, "complaint", "replanned")
    number = receipt.number
    wait_for(lambda: clock(world, number, "first_response")["elapsed_s"] > 6, "six seconds", 20)
    asked = datetime.now(UTC)
    agent.change(number, "classification", kind="urgent", reason="It smokes.")
    breach = rung_of(world, number, "first_response", "breach")
    story_now = clock(world, number, "first_response")
    assert [entry["what"] for entry in story_now["entries"]] == ["begun", "replanned"]
    assert at(story_now["due_at"]) == at(breach["due_at"]) < asked
    assert timedelta() < at(breach["fired_at"]) - asked < BOUND
    agent.change(number, "classification", kind="complaint", reason="It only looked so.")
    agent.change(number, "classification", kind="urgent", reason="It burns.")
    asleep(deployed, number)
    fired = clock(world, number, "first_response")["rungs_fired"]
    assert [rung["action"] for rung in fired].count("breach") == 1


def test_agents_own_promise_is_breached_at_the_promised_time(world: World) -> None:
    receipt, agent = begun(world, "complaint", "promised")
    number = receipt.number
    by = (datetime.now(UTC) + timedelta(seconds=8)).isoformat(timespec="seconds")
    agent.change(number, "promise", by=by, text="You hear from me.")
    breach = rung_of(world, number, "own_word", "breach")
    assert at(breach["due_at"]) == at(by)
    assert_in_time(world, number)
    agent.change(number, "replies", text="I am late.")
    assert clock(world, number, "own_word")["state"] == "missed"


def test_moving_a_ticket_to_another_plan_wakes_its_workflow(
    world: World, deployed: Outputs
) -> None:
    number = opened(world, "moved").number
    asleep(deployed, number)
    document = world.manager.get("/plan")
    version = document["version"] + 1
    document["levels"]["complaint"]["promises"]["first_response"]["within"] = "9s"
    published = dict(document, version=version, note="Answers sooner", effective_from=None)
    world.manager.send("POST", "/plans", published)
    time.sleep(6)  # a function may use the plan that it has read for 5 s
    world.manager.change(number, "plan", plan_version=version, reason="Answers sooner")
    first = clock(world, number, "first_response")
    assert first["target_s"] == 9
    assert first["entries"][-1]["what"] == "replanned"
    rung_of(world, number, "first_response", "breach")
    assert world.manager.read(number)["plan_version"] == version


@pytest.fixture
def office(world: World, deployed: Outputs) -> Iterator[Plan]:
    """Publishes plan 1 as it ships, with office hours, for one test."""
    version = world.manager.get("/plan")["version"] + 1
    document = shipped_document() | {"version": version}
    world.manager.send("POST", "/plans", document)
    time.sleep(6)
    yield parse(document)
    stack.publish_pace(deployed, 3600)
    time.sleep(6)


def test_business_time_and_quiet_hours_apply_on_the_deployed_stack(
    world: World, deployed: Outputs, office: Plan
) -> None:
    """Checks due times across nights and weekends, and the workflow's next waking time."""
    receipt = submit_by_json(world.base_url, submission("inquiry", "office"))
    story.acknowledged(world, receipt.number)
    first = clock(world, receipt.number, "first_response")
    begun = at(first["started_at"])
    hours = office.calendar("office")
    assert first["calendar"]["name"] == "office"
    assert at(first["due_at"]) == hours.add(begun, first["target_s"])
    for rung in first["rungs_to_come"]:
        falls = hours.add(begun, rung["at_s"])
        assert at(rung["due_at"]) >= falls - MILLISECOND
    sleeping = asleep(deployed, receipt.number)
    wake = datetime.fromtimestamp(int(sleeping["next_wake_ms"]) / 1000, UTC)
    stories = world.manager.get(f"/tickets/{receipt.number}/clocks")["clocks"]
    earliest = min(
        at(rung["due_at"])
        for one in stories
        if one["state"] == "running"
        for rung in one["rungs_to_come"]
    )
    assert abs(wake - earliest) <= MILLISECOND
    assert office.notice_hours is not None
    assert office.notice_hours.next_open(wake) == wake, "nobody is disturbed by a reminder at night"
