"""Real mails of public test suites, where a folder of them is at hand (REDRESS_MAILS=...).

The folder has a MANIFEST.jsonl: {"file", "must_not_autoreply", "kinds", ...} for each mail.
"""

from __future__ import annotations

import email
import email.policy
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from redress.inbound import machines
from redress.inbound.machines import Kind
from redress.inbound.parsing import parse
from tests.unit.inbound.checks import check

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
def test_every_mail_is_read_and_quickly(mail: dict[str, Any]) -> None:
    raw = raw_of(mail)
    began = time.process_time()
    check(raw)
    assert time.process_time() - began < SECONDS


@pytest.mark.parametrize("mail", [m for m in MAILS if m["must_not_autoreply"]], ids=named)
def test_machines_are_not_answered(mail: dict[str, Any]) -> None:
    assert not machines.may_be_answered(parse(raw_of(mail)))


@pytest.mark.parametrize("mail", [m for m in MAILS if not m["must_not_autoreply"]], ids=named)
def test_people_are_answered_unless_for_a_reason(mail: dict[str, Any]) -> None:
    read = parse(raw_of(mail))
    if machines.may_be_answered(read):
        return
    found = machines.kind_of(read)
    nobody = not read.sender_addresses
    no_reply = any("reply" in one.local.lower() for one in read.sender_addresses)
    assert nobody or no_reply or (found is not None and found.kind in (Kind.LIST, Kind.SYSTEM))


@pytest.mark.parametrize("mail", [m for m in MAILS if "bounce_dsn" in m["kinds"]], ids=named)
def test_bounces_name_whom_they_are_about(mail: dict[str, Any]) -> None:
    found = machines.kind_of(parse(raw_of(mail)))
    assert found is not None
    assert found.bounce is not None
    assert found.bounce.recipients
    # In one of them every name was made unreadable.
    assert all("@" in one.address or "xxx" in one.address for one in found.bounce.recipients)


@pytest.mark.parametrize("mail", MAILS, ids=named)
def test_files_are_those_that_the_standard_library_finds(mail: dict[str, Any]) -> None:
    """Its `compat32` survives the whole corpus; where it sees a named file, so do we."""
    read = parse(raw_of(mail))
    if (
        any(one.declared_type == "message/rfc822" for one in read.attachments)
        or "winmail_tnef" in mail["kinds"]
    ):
        return  # what is inside of a message is its own; what was wrapped has other names
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
