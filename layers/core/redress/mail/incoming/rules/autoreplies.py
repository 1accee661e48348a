"""Decide whether a mail without the headers of a machine is an auto-reply to a mail about a ticket.

Words such as `Absence` in a subject prove nothing, because people write them, too: `Absence: my
parcel was left outside`. But an auto-responder repeats the subject of the mail that it answers,
while a person continues with other words. So the rest of the subject is compared with the subject
of the ticket. No comparison is needed if the text shows that an auto-responder wrote it.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

_LEAST_CUT = 8
"""How many letters and digits a subject that a program cut must still have. A shorter one, such as
`a`, is the beginning of too many subjects."""


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of an auto-responder in a mail.

    text      the text shows that an auto-responder wrote it: it says that it is automatic, or it
              says only that somebody is away and when they will answer
    subject   the subject without prefixes such as `Re:` and without the ticket number
    repeated  `subject` without the words of the auto-responder; None if it has no such words
    numbered  a ticket number stands between these words and `repeated`
    answered  `Re:` stands before these words, so a person may have answered an auto-reply
    asks      the text asks or demands something
    ordinary  a person may have written these words: they can be a complete subject of a person,
              such as `Holiday`, or the mail has files. The mail also says more than an absence
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

    If the mail has the same subject as the ticket, its words come from the ticket, so they show no
    auto-responder. If the subject consists only of words of an auto-responder, the mail is an
    auto-reply, unless the text asks for something or the words are ordinary.
    """
    if wording.text:
        return True
    if wording.repeated is None or wording.answered:
        return False
    ours, rest = bare(subject), bare(wording.repeated)
    if ours and bare(wording.subject) == ours:
        return False
    if wording.numbered or (rest and rest == ours):
        return True
    if not rest:
        return not wording.asks and not wording.ordinary
    return len(rest) >= _LEAST_CUT and ours.startswith(rest)


def bare(subject: str) -> str:
    """Return only the letters and digits of a subject. Programs change the other characters."""
    plain = unicodedata.normalize("NFKC", subject).casefold()
    return "".join(letter for letter in plain if letter.isalnum())
