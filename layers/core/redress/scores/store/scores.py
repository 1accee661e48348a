"""The store of scoring: it reads facts, and reads and writes ratings, scorecards and summaries.

Facts are written in the transactions of ticket changes, not here. Each agent and month has its own
partition, so the work for one agent does not depend on the number of other agents.
"""

from __future__ import annotations

import base64
import contextlib
import zlib
from collections.abc import Iterator
from copy import replace
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.update import Action

from redress.base.errors import NotFound, Unreadable
from redress.db import encoding, keys, retry
from redress.db.rows import Models
from redress.scores.rules.facts import Fact
from redress.scores.rules.scorecard import Evidence, Rating, Scorecard
from redress.scores.store.facts import MOST_LATE, facts_in, late_write
from redress.tickets.store import transaction
from redress.tickets.store.transaction import Raced, Write

LINES_A_PART = 5_000
"""Evidence lines in one item: about 100 KB compressed, well below the 400 KB of an item."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """The summary of a card that a later revision has replaced."""

    revision: int
    digest: str
    preview: bool
    total: str | None
    grade: str | None
    scored_at: datetime


@dataclass(frozen=True, slots=True)
class Card:
    """A stored scorecard. `revision` grows when a card with other inputs replaces it."""

    scorecard: Scorecard
    revision: int
    plan_version: int
    scored_at: datetime
    earlier: tuple[Earlier, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """An agent whose month could not be scored, and the name of the error."""

    agent: str
    error: str


@dataclass(frozen=True, slots=True)
class Summary:
    """The result of the last scoring run of a month. `stored` and `unchanged` count agents."""

    period: str
    preview: bool
    plan_version: int
    agents: int
    stored: int
    unchanged: int
    failed: tuple[Failure, ...]
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class LateFacts:
    """Facts and ratings that came after their month was over, and that no run has counted yet.

    `since` is when the first of them came. If one came while a run counted the others, `number`
    still includes those. `seq` grows with each that comes. Both `number` and `since` are None if
    the stored item cannot be read: then nobody knows whether a run has counted everything.
    """

    number: int | None
    since: datetime | None
    seq: int = 0


class CardReplaced(Exception):
    """Another run wrote this agent's card after this one read it. Nothing was written."""


_RATING = msgspec.json.Decoder(Rating)
_CARD = msgspec.json.Decoder(Card)
_SUMMARY = msgspec.json.Decoder(Summary)
_LINES = msgspec.json.Decoder(list[tuple[str, Evidence]])


