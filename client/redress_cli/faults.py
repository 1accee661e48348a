"""Errors that the client shows, and the exit codes of `redress`.

| code | meaning |
|---|---|
| 0 | done |
| 1 | a fault of the service or of this client |
| 2 | the command was typed wrongly |
| 3 | you are not signed in |
| 4 | not allowed, or not found |
| 5 | not possible now: somebody changed it, or its state does not allow it |
| 6 | the input was refused; nothing was changed |
| 7 | no connection, or the service is busy |
| 8 | some lines of an import were refused |
| 130 | interrupted |
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

OTHER, USAGE, SIGN_IN, REFUSED, CONFLICT, INPUT, BUSY, PARTLY, INTERRUPTED = (
    *(1, 2, 3, 4, 5, 6, 7, 8),
    130,
)

_CODES = {
    400: INPUT,
    401: SIGN_IN,
    403: REFUSED,
    404: REFUSED,
    409: CONFLICT,
    410: CONFLICT,
    413: INPUT,
    415: INPUT,
    422: INPUT,
    429: BUSY,
    502: BUSY,
    503: BUSY,
    504: BUSY,
}


class Fault(Exception):
    """Something that the person can read. `hints` are lines that say what to do. `content` is the
    answer of the API, if it is one."""

    content = b""

    def __init__(self, words: str, code: int = OTHER, hints: Sequence[str] = ()) -> None:
        super().__init__(words)
        self.words, self.code, self.hints = words, code, list(hints)


class Refusal(Fault):
    """The API answered with an error. `body` is its JSON, `name` the end of its `type`."""

    def __init__(self, status: int, body: Mapping[str, Any], content: bytes) -> None:
        self.status, self.body, self.content = status, body, content
        self.name = str(body.get("type", "")).rpartition(":")[2]
        code = _CODES.get(status, OTHER)
        super().__init__(_words(status, body), code, _hints(status, body))


def _words(status: int, body: Mapping[str, Any]) -> str:
    title = str(body.get("title") or body.get("message") or "The service failed")
    if body.get("errors"):
        return f"{title}."  # the detail repeats the faults, which are listed one by one
    detail = str(body.get("detail") or "")
    if detail.casefold().startswith(title.casefold()):
        return f"{detail[0].upper()}{detail[1:]}"
    return f"{title}: {detail}" if detail else f"{title} ({status})"


def _hints(status: int, body: Mapping[str, Any]) -> list[str]:
    hints = [f"{where(one['pointer'])}: {one['detail']}" for one in body.get("errors", ())]
    if "can" in body:
        can = ", ".join(action.replace("_", " ") for action in body["can"])
        hints.append(f"You can: {can}" if can else "There is nothing that you can do with it now.")
    if status == 401:
        hints.append("Sign in again: redress login")
    elif status == 413:
        hints.append("Send less: a shorter text, or the long part as a file.")
    elif status in (429, 502, 503, 504):
        hints.append("The service is busy. Try again in a minute.")
    elif status >= 500:
        hints.append("Try again. If it stays, tell your operations the time of this call.")
    return hints


def where(pointer: str) -> str:
    """A JSON pointer in words: "/contact/email" is "contact, email"; "" is "the request"."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    named = [
        f"entry {int(part) + 1}" if re.fullmatch(r"[0-9]+", part) else part.replace("_", " ")
        for part in parts
    ]
    return ", ".join(named) or "the request"
