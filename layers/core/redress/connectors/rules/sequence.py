"""Which messages of a conversation are missing, if the source numbers them without gaps."""

from __future__ import annotations

from msgspec import Struct

HIGHEST = 10**15
"""The highest number of a message. Every language of a sender has it as a whole number."""
MOST_MISSING = 50
"""The most missing numbers that are remembered. Of more, the oldest are forgotten."""


class Sequence(Struct, frozen=True, omit_defaults=True):
    """The highest number that has come, and the lower ones that have not, in their order."""

    last: int
    missing: tuple[int, ...] = ()


def following(before: Sequence | None, number: int) -> Sequence:
    """The sequence after a message with this number has come.

    The first message that has a number begins it, whatever the number is: those before it may be
    older than the connector. A message that comes late fills its gap. A number that came before
    changes nothing: the ids of the source say whether it is the same message.
    """
    if before is None:
        return Sequence(number)
    if number <= before.last:
        return Sequence(before.last, tuple(one for one in before.missing if one != number))
    begin = max(before.last + 1, number - MOST_MISSING)
    missing = (*before.missing, *range(begin, number))
    return Sequence(number, missing[-MOST_MISSING:])
