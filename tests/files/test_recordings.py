"""Where a recording is, as a telephone system writes it down."""

from __future__ import annotations

import pytest

from redress.files.rules.recordings import IN_WORDS, Elsewhere, is_address, object_in


@pytest.mark.parametrize("reference", ["s3://calls/2026/11/c-1.wav", "calls/2026/11/c-1.wav"])
def test_object_of_the_bucket_is_found_as_both_kinds_of_system_write_it(reference: str) -> None:
    assert object_in("calls", "", reference) == "2026/11/c-1.wav"


@pytest.mark.parametrize(
    ("bucket", "reference", "why"),
    [
        ("", "s3://calls/c-1.wav", Elsewhere.NO_BUCKET),
        ("calls", "s3://calls-of-others/c-1.wav", Elsewhere.OTHER_BUCKET),
        ("calls", "calls.evil/c-1.wav", Elsewhere.OTHER_BUCKET),
        ("calls", "s3://calls/", Elsewhere.NO_ADDRESS),
        ("calls", "s3:///c-1.wav", Elsewhere.NO_ADDRESS),
        ("calls", "c-1.wav", Elsewhere.NO_ADDRESS),
        ("calls", "http://calls/c-1.wav", Elsewhere.NO_ADDRESS),
        ("calls", "javascript:alert(1)//", Elsewhere.OTHER_BUCKET),
    ],
)
def test_reference_to_anything_else_has_no_link(
    bucket: str, reference: str, why: Elsewhere
) -> None:
    assert object_in(bucket, "", reference) is why
    assert IN_WORDS[why]


def test_only_what_begins_as_recordings_do_has_a_link() -> None:
    """The bucket of a telephone system has transcripts and reports, too."""
    within = "house/CallRecordings/"
    assert object_in("calls", within, f"calls/{within}c-1.wav") == f"{within}c-1.wav"
    for other in ("house/Reports/r.csv", "c-1.wav", "house/CallRecordings"):
        assert object_in("calls", within, f"s3://calls/{other}") is Elsewhere.OTHER_BUCKET


def test_only_https_is_an_address() -> None:
    assert is_address("https://calls.example/c-1")
    for other in ("http://calls.example/c-1", "HTTPS", "javascript:https://", "s3://calls/c-1"):
        assert not is_address(other)
