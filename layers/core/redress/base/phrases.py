"""The words of mails that are no template: names of promises and kinds, a time as people read it.

Apart from `redress.mail.outgoing.rendering`: pages say times, too, and write no mail.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

import msgspec


@dataclass(frozen=True, slots=True)
class Phrases:
    """What goes into placeholders in one language: `data/mail/{language}/phrases.json`.

    Months begin with January, weekdays with Monday. `standing` says what became of a promise.
    `marker` is the line above which an answer is to be written: everything from it on is ours, and
    folded away when it comes back; `note_marker` says to staff what becomes of theirs. `links` are
    the words on the button of each page.
    """

    marker: str
    note_marker: str
    links: dict[str, str]

    time: str
    months: list[str]
    weekdays: list[str]
    promise: str
    clocks: dict[str, str]
    kinds: dict[str, str]
    standing: dict[str, str]
    nobody: str


@cache
def phrases(language: str) -> Phrases:
    """The words of one of `plan.LANGUAGES`."""
    return msgspec.json.decode(file(language, "phrases.json"), type=Phrases)


def file(language: str, name: str) -> bytes:
    """A file of the mails of a language, as it is."""
    return resources.files("redress").joinpath("data", "mail", language, name).read_bytes()


def moment(at: datetime, zone: str, language: str) -> str:
    """A time as people read it, in the plan's zone and saying which: `... 17:00 (UTC+8)`."""
    local, own = at.astimezone(ZoneInfo(zone)), phrases(language)
    return own.time.format(
        year=local.year,
        month=own.months[local.month - 1],
        day=local.day,
        weekday=own.weekdays[local.weekday()],
        time=f"{local:%H:%M}",
        zone=_offset(local),
    )


def _offset(local: datetime) -> str:
    """`UTC+8`, `UTC-3:30`, `UTC`."""
    offset = local.utcoffset()
    minutes = int(offset.total_seconds() // 60) if offset else 0
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '-'}{hours}" + (f":{rest:02}" if rest else "")
