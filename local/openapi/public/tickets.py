"""The customers' JSON API: submissions, and reading and changing a ticket with its link token."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType, field

from local.openapi.public.route import PublicRoute
from local.openapi.schemas import named
from local.openapi.values import (
    Answer,
    ClockStanding,
    Closure,
    FileKind,
    FileStateName,
    ItemId,
    ItemKind,
    ItemStanding,
    Kind,
    Language,
    Moment,
    OpenAnswer,
    Outcome,
    TicketState,
    Uri,
    text,
)
from redress.mail.incoming.rules.folding import PartKind
from redress.plans.rules.categories import LIMIT as CATEGORY_LIMIT
from redress.plans.rules.plan import CUSTOMER, HOLDS
from redress.plans.rules.reader import NAME
from redress.tickets.cases.customer import ACTIONS, LINES
from redress.tickets.rules.attached import FileState
from redress.tickets.rules.checklist import Responsible
from redress.tickets.rules.promise_view import SHOWN
from redress.tickets.rules.steps.table import SURVEY_TEXT_LIMIT, TEXT_LIMIT
from redress.tickets.rules.submission import (
    ABOUT_LIMIT,
    COMPANY_LIMIT,
    DESCRIPTION_LIMIT,
    EMAIL_LIMIT,
    MOST_FIELDS,
    NAME_LIMIT,
    ORDER_LIMIT,
    PHONE_LIMIT,
    REMEDY_LIMIT,
    SUBJECT_LIMIT,
)

Action = Annotated[str, named("Action", ACTIONS)]
LineType = Annotated[str, named("LineType", LINES)]
LineFileState = Annotated[str, named("FileState", tuple(FileState))]
Stars = Annotated[int, Meta(ge=1, le=5)]
CustomerWords = Annotated[str, text(TEXT_LIMIT, least=1)]
FIELDS = Meta(
    extra_json_schema={
        "propertyNames": {"pattern": f"^{NAME.pattern}$"},
        "maxProperties": MOST_FIELDS,
    }
)
SurveyText = Annotated[str, text(SURVEY_TEXT_LIMIT)]


class SubmissionContact(Answer):
    name: Annotated[str, text(NAME_LIMIT, least=1)]
    email: Annotated[str, text(EMAIL_LIMIT)] | UnsetType | None = UNSET
    phone: Annotated[str, text(PHONE_LIMIT)] | UnsetType | None = UNSET
    company: Annotated[str, text(COMPANY_LIMIT)] | UnsetType | None = UNSET


class Submission(Answer, kw_only=True):
    kind: Kind | UnsetType | None = UNSET
    category: Annotated[str, text(CATEGORY_LIMIT)] | UnsetType | None = UNSET
    subject: Annotated[str, text(SUBJECT_LIMIT, least=1)]
    description: Annotated[str, text(DESCRIPTION_LIMIT, least=1)]
    wished_remedy: Annotated[str, text(REMEDY_LIMIT)] | UnsetType | None = UNSET
    order: Annotated[str, text(ORDER_LIMIT)] | UnsetType | None = UNSET
    about: Annotated[str, text(ABOUT_LIMIT)] | UnsetType | None = UNSET
    fields: Annotated[dict[str, Any] | UnsetType | None, FIELDS] = UNSET
    contact: SubmissionContact
    language: Language
    consent: Annotated[bool, Meta(extra_json_schema={"const": True})]


class Promise(OpenAnswer):
    clock: Annotated[str, named("ShownClock", SHOWN)]
    due_at: Moment | None
    state: ClockStanding
    waits_for: Annotated[str, named("WaitReason", (CUSTOMER, *HOLDS))] | None
    done_at: Moment | None


class Receipt(OpenAnswer):
    number: str
    status_url: Uri
    token: str
    language: Language
    acknowledged: bool
    promises: list[Promise]


class LinePart(OpenAnswer):
    kind: Annotated[str, named("PartKind", tuple(PartKind))]
    at: Annotated[int, Meta(ge=0)]
    length: Annotated[int, Meta(ge=0)]
    folded: str | None


class LineFile(OpenAnswer):
    id: str
    name: str
    type: str
    size: int
    state: LineFileState | None


class CategoryLabel(OpenAnswer):
    simplified: str = field(name="zh-CN")
    traditional: str = field(name="zh-TW")
    english: str = field(name="en")


class Line(OpenAnswer):
    at: Moment
    type: LineType
    by: Literal["customer", "staff", "system"]
    text: str | None
    parts: list[LinePart]
    files: list[LineFile]
    item: CategoryLabel | None


class Asked(OpenAnswer):
    """Another department was asked, and has not answered yet."""

    department: CategoryLabel
    since: Moment


class ItemLine(OpenAnswer):
    """One item of the checklist of a service request."""

    id: str
    kind: ItemKind
    text: CategoryLabel
    required: bool
    state: ItemStanding
    can: Annotated[str, named("ItemAction", ("send", "answer", "read"))] | None
    told: str | None
    who: Annotated[str, named("Responsible", Responsible)] | None


class Continued(OpenAnswer):
    """The ticket in which a merged ticket goes on. `token` is that of its link."""

    number: str
    state: TicketState
    token: str


class WrittenIn(OpenAnswer):
    """The ticket in which the messages of this one were written before they were split off. Both
    are null if it is another customer's. `token` is that of its link."""

    number: str | None
    token: str | None


