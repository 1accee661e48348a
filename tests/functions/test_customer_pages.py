"""The customer's pages and their side of the API, on the real cases over moto's table."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from botocore.client import BaseClient
from openapi_spec_validator import validate

from redress.base import catalogue
from redress.base.errors import NotFound, Unavailable
from redress.base.languages import LANGUAGES
from redress.base.people import CUSTOMER, Actor, Role
from redress.base.phrases import moment
from redress.clocks.rules.clocks import ClockName
from redress.tickets.cases.customer import PUBLIC, CustomerCases
from redress.tickets.cases.intake import IntakeCase
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_customer, by_staff, by_system
from redress.wiring import customer as customer_wiring
from redress.wiring import stores as wired_stores
from tests.builders import NUMBER, ROOT, Clock, Life
from tests.functions.conftest import BASE_ADDRESS, ENVIRONMENT, altered
from tests.wired import TABLE, rewire
from tests.world import Context, Stores, aws, load, read_sample

pytestmark = pytest.mark.usefixtures("table")

_POSTED = base64.b64decode(read_sample("customer-form-submission")["body"]).decode()
FORM = dict(parse_qsl(_POSTED, keep_blank_values=True))
"""What the sample of the form posts, as fields."""

Site = Callable[..., dict[str, Any]]


@pytest.fixture
def site() -> Site:
    """Replays `events/customer-{name}.json`, changed where a test says so."""

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
    """Submit the form; the ticket's number and the token of its status page."""
    answer = site("form-submission", FORM | changed)
    assert answer["statusCode"] == 201, answer["body"]
    found = re.search(rf"{re.escape(BASE_ADDRESS)}/t/((R-[0-9A-Z-]+)\.[\w-]+)", answer["body"])
    assert found is not None
    return found[2], found[1]


def press(site: Site, token: str, action: str, **fields: str) -> dict[str, Any]:
    """Press a button of the status page, with these fields filled in."""
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


class Structure(HTMLParser):
    """What a screen reader relies on: language, headings, labels, ids; and what is hidden."""

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


def structure(answer: dict[str, Any]) -> Structure:
    found = Structure()
    found.feed(answer["body"])
    return found


def header(answer: dict[str, Any], name: str) -> str:
    values = {key.lower(): value for key, value in answer["headers"].items()}
    return str(values[name.lower()])


