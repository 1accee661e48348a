"""A ticket's life on the deployed stack, through its public endpoints, with faults in between.

The plan is paced (an hour passes in a second), so promises are seconds long.
"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from local import mails, story
from local.endpoints import Answer, EndpointError, Staff, call, submit_by_json, wait_for
from local.faults import Do, Fault, accept_mail, happened, refuse_mail, turn_on
from local.stack import Outputs
from local.story import World
from redress.clocks.rules.periods import period_of
from redress.edge.http import BODY_LIMIT
from redress.plans.store.plans import shipped_document
from tests.local.living import asleep, complaint, opened, rungs, timer


@pytest.fixture
def mail_works_again(deployed: Outputs) -> Iterator[None]:
    yield
    accept_mail(deployed.endpoint_url)


def test_complaint_goes_from_the_web_form_to_the_survey(world: World) -> None:
    submission = story.body(
        "complaint",
        "zh-CN",
        "王小明",
        "杯子碎了",
        "三个杯子都碎了。",
        email="wang@customer.example",
    )
    number = story.answered_in_time(world, "in time", submission, 5)
    assert world.manager.read(number)["closure"] == "confirmed"


def test_disputed_ticket_returns_to_the_same_agent(world: World) -> None:
    submission = story.body(
        "complaint", "zh-TW", "林美玲", "又漏水了", "修過又壞。", email="lin@customer.example"
    )
    number = story.disputed(world, "disputed", submission)
    ticket = world.manager.read(number)
    agents = [e["data"]["agent"] for e in ticket["timeline"] if e["type"] == "assigned"]
    assert len(agents) == 2
    assert agents[0] == agents[1]


def test_same_submission_gives_the_same_ticket_and_another_body_is_refused(world: World) -> None:
    first = submit_by_json(world.base_url, complaint("twice"), "key-of-twice")
    second = submit_by_json(world.base_url, complaint("twice"), "key-of-twice")
    assert first == second
    with pytest.raises(EndpointError, match="409"):
        submit_by_json(world.base_url, complaint("other"), "key-of-twice")


def test_of_two_simultaneous_replies_one_wins_and_the_other_gets_the_version(world: World) -> None:
    receipt = opened(world, "raced")
    agent = story.agent_of(world, receipt.number)
    version = world.manager.read(receipt.number)["version"]
    answers: list[Answer] = []

    def reply(who: Staff) -> None:
        body = {"version": version, "text": f"I answer, {who.user}"}
        answers.append(who.call("POST", f"/tickets/{receipt.number}/replies", body))

    threads = [threading.Thread(target=reply, args=(who,)) for who in (agent, world.manager)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answer.status for answer in answers) == [200, 409]
    refused = next(answer for answer in answers if answer.status == 409).json()
    ticket = world.manager.read(receipt.number)
    assert refused["current_version"] <= ticket["version"]
    assert [event["type"] for event in ticket["timeline"]].count("replied") == 1


def test_stopped_execution_is_continued_and_fires_no_rung_twice(
    world: World, deployed: Outputs, aws: Callable[[str], Any]
) -> None:
    receipt = opened(world, "stopped")
    number = receipt.number
    first = asleep(deployed, number)
    machine = deployed.stack["TicketMachineArn"].replace(":stateMachine:", ":execution:")
    aws("stepfunctions").stop_execution(executionArn=f"{machine}:{number}-{first['gen']}")

    wait_for(lambda: timer(deployed, number)["gen"] == first["gen"] + 1, "next generation", 15)
    wait_for(lambda: ("reaction", 3) in rungs(world, number), "the ladder continues", 30)
    found = rungs(world, number)
    assert len(found) == len(set(found))
    running = aws("stepfunctions").list_executions(
        stateMachineArn=deployed.stack["TicketMachineArn"], statusFilter="RUNNING"
    )["executions"]
    assert [e["name"] for e in running if e["name"].startswith(number)] == [f"{number}-2"]


def test_forged_and_late_signals_change_nothing(
    world: World, deployed: Outputs, aws: Callable[[str], Any]
) -> None:
    receipt = opened(world, "forged")
    token = asleep(deployed, receipt.number)["armed"]["token"]
    story.acknowledged(world, receipt.number)
    wait_for(
        lambda: asleep(deployed, receipt.number)["armed"]["token"] != token, "the next wait", 15
    )
    before = asleep(deployed, receipt.number)
    machines = aws("stepfunctions")
    for forged in (token, "no token at all"):
        with pytest.raises(machines.exceptions.ClientError):
            machines.send_task_success(taskToken=forged, output='{"ticket": "R-00000-00000"}')
    after = asleep(deployed, receipt.number)
    assert (after["gen"], after["seq"]) == (before["gen"], before["seq"])


@pytest.mark.usefixtures("mail_works_again")
def test_refused_mail_delays_no_timer_and_is_sent_when_mail_works_again(
    world: World, deployed: Outputs
) -> None:
    refuse_mail(deployed.endpoint_url, code="MessageRejected")
    receipt = opened(world, "refused")
    number = receipt.number
    wait_for(
        lambda: ("reaction", 3) in rungs(world, number), "the ladder reaches its third rung", 30
    )

    ticket = world.manager.read(number)
    assert ticket["acknowledged_at"] is None
    assert ("acknowledgement", 0) in rungs(world, number)
    mail = next(m for m in ticket["mails"] if m["key"].startswith("000001.acknowledgement"))
    assert (mail["state"], mail["fault"]) == ("failed", "MessageRejected")
    for event in ticket["timeline"]:
        if event["type"] == "rung_fired":
            due = datetime.fromisoformat(event["data"]["due_at"])
            late = datetime.fromisoformat(event["at"]) - due
            assert timedelta() <= late <= timedelta(seconds=story.TIMER_BOUND_S)

    accept_mail(deployed.endpoint_url)
    wait_for(lambda: world.manager.read(number)["acknowledged_at"], "acknowledged in the end", 90)
    ticket = world.manager.read(number)
    assert story.promise(ticket, "acknowledgement") == "missed"


@pytest.mark.usefixtures("mail_works_again")
def test_a_mail_is_sent_once_although_the_answer_of_ses_is_lost_or_the_worker_dies(
    world: World, deployed: Outputs
) -> None:
    """The event of SES records each mail, so that nothing is sent when the claim expires."""
    faults = [
        Fault(Do.LOSE, "ses", "SendEmail", times=2),
        Fault(Do.KILL_AFTER, "ses", "SendEmail", times=1),
    ]
    turn_on(deployed.endpoint_url, faults)
    numbers = {f"lost-{count}": opened(world, f"lost-{count}").number for count in range(3)}
    for number in numbers.values():
        acknowledged = partial(lambda one: world.manager.read(one)["acknowledged_at"], number)
        wait_for(acknowledged, f"{number} is acknowledged", 120)
    hit = [one.do for one in happened(deployed.endpoint_url) if one.operation == "SendEmail"]
    assert (hit.count(Do.LOSE), hit.count(Do.KILL_AFTER)) == (2, 1)
    sent = mails.kept(deployed.directory / "mailbox")
    for name, number in numbers.items():
        [record] = (
            mail
            for mail in world.manager.read(number)["mails"]
            if mail["key"] == "000001.acknowledgement.customer"
        )
        assert record["state"] == "sent"
        wanted = f"To: {name}@".encode(), b"X-Redress-Mail: 000001.acknowledgement.customer"
        assert len([raw for raw in sent if all(line in raw for line in wanted)]) == 1, number


def test_sweep_starts_a_workflow_whose_start_was_lost(
    world: World, deployed: Outputs, aws: Callable[[str], Any]
) -> None:
    functions = aws("lambda")
    (mapping,) = functions.list_event_source_mappings(FunctionName="redress-relay")[
        "EventSourceMappings"
    ]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        number = opened(world, "lost").number
        long_ago = (datetime.now(UTC) - timedelta(minutes=10)).isoformat(timespec="milliseconds")
        aws("dynamodb").update_item(
            TableName=deployed.stack["TableName"],
            Key={"pk": {"S": f"TICKET#{number}"}, "sk": {"S": "TIMER"}},
            UpdateExpression="SET awake_since = :at",
            ExpressionAttributeValues={":at": {"S": long_ago}},
        )
        assert "armed" not in timer(deployed, number)
        answer = functions.invoke(FunctionName="redress-repair:live", Payload=b'{"task": "sweep"}')
        assert json.loads(answer["Payload"].read())["started"] >= 1
        asleep(deployed, number)
    finally:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


def test_scoring_a_month_twice_scores_the_same_agents(world: World) -> None:
    period = period_of(datetime.now(UTC), shipped_document()["time_zone"])

    def run() -> dict[str, str]:
        before = world.manager.get(f"/scorecards/{period}")["last_run"]
        world.manager.send("POST", f"/scorecards/{period}", {})
        month = wait_for(
            lambda: _other(world.manager.get(f"/scorecards/{period}"), before), "scored", 40
        )
        assert all(card["preview"] for card in month["cards"])
        return {card["agent"]: card["digest"] for card in month["cards"]}

    first = run()
    assert {member.id for member in world.staff.values() if member.role == "agent"} <= set(first)
    assert set(run()) == set(first)


def _other(month: Any, before: Any) -> Any:
    return month if month["last_run"] != before else None


def test_bad_input_is_refused_with_every_fault_and_no_internals(world: World) -> None:
    answer = call("POST", f"{world.base_url}/tickets", body={"kind": "x", "extra": 1})
    assert answer.status == 422
    problem = answer.json()
    pointers = {fault["pointer"] for fault in problem["errors"]}
    assert {"/kind", "/extra", "/subject", "/contact", "#Idempotency-Key"} <= pointers
    assert "redress." not in answer.text
    big = urllib.request.Request(
        f"{world.base_url}/tickets", b'{"a": "' + b"x" * BODY_LIMIT + b'"}', method="POST"
    )
    big.add_header("Content-Type", "application/json")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(big, timeout=30)
    assert refused.value.code == 413


def test_staff_routes_need_an_id_token_and_the_right_role(world: World) -> None:
    assert call("GET", f"{world.base_url}/staff/work").status == 401
    agent = next(member for member in world.staff.values() if member.role == "agent")
    assert agent.call("GET", "/work").status == 200
    assert agent.call("POST", "/plans", {}).status == 403
