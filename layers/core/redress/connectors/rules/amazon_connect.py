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

A customer who does not want to wait may ask for a queued callback. Then a flow ends their call, and
a further contact calls them back: agent first (one contact, CALLBACK, whose agent is connected
before the customer's telephone rings), or customer first (one contact that waits, and one for each
time that the customer is dialled, who then waits for an agent). Each further attempt is a contact.

Sources: Amazon Connect Administrator Guide, "Contact records data model", "Contact events",
"Example: Metrics for a queued callback", "Use customer first callback mode", "What counts as a
failed callback attempt". Times of records are in whole seconds of UTC, durations are whole seconds.
Fields that are not read may have any value, and new ones may be added. So may initiation methods.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from msgspec import Struct, structs

from redress.base import instants, phones, texts
from redress.base.errors import Fault, InvalidInput
from redress.base.languages import LANGUAGES
from redress.connectors.rules.call import LONGEST, RECORDING_LIMIT, TEXT_LIMIT
from redress.connectors.rules.message import ID_LIMIT
from redress.tickets.rules.calls import Direction, Result
from redress.tickets.rules.numbers import normalised

MOST_PARTS = 150
"""The most parts of a call. One transfer makes one part, and so does each attempt to call back, of
which a flow may have any number. An item of so many with an agent and a recording has some 120 KB,
and DynamoDB allows 400. Each part has up to six facts, and `_knowledge` counts up to 999."""
MENU, LANGUAGE, TICKET = "redress_menu", "redress_language", "redress_ticket"
"""Contact attributes that a flow or an agent may set: the choice in the menu, the customer's
language, and the number of the ticket that the call is about."""

_INBOUND = ("INBOUND", "WEBRTC_API")
_OUTBOUND = ("OUTBOUND", "API")
_CALLBACK = "CALLBACK"
"""How the initiation methods of a callback begin. Customer first has two of its own."""
_WAITS_TO_DIAL = "CALLBACK_CUSTOMER_FIRST_QUEUED"
"""Nobody is called in this contact. Its ConnectedToSystemTimestamp is the start of a flow."""
_BY_QUEUE = "QUEUE_TRANSFER"
"""The method of a transfer that a flow makes. Other transfers may be made by an agent."""
_TRANSFERS = ("TRANSFER", _BY_QUEUE)
_BESIDE = ("MONITOR", "EXTERNAL_OUTBOUND", "DISCONNECT")
"""The initiation methods of a contact beside the call or after it. In all others the customer waits
or talks. So does a method that is not known, if the contact is linked with another one: if it were
taken for one beside the call, the call would end in a part in which nobody spoke."""
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
    WAITS = "an agent spoke with the caller before, and the record of that has not come yet"
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
    agent was, `left` when the agent's part was over. The other times are as in the records. `voice`
    is False for a contact of another channel, such as a task that was made of the call. Only its
    links count, because the part before it ended there.
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
    ticket: str | None = None
    voice: bool = True


@dataclass(frozen=True, slots=True)
class PlainRecord:
    """The record of a part in the form in which connectors hand over records (`rules.call`).

    `since` is when the whole call began; a callback is a call of its own. `picked_up` says whether
    the agent of this part was the first who spoke with the customer. `asked` is from when the
    customer was to be called back, if they had asked for that and this was the last attempt, or the
    one that reached them. `is_last` says that no agent spoke with the customer in a later part.
    `left_out` are the times that were published and are not in the record, because they are wrong.
    """

    body: dict[str, Any]
    since: datetime
    picked_up: bool
    asked: datetime | None = None
    is_last: bool = True
    left_out: tuple[str, ...] = ()


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
        updated = read.time("LastUpdateTimestamp")
        return _of_other_channel(read, updated) or why if why is Ignored.OTHER_CHANNEL else why
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
        "queued": read.time("Queue/EnqueueTimestamp") or read.time("QueueInfo/EnqueueTimestamp"),
        "hold_s": read.seconds("Agent/CustomerHoldDuration"),
        "after_work_ended": read.time("Agent/AfterContactWorkEndTimestamp"),
        "queue": read.said("Queue/Name"),
        "menu": read.said(f"Attributes/{MENU}"),
        "language": _language(read),
        "agent": read.said("Agent/Username"),
        "recording": _recording(read),
        "reason": read.text("DisconnectReason", TEXT_LIMIT),
        "ticket": normalised(read.said(f"Attributes/{TICKET}") or ""),
    }
    read.check()
    assert id_ is not None, "required"
    assert method is not None, "required"
    assert began is not None, "required"
    assert at is not None, "required"
    assert ended is not None, "required"
    if answered is not None:
        # The customer may go on without the agent, who transferred the call out of the instance.
        # The transfer is complete when its endpoint answers. The agent may talk on after that.
        over = [one for one in (ended, work_began or went_out) if one is not None]
        found["left"] = min((one for one in over if one >= answered), default=answered)
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
        emitted = _Reader(event).time("time")
        return _of_other_channel(read, emitted) or why if why is Ignored.OTHER_CHANNEL else why
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


