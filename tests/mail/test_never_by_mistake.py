"""Who is answered through a connector gets no mail by mistake, whatever happens to their ticket.

Each story of `test_outgoing`, where every type of event is, is played on a ticket whose customer
wrote through a connector that takes answers, and left an address, too.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from redress.base.people import Role
from redress.mail.outgoing.rules.table import mails_after
from redress.tickets.rules.steps import opening
from redress.tickets.rules.steps.by_departments import Word
from tests.builders import NUMBER, Clock, Life, source_of, submission
from tests.mail.test_outgoing import FOLLOWS, Story

BY_MAIL_ALL_THE_SAME = {
    "acknowledgement": "the customer gave the address for it, and the other side can acknowledge",
    "callback_again": "it asks for something, and no person sends it",
    "survey": "the same, and who wants no surveys says so by a link in it",
}
"""What the decision lists (docs/decisions/069-answers-through-connectors.md), and why."""


def extended(life: Life) -> Life:
    """A department gets more time, and the customer a new word."""
    until = life.clock.moment + timedelta(hours=60)
    life.open_task(due=life.clock.moment + timedelta(hours=40)).ask_extension(until)
    return life.decide_extension(word=Word("On Thursday.", until + timedelta(hours=3)))


MORE: dict[str, Story] = {
    "a department gets more time": extended,
    "a word to all customers of an incident": lambda life: life.join_incident().tell_word(),
    "the customer writes once more": lambda life: life.write_by_connector().reply(),
}
"""What is told by another step than in the stories of `test_outgoing`, with the same events."""


@pytest.fixture(autouse=True)
def by_connector(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each ticket that a story opens is opened through the connector, as it would be otherwise."""

    def opened(life: Life, kind: str = "complaint", number: str = NUMBER, **fields: Any) -> Life:
        fields.pop("mail", None)
        given = submission(kind, "social", **fields)
        at = life.clock.now()
        return life.take(opening.open_ticket(given, number, life.plan, at, source=source_of(at)))

    monkeypatch.setattr(Life, "open", opened)


@pytest.mark.parametrize("what", [*FOLLOWS, *MORE])
def test_never_a_mail_by_mistake(what: str) -> None:
    story = MORE[what] if what in MORE else FOLLOWS[what][0]
    told = story(Life(Clock()).open("complaint"))
    assert by_mail(told) <= set(BY_MAIL_ALL_THE_SAME)


def by_mail(life: Life) -> set[str]:
    """The templates of the mails to the customer while their conversation takes answers."""
    return {
        mail.template
        for change in life.changes
        if change.after.conversation and change.after.conversation.goes_on(change.events[0].at)
        for event in change.events
        for mail in mails_after(event)
        if mail.audience == Role.CUSTOMER
    }
