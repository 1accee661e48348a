"""Deploy this version over the previous one while tickets are open, and finish those tickets.

The previous version's own tools build and deploy it on a local cloud, and its public endpoints open
tickets. Then this version is deployed onto the same stack and finishes them. The tests check all
that one version leaves to the other: stored values, sleeping executions, queued messages, stream
records, links in mails, and names of resources.

Promises last for hours, so that workflows stay asleep. The first response to a complaint is the
exception: its agent is reminded every 20 s. So one unanswered complaint wakes soon after the
upgrade, however long the upgrade takes.
"""

from __future__ import annotations

import json
import re
import smtplib
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from local import mails, process, stack, story
from local.endpoints import Answer, Receipt, act_on_page, call, mailbox, wait_for
from local.filters import READERS
from local.process import Cloud
from local.stack import MAIL_DOMAIN, Outputs
from local.story import World
from redress.staff.rules.routing import place_of
from tests.local import previous
from tests.local.living import asleep, complaint, opened, rungs, running, timer, world_of

Json = dict[str, Any]

REPLACED = {
    "AWS::Lambda::LayerVersion",
    "AWS::Lambda::Permission",
    "AWS::Lambda::EventInvokeConfig",  # it belongs to the alias now
}
"""Types of resources that an upgrade may replace, because no other resource keeps their ids."""
OLD_ALARMS = {
    "DeadLetterAlarm",
    "EventDeadLetterAlarm",
    "FollowerLateAlarm",
    "InboundDeadLetterAlarm",
    "ItemUnreadableAlarm",
    "MailDeadLetterAlarm",
    "MailUnreadableAlarm",
    "RelayLateAlarm",
    "SignalDeadLetterAlarm",
}
"""Alarms of earlier versions, which others replaced (docs/decisions/032-alarms.md)."""
KEY = "key-of-a-submission-before-the-upgrade"
SERVICE = f"service@{MAIL_DOMAIN}"
AUTHOR = "by-mail@customer.example"
MACHINE = "machine@customer.example"
QUESTION = "Which model is it?"
LATE = timedelta(seconds=15)
"""How late the first reminder may come: the functions of a new version start cold."""


@dataclass(frozen=True)
class Seen:
    """What the tests compare before and after the upgrade."""

    resources: dict[str, tuple[str, str]]
    """Type and physical id by logical id."""
    layers: dict[str, list[str]]
    """The layers of each function, by its name."""
    tickets: dict[str, tuple[Json, Json]]
    """The ticket as staff read it, and as its customer reads it; by stage."""
    timers: dict[str, Json]
    """The TIMER item of each ticket; by stage."""
    lists: dict[str, Any]
    items: list[Json]
    """The whole table."""


@dataclass
class Upgrade:
    """The deployed stack, and the tickets that the previous version opened."""

    cloud: Cloud
    outputs: Outputs
    world: World
    receipts: dict[str, Receipt] = field(default_factory=dict)
    """One ticket's receipt for each stage that a ticket has reached at the upgrade."""
    first_answer: Json = field(default_factory=dict)
    """The answer to the submission under KEY."""
    dry_run: str = ""
    """The id of a move to plan 2 that was tried and not applied."""
    before: Seen = field(init=False)
    after: Seen = field(init=False)
    to_come: list[Json] = field(init=False)
    """Rungs of the unanswered complaint that are due after the upgrade."""

    def number(self, stage: str) -> str:
        return self.receipts[stage].number

    def client(self, service: str) -> Any:
        return stack.client(self.cloud, service)


# ------------------------------------------------------------------------------ before


@pytest.fixture(scope="module")
def upgrade(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgrade]:
    folder = tmp_path_factory.mktemp("previous")
    try:
        previous.export(folder)
    except previous.NotInHistory as error:
        pytest.skip(f"there is nothing to upgrade from: {error}")
    built = stack.build()
    cloud = process.start(tmp_path_factory.mktemp("cloud"), process.free_port())
    try:
        outputs = previous.install(folder, cloud)
        found = Upgrade(cloud, outputs, world_of(outputs))
        begin(found)
        found.before = see(found)
        # The pool of the version before was created without a setting for capitals, for ever.
        stack.deploy(cloud, built, {"UsernamesIgnoreCase": "false"})
        found.after = see(found)
        [clock] = clocks(found, "unanswered", "first_response")
        found.to_come = clock["rungs_to_come"]
        for function in ("relay", "follower", "mailer"):
            listen(found, function, True)
        yield found
    finally:
        process.stop(cloud)


