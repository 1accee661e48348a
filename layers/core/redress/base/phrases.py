"""Short phrases that fill the placeholders of mail templates, and the format of times.

This module is separate from `redress.mail.outgoing.rendering` because pages also show times.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

import msgspec

from redress.base import shipped


class Phrases(msgspec.Struct, frozen=True):
    """The phrases of one language, from `data/mail/{language}/phrases.json`.

    `months` begins with January, `weekdays` with Monday. `standing` holds a name for each standing
    of a promise. `moved` says that a promise is due later than the customer was told,
    `moved_paused` the same of a paused one, and `taken_back` that it no longer applies.
    `reclassified` and `plan_changed` say why; through a connector, `moved_of_request` and
    `moved_sorry` stand before and after them. `call` says until when the customer is called,
    and `call_in_hours` also between which hours. `request` names one ticket of several, and
    `more_requests` says that some are not listed. `marker` is a line that asks customers to
    write their answer above it. The reader of incoming mail treats the text below this line as
    a quote, because Redress wrote it. `held` is a line of a digest of held mail, and `reasons`
    says why mails are held. `files`, `files_copy` and `files_staff` name the files of a message
    in mails to its reader, to participants and to staff. `calls` says
    how far a planned call to a customer is, `tasks` what happened to a task of another department,
    `remedies` what happened to a remedy, and `post_mortems` that a post-mortem is due. `outcomes`,
    `outcome`, `cause`, `remedy`, `remedy_due`, `remedy_done` and `remedy_withdrawn` tell the
    customer what came of a complaint. `items` says what happened to an item of a checklist.
    `needed` and `needed_optional` are the lines of a checklist. If it goes through a connector,
    `needed_for_request` and `stands_still` stand before and after them. `split_off` and
    `split_back` tell a customer of a connector that words got a number of their own, and that they
    went back; `split_back_apart` does so without the other number. `note_marker` is the
    same line as `marker` in mails to staff: it says that their answer becomes an internal note.
    `links` holds a button label for each page.
    """

    marker: str
    note_marker: str
    links: dict[str, str]

    time: str
    months: list[str]
    weekdays: list[str]
    promise: str
    moved: str
    moved_paused: str
    taken_back: str
    reclassified: str
    plan_changed: str
    moved_of_request: str
    moved_sorry: str
    call: str
    call_in_hours: str
    request: str
    more_requests: str
    files: str
    files_copy: str
    files_staff: str
    clocks: dict[str, str]
    kinds: dict[str, str]
    standing: dict[str, str]
    nobody: str
    held: str
    reasons: dict[str, str]
    calls: dict[str, str]
    tasks: dict[str, str]
    items: dict[str, str]
    split_off: str
    split_back: str
    split_back_apart: str
    needed_for_request: str
    stands_still: str
    needed: str
    needed_optional: str
    remedies: dict[str, str]
    post_mortems: dict[str, str]
    outcomes: dict[str, str]
    outcome: str
    cause: str
    remedy: str
    remedy_due: str
    remedy_done: str
    remedy_withdrawn: str


@cache
def phrases(language: str) -> Phrases:
    """The phrases of one of `LANGUAGES`."""
    return msgspec.json.decode(file(language, "phrases.json"), type=Phrases)


def file(language: str, name: str) -> bytes:
    """The raw bytes of a file in `data/mail/{language}`."""
    return shipped.read("mail", language, name)


def moment(at: datetime, zone: str, language: str) -> str:
    """Format a time for readers, in the given zone and with its offset: `... 17:00 (UTC+8)`."""
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
    """The UTC offset of an aware time: `UTC+8`, `UTC-3:30`, `UTC`."""
    offset = local.utcoffset()
    minutes = int(offset.total_seconds() // 60) if offset else 0
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '-'}{hours}" + (f":{rest:02}" if rest else "")


def size(count: int) -> str:
    """A number of bytes for readers: `25 MB`, `1.4 MB`, `312 KB`; it is rounded up.

    Units are those of most file managers: 1 MB is 1,024 KB.
    """
    kilobytes = -(-count // 1024)
    if kilobytes < 1024:
        return f"{kilobytes} KB"
    return f"{-(-count * 10 // 1024**2) / 10:g} MB"
