"""The customer's pages and JSON API: the customer function with its use cases, against moto."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable
from copy import replace
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, EndpointConnectionError
from openapi_spec_validator import validate

from redress.base import catalogue, instants
from redress.base.errors import NotFound, Unavailable
from redress.base.languages import LANGUAGES
from redress.base.people import CUSTOMER, Actor, Role
from redress.base.phrases import moment
from redress.clocks.rules.clocks import ClockName
from redress.plans.rules.document import parse
from redress.plans.store.plans import Plans
from redress.tickets.cases.customer import PUBLIC, CustomerCases
from redress.tickets.cases.intake import IntakeCase
from redress.tickets.rules.attached import Attached, FileState
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_customer, by_departments, by_staff, by_system, remedying
from redress.tickets.rules.steps.by_departments import NewTask
from redress.tickets.rules.steps.by_staff import Classification
from redress.tickets.rules.steps.remedying import NewRemedy
from redress.tickets.rules.ticket import EventType, Ticket
from redress.wiring import customer as customer_wiring
from redress.wiring import staff as staff_wiring
from redress.wiring import stores as wired_stores
from tests.builders import NUMBER, OWN_FIELDS, ROOT, Clock, Life, plan_document
from tests.functions.conftest import BASE_ADDRESS, ENVIRONMENT, MEMBERS, altered
from tests.pictures import png
from tests.wired import TABLE, rewire, set_environment
from tests.world import Context, Stores, aws, load, read_sample

pytestmark = pytest.mark.usefixtures("table")

_POSTED = base64.b64decode(read_sample("customer-form-submission")["body"]).decode()
FORM = dict(parse_qsl(_POSTED, keep_blank_values=True))
"""The form fields that the sample event posts."""

Site = Callable[..., dict[str, Any]]


@pytest.fixture
def site() -> Site:
    """Calls the function with `events/customer-{name}.json`, with the changes that a test gives."""

    def call(
        name: str,
        form: dict[str, str] | None = None,
        /,
        *,
        body: Any = None,
        raw: str | None = None,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        stage: dict[str, str] | None = None,
        **path: str,
    ) -> dict[str, Any]:
        if form is not None:
            raw = urlencode(form)
        if body is not None:
            raw = json.dumps(body)
        event = altered(
            read_sample(f"customer-{name}"), body=raw, query=query, headers=headers, path=path
        )
        if stage is not None:
            event["stageVariables"] = stage
        found: dict[str, Any] = load("customer").handler(event, Context())
        return found

    return call


def submit(site: Site, **changed: str) -> tuple[str, str]:
    """Submit the form. Returns the ticket's number and the token of its status page."""
    answer = site("form-submission", FORM | changed)
    assert answer["statusCode"] == 201, answer["body"]
    found = re.search(rf"{re.escape(BASE_ADDRESS)}/t/((R-[0-9A-Z-]+)\.[\w-]+)", answer["body"])
    assert found is not None
    return found[2], found[1]


def press(site: Site, token: str, action: str, **fields: str) -> dict[str, Any]:
    """Press the button of this action on the status page, with these form fields."""
    return site("status-action", fields, token=token, action=action)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def resolved(stores: Stores, clock: Clock, number: str) -> None:
    ticket = stores.tickets.get(number)
    plan = stores.plans.get(ticket.plan_version)
    by = Actor(Role.AGENT, "a-mei")
    change = by_staff.resolve(
        ticket, plan, by, "A new cup is on its way.", "upheld", "new cup", "packing", clock.now()
    )
    stores.tickets.commit(change, clock.now())


class PageStructure(HTMLParser):
    """The parts of a page on which a screen reader relies, and the values of hidden fields."""

    def __init__(self) -> None:
        super().__init__()
        self.language = ""
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.labelled: set[str] = set()
        self.controls: list[str] = []
        self.described: list[str] = []
        self.jumps: list[str] = []
        self.checked: list[tuple[str, str]] = []
        self.hidden: dict[str, str] = {}
        self._in_label = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        if tag == "html":
            self.language = values["lang"]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "label":
            self._in_label += 1
            if "for" in values:
                self.labelled.add(values["for"])
        if values.get("href", "").startswith("#"):
            self.jumps.append(values["href"][1:])
        if "checked" in values:
            self.checked.append((values["name"], values["value"]))
        if values.get("type") == "hidden":
            self.hidden[values["name"]] = values["value"]
        if "aria-describedby" in values:
            self.described += values["aria-describedby"].split()
        if tag in ("input", "select", "textarea") and values.get("type") != "hidden":
            if self._in_label:
                self.labelled.add(values.get("id", ""))
            else:
                self.controls.append(values["id"])

    def handle_endtag(self, tag: str) -> None:
        if tag == "label":
            self._in_label -= 1


def structure(answer: dict[str, Any]) -> PageStructure:
    found = PageStructure()
    found.feed(answer["body"])
    return found


def header(answer: dict[str, Any], name: str) -> str:
    values = {key.lower(): value for key, value in answer["headers"].items()}
    return str(values[name.lower()])


