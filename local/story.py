"""The story that `make demo` plays: tickets of every kind, each from submission to closing.

Each scene acts through the public endpoints only, reads the ticket back and checks it. A failed
check raises EndpointError, which names the expectation. Times are those of the paced plan.
"""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from standardwebhooks import Webhook

from local.endpoints import (
    EndpointError,
    Form,
    Receipt,
    Staff,
    act_on_page,
    call,
    mailbox,
    submit_by_form,
    submit_by_json,
    wait_for,
)
from redress.incidents.notices import FRESH_FOR_S

PATIENCE_S = 20.0
TIMER_BOUND_S = 5.0


class Reader:
    """Reads tickets through the staff API for all scenes and for the timeline.

    A ticket is read again only if its last reading is older than FRESH_S, however many threads ask.
    """

    FRESH_S = 0.7

    def __init__(self, manager: Staff) -> None:
        self._manager = manager
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._known: dict[str, tuple[float, Any]] = {}

    def read(self, number: str) -> Any:
        with self._lock:
            own = self._locks.setdefault(number, threading.Lock())
        with own:
            at, found = self._known.get(number, (0.0, None))
            if found is None or time.monotonic() - at > self.FRESH_S:
                asked = time.monotonic()
                found = self._manager.read(number)
                self._known[number] = (asked, found)
            return found


@dataclass(frozen=True)
class World:
    """Where the story plays: the endpoints, and the staff on duty by user name."""

    base_url: str
    endpoint_url: str
    staff: dict[str, Staff]
    reader: Reader
    opened: Callable[[str, str], None]
    """Called with a ticket's number and its scene's title as soon as the number is known."""

    def by_id(self, agent: str) -> Staff:
        return next(member for member in self.staff.values() if member.id == agent)

    @property
    def manager(self) -> Staff:
        return next(member for member in self.staff.values() if member.role == "manager")


def body(
    kind: str,
    language: str,
    name: str,
    subject: str,
    description: str,
    *,
    email: str | None = None,
    phone: str | None = None,
    remedy: str | None = None,
) -> dict[str, Any]:
    contact = {"name": name}
    if email:
        contact["email"] = email
    if phone:
        contact["phone"] = phone
    found: dict[str, Any] = {
        "kind": kind,
        "language": language,
        "subject": subject,
        "description": description,
        "contact": contact,
        "consent": True,
    }
    if remedy:
        found["wished_remedy"] = remedy
    return found


# ---------------------------------------------------------------- steps that scenes share


def start(world: World, title: str, submission: dict[str, Any], *, form: bool) -> Receipt:
    submit = submit_by_form if form else submit_by_json
    receipt = submit(world.base_url, submission)
    world.opened(receipt.number, title)
    return receipt


def agent_of(world: World, number: str) -> Staff:
    """Waits until the ticket is assigned. Its agent accepts it, and is returned."""

    def accepted() -> Staff | None:
        found = world.manager.read(number)
        if found["assignee"] is None:
            return None
        agent = world.by_id(found["assignee"])
        if found.get("unaccepted_since") is None:
            return agent
        body = {"version": found["version"]}
        answer = agent.call("POST", f"/tickets/{number}/accept", body)
        # It may have been returned to the queue meanwhile, because nobody accepted it in time.
        return agent if answer.status == 200 else None

    return wait_for(accepted, f"an agent accepts {number}", PATIENCE_S)


def colleague_of(world: World, agent: Staff, language: str) -> Staff:
    """Another agent of the same team who speaks this language."""
    members = {one.id: world.manager.get(f"/members/{one.id}") for one in world.staff.values()}
    team = members[agent.id]["team"]
    return next(
        one
        for one in world.staff.values()
        if one.role == "agent"
        and one.id != agent.id
        and members[one.id]["team"] == team
        and language in members[one.id]["languages"]
    )


def work_list_has(agent: Staff, number: str) -> None:
    """Waits until the agent's work list shows the ticket."""
    wait_for(
        lambda: any(item["number"] == number for item in agent.get("/work")["items"]),
        f"{number} is on the work list of {agent.user}",
        PATIENCE_S,
    )


def acknowledged(world: World, number: str) -> None:
    wait_for(
        lambda: world.reader.read(number)["acknowledged_at"],
        f"{number} is acknowledged",
        PATIENCE_S,
    )


