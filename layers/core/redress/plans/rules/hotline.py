"""The hotline of a plan: checks of its section when it is published.

`Plan` looks up what the section says: which calls open a ticket, until when a caller whom nobody
answered is called back, and how long a call should last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redress.base.languages import LANGUAGES
from redress.plans.rules.reader import DocumentReader

SECTION = ("talk", "opens", "call_back", "subjects")
OPENING = ("answered", "missed", "abandoned_in_menu", "abandoned_in_queue")
"""The results of calls (`tickets.rules.calls.Result`) whose records can open a ticket."""
SUBJECTS = ("answered", "missed")
SUBJECT_LIMIT = 150
"""The most characters of a subject. The subject of a ticket may have 200."""


def check(read: DocumentReader, document: Mapping[str, Any]) -> None:
    """Record every fault of the section in a document that is being published."""
    hotline = read.section(document, "hotline", "", need=False)
    read.known(hotline, SECTION, "/hotline")
    if "talk" in hotline:
        read.duration(hotline, "talk", "/hotline")
    opens = read.some_of(hotline, "opens", OPENING, "/hotline") if "opens" in hotline else ()
    subjects = read.section(hotline, "subjects", "/hotline", need=bool(opens))
    read.known(subjects, SUBJECTS, "/hotline/subjects")
    for name in SUBJECTS:
        text = read.section(subjects, name, "/hotline/subjects", need=bool(opens))
        read.known(text, LANGUAGES, f"/hotline/subjects/{name}")
        for language in LANGUAGES if text else ():
            read.text(text, language, f"/hotline/subjects/{name}", SUBJECT_LIMIT)
