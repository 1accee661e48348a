"""Notes that mention colleagues: who can be mentioned, what it gives them, and when it ends."""

from __future__ import annotations

from copy import replace
from typing import Any

from redress.db import keys
from redress.staff.rules.availability import Presence
from redress.staff.store import ENDED_KEPT
from redress.tickets.rules.steps import by_customer, by_staff
from redress.tickets.rules.steps.table import MOST_MENTIONED
from redress.tickets.rules.ticket import EventType, Ticket
from tests.builders import LIN, MEI, Clock, plan_1
from tests.functions.conftest import MEMBERS
from tests.functions.staff.api import Api, Reply
from tests.wired import TABLE
from tests.world import Act, Opener, Stores, aws

PUBLISHED = plan_1()


def mention(api: Api, by: str, ticket: Ticket, *ids: str, text: str = "Do you know it?") -> Reply:
    body = {"text": text, "mentions": list(ids)}
    return api("note", by, number=ticket.number, body=body)


def end(api: Api, by: str, found: Any, *left: str) -> Reply:
    body = {"version": found["version"], "members": list(left), "reason": "They have answered"}
    return api("mentions-end", by, number=found["number"], body=body)


def listed(api: Api, by: str, **query: str) -> list[str]:
    return [item["number"] for item in api("mentions", by, query=query).body["items"]]


