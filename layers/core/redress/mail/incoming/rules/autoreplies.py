"""Whether a mail without any header of a machine is an auto-reply to a mail about a ticket.

The words prove nothing, because people write them, too: `Absence: my parcel was left outside`. An
auto-responder repeats the subject that it answers; a person goes on with other words. So the
subject is compared with that of the ticket. A text counts if it shows that an auto-responder wrote
it.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

_LEAST_CUT = 8
"""How many characters a subject must have that a program cut. `a` begins many subjects."""


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of an auto-responder in a mail.

    text      the text shows that an auto-responder wrote it: it says that it is automatic, or
              nothing but that somebody is away and when they answer the mail
    subject   the subject without prefixes such as `Re:` and without the ticket number
    repeated  what the subject has besides the words of the auto-responder, without prefixes and
              number; None if it has no such words
    numbered  a ticket number stands between these words and what is repeated
    answered  `Re:` stands before the words, so a person may have answered an auto-reply
    asks      the text asks or demands something
    ordinary  the words are also a person's complete subject, such as `Holiday`, or the mail has
              files, and the mail says more than an absence
    """

    text: bool = False
    subject: str = ""
    repeated: str | None = None
    numbered: bool = False
    answered: bool = False
    asks: bool = False
    ordinary: bool = False

    @property
    def is_some(self) -> bool:
        """Whether the mail has any words of an auto-responder."""
        return self.text or self.repeated is not None


NO_WORDING = Wording()


def is_auto_reply_to(wording: Wording, subject: str) -> bool:
    """Whether a mail is an auto-reply to a mail about a ticket with this subject.

    If the subject of the ticket itself has the words of an auto-reply, whoever repeats it adds
    nothing. A subject of which nothing is left is that of an auto-reply, unless the text asks for
    something, or the words are ordinary ones.
    """
    if wording.text:
        return True
    if wording.repeated is None or wording.answered:
        return False
    ours, rest = _bare(subject), _bare(wording.repeated)
    if ours and _bare(wording.subject) == ours:
        return False
    if wording.numbered or (rest and rest == ours):
        return True
    if not rest:
        return not wording.asks and not wording.ordinary
    return len(rest) >= _LEAST_CUT and ours.startswith(rest)


def _bare(subject: str) -> str:
    """Return the letters and digits of a subject: programs change the rest, and cut its end."""
    plain = unicodedata.normalize("NFKC", subject).casefold()
    return "".join(letter for letter in plain if letter.isalnum())
