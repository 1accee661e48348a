"""A call as the hotline recorded it, and the times that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from redress.base import instants


class Result(StrEnum):
    """What became of a call. The values are stored."""

    ONGOING = "ongoing"
    ANSWERED = "answered"
    MISSED = "missed"
    """Nobody answered it, whether or not a telephone rang."""
    ABANDONED_IN_MENU = "abandoned_in_menu"
    ABANDONED_IN_QUEUE = "abandoned_in_queue"


UNANSWERED = (Result.MISSED, Result.ABANDONED_IN_MENU, Result.ABANDONED_IN_QUEUE)
"""The results of a call whose caller spoke with nobody."""


class Direction(StrEnum):
    """Who called whom. The values are stored."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Call(Struct, frozen=True, omit_defaults=True):
    """One call, as its newest record describes it.

    `id` is the call's id in the other system. `phone` is the customer's number as the record has
    it. A call without a menu left the menu when it began. `held` are the periods on hold; a source
    that knows only their sum gives `hold_s`. `agent` is the id of a member of staff, `agent_text`
    what the record says if nobody is known by it. `recording` says where the recording is.
    """

    id: str
    result: Result
    direction: Direction
    began: datetime
    phone: str | None = None
    left_menu: datetime | None = None
    answered: datetime | None = None
    held: tuple[tuple[datetime, datetime], ...] = ()
    hold_s: float | None = None
    ended: datetime | None = None
    after_work_ended: datetime | None = None
    menu: str | None = None
    queue: str | None = None
    agent: str | None = None
    agent_text: str | None = None
    recording: str | None = None

    @property
    def waited_from(self) -> datetime:
        """When the caller began to wait for a person. Pick-up counts from here."""
        return self.left_menu or self.began

    @property
    def is_unanswered(self) -> bool:
        """Whether the customer called and spoke with nobody."""
        return self.direction is Direction.INBOUND and self.result in UNANSWERED

    @property
    def is_unreached(self) -> bool:
        """Whether the customer was called and spoke with nobody."""
        return self.direction is Direction.OUTBOUND and self.result in UNANSWERED

    @property
    def on_hold_s(self) -> float:
        """The seconds on hold, during which nobody talked."""
        if self.held:
            return sum((end - begin).total_seconds() for begin, end in self.held)
        return self.hold_s or 0.0

    @property
    def seconds(self) -> dict[str, float]:
        """The seconds of each part of the call that is over. The parts never overlap.

        menu   from the beginning until the caller left the menu, or hung up in it
        queue  from leaving the menu until a person answered, or the caller hung up
        talk   from the answer to the end, without the time on hold
        hold   on hold
        after  the agent's work after the end
        """
        found: dict[str, float] = {}
        if self.result is Result.ABANDONED_IN_MENU:
            if self.ended is not None:
                found["menu"] = _between(self.began, self.ended)
            return found
        if self.left_menu is not None:
            found["menu"] = _between(self.began, self.left_menu)
        waited_until = self.answered or self.ended
        if waited_until is not None:
            found["queue"] = _between(self.waited_from, waited_until)
        if self.answered is not None and self.ended is not None:
            found["talk"] = round(_between(self.answered, self.ended) - self.on_hold_s, 3)
            found["hold"] = self.on_hold_s
            if self.after_work_ended is not None:
                found["after"] = _between(self.ended, self.after_work_ended)
        return found

    def data(self) -> dict[str, Any]:
        """Return the call as the data of an event. Fields without a value are left out."""
        times = ("began", "left_menu", "answered", "ended", "after_work_ended")
        said = ("phone", "menu", "queue", "agent", "agent_text", "recording")
        found: dict[str, Any] = {"id": self.id, "result": self.result, "direction": self.direction}
        for name in (*times, *said):
            value = getattr(self, name)
            if value is not None:
                found[name] = instants.written(value) if name in times else value
        if self.held:
            found["held"] = [[instants.written(at) for at in period] for period in self.held]
        return found | {"seconds": self.seconds}


class Talk(Struct, frozen=True):
    """How long an agent talked in a call of a ticket, and the plan's target for it, in seconds.

    `call` is the call's id in the other system. Of a call that was transferred, each part is one.
    """

    call: str
    seconds: float
    target_s: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether it was longer than the target. A talk without a target is not."""
        return self.target_s is not None and self.seconds > self.target_s


MOST_TALKS = 20
"""The most talks that a ticket has, the last recorded ones. The timeline has all."""


def talks_with(talks: tuple[Talk, ...], data: Mapping[str, Any]) -> tuple[Talk, ...]:
    """The talks of a ticket after a record of a call (`Call.data`). The newest record counts."""
    others = tuple(one for one in talks if one.call != data["id"])
    if "talk" not in data["seconds"]:
        return others
    talk = Talk(data["id"], data["seconds"]["talk"], data.get("talk_target_s"))
    return (*others, talk)[-MOST_TALKS:]


def _between(begin: datetime, end: datetime) -> float:
    return round((end - begin).total_seconds(), 3)