class ScoreStore:
    def __init__(self, models: Models) -> None:
        self._models = models

    # ---------------------------------------------------------------- facts and ratings

    def facts(self, agent: str, period: str, *, consistent: bool = False) -> list[Fact]:
        """All facts of an agent's month. Raises Unreadable if one cannot be read.

        A card without one of its facts would be wrong, so no fact is left out. A consistent read
        costs twice as much. Only such a read has every fact that was written before.
        """
        pk = keys.facts_pk(agent, period)
        model = self._models.fact
        rows = retry.call(lambda: list(model.query(pk, consistent_read=consistent)))
        found = [encoding.decoded(row, lambda r: list(facts_in(agent, period, r))) for row in rows]
        return [fact for facts in found for fact in facts]

    def has_facts(self, agent: str, period: str) -> bool:
        """Whether there is at least one fact for an agent's month."""
        pk = keys.facts_pk(agent, period)
        return bool(retry.call(lambda: list(self._models.fact.query(pk, limit=1))))

    def rating(self, agent: str, period: str) -> Rating | None:
        """The current rating of an agent's month, or None."""
        row = self._get(keys.rating_pk(period), keys.agent_pk(agent))
        return encoding.decoded(row, lambda one: _RATING.decode(one.doc)) if row else None

    def rate(self, rating: Rating, *, is_late: bool) -> bool:
        """Record a rating as the current one. All earlier versions are kept.

        If `is_late`, the month is over, and the rating counts like a late fact. The revision must
        be that of the current rating plus one, or 1 for the first. If it is not, nothing is written
        and the result is False.
        """
        model = self._models.doc
        pk, doc, revision = keys.rating_pk(rating.period), encoding.encode(rating), rating.revision
        current = model(pk, keys.agent_pk(rating.agent), doc=doc, revision=revision)
        kept = model(pk, keys.rating_trail_sk(rating.agent, revision), doc=doc, revision=revision)

        rated = Raced(f"{rating.agent} was rated meanwhile")
        writes = [
            Write(current, condition=self._follows(revision), lost=rated),
            Write(kept, condition=model.pk.does_not_exist(), lost=rated),
        ]
        if is_late:
            writes.append(late_write(self._models, rating.agent, rating.period, 1, rating.at))
        try:
            transaction.write(self._models, writes)
        except Raced:
            return False
        return True

    # ---------------------------------------------------------------- late facts

    def late_facts(self, agent: str, period: str) -> LateFacts | None:
        """The late facts of an agent's month, or None if there are none.

        A count that cannot be read is reported, and its number is None.
        """
        model = self._models.late_facts
        pk, sk = keys.late_facts_pk(period), keys.agent_pk(agent)
        try:
            row = retry.call(lambda: model.get(pk, sk, consistent_read=True))
        except DoesNotExist:
            return None
        return _late_facts(row)

    def late_facts_of_all(self, period: str) -> dict[str, LateFacts]:
        """The late facts of a month, by agent. Agents without any are left out.

        A count that cannot be read is reported, and its number is None.
        """
        pk = keys.late_facts_pk(period)
        rows = retry.call(lambda: list(self._models.late_facts.query(pk, consistent_read=True)))
        found = {row.sk.removeprefix(keys.agent_pk("")): _late_facts(row) for row in rows}
        return {agent: late for agent, late in found.items() if late is not None}

    def clear_late_facts(self, agent: str, period: str, seen: LateFacts) -> None:
        """Record that a run has counted the late facts that it saw before it read the facts.

        If more have come since, nothing is written: the card needs another run. A count that could
        not be read stays as it is.
        """
        if seen.number is None:
            return
        model = self._models.late_facts
        # An item that an older version of the product wrote has no sequence.
        same = model.seq == seen.seq if seen.seq else model.seq.does_not_exist()
        row = model(keys.late_facts_pk(period), keys.agent_pk(agent))
        actions: list[Action] = [model.late.set(0), model.since.remove()]
        with contextlib.suppress(retry.ConditionFailed):
            retry.call(
                lambda: row.update(actions=actions, condition=same & (model.late == seen.number)),
                ("late",),
            )

    # ---------------------------------------------------------------- cards

    def card(self, agent: str, period: str) -> Card | None:
        """The current card without its evidence, or None. `with_evidence` adds the evidence."""
        row = self._get(keys.card_pk(period), keys.agent_pk(agent))
        return encoding.decoded(row, _card_of) if row else None

    def cards(self, period: str) -> list[Card]:
        """All cards of a month, sorted by agent, without their evidence.

        A card that cannot be read is reported and left out.
        """
        model, pk = self._models.doc, keys.card_pk(period)
        prefix = keys.agent_pk("")
        rows = retry.call(lambda: list(model.query(pk, model.sk.startswith(prefix))))
        return list(encoding.readable(rows, _card_of))

    def with_evidence(self, card: Card) -> Card:
        """The card with the evidence of each component, as it was when the card was scored."""
        model, scorecard = self._models.doc, card.scorecard
        pk = keys.evidence_pk(scorecard.period, scorecard.agent)
        prefix = model.sk.startswith(scorecard.digest)
        rows = retry.call(lambda: list(model.query(pk, prefix, consistent_read=True)))
        found: dict[str, list[Evidence]] = {part.name: [] for part in scorecard.components}
        for row in rows:
            for component, line in encoding.decoded(row, lambda one: _unpacked(one.doc)):
                found[component].append(line)
        components = tuple(
            replace(part, evidence=tuple(found[part.name])) for part in scorecard.components
        )
        return replace(card, scorecard=replace(scorecard, components=components))

    def save(self, card: Card) -> None:
        """Store a card in place of its previous revision.

        Raises CardReplaced if another revision was stored meanwhile. The evidence is written
        before the card, under the card's digest. So a stored card always has its evidence. If a run
        crashes before it stores the card, the evidence that it leaves has no effect on other cards.
        """
        model, scorecard = self._models.doc, card.scorecard
        pk = keys.evidence_pk(scorecard.period, scorecard.agent)
        for part, doc in enumerate(_parts(scorecard)):
            row = model(pk, keys.evidence_sk(scorecard.digest, part), doc=doc)
            retry.call(row.save)
        bare = tuple(replace(part, evidence=()) for part in scorecard.components)
        doc = encoding.encode(replace(card, scorecard=replace(scorecard, components=bare)))
        row = model(
            keys.card_pk(scorecard.period),
            keys.agent_pk(scorecard.agent),
            doc=doc,
            revision=card.revision,
        )
        try:
            retry.call(lambda: row.save(condition=self._follows(card.revision)), ("revision",))
        except retry.ConditionFailed as lost:
            raise CardReplaced(scorecard.agent) from lost

    # ---------------------------------------------------------------- summaries

    def summary(self, period: str) -> Summary:
        """The result of the last run of a month. Raises NotFound if there was none."""
        row = self._get(keys.card_pk(period), keys.SUMMARY)
        if row is None:
            raise NotFound(f"{period} was never scored")
        return encoding.decoded(row, lambda one: _SUMMARY.decode(one.doc))

    def conclude(self, summary: Summary) -> None:
        """Store the result of a run."""
        pk, doc = keys.card_pk(summary.period), encoding.encode(summary)
        retry.call(self._models.doc(pk, keys.SUMMARY, doc=doc).save)

    # ---------------------------------------------------------------- helpers

    def _get(self, pk: str, sk: str) -> Any:
        try:
            return retry.call(lambda: self._models.doc.get(pk, sk, consistent_read=True))
        except DoesNotExist:
            return None

    def _follows(self, revision: int) -> Any:
        model = self._models.doc
        return model.pk.does_not_exist() if revision == 1 else model.revision == revision - 1


def _late_facts(row: Any) -> LateFacts | None:
    try:
        return encoding.decoded(row, _late_facts_of)
    except Unreadable:
        return LateFacts(None, None)


def _late_facts_of(row: Any) -> LateFacts | None:
    late, seq = row.late, 0 if row.seq is None else row.seq
    if not all(isinstance(one, int) and 0 <= one <= MOST_LATE for one in (late, seq)):
        raise ValueError("a count of late facts is no number that can be one")
    return LateFacts(late, datetime.fromisoformat(row.since), seq) if late else None


def _card_of(row: Any) -> Card:
    return _CARD.decode(row.doc)


def _parts(scorecard: Scorecard) -> Iterator[str]:
    """The evidence of a card as compressed texts, each small enough for an item.

    Compression saves much space, because ticket numbers and names repeat.
    """
    lines = [(part.name, line) for part in scorecard.components for line in part.evidence]
    for start in range(0, len(lines), LINES_A_PART):
        raw = msgspec.json.encode(lines[start : start + LINES_A_PART])
        yield base64.b85encode(zlib.compress(raw)).decode("ascii")


def _unpacked(doc: str) -> list[tuple[str, Evidence]]:
    return _LINES.decode(zlib.decompress(base64.b85decode(doc)))
