"""Parameters of paths, queries and headers. `common.yaml` describes them under the same names."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from local.openapi.schemas import named
from local.openapi.staff.customers import CUSTOMER_ID, EXAMPLE
from local.openapi.values import (
    MONTH,
    TICKET,
    Agent,
    Channel,
    Date,
    GivenMoment,
    ItemId,
    Kind,
    Language,
    Month,
    QuarantineReason,
    TicketState,
    text,
)
from redress.base.idempotency import KEY_LIMIT
from redress.base.people import TEAM
from redress.connectors.rules.connector import ATTEMPTS_LIMIT
from redress.connectors.rules.connector import ID as CONNECTOR_ID
from redress.customers.cases.relationship import Which as WhichCalls
from redress.plans.rules.acts import INCIDENT
from redress.plans.rules.plan import MOST_VERSIONS
from redress.plans.rules.reader import NAME
from redress.search.rules.words import QUERY_LIMIT
from redress.staff.cases.remedies import Which as WhichRemedies
from redress.staff.cases.tasks import Which
from redress.tickets.cases.feed import CHANGES_LIMIT
from redress.tickets.cases.staff import PAGE_LIMIT
from redress.tickets.rules.listing import CUSTOMER, FILTER_LIMIT, LINES, MOST_LINES, View


class Parameter(Struct, frozen=True):
    """A parameter. `place` is path, query or header; those of a path are always required.

    `msgspec` derives the schema from `type`.
    """

    name: str
    place: str
    type: Any
    required: bool = False


CURSOR = "^[A-Za-z0-9_-]*={0,2}$"

EXAMPLE_OF_MAIL = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"

PARAMETERS = {
    "Number": Parameter("number", "path", Annotated[str, Meta(examples=[TICKET])]),
    "TicketOnList": Parameter("entry", "path", Annotated[str, Meta(examples=[TICKET])]),
    "OnChannel": Parameter("channel", "path", Channel),
    "Agent": Parameter("agent", "path", Agent),
    "Period": Parameter("period", "path", Month),
    "PeriodOrPrevious": Parameter(
        "period",
        "path",
        Annotated[str, Meta(pattern=f"^({MONTH[1:-1]}|previous)$", examples=["2026-10"])],
    ),
    "PlanVersion": Parameter("version", "path", Annotated[int, Meta(ge=1, le=MOST_VERSIONS)]),
    "MailEvent": Parameter("event", "path", Annotated[int, Meta(ge=1, le=99_999, examples=[1])]),
    "MailIdentity": Parameter(
        "id", "path", Annotated[str, Meta(pattern="^[0-9a-f]{40}$", examples=[EXAMPLE_OF_MAIL])]
    ),
    "FileId": Parameter(
        "file",
        "path",
        Annotated[str, Meta(pattern="^[0-9a-f]{16}$", examples=["9f86d081884c7d65"])],
    ),
    "RehearsalId": Parameter("id", "path", Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]),
    "Day": Parameter("date", "path", Annotated[Date, Meta(examples=["2026-11-23"])]),
    "CustomerId": Parameter(
        "id", "path", Annotated[str, Meta(pattern=CUSTOMER_ID, examples=[EXAMPLE])]
    ),
    "CustomerEmail": Parameter(
        "email", "query", Annotated[str, Meta(min_length=1, examples=["li.na@example.com"])]
    ),
    "CustomerPhone": Parameter(
        "phone", "query", Annotated[str, Meta(min_length=1, examples=["138 0013 8000"])]
    ),
    "CustomerAccount": Parameter(
        "account", "query", Annotated[str, Meta(min_length=1, examples=["crm:10045"])]
    ),
    "CustomerTypeName": Parameter("type", "query", Annotated[str, Meta(min_length=1)]),
    "CustomerNeed": Parameter("need", "query", Annotated[str, Meta(min_length=1)]),
    "CustomerCompany": Parameter("company", "query", Annotated[str, Meta(min_length=1)]),
    "Doubtful": Parameter("doubtful", "query", Annotated[str, named("True", ("true",))]),
    "MacroName": Parameter(
        "macro",
        "path",
        Annotated[str, Meta(pattern=f"^{NAME.pattern}$", examples=["ask_for_photo"])],
    ),
    "ConnectorId": Parameter(
        "id", "path", Annotated[str, Meta(pattern=f"^{CONNECTOR_ID}$", examples=["crm"])]
    ),
    "KeyGeneration": Parameter("generation", "path", Annotated[int, Meta(ge=1, le=99_999)]),
    "Language": Parameter("language", "query", Language),
    "ScriptLanguage": Parameter("language", "query", Language),
    "OfTicket": Parameter("ticket", "query", Annotated[str, Meta(min_length=1, examples=[TICKET])]),
    "Limit": Parameter(
        "limit",
        "query",
        Annotated[int, Meta(ge=1, le=PAGE_LIMIT, extra_json_schema={"default": PAGE_LIMIT})],
    ),
    "AttemptsLimit": Parameter(
        "limit",
        "query",
        Annotated[
            int, Meta(ge=1, le=ATTEMPTS_LIMIT, extra_json_schema={"default": ATTEMPTS_LIMIT})
        ],
    ),
    "ChangesLimit": Parameter(
        "limit",
        "query",
        Annotated[int, Meta(ge=1, le=CHANGES_LIMIT, extra_json_schema={"default": CHANGES_LIMIT})],
    ),
    "Since": Parameter("since", "query", Annotated[str, Meta(pattern=CURSOR)]),
    "Cursor": Parameter("cursor", "query", Annotated[str, Meta(pattern=CURSOR)]),
    "SearchText": Parameter(
        "q",
        "query",
        Annotated[str, Meta(min_length=1, max_length=QUERY_LIMIT, examples=["退款"])],
    ),
    "ItemId": Parameter("id", "path", ItemId),
    "TaskId": Parameter(
        "id", "path", Annotated[str, Meta(pattern="^[1-9][0-9]?$", examples=["1"])]
    ),
    "IncidentId": Parameter(
        "id", "path", Annotated[str, Meta(pattern=f"^{INCIDENT}$", examples=["9f86d081884c7d65"])]
    ),
    "IncidentList": Parameter(
        "list", "query", Annotated[str, named("IncidentState", ("open", "closed"))]
    ),
    "TaskList": Parameter("list", "query", Annotated[str, named("TaskList", Which)]),
    "CallList": Parameter("list", "query", Annotated[str, named("CallList", WhichCalls)]),
    "RemedyId": Parameter(
        "id", "path", Annotated[str, Meta(pattern="^[1-9][0-9]?$", examples=["1"])]
    ),
    "RemedyList": Parameter("list", "query", Annotated[str, named("RemedyList", WhichRemedies)]),
    "Team": Parameter(
        "team", "query", Annotated[str, Meta(pattern=f"^({TEAM})?$", examples=["complaints"])]
    ),
    "ListView": Parameter("view", "query", Annotated[str, named("ListView", View)]),
    "ListLimit": Parameter(
        "limit",
        "query",
        Annotated[int, Meta(ge=1, le=MOST_LINES, extra_json_schema={"default": LINES})],
    ),
    "OfAgent": Parameter("agent", "query", Agent),
    "OfCustomer": Parameter(
        "customer",
        "query",
        Annotated[str, Meta(pattern=f"^{CUSTOMER}$", examples=["9f86d081884c7d659a2feaa0"])],
    ),
    "ClosedIn": Parameter("closed_in", "query", Month),
    "InState": Parameter("state", "query", TicketState),
    "DueFrom": Parameter("due_from", "query", GivenMoment),
    "DueBefore": Parameter("due_before", "query", GivenMoment),
    "OfKind": Parameter("kind", "query", Kind),
    "InCategory": Parameter("category", "query", Annotated[str, text(FILTER_LIMIT, 1)]),
    "OfPriority": Parameter("priority", "query", Annotated[str, text(FILTER_LIMIT, 1)]),
    "WithTag": Parameter("tag", "query", Annotated[str, text(FILTER_LIMIT, 1)]),
    "InLanguage": Parameter("language", "query", Language),
    "HeldTeam": Parameter(
        "team", "query", Annotated[str, Meta(pattern=f"^{TEAM}$", examples=["complaints"])]
    ),
    "HeldReason": Parameter("reason", "query", QuarantineReason),
    "Unseen": Parameter("unseen", "query", bool),
    "Format": Parameter("format", "query", Annotated[str, named("ReportFormat", ("json", "csv"))]),
    "IdempotencyKey": Parameter(
        "Idempotency-Key", "header", Annotated[str, Meta(max_length=KEY_LIMIT)]
    ),
    "NeededKey": Parameter(
        "Idempotency-Key",
        "header",
        Annotated[str, Meta(min_length=1, max_length=KEY_LIMIT)],
        required=True,
    ),
}
