"""The lists of tickets that staff ask for: which list, which of its tickets, and from which place.

`parse` reads a request. `tickets/store/ranges.py` says which partitions of an index a list reads.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec
from msgspec import Struct

from redress.base import instants, texts
from redress.base.errors import Fault, InvalidInput
from redress.base.languages import LANGUAGES
from redress.base.people import is_subject, is_team
from redress.base.tags import folded
from redress.clocks.rules.periods import PERIOD
from redress.plans.rules.plan import KINDS
from redress.tickets.rules.numbers import normalised
from redress.tickets.rules.ticket import State

LINES = 25
"""The lines of a page if the caller names no `limit`."""
MOST_LINES = 100
MOST_READ = 200
"""The most tickets that are read for one page. A page can have fewer lines than its limit, and
still not be the last."""
FILTER_LIMIT = 130
"""The most characters of a filter by a name of the plan or by a tag."""

CUSTOMER = "[0-9a-f]{24}"
"""The form of the id of a customer's profile, as a pattern."""


class View(StrEnum):
    """Which tickets a list has, before its filters."""

    QUEUE = "queue"
    OPEN = "open"
    ON_HOLD = "on_hold"
    POST_MORTEM_DUE = "post_mortem_due"
    CLOSED = "closed"
    ALL = "all"


_NEED_AGENT = (State.NEW, State.OPEN, State.WAITING)
STATES: Mapping[View, tuple[State, ...]] = {
    View.QUEUE: _NEED_AGENT,
    # A closed ticket is in it while something is still owed on it (`Ticket.goes_on_closed`).
    View.OPEN: tuple(State),
    View.ON_HOLD: (State.OPEN, State.WAITING),
    View.POST_MORTEM_DUE: (State.CLOSED,),
    View.CLOSED: (State.CLOSED,),
    View.ALL: tuple(State),
}
"""View -> the states that its tickets can have."""
OF_TEAMS = (View.QUEUE, View.ON_HOLD, View.POST_MORTEM_DUE)
"""The views that are only of a team, and not of an agent or a customer."""


class Facets(Struct, frozen=True):
    """The fields of a ticket that filters look at. A field has the default that it has in Ticket.

    Decoding only these is 25 times as fast as decoding a whole snapshot.
    """

    state: str
    kind: str
    language: str
    priority: str
    category: str | None = None
    tags: tuple[str, ...] = ()


class Filters(Struct, frozen=True):
    """What every line of a list must have. None means anything."""

    states: tuple[str, ...] | None = None
    kind: str | None = None
    category: str | None = None
    """`product` matches `product/defect` too."""
    priority: str | None = None
    tag: str | None = None
    """In the form in which tags are stored (`tags.folded`)."""
    language: str | None = None

    @property
    def any(self) -> bool:
        """Whether at least one of them limits the list."""
        return self != Filters()

    def accept(self, ticket: Facets) -> bool:
        return (
            (self.states is None or ticket.state in self.states)
            and self.kind in (None, ticket.kind)
            and self.priority in (None, ticket.priority)
            and self.language in (None, ticket.language)
            and (self.tag is None or self.tag in ticket.tags)
            and (
                self.category is None or f"{ticket.category or ''}/".startswith(f"{self.category}/")
            )
        )


class Place(Struct, frozen=True):
    """Where a page of a list begins: after this key of its index.

    `month` is the month of a list of closed tickets whose request named none. So the pages after
    the first one show the same month, also when another month has begun.
    """

    key: str
    month: str | None = None


_PLACE = re.compile(
    rf"([0-9a-f]{{12}})\.({PERIOD}|)\.((?:9999|[0-9T:.+-]{{29}})#(R-[0-9A-Z-]{{11}}))", re.ASCII
)


class Wanted(Struct, frozen=True):
    """One list. Exactly one of `team`, `agent` and `customer` is set.

    `month` is a month of the plan's time zone, only for closed tickets. `due_from` (included) and
    `due_before` (not included) are only for lists in the order of due times.
    """

    view: View
    team: str | None = None
    agent: str | None = None
    customer: str | None = None
    month: str | None = None
    due_from: datetime | None = None
    due_before: datetime | None = None
    filters: Filters = Filters()

    @property
    def _digest(self) -> str:
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:12]

    def cursor(self, place: Place) -> str:
        """The text of a place in this list. Another list, or other filters, do not accept it."""
        return f"{self._digest}.{place.month or ''}.{place.key}"

    def place(self, cursor: str) -> Place | None:
        """The place in a `cursor` of this list, or None if the text is none."""
        found = _PLACE.fullmatch(cursor)
        if found is None or found[1] != self._digest or normalised(found[5]) != found[5]:
            return None
        return Place(found[4], found[2] or None)


