"""The function `assigner`: gives queued tickets to agents, and finds duplicates."""

from __future__ import annotations

from functools import cache

from redress.base.settings import Settings
from redress.customers.cases.matching import MatchingCase
from redress.staff.cases.about_search import AboutSearch
from redress.staff.cases.assignment import AssignmentCase
from redress.staff.cases.classifying import Classifying
from redress.staff.cases.duplicates import DuplicateSearch
from redress.staff.cases.names import StaffNames
from redress.wiring import stores

AssignerSettings = Settings


@cache
def assignment() -> AssignmentCase:
    matching = MatchingCase(stores.customers(), stores.changes())
    return AssignmentCase(
        stores.changes(),
        stores.lists(),
        stores.staff(),
        matching,
        stores.tickets(),
        AboutSearch(
            StaffNames(stores.staff()),
            stores.staff(),
            stores.tickets(),
            stores.lists(),
            stores.customers().ids_of,
        ),
        Classifying(stores.tickets(), stores.customers()),
    )


@cache
def duplicates() -> DuplicateSearch:
    return DuplicateSearch(stores.tickets(), stores.plans(), stores.customers(), stores.changes())
