"""What staff do with incidents, the delivery of a word to all customers, and the look for spikes.

A word is written once, in the languages of the tickets. It is delivered ticket by ticket: each is a
change of its own, and the snapshot of the ticket says which word its customer was told. So a run
can be killed and repeated at any point, and each customer gets each word once. The request that
writes the word delivers as much of it as its time allows. The sweep delivers the rest.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import replace
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from redress.base import observe
from redress.base.errors import (
    Fault,
    Forbidden,
    IncidentChanged,
    IncidentIsClosed,
    InvalidInput,
    KeyReused,
    NotFound,
    Unavailable,
    Unreadable,
    VersionConflict,
    WordGoesOn,
    pointer,
)
from redress.base.languages import LANGUAGES
from redress.base.observe import Alarm
from redress.base.people import SYSTEM, Actor, Member, Role, is_team
from redress.db import encoding, keys, retry
from redress.incidents import rules
from redress.incidents.notices import UNTIL, end_of
from redress.incidents.rules import Done, Incident, IncidentChange, PostMortem, Word
from redress.incidents.store import CLOSED, OPEN, IncidentRaced, IncidentStore, Notices, Stored
from redress.plans.rules import categories, incidents
from redress.plans.rules.incidents import Spike
from redress.plans.rules.plan import Plan
from redress.plans.store.plans import Plans
from redress.staff.store import StaffStore
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.cases.staff import StaffStep, WorkItem, work_item
from redress.tickets.rules.access import has_conflict, is_kept_from, may_see
from redress.tickets.rules.change import Change
from redress.tickets.rules.post_mortem import Action, faults_of_actions, first_of_each
from redress.tickets.rules.steps import of_incidents
from redress.tickets.rules.ticket import Ticket
from redress.tickets.rules.wording import checked
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.tickets import TicketStore

ATTEMPTS = 5
PAGE = 25
"""The most incidents, or tickets of one, on a page. Also how many tickets a delivery settles until
it stores its progress: after a crash, at most so many are looked at again."""
PATIENCE_S = 15.0
"""The request that writes a word begins with no further ticket after so many seconds."""
LAST_CALL_S = 19.0
"""No call to AWS is begun later. So the last one ends before the function must (template.yaml)."""
MOST_OPENED = 2_000
"""The most new tickets that one look for spikes reads. With more, the categories of the first ones
decide."""
BATCH = 100
"""How many tickets are read in one call."""
MOST_READ = 1_000
"""The most tickets of an incident that are read for one page of them, BATCH at a time."""
UNREADABLE, NO_TEXT = "unreadable", "no_text"
"""Why a customer was not told: the ticket cannot be read or changed, or it joined while the word
was being written, and the word has no text in its language. A value of `answers.Why` says that the
word is recorded and reaches nobody, so that somebody must call."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a request says of a new incident. `team` is None for the team of the caller."""

    title: str
    cause: str
    team: str | None
    categories: Sequence[str]
    channels: Sequence[str]


@dataclass(frozen=True, slots=True)
class Learnt:
    """What a request says in a post-mortem."""

    happened: str
    cause: str
    actions: Sequence[Action]


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """An incident in a list. `cases` is the number of its tickets that the reader may know of."""

    incident: Incident
    cases: int


@dataclass(frozen=True, slots=True)
class IncidentPage:
    lines: list[IncidentLine]
    next: str | None


