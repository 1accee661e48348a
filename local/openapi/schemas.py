"""JSON Schemas of bodies and answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

import msgspec

from redress.edge.bodies import (
    Body,
    Field,
    Flag,
    Instant,
    OneOf,
    OptionalOneOf,
    OptionalText,
    Text,
    TextOrNull,
    Texts,
    Unread,
    Whole,
)

Schema = dict[str, Any]
Words = Mapping[str, Mapping[str, str]]
"""Name of a schema -> its fields -> what each is."""

REFERENCE = "#/components/schemas/{name}"


class UnusedWords(ValueError):
    """A text describes a field that there is not."""


def camel_case(name: str) -> str:
    """`setPresence` of `set_presence`."""
    first, *others = name.split("_")
    return first + "".join(part.title() for part in others)


def answers(modules: Iterable[ModuleType], words: Words) -> dict[str, Schema]:
    """The schemas of the classes of these modules by their names."""
    types = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, msgspec.Struct)
    }
    _, found = msgspec.json.schema_components(
        sorted(types, key=lambda one: one.__name__), ref_template=REFERENCE
    )
    classes = {one.__name__: one for one in types}
    unused = {(name, field) for name, fields in words.items() for field in fields}
    for name, schema in found.items():
        _tidy(schema)
        for base in classes[name].__mro__:
            for field, text in words.get(base.__name__, {}).items():
                unused.discard((base.__name__, field))
                schema["properties"][field].setdefault("description", text)
    if unused:
        raise UnusedWords(str(sorted(unused)))
    return found


def referred(schemas: Mapping[str, Schema], part: Any) -> dict[str, Schema]:
    """Those of `schemas` that a part of a document refers to, directly or by another one."""
    prefix = REFERENCE.format(name="")
    found: dict[str, Schema] = {}
    left = [part]
    while left:
        match left.pop():
            case {"$ref": str(reference)} if reference.startswith(prefix):
                name = reference.removeprefix(prefix)
                if name not in found:
                    found[name] = schemas[name]
                    left.append(schemas[name])
            case dict() as members:
                left += members.values()
            case list() as items:
                left += items
    return {name: found[name] for name in sorted(found)}


def _tidy(schema: Schema) -> None:
    """Titles repeat names; the line breaks of a docstring are not those of its text."""
    schema.pop("title", None)
    for name in ("required", "properties"):
        if not schema.get(name):
            schema.pop(name, None)
    if "description" in schema:
        schema["description"] = " ".join(schema["description"].split())


def body(declared: Body, words: Mapping[str, str], defaults: Mapping[str, str]) -> Schema:
    """The schema of a body, from the fields by which the function reads it.

    `words` describe its fields, and the body itself under `_`; `defaults` describe fields that many
    bodies have.
    """
    properties = {}
    for field in declared.fields:
        text = words.get(field.name)
        if text is None and isinstance(field, Text | Whole):
            text = defaults.get(field.name)
        properties[field.name] = _field(field) | ({"description": text} if text else {})
    if unused := set(words) - set(properties) - {"_"}:
        raise UnusedWords(f"{declared.name}: {sorted(unused)}")
    required = [field.name for field in declared.fields if field.required]
    return {
        "type": "object",
        **({"description": words["_"]} if "_" in words else {}),
        **({"required": required} if required else {}),
        "properties": properties,
        "additionalProperties": False,
    }


def _field(field: Field) -> Schema:
    """The schema of one field. A kind of field that is not known here is a mistake."""
    match field:
        case Whole():
            most = {} if field.most is None else {"maximum": field.most}
            return {"type": "integer", "minimum": field.least, **most}
        case TextOrNull():
            return {"type": ["string", "null"], "minLength": 1, "maxLength": field.limit}
        case Text():
            return {"type": "string", "minLength": 1, "maxLength": field.limit}
        case OptionalText():
            form = {} if field.pattern is None else {"pattern": field.pattern}
            return {"type": ["string", "null"], "maxLength": field.limit, **form}
        case Texts():
            item = {"type": "string", "format": field.form, "maxLength": field.limit}
            return {"type": "array", "maxItems": field.most, "items": item}
        case Instant():
            return {"type": "string", "format": "date-time"}
        case OptionalOneOf():
            return {"type": ["string", "null"], "enum": [*map(str, field.choices), None]}
        case OneOf():
            return {"type": "string", "enum": [*map(str, field.choices)]}
        case Flag():
            return {"type": "boolean", "default": False}
        case Unread():
            return {"type": "object"}
    raise TypeError(f"no schema is known for {field}")
