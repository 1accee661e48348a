"""Clients that keep a copy of the tickets by the feed of changes."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest

from local.filters import FEED, reaches
from redress.base.people import Actor, Member, Role
from redress.db import keys
from redress.tickets.rules import access
from redress.tickets.rules.feed import Change
from redress.tickets.rules.steps import by_customer, by_staff
from redress.tickets.rules.ticket import State, Ticket
from redress.tickets.store.feed import FeedStore
from tests.builders import LIN, MEI, Clock
from tests.functions.conftest import ENVIRONMENT
from tests.functions.staff.api import Api, Reply
from tests.streams import Stream
from tests.wired import REGION, TABLE, set_environment
from tests.world import Act, Context, Opener, Stores, aws

WEI = Actor(Role.MANAGER, "m-wei")


class Follower:
    """The second reader of the stream, with the feed on or off."""

    def __init__(self, module: ModuleType, context: Context) -> None:
        self._module, self._context = module, context
        self._stream = Stream(TABLE, REGION, readers=())
        self.read = list[dict[str, Any]]()

    def __call__(self, records: list[dict[str, Any]] | None = None, batch: int = 100) -> None:
        """Follow new records, or these."""
        given = self._stream.records() if records is None else records
        passing = [one for one in given if reaches("follower", one, {FEED})]
        self.read += passing
        for start in range(0, len(passing), batch):
            event = {"Records": passing[start : start + batch]}
            assert self._module.handler(event, self._context) == {"batchItemFailures": []}


@pytest.fixture
def follow(
    api: Api,
    load_function: Callable[[str], ModuleType],
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
) -> Follower:
    mails = aws("sqs").create_queue(QueueName="mails")["QueueUrl"]
    set_environment(monkeypatch, MAIL_QUEUE_URL=mails)
    follower = load_function("follower")
    monkeypatch.setattr(follower.wiring, "functions", lambda: Idle())
    return Follower(follower, context)


class Idle:
    """The assigner, which finds nobody."""

    def invoke(self, **given: Any) -> None:
        assert given["InvocationType"] == "Event"


def changes(api: Api, by: str, since: str | None = None, limit: int = 100) -> Reply:
    query = {"limit": str(limit)} | ({"since": since} if since is not None else {})
    return api("changes", by, query=query)


def begin(api: Api, by: str) -> str:
    found = changes(api, by)
    assert (found.status, found.body["tickets"], found.body["gone"]) == (200, [], [])
    assert found.body["more"] is False
    cursor: str = found.body["next"]
    return cursor


def numbers(found: Reply) -> list[str]:
    assert found.status == 200, found.body
    return [ticket["number"] for ticket in found.body["tickets"]]


def test_reader_gets_new_and_changed_tickets_as_they_are_now(
    api: Api, follow: Follower, open_ticket: Opener, act: Act, clock: Clock
) -> None:
    cursor = begin(api, "lin")
    first, second = open_ticket(agent="a-mei"), open_ticket()
    follow()
    found = changes(api, "lin", cursor)
    assert numbers(found) == [first.number, second.number]
    assert found.body["more"] is False
    clock.advance(minutes=1)
    act(first, by_staff.reply, MEI, "An answer", False)
    follow()
    again = changes(api, "lin", found.body["next"])
    assert [(one["number"], one["version"]) for one in again.body["tickets"]] == [
        (first.number, first.version + 1)
    ]
    assert changes(api, "lin", again.body["next"]).body == {
        "tickets": [],
        "gone": [],
        "next": again.body["next"],
        "more": False,
    }


def test_every_event_of_a_ticket_is_a_change_also_those_that_no_mail_follows(
    api: Api, follow: Follower, open_ticket: Opener, act: Act
) -> None:
    ticket = open_ticket(agent="a-mei")
    follow()
    cursor = begin(api, "lin")
    cursor = changes(api, "lin", cursor).body["next"]
    act(ticket, by_staff.note, MEI, "Only a note")
    follow()
    assert numbers(changes(api, "lin", cursor)) == [ticket.number]


def test_ticket_that_goes_to_another_team_is_gone_for_one_and_new_for_the_other(
    api: Api, follow: Follower, open_ticket: Opener, act: Act
) -> None:
    cursors = {who: begin(api, who) for who in ("lin", "hua", "wei")}
    ticket, other = open_ticket(), open_ticket()
    follow()
    act(ticket, by_staff.reassign, LIN, None, "service", "They know it")
    follow()
    found = {who: changes(api, who, cursor) for who, cursor in cursors.items()}
    assert {who: (numbers(one), one.body["gone"]) for who, one in found.items()} == {
        "lin": ([other.number], [ticket.number]),
        "hua": ([ticket.number], []),
        "wei": ([ticket.number, other.number], []),
    }


def test_ticket_that_comes_back_is_not_gone(
    api: Api, follow: Follower, open_ticket: Opener, act: Act
) -> None:
    ticket = open_ticket()
    follow()
    cursor = changes(api, "lin", begin(api, "lin")).body["next"]
    act(ticket, by_staff.reassign, LIN, None, "service", "They know it")
    act(ticket, by_staff.reassign, LIN, None, "complaints", "They do not")
    follow()
    found = changes(api, "lin", cursor)
    assert (numbers(found), found.body["gone"]) == ([ticket.number], [])


def test_complaint_about_the_reader_is_neither_a_change_nor_gone(
    api: Api,
    follow: Follower,
    open_ticket: Opener,
    act: Act,
) -> None:
    cursors = {who: begin(api, who) for who in ("lin", "wei", "jun")}
    ticket = open_ticket()
    act(ticket, by_staff.set_about, WEI, ["s-lin", "m-wei"], "They are named")
    act(ticket, by_staff.reassign, LIN, None, "service", "They know it")
    follow()
    act(ticket, by_staff.reassign, LIN, None, "complaints", "They do not")
    follow()
    for who in ("lin", "wei"):
        assert ticket.number not in str(changes(api, who, cursors[who]).body)
    assert numbers(changes(api, "jun", cursors["jun"])) == [ticket.number]


def test_ticket_of_another_team_comes_with_a_mention_and_is_gone_when_it_ends(
    api: Api, follow: Follower, open_ticket: Opener
) -> None:
    ticket, other = open_ticket(agent="a-mei"), open_ticket()
    follow()
    cursor = begin(api, "tao")
    body = {"text": "Do you know it?", "mentions": ["a-tao"]}
    noted = api("note", "mei", number=ticket.number, body=body).body
    api("note", "lin", number=other.number, body={"text": "Not yours."})
    follow()
    found = changes(api, "tao", cursor)
    assert (numbers(found), found.body["gone"]) == ([ticket.number], [])
    ended = {"version": noted["version"], "members": [], "reason": "He has answered"}
    assert api("mentions-end", "lin", number=ticket.number, body=ended).status == 200
    api("note", "lin", number=other.number, body={"text": "Still not yours."})
    follow()
    left = changes(api, "tao", found.body["next"])
    assert (numbers(left), left.body["gone"]) == ([], [ticket.number])


def test_pages_have_at_most_the_limit_and_together_everything(
    api: Api, follow: Follower, open_ticket: Opener
) -> None:
    cursor = begin(api, "lin")
    opened = [open_ticket().number for _ in range(7)]
    follow(batch=15)
    seen = list[str]()
    while True:
        found = changes(api, "lin", cursor, limit=2)
        assert len(found.body["tickets"]) <= 2
        seen += numbers(found)
        cursor = found.body["next"]
        if not found.body["more"]:
            break
    assert seen == opened


def test_position_lies_back_because_an_index_may_not_show_the_newest_changes(
    api: Api, follow: Follower, open_ticket: Opener, clock: Clock
) -> None:
    old = open_ticket()
    follow()
    clock.advance(minutes=6)
    new = open_ticket()
    follow()
    assert numbers(changes(api, "lin", begin(api, "lin"))) == [new.number]
    clock.advance(minutes=6)
    assert numbers(changes(api, "lin", begin(api, "lin"))) == []
    assert old.number != new.number


def test_change_is_one_event_however_often_the_stream_repeats_it(
    api: Api, follow: Follower, open_ticket: Opener, act: Act
) -> None:
    """Story 49: number and version identify a change, and each ticket is once on a page."""
    cursor = begin(api, "lin")
    ticket = act(open_ticket(agent="a-mei"), by_staff.note, MEI, "A note")
    follow()
    for _ in range(3):
        follow(follow.read[:])
    follow(list(reversed(follow.read[:])))
    found = changes(api, "lin", cursor)
    assert [(one["number"], one["version"]) for one in found.body["tickets"]] == [
        (ticket.number, ticket.version)
    ]
    snapshots = [one for one in follow.read if one["dynamodb"]["Keys"]["sk"]["S"] == keys.TICKET]
    follow(snapshots[:1])
    again = changes(api, "lin", found.body["next"])
    assert [(one["number"], one["version"]) for one in again.body["tickets"]] == [
        (ticket.number, ticket.version)
    ], "an old record that comes late brings the ticket as it is now"


def test_cursor_whose_changes_have_expired_says_what_to_do(
    api: Api, follow: Follower, open_ticket: Opener
) -> None:
    cursor = begin(api, "lin")
    for _ in range(3):
        open_ticket()
        follow()
    remove(1)
    assert changes(api, "lin", cursor).status == 410
    remove(2)
    found = changes(api, "lin", cursor)
    assert (found.status, found.body["type"]) == (410, "urn:redress:problem:cursor-expired")
    assert "read the lists again" in found.body["detail"]
    assert numbers(changes(api, "lin", begin(api, "lin")))


def remove(number: int) -> None:
    key = {"pk": {"S": keys.FEED}, "sk": {"S": keys.feed_sk(number)}}
    aws("dynamodb").delete_item(TableName=TABLE, Key=key)


def test_cursor_from_before_the_feed_was_off_has_expired(
    api: Api, follow: Follower, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_ticket()
    follow()
    cursor = begin(api, "lin")
    set_environment(monkeypatch, CHANGES_FEED=f"{ENVIRONMENT['CHANGES_FEED']}-ANEW")
    assert changes(api, "lin", cursor).status == 410
    assert changes(api, "lin", begin(api, "lin")).status == 200


def test_cursor_of_another_team_or_role_has_expired(api: Api, follow: Follower) -> None:
    cursor = begin(api, "lin")
    assert [changes(api, who, cursor).status for who in ("hua", "wei")] == [410, 410]
    assert changes(api, "mei", cursor).status == 200, "an agent of the team sees the same tickets"


def test_cursor_with_an_invented_position_shows_no_more_than_its_reader_may_see(
    api: Api, follow: Follower, open_ticket: Opener
) -> None:
    seen = open_ticket("complaint")
    follow()
    open_ticket("inquiry")  # of the other team
    follow()
    cursor = base64.urlsafe_b64decode(begin(api, "lin")).decode()
    stamp, _, _, identity = cursor.split(".")

    def at(number: int, offset: int, identity: str) -> Reply:
        invented = f"{stamp}.{number}.{offset}.{identity}"
        return changes(api, "lin", base64.urlsafe_b64encode(invented.encode()).decode())

    first = at(0, 0, "")
    assert (numbers(first), first.body["gone"]) == ([seen.number], [])
    assert numbers(at(1, 999, identity)) == []
    assert [at(*other).status for other in ((1, 0, "aa"), (999_999_999_999, 0, identity))] == [
        410,
        410,
    ]


def test_entry_of_a_hundred_tickets_is_read_in_pages_without_a_gap(
    api: Api, follow: Follower, stores: Stores, open_ticket: Opener
) -> None:
    known = [open_ticket().number for _ in range(4)]
    cursor = begin(api, "lin")
    store = FeedStore(aws("dynamodb"), TABLE, open_ticket.clock.now)
    others = [Change(f"R-00000-{index:05d}", 1, "service") for index in range(96)]
    mine = [Change(number, 1, "complaints") for number in known]
    store.append([*mine[:2], *others, *mine[2:]])
    seen, more = list[str](), True
    while more:
        found = changes(api, "lin", cursor, limit=33)
        seen += numbers(found)
        cursor, more = found.body["next"], found.body["more"]
    assert seen == known
    assert changes(api, "lin", cursor).body["tickets"] == []


def test_feed_that_is_off_names_the_parameter(
    api: Api, follow: Follower, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(monkeypatch, CHANGES_FEED="")
    open_ticket()
    follow()
    found = changes(api, "lin")
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:switched-off")
    assert "ChangesFeed=on" in found.body["detail"]
    items = aws("dynamodb").scan(TableName=TABLE)["Items"]
    assert not [item for item in items if item["pk"]["S"] == keys.FEED], "and writes nothing"


@pytest.mark.parametrize("limit", ["0", "101", "ten"])
def test_wrong_limit_and_wrong_cursor_are_reported_together(api: Api, limit: str) -> None:
    found = api("changes", "lin", query={"limit": limit, "since": "nonsense"})
    assert (found.status, found.pointers) == (422, {"/limit", "/since"})


def test_unreadable_ticket_is_left_out_and_holds_back_no_other(
    api: Api, follow: Follower, open_ticket: Opener
) -> None:
    cursor = begin(api, "lin")
    broken, good = open_ticket(), open_ticket()
    follow()
    aws("dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": keys.ticket_pk(broken.number)}, "sk": {"S": keys.TICKET}},
        UpdateExpression="SET doc = :doc",
        ExpressionAttributeValues={":doc": {"S": "{"}},
    )
    assert numbers(changes(api, "lin", cursor)) == [good.number]


# ------------------------------------------------------------------------------ a night


@dataclass
class Copy:
    """A CRM's copy of the tickets that one member may see: version by number."""

    api: Api
    by: str
    cursor: str = ""
    tickets: dict[str, int] = field(default_factory=dict)

    def read_lists(self, between: Callable[[], None]) -> None:
        """The full sync: open tickets, then closed ones. `between` happens while it runs."""
        teams = {"lin": ["complaints"], "hua": ["service"], "wei": ["complaints", "service"]}
        for team in teams[self.by]:
            for view in ({"view": "open"}, {"view": "closed", "closed_in": "2026-11"}):
                cursor: str | None = ""
                while cursor is not None:
                    query = {"team": team, "limit": "3", **view}
                    found = self.api(
                        "tickets", self.by, query=query | ({"cursor": cursor} if cursor else {})
                    )
                    assert found.status == 200, found.body
                    self._keep(found.body["items"])
                    cursor = found.body["next"]
                    between()

    def _keep(self, lines: list[dict[str, Any]]) -> None:
        for line in lines:
            known = self.tickets.get(line["number"], 0)
            self.tickets[line["number"]] = max(known, line["version"])

    def follow(self, limit: int) -> None:
        """Take all changes that there are now."""
        while True:
            found = changes(self.api, self.by, self.cursor, limit)
            assert found.status == 200, found.body
            self._keep(found.body["tickets"])
            for number in found.body["gone"]:
                self.tickets.pop(number, None)
            self.cursor = found.body["next"]
            if not found.body["more"]:
                return