def begin(upgrade: Upgrade) -> None:
    """Bring a ticket to each stage; leave a mail in the queue and a stream record unread."""
    world, receipts = upgrade.world, upgrade.receipts
    upgrade.first_answer = first = submitted(upgrade).json()
    receipts["under plan 1"] = Receipt(first["number"], first["status_url"])
    publish_plan_2(world)
    send_mail(
        upgrade, MACHINE, f"service@{MAIL_DOMAIN}", "I am away", Auto_Submitted="auto-replied"
    )
    send_mail(upgrade, AUTHOR, f"service@{MAIL_DOMAIN}", "It hums", Message_ID="<first@customer>")
    time.sleep(6)  # a function may go on with the plan it knows for 5 s

    with ThreadPoolExecutor(4) as pool:
        dry_run = pool.submit(moved_to_plan_2, world)
        stages = {
            stage: pool.submit(bring, world, stage, stage)
            for stage in ("waiting", "resolved", "confirmed", "closed")
        }
        receipts |= {stage: under_way.result() for stage, under_way in stages.items()}
        upgrade.dry_run = dry_run.result()["id"]
    agent = story.agent_of(world, receipts["closed"].number)
    rating = {"attitude": 5, "knowledge": 4, "comment": "Calm."}
    world.manager.send("PUT", f"/ratings/{month_of(world)}/{agent.id}", rating)
    page = link_in_mail(world, AUTHOR, "t")
    by_mail = page.rpartition("/")[2].partition(".")[0]
    receipts["by mail"] = Receipt(by_mail, page)
    receipts["unanswered"] = opened(world, "unanswered")
    story.agent_of(world, receipts["unanswered"].number)
    story.acknowledged(world, receipts["unanswered"].number)
    for stage in receipts.keys() - {"closed"}:
        asleep(upgrade.outputs, receipts[stage].number)

    listen(upgrade, "mailer", False)
    agent = story.agent_of(world, by_mail)
    agent.change(by_mail, "replies", text=QUESTION)
    wait_for(lambda: messages(upgrade, "MailQueueUrl"), "the reply is in the mail queue", 20)
    asleep(upgrade.outputs, by_mail)
    for reader in READERS:
        listen(upgrade, reader, False)
    receipts["unheard"] = opened(world, "unheard")


def publish_plan_2(world: World) -> None:
    """Publish the shipped plan with frequent reminders of a complaint's first response."""
    document = world.manager.get("/plan")
    document |= {"version": 2, "note": "Complaints are answered sooner"}
    reminders = [
        {"at": round(0.05 * step, 2), "action": "remind", "notify": ["agent"]}
        for step in range(1, 20)
    ]
    breach = {"at": 1, "action": "breach", "notify": ["agent"]}
    document["ladders"]["often"] = [*reminders, breach]
    promises = document["levels"]["complaint"]["promises"]
    promises["first_response"] = {"within": "400s", "ladder": "often"}
    document["survey"]["invite_after"] = "5s"
    world.manager.send("POST", "/plans", document)


def bring(world: World, stage: str, name: str) -> Receipt:
    """Open a complaint, bring it to this stage and return its receipt."""
    receipt = opened(world, name)
    number = receipt.number
    agent = story.agent_of(world, number)
    story.acknowledged(world, number)
    if stage == "waiting":
        agent.change(number, "replies", text="Which one?", wait_for_customer=True)
        return receipt
    agent.change(number, "replies", text="We look into it.")
    agent.change(number, "resolution", text="It is mended.", **story.solved("complaint"))
    if stage == "confirmed":
        act_on_page(receipt, "confirm", {})
        link_in_mail(world, address_of(name), "s")
    elif stage == "closed":
        story.confirm_and_rate(world, receipt, 5)
    return receipt


