"""The address for answers, and receipts: what is accepted, and which faults are named."""

from __future__ import annotations

from typing import Any

import pytest

from redress.base.errors import InvalidInput
from redress.connectors import webhooks
from redress.connectors.rules.answer import URL_LIMIT, fault_of_url, id_of, parse_receipt
from redress.connectors.rules.secrets import Purpose, derive
from redress.tickets.rules.answers import AnswerState


@pytest.mark.parametrize(
    "url",
    [
        "https://social.example.com/answers",
        "https://SOCIAL.example.com",
        "https://a.b-c.example.com/x?key=1&more=%20",
    ],
)
def test_https_address_with_a_name_is_accepted(url: str) -> None:
    assert fault_of_url(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://social.example.com/answers",
        "https://social.example.com:8443/answers",
        "https://user:secret@social.example.com/",
        "https://social.example.com/#part",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://2130706433/",
        "https://127.1/",
        "https://localhost/",
        "https://0x7f.0.0.1/",
        "https://social.example.com\\@10.0.0.1/",
        "https://social.example.com/a b",
        "https://social.example.com/\r\nHost: else",
        "https://社交.example.com/",
        "https:///answers",
        "https://[",
        "//social.example.com",
        "https://social.example.com/" + "a" * URL_LIMIT,
    ],
)
def test_any_other_address_is_refused(url: str) -> None:
    fault = fault_of_url(url)
    assert fault is not None
    assert fault.pointer == "/answers_url"


def test_receipt_names_the_answer_by_the_id_that_was_sent() -> None:
    found = parse_receipt({"answer": id_of("R-7K3M9-QW0X2", 12), "state": "failed", "why": " x "})
    assert (found.number, found.event) == ("R-7K3M9-QW0X2", 12)
    assert (found.state, found.why) == (AnswerState.FAILED, "x")


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ([], {""}),
        ({}, {"/answer", "/state"}),
        ({"answer": "R-7K3M9-QW0X2-0", "state": "delivered"}, {"/answer"}),
        ({"answer": "R-7K3M9-QW0X2", "state": "delivered"}, {"/answer"}),
        ({"answer": "R-7K3M9-QW0X2-٣", "state": "delivered"}, {"/answer"}),
        (
            {"answer": 3, "state": "sent", "why": 1, "more": 1},
            {"/answer", "/state", "/why", "/more"},
        ),
        ({"answer": "R-7K3M9-QW0X2-3", "state": "failed", "why": "x" * 201}, {"/why"}),
        ({"answer": "R-7K3M9-QW0X2-3", "state": "failed", "why": "a\x00b"}, {"/why"}),
    ],
)
def test_all_faults_of_a_receipt_are_named(body: Any, pointers: set[str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_receipt(body)
    assert {fault.pointer for fault in refused.value.faults} == pointers


def test_id_of_an_answer_can_be_signed() -> None:
    headers = {
        "webhook-id": id_of("R-7K3M9-QW0X2", 3),
        "webhook-timestamp": "1795395600",
        "webhook-signature": "v1,AAAA",
    }
    assert webhooks.read(headers).id == "R-7K3M9-QW0X2-3"


def test_key_for_answers_is_worth_nothing_for_messages() -> None:
    """Otherwise whoever gets our answers could send them back as messages of a customer."""
    made = {derive(b"secret", purpose, "crm", 1) for purpose in Purpose}
    assert len(made) == len(Purpose)
