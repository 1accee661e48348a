"""In which language a mail is answered."""

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
def test_words_tell_their_language(text: str, language: str) -> None:
    assert language_of(text, "en") == language


@pytest.mark.parametrize("text", ["", "12345", "!?", "荷物がまだ届いていません。", "안녕하세요"])
@pytest.mark.parametrize("default", ["en", "zh-TW"])
def test_where_they_do_not_it_is_the_default(text: str, default: str) -> None:
    assert language_of(text, default) == default


def test_characters_of_both_scripts_are_of_the_customers_own() -> None:
    assert language_of("你好", "zh-TW") == "zh-TW"
