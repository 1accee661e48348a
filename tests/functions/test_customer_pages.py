"""The customer's pages and their side of the API, on the real cases over moto's table."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import pytest
from openapi_spec_validator import validate

from redress import texts, wiring
from redress.cases.customer import CustomerCases
from redress.cases.intake import IntakeCase
from redress.rules import lifecycle
from redress.rules.errors import Unavailable
from redress.rules.plan import LANGUAGES
from redress.rules.ticket import Actor, Role
from tests.builders import ROOT, Clock
from tests.functions.conftest import BASE_ADDRESS, Context, Stores, load

pytestmark = pytest.mark.usefixtures("table")

FORM = {
    "nonce": "a-nonce",
    "language": "en",
    "kind": "complaint",
    "subject": "The cup <b>arrived</b> broken",
    "description": "Two of three are in pieces.",
    "name": "Tom Baker",
    "email": "tom@customer.example",
    "consent": "yes",
}


@pytest.fixture
def site() -> Callable[..., dict[str, Any]]:
    """Calls the function as API Gateway does: site("POST", "/form", {...})."""
    app = load("customer")

    def call(
        method: str,
        path: str,
        form: dict[str, str] | None = None,
        *,
        body: Any = None,
        raw: str | None = None,
        encoded: bool = False,
        query: dict[str, str] | None = None,
        **headers: str,
    ) -> dict[str, Any]:
        media = "application/json" if form is None else "application/x-www-form-urlencoded"
        sent = json.dumps(body) if body is not None else urlencode(form) if form else raw
        if encoded and form:
            sent = base64.b64encode(urlencode(form).encode()).decode()
        given = {"Content-Type": media} | {k.replace("_", "-"): v for k, v in headers.items()}
        event = {
            "resource": path,
            "path": path,
            "httpMethod": method,
            "headers": given,
            "multiValueHeaders": {name: [value] for name, value in given.items()},
            "queryStringParameters": query,
            "multiValueQueryStringParameters": {k: [v] for k, v in (query or {}).items()},
            "pathParameters": None,
            "stageVariables": None,
            "requestContext": {"path": path, "stage": "v1"},
            "body": sent,
            "isBase64Encoded": encoded,
        }
        found: dict[str, Any] = app.handler(event, Context())
        return found

    return call


Site = Callable[..., dict[str, Any]]


def submit(site: Site, **changed: str) -> tuple[str, str]:
    """Submit the form; the ticket's number and the path of its status page."""
    answer = site("POST", "/form", FORM | changed)
    assert answer["statusCode"] == 201, answer["body"]
    found = re.search(rf"{re.escape(BASE_ADDRESS)}(/t/(R-[0-9A-Z-]+)\.[\w-]+)", answer["body"])
    assert found is not None
    return found[2], found[1]