def moved_to_plan_2(world: World, **apply: Any) -> Json:
    """Move open tickets to plan 2, or try it (dry run); return the job when it has ended."""
    job = world.manager.send("POST", "/plans/2/moves", apply)["id"]

    def ended() -> Json | None:
        found: Json = world.manager.get(f"/rehearsals/{job}")
        return found if found["state"] in ("done", "failed") else None

    found = wait_for(ended, f"the move {job} has ended", 90)
    assert (found["state"], found["fault"]) == ("done", None)
    return found


# ------------------------------------------------------------------------------ helpers


def submitted(upgrade: Upgrade) -> Answer:
    return call(
        "POST",
        f"{upgrade.outputs.base_url}/tickets",
        body=complaint("under-plan-1"),
        headers={"Idempotency-Key": KEY},
    )


def send_mail(upgrade: Upgrade, sender: str, to: str, text: str, **headers: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, to, f"A mail from {sender}"
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    with smtplib.SMTP("127.0.0.1", upgrade.outputs.smtp_port, timeout=30) as server:
        server.sendmail(sender, [to], mail.as_bytes())


def link_in_mail(world: World, address: str, page: str) -> str:
    """The link to this page in the first mail to this address that has one."""

    def found() -> str | None:
        for mail in mailbox(world.endpoint_url, address):
            if link := re.search(rf"{re.escape(world.base_url)}/{page}/[\w.-]+", mail.text):
                return link[0]
        return None

    return wait_for(found, f"a mail to {address} with a link to /{page}/", 30)


def address_of(name: str) -> str:
    """The address of the customer who wrote this complaint."""
    address: str = complaint(name)["contact"]["email"]
    return address


def month_of(world: World) -> str:
    """The month that is scored now."""
    return datetime.now(ZoneInfo(world.manager.get("/plan")["time_zone"])).strftime("%Y-%m")


def listen(upgrade: Upgrade, function: str, on: bool) -> None:
    """Switch the event source of a function on or off. The version before may lack the function."""
    functions = upgrade.client("lambda")
    name = f"{stack.NAME}-{function}"
    for mapping in functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=on)


def messages(upgrade: Upgrade, queue: str) -> int:
    """How many messages are in a queue."""
    attributes = upgrade.client("sqs").get_queue_attributes(
        QueueUrl=upgrade.outputs.stack[queue], AttributeNames=["All"]
    )["Attributes"]
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    return sum(int(attributes[name]) for name in names)


def clocks(upgrade: Upgrade, stage: str, name: str) -> list[Json]:
    """The clocks of this name that currently apply to a ticket: one, or none."""
    told = upgrade.world.manager.get(f"/tickets/{upgrade.number(stage)}/clocks?language=en")
    return [one for one in told["clocks"] if one["clock"] == name and one["current"]]


def acted(upgrade: Upgrade, stage: str, rung: int) -> Json:
    """Wait until a rung of a ticket's first response has fired, and return it."""

    def found() -> Json | None:
        [clock] = clocks(upgrade, stage, "first_response")
        return next((one for one in clock["rungs_fired"] if one["rung"] == rung), None)

    [clock] = clocks(upgrade, stage, "first_response")
    due = [one["due_at"] for one in clock["rungs_to_come"] if one["rung"] == rung]
    left = [(datetime.fromisoformat(at) - datetime.now(UTC)).total_seconds() for at in due]
    return wait_for(found, f"rung {rung} of {stage} has fired", max([0, *left]) + 30)


def items(upgrade: Upgrade) -> list[Json]:
    """All items of the table, without their types."""
    pages = (
        upgrade.client("dynamodb")
        .get_paginator("scan")
        .paginate(TableName=upgrade.outputs.stack["TableName"])
    )
    return [
        {name: next(iter(value.values())) for name, value in item.items()}
        for page in pages
        for item in page["Items"]
    ]


