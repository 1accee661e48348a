"""The service plan: an immutable value with one version of all the rules, and lookups in it.

All numbers of the product are in plan documents. Plan 1 is `redress/data/plan-1.yaml`; its section
`sources` gives the source of each number. `redress.plans.rules.document` reads a document.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from msgspec import Struct

from redress.base.languages import LANGUAGES
from redress.base.phones import HOME_REGION
from redress.clocks.rules.calendars import Calendar
from redress.clocks.rules.clocks import Action, Clock, ClockName, Ladder, Rung

KINDS = ("inquiry", "complaint", "urgent", "service_request", "feedback")
CHANNELS = ("web", "email", "phone", "chat", "social", "api")
ROLES = ("agent", "supervisor", "manager")
GRADATIONS = ("low", "normal", "high")
"""Degrees of urgency and of impact. The plan's matrix maps the two to a priority."""
CUSTOMER = "customer"
HOLDS = ("part", "third_party")
"""The reasons for a hold. Waiting for the customer is not a hold."""
OUTCOMES = ("upheld", "partly_upheld", "not_upheld")
"""The outcomes of a complaint."""
REQUEST_OUTCOMES = DONE, *NOT_DONE = ("done", "not_completed_by_customer", "not_possible")
"""The outcomes of a service request. None counts as done."""
COMPONENTS = (
    "satisfaction",
    "response_promises",
    "resolution_promises",
    "lasting_resolution",
    "supervisor_rating",
)
ALWAYS = "always"
"""The name of the built-in calendar in which every second counts."""
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LONGEST_S = 366 * 86_400
"""The longest target: a year. A longer target is a mistake, and its due time could be outside the
range of `datetime`."""
MOST_VERSIONS = 99_999
USUAL_LOW_SCORE = 2
"""The highest low survey score of a plan that names none, as plans did before they had `low`."""

_DURATION = re.compile(r"(?=.)(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,8})s)?")
_DEFAULT_PAUSES: Mapping[ClockName, tuple[str, ...]] = {
    ClockName.RESOLUTION: (CUSTOMER,),
    ClockName.UPDATE: (CUSTOMER,),
}


type _Indexed = tuple[int, Mapping[str, Any]]
"""An entry of a list of the plan, with its index."""


class Promise(Struct, frozen=True):
    """One promise of a plan: a target in seconds of a calendar, and its ladder.

    `pauses` lists the reasons for waiting that pause the clock of this promise.
    """

    target_s: int | float
    calendar: str
    ladder: str
    pauses: tuple[str, ...]


class Level(Struct, frozen=True):
    """Team, urgency, impact and promises of one kind of ticket."""

    team: str
    urgency: str
    impact: str
    promises: Mapping[ClockName, Promise]


class When(Struct, frozen=True):
    """The tickets to which an override applies. An empty condition matches all tickets."""

    kind: tuple[str, ...] = ()
    channel: tuple[str, ...] = ()
    priority: tuple[str, ...] = ()
    customer_type: tuple[str, ...] = ()

    def holds(self, kind: str, channel: str, priority: str, customer_type: str) -> bool:
        """Whether a ticket matches all conditions."""
        given = (kind, channel, priority, customer_type)
        wanted = (self.kind, self.channel, self.priority, self.customer_type)
        return all(not some or one in some for one, some in zip(given, wanted, strict=True))


class Override(Struct, frozen=True):
    """Changes promises or the team for some tickets. Only the fields that it names change."""

    when: When
    promises: Mapping[ClockName, Mapping[str, Any]]
    team: str | None


class Grade(Struct, frozen=True):
    """A grade for scores of at least `minimum` points."""

    name: str
    minimum: int
    bonus_tier: int


class ScorePlan(Struct, frozen=True):
    """How a month is scored.

    `weights` has the weight of each component in per cent. A component counts only if it has at
    least `minimum_samples` samples. A score is given only if the weights of the components that
    count add up to at least `minimum_weight` per cent. `grades` go from best to worst.
    """

    weights: Mapping[str, int]
    minimum_samples: int
    minimum_weight: int
    grades: tuple[Grade, ...]


class CallbackPlan(Struct, frozen=True):
    """How callbacks are made. After `attempts` callbacks without an answer the ticket is closed."""

    attempts: int


STRANGERS = ("ticket", "message")


class HeldPlan(Struct, frozen=True):
    """How soon somebody opens a held mail: within `target_s` seconds of a calendar.

    The defaults apply to plans that say nothing about held mail.
    """

    target_s: int = 86_400
    calendar: str = ALWAYS


