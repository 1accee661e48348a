"""Tasks for other departments: who sees them where, and what comes of them."""

from __future__ import annotations

from copy import replace
from datetime import timedelta
from typing import Any

import pytest

from redress.base.people import Member
from redress.db import keys
from redress.staff.rules.availability import Presence
from redress.tickets.rules.interest import Doubt
from redress.tickets.rules.steps import by_customer, by_staff, by_system
from redress.tickets.rules.ticket import EventType, Ticket
from tests.builders import Clock
from tests.functions.conftest import MEMBERS
from tests.functions.staff.api import TASK_ACTS, Api, Reply
from tests.functions.staff.test_rights import about, said, suspend
from tests.wired import TABLE
from tests.world import Act, Opener, Stores, aws, split, unsplit

TITLE = "A spare seal?"
TEXT = "The customer needs a seal for the kettle KX."
SUBJECT = "The secret kettle"
WORDS = "It leaks on my floor"
WANG = "wang.wei@example.com"
NEW = {"team": "service", "title": TITLE, "text": TEXT}

OF_TASK = ("task", *TASK_ACTS)


@pytest.fixture
def ticket(open_ticket: Opener) -> Ticket:
    return open_ticket("complaint", agent="a-mei", subject=SUBJECT, description=WORDS)


def ask(api: Api, ticket: Ticket, by: str = "mei", **fields: Any) -> Reply:
    body = NEW | {"version": ticket.version} | fields
    return api("task-opening", by, number=ticket.number, body=body)


def act(api: Api, name: str, by: str, number: str, **body: Any) -> Reply:
    """An act on the first task of a ticket. The revision is that of the task as it is now."""
    read = api("task", "wei", number=number, id="1").body
    given = (
        TASK_ACTS[name] | ({} if name == "task-press" else {"revision": read["revision"]}) | body
    )
    return api(name, by, number=number, id="1", body=given)


@pytest.fixture
def asked(api: Api, ticket: Ticket) -> Ticket:
    """A ticket of complaints whose agent has asked the department of service."""
    assert ask(api, ticket).status == 200
    return ticket


def listed(api: Api, by: str, which: str, **query: str) -> list[str]:
    found = api("tasks", by, query={"list": which} | query)
    assert found.status == 200, found.body
    return [f"{line['number']} {line['id']}" for line in found.body["items"]]


# ------------------------------------------------------------------------------ a whole life


def test_task_goes_from_the_agent_to_the_department_and_back(
    api: Api, ticket: Ticket, stores: Stores, clock: Clock
) -> None:
    opened = ask(api, ticket)
    [task] = opened.body["tasks"]
    assert (task["team"], task["state"], task["owner"]) == ("service", "open", None)
    assert "resolve" not in opened.body["can"]
    assert listed(api, "tao", "queue") == [f"{ticket.number} 1"]
    assert act(api, "task-assignment", "tao", ticket.number).body["owner"] == "a-tao"
    assert (listed(api, "tao", "queue"), listed(api, "tao", "mine")) == (
        [],
        [f"{ticket.number} 1"],
    )
    assert listed(api, "hua", "team") == [f"{ticket.number} 1"]
    clock.advance(hours=1)
    done = act(api, "task-result", "tao", ticket.number).body
    assert (done["state"], done["standing"], done["breached"]) == ("done", "kept", False)
    assert [event["type"] for event in done["timeline"]] == [
        "task_opened",
        "task_assigned",
        "task_done",
    ]
    for by, which in (("tao", "mine"), ("hua", "team"), ("hua", "queue")):
        assert listed(api, by, which) == []
    read = api("ticket", "mei", number=ticket.number).body
    assert "resolve" in read["can"]
    assert read["timeline"][-1]["data"]["text"] == "There is one."


def test_resolution_is_refused_while_a_required_task_is_not_done(
    api: Api, asked: Ticket, stores: Stores
) -> None:
    body = {
        "version": asked.version + 1,
        "text": "Replaced.",
        "outcome": "upheld",
        "remedy": "replacement",
        "root_cause": "seal",
    }
    for by in ("mei", "lin", "wei"):
        found = api("resolution", by, number=asked.number, body=body)
        assert (found.status, found.body["type"]) == (409, "urn:redress:problem:tasks-open")
        assert found.codes == {"/tasks/1": "task_not_done"}
        assert TITLE in found.body["detail"]
    act(api, "task-return", "hua", asked.number)
    back = stores.tickets.get(asked.number).version
    late = api("resolution", "mei", number=asked.number, body=body | {"version": back})
    assert (late.status, late.body["type"]) == (409, "urn:redress:problem:tasks-open")
    assert act(api, "task-cancellation", "mei", asked.number).status == 403
    act(api, "task-cancellation", "lin", asked.number)
    now = stores.tickets.get(asked.number)
    stale = api("resolution", "mei", number=asked.number, body=body)
    assert [one["type"] for one in stale.body["conflicts"]] == ["task_returned", "task_cancelled"]
    solved = api("resolution", "mei", number=asked.number, body=body | {"version": now.version})
    assert solved.status == 200