@dataclass(frozen=True, slots=True)
class IncidentFile:
    """An incident as its reader may see it.

    `languages` are those that a word needs. `words` and `changes` are the newest first. `failed` of
    a word are only tickets that the reader may see. `can` says what they may do with it.
    """

    incident: Incident
    cases: int
    languages: tuple[str, ...]
    words: list[Word]
    changes: list[IncidentChange]
    can: list[str]


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A ticket of an incident.

    `word` is the last word that is settled for its customer. `untold` is why it reached nobody (a
    value of `answers.Why`); empty if it did.
    """

    item: WorkItem
    word: int
    untold: str


@dataclass(frozen=True, slots=True)
class CasePage:
    lines: list[CaseLine]
    next: str | None


class IncidentCases:
    def __init__(
        self,
        store: IncidentStore,
        staff: StaffStore,
        tickets: TicketStore,
        plans: Plans,
        delivery: DeliveryCase,
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._staff, self._tickets = store, staff, tickets
        self._plans, self._delivery, self._now, self._clock = plans, delivery, now, clock

    # ---------------------------------------------------------------- reading

    def page(
        self, reader: Member, *, is_open: bool, content: Callable[[], tuple[int, str | None]]
    ) -> IncidentPage:
        """One page of the open or the closed incidents of all teams, the newest first.

        Every member of staff sees every incident: who answers customers must know of it. `content`
        reads from the request how many are wanted, and `next` of the page before.
        """
        limit, after = content()
        found, further = self._store.listed(OPEN if is_open else CLOSED, after, limit)
        kept = self._staff.kept_from(reader) if found else []
        lines = [IncidentLine(one.incident, self._known(one, kept)) for one in found]
        return IncidentPage(lines, further)

    def count_open(self) -> int:
        """The number of open incidents, at most PAGE."""
        return len(self._store.listed(OPEN, None, PAGE)[0])

    def read(self, reader: Member, incident: str) -> IncidentFile:
        """One incident. Raises NotFound and Unreadable."""
        return self._shown(reader, self._store.get(incident))

    def cases(
        self, reader: Member, incident: str, content: Callable[[], tuple[int, str | None]]
    ) -> CasePage:
        """One page of the tickets of an incident, without those that the reader may not see.

        At most MOST_READ tickets are read. If the reader may see few of them, the page is shorter
        than asked for, or empty, and `next` goes on behind them.
        """
        self._store.get(incident)
        limit, after = content()
        lines: list[CaseLine] = []
        for _ in range(MOST_READ // BATCH):
            numbers, after = self._store.cases(incident, after, BATCH)
            for ticket in self._tickets.get_readable(numbers):
                part = ticket.incident
                if may_see(reader, ticket) and part is not None and part.id == incident:
                    line = CaseLine(work_item(ticket, reader), part.word, part.untold)
                    lines.append(line)
            if len(lines) > limit:
                return CasePage(lines[:limit], lines[limit - 1].item.number)
            if after is None:
                break
        return CasePage(lines, after)

    def _known(self, stored: Stored, kept: Sequence[str]) -> int:
        """The number of tickets without those that are kept from the reader."""
        return stored.cases - len(self._store.those_of(stored.incident.id, kept))

    def _shown(self, reader: Member, stored: Stored) -> IncidentFile:
        found, words = stored.incident, self._store.words(stored.incident.id, rules.MOST_WORDS)
        failed = {number for word in words for number, _ in word.failed}
        seen = {
            ticket.number
            for ticket in self._tickets.get_readable(sorted(failed))
            if may_see(reader, ticket)
        }
        leads = found.is_open and rules.may_lead(reader, found.team)
        return IncidentFile(
            found,
            self._known(stored, self._staff.kept_from(reader)),
            tuple(one for one in LANGUAGES if one in stored.languages),
            [replace(w, failed=tuple(one for one in w.failed if one[0] in seen)) for w in words],
            self._store.changes(found.id),
            list(rules.ACTS) if leads else [],
        )

    # ---------------------------------------------------------------- acts

    def declare(
        self, member: Member, content: Callable[[], tuple[Declaration, str]], source: str
    ) -> IncidentFile:
        """Declare an incident. A leader may, and an agent of the team if the plan says so.

        `content` reads the request and its Idempotency-Key. A repeated request with the same key
        returns the same incident. Raises Forbidden, InvalidInput with every fault, and KeyReused.
        """
        plan = self._plans.current()
        if member.role is Role.AGENT and not incidents.agents_declare(plan):
            raise Forbidden("a supervisor or a manager declares an incident")
        given, key = content()
        team = given.team or member.team
        if member.role is not Role.MANAGER and team != member.team:
            raise Forbidden("this is another team than yours")
        if faults := self._faults_of(given, team, plan):
            raise InvalidInput(faults)
        digest = hashlib.sha256(f"{member.id}\n{key}".encode()).hexdigest()[:16]
        named = (tuple(given.categories), tuple(given.channels))
        asked = {"title": given.title, "cause": given.cause, "team": team, "of": named}
        new = Incident(
            digest,
            team,
            given.title,
            given.cause,
            self._now(),
            member.id,
            encoding.fingerprint(asked),
            *named,
        )
        entry = IncidentChange(1, Done.DECLARED, new.declared_at, member.id, source)
        if not self._store.declare(new, entry):
            held = self._store.get(new.id)
            if held.incident.fingerprint != new.fingerprint:
                raise KeyReused("this Idempotency-Key was used for another incident")
            return self._shown(member, held)
        return self._shown(member, Stored(new, 0, frozenset()))

    def _faults_of(self, given: Declaration, team: str, plan: Plan) -> list[Fault]:
        faults = []
        if not is_team(team) or not self._staff.has_team(team):
            faults.append(Fault("/team", "unknown_team", "there is no such team"))
        for index, name in enumerate(given.categories):
            if fault := categories.fault_of(plan.categories, name, None):
                faults.append(Fault(f"/categories/{index}", fault.code, fault.detail))
        return faults

    def tell(
        self,
        leader: Member,
        incident: str,
        content: Callable[[], tuple[int, Mapping[str, str]]],
        source: str,
    ) -> IncidentFile:
        """Write one word to all customers of the incident, and deliver it as far as time allows.

        `content` reads from the request the revision that the leader has read, and a text for each
        language. Customers of tickets that are open get it, each in the language of the ticket, and
        those that join later do not. Raises NotFound, Forbidden, IncidentIsClosed, WordGoesOn,
        IncidentChanged, and InvalidInput with every language that is missing and every refused
        word.
        """
        asked = cache(content)

        def decide(stored: Stored) -> _Decided:
            found = stored.incident
            revision, texts = asked()
            if faults := self._faults_of_texts(texts, stored.languages):
                raise InvalidInput(faults)
            self._must_be_delivered(found)
            if found.words >= rules.MOST_WORDS:
                detail = f"an incident has at most {rules.MOST_WORDS} words to all customers"
                raise InvalidInput([Fault("", "too_many", detail)])
            if faults := self._faults_of_length(found.id, texts):
                raise InvalidInput(faults)
            at, number = self._now(), found.words + 1
            after = replace(found, revision=revision + 1, words=number)
            word = Word(number, at, leader.id, leader.role.value, dict(texts))
            entry = IncidentChange(after.revision, Done.TOLD, at, leader.id, source, number)
            return _Decided(after, entry, word=word)

        self._change(leader, incident, lambda: asked()[0], decide)
        self._deliver_now(incident)
        return self.read(leader, incident)

    def _deliver_now(self, incident: str) -> None:
        """Deliver a word that is stored as far as time allows. The sweep does what is left.

        The word is written, so an outage is no error of the request: a repeated request would be
        refused.
        """
        began = self._clock()
        try:
            with retry.within(LAST_CALL_S):
                self._delivery.deliver(incident, lambda: PATIENCE_S - (self._clock() - began))
        except Exception as error:
            if not isinstance(error, Unavailable) and not retry.is_outage(error):
                raise

    def set_notice(
        self,
        leader: Member,
        incident: str,
        content: Callable[[], tuple[int, Mapping[str, str], datetime | None]],
        source: str,
    ) -> IncidentFile:
        """Set what the public form says about the incident, in every language; nothing if empty.

        `content` also reads from the request when it ends by itself, or None. The form says it
        within a minute, until that time, or until it is ended or the incident is closed. Raises the
        errors of `tell` apart from WordGoesOn, and InvalidInput if the form has MOST_NOTICES.
        """
        asked = cache(content)

        def decide(stored: Stored) -> _Decided:
            found, at = stored.incident, self._now()
            revision, texts, until = asked()
            faults = self._faults_of_texts(texts, LANGUAGES) if texts else []
            if until is not None and until <= at:
                faults.append(Fault("/until", "not_in_time", "a notice ends in the time to come"))
            if until is not None and not texts:
                faults.append(Fault("/until", "no_text", "a notice that ends now has no other end"))
            if faults:
                raise InvalidInput(faults)
            notices = _with_notice(self._store.notices(), found.id, texts, until, at)
            after = replace(found, revision=revision + 1, notice=dict(texts), notice_until=until)
            what = Done.NOTICE_SET if texts else Done.NOTICE_ENDED
            said = dict(texts)
            entry = IncidentChange(
                after.revision, what, at, leader.id, source, text=said, until=until
            )
            return _Decided(after, entry, notices=notices)

        self._change(leader, incident, lambda: asked()[0], decide)
        return self.read(leader, incident)

    def close(
        self,
        leader: Member,
        incident: str,
        content: Callable[[], tuple[int, Learnt]],
        source: str,
    ) -> IncidentFile:
        """Close the incident with its post-mortem. Until then it counts as open.

        Its tickets go on by themselves. The form says nothing of it any more. Raises NotFound,
        Forbidden, IncidentIsClosed, IncidentChanged, WordGoesOn, and InvalidInput with every fault
        of the actions: their owners are members who may work, and they are due today or later.
        """
        asked = cache(content)

        def decide(stored: Stored) -> _Decided:
            found = stored.incident
            revision, learnt = asked()
            if faults := self._faults_of_actions(learnt.actions):
                raise InvalidInput(faults)
            self._must_be_delivered(found)
            at = self._now()
            written = PostMortem(
                at, leader.id, learnt.happened, learnt.cause, tuple(learnt.actions)
            )
            after = replace(
                found, revision=revision + 1, notice={}, notice_until=None, post_mortem=written
            )
            entry = IncidentChange(after.revision, Done.CLOSED, at, leader.id, source)
            notices = None
            if found.notice:
                notices = _with_notice(self._store.notices(), found.id, {}, None, at)
            return _Decided(after, entry, notices=notices)

        self._change(leader, incident, lambda: asked()[0], decide)
        return self.read(leader, incident)

    def joining(self, incident: str, why: str) -> StaffStep:
        """The step by which a ticket becomes a case of an incident.

        Raises InvalidInput if there is no such incident, or if it is closed. If it is closed
        meanwhile, the transaction of the ticket raises IncidentIsClosed.
        """
        unknown = Fault(of_incidents.AT, "unknown_incident", "there is no such incident")
        try:
            found = self._store.get(incident).incident
        except NotFound:
            raise InvalidInput([unknown]) from None
        if not found.is_open:
            raise InvalidInput([Fault(of_incidents.AT, "closed", "this incident is closed")])

        def step(ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime) -> Change:
            return of_incidents.join(ticket, plan, by, found.id, found.words, why, at)

        return step

    def _change(
        self,
        leader: Member,
        incident: str,
        revision: Callable[[], int],
        decide: Callable[[Stored], _Decided],
    ) -> None:
        """Change an incident, and decide again after a lost race.

        `revision` is the one that the leader has read, as the request says.
        """
        for _ in range(ATTEMPTS):
            stored = self._store.get(incident)
            if not rules.may_lead(leader, stored.incident.team):
                raise Forbidden("the leaders of its team and managers speak for an incident")
            _must_be_current(stored.incident, revision())
            if not stored.incident.is_open:
                raise IncidentIsClosed("the incident is closed")
            decided = decide(stored)
            try:
                self._store.write(decided.after, decided.entry, decided.word, decided.notices)
            except IncidentRaced:
                continue
            return
        raise Unavailable("this incident is being changed by others")

    def _must_be_delivered(self, incident: Incident) -> None:
        """Raise WordGoesOn while the last word of an incident is being delivered."""
        if incident.words:
            last = self._store.word(incident.id, incident.words)
            if last.delivered_at is None:
                raise WordGoesOn

    def _faults_of_texts(
        self, texts: Mapping[str, str], needed: Sequence[str] | frozenset[str]
    ) -> list[Fault]:
        """The languages that are missing, and the words that the plan's lists refuse."""
        faults = rules.missing_languages(texts, needed, "/text")
        if not texts and not faults:
            faults.append(Fault("/text", "required", "a text in at least one language"))
        plan = self._plans.current()
        for language, text in texts.items():
            faults += checked(text, language, plan, pointer("text", language)).faults
        return faults

    def _faults_of_length(self, incident: str, texts: Mapping[str, str]) -> list[Fault]:
        """Return a fault if the words of the incident would be too long with this one; else []."""
        words = self._store.words(incident, rules.MOST_WORDS)
        left = rules.WORDS_LIMIT - rules.characters(one.texts for one in words)
        if rules.characters([texts]) <= left:
            return []
        detail = f"the words of an incident have at most {rules.WORDS_LIMIT} characters together"
        return [Fault("/text", "too_long", f"{detail}; {max(left, 0)} are left")]

    def _faults_of_actions(self, actions: Sequence[Action]) -> list[Fault]:
        today = self._now().astimezone(ZoneInfo(self._plans.current().time_zone)).date()
        known = self._staff.named(one.owner for one in actions)
        return faults_of_actions(actions, known, today)


