"""The values of a ticket, and functions that need only the ticket's current state and its plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from msgspec import Struct

from redress.base.people import Actor, Role
from redress.clocks.rules import clocks
from redress.clocks.rules.clocks import Clock, ClockName, ClockState, Ladder, Waits
from redress.plans.rules.plan import ALWAYS, Plan, Promise
from redress.plans.rules.plan import CUSTOMER as WAITED_FOR
from redress.tickets.rules import post_mortem as post_mortems
from redress.tickets.rules.calls import Talk
from redress.tickets.rules.checklist import Checklist, waits_for_customer
from redress.tickets.rules.post_mortem import PostMortem
from redress.tickets.rules.preference import PHONE, Preference, due_within
from redress.tickets.rules.remedies import Granted, Remedy
from redress.tickets.rules.tasks import Task

CHAT_IS_QUIET = timedelta(minutes=10)
"""A chat is over if nothing has happened to its ticket for this long since a person reacted."""
CALL_IS_QUIET = timedelta(hours=2)
"""Any conversation is over if nothing has happened to its ticket for this long. A call may last
an hour without a word in the ticket. Without a limit, a call that nobody documents would keep work
from its agent until they set their presence, and from whoever gets the ticket next."""


class State(StrEnum):
    """Where a ticket is in its life. `steps.table.STEPS` says which state may follow which."""

    NEW = "new"
    OPEN = "open"
    WAITING = "waiting"
    RESOLVED = "resolved"
    CONFIRMED = "confirmed"
    CLOSED = "closed"


class Phase(StrEnum):
    """What the workflow waits for. Each phase is one state of `ticket.asl.json`.

    SURVEY is the last wait, in which a closed ticket stays while it has an open remedy, or until
    its post-mortem is written.
    """

    ACKNOWLEDGEMENT = "acknowledgement"
    FIRST_RESPONSE = "first_response"
    RESOLUTION = "resolution"
    CALLBACK = "callback"
    SURVEY = "survey"
    CLOSED = "closed"


class EventType(StrEnum):
    """The types of events, named in the past tense. The values are stored: never change one."""

    OPENED = "opened"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    UNPLACED = "unplaced"
    NOBODY_THERE = "nobody_there"
    QUEUED = "queued"
    ACCEPTED = "accepted"
    CLASSIFIED = "classified"
    RECLASSIFIED = "reclassified"
    TAGGED = "tagged"
    PROGRESS_TOLD = "progress_told"
    REPLIED = "replied"
    NOTED = "noted"
    CUSTOMER_WROTE = "customer_wrote"
    MESSAGE_COUNTED = "message_counted"
    MAIL_NOTED = "mail_noted"
    PARTICIPANTS_SET = "participants_set"
    MATCHED = "matched"
    PROMISED = "promised"
    HELD = "held"
    RELEASED = "released"
    ABOUT_SET = "about_set"
    ABOUT_DOUBTED = "about_doubted"
    MENTIONS_SET = "mentions_set"
    LINKED = "linked"
    UNLINKED = "unlinked"
    MERGED = "merged"
    UNMERGED = "unmerged"
    SPLIT = "split"
    UNSPLIT = "unsplit"
    DUPLICATE_PROPOSED = "duplicate_proposed"
    DUPLICATE_DISMISSED = "duplicate_dismissed"
    INCIDENT_JOINED = "incident_joined"
    INCIDENT_LEFT = "incident_left"
    FIELDS_SET = "fields_set"
    REMINDED = "reminded"
    TASK_OPENED = "task_opened"
    TASK_ASSIGNED = "task_assigned"
    TASK_DONE = "task_done"
    TASK_RETURNED = "task_returned"
    TASK_CANCELLED = "task_cancelled"
    TASK_PRESSED = "task_pressed"
    TASK_EXTENSION_ASKED = "task_extension_asked"
    TASK_EXTENSION_DECIDED = "task_extension_decided"
    URGED = "urged"
    CHECKLIST_SET = "checklist_set"
    ITEM_GIVEN = "item_given"
    ITEM_ACCEPTED = "item_accepted"
    ITEM_REJECTED = "item_rejected"
    ITEM_DONE = "item_done"
    ITEM_OBSTRUCTED = "item_obstructed"
    REMEDY_PROPOSED = "remedy_proposed"
    REMEDY_PROMISED = "remedy_promised"
    REMEDY_REFUSED = "remedy_refused"
    REMEDY_WITHDRAWN = "remedy_withdrawn"
    REMEDY_DONE = "remedy_done"
    POST_MORTEM_WRITTEN = "post_mortem_written"
    CORRECTED = "corrected"
    CALL_RECORDED = "call_recorded"
    ANSWER_REPORTED = "answer_reported"
    PLAN_CHANGED = "plan_changed"
    INCIDENT_PROPOSED = "incident_proposed"
    RESOLVED = "resolved"
    CALLBACK_ATTEMPTED = "callback_attempted"
    CONFIRMED = "confirmed"
    DISPUTED = "disputed"
    SURVEYED = "surveyed"
    WITHDRAWN = "withdrawn"
    RUNG_FIRED = "rung_fired"
    CLOSED = "closed"


class Event(Struct, frozen=True):
    """One thing that happened to a ticket.

    `number` counts from 1 within the ticket. `at` is aware UTC.
    """

    number: int
    type: EventType
    at: datetime
    by: Actor
    data: dict[str, Any] = {}


def is_bare_thanks(event: Event) -> bool:
    """Whether the event is a message of the customer that only thanks, so nothing follows from it.

    A person can decide otherwise (`by_staff.count_message`), which is an event of its own.
    """
    return event.type is EventType.CUSTOMER_WROTE and "thanks" in event.data


def is_word_to_all(event: Event) -> bool:
    """Whether the event is a word to all customers of an incident (`of_incidents.tell`).

    The customer was told it, but nobody has turned to this ticket. So it neither begins nor ends a
    conversation, and it counts as nobody's work.
    """
    return event.type is EventType.PROGRESS_TOLD and "incident" in event.data


class Contact(Struct, frozen=True, omit_defaults=True):
    """How the customer can be reached.

    At least one of `email` and `phone` is set, unless a connector takes answers to the customer.

    Every snapshot of the ticket contains it, so fields without a value are not written.

    `phone` is as the customer wrote it. `phone_e164` is the same number in the form that a
    telephone system dials, without the extension; None if the number is not valid in the plan's
    home region. With `no_sms`, no short message reaches it: it is a landline, or the number of a
    service. An event of an earlier version does not say so. `company` is what the customer wrote.
    """

    name: str
    email: str | None = None
    phone: str | None = None
    phone_e164: str | None = None
    company: str | None = None
    no_sms: bool = False


UNPROVEN = "unproven"
"""In the `source` of a message: it came from a phone number to which staff wrote, and nobody knows
whether who opened the ticket has this number. So the status page does not show its text."""


class Conversation(Struct, frozen=True, omit_defaults=True):
    """The conversation in the system of a connector through which the customer is answered.

    `id` is its id in that system. `until` is when the system takes the last answer; None if it sets
    no end. Each message of the customer moves it.
    """

    connector: str
    id: str
    until: datetime | None = None

    def goes_on(self, at: datetime) -> bool:
        """Whether the system takes answers at this time."""
        return self.until is None or at < self.until


class Resolution(Struct, frozen=True):
    """An agent's statement that the matter is solved. Scores are attributed to `by` and `team`.

    `outcome` and `root_cause` are required for complaints, and `remedy` unless the ticket has a
    remedy. A service request may have an outcome of `plan.REQUEST_OUTCOMES`. `replies` is the
    number of public replies up to the resolution, which counts as one.
    `round` is the ticket's round. `contacts_after` is the number of the customer's messages since
    the resolution. `cause` is a name of the plan, whose words the customer reads. `cause_words` are
    those words by language if the ticket has moved to a plan that does not have the cause.
    """

    at: datetime
    by: str
    team: str
    outcome: str | None
    remedy: str | None
    root_cause: str | None
    replies: int
    round: int
    contacts_after: int = 0
    cause: str | None = None
    cause_words: dict[str, str] | None = None

    def told_cause(self, plan: Plan) -> Mapping[str, str] | None:
        """What the customer reads of the cause, by language; None without one.

        `plan` is the one of the ticket. The words are its own, or those of the plan before that had
        the cause.
        """
        return plan.causes.get(self.cause or "") or self.cause_words


class LinkKind(StrEnum):
    """How a ticket is linked with another one. The values are stored: never change one.

    Nothing follows from `related`. A ticket that follows another one (`follow_up_of`) is a new
    matter after it; the other one is `followed_by` it. No link of these kinds moves a clock, closes
    a ticket or passes on a message.

    A ticket that was `merged_into` another one is closed, and what its customer writes goes on to
    the other one, which has the link `merged_from`. Only a merge makes these links.

    A ticket whose messages were `split_into` another one keeps its customer and its promises. The
    other one, which has the link `split_from`, belongs to the author of these messages. Only a
    split makes these links.
    """

    RELATED = "related"
    FOLLOW_UP_OF = "follow_up_of"
    FOLLOWED_BY = "followed_by"
    MERGED_INTO = "merged_into"
    MERGED_FROM = "merged_from"
    SPLIT_INTO = "split_into"
    SPLIT_FROM = "split_from"


INVERSE = {
    LinkKind.RELATED: LinkKind.RELATED,
    LinkKind.FOLLOW_UP_OF: LinkKind.FOLLOWED_BY,
    LinkKind.FOLLOWED_BY: LinkKind.FOLLOW_UP_OF,
    LinkKind.MERGED_INTO: LinkKind.MERGED_FROM,
    LinkKind.MERGED_FROM: LinkKind.MERGED_INTO,
    LinkKind.SPLIT_INTO: LinkKind.SPLIT_FROM,
    LinkKind.SPLIT_FROM: LinkKind.SPLIT_INTO,
}
"""The kind of a link -> its kind on the other ticket."""

WITHOUT_EFFECT = (LinkKind.RELATED, LinkKind.FOLLOW_UP_OF, LinkKind.FOLLOWED_BY)
"""The kinds of links that staff make and end by themselves. Nothing else follows from them."""


class TicketLink(Struct, frozen=True, omit_defaults=True):
    """A link of a ticket with the ticket `number`.

    `tasks_over` are the names of the plan's tasks that are done in a ticket which was merged into
    this one, or were cancelled there. The plan does not ask for them here again.
    """

    kind: LinkKind
    number: str
    tasks_over: tuple[str, ...] = ()


class Duplicate(Struct, frozen=True, omit_defaults=True):
    """An older ticket of the same customer that was proposed as the same matter.

    `similarity` is that of the words with which the customer opened both, from 0 to 100. A person
    has `dismissed` the proposal if both are different matters.
    """

    number: str
    similarity: int
    dismissed: bool = False


class Merged(Struct, frozen=True):
    """The ticket was merged into the ticket `into`.

    `customer` and `its_customer` are the profiles of the two tickets at that time: one profile, or
    two of which one was merged into the other. If one of the tickets gets another profile later,
    they are no longer of the same customer, and nothing goes on to `into` (`continues_in`). So are
    they if the merge of the two profiles is undone.
    """

    into: str
    customer: str
    its_customer: str


class SplitOff(Struct, frozen=True, omit_defaults=True):
    """The ticket was made of messages of the ticket `source`: of its events with these numbers.

    If `merged` is set, they are events of the ticket `merged`, which had been merged into the
    source. `since` is when the author of the messages began to wait for an answer to them. `is_own`
    says that the author is the customer of the source, so both tickets may be shown to them. `kept`
    is set if some of the messages came to the source by a split or a merge: for each message the
    ticket in which it was sent, and its event there.
    """

    source: str
    events: tuple[int, ...]
    since: datetime
    is_own: bool = False
    kept: tuple[tuple[str, int], ...] = ()
    merged: str = ""

    @property
    def written_in(self) -> str:
        """The number of the ticket in which the messages were written, or came by a split."""
        return self.merged or self.source

    @property
    def files(self) -> tuple[tuple[str, int], ...]:
        """For each message, the ticket that keeps its files, and the number of the event there."""
        return self.kept or tuple((self.source, number) for number in self.events)


class InIncident(Struct, frozen=True, omit_defaults=True):
    """The incident to which a ticket belongs: its id, and the last word of it that is settled.

    `word` is the number of the last word to all customers of the incident that this customer was
    told, or that was written before the ticket joined. A word with a higher number is told once.
    `since` is the number of the last word when the ticket joined, so its customer was told
    something if `word` is higher. `untold` is why that word reached nobody (`answers.Why`); empty
    if it did.
    """

    id: str
    word: int = 0
    since: int = 0
    untold: str = ""


class Placing(Struct, frozen=True, omit_defaults=True):
    """The search for an agent after the first attempt, at `since`, found nobody.

    `ladder` says which steps relax it (`Plan.placing`). `fired` are the names of those
    that acted.
    """

    since: datetime
    ladder: str = ""
    fired: tuple[str, ...] = ()


class Ticket(Struct, frozen=True):
    """The current state of a ticket. Message texts are only in the events."""

    number: str
    version: int
    last_person_version: int
    """Version of the last event caused by a person, except notes. An agent must have seen this
    version before they change the ticket."""
    state: State
    kind: str
    channel: str
    language: str
    subject: str
    contact: Contact
    team: str
    priority: str
    plan_version: int
    created_at: datetime
    changed_at: datetime
    """The time of the last event. A later event never gets an earlier time, even if the system
    clock of the function that writes it is slow."""
    clocks: dict[ClockName, Clock]
    urgency: str = "normal"
    impact: str = "normal"
    customer_type: str = "standard"
    category: str | None = None
    """What the ticket is about: `product`, or with a second level `product/defect`. It is a name of
    the plan under which it was set. A later plan may not have it; the ticket keeps it then."""
    classified: bool = False
    """Whether rules have classified the ticket, or a person has corrected its classification. After
    that, rules never change it."""
    tags: tuple[str, ...] = ()
    """Words by which staff find the ticket, folded (`redress.base.tags`) and sorted."""
    order: str | None = None
    """The number of the customer's order, as the customer wrote it."""
    fields: tuple[tuple[str, str], ...] = ()
    """The names and values of fields of the plan, sorted by name (`rules/fields.py`). What the
    customer wrote is stored as it was written, whether it is a value of the field or not."""
    satisfaction: int | None = None
    """The score `overall` (1 to 5) of the customer's survey."""
    unanswered_since: datetime | None = None
    """The time of the customer's oldest message that nobody has answered. While this is set, no
    clock is paused."""
    on_hold: str | None = None
    """Why the ticket is on hold: one of `plan.HOLDS`, or None. The customer was told."""
    held_since: datetime | None = None
    waits: Waits = ()
    """Every period in which the ticket waited, with its reason. If the reason pauses a clock, the
    clock does not count that period."""
    raised: str | None = None
    """The priority to which a reopening or a rung raised the ticket. A reclassification cannot
    lower the ticket's priority below it."""
    first_sender: str | None = None
    """The address in lower case from which the customer's first mail came, if its Reply-To names
    another one as the contact. A mail from this address is also the customer's."""
    participants: tuple[str, ...] = ()
    """Addresses that take part in addition to the customer, in lower case. Staff set them."""
    watchers: tuple[str, ...] = ()
    """Roles that are notified of every later rung, because an earlier rung subscribed them."""
    joined: tuple[str, ...] = ()
    """Roles that were asked to join, as roles of the ticket's team. Who only watches was not. Empty
    if a version before asked them."""
    incident_proposed: bool = False
    spike_proposed: str | None = None
    """The category of which so many tickets were new that an incident was proposed on this one. The
    ticket may have another category since."""
    assignee: str | None = None
    avoid: str | None = None
    """The agent who is offered the queued ticket last, because it was taken from them: a promise
    was broken, or they had not accepted it."""
    unaccepted_since: datetime | None = None
    """When the ticket was assigned to an agent who has not accepted it yet. None if they have, if
    they took it themselves, if nobody has it, and for assignments by a version before."""
    declined_by: tuple[str, ...] = ()
    """The agents who declined the ticket. It is not offered to them again until it is disputed or
    comes to another team."""
    handovers: int = 0
    """How often an agent handed the ticket over to another agent or to another team."""
    about: tuple[str, ...] = ()
    """The members of staff whom the complaint is about. None of them ever sees the ticket."""
    about_unclear: tuple[str, ...] | None = None
    """Set while nobody has decided whom the complaint is about: the members whom it may be about,
    if any are known. No agent gets or sees the ticket meanwhile, and none of these members does."""
    about_unsearched: bool = False
    """Whether the customer said whom the complaint is about, and nobody has looked yet who that is.
    `about_unclear` is then (), because it may be anybody."""
    kept_from: tuple[str, ...] = ()
    """The teams whose supervisors do not see the ticket, because the complaint is, or may be, about
    an agent of theirs, and the plan keeps it from them."""
    mentioned: tuple[str, ...] = ()
    """The members of staff whom a note mentions. They may read the ticket and write notes until it
    is closed or a leader ends it (`access.may_see`). Nothing else follows from it."""
    links: tuple[TicketLink, ...] = ()
    """The other tickets with which the ticket is linked, oldest first. The other one has the link,
    too, with the inverse kind."""
    duplicates: tuple[Duplicate, ...] = ()
    """The older tickets that were proposed as the same matter, also those that were dismissed, so
    that none is proposed twice."""
    incident: InIncident | None = None
    """The incident of which the ticket is one case. It has at most one: an incident is one cause.
    A ticket that is closed keeps it."""
    customer: str | None = None
    """The id of the profile with which the ticket was matched. If that profile was merged into
    another one since, the ticket keeps the id, so that the merge can be undone."""
    about_decided: bool = False
    """Whether `about` was set, by staff or from what the customer wrote. What the customer wrote is
    then not searched again, so a member whom staff took off stays off."""
    placing: Placing | None = None
    """Set while the ticket waits in a queue and at least one attempt to assign it found nobody."""
    nobody_told: bool = False
    """Whether the customer was told that nobody was there. They are told once."""
    team_decided: bool = False
    """Whether somebody moved the ticket to another team, or a rule of routing did. No rule of
    routing moves it after that."""
    live: int = 0
    """What the conversation took of its agent's attention when it was assigned, in per cent. It
    takes it until the conversation is over (`live_now`)."""
    in_conversation: bool = False
    """Whether a person has reacted to the customer of a live conversation that is not over yet.
    A version before did not store it. Its conversations were over with the first reaction."""
    missed_call: bool = False
    """Whether the record of a call opened the ticket with whose caller nobody spoke. The promises
    of a live call ended with it. The caller is called back instead (`Plan.missed_call`)."""
    preferred: str | None = None
    """The agent who is offered the queued ticket first, because they handled it last."""
    reacted: bool = False
    """Whether the customer got a reaction other than a reply: progress, a promise, or a corrected
    answer. A reclassification or a move to another plan then starts no reaction clock."""
    replies: int = 0
    round: int = 1
    """1, plus one for each time the customer disputed a resolution."""
    resolution: Resolution | None = None
    callback_attempts: int = 0
    callback_preference: Preference | None = None
    """How and when the customer wanted to be called back when the ticket was last resolved."""
    escalation: str | None = None
    """The highest role that was notified of a broken promise."""
    acknowledged_at: datetime | None = None
    closure: str | None = None
    closed_at: datetime | None = None
    tasks: tuple[Task, ...] = ()
    """What other departments were asked to do, in the order in which it was asked. Most tickets
    have none."""
    urged_at: datetime | None = None
    """When the customer urged last. They can do so again after the time of the plan."""
    conversation: Conversation | None = None
    """Where what staff write to the customer goes, instead of by mail. It is set if the customer's
    last message through a connector came from one that takes answers."""
    checklist: Checklist | None = None
    """What a service request needs. None if the plan has no checklist for its category."""
    merged: Merged | None = None
    """Set if the ticket was merged into another one, or if it was split off another one of its
    customer and that was undone. It is closed then."""
    split: SplitOff | None = None
    """Set if the ticket was made of messages that were split off another one."""
    remedies: tuple[Remedy, ...] = ()
    """What the customer gets, or may get, to make up for a fault, in the order in which it was
    proposed. Most tickets have none."""
    granted: tuple[Granted, ...] = ()
    """What the customer got in tickets that were merged into this one. It counts for the bound up
    to which remedies need no approval."""
    post_mortem: PostMortem | None = None
    """What is learnt from an urgent ticket after its closing. None if nothing is to be written."""
    talks: tuple[Talk, ...] = ()
    """How long agents talked with the customer in calls whose records came. Most tickets have no
    calls. Tickets of earlier versions have the talks that were recorded since."""

    @property
    def open_duplicates(self) -> tuple[Duplicate, ...]:
        """The proposed duplicates about which nobody has decided.

        Whoever merged or linked the two tickets has decided. When the ticket is closed, nobody has
        to decide any more.
        """
        if self.state is State.CLOSED:
            return ()
        linked = {link.number for link in self.links}
        return tuple(
            one for one in self.duplicates if not one.dismissed and one.number not in linked
        )

    @property
    def has_address(self) -> bool:
        """Whether mail can be sent to the customer."""
        return self.contact.email is not None

    @property
    def callback_by_mail(self) -> bool:
        """Whether the callback is a question by mail. Otherwise it is a call, a task for a person.

        A customer with an address is asked by mail, unless they prefer the phone and have a number.
        """
        preference = self.callback_preference
        prefers_call = preference is not None and preference.channel == PHONE
        return self.has_address and not (prefers_call and self.callback_phone)

    @property
    def callback_phone(self) -> str | None:
        """The number to call: the ticket's, or one of the customer's profile."""
        preference = self.callback_preference
        return self.contact.phone or (preference.phone if preference else None)

    @property
    def needs_agent(self) -> bool:
        """Whether staff must work on it: it counts as load of an agent, or waits in a queue."""
        return self.state in (State.NEW, State.OPEN, State.WAITING)

    @property
    def is_unanswered(self) -> bool:
        """Whether no person has reacted yet. On a live channel the customer then waits for one."""
        return self.state is State.NEW and not self.reacted

    @property
    def is_live(self) -> bool:
        """Whether the customer waits for a person's first word, or the conversation goes on.

        It counts only on a channel to which the plan gives a weight.
        """
        return self.in_conversation or (self.is_unanswered and not self.missed_call)

    def is_live_at(self, at: datetime) -> bool:
        """Whether it is live, and something has happened to it lately.

        The limit is CHAT_IS_QUIET for a chat that goes on, and CALL_IS_QUIET otherwise.
        """
        is_chat = self.in_conversation and self.channel != PHONE
        limit = CHAT_IS_QUIET if is_chat else CALL_IS_QUIET
        return self.is_live and at - self.changed_at < limit

    @property
    def live_now(self) -> int:
        """What the ticket takes of its agent's attention now, in per cent."""
        return self.live if self.assignee is not None and self.is_live else 0

    @property
    def timers(self) -> dict[str, Clock]:
        """The clocks whose rungs fire: the promises, the search for an agent, the tasks, the
        remedies, and the post-mortem."""
        found = dict[str, Clock](self.clocks.items())
        if self.placing is not None:
            search = clocks.start(1, self.placing.since, ladder=self.placing.ladder)
            found[ClockName.ASSIGNMENT] = replace(search, fired=self.placing.fired)
        for task in self.tasks:
            found[task.clock_name] = task.clock
        for remedy in self.remedies:
            found[remedy.clock_name] = remedy.clock
        if self.post_mortem is not None:
            found[post_mortems.CLOCK] = self.post_mortem.clock
        return found

    @property
    def has_open_remedy(self) -> bool:
        """Whether a remedy waits for a decision, or the customer was promised one that is not
        done."""
        return any(remedy.is_open for remedy in self.remedies)

    @property
    def owes_post_mortem(self) -> bool:
        """Whether it is closed, and its post-mortem must still be written."""
        return self.post_mortem is not None and self.post_mortem.is_due

    @property
    def owes_work(self) -> bool:
        """Whether its agent still has to do something, although it needs no agent any more.

        They call the customer back, do what was promised, or write the post-mortem.
        """
        if self.needs_agent:
            return False
        is_called = self.phase is Phase.CALLBACK and not self.callback_by_mail
        is_owed = any(remedy.is_owed for remedy in self.remedies)
        return is_called or is_owed or self.owes_post_mortem

    @property
    def goes_on_closed(self) -> bool:
        """Whether something is still to be done on the closed ticket."""
        return self.has_open_remedy or self.owes_post_mortem

    @property
    def phase(self) -> Phase:
        """What the workflow waits for. It follows from the state and the acknowledgement.

        A ticket that is not to be acknowledged has no such clock and waits for the first response.
        A closed ticket with an open remedy stays in the last wait, which fires the rungs of the
        remedy: the end of the matter does not end what the customer was promised. So does a closed
        ticket whose post-mortem is not written.
        """
        if self.state is State.NEW:
            promised = ClockName.ACKNOWLEDGEMENT in self.clocks
            waiting = promised and self.acknowledged_at is None
            return Phase.ACKNOWLEDGEMENT if waiting else Phase.FIRST_RESPONSE
        return {
            State.OPEN: Phase.RESOLUTION,
            State.WAITING: Phase.RESOLUTION,
            State.RESOLVED: Phase.CALLBACK,
            State.CONFIRMED: Phase.SURVEY,
            State.CLOSED: Phase.SURVEY if self.goes_on_closed else Phase.CLOSED,
        }[self.state]


