"""Messages that members of staff write to the customer: their words are checked before they go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from redress.base.errors import AlreadyDone, Fault, Forbidden, InvalidInput, NotAllowedNow
from redress.base.people import Actor
from redress.plans.rules.plan import Plan
from redress.tickets import templating
from redress.tickets.cases.staff import StaffStep
from redress.tickets.rules.change import Change
from redress.tickets.rules.ticket import Ticket
from redress.tickets.rules.wording import Discouraged, checked

VALUE_LIMIT = 5_000
"""The most characters of a value that the writer gives for a variable."""
UNKNOWN = "…"
"""The text with which a step is tried if the template has no text. The step finds its faults."""


class Telling:
    """One message to the customer. After its step, `warnings` has the words to avoid."""

    def __init__(
        self,
        text: str | None,
        template: str | None = None,
        values: Mapping[str, str] = templating.NO_VALUES,
        due: datetime | None = None,
        *,
        agent: str = "",
    ) -> None:
        """Either `text` is given, or the name of a template of the ticket's plan.

        `values` are those of the template's variables that the writer gives, and `agent` is the
        writer's name. `due` is the time that they promise in the message, if they promise one.
        """
        self._agent, self._due = agent, due
        self._text, self._template, self._values = text, template, values
        self.warnings: tuple[Discouraged, ...] = ()

    def step(self, make: Callable[[str], StaffStep]) -> StaffStep:
        """Return the step that `make` returns for the text, with a check of the text's words.

        The step raises InvalidInput with the variables without a value, the refused words, and all
        other faults of the content. So they are reported before a state in which the step is not
        possible.
        """

        def decide(ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime) -> Change | None:
            text, faults = UNKNOWN, list[Fault]()
            try:
                text = self.text_for(ticket, plan, at)
            except InvalidInput as invalid:
                faults = invalid.faults
            try:
                change = make(text)(ticket, plan, by=by, at=at)
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

    def text_for(self, ticket: Ticket, plan: Plan, at: datetime) -> str:
        """Return the text for a ticket, and set `warnings`.

        The words that the customer wrote, such as the subject in a template, are not checked.
        Raises InvalidInput with every variable without a value, or with every refused word.
        """
        if self._template is None:
            assert self._text is not None, "a message has a text or a template"
            text, own, pointer = self._text, self._text, "/text"
            if self._values:
                raise InvalidInput([Fault("/values", "needs_template", "a text has no variables")])
        else:
            given = (self._agent, at, self._values, self._due)
            rendered = templating.render(plan, self._template, ticket, *given)
            text, own, pointer = rendered.text, rendered.own, "/template"
        wording = checked(own, ticket.language, plan, pointer)
        if wording.faults:
            raise InvalidInput(list(wording.faults))
        self.warnings = wording.warnings
        return text