@dataclass(frozen=True, slots=True)
class _Decided:
    """A change of an incident: what is stored (`IncidentStore.write`)."""

    after: Incident
    entry: IncidentChange
    word: Word | None = None
    notices: Notices | None = None


def _must_be_current(incident: Incident, revision: int) -> None:
    """Raise IncidentChanged for an older revision, InvalidInput for one that does not exist."""
    if revision > incident.revision:
        raise InvalidInput([Fault("/revision", "unknown_revision", "there is no such revision")])
    if revision < incident.revision:
        raise IncidentChanged(incident.revision)


def _with_notice(
    notices: Notices,
    incident: str,
    texts: Mapping[str, str],
    until: datetime | None,
    at: datetime,
) -> Notices:
    """What the form says after the notice of an incident was set, or ended by empty texts.

    Notices whose time is over do not count and are forgotten.
    """
    others = {
        one: said
        for one, said in notices.texts.items()
        if one != incident and ((end := end_of(said)) is None or at < end)
    }
    if not texts:
        return replace(notices, texts=others)
    if len(others) >= rules.MOST_NOTICES:
        detail = f"the form shows {rules.MOST_NOTICES} notices; end one of them first"
        raise InvalidInput([Fault("", "too_many", detail)])
    said = dict(texts) if until is None else dict(texts) | {UNTIL: until.isoformat()}
    return replace(notices, texts=others | {incident: said})


