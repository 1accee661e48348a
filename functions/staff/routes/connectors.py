"""Connectors: other systems that act as themselves. Managers make, change and suspend them."""

from __future__ import annotations

import base64
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from route import MANAGERS, REASON, PathPart, Request, Route, iso

from redress.base.people import TEAM
from redress.connectors.rules import secrets
from redress.connectors.rules.answer import MOST_HOURS, URL_LIMIT
from redress.connectors.rules.connector import (
    ATTEMPTS_LIMIT,
    ID,
    Connector,
    Key,
    Scope,
    Wanted,
)
from redress.edge import cursors
from redress.edge.bodies import (
    Body,
    Field,
    InstantOrNull,
    OptionalText,
    OptionalWhole,
    SomeOf,
    Text,
    Whole,
    Word,
    WordOrNull,
)
from redress.edge.cursors import to_cursor
from redress.edge.http import Answer, answer
from redress.wiring import staff as wiring
from routes.members import change_view

if TYPE_CHECKING:  # no other route needs them, so cold starts of people need not load them
    from redress.connectors.cases.managing import Known, NewKey
    from redress.connectors.store.connectors import Attempt

NAME_LIMIT = 100

CONNECTOR = PathPart(
    lambda text: text if re.fullmatch(ID, text) else None, "there is no such connector"
)


def list_connectors(request: Request) -> Answer:
    return answer(200, {"items": [connector_view(one) for one in wiring.connectors().listed()]})


def make_connector(request: Request) -> Answer:
    body = request.content().body
    made = wiring.connectors().make(
        request.member, body["id"], _wanted(body), body["reason"], request.source
    )
    return answer(201, new_key_view(made))


def show_one_connector(request: Request) -> Answer:
    return answer(200, file_view(wiring.connectors().file(request.path["id"])))


def change_connector(request: Request) -> Answer:
    def content() -> tuple[int, Wanted, str]:
        body = request.content().body
        return body["revision"], _wanted(body), body["reason"]

    found = wiring.connectors().change(request.member, request.path["id"], content, request.source)
    return answer(200, file_view(found))


def rotate_connector_keys(request: Request) -> Answer:
    def content() -> tuple[int, datetime | None, str]:
        body = request.content().body
        return body["revision"], body["old_ends_at"], body["reason"]

    made = wiring.connectors().rotate(request.member, request.path["id"], content, request.source)
    return answer(201, new_key_view(made))


def end_connector_keys(request: Request) -> Answer:
    found = wiring.connectors().end_key(
        request.member,
        request.path["id"],
        request.path["generation"],
        lambda: _reason(request),
        request.source,
    )
    return answer(200, file_view(found))


def suspend_connector(request: Request) -> Answer:
    found = wiring.connectors().suspend(
        request.member, request.path["id"], lambda: _reason(request), request.source
    )
    return answer(200, file_view(found))


def reinstate_connector(request: Request) -> Answer:
    found = wiring.connectors().reinstate(
        request.member, request.path["id"], lambda: _reason(request), request.source
    )
    return answer(200, file_view(found))


def list_attempts(request: Request) -> Answer:
    found, more = wiring.connectors().attempts(
        request.path["id"], lambda: cursors.page(request.query, ATTEMPTS_LIMIT, is_place)
    )
    return answer(200, {"items": [attempt_view(one) for one in found], "next": to_cursor(more)})


def is_place(key: str) -> bool:
    """Whether a text has the form of a `keys.attempt_sk`."""
    return re.fullmatch(r"ATTEMPT#[0-9T:.+-]{29}#[0-9A-F]{8}", key, re.ASCII) is not None


def _reason(request: Request) -> str:
    reason: str = request.content().body["reason"]
    return reason


def _wanted(body: dict[str, Any]) -> Wanted:
    return Wanted(
        body["name"],
        tuple(Scope(one) for one in body["scopes"]),
        body["team"],
        body["answers_url"],
        body["answer_hours"],
    )


# -------------------------------------------------------------------- views


def connector_view(found: Known) -> dict[str, Any]:
    """`Connector`: what it may do, and its keys without the keys themselves."""
    connector = found.connector
    return {
        "id": connector.id,
        "name": connector.name,
        "scopes": [scope.value for scope in connector.scopes],
        "team": connector.team,
        "answers_url": connector.answers_url,
        "answer_hours": connector.answer_hours,
        "state": connector.state.value,
        "revision": connector.revision,
        "keys": [_key_view(connector, key, found) for key in reversed(connector.keys)],
    }


