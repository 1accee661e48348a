"""Helpers for tests of the staff API: a caller of the handler, and tables of its routes.

`tests.answers` checks every answer against `openapi-staff.json`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType
from typing import Any

from redress.base.people import Actor, Member, Role
from redress.mail.incoming.store import IncomingRecord, MailState
from redress.scores.messages import AgentResult
from redress.tickets.rules.steps import by_customer, by_staff, remedying
from redress.tickets.rules.steps.remedying import NewRemedy
from redress.tickets.rules.ticket import Ticket
from redress.wiring import scoring as scoring_wiring
from redress.wiring import stores as wired_stores
from tests.builders import Clock
from tests.functions.conftest import MEMBERS, altered
from tests.world import Context, Stores


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any
    headers: dict[str, str]

    @property
    def pointers(self) -> set[str]:
        """The JSON pointers of the fields that a problem reports."""
        return {fault["pointer"] for fault in self.body["errors"]}

    @property
    def codes(self) -> dict[str, str]:
        return {fault["pointer"]: fault["code"] for fault in self.body["errors"]}


HELD_MAIL = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"
"""The identity of a mail."""
STRANGER = "li.na@office.example"

KEEP = object()
"""Stands for the body of the sample event."""


class Api:
    """Calls the handler with sample events, with the changes that a test gives."""

    def __init__(
        self, module: ModuleType, sample: Callable[[str], dict[str, Any]], context: Context
    ) -> None:
        self.module, self._sample, self._context = module, sample, context

    def event(
        self,
        name: str,
        by: str | None = None,
        *,
        body: Any = KEEP,
        raw: str | None = None,
        claims: dict[str, Any] | None = None,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        **path: str,
    ) -> dict[str, Any]:
        event = self._sample(f"staff-{name}")
        if by is not None and "authorizer" in event["requestContext"]:
            event["requestContext"]["authorizer"]["jwt"]["claims"] |= claims_of(MEMBERS[by])
        if claims is not None:
            kept = event["requestContext"]["authorizer"]["jwt"]["claims"] | claims
            event["requestContext"]["authorizer"]["jwt"]["claims"] = {
                name: value for name, value in kept.items() if value is not None
            }
        if body is not KEEP:
            raw = json.dumps(body)
        return altered(event, body=raw, query=query, headers=headers, path=path)

    def send(self, event: dict[str, Any]) -> Reply:
        given = self.module.handler(event, self._context)
        headers = given["headers"]
        found = Reply(given["statusCode"], json.loads(given["body"]), headers)
        assert found.headers["Cache-Control"] == "no-store"
        return found

    def __call__(self, name: str, by: str | None = None, **changes: Any) -> Reply:
        return self.send(self.event(name, by, **changes))


def claims_of(member: Member) -> dict[str, str]:
    """The claims of this member's ID token, in the form in which an HTTP API passes them."""
    return {
        "sub": member.id,
        "cognito:groups": f"[{member.role}]",
        "custom:team": member.team,
        "custom:languages": ",".join(member.languages),
        "custom:capacity": str(member.capacity),
        "name": member.name,
        "email": member.email,
    }


def hold_mail(number: int, clock: Clock, **fields: Any) -> IncomingRecord:
    """Put a mail to the complaints team into quarantine. It came `number` seconds from now."""
    usual: dict[str, Any] = {
        "identity": f"{number:040x}",
        "state": MailState.QUARANTINED,
        "key": f"inbound/{number}",
        "received_at": clock.now() + timedelta(seconds=number),
        "sender": "li.na@example.com",
        "sender_name": "",
        "subject": "Away",
        "excerpt": "I am away",
        "reason": "automatic",
        "team": "complaints",
    }
    record = IncomingRecord(**(usual | fields))
    wired_stores.incoming_mails().hold(record)
    return record


THIS_MONTH = "2026-11"


def score(agent: str) -> None:
    """Score an agent and finish the run, as the state machine for scores does."""
    jobs = scoring_wiring.scoring_jobs()
    month = jobs.list_agents(THIS_MONTH)
    outcome = jobs.score_agent(agent, month.period, month.preview, month.plan_version)
    result = AgentResult(agent, outcome.outcome)
    jobs.finish(month.period, month.preview, month.plan_version, [result])


def states_of(found: Reply) -> dict[str, str]:
    """The state of each promise of a ticket, by clock."""
    return {promise["clock"]: promise["state"] for promise in found.body["promises"]}


ALL = {"agent", "supervisor", "manager"}


LEADERS = {"supervisor", "manager"}