def test_agent_who_has_not_read_the_result_is_told_before_they_resolve(
    api: Api, ticket: Ticket
) -> None:
    """A task against a resolution: one wins, the other is told."""
    opened = ask(api, ticket, optional=True).body
    act(api, "task-result", "hua", ticket.number)
    body = {"text": "Solved.", "outcome": "upheld", "remedy": "new", "root_cause": "seal"}
    stale = api(
        "resolution", "mei", number=ticket.number, body=body | {"version": opened["version"]}
    )
    assert (stale.status, [one["type"] for one in stale.body["conflicts"]]) == (409, ["task_done"])


def test_task_is_refused_on_a_ticket_that_was_resolved_meanwhile(
    api: Api, ticket: Ticket, act: Act, stores: Stores
) -> None:
    actor = MEMBERS["lin"].actor
    act(ticket, by_staff.resolve, actor, "Solved", "upheld", "new", "seal")
    found = ask(api, ticket)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:not-allowed-now")
    assert stores.tickets.get(ticket.number).tasks == ()


def test_repeated_request_opens_no_second_task(api: Api, ticket: Ticket, stores: Stores) -> None:
    assert ask(api, ticket).status == 200
    again = ask(api, ticket)
    assert (again.status, [one["type"] for one in again.body["conflicts"]]) == (
        409,
        ["task_opened"],
    )
    assert len(stores.tickets.get(ticket.number).tasks) == 1


def test_of_two_who_take_a_task_one_gets_it_and_the_other_is_told(
    api: Api, asked: Ticket, stores: Stores, clock: Clock
) -> None:
    bo = Member("a-bo", "bo", "bo@example.com", MEMBERS["tao"].role, "service", ("en",), 2)
    stores.staff.record(bo, Presence.AVAILABLE, clock.now())
    revision = api("task", "tao", number=asked.number, id="1").body["revision"]
    first = {"revision": revision, "owner": "a-tao"}
    assert api("task-assignment", "tao", number=asked.number, id="1", body=first).status == 200
    second = api(
        "task-assignment",
        "hua",
        number=asked.number,
        id="1",
        body={"revision": revision, "owner": "a-bo"},
    )
    assert (second.status, second.body["type"]) == (409, "urn:redress:problem:version-conflict")
    assert second.body["current_version"] == revision + 1
    assert "assign_task" in second.body["can"]
    assert stores.tickets.get(asked.number).tasks[0].owner == "a-tao"


def test_withdrawal_ends_the_task_and_takes_it_off_every_list(
    api: Api, asked: Ticket, stores: Stores
) -> None:
    stores.changes.change(asked.number, lambda t, p, at: by_customer.withdraw(t, p, "", at))
    assert listed(api, "hua", "team") == []
    late = act(api, "task-result", "hua", asked.number)
    assert (late.status, late.body["can"]) == (409, [])
    read = api("task", "tao", number=asked.number, id="1").body
    assert (read["state"], read["timeline"][-1]["data"]["why"]) == (
        "cancelled",
        "the ticket is closed",
    )


def test_pressing_twice_with_the_same_words_is_recorded_once(
    api: Api, asked: Ticket, stores: Stores
) -> None:
    for _ in range(2):
        assert act(api, "task-press", "lin", asked.number).body["pressed"] == 1
    assert act(api, "task-press", "hua", asked.number).body["pressed"] == 2
    pressed = [e for e in stores.tickets.history(asked.number) if e.type is EventType.TASK_PRESSED]
    assert [event.by.id for event in pressed] == ["s-lin", "s-hua"]


WORD = {
    "text": "您好，配件要从国外寄来，周五中午前答复您。",
    "answer_by": "2026-11-27T12:00:00+08:00",
}
"""A new word after the 48 hours in which a complaint of Monday is to be solved."""


