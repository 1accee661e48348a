"""What Amazon Connect publishes of calls, and the records of calls that follow from it.

Amazon Connect calls each stretch of a call a contact: the stretch up to the end of its first agent
or queue, and one more for each transfer. Here a contact is a `Part` of a call. The parts of a call
have the id of its first contact in common. Amazon Connect publishes

- a contact record of each contact when its agent has ended the work after it, by Kinesis, and again
  when something is added to it later;
- contact events while the call lasts, by EventBridge. They have no number of the customer, so they
  only tell what a record of another part needs: when the caller began to wait, and who answered.

Both come at least once and in any order. `merged` keeps what is known of a part, and `records`
returns what follows from all parts. So the order changes nothing.

Sources: Amazon Connect Administrator Guide, "Contact records data model", "Contact events" and
"Example: Metrics for a queued callback". Times of records are in whole seconds of UTC, durations
are whole seconds. Fields that are not read may have any value, and new ones may be added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from msgspec import Struct, structs

from redress.base import instants, phones, texts
from redress.base.errors import Fault, InvalidInput
from redress.base.languages import LANGUAGES
from redress.connectors.rules.call import RECORDING_LIMIT, TEXT_LIMIT
from redress.connectors.rules.message import ID_LIMIT
from redress.tickets.rules.calls import Direction, Result

MOST_PARTS = 50
"""The most parts of a call. One transfer makes one part."""
ROUNDING = 2.0
"""By how many seconds a sum of whole seconds may be longer than the time between two instants."""
MENU, LANGUAGE = "redress_menu", "redress_language"
"""Contact attributes that a flow may set: the choice in the menu, and the customer's language."""

_INBOUND = ("INBOUND", "WEBRTC_API")
_OUTBOUND = ("OUTBOUND", "API")
_CALLBACK = "CALLBACK"
_TRANSFERS = ("TRANSFER", "QUEUE_TRANSFER")
_STRETCHES = (*_INBOUND, *_OUTBOUND, _CALLBACK, *_TRANSFERS)
"""The initiation methods of a stretch of a call in which the customer waits or talks. The others
are beside the call or after it: MONITOR, EXTERNAL_OUTBOUND, DISCONNECT."""
_HUNG_UP = "CUSTOMER_DISCONNECT"
_BY_FLOW = "CONTACT_FLOW_DISCONNECT"
_MACHINES = ("VOICEMAIL", "FAX_MACHINE", "SIT_TONE", "AMD_UNANSWERED")
"""How `AnsweringMachineDetectionStatus` begins if no person answered."""


class Ignored(StrEnum):
    """Why nothing is recorded of what was published. The values are words for the log."""

    NO_CONTACT = "it is no contact"
    OTHER_INSTANCE = "it is of another instance"
    OTHER_CHANNEL = "it is no call"
    BESIDE = "it is beside the call or after it"
    GOES_ON = "the call goes on in another contact"
    BY_FLOW = "a flow ended the call before it was in a queue"
    WENT_OUT = "the call was transferred out of the instance before an agent answered"
    NO_AGENT = "no agent took part in this call to a customer"
    NO_RECORD = "its contact record has not come yet"
    TOO_OLD = "the call ended long ago, and nothing is known of it any more"


class Part(Struct, frozen=True, omit_defaults=True):
    """A contact of Amazon Connect: a part of the call whose first contact is `call`.

    `whole` says that its contact record has come, `at` when that was last updated there. Before
    that, the part is what contact events tell, and `facts` counts what changed it. `began` is the
    InitiationTimestamp, `reached` when the customer's telephone was connected, `answered` when the
    agent was, `left` when the agent's part was over. The other times are as in the records.
    """

    id: str
    call: str
    method: str
    began: datetime
    at: datetime
    whole: bool = False
    facts: int = 1
    previous: str | None = None
    next: str | None = None
    phone: str | None = None
    reached: datetime | None = None
    queued: datetime | None = None
    answered: datetime | None = None
    left: datetime | None = None
    ended: datetime | None = None
    hold_s: float | None = None
    after_work_ended: datetime | None = None
    queue: str | None = None
    menu: str | None = None
    language: str | None = None
    agent: str | None = None
    recording: str | None = None
    reason: str | None = None
    went_out: bool = False
    by_machine: bool = False


