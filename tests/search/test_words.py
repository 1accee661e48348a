"""Folding of texts and queries into words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local import han
from redress.search.rules.words import WORD_LIMIT, folded, query_of, words_of


def finds(query: str, text: str) -> bool:
    """Whether a query finds a text, as the index decides it."""
    asked, words = query_of(text=query), words_of(text)
    return all(word in words for word in asked.words) and all(
        any(word.startswith(beginning) for word in words) for beginning in asked.beginnings
    )


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("退款", "我要申请退款。"),
        ("退款", "我要申請退款。"),
        ("申請", "我要申请退款。"),
        ("發票", "发票还没有收到"),
        ("发票", "發票還沒有收到"),
        ("看着", "他看著我"),
        ("退", "不能退了"),
        ("款", "申请退款"),
        ("退款 打印机", "打印机坏了，我要退款"),
        ("iPhone", "我的IPHONE坏了"),
        ("ｉＰｈｏｎｅ１５", "iPhone15 屏幕"),
        ("refun", "I want a refund."),
        ("café", "the Cafe is closed"),
        ("SO-2026-118", "订单号 so-2026-118。"),
        ("テレビ", "このテレビは"),
    ],
)
def test_query_finds_the_text(query: str, text: str) -> None:
    assert finds(query, text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("退款", "款项已退"),
        ("退款 打印机", "我要退款"),
        ("refund now", "refunded yesterday, now closed"),
        ("x", "xylophone"),
        ("und", "refund"),
    ],
)
def test_query_does_not_find_the_text(query: str, text: str) -> None:
    assert not finds(query, text)


@pytest.mark.parametrize(
    "query", ["退款", "退", "申請退款", "退款!", "「退款」", "*退款*", '"退款"', "a退款"]
)
def test_cleaning_of_queries_never_deletes_chinese(query: str) -> None:
    """Story 29: another product's cleaning of queries left nothing of a Chinese query."""
    asked = "".join(query_of(query).words)
    kept = [letter for letter in query if "\u4e00" <= letter <= "\u9fff"]
    assert kept
    assert all(folded(letter) in asked for letter in kept)


HAN = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF), min_size=1, max_size=12)


@given(HAN, HAN, HAN)
def test_any_chinese_word_is_found_in_any_text_around_it(
    before: str, word: str, after: str
) -> None:
    assert finds(word, before + word + after)


@given(st.text(max_size=60))
def test_every_text_is_found_by_itself(text: str) -> None:
    assert finds(text, text)


@given(st.text(max_size=60))
def test_words_have_no_sign_of_the_query_language(text: str) -> None:
    found = query_of(text)
    for word in (*found.words, *found.beginnings, *words_of(text)):
        assert 0 < len(word) <= WORD_LIMIT
        assert not set(word) & set(' "*^():+-{}\0')


def test_text_without_a_word_asks_for_nothing() -> None:
    assert not query_of(" ，。！ * \u200b")
    assert words_of("") == set()


def test_table_of_characters_is_that_of_opencc() -> None:
    assert han.TABLE.read_text(encoding="utf-8") == han.table()


def test_every_character_is_found_by_those_of_the_other_script() -> None:
    for one, others in han.characters():
        assert {folded(other) for other in others} == {folded(one)}, one