WHO_MAY = {
    "presence": ALL,
    "beat": ALL,
    "shift-plan": LEADERS,
    "shifts": ALL,
    "departure": LEADERS,
    "me": ALL,
    "members": ALL,
    "member": ALL,
    "invitation": LEADERS,
    "invitations": LEADERS,
    "invitation-withdrawal": LEADERS,
    "member-change": LEADERS,
    "suspension": LEADERS,
    "reinstatement": LEADERS,
    "connectors": {"manager"},
    "connector-make": {"manager"},
    "connector": {"manager"},
    "connector-change": {"manager"},
    "connector-rotation": {"manager"},
    "connector-key-end": {"manager"},
    "connector-suspension": {"manager"},
    "connector-reinstatement": {"manager"},
    "connector-attempts": {"manager"},
    "work": ALL,
    "mentions": ALL,
    "tickets": ALL,
    "counts": ALL,
    "changes": ALL,
    "next": {"agent"},
    "search": ALL,
    "opening": ALL,
    "templates": ALL,
    "scripts": ALL,
    "draft": ALL,
    "ticket": ALL,
    "clocks": ALL,
    "viewing": ALL,
    "promise": ALL,
    "hold": ALL,
    "participants": ALL,
    "about": ALL,
    "acceptance": ALL,
    "counting": ALL,
    "linking": ALL,
    "unlinking": ALL,
    "merging": ALL,
    "unmerging": ALL,
    "splitting": ALL,
    "unsplitting": ALL,
    "duplicate-dismissal": ALL,
    "incident-declaration": LEADERS,
    "incidents": ALL,
    "incident": ALL,
    "incident-tickets": ALL,
    "incident-word": LEADERS,
    "incident-notice": LEADERS,
    "incident-post-mortem": LEADERS,
    "incident-joining": ALL,
    "incident-leaving": ALL,
    "address-clearance": LEADERS,
    "release": ALL,
    "correction": LEADERS,
    "plan-move": LEADERS,
    "plan-schema": ALL,
    "reply": ALL,
    "note": ALL,
    "mentions-end": LEADERS,
    "reminder": LEADERS,
    "reminders": ALL,
    "task-opening": ALL,
    "tasks": ALL,
    "task": ALL,
    "task-assignment": ALL,
    "task-result": ALL,
    "task-return": ALL,
    "task-cancellation": ALL,
    "task-press": LEADERS,
    "task-extension": ALL,
    "task-extension-decision": LEADERS,
    "item-acceptance": ALL,
    "item-rejection": ALL,
    "step-result": ALL,
    "obstacle": ALL,
    "remedy-proposal": ALL,
    "remedy-approval": LEADERS,
    "remedy-refusal": LEADERS,
    "remedy-withdrawal": ALL,
    "remedy-completion": ALL,
    "remedies": LEADERS,
    "post-mortem": ALL,
    "progress": ALL,
    "resolution": ALL,
    "callback": ALL,
    "assignment": ALL,
    "accepting": ALL,
    "declining": ALL,
    "classification": ALL,
    "tags": ALL,
    "fields": ALL,
    "macros": ALL,
    "bulk": ALL,
    "macro": ALL,
    "customers": ALL,
    "customer": ALL,
    "customer-changes": LEADERS,
    "customer-edit": ALL,
    "customer-contact": ALL,
    "customer-contact-removal": ALL,
    "customer-note": ALL,
    "customer-consent": ALL,
    "customer-identity": ALL,
    "customer-identity-withdrawal": LEADERS,
    "customer-distinct": ALL,
    "customer-merge": LEADERS,
    "customer-unmerge": LEADERS,
    "relationship-calls": ALL,
    "relationship-call": ALL,
    "relationship-call-resumption": ALL,
    "relationship-call-owner": LEADERS,
    "ticket-customer": ALL,
    "mail": ALL,
    "files": ALL,
    "upload": ALL,
    "file": ALL,
    "file-withdrawal": ALL,
    "recordings": LEADERS,
    "recording": ALL,
    "quarantine": LEADERS,
    "held-mail": LEADERS,
    "held-mail-release": LEADERS,
    "board": LEADERS,
    "inspection": LEADERS,
    "inspection-check": LEADERS,
    "inspection-sign-off": LEADERS,
    "rating": LEADERS,
    "scorecards-run": LEADERS,
    "scorecards": ALL,
    "scorecard": ALL,
    "plan": ALL,
    "plans": ALL,
    "plan-version": ALL,
    "plan-publish": {"manager"},
    "plan-moves": {"manager"},
    "rehearsal-begin": {"manager"},
    "rehearsal": {"manager"},
    "reconciliations": {"manager"},
    "reconciliation": {"manager"},
    "openapi": ALL,
}
"""Sample event -> roles that may call its route."""


INCIDENT = "9f86d081884c7d65"
"""The incident of the sample events."""