def _of_other_channel(read: _Reader, at: datetime | None) -> Part | None:
    """The links of a contact of another channel that follows another contact; None if it follows
    none, so it is of no call."""
    id_, previous = read.text("ContactId", ID_LIMIT), read.text("PreviousContactId", ID_LIMIT)
    call, method = read.text("InitialContactId", ID_LIMIT), read.text("Channel", TEXT_LIMIT)
    if id_ is None or previous is None or method is None or at is None:
        return None
    began = read.time("InitiationTimestamp") or at
    call = call or previous
    return Part(id_, call, method, began, at, whole=True, previous=previous, voice=False)


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
        if not (audio and in_s3 and isinstance(place, str)):
            continue
        if 0 < len(place) <= RECORDING_LIMIT and texts.cleaned_line(place) == place:
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
        if len(parts) >= MOST_PARTS and news.voice:
            detail = f"a call has at most {MOST_PARTS} contacts"
            raise InvalidInput([Fault("/InitialContactId", "too_many", detail)])
        return {**parts, news.id: news} if len(parts) < MOST_PARTS else dict(parts)
    if known.whole and (not news.whole or news.at <= known.at or not news.voice):
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
    counts from when the caller left the menu. A part that went on in another one has no record. A
    callback that did not reach the customer has one, which says so.

    A transfer that nobody answered has no record until the contact record of the agent before it
    has come. That record says whether the agent went on with the caller.
    """
    found: dict[str, PlainRecord | Ignored] = {}
    earlier: list[_Stretch] = []
    for part in sorted(parts.values(), key=lambda part: (part.began, part.id)):
        if not part.voice:
            found[part.id] = Ignored.OTHER_CHANNEL
        elif not _is_stretch(part):
            found[part.id] = Ignored.BESIDE if part.whole else Ignored.NO_RECORD
        else:
            stretch = _stretch(part, earlier)
            found[part.id] = _record(stretch, parts) if part.whole else Ignored.NO_RECORD
            earlier.append(stretch)
    spoke = [one.part.id for one in earlier if one.talked is not None]
    for id_ in spoke[:-1]:
        record = found[id_]
        if isinstance(record, PlainRecord):
            found[id_] = replace(record, is_last=False)
    return found


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A part in which the customer waits or talks, and what happened before it.

    `earlier` are the stretches before it. `line` are those since the last one that is no transfer,
    which says who called whom, and this one. `spoken_until` is when the last agent of those before
    left the call, if that is known. `reached` is when the customer who was called picked up.
    `talked` is when an agent and the customer were connected, None if they were not.
    """

    part: Part
    earlier: tuple[Part, ...]
    line: tuple[Part, ...]
    spoken_before: bool
    spoken_until: datetime | None
    reached: datetime | None
    talked: datetime | None

    @property
    def origin(self) -> Part:
        return self.line[0]

    @property
    def direction(self) -> Direction:
        return Direction.OUTBOUND if _calls_out(self.origin) else Direction.INBOUND

    @property
    def calls_back(self) -> bool:
        """Whether this is an attempt to call back a customer with whom nobody has spoken yet."""
        return _is_callback(self.origin) and not self.spoken_before

    @property
    def waited(self) -> tuple[Part, ...]:
        """The parts in which the caller waited for the agent of this one."""
        return (self.part,) if self.spoken_before else (*self.earlier, self.part)