def test_the_key_before_is_fetched_for_a_link_that_needs_it_and_for_no_other(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cold start that only makes a link waits for one call."""
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
def test_the_form_can_be_read_by_a_screen_reader_in_every_language(
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


def test_the_browser_chooses_the_language_and_the_complaint_door_the_kind(site: Site) -> None:
    answer = site("form", headers={"Accept-Language": "zh-HK,en;q=0.5"})

    assert structure(answer).language == "zh-TW"
    assert '<option value="complaint" selected>' in answer["body"]


def test_pages_forbid_scripts_frames_referrers_and_caches(site: Site) -> None:
    answer = site("form")

    assert "default-src 'none'" in header(answer, "Content-Security-Policy")
    assert "frame-ancestors 'none'" in header(answer, "Content-Security-Policy")
    assert header(answer, "Referrer-Policy") == "no-referrer"
    assert header(answer, "Cache-Control") == "no-store"


def test_a_submission_shows_number_promises_and_link(site: Site, stores: Stores) -> None:
    number, token = submit(site)

    assert stores.tickets.get(number).channel == "web"
    page = site("status", token=token)
    assert page["statusCode"] == 200
    assert number in page["body"]
    assert "First answer from a person" in page["body"]


def test_what_was_typed_is_shown_escaped(site: Site) -> None:
    _, token = submit(site, subject="A <b>cup</b>", description="<script>alert(1)</script>")

    body = site("status", token=token)["body"]
    assert "<b>" not in body
    assert "<script" not in body
    assert "&lt;script&gt;" in body


def test_the_same_nonce_gives_the_same_ticket_and_another_text_is_refused(site: Site) -> None:
    first, second = submit(site), submit(site)

    assert first == second
    other = site("form-submission", FORM | {"subject": "Another matter"})
    assert other["statusCode"] == 409
    assert "Another matter" in other["body"]
    assert catalogue.text("en", "fault.key_reused") in other["body"]

    third, _ = submit(site, subject="Another matter", nonce=structure(other).hidden["nonce"])
    assert third != first[0]


def test_who_leaves_only_a_phone_number_is_told_that_the_page_is_the_acknowledgement(
    site: Site, stores: Stores
) -> None:
    answer = site("form-submission", FORM | {"email": "", "phone": "+86 755 2345 6789"})

    assert answer["statusCode"] == 201
    assert "this page is our acknowledgement" in answer["body"]
    found = re.search(r"R-[0-9A-Z]{5}-[0-9A-Z]{5}", answer["body"])
    assert found is not None
    assert stores.tickets.get(found[0]).acknowledged_at is not None


def test_every_fault_is_shown_at_once_and_nothing_typed_is_lost(site: Site) -> None:
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


def test_a_body_beyond_the_limit_is_refused_in_the_readers_language(site: Site) -> None:
    answer = site(
        "form-submission", FORM | {"description": "x" * 300_000}, headers={"Accept-Language": "en"}
    )

    assert answer["statusCode"] == 413
    assert "Too long" in answer["body"]


def test_a_form_without_its_key_can_be_sent_at_once_again(site: Site) -> None:
    answer = site("form-submission", FORM | {"nonce": "x" * 300})

    assert answer["statusCode"] == 422
    found = structure(answer)
    assert found.jumps == ["main"]
    assert found.hidden["nonce"] != "x" * 300
    submit(site, nonce=found.hidden["nonce"])


def test_a_form_comes_in_base64(site: Site, stores: Stores) -> None:
    answer = site("form-submission", FORM | {"subject": "杯子碎了"})

    assert answer["statusCode"] == 201
    number = re.search(r"R-[0-9A-Z]{5}-[0-9A-Z]{5}", answer["body"])
    assert number is not None
    assert stores.tickets.get(number[0]).subject == "杯子碎了"


@pytest.mark.parametrize(
    "body", [base64.b64encode(b"&".join(b"a=1" for _ in range(60))).decode(), "not base64!"]
)
def test_what_no_form_posts_is_refused(body: str) -> None:
    event = altered(read_sample("customer-form-submission"), headers={"Accept-Language": "en"})

    answer = load("customer").handler(event | {"body": body}, Context())

    assert answer["statusCode"] == 400
    assert catalogue.text("en", "problem.400.title") in answer["body"]


LOST = [(Unavailable(retry_after_s=7), 503), (ValueError("a secret of the inside"), 500)]


@pytest.mark.parametrize(("error", "status"), LOST)
def test_a_submission_that_failed_is_kept_behind_a_button_that_sends_it_again(
    site: Site, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    """Going back would show an empty form with a new nonce: a second try could be a second ticket.

    A ValueError from inside is a fault of ours and never answered as a wrong request.
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


def test_words_are_kept_when_they_cannot_be_taken(
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


def test_a_page_that_cannot_be_shown_asks_to_reload_and_has_nothing_to_send(
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


def test_a_failure_is_told_even_when_the_stage_names_no_base_address(site: Site) -> None:
    answer = site("form-submission", FORM, stage={})

    assert answer["statusCode"] == 500
    assert aws("dynamodb").scan(TableName=TABLE)["Count"] == 0, "no ticket without an answer"
    assert structure(answer).hidden == FORM


def test_an_unknown_link_is_a_friendly_page(site: Site) -> None:
    answer = site("status", headers={"Accept-Language": "zh-CN"})

    assert answer["statusCode"] == 404
    assert "找不到此链接" in answer["body"]


def test_words_are_added_once_however_often_the_button_is_pressed(
    site: Site, stores: Stores
) -> None:
    number, token = submit(site)

    for _ in range(2):
        answer = site("status-action", token=token)
        assert answer["statusCode"] == 303
        assert header(answer, "Location") == f"{BASE_ADDRESS}/t/{token}"
    said = [e for e in stores.tickets.history(number) if e.type == "customer_wrote"]
    assert len(said) == 1


def test_empty_words_are_shown_as_a_fault_beside_their_field(site: Site) -> None:
    _, token = submit(site)

    answer = press(site, token, "write", words="   ")
    assert answer["statusCode"] == 422
    assert "words-fault" in structure(answer).ids


def test_the_language_that_the_reader_chose_stays_after_a_button(site: Site) -> None:
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


def test_a_button_that_does_not_exist_is_not_found(site: Site) -> None:
    _, token = submit(site)

    assert press(site, token, "delete")["statusCode"] == 404


def test_a_link_that_was_cut_is_answered_by_a_page(site: Site) -> None:
    found = site("elsewhere", headers={"Accept-Language": "zh-TW"})
    assert found["statusCode"] == 404
    assert structure(found).language == "zh-TW"
    assert catalogue.text("zh-TW", "problem.404.title") in found["body"]

    machine = site("elsewhere", headers={"Accept": "application/json"})
    assert machine["statusCode"] == 404
    assert json.loads(machine["body"])["type"] == "urn:redress:problem:not-found"


def test_opening_the_link_answers_nothing(site: Site, stores: Stores, clock: Clock) -> None:
    number, token = submit(site)
    resolved(stores, clock, number)

    site("status", token=token)
    assert stores.tickets.get(number).state == "resolved"
    assert site("status", token=f"{token}/confirm")["statusCode"] == 404


def test_confirming_opens_the_survey_on_the_same_page(
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


def test_a_word_on_the_phone_is_shown_as_such(site: Site, stores: Stores, clock: Clock) -> None:
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


def test_a_promise_that_is_late_is_said_to_be_late(
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


def test_a_paused_promise_says_what_is_waited_for(site: Site, stores: Stores, clock: Clock) -> None:
    number, token = submit(site, kind="service_request")
    by = Actor(Role.AGENT, "a-mei")
    ticket = stores.tickets.get(number)
    plan = stores.plans.get(ticket.plan_version)
    asked = by_staff.reply(ticket, plan, by, "Which model?", True, clock.now())
    stores.tickets.commit(asked, clock.now())
    seen = {one["clock"]: one for one in promised(site, token, number)}
    for name in ("update", "resolution"):
        assert (seen[name]["state"], seen[name]["due_at"]) == ("paused", None)
        assert seen[name]["waits_for"] == "customer"
    body = site("status", token=token)["body"]
    assert catalogue.text("en", "promise.paused.customer") in body
    due = stores.tickets.get(number).clocks[ClockName.RESOLUTION].due_at
    assert moment(due, plan.time_zone, "en") not in body, "nobody knows when it is due"

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


def promised(site: Site, token: str, number: str) -> list[dict[str, Any]]:
    """The promises as the JSON API shows them."""
    found = json.loads(site("api-ticket", headers=bearer(token), number=number)["body"])
    promises: list[dict[str, Any]] = found["promises"]
    return promises


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_promise_is_shown_with_how_it_stands_what_is_to_come_first(
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
    assert [(one["clock"], one["state"]) for one in promised(site, token, number)] == [
        ("own_word", "running"),
        ("first_response", "running"),
        ("update", "running"),
        ("resolution", "running"),
        ("acknowledgement", "kept"),
        ("reaction", "kept"),
    ]
    body = html.unescape(site("status", token=token, query={"lang": language})["body"])
    heard = stores.tickets.get(number).clocks[ClockName.UPDATE].due_at
    by_then = catalogue.text(language, "receipt.by", time=moment(heard, plan.time_zone, language))
    assert f"{catalogue.text(language, 'clock.update')}</span> <time" in body
    assert by_then in body

    happens(by_staff.reply, by, "Here it is", False, hours=25)
    happens(by_staff.resolve, by, "Done", "upheld", "a cup", "a crack", minutes=1)
    assert [(one["clock"], one["state"]) for one in promised(site, token, number)] == [
        ("callback", "running"),
        ("acknowledgement", "kept"),
        ("reaction", "kept"),
        ("own_word", "missed"),
        ("first_response", "missed"),
        ("resolution", "kept"),
    ]
    body = html.unescape(site("status", token=token, query={"lang": language})["body"])
    assert catalogue.text(language, "clock.callback") in body
    assert catalogue.text(language, "clock.update") not in body, "it is over, and nothing follows"


def test_the_confirmation_is_shown_once_it_went_out(
    site: Site, stores: Stores, clock: Clock
) -> None:
    number, token = submit(site)
    clock.advance(minutes=6)
    shown = {one["clock"]: one["state"] for one in promised(site, token, number)}
    assert shown.keys() == {"reaction", "first_response", "resolution"}
    ticket, plan = stores.tickets.get(number), stores.plans.current()
    acknowledged = by_system.acknowledge(ticket, plan, clock.now())
    assert acknowledged is not None
    stores.tickets.commit(acknowledged, clock.now())
    shown = {one["clock"]: one["state"] for one in promised(site, token, number)}
    assert shown["acknowledgement"] == "missed"


def test_a_callback_by_mail_is_the_question_on_the_page_and_no_promise_of_ours(
    site: Site, stores: Stores, clock: Clock
) -> None:
    number, token = submit(site)
    resolved(stores, clock, number)
    assert "callback" not in {one["clock"] for one in promised(site, token, number)}
    assert catalogue.text("en", "act.ask") in site("status", token=token)["body"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_own_word_and_the_next_answer_stand_among_the_promises_and_are_kept_by_a_reply(
    site: Site, stores: Stores, clock: Clock, language: str
) -> None:
    number, token = submit(site)
    by = Actor(Role.AGENT, "a-mei")
    plan = stores.plans.current()

    def happens(change: Change) -> None:
        stores.tickets.commit(change, clock.now())

    def told() -> dict[str, tuple[datetime, str]]:
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

    assert told()["own_word"] == (due, "running")
    assert told()["next_reply"][1] == "running"
    body = html.unescape(site("status", token=token, query={"lang": language})["body"])
    for key in ("clock.own_word", "clock.next_reply", "event.promised"):
        assert catalogue.text(language, key) in body
    assert "I answer by three" in body

    clock.advance(hours=1)
    ticket = stores.tickets.get(number)
    happens(by_staff.reply(ticket, plan, by, "Here it is", False, clock.now()))
    assert (told()["own_word"][1], told()["next_reply"][1]) == ("kept", "kept")


def test_a_promise_that_no_longer_applies_is_said_to(
    site: Site, stores: Stores, clock: Clock
) -> None:
    _, token = submit(site)
    press(site, token, "withdraw", reason="", sure="yes")
    assert catalogue.text("en", "promise.cancelled") in site("status", token=token)["body"]


def test_a_dispute_needs_words_and_reopens(site: Site, stores: Stores, clock: Clock) -> None:
    number, token = submit(site)
    resolved(stores, clock, number)

    assert press(site, token, "dispute", text="")["statusCode"] == 422
    for _ in range(2):
        assert press(site, token, "dispute", text="It leaks.")["statusCode"] == 303
    assert stores.tickets.get(number).round == 2


def test_withdrawing_needs_a_tick_and_is_done_once(site: Site, stores: Stores) -> None:
    number, token = submit(site)

    assert press(site, token, "withdraw", reason="")["statusCode"] == 422
    for _ in range(2):
        answer = press(site, token, "withdraw", reason="", sure="yes")
        assert answer["statusCode"] == 303
    assert stores.tickets.get(number).closure == "withdrawn"
    assert press(site, token, "confirm")["statusCode"] == 409


def test_a_survey_link_takes_one_answer_and_ends_with_the_survey(
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
    assert site("survey", token=questions)["statusCode"] == 404


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_has_a_page_in_every_language(
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
def test_surveys_end_at_the_press_of_a_button_and_come_back_at_another(
    site: Site, language: str
) -> None:
    number, _ = submit(site)
    token = customer_wiring.links().unsubscribe_token(number)
    refuses = wired_stores.addresses().refuses_surveys
    asked = site("surveys", token=token, query={"lang": language})["body"]
    assert catalogue.text(language, "surveys.end") in asked
    assert not refuses(FORM["email"]), "reading the page changes nothing"
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
def test_a_mail_program_ends_surveys_for_its_reader(site: Site, kind: str, body: str) -> None:
    """RFC 8058: one POST, without a cookie, a referrer or a redirect."""
    number, _ = submit(site)
    token = customer_wiring.links().unsubscribe_token(number)
    answer = site("surveys-end", raw=body, headers={"Content-Type": kind}, token=token)
    assert answer["statusCode"] == 200
    assert wired_stores.addresses().refuses_surveys(FORM["email"])


def test_a_forged_link_ends_no_surveys(site: Site) -> None:
    number, status_token = submit(site)
    for token in (
        status_token,
        f"{number}.x",
        customer_wiring.links().unsubscribe_token("R-00000-00000"),
    ):
        assert site("surveys", token=token)["statusCode"] == 404
        assert site("surveys-end", token=token)["statusCode"] == 404
    assert not wired_stores.addresses().refuses_surveys(FORM["email"])


def test_the_api_tells_what_the_page_tells_and_only_with_the_tickets_own_token(
    site: Site,
) -> None:
    number, token = submit(site)
    other, _ = submit(site, nonce="another", subject="Another")
    mine, nobody = bearer(token), {"Authorization": ""}

    found = site("api-ticket", headers=mine, number=number)
    assert found["statusCode"] == 200
    view = json.loads(found["body"])
    assert view["number"] == number
    assert view["can"] == ["withdraw", "write"]
    linked = site("api-ticket", query={"token": token}, headers=nobody, number=number)
    assert linked["statusCode"] == 200
    assert site("api-ticket", headers=mine, number=other)["statusCode"] == 404
    assert site("api-ticket", headers=nobody, number=number)["statusCode"] == 404


def test_the_api_names_every_wrong_field(site: Site) -> None:
    number, token = submit(site)
    own: dict[str, Any] = {"headers": bearer(token), "number": number}

    answer = site("api-message", body={"words": "x", "y": 1}, **own)
    assert answer["statusCode"] == 422
    pointers = {fault["pointer"] for fault in json.loads(answer["body"])["errors"]}
    assert pointers == {"/words", "/y", "/text"}
    assert site("api-message", body=[1], **own)["statusCode"] == 400
    assert site("api-message", raw="{", **own)["statusCode"] == 400
    assert site("api-message", raw="[" * 5000, **own)["statusCode"] == 400
    assert site("api-message", body={"text": "x" * 70_000}, **own)["statusCode"] == 413
    assert site("api-message", raw="", **own)["statusCode"] == 422
    as_form = own["headers"] | {"Content-Type": "application/x-www-form-urlencoded"}
    answer = site("api-message", {"text": "x"}, headers=as_form, number=number)
    assert answer["statusCode"] == 415
    said = site("api-message", **own)
    assert json.loads(said["body"])["timeline"][-1]["text"] == "The order number is 4403-8812."


def test_the_api_does_what_the_buttons_do(site: Site, stores: Stores, clock: Clock) -> None:
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


def test_the_customer_sees_who_takes_part_and_what_they_wrote(
    site: Site, stores: Stores, clock: Clock
) -> None:
    number, token = submit(site)
    lin = Actor(Role.SUPERVISOR, "s-lin")
    ticket, plan = stores.tickets.get(number), stores.plans.current()
    let_in = by_staff.set_participants(ticket, plan, lin, ["bo@example.net"], clock.now())
    assert let_in is not None
    stores.tickets.commit(let_in, clock.now())
    wrote = by_customer.write(let_in.after, plan, "I saw it.", clock.now(), None, "bo@example.net")
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


@pytest.mark.parametrize(
    "name",
    [
        *("status", "status-action", "survey", "survey-answer"),
        *("api-ticket", "api-message", "api-confirmation"),
        *("api-dispute", "api-withdrawal", "api-survey"),
    ],
)
def test_a_link_that_was_not_signed_opens_nothing(
    site: Site, stores: Stores, clock: Clock, name: str
) -> None:
    """The ticket of the samples is there; only their signatures are none."""
    life = Life(clock).open()
    stores.tickets.open(life.last, life.last.after.created_at)

    answer = site(name)
    assert answer["statusCode"] == 404
    assert life.ticket.subject not in answer["body"]
    assert len(stores.tickets.history(NUMBER)) == 1


def test_what_stays_inside_is_not_told(site: Site, stores: Stores, clock: Clock) -> None:
    number, token = submit(site)
    ticket = stores.tickets.get(number)
    plan = stores.plans.get(ticket.plan_version)
    by = Actor(Role.AGENT, "a-mei")
    stores.tickets.commit(by_staff.note(ticket, plan, by, "a rude word", clock.now()), clock.now())

    found = site("api-ticket", headers=bearer(token), number=number)
    assert "a rude word" not in found["body"]
    assert "a-mei" not in found["body"]
    assert "a rude word" not in site("status", token=token)["body"]


def test_the_document_that_is_served_is_valid_openapi(site: Site) -> None:
    document = json.loads(site("openapi")["body"])
    validate(document)
    assert document["openapi"].startswith("3.1")


def test_the_document_names_what_a_customer_sees_of_clocks_and_events(site: Site) -> None:
    schemas = json.loads(site("openapi")["body"])["components"]["schemas"]
    assert set(schemas["Line"]["properties"]["type"]["enum"]) == PUBLIC | {"participant_wrote"}
    assert set(schemas["Promise"]["properties"]["clock"]["enum"]) == {
        "acknowledgement",
        "reaction",
        "first_response",
        "next_reply",
        "own_word",
        "update",
        "resolution",
        "callback",
    }


def test_style_sheet_that_a_page_names_is_fetched_once_and_another_address_of_it_again(
    site: Site,
) -> None:
    named = re.search(r"/assets/style\.css\?v=(\w+)", site("form")["body"])
    assert named is not None

    assert "immutable" in header(site("asset", query={"v": named[1]}), "Cache-Control")
    for query in ({"v": "of-another-release"}, {}):
        answer = site("asset", query=query)
        assert header(answer, "Cache-Control") == "public, max-age=3600"
        assert answer["body"] == (ROOT / "functions/customer/assets/style.css").read_text()


def test_assets_are_looked_up_and_never_joined(site: Site) -> None:
    assert site("asset")["statusCode"] == 200
    assert site("asset", name="..%2Fapp.py")["statusCode"] == 404
    assert (ROOT / "functions/customer/assets/style.css").is_file()
