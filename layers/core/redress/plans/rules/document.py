"""Reads service plans: `parse` turns a document into a `Plan`, or raises `InvalidInput`.

A document is a JSON object; the repository keeps plan 1 as YAML. `InvalidInput` lists every fault
with its JSON pointer. `redress/data/plan.schema.json` describes the format. This module also checks
what a schema cannot express. For example, no rung of a ladder may be earlier than the rung before
it, and the weights of the score must add up to 100. The checks in
`redress.plans.rules.publishing` run only when a plan is published.
"""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from redress.base import instants
from redress.base.errors import Fault, InvalidInput, pointer
from redress.base.languages import LANGUAGES, WRITTEN
from redress.base.phones import HOME_REGION, REGIONS
from redress.clocks.rules.clocks import Action, ClockName, Rung
from redress.plans.rules.calendars import read_calendars, read_notice_hours
from redress.plans.rules.plan import (
    ALWAYS,
    CHANNELS,
    COMPONENTS,
    CUSTOMER,
    DAYS,
    FILE_KINDS,
    FORM_FIELDS,
    GRADATIONS,
    HOLDS,
    IDENTIFIERS,
    KINDS,
    MOST_VERSIONS,
    ROLES,
    STRANGERS,
    USUAL_FORM_FIELDS,
    USUAL_LOW_SCORE,
    VERIFIABLE_ACTS,
    CallbackPlan,
    ConflictPlan,
    CustomersPlan,
    FilesPlan,
    Grade,
    HandingOverPlan,
    HeldPlan,
    InspectionPlan,
    Level,
    MailPlan,
    Override,
    Plan,
    PresencePlan,
    Promise,
    ScorePlan,
    When,
    duration_of,
    promise_from,
    seconds_of,
)
from redress.plans.rules.reader import MOST_DAYS, NAME, NAME_LIMIT, DocumentReader

SHORTEST_SCALED_S = 5
MOST_AHEAD = timedelta(days=366)
"""The longest time from the publication of a plan until it takes effect. A later version cannot
take effect before an earlier one. So a wrong year would block all later versions."""
REVIEW_AFTER = timedelta(days=183)
"""A plan without `review_by` is reviewed this long after the day on which it takes effect."""
LATEST_REVIEW = timedelta(days=184)
"""The longest time from the day on which a plan takes effect to its review. The longest half year
has 184 days."""
MOST_NAMES = 50
"""The limit for priorities and the limit for customer types. Publishing checks every combination of
a priority and a customer type."""
MOST_ATTEMPTS = 10
HIGHEST_SHARE = 10
HIGHEST_SCORE = 5
MOST_RUNGS = 20
MOST_OVERRIDES = 200
MOST_CATEGORIES = 50
MOST_FIELDS = 30
MOST_MACROS = 100
MOST_ADDRESSES = 100
MOST_MAILS = 10_000
MOST_DOMAINS = 100
MOST_HANDED_OVER = 1_000
MOST_BYTES = 1_073_741_824
"""The highest limit for the size of a file: 1 GiB. A scanner reads a larger one for longer than a
function may run."""
MOST_FILES = 100
MOST_AT_ONCE = 20
"""The highest limit for the files of one message. Each is an item of its transaction."""
_DOMAIN = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,10}[a-z0-9-]{2,63}"
_DOOR = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,63}}(?:@{_DOMAIN})?")
_GROUP = re.compile(rf"(?:[a-z0-9][a-z0-9._=-]{{0,63}}@)?{_DOMAIN}")
"""Matches the mail address of a group, or the List-Id of one, such as complaints.shop.example."""
GROUP_LIMIT = 254

_REQUIRED = (ClockName.ACKNOWLEDGEMENT, ClockName.FIRST_RESPONSE, ClockName.RESOLUTION)
_PROMISED = tuple(
    name for name in ClockName if name not in (ClockName.OWN_WORD, ClockName.ASSIGNMENT)
)
_SECTIONS = (
    "version",
    "note",
    "effective_from",
    "review_by",
    "time_zone",
    "home_region",
    "calendars",
    "quiet_hours",
    "levels",
    "overrides",
    "priorities",
    "customer_types",
    "customers",
    "conflict",
    "ladders",
    "own_word",
    "callback",
    "survey",
    "idempotency",
    "mail",
    "files",
    "inspection",
    "reopened",
    "routing",
    "tasks",
    "checklists",
    "remedies",
    "causes",
    "hotline",
    "sms",
    "incidents",
    "relationship_calls",
    "duplicates",
    "urgent",
    "presence",
    "team_names",
    "templates",
    "scripts",
    "thanks",
    "wording",
    "questionnaire",
    "form",
    "categories",
    "classification",
    "fields",
    "macros",
    "score",
    "sampling",
    "retention",
    "sources",
)