@dataclass(frozen=True, slots=True)
class PlainRecord:
    """The record of a part in the form in which connectors hand over records (`rules.call`).

    `since` is when the whole call began. `picked_up` says whether the agent of this part was the
    first who spoke with the customer.
    """

    body: dict[str, Any]
    since: datetime
    picked_up: bool


# ------------------------------------------------------------------------------ reading


class _Reader:
    """Reads fields by their path, and collects every fault. A field that is null is missing.

    Names are found in any spelling of capitals, because published examples of contact events differ
    in it.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self.faults: list[Fault] = []

    def value(self, path: str) -> Any:
        found: Any = self._document
        for name in path.split("/"):
            if not isinstance(found, Mapping):
                return None
            given = {key.lower(): value for key, value in found.items() if isinstance(key, str)}
            found = given.get(name.lower())
        return found

    def fault(self, path: str, code: str, detail: str) -> None:
        self.faults.append(Fault(f"/{path}", code, detail))

    def text(self, path: str, limit: int, *, need: bool = False) -> str | None:
        value = self.value(path)
        if value is None or value == "":
            if need:
                self.fault(path, "required", "this field is required")
            return None
        if not isinstance(value, str):
            self.fault(path, "text_expected", "a text is expected here")
        elif len(value) > limit:
            self.fault(path, "too_long", f"at most {limit} characters")
        else:
            return value
        return None

    def time(self, path: str, *, need: bool = False) -> datetime | None:
        value = self.value(path)
        if value is None:
            if need:
                self.fault(path, "required", "this field is required")
            return None
        try:
            return instants.parse(value)
        except ValueError:
            self.fault(path, "instant_expected", "an instant in the form of RFC 3339 is expected")
            return None

    def seconds(self, path: str) -> float | None:
        value = self.value(path)
        if value is None:
            return None
        if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
            self.fault(path, "number_expected", "a number of seconds is expected here")
            return None
        return float(value)

    def said(self, path: str) -> str | None:
        """A text that people chose, as a record may have it: one line, and not too long."""
        value = self.value(path)
        if not isinstance(value, str) or texts.fault_of(value) is not None:
            return None
        return " ".join(texts.cleaned_line(value).split())[:TEXT_LIMIT].strip() or None

    def check(self) -> None:
        if self.faults:
            raise InvalidInput(self.faults)


def read_record(document: Any, instance: str) -> Part | Ignored:
    """Read a contact record. `instance` is the ARN of the instance whose calls are taken.

    Records of other channels and of other instances are ignored, and so are agent events, which may
    come by the same stream. Raises InvalidInput that lists every fault.
    """
    if not isinstance(document, Mapping):
        raise InvalidInput([Fault("", "object_expected", "a contact record is a JSON object")])
    read = _Reader(document)
    if read.value("ContactId") is None and read.value("EventType") is not None:
        return Ignored.NO_CONTACT
    if (why := _not_ours(read, instance)) is not None:
        return why
    id_ = read.text("ContactId", ID_LIMIT, need=True)
    call = read.text("InitialContactId", ID_LIMIT)
    method = read.text("InitiationMethod", TEXT_LIMIT, need=True)
    began = read.time("InitiationTimestamp", need=True)
    at = read.time("LastUpdateTimestamp", need=True)
    ended = read.time("DisconnectTimestamp", need=True)
    answered = read.time("Agent/ConnectedToAgentTimestamp")
    work_began = read.time("Agent/AfterContactWorkStartTimestamp")
    went_out = read.time("TransferCompletedTimestamp")
    detected = read.text("AnsweringMachineDetectionStatus", TEXT_LIMIT) or ""
    found: dict[str, Any] = {
        "previous": read.text("PreviousContactId", ID_LIMIT),
        "next": read.text("NextContactId", ID_LIMIT),
        "phone": _phone(read),
        "reached": read.time("ConnectedToSystemTimestamp"),
        "queued": read.time("Queue/EnqueueTimestamp"),
        "hold_s": read.seconds("Agent/CustomerHoldDuration"),
        "after_work_ended": read.time("Agent/AfterContactWorkEndTimestamp"),
        "queue": read.said("Queue/Name"),
        "menu": read.said(f"Attributes/{MENU}"),
        "language": _language(read),
        "agent": read.said("Agent/Username"),
        "recording": _recording(read),
        "reason": read.text("DisconnectReason", TEXT_LIMIT),
    }
    read.check()
    assert id_ is not None, "required"
    assert method is not None, "required"
    assert began is not None, "required"
    assert at is not None, "required"
    assert ended is not None, "required"
    if answered is not None:
        # The customer may go on without the agent, who transferred the call out of the instance.
        over = [one for one in (ended, work_began, went_out) if one is not None]
        found["left"] = min((one for one in over if one >= answered), default=ended)
    return Part(
        id_,
        call or id_,
        method,
        began,
        at,
        whole=True,
        answered=answered,
        ended=ended,
        went_out=went_out is not None,
        by_machine=detected.startswith(_MACHINES),
        **found,
    )


def read_event(event: Mapping[str, Any], instance: str) -> Part | Ignored:
    """Read a contact event, with the envelope of EventBridge. Raises InvalidInput."""
    detail = event.get("detail")
    read = _Reader(detail if isinstance(detail, Mapping) else {})
    if (why := _not_ours(read, instance)) is not None:
        return why
    id_ = read.text("contactId", ID_LIMIT, need=True)
    call = read.text("initialContactId", ID_LIMIT)
    method = read.text("initiationMethod", TEXT_LIMIT, need=True)
    kind = read.value("eventType")
    times: dict[str, Any] = {
        "reached": read.time("connectedToSystemTimestamp"),
        "queued": read.time("queueInfo/enqueueTimestamp"),
        "answered": read.time("agentInfo/connectedToAgentTimestamp"),
        "ended": read.time("disconnectTimestamp"),
    }
    previous = read.text("previousContactId", ID_LIMIT)
    began = read.time("initiationTimestamp")
    at = _Reader(event)
    sent = at.time("time", need=True)
    read.faults += at.faults
    read.check()
    assert id_ is not None, "required"
    assert method is not None, "required"
    assert sent is not None, "required"
    # Earlier versions of the events have no times but that of the envelope.
    for name, of in (("queued", "QUEUED"), ("answered", "CONNECTED_TO_AGENT")):
        if times[name] is None and kind == of:
            times[name] = sent
    began = began or min((one for one in times.values() if one is not None), default=sent)
    return Part(id_, call or id_, method, began, sent, previous=previous, **times)


def _not_ours(read: _Reader, instance: str) -> Ignored | None:
    arn = read.text("InstanceARN", RECORDING_LIMIT, need=True)
    channel = read.text("Channel", TEXT_LIMIT, need=True)
    read.check()
    assert channel is not None, "required"
    if arn != instance:
        return Ignored.OTHER_INSTANCE
    return None if channel.upper() == "VOICE" else Ignored.OTHER_CHANNEL


def _phone(read: _Reader) -> str | None:
    """The customer's number; None if it is hidden, or if they called without a telephone."""
    if read.value("CustomerEndpoint/Type") != "TELEPHONE_NUMBER":
        return None
    number = read.value("CustomerEndpoint/Address")
    is_number = isinstance(number, str) and len(number) <= phones.LIMIT and phones.is_phone(number)
    return number if is_number else None


