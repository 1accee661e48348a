"""Customers: finding them, their profiles and histories, and whose a ticket is."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

from route import REASON, STAFF, VERSION, PathPart, Request, Route, hexadecimal, iso
from ticket_view import ticket_view

from redress.base.errors import Fault, InvalidInput
from redress.base.people import is_team
from redress.customers.cases.profiles import CustomerFile, Edition, MergeOf, SeenProfile, Trail
from redress.customers.rules import editing, relationship
from redress.customers.rules.profile import (
    CONTACT_KINDS,
    ID_DIGITS,
    MOST_NEEDS,
    CallPlan,
    Card,
    Entry,
    Profile,
    card_of,
    fault_of_folded,
)
from redress.customers.rules.rights import RIGHTS, Part, changeable
from redress.edge import cursors
from redress.edge.bodies import (
    Body,
    Field,
    Flag,
    Instant,
    OneOf,
    OptionalText,
    Text,
    TextOrNull,
    Texts,
    Whole,
)
from redress.edge.cursors import to_cursor
from redress.edge.http import Answer, answer
from redress.plans.rules.plan import Plan
from redress.tickets.cases.staff import PAGE_LIMIT
from redress.tickets.rules.numbers import normalised
from redress.tickets.rules.submission import NAME_LIMIT
from redress.tickets.rules.ticket import Ticket
from redress.wiring import staff as wiring

LISTS = ("type", "need", "company")
VALUE_LIMIT = 254
"""The most characters of a contact point in a body: those of an email address."""
TYPE_LIMIT = 40
LANGUAGES_MOST = 10
GIVEN, WITHDRAWN = DECISIONS = ("given", "withdrawn")

Given = dict[str, Any]


# -------------------------------------------------------------------- finding and reading


def find_customers(request: Request) -> Answer:
    """Find by a contact point in one read, or list. Exactly one of the parameters says what."""
    query, cases = request.query, wiring.customers()
    asked = [name for name in (*CONTACT_KINDS, *LISTS, "doubtful") if name in query]
    faults: list[Fault] = []
    if len(asked) != 1:
        known = ", ".join((*CONTACT_KINDS, *LISTS, "doubtful"))
        faults.append(Fault("", "one_of", f"exactly one of {known}"))
        _page_of_list(request, faults)
    what = asked[0]
    if what in CONTACT_KINDS:
        card = cases.find(what, query[what])
        found_one = [card_view(card) | {"doubts": None}] if card else []
        return answer(200, {"items": found_one, "next": None})
    value = query[what] if what != "doubtful" else query.get("team") or request.member.team

    def content() -> tuple[int, str | None]:
        if what == "doubtful":
            if query[what] != "true":
                faults.append(Fault("/doubtful", "unknown_value", "true is expected here"))
        elif fault := fault_of_folded(value):
            faults.append(Fault(f"/{what}", *fault))
        return _page_of_list(request, faults)

    found, cursor = cases.listed(request.member, what, value, content)
    items = [card_view(card_of(one.profile)) | {"doubts": doubts_view(one)} for one in found]
    return answer(200, {"items": items, "next": to_cursor(cursor)})


def _page_of_list(request: Request, faults: list[Fault]) -> tuple[int, str | None]:
    """The limit and the place of a page of customers.

    Raises InvalidInput with `faults` and those of the limit, the cursor and the team.
    """
    page = None
    if not is_team(request.query.get("team") or request.member.team):
        faults.append(Fault("/team", "unknown_team", "there is no such team"))
    try:
        page = cursors.page(request.query, PAGE_LIMIT, is_customer_key)
    except InvalidInput as invalid:
        faults += invalid.faults
    if page is None or faults:
        raise InvalidInput(faults)
    return page


def read_customer(request: Request) -> Answer:
    def content() -> tuple[int, str | None]:
        return cursors.page(request.query, PAGE_LIMIT, is_history_key)

    found = wiring.customers().read(request.member, request.path["id"], content)
    return answer(200, file_view(request, found))


def read_trail(request: Request) -> Answer:
    def content() -> tuple[int, int | None]:
        limit, before = cursors.page(request.query, PAGE_LIMIT, is_revision)
        return limit, int(before) if before else None

    found = wiring.customers().trail(request.member, request.path["id"], content)
    return answer(200, trail_view(found))


def is_customer_key(key: str) -> bool:
    """Whether a text has the form of a key of a list of customers (`keys.customers_sk`)."""
    return re.fullmatch(rf"[0-9T:.+-]{{29}}#[0-9a-f]{{{ID_DIGITS}}}", key, re.ASCII) is not None


def is_history_key(key: str) -> bool:
    """Whether a text has the form of a key of a customer's tickets (`keys.opened_sk`)."""
    opened, _, number = key.rpartition("#")
    return bool(re.fullmatch(r"[0-9T:.+-]{29}", opened, re.ASCII) and normalised(number) == number)


