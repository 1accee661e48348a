"""How similar two texts are: one matter in other words, and other matters in the same words."""

from __future__ import annotations

import itertools
import json

import pytest

from redress.plans.rules.duplicates import likeness
from redress.staff.similarity import LEAST_PAIRS, MOST_CHARACTERS, pairs_of, similarity
from tests.builders import ROOT, plan_1

PUBLISHED = ROOT.parent / "shared" / "data" / "complaints" / "cfpb.jsonl"
"""Complaints that an authority has published. They are not part of this repository."""

SAME = [
    (
        "电热水壶不加热，订单A1029，买了三天就坏了，要求退款",
        "我上周买的电热水壶坏了，不加热，订单号A1029，请尽快给我退款",
    ),
    ("退款一直没有到账，已经十天了", "退款還沒有到帳，已經等了十天"),
    (
        "Kettle does not heat. Order A1029. I bought the kettle three days ago and it does not "
        "heat the water any more. I want my money back.",
        "Broken kettle, order A1029. My kettle stopped heating after three days. Please refund me.",
    ),
    (
        "I was charged twice for order 55812 on my credit card. Please refund one of the payments.",
        "Hello, order 55812 was charged two times to my card, please return the second payment.",
    ),
    (
        "快递三天没有更新物流，什么时候能送到？单号SF1234",
        "物流信息三天没有变化，单号SF1234，请问何时能送到",
    ),
    (
        "Parcel not delivered. The tracking says delivered on Monday but I got nothing",
        "My parcel was marked as delivered on Monday, but nothing has arrived here.",
    ),
]
OTHER = [
    ("电热水壶不加热，订单A1029，买了三天就坏了，要求退款", "客服态度恶劣，挂我电话，要求道歉"),
    ("电热水壶不加热，要求退款", "衣服尺码不对，要求退款"),
    (
        "电热水壶不加热，订单A1029，买了三天就坏了，要求退款",
        "请问你们周末营业吗？我想换一张会员卡",
    ),
    (
        "Kettle does not heat. Order A1029. I bought the kettle three days ago and it does not "
        "heat the water any more. I want my money back.",
        "I would like to change the address of my account to the new one in London, please.",
    ),
    (
        "I was charged twice for order 55812 on my credit card. Please refund one of the payments.",
        "The delivery man left my parcel in the rain and the box is soaked. I want a new one.",
    ),
]


def alike(one: str, other: str) -> int:
    return similarity(pairs_of(one), pairs_of(other))


def least() -> int:
    found = likeness(plan_1())
    assert found is not None
    return found.similarity


@pytest.mark.parametrize(("one", "other"), SAME)
def test_same_matter_in_other_words_is_proposed(one: str, other: str) -> None:
    assert least() <= alike(one, other) < 100
    assert alike(one, other) == alike(other, one)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_other_matter_is_not_proposed(one: str, other: str) -> None:
    assert alike(one, other) < least()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("我要申请退款，耳机的声音断断续续", "我要申請退款，耳機的聲音斷斷續續"),
        ("我的ｉＰｈｏｎｅ１５屏幕坏了，无法使用", "我的iphone15屏幕坏了，无法使用"),
        ("THE KETTLE LEAKS AT THE HANDLE!", "the kettle leaks, at the handle"),
    ],
)
def test_script_width_capitals_and_punctuation_make_no_difference(one: str, other: str) -> None:
    assert alike(one, other) == 100


def test_text_that_says_too_little_is_similar_to_nothing() -> None:
    assert alike("退款", "退款") == 0
    assert alike("Hello", "Hello") == 0
    assert len(pairs_of("a" * (LEAST_PAIRS + 1))) == LEAST_PAIRS
    assert pairs_of("a" * LEAST_PAIRS) == ()


def test_only_the_beginning_of_a_text_is_compared() -> None:
    text = "水壶不热" * (MOST_CHARACTERS // 4)
    assert alike(text, text + "退款" * 1_000) == 100
    assert len(pairs_of(text * 10)) < MOST_CHARACTERS


@pytest.mark.skipif(
    not PUBLISHED.exists(), reason="these complaints are not part of the repository"
)
def test_of_published_complaints_of_strangers_few_pairs_are_similar() -> None:
    """Those that are come from one form letter."""
    texts = [json.loads(line)["text"] for line in PUBLISHED.read_text("utf-8").splitlines()]
    pairs = [pairs_of(text) for text in texts]
    found = [similarity(*two) for two in itertools.combinations(pairs, 2)]
    assert sum(one >= least() for one in found) / len(found) < 0.025
    assert sorted(found)[len(found) // 2] < 20