def test_department_gets_more_time_and_the_customer_a_new_word_in_one_change(
    api: Api, asked: Ticket, stores: Stores
) -> None:
    act(api, "task-assignment", "tao", asked.number)
    waiting = act(api, "task-extension", "tao", asked.number).body
    assert (waiting["extension_until"], waiting["due_at"]) == (
        "2026-11-27T02:00:00.000Z",
        "2026-11-23T10:00:00.000Z",
    )
    granted = {"decision": "granted", "reason": None}
    for by in ("tao", "hua", "mei"):
        assert act(api, "task-extension-decision", by, asked.number, **granted).status == 403
    without = act(api, "task-extension-decision", "lin", asked.number, **granted)
    assert (without.status, without.codes) == (422, {"/text": "word_needed"})
    half = act(api, "task-extension-decision", "lin", asked.number, **granted, text=WORD["text"])
    assert (half.status, half.codes) == (
        422,
        {"/answer_by": "required", "/version": "required"},
    )
    now = stores.tickets.get(asked.number)
    found = act(
        api, "task-extension-decision", "lin", asked.number, **granted, **WORD, version=now.version
    )
    assert (found.status, found.body["due_at"], found.body["extended"]) == (
        200,
        "2026-11-27T02:00:00.000Z",
        1,
    )
    after = stores.tickets.history(asked.number)[-2:]
    assert [event.type for event in after] == [
        EventType.TASK_EXTENSION_DECIDED,
        EventType.PROMISED,
    ]
    assert after[0].at == after[1].at
    assert after[1].data["to"] == "li.na@example.com"
    # What the customer is told is no part of the task.
    read = api("task", "tao", number=asked.number, id="1")
    assert WORD["text"] not in said(read)
    assert read.body["timeline"][-1]["data"]["granted"] is True


def test_urge_of_the_customer_is_in_the_timeline_of_the_tasks_that_were_open(
    api: Api, asked: Ticket, stores: Stores
) -> None:
    """The department sees when the customer urged, and nothing else of them."""
    stores.changes.change(asked.number, by_customer.urge)
    read = api("task", "hua", number=asked.number, id="1").body
    urged = read["timeline"][-1]
    assert (urged["type"], urged["data"], urged["by"]["role"]) == ("urged", {}, "customer")
    assert (read["urged"], len(read["timeline"])) == (1, 2)
    ask(api, stores.tickets.get(asked.number))
    later = api("task", "hua", number=asked.number, id="2").body
    assert [one["type"] for one in later["timeline"]] == ["task_opened"]


def test_word_of_an_extension_is_refused_if_the_customer_wrote_meanwhile(
    api: Api, asked: Ticket, stores: Stores
) -> None:
    act(api, "task-extension", "hua", asked.number)
    now = stores.tickets.get(asked.number)
    stores.changes.change(
        asked.number, lambda t, p, at: by_customer.write(t, p, "It got worse.", at)
    )
    given = {"decision": "granted", "reason": None, **WORD, "version": now.version}
    found = act(api, "task-extension-decision", "lin", asked.number, **given)
    assert (found.status, [one["type"] for one in found.body["conflicts"]]) == (
        409,
        ["customer_wrote"],
    )
    assert stores.tickets.get(asked.number).tasks[0].extension is not None


def test_word_of_an_extension_has_no_word_that_the_plan_refuses(
    api: Api, asked: Ticket, stores: Stores
) -> None:
    act(api, "task-extension", "hua", asked.number)
    version = stores.tickets.get(asked.number).version
    rude = {"decision": "granted", "reason": None, **WORD, "version": version}
    refused = act(
        api, "task-extension-decision", "lin", asked.number, **(rude | {"text": "只能怪你自己"})
    )
    assert refused.status == 422
    assert refused.codes.get("/text") == "refused_word"


# -------------------------------------------------------------------------- who sees what


def test_department_reads_what_the_task_shares_and_nothing_else(
    api: Api, open_ticket: Opener
) -> None:
    ticket = open_ticket(
        "complaint", agent="a-mei", subject=SUBJECT, description=WORDS, order="SO-2026-118"
    )
    ask(api, ticket, shares=["order", "category"])
    found = api("task", "tao", number=ticket.number, id="1")
    assert found.body["shared"] == {"order": "SO-2026-118", "category": None}
    assert found.body["text"] == TEXT
    for private in (SUBJECT, WORDS, "li.na", "Li Na", "13800"):
        assert private not in said(found)
    ask(api, ticket, version=ticket.version + 1, shares=["message", "subject"])
    second = api("task", "tao", number=ticket.number, id="2").body
    assert second["shared"] == {"message": WORDS, "subject": SUBJECT}
    assert [event["data"].get("text") for event in second["timeline"]] == [TEXT]


