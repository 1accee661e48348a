"""Tests of the rule for characters that nobody can see or that control something."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.base import texts

SEEN_FORMATS = {0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x6DD, 0x70F, 0x890, 0x891, 0x8E2}
SEEN_FORMATS |= {0x110BD, 0x110CD}
"""Format characters that are shown, such as the sign that encloses an Arabic number."""
FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufffc\ufe0f\u180b\U000e0100"
REORDERING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def test_every_character_of_an_unseen_category_is_empty() -> None:
    for code in range(sys.maxunicode + 1):
        letter = chr(code)
        if unicodedata.category(letter) in ("Cf", "Cc", "Zs", "Zl", "Zp"):
            assert texts.is_empty(letter) == (code not in SEEN_FORMATS), f"U+{code:04X}"
    assert texts.is_empty(FILLERS)


def test_letters_marks_and_signs_are_seen() -> None:
    for code in range(0x20, sys.maxunicode + 1):
        if unicodedata.category(chr(code))[0] in "LNPS" and chr(code) not in FILLERS:
            assert not texts.is_empty(chr(code)) or code == 0x1D159, f"U+{code:04X}"


@given(st.text(st.sampled_from([*FILLERS, *REORDERING, *" \t\n\u200b\u2060\u3000\ufeff\u200d"])))
def test_a_text_that_nobody_can_see_is_stored_as_nothing(text: str) -> None:
    assert texts.is_empty(text)
    assert texts.cleaned(text) == texts.cleaned_line(text) == ""


@given(st.text())
def test_a_cleaned_text_stays_as_it_is_and_loses_nothing_that_is_seen(text: str) -> None:
    for clean in (texts.cleaned, texts.cleaned_line):
        once = clean(text)
        assert clean(once) == once
        assert not set(once) & set(REORDERING)
        assert [c for c in once if not texts.is_empty(c)] == [
            c for c in text if not texts.is_empty(c)
        ]


@pytest.mark.parametrize(
    "text",
    [
        "第一行\n\t第二行",
        "❤️",
        "👩‍👩‍👧 一家",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "می‌خواهم",
        "ര്‍",
        "葛\U000e0100城",
        "1️⃣",
    ],
)
def test_characters_that_a_script_or_an_emoji_needs_stay(text: str) -> None:
    assert texts.cleaned(text) == text
    assert texts.fault_of(text) is None
    if "\n" not in text:
        assert texts.cleaned_line(text) == text


TAGS = "".join(chr(0xE0000 + ord(c)) for c in "pay bo")
SELECTORS = "\ufe00\ufe01\U000e0148\U000e0149"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"a{TAGS}b", "ab"),
        (f"Li{TAGS}\U000e007f Na", "Li Na"),
        (f"🏴{TAGS}\U000e007f", "🏴"),
        (f"🏴{TAGS[:3]}", "🏴"),
        ("🏴" + "\U000e0061" * 20 + "\U000e007f", "🏴"),
        ("😀\U000e0061\U000e007f", "😀"),
        ("a\u200db", "ab"),
        ("李\u200d娜\u200c", "李娜"),
        ("😀\u200d", "😀"),
        ("😀\u200da", "😀a"),
        ("می\u200c\u200d\u200c\u200cخ", "می\u200cخ"),
        ("a\ufe0fb\ufe0e", "ab"),
        (f"😀{SELECTORS}!", "😀!"),
        ("❤\ufe0f\ufe0f\ufe0e", "❤\ufe0f"),
        ("葛\U000e0100\U000e0101\U000e0102城", "葛\U000e0100城"),
        ("Li\U000e0100\u180b\ufe00", "Li"),
        ("Li\ufffe\uffff\ufdd0\U0001ffff Na", "Li Na"),
        ("\u200d\u0301\u200d", ""),
    ],
)
def test_hidden_characters_stay_in_a_line_only_where_their_neighbours_need_them(
    text: str, expected: str
) -> None:
    assert texts.cleaned_line(text) == expected
    assert texts.cleaned_line(expected) == expected


@pytest.mark.parametrize("text", ["🏳️‍🌈", "🏃🏽‍♀️", "#️⃣", "ᠠ᠋", "逢︀", "क्‍ष", "👁️‍🗨️", "©️", "∩︀"])
def test_sequences_of_emoji_and_scripts_stay_whole_in_a_line(text: str) -> None:
    assert texts.cleaned_line(f"a {text} b") == f"a {text} b"


@pytest.mark.parametrize(
    "text",
    ["\ufffe", "\uffff", "\ufdd5", "\U0010ffff", "\u0300", "\u20dd \u0301\u200b", "\u05b4\n\u3099"],
)
def test_noncharacters_and_marks_without_a_letter_are_nothing(text: str) -> None:
    assert texts.is_empty(text)
    assert texts.cleaned(text) == texts.cleaned_line(text) == ""
    assert not texts.is_empty(f"{text}e{text}")


def test_a_name_or_a_subject_keeps_no_hidden_character() -> None:
    assert texts.cleaned_line("\u200bL\u00adi\u2060 Na\u200e\u202e") == "Li Na"
    assert texts.cleaned_line("Li Na (\u202egpj.exe\u202c)") == "Li Na (gpj.exe)"


def test_marks_of_direction_stay_in_a_longer_text() -> None:
    assert texts.cleaned("שלום\u200f! ok") == "שלום\u200f! ok"


@pytest.mark.parametrize("character", [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0))])
def test_control_characters_other_than_tab_and_line_ends_are_a_fault(character: str) -> None:
    found = texts.fault_of(f"a{character}b")
    assert (found is None) == (character in "\t\n\r")
    if found is not None:
        assert found[0] == "control_characters"
        assert texts.without_dangers(f"a{character}b") == "ab"


def test_a_lone_surrogate_is_a_fault() -> None:
    assert (texts.fault_of("a\ud800") or ("",))[0] == "not_unicode"
    assert texts.without_dangers("a\ud800\u202eb") == "ab"


def test_a_text_in_which_every_character_stays_is_stored_as_it_is() -> None:
    """Both ways through `cleaned_line` agree on each character between two letters."""
    for code in range(sys.maxunicode + 1):
        text = f"a{chr(code)}b"
        if texts._is_plain(text) and not text.isascii():
            hidden = f"[{texts._BLANK}{texts._HIDDEN}{texts._CONTROL}\ud800-\udfff]"
            assert re.search(hidden, text) is None or chr(code) in " \n", f"U+{code:04X}"
