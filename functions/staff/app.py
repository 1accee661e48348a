"""The staff API: for agents, supervisors and managers, from their own client or CRM.

`ROUTES` is the one table of who may call what. Whose ticket it is, the use cases decide. Every
change but a note names the version that the caller has read, so a repeated call does nothing
twice: the second is answered with 409. A note that is repeated is there once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from importlib import resources
from typing import Any

import bodies
import presenting
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from bodies import NAME_LIMIT, REASON_LIMIT, Body
from identity import identify

from redress.base import observe
from redress.base.errors import Fault, Forbidden, InvalidInput, NotFound
from redress.base.people import Member, Role
from redress.edge.http import (
    SECURITY,
    Answer,
    Refused,
    answer,
    header,
    json_body,
    problem,
    route_of,
)
from redress.edge.problems import plain, problem_for
from redress.plans import cases as plans
from redress.plans.rules.plan import GRADATIONS, HOLDS, KINDS, MOST_VERSIONS
from redress.rehearsals.store import RehearsalJob
from redress.scores.store.scores import Summary
from redress.staff.rules import Presence
from redress.tickets.cases.staff import PAGE_LIMIT
from redress.tickets.rules.numbers import normalised
from redress.tickets.rules.steps.by_staff import CORRECTABLE, Classification
from redress.tickets.rules.steps.table import CALLBACK_OUTCOMES, OUTCOMES, REMEDY_LIMIT
from redress.tickets.rules.submission import EMAIL_LIMIT
from redress.tickets.rules.ticket import Ticket
from redress.wiring import staff as wiring
from redress.workflow.cases.reports import MOST_REPORTS

logger = Logger(service="staff")

MONTH = len("2026-11")
PLAN_LIMIT = 1024 * 1024
"""Bytes of a body with a plan in it, as somebody indented it: what is stored is measured anew."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call: who, the parts of the path, the query, and the body when it is asked for."""

    member: Member
    path: dict[str, str]
    query: dict[str, str]
    event: dict[str, Any]

    @property
    def number(self) -> str:
        """The ticket's number in the path; raises NotFound for what cannot be one."""
        number = normalised(self.path["number"])
        if number is None:
            raise NotFound("there is no such ticket")
        return number

    @property
    def plan_version(self) -> int:
        """The version of the plan in the path; raises NotFound for what cannot be one."""
        version = self.path["version"]
        if not bodies.version_number(version):
            raise NotFound("there is no such version of the plan")
        return int(version)

    @property
    def event_number(self) -> int:
        """The number of an event in the path; raises NotFound for what cannot be one."""
        event = self.path["event"]
        if not bodies.version_number(event):
            raise NotFound("there is no such event")
        return int(event)

    @property
    def identity(self) -> str:
        """The identity of a mail in the path; raises NotFound for what cannot be one."""
        if not bodies.identity(self.path["id"]):
            raise NotFound("there is no such mail in quarantine")
        return self.path["id"]

    def body(self) -> Body:
        return Body(json_body(self.event))


@dataclass(frozen=True, slots=True)
class Route:
    roles: frozenset[Role]
    run: Callable[[Request], Answer]


# -------------------------------------------------------------------- presence and lists


def _set_presence(request: Request) -> Answer:
    body = request.body()
    presence = body.one_of("presence", Presence)
    body.done()
    availability = wiring.staff_cases().set_presence(request.member, presence)
    return answer(200, presenting.availability(availability))


def _depart(request: Request) -> Answer:
    agent = request.path["agent"]
    queued = wiring.staff_cases().depart(request.member, agent)
    return answer(200, {"agent": agent, "queued": queued})


def _list_work(request: Request) -> Answer:
    limit, cursor = bodies.page(request.query, PAGE_LIMIT, bodies.due_key)
    page = wiring.staff_cases().work(request.member, limit, cursor)
    return answer(200, presenting.work_page(page))


def _show_board(request: Request) -> Answer:
    team = request.query.get("team") or request.member.team
    return answer(200, presenting.board(wiring.staff_cases().board(request.member, team)))


# -------------------------------------------------------------------- one ticket


