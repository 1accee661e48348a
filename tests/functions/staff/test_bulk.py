"""Bulk acts: each ticket is a change of its own, each refusal is named, nothing is done twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import replace
from io import StringIO
from typing import Any

import pytest

from redress.base.languages import LANGUAGES
from redress.db import keys
from redress.staff.cases.bulk import MOST_TICKETS, PATIENCE_S
from redress.staff.rules.availability import Presence
from redress.tickets.rules.steps import by_staff, by_system
from redress.tickets.rules.ticket import EventType, Ticket
from redress.tickets.store.ranges import BATCH
from redress.tickets.store.tickets import TicketStore
from redress.wiring import staff as wiring
from redress.wiring import stores as wired_stores
from tests.builders import BY_PHONE, MEI, Clock, plan_document
from tests.functions.conftest import MEMBERS
from tests.functions.staff.api import Api, Reply
from tests.wired import TABLE
from tests.world import Act, Opener, Stores, aws

TEXT = {"zh-CN": "我们正在处理。", "zh-TW": "我們正在處理。", "en": "We are on it."}
TAG = {"act": "set_tags", "content": {"add": ["recall"]}}
REPLY = {"act": "reply", "content": {"text": TEXT}}
NOTE = {"act": "note", "content": {"text": TEXT}}


def send(
    api: Api, what: dict[str, Any], *tickets: Ticket, by: str = "lin", key: str = "k"
) -> Reply:
    wishes = [{"number": one.number, "version": one.version} for one in tickets]
    body = what | {"tickets": wishes}
    return api("bulk", by, body=body, headers={"Idempotency-Key": key})


def results(found: Reply) -> list[str]:
    assert found.status == 200, found
    return [one["result"] for one in found.body["tickets"]]


def problem(found: Reply, index: int) -> tuple[int, str]:
    given = found.body["tickets"][index]["problem"]
    return given["status"], given["type"].rpartition(":")[2]


def written(stores: Stores, ticket: Ticket, what: EventType) -> int:
    return sum(event.type is what for event in stores.tickets.history(ticket.number))


def test_each_ticket_is_one_change_and_the_answer_has_its_new_version(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    tickets = [open_ticket() for _ in range(3)]
    found = send(api, TAG, *tickets)
    assert (found.body["done"], found.body["refused"], found.body["left"]) == (3, 0, 0)
    for ticket, one in zip(tickets, found.body["tickets"], strict=True):
        after = stores.tickets.get(ticket.number)
        assert one == {
            "number": ticket.number,
            "result": "done",
            "version": after.version,
            "problem": None,
        }
        assert (after.version, after.tags) == (ticket.version + 1, ("recall",))


def test_bulk_with_three_faults_does_the_others_and_names_the_three(
    api: Api, open_ticket: Opener, stores: Stores, act: Act
) -> None:
    tickets = [open_ticket() for _ in range(BATCH + 5)]
    act(tickets[5], by_staff.set_tags, MEI, ["kettle"])  # another version
    elsewhere = open_ticket("inquiry")
    missing = replace(elsewhere, number="R-00000-00000")
    given = [*tickets[:10], elsewhere, *tickets[10:20], missing, *tickets[20:]]
    found = send(api, TAG, *given)
    counts = (found.body["done"], found.body["refused"], found.body["left"])
    assert counts == (len(tickets) - 1, 3, 0)
    assert [one["number"] for one in found.body["tickets"]] == [one.number for one in given]
    refused = [i for i, one in enumerate(results(found)) if one == "refused"]
    assert [problem(found, index) for index in refused] == [
        (409, "version-conflict"),
        (404, "not-found"),
        (404, "not-found"),
    ]
    conflict = found.body["tickets"][refused[0]]["problem"]
    assert conflict["current_version"] == tickets[5].version + 1
    assert "set_tags" in conflict["can"]
    after = {one.number: stores.tickets.get(one.number).tags for one in tickets}
    assert after.pop(tickets[5].number) == ("kettle",)
    assert set(after.values()) == {("recall",)}


@pytest.mark.parametrize(
    ("what", "status", "name"),
    [
        ({"act": "release"}, 409, "not-allowed-now"),
        ({"act": "resolve", "content": {"text": TEXT}}, 422, "invalid-input"),
        ({"act": "reclassify", "content": {"category": "toy"}}, 422, "invalid-input"),
        ({"act": "reply", "content": {"text": {"en": "On it."}}}, 422, "invalid-input"),
        ({"act": "hold", "content": {"text": TEXT, "reason": "part"}}, 409, "not-allowed-now"),
    ],
)
def test_refusal_of_a_ticket_is_the_problem_of_the_single_route(
    api: Api, open_ticket: Opener, what: dict[str, Any], status: int, name: str
) -> None:
    found = send(api, what, open_ticket())
    assert results(found) == ["refused"]
    assert problem(found, 0) == (status, name)


def test_reply_is_in_the_language_of_each_ticket(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    tickets = [open_ticket(language=language) for language in LANGUAGES]
    assert results(send(api, REPLY, *tickets)) == ["done"] * 3
    for ticket in tickets:
        last = stores.tickets.event(ticket.number, ticket.version + 1)
        assert (last.type, last.data["text"]) == (EventType.REPLIED, TEXT[ticket.language])


def test_template_of_a_bulk_is_filled_for_each_ticket(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    tickets = [
        open_ticket(subject=f"Kettle {number}", language=language)
        for number, language in enumerate(LANGUAGES)
    ]
    greet = {"act": "reply", "content": {"template": "greeting"}}
    assert results(send(api, greet, *tickets)) == ["done"] * 3
    for ticket in tickets:
        text = stores.tickets.event(ticket.number, ticket.version + 1).data["text"]
        assert ticket.number in text
        assert "{" not in text


def test_ticket_that_lacks_a_value_of_the_template_is_refused(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    """Story 37: variables stayed blank (chatwoot 13222, 10109)."""
    document = plan_document() | {"version": 2}
    document["templates"]["order"] = dict.fromkeys(LANGUAGES, "{order}: {details}")
    stores.plan_store.publish(document, 2, 1)
    stores.plans.refresh()
    wired_stores.plans().refresh()
    without, with_order = open_ticket(), open_ticket(order="SO-1")
    content = {"template": "order", "values": {"details": "on its way"}}
    found = send(api, {"act": "tell_progress", "content": content}, without, with_order)
    assert results(found) == ["refused", "done"]
    [fault] = found.body["tickets"][0]["problem"]["errors"]
    assert (fault["pointer"], fault["code"]) == ("/template", "unresolved_variable")
    told = stores.tickets.event(with_order.number, with_order.version + 1)
    assert told.data["text"] == "SO-1: on its way"
    assert stores.tickets.get(without.number) == without


LONG = {"zh-CN": "x" * 20_001}


@pytest.mark.parametrize(
    ("act", "content", "codes"),
    [
        ("reply", {"text": LONG}, {"/text/zh-CN": "too_long"}),
        ("reply", {"text": {"en": "a\x00"}}, {"/text/en": "control_characters"}),
        ("reply", {"text": {}}, {"/text": "required"}),
        ("reply", {}, {"/text": "object_expected"}),
        ("reply", {"text": TEXT, "template": "greeting"}, {"/template": "not_both"}),
        ("reply", {"template": 7}, {"/template": "text_expected"}),
        ("reply", {"text": TEXT, "values": {}}, {"/values": "needs_template"}),
        (
            "reply",
            {"template": "greeting", "values": {"order": "x", "details": "x" * 5_001}},
            {"/values/order": "unknown", "/values/details": "too_long"},
        ),
        ("note", {"template": "greeting"}, {"/template": "unknown", "/text": "object_expected"}),
        ("promise", {"text": TEXT, "within": "soon"}, {"/within": "duration_expected"}),
        ("resolve", {"text": TEXT, "remedy": "x" * 2_001}, {"/remedy": "too_long"}),
        ("resolve", {"text": TEXT, "outcome": "fine"}, {"/outcome": "unknown"}),
        ("reclassify", {"kind": "urgent", "reason": "x" * 2_001}, {"/reason": "too_long"}),
        ("reclassify", {"category": "x" * 82}, {"/category": "too_long"}),
        ("set_tags", {"add": ["x" * 41]}, {"/add/0": "too_long"}),
        ("set_tags", {"add": ["x"] * 21}, {"/add": "too_many"}),
        ("reassign", {"agent": "a b"}, {"/agent": "unknown_agent"}),
        ("reassign", {"team": "No Team"}, {"/team": "unknown_team"}),
        ("release", {"reason": "x"}, {"/reason": "unknown"}),
    ],
)
def test_content_has_the_limits_of_the_single_act_and_is_refused_once(
    api: Api,
    open_ticket: Opener,
    stores: Stores,
    act: str,
    content: dict[str, Any],
    codes: dict[str, str],
) -> None:
    ticket = open_ticket()
    found = send(api, {"act": act, "content": content}, ticket)
    assert found.status == 422
    assert found.codes == {f"/content{pointer}": code for pointer, code in codes.items()}
    assert stores.tickets.get(ticket.number) == ticket


def test_word_that_the_plan_refuses_is_refused_in_a_bulk_too(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    rude = {
        "severity": "refuse",
        "words": {"zh-CN": ["正在"], "zh-TW": [], "en": []},
        "instead": TEXT,
    }
    stores.plan_store.publish(plan_document() | {"version": 2, "wording": {"rude": rude}}, 2, 1)
    stores.plans.refresh()
    wired_stores.plans().refresh()
    ticket = open_ticket(language="zh-CN")
    found = send(api, REPLY, ticket)
    [fault] = found.body["tickets"][0]["problem"]["errors"]
    assert (fault["pointer"], fault["code"]) == ("/text", "refused_word")
    assert stores.tickets.get(ticket.number) == ticket


# ---------------------------------------------------------------------- rights


@pytest.mark.parametrize("by", MEMBERS)
def test_bulk_does_what_the_caller_may_do_and_says_nothing_of_other_tickets(
    api: Api, open_ticket: Opener, stores: Stores, by: str
) -> None:
    """Story 13: tickets that the agent cannot see counted as done (zammad 5405)."""
    about = open_ticket(agent="a-mei", subject="The secret kettle")
    chief = replace(MEMBERS["wei"], id="m-chief").actor
    about = stores.changes.change(
        about.number,
        lambda t, p, at: by_staff.set_about(t, p, chief, [MEMBERS[by].id], "named", at),
    )
    mine = open_ticket(agent="a-mei")
    found = send(api, REPLY, about, mine, by=by)
    hidden = found.body["tickets"][0]
    assert hidden["problem"] == {
        "type": "urn:redress:problem:not-found",
        "title": "There is nothing here",
        "status": 404,
        "detail": f"there is no ticket {about.number}",
    }
    assert "secret" not in json.dumps(found.body)
    assert stores.tickets.get(about.number) == about
    if by in ("mei", "lin", "wei"):
        assert results(found) == ["refused", "done"]
    elif by == "jun":
        assert problem(found, 1) == (403, "forbidden")
        assert found.body["tickets"][1]["problem"]["can"] == ["note"]
    else:
        assert problem(found, 1) == (404, "not-found")


def test_everybody_who_sees_a_ticket_notes_on_it_in_a_bulk(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    tickets = [open_ticket(agent="a-mei"), open_ticket()]
    assert results(send(api, NOTE, *tickets, by="jun")) == ["done", "done"]
    assert all(written(stores, one, EventType.NOTED) == 1 for one in tickets)


def test_bulk_assignment_goes_through_the_one_check_of_the_agent(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    """Story 3: a second path of assignment bypassed capacity (chatwoot PR 13904, 13577)."""
    tickets = [open_ticket() for _ in range(3)]
    capacity = stores.staff.availability("a-mei").capacity
    assert capacity == 2
    give = {"act": "reassign", "content": {"agent": "a-mei", "reason": "recall"}}
    found = send(api, give, *tickets)
    assert results(found) == ["done", "done", "refused"]
    assert problem(found, 2) == (409, "agent-not-free")
    assert stores.staff.availability("a-mei").load == capacity
    stores.staff.set_presence(MEMBERS["jun"], Presence.AWAY, clock.now())
    away = {"act": "reassign", "content": {"agent": "a-jun"}}
    assert problem(send(api, away, tickets[2]), 0) == (409, "agent-not-free")
    gone = send(api, {"act": "reassign", "content": {"agent": "nobody"}}, tickets[2])
    assert (gone.status, gone.codes) == (422, {"/content/agent": "unknown_agent"})


# ---------------------------------------------------------------------- repeating


def test_repeated_bulk_does_nothing_twice_and_says_so(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    tickets = [open_ticket() for _ in range(3)]
    first = send(api, REPLY, *tickets)
    again = send(api, REPLY, *tickets)
    assert (again.body["done"], results(again)) == (3, ["repeated"] * 3)
    assert [one["version"] for one in again.body["tickets"]] == [
        one["version"] for one in first.body["tickets"]
    ]
    assert all(written(stores, one, EventType.REPLIED) == 1 for one in tickets)


@pytest.mark.parametrize("what", [REPLY, NOTE, {"macro": "wait_for_part"}])
def test_bulk_that_is_repeated_with_the_versions_read_again_does_nothing_twice(
    api: Api, open_ticket: Opener, stores: Stores, act: Act, what: dict[str, Any]
) -> None:
    """The answer was lost, and the client reads its tickets again before it repeats the request."""
    ticket = act(open_ticket(), by_staff.reply, MEI, "On it.", False)
    assert results(send(api, what, ticket)) == ["done"]
    done = stores.tickets.get(ticket.number)
    assert done.version > ticket.version
    found = send(api, what, done)
    assert (results(found), found.body["tickets"][0]["version"]) == (["repeated"], done.version)
    assert stores.tickets.get(ticket.number) == done


def test_repeated_bulk_of_notes_adds_no_second_note(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    """A note conflicts with no version, so only the key tells that it was added before."""
    ticket = open_ticket()
    assert results(send(api, NOTE, ticket)) == ["done"]
    assert results(send(api, NOTE, ticket)) == ["repeated"]
    assert written(stores, ticket, EventType.NOTED) == 1
    assert results(send(api, NOTE, ticket, key="another")) == ["done"]


def test_bulk_whose_first_request_still_runs_does_nothing_twice(
    api: Api, open_ticket: Opener, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = open_ticket()
    commit = TicketStore.commit

    def commit_afterwards(store: TicketStore, *given: Any) -> None:
        monkeypatch.setattr(TicketStore, "commit", commit)
        assert results(send(api, REPLY, ticket)) == ["done"]
        commit(store, *given)

    monkeypatch.setattr(TicketStore, "commit", commit_afterwards)
    assert results(send(api, REPLY, ticket)) == ["repeated"]
    assert written(stores, ticket, EventType.REPLIED) == 1


def test_key_of_somebody_else_or_another_key_is_another_bulk(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket()
    send(api, REPLY, ticket)
    assert problem(send(api, REPLY, ticket, by="wei"), 0) == (409, "version-conflict")
    assert problem(send(api, REPLY, ticket, key="other"), 0) == (409, "version-conflict")


def test_key_that_was_used_for_another_act_is_refused(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket()
    send(api, REPLY, ticket)
    assert problem(send(api, NOTE, ticket), 0) == (409, "key-reused")
    assert problem(send(api, NOTE, stores.tickets.get(ticket.number)), 0) == (409, "key-reused")


# ---------------------------------------------------------------------- time and faults


@pytest.fixture(autouse=True)
def no_hurry(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the bulk's own clock stand still, so that a busy machine leaves no ticket."""
    monkeypatch.setattr(wiring.bulk(), "_clock", lambda: 0.0)


