"""Recordings of calls: where one is, as the telephone system that made it has written it down."""

from __future__ import annotations

from enum import StrEnum


class Elsewhere(StrEnum):
    """Why the product gives no link to a recording. The values are `reason` in answers."""

    NO_BUCKET = "no_bucket"
    OTHER_BUCKET = "other_bucket"
    NO_ADDRESS = "no_address"


IN_WORDS = {
    Elsewhere.NO_BUCKET: "the recording is in a bucket, and the deployment names none",
    Elsewhere.OTHER_BUCKET: "the recording is not where the deployment says that they are",
    Elsewhere.NO_ADDRESS: "the place of the recording is neither in a bucket nor an https address",
}


def is_address(reference: str) -> bool:
    """Whether a reference is an address for a browser, which another system protects."""
    return reference.startswith("https://")


def object_in(bucket: str, prefix: str, reference: str) -> str | Elsewhere:
    """The key of the object to which a reference points, or why there is none.

    `bucket` is that of the deployment, "" if it has none. It may hold more than recordings, so the
    key must begin with `prefix`: what the telephone system writes is not trusted. A reference is
    `s3://bucket/key`, or `bucket/key` as in the contact records of Amazon Connect (Amazon Connect
    Administrator Guide, "Contact records data model", Recording.Location).
    """
    named, _, key = reference.removeprefix("s3://").partition("/")
    if not named or not key or "://" in reference.removeprefix("s3://"):
        return Elsewhere.NO_ADDRESS
    if not bucket:
        return Elsewhere.NO_BUCKET
    return key if named == bucket and key.startswith(prefix) else Elsewhere.OTHER_BUCKET
