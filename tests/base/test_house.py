"""The operator's name and colours: what is refused, and that every page stays readable."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.base import house
from redress.base.house import (
    BLACK,
    DARK_GROUNDS,
    LIGHT_GROUNDS,
    NO_HOUSE,
    TEXT_CONTRAST,
    WHITE,
    contrast,
    house_of,
)
from redress.mail.outgoing import html
from tests.builders import ROOT

STYLE = (ROOT / "functions/customer/assets/style.css").read_text()
FRAME = (ROOT / "layers/core/redress/data/mail/frame.html").read_text()
COLOURS = st.from_regex("#[0-9a-f]{6}", fullmatch=True)


def details(name: str = "", colour: str = "", dark: str = "") -> list[str]:
    return [f"{setting}: {detail}" for setting, detail in house.faults_of(name, colour, dark)]


def variables(scheme: str) -> dict[str, str]:
    """The custom properties of the style sheet that a `:root` rule sets."""
    rule = re.search(scheme, STYLE)
    assert rule is not None
    return dict(re.findall(r"--([\w-]+): (#\w{6})", rule[0]))


def test_contrast_is_that_of_the_guideline() -> None:
    assert contrast(BLACK, WHITE) == pytest.approx(21)
    assert contrast("#767676", WHITE) == pytest.approx(4.54, abs=0.01)
    assert contrast(WHITE, WHITE) == 1


def test_grounds_are_those_of_the_style_sheets() -> None:
    light = variables(r":root \{[^}]*\}")
    dark = variables(r"prefers-color-scheme: dark\) \{ :root \{[^}]*\}")
    assert {light["paper"], light["ground"], light["field"]} == set(LIGHT_GROUNDS.values())
    assert (dark["paper"], dark["ground"], dark["field"]) == (
        DARK_GROUNDS["page"],
        DARK_GROUNDS["ground"],
        DARK_GROUNDS["field"],
    )
    before, _, after = FRAME.partition("prefers-color-scheme: dark")
    for text, grounds in ((before, LIGHT_GROUNDS), (after, DARK_GROUNDS)):
        found = re.findall(r"(?:body|\.sheet) \{[^}]*background: (#\w{6})", text)
        assert len(found) == 2
        assert set(found) <= set(grounds.values())


def test_colours_of_redress_have_no_fault() -> None:
    light = variables(r":root \{[^}]*\}")
    dark = variables(r"prefers-color-scheme: dark\) \{ :root \{[^}]*\}")
    assert details("", light["accent"], dark["accent"]) == []
    assert details("", html.LIGHT.accent, html.DARK.accent) == []


@pytest.mark.parametrize("name", ["Teahouse", "茶馆 & Söhne", "בית התה", 'O\'Neil "Tea", Ltd.'])
def test_ordinary_name_is_accepted_and_shown_as_it_is(name: str) -> None:
    assert details(name) == []
    assert house_of(name, "", "").name == name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("<b>Tea</b>", ["no < and no >"]),
        ("Tea\u202eesuoh", ["change the direction"]),
        ("x" * 500, ["at most 60 characters; it has 500"]),
        ("Tea\nhouse", ["no control characters and no line breaks"]),
        ("\u200b", ["no visible character"]),
        ("<\u2067" + "y" * 99, ["at most 60", "no < and no >", "change the direction"]),
        ("<\x1b" + "y" * 99, ["at most 60", "no < and no >", "no control characters"]),
    ],
)
def test_every_fault_of_a_hostile_name_is_named_and_pages_do_not_use_it(
    name: str, said: list[str]
) -> None:
    found = details(name)
    assert len(found) == len(said)
    assert all(words in detail for words, detail in zip(said, found, strict=True))
    assert house_of(name, "", "") == NO_HOUSE


@pytest.mark.parametrize(
    "colour", ["red", "#fff", "0b5c7a", "#0b5c7a; }", "url(//x.example)", "#gg0000"]
)
def test_text_that_is_no_colour_is_refused(colour: str) -> None:
    (found,) = details(colour=colour)
    assert found.startswith("HouseColour: ")
    assert "is no colour: write # and six hexadecimal digits" in found
    assert house_of("", colour, "") == NO_HOUSE
    assert house_of("", "#0b5c7a", colour).dark == house_of("", "#0b5c7a", "").dark


def test_colour_without_contrast_is_refused_with_each_ground_and_the_nearest_tone() -> None:
    found = details(colour="#ffcc00")
    assert found == [
        "HouseColour: #ffcc00 on the page (#ffffff) has a contrast of 1.51:1; "
        "links and buttons need 4.5:1",
        "HouseColour: #ffcc00 on the page (#ffffff) has a contrast of 1.51:1; borders need 3.0:1",
        "HouseColour: #ffcc00 on the ground (#f4f6f8) has a contrast of 1.39:1; "
        "links and buttons need 4.5:1",
        "HouseColour: #ffcc00 on the ground (#f4f6f8) has a contrast of 1.39:1; borders need 3.0:1",
        found[-1],
    ]
    nearest = found[-1].rpartition(" ")[2]
    assert details(colour=nearest) == []
    assert house_of("Tea", "#ffcc00", "") == house_of("Tea", "", "")


def test_faults_of_all_settings_are_named_together() -> None:
    found = details("<", "red", "#000000")
    assert {one.partition(":")[0] for one in found} == {
        "HouseName",
        "HouseColour",
        "HouseColourDark",
    }


def test_dark_colour_alone_is_refused() -> None:
    assert details(dark="#6cc1e0") == [
        "HouseColourDark: give HouseColour, too: this one is for the dark scheme only"
    ]
    assert house_of("", "", "#6cc1e0") == NO_HOUSE


@given(COLOURS, st.one_of(st.just(""), COLOURS))
def test_no_colours_make_a_page_or_mail_unreadable(colour: str, dark: str) -> None:
    found = house_of("", colour, dark)
    if found.light is None or found.dark is None:
        assert house.faults_of("", colour, "") != []
        return
    for scheme, grounds in ((found.light, LIGHT_GROUNDS), (found.dark, DARK_GROUNDS)):
        for accent in (scheme.accent, scheme.hover):
            assert contrast(accent, scheme.ink) >= TEXT_CONTRAST
            assert all(contrast(accent, one) >= TEXT_CONTRAST for one in grounds.values())


@given(COLOURS)
def test_suggested_tone_has_no_fault(colour: str) -> None:
    for found in (details(colour=colour), details("", "#0b5c7a", colour)):
        if found:
            setting, _, rest = found[-1].partition(": ")
            tone = rest.rpartition(" ")[2]
            given = ("", tone, "") if setting == "HouseColour" else ("", "#0b5c7a", tone)
            assert house.faults_of(*given) == []