def _read_ticket(request: Request) -> Answer:
    found = wiring.staff_cases().read(request.member, request.number)
    return answer(200, presenting.ticket_file(found, wiring.now()))


def _explain_clocks(request: Request) -> Answer:
    language = request.query.get("language")
    found = wiring.staff_cases().clocks(request.member, request.number, language)
    return answer(200, presenting.clock_stories(found))


def _changed(ticket: Ticket) -> Answer:
    return answer(200, presenting.ticket(ticket, wiring.now()))


def _reply(request: Request) -> Answer:
    body = request.body()
    version, text = body.version(), body.text("text")
    wait = body.flag("wait_for_customer")
    body.done()
    return _changed(wiring.staff_cases().reply(request.member, request.number, version, text, wait))


def _note(request: Request) -> Answer:
    body = request.body()
    text = body.text("text")
    body.done()
    return _changed(wiring.staff_cases().note(request.member, request.number, text))


def _tell_progress(request: Request) -> Answer:
    body = request.body()
    version, text = body.version(), body.text("text")
    body.done()
    return _changed(
        wiring.staff_cases().tell_progress(request.member, request.number, version, text)
    )


def _resolve(request: Request) -> Answer:
    body = request.body()
    version, text = body.version(), body.text("text")
    outcome = body.optional_one_of("outcome", OUTCOMES)
    remedy = body.optional("remedy", REMEDY_LIMIT)
    root_cause = body.optional("root_cause", REMEDY_LIMIT)
    body.done()
    return _changed(
        wiring.staff_cases().resolve(
            request.member, request.number, version, text, outcome, remedy, root_cause
        )
    )


def _record_callback(request: Request) -> Answer:
    body = request.body()
    version, outcome = body.version(), body.one_of("outcome", CALLBACK_OUTCOMES)
    text = body.optional("text") or ""
    body.done()
    return _changed(
        wiring.staff_cases().record_callback(request.member, request.number, version, outcome, text)
    )


def _reassign(request: Request) -> Answer:
    body = request.body()
    version, agent = body.version(), body.nullable("agent")
    team = body.optional("team", NAME_LIMIT)
    reason = body.text("reason", REASON_LIMIT)
    body.done()
    return _changed(
        wiring.staff_cases().reassign(request.member, request.number, version, agent, team, reason)
    )


def _reclassify(request: Request) -> Answer:
    body = request.body()
    version = body.version()
    given = Classification(
        kind=body.optional_one_of("kind", KINDS),
        urgency=body.optional_one_of("urgency", GRADATIONS),
        impact=body.optional_one_of("impact", GRADATIONS),
        customer_type=body.optional("customer_type", NAME_LIMIT),
    )
    reason = body.text("reason", REASON_LIMIT)
    body.done()
    return _changed(
        wiring.staff_cases().reclassify(request.member, request.number, version, given, reason)
    )


def _promise(request: Request) -> Answer:
    body = request.body()
    version, due, text = body.version(), body.instant("by"), body.text("text")
    body.done()
    return _changed(
        wiring.staff_cases().promise(request.member, request.number, version, due, text)
    )


def _set_participants(request: Request) -> Answer:
    body = request.body()
    version, addresses = body.version(), body.texts("participants", EMAIL_LIMIT)
    body.done()
    return _changed(
        wiring.staff_cases().set_participants(request.member, request.number, version, addresses)
    )


def _hold(request: Request) -> Answer:
    body = request.body()
    version, reason, text = body.version(), body.one_of("reason", HOLDS), body.text("text")
    body.done()
    return _changed(
        wiring.staff_cases().hold(request.member, request.number, version, reason, text)
    )


def _release(request: Request) -> Answer:
    body = request.body()
    version = body.version()
    body.done()
    return _changed(wiring.staff_cases().release(request.member, request.number, version))


def _correct(request: Request) -> Answer:
    body = request.body()
    version, clock = body.version(), body.one_of("clock", CORRECTABLE)
    at, reason = body.instant("at"), body.text("reason", REASON_LIMIT)
    body.done()
    return _changed(
        wiring.staff_cases().correct(request.member, request.number, version, clock, at, reason)
    )


