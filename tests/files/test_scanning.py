"""A scan writes its verdict on the object before anybody is told, and nothing if there is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
from moto import mock_aws

from redress.base.errors import NotFound
from redress.files.cases.scanning import ScanCase, only_eicar
from redress.files.messages import Judged, Verdict
from redress.files.rules import eicar
from redress.files.rules.clamd import TOO_LARGE, Answer, ScannerUnavailable
from redress.files.store.scans import ScannedFiles
from tests.wired import enter
from tests.world import KEEP_SESSION, aws

BUCKET = "redress-files"
NUMBER, FILE = "R-7K3M9-QW0X2", "9f86d081884c7d65"
KEY = f"files/{NUMBER}/{FILE}"


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScannedFiles]:
    """A versioned bucket."""
    enter(monkeypatch)
    with mock_aws(config=KEEP_SESSION):
        aws("s3").create_bucket(Bucket=BUCKET)
        aws("s3").put_bucket_versioning(
            Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"}
        )
        yield ScannedFiles(aws("s3"), BUCKET)


def put(content: bytes, key: str = KEY) -> str:
    version: str = aws("s3").put_object(Bucket=BUCKET, Key=key, Body=content)["VersionId"]
    return version


def tags(version: str | None = None) -> dict[str, str]:
    which = {"VersionId": version} if version else {}
    found = aws("s3").get_object_tagging(Bucket=BUCKET, Key=KEY, **which)["TagSet"]
    return {one["Key"]: one["Value"] for one in found}


def test_clean_file_gets_its_tag_and_the_ticket_is_told(files: ScannedFiles) -> None:
    version = put(b"a letter")
    judged = ScanCase(files, only_eicar).judge(KEY, version)
    assert judged == Judged(NUMBER, FILE, Verdict.CLEAN)
    assert tags() == {"redress-scan": "clean"}
    assert files.verdict(KEY) == (Verdict.CLEAN, "")


def test_test_file_is_found_with_its_name(files: ScannedFiles) -> None:
    put(eicar.TEST)
    judged = ScanCase(files, only_eicar).judge(KEY, None)
    assert judged == Judged(NUMBER, FILE, Verdict.FOUND, "EICAR-Test-File")
    assert tags() == {"redress-scan": "found", "redress-reason": "EICAR-Test-File"}
    assert files.verdict(KEY) == (Verdict.FOUND, "EICAR-Test-File")


def test_reason_keeps_only_characters_that_a_tag_may_have(files: ScannedFiles) -> None:
    put(b"content")
    name = 'Win.Test/EICAR_HDB-1(44d8:68) "<b>' + "x" * 300
    judged = ScanCase(files, lambda pieces: Answer(found=name)).judge(KEY, None)
    assert judged is not None
    assert judged.reason == name, "the ticket has the whole name"
    assert tags()["redress-reason"].startswith("Win.Test/EICAR_HDB-1_44d8:68_ __b_x")
    assert len(tags()["redress-reason"]) == 256


def test_file_that_cannot_be_scanned_is_not_clean(files: ScannedFiles) -> None:
    put(b"content")
    judged = ScanCase(files, lambda pieces: Answer(unscanned=TOO_LARGE)).judge(KEY, None)
    assert judged == Judged(NUMBER, FILE, Verdict.UNSCANNED, TOO_LARGE)
    assert tags()["redress-scan"] == "unscanned"


def test_without_a_verdict_nothing_is_written(files: ScannedFiles) -> None:
    put(b"content")

    def gone(pieces: Iterable[bytes]) -> Answer:
        next(iter(pieces))
        raise ScannerUnavailable("the scanner is gone")

    with pytest.raises(ScannerUnavailable):
        ScanCase(files, gone).judge(KEY, None)
    assert tags() == {}
    assert files.verdict(KEY) is None


def test_scanner_that_is_killed_before_the_tag_leaves_a_file_that_nobody_can_open(
    files: ScannedFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer was "clean", but nobody knows it yet. The next attempt scans again."""
    put(b"content")
    scanned: list[int] = []

    def scan(pieces: Iterable[bytes]) -> Answer:
        scanned.append(len(b"".join(pieces)))
        return Answer()

    def killed(*given: object) -> None:
        raise SystemExit

    monkeypatch.setattr(ScannedFiles, "tag", killed)
    with pytest.raises(SystemExit):
        ScanCase(files, scan).judge(KEY, None)
    monkeypatch.undo()
    assert files.verdict(KEY) is None
    assert ScanCase(files, scan).judge(KEY, None) == Judged(NUMBER, FILE, Verdict.CLEAN)
    assert scanned == [7, 7]


