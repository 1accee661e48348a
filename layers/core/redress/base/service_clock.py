"""The time of a function, checked against the time of AWS.

Each function runs on a machine with a clock of its own. Promises are decided by many functions and
by the waits of Step Functions, so all must mean the same time. Every answer of an AWS service has
the header `Date` (RFC 9110, section 6.6.1), and that time is the common one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

BOUND_S = 10.0
"""How far the clock of a machine may be off before the time of AWS replaces it.

The clocks of AWS's machines differ by milliseconds. `Date` has whole seconds and an answer takes
time; `ServiceClock.heard` allows for both, so this bound does not have to."""

APART = timedelta(minutes=1)
"""The most that the times of two functions may differ at the same instant.

No time is wrong by more than BOUND_S and the uncertainty of one answer (`ServiceClock.heard`). The
uncertainty is 1 s more than the attempt took. An attempt waits up to 2 s for a connection and 8 s
for its answer. Together that is 21 s, less than half of this figure. `TicketChanges.moment` uses
the figure: an event that lies further ahead was not written by this rule."""

TELL_EVERY_S = 60.0
"""A process reports a wrong clock at the first answer that shows it, and then at most once in this
time."""


class ServiceClock:
    """The clock of one process.

    Before the first answer of a service it gives the time of the machine. An answer changes what an
    earlier one said only if the two contradict each other. A use case must read something before it
    asks for the time. Nearly all do, because a decision needs what was read.
    """

    def __init__(
        self,
        local: Callable[[], datetime],
        tell: Callable[[float, datetime], None],
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        """`local` is the clock of the machine. `elapsed` counts seconds and is never set.

        `tell(seconds, at)` tells operations that the machine's clock is ahead of AWS by `seconds`
        (behind, if negative). `at` is the time of AWS.
        """
        self._local, self._tell, self._elapsed = local, tell, elapsed
        self._correction = timedelta(0)
        self._told_at = -math.inf
        self.checked = False
        """Whether an answer was heard in this process."""

    def now(self) -> datetime:
        """The time, as an aware datetime in UTC, at most APART / 2 away from the time of AWS.

        It is the time of the machine, unless an answer shows that it is off by more than BOUND_S.
        """
        return self._local() + self._correction

    def mark(self) -> float:
        """Call this when an attempt of a request is sent. `heard` needs the result."""
        return self._elapsed()

    def heard(self, date: str | None, sent: float) -> None:
        """Compare the clock of the machine with the `Date` of an answer that has just arrived.

        `sent` is what `mark` returned. A missing or malformed date is ignored. The service wrote
        the date between the request and the answer, and cut off its fraction of a second. So the
        time of AWS was at least `date` when the answer arrived, and before `date` + 1 s when the
        request was sent. A clock that is right always fits in between, however slow the answer is.

        The correction changes only as far as the answer contradicts it. A slow answer agrees with
        many times, so it must not undo the correction of a fast one.
        """
        stated = _date_of(date)
        if stated is None:
            return
        arrived = self._local()
        took = max(0.0, self._elapsed() - sent)
        least = (stated - arrived).total_seconds()
        most = least + 1.0 + took
        self.checked = True
        present = self._correction.total_seconds()
        nearest = min(max(present, least), most)
        if abs(nearest) <= BOUND_S:
            self._correction = timedelta(0)
            return
        self._correction = timedelta(seconds=nearest if present else (least + most) / 2)
        if self._elapsed() - self._told_at >= TELL_EVERY_S:
            self._told_at = self._elapsed()
            self._tell(-self._correction.total_seconds(), self.now())


def _date_of(header: str | None) -> datetime | None:
    try:
        stated = parsedate_to_datetime(header or "")
    except ValueError:
        return None
    return stated if stated.tzinfo is not None else stated.replace(tzinfo=UTC)
