"""The payloads of the checker."""

from __future__ import annotations

import json
from typing import Any

import pytest

from redress.files import messages
from redress.files.messages import Arrived, Held, Judged, NotAMessage, Referred, Verdict, file_in
from tests.builders import NUMBER

FILE = "9f86d081884c7d65"


def of_guardduty(status: str, key: str = f"files/{NUMBER}/{FILE}", **threat: str) -> dict[str, Any]:
    """An event as GuardDuty sends it (GuardDuty User Guide, "Sample notification schema")."""
    return {
        "version": "0",
        "detail-type": "GuardDuty Malware Protection Object Scan Result",
        "source": "aws.guardduty",
        "detail": {
            "schemaVersion": "1.0",
            "scanStatus": "COMPLETED",
            "resourceType": "S3_OBJECT",
            "s3ObjectDetails": {"bucketName": "redress-files", "objectKey": key},
            "scanResultDetails": {
                "scanResultStatus": status,
                "threats": [threat] if threat else None,
            },
        },
    }


def test_an_upload_is_read_from_an_event_of_s3() -> None:
    key = f"uploads/{NUMBER}/{FILE}"
    event = {"detail-type": "Object Created", "detail": {"object": {"key": key}}}
    assert messages.decode(event) == Arrived(key)


def test_the_verdict_is_read_from_what_the_scanner_returned() -> None:
    judged = {"judged": NUMBER, "file": FILE, "verdict": "clean"}
    wanted = Judged(NUMBER, FILE, Verdict.CLEAN)
    assert messages.decode({"requestPayload": {}, "responsePayload": judged}) == wanted
    assert messages.decode({"requestPayload": {}, "responsePayload": {}}) is None


@pytest.mark.parametrize(
    "message",
    [
        Referred(NUMBER, (FILE,)),
        Judged(NUMBER, FILE, Verdict.CLEAN),
        Judged(NUMBER, FILE, Verdict.FOUND, "Eicar-Test-Signature"),
        Held(NUMBER, FILE),
    ],
)
def test_a_message_is_read_as_it_was_sent(message: Referred | Judged | Held) -> None:
    assert messages.decode(json.loads(messages.encode(message))) == message


@pytest.mark.parametrize(
    ("event", "verdict"),
    [
        (of_guardduty("NO_THREATS_FOUND"), Judged(NUMBER, FILE, Verdict.CLEAN)),
        (
            of_guardduty("THREATS_FOUND", name="EICAR-Test-File"),
            Judged(NUMBER, FILE, Verdict.FOUND, "EICAR-Test-File"),
        ),
        (
            of_guardduty("UNSUPPORTED"),
            Judged(NUMBER, FILE, Verdict.UNSCANNED, "UNSUPPORTED"),
        ),
    ],
)
def test_a_verdict_of_guardduty_is_read(event: dict[str, Any], verdict: Judged) -> None:
    assert messages.decode(event) == verdict


@pytest.mark.parametrize("status", ["FAILED", "ACCESS_DENIED", ""])
def test_a_scan_that_failed_is_no_verdict_because_another_one_may_succeed(status: str) -> None:
    assert messages.decode(of_guardduty(status)) is None


def test_a_verdict_about_another_object_is_no_message() -> None:
    assert messages.decode(of_guardduty("THREATS_FOUND", key="elsewhere/x")) is None


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        {"refer": "R-1", "files": [FILE]},
        {"refer": NUMBER, "files": ["../x"]},
        {"refer": NUMBER},
        {"judged": NUMBER, "file": "x", "verdict": "clean"},
        {"judged": NUMBER, "file": FILE, "verdict": "fine"},
        {"Records": [{"s3": {}}]},
        {"responsePayload": None},
        {"responsePayload": {"judged": NUMBER}},
        {"detail-type": "Object Created", "detail": {}},
        {"detail-type": "Object Deleted", "detail": {}},
    ],
)
def test_anything_else_is_refused(content: Any) -> None:
    with pytest.raises(NotAMessage):
        messages.decode(content)


@pytest.mark.parametrize(
    "key",
    [
        f"uploads/{NUMBER}/{FILE}/x",
        f"uploads/{NUMBER.lower()}/{FILE}",
        f"uploads/{NUMBER}/{FILE.upper()}",
        f"../uploads/{NUMBER}/{FILE}",
        f"uploads/{NUMBER}/",
        "uploads/R-00000-0000U/9f86d081884c7d65",
    ],
)
def test_no_other_key_names_a_file_of_a_ticket(key: str) -> None:
    assert file_in(key) is None
    assert file_in(f"files/{NUMBER}/{FILE}") == ("files", NUMBER, FILE)