def _stretch(part: Part, earlier: Sequence[_Stretch]) -> _Stretch:
    before = tuple(one.part for one in earlier)
    line = [part]
    for one in reversed(before):
        if not _carries_on(line[0]):
            break
        line.insert(0, one)
    talks = [one.part for one in earlier if one.talked is not None]
    spoken_before = bool(talks)
    spoken_until = max((one.left for one in talks if one.left is not None), default=None)
    reached: datetime | None = None
    talked = part.answered
    if _calls_out(line[0]) and not spoken_before:
        rung = [one for one in line if one.method != _WAITS_TO_DIAL]
        if not any(one.by_machine for one in rung):
            reached = _first(one.reached for one in rung)
        if part.answered is not None:
            talked = max(reached, part.answered) if reached is not None else None
    return _Stretch(part, before, tuple(line), spoken_before, spoken_until, reached, talked)


def _calls_out(part: Part) -> bool:
    return part.method in _OUTBOUND or _is_callback(part)


def _is_callback(part: Part) -> bool:
    return part.method.startswith(_CALLBACK)


def _is_known(part: Part) -> bool:
    known = part.method in (*_INBOUND, *_OUTBOUND, *_TRANSFERS, *_BESIDE)
    return known or _is_callback(part)


def _carries_on(part: Part) -> bool:
    """Whether the customer was in the call before this part."""
    return part.method in _TRANSFERS or not _is_known(part)


def _is_stretch(part: Part) -> bool:
    if not part.voice or part.method in _BESIDE:
        return False
    return _is_known(part) or part.previous is not None or part.next is not None


def _record(stretch: _Stretch, parts: Mapping[str, Part]) -> PlainRecord | Ignored:
    part, earlier = stretch.part, stretch.earlier
    told = _lost(stretch, parts) if part.answered is None else _spoken(stretch)
    if isinstance(told, Ignored):
        return told
    left_out = _put_in_order(told)
    newest = [part, *reversed(earlier)]
    body = {
        "call": part.id,
        "conversation": part.call,
        "updated": instants.written(part.at + _knowledge(part, parts)),
        "phone": _first(one.phone for one in newest),
        "menu": _first(one.menu for one in newest),
        "language": _first(one.language for one in newest),
        "ticket": _first(one.ticket for one in newest),
        "queue": part.queue,
        "recording": part.recording,
        **{name: _value(value) for name, value in told.items()},
    }
    shown = {name: value for name, value in body.items() if value is not None}
    if not stretch.calls_back:
        since = earlier[0].began if earlier else part.began
        return PlainRecord(shown, since, not stretch.spoken_before, left_out=left_out)
    asked = next(one for one in (*earlier, part) if _is_callback(one))
    over = stretch.talked is not None or not _goes_on(part, parts)
    due = (asked.queued or asked.began) if over else None
    return PlainRecord(shown, told["began"], True, due, left_out=left_out)


def _spoken(stretch: _Stretch) -> dict[str, Any]:
    """The record of a part in which an agent took part."""
    part, direction = stretch.part, stretch.direction
    assert part.answered is not None, "an agent took part"
    told: dict[str, Any] = {"agent": part.agent, "ended": part.left or part.ended}
    if direction is Direction.OUTBOUND:
        told["direction"] = direction
        told["began"] = part.began
        if stretch.calls_back:
            # The contact was made when the customer asked for it. They are called later.
            told["began"] = min(stretch.reached or part.answered, part.answered)
        if stretch.talked is None:
            return told | {"result": Result.MISSED, "ended": part.ended}
    else:
        told["began"] = stretch.waited[0].began
        told["left_menu"] = _queued(stretch.waited)
    if _waited_on_the_line(stretch):
        told["left_menu"] = _queued(stretch.line)
    told |= {"result": Result.ANSWERED, "answered": stretch.talked}
    if part.hold_s:
        told["hold_s"] = part.hold_s
    return told | {"after_work_ended": part.after_work_ended}


def _lost(stretch: _Stretch, parts: Mapping[str, Part]) -> dict[str, Any] | Ignored:
    """The record of a part without an agent: nobody spoke with the customer in it."""
    part = stretch.part
    if _goes_on(part, parts):
        return Ignored.GOES_ON
    if part.went_out:
        return Ignored.WENT_OUT
    if _waits_for_agent(stretch, parts):
        return Ignored.WAITS
    if stretch.spoken_before and not _is_known(part):
        return Ignored.BESIDE
    if _carries_on(part) and _talked_on(stretch):
        return Ignored.BESIDE
    if stretch.calls_back:
        return _not_called_back(stretch)
    if stretch.direction is Direction.OUTBOUND:
        return Ignored.NO_AGENT
    queued = _queued(stretch.waited)
    told: dict[str, Any] = {"began": stretch.waited[0].began, "ended": part.ended}
    if queued is not None:
        return told | {"left_menu": queued, "result": _left_in_queue(part)}
    if part.reason == _BY_FLOW:
        return Ignored.BY_FLOW
    return told | {"result": Result.ABANDONED_IN_MENU}