# -------------------------------------------------------------------- delivery


class DeliveryCase:
    """Delivers the words of incidents to customers."""

    def __init__(
        self,
        store: IncidentStore,
        changes: TicketChanges,
        staff: StaffStore,
        now: Callable[[], datetime],
    ) -> None:
        self._store, self._changes, self._staff, self._now = store, changes, staff, now

    def run(self, seconds_left: Callable[[], float]) -> int:
        """Go on with the words of all open incidents. Returns how many are delivered by that.

        An incident is not closed while a word of it is being delivered. An error in one holds up no
        other one. Raises the first error at the end.
        """
        delivered, after = 0, None
        failed: Exception | None = None
        while True:
            found, after = self._store.listed(OPEN, after, PAGE)
            for one in found:
                if not one.incident.words or seconds_left() <= 0:
                    continue
                try:
                    delivered += self.deliver(one.incident.id, seconds_left)
                except Exception as error:
                    failed = failed or error
            if after is None:
                break
        if failed is not None:
            raise failed
        return delivered

    def deliver(self, incident: str, seconds_left: Callable[[], float]) -> bool:
        """Go on with the last word of an incident. Returns whether this run has ended it.

        Each customer is told in a transaction of their ticket, and a repetition finds that they
        were told. If two runs deliver it at once, one of them stops. Raises Unavailable if a ticket
        is changed by others at every attempt; the next run begins with it.
        """
        last = self._store.get(incident).incident.words
        word = self._store.word(incident, last)
        if word.delivered_at is not None:
            return False
        writer = self._staff.named([word.by]).get(word.by)
        while word.delivered_at is None and seconds_left() > 0:
            numbers, further = self._store.cases(incident, word.after, PAGE)
            failed, settled, is_page_settled = list[tuple[str, str]](), word.after, True
            for number in numbers:
                if seconds_left() <= 0:
                    is_page_settled = False
                    break
                if (why := self._tell(incident, word, writer, number)) is not None:
                    failed.append((number, why))
                settled = number
            ended = is_page_settled and further is None
            word = replace(
                word,
                after=further if is_page_settled and further is not None else settled,
                delivered_at=self._now() if ended else None,
                failed=rules.with_failures(word.failed, failed),
                revision=word.revision + 1,
            )
            if not self._store.progress(incident, word):
                return False
        return word.delivered_at is not None

    def _tell(self, incident: str, word: Word, writer: Member | None, number: str) -> str | None:
        """Tell one customer, unless they were told. Returns why they could not be told, or None.

        `writer` is who wrote the word; None if nobody knows them any more. They do not speak to a
        customer from whose ticket a conflict of interest keeps them. This customer is told all the
        same, by the system. An error that another attempt would meet again is reported, and holds
        up nobody else.
        """
        missing: list[str] = []

        def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            missing.clear()
            if not of_incidents.is_to_be_told(ticket, incident, word.number):
                return None
            text = word.texts.get(ticket.language)
            if text is None:
                missing.append(NO_TEXT)
                return None
            kept = has_conflict(ticket) if writer is None else is_kept_from(ticket, writer)
            by = SYSTEM if kept else Actor(Role(word.role), word.by)
            return of_incidents.tell(ticket, plan, by, incident, word.number, text, at)

        try:
            ticket = self._changes.change(number, decide)
            into = of_incidents.goes_on_in(ticket, incident, word.number)
            if into is not None:
                ticket = self._changes.change(into, decide)
        except VersionConflict as error:
            raise Unavailable(f"{number} is being changed all the time") from error
        except Exception as error:
            if isinstance(error, Unavailable) or retry.is_outage(error):
                raise
            about = {"number": number, "incident": incident} | observe.fault_of(error)
            message = "a customer was not told a word of an incident"
            observe.report(Alarm.UNREADABLE, message, about)
            return UNREADABLE
        part = ticket.incident
        is_told = part is not None and (part.id, part.word) == (incident, word.number)
        untold = part.untold if part is not None and is_told else ""
        return missing[0] if missing else untold or None


