"""The texts of mails: complete in every language, and safe with any values."""

from __future__ import annotations

import email
import string
from collections.abc import Sequence
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from html.parser import HTMLParser
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.base import addresses
from redress.base.house import house_of
from redress.base.languages import LANGUAGES
from redress.base.people import SYSTEM
from redress.base.phrases import moment, phrases
from redress.clocks.rules.clocks import Action, ClockName, ClockState
from redress.mail.incoming.reader import parsing
from redress.mail.incoming.rules.decision import Reason
from redress.mail.incoming.rules.held import UNPROMISED
from redress.mail.outgoing import rendering
from redress.mail.outgoing.messages import (
    HELD_MAIL,
    INCIDENT_ACTION,
    INCIDENT_OPEN,
    LOST_LINKS,
    RELATIONSHIP_CALL,
    NotAJob,
    job_of,
)
from redress.mail.outgoing.rules.relevance import acknowledgement_of
from redress.mail.outgoing.rules.table import mails_after
from redress.plans.rules.plan import KINDS
from redress.tickets.rules.ticket import Event, EventType
from tests.mail.reader.mails import folded

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
NUMBER = "R-7K3M9-QW0X2"
STAFF = (
    "remind",
    "breach",
    "escalate",
    "watch",
    "join",
    "taken",
    "incident",
    "spike",
    "incident_open",
    "incident_action",
    "customer_wrote",
    "customer_wrote_late",
    "customer_thanked",
    "customer_thanked_closed",
    "moved_away",
    "mail_returned",
    "answer_failed",
    "tell_moved",
    "staff_unreached",
    "stranger_wrote",
    "disputed",
    "held_mail",
    "relationship_call",
    "mentioned",
    "reminded",
    "task",
    "task_taken",
    "remedy",
    "post_mortem",
    "post_mortem_action",
    "urged",
    "item_given",
    "about_doubted",
    "unattended",
    "reserve_called",
)


PAGES = (
    "status_url",
    "status_links",
    "survey_url",
    "ticket_url",
    "task_url",
    "incident_url",
    "quarantine_url",
    "customer_url",
)


def values(name: str, **given: str) -> dict[str, str]:
    return {key: f"<{key}>" for key in rendering.PLACEHOLDERS[name]} | given


def parsed(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def unix(text: str) -> str:
    """Normalise line ends and drop the last one, because MIME adds and changes them."""
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")


TOKEN = "r-7k3m9-qw0x2.abcdefgh23456789"
JOB = "000003.reply.customer"


def sent(
    *texts: rendering.MailText,
    sender: str = "service@example.com",
    recipients: Sequence[str] = ("li.na@example.com",),
    **given: Any,
) -> EmailMessage:
    usual: dict[str, Any] = {"automatic": True, "conversation": TOKEN, "mail_id": JOB}
    raw = rendering.message(sender, recipients, NUMBER, texts, AT, **(usual | given))
    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) < 998
    return parsed(raw)


