"""Read values from plan documents and collect all faults, so that one answer lists them all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import cached_property
from typing import Any

import msgspec

from redress.base import texts
from redress.base.errors import Fault, pointer
from redress.plans.rules.plan import listed, seconds_of

TEXT_LIMIT = 500
NAME_LIMIT = 40
MOST_DAYS = 3660
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Undecoded(Mapping[str, Any]):
    """A section of a stored plan as JSON. It is decoded when somebody reads it for the first time.

    The words of a section need more time to decode than all other sections together, and most
    functions never read them.
    """

    def __init__(self, raw: msgspec.Raw) -> None:
        self._raw = raw

    @property
    def is_object(self) -> bool:
        """Whether the section is an object, as every other reader expects."""
        return bytes(self._raw).startswith(b"{")

    @cached_property
    def _section(self) -> dict[str, Any]:
        return msgspec.json.decode(self._raw, type=dict[str, Any])

    def __getitem__(self, key: str) -> Any:
        return self._section[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._section)

    def __len__(self) -> int:
        return len(self._section)


class DocumentReader:
    """Reads values from a document and collects every fault in `faults`.

    A method that finds a wrong value records a fault and returns a valid placeholder, so that
    reading can continue. `at` is the JSON pointer of the parent, or of the value itself in methods
    without `key`.
    """

    def __init__(self, *, publishing: bool = False) -> None:
        """`publishing`: characters of texts are checked, too. Versions in the store stay valid."""
        self._publishing = publishing
        self.faults: list[Fault] = []
        self._recorded: set[Fault] = set()

    def fault(self, at: str, code: str, detail: str) -> None:
        """Record a fault. If several checks read the same value, its fault is recorded once."""
        found = Fault(at, code, detail)
        if found not in self._recorded:
            self._recorded.add(found)
            self.faults.append(found)

    def section(self, parent: Any, key: str, at: str, *, need: bool = True) -> dict[str, Any]:
        """An object. If `need` is false, an absent object counts as empty."""
        value = parent.get(key) if isinstance(parent, dict) else None
        if value is None and not need and key not in (parent if isinstance(parent, dict) else ()):
            return {}
        if not isinstance(value, dict):
            self.fault(at + pointer(key), "object_expected", "an object is expected here")
            return {}
        return value

    def words(self, document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        """An optional section of the document that may be `Undecoded`."""
        value = document.get(key)
        if isinstance(value, Undecoded) and value.is_object:
            return value
        return self.section(document, key, "", need=False)

    def entries(self, parent: Mapping[str, Any], key: str, at: str, most: int) -> list[Any]:
        """A list of at most `most` entries. An absent list counts as empty."""
        value = parent.get(key, [])
        if not isinstance(value, list):
            self.fault(f"{at}/{key}", "list_expected", "a list is expected here")
            return []
        if len(value) > most:
            self.fault(f"{at}/{key}", "too_many", f"at most {most}")
        return value[:most]

    def whole_number(
        self, parent: Mapping[str, Any], key: str, at: str, least: int = 1, *, most: int
    ) -> int:
        """A whole number from `least` to `most`."""
        value = parent.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self.fault(
                f"{at}/{key}",
                "whole_number_expected",
                f"a whole number from {least} to {most} is expected",
            )
            return least
        return value

    def text(
        self,
        parent: Mapping[str, Any],
        key: str,
        at: str,
        limit: int = TEXT_LIMIT,
        *,
        checked: bool = True,
    ) -> str:
        """A text that is not blank, of at most `limit` characters.

        `checked` is false if the caller refuses everything but known texts.
        """
        value = parent.get(key)
        if not isinstance(value, str) or not value.strip():
            self.fault(f"{at}/{key}", "text_expected", "a text is expected here")
            return ""
        checked = checked and self._publishing
        if checked and texts.is_empty(value):
            self.fault(f"{at}/{key}", "text_expected", "a text is expected here")
        elif checked and (fault := texts.fault_of(value)):
            self.fault(f"{at}/{key}", *fault)
        if len(value) > limit:
            self.fault(f"{at}/{key}", "too_long", f"at most {limit} characters")
        return value

    def one_of(self, value: Any, known: Iterable[str], at: str) -> str:
        """Return the value if it is one of the known names.

        Otherwise record a fault and return the first known name.
        """
        if not isinstance(value, str) or value not in known:
            self.fault(at, "unknown", f"one of {', '.join(known)}")
            return next(iter(known), "")
        return value

    def some_of(self, parent: Any, key: str, known: Iterable[str], at: str) -> tuple[str, ...]:
        """Return the known names under `key`, which holds a list or a single name.

        Returns () if the key is absent. Records a fault and returns () if a name is unknown.
        """
        value = parent.get(key, [])
        if not isinstance(value, str | list) or any(
            not isinstance(one, str) or one not in known for one in listed(value)
        ):
            self.fault(f"{at}/{key}", "unknown", f"a list out of {', '.join(known)}")
            return ()
        return listed(value)

    def known(self, keys: Mapping[str, Any], allowed: Iterable[str], at: str) -> None:
        """Record a fault for each of `keys` that is not in `allowed`."""
        for key in keys:
            if key not in allowed:
                self.fault(at + pointer(str(key)), "unknown", "this is not part of a service plan")

    def duration(self, parent: Mapping[str, Any], key: str, at: str) -> None:
        """Check a duration such as `1h30m`. Records a fault if it is wrong, and returns nothing."""
        value = parent.get(key)
        try:
            seconds_of(value if isinstance(value, str) else "")
        except ValueError as error:
            self.fault(f"{at}/{key}", "duration_expected", str(error))

    def flag(self, parent: Mapping[str, Any], key: str, at: str) -> bool:
        """A boolean; false if absent."""
        value = parent.get(key, False)
        if not isinstance(value, bool):
            self.fault(f"{at}/{key}", "yes_or_no_expected", "true or false is expected here")
            return False
        return value

    def day(self, value: Any, at: str) -> date | None:
        """A date in the form of RFC 3339, or None if it is wrong.

        In a stored version every form of ISO 8601 stays valid, because earlier releases took it.
        """
        try:
            if not isinstance(value, str) or (self._publishing and not _is_full_date(value)):
                raise ValueError("not a date")
            return date.fromisoformat(value)
        except ValueError:
            self.fault(at, "date_expected", "a date such as 2026-10-01 is expected")
            return None

    def zone(self, parent: Mapping[str, Any], key: str, at: str) -> str:
        """The name of a time zone of the IANA database."""
        # Imported late: only publishing a plan needs it (see `document.parse`).
        import zoneinfo

        name = self.text(parent, key, at, checked=False)
        try:
            zoneinfo.ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            self.fault(f"{at}/{key}", "unknown_zone", "an IANA time zone is expected")
            return "UTC"  # a placeholder: the document will be refused
        return name


def _is_full_date(text: str) -> bool:
    """Whether a text has the form of `full-date` of RFC 3339, section 5.6."""
    return re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is not None