class MailPlan(Struct, frozen=True):
    """How incoming mail is handled.

    `kind_by_address` maps a service address to the kind of its tickets: a complete address, or the
    part before the @ of any address at a domain of the house. `domains` are domains of the house
    besides those that the deployment knows: the one that gets mail and the sender address's.
    `groups` has the groups and forwarders before our addresses: their addresses or List-Ids, in
    lower case. The headers that they add to a mail say nothing about who wrote it.
    `strangers` says what a reply to a ticket becomes if its sender is not a party of the ticket:
    a new ticket that refers to the first one (`ticket`), or a notice on that ticket (`message`).
    In one clock hour, at most `most_of_a_sender` mails are accepted from one sender, and at most
    `most_on_a_ticket` mails about one ticket. `held` is the promise for held mail. `languages` are
    those that customers write in, the most common one first. They decide about the charset of a
    text that is too short to show it.
    """

    kind_by_address: Mapping[str, str]
    strangers: str = "ticket"
    most_of_a_sender: int = 30
    most_on_a_ticket: int = 60
    domains: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    held: HeldPlan = HeldPlan()
    languages: tuple[str, ...] = LANGUAGES


NO_MAIL_PLAN = MailPlan({})

IDENTIFIERS = ("account", "email", "phone")
"""The kinds of contact points by which a customer can be recognised."""
PROFILE_ACTS = ("change_contacts", "change_consent", "change_fields", "merge")
TICKET_ACTS = (
    "reply",
    "tell_progress",
    "resolve",
    "record_callback",
    "reassign",
    "accept",
    "decline",
    "reclassify",
    "set_tags",
    "promise",
    "set_participants",
    "set_about",
    "set_mentions",
    "set_fields",
    "accept_mail",
    "count_message",
    "accept_item",
    "reject_item",
    "finish_step",
    "tell_obstacle",
    "hold",
    "release",
    "correct",
    "move_to_plan",
    "merge_ticket",
    "unmerge_ticket",
    "split_ticket",
    "unsplit_ticket",
    "propose_remedy",
    "approve_remedy",
    "withdraw_remedy",
    "finish_remedy",
)
"""Changes of a ticket, by their names in `access.ACTIONS`. A note, a
reminder, a task, a link and a refused remedy need no identity, because they tell the customer
nothing. Whose ticket
it is must be said before an identity can be verified."""
VERIFIABLE_ACTS = (*PROFILE_ACTS, *TICKET_ACTS)
"""The acts of staff for which a plan can ask that the customer's identity is verified."""


class CustomersPlan(Struct, frozen=True):
    """How customers are recognised, and what staff do only for a verified customer.

    `match_by` has the kinds of contact points by which a ticket is matched with a profile. The
    first one that leads to a profile decides. If it is empty, no ticket is matched. `verified_for`
    has those of VERIFIABLE_ACTS that need a verified identity. The defaults apply to plans that say
    nothing about customers.
    """

    match_by: tuple[str, ...] = IDENTIFIERS
    verified_for: tuple[str, ...] = ()


class ConflictPlan(Struct, frozen=True):
    """Conflicts of interest in complaints about members of staff.

    If `without_their_supervisor` is true, a complaint about an agent is also kept from the
    supervisors of the agent's team. A complaint in one of `categories` that names nobody may be
    about the agent who served the customer last, in the `earlier_days` days before it: a person
    decides. The defaults apply to plans that say nothing about it.
    """

    without_their_supervisor: bool = False
    categories: tuple[str, ...] = ()
    earlier_days: int = 30


OTHER_FILES = "other"
FILE_KINDS = (
    "image",
    "pdf",
    "audio",
    "video",
    "office",
    "text",
    "archive",
    OTHER_FILES,
)
"""The kinds of files by their content. An archive is never opened. `other` is everything that
nothing recognises for sure."""


class InspectionPlan(Struct, frozen=True):
    """How many tickets of each channel a leader looks into every day. The default applies to plans
    without the section."""

    each_channel: int = 5


class FilesPlan(Struct, frozen=True):
    """Which files may be added to a ticket, and how many.

    `types` has the allowed kinds. A file has at most `most_bytes` bytes, a ticket has at most
    `most_each_ticket` files that were neither refused nor withdrawn, and one message has at most
    `most_at_once`. The defaults apply to plans that say nothing about files.
    """

    types: tuple[str, ...] = FILE_KINDS[:6]
    most_bytes: int = 26_214_400
    most_each_ticket: int = 20
    most_at_once: int = 5