@pytest.fixture
def ticking(api: Api, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets the bulk's own clock advance so many seconds at each look."""

    def tick(seconds: float) -> None:
        moments = iter(range(10**6))
        monkeypatch.setattr(wiring.bulk(), "_clock", lambda: next(moments) * seconds)

    return tick


def test_bulk_stops_in_time_and_its_rest_is_done_by_sending_it_again(
    api: Api, open_ticket: Opener, stores: Stores, ticking: Callable[[float], None]
) -> None:
    tickets = [open_ticket() for _ in range(5)]
    ticking(PATIENCE_S / 4)
    found = send(api, REPLY, *tickets)
    assert results(found) == ["done", "done", "left", "left", "left"]
    assert (found.body["done"], found.body["refused"], found.body["left"]) == (2, 0, 3)
    assert stores.tickets.get(tickets[2].number) == tickets[2]
    ticking(0)
    assert results(send(api, REPLY, *tickets)) == ["repeated"] * 2 + ["done"] * 3
    assert all(written(stores, one, EventType.REPLIED) == 1 for one in tickets)


def test_ticket_that_cannot_be_read_keeps_no_other_from_being_done(
    api: Api, open_ticket: Opener, stores: Stores, logs: StringIO
) -> None:
    tickets = [open_ticket() for _ in range(3)]
    key = {"pk": {"S": keys.ticket_pk(tickets[1].number)}, "sk": {"S": keys.TICKET}}
    aws("dynamodb").update_item(
        TableName=TABLE,
        Key=key,
        UpdateExpression="SET doc = :d",
        ExpressionAttributeValues={":d": {"S": "{"}},
    )
    found = send(api, TAG, *tickets)
    assert results(found) == ["done", "refused", "done"]
    assert problem(found, 1) == (500, "unreadable")
    [line] = [one for one in lines(logs) if one["message"] == "failed"]
    assert (line["ticket"], line["status"]) == (tickets[1].number, 500)


def lines(logs: StringIO) -> Iterator[dict[str, Any]]:
    for line in logs.getvalue().splitlines():
        yield json.loads(line)


# ---------------------------------------------------------------------- macros


def test_macro_is_done_on_each_ticket_as_one_change_or_not_at_all(
    api: Api, open_ticket: Opener, stores: Stores, act: Act
) -> None:
    new, answered = open_ticket(), act(open_ticket(), by_staff.reply, MEI, "On it.", False)
    found = send(api, {"macro": "wait_for_part"}, new, answered)
    assert results(found) == ["refused", "done"]
    assert problem(found, 0) == (409, "macro-refused")
    assert [one["pointer"] for one in found.body["tickets"][0]["problem"]["errors"]] == ["/acts/0"]
    assert stores.tickets.get(new.number) == new
    after = stores.tickets.get(answered.number)
    assert (after.on_hold, after.tags) == ("part", ("part ordered",))
    assert results(send(api, {"macro": "wait_for_part"}, answered)) == ["repeated"]


def test_macro_that_there_is_not_refuses_the_whole_bulk(api: Api, open_ticket: Opener) -> None:
    assert send(api, {"macro": "nothing"}, open_ticket()).status == 404


# ---------------------------------------------------------------------- the request


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ({}, {"/act": "required", "/tickets": "list_expected"}),
        (
            {"act": "release", "macro": "x", "tickets": []},
            {"/act": "required", "/tickets": "required"},
        ),
        ({**TAG, "tickets": [{}] * (MOST_TICKETS + 1)}, {"/tickets": "too_many"}),
        (
            {"act": "reply", "content": {"text": {"fr": "Oui"}, "files": []}, "tickets": [3]},
            {
                "/content/text/fr": "unknown_language",
                "/content/files": "unknown",
                "/tickets/0": "object_expected",
            },
        ),
        (
            {
                **TAG,
                "colour": "red",
                "tickets": [
                    {"number": "R-7K3M9-QW0X2", "version": 3},
                    {"number": "r-7k3m9-qwox2", "version": 4},
                    {"number": "7", "version": 0, "x": 1},
                ],
            },
            {
                "/colour": "unknown",
                "/tickets/1/number": "repeated",
                "/tickets/2/number": "number_expected",
                "/tickets/2/version": "whole_number_expected",
                "/tickets/2/x": "unknown",
            },
        ),
        (
            {"act": "set_tags", "content": [], "tickets": [{"number": "R-7K3M9-QW0X2"}]},
            {
                "/content": "object_expected",
                "/tickets/0/version": "whole_number_expected",
            },
        ),
        (
            {
                "macro": "wait_for_part",
                "content": {"add": ["x"]},
                "tickets": [{"number": "R-7K3M9-QW0X2", "version": 1}],
            },
            {"/content": "unknown"},
        ),
    ],
)
def test_every_fault_of_a_bulk_is_named_and_nothing_is_done(
    api: Api, body: dict[str, Any], codes: dict[str, str]
) -> None:
    found = api("bulk", "lin", body=body)
    assert found.status == 422
    assert found.codes == codes


