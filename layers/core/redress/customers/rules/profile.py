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
from typing import Any

import msgspec
from msgspec import Struct

from redress.base import texts
from redress.base.people import SYSTEM, Actor

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


class Profile(Struct, frozen=True, omit_defaults=True):
    """What is known about one customer.

    `languages` are in the order of preference. `languages_chosen` says that staff entered them, as
    the customer asked. Otherwise they are those of the customer's tickets. `channel` is one of
    `preference.WAYS`. `hours` are those of a day in which the customer wants to be called, in the
    plan's time zone (`preference.CallHours`): `18:00-20:00`. `absorbed` has the ids of the profiles
    that were merged into this one, directly or through another one. `distinct_from` has the ids of
    profiles that are known to be those of other people. A field that is added later needs a
    default, because stored profiles do not have it.
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
    what was added. `ticket` is the ticket that caused the change, if one did.
    """

    revision: int
    at: datetime
    by: Actor
    act: str
    fields: dict[str, tuple[Any, Any]]
    why: str = ""
    ticket: str | None = None


LISTS = ("needs", "consent", "notes", "contacts", "doubts", "distinct_from", "absorbed")
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
