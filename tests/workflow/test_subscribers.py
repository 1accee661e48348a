"""The table of subscribers is complete, and the receivers can read its messages."""

from __future__ import annotations

import json
from copy import replace

import pytest

from redress.base.people import SYSTEM
from redress.mail.outgoing import messages as mail_messages
from redress.mail.outgoing.messages import MailJob
from redress.mail.outgoing.rules.table import mails_after
from redress.search import messages as search_messages
from redress.search.messages import IndexMonth, IndexTicket
from redress.search.rules.contents import FOUND
from redress.staff import messages as assignment_messages
from redress.staff.messages import AssignTicket, DrainQueue, FindDuplicates
from redress.tickets.rules.ticket import Event, EventType
from redress.workflow.subscribers import SUBSCRIBERS, assignment, messages_after, words
from tests.builders import MEI, START, Life
from tests.customers.builders import LI_NA
from tests.mail.test_outgoing import FOLLOWS


def test_every_event_type_has_an_entry() -> None:
    assert set(SUBSCRIBERS) == set(EventType)


@pytest.mark.parametrize("name", FOLLOWS)
def test_every_mail_of_the_table_of_mails_gets_a_mail_job(name: str, life: Life) -> None:
    story, _ = FOLLOWS[name]
    for event in story(life.open()).last.events:
        jobs = [m for m in messages_after(life.ticket.number, event) if isinstance(m, MailJob)]
        assert [(job.template, job.audience) for job in jobs] == [
            (mail.template, mail.audience) for mail in mails_after(event)
        ]


def test_assigner_is_asked_for_an_agent_when_a_ticket_is_opened_or_queued() -> None:
    waits = {kind for kind, subscribers in SUBSCRIBERS.items() if assignment in subscribers}
    assert waits == {EventType.OPENED, EventType.QUEUED, EventType.RECLASSIFIED}


def asked_after(life: Life) -> list[AssignTicket]:
    """The requests to the assigner after the last change."""
    after = (messages_after("R-7K3M9-QW0X2", event) for event in life.last.events)
    return [one for messages in after for one in messages if isinstance(one, AssignTicket)]


def test_assigner_is_asked_again_for_a_ticket_whose_classification_was_corrected(
    life: Life,
) -> None:
    """It may need another agent now. A complaint is also searched for names of staff."""
    assert asked_after(life.open().reclassify(customer_type="vip")) == [
        AssignTicket("R-7K3M9-QW0X2")
    ]


def test_assigner_is_asked_again_for_a_queued_ticket_that_came_to_another_plan(
    life: Life,
) -> None:
    life.open().move_to(replace(life.plan, version=2))
    assert asked_after(life) == [AssignTicket("R-7K3M9-QW0X2")]
    life.assign(MEI.id).move_to(replace(life.plan, version=3))
    assert asked_after(life) == []


def test_assigner_is_asked_for_a_ticket_that_rules_moved_to_another_team(life: Life) -> None:
    """The agent of the team before, whose claim classified it, does not get it."""
    assert asked_after(life.open("inquiry").classify(kind="complaint")) == [
        AssignTicket("R-7K3M9-QW0X2")
    ]
    assert asked_after(life.classify(category="delivery")) == []


def test_duplicates_are_looked_for_when_the_customer_of_a_ticket_was_known_before(
    life: Life,
) -> None:
    """A new customer has no other ticket, and most tickets are of new customers."""
    for by, asked in (("new", []), ("email", [FindDuplicates("R-7K3M9-QW0X2")])):
        event = Event(2, EventType.MATCHED, START, SYSTEM, {"customer": LI_NA, "by": by})
        assert messages_after("R-7K3M9-QW0X2", event) == asked


def test_indexer_is_asked_after_each_event_whose_text_can_be_found() -> None:
    told = {kind for kind, subscribers in SUBSCRIBERS.items() if words in subscribers}
    assert told == FOUND


@pytest.mark.parametrize(
    ("message", "payload"),
    [
        (IndexTicket("R-7K3M9-QW0X2"), {"number": "R-7K3M9-QW0X2"}),
        (IndexMonth("2026-01", 2), {"month": "2026-01", "shard": 2, "cursor": ""}),
    ],
)
def test_indexer_reads_what_is_written_to_its_queue(
    message: IndexTicket | IndexMonth, payload: dict[str, str]
) -> None:
    assert json.loads(search_messages.encode(message)) == payload
    assert search_messages.decode(search_messages.encode(message)) == message


@pytest.mark.parametrize(
    "body", ["", "7", "{}", '{"number": "7"}', '{"month": "2026-13"}', '{"month": 7}']
)
def test_indexer_refuses_what_is_no_message(body: str) -> None:
    with pytest.raises(search_messages.NotAMessage):
        search_messages.decode(body)


def test_mail_job_is_read_as_it_was_written_and_its_fields_have_not_changed() -> None:
    job = MailJob("R-7K3M9-QW0X2", 3, "reply", "customer")
    written = {"number": job.number, "event": 3, "template": "reply", "audience": "customer"}
    assert json.loads(mail_messages.encode(job)) == written
    assert mail_messages.job_of(mail_messages.encode(job)) == job


@pytest.mark.parametrize(
    ("request_", "payload"),
    [
        (AssignTicket("R-7K3M9-QW0X2"), {"ticket": "R-7K3M9-QW0X2"}),
        (DrainQueue("complaints"), {"team": "complaints"}),
        (FindDuplicates("R-7K3M9-QW0X2"), {"compare": "R-7K3M9-QW0X2"}),
    ],
)
def test_assigner_reads_what_the_relay_writes(
    request_: AssignTicket | DrainQueue | FindDuplicates, payload: dict[str, str]
) -> None:
    assert json.loads(assignment_messages.encode(request_)) == payload
    assert assignment_messages.decode(payload) == request_
