"""Ask again what became of files that wait for a verdict, and look for unreported uploads.

Nobody can open a file that waits. Its verdict does not come if the scanner does not run, or if an
event was lost. The checker then looks for a verdict on the object, and copies the file again if
there is none, which starts another scan.

If the event of S3 about an upload was lost, nobody knows of it. So once an hour, the checker
compares the uploads in the bucket with the files of tickets.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from redress.files.messages import Held, LookForUploads

FIRST = timedelta(minutes=10)
"""After this time the sweep asks for the first time. Lambda has repeated the scan twice by then."""
LATE = timedelta(hours=1)
"""After this time operations are told. Then the sweep asks once an hour."""
_SOON = (FIRST, 2 * FIRST, 4 * FIRST)
SWEEP = timedelta(minutes=5)
"""How often the sweep runs (`SweepSchedule` in the template)."""
LOOKS = 2 * SWEEP
"""How often the sweep looks for files. Every second time is soon enough, because Lambda repeats a
scan by itself, and a query in each sweep is a part of the price of an idle month."""
MOST = 200
"""The most files that one sweep reads and asks for, those that wait longest first."""

List = Callable[[datetime, int], list[tuple[datetime, str, str]]]
"""Lists files that are held since before a time: since when, the ticket, the file."""


class HeldFilesWatch:
    """`ask` sends a message to the checker. It raises an error if it is not accepted."""

    def __init__(
        self,
        held: List,
        ask: Callable[[Held | LookForUploads], None],
        now: Callable[[], datetime],
    ) -> None:
        self._held, self._ask, self._now = held, ask, now

    def watch(self) -> dict[str, int]:
        """Ask for each file that is due, and count the files that wait too long.

        Does nothing in every second sweep. In the first one of each hour, also let the checker look
        for unreported uploads. Returns how many were `asked` for, and how many are `late`, without
        zeros.
        """
        now = self._now()
        if now.minute % (LOOKS // timedelta(minutes=1)) >= SWEEP // timedelta(minutes=1):
            return {}
        found = self._held(now - FIRST, MOST)
        due = [Held(number, file) for since, number, file in found if is_due(now - since)]
        for held in due:
            self._ask(held)
        if now.minute < SWEEP // timedelta(minutes=1):
            self._ask(LookForUploads())
        late = sum(now - since >= LATE for since, _, _ in found)
        return {name: count for name, count in (("asked", len(due)), ("late", late)) if count}


def is_due(waits: timedelta) -> bool:
    """Whether the sweep asks for a file that has waited for so long.

    It asks after 10, 20 and 40 minutes, and then once an hour, so that a scanner that is gone for a
    day is not asked 300 times for each file.
    """
    if waits >= LATE:
        return waits % LATE < LOOKS
    return any(moment <= waits < moment + LOOKS for moment in _SOON)