def state_is(world: World, number: str, *states: str) -> Any:
    def there() -> Any:
        found = world.reader.read(number)
        return found if found["state"] in states else None

    return wait_for(there, f"{number} is {' or '.join(states)}", PATIENCE_S)


def expect(holds: object, expectation: str) -> None:
    if not holds:
        raise EndpointError(f"expected: {expectation}")


def promise(ticket: Any, clock: str) -> str:
    """The state of one promise in the API's ticket."""
    found: str = next(p["state"] for p in ticket["promises"] if p["clock"] == clock)
    return found


def fired(ticket: Any, clock: str) -> list[str]:
    """The actions of the rungs that fired on one clock, in order."""
    return [
        event["data"]["action"]
        for event in ticket["timeline"]
        if event["type"] == "rung_fired" and event["data"]["clock"] == clock
    ]


def solved(kind: str, **more: Any) -> dict[str, Any]:
    if kind == "complaint":
        return {"outcome": "upheld", "remedy": "refund", "root_cause": "packing", **more}
    return more


def confirm_and_rate(world: World, receipt: Receipt, score: int) -> None:
    """The customer confirms the solution on the page and answers the survey that follows."""
    state_is(world, receipt.number, "resolved")
    act_on_page(receipt, "confirm", {})
    act_on_page(
        receipt,
        "survey",
        {"overall": str(score), "speed": str(score), "attitude": str(min(5, score + 1))},
    )
    closed = state_is(world, receipt.number, "closed")
    expect(closed["closure"] == "confirmed", f"{receipt.number} closes as confirmed")


# ---------------------------------------------------------------- the scenes


def answered_in_time(world: World, title: str, submission: dict[str, Any], score: int) -> str:
    """Acknowledged, answered, solved, confirmed and rated: every promise kept, no rung fired."""
    receipt = start(world, title, submission, form=True)
    agent = agent_of(world, receipt.number)
    work_list_has(agent, receipt.number)
    acknowledged(world, receipt.number)
    agent.change(receipt.number, "replies", text="We have your order before us and are checking.")
    agent.change(
        receipt.number,
        "resolution",
        text="The parcel was packed badly. A new one left today; the postage is refunded.",
        **solved(submission["kind"]),
    )
    confirm_and_rate(world, receipt, score)
    ticket = world.reader.read(receipt.number)
    expect(
        promise(ticket, "first_response") == "kept" and promise(ticket, "resolution") == "kept",
        f"{receipt.number}: first response and resolution in time",
    )
    expect(
        any(receipt.number in mail.subject for mail in _mails(world, submission)),
        f"{receipt.number}: the mails carry the number",
    )
    return receipt.number


def breached(world: World, title: str, submission: dict[str, Any]) -> str:
    """Nobody answers: reminders, breach to the supervisor, then the manager, who answers."""
    receipt = start(world, title, submission, form=True)
    number = receipt.number
    wait_for(
        lambda: "escalate" in fired(world.reader.read(number), "first_response"),
        f"{number} climbs to the manager",
        60,
    )
    ticket = world.reader.read(number)
    ladder = ["remind", "remind", "breach", "escalate"]
    for clock in ("reaction", "first_response"):
        expect(fired(ticket, clock) == ladder, f"{number}: each rung of {clock} fires once")
    expect(ticket["escalation"] == "manager", f"{number}: escalated to the manager")
    for event in ticket["timeline"]:
        if event["type"] == "rung_fired":
            at = datetime.fromisoformat(event["at"])
            late = (at - datetime.fromisoformat(event["data"]["due_at"])).total_seconds()
            expect(0 <= late <= TIMER_BOUND_S, f"{number}: rung on time, not {late:.1f} s late")
    world.manager.change(number, "replies", text="I am the manager. This should not have happened.")
    world.manager.change(
        number,
        "resolution",
        text="The charge was booked twice; it is refunded today.",
        **solved("complaint", root_cause="billing"),
    )
    confirm_and_rate(world, receipt, 2)
    expect(
        promise(world.manager.read(number), "first_response") == "missed",
        f"{number}: the first response counts as missed",
    )
    return number


