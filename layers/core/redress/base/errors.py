"""The domain errors: every reason for which a request can be refused.

`redress.edge.problems` maps each class to one HTTP status. This module does not depend on HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from msgspec import Struct

MOST_FAULTS = 100
"""The most faults of one answer. A body can have so many wrong fields that an answer with all of
them is larger than the 6 MB that Lambda sends (Lambda quotas)."""

POINTER_LIMIT = 300
FAULT_DETAIL_LIMIT = 500
DETAIL_LIMIT = 2_000
"""The most characters of a fault's pointer and detail, and of the message of all faults. They can
contain names that the caller has chosen."""


class Fault(Struct, frozen=True):
    """One wrong field.

    `pointer` is its JSON pointer (`/contact/email`). `code` never changes; pages show the
    catalogue's text for it. `detail` is a description in English.
    """

    pointer: str
    code: str
    detail: str


def pointer(*parts: str) -> str:
    """Join field names to a JSON pointer (RFC 6901): `contact`, `a/b` give `/contact/a~1b`."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


class RedressError(Exception):
    """Base of all domain errors. The message is safe to show to the caller.

    `can` is set if a change of a ticket, a member of staff or a customer's profile is refused: what
    the caller may do with it now (`saying_what_is_possible`).
    """

    can: Sequence[str] | None = None


class InvalidInput(RedressError):
    """The input does not have the form that is required.

    `faults` lists every wrong field. If there are more than MOST_FAULTS, it lists the first ones,
    and its last entry has the code `more_faults`. Longer texts than the limits above end with "…".
    """

    def __init__(self, faults: list[Fault]) -> None:
        kept = [
            Fault(_cut(f.pointer, POINTER_LIMIT), f.code, _cut(f.detail, FAULT_DETAIL_LIMIT))
            for f in faults[:MOST_FAULTS]
        ]
        if len(faults) > MOST_FAULTS:
            detail = f"there are more faults; these are the first {MOST_FAULTS}"
            kept.append(Fault("", "more_faults", detail))
        super().__init__(_in_words(kept))
        self.faults = kept


def _in_words(faults: Sequence[Fault]) -> str:
    return _cut("; ".join(f"{f.pointer}: {f.detail}" for f in faults), DETAIL_LIMIT)


def _cut(text: str, limit: int) -> str:
    """Return at most `limit` characters of a text."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


class Unchanged(InvalidInput):
    """The request would change nothing, because what it asks for is already the case."""


class NotFound(RedressError):
    """The object does not exist, or the caller may not learn that it exists."""


class LinkExpired(RedressError):
    """The link is genuine, but its time is over."""


class CursorExpired(RedressError):
    """Changes after this cursor are missing. The caller must read the lists again."""


class SwitchedOff(RedressError):
    """A part of the product is off. `parameter` of the deployment switches it on."""

    def __init__(self, what: str, parameter: str) -> None:
        super().__init__(f"{what} is off; operations can deploy with {parameter}=on")
        self.parameter = parameter


class Forbidden(RedressError):
    """The caller is authenticated, but may not do this with this object."""


class NotAllowedNow(RedressError):
    """The table of steps does not allow this step in the ticket's current state."""

    def __init__(self, step: str, state: str) -> None:
        super().__init__(f"'{step}' is not possible while the ticket is {state}")
        self.step = step
        self.state = state


class LimitReached(NotAllowedNow):
    """The plan allows this a number of times, and it was done as often. A leader decides now."""

    def __init__(self, detail: str) -> None:
        RedressError.__init__(self, detail)


class TasksOpen(NotAllowedNow):
    """The ticket cannot be resolved, because required tasks of other departments are not done, or
    nobody has decided about proposed remedies.

    `faults` has an entry for each of them. `/tasks/2` points at the second task of the ticket, and
    `/remedies/1` at its first remedy.
    """

    def __init__(self, faults: list[Fault]) -> None:
        RedressError.__init__(self, _in_words(faults))
        self.faults = faults