def test_previous_link_key_is_fetched_only_for_a_link_that_was_signed_with_it(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cold start that only creates a link must wait for one call only."""
    before = customer_wiring.links().status_token(NUMBER)
    aws("secretsmanager").put_secret_value(
        SecretId=ENVIRONMENT["LINK_KEY_SECRET"], SecretString="the next key"
    )
    rewire()
    asked: list[str] = []
    real: Any = vars(BaseClient)["_make_api_call"]

    def counting(client: Any, name: str, given: dict[str, Any]) -> Any:
        asked.append(given["VersionStage"])
        return real(client, name, given)

    monkeypatch.setattr(BaseClient, "_make_api_call", counting)
    after = customer_wiring.links().status_token(NUMBER)
    assert after != before
    assert customer_wiring.links().read_status(after) == NUMBER
    assert asked == ["AWSCURRENT"]
    assert customer_wiring.links().read_status(before) == NUMBER
    for _ in range(3):
        with pytest.raises(NotFound):
            customer_wiring.links().read_status(f"{NUMBER}.forged")
    assert asked == ["AWSCURRENT", "AWSPREVIOUS"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_form_has_headings_labels_and_ids_for_screen_readers_in_every_language(
    site: Site, language: str
) -> None:
    answer = site("form", query={"lang": language})

    assert answer["statusCode"] == 200
    found = structure(answer)
    assert found.language == language
    assert found.headings[0] == 1
    assert set(found.controls) <= found.labelled
    assert len(found.ids) == len(set(found.ids))
    assert set(found.described) <= set(found.ids)
    assert "<script" not in answer["body"]


def test_form_uses_the_language_of_the_browser_and_the_kind_of_the_complaint_link(
    site: Site,
) -> None:
    answer = site("form", headers={"Accept-Language": "zh-HK,en;q=0.5"})

    assert structure(answer).language == "zh-TW"
    assert '<option value="complaint" selected>' in answer["body"]


@pytest.mark.parametrize(
    ("language", "group", "label", "general"),
    [
        ("zh-CN", "配送", "运输途中损坏", "配送：其他"),
        ("zh-TW", "配送", "運送途中損壞", "配送：其他"),
        ("en", "Delivery", "Damaged on the way", "Delivery: something else"),
    ],
)
def test_form_offers_the_categories_of_the_plan_in_groups(
    site: Site, language: str, group: str, label: str, general: str
) -> None:
    page = site("form", query={"lang": language})["body"]
    assert f'<optgroup label="{group}">' in page
    assert f'<option value="delivery/damaged">{label}</option>' in page
    assert f'<option value="delivery">{general}</option>' in page


def test_status_page_shows_the_category_that_the_customer_chose_or_staff_corrected(
    site: Site, stores: Stores, clock: Clock
) -> None:
    number, token = submit(site, category="delivery/damaged")
    page = site("status", token=token, query={"lang": "en"})["body"]
    assert "Delivery / Damaged on the way" in page
    found = site("api-ticket", headers=bearer(token), number=number)
    shown = json.loads(found["body"])
    assert shown["category"] == "delivery/damaged"
    assert shown["category_label"]["zh-CN"] == "配送 / 运输途中损坏"
    lin, wanted = Actor(Role.SUPERVISOR, "s-lin"), Classification(category="product/defect")
    stores.changes.change(
        number, lambda t, p, at: by_staff.reclassify(t, p, lin, wanted, "a seal", at)
    )
    assert "Product / Defect" in site("status", token=token, query={"lang": "en"})["body"]


def test_status_page_of_a_ticket_without_a_category_shows_none(site: Site) -> None:
    number, token = submit(site, category="")
    shown = json.loads(site("api-ticket", headers=bearer(token), number=number)["body"])
    assert (shown["category"], shown["category_label"]) == (None, None)


def test_form_keeps_the_chosen_category_and_refuses_one_that_the_plan_lost(site: Site) -> None:
    answer = site("form-submission", FORM | {"category": "delivery/damaged", "subject": ""})
    assert '<option value="delivery/damaged" selected>' in answer["body"]
    lost = site("form-submission", FORM | {"category": "delivery/by_drone"})
    assert lost["statusCode"] == 422
    found = structure(lost)
    assert "category-fault" in found.ids
    assert found.jumps == ["main", "category"]


def test_form_of_a_plan_without_categories_has_no_such_field(site: Site, clock: Clock) -> None:
    document = plan_document() | {"version": 2, "classification": {}, "conflict": {}}
    del document["categories"], document["checklists"]
    staff_wiring.plan_cases().publish(MEMBERS["wei"], document)
    clock.advance(minutes=1)
    rewire()
    assert 'name="category"' not in site("form")["body"]


def test_form_is_shown_without_categories_while_the_plan_cannot_be_read(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Any) -> Any:
        raise Unavailable()

    monkeypatch.setattr(Plans, "current", fail)
    answer = site("form")
    assert answer["statusCode"] == 200
    assert 'name="category"' not in answer["body"]
    assert 'name="subject"' in answer["body"]


def test_pages_forbid_scripts_frames_referrers_and_caches(site: Site) -> None:
    answer = site("form")

    assert "default-src 'none'" in header(answer, "Content-Security-Policy")
    assert "frame-ancestors 'none'" in header(answer, "Content-Security-Policy")
    assert header(answer, "Referrer-Policy") == "no-referrer"
    assert header(answer, "Cache-Control") == "no-store"


def test_submission_through_the_form_leads_to_a_status_page_with_number_and_promises(
    site: Site, stores: Stores
) -> None:
    number, token = submit(site)

    assert stores.tickets.get(number).channel == "web"
    page = site("status", token=token)
    assert page["statusCode"] == 200
    assert number in page["body"]
    assert "First answer from a person" in page["body"]


def test_submitted_text_is_escaped_on_the_status_page(site: Site) -> None:
    _, token = submit(site, subject="A <b>cup</b>", description="<script>alert(1)</script>")

    body = site("status", token=token)["body"]
    assert "<b>" not in body
    assert "<script" not in body
    assert "&lt;script&gt;" in body


@pytest.mark.parametrize("language", LANGUAGES)
def test_folded_and_marked_parts_of_a_mail_stand_at_their_places(
    site: Site, stores: Stores, clock: Clock, language: str
) -> None:
    number, token = submit(site)
    ticket = stores.tickets.get(number)
    text = "Above.\n---- Forwarded message ----\nNo refund.\nBelow."
    parts = [
        {"kind": "quote", "at": 0, "length": 9, "folded": "> <b>Hi"},
        {"kind": "forward", "at": 7, "length": 39},
        {"kind": "device", "at": len(text), "length": 19, "folded": "Sent from my iPhone"},
    ]
    mail = {"id": "1", "key": "inbound/1", "parts": parts}
    plan = stores.plans.get(ticket.plan_version)
    change = by_customer.write(ticket, plan, text, clock.now(), mail)
    stores.tickets.commit(change, clock.now())

    body = site("status", query={"lang": language}, token=token)["body"]
    line = body.rpartition('<li class="customer">')[2].partition("</li>")[0]
    words = html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "|", line)))
    shown = [word.strip() for word in words.split("|") if word.strip()]

    def name(kind: str) -> str:
        return catalogue.text(language, f"part.{kind}")

    length = [catalogue.text(language, "part.length", length=n) for n in (9, 19)]
    expected = [name("quote"), length[0], "> <b>Hi", name("cut"), "Above."]
    expected += [name("forward"), "---- Forwarded message ---- No refund.", "Below."]
    expected += [name("device"), length[1], "Sent from my iPhone"]
    assert shown[-len(expected) :] == expected
    assert line.count("<details") == 2

    said = site("api-ticket", headers=bearer(token), number=number)
    assert json.loads(said["body"])["timeline"][-1]["parts"] == [
        {"folded": None} | part for part in parts
    ]


def test_same_nonce_gives_the_same_ticket_and_refuses_another_text(site: Site) -> None:
    first, second = submit(site), submit(site)

    assert first == second
    other = site("form-submission", FORM | {"subject": "Another matter"})
    assert other["statusCode"] == 409
    assert "Another matter" in other["body"]
    assert catalogue.text("en", "fault.key_reused") in other["body"]

    third, _ = submit(site, subject="Another matter", nonce=structure(other).hidden["nonce"])
    assert third != first[0]


def test_page_is_the_acknowledgement_for_a_customer_with_only_a_phone_number(
    site: Site, stores: Stores
) -> None:
    answer = site("form-submission", FORM | {"email": "", "phone": "+86 755 2345 6789"})

    assert answer["statusCode"] == 201
    assert "this page is our acknowledgement" in answer["body"]
    found = re.search(r"R-[0-9A-Z]{5}-[0-9A-Z]{5}", answer["body"])
    assert found is not None
    assert stores.tickets.get(found[0]).acknowledged_at is not None


@pytest.mark.parametrize("language", LANGUAGES)
def test_form_says_what_is_wrong_with_a_way_to_reach_the_customer(
    site: Site, language: str
) -> None:
    wrong = {"email": "wang..wei@example.com", "phone": "139 1234 567a", "language": language}
    answer = site("form-submission", FORM | wrong)
    assert answer["statusCode"] == 422
    for code in ("email_undeliverable", "phone_expected"):
        assert catalogue.text(language, f"fault.{code}") in html.unescape(answer["body"])


def test_form_takes_a_phone_number_as_it_was_pasted(site: Site, stores: Stores) -> None:
    number, _ = submit(site, phone="\u202a＋86 139\u20111234\u20115678 转 5\u202c")
    contact = stores.tickets.get(number).contact
    assert contact.phone == "＋86 139\u20111234\u20115678 转 5"
    assert contact.phone_e164 == "+8613912345678"


def test_form_shows_all_faults_together_and_keeps_the_entered_text(site: Site) -> None:
    answer = site(
        "form-submission",
        {"nonce": "n", "language": "en", "description": "typed words", "email": "no address"},
    )

    assert answer["statusCode"] == 422
    found = structure(answer)
    for field in ("subject", "name", "email", "consent"):
        assert f"{field}-fault" in found.ids, field
        assert f'href="#{field}"' in answer["body"]
        assert field in found.ids
    assert "typed words" in answer["body"]
    assert 'value="no address"' in answer["body"]
    assert set(found.described) <= set(found.ids)
    assert found.jumps == ["main", "subject", "name", "email", "consent"]


def test_body_over_the_limit_is_refused_in_the_language_of_the_reader(site: Site) -> None:
    answer = site(
        "form-submission", FORM | {"description": "x" * 400_000}, headers={"Accept-Language": "en"}
    )

    assert answer["statusCode"] == 413
    assert "Too long" in answer["body"]


def test_form_with_an_invalid_nonce_gets_a_new_one_and_can_be_sent_again(site: Site) -> None:
    answer = site("form-submission", FORM | {"nonce": "x" * 300})

    assert answer["statusCode"] == 422
    found = structure(answer)
    assert found.jumps == ["main"]
    assert found.hidden["nonce"] != "x" * 300
    submit(site, nonce=found.hidden["nonce"])


def test_form_in_base64_with_non_ascii_text_is_decoded(site: Site, stores: Stores) -> None:
    answer = site("form-submission", FORM | {"subject": "杯子碎了"})

    assert answer["statusCode"] == 201
    number = re.search(r"R-[0-9A-Z]{5}-[0-9A-Z]{5}", answer["body"])
    assert number is not None
    assert stores.tickets.get(number[0]).subject == "杯子碎了"


@pytest.mark.parametrize(
    "body", [base64.b64encode(b"&".join(b"a=1" for _ in range(60))).decode(), "not base64!"]
)
def test_body_that_no_form_can_send_is_refused(body: str) -> None:
    event = altered(read_sample("customer-form-submission"), headers={"Accept-Language": "en"})

    answer = load("customer").handler(event | {"body": body}, Context())

    assert answer["statusCode"] == 400
    assert catalogue.text("en", "problem.400.title") in answer["body"]


LOST = [(Unavailable(retry_after_s=7), 503), (ValueError("an internal secret"), 500)]


@pytest.mark.parametrize(("error", "status"), LOST)
def test_page_of_a_failed_submission_has_a_button_that_sends_it_again(
    site: Site, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    """The back button would show an empty form with a new nonce, which could open a second ticket.

    An unexpected ValueError is a fault of the product. It is not answered as a wrong request.
    """

    def fail(*args: Any) -> None:
        raise error

    typed = FORM | {"description": 'One line.\nAnother "line".'}
    with monkeypatch.context() as broken:
        broken.setattr(IntakeCase, "submit", fail)
        answer = site("form-submission", typed)

    assert answer["statusCode"] == status
    assert catalogue.text("en", "problem.kept") in answer["body"]
    assert "secret" not in answer["body"]
    if status == 503:
        assert header(answer, "Retry-After") == "7"
    found = structure(answer)
    assert found.hidden == typed
    assert site("form-submission", found.hidden)["statusCode"] == 201


def test_page_of_a_failed_message_has_a_button_that_sends_it_again(
    site: Site, monkeypatch: pytest.MonkeyPatch, stores: Stores
) -> None:
    number, token = submit(site)

    def fail(*args: Any) -> None:
        raise Unavailable

    with monkeypatch.context() as broken:
        broken.setattr(CustomerCases, "write", fail)
        answer = press(site, token, "write", words="One more thing.", language="zh-TW")

    assert answer["statusCode"] == 503
    found = structure(answer)
    assert found.language == "zh-TW"
    assert found.hidden["words"] == "One more thing."
    assert press(site, token, "write", **found.hidden)["statusCode"] == 303
    assert stores.tickets.history(number)[-1].data == {"text": "One more thing."}


def test_status_page_that_cannot_be_read_asks_to_reload(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, token = submit(site)

    def fail(*args: Any) -> None:
        raise Unavailable

    monkeypatch.setattr(CustomerCases, "status", fail)
    answer = site("status", token=token)

    assert answer["statusCode"] == 503
    assert catalogue.text("en", "problem.503.text") in answer["body"]
    assert "<form" not in answer["body"]


def test_failure_is_answered_by_a_page_even_without_a_base_address(site: Site) -> None:
    answer = site("form-submission", FORM, stage={})

    assert answer["statusCode"] == 500
    assert aws("dynamodb").scan(TableName=TABLE)["Count"] == 0, (
        "no ticket may be opened if its link cannot be shown"
    )
    assert structure(answer).hidden == FORM


def test_unknown_link_is_answered_by_a_page_in_the_language_of_the_reader(site: Site) -> None:
    answer = site("status", headers={"Accept-Language": "zh-CN"})

    assert answer["statusCode"] == 404
    assert "找不到此链接" in answer["body"]


def test_message_is_added_once_if_the_button_is_pressed_twice(site: Site, stores: Stores) -> None:
    number, token = submit(site)

    for _ in range(2):
        answer = site("status-action", token=token)
        assert answer["statusCode"] == 303
        assert header(answer, "Location") == f"{BASE_ADDRESS}/t/{token}"
    said = [e for e in stores.tickets.history(number) if e.type == "customer_wrote"]
    assert len(said) == 1


def test_bare_thanks_on_the_status_page_starts_no_clock(site: Site, stores: Stores) -> None:
    number, token = submit(site)
    mei = MEMBERS["mei"].actor
    stores.changes.change(
        number, lambda t, p, at: by_staff.reply(t, p, mei, "Which one?", True, at)
    )
    assert press(site, token, "write", words="Thank you!")["statusCode"] == 303
    ticket = stores.tickets.get(number)
    assert (ticket.state, ticket.unanswered_since) == ("waiting", None)
    assert "Thank you!" in site("status", token=token)["body"]


def test_empty_message_shows_a_fault_next_to_its_field(site: Site) -> None:
    _, token = submit(site)

    answer = press(site, token, "write", words="   ")
    assert answer["statusCode"] == 422
    assert "words-fault" in structure(answer).ids


def test_language_that_the_reader_chose_is_kept_after_an_action(site: Site) -> None:
    _, token = submit(site, language="zh-CN")

    assert structure(site("status", token=token)).language == "zh-CN"
    assert structure(site("status", token=token, query={"lang": "en"})).language == "en"
    done = press(site, token, "write", words="More.", language="en")
    assert header(done, "Location") == f"{BASE_ADDRESS}/t/{token}?lang=en"
    wrong = press(site, token, "write", words=" ", language="en")
    assert structure(wrong).language == "en"
    assert catalogue.text("en", "fault.required") in wrong["body"]
    late = press(site, token, "confirm", language="en")
    assert late["statusCode"] == 409
    assert catalogue.text("en", "problem.409.text") in late["body"]
    assert f'href="{BASE_ADDRESS}/t/{token}?lang=en"' in late["body"]


def test_unknown_action_is_not_found(site: Site) -> None:
    _, token = submit(site)

    assert press(site, token, "delete")["statusCode"] == 404


def test_unknown_path_is_answered_by_a_page_or_by_json_as_accepted(site: Site) -> None:
    found = site("elsewhere", headers={"Accept-Language": "zh-TW"})
    assert found["statusCode"] == 404
    assert structure(found).language == "zh-TW"
    assert catalogue.text("zh-TW", "problem.404.title") in found["body"]

    machine = site("elsewhere", headers={"Accept": "application/json"})
    assert machine["statusCode"] == 404
    assert json.loads(machine["body"])["type"] == "urn:redress:problem:not-found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/tickets/R-7K3M9-QW0X2", "GET"),
        ("GET", "/tickets/R-7K3M9-QW0X2/messages", "POST"),
        ("PUT", "/s/a-token", "GET, POST"),
        ("OPTIONS", "/", "GET"),
        ("POST", "/staff/work", "GET"),
        ("DELETE", "/staff/presence", "PUT"),
        ("GET", "/staff/tickets/R-7K3M9-QW0X2/notes", "POST"),
    ],
)
@pytest.mark.parametrize("stage", ["/v1", ""], ids=["with stage", "own domain"])
def test_wrong_method_on_a_known_path_is_answered_with_those_that_it_has(
    method: str, path: str, allowed: str, stage: str
) -> None:
    """The gateway sends it to the default route, so the path can also be one of staff."""
    event = read_sample("customer-elsewhere") | {"rawPath": f"{stage}{path}"}
    event["requestContext"]["http"] |= {"method": method, "path": f"{stage}{path}"}
    page = load("customer").handler(event, Context())
    assert (page["statusCode"], page["headers"]["Allow"]) == (405, allowed)
    assert catalogue.text("en", "problem.405.title") in page["body"]

    event["headers"]["accept"] = "application/json"
    found = load("customer").handler(event, Context())
    assert (found["statusCode"], found["headers"]["Allow"]) == (405, allowed)
    assert json.loads(found["body"])["type"] == "urn:redress:problem:method-not-allowed"


@pytest.mark.parametrize("path", ["/tickets", "/staff/work", "/staff/tickets/x/notes", "/nothing"])
def test_preflight_of_a_browser_succeeds(path: str) -> None:
    """A browser requires a status of success. The gateway adds the headers of CORS, or does not."""
    event = read_sample("customer-elsewhere") | {"rawPath": f"/v1{path}"}
    event["requestContext"]["http"] |= {"method": "OPTIONS", "path": f"/v1{path}"}
    event["headers"] |= {
        "origin": "https://desk.example.org",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    found = load("customer").handler(event, Context())
    assert (found["statusCode"], found.get("body")) == (204, None)
    assert not [name for name in found["headers"] if name.lower().startswith("access-control")]


@pytest.mark.parametrize(
    "path",
    ["/staff", "/staff/nothing", "/tickets/R-7K3M9-QW0X2/", "/t/a/b/c", "/v1", "//", "/openapi"],
)
def test_path_without_a_route_is_not_found_for_each_method(path: str) -> None:
    event = read_sample("customer-elsewhere") | {"rawPath": f"/v1{path}"}
    for method in ("GET", "PUT"):
        event["requestContext"]["http"] |= {"method": method, "path": f"/v1{path}"}
        found = load("customer").handler(event, Context())
        assert (found["statusCode"], found["headers"].get("Allow")) == (404, None)


def test_opening_the_status_page_confirms_nothing(site: Site, stores: Stores, clock: Clock) -> None:
    number, token = submit(site)
    resolved(stores, clock, number)

    site("status", token=token)
    assert stores.tickets.get(number).state == "resolved"
    assert site("status", token=f"{token}/confirm")["statusCode"] == 404


def test_confirmation_shows_the_survey_on_the_same_page(
    site: Site, stores: Stores, clock: Clock
) -> None:
    number, token = submit(site)
    resolved(stores, clock, number)

    assert "Is it really solved?" in site("status", token=token)["body"]
    assert press(site, token, "confirm")["statusCode"] == 303
    page = site("status", token=token)["body"]
    assert 'name="overall"' in page
    answer = press(site, token, "survey", overall="5", attitude="4", comment="Kind")
    assert answer["statusCode"] == 303
    ticket = stores.tickets.get(number)
    assert (ticket.state, ticket.closure) == ("closed", "confirmed")


def test_confirmation_by_phone_is_shown_as_by_phone(
    site: Site, stores: Stores, clock: Clock
) -> None:
    number, token = submit(site, email="", phone="+86 755 2345 6789")
    resolved(stores, clock, number)
    ticket = stores.tickets.get(number)
    plan = stores.plans.get(ticket.plan_version)
    by = Actor(Role.AGENT, "a-mei")
    called = by_staff.record_callback(ticket, plan, by, "confirmed", "", clock.now())
    stores.tickets.commit(called, clock.now())

    body = site("status", token=token)["body"]
    assert catalogue.text("en", "event.confirmed") in body
    assert catalogue.text("en", "status.by_phone") in body


def test_late_promise_is_shown_as_overdue_and_then_as_missed(
    site: Site, stores: Stores, clock: Clock
) -> None:
    number, token = submit(site)

    assert catalogue.text("en", "promise.overdue") not in site("status", token=token)["body"]
    clock.advance(days=5)
    assert catalogue.text("en", "promise.overdue") in site("status", token=token)["body"]
    resolved(stores, clock, number)
    body = site("status", token=token)["body"]
    assert catalogue.text("en", "promise.missed") in body
    assert catalogue.text("en", "promise.overdue") not in body


def test_paused_promise_shows_what_it_waits_for(site: Site, stores: Stores, clock: Clock) -> None:
    number, token = submit(site, kind="service_request")
    by = Actor(Role.AGENT, "a-mei")
    ticket = stores.tickets.get(number)
    plan = stores.plans.get(ticket.plan_version)
    asked = by_staff.reply(ticket, plan, by, "Which model?", True, clock.now())
    stores.tickets.commit(asked, clock.now())
    seen = {one["clock"]: one for one in promises_of(site, token, number)}
    for name in ("update", "resolution"):
        assert (seen[name]["state"], seen[name]["due_at"]) == ("paused", None)
        assert seen[name]["waits_for"] == "customer"
    body = site("status", token=token)["body"]
    assert catalogue.text("en", "promise.paused.customer") in body
    due = stores.tickets.get(number).clocks[ClockName.RESOLUTION].due_at
    assert moment(due, plan.time_zone, "en") not in body, "a paused promise has no due time"

    written = by_customer.write(asked.after, plan, "The blue one", clock.now())
    stores.tickets.commit(written, clock.now())
    replied = by_staff.reply(written.after, plan, by, "Thank you", False, clock.now())
    stores.tickets.commit(replied, clock.now())
    held = by_staff.hold(replied.after, plan, by, "part", "The lid comes", clock.now())
    stores.tickets.commit(held, clock.now())
    body = html.unescape(site("status", token=token)["body"])
    assert catalogue.text("en", "promise.paused.part") in body
    assert catalogue.text("en", "promise.paused.customer") not in body
    assert catalogue.text("en", "event.held") in body
    assert "The lid comes" in body


def promises_of(site: Site, token: str, number: str) -> list[dict[str, Any]]:
    """The promises of a ticket as the JSON API shows them."""
    found = json.loads(site("api-ticket", headers=bearer(token), number=number)["body"])
    promises: list[dict[str, Any]] = found["promises"]
    return promises


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_promises_are_shown_with_their_state_and_running_ones_first(
    site: Site, stores: Stores, clock: Clock, language: str
) -> None:
    number, token = submit(site, email="", phone="+86 10 5555 0100")
    by, plan = Actor(Role.AGENT, "a-mei"), stores.plans.current()

    def happens(decide: Callable[..., Change], *given: Any, **later: float) -> None:
        clock.advance(**later)
        ticket = stores.tickets.get(number)
        stores.tickets.commit(decide(ticket, plan, *given, clock.now()), clock.now())

    happens(by_staff.tell_progress, by, "We look", minutes=20)
    happens(by_staff.promise, by, clock.now() + timedelta(hours=6), "By three", minutes=1)
    assert [(one["clock"], one["state"]) for one in promises_of(site, token, number)] == [
        ("own_word", "running"),
        ("first_response", "running"),
        ("update", "running"),
        ("resolution", "running"),
        ("acknowledgement", "kept"),
        ("reaction", "kept"),
    ]
    body = html.unescape(site("status", token=token, query={"lang": language})["body"])
    due_at = stores.tickets.get(number).clocks[ClockName.UPDATE].due_at
    by_then = catalogue.text(language, "receipt.by", time=moment(due_at, plan.time_zone, language))
    assert f"{catalogue.text(language, 'clock.update')}</span> <time" in body
    assert by_then in body

    happens(by_staff.reply, by, "Here it is", False, hours=25)
    happens(by_staff.resolve, by, "Done", "upheld", "a cup", "a crack", minutes=1)
    assert [(one["clock"], one["state"]) for one in promises_of(site, token, number)] == [
        ("callback", "running"),
        ("acknowledgement", "kept"),
        ("reaction", "kept"),
        ("own_word", "missed"),
        ("first_response", "missed"),
        ("resolution", "kept"),
    ]
    body = html.unescape(site("status", token=token, query={"lang": language})["body"])
    assert catalogue.text(language, "clock.callback") in body
    assert catalogue.text(language, "clock.update") not in body, "updates end with the resolution"


def test_acknowledgement_is_shown_only_after_it_was_sent(
    site: Site, stores: Stores, clock: Clock
) -> None:
    number, token = submit(site)
    clock.advance(minutes=6)
    shown = {one["clock"]: one["state"] for one in promises_of(site, token, number)}
    assert shown.keys() == {"reaction", "first_response", "resolution"}
    ticket, plan = stores.tickets.get(number), stores.plans.current()
    acknowledged = by_system.acknowledge(ticket, plan, clock.now())
    assert acknowledged is not None
    stores.tickets.commit(acknowledged, clock.now())
    shown = {one["clock"]: one["state"] for one in promises_of(site, token, number)}
    assert shown["acknowledgement"] == "missed"


def test_callback_by_mail_is_shown_as_a_question_and_not_as_a_promise(
    site: Site, stores: Stores, clock: Clock
) -> None:
    number, token = submit(site)
    resolved(stores, clock, number)
    assert "callback" not in {one["clock"] for one in promises_of(site, token, number)}
    assert catalogue.text("en", "act.ask") in site("status", token=token)["body"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_own_word_and_next_reply_are_shown_as_promises_and_kept_by_a_reply(
    site: Site, stores: Stores, clock: Clock, language: str
) -> None:
    number, token = submit(site)
    by = Actor(Role.AGENT, "a-mei")
    plan = stores.plans.current()

    def happens(change: Change) -> None:
        stores.tickets.commit(change, clock.now())

    def api_promises() -> dict[str, tuple[datetime, str]]:
        seen = json.loads(site("api-ticket", headers=bearer(token), number=number)["body"])
        assert f"event.{seen['timeline'][-1]['type']}" in catalogue.catalogue(language)
        return {
            one["clock"]: (datetime.fromisoformat(one["due_at"]), one["state"])
            for one in seen["promises"]
        }

    ticket = stores.tickets.get(number)
    happens(by_staff.reply(ticket, plan, by, "We look", False, clock.now()))
    ticket = stores.tickets.get(number)
    happens(by_customer.write(ticket, plan, "And then?", clock.now()))
    due = clock.now() + timedelta(hours=6)
    ticket = stores.tickets.get(number)
    happens(by_staff.promise(ticket, plan, by, due, "I answer by three", clock.now()))

    assert api_promises()["own_word"] == (due, "running")
    assert api_promises()["next_reply"][1] == "running"
    body = html.unescape(site("status", token=token, query={"lang": language})["body"])
    for key in ("clock.own_word", "clock.next_reply", "event.promised"):
        assert catalogue.text(language, key) in body
    assert "I answer by three" in body

    clock.advance(hours=1)
    ticket = stores.tickets.get(number)
    happens(by_staff.reply(ticket, plan, by, "Here it is", False, clock.now()))
    assert (api_promises()["own_word"][1], api_promises()["next_reply"][1]) == ("kept", "kept")


def test_promise_of_a_withdrawn_ticket_is_shown_as_cancelled(
    site: Site, stores: Stores, clock: Clock
) -> None:
    _, token = submit(site)
    press(site, token, "withdraw", reason="", sure="yes")
    assert catalogue.text("en", "promise.cancelled") in site("status", token=token)["body"]


def test_dispute_requires_a_text_and_reopens_the_ticket_once(
    site: Site, stores: Stores, clock: Clock
) -> None:
    number, token = submit(site)
    resolved(stores, clock, number)

    assert press(site, token, "dispute", text="")["statusCode"] == 422
    for _ in range(2):
        assert press(site, token, "dispute", text="It leaks.")["statusCode"] == 303
    assert stores.tickets.get(number).round == 2


DEPARTMENT = {"zh-CN": "客户服务组", "zh-TW": "客戶服務組", "en": "Customer Service"}
URGE = {"zh-CN": "催办", "zh-TW": "催辦", "en": "Please hurry"}


def ask_department(stores: Stores, clock: Clock, number: str) -> Ticket:
    """Ask the department of service something internal."""
    new = NewTask("service", "The internal title", "The internal text")
    by = Actor(Role.AGENT, "a-mei")
    return stores.changes.change(
        number, lambda t, p, at: by_departments.open_task(t, p, by, new, at)
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_says_which_department_was_asked_and_nothing_of_what(
    site: Site, stores: Stores, clock: Clock, language: str
) -> None:
    number, token = submit(site)
    assert DEPARTMENT[language] not in site("status", query={"lang": language}, token=token)["body"]
    ask_department(stores, clock, number)
    found = site("status", query={"lang": language}, token=token)["body"]
    assert DEPARTMENT[language] in found
    assert 'datetime="2026-11-23T01:00:00.000Z"' in found
    assert URGE[language] in found
    shown = json.loads(site("api-ticket", headers=bearer(token), number=number)["body"])
    assert shown["asked"] == [{"department": DEPARTMENT, "since": "2026-11-23T01:00:00.000Z"}]
    for internal in ("The internal title", "The internal text"):
        assert internal not in found
        assert internal not in json.dumps(shown)
    stores.changes.change(
        number,
        lambda t, p, at: by_departments.finish(
            t, p, Actor(Role.AGENT, "a-tao"), t.tasks[0], "The internal text", at
        ),
    )
    assert DEPARTMENT[language] not in site("status", query={"lang": language}, token=token)["body"]


REFUND = {"zh-CN": "退款", "zh-TW": "退款", "en": "Refund"}
OUTCOME = {
    "zh-CN": "您的投诉成立。",
    "zh-TW": "您的客訴成立。",
    "en": "Your complaint is justified.",
}
CAUSE = {
    "zh-CN": "产品部件存在缺陷",
    "zh-TW": "產品零件有瑕疵",
    "en": "A part of the product was defective",
}
LEADER = Actor(Role.SUPERVISOR, "s-lin")


def promise_refund(stores: Stores, number: str, amount: int = 15_900) -> Ticket:
    new = NewRemedy("refund", "The internal reason", amount, "CNY")
    by = Actor(Role.AGENT, "a-mei")
    return stores.changes.change(
        number, lambda t, p, at: remedying.propose(t, p, by, new, "We pay it back.", at)
    )


def remedies(site: Site, token: str, number: str) -> list[dict[str, Any]]:
    """What the JSON API and the page say of the remedies; both say nothing internal."""
    answer = site("api-ticket", headers=bearer(token), number=number)["body"]
    for shown in (answer, site("status", token=token)["body"]):
        assert "internal" not in shown
        assert "0113" not in shown
    found: list[dict[str, Any]] = json.loads(answer)["remedies"]
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_shows_what_is_promised_when_it_is_late_and_when_it_is_done(
    site: Site, stores: Stores, clock: Clock, language: str
) -> None:
    number, token = submit(site)

    def page() -> str:
        body: str = site("status", query={"lang": language}, token=token)["body"]
        return body

    title = catalogue.text(language, "status.remedies")
    assert title not in page()
    promise_refund(stores, number)
    assert all(word in page() for word in (title, REFUND[language], "CNY 159.00"))
    assert catalogue.text(language, "event.remedy_promised") in page()
    assert "We pay it back." in page()
    clock.advance(hours=73)
    assert catalogue.text(language, "remedy.overdue") in page()
    assert [one["state"] for one in remedies(site, token, number)] == ["overdue"]
    stores.changes.change(
        number, lambda t, p, at: remedying.finish(t, p, LEADER, "1", "Transfer 0113", "", at)
    )
    assert catalogue.text(language, "event.remedy_done") in page()
    [shown] = remedies(site, token, number)
    assert shown == {
        "label": REFUND,
        "amount": 15_900,
        "currency": "CNY",
        "money": "CNY 159.00",
        "state": "done",
        "due_at": "2026-11-26T01:00:00.000Z",
        "done_at": "2026-11-26T02:00:00.000Z",
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_says_that_a_promise_was_taken_back(site: Site, stores: Stores, language: str) -> None:
    number, token = submit(site)
    promise_refund(stores, number)
    stores.changes.change(
        number,
        lambda t, p, at: remedying.withdraw(
            t, p, LEADER, "1", "The internal reason", "You get a new one.", at
        ),
    )
    found = site("status", query={"lang": language}, token=token)["body"]
    assert catalogue.text(language, "remedy.withdrawn") in found
    assert catalogue.text(language, "event.remedy_withdrawn") in found
    assert "You get a new one." in found
    assert [one["state"] for one in remedies(site, token, number)] == ["withdrawn"]


def test_page_shows_nothing_of_a_remedy_that_nobody_has_approved(
    site: Site, stores: Stores
) -> None:
    number, token = submit(site)
    promise_refund(stores, number, amount=50_000)
    assert remedies(site, token, number) == []
    why = "The internal reason"
    stores.changes.change(
        number, lambda t, p, at: remedying.withdraw(t, p, LEADER, "1", why, "", at)
    )
    promise_refund(stores, number, amount=50_000)
    stores.changes.change(number, lambda t, p, at: remedying.refuse(t, p, LEADER, "2", why, at))
    shown = json.loads(site("api-ticket", headers=bearer(token), number=number)["body"])
    assert not [line for line in shown["timeline"] if "remedy" in line["type"]]
    assert remedies(site, token, number) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_says_outcome_and_cause_of_a_resolved_complaint_until_it_is_reopened(
    site: Site, stores: Stores, language: str
) -> None:
    number, token = submit(site)

    def page() -> str:
        body: str = site("status", query={"lang": language}, token=token)["body"]
        return body

    facts = ("upheld", "The internal remedy", "The internal cause")
    stores.changes.change(
        number,
        lambda t, p, at: by_staff.resolve(
            t, p, LEADER, "Solved.", *facts, at, cause="defective_part"
        ),
    )
    assert OUTCOME[language] in page()
    assert CAUSE[language] in page()
    assert "internal" not in page()
    shown = json.loads(site("api-ticket", headers=bearer(token), number=number)["body"])
    assert (shown["outcome"], shown["cause"]) == ("upheld", CAUSE)
    document = plan_document() | {"version": 2}
    del document["causes"]
    stores.plan_store.publish(document, 2, 1)
    stores.changes.change(
        number, lambda t, p, at: by_staff.move_to_plan(t, p, parse(document), LEADER, "so", at)
    )
    assert CAUSE[language] in page(), "also under a plan that does not have the cause"
    press(site, token, "dispute", text="It leaks.")
    assert OUTCOME[language] not in page()


@pytest.mark.parametrize("language", LANGUAGES)
def test_customer_urges_by_a_button_and_the_page_says_that_it_was_passed_on(
    site: Site, stores: Stores, clock: Clock, language: str
) -> None:
    number, token = submit(site)
    ask_department(stores, clock, number)
    clock.advance(minutes=5)
    pressed = press(site, token, "urge", language=language)
    assert pressed["statusCode"] == 303
    found = site("status", query={"lang": language}, token=token)["body"]
    assert catalogue.text(language, "status.urged") in found
    assert 'datetime="2026-11-23T01:05:00.000Z"' in found
    assert f"{token}/urge" not in found
    event = stores.tickets.history(number)[-1]
    assert (event.type, event.data) == (EventType.URGED, {"tasks": ["1"]})
    assert press(site, token, "urge")["statusCode"] == 303, "a double click"
    clock.advance(minutes=10)
    assert press(site, token, "urge")["statusCode"] == 409
    assert len(stores.tickets.history(number)) == event.number
    clock.advance(hours=24)
    assert f"{token}/urge" in site("status", token=token)["body"]
    answer = site("api-urge", headers=bearer(token), number=number)
    assert (answer["statusCode"], "urge" in json.loads(answer["body"])["can"]) == (200, False)


def test_looking_at_the_page_urges_nobody(site: Site, stores: Stores) -> None:
    """Story 23: scanners of mail open links. A GET never writes."""
    number, token = submit(site)
    version = stores.tickets.get(number).version
    site("status", token=token)
    assert stores.tickets.get(number).version == version


def test_withdrawal_requires_a_confirmation_and_happens_once(site: Site, stores: Stores) -> None:
    number, token = submit(site)

    assert press(site, token, "withdraw", reason="")["statusCode"] == 422
    for _ in range(2):
        answer = press(site, token, "withdraw", reason="", sure="yes")
        assert answer["statusCode"] == 303
    assert stores.tickets.get(number).closure == "withdrawn"
    assert press(site, token, "confirm")["statusCode"] == 409


def test_survey_link_accepts_one_answer_and_expires_with_the_survey(
    site: Site, stores: Stores, clock: Clock
) -> None:
    number, token = submit(site)
    resolved(stores, clock, number)
    press(site, token, "confirm")
    questions = customer_wiring.customer_cases().survey_token(stores.tickets.get(number))

    wrong = site(
        "survey-answer", {"speed": "4", "comment": "x" * 5001, "language": "en"}, token=questions
    )
    assert wrong["statusCode"] == 422
    assert structure(wrong).checked == [("speed", "4")]
    assert "x" * 5001 in wrong["body"]
    assert structure(wrong).jumps == ["main", "overall", "comment"]
    assert {"overall-fault", "comment-fault", "overall", "comment"} <= set(structure(wrong).ids)
    assert site("survey-answer", {"overall": "9"}, token=questions)["statusCode"] == 422
    assert "Thank you" in site("survey-answer", token=questions)["body"]
    assert "answered already" in site("survey-answer", {"overall": "1"}, token=questions)["body"]
    answers = [e.data for e in stores.tickets.history(number) if e.type == "surveyed"]
    assert answers == [{"answers": {"overall": 4}}]
    clock.advance(days=8)
    for language in LANGUAGES:
        for name, more in (("survey", {}), ("survey-answer", {"form": {"overall": "4"}})):
            gone = site(name, *more.values(), token=questions, query={"lang": language})
            assert gone["statusCode"] == 410
            assert catalogue.text(language, "problem.410.title") in gone["body"]
    own: dict[str, Any] = {"headers": bearer(questions), "number": number}
    for name in ("api-ticket", "api-survey"):
        gone = site(name, **own)
        assert gone["statusCode"] == 410
        assert json.loads(gone["body"])["type"] == "urn:redress:problem:link-expired"
    forged = questions[:-1] + ("A" if questions[-1] != "A" else "B")
    assert site("survey", token=forged)["statusCode"] == 404
    assert site("status", token=forged)["statusCode"] == 404


def rated_low(site: Site, number: str, token: str) -> dict[str, Any]:
    """Answer the survey of a resolved ticket through the API with a low score."""
    answer = site(
        "api-survey", body={"overall": 1, "solution": 1}, headers=bearer(token), number=number
    )
    view: dict[str, Any] = json.loads(answer["body"])
    return view | {"status": answer["statusCode"]}


def test_low_survey_in_the_api_keeps_the_ticket_resolved_and_offers_the_dispute(
    site: Site, stores: Stores, clock: Clock
) -> None:
    number, token = submit(site)
    resolved(stores, clock, number)

    found = rated_low(site, number, token)
    assert (found["status"], found["state"], found["closure"]) == (200, "resolved", None)
    assert found["can"] == ["confirm", "dispute", "follow_up", "withdraw", "write"]
    assert rated_low(site, number, token)["status"] == 409
    kept = [e.data for e in stores.tickets.history(number) if e.type == "surveyed"]
    assert kept == [{"answers": {"overall": 1, "solution": 1}}]


@pytest.mark.parametrize("language", LANGUAGES)
def test_status_page_offers_the_dispute_after_a_low_survey_in_every_language(
    site: Site, stores: Stores, clock: Clock, language: str
) -> None:
    number, token = submit(site, language=language)
    resolved(stores, clock, number)
    words = catalogue.text(language, "act.low")
    assert words not in site("status", token=token)["body"]

    rated_low(site, number, token)
    page = site("status", token=token)["body"]
    assert words in page
    assert "/dispute" in page
    assert 'name="overall"' not in page
    assert press(site, token, "dispute", text="It still leaks")["statusCode"] == 303
    resolved(stores, clock, number)
    assert words not in site("status", token=token)["body"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_survey_page_offers_the_dispute_after_a_low_survey(
    site: Site, stores: Stores, clock: Clock, language: str
) -> None:
    """The link of the survey's mail still works after a dispute and another resolution."""
    number, token = submit(site, language=language)
    resolved(stores, clock, number)
    press(site, token, "confirm")
    questions = customer_wiring.customer_cases().survey_token(stores.tickets.get(number))
    press(site, token, "dispute", text="It leaks")
    resolved(stores, clock, number)

    page = site("survey-answer", {"overall": "2", "language": language}, token=questions)
    words = catalogue.text(language, "act.low")
    assert words in page["body"]
    assert words in site("survey", token=questions)["body"]
    empty = site("survey-answer", {"text": " ", "language": language}, token=questions)
    assert empty["statusCode"] == 422
    assert {"text", "text-fault"} <= set(structure(empty).ids)
    for _ in range(2):
        told = site("survey-answer", {"text": "It leaks again"}, token=questions)
        assert told["statusCode"] == 200
        assert catalogue.text(language, "event.disputed") in told["body"]
    assert [e.data["text"] for e in stores.tickets.history(number) if e.type == "disputed"] == [
        "It leaks",
        "It leaks again",
    ]
    assert stores.tickets.get(number).state == "open"


@pytest.mark.parametrize("language", LANGUAGES)
def test_dispute_on_a_ticket_that_was_closed_meanwhile_is_refused_and_its_words_stay_on_the_page(
    site: Site, stores: Stores, clock: Clock, language: str
) -> None:
    number, token = submit(site, language=language)
    resolved(stores, clock, number)
    press(site, token, "confirm")
    questions = customer_wiring.customer_cases().survey_token(stores.tickets.get(number))
    press(site, token, "dispute", text="It leaks")
    resolved(stores, clock, number)
    page = site("survey-answer", {"overall": "2", "language": language}, token=questions)
    assert catalogue.text(language, "act.low") in page["body"]
    press(site, token, "withdraw", sure="yes")

    words = {"text": "It <still> leaks", "language": language}
    for told in (
        site("survey-answer", words, token=questions),
        press(site, token, "dispute", **words),
    ):
        assert told["statusCode"] == 409
        assert catalogue.text(language, "problem.409.title") in told["body"]
        assert catalogue.text(language, "problem.not_sent") in told["body"]
        assert "It &lt;still&gt; leaks" in told["body"]
        assert catalogue.text(language, "survey.none") not in told["body"]
    assert [e.data["text"] for e in stores.tickets.history(number) if e.type == "disputed"] == [
        "It leaks"
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_status_page_shows_every_state_in_every_language(
    site: Site, stores: Stores, clock: Clock, language: str
) -> None:
    number, token = submit(site, language=language, nonce=f"n-{language}")
    for step in (
        lambda: None,
        lambda: press(site, token, "write", words="more"),
        lambda: resolved(stores, clock, number),
        lambda: press(site, token, "confirm"),
        lambda: press(site, token, "survey", overall="3"),
    ):
        step()
        page = site("status", token=token)
        assert page["statusCode"] == 200
        found = structure(page)
        assert found.language == language
        assert len(found.ids) == len(set(found.ids))
        assert set(found.described) <= set(found.ids)
        assert found.headings[0] == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_button_ends_surveys_and_another_one_allows_them_again(
    site: Site, language: str
) -> None:
    number, _ = submit(site)
    token = customer_wiring.links().unsubscribe_token(number)
    refuses = wired_stores.addresses().refuses_surveys
    asked = site("surveys", token=token, query={"lang": language})["body"]
    assert catalogue.text(language, "surveys.end") in asked
    assert not refuses(FORM["email"]), "opening the page changes nothing"
    for _ in range(2):
        ended = site("surveys-end", {"language": language}, token=token)
        assert (ended["statusCode"], refuses(FORM["email"])) == (200, True)
    assert catalogue.text(language, "surveys.again") in ended["body"]
    again = site("surveys-end", {"again": "yes", "language": language}, token=token)
    assert catalogue.text(language, "surveys.end") in again["body"]
    assert not refuses(FORM["email"])


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", "List-Unsubscribe=One-Click"),
        (
            "multipart/form-data; boundary=b",
            '--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\n'
            "One-Click\r\n--b--\r\n",
        ),
        ("text/plain", ""),
    ],
)
def test_one_click_unsubscribe_of_a_mail_program_ends_surveys(
    site: Site, kind: str, body: str
) -> None:
    """RFC 8058: the mail program sends one POST, without a cookie, a referrer or a redirect."""
    number, _ = submit(site)
    token = customer_wiring.links().unsubscribe_token(number)
    answer = site("surveys-end", raw=body, headers={"Content-Type": kind}, token=token)
    assert answer["statusCode"] == 200
    assert wired_stores.addresses().refuses_surveys(FORM["email"])