def plain(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert isinstance(part, EmailMessage)
    return unix(part.get_content())


def html(message: EmailMessage) -> str:
    part = message.get_body(("html",))
    assert isinstance(part, EmailMessage)
    content: str = part.get_content()
    return content


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_template_and_no_other(language: str) -> None:
    folder = resources.files("redress").joinpath("data", "mail", language)
    assert {item.name for item in folder.iterdir()} == {
        "phrases.json",
        *(f"{name}.txt" for name in rendering.PLACEHOLDERS),
    }


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", rendering.PLACEHOLDERS)
def test_a_template_has_the_same_placeholders_in_every_language(name: str, language: str) -> None:
    subject, body = rendering.template(language, name)
    fields = [
        (field, spec, conversion)
        for _, field, spec, conversion in string.Formatter().parse(f"{subject}\n{body}")
        if field is not None
    ]
    assert {field for field, _, _ in fields} == rendering.PLACEHOLDERS[name]
    assert {(spec, conversion) for _, spec, conversion in fields} == {("", None)}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", rendering.PLACEHOLDERS)
def test_a_template_links_to_one_page_at_most(name: str, language: str) -> None:
    body = rendering.template(language, name)[1]
    links = sum(body.count(f"{{{url}}}") for url in PAGES)
    without = {*STAFF, "copy"} - {
        "incident",
        "spike",
        "incident_open",
        "incident_action",
        "held_mail",
        "relationship_call",
        "staff_unreached",
        "reminded",
        "unattended",
        "about_doubted",
        "tell_moved",
        "answer_failed",
        "task",
        "remedy",
        "post_mortem",
        "post_mortem_action",
        "urged",
        "join",
    }
    assert links == (0 if name in without else 1)


def test_mails_to_staff_and_acknowledgements_repeat_nothing_that_the_customer_typed() -> None:
    acknowledgements = [name for name in rendering.PLACEHOLDERS if name.startswith("acknowl")]
    assert len(acknowledgements) == 7
    for name in (*STAFF, *acknowledgements, "lost_links"):
        assert not rendering.PLACEHOLDERS[name] & {"subject", "text", "name"}, name
    for name in STAFF:
        assert not rendering.PLACEHOLDERS[name] & {"status_url", "survey_url"}, name


SORRY = {
    "en": "We are sorry for the trouble",
    "zh-CN": "对您遇到的不愉快，我们深表歉意",
    "zh-TW": "對於您遇到的不愉快，我們深感抱歉",
}
AT_ONCE = {"en": "at once", "zh-CN": "立即有专人", "zh-TW": "立即有專人"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_acknowledgement_apologises_to_those_who_complain_and_answers_the_urgent_at_once(
    kind: str, language: str
) -> None:
    for is_late in (False, True):
        name = acknowledgement_of(kind, is_late=is_late)
        text = rendering.render(name, language, values(name))
        assert (SORRY[language] in text.body) == (kind == "complaint")
        assert (AT_ONCE[language] in text.body) == (kind == "urgent" and not is_late)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_kind_has_an_acknowledgement_of_its_own(language: str) -> None:
    names = [acknowledgement_of(kind, is_late=False) for kind in KINDS]
    assert len({rendering.template(language, name) for name in names}) == len(KINDS)


def test_mail_shows_the_name_and_the_colours_of_the_house() -> None:
    text = rendering.render("reply", "en", values("reply"))
    own = house_of("Tea & Söhne", "#7a1f3d", "#f0a0b8")
    mail = sent(text, house=own, reply_to="x@in.example.org")
    assert mail["From"].addresses[0].display_name == "Tea & Söhne"
    assert mail["From"].addresses[0].addr_spec == "service@example.com"
    shown = html(mail)
    assert ">Tea &amp; Söhne</p>" in shown
    assert "background: #7a1f3d; color: #ffffff" in shown
    assert "background: #f0a0b8; color: #0b1a22" in shown
    marker = phrases("en").marker
    assert shown.index(marker) < shown.index("Söhne"), "an answer would begin with the name"
    assert plain(mail).startswith(marker)
    assert Seen(shown).tags <= TAGS


def test_mail_of_a_house_without_settings_is_as_before() -> None:
    shown = unix(html(sent(rendering.render("reply", "en", values("reply")))))
    assert "house" not in shown
    assert "background: #0b5c7a; color: #ffffff; font-weight" in shown
    assert ".button { background: #8fd0ea; color: #0c1d26; }\n}" in shown


def test_every_mail_that_can_follow_an_event_has_a_template() -> None:
    opened: dict[str, Any] = {
        "contact": {"email": "li.na@example.com"},
        "why": "returned",
        "mail": {},
    }
    opened["copied_to"] = ["bo@example.net"]
    opened["mentions"] = ["a-tao"]
    opened["called"] = 21
    opened["tasks"] = ["1"]
    opened["state"] = "failed"
    opened["items"] = [{"id": "identity", "kind": "material", "required": True}]
    opened["kind"] = "merged_into"
    opened["actions"] = [{"text": "Stop the sale", "owner": "a-jun", "due": "2026-12-15"}]
    opened["lengthened"] = [{"clock": "resolution", "before": "", "after": None}]
    events = [Event(1, kind, AT, SYSTEM, opened) for kind in EventType if kind != "rung_fired"]
    told = opened | {"to": "li@example.com"}
    by_mail = (EventType.PLAN_CHANGED, EventType.MERGED, EventType.UNMERGED)
    events += [Event(1, kind, AT, SYSTEM, told) for kind in by_mail]
    of_split = {"kind": "split_from", "to": "li@example.com"}
    events.append(Event(1, EventType.UNSPLIT, AT, SYSTEM, of_split))
    events += [
        Event(1, EventType.RUNG_FIRED, AT, SYSTEM, {"clock": c, "action": a, "notify": ["manager"]})
        for c in ClockName
        for a in (Action.REMIND, Action.BREACH, Action.ESCALATE, Action.JOIN)
    ]
    events += [
        Event(1, EventType.RUNG_FIRED, AT, SYSTEM, {"clock": c, "action": a, "notify": []})
        for c, a in ((ClockName.CALLBACK, Action.ASK_AGAIN), (ClockName.SURVEY, Action.INVITE))
    ]
    listed = {"items": opened["items"], "category": "account", "to": "li@example.com"}
    events.append(Event(1, EventType.CHECKLIST_SET, AT, SYSTEM, listed))
    events.append(Event(1, EventType.TASK_DONE, AT, SYSTEM, {"task": "1", "text": "There is one"}))
    events.append(Event(1, EventType.INCIDENT_PROPOSED, AT, SYSTEM, {"clock": "resolution"}))
    of_remedy = {"remedy_id": "1", "text": "We pay it back", "approved": True}
    events += [Event(1, kind, AT, SYSTEM, of_remedy) for kind in EventType if "remedy_" in kind]
    of_post_mortem = {"clock": "post_mortem", "action": "remind", "notify": ["agent"]}
    events.append(Event(1, EventType.RUNG_FIRED, AT, SYSTEM, of_post_mortem))
    to_staff = {"why": "returned", "mail": {"to": "agent"}}
    events.append(Event(1, EventType.MAIL_NOTED, AT, SYSTEM, to_staff))
    names = {found.template for event in events for found in mails_after(event)}
    second = {acknowledgement_of(k, is_late=late) for k in KINDS for late in (False, True)}
    second |= {"reply_waiting", "resolution_told"}
    second |= {"resolution_call", "split", "split_late", "task_taken"}
    second |= {"split_undone_apart", "unmerged_apart"}
    second |= {"watch", "taken", "customer_wrote_late", "stranger_wrote"}
    second |= {"customer_thanked", "customer_thanked_closed"}
    others = {HELD_MAIL, LOST_LINKS, RELATIONSHIP_CALL, INCIDENT_OPEN, INCIDENT_ACTION}
    assert names | second == rendering.PLACEHOLDERS.keys() - others


@pytest.mark.parametrize("name", rendering.PLACEHOLDERS)
@pytest.mark.parametrize(("language", "word"), [("zh-CN", "催办"), ("zh-TW", "催辦")])
def test_only_the_mail_about_an_urge_of_the_customer_has_the_word_for_it(
    language: str, word: str, name: str
) -> None:
    text = rendering.render(name, language, dict.fromkeys(rendering.PLACEHOLDERS[name], ""))
    assert (word in text.subject + text.body) == (name == "urged")


def test_mails_about_an_item_call_a_note_no_material() -> None:
    """A customer who is asked for the title of an invoice has no document to send."""
    for name in ("item", "item_given"):
        text = rendering.render(name, "zh-CN", dict.fromkeys(rendering.PLACEHOLDERS[name], ""))
        assert "材料" not in text.subject + text.body
    assert not [words for words in phrases("zh-CN").items.values() if "材料" in words]


@pytest.mark.parametrize("language", LANGUAGES)
def test_phrases_name_every_clock_kind_and_state(language: str) -> None:
    own = phrases(language)
    assert own.clocks.keys() == {
        clock.value for clock in ClockName if clock != ClockName.ASSIGNMENT
    }
    assert own.kinds.keys() == set(KINDS)
    assert own.standing.keys() == {state.value for state in ClockState}
    assert own.reasons.keys() == {reason.value for reason in Reason if reason not in UNPROMISED}
    assert (len(own.months), len(own.weekdays)) == (12, 7)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", rendering.PLACEHOLDERS)
def test_braces_in_a_value_stay_as_typed(name: str, language: str) -> None:
    typed = "{number} {0.__class__} {{x}} {missing} %s ${y}"
    text = rendering.render(name, language, dict.fromkeys(rendering.PLACEHOLDERS[name], typed))
    assert typed in text.body


def test_a_mail_is_not_rendered_with_a_value_missing_or_too_many() -> None:
    with pytest.raises(ValueError, match="reply is given"):
        rendering.render("reply", "en", {"number": NUMBER})
    with pytest.raises(ValueError, match="acknowledgement_late is given"):
        rendering.render("acknowledgement_late", "en", values("acknowledgement_late", subject="x"))


@pytest.mark.parametrize(
    "typed",
    [
        "Kettle\r\nBcc: victim@example.org",
        "Kettle\nBcc: victim@example.org",
        "Kettle\rBcc: victim@example.org",
        "Kettle\u2028Bcc: victim@example.org",
        "Kettle\x0b\x85Bcc: victim@example.org",
    ],
)
def test_a_line_break_in_a_subject_adds_no_header(typed: str) -> None:
    message = sent(rendering.render("reply", "en", values("reply", subject=typed)))
    assert message["Subject"] == f"[{NUMBER}] Kettle Bcc: victim@example.org"
    assert message["Bcc"] is None
    assert message["To"] == "li.na@example.com"


@pytest.mark.parametrize(
    "typed",
    ["=?utf-8?q?x=0D=0ABcc:_victim@example.org?=", "=?utf-8?b?eA0KQmNjOiB2QGV4YW1wbGUub3Jn?="],
)
def test_a_line_break_hidden_in_an_encoded_word_stays_what_was_typed(typed: str) -> None:
    message = sent(rendering.render("reply", "en", values("reply", subject=typed)))
    assert "\n" not in message["Subject"]
    assert typed.replace("=?", "= ?") in message["Subject"]


@given(st.text(max_size=200), st.text(max_size=500))
def test_any_text_arrives_unchanged(subject: str, body: str) -> None:
    one_line = rendering.one_line(subject)
    encodable = body.encode("utf-8", "replace").decode()
    message = sent(rendering.MailText("en", one_line, encodable, "<p>x</p>"))
    assert set(message.keys()) == {
        "From",
        "To",
        "Reply-To",
        "Subject",
        "Date",
        "Message-ID",
        "X-Redress-Mail",
        "In-Reply-To",
        "References",
        "Auto-Submitted",
        "Content-Type",
        "MIME-Version",
    }
    assert plain(message) == unix(encodable)
    assert message["Subject"] == f"[{NUMBER}] {one_line}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_long_chinese_subject_arrives_complete(language: str) -> None:
    subject = "水壶把手漏水，换了两次仍然漏，请尽快处理！" * 9
    message = sent(rendering.render("resolution", language, values("resolution", subject=subject)))
    assert subject in message["Subject"]
    assert message["Subject"].startswith(f"[{NUMBER}] ")


def test_all_mails_of_a_ticket_form_one_conversation_and_are_answered_to_the_sender() -> None:
    sender = "service@customer-care.department.a-rather-long-company-name.example.com"
    domain = sender.partition("@")[2]
    for name in ("acknowledgement", "reply", "breach"):
        message = sent(rendering.render(name, "en", values(name)), sender=sender, mail_id=name)
        assert message["References"] == message["In-Reply-To"] == f"<{TOKEN}@{domain}>"
        assert message["Message-ID"] == f"<{TOKEN}.{name}@{domain}>"
        assert message["Reply-To"] == message["From"] == sender
        assert "##-" not in plain(message) + html(message)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_mail_with_a_reply_address_begins_with_the_marker_line(language: str) -> None:
    reply = rendering.render("reply", language, values("reply"))
    message = sent(reply, reply_to=f"{TOKEN}@in.example.org", automatic=False)
    marker = phrases(language).marker
    assert message["Reply-To"] == f"{TOKEN}@in.example.org"
    assert plain(message).startswith(f"{marker}\n\n")
    assert html(message).index(marker) < html(message).index('class="sheet"')


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_to_a_sent_mail_folds_to_its_new_text(language: str) -> None:
    reply = rendering.render("reply", language, values("reply", text="旧的话\n> old words"))
    ours = plain(sent(reply, reply_to=f"{TOKEN}@in.example.org"))
    quoted = "\n".join(f"> {line}" for line in ours.split("\n"))
    for way in (f"New words\n\nOn Monday, Service wrote:\n{quoted}", f"New words\n\n{ours}"):
        assert folded(way).text == "New words"
    # Some programs quote the HTML of a mail. The reader then takes the text from that HTML.
    shown = html(sent(reply, reply_to=f"{TOKEN}@in.example.org"))
    answer = f"<p>New words</p><blockquote>{shown}</blockquote>"
    raw = f"Content-Type: text/html; charset=utf-8\n\n{answer}"
    assert folded(parsing.parse(raw.encode()).text).text == "New words"


def test_a_survey_offers_one_click_unsubscribing_over_https_only() -> None:
    survey = rendering.render("survey", "en", values("survey"))
    page = "https://help.example.org/u/token"
    message = sent(survey, unsubscribe=page)
    assert message["List-Unsubscribe"] == f"<{page}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    local = sent(survey, unsubscribe="http://127.0.0.1:4566/u/token")
    assert local["List-Unsubscribe-Post"] is None
    assert sent(survey)["List-Unsubscribe"] is None


def test_long_ids_and_urls_stay_on_one_line_of_their_header() -> None:
    domain = "customer-care.department.a-rather-long-company-name.example.com"
    page = f"https://abcde12345.execute-api.ap-northeast-1.amazonaws.com/v1/u/{'x' * 60}"
    survey = rendering.render("survey", "en", values("survey"))
    raw = rendering.message(
        f"service@{domain}",
        ["li.na@example.com"],
        NUMBER,
        [survey],
        AT,
        automatic=True,
        conversation=TOKEN,
        mail_id=JOB,
        unsubscribe=page,
    )
    lines = raw.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert f"References: <{TOKEN}@{domain}>" in lines
    assert f"In-Reply-To: <{TOKEN}@{domain}>" in lines
    assert f"List-Unsubscribe: <{page}>" in lines
    assert f"Message-ID: <{TOKEN}.{JOB}@{domain}>" in lines


# ------------------------------------------------------------------------------ the HTML


class Seen(HTMLParser):
    """Collects what a mail program would show, and whatever could load or run something."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.hidden = False
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]
        self.hidden = tag in ("style", "title")

    def handle_endtag(self, tag: str) -> None:
        self.hidden = False

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.words += data.split()


TAGS = {"html", "head", "meta", "title", "style", "body", "div", "p", "br", "a", "hr"}
ATTRIBUTES = {"lang", "charset", "name", "content", "class", "href"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", rendering.PLACEHOLDERS)
def test_the_html_says_what_the_text_says_and_loads_nothing(name: str, language: str) -> None:
    given = values(name) | {url: f"https://x.example/{url}" for url in phrases(language).links}
    text = rendering.render(
        name, language, {key: given[key] for key in rendering.PLACEHOLDERS[name]}
    )
    seen = Seen(html(sent(text)))
    assert seen.tags <= TAGS
    assert seen.attributes <= ATTRIBUTES
    assert "url(" not in html(sent(text))
    linked = [url for url in phrases(language).links if url in rendering.PLACEHOLDERS[name]]
    assert seen.links == [given[url] for url in linked]
    said = text.body
    for url in linked:
        said = said.replace(given[url], phrases(language).links[url])
    assert seen.words == [word for word in said.split() if word != "--"]


def test_phrases_label_every_page_that_a_mail_links_to() -> None:
    pages = {
        name for names in rendering.PLACEHOLDERS.values() for name in names if name.endswith("_url")
    }
    for language in LANGUAGES:
        assert phrases(language).links.keys() == pages


@given(st.text(max_size=300))
def test_nothing_that_was_typed_becomes_html(typed: str) -> None:
    typed = typed.encode("utf-8", "replace").decode()
    for hostile in (
        typed,
        f"<img src=x onerror=y>{typed}</p><script>",
        f"{{status_url}}{typed}&lt;",
    ):
        text = rendering.render("reply", "en", values("reply", text=hostile, subject=hostile))
        seen = Seen(html(sent(text)))
        assert seen.tags <= TAGS
        assert seen.links == ["<status_url>"]


def test_several_languages_are_sections_of_one_mail() -> None:
    texts = [rendering.render("breach", language, values("breach")) for language in LANGUAGES]
    message = sent(*texts)
    assert [f'<div lang="{language}">' in html(message) for language in LANGUAGES] == [True] * 3
    assert all(unix(text.body) in plain(message) for text in texts)
    assert message["Subject"] == f"[{NUMBER}] {texts[0].subject}"


def test_only_automatic_mails_are_marked_as_automatic() -> None:
    text = rendering.render("reply", "en", values("reply"))
    assert sent(text, automatic=True)["Auto-Submitted"] == "auto-generated"
    assert sent(text, automatic=False)["Auto-Submitted"] is None


@pytest.mark.parametrize(
    ("zone", "language", "expected"),
    [
        ("Asia/Shanghai", "zh-CN", "2026年11月23日（星期一）17:00（UTC+8）"),
        ("Asia/Taipei", "zh-TW", "2026年11月23日（星期一）17:00（UTC+8）"),
        ("Asia/Shanghai", "en", "Monday 23 November 2026, 17:00 (UTC+8)"),
        ("Asia/Kolkata", "en", "Monday 23 November 2026, 14:30 (UTC+5:30)"),
        ("America/St_Johns", "en", "Monday 23 November 2026, 05:30 (UTC-3:30)"),
        ("UTC", "en", "Monday 23 November 2026, 09:00 (UTC)"),
    ],
)
def test_a_time_is_written_in_the_time_zone_of_the_plan(
    zone: str, language: str, expected: str
) -> None:
    assert moment(AT, zone, language) == expected


def test_a_subject_in_a_header_has_no_hidden_characters() -> None:
    """Subjects of tickets that version 1 stored may have some."""
    assert rendering.one_line("\u202ePaid\u2069 twi\u200bce\n") == "Paid twice"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("li.na@example.com", "li.na@example.com"),
        ("o'neil+tag@rendering.example.co.uk", "o'neil+tag@rendering.example.co.uk"),
        ("li@例子.广告", "li@xn--fsqu00a.xn--4rr70v"),
        ("李娜@example.com", None),
        ("a@example.com,b", None),
        ("a@example.com>,<b.c", None),
        ("a@example", None),
        ("a@-example.com", None),
        ("a@ex..com", None),
        ("a b@example.com", None),
        ("a@b@example.com", None),
        (f"{'a' * 65}@example.com", None),
        ("", None),
    ],
)
def test_only_a_plain_single_address_is_deliverable(typed: str, expected: str | None) -> None:
    assert addresses.deliverable(typed) == expected


@given(st.emails())
def test_a_deliverable_address_is_the_only_recipient(address: str) -> None:
    found = addresses.deliverable(address)
    if found is not None:
        message = sent(rendering.MailText("en", "x", "y", "<p>y</p>"), recipients=[found])
        assert [to.addr_spec for to in message["To"].addresses] == [found]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not json",
        "[]",
        '{"number": "R-7K3M9-QW0X2"}',
        '{"number": "R-7K3M9-QW0X2", "event": "3", "template": "reply", "audience": "customer"}',
        '{"number": "R-7K3M9-QW0X2", "event": 0, "template": "reply", "audience": "customer"}',
        '{"number": "../../etc", "event": 3, "template": "reply", "audience": "customer"}',
        "\ud800",
    ],
)
def test_a_message_that_is_no_job_is_refused_at_once(body: str) -> None:
    with pytest.raises(NotAJob):
        job_of(body)