def _waits_for_agent(stretch: _Stretch, parts: Mapping[str, Part]) -> bool:
    """Whether the record of an agent who was in the call before this part is still to come.

    A transfer says that there was one, before anything of the part before it is known.
    """
    if not _carries_on(stretch.part):
        return False
    by_agent = [one for one in stretch.line if _carries_on(one) and one.method != _BY_QUEUE]
    before = {one.previous for one in by_agent if one.previous is not None}
    before |= {one.id for one in stretch.earlier if one.answered is not None}
    return any(id_ not in parts or not parts[id_].whole for id_ in before)


def _talked_on(stretch: _Stretch) -> bool:
    """Whether an agent was with the caller until this part ended. They had asked a queue or a
    colleague for help, and nobody answered."""
    until, ended = stretch.spoken_until, stretch.part.ended
    return until is not None and ended is not None and until >= ended


def _not_called_back(stretch: _Stretch) -> dict[str, Any]:
    """The record of a callback in which no agent took part."""
    part, origin = stretch.part, stretch.origin
    if origin.method in (_CALLBACK, _WAITS_TO_DIAL):
        # Nobody called the customer, so it is the customer's own call that was missed.
        return {"result": Result.MISSED, "began": part.ended, "ended": part.ended}
    if stretch.reached is not None:
        queued = _queued(stretch.line) if _waited_on_the_line(stretch) else None
        result = _left_in_queue(part) if queued is not None else Result.MISSED
        told = {"result": result, "began": stretch.reached, "left_menu": queued}
    else:
        told = {"result": Result.MISSED, "began": origin.began}
    return told | {"direction": Direction.OUTBOUND, "ended": part.ended}


def _waited_on_the_line(stretch: _Stretch) -> bool:
    """Whether a customer who was called back picked up before there was an agent."""
    queued, reached = _queued(stretch.line), stretch.reached
    return stretch.calls_back and queued is not None and reached is not None and reached <= queued


def _left_in_queue(part: Part) -> Result:
    hung_up = part.reason in (None, _HUNG_UP)
    return Result.ABANDONED_IN_QUEUE if hung_up else Result.MISSED


def _queued(parts: Iterable[Part]) -> datetime | None:
    return min((one.queued for one in parts if one.queued is not None), default=None)


def _put_in_order(told: dict[str, Any]) -> tuple[str, ...]:
    """Make the times of a record fit each other, whatever was published.

    Times are whole seconds, a customer may hang up while an agent accepts the call, and a hold is
    counted until its end, also if the customer hung up before. None of this may make a record that
    is refused, because then the call would be lost. Returns the times that were left out.
    """
    left_out = () if _is_work_possible(told) else ("after_work_ended",)
    for name in left_out:
        del told[name]
    names = ("began", "left_menu", "answered", "ended", "after_work_ended")
    known = [name for name in names if told.get(name) is not None]
    edge = told[known[-1]] - LONGEST
    for name in known:
        edge = told[name] = max(told[name], edge)
    if "hold_s" in told:
        talked = (told["ended"] - told["answered"]).total_seconds()
        told["hold_s"] = min(told["hold_s"], talked)
    return left_out


def _is_work_possible(told: Mapping[str, Any]) -> bool:
    """Whether the end of the work after a call can be in its record.

    An agent may leave a contact open for days, because Amazon Connect sets no end to this work. But
    a record covers LONGEST at most. Then the other times of the call are right, and only this one
    is left out.
    """
    after: datetime | None = told.get("after_work_ended")
    if after is None:
        return True
    began, answered, ended = (told[name] for name in ("began", "answered", "ended"))
    if after < ended or after - answered > LONGEST:
        return False
    return bool(after - began <= LONGEST or ended - began > LONGEST)


def _goes_on(part: Part, parts: Mapping[str, Part]) -> bool:
    """Whether the customer waits or talks in a later part. Nobody may know yet what that is."""
    later = [one for one in parts.values() if one.id == part.next or one.previous == part.id]
    if part.next is not None and part.next not in parts:
        return True
    return any(_is_stretch(one) for one in later)


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