class HandingOverPlan(Struct, frozen=True):
    """How often agents may give tickets away; after that leaders decide.

    An agent declines at most `declines_a_day` tickets on a day of the plan's zone. Agents hand one
    ticket over at most `most` times, to another agent or to another team. The defaults apply to
    plans that say nothing about it.
    """

    declines_a_day: int = 10
    most: int = 3


class PresencePlan(Struct, frozen=True):
    """When a member of staff counts as gone, and what becomes of their work then. In seconds.

    A client beats every `beat_s`. Whoever has beaten since they came is offline `gone_after_s`
    after their last beat. Whoever has never beaten is offline `unbeaten_after_s` after they came.
    `grace_s` after an agent has gone, their tickets return to the queue if a promise is due before
    they are back. That is the begin of their next shift. Without shifts, an agent is expected back
    `expected_back_s` after they have gone. The defaults apply to plans that say nothing about it.
    """

    beat_s: int = 60
    gone_after_s: int = 300
    unbeaten_after_s: int = 43_200
    grace_s: int = 900
    expected_back_s: int = 57_600


FORM_FIELDS = ORDER, COMPANY, ABOUT = ("order", "company", "about")
"""The fields of the web form that a plan can leave out. They are always optional. ABOUT asks for
the name of the member of staff whom a complaint is about."""
USUAL_FORM_FIELDS = (ORDER, COMPANY)


class RoutingRule(Struct, frozen=True):
    """What the first rule of routing that a ticket matches says: a team, and a skill with a level.

    All are empty if no rule matches.
    """

    name: str = ""
    team: str = ""
    skill: str = ""
    level: int = 1


