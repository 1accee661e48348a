"""A customer's words are found by staff, on a deployed stack with the index of words."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from local import process, stack
from local.endpoints import call
from local.stack import Outputs

WITHIN_S = 70
"""A batch waits for a minute at most, and is then indexed in a second or two."""


@pytest.fixture(scope="module")
def searching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outputs]:
    cloud = process.start(tmp_path_factory.mktemp("cloud"), process.free_port())
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stack, "WORKERS", 1)  # few calls overlap here
            outputs = stack.install(cloud, parameters={"Search": "on"})
        yield outputs
    finally:
        process.stop(cloud)


def search(outputs: Outputs, token: str, text: str) -> dict[str, Any]:
    path = f"/staff/search?q={quote(text)}"
    found: dict[str, Any] = stack.call_api(outputs, "GET", path, None, token)
    return found


def manager_of(outputs: Outputs) -> str:
    """A token of a manager, who may see all tickets."""
    email = next(email for email, who in outputs.staff.items() if "manager" in who["groups"])
    return stack.sign_in(outputs, email)


def submit(outputs: Outputs, description: str, language: str) -> str:
    body = {
        "kind": "complaint",
        "subject": "水壺",
        "description": description,
        "contact": {"name": "陳雅婷", "email": "ya.ting@example.com"},
        "language": language,
        "consent": True,
    }
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    answer = call("POST", f"{outputs.base_url}/tickets", body, headers=headers)
    assert answer.status == 201, answer.text
    number: str = answer.json()["number"]
    return number


def test_complaint_in_traditional_chinese_is_found_by_a_simplified_word_of_two_characters(
    searching: Outputs,
) -> None:
    token = manager_of(searching)
    number = submit(searching, "壺嘴漏水，我要申請退款", "zh-TW")
    assert search(searching, token, number)["items"][0]["number"] == number, "at once, by number"
    deadline = time.monotonic() + WITHIN_S
    while not (found := search(searching, token, "退款"))["items"]:
        assert time.monotonic() < deadline, found
        time.sleep(1)
    assert [item["number"] for item in found["items"]] == [number]
    assert found["by"] == "words"
    other = search(searching, token, "申请")["items"]
    # The ticket may have been offered to an agent since, so only its number is the same.
    assert [item["number"] for item in other] == [number]
    assert search(searching, token, "发票")["items"] == []


def test_stack_without_the_index_finds_numbers_and_says_that_words_are_not_searched(
    deployed: Outputs,
) -> None:
    token = manager_of(deployed)
    number = submit(deployed, "我要退款", "zh-CN")
    assert search(deployed, token, number)["items"][0]["number"] == number
    words = search(deployed, token, "退款")
    assert (words["items"], words["index"]["state"]) == ([], "off")
