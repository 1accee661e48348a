"""The messages in the files queue, and in the queue of the scanner.

Three senders fill the files queue. S3 tells of each upload. The follower tells of each message of
staff that refers to files. A scanner tells what it found: the function `scanner`, or GuardDuty
through EventBridge. The queue of the scanner has only messages of S3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import unquote_plus

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
    """An object was put into the bucket. `key` is its key, as S3 stores it."""

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


FileMessage = Arrived | Referred | Judged | Held

FILE_ID = "[0-9a-f]{16}"
_KEY = re.compile(rf"(uploads|files)/([0-9A-Z-]{{3,30}})/({FILE_ID})")

_OF_GUARDDUTY = "GuardDuty Malware Protection Object Scan Result"
_VERDICTS = {
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


def encode(message: Referred | Judged | Held) -> str:
    return msgspec.json.encode(message).decode()


def decode(body: str) -> Iterator[FileMessage]:
    """Yield the messages in the body of a queue message. S3's test message has none.

    Raises NotAMessage if the body is of no known kind.
    """
    try:
        content: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
        yield from _messages(content)
    except (msgspec.MsgspecError, UnicodeError, LookupError, TypeError, AttributeError) as error:
        raise NotAMessage("not the JSON of a message") from error


def _messages(content: Mapping[str, Any]) -> Iterator[FileMessage]:
    if "refer" in content:
        referred = msgspec.convert(content, Referred)
        if normalised(referred.number) != referred.number or not all(map(_is_id, referred.files)):
            raise NotAMessage("not files of a ticket")
        yield referred
    elif "judged" in content:
        judged = msgspec.convert(content, Judged)
        if normalised(judged.number) != judged.number or not _is_id(judged.file):
            raise NotAMessage("not a file of a ticket")
        yield judged
    elif "held" in content:
        held = msgspec.convert(content, Held)
        if normalised(held.number) != held.number or not _is_id(held.file):
            raise NotAMessage("not a file of a ticket")
        yield held
    elif content.get("detail-type") == _OF_GUARDDUTY:
        if (verdict := _of_guardduty(content["detail"])) is not None:
            yield verdict
    elif content.get("Event") != "s3:TestEvent":  # S3 sends it when the notification is set up
        for record in content["Records"]:
            # S3 encodes keys like a query string: + means a blank.
            yield Arrived(unquote_plus(record["s3"]["object"]["key"]))


def _of_guardduty(detail: Mapping[str, Any]) -> Judged | None:
    """The verdict of GuardDuty; None without one, or for an object that is no file of a ticket."""
    found = file_in(detail["s3ObjectDetails"]["objectKey"])
    if found is None:
        return None
    _, number, file = found
    result = detail["scanResultDetails"]
    status = str(result.get("scanResultStatus") or detail.get("scanStatus") or "")
    if (verdict := _VERDICTS.get(status)) is None:
        return None
    threats = [str(one.get("name", "")) for one in result.get("threats") or ()]
    reason = ", ".join(threats) if threats else status
    return Judged(number, file, verdict, "" if verdict is Verdict.CLEAN else reason[:200])


def _is_id(text: str) -> bool:
    return re.fullmatch(FILE_ID, text) is not None