def test_forged_link_ends_no_surveys(site: Site) -> None:
    number, status_token = submit(site)
    for token in (
        status_token,
        f"{number}.x",
        customer_wiring.links().unsubscribe_token("R-00000-00000"),
    ):
        assert site("surveys", token=token)["statusCode"] == 404
        assert site("surveys-end", token=token)["statusCode"] == 404
    assert not wired_stores.addresses().refuses_surveys(FORM["email"])


def test_api_shows_a_ticket_only_with_the_token_of_that_ticket(
    site: Site,
) -> None:
    number, token = submit(site)
    other, _ = submit(site, nonce="another", subject="Another")
    mine, nobody = bearer(token), {"Authorization": ""}

    found = site("api-ticket", headers=mine, number=number)
    assert found["statusCode"] == 200
    view = json.loads(found["body"])
    assert view["number"] == number
    assert view["can"] == ["urge", "withdraw", "write"]
    linked = site("api-ticket", query={"token": token}, headers=nobody, number=number)
    assert linked["statusCode"] == 200
    assert site("api-ticket", headers=mine, number=other)["statusCode"] == 404
    assert site("api-ticket", headers=nobody, number=number)["statusCode"] == 404


def test_api_reports_every_wrong_field_and_refuses_malformed_bodies(site: Site) -> None:
    number, token = submit(site)
    own: dict[str, Any] = {"headers": bearer(token), "number": number}

    answer = site("api-message", body={"words": "x", "y": 1}, **own)
    assert answer["statusCode"] == 422
    pointers = {fault["pointer"] for fault in json.loads(answer["body"])["errors"]}
    assert pointers == {"/words", "/y", "/text"}
    assert site("api-message", body=[1], **own)["statusCode"] == 400
    assert site("api-message", raw="{", **own)["statusCode"] == 400
    assert site("api-message", raw="[" * 5000, **own)["statusCode"] == 400
    assert site("api-message", body={"text": "x" * 400_000}, **own)["statusCode"] == 413
    assert site("api-message", raw="", **own)["statusCode"] == 422
    as_form = own["headers"] | {"Content-Type": "application/x-www-form-urlencoded"}
    answer = site("api-message", {"text": "x"}, headers=as_form, number=number)
    assert answer["statusCode"] == 415
    said = site("api-message", **own)
    assert json.loads(said["body"])["timeline"][-1]["text"] == "The order number is 4403-8812."


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ThrottlingException"}}, "Any"),
        ClientError({"Error": {"Code": "AccessDeniedException"}}, "Any"),
        EndpointConnectionError(endpoint_url="https://aws.example"),
    ],
)
def test_service_of_aws_that_refuses_is_unavailable_on_every_route(
    site: Site, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: Any) -> None:
        raise error

    monkeypatch.setattr(customer_wiring, "customer_cases", refuse)
    monkeypatch.setattr(customer_wiring, "intake", refuse)
    monkeypatch.setattr(customer_wiring, "unsubscribing", refuse)
    monkeypatch.setattr(customer_wiring, "links", refuse)
    for name in (
        "form-submission",
        "status",
        "status-action",
        "survey",
        "survey-answer",
        "surveys",
        "surveys-end",
        *(
            f"api-{of}"
            for of in ("ticket", "message", "confirmation", "dispute", "urge", "item", "withdrawal")
        ),
        "api-survey",
    ):
        answer = site(name)
        assert answer["statusCode"] == 503, name
        assert int(header(answer, "Retry-After")) >= 1


