"""Words by which a plan recognises a bare thanks."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from redress.base.errors import InvalidInput
from redress.plans.cases import prepared
from redress.plans.rules import thanks
from redress.plans.rules.document import parse
from tests.builders import START, plan_1, plan_document

SECTION = plan_1().thanks


@pytest.mark.parametrize(
    "text",
    [
        "Thank you",
        "THANKS!!",
        "thx",
        "OK thanks!",
        "Ok, thank you so much. 🙏🏽",
        "Hi,\nthanks a lot for your help!\n\nBest regards\nLi Na",
        "Many thanks for the quick reply :)",
        "谢谢",
        "好的，谢谢您！",
        "收到，非常感谢🙏",
        "谢谢你们的帮助，辛苦了",
        "您好，多谢！祝您工作愉快",
        "謝謝",
        "好的，非常感謝您的協助！",
        "感恩🙏辛苦了",
        "謝謝囉～",
        "ＯＫ　ｔｈａｎｋｓ",
    ],
)
def test_bare_thanks_in_three_languages_is_recognised(text: str) -> None:
    assert thanks.word_of(SECTION, text, "Li Na")


@pytest.mark.parametrize(
    "text",
    [
        "thanks for nothing",
        "Thanks for your help, but it is still broken",
        "No thanks",
        "Yes, thanks",
        "Thanks?",
        "Thanks...",
        "Thanks …",
        "“Thanks”",
        "Great, thanks",
        "Thanks 2 you",
        "Thanks, order 42",
        "Thank you. When will it come",
        "Thanks 😡",
        "Thanks 🙄",
        "Thanks 🙂",
        "Thanks, Bob",
        "thanksgiving",
        "谢谢，还没收到",
        "不用谢谢",
        "谢谢你们全家",
        "真是谢谢你们啊",
        "那可太谢谢你们了",
        "谢谢，什么时候退款？",
        "呵呵，谢谢",
        "謝謝，但是還沒好",
        "謝謝你喔，真棒",
        "不必感謝",
        "OK",
        "好的",
        "👍",
        "",
        " ",
        "thank you " * 9,
    ],
)
def test_anything_else_is_an_ordinary_message(text: str) -> None:
    assert thanks.word_of(SECTION, text, "Li Na") is None


def test_only_the_name_of_who_wrote_may_stand_below_the_thanks() -> None:
    assert thanks.word_of(SECTION, "Thanks\nBob", "Bob Smith")
    assert thanks.word_of(SECTION, "Thanks\nBob Smith", "Bob Smith")
    assert not thanks.word_of(SECTION, "Thanks\nSmith", "Bob Smith")
    assert not thanks.word_of(SECTION, "Thanks\nBob", "")


def test_plan_without_the_section_recognises_nothing() -> None:
    document = plan_document()
    del document["thanks"]
    assert thanks.word_of(parse(document).thanks, "Thank you") is None


def test_words_of_thanks_do_not_have_the_text_of_a_complaint() -> None:
    """A complaint that ends with thanks is none, nor is one cut off at any of its sentences."""
    for text in COMPLAINTS:
        assert thanks.word_of(SECTION, text) is None
        for sentence in filter(str.strip, text.replace("。", ".").split(".")):
            assert thanks.word_of(SECTION, f"{sentence}. Thank you") is None, sentence


COMPLAINTS = (
    "I called three times. Nobody came. Please help me. The kettle leaks",
    "Thank you for taking my money. I want a refund. I am very upset.",
    "谢谢你们的热情。我的退款三周了还没有到账。请尽快处理。",
    "感謝貴公司。電鍋又壞了。請派人來修。",
)


WRONG: list[tuple[list[str | int], Any, str, str]] = [
    (["most_characters"], 0, "/thanks/most_characters", "whole_number_expected"),
    (["most_characters"], 201, "/thanks/most_characters", "whole_number_expected"),
    (["colour"], "red", "/thanks/colour", "unknown"),
    (["signs"], "🙏", "/thanks/signs", "list_expected"),
    (["signs"], ["🙏"] * 51, "/thanks/signs", "too_many"),
    (["signs", 0], "", "/thanks/signs/0", "text_expected"),
    (["signs", 0], "a", "/thanks/signs/0", "sign_expected"),
    (["signs", 0], "？", "/thanks/signs/0", "sign_expected"),
    (["signs", 0], ":" * 9, "/thanks/signs/0", "too_long"),
    (["words", "en"], "thanks", "/thanks/words/en", "list_expected"),
    (["words", "fr"], [], "/thanks/words/fr", "unknown"),
    (["words", "en", 0], "", "/thanks/words/en/0", "text_expected"),
    (["words", "en", 1], "THANKS", "/thanks/words/en/1", "twice"),
    (["words", "en", 0], "3q", "/thanks/words/en/0", "word_expected"),
    (["courtesies", "en", 0], "ok?", "/thanks/courtesies/en/0", "word_expected"),
]


@pytest.mark.parametrize(("path", "value", "pointer", "code"), WRONG)
def test_every_fault_of_the_section_is_named(
    path: list[str | int], value: Any, pointer: str, code: str
) -> None:
    document = copy.deepcopy(plan_document()) | {"version": 2}
    holder: Any = document["thanks"]
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    with pytest.raises(InvalidInput) as caught:
        prepared(document, START)
    assert (pointer, code) in {(one.pointer, one.code) for one in caught.value.faults}


@pytest.mark.parametrize("part", ["words", "courtesies"])
def test_each_language_has_a_list(part: str) -> None:
    document = copy.deepcopy(plan_document()) | {"version": 2}
    del document["thanks"][part]["zh-TW"]
    with pytest.raises(InvalidInput) as caught:
        prepared(document, START)
    assert f"/thanks/{part}/zh-TW" in {one.pointer for one in caught.value.faults}