def ladders(ticket: Ticket, plan: Plan) -> dict[str, Ladder]:
    """The ladder of each open clock of a ticket."""
    return {
        name: replace(plan.ladder(name, clock, by_mail=ticket.callback_by_mail), waits=ticket.waits)
        for name, clock in ticket.timers.items()
        if not clock.over
    }


def promises(ticket: Ticket, plan: Plan) -> dict[ClockName, Promise]:
    """What the plan promises for this ticket as it is classified now."""
    found = plan.promises(ticket.kind, ticket.channel, ticket.priority, ticket.customer_type)
    return after_missed_call(found, plan) if ticket.missed_call else found


def after_missed_call(promised: dict[ClockName, Promise], plan: Plan) -> dict[ClockName, Promise]:
    """The promises to a caller with whom nobody spoke: that of the callback is the first response.

    Nobody can pick up the call any more, and nothing was acknowledged to the caller.
    """
    live = (ClockName.ACKNOWLEDGEMENT, ClockName.REACTION)
    found = {name: one for name, one in promised.items() if name not in live}
    if plan.missed_call is not None:
        found[ClockName.FIRST_RESPONSE] = plan.missed_call
    return found


def default_team(ticket: Ticket, plan: Plan) -> str:
    """The team that the plan's levels and overrides give the ticket as it is classified now."""
    return plan.team(ticket.kind, ticket.channel, ticket.priority, ticket.customer_type)


