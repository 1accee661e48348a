"""The manifest of the index, and which segments are merged."""

from __future__ import annotations

from datetime import timedelta

from redress.search.rules.manifest import (
    FAN,
    GRACE,
    LATE,
    MOST_TICKETS,
    Manifest,
    SegmentEntry,
    to_merge,
)
from tests.builders import START


def entry(name: str, tickets: int = 1) -> SegmentEntry:
    return SegmentEntry(name, tickets, 1_000, "0" * 64)


def names(segments: list[SegmentEntry]) -> list[str]:
    return [one.name for one in segments]


def test_few_segments_are_not_merged() -> None:
    assert to_merge([entry(str(at)) for at in range(FAN - 1)]) == []


def test_segments_of_one_size_are_merged_the_smallest_first() -> None:
    large = [entry(f"large-{at}", 500) for at in range(FAN)]
    small = [entry(f"small-{at}", 3) for at in range(FAN)]
    assert names(to_merge([*large, *small])) == names(small)
    assert names(to_merge(large)) == names(large)


def test_merged_segment_has_a_limit() -> None:
    many = [entry(str(at), 1_000) for at in range(30)]
    chosen = to_merge(many)
    assert sum(one.tickets for one in chosen) == MOST_TICKETS
    assert to_merge([entry(str(at), MOST_TICKETS) for at in range(30)]) == []


def test_number_of_segments_grows_slowly_and_each_ticket_is_written_few_times() -> None:
    segments: list[SegmentEntry] = []
    written = 0
    for batch in range(4_000):
        segments.append(entry(str(batch), 10))
        while chosen := to_merge(segments):
            total = sum(one.tickets for one in chosen)
            written += total
            segments = [one for one in segments if one not in chosen]
            segments.append(entry(f"merged-{batch}", total))
    assert sum(one.tickets for one in segments) == 40_000
    assert len(segments) < 30
    assert written / 40_000 < 6


def test_merge_is_given_up_if_another_run_has_merged_a_segment() -> None:
    manifest = Manifest(segments=(entry("a"), entry("b")))
    assert manifest.merged({"a", "gone"}, entry("c"), START, lost=False) is None


def test_merged_segments_are_kept_for_readers_until_the_grace_is_over() -> None:
    manifest = Manifest(segments=(entry("a"), entry("b"), entry("c")))
    after = manifest.merged({"a", "b"}, entry("d"), START, lost=False)
    assert after is not None
    assert names(list(after.segments)) == ["c", "d"]
    assert after.expired(START + GRACE - timedelta(seconds=1)) == []
    assert after.expired(START + GRACE) == ["a", "b"]
    assert after.without({"a", "b"}).superseded == ()


def test_index_is_late_when_a_text_of_a_quarter_of_an_hour_ago_may_be_missing() -> None:
    assert Manifest().is_late(START)
    known = Manifest().complete(START).complete(START - timedelta(hours=1))
    assert known.indexed_until == START, "it never moves back"
    assert not known.is_late(START + LATE)
    assert known.is_late(START + LATE + timedelta(seconds=1))
