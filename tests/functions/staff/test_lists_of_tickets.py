"""Lists of tickets: what is in them, their order, cursors, faults, rights."""

from __future__ import annotations

import base64
from collections.abc import Callable
from copy import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from redress.base.people import CUSTOMER, Actor, Role
from redress.db import encoding, keys
from redress.tickets.rules.listing import MOST_READ
from redress.tickets.rules.steps import by_customer, by_staff, by_system, by_timer
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store import items
from redress.wiring import staff as wiring
from tests.builders import BY_PHONE, JUN, LIN, MEI, Clock
from tests.functions.staff.api import Api, Reply
from tests.wired import TABLE
from tests.world import Act, Opener, Stores, aws


def numbers(found: Reply) -> list[str]:
    assert found.status == 200, found.body
    return [line["number"] for line in found.body["items"]]


def pages(
    api: Api,
    by: str = "mei",
    between: Callable[[], object] = lambda: None,
    of: dict[str, str] | None = None,
    **named: str,
) -> list[str]:
    """The numbers of all pages of the list with the parameters `of` or `named`.

    `between` is called after the first page.
    """
    query = of or named
    seen: list[str] = []
    cursor, first = None, True
    for _ in range(50):
        found = api("tickets", by, query=query | ({"cursor": cursor} if cursor else {}))
        seen += numbers(found)
        if first:
            between()
            first = False
        if (cursor := found.body["next"]) is None:
            return seen
    raise AssertionError("the list does not end")


def close(act: Act, ticket: Ticket) -> Ticket:
    return act(ticket, by_customer.withdraw, "Never mind")


def tagged(ticket: Ticket, category: str | None, *tags: str) -> None:
    """Store a ticket with this category and these tags."""
    changed = replace(ticket, category=category, tags=tags)
    item = encoding.item_to_dynamodb(items.snapshot_item(changed))
    aws("dynamodb").put_item(TableName=TABLE, Item=item)


def test_queue_lists_unassigned_tickets_of_the_team_next_due_first(
    api: Api, open_ticket: Opener
) -> None:
    feedback = open_ticket("feedback")
    urgent = open_ticket("urgent", language="en")
    complaint = open_ticket("complaint")
    open_ticket("complaint", agent="a-mei")
    listed = numbers(api("tickets", "mei", query={"view": "queue"}))
    team = {t.number for t in (feedback, urgent, complaint) if t.team == "complaints"}
    assert set(listed) == team
    by_due = api("tickets", "mei", query={"view": "queue"}).body["items"]
    assert by_due == sorted(by_due, key=lambda line: str(line["due_at"]))