# -------------------------------------------------------------------- who must be told


OF_LEADERS = 0
"""Instead of the number of an action: the mail is for the leaders of an incident that is open."""


class IncidentWatch:
    """Asks for the mails about incidents, each once.

    `ask` asks the mailer for a mail about an incident. It gets the id, and OF_LEADERS or the number
    of an action, from 1, whose owner gets the mail. The mailer sends the same mail only once.
    So each mail is asked for first and recorded then: whoever dies in between asks again.
    """

    def __init__(
        self,
        store: IncidentStore,
        plans: Plans,
        ask: Callable[[str, int], None],
        now: Callable[[], datetime],
    ) -> None:
        self._store, self._plans, self._ask, self._now = store, plans, ask, now

    def watch(self) -> dict[str, int]:
        """Ask for the mails that are due. Returns how many, by what they are, without zeros.

        An incident that is open for longer than the plan says reminds its leaders. When it was
        closed, each owner of its actions is told of theirs.
        """
        done = {"reminded": self._remind(), "owners_told": self._tell_owners()}
        return {name: count for name, count in done.items() if count}

    def _remind(self) -> int:
        count, after = 0, None
        while True:
            found, after = self._store.listed(OPEN, after, PAGE)
            waiting = [one.incident for one in found if not one.is_reminded]
            # A sweep without such an incident reads no plan.
            limit = incidents.remind_after_s(self._plans.current()) if waiting else None
            for one in waiting:
                if limit is None or (self._now() - one.declared_at).total_seconds() < limit:
                    continue
                self._ask(one.id, OF_LEADERS)
                self._store.reminded(one.id, self._now())
                count += 1
            if after is None:
                return count

    def _tell_owners(self) -> int:
        count = 0
        for id_ in self._store.owners_to_tell(PAGE):
            try:
                written = self._store.get(id_).incident.post_mortem
            except Unreadable:  # it is reported, and holds up no other one
                continue
            actions = written.actions if written is not None else ()
            for number in first_of_each(one.owner for one in actions):
                self._ask(id_, number)
                count += 1
            self._store.owners_told(id_, self._now())
        return count