def is_revision(key: str) -> bool:
    return re.fullmatch(r"[1-9][0-9]{0,5}", key, re.ASCII) is not None


# -------------------------------------------------------------------- changing


def changing(edition_of: Callable[[Request, Given], Edition]) -> Callable[[Request], Answer]:
    """The route that changes a profile as `edition_of` says for a body."""

    @wraps(edition_of)
    def run(request: Request) -> Answer:
        def content() -> Edition:
            return edition_of(request, request.content().body)

        found = wiring.customers().change(
            request.member, request.path["id"], content, request.source
        )
        return answer(200, customer_view(request, found))

    return run


@changing
def edit_customer(request: Request, given: Given) -> Edition:
    def edit(profile: Profile, plan: Plan, at: datetime) -> Profile:
        after = editing.edited(profile, given, plan)
        # The rule of the new type says when the customer is called next.
        return after if after.type == profile.type else relationship.aligned(after, plan, at)

    revision, named = given["revision"], given["type"] or ""
    return Edition(revision, "edited", edit, EDITED, needs="change_fields", type=named)


@changing
def add_contact(request: Request, given: Given) -> Edition:
    def edit(profile: Profile, plan: Plan, at: datetime) -> Profile:
        return wiring.customers().add_contact(
            profile, plan, at, kind=given["kind"], text=given["value"], by=request.member.id
        )

    revision = given["revision"]
    return Edition(revision, "contact_added", edit, (Part.CONTACTS,), needs="change_contacts")


@changing
def remove_contact(request: Request, given: Given) -> Edition:
    def edit(profile: Profile, plan: Plan, at: datetime) -> Profile:
        point = editing.point_of(given["kind"], given["value"], plan)
        return editing.without_contact(profile, point)

    revision = given["revision"]
    return Edition(revision, "contact_removed", edit, (Part.CONTACTS,), needs="change_contacts")


@changing
def add_note(request: Request, given: Given) -> Edition:
    def edit(profile: Profile, plan: Plan, at: datetime) -> Profile:
        return editing.noted(profile, given["text"], request.member.id, at)

    return Edition(None, "noted", edit, (Part.NOTES,))


@changing
def record_consent(request: Request, given: Given) -> Edition:
    decided = given["decision"] == GIVEN

    def edit(profile: Profile, plan: Plan, at: datetime) -> Profile:
        return editing.consented(profile, given["what"], given["where"], decided, at)

    act = "consent_given" if decided else "consent_withdrawn"
    needs = "change_consent" if decided else None  # a withdrawal is obeyed at once
    return Edition(given["revision"], act, edit, (Part.CONSENT,), needs, given["where"])


@changing
def verify_identity(request: Request, given: Given) -> Edition:
    def edit(profile: Profile, plan: Plan, at: datetime) -> Profile:
        return editing.verified(profile, given["how"], given["until"], request.member.id, at)

    return Edition(given["revision"], "verified", edit, (Part.IDENTITY,))


@changing
def withdraw_identity(request: Request, given: Given) -> Edition:
    def edit(profile: Profile, plan: Plan, at: datetime) -> Profile:
        return editing.unverified(profile)

    revision = given["revision"]
    return Edition(revision, "withdrawn", edit, (Part.WITHDRAWAL,), why=given["reason"])


def tell_apart(request: Request) -> Answer:
    def content() -> tuple[int, str, str]:
        given: Given = request.content().body
        return given["revision"], given["other"], given["reason"]

    cases, customer = wiring.customers(), request.path["id"]
    found = cases.tell_apart(request.member, customer, content, request.source)
    return answer(200, customer_view(request, found))


def _merge_of(request: Request) -> MergeOf:
    given: Given = request.content().body
    return MergeOf(given["revision"], given["other"], given["other_revision"], given["reason"])


def merge_customers(request: Request) -> Answer:
    cases, customer = wiring.customers(), request.path["id"]
    found = cases.merge(request.member, customer, lambda: _merge_of(request), request.source)
    return answer(200, customer_view(request, found))


def undo_merge(request: Request) -> Answer:
    cases, customer = wiring.customers(), request.path["id"]
    found = cases.undo_merge(request.member, customer, lambda: _merge_of(request), request.source)
    return answer(200, customer_view(request, found))


