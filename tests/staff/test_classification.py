"""How the rules of a plan classify a ticket."""

from __future__ import annotations

from copy import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.staff.rules.classification import (
    GAP,
    Earlier,
    Facts,
    Found,
    Rules,
    facts_of,
)
from tests.builders import Life
from tests.examples import examples

TICKET = Facts(text="The kettle leaks.", kind="inquiry", channel="web", language="en")
WHY = {"zh-CN": "理由", "zh-TW": "理由", "en": "a reason"}


def rule(name: str = "one", when: Any = None, **sets: str) -> dict[str, Any]:
    return {"name": name, "when": when or {"channel": "web"}, "set": sets, "why": WHY}


def words(*some: str, language: str = "en") -> dict[str, Any]:
    return {"words": {language: list(some)}}


def found(*rules: dict[str, Any], facts: Facts = TICKET, **more: Any) -> Found:
    return Rules({"rules": list(rules)}).found(replace(facts, **more))


def applies(when: dict[str, Any], **facts: Any) -> bool:
    return bool(found(rule(when=when, category="product"), **facts).values)


def test_first_rule_that_sets_a_category_decides_it() -> None:
    special = rule("special", words("leaks"), category="product/defect")
    general = rule("general", words("kettle"), category="product", urgency="high")
    both = found(special, general)
    assert both.values == {"category": "product/defect", "urgency": "high"}
    assert both.why["category"] == {"rule": "special", "words": ["leaks"]}
    assert both.why["urgency"]["rule"] == "general"
    assert found(general, special).values["category"] == "product"


def test_highest_urgency_of_all_rules_counts_in_any_order() -> None:
    low, high = rule("low", urgency="low"), rule("high", urgency="high")
    for some in ((low, high), (high, low)):
        assert found(*some).values == {"urgency": "high"}
        assert found(*some).why["urgency"]["rule"] == "high"


def test_kind_that_staff_chose_for_what_they_split_off_stays() -> None:
    life = Life().open("inquiry").acknowledge().assign().write("The kettle leaks")
    new = life.split(kind="inquiry")
    assert facts_of(new.ticket, new.events[0]).is_by_staff
    assert not facts_of(life.ticket, life.events[0]).is_by_staff


def test_what_a_person_chose_stays() -> None:
    every = rule(kind="urgent", category="product", customer_type="vip")
    assert found(every).values == {"kind": "urgent", "category": "product", "customer_type": "vip"}
    assert "kind" not in found(every, kind="complaint").values
    assert "kind" not in found(every, is_by_staff=True).values
    assert "category" not in found(every, category="order").values
    assert "customer_type" not in found(every, customer_type="gold").values


def test_condition_looks_at_what_the_rules_before_have_set() -> None:
    sets = rule("sets", words("leaks"), category="product/defect", kind="complaint")
    uses = rule("uses", {"kind": "complaint", "category": "product"}, impact="high")
    assert found(sets, uses).values["impact"] == "high"
    assert "impact" not in found(uses, sets).values


@pytest.mark.parametrize(
    ("when", "facts"),
    [
        ({"channel": ["web", "chat"]}, {}),
        ({"language": "en"}, {}),
        ({"order": "given"}, {"has_order": True}),
        ({"order": "missing"}, {}),
        ({"sender": ["shop.example"]}, {"senders": ("a@eu.shop.example",)}),
        ({"sender": ["li@x.example"]}, {"senders": ("b@y.example", "li@x.example")}),
        ({"customer_type": "vip"}, {"customer_type": "vip"}),
        (words("LEAKS") | {"without": {"en": ["oil"]}}, {}),
        (words("leaks") | {"also": {"en": ["kettle", "jug"]}}, {}),
    ],
)
def test_rule_applies_if_its_conditions_hold(when: dict[str, Any], facts: dict[str, Any]) -> None:
    assert applies(when, **facts)


