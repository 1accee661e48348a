"""Reply templates, drafts and call scripts through the staff API."""

from __future__ import annotations

from typing import Any

import pytest

from redress.tickets.rules.steps import by_staff
from redress.tickets.rules.ticket import EventType
from tests.builders import LIN, MEI, Clock, plan_document
from tests.functions.staff.api import CHANGES, Api
from tests.world import Act, Opener, Stores

MESSAGES = ("reply", "progress", "resolution", "promise", "hold")
"""Sample events of the routes that write to the customer."""


@pytest.fixture
def number(open_ticket: Opener, act: Act) -> str:
    """A ticket of mei in Chinese that was answered, so that every message is possible."""
    ticket = open_ticket(agent="a-mei")
    return act(ticket, by_staff.reply, MEI, "您好", False).number


def message(name: str, stores: Stores, number: str, **fields: Any) -> dict[str, Any]:
    """A body of a message without a text, with these fields."""
    change = {field: value for field, value in CHANGES[name].items() if field != "text"}
    return change | {"version": stores.tickets.get(number).version} | fields


@pytest.mark.parametrize("name", MESSAGES)
def test_message_may_name_a_template_in_place_of_its_text(
    api: Api, stores: Stores, number: str, name: str
) -> None:
    body = message(name, stores, number, template="greeting")
    found = api(name, "mei", number=number, body=body)
    assert (found.status, found.body["warnings"]) == (200, [])
    event = stores.tickets.history(number)[-1]
    assert event.data["text"] == f"Li Na，您好！我是投诉处理组的mei，您的工单{number}由我处理。"


@pytest.mark.parametrize("name", MESSAGES)
def test_message_with_text_and_template_or_neither_is_refused_with_all_other_faults(
    api: Api, stores: Stores, number: str, name: str
) -> None:
    both = message(name, stores, number, template="greeting", text="您好", colour="red")
    found = api(name, "mei", number=number, body=both)
    assert found.codes == {"/template": "not_both", "/colour": "unknown"}
    neither = message(name, stores, number, values={"shoe": "x", "details": " "})
    found = api(name, "mei", number=number, body=neither)
    assert found.codes == {
        "/text": "required",
        "/values/shoe": "unknown",
        "/values/details": "required",
    }
    assert "a text or a template is required" in found.body["detail"]


def test_reply_with_variables_without_a_value_is_refused_and_names_each(
    api: Api, stores: Stores, number: str
) -> None:
    """Story 37: unresolved variables are refused before sending (chatwoot 13222, 10109)."""
    before = stores.tickets.get(number)
    body = message("reply", stores, number, template="apology", values={"details": "x"})
    found = api("reply", "mei", number=number, body=body | {"version": 999})
    assert [(one["pointer"], one["code"]) for one in found.body["errors"]] == [
        ("/version", "unknown_version"),
        ("/template", "unresolved_variable"),
        ("/values/details", "unused_variable"),
    ]
    assert "{next_step}: give it as /values/next_step" in found.body["detail"]
    assert stores.tickets.get(number) == before


def test_unknown_template_is_named_with_the_faults_of_the_step(
    api: Api, stores: Stores, number: str
) -> None:
    body = {"version": 1, "template": "hello", "files": ["0" * 16]}
    found = api("reply", "mei", number=number, body=body)
    assert found.codes == {"/template": "unknown_template", "/files/0": "unknown_file"}
    resolution = {"version": 1, "template": "hello"}
    found = api("resolution", "mei", number=number, body=resolution)
    assert found.codes == {
        "/template": "unknown_template",
        "/outcome": "required",
        "/remedy": "required",
        "/root_cause": "required",
    }


def test_values_without_a_template_are_refused(api: Api, stores: Stores, number: str) -> None:
    body = message("reply", stores, number, text="您好", values={"details": "x"})
    assert api("reply", "mei", number=number, body=body).codes == {"/values": "needs_template"}


def test_words_that_the_writer_gives_for_a_template_are_checked(
    api: Api, stores: Stores, number: str
) -> None:
    body = message("reply", stores, number, template="ask_details", values={"details": "蠢货"})
    assert api("reply", "mei", number=number, body=body).codes == {"/template": "refused_word"}
    body["values"] = {"details": "请尽快发照片"}
    found = api("reply", "mei", number=number, body=body)
    [warning] = found.body["warnings"]
    assert (warning["pointer"], warning["word"]) == ("/template", "尽快")


def test_subject_of_the_customer_keeps_no_template_from_being_sent(
    api: Api, open_ticket: Opener
) -> None:
    ticket = open_ticket(agent="a-mei", subject="你们都是笨蛋")
    body = {"version": ticket.version, "template": "acknowledge"}
    found = api("reply", "mei", number=ticket.number, body=body)
    assert (found.status, found.body["warnings"]) == (200, [])


