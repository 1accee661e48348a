"""Webhooks that are signed as Standard Webhooks says (https://www.standardwebhooks.com).

The sender signs `id.timestamp.body` with HMAC-SHA256 and sends the three parts of the proof in the
headers `webhook-id`, `webhook-timestamp` and `webhook-signature`. The last one may have several
signatures, for example while its keys change. docs/decisions/053-machines.md says why this is not
the library of that name.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from redress.base.errors import SignatureExpired, SignatureMissing, SignatureWrong

TOLERANCE = timedelta(minutes=5)
"""How far the time of a signature may be away from now, in both directions."""

MOST_SIGNATURES = 16
"""The most signatures that are compared. Senders use two while they rotate a key."""

ID_LIMIT = 200
_ID = re.compile(rf"(?:(?!\.)[!-~]){{1,{ID_LIMIT}}}")
"""A full stop separates the parts that are signed, so no id has one."""
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_VERSION = "v1,"


class Delivery(Struct, frozen=True):
    """The headers of a webhook. `signatures` are those of version 1, decoded."""

    id: str
    timestamp: str
    signatures: tuple[bytes, ...]


def read(headers: dict[str, str]) -> Delivery:
    """The signed parts of a webhook's headers, whose names are in lower case.

    Raises SignatureMissing, which names the headers that are missing or malformed.
    """
    id_, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    signatures = _signatures(headers.get("webhook-signature", ""))
    wrong = [
        name
        for name, right in (
            ("webhook-id", _ID.fullmatch(id_)),
            ("webhook-timestamp", _TIMESTAMP.fullmatch(timestamp)),
            ("webhook-signature", signatures),
        )
        if not right
    ]
    if wrong:
        raise SignatureMissing(
            f"missing or malformed: {', '.join(wrong)}; a message has webhook-id (visible ASCII "
            "without a full stop), webhook-timestamp (seconds since 1970) and webhook-signature "
            "(v1,<base64>)"
        )
    return Delivery(id_, timestamp, signatures)


def _signatures(header: str) -> tuple[bytes, ...]:
    found = []
    for one in header.split()[:MOST_SIGNATURES]:
        if one.startswith(_VERSION):
            try:
                found.append(base64.b64decode(one.removeprefix(_VERSION), validate=True))
            except (binascii.Error, ValueError):
                continue
    return tuple(found)


def sign(key: bytes, id_: str, timestamp: str, body: bytes) -> bytes:
    """The signature of a webhook: HMAC-SHA256 of `id.timestamp.body`."""
    signed = f"{id_}.{timestamp}.".encode() + body
    return hmac.new(key, signed, hashlib.sha256).digest()


def require_signed(given: Delivery, body: bytes, keys: Iterable[bytes]) -> None:
    """Raise SignatureWrong unless one of the keys made one of the signatures over this body."""
    for key in keys:
        right = sign(key, given.id, given.timestamp, body)
        if any(hmac.compare_digest(right, one) for one in given.signatures):
            return
    raise SignatureWrong(
        "no valid key of this connector made this signature over webhook-id.webhook-timestamp.body"
    )


def require_recent(at: datetime, now: datetime, header: str) -> None:
    """Raise SignatureExpired if a signature was made too long before now, or after it.

    The answer says what time it is here, so that a sender can find out that its clock is wrong.
    """
    if abs(now - at) > TOLERANCE:
        when, minutes = "after" if at > now else "before", round(TOLERANCE.total_seconds() / 60)
        raise SignatureExpired(
            f"{header} is more than {minutes} minutes {when} the time here, which is "
            f"{int(now.timestamp())} ({now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}): sign each attempt "
            "anew, and check the clock of the sender"
        )


def signed_at(seconds: int | str) -> datetime:
    """The time of a signature in seconds since 1970; the first or last day for times beyond."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.max.replace(tzinfo=UTC)
