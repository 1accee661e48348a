"""An answer to a customer as it is sent to the system of a connector, and reports about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from redress.base import instants, texts
from redress.base.errors import Fault, InvalidInput, pointer
from redress.tickets.rules.answers import AnswerState
from redress.tickets.rules.numbers import normalised
from redress.tickets.rules.ticket import Event, Ticket

URL_LIMIT = 500
MOST_HOURS = 24 * 30
"""The longest window of a connector, in hours."""
WHY_LIMIT = 200

REPORTED = (AnswerState.DELIVERED.value, AnswerState.FAILED.value)
"""The states that a receipt can report. That an answer was sent is known here."""

_HOST = re.compile(
    r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]"
)
_REST = re.compile(r"[!-~]*", re.ASCII)


def fault_of_url(url: str) -> Fault | None:
    """The fault of an address to which answers are to be sent; None if it has the right form.

    Only `https` with a host name and the usual port is allowed. Whether the name leads to a public
    address is checked for each answer (`connectors.https`), because that changes.
    """
    here = "/answers_url"
    if len(url) > URL_LIMIT:
        return Fault(here, "too_long", f"at most {URL_LIMIT} characters")
    detail = "an address such as https://social.example.com/answers, without port, user or fragment"
    wrong = Fault(here, "url_expected", detail)
    if _REST.fullmatch(url) is None or "#" in url or "\\" in url:
        return wrong
    try:
        parts = urlsplit(url)
    except ValueError:
        return wrong
    is_plain = parts.scheme == "https" and _HOST.fullmatch(parts.netloc.lower()) is not None
    return None if is_plain else wrong


def id_of(number: str, event: int) -> str:
    """`R-7K3M9-QW0X2-3`: the id of the answer that is the event 3 of this ticket.

    It is the same for each attempt. Standard Webhooks allows no full stop in it.
    """
    return f"{number}-{event}"


def body_of(
    ticket: Ticket, event: Event, text: str, status_url: str, item: str | None = None
) -> dict[str, Any]:
    """The content of an answer. It is the same for each attempt as far as `text` is.

    `item` is what the plan calls the item of the checklist that the words are about, if they are
    about one. Files are only named: the customer opens them on the status page.
    """
    via, data = event.data["via"], event.data
    return {
        "type": "answer",
        "id": id_of(ticket.number, event.number),
        "conversation": via["id"],
        "ticket": ticket.number,
        "event": event.type.value,
        "at": instants.written(event.at),
        "language": ticket.language,
        "text": text,
        **({} if item is None else {"item": item}),
        "files": [{"name": one["name"], "size": one["size"]} for one in data.get("files", ())],
        "status_url": status_url,
    }


class Receipt(Struct, frozen=True):
    """A report about an answer, the event `event` of a ticket. `why` says why it failed."""

    number: str
    event: int
    state: AnswerState
    why: str = ""


def parse_receipt(body: Any) -> Receipt:
    """Validate a decoded JSON body. Raises InvalidInput that lists every wrong field."""
    if not isinstance(body, Mapping):
        raise InvalidInput([Fault("", "object_expected", "the body must be a JSON object")])
    faults = [
        Fault(pointer(name), "unknown", "this field is not part of a receipt")
        for name in body
        if name not in ("answer", "state", "why")
    ]
    number, event = _answer(body.get("answer"), faults)
    state = body.get("state")
    if not isinstance(state, str) or state not in REPORTED:
        faults.append(Fault("/state", "unknown_value", f"one of {', '.join(REPORTED)}"))
    why = body.get("why")
    if why is None:
        why = ""
    elif not isinstance(why, str):
        faults.append(Fault("/why", "text_expected", "a text is expected here"))
    elif len(why := texts.cleaned_line(why)) > WHY_LIMIT:
        faults.append(Fault("/why", "too_long", f"at most {WHY_LIMIT} characters"))
    elif fault := texts.fault_of(why):
        faults.append(Fault("/why", *fault))
    if faults:
        raise InvalidInput(faults)
    return Receipt(number, event, AnswerState(str(state)), str(why))


def _answer(value: Any, faults: list[Fault]) -> tuple[str, int]:
    """The ticket and the event in the id of an answer (`id_of`)."""
    if isinstance(value, str):
        number, _, event = value.rpartition("-")
        if normalised(number) == number and re.fullmatch(r"[1-9][0-9]{0,8}", event, re.ASCII):
            return number, int(event)
    detail = "the id of an answer is expected here, such as R-7K3M9-QW0X2-3"
    faults.append(Fault("/answer", "unknown_value", detail))
    return "", 0
