"""Tests of moving a ticket to another plan, and of the report about such a move."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from redress.clocks.rules.clocks import ClockName, ClockState
from redress.plans.rules.document import parse
from redress.plans.rules.plan import Plan
from redress.rehearsals.rules import counting
from redress.rehearsals.rules.counting import Counts
from redress.tickets.rules import ticket
from tests.builders import BY_MAIL, BY_PHONE, START, Clock, Life, plan_document


def plan_2(change: Callable[[dict[str, Any]], None]) -> Plan:
    document = plan_document()
    document["version"] = 2
    change(document)
    return parse(document)


def without_office(document: dict[str, Any]) -> None:
    """Calendar time for everybody: the calendar itself is gone."""
    del document["calendars"]["office"]
    document["mail"]["held"]["calendar"] = "always"
    for holder in (*document["levels"].values(), *document["overrides"]):
        for promise in holder["promises"].values():
            if promise.get("calendar") == "office":
                promise["calendar"] = "always"


# ------------------------------------------------- names of the old plan that the new one lacks


def test_a_ticket_can_be_closed_after_a_move_to_a_plan_without_office_hours(life: Life) -> None:
    life.open("inquiry").acknowledge().wait(hours=1).reply().move_to(plan_2(without_office))
    life.resolve().confirm().answer_survey()
    assert life.ticket.closure == "confirmed"
    assert life.folded == life.ticket


def test_a_move_cancels_a_clock_whose_promise_is_gone(life: Life) -> None:
    def no_next_reply(document: dict[str, Any]) -> None:
        without_office(document)
        del document["levels"]["inquiry"]["promises"]["next_reply"]

    life.open("inquiry").acknowledge().wait(hours=1).reply().wait(hours=1).write()
    life.move_to(plan_2(no_next_reply))
    assert life.ticket.clocks[ClockName.NEXT_REPLY].state is ClockState.CANCELLED


def test_an_agents_own_promise_gets_a_ladder_of_the_new_plan(life: Life) -> None:
    def other_ladder(document: dict[str, Any]) -> None:
        document["own_word"] = {"ladder": "gentle"}
        document["ladders"]["gentle"] = document["ladders"]["courtesy"]

    first = plan_2(other_ladder)
    life.plan = first
    life.open().acknowledge().wait(hours=1).promise(hours=8)
    due = life.ticket.clocks[ClockName.OWN_WORD].due_at
    life.move_to(plan_2(lambda document: document.update(version=3)))
    word = life.ticket.clocks[ClockName.OWN_WORD]
    assert (word.ladder, word.due_at) == ("promise", due)
    assert ticket.next_wake(life.ticket, life.plan) is not None


# ------------------------------------------------------------------------- the report of a move


def moved(life: Life, plan: Plan) -> dict[str, Any]:
    """The report of moving this one ticket."""
    life.move_to(plan)
    counts = Counts()
    counting.add_move(counts, life.last)
    found: dict[str, Any] = counting.move_report(counts)["together"]
    return found


def line(report: dict[str, Any], clock: str) -> dict[str, Any]:
    [found] = [line for line in report["promises"] if line["clock"] == clock]
    return dict(found)


def test_the_report_says_how_far_each_deadline_moves(life: Life) -> None:
    def shorter(document: dict[str, Any]) -> None:
        promises = document["levels"]["complaint"]["promises"]
        promises["first_response"]["within"] = "12h"
        promises["resolution"]["within"] = "72h"

    life.open().acknowledge().wait(hours=1)
    report = moved(life, plan_2(shorter))
    assert (report["tickets"], report["moved"], report["deadlines_changed"]) == (1, 1, 1)
    assert report["overdue_at_once"] == 0
    hours = 3600
    assert line(report, "first_response")["due_earlier"] == {
        "promises": 1,
        "mean_s": 12 * hours,
        "median_at_most_s": 12 * hours,
        "p90_at_most_s": 12 * hours,
    }
    assert line(report, "resolution")["due_later"]["mean_s"] == 24 * hours
    assert [found["clock"] for found in report["promises"]] == ["first_response", "resolution"]


def test_the_report_counts_promises_that_the_move_makes_overdue(life: Life) -> None:
    def much_shorter(document: dict[str, Any]) -> None:
        document["levels"]["complaint"]["promises"]["first_response"]["within"] = "2h"

    life.open().acknowledge().tell_progress().wait(hours=3)
    report = moved(life, plan_2(much_shorter))
    assert report["overdue_at_once"] == 1
    assert line(report, "first_response")["overdue_at_once"] == 1
    assert line(report, "first_response")["overdue_examples"] == [life.ticket.number]


def test_the_report_does_not_count_promises_that_were_overdue_before(life: Life) -> None:
    def shorter(document: dict[str, Any]) -> None:
        document["levels"]["complaint"]["promises"]["first_response"]["within"] = "12h"

    life.open().acknowledge().sleep_through(START + timedelta(hours=25))
    assert moved(life, plan_2(shorter))["overdue_at_once"] == 0


@pytest.mark.parametrize("hours", [9.5, 14, 20])
def test_a_due_time_at_closing_time_stays_at_closing_time(life: Life, hours: float) -> None:
    """Eight office hours from nine in the morning end at six, whenever the move is computed."""
    life.open("inquiry").acknowledge().sleep_through(START + timedelta(hours=hours))
    due = life.ticket.clocks[ClockName.FIRST_RESPONSE].due_at
    assert due == START + timedelta(hours=9)
    report = moved(life, plan_2(lambda document: None))
    assert report["deadlines_changed"] == 0
    assert life.ticket.clocks[ClockName.FIRST_RESPONSE].due_at == due


def test_the_report_counts_new_and_removed_promises(life: Life) -> None:
    def others(document: dict[str, Any]) -> None:
        promises = document["levels"]["complaint"]["promises"]
        del promises["reaction"]
        document["levels"]["inquiry"]["promises"]["reaction"] = {"within": "1h"}

    report = moved(life.open().acknowledge(), plan_2(others))
    assert line(report, "reaction")["no_longer_promised"] == 1
    report = moved(Life(life.clock).open("inquiry").acknowledge(), plan_2(others))
    assert line(report, "reaction")["newly_promised"] == 1


def test_the_report_counts_the_solved_tickets_that_the_move_closes(life: Life) -> None:
    def asks_nothing(document: dict[str, Any]) -> None:
        for name in ("callback", "survey"):
            del document["levels"]["complaint"]["promises"][name]

    report = moved(life.open().acknowledge().resolve(), plan_2(asks_nothing))
    assert (report["moved"], report["closed_by_it"]) == (1, 1)
    assert line(report, "callback")["no_longer_promised"] == 1
    assert moved(Life(life.clock).open().acknowledge(), plan_2(asks_nothing))["closed_by_it"] == 0


def test_a_plan_with_the_same_promises_moves_no_deadline(life: Life) -> None:
    report = moved(life.open().acknowledge().wait(hours=1), plan_2(lambda document: None))
    assert (report["moved"], report["deadlines_changed"], report["promises"]) == (1, 0, [])


@pytest.mark.parametrize("fields", [{}, {"contact": BY_PHONE}])
def test_a_callback_by_mail_is_never_overdue(life: Life, fields: dict[str, Any]) -> None:
    """A callback by mail waits for the customer; a callback by phone is a task for staff."""

    def shorter(document: dict[str, Any]) -> None:
        document["levels"]["complaint"]["promises"]["callback"]["within"] = "1h"

    life.open(**fields).acknowledge().resolve().wait(hours=2)
    assert moved(life, plan_2(shorter))["overdue_at_once"] == len(fields)


# ----------------------------------------------------- promises that the customer was told


def slower(document: dict[str, Any]) -> None:
    document["levels"]["complaint"]["promises"]["resolution"]["within"] = "72h"


def later(life: Life) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = life.last.events[0].data.get("lengthened", [])
    return found


def test_a_move_names_promises_that_become_later_than_the_customer_was_told(life: Life) -> None:
    life.open("complaint").acknowledge().wait(hours=1)
    before = life.ticket.clocks[ClockName.RESOLUTION].due_at
    life.move_to(plan_2(slower))
    after = life.ticket.clocks[ClockName.RESOLUTION].due_at
    assert after - before == timedelta(hours=24)
    assert later(life) == [
        {"clock": "resolution", "before": before.isoformat(), "after": after.isoformat()}
    ]
    assert life.last.events[0].data["to"] == "li.na@example.com"
    assert life.folded == life.ticket


def asked(life: Life) -> Life:
    return life.open("complaint").acknowledge().assign().reply(wait_for_customer=True)


def on_hold(life: Life) -> Life:
    return life.open("service_request").acknowledge().assign().reply().hold("part")


def test_a_move_names_a_paused_promise_that_becomes_later(life: Life) -> None:
    """The customer was told when it is due, and that only the pause is added to that."""
    asked(life.wait(hours=1)).wait(hours=30)
    was = life.ticket.clocks[ClockName.RESOLUTION]
    assert was.state is ClockState.PAUSED
    life.move_to(plan_2(slower))
    before = was.due_at + timedelta(hours=30)
    assert later(life) == [
        {
            "clock": "resolution",
            "before": before.isoformat(),
            "after": (before + timedelta(hours=24)).isoformat(),
            "paused": True,
        }
    ]
    assert life.folded == life.ticket


@pytest.mark.parametrize("paused", [asked, on_hold])
def test_a_pause_alone_makes_no_promise_later_than_was_told(
    life: Life, paused: Callable[[Life], Life]
) -> None:
    paused(life).wait(hours=100)
    assert later(life.move_to(plan_2(lambda document: None))) == []


def test_a_move_names_a_promise_on_hold_that_becomes_later(life: Life) -> None:
    def shorter(document: dict[str, Any]) -> None:
        document["levels"]["service_request"]["promises"]["resolution"]["within"] = "1h"

    life.plan = plan_2(shorter)
    on_hold(life).wait(hours=100)
    assert life.ticket.clocks[ClockName.RESOLUTION].state is ClockState.PAUSED
    life.move_to(plan_2(lambda document: document.update(version=3)))
    assert [(one["clock"], one["paused"]) for one in later(life)] == [("resolution", True)]


def test_a_move_names_a_paused_promise_that_it_takes_back(life: Life) -> None:
    def no_update(document: dict[str, Any]) -> None:
        del document["levels"]["complaint"]["promises"]["update"]

    asked(life).wait(hours=2)
    was = life.ticket.clocks[ClockName.UPDATE]
    life.move_to(plan_2(no_update))
    before = (was.due_at + timedelta(hours=2)).isoformat()
    assert {"clock": "update", "before": before, "after": None} in later(life)


def test_the_report_counts_paused_promises_that_become_later() -> None:
    life = asked(Life(Clock())).wait(hours=30)
    assert moved(life, plan_2(slower))["later_told_by_mail"] == 1


def test_a_move_before_the_acknowledgement_names_none(life: Life) -> None:
    assert later(life.open("complaint").move_to(plan_2(slower))) == []


def test_a_move_that_makes_promises_earlier_names_none(life: Life) -> None:
    def sooner(document: dict[str, Any]) -> None:
        document["levels"]["complaint"]["promises"]["resolution"]["within"] = "24h"

    assert later(life.open("complaint").acknowledge().move_to(plan_2(sooner))) == []


def test_a_move_that_cancels_a_promised_call_says_so_although_it_closes_the_ticket(
    life: Life,
) -> None:
    def no_callback(document: dict[str, Any]) -> None:
        for name in ("callback", "survey"):
            del document["levels"]["complaint"]["promises"][name]

    life.open("complaint", contact=BY_PHONE).assign().resolve().move_to(plan_2(no_callback))
    assert [(one["clock"], one["after"]) for one in later(life)] == [("callback", None)]
    assert "to" not in life.last.events[0].data


def test_the_report_counts_by_whom_customers_are_told_of_a_later_promise() -> None:
    counts = Counts()
    by_mail = Life(Clock()).open("complaint").acknowledge()
    by_phone = Life(Clock()).open("complaint", number="R-2B8N4-T6VY0", contact=BY_PHONE)
    by_connector = Life(Clock()).open_by_connector(contact=BY_MAIL, kind="complaint").acknowledge()
    over = Life(Clock()).open_by_connector(1, contact=BY_MAIL, kind="complaint").acknowledge()
    over.wait(hours=2)
    for life in (by_mail, by_phone, by_connector, over):
        life.move_to(plan_2(slower))
        counting.add_move(counts, life.last)
    together = counting.move_report(counts)["together"]
    told = [together[f"later_told_by_{who}"] for who in ("mail", "connector", "staff")]
    assert told == [2, 1, 1]
    assert together["later_told_by_staff_examples"] == [by_phone.ticket.number]
