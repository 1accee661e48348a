"""Every route of the staff API, by subject. A new subject adds its module here."""

from __future__ import annotations

from collections.abc import Mapping

from route import Route

from routes import (
    changes,
    clocks,
    customers,
    documents,
    files,
    lists,
    macros,
    members,
    plans,
    presence,
    quarantine,
    reconciliations,
    rehearsals,
    scores,
    search,
    texts,
    tickets,
)

SUBJECTS = (
    presence,
    members,
    lists,
    changes,
    search,
    tickets,
    macros,
    texts,
    files,
    clocks,
    customers,
    quarantine,
    scores,
    reconciliations,
    plans,
    rehearsals,
    documents,
)

ROUTES: Mapping[tuple[str, str], Route] = {
    route.key: route for subject in SUBJECTS for route in subject.ROUTES
}
"""(method, path) -> its route."""