def see(upgrade: Upgrade) -> Seen:
    world, functions = upgrade.world, upgrade.client("lambda")
    pages = upgrade.client("cloudformation").get_paginator("list_stack_resources")
    resources = {
        one["LogicalResourceId"]: (one["ResourceType"], one["PhysicalResourceId"])
        for page in pages.paginate(StackName=stack.NAME)
        for one in page["StackResourceSummaries"]
    }
    names = [name for kind, name in resources.values() if kind == "AWS::Lambda::Function"]
    layers = {
        name: [layer["Arn"] for layer in found.get("Layers", ())]
        for name in names
        for found in [functions.get_function_configuration(FunctionName=name)]
    }
    tickets = {
        stage: (world.manager.read(receipt.number), as_customer(world, receipt))
        for stage, receipt in upgrade.receipts.items()
    }
    timers = {
        stage: timer(upgrade.outputs, receipt.number) for stage, receipt in upgrade.receipts.items()
    }
    lists = {
        path: world.manager.get(path)
        for path in (
            "/plan",
            "/plans",
            "/plans/1",
            "/quarantine",
            f"/rehearsals/{upgrade.dry_run}",
            "/reconciliations",
        )
    }
    for user, member in world.staff.items():
        lists[f"work of {user}"] = [item["number"] for item in member.get("/work")["items"]]
    lists |= {f"board of {team}": board(world, team) for team in ("complaints", "service")}
    return Seen(resources, layers, tickets, timers, lists, items(upgrade))


def as_customer(world: World, receipt: Receipt) -> Json:
    token = receipt.status_url.rpartition("/")[2]
    url = f"{world.base_url}/tickets/{receipt.number}"
    found: Json = call("GET", url, headers={"Authorization": f"Bearer {token}"}).json()
    return found


def board(world: World, team: str) -> Json:
    """The team's board: who is present, and their loads."""
    found: Json = world.manager.get(f"/board?team={team}")
    found.pop("near_limit")  # it changes as time passes
    return found


def lost(new: Any, old: Any) -> list[str]:
    """The values of `old` that `new` does not have, each with its place. See `_lost`."""
    return list(_lost(new, old, ""))


def _lost(new: Any, old: Any, at: str) -> Iterator[str]:
    """Objects may have additional fields, and `can` may name additional acts.

    The version before wrote one time in three formats, one of them in whole seconds. Two texts of
    times less than a second apart are the same value.
    """
    if isinstance(old, Mapping):
        for name, value in old.items():
            if name == "can" and set(value) <= set(new.get(name, [])):
                continue
            if name in new:
                yield from _lost(new[name], value, f"{at}/{name}")
            else:
                yield f"{at}/{name} is not there"
    elif isinstance(old, list) and len(new) == len(old):
        for place, (now, was) in enumerate(zip(new, old, strict=True)):
            yield from _lost(now, was, f"{at}/{place}")
    elif new != old and not is_same_time(new, old):
        yield f"{at}: {new!r} in place of {old!r}"


def is_same_time(new: Any, old: Any) -> bool:
    try:
        apart = datetime.fromisoformat(new) - datetime.fromisoformat(old)
    except (TypeError, ValueError):
        return False
    return abs(apart) < timedelta(seconds=1)


def finish(upgrade: Upgrade, stage: str, score: int) -> Json:
    """Resolve, confirm and rate a ticket; return it when it is closed."""
    world, receipt = upgrade.world, upgrade.receipts[stage]
    agent = story.agent_of(world, receipt.number)
    agent.change(receipt.number, "resolution", text="Mended.", **story.solved("complaint"))
    story.confirm_and_rate(world, receipt, score)
    return ended(upgrade, receipt.number)


def ended(upgrade: Upgrade, number: str) -> Json:
    """Wait until the ticket's workflow has ended, and return the closed ticket."""
    wait_for(lambda: not running(upgrade.outputs, number), f"the workflow of {number} ends", 20)
    found: Json = upgrade.world.manager.read(number)
    assert found["state"] == "closed"
    return found


# ------------------------------------------------------------------------------ the upgrade