def resolved(stores: Stores, clock: Clock, number: str) -> None:
    ticket = stores.tickets.get(number)
    plan = stores.plans.get(ticket.plan_version)
    by = Actor(Role.AGENT, "a-mei")
    change = lifecycle.resolve(
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
    values = {k.lower(): v for k, v in (answer.get("multiValueHeaders") or {}).items()}
    values |= {k.lower(): [v] for k, v in (answer.get("headers") or {}).items()}
    return str(values[name.lower()][0])


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_form_can_be_read_by_a_screen_reader_in_every_language(
    site: Site, language: str
) -> None:
    answer = site("GET", "/", query={"lang": language})

    assert answer["statusCode"] == 200
    found = structure(answer)
    assert found.language == language
    assert found.headings[0] == 1
    assert set(found.controls) <= found.labelled
    assert len(found.ids) == len(set(found.ids))
    assert set(found.described) <= set(found.ids)
    assert "<script" not in answer["body"]


def test_the_browser_chooses_the_language_and_the_complaint_door_the_kind(site: Site) -> None:
    answer = site("GET", "/", query={"kind": "complaint"}, Accept_Language="zh-HK,en;q=0.5")

    assert structure(answer).language == "zh-TW"
    assert '<option value="complaint" selected>' in answer["body"]


def test_pages_forbid_scripts_frames_referrers_and_caches(site: Site) -> None:
    answer = site("GET", "/")

    assert "default-src 'none'" in header(answer, "Content-Security-Policy")
    assert "frame-ancestors 'none'" in header(answer, "Content-Security-Policy")
    assert header(answer, "Referrer-Policy") == "no-referrer"
    assert header(answer, "Cache-Control") == "no-store"


def test_a_submission_shows_number_promises_and_link(site: Site, stores: Stores) -> None:
    number, path = submit(site)

    assert stores.tickets.get(number).channel == "web"
    page = site("GET", path)
    assert page["statusCode"] == 200
    assert number in page["body"]
    assert "First answer from a person" in page["body"]


def test_what_was_typed_is_shown_escaped(site: Site) -> None:
    _, path = submit(site, description="<script>alert(1)</script>")

    body = site("GET", path)["body"]
    assert "<script" not in body
    assert "&lt;script&gt;" in body


def test_the_same_nonce_gives_the_same_ticket_and_another_text_is_refused(site: Site) -> None:
    first, second = submit(site), submit(site)

    assert first == second
    other = site("POST", "/form", FORM | {"subject": "Another matter"})
    assert other["statusCode"] == 409
    assert "Another matter" in other["body"]
    assert texts.text("en", "fault.key_reused") in other["body"]

    third, _ = submit(site, subject="Another matter", nonce=structure(other).hidden["nonce"])
    assert third != first[0]


def test_who_leaves_only_a_phone_number_is_told_that_the_page_is_the_acknowledgement(
    site: Site, stores: Stores
) -> None:
    answer = site("POST", "/form", FORM | {"email": "", "phone": "+86 755 2345 6789"})

    assert answer["statusCode"] == 201
    assert "this page is our acknowledgement" in answer["body"]
    found = re.search(r"R-[0-9A-Z]{5}-[0-9A-Z]{5}", answer["body"])
    assert found is not None
    assert stores.tickets.get(found[0]).acknowledged_at is not None


def test_every_fault_is_shown_at_once_and_nothing_typed_is_lost(site: Site) -> None:
    answer = site(
        "POST",
        "/form",
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
    answer = site("POST", "/form", FORM | {"description": "x" * 300_000}, Accept_Language="en")

    assert answer["statusCode"] == 413
    assert "Too long" in answer["body"]


def test_a_form_without_its_key_can_be_sent_at_once_again(site: Site) -> None:
    answer = site("POST", "/form", FORM | {"nonce": "x" * 300})

    assert answer["statusCode"] == 422
    found = structure(answer)
    assert found.jumps == ["main"]
    assert found.hidden["nonce"] != "x" * 300
    submit(site, nonce=found.hidden["nonce"])


def test_a_form_may_come_in_base64(site: Site, stores: Stores) -> None:
    answer = site("POST", "/form", FORM | {"subject": "杯子碎了"}, encoded=True)

    assert answer["statusCode"] == 201
    number = re.search(r"R-[0-9A-Z]{5}-[0-9A-Z]{5}", answer["body"])
    assert number is not None
    assert stores.tickets.get(number[0]).subject == "杯子碎了"


@pytest.mark.parametrize(
    "broken",
    [
        {"raw": "&".join(f"a{i}=1" for i in range(60))},
        {"raw": "not base64!", "encoded": True},
    ],
)
def test_what_no_form_posts_is_refused(site: Site, broken: dict[str, Any]) -> None:
    answer = site("POST", "/form", **broken, Accept_Language="en")

    assert answer["statusCode"] == 400
    assert texts.text("en", "problem.400.title") in answer["body"]


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
        answer = site("POST", "/form", typed)

    assert answer["statusCode"] == status
    assert texts.text("en", "problem.kept") in answer["body"]
    assert "secret" not in answer["body"]
    if status == 503:
        assert header(answer, "Retry-After") == "7"
    found = structure(answer)
    assert found.hidden == typed
    assert site("POST", "/form", found.hidden)["statusCode"] == 201


def test_words_are_kept_when_they_cannot_be_taken(
    site: Site, monkeypatch: pytest.MonkeyPatch, stores: Stores
) -> None:
    number, path = submit(site)

    def fail(*args: Any) -> None:
        raise Unavailable

    with monkeypatch.context() as broken:
        broken.setattr(CustomerCases, "write", fail)
        answer = site("POST", f"{path}/write", {"words": "One more thing.", "language": "zh-TW"})

    assert answer["statusCode"] == 503
    found = structure(answer)
    assert found.language == "zh-TW"
    assert found.hidden["words"] == "One more thing."
    assert site("POST", f"{path}/write", found.hidden)["statusCode"] == 303
    assert stores.tickets.history(number)[-1].data == {"text": "One more thing."}


def test_a_page_that_cannot_be_shown_asks_to_reload_and_has_nothing_to_send(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, path = submit(site)

    def fail(*args: Any) -> None:
        raise Unavailable

    monkeypatch.setattr(CustomerCases, "status", fail)
    answer = site("GET", path, Accept_Language="en")

    assert answer["statusCode"] == 503
    assert texts.text("en", "problem.503.text") in answer["body"]
    assert "<form" not in answer["body"]


def test_a_failure_is_told_even_when_the_base_address_cannot_be_read(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> str:
        raise OSError("no network")

    monkeypatch.setattr(wiring, "base_url", lambda: fail)
    answer = site("POST", "/form", FORM)

    assert answer["statusCode"] == 500
    assert structure(answer).hidden == FORM


def test_an_unknown_link_is_a_friendly_page(site: Site) -> None:
    answer = site("GET", "/t/R-00000-00000.forged", Accept_Language="zh-CN")

    assert answer["statusCode"] == 404
    assert "找不到此链接" in answer["body"]


def test_words_are_added_once_however_often_the_button_is_pressed(
    site: Site, stores: Stores
) -> None:
    number, path = submit(site)

    for _ in range(2):
        answer = site("POST", f"{path}/write", {"words": "One more thing."})
        assert answer["statusCode"] == 303
        assert header(answer, "Location") == BASE_ADDRESS + path
    said = [e for e in stores.tickets.history(number) if e.type == "customer_wrote"]
    assert len(said) == 1


def test_empty_words_are_shown_as_a_fault_beside_their_field(site: Site) -> None:
    _, path = submit(site)

    answer = site("POST", f"{path}/write", {"words": "   "})
    assert answer["statusCode"] == 422
    assert "words-fault" in structure(answer).ids


def test_the_language_that_the_reader_chose_stays_after_a_button(site: Site) -> None:
    _, path = submit(site, language="zh-CN")

    assert structure(site("GET", path)).language == "zh-CN"
    assert structure(site("GET", path, query={"lang": "en"})).language == "en"
    done = site("POST", f"{path}/write", {"words": "More.", "language": "en"})
    assert header(done, "Location") == f"{BASE_ADDRESS}{path}?lang=en"
    wrong = site("POST", f"{path}/write", {"words": " ", "language": "en"})
    assert structure(wrong).language == "en"
    assert texts.text("en", "fault.required") in wrong["body"]
    late = site("POST", f"{path}/confirm", {"language": "en"})
    assert late["statusCode"] == 409
    assert texts.text("en", "problem.409.text") in late["body"]
    assert f'href="{BASE_ADDRESS}{path}?lang=en"' in late["body"]


def test_a_button_that_does_not_exist_is_not_found(site: Site) -> None:
    _, path = submit(site)

    assert site("POST", f"{path}/delete", {"x": ""})["statusCode"] == 404


def test_opening_the_link_answers_nothing(site: Site, stores: Stores, clock: Clock) -> None:
    number, path = submit(site)
    resolved(stores, clock, number)

    site("GET", path)
    assert stores.tickets.get(number).state == "resolved"
    assert site("GET", f"{path}/confirm")["statusCode"] == 404


def test_confirming_opens_the_survey_on_the_same_page(
    site: Site, stores: Stores, clock: Clock
) -> None:
    number, path = submit(site)
    resolved(stores, clock, number)

    assert "Is it really solved?" in site("GET", path)["body"]
    assert site("POST", f"{path}/confirm", {"x": ""})["statusCode"] == 303
    page = site("GET", path)["body"]
    assert 'name="overall"' in page
    answer = site("POST", f"{path}/survey", {"overall": "5", "attitude": "4", "comment": "Kind"})
    assert answer["statusCode"] == 303
    ticket = stores.tickets.get(number)
    assert (ticket.state, ticket.closure) == ("closed", "confirmed")


def test_a_word_on_the_phone_is_shown_as_such(site: Site, stores: Stores, clock: Clock) -> None:
    number, path = submit(site, email="", phone="+86 755 2345 6789")
    resolved(stores, clock, number)
    ticket = stores.tickets.get(number)
    plan = stores.plans.get(ticket.plan_version)
    by = Actor(Role.AGENT, "a-mei")
    called = lifecycle.record_callback(ticket, plan, by, "confirmed", "", clock.now())
    stores.tickets.commit(called, clock.now())

    body = site("GET", path)["body"]
    assert texts.text("en", "event.confirmed") in body
    assert texts.text("en", "status.by_phone") in body


def test_a_promise_that_is_late_is_said_to_be_late(
    site: Site, stores: Stores, clock: Clock
) -> None:
    number, path = submit(site)

    assert texts.text("en", "promise.overdue") not in site("GET", path)["body"]
    clock.advance(days=5)
    assert texts.text("en", "promise.overdue") in site("GET", path)["body"]
    resolved(stores, clock, number)
    body = site("GET", path)["body"]
    assert texts.text("en", "promise.missed") in body
    assert texts.text("en", "promise.overdue") not in body


def test_a_dispute_needs_words_and_reopens(site: Site, stores: Stores, clock: Clock) -> None:
    number, path = submit(site)
    resolved(stores, clock, number)

    assert site("POST", f"{path}/dispute", {"text": ""})["statusCode"] == 422
    for _ in range(2):
        assert site("POST", f"{path}/dispute", {"text": "It leaks."})["statusCode"] == 303
    assert stores.tickets.get(number).round == 2


def test_withdrawing_needs_a_tick_and_is_done_once(site: Site, stores: Stores) -> None:
    number, path = submit(site)

    assert site("POST", f"{path}/withdraw", {"reason": ""})["statusCode"] == 422
    for _ in range(2):
        answer = site("POST", f"{path}/withdraw", {"reason": "", "sure": "yes"})
        assert answer["statusCode"] == 303
    assert stores.tickets.get(number).closure == "withdrawn"
    assert site("POST", f"{path}/confirm", {"x": ""})["statusCode"] == 409


def test_a_survey_link_takes_one_answer_and_ends_with_the_survey(
    site: Site, stores: Stores, clock: Clock
) -> None:
    number, path = submit(site)
    resolved(stores, clock, number)
    site("POST", f"{path}/confirm", {"x": ""})
    token = wiring.customer_app().cases.survey_token(stores.tickets.get(number))

    wrong = site("POST", f"/s/{token}", {"speed": "4", "comment": "x" * 5001, "language": "en"})
    assert wrong["statusCode"] == 422
    assert structure(wrong).checked == [("speed", "4")]
    assert "x" * 5001 in wrong["body"]
    assert structure(wrong).jumps == ["main", "overall", "comment"]
    assert {"overall-fault", "comment-fault", "overall", "comment"} <= set(structure(wrong).ids)
    assert site("POST", f"/s/{token}", {"overall": "9"})["statusCode"] == 422
    assert "Thank you" in site("POST", f"/s/{token}", {"overall": "4"})["body"]
    assert "answered already" in site("POST", f"/s/{token}", {"overall": "1"})["body"]
    answers = [e.data for e in stores.tickets.history(number) if e.type == "surveyed"]
    assert answers == [{"answers": {"overall": 4}}]
    clock.advance(days=8)
    assert site("GET", f"/s/{token}")["statusCode"] == 404


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_has_a_page_in_every_language(
    site: Site, stores: Stores, clock: Clock, language: str
) -> None:
    number, path = submit(site, language=language, nonce=f"n-{language}")
    for step in (
        lambda: None,
        lambda: site("POST", f"{path}/write", {"words": "more"}),
        lambda: resolved(stores, clock, number),
        lambda: site("POST", f"{path}/confirm", {"x": ""}),
        lambda: site("POST", f"{path}/survey", {"overall": "3"}),
    ):
        step()
        page = site("GET", path)
        assert page["statusCode"] == 200
        found = structure(page)
        assert found.language == language
        assert len(found.ids) == len(set(found.ids))
        assert set(found.described) <= set(found.ids)
        assert found.headings[0] == 1


def test_the_api_tells_what_the_page_tells_and_only_with_the_tickets_own_token(
    site: Site,
) -> None:
    number, path = submit(site)
    other, _ = submit(site, nonce="another", subject="Another")
    token = path.removeprefix("/t/")

    found = site("GET", f"/tickets/{number}", Authorization=f"Bearer {token}")
    assert found["statusCode"] == 200
    view = json.loads(found["body"])
    assert view["number"] == number
    assert view["can"] == ["withdraw", "write"]
    assert site("GET", f"/tickets/{number}", query={"token": token})["statusCode"] == 200
    assert site("GET", f"/tickets/{other}", Authorization=f"Bearer {token}")["statusCode"] == 404
    assert site("GET", f"/tickets/{number}")["statusCode"] == 404


def test_the_api_names_every_wrong_field(site: Site) -> None:
    number, path = submit(site)
    bearer = {"Authorization": f"Bearer {path.removeprefix('/t/')}"}

    answer = site("POST", f"/tickets/{number}/messages", body={"words": "x", "y": 1}, **bearer)
    assert answer["statusCode"] == 422
    pointers = {fault["pointer"] for fault in json.loads(answer["body"])["errors"]}
    assert pointers == {"/words", "/y", "/text"}
    address = f"/tickets/{number}/messages"
    assert site("POST", address, body=[1], **bearer)["statusCode"] == 400
    assert site("POST", address, raw="{", **bearer)["statusCode"] == 400
    assert site("POST", address, raw="[" * 5000, **bearer)["statusCode"] == 400
    assert site("POST", address, body={"text": "x" * 70_000}, **bearer)["statusCode"] == 413
    assert site("POST", address, {"text": "x"}, **bearer)["statusCode"] == 415
    assert site("POST", address, **bearer)["statusCode"] == 422
    said = site("POST", f"/tickets/{number}/messages", body={"text": "x"}, **bearer)
    assert json.loads(said["body"])["timeline"][-1]["text"] == "x"


def test_what_stays_inside_is_not_told(site: Site, stores: Stores, clock: Clock) -> None:
    number, path = submit(site)
    ticket = stores.tickets.get(number)
    plan = stores.plans.get(ticket.plan_version)
    by = Actor(Role.AGENT, "a-mei")
    stores.tickets.commit(lifecycle.note(ticket, plan, by, "a rude word", clock.now()), clock.now())

    found = site("GET", f"/tickets/{number}", query={"token": path.removeprefix("/t/")})
    assert "a rude word" not in found["body"]
    assert "a-mei" not in found["body"]
    assert "a rude word" not in site("GET", path)["body"]


def test_the_document_is_valid_and_describes_every_route_of_the_template(site: Site) -> None:
    from tests.builders import template

    document = json.loads(site("GET", "/openapi.json")["body"])
    validate(document)
    described = {
        (method.upper(), path) for path, entry in document["paths"].items() for method in entry
    }
    resources = template()["Resources"]
    deployed = {
        (event["Properties"]["Method"], event["Properties"]["Path"])
        for name in ("IntakeFunction", "CustomerFunction")
        for event in resources[name]["Properties"]["Events"].values()
    }
    assert described == deployed


def test_assets_are_looked_up_and_never_joined(site: Site) -> None:
    assert site("GET", "/assets/style.css")["statusCode"] == 200
    assert site("GET", "/assets/..%2Fapp.py")["statusCode"] == 404
    assert (ROOT / "functions/customer/assets/style.css").is_file()