class Night:
    """Random work: tickets are opened, answered, moved between teams, and closed."""

    def __init__(self, opener: Opener, act: Act, clock: Clock, seed: int) -> None:
        self._open, self._act, self._clock = opener, act, clock
        self._chance = random.Random(seed)

    def work(self, steps: int = 2) -> None:
        for _ in range(steps):
            self._clock.advance(seconds=1)
            tickets = [self._open.stores.tickets.get(number) for number in self._open.opened]
            alive = [one for one in tickets if one.state is not State.CLOSED]
            if len(alive) < 4 or self._chance.random() < 0.3:
                self._open(self._chance.choice(["complaint", "inquiry"]))
            else:
                self._change(self._chance.choice(alive))

    def _change(self, ticket: Ticket) -> None:
        other = "service" if ticket.team == "complaints" else "complaints"
        match self._chance.randrange(4):
            case 0 if ticket.needs_agent:
                self._act(ticket, by_staff.reassign, LIN, None, other, "They know it")
            case 1:
                self._act(ticket, by_customer.withdraw, "Never mind")
            case 2:
                self._act(ticket, by_staff.note, MEI, "A note")
            case _ if ticket.needs_agent:
                self._act(ticket, by_staff.reply, LIN, "An answer", False)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("who", ["lin", "hua", "wei"])
def test_night_sync_ends_with_exactly_the_tickets_that_its_reader_may_see(
    api: Api,
    follow: Follower,
    open_ticket: Opener,
    act: Act,
    stores: Stores,
    staff: dict[str, Member],
    clock: Clock,
    who: str,
    seed: int,
) -> None:
    night = Night(open_ticket, act, clock, seed)
    night.work(12)
    follow()
    clock.advance(minutes=10)
    copy = Copy(api, who)
    copy.cursor = begin(api, who)
    copy.read_lists(between=night.work)
    assert copy.tickets, "the lists have something"
    for turn in range(6):
        night.work(3)
        if turn % 2:
            follow(batch=1 + turn)
        copy.follow(limit=1 + turn)
    follow()
    copy.follow(limit=100)
    tickets = stores.tickets.get_many(open_ticket.opened)
    assert copy.tickets == {
        one.number: one.version for one in tickets if access.may_see(staff[who], one)
    }
    assert {one.state for one in tickets} >= {State.CLOSED}
    assert len({one.team for one in tickets}) == 2
