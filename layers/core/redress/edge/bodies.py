"""Declarations of JSON bodies. Functions read bodies by them; OpenAPI documents are made from them.

A body is read completely before it is refused, so one answer names every wrong field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from redress.base import addresses, instants, texts
from redress.base.errors import Fault, InvalidInput, pointer
from redress.base.numbers import whole
from redress.edge.http import BODY_LIMIT, json_body

Faults = list[Fault]


class Field(Struct, frozen=True):
    """One field of a body. By default a field is required."""

    name: str

    @property
    def required(self) -> bool:
        return True

    def read(self, body: Mapping[str, Any], faults: Faults) -> Any:
        """Return the value that the handler gets. Adds the faults of the field to `faults`."""
        value = body.get(self.name)
        if value is not None:
            return self.parse(value, faults)
        if self.required:
            faults.append(Fault(f"/{self.name}", "required", "this field is required"))
        return None

    def parse(self, value: Any, faults: Faults) -> Any:
        """Like `read`, for a value that is not null."""
        raise NotImplementedError


class Whole(Field, frozen=True):
    """A whole number from `least` to `most`."""

    least: int
    most: int | None = None

    def parse(self, value: Any, faults: Faults) -> Any:
        here = f"/{self.name}"
        number = whole(value)
        if number is None:
            faults.append(Fault(here, "whole_number_expected", "a whole number is expected here"))
        elif number < self.least or (self.most is not None and number > self.most):
            least = self.least
            bounds = f"at least {least}" if self.most is None else f"from {least} to {self.most}"
            faults.append(Fault(here, "out_of_range", f"a whole number, {bounds}"))
        return number


class OptionalWhole(Whole, frozen=True):
    """A whole number. It may be null or left out."""

    @property
    def required(self) -> bool:
        return False


class Wholes(Field, frozen=True):
    """A list of 1 to `most` whole numbers of at least `least`, in an order that does not count."""

    least: int
    most: int

    def parse(self, value: Any, faults: Faults) -> Any:
        here = f"/{self.name}"
        if not isinstance(value, list):
            faults.append(Fault(here, "list_expected", "a list of whole numbers is expected here"))
            return []
        if not value:
            faults.append(Fault(here, "required", "at least one number is expected here"))
        if len(value) > self.most:
            faults.append(Fault(here, "too_many", f"at most {self.most} numbers"))
        for index, one in enumerate(value[: self.most]):
            number = whole(one)
            if number is None:
                detail = "a whole number is expected here"
                faults.append(Fault(f"{here}/{index}", "whole_number_expected", detail))
            elif number < self.least:
                detail = f"a whole number, at least {self.least}"
                faults.append(Fault(f"{here}/{index}", "out_of_range", detail))
        return [whole(one) for one in value[: self.most]]


class Text(Field, frozen=True):
    """A text of at most `limit` characters of which a person can see something.

    The handler gets it as it is stored (`redress.base.texts.cleaned`).
    """

    limit: int

    def parse(self, value: Any, faults: Faults) -> Any:
        if isinstance(value, str) and texts.is_empty(value) and not texts.fault_of(value):
            faults.append(Fault(f"/{self.name}", "required", "this field is required"))
            return ""
        return _text(f"/{self.name}", value, self.limit, faults)


class TextOr(Text, frozen=True):
    """A text, unless the body has the field `other`. A body has exactly one of the two."""

    other: str

    @property
    def required(self) -> bool:
        return False

    def read(self, body: Mapping[str, Any], faults: Faults) -> Any:
        value, given = body.get(self.name), body.get(self.other) is not None
        if value is None:
            if not given:
                detail = f"a {self.name} or a {self.other} is required"
                faults.append(Fault(f"/{self.name}", "required", detail))
            return None
        if given:
            detail = f"either a {self.name} or a {self.other}, not both"
            faults.append(Fault(f"/{self.other}", "not_both", detail))
        return self.parse(value, faults)


class OptionalText(Field, frozen=True):
    """A text of at most `limit` characters. It may be null or left out.

    `pattern` appears only in the OpenAPI document. The use case checks whether the text matches.
    """

    limit: int
    pattern: str | None = None

    @property
    def required(self) -> bool:
        return False

    def parse(self, value: Any, faults: Faults) -> Any:
        return _text(f"/{self.name}", value, self.limit, faults)


class TextOrNull(Text, frozen=True):
    """A text that is not blank, or an explicit null. The field may not be left out."""

    def read(self, body: Mapping[str, Any], faults: Faults) -> Any:
        if self.name in body and body[self.name] is None:
            return None
        return super().read(body, faults)


class Texts(Field, frozen=True):
    """A list of at most `most` texts, each of at most `limit` characters. It may be empty.

    `form` is a format of JSON Schema such as "email". It appears only in the OpenAPI document. The
    use case checks it.
    """

    limit: int
    most: int
    form: str | None = None

    def parse(self, value: Any, faults: Faults) -> Any:
        if not isinstance(value, list):
            detail = "a list of texts is expected here"
            faults.append(Fault(f"/{self.name}", "list_expected", detail))
            return []
        if len(value) > self.most:
            # No text of it is read: each could have a fault of its own.
            faults.append(Fault(f"/{self.name}", "too_many", f"at most {self.most}"))
            return []
        for index, one in enumerate(value):
            _text(f"/{self.name}/{index}", one, self.limit, faults)
        return value


class OptionalTexts(Texts, frozen=True):
    """A list of texts. It may be null or left out, and is empty then."""

    @property
    def required(self) -> bool:
        return False

    def read(self, body: Mapping[str, Any], faults: Faults) -> Any:
        return super().read(body, faults) or []


class Address(Field, frozen=True):
    """An email address to which mail can be sent. The handler gets it as it is stored."""

    def parse(self, value: Any, faults: Faults) -> Any:
        here = f"/{self.name}"
        if not isinstance(value, str):
            faults.append(Fault(here, "text_expected", "a text is expected here"))
        elif addresses.deliverable(value) is None:
            faults.append(Fault(here, *addresses.fault_of(value)))
        else:
            return addresses.cleaned(value)
        return value


class Word(Field, frozen=True):
    """A text that matches a pattern completely, such as the name of a team. `form` describes it."""

    pattern: str
    form: str

    def parse(self, value: Any, faults: Faults) -> Any:
        if not isinstance(value, str) or re.fullmatch(self.pattern, value) is None:
            faults.append(Fault(f"/{self.name}", "unknown_value", self.form))
        return value


class WordOrNull(Word, frozen=True):
    """A required field whose value is null or a text that matches a pattern."""

    def read(self, body: Mapping[str, Any], faults: Faults) -> Any:
        if self.name in body and body[self.name] is None:
            return None
        return super().read(body, faults)


class SomeOf(Field, frozen=True):
    """A list with one or more of a few texts, in an order that counts."""

    choices: tuple[str, ...]

    def parse(self, value: Any, faults: Faults) -> Any:
        here = f"/{self.name}"
        if not isinstance(value, list):
            faults.append(Fault(here, "list_expected", "a list of texts is expected here"))
            return ()
        if not value:
            faults.append(Fault(here, "required", "at least one is needed"))
        elif len(value) > len(self.choices):
            faults.append(Fault(here, "too_many", f"at most {len(self.choices)}"))
            return ()
        for index, one in enumerate(value):
            if not isinstance(one, str) or one not in self.choices:
                detail = f"one of {', '.join(self.choices)}"
                faults.append(Fault(f"{here}/{index}", "unknown_value", detail))
            elif one in value[:index]:
                faults.append(Fault(f"{here}/{index}", "repeated", "this is in the list before"))
        return tuple(value)


class OptionalSomeOf(SomeOf, frozen=True):
    """A list of a few texts. It may be empty, null or left out, and is empty then."""

    @property
    def required(self) -> bool:
        return False

    def read(self, body: Mapping[str, Any], faults: Faults) -> Any:
        return () if body.get(self.name) in (None, []) else super().read(body, faults)


class Levels(Field, frozen=True):
    """An object that gives names a level from `least` to `highest`. It may be left out.

    A name matches `pattern`, which `form` describes; there are at most `most` names.
    """

    pattern: str
    form: str
    least: int
    highest: int
    most: int

    @property
    def required(self) -> bool:
        return False

    def read(self, body: Mapping[str, Any], faults: Faults) -> Any:
        return super().read(body, faults) or {}

    def parse(self, value: Any, faults: Faults) -> Any:
        here = f"/{self.name}"
        if not isinstance(value, dict):
            faults.append(Fault(here, "object_expected", "an object of names and levels"))
            return {}
        if len(value) > self.most:
            faults.append(Fault(here, "too_many", f"at most {self.most}"))
            return {}
        levels = {}
        for name, given in value.items():
            level = whole(given)
            if re.fullmatch(self.pattern, name) is None:
                faults.append(Fault(here + pointer(name), "unknown_value", self.form))
            elif level is None or not self.least <= level <= self.highest:
                detail = f"a whole number from {self.least} to {self.highest}"
                faults.append(Fault(here + pointer(name), "out_of_range", detail))
            else:
                levels[name] = level
        return levels


class NamedTexts(Field, frozen=True):
    """An object with texts under some of these names, each of at most `limit` characters.

    It may be null or left out, and is empty then.
    """

    names: tuple[str, ...]
    limit: int

    @property
    def required(self) -> bool:
        return False

    def read(self, body: Mapping[str, Any], faults: Faults) -> Any:
        return super().read(body, faults) or {}

    def parse(self, value: Any, faults: Faults) -> Any:
        here = f"/{self.name}"
        if not isinstance(value, dict):
            faults.append(Fault(here, "object_expected", "an object of names and texts"))
            return {}
        faults += [
            Fault(here + pointer(name), "unknown", f"one of {', '.join(self.names)}")
            for name in value
            if name not in self.names
        ]
        return {
            name: Text(f"{self.name}/{name}", self.limit).parse(value[name], faults)
            for name in self.names
            if name in value
        }


class TextsByName(Field, frozen=True):
    """An object that gives names a text of at most `limit` characters, or null.

    A name matches `pattern`, which `form` describes; there are at most `most` names.
    """

    pattern: str
    form: str
    limit: int
    most: int

    def parse(self, value: Any, faults: Faults) -> Any:
        here = f"/{self.name}"
        if not isinstance(value, dict):
            faults.append(Fault(here, "object_expected", "an object of names and texts"))
            return {}
        if len(value) > self.most:
            faults.append(Fault(here, "too_many", f"at most {self.most}"))
            return {}
        found: dict[str, Any] = {}
        for name, given in value.items():
            if re.fullmatch(self.pattern, name) is None:
                faults.append(Fault(here + pointer(name), "unknown_value", self.form))
            elif given is None:
                found[name] = None
            else:
                found[name] = _text(here + pointer(name), given, self.limit, faults)
        return found


class Instant(Field, frozen=True):
    """An instant in the form of RFC 3339. The handler gets it in UTC."""

    def parse(self, value: Any, faults: Faults) -> Any:
        try:
            return instants.parse(value)
        except ValueError:
            detail = f"an instant in the form of RFC 3339, such as {instants.EXAMPLE}"
            faults.append(Fault(f"/{self.name}", "instant_expected", detail))
            return None


class InstantOrNull(Instant, frozen=True):
    """An instant, or an explicit null. The field may not be left out."""

    def read(self, body: Mapping[str, Any], faults: Faults) -> Any:
        if self.name in body and body[self.name] is None:
            return None
        return super().read(body, faults)


class OptionalInstant(Instant, frozen=True):
    """An instant in the form of RFC 3339. It may be null or left out."""

    @property
    def required(self) -> bool:
        return False


class OneOf(Field, frozen=True):
    """One of a few texts."""

    choices: tuple[str, ...]

    def parse(self, value: Any, faults: Faults) -> Any:
        if not isinstance(value, str) or value not in self.choices:
            detail = f"one of {', '.join(self.choices)}"
            faults.append(Fault(f"/{self.name}", "unknown_value", detail))
        return value


class OptionalOneOf(OneOf, frozen=True):
    """One of a few texts. It may be null or left out."""

    @property
    def required(self) -> bool:
        return False


class Flag(Field, frozen=True):
    """true or false. If it is null or left out, it is false."""

    @property
    def required(self) -> bool:
        return False

    def read(self, body: Mapping[str, Any], faults: Faults) -> Any:
        return bool(super().read(body, faults))

    def parse(self, value: Any, faults: Faults) -> Any:
        if not isinstance(value, bool):
            detail = "true or false is expected here"
            faults.append(Fault(f"/{self.name}", "boolean_expected", detail))
        return value


class Unread(Field, frozen=True):
    """A value that the use case reads and validates itself. It is None if it is left out.

    `schema` names its schema in the OpenAPI document.
    """

    schema: str

    def read(self, body: Mapping[str, Any], faults: Faults) -> Any:
        return body.get(self.name)


class Body(Struct, frozen=True):
    """A JSON object with these fields and no others. OpenAPI documents call its schema `name`."""

    name: str
    fields: tuple[Field, ...]
    limit: int = BODY_LIMIT

    def read(self, event: dict[str, Any]) -> dict[str, Any]:
        """Read the body of a request and return the values of the fields, by name.

        Raises Refused, or InvalidInput that lists every wrong field.
        """
        given = json_body(event, self.limit)
        if not isinstance(given, dict):
            raise InvalidInput([Fault("", "object_expected", "the body must be a JSON object")])
        faults: Faults = []
        values = {field.name: field.read(given, faults) for field in self.fields}
        known = {field.name for field in self.fields}
        faults += [
            Fault(pointer(name), "unknown", "this field is not part of this body")
            for name in given
            if name not in known
        ]
        if faults:
            raise InvalidInput(faults)
        return values


class UnreadBody(Struct, frozen=True):
    """A JSON document that the use case reads and validates itself."""

    name: str
    limit: int = BODY_LIMIT

    def read(self, event: dict[str, Any]) -> Any:
        """Read the body of a request and return the decoded document. Raises Refused."""
        return json_body(event, self.limit)


def _text(here: str, value: Any, limit: int, faults: Faults) -> Any:
    """Return the text as it is stored. Adds a fault if it is not acceptable."""
    if not isinstance(value, str):
        faults.append(Fault(here, "text_expected", "a text is expected here"))
    elif len(cleaned := texts.cleaned(value)) > limit:
        faults.append(Fault(here, "too_long", f"at most {limit} characters"))
    elif fault := texts.fault_of(value):
        faults.append(Fault(here, *fault))
    else:
        return cleaned
    return value
