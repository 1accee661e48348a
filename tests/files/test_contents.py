"""The type of a file by its content."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.files.contents import media_type
from redress.files.rules import kinds
from redress.files.rules.kinds import HEAD, KINDS, UNKNOWN
from redress.plans.rules.plan import FILE_KINDS, FilesPlan
from tests.files import samples


def type_of(content: bytes) -> str:
    return media_type(content[:HEAD], lambda offset, count: content[offset : offset + count])


@pytest.mark.parametrize("name", samples.TYPES)
def test_a_type_is_recognised_by_its_content(name: str) -> None:
    assert type_of(samples.TYPES[name]) == name


def test_every_known_type_has_a_sample_and_every_kind_can_be_in_a_plan() -> None:
    assert set(samples.TYPES) == {name for types in KINDS.values() for name in types}
    assert {*KINDS, "other"} == set(FILE_KINDS)
    assert set(FilesPlan().types) == set(FILE_KINDS) - {"archive", "other"}


@pytest.mark.parametrize(
    "content",
    [
        samples.EXE,
        b"\x7fELF" + bytes(60),
        samples.compound("MSI stream"),
        samples.compound()[:100],
        samples.brands(b"zzzz"),
        b"RIFF\x00\x00\x00\x00AVI LIST",
        bytes(1000),
        b"\x00",
    ],
)
def test_what_nothing_recognises_for_sure_is_unknown(content: bytes) -> None:
    assert type_of(content) == UNKNOWN
    assert not kinds.is_allowed(UNKNOWN, FilesPlan().types)
    assert kinds.is_allowed(UNKNOWN, ("other",))


def test_a_phone_that_names_a_general_brand_first_still_sends_a_heic() -> None:
    assert type_of(samples.brands(b"mif1", b"mif1", b"heic")) == "image/heic"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"GIF89a=1;/*" + samples.HTML, "text"),
        (samples.PDF + samples.zipped("a.txt"), "pdf"),
        (samples.zipped("a.txt") + samples.PDF, "archive"),
        (samples.zipped("[Content_Types].xml", "evil.exe"), "archive"),
        (samples.zipped("META-INF/MANIFEST.MF"), "archive"),
        (samples.zipped("a.txt", first=("mimetype", "application/epub+zip")), "archive"),
        (b"<?xml version='1.0'?>\n<!-- -->\n" + samples.SVG, "image"),
        (b"   \n<script>alert(1)</script>", "text"),
        (samples.EICAR, "text"),
    ],
)
def test_a_polyglot_has_one_kind(content: bytes, kind: str) -> None:
    """Whatever it is called, it is served as a download of no type."""
    assert kinds.kind_of(type_of(content)) == kind


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_a_text_is_a_text_in_the_charsets_of_customers(charset: str) -> None:
    content = ("订单号 4403，杯子碎了。\n" * 10).encode(charset)
    assert type_of(content) == "text/plain"


def test_a_text_that_the_head_cuts_within_a_character_is_a_text() -> None:
    content = b"x" + ("杯" * HEAD).encode()
    assert type_of(content) == "text/plain"


@given(st.binary(min_size=1, max_size=300))
def test_any_content_has_a_type(content: bytes) -> None:
    assert type_of(content) in {*samples.TYPES, UNKNOWN}


@pytest.mark.parametrize("name", samples.TYPES)
@given(cut=st.integers(1, 600))
def test_a_file_that_is_cut_anywhere_has_a_type(name: str, cut: int) -> None:
    assert type_of(samples.TYPES[name][:cut]) in {*samples.TYPES, UNKNOWN}


def test_a_zip_that_unpacks_to_10_gb_is_not_unpacked() -> None:
    """The head has the names of members, and nothing reads more of it."""
    bomb = samples.zipped("bomb.txt") * 300
    tracemalloc.start()
    assert type_of(bomb) == "application/zip"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000
