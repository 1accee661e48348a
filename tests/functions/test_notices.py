"""What the public form says about open incidents, and what that costs."""

from __future__ import annotations

from collections.abc import Callable
from copy import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest

from redress.base.errors import Unavailable
from redress.base.languages import LANGUAGES
from redress.db.encoding import encode
from redress.incidents.notices import FRESH_FOR_S, UNTIL, FormNotices
from redress.incidents.rules import Done, Incident, IncidentChange
from redress.incidents.store import IncidentStore, Notices
from redress.wiring import customer as customer_wiring
from redress.wiring import stores as wired_stores
from tests.functions.conftest import altered
from tests.world import Context, load, read_sample

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
TEXT = {
    "zh-CN": "我们已知密封圈漏水 <b>。",
    "zh-TW": "我們已知密封圈漏水 <b>。",
    "en": "We know that seals leak <b>.",
}


@pytest.fixture
def form(table: str) -> Callable[[str], str]:
    """Returns the page with the form in a language."""

    def show(language: str) -> str:
        event = altered(read_sample("customer-form"), query={"lang": language})
        found: dict[str, Any] = load("customer").handler(event, Context())
        assert found["statusCode"] == 200
        body: str = found["body"]
        return body

    return show


def set_notice(texts: dict[str, str]) -> None:
    """Stores an incident with this notice on the form, or without one."""
    store = IncidentStore(wired_stores.models())
    new = Incident("9f86d081884c7d65", "complaints", "Seals", "Rubber", AT, "s-lin", "")
    store.declare(new, IncidentChange(1, Done.DECLARED, AT, "s-lin"))
    found = store.get(new.id).incident
    after = replace(found, revision=found.revision + 1, notice=texts)
    entry = IncidentChange(after.revision, Done.NOTICE_SET, AT, "s-lin", text=texts)
    shown = Notices({new.id: texts} if texts else {}, store.notices().revision)
    store.write(after, entry, notices=shown)


@pytest.mark.parametrize("language", LANGUAGES)
def test_form_says_in_its_language_what_is_known_of_an_incident(
    form: Callable[[str], str], language: str
) -> None:
    assert TEXT[language] not in unescape(form(language))
    set_notice(TEXT)
    customer_wiring.notices.cache_clear()
    shown = form(language)
    assert TEXT[language] in unescape(shown)
    assert "<b>" not in shown
    assert [one for one in LANGUAGES if TEXT[one] in unescape(shown)] == [language]
    set_notice({})
    customer_wiring.notices.cache_clear()
    assert TEXT[language] not in unescape(form(language))


def test_form_is_shown_also_if_the_notices_cannot_be_read(
    form: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_notice(TEXT)

    def down() -> None:
        raise Unavailable

    monkeypatch.setattr(customer_wiring, "notices", lambda: FormNotices(down, lambda: AT))
    assert TEXT["en"] not in unescape(form("en"))


def test_process_reads_the_notices_once_in_half_a_minute_however_often_the_form_is_opened() -> None:
    reads, moment = list[int](), [0.0]

    def read() -> str:
        reads.append(1)
        return encode({"9f86d081884c7d65": TEXT})

    notices = FormNotices(read, lambda: AT, lambda: moment[0])
    for _ in range(100):
        assert notices.in_language("en") == [TEXT["en"]]
    assert len(reads) == 1
    moment[0] = FRESH_FOR_S
    assert notices.in_language("zh-TW") == [TEXT["zh-TW"]]
    assert len(reads) == 2


def test_what_was_known_stays_while_the_table_does_not_answer() -> None:
    moment, answers = [0.0], [encode({"9f86d081884c7d65": TEXT})]

    def read() -> str:
        if not answers:
            raise Unavailable
        return answers.pop()

    notices = FormNotices(read, lambda: AT, lambda: moment[0])
    assert notices.in_language("en") == [TEXT["en"]]
    moment[0] = FRESH_FOR_S
    with pytest.raises(Unavailable):
        notices.in_language("en")
    assert notices.in_language("en") == [TEXT["en"]]


def test_notice_ends_by_itself_at_its_time_also_if_it_is_not_read_again() -> None:
    now, ends = [AT], AT + timedelta(seconds=10)
    said = {"a": TEXT, "b": TEXT | {UNTIL: ends.isoformat()}}
    notices = FormNotices(lambda: encode(said), lambda: now[0], lambda: 0.0)
    assert notices.in_language("en") == [TEXT["en"]] * 2
    now[0] = ends
    assert notices.in_language("en") == [TEXT["en"]]
