"""A message of a customer as a connector hands it over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from redress.base import instants, texts
from redress.base.errors import Fault, InvalidInput, pointer
from redress.base.numbers import whole
from redress.connectors.rules.sequence import HIGHEST
from redress.plans.rules import categories
from redress.tickets.rules import submission
from redress.tickets.rules.submission import SUBJECT_LIMIT, Submission

CHANNELS = ("chat", "social", "phone", "api")
"""The channels that come through connectors."""

ID_LIMIT = 200
"""The most characters of an id in the connector's system."""

_OWN = ("conversation", "message", "channel", "text", "customer", "sent_at", "sequence")
_OF_A_TICKET = ("language", "subject", "kind", "category", "order", "consent")
_NAMES = {"/description": "/text", "/contact": "/customer"}


class Message(Struct, frozen=True):
    """A valid message.

    `conversation` and `message` are ids in the connector's system. `submission` opens the ticket if
    the message is the first one of its conversation. `sent_at` is when the customer sent it, if the
    source says so. `sequence` is its number in the conversation, if the source numbers messages.
    """

    conversation: str
    message: str
    submission: Submission
    sent_at: str | None = None
    sequence: int | None = None

    @property
    def text(self) -> str:
        return self.submission.description

    def wrote_at(self, now: datetime) -> datetime:
        """When the customer wrote it, as far as the source says so; never a time to come."""
        return now if self.sent_at is None else min(now, instants.parse(self.sent_at))

    def source(
        self, connector: str, missing: tuple[int, ...] = (), follows: str | None = None
    ) -> dict[str, Any]:
        """What the event says about where it came from.

        `missing` are the numbers of messages of the conversation that have not come. `follows` is
        an earlier ticket.
        """
        return {
            "connector": connector,
            "conversation": self.conversation,
            "message": self.message,
            **({"sent_at": self.sent_at} if self.sent_at is not None else {}),
            **({"sequence": self.sequence} if self.sequence is not None else {}),
            **({"missing": list(missing)} if missing else {}),
            **({"follows": follows} if follows is not None else {}),
        }


def parse(
    body: Any, known: Callable[[], categories.Section], *, reachable: bool = False
) -> Message:
    """Validate a decoded JSON body. Raises InvalidInput that lists every wrong field.

    `known` returns the plan's categories (`submission.parse`). A subject that is left out is the
    beginning of the text. If the connector takes answers, the customer is `reachable` without an
    email address or a phone number.
    """
    if not isinstance(body, Mapping):
        raise InvalidInput([Fault("", "object_expected", "the body must be a JSON object")])
    faults = [
        Fault(pointer(name), "unknown", "this field is not part of a message")
        for name in body
        if name not in (*_OWN, *_OF_A_TICKET)
    ]
    ids = {name: _id(body, name, faults) for name in ("conversation", "message")}
    channel = body.get("channel")
    if not isinstance(channel, str) or channel not in CHANNELS:
        faults.append(Fault("/channel", "unknown_channel", f"one of {', '.join(CHANNELS)}"))
    sent_at = body.get("sent_at")
    if sent_at is not None:
        try:
            sent_at = instants.written(instants.parse(sent_at))
        except ValueError:
            detail = f"an instant in the form of RFC 3339, such as {instants.EXAMPLE}"
            faults.append(Fault("/sent_at", "instant_expected", detail))
    sequence = None
    if body.get("sequence") is not None:
        sequence = whole(body["sequence"])
        if sequence is None or not 0 <= sequence <= HIGHEST:
            detail = f"a whole number from 0 to {HIGHEST}"
            faults.append(Fault("/sequence", "whole_number_expected", detail))
    given = {name: body[name] for name in _OF_A_TICKET if name in body}
    given |= {"description": body.get("text"), "contact": body.get("customer")}
    says_subject = bool(body.get("subject"))
    if not says_subject:
        given["subject"] = _beginning(body.get("text"))
    found = None
    try:
        found = submission.parse(given, str(channel), known, reachable=reachable)
    except InvalidInput as invalid:
        faults += [
            _renamed(fault)
            for fault in invalid.faults
            if says_subject or fault.pointer != "/subject"
        ]
    if faults or found is None:
        raise InvalidInput(faults)
    return Message(ids["conversation"], ids["message"], found, sent_at, sequence)


def _id(body: Mapping[str, Any], name: str, faults: list[Fault]) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value or texts.fault_of(value) or texts.is_empty(value):
        faults.append(Fault(f"/{name}", "text_expected", "an id of the source is expected here"))
        return ""
    if len(value) > ID_LIMIT:
        faults.append(Fault(f"/{name}", "too_long", f"at most {ID_LIMIT} characters"))
    return value


def _beginning(text: Any) -> Any:
    """The first line of a text that somebody can see, cut to the length of a subject."""
    if not isinstance(text, str):
        return None
    lines = [line for line in texts.cleaned(text).splitlines() if not texts.is_empty(line)]
    first = texts.cleaned_line(lines[0]) if lines else ""
    return first if len(first) <= SUBJECT_LIMIT else f"{first[: SUBJECT_LIMIT - 1]}…"


def _renamed(fault: Fault) -> Fault:
    """The fault of a submission, at the field that a message has instead."""
    for old, new in _NAMES.items():
        if fault.pointer == old or fault.pointer.startswith(f"{old}/"):
            return Fault(new + fault.pointer.removeprefix(old), fault.code, fault.detail)
    return fault
