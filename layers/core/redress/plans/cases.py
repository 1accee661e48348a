"""Use cases of service plans: publish, list and check versions, send review reminders."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from redress.base import instants
from redress.base.errors import Fault, InvalidInput, NotFound, Unreadable, pointer
from redress.base.people import Member
from redress.plans.rules.document import parse
from redress.plans.rules.plan import Plan
from redress.plans.store.plan_store import PlanStore
from redress.plans.store.plans import LARGEST_DOCUMENT, Plans, Published

EARLIEST = datetime.min.replace(tzinfo=UTC)


def expanded(document: Any) -> tuple[Any, list[Fault]]:
    """Return a copy of a document with the dates of public holidays, and the faults found.

    Each calendar with a section `holidays` gets their dates in `days`, in place of the dates of an
    earlier expansion. Because a stored version contains the dates, it does not change when the
    holiday library is updated. Only publishing loads the library. The faults are unknown countries,
    subdivisions and years. `parse` reports all other faults.
    """
    faults: list[Fault] = []
    if not isinstance(document, dict) or not isinstance(document.get("calendars"), dict):
        return document, faults
    result = copy.deepcopy(document)
    for name, entry in result["calendars"].items():
        asked = entry.get("holidays") if isinstance(entry, dict) else None
        if not isinstance(asked, dict):
            continue
        try:
            entry["days"] = _special_days(asked)
        except ValueError as error:
            at = "/calendars" + pointer(str(name)) + "/holidays"
            faults.append(Fault(at, "unknown_holidays", str(error)))
        except (KeyError, TypeError, AttributeError):
            continue  # the form is wrong: `parse` reports it with its JSON pointer
    return result, faults


def prepared(document: Any, at: datetime) -> tuple[dict[str, Any], Plan]:
    """Return the document as it is stored if it is published at the time `at`, and its plan.

    The dates of holidays are added, and `review_by` is added if it is missing. Raises InvalidInput
    with all faults of the holidays, of the sections and of the size.
    """
    document, faults = expanded(document)
    try:
        plan = parse(document, publishing_at=at)
    except InvalidInput as invalid:
        faults += invalid.faults
    else:
        assert plan.review_by is not None, "parse sets review_by if it gets publishing_at"
        document = document | {"review_by": plan.review_by.isoformat()}
    faults += _size_faults(document)
    if faults:
        raise InvalidInput(faults)
    return document, plan


def _size_faults(document: Any) -> list[Fault]:
    try:
        size = len(msgspec.json.encode(document))
    except (TypeError, ValueError) as error:
        # Only a document from a YAML file can contain values that JSON cannot represent.
        return [Fault("", "not_json", f"this cannot be written as JSON: {error}")]
    if size <= LARGEST_DOCUMENT:
        return []
    detail = f"at most {LARGEST_DOCUMENT} bytes of JSON with its holidays; this has {size}"
    return [Fault("", "too_large", detail)]


def notes(document: Mapping[str, Any]) -> list[str]:
    """Return warnings for the author of a valid document.

    There is one for each calendar with years whose official holiday notice is not known yet.
    """
    from redress.clocks.public_holidays import known_until

    found = []
    for name, entry in document.get("calendars", {}).items():
        if not (asked := entry.get("holidays")):
            continue
        known = known_until(asked["country"])
        if open_years := [year for year in asked["years"] if known and year > known]:
            years = ", ".join(str(year) for year in open_years)
            found.append(
                f"calendar {name}: no notice for {years} is known yet; these years have the "
                "holidays of the law, without the working days moved around them"
            )
    return found


def _special_days(asked: Mapping[str, Any]) -> dict[str, bool]:
    from redress.clocks.public_holidays import days_of

    country, subdivision, years = asked["country"], asked.get("subdivision"), asked["years"]
    if not isinstance(country, str) or not all(type(year) is int for year in years):
        raise TypeError
    found = days_of(country, subdivision, years)
    return {day.isoformat(): worked for day, worked in sorted(found.items())}


PAGE_LIMIT = 25
REMIND_EVERY_DAYS = 30
"""Days between two reminders of an overdue review."""


@dataclass(frozen=True, slots=True)
class Review:
    """A plan version that is due for review, its planned day and the days since then."""

    version: int
    review_by: date
    overdue_days: int


class VersionStatus(StrEnum):
    """A version is `pending` until it takes effect, `current` until the next one does, then `past`.

    `past` includes versions that were replaced before they took effect.
    """

    PENDING = "pending"
    CURRENT = "current"
    PAST = "past"


@dataclass(frozen=True, slots=True)
class VersionPage:
    """A page of versions, newest first. `next` is the version with which the next page begins, or
    None."""

    items: list[tuple[Published, VersionStatus]]
    next: int | None


@dataclass(frozen=True, slots=True)
class Publication:
    """The published version, and warnings that did not prevent its publication."""

    about: Published
    notes: list[str]


class PlanCases:
    def __init__(self, store: PlanStore, plans: Plans, now: Callable[[], datetime]) -> None:
        self._store, self._plans, self._now = store, plans, now

    def current_document(self) -> dict[str, Any]:
        """The document of the plan for new tickets."""
        self._plans.refresh()
        return self._plans.current_document()

    def document(self, version: int) -> dict[str, Any]:
        """The document of a version as it was published. Raises NotFound if there is none."""
        try:
            return self._plans.document(version)
        except LookupError as error:
            raise NotFound("this version was never published") from error

    def versions(self, limit: int, first: int | None = None) -> VersionPage:
        """Return a page of up to `limit` (1 to 25) versions, newest first.

        The page begins with the version `first`, or with the newest if `first` is None. A version
        that cannot be read is left out. Raises InvalidInput if `limit` is out of range.
        """
        self._plans.refresh()
        newest, current = self._plans.latest().version, self._plans.current().version
        top = min(first or newest, newest)
        low = max(top - limit + 1, 1)
        published = self._store.between(low, top)
        items = []
        for version in range(top, low - 1, -1):
            try:
                about = published.get(version) or about_of(self._plans.get(version))
            except Unreadable:
                continue
            items.append((about, _status_of(version, current)))
        return VersionPage(items, low - 1 if low > 1 else None)

    def review_to_ask_for(self) -> Review | None:
        """Return the review for which a reminder is due today, or None.

        Plans must be reviewed every half year. A reminder is due on the day of the review and every
        REMIND_EVERY_DAYS days after it, until a new version is published. A version from before
        Redress had reviews has no `review_by` and gets no reminders. Call this once a day.
        """
        plan = self._plans.latest()
        if plan.review_by is None:
            return None
        today = self._now().astimezone(ZoneInfo(plan.time_zone)).date()
        overdue = (today - plan.review_by).days
        if overdue < 0 or overdue % REMIND_EVERY_DAYS:
            return None
        return Review(plan.version, plan.review_by, overdue)

    def ask_for_review(self, tell: Callable[[str, str], None]) -> Review | None:
        """Send a reminder to operations if one is due today (see `review_to_ask_for`).

        `tell(subject, text)` sends it. Returns the review, or None if no reminder is due.
        """
        review = self.review_to_ask_for()
        if review is not None:
            tell(
                f"Service plan {review.version}: review it",
                f"Service plan {review.version} was to be reviewed by {review.review_by}. Look at "
                "its promises, calendars (next year's public holidays!), ladders and weights, "
                "rehearse what you would change, and publish a version with a new review_by.",
            )
        return review

    def publish(self, member: Member, document: Any) -> Publication:
        """Publish the next version. Raises InvalidInput with all faults of the document.

        New tickets use it from its `effective_from` on, or at once if it has none. Existing tickets
        are not moved: each keeps the version under which it was opened.
        """
        self._plans.refresh()
        latest = self._plans.latest()
        moment = self._now()
        document, plan = prepared(document, moment)
        faults: list[Fault] = []
        if plan.version != latest.version + 1:
            detail = f"the next version is {latest.version + 1}"
            faults.append(Fault("/version", "next_version", detail))
        before = latest.effective_from or EARLIEST
        if (plan.effective_from or moment) < before:
            detail = (
                f"not before version {latest.version} becomes effective, {instants.written(before)}"
            )
            faults.append(Fault("/effective_from", "too_early", detail))
        if faults:
            raise InvalidInput(faults)
        about = about_of(plan, moment, member.id)
        self._store.publish(document, plan.version, latest.version, about)
        return Publication(about, notes(document))


def about_of(plan: Plan, at: datetime | None = None, by: str | None = None) -> Published:
    """Return the entry of a version for a list of versions.

    `at` and `by` say when it was published and by whom.
    """
    return Published(plan.version, plan.note, plan.effective_from, plan.review_by, at, by)


def not_effective_yet(field: str, plan: Plan) -> Fault:
    """Return the fault for moving tickets to a plan that is not effective yet.

    `field` is the JSON pointer of the wrong field. Such a move is refused, because a moved ticket
    would have different promises from a ticket that is opened at the same time.
    """
    assert plan.effective_from is not None, "a plan without an effective time is in force"
    detail = f"new tickets begin under it from {instants.written(plan.effective_from)} on"
    return Fault(field, "not_effective_yet", detail)


def _status_of(version: int, current: int) -> VersionStatus:
    if version == current:
        return VersionStatus.CURRENT
    return VersionStatus.PENDING if version > current else VersionStatus.PAST
