"""Helpers for tests of files: the bucket, the function `checker`, and verdicts of a scanner."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any

from redress.base.errors import NotFound
from redress.files import messages
from redress.files.messages import Judged, Referred, Verdict
from redress.files.store.bucket import file_key
from redress.files.store.scans import ScannedFiles
from tests.files.posting import post
from tests.functions.conftest import ENVIRONMENT
from tests.world import Context, aws, load

BUCKET = ENVIRONMENT["FILES_BUCKET"]


def create_bucket() -> None:
    aws("s3").create_bucket(Bucket=BUCKET)
    aws("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})


def check(event: Any) -> None:
    """Invoke the checker with this event."""
    load("checker").handler(event, Context())


def send(upload: Mapping[str, Any], content: bytes) -> None:
    """Send a file with a permission, and let the checker see it."""
    key = post(aws("s3"), BUCKET, upload["upload"]["fields"], content)
    object_ = {"bucket": {"name": BUCKET}, "object": {"key": key}}
    check({"source": "aws.s3", "detail-type": "Object Created", "detail": object_})


def refer(number: str, *files: str) -> None:
    check(json.loads(messages.encode(Referred(number, files))))


def judge(number: str, file: str, verdict: Verdict = Verdict.CLEAN, reason: str = "") -> None:
    """Let the scanner write its tag, and then tell its verdict."""
    with contextlib.suppress(NotFound):
        ScannedFiles(aws("s3"), BUCKET).tag(file_key(number, file), None, verdict, reason)
    check(json.loads(messages.encode(Judged(number, file, verdict, reason))))
