"""Bulk acts: one act, or one macro, on many tickets, with an answer for each of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from route import IDEMPOTENCY_KEY, STAFF, Request, Route
from ticket_view import lengthened_view

from redress.base import observe
from redress.edge.bodies import Body, Faults, OptionalOneOf, OptionalText, Unread
from redress.edge.http import LONGEST_CHARACTER, Answer, answer
from redress.edge.problems import problem_for, to_json
from redress.plans.rules import acts
from redress.plans.rules.reader import NAME_LIMIT
from redress.staff.cases import bulk
from redress.staff.cases.bulk import Bulk, Outcome, Result
from redress.wiring import staff as wiring

logger = observe.logger("staff")

LIMIT = LONGEST_CHARACTER * 3 * acts.TEXT_LIMIT + 100_000
"""The most bytes of a body: a text in three languages, and the numbers of the tickets."""


class ActContent(Unread, frozen=True):
    """The fields of the act. The handler gets an object."""

    @property
    def required(self) -> bool:
        return False

    def read(self, body: Mapping[str, Any], faults: Faults) -> Any:
        return bulk.fields_of(body, faults)


class BulkTickets(Unread, frozen=True):
    """The tickets, each with the version that the caller has read."""

    def read(self, body: Mapping[str, Any], faults: Faults) -> Any:
        return bulk.wishes_of(body.get(self.name), faults)


def run_bulk(request: Request) -> Answer:
    content = request.content()
    given = content.body
    wanted = Bulk(given["act"], given["macro"], given["content"], given["tickets"])
    outcomes = list(wiring.bulk().run(request.member, wanted, content.key))
    counts = {
        "done": sum(one.result in (Result.DONE, Result.REPEATED) for one in outcomes),
        "refused": sum(one.result is Result.REFUSED for one in outcomes),
        "left": sum(one.result is Result.LEFT for one in outcomes),
    }
    logger.info("bulk", extra=counts)
    return answer(200, counts | {"tickets": [outcome_view(one) for one in outcomes]})


# -------------------------------------------------------------------- views


def outcome_view(outcome: Outcome) -> dict[str, Any]:
    """`BulkTicket`: what became of one ticket, with the problem that its own route would give."""
    problem = None
    if outcome.error is not None:
        found = problem_for(outcome.error)
        if found.status >= 500:
            about = {"ticket": outcome.number, "status": found.status}
            logger.error("failed", extra=about | observe.fault_of(outcome.error))
        problem = to_json(found)
    return {
        "number": outcome.number,
        "result": outcome.result.value,
        "version": outcome.version,
        "problem": problem,
        **lengthened_view(outcome.events),
    }


# -------------------------------------------------------------------- declarations

ROUTES = (
    Route(
        "POST",
        "/staff/bulk",
        STAFF,
        run_bulk,
        body=Body(
            "Bulk",
            (
                OptionalOneOf("act", tuple(acts.FIELDS)),
                OptionalText("macro", NAME_LIMIT),
                ActContent("content", "ActContent"),
                BulkTickets("tickets", "BulkTickets"),
            ),
            LIMIT,
        ),
        headers=(IDEMPOTENCY_KEY,),
        key_required=True,
        answer="BulkResult",
        problems=(404,),
    ),
)
