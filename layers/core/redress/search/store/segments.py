"""One segment of the index: an SQLite database with a full-text table (FTS5).

The full-text table has only the numbers of rows for each word, without positions and without the
text (`detail=none`, `content=''`). Rows are numbered from the newest ticket to the oldest, so the
newest tickets with some words are found first, and without sorting. A segment is made in memory and
never changed. SQLite comes from apsw, because the SQLite of Lambda's Python is not under our
control (docs/decisions/043-search.md).
"""

from __future__ import annotations

import bisect
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import apsw

from redress.db import keys
from redress.search.rules.words import Query

_TABLES = """
create virtual table words using fts5(
    word, content='', detail=none, columnsize=0, tokenize='ascii'
);
create virtual table vocabulary using fts5vocab('words', 'instance');
create table tickets (number text not null, place text not null, version integer not null);
"""

Error = apsw.Error
"""What SQLite raises if a segment is damaged."""


@dataclass(frozen=True, slots=True)
class Document:
    """A ticket with its words. `place` is a `place_of`; `version` is that of the ticket."""

    number: str
    place: str
    version: int
    words: Collection[str]


def place_of(created: datetime, number: str) -> str:
    """`2026-11-23T01:00:00.000+00:00#R-...`: sorts tickets by the time of their opening."""
    return keys.opened_sk(created, number)


def number_of(place: str) -> str:
    """Return the ticket number in a `place_of`."""
    return place.rpartition("#")[2]


def build(documents: Iterable[Document]) -> bytes:
    """Return the file of a segment with these tickets, each of which must occur once."""
    connection = apsw.Connection(":memory:")
    try:
        connection.execute(_TABLES)
        with connection:
            newest_first = sorted(documents, key=lambda one: one.place, reverse=True)
            for row, document in enumerate(newest_first, start=1):
                # The same words in the same order make the same file.
                text = " ".join(sorted(document.words))
                connection.execute("insert into words(rowid, word) values (?, ?)", (row, text))
                connection.execute(
                    "insert into tickets(rowid, number, place, version) values (?, ?, ?, ?)",
                    (row, document.number, document.place, document.version),
                )
            connection.execute("insert into words(words) values ('optimize')")
        connection.execute("vacuum")
        content: bytes = connection.serialize("main")
        return content
    finally:
        connection.close()


class Segment:
    """An open segment. It raises `Error` if its file is damaged."""

    def __init__(self, path: Path) -> None:
        # `immutable`: SQLite takes no lock and looks for no journal, because nobody writes it.
        self._connection = apsw.Connection(
            f"file:{path}?immutable=1", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        )
        self._connection.execute("pragma mmap_size = 268435456")

    def close(self) -> None:
        self._connection.close()

    def places(self, query: Query, after: str | None, limit: int) -> list[str]:
        """Return the places of at most `limit` tickets that have all words, newest first.

        With `after`, only tickets that come after this place.
        """
        found = self._connection.execute(
            "select place from words join tickets on tickets.rowid = words.rowid"
            " where words match ? and words.rowid >= ? order by words.rowid limit ?",
            (_expression(query), self._row_after(after), limit),
        )
        return [place for (place,) in found]

    def documents(self) -> list[Document]:
        """Return all tickets with their words, newest first."""
        tickets = list(
            self._connection.execute("select number, place, version from tickets order by rowid")
        )
        words: list[list[str]] = [[] for _ in tickets]
        for word, row in self._vocabulary():
            words[row - 1].append(word)
        return [
            Document(number, place, version, own)
            for (number, place, version), own in zip(tickets, words, strict=True)
        ]

    def _vocabulary(self) -> Iterator[tuple[str, int]]:
        """Yield each word with each row that has it. All pairs with a word share one string."""
        last = ""
        for word, row in self._connection.execute("select term, doc from vocabulary"):
            if word != last:
                last = word
            yield last, row

    def _row_after(self, place: str | None) -> int:
        """Return the first row whose place comes after `place` in the order of the rows."""
        if place is None:
            return 1
        [(rows,)] = self._connection.execute("select coalesce(max(rowid), 0) from tickets")

        def is_after(row: int) -> bool:
            [(found,)] = self._connection.execute(
                "select place from tickets where rowid = ?", (row,)
            )
            return bool(found < place)

        return bisect.bisect_left(range(1, rows + 1), True, key=is_after) + 1


def _expression(query: Query) -> str:
    """Return the query in the language of FTS5. A word has no quotation mark."""
    exact = [f'"{word}"' for word in query.words]
    beginnings = [f'"{beginning}" *' for beginning in query.beginnings]
    return " AND ".join([*exact, *beginnings])
