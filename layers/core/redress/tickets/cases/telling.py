"""Messages that members of staff write to the customer: their words are checked before they go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from redress.base.errors import AlreadyDone, Forbidden, InvalidInput, NotAllowedNow
from redress.base.people import Actor
from redress.plans.rules.plan import Plan
from redress.tickets.cases.staff import StaffStep
from redress.tickets.rules.change import Change
from redress.tickets.rules.ticket import Ticket
from redress.tickets.rules.wording import Discouraged, checked


class Telling:
    """One message to the customer. After its step, `warnings` has the words to avoid."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.warnings: tuple[Discouraged, ...] = ()

    def step(self, make: Callable[[str], StaffStep]) -> StaffStep:
        """Return the step that `make` returns for the text, with a check of the text's words.

        The step raises InvalidInput with the refused words and all other faults of the content. So
        refused words are reported before a state in which the step is not possible.
        """

        def decide(ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime) -> Change | None:
            wording = checked(self._text, ticket.language, plan)
            self.warnings = wording.warnings
            faults = list(wording.faults)
            try:
                change = make(self._text)(ticket, plan, by=by, at=at)
            except InvalidInput as invalid:
                raise InvalidInput(faults + invalid.faults) from None
            except (NotAllowedNow, AlreadyDone, Forbidden):
                if faults:
                    raise InvalidInput(faults) from None
                raise
            if faults:
                raise InvalidInput(faults)
            return change

        return decide
