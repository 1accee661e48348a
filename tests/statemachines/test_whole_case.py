"""Cases of more than one person or system, with skipped time and through the doors of the product.

Each test is a failure that other products had: what was lost, doubled, or told to the wrong one.
The tests of the deployed stack with the same names are in tests/local/test_whole_case.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from redress.connectors import https
from redress.incidents import cases as incidents
from redress.scores.messages import AgentResult
from redress.tickets.rules.steps import by_customer
from redress.wiring import scoring as scoring_wiring
from tests import amazon_connect as connect
from tests.builders import START, Clock, plan_document
from tests.functions.staff.test_incidents import Dying, Killed, delivery
from tests.functions.staff.test_machines import Machine, make
from tests.statemachines.house import House
from tests.wired import set_environment
from tests.world import Context, load

LI_NA = "li.na@example.com"
CALLER = {"name": "Li Na", "phone": "(021) 6123/4567"}


def hour(house: House) -> float:
    """Hours since the beginning."""
    return (house.clock.now() - START).total_seconds() / 3600


# ------------------------------------------------------------------ merging, splitting, links


def test_reply_to_a_merged_ticket_goes_to_the_target_where_its_answer_is_due(house: House) -> None:
    source, target = house.submit(), house.submit()
    house.agent(source)
    house.act("reply", house.agent(target), target, text="We look into it.")
    assert house.combine(source, target)["closure"] == "merged"
    assert house.status(source) == "SUCCEEDED"
    written = house.customer("api-message", source, {"text": "It is the red one."})
    assert written["statusCode"] == 200, written
    [word] = house.happened(target, "customer_wrote")
    assert (word["data"]["text"], word["data"]["sent_to"]) == ("It is the red one.", source)
    fired = house.fired(source)
    house.pass_time(hours=25)
    assert ("next_reply", "breach") in house.fired(target)
    assert (house.read(source)["state"], house.fired(source)) == ("closed", fired)
    assert house.happened(source, "customer_wrote") == []
    assert house.running() == [f"{target}-1"]


def test_escalated_ticket_that_is_merged_is_escalated_no_more(house: House) -> None:
    source = house.submit()
    house.agent(source)
    house.pass_time(hours=37)
    assert house.read(source)["escalation"] == "manager"
    target = house.submit()
    house.agent(target)
    house.combine(source, target)
    assert house.read(source)["escalation"] is None
    fired = house.fired(source)
    house.pass_time(hours=12)
    kept = {one["clock"]: one for one in house.read(target)["promises"]}
    due = START + timedelta(hours=48)
    assert kept["resolution"]["due_at"].startswith(f"{due:%Y-%m-%dT%H:%M}"), "the earliest promise"
    assert ("resolution", "breach") in house.fired(target)
    assert house.fired(source) == fired
    board = house.ask("board", "lin", query={}).body
    assert source not in json.dumps(board)


def test_facts_of_a_merged_ticket_follow_with_their_origin(house: House) -> None:
    source, target = house.submit(order="A-1042"), house.submit()
    agent = house.agent(source)
    house.agent(target)
    by = (house.clock.now() + timedelta(hours=5)).isoformat()
    house.act("promise", agent, source, by=by, text="By two o'clock you hear more.")
    house.combine(source, target)
    shown = house.read(target)
    assert shown["order"] == "A-1042"
    [merged] = [one for one in shown["timeline"] if one["type"] == "merged"]
    assert merged["data"]["ticket"] == source
    house.pass_time(hours=6)
    broken = [one for one in house.rungs(target) if one[:2] == ("own_word", "breach")]
    assert [at for _, _, at in broken] == [5], "what was promised in the source is owed here"
    assert [one["data"]["text"] for one in house.happened(source, "promised")] == [
        "By two o'clock you hear more."
    ]


def test_split_ticket_goes_to_the_author_of_the_words_with_clocks_of_its_own(house: House) -> None:
    first, friend = house.submit(), "wang.wei@example.com"
    agent = house.agent(first)
    house.act("reply", agent, first, text="We look into it.")
    house.pass_time(hours=1)
    house.take(
        first,
        lambda t, p, at: by_customer.write(t, p, "Mine hums, too.", at, participant=friend),
    )
    wrote = house.tickets.get(first).version
    made = house.act(
        "splitting",
        agent,
        first,
        key=True,
        events=[wrote],
        subject="A kettle that hums",
        kind="complaint",
        reason="It is another kettle.",
    )
    new = made["number"]
    assert house.read(new)["contact"]["email"] == friend
    [told] = house.mailed(friend, new)
    assert "of its own" in told.text
    assert house.mailed(LI_NA, new) == [], "it is the friend's"
    house.pass_time(hours=25)
    assert ("first_response", "breach") in house.fired(new)
    assert not [one for one in house.fired(first) if one[0] == "next_reply"]


def test_macro_and_resolution_close_nothing_past_a_task_that_is_not_known_to_be_done(
    house: House,
) -> None:
    number = house.submit("feedback")
    agent = house.agent(number)
    team = "complaints" if house.read(number)["team"] == "service" else "service"
    house.act("task-opening", agent, number, team=team, title="Can we?", text="Two boxes.")
    version = {"version": house.tickets.get(number).version}
    refused = house.ask("macro", agent, body=version, number=number, macro="thank_for_feedback")
    assert (refused.status, "Can we?" in json.dumps(refused.body)) == (409, True), refused.body
    body = version | {"text": "Thank you."}
    assert house.ask("resolution", agent, body=body, number=number).status == 409
    house.pass_time(days=5)
    assert house.read(number)["state"] in ("new", "open"), "time does no task"
    assert ("task:1", "escalate") in house.fired(number)


def test_related_ticket_keeps_its_own_clocks_when_the_other_one_is_resolved(house: House) -> None:
    first, second = house.submit(), house.submit(subject="The toaster burns")
    house.agent(second)
    house.act("linking", "lin", first, kind="related", ticket=second, reason="One batch.")
    house.solve(first)
    house.press(first, "confirm")
    house.pass_time(hours=25)
    assert house.read(second)["state"] in ("new", "open")
    assert ("first_response", "breach") in house.fired(second)
    assert [one["kind"] for one in house.read(second)["links"]] == ["related"]


def test_second_ticket_about_one_matter_is_proposed_and_never_merged_by_itself(
    house: House,
) -> None:
    older = house.submit()
    house.agent(older)
    house.pass_time(hours=3)
    newer = house.submit(description="My kettle still leaks at the handle, since the second day.")
    agent = house.agent(newer)
    [proposed] = house.read(newer)["duplicates"]
    assert proposed["number"] == older
    house.pass_time(hours=26)
    for number in (older, newer):
        assert house.read(number)["state"] in ("new", "open"), "nobody has decided"
        assert ("first_response", "breach") in house.fired(number)
    house.act("duplicate-dismissal", agent, newer, ticket=older, reason="Another kettle.")
    assert house.read(newer)["duplicates"] == []
    load("assigner").handler({"compare": newer}, Context())
    house.follow()
    assert house.read(newer)["duplicates"] == [], "it was decided"


# ------------------------------------------------------------------ whose work it was


def test_shares_of_a_ticket_count_for_who_held_it_and_not_for_who_ended_it(house: House) -> None:
    """Mei has it when the first answer falls due, Jun when the solution does, and Lin ends it."""
    number = house.submit()
    house.act("assignment", "lin", number, agent="a-mei", reason="knows it")
    house.agent(number)
    house.pass_time(hours=25)
    house.act("assignment", "lin", number, agent="a-jun", reason="has time")
    house.agent(number)
    house.act("reply", "jun", number, text="I am sorry for the wait.")
    house.pass_time(hours=24)
    house.solve(number, by="lin")
    assert _facts(house, number, "a-mei", "a-jun", "s-lin") == {
        ("a-mei", "reaction", "against"),
        ("a-mei", "first_response", "against"),
        ("a-jun", "resolution.1", "against"),
        ("s-lin", "resolved.1", "for"),
    }


def _facts(house: House, number: str, *agents: str) -> set[tuple[str, str, str]]:
    """What the scorecards of these agents say about a ticket: agent, fact, for or against."""
    jobs = scoring_wiring.scoring_jobs()
    month = jobs.list_agents("2026-11")
    results = []
    for agent in month.agents:
        outcome = jobs.score_agent(agent, month.period, month.preview, month.plan_version)
        results.append(AgentResult(agent, outcome.outcome))
    jobs.finish(month.period, month.preview, month.plan_version, results)
    return {
        (agent, one["fact"], one["counted"])
        for agent in set(agents) & set(month.agents)
        for part in house.api("scorecard", "wei", period="2026-11", agent=agent).body["components"]
        for one in part["evidence"]
        if one["number"] == number
    }


@pytest.mark.parametrize(
    ("language", "thanks"),
    [("zh-CN", "好的，谢谢！"), ("zh-TW", "感謝您的協助 🙏"), ("en", "Thank you so much!")],
)
def test_bare_thanks_reopens_nothing_and_moves_no_clock(
    house: House, language: str, thanks: str
) -> None:
    number = house.submit(language=language)
    house.solve(number, by="lin")
    house.pass_time(hours=1)
    house.press(number, "write", words=thanks)
    shown = house.read(number)
    assert (shown["state"], shown["round"]) == ("resolved", 1)
    assert shown["resolution"]["contacts_after"] == 0
    assert house.states(number)[-1] == "AwaitCallback"
    house.pass_time(hours=72)
    after = [one for one in house.fired(number) if one[0] not in ("reaction", "update")]
    assert after == [("callback", "ask_again"), ("callback", "ask_again"), ("callback", "close")]
    assert house.read(number)["closure"] == "unconfirmed"


def test_word_after_the_resolution_that_is_more_than_thanks_is_a_contact(house: House) -> None:
    number = house.submit()
    house.solve(number)
    house.press(number, "write", words="Thank you. When does it come?")
    assert house.read(number)["resolution"]["contacts_after"] == 1


# ------------------------------------------------------------------ customers


def test_customers_with_different_ids_are_merged_by_a_person_only_and_that_can_be_undone(
    house: House,
) -> None:
    first = house.submit(contact={"name": "Li Na", "email": LI_NA})
    second = house.submit(contact={"name": "Wang Wei", "phone": "+86 138 0013 8000"})
    both = house.submit(contact={"name": "Li Na", "email": LI_NA, "phone": "+86 138 0013 8000"})
    li_na, wang_wei = (house.read(one)["customer"] for one in (first, second))
    assert house.read(both)["customer"] == li_na
    assert li_na != wang_wei, "an address and a number in one ticket merge nobody"
    read = house.api("customer", "lin", id=li_na).body
    assert [one["other"] for one in read["doubts"]] == [wang_wei]
    house.pass_time(days=2)
    asleep = {one: house.states(one) for one in (first, second, both)}
    other = house.api("customer", "lin", id=wang_wei).body
    given = {"revision": read["revision"], "other": wang_wei, "reason": "One person."}
    given["other_revision"] = other["revision"]
    merged = house.ask("customer-merge", "lin", body=given, id=li_na)
    assert (merged.status, merged.body["absorbed"]) == (200, [wang_wei]), merged.body
    house.pass_time(days=1)
    undo = {"revision": merged.body["revision"], "other": wang_wei, "reason": "Two people."}
    undo["other_revision"] = other["revision"] + 1
    undone = house.ask("customer-unmerge", "lin", body=undo, id=li_na)
    assert (undone.status, undone.body["absorbed"]) == (200, []), undone.body
    assert house.read(second)["customer"] == wang_wei
    assert [len(house.states(one)) >= len(asleep[one]) for one in asleep] == [True] * 3
    assert sorted(house.running()) == sorted(f"{one}-1" for one in (first, second, both))


def test_something_else_opens_a_linked_ticket_with_promises_of_its_own(house: House) -> None:
    number = house.submit()
    house.solve(number)
    house.press(number, "confirm")
    form = {"nonce": "n-1", "language": "en", "subject": "The lid", "consent": "yes"}
    answer = house.customer("another-submission", number, form | {"description": "It is lost."})
    assert answer["statusCode"] == 201, answer
    [link] = house.read(number)["links"]
    assert link["kind"] == "followed_by"
    new = link["number"]
    assert house.read(new)["customer"] == house.read(number)["customer"]
    house.pass_time(hours=25)
    assert f"{new}-1" in house.running()
    assert ("first_response", "breach") in house.fired(new)
    assert house.read(number)["state"] in ("confirmed", "closed")


def test_owner_of_a_planned_call_is_told_then_those_above_and_the_outcome_sets_the_next_date(
    house: House,
) -> None:
    customer = house.read(house.submit())["customer"]
    read = house.api("customer", "lin", id=customer).body
    fields = {"revision": read["revision"], "name": "Li Na", "languages": ["en"], "needs": []}
    edited = house.ask("customer-edit", "lin", id=customer, body=fields | {"type": "vip"}).body
    owner = {"revision": edited["revision"], "owner": "a-tao", "reason": "knows her"}
    planned = house.ask("relationship-call-owner", "hua", id=customer, body=owner).body["calls"]
    assert planned["next_at"].startswith("2027-02-23T01:00")
    told: dict[str, list[float]] = {"tao": [], "hua": [], "wei": []}
    house.clock.moment = START + timedelta(days=92)
    for _ in range(9 * 12):
        house.clock.advance(hours=2)
        before = len(house.mails)
        house.sweep()
        for mail in house.mails[before:]:
            if f"/customers/{customer}" in mail.text:
                told[mail.to.partition("@")[0]].append(hour(house))
    assert [len(told[name]) for name in told] == [2, 1, 1], told
    assert told["tao"][0] < told["hua"][0] == told["tao"][1] < told["wei"][0]
    now = house.api("customer", "tao", id=customer).body
    given = {"revision": now["revision"], "outcome": "reached", "notes": "content"}
    after = house.ask("relationship-call", "tao", id=customer, body=given).body
    assert after["calls"]["next_at"] > planned["next_at"]
    assert (after["calls"]["overdue"], len(after["calls_made"])) == (False, 1)


# ------------------------------------------------------------------ other departments


def test_task_is_urged_pressed_extended_with_a_word_to_the_customer_returned_and_done(
    house: House,
) -> None:
    number = house.submit()
    agent = house.agent(number)
    house.act("reply", agent, number, text="We ask the workshop.")
    house.act("task-opening", agent, number, team="service", title="A seal?", text="A spare one.")
    _on_task(house, "task-assignment", "tao", number, owner="a-tao")
    assert "and wait for their answer, since" in house.page(number)
    urged = house.customer("api-urge", number)
    assert urged["statusCode"] == 200, urged
    pressed = {"text": "The customer waits."}
    assert house.ask("task-press", "lin", body=pressed, number=number, id="1").status == 200
    assert len(house.mailed("tao@example.com", number)) >= 2
    house.pass_time(hours=5)
    assert [one for one in house.fired(number) if one[0] == "task:1"] == [("task:1", "remind")]
    until = (START + timedelta(hours=60)).isoformat()
    _on_task(house, "task-extension", "tao", number, until=until, text="It comes from abroad.")
    word: dict[str, Any] = {
        "decision": "granted",
        "reason": None,
        "text": "It takes until Wednesday evening.",
    }
    word["answer_by"] = (START + timedelta(hours=62)).isoformat()
    word["version"] = house.tickets.get(number).version
    _on_task(house, "task-extension-decision", "lin", number, **word)
    assert house.mailed(LI_NA, "It takes until Wednesday evening.")
    house.pass_time(hours=30)
    rungs = [action for clock, action in house.fired(number) if clock == "task:1"]
    assert "breach" not in rungs, "the time that was granted counts"
    _on_task(house, "task-return", "tao", number, text="Seals are with the factory.")
    shown = house.read(number)["tasks"][0]
    assert (shown["state"], house.read(number)["can"].count("resolve")) == ("returned", 0)
    _on_task(house, "task-cancellation", "lin", number, reason="It was the wrong question.")
    second: dict[str, Any] = {
        "team": "service",
        "title": "A seal?",
        "text": "Ask the factory, please.",
    }
    house.act("task-opening", agent, number, **second)
    assert "resolve" not in house.read(number)["can"]
    _on_task(house, "task-result", "hua", number, "2", text="It left today.")
    house.solve(number)
    kinds = [one["type"] for one in house.read(number)["timeline"]]
    for kind in ("urged", "task_pressed", "task_extension_asked", "task_returned", "task_done"):
        assert kind in kinds, kind


def _on_task(house: House, name: str, who: str, number: str, id_: str = "1", **body: Any) -> Any:
    """An act on a task of a ticket, as it is now."""
    revision = house.api("task", "wei", number=number, id=id_).body["revision"]
    found = house.ask(name, who, body={"revision": revision} | body, number=number, id=id_)
    assert found.status == 200, found.body
    return found.body


def test_promise_of_a_request_follows_its_checklist_on_the_page(house: House) -> None:
    number = house.submit("service_request", category="payment/invoice")
    agent = house.agent(number)
    house.act("reply", agent, number, text="Gladly.")
    due = _resolution(house, number)
    assert (due["state"], "Still needed from you" in house.page(number)) == ("paused", True)
    house.pass_time(hours=72)
    for item, answer in (("title", "Hill & Sons"), ("no_change", "")):
        form = {"item": item} | ({"answer": answer} if answer else {})
        house.press(number, "answer", **form)
    running = _resolution(house, number)
    assert running["state"] == "running"
    assert running["due_at"] > (due["due_at"] or ""), "it is later by the time that we waited"
    asked: dict[str, Any] = {"text": "The tax number is missing.", "path": {"id": "title"}}
    house.act("item-rejection", agent, number, **asked)
    assert _resolution(house, number)["state"] == "paused"
    assert "The tax number is missing." in house.page(number)
    [mail] = house.mailed(LI_NA, "The tax number is missing.")
    assert mail.at == house.clock.now()
    house.press(number, "answer", item="title", answer="Hill & Sons, 4403-88127")
    house.act("item-acceptance", agent, number, path={"id": "title"})
    house.pass_time(hours=24 * 8)
    assert ("resolution", "breach") in house.fired(number), "now it is our turn"
    house.act("step-result", agent, number, path={"id": "issue"}, text="Invoice 1182.")
    assert "Invoice 1182." in house.page(number)
    assert house.solve(number)["state"] == "resolved"


def _resolution(house: House, number: str) -> Any:
    promises = house.read(number)["promises"]
    return next(one for one in promises if one["clock"] == "resolution")


# ------------------------------------------------------------------ urgent tickets, incidents


def test_urgent_ticket_counts_as_open_until_its_post_mortem_is_written(house: House) -> None:
    number = house.submit("urgent")
    house.pass_time(seconds=30)
    joined = house.mailed("lin@example.com", number)
    assert joined, "a senior joins at once"
    house.solve(number)
    house.press(number, "confirm")
    house.press(number, "survey", overall="5")
    assert house.read(number)["state"] == "closed"
    house.pass_time(hours=75)
    counts = house.api("counts", "lin", query={}).body
    assert (counts["post_mortem_due"]["count"], counts["open"]["count"]) == (1, 1)
    assert ("post_mortem", "breach") in house.fired(number)
    action = {"text": "Stop the sale.", "owner": "a-mei", "due": "2026-12-15"}
    learnt: dict[str, Any] = {
        "happened": "It caught fire.",
        "cause": "A thermostat.",
        "actions": [action],
    }
    house.act("post-mortem", "lin", number, **learnt)
    counts = house.api("counts", "lin", query={}).body
    assert (counts["post_mortem_due"]["count"], counts["open"]["count"]) == (0, 0)
    assert house.at_rest(number)


WORD = {
    "zh-CN": "密封圈有问题，我们会更换。",
    "zh-TW": "密封圈有問題，我們會更換。",
    "en": "The seals are faulty. We replace yours.",
}


def test_spike_is_proposed_and_its_incident_tells_each_customer_once_in_their_language(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that delivers the word ends again and again, before and after a write."""
    document = plan_document() | {"version": 2}
    document["incidents"]["spike"] = {"tickets": 3, "within": "1h"}
    house.plan_store.publish(document, 2, 1)
    house.pass_time(seconds=10)
    tickets = {}
    for language in WORD:
        contact = {"name": "Li Na", "email": f"{language.lower()}@example.com"}
        about = {"language": language, "category": "product/defect"}
        tickets[language] = house.submit(contact=contact, **about)
        house.pass_time(minutes=1)
    house.sweep()
    house.sweep()
    proposed = [house.happened(number, "incident_proposed") for number in tickets.values()]
    assert [len(one) for one in proposed] == [0, 0, 1]
    [mail] = house.mailed("lin@example.com", tickets["en"])
    assert mail.at == house.clock.now()
    declared = {"title": "Seals leak", "cause": "The rubber was changed."}
    incident = house.ask("incident-declaration", "lin", key=True, body=declared).body["id"]
    for number in tickets.values():
        house.act("incident-joining", "lin", number, incident=incident)
    monkeypatch.setattr(incidents, "PATIENCE_S", -1.0)
    revision = house.api("incident", "wei", id=incident).body["revision"]
    told = {"revision": revision, "text": WORD}
    assert house.ask("incident-word", "lin", id=incident, body=told).status == 200
    for lives, written in ((0, True), (0, False), (1, True), (0, True)):
        dying = Dying(house, house.clock, lives, written=written)
        with suppress(Killed):
            delivery(dying).run(lambda: 60.0)
        house.follow()
    house.sweep()
    house.sweep()
    for language, number in tickets.items():
        assert len(house.mailed(f"{language.lower()}@example.com", WORD[language])) == 1
        others = [text for one, text in WORD.items() if one != language]
        assert not any(house.mailed(f"{language.lower()}@example.com", text) for text in others)
        assert WORD[language] in house.page(number)
        assert ("first_response", "breach") not in house.fired(number)
    house.pass_time(hours=25)
    assert all(("first_response", "breach") in house.fired(one) for one in tickets.values()), (
        "a word to all is no answer to one"
    )
    action = {"text": "Change the seals.", "owner": "a-mei", "due": "2026-12-15"}
    learnt: dict[str, Any] = {
        "happened": "Seals leaked.",
        "cause": "The rubber.",
        "actions": [action],
    }
    learnt["revision"] = house.api("incident", "wei", id=incident).body["revision"]
    assert house.ask("incident-post-mortem", "lin", id=incident, body=learnt).status == 200
    assert house.api("incident", "wei", id=incident).body["state"] == "closed"