def disputed(world: World, title: str, submission: dict[str, Any]) -> str:
    """The first solution is too weak: disputed at callback, reopened and solved again."""
    receipt = start(world, title, submission, form=True)
    number = receipt.number
    agent = agent_of(world, number)
    acknowledged(world, number)
    agent.change(number, "resolution", text="We sent you a voucher.", **solved("complaint"))
    state_is(world, number, "resolved")
    act_on_page(receipt, "dispute", {"text": "A voucher does not repair the machine."})
    reopened = wait_for(
        lambda: _if(world.reader.read(number), lambda t: t["round"] == 2 and t["assignee"]),
        f"{number} is reopened and assigned again",
        PATIENCE_S,
    )
    expect(reopened["priority"] == "urgent", f"{number}: the priority rises")
    agent = world.by_id(reopened["assignee"])
    agent.change(number, "replies", text="You are right. A technician comes tomorrow at 9.")
    agent.change(number, "resolution", text="The pump was replaced.", **solved("complaint"))
    confirm_and_rate(world, receipt, 4)
    return number


def urgent(world: World, title: str, submission: dict[str, Any]) -> str:
    """The customer leaves only a phone number: the page acknowledges, an agent calls back.

    The closed ticket is work of its agent until what was learnt is written.
    """
    receipt = start(world, title, submission, form=True)
    number = receipt.number
    agent = agent_of(world, number)
    agent.change(number, "replies", text="The line is cut off; please leave the room.")
    agent.change(number, "resolution", text="An electrician replaced the socket.")
    state_is(world, number, "resolved")
    agent.change(number, "callbacks", outcome="confirmed", text="She says all is well.")
    ticket = state_is(world, number, "confirmed")
    expect(ticket["acknowledged_at"], f"{number}: the page counts as the acknowledgement")
    expect(promise(ticket, "first_response") == "kept", f"{number}: contacted at once")
    act_on_page(receipt, "survey", {"overall": "5"})
    closed = state_is(world, number, "closed")
    expect(closed["post_mortem"]["state"] == "due", f"{number}: closed, and a post-mortem is due")
    work_list_has(agent, number)
    action = {"text": "Stop the sale of this socket.", "owner": agent.id, "due": _in_two_weeks()}
    learnt = {"happened": "A new socket smoked.", "cause": "A loose contact."}
    written = agent.change(number, "post-mortem", **learnt, actions=[action])
    expect(written["post_mortem"]["state"] == "written", f"{number}: what was learnt is written")
    left = [item["number"] for item in agent.get("/work")["items"]]
    expect(number not in left, f"{number}: it counts as open no more")
    return number


def _in_two_weeks() -> str:
    return f"{datetime.now(UTC) + timedelta(days=14):%Y-%m-%d}"


def service_request(world: World, title: str, submission: dict[str, Any]) -> str:
    """The clock pauses while the customer's papers are missing; the survey comes by mail."""
    receipt = start(world, title, submission, form=False)
    number = receipt.number
    agent = agent_of(world, number)
    acknowledged(world, number)
    agent.change(number, "replies", text="Please send us the new licence.", wait_for_customer=True)
    waiting = state_is(world, number, "waiting")
    expect(promise(waiting, "resolution") == "paused", f"{number}: the clock is paused")
    time.sleep(3)
    act_on_page(receipt, "write", {"words": "Here is the licence number: 4403-8812."})
    opened = state_is(world, number, "open")
    expect(promise(opened, "resolution") == "running", f"{number}: the clock runs again")
    agent.change(number, "resolution", text="The account now carries the new name.")
    state_is(world, number, "resolved")
    act_on_page(receipt, "confirm", {})
    link = wait_for(
        lambda: _survey_link(world, submission), f"{number}: the survey comes by mail", 40
    )
    answer = call("POST", link, form={"overall": "5", "comment": "Quick and kind."})
    expect(answer.status in (200, 303), f"{number}: the survey link accepts the answer")
    state_is(world, number, "closed")
    return number


def suggestion(world: World, title: str, submission: dict[str, Any]) -> str:
    """A suggestion has an owner and gets an answer, which closes it."""
    receipt = start(world, title, submission, form=True)
    agent = agent_of(world, receipt.number)
    agent.change(receipt.number, "resolution", text="Thank you. It is on the list for spring.")
    closed = state_is(world, receipt.number, "closed")
    expect(closed["closure"] == "answered", f"{receipt.number}: closed as answered")
    return receipt.number