class Plan(Struct, frozen=True):
    """One immutable version of all the rules. A ticket keeps the version under which it began."""

    version: int
    note: str
    time_zone: str
    effective_from: datetime | None
    review_by: date | None
    calendars: Mapping[str, Calendar]
    notice_hours: Calendar | None
    levels: Mapping[str, Level]
    overrides: tuple[Override, ...]
    priorities: tuple[str, ...]
    matrix: Mapping[tuple[str, str], str]
    customer_types: tuple[str, ...]
    ladders: Mapping[str, tuple[tuple[float, Rung], ...]]
    own_word: Promise
    callback: CallbackPlan
    survey_invite_after_s: int
    idempotency_days: int
    score: ScorePlan
    reopened_priority: str
    mail: MailPlan = NO_MAIL_PLAN
    home_region: str = HOME_REGION
    """The region of phone numbers without a country code, as in ISO 3166-1: `CN`."""
    customers: CustomersPlan = CustomersPlan()
    conflict: ConflictPlan = ConflictPlan()
    survey_low: int = USUAL_LOW_SCORE
    """The highest survey score that counts as low (`is_low`)."""
    form_fields: tuple[str, ...] = USUAL_FORM_FIELDS
    """Those of FORM_FIELDS that the web form has. A plan that says nothing about it has
    USUAL_FORM_FIELDS, which earlier versions had."""
    categories: tuple[Mapping[str, Any], ...] = ()
    """The section of the document, which `plans.rules.categories` reads."""
    fields: tuple[Mapping[str, Any], ...] = ()
    """The section of the document, which `plans.rules.fields` reads."""
    files: FilesPlan = FilesPlan()
    handing_over: HandingOverPlan = HandingOverPlan()
    inspection: InspectionPlan = InspectionPlan()
    presence: PresencePlan = PresencePlan()
    wording: Mapping[str, Mapping[str, Any]] = {}  # msgspec makes a new dict for each instance
    """The section of the document, which `plans.rules.wording` reads."""
    thanks: Mapping[str, Any] = {}
    """The section of the document, which `plans.rules.thanks` reads. If it is empty, no message is
    recognised as a bare thanks."""
    macros: tuple[Mapping[str, Any], ...] = ()
    """The section of the document, which `plans.rules.macros` reads."""
    templates: Mapping[str, Mapping[str, str]] = {}
    """The reply templates by name, each in every language (`plans.rules.templates`)."""
    scripts: Mapping[str, Mapping[str, str]] = {}
    """What staff say on the telephone, in the same form."""
    team_names: Mapping[str, Mapping[str, str]] = {}
    """What customers read instead of the id of a team, by team and language."""
    classification: Mapping[str, Any] = {}
    """The section of the document, which `plans.rules.classification` reads. Of a stored plan it is
    decoded at the first use (`plans.rules.reader.Undecoded`)."""
    routing: Mapping[str, Any] = {}
    """The section of the document, which `plans.rules.routing` checks."""
    tasks: Mapping[str, Any] = {}
    """The section of the document, which `plans.rules.tasks` reads."""
    checklists: Mapping[str, Any] = {}
    """The section of the document, which `plans.rules.checklists` reads."""
    remedies: Mapping[str, Any] = {}
    """The section of the document, which `plans.rules.remedies` reads."""
    causes: Mapping[str, Mapping[str, str]] = {}
    """What customers read of the cause of a complaint, by the name of the cause and language."""
    hotline: Mapping[str, Any] = {}
    """The section of the document, which `plans.rules.hotline` checks."""
    sms: str | None = None
    """The connector that writes to customers who left only a mobile number; None if there is none.
    Nobody checks whether it exists: a plan outlives connectors."""
    incidents: Mapping[str, Any] = {}
    """The section of the document, which `plans.rules.incidents` reads."""
    relationship_calls: Mapping[str, Any] = {}
    """The section of the document, which `plans.rules.relationship` reads."""
    duplicates: Mapping[str, Any] = {}
    """The section of the document, which `plans.rules.duplicates` reads."""
    urgent: Mapping[str, Any] = {}
    """The section of the document, which `plans.rules.urgent` reads."""

    @property
    def talk_s(self) -> int | None:
        """The target for talking in one call, in seconds; None if the plan has none."""
        return seconds_of(self.hotline["talk"]) if "talk" in self.hotline else None

    @property
    def missed_call(self) -> Promise | None:
        """The promise to call back a caller with whom nobody spoke. None if the plan has none."""
        entry = self.hotline.get("call_back")
        return promise_from(ClockName.FIRST_RESPONSE, entry) if entry is not None else None

    def opens_for_call(self, result: str) -> bool:
        """Whether the record of a call with this result opens a ticket if the call has none."""
        return result in listed(self.hotline.get("opens", []))

    def call_subject(self, *, missed: bool, language: str) -> str:
        """The subject of a ticket that the record of a call opens."""
        subject: str = self.hotline["subjects"]["missed" if missed else "answered"][language]
        return subject

    @property
    def teams(self) -> frozenset[str]:
        """Every team to which this plan can assign a ticket."""
        given = {override.team for override in self.overrides if override.team}
        given |= {rule["team"] for rule in self.routing.get("rules", ()) if "team" in rule}
        return frozenset(given | {level.team for level in self.levels.values()})

    def fields_for(self, kind: str | None, category: str | None) -> tuple[Mapping[str, Any], ...]:
        """The fields of tickets of a kind and a category, as they are in the document.

        None means that the kind or the category is not known yet. A category of "" means that the
        ticket has none. A field of `product` is also one of `product/defect`.
        """
        return tuple(
            field
            for field in self.fields
            if (kind is None or kind in listed(field.get("kinds", KINDS)))
            and (
                category is None
                or "categories" not in field
                or any(f"{category}/".startswith(f"{one}/") for one in listed(field["categories"]))
            )
        )

    def in_force(self, at: datetime) -> bool:
        """Whether the plan is effective at an instant."""
        return self.effective_from is None or self.effective_from <= at

    def is_low(self, answers: Mapping[str, Any]) -> bool:
        """Whether the answers to a survey do not say that the problem is solved.

        `answers` has a score from 1 to 5 for `overall`, and perhaps one for `solution`. The answers
        are low if one of the two is at most `survey_low`. The other scores rate the people and the
        speed, so they do not count. Every rule that follows from a low score uses this method.
        """
        scores = (answers[name] for name in ("overall", "solution") if name in answers)
        return any(score <= self.survey_low for score in scores)

    def level(self, kind: str) -> Level:
        return self.levels[kind]

    def calendar(self, name: str) -> Calendar:
        """A calendar by its name. A plan has every calendar that an open clock under it names."""
        return self.calendars[name]

    def priority(self, urgency: str, impact: str) -> str:
        """The priority for an urgency and an impact."""
        return self.matrix[urgency, impact]

    def higher(self, one: str, other: str) -> str:
        """The higher of two priorities."""
        return max(one, other, key=self.priorities.index)

    def promises(
        self, kind: str, channel: str, priority: str, customer_type: str
    ) -> dict[ClockName, Promise]:
        """The promises for a ticket: those of its kind, changed by all matching overrides in order.

        A clock that is absent is not promised.
        """
        found = dict(self.levels[kind].promises)
        for override in self.overrides:
            if override.when.holds(kind, channel, priority, customer_type):
                for name, changed in override.promises.items():
                    found[name] = promise_from(name, changed, found.get(name))
        return found

    def team(self, kind: str, channel: str, priority: str, customer_type: str) -> str:
        """The team for a ticket: that of the last matching override with a team, or of its kind."""
        found = self.levels[kind].team
        for override in self.overrides:
            if override.team and override.when.holds(kind, channel, priority, customer_type):
                found = override.team
        return found

    def weight(self, channel: str) -> int:
        """What a live conversation on a channel takes of an agent's attention, in per cent.

        It takes it until it is over (`tickets.rules.fold`).
        """
        weight: int = self.routing.get("weights", {}).get(channel, 0)
        return weight

    @property
    def reserve_over(self) -> int:
        """How many waiting tickets of a team call reserve staff; 0 if nothing does."""
        most: int = self.routing.get("reserve_over", 0)
        return most

    def routing_rule(self, of: Mapping[str, str]) -> RoutingRule:
        """The first rule of routing for a ticket. `of` has its values by condition."""
        for rule in self.routing.get("rules", ()):
            if matches(rule["when"], of):
                skill = rule.get("skill", {})
                return RoutingRule(
                    rule["name"], rule.get("team", ""), skill.get("name", ""), skill.get("level", 1)
                )
        return RoutingRule()

    def placing(self, of: Mapping[str, str]) -> str:
        """The name of the ladder on which routing asks for less and less of an agent.

        It says which steps change something for a ticket with these values, and when. It also has
        the index of the text that its customer gets if nobody is there: `2m level=1,5m skill=any/1
        2m`. So a search keeps its steps if the ticket moves to a plan that has the same ones.
        """
        steps, told = self._placing(of)
        said = [_step_in_words(step) for _, step in steps]
        return f"{','.join(said)}/{' '.join(f'{n} {one["after"]}' for n, one in told)}"

    def indexed_placing(self, of: Mapping[str, str]) -> str:
        """The same in the form of a version before, which stored indexes of steps: `0,2/1`."""
        steps, told = self._placing(of)
        return f"{','.join(str(n) for n, _ in steps)}/{''.join(str(n) for n, _ in told)}"

    def _placing(self, of: Mapping[str, str]) -> tuple[list[_Indexed], list[_Indexed]]:
        """The steps for a ticket, and at most one text for its customer, with their indexes."""
        skilled = bool(self.routing_rule(of).skill)
        steps = [
            (index, step)
            for index, step in enumerate(self.routing.get("steps", ()))
            if matches(step.get("when", {}), of)
            and (skilled or "reserve" in step or "language" in step)
        ]
        told = [
            (index, entry)
            for index, entry in enumerate(self.routing.get("nobody", ()))
            if matches(entry.get("when", {}), of)
        ]
        return steps, told[:1]

    def placing_steps(self, ladder: str) -> list[Mapping[str, Any]]:
        """The steps that a ladder of `placing` names, by when they are due.

        A version before stored their indexes in this plan.
        """
        entries = self.routing.get("steps", ())
        steps = [
            entries[int(one)] if one.isdecimal() else _step_of_words(one)
            for one in ladder.partition("/")[0].split(",")
            if one
        ]
        return sorted(steps, key=lambda step: seconds_of(step["after"]))

    def nobody(self, ladder: str) -> Mapping[str, Any] | None:
        """What a customer is told if nobody is there, by a ladder of `placing`; None: nothing."""
        index = ladder.partition("/")[2].partition(" ")[0]
        found: Mapping[str, Any] | None = self.routing["nobody"][int(index)] if index else None
        return found

    def ladder(self, name: str, clock: Clock, *, by_mail: bool) -> Ladder:
        """The ladder of one clock, with its calendar and the plan's notice hours.

        A callback by mail asks the customer again each time its target has passed. After the last
        attempt it closes the ticket. A callback by phone is a task for a person, so it has the
        ladder that the plan names, like any other promise.
        """
        return Ladder(
            self.rungs(name, clock.ladder, clock.target_s, by_mail=by_mail),
            self.calendars[clock.calendar],
            self.notice_hours,
        )

    def rungs(self, name: str, ladder: str, target_s: float, *, by_mail: bool) -> tuple[Rung, ...]:
        """The rungs of a clock with this name, ladder and target, in seconds of its calendar.

        A ladder of "" has none: the plan says nothing about such a clock.
        """
        if name is ClockName.ASSIGNMENT:
            rungs = [
                Rung(seconds_of(step["after"]), Action.RELAX) for step in self.placing_steps(ladder)
            ]
            if nobody := self.nobody(ladder):
                rungs.append(Rung(seconds_of(nobody["after"]), Action.TELL))
            return tuple(sorted(rungs, key=lambda rung: rung.at_s))
        if name is ClockName.SURVEY:
            return (
                Rung(min(self.survey_invite_after_s, target_s), Action.INVITE, (CUSTOMER,)),
                Rung(target_s, Action.CLOSE),
            )
        if name is ClockName.CALLBACK and by_mail:
            asks = tuple(
                Rung(target_s * n, Action.ASK_AGAIN, (CUSTOMER,))
                for n in range(1, self.callback.attempts)
            )
            return (*asks, Rung(target_s * self.callback.attempts, Action.CLOSE))
        entries = self.ladders[ladder] if ladder else ()
        return tuple(_placed(rung, at, target_s) for at, rung in entries)


