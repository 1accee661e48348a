"""Cases that need more than one person or system, on the deployed stack.

Each test is a failure that other products had: what was lost, doubled or told to the wrong one.
Departments, remedies, checklists, missed calls and incidents are scenes of `local.story`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local import story
from local.endpoints import Receipt, Staff, act_on_page, call, submit_by_json, wait_for
from local.stack import Outputs
from local.story import World
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
    digits = str(time.time_ns())[-8:]
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
