"""An agent's work list and a team's board."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from redress.base.instants import written
from redress.base.people import Actor, Role
from redress.plans.rules.plan import Plan
from redress.staff.cases import board as board_case
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_call, by_staff
from redress.tickets.rules.ticket import Ticket
from tests.builders import BY_PHONE, LIN, MEI, Clock, a_call
from tests.functions.conftest import MEMBERS
from tests.functions.staff.api import Api, hold_mail
from tests.world import Act, Opener, Stores


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


def test_work_list_has_a_next_page_only_if_its_reader_sees_a_line_of_it(
    api: Api, open_ticket: Opener, clock: Clock, act: Act
) -> None:
    """The cursor has the number of a ticket. An agent keeps the phone callback of a complaint that
    turns out to be about them."""
    opened = []
    for _ in range(4):
        opened.append(open_ticket(agent="a-mei", contact=BY_PHONE))
        act(opened[-1], by_staff.resolve, MEI, "Replaced", "upheld", "a new one", "a bad batch")
        clock.advance(seconds=1)
    for ticket in (opened[0], opened[2], opened[3]):
        act(ticket, by_staff.set_about, LIN, ("a-mei",), "named in it")
    for limit in ("1", "2"):
        found = api("work", "mei", query={"limit": limit}).body
        assert [item["number"] for item in found["items"]] == [opened[1].number]
        assert found["next"] is None


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


def board(api: Api, by: str = "lin", team: str = "complaints") -> dict[str, Any]:
    found = api("board", by, query={"team": team})
    assert found.status == 200, found.body
    shown: dict[str, Any] = found.body
    return shown


def test_board_shows_every_agent_of_the_team_with_presence_load_and_what_waits_for_them(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    ticket = open_ticket("complaint", agent="a-mei", offered=True)
    api("presence", "jun", body={"presence": "offline"})
    clock.advance(minutes=3)
    shown = board(api)
    assert [
        (one["name"], one["presence"], one["load"], one["capacity"], one["unaccepted"])
        for one in shown["members"]
    ] == [("jun", "offline", 0, 2, 0), ("mei", "available", 1, 2, 1)]
    assert [one["since"] for one in shown["members"]] == ["2026-11-23T01:00:00.000Z"] * 2
    assert not shown["more_members"]
    [waits] = shown["unaccepted"]
    assert (waits["number"], waits["assignee"], waits["unaccepted_since"]) == (
        ticket.number,
        "a-mei",
        "2026-11-23T01:00:00.000Z",
    )
    assert api("accepting", "mei", number=ticket.number, body={"version": 2}).status == 200
    accepted = board(api)
    assert accepted["unaccepted"] == []
    assert [one["unaccepted"] for one in accepted["members"]] == [0, 0]


def test_board_shows_an_agent_as_present_who_is_full_and_was_withdrawn_from_the_ring(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    """A peak is when the supervisor looks at the board, and when large teams have full agents."""
    stores.staff.listed()
    for _ in range(MEMBERS["mei"].capacity):
        open_ticket("complaint", agent="a-mei")
    assert stores.staff.withdraw(stores.staff.availability("a-mei"))
    assert [one["name"] for one in board(api)["present"]] == ["jun", "mei"]


def test_board_reads_no_more_agents_than_it_shows(
    api: Api, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores.staff.listed()
    monkeypatch.setattr(board_case, "MEMBER_LIMIT", 1)
    shown = board(api)
    assert ([one["name"] for one in shown["present"]], shown["more_members"]) == (["jun"], True)


def plans_shifts(api: Api, *lines: str) -> None:
    table = "\n".join(("agent,date,begin,end,zone,breaks,position", *lines))
    assert api("shift-plan", "lin", body={"csv": table}).status == 200


def test_board_shows_the_shift_of_an_agent_who_does_not_come(api: Api, clock: Clock) -> None:
    """What routing knows of shifts ends a day and a half after the last presence or import."""
    days = ("2026-11-23", "2026-11-26")
    plans_shifts(api, *(f"a-mei,{day},09:00,18:00,Asia/Shanghai,," for day in days))
    api("presence", "mei", body={"presence": "offline"})
    clock.advance(days=3, hours=3)
    shown = {one["name"]: (one["online_s"], one["shift_s"]) for one in board(api)["members"]}
    assert shown["mei"] == (0, 3 * 3600)
    assert shown["jun"][1] is None, "no shifts are planned"


def test_board_counts_every_part_of_a_split_shift(api: Api, clock: Clock) -> None:
    shifts = ("05:00,07:00", "18:00,22:00")
    plans_shifts(api, *(f"a-mei,2026-11-23,{one},Asia/Shanghai,," for one in shifts))
    clock.moment = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # 20:00
    api("presence", "mei", body={"presence": "available"})
    [shift] = [one["shift_s"] for one in board(api)["members"] if one["name"] == "mei"]
    assert shift == 4 * 3600


def test_board_shows_the_time_online_today_beside_the_shift(api: Api, clock: Clock) -> None:
    api("presence", "mei", body={"presence": "available"})
    clock.advance(hours=2)
    api("presence", "mei", body={"presence": "busy"})
    clock.advance(hours=1)
    api("presence", "mei", body={"presence": "away"})
    clock.advance(hours=1)
    plans_shifts(api, "a-mei,2026-11-23,08:30,17:00,Asia/Shanghai,,")
    api("presence", "mei", body={"presence": "available"})
    clock.advance(minutes=30)
    lines = {one["name"]: (one["online_s"], one["shift_s"]) for one in board(api)["members"]}
    assert lines["mei"] == (3.5 * 3600, 5 * 3600)
    clock.advance(hours=12)  # the next day in Shanghai
    assert {one["name"]: one["online_s"] for one in board(api)["members"]}["mei"] == 1.5 * 3600


def test_board_says_since_when_the_oldest_ticket_of_the_queue_waits(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    assert board(api)["queued_since"] is None
    open_ticket("complaint")
    clock.advance(minutes=10)
    open_ticket("urgent")  # it is due first
    assert board(api)["queued_since"] == "2026-11-23T01:00:00.000Z"


def test_board_shows_how_fast_customers_of_today_got_an_answer(
    api: Api, open_ticket: Opener, clock: Clock, act: Act
) -> None:
    clock.moment = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)  # 23:00 of the day before
    yesterday = open_ticket("complaint", agent="a-mei")
    clock.moment = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
    nothing = board(api)["first_responses_today"]
    assert nothing == {
        "answered": 0,
        "median_s": None,
        "ninety_s": None,
        "waiting": 0,
        "waiting_since": None,
        "complete": True,
    }
    act(yesterday, by_staff.reply, MEI, "We are on it.", False)
    for minutes in (1, 2, 3, 4, 40):
        begun = clock.moment
        ticket = open_ticket("complaint")
        clock.advance(minutes=minutes)
        act(ticket, by_staff.reply, MEI, "We are on it.", False)
        clock.moment = begun
    clock.advance(hours=1)
    waiting = open_ticket("complaint")
    open_ticket("inquiry")  # a ticket of the team service
    clock.advance(hours=1)
    assert board(api)["first_responses_today"] == {
        "answered": 5,
        "median_s": 180,
        "ninety_s": 2400,
        "waiting": 1,
        "waiting_since": written(waiting.created_at),
        "complete": True,
    }


def test_board_shows_how_long_agents_talked_against_the_target(
    api: Api, open_ticket: Opener, clock: Clock, act: Act
) -> None:
    assert board(api)["talks_today"] == {"calls": 0, "median_s": None, "over_target": 0}
    by = Actor(Role.MACHINE, "hotline")
    numbers = []
    for held in (None, 30, None):
        ticket = open_ticket("complaint")
        numbers.append(ticket.number)
        act(ticket, _talked, by, held)
    clock.advance(minutes=1)
    assert board(api)["talks_today"] == {"calls": 3, "median_s": 200, "over_target": 2}
    flags = []
    for number in numbers:
        event = api("ticket", "lin", number=number).body["timeline"][-1]
        assert (event["type"], event["data"]["talk_target_s"]) == ("call_recorded", 180)
        flags.append((event["data"]["seconds"]["talk"], event["data"]["over_talk_target"]))
    assert flags == [(200, True), (170, False), (200, True)]


def _talked(ticket: Ticket, plan: Plan, by: Actor, held: float | None, at: datetime) -> Change:
    """An agent talked for 200 s in a call, without the time on hold."""
    call = a_call(at, answered=at - timedelta(seconds=200), left_menu=None, hold_s=held)
    return by_call.record(ticket, plan, call, "hotline", by, at)


def test_board_shows_nothing_of_a_ticket_that_is_about_its_reader(
    api: Api, open_ticket: Opener, act: Act, clock: Clock
) -> None:
    """Story 8: no number, no time and no load of the board tells that there is such a ticket."""
    open_ticket("complaint", agent="a-jun")
    before = board(api), board(api, "wei")
    assigned = open_ticket("complaint", agent="a-mei")
    clock.moment = assigned.created_at
    queued = open_ticket("complaint")
    assert board(api) != before[0]
    for ticket in (assigned, queued):
        act(ticket, by_staff.set_about, MEMBERS["wei"].actor, ["s-lin"], "named")
    assert board(api) == before[0]
    assert board(api, "wei") != before[1]


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
