"""Why no automatic answer follows from a mail that still becomes a ticket."""

from __future__ import annotations

from enum import StrEnum


class NoAnswer(StrEnum):
    """Why a ticket that came by mail is not acknowledged. The values are stored: never change one.

    The reason is recorded as `unacknowledged` in the mail of the event `opened`. Such a ticket has
    no promise of an acknowledgement.
    """

    REPLY_TO = "reply_to"
    """The mail names an address to answer to that is not proven to be the sender's, and no mail has
    come from it. Anybody can name an address in this way."""
    NO_REPLY = "no_reply"
    """Nobody reads the address to which an answer would go."""
    MACHINE = "machine"
    """A machine wrote the mail. Staff released it from quarantine."""
    SUPPRESSED = "suppressed"
    """The mail itself forbids automatic answers (X-Auto-Response-Suppress)."""
    WORDS = "words"
    """The subject or the text has the words of an auto-reply or of a returned mail, or the mail is
    an invitation. Two machines could answer each other."""
    LIST = "list"
    """The mail came through a mailing list that the plan does not name."""
    BULK = "bulk"
    """The mail has headers of bulk mail."""


ABOUT_THE_ADDRESS = (NoAnswer.REPLY_TO, NoAnswer.NO_REPLY)
"""The reasons that concern the address and not only the one mail. They also prevent every later
automatic mail to this address, such as the survey."""
