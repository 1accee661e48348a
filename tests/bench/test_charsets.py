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


def test_texts_count_in_which_an_ascii_character_is_lost() -> None:
    assert charsets.changed([("25°C", "25蚓"), ("25°C", "25�C"), ("É", "蚓")]) == 1


def test_samples_have_accents_in_sequence_and_half_width_katakana() -> None:
    text = "\n".join(one.text for one in charsets.samples())
    assert all(one in text for one in ("ÇÃO", "ÅÄÖ", "¡", "ﾀﾞ"))


def test_more_characters_are_read_right_than_by_both_peers_in_every_group() -> None:
    found = charsets.readings(charsets.samples()[::3])
    for group in charsets.GROUPS:
        own, *peers = (charsets.right_share(found[group, name]) for name in charsets.DECODERS)
        assert own > max(peers)
        assert own > 0.98


def test_ascii_characters_beside_others_are_kept_under_a_right_label_and_mostly_without_one() -> (
    None
):
    found = charsets.readings(charsets.samples()[::3])
    assert charsets.changed(found["labelled", "Redress"]) == 0
    assert charsets.changed(found["unlabelled", "Redress"]) <= 3
