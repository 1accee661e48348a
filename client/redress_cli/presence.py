"""Tell colleagues that somebody writes to a ticket, while they do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from redress_staff.api.tickets import record_viewing
from redress_staff.models import Viewing, ViewingDoing

from redress_cli.faults import Fault
from redress_cli.screen import tell
from redress_cli.session import Session


@contextmanager
def writing(session: Session, number: str) -> Iterator[None]:
    """Say that this person writes, as often as the API asks for, until the end of the block.

    Colleagues who write too are named. It is a courtesy: a fault of it stops nobody.
    """
    ended = threading.Event()

    def record(doing: ViewingDoing) -> int:
        found = session.read(record_viewing, number, body=Viewing(doing=doing)).value
        if not ended.is_set():
            for one in found.viewers:
                if one.id not in named:
                    tell(f"{one.name} is {one.doing.value} here, too.")
                named.add(one.id)
        return int(found.again_within_s)

    def repeat(seconds: int) -> None:
        while not ended.wait(seconds):
            with suppress(Fault):
                seconds = record(ViewingDoing.WRITING)

    named: set[str] = set()
    beat = None
    with suppress(Fault):
        seconds = record(ViewingDoing.WRITING)
        beat = threading.Thread(target=repeat, args=(seconds,), daemon=True)
        beat.start()
    try:
        yield
    finally:
        ended.set()
        if beat is not None:
            with suppress(Fault):
                record(ViewingDoing.LEFT)
