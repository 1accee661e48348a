"""Bodies and parameters, read by hand so that one answer names every wrong field."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from redress.base.errors import Fault, InvalidInput, pointer
from redress.tickets.rules.numbers import normalised
from redress.tickets.rules.steps.table import TEXT_LIMIT

REASON_LIMIT = 2_000
NAME_LIMIT = 64
_NO_INSTANT = datetime.max.replace(tzinfo=UTC)
"""Stands for one that is wrong, until `done` says so."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Body:
    """One JSON object. Each reader returns the field or collects its fault; `done` raises them."""

    def __init__(self, value: Any) -> None:
        if not isinstance(value, dict):
            raise InvalidInput([Fault("", "object_expected", "the body must be a JSON object")])
        self._fields: dict[str, Any] = value
        self._known: set[str] = set()
        self._faults: list[Fault] = []

    def _take(self, name: str) -> Any:
        self._known.add(name)
        return self._fields.get(name)

    def _fault(self, name: str, code: str, detail: str) -> None:
        self._faults.append(Fault(f"/{name}", code, detail))

    def version(self) -> int:
        """The version of the ticket that the caller has read."""
        return self.whole("version", least=1)

    def whole(self, name: str, least: int, most: int | None = None) -> int:
        value = self._take(name)
        if value is None:
            self._fault(name, "required", "this field is required")
        elif not isinstance(value, int) or isinstance(value, bool):
            self._fault(name, "whole_number_expected", "a whole number is expected here")
        elif value < least or (most is not None and value > most):
            bounds = f"at least {least}" if most is None else f"from {least} to {most}"
            self._fault(name, "out_of_range", f"a whole number, {bounds}")
        else:
            return value
        return least

    def text(self, name: str, limit: int = TEXT_LIMIT) -> str:
        """A text that is required and not blank."""
        value = self.optional(name, limit)
        if value is None or not value.strip():
            already = any(fault.pointer == f"/{name}" for fault in self._faults)
            if not already:
                self._fault(name, "required", "this field is required")
            return ""
        return value

    def optional(self, name: str, limit: int = TEXT_LIMIT) -> str | None:
        """A text that may be left out."""
        value = self._take(name)
        if value is None:
            return None
        if not isinstance(value, str):
            self._fault(name, "text_expected", "a text is expected here")
        elif len(value) > limit:
            self._fault(name, "too_long", f"at most {limit} characters")
        elif _CONTROL.search(value):
            self._fault(name, "control_characters", "control characters are not allowed")
        else:
            return value
        return None

    def texts(self, name: str, limit: int) -> list[str]:
        """A list of texts, required; it may be empty."""
        value = self._take(name)
        if value is None:
            self._fault(name, "required", "this field is required")
            return []
        if not isinstance(value, list):
            self._fault(name, "list_expected", "a list of texts is expected here")
            return []
        for index, one in enumerate(value):
            here = f"{name}/{index}"
            if not isinstance(one, str):
                self._fault(here, "text_expected", "a text is expected here")
            elif len(one) > limit:
                self._fault(here, "too_long", f"at most {limit} characters")
            elif _CONTROL.search(one):
                self._fault(here, "control_characters", "control characters are not allowed")
        return [one for one in value if isinstance(one, str)]

    def instant(self, name: str) -> datetime:
        """An instant in ISO 8601 with its offset, required."""
        value = self._take(name)
        if value is None:
            self._fault(name, "required", "this field is required")
            return _NO_INSTANT
        try:
            return _aware(value)
        except (ValueError, OverflowError):
            self._fault(name, "instant_expected", "an instant such as 2026-11-24T09:00:00+08:00")
            return _NO_INSTANT

    def one_of(self, name: str, choices: Iterable[str]) -> str:
        value = self._take(name)
        allowed = tuple(choices)
        if value is None:
            self._fault(name, "required", "this field is required")
        elif not isinstance(value, str) or value not in allowed:
            self._fault(name, "unknown_value", f"one of {', '.join(allowed)}")
        else:
            return value
        return ""

    def optional_one_of(self, name: str, choices: Iterable[str]) -> str | None:
        return None if self._take(name) is None else self.one_of(name, choices)

    def flag(self, name: str) -> bool:
        """true or false; left out means false."""
        value = self._take(name)
        if value is None:
            return False
        if not isinstance(value, bool):
            self._fault(name, "boolean_expected", "true or false is expected here")
            return False
        return value

    def nullable(self, name: str, limit: int = NAME_LIMIT) -> str | None:
        """A text or an explicit null: leaving it out is not the same as saying null."""
        if name not in self._fields:
            self._known.add(name)
            self._fault(name, "required", "this field is required; it may be null")
            return None
        value = self.optional(name, limit)
        if value is not None and not value.strip():
            self._fault(name, "required", "a text or null is expected here")
        return value

    def given(self, name: str) -> Any:
        """A part of the body that its use case looks at; None when it was left out."""
        return self._take(name)

    def done(self) -> None:
        """Raises InvalidInput with everything that is wrong, unknown fields included."""
        unknown = [
            Fault(pointer(name), "unknown", "this field is not part of this body")
            for name in self._fields
            if name not in self._known
        ]
        if self._faults or unknown:
            raise InvalidInput([*self._faults, *unknown])