def correct_match(request: Request) -> Answer:
    def content() -> tuple[int, str | None, str]:
        given: Given = request.content().body
        return given["version"], given["customer"], given["reason"]

    number = request.path["number"]
    found = wiring.customers().correct_match(request.member, number, content)
    return answer(200, ticket_view(found, request.member, wiring.plan_of(found), wiring.now()))


# -------------------------------------------------------------------- views


def card_view(card: Card) -> dict[str, Any]:
    """`CustomerCard`: what is needed at once when a customer calls."""
    return {
        "id": card.customer,
        "name": card.name,
        "salutation": card.salutation,
        "languages": list(card.languages),
        "type": card.type,
        "needs": list(card.needs),
    }


def doubts_view(seen: SeenProfile) -> list[dict[str, Any]]:
    """The `Doubt`s of a profile. A ticket that the reader may not see is not mentioned."""
    return [
        {
            "other": one.other,
            "since": iso(one.since),
            "ticket": one.ticket if one.ticket in seen.tickets else None,
            "team": one.team,
            "owner": one.owner,
        }
        for one in seen.profile.doubts
    ]


def customer_view(request: Request, seen: SeenProfile) -> dict[str, Any]:
    """`Customer`: a profile. A ticket that the reader may not see is not mentioned."""
    found, identity = seen.profile, seen.profile.identity

    def shown(number: str | None) -> str | None:
        return number if number in seen.tickets else None

    return {
        **card_view(card_of(found)),
        "revision": found.revision,
        "created_at": iso(found.created_at),
        "languages_chosen": found.languages_chosen,
        "channel": found.channel,
        "hours": found.hours,
        "company": found.company,
        "consent": [
            {"what": one.what, "at": iso(one.at), "where": one.where} for one in found.consent
        ],
        "notes": [{"at": iso(one.at), "by": one.by, "text": one.text} for one in found.notes],
        "contacts": [
            {
                "kind": one.kind,
                "value": one.value,
                "since": iso(one.since),
                "ticket": shown(one.ticket),
                "by": one.by,
            }
            for one in found.contacts
        ],
        "identity": {
            "how": identity.how,
            "by": identity.by,
            "at": iso(identity.at),
            "until": iso(identity.until),
            "valid": found.verified(wiring.now()),
        }
        if identity
        else None,
        "doubts": doubts_view(seen),
        "distinct_from": list(found.distinct_from),
        "absorbed": list(found.absorbed),
        "merged_into": found.merged_into.id if found.merged_into else None,
        "calls": calls_view(found.calls) if found.calls else None,
        "calls_made": [
            {
                "at": iso(one.at),
                "by": one.by,
                "outcome": one.outcome.value,
                # The notes say what the ticket is about.
                "notes": one.notes if one.ticket is None or shown(one.ticket) else None,
                "ticket": shown(one.ticket),
                "next_at": iso(one.next_at),
            }
            for one in found.calls_made
        ],
        "can": changeable(request.member.role),
    }


def calls_view(calls: CallPlan) -> dict[str, Any]:
    """`PlannedCalls`: when staff call a customer next to keep in touch."""
    return {
        "next_at": iso(calls.clock.started_at) if calls.clock else None,
        "overdue_at": iso(calls.clock.due_at) if calls.clock else None,
        "overdue": relationship.is_overdue(calls, wiring.now()),
        "team": calls.team or None,
        "owner": calls.owner,
        "tries": calls.tries,
        "refused": {"at": iso(calls.refused.at), "by": calls.refused.by} if calls.refused else None,
    }


def file_view(request: Request, found: CustomerFile) -> dict[str, Any]:
    """`CustomerFile`: a profile with its history. `numbers` is null on further pages."""
    numbers = found.numbers
    return {
        **customer_view(request, found.seen),
        "tickets": [_history_line(one) for one in found.tickets],
        "next": to_cursor(found.cursor),
        "numbers": {
            "tickets": numbers.tickets,
            "answered": numbers.answered,
            "satisfaction": numbers.satisfaction,
            "complete": numbers.complete,
        }
        if numbers
        else None,
    }


def _history_line(ticket: Ticket) -> dict[str, Any]:
    return {
        "number": ticket.number,
        "subject": ticket.subject,
        "kind": ticket.kind,
        "category": ticket.category,
        "state": ticket.state.value,
        "team": ticket.team,
        "satisfaction": ticket.satisfaction,
        "created_at": iso(ticket.created_at),
        "closed_at": iso(ticket.closed_at),
    }


def trail_view(found: Trail) -> dict[str, Any]:
    next_ = to_cursor(str(found.before)) if found.before else None
    return {"items": [_entry_view(one) for one in found.entries], "next": next_}


