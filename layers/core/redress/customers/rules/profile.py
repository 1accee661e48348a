"""The profile of a customer: its values, and how one revision of it follows another.

A profile has one or more contact points. Each belongs to one profile only. A profile that was
merged into another one keeps its document, so that the merge can be undone
(`redress.customers.rules.merging`).
"""

from __future__ import annotations

import secrets
import unicodedata
from copy import replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from redress.base import texts
from redress.base.people import SYSTEM, Actor
from redress.clocks.rules.clocks import Clock

STANDARD = "standard"
"""The type of a customer of whom nothing else is known. Every plan has it."""

EMAIL, PHONE, ACCOUNT = CONTACT_KINDS = ("email", "phone", "account")

MOST_CONTACTS = 20
"""The limit for contact points. A change of a profile writes the item of each one, and a merge
writes those of two profiles. A transaction of DynamoDB has at most 100 items."""
MOST_NEEDS = 10
MOST_NOTES = 10
MOST_CONSENTS = 10
MOST_DOUBTS = 5
MOST_ABSORBED = 20
"""The limit for profiles that were merged into one. The history of a customer is read from a
partition for each of them."""
MOST_DISTINCT = 20
MOST_CALLS = 10
"""The limit for relationship calls of which a profile keeps the record. The trail keeps all."""


class ContactPoint(Struct, frozen=True, omit_defaults=True):
    """A way to reach a customer, or to recognise them.

    `value` is canonical: an email address in the form of `addresses.canonical`, a phone number in
    E.164, an account as `system:id`. `ticket` is the ticket with whose submission it came, or `by`
    is the member of staff who added it.
    """

    kind: str
    value: str
    since: datetime
    ticket: str | None = None
    by: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What identifies it among all contact points of all customers."""
        return self.kind, self.value


class Consent(Struct, frozen=True):
    """What the customer has consented to, since when, and where they said so."""

    what: str
    at: datetime
    where: str


class Note(Struct, frozen=True):
    """A note of staff about the customer."""

    at: datetime
    by: str
    text: str


class Identity(Struct, frozen=True):
    """That `by` has verified who the customer is, and how. It counts until `until`."""

    how: str
    by: str
    at: datetime
    until: datetime


class Doubt(Struct, frozen=True, omit_defaults=True):
    """That this customer may be the same as the one of another profile.

    `ticket` has contact points of both profiles. `owner` is the agent who decides; if it is None,
    `team` does.
    """

    other: str
    since: datetime
    ticket: str
    team: str
    owner: str | None = None


class MergedInto(Struct, frozen=True):
    """Into which profile this one was merged. `revision` is the one that the merge made there."""

    id: str
    revision: int
    at: datetime


class CallOutcome(StrEnum):
    """What came of a relationship call. The values are stored."""

    REACHED = "reached"
    NOT_REACHED = "not_reached"
    MOVED = "moved"
    """The customer was not called, or asked for another day."""
    DECLINED = "declined"
    """The customer wants no such calls."""


class RelationshipCall(Struct, frozen=True, omit_defaults=True):
    """A relationship call that `by` recorded. `ticket` is the ticket that it led to.

    `notes` have the reason if it was moved or declined. `next_at` is for when the next call was
    planned then, or None if none was.
    """

    at: datetime
    by: str
    outcome: CallOutcome
    notes: str = ""
    ticket: str | None = None
    next_at: datetime | None = None


class Refusal(Struct, frozen=True):
    """That the customer wants no relationship calls, as `by` recorded. Their reason is in the notes
    of the call."""

    at: datetime
    by: str


class CallPlan(Struct, frozen=True, omit_defaults=True):
    """When staff call a customer next though no ticket asks for it.

    `type` is the customer type by whose rule it was planned. `owner` is the member of staff who
    calls; if it is None, `team` does. `clock` begins at the planned time and is due when the call
    is overdue. It is None if no call is planned. `date` counts the planned times, so that each
    notice about one of them is sent once. `tries` counts the calls since the last one that reached
    the customer. `wake_at` is when the next rung of the ladder is due, or None.
    """

    type: str
    team: str = ""
    owner: str | None = None
    date: int = 0
    clock: Clock | None = None
    wake_at: datetime | None = None
    tries: int = 0
    refused: Refusal | None = None


class Profile(Struct, frozen=True, omit_defaults=True):
    """What is known about one customer.

    `languages` are in the order of preference. `languages_chosen` says that staff entered them, as
    the customer asked. Otherwise they are those of the customer's tickets. `channel` is one of
    `preference.WAYS`. `hours` are those of a day in which the customer wants to be called, in the
    plan's time zone (`preference.CallHours`): `18:00-20:00`. `absorbed` has the ids of the profiles
    that were merged into this one, directly or through another one. `distinct_from` has the ids of
    profiles that are known to be those of other people. `calls` is when the customer is called
    next to keep in touch, and `calls_made` are the last of these calls. A field that is added later
    needs a default, because stored profiles do not have it.
    """

    id: str
    revision: int
    created_at: datetime
    name: str
    languages: tuple[str, ...] = ()
    salutation: str | None = None
    channel: str | None = None
    hours: str | None = None
    type: str = STANDARD
    company: str | None = None
    needs: tuple[str, ...] = ()
    consent: tuple[Consent, ...] = ()
    notes: tuple[Note, ...] = ()
    contacts: tuple[ContactPoint, ...] = ()
    identity: Identity | None = None
    doubts: tuple[Doubt, ...] = ()
    distinct_from: tuple[str, ...] = ()
    absorbed: tuple[str, ...] = ()
    merged_into: MergedInto | None = None
    languages_chosen: bool = False
    calls: CallPlan | None = None
    calls_made: tuple[RelationshipCall, ...] = ()

    @property
    def owned(self) -> tuple[ContactPoint, ...]:
        """The contact points that lead to this profile. Those of a merged one lead elsewhere."""
        return () if self.merged_into else self.contacts

    def verified(self, at: datetime) -> bool:
        """Whether the customer's identity counts as verified at this time."""
        return self.identity is not None and at < self.identity.until