def withdrawn(world: World, title: str, submission: dict[str, Any]) -> str:
    """The customer withdraws the inquiry: its promises are neither kept nor missed."""
    receipt = start(world, title, submission, form=True)
    agent_of(world, receipt.number)
    act_on_page(receipt, "withdraw", {"reason": "Found it myself.", "sure": "yes"})
    closed = state_is(world, receipt.number, "closed")
    expect(closed["closure"] == "withdrawn", f"{receipt.number}: closed as withdrawn")
    expect(
        promise(closed, "resolution") == "cancelled", f"{receipt.number}: nothing kept or missed"
    )
    return receipt.number


def handed_over(world: World, title: str, submission: dict[str, Any]) -> str:
    """An agent answers, then gives the ticket to a colleague with a reason, who solves it."""
    receipt = start(world, title, submission, form=True)
    number = receipt.number
    agent = agent_of(world, number)
    agent.change(number, "replies", text="We are looking for somebody who knows your lock.")
    colleague = colleague_of(world, agent, submission["language"])
    reason = "She repaired this lock last month."
    agent.change(number, "assignment", agent=colleague.id, reason=reason)
    expect(agent_of(world, number) == colleague, f"{number}: the colleague accepts it")
    colleague.change(number, "resolution", text="The lock was replaced.", **solved("complaint"))
    confirm_and_rate(world, receipt, 5)
    given = happened(world.manager.read(number), "assigned")[-1]["data"]
    expect(given["why"] == reason, f"{number}: the reason is on record")
    return number


def returned(world: World, title: str, submission: dict[str, Any]) -> str:
    """Nobody accepts the ticket until its first reminder: it returns and a colleague gets it."""
    receipt = start(world, title, submission, form=True)
    number = receipt.number
    wait_for(
        lambda: happened(world.reader.read(number), "queued"),
        f"{number} returns to the queue",
        PATIENCE_S,
    )
    agent = agent_of(world, number)
    agent.change(number, "resolution", text="We pack such parcels in two boxes from now on.")
    state_is(world, number, "closed")
    ticket = world.manager.read(number)
    why = happened(ticket, "queued")[0]["data"]["why"]
    expect(why == "not accepted", f"{number}: the record says why it returned")
    first, second, *_ = (one["data"]["agent"] for one in happened(ticket, "assigned"))
    expect(first != second, f"{number}: a colleague gets it")
    expect("remind" in fired(ticket, "first_response"), f"{number}: the reminder goes out")
    return number


def department(world: World, title: str, submission: dict[str, Any]) -> str:
    """The agent asks another department, and cannot resolve the ticket before it has answered."""
    receipt = start(world, title, submission, form=True)
    number = receipt.number
    agent = agent_of(world, number)
    task = agent.change(
        number,
        "tasks",
        team="service",
        title="Is there a spare lid?",
        text="The customer needs the lid of this pot.",
        shares=["category"],
    )["tasks"][0]
    answer = {"text": "A new lid leaves today.", **solved("complaint")}
    early = {"version": agent.read(number)["version"], **answer}
    refused = agent.call("POST", f"/tickets/{number}/resolution", early)
    expect(refused.status == 409, f"{number}: not resolved while the task is open")
    clerk = next(
        one
        for one in world.staff.values()
        if one.role == "agent" and one.get(f"/members/{one.id}")["team"] == "service"
    )
    hidden = clerk.call("GET", f"/tickets/{number}").status
    expect(hidden == 404, f"{number}: the department sees the task, not the ticket")
    path = f"/tasks/{number}/{task['id']}"
    taken = clerk.send(
        "POST", f"{path}/assignment", {"revision": task["revision"], "owner": clerk.id}
    )
    result = {"revision": taken["revision"], "text": "There is one. It leaves today."}
    done = clerk.send("POST", f"{path}/result", result)
    expect(done["state"] == "done", f"{number}: the department has answered")
    agent.change(number, "resolution", **answer)
    confirm_and_rate(world, receipt, 5)
    return number