# ------------------------------------------------------------------ remedies


def test_remedy_is_decided_and_kept_in_time_or_those_above_are_told_and_never_by_the_accused(
    house: House,
) -> None:
    number = house.submit()
    agent = house.agent(number)
    about: dict[str, Any] = {
        "kind": "refund",
        "amount": 50_000,
        "currency": "CNY",
        "reason": "No spare part.",
    }
    proposed = house.act("remedy-proposal", agent, number, text="We pay it back.", **about)
    assert proposed["remedies"][0]["state"] == "proposed"
    assert "500.00" not in house.page(number)
    house.pass_time(hours=10)
    fired = [action for clock, action in house.fired(number) if clock == "remedy:1"]
    assert fired == ["remind", "breach"], "somebody has to decide within a working day"
    house.act("about", "wei", number, members=["s-lin"], reason="The customer names her.")
    version = {"version": house.tickets.get(number).version}
    accused = house.ask("remedy-approval", "lin", body=version, number=number, id="1")
    assert accused.status == 404
    house.act("remedy-approval", "wei", number, path={"id": "1"})
    [mail] = house.mailed(LI_NA, "500.00")
    assert mail.at == house.clock.now()
    assert "500.00" in house.page(number)
    house.solve(number)
    house.press(number, "confirm")
    house.press(number, "survey", overall="4")
    assert house.read(number)["state"] == "closed"
    house.pass_time(hours=72 * 1.5 + 1)
    fired = [action for clock, action in house.fired(number) if clock == "remedy:1"]
    assert fired[2:] == ["remind", "remind", "breach", "escalate"], "also after the closing"
    owed = house.api("remedies", "wei", query={"list": "owed"}).body["items"]
    assert [one["number"] for one in owed] == [number]
    house.act("remedy-completion", agent, number, path={"id": "1"}, proof="Transfer 0113")
    assert house.api("remedies", "wei", query={"list": "owed"}).body["items"] == []
    assert house.at_rest(number)


