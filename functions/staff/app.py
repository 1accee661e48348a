"""The staff API, which agents, supervisors and managers use from their own client or CRM.

The routes of machines are served here, too: most of them run the code of a route of the staff.
The table `routes.ROUTES` has the roles that may call each route. The use cases check whether the
caller may see or change the ticket.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import machines
from aws_lambda_powertools.utilities.typing import LambdaContext
from identity import Claims, identify
from route import Proof, Request, Route
from routes import MACHINE_ROUTES, ROUTES

from redress.base import observe
from redress.base.errors import Forbidden
from redress.base.people import Member
from redress.edge.compression import compressed
from redress.edge.http import Answer, Refused, problem, route_of, source_of
from redress.edge.problems import plain, problem_for
from redress.tickets.rules.numbers import normalised
from redress.wiring import staff as wiring

logger = observe.logger("staff")


@cache
def _claims() -> Claims:
    """Where this stack's issuer puts the claims of staff."""
    given = wiring.settings()
    return Claims(
        given.staff_audience,
        given.role_claim,
        given.team_claim,
        given.languages_claim,
        given.capacity_claim,
    )


def _caller(event: dict[str, Any], route: Route) -> Member:
    """Who calls. The token says who it is, and the member's item what they may do.

    A machine has no token. It has signed the request.
    """
    if route.proof is not Proof.SIGN_IN:
        if (claimed := machines.claimed(event)) is not None:
            logger.append_keys(connector=claimed)
        found = machines.caller(event, route)
        logger.append_keys(connector=found.id)
        return found
    return wiring.sign_in().caller(identify(event, _claims()), source_of(event))


def _serve(name: str, route: Route, event: dict[str, Any]) -> Answer:
    """Check identity, role and path, and run the route. An error becomes a problem."""
    path: dict[str, str] = event.get("pathParameters") or {}
    if "number" in path:
        logger.append_keys(ticket=normalised(path["number"]))
    try:
        member = _caller(event, route) if route.roles else None
        if member and member.role not in route.roles:
            raise Forbidden(f"this is not for the role {member.role}")
        query = event.get("queryStringParameters") or {}
        return route.run(Request(member, route.parsed(path), query, event, route, ROUTES))
    except Refused as refused:
        return problem(refused.problem)
    except Exception as error:
        found = problem_for(error)
        about = {"route": name, "status": found.status}
        if found.status >= 500:
            logger.error("failed", extra=about | observe.fault_of(error))
        else:
            logger.info("refused", extra=about | {"fault": type(error).__name__})
        return problem(found)


@logger.inject_lambda_context(clear_state=True)
def _routed(event: dict[str, Any], context: LambdaContext) -> Answer:
    """Find the route that API Gateway matched, and answer.

    The log has every answer. API Gateway itself counts the answers that say that we failed.
    """
    method, path = route_of(event)
    route = ROUTES.get((method, path)) or MACHINE_ROUTES.get((method, path))
    if route is None:
        name = "none"
        given = problem(plain(404, "not-found", "There is nothing here", "there is no such route"))
    else:
        name = f"{method} {path}"
        given = _serve(name, route, event)
    status: int = given["statusCode"]
    logger.info("answered", extra={"route": name, "status": status})
    return given


def handler(event: dict[str, Any], context: LambdaContext) -> Answer:
    """Answer with JSON or with a problem.

    The authorizer has checked the token, unless the route is for EVERYBODY.
    """
    if event.get("warm"):
        wiring.staff_cases()
        wiring.sign_in()
        return {"warm": True}
    return compressed(event, _routed(event, context))
