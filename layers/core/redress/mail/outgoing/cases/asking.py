"""Ask for a mail with the links of an address's open tickets, on behalf of whoever lost them.

The case looks up nothing. So its answer is the same for every address, in content and in time, and
tells nobody whether an address belongs to a customer. The mailer does the rest
(`mail.outgoing.cases.lost_links`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from redress.base import addresses, texts
from redress.base.errors import Fault, InvalidInput, pointer
from redress.db import keys
from redress.mail.outgoing.messages import Job, LostLinks


class AskingCase:
    """Puts jobs for mails with links into the mail queue, with `ask`."""

    def __init__(self, ask: Callable[[Job], None]) -> None:
        self._ask = ask

    def ask_for_links(self, body: Mapping[str, Any]) -> str:
        """Ask for the links of the address in `email`, and return it as it was understood.

        Raises InvalidInput for an unknown field, and if mail cannot be sent to the address.
        """
        address = _checked(body)
        self._ask(links_job(address))
        return address


def links_job(email: str) -> LostLinks:
    """Return the job for an address, in any spelling of it."""
    return LostLinks(keys.contact_digest("email", addresses.canonical(email)))


def _checked(body: Mapping[str, Any]) -> str:
    faults = [Fault(pointer(name), "unknown", "unknown field") for name in body if name != "email"]
    email, fault = body.get("email"), None
    if email is None or email == "":
        fault = ("required", "this field is required")
    elif not isinstance(email, str):
        fault = ("text_expected", "a text is expected here")
    elif texts.is_empty(email):
        fault = ("required", "this field is required")
    elif len(email) > addresses.LIMIT:
        fault = ("too_long", f"at most {addresses.LIMIT} characters")
    elif not addresses.is_address(email):
        fault = addresses.fault_of(email)
    if fault is not None:
        faults.append(Fault("/email", *fault))
    if faults:
        raise InvalidInput(faults)
    return addresses.cleaned(str(email))