# ------------------------------------------------------------------ calls


@pytest.fixture
def hotline(house: House, clock: Clock) -> Machine:
    """A telephone system."""
    return Machine(house.api, clock, make(house.api, "hotline", scopes=["calls:write"]))


def _call(house: House, hotline: Machine, **fields: Any) -> Any:
    """The record of a call that ended a minute ago. Numbers are seconds before now."""
    now = house.clock.now()
    times = {
        name: (now - timedelta(seconds=value)).isoformat()
        for name, value in fields.items()
        if isinstance(value, int | float)
    }
    usual = {"direction": "inbound", "language": "en", "name": "Li Na", "agent": None}
    usual |= {"held": None, "after_work_ended": None, "menu": None, "queue": None}
    usual |= {"recording": None, "left_menu": None, "answered": None}
    found = hotline.message(of="call", **(usual | {"updated": now.isoformat()} | fields | times))
    assert found.status in (200, 201), found.body
    house.follow()
    return found.body


def test_talk_of_a_call_is_without_menu_wait_and_hold_and_pick_up_counts_from_the_menus_end(
    house: House, hotline: Machine
) -> None:
    held = [
        [(house.clock.now() - timedelta(seconds=one)).isoformat() for one in (150, 110)],
    ]
    parts = {"began": 600, "left_menu": 303, "answered": 300, "ended": 60, "after_work_ended": 30}
    number = _call(
        house,
        hotline,
        call="c-1",
        phone="+862161234567",
        result="answered",
        held=held,
        agent="mei@example.com",
        **parts,
    )["number"]
    [call] = house.happened(number, "call_recorded")
    assert call["data"]["seconds"] == {
        "menu": 297,
        "queue": 3,
        "talk": 200,
        "hold": 40,
        "after": 30,
    }
    states = {one["clock"]: one["state"] for one in house.read(number)["promises"]}
    assert states["reaction"] == "kept", "five minutes in the menu are no wait for a person"
    slow = _call(
        house,
        hotline,
        call="c-2",
        phone="+862161234568",
        result="answered",
        agent="mei@example.com",
        **(parts | {"left_menu": 360}),
    )["number"]
    states = {one["clock"]: one["state"] for one in house.read(slow)["promises"]}
    assert states["reaction"] == "missed", "a minute in the queue is one"


