"""Copies of one mail that lists and gateways changed, and mails that only look like copies."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.mail.incoming.rules.copies import Copy, copy_of, is_copy

TEXT = "My parcel has not come.\nPlease look for it."
RULE = "_" * 47
LIST = f"{RULE}\nShop mailing list -- shop@lists.example\nhttps://lists.example/listinfo/shop"
GROUP = "-- \nYou received this message because you are subscribed to the Google Groups."
BANNER = "CAUTION: This email originated from outside of the organization."


def copy(text: str = TEXT, subject: str = "My parcel", *files: tuple[str, bytes]) -> Copy:
    return copy_of("x", subject, text, files)


def both_ways(one: Copy, other: Copy) -> bool:
    assert is_copy(one, other) == is_copy(other, one)
    return is_copy(one, other)


ADDED = {
    "a banner": f"{BANNER}\n\n{TEXT}",
    "a banner without an empty line": f"{BANNER}\n{TEXT}",
    "a banner in two lines": f"{BANNER}\nClick no links.\n\n{TEXT}",
    "a banner with a rule": f"{BANNER}\n-----\n\n{TEXT}",
    "a Chinese banner": f"注意：此邮件来自公司外部，请谨慎点击链接。\n\n{TEXT}",
    "a traditional Chinese banner": f"【外部郵件】\n\n{TEXT}",
    "a tag": f"[EXTERNAL] {TEXT}",
    "a footer of Mailman": f"{TEXT}\n{LIST}",
    "a footer of a group": f"{TEXT}\n\n{GROUP}",
    "a footer of dashes": f"{TEXT}\n\n--\nThis mail comes from outside.",
    "a footer with a link only": f"{TEXT}\n--\nhttps://lists.example/shop",
    "a legal notice": f"{TEXT}\n\nThis message is confidential and for the intended recipient.",
    "a tip of Outlook": f"You don't often get email from li@example.com. Learn why.\n\n{TEXT}",
    "a list without a rule": f"{TEXT}\n\n发送自小店邮件列表，退订请回复。",
    "a note of a scanner": f"{TEXT}\n\n此邮件经扫描未发现病毒，没有病毒。",
    "a banner and two footers": f"{BANNER}\n\n{TEXT}\n\n{GROUP}\n{LIST}",
    "other line breaks": "My parcel has\nnot come. Please look\nfor it.\n",
    "blanks and invisible characters": TEXT.replace(" ", "\u200b  ").replace("\n", " \n\n"),
}


@pytest.mark.parametrize("text", ADDED.values(), ids=ADDED)
def test_what_a_list_or_gateway_adds_makes_no_other_mail(text: str) -> None:
    assert both_ways(copy(), copy(text))


def test_two_copies_with_different_additions_are_one_mail() -> None:
    assert both_ways(copy(f"{BANNER}\n\n{TEXT}"), copy(f"{TEXT}\n\n{GROUP}"))


OTHER = {
    "another word": TEXT.replace("parcel", "letter"),
    "another number": TEXT + " 4711",
    "a sentence below": f"{TEXT}\n\nAnd call me.",
    "a sentence above": f"Hello,\n\n{TEXT}",
    "a sentence below dashes": f"{TEXT}\n--\nAnd call me.",
    "a sentence with words of a banner": f"{TEXT}\n\nI got a mail from an external company.",
    "less": "My parcel has not come.",
    "nothing": "",
    "a long text below a rule": f"{TEXT}\n{RULE}\n" + "And call me about it. " * 300,
}


@pytest.mark.parametrize("text", OTHER.values(), ids=OTHER)
def test_other_words_of_the_author_make_another_mail(text: str) -> None:
    assert not both_ways(copy(), copy(text))


def test_signatures_that_differ_make_two_mails() -> None:
    one, other = (f"{TEXT}\n-- \n{name}\nli@example.com" for name in ("Li Na", "Li Na, at home"))
    assert not both_ways(copy(one), copy(other))


@pytest.mark.parametrize(
    ("subject", "same"),
    [
        ("[EXT] My parcel", True),
        ("[External Sender] My parcel", True),
        ("【外部邮件】My parcel", True),
        ("EXTERNAL: My parcel", True),
        ("My parcel [EXT]", True),
        ("[Shop] My parcel", True),
        ("[EXT] [Shop] My  parcel", True),
        ("My other parcel", False),
        ("Re: My parcel", False),
        ("[R-7K3M9-QW0X2] My parcel", False),
        ("[Shop]", False),
    ],
)
def test_tags_of_lists_and_gateways_make_no_other_subject(subject: str, same: bool) -> None:
    assert both_ways(copy(), copy(TEXT, subject)) is same


def test_two_tags_that_differ_make_two_subjects() -> None:
    assert not both_ways(copy(TEXT, "[Order 1] Help"), copy(TEXT, "[Order 2] Help"))
    assert both_ways(copy(TEXT, "Re: [Shop] Help"), copy(TEXT, "[EXT] Re: Help"))


def test_files_must_be_equal_except_for_a_footer() -> None:
    picture = ("image/png", b"\x89PNG")
    footer = ("text/plain", f"{LIST}\n".encode())
    words = ("text/plain", b"serial number 4711")
    assert both_ways(copy(TEXT, "x", picture), copy(TEXT, "x", picture, footer))
    assert not both_ways(copy(TEXT, "x", picture), copy(TEXT, "x"))
    assert not both_ways(copy(TEXT, "x"), copy(TEXT, "x", words))


@given(st.text(max_size=200), st.text(max_size=60))
def test_every_mail_is_a_copy_of_itself(text: str, subject: str) -> None:
    assert is_copy(copy(text, subject), copy(text, subject))


@pytest.mark.parametrize(
    "text",
    [
        "a\n" * 100_000,
        "--\nhttps://x\n" * 15_000,
        "outside " * 25_000,
        "-" * 200_000,
        "\n" * 200_000,
        ("outside " * 500 + "\n\n") * 50,
    ],
)
def test_a_copy_is_made_in_linear_time(text: str) -> None:
    began = time.perf_counter()
    found = copy(text, text)
    assert time.perf_counter() - began < 1
    assert len(found.proper) + len(found.loose) < 60
