"""Real mails of public test suites, if a folder with them exists (REDRESS_MAILS=...).

The folder has a MANIFEST.jsonl: {"file", "must_not_autoreply", "kinds", ...} for each mail.
"""

from __future__ import annotations

import email
import email.policy
import html
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from redress.mail.incoming.reader import machines
from redress.mail.incoming.reader.machines import MachineKind
from redress.mail.incoming.reader.parsing import parse
from tests import effort
from tests.mail.reader.checks import check

FOLDER = Path(os.environ.get("REDRESS_MAILS", Path(__file__).parents[4] / "shared/data/mail"))
MANIFEST = FOLDER / "MANIFEST.jsonl"
MAILS: list[dict[str, Any]] = (
    [json.loads(line) for line in MANIFEST.read_text(encoding="utf-8").splitlines()]
    if MANIFEST.exists()
    else []
)
SECONDS = 1.0

pytestmark = pytest.mark.skipif(not MAILS, reason=f"no mails in {FOLDER} (REDRESS_MAILS)")


def named(mail: dict[str, Any]) -> str:
    return str(mail["file"])


def raw_of(mail: dict[str, Any]) -> bytes:
    return (FOLDER / named(mail)).read_bytes()


@pytest.fixture(scope="module", autouse=True)
def _detection_is_loaded() -> None:
    """The first detection reads chardet's models (a tenth of a second)."""
    parse("Subject: x\n\n投诉".encode("gb18030"))


@pytest.mark.parametrize("mail", MAILS, ids=named)
def test_every_mail_is_read_quickly(mail: dict[str, Any]) -> None:
    raw = raw_of(mail)
    effort.within(SECONDS, lambda: check(raw))


@pytest.mark.parametrize("mail", [m for m in MAILS if m["must_not_autoreply"]], ids=named)
def test_mails_of_machines_are_not_answered(mail: dict[str, Any]) -> None:
    read = parse(raw_of(mail))
    assert machines.no_answer(read) is not None or machines.answer_address(read) is None


@pytest.mark.parametrize("mail", [m for m in MAILS if not m["must_not_autoreply"]], ids=named)
def test_mails_of_people_are_answered_unless_a_known_reason_forbids_it(
    mail: dict[str, Any],
) -> None:
    read = parse(raw_of(mail))
    if machines.no_answer(read) is None and machines.answer_address(read) is not None:
        return
    found = machines.kind_of(read)
    nobody = not read.sender_addresses
    no_reply = any("reply" in one.local.lower() for one in read.sender_addresses)
    assert (
        nobody
        or no_reply
        or (found is not None and found.kind in (MachineKind.LIST, MachineKind.SYSTEM))
    )


@pytest.mark.parametrize("mail", [m for m in MAILS if "bounce_dsn" in m["kinds"]], ids=named)
def test_bounces_name_their_recipients(mail: dict[str, Any]) -> None:
    found = machines.kind_of(parse(raw_of(mail)))
    assert found is not None
    assert found.bounce is not None
    assert found.bounce.recipients
    # In one mail of the corpus every name was made unreadable.
    assert all("@" in one.address or "xxx" in one.address for one in found.bounce.recipients)


@pytest.mark.parametrize("mail", MAILS, ids=named)
def test_finds_every_file_that_the_standard_library_finds(mail: dict[str, Any]) -> None:
    """The library's `compat32` reads the complete corpus without an error."""
    read = parse(raw_of(mail))
    if (
        any(one.declared_type == "message/rfc822" for one in read.attachments)
        or "winmail_tnef" in mail["kinds"]
    ):
        # The library also finds the files of embedded messages. Files in a winmail.dat get other
        # names.
        return
    theirs = email.message_from_bytes(raw_of(mail), policy=email.policy.compat32)
    contents = [
        one.get_payload(decode=True)
        for one in theirs.walk()
        if one.get_content_disposition() == "attachment"
        and one.get_filename()
        and not one.is_multipart()
        and not one.get_content_type().startswith("message/")
    ]
    ours = [one.content for one in read.attachments]
    assert [one for one in contents if one not in ours] == []


# ------------------------------------------------------------------------------ sender, subject, text