def _move_to_plan(request: Request) -> Answer:
    body = request.body()
    version = body.version()
    plan_version = body.whole("plan_version", least=1, most=MOST_VERSIONS)
    reason = body.text("reason", REASON_LIMIT)
    body.done()
    return _changed(
        wiring.staff_cases().move_to_plan(
            request.member, request.number, version, plan_version, reason
        )
    )


# -------------------------------------------------------------------- scores


def _rate(request: Request) -> Answer:
    period, agent = request.path["period"], request.path["agent"]
    body = json_body(request.event)
    rating = wiring.scoring_cases().rate(request.member, period, agent, body)
    return answer(200, presenting.rating(rating))


def _run_scores(request: Request) -> Answer:
    key = header(request.event, "idempotency-key")
    begun = wiring.scoring_cases().run(request.member, request.path["period"], key)
    return answer(202, presenting.run(begun))


def _list_scorecards(request: Request) -> Answer:
    period = request.path["period"]
    cards = wiring.scoring_cases().cards(request.member, period)
    return answer(200, presenting.scorecards(period, cards, _last_run(request.member, period)))


def _last_run(member: Member, period: str) -> Summary | None:
    if member.role not in _LEADERS:
        return None
    try:
        return wiring.scoring_cases().summary(member, period)
    except NotFound:
        return None


def _read_scorecard(request: Request) -> Answer:
    period, agent = request.path["period"], request.path["agent"]
    card = wiring.scoring_cases().card(request.member, period, agent)
    return answer(200, presenting.scorecard(card))


# -------------------------------------------------------------------- rehearsals and moves


def _rehearse(request: Request) -> Answer:
    body = Body(json_body(request.event, PLAN_LIMIT))
    document = body.given("plan")
    period, first, last = (body.optional(name, MONTH) for name in ("period", "from", "to"))
    body.done()
    key = header(request.event, "idempotency-key")
    job = wiring.rehearsal_cases().rehearse(request.member, document, period, first, last, key)
    return _begun(job, "rehearsals")


def _move_all(request: Request) -> Answer:
    version = request.plan_version
    body = request.body()
    apply, dry_run = body.flag("apply"), body.optional("dry_run", NAME_LIMIT)
    reason = body.optional("reason", REASON_LIMIT)
    body.done()
    key = header(request.event, "idempotency-key")
    job = wiring.rehearsal_cases().move(request.member, version, apply, dry_run, reason, key)
    return _begun(job, "../../rehearsals")


def _begun(job: RehearsalJob, beside: str) -> Answer:
    """202, and where to look: `beside` is seen from the request's own address (RFC 9110, 10.2.2),
    because a function does not know under which stage or domain it is called."""
    begun = {"id": job.id, "kind": job.kind.value}
    return answer(202, begun, {"Location": f"{beside}/{job.id}"})


def _read_rehearsal(request: Request) -> Answer:
    job_id = request.path["id"]
    if not re.fullmatch(r"[0-9a-f]{16}", job_id, re.ASCII):
        raise NotFound("there is no such rehearsal")
    table = _wants_table(request)
    found = wiring.rehearsal_cases().read(request.member, job_id)
    if not table:
        return answer(200, presenting.rehearsal(found))
    if found.counts is None:
        detail = f"there is no table yet: this is {found.progress.state}"
        raise Refused(plain(409, "not-done", "Not done yet", detail))
    return {
        "statusCode": 200,
        "headers": {
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": f'attachment; filename="rehearsal-{found.job.id}.csv"',
            **SECURITY,
        },
        "body": presenting.rehearsal_table(found),
    }


def _wants_table(request: Request) -> bool:
    """`?format=csv`, or `Accept: text/csv`; the address wins, since a browser sends its own."""
    wanted = request.query.get("format")
    if wanted is None:
        return "text/csv" in header(request.event, "accept").lower()
    if wanted not in ("csv", "json"):
        raise InvalidInput([Fault("/format", "unknown_value", "one of csv, json")])
    return wanted == "csv"


# -------------------------------------------------------------------- reconciliations


