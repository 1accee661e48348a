"""Reply templates and call scripts of a plan: texts in three languages, with variables in braces.

Braces may contain only the name of a variable. The rest of Python's format syntax (a format, a
conversion, an attribute) is refused, because it could expose data that no text may contain. A
literal brace is written twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from redress.base.errors import pointer
from redress.base.languages import LANGUAGES
from redress.base.people import TEAM
from redress.plans.rules import wording
from redress.plans.rules.reader import NAME, NAME_LIMIT, DocumentReader

FROM_TICKET = ("agent", "customer", "due", "number", "order", "promises", "subject", "team")
"""The variables whose values come from the ticket and from the member of staff who writes."""
FROM_WRITER = ("details", "next_step", "solution")
"""The variables whose values the writer gives with the name of the template."""
VARIABLES = tuple(sorted((*FROM_TICKET, *FROM_WRITER)))
"""Every variable. Any other name in braces is refused as a mistake. There is none for the link to
the customer's page: staff read what they send, and whoever has the link can act as the customer.
Mails have the link below the text."""
BY_CUSTOMER = ("customer", "order", "subject")
"""The variables whose values the customer has written."""

TEMPLATE_LIMIT = 20_000
TEAM_NAME_LIMIT = 60
MOST_TEMPLATES = 100

_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")

Section = Mapping[str, Mapping[str, str]]
"""The section `templates` or `scripts`: the name of each text, and the text in each language."""


def variables_of(text: str) -> list[str]:
    """The variables of a text in the order of their first use."""
    return list(dict.fromkeys(one[1] for one in _BRACES.finditer(text) if one[1] is not None))


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with these values. A variable without a value stays as it is written."""

    def value_of(found: re.Match[str]) -> str:
        return values.get(found[1], found[0]) if found[1] is not None else found[0][0]

    return _BRACES.sub(value_of, text)


# ----------------------------------------------------------------------------------- publishing


def check(
    read: DocumentReader, document: Mapping[str, Any], name: str, lists: wording.Section
) -> None:
    """Record every fault of the section `name` in a document that is being published.

    A template with a word that the plan's own `lists` refuse could never be sent.
    """
    section = read.section(document, name, "", need=False)
    if len(section) > MOST_TEMPLATES:
        read.fault(f"/{name}", "too_many", f"at most {MOST_TEMPLATES}")
    for one in list(section)[:MOST_TEMPLATES]:
        at = f"/{name}" + pointer(str(one))
        if not NAME.fullmatch(str(one)):
            read.fault(at, "name_expected", "a name of small letters, digits and underscores")
        entry = read.section(section, one, f"/{name}")
        read.known(entry, LANGUAGES, at)
        for language in LANGUAGES:
            text = read.text(entry, language, at, TEMPLATE_LIMIT)
            for fault in _faults_of(text):
                read.fault(f"{at}/{language}", "unknown_variable", fault)
            for word in wording.refused_in(lists, text, language):
                detail = f'the list of words refuses "{word}"'
                read.fault(f"{at}/{language}", "refused_word", detail)


def check_team_names(read: DocumentReader, document: Mapping[str, Any]) -> None:
    """Record every fault of the section `team_names`: the name that customers read for a team."""
    section = read.section(document, "team_names", "", need=False)
    for team in section:
        at = "/team_names" + pointer(str(team))
        if not re.fullmatch(TEAM, str(team)):
            read.fault(at, "name_expected", f"the name of a team: {TEAM}")
        entry = read.section(section, team, "/team_names")
        read.known(entry, LANGUAGES, at)
        for language in LANGUAGES:
            text = read.text(entry, language, at, TEAM_NAME_LIMIT)
            if text and text.splitlines() != [text]:
                read.fault(f"{at}/{language}", "one_line", "the name of a team is one line")


def _faults_of(text: str) -> list[str]:
    """Describe the wrong uses of braces in a text."""
    found = list(_BRACES.finditer(text))
    if any(match[0] in ("{", "}") for match in found):
        return ["the braces do not match; write a brace twice if it is part of the text"]
    known = ", ".join(VARIABLES)
    return [
        f"there is no variable {{{name[:NAME_LIMIT]}}}; the variables are {known}"
        for name in variables_of(text)
        if name not in VARIABLES
    ]