# For mails that the library reads wrongly: sender, subject and some words of the text as a person
# reads them. None: the library is right about this part.
BY_EYE: dict[str, tuple[str | None, str | None, str | None]] = {
    # labelled GB 2312, written in UTF-8
    "003_mailparser_mail_test_12.eml": (None, None, "你好！我公司可代开各类增值税发票"),
    # labelled GB 2312, with characters of GBK
    "006_mailparser_mail_test_9.eml": (None, "我把镜头拉近些，你们看看这个是什么屄", None),
    # the charset has an unknown name
    "014_phpimap_gbk_charset.eml": (None, None, "Hi"),
    # the sender has no domain, so it cannot be answered; files are taken out of the text
    "034_jamesmime4j_uu-zeegee.eml": ("", None, "I've uuencoded the ZeeGee logo"),
    # blanks before colons, and a line of blanks within a field, which the library takes for the end
    "038_jamesmime4j_obsolete.eml": (
        None,
        "The obsolete syntax allow spaces before the colon and also empty lines in folding.",
        "body",
    ),
    # raw bytes of Latin-1
    "093_flanker_mailformed-headers.eml": (None, "´!", None),
    "100_mail_attachment_pdf_non_ascii.eml": (None, None, "what is going wrong here. Â"),
    # a line that is no header, among headers
    "122_mail_raw_email_incorrect_header.eml": (
        "xxx@xxx.xxx",
        "Stop adware/spyware once and for all.",
        "You are infected with: Ad Ware and Spy Ware",
    ),
    # the sample of RFC 5322, A.6.3: the same, with blanks and comments in addresses
    "125_mail_example13.eml": (
        "jdoe@machine.example",
        "Saying Hello",
        "This is a message just to say hello.",
    ),
    # raw UTF-8
    "127_mail_utf8_headers.eml": ("jdöe@mächine.example", None, None),
    # labelled ISO-2022-JP, written in UTF-8
    "180_setofemails_lhost-kddi-01.eml": (
        None,
        None,
        "送信先のメールボックスが一杯のため、送信できませんでした。",
    ),
    # null senders and names without a domain
    "189_setofemails_lhost-x3-05.eml": ("", None, None),
    "190_setofemails_lhost-x6-01.eml": ("", None, None),
}


def read_by_the_library(mail: dict[str, Any]) -> Any:
    return email.message_from_bytes(raw_of(mail), policy=email.policy.default)


def words_of(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("mail", MAILS, ids=named)
def test_sender_and_subject_agree_with_the_library_or_with_a_reading_by_eye(
    mail: dict[str, Any],
) -> None:
    read, theirs = parse(raw_of(mail)), read_by_the_library(mail)
    sender, subject, _ = BY_EYE.get(named(mail), (None, None, None))
    if sender is None:
        found = theirs["From"].addresses if theirs["From"] else []
        sender = found[0].addr_spec if found else ""
    if subject is None:
        subject = words_of(str(theirs["Subject"] or ""))
    ours = read.sender_addresses[0].address if read.sender_addresses else ""
    assert ours.lower() == sender.lower()
    assert words_of(read.subject).startswith(subject)
    assert subject or not read.subject


def plain_of(mail: dict[str, Any]) -> str | None:
    """Return the words of the plain text that the library finds; None if it finds none."""
    try:
        part = read_by_the_library(mail).get_body(("plain",))
        return words_of(part.get_content()) if part is not None else None
    except LookupError:
        return None


@pytest.mark.parametrize("mail", MAILS, ids=named)
def test_the_text_agrees_with_the_library_or_with_a_reading_by_eye(
    mail: dict[str, Any],
) -> None:
    read = parse(raw_of(mail))
    text = BY_EYE.get(named(mail), (None, None, None))[2]
    wanted = text if text is not None else plain_of(mail)
    if wanted is not None:
        assert wanted in words_of(read.text)
    elif read.html is not None:
        shown = html.unescape(re.sub(r"<[^>]*>", " ", read.html))
        assert bool(read.text.strip()) == bool(shown.strip()), "words of HTML are words to read"


def test_most_texts_were_compared() -> None:
    compared = [mail for mail in MAILS if plain_of(mail) or BY_EYE.get(named(mail), ("",) * 3)[2]]
    assert len(compared) >= 0.7 * len(MAILS)


def test_only_damaged_mails_have_replacement_characters() -> None:
    damaged = {
        "004_mailparser_mail_test_6.eml",  # one byte sequence of it is no character
        "109_mail_must_supply_encoding.eml",  # its subject contains the replacement character
    }
    marked = {
        named(mail)
        for mail in MAILS
        for read in [parse(raw_of(mail))]
        if "\N{REPLACEMENT CHARACTER}" in read.text + read.subject
    }
    assert marked == damaged