class ChecklistOpen(NotAllowedNow):
    """A service request cannot be resolved as done, because required items are not settled.

    `faults` has an entry for each of them. `/checklist/identity` points at the item `identity`.
    """

    def __init__(self, faults: list[Fault]) -> None:
        RedressError.__init__(self, _in_words(faults))
        self.faults = faults


class NotMergeable(NotAllowedNow):
    """A ticket cannot be merged into another one, as both are now.

    `faults` lists every reason. `/into` points at the other ticket.
    """

    def __init__(self, faults: list[Fault], step: str, state: str) -> None:
        RedressError.__init__(self, _in_words(faults))
        self.faults, self.step, self.state = faults, step, state


class NotSplittable(NotAllowedNow):
    """Nothing is split off a ticket as it is now. `faults` lists every reason."""

    def __init__(self, faults: list[Fault], step: str, state: str) -> None:
        RedressError.__init__(self, _in_words(faults))
        self.faults, self.step, self.state = faults, step, state


class NotUndone(NotAllowedNow):
    """A merge or a split cannot be undone any more. `faults` lists what has happened since.

    `/into` points at the target of a merge, and `/ticket` at the ticket that was split off.
    """

    def __init__(self, faults: list[Fault], step: str, state: str) -> None:
        RedressError.__init__(self, _in_words(faults))
        self.faults, self.step, self.state = faults, step, state


class IncidentIsClosed(NotAllowedNow):
    """The incident is closed by its post-mortem, so nothing of it changes any more."""

    def __init__(self, detail: str) -> None:
        RedressError.__init__(self, detail)


class WordGoesOn(NotAllowedNow):
    """The last word to all customers of an incident is still being delivered."""

    def __init__(self) -> None:
        RedressError.__init__(self, "the last word to all customers is still being delivered")


class CallNotPossible(NotAllowedNow):
    """A relationship call cannot be recorded, moved or resumed, as the customer's calls are now."""

    def __init__(self, detail: str) -> None:
        RedressError.__init__(self, detail)


class NotReleasable(RedressError):
    """A mail in quarantine cannot be released. `reason` is a code that clients can compare."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class FileNotOpen(RedressError):
    """A file of a ticket cannot be opened or withdrawn now. `reason` is its state."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class MacroRefused(RedressError):
    """Some acts of a macro are not possible on the ticket, so none of them was done.

    `faults` has at least one entry for each of these acts. `/acts/2` points at the third act of the
    macro.
    """

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(_in_words(faults))
        self.faults = faults


class AlreadyDone(RedressError):
    """Somebody has done this before, and it can be done only once."""


class Conflict(Struct, frozen=True):
    """An event of a ticket with which a change conflicts, because the caller has not read it.

    `number` and `type` are those of the event, `role` and `id` are of the person who caused it.
    """

    number: int
    type: str
    at: datetime
    role: str
    id: str | None


class VersionConflict(RedressError):
    """Another writer changed the ticket after the caller read it. `current` is its new version.

    `conflicts` are the events that conflict with the change. It is empty if others changed the
    object during each attempt.
    """

    conflicts: Sequence[Conflict] = ()

    def __init__(self, current: int, conflicts: Sequence[Conflict] = ()) -> None:
        what = "; ".join(f"{one.type}, event {one.number}" for one in conflicts)
        named = f" ({what})" if what else ""
        detail = f"the ticket was changed meanwhile{named}; its version is now {current}"
        super().__init__(_cut(detail, DETAIL_LIMIT))
        self.current, self.conflicts = current, conflicts


class OtherTicketChanged(VersionConflict):
    """The other ticket of a request was changed after the caller read it.

    `current` is the version of the other ticket, and `conflicts` are events of it.
    """

    def __init__(self, number: str, other: VersionConflict) -> None:
        RedressError.__init__(self, f"{number}: {other}")
        self.current, self.conflicts = other.current, other.conflicts