def _step_in_words(step: Mapping[str, Any]) -> str:
    """A step of a search for an agent as a ladder names it: `2m level=1`."""
    what = (f"{name}={step[name]}" for name in ("level", "skill", "language") if name in step)
    return " ".join([step["after"], *what, *(["reserve"] if "reserve" in step else [])])


def _step_of_words(words: str) -> Mapping[str, Any]:
    """The step that a ladder names, as a plan has it."""
    after, *what = words.split(" ")
    step: dict[str, Any] = {"after": after}
    for one in what:
        name, _, value = one.partition("=")
        step[name] = int(value) if name == "level" else value or True
    return step


def _placed(rung: Rung, share: float, target_s: float) -> Rung:
    """Return a rung at its share of the target, rounded up to whole seconds.

    A rung at the full target is not rounded, because it must be due at the same instant as the
    clock.
    """
    return Rung(
        target_s if share == 1 else math.ceil(target_s * share),
        rung.action,
        rung.notify,
        rung.quiet,
        rung.priority,
        rung.reassign,
        rung.watch,
        rung.incident,
        rung.return_unaccepted,
    )


def promise_from(name: ClockName, entry: Mapping[str, Any], base: Promise | None = None) -> Promise:
    """Return a promise from an entry of a plan that was checked before.

    Fields that the entry leaves out come from `base`, or have defaults if `base` is None.
    """
    ladder = "acknowledgement" if name is ClockName.ACKNOWLEDGEMENT else "promise"
    base = base or Promise(1, ALWAYS, ladder, _DEFAULT_PAUSES.get(name, ()))
    return Promise(
        target_s=seconds_of(entry["within"]) if "within" in entry else base.target_s,
        calendar=entry.get("calendar", base.calendar),
        ladder=entry.get("ladder", base.ladder),
        pauses=listed(entry["pauses"]) if "pauses" in entry else base.pauses,
    )


