"""Puts a file into a bucket by a form, as a browser does (RFC 7578)."""

from __future__ import annotations

import secrets
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answered:
    """The answer to a request, with the names of its headers in small letters.

    Redirects are not followed.
    """

    status: int
    headers: Mapping[str, str]
    body: str


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def form_of(fields: Mapping[str, str], content: bytes, name: str) -> tuple[bytes, str]:
    """Return the body of a form with these fields and a file, and its content type."""
    boundary = secrets.token_hex(16)
    disposition = "Content-Disposition: form-data; name="
    parts = [
        f'--{boundary}\r\n{disposition}"{field}"\r\n\r\n{value}\r\n'.encode()
        for field, value in fields.items()
    ]
    file = f'{disposition}"file"; filename="{name}"'
    kind = "Content-Type: application/octet-stream"
    parts.append(f"--{boundary}\r\n{file}\r\n{kind}\r\n\r\n".encode() + content + b"\r\n")
    parts.append(f"--{boundary}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={boundary}"


def put_by_form(
    url: str, fields: Mapping[str, str], content: bytes, name: str = "photo.png"
) -> Answered:
    """Send a form to S3. It takes the fields that stand before the file."""
    body, kind = form_of(fields, content, name)
    return _ask(urllib.request.Request(url, body, {"Content-Type": kind}))


def get(url: str) -> Answered:
    return _ask(urllib.request.Request(url))


def _ask(request: urllib.request.Request) -> Answered:
    try:
        with _OPENER.open(request, timeout=30) as answer:
            return _answered(answer.status, answer)
    except urllib.error.HTTPError as error:
        return _answered(error.code, error)


def _answered(status: int, answer: Any) -> Answered:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Answered(status, headers, answer.read().decode("utf-8", "replace"))