def _entry_view(entry: Entry) -> dict[str, Any]:
    return {
        "revision": entry.revision,
        "at": iso(entry.at),
        "by": {"role": entry.by.role.value, "id": entry.by.id or None},
        "act": entry.act,
        "why": entry.why or None,
        "ticket": entry.ticket,
        "source": entry.source or None,
        "fields": {
            name: {"before": before, "after": after}
            for name, (before, after) in entry.fields.items()
        },
    }


# -------------------------------------------------------------------- declarations

CUSTOMER = PathPart(hexadecimal(ID_DIGITS), "there is no such customer")
REVISION = Whole("revision", least=1)
KIND = OneOf("kind", CONTACT_KINDS)
VALUE = Text("value", VALUE_LIMIT)
OTHER = Text("other", ID_DIGITS)
MERGED = (REVISION, OTHER, Whole("other_revision", least=1), REASON)
EDITED = (
    Part.NAME,
    Part.SALUTATION,
    Part.LANGUAGES,
    Part.CHANNEL,
    Part.HOURS,
    Part.TYPE,
    Part.COMPANY,
    Part.NEEDS,
)


def changes(
    method: str,
    path: str,
    run: Callable[[Request], Answer],
    schema: str,
    *fields: Field,
    part: Part | None = None,
) -> Route:
    """A route that changes a profile and answers with it. `part` decides who may call it."""
    return Route(
        method,
        f"/staff/customers/{{id}}{path}",
        STAFF if part is None else RIGHTS[part].change,
        run,
        body=Body(schema, fields),
        id=CUSTOMER,
        answer="Customer",
        problems=(404, 409),
    )


ROUTES = (
    Route(
        "GET",
        "/staff/customers",
        STAFF,
        find_customers,
        query=(*CONTACT_KINDS, *LISTS, "doubtful", "team", "limit", "cursor"),
        answer="CustomerPage",
        problems=(422,),
    ),
    Route(
        "GET",
        "/staff/customers/{id}",
        STAFF,
        read_customer,
        query=("limit", "cursor"),
        id=CUSTOMER,
        answer="CustomerFile",
        problems=(404, 422),
    ),
    Route(
        "GET",
        "/staff/customers/{id}/changes",
        RIGHTS[Part.TRAIL].read,
        read_trail,
        query=("limit", "cursor"),
        id=CUSTOMER,
        answer="CustomerTrail",
        problems=(404, 422),
    ),
    changes(
        "PUT",
        "",
        edit_customer,
        "CustomerFields",
        REVISION,
        Text("name", NAME_LIMIT),
        OptionalText("salutation", editing.SALUTATION_LIMIT),
        Texts("languages", TYPE_LIMIT, LANGUAGES_MOST),
        Flag("languages_chosen"),
        OptionalText("channel", TYPE_LIMIT),
        OptionalText("hours", TYPE_LIMIT),
        OptionalText("type", TYPE_LIMIT),
        OptionalText("company", editing.COMPANY_LIMIT),
        Texts("needs", editing.NEED_LIMIT, MOST_NEEDS),
    ),
    changes("POST", "/contacts", add_contact, "ContactPointToAdd", REVISION, KIND, VALUE),
    changes(
        "POST", "/contacts/removal", remove_contact, "ContactPointToRemove", REVISION, KIND, VALUE
    ),
    changes("POST", "/notes", add_note, "CustomerNote", Text("text", editing.NOTE_LIMIT)),
    changes(
        "POST",
        "/consent",
        record_consent,
        "ConsentDecision",
        REVISION,
        Text("what", editing.CONSENT_LIMIT),
        Text("where", editing.PLACE_LIMIT),
        OneOf("decision", DECISIONS),
    ),
    changes(
        "POST",
        "/identity",
        verify_identity,
        "Verification",
        REVISION,
        Text("how", editing.HOW_LIMIT),
        Instant("until"),
        part=Part.IDENTITY,
    ),
    changes(
        "POST",
        "/identity/withdrawal",
        withdraw_identity,
        "VerificationWithdrawal",
        REVISION,
        REASON,
        part=Part.WITHDRAWAL,
    ),
    changes(
        "POST", "/distinct", tell_apart, "Distinction", REVISION, OTHER, REASON, part=Part.DOUBTS
    ),
    changes("POST", "/merge", merge_customers, "CustomerMerge", *MERGED, part=Part.MERGES),
    changes("POST", "/unmerge", undo_merge, "CustomerMergeUndo", *MERGED, part=Part.MERGES),
    Route(
        "POST",
        "/staff/tickets/{number}/customer",
        STAFF,
        correct_match,
        body=Body("CustomerOfTicket", (VERSION, TextOrNull("customer", ID_DIGITS), REASON)),
        answer="Ticket",
        problems=(404, 409),
    ),
)
