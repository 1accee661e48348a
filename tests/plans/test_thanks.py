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
        "感谢回复",
        "谢谢您回复！",
        "太感谢了",
        "谢谢亲",
        "谢谢老师，辛苦啦",
        "好嘞，谢谢哈",
        "谢谢[玫瑰]",
        "[抱拳][抱拳]多谢",
        "感謝回覆",
        "太感謝您了！",
        "謝謝妳",
        "謝謝小編，辛苦妳了～",
        "好喔謝謝[愛心]",
        "感謝您的耐心說明",
        "thankyou",
        "Thanx :)",
        "Cheers!",
        "Thank you so much for getting back to me.",
        "Thanks team, have a lovely day",
        "Thank you for your prompt reply.\n\nKind regards,\nLi Na",
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
        "太谢谢你们了",
        "太好了，谢谢",
        "谢谢[微笑]",
        "谢谢[白眼]",
        "谢谢你啊",
        "回复，谢谢",
        "您的回复，谢谢",
        "你们的答复，谢谢",
        "For your response, thanks",
        "for confirming, thanks",
        "请回复，谢谢",
        "尽快回复谢谢",
        "谢谢配合",
        "退款谢谢",
        "感谢您的退款",
        "谢谢老师，什么时候到",
        "帮忙处理一下，谢谢",
        "感谢提醒，但是不行",
        "請協助，謝謝",
        "再麻煩協助，謝謝",
        "謝謝妳，那退款呢",
        "太感謝了，到現在還沒收到",
        "感謝回覆，不過還是壞的",
        "Thanks Mei",
        "Thanks in advance",
        "Thanks for your reply, but no",
        "Thanks for your patience, said nobody",
        "Thanks for getting back to me. Any news",
        "Please reply. Thanks",
        "Cheers, where is it",
        "Thanks a million for losing my parcel",
        "Thanks for refunding me",
        "Much appreciated if you could reply",
        "Thank you for everything you broke",
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


def test_names_with_which_staff_sign_may_stand_beside_the_thanks() -> None:
    """Customers thank the person who answered. No other name is known: Bob may be a warehouse."""
    assert thanks.word_of(SECTION, "Thanks Mei", "Li Na") is None
    section = {**SECTION, "names": ["Mei", "小梅"]}
    for text in ("Thanks Mei", "Dear Mei,\nthank you!", "谢谢小梅", "thanks, mei :)"):
        assert thanks.word_of(section, text, "Li Na")
    for text in ("Thanks Bob", "Mei", "Thanks Meier", "Thanks Mei, it leaks", "谢谢小梅，坏了"):
        assert thanks.word_of(section, text, "Li Na") is None


@pytest.mark.parametrize(
    "text",
    [
        "OK thanks",
        "ＯＫ　ｔｈａｎｋｓ",
        "Got it. Thank you!",
        "Received, thanks",
        "好的，谢谢您",
        "嗯嗯谢谢",
        "下午好，谢谢",
        "辛苦您了，谢谢",
        "麻煩您了，謝謝",
        "好喔謝謝",
        "谢谢👍🏽",
        "[OK]谢谢",
        "Li Na, thanks.",
        "Li Na，谢谢",
        "All, thanks",
        "十分，谢谢",
        "女士，谢谢",
    ],
)
def test_courtesy_that_may_answer_the_question_is_no_bare_thanks(text: str) -> None:
    assert thanks.word_of(SECTION, text, "Li Na")
    assert thanks.word_of(SECTION, text, "Li Na", asked=True) is None


@pytest.mark.parametrize(
    "text",
    [
        "Thank you very much for your help.\n\nBest regards\nLi Na",
        "Thanks again!",
        "您好，非常感谢🙏",
        "谢谢您的回复",
        "謝謝小編 🌹",
    ],
)
def test_thanks_without_an_answer_is_a_bare_one_even_if_one_is_waited_for(text: str) -> None:
    assert thanks.word_of(SECTION, text, "Li Na", asked=True)


def test_any_courtesy_may_answer_under_a_plan_that_does_not_say_which() -> None:
    section = {name: value for name, value in SECTION.items() if name != "answers"}
    for text in ("OK, thanks", "Thank you so much", "谢谢🙏"):
        assert thanks.word_of(section, text)
        assert thanks.word_of(section, text, asked=True) is None
    assert thanks.word_of(section, "Many thanks!\nLi Na", "Li Na", asked=True)
    assert thanks.word_of({**section, "answers": []}, "OK, thanks", asked=True)


def test_plan_of_an_earlier_version_names_no_staff() -> None:
    section = {name: value for name, value in SECTION.items() if name != "names"}
    assert thanks.word_of(section, "Thank you", "Li Na")


def test_each_word_of_plan_1_is_a_bare_thanks_only_with_a_word_of_thanks() -> None:
    """No greeting, closing or emoticon is one by itself, and nothing that asks for something."""
    for language, words in SECTION["words"].items():
        for word in words:
            assert thanks.word_of(SECTION, word), word
            for courtesy in SECTION["courtesies"][language]:
                assert thanks.word_of(SECTION, f"{word}. {courtesy}"), (word, courtesy)
                says_what_for = courtesy.startswith("for ") or (
                    courtesy[0] == "的" and len(courtesy) > 1
                )
                may_be_first = thanks.word_of(SECTION, f"{courtesy}. {word}") is not None
                assert may_be_first is not says_what_for, (courtesy, word)
    for words in SECTION["courtesies"].values():
        assert not [word for word in words if thanks.word_of(SECTION, word)]


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
    (["names"], "Mei", "/thanks/names", "list_expected"),
    (["names"], ["Mei"] * 501, "/thanks/names", "too_many"),
    (["names"], ["Mei", "MEI"], "/thanks/names/1", "twice"),
    (["names"], ["Agent 7"], "/thanks/names/0", "word_expected"),
    (["answers"], "ok", "/thanks/answers", "list_expected"),
    (["answers"], ["ok"] * 201, "/thanks/answers", "too_many"),
    (["answers"], ["ok", "OK"], "/thanks/answers/1", "twice"),
    (["answers"], ["thanks"], "/thanks/answers/0", "unknown"),
    (["answers"], [7], "/thanks/answers/0", "unknown"),
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
