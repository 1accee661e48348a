"""Choosing the language in which a mail is answered."""

from __future__ import annotations

import pytest

from redress.base.scripts import language_of, shown_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("您好，我的包裹还没有收到，请再查一下。", "zh-CN"),
        ("您好，我的包裹還沒有收到，請再查一下。", "zh-TW"),
        ("投诉", "zh-CN"),
        ("投訴", "zh-TW"),
        ("My parcel did not come.", "en"),
        ("Order 4711-2026 没有收到 please check", "zh-CN"),
        ("Dear all, my parcel did not come, please look into it again. " * 2 + "李娜", "en"),
        ("Ça ne marche plus, je suis très déçu", "en"),
        ("你好", "zh-CN"),
    ],
)
def test_the_text_decides_the_language(text: str, language: str) -> None:
    assert language_of(text, "en") == language


@pytest.mark.parametrize("text", ["", "12345", "!?", "荷物がまだ届いていません。", "안녕하세요"])
@pytest.mark.parametrize("default", ["en", "zh-TW"])
def test_the_default_language_counts_if_the_text_shows_none(text: str, default: str) -> None:
    assert language_of(text, default) == default


def test_characters_common_to_both_scripts_follow_the_default() -> None:
    assert language_of("你好", "zh-TW") == "zh-TW"


@pytest.mark.parametrize(
    ("text", "presumed", "language"),
    [
        ("我的包裹还没有收到，请帮我查一下。", "en", "zh-CN"),
        ("我的包裹還沒有收到，請幫我查一下。", "zh-CN", "zh-TW"),
        ("我的包裹还没有收到，请帮我查一下。", "zh-TW", "zh-CN"),
        ("My parcel has not come and I would like to know why.", "zh-CN", "en"),
        ("怎么退款？", "en", "zh-CN"),
    ],
)
def test_a_clear_text_corrects_what_a_channel_presumed(
    text: str, presumed: str, language: str
) -> None:
    assert shown_language(text, presumed) == language


@pytest.mark.parametrize(
    ("text", "presumed"),
    [
        ("iPhone 15 Pro Max ABC-1234", "zh-CN"),
        ("李娜", "en"),
        ("你好，有人在吗？", "zh-TW"),
        ("请帮我看这张说明书：臺灣製造說明書", "zh-CN"),
        ("荷物がまだ届いていません。", "en"),
        ("", "zh-TW"),
    ],
)
def test_a_text_that_is_not_clear_corrects_nothing(text: str, presumed: str) -> None:
    assert shown_language(text, presumed) == presumed