def remedied(world: World, title: str, submission: dict[str, Any]) -> str:
    """A refund above the plan's bound: a leader approves it, and the customer reads each step."""
    receipt = start(world, title, submission, form=True)
    number = receipt.number
    agent = agent_of(world, number)
    refund = {"kind": "refund", "amount": 8900, "currency": "USD", "reason": "It leaks again."}
    proposed = agent.change(number, "remedies", text="We refund the kettle.", **refund)
    id_ = proposed["remedies"][0]["id"]
    own = {"version": proposed["version"]}
    refused = agent.call("POST", f"/tickets/{number}/remedies/{id_}/approval", own)
    expect(refused.status == 403, f"{number}: nobody approves what they have proposed")
    shown = call("GET", receipt.status_url).text
    expect("Refund" not in shown, f"{number}: nothing is promised before it is approved")
    world.manager.change(number, f"remedies/{id_}/approval")
    shown = call("GET", receipt.status_url).text
    expect("Refund" in shown and "89.00" in shown, f"{number}: the page shows the promise")
    agent.change(number, f"remedies/{id_}/completion", proof="Transfer 2026-0113")
    result = solved("complaint", cause="defective_part")
    agent.change(number, "resolution", text="The money is on its way.", **result)
    shown = call("GET", receipt.status_url).text
    expect(
        "A part of the product was defective" in shown and "Transfer" not in shown,
        f"{number}: the page has the cause in words for customers, and no proof",
    )
    confirm_and_rate(world, receipt, 4)
    return number


def checklist(world: World, title: str, submission: dict[str, Any]) -> str:
    """A request is done when all that it needs is settled: notes of the customer, and our step."""
    receipt = start(world, title, submission, form=False)
    number = receipt.number
    agent = agent_of(world, number)
    wait_for(
        lambda: any("need" in mail.subject for mail in _mails(world, submission)),
        f"{number}: a mail has the checklist",
        PATIENCE_S,
    )
    agent.change(number, "replies", text="Gladly. Please see the list on the page.")
    missing = state_is(world, number, "open")
    expect(promise(missing, "resolution") == "paused", f"{number}: it waits for the customer")
    done = {"text": "The invoice is in your mail."}
    early = agent.call(
        "POST", f"/tickets/{number}/resolution", {"version": missing["version"], **done}
    )
    expect(early.status == 409, f"{number}: not done while an item is missing")
    act_on_page(receipt, "answer", {"item": "title", "answer": "Hill & Sons Ltd, 4403-8812"})
    act_on_page(receipt, "answer", {"item": "no_change"})
    agent.change(number, "checklist/title/rejection", text="The last digit of the number is cut.")
    act_on_page(receipt, "answer", {"item": "title", "answer": "Hill & Sons Ltd, 4403-88127"})
    agent.change(number, "checklist/title/acceptance")
    agent.change(number, "checklist/issue/result", text="Invoice 2026-1182 is issued.")
    agent.change(number, "resolution", **done)
    confirm_and_rate(world, receipt, 5)
    return number


def merged(world: World, title: str, submission: dict[str, Any], again: str) -> str:
    """A customer writes twice about one matter: one ticket goes on, and hears both."""
    target = start(world, title, submission, form=True)
    agent = agent_of(world, target.number)
    source = start(world, title, submission | {"subject": again}, form=True)
    agent_of(world, source.number)
    versions = [world.manager.read(one.number)["version"] for one in (source, target)]
    world.manager.send(
        "POST",
        f"/tickets/{source.number}/merge",
        {
            "version": versions[0],
            "into": target.number,
            "into_version": versions[1],
            "reason": "It is the same machine.",
        },
    )
    closed = state_is(world, source.number, "closed")
    expect(closed["closure"] == "merged", f"{source.number}: closed as merged")
    page = Form()
    page.feed(call("GET", source.status_url).text)
    link = next((url for url in page.links if f"/t/{target.number}." in url), None)
    if link is None:
        raise EndpointError(f"the page of {source.number} does not lead to {target.number}")
    goes_on = Receipt(target.number, link)
    act_on_page(goes_on, "write", {"words": "It is the one in the kitchen."})
    agent.change(target.number, "resolution", text="It was repaired today.", **solved("complaint"))
    confirm_and_rate(world, goes_on, 5)
    return target.number


