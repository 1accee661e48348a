"""Cases that need more than one person or system, on the deployed stack.

Each test is a failure that other products had: what was lost, doubled or told to the wrong one.
Some of the cases are scenes of `local.story`, which the demo plays, too: each of them checks what
people see. With skipped time, tests/statemachines/test_whole_case.py plays the same cases.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local import stack, story
from local.demo import ENTRANCE_S
from local.endpoints import (
    Form,
    Receipt,
    Staff,
    act_on_page,
    call,
    mailbox,
    submit_by_json,
    wait_for,
)
from local.stack import Outputs
from local.story import World
from tests import amazon_connect as connect
from tests.local.conftest import resolve_open_tickets
from tests.local.living import complaint, opened, rungs
from tests.local.systems import connected
from tests.local.test_mail import mail_with, reply_address, send, written

SETTLE_S = 12
"""Longer than the first promises of a complaint under the paced plan. So a clock that still ran
would have broken one."""


@pytest.fixture(autouse=True)
def agents_are_free(world: World) -> Iterator[None]:
    """Agents have a limited capacity, so each test leaves them nothing to do."""
    yield
    resolve_open_tickets(world)


SCENES = {
    "urgent": "urgent_ticket_is_contacted_at_once_and_open_until_its_post_mortem_is_written",
    "department": "ticket_is_not_resolved_before_the_department_has_answered",
    "remedy": "remedy_above_the_bound_is_promised_when_somebody_else_has_approved_it",
    "checklist": "promise_follows_the_checklist_and_an_item_is_rejected_with_a_reason",
    "call": "missed_call_is_one_ticket_with_its_callback_however_often_the_record_comes",
    "merged": "customer_who_writes_twice_is_led_from_the_merged_ticket_to_the_other_one",
    "split": "second_matter_of_a_customer_gets_a_ticket_a_mail_and_promises_of_its_own",
    "incident": "one_word_about_an_incident_reaches_three_customers_in_their_languages",
}
"""Scenes of the demo, and what each of them checks."""


@pytest.fixture(scope="module")
def played(world: World) -> dict[str, Exception | None]:
    """Plays the scenes at the same time. Gives the fault of each, or None."""

    def play(scene: story.Scene) -> Exception | None:
        try:
            scene.play(world)
        except Exception as fault:
            return fault
        return None

    cast = [scene for scene in story.scenes() if scene.title in SCENES]
    with ThreadPoolExecutor(len(cast)) as pool:
        playing = {}
        for scene in cast:
            playing[scene.title] = pool.submit(play, scene)
            time.sleep(ENTRANCE_S)
    return {title: one.result() for title, one in playing.items()}


@pytest.mark.parametrize("title", [pytest.param(one, id=name) for one, name in SCENES.items()])
def test_scene(played: dict[str, Exception | None], title: str) -> None:
    assert played[title] is None, played[title]


def pair(world: World, name: str, **of_source: Any) -> tuple[Receipt, Receipt]:
    """Two tickets of one customer, each with an agent: the source and the target of a merge."""
    receipts = [
        submit_by_json(world.base_url, complaint(name) | fields) for fields in (of_source, {})
    ]
    for one in receipts:
        story.agent_of(world, one.number)
    source, target = receipts
    return source, target


def merge(world: World, source: Receipt, target: Receipt) -> Any:
    """Merge the source into the target. Returns the source."""
    body = {"into": target.number, "reason": "It is one kettle."}
    body["into_version"] = world.manager.read(target.number)["version"]
    return world.manager.change(source.number, "merge", **body)


def events(world: World, number: str, kind: str) -> list[Any]:
    return story.happened(world.manager.read(number), kind)


def test_reply_to_a_merged_ticket_goes_to_the_target_and_reopens_nothing(
    world: World, deployed: Outputs
) -> None:
    source, target = pair(world, "merged-reply")
    merge(world, source, target)
    address, sender = reply_address(deployed, source.number), "merged-reply@customer.example"
    subject = f"Re: {source.number}"
    send(deployed, written("It is the red one.", sender, address, subject), sender, address)
    [word] = wait_for(
        lambda: events(world, target.number, "customer_wrote"), "the mail is in the target", 30
    )
    assert (word["data"]["text"], word["data"]["sent_to"]) == ("It is the red one.", source.number)
    assert world.manager.read(source.number)["state"] == "closed"
    assert events(world, source.number, "customer_wrote") == []


def test_merged_ticket_is_escalated_no_more_and_the_target_keeps_the_earliest_promise(
    world: World,
) -> None:
    source, target = pair(world, "merged-clocks")
    due = {one["clock"]: one["due_at"] for one in world.manager.read(source.number)["promises"]}
    merge(world, source, target)
    fired, shown = rungs(world, source.number), world.manager.read(target.number)
    kept = {one["clock"]: one["due_at"] for one in shown["promises"]}
    assert kept["resolution"] == due["resolution"], "the source was opened first"
    time.sleep(SETTLE_S)
    after = world.manager.read(source.number)
    assert rungs(world, source.number) == fired
    assert (after["state"], after["escalation"]) == ("closed", None)


def test_facts_of_a_merged_ticket_follow_with_their_origin(world: World) -> None:
    source, target = pair(world, "merged-facts", order="A-1042")
    merge(world, source, target)
    shown = world.manager.read(target.number)
    assert shown["order"] == "A-1042"
    [merged] = story.happened(shown, "merged")
    assert merged["data"]["ticket"] == source.number
    words = [one["data"]["description"] for one in events(world, source.number, "opened")]
    assert words == ["It broke."], "what was written stays where it was"


def test_split_ticket_goes_to_the_author_of_the_words_and_not_to_the_first_sender(
    world: World, deployed: Outputs
) -> None:
    first, friend = opened(world, "split-first"), "split-friend@customer.example"
    story.agent_of(world, first.number)
    read = {"version": world.manager.read(first.number)["version"], "participants": [friend]}
    world.manager.send("PUT", f"/tickets/{first.number}/participants", read)
    address, subject = reply_address(deployed, first.number), f"Re: {first.number}"
    send(deployed, written("Mine hums, too.", friend, address, subject), friend, address)
    [word] = wait_for(
        lambda: events(world, first.number, "customer_wrote"), "the friend's mail came", 30
    )
    asked = {
        "version": world.manager.read(first.number)["version"],
        "events": [word["number"]],
        "subject": "A kettle that hums",
        "kind": "complaint",
        "reason": "It is another kettle.",
    }
    path, key = f"/tickets/{first.number}/split", f"split of {first.number}"
    made = world.manager.send("POST", path, asked, key)
    again = world.manager.send("POST", path, asked, key)
    assert (again["number"], again["replayed"]) == (made["number"], True)
    new = world.manager.read(made["number"])
    assert (new["contact"]["email"], new["contact"]["phone"]) == (friend, None)
    assert [(one["kind"], one["number"]) for one in new["links"]] == [("split_from", first.number)]
    told = mail_with(world, friend, made["number"])
    assert "of its own" in told.text
    assert made["number"] not in call("GET", first.status_url).text, "it is the friend's"
    undo = {"ticket": made["number"], "reason": "It is the same kettle after all."}
    world.manager.change(first.number, "unsplit", **undo)
    after = world.manager.read(made["number"])
    assert (after["state"], after["closure"]) == ("closed", "split_undone")


def test_macro_and_bulk_close_nothing_past_an_open_task(world: World) -> None:
    submission = story.body(
        "feedback", "en", "Ann", "More packing", "Two boxes, please.", email="ann@customer.example"
    )
    number = submit_by_json(world.base_url, submission).number
    agent = story.agent_of(world, number)
    title = "Is it possible?"
    asked = {"team": "complaints", "title": title, "text": "Two boxes.", "shares": []}
    [task] = agent.change(number, "tasks", **asked)["tasks"]
    read = {"version": world.manager.read(number)["version"]}
    refused = agent.call("POST", f"/tickets/{number}/macros/thank_for_feedback", read)
    assert (refused.status, title in refused.text) == (409, True), refused.text
    many = {"macro": "thank_for_feedback", "tickets": [{"number": number, **read}]}
    done = world.manager.call("POST", "/bulk", many, f"bulk of {number}")
    assert done.status == 200, done.text
    [result] = done.json()["tickets"]
    assert (result["result"], title in done.text) == ("refused", True), result
    assert world.manager.read(number)["state"] in ("new", "open")
    over = {"revision": task["revision"], "reason": "The customer has written again."}
    world.manager.send("POST", f"/tasks/{number}/{task['id']}/cancellation", over)


def test_related_ticket_stays_open_when_the_other_one_is_resolved(world: World) -> None:
    first, second = opened(world, "related-one"), opened(world, "related-two")
    agent = story.agent_of(world, first.number)
    story.agent_of(world, second.number)
    link = {"kind": "related", "ticket": second.number, "reason": "One batch of kettles."}
    world.manager.change(first.number, "links", **link)
    agent.change(first.number, "resolution", text="A new one left.", **story.solved("complaint"))
    time.sleep(3)
    other = world.manager.read(second.number)
    assert other["state"] in ("new", "open")
    assert [(one["kind"], one["number"]) for one in other["links"]] == [("related", first.number)]


def test_parts_of_a_call_are_apart_and_the_caller_is_found_by_the_number_however_it_is_written(
    world: World,
) -> None:
    hotline = connected(world, "hotline", ["calls:write"])
    digits = (
        f"6{time.time_ns() // 1000 % 10_000_000:07}"  # a number of Shanghai never begins with 0
    )
    body = complaint("caller")
    body["contact"] = {"name": "Li Na", "phone": f"(021) {digits[:4]}/{digits[4:]}"}
    earlier = submit_by_json(world.base_url, body).number
    agent = story.agent_of(world, earlier)
    now = datetime.now(UTC)

    def at(seconds: float) -> str:
        return (now - timedelta(seconds=seconds)).isoformat()

    record = {
        "call": f"call-{digits}",
        "phone": f"+8621{digits}",
        "name": "Li Na",
        "language": "en",
        "result": "answered",
        "agent": agent.id,
        "began": at(300),
        "left_menu": at(280),
        "answered": at(250),
        "held": [[at(200), at(170)]],
        "ended": at(100),
        "after_work_ended": at(70),
        "updated": at(60),
    }
    status, found = hotline.record_call("msg_1", **record)
    assert status in (200, 201), found
    number = found["number"]
    [called] = events(world, number, "call_recorded")
    seconds = {name: round(value) for name, value in called["data"]["seconds"].items()}
    assert seconds == {"menu": 20, "queue": 30, "talk": 120, "hold": 30, "after": 30}
    customers = wait_for(
        lambda: _both([world.manager.read(one)["customer"] for one in (earlier, number)]),
        "both tickets have their customer",
        30,
    )
    assert customers[0] == customers[1]
    assert hotline.record_call("msg_2", **record)[1]["version"] == found["version"], "a repeat"


def _both(found: list[Any]) -> list[Any] | None:
    return found if all(found) else None


def test_messages_of_a_source_are_never_doubled_and_a_gap_is_shown(world: World) -> None:
    chat = connected(world, "inbox", ["messages:write"])
    number = chat.hand_over("msg_1", "m-1", "My kettle leaks.", sequence=1)[1]["number"]
    assert chat.hand_over("msg_1", "m-1", "My kettle leaks.", sequence=1)[1]["number"] == number
    status, found = chat.hand_over("msg_3", "m-3", "And it is loud.", sequence=3)
    assert (status, found["missing"]) == (200, [2]), found
    again = chat.hand_over("msg_3b", "m-3", "And it is loud.", sequence=3)
    assert again[0] == 200, again
    status, found = chat.hand_over("msg_2", "m-2", "It is the red one.", sequence=2)
    assert (status, found["missing"]) == (200, []), found
    texts = [one["data"]["text"] for one in events(world, number, "customer_wrote")]
    assert texts == ["And it is loud.", "It is the red one."]


@pytest.mark.parametrize(
    ("language", "thanks"),
    [("zh-CN", "谢谢！"), ("zh-TW", "感謝您的協助 🙏"), ("en", "Many thanks!")],
)
def test_bare_thanks_reopens_nothing(world: World, language: str, thanks: str) -> None:
    submission = complaint(f"thanks-{language.lower()}") | {"language": language}
    receipt = submit_by_json(world.base_url, submission)
    agent = story.agent_of(world, receipt.number)
    resolved = _resolved(agent, receipt.number)
    act_on_page(receipt, "write", {"words": thanks})
    after = world.manager.read(receipt.number)
    [word] = story.happened(after, "customer_wrote")
    assert word["data"]["thanks"]
    assert after["state"] == resolved["state"] == "resolved"
    assert after["resolution"]["contacts_after"] == 0
    assert story.happened(after, "disputed") == []


def _resolved(agent: Staff, number: str) -> Any:
    fields = story.solved("complaint")
    return agent.change(number, "resolution", text="A new one left today.", **fields)


# ------------------------------------------------------------------ departments, remedies, calls


def test_task_is_reminded_of_extended_with_a_word_to_the_customer_and_sent_back(
    world: World,
) -> None:
    receipt = opened(world, "task-ladder")
    number = receipt.number
    agent = story.agent_of(world, number)
    agent.change(number, "replies", text="We ask the workshop.")
    due = datetime.now(UTC) + timedelta(seconds=8)
    asked = {"team": "service", "title": "A seal?", "text": "A spare one.", "shares": []}
    agent.change(number, "tasks", **asked, due_at=due.isoformat())
    assert "and wait for their answer, since" in call("GET", receipt.status_url).text
    act_on_page(receipt, "urge", {})
    assert len(events(world, number, "urged")) == 1
    wait_for(lambda: ("task:1", 0) in rungs(world, number), "the department is reminded", 20)
    clerk = _of(world, "service", "agent")
    path = f"/tasks/{number}/1"

    def act(by: Staff, what: str, **body: Any) -> Any:
        revision = world.manager.get(path)["revision"]
        return by.send("POST", f"{path}/{what}", {"revision": revision} | body)

    act(clerk, "assignment", owner=clerk.id)
    until = datetime.now(UTC) + timedelta(seconds=300)
    act(clerk, "extension", until=until.isoformat(), text="It comes from abroad.")
    word = "It takes until tomorrow evening."
    granted = {"decision": "granted", "reason": None, "text": word}
    granted["answer_by"] = (until + timedelta(seconds=60)).isoformat()
    granted["version"] = world.manager.read(number)["version"]
    decided = act(world.manager, "extension-decision", **granted)
    assert decided["extended"] == 1
    assert mail_with(world, "task-ladder@customer.example", word)
    act(clerk, "return", text="Seals are with the factory.")
    body = {"version": agent.read(number)["version"], "text": "x", **story.solved("complaint")}
    assert agent.call("POST", f"/tickets/{number}/resolution", body).status == 409
    act(world.manager, "cancellation", reason="It was the wrong question.")
    kinds = [one["type"] for one in world.manager.read(number)["timeline"]]
    assert "breach" not in [one["data"]["action"] for one in _rungs_of(world, number, "task:1")]
    assert kinds.index("task_extension_decided") < kinds.index("task_returned")


def _of(world: World, team: str, role: str) -> Staff:
    """A member of staff of this team and role."""
    return next(
        one
        for one in world.staff.values()
        if one.role == role and one.get(f"/members/{one.id}")["team"] == team
    )


def _rungs_of(world: World, number: str, clock: str) -> list[Any]:
    return [one for one in events(world, number, "rung_fired") if one["data"]["clock"] == clock]


def test_supervisor_joins_an_urgent_ticket_at_once_and_hears_of_its_broken_promise(
    world: World,
) -> None:
    submission = complaint("urgent-at-once") | {"kind": "urgent"}
    number = submit_by_json(world.base_url, submission).number
    wait_for(
        lambda: "join" in story.fired(world.manager.read(number), "resolution"),
        "the supervisor joins",
        20,
    )
    wait_for(
        lambda: "breach" in story.fired(world.manager.read(number), "first_response"),
        "nobody has contacted the customer in time",
        20,
    )
    lead = _of(world, "complaints", "supervisor")
    address = world.manager.get(f"/members/{lead.id}")["email"]
    told = wait_for(
        lambda: _at_least(
            2, [m for m in mailbox(world.endpoint_url, address) if number in m.subject]
        ),
        "two mails to the supervisor",
        30,
    )
    assert all("It broke." not in mail.text for mail in told)


def _at_least[T](few: int, found: list[T]) -> list[T] | None:
    return found if len(found) >= few else None


def test_remedy_that_is_not_done_in_time_escalates_after_the_ticket_is_closed(
    world: World,
) -> None:
    receipt = opened(world, "late-remedy")
    number = receipt.number
    agent = story.agent_of(world, number)
    refund = {"kind": "refund", "amount": 500, "currency": "USD", "reason": "It leaks."}
    due = (datetime.now(UTC) + timedelta(seconds=6)).isoformat()
    agent.change(number, "remedies", text="We pay it back.", due_at=due, **refund)
    agent.change(number, "resolution", text="The refund is ordered.", **story.solved("complaint"))
    story.confirm_and_rate(world, receipt, 4)
    wait_for(
        lambda: "breach" in [one["data"]["action"] for one in _rungs_of(world, number, "remedy:1")],
        "the remedy is overdue",
        30,
    )
    assert world.manager.read(number)["state"] == "closed"
    owed = [one["number"] for one in world.manager.get("/remedies?list=owed")["items"]]
    assert number in owed
    agent.change(number, "remedies/1/completion", proof="Transfer 0113")
    owed = [one["number"] for one in world.manager.get("/remedies?list=owed")["items"]]
    assert number not in owed


def test_second_ticket_about_one_matter_is_proposed_and_stays_a_ticket_until_somebody_decides(
    world: World,
) -> None:
    older = opened(world, "one-matter")
    story.agent_of(world, older.number)
    newer = opened(world, "one-matter")
    agent = story.agent_of(world, newer.number)
    [proposed] = wait_for(
        lambda: world.manager.read(newer.number)["duplicates"], "a duplicate is proposed", 20
    )
    assert proposed["number"] == older.number
    assert world.manager.read(newer.number)["state"] in ("new", "open")
    decided = {"ticket": older.number, "reason": "Another kettle."}
    assert agent.change(newer.number, "not-duplicate", **decided)
    assert world.manager.read(newer.number)["duplicates"] == []


def test_something_else_after_the_confirmation_is_a_linked_ticket_with_its_own_agent(
    world: World,
) -> None:
    receipt = opened(world, "something-else")
    agent = story.agent_of(world, receipt.number)
    _resolved(agent, receipt.number)
    act_on_page(receipt, "confirm", {})
    url = f"{receipt.status_url}/another"
    page = Form()
    page.feed(call("GET", f"{url}?lang=en").text)
    words = {"subject": "The lid", "description": "It is lost.", "consent": "yes"}
    answer = call("POST", url, form=page.fields | words)
    assert answer.status == 201, answer.text[:300]
    [link] = world.manager.read(receipt.number)["links"]
    assert link["kind"] == "followed_by"
    story.agent_of(world, link["number"])
    assert world.manager.read(link["number"])["subject"] == "The lid"


def test_customer_of_a_type_with_calls_has_a_next_date_that_follows_the_outcome(
    world: World,
) -> None:
    receipt = opened(world, "vip")
    story.agent_of(world, receipt.number)
    customer = world.manager.read(receipt.number)["customer"]
    path = f"/customers/{customer}"
    read = world.manager.get(path)
    fields = {"revision": read["revision"], "name": "Vip", "languages": ["en"], "needs": []}
    planned = world.manager.send("PUT", path, fields | {"type": "vip"})
    first = planned["calls"]["next_at"]
    assert planned["calls"]["tries"] == 0
    tried = {"revision": planned["revision"], "outcome": "not_reached"}
    again = world.manager.send("POST", f"{path}/relationship-calls", tried)
    assert (again["calls"]["tries"], again["calls"]["next_at"] < first) == (1, True)
    reached = {"revision": again["revision"], "outcome": "reached", "notes": "content"}
    done = world.manager.send("POST", f"{path}/relationship-calls", reached)
    assert (done["calls"]["tries"], len(done["calls_made"])) == (0, 2)
    assert done["calls"]["next_at"] > again["calls"]["next_at"]


# ------------------------------------------------------------------ Amazon Connect


def test_contact_of_amazon_connect_is_one_call_however_often_and_in_which_order_it_comes(
    world: World, deployed: Outputs, aws: Callable[[str], Any]
) -> None:
    """The emulator has no Amazon Connect, so the function gets the documented documents."""
    functions, name = aws("lambda"), f"{stack.NAME}-hotline"
    known = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    digits = f"{time.time_ns() // 1000 % 100_000_000:08}"
    contact = f"c0ffee00-0000-4000-8000-0000{digits}"

    def now(document: Any) -> Any:
        """The document with the id of this call, as if the call had ended five minutes ago."""
        text = json.dumps(document).replace(connect.FIRST, contact)
        text = text.replace("13800138000", f"138{digits}")
        by = datetime.now(UTC) - timedelta(minutes=5) - datetime(2026, 11, 23, 1, tzinfo=UTC)

        def moved(found: re.Match[str]) -> str:
            at = datetime.fromisoformat(found[0].replace("Z", "+00:00")) + by
            return f"{at:%Y-%m-%dT%H:%M:%SZ}"

        return json.loads(re.sub(r"2026-11-23T\d\d:\d\d:\d\d(\.\d+)?Z", moved, text))

    records = connect.kinesis(now(connect.contact()))
    event = now(connect.event("CONNECTED_TO_AGENT", "00:54:24"))
    _configure(functions, name, known | {"CONNECT_INSTANCE_ARN": connect.INSTANCE})
    try:
        for one in (records, event, records, event):
            answer = functions.invoke(FunctionName=name, Payload=json.dumps(one))
            assert "FunctionError" not in answer, answer["Payload"].read()
    finally:
        _configure(functions, name, known)
    found = wait_for(
        lambda: world.manager.get(f"/search?q=138{digits}")["items"], "the call is a ticket", 20
    )
    assert len(found) == 1
    number = found[0]["number"]
    [recorded] = events(world, number, "call_recorded")
    assert recorded["data"]["id"] == contact
    assert set(recorded["data"]["seconds"]) >= {"menu", "queue", "talk"}


def _configure(functions: Any, name: str, variables: dict[str, str]) -> None:
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
