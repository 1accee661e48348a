"""Groups and forwarders that the plan names: what a mail claims, and what is proven."""

from __future__ import annotations

import pytest

from redress.mail.incoming.reader.groups import is_relayed, passage_of
from redress.mail.incoming.reader.machines import answer_address, kind_of, no_answer
from redress.mail.incoming.reader.mail import ParsedMail
from redress.mail.incoming.reader.parsing import parse
from redress.mail.incoming.rules.answers import NoAnswer
from tests.mail.reader.mails import HEAD, is_held, text_mail

HELP = "help@shop.example"
NAMED = (HELP,)
LIST = (
    b"X-Original-Sender: li.na@example.com\r\nPrecedence: list\r\n"
    b"Mailing-list: list help@shop.example; contact help+owners@shop.example\r\n"
    b"List-ID: <help.shop.example>\r\nList-Unsubscribe: <mailto:g+u@googlegroups.com>\r\n"
)
CAMPAIGN = (
    b"List-Unsubscribe: <https://news.example/u>\r\nFeedback-ID: 7:camp:news\r\n"
    b"X-Campaign: 7\r\nPrecedence: bulk\r\n"
)
CLAIMS = [
    b"Delivered-To: help@shop.example\r\n",
    b"X-Forwarded-To: help@shop.example\r\n",
    b"X-Forwarded-For: help@shop.example us@in.example.org\r\n",
    b"X-Original-To: help@shop.example\r\n",
    b"Resent-From: help@shop.example\r\n",
    b"Sender: help@shop.example\r\nX-BeenThere: help@shop.example\r\n",
    b"List-Id: Help <help.shop.example>\r\n",
    LIST,
]


def taken(
    head: bytes,
    text: bytes = b"My lamp is broken",
    *,
    envelope: str = "help+bncBAF3x@shop.example",
    spf: str = "pass",
    dmarc: str = "pass",
    sender: bytes = b"Li Na <li.na@example.com>",
) -> ParsedMail:
    """Return a mail as SES stores it, with the verdicts of SES above it."""
    domain = sender.rpartition(b"@")[2].rstrip(b">").decode()
    block = (
        f"Return-Path: <{envelope}>\r\n"
        "Received: from mx by inbound-smtp.us-east-1.amazonaws.com with SMTP id 1;\r\n"
        f"Authentication-Results: amazonses.com; spf={spf}; dmarc={dmarc} header.from={domain};\r\n"
        "X-SES-RECEIPT: x\r\n"
    )
    own = HEAD.replace(b"Return-Path: <li.na@example.com>\r\n", b"")
    own = own.replace(b"Li Na <li.na@example.com>", sender)
    return parse(block.encode() + own + head + b"\r\n" + text)


# ------------------------------------------------------------------------------ trusted


@pytest.mark.parametrize("name", [HELP, "help.shop.example"])
def test_headers_that_a_named_group_adds_do_not_prevent_an_answer(name: str) -> None:
    mail = taken(LIST)
    assert no_answer(mail) is NoAnswer.LIST
    assert kind_of(mail, groups=[name]) is None
    assert no_answer(mail, groups=[name]) is None
    assert no_answer(mail, groups=["other@shop.example"]) is NoAnswer.LIST


@pytest.mark.parametrize(
    "unsubscribe",
    [
        b"<mailto:help+unsubscribe@shop.example>",
        b"<mailto:m+1+u@googlegroups.com>, <https://groups.google.com/a/shop.example/group/help/u>",
        b"<https://lists.shop.example/help>",
    ],
)
def test_the_unsubscribe_link_of_a_named_group_does_not_prevent_an_answer(
    unsubscribe: bytes,
) -> None:
    mail = taken(
        b"List-Post: <mailto:help@shop.example>\r\nList-Unsubscribe: " + unsubscribe + b"\r\n"
    )
    assert no_answer(mail, groups=NAMED) is None


@pytest.mark.parametrize("head", CLAIMS)
def test_headers_that_a_named_group_does_not_add_still_prevent_an_answer(head: bytes) -> None:
    for sign in (
        CAMPAIGN,
        b"Auto-Submitted: auto-replied\r\n",
        b"Precedence: bulk\r\n",
        b"X-Auto-Response-Suppress: All\r\n",
        b"List-Unsubscribe: <https://news.example/u>\r\n",
        b"List-Id: <news.other.example>\r\n",
    ):
        assert no_answer(taken(sign + head), groups=NAMED) is not None


def test_list_headers_in_forwarded_mail_prevent_an_answer_because_a_forwarder_adds_none() -> None:
    for sign in (b"Precedence: list\r\n", b"List-Id: <club.other.example>\r\n"):
        mail = taken(sign + CLAIMS[0])
        assert passage_of(mail, NAMED).proven
        assert no_answer(mail, groups=NAMED) is NoAnswer.LIST


def test_a_machines_mail_through_a_named_group_is_held() -> None:
    assert is_held(kind_of(taken(LIST + b"Auto-Submitted: auto-replied\r\n"), groups=NAMED))