def test_every_resource_is_updated_in_place(upgrade: Upgrade) -> None:
    before, after = upgrade.before.resources, upgrade.after.resources
    kept = {
        name: found
        for name, found in before.items()
        if found[0] not in REPLACED and name not in OLD_ALARMS
    }
    assert len(kept) > 50
    assert {name: after.get(name) for name in kept} == kept
    layers = upgrade.before.layers
    assert layers, "the stack has functions"
    assert all(upgrade.after.layers[name] != layers[name] for name in layers), "new code runs"


def test_stored_tickets_and_lists_read_the_same_after_the_upgrade(upgrade: Upgrade) -> None:
    for stage, (staff_sees, customer_sees) in upgrade.before.tickets.items():
        now_staff, now_customer = upgrade.after.tickets[stage]
        # Meanwhile a reminder may have come, and the follower may have found an agent: it is new
        # in this version, so the tests could not switch it off before it read the stream.
        if stage in ("unanswered", "unheard"):
            length = len(staff_sees["timeline"])
            assert lost(now_staff["timeline"][:length], staff_sees["timeline"]) == []
        else:
            assert lost(before_its_match(now_staff, staff_sees), staff_sees) == [], stage
            # A match with the customer is a version more. Customers see no event of it.
            now = now_customer | {"version": customer_sees["version"]}
            assert lost(now, customer_sees) == [], stage
    unheard = upgrade.number("unheard")
    for what, said in upgrade.before.lists.items():
        now = in_order_of_names(upgrade.after.lists[what])
        assert lost(without(unheard, now), without(unheard, in_order_of_names(said))) == [], what


def before_its_match(now: Json, before: Json) -> Json:
    """A ticket as it was before it was matched with its customer and classified.

    This version does both to a ticket that waits for an agent when it offers it again.
    """
    length = len(before["timeline"])
    since = {event["type"]: event["data"] for event in now["timeline"][length:]}
    assert since.keys() <= {"matched", "classified"}
    earlier: Json = since.get("classified", {}).get("from", {})
    return now | earlier | {"version": before["version"], "timeline": now["timeline"][:length]}


def in_order_of_names(found: Any) -> Any:
    """A list; if it is a board, with the present agents sorted by name.

    The version before sorted them by their last tickets, which told of tickets that are kept from
    the reader.
    """
    if not isinstance(found, dict) or "present" not in found:
        return found
    return found | {"present": sorted(found["present"], key=lambda one: one["name"])}


COUNTS = {"load", "queued"}
"""What a board counts. The last test compares the loads with the open work."""


def without(number: str, found: Any) -> Any:
    """A list without a ticket that an agent may have got meanwhile, and without its counts."""
    if isinstance(found, list):
        return [without(number, one) for one in found if not is_number(one, number)]
    if isinstance(found, dict):
        return {name: without(number, value) for name, value in found.items() if name not in COUNTS}
    return found


def is_number(one: Any, number: str) -> bool:
    return one == number or (isinstance(one, dict) and one.get("number") == number)


def test_upgrade_wakes_no_sleeping_workflow(upgrade: Upgrade) -> None:
    sleepers = upgrade.before.timers.keys() - {"unanswered", "unheard"}
    for stage in sleepers:
        assert upgrade.after.timers[stage] == upgrade.before.timers[stage], stage
    phases = {upgrade.before.timers[stage]["phase"] for stage in sleepers}
    assert phases == {"first_response", "resolution", "callback", "survey", "closed"}


# ------------------------------------------------------------------------------ after


def test_repeated_submission_gets_the_first_answer(upgrade: Upgrade) -> None:
    again = submitted(upgrade)
    assert again.status == 201
    assert lost(again.json(), upgrade.first_answer) == []


def test_mail_queued_before_the_upgrade_is_sent(upgrade: Upgrade) -> None:
    wait_for(
        lambda: any(QUESTION in mail.text for mail in mailbox(upgrade.cloud.endpoint, AUTHOR)),
        "the customer gets the reply that was queued before the upgrade",
        30,
    )