class TaskChanged(VersionConflict):
    """A task was changed after the caller read it. `current` is its new revision."""

    def __init__(self, current: int) -> None:
        RedressError.__init__(
            self, f"the task was changed meanwhile; its revision is now {current}"
        )
        self.current = current


class MemberChanged(VersionConflict):
    """A member of staff was changed after the caller read them. `current` is the new revision."""

    def __init__(self, current: int) -> None:
        RedressError.__init__(self, f"they were changed meanwhile; the revision is now {current}")
        self.current = current


class RevisionConflict(VersionConflict):
    """Another writer changed the profile of a customer after the caller read it."""

    def __init__(self, current: int) -> None:
        RedressError.__init__(
            self, f"the profile was changed meanwhile; its revision is now {current}"
        )
        self.current = current


class ConnectorChanged(VersionConflict):
    """A connector was changed after the caller read it. `current` is the new revision."""

    def __init__(self, current: int) -> None:
        RedressError.__init__(
            self, f"the connector was changed meanwhile; its revision is now {current}"
        )
        self.current = current


class InspectionChanged(VersionConflict):
    """Another leader has looked into the ticket. `current` is the revision of their word."""

    def __init__(self, current: int) -> None:
        RedressError.__init__(
            self, f"another leader has looked into it meanwhile; the revision is now {current}"
        )
        self.current = current


class IncidentChanged(VersionConflict):
    """An incident was changed after the caller read it. `current` is its new revision."""

    def __init__(self, current: int) -> None:
        RedressError.__init__(
            self, f"the incident was changed meanwhile; its revision is now {current}"
        )
        self.current = current


class NotComplete(RedressError):
    """A list cannot be signed, because nobody has looked into some of its tickets.

    `faults` has an entry for each of them. `/R-7K3M9-QW0X2` points at the ticket.
    """

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(_in_words(faults))
        self.faults = faults


class NotAuthentic(RedressError):
    """A request of a machine is refused, because it does not prove who sent it."""


class SignatureMissing(NotAuthentic):
    """The signature is missing, or it does not have the form that is required."""


class SignatureWrong(NotAuthentic):
    """The signature was not made with a valid key over what was sent."""


class SignatureExpired(NotAuthentic):
    """The signature is genuine, but it is too old, or from the future."""


class SignatureRepeated(NotAuthentic):
    """The signature is genuine, but a request with the same nonce has come before."""


class ProfileMerged(RedressError):
    """The profile was merged into another one. Only that one, or the merge, can be changed."""


class IdentityNeeded(RedressError):
    """The plan asks that the customer's identity is verified before this is done."""


class AgentNotFree(RedressError):
    """The agent is away, full, unknown or in another team. Nothing was assigned."""


class KeyReused(RedressError):
    """An earlier request used the same Idempotency-Key with a different body."""


class Unreadable(RedressError):
    """An item of the table cannot be read: it is damaged, or another version of the product wrote
    it. `pk` and `sk` are its keys. A person must repair it.

    The code that decodes the item has reported it already (`observe.unreadable`). A loop over many
    items leaves this one out and goes on.
    """

    def __init__(self, pk: str, sk: str) -> None:
        super().__init__("a part of the stored data cannot be read; operations have been told")
        self.pk, self.sk = pk, sk


class Unavailable(RedressError):
    """A service that Redress depends on does not answer. Nothing was written; try again later."""

    def __init__(self, message: str = "please try again shortly", retry_after_s: int = 5) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


@contextmanager
def saying_what_is_possible(can: Callable[[], Sequence[str] | None]) -> Iterator[None]:
    """Add `can` to an error that refuses a change: the names of the changes that are possible now.

    It does so for refusals because of the caller's right, a stale version, or the present state.
    `can` returns the names, or None if the caller may not know that the object exists. InvalidInput
    stays as it is, because it lists its faults.
    """
    try:
        yield
    except (
        Forbidden,
        NotAllowedNow,
        AlreadyDone,
        MacroRefused,
        VersionConflict,
        AgentNotFree,
        ProfileMerged,
        IdentityNeeded,
    ) as error:
        error.can = can()
        raise