def _language(read: _Reader) -> str | None:
    language = read.value(f"Attributes/{LANGUAGE}")
    return language if language in LANGUAGES else None


def _recording(read: _Reader) -> str | None:
    """Where the recording of the talk is: `bucket/key`. The first one of the contact counts."""
    listed = read.value("Recordings")
    given = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    for one in (*given, read.value("Recording")):
        if not isinstance(one, Mapping) or one.get("Status") != "AVAILABLE":
            continue
        place = one.get("Location")
        audio = one.get("MediaStreamType", one.get("Type")) == "AUDIO"
        in_s3 = one.get("StorageType", "S3") in ("S3", "Amazon S3")
        if audio and in_s3 and isinstance(place, str) and 0 < len(place) <= RECORDING_LIMIT:
            return place
    return None


# ------------------------------------------------------------------------------ joining


def merged(parts: Mapping[str, Part], news: Part) -> dict[str, Part]:
    """Return the parts of a call with what was published of one of them.

    Of two contact records the one that was updated last counts, and the first of two that were
    updated at the same time. A record replaces what events told, and an event after the record
    tells nothing. Raises InvalidInput if the call has more than MOST_PARTS.
    """
    known = parts.get(news.id)
    if known is None:
        if len(parts) >= MOST_PARTS:
            detail = f"a call has at most {MOST_PARTS} contacts"
            raise InvalidInput([Fault("/InitialContactId", "too_many", detail)])
        return {**parts, news.id: news}
    if known.whole and (not news.whole or news.at <= known.at):
        return dict(parts)
    if news.whole:
        return {**parts, news.id: structs.replace(news, facts=known.facts + 1)}
    told: dict[str, Any] = {
        name: value
        for name in ("previous", "reached", "queued", "answered", "ended")
        if getattr(known, name) is None and (value := getattr(news, name)) is not None
    }
    if news.began < known.began:
        told["began"] = news.began
    if not told:
        return dict(parts)
    return {**parts, news.id: structs.replace(known, facts=known.facts + 1, **told)}