def classification_of(ticket: Ticket) -> dict[str, str]:
    """What the rules of routing know about a ticket, by the names of their conditions."""
    return {
        "kind": ticket.kind,
        "channel": ticket.channel,
        "priority": ticket.priority,
        "customer_type": ticket.customer_type,
        "category": ticket.category or "",
        "language": ticket.language,
    }


def within_call_hours(promise: Promise, ticket: Ticket, start: datetime, plan: Plan) -> Promise:
    """Return the promise of a callback that starts at `start`, as the customer's hours change it.

    Only a callback by phone has to be in these hours (`preference.due_within`). If they move its
    due time, it counts calendar time: the hours need not be working time.
    """
    preference = ticket.callback_preference
    hours = None if preference is None else preference.call_hours
    if hours is None or ticket.callback_by_mail:
        return promise
    due = plan.calendar(promise.calendar).add(start, promise.target_s)
    moved = due_within(hours, plan.time_zone, start, due)
    if moved == due:
        return promise
    return replace(promise, target_s=(moved - start).total_seconds(), calendar=ALWAYS)


def is_survey_due(ticket: Ticket, plan: Plan) -> bool:
    """Whether the plan promises a survey for this ticket that the customer has not answered yet.

    A ticket has one survey: after an answer no other follows, not even after a dispute. The answer
    has stopped the clock of the survey.
    """
    clock = ticket.clocks.get(ClockName.SURVEY)
    answered = clock is not None and clock.state is ClockState.STOPPED
    return not answered and ClockName.SURVEY in promises(ticket, plan)


