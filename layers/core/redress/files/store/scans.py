"""Files as a scanner sees them: their content in pieces, and the verdict as a tag.

The policy of the bucket lets nobody else read a file before its tag says that it is clean, and lets
nobody else write a tag. The tag belongs to one version of the object. A new version has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from redress.files.messages import GUARDDUTY_VERDICTS, Verdict
from redress.files.rules.clamd import ScannerUnavailable
from redress.files.store.bucket import raise_meant

TAG = "redress-scan"
"""The key of the tag with the verdict of the function `scanner`."""
REASON_TAG = "redress-reason"
GUARDDUTY_TAG = "GuardDutyMalwareScanStatus"
"""GuardDuty User Guide, "Monitoring S3 object scans with GuardDuty managed tags"."""

PIECE = 65_536
"""The bytes of a file that are in memory at once."""

_NOT_IN_A_TAG = re.compile(r"[^\w +=.:/@-]", re.ASCII)
_MOST_IN_A_TAG = 256


@dataclass(frozen=True, slots=True)
class Opened:
    """One version of a file, to be read once. `version` is None in a bucket without versions."""

    version: str | None
    size: int
    body: Any

    def pieces(self) -> Iterator[bytes]:
        """Yield the content, at most PIECE bytes at once.

        Raises ScannerUnavailable if S3 ends the content early.
        """
        try:
            yield from self.body.iter_chunks(PIECE)
        except (BotoCoreError, OSError) as error:
            raise ScannerUnavailable("the content of the file ended early") from error


class ScannedFiles:
    """Reads files for a scan, and writes and reads verdicts. It raises the errors of S3."""

    def __init__(self, s3_client: Any, bucket: str) -> None:
        self._s3, self._bucket = s3_client, bucket

    def open(self, key: str, version: str | None) -> Opened:
        """Open one version of a file, or the current one. Raises NotFound if it is gone."""
        which = {"VersionId": version} if version else {}
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=key, **which)
        except ClientError as error:
            raise_meant(error)
        return Opened(found.get("VersionId"), found["ContentLength"], found["Body"])

    def tag(self, key: str, version: str | None, verdict: Verdict, reason: str) -> None:
        """Write the verdict about one version. Raises NotFound if it is gone."""
        tags = [{"Key": TAG, "Value": str(verdict)}]
        if reason:
            tags.append({"Key": REASON_TAG, "Value": _in_a_tag(reason)})
        which = {"VersionId": version} if version else {}
        try:
            self._s3.put_object_tagging(
                Bucket=self._bucket, Key=key, Tagging={"TagSet": tags}, **which
            )
        except ClientError as error:
            raise_meant(error)

    def verdict(self, key: str) -> tuple[Verdict, str] | None:
        """Return the verdict about the current version, and the reason; None if there is none.

        Raises NotFound if the file is gone. S3 gives the file if and only if this is CLEAN.
        """
        try:
            found = self._s3.get_object_tagging(Bucket=self._bucket, Key=key)["TagSet"]
        except ClientError as error:
            raise_meant(error)
        tags = {one["Key"]: one["Value"] for one in found}
        own, guardduty = tags.get(TAG), tags.get(GUARDDUTY_TAG, "")
        found = []
        if own in list(Verdict):
            found.append((Verdict(own), tags.get(REASON_TAG, "")))
        if (verdict := GUARDDUTY_VERDICTS.get(guardduty)) is not None:
            found.append((verdict, "" if verdict is Verdict.CLEAN else guardduty))
        # Of two scanners, the one that refuses counts, as in the policy of the bucket.
        return min(found, key=lambda one: one[0] is Verdict.CLEAN, default=None)


def _in_a_tag(text: str) -> str:
    """A text with the characters that a tag may have (S3 User Guide, "Object tagging")."""
    return _NOT_IN_A_TAG.sub("_", text)[:_MOST_IN_A_TAG]
