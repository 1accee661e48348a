"""Tests of submissions: what they must contain, and that all wrong fields are listed together."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.base import addresses, catalogue
from redress.base.errors import InvalidInput
from redress.base.languages import LANGUAGES
from redress.plans.rules.categories import Section
from redress.plans.rules.plan import KINDS
from redress.tickets.rules import submission
from redress.tickets.rules.ticket import Contact
from tests.builders import BY_MAIL, BY_PHONE, body, plan_1

LI_NA = "Li Na"


def faults(document: Any) -> set[tuple[str, str]]:
    try:
        submission.parse(document, "api")
    except InvalidInput as invalid:
        for fault in invalid.faults:
            assert catalogue.has("en", f"fault.{fault.code}"), "the form has no text for it"
        return {(fault.pointer, fault.code) for fault in invalid.faults}
    return set()


def test_a_valid_submission_is_parsed() -> None:
    taken = submission.parse(
        body(
            "complaint",
            subject="  水壶漏水  ",
            description="从第二天开始。\n\t把手那里。",
            wished_remedy="换一个新的",
            order=" SO-2026/118\u200b ",
            about=" 李娜\u200b ",
            contact={
                "name": "李娜",
                "email": " li.na@example.com ",
                "phone": "+86 10 5555-0100",
                "company": " 茶馆（北京） ",
            },
            language="zh-CN",
        ),
        "web",
    )
    assert taken == submission.Submission(
        kind="complaint",
        channel="web",
        language="zh-CN",
        subject="水壶漏水",
        description="从第二天开始。\n\t把手那里。",
        wished_remedy="换一个新的",
        contact=Contact("李娜", "li.na@example.com", "+86 10 5555-0100", None, "茶馆（北京）"),
        order="SO-2026/118",
        about="李娜",
    )


@pytest.mark.parametrize("kind", [None, ""])
def test_a_submission_without_a_kind_is_an_inquiry(kind: str | None) -> None:
    assert submission.parse(body(kind=kind), "web").kind == "inquiry"  # type: ignore[arg-type]


def test_a_category_is_checked_against_the_plan_with_all_other_fields() -> None:
    def known() -> Section:
        return plan_1().categories

    taken = submission.parse(body(category="product/defect"), "api", known)
    assert taken.category == "product/defect"
    with pytest.raises(InvalidInput) as refused:
        submission.parse(body("praise", category="toy"), "api", known)
    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [
        ("/kind", "unknown_kind"),
        ("/category", "unknown_category"),
    ]


@pytest.mark.parametrize("none", [None, ""])
def test_the_plan_is_not_read_for_a_submission_without_a_category(none: str | None) -> None:
    def known() -> Section:
        raise AssertionError("the plan was read")

    assert submission.parse(body(category=none), "api", known).category is None


@pytest.mark.parametrize(("about", "code"), [(7, "text_expected"), ("a\nb", "one_line")])
def test_the_name_of_a_member_of_staff_is_a_text_of_one_line(about: Any, code: str) -> None:
    assert faults(body(about=about)) == {("/about", code)}


@pytest.mark.parametrize("order", [None, "", "  "])
def test_a_submission_needs_no_order_number(order: str | None) -> None:
    assert submission.parse(body(order=order), "api").order is None


@pytest.mark.parametrize(
    ("order", "code"),
    [(4403, "text_expected"), ("a\nb", "one_line"), ("a\x07b", "control_characters")],
)
def test_an_order_number_is_a_text_of_one_line(order: Any, code: str) -> None:
    assert faults(body(order=order)) == {("/order", code)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_is_accepted_in_every_language(kind: str, language: str) -> None:
    assert faults(body(kind, language=language)) == set()


def test_all_wrong_fields_are_listed_together() -> None:
    assert faults(
        {
            "kind": "praise",
            "subject": "two\nlines",
            "description": "x" * 20_001,
            "wished_remedy": 7,
            "contact": {"name": " ", "email": "nobody", "phone": "call me", "fax": "1"},
            "language": "fr",
            "consent": "yes",
            "a/b": 1,
        }
    ) == {
        ("/kind", "unknown_kind"),
        ("/subject", "one_line"),
        ("/description", "too_long"),
        ("/wished_remedy", "text_expected"),
        ("/contact/name", "required"),
        ("/contact/email", "email_expected"),
        ("/contact/phone", "phone_expected"),
        ("/contact/fax", "unknown"),
        ("/language", "unknown_language"),
        ("/consent", "required"),
        ("/a~1b", "unknown"),
    }


def test_an_empty_body_lists_all_required_fields() -> None:
    assert faults({}) == {
        ("/subject", "required"),
        ("/description", "required"),
        ("/contact", "required"),
        ("/language", "unknown_language"),
        ("/consent", "required"),
    }


@pytest.mark.parametrize("document", [None, [], "text", 5, True])
def test_a_body_must_be_an_object(document: Any) -> None:
    assert faults(document) == {("", "object_expected")}


@pytest.mark.parametrize(
    "unseen", ["\u200b", "\ufeff\u2060", "\u202e", "\u3164", "\u2800 ", "\x00\x1b"]
)
def test_a_text_that_nobody_can_see_is_missing(unseen: str) -> None:
    contact = {"name": unseen, "phone": "+86 10 5555 0100"}
    found = faults(body(subject=unseen, description=unseen, contact=contact))
    assert found == {
        ("/subject", "required"),
        ("/description", "required"),
        ("/contact/name", "required"),
    }


def test_a_subject_and_a_name_keep_no_hidden_or_reordering_characters() -> None:
    taken = submission.parse(
        body(
            subject="\u202ePaid\u202c twi\u200bce ❤️",
            description="\u2067a\u2069 b\u200f",
            contact={"name": "Li\u2066 Na\u200e", "email": "li.na@example.com"},
        ),
        "api",
    )
    assert (taken.subject, taken.contact.name) == ("Paid twice ❤️", "Li Na")
    assert taken.description == "a b"


@pytest.mark.parametrize("consent", [False, None, 1, "true", [True]])
def test_only_true_is_consent(consent: Any) -> None:
    assert faults(body(consent=consent)) == {("/consent", "required")}


@pytest.mark.parametrize(
    "contact",
    [
        {"name": LI_NA},
        {"name": LI_NA, "email": "", "phone": ""},
        {"name": LI_NA, "email": None, "phone": None},
        {"name": LI_NA, "email": "   "},
        {"name": LI_NA, "email": "\u200b"},
        {"name": LI_NA, "phone": "\t"},
        {"name": LI_NA, "email": " ", "phone": " "},
    ],
)
def test_a_contact_without_email_and_phone_is_refused(contact: Any) -> None:
    assert faults(body(contact=contact)) == {("/contact/email", "email_or_phone")}


@pytest.mark.parametrize("contact", [BY_MAIL, BY_PHONE])
def test_email_or_phone_alone_is_enough(contact: Any) -> None:
    assert faults(body(contact=contact)) == set()


GOOD_ADDRESSES = [
    "li.na@example.com",
    "li+kettle@mail.example.co.uk",
    "li.na@例子.中国",
    "o'neill@example.com",
    "a@b.cd",
]
BAD_ADDRESSES = [
    "li.na",
    "li.na@example",
    "li na@example.com",
    "li.na@@example.com",
    "li.na@exam ple.com",
    "li.na@example.com,eve@example.com",
    "li.na@example.com, eve",
    "li.na@example.com>",
    "<li.na@example.com>",
    "li.na@.example.com",
    "li.na@example..com",
    "li.na@example.com.",
    "@example.com",
    "li.na@example.com\nBcc: eve@example.com",
    "li.na@example.com;x.com",
    "x" * 243 + "@example.com",
    "li..na@example.com",
    "li.na.@example.com",
    "李娜@example.com",
    f"li.na@{'a' * 64}.example",
]


@pytest.mark.parametrize("email", GOOD_ADDRESSES)
def test_a_valid_email_address_is_accepted(email: str) -> None:
    assert faults(body(contact={"name": LI_NA, "email": email})) == set()


@pytest.mark.parametrize("email", BAD_ADDRESSES)
def test_an_invalid_email_address_or_a_list_is_refused(email: str) -> None:
    found = faults(body(contact={"name": LI_NA, "email": email}))
    assert {pointer for pointer, _ in found} == {"/contact/email"}


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("\u200bwang@example.org", "wang@example.org"),
        ("wang\u2060@example.org\u3000", "wang@example.org"),
        ("ｗａｎｇ＠example。org", "wang@example.org"),
        ("Wang@Bücher.example", "Wang@Bücher.example"),
    ],
)
def test_an_address_is_stored_without_what_nobody_means_to_type(typed: str, stored: str) -> None:
    taken = submission.parse(body(contact={"name": LI_NA, "email": typed}), "web")
    assert taken.contact.email == stored


@given(st.text(max_size=12), st.text(max_size=12))
def test_every_address_that_is_accepted_can_be_mailed(local: str, domain: str) -> None:
    contact = {"name": LI_NA, "email": f"a{local}@b{domain}.example"}
    try:
        taken = submission.parse(body(contact=contact), "web")
    except InvalidInput:
        return
    assert addresses.deliverable(taken.contact.email or "") is not None


def test_a_phone_number_is_stored_as_written_without_hidden_characters() -> None:
    contact = {"name": LI_NA, "phone": "\u202d（010） 5555\u20110100 转 12\u202c"}
    taken = submission.parse(body(contact=contact), "api")
    assert taken.contact.phone == "（010） 5555\u20110100 转 12"


@pytest.mark.parametrize("phone", ["110 11", "+886 2 5550 0100", "(010) 5555-0100", "010.555.0100"])
def test_phone_numbers_are_accepted_in_common_notations(phone: str) -> None:
    assert faults(body(contact={"name": LI_NA, "phone": phone})) == set()


@pytest.mark.parametrize(
    "phone", ["1234", "call me", "+", "(", "++86 10 5555", "1" * 41, "110;119"]
)
def test_an_invalid_phone_number_is_refused(phone: str) -> None:
    found = faults(body(contact={"name": LI_NA, "phone": phone}))
    assert {pointer for pointer, _ in found} == {"/contact/phone"}


BREAKS = ["\n", "\r", "\r\n", "\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x1e"]


@pytest.mark.parametrize("line_break", BREAKS)
def test_line_breaks_are_refused_in_fields_that_become_mail_headers(line_break: str) -> None:
    broken = f"Kettle{line_break}Bcc: eve@example.com"
    assert "/subject" in {pointer for pointer, _ in faults(body(subject=broken))}
    contact = {"name": broken, "email": "li.na@example.com"}
    assert "/contact/name" in {pointer for pointer, _ in faults(body(contact=contact))}


@pytest.mark.parametrize("character", ["\0", "\x07", "\x1b", "\x7f"])
def test_control_characters_are_refused(character: str) -> None:
    assert faults(body(description=f"a{character}b")) == {("/description", "control_characters")}


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("email", "li\x1bna@example.com", "control_characters"),
        ("email", "li.na@example.com\x00", "control_characters"),
        ("email", "\x07", "control_characters"),
        ("email", "li\ud800@example.com", "not_unicode"),
        ("email", f"li@{'a.' * 150}example", "too_long"),
        ("email", 7, "text_expected"),
        ("phone", "+86 10\x1b5555 0100", "control_characters"),
        ("phone", "0" * 200, "too_long"),
        ("name", "Li\x0bNa", "control_characters"),
        ("name", "Li\x1b\nNa", "control_characters"),
    ],
)
def test_a_field_has_one_fault(field: str, value: Any, code: str) -> None:
    contact = {"name": LI_NA, "phone": "+86 10 5555 0100"}
    if field == "email":
        del contact["phone"]
    document = body(contact={**contact, field: value})
    with pytest.raises(InvalidInput) as invalid:
        submission.parse(document, "api")
    assert [(one.pointer, one.code) for one in invalid.value.faults] == [
        (f"/contact/{field}", code)
    ]


@pytest.mark.parametrize("text", ["a\ud800b", "\udfffz"])
def test_unpaired_surrogates_are_refused(text: str) -> None:
    assert faults(body(description=text)) == {("/description", "not_unicode")}


@pytest.mark.parametrize(
    ("field", "limit"),
    [
        ("subject", 200),
        ("description", 20_000),
        ("wished_remedy", 2_000),
        ("order", 64),
        ("about", 100),
    ],
)
def test_texts_are_limited_in_length(field: str, limit: int) -> None:
    assert faults(body(**{field: "字" * limit})) == set()
    assert faults(body(**{field: "字" * (limit + 1)})) == {(f"/{field}", "too_long")}


@pytest.mark.parametrize("contact", [None, [], "li.na@example.com", 5])
def test_a_contact_must_be_an_object(contact: Any) -> None:
    assert faults(body(contact=contact)) == {("/contact", "required")}


# -------------------------------------------------------------------------------- fuzz

TEXTS = st.text(st.characters(), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["kind", "subject", "description", "wished_remedy", "order", "about", "language", "consent"]
)
CONTACTS = st.dictionaries(st.sampled_from(["name", "email", "phone", "fax"]) | TEXTS, VALUES)


@given(VALUES)
def test_any_body_is_accepted_or_refused(document: Any) -> None:
    faults(document)


@given(st.dictionaries(FIELDS | TEXTS, VALUES), CONTACTS | VALUES)
def test_a_submission_with_any_field_values_is_accepted_or_refused(
    fields: dict[str, Any], contact: Any
) -> None:
    document = {**body(), "contact": contact, **fields}
    try:
        taken = submission.parse(document, "api")
    except InvalidInput:
        return
    assert taken.kind in KINDS
    assert taken.contact.email or taken.contact.phone
    assert taken.subject == taken.subject.strip() != ""
    assert len(taken.subject.splitlines()) == 1
    taken.description.encode()  # only valid Unicode is stored and mailed


@pytest.mark.parametrize(
    "text", ["", "  ", "7", "?!", "R-1 / 2 #3", "订单：7", "<b>x</b>", "x" * 64]
)
def test_order_and_company_have_no_form_and_are_never_required(text: str) -> None:
    contact = {"name": LI_NA, "email": "li.na@example.com", "company": text}
    assert faults(body(order=text, contact=contact)) == set()
    assert faults(body()) == set()


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("KX-1", "KX-1"),
        ("  ", None),
        (None, None),
        (7, "7"),
        (True, "true"),
        (["a", 1], '["a",1]'),
        ("two\nlines", "two\nlines"),
        ("\x1b[2J", "[2J"),
        ("x" * 20_000, "x" * 20_000),
    ],
)
def test_no_value_of_a_field_is_a_reason_to_refuse_a_submission(
    value: object, kept: str | None
) -> None:
    found = submission.parse(body(fields={"serial": value}), "api").fields
    assert found == (() if kept is None else (("serial", kept),))


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ("KX-1", ("/fields", "object_expected")),
        ({"Serial No": "x"}, ("/fields/Serial No", "unknown")),
        ({f"f{n}": "x" for n in range(51)}, ("/fields", "too_long")),
        ({"a": "x" * 20_000, "b": "x"}, ("/fields", "too_long")),
    ],
)
def test_fields_that_no_form_can_send_are_refused_by_name(
    fields: object, fault: tuple[str, str]
) -> None:
    assert faults(body(fields=fields)) == {fault}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x" * 101, "too_long"),
        ("two\nlines", "one_line"),
        ("\x1b[2J", "control_characters"),
        (7, "text_expected"),
    ],
)
def test_order_and_company_are_refused_like_any_other_line(text: object, code: str) -> None:
    contact = {"name": LI_NA, "email": "li.na@example.com", "company": text}
    found = faults(body(order=text, contact=contact))
    assert found == {("/order", code), ("/contact/company", code)}
