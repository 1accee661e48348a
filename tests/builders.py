"""Building blocks of tests: the shipped plan, a clock that a test moves, a ticket's life.

A `Life` is one ticket with its complete history. Each method is one step by a person or by the
system, at the time that the clock shows. `life_at` returns a life in a given state.
"""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from copy import replace
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from redress.base.people import CUSTOMER, SYSTEM, Actor, Member, Role
from redress.connectors.rules.connector import Key, Scope, Wanted, made
from redress.plans.rules.document import parse as parse_plan
from redress.plans.rules.plan import Plan
from redress.rehearsals.store import JobKind, RehearsalJob
from redress.tickets.rules import fold as folding
from redress.tickets.rules import ticket
from redress.tickets.rules.answers import AnswerState
from redress.tickets.rules.calls import Call, Direction, Result
from redress.tickets.rules.change import Change
from redress.tickets.rules.checklist import Responsible
from redress.tickets.rules.interest import Doubt
from redress.tickets.rules.post_mortem import Action
from redress.tickets.rules.preference import Preference
from redress.tickets.rules.steps import (
    by_call,
    by_customer,
    by_departments,
    by_staff,
    by_system,
    by_timer,
    checklists,
    duplicates,
    linking,
    merging,
    of_incidents,
    opening,
    post_mortems,
    remedying,
    splitting,
)
from redress.tickets.rules.steps.by_staff import Classification
from redress.tickets.rules.steps.matching import match
from redress.tickets.rules.steps.post_mortems import Learnt
from redress.tickets.rules.submission import Submission, parse
from redress.tickets.rules.ticket import (
    Event,
    EventType,
    LinkKind,
    State,
    Ticket,
    continues_in,
)

ROOT = Path(__file__).resolve().parent.parent
START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
NUMBER = "R-7K3M9-QW0X2"
INCIDENT = "9f86d081884c7d65"
"""The id of an incident."""
OTHER = "R-0M4C1-Z2Y3X"
MEI = Actor(Role.AGENT, "a-mei")
JUN = Actor(Role.AGENT, "a-jun")
LIN = Actor(Role.SUPERVISOR, "s-lin")
TAO = Member("a-tao", "tao", "tao@example.com", Role.AGENT, "service", ("zh-TW", "en"), 5)
"""An agent of another department than that of complaints."""
BY_MAIL = {"name": "Li Na", "email": "li.na@example.com"}
BY_PHONE = {"name": "Li Na", "phone": "+86 10 5555 0100"}


def plan_document() -> dict[str, Any]:
    """Plan 1 as it ships: a new copy that a test may change."""
    return copy.deepcopy(_shipped())


@cache
def _shipped() -> dict[str, Any]:
    raw = resources.files("redress").joinpath("data/plan-1.json").read_bytes()
    document: dict[str, Any] = msgspec.json.decode(raw)
    return document


@cache
def plan_1() -> Plan:
    return parse_plan(_shipped())


@dataclass
class Clock:
    """A clock that moves only when a test moves it."""

    moment: datetime = START

    def now(self) -> datetime:
        return self.moment

    def advance(self, **by: float) -> datetime:
        self.moment += timedelta(**by)
        return self.moment


def body(kind: str = "complaint", **fields: Any) -> dict[str, Any]:
    """The JSON body of a valid submission; `fields` replace its fields."""
    return {
        "kind": kind,
        "subject": "The kettle leaks",
        "description": "It leaks at the handle since the second day.",
        "contact": dict(BY_MAIL),
        "language": "zh-CN",
        "consent": True,
        **fields,
    }


def own_field(name: str, type_: str, **more: Any) -> dict[str, Any]:
    """A field of a plan's section `fields` that the web form asks."""
    label = {"zh-CN": f"{name}（简）", "zh-TW": f"{name}（繁）", "en": name.capitalize()}
    return {"name": name, "type": type_, "label": label, "on_form": True} | more


OWN_FIELDS = [
    own_field("serial", "text"),
    own_field("pieces", "number", kinds=["complaint"]),
    own_field("bought", "date", categories=["product"]),
    own_field(
        "damage",
        "choice",
        values=[
            {"name": "leaks", "label": {"zh-CN": "漏水", "zh-TW": "漏水", "en": "It leaks"}},
            {"name": "cracked", "label": {"zh-CN": "裂了", "zh-TW": "裂了", "en": "Cracked"}},
        ],
    ),
    own_field("workshop", "text", on_form=False),
]
"""Fields of each type: for every ticket, for a kind, for a category, and one for staff only."""