WITH_BODY = ("api-message", "api-dispute", "api-withdrawal", "api-survey")
BROKEN: tuple[dict[str, Any], ...] = (
    {"body": {"x": 1}},
    {"raw": "{"},
    {"raw": " " * 400_000},
    {"raw": "{}", "headers": {"Content-Type": "text/plain"}},
)


@pytest.mark.parametrize("name", WITH_BODY)
def test_api_refuses_a_link_before_the_body_and_the_body_before_the_state(
    site: Site, name: str
) -> None:
    number, token = submit(site)
    other, _ = submit(site, nonce="another form")
    own: dict[str, Any] = {"headers": bearer(token), "number": number}
    assert site("api-withdrawal", raw="", **own)["statusCode"] == 200

    def status(broken: dict[str, Any], link: str, of: str) -> int:
        headers = bearer(link) | broken.get("headers", {})
        found: int = site(name, **(broken | {"headers": headers}), number=of)["statusCode"]
        return found

    for broken in BROKEN:
        assert status(broken, f"{number}.forged", number) == 404
        assert status(broken, token, other) == 404
    assert [status(broken, token, number) for broken in BROKEN] == [422, 400, 413, 415]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("status-action", {"action": "write"}),
        ("survey-answer", {}),
        ("surveys-end", {}),
    ],
)
def test_page_refuses_a_link_before_the_form(site: Site, name: str, path: dict[str, str]) -> None:
    _, token = submit(site)
    for raw in ("x" * 400_000, "&".join("a=1" for _ in range(60))):
        assert site(name, raw=raw, token=f"{NUMBER}.forged", **path)["statusCode"] == 404
    assert (
        site("status-action", raw="x" * 400_000, token=token, action="shout")["statusCode"] == 404
    )