def _key_view(connector: Connector, key: Key, found: Known) -> dict[str, Any]:
    return {
        "generation": key.generation,
        "keyid": secrets.key_id(connector.id, key.generation),
        "made_at": iso(key.made_at),
        "made_by": key.made_by,
        "ends_at": iso(key.ends_at),
        "standing": found.standings[key.generation].value,
    }


def file_view(found: Known) -> dict[str, Any]:
    """`ConnectorFile`: a connector with its last changes."""
    return connector_view(found) | {"changes": [change_view(one) for one in found.changes]}


def new_key_view(made: NewKey) -> dict[str, Any]:
    """`ConnectorKeys`: the keys, which no other answer contains."""
    return {
        "connector": file_view(made.known),
        "generation": made.generation,
        "keyid": secrets.key_id(made.known.connector.id, made.generation),
        "webhook_secret": secrets.webhook_secret(made.webhook),
        "api_key": base64.b64encode(made.api).decode(),
        "answers_secret": secrets.webhook_secret(made.answers),
    }


def attempt_view(found: Attempt) -> dict[str, Any]:
    """`Attempt`: one attempt to hand over a message."""
    return {
        "at": iso(found.at),
        "delivery": found.delivery or None,
        "status": found.status,
        "problem": found.problem,
        "ticket": found.ticket,
        "again": found.again,
        "source": found.source or None,
        "missing": list(found.missing),
    }


# -------------------------------------------------------------------- declarations

WANTED: tuple[Field, ...] = (
    Text("name", NAME_LIMIT),
    SomeOf("scopes", tuple(Scope)),
    WordOrNull("team", TEAM, "1 to 40 small letters, digits, - and _"),
    OptionalText("answers_url", URL_LIMIT),
    OptionalWhole("answer_hours", 1, MOST_HOURS),
    REASON,
)
"""What a manager decides about a connector."""

ROUTES = (
    Route("GET", "/staff/connectors", MANAGERS, list_connectors, answer="Connectors"),
    Route(
        "POST",
        "/staff/connectors",
        MANAGERS,
        make_connector,
        body=Body(
            "NewConnector",
            (Word("id", ID, "2 to 30 small letters, digits and -, a letter first"), *WANTED),
        ),
        answer="ConnectorKeys",
        status=201,
        problems=(409,),
    ),
    Route(
        "GET",
        "/staff/connectors/{id}",
        MANAGERS,
        show_one_connector,
        id=CONNECTOR,
        answer="ConnectorFile",
        problems=(404,),
    ),
    Route(
        "PUT",
        "/staff/connectors/{id}",
        MANAGERS,
        change_connector,
        id=CONNECTOR,
        body=Body("ConnectorBody", (Whole("revision", least=1), *WANTED)),
        answer="ConnectorFile",
        problems=(404, 409),
    ),
    Route(
        "POST",
        "/staff/connectors/{id}/keys",
        MANAGERS,
        rotate_connector_keys,
        id=CONNECTOR,
        body=Body(
            "KeyRotation", (Whole("revision", least=1), InstantOrNull("old_ends_at"), REASON)
        ),
        answer="ConnectorKeys",
        status=201,
        problems=(404, 409),
    ),
    Route(
        "POST",
        "/staff/connectors/{id}/keys/{generation}/end",
        MANAGERS,
        end_connector_keys,
        id=CONNECTOR,
        body=Body("KeyEnd", (REASON,)),
        answer="ConnectorFile",
        problems=(404,),
    ),
    Route(
        "POST",
        "/staff/connectors/{id}/suspension",
        MANAGERS,
        suspend_connector,
        id=CONNECTOR,
        body=Body("ConnectorSuspension", (REASON,)),
        answer="ConnectorFile",
        problems=(404,),
    ),
    Route(
        "POST",
        "/staff/connectors/{id}/reinstatement",
        MANAGERS,
        reinstate_connector,
        id=CONNECTOR,
        body=Body("ConnectorReinstatement", (REASON,)),
        answer="ConnectorFile",
        problems=(404,),
    ),
    Route(
        "GET",
        "/staff/connectors/{id}/attempts",
        MANAGERS,
        list_attempts,
        id=CONNECTOR,
        query=("limit", "cursor"),
        answer="Attempts",
        problems=(404, 422),
    ),
)
