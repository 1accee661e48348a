"""Which words of the plan's word lists a text to the customer has.

Every route that writes to the customer asks `checked`. What customers write is never checked.
"""

from __future__ import annotations

from msgspec import Struct

from redress.base.errors import Fault
from redress.plans.rules import wording as lists
from redress.plans.rules.plan import Plan


class Discouraged(Struct, frozen=True):
    """A word that is sent, but should not be written. `pointer` is the field that has it.

    `list` is the name of the plan's list, and `instead` says in the language of the text what to
    write in its place.
    """

    pointer: str
    code: str
    list: str
    word: str
    instead: str


class Wording(Struct, frozen=True):
    """The faults of a text, for which it is not sent, and the warnings with which it is sent."""

    faults: tuple[Fault, ...]
    warnings: tuple[Discouraged, ...]


def checked(text: str, language: str, plan: Plan, pointer: str = "/text") -> Wording:
    """Compare a text to a customer with the word lists of the plan for the customer's language.

    `pointer` is the JSON pointer of the field that has the text. A word of a list with the severity
    `refuse` is a fault, a word of the other lists a warning.
    """
    faults, warnings = [], []
    for one in lists.found(plan.wording, text, language):
        if one.severity == lists.REFUSE:
            detail = f'"{one.word}" ({one.list}): {one.instead}'
            faults.append(Fault(pointer, "refused_word", detail))
        else:
            given = (pointer, "discouraged_word", one.list, one.word, one.instead)
            warnings.append(Discouraged(*given))
    return Wording(tuple(faults), tuple(warnings))