PARAMETERS = (
    "view",
    "team",
    "agent",
    "customer",
    "closed_in",
    "state",
    "due_from",
    "due_before",
    "kind",
    "category",
    "priority",
    "tag",
    "language",
    "limit",
    "cursor",
)


def parse(query: Mapping[str, str], own_team: str) -> Wanted:
    """The list that a query asks for, by default the open tickets of `own_team`.

    `limit` and `cursor` are not read here. Raises InvalidInput that names every parameter that is
    unknown, wrong, or contradicts another one.
    """
    faults: list[Fault] = []

    def fault(name: str, code: str, detail: str) -> None:
        faults.append(Fault(f"/{name}", code, detail))

    def one_of(name: str, choices: tuple[str, ...]) -> str | None:
        value = query.get(name)
        if value is not None and value not in choices:
            fault(name, "unknown_value", f"one of {', '.join(choices)}")
            return None
        return value

    def formed(name: str, ok: bool, code: str, detail: str) -> str | None:
        value = query.get(name)
        if value is not None and not ok:
            fault(name, code, detail)
        return value

    def text(name: str) -> str | None:
        value = query.get(name)
        if value is not None and (wrong := texts.fault_of(value)):
            fault(name, *wrong)
        right = 1 <= len(value or "") <= FILTER_LIMIT
        return formed(name, right, "wrong_length", f"1 to {FILTER_LIMIT} characters")

    def instant(name: str) -> datetime | None:
        if (value := query.get(name)) is None:
            return None
        try:
            return instants.parse(value)
        except ValueError:
            detail = f"an instant in the form of RFC 3339, such as {instants.EXAMPLE}"
            fault(name, "instant_expected", detail)
            return None

    for name in query:
        if name not in PARAMETERS:
            fault(name, "unknown_parameter", f"one of {', '.join(PARAMETERS)}")
    agent_given, customer_given = query.get("agent"), query.get("customer")
    agent = formed("agent", is_subject(agent_given or ""), "unknown_agent", "no such agent")
    known = re.fullmatch(CUSTOMER, customer_given or "", re.ASCII) is not None
    customer = formed("customer", known, "unknown_customer", "no such customer")
    if agent is not None and customer is not None:
        fault("customer", "contradicts", "a list is of an agent or of a customer")
    team = query.get("team") or None
    if team is not None and not is_team(team):
        fault("team", "unknown_team", "there is no such team")
    if team is not None and (agent is not None or customer is not None):
        fault("team", "contradicts", "a list of an agent or of a customer has no team")
    usual = View.ALL if customer is not None else View.OPEN
    given = one_of("view", tuple(View))
    view = View(given) if given is not None else usual
    if view in OF_TEAMS and (agent is not None or customer is not None):
        fault("view", "contradicts", "this view is of a team")
    if view is View.ALL and customer is None:
        fault("view", "contradicts", "this view is of a customer")
    month = query.get("closed_in")
    if month is not None and re.fullmatch(PERIOD, month, re.ASCII) is None:
        fault("closed_in", "month_expected", "a month such as 2026-11")
    if month is not None and (view is not View.CLOSED or customer is not None):
        fault("closed_in", "contradicts", "it is for closed tickets of a team or an agent")
    due_from, due_before = instant("due_from"), instant("due_before")
    for name in ("due_from", "due_before"):
        if name in query and (view in (View.CLOSED, View.ALL) or customer is not None):
            fault(name, "contradicts", "this list is not in the order of due times")
    if due_from is not None and due_before is not None and due_from >= due_before:
        fault("due_before", "contradicts", "it must be later than due_from")
    state = one_of("state", tuple(State))
    if state is not None and state not in STATES[view]:
        fault("state", "contradicts", f"tickets of this view are {', '.join(STATES[view])}")
    narrowed = STATES[view] if customer is not None and view is not View.ALL else None
    filters = Filters(
        states=(state,) if state is not None else narrowed,
        kind=one_of("kind", KINDS),
        category=text("category"),
        priority=text("priority"),
        tag=None if (tag := text("tag")) is None else folded(tag),
        language=one_of("language", LANGUAGES),
    )
    if faults:
        raise InvalidInput(faults)
    if agent is None and customer is None:
        team = team or own_team
    return Wanted(view, team, agent, customer, month, due_from, due_before, filters)
