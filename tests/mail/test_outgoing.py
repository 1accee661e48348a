"""Which mails follow an event, and who gets them."""

from __future__ import annotations

from collections.abc import Callable
from copy import replace
from datetime import timedelta

import pytest

from redress.base.languages import LANGUAGES
from redress.base.people import Member, Role
from redress.mail.incoming.rules.answers import NoAnswer
from redress.mail.outgoing.rules.table import MailToSend, mails_after
from redress.plans.rules.document import parse
from redress.plans.rules.plan import Plan
from redress.tickets.rules.steps import by_system
from redress.tickets.rules.ticket import EventType, classification_of
from tests.builders import (
    BY_MAIL,
    BY_PHONE,
    LIN,
    MEI,
    OTHER,
    ROOT,
    START,
    TAO,
    Clock,
    Life,
    plan_1,
    plan_document,
)

Story = Callable[[Life], Life]


def mails(life: Life) -> list[tuple[str, str]]:
    """Return template and audience of the mails that follow the last change."""
    return [(m.template, m.audience) for event in life.last.events for m in mails_after(event)]


def colleague(id_: str) -> Member:
    return Member(id_, id_, f"{id_}@example.com", Role.AGENT, "service", ("en",), 2)


def proposing() -> Plan:
    """Return plan 1 as version 2, in which every broken promise proposes an incident."""
    document = plan_document() | {"version": 2}
    document["ladders"]["promise"][2]["incident"] = True
    return parse(document)


def slower() -> Plan:
    """Return plan 1 as version 2, in which complaints are solved a day later."""
    document = plan_document() | {"version": 2}
    document["levels"]["complaint"]["promises"]["resolution"]["within"] = "72h"
    return parse(document)


def unplaced(life: Life, called: int = 0) -> Life:
    """Record that nobody could take the ticket; if `called` is not 0, so many tickets wait."""
    ladder = life.plan.placing(classification_of(life.ticket))
    at = life.clock.now()
    return life.take(
        by_system.leave_unplaced(life.ticket, life.plan, {}, ladder, at, called=called)
    )


def unattended(life: Life) -> Life:
    """Tell the customer of an urgent ticket that nobody is there."""
    unplaced(life.acknowledge().reclassify("urgent")).wait(minutes=10).wake()
    told = by_system.tell_nobody_is_there(life.ticket, life.plan, life.clock.now())
    assert told is not None
    return life.take(told)


def urgent_and_closed(life: Life) -> Life:
    """A closed urgent ticket, whose post-mortem is due."""
    return life.reclassify("urgent").withdraw()


def remedy_due_in(life: Life, minutes: int) -> Life:
    """An acknowledged ticket whose customer is promised a remedy in so many minutes."""
    due = life.clock.moment + timedelta(minutes=minutes)
    return life.acknowledge().assign().promise_remedy(due=due)


def task_due_in(life: Life, minutes: int) -> Life:
    """An acknowledged ticket with a task that is due in so many minutes."""
    return life.acknowledge().open_task(due=life.clock.moment + timedelta(minutes=minutes))


def split_off(life: Life) -> tuple[Life, Life]:
    """The ticket that lost a message, and the one that was made of it."""
    return life, life.write().split()


def unsplit(life: Life) -> tuple[Life, Life]:
    old, new = split_off(life)
    return old.unsplit(new), new