class Remedy(OpenAnswer):
    """What the customer was promised to make up for a fault."""

    label: CategoryLabel
    amount: Annotated[int, Meta(ge=1)] | None
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] | None
    money: str | None
    state: Annotated[str, named("RemedyStanding", ("promised", "overdue", "done", "withdrawn"))]
    due_at: Moment
    done_at: Moment | None


class Status(OpenAnswer):
    number: str
    subject: str
    kind: Kind
    state: TicketState
    language: Language
    zone: str
    created_at: Moment
    promises: list[Promise]
    timeline: list[Line]
    can: list[Action]
    version: int
    closure: Closure | None
    category: str | None
    category_label: CategoryLabel | None
    asked: list[Asked]
    urged_at: Moment | None
    follows: str | None
    checklist: list[ItemLine]
    continued_in: Continued | None
    written_in: WrittenIn | None
    outcome: Outcome | None
    cause: CategoryLabel | None
    remedies: list[Remedy]


class Words(Answer):
    text: CustomerWords


class Withdrawal(Answer):
    text: Annotated[str, text(TEXT_LIMIT)] | UnsetType | None = UNSET


class ItemAnswer(Answer):
    text: Annotated[str, text(TEXT_LIMIT)] | UnsetType | None = UNSET


class Survey(Answer):
    overall: Stars
    speed: Stars | UnsetType | None = UNSET
    solution: Stars | UnsetType | None = UNSET
    attitude: Stars | UnsetType | None = UNSET
    knowledge: Stars | UnsetType | None = UNSET
    friendliness: Stars | UnsetType | None = UNSET
    comment: SurveyText | UnsetType | None = UNSET
    suggestion: SurveyText | UnsetType | None = UNSET


class Fault(OpenAnswer):
    pointer: str
    code: str
    detail: str


class Problem(OpenAnswer):
    type: str
    title: str
    status: int
    detail: str
    errors: list[Fault] | UnsetType = UNSET
    current_version: int | UnsetType = UNSET
    reason: FileStateName | UnsetType = UNSET


class Throttled(Answer):
    message: Annotated[str, Meta(examples=["Too Many Requests"])]


class LostLinks(Answer):
    email: Annotated[str, text(EMAIL_LIMIT, least=1)]


class LinksAsked(OpenAnswer):
    detail: str


class File(OpenAnswer):
    id: str
    name: str
    type: str
    size: int
    state: FileStateName
    reason: str | None
    by: Literal["customer", "staff"]
    at: Moment