def test_ticket_whose_stream_record_was_not_read_gets_its_workflow(upgrade: Upgrade) -> None:
    number = upgrade.number("unheard")
    assert "armed" not in upgrade.before.timers["unheard"]
    story.acknowledged(upgrade.world, number)
    story.agent_of(upgrade.world, number)
    asleep(upgrade.outputs, number)
    assert running(upgrade.outputs, number) == [f"{number}-1"]


def test_customer_answers_a_question_on_a_page_from_before_the_upgrade(upgrade: Upgrade) -> None:
    world, receipt = upgrade.world, upgrade.receipts["waiting"]
    waiting = world.manager.read(receipt.number)
    assert story.promise(waiting, "resolution") == "paused"
    act_on_page(receipt, "write", {"words": "The red one."})
    open_again = story.state_is(world, receipt.number, "open")
    assert story.promise(open_again, "resolution") == "running"
    closed = finish(upgrade, "waiting", 4)
    assert story.promise(closed, "resolution") == "kept"


def test_answer_to_a_mail_from_before_the_upgrade_joins_its_ticket(upgrade: Upgrade) -> None:
    world, number = upgrade.world, upgrade.number("by mail")
    sent = [
        message_from_bytes(raw, policy=policy.default)
        for raw in mails.kept(upgrade.cloud.directory / "mailbox")
    ]
    first = next(mail for mail in sent if mail["To"] == AUTHOR)
    send_mail(
        upgrade,
        AUTHOR,
        str(first["Reply-To"]),
        "The red one.",
        Message_ID="<second@customer>",
        In_Reply_To=str(first["Message-ID"]),
    )

    def said() -> list[str]:
        timeline = world.manager.read(number)["timeline"]
        return [e["data"]["text"] for e in timeline if e["type"] == "customer_wrote"]

    assert wait_for(said, "the answer is on the ticket", 30) == ["The red one."]
    closed = finish(upgrade, "by mail", 5)
    assert (closed["channel"], closed["closure"]) == ("email", "confirmed")


def test_mail_quarantined_before_the_upgrade_is_released(upgrade: Upgrade) -> None:
    manager = upgrade.world.manager
    [held] = upgrade.before.lists["/quarantine"]["items"]
    assert (held["from"]["email"], held["reason"]) == (MACHINE, "automatic")
    assert manager.call("POST", f"/quarantine/{held['id']}/release").status in (200, 202)
    number = wait_for(lambda: manager.get(f"/quarantine/{held['id']}")["ticket"], "a ticket", 30)
    assert manager.read(number)["contact"]["email"] == MACHINE


def test_resolution_is_confirmed_on_a_page_from_before_the_upgrade(upgrade: Upgrade) -> None:
    receipt = upgrade.receipts["resolved"]
    story.confirm_and_rate(upgrade.world, receipt, 4)
    assert ended(upgrade, receipt.number)["closure"] == "confirmed"


def test_survey_is_answered_by_a_link_mailed_before_the_upgrade(upgrade: Upgrade) -> None:
    number = upgrade.number("confirmed")
    link = link_in_mail(upgrade.world, address_of("confirmed"), "s")
    assert call("POST", link, form={"overall": "5", "comment": "Kind."}).status in (200, 303)
    closed = ended(upgrade, number)
    [answered] = [e for e in closed["timeline"] if e["type"] == "surveyed"]
    assert answered["data"]["answers"]["overall"] == 5


def test_sleeping_workflow_wakes_on_time_and_fires_each_rung_once(upgrade: Upgrade) -> None:
    world, number = upgrade.world, upgrade.number("unanswered")
    assert upgrade.to_come, "the upgrade took longer than the whole promise"
    [rung, *_] = upgrade.to_come
    fired = acted(upgrade, "unanswered", rung["rung"])
    late = datetime.fromisoformat(fired["fired_at"]) - datetime.fromisoformat(rung["due_at"])
    assert timedelta() <= late <= LATE
    found = rungs(world, number)
    assert len(found) == len(set(found)), "no rung twice"
    assert running(upgrade.outputs, number) == [f"{number}-1"], (
        "the execution that began before the upgrade goes on"
    )


