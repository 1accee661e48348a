"""Who sees a ticket where: every role and team, on every route (docs/decisions/040).

The tables below name every route of the staff API. A route that is new fails the first test until
it has a row: in `NAMES_A_TICKET` if its address has the number of a ticket, in `SHOWS` if its
answer can contain tickets or numbers of tickets, and in `SHOWS_NONE` otherwise.

A list or a number is tested against its own answer without the ticket: a reader who may not see the
ticket gets the same answer as if the ticket did not exist. A reader who may see it does not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from copy import replace
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from redress.base.people import CUSTOMER, Member, Post, Role
from redress.mail.incoming.store import IncomingRecord
from redress.plans.rules.plan import ConflictPlan, Plan
from redress.rehearsals.rules.counting import Counts
from redress.rehearsals.store import JobKind
from redress.staff.rules.availability import Presence
from redress.staff.store import StaffStore
from redress.tickets.rules.attached import Attached, FileState
from redress.tickets.rules.change import Change
from redress.tickets.rules.interest import Doubt
from redress.tickets.rules.steps import by_customer, by_staff, by_system
from redress.tickets.rules.steps.by_staff import Classification
from redress.tickets.rules.ticket import Ticket
from redress.wiring import stores as wired_stores
from redress.workflow.store import ReconciliationReport
from tests.builders import MEI, Clock, plan_document, rehearsal_job
from tests.functions.conftest import MEMBERS
from tests.functions.filing import create_bucket
from tests.functions.staff.api import (
    CHANGES,
    KEEP,
    REMEDY_ACTS,
    THIS_MONTH,
    WHO_MAY,
    Api,
    hold_mail,
    score,
    with_remedy,
)
from tests.world import Act, Context, Opener, Stores, called

SUBJECT = "The secret kettle"
FILE = "9f86d081884c7d65"
"""The file in the sample events."""
STANDINGS = ("free", "accused", "suspended", "unclear", "kept", "led")
"""The ticket is not about its reader; it is; it is not, but the reader is suspended; nobody has
decided whom it is about; it is about another agent of the team of complaints, and the plan keeps it
from the supervisors of that team; it is about an agent of another team, which its reader led when
it was opened, and the plan keeps it from the supervisors of that team."""
STRICT = ConflictPlan(without_their_supervisor=True)
ANN = Member("a-ann", "Ann", "ann@example.com", Role.AGENT, "complaints", ("en",), 5)
BEA = replace(ANN, id="a-bea", name="Bea", team="returns")

NAMES_A_TICKET = (
    *CHANGES,
    "note",
    "reminder",
    "viewing",
    "ticket",
    "clocks",
    "mail",
    "address-clearance",
    "files",
    "upload",
    "draft",
    "file",
    "file-withdrawal",
    "recordings",
    "recording",
)
"""Sample events of the routes whose address has the number of a ticket."""

NOT_FOR_GUESTS = ("file-withdrawal", "address-clearance", "reminder", "recordings", "recording")
"""Those, besides changes, that are forbidden to a colleague whom a note mentions."""


@dataclass(frozen=True)
class Shows:
    """What a route shows of tickets.

    `queries` are all queries by which it can show the ticket of this test. `path` are parts of its
    address. `seen_by` are the readers who see the ticket there, or see that it is counted, while it
    waits in the queue of complaints. `of` takes what has to be equal out of an answer.
    """

    seen_by: frozenset[str]
    queries: tuple[dict[str, str], ...] = ({},)
    path: Mapping[str, str] = field(default_factory=dict)
    of: Callable[[Any], Any] = lambda body: body


TEAM = frozenset({"mei", "jun", "lin", "wei"})
LEADERS = frozenset({"lin", "wei"})
PAGED = ("work", "tickets")
NOBODY = frozenset[str]()

SHOWS: dict[str, Shows] = {
    "work": Shows(NOBODY),
    "mentions": Shows(NOBODY),
    "tickets": Shows(
        TEAM,
        tuple(
            {"team": "complaints"} | more
            for more in (
                {},
                {"view": "queue"},
                {"kind": "complaint"},
                {"due_from": "2026-11-23T00:00:00Z"},
            )
        ),
    ),
    "counts": Shows(TEAM, ({"team": "complaints"},)),
    "board": Shows(LEADERS, ({"team": "complaints"},)),
    "quarantine": Shows(LEADERS, ({"team": "complaints"}, {"unseen": "true"})),
    "held-mail": Shows(LEADERS, path={"id": f"{1:040x}"}),
}
"""Sample event -> what its route shows of a ticket in the queue. A list of another team's tickets
is refused to agents and supervisors, with and without the ticket."""

SHOWS_ELSEWHERE = {
    "members": "test_load_of_a_colleague_leaves_out_tickets_about_its_reader",
    "member": "test_load_of_a_colleague_leaves_out_tickets_about_its_reader",
    "held-mail-release": "test_mail_about_a_ticket_is_released_by_those_who_see_the_ticket",
    "remedies": "tests/functions/staff/test_remedies.py",
    "tasks": "tests/functions/staff/test_tasks.py",
    "task": "tests/functions/staff/test_tasks.py",
    "task-assignment": "tests/functions/staff/test_tasks.py",
    "task-result": "tests/functions/staff/test_tasks.py",
    "task-return": "tests/functions/staff/test_tasks.py",
    "task-cancellation": "tests/functions/staff/test_tasks.py",
    "task-press": "tests/functions/staff/test_tasks.py",
    "task-extension": "tests/functions/staff/test_tasks.py",
    "task-extension-decision": "tests/functions/staff/test_tasks.py",
    "item-acceptance": "tests/functions/staff/test_checklists.py",
    "item-rejection": "tests/functions/staff/test_checklists.py",
    "step-result": "tests/functions/staff/test_checklists.py",
    "obstacle": "tests/functions/staff/test_checklists.py",
    "reminders": "test_reminders_of_tickets_that_the_reader_may_not_see_are_not_listed",
    "inspection": "tests/functions/staff/test_inspections.py",
    "inspection-check": "tests/functions/staff/test_inspections.py",
    "inspection-sign-off": "tests/functions/staff/test_inspections.py",
    "incident-declaration": "tests/functions/staff/test_incidents.py",
    "incidents": "tests/functions/staff/test_incidents.py",
    "incident": "tests/functions/staff/test_incidents.py",
    "incident-tickets": "tests/functions/staff/test_incidents.py",
    "incident-word": "tests/functions/staff/test_incidents.py",
    "incident-notice": "tests/functions/staff/test_incidents.py",
    "incident-post-mortem": "tests/functions/staff/test_incidents.py",
    "search": "test_search_finds_a_ticket_for_those_who_see_it",
    "opening": "tests/functions/staff/test_opening.py",
    "templates": "tests/functions/staff/test_texts.py",
    "scripts": "tests/functions/staff/test_texts.py",
    "next": "test_next_ticket_is_never_one_about_the_agent",
    "changes": "tests/functions/staff/test_changes.py",
    "bulk": "tests/functions/staff/test_bulk.py",
    "scorecard": "test_scorecard_does_not_name_a_ticket_about_its_reader",
    "departure": "test_departure_names_only_tickets_that_its_leader_sees",
    "suspension": "test_departure_names_only_tickets_that_its_leader_sees",
    "member-change": "test_departure_names_only_tickets_that_its_leader_sees",
    "customer": "test_a_complaint_about_a_member_does_not_show_in_the_profile",
    "customer-changes": "test_a_complaint_about_a_member_does_not_show_in_the_profile",
    "customer-edit": "test_a_complaint_about_a_member_does_not_show_in_the_profile",
    "customer-contact": "test_a_complaint_about_a_member_does_not_show_in_the_profile",
    "customer-contact-removal": "test_a_complaint_about_a_member_does_not_show_in_the_profile",
    "customer-note": "test_a_complaint_about_a_member_does_not_show_in_the_profile",
    "customer-consent": "test_a_complaint_about_a_member_does_not_show_in_the_profile",
    "customer-identity": "test_a_complaint_about_a_member_does_not_show_in_the_profile",
    "customer-identity-withdrawal": "test_a_complaint_about_a_member_does_not_show_in_the_profile",
    "customer-distinct": "test_a_complaint_about_a_member_does_not_show_in_the_profile",
    "customer-merge": "test_a_complaint_about_a_member_does_not_show_in_the_profile",
    "customer-unmerge": "test_a_complaint_about_a_member_does_not_show_in_the_profile",
    "relationship-calls": "tests/functions/staff/test_relationship.py",
    "relationship-call": "tests/functions/staff/test_relationship.py",
    "relationship-call-resumption": "tests/functions/staff/test_relationship.py",
    "relationship-call-owner": "tests/functions/staff/test_relationship.py",
    "connector-attempts": "tests/functions/staff/test_machines.py",
    "rehearsal": "tests/functions/test_rehearsal.py",
    "reconciliation": "tests/functions/staff/test_reconciliations.py",
    "reconciliations": "tests/functions/staff/test_reconciliations.py",
}
"""Sample event -> the test of a route that shows tickets in another way."""

SHOWS_NONE = (
    "presence",
    "beat",
    "shift-plan",
    "shifts",
    "macros",
    "connectors",
    "connector-make",
    "connector",
    "connector-change",
    "connector-rotation",
    "connector-key-end",
    "connector-suspension",
    "connector-reinstatement",
    "customers",
    "me",
    "invitation",
    "invitations",
    "invitation-withdrawal",
    "reinstatement",
    "rating",
    "scorecards",
    "scorecards-run",
    "plan",
    "plans",
    "plan-version",
    "plan-publish",
    "plan-moves",
    "plan-schema",
    "rehearsal-begin",
    "openapi",
)
"""Sample events of routes that show no ticket and no number of tickets."""


def test_every_route_has_a_row() -> None:
    rows = [*NAMES_A_TICKET, *SHOWS, *SHOWS_ELSEWHERE, *SHOWS_NONE]
    assert sorted(rows) == sorted(WHO_MAY)


def test_every_route_with_the_number_of_a_ticket_is_in_the_matrix(api: Api) -> None:
    routes = {name: api.event(name, "wei")["routeKey"] for name in WHO_MAY}
    # Whoever sees no ticket may see a task of it. The ticket of the matrix has no checklist.
    numbered = {
        name
        for name, key in routes.items()
        if "{number}" in key and "/staff/tasks/" not in key and "/checklist/" not in key
    }
    assert numbered == set(NAMES_A_TICKET)


# ---------------------------------------------------------------------- the ticket of the tests


def about(stores: Stores, ticket: Ticket, *members: str) -> Ticket:
    """Name the members whom the ticket is about. A manager who reads nothing here names them."""
    chief = replace(MEMBERS["wei"], id="m-chief").actor
    return stores.changes.change(
        ticket.number, lambda t, p, at: by_staff.set_about(t, p, chief, members, "named", at)
    )


def kept(stores: Stores, ticket: Ticket, accused: Member = ANN) -> Ticket:
    """Name another agent, under a plan that keeps it from the supervisors of their team."""
    chief = replace(MEMBERS["wei"], id="m-chief").actor

    def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
        strict = replace(plan, conflict=STRICT)
        known = {accused.id: accused}
        return by_staff.set_about(ticket, strict, chief, [accused.id], "named", at, known)

    return stores.changes.change(ticket.number, decide)


def doubted(stores: Stores, ticket: Ticket) -> Ticket:
    """Say that nobody knows whom the ticket is about."""
    why = Doubt.NOBODY_NAMED_SO
    return stores.changes.change(
        ticket.number, lambda t, p, at: by_system.doubt_about(t, p, [], why, at)
    )


def may_see_with(standing: str, by: str) -> bool:
    """Whether a standing lets a reader see a ticket of complaints that their role and team show."""
    role = MEMBERS[by].role
    return {
        "free": True,
        "unclear": role is not Role.AGENT,
        "kept": role is not Role.SUPERVISOR,
        "led": role is not Role.SUPERVISOR,
    }.get(standing, False)


def suspend(stores: Stores, clock: Clock, *names: str) -> None:
    for name in names:
        suspended = replace(MEMBERS[name], suspended=True)
        stores.staff.record(suspended, Presence.AWAY, clock.now())


def led(stores: Stores, clock: Clock, *names: str) -> None:
    """Record that these members have led the team of BEA, and still will for some hours."""
    post = Post(Role.SUPERVISOR, BEA.team, clock.now() + timedelta(hours=40))
    for name in names:
        stores.staff.record(replace(MEMBERS[name], former=(post,)), Presence.AVAILABLE, clock.now())


def put(stores: Stores, clock: Clock, standing: str, ticket: Ticket) -> Ticket:
    """Gives every reader this standing towards the ticket."""
    if standing == "suspended":
        suspend(stores, clock, *MEMBERS)
    if standing == "accused":
        return about(stores, ticket, *(member.id for member in MEMBERS.values()))
    if standing in ("unclear", "kept"):
        return (doubted if standing == "unclear" else kept)(stores, ticket)
    if standing == "led":
        led(stores, clock, *MEMBERS)
        return kept(stores, ticket, BEA)
    return ticket


def hold_mail_about(ticket: Ticket, clock: Clock) -> IncomingRecord:
    record = replace(hold_mail(1, clock), number=ticket.number)
    wired_stores.incoming_mails().rewrite(record)
    return record


def said(found: Any) -> str:
    """All that an answer says, as one text."""
    return json.dumps([found.body, found.headers], ensure_ascii=False)


# ---------------------------------------------------------------------- routes with a number


@pytest.mark.parametrize("standing", STANDINGS)
@pytest.mark.parametrize("name", NAMES_A_TICKET)
def test_route_of_a_ticket_answers_as_if_it_did_not_exist_unless_the_reader_sees_it(
    api: Api,
    noted: Callable[..., Ticket],
    open_ticket: Opener,
    stores: Stores,
    clock: Clock,
    name: str,
    standing: str,
) -> None:
    opened = open_ticket("complaint", agent="a-mei", subject=SUBJECT)
    if name in REMEDY_ACTS:
        opened = with_remedy(stores, opened)
    ticket = noted(ticket=opened)
    event = str(ticket.version)
    if name == "file-withdrawal":
        create_bucket()
    if name == "recording":
        event = str(called(stores, ticket))
        ticket = stores.tickets.get(ticket.number)
    file = Attached(FILE, "x", "image/png", 1, CUSTOMER, clock.now(), FileState.HELD)
    wired_stores.attached().put_new(ticket.number, file)
    now = put(stores, clock, standing, ticket)
    for by, member in MEMBERS.items():
        body: Any = KEEP
        if name in CHANGES:
            body = CHANGES[name] | {"version": now.version}
        found = api(name, by, number=ticket.number, event=event, body=body)
        may_call = member.role in WHO_MAY[name]
        if standing == "suspended" or not may_call:
            assert found.status == 403, (by, found)
        elif not may_see_with(standing, by) or (by != "wei" and member.team != now.team):
            missing = api(name, by, number="R-00000-00000", event=event, body=body)
            assert (found.status, missing.status) == (404, 404), (by, found)
            same = json.dumps(missing.body).replace("R-00000-00000", ticket.number)
            assert json.dumps(found.body) == same
        else:
            assert found.status != 404, (by, found)
        if found.status in (403, 404):
            assert SUBJECT not in said(found)
            assert "can" not in found.body or found.status == 403
        else:
            now = stores.tickets.get(ticket.number)
        if name == "about" and found.status == 200:
            break  # the change has given the other readers another standing
    if standing != "free":
        assert stores.tickets.get(ticket.number) == now


# ---------------------------------------------------------------------- lists, numbers, searches


@pytest.mark.parametrize("standing", STANDINGS)
@pytest.mark.parametrize("by", MEMBERS)
@pytest.mark.parametrize("name", SHOWS)
def test_list_or_number_is_as_if_the_ticket_did_not_exist_unless_the_reader_sees_it(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock, name: str, by: str, standing: str
) -> None:
    row = SHOWS[name]
    open_ticket("complaint")  # something else to see
    hold_mail(2, clock)
    if standing == "suspended":
        suspend(stores, clock, by)
    if standing == "led":
        led(stores, clock, by)
    clock.advance(hours=20)
    before = list(asked(api, row, name, by))
    clock.advance(hours=-20)
    ticket = open_ticket("complaint", subject=SUBJECT)
    hold_mail_about(ticket, clock)
    clock.advance(hours=20)
    if standing == "accused":
        about(stores, ticket, MEMBERS[by].id)
    if standing in ("unclear", "kept"):
        put(stores, clock, standing, ticket)
    if standing == "led":
        kept(stores, ticket, BEA)
    after = list(asked(api, row, name, by))
    sees = may_see_with(standing, by) and by in row.seen_by
    for query, old, new in zip(row.queries, before, after, strict=True):
        if sees:
            assert new != old, (query, new)
        else:
            assert new == old, query
            assert ticket.number not in json.dumps(new)
            assert SUBJECT not in json.dumps(new)


def asked(api: Api, row: Shows, name: str, by: str) -> Iterator[tuple[int, Any]]:
    for query in row.queries:
        found = api(name, by, query=query, **row.path)
        yield found.status, row.of(found.body)


MEI_AND_LEADERS = LEADERS | {"mei"}
LATER: dict[str, tuple[tuple[str, dict[str, str], frozenset[str]], ...]] = {
    "assigned": (
        ("work", {}, frozenset({"mei"})),
        ("tickets", {"team": "complaints"}, TEAM),
        ("tickets", {"team": "complaints", "tag": "kettle"}, TEAM),
        ("tickets", {"agent": "a-mei"}, MEI_AND_LEADERS),
        ("counts", {"team": "complaints"}, TEAM),
        ("board", {"team": "complaints"}, LEADERS),
    ),
    "on_hold": (
        ("tickets", {"team": "complaints", "view": "on_hold"}, TEAM),
        ("counts", {"team": "complaints"}, TEAM),
    ),
    "post_mortem": (
        ("tickets", {"team": "complaints", "view": "post_mortem_due"}, TEAM),
        ("tickets", {"team": "complaints"}, TEAM),
        ("work", {}, frozenset({"mei"})),
        ("counts", {"team": "complaints"}, TEAM),
        ("board", {"team": "complaints"}, LEADERS),
    ),
    "closed": (
        ("tickets", {"team": "complaints", "view": "closed"}, TEAM),
        ("tickets", {"agent": "a-mei", "view": "closed"}, MEI_AND_LEADERS),
        ("counts", {"team": "complaints"}, TEAM),
    ),
}
"""Where the ticket is -> routes with queries that show it then, and who sees it there."""


ENDED = ("post_mortem", "closed")
"""The stages of LATER in which a ticket is closed: nobody can be mentioned then."""


def brought(act: Act, ticket: Ticket, stage: str) -> Ticket:
    """Brings a new ticket of the agent Mei to a stage of LATER."""
    ticket = act(ticket, by_staff.set_tags, MEI, ["kettle"])
    if stage == "on_hold":
        ticket = act(ticket, by_staff.reply, MEI, "An answer", False)
        return act(ticket, by_staff.hold, MEI, "part", "We wait for a part")
    if stage == "post_mortem":
        ticket = act(ticket, by_staff.reclassify, MEI, Classification(kind="urgent"), "fire")
        return act(ticket, by_customer.withdraw, "")
    if stage == "closed":
        ticket = act(ticket, by_staff.resolve, MEI, "Done.", "upheld", "new one", "seal")
        return act(ticket, by_customer.withdraw, "")
    return ticket


@pytest.mark.parametrize("standing", ["free", "accused", "kept", "led"])
@pytest.mark.parametrize("by", MEMBERS)
@pytest.mark.parametrize("stage", LATER)
def test_ticket_that_is_further_on_is_in_no_list_and_no_number_of_others(
    api: Api,
    open_ticket: Opener,
    act: Act,
    stores: Stores,
    clock: Clock,
    stage: str,
    by: str,
    standing: str,
) -> None:
    """Each list is also read with a limit that it reaches without the ticket."""

    def answers() -> list[tuple[int, Any]]:
        asked = [(name, query) for name, query, _ in LATER[stage]]
        asked += [(name, query | {"limit": "1"}) for name, query in asked if name in PAGED]
        found = [api(name, by, query=query) for name, query in asked]
        return [(one.status, one.body) for one in found]

    if standing == "led":
        led(stores, clock, by)
    brought(act, open_ticket("complaint", agent="a-mei"), stage)
    before = answers()
    ticket = brought(act, open_ticket("complaint", agent="a-mei", subject=SUBJECT), stage)
    if standing == "accused":
        about(stores, ticket, MEMBERS[by].id)
    if standing == "kept":
        kept(stores, ticket)
    if standing == "led":
        kept(stores, ticket, BEA)
    after = answers()
    for (name, query, seen_by), old, new in zip(LATER[stage], before, after, strict=False):
        if may_see_with(standing, by) and by in seen_by:
            assert new != old, (name, query)
        else:
            assert new == old, (name, query)
    if not may_see_with(standing, by) or by not in TEAM:
        assert after == before
        assert ticket.number not in json.dumps(after)


# ---------------------------------------------------------------------- mentioned colleagues


def test_reminders_of_tickets_that_the_reader_may_not_see_are_not_listed(
    api: Api, open_ticket: Opener, stores: Stores, act: Act
) -> None:
    hidden = open_ticket("complaint", agent="a-mei", subject=SUBJECT)
    shown = open_ticket("complaint", agent="a-mei", subject="A kettle")
    for ticket in (hidden, shown):
        act(ticket, by_staff.remind, MEMBERS["lin"].actor, "a-mei", f"Call about {ticket.number}.")
    readers = ("mei", "lin", "wei")
    for by in readers:
        assert SUBJECT in said(api("reminders", by, agent="a-mei"))
    about(stores, stores.tickets.get(hidden.number), "a-mei", "s-lin", "m-wei")
    for by in readers:
        found = api("reminders", by, agent="a-mei", query={"limit": "1"})
        assert [line["number"] for line in found.body["items"]] == [shown.number]
        assert found.body["next"] is None
        assert hidden.number not in said(found)


def mention(stores: Stores, ticket: Ticket, *names: str) -> Ticket:
    """Mention members in a note. A manager who reads nothing here writes it."""
    chief = replace(MEMBERS["wei"], id="m-chief").actor
    found = {MEMBERS[name].id: MEMBERS[name] for name in names}
    return stores.changes.change(
        ticket.number,
        lambda t, p, at: by_staff.note(
            t, p, chief, "Do you know this?", at, mentioned=list(found), members=found
        ),
    )


@pytest.mark.parametrize("accused", [False, True])
@pytest.mark.parametrize("by", ["tao", "hua"])
@pytest.mark.parametrize("name", NAMES_A_TICKET)
def test_colleague_of_another_team_whom_a_note_mentions_reads_and_notes_and_changes_nothing(
    api: Api,
    noted: Callable[..., Ticket],
    open_ticket: Opener,
    stores: Stores,
    clock: Clock,
    name: str,
    by: str,
    accused: bool,
) -> None:
    opened = open_ticket("complaint", agent="a-mei", subject=SUBJECT)
    if name in REMEDY_ACTS:
        opened = with_remedy(stores, opened)
    ticket = noted(ticket=opened)
    event = str(ticket.version)
    file = Attached(FILE, "x", "image/png", 1, CUSTOMER, clock.now(), FileState.HELD)
    wired_stores.attached().put_new(ticket.number, file)
    now = mention(stores, ticket, by)
    if accused:
        now = about(stores, now, MEMBERS[by].id)
    body: Any = KEEP
    if name in CHANGES:
        body = CHANGES[name] | {"version": now.version}
    found = api(name, by, number=ticket.number, event=event, body=body)
    if MEMBERS[by].role not in WHO_MAY[name]:
        assert found.status == 403
    elif accused:
        assert found.status == 404
        assert SUBJECT not in said(found)
    elif name in CHANGES or name in NOT_FOR_GUESTS:
        assert (found.status, found.body.get("can", ["note"])) == (403, ["note"])
    else:
        assert found.status not in (403, 404)
    if name != "note" or accused:
        assert stores.tickets.get(ticket.number) == now


@pytest.mark.parametrize("stage", LATER)
def test_mention_shows_a_ticket_in_no_list_and_no_number_of_a_team(
    api: Api, open_ticket: Opener, act: Act, stores: Stores, stage: str
) -> None:
    teams = ("complaints", "service")
    asked = [
        (name, query | ({"team": team} if "team" in query else {}))
        for name, query, _ in LATER[stage]
        for team in teams
    ]
    before = [api(name, "tao", query=query).body for name, query in asked]
    ticket = open_ticket("complaint", agent="a-mei", subject=SUBJECT)
    mention(stores, brought(act, ticket, stage), "tao") if stage not in ENDED else brought(
        act, mention(stores, ticket, "tao"), stage
    )
    assert [api(name, "tao", query=query).body for name, query in asked] == before


# ---------------------------------------------------------------------- other routes


@pytest.mark.parametrize("by", ["lin", "wei"])
def test_mail_about_a_ticket_is_released_by_those_who_see_the_ticket(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock, by: str
) -> None:
    ticket = open_ticket(subject=SUBJECT)
    held = hold_mail_about(ticket, clock)
    about(stores, ticket, MEMBERS[by].id)
    assert api("held-mail-release", by, id=held.identity).status == 404
    assert wired_stores.incoming_mails().get(held.identity).requested is None


@pytest.mark.parametrize("standing", ["free", "accused"])
@pytest.mark.parametrize("by", MEMBERS)
def test_search_finds_a_ticket_for_those_who_see_it(
    api: Api, open_ticket: Opener, stores: Stores, by: str, standing: str
) -> None:
    none = api("search", by, query={"q": "R-00000-00000"}).body
    ticket = open_ticket(subject=SUBJECT)
    if standing == "accused":
        about(stores, ticket, MEMBERS[by].id)
    found = api("search", by, query={"q": ticket.number}).body
    if standing == "free" and by in TEAM:
        assert [one["number"] for one in found["items"]] == [ticket.number]
    else:
        assert found == none


@pytest.mark.parametrize("by", ["tao", "hua"])
def test_search_finds_a_ticket_of_another_team_for_those_whom_a_note_mentions(
    api: Api, open_ticket: Opener, stores: Stores, by: str
) -> None:
    ticket = open_ticket(subject=SUBJECT)
    query = {"q": ticket.number}
    none = api("search", by, query=query).body
    assert none["items"] == []
    mention(stores, ticket, by)
    assert [one["number"] for one in api("search", by, query=query).body["items"]] == [
        ticket.number
    ]
    about(stores, ticket, MEMBERS[by].id)
    assert api("search", by, query=query).body == none


@pytest.mark.parametrize("by", ["jun", "lin", "wei"])
def test_load_of_a_colleague_leaves_out_tickets_about_its_reader(
    api: Api, open_ticket: Opener, stores: Stores, by: str
) -> None:
    empty = api("member", by, agent="a-mei").body
    ticket = open_ticket(agent="a-mei", subject=SUBJECT)
    assert api("member", by, agent="a-mei").body["load"] == empty["load"] + 1
    about(stores, ticket, MEMBERS[by].id)
    assert api("member", by, agent="a-mei").body == empty


@pytest.mark.parametrize("by", ["mei", "jun"])
def test_next_ticket_is_never_one_about_the_agent(
    api: Api, open_ticket: Opener, stores: Stores, by: str
) -> None:
    empty = api("next", by).body
    ticket = open_ticket(subject=SUBJECT)
    about(stores, ticket, MEMBERS[by].id)
    assert api("next", by).body == empty
    other = {"mei": "jun", "jun": "mei"}[by]
    assert api("next", other).body["ticket"]["number"] == ticket.number


@pytest.mark.parametrize("by", ["mei", "lin", "wei"])
def test_scorecard_does_not_name_a_ticket_about_its_reader(
    api: Api, open_ticket: Opener, stores: Stores, by: str
) -> None:
    ticket = open_ticket(agent="a-mei", subject=SUBJECT)
    body = CHANGES["resolution"] | {"version": ticket.version}
    assert api("resolution", "mei", body=body, number=ticket.number).status == 200
    score("a-mei")
    shown = api("scorecard", by, period=THIS_MONTH).body
    assert ticket.number in json.dumps(shown)
    about(stores, stores.tickets.get(ticket.number), MEMBERS[by].id)
    masked = api("scorecard", by, period=THIS_MONTH).body
    assert json.loads(json.dumps(shown).replace(ticket.number, "")) == masked


@pytest.mark.parametrize("by", ["mei", "lin", "wei"])
def test_accused_agent_sees_a_closed_complaint_masked_where_their_own_score_rests_on_it(
    api: Api, open_ticket: Opener, stores: Stores, act: Act, by: str
) -> None:
    ticket = open_ticket(agent="a-mei", subject=SUBJECT, category="service/attitude")
    act(ticket, by_staff.resolve, MEI, "Said sorry.", "upheld", "an apology", "haste")
    about(stores, stores.tickets.get(ticket.number), "a-mei")
    score("a-mei")
    open_ = api("scorecard", by, period=THIS_MONTH).body
    assert open_["masked"] == [], "nothing of it is shown before it is closed"
    act(stores.tickets.get(ticket.number), by_customer.withdraw, "Never mind")
    shown = api("scorecard", by, period=THIS_MONTH).body
    if by != "mei":
        assert shown["masked"] == [], "others read the ticket itself"
        return
    [masked] = shown["masked"]
    assert (masked["kind"], masked["category"]) == ("complaint", "service/attitude")
    assert (masked["outcome"], masked["closure"]) == ("upheld", "withdrawn")
    assert (masked["opened_on"], masked["closed_on"]) == ("2026-11-23", "2026-11-23")
    states = {one["clock"]: one["state"] for one in masked["promises"]}
    assert states["resolution"] == "kept"
    assert "resolved.1" in {one["fact"] for one in masked["facts"]}
    for secret in (ticket.number, SUBJECT, ticket.contact.name, "Said sorry.", "an apology"):
        assert secret not in json.dumps(shown, ensure_ascii=False)
    assert api("ticket", "mei", number=ticket.number).status == 404


def test_departure_names_only_tickets_that_its_leader_sees(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    seen, hidden = open_ticket(agent="a-mei"), open_ticket(agent="a-mei", subject=SUBJECT)
    about(stores, hidden, "s-lin")
    found = api("departure", "lin", agent="a-mei")
    assert (found.status, found.body["queued"]) == (200, [seen.number])
    assert stores.tickets.get(hidden.number).assignee is None


def test_reports_name_no_ticket_about_their_reader(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    ticket, other = open_ticket(subject=SUBJECT), open_ticket()
    about(stores, ticket, "m-wei")
    names = [ticket.number, f"{ticket.number}-1", other.number]
    began = clock.now() - timedelta(hours=5)
    wired_stores.reports().save(
        ReconciliationReport(began, "5f0e3a52", began, ("complaints",), examples={"lost": names})
    )
    day = {"date": "2026-11-23"}  # in the plan's time zone
    for found in (
        api("reconciliations", "wei").body["items"][0],
        api("reconciliation", "wei", **day).body,
    ):
        assert found["examples"] == {"lost": [other.number]}


def test_rehearsal_counts_a_ticket_about_its_reader_and_does_not_name_it(
    api: Api, open_ticket: Opener, stores: Stores, clock: Clock
) -> None:
    ticket, other = open_ticket(subject=SUBJECT), open_ticket()
    job = rehearsal_job(kind=JobKind.MOVE)
    counts = Counts()
    for one in (ticket, other):
        counts.group("complaint", "complaints").exemplify("moved", one.number)
    store = wired_stores.rehearsals()
    store.begin(job, None, clock.now())
    store.conclude(job.id, counts, clock.now())
    about(stores, ticket, "m-wei")
    assert ticket.number not in said(api("rehearsal", "wei", id=job.id))


# ---------------------------------------------------------------------- members who change team


def move(api: Api, agent: str, **fields: str) -> None:
    """A manager changes the role or the team of a member."""
    known = api("member", "wei", agent=agent).body
    kept = ("revision", "name", "role", "team", "languages", "capacity")
    body = {name: known[name] for name in kept} | {"reason": "help there"} | fields
    assert api("member-change", "wei", agent=agent, body=body).status == 200


def ways(api: Api, by: str, number: str) -> list[tuple[str, Any]]:
    """Each way in which a reader could see a ticket of the team of service, with its answer."""
    asked: list[tuple[str, dict[str, Any]]] = [
        ("ticket", {"number": number}),
        ("clocks", {"number": number}),
        ("tickets", {"query": {"team": "service"}}),
        ("tickets", {"query": {"team": "service", "view": "queue"}}),
        ("counts", {"query": {"team": "service"}}),
        ("board", {"query": {"team": "service"}}),
        ("search", {"query": {"q": number}}),
    ]
    return [(name, api(name, by, **more).body) for name, more in asked]


@pytest.fixture
def strict(stores: Stores) -> None:
    """The plan keeps complaints from the supervisors of the accused."""
    document = plan_document() | {"version": 2}
    document["conflict"] = {"without_their_supervisor": True}
    stores.plan_store.publish(document, 2, 1)
    wired_stores.plans().refresh()


@pytest.mark.parametrize("story", ["the supervisor moves", "the agent moves", "is promoted"])
def test_change_of_team_lets_nobody_see_a_complaint_that_was_kept_from_them(
    api: Api, open_ticket: Opener, stores: Stores, strict: None, story: str
) -> None:
    """A complaint about Mei of complaints is with the team of service."""
    ticket = about_mei(stores, open_ticket("complaint", subject=SUBJECT))
    reader = "hua" if story == "the agent moves" else "lin" if "super" in story else "mei"
    if reader == "hua":
        assert api("ticket", "hua", number=ticket.number).status == 200
        move(api, "a-mei", team="service")
    elif reader == "lin":
        move(api, "s-lin", team="service")
    else:
        move(api, "a-mei", team="service", role="supervisor")
    found = ways(api, reader, ticket.number)
    assert SUBJECT not in json.dumps(found)
    assert api("ticket", reader, number=ticket.number).status == 404
    assert (dict(found)["counts"]["queue"]["count"], dict(found)["board"]["queued"]) == (0, 0)
    assert api("ticket", "wei", number=ticket.number).status == 200
    assert stores.staff.kept_from(stores.staff.member(MEMBERS[reader].id)) == [ticket.number]


def test_claims_that_move_an_agent_of_an_earlier_version_let_the_new_supervisor_see_no_complaint(
    api: Api, open_ticket: Opener, stores: Stores, strict: None
) -> None:
    ticket = about_mei(stores, open_ticket("complaint", subject=SUBJECT))
    assert api("ticket", "hua", number=ticket.number).status == 200
    assert not stores.staff.member("a-mei").managed
    assert api("presence", "mei", claims={"custom:team": "service"}).status == 200
    assert stores.staff.member("a-mei").team == "service"
    assert stores.tickets.get(ticket.number).kept_from == ("complaints", "service")
    assert api("ticket", "hua", number=ticket.number).status == 404


def about_mei(stores: Stores, ticket: Ticket) -> Ticket:
    """The ticket, about Mei and in the queue of service."""
    chief = MEMBERS["wei"].actor
    known = {MEMBERS["mei"].id: MEMBERS["mei"]}
    stores.changes.change(
        ticket.number,
        lambda t, p, at: by_staff.set_about(t, p, chief, ["a-mei"], "named", at, known),
    )
    return stores.changes.change(
        ticket.number,
        lambda t, p, at: by_staff.reassign(t, p, chief, None, "service", "not they", at),
    )


def test_complaint_that_names_an_agent_while_they_change_team_is_kept_from_both_supervisors(
    api: Api,
    open_ticket: Opener,
    stores: Stores,
    strict: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It names them after the change has begun, with the team that they had before."""
    ticket, write = open_ticket("complaint", subject=SUBJECT), StaffStore.write

    def named_meanwhile(
        self: StaffStore, before: Any, after: Member, *given: Any, **more: Any
    ) -> None:
        if (after.id, after.team) == ("a-mei", "service"):
            about_mei(stores, ticket)
        write(self, before, after, *given, **more)

    monkeypatch.setattr(StaffStore, "write", named_meanwhile)
    move(api, "a-mei", team="service")
    assert stores.tickets.get(ticket.number).kept_from == ("complaints", "service")
    assert api("ticket", "hua", number=ticket.number).status == 404


# ---------------------------------------------------------------------- the story


def test_the_accused_agent_sees_nothing_of_a_complaint_about_them(
    api: Api, open_ticket: Opener, stores: Stores, load_function: Callable[[str], Any]
) -> None:
    """Story 8: a sidebar leaked the subjects of confidential tickets (zammad 2757)."""
    mei = {"name": "Mei Zhang"}
    assert api("presence", "mei", claims=mei, body={"presence": "available"}).status == 200
    assert api("presence", "jun", body={"presence": "away"}).status == 200
    lists = ("work", "tickets", "counts")
    before = {name: api(name, "mei", claims=mei, query={}).body for name in lists}
    ticket = open_ticket(subject=SUBJECT, description="Mei Zhang shouted at me on the phone.")
    load_function("assigner").handler({"ticket": ticket.number}, Context())
    assert stores.tickets.get(ticket.number).assignee is None
    assert {name: api(name, "mei", claims=mei, query={}).body for name in lists} == before
    for name in ("ticket", "clocks"):
        assert api(name, "mei", claims=mei, number=ticket.number).status == 404
    assert api("ticket", "lin", number=ticket.number).body["about"] == ["a-mei"]