@pytest.mark.parametrize(
    ("when", "facts"),
    [
        ({"channel": "chat"}, {}),
        ({"order": "given"}, {}),
        ({"sender": ["shop.example"]}, {"senders": ("a@myshop.example",)}),
        ({"sender": ["li@x.example"]}, {"senders": ("evil-li@x.example",)}),
        (words("leak"), {}),
        (words("leaks") | {"without": {"en": ["kettle"]}}, {}),
        (words("leaks") | {"channel": "chat"}, {}),
        (words("leaks") | {"also": {"en": ["jug"]}}, {}),
        (words("drips") | {"also": {"en": ["kettle"]}}, {}),
    ],
)
def test_rule_applies_only_if_all_its_conditions_hold(
    when: dict[str, Any], facts: dict[str, Any]
) -> None:
    assert not applies(when, **facts)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("退款", "请尽快退款谢谢"),
        ("退款…没收到", "退款说好三天，一直没收到"),
        ("還沒收到", "包裹还没收到"),
        ("还没收到", "包裹還沒收到"),
        ("还没收到", "包裹还没\n收到"),
        ("hasn't arrived", "It HASN’T  arrived yet"),
        ("not received", "I have not\nreceived it"),
        ("refund…not received", "The refund of 20 EUR was not received"),
        ("ＶＩＰ", "I am a vip"),
        ("hasn't arrived", "it hasnt arrived"),
        ("refund*", "I was refunded"),
        ("refund*", "a refund."),
        ("promise*…voucher*", "He promised me two vouchers"),
        ("退款*", "退款*"),
    ],
)
def test_words_are_found_in_any_case_width_and_script(word: str, text: str) -> None:
    """Story 29: two characters of Chinese are a word."""
    assert applies(words(word), text=text)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("refund…not received", "I ask for a refund. My parcel was not received"),
        ("refund…not received", f"refund {'x' * (GAP + 1)} not received"),
        ("refund…not received", "not received, so I want a refund"),
        ("rust", "I trust you, thrust, rusty"),
        ("not received", "not\n\nreceived"),
        ("12315", "order 412315"),
        ("fund*", "I was refunded"),
        ("refund*…late", "The refunds were lately paid"),
    ],
)
def test_words_are_not_found_where_nobody_wrote_them(word: str, text: str) -> None:
    assert not applies(words(word), text=text)


def test_reason_names_words_of_each_list_and_at_most_three() -> None:
    when = words("kettle", "leaks", "the") | {"also": {"en": ["kettle leaks", "the kettle"]}}
    reason = found(rule(when=when, category="product")).why["category"]
    assert reason["words"] == ["kettle", "kettle leaks", "leaks"]


@given(
    st.lists(st.sampled_from(["a", "ab", "退款", "款没", "没收到", "x'", "b*", "a…b"]), max_size=6)
)
@examples(100)
def test_words_are_found_whatever_other_words_the_rule_has(some: list[str]) -> None:
    """Words are looked up by their first characters. That is only faster."""
    text = "ab 退款没收到 x' bc a"
    alone = {word for word in some if applies(words(word), text=text)}
    together = (
        found(rule(when=words(*some), category="product"), text=text) if some else Found({}, {})
    )
    assert bool(together.values) == bool(alone)
    assert set(together.why.get("category", {"words": ()})["words"]) <= alone


def test_word_without_a_character_that_is_compared_is_found_nowhere() -> None:
    """A plan that an earlier version published may have one."""
    assert not applies(words("\u0301"))
    assert applies(words("\u0301", "kettle"))


def test_earlier_tickets_are_read_only_if_all_other_conditions_hold() -> None:
    asked: list[str] = []

    def earlier() -> tuple[Earlier, ...]:
        asked.append("read")
        return Earlier("complaint", 3600), Earlier("inquiry", 60), Earlier("complaint", 90_000)

    when = {"earlier": {"kind": "complaint", "at_least": 1, "within": "24h"}}
    assert not applies(when | words("fire"), earlier=earlier)
    assert asked == []
    one, two = rule("one", when, impact="high"), rule("two", when, urgency="high")
    both = found(one, two, earlier=earlier)
    assert both.why["impact"] == {"rule": "one", "earlier": 1}
    assert asked == ["read"]
    more = {"earlier": when["earlier"] | {"at_least": 2}}
    assert not applies(more, earlier=earlier)


def test_rule_about_unknown_earlier_tickets_is_named_and_does_not_apply() -> None:
    when = {"earlier": {"at_least": 1, "within": "24h"}}
    both = found(rule("again", when, impact="high"))
    assert (both.values, both.unknown) == ({}, ("again",))