def _list_reconciliations(request: Request) -> Answer:
    limit = bodies.limit(request.query, MOST_REPORTS)
    found = wiring.report_cases().latest(request.member, limit)
    return answer(200, {"items": [presenting.report(one) for one in found]})


def _read_reconciliation(request: Request) -> Answer:
    given = request.path["date"]
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", given, re.ASCII):
            raise ValueError(given)
        day = date.fromisoformat(given)
    except ValueError as error:
        raise NotFound("a day such as 2026-11-23 is expected") from error
    return answer(200, presenting.report(wiring.report_cases().of_day(request.member, day)))


# -------------------------------------------------------------------- plans and the document


def _list_held(request: Request) -> Answer:
    limit, cursor = bodies.page(request.query, PAGE_LIMIT, bodies.held_key)
    return answer(200, presenting.held_page(wiring.quarantine().held(limit, cursor)))


def _read_held(request: Request) -> Answer:
    return answer(200, presenting.held_mail(wiring.quarantine().read(request.identity)))


def _release_held(request: Request) -> Answer:
    record = wiring.quarantine().release(request.member, request.identity)
    return answer(202, presenting.held(record))


def _open_mail(request: Request) -> Answer:
    found = wiring.quarantine().mail_of(request.member, request.number, request.event_number)
    return answer(200, presenting.opened(found))


def _read_plan(request: Request) -> Answer:
    return answer(200, wiring.plan_cases().current_document())


def _list_plans(request: Request) -> Answer:
    limit, cursor = bodies.page(request.query, plans.PAGE_LIMIT, bodies.version_number)
    page = wiring.plan_cases().versions(limit, int(cursor) if cursor else None)
    return answer(200, presenting.plan_page(page))


def _read_version(request: Request) -> Answer:
    return answer(200, wiring.plan_cases().document(request.plan_version))


def _publish_plan(request: Request) -> Answer:
    document = json_body(request.event, PLAN_LIMIT)
    found = wiring.plan_cases().publish(request.member, document)
    location = {"Location": f"plans/{found.about.version}"}
    return answer(201, presenting.publication(found), location)


def _read_schema(request: Request) -> Answer:
    return _shipped("plan.schema.json")


def _read_openapi(request: Request) -> Answer:
    return _shipped("openapi-staff.json")


def _shipped(name: str) -> Answer:
    document = resources.files("redress").joinpath(f"data/{name}").read_text("utf-8")
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json", **SECURITY},
        "body": document,
    }


# -------------------------------------------------------------------- the table

_STAFF = frozenset({Role.AGENT, Role.SUPERVISOR, Role.MANAGER})
_LEADERS = frozenset({Role.SUPERVISOR, Role.MANAGER})
_MANAGERS = frozenset({Role.MANAGER})