class Card(Struct, frozen=True, omit_defaults=True):
    """A copy of the fields of a profile that are needed at once when a customer calls or writes.

    It is in the item of each contact point, so that one read finds it. `customer` is the profile's
    id.
    """

    customer: str
    name: str
    languages: tuple[str, ...] = ()
    salutation: str | None = None
    type: str = STANDARD
    needs: tuple[str, ...] = ()
    languages_chosen: bool = False


def card_of(profile: Profile) -> Card:
    return Card(
        profile.id,
        profile.name,
        profile.languages,
        profile.salutation,
        profile.type,
        profile.needs,
        profile.languages_chosen,
    )


class Entry(Struct, frozen=True, omit_defaults=True):
    """One entry of the trail of a profile: who changed what, when, why, and from where.

    `revision` is that of the profile after the change. `fields` has two values for each changed
    field, as JSON: the value before and after, or for a field of LISTS what was removed from it and
    what was added. `ticket` is the ticket that caused the change, if one did. `source` is the IP
    address of the request; it is "" in entries of an earlier version, and if no request was made.
    """

    revision: int
    at: datetime
    by: Actor
    act: str
    fields: dict[str, tuple[Any, Any]]
    why: str = ""
    ticket: str | None = None
    source: str = ""


LISTS = (
    "needs",
    "consent",
    "notes",
    "contacts",
    "doubts",
    "distinct_from",
    "absorbed",
    "calls_made",
)
"""The fields of a profile that have several entries, in an order that means nothing."""


class Revised(Struct, frozen=True):
    """A profile before and after a change, and the entry of its trail.

    `before` and `entry` are None for a new profile. The ticket that caused it says the rest.
    """

    before: Profile | None
    after: Profile
    entry: Entry | None = None


def revised(
    before: Profile,
    after: Profile,
    act: str,
    at: datetime,
    by: Actor = SYSTEM,
    why: str = "",
    ticket: str | None = None,
) -> Revised:
    """Make the next revision of a profile from its changed fields."""
    after = replace(after, revision=before.revision + 1)
    fields = differences(before, after)
    return Revised(before, after, Entry(after.revision, at, by, act, fields, why, ticket))


def differences(before: Profile, after: Profile) -> dict[str, tuple[Any, Any]]:
    """The `fields` of an entry: each field that differs, apart from the revision."""
    found: dict[str, tuple[Any, Any]] = {}
    for name in Profile.__struct_fields__:
        old, new = getattr(before, name), getattr(after, name)
        if name == "revision" or old == new:
            continue
        if name in LISTS:
            old, new = [o for o in old if o not in new], [n for n in new if n not in old]
        found[name] = msgspec.to_builtins(old), msgspec.to_builtins(new)
    return found


def new_id() -> str:
    """Draw the id of a new profile: 24 hexadecimal digits, which nobody can guess."""
    return secrets.token_hex(ID_DIGITS // 2)


ID_DIGITS = 24

FOLDED_LIMIT = 1_000
"""The most bytes of a text in the form of `folded`, because a sort key has at most 1,024."""


def folded(text: str) -> str:
    """Return the form in which needs and names of companies are compared.

    Upper and lower case, full-width letters and the number of blanks make no difference.
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def fault_of_folded(text: str) -> tuple[str, str] | None:
    """Return the code and the detail of why a text is no need, company or type; None if it is one.

    The form of `folded` can be much longer than the text: one character of Arabic becomes eighteen.
    """
    form = folded(text)
    if not form:
        return "required", "this text must not be empty"
    if len(form.encode("utf-8", "surrogatepass")) > FOLDED_LIMIT:
        return "too_long", f"at most {FOLDED_LIMIT} bytes"
    return texts.fault_of(text)
