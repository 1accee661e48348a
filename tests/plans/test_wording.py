"""Tests of the word lists of a plan: how words are found, and what publishing refuses."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from redress.base.errors import InvalidInput
from redress.plans.rules import wording
from redress.plans.rules.document import parse
from tests.builders import START, plan_1, plan_document

LISTS: dict[str, Any] = {
    "vague": {
        "severity": "warn",
        "words": {
            "zh-CN": ["尽快", "ASAP"],
            "zh-TW": ["儘快"],
            "en": ["as soon as possible", "soon", "asap"],
        },
        "instead": {"zh-CN": "写明时间", "zh-TW": "寫明時間", "en": "Give a time"},
    },
    "improper": {
        "severity": "refuse",
        "words": {"zh-CN": ["笨蛋"], "zh-TW": [], "en": ["you're to blame", "C++"]},
        "instead": {"zh-CN": "说事实", "zh-TW": "說事實", "en": "State facts"},
    },
}


def words(text: str, language: str) -> list[str]:
    return [one.word for one in wording.found(LISTS, text, language)]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("We answer ASAP.", "en", ["asap"]),
        ("We answer ＡＳＡＰ。", "en", ["asap"]),
        ("Take an asaprin", "en", []),
        ("asap2 is a name", "en", []),
        ("as  soon\nAS possible", "en", ["as soon as possible"]),
        ("Soon, or as soon as possible", "en", ["soon", "as soon as possible"]),
        ("You’re to blame, soon.", "en", ["soon", "you're to blame"]),
        ("written in C++", "en", ["C++"]),
        ("我们会尽快处理", "zh-CN", ["尽快"]),
        ("我们会尽\u200b快处理", "zh-CN", ["尽快"]),
        ("我们会asap处理", "zh-CN", ["ASAP"]),
        ("尽快，尽快！", "zh-CN", ["尽快"]),
        ("儘快", "zh-CN", []),
        ("儘快", "zh-TW", ["儘快"]),
        ("We answer by 18:00.", "en", []),
    ],
)
def test_word_is_found_whole_in_an_alphabet_and_anywhere_in_chinese(
    text: str, language: str, expected: list[str]
) -> None:
    assert words(text, language) == expected


def test_word_inside_a_longer_word_of_its_list_is_not_reported_there() -> None:
    assert words("as soon as possible", "en") == ["as soon as possible"]


def test_found_word_says_its_list_its_severity_and_what_to_write_instead() -> None:
    [found] = wording.found(LISTS, "笨蛋", "zh-CN")
    assert found == wording.Found("improper", "refuse", "笨蛋", "说事实")


@pytest.mark.parametrize("language", ["zh-CN", "zh-TW", "en"])
def test_plan_1_finds_each_of_its_own_words(language: str) -> None:
    for name, entry in plan_1().wording.items():
        for word in entry["words"][language]:
            found = wording.found(plan_1().wording, f"({word})", language)
            assert (name, word) in {(one.list, one.word) for one in found}


def in_plan_1(text: str, language: str) -> set[tuple[str, str]]:
    """The lists of plan 1 that have a word of the text, each with its severity."""
    return {(one.list, one.severity) for one in wording.found(plan_1().wording, text, language)}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("If the pump is hot, please calm down the heater first.", "en"),
        ("Thank you people of Taipei!", "en"),
        ("It is not your own fault.", "en"),
        ("There are no stupid questions.", "en"),
        ("You may take it or leave it at the shop.", "en"),
        ("随便你选哪种颜色都可以。", "zh-CN"),
        ("这不是您自己的问题。", "zh-CN"),
        ("如果您听不懂，我再说明一次。", "zh-CN"),
        ("我们不觉得您特别无理取闹。", "zh-CN"),
        ("隨便你選哪種顏色都可以。", "zh-TW"),
        ("這不是您自己的問題。", "zh-TW"),
    ],
)
def test_plan_1_refuses_no_text_that_can_be_meant_well(text: str, language: str) -> None:
    assert in_plan_1(text, language) <= {("harsh", "warn")}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("这不是白痴问题。", "zh-CN"),
        ("您不久前买的水壶大概率是同一批次。", "zh-CN"),
        ("您近期的订单没过几天就坏了，阀门在水流转向处。", "zh-CN"),
        ("适合一二线城市，也适合神经病变的患者。", "zh-CN"),
        ("測量時請閉嘴。迪奧客服的電話在盒上。", "zh-TW"),
        ("您不久前買的水壺大概率是同一批次。", "zh-TW"),
        ("這不是白痴問題，也不是白癡問題。", "zh-TW"),
        ("It broke shortly after you ordered, sometime last week.", "en"),
        ("Please read the second line of the label, and clean it once in a while.", "en"),
        ("Tell us when we can call you. Connect L1 first.", "en"),
    ],
)
def test_plan_1_finds_nothing_in_usual_sentences(text: str, language: str) -> None:
    assert in_plan_1(text, language) == set()


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("你这个白痴！", "zh-CN", "improper"),
        ("给我闭嘴。", "zh-CN", "improper"),
        ("你這個白癡！", "zh-TW", "improper"),
        ("You idiot, shut up.", "en", "improper"),
        ("我们不久之后会答复您。", "zh-CN", "vague"),
        ("配件大概需要几天。", "zh-CN", "vague"),
        ("我們不久之後會答覆您。", "zh-TW", "vague"),
        ("We will shortly be back to you.", "en", "vague"),
    ],
)
def test_plan_1_still_finds_insults_and_vague_promises(
    text: str, language: str, expected: str
) -> None:
    severity = "refuse" if expected == "improper" else "warn"
    assert (expected, severity) in in_plan_1(text, language)


def test_plan_1_refuses_insults_and_only_warns_of_all_other_words() -> None:
    severities = {name: entry["severity"] for name, entry in plan_1().wording.items()}
    assert severities == {"vague": "warn", "improper": "refuse", "harsh": "warn", "jargon": "warn"}
    text = "I am sorry. It was not your fault. The pump comes by 18:00 today."
    assert not list(wording.found(plan_1().wording, text, "en"))


FAULTS: list[tuple[list[Any], Any, str, str]] = [
    (["Vague"], LISTS["vague"], "/wording/Vague", "name_expected"),
    (["vague", "severity"], "forbid", "/wording/vague/severity", "unknown"),
    (["vague", "colour"], "red", "/wording/vague/colour", "unknown"),
    (["vague", "words", "en"], "asap", "/wording/vague/words/en", "list_expected"),
    (["vague", "words", "en"], ["a"] * 201, "/wording/vague/words/en", "too_many"),
    (["vague", "words", "en", 0], "", "/wording/vague/words/en/0", "text_expected"),
    (["vague", "words", "en", 0], " asap", "/wording/vague/words/en/0", "text_expected"),
    (["vague", "words", "en", 0], "a\x00", "/wording/vague/words/en/0", "control_characters"),
    (["vague", "words", "en", 0], "a\nb", "/wording/vague/words/en/0", "one_line"),
    (["vague", "words", "en", 0], "x" * 61, "/wording/vague/words/en/0", "too_long"),
    (["vague", "words", "en", 1], "Asap", "/wording/vague/words/en/2", "twice"),
    (["vague", "words", "fr"], [], "/wording/vague/words/fr", "unknown"),
    (["vague", "instead", "en"], " ", "/wording/vague/instead/en", "text_expected"),
]


@pytest.mark.parametrize(("place", "value", "at", "code"), FAULTS)
def test_publishing_names_the_fault_of_a_word_list(
    place: list[Any], value: Any, at: str, code: str
) -> None:
    document = plan_document()
    document["wording"] = copy.deepcopy(LISTS)
    *above, last = place
    holder = document["wording"]
    for name in above:
        holder = holder[name]
    holder[last] = value
    with pytest.raises(InvalidInput) as caught:
        parse(document, publishing_at=START)
    assert (at, code) in {(fault.pointer, fault.code) for fault in caught.value.faults}


@pytest.mark.parametrize("part", ["words", "instead"])
def test_publishing_refuses_a_list_without_one_of_the_languages(part: str) -> None:
    document = plan_document()
    del document["wording"]["vague"][part]["zh-TW"]
    with pytest.raises(InvalidInput) as caught:
        parse(document, publishing_at=START)
    assert f"/wording/vague/{part}/zh-TW" in {fault.pointer for fault in caught.value.faults}


def test_publishing_refuses_a_template_with_a_word_that_a_list_refuses() -> None:
    document = plan_document()
    document["templates"]["greeting"]["en"] = "Shut up, {customer}."
    with pytest.raises(InvalidInput) as caught:
        parse(document, publishing_at=START)
    [fault] = caught.value.faults
    assert (fault.pointer, fault.code) == ("/templates/greeting/en", "refused_word")


def test_plan_without_word_lists_finds_nothing() -> None:
    document = plan_document()
    del document["wording"]
    assert not list(wording.found(parse(document).wording, "ASAP, you idiot", "en"))
