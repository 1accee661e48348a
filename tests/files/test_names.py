"""Names of files, as they travel and as they are shown."""

from __future__ import annotations

from email.header import Header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.files.rules.names import NAME_LIMIT, carried, original_in, shown
from redress.files.store.bucket import disposition


@pytest.mark.parametrize(
    ("original", "name"),
    [
        ("杯子.jpg", "杯子.jpg"),
        ("  broken   cup.jpg ", "broken cup.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\li\\bill.pdf", "bill.pdf"),
        ("bill.pdf.exe", "bill.pdf.exe"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("a\x00b\r\nc.txt", "abc.txt"),
        ('a"<b>:c?.txt', "abc.txt"),
        ("....", "image.jpg"),
        ("", "image.jpg"),
        ("\u200b\u2066", "image.jpg"),
        ("${filename}", "image.jpg"),
        ("\ud800.txt", "txt"),
    ],
)
def test_a_name_is_shown_without_what_could_deceive(original: str, name: str) -> None:
    assert shown(original, "image/jpeg") == name


def test_a_name_of_500_characters_keeps_its_beginning_and_its_ending() -> None:
    name = shown("长" * 500 + ".docx", "application/msword")
    assert len(name) == NAME_LIMIT
    assert name.startswith("长长长")
    assert name.endswith("长….docx")
    assert len(shown("x" * 500, "text/plain")) == NAME_LIMIT
    assert len(shown("x." + "y" * 500, "text/plain")) == NAME_LIMIT


@pytest.mark.parametrize("name", ["杯子 (2).jpg", "a+b%20c.txt", "😀" * 500 + ".png", "é.pdf"])
def test_a_name_travels_as_ascii_that_fits_into_the_metadata_of_an_object(name: str) -> None:
    carrying = carried(name)
    assert carrying.isascii()
    assert len(carrying) < 2_000
    assert shown(original_in(carrying), "text/plain")[:10] == shown(name, "text/plain")[:10]
    assert original_in(carrying).endswith(name[-4:])


def test_a_name_from_a_form_without_script_is_decoded() -> None:
    assert original_in("cup.jpg") == "cup.jpg"
    assert original_in(Header("杯子.jpg", "utf-8").encode()) == "杯子.jpg"
    taken_for_latin_1 = "杯子.jpg".encode().decode("latin-1")
    assert original_in(taken_for_latin_1) == "杯子.jpg"
    assert original_in(Header(taken_for_latin_1, "utf-8").encode()) == "杯子.jpg"
    assert original_in("Müller.pdf") == "Müller.pdf"
    assert original_in("=?nonsense?Q?x?=") in ("", "=?nonsense?Q?x?=")


@given(st.text(max_size=600))
def test_any_name_becomes_one_visible_line_without_a_path(original: str) -> None:
    name = shown(original_in(carried(original)), "image/jpeg")
    assert 0 < len(name) <= NAME_LIMIT
    assert not set(name) & set("/\\\r\n\0\u202e\u2066")
    assert disposition(name).isascii()
    assert "\n" not in disposition(name)
