"""Tests of templates that are filled with the values of a ticket."""

from __future__ import annotations

import pytest

from redress.base.errors import InvalidInput
from redress.base.languages import LANGUAGES
from redress.plans.rules.document import parse
from redress.plans.rules.plan import Plan
from redress.tickets import templating
from tests.builders import Life, plan_1, plan_document

VALUES = {"details": "一张照片", "next_step": "今天寄出", "solution": "换新"}


def with_template(text: str) -> Plan:
    document = plan_document()
    document["templates"] = {"one": dict.fromkeys(LANGUAGES, text)}
    return parse(document)


def codes(refused: InvalidInput) -> list[tuple[str, str, str]]:
    return [(one.pointer, one.code, one.detail) for one in refused.faults]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", plan_1().templates)
def test_every_template_of_plan_1_can_be_sent_for_a_new_ticket(name: str, language: str) -> None:
    life = Life().open(language=language)
    used = plan_1().templates[name][language]
    values = {one: text for one, text in VALUES.items() if f"{{{one}}}" in used}
    now = life.clock.now()
    found = templating.render(plan_1(), name, life.ticket, "Mei", now, values)
    assert "{" not in found.text
    assert found.text == found.text.strip()


def test_variables_are_filled_in_the_language_of_the_customer() -> None:
    life = Life().open(language="zh-CN").acknowledge().assign()
    found = templating.render(plan_1(), "acknowledge", life.ticket, "李静", life.clock.now())
    assert found.text == (
        "Li Na，您好！\n\n您反映的“The kettle leaks”我们已经收到，编号是R-7K3M9-QW0X2。"
        "我是投诉处理组的李静，这件事由我跟进，最晚于2026年11月23日（星期一）09:30（UTC+8）答复您。"
    )


def test_name_of_one_word_is_rendered() -> None:
    """Story 37: a name of one word left a blank in the text (chatwoot 13222, 10109)."""
    life = Life().open(language="en", contact={"name": "Li", "phone": "+86 10 5555 0100"})
    text = templating.render(plan_1(), "greeting", life.ticket, "Mei", life.clock.now()).text
    assert text.startswith("Dear Li, this is Mei of Customer Relations.")


def test_team_without_a_name_in_the_plan_stands_for_itself() -> None:
    document = plan_document()
    del document["team_names"]
    life = Life().open(language="en")
    found = templating.render(parse(document), "greeting", life.ticket, "Mei", life.clock.now())
    assert "Mei of complaints." in found.text


def test_every_variable_without_a_value_is_named_and_no_blank_is_sent() -> None:
    life = Life().open(language="en", contact={"name": "Li Na", "phone": "+86 10 5555 0100"})
    life.wait(hours=99)
    plan = with_template("{order} {due} {next_step} {customer} {status_url} {promises}")
    with pytest.raises(InvalidInput) as caught:
        templating.render(plan, "one", life.ticket, " ", life.clock.now(), pointer="/acts/0")
    assert codes(caught.value) == [
        ("/acts/0/template", "unresolved_variable", f"{{{name}}}: {why}")
        for name, why in (
            ("order", "the customer named no order"),
            ("due", "no promise that you must keep is running"),
            ("next_step", "give it as /values/next_step"),
            ("status_url", "it is not known"),
            ("promises", "no promise to the customer is running"),
        )
    ]
    with pytest.raises(InvalidInput, match=r"\{agent\}: you have no name"):
        templating.render(with_template("{agent}"), "one", life.ticket, " ", life.clock.now())


def test_unknown_template_and_value_that_is_not_used_are_faults() -> None:
    life = Life().open()
    with pytest.raises(InvalidInput) as caught:
        templating.render(plan_1(), "hello", life.ticket, "Mei", life.clock.now(), VALUES)
    assert [(one.pointer, one.code) for one in caught.value.faults] == [
        ("/template", "unknown_template")
    ]
    with pytest.raises(InvalidInput) as caught:
        templating.render(plan_1(), "greeting", life.ticket, "Mei", life.clock.now(), VALUES)
    assert {(one.pointer, one.code) for one in caught.value.faults} == {
        (f"/values/{name}", "unused_variable") for name in VALUES
    }


def test_time_that_the_writer_promises_is_the_due_time_of_the_text() -> None:
    life = Life().open(language="en")
    now = life.clock.now()
    due = now.replace(hour=8, minute=0)
    found = templating.render(with_template("{due}"), "one", life.ticket, "Mei", now, due=due)
    assert found.text == "Monday 23 November 2026, 16:00 (UTC+8)"


def test_words_of_the_customer_are_not_among_those_that_are_checked() -> None:
    life = Life().open(language="en", subject="You idiot", order="idiot 7")
    plan, now = with_template("{customer} {subject} {order} {next_step} end"), life.clock.now()
    found = templating.render(plan, "one", life.ticket, "Mei", now, {"next_step": "stupid"})
    assert found.text == "Li Na You idiot idiot 7 stupid end"
    assert found.own.split() == ["stupid", "end"]


def test_text_that_became_too_long_is_a_fault() -> None:
    life = Life().open()
    plan = with_template("{subject}" + "x" * 19_990)
    with pytest.raises(InvalidInput) as caught:
        templating.render(plan, "one", life.ticket, "Mei", life.clock.now())
    assert [(one.pointer, one.code) for one in caught.value.faults] == [("/template", "too_long")]
