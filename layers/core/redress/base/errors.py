"""Everything that can be wrong with a request, as domain errors.

The edge maps each class to one HTTP status (see `redress.edge.problems`); nothing here knows HTTP.
"""

from __future__ import annotations

from msgspec import Struct


class Fault(Struct, frozen=True):
    """One wrong field: a JSON pointer (`/contact/email`) and a code from the catalogue."""

    pointer: str
    code: str
    detail: str


def pointer(*parts: str) -> str:
    """The JSON pointer of a field by its names (RFC 6901): `/contact/a~1b` of `a/b` in it."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


class RedressError(Exception):
    """Base of all domain errors; the message is safe to show to whoever caused it."""


class InvalidInput(RedressError):
    """The input breaks its contract; `faults` names every wrong field at once."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"{f.pointer}: {f.detail}" for f in faults))
        self.faults = faults


class NotFound(RedressError):
    """There is no such thing, or the caller may not know that there is."""


class Forbidden(RedressError):
    """The caller is known and may not do this to this object."""


class NotAllowedNow(RedressError):
    """The lifecycle table does not allow this step from the ticket's present state."""

    def __init__(self, step: str, state: str) -> None:
        super().__init__(f"'{step}' is not possible while the ticket is {state}")
        self.step = step
        self.state = state


class VersionConflict(RedressError):
    """Somebody else changed the ticket after the caller read it; `current` is the version now."""

    def __init__(self, current: int) -> None:
        super().__init__(f"the ticket was changed meanwhile; its version is now {current}")
        self.current = current


class AgentNotFree(RedressError):
    """The agent is away, full or unknown; nothing was assigned."""


class KeyReused(RedressError):
    """The same Idempotency-Key came with another body."""


class Unavailable(RedressError):
    """A part we depend on cannot answer now; nothing was written; try again."""

    def __init__(self, message: str = "please try again shortly", retry_after_s: int = 5) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
