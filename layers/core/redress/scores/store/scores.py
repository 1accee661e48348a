"""What scoring reads and writes: facts, ratings, scorecards with their evidence, summaries.

Facts are written by `TicketStore` in the transaction of the change that made them; here they are
only read, one partition per agent and month, so the work for one agent does not grow with others.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from copy import replace
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from pynamodb.exceptions import DoesNotExist
from pynamodb.transactions import TransactWrite

from redress.base.errors import NotFound
from redress.db import encoding, keys, retry
from redress.db.rows import Models
from redress.scores.rules import Evidence, Fact, Rating, Scorecard
from redress.scores.store.facts import facts_in

LINES_A_PART = 5_000
"""Evidence lines in one item: about 100 KB compressed, well below the 400 KB of an item."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """A card that another has replaced, as far as it must be told."""

    revision: int
    digest: str
    preview: bool
    total: str | None
    grade: str | None
    scored_at: datetime


@dataclass(frozen=True, slots=True)
class Card:
    """A stored scorecard. `revision` grows with each card whose inputs differ from the last."""

    scorecard: Scorecard
    revision: int
    plan_version: int
    scored_at: datetime
    earlier: tuple[Earlier, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    agent: str
    error: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of the last run over a month; `stored` and `unchanged` count agents."""

    period: str
    preview: bool
    plan_version: int
    agents: int
    stored: int
    unchanged: int
    failed: tuple[Failure, ...]
    finished_at: datetime


class CardReplaced(Exception):
    """Another run has written this agent's card since it was read; nothing was written."""


_RATING = msgspec.json.Decoder(Rating)
_CARD = msgspec.json.Decoder(Card)
_SUMMARY = msgspec.json.Decoder(Summary)
_LINES = msgspec.json.Decoder(list[tuple[str, Evidence]])


class ScoreStore:
    def __init__(self, models: Models) -> None:
        self._models = models

    # ---------------------------------------------------------------- facts and ratings

    def facts(self, agent: str, period: str) -> list[Fact]:
        """Everything that an agent's month is scored by."""
        pk = keys.facts_pk(agent, period)
        rows = retry.call(lambda: list(self._models.fact.query(pk)))
        return [fact for row in rows for fact in facts_in(agent, period, row)]

    def has_facts(self, agent: str, period: str) -> bool:
        pk = keys.facts_pk(agent, period)
        return bool(retry.call(lambda: list(self._models.fact.query(pk, limit=1))))

    def rating(self, agent: str, period: str) -> Rating | None:
        """The rating that holds now."""
        row = self._get(keys.rating_pk(period), keys.agent_pk(agent))
        return _RATING.decode(row.doc) if row else None

    def rate(self, rating: Rating) -> bool:
        """Record a rating and keep every version of it; False when its revision was taken.

        The revision must be one more than that of the rating that holds (1 for the first).
        """
        model = self._models.doc
        pk, doc, revision = keys.rating_pk(rating.period), encoding.encode(rating), rating.revision
        current = model(pk, keys.agent_pk(rating.agent), doc=doc, revision=revision)
        kept = model(pk, keys.rating_trail_sk(rating.agent, revision), doc=doc, revision=revision)

        token = retry.request_token()

        def write() -> None:
            with TransactWrite(token, connection=self._models.connection) as transaction:
                transaction.save(current, condition=self._follows(revision))
                transaction.save(kept, condition=model.pk.does_not_exist())

        try:
            retry.call(write, ("current", "kept"))
        except retry.ConditionFailed:
            return False
        return True

    # ---------------------------------------------------------------- cards

    def card(self, agent: str, period: str) -> Card | None:
        """The card that holds now, its evidence left out (see `with_evidence`)."""
        row = self._get(keys.card_pk(period), keys.agent_pk(agent))
        return _CARD.decode(row.doc) if row else None

    def cards(self, period: str) -> list[Card]:
        """All cards of a month, by agent, their evidence left out."""
        model, pk = self._models.doc, keys.card_pk(period)
        prefix = keys.agent_pk("")
        rows = retry.call(lambda: list(model.query(pk, model.sk.startswith(prefix))))
        return [_CARD.decode(row.doc) for row in rows]

    def with_evidence(self, card: Card) -> Card:
        """The same card with the facts behind each component, as they were when it was scored."""
        model, scorecard = self._models.doc, card.scorecard
        pk = keys.evidence_pk(scorecard.period, scorecard.agent)
        prefix = model.sk.startswith(scorecard.digest)
        rows = retry.call(lambda: list(model.query(pk, prefix, consistent_read=True)))
        found: dict[str, list[Evidence]] = {part.name: [] for part in scorecard.components}
        for row in rows:
            for component, line in _unpacked(row.doc):
                found[component].append(line)
        components = tuple(
            replace(part, evidence=tuple(found[part.name])) for part in scorecard.components
        )
        return replace(card, scorecard=replace(scorecard, components=components))

    def save(self, card: Card) -> None:
        """Store a card over the revision before it; raises CardReplaced when that is another now.

        Evidence is written first, under the card's digest: a card never points to what is not
        there, and a run that dies in between leaves nothing that another run would trip over.
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
        """What became of the last run over a month; raises NotFound when there was none."""
        row = self._get(keys.card_pk(period), keys.SUMMARY)
        if row is None:
            raise NotFound(f"{period} was never scored")
        return _SUMMARY.decode(row.doc)

    def conclude(self, summary: Summary) -> None:
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


def _parts(scorecard: Scorecard) -> Iterator[str]:
    """The evidence of a card in compressed texts: ticket numbers repeat, and a month is long."""
    lines = [(part.name, line) for part in scorecard.components for line in part.evidence]
    for start in range(0, len(lines), LINES_A_PART):
        raw = msgspec.json.encode(lines[start : start + LINES_A_PART])
        yield base64.b85encode(zlib.compress(raw)).decode("ascii")


def _unpacked(doc: str) -> list[tuple[str, Evidence]]:
    return _LINES.decode(zlib.decompress(base64.b85decode(doc)))
