"""What a scanner said about a file, on its ticket."""

from __future__ import annotations

from collections.abc import Callable
from copy import replace
from datetime import datetime

from redress.base.errors import NotFound, RedressError
from redress.files.messages import Judged, Verdict
from redress.files.rules import refusals
from redress.files.store.bucket import file_key
from redress.files.store.scans import ScannedFiles
from redress.plans.rules.plan import Plan
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.attached import Attached, FileState
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_system
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store.attached import AttachedStore, FileMoved
from redress.tickets.store.transaction import Raced

ATTEMPTS = 8
"""How often a verdict is recorded again because the file was changed at the same time."""

REASON_LIMIT = 200


class NotYet(RedressError):
    """The verdict is about a file that is not known yet, or that S3 does not give yet. Lambda
    repeats the call."""


class VerdictCase:
    def __init__(
        self,
        changes: TicketChanges,
        files: AttachedStore,
        scanned: ScannedFiles,
        now: Callable[[], datetime],
    ) -> None:
        self._changes, self._files, self._scanned, self._now = changes, files, scanned, now

    def judged(self, given: Judged) -> FileState:
        """Record a verdict, and return the state of the file after it.

        A clean file can be opened. Anything else stands on the ticket, and nobody can open the
        file. A repeated verdict changes nothing. Of two different verdicts the worse one counts,
        in any order. A file is clean only if S3 gives it: the tag of its current copy counts. That
        copy may be newer than the one that was scanned. Raises NotYet if the ticket does not know
        the file, or if the copy has no tag yet.
        """
        for _ in range(ATTEMPTS):
            file = self._files.find(given.number, given.file)
            if file is None:
                raise NotYet("this file is not known yet")
            if not _changes_something(file, given.verdict):
                return file.state
            if given.verdict is Verdict.CLEAN:
                given = self._of_the_copy(given)
            try:
                return self._recorded(given, file)
            except Raced:
                continue
        raise NotYet("the file is changed all the time")

    def _of_the_copy(self, given: Judged) -> Judged:
        try:
            found = self._scanned.verdict(file_key(given.number, given.file))
        except NotFound as error:
            raise NotYet("the copy of this file is gone") from error
        if found is None:
            raise NotYet("the copy of this file has no tag yet")
        return Judged(given.number, given.file, *found)

    def _recorded(self, given: Judged, file: Attached) -> FileState:
        number, at = given.number, self._now()
        if given.verdict is Verdict.CLEAN:
            clean = replace(file, state=FileState.CLEAN, changed_at=at)
            return self._files.change(number, file, clean).state
        reason = given.reason[:REASON_LIMIT]
        if given.verdict is Verdict.UNSCANNED:
            reason = f"{refusals.UNSCANNED}: {reason}" if reason else refusals.UNSCANNED
        found = replace(file, state=FileState.FOUND, reason=reason or None, changed_at=at)

        def decide(ticket: Ticket, plan: Plan, at: datetime) -> Change:
            words, data = refusals.note_of([found]), [refusals.noted(found)]
            return by_system.note_files(ticket, plan, words, data, at)

        try:
            self._changes.change(number, decide, cause=self._files.change_with(number, file, found))
        except FileMoved as error:
            raise Raced("the file was changed meanwhile") from error
        except NotFound as error:
            raise NotYet("there is no such ticket") from error
        return found.state


def _changes_something(file: Attached, verdict: Verdict) -> bool:
    """Whether a verdict changes a file in this state."""
    if verdict is Verdict.CLEAN:
        return file.state is FileState.HELD
    return file.is_kept
