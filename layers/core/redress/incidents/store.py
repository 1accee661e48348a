"""The store of incidents: their snapshots, histories, words and cases, and the public notices.

All items of an incident are under `INCIDENT#{id}`. Its cases are items, because an incident can
have thousands. They and the number of them are written in the transaction of the ticket that joins
or leaves (`also_written`). Incidents are listed in the open index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from redress.base.errors import IncidentIsClosed, NotFound, RedressError
from redress.base.languages import LANGUAGES
from redress.db import encoding, keys, retry
from redress.db.rows import Models
from redress.incidents.rules import Incident, IncidentChange, Word
from redress.tickets.rules.change import Change
from redress.tickets.rules.ticket import Event, EventType
from redress.tickets.store.transaction import Cause, Dated, Write

_INCIDENT = msgspec.json.Decoder(Incident)
_CHANGE = msgspec.json.Decoder(IncidentChange)
_WORD = msgspec.json.Decoder(Word)
_NOTICES = msgspec.json.Decoder(dict[str, dict[str, str]])

OPEN, CLOSED = "open", "closed"
"""The values of the attribute `state` of an incident's item. Each is also the name of the list in
which the incident stands."""
MOST_CHANGES = 200
"""The most entries of the history that are shown, the newest first."""


class IncidentRaced(RedressError):
    """The incident, or the notices of the form, were changed after they were read."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An incident, and what the tickets that join and leave it write into its item.

    `cases` is the number of its tickets. `languages` has the language of each ticket that is a case
    of it or was one. `is_reminded` says that its leaders were told that it is open for long.
    """

    incident: Incident
    cases: int
    languages: frozenset[str]
    is_reminded: bool = False


@dataclass(frozen=True, slots=True)
class Notices:
    """What the public form says: incident -> language -> text. `revision` is that of the item.

    A notice that ends by itself has its end, too (`notices.UNTIL`).
    """

    texts: Mapping[str, Mapping[str, str]]
    revision: int


class IncidentStore:
    def __init__(self, models: Models) -> None:
        self._models = models

    def get(self, incident: str) -> Stored:
        """An incident as it is now. Raises NotFound and Unreadable."""
        model = self._models.incident
        try:
            row = retry.call(
                lambda: model.get(keys.incident_pk(incident), keys.INCIDENT, consistent_read=True)
            )
        except DoesNotExist as error:
            raise NotFound("there is no such incident") from error
        return _stored(row)

    def declare(self, incident: Incident, entry: IncidentChange) -> bool:
        """Store a new incident. Returns False if there is one with this id already."""
        model, pk = self._models.incident, keys.incident_pk(incident.id)
        row = model(
            pk,
            keys.INCIDENT,
            doc=encoding.encode(incident),
            revision=incident.revision,
            state=OPEN,
            cases=0,
            **_place(incident),
        )
        trail = model(pk, keys.change_sk(entry.revision), doc=encoding.encode(entry))
        is_new, token = model.pk.does_not_exist(), retry.request_token()

        def send() -> None:
            with TransactWrite(token, connection=self._models.connection) as transaction:
                transaction.save(row, condition=is_new)
                transaction.save(trail, condition=is_new)

        try:
            retry.call(send, ("incident", "trail"))
        except retry.ConditionFailed:
            return False
        return True

    def write(
        self,
        after: Incident,
        entry: IncidentChange,
        word: Word | None = None,
        notices: Notices | None = None,
    ) -> None:
        """Store an incident and an entry of its history, in one transaction.

        `after` has the revision after the one that was read. `word` is a word that begins with the
        change, `notices` what the form says after it, with the revision that was read. If it closes
        the incident, the owners of its actions are to be told (`owners_to_tell`). The number of
        cases stays as it is: only tickets change it. Raises IncidentRaced if the incident or the
        notices were changed since they were read, or if a ticket has joined in whose language
        `word` has no text.
        """
        model, pk = self._models.incident, keys.incident_pk(after.id)
        row, place = model(pk, keys.INCIDENT), _place(after)
        actions: list[Action] = [
            model.doc.set(encoding.encode(after)),
            model.revision.set(after.revision),
            model.state.set(OPEN if after.is_open else CLOSED),
            model.open_pk.set(place["open_pk"]),
            model.open_sk.set(place["open_sk"]),
        ]
        trail = model(pk, keys.change_sk(entry.revision), doc=encoding.encode(entry))
        said = None
        if word is not None:
            said = self._word_row(after.id, word)
        left = None
        if not after.is_open:
            owed = keys.incidents_pk(keys.OWNERS)
            left = model(pk, keys.OWNERS, open_pk=owed, open_sk=place["open_sk"])
        shown = None
        if notices is not None:
            shown = self._models.doc(
                keys.NOTICES,
                keys.CURRENT,
                doc=encoding.encode(notices.texts),
                revision=notices.revision + 1,
            )
        as_decided = model.revision == after.revision - 1
        written = LANGUAGES if word is None else word.texts
        for language in LANGUAGES:
            if language not in written:
                as_decided &= ~model.languages.contains(language)
        token, doc = retry.request_token(), self._models.doc
        as_read = (
            doc.pk.does_not_exist()
            if notices is None or not notices.revision
            else doc.revision == notices.revision
        )

        def send() -> None:
            with TransactWrite(token, connection=self._models.connection) as transaction:
                # PynamoDB sends puts before updates.
                transaction.save(trail, condition=model.pk.does_not_exist())
                if said is not None:
                    transaction.save(said)
                if left is not None:
                    transaction.save(left)
                if shown is not None:
                    transaction.save(shown, condition=as_read)
                transaction.update(row, actions, condition=as_decided)

        further = (("word", said), ("owners", left), ("notices", shown))
        names = ["trail", *(name for name, row in further if row is not None), "incident"]
        try:
            retry.call(send, names)
        except retry.ConditionFailed as failed:
            raise IncidentRaced from failed

    # ---------------------------------------------------------------- what an incident has

    def changes(self, incident: str) -> list[IncidentChange]:
        """The history, the newest first, at most MOST_CHANGES.

        An entry that cannot be read is reported and left out.
        """
        rows = self._newest(incident, keys.CHANGE_PREFIX, MOST_CHANGES)
        return list(encoding.readable(rows, lambda row: _CHANGE.decode(row.doc)))

    def words(self, incident: str, most: int) -> list[Word]:
        """The words to all customers, the newest first."""
        rows = self._newest(incident, keys.WORD_PREFIX, most)
        return list(encoding.readable(rows, lambda row: _WORD.decode(row.doc)))

    def word(self, incident: str, number: int) -> Word:
        """One word. Raises NotFound and Unreadable."""
        model = self._models.incident
        try:
            row = retry.call(
                lambda: model.get(
                    keys.incident_pk(incident), keys.word_sk(number), consistent_read=True
                )
            )
        except DoesNotExist as error:
            raise NotFound("there is no such word") from error
        return encoding.decoded(row, lambda one: _WORD.decode(one.doc))

    def progress(self, incident: str, word: Word) -> bool:
        """Store how far the delivery of a word has come.

        `word` has the revision after the one that was read. Returns False if another run has stored
        its progress since.
        """
        row, model = self._word_row(incident, word), self._models.incident
        try:
            retry.call(lambda: row.save(condition=model.revision == word.revision - 1))
        except retry.ConditionFailed:
            return False
        return True

    def _word_row(self, incident: str, word: Word) -> Any:
        return self._models.incident(
            keys.incident_pk(incident),
            keys.word_sk(word.number),
            doc=encoding.encode(word),
            revision=word.revision,
        )

    def _newest(self, incident: str, prefix: str, most: int) -> list[Any]:
        model = self._models.incident
        query = model.query(
            keys.incident_pk(incident),
            model.sk.startswith(prefix),
            scan_index_forward=False,
            limit=most,
            consistent_read=True,
        )
        found: list[Any] = retry.call(lambda: list(query))
        return found

    def cases(self, incident: str, after: str | None, most: int) -> tuple[list[str], str | None]:
        """The numbers of some tickets of an incident, in their order, and after which the next ones
        follow; None if these are the last ones.

        `after` is that number of the page before. At most `most` items are read. A ticket that left
        is left out.
        """
        model = self._models.incident
        first = keys.case_sk(after) if after else keys.CASE_PREFIX
        among = model.sk.between(keys.just_after(first) if after else first, keys.AFTER_CASES)
        pk = keys.incident_pk(incident)
        rows = retry.call(
            lambda: list(model.query(pk, among, limit=most + 1, consistent_read=True))
        )
        found = [keys.case_of(row.sk) for row in rows[:most] if row.expires is None]
        return found, keys.case_of(rows[most - 1].sk) if len(rows) > most else None

    def those_of(self, incident: str, numbers: Sequence[str]) -> set[str]:
        """Those of some tickets that are cases of an incident."""
        model, pk = self._models.incident, keys.incident_pk(incident)
        wanted = [(pk, keys.case_sk(number)) for number in numbers]
        rows = retry.call(lambda: list(model.batch_get(wanted))) if wanted else []
        return {keys.case_of(row.sk) for row in rows if row.expires is None}

    # ---------------------------------------------------------------- lists and notices

    def listed(self, state: str, after: str | None, most: int) -> tuple[list[Stored], str | None]:
        """Some incidents of a state, the newest first, and the key of the next page.

        One that cannot be read is reported and left out. The list may be a moment behind.
        """
        model, pk = self._models.incident, keys.incidents_pk(state)
        before = None if after is None else model.open_sk < after
        query = model.open_index.query(pk, before, scan_index_forward=False, limit=most + 1)
        listed = retry.call(lambda: list(query))
        wanted = [(row.pk, row.sk) for row in listed[:most]]
        rows = retry.call(lambda: list(model.batch_get(wanted))) if wanted else []
        by_key = {row.pk: row for row in rows}
        ordered = [by_key[pk] for pk, _ in wanted if pk in by_key]
        found = [one for row in ordered for one in encoding.readable([row], _decoded)]
        return found, listed[most - 1].open_sk if len(listed) > most else None

    def owners_to_tell(self, most: int) -> list[str]:
        """Some closed incidents of whose actions the owners are still to be told."""
        model, pk = self._models.incident, keys.incidents_pk(keys.OWNERS)
        rows = retry.call(lambda: list(model.open_index.query(pk, limit=most)))
        return [keys.incident_of(row.pk) for row in rows]

    def owners_told(self, incident: str, now: datetime) -> None:
        """Record that the owners of the actions of a closed incident are told."""
        model = self._models.incident
        row = model(keys.incident_pk(incident), keys.OWNERS)
        actions: list[Action] = [
            model.expires.set(int(now.timestamp())),
            model.open_pk.remove(),
            model.open_sk.remove(),
        ]
        retry.call(lambda: row.update(actions))

    def reminded(self, incident: str, now: datetime) -> None:
        """Record that the leaders of an incident are told that it is open for long."""
        model = self._models.incident
        row = model(keys.incident_pk(incident), keys.INCIDENT)
        at: list[Action] = [model.reminded.set(int(now.timestamp()))]
        retry.call(lambda: row.update(at, condition=model.pk.exists()))

    def notices(self) -> Notices:
        """What the public form says now. Raises Unreadable."""
        model = self._models.doc
        try:
            row = retry.call(lambda: model.get(keys.NOTICES, keys.CURRENT, consistent_read=True))
        except DoesNotExist:
            return Notices({}, 0)
        texts = encoding.decoded(row, lambda one: _NOTICES.decode(one.doc))
        return Notices(texts, int(row.revision))


def _place(incident: Incident) -> dict[str, Any]:
    """The index keys of an incident, by which it is listed."""
    state = OPEN if incident.is_open else CLOSED
    return {
        "open_pk": keys.incidents_pk(state),
        "open_sk": keys.incident_place(incident.declared_at, incident.id),
    }


def _stored(row: Any) -> Stored:
    """The incident of a row. Raises Unreadable."""
    return encoding.decoded(row, _decoded)


def _decoded(row: Any) -> Stored:
    found = _INCIDENT.decode(row.doc)
    languages = frozenset(row.languages or ())
    return Stored(found, int(row.cases or 0), languages, bool(row.reminded))


# -------------------------------------------------------------------- in a ticket's transaction


def also_written(models: Models, changes: Sequence[Dated], cause: Cause | None) -> list[Write]:
    """Return the writes of the cases that begin or end with the changes of tickets.

    The number of cases changes in the same transaction. A ticket joins only while the incident is
    open; otherwise nothing is written, and IncidentIsClosed is raised. A case that has ended has
    `expires`, because no function has the right to delete items.
    """
    return [
        write
        for change, now in changes
        for event in change.events
        if event.type in (EventType.INCIDENT_JOINED, EventType.INCIDENT_LEFT)
        for write in _case_writes(models, change, event, now)
    ]


def _case_writes(models: Models, change: Change, event: Event, now: datetime) -> list[Write]:
    model, ticket = models.incident, change.after
    pk = keys.incident_pk(event.data["incident"])
    item, sk = model(pk, keys.INCIDENT), keys.case_sk(ticket.number)
    if event.type is EventType.INCIDENT_LEFT:
        ended = model(pk, sk, expires=int(now.timestamp()))
        return [Write(ended), Write(item, [model.cases.add(-1)], model.pk.exists())]
    more = [model.cases.add(1), model.languages.add({ticket.language})]
    lost = IncidentIsClosed("the incident is closed, so no ticket joins it")
    return [Write(model(pk, sk)), Write(item, more, model.state == OPEN, lost)]
