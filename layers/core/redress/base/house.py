"""The look of the operator's own house on pages and in mails: name, logo and colours.

An operator gives a colour for light pages, and perhaps one for dark pages. Everything else is
derived from them, so that every text and every part of a page keeps the contrast of WCAG 2.2, level
AA (1.4.3 and 1.4.11). `make deploy` refuses values that have faults. A function that gets such a
value all the same uses the default in its place, so no page becomes unreadable.

Only a house that has settings of its own loads this module.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

from redress.base import texts

NAME_LIMIT = 60
TEXT_CONTRAST, PART_CONTRAST = 4.5, 3.0
"""The least contrast of texts (WCAG 1.4.3), and of borders and marks of focus (1.4.11)."""

LIGHT_GROUNDS: Mapping[str, str] = {"page": "#ffffff", "ground": "#f4f6f8"}
"""The colours on which the accent is seen in the light scheme, in pages and mails."""
DARK_GROUNDS: Mapping[str, str] = {
    "page": "#171d25",
    "ground": "#0f141a",
    "field": "#10161d",
    "sheet of a mail": "#1d232a",
    "ground of a mail": "#14181d",
}
"""The same in the dark scheme. `tests/base/test_house.py` compares both with the style sheets."""

WHITE, BLACK, DARK_INK = "#ffffff", "#000000", "#0b1a22"
_STEPS = 50
_COLOUR = "#[0-9A-Fa-f]{6}"


class Scheme(Struct, frozen=True):
    """The colours of one scheme: the accent, the accent under the pointer, and text on both."""

    accent: str
    hover: str
    ink: str


class House(Struct, frozen=True):
    """The operator's house. A part that the operator did not set is empty, False or None."""

    name: str = ""
    has_logo: bool = False
    light: Scheme | None = None
    dark: Scheme | None = None


NO_HOUSE = House()


def house_of(name: str, colour: str, dark: str, *, has_logo: bool = False) -> House:
    """Return the house of these settings. A setting with a fault counts as not set."""
    faulty = {setting for setting, _ in faults_of(name, colour, dark)}
    light = colour if colour and "HouseColour" not in faulty else ""
    own_dark = dark if dark and "HouseColourDark" not in faulty else ""
    if light and not own_dark:
        own_dark = passing(light, WHITE, DARK_GROUNDS)
    return House(
        name="" if "HouseName" in faulty else texts.cleaned_line(name),
        has_logo=has_logo,
        light=Scheme(light, mixed(light, BLACK, 0.25), WHITE) if light else None,
        dark=Scheme(own_dark, mixed(own_dark, WHITE, 0.3), DARK_INK) if light else None,
    )


def style_of(house: House) -> str:
    """Return the rules that follow the style sheet of the pages, or "" without own colours."""
    if house.light is None or house.dark is None:
        return ""
    light, dark = (
        f":root {{ --accent: {one.accent}; --accent-dark: {one.hover}; --on-accent: {one.ink}; }}"
        for one in (house.light, house.dark)
    )
    return f"{light}\n@media (prefers-color-scheme: dark) {{ {dark} }}\n"


# ------------------------------------------------------------------------------------- faults


def faults_of(name: str, colour: str, dark: str) -> list[tuple[str, str]]:
    """Return every fault of the settings: the parameter that has it, and what is wrong."""
    found = [("HouseName", detail) for detail in _faults_of_name(name)]
    for parameter, value, grounds in (
        ("HouseColour", colour, LIGHT_GROUNDS),
        ("HouseColourDark", dark, DARK_GROUNDS),
    ):
        if value:
            found += [(parameter, detail) for detail in _faults_of_colour(value, grounds)]
    if dark and not colour:
        detail = "give HouseColour, too: this one is for the dark scheme only"
        found.append(("HouseColourDark", detail))
    return found


def _faults_of_name(name: str) -> Iterator[str]:
    if not name:
        return
    if texts.is_empty(name):
        yield "it has no visible character"
    if len(name) > NAME_LIMIT:
        yield f"at most {NAME_LIMIT} characters; it has {len(name)}"
    if re.search("[<>]", name):
        yield "no < and no >: a name is plain text, not HTML"
    if texts.fault_of(name) or name.splitlines() != [name]:
        yield "no control characters and no line breaks"
    if texts.without_dangers(name) != name and not texts.fault_of(name):
        yield "no characters that change the direction of text (U+202A-202E, U+2066-2069)"


def _faults_of_colour(colour: str, grounds: Mapping[str, str]) -> Iterator[str]:
    if not re.fullmatch(_COLOUR, colour):
        yield f"{colour[:20]!r} is no colour: write # and six hexadecimal digits, such as #0b5c7a"
        return
    low = False
    for where, ground in grounds.items():
        found = contrast(colour, ground)
        seen = f"{colour} on the {where} ({ground}) has a contrast of {_ratio(found)}"
        for what, least in (("links and buttons", TEXT_CONTRAST), ("borders", PART_CONTRAST)):
            if found < least:
                low = True
                yield f"{seen}; {what} need {least}:1"
    if low:
        toward = WHITE if grounds is DARK_GROUNDS else BLACK
        yield f"the nearest tone that can be read is {passing(colour, toward, grounds)}"


def _ratio(value: float) -> str:
    """Write a contrast, rounded down: a value below a limit is never written as the limit."""
    return f"{int(value * 100) / 100:.2f}:1"


# ------------------------------------------------------------------------------------- colours


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21 (WCAG 2.2, "contrast ratio")."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    """The brightness of a colour, from 0 to 1 (WCAG 2.2, "relative luminance")."""
    red, green, blue = (_linear(part / 255) for part in _parts(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def _parts(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def mixed(colour: str, other: str, share: float) -> str:
    """Mix a colour with this share of another one."""
    pairs = zip(_parts(colour), _parts(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def passing(colour: str, toward: str, grounds: Mapping[str, str]) -> str:
    """Return the tone nearest to a colour, on the way to `toward`, that texts on `grounds` need.

    Black on the light grounds and white on the dark ones have enough contrast, so there is one.
    """
    tones = (mixed(colour, toward, step / _STEPS) for step in range(_STEPS + 1))
    return next(
        tone
        for tone in tones
        if all(contrast(tone, ground) >= TEXT_CONTRAST for ground in grounds.values())
    )
