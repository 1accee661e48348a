"""What the clients of a run sent, and which answers they got."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from tests.chaos.evidence import Mailed, Said, Submission


@dataclass(frozen=True)
class Opened:
    """A ticket whose number a client knows. `token` is the secret of its status page."""

    number: str
    token: str
    email: str


@dataclass
class Ledger:
    """Collects what was sent and answered. All methods may be called by several threads."""

    operations: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _keys: dict[str, tuple[str, set[str]]] = field(default_factory=dict)
    _said: list[Said] = field(default_factory=list)
    _mailed: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    _opened: dict[str, Opened] = field(default_factory=dict)

    def count(self, operation: str) -> None:
        with self._lock:
            self.operations[operation] += 1

    def answered(self, operation: str, status: int | str) -> None:
        with self._lock:
            self.answers[f"{operation} {status}"] += 1

    def submitted(self, key: str, mark: str, opened: Opened | None) -> None:
        """Records one attempt to submit. `opened` is None if the answer gave no number."""
        with self._lock:
            _, numbers = self._keys.setdefault(key, (mark, set()))
            if opened is not None:
                numbers.add(opened.number)
                self._opened[opened.number] = opened

    def said(self, said: Said) -> None:
        with self._lock:
            self._said.append(said)

    def mailed(self, mark: str, accepted: int) -> None:
        with self._lock:
            self._mailed[mark] += accepted

    def tickets(self) -> list[Opened]:
        """The tickets whose numbers clients know, oldest first."""
        with self._lock:
            return list(self._opened.values())

    def submissions(self) -> list[Submission]:
        return [
            Submission(key, mark, tuple(sorted(numbers)))
            for key, (mark, numbers) in self._keys.items()
        ]

    def words(self) -> list[Said]:
        return list(self._said)

    def mails(self) -> list[Mailed]:
        return [Mailed(mark, accepted) for mark, accepted in self._mailed.items()]
