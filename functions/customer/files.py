"""The files of a ticket: the list with its form, the way back from the bucket, and downloads.

A file goes straight from the browser to the bucket, and comes straight from there. Nothing of a
file is served under the address of these pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import reduce
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
from rendering import PAGE_SECURITY, guarded, page, script, see_other
from web_request import WebRequest, asked_language, language_of, posted

from redress.base import catalogue
from redress.base.errors import FileNotOpen, InvalidInput, LinkExpired, NotAllowedNow, NotFound
from redress.base.languages import LANGUAGES
from redress.base.people import Role
from redress.base.phrases import size
from redress.edge.http import Answer
from redress.plans.rules.plan import OTHER_FILES
from redress.tickets.rules.attached import Attached, FileState
from redress.wiring import customer as wiring

if TYPE_CHECKING:  # importing them loads PynamoDB, which would slow the form's cold start
    from redress.files.cases.reading import FilesView

SENDING = timedelta(hours=1)
"""How long the way back is open after the form is over. A browser that began to send a file in time
may need so long."""

SAID = (
    "all",
    "cancel",
    "cancelled",
    "done",
    "empty",
    "failed",
    "large",
    "many",
    "progress",
    "refused",
    "sending",
    "toomany",
    "waiting",
)
"""The texts of the script, which the page carries in the reader's language."""


class ShownFile(msgspec.Struct, frozen=True):
    """A file as the list shows it.

    by          customer or staff
    state       a FileState, or unscanned
    reason      why it was refused, or what was found, in words
    opens       where a clean file is opened; "" for any other file
    withdrawal  where the customer withdraws the file; "" if that is not possible
    """

    name: str
    by: str
    size: str
    at: datetime
    state: str
    reason: str = ""
    opens: str = ""
    withdrawal: str = ""


class Form(msgspec.Struct, frozen=True):
    """The form that sends one file, with the limits of the plan."""

    url: str
    fields: dict[str, str]
    expires_at: datetime
    size: str
    kinds: str
    accept: str
    left: int
    most_bytes: int
    most_files: int


def files_url(request: WebRequest, token: str, language: str, **query: str) -> str:
    """The address of the list. It names the language, because the ticket's may be another."""
    asked = "".join(f"&{name}={value}" for name, value in query.items())
    return f"{request.base}/t/{token}/files?lang={language}{asked}"


def files(request: WebRequest) -> Answer:
    """Show the files of a ticket, and the form that sends one more."""

    def render() -> Answer:
        number = wiring.customer_cases().number_of(request.token)
        view = wiring.files().view(number)
        ticket = view.ticket
        language = asked_language(request) or ticket.language
        item = _item(request, view, language)
        form = _form(request, view, language, item.id if item else None)
        return page(
            request,
            200,
            "files.html",
            language,
            _security(form),
            zone=view.zone,
            number=number,
            subject=ticket.subject,
            token=request.token,
            back=f"{request.base}/t/{request.token}?lang={language}",
            files=[_shown(request, file, language) for file in view.files],
            form=form,
            item=item,
            why="closed" if view.closed else "full",
            sent=bool(request.query("sent")),
            said=SAID,
            script_version=script().digest,
            switch=[
                (
                    code,
                    files_url(request, request.token, code, **({"item": item.id} if item else {})),
                )
                for code in LANGUAGES
            ],
        )

    return guarded(request, render)


class ForItem(msgspec.Struct, frozen=True):
    """The item of the checklist for which the customer sends a file. `text` is what it says."""

    id: str
    text: str


def _item(request: WebRequest, view: FilesView, language: str) -> ForItem | None:
    """Return the item that the address names; None if it names none that takes a file now."""
    id_ = request.query("item")
    text = wiring.files().item(view.ticket, id_) if id_ else None
    return ForItem(id_, text[language]) if text is not None else None


def _form(request: WebRequest, view: FilesView, language: str, item: str | None) -> Form | None:
    """Return the form, or None if the ticket takes no more files."""
    links, number = wiring.links(), view.ticket.number

    def back(file: str, expires: datetime) -> str:
        over = expires + SENDING
        return f"{request.base}/f/{links.return_token(number, file, language, over)}"

    if not view.takes_files:
        return None
    try:
        offered = wiring.files().offer(number, "", None, back, item)
    except (NotAllowedNow, InvalidInput, NotFound):
        return None  # it was closed, became full, or got another checklist, since it was read
    plan, left = view.limits, view.left
    named = [catalogue.text(language, f"files.kind.{kind}") for kind in plan.types]
    return Form(
        url=offered.url,
        fields=offered.fields,
        expires_at=offered.expires_at,
        size=size(plan.most_bytes),
        kinds=listed(language, named),
        accept=_accept(plan.types),
        left=left,
        most_bytes=plan.most_bytes,
        most_files=min(plan.most_at_once, left),
    )


