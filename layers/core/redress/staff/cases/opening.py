"""Open a ticket for a customer with whom a member of staff speaks on a live channel.

The ticket, its events, its assignment and the record of the request are one transaction. So the
agent who takes the call has the ticket, or nothing was opened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from redress.base import catalogue, idempotency
from redress.base.errors import AgentNotFree, Fault, InvalidInput, KeyReused, NotFound, Unavailable
from redress.base.people import Member, Role
from redress.db import encoding, keys
from redress.plans.rules import templates
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.staff.cases.names import StaffNames
from redress.staff.rules.eligibility import IN_WORDS, WhyNot, need_of, reasons
from redress.staff.store import StaffStore
from redress.tickets import templating
from redress.tickets.cases.changes import Decided, RacedTooOften, TicketChanges
from redress.tickets.rules import access
from redress.tickets.rules.change import Change
from redress.tickets.rules.numbers import new_number
from redress.tickets.rules.steps.opening import open_for_caller
from redress.tickets.rules.submission import Submission, parse
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.opening_keys import OpenedWithKey, OpeningKeys
from redress.tickets.store.tickets import TicketStore
from redress.tickets.store.transaction import DoneAlready

LIVE_CHANNELS = ("phone", "chat", "social")
"""The channels on which a member of staff can speak with a customer."""
ME, TEAM = ASSIGN = ("me", "team")
"""Who gets the ticket: whoever opens it, or the queue of the team that handles its kind."""
SCRIPT = "opened"
"""The call script that says what a caller is told whose ticket was opened."""


YOURS = {
    WhyNot.ABOUT: "the complaint is about you",
    WhyNot.NOT_AGENT: "you are not an agent",
    WhyNot.TEAM: "the team {team} handles this kind: give it to the team",
    WhyNot.PRESENCE: "you are away: set your presence to available first",
    WhyNot.FULL: "you have as many tickets as you may have",
    WhyNot.IN_A_CALL: "you are in another conversation that leaves no room for this one: if it is "
    "over, write down its outcome or set your presence to available",
    WhyNot.LANGUAGE: "the ticket is not in one of your languages",
    WhyNot.SKILL: "you do not have the skill that it needs",
    WhyNot.LEVEL: "your level of the skill that it needs is too low",
    WhyNot.RESERVE: "you are reserve staff, and there is not too much work",
    WhyNot.OFF_SHIFT: "you are not on shift",
    WhyNot.SHIFT_END: "your shift or the time before your break ends soon",
    WhyNot.IN_A_BREAK: "you are in a break",
}
"""Why the member who opens a ticket may not have it, as they are told. Nothing was opened."""


class Told(msgspec.Struct, frozen=True):
    """What the caller is told. It is stored with the request's key, so a repeat says the same.

    `by_mail` says whether an acknowledgement follows by mail.
    """

    number: str
    language: str
    say: str
    by_mail: bool


class Opened(msgspec.Struct, frozen=True):
    """The ticket that was opened, as it is now; None if its opener may not see it."""

    told: Told
    ticket: Ticket | None
    replayed: bool


class OpeningCase:
    def __init__(
        self,
        tickets: TicketStore,
        changes: TicketChanges,
        keys: OpeningKeys,
        plans: Plans,
        staff: StaffStore,
        names: StaffNames,
        now: Callable[[], datetime],
    ) -> None:
        self._tickets, self._changes, self._keys = tickets, changes, keys
        self._plans, self._staff, self._names, self._now = plans, staff, names, now

    def open(self, member: Member, body: Any, key: str) -> Opened:
        """Open a ticket for a decoded body, once per idempotency key of this member.

        Raises InvalidInput with every wrong field. Raises KeyReused if the member used the key with
        another body, and AgentNotFree if they want the ticket and may not get it
        (`eligibility.reasons`).
        Raises Unavailable if the ticket could not be written. If any of them is raised, nothing is
        written.
        """
        faults = [fault for fault in [idempotency.fault_of(key)] if fault is not None]
        # Customers have keys of the same form. Theirs are headers, which have no line feed.
        own_key = f"staff\n{member.id}\n{key}"
        print_ = encoding.fingerprint(body) if isinstance(body, Mapping) else ""
        try:
            asked = self._read(member, body)
        except InvalidInput as invalid:
            # The plan may have lost the category since the request was made for the first time.
            earlier = None if faults or not print_ else self._keys.earlier(own_key)
            if earlier is not None and earlier.fingerprint == print_:
                return self._again(member, earlier, print_)
            raise InvalidInput(faults + invalid.faults) from None
        if faults:
            raise InvalidInput(faults)
        if earlier := self._keys.earlier(own_key):
            return self._again(member, earlier, print_)
        submission, takes, answered = asked
        try:
            return self._changes.write(
                lambda: self._attempt(member, submission, takes, answered, own_key, print_)
            )
        except DoneAlready as same:
            earlier = self._keys.earlier(own_key)
            if earlier is None:
                raise Unavailable() from same
            return self._again(member, earlier, print_)
        except RacedTooOften as error:
            raise Unavailable() from error

    def _read(self, member: Member, body: Any) -> tuple[Submission, bool, bool | None]:
        """The submission of a body, whether the member takes the ticket, and `answered`."""
        faults = []
        channel, assign, answered = "", TEAM, None
        rest = body
        if isinstance(body, Mapping):
            rest = dict(body)
            channel = rest.pop("channel", None)
            assign = TEAM if (given := rest.pop("assign", None)) is None else given
            answered = rest.pop("answered", None)
            for name, value, known in (
                ("channel", channel, LIVE_CHANNELS),
                ("assign", assign, ASSIGN),
            ):
                if value is None:
                    faults.append(Fault(f"/{name}", "required", "this field is required"))
                elif not isinstance(value, str) or value not in known:
                    faults.append(Fault(f"/{name}", "unknown_value", f"one of {', '.join(known)}"))
            if assign == ME and member.role is not Role.AGENT:
                faults.append(Fault("/assign", "not_an_agent", "only agents take tickets"))
            if answered is not None and not isinstance(answered, bool):
                faults.append(Fault("/answered", "boolean_expected", "true or false is expected"))
        try:
            submission = parse(rest, str(channel), lambda: self._plans.current().categories)
        except InvalidInput as invalid:
            raise InvalidInput(faults + invalid.faults) from None
        if faults:
            raise InvalidInput(faults)
        return submission, assign == ME, answered

    def _attempt(
        self,
        member: Member,
        submission: Submission,
        takes: bool,
        answered: bool | None,
        key: str,
        print_: str,
    ) -> Decided[Opened]:
        plan, at, number = self._plans.current(), self._now(), new_number()
        about: tuple[Member, ...] = ()
        if submission.kind == "complaint":
            # The agent must not get a complaint about themselves, also if they write it down.
            # If several have the name that the caller said, it may be any of them.
            texts = (submission.subject, submission.description, submission.about or "")
            about = self._names.named_in(*texts)

        def opened(*, taken: bool) -> Change:
            return open_for_caller(
                submission,
                number,
                plan,
                member.actor,
                at,
                takes=taken,
                about=about,
                answered=answered,
            )

        change = opened(taken=False)
        if takes:
            self._require_eligible(member, change.after, plan, at)
            change = opened(taken=True)
        told = Told(number, submission.language, *self._say(member, change.after, plan, at))
        cause = OpenedWithKey(key, print_, encoding.encode(told))
        return Decided(self._shown(member, told, change.after), change, at, cause)

    def _require_eligible(self, member: Member, ticket: Ticket, plan: Plan, at: datetime) -> None:
        """Raise AgentNotFree, with every reason, if the member may not have the ticket."""
        try:
            availability = self._staff.availability(member.id)
        except NotFound:
            raise AgentNotFree(YOURS[WhyNot.PRESENCE]) from None
        need = need_of(ticket, plan, at)
        if why := reasons(ticket, need, availability, at):
            said = "; ".join(YOURS.get(one, IN_WORDS[one]) for one in why)
            raise AgentNotFree(said.format(team=need.team))

    def _say(self, member: Member, ticket: Ticket, plan: Plan, at: datetime) -> tuple[str, bool]:
        """The sentence to say, and whether an acknowledgement follows by mail."""
        values = templating.values_of(plan, ticket, member.name, at)
        script = plan.scripts.get(SCRIPT, {}).get(ticket.language, "")
        if not script or set(templates.variables_of(script)) - values.keys():
            # The plan has no such script, or it has a variable without a value. No blank is said.
            script = catalogue.catalogue(ticket.language)["staff.opened"]
        return templates.filled(script, values).strip(), ticket.has_address

    def _again(self, member: Member, earlier: OpenedWithKey, print_: str) -> Opened:
        """The answer to a repeated request.

        Raises KeyReused if it is another request, and Unreadable if the answer cannot be read.
        """
        if earlier.fingerprint != print_:
            raise KeyReused("you used this Idempotency-Key for another ticket")
        with encoding.reading(keys.idempotency_pk(encoding.key_digest(earlier.key)), keys.KEY):
            told = msgspec.json.decode(earlier.answer, type=Told)
        shown = self._shown(member, told, self._tickets.get(told.number))
        return msgspec.structs.replace(shown, replayed=True)

    def _shown(self, member: Member, told: Told, ticket: Ticket) -> Opened:
        return Opened(told, ticket if access.may_see(member, ticket) else None, replayed=False)
