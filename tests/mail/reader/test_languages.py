"""Choosing the language in which a mail is answered."""

from __future__ import annotations

import pytest

from redress.mail.incoming.reader.languages import language_of


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
