"""An agent's work list and a team's board."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from redress.base.instants import written
from tests.builders import Clock
from tests.functions.staff.api import Api, hold_mail
from tests.world import Opener


def test_work_list_shows_the_next_due_ticket_first(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    answered = open_ticket("complaint", agent="a-mei", language="en")
    reply = {"version": answered.version, "text": "We are on it."}
    assert api("reply", "mei", number=answered.number, body=reply).status == 200
    clock.advance(minutes=1)
    complaint = open_ticket("complaint", agent="a-mei")
    open_ticket("urgent", agent="a-jun")
    found = api("work", "mei", query={})
    assert [item["number"] for item in found.body["items"]] == [complaint.number, answered.number]
    assert found.body["next"] is None
    first = found.body["items"][0]
    assert first["due_at"] == written(clock.now() + timedelta(minutes=30))
    assert first["version"] == complaint.version


def test_pages_of_the_work_list_have_no_gaps_or_duplicates(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    expected = []
    for _ in range(5):
        expected.append(open_ticket("inquiry", agent="a-tao").number)
        clock.advance(seconds=1)
    seen: list[str] = []
    cursor = None
    for _ in range(4):
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        found = api("work", "tao", query=query)
        assert found.status == 200
        seen += [item["number"] for item in found.body["items"]]
        cursor = found.body["next"]
        if cursor is None:
            break
    assert seen == expected
    assert cursor is None


@pytest.mark.parametrize("limit", ["0", "26", "-1"])
def test_work_list_refuses_a_limit_out_of_range(api: Api, limit: str) -> None:
    assert api("work", query={"limit": limit}).pointers == {"/limit"}


@pytest.mark.parametrize(
    "cursor", ["nonsense", "!!", "TUVPVw==", "OTk5OSNSLU5PVC1BLU5VTUJFUg==", "é", "x" * 5_000]
)
def test_work_list_reports_a_wrong_limit_and_a_wrong_cursor_together(api: Api, cursor: str) -> None:
    found = api("work", query={"limit": "ten", "cursor": cursor})
    assert found.status == 422
    assert found.pointers == {"/limit", "/cursor"}


def test_resolved_tickets_leave_the_work_list(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket("inquiry", agent="a-tao")
    body = {"version": ticket.version, "text": "The lid is a spare part."}
    assert api("resolution", "tao", body=body, number=ticket.number).status == 200
    assert api("work", "tao", query={}).body["items"] == []


def test_board_shows_present_agents_and_promises_near_their_limit(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    near = open_ticket("complaint", agent="a-mei")
    clock.advance(minutes=16)
    open_ticket("complaint")
    api("presence", "jun", body={"presence": "away"})
    found = api("board", "lin")
    assert found.status == 200
    assert [(one["name"], one["load"]) for one in found.body["present"]] == [("mei", 1)]
    assert (found.body["queued"], found.body["open"]) == (1, 2)
    assert [
        (line["number"], line["clock"], line["overdue"]) for line in found.body["near_limit"]
    ] == [(near.number, "reaction", False)]
    clock.advance(minutes=15)
    found = api("board", "lin")
    assert [line["overdue"] for line in found.body["near_limit"]] == [True, False]


def near_limit(api: Api) -> list[tuple[str, bool]]:
    found = api("board", "wei", query={"team": "service"})
    return [(line["clock"], line["overdue"]) for line in found.body["near_limit"]]


def test_nearness_to_the_limit_is_measured_in_business_time(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    clock.moment = datetime(2026, 11, 27, 7, 30, tzinfo=UTC)  # Friday 15:30 in Shanghai
    open_ticket("inquiry", agent="a-tao")  # 8 h of office time: until Monday 15:30
    clock.advance(hours=2, minutes=29)
    assert near_limit(api) == []
    clock.moment = datetime(2026, 11, 29, 16, 0, tzinfo=UTC)
    assert near_limit(api) == [], (
        "the weekend counts no office hours: 2 h 30 min of 8 h are used up"
    )
    clock.moment = datetime(2026, 11, 30, 2, 29, tzinfo=UTC)
    assert near_limit(api) == []
    clock.moment = datetime(2026, 11, 30, 2, 30, tzinfo=UTC)
    assert near_limit(api) == [("first_response", False)], "4 h of 8 h are used up"
    clock.moment = datetime(2026, 11, 30, 7, 31, tzinfo=UTC)
    assert near_limit(api) == [("first_response", True)]


def test_promise_near_its_limit_at_closing_time_stays_on_the_board_at_night(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    clock.moment = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)  # Monday 13:00 in Shanghai
    open_ticket("inquiry", agent="a-tao")
    clock.moment = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)  # closing time, 5 of 8 h are used up
    assert near_limit(api) == [("first_response", False)]
    clock.advance(hours=12)
    assert near_limit(api) == [("first_response", False)]


def test_board_shows_an_own_word_near_its_limit(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    number = open_ticket("service_request", agent="a-tao").number
    version = api("reply", "tao", number=number, body={"version": 2, "text": "We look"}).body[
        "version"
    ]
    due = (clock.now() + timedelta(hours=2)).isoformat()
    body = {"version": version, "by": due, "text": "By eleven"}
    assert api("promise", "tao", number=number, body=body).status == 200
    clock.advance(hours=1)
    assert near_limit(api) == [("own_word", False)]
    clock.advance(days=2)
    assert near_limit(api)[0] == ("own_word", True)


def test_only_managers_see_the_board_of_another_team(api: Api) -> None:
    assert api("board", "lin", query={"team": "service"}).status == 403
    assert api("board", "wei", query={"team": "service"}).body["team"] == "service"


def test_board_shows_the_callers_team_by_default(api: Api) -> None:
    assert api("board", "hua", query={}).body["team"] == "service"


def test_board_shows_the_held_mail_of_the_team_and_its_promise(api: Api, clock: Clock) -> None:
    nothing = {"unseen": 0, "promised": 0, "oldest_at": None, "due_at": None, "overdue": False}
    assert api("board", "lin").body["held_mail"] == nothing
    hold_mail(1, clock)
    clock.advance(hours=1)
    hold_mail(2, clock, reason="spam")
    hold_mail(3, clock, seen_at=clock.now(), seen_by="s-lin")
    hold_mail(4, clock)
    hold_mail(5, clock, team="service")
    found = api("board", "lin").body["held_mail"]
    assert found == {
        "unseen": 2,
        "promised": 3,
        "oldest_at": "2026-11-23T01:00:01.000Z",
        "due_at": "2026-11-23T06:00:01.000Z",
        "overdue": False,
    }
    clock.advance(hours=5)
    assert api("board", "lin").body["held_mail"]["overdue"]
    assert api("board", "hua", query={}).body["held_mail"]["unseen"] == 1
    api("held-mail", "lin", id=f"{1:040x}")
    assert api("board", "lin").body["held_mail"]["oldest_at"] == "2026-11-23T02:00:04.000Z"
