"""Tests of reply templates, call scripts and names of teams in plans."""

from __future__ import annotations

import pytest

from redress.base.errors import InvalidInput
from redress.base.languages import LANGUAGES
from redress.plans.rules import templates, wording
from redress.plans.rules.document import parse
from tests.builders import START, plan_1, plan_document

SECTIONS = ("templates", "scripts")


def faults(document: dict[str, object]) -> set[tuple[str, str]]:
    with pytest.raises(InvalidInput) as caught:
        parse(document, publishing_at=START)
    return {(fault.pointer, fault.code) for fault in caught.value.faults}


def test_variables_are_found_once_in_their_order_and_doubled_braces_are_none() -> None:
    assert templates.variables_of("{b} {a} {{c}} {b}") == ["b", "a"]


def test_text_is_filled_once_and_keeps_variables_without_a_value() -> None:
    values = {"customer": "{agent}", "agent": "Mei"}
    assert templates.filled("{customer}: {due} {{x}}", values) == "{agent}: {due} {x}"


@pytest.mark.parametrize("section", SECTIONS)
def test_publishing_refuses_an_unknown_variable_a_missing_language_and_a_wrong_name(
    section: str,
) -> None:
    document = plan_document()
    document[section]["greeting"]["en"] = "Dear {custmer}, {status_url}"
    del document[section]["closing"]["zh-TW"]
    document[section]["Closing"] = document[section]["greeting"]
    assert faults(document) >= {
        (f"/{section}/greeting/en", "unknown_variable"),
        (f"/{section}/closing/zh-TW", "text_expected"),
        (f"/{section}/Closing", "name_expected"),
    }


def test_publishing_refuses_a_script_with_a_word_that_a_list_refuses() -> None:
    document = plan_document()
    document["scripts"]["greeting"]["en"] = "Shut up!"
    assert faults(document) == {("/scripts/greeting/en", "refused_word")}


def test_publishing_refuses_the_name_of_a_team_of_two_lines_or_in_one_language() -> None:
    document = plan_document()
    document["team_names"] = {"service": {"zh-CN": "客\n服", "en": "Service"}, "A B": {}}
    assert faults(document) >= {
        ("/team_names/service/zh-CN", "one_line"),
        ("/team_names/service/zh-TW", "text_expected"),
        ("/team_names/A B", "name_expected"),
    }


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_of_plan_1_have_no_word_of_its_own_lists(section: str, language: str) -> None:
    for texts in getattr(plan_1(), section).values():
        assert not list(wording.found(plan_1().wording, texts[language], language))


@pytest.mark.parametrize("section", SECTIONS)
def test_each_text_of_plan_1_has_the_same_variables_in_every_language(section: str) -> None:
    for texts in getattr(plan_1(), section).values():
        used = {frozenset(templates.variables_of(text)) for text in texts.values()}
        assert len(used) == 1


def test_plan_1_has_the_call_scripts_of_a_call_from_greeting_to_closing() -> None:
    assert [*plan_1().scripts] == ["greeting", "listening", "apology", "opened", "closing"]


def test_plan_1_names_each_of_its_teams() -> None:
    assert plan_1().team_names.keys() == plan_1().teams


def test_plan_without_texts_has_none() -> None:
    document = plan_document()
    for section in (*SECTIONS, "team_names"):
        del document[section]
    plan = parse(document, publishing_at=START)
    assert (plan.templates, plan.scripts, plan.team_names) == ({}, {}, {})
