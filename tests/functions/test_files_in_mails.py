"""Mails name the files of a message and never have their bytes or a link to a file."""

from __future__ import annotations

from collections.abc import Callable
from copy import replace
from typing import Any

import pytest

from redress.base.languages import LANGUAGES
from redress.base.people import Actor, Member, Role
from redress.base.phrases import phrases, size
from redress.db import keys
from redress.plans.rules.plan import Plan
from redress.tickets.rules.attached import Attached, FileState
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_customer
from redress.tickets.rules.ticket import Ticket
from redress.tickets.store import items
from redress.wiring import stores as wired_stores
from tests.builders import MEI
from tests.functions.test_mailer import (
    Mailer,
    Post,
    _let_in,
    _reply,
    _resolve,
    mailer,
    post,
    text_of,
)
from tests.world import Opener

__all__ = ["mailer", "post"]  # the fixtures

Decide = Callable[[Ticket, Plan, Any], Change]
NAMES = ("receipt <1>.pdf", "杯子.jpg")


def with_files(decide: Decide, by: Actor) -> Decide:
    """The step, with two files in its first event. A message of staff needs them in the table."""

    def decided(ticket: Ticket, plan: Plan, at: Any) -> Change:
        change, listed = decide(ticket, plan, at), []
        for place, name in enumerate(NAMES):
            file = Attached(f"{place:016x}", name, "image/jpeg", 1_300_000, by, at, FileState.HELD)
            if by.is_staff:
                wired_stores.attached().put_new(ticket.number, file)
            listed.append({"id": file.id, "name": name, "size": file.size, "type": file.type})
        first, *others = change.events
        first = replace(first, data=first.data | {"files": listed})
        return replace(change, events=(first, *others))

    return decided


def paragraph(language: str, phrase: str) -> str:
    names = "\n".join(f"- {name} (1.3 MB)" for name in NAMES)
    text: str = getattr(phrases(language), phrase)
    return f"\n\n{text.format(names=names)}\n\n"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("template", "decide"),
    [
        ("reply", _reply("Here it is.", wait=False)),
        ("reply", _reply("Please sign it.", wait=True)),
        ("resolution", _resolve("We have replaced it.")),
    ],
)
def test_message_with_files_names_them_and_says_where_to_open_them(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    staff: dict[str, Member],
    language: str,
    template: str,
    decide: Decide,
) -> None:
    ticket = open_ticket(agent="a-mei", language=language)
    mailer.act(ticket.number, with_files(decide, MEI))
    assert mailer(mailer.job(ticket.number, template)) == []
    text = text_of(post.only)
    assert paragraph(language, "files") in text
    assert "/files/" not in text
    assert not list(post.only.iter_attachments())
    shown = post.only.get_body(("html",))
    assert shown is not None
    assert "receipt &lt;1&gt;.pdf (1.3 MB)<br>" in shown.get_content()


@pytest.mark.parametrize("language", LANGUAGES)
def test_copy_for_participants_says_that_they_cannot_open_the_files(
    mailer: Mailer,
    post: Post,
    open_ticket: Opener,
    staff: dict[str, Member],
    language: str,
) -> None:
    number = open_ticket(agent="a-mei", language=language).number
    mailer.act(number, _let_in("bo@example.net"))
    mailer.act(number, with_files(_reply("Here it is.", wait=False), MEI), minutes=1)
    assert mailer(mailer.job(number, "copy")) == []
    assert paragraph(language, "files_copy") in text_of(post.only)
    assert "/t/" not in str(post.only)


@pytest.mark.parametrize("resolved", [False, True])
def test_agent_is_told_the_names_of_the_customers_files(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member], resolved: bool
) -> None:
    ticket = open_ticket(agent="a-mei")
    if resolved:
        mailer.act(ticket.number, _resolve())
    write: Decide = lambda t, p, at: by_customer.write(t, p, "secret words", at)  # noqa: E731
    customer = Actor(Role.CUSTOMER, "")
    mailer.act(ticket.number, with_files(write, customer), minutes=1)
    assert mailer(mailer.job(ticket.number, "customer_wrote")) == []
    told = text_of(post.only) + "\n\n"
    assert paragraph("zh-CN", "files_staff") in told
    assert "secret words" not in told


def test_name_that_hides_a_line_break_stays_on_its_line(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    number = open_ticket(agent="a-mei", language="en").number
    reply = with_files(_reply("Here it is.", wait=False), MEI)

    def broken(ticket: Ticket, plan: Plan, at: Any) -> Change:
        change = reply(ticket, plan, at)
        change.events[0].data["files"][0]["name"] = "a\r\nBcc: b\u2028c.pdf"
        return change

    mailer.act(number, broken)
    assert mailer(mailer.job(number, "reply")) == []
    assert "\n- a Bcc: b c.pdf (1.3 MB)\n" in text_of(post.only)


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "1 KB"),
        (1024, "1 KB"),
        (1025, "2 KB"),
        (1_048_575, "1 MB"),
        (1_048_576, "1 MB"),
        (1_048_577, "1.1 MB"),
        (26_214_400, "25 MB"),
        (26_214_401, "25.1 MB"),
    ],
)
def test_sizes_are_rounded_up_so_that_no_limit_looks_kept_when_it_is_not(
    count: int, words: str
) -> None:
    assert size(count) == words


def test_reply_goes_to_the_customer_to_whom_it_was_written(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    """freescout 5121: the customer was changed, and a reply already sent went to the new one."""
    number = open_ticket(agent="a-mei").number
    mailer.act(number, _reply("Only for Li Na.", wait=False))
    tickets = wired_stores.tickets()
    ticket = tickets.get(number)
    other = replace(ticket, contact=replace(ticket.contact, email="somebody.else@example.com"))
    models = wired_stores.models()
    models.snapshot(keys.ticket_pk(number), keys.TICKET).update(
        [models.snapshot.doc.set(items.snapshot_doc(other))]
    )
    assert tickets.get(number).contact.email == "somebody.else@example.com"
    assert mailer(mailer.job(number, "reply")) == []
    assert post.only["To"] == "li.na@example.com"


def test_reply_that_an_earlier_version_wrote_goes_to_the_customer_of_the_ticket(
    mailer: Mailer, post: Post, open_ticket: Opener, staff: dict[str, Member]
) -> None:
    number = open_ticket(agent="a-mei").number

    def earlier(ticket: Ticket, plan: Plan, at: Any) -> Change:
        change = _reply("See", wait=False)(ticket, plan, at)
        [event] = change.events
        data = {name: value for name, value in event.data.items() if name != "to"}
        return replace(change, events=(replace(event, data=data),))

    mailer.act(number, earlier)
    assert mailer(mailer.job(number, "reply")) == []
    assert post.only["To"] == "li.na@example.com"