def parse(document: Any, *, publishing_at: datetime | None = None) -> Plan:
    """Read a plan from its document. Raises InvalidInput with every fault and its JSON pointer.

    If the plan is being published, `publishing_at` is the instant of its publication. For a stored
    version it is None. Publishing adds checks that a stored version does not need again. They
    compare the plan's times with the publication, and check the time zones and the sections that do
    not affect clocks. These checks would add milliseconds to a cold start.
    """
    publishing = publishing_at is not None
    read = DocumentReader(publishing=publishing)
    if not isinstance(document, dict):
        raise InvalidInput([Fault("", "object_expected", "a plan is a JSON object")])
    read.known(document, _SECTIONS, "")
    zone = (read.zone if publishing else read.text)(document, "time_zone", "")
    calendars = read_calendars(read, document, zone, publishing=publishing)
    priorities, matrix = _priorities(read, document)
    customer_types = _customer_types(read, document)
    ladders = _ladders(read, document, priorities)
    known = _Known(tuple(calendars), tuple(ladders), priorities, customer_types)
    levels = _levels(read, document, known)
    effective_from = _effective_from(read, document, publishing_at)
    begins = _begins(read, effective_from, publishing_at)
    survey = read.section(document, "survey", "")
    read.known(survey, ("invite_after", "low"), "/survey")
    plan = Plan(
        version=read.whole_number(document, "version", "", most=MOST_VERSIONS),
        note=read.text(document, "note", ""),
        time_zone=zone,
        effective_from=effective_from,
        review_by=_review_by(read, document, zone, begins),
        calendars=calendars,
        notice_hours=read_notice_hours(read, document, calendars),
        levels=levels,
        overrides=_overrides(read, document, known),
        priorities=priorities,
        matrix=matrix,
        customer_types=customer_types,
        ladders=ladders,
        own_word=_own_word(read, document, known),
        callback=CallbackPlan(
            read.whole_number(
                read.section(document, "callback", ""), "attempts", "/callback", most=MOST_ATTEMPTS
            )
        ),
        survey_invite_after_s=_survey_invite_after(read, survey),
        survey_low=_survey_low(read, survey),
        idempotency_days=read.whole_number(
            read.section(document, "idempotency", ""),
            "kept_days",
            "/idempotency",
            least=30,
            most=MOST_DAYS,
        ),
        score=_score(read, document),
        reopened_priority=read.one_of(
            read.section(document, "reopened", "").get("priority"),
            priorities,
            "/reopened/priority",
        ),
        mail=_mail(read, document, tuple(calendars)),
        home_region=_home_region(read, document),
        customers=_customers(read, document),
        conflict=_conflict(read, document),
        files=_files(read, document),
        handing_over=_handing_over(read, document),
        inspection=_inspection(read, document),
        presence=_presence(read, document),
        form_fields=_form_fields(read, document),
        categories=tuple(read.entries(document, "categories", "", MOST_CATEGORIES)),
        fields=tuple(read.entries(document, "fields", "", MOST_FIELDS)),
        wording=read.section(document, "wording", "", need=False),
        thanks=read.section(document, "thanks", "", need=False),
        macros=tuple(read.entries(document, "macros", "", MOST_MACROS)),
        templates=read.section(document, "templates", "", need=False),
        scripts=read.section(document, "scripts", "", need=False),
        team_names=read.section(document, "team_names", "", need=False),
        classification=read.words(document, "classification"),
        routing=read.section(document, "routing", "", need=False),
        tasks=read.section(document, "tasks", "", need=False),
        checklists=read.section(document, "checklists", "", need=False),
        remedies=read.section(document, "remedies", "", need=False),
        causes=read.section(document, "causes", "", need=False),
        hotline=_hotline(read, document, known),
        sms=_sms(read, document),
        incidents=read.section(document, "incidents", "", need=False),
        relationship_calls=read.section(document, "relationship_calls", "", need=False),
        duplicates=read.section(document, "duplicates", "", need=False),
        urgent=read.section(document, "urgent", "", need=False),
    )
    if publishing_at is not None:
        # Each cold start of the intake reads a stored plan, which does not need these checks.
        from redress.plans.rules import (
            classification,
            duplicates,
            hotline,
            incidents,
            macros,
            relationship,
            remedies,
            tasks,
            urgent,
        )
        from redress.plans.rules import routing as section
        from redress.plans.rules.publishing import check_promised, check_shapes

        check_shapes(read, document)
        macros.check(read, document, plan)
        classification.check(read, document, plan)
        section.check(read, document, plan)
        tasks.check(read, document, plan)
        remedies.check(read, document, plan)
        hotline.check(read, document)
        incidents.check(read, document)
        relationship.check(read, document, plan)
        duplicates.check(read, document)
        urgent.check(read, document, plan)
        check_promised(read, plan, begins or publishing_at)
    if read.faults:
        raise InvalidInput(read.faults)
    return plan


class _Known(msgspec.Struct, frozen=True):
    """The names that other sections may refer to."""

    calendars: tuple[str, ...]
    ladders: tuple[str, ...]
    priorities: tuple[str, ...]
    customer_types: tuple[str, ...]


