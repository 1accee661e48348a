"""The payloads of the function `checker`, which is invoked asynchronously.

S3 tells of each upload through EventBridge. The follower tells of each message of staff that refers
to files, and of each mail with attachments. A scanner tells what it found: the function `scanner`
by what it returns, or GuardDuty through EventBridge. The sweep asks about files that wait long, and
for uploads of which no event told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

import msgspec

from redress.tickets.rules.numbers import normalised


class NotAMessage(ValueError):
    """The message is of no known kind. No retry can change that."""


class Verdict(StrEnum):
    """What a scanner said about a file."""

    CLEAN = "clean"
    FOUND = "found"
    UNSCANNED = "unscanned"
    """It could not scan the file, for example because it is encrypted or too large. Nobody opens
    it."""


class Arrived(msgspec.Struct, frozen=True):
    """An object was put into the bucket under this key."""

    key: str


class Referred(msgspec.Struct, frozen=True, rename={"number": "refer"}):
    """A message of staff refers to files: `{"refer": "R-7K3M9-QW0X2", "files": ["9f86..."]}`."""

    number: str
    files: tuple[str, ...]


class Judged(msgspec.Struct, frozen=True, omit_defaults=True, rename={"number": "judged"}):
    """What the scanner found: `{"judged": "R-7K3M9-QW0X2", "file": "9f86...", "verdict": "clean"}`.

    reason  what was found, in the words of the scanner
    """

    number: str
    file: str
    verdict: Verdict
    reason: str = ""


class Held(msgspec.Struct, frozen=True, rename={"number": "held"}):
    """A file has waited long for its verdict: `{"held": "R-7K3M9-QW0X2", "file": "9f86..."}`.

    The sweep asks what became of it.
    """

    number: str
    file: str


class Mailed(msgspec.Struct, frozen=True, rename={"number": "mailed"}):
    """A mail with attachments came in: `{"mailed": "R-7K3M9-QW0X2", "event": 3}`."""

    number: str
    event: int


class LookForUploads(msgspec.Struct, frozen=True, rename={"folder": "look_for"}):
    """Look for uploads of which no event told: `{"look_for": "uploads"}`."""

    folder: Literal["uploads"] = "uploads"


FileMessage = Arrived | Referred | Judged | Held | Mailed | LookForUploads

FILE_ID = "[0-9a-f]{16}"
_KEY = re.compile(rf"(uploads|files)/([0-9A-Z-]{{3,30}})/({FILE_ID})")

_OF_S3 = "Object Created"
_OF_GUARDDUTY = "GuardDuty Malware Protection Object Scan Result"
GUARDDUTY_VERDICTS = {
    "NO_THREATS_FOUND": Verdict.CLEAN,
    "THREATS_FOUND": Verdict.FOUND,
    "UNSUPPORTED": Verdict.UNSCANNED,
}
"""The other results of GuardDuty (ACCESS_DENIED, FAILED) are no verdicts, because a later scan may
succeed (GuardDuty User Guide, "S3 object potential scan status and result status")."""


def file_in(key: str) -> tuple[str, str, str] | None:
    """Return the folder, the ticket and the id in a key of the bucket; None for another key."""
    found = _KEY.fullmatch(key)
    if found is None or normalised(found[2]) != found[2]:
        return None
    return found[1], found[2], found[3]


def encode(message: Referred | Judged | Held | Mailed | LookForUploads) -> bytes:
    """The JSON payload of a message."""
    return msgspec.json.encode(message)


def decode(payload: Mapping[str, Any]) -> FileMessage | None:
    """Return the message in a payload; None if it says nothing about a file of a ticket.

    Raises NotAMessage if the payload is of no known kind.
    """
    try:
        return _message(payload)
    except (msgspec.MsgspecError, LookupError, TypeError, AttributeError) as error:
        raise NotAMessage("not a message about a file") from error


def _message(payload: Mapping[str, Any]) -> FileMessage | None:
    if "responsePayload" in payload:  # what the scanner returned, as Lambda passes it on
        returned = payload["responsePayload"]
        return _message(returned) if "judged" in returned else None
    if "refer" in payload:
        referred = msgspec.convert(payload, Referred)
        if normalised(referred.number) != referred.number or not all(map(_is_id, referred.files)):
            raise NotAMessage("not files of a ticket")
        return referred
    if "judged" in payload:
        return _about_a_file(msgspec.convert(payload, Judged))
    if "mailed" in payload:
        mailed = msgspec.convert(payload, Mailed)
        if normalised(mailed.number) != mailed.number or mailed.event < 1:
            raise NotAMessage("not an event of a ticket")
        return mailed
    if "look_for" in payload:
        return msgspec.convert(payload, LookForUploads)
    if "held" in payload:
        return _about_a_file(msgspec.convert(payload, Held))
    if payload["detail-type"] == _OF_GUARDDUTY:
        return _of_guardduty(payload["detail"])
    if payload["detail-type"] == _OF_S3:
        return Arrived(payload["detail"]["object"]["key"])
    raise NotAMessage("an event of another kind")


def _about_a_file[M: (Judged, Held)](message: M) -> M:
    if normalised(message.number) != message.number or not _is_id(message.file):
        raise NotAMessage("not a file of a ticket")
    return message


def _of_guardduty(detail: Mapping[str, Any]) -> Judged | None:
    """The verdict of GuardDuty; None without one, or for an object that is no file of a ticket."""
    found = file_in(detail["s3ObjectDetails"]["objectKey"])
    if found is None:
        return None
    _, number, file = found
    result = detail["scanResultDetails"]
    status = str(result.get("scanResultStatus") or detail.get("scanStatus") or "")
    if (verdict := GUARDDUTY_VERDICTS.get(status)) is None:
        return None
    threats = [str(one.get("name", "")) for one in result.get("threats") or ()]
    reason = ", ".join(threats) if threats else status
    return Judged(number, file, verdict, "" if verdict is Verdict.CLEAN else reason[:200])


def _is_id(text: str) -> bool:
    return re.fullmatch(FILE_ID, text) is not None