def split(world: World, title: str, submission: dict[str, Any], second: str) -> str:
    """A second matter in the same ticket: its words become a ticket with its own promises."""
    receipt = start(world, title, submission, form=True)
    number = receipt.number
    agent = agent_of(world, number)
    agent.change(number, "replies", text="A colleague brings you a new lamp tomorrow.")
    act_on_page(receipt, "write", {"words": second})
    read = agent.read(number)
    matter = {
        "version": read["version"],
        "events": [happened(read, "customer_wrote")[0]["number"]],
        "subject": "A wrong invoice",
        "kind": "complaint",
        "reason": "It is another matter.",
    }
    made = agent.send("POST", f"/tickets/{number}/split", matter, uuid.uuid4().hex)
    new = made["number"]
    world.opened(new, title)
    link = wait_for(
        lambda: _link_in_mails(world, submission, f"/t/{new}"),
        f"{new}: a mail leads its author to it",
        PATIENCE_S,
    )
    shown = call("GET", receipt.status_url).text
    expect("a request of its own" in shown, f"{number}: the page says that it was split")
    other = agent_of(world, new)
    other.change(new, "resolution", text="The invoice is corrected.", **solved("complaint"))
    agent.change(number, "resolution", text="The new lamp is there.", **solved("complaint"))
    for one in (receipt, Receipt(new, link)):
        confirm_and_rate(world, one, 5)
    return number


def incident(world: World, title: str, submissions: list[dict[str, Any]]) -> str:
    """Three tickets have one cause: all customers get one word, each in their language."""
    receipts = [start(world, title, one, form=True) for one in submissions]
    agents = [agent_of(world, one.number) for one in receipts]
    declared = {
        "title": "No power in the west of the city",
        "cause": "A cable is broken.",
        "categories": [],
        "channels": [],
    }
    made = world.manager.send("POST", "/incidents", declared, uuid.uuid4().hex)
    path = f"/incidents/{made['id']}"
    for receipt in receipts:
        case = {"incident": made["id"], "reason": "the same street"}
        world.manager.change(receipt.number, "incident", **case)
    text = {
        "zh-CN": "电缆断了，今晚八点前修好。",
        "zh-TW": "電纜斷了，今晚八點前修好。",
        "en": "A cable is broken. It is repaired by eight this evening.",
    }
    notice = {"revision": world.manager.get(path)["revision"], "text": text}
    world.manager.send("PUT", f"{path}/notice", notice)
    wait_for(
        lambda: text["en"] in call("GET", f"{world.base_url}/?lang=en").text,
        "the form says what is known",
        FRESH_FOR_S + 15,  # so long the process of the form may show what it has read before
    )
    word = {"revision": world.manager.get(path)["revision"], "text": text}
    world.manager.send("POST", f"{path}/words", word)
    for receipt, submission in zip(receipts, submissions, strict=True):
        told = wait_for(
            partial(_told, world, receipt.number),
            f"{receipt.number} has the word about the incident",
            PATIENCE_S,
        )
        expected = [text[submission["language"]]]
        expect(told == expected, f"{receipt.number}: one word, in the customer's language")
    for agent, receipt, submission in zip(agents, receipts, submissions, strict=True):
        answer = solved(submission["kind"])
        agent.change(receipt.number, "resolution", text="The power is back.", **answer)
        confirm_and_rate(world, receipt, 4)
    post_mortem = {
        "revision": world.manager.get(path)["revision"],
        "happened": "The power was off for two hours.",
        "cause": "A digger cut the cable.",
        "actions": [
            {
                "text": "Mark the cables in that street.",
                "owner": agents[0].id,
                "due": _in_two_weeks(),
            }
        ],
    }
    world.manager.send("POST", f"{path}/post-mortem", post_mortem)
    expect(world.manager.get(path)["state"] == "closed", "the post-mortem closes the incident")
    return receipts[0].number


def _told(world: World, number: str) -> list[str]:
    return [one["data"]["text"] for one in happened(world.reader.read(number), "progress_told")]


