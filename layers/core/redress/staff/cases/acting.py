"""The steps of acts that a macro or a bulk names, for any ticket."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from redress.base import tags
from redress.base.errors import Fault, InvalidInput, Unchanged, pointer
from redress.base.people import Actor
from redress.customers.cases.resolving import ResolvingCase
from redress.plans.rules.acts import Fields
from redress.plans.rules.plan import Plan, seconds_of
from redress.staff.cases.reassignment import ReassignmentCase
from redress.tickets.cases.staff import StaffStep
from redress.tickets.cases.telling import Telling
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_staff, of_incidents
from redress.tickets.rules.steps.by_staff import Classification
from redress.tickets.rules.steps.draft import checked_text
from redress.tickets.rules.ticket import Ticket


class ActingCase:
    def __init__(
        self,
        resolving: ResolvingCase,
        reassignment: ReassignmentCase,
        joining: Callable[[str, str], StaffStep],
    ) -> None:
        """`joining` returns the step by which a ticket joins an incident, given its id and why."""
        self._resolving, self._reassignment, self._joining = resolving, reassignment, joining

    def step(self, name: str, fields: Fields, why: str, agent: str) -> StaffStep:
        """The step of the act `name`, which `plans.rules.acts` has checked.

        `why` is the reason of a change that needs one, if the act gives none. `agent` is the name
        of the member of staff, for templates. Raises InvalidInput for an agent, a team or an
        incident that there is not.
        """
        reason = fields.get("reason", why)
        match name:
            case "release":
                return by_staff.release
            case "set_tags":
                return partial(_retag, fields=fields)
            case "reclassify":
                names = Classification.__struct_fields__
                wanted = Classification(**{one: fields[one] for one in names if one in fields})
                return partial(by_staff.reclassify, given=wanted, why=reason)
            case "reassign":
                return self._reassignment.step(fields.get("agent"), fields.get("team"), reason)
            case "join_incident":
                return self._joining(fields["incident"], fields.get("reason", ""))
            case "leave_incident":
                return partial(of_incidents.leave, why=reason)
            case "note":
                return partial(_note, fields=fields)
            case _:
                return partial(self._tell, name=name, fields=fields, agent=agent)

    def _tell(
        self,
        ticket: Ticket,
        plan: Plan,
        /,
        *,
        by: Actor,
        at: datetime,
        name: str,
        fields: Fields,
        agent: str,
    ) -> Change | None:
        """Send the customer a message in the language of the ticket.

        Its words are checked, and its template is filled, as those of a single message.
        """
        due = at + timedelta(seconds=seconds_of(fields["within"])) if "within" in fields else None
        template = fields.get("template")
        text = _text_for(ticket, fields) if template is None else None
        telling = Telling(text, template, fields.get("values", {}), due, agent=agent)
        step = telling.step(lambda text: self._message(name, fields, text, due))
        return step(ticket, plan, by=by, at=at)

    def _message(self, name: str, fields: Fields, text: str, due: datetime | None) -> StaffStep:
        match name:
            case "reply":
                wait = fields.get("wait_for_customer", False)
                return partial(by_staff.reply, text=text, wait_for_customer=wait)
            case "tell_progress":
                return partial(by_staff.tell_progress, text=text)
            case "promise":
                assert due is not None, "a promise is due within a duration"
                return partial(by_staff.promise, due=due, text=text)
            case "hold":
                return partial(by_staff.hold, reason=fields["reason"], text=text)
            case "resolve":
                given = [fields.get(one) for one in ("outcome", "remedy", "root_cause", "cause")]
                return partial(self._resolving.step(text, *given), files=())
            case _:
                raise ValueError(f"{name} is no message")


def _note(
    ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime, fields: Fields
) -> Change | None:
    return by_staff.note(ticket, plan, by, _text_for(ticket, fields), at)


def _text_for(ticket: Ticket, fields: Fields) -> str:
    """The text of an act in the language of the ticket. Raises InvalidInput if it has none."""
    texts = fields["text"]
    here = pointer("text", ticket.language)
    if ticket.language not in texts:
        detail = f"the ticket is in {ticket.language}, and the act has no text in it"
        raise InvalidInput([Fault(here, "no_text", detail)])
    return checked_text(texts[ticket.language], here)


def _retag(
    ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime, fields: Fields
) -> Change | None:
    """Add and remove tags. The others stay. Raises Unchanged if the ticket has these tags."""
    added, removed = ({tags.folded(one) for one in fields.get(n, ())} for n in ("add", "remove"))
    wanted = sorted((set(ticket.tags) | added) - removed)
    try:
        return by_staff.set_tags(ticket, plan, by, wanted, at)
    except Unchanged as same:
        faults = [Fault("", one.code, one.detail) for one in same.faults]
        raise Unchanged(faults) from None
    except InvalidInput as invalid:
        # The tags are in their form, so only their number can be wrong.
        faults = [Fault("/add", one.code, one.detail) for one in invalid.faults]
        raise InvalidInput(faults) from None