class FileLimits(OpenAnswer):
    types: list[FileKind]
    most_bytes: int
    most_each_ticket: int
    most_at_once: int


class Files(OpenAnswer):
    files: list[File]
    takes_files: bool
    limits: FileLimits


class NewFile(Answer):
    name: Annotated[str, text(1_000, least=1)]
    size: Annotated[int, Meta(ge=1)]
    item: ItemId | UnsetType | None = UNSET


class UploadForm(OpenAnswer):
    url: Uri
    fields: dict[str, str]


class Upload(OpenAnswer):
    id: str
    upload: UploadForm
    expires_at: Moment


class OpenedFile(OpenAnswer):
    url: Uri
    expires_in_s: int


READ = (404, 410, 503)
CHANGE = (404, 409, 410, 503)
WITH_BODY = (400, 413, 415, 422)

ROUTES = (
    PublicRoute(
        "intake",
        "submit",
        "POST",
        "/tickets",
        Receipt,
        201,
        body=Submission,
        refusals=(*WITH_BODY, 409, 503),
    ),
    PublicRoute(
        "customer",
        "read_ticket",
        "GET",
        "/tickets/{number}",
        Status,
        refusals=READ,
        needs_link=True,
    ),
    PublicRoute(
        "customer",
        "write_message",
        "POST",
        "/tickets/{number}/messages",
        Status,
        body=Words,
        refusals=(*WITH_BODY, *CHANGE),
        needs_link=True,
    ),
    PublicRoute(
        "customer",
        "confirm",
        "POST",
        "/tickets/{number}/confirmation",
        Status,
        refusals=CHANGE,
        needs_link=True,
    ),
    PublicRoute(
        "customer",
        "dispute",
        "POST",
        "/tickets/{number}/dispute",
        Status,
        body=Words,
        refusals=(*WITH_BODY, *CHANGE),
        needs_link=True,
    ),
    PublicRoute(
        "customer",
        "withdraw",
        "POST",
        "/tickets/{number}/withdrawal",
        Status,
        body=Withdrawal,
        body_required=False,
        refusals=(*WITH_BODY, *CHANGE),
        needs_link=True,
    ),
    PublicRoute(
        "customer",
        "urge",
        "POST",
        "/tickets/{number}/urge",
        Status,
        refusals=CHANGE,
        needs_link=True,
    ),
    PublicRoute(
        "customer",
        "answer_item",
        "POST",
        "/tickets/{number}/checklist/{item}",
        Status,
        body=ItemAnswer,
        body_required=False,
        refusals=(*WITH_BODY, *CHANGE),
        needs_link=True,
    ),
    PublicRoute(
        "customer",
        "questionnaire",
        "POST",
        "/tickets/{number}/survey",
        Status,
        body=Survey,
        refusals=(*WITH_BODY, *CHANGE),
        needs_link=True,
    ),
    PublicRoute(
        "customer",
        "list_files",
        "GET",
        "/tickets/{number}/files",
        Files,
        refusals=READ,
        needs_link=True,
    ),
    PublicRoute(
        "customer",
        "offer_upload",
        "POST",
        "/tickets/{number}/files",
        Upload,
        201,
        body=NewFile,
        refusals=(*WITH_BODY, *CHANGE),
        needs_link=True,
    ),
    PublicRoute(
        "customer",
        "open_file",
        "GET",
        "/tickets/{number}/files/{file}",
        OpenedFile,
        refusals=CHANGE,
        needs_link=True,
    ),
    PublicRoute(
        "customer",
        "withdraw_file",
        "POST",
        "/tickets/{number}/files/{file}/withdrawal",
        Files,
        refusals=CHANGE,
        needs_link=True,
    ),
    PublicRoute(
        "customer",
        "ask_for_links",
        "POST",
        "/links",
        LinksAsked,
        202,
        body=LostLinks,
        refusals=(*WITH_BODY, 503),
    ),
)