def test_reconciliation_finds_nothing_that_it_cannot_repair(upgrade: Upgrade) -> None:
    report = stack.reconcile(upgrade.cloud)
    assert report["open"] >= 4, "unanswered, unheard, under plan 1, and out of quarantine"
    assert set(report["found"]) <= {"awake", "older_definition"}, report
    assert report["left"] == 0


def test_agent_may_act_on_the_version_that_they_read_before_the_upgrade(upgrade: Upgrade) -> None:
    """Only the system changed the ticket since: it acknowledged, assigned and reminded."""
    world, number = upgrade.world, upgrade.number("unanswered")
    agent = story.agent_of(world, number)
    version = world.manager.read(number)["version"]
    assert version > 1
    answer = agent.call("POST", f"/tickets/{number}/replies", {"version": 1, "text": "At last."})
    assert answer.status == 200
    conflict = agent.call("POST", f"/tickets/{number}/replies", {"version": 1, "text": "Again."})
    assert (conflict.status, conflict.json()["current_version"]) == (409, version + 1)
    finish(upgrade, "unanswered", 3)


def test_move_with_a_dry_run_from_before_the_upgrade_is_applied(upgrade: Upgrade) -> None:
    world, number = upgrade.world, upgrade.number("under plan 1")
    assert world.manager.read(number)["plan_version"] == 1
    moved_to_plan_2(world, apply=True, dry_run=upgrade.dry_run, reason="Sooner")
    assert world.manager.read(number)["plan_version"] == 2
    acted(upgrade, "under plan 1", 0)
    finish(upgrade, "under plan 1", 2)


def test_score_facts_from_before_and_after_the_upgrade_count_together(upgrade: Upgrade) -> None:
    manager = upgrade.world.manager
    rated = next(item["pk"] for item in upgrade.before.items if item["pk"].startswith("RATING#"))
    found: dict[str, set[str]] = defaultdict(set)
    for month in {rated.partition("#")[2], month_of(upgrade.world)}:
        for line in scored(upgrade, month)["cards"]:
            card = manager.get(f"/scorecards/{month}/{line['agent']}")
            for part in card["components"]:
                found[part["name"]] |= {fact["number"] for fact in part["evidence"]}
    stages = ("closed", "confirmed", "resolved", "waiting")
    closed = {upgrade.number(stage) for stage in stages}
    assert found["satisfaction"] >= closed
    assert found["response_promises"] >= closed
    assert found["supervisor_rating"] == {""}, "a rating belongs to no ticket"


def scored(upgrade: Upgrade, month: str) -> Json:
    """Score a month again, wait, and return its list of cards."""
    manager = upgrade.world.manager
    before = manager.get(f"/scorecards/{month}")["last_run"]
    manager.send("POST", f"/scorecards/{month}", {})

    def done() -> Json | None:
        found: Json = manager.get(f"/scorecards/{month}")
        return found if found["last_run"] != before else None

    found = wait_for(done, f"{month} is scored", 60)
    assert found["last_run"]["failed"] == []
    return found


NEW_NAMES = {
    "TICKET TICKET": {"doc.customer", "doc.satisfaction"},
    "event accepted": {
        *("pk", "sk", "type", "doc"),
        *("doc.number", "doc.type", "doc.at", "doc.by", "doc.data"),
    },
    "event assigned": {"data.accepted", "data.decision"},
    "event replied": {"data.to"},
    "event resolved": {"data.to"},
    "event closed": {"open_pk", "open_sk", "owner_pk", "owner_sk"},
    "event matched": {
        *("pk", "sk", "type", "doc", "owner_pk", "owner_sk"),
        *("doc.number", "doc.type", "doc.at", "doc.by", "doc.data", "data.customer", "data.by"),
    },
}
"""What this version writes and the previous one lacks, in the life of a ticket that uses nothing
new. The previous one ignores new attributes and fields. It cannot read an event of a new type
(decision 44, "What follows"). No rule of plan 1 classifies this ticket. docs/deploy.md names what
classification, routing, mentions, fields of the plan, macros, bulks and connectors add ("What it
does not roll back")."""