def test_line_has_what_a_desk_shows(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket(agent="a-mei")
    tagged(ticket, "product/defect", "kettle")
    line = api("tickets", "mei", query={}).body["items"][0]
    assert line["number"] == ticket.number
    assert (line["team"], line["category"], line["tags"]) == (
        "complaints",
        "product/defect",
        ["kettle"],
    )
    assert line["created_at"] == "2026-11-23T01:00:00.000Z"
    assert (line["closed_at"], line["satisfaction"], line["on_hold"]) == (None, None, None)
    assert "reply" in line["can"]


def test_open_list_has_assigned_and_waiting_tickets_but_no_closed_one(
    api: Api, open_ticket: Opener, act: Act
) -> None:
    queued, mine, closed = open_ticket(), open_ticket(agent="a-mei"), open_ticket()
    close(act, closed)
    assert set(numbers(api("tickets", "jun", query={"view": "open"}))) == {
        queued.number,
        mine.number,
    }


def test_list_of_tickets_on_hold_follows_each_hold(api: Api, open_ticket: Opener, act: Act) -> None:
    held, other = open_ticket(agent="a-mei"), open_ticket(agent="a-mei")
    for ticket in (held, other):
        act(ticket, by_staff.reply, MEI, "An answer", False)
    act(held, by_staff.hold, MEI, "part", "We wait for a part")
    assert numbers(api("tickets", "mei", query={"view": "on_hold"})) == [held.number]
    act(held, by_staff.release, MEI)
    assert numbers(api("tickets", "mei", query={"view": "on_hold"})) == []


def test_closed_tickets_are_listed_newest_first(
    api: Api, open_ticket: Opener, act: Act, clock: Clock
) -> None:
    expected: list[str] = []
    for _ in range(6):
        ticket = open_ticket()
        clock.advance(minutes=1)
        expected.insert(0, close(act, ticket).number)
    assert pages(api, view="closed", limit="2") == expected
    assert pages(api, view="closed", closed_in="2026-10") == []


def test_ticket_closed_at_the_edge_of_a_month_is_in_exactly_one_month(
    api: Api, open_ticket: Opener, act: Act, clock: Clock
) -> None:
    """Months are those of the plan's zone, Asia/Shanghai: November ends at 16:00 UTC."""
    early, late = open_ticket(), open_ticket()
    clock.moment = datetime(2026, 11, 30, 15, 59, 59, 999_000, UTC)
    close(act, early)
    clock.advance(milliseconds=1)
    close(act, late)
    assert pages(api, view="closed", closed_in="2026-11") == [early.number]
    assert pages(api, view="closed", closed_in="2026-12") == [late.number]
    assert pages(api, view="closed") == [late.number]


def test_pages_of_closed_tickets_keep_their_month_when_the_next_one_begins(
    api: Api, open_ticket: Opener, act: Act, clock: Clock
) -> None:
    opened = [open_ticket() for _ in range(4)]
    clock.moment = datetime(2026, 12, 31, 15, 59, tzinfo=UTC)
    closed: list[str] = []
    for ticket in opened:
        clock.advance(seconds=1)
        closed.insert(0, close(act, ticket).number)

    def new_year() -> None:
        clock.moment = datetime(2026, 12, 31, 16, 0, tzinfo=UTC)
        close(act, open_ticket())

    assert pages(api, between=new_year, view="closed", limit="2") == closed


def test_closed_tickets_of_an_agent_are_those_they_resolved(
    api: Api, open_ticket: Opener, act: Act, clock: Clock
) -> None:
    resolved = open_ticket(agent="a-mei", language="en")
    act(resolved, by_staff.resolve, MEI, "Replaced", "upheld", "a new one", "a bad batch")
    act(resolved, by_customer.confirm, CUSTOMER)
    act(resolved, by_customer.answer_survey, {"overall": 5})
    held = open_ticket(agent="a-jun")
    close(act, held)
    assert pages(api, view="closed", agent="a-mei") == [resolved.number]
    assert pages(api, "jun", view="closed", agent="a-jun") == [held.number]
    assert pages(api, view="closed", agent="a-mei", closed_in="2026-11") == [resolved.number]
    assert pages(api, view="closed", agent="a-mei", closed_in="2026-12") == []


def test_open_work_of_an_agent_is_listed_for_their_supervisor(
    api: Api, open_ticket: Opener
) -> None:
    mine = open_ticket(agent="a-mei")
    open_ticket(agent="a-jun")
    assert numbers(api("tickets", "lin", query={"agent": "a-mei"})) == [mine.number]


def test_tickets_of_a_customer_are_listed_under_each_profile_that_was_merged(
    api: Api, open_ticket: Opener, act: Act, clock: Clock, stores: Stores
) -> None:
    """The tickets are matched in the change that assigns them, so each has its own profile."""
    contacts = ({"email": "li.na@example.com"}, {"phone": "010 5555 0100"})
    found: list[Any] = []
    for contact in contacts:
        clock.advance(minutes=1)
        open_ticket(contact={"name": "Li Na", **contact})
        found.append(api("next", "mei", headers={"Idempotency-Key": ""}).body["ticket"])
    first, second = found
    assert first["customer"] != second["customer"]
    for one in found:
        assert pages(api, customer=one["customer"]) == [one["number"]]
    merge = {"revision": 1, "other": second["customer"], "other_revision": 1, "reason": "the same"}
    assert api("customer-merge", "lin", id=first["customer"], body=merge).status == 200
    both = [second["number"], first["number"]]
    for one in found:
        assert pages(api, customer=one["customer"], limit="1") == both
    close(act, stores.tickets.get(first["number"]))
    assert pages(api, customer=second["customer"], view="closed") == [first["number"]]
    assert pages(api, customer=second["customer"], view="open") == [second["number"]]
    undo = {"revision": 2, "other": second["customer"], "other_revision": 2, "reason": "two people"}
    assert api("customer-unmerge", "lin", id=first["customer"], body=undo).status == 200
    assert pages(api, customer=first["customer"]) == [first["number"]]


def test_ticket_whose_match_was_corrected_is_listed_for_its_present_customer_only(
    api: Api, open_ticket: Opener
) -> None:
    open_ticket(contact={"name": "Li Na", "email": "li.na@example.com"})
    other = open_ticket(contact={"name": "Wang Wei", "phone": "010 5555 0100"})
    one, two = (
        api("next", "mei", headers={"Idempotency-Key": ""}).body["ticket"] for _ in range(2)
    )
    wrong, right = one["customer"], two["customer"]
    body = {"version": one["version"], "customer": right, "reason": "it is his"}
    assert api("ticket-customer", "mei", number=one["number"], body=body).status == 200
    assert pages(api, customer=wrong) == []
    assert set(pages(api, customer=right)) == {one["number"], two["number"]}
    assert other.number in (one["number"], two["number"])


def test_customer_who_does_not_exist_has_no_tickets(api: Api) -> None:
    assert pages(api, customer="9f86d081884c7d659a2feaa0") == []


def test_filters_narrow_a_list(api: Api, open_ticket: Opener) -> None:
    kettle, lid, other = open_ticket(), open_ticket(language="en"), open_ticket()
    tagged(kettle, "product/defect", "kettle")
    tagged(lid, "product/delivery", "lid", "kettle")
    tagged(other, "service")
    assert set(pages(api, category="product")) == {kettle.number, lid.number}
    assert pages(api, category="product/defect") == [kettle.number]
    assert set(pages(api, tag="kettle")) == {kettle.number, lid.number}
    assert pages(api, tag="kettle", language="en") == [lid.number]
    assert pages(api, state="open") == []
    assert len(pages(api, state="new", kind="complaint")) == 3
    assert pages(api, priority="no such priority") == []


def test_due_times_limit_a_list_on_both_sides(api: Api, open_ticket: Opener, clock: Clock) -> None:
    first = open_ticket()
    clock.advance(hours=2)
    second = open_ticket()
    due = {
        line["number"]: line["due_at"]
        for line in api("tickets", query={"limit": "9"}).body["items"]
    }
    limit = due[second.number]
    assert pages(api, due_before=limit) == [first.number]
    assert pages(api, due_from=limit) == [second.number]
    assert pages(api, due_from=due[first.number], due_before=limit) == [first.number]


def test_pages_over_all_shards_have_no_gaps_or_duplicates(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    """Tickets of one instant are due at one instant too: their numbers decide the order."""
    opened = [open_ticket().number for _ in range(12)]
    assert len({keys.shard(number) for number in opened}) > 1
    assert pages(api, view="queue", limit="5") == sorted(opened)


def test_ticket_that_comes_behind_the_cursor_is_on_a_later_page(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    opened = []
    for _ in range(5):
        opened.append(open_ticket().number)
        clock.advance(seconds=1)
    seen = pages(api, between=lambda: opened.append(open_ticket().number), view="queue", limit="2")
    assert seen == opened


def test_ticket_that_leaves_between_two_pages_hides_no_other(
    api: Api, open_ticket: Opener, act: Act, clock: Clock
) -> None:
    """The ticket at which the first page ended is closed, so its entry is gone."""
    opened = []
    for _ in range(6):
        opened.append(open_ticket())
        clock.advance(seconds=1)
    seen = pages(api, between=lambda: close(act, opened[1]), view="queue", limit="2")
    assert seen == [ticket.number for ticket in opened]


def test_closing_between_two_pages_of_closed_tickets_repeats_none(
    api: Api, open_ticket: Opener, act: Act, clock: Clock
) -> None:
    closed: list[str] = []
    for _ in range(5):
        ticket = open_ticket()
        clock.advance(seconds=1)
        closed.insert(0, close(act, ticket).number)
    waiting = open_ticket()
    clock.advance(seconds=1)
    assert pages(api, between=lambda: close(act, waiting), view="closed", limit="2") == closed


def test_full_last_page_has_no_cursor(api: Api, open_ticket: Opener) -> None:
    for _ in range(4):
        open_ticket()
    assert api("tickets", query={"limit": "4"}).body["next"] is None
    assert api("tickets", query={"limit": "3"}).body["next"] is not None


def test_entry_of_a_ticket_that_was_taken_since_is_left_out(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    """The index is a moment older than the table: it still lists the ticket as queued."""
    ticket = open_ticket()
    item = encoding.item_to_dynamodb(items.snapshot_item(ticket))
    taken = by_system.assign(ticket, stores.plans.current(), MEI.id, "why", ticket.created_at).after
    item["doc"] = {"S": items.snapshot_doc(taken)}
    aws("dynamodb").put_item(TableName=TABLE, Item=item)
    assert numbers(api("tickets", query={"view": "queue"})) == []


def test_damaged_ticket_is_reported_and_left_out(
    api: Api, open_ticket: Opener, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged, good = open_ticket(), open_ticket()
    aws("dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": keys.ticket_pk(damaged.number)}, "sk": {"S": keys.TICKET}},
        UpdateExpression="SET doc = :doc",
        ExpressionAttributeValues={":doc": {"S": "{"}},
    )
    assert numbers(api("tickets", query={})) == [good.number]
    assert numbers(api("tickets", query={"kind": "complaint"})) == [good.number]
    assert "Unreadable" in capsys.readouterr().out


def test_filtered_page_reads_at_most_five_hundred_tickets(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one ticket in English is due last: only the second page reaches it."""
    plan = stores.plans.current()
    template = open_ticket()
    client = aws("dynamodb")
    puts = []
    for number in range(MOST_READ + 20):
        clock.advance(seconds=1)
        name = f"R-{number:05d}-00000"
        moved = replace(template, number=name, created_at=clock.now())
        clocks = {n: replace(c, due_at=clock.now()) for n, c in template.clocks.items()}
        moved = replace(
            moved, clocks=clocks, language="en" if number == MOST_READ + 19 else "zh-CN"
        )
        item = encoding.item_to_dynamodb(items.snapshot_item(moved))
        puts.append({"PutRequest": {"Item": item}})
    for start in range(0, len(puts), 25):
        client.batch_write_item(RequestItems={TABLE: puts[start : start + 25]})
    assert plan.version == template.plan_version
    read: list[int] = []
    cases = wiring.list_cases()
    plain = cases._ranges.snapshots

    def counted(entries: Any) -> Any:
        read.append(len(entries))
        return plain(entries)

    monkeypatch.setattr(cases._ranges, "snapshots", counted)
    first = api("tickets", "mei", query={"language": "en", "view": "open"})
    assert numbers(first) == []
    assert sum(read) == MOST_READ
    assert first.body["next"] is not None
    query = {"language": "en", "view": "open", "cursor": first.body["next"]}
    second = api("tickets", "mei", query=query)
    assert numbers(second) == [f"R-{MOST_READ + 19:05d}-00000"]
    assert second.body["next"] is None


def test_agent_reads_no_list_of_another_team_and_no_colleagues_list(api: Api) -> None:
    assert api("tickets", "mei", query={"team": "service"}).status == 403
    assert api("tickets", "mei", query={"agent": "a-jun"}).status == 403
    assert api("tickets", "lin", query={"team": "service"}).status == 403
    assert api("tickets", "wei", query={"team": "service"}).status == 200


def test_supervisor_sees_nothing_of_an_agent_of_another_team(api: Api, open_ticket: Opener) -> None:
    open_ticket("inquiry", agent="a-tao")
    assert numbers(api("tickets", "lin", query={"agent": "a-tao"})) == []
    assert len(numbers(api("tickets", "hua", query={"agent": "a-tao"}))) == 1


@pytest.mark.parametrize("view", ["queue", "open", "closed"])
def test_complaint_about_a_member_of_staff_is_in_none_of_their_lists(
    api: Api, open_ticket: Opener, act: Act, view: str
) -> None:
    ticket = open_ticket()
    act(ticket, by_staff.set_about, Actor(Role.SUPERVISOR, "s-lin"), ("a-mei",), "named in it")
    if view == "closed":
        close(act, ticket)
    assert numbers(api("tickets", "mei", query={"view": view})) == []
    assert numbers(api("tickets", "jun", query={"view": view})) == [ticket.number]


def test_cursor_tells_nothing_of_a_complaint_about_its_reader(
    api: Api, open_ticket: Opener, act: Act, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Story 8. A next page, even an empty one, and the place in a cursor would tell of it."""
    opened = []
    for _ in range(6):
        opened.append(open_ticket())
        clock.advance(seconds=1)
    for ticket in opened[3:]:
        act(ticket, by_staff.set_about, LIN, ("a-mei",), "named in it")
    numbers_of = [ticket.number for ticket in opened]
    for limit in ("1", "2", "3"):
        assert pages(api, "mei", limit=limit) == numbers_of[:3]
        assert pages(api, "jun", limit=limit) == numbers_of
    assert api("tickets", "mei", query={"limit": "3"}).body["next"] is None
    monkeypatch.setattr("redress.tickets.cases.listing.MOST_READ", 4)
    cursor = api("tickets", "mei", query={"tag": "none", "limit": "1"}).body["next"]
    place = base64.b64decode(cursor, altchars=b"-_").decode()
    assert numbers_of[2] in place


def test_all_faults_of_a_list_are_in_one_answer(api: Api) -> None:
    query = {"view": "closed", "state": "open", "limit": "101", "cursor": "nonsense", "x": "1"}
    found = api("tickets", query=query)
    assert found.status == 422
    assert found.codes == {
        "/state": "contradicts",
        "/limit": "out_of_range",
        "/cursor": "unknown_cursor",
        "/x": "unknown_parameter",
    }


def test_cursor_of_another_list_is_refused(api: Api, open_ticket: Opener) -> None:
    for _ in range(3):
        open_ticket()
    cursor = api("tickets", query={"view": "queue", "limit": "1"}).body["next"]
    found = api("tickets", query={"view": "open", "cursor": cursor})
    assert found.codes == {"/cursor": "unknown_cursor"}
    assert api("tickets", query={"view": "queue", "cursor": cursor}).status == 200


# -------------------------------------------------------------------- numbers

NAMES = ("mine", "queue", "open", "overdue", "due_soon", "on_hold", "post_mortem_due", "closed")


def counts(found: Reply) -> dict[str, int]:
    assert found.status == 200, found.body
    return {name: found.body[name]["count"] for name in NAMES}


def lists_of(found: Reply, agent: str) -> dict[str, dict[str, str]]:
    """The list that shows the tickets of each number, as the interface's description says."""
    at, team, month = (found.body[name] for name in ("at", "team", "month"))
    soon = (datetime.fromisoformat(at) + timedelta(hours=1)).isoformat()
    return {
        "mine": {"view": "open", "agent": agent},
        "queue": {"view": "queue", "team": team},
        "open": {"view": "open", "team": team},
        "overdue": {"view": "open", "team": team, "due_before": at},
        "due_soon": {"view": "open", "team": team, "due_from": at, "due_before": soon},
        "on_hold": {"view": "on_hold", "team": team},
        "post_mortem_due": {"view": "post_mortem_due", "team": team},
        "closed": {"view": "closed", "team": team, "closed_in": month},
    }


@pytest.fixture
def busy(open_ticket: Opener, act: Act, clock: Clock) -> None:
    """Tickets in all states, some overdue, one on hold, closed ones in two months."""
    close(act, open_ticket())
    clock.moment = datetime(2026, 11, 30, 15, 30, tzinfo=UTC)
    close(act, open_ticket())
    overdue = open_ticket(agent="a-mei")
    open_ticket()
    clock.moment = datetime(2026, 12, 1, 2, 0, tzinfo=UTC)
    close(act, open_ticket())
    held = open_ticket(agent="a-jun")
    act(held, by_staff.reply, JUN, "An answer", False)
    act(held, by_staff.hold, JUN, "part", "We wait for a part")
    open_ticket(agent="a-mei")
    open_ticket("urgent")
    act(open_ticket("urgent"), by_customer.withdraw, "")
    act(overdue, by_timer.act_on_due_rungs)


@pytest.mark.parametrize("by", ["mei", "jun", "lin", "wei"])
def test_each_number_is_the_length_of_its_list(api: Api, busy: None, by: str) -> None:
    """Story 40: cards and table disagreed at day edges. Both read the same range of an index."""
    agent = f"{'a' if by in ('mei', 'jun') else 's' if by == 'lin' else 'm'}-{by}"
    found = api("counts", by, query={})
    for name, query in lists_of(found, agent).items():
        assert len(pages(api, by, of=query)) == found.body[name]["count"], name
    assert found.body["month"] == "2026-12"
    assert found.body["closed"] == {"count": 2, "more": False}
    assert found.body["overdue"]["count"] > 0
    assert found.body["due_soon"]["count"] > 0
    assert found.body["on_hold"]["count"] == 1
    assert found.body["post_mortem_due"]["count"] == 1


def test_complaint_about_a_member_of_staff_is_in_none_of_their_numbers(
    api: Api, open_ticket: Opener, act: Act, busy: None
) -> None:
    before = {by: counts(api("counts", by, query={})) for by in ("mei", "jun")}
    lin = Actor(Role.SUPERVISOR, "s-lin")
    queued, closed, soon = open_ticket(), open_ticket(), open_ticket()
    for ticket in (queued, closed, soon):
        act(ticket, by_staff.set_about, lin, ("a-mei",), "named in it")
    close(act, closed)
    assert counts(api("counts", "mei", query={})) == before["mei"]
    after = counts(api("counts", "jun", query={}))
    assert after["queue"] == before["jun"]["queue"] + 2
    assert after["closed"] == before["jun"]["closed"] + 1
    found = api("counts", "mei", query={})
    for name, query in lists_of(found, "a-mei").items():
        assert len(pages(api, "mei", of=query)) == found.body[name]["count"], name


def test_callbacks_that_an_agent_keeps_after_a_change_of_team_are_neither_listed_nor_counted(
    api: Api, open_ticket: Opener, act: Act
) -> None:
    """A resolved ticket keeps its agent, and a callback by phone is in the agent's work."""
    ticket = open_ticket(agent="a-mei", contact=BY_PHONE)
    act(ticket, by_staff.resolve, MEI, "Replaced", "upheld", "a new one", "a bad batch")
    assert api("counts", "mei", query={}).body["mine"]["count"] == 1
    fields = ("name", "role", "languages", "capacity")
    member = api("member", "wei", agent="a-mei").body
    moved = {name: member[name] for name in ("revision", *fields)}
    moved |= {"team": "service", "reason": "help there"}
    assert api("member-change", "wei", agent="a-mei", body=moved).status == 200
    assert api("counts", "mei", query={}).body["mine"]["count"] == 0
    assert pages(api, agent="a-mei") == []
    given = open_ticket("inquiry", agent="a-mei")
    assert api("counts", "mei", query={}).body["mine"]["count"] == 1
    assert pages(api, agent="a-mei") == [given.number]


def test_each_number_has_the_scope_of_its_reader(api: Api, busy: None) -> None:
    """Story 46: a live report showed everybody's accounts. All tickets are of complaints."""
    for by in ("tao", "hua"):
        assert counts(api("counts", by, query={})) == dict.fromkeys(NAMES, 0), by
    for by, mine in (("mei", 2), ("jun", 1), ("lin", 0)):
        found = counts(api("counts", by, query={}))
        assert found.pop("mine") == mine
        assert all(found.values()), found
    assert not any(counts(api("counts", "wei", query={"team": "service"})).values())


def test_number_above_the_limit_says_that_there_are_more(
    api: Api, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("redress.tickets.cases.listing.COUNT_LIMIT", 3)
    for _ in range(3):
        open_ticket()
    assert api("counts", query={}).body["queue"] == {"count": 3, "more": False}
    open_ticket()
    assert api("counts", query={}).body["queue"] == {"count": 3, "more": True}


def test_numbers_of_another_team_are_for_managers(api: Api, open_ticket: Opener) -> None:
    open_ticket("inquiry")
    assert api("counts", "mei", query={"team": "service"}).status == 403
    assert api("counts", "lin", query={"team": "service"}).status == 403
    assert api("counts", "wei", query={"team": "service"}).body["queue"]["count"] == 1
    assert api("counts", "wei", query={"team": "a team"}).codes == {"/team": "unknown_team"}
