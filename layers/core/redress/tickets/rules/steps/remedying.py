"""The steps of remedies: proposing one, deciding about it, taking it back, saying that it is done.

`StaffCases.act` has checked that the member may act on the ticket, and calls a step for a remedy
that the ticket has. A step first checks the content (InvalidInput), then whether it is possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from redress.base.errors import Fault, Forbidden, InvalidInput, LimitReached, NotAllowedNow
from redress.base.money import MOST_AMOUNT, Money
from redress.base.people import Actor
from redress.plans.rules import remedies as in_plan
from redress.plans.rules.plan import Plan
from redress.plans.rules.remedies import Amounts
from redress.tickets.rules import remedy_rights
from redress.tickets.rules.attached import Attached, is_over, listed
from redress.tickets.rules.change import Change
from redress.tickets.rules.remedies import MOST_REMEDIES, Remedy, RemedyState, find
from redress.tickets.rules.steps.draft import Draft, checked_text, recipients, require_possible
from redress.tickets.rules.steps.table import Step
from redress.tickets.rules.ticket import EventType, Ticket
from redress.tickets.rules.wording import checked


class NewRemedy(Struct, frozen=True):
    """What is proposed. `due` is None for the plan's time; `why` is for staff only."""

    kind: str
    why: str
    amount: int | None = None
    currency: str | None = None
    due: datetime | None = None


def propose(
    ticket: Ticket,
    plan: Plan,
    by: Actor,
    new: NewRemedy,
    text: str,
    at: datetime,
    beside: Sequence[Money] = (),
) -> Change:
    """Promise the customer a remedy, or propose it if it needs an approval (`needs_approval`).

    `text` is what the customer is told: at once, or when it is approved. `beside` is what the same
    customer gets in the other parts of a matter that was split. Raises InvalidInput with
    every fault, NotAllowedNow if the plan has no remedies, LimitReached if the ticket has as many
    as it can have, and AnswerWindowEnded if a promise could not reach the customer now.
    """
    data: dict[str, Any] = {"kind": new.kind, "why": checked_text(new.why, "/reason")}
    if in_plan.has_remedies(plan) and (faults := _faults_of(new, plan, at)):
        raise InvalidInput(faults)
    require_possible(Step.PROPOSE_REMEDY, ticket)
    _require_plan(plan)
    if len(ticket.remedies) >= MOST_REMEDIES:
        raise LimitReached(f"this ticket has {MOST_REMEDIES} remedies")
    id_ = str(len(ticket.remedies) + 1)
    data |= {"remedy_id": id_, "text": text}
    money = None
    if new.amount is not None and new.currency is not None:
        money = Money(new.amount, new.currency)
        data |= {"amount": money.amount, "currency": money.currency}
    if new.due is not None:
        data["due"] = new.due.isoformat()
    if ticket.assignee not in (None, by.id):
        data["assignee"] = ticket.assignee
    needs = needs_approval(ticket, plan, money, beside)
    if needs:
        data["needs_approval"] = True
    draft = Draft(ticket, plan, by, at).add(EventType.REMEDY_PROPOSED, data)
    if not needs:
        remedy = find(draft.after.remedies, id_)
        assert remedy is not None, "the draft has it"
        data = _promise(plan, remedy, new.due, text, at) | recipients(ticket, plan, at)
        draft.add(EventType.REMEDY_PROMISED, data)
    return draft.change()


def needs_approval(
    ticket: Ticket, plan: Plan, money: Money | None, beside: Sequence[Money] = ()
) -> bool:
    """Whether somebody else must approve one more remedy of this amount.

    The bound of the plan is for all remedies of the ticket together, with those of tickets that
    were merged into it and those `beside` it (`propose`), so nobody can promise in two parts what
    they may not promise at once. For the same reason a second currency needs an approval.
    """
    if money is None:
        return False
    others = [*granted_in(ticket), *beside]
    if any(one.currency != money.currency for one in others):
        return True
    total = money.amount + sum(one.amount for one in others)
    return total > in_plan.bounds(plan).get(money.currency, 0)


