"""Tests that every language has the same keys and placeholders, and no text is missing."""

from __future__ import annotations

import string
from collections.abc import Callable

import pytest
from jinja2 import Environment, nodes

from redress.base import catalogue
from redress.base.errors import InvalidInput
from redress.base.languages import LANGUAGES
from redress.base.people import CUSTOMER
from redress.clocks.rules.clocks import ClockName
from redress.plans.rules.plan import KINDS
from redress.tickets.cases.customer import PUBLIC
from redress.tickets.rules.steps import by_customer
from redress.tickets.rules.ticket import State
from tests import builders
from tests.builders import ROOT

KEYS = set(catalogue.catalogue("en"))


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_keys_and_placeholders(language: str) -> None:
    found = catalogue.catalogue(language)

    assert set(found) == KEYS
    for key, text in found.items():
        assert text.strip() == text != "", key
        assert placeholders(text) == placeholders(catalogue.catalogue("en")[key]), key


def test_simplified_and_traditional_are_not_mixed() -> None:
    """Checks a sample of characters that only one of the two scripts uses."""
    simplified, traditional = set("们这时间问题处理复请发过还"), set("們這時間問題處理復請發過還")
    cn, tw = (
        "".join(catalogue.catalogue("zh-CN").values()),
        "".join(catalogue.catalogue("zh-TW").values()),
    )

    assert not (traditional - simplified) & set(cn)
    assert not (simplified - traditional) & set(tw)


def test_every_text_that_a_template_names_exists() -> None:
    named: set[str] = set()
    for path in (ROOT / "functions/customer/templates").glob("*.html"):
        for call in Environment(autoescape=True).parse(path.read_text()).find_all(nodes.Call):
            match call:
                case nodes.Call(node=nodes.Name(name="t"), args=[nodes.Const(value=key), *_]):
                    named.add(key)

    assert {"form.lead", "status.timeline"} <= named
    assert named <= KEYS


def test_every_state_kind_clock_event_and_closure_has_a_text() -> None:
    wanted = {f"state.{state}" for state in State}
    wanted |= {f"kind.{kind}" for kind in KINDS}
    # The search for an agent is no promise, and nobody is shown it as one.
    wanted |= {f"clock.{clock}" for clock in ClockName if clock is not ClockName.ASSIGNMENT}
    wanted |= {f"event.{event}" for event in PUBLIC}
    wanted |= {f"closure.{c}" for c in ("confirmed", "unconfirmed", "withdrawn", "answered")}
    states = ("running", "overdue", "paused", "kept", "missed", "cancelled")
    wanted |= {f"promise.{state}" for state in states}

    assert wanted <= KEYS


def codes(mistake: Callable[[], object]) -> set[str]:
    """The codes of all faults for which this is refused."""
    with pytest.raises(InvalidInput) as refused:
        mistake()
    return {fault.code for fault in refused.value.faults}


@pytest.mark.parametrize("text", ["", "x" * 20_001], ids=["none", "too long"])
def test_every_fault_in_a_text_of_a_customer_has_a_text(text: str) -> None:
    life = builders.life_at(State.OPEN)
    resolved = builders.life_at(State.RESOLVED)
    at = life.clock.now()
    found = codes(lambda: by_customer.write(life.ticket, life.plan, text, at))
    found |= codes(lambda: by_customer.dispute(resolved.ticket, resolved.plan, CUSTOMER, text, at))

    assert {f"fault.{code}" for code in found} <= KEYS


def test_every_fault_in_the_answers_to_a_survey_has_a_text() -> None:
    life = builders.life_at(State.CONFIRMED)
    answers = {"overall": 9, "comment": "x" * 5_001, "colour": "red"}
    at = life.clock.now()
    found = codes(lambda: by_customer.answer_survey(life.ticket, life.plan, answers, at))

    assert {"score_expected", "too_long", "unknown"} <= found
    assert {f"fault.{code}" for code in found} <= KEYS


@pytest.mark.parametrize("code", ["key_expected", "key_reused", "sure", "text_expected"])
def test_every_fault_of_a_form_has_a_text(code: str) -> None:
    """Those of a submission's fields are checked where tests refuse them, in tests/tickets."""
    assert f"fault.{code}" in KEYS


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "zh-CN"),
        ("en-GB,en;q=0.9", "en"),
        ("fr-FR,fr;q=0.9,en;q=0.5,zh;q=0.4", "en"),
        ("zh", "zh-CN"),
        ("zh-Hant-HK", "zh-TW"),
        ("zh-TW;q=0.3,en;q=0.8", "en"),
        ("en;q=0,zh-TW", "zh-TW"),
        ("de; q=0.9, en; q=0.8", "en"),
        (";q=x,,*", "zh-CN"),
    ],
)
def test_preferred_picks_the_supported_language_that_ranks_highest(
    accepted: str, language: str
) -> None:
    assert catalogue.preferred(accepted) == language
