"""Who views or writes a ticket now. Only those who may see the ticket are told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from redress.base import instants
from redress.db import keys
from redress.tickets.rules.steps import by_staff
from redress.tickets.rules.ticket import Ticket
from redress.tickets.rules.viewers import BEAT_S, LASTS
from tests.builders import LIN, Clock
from tests.functions.staff.api import Api
from tests.wired import TABLE
from tests.world import Act, Opener, Stores, aws


def beat(api: Api, by: str, ticket: Ticket, doing: str = "viewing") -> list[tuple[str, str]]:
    found = api("viewing", by, number=ticket.number, body={"doing": doing})
    assert (found.status, found.body["again_within_s"]) == (200, BEAT_S)
    return [(one["name"], one["doing"]) for one in found.body["viewers"]]


def shown(api: Api, by: str, ticket: Ticket) -> list[tuple[str, str]]:
    viewers = api("ticket", by, number=ticket.number).body["viewers"]
    return [(one["name"], one["doing"]) for one in viewers]


def stored(ticket: Ticket, member: str) -> Any:
    key = {"pk": {"S": keys.ticket_pk(ticket.number)}, "sk": {"S": keys.viewer_sk(member)}}
    return aws("dynamodb").get_item(TableName=TABLE, Key=key).get("Item")


def test_each_of_two_is_told_that_the_other_writes(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    assert beat(api, "mei", ticket) == []
    clock.advance(seconds=1)
    assert beat(api, "lin", ticket, "writing") == [("mei", "viewing")]
    clock.advance(seconds=1)
    assert beat(api, "mei", ticket, "writing") == [("lin", "writing")]
    assert shown(api, "mei", ticket) == [("lin", "writing")]
    assert shown(api, "jun", ticket) == [("lin", "writing"), ("mei", "writing")]


def test_who_leaves_is_gone_at_once(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket(agent="a-mei")
    beat(api, "mei", ticket)
    assert shown(api, "jun", ticket) == [("mei", "viewing")]
    assert beat(api, "mei", ticket, "left") == []
    assert shown(api, "jun", ticket) == []
    assert beat(api, "lin", ticket) == []


def test_one_missed_beat_is_forgiven_and_a_second_one_is_not(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    """Story 2: slow beats of a tab in the background made somebody offline (chatwoot 13720)."""
    ticket = open_ticket(agent="a-mei")
    beat(api, "mei", ticket)
    clock.advance(seconds=2 * BEAT_S + 5)
    assert beat(api, "lin", ticket) == [("mei", "viewing")]
    clock.advance(seconds=BEAT_S)
    assert beat(api, "jun", ticket) == [("lin", "viewing")]
    assert shown(api, "jun", ticket) == [("lin", "viewing")]


def test_since_stays_while_somebody_does_the_same(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")

    def seen() -> tuple[str, str]:
        [one] = api("ticket", "jun", number=ticket.number).body["viewers"]
        return one["doing"], one["since"]

    began = instants.written(clock.now())
    beat(api, "mei", ticket)
    clock.advance(seconds=BEAT_S)
    beat(api, "mei", ticket)
    assert seen() == ("viewing", began)
    beat(api, "mei", ticket, "writing")
    assert seen() == ("writing", instants.written(clock.now()))
    clock.advance(seconds=LASTS.total_seconds())
    beat(api, "mei", ticket, "writing")
    assert seen() == ("writing", instants.written(clock.now()))


def test_item_of_a_viewer_expires_by_itself_within_about_a_minute(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    beat(api, "mei", ticket)
    expires = int((clock.now() + LASTS).timestamp())
    assert stored(ticket, "a-mei")["expires"] == {"N": str(expires)}
    assert timedelta(seconds=2 * BEAT_S) < LASTS <= timedelta(seconds=75)


def test_who_was_not_there_leaves_without_a_write(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket(agent="a-mei")
    assert beat(api, "jun", ticket, "left") == []
    assert stored(ticket, "a-jun") is None


def test_nobody_learns_of_viewers_of_a_ticket_that_they_may_not_see(
    api: Api, open_ticket: Opener, act: Act
) -> None:
    ticket = open_ticket("complaint", agent="a-mei")
    beat(api, "mei", ticket)
    act(ticket, by_staff.set_about, LIN, ["a-jun"], "named")
    for by in ("tao", "hua", "jun"):
        found = api("viewing", by, number=ticket.number, body={"doing": "viewing"})
        wrong = api("viewing", by, number=ticket.number, body={"doing": "sleeping"})
        assert (found.status, wrong.status) == (404, 404)
        assert "mei" not in str(found.body)
    assert shown(api, "lin", ticket) == [("mei", "viewing")]


def test_mentioned_colleague_is_told_who_else_is_there(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket(agent="a-mei")
    beat(api, "mei", ticket, "writing")
    body = {"text": "Do you know it?", "mentions": ["a-tao"]}
    assert api("note", "mei", number=ticket.number, body=body).status == 200
    assert beat(api, "tao", ticket) == [("mei", "writing")]


def test_presence_changes_nothing_of_the_ticket(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    before = stores.tickets.file(ticket.number)
    beat(api, "lin", ticket, "writing")
    assert stores.tickets.file(ticket.number) == before
    body = {"version": ticket.version, "text": "We are on it."}
    assert api("reply", "mei", number=ticket.number, body=body).status == 200


def test_unknown_act_is_refused(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket(agent="a-mei")
    found = api("viewing", "mei", number=ticket.number, body={"doing": "sleeping"})
    assert (found.status, found.codes) == (422, {"/doing": "unknown_value"})
