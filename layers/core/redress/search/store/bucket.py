"""The search bucket: the manifest of the index and its segments."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from botocore.exceptions import ClientError

from redress.base.errors import NotFound
from redress.search.rules.manifest import Manifest, SegmentEntry

MANIFEST = "manifest.json"
SEGMENTS = "segments/"
MOST_REMOVED = 1000
"""The most objects of one DeleteObjects, from the API reference."""


class LostRace(Exception):
    """Another writer changed the manifest after it was read. Nothing was written."""


class Damaged(Exception):
    """A segment has another content than the manifest says, or another format."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A manifest as it was read. `etag` is that of its object; "" if there is none yet."""

    manifest: Manifest
    etag: str


class SearchBucket:
    """Reads and writes the objects of the search bucket. It raises the errors of S3."""

    def __init__(self, s3_client: Any, name: str) -> None:
        self._s3, self._name = s3_client, name

    def manifest(self, known: Stored | None = None) -> Stored:
        """Return the manifest. If it is still that of `known`, only this is asked."""
        condition = {"IfNoneMatch": known.etag} if known is not None and known.etag else {}
        try:
            found = self._s3.get_object(Bucket=self._name, Key=MANIFEST, **condition)
        except ClientError as error:
            if known is not None and _code(error) in ("304", "NotModified"):
                return known
            if _code(error) == "NoSuchKey":
                return Stored(Manifest(), "")
            raise
        return Stored(msgspec.json.decode(found["Body"].read(), type=Manifest), found["ETag"])

    def replace(self, read: Stored, manifest: Manifest) -> None:
        """Write a manifest in place of the one that was read. Raises LostRace."""
        condition = {"IfMatch": read.etag} if read.etag else {"IfNoneMatch": "*"}
        try:
            self._s3.put_object(
                Bucket=self._name,
                Key=MANIFEST,
                Body=msgspec.json.encode(manifest),
                ContentType="application/json",
                **condition,
            )
        except ClientError as error:
            if _code(error) in ("PreconditionFailed", "ConditionalRequestConflict", "412", "409"):
                raise LostRace from error
            raise

    def put(self, content: bytes, tickets: int, now: datetime) -> SegmentEntry:
        """Write a segment under a new name, and return its entry for the manifest."""
        digest = hashlib.sha256(content).hexdigest()
        name = f"{now:%Y%m%dT%H%M%S%f}-{digest[:16]}"
        self._s3.put_object(Bucket=self._name, Key=f"{SEGMENTS}{name}", Body=content)
        return SegmentEntry(name, tickets, len(content), digest)

    def get(self, entry: SegmentEntry) -> bytes:
        """Return the content of a segment. Raises NotFound if it is gone, or Damaged."""
        try:
            found = self._s3.get_object(Bucket=self._name, Key=f"{SEGMENTS}{entry.name}")
        except ClientError as error:
            if _code(error) == "NoSuchKey":
                raise NotFound("this segment is gone") from error
            raise
        content: bytes = found["Body"].read()
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise Damaged(f"{entry.name} has another content than the manifest says")
        return content

    def written_before(self, moment: datetime) -> Iterator[str]:
        """Yield the names of all segments in the bucket that were written before `moment`."""
        pages = self._s3.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._name, Prefix=SEGMENTS):
            for one in page.get("Contents", []):
                if one["LastModified"] < moment:
                    yield one["Key"].removeprefix(SEGMENTS)

    def remove(self, names: Collection[str]) -> None:
        """Remove segments. It does not matter whether they exist."""
        keys = [{"Key": f"{SEGMENTS}{name}"} for name in names]
        for start in range(0, len(keys), MOST_REMOVED):
            some = {"Objects": keys[start : start + MOST_REMOVED], "Quiet": True}
            self._s3.delete_objects(Bucket=self._name, Delete=some)


def _code(error: ClientError) -> str:
    code: str = error.response["Error"]["Code"]
    return code
