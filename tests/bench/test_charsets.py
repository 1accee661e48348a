"""The benchmark of charsets: its samples, and that the reader stays ahead of its peers."""

from __future__ import annotations

from bench import charsets


def test_samples_are_the_same_in_every_run_and_cover_every_group_and_length() -> None:
    found = charsets.samples()
    assert found == charsets.samples()
    each = len(charsets.LENGTHS) * charsets.PHRASES * 7
    assert [sum(one.group == group for one in found) for group in charsets.GROUPS] == [each] * 4


def test_only_the_bytes_of_damaged_samples_differ_from_those_of_their_text() -> None:
    for one in charsets.samples():
        if one.group != "damaged":
            assert one.data == one.text.encode(one.codec)


def test_share_counts_the_characters_beyond_ascii_that_are_in_both() -> None:
    assert charsets.right_share([("Größe", "Größe"), ("您好", "??")]) == 0.5
    assert charsets.right_share([("请尽快处理", "请尽�处理")]) == 0.8


def test_more_characters_are_read_right_than_by_both_peers_in_every_group() -> None:
    found = charsets.readings(charsets.samples()[::3])
    for group in charsets.GROUPS:
        own, *peers = (charsets.right_share(found[group, name]) for name in charsets.DECODERS)
        assert own > max(peers)
        assert own > 0.99