def test_promise_with_a_template_says_the_time_that_is_promised(
    api: Api, stores: Stores, number: str
) -> None:
    body = message("promise", stores, number, template="more_time")
    assert api("promise", "mei", number=number, body=body).status == 200
    text = stores.tickets.history(number)[-1].data["text"]
    assert "最晚于2026年11月24日（星期二）10:00（UTC+8）答复您" in text


def test_draft_shows_the_text_and_its_warnings_and_stores_nothing(
    api: Api, stores: Stores, number: str
) -> None:
    before = stores.tickets.history(number)
    found = api("draft", "jun", number=number, body={"template": "greeting"})
    assert (found.status, found.body["language"]) == (200, "zh-CN")
    assert found.body["text"].startswith("Li Na，您好！我是投诉处理组的jun，")
    found = api("draft", "jun", number=number, body={"text": "我们尽快处理"})
    assert [one["word"] for one in found.body["warnings"]] == ["尽快"]
    assert found.body["text"] == "我们尽快处理"
    found = api("draft", "jun", number=number, body={"text": "蠢货，笨蛋"})
    assert [one["code"] for one in found.body["errors"]] == ["refused_word"] * 2
    found = api("draft", "jun", number=number, body={"template": "apology"})
    assert (found.status, found.codes) == (422, {"/template": "unresolved_variable"})
    assert stores.tickets.history(number) == before
    assert before[-1].type is EventType.REPLIED


def test_templates_are_listed_with_their_texts_and_variables(api: Api) -> None:
    found = api("templates", "mei", query={})
    assert (found.status, found.body["plan_version"]) == (200, 1)
    items = {item["name"]: item for item in found.body["items"]}
    assert [*items] == [*plan_document()["templates"]]
    assert items["apology"]["variables"] == ["agent", "customer", "due", "subject", "team"]
    assert items["apology"]["values"] == ["next_step"]
    assert items["apology"]["texts"] == plan_document()["templates"]["apology"]


def test_templates_and_scripts_of_a_ticket_are_those_of_its_plan(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    number = open_ticket(agent="a-mei").number
    newer = plan_document() | {"version": 2, "templates": {}, "scripts": {}}
    stores.plan_store.publish(newer, 2, 1)
    clock.advance(seconds=6)
    api.module.wiring.text_cases()._plans.refresh()
    for name in ("templates", "scripts"):
        assert api(name, "mei", query={}).body["items"] == []
        of_ticket = api(name, "mei", query={"ticket": number.lower()})
        assert of_ticket.body["items"]
        assert of_ticket.body["plan_version"] == 1


def test_scripts_are_filled_with_the_ticket_and_name_what_is_not_known(
    api: Api, open_ticket: Opener
) -> None:
    found = api("scripts", "tao", query={})
    scripts = {item["name"]: item for item in found.body["items"]}
    assert found.body["language"] == "zh-TW"
    greeting = "您好，這裡是客戶服務組，我是tao，請問有什麼可以為您服務？"
    assert scripts["greeting"] == {"name": "greeting", "text": greeting, "unresolved": []}
    assert scripts["opened"]["unresolved"] == ["number", "promises"]
    assert "{number}" in scripts["opened"]["text"]
    number = open_ticket("inquiry", agent="a-tao", language="en").number
    found = api("scripts", "tao", query={"ticket": number})
    [opened] = [item for item in found.body["items"] if item["name"] == "opened"]
    assert found.body["language"] == "en"
    assert opened["unresolved"] == []
    assert number in opened["text"]
    assert "first answer from a person by Monday 23 November 2026, 18:00 (UTC+8)" in opened["text"]
    found = api("scripts", "tao", query={"ticket": number, "language": "zh-CN"})
    assert "首次人工回复：2026年11月23日" in found.body["items"][3]["text"]


def test_language_of_scripts_must_be_one_that_plans_have(api: Api) -> None:
    found = api("scripts", "tao", query={"language": "fr"})
    assert (found.status, found.codes) == (422, {"/language": "unknown_language"})


@pytest.mark.parametrize("name", ["templates", "scripts"])
def test_ticket_that_the_reader_does_not_see_is_as_one_that_does_not_exist(
    api: Api, open_ticket: Opener, act: Act, name: str
) -> None:
    """Story 8: every list obeys the same right."""
    ticket = open_ticket("complaint", agent="a-mei")
    missing = api(name, "jun", query={"ticket": "R-00000-00000"})
    assert missing.status == 404
    assert api(name, "jun", query={"ticket": "nonsense"}).status == 404
    assert api(name, "tao", query={"ticket": ticket.number}).status == 404
    assert api(name, "jun", query={"ticket": ticket.number}).status == 200
    act(ticket, by_staff.set_about, LIN, ["a-jun"], "named")
    assert api(name, "jun", query={"ticket": ticket.number}).status == 404