FOLLOWS: dict[str, tuple[Story, list[tuple[str, str]]]] = {
    "opened": (lambda life: life, [("acknowledgement", "customer")]),
    "acknowledged": (Life.acknowledge, []),
    "assigned": (Life.assign, []),
    "accepted": (lambda life: life.assign().accept(), []),
    "queued": (lambda life: life.reassign(None), []),
    "nobody could take it": (unplaced, []),
    "too many tickets wait": (
        lambda life: unplaced(life, called=21),
        [("reserve_called", "supervisor"), ("reserve_called", "reserve")],
    ),
    "nobody is there": (
        unattended,
        [("nobody_there", "customer"), ("unattended", "supervisor")],
    ),
    "classified": (lambda life: life.classify(category="product/defect", impact="high"), []),
    "corrected": (lambda life: life.reclassify("urgent"), []),
    "corrected, before any promise was told": (lambda life: life.reclassify("feedback"), []),
    "corrected, so that promises are later": (
        lambda life: life.acknowledge().reclassify("feedback"),
        [("promise_moved", "customer")],
    ),
    "progress": (Life.tell_progress, [("progress", "customer")]),
    "held": (lambda life: life.reply().hold(), [("progress", "customer")]),
    "released": (lambda life: life.reply().hold().release(), []),
    "an own word": (lambda life: life.promise(hours=1), [("progress", "customer")]),
    "a call recorded later": (
        lambda life: life.wait(minutes=9).correct("reaction", START),
        [],
    ),
    "under another plan": (lambda life: life.move_to(replace(plan_1(), version=2)), []),
    "under a slower plan, before any promise was told": (lambda life: life.move_to(slower()), []),
    "under a slower plan": (
        lambda life: life.acknowledge().move_to(slower()),
        [("promise_moved", "customer")],
    ),
    "under a slower plan, without an address": (
        lambda life: (
            Life(life.clock).open("complaint", contact=BY_PHONE).acknowledge().move_to(slower())
        ),
        [("tell_moved", "agent")],
    ),
    "an incident proposed": (
        lambda life: life.move_to(proposing()).acknowledge().wait(minutes=30).wake(),
        [("remind", "agent")] * 2
        + [("breach", "agent"), ("breach", "supervisor")]
        + [("incident", "supervisor"), ("incident", "manager")],
    ),
    "a spike proposed an incident": (
        Life.propose_incident,
        [("spike", "supervisor"), ("spike", "manager")],
    ),
    "replied": (Life.reply, [("reply", "customer")]),
    "replied through a connector": (
        lambda life: Life(life.clock).open_by_connector().reply(),
        [("reply", "connector")],
    ),
    "told through a connector, with a copy": (
        lambda life: (
            Life(life.clock).open_by_connector().let_in("wang.wei@example.com").promise(hours=1)
        ),
        [("progress", "connector"), ("copy", "participants")],
    ),
    "a remedy is promised through a connector": (
        lambda life: Life(life.clock).open_by_connector().promise_remedy(),
        [("remedy_promised", "connector")],
    ),
    "a remedy is done when the connector takes no answers any more": (
        lambda life: (
            Life(life.clock).open_by_connector(48).promise_remedy().wait(hours=49).finish_remedy()
        ),
        [("answer_failed", "agent")],
    ),
    "resolved when the connector takes no answers any more": (
        lambda life: Life(life.clock).open_by_connector(48).wait(hours=49).resolve(),
        [("answer_failed", "agent")],
    ),
    "resolved then, for a customer with an address": (
        lambda life: Life(life.clock).open_by_connector(48, BY_MAIL).wait(hours=49).resolve(),
        [("resolution", "customer")],
    ),
    "asked": (lambda life: life.reply(wait_for_customer=True), [("reply", "customer")]),
    "noted": (Life.note, []),
    "noted, and two colleagues are asked": (
        lambda life: life.note(MEI, colleague("a-jun"), colleague("a-tao")),
        [("mentioned", "mentioned-1"), ("mentioned", "mentioned-2")],
    ),
    "reminded": (
        lambda life: life.assign().remind(),
        [("reminded", "agent")],
    ),
    "a remedy needs an approval": (Life.propose_remedy, [("remedy", "deciders")]),
    "a remedy is promised at once": (
        Life.promise_remedy,
        [("remedy_promised", "customer")],
    ),
    "a remedy is promised, and somebody takes part": (
        lambda life: life.let_in("wang.wei@example.com").promise_remedy(),
        [("remedy_promised", "customer"), ("copy", "participants")],
    ),
    "a leader approves a remedy": (
        lambda life: life.propose_remedy().approve_remedy(),
        [("remedy_promised", "customer"), ("remedy", "proposer")],
    ),
    "a leader refuses a remedy": (
        lambda life: life.propose_remedy().refuse_remedy(),
        [("remedy", "proposer")],
    ),
    "a proposal is withdrawn": (
        lambda life: life.propose_remedy().withdraw_remedy(),
        [("remedy", "proposer")],
    ),
    "what was promised is withdrawn": (
        lambda life: life.promise_remedy().withdraw_remedy(),
        [("remedy_withdrawn", "customer"), ("remedy", "proposer")],
    ),
    "a remedy is done": (
        lambda life: life.promise_remedy().finish_remedy(),
        [("remedy_done", "customer")],
    ),
    "a post-mortem is to be written": (
        lambda life: urgent_and_closed(life).wait(minutes=15).wake(),
        [("post_mortem", "agent")],
    ),
    "a post-mortem is written late": (
        lambda life: urgent_and_closed(life).sleep_through(life.clock.moment + timedelta(days=2.4)),
        [("post_mortem", "agent"), ("post_mortem", "supervisor")],
    ),
    "a post-mortem is very late": (
        lambda life: urgent_and_closed(life).sleep_through(life.clock.moment + timedelta(days=5)),
        [("post_mortem", "manager")],
    ),
    "a post-mortem is written": (
        lambda life: urgent_and_closed(life).write_post_mortem(),
        [],
    ),
    "a post-mortem with actions of two members": (
        lambda life: urgent_and_closed(life).write_post_mortem(actions=("a-jun", "a-bo", "a-jun")),
        [("post_mortem_action", "owner-1"), ("post_mortem_action", "owner-2")],
    ),
    "an urgent ticket": (
        lambda life: Life(life.clock).open("urgent").wait(seconds=9).wake(),
        [("join", "supervisor")],
    ),
    "half of the time of a remedy gone": (
        lambda life: remedy_due_in(life, minutes=20).wait(minutes=10).wake(),
        [("remedy", "agent")],
    ),
    "a remedy is late": (
        lambda life: remedy_due_in(life, minutes=5).wait(minutes=4).wake().wait(minutes=1).wake(),
        [("remedy", "agent"), ("remedy", "supervisor")],
    ),
    "a department is asked": (Life.open_task, [("task", "department-1")]),
    "a member of the department takes the task": (
        lambda life: life.open_task().assign_task(),
        [],
    ),
    "a leader gives the task to somebody": (
        lambda life: life.open_task().assign_task(by=LIN),
        [("task", "department-1")],
    ),
    "the department has done its task": (
        lambda life: life.open_task().finish_task(),
        [("task", "asker")],
    ),
    "the department sends its task back": (
        lambda life: life.open_task().return_task(),
        [("task", "asker"), ("task", "ticket_leaders")],
    ),
    "the department sends back a task that is not required": (
        lambda life: life.open_task(required=False).return_task(),
        [("task", "asker")],
    ),
    "a leader gives a task that somebody has to somebody else": (
        lambda life: life.open_task().assign_task().assign_task(replace(TAO, id="a-bo"), by=LIN),
        [("task", "department-1"), ("task", "department_former-1")],
    ),
    "a leader takes a task that somebody has": (
        lambda life: life.open_task().assign_task().assign_task(replace(TAO, id=LIN.id), by=LIN),
        [("task", "department_former-1")],
    ),
    "a leader puts a task that somebody has back into the queue": (
        lambda life: life.open_task().assign_task().requeue_task(),
        [("task", "department-1")],
    ),
    "a task cancelled": (
        lambda life: life.open_task().cancel_task(),
        [("task", "department-1")],
    ),
    "a leader presses for a task": (
        lambda life: life.open_task().press_task(),
        [("task", "department-1")],
    ),
    "withdrawn while a department works on it": (
        lambda life: life.open_task().withdraw(),
        [("task", "department-1")],
    ),
    "half of the time of a task gone": (
        lambda life: task_due_in(life, minutes=20).wait(minutes=10).wake(),
        [("task", "department-1")],
    ),
    "a task of the queue is late": (
        lambda life: task_due_in(life, minutes=5).wait(minutes=4).wake().wait(minutes=1).wake(),
        [("task", "department_leaders-1"), ("task", "asker")],
    ),
    "a task that somebody has is late": (
        lambda life: (
            task_due_in(life, minutes=5).assign_task().wait(minutes=4).wake().wait(minutes=1).wake()
        ),
        [("task", "department-1"), ("task", "department_leaders-1"), ("task", "asker")],
    ),
    "a task is long overdue": (
        lambda life: task_due_in(life, minutes=4).wait(minutes=5).wake().wait(minutes=1).wake(),
        [("task", "manager"), ("task", "asker")],
    ),
    "a department asks for more time": (
        lambda life: life.open_task().ask_extension(),
        [("task", "ticket_leaders")],
    ),
    "half of the time of a task gone while more time is asked for": (
        lambda life: task_due_in(life, minutes=20).ask_extension().wait(minutes=10).wake(),
        [("task", "department-1"), ("task", "ticket_leaders")],
    ),
    "a task is late while more time is asked for": (
        lambda life: (
            task_due_in(life, minutes=5)
            .ask_extension()
            .wait(minutes=4)
            .wake()
            .wait(minutes=1)
            .wake()
        ),
        [("task", "department_leaders-1"), ("task", "asker"), ("task", "ticket_leaders")],
    ),
    "more time is refused": (
        lambda life: life.open_task().ask_extension().decide_extension(granted=False),
        [("task", "department-1")],
    ),
    "a request gets its checklist": (
        lambda life: Life(life.clock).open("service_request", category="payment/invoice"),
        [("acknowledgement", "customer"), ("checklist", "customer")],
    ),
    "the customer sends a material": (
        lambda life: Life(life.clock).request().send_item(),
        [("item_given", "agent")],
    ),
    "the customer has read a note": (
        lambda life: Life(life.clock).request("payment/invoice").answer_item("no_change", ""),
        [],
    ),
    "an item is accepted": (lambda life: Life(life.clock).request().send_item().accept_item(), []),
    "an item is rejected": (
        lambda life: Life(life.clock).request().send_item().reject_item(),
        [("item", "customer")],
    ),
    "a step is done": (
        lambda life: Life(life.clock).request().finish_step(),
        [("item", "customer")],
    ),
    "an obstacle is told": (
        lambda life: Life(life.clock).request().tell_obstacle(),
        [("item", "customer")],
    ),
    "the customer urges": (Life.urge, [("urged", "asker")]),
    "the customer urges two departments": (
        lambda life: life.open_task().open_task().return_task().open_task().urge(),
        [("urged", "asker"), ("task", "department-1"), ("task", "department-3")],
    ),
    "mentions ended": (lambda life: life.note(MEI, colleague("a-jun")).end_mentions(), []),
    "linked": (Life.link, []),
    "unlinked": (lambda life: life.link().unlink(), []),
    "merged into another ticket": (Life.merge, [("merged", "customer"), ("moved_away", "agent")]),
    "another ticket was merged into it": (Life.take_in, [("customer_wrote", "agent")]),
    "a ticket was merged into it whose words were answered": (
        lambda life: life.take_in(Life(life.clock).open(number=OTHER).reply()),
        [],
    ),
    "not merged any more": (Life.unmerge, [("unmerged", "customer")]),
    "messages were split off": (lambda life: split_off(life)[0], []),
    "made of messages that were split off": (
        lambda life: split_off(life)[1],
        [("acknowledgement", "customer")],
    ),
    "its messages came back": (lambda life: unsplit(life)[0], []),
    "its messages came back, for which it had to wait no more": (
        lambda life: unsplit(life.reply())[0],
        [("customer_wrote", "agent")],
    ),
    "not split off any more": (
        lambda life: unsplit(life)[1],
        [("split_undone", "customer"), ("moved_away", "agent")],
    ),
    "a duplicate was proposed": (Life.propose_duplicate, []),
    "a duplicate was dismissed": (lambda life: life.propose_duplicate().dismiss_duplicate(), []),
    "joined an incident": (Life.join_incident, []),
    "left an incident": (lambda life: life.join_incident().leave_incident(), []),
    "a call was recorded": (Life.record_call, []),
    "an answer was sent": (Life.report_answer, []),
    "an answer was delivered": (lambda life: life.report_answer("delivered"), []),
    "an answer failed": (
        lambda life: life.report_answer("failed", "http_422"),
        [("answer_failed", "agent")],
    ),
    "an out-of-office came": (Life.note_mail, []),
    "a mail came back": (lambda life: life.note_mail("returned"), [("mail_returned", "agent")]),
    "a stranger wrote": (
        lambda life: life.note_mail("stranger"),
        [("stranger_wrote", "agent")],
    ),
    "somebody takes part": (lambda life: life.let_in("bo@example.net"), []),
    "replied, and somebody takes part": (
        lambda life: life.let_in("bo@example.net").reply(),
        [("reply", "customer"), ("copy", "participants")],
    ),
    "customer wrote": (Life.write, [("customer_wrote", "agent")]),
    "customer thanked": (lambda life: life.write("Thank you"), [("customer_wrote", "agent")]),
    "customer thanked, and it was more": (lambda life: life.write("Thank you").count(), []),
    "resolved": (Life.resolve, [("resolution", "customer")]),
    "called in vain": (lambda life: life.resolve().call("no_answer"), []),
    "confirmed": (lambda life: life.resolve().confirm(), []),
    "disputed": (lambda life: life.resolve().dispute(), [("disputed", "supervisor")]),
    "surveyed": (lambda life: life.resolve().answer_survey(), []),
    "withdrawn": (Life.withdraw, []),
    "half of the reaction time gone": (
        lambda life: life.acknowledge().wait(minutes=15).wake(),
        [("remind", "agent")],
    ),
    "the reaction promise broken": (
        lambda life: life.acknowledge().wait(minutes=29).wake().wait(minutes=1).wake(),
        [("breach", "agent"), ("breach", "supervisor")],
    ),
    "still broken": (
        lambda life: life.acknowledge().wait(minutes=44).wake().wait(minutes=1).wake(),
        [("escalate", "manager")],
    ),
    "no acknowledgement went out": (
        lambda life: life.wait(minutes=5).wake(),
        [("breach", "supervisor")],
    ),
    "a day without a word after the resolution": (
        lambda life: life.acknowledge().resolve().wait(days=1).wake(),
        [("callback_again", "customer")],
    ),
    "closed as unconfirmed": (
        lambda life: life.acknowledge().resolve().wait(days=2).wake().wait(days=1).wake(),
        [],
    ),
    "fields set": (lambda life: life.set_fields(serial_number="KX-1"), []),
    "tagged": (lambda life: life.acknowledge().tag("kettle"), []),
    "matched with a customer": (lambda life: life.acknowledge().match(), []),
    "about a member of staff": (lambda life: life.acknowledge().is_about("a-jun"), []),
    "unclear whom it is about": (Life.doubt_about, [("about_doubted", "supervisor")]),
    "an hour after confirming": (
        lambda life: life.acknowledge().resolve().confirm().wait(hours=1).wake(),
        [("survey", "customer")],
    ),
}