@pytest.mark.parametrize("text", ["汉" * 20_000, "😀" * 20_000, '\n"' * 10_000])
def test_longest_texts_are_accepted_however_they_are_written(site: Site, text: str) -> None:
    text = f"a{text[1:-1]}z"
    number, token = submit(site, description=text)
    own: dict[str, Any] = {"headers": bearer(token), "number": number}
    for escaped in (True, False):
        raw = json.dumps({"text": text}, ensure_ascii=escaped)
        found = site("api-message", raw=raw, **own)
        assert found["statusCode"] == 200
        assert json.loads(found["body"])["timeline"][-1]["text"] == text
    said = site("status-action", {"words": text[::-1]}, token=token, action="write")
    assert said["statusCode"] == 303


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a\x00\x1b[31mb", "control_characters"),
        ("a\x9bb", "control_characters"),
        ("\u200b", "required"),
    ],
)
def test_api_refuses_words_that_steer_a_terminal_or_that_nobody_can_see(
    site: Site, stores: Stores, clock: Clock, text: str, code: str
) -> None:
    number, token = submit(site)
    own: dict[str, Any] = {"headers": bearer(token), "number": number}

    def faults(name: str, body: Any) -> set[tuple[str, str]]:
        answer = site(name, body=body, **own)
        assert answer["statusCode"] == 422, name
        return {(one["pointer"], one["code"]) for one in json.loads(answer["body"])["errors"]}

    assert faults("api-message", {"text": text}) == {("/text", code)}
    if code != "required":  # a reason to withdraw is optional
        assert faults("api-withdrawal", {"text": text}) == {("/text", code)}
    resolved(stores, clock, number)
    assert faults("api-dispute", {"text": text}) == {("/text", code)}
    site("api-confirmation", **own)
    if code != "required":
        answers = {"overall": 5, "comment": text, "suggestion": text}
        assert faults("api-survey", answers) == {("/comment", code), ("/suggestion", code)}
    said = [event.data for event in stores.tickets.history(number)]
    assert text not in json.dumps(said, ensure_ascii=False)


