"""Rules of a merge and its undo: what each profile has afterwards."""

from __future__ import annotations

from copy import replace
from datetime import timedelta

import msgspec

from redress.customers.rules import editing, merging
from redress.customers.rules.merging import merged, unmerged
from redress.customers.rules.profile import (
    MOST_CONSENTS,
    MOST_NEEDS,
    MOST_NOTES,
    Consent,
    Entry,
    Note,
    Profile,
    revised,
)
from tests.builders import MEI, START
from tests.customers.builders import EMAIL, LI_NA, PHONE, WANG_WEI, point, profile

LATER = START + timedelta(hours=1)


def merge(target: Profile, other: Profile) -> tuple[Profile, Profile]:
    first, second = merged(target, other, MEI, "one person", START)
    return first.after, second.after


def undo(target: Profile, other: Profile, now: Profile, gone: Profile) -> tuple[Profile, Profile]:
    """Undo the merge of `other` into `target`. `now` and `gone` are what they became since."""
    entry = merged(target, other, MEI, "one person", START)[0].entry
    assert entry is not None
    stored = msgspec.json.decode(msgspec.json.encode(entry), type=Entry)
    first, second = unmerged(now, gone, stored, MEI, "two people", LATER)
    return first.after, second.after


def test_a_merge_drops_nothing_of_the_target() -> None:
    needs = tuple(f"need {n}" for n in range(MOST_NEEDS - 1))
    consents = tuple(Consent(f"letter {n}", START, "call") for n in range(MOST_CONSENTS - 1))
    older = Consent("LETTER 0", START - timedelta(days=1), "shop")
    target = profile(LI_NA, needs=("Lift",), consent=(consents[0],))
    other = profile(WANG_WEI, needs=("lift", *needs), consent=(older, *consents[1:]))
    now, _ = merge(target, other)
    assert now.needs == ("Lift", *needs)
    assert now.consent == consents
    full = replace(other, needs=("lift", *needs, "one more"))
    assert merge(target, full)[0].needs == now.needs


def test_a_contact_point_that_was_added_again_stays_with_the_target_only() -> None:
    target, other = profile(LI_NA, EMAIL), profile(WANG_WEI, PHONE)
    now, gone = merge(target, other)
    again = replace(now, contacts=(*target.contacts, replace(point(PHONE), since=LATER)))
    after, back = undo(target, other, revised(now, again, "contact_added", LATER).after, gone)
    assert [one.key for one in after.contacts] == [EMAIL, PHONE]
    assert back.contacts == ()


def test_notes_are_in_the_order_of_their_times_after_an_undo() -> None:
    def notes(by: str, first: int) -> tuple[Note, ...]:
        times = (START + timedelta(minutes=2 * n + first) for n in range(MOST_NOTES))
        return tuple(Note(at, by, "a note") for at in times)

    target = profile(LI_NA, notes=notes("a-mei", 0))
    other = profile(WANG_WEI, notes=notes("a-jun", 1))
    now, gone = merge(target, other)
    assert undo(target, other, now, gone)[0].notes == target.notes
    noted = editing.noted(now, "the newest", "a-mei", LATER)
    after, back = undo(target, other, noted, gone)
    dropped = target.notes[MOST_NOTES // 2]
    kept = tuple(one for one in target.notes if one != dropped)
    assert after.notes == (*kept, noted.notes[-1])
    assert back.notes == other.notes


def test_a_profile_that_was_merged_before_is_never_too_large() -> None:
    target = profile(LI_NA, *(("account", f"crm:{n}") for n in range(15)))
    other = profile(WANG_WEI, *(("account", f"shop:{n}") for n in range(6)))
    assert [one.code for one in merging.merge_faults(target, other)] == ["too_many_contacts"]
    gone = merge(profile("c" * 24), other)[1]
    assert merging.merge_faults(target, gone) == []


def test_merge_keeps_chosen_languages_and_its_undo_takes_them_back() -> None:
    target, other = profile(LI_NA, EMAIL), profile(WANG_WEI, PHONE, languages=("en",))
    assert merge(target, other)[0].languages == ("zh-CN", "en")
    chosen = replace(other, languages_chosen=True)
    now, gone = merge(target, chosen)
    assert (now.languages, now.languages_chosen) == (("en",), True)
    mine = replace(target, languages_chosen=True)
    assert merge(mine, other)[0].languages == ("zh-CN",)
    assert merge(mine, chosen)[0].languages == ("zh-CN", "en")
    back, _ = undo(target, chosen, now, gone)
    assert (back.languages, back.languages_chosen) == (("zh-CN",), False)
