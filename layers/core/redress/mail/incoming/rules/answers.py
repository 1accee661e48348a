"""The reasons for which a mail opens a ticket, but must not be answered automatically."""

from __future__ import annotations

from enum import StrEnum


class NoAnswer(StrEnum):
    """Why a ticket that came by mail is not acknowledged. The values are stored: never change one.

    The reason is recorded as `unacknowledged` in the mail of the event `opened`. Such a ticket has
    no promise of an acknowledgement.
    """

    REPLY_TO = "reply_to"
    """The answer would go to an address that is not proven to be the sender's, and no mail has come
    from this address. Anybody can name somebody else's address in a mail."""
    NO_REPLY = "no_reply"
    """The answer would go to an address that nobody reads."""
    MACHINE = "machine"
    """A machine wrote the mail. Staff released it from quarantine."""
    SUPPRESSED = "suppressed"
    """The mail itself forbids automatic answers (X-Auto-Response-Suppress)."""
    WORDS = "words"
    """The subject or the text has the words of an auto-reply or of a returned mail, or the mail is
    an invitation. If a machine sent it, the two machines could answer each other endlessly."""
    LIST = "list"
    """The mail came through a mailing list that the plan does not name."""
    BULK = "bulk"
    """The mail has headers of bulk mail."""


ABOUT_THE_ADDRESS = (NoAnswer.REPLY_TO, NoAnswer.NO_REPLY)
"""The reasons that apply to the address, and not only to one mail. They also prevent every later
automatic mail to this address, such as the survey."""