def missed_call(world: World, title: str) -> str:
    """Nobody answers a call: it becomes a ticket, and the callback belongs to the same one."""
    made = world.manager.send(
        "POST",
        "/connectors",
        {
            "id": "hotline",
            "name": "The telephone system",
            "team": None,
            "reason": "Calls belong to tickets.",
            "scopes": ["calls:write"],
        },
    )
    now = datetime.now(UTC)

    def at(seconds: float) -> str:
        return (now - timedelta(seconds=seconds)).isoformat()

    def record(call_: str, **more: Any) -> Any:
        body = {"call": call_, "phone": "+86 755 2345 1111", "name": "罗兰", **more}
        delivery, sent = f"msg_{uuid.uuid4().hex}", datetime.now(UTC)
        headers = {
            "webhook-id": delivery,
            "webhook-timestamp": str(int(sent.timestamp())),
            "webhook-signature": Webhook(made["webhook_secret"]).sign(
                delivery, sent, json.dumps(body)
            ),
        }
        answer = call("POST", f"{world.base_url}/connectors/hotline/calls", body, headers=headers)
        if answer.status not in (200, 201):
            raise EndpointError(f"a record of a call got {answer.status}: {answer.text[:300]}")
        return answer.json()

    missed = {"result": "missed", "language": "zh-CN", "updated": at(20), "ended": at(20)}
    missed |= {"began": at(90), "left_menu": at(75)}
    opened = record("call-1", **missed)
    number: str = opened["number"]
    world.opened(number, title)
    repeated = record("call-1", **missed)
    expect(repeated["version"] == opened["version"], f"{number}: a repeated record adds nothing")
    agent = agent_of(world, number)
    record(
        "call-2",
        result="answered",
        direction="outbound",
        ticket=number,
        agent=agent.id,
        updated=at(0),
        began=at(12),
        answered=at(10),
        held=[[at(8), at(5)]],
        ended=at(1),
        after_work_ended=at(0),
    )
    first, second = happened(world.manager.read(number), "call_recorded")
    expect(
        first["data"]["seconds"]["queue"] == 55, f"{number}: the wait counts from the menu's end"
    )
    expect(second["data"]["seconds"]["talk"] == 6, f"{number}: the talk is without the hold")
    agent.change(number, "resolution", text="The hours of the shop were given.")
    agent.change(number, "callbacks", outcome="confirmed", text="She knows what she needs.")
    state_is(world, number, "confirmed", "closed")
    return number


def happened(ticket: Any, kind: str) -> list[Any]:
    """The events of one kind in the timeline of the API's ticket."""
    return [event for event in ticket["timeline"] if event["type"] == kind]


def _if[T](value: T, holds: Callable[[T], object]) -> T | None:
    return value if holds(value) else None


def _mails(world: World, submission: dict[str, Any]) -> list[Any]:
    return mailbox(world.endpoint_url, submission["contact"]["email"])


def _survey_link(world: World, submission: dict[str, Any]) -> str | None:
    return _link_in_mails(world, submission, "/s/")


def _link_in_mails(world: World, submission: dict[str, Any], path: str) -> str | None:
    for mail in _mails(world, submission):
        if found := re.search(rf"{re.escape(world.base_url + path)}[\w.-]+", mail.text):
            return found[0]
    return None


@dataclass(frozen=True)
class Scene:
    title: str
    play: Callable[[World], str]


