"""Every route of the staff API, by subject. A new subject adds its module here."""

from __future__ import annotations

from collections.abc import Mapping

from route import Route

from routes import (
    bulk,
    changes,
    checklists,
    clocks,
    connectors,
    customers,
    documents,
    files,
    incidents,
    inspections,
    links,
    lists,
    machines,
    macros,
    members,
    opening,
    plans,
    post_mortems,
    presence,
    quarantine,
    reconciliations,
    rehearsals,
    relationship,
    remedies,
    reminders,
    scores,
    search,
    shifts,
    splitting,
    tasks,
    texts,
    tickets,
)

SUBJECTS = (
    presence,
    shifts,
    members,
    connectors,
    lists,
    changes,
    search,
    tickets,
    reminders,
    tasks,
    checklists,
    remedies,
    post_mortems,
    links,
    splitting,
    incidents,
    opening,
    macros,
    texts,
    bulk,
    files,
    clocks,
    customers,
    relationship,
    quarantine,
    inspections,
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

OF_MACHINES = (machines,)
MACHINE_ROUTES: Mapping[tuple[str, str], Route] = {
    route.key: route for subject in OF_MACHINES for route in subject.ROUTES
}
"""The same for the routes of machines, which have a document of their own."""