def test_verdict_is_about_the_version_that_was_scanned(files: ScannedFiles) -> None:
    """A copy that replaced the scanned one meanwhile has no tag, so it stays closed."""
    first = put(b"content")

    def replaced(pieces: Iterable[bytes]) -> Answer:
        put(eicar.TEST)
        return only_eicar(pieces)

    assert ScanCase(files, replaced).judge(KEY, first) is not None
    assert tags(first) == {"redress-scan": "clean"}
    assert tags() == {}
    assert files.verdict(KEY) is None, "the current version has no verdict"


def test_event_without_a_version_means_the_version_that_was_read(files: ScannedFiles) -> None:
    put(b"old")
    current = put(b"content")
    ScanCase(files, only_eicar).judge(KEY, None)
    assert tags(current) == {"redress-scan": "clean"}


def test_same_file_twice_has_the_same_verdict(files: ScannedFiles) -> None:
    version = put(b"content")
    case = ScanCase(files, only_eicar)
    assert case.judge(KEY, version) == case.judge(KEY, version)


def test_file_that_was_withdrawn_before_the_scan_has_no_verdict(files: ScannedFiles) -> None:
    put(b"content")
    aws("s3").delete_object(Bucket=BUCKET, Key=KEY)
    assert ScanCase(files, only_eicar).judge(KEY, None) is None
    with pytest.raises(NotFound):
        files.verdict(f"files/{NUMBER}/{'0' * 16}")


@pytest.mark.parametrize(
    "key", ["uploads/R-7K3M9-QW0X2/9f86d081884c7d65", "files/x", "files/R-7K3M9-QW0X2/../x", ""]
)
def test_object_that_is_no_file_of_a_ticket_is_not_scanned(files: ScannedFiles, key: str) -> None:
    assert ScanCase(files, only_eicar).judge(key, None) is None


@pytest.mark.parametrize(
    ("status", "meant"),
    [
        ("NO_THREATS_FOUND", (Verdict.CLEAN, "")),
        ("THREATS_FOUND", (Verdict.FOUND, "THREATS_FOUND")),
        ("UNSUPPORTED", (Verdict.UNSCANNED, "UNSUPPORTED")),
        ("ACCESS_DENIED", None),
        ("FAILED", None),
    ],
)
def test_tag_of_guardduty_is_read_too(
    files: ScannedFiles, status: str, meant: tuple[Verdict, str] | None
) -> None:
    put(b"content")
    aws("s3").put_object_tagging(
        Bucket=BUCKET,
        Key=KEY,
        Tagging={"TagSet": [{"Key": "GuardDutyMalwareScanStatus", "Value": status}]},
    )
    assert files.verdict(KEY) == meant


@pytest.mark.parametrize(
    ("own", "guardduty"), [("clean", "THREATS_FOUND"), ("found", "NO_THREATS_FOUND")]
)
def test_of_two_scanners_the_one_that_refuses_counts(
    files: ScannedFiles, own: str, guardduty: str
) -> None:
    put(b"content")
    both = {"redress-scan": own, "GuardDutyMalwareScanStatus": guardduty}
    written = [{"Key": key, "Value": value} for key, value in both.items()]
    aws("s3").put_object_tagging(Bucket=BUCKET, Key=KEY, Tagging={"TagSet": written})
    verdict = files.verdict(KEY)
    assert verdict is not None
    assert verdict[0] is Verdict.FOUND


def test_content_reaches_the_scanner_in_small_pieces(files: ScannedFiles) -> None:
    put(bytes(300_000))
    sizes: list[int] = []

    def scan(pieces: Iterable[bytes]) -> Answer:
        sizes.extend(map(len, pieces))
        return Answer()

    ScanCase(files, scan).judge(KEY, None)
    assert sum(sizes) == 300_000
    assert max(sizes) <= 65_536