def test_department_reads_no_message_that_was_split_off(
    api: Api, open_ticket: Opener, act: Act, stores: Stores
) -> None:
    ticket = open_ticket("complaint", agent="a-mei", description=WORDS)
    mei = MEMBERS["mei"].actor
    act(ticket, by_staff.set_participants, mei, [WANG])
    act(ticket, lambda t, p, at: by_customer.write(t, p, "Her own words", at, participant=WANG))
    ticket = act(ticket, by_customer.write, "And where is my invoice?")
    ask(api, ticket, version=ticket.version, shares=["message"])
    assert api("task", "tao", number=ticket.number, id="1").body["shared"] == {"message": WORDS}
    new = split(stores, ticket.number, 1)
    shared = api("task", "tao", number=ticket.number, id="1").body["shared"]
    assert shared == {"message": "And where is my invoice?"}
    unsplit(stores, ticket.number, new)
    assert api("task", "tao", number=ticket.number, id="1").body["shared"] == {"message": WORDS}


@pytest.mark.parametrize(
    "name",
    ["ticket", "clocks", "files", "upload", "note", "reply", "viewing", "draft", "resolution"],
)
def test_department_does_not_see_the_ticket_on_any_other_path(
    api: Api, asked: Ticket, name: str
) -> None:
    act(api, "task-assignment", "tao", asked.number)
    for by in ("tao", "hua"):
        found = api(name, by, number=asked.number)
        assert found.status == 404, (by, found.body)
        assert SUBJECT not in said(found)


def test_department_finds_the_ticket_in_no_list_and_in_no_search(
    api: Api, asked: Ticket, stores: Stores
) -> None:
    act(api, "task-assignment", "tao", asked.number)
    for by in ("tao", "hua"):
        for name in ("work", "mentions", "tickets", "counts"):
            assert asked.number not in said(api(name, by, query={})), name
        found = api("search", by, query={"q": asked.number})
        assert found.body["items"] == []


@pytest.mark.parametrize("standing", ["accused", "suspended", "unclear"])
@pytest.mark.parametrize("name", OF_TASK)
def test_task_is_as_if_it_did_not_exist_for_who_is_kept_from_the_ticket(
    api: Api, asked: Ticket, stores: Stores, clock: Clock, name: str, standing: str
) -> None:
    if standing == "accused":
        about(stores, stores.tickets.get(asked.number), *(m.id for m in MEMBERS.values()))
    elif standing == "suspended":
        suspend(stores, clock, *MEMBERS)
    else:
        why = Doubt.NOBODY_NAMED_SO
        stores.changes.change(
            asked.number, lambda t, p, at: by_system.doubt_about(t, p, [], why, at)
        )
    version = stores.tickets.get(asked.number).version
    for by, member in MEMBERS.items():
        if standing == "unclear" and member.role.value != "agent":
            continue
        body = TASK_ACTS.get(name, {}) | ({} if name == "task-press" else {"revision": 1})
        changes = {"body": body} if name in TASK_ACTS else {}
        found = api(name, by, number=asked.number, id="1", **changes)
        missing = api(name, by, number=asked.number, id="2", **changes)
        assert (found.status, found.body) == (missing.status, missing.body), by
        assert found.status in (403, 404)
        assert TITLE not in said(found)
    assert stores.tickets.get(asked.number).version == version


def test_task_of_another_department_is_as_if_it_did_not_exist(
    api: Api, asked: Ticket, stores: Stores, clock: Clock
) -> None:
    moved = replace(MEMBERS["tao"], team="workshop", managed=True)
    stores.staff.record(moved, Presence.AVAILABLE, clock.now())
    for name in ("task", "task-assignment", "task-result", "task-return", "task-cancellation"):
        body = TASK_ACTS.get(name, {}) | {"revision": 1}
        changes = {"body": body} if name in TASK_ACTS else {}
        found = api(name, "tao", number=asked.number, id="1", **changes)
        assert found.status == 404, name
    assert listed(api, "tao", "queue") == []


