"""Rehearse a draft plan and move open tickets to it, on the deployed stack."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from local import stack
from local.endpoints import wait_for
from local.stack import Outputs
from local.story import World
from tests.local.living import opened

HOUR = timedelta(hours=1)
CACHE_S = 6
"""Longer than a function keeps a plan that it has read (5 s)."""
PATIENCE_S = 120
"""How long to wait for a job. It takes about twenty invocations, and each may be a cold start."""


@pytest.fixture
def draft(world: World, deployed: Outputs) -> dict[str, Any]:
    """The shipped plan, not scaled, but with 12 instead of 24 h for the response to complaints."""
    stack.publish_pace(deployed, 1)
    time.sleep(CACHE_S)
    document: dict[str, Any] = world.manager.get("/plan")
    document |= {"version": document["version"] + 1, "note": "Complaints are answered in 12 h"}
    document["levels"]["complaint"]["promises"]["first_response"]["within"] = "12h"
    return document


def done(world: World, begun: dict[str, Any]) -> dict[str, Any]:
    """Waits until a job ends, and checks that it succeeded. Returns the job with its report."""

    def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = world.manager.get(f"/rehearsals/{begun['id']}")
        return found if found["state"] in ("done", "failed") else None

    found = wait_for(ended, f"{begun['kind']} {begun['id']} has ended", PATIENCE_S)
    assert (found["state"], found["fault"]) == ("done", None)
    # Tickets of other tests may close after they are listed. A job does not process those.
    assert 3 <= found["progress"]["done"] <= found["progress"]["listed"]
    return found


def due_earlier(found: dict[str, Any], clock: str) -> int:
    """The number of promises of this clock that the plan makes due earlier, from the report."""
    (promise,) = (one for one in found["report"]["together"]["promises"] if one["clock"] == clock)
    return int(promise["due_earlier"]["promises"])


def first_response(world: World, number: str) -> dict[str, Any]:
    (story,) = (
        story
        for story in world.manager.get(f"/tickets/{number}/clocks?language=en")["clocks"]
        if story["clock"] == "first_response" and story["current"]
    )
    return dict(story)


def test_draft_is_rehearsed_published_and_tickets_move_to_it(
    world: World, draft: dict[str, Any]
) -> None:
    manager = world.manager
    numbers = [opened(world, f"rehearsed-{index}").number for index in range(3)]
    before = {number: first_response(world, number) for number in numbers}
    month = datetime.now(ZoneInfo(draft["time_zone"])).strftime("%Y-%m")

    begun = manager.send("POST", "/rehearsals", {"plan": draft, "period": month})
    rehearsed = done(world, begun)
    assert due_earlier(rehearsed, "first_response") >= 3
    assert first_response(world, numbers[0])["due_at"] == before[numbers[0]]["due_at"]
    table = manager.call("GET", f"/rehearsals/{begun['id']}?format=csv")
    assert table.status == 200
    assert table.text.startswith("kind,team,clock,measure,real,draft")

    version = manager.send("POST", "/plans", draft)["version"]
    time.sleep(CACHE_S)
    dry_run = done(world, manager.send("POST", f"/plans/{version}/moves", {}))
    assert due_earlier(dry_run, "first_response") >= 3
    assert manager.read(numbers[0])["plan_version"] == version - 1, "a dry run writes nothing"

    apply = {"apply": True, "dry_run": dry_run["id"], "reason": "Answers within 12 hours"}
    done(world, manager.send("POST", f"/plans/{version}/moves", apply))
    for number in numbers:
        assert manager.read(number)["plan_version"] == version
        moved = first_response(world, number)
        due, was = (datetime.fromisoformat(one["due_at"]) for one in (moved, before[number]))
        assert was - due == 12 * HOUR
        entry = moved["entries"][-1]
        assert (entry["what"], entry["event"]["type"]) == ("replanned", "plan_changed")
        assert entry["why"] == "Answers within 12 hours"