def test_this_version_writes_no_other_attribute_that_the_previous_one_lacks(
    upgrade: Upgrade,
) -> None:
    """Only then is it known what a rollback meets. A new name needs a decision."""
    number = bring(upgrade.world, "closed", "closed-anew").number
    written = [item for item in items(upgrade) if is_about(item, number)]
    known, found = names_in(upgrade.before.items), names_in(written)
    assert found.keys() >= {"TICKET TICKET", "TICKET TIMER", "TICKET MAIL", "KEY KEY"}
    new = {kind: found[kind] - known[kind] for kind in found if found[kind] - known[kind]}
    assert new == NEW_NAMES


def is_about(item: Json, number: str) -> bool:
    """Whether an item belongs to this ticket: its own, its submission's key, or a score fact."""
    fact = item["sk"].partition("#")[0]
    return number in (item["pk"].partition("#")[2], item.get("number"), fact)


def names_in(stored: list[Json]) -> dict[str, set[str]]:
    """The attributes, and the names in the JSON documents, of each kind of item."""
    found: dict[str, set[str]] = defaultdict(set)
    for item in stored:
        text = item.get("doc", "")
        doc = json.loads(text) if text.startswith("{") else {}
        kind = f"{item['pk'].partition('#')[0]} {item['sk'].partition('#')[0]}"
        if kind.startswith("FACTS "):
            kind = "FACTS"
        if kind == "TICKET EVENT":
            kind = f"event {doc['type']}"
            found[kind] |= {f"data.{name}" for name in doc["data"]}
        found[kind] |= item.keys() | {f"doc.{name}" for name in doc}
    return found


def test_sweep_watches_agents_who_set_no_presence_since_the_upgrade(upgrade: Upgrade) -> None:
    def available(found: list[Json]) -> dict[str, Json]:
        duties = (item for item in found if item["sk"] == "DUTY")
        return {item["pk"]: item for item in duties if item["presence"] == "available"}

    before = available(upgrade.before.items)
    assert before
    assert not any("owner_pk" in item for item in before.values())
    begin_catch_up_of_members(upgrade)
    upgrade.client("lambda").invoke(
        FunctionName=f"{stack.NAME}-repair:live", Payload=b'{"task": "sweep"}'
    )

    def mended() -> dict[str, Json] | None:
        now = available(items(upgrade))
        return now if all("owner_pk" in now.get(pk, {}) for pk in before) else None

    now = wait_for(mended, "the sweep watches every agent of the version before", 60)
    for pk in before:
        assert now[pk]["owner_pk"] == "PRESENCE"
        assert (now[pk]["duty_sk"], "skills" in now[pk]) == (place_of(pk.partition("#")[2]), True)


def begin_catch_up_of_members(upgrade: Upgrade) -> None:
    """Let the job that mends members begin now, not an hour after the first sweep."""
    progress = {"begin": datetime.now(UTC).isoformat(), "revision": 1}
    upgrade.client("dynamodb").put_item(
        TableName=upgrade.outputs.stack["TableName"],
        Item={
            "pk": {"S": "CATCH_UP"},
            "sk": {"S": "MEMBERS"},
            "doc": {"S": json.dumps(progress)},
            "revision": {"N": "1"},
        },
    )


def test_no_dead_letter_is_left_and_loads_match_the_open_work(upgrade: Upgrade) -> None:
    for queue in ("DeadLetterQueueUrl", "MailDeadLetterQueueUrl", "InboundDeadLetterQueueUrl"):
        assert messages(upgrade, queue) == 0, queue
    report = stack.reconcile(upgrade.cloud)
    assert not report["found"].keys() & {"broken", "foreign"}, report
    world = upgrade.world
    load = {
        one["agent"]: one["load"]
        for team in ("complaints", "service")
        for one in board(world, team)["present"]
    }
    for agent in (member for member in world.staff.values() if member.role == "agent"):
        work = [item for item in agent.get("/work")["items"] if item["state"] != "resolved"]
        assert load[agent.id] == len(work), agent.user