def test_lists_of_another_department_are_for_those_who_see_every_team(
    api: Api, asked: Ticket
) -> None:
    for by in ("mei", "lin"):
        assert api("tasks", by, query={"list": "team", "team": "service"}).status == 403
    assert listed(api, "wei", "team", team="service") == [f"{asked.number} 1"]
    assert listed(api, "wei", "team") == []


def test_accused_member_loses_the_task_and_it_is_in_no_list_of_theirs(
    api: Api, asked: Ticket, stores: Stores
) -> None:
    act(api, "task-assignment", "tao", asked.number)
    about(stores, stores.tickets.get(asked.number), "a-tao")
    for which in ("mine", "queue", "team"):
        assert listed(api, "tao", which) == []
    assert listed(api, "hua", "queue") == [f"{asked.number} 1"]


def test_task_for_the_department_of_the_accused_needs_an_owner(
    api: Api, ticket: Ticket, stores: Stores
) -> None:
    now = about(stores, ticket, "a-tao")
    refused = ask(api, now)
    assert (refused.status, refused.codes) == (422, {"/owner": "is_about"})
    accused = ask(api, now, owner="a-tao")
    assert (accused.status, accused.codes) == (422, {"/owner": "unknown_agent"})
    [task] = ask(api, now, owner="s-hua").body["tasks"]
    assert (task["owner"], task["private"]) == ("s-hua", True)
    assert api("task", "tao", number=ticket.number, id="1").status == 404


# ------------------------------------------------------------------------------ lists, input


def test_list_has_pages_next_due_first(api: Api, ticket: Ticket, clock: Clock) -> None:
    due = [clock.now() + timedelta(hours=hours) for hours in (5, 2, 9, 1)]
    for index, one in enumerate(due):
        at = one.isoformat().replace("+00:00", "Z")
        assert ask(api, ticket, version=ticket.version + index, due_at=at).status == 200
    wanted = [f"{ticket.number} {one}" for one in (4, 2, 1, 3)]
    first = api("tasks", "hua", query={"list": "team", "limit": "3"}).body
    assert [f"{one['number']} {one['id']}" for one in first["items"]] == wanted[:3]
    assert listed(api, "hua", "team", cursor=first["next"]) == wanted[3:]
    assert listed(api, "hua", "queue", limit="3", cursor=first["next"]) == wanted[3:]


def test_every_wrong_parameter_of_a_list_is_named(api: Api, staff: Any) -> None:
    found = api("tasks", "tao", query={"list": "all", "team": "#", "limit": "0", "cursor": "x"})
    assert (found.status, found.codes) == (
        422,
        {
            "/list": "unknown_value",
            "/team": "unknown_team",
            "/limit": "out_of_range",
            "/cursor": "unknown_cursor",
        },
    )


def test_every_wrong_field_of_a_new_task_is_named(api: Api, ticket: Ticket) -> None:
    body = {"team": " ", "title": "x" * 121, "due_at": "tomorrow", "shares": ["contact"]}
    found = api("task-opening", "mei", number=ticket.number, body=body)
    assert (found.status, found.codes) == (
        422,
        {
            "/version": "required",
            "/team": "required",
            "/title": "too_long",
            "/text": "required",
            "/due_at": "instant_expected",
            "/shares/0": "unknown_value",
        },
    )


def test_item_of_an_ended_task_is_in_no_index_and_is_removed_by_ttl(
    api: Api, asked: Ticket, clock: Clock
) -> None:
    key = {"pk": {"S": keys.ticket_pk(asked.number)}, "sk": {"S": keys.task_sk("1")}}

    def item() -> dict[str, Any]:
        found: dict[str, Any] = aws("dynamodb").get_item(TableName=TABLE, Key=key)["Item"]
        return found

    assert item()["open_pk"]["S"] == "TASKS#service"
    act(api, "task-result", "hua", asked.number)
    assert set(item()) == {"pk", "sk", "expires"}
    assert int(item()["expires"]["N"]) == int(clock.now().timestamp())


def test_agent_of_another_ticket_opens_no_task_on_it(api: Api, ticket: Ticket) -> None:
    found = ask(api, ticket, by="jun")
    assert (found.status, found.body["can"]) == (403, ["note"])
    assert ask(api, ticket, by="tao").status == 404
    assert ask(api, ticket, by="lin").status == 200


def test_sight_of_a_task_needs_a_number_of_a_task(api: Api, asked: Ticket) -> None:
    for wrong in ("0", "21", "x", "01"):
        assert api("task", "tao", number=asked.number, id=wrong).status == 404
