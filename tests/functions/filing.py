"""Helpers for tests of files: the bucket, the function `checker`, and verdicts of a scanner."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from redress.files import messages
from redress.files.messages import Judged, Referred, Verdict
from tests.files.posting import post
from tests.functions.conftest import ENVIRONMENT
from tests.world import Context, aws, load

BUCKET = ENVIRONMENT["FILES_BUCKET"]


def create_bucket() -> None:
    aws("s3").create_bucket(Bucket=BUCKET)
    aws("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})


def check(*bodies: str) -> None:
    """Invoke the checker with these messages."""
    records = [
        {"messageId": str(index), "body": body, "attributes": {"ApproximateReceiveCount": "1"}}
        for index, body in enumerate(bodies)
    ]
    assert load("checker").handler({"Records": records}, Context()) == {"batchItemFailures": []}


def send(upload: Mapping[str, Any], content: bytes) -> None:
    """Send a file with a permission, and let the checker see it."""
    key = post(aws("s3"), BUCKET, upload["upload"]["fields"], content)
    check(json.dumps({"Records": [{"s3": {"object": {"key": key}}}]}))


def refer(number: str, *files: str) -> None:
    check(messages.encode(Referred(number, files)))


def judge(number: str, file: str, verdict: Verdict = Verdict.CLEAN, reason: str = "") -> None:
    check(messages.encode(Judged(number, file, verdict, reason)))