def records(parts: Mapping[str, Part]) -> dict[str, PlainRecord | Ignored]:
    """Return what follows from the parts of one call, by the id of the part, first one first.

    A part in which an agent spoke with the customer has a record of its own, with the times of this
    agent. What the customer waited before in other parts belongs to the first of them: pick-up
    counts from when the caller left the menu. A part that went on in another one has no record.
    """
    in_order = sorted(parts.values(), key=lambda part: (part.began, part.id))
    return {
        part.id: _record(part, [one for one in in_order[:place] if _is_stretch(one)], parts)
        for place, part in enumerate(in_order)
    }


def _is_stretch(part: Part) -> bool:
    return part.method in _STRETCHES


def _record(
    part: Part, earlier: Sequence[Part], parts: Mapping[str, Part]
) -> PlainRecord | Ignored:
    if not part.whole:
        return Ignored.NO_RECORD
    if not _is_stretch(part):
        return Ignored.BESIDE
    picked_up = not any(one.answered for one in earlier)
    told = _spoken(part, earlier, picked_up) if part.answered else _lost(part, earlier, parts)
    if isinstance(told, Ignored):
        return told
    stretch = [part, *reversed(earlier)]
    body = {
        "call": part.id,
        "conversation": part.call,
        "updated": instants.written(part.at + _knowledge(part, parts)),
        "phone": _first(one.phone for one in stretch),
        "menu": _first(one.menu for one in stretch),
        "language": _first(one.language for one in stretch),
        "queue": part.queue,
        "recording": part.recording,
        **{name: _value(value) for name, value in told.items()},
    }
    shown = {name: value for name, value in body.items() if value is not None}
    return PlainRecord(shown, earlier[0].began if earlier else part.began, picked_up)