def scenes() -> list[Scene]:
    """Twenty-five tickets of all five kinds in three languages."""

    def scene(title: str, act: Callable[..., str], submission: dict[str, Any], *more: Any) -> Scene:
        return Scene(title, lambda world: act(world, title, submission, *more))

    good = [
        ("zh-CN", "王小明", "收到的杯子碎了", "包裹打开时三个杯子都碎了，盒子里没有填充物。", 5),
        ("en", "Tom Baker", "Wrong colour delivered", "I ordered blue, a red one came.", 5),
        ("zh-CN", "赵磊", "退款迟迟不到账", "两周前退的货，款项到今天还没有到账。", 4),
        ("en", "Ruth Lindqvist", "Lid broken on arrival", "The lid of the pot is cracked.", 4),
        ("zh-CN", "陈芳", "客服电话打不通", "连续三天打不通，只能听音乐等待。", 3),
        (
            "en",
            "Samuel Ortiz",
            "Driver left the parcel outside",
            "It rained; the book is soaked.",
            5,
        ),
    ]
    return [
        scene(
            "breached",
            breached,
            body(
                "complaint",
                "en",
                "Margaret Hale",
                "Charged twice for one order",
                "My card was charged twice on Monday. I wrote two mails and nobody answered.",
                email="margaret@customer.example",
                remedy="Refund the second charge.",
            ),
        ),
        scene(
            "urgent",
            urgent,
            body(
                "urgent",
                "zh-CN",
                "孙丽",
                "插座冒烟",
                "新装的插座在冒烟，家里有孩子，请马上联系我！",
                phone="+86 755 2345 6789",
            ),
        ),
        *(
            scene(
                "in time",
                answered_in_time,
                body(
                    "complaint",
                    language,
                    name,
                    subject,
                    text,
                    email=f"in-time-{index}@customer.example",
                    remedy="重新寄送" if index == 0 else None,
                ),
                score,
            )
            for index, (language, name, subject, text, score) in enumerate(good)
        ),
        scene(
            "disputed",
            disputed,
            body(
                "complaint",
                "zh-TW",
                "林美玲",
                "咖啡機修了又壞",
                "上個月才修好的咖啡機又漏水了，希望這次真的解決。",
                email="meiling@customer.example",
            ),
        ),
        scene(
            "request",
            service_request,
            body(
                "service_request",
                "en",
                "Oakfield Ltd",
                "Change of company name",
                "We have a new name since October. Please change it on our account.",
                email="office@customer.example",
            ),
        ),
        scene(
            "handed over",
            handed_over,
            body(
                "complaint",
                "zh-CN",
                "吴桐",
                "门锁又松了",
                "上个月修过的门锁又松了，请派熟悉的师傅来。",
                email="wutong@customer.example",
            ),
        ),
        scene(
            "department",
            department,
            body(
                "complaint",
                "zh-CN",
                "郑洁",
                "锅盖裂了",
                "收到时锅盖有一道裂纹，希望补寄一个锅盖。",
                email="zhengjie@customer.example",
            ),
        ),
        scene(
            "remedy",
            remedied,
            body(
                "complaint",
                "en",
                "Edith Moore",
                "The kettle leaks again",
                "It was repaired in spring and leaks again. I want my money back.",
                email="edith@customer.example",
                remedy="My money back.",
            ),
        ),
        scene(
            "checklist",
            checklist,
            body(
                "service_request",
                "en",
                "Hill & Sons",
                "Invoice for our order",
                "Please send us an invoice for the order of last week.",
                email="hill@customer.example",
            )
            | {"category": "payment/invoice"},
        ),
        Scene("call", lambda world: missed_call(world, "call")),
        scene(
            "merged",
            merged,
            body(
                "complaint",
                "zh-TW",
                "許志偉",
                "烘衣機不轉了",
                "烘衣機上週開始不轉，聲音很大。",
                email="zhiwei@customer.example",
            ),
            "還是那台烘衣機",
        ),
        scene(
            "split",
            split,
            body(
                "complaint",
                "en",
                "Nora Kent",
                "The lamp flickers",
                "The lamp that came on Friday flickers.",
                email="nora@customer.example",
            ),
            "By the way, the invoice has my old name on it.",
        ),
        Scene(
            "incident",
            lambda world: incident(
                world,
                "incident",
                [
                    body("complaint", language, name, subject, text, email=f"{name}@dark.example")
                    for language, name, subject, text in (
                        ("zh-CN", "tian", "整条街停电了", "从下午开始整条街都停电。"),
                        ("zh-TW", "hsu", "整條街停電", "下午開始整條街都沒有電。"),
                        ("en", "webb", "No power in our street", "It went dark this afternoon."),
                    )
                ],
            ),
        ),
        scene(
            "returned",
            returned,
            body(
                "feedback",
                "zh-CN",
                "何静",
                "包装可以更结实",
                "玻璃杯最好用两层盒子包装，这样路上不会碎。",
                email="hejing@customer.example",
            ),
        ),
        scene(
            "suggestion",
            suggestion,
            body(
                "feedback",
                "zh-TW",
                "黃大衛",
                "希望有夜間取貨",
                "如果晚上十點以後也能取貨就太好了。",
                email="david@customer.example",
            ),
        ),
        scene(
            "withdrawn",
            withdrawn,
            body(
                "inquiry",
                "zh-CN",
                "周敏",
                "发票在哪里下载",
                "找不到电子发票的下载入口。",
                email="min@customer.example",
            ),
        ),
    ]