CHANGES: dict[str, dict[str, Any]] = {
    "reply": {"text": "We are on it."},
    "progress": {"text": "We are looking into it."},
    "resolution": {
        "text": "Replaced.",
        "outcome": "upheld",
        "remedy": "replacement",
        "root_cause": "seal",
    },
    "callback": {"outcome": "no_answer"},
    "assignment": {"agent": None, "reason": "too much"},
    "accepting": {},
    "declining": {"reason": "I know nothing about pumps"},
    "classification": {"kind": "urgent", "reason": "scalded"},
    "tags": {"tags": ["kettle"]},
    "fields": {"fields": {"serial_number": "KX-2026-0042"}},
    "promise": {"by": "2026-11-24T10:00:00+08:00", "text": "By tomorrow at ten."},
    "hold": {"reason": "part", "text": "The pump is on its way."},
    "participants": {"participants": ["wang.wei@example.com"]},
    "about": {"members": ["a-tao"], "reason": "the customer names him"},
    "mentions-end": {"members": [], "reason": "He has answered"},
    "acceptance": {},
    "counting": {"event": 3},
    "linking": {"kind": "related", "ticket": "R-0M4C1-Z2Y3X", "reason": "the same batch"},
    "unlinking": {"kind": "related", "ticket": "R-0M4C1-Z2Y3X", "reason": "the same batch"},
    "merging": {"into": "R-0M4C1-Z2Y3X", "into_version": 1, "reason": "the same kettle"},
    "unmerging": {"reason": "another kettle"},
    "splitting": {
        "events": [1],
        "subject": "The invoice",
        "kind": "complaint",
        "reason": "another matter",
    },
    "unsplitting": {"ticket": "R-0M4C1-Z2Y3X", "reason": "the same matter"},
    "duplicate-dismissal": {"ticket": "R-0M4C1-Z2Y3X", "reason": "two kettles"},
    "incident-joining": {"incident": INCIDENT, "reason": "the same seal"},
    "incident-leaving": {"reason": "another kettle"},
    "release": {},
    "correction": {
        "clock": "first_response",
        "at": "2026-11-23T09:00:00+08:00",
        "reason": "called",
    },
    "plan-move": {"plan_version": 1, "reason": "as promised"},
    "task-opening": {"team": "service", "title": "A spare seal?", "text": "Is there one?"},
    "remedy-proposal": {
        "kind": "refund",
        "amount": 15_900,
        "currency": "CNY",
        "text": "我们给您退款。",
        "reason": "There is no spare part.",
    },
    "remedy-approval": {},
    "remedy-refusal": {"reason": "A spare part came in."},
    "remedy-withdrawal": {"reason": "They want a new one."},
    "remedy-completion": {"proof": "Transfer 0113"},
    "post-mortem": {
        "happened": "A kettle caught fire.",
        "cause": "Its thermostat sticks.",
        "no_action": "The model is not sold any more.",
    },
    "ticket-customer": {"customer": None, "reason": "a shared address"},
    "macro": {},
}
"""Sample event of a route that requires the ticket's version -> valid body without it."""

REMEDY_ACTS = ("remedy-approval", "remedy-refusal", "remedy-withdrawal", "remedy-completion")
"""Sample events of acts on a remedy. Their ticket must have one (`with_remedy`)."""


def with_remedy(stores: Stores, ticket: Ticket, amount: int = 50_000) -> Ticket:
    """The ticket with a refund that mei proposes. By default it needs an approval."""
    mei = Actor(Role.AGENT, "a-mei")
    new = NewRemedy("refund", "There is no spare part", amount, "CNY")
    text = "我们给您退款。"
    return stores.changes.change(
        ticket.number, lambda t, p, at: remedying.propose(t, p, mei, new, text, at)
    )


def with_post_mortem(stores: Stores, ticket: Ticket) -> Ticket:
    """The ticket as an urgent one that is closed and owes a post-mortem."""
    mei = Actor(Role.AGENT, "a-mei")
    urgent = by_staff.Classification(kind="urgent")
    if ticket.kind != "urgent":
        stores.changes.change(
            ticket.number, lambda t, p, at: by_staff.reclassify(t, p, mei, urgent, "fire", at)
        )
    return stores.changes.change(ticket.number, lambda t, p, at: by_customer.withdraw(t, p, "", at))


TASK_ACTS: dict[str, dict[str, Any]] = {
    "task-assignment": {"owner": "a-tao"},
    "task-result": {"text": "There is one."},
    "task-return": {"text": "Not ours."},
    "task-cancellation": {"reason": "Not needed."},
    "task-press": {"text": "Today, please."},
    "task-extension": {"until": "2026-11-27T10:00:00+08:00", "text": "It comes from abroad."},
    "task-extension-decision": {"decision": "refused", "reason": "The customer waits."},
}
"""Sample event of an act on a task -> valid body without the task's revision."""

ITEM_ACTS: dict[str, dict[str, Any]] = {
    "item-acceptance": {"text": "It came by post."},
    "item-rejection": {"text": "The name cannot be read."},
    "step-result": {"text": "Your new address is in your account."},
    "obstacle": {"who": "third_party", "text": "The tax office does not answer today."},
}
"""Sample event of an act on an item of a checklist -> valid body without the ticket's version."""