def test_pages_refuse_words_that_steer_a_terminal_or_that_nobody_can_see(site: Site) -> None:
    _, token = submit(site)
    for words, fault in (("a\x1b[31mb", "control_characters"), ("\u200b\u2060", "required")):
        answer = site("status-action", {"words": words}, token=token, action="write")
        assert answer["statusCode"] == 422
        assert catalogue.text("en", f"fault.{fault}") in answer["body"]


def test_api_offers_the_same_actions_as_the_page(site: Site, stores: Stores, clock: Clock) -> None:
    number, token = submit(site)
    own: dict[str, Any] = {"headers": bearer(token), "number": number}

    assert site("api-message", **own)["statusCode"] == 200
    resolved(stores, clock, number)
    assert site("api-dispute", **own)["statusCode"] == 200
    resolved(stores, clock, number)
    assert site("api-confirmation", **own)["statusCode"] == 200
    assert site("api-survey", **own)["statusCode"] == 200
    done = [event.type for event in stores.tickets.history(number) if event.by == CUSTOMER]
    assert done == ["opened", "customer_wrote", "disputed", "confirmed", "surveyed"]

    other, token = submit(site, nonce="another", subject="Another")
    assert site("api-withdrawal", headers=bearer(token), number=other)["statusCode"] == 200
    assert stores.tickets.get(other).closure == "withdrawn"