def source_of(at: datetime, hours: int | None = None) -> dict[str, Any]:
    """What a message from the social inbox says about where it came from and about answers."""
    url, scopes = "https://inbox.example.com/answers", (Scope.WRITE_MESSAGES,)
    wanted = Wanted("Social inbox", scopes, None, url, hours)
    key = Key(1, at, "m-wei", "3f9a1c0b")
    source = {"connector": "social", "conversation": "c-1", "message": "m-1"}
    return source | made("social", wanted, key).way_back(at)


def submission(kind: str = "complaint", channel: str = "api", **fields: Any) -> Submission:
    """A submission. With `reachable`, its contact needs no address (`submission.parse`)."""
    reachable = fields.pop("reachable", False)
    given = body(kind, **fields)
    return parse(given, channel, lambda: plan_1().categories, reachable=reachable)


def a_call(now: datetime, **fields: Any) -> Call:
    """A call that is just over: 20 s in the menu, 4 s in the queue, 150 s of talk, 30 s on hold.

    `fields` replace its fields; None leaves one out.
    """
    began = now - timedelta(seconds=204)
    usual: dict[str, Any] = {
        "id": "call-1",
        "result": Result.ANSWERED,
        "direction": Direction.INBOUND,
        "began": began,
        "phone": "138 0013 8000",
        "left_menu": began + timedelta(seconds=20),
        "answered": began + timedelta(seconds=24),
        "hold_s": 30.0,
        "ended": now,
    }
    return Call(**(usual | fields))


