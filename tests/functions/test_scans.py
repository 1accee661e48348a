"""The function `scanner`, from the event of S3 to the tag and to what it returns."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from redress.base import observe
from redress.files.rules import eicar
from tests import clamd as fake
from tests.functions.conftest import ENVIRONMENT
from tests.wired import set_environment
from tests.world import Context, aws, logged_by, read_sample

BUCKET = ENVIRONMENT["FILES_BUCKET"]
NUMBER, FILE = "R-7K3M9-QW0X2", "9f86d081884c7d65"
KEY = f"files/{NUMBER}/{FILE}"


@pytest.fixture
def scanner(table: str, load_function: Callable[[str], ModuleType]) -> Any:
    aws("s3").create_bucket(Bucket=BUCKET)
    aws("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return load_function("scanner")


def copied(content: bytes) -> dict[str, Any]:
    """Put a copy, and return the event of S3 about it."""
    event = read_sample("scanner-copy")
    version = aws("s3").put_object(Bucket=BUCKET, Key=KEY, Body=content)["VersionId"]
    event["detail"]["object"]["version-id"] = version
    return event


def tags() -> dict[str, str]:
    found = aws("s3").get_object_tagging(Bucket=BUCKET, Key=KEY)["TagSet"]
    return {one["Key"]: one["Value"] for one in found}


def test_clean_file_is_judged_and_tagged(scanner: Any) -> None:
    event = copied(b"a letter")
    assert scanner.handler(event, Context()) == {
        "judged": NUMBER,
        "file": FILE,
        "verdict": "clean",
    }
    assert tags() == {"redress-scan": "clean"}


def test_test_file_is_found_without_a_host(scanner: Any) -> None:
    answer = scanner.handler(copied(eicar.TEST), Context())
    assert (answer["verdict"], answer["reason"]) == ("found", "EICAR-Test-File")
    assert tags()["redress-scan"] == "found"


def test_host_that_is_configured_is_asked(scanner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with fake.running() as clamd:
        set_environment(monkeypatch, SCANNER_HOST="127.0.0.1", SCANNER_PORT=str(clamd.port))
        answer = scanner.handler(copied(eicar.TEST), Context())
    assert answer["reason"] == "Eicar-Test-Signature"
    assert clamd.received == [eicar.TEST]


@pytest.mark.parametrize("misbehaves", [fake.resets, fake.closes, fake.hangs])
def test_host_that_gives_no_verdict_fails_the_call_and_the_file_stays_closed(
    scanner: Any, monkeypatch: pytest.MonkeyPatch, misbehaves: fake.Misbehaves
) -> None:
    event = copied(b"a letter")
    with fake.running(misbehaves=misbehaves) as clamd, logged_by(scanner) as log:
        set_environment(monkeypatch, SCANNER_HOST="127.0.0.1", SCANNER_PORT=str(clamd.port))
        with pytest.raises(observe.Failed):
            scanner.handler(event, Context(seconds_left=7))
    assert tags() == {}
    assert "the scanner gave no verdict" in log.getvalue()
    assert NUMBER in log.getvalue()


def test_call_that_has_no_time_left_asks_nobody(
    scanner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = copied(b"a letter")
    with fake.running() as clamd:
        set_environment(monkeypatch, SCANNER_HOST="127.0.0.1", SCANNER_PORT=str(clamd.port))
        with pytest.raises(observe.Failed):
            scanner.handler(event, Context(seconds_left=3))
    assert clamd.received == []


def test_file_that_was_withdrawn_is_no_failure(scanner: Any) -> None:
    event = copied(b"a letter")
    event["detail"]["object"].pop("version-id")
    aws("s3").delete_object(Bucket=BUCKET, Key=KEY)
    assert scanner.handler(event, Context()) == {}


def test_warm_up_scans_nothing(scanner: Any) -> None:
    assert scanner.handler({"warm": True}, Context()) == {"warm": True}