@pytest.mark.parametrize("what", FOLLOWS)
def test_mails_follow_each_event(what: str) -> None:
    story, expected = FOLLOWS[what]
    assert mails(story(Life(Clock()).open("complaint"))) == expected


def test_every_type_of_event_is_covered_by_these_stories() -> None:
    met = set[EventType]()
    for story, _ in FOLLOWS.values():
        met |= {event.type for event in story(Life(Clock()).open("complaint")).events}
    assert met == set(EventType)


def test_system_writes_by_itself_to_no_number_that_somebody_only_left() -> None:
    """Anybody can name a stranger's number. An urgent ticket at night would make us write to it."""
    mobile = {"name": "Li Na", "phone": "138 0013 8000"}
    life = Life(Clock(), replace(plan_1(), sms="sms")).open("inquiry", contact=mobile)
    unattended(life)
    told = life.events[-1]
    assert (told.type, "via" in told.data) == (EventType.NOBODY_THERE, False)
    assert mails(life) == [("nobody_there", "customer"), ("unattended", "supervisor")]


def test_a_customer_without_address_gets_no_acknowledgement(life: Life) -> None:
    assert mails(life.open(contact=BY_PHONE)) == []


def test_a_callback_by_phone_reminds_the_agent_and_mails_the_customer_nothing(life: Life) -> None:
    life.open(contact=BY_PHONE).resolve().wait(hours=12).wake()
    assert mails(life) == [("remind", "agent")]


def unacknowledged(why: str = "list") -> Life:
    return Life(Clock()).open(mail={"id": "1", "key": "inbound/1", "unacknowledged": why})


@pytest.mark.parametrize("why", NoAnswer)
def test_a_ticket_whose_mail_must_not_be_answered_gets_no_acknowledgement(why: NoAnswer) -> None:
    assert mails(unacknowledged(why.value)) == []


def test_what_staff_write_is_mailed_on_a_ticket_that_was_not_acknowledged() -> None:
    assert mails(unacknowledged().reply()) == [("reply", "customer")]
    assert mails(unacknowledged().resolve()) == [("resolution", "customer")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_mail_has_a_template_in_every_language(language: str) -> None:
    templates = {template for _, expected in FOLLOWS.values() for template, _ in expected}
    folder = ROOT / "layers/core/redress/data/mail" / language
    assert {path.stem for path in folder.glob("*.txt")} >= templates


def test_an_opened_ticket_is_acknowledged_to_the_customer(life: Life) -> None:
    assert mails_after(life.open().events[0]) == [MailToSend("acknowledgement", "customer")]