def run_alone(program: str) -> None:
    """Run this Python in a fresh process that can import the product; it must end well."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "layers" / "core")}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)


def rehearsal_job(**fields: Any) -> RehearsalJob:
    """A rehearsal of November 2026 that the manager asked for; `fields` replace its fields."""
    good: dict[str, Any] = {
        "id": "5f0e3a528f3c4c43",
        "kind": JobKind.REHEARSAL,
        "by": "m-wei",
        "role": "manager",
        "begun_at": START,
        "fingerprint": "a print",
        "plan_version": 2,
        "period": ("2026-11", "2026-11"),
        "start": datetime(2026, 10, 31, 16, tzinfo=UTC),
        "end": datetime(2026, 11, 30, 16, tzinfo=UTC),
    }
    return RehearsalJob(**(good | fields))


@dataclass
class Life:
    """One ticket and its complete history. Every step happens at the clock's time."""

    clock: Clock = field(default_factory=Clock)
    plan: Plan = field(default_factory=plan_1)
    events: list[Event] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    @property
    def ticket(self) -> Ticket:
        return self.changes[-1].after

    @property
    def folded(self) -> Ticket:
        """The ticket folded again from its complete history."""
        plans = {change.plan.version: change.plan for change in self.changes}
        return folding.fold(self.events, self.changes[0].plan, plans.__getitem__)

    @property
    def last(self) -> Change:
        return self.changes[-1]

    def take(self, change: Change | None) -> Life:
        """Applies a change; None changes nothing."""
        if change is not None:
            self.changes.append(change)
            self.events += change.events
        return self

    def wait(self, **by: float) -> Life:
        self.clock.advance(**by)
        return self

    def open(
        self,
        kind: str = "complaint",
        number: str = NUMBER,
        mail: dict[str, Any] | None = None,
        **fields: Any,
    ) -> Life:
        opened = submission(kind, **fields)
        return self.take(opening.open_ticket(opened, number, self.plan, self.clock.now(), mail))

    def open_by_connector(
        self,
        hours: int | None = None,
        contact: dict[str, str] | None = None,
        kind: str = "inquiry",
        **fields: Any,
    ) -> Life:
        """A message from a social inbox opens the ticket. It takes answers, for these hours."""
        at, who = self.clock.now(), contact or {"name": "Li Na"}
        opened = submission(kind, "social", reachable=True, contact=who, **fields)
        return self.take(
            opening.open_ticket(opened, NUMBER, self.plan, at, source=source_of(at, hours))
        )

    def write_by_connector(self, hours: int | None = None, text: str = "Words") -> Life:
        at = self.clock.now()
        source = source_of(at, hours)
        return self.take(by_customer.write(self.ticket, self.plan, text, at, source=source))

    def report_answer(self, state: str = "sent", why: str = "") -> Life:
        """The system, or the connector's receipt, says what became of an answer.

        If there was no answer that went to a connector, it is about one that would have been the
        last event.
        """
        found = [one for one in self.events if "via" in one.data]
        via = {"connector": "social", "id": "c-1"}
        last = self.events[-1]
        of = found[-1] if found else Event(last.number, last.type, last.at, last.by, {"via": via})
        later = self.events[of.number :]
        at, given = self.clock.now(), AnswerState(state)
        change = by_system.report_answer(self.ticket, self.plan, SYSTEM, of, given, why, later, at)
        return self.take(change)

    def acknowledge(self) -> Life:
        return self.take(by_system.acknowledge(self.ticket, self.plan, self.clock.now()))

    def assign(self, agent: str = MEI.id) -> Life:
        return self.take(
            by_system.assign(self.ticket, self.plan, agent, "longest without", self.clock.now())
        )

    def reassign(self, to: str | None, team: str | None = None, by: Actor = LIN) -> Life:
        return self.take(
            by_staff.reassign(self.ticket, self.plan, by, to, team, "a reason", self.clock.now())
        )

    def hand_over(self, to: str = "a-jun", by: Actor = LIN) -> Life:
        """Gives what is owed on a ticket that is resolved or closed to somebody else."""
        at = self.clock.now()
        return self.take(by_staff.hand_over(self.ticket, self.plan, by, to, "a reason", at))

    def accept(self, by: Actor = MEI) -> Life:
        return self.take(by_staff.accept(self.ticket, self.plan, by, self.clock.now()))

    def decline(self, by: Actor = MEI) -> Life:
        at = self.clock.now()
        return self.take(by_staff.decline(self.ticket, self.plan, by, "a reason", at))

    def reclassify(self, kind: str | None = None, by: Actor = MEI, **given: str) -> Life:
        """Corrects the kind, or urgency, impact and customer_type by name."""
        what = Classification(kind, **given)
        return self.take(
            by_staff.reclassify(self.ticket, self.plan, by, what, "a reason", self.clock.now())
        )

    def classify(self, **found: str) -> Life:
        """Sets what a rule of the plan has found, such as `category`."""
        why = {name: {"rule": "a_rule"} for name in found}
        return self.take(by_system.classify(self.ticket, self.plan, found, why, self.clock.now()))

    def tag(self, *tags: str, by: Actor = MEI) -> Life:
        return self.take(by_staff.set_tags(self.ticket, self.plan, by, tags, self.clock.now()))

    def match(self, customer: str = "9f86d081884c7d659a2feaa0") -> Life:
        return self.take(match(self.ticket, self.plan, customer, "email", self.clock.now()))

    def set_fields(self, by: Actor = MEI, **given: str | None) -> Life:
        at = self.clock.now()
        return self.take(by_staff.set_fields(self.ticket, self.plan, by, given, at))

    def promise(self, by: Actor = MEI, **ahead: float) -> Life:
        """The agent promises an answer within this time."""
        now = self.clock.now()
        due = now + timedelta(**ahead)
        return self.take(by_staff.promise(self.ticket, self.plan, by, due, "By then", now))

    def hold(self, reason: str = "part", by: Actor = MEI) -> Life:
        return self.take(
            by_staff.hold(
                self.ticket, self.plan, by, reason, "We wait for a part", self.clock.now()
            )
        )

    def release(self, by: Actor = MEI) -> Life:
        return self.take(by_staff.release(self.ticket, self.plan, by, self.clock.now()))

    def correct(self, clock: str, stopped_at: datetime, by: Actor = LIN) -> Life:
        return self.take(
            by_staff.correct(
                self.ticket,
                self.plan,
                by,
                clock,
                stopped_at,
                "by phone",
                self.clock.now(),
                by_staff.written_at(self.events),
            )
        )

    def move_to(self, plan: Plan, by: Actor = LIN) -> Life:
        """Moves the ticket to another plan, under which all later steps happen."""
        now = self.clock.now()
        self.take(by_staff.move_to_plan(self.ticket, self.plan, plan, by, "a reason", now))
        self.plan = plan
        return self

    def tell_progress(self, by: Actor = MEI) -> Life:
        return self.take(
            by_staff.tell_progress(self.ticket, self.plan, by, "We look", self.clock.now())
        )

    def reply(self, wait_for_customer: bool = False, by: Actor = MEI) -> Life:
        return self.take(
            by_staff.reply(
                self.ticket, self.plan, by, "An answer", wait_for_customer, self.clock.now()
            )
        )

    def note(self, by: Actor = MEI, *mentioned: Member) -> Life:
        ids, members = [one.id for one in mentioned], {one.id: one for one in mentioned}
        at = self.clock.now()
        return self.take(
            by_staff.note(self.ticket, self.plan, by, "Inside", at, mentioned=ids, members=members)
        )

    def remind(self, by: Actor = LIN, text: str = "Please call her") -> Life:
        agent, at = self.ticket.assignee or "", self.clock.now()
        return self.take(by_staff.remind(self.ticket, self.plan, by, agent, text, at))

    def open_task(self, team: str = "service", by: Actor = MEI, **fields: Any) -> Life:
        """Asks another department. `fields` are those of `NewTask`."""
        wanted = {"title": "A spare seal?", "text": "Is there one?", **fields}
        at = self.clock.now()
        return self.take(
            by_departments.open_task(
                self.ticket, self.plan, by, by_departments.NewTask(team=team, **wanted), at, TAO
            )
        )

    def requeue_task(self, by: Actor = LIN) -> Life:
        """The last task goes back into the queue of its department."""
        task, at = self.ticket.tasks[-1], self.clock.now()
        return self.take(
            by_departments.assign(self.ticket, self.plan, by, task, None, "", at, None)
        )

    def assign_task(self, owner: Member | None = None, by: Actor | None = None) -> Life:
        """The last task gets this owner; the usual one takes it."""
        member = owner or TAO
        return self.take(
            by_departments.assign(
                self.ticket,
                self.plan,
                by or member.actor,
                self.ticket.tasks[-1],
                member.id,
                "",
                self.clock.now(),
                member,
            )
        )

    def finish_task(self) -> Life:
        task, at = self.ticket.tasks[-1], self.clock.now()
        return self.take(
            by_departments.finish(self.ticket, self.plan, TAO.actor, task, "There is one", at)
        )

    def return_task(self) -> Life:
        task, at = self.ticket.tasks[-1], self.clock.now()
        return self.take(
            by_departments.send_back(self.ticket, self.plan, TAO.actor, task, "Not ours", at)
        )

    def cancel_task(self) -> Life:
        task, at = self.ticket.tasks[-1], self.clock.now()
        return self.take(
            by_departments.cancel(self.ticket, self.plan, LIN, task, "Not needed any more", at)
        )

    def press_task(self, by: Actor = LIN) -> Life:
        task, at = self.ticket.tasks[-1], self.clock.now()
        return self.take(
            by_departments.press(self.ticket, self.plan, by, task, "Today, please", at)
        )

    def ask_extension(self, until: datetime | None = None) -> Life:
        task, at = self.ticket.tasks[-1], self.clock.now()
        wanted = until or task.clock.due_at + timedelta(hours=1)
        return self.take(
            by_departments.ask_extension(
                self.ticket, self.plan, TAO.actor, task, wanted, "It comes from abroad", at
            )
        )

    def decide_extension(self, *, granted: bool = True, word: Any = None) -> Life:
        task, at = self.ticket.tasks[-1], self.clock.now()
        return self.take(
            by_departments.decide_extension(
                self.ticket, self.plan, LIN, task, granted, "a reason", at, word
            )
        )

    def request(self, category: str = "account/personal_data", **fields: Any) -> Life:
        """A service request of MEI with a checklist, which nobody has answered yet."""
        return self.open("service_request", category=category, **fields).acknowledge().assign()

    def send_item(self, item: str = "identity", *files: str) -> Life:
        """The customer sends files for a material; by default one."""
        at, ids = self.clock.now(), files or (f"{len(self.events):016x}",)
        sent = [{"id": one, "name": "id.jpg", "type": "image/jpeg", "size": 9} for one in ids]
        return self.take(checklists.send(self.ticket, self.plan, item, sent, at))

    def lose_file(self, file: str, by: Actor | None = CUSTOMER) -> Life:
        """Somebody withdraws a file of an item; without anybody, the scanner finds something."""
        at, named = self.clock.now(), {"id": file, "name": "id.jpg"}
        if by is None:
            found = [named | {"state": "found", "reason": "Eicar"}]
            return self.take(by_system.note_files(self.ticket, self.plan, "Found", found, at))
        return self.take(checklists.withdraw(self.ticket, self.plan, by, named, "Gone", at))

    def answer_item(self, item: str = "new_details", text: str = "12 Mill Lane") -> Life:
        at = self.clock.now()
        return self.take(checklists.answer(self.ticket, self.plan, item, text, at))

    def accept_item(self, item: str = "identity", text: str = "", *files: str) -> Life:
        at = self.clock.now()
        return self.take(checklists.accept(self.ticket, self.plan, MEI, item, text, at, files))

    def reject_item(self, item: str = "identity", by: Actor = MEI) -> Life:
        at, why = self.clock.now(), "The name cannot be read"
        return self.take(checklists.reject(self.ticket, self.plan, by, item, why, at))

    def finish_step(self, item: str = "change") -> Life:
        at = self.clock.now()
        return self.take(checklists.finish(self.ticket, self.plan, MEI, item, "It is changed", at))

    def tell_obstacle(
        self, item: str = "change", who: Responsible = Responsible.THIRD_PARTY
    ) -> Life:
        at, text = self.clock.now(), "The register is closed today"
        return self.take(checklists.tell_obstacle(self.ticket, self.plan, MEI, item, who, text, at))

    def propose_remedy(
        self,
        kind: str = "refund",
        amount: int | None = 50_000,
        by: Actor = MEI,
        currency: str | None = "CNY",
        due: datetime | None = None,
    ) -> Life:
        """Proposes a remedy. By default it needs an approval."""
        new = remedying.NewRemedy(kind, "no spare part", amount, currency, due)
        at = self.clock.now()
        return self.take(remedying.propose(self.ticket, self.plan, by, new, "We pay it back", at))

    def promise_remedy(self, **fields: Any) -> Life:
        """Promises a remedy that needs no approval."""
        return self.propose_remedy(**({"amount": 15_900} | fields))

    def approve_remedy(self, by: Actor = LIN, due: datetime | None = None) -> Life:
        id_, at = self.ticket.remedies[-1].id, self.clock.now()
        return self.take(
            remedying.approve(self.ticket, self.plan, by, id_, due, "We pay it back", at)
        )

    def refuse_remedy(self, by: Actor = LIN) -> Life:
        id_, at = self.ticket.remedies[-1].id, self.clock.now()
        return self.take(remedying.refuse(self.ticket, self.plan, by, id_, "a part came in", at))

    def withdraw_remedy(self, by: Actor = LIN, text: str | None = None) -> Life:
        remedy, at = self.ticket.remedies[-1], self.clock.now()
        word = text if text is not None else "You get a new one" if remedy.is_owed else ""
        return self.take(
            remedying.withdraw(self.ticket, self.plan, by, remedy.id, "a reason", word, at)
        )

    def finish_remedy(self, by: Actor = MEI, text: str = "") -> Life:
        id_, at = self.ticket.remedies[-1].id, self.clock.now()
        return self.take(
            remedying.finish(self.ticket, self.plan, by, id_, "Transfer 0113", text, at)
        )

    def write_post_mortem(self, by: Actor = MEI, actions: tuple[str, ...] = ()) -> Life:
        """Writes the post-mortem of the closed ticket, with an action of each of these members.

        By default nothing is changed by it.
        """
        due, known = self.clock.moment.date() + timedelta(days=9), "It is known"
        said = Learnt(
            "It caught fire",
            "A bad thermostat",
            tuple(Action(f"Stop the sale of {one}", one, due) for one in actions),
            None if actions else known,
        )
        owners = {
            one: Member(one, one, f"{one}@example.com", Role.AGENT, "service", ("en",), 2)
            for one in actions
        }
        at = self.clock.now()
        return self.take(post_mortems.write(self.ticket, self.plan, by, said, owners, at))

    def urge(self) -> Life:
        return self.take(by_customer.urge(self.ticket, self.plan, self.clock.now()))

    def end_mentions(self, by: Actor = LIN) -> Life:
        at = self.clock.now()
        return self.take(by_staff.set_mentions(self.ticket, self.plan, by, [], "answered", at))

    def note_mail(self, why: str = "automatic", **about: str) -> Life:
        """A notice about a mail comes. `about` says about which one, and `to` whom it was for."""
        mail = {"id": "9f86d0", "key": "inbound/a"} | about
        return self.take(
            by_system.note_mail(
                self.ticket, self.plan, why, "li@example.com", "Away", self.clock.now(), mail
            )
        )

    def record_call(self, **fields: Any) -> Life:
        """The record of a call of the customer comes. By default it was answered after 4 s."""
        call, by = a_call(self.clock.now(), **fields), Actor(Role.MACHINE, "hotline")
        at, written = self.clock.now(), by_staff.written_at(self.events)
        return self.take(by_call.record(self.ticket, self.plan, call, "hotline", by, at, written))

    def record_call_of(self, merged: Life, call: Call) -> Life:
        """The record of a call comes, whose ticket was merged into this one."""
        by, at = Actor(Role.MACHINE, "hotline"), self.clock.now()
        return self.take(
            by_call.record(
                self.ticket, self.plan, call, "hotline", by, at, (), merged=merged.ticket
            )
        )

    def open_for_call(self, kind: str = "inquiry", **fields: Any) -> Life:
        """The record of a call opens the ticket."""
        at, by = self.clock.now(), Actor(Role.MACHINE, "hotline")
        opened, call = submission(kind, channel="phone", contact=BY_PHONE), a_call(at, **fields)
        source = {"connector": "hotline", "conversation": call.id, "call": call.id}
        return self.take(by_call.open_for_call(opened, NUMBER, self.plan, call, by, at, source))

    def let_in(self, *addresses: str, by: Actor = MEI) -> Life:
        """Sets the participants to exactly these addresses."""
        change = by_staff.set_participants(self.ticket, self.plan, by, addresses, self.clock.now())
        return self if change is None else self.take(change)

    def is_about(self, *members: str, by: Actor = LIN) -> Life:
        """Sets whom the complaint is about to exactly these members of staff."""
        change = by_staff.set_about(self.ticket, self.plan, by, members, "named", self.clock.now())
        return self if change is None else self.take(change)

    def doubt_about(self) -> Life:
        """Nobody knows whom the complaint is about."""
        at, why = self.clock.now(), Doubt.NOBODY_NAMED_SO
        return self.take(by_system.doubt_about(self.ticket, self.plan, [], why, at))

    def write(self, text: str = "Words") -> Life:
        return self.take(by_customer.write(self.ticket, self.plan, text, self.clock.now()))

    def link(self, kind: LinkKind = LinkKind.RELATED, to: str = OTHER, by: Actor = MEI) -> Life:
        """Links the ticket with another one; only this side."""
        other = replace(self.ticket, number=to, links=())
        at = self.clock.now()
        return self.take(linking.link(self.ticket, self.plan, by, kind, other, "a reason", at))

    def unlink(self, kind: LinkKind = LinkKind.RELATED, to: str = OTHER, by: Actor = MEI) -> Life:
        at = self.clock.now()
        return self.take(linking.unlink(self.ticket, self.plan, by, kind, to, "a reason", at))

    def propose_duplicate(self, number: str = OTHER, similarity: int = 83) -> Life:
        """Proposes an older ticket as the same matter."""
        given = (self.ticket, self.plan, {number: similarity}, self.clock.now())
        change = duplicates.propose(*given)
        assert change is not None
        return self.take(change)

    def dismiss_duplicate(self, number: str = OTHER, by: Actor = MEI) -> Life:
        at = self.clock.now()
        return self.take(duplicates.dismiss(self.ticket, self.plan, by, number, "a reason", at))

    def merge(self, into: Life | None = None, by: Actor = MEI) -> Life:
        """Merges the ticket into another one of its customer, by default a new one."""
        other = into or Life(self.clock, self.plan).open(number=OTHER)
        if self.ticket.needs_agent and not merging.faults_of(self.side(), other.side()):
            for life in (self, other):
                if life.ticket.customer is None:
                    life.match()
        ended, taken = merging.merge(self.side(), other.side(), by, "the same kettle")
        other.take(taken)
        return self.take(ended)

    def take_in(self, source: Life | None = None, by: Actor = MEI) -> Life:
        """Takes in another ticket of its customer, by default a new one."""
        (source or Life(self.clock, self.plan).open(number=OTHER)).merge(self, by)
        return self

    def unmerge(self, target: Life | None = None, by: Actor = MEI) -> Life:
        """Undoes the merge into the target. Without one, the ticket is merged before."""
        other = target or Life(self.clock, self.plan).open(number=OTHER)
        if target is None and self.ticket.needs_agent:
            self.merge(other)
        sides = self.undone(other.ticket.number), other.undone(self.ticket.number)
        goes_on, given_back = merging.unmerge(*sides, by, "another kettle")
        other.take(given_back)
        return self.take(goes_on)

    def undone(self, other: str) -> merging.Undone:
        """A side of a merge that is undone. The last event stands for a merge that is missing."""
        named = [e for e in self.events if e.data.get("ticket") == other]
        merge = named[-1] if named else self.events[-1]
        before = folding.fold(self.events[: merge.number - 1] or self.events, self.changes[0].plan)
        since = self.events[merge.number :]
        earlier = self.events[: merge.number - 1]
        return merging.Undone(
            self.ticket, self.plan, self.clock.now(), before, merge, since, earlier
        )

    def write_as(self, participant: str = "wang.wei@example.com", text: str = "Words") -> Life:
        """A participant writes a mail."""
        given = (self.ticket, self.plan, text, self.clock.now())
        return self.take(by_customer.write(*given, participant=participant))

    def split(
        self,
        *events: int,
        kind: str = "inquiry",
        subject: str = "The invoice",
        number: str = OTHER,
        by: Actor = MEI,
        named: tuple[Member, ...] = (),
        of: Life | None = None,
        **fields: Any,
    ) -> Life:
        """Splits off these messages, by default the last one. Returns the new ticket's life.

        `of` is the ticket that was merged into this one, if they were written there.
        """
        said = of.events if of is not None else self.events
        last = [one for one in said if one.type is EventType.CUSTOMER_WROTE][-1:]
        wanted = events or [one.number for one in last]
        matter = splitting.NewMatter(
            wanted, subject, kind, fields.get("category"), "another matter"
        )
        at, new = self.clock.now(), Life(self.clock, self.plan)
        taken = self.taken(of) if of is not None else None
        origin = splitting.Origin(self.ticket, self.plan, at, self.events, taken)
        messages = splitting.chosen(origin, matter, self.plan)
        given = (origin, matter, messages, number, self.plan, by, at, named)
        lost, opened, *marked = splitting.split(*given)
        for life, change in zip([of] if of is not None else [], marked, strict=True):
            life.take(change)
        self.take(lost)
        return new.take(opened)

    def taken(self, source: Life) -> splitting.Taken:
        """A ticket that was merged into this one."""
        side, merge = source.undone(self.ticket.number), self.undone(source.ticket.number).merge
        goes_on = continues_in(side.ticket, self.ticket)
        return splitting.Taken(
            side.ticket, side.plan, side.at, source.events, side.before, merge, goes_on
        )

    def unsplit(self, new: Life, by: Actor = MEI, of: Life | None = None) -> Life:
        """Undoes the split by which the other ticket was opened."""
        [split] = [
            event
            for event in self.events
            if event.type is EventType.SPLIT and event.data["ticket"] == new.ticket.number
        ]
        before = folding.fold(self.events[: split.number - 1], self.changes[0].plan)
        at = self.clock.now()
        origin = splitting.Undone(
            self.ticket,
            self.plan,
            at,
            split,
            self.events[split.number :],
            before,
            self.ticket.customer,
        )
        other = splitting.Undone(
            new.ticket, new.plan, at, new.events[0], new.events[1:], customer=new.ticket.customer
        )
        marked = splitting.Marked(of.ticket, of.plan, at) if of is not None else None
        back, ended, *unmarked = splitting.unsplit(origin, other, by, "the same matter", marked)
        for life, change in zip([of] if of is not None else [], unmarked, strict=True):
            life.take(change)
        new.take(ended)
        return self.take(back)

    def side(self, *accused: Member) -> merging.Merger:
        """The ticket as a side of a merge. Without a customer, it has that of other lives."""
        customer = self.ticket.customer or "9f86d081884c7d659a2feaa0"
        named = {one.id: one for one in accused}
        return merging.Merger(self.ticket, self.plan, self.clock.now(), customer, named)

    def join_incident(self, incident: str = INCIDENT, word: int = 0, by: Actor = MEI) -> Life:
        """Makes the ticket a case of an incident; only this side."""
        at, given = self.clock.now(), (incident, word, "a reason")
        return self.take(of_incidents.join(self.ticket, self.plan, by, *given, at))

    def tell_word(self, word: int = 1, by: Actor = LIN, incident: str = INCIDENT) -> Life:
        """Tells the customer a word to all customers of the incident."""
        given = (by, incident, word, "We replace the seals.", self.clock.now())
        change = of_incidents.tell(self.ticket, self.plan, *given)
        assert change is not None, "the customer was told before"
        return self.take(change)

    def leave_incident(self, by: Actor = MEI) -> Life:
        at = self.clock.now()
        return self.take(of_incidents.leave(self.ticket, self.plan, by, "a reason", at))

    def propose_incident(self) -> Life:
        """Proposes an incident, because twenty tickets of the category are new."""
        given = (self.ticket, self.plan, 20, 3600, self.clock.now())
        change = of_incidents.propose(*given)
        assert change is not None
        return self.take(change)

    def count(self, number: int | None = None, by: Actor = MEI) -> Life:
        """Counts a bare thanks as a message, by default the last event."""
        event = self.events[-1].number if number is None else number
        at = self.clock.now()
        return self.take(by_staff.count_message(self.ticket, self.plan, by, event, self.events, at))

    def resolve(self, by: Actor = MEI, preference: Preference | None = None) -> Life:
        return self.take(
            by_staff.resolve(
                self.ticket,
                self.plan,
                by,
                "The seal was replaced",
                "upheld",
                "a new kettle",
                "a bad batch",
                self.clock.now(),
                preference,
            )
        )

    def call(self, outcome: str, by: Actor = MEI) -> Life:
        return self.take(
            by_staff.record_callback(
                self.ticket, self.plan, by, outcome, "A call", self.clock.now()
            )
        )

    def confirm(self, by: Actor = CUSTOMER) -> Life:
        return self.take(by_customer.confirm(self.ticket, self.plan, by, self.clock.now()))

    def dispute(self, by: Actor = CUSTOMER) -> Life:
        return self.take(
            by_customer.dispute(self.ticket, self.plan, by, "It leaks again", self.clock.now())
        )

    def answer_survey(self, overall: int = 5) -> Life:
        return self.rate(overall=overall)

    def rate(self, **answers: int) -> Life:
        """Answer the survey with these scores."""
        now = self.clock.now()
        return self.take(by_customer.answer_survey(self.ticket, self.plan, answers, now))

    def withdraw(self) -> Life:
        return self.take(
            by_customer.withdraw(self.ticket, self.plan, "Never mind", self.clock.now())
        )

    def wake(self) -> Life:
        """The workflow acts on due clocks."""
        return self.take(by_timer.act_on_due_rungs(self.ticket, self.plan, self.clock.now()))

    def sleep_through(self, moment: datetime) -> Life:
        """The workflow waits and acts, rung by rung, until `moment`."""
        for _ in range(100):
            wake = ticket.next_wake(self.ticket, self.plan)
            if wake is None or wake > moment:
                self.clock.moment = max(self.clock.moment, moment)
                return self
            self.clock.moment = max(self.clock.moment, wake)
            self.wake()
        raise AssertionError("the workflow keeps waking up without any progress")


def life_at(state: State, kind: str = "complaint", **fields: Any) -> Life:
    """A life that reached this state by the usual steps, assigned to MEI."""
    life = Life().open(kind, **fields).acknowledge().assign()
    match state:
        case State.NEW:
            return life
        case State.OPEN:
            return life.reply()
        case State.WAITING:
            return life.reply(wait_for_customer=True)
        case State.RESOLVED:
            return life.resolve()
        case State.CONFIRMED:
            return life.resolve().confirm()
        case State.CLOSED:
            return life.resolve().confirm().answer_survey()


def corrected(life: Life, kind: str) -> Life:
    """Corrects the kind to this one, unless the ticket already has it."""
    return life if life.ticket.kind == kind else life.reclassify(kind)
