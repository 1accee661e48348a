"""Reminders that leaders give: on the ticket, by mail, and in the list of their agent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from redress.db import keys
from redress.staff.store import REMINDERS_KEPT
from redress.tickets.rules.steps import by_customer, by_staff
from redress.tickets.rules.ticket import EventType, Ticket
from tests.builders import Clock
from tests.functions.conftest import MEMBERS
from tests.functions.staff.api import Api, Reply
from tests.wired import TABLE
from tests.world import Act, Opener, Stores, aws

TEXT = "Please call her before noon."


def remind(api: Api, by: str, ticket: Ticket, agent: str = "a-mei", text: str = TEXT) -> Reply:
    return api("reminder", by, number=ticket.number, body={"agent": agent, "text": text})


def listed(api: Api, by: str, agent: str = "a-mei", **query: str) -> list[str]:
    found = api("reminders", by, agent=agent, query=query)
    assert found.status == 200, found.body
    return [line["text"] for line in found.body["items"]]


def test_reminder_is_an_event_of_the_ticket_and_a_line_of_the_list_of_its_agent(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    ticket = open_ticket("complaint", agent="a-mei")
    clock.advance(minutes=3)
    found = remind(api, "lin", ticket)
    assert (found.status, found.body["version"]) == (200, ticket.version + 1)
    event = stores.tickets.history(ticket.number)[-1]
    assert (event.type, event.by) == (EventType.REMINDED, MEMBERS["lin"].actor)
    assert event.data == {"text": TEXT, "agent": "a-mei"}
    [line] = api("reminders", "lin", agent="a-mei", query={}).body["items"]
    assert (line["number"], line["event"], line["by"], line["text"], line["reminded_at"]) == (
        ticket.number,
        event.number,
        "s-lin",
        TEXT,
        "2026-11-23T01:03:00.000Z",
    )
    assert line["subject"] == ticket.subject


def test_reminder_conflicts_with_no_change_of_its_agent(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    remind(api, "lin", ticket)
    after = stores.tickets.get(ticket.number)
    assert (after.assignee, after.clocks, after.state) == (
        ticket.assignee,
        ticket.clocks,
        ticket.state,
    )
    body = {"version": ticket.version, "text": "We are on it."}
    assert api("reply", "mei", number=ticket.number, body=body).status == 200


def test_reminder_never_reaches_another_agent_than_the_leader_meant(
    api: Api, open_ticket: Opener, stores: Stores, act: Act
) -> None:
    """Between reading the board and writing, the ticket may have got another agent."""
    ticket = act(
        open_ticket(agent="a-mei"), by_staff.reassign, MEMBERS["lin"].actor, "a-jun", None, ""
    )
    found = remind(api, "lin", ticket, "a-mei")
    assert (found.status, found.codes) == (422, {"/agent": "not_assignee"})
    assert stores.tickets.get(ticket.number) == ticket
    assert listed(api, "lin") == []
    assert remind(api, "lin", ticket, "a-jun").status == 200


def test_nobody_is_reminded_of_a_ticket_that_waits_in_the_queue_or_is_closed(
    api: Api, open_ticket: Opener, act: Act
) -> None:
    queued = open_ticket()
    assert remind(api, "lin", queued).status == 409
    closed = act(open_ticket(agent="a-mei"), by_customer.withdraw, "bought another one")
    assert remind(api, "lin", closed).status == 409


def test_repeated_reminder_is_recorded_once(api: Api, open_ticket: Opener, stores: Stores) -> None:
    ticket = open_ticket(agent="a-mei")
    first = remind(api, "lin", ticket).body["version"]
    assert remind(api, "lin", ticket).body["version"] == first
    assert remind(api, "wei", ticket).body["version"] == first + 1, "another leader"
    assert listed(api, "lin") == [TEXT, TEXT]


def test_agents_and_leaders_of_other_teams_remind_nobody(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket("complaint", agent="a-mei")
    assert remind(api, "jun", ticket).status == 403
    assert remind(api, "mei", ticket).status == 403
    assert remind(api, "hua", ticket).status == 404
    assert stores.tickets.get(ticket.number) == ticket


def test_list_of_reminders_is_read_by_the_member_and_those_who_lead_them(
    api: Api, open_ticket: Opener
) -> None:
    remind(api, "lin", open_ticket("complaint", agent="a-mei"))
    for by in ("mei", "lin", "wei"):
        assert listed(api, by) == [TEXT]
    for by in ("jun", "tao", "hua"):
        assert api("reminders", by, agent="a-mei", query={}).status == 403
    assert api("reminders", "wei", agent="nobody", query={}).status == 404


def test_list_of_reminders_has_pages_and_the_last_one_comes_first(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    for number in range(30):
        clock.advance(seconds=1)
        assert remind(api, "lin", ticket, text=f"Reminder {number}").status == 200
    wanted = [f"Reminder {number}" for number in reversed(range(30))]
    found, cursor = list[str](), ""
    while True:
        query = {"limit": "12"} | ({"cursor": cursor} if cursor else {})
        page = api("reminders", "lin", agent="a-mei", query=query).body
        found += [line["text"] for line in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert found == wanted
    assert listed(api, "lin") == wanted[:25]
    wrong = api("reminders", "lin", agent="a-mei", query={"limit": "0", "cursor": "x"})
    assert wrong.codes == {"/limit": "out_of_range", "/cursor": "unknown_cursor"}


def test_list_keeps_a_reminder_for_a_year_and_a_month(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    remind(api, "lin", open_ticket(agent="a-mei"))
    rows: Any = aws("dynamodb").query(
        TableName=TABLE,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
        ExpressionAttributeValues={
            ":pk": {"S": keys.agent_pk("a-mei")},
            ":sk": {"S": keys.REMINDER_PREFIX},
        },
    )["Items"]
    [expires] = [int(row["expires"]["N"]) for row in rows]
    assert expires == int((clock.now() + REMINDERS_KEPT).timestamp())
    assert timedelta(days=366 + 30) <= REMINDERS_KEPT


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ({}, {"/agent": "required", "/text": "required"}),
        ({"agent": "a-mei", "text": " "}, {"/text": "required"}),
        (
            {"agent": 1, "text": TEXT, "version": 2},
            {"/agent": "text_expected", "/version": "unknown"},
        ),
    ],
)
def test_every_wrong_field_of_a_reminder_is_named(
    api: Api, open_ticket: Opener, body: Any, codes: dict[str, str]
) -> None:
    ticket = open_ticket(agent="a-mei")
    found = api("reminder", "lin", number=ticket.number, body=body)
    assert (found.status, found.codes) == (422, codes)