def _accept(types: tuple[str, ...]) -> str:
    """The value of `accept`: endings and media types, because systems know one or the other.

    "" if the plan takes what nothing recognises.
    """
    from redress.files.rules.kinds import KINDS  # not at the top: the form does not need it

    if OTHER_FILES in types:
        return ""
    found: list[str] = []
    for kind in types:
        if kind in ("image", "audio", "video"):
            found.append(f"{kind}/*")  # a phone then offers its camera
        found += [f".{ending}" for ending in KINDS[kind].values()]
    return ",".join(dict.fromkeys(found))


def _security(form: Form | None) -> dict[str, str]:
    """The policy of this page: its own script, and forms that go to the bucket too."""
    if form is None:
        return {}
    address = urlsplit(form.url)
    bucket = f"{address.scheme}://{address.netloc}"
    policy = PAGE_SECURITY["Content-Security-Policy"].replace(
        "form-action 'self'", f"form-action 'self' {bucket}"
    )
    return {"Content-Security-Policy": f"{policy}; script-src 'self'; connect-src 'self' {bucket}"}


def _shown(request: WebRequest, file: Attached, language: str) -> ShownFile:
    from redress.files.rules.refusals import UNSCANNED

    own, state = file.by.role is Role.CUSTOMER, file.state.value
    if file.state is FileState.FOUND and (file.reason or "").startswith(UNSCANNED):
        state = UNSCANNED
    address = f"{request.base}/t/{request.token}/files/{file.id}"
    return ShownFile(
        name=file.name,
        by="customer" if own else "staff",
        size=size(file.size),
        at=file.at,
        state=state,
        reason=_reason(file, language),
        opens=f"{address}?lang={language}" if file.state is FileState.CLEAN else "",
        withdrawal=f"{address}/withdrawal" if own and file.is_kept and not file.of_mail else "",
    )


def _reason(file: Attached, language: str) -> str:
    """Why a file was refused, in words; "" if there is nothing to say.

    What a scanner calls its find says nothing to a customer, so staff alone see it.
    """
    key = f"files.reason.{file.reason}"
    known = file.state is FileState.REFUSED and catalogue.has(language, key)
    return catalogue.text(language, key) if known else ""


def listed(language: str, named: Sequence[str]) -> str:
    """Return these words as a list in a sentence."""
    return reduce(
        lambda first, second: catalogue.text(
            language, "files.kinds_and", first=first, second=second
        ),
        named,
    )


def came_back(request: WebRequest) -> Answer:
    """Redirect a browser that has sent a file to the list of files. The address works once."""

    def render() -> Answer:
        try:
            returned = wiring.returning().use(request.token)
        except LinkExpired:
            return _words(request, 410, language_of(request), "return.over", "return.text")
        if not returned.first:
            return _words(request, 410, returned.language, "return.used", "return.text")
        token = wiring.links().status_token(returned.number)
        return see_other(files_url(request, token, returned.language, sent="1"))

    return guarded(request, render)


def download(request: WebRequest) -> Answer:
    """Redirect to the download of a file. A file that nobody can open is answered with words."""

    def render() -> Answer:
        number = wiring.customer_cases().number_of(request.token)
        try:
            return see_other(wiring.files().open(number, request.path["file"]))
        except FileNotOpen as error:
            state = error.reason
        status = 409 if state == FileState.HELD else 410
        text = "not_passed" if state == FileState.FOUND else f"state.{state}"
        language = language_of(request)
        return _words(request, status, language, f"open.{state}", text, request.token)

    return guarded(request, render)


def withdraw_on_page(request: WebRequest) -> Answer:
    """Withdraw a file of the customer, then redirect back to the list (303)."""

    def render() -> Answer:
        number = wiring.customer_cases().number_of(request.token)
        posted(request)  # the form has no field but the language
        wiring.files().withdraw(number, request.path["file"])
        return see_other(files_url(request, request.token, language_of(request)))

    return guarded(request, render, request.token)


def _words(
    request: WebRequest,
    status: int,
    language: str,
    heading: str,
    text: str,
    token: str = "",
) -> Answer:
    """A page that says why there is no file. Without a token it has no link to a ticket."""
    return page(
        request,
        status,
        "file.html",
        language,
        heading=catalogue.text(language, f"files.{heading}"),
        text=catalogue.text(language, f"files.{text}"),
        back=files_url(request, token, language) if token else "",
    )