def test_customer_sees_participants_and_their_messages(
    site: Site, stores: Stores, clock: Clock
) -> None:
    number, token = submit(site)
    lin = Actor(Role.SUPERVISOR, "s-lin")
    ticket, plan = stores.tickets.get(number), stores.plans.current()
    added = by_staff.set_participants(ticket, plan, lin, ["bo@example.net"], clock.now())
    assert added is not None
    stores.tickets.commit(added, clock.now())
    wrote = by_customer.write(added.after, plan, "I saw it.", clock.now(), None, "bo@example.net")
    stores.tickets.commit(wrote, clock.now())
    found = site("api-ticket", headers=bearer(token), number=number)
    said = [(one["type"], one["text"]) for one in json.loads(found["body"])["timeline"]]
    assert said[-2:] == [
        ("participants_set", "bo@example.net"),
        ("participant_wrote", "I saw it."),
    ]
    page = site("status", token=token)["body"]
    assert "bo@example.net" in page
    assert "I saw it." in page


def test_api_lists_files_at_the_message_they_came_with(
    site: Site, stores: Stores, clock: Clock
) -> None:
    number, token = submit(site)
    at, state = clock.now(), FileState.HELD
    file = Attached(
        "9f86d081884c7d65", "cup.jpg", "image/jpeg", 1_200, CUSTOMER, at, state, event=2
    )
    assert wired_stores.attached().put_new(number, file)
    listed = {"id": file.id, "name": file.name, "type": file.type, "size": file.size}
    unreadable = listed | {"id": "0" * 16}
    ticket, plan = stores.tickets.get(number), stores.plans.current()
    written = by_customer.write(ticket, plan, "x", at)
    event = replace(written.events[0], data={"text": "", "files": [listed, unreadable]})
    stores.tickets.commit(replace(written, events=(event,)), at)
    found = json.loads(site("api-ticket", headers=bearer(token), number=number)["body"])
    assert [line["files"] for line in found["timeline"]] == [
        [],
        [listed | {"state": "held"}, unreadable | {"state": None}],
    ]


@pytest.mark.parametrize(
    "name",
    [
        *("status", "status-action", "survey", "survey-answer"),
        *("api-ticket", "api-message", "api-confirmation"),
        *("api-dispute", "api-urge", "api-item", "api-withdrawal", "api-survey"),
    ],
)
def test_link_with_a_forged_signature_is_not_found(
    site: Site, stores: Stores, clock: Clock, name: str
) -> None:
    """The ticket of the sample events exists, but the tokens in the events are not signed."""
    life = Life(clock).open()
    stores.tickets.open(life.last, life.last.after.created_at)

    answer = site(name)
    assert answer["statusCode"] == 404
    assert life.ticket.subject not in answer["body"]
    assert len(stores.tickets.history(NUMBER)) == 1


def test_notes_and_names_of_staff_are_not_shown_to_the_customer(
    site: Site, stores: Stores, clock: Clock
) -> None:
    number, token = submit(site)
    ticket = stores.tickets.get(number)
    plan = stores.plans.get(ticket.plan_version)
    by = Actor(Role.AGENT, "a-mei")
    stores.tickets.commit(by_staff.note(ticket, plan, by, "a rude word", clock.now()), clock.now())

    found = site("api-ticket", headers=bearer(token), number=number)
    assert "a rude word" not in found["body"]
    assert "a-mei" not in found["body"]
    assert "a rude word" not in site("status", token=token)["body"]


def test_served_document_is_valid_openapi_3_1(site: Site) -> None:
    document = json.loads(site("openapi")["body"])
    validate(document)
    assert document["openapi"].startswith("3.1")


def test_document_lists_exactly_the_public_clocks_and_events(site: Site) -> None:
    schemas = json.loads(site("openapi")["body"])["components"]["schemas"]
    assert set(schemas["LineType"]["enum"]) == PUBLIC | {
        "participant_wrote",
        "item_answered",
        "item_read",
    }
    assert set(schemas["ShownClock"]["enum"]) == {
        "acknowledgement",
        "reaction",
        "first_response",
        "next_reply",
        "own_word",
        "update",
        "resolution",
        "callback",
    }


def test_style_sheet_is_immutable_at_its_current_address_only(
    site: Site,
) -> None:
    named = re.search(r"/assets/style\.css\?v=(\w+)", site("form")["body"])
    assert named is not None

    assert "immutable" in header(site("asset", query={"v": named[1]}), "Cache-Control")
    for query in ({"v": "of-another-release"}, {}):
        answer = site("asset", query=query)
        assert header(answer, "Cache-Control") == "public, max-age=3600"
        assert answer["body"] == (ROOT / "functions/customer/assets/style.css").read_text()


@pytest.mark.parametrize("name", ["asset", "openapi"])
def test_file_that_the_browser_has_is_not_sent_again(site: Site, name: str) -> None:
    fresh = site(name)
    tag = header(fresh, "ETag")
    for known in (tag, f"W/{tag}", "*", f'"other", {tag}', f'W/"a,b",{tag} , "c"', " * "):
        answer = site(name, headers={"If-None-Match": known})
        assert (answer["statusCode"], answer.get("body", "")) == (304, ""), known
        assert header(answer, "ETag") == tag
        assert header(answer, "Cache-Control") == header(fresh, "Cache-Control")
    bare = tag.strip('"')
    for unknown in ("", '"other"', 'W/"other"', bare, f'"{bare}x"', f"{bare}, *", '"'):
        answer = site(name, headers={"If-None-Match": unknown})
        assert (answer["statusCode"], answer["body"]) == (200, fresh["body"]), unknown


def test_only_answers_without_the_token_of_a_link_are_compressed(site: Site) -> None:
    """The page shows texts of others. Its compressed length could tell them parts of the token."""
    accepted = {"Accept-Encoding": "gzip"}
    for name in ("form", "asset", "openapi"):
        assert header(site(name, headers=accepted), "Content-Encoding") == "gzip", name
    _, token = submit(site)
    page = site("status", token=token, headers=accepted)
    assert token in page["body"]
    assert "Content-Encoding" not in page["headers"]


def test_asset_name_cannot_leave_the_folder_of_assets(site: Site) -> None:
    assert site("asset")["statusCode"] == 200
    assert site("asset", name="..%2Fapp.py")["statusCode"] == 404
    assert (ROOT / "functions/customer/assets/style.css").is_file()


def test_every_time_on_a_status_page_has_the_format_of_the_api(site: Site) -> None:
    _, token = submit(site)
    times = re.findall(r'<time datetime="([^"]*)"', site("status", token=token)["body"])
    assert times
    assert all(instants.written(instants.parse(time)) == time for time in times)


# ------------------------------------------------------------------ order and company


