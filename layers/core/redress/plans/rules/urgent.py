"""Urgent tickets in a plan: what they need besides their promises.

A plan without the section asks for nothing more than the promises.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from redress.plans.rules import tasks
from redress.plans.rules.plan import ALWAYS, Plan, Promise, matches, seconds_of
from redress.plans.rules.reader import DocumentReader

SECTION = ("when", "post_mortem")
_OF_POST_MORTEM = ("within", "calendar", "ladder")
_USUALLY = {"kind": "urgent"}
"""Which tickets are urgent if the section does not say it."""


def is_urgent(plan: Plan, of: Mapping[str, str]) -> bool:
    """Whether the section is about a ticket. `of` has its values by condition
    (`tickets.rules.ticket.classification_of`)."""
    return bool(plan.urgent) and matches(plan.urgent.get("when", _USUALLY), of)


def post_mortem(plan: Plan) -> Promise | None:
    """Return by when the post-mortem of an urgent ticket is written, from its closing on.

    None if the plan asks for none.
    """
    entry = plan.urgent.get("post_mortem")
    if entry is None:
        return None
    calendar = entry.get("calendar", ALWAYS)
    return Promise(seconds_of(entry["within"]), calendar, entry["ladder"], ())


def promises(plan: Plan) -> Iterator[tuple[str, Promise]]:
    """Yield the JSON pointer of each entry that sets a due time, and the promise."""
    if (found := post_mortem(plan)) is not None:
        yield "/urgent/post_mortem", found


def check(read: DocumentReader, document: Mapping[str, Any], plan: Plan) -> None:
    """Record every fault of the section in a document that is being published."""
    if "urgent" not in document:
        return
    from redress.plans.rules import routing  # only publishing needs it, and no cold start

    section = read.section(document, "urgent", "")
    read.known(section, SECTION, "/urgent")
    routing.check_when(read, document, plan, section, "/urgent")
    if "post_mortem" in section:
        at = "/urgent/post_mortem"
        own = read.section(section, "post_mortem", "/urgent")
        read.known(own, _OF_POST_MORTEM, at)
        tasks.check_entry(read, document, own, plan, at, need=("within", "ladder"))