def matches(when: Mapping[str, Any], of: Mapping[str, str]) -> bool:
    """Whether a ticket with these values meets a condition of routing, which may name several.

    A category of the first level includes those of its second level.
    """
    return all(
        any(_is_in(of[name], one, name) for one in listed(wanted)) for name, wanted in when.items()
    )


def _is_in(value: str, wanted: str, name: str) -> bool:
    return value == wanted or (name == "category" and value.startswith(f"{wanted}/"))


def listed(value: str | list[str]) -> tuple[str, ...]:
    """A list of names as a tuple. A document may give a single name instead of a list."""
    return (value,) if isinstance(value, str) else tuple(value)


# ------------------------------------------------------------------------------------ durations


def seconds_of(duration: str) -> int:
    """Parse a duration (`8h`, `30m`, `1h30m`, `45s`) to seconds, 1 to LONGEST_S.

    Raises ValueError for anything else.
    """
    found = _DURATION.fullmatch(duration)
    if found is None:
        raise ValueError("a duration such as 8h, 30m, 1h30m or 45s is expected")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    total = hours * 3600 + minutes * 60 + seconds
    if not 1 <= total <= LONGEST_S:
        raise ValueError("a duration is at least 1s and at most a year (8784h)")
    return total


def duration_of(seconds: int) -> str:
    """Format a duration in its shortest form: 5400 becomes `1h30m`."""
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    parts = ((hours, "h"), (minutes, "m"), (rest, "s"))
    return "".join(f"{amount}{unit}" for amount, unit in parts if amount)