# ------------------------------------------------------------------------------ claimed only


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize(
    ("envelope", "spf"),
    [
        ("", "pass"),
        ("li.na@example.com", "pass"),
        ("attacker@shop.example", "pass"),
        ("helpdesk@shop.example", "pass"),
        ("help@shop.example.evil.example", "pass"),
        ("x+help@shop.example", "pass"),
        (HELP, "fail"),
        (HELP, "none"),
        (HELP, ""),
    ],
)
def test_a_header_that_names_a_group_proves_nothing_and_never_allows_an_answer(
    claim: bytes, envelope: str, spf: str
) -> None:
    for sign in (LIST, CAMPAIGN, b"Precedence: list\r\n"):
        mail = taken(claim + sign, envelope=envelope, spf=spf)
        assert not passage_of(mail, NAMED).proven
        assert no_answer(mail, groups=NAMED) is not None


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("text", [b"I am away until Monday.", b"My lamp is broken."])
def test_a_null_sender_that_names_a_group_is_not_answered_and_not_held(
    claim: bytes, text: bytes
) -> None:
    mail = taken(claim, text, envelope="")
    assert not is_held(kind_of(mail, groups=NAMED))
    assert no_answer(mail, groups=NAMED) is not None
    assert is_held(kind_of(mail))


@pytest.mark.parametrize("claim", CLAIMS[:5])
def test_a_campaign_that_names_a_group_is_not_answered(claim: bytes) -> None:
    mail = taken(claim + CAMPAIGN, envelope="bounce-7@news.example")
    assert no_answer(mail, groups=NAMED) is NoAnswer.BULK
    assert not is_held(kind_of(mail, groups=NAMED))
    assert is_held(kind_of(mail))


# ------------------------------------------------------------------------------ the envelope


@pytest.mark.parametrize(
    ("envelope", "spf", "relayed"),
    [
        ("ourshop@gmail.example", "pass", True),
        ("OurShop+bncBAF3x@Gmail.example", "pass", True),
        ("ourshop+caf_=us=in.example.org@gmail.example", "pass", True),
        ("attacker@gmail.example", "pass", False),
        ("ourshop.attacker@gmail.example", "pass", False),
        ("attacker+ourshop@gmail.example", "pass", False),
        ("ourshop-bounces@gmail.example", "pass", False),
        ("ourshop@mail.gmail.example", "pass", False),
        ("ourshop@gmail.example", "softfail", False),
        ("", "pass", False),
    ],
)
def test_only_the_complete_address_of_a_forwarder_proves_that_it_passed_the_mail_on(
    envelope: str, spf: str, relayed: bool
) -> None:
    mail = taken(b"", envelope=envelope, spf=spf, dmarc="fail")
    assert is_relayed(mail, ["ourshop@gmail.example"]) is relayed


def test_a_group_named_by_its_list_id_passes_mail_on_from_the_address_that_makes_this_id() -> None:
    mail = taken(LIST, dmarc="fail")
    assert is_relayed(mail, ["help.shop.example"])
    assert not is_relayed(mail, ["help.other.example"])


def test_without_the_verdicts_of_ses_nothing_proves_that_a_mail_was_passed_on() -> None:
    raw = HEAD.replace(b"li.na@example.com>\r\nMIME", b"help@shop.example>\r\nMIME")
    mail = parse(raw + b"Authentication-Results: amazonses.com; spf=pass;\r\n\r\nHi")
    assert mail.return_path == HELP
    assert not is_relayed(mail, NAMED)


# ------------------------------------------------------------------------------ the group in From

VIA = b"Li Na via Help <help@shop.example>"
AUTHOR = b"X-Original-From: Li Na <li.na@example.com>\r\n"


def test_the_author_is_the_contact_if_a_named_group_replaced_from() -> None:
    for mail in (
        taken(LIST + AUTHOR, sender=VIA),
        taken(AUTHOR, sender=VIA, envelope="x@y.example"),
    ):
        found = answer_address(mail, groups=NAMED)
        assert found is not None
        assert (found.address.address, found.form) == ("li.na@example.com", True)
        assert no_answer(mail, groups=NAMED) is None


@pytest.mark.parametrize("dmarc", ["fail", "none", ""])
def test_the_address_of_a_group_in_from_without_proof_is_not_answered(dmarc: str) -> None:
    mail = taken(AUTHOR, sender=VIA, envelope="x@evil.example", dmarc=dmarc)
    assert no_answer(mail, groups=NAMED) is NoAnswer.LIST


def test_an_author_whom_a_list_outside_of_the_plan_names_is_not_trusted() -> None:
    raw = HEAD.replace(b"Li Na <li.na@example.com>", VIA)
    found = answer_address(parse(raw + LIST + b"Reply-To: Li Na <li.na@example.com>\r\n\r\nHi"))
    assert found is not None
    assert (found.address.address, found.named, found.foreign) == ("li.na@example.com", False, True)


def test_no_passage_is_claimed_if_the_plan_names_no_group() -> None:
    assert not passage_of(text_mail(b"Hi", LIST), ()).claimed