def test_recording_is_opened_by_its_agent_for_minutes_and_each_opening_is_on_record(
    house: House, hotline: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(monkeypatch, RECORDINGS_BUCKET="calls")
    parts = {"began": 300, "left_menu": 290, "answered": 280, "ended": 60}
    record = {"call": "c-1", "phone": "+862161234567", "result": "answered"}
    kept = {"agent": "mei@example.com", "recording": "s3://calls/2026/11/23/c-1.wav"}
    number = _call(house, hotline, **record, **kept, **parts)["number"]
    [call] = house.happened(number, "call_recorded")
    assert call["data"]["talk_target_s"] == 180
    assert call["data"]["seconds"]["talk"] > 180, "it took longer than calls should"
    path = {"number": number, "event": str(call["number"])}
    agent = house.agent(number)
    for by, status in ((agent, 200), ("hua", 200), ("mei", 404)):
        house.pass_time(hours=1)
        assert house.ask("recording", by, **path).status == status
    heard = house.api("recordings", "hua", number=number).body["opened"]
    assert len({one["at"] for one in heard}) == len(heard) == 2
    assert "2026/11/23" not in json.dumps(house.read(number)), "nobody reads where it lies"


def test_missed_call_is_a_callback_to_a_customer_who_is_found_by_any_spelling_of_the_number(
    house: House, hotline: Machine
) -> None:
    earlier = house.submit(contact=CALLER)
    missed = {"call": "c-1", "phone": "+86 21 6123 4567", "result": "missed"}
    number = _call(house, hotline, **missed, began=90, left_menu=75, ended=20)["number"]
    assert house.read(number)["customer"] == house.read(earlier)["customer"] is not None
    house.pass_time(minutes=31)
    assert ("first_response", "breach") in house.fired(number), "half an hour for the callback"
    again = _call(house, hotline, **missed, began=90, left_menu=75, ended=20, updated=1)
    assert again["number"] == number
    talked = {"call": "c-2", "phone": "+862161234567", "result": "answered", "ticket": number}
    by = {"direction": "outbound", "agent": "hua@example.com"}
    back = _call(house, hotline, **talked, **by, began=200, answered=190, ended=100)
    assert back["number"] == number, "the callback belongs to the call that was missed"
    house.pass_time(hours=2)
    assert ("first_response", "escalate") not in house.fired(number), "she was called back"


def test_contact_of_amazon_connect_is_one_call_twice_and_out_of_order(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(monkeypatch, CONNECT_INSTANCE_ARN=connect.INSTANCE)
    answered = connect.event("CONNECTED_TO_AGENT", "00:54:24")
    records = connect.kinesis(connect.contact())
    for event in (records, answered, records, answered):
        load("hotline").handler(event, Context())
        house.follow()
    [name] = house.running()
    number = name.removesuffix("-1")
    [call] = house.happened(number, "call_recorded")
    assert (call["data"]["agent"], call["data"]["result"]) == ("a-mei", "answered")
    house.pass_time(days=3)
    load("hotline").handler(records, Context())
    house.follow()
    assert len(house.happened(number, "call_recorded")) == 1
    assert house.running() == [name]


def test_abandoned_contact_of_amazon_connect_is_called_back_in_time_or_somebody_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(monkeypatch, CONNECT_INSTANCE_ARN=connect.INSTANCE)
    load("hotline").handler(connect.kinesis(connect.abandoned()), Context())
    house.follow()
    [name] = house.running()
    number = name.removesuffix("-1")
    house.pass_time(hours=1)
    assert ("first_response", "breach") in house.fired(number)
    assert house.mailed("@example.com", number)


@pytest.fixture
def contacts(house: House, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Hands over contact records. Returns the numbers of the tickets that are open then."""
    set_environment(monkeypatch, CONNECT_INSTANCE_ARN=connect.INSTANCE)

    def take(*documents: dict[str, Any]) -> list[str]:
        load("hotline").handler(connect.kinesis(*documents), Context())
        house.follow()
        return [name.removesuffix("-1") for name in house.running()]

    return take


def _contact(house: House, id_: str, *, answered: bool = True, **fields: Any) -> dict[str, Any]:
    """A contact of the last three minutes, in which Mei talked for two minutes if it was answered;
    otherwise the caller hung up in the queue."""

    def at(seconds: float) -> str:
        return f"{house.clock.now() - timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"

    times = {
        "ContactId": id_,
        "InitiationTimestamp": at(180),
        "ConnectedToSystemTimestamp": at(160),
        "DisconnectTimestamp": at(30),
        "LastUpdateTimestamp": at(0),
        "Queue": {"EnqueueTimestamp": at(170)},
    }
    if not answered:
        return connect.abandoned(**(times | fields))
    agent = {
        "ConnectedToAgentTimestamp": at(150),
        "AfterContactWorkStartTimestamp": at(30),
        "AfterContactWorkEndTimestamp": at(10),
        "CustomerHoldDuration": 0,
    }
    return connect.contact(**(times | {"Agent": agent} | fields))


def _response(house: House, number: str) -> Any:
    [found] = [one for one in house.read(number)["promises"] if one["clock"] == "first_response"]
    return found


CALLBACK_LADDER = [("remind", 15), ("remind", 24), ("breach", 30), ("escalate", 45)]
"""Action and minute of each rung of a callback that nobody makes."""


def test_each_rung_of_a_missed_call_fires_at_its_time_until_the_caller_is_called_back(
    house: House, contacts: Callable[..., list[str]]
) -> None:
    [number] = contacts(_contact(house, "c-1", answered=False))
    assert house.read(number)["state"] == "new"
    assert house.sleeps_until(number) == START + timedelta(minutes=15)
    house.pass_time(minutes=20)
    again = _contact(house, "c-2", answered=False)
    assert contacts(again) == [number], "who calls again has one callback"
    house.pass_time(minutes=30)
    fired = [
        (action, round(hours * 60))
        for clock, action, hours in house.rungs(number)
        if clock == "first_response"
    ]
    assert fired == CALLBACK_LADDER
    for who in ("tao", "hua", "wei"):  # the agent, at the breach the supervisor, then the manager
        assert house.mailed(f"{who}@example.com", number), who
    dialled = _contact(house, "c-3", InitiationMethod="OUTBOUND", Queue=None)
    assert contacts(dialled) == [number]
    kept = _response(house, number)
    assert (kept["state"], kept["stopped_at"][:19]) == ("missed", "2026-11-23T01:47:30")
    house.pass_time(hours=1)
    assert len([one for one in house.fired(number) if one[0] == "first_response"]) == 4
    assert [one["data"]["id"] for one in house.happened(number, "call_recorded")] == [
        "c-1",
        "c-2",
        "c-3",
    ]


@pytest.mark.parametrize(
    "fields",
    [{"InitiationMethod": "OUTBOUND", "Queue": None}, {"InitiationMethod": "INBOUND"}],
    ids=["called back", "called again"],
)
def test_callback_that_was_answered_in_time_ends_its_ladder(
    house: House, contacts: Callable[..., list[str]], fields: dict[str, Any]
) -> None:
    """An agent dials the number from their telephone, or the caller tries again and is answered."""
    [number] = contacts(_contact(house, "c-1", answered=False))
    house.pass_time(minutes=10)
    assert contacts(_contact(house, "c-2", **fields)) == [number]
    kept = _response(house, number)
    assert (kept["state"], kept["stopped_at"][:19]) == ("kept", "2026-11-23T01:07:30")
    assert house.states(number)[-1] == "AwaitResolution"
    house.pass_time(hours=2)
    assert [one for one in house.fired(number) if one[0] == "first_response"] == []
    house.solve(number)
    assert house.states(number)[-1] == "AwaitCallback"


@pytest.mark.parametrize("call", [connect.callback, connect.customer_first])
def test_queued_callback_that_reached_the_customer_leaves_nothing_due(
    house: House, contacts: Callable[..., list[str]], call: Callable[..., Any]
) -> None:
    [number] = contacts(*reversed(call()))
    assert _response(house, number)["state"] == "kept"
    house.pass_time(hours=1)
    assert [one for one in house.fired(number) if one[1] in ("breach", "escalate")] == []


def test_queued_callback_that_reached_nobody_is_on_the_ladder_of_a_missed_call(
    house: House, contacts: Callable[..., list[str]]
) -> None:
    first, waits, dialled = connect.customer_first()
    lost = dialled | {"Agent": None, "AnsweringMachineDetectionStatus": "VOICEMAIL_BEEP"}
    assert contacts(first, waits) == []
    [number] = contacts(lost)
    house.pass_time(minutes=50)
    fired = [action for clock, action in house.fired(number) if clock == "first_response"]
    assert fired == [action for action, _ in CALLBACK_LADDER]


# ------------------------------------------------------------------ connectors


class Inbox:
    """The other side of a connector: what it got, and whether it can be reached."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.reached = True

    def post(self, _: Any, url: str, headers: dict[str, str], body: bytes) -> https.Reply:
        if not self.reached:
            raise https.NotReached("gaierror")
        self.got.append(json.loads(body))
        self.ids.append(headers["webhook-id"])
        return https.Reply(200, b"")


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Inbox:
    made = Inbox()
    monkeypatch.setattr(https.Sender, "post", lambda *given: made.post(*given))
    return made


def _social(house: House, clock: Clock, **fields: Any) -> Machine:
    url = "https://inbox.example.com/answers"
    return Machine(house.api, clock, make(house.api, "social", answers_url=url, **fields))


def _message(house: House, machine: Machine, message: str, text: str, **fields: Any) -> Any:
    usual: dict[str, Any] = {
        "channel": "social",
        "language": "en",
        "message": message,
        "text": text,
    }
    usual |= {"customer": {"name": "Li Na"}, "kind": "complaint", "sent_at": None}
    found = machine.message(**(usual | fields))
    assert found.status in (200, 201), found.body
    house.follow()
    return found.body


def test_message_of_a_source_that_comes_again_after_days_doubles_nothing_and_a_gap_is_shown(
    house: House, clock: Clock, inbox: Inbox
) -> None:
    social = _social(house, clock)
    first = _message(house, social, "m-1", "It leaks.", sequence=1)
    number = first["number"]
    house.act("reply", house.agent(number), number, text="Please send a photo.")
    third = _message(house, social, "m-3", "And it is loud.", sequence=3)
    assert (third["number"], third["missing"]) == (number, [2])
    house.pass_time(days=2)
    fired = house.fired(number)
    again = _message(house, social, "m-1", "It leaks.", sequence=1)
    assert again["number"] == number
    assert _message(house, social, "m-2", "It is the red one.", sequence=2)["missing"] == []
    texts = [one["data"]["text"] for one in house.happened(number, "customer_wrote")]
    assert texts == ["And it is loud.", "It is the red one."]
    assert house.fired(number)[: len(fired)] == fired
    assert house.running() == [f"{number}-1"]


def test_answer_goes_back_through_the_connector_when_it_is_there_again_and_never_by_mail(
    house: House, clock: Clock, inbox: Inbox
) -> None:
    social = _social(house, clock)
    number = _message(house, social, "m-1", "It leaks.")["number"]
    inbox.reached = False
    house.act("reply", house.agent(number), number, text="Please send a photo.")
    house.pass_time(hours=3)
    assert house.happened(number, "answer_reported") == []
    inbox.reached = True
    house.pass_time(minutes=20)
    [got] = inbox.got
    assert (got["text"], inbox.ids) == ("Please send a photo.", [got["id"]])
    receipt = social.message(of="receipt", answer=got["id"], state="delivered")
    assert receipt.status == 200, receipt.body
    reported = [one["data"]["state"] for one in house.happened(number, "answer_reported")]
    assert reported == ["sent", "delivered"]
    assert not house.mailed("li.na", "")


def test_answer_that_cannot_be_handed_over_for_a_day_fails_and_its_agent_is_told(
    house: House, clock: Clock, inbox: Inbox
) -> None:
    social = _social(house, clock)
    number = _message(house, social, "m-1", "It leaks.")["number"]
    agent = house.agent(number)
    inbox.reached = False
    house.act("reply", agent, number, text="Please send a photo.")
    before = len(house.mails)
    house.pass_time(hours=25)
    [report] = house.happened(number, "answer_reported")
    assert report["data"]["state"] == "failed"
    told = [one for one in house.mails[before:] if one.to == f"{agent}@example.com"]
    assert any("其他方式联系客户" in one.text for one in told), "reach them in another way"
    assert inbox.got == []


def test_wechat_takes_no_answer_after_48_hours_and_says_so_before_anything_is_written(
    house: House, clock: Clock, inbox: Inbox
) -> None:
    wechat = _social(house, clock, answer_hours=48)
    number = _message(house, wechat, "m-1", "水壶漏水。", language="zh-CN")["number"]
    agent = house.agent(number)
    house.pass_time(hours=47)
    house.act("reply", agent, number, text="请发照片。")
    assert [one["text"] for one in inbox.got] == ["请发照片。"]
    house.pass_time(hours=2)
    body = {"version": house.tickets.get(number).version, "text": "您好。"}
    late = house.ask("reply", agent, body=body, number=number)
    assert late.status in (409, 422), late.body
    _message(house, wechat, "m-2", "照片在这里。", language="zh-CN")
    house.act("reply", agent, number, text="谢谢，收到照片了。")
    assert len(inbox.got) == 2


def test_who_left_only_a_phone_is_answered_by_sms(house: House, clock: Clock, inbox: Inbox) -> None:
    document = plan_document() | {"version": 2, "sms": {"connector": "social"}}
    house.plan_store.publish(document, 2, 1)
    house.pass_time(seconds=10)
    gateway = _social(house, clock)
    number = house.submit(contact={"name": "Li Na", "phone": "138 0013 8000"})
    house.act("reply", house.agent(number), number, text="Please send a photo.")
    [got] = inbox.got
    assert (got["conversation"], got["text"]) == ("+8613800138000", "Please send a photo.")
    back = _message(
        house,
        gateway,
        "s-1",
        "It is on its way.",
        conversation="+8613800138000",
        customer={"name": "Li Na", "phone": "138 0013 8000"},
    )
    assert back["number"] == number
    house.pass_time(hours=25)
    assert ("next_reply", "breach") in house.fired(number)
