"""Answers with the texts that the plan has ready for staff."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from local.openapi.schemas import named
from local.openapi.staff.tickets import WordingWarning
from local.openapi.values import Answer, Language, Ordinal
from redress.plans.rules.templates import FROM_WRITER

WriterVariable = Annotated[str, named("WriterVariable", FROM_WRITER)]


class TemplateTexts(Answer):
    """The text in each language."""

    simplified: str = field(name="zh-CN")
    traditional: str = field(name="zh-TW")
    english: str = field(name="en")


class Template(Answer):
    """One reply template."""

    name: Annotated[str, Meta(examples=["more_time"])]
    texts: TemplateTexts
    variables: list[str]
    values: list[WriterVariable]


class Templates(Answer):
    plan_version: Ordinal
    items: list[Template]


class Draft(Answer):
    """What a message to the customer would say. Nothing is stored or sent."""

    text: str
    language: Language
    warnings: list[WordingWarning]


class Script(Answer):
    """One call script."""

    name: Annotated[str, Meta(examples=["closing"])]
    text: str
    unresolved: list[str]


class Scripts(Answer):
    plan_version: Ordinal
    language: Language
    items: list[Script]
