"""Validation of submissions from the web form and the JSON API.

Both endpoints use `parse`, which reports all wrong fields at once. It is written in plain Python,
because a typed decoder stops at the first wrong field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from redress.base import addresses, phones, texts
from redress.base.errors import Fault, InvalidInput, pointer
from redress.base.languages import LANGUAGES
from redress.plans.rules import categories
from redress.plans.rules.plan import KINDS
from redress.plans.rules.reader import NAME
from redress.tickets.rules.ticket import Contact

SUBJECT_LIMIT = 200
DESCRIPTION_LIMIT = 20_000
REMEDY_LIMIT = 2_000
NAME_LIMIT = 100
ORDER_LIMIT = 64
COMPANY_LIMIT = 100
ABOUT_LIMIT = 100
MOST_FIELDS = 50
FIELDS_LIMIT = 20_000
"""The most characters of all fields together. The fields of a form cannot have that many."""
PHONE_LIMIT = phones.LIMIT
EMAIL_LIMIT = addresses.LIMIT
DEFAULT_KIND = "inquiry"
_FIELDS = (
    "kind",
    "subject",
    "description",
    "wished_remedy",
    "category",
    "order",
    "about",
    "fields",
    "contact",
    "language",
    "consent",
)


class Submission(Struct, frozen=True):
    """A valid submission. `kind` is the customer's choice, or DEFAULT_KIND if they made none.

    `order` and the company in `contact` help staff. They have no required form. `about` has none,
    either: the name of the member of staff whom a complaint is about, or the number of a ticket
    that they handled.
    """

    kind: str
    channel: str
    language: str
    subject: str
    description: str
    wished_remedy: str | None
    contact: Contact
    order: str | None = None
    category: str | None = None
    fields: tuple[tuple[str, str], ...] = ()
    """The names of fields of the plan, with what the customer wrote. Nothing of it was checked."""
    about: str | None = None


def parse(
    body: Any,
    channel: str,
    known: Callable[[], categories.Section] = tuple,
    *,
    reachable: bool = False,
) -> Submission:
    """Validate a decoded JSON body. Raises InvalidInput that lists every wrong field.

    `known` returns the plan's categories. It is called only if the body names a category, because
    it may have to read the plan. A customer who is `reachable` where they wrote needs neither an
    email address nor a phone number.
    """
    if not isinstance(body, Mapping):
        raise InvalidInput([Fault("", "object_expected", "the body must be a JSON object")])
    faults = [
        Fault(pointer(name), "unknown", "this field is not part of a submission")
        for name in body
        if name not in _FIELDS
    ]

    def text(
        source: Mapping[str, Any],
        name: str,
        at: str,
        limit: int,
        *,
        need: bool,
        line: bool = False,
    ) -> str:
        value = source.get(name)
        if value is None or value == "":
            if need:
                faults.append(Fault(at, "required", "this field is required"))
            return ""
        if not isinstance(value, str):
            faults.append(Fault(at, "text_expected", "a text is expected here"))
            return ""
        cleaned = texts.cleaned_line(value) if line else texts.cleaned(value)
        if need and not cleaned:
            faults.append(Fault(at, "required", "this field is required"))
        elif len(cleaned) > limit:
            faults.append(Fault(at, "too_long", f"at most {limit} characters"))
        elif fault := texts.fault_of(value):
            faults.append(Fault(at, *fault))
        return cleaned

    kind = body.get("kind")
    if kind is None or kind == "":
        kind = DEFAULT_KIND
    is_known = isinstance(kind, str) and kind in KINDS
    if not is_known:
        faults.append(Fault("/kind", "unknown_kind", f"one of {', '.join(KINDS)}"))
    category = body.get("category")
    if category is None or category == "":
        category = None
    elif fault := categories.fault_of(known(), category, kind if is_known else None):
        faults.append(fault)
    language = body.get("language")
    if not isinstance(language, str) or language not in LANGUAGES:
        language = ""
        faults.append(Fault("/language", "unknown_language", f"one of {', '.join(LANGUAGES)}"))
    subject = text(body, "subject", "/subject", SUBJECT_LIMIT, need=True, line=True)
    if _lines(subject) > 1:
        faults.append(Fault("/subject", "one_line", "the subject is one line"))
    description = text(body, "description", "/description", DESCRIPTION_LIMIT, need=True)
    remedy = text(body, "wished_remedy", "/wished_remedy", REMEDY_LIMIT, need=False)
    order = text(body, "order", "/order", ORDER_LIMIT, need=False, line=True)
    if _lines(order) > 1:
        faults.append(Fault("/order", "one_line", "an order number is one line"))
    about = text(body, "about", "/about", ABOUT_LIMIT, need=False, line=True)
    if _lines(about) > 1:
        faults.append(Fault("/about", "one_line", "a name is one line"))
    fields = _fields(body.get("fields"), faults)
    if body.get("consent") is not True:
        faults.append(Fault("/consent", "required", "consent to handling the data is required"))

    contact = body.get("contact")
    name = email = phone = company = ""
    if not isinstance(contact, Mapping):
        faults.append(Fault("/contact", "required", "a contact with a name and a way to reach you"))
    else:
        faults += [
            Fault(pointer("contact", key), "unknown", "this field is not part of a contact")
            for key in contact
            if key not in ("name", "email", "phone", "company")
        ]
        name = text(contact, "name", "/contact/name", NAME_LIMIT, need=True, line=True)
        if _lines(name) > 1:
            faults.append(Fault("/contact/name", "one_line", "the name is one line"))
        company = text(contact, "company", "/contact/company", COMPANY_LIMIT, need=False, line=True)
        if _lines(company) > 1:
            faults.append(Fault("/contact/company", "one_line", "a company is one line"))
        email = text(contact, "email", "/contact/email", EMAIL_LIMIT, need=False)
        phone = text(contact, "phone", "/contact/phone", PHONE_LIMIT, need=False, line=True)
        email = addresses.cleaned(email)
        if email and not addresses.is_address(email):
            faults.append(Fault("/contact/email", *addresses.fault_of(email)))
        if phone and not phones.is_phone(phone):
            faults.append(Fault("/contact/phone", "phone_expected", "this is no phone number"))
        if not reachable and _blank(contact.get("email")) and _blank(contact.get("phone")):
            faults.append(
                Fault("/contact/email", "email_or_phone", "an email address or a phone number")
            )
    if faults:
        raise InvalidInput(_first_of_each_field(faults))
    return Submission(
        kind=kind,
        channel=channel,
        language=language,
        subject=subject,
        description=description,
        wished_remedy=remedy or None,
        contact=Contact(
            name=name, email=email or None, phone=phone or None, company=company or None
        ),
        order=order or None,
        category=category,
        fields=fields,
        about=about or None,
    )


def _fields(given: Any, faults: list[Fault]) -> tuple[tuple[str, str], ...]:
    """Return what the customer wrote into fields of the plan, without empty ones.

    A wrong value is never a reason to refuse a submission, and the plan may have changed since the
    form was shown. So the plan is not asked here: whatever was written is kept for staff.
    """
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        faults.append(Fault("/fields", "object_expected", "an object of names and texts"))
        return ()
    if len(given) > MOST_FIELDS:
        faults.append(Fault("/fields", "too_long", f"at most {MOST_FIELDS} fields"))
        return ()
    found = []
    for name, value in given.items():
        if not NAME.fullmatch(name):
            detail = "a field has a name of small letters, digits and underscores"
            faults.append(Fault(pointer("fields", name), "unknown", detail))
        elif value is not None:
            is_text = isinstance(value, str)
            text = value if is_text else msgspec.json.encode(value).decode()
            found.append((name, texts.cleaned(texts.without_dangers(text))))
    if sum(len(text) for _, text in found) > FIELDS_LIMIT:
        faults.append(Fault("/fields", "too_long", f"at most {FIELDS_LIMIT} characters together"))
    return tuple((name, text) for name, text in found if text)


def _first_of_each_field(faults: list[Fault]) -> list[Fault]:
    """Return one fault for each field.

    A control character in an address also makes it undeliverable. Told so, the person would look
    for a typing error.
    """
    first: dict[str, Fault] = {}
    for fault in faults:
        first.setdefault(fault.pointer, fault)
    return list(first.values())


def _blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and texts.is_empty(value))


def _lines(text: str) -> int:
    """Count lines. Every line break of Unicode counts, because a mail header may contain none."""
    return len(text.splitlines())
