"""Remedies in a plan: which kinds there are, by when each is done, and what needs an approval.

A plan without the section has no remedies: nobody can propose one on a ticket under it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from redress.base.money import DECIMALS, MOST_AMOUNT
from redress.plans.rules import tasks
from redress.plans.rules.categories import check_label
from redress.plans.rules.plan import ALWAYS, LONGEST_S, Plan, Promise, seconds_of
from redress.plans.rules.reader import NAME, DocumentReader

SECTION = ("within", "calendar", "ladder", "most", "approval", "bounds", "kinds")
_OF_KIND = ("label", "amount", "within", "calendar", "ladder")
_OF_APPROVAL = ("within", "calendar", "ladder")
MOST_KINDS = 30
MOST_BOUNDS = 30
MOST_CAUSES = 50


class Amounts(StrEnum):
    """Whether a kind of remedy has an amount, and who reads it."""

    TOLD = "told"
    """It has one, and the customer reads it: a refund."""
    INTERNAL = "internal"
    """It has one, which only staff read: what a replacement costs."""
    NONE = "none"


def has_remedies(plan: Plan) -> bool:
    """Whether remedies can be proposed on tickets under the plan."""
    return bool(plan.remedies)


def kinds(plan: Plan) -> tuple[str, ...]:
    """The names of the kinds of remedies that the plan has."""
    return tuple(plan.remedies.get("kinds", ()))


def amounts(plan: Plan, kind: str) -> Amounts:
    """Whether a kind of the plan has an amount. A kind of another plan has none that is told."""
    entry = plan.remedies.get("kinds", {}).get(kind, {})
    return Amounts(entry.get("amount", Amounts.INTERNAL))


def words(plan: Plan, kind: str) -> Mapping[str, str] | None:
    """What customers read instead of the name of a kind, by language; None if the plan lacks it."""
    found: Mapping[str, str] | None = plan.remedies.get("kinds", {}).get(kind, {}).get("label")
    return found


def promise(plan: Plan, kind: str) -> Promise:
    """Return by when a remedy of a kind is done, from when the customer was promised it.

    Raises KeyError for a plan without remedies.
    """
    return _promise(plan.remedies | plan.remedies["kinds"].get(kind, {}))


def approval(plan: Plan) -> Promise:
    """Return by when somebody decides about a remedy that needs an approval."""
    return _promise({"calendar": ALWAYS} | plan.remedies["approval"])


def _promise(entry: Mapping[str, Any]) -> Promise:
    calendar = entry.get("calendar", ALWAYS)
    return Promise(seconds_of(entry["within"]), calendar, entry["ladder"], ())


def bounds(plan: Plan) -> Mapping[str, int]:
    """Currency -> the most that is promised on one ticket without an approval, in its smallest
    unit. Remedies are promised in these currencies only."""
    found: Mapping[str, int] = plan.remedies.get("bounds", {})
    return found


def most_s(plan: Plan) -> int:
    """Return the longest time within which a remedy can be promised, in seconds."""
    return seconds_of(plan.remedies["most"]) if "most" in plan.remedies else LONGEST_S


def promises(plan: Plan) -> Iterator[tuple[str, Promise]]:
    """Yield the JSON pointer of each entry that sets a due time, and the promise."""
    if has_remedies(plan):
        yield "/remedies/approval", approval(plan)
        for kind in kinds(plan):
            yield f"/remedies/kinds/{kind}", promise(plan, kind)


def check(read: DocumentReader, document: Mapping[str, Any], plan: Plan) -> None:
    """Record every fault of the sections `remedies` and `causes` in a document."""
    _check_causes(read, document)
    if "remedies" not in document:
        return
    section = read.section(document, "remedies", "")
    read.known(section, SECTION, "/remedies")
    tasks.check_entry(read, document, section, plan, "/remedies", need=("within", "ladder"))
    if "most" in section:
        read.duration(section, "most", "/remedies")
    at = "/remedies/approval"
    own = read.section(section, "approval", "/remedies")
    read.known(own, _OF_APPROVAL, at)
    tasks.check_entry(read, document, own, plan, at, need=("within", "ladder"))
    _check_bounds(read, section)
    found = read.section(section, "kinds", "/remedies")
    if not found:
        read.fault("/remedies/kinds", "required", "at least one kind of remedy")
    if len(found) > MOST_KINDS:
        read.fault("/remedies/kinds", "too_many", f"at most {MOST_KINDS}")
    for kind in found:
        _check_kind(read, document, plan, found, kind)


def _check_kind(
    read: DocumentReader, document: Mapping[str, Any], plan: Plan, found: Any, kind: str
) -> None:
    at = f"/remedies/kinds/{kind}"
    if not NAME.fullmatch(kind):
        read.fault(at, "names_expected", "a name of small letters, digits and underscores")
        return
    own = read.section(found, kind, "/remedies/kinds")
    read.known(own, _OF_KIND, at)
    check_label(read, own, "label", at)
    read.one_of(own.get("amount"), tuple(Amounts), f"{at}/amount")
    tasks.check_entry(read, document, own, plan, at, need=())


def _check_bounds(read: DocumentReader, section: Mapping[str, Any]) -> None:
    found = read.section(section, "bounds", "/remedies")
    if not found:
        read.fault("/remedies/bounds", "required", "at least one currency")
    if len(found) > MOST_BOUNDS:
        read.fault("/remedies/bounds", "too_many", f"at most {MOST_BOUNDS}")
    for currency in found:
        if currency not in DECIMALS:
            read.fault(f"/remedies/bounds/{currency}", "unknown", "a currency of ISO 4217")
        read.whole_number(found, currency, "/remedies/bounds", least=0, most=MOST_AMOUNT)


def _check_causes(read: DocumentReader, document: Mapping[str, Any]) -> None:
    found = read.section(document, "causes", "", need=False)
    if len(found) > MOST_CAUSES:
        read.fault("/causes", "too_many", f"at most {MOST_CAUSES}")
    for name in found:
        if NAME.fullmatch(name):
            check_label(read, found, name, "/causes")
        else:
            detail = "a name of small letters, digits and underscores"
            read.fault(f"/causes/{name}", "names_expected", detail)
