"""One ticket: reading it, and the changes that staff make.

A change passes its content to `StaffCases.act`, which reads it when the caller may change the
ticket. The content is the version that the caller has read, and a step of `by_staff`; `partial`
binds the arguments of the step from the body. Every change except a note names a version, so a
repeated call changes nothing and gets 409.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache, partial, wraps
from typing import Any

from route import (
    LEADERS,
    NAME_LIMIT,
    REASON,
    STAFF,
    VERSION,
    Request,
    Route,
)
from ticket_view import (
    lengthened_view,
    people_of,
    ticket_file_view,
    ticket_view,
    viewers_view,
    warnings_view,
)

from redress.base.people import SUBJECT_LIMIT, Actor, Member, Role
from redress.base.tags import MOST_TAGS, TAG_LIMIT
from redress.edge.bodies import (
    Body,
    Field,
    Flag,
    Instant,
    NamedTexts,
    OneOf,
    OptionalOneOf,
    OptionalText,
    OptionalTexts,
    Text,
    TextOr,
    TextOrNull,
    Texts,
    TextsByName,
    Whole,
)
from redress.edge.http import Answer, answer
from redress.plans.rules.categories import LIMIT as CATEGORY_LIMIT
from redress.plans.rules.document import MOST_AT_ONCE, MOST_FIELDS
from redress.plans.rules.fields import VALUE_LIMIT as FIELD_LIMIT
from redress.plans.rules.plan import (
    GRADATIONS,
    HOLDS,
    KINDS,
    MOST_VERSIONS,
    OUTCOMES,
    REQUEST_OUTCOMES,
    Plan,
)
from redress.plans.rules.reader import NAME
from redress.plans.rules.reader import NAME_LIMIT as TEMPLATE_NAME_LIMIT
from redress.plans.rules.templates import FROM_WRITER
from redress.tickets.cases.staff import StaffStep
from redress.tickets.cases.telling import VALUE_LIMIT, Telling
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_staff
from redress.tickets.rules.steps.by_staff import CORRECTABLE, Classification
from redress.tickets.rules.steps.table import (
    CALLBACK_OUTCOMES,
    MOST_ABOUT,
    MOST_MENTIONED,
    MOST_MENTIONS,
    MOST_PARTICIPANTS,
    REMEDY_LIMIT,
    TEXT_LIMIT,
)
from redress.tickets.rules.submission import EMAIL_LIMIT
from redress.tickets.rules.ticket import Ticket
from redress.tickets.rules.viewers import BEAT_S, Doing
from redress.wiring import staff as wiring

TEXT = Text("text", TEXT_LIMIT)

MESSAGE = (
    TextOr("text", TEXT_LIMIT, "template"),
    OptionalText("template", TEMPLATE_NAME_LIMIT),
    NamedTexts("values", FROM_WRITER, VALUE_LIMIT),
)
"""The fields of a message to the customer: its text, or the name of a template with values."""

FILES = OptionalTexts("files", 16, MOST_AT_ONCE)
"""The ids of files that the caller has uploaded to the ticket."""

FIELDS = TextsByName(
    "fields",
    NAME.pattern,
    "a name of small letters, digits and underscores",
    FIELD_LIMIT,
    MOST_FIELDS,
)
"""The names of fields of the plan, with their new values."""

MENTIONS = OptionalTexts("mentions", SUBJECT_LIMIT, MOST_MENTIONS)
"""The ids of the members whom a note mentions."""


# -------------------------------------------------------------------- reading


def read_ticket(request: Request) -> Answer:
    found = wiring.staff_cases().read(request.member, request.path["number"])
    people = wiring.directory().people(people_of(found))
    customer = wiring.customers().of_ticket(found.ticket)
    plan = wiring.plan_of(found.ticket)
    others = wiring.linking().others(request.member, found)
    shown = ticket_file_view(found, customer, people, request.member, plan, wiring.now(), others)
    return answer(200, shown)


def record_viewing(request: Request) -> Answer:
    def doing() -> Doing:
        return Doing(request.content().body["doing"])

    found = wiring.viewing().beat(request.member, request.path["number"], doing)
    return answer(200, {"viewers": viewers_view(found), "again_within_s": BEAT_S})


# -------------------------------------------------------------------- changing

Given = dict[str, Any]
"""The values of the fields of a body."""


def _changed(request: Request, ticket: Ticket) -> Answer:
    return answer(200, _shown(request, ticket))


def _shown(request: Request, ticket: Ticket) -> dict[str, Any]:
    return ticket_view(ticket, request.member, wiring.plan_of(ticket), wiring.now())


def _changing(step_of: Callable[[Given], StaffStep]) -> Callable[[Request], Answer]:
    """The route that makes the step that `step_of` returns for a body. It has the name of the act.

    `step_of` may raise InvalidInput for faults that it can find without the ticket. It is called
    when the step is decided, so that its faults are reported with that of a wrong version. The
    answer has `lengthened` if the step makes promises later than the customer was told.
    """

    @wraps(step_of)
    def run(request: Request) -> Answer:
        made: list[Change] = []

        def content() -> tuple[int, StaffStep]:
            given: Given = request.content().body
            step = cache(lambda: step_of(given))

            def decide(ticket: Ticket, plan: Plan, /, *, by: Actor, at: datetime) -> Change | None:
                change = step()(ticket, plan, by=by, at=at)
                made[:] = [change] if change is not None else []
                return change

            return given["version"], decide

        number, act = request.path["number"], step_of.__name__
        ticket = wiring.staff_cases().act(request.member, number, act, content)
        events = [event for change in made for event in change.events]
        return answer(200, _shown(request, ticket) | lengthened_view(events))

    return run


def telling(member: Member, given: Given) -> Telling:
    """The message of a body. The body of a promise has its time, too."""
    return Telling(
        given["text"], given["template"], given["values"], given.get("by"), agent=member.name
    )


def _telling(step_of: Callable[[Given, str], StaffStep]) -> Callable[[Request], Answer]:
    """The route that sends the customer a message. It has the name of the act.

    `step_of` returns the step for a body and the text of the message. The answer has the warnings
    about the text (`Telling`).
    """

    @wraps(step_of)
    def run(request: Request) -> Answer:
        sent: list[Telling] = []

        def content() -> tuple[int, StaffStep]:
            given: Given = request.content().body
            sent.append(telling(request.member, given))
            return given["version"], sent[0].step(lambda text: step_of(given, text))

        number, act = request.path["number"], step_of.__name__
        ticket = wiring.staff_cases().act(request.member, number, act, content)
        shown = _shown(request, ticket)
        return answer(200, shown | {"warnings": warnings_view(sent[0].warnings)})

    return run


def note(request: Request) -> Answer:
    def content() -> tuple[str, Sequence[str], Sequence[str]]:
        given: Given = request.content().body
        return given["text"], given["files"], given["mentions"]

    number, cases = request.path["number"], wiring.staff_cases()
    listed, members = wiring.referring().listed, wiring.mentions().members
    return _changed(request, cases.note(request.member, number, content, listed, members))


@_telling
def reply(given: Given, text: str) -> StaffStep:
    wait = given["wait_for_customer"]
    step = partial(by_staff.reply, text=text, wait_for_customer=wait)
    return wiring.referring().step(step, given["files"])


@_telling
def tell_progress(given: Given, text: str) -> StaffStep:
    return partial(by_staff.tell_progress, text=text)


@_telling
def resolve(given: Given, text: str) -> StaffStep:
    facts = [given[name] for name in ("outcome", "remedy", "root_cause", "cause")]
    step = wiring.resolving().step(text, *facts)
    return wiring.referring().step(step, given["files"])


@_changing
def record_callback(given: Given) -> StaffStep:
    return partial(by_staff.record_callback, outcome=given["outcome"], text=given["text"] or "")


@_changing
def reassign(given: Given) -> StaffStep:
    return wiring.reassignment().step(given["agent"], given["team"], given["reason"])


@_changing
def accept(given: Given) -> StaffStep:
    return by_staff.accept


@_changing
def decline(given: Given) -> StaffStep:
    return partial(by_staff.decline, why=given["reason"])


@_changing
def reclassify(given: Given) -> StaffStep:
    wanted = Classification(
        given["kind"],
        given["urgency"],
        given["impact"],
        given["customer_type"],
        given["category"],
    )
    return partial(by_staff.reclassify, given=wanted, why=given["reason"])


@_changing
def set_tags(given: Given) -> StaffStep:
    return partial(by_staff.set_tags, given=given["tags"])


@_changing
def set_fields(given: Given) -> StaffStep:
    return partial(by_staff.set_fields, given=given["fields"])


@_telling
def promise(given: Given, text: str) -> StaffStep:
    return partial(by_staff.promise, due=given["by"], text=text)


@_changing
def set_participants(given: Given) -> StaffStep:
    addresses = given["participants"]
    return partial(by_staff.set_participants, addresses=addresses, is_ours=wiring.is_ours)


@_changing
def set_about(given: Given) -> StaffStep:
    return wiring.about().step(given["members"], given["reason"])


@_changing
def set_mentions(given: Given) -> StaffStep:
    return partial(by_staff.set_mentions, members=given["members"], why=given["reason"])


def clear_address(request: Request) -> Answer:
    def content() -> tuple[str, str]:
        given: Given = request.content().body
        return given["address"], given["reason"]

    number = request.path["number"]
    return _changed(request, wiring.returned_addresses().clear(request.member, number, content))


def accept_mail(request: Request) -> Answer:
    def version() -> int:
        given: int = request.content().body["version"]
        return given

    number, event = request.path["number"], request.path["event"]
    found = wiring.staff_cases().accept_mail(request.member, number, event, version)
    return _changed(request, found)


@_changing
def count_message(given: Given) -> StaffStep:
    return wiring.staff_cases().counting(given["event"])


@_telling
def hold(given: Given, text: str) -> StaffStep:
    return partial(by_staff.hold, reason=given["reason"], text=text)


@_changing
def release(given: Given) -> StaffStep:
    return by_staff.release


@_changing
def correct(given: Given) -> StaffStep:
    return wiring.staff_cases().correction(given["clock"], given["at"], given["reason"])


@_changing
def move_to_plan(given: Given) -> StaffStep:
    return wiring.staff_cases().plan_move(given["plan_version"], given["reason"])


# -------------------------------------------------------------------- declarations


def _change(
    method: str,
    path: str,
    run: Callable[[Request], Answer],
    schema: str,
    *fields: Field,
    roles: frozenset[Role] = STAFF,
) -> Route:
    """A route that changes a ticket and answers with the changed ticket."""
    return Route(
        method,
        f"/staff/tickets/{{number}}/{path}",
        roles,
        run,
        body=Body(schema, fields),
        answer="Ticket",
        problems=(404, 409),
    )


def _message(path: str, run: Callable[[Request], Answer], schema: str, *fields: Field) -> Route:
    """A route that sends the customer a message."""
    return _change("POST", path, run, schema, VERSION, *MESSAGE, *fields)


ROUTES = (
    Route(
        "GET",
        "/staff/tickets/{number}",
        STAFF,
        read_ticket,
        answer="TicketFile",
        problems=(404,),
    ),
    Route(
        "PUT",
        "/staff/tickets/{number}/presence",
        STAFF,
        record_viewing,
        body=Body("Viewing", (OneOf("doing", tuple(Doing)),)),
        answer="Viewers",
        problems=(404,),
    ),
    _message("replies", reply, "Reply", Flag("wait_for_customer"), FILES),
    _change("POST", "notes", note, "Note", TEXT, FILES, MENTIONS),
    _message("progress", tell_progress, "Progress"),
    _message(
        "resolution",
        resolve,
        "Resolve",
        OptionalOneOf("outcome", (*OUTCOMES, *REQUEST_OUTCOMES)),
        OptionalText("remedy", REMEDY_LIMIT),
        OptionalText("root_cause", REMEDY_LIMIT),
        OptionalText("cause", TEMPLATE_NAME_LIMIT),
        FILES,
    ),
    _change(
        "POST",
        "callbacks",
        record_callback,
        "Callback",
        VERSION,
        OneOf("outcome", CALLBACK_OUTCOMES),
        OptionalText("text", TEXT_LIMIT),
    ),
    _change(
        "POST",
        "assignment",
        reassign,
        "Assignment",
        VERSION,
        TextOrNull("agent", SUBJECT_LIMIT),
        OptionalText("team", NAME_LIMIT),
        REASON,
    ),
    _change("POST", "accept", accept, "Accepting", VERSION),
    _change("POST", "decline", decline, "Declining", VERSION, REASON),
    _change(
        "POST",
        "classification",
        reclassify,
        "Classification",
        VERSION,
        OptionalOneOf("kind", KINDS),
        OptionalOneOf("urgency", GRADATIONS),
        OptionalOneOf("impact", GRADATIONS),
        OptionalText("customer_type", NAME_LIMIT),
        OptionalText("category", CATEGORY_LIMIT),
        REASON,
    ),
    _change("PUT", "fields", set_fields, "Fields", VERSION, FIELDS),
    _change("PUT", "tags", set_tags, "Tags", VERSION, Texts("tags", TAG_LIMIT, MOST_TAGS)),
    _message("promise", promise, "OwnWord", Instant("by")),
    _change(
        "PUT",
        "participants",
        set_participants,
        "Participants",
        VERSION,
        Texts("participants", EMAIL_LIMIT, MOST_PARTICIPANTS, "email"),
    ),
    _change(
        "POST",
        "about",
        set_about,
        "About",
        VERSION,
        Texts("members", SUBJECT_LIMIT, MOST_ABOUT),
        REASON,
    ),
    _change(
        "PUT",
        "mentions",
        set_mentions,
        "Mentions",
        VERSION,
        Texts("members", SUBJECT_LIMIT, MOST_MENTIONED),
        REASON,
        roles=LEADERS,
    ),
    Route(
        "POST",
        "/staff/returned-addresses/{number}",
        LEADERS,
        clear_address,
        body=Body("AddressClearance", (Text("address", EMAIL_LIMIT), REASON)),
        answer="Ticket",
        problems=(404, 409),
    ),
    _change("POST", "mails/{event}/acceptance", accept_mail, "Acceptance", VERSION),
    _change(
        "POST",
        "counting",
        count_message,
        "Counting",
        VERSION,
        Whole("event", least=1),
    ),
    _message("hold", hold, "Hold", OneOf("reason", HOLDS)),
    _change("POST", "release", release, "Release", VERSION),
    _change(
        "POST",
        "correction",
        correct,
        "Correction",
        VERSION,
        OneOf("clock", CORRECTABLE),
        Instant("at"),
        REASON,
        roles=LEADERS,
    ),
    _change(
        "POST",
        "plan",
        move_to_plan,
        "PlanMove",
        VERSION,
        Whole("plan_version", 1, MOST_VERSIONS),
        REASON,
        roles=LEADERS,
    ),
)
