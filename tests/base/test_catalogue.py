"""Tests that every language has the same keys and placeholders, and no text is missing."""

from __future__ import annotations

import ast
import re
import string

import pytest

from redress.base import catalogue
from redress.base.languages import LANGUAGES
from redress.clocks.rules.clocks import ClockName
from redress.plans.rules.plan import KINDS
from redress.tickets.cases.customer import PUBLIC
from redress.tickets.rules.ticket import State
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


def test_every_key_that_a_page_names_exists() -> None:
    pages = ROOT / "functions/customer"
    named = set(
        re.findall(
            r'catalogue\.text\(\w+, "([a-z_.]+)"',
            "".join(p.read_text() for p in pages.glob("*.py")),
        )
    )
    for path in (pages / "templates").glob("*.html"):
        named |= set(re.findall(r"""\bt\(["']([a-z_.]+)["'][,)]""", path.read_text()))

    assert {"fault.key_reused", "form.lead", "status.timeline"} <= named
    assert named <= KEYS


def test_every_state_kind_clock_event_and_closure_has_a_text() -> None:
    wanted = {f"state.{state}" for state in State}
    wanted |= {f"kind.{kind}" for kind in KINDS}
    wanted |= {f"clock.{clock}" for clock in ClockName}
    wanted |= {f"event.{event}" for event in PUBLIC}
    wanted |= {f"closure.{c}" for c in ("confirmed", "unconfirmed", "withdrawn", "answered")}
    states = ("running", "overdue", "paused", "kept", "missed", "cancelled")
    wanted |= {f"promise.{state}" for state in states}

    assert wanted <= KEYS


def fault_codes(path: str, *functions: str) -> set[str]:
    """The codes of all faults that a module creates, or only those of the given functions."""
    tree: ast.AST = ast.parse((ROOT / path).read_text())
    if functions:
        named = [
            n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name in functions
        ]
        assert {function.name for function in named} == set(functions)
        tree = ast.Module(body=list(named), type_ignores=[])
    return {
        call.args[1].value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "Fault"
        and isinstance(call.args[1], ast.Constant)
        and isinstance(call.args[1].value, str)
    }


def test_every_fault_that_a_customer_can_cause_has_a_text() -> None:
    core = "layers/core/redress"
    steps = f"{core}/tickets/rules/steps"
    found = (
        fault_codes(f"{core}/tickets/rules/submission.py")
        | fault_codes(f"{steps}/draft.py", "checked_text")
        | fault_codes(f"{steps}/by_customer.py")
        | fault_codes(f"{core}/tickets/cases/intake.py")
        | fault_codes("functions/customer/status.py")
    )

    assert {"required", "email_or_phone", "score_expected", "key_expected", "sure"} <= found
    assert {f"fault.{code}" for code in found} <= KEYS


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