ROUTES: Mapping[tuple[str, str], Route] = {
    ("PUT", "/staff/presence"): Route(_STAFF, _set_presence),
    ("POST", "/staff/members/{agent}/departure"): Route(_LEADERS, _depart),
    ("GET", "/staff/work"): Route(_STAFF, _list_work),
    ("GET", "/staff/tickets/{number}"): Route(_STAFF, _read_ticket),
    ("GET", "/staff/tickets/{number}/clocks"): Route(_STAFF, _explain_clocks),
    ("POST", "/staff/tickets/{number}/replies"): Route(_STAFF, _reply),
    ("POST", "/staff/tickets/{number}/notes"): Route(_STAFF, _note),
    ("POST", "/staff/tickets/{number}/progress"): Route(_STAFF, _tell_progress),
    ("POST", "/staff/tickets/{number}/resolution"): Route(_STAFF, _resolve),
    ("POST", "/staff/tickets/{number}/callbacks"): Route(_STAFF, _record_callback),
    ("POST", "/staff/tickets/{number}/assignment"): Route(_STAFF, _reassign),
    ("POST", "/staff/tickets/{number}/classification"): Route(_STAFF, _reclassify),
    ("POST", "/staff/tickets/{number}/promise"): Route(_STAFF, _promise),
    ("PUT", "/staff/tickets/{number}/participants"): Route(_STAFF, _set_participants),
    ("POST", "/staff/tickets/{number}/hold"): Route(_STAFF, _hold),
    ("POST", "/staff/tickets/{number}/release"): Route(_STAFF, _release),
    ("POST", "/staff/tickets/{number}/correction"): Route(_LEADERS, _correct),
    ("POST", "/staff/tickets/{number}/plan"): Route(_LEADERS, _move_to_plan),
    ("GET", "/staff/tickets/{number}/mails/{event}"): Route(_STAFF, _open_mail),
    ("GET", "/staff/quarantine"): Route(_LEADERS, _list_held),
    ("GET", "/staff/quarantine/{id}"): Route(_LEADERS, _read_held),
    ("POST", "/staff/quarantine/{id}/release"): Route(_LEADERS, _release_held),
    ("GET", "/staff/board"): Route(_LEADERS, _show_board),
    ("PUT", "/staff/ratings/{period}/{agent}"): Route(_LEADERS, _rate),
    ("POST", "/staff/scorecards/{period}"): Route(_LEADERS, _run_scores),
    ("GET", "/staff/scorecards/{period}"): Route(_STAFF, _list_scorecards),
    ("GET", "/staff/scorecards/{period}/{agent}"): Route(_STAFF, _read_scorecard),
    ("GET", "/staff/reconciliations"): Route(_MANAGERS, _list_reconciliations),
    ("GET", "/staff/reconciliations/{date}"): Route(_MANAGERS, _read_reconciliation),
    ("GET", "/staff/plan"): Route(_STAFF, _read_plan),
    ("GET", "/staff/plans"): Route(_STAFF, _list_plans),
    ("POST", "/staff/plans"): Route(_MANAGERS, _publish_plan),
    ("GET", "/staff/plans/{version}"): Route(_STAFF, _read_version),
    ("POST", "/staff/plans/{version}/moves"): Route(_MANAGERS, _move_all),
    ("POST", "/staff/rehearsals"): Route(_MANAGERS, _rehearse),
    ("GET", "/staff/rehearsals/{id}"): Route(_MANAGERS, _read_rehearsal),
    ("GET", "/staff/plan/schema"): Route(_STAFF, _read_schema),
    ("GET", "/staff/openapi.json"): Route(_STAFF, _read_openapi),
}
"""(method, path) -> who may call it, and what it does. Whatever is not here does not exist."""


def _serve(name: str, route: Route, event: dict[str, Any]) -> Answer:
    """Identity and role first, then the route; every error becomes its problem here."""
    path: dict[str, str] = event.get("pathParameters") or {}
    if "number" in path:
        logger.append_keys(ticket=normalised(path["number"]))
    try:
        member = identify(event)
        if member.role not in route.roles:
            raise Forbidden(f"this is not for the role {member.role}")
        query = event.get("queryStringParameters") or {}
        return route.run(Request(member, path, query, event))
    except Refused as refused:
        return problem(refused.problem)
    except Exception as error:
        found = problem_for(error)
        if found.status >= 500:
            logger.error("failed", extra={"route": name} | observe.fault_of(error))
        else:
            logger.info("refused", extra={"route": name, "fault": type(error).__name__})
        return problem(found)


@logger.inject_lambda_context(clear_state=True)
def _routed(event: dict[str, Any], context: LambdaContext) -> Answer:
    """The answer of the route that API Gateway found. Failures are counted, the rest is in the log.

    A metric per route would cost more a month than the rest of an idle stack.
    """
    method, path = route_of(event)
    route = ROUTES.get((method, path))
    if route is None:
        name = "none"
        given = problem(plain(404, "not-found", "There is nothing here", "there is no such route"))
    else:
        name = f"{method} {path}"
        given = _serve(name, route, event)
    status: int = given["statusCode"]
    observe.count("staff", "RequestsFailed", int(status >= 500))
    logger.info("answered", extra={"route": name, "status": status})
    return given


def handler(event: dict[str, Any], context: LambdaContext) -> Answer:
    """A request of the HTTP API with what its authorizer read -> JSON, or a problem."""
    if event.get("warm"):
        wiring.staff_cases()
        return {"warm": True}
    given: Answer = _routed(event, context)
    return given