def _spoken(part: Part, earlier: Sequence[Part], picked_up: bool) -> dict[str, Any] | Ignored:
    """The record of a part in which an agent took part."""
    assert part.answered is not None, "an agent took part"
    waited = [*earlier, part] if picked_up else [part]
    ended = part.left or part.ended
    told: dict[str, Any] = {"agent": part.agent, "ended": ended}
    if _direction(part, earlier) is Direction.OUTBOUND:
        told["direction"] = Direction.OUTBOUND
        told["began"] = part.began
        if part.method in _TRANSFERS:
            answered = part.answered
        elif part.reached is None or part.by_machine:
            return told | {"result": Result.MISSED, "ended": part.ended}
        else:
            answered = max(part.reached, part.answered)
        if part.method == _CALLBACK:
            # It was made when the customer asked for it. They are called when an agent is free.
            told["began"] = min(part.reached or answered, answered)
    else:
        answered = part.answered
        told["began"] = waited[0].began
        told["left_menu"] = min((one.queued for one in waited if one.queued), default=None)
    told |= {"result": Result.ANSWERED, "answered": answered}
    if ended is None or part.hold_s is None:
        return told
    talked = (ended - answered).total_seconds()
    if part.hold_s:
        short = talked < part.hold_s <= talked + ROUNDING
        told["hold_s"] = talked if short else part.hold_s
    if part.after_work_ended is not None and part.after_work_ended >= ended:
        told["after_work_ended"] = part.after_work_ended
    return told


def _lost(
    part: Part, earlier: Sequence[Part], parts: Mapping[str, Part]
) -> dict[str, Any] | Ignored:
    """The record of a part without an agent: nobody spoke with the customer in it."""
    if _goes_on(part, parts):
        return Ignored.GOES_ON
    if part.went_out:
        return Ignored.WENT_OUT
    if part.method == _CALLBACK:
        # No agent called back who had asked for it, so the customer's call was missed.
        return {"result": Result.MISSED, "began": part.ended, "ended": part.ended}
    if _direction(part, earlier) is Direction.OUTBOUND:
        return Ignored.NO_AGENT
    waited = [*earlier, part] if not any(one.answered for one in earlier) else [part]
    queued = min((one.queued for one in waited if one.queued), default=None)
    told: dict[str, Any] = {"began": waited[0].began, "ended": part.ended}
    if queued is not None:
        hung_up = part.reason in (None, _HUNG_UP)
        result = Result.ABANDONED_IN_QUEUE if hung_up else Result.MISSED
        return told | {"left_menu": queued, "result": result}
    if part.reason == _BY_FLOW:
        return Ignored.BY_FLOW
    return told | {"result": Result.ABANDONED_IN_MENU}


def _goes_on(part: Part, parts: Mapping[str, Part]) -> bool:
    """Whether the customer waits or talks in a later part. Nobody may know yet what that is."""
    later = [one for one in parts.values() if one.id == part.next or one.previous == part.id]
    if part.next is not None and part.next not in parts:
        return True
    return any(_is_stretch(one) for one in later)


def _direction(part: Part, earlier: Sequence[Part]) -> Direction:
    """Who called whom. A transfer goes on with what it transferred."""
    origin = next((one for one in (part, *reversed(earlier)) if one.method not in _TRANSFERS), None)
    calls_out = origin is not None and origin.method in (*_OUTBOUND, _CALLBACK)
    return Direction.OUTBOUND if calls_out else Direction.INBOUND


def _knowledge(part: Part, parts: Mapping[str, Part]) -> timedelta:
    """What is added to the time of a record for what is known of the call's other parts.

    A record may change without a new one of its own part. Records have whole seconds, so the
    milliseconds tell which of two with the same time knew more.
    """
    facts = sum(one.facts for one in parts.values() if one.id != part.id)
    return timedelta(milliseconds=min(facts, 999))


def _first[T](values: Iterable[T | None]) -> T | None:
    return next((value for value in values if value is not None), None)


def _value(value: Any) -> Any:
    return instants.written(value) if isinstance(value, datetime) else value