def _review_by(
    read: DocumentReader, document: Mapping[str, Any], zone: str, begins: datetime | None
) -> date | None:
    """The day of the review, in the plan's zone.

    `begins` is when the plan takes effect, as `_begins` returns it. If it is None, the day is
    returned as written, and None if the document has none.
    """
    value = document.get("review_by")
    given = None if value is None else read.day(value, "/review_by")
    if begins is None:
        return given
    import zoneinfo

    first = begins.astimezone(zoneinfo.ZoneInfo(zone)).date()
    last = first + LATEST_REVIEW
    if given is not None and not first <= given <= last:
        detail = f"from {first}, when the plan takes effect, to {last}, half a year later"
        read.fault("/review_by", "not_in_time", detail)
    return given or first + REVIEW_AFTER


def _begins(
    read: DocumentReader, effective_from: datetime | None, publishing_at: datetime | None
) -> datetime | None:
    """When the plan takes effect.

    None if the plan is not being published, or if its `effective_from` has a fault.
    """
    wrong = any(fault.pointer == "/effective_from" for fault in read.faults)
    if publishing_at is None or wrong:
        return None
    return max(publishing_at, effective_from or publishing_at)


def _effective_from(
    read: DocumentReader, document: Mapping[str, Any], publishing_at: datetime | None
) -> datetime | None:
    value = document.get("effective_from")
    if value is None:
        return None
    # A stored version stays valid. Earlier releases accepted every form of ISO 8601.
    read_instant = instants.parse if publishing_at is not None else datetime.fromisoformat
    try:
        at = read_instant(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        detail = "an instant in the form of RFC 3339, such as 2027-01-01T00:00:00+08:00"
        read.fault("/effective_from", "instant_expected", detail)
        return None
    if publishing_at is not None and at > publishing_at + MOST_AHEAD:
        read.fault("/effective_from", "too_late", "at most a year after it is published")
        return None
    return at


# --------------------------------------------------------------------------- levels and ladders


def _priorities(
    read: DocumentReader, document: Mapping[str, Any]
) -> tuple[tuple[str, ...], dict[tuple[str, str], str]]:
    section = read.section(document, "priorities", "")
    read.known(section, ("order", "matrix"), "/priorities")
    order = _names(read, section, "order", "/priorities")
    matrix = read.section(section, "matrix", "/priorities")
    read.known(matrix, GRADATIONS, "/priorities/matrix")
    found: dict[tuple[str, str], str] = {}
    for urgency in GRADATIONS:
        row = read.section(matrix, urgency, "/priorities/matrix")
        read.known(row, GRADATIONS, f"/priorities/matrix/{urgency}")
        for impact in GRADATIONS:
            at = f"/priorities/matrix/{urgency}/{impact}"
            found[urgency, impact] = read.one_of(row.get(impact), order, at)
    return order, found


def _names(read: DocumentReader, section: Mapping[str, Any], key: str, at: str) -> tuple[str, ...]:
    """The names in a list, each once. A fault if the list is empty or a name is repeated."""
    value = section.get(key)
    if (
        not isinstance(value, list)
        or not value
        or any(not isinstance(one, str) or not NAME.fullmatch(one) for one in value)
    ):
        detail = "a list of names of small letters, digits and underscores"
        read.fault(f"{at}/{key}", "names_expected", detail)
        return ()
    if len(set(value)) != len(value):
        read.fault(f"{at}/{key}", "twice", "each name once")
    if len(value) > MOST_NAMES:
        read.fault(f"{at}/{key}", "too_many", f"at most {MOST_NAMES}")
    return tuple(dict.fromkeys(value[:MOST_NAMES]))


def _customer_types(read: DocumentReader, document: Mapping[str, Any]) -> tuple[str, ...]:
    found = _names(read, document, "customer_types", "")
    if found and "standard" not in found:
        read.fault("/customer_types", "missing", "every plan knows the type 'standard'")
    return found


def _customers(read: DocumentReader, document: Mapping[str, Any]) -> CustomersPlan:
    """The section on customers. If it or a part of it is absent, the defaults apply."""
    section = read.section(document, "customers", "", need=False)
    read.known(section, ("match_by", "verified_for"), "/customers")
    known = (("match_by", IDENTIFIERS), ("verified_for", VERIFIABLE_ACTS))
    given = {
        name: _names_out_of(read, section, name, "/customers", choices)
        for name, choices in known
        if name in section
    }
    return CustomersPlan(**given)


MOST_INSPECTED = 20
"""The most tickets of one channel on a daily list. What is found of them is one item."""


def _inspection(read: DocumentReader, document: Mapping[str, Any]) -> InspectionPlan:
    """The section on daily inspection. If it is absent or empty, the default applies."""
    section = read.section(document, "inspection", "", need=False)
    read.known(section, ("each_channel",), "/inspection")
    if "each_channel" not in section:
        return InspectionPlan()
    most = MOST_INSPECTED
    return InspectionPlan(read.whole_number(section, "each_channel", "/inspection", most=most))


def _conflict(read: DocumentReader, document: Mapping[str, Any]) -> ConflictPlan:
    """The section on conflicts of interest. If it or a part of it is absent, the defaults apply."""
    section = read.section(document, "conflict", "", need=False)
    read.known(section, ("without_their_supervisor", "categories", "earlier_days"), "/conflict")
    days = ConflictPlan().earlier_days
    if "earlier_days" in section:
        days = read.whole_number(section, "earlier_days", "/conflict", most=MOST_DAYS)
    names = read.entries(section, "categories", "/conflict", MOST_CATEGORIES)
    return ConflictPlan(
        without_their_supervisor=read.flag(section, "without_their_supervisor", "/conflict"),
        categories=tuple(one for one in names if isinstance(one, str)),
        earlier_days=days,
    )


def _files(read: DocumentReader, document: Mapping[str, Any]) -> FilesPlan:
    """The section on files. If it or a part of it is absent, the defaults apply."""
    section = read.section(document, "files", "", need=False)
    read.known(section, ("types", "most_bytes", "most_each_ticket", "most_at_once"), "/files")
    usual = FilesPlan()
    types = usual.types
    if "types" in section:
        types = _names_out_of(read, section, "types", "/files", FILE_KINDS)

    def bound(name: str, otherwise: int, most: int) -> int:
        if name not in section:
            return otherwise
        return read.whole_number(section, name, "/files", most=most)

    return FilesPlan(
        types,
        bound("most_bytes", usual.most_bytes, MOST_BYTES),
        bound("most_each_ticket", usual.most_each_ticket, MOST_FILES),
        bound("most_at_once", usual.most_at_once, MOST_AT_ONCE),
    )


def _handing_over(read: DocumentReader, document: Mapping[str, Any]) -> HandingOverPlan:
    """How often agents may give tickets away, from the section `routing`."""
    section = read.section(document, "routing", "", need=False)
    usual = HandingOverPlan()

    def bound(name: str, otherwise: int) -> int:
        if name not in section:
            return otherwise
        return read.whole_number(section, name, "/routing", least=0, most=MOST_HANDED_OVER)

    return HandingOverPlan(
        bound("declines_a_day", usual.declines_a_day), bound("handovers", usual.most)
    )


def _hotline(read: DocumentReader, document: Mapping[str, Any], known: _Known) -> Mapping[str, Any]:
    """The section of the hotline. Clocks depend on its promise, so it is checked at each reading.

    `plans.rules.hotline` checks the rest.
    """
    section = read.section(document, "hotline", "", need=False)
    if "call_back" in section:
        entry = read.section(section, "call_back", "/hotline")
        read.known(entry, ("within", "calendar", "ladder"), "/hotline/call_back")
        read.duration(entry, "within", "/hotline/call_back")
        _check_choices(read, entry, "/hotline/call_back", known)
    return section


CONNECTOR = re.compile("[a-z][a-z0-9-]{1,29}")
"""The form of a connector's id (`connectors.rules.connector.ID`)."""


def _sms(read: DocumentReader, document: Mapping[str, Any]) -> str | None:
    """The connector of the section `sms`; None without the section."""
    section = read.section(document, "sms", "", need=False)
    if not section:
        return None
    read.known(section, ("connector",), "/sms")
    connector = section.get("connector")
    if not isinstance(connector, str) or CONNECTOR.fullmatch(connector) is None:
        read.fault("/sms/connector", "unknown_value", "the id of a connector, such as sms")
        return None
    return connector


LEAST_BEATS = 3
"""A member is never gone after less than so many missed beats. Browsers let clients in the
background beat only once a minute, and some of them late."""


def _presence(read: DocumentReader, document: Mapping[str, Any]) -> PresencePlan:
    """The section on presence. If it or a part of it is absent, the defaults apply."""
    section = read.section(document, "presence", "", need=False)
    names = ("beat", "gone_after", "unbeaten_after", "grace", "expected_back")
    read.known(section, names, "/presence")
    given: dict[str, int] = {}
    for name in names:
        if name in section:
            before = len(read.faults)
            read.duration(section, name, "/presence")
            if len(read.faults) == before:
                given[f"{name}_s"] = seconds_of(section[name])
    found = PresencePlan(**given)
    if found.gone_after_s < LEAST_BEATS * found.beat_s:
        detail = f"at least {LEAST_BEATS} beats, because a client can miss some"
        read.fault("/presence/gone_after", "too_soon", detail)
    return found


def _form_fields(read: DocumentReader, document: Mapping[str, Any]) -> tuple[str, ...]:
    """The optional fields of the web form. Without a word about them, the usual ones."""
    section = read.section(document, "form", "", need=False)
    read.known(section, ("fields",), "/form")
    if "fields" not in section:
        return USUAL_FORM_FIELDS
    return _names_out_of(read, section, "fields", "/form", FORM_FIELDS)


def _names_out_of(
    read: DocumentReader,
    section: Mapping[str, Any],
    key: str,
    at: str,
    choices: tuple[str, ...],
) -> tuple[str, ...]:
    """A list of some of `choices`, each at most once."""
    entries = read.entries(section, key, at, len(choices))
    for index, one in enumerate(entries):
        read.one_of(one, choices, f"{at}/{key}/{index}")
        if one in entries[:index]:
            read.fault(f"{at}/{key}/{index}", "twice", "each name once")
    return tuple(one for one in entries if isinstance(one, str))


def _levels(read: DocumentReader, document: Mapping[str, Any], known: _Known) -> dict[str, Level]:
    section = read.section(document, "levels", "")
    read.known(section, KINDS, "/levels")
    levels: dict[str, Level] = {}
    for kind in KINDS:
        at = f"/levels/{kind}"
        entry = read.section(section, kind, "/levels")
        read.known(entry, ("team", "urgency", "impact", "promises"), at)
        promises = read.section(entry, "promises", at)
        clean = _clean_promises(read, promises, f"{at}/promises", known, complete=True)
        for needed in _REQUIRED:
            if needed not in promises:
                read.fault(
                    f"{at}/promises/{needed}", "missing", "every kind of ticket promises this"
                )
        if ClockName.SURVEY in promises and ClockName.CALLBACK not in promises:
            read.fault(
                f"{at}/promises/survey", "needs_callback", "a survey follows a callback only"
            )
        levels[kind] = Level(
            team=_team(read, entry, at),
            urgency=read.one_of(entry.get("urgency"), GRADATIONS, f"{at}/urgency"),
            impact=read.one_of(entry.get("impact"), GRADATIONS, f"{at}/impact"),
            promises={name: promise_from(name, promised) for name, promised in clean.items()},
        )
    return levels


def _team(read: DocumentReader, entry: Mapping[str, Any], at: str) -> str:
    name = read.text(entry, "team", at, NAME_LIMIT)
    if name and not re.fullmatch(r"[a-z0-9_-]{1,40}", name):
        read.fault(f"{at}/team", "name_expected", "small letters, digits, _ and -")
    return name


def _clean_promises(
    read: DocumentReader, promises: Mapping[str, Any], at: str, known: _Known, *, complete: bool
) -> dict[ClockName, dict[str, Any]]:
    """Check promises and return the valid ones, in the order of `ClockName`.

    `complete` is true for the promises of a level, each of which must have a target (`within`). It
    is false for the promises of an override, which may change any single part of a promise.
    """
    read.known(promises, _PROMISED, at)
    found: dict[ClockName, dict[str, Any]] = {}
    for name in _PROMISED:
        if name not in promises:
            continue
        before = len(read.faults)
        entry = read.section(promises, name, at)
        here = f"{at}/{name}"
        read.known(entry, ("within", "calendar", "ladder", "pauses"), here)
        if complete or "within" in entry:
            read.duration(entry, "within", here)
        _check_choices(read, entry, here, known)
        if len(read.faults) == before:
            found[name] = entry
    return found


def _check_choices(read: DocumentReader, entry: Mapping[str, Any], at: str, known: _Known) -> None:
    if "calendar" in entry:
        read.one_of(entry["calendar"], known.calendars, f"{at}/calendar")
    if "ladder" in entry:
        read.one_of(entry["ladder"], known.ladders, f"{at}/ladder")
    if "pauses" in entry:
        read.some_of(entry, "pauses", (CUSTOMER, *HOLDS), at)


def _own_word(read: DocumentReader, document: Mapping[str, Any], known: _Known) -> Promise:
    """An agent's own promise. The plan sets only its ladder; the agent sets its due time."""
    section = read.section(document, "own_word", "")
    read.known(section, ("ladder",), "/own_word")
    ladder = read.one_of(section.get("ladder"), known.ladders, "/own_word/ladder")
    return Promise(1, ALWAYS, ladder, ())


def _overrides(
    read: DocumentReader, document: Mapping[str, Any], known: _Known
) -> tuple[Override, ...]:
    found: list[Override] = []
    for index, entry in enumerate(read.entries(document, "overrides", "", MOST_OVERRIDES)):
        at = f"/overrides/{index}"
        if not isinstance(entry, dict):
            read.fault(at, "object_expected", "an object is expected here")
            continue
        read.known(entry, ("when", "promises", "team", "note"), at)
        when = read.section(entry, "when", at)
        here = f"{at}/when"
        read.known(when, ("kind", "channel", "priority", "customer_type"), here)
        if not when:
            read.fault(here, "empty", "say which tickets this is about")
        promises = read.section(entry, "promises", at, need=False)
        clean = _clean_promises(read, promises, f"{at}/promises", known, complete=False)
        if not promises and "team" not in entry:
            read.fault(at, "empty", "it changes promises or a team")
        kinds = read.some_of(when, "kind", KINDS, here)
        _check_complete(read, document, kinds or KINDS, promises, at)
        found.append(
            Override(
                when=When(
                    kinds,
                    read.some_of(when, "channel", CHANNELS, here),
                    read.some_of(when, "priority", known.priorities, here),
                    read.some_of(when, "customer_type", known.customer_types, here),
                ),
                promises=clean,
                team=_team(read, entry, at) if "team" in entry else None,
            )
        )
    return tuple(found)


def _check_complete(
    read: DocumentReader,
    document: Mapping[str, Any],
    kinds: Iterable[str],
    promises: Mapping[str, Any],
    at: str,
) -> None:
    """Check that an override gives a target (`within`) for each promise that it adds to a kind.

    It adds a promise if the level of the kind does not have that promise.
    """
    levels = document.get("levels")
    for kind in kinds:
        level = levels.get(kind) if isinstance(levels, dict) else None
        had = level.get("promises") if isinstance(level, dict) else None
        for name, entry in promises.items():
            has_target = isinstance(entry, dict) and "within" in entry
            if isinstance(had, dict) and name not in had and not has_target:
                read.fault(f"{at}/promises/{name}/within", "missing", f"{kind} has no such promise")


_Ladders = dict[str, tuple[tuple[float, Rung], ...]]
_RUNG = (
    "at",
    "action",
    "notify",
    "quiet",
    "priority",
    "reassign",
    "watch",
    "incident",
    "return_unaccepted",
)


def _ladders(
    read: DocumentReader, document: Mapping[str, Any], priorities: tuple[str, ...]
) -> _Ladders:
    section = read.section(document, "ladders", "")
    ladders: _Ladders = {}
    for needed in ("acknowledgement", "promise"):
        if needed not in section:
            read.fault(f"/ladders/{needed}", "missing", "every plan has this ladder")
    for name in section:
        at = "/ladders" + pointer(str(name))
        if not NAME.fullmatch(str(name)):
            read.fault(at, "name_expected", "a name of small letters, digits and underscores")
        entries = read.entries(section, name, "/ladders", MOST_RUNGS)
        if isinstance(section[name], list) and not entries:
            read.fault(at, "list_expected", "a ladder is a list of at least one rung")
        rungs: list[tuple[float, Rung]] = []
        for index, entry in enumerate(entries):
            here = f"{at}/{index}"
            if not isinstance(entry, dict):
                read.fault(here, "object_expected", "a rung is an object")
                continue
            rungs.append(_rung(read, entry, here, rungs[-1][0] if rungs else None, priorities))
        if entries and sum(rung.action is Action.BREACH for _, rung in rungs) != 1:
            read.fault(at, "one_breach", "a ladder has exactly one breach")
        ladders[name] = tuple(rungs)
    return ladders


def _rung(
    read: DocumentReader,
    entry: dict[str, Any],
    at: str,
    before: float | None,
    priorities: tuple[str, ...],
) -> tuple[float, Rung]:
    read.known(entry, _RUNG, at)
    share, action = entry.get("at"), entry.get("action")
    if (
        not isinstance(share, int | float)
        or isinstance(share, bool)
        or not 0 < share <= HIGHEST_SHARE
    ):
        read.fault(
            f"{at}/at",
            "share_expected",
            f"a share of the target above 0, at most {HIGHEST_SHARE}",
        )
        share = before or 0.0  # so that the next rung is not reported as earlier than this one
    else:
        if before is not None and share < before:
            read.fault(f"{at}/at", "backwards", "a ladder never goes backwards")
        if action == Action.BREACH and share != 1:
            read.fault(f"{at}/at", "breach_at_due", "a breach falls at 1, the due time")
    if action not in (Action.REMIND, Action.BREACH, Action.ESCALATE, Action.JOIN):
        read.fault(f"{at}/action", "unknown", "remind, breach, escalate or join is expected")
        action = Action.REMIND
    quiet = read.flag(entry, "quiet", at)
    if quiet and action == Action.BREACH:
        read.fault(
            f"{at}/quiet", "breach_at_due", "a breach is recorded at its time, day and night"
        )
    priority = entry.get("priority")
    if priority is not None:
        priority = read.one_of(priority, priorities, f"{at}/priority")
    notify = read.some_of(entry, "notify", ROLES, at)
    if action == Action.JOIN and (not notify or "agent" in notify):
        read.fault(f"{at}/notify", "leaders_expected", "who joins: supervisor, manager or both")
    return float(share), Rung(
        at_s=0,
        action=Action(action),
        notify=notify,
        quiet=quiet,
        priority=priority,
        reassign=read.flag(entry, "reassign", at),
        watch=read.some_of(entry, "watch", ROLES, at),
        incident=read.flag(entry, "incident", at),
        return_unaccepted=_return_unaccepted(read, entry, at),
    )


def _return_unaccepted(read: DocumentReader, entry: Mapping[str, Any], at: str) -> float:
    """The share of the target for which an agent may leave a ticket unaccepted; 0 without one."""
    share = entry.get("return_unaccepted", 0)
    if (
        not isinstance(share, int | float)
        or isinstance(share, bool)
        or not ("return_unaccepted" not in entry or 0 < share <= 1)
    ):
        detail = "a share of the target above 0, at most 1"
        read.fault(f"{at}/return_unaccepted", "share_expected", detail)
        return 0
    return float(share)


def _home_region(read: DocumentReader, document: Mapping[str, Any]) -> str:
    """The region of phone numbers without a country code. Plans of version 1 name none."""
    region = document.get("home_region", HOME_REGION)
    if not isinstance(region, str) or region not in REGIONS.split():
        read.fault("/home_region", "unknown_region", "a region of ISO 3166-1 such as CN")
        return HOME_REGION
    return region


def _survey_invite_after(read: DocumentReader, section: Mapping[str, Any]) -> int:
    read.duration(section, "invite_after", "/survey")
    try:
        return seconds_of(section.get("invite_after", ""))
    except (ValueError, TypeError):
        return 1


def _survey_low(read: DocumentReader, section: Mapping[str, Any]) -> int:
    """The highest score that counts as low, USUAL_LOW_SCORE if the plan names none."""
    if "low" not in section:
        return USUAL_LOW_SCORE
    return read.whole_number(section, "low", "/survey", most=HIGHEST_SCORE)


def _mail(
    read: DocumentReader, document: Mapping[str, Any], calendars: tuple[str, ...]
) -> MailPlan:
    """The section on incoming mail.

    If it is absent, no address determines the kind of a ticket, and `MailPlan`'s defaults apply.
    """
    section = read.section(document, "mail", "", need=False)
    known = ("doors", "domains", "groups", "strangers", "most_an_hour", "held", "languages")
    read.known(section, known, "/mail")
    kind_by_address: dict[str, str] = {}
    for address, kind in read.section(section, "doors", "/mail", need=False).items():
        at = f"/mail/doors{pointer(address)}"
        if not _DOOR.fullmatch(address):
            detail = "an address or what stands before its @, in small letters"
            read.fault(at, "address_expected", detail)
        kind_by_address[address] = read.one_of(kind, KINDS, at)
    if len(kind_by_address) > MOST_ADDRESSES:
        read.fault("/mail/doors", "too_many", f"at most {MOST_ADDRESSES}")
    domains = read.entries(section, "domains", "/mail", MOST_DOMAINS)
    for index, domain in enumerate(domains):
        if not isinstance(domain, str) or not re.fullmatch(_DOMAIN, domain):
            here = f"/mail/domains/{index}"
            read.fault(here, "domain_expected", "a domain in small letters; IDN as xn--")
    usual = MailPlan(kind_by_address)
    most = read.section(section, "most_an_hour", "/mail", need=False)
    read.known(most, ("sender", "ticket"), "/mail/most_an_hour")

    def bound(name: str, otherwise: int) -> int:
        if name not in most:
            return otherwise
        return read.whole_number(most, name, "/mail/most_an_hour", most=MOST_MAILS)

    strangers = section.get("strangers", usual.strangers)
    return MailPlan(
        kind_by_address=kind_by_address,
        strangers=read.one_of(strangers, STRANGERS, "/mail/strangers"),
        most_of_a_sender=bound("sender", usual.most_of_a_sender),
        most_on_a_ticket=bound("ticket", usual.most_on_a_ticket),
        domains=tuple(one for one in domains if isinstance(one, str)),
        groups=_groups(read, section),
        held=_held(read, section, calendars),
        languages=_languages(read, section),
    )


def _groups(read: DocumentReader, section: Mapping[str, Any]) -> tuple[str, ...]:
    """The groups and forwarders before our addresses. A plan without them names none."""
    value = section.get("groups", [])
    if not isinstance(value, list) or len(value) > MOST_ADDRESSES:
        read.fault("/mail/groups", "list_expected", f"a list of at most {MOST_ADDRESSES}")
        return ()
    for index, one in enumerate(value):
        if not isinstance(one, str) or len(one) > GROUP_LIMIT or not _GROUP.fullmatch(one):
            detail = "the address or the List-Id of a group, in small letters"
            read.fault(f"/mail/groups/{index}", "address_expected", detail)
    return tuple(one for one in value if isinstance(one, str))


def _languages(read: DocumentReader, section: Mapping[str, Any]) -> tuple[str, ...]:
    """The languages that customers write in. A plan without them names those of the product."""
    value = section.get("languages", list(LANGUAGES))
    if not isinstance(value, list) or not value or len(value) > len(WRITTEN):
        detail = f"a list of 1 to {len(WRITTEN)} languages, the most common one first"
        read.fault("/mail/languages", "list_expected", detail)
        return LANGUAGES
    for index, one in enumerate(value):
        here = f"/mail/languages/{index}"
        read.one_of(one, WRITTEN, here)
        if one in value[:index]:
            read.fault(here, "twice", "each language once")
    return tuple(one for one in value if one in WRITTEN)


def _held(read: DocumentReader, section: Mapping[str, Any], calendars: tuple[str, ...]) -> HeldPlan:
    """The promise for held mail. Without it, `HeldPlan`'s defaults apply."""
    if "held" not in section:
        return HeldPlan()
    at = "/mail/held"
    held = read.section(section, "held", "/mail")
    read.known(held, ("look_within", "calendar"), at)
    read.duration(held, "look_within", at)
    calendar = read.one_of(held.get("calendar", ALWAYS), calendars, f"{at}/calendar")
    try:
        return HeldPlan(seconds_of(held.get("look_within", "")), calendar)
    except (ValueError, TypeError):
        # `read.duration` has recorded the fault, so the document is refused and no plan uses this.
        return HeldPlan()


# --------------------------------------------------------------------------------------- scores


def _score(read: DocumentReader, document: dict[str, Any]) -> ScorePlan:
    section = read.section(document, "score", "")
    read.known(section, ("weights", "minimum_samples", "minimum_weight", "grades"), "/score")
    weights = read.section(section, "weights", "/score")
    read.known(weights, COMPONENTS, "/score/weights")
    values = {
        name: read.whole_number(weights, name, "/score/weights", least=0, most=100)
        for name in COMPONENTS
    }
    if sum(values.values()) != 100:
        read.fault("/score/weights", "sum", f"weights add up to {sum(values.values())}, not 100")
    grades: list[Grade] = []
    entries = section.get("grades")
    if not isinstance(entries, list) or not entries:
        read.fault("/score/grades", "list_expected", "a list of grades is expected")
        entries = []
    for index, entry in enumerate(entries):
        here = f"/score/grades/{index}"
        if not isinstance(entry, dict):
            read.fault(here, "object_expected", "a grade is an object")
            continue
        grade = Grade(
            read.text(entry, "name", here),
            read.whole_number(entry, "minimum", here, least=0, most=100),
            read.whole_number(entry, "bonus_tier", here, least=0, most=100),
        )
        if grades and grade.minimum >= grades[-1].minimum:
            read.fault(f"{here}/minimum", "overlap", "grades go down, each below the one before")
        grades.append(grade)
    if grades and grades[-1].minimum != 0:
        read.fault(f"/score/grades/{len(grades) - 1}/minimum", "gap", "the last grade begins at 0")
    return ScorePlan(
        weights=values,
        minimum_samples=read.whole_number(section, "minimum_samples", "/score", most=10_000),
        minimum_weight=read.whole_number(section, "minimum_weight", "/score", least=0, most=100),
        grades=tuple(grades),
    )


# -------------------------------------------------------------------------------- shorter times


def scaled(document: Mapping[str, Any], pace: int, version: int) -> dict[str, Any]:
    """A copy of a plan in which every target is `pace` times shorter, but not below
    SHORTEST_SCALED_S.

    People can use it to watch a plan run: with pace 3600, a target of eight hours becomes eight
    seconds. All calendars become open at all times, because at that pace an office hour would last
    only a second. The time for which idempotency records are kept is not a promise, so it does not
    change. Raises InvalidInput if `pace` is less than 1.
    """
    if pace < 1:
        raise InvalidInput([Fault("/pace", "whole_number_expected", "a pace is at least 1")])

    def shorter(duration: str) -> str:
        return duration_of(max(SHORTEST_SCALED_S, math.ceil(seconds_of(duration) / pace)))

    result = copy.deepcopy(dict(document))
    result["version"] = version
    result["note"] = f"{document['note']} (paced: {pace} times faster)"
    result.pop("effective_from", None)
    result.pop("review_by", None)
    open_always = {"week": {day: ["00:00-24:00"] for day in DAYS}}
    result["calendars"] = dict.fromkeys(result.get("calendars", {}), open_always)
    for holder in (*result["levels"].values(), *result.get("overrides", [])):
        for promise in holder.get("promises", {}).values():
            if "within" in promise:
                promise["within"] = shorter(promise["within"])
    for act in (act for macro in result.get("macros", []) for act in macro["acts"]):
        if "within" in act:
            act["within"] = shorter(act["within"])
    for rule in result.get("classification", {}).get("rules", []):
        if earlier := rule["when"].get("earlier"):
            earlier["within"] = shorter(earlier["within"])
    if held := result.get("mail", {}).get("held"):
        held["look_within"] = shorter(held["look_within"])
    routing = result.get("routing", {})
    for entry in (*routing.get("steps", []), *routing.get("nobody", [])):
        entry["after"] = shorter(entry["after"])
    if "before_end" in routing:
        routing["before_end"] = shorter(routing["before_end"])
    tasks, remedies = result.get("tasks", {}), result.get("remedies", {})
    entries = (tasks, *tasks.get("teams", {}).values())
    entries += (remedies, *remedies.get("kinds", {}).values(), remedies.get("approval", {}))
    urgent = result.get("urgent", {})
    entries += (urgent.get("post_mortem", {}), *urgent.get("tasks", []))
    for entry in entries:
        entry |= {name: shorter(entry[name]) for name in ("within", "urge_every") if name in entry}
    if call_back := result.get("hotline", {}).get("call_back"):
        call_back["within"] = shorter(call_back["within"])
    # The interval between two calls is one of days, and there is no shorter day.
    for entry in result.get("relationship_calls", {}).values():
        entry |= {name: shorter(entry[name]) for name in ("within", "again")}
    result["survey"]["invite_after"] = shorter(result["survey"]["invite_after"])
    return result