# -------------------------------------------------------------------- spikes


class SpikeWatch:
    """Proposes an incident if many new tickets are of one category.

    It reads what is there already: the index of opened tickets, and the snapshots only if so many
    tickets are new at all. So no ticket costs a write more. `opened` costs four small reads, which
    the sweep needs anyway (`workflow/cases/quiet.py`).
    """

    def __init__(
        self,
        lists: TicketLists,
        tickets: TicketStore,
        changes: TicketChanges,
        plans: Plans,
        now: Callable[[], datetime],
    ) -> None:
        self._lists, self._tickets, self._changes = lists, tickets, changes
        self._plans, self._now = plans, now

    def opened(self) -> int:
        """The number of tickets that were opened in the longest time that a plan can look back."""
        return self._count(_parts(self._end(), incidents.LONGEST_S))

    def watch(self, opened: int) -> int:
        """Propose an incident for each category with a spike. Returns how many were proposed.

        `opened` is what `opened()` has just returned.

        The tickets of a spike are those that are in no incident yet. The proposal is an event of
        the newest open one. There is none while an earlier one for the category is on any ticket of
        the time of the spike: so a spike is proposed once, and again if it goes on for longer.
        Tickets with a conflict of interest do not count, because their leaders may not know of
        them.
        """
        # A new process reads the plan for 48 read units. So a stack without tickets reads none.
        if opened < incidents.FEWEST:
            return 0
        spike = incidents.spike(self._plans.current())
        if spike is None:
            return 0
        parts = _parts(self._end(), spike.within_s)
        if self._count(parts) < spike.tickets:
            return 0
        found = defaultdict[str, list[Ticket]](list)
        known = set[str | None]()
        for ticket in self._opened(parts):
            known.add(ticket.spike_proposed)
            counts = ticket.incident is None and not has_conflict(ticket)
            if ticket.category is not None and counts:
                found[ticket.category].append(ticket)
        return sum(
            self._propose(of_category, spike)
            for category, of_category in found.items()
            if category not in known and len(of_category) >= spike.tickets
        )

    def _end(self) -> datetime:
        return self._now() + timedelta(milliseconds=1)

    def _count(self, parts: Sequence[_Part]) -> int:
        return sum(self._lists.count_opened(*part) for part in parts)

    def _opened(self, parts: Sequence[_Part]) -> Iterator[Ticket]:
        """The tickets that were opened in these parts of the index, at most MOST_OPENED of them."""
        numbers: list[str] = []
        for part in parts:
            cursor = None
            while len(numbers) < MOST_OPENED:
                page = self._lists.opened_page(*part, BATCH, cursor)
                numbers += page.numbers
                cursor = page.cursor
                if cursor is None:
                    break
        for some in itertools.batched(numbers[:MOST_OPENED], BATCH, strict=False):
            yield from self._tickets.get_readable(list(some))

    def _propose(self, tickets: Sequence[Ticket], spike: Spike) -> bool:
        """Propose an incident on the newest ticket that needs somebody. Returns whether it was."""
        able = filter(of_incidents.may_propose, tickets)
        newest = max(able, key=_opened_at, default=None)
        if newest is None:
            return False
        made: list[Change] = []

        def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change | None:
            made.clear()
            given = (len(tickets), spike.within_s, at)
            change = of_incidents.propose(ticket, plan, *given)
            made.extend([change] if change is not None else [])
            return change

        self._changes.change(newest.number, decide)
        return bool(made)


_Part = tuple[datetime, datetime, int]
"""A part of the index of opened tickets: from when, until when, and its shard."""


def _parts(end: datetime, seconds: float) -> list[_Part]:
    """The parts of the index that have the tickets of the last `seconds`."""
    slices = _by_month(end - timedelta(seconds=seconds), end)
    return [(*bounds, shard) for bounds in slices for shard in range(keys.SHARDS)]


def _opened_at(ticket: Ticket) -> datetime:
    return ticket.created_at


def _by_month(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The parts of a period that lie in one UTC month each: the index has partitions of a month."""
    begin, end = start.astimezone(UTC), end.astimezone(UTC)
    month = end.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    if begin < month:
        yield begin, month
    yield max(begin, month), end
