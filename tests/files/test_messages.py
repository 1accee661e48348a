"""The messages of the files queue."""

from __future__ import annotations

import json
from typing import Any

import pytest

from redress.files import messages
from redress.files.messages import Arrived, Judged, NotAMessage, Referred, Verdict, file_in
from tests.builders import NUMBER

FILE = "9f86d081884c7d65"


def read(content: Any) -> list[Any]:
    return list(messages.decode(json.dumps(content)))


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
    assert read({"Records": [{"s3": {"object": {"key": key}}}]}) == [Arrived(key)]
    assert read({"Event": "s3:TestEvent"}) == []


@pytest.mark.parametrize(
    "message",
    [
        Referred(NUMBER, (FILE,)),
        Judged(NUMBER, FILE, Verdict.CLEAN),
        Judged(NUMBER, FILE, Verdict.FOUND, "Eicar-Test-Signature"),
    ],
)
def test_a_message_is_read_as_it_was_sent(message: Referred | Judged) -> None:
    assert list(messages.decode(messages.encode(message))) == [message]


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
    assert read(event) == [verdict]


@pytest.mark.parametrize("status", ["FAILED", "ACCESS_DENIED", ""])
def test_a_scan_that_failed_is_no_verdict_because_another_one_may_succeed(status: str) -> None:
    assert read(of_guardduty(status)) == []


def test_a_verdict_about_another_object_is_no_message() -> None:
    assert read(of_guardduty("THREATS_FOUND", key="elsewhere/x")) == []


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
    ],
)
def test_anything_else_is_refused(content: Any) -> None:
    with pytest.raises(NotAMessage):
        read(content)


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
