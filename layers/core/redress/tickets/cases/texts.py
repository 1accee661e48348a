"""The texts that a plan has ready for staff: reply templates, drafts of them, and call scripts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from redress.base.errors import Fault, InvalidInput
from redress.base.languages import LANGUAGES
from redress.base.people import Member
from redress.plans.rules import templates
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.tickets import templating
from redress.tickets.cases.staff import must_see
from redress.tickets.cases.telling import Telling
from redress.tickets.rules.ticket import Ticket
from redress.tickets.rules.wording import Discouraged
from redress.tickets.store.tickets import TicketStore


class Draft(Struct, frozen=True):
    """What a message would say. `warnings` has its words to avoid. Nothing is stored."""

    text: str
    language: str
    warnings: tuple[Discouraged, ...]


class Script(Struct, frozen=True):
    """One call script. `unresolved` has the variables that are still in the text, in braces."""

    name: str
    text: str
    unresolved: list[str]


class Scripts(Struct, frozen=True):
    plan_version: int
    language: str
    scripts: list[Script]


class TextCases:
    def __init__(self, tickets: TicketStore, plans: Plans, now: Callable[[], datetime]) -> None:
        self._tickets, self._plans, self._now = tickets, plans, now

    def plan(self, member: Member, number: str | None) -> Plan:
        """The plan whose texts apply: that of a ticket, or the plan for new tickets.

        Raises NotFound if the member may not see the ticket.
        """
        return self._of(member, number)[1]

    def draft(self, member: Member, number: str, content: Callable[[], Telling]) -> Draft:
        """What a message to the customer would say now. `content` reads it from the request.

        Raises NotFound if the member may not see the ticket, and then the errors of `content` and
        of `Telling.text_for`.
        """
        ticket, plan = self._of(member, number)
        assert ticket is not None, "the draft is for a ticket"
        telling = content()
        text = telling.text_for(ticket, plan, self._now())
        return Draft(text, ticket.language, telling.warnings)

    def scripts(self, member: Member, number: str | None, language: str | None) -> Scripts:
        """The call scripts in a language, filled with what is known about a ticket.

        The language is that of the ticket's customer, or the member's first one if no ticket is
        named. Raises NotFound if the member may not see the ticket, and InvalidInput for an unknown
        language.
        """
        ticket, plan = self._of(member, number)
        if language is not None and language not in LANGUAGES:
            known = ", ".join(LANGUAGES)
            raise InvalidInput([Fault("/language", "unknown_language", f"one of {known}")])
        language = language or (ticket.language if ticket is not None else member.languages[0])
        values = {"agent": member.name}
        if ticket is not None:
            values = templating.values_of(plan, ticket, member.name, self._now(), language=language)
        else:
            values["team"] = plan.team_names.get(member.team, {}).get(language, member.team)
        found = []
        for name, texts in plan.scripts.items():
            text = texts[language]
            unresolved = [one for one in templates.variables_of(text) if one not in values]
            found.append(Script(name, templates.filled(text, values).strip(), unresolved))
        return Scripts(plan.version, language, found)

    def _of(self, member: Member, number: str | None) -> tuple[Ticket | None, Plan]:
        if number is None:
            return None, self._plans.current()
        ticket = self._tickets.get(number)
        must_see(member, ticket)
        return ticket, self._plans.get(ticket.plan_version)