def granted_in(ticket: Ticket) -> list[Money]:
    """What the customer gets or got in a ticket, or will if it is approved."""
    own = [one.money for one in ticket.remedies if one.stands and one.money is not None]
    return own + [one.money for one in ticket.granted]


def approve(
    ticket: Ticket, plan: Plan, by: Actor, id_: str, due: datetime | None, text: str, at: datetime
) -> Change:
    """Approve a proposed remedy: the customer is promised it now.

    `due` replaces the due time of the proposal, which may be over. `text` is what the proposal says
    to the customer.
    """
    remedy = _remedy(ticket, id_)
    wanted = due or remedy.due
    # Whether it is undecided comes first: the due time of a remedy that is done may be over.
    if remedy.is_undecided and (fault := _fault_of_due(wanted, plan, at)):
        raise InvalidInput([fault])
    _require("approve_remedy", Step.APPROVE_REMEDY, ticket, remedy, by)
    _require_plan(plan)
    data = _promise(plan, remedy, wanted, text, at) | {"approved": True}
    data |= recipients(ticket, plan, at, always=True, unspoken=True)
    return Draft(ticket, plan, by, at).add(EventType.REMEDY_PROMISED, data).change()


def refuse(ticket: Ticket, plan: Plan, by: Actor, id_: str, why: str, at: datetime) -> Change:
    """Refuse a proposed remedy, with a reason. The customer learns nothing of it."""
    data = {"remedy_id": id_, "why": checked_text(why, "/reason")}
    _require("refuse_remedy", Step.REFUSE_REMEDY, ticket, _remedy(ticket, id_), by)
    return Draft(ticket, plan, by, at).add(EventType.REMEDY_REFUSED, data).change()


def withdraw(
    ticket: Ticket, plan: Plan, by: Actor, id_: str, why: str, text: str, at: datetime
) -> Change:
    """Take a remedy back. `why` is for staff.

    A customer who was promised it gets a `text`. Raises InvalidInput without that text, or with one
    for a customer who knows nothing of the remedy.
    """
    remedy = _remedy(ticket, id_)
    data: dict[str, Any] = {"remedy_id": id_, "why": checked_text(why, "/reason")}
    told = checked_text(text, "/text", required=False)
    faults = list(checked(told, ticket.language, plan).faults)
    if remedy.is_owed and not told:
        detail = "the customer was promised it: say why they do not get it"
        faults.append(Fault("/text", "word_needed", detail))
    if remedy.is_undecided and told:
        faults.append(Fault("/text", "not_told", "the customer knows nothing of this remedy"))
    if faults:
        raise InvalidInput(faults)
    _require("withdraw_remedy", Step.WITHDRAW_REMEDY, ticket, remedy, by)
    if told:
        data |= {"text": told} | recipients(ticket, plan, at, always=True, unspoken=True)
    return Draft(ticket, plan, by, at).add(EventType.REMEDY_WITHDRAWN, data).change()


def finish(
    ticket: Ticket,
    plan: Plan,
    by: Actor,
    id_: str,
    proof: str,
    text: str,
    at: datetime,
    file: str | None = None,
    files: Sequence[Attached] = (),
) -> Change:
    """Record that the customer got the remedy. `proof` says how that can be seen; it is for staff.

    `file` is the id of a file that proves it, out of the `files` of the ticket. One that `by` has
    uploaded for this becomes part of the event, which only staff see. `text` is told to the
    customer besides the fact itself, and may be empty.
    """
    remedy = _remedy(ticket, id_)
    data: dict[str, Any] = {"remedy_id": id_, "proof": checked_text(proof, "/proof")}
    told = checked_text(text, "/text", required=False)
    faults = list(checked(told, ticket.language, plan).faults)
    if file is not None:
        found = next((one for one in files if one.id == file), None)
        if found is None or not _is_proof(found, by, at):
            detail = "a file of the ticket that was kept, or one that you have uploaded for this"
            faults.append(Fault("/file", "unknown_file", detail))
        elif _waits(found):
            data["files"] = [listed(found)]
        data["proof_file"] = file
    if faults:
        raise InvalidInput(faults)
    _require("finish_remedy", Step.FINISH_REMEDY, ticket, remedy, by)
    if told:
        data["text"] = told
    data |= recipients(ticket, plan, at, always=True, unspoken=True)
    return Draft(ticket, plan, by, at).add(EventType.REMEDY_DONE, data).change()


