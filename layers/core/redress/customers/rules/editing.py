"""What staff change in a profile. Each function returns the profile after one change.

The caller has checked the form of each text. A function raises InvalidInput with every fault that
depends on the profile, the plan or the time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import replace
from datetime import datetime
from typing import Any

from redress.base import addresses, phones, texts
from redress.base.errors import Fault, InvalidInput
from redress.base.languages import LANGUAGES
from redress.customers.rules.profile import (
    ACCOUNT,
    CONTACT_KINDS,
    EMAIL,
    MOST_CONSENTS,
    MOST_CONTACTS,
    MOST_DISTINCT,
    MOST_NEEDS,
    MOST_NOTES,
    PHONE,
    Consent,
    ContactPoint,
    Identity,
    Note,
    Profile,
    fault_of_folded,
    folded,
)
from redress.plans.rules.plan import LONGEST_S, Plan
from redress.tickets.rules.preference import WAYS, call_hours_of

NEED_LIMIT = 60
COMPANY_LIMIT = 100
SALUTATION_LIMIT = 40
NOTE_LIMIT = 500
CONSENT_LIMIT = 60
PLACE_LIMIT = 100
HOW_LIMIT = 200
ACCOUNT_LIMIT = 200


def edited(profile: Profile, given: Mapping[str, Any], plan: Plan) -> Profile:
    """Replace name, salutation, languages, channel, hours, company and needs by those in `given`.

    A value that is None or "" is removed; a name cannot be. The type is replaced only if `given`
    has one. Languages that differ from those before count as chosen by the customer, and so do the
    same ones if `languages_chosen` of `given` is true.
    """
    faults: list[Fault] = []
    name = texts.cleaned_line(given["name"])
    if not name:
        faults.append(Fault("/name", "required", "this field is required"))
    languages = _languages(given["languages"], faults)
    confirmed = given["languages_chosen"]
    if confirmed and not languages:
        detail = "name at least one language that the customer has chosen"
        faults.append(Fault("/languages", "required", detail))
    needs = _needs(given["needs"], faults)
    channel = given["channel"] or None
    if channel is not None and channel not in WAYS:
        faults.append(Fault("/channel", "unknown_channel", f"one of {', '.join(WAYS)}"))
    hours = None
    if given["hours"]:
        try:
            hours = str(call_hours_of(given["hours"]))
        except ValueError as error:
            faults.append(Fault("/hours", "hours_expected", str(error)))
    kind = given["type"] or profile.type
    if kind != profile.type and kind not in plan.customer_types:
        known = ", ".join(plan.customer_types)
        faults.append(Fault("/type", "unknown_customer_type", f"one of {known}"))
    company = _line(given["company"])
    if company and (fault := fault_of_folded(company)):
        faults.append(Fault("/company", *fault))
    if faults:
        raise InvalidInput(faults)
    return replace(
        profile,
        name=name,
        salutation=_line(given["salutation"]),
        languages=languages,
        languages_chosen=confirmed
        or (profile.languages_chosen if languages == profile.languages else bool(languages)),
        channel=channel,
        hours=hours,
        type=kind,
        company=company,
        needs=needs,
    )


def _line(text: str | None) -> str | None:
    return texts.cleaned_line(text or "") or None


def _languages(given: Sequence[str], faults: list[Fault]) -> tuple[str, ...]:
    for index, one in enumerate(given):
        here = f"/languages/{index}"
        if one not in LANGUAGES:
            faults.append(Fault(here, "unknown_language", f"one of {', '.join(LANGUAGES)}"))
        elif one in given[:index]:
            faults.append(Fault(here, "twice", "each language once"))
    return tuple(given)


def _needs(given: Sequence[str], faults: list[Fault]) -> tuple[str, ...]:
    """The needs as they are stored. Of needs that differ only as `folded` says, the first stays."""
    wanted: dict[str, str] = {}
    for index, one in enumerate(given):
        line = texts.cleaned_line(one)
        if fault := fault_of_folded(line):
            faults.append(Fault(f"/needs/{index}", *fault))
        wanted.setdefault(folded(line), line)
    return tuple(wanted.values())[:MOST_NEEDS]


def contact_value(kind: str, text: str, region: str) -> str:
    """The canonical value of a contact point that somebody typed.

    `region` is that of a phone number without a country code. Raises ValueError with the reason if
    the text is no contact point of this kind.
    """
    if kind == EMAIL:
        if not addresses.is_address(text):
            raise ValueError(addresses.fault_of(text)[1])
        return addresses.canonical(text)
    if kind == PHONE:
        # A client that does not encode the + of a query sends a blank.
        number = phones.e164(f"+{text[1:]}" if text.startswith(" ") else text, region)
        if number is None:
            raise ValueError("this is no complete phone number")
        return number
    system, colon, account = (part.strip() for part in text.partition(":"))
    if not (system and colon and account) or len(text) > ACCOUNT_LIMIT or texts.fault_of(text):
        raise ValueError("an account is written system:id, such as crm:10045")
    return f"{system.casefold()}:{account}"


def point_of(kind: str, text: str, plan: Plan) -> tuple[str, str]:
    """The contact point in a request. Raises InvalidInput."""
    if kind not in CONTACT_KINDS:
        known = ", ".join(CONTACT_KINDS)
        raise InvalidInput([Fault("/kind", "unknown_value", f"one of {known}")])
    try:
        return kind, contact_value(kind, text, plan.home_region)
    except ValueError as error:
        code = {EMAIL: "email_expected", PHONE: "phone_expected", ACCOUNT: "account_expected"}[kind]
        raise InvalidInput([Fault("/value", code, str(error))]) from error


def with_contact(profile: Profile, point: tuple[str, str], by: str, at: datetime) -> Profile:
    """Add a contact point that belongs to nobody else. Nothing changes if the profile has it."""
    if point in [one.key for one in profile.contacts]:
        return profile
    if len(profile.contacts) >= MOST_CONTACTS:
        raise InvalidInput([Fault("/value", "too_many", f"at most {MOST_CONTACTS}")])
    return replace(profile, contacts=(*profile.contacts, ContactPoint(*point, since=at, by=by)))


def without_contact(profile: Profile, point: tuple[str, str]) -> Profile:
    """Remove a contact point. Nothing changes if the profile does not have it."""
    kept = tuple(one for one in profile.contacts if one.key != point)
    return replace(profile, contacts=kept)


def noted(profile: Profile, text: str, by: str, at: datetime) -> Profile:
    """Add a note. The oldest one leaves the profile if there are too many; the trail keeps it.

    A repeated request is recognised by its text: nothing changes if the latest note is the same.
    """
    if profile.notes and (profile.notes[-1].by, profile.notes[-1].text) == (by, text):
        return profile
    return replace(profile, notes=(*profile.notes, Note(at, by, text))[-MOST_NOTES:])


def consented(profile: Profile, what: str, where: str, given: bool, at: datetime) -> Profile:
    """Record that the customer consents to something, or withdraws the consent.

    A consent that is given again keeps its first time.
    """
    kept = tuple(one for one in profile.consent if folded(one.what) != folded(what))
    if not given:
        return replace(profile, consent=kept)
    if len(kept) < len(profile.consent):
        return profile
    if len(kept) >= MOST_CONSENTS:
        raise InvalidInput([Fault("/what", "too_many", f"at most {MOST_CONSENTS}")])
    return replace(profile, consent=(*kept, Consent(what, at, where)))


def verified(profile: Profile, how: str, until: datetime, by: str, at: datetime) -> Profile:
    """Record that a member of staff has verified the customer's identity.

    The verification expires at `until`, at most a year ahead. Raises InvalidInput for another time.
    """
    if not 0 < (until - at).total_seconds() <= LONGEST_S:
        raise InvalidInput([Fault("/until", "not_in_time", "an instant to come, within a year")])
    return replace(profile, identity=Identity(how, by, at, until))


def unverified(profile: Profile) -> Profile:
    return replace(profile, identity=None)


def told_apart(profile: Profile, other: Profile) -> Profile:
    """Record that two profiles are those of different people. This settles a doubt about them."""
    ids = (other.id, *other.absorbed)
    kept = tuple(one for one in profile.doubts if one.other not in ids)
    known = tuple(one for one in profile.distinct_from if one != other.id)
    return replace(profile, doubts=kept, distinct_from=(*known, other.id)[-MOST_DISTINCT:])