NAMED = {"order": "SO-2026/118", "company": "Baker & Sons"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_form_has_order_and_company_and_keeps_them_after_a_fault(site: Site, language: str) -> None:
    page = site("form", query={"lang": language})["body"]
    for name in NAMED:
        assert f'<input id="{name}" name="{name}"' in page
        assert catalogue.text(language, f"form.{name}") in page
    assert catalogue.text(language, "form.description_hint_dates") in page
    again = site("form-submission", FORM | NAMED | {"subject": "", "language": language})
    assert again["statusCode"] == 422
    assert 'value="SO-2026/118"' in again["body"]
    assert 'value="Baker &amp; Sons"' in again["body"]


def test_order_and_company_of_the_form_are_those_of_the_ticket(site: Site, stores: Stores) -> None:
    number, _ = submit(site, **NAMED)
    ticket = stores.tickets.get(number)
    assert (ticket.order, ticket.contact.company) == ("SO-2026/118", "Baker & Sons")
    data = stores.tickets.history(number)[0].data
    assert (data["order"], data["contact"]["company"]) == ("SO-2026/118", "Baker & Sons")


def test_order_and_company_that_are_too_long_are_marked_at_their_fields(site: Site) -> None:
    answer = site("form-submission", FORM | {"order": "7" * 65, "company": "x" * 101})
    assert answer["statusCode"] == 422
    found = structure(answer)
    assert found.jumps == ["main", "order", "company"]
    assert {"order-fault", "company-fault"} <= set(found.ids)


@pytest.mark.parametrize("language", LANGUAGES)
def test_complaint_form_asks_whom_it_is_about_and_keeps_it_after_a_fault(
    site: Site, stores: Stores, language: str
) -> None:
    for query in ({}, {"kind": "complaint"}):
        page = site("form", query={"lang": language} | query)["body"]
        assert '<input id="about" name="about"' in page
        assert catalogue.text(language, "form.about_hint") in page
    assert 'name="about"' not in site("form", query={"lang": language, "kind": "urgent"})["body"]
    again = site("form-submission", FORM | {"about": "李 娜", "subject": "", "language": language})
    assert (again["statusCode"], 'value="李 娜"' in again["body"]) == (422, True)
    wrong = site("form-submission", FORM | {"about": "x" * 101, "kind": "urgent"})
    assert structure(wrong).jumps == ["main", "about"]
    number, _ = submit(site, about="李 娜")
    assert stores.tickets.history(number)[0].data["about"] == "李 娜"


@pytest.mark.parametrize("fields", [[], ["order"], ["company"]])
def test_form_has_only_the_optional_fields_of_the_plan_and_accepts_all(
    site: Site, stores: Stores, clock: Clock, fields: list[str]
) -> None:
    document = plan_document() | {"version": 2, "form": {"fields": fields}}
    staff_wiring.plan_cases().publish(MEMBERS["wei"], document)
    clock.advance(minutes=1)
    rewire()
    page = site("form")["body"]
    assert [name for name in NAMED if f'name="{name}"' in page] == fields
    hint = "form.description_hint_dates" if "order" in fields else "form.description_hint"
    assert catalogue.text("en", hint) in page
    number, _ = submit(site, **NAMED)  # a page that was opened under the plan before
    assert stores.tickets.get(number).order == NAMED["order"]


# ------------------------------------------------------------------ fields of the plan


@pytest.fixture
def own_fields(site: Site, table: str, clock: Clock) -> None:
    document = plan_document() | {"version": 2, "fields": OWN_FIELDS}
    staff_wiring.plan_cases().publish(MEMBERS["wei"], document)
    clock.advance(minutes=1)
    rewire()


def asked(answer: dict[str, Any]) -> list[str]:
    """The names of the plan's fields for which a page has an input."""
    return re.findall(r' name="field_([a-z]*)"', answer["body"])


@pytest.mark.usefixtures("own_fields")
@pytest.mark.parametrize("language", LANGUAGES)
def test_form_asks_for_fields_of_the_plan_that_can_apply(site: Site, language: str) -> None:
    page = site("form", query={"lang": language})
    assert asked(page) == ["serial", "pieces", "bought", "damage"]
    for one in OWN_FIELDS[:4]:
        assert one["label"][language] in page["body"]
    assert OWN_FIELDS[3]["values"][0]["label"][language] in page["body"]
    complaint = site("form", query={"lang": language, "kind": "complaint"})
    assert asked(complaint) == ["serial", "pieces", "bought", "damage"]
    urgent = site("form", query={"lang": language, "kind": "urgent"})
    assert asked(urgent) == ["serial", "bought", "damage"]


@pytest.mark.usefixtures("own_fields")
def test_form_with_a_fault_keeps_the_fields_and_asks_those_of_kind_and_category(
    site: Site,
) -> None:
    typed = {"field_serial": 'KX "1"', "field_damage": "cracked", "subject": ""}
    other = {"kind": "inquiry", "category": "delivery"}
    again = site("form-submission", FORM | typed | other)
    assert (again["statusCode"], asked(again)) == (422, ["serial", "damage"])
    assert 'value="KX &#34;1&#34;"' in again["body"]
    assert '<option value="cracked" selected>' in again["body"]
    defect = {"kind": "complaint", "category": "product/defect"}
    again = site("form-submission", FORM | typed | defect)
    assert asked(again) == ["serial", "pieces", "bought", "damage"]


@pytest.mark.usefixtures("own_fields")
def test_wrong_value_of_a_field_is_kept_as_the_customer_wrote_it(
    site: Site, stores: Stores
) -> None:
    typed = {
        "field_serial": " KX-1 ",
        "field_pieces": "two, I think",
        "field_bought": "last spring",
        "field_damage": "burnt",
        "field_gone": "from a page of an earlier plan",
    }
    number, _ = submit(site, **typed)
    expected = {
        "serial": "KX-1",
        "pieces": "two, I think",
        "bought": "last spring",
        "damage": "burnt",
        "gone": "from a page of an earlier plan",
    }
    assert dict(stores.tickets.get(number).fields) == expected
    assert stores.tickets.history(number)[0].data["fields"] == expected


@pytest.mark.usefixtures("own_fields")
def test_fields_are_never_required(site: Site, stores: Stores) -> None:
    page = site("form")["body"]
    for name in asked(site("form")):
        [tag] = re.findall(rf'<(?:input|select) id="field_{name}"[^>]*>', page)
        assert "required" not in tag
    number, _ = submit(site, field_serial="", field_damage="", field_pieces="  ")
    assert stores.tickets.get(number).fields == ()
    assert "fields" not in stores.tickets.history(number)[0].data


@pytest.mark.usefixtures("own_fields")
def test_form_of_a_plan_with_fields_is_a_repeat_without_them(site: Site) -> None:
    """A form that was opened before the plan had fields is repeated with the same body."""
    first, _ = submit(site, nonce="nonce-of-one-form")
    again, _ = submit(site, nonce="nonce-of-one-form", field_serial="")
    assert again == first


# ------------------------------------------------------------------ the receipt


def links_to(answer: dict[str, Any]) -> list[str]:
    return [html.unescape(one) for one in re.findall(r'href="([^"#]*)"', answer["body"])]


def test_receipt_links_to_itself_in_the_other_languages_and_submits_nothing(
    site: Site, stores: Stores
) -> None:
    answer = site("form-submission", FORM)
    _, token = submit(site)
    for language in ("zh-CN", "zh-TW"):
        assert f"{BASE_ADDRESS}/r/{token}?lang={language}" in links_to(answer)
        before = aws("dynamodb").scan(TableName=TABLE)["Items"]
        page = site("receipt", token=token, query={"lang": language})
        assert page["statusCode"] == 200
        assert structure(page).language == language
        assert catalogue.text(language, "receipt.title") in page["body"]
        assert f"{BASE_ADDRESS}/r/{token}?lang=en" in links_to(page)
        assert f"{BASE_ADDRESS}/t/{token}</code>" in page["body"]
        assert aws("dynamodb").scan(TableName=TABLE)["Items"] == before


def test_receipt_opened_again_says_what_the_first_one_said(site: Site) -> None:
    for contact in ({}, {"email": "", "phone": "+86 755 2345 6789"}):
        first = site("form-submission", FORM | contact | {"nonce": f"nonce-{len(contact)}"})
        found = re.search(r"/t/(R-[\w.-]+)</code>", first["body"])
        assert found is not None
        assert site("receipt", token=found[1], query={"lang": "en"})["body"] == first["body"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["", "inquiry", "complaint", "urgent", "feedback"])
def test_receipt_thanks_or_apologises_by_kind(site: Site, kind: str, language: str) -> None:
    for _ in range(2):  # the second one is the answer to a repeat
        answer = site("form-submission", FORM | {"kind": kind, "language": language})
        said = catalogue.text(language, f"receipt.thanks.{kind or 'inquiry'}")
        assert html.escape(said) in answer["body"]


def test_receipt_of_a_resolved_ticket_promises_no_next_step(
    site: Site, stores: Stores, clock: Clock
) -> None:
    number, token = submit(site)
    resolved(stores, clock, number)
    page = site("receipt", token=token, query={"lang": "en"})["body"]
    assert catalogue.text("en", "receipt.next") not in page
    assert catalogue.text("en", "receipt.thanks.complaint") not in page
    assert number in page


def test_receipt_needs_a_link_of_its_ticket(site: Site) -> None:
    _, token = submit(site)
    assert site("receipt", token=f"{token}x")["statusCode"] == 404
    assert site("receipt", token=f"{NUMBER}.forged")["statusCode"] == 404


# ------------------------------------------------------------------ the operator's house


HOUSE = {
    "HOUSE_NAME": 'Tea & "Söhne" 茶馆',
    "HOUSE_COLOUR": "#7a1f3d",
    "HOUSE_COLOUR_DARK": "#f0a0b8",
}


def style_of(site: Site) -> tuple[str, dict[str, Any]]:
    """The version of the style sheet that a page names, and the sheet."""
    named = re.search(r"/assets/style\.css\?v=(\w+)", site("form")["body"])
    assert named is not None
    return named[1], site("asset", query={"v": named[1]})


def test_pages_have_the_name_and_the_style_sheet_the_colours_of_the_house(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, plain = style_of(site)
    set_environment(monkeypatch, **HOUSE)
    after, sheet = style_of(site)
    assert before != after
    assert "immutable" in header(sheet, "Cache-Control")
    assert sheet["body"].startswith(plain["body"])
    assert "--accent: #7a1f3d;" in sheet["body"]
    assert "dark) { :root { --accent: #f0a0b8;" in sheet["body"]
    page = site("form", query={"lang": "en"})["body"]
    shown = "Tea &amp; &#34;Söhne&#34; 茶馆"
    assert f'<span class="house" dir="auto">{shown}</span>' in page
    assert f" · {shown}</title>" in page
    assert "style=" not in page, "the policy of the pages allows no styles in their text"
    assert shown in site("status", token="forged")["body"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"HOUSE_NAME": "<script>alert(1)</script>"},
        {"HOUSE_NAME": "Tea\u202esuoh"},
        {"HOUSE_NAME": "x" * 500},
        {"HOUSE_COLOUR": "#ffcc00"},
        {"HOUSE_COLOUR": "#000; } * { display: none"},
        {"HOUSE_COLOUR_DARK": "#f0a0b8"},
        {"HOUSE_LOGO": "on"},
    ],
)
def test_pages_are_as_before_if_a_setting_of_the_house_cannot_be_used(
    site: Site, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str]
) -> None:
    plain, version = site("lost")["body"], style_of(site)[0]
    set_environment(monkeypatch, **wrong)
    assert site("lost")["body"] == plain
    assert style_of(site)[0] == version


def test_pages_of_a_house_with_one_wrong_setting_use_the_others(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(monkeypatch, **HOUSE | {"HOUSE_COLOUR": "#ffcc00"})
    assert "Söhne" in site("lost")["body"]
    assert "#ffcc00" not in style_of(site)[1]["body"]
    set_environment(monkeypatch, **HOUSE | {"HOUSE_COLOUR_DARK": "#000000"})
    assert "#000000; --accent-dark" not in style_of(site)[1]["body"]


def test_logo_is_served_with_its_digest_and_never_compressed(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    picture = png(320, 80, extra=bytes(range(256)) * 20)
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "logo.png").write_bytes(picture)
    for name in ("style.css",):
        source = ROOT / "functions/customer/assets" / name
        (tmp_path / "assets" / name).write_bytes(source.read_bytes())
    pages = load("customer").ROUTES["GET", "/assets/{name}"].__globals__["logo"].__globals__
    monkeypatch.setitem(pages, "HERE", tmp_path)
    assert site("asset", name="logo.png")["statusCode"] == 404, "no page names it"
    set_environment(monkeypatch, HOUSE_LOGO="on")
    page = site("form")["body"]
    found = re.search(rf'<img src="{BASE_ADDRESS}/assets/logo\.png\?v=(\w+)" alt="">', page)
    assert found is not None
    gzip = {"Accept-Encoding": "gzip"}
    answer = site("asset", name="logo.png", query={"v": found[1]}, headers=gzip)
    assert base64.b64decode(answer["body"]) == picture
    assert answer["isBase64Encoded"]
    assert header(answer, "Content-Type") == "image/png"
    assert "immutable" in header(answer, "Cache-Control")
    assert "Content-Encoding" not in answer["headers"]
    known = {"If-None-Match": header(answer, "ETag")}
    assert site("asset", name="logo.png", headers=known)["statusCode"] == 304


def test_error_page_without_settings_has_the_default_look(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_environment(monkeypatch, **HOUSE, LINK_KEY_SECRET=None)
    answer = site("status", query={"lang": "en"})
    assert answer["statusCode"] == 500
    assert catalogue.text("en", "site.name") in answer["body"]