def _is_proof(file: Attached, by: Actor, at: datetime) -> bool:
    """Whether a file can prove a remedy: it is kept, and no upload of somebody else's that waits
    for its message."""
    return file.is_kept and (not _waits(file) or (file.by.id == by.id and not is_over(file, at)))


def _waits(file: Attached) -> bool:
    """Whether a member of staff has uploaded the file, and no message refers to it yet."""
    return file.by.is_staff and file.event is None


def _faults_of(new: NewRemedy, plan: Plan, at: datetime) -> list[Fault]:
    known, faults = in_plan.kinds(plan), list[Fault]()
    if new.kind not in known:
        faults.append(Fault("/kind", "unknown_remedy", f"one of {', '.join(known)}"))
    has_amount = new.kind in known and in_plan.amounts(plan, new.kind) is not Amounts.NONE
    for name, value in (("amount", new.amount), ("currency", new.currency)):
        if has_amount and value is None:
            faults.append(Fault(f"/{name}", "required", f"a {new.kind} has an amount of money"))
        if new.kind in known and not has_amount and value is not None:
            faults.append(Fault(f"/{name}", "no_amount", f"a {new.kind} has no amount of money"))
    currencies = in_plan.bounds(plan)
    if new.currency is not None and new.currency not in currencies:
        detail = f"one of {', '.join(currencies)}"
        faults.append(Fault("/currency", "unknown_currency", detail))
    if new.amount is not None and not 1 <= new.amount <= MOST_AMOUNT:
        faults.append(Fault("/amount", "out_of_range", f"from 1 to {MOST_AMOUNT}"))
    if fault := _fault_of_due(new.due, plan, at):
        faults.append(fault)
    return faults


def _fault_of_due(due: datetime | None, plan: Plan, at: datetime) -> Fault | None:
    most_s = in_plan.most_s(plan)
    if due is None or at < due <= at + timedelta(seconds=most_s):
        return None
    detail = f"an instant to come, within {most_s // 86_400} days"
    return Fault("/due_at", "not_in_time", detail)


def _promise(
    plan: Plan, remedy: Remedy, due: datetime | None, text: str, at: datetime
) -> dict[str, Any]:
    """The data of the event that the customer is told of a remedy."""
    given = in_plan.promise(plan, remedy.kind)
    until = due or plan.calendar(given.calendar).add(at, given.target_s)
    data = {"remedy_id": remedy.id, "kind": remedy.kind, "text": text, "due": until.isoformat()}
    return data | ({"given": True} if due is not None else {})


def _remedy(ticket: Ticket, id_: str) -> Remedy:
    remedy = find(ticket.remedies, id_)
    assert remedy is not None, "whoever calls the step has found it"
    return remedy


class RemedyNotAllowedNow(NotAllowedNow):
    """The remedy is in another state than this needs, or the plan has no remedies."""

    def __init__(self, detail: str) -> None:
        super(NotAllowedNow, self).__init__(detail)


def _require(act: str, step: Step, ticket: Ticket, remedy: Remedy, by: Actor) -> None:
    """Raise NotAllowedNow if the remedy is in a state in which the act is not possible.

    Then raise Forbidden if it is for somebody else to do.
    """
    require_possible(step, ticket)
    if not remedy_rights.is_possible(remedy, act):
        raise RemedyNotAllowedNow(f"the remedy is {remedy.state}")
    if not remedy_rights.may_make(by, ticket, remedy, act):
        raise Forbidden(_FOR_OTHERS[RemedyState(remedy.state)])


_FOR_OTHERS = {
    RemedyState.PROPOSED: "a leader decides who has neither proposed it nor has or had the ticket, "
    "and a manager while it is unclear whom it is about",
    RemedyState.PROMISED: "only a leader takes back what the customer was promised",
}


def _require_plan(plan: Plan) -> None:
    if not in_plan.has_remedies(plan):
        raise RemedyNotAllowedNow("the service plan of this ticket has no remedies")