def _aware(value: Any) -> datetime:
    found = datetime.fromisoformat(value) if isinstance(value, str) else None
    if found is None or found.tzinfo is None:
        raise ValueError("no instant with an offset")
    return found.astimezone(UTC)


def limit(query: dict[str, str], default: int) -> int:
    """`limit` of a list; raises InvalidInput. Its range is for the use case to say."""
    given = query.get("limit")
    if given is None:
        return default
    if not re.fullmatch(r"-?[0-9]{1,6}", given, re.ASCII):
        detail = "a whole number is expected here"
        raise InvalidInput([Fault("/limit", "whole_number_expected", detail)])
    return int(given)


def due_key(key: str) -> bool:
    """Whether this is a key of the index of open work (`keys.due_sk`)."""
    due, _, number = key.rpartition("#")
    return bool(
        re.fullmatch(r"9999|[0-9T:.+-]{29}", due, re.ASCII) and normalised(number) == number
    )


def version_number(text: str) -> bool:
    """Whether this is the number of a version of the plan, as it stands in an address."""
    return re.fullmatch(r"[1-9][0-9]{0,4}", text, re.ASCII) is not None


def identity(text: str) -> bool:
    """Whether a text is in the form of a mail's identity."""
    return re.fullmatch(r"[0-9a-f]{40}", text) is not None


def held_key(key: str) -> bool:
    """Whether a text is in the form of a place in the quarantine (`keys.held_sk`)."""
    return re.fullmatch(r"[0-9T:.+-]{20,40}#[0-9a-f]{40}", key) is not None


def page(
    query: dict[str, str], default: int, known: Callable[[str], bool]
) -> tuple[int, str | None]:
    """`limit` and `cursor` of a list; raises InvalidInput naming both when both are wrong.

    The range of `limit` is for the use case to say; `known` tells a cursor of this list.
    """
    faults: list[Fault] = []
    most, cursor = default, None
    try:
        most = limit(query, default)
    except InvalidInput as invalid:
        faults += invalid.faults
    if given := query.get("cursor"):
        cursor = _from_cursor(given, known)
        if cursor is None:
            detail = "this is not the `next` of an earlier answer"
            faults.append(Fault("/cursor", "unknown_cursor", detail))
    if faults:
        raise InvalidInput(faults)
    return most, cursor


def to_cursor(key: str | None) -> str | None:
    """Where a page begins, as an opaque text that needs no escaping in an address."""
    return base64.urlsafe_b64encode(key.encode()).decode() if key is not None else None


def _from_cursor(given: str, known: Callable[[str], bool]) -> str | None:
    """The key in a cursor, None for anything else: it becomes part of a query."""
    try:
        key = base64.b64decode(given, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    return key if known(key) else None