def test_mentioned_colleague_reads_the_ticket_and_answers_with_a_note(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    assert api("ticket", "tao", number=ticket.number).status == 404
    found = mention(api, "mei", ticket, "a-tao", "s-hua")
    assert (found.status, found.body["mentioned"]) == (200, ["a-tao", "s-hua"])
    read = api("ticket", "tao", number=ticket.number)
    assert (read.status, read.body["can"]) == (200, ["note"])
    assert read.body["timeline"][-1]["data"]["mentions"] == ["a-tao", "s-hua"]
    assert read.body["people"]["s-hua"]["name"] == "hua"
    answered = api("note", "tao", number=ticket.number, body={"text": "A bad batch."})
    assert answered.status == 200
    assert stores.tickets.history(ticket.number)[-1].by.id == "a-tao"


def test_mention_gives_no_work(api: Api, open_ticket: Opener, stores: Stores) -> None:
    ticket = open_ticket(agent="a-mei")
    mention(api, "mei", ticket, "a-tao")
    after = stores.tickets.get(ticket.number)
    assert (after.assignee, after.team, after.clocks) == ("a-mei", ticket.team, ticket.clocks)
    assert stores.staff.availability("a-tao").load == 0
    assert stores.staff.availability("a-mei").load == 1
    assert api("work", "tao").body["items"] == []


def test_whoever_sees_a_ticket_only_by_a_mention_shows_it_to_nobody_else(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    """One mention could otherwise open the ticket to ten members, and each of them to ten more."""
    ticket = open_ticket(agent="a-mei")
    shown = stores.tickets.get(mention(api, "mei", ticket, "a-tao", "s-hua").body["number"])
    for guest in ("tao", "hua"):
        found = mention(api, guest, ticket, "m-wei", "nobody")
        assert (found.status, found.codes) == (
            422,
            {"/mentions": "only_mentioned", "/mentions/1": "unknown_member"},
        )
        assert stores.tickets.get(ticket.number) == shown
    assert mention(api, "tao", ticket, text="Ask hua.").status == 200
    for writer in ("mei", "jun", "lin", "wei"):  # assignee, team, leader, manager
        assert mention(api, writer, ticket, "a-tao", text=f"By {writer}").status == 200


def test_mention_is_a_note_so_it_conflicts_with_no_change(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket(agent="a-mei")
    mention(api, "lin", ticket, "a-tao")
    body = {"version": ticket.version, "text": "We are on it."}
    assert api("reply", "mei", number=ticket.number, body=body).status == 200


def test_every_member_who_cannot_be_mentioned_is_named(
    api: Api, open_ticket: Opener, stores: Stores, act: Act, clock: Clock
) -> None:
    suspended = replace(MEMBERS["hua"], suspended=True)
    stores.staff.record(suspended, Presence.AWAY, clock.now())
    ticket = act(open_ticket(agent="a-mei"), by_staff.set_about, LIN, ["a-jun"], "named")
    found = mention(
        api, "mei", ticket, "nobody", "a#b", "a-mei", "s-hua", "a-jun", "m-wei", "m-wei"
    )
    assert (found.status, found.codes) == (
        422,
        {
            "/mentions/0": "unknown_member",
            "/mentions/1": "unknown_member",
            "/mentions/2": "is_oneself",
            "/mentions/3": "not_mentionable",
            "/mentions/4": "not_mentionable",
            "/mentions/6": "duplicate",
        },
    )
    assert stores.tickets.get(ticket.number) == ticket


def test_refusal_does_not_say_whom_the_complaint_is_about(
    api: Api, open_ticket: Opener, stores: Stores, act: Act, clock: Clock
) -> None:
    """Somebody who is suspended and somebody who is accused get the same words."""
    suspended = replace(MEMBERS["hua"], suspended=True)
    stores.staff.record(suspended, Presence.AWAY, clock.now())
    ticket = act(open_ticket(agent="a-mei"), by_staff.set_about, LIN, ["a-jun"], "named")
    found = mention(api, "mei", ticket, "s-hua", "a-jun").body["errors"]
    assert {fault["pointer"] for fault in found} == {"/mentions/0", "/mentions/1"}
    assert len({(fault["code"], fault["detail"]) for fault in found}) == 1


def test_one_ticket_mentions_a_limited_number_of_members(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    ids = [f"a-{place:02}" for place in range(MOST_MENTIONED + 1)]
    for one in ids:
        member = replace(MEMBERS["tao"], id=one, name=one)
        stores.staff.record(member, Presence.AWAY, clock.now())
    ticket = open_ticket(agent="a-mei")
    assert mention(api, "mei", ticket, *ids[:11]).codes == {"/mentions": "too_many"}
    assert mention(api, "mei", ticket, *ids[:10]).status == 200
    assert mention(api, "mei", ticket, *ids[10:20]).status == 200
    assert mention(api, "mei", ticket, ids[20]).codes == {"/mentions": "too_many"}
    assert mention(api, "mei", ticket, ids[0], text="And this?").status == 200


def test_repeated_note_mentions_nobody_twice(api: Api, open_ticket: Opener, stores: Stores) -> None:
    ticket = open_ticket(agent="a-mei")
    first = mention(api, "mei", ticket, "a-tao").body["version"]
    assert mention(api, "mei", ticket, "a-tao").body["version"] == first
    assert mention(api, "mei", ticket, "a-tao", "s-hua").body["version"] == first + 1


def test_mention_never_opens_a_ticket_to_somebody_whom_it_is_about_later(
    api: Api, open_ticket: Opener, act: Act, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    mention(api, "mei", ticket, "a-tao", "a-jun", "m-wei")
    assert listed(api, "tao") == listed(api, "jun") == listed(api, "wei") == [ticket.number]
    accused = act(ticket, by_staff.set_about, LIN, ["a-tao", "a-jun", "m-wei"], "they are named")
    assert accused.mentioned == ()
    for one in ("tao", "jun", "wei"):
        assert listed(api, one) == []
        assert api("ticket", one, number=ticket.number).status == 404
    cleared = act(ticket, by_staff.set_about, LIN, [], "it was somebody else")
    assert cleared.mentioned == ()
    assert api("ticket", "tao", number=ticket.number).status == 404


def test_list_has_the_last_mention_first_in_pages(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    numbers = []
    for _ in range(3):
        ticket = open_ticket()
        mention(api, "lin", ticket, "a-tao")
        numbers.append(ticket.number)
        clock.advance(minutes=1)
    body = {"text": "And now?", "mentions": ["a-tao"]}
    note = api("note", "lin", number=numbers[0], body=body).body["version"]
    order = [numbers[0], numbers[2], numbers[1]]
    assert listed(api, "tao") == order
    first = api("mentions", "tao", query={"limit": "2"}).body
    assert [item["number"] for item in first["items"]] == order[:2]
    assert (first["items"][0]["note"], first["items"][0]["can"]) == (note, ["note"])
    last = api("mentions", "tao", query={"limit": "2", "cursor": first["next"]}).body
    assert ([item["number"] for item in last["items"]], last["next"]) == (order[2:], None)
    assert api("mentions", "jun", query={}).body == {"items": [], "next": None}


def test_mentions_end_when_the_ticket_is_closed(
    api: Api, open_ticket: Opener, act: Act, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    mention(api, "mei", ticket, "a-tao")
    done = act(ticket, by_staff.resolve, MEI, "Done.", "upheld", "new", "seal")
    assert listed(api, "tao") == [done.number]
    closed = act(done, by_customer.withdraw, "")
    assert (closed.mentioned, listed(api, "tao")) == ((), [])
    assert api("ticket", "tao", number=ticket.number).status == 404
    late = mention(api, "mei", ticket, "a-tao")
    assert (late.status, late.body["type"]) == (409, "urn:redress:problem:not-allowed-now")
    assert api("note", "mei", number=ticket.number, body={"text": "Filed."}).status == 200


def test_leader_ends_a_mention_and_nobody_else_does(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    found = mention(api, "mei", ticket, "a-tao", "s-hua").body
    for one in ("mei", "tao", "hua"):
        assert end(api, one, found).status == 403
    unknown = end(api, "lin", found, "a-tao", "a-jun")
    assert (unknown.status, unknown.codes) == (422, {"/members/1": "not_mentioned"})
    ended = end(api, "lin", found, "s-hua")
    assert (ended.status, ended.body["mentioned"]) == (200, ["s-hua"])
    assert (listed(api, "tao"), listed(api, "hua")) == ([], [ticket.number])
    assert api("ticket", "tao", number=ticket.number).status == 404
    last = stores.tickets.history(ticket.number)[-1]
    data = {"mentioned": ["s-hua"], "from": ["a-tao", "s-hua"], "why": "They have answered"}
    assert (last.type, last.data) == (EventType.MENTIONS_SET, data)
    assert end(api, "lin", ended.body, "s-hua").codes == {"/members": "same_mentions"}


def test_mention_that_ended_can_begin_again(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket(agent="a-mei")
    end(api, "lin", mention(api, "mei", ticket, "a-tao").body)
    mention(api, "mei", ticket, "a-tao", text="One more question.")
    assert listed(api, "tao") == [ticket.number]
    assert api("ticket", "tao", number=ticket.number).status == 200


def test_item_of_an_ended_mention_expires_by_itself(
    api: Api, open_ticket: Opener, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    end(api, "lin", mention(api, "mei", ticket, "a-tao").body)
    key = {"pk": {"S": keys.agent_pk("a-tao")}, "sk": {"S": keys.mention_sk(ticket.number)}}
    item = aws("dynamodb").get_item(TableName=TABLE, Key=key)["Item"]
    expires = int((clock.now() + ENDED_KEPT).timestamp())
    assert item == key | {"expires": {"N": str(expires)}}


def test_ticket_that_a_move_to_another_plan_closes_leaves_the_list_without_a_write_of_members(
    api: Api, open_ticket: Opener, stores: Stores, act: Act
) -> None:
    """The function that moves tickets may not write items of members (template.yaml)."""
    ticket = open_ticket("inquiry", agent="a-tao")
    mention(api, "tao", ticket, "a-mei")
    done = act(ticket, by_staff.resolve, MEMBERS["tao"].actor, "Done.", None, None, None)
    level = PUBLISHED.levels["inquiry"]
    kept = {name: one for name, one in level.promises.items() if name not in ("callback", "survey")}
    levels = {**PUBLISHED.levels, "inquiry": replace(level, promises=kept)}
    without = replace(PUBLISHED, version=2, levels=levels, overrides=())
    moved = by_staff.move_to_plan(done, PUBLISHED, without, LIN, "new terms", done.changed_at)
    assert moved.after.closed_at is not None
    stores.tickets.commit(moved, done.changed_at)
    assert [one.number for one in stores.staff.mentions_of("a-mei")] == [ticket.number]
    assert listed(api, "mei") == []
    assert api("ticket", "mei", number=ticket.number).status == 404


def test_names_of_mentioned_members_are_in_the_file_after_their_mention_ended(
    api: Api, open_ticket: Opener
) -> None:
    ticket = open_ticket(agent="a-mei")
    end(api, "lin", mention(api, "mei", ticket, "a-tao").body)
    people = api("ticket", "mei", number=ticket.number).body["people"]
    assert people["a-tao"] == {"name": "tao", "role": "agent"}