def test_text_corrects_the_language_only_of_channels_that_presume_it() -> None:
    rules = Rules({"language": {"detect": ["chat"]}, "rules": []})
    text = "I would like to know where my parcel is."
    presumed = replace(TICKET, text=text, language="zh-CN")
    assert rules.found(replace(presumed, channel="chat")).values == {"language": "en"}
    assert rules.found(presumed).values == {}


def test_language_that_staff_chose_stays_whatever_language_they_describe_the_ticket_in() -> None:
    """C1: an agent opens a ticket for a caller, and describes it in their own language."""
    rules = Rules({"language": {"detect": ["chat"]}, "rules": []})
    text = "The customer says that she has not received the parcel and would like it again."
    chosen = replace(TICKET, text=text, language="zh-TW", channel="chat")
    assert rules.found(replace(chosen, is_by_staff=True)).values == {}
    assert rules.found(chosen).values == {"language": "en"}


@pytest.mark.parametrize(
    ("chosen", "presumed", "language"),
    [
        (("zh-TW",), "zh-TW", "zh-TW"),
        (("zh-TW", "zh-CN"), "zh-CN", "zh-CN"),
        (("zh-TW",), "zh-CN", "zh-TW"),
        (("zh-TW", "en"), "zh-TW", "en"),
        ((), "zh-TW", "en"),
    ],
)
def test_language_that_the_customer_chose_wins_over_that_of_the_text(
    chosen: tuple[str, ...], presumed: str, language: str
) -> None:
    rules = Rules({"language": {"detect": ["chat"]}, "rules": []})
    text = "I would like to know where my parcel is."
    facts = replace(TICKET, text=text, language=presumed, channel="chat", chosen=lambda: chosen)
    once = rules.found(facts)
    assert once.values.get("language", presumed) == language
    if language != presumed:
        reason = {"text": language} if language == "en" else {"profile": language}
        assert once.why["language"] == reason


@pytest.mark.parametrize(
    ("text", "chosen", "presumed", "language"),
    [
        ("I would like to know where my parcel is.", ("zh-TW",), "en", "zh-TW"),
        ("请问我的订单什么时候发货？", ("en",), "zh-CN", "en"),
        ("請問我的訂單什麼時候會寄出？", ("en",), "zh-CN", "en"),
        ("請問我的訂單什麼時候會寄出？", ("en", "zh-TW"), "zh-CN", "zh-TW"),
        ("KX-1 4711", ("en",), "zh-CN", "en"),
        ("KX-1 4711", ("zh-TW", "zh-CN"), "zh-CN", "zh-CN"),
        ("KX-1 4711", (), "zh-CN", "zh-CN"),
    ],
)
def test_ticket_is_in_a_chosen_language_even_if_its_text_has_the_language_of_the_ticket(
    text: str, chosen: tuple[str, ...], presumed: str, language: str
) -> None:
    """The reader of mails has taken the language of the ticket from the text."""
    rules = Rules({"language": {"detect": ["mail"]}, "rules": []})
    facts = replace(TICKET, text=text, language=presumed, channel="mail", chosen=lambda: chosen)
    found = rules.found(facts)
    assert found.values.get("language", presumed) == language
    assert ("language" in found.why) == (language != presumed)


def test_profile_is_not_asked_on_channels_where_a_person_chose_the_language() -> None:
    rules = Rules({"language": {"detect": ["mail"]}, "rules": []})

    def asked() -> tuple[str, ...]:
        raise AssertionError

    text = "I would like to know where my parcel is."
    by_form = replace(TICKET, text=text, language="zh-CN", chosen=asked)
    assert not rules.found(by_form).values
    assert not rules.found(replace(by_form, channel="mail", is_by_staff=True)).values


@given(st.text(alphabet="a退款.没收到 \n…x'", max_size=60), st.text(alphabet="a退款.", max_size=5))
@examples(200)
def test_same_text_always_gets_the_same_classification(text: str, more: str) -> None:
    """The rules read no clock and no table, so a rehearsal repeats what the assigner decided."""
    rules = [rule("gap", words("退款…没收到"), category="a"), rule("a", words("a"), category="b")]
    once = found(*rules, text=text + more)
    assert once == found(*rules, text=text + more)
    assert set(once.why) == set(once.values)
