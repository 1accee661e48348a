"""Merging two profiles of one customer, and undoing it.

After a merge the contact points of both lead to one profile, the target. The other profile keeps
its document. Tickets keep the id with which they were matched, so nothing about them changes: the
history of the target is the union of both.

The undo takes back what the merge added, except what was changed since: a field that has another
value now keeps it. A contact point that was removed meanwhile comes back to neither profile. One
that was removed and added again stays with the target, and so do tickets that were matched after
the merge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import replace
from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec

from redress.base.errors import Fault, ProfileMerged
from redress.base.people import Actor
from redress.customers.rules import relationship
from redress.customers.rules.profile import (
    LISTS,
    MOST_ABSORBED,
    MOST_CONSENTS,
    MOST_CONTACTS,
    MOST_NEEDS,
    MOST_NOTES,
    Entry,
    MergedInto,
    Profile,
    Revised,
    folded,
    revised,
)


def merge_faults(target: Profile, other: Profile) -> list[Fault]:
    """Return why two profiles cannot become one: they have too much together.

    There is no fault if one of them was merged before, because `merged` says that.
    """
    if target.merged_into is not None or other.merged_into is not None:
        return []
    faults = []
    if len(target.contacts) + len(other.contacts) > MOST_CONTACTS:
        detail = f"together they have more than {MOST_CONTACTS} contact points: remove some first"
        faults.append(Fault("/other", "too_many_contacts", detail))
    if len(target.absorbed) + len(other.absorbed) >= MOST_ABSORBED:
        detail = f"at most {MOST_ABSORBED} profiles become one"
        faults.append(Fault("/other", "too_many_merges", detail))
    return faults


def merged(
    target: Profile,
    other: Profile,
    by: Actor,
    why: str,
    at: datetime,
    aligned: Callable[[Profile], Profile] = lambda profile: profile,
) -> list[Revised]:
    """Merge `other` into `target`. What the target has stays; the other one adds what is missing.

    The type and the identity are those of the target. The next relationship call is the earlier of
    both, and `aligned` brings it in line with the plan. `merge_faults` has found nothing. Raises
    ProfileMerged if one of the profiles was merged before.
    """
    require_own(target)
    require_own(other)
    ids = {target.id, *target.absorbed, other.id, *other.absorbed}
    consent_key = attrgetter("what")
    notes = sorted({*target.notes, *other.notes}, key=attrgetter("at"))
    after = replace(
        target,
        salutation=target.salutation or other.salutation,
        languages=_languages(target, other),
        languages_chosen=target.languages_chosen or other.languages_chosen,
        channel=target.channel or other.channel,
        hours=target.hours or other.hours,
        company=target.company or other.company,
        needs=_with_missing(target.needs, other.needs, str)[:MOST_NEEDS],
        consent=_with_missing(target.consent, other.consent, consent_key)[:MOST_CONSENTS],
        notes=tuple(notes[-MOST_NOTES:]),
        contacts=(*target.contacts, *other.contacts),
        doubts=tuple(one for one in (*target.doubts, *other.doubts) if one.other not in ids),
        distinct_from=_beside(ids, (*target.distinct_from, *other.distinct_from)),
        absorbed=(*target.absorbed, other.id, *other.absorbed),
        calls=relationship.merged_calls(target, other),
        calls_made=relationship.merged_records(target.calls_made, other.calls_made),
    )
    change = revised(target, aligned(after), "merged", at, by, why)
    gone = replace(other, merged_into=MergedInto(target.id, change.after.revision, at))
    return [change, revised(other, gone, "merged", at, by, why)]


def _languages(target: Profile, other: Profile) -> tuple[str, ...]:
    """The languages of two profiles together. Chosen ones win over those of tickets."""
    if target.languages_chosen != other.languages_chosen:
        return target.languages if target.languages_chosen else other.languages
    return tuple(dict.fromkeys((*target.languages, *other.languages)))


def unmerged(
    target: Profile, other: Profile, merge: Entry, by: Actor, why: str, at: datetime
) -> list[Revised]:
    """Undo the merge of `other` into `target`. `merge` is its entry in the trail of the target.

    A contact point goes back to `other` only if the target loses it, so it never belongs to both.
    """
    after = _taken_back(target, merge)
    lost = {point.key for point in target.contacts} - {point.key for point in after.contacts}
    before = replace(
        other,
        merged_into=None,
        contacts=tuple(point for point in other.contacts if point.key in lost),
    )
    return [
        revised(target, after, "unmerged", at, by, why),
        revised(other, before, "unmerged", at, by, why),
    ]


def require_own(profile: Profile) -> None:
    """Raise ProfileMerged if the profile was merged into another one."""
    if profile.merged_into is not None:
        raise ProfileMerged(f"{profile.id} was merged into {profile.merged_into.id}")


def _beside(ids: set[str], others: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for one in others if one not in ids))


def _with_missing[T](
    own: Sequence[T], further: Sequence[T], text: Callable[[T], str]
) -> tuple[T, ...]:
    """`own`, and what is in `further` only. Entries are compared by their `folded` text."""
    known = {folded(text(one)) for one in own}
    return (*own, *(one for one in further if folded(text(one)) not in known))


def _taken_back(profile: Profile, merge: Entry) -> Profile:
    """The profile without what a change did to it, as far as nothing changed it since."""
    now: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(profile))
    for name, (before, after) in merge.fields.items():
        if name in LISTS:
            kept = [one for one in now.get(name, ()) if one not in after]
            now[name] = kept + [one for one in before if one not in kept]
        elif now.get(name) == after:
            now[name] = before
    found = msgspec.convert(now, Profile)
    notes = sorted(found.notes, key=attrgetter("at"))
    return replace(
        found,
        notes=tuple(notes[-MOST_NOTES:]),
        doubts=tuple(sorted(found.doubts, key=attrgetter("since"))),
        calls_made=relationship.merged_records(found.calls_made, ()),
    )
