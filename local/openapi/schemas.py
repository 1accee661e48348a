"""JSON Schemas of request bodies and answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

import msgspec

from redress.base import texts
from redress.edge.bodies import (
    Address,
    Body,
    Field,
    Flag,
    Instant,
    InstantOrNull,
    Levels,
    NamedTexts,
    OneOf,
    OptionalInstant,
    OptionalOneOf,
    OptionalSomeOf,
    OptionalText,
    OptionalTexts,
    OptionalWhole,
    SomeOf,
    Text,
    TextOrNull,
    Texts,
    TextsByName,
    Unread,
    Whole,
    Wholes,
    Word,
    WordOrNull,
)

Schema = dict[str, Any]
Descriptions = Mapping[str, Mapping[str, str]]
"""Name of a schema -> its fields -> the description of each."""

REFERENCE = "#/components/schemas/{name}"


NAMED: dict[str, Schema] = {}
"""Schemas of choices that have a name: the name -> the schema."""


def named(name: str, choices: Iterable[str]) -> msgspec.Meta:
    """One of these texts. The document lists them once, in the component with this name.

    Generated clients then have one type for it. Raises ValueError if the name has other choices.
    """
    schema = {"type": "string", "enum": [str(choice) for choice in choices]}
    if NAMED.setdefault(name, schema) != schema:
        raise ValueError(f"{name} has other choices")
    return msgspec.Meta(extra_json_schema={"$ref": REFERENCE.format(name=name)})


def any_of(name: str, *types: type[msgspec.Struct]) -> msgspec.Meta:
    """An object of one of these types, or null. The types together are the component `name`."""
    references = [{"$ref": REFERENCE.format(name=one.__name__)} for one in types]
    NAMED[name] = {"anyOf": references}
    both = {"anyOf": [{"$ref": REFERENCE.format(name=name)}, {"type": "null"}]}
    return msgspec.Meta(extra_json_schema=both)


def of_type(kind: Any) -> Schema:
    """The schema of a type that is not an object, such as the type of a parameter."""
    found: Schema = msgspec.json.schema(kind)
    _refer(found)
    return found


def _refer(part: Any) -> None:
    """Remove the type beside a reference to named choices, because the component has it."""
    if isinstance(part, dict):
        if "$ref" in part:
            part.pop("type", None)
        for member in part.values():
            _refer(member)
    elif isinstance(part, list):
        for item in part:
            _refer(item)


class UnusedText(ValueError):
    """A text describes a field that does not exist."""


def camel_case(name: str) -> str:
    """`setPresence` for `set_presence`."""
    first, *others = name.split("_")
    return first + "".join(part.title() for part in others)


def answers(modules: Iterable[ModuleType], descriptions: Descriptions) -> dict[str, Schema]:
    """The schemas of all message classes in these modules, by class name.

    Raises UnusedText if `descriptions` has a field that no class has.
    """
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
    unused = {(name, field) for name, fields in descriptions.items() for field in fields}
    for name, schema in found.items():
        _tidy(schema)
        _refer(schema)
        for base in classes[name].__mro__:
            for field, text in descriptions.get(base.__name__, {}).items():
                unused.discard((base.__name__, field))
                schema["properties"][field].setdefault("description", text)
    if unused:
        raise UnusedText(str(sorted(unused)))
    return found | NAMED


def referred(schemas: Mapping[str, Schema], part: Any) -> dict[str, Schema]:
    """The schemas to which a part of a document refers, directly or through another schema."""
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
    """Remove titles, which repeat names, empty members, and the line breaks of docstrings."""
    schema.pop("title", None)
    for name in ("required", "properties"):
        if not schema.get(name):
            schema.pop(name, None)
    if "description" in schema:
        schema["description"] = " ".join(schema["description"].split())


def body(declared: Body, descriptions: Mapping[str, str], defaults: Mapping[str, str]) -> Schema:
    """The schema of a body, from the fields with which the function reads it.

    `descriptions` describes its fields, and the body itself under `_`. `defaults` describes fields
    that many bodies have. Raises UnusedText for a description of a field that does not exist.
    """
    properties = {}
    for field in declared.fields:
        text = descriptions.get(field.name)
        if text is None and isinstance(field, Text | Whole):
            text = defaults.get(field.name)
        properties[field.name] = _field(field) | ({"description": text} if text else {})
    if unused := set(descriptions) - set(properties) - {"_"}:
        raise UnusedText(f"{declared.name}: {sorted(unused)}")
    required = [field.name for field in declared.fields if field.required]
    return {
        "type": "object",
        **({"description": descriptions["_"]} if "_" in descriptions else {}),
        **({"required": required} if required else {}),
        "properties": properties,
        "additionalProperties": False,
    }


def _field(field: Field) -> Schema:
    """The schema of one field. Raises TypeError for a class of field without a schema."""
    match field:
        case OptionalWhole():
            return _field(Whole(field.name, field.least, field.most)) | {
                "type": ["integer", "null"]
            }
        case Whole():
            most = {} if field.most is None else {"maximum": field.most}
            return {"type": "integer", "minimum": field.least, **most}
        case Wholes():
            item = {"type": "integer", "minimum": field.least}
            return {"type": "array", "minItems": 1, "maxItems": field.most, "items": item}
        case TextOrNull():
            return {"type": ["string", "null"], "minLength": 1, **_limits(field)}
        case Text():
            return {"type": "string", "minLength": 1, **_limits(field)}
        case OptionalText():
            form = {} if field.pattern is None else {"pattern": field.pattern}
            return {"type": ["string", "null"], **_limits(field), **form}
        case Texts():
            form = {} if field.form is None else {"format": field.form}
            item = {"type": "string", **form, "maxLength": field.limit}
            kind = ["array", "null"] if isinstance(field, OptionalTexts) else "array"
            return {"type": kind, "maxItems": field.most, "items": item}
        case Address():
            return {"type": "string", "format": "email"}
        case WordOrNull():
            return {"type": ["string", "null"], "pattern": f"^{field.pattern}$"}
        case Word():
            return {"type": "string", "pattern": f"^{field.pattern}$"}
        case SomeOf():
            choices = _choices(OneOf(field.name, field.choices))
            bounds = {"maxItems": len(field.choices), "uniqueItems": True}
            if isinstance(field, OptionalSomeOf):
                return {"type": ["array", "null"], "items": choices, **bounds}
            return {"type": "array", "items": choices, "minItems": 1, **bounds}
        case Levels():
            return {
                "type": ["object", "null"],
                "propertyNames": {"pattern": f"^{field.pattern}$"},
                "additionalProperties": {
                    "type": "integer",
                    "minimum": field.least,
                    "maximum": field.highest,
                },
                "maxProperties": field.most,
            }
        case NamedTexts():
            one = {"type": "string", "minLength": 1, **_limits(Text("", field.limit))}
            return {
                "type": ["object", "null"],
                "properties": dict.fromkeys(field.names, one),
                "additionalProperties": False,
            }
        case InstantOrNull() | OptionalInstant():
            return {"type": ["string", "null"], "format": "date-time"}
        case TextsByName():
            text = {"type": ["string", "null"], "maxLength": field.limit, "pattern": texts.ACCEPTED}
            return {
                "type": "object",
                "propertyNames": {"pattern": f"^{field.pattern}$"},
                "additionalProperties": text,
                "maxProperties": field.most,
            }
        case Instant():
            return {"type": "string", "format": "date-time"}
        case OptionalOneOf():
            return {"anyOf": [_choices(field), {"type": "null"}]}
        case OneOf():
            return _choices(field)
        case Flag():
            return {"type": ["boolean", "null"], "default": False}
        case Unread():
            return {"$ref": REFERENCE.format(name=field.schema)}
    raise TypeError(f"no schema is known for {field}")


def _limits(field: Text | OptionalText) -> Schema:
    return {"maxLength": field.limit, "pattern": texts.ACCEPTED}


def _choices(field: OneOf) -> Schema:
    """A reference to the component that has the same choices, or the choices themselves."""
    schema = {"type": "string", "enum": [*map(str, field.choices)]}
    for name, known in NAMED.items():
        if known == schema:
            return {"$ref": REFERENCE.format(name=name)}
    return schema
