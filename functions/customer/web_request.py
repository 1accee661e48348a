"""Read a browser's request: its route, its language and the posted form."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import msgspec

from redress.base import catalogue, observe
from redress.base.languages import LANGUAGES
from redress.edge.http import (
    BODY_LIMIT,
    base_address,
    body_of,
    header,
)

FIELD_LIMIT = 50


logger = observe.logger("customer")


class WebRequest(msgspec.Struct, frozen=True):
    """One request from API Gateway, which has already matched the route and parsed the path."""

    event: dict[str, Any]

    @property
    def base(self) -> str:
        """The base URL of the pages and the API."""
        return base_address(self.event)

    @property
    def method(self) -> str:
        method: str = self.event["requestContext"]["http"]["method"]
        return method

    @property
    def path(self) -> dict[str, str]:
        """Path parameters by their names in the route."""
        return self.event.get("pathParameters") or {}

    @property
    def token(self) -> str:
        """The signed token in the path."""
        return self.path["token"]

    def query(self, name: str) -> str:
        """A query parameter; '' if it is absent."""
        value: str = (self.event.get("queryStringParameters") or {}).get(name) or ""
        return value

    def header(self, name: str) -> str:
        return header(self.event, name)


class TooLarge(Exception):
    """The body is longer than BODY_LIMIT, and so longer than any real form."""


class NoForm(Exception):
    """The body cannot be parsed as a posted form."""


class Blank(dict[str, str]):
    """Texts by field name; a missing field reads as ''."""

    def __missing__(self, field: str) -> str:
        return ""


def asked_language(request: WebRequest) -> str:
    """Return the language that the reader chose, or ''.

    It is in `?lang=`, or in the `language` field of a form posted from a page in that language.
    """
    asked = request.query("lang")
    if asked not in LANGUAGES and request.method == "POST":
        try:
            asked = posted(request).get("language", "")
        except (TooLarge, NoForm):
            asked = ""
    return asked if asked in LANGUAGES else ""


def language_of(request: WebRequest) -> str:
    """Return the language that the reader chose; otherwise the one that the browser prefers."""
    return asked_language(request) or catalogue.preferred(request.header("accept-language"))


def posted(request: WebRequest) -> dict[str, str]:
    """Return the fields of a posted form. Raises TooLarge or NoForm."""
    try:
        raw = body_of(request.event)
        if len(raw) > BODY_LIMIT:
            raise TooLarge
        pairs = parse_qsl(
            raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FIELD_LIMIT
        )
    except ValueError as error:
        raise NoForm from error
    # Browsers send every line break as CR LF, whatever was typed.
    return {name: value.replace("\r\n", "\n") for name, value in pairs}


def log_refusal(error: Exception, status: int, route: str) -> None:
    """Log that a request was refused or failed. `route` is its route key, never its path."""
    about = {"route": route, "status": status}
    if status >= 500:
        logger.error("request failed", extra=about | observe.fault_of(error))
    else:
        logger.info("request refused", extra=about | {"fault": type(error).__name__})