def test_bulk_needs_an_idempotency_key(api: Api, open_ticket: Opener, stores: Stores) -> None:
    ticket = open_ticket()
    found = send(api, TAG, ticket, key="")
    assert (found.status, found.codes) == (422, {"#Idempotency-Key": "key_expected"})
    assert stores.tickets.get(ticket.number) == ticket


def test_bulk_says_for_each_ticket_which_promises_are_later_and_who_tells_the_customer(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    """A promise that the customer was told is not lengthened in silence, also in a bulk."""
    by_phone, untold = open_ticket(contact=BY_PHONE), open_ticket()
    told = stores.changes.change(open_ticket().number, by_system.acknowledge)
    lower = {"act": "reclassify", "content": {"kind": "feedback", "reason": "only praise"}}
    first = send(api, lower, by_phone, untold, told, by="wei")
    assert results(first) == ["done"] * 3
    for found in (first, send(api, lower, by_phone, untold, told, by="wei")):
        phone, silent, mail = found.body["tickets"]
        assert (phone["lengthened"]["told_by"], mail["lengthened"]["told_by"]) == ("staff", "mail")
        assert "lengthened" not in silent
        clocks = {one["clock"] for one in mail["lengthened"]["promises"]}
        assert clocks == {"reaction", "first_response", "resolution"}
