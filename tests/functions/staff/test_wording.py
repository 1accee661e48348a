"""Texts to the customer are compared with the word lists of the plan."""

from __future__ import annotations

from typing import Any

import pytest

from redress.tickets.rules.steps import by_customer, by_staff
from redress.tickets.rules.ticket import EventType
from tests.builders import MEI, Clock
from tests.functions.staff.api import CHANGES, Api
from tests.world import Act, Opener, Stores

MESSAGES = ("reply", "progress", "resolution", "promise", "hold")
"""Sample events of the routes that write to the customer."""
INSULT = {"pointer": "/text", "code": "refused_word"}


@pytest.fixture
def number(open_ticket: Opener, act: Act) -> str:
    """A ticket of mei in Chinese that was answered, so that every message is possible."""
    ticket = open_ticket(agent="a-mei")
    return act(ticket, by_staff.reply, MEI, "您好", False).number


def body_of(name: str, stores: Stores, number: str, text: str) -> dict[str, Any]:
    return CHANGES[name] | {"version": stores.tickets.get(number).version, "text": text}


@pytest.mark.parametrize("name", MESSAGES)
def test_message_with_a_refused_word_is_not_sent(
    api: Api, stores: Stores, number: str, name: str
) -> None:
    before = stores.tickets.get(number)
    found = api(name, "mei", number=number, body=body_of(name, stores, number, "笨蛋，蠢货"))
    assert found.status == 422
    assert [(one["pointer"], one["code"]) for one in found.body["errors"]] == [
        ("/text", "refused_word"),
        ("/text", "refused_word"),
    ]
    assert found.body["errors"][0]["detail"] == '"笨蛋" (improper): 说明事实和下一步，不指责客户'
    assert stores.tickets.get(number) == before


@pytest.mark.parametrize("name", MESSAGES)
def test_message_with_a_vague_word_is_sent_with_a_warning(
    api: Api, stores: Stores, number: str, name: str
) -> None:
    found = api(name, "mei", number=number, body=body_of(name, stores, number, "我们尽快处理。"))
    assert found.status == 200
    assert found.body["warnings"] == [
        {
            "pointer": "/text",
            "code": "discouraged_word",
            "list": "vague",
            "word": "尽快",
            "instead": "请写明具体时间，例如“今天18:00前”",
        }
    ]
    assert stores.tickets.history(number)[-1].data["text"] == "我们尽快处理。"


def test_message_without_such_words_has_no_warnings(api: Api, stores: Stores, number: str) -> None:
    body = body_of("reply", stores, number, "明天10:00前换货。")
    found = api("reply", "mei", number=number, body=body)
    assert (found.status, found.body["warnings"]) == (200, [])


def test_words_are_those_of_the_language_of_the_customer(api: Api, open_ticket: Opener) -> None:
    ticket = open_ticket(agent="a-mei", language="en")
    body = {"version": ticket.version, "text": "ASAP 尽快"}
    found = api("reply", "mei", number=ticket.number, body=body)
    assert [one["word"] for one in found.body["warnings"]] == ["ASAP"]


def test_refused_words_are_named_with_all_other_faults_of_the_content(
    api: Api, stores: Stores, number: str
) -> None:
    body = {"version": 999, "text": "蠢货", "outcome": "upheld", "files": ["0" * 16]}
    found = api("resolution", "mei", number=number, body=body)
    assert found.status == 422
    assert found.codes == {
        "/version": "unknown_version",
        "/text": "refused_word",
        "/files/0": "unknown_file",
    }
    del body["files"]
    found = api("resolution", "mei", number=number, body=body)
    assert found.codes == {
        "/version": "unknown_version",
        "/text": "refused_word",
        "/remedy": "required",
        "/root_cause": "required",
    }


def test_refused_words_are_reported_before_a_stale_version_and_a_wrong_state(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    body = CHANGES["hold"] | {"version": ticket.version, "text": "蠢货"}
    assert api("hold", "mei", number=ticket.number, body=body).codes == {"/text": "refused_word"}
    fine = body | {"text": "等零件"}
    assert api("hold", "mei", number=ticket.number, body=fine).status == 409
    wrote = by_customer.write(ticket, stores.plans.current(), "蠢货", clock.now())
    stores.tickets.commit(wrote, clock.now())
    reply = {"version": ticket.version, "text": "蠢货"}
    found = api("reply", "mei", number=ticket.number, body=reply)
    assert (found.status, found.codes) == (422, {"/text": "refused_word"})
    found = api("reply", "mei", number=ticket.number, body=reply | {"text": "您好"})
    assert (found.status, found.body["current_version"]) == (409, ticket.version + 1)


def test_words_of_the_customer_and_notes_are_never_checked(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei", description="你们这些笨蛋，蠢货！", subject="笨蛋")
    found = api("note", "mei", number=ticket.number, body={"text": "客户写道：笨蛋"})
    assert found.status == 200
    types = [event.type for event in stores.tickets.history(ticket.number)]
    assert types[-1] is EventType.NOTED
