"""Segments: SQLite files with a full-text table."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from redress.search.rules.words import query_of, words_of
from redress.search.store import segments
from redress.search.store.segments import Document, Segment, build, place_of
from tests.builders import START

TEXTS = ("我要退款", "打印机坏了，请退款", "Where is my refund?", "發票", "退款到账了")


def document(at: int, text: str) -> Document:
    number = f"R-0000{at}-00000"
    return Document(number, place_of(START + timedelta(minutes=at), number), 3, words_of(text))


DOCUMENTS = [document(at, text) for at, text in enumerate(TEXTS)]


@pytest.fixture
def segment(tmp_path: Path) -> Segment:
    path = tmp_path / "segment.db"
    path.write_bytes(build(DOCUMENTS))
    return Segment(path)


def found(segment: Segment, query: str, after: str | None = None, limit: int = 10) -> list[int]:
    """The places in TEXTS of what a query finds."""
    places = segment.places(query_of(query), after, limit)
    known = [one.place for one in DOCUMENTS]
    return [known.index(place) for place in places]


def test_newest_tickets_with_all_words_are_found_first(segment: Segment) -> None:
    assert found(segment, "退款") == [4, 1, 0]
    assert found(segment, "退款 打印机") == [1]
    assert found(segment, "ref") == [2]
    assert found(segment, "发票") == [3]
    assert found(segment, "发") == [3]
    assert found(segment, "没有") == []


def test_pages_go_on_after_a_place(segment: Segment) -> None:
    assert found(segment, "退款", limit=2) == [4, 1]
    assert found(segment, "退款", after=DOCUMENTS[1].place) == [0]
    assert found(segment, "退款", after=DOCUMENTS[3].place) == [1, 0], "it need not have the words"
    assert found(segment, "退款", after=DOCUMENTS[0].place) == []


def test_segment_gives_back_its_tickets_and_words(segment: Segment) -> None:
    given = {one.number: (one.place, one.version, set(one.words)) for one in segment.documents()}
    assert given == {one.number: (one.place, one.version, set(one.words)) for one in DOCUMENTS}


def test_same_tickets_make_the_same_file() -> None:
    assert build(DOCUMENTS) == build(reversed(DOCUMENTS))


def test_empty_segment_finds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "segment.db"
    path.write_bytes(build([]))
    segment = Segment(path)
    assert segment.places(query_of("退款"), None, 10) == []
    assert segment.places(query_of("退款"), DOCUMENTS[0].place, 10) == []
    assert segment.documents() == []


@pytest.mark.parametrize("content", [b"", b"not a database" * 100])
def test_damaged_file_raises_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "segment.db"
    path.write_bytes(content)
    with pytest.raises(segments.Error):
        Segment(path).places(query_of("退款"), None, 10)
