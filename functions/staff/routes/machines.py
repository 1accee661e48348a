"""What machines may do: hand over messages of customers, read, and note.

Most routes run the code of the route of the staff, with the connector in place of a member. What it
may see is decided by `access.may_see`, and what it may change by its scopes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from machines import record_failure
from route import (
    EVERYBODY,
    MACHINES,
    VERSION,
    Proof,
    Request,
    Route,
    iso,
)
from ticket_view import ticket_view

from redress.base.errors import Fault, InvalidInput, RedressError
from redress.base.tags import MOST_TAGS, TAG_LIMIT
from redress.connectors import webhooks
from redress.connectors.rules import secrets
from redress.connectors.rules.connector import ConnectedMachine, Connector, Scope
from redress.customers.rules.profile import CONTACT_KINDS
from redress.edge.bodies import Body, Texts, UnreadBody
from redress.edge.http import Answer, Refused, answer, base_address
from redress.tickets.rules.listing import PARAMETERS
from redress.wiring import staff as wiring
from routes import changes, customers, documents, lists, tickets
from routes.connectors import CONNECTOR

# -------------------------------------------------------------------- messages


def take_message(request: Request) -> Answer:
    """Take a message, and record the attempt, whatever becomes of it."""
    connector = request.member.id
    delivery = webhooks.read(request.event["headers"]).id
    attempts = wiring.attempts()
    try:
        body = request.content().body
        base = base_address(request.event)
        receipt = wiring.connector_messages().take(
            connector, delivery, body, _connector_of(request).way_back
        )
    except (RedressError, Refused) as error:
        record_failure(request.event, connector, delivery, error)
        raise
    taken = receipt.taken
    status = 201 if taken.opened else 200
    attempts.taken(connector, delivery, status, taken, request.source)
    shown = {
        "number": taken.number,
        "version": taken.version,
        "opened": taken.opened,
        "missing": list(taken.missing),
        "status_url": f"{base}/t/{receipt.status_token}",
    }
    return answer(status, shown)


def take_call(request: Request) -> Answer:
    """Take the record of a call, and record the attempt, whatever becomes of it."""
    connector = request.member.id
    delivery = webhooks.read(request.event["headers"]).id
    attempts = wiring.attempts()
    try:
        taken = wiring.connector_calls().take(request.member, request.content().body)
    except (RedressError, Refused) as error:
        record_failure(request.event, connector, delivery, error)
        raise
    status = 201 if taken.outcome == "opened" else 200
    attempts.recorded(connector, delivery, status, taken.number, request.source)
    shown = {"outcome": taken.outcome, "number": taken.number, "version": taken.version}
    return answer(status, shown)


def take_receipt(request: Request) -> Answer:
    """Take a receipt for an answer, and record the attempt, whatever becomes of it."""
    connector = request.member.id
    delivery = webhooks.read(request.event["headers"]).id
    attempts = wiring.attempts()
    try:
        found = wiring.connector_receipts().take(
            _connector_of(request).machine, request.content().body
        )
    except (RedressError, Refused) as error:
        record_failure(request.event, connector, delivery, error)
        raise
    attempts.recorded(connector, delivery, 200, found.number, request.source)
    shown = {"number": found.number, "version": found.version, "news": found.is_news}
    return answer(200, shown)


# -------------------------------------------------------------------- signed calls


def _connector_of(request: Request) -> Connector:
    member = request.member
    assert isinstance(member, ConnectedMachine), "the route is for machines"
    return member.connector


def show_connector(request: Request) -> Answer:
    """What the caller may do, and what time it is here."""
    found = _connector_of(request)
    shown = {
        "id": found.id,
        "name": found.name,
        "scopes": [scope.value for scope in found.scopes],
        "team": found.team,
        "keys": [
            {"keyid": secrets.key_id(found.id, key.generation), "ends_at": iso(key.ends_at)}
            for key in found.valid_keys(wiring.now())
        ],
        "at": iso(wiring.now()),
    }
    return answer(200, shown)


def list_tickets(request: Request) -> Answer:
    """The lists of the staff. A connector that sees every team has none of its own."""
    named = ("team", "agent", "customer")
    if request.member.team or any(request.query.get(name) for name in named):
        return lists.list_tickets(request)
    faults = [Fault("/team", "required", "name a team, an agent or a customer")]
    try:
        lists.list_tickets(request)
    except InvalidInput as invalid:
        faults += invalid.faults
    raise InvalidInput(faults)


def find_customers(request: Request) -> Answer:
    """Find a customer by one contact point. Lists of customers are for the staff."""
    asked = [name for name in CONTACT_KINDS if name in request.query]
    if len(asked) != 1 or len(request.query) != 1:
        raise InvalidInput([Fault("", "one_of", f"exactly one of {', '.join(CONTACT_KINDS)}")])
    return customers.find_customers(request)


def note(request: Request) -> Answer:
    def content() -> tuple[str, Sequence[str], Sequence[str]]:
        return request.content().body["text"], (), ()

    number, cases = request.path["number"], wiring.staff_cases()
    listed, members = wiring.referring().listed, wiring.mentions().members
    found = cases.note(request.member, number, content, listed, members)
    return answer(200, ticket_view(found, request.member, wiring.plan_of(found), wiring.now()))


def read_open_api(request: Request) -> Answer:
    return documents.shipped("openapi-machines.json")


# -------------------------------------------------------------------- declarations


def _signed(
    method: str, path: str, run: Any, scope: Scope | None, name: str, **declared: Any
) -> Route:
    return Route(
        method,
        f"/machines{path}",
        MACHINES,
        run,
        answer=name,
        proof=Proof.SIGNATURE,
        scope=scope,
        **declared,
    )


ROUTES = (
    Route(
        "POST",
        "/connectors/{id}/messages",
        MACHINES,
        take_message,
        body=UnreadBody("CustomerMessage"),
        answer="MessageTaken",
        status=201,
        id=CONNECTOR,
        problems=(409,),
        proof=Proof.WEBHOOK,
        scope=Scope.WRITE_MESSAGES,
    ),
    Route(
        "POST",
        "/connectors/{id}/calls",
        MACHINES,
        take_call,
        body=UnreadBody("CallRecord"),
        answer="CallTaken",
        status=201,
        id=CONNECTOR,
        problems=(409,),
        proof=Proof.WEBHOOK,
        scope=Scope.WRITE_CALLS,
    ),
    Route(
        "POST",
        "/connectors/{id}/receipts",
        MACHINES,
        take_receipt,
        body=UnreadBody("AnswerReceipt"),
        answer="ReceiptTaken",
        id=CONNECTOR,
        problems=(404, 409),
        proof=Proof.WEBHOOK,
        scope=Scope.WRITE_RECEIPTS,
    ),
    _signed("GET", "/me", show_connector, None, "OwnConnector"),
    _signed(
        "GET",
        "/tickets",
        list_tickets,
        Scope.READ_TICKETS,
        "TicketPage",
        query=PARAMETERS,
        problems=(422,),
    ),
    _signed(
        "GET",
        "/tickets/{number}",
        tickets.read_ticket,
        Scope.READ_TICKETS,
        "MachineTicketFile",
        problems=(404,),
    ),
    _signed(
        "GET",
        "/changes",
        changes.list_changes,
        Scope.READ_CHANGES,
        "ChangesPage",
        query=("since", "limit"),
        problems=(409, 410, 422),
    ),
    _signed(
        "GET",
        "/customers",
        find_customers,
        Scope.READ_CUSTOMERS,
        "CustomerPage",
        query=CONTACT_KINDS,
        problems=(422,),
    ),
    _signed(
        "POST",
        "/tickets/{number}/notes",
        note,
        Scope.WRITE_NOTES,
        "Ticket",
        body=Body("MachineNote", (tickets.TEXT,)),
        problems=(404, 409),
    ),
    _signed(
        "PUT",
        "/tickets/{number}/tags",
        tickets.set_tags,
        Scope.WRITE_TAGS,
        "Ticket",
        body=Body("Tags", (VERSION, Texts("tags", TAG_LIMIT, MOST_TAGS))),
        problems=(404, 409),
    ),
    Route("GET", "/machines/openapi.json", EVERYBODY, read_open_api, answer="Document"),
)