def continues_in(ticket: Ticket, other: Ticket) -> bool:
    """Whether the ticket was merged into `other`, and both have the profiles of that time.

    Two profiles may have been one at that time and not be one now (`TicketStore.goes_on`).
    """
    merged = ticket.merged
    return merged == Merged(other.number, ticket.customer or "", other.customer or "")


def of_every_team(roles: Iterable[str]) -> tuple[str, ...]:
    """Return those of the roles that are the same people for every team: managers."""
    return tuple(role for role in roles if role == Role.MANAGER)


def next_wake(ticket: Ticket, plan: Plan) -> datetime | None:
    """When the ticket's workflow must wake next; None if no rung is left that acts."""
    return clocks.next_wake(ticket.timers, ladders(ticket, plan))


STAFF_CLOCKS = (
    ClockName.REACTION,
    ClockName.FIRST_RESPONSE,
    ClockName.NEXT_REPLY,
    ClockName.UPDATE,
    ClockName.OWN_WORD,
    ClockName.RESOLUTION,
)


def next_due(ticket: Ticket) -> datetime | None:
    """When the next promise that staff must keep is due; None if no such promise is running.

    A callback by phone is a task for staff. A callback by mail is not, because it waits for the
    customer. Paused clocks do not count. What the customer was promised to make up for a fault
    counts, also on a closed ticket, and so does the post-mortem of a closed ticket.
    """
    names = STAFF_CLOCKS if ticket.callback_by_mail else (*STAFF_CLOCKS, ClockName.CALLBACK)
    due = [
        clock.due_at
        for name, clock in ticket.clocks.items()
        if name in names and clock.state is ClockState.RUNNING
    ]
    due += [remedy.clock.due_at for remedy in ticket.remedies if remedy.is_owed]
    if (due_at := post_mortem_due(ticket)) is not None:
        due.append(due_at)
    return min(due, default=None)


def post_mortem_due(ticket: Ticket) -> datetime | None:
    """When the post-mortem of a closed ticket is due; None if none has to be written."""
    owed = ticket.post_mortem
    return owed.clock.due_at if owed is not None and owed.is_due else None


def waits_for(ticket: Ticket) -> tuple[str, ...]:
    """The reasons for which the ticket waits now.

    There are none while a message of the customer is unanswered, or if the ticket needs no agent.
    It waits for the customer if staff have said so in a reply, or if only the customer can go on
    with its checklist.
    """
    if ticket.unanswered_since is not None or not ticket.needs_agent:
        return ()
    is_customers = ticket.state is State.WAITING or waits_for_customer(ticket.checklist)
    reasons = (WAITED_FOR if is_customers else None, ticket.on_hold)
    return tuple(reason for reason in reasons if reason is not None)
