"""The rules of the checklist of a service request."""

from __future__ import annotations

from collections.abc import Callable
from copy import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from redress.base.errors import (
    ChecklistOpen,
    InvalidInput,
    MacroRefused,
    NotAllowedNow,
    NotFound,
    VersionConflict,
)
from redress.base.people import CUSTOMER, SYSTEM, Actor, Member, Role
from redress.clocks.rules.clocks import ClockName, ClockState
from redress.mail.outgoing.messages import MailJob
from redress.mail.outgoing.results import for_connector
from redress.mail.outgoing.rules.relevance import Matter, reason_to_skip
from redress.mail.outgoing.rules.table import ANSWER_FAILED, MailToSend, mails_after
from redress.plans.rules.checklists import of as planned
from redress.plans.rules.document import parse
from redress.plans.rules.plan import Plan
from redress.tickets.rules import access, conflicts, macros
from redress.tickets.rules.answers import AnswerState
from redress.tickets.rules.checklist import (
    MOST_EARLIER,
    MOST_FILES,
    Checklist,
    Item,
    ItemState,
    Responsible,
    find,
)
from redress.tickets.rules.fold import apply
from redress.tickets.rules.macros import Act
from redress.tickets.rules.promise_view import promises_of
from redress.tickets.rules.steps import by_staff, by_system, checklists
from redress.tickets.rules.steps.draft import AnswerWindowEnded
from redress.tickets.rules.ticket import Event, EventType, State
from redress.tickets.store import items
from tests.builders import BY_PHONE, LIN, MEI, START, Life, plan_1, plan_document

CATEGORY = "account/personal_data"
MEI_OF_STAFF = Member("a-mei", "mei", "mei@example.com", Role.AGENT, "service", ("en",), 5)


def item(life: Life, id_: str = "identity") -> Item:
    found = find(life.ticket.checklist, id_)
    assert found is not None
    return found


def states(life: Life) -> dict[str, str]:
    checklist = life.ticket.checklist
    return {one.id: one.state for one in checklist.items} if checklist else {}


def resolution(life: Life) -> ClockState:
    return life.ticket.clocks[ClockName.RESOLUTION].state


def resolve(life: Life, outcome: str | None = None) -> Life:
    at = life.clock.now()
    return life.take(
        by_staff.resolve(life.ticket, life.plan, MEI, "It is done", outcome, None, None, at)
    )


def finished(life: Life) -> Life:
    return life.send_item().accept_item().answer_item().accept_item("new_details").finish_step()


def changed_plan(**section: Any) -> Plan:
    """A later plan with these checklists instead of those of plan 1."""
    return parse(plan_document() | {"version": 2, "checklists": section})


TEXT = {"zh-CN": "材料", "zh-TW": "資料", "en": "A material"}


# ------------------------------------------------------------------------------- which items


def test_request_gets_the_checklist_of_its_category_with_its_opening() -> None:
    life = Life().request()
    opened, told, *_ = life.events
    assert (opened.type, told.type, told.by) == (
        EventType.OPENED,
        EventType.CHECKLIST_SET,
        SYSTEM,
    )
    assert told.data["to"] == life.ticket.contact.email
    assert states(life) == {"identity": "open", "new_details": "open", "change": "open"}
    assert life.ticket == life.folded


def test_ticket_without_a_checklist_has_no_event_and_no_value_more() -> None:
    life = Life().open("service_request")
    assert [event.type for event in life.events] == [EventType.OPENED]
    assert "checklist" not in items.snapshot_doc(life.ticket)
    complaint = Life().open("complaint", category=CATEGORY)
    assert (len(complaint.events), complaint.ticket.checklist) == (1, None)


def test_rules_that_find_the_category_give_the_request_its_checklist() -> None:
    life = Life().open("service_request").acknowledge()
    life.classify(category="payment/invoice")
    assert list(states(life)) == ["title", "licence", "no_change", "issue"]
    life.classify(urgency="high")
    assert [event.type for event in life.events].count(EventType.CHECKLIST_SET) == 1


def test_plan_that_is_published_later_does_not_change_a_running_request() -> None:
    """The ticket keeps the plan under which it was opened, and its events have the items."""
    life = Life().request()
    other = changed_plan(**{CATEGORY: [{"id": "x", "kind": "step", "text": TEXT}]})
    assert other.checklists != life.plan.checklists
    life.plan = replace(life.plan, checklists={})  # as if plan 1 of a later release had none
    life.reclassify(urgency="high")
    assert list(states(life)) == ["identity", "new_details", "change"]
    assert life.ticket == life.folded


def test_corrected_category_brings_its_checklist_and_items_with_the_same_id_keep_their_state() -> (
    None
):
    document = plan_document()
    document["checklists"]["account/security"] = [
        {"id": "identity", "kind": "material", "text": TEXT},
        {"id": "new_details", "kind": "step", "text": TEXT},
        {"id": "reset", "kind": "step", "text": TEXT},
    ]
    life = Life(plan=parse(document)).request().send_item().accept_item().answer_item()
    life.reclassify(category="account/security")
    assert states(life) == {"identity": "accepted", "new_details": "open", "reset": "open"}
    life.reclassify(category="account/sign_in")
    assert states(life) == {}
    assert life.ticket == life.folded


def test_request_that_turns_out_to_be_a_complaint_has_no_checklist_any_more() -> None:
    life = Life().request().reclassify("complaint")
    assert life.ticket.checklist is None
    life.reclassify("service_request")
    assert list(states(life)) == ["identity", "new_details", "change"]


def of_two_checklists() -> Life:
    """A request whose identity was accepted and whose other items were given, or not yet.

    Its plan has another checklist for `account/security`, with no item of this one.
    """
    document = plan_document()
    document["checklists"]["account/security"] = [
        {"id": "device", "kind": "material", "text": TEXT},
        {"id": "new_details", "kind": "step", "text": TEXT},
    ]
    life = Life(plan=parse(document)).request().reply()
    return life.send_item("identity", "a" * 16).accept_item().answer_item()


def last_set(life: Life) -> dict[str, Any]:
    """The data of the last event that set the checklist."""
    return [one for one in life.events if one.type is EventType.CHECKLIST_SET][-1].data


@pytest.mark.parametrize("between", ["account", "account/security", "kind", "plan"])
def test_request_that_is_corrected_there_and_back_asks_again_for_nothing(between: str) -> None:
    life = of_two_checklists()
    before = life.ticket.checklist
    match between:
        case "kind":
            life.reclassify("complaint").reclassify("service_request")
        case "plan":
            other = replace(life.plan, version=2, checklists={})
            life.move_to(other).move_to(
                replace(life.plan, version=3, checklists=plan_1().checklists)
            )
        case category:
            life.reclassify(category=category)
            assert "accepted" not in states(life).values()
            life.reclassify(category=CATEGORY)
    assert before is not None
    assert life.ticket.checklist is not None
    assert life.ticket.checklist.items == before.items
    assert item(life).files == ("a" * 16,)
    again = last_set(life)
    assert again["missing"] == []
    assert not {"to", "via"} & again.keys(), "the customer is told of none again"
    assert life.ticket == life.folded
    assert items.ticket_of(items.snapshot_doc(life.ticket)) == life.ticket


def test_number_of_items_of_earlier_checklists_is_bounded() -> None:
    life = Life().request()

    def many(name: str) -> tuple[Item, ...]:
        return tuple(Item(f"{name}{n}", "note", True, "accepted") for n in range(MOST_EARLIER - 10))

    ticket = replace(life.ticket, checklist=Checklist(2, many("new"), earlier=many("old")))
    nothing = Event(ticket.version + 1, EventType.CHECKLIST_SET, START, SYSTEM, {"items": []})
    left = apply(ticket, nothing, life.plan).checklist
    assert left is not None
    assert [one.id for one in left.earlier[-30:]] == [one.id for one in many("new")]
    assert (left.items, len(left.earlier)) == ((), MOST_EARLIER)


def test_list_that_is_set_again_says_what_is_still_missing() -> None:
    life = of_two_checklists().reclassify(category="account/security")
    assert (item(life, "device").is_missing, "missing" in last_set(life)) == (True, False)
    life.reclassify(category=CATEGORY).reject_item("new_details")
    life.reclassify("complaint").reclassify("service_request")
    again = last_set(life)
    assert (again["missing"], again["to"]) == (["new_details"], life.ticket.contact.email)


def test_request_that_is_moved_to_another_plan_gets_the_checklist_of_that_plan() -> None:
    life = Life().request().send_item().accept_item()
    new = [
        {"id": "identity", "kind": "material", "text": TEXT},
        {"id": "form", "kind": "material", "text": TEXT},
    ]
    life.move_to(changed_plan(**{CATEGORY: new}))
    assert states(life) == {"identity": "accepted", "form": "open"}
    assert life.ticket == life.folded


@pytest.mark.parametrize("of_version_before", [False, True])
def test_list_that_goes_through_a_connector_asks_for_nothing_that_was_accepted(
    of_version_before: bool,
) -> None:
    life = Life(plan=of_two_checklists().plan)
    life.open_by_connector(kind="service_request", category=CATEGORY)
    life.assign().reply().send_item().accept_item()
    life.reclassify(category="account/security").reclassify(category=CATEGORY)
    event = [one for one in life.events if one.type is EventType.CHECKLIST_SET][-1]
    if of_version_before:
        data = {name: one for name, one in event.data.items() if name != "missing"}
        event = replace(event, data=data)
    [mail] = mails_after(event)
    job = MailJob(life.ticket.number, event.number, mail.template, mail.audience)
    matter = Matter(job, event, life.ticket, life.plan, life.clock.now())
    asked = for_connector(matter)
    language = life.ticket.language
    texts = {one.id: one.text[language] for one in planned(life.plan, "service_request", CATEGORY)}
    assert (texts["new_details"] in asked, texts["change"] in asked) == (True, False)
    assert (texts["identity"] in asked) == of_version_before
    assert reason_to_skip(matter) is None
    life.answer_item()
    assert reason_to_skip(replace(matter, ticket=life.ticket)) is not None


def matter(life: Life, kind: EventType) -> Matter:
    """The only mail that follows the last event of this type, and the ticket as it is now."""
    event = life.events[number_of(life, kind) - 1]
    [mail] = mails_after(event)
    job = MailJob(life.ticket.number, event.number, mail.template, mail.audience)
    return Matter(job, event, life.ticket, life.plan, life.clock.now())


def by_form() -> Life:
    return Life().request()


def by_a_connector() -> Life:
    return Life().open_by_connector(kind="service_request", category=CATEGORY).assign().reply()


@pytest.mark.parametrize("opened", [by_form, by_a_connector])
def test_result_of_a_step_reaches_the_customer_also_if_the_request_is_resolved_before(
    opened: Callable[[], Life],
) -> None:
    life = finished(opened())
    life = resolve(life)
    assert reason_to_skip(matter(life, EventType.ITEM_DONE)) is None
    life.confirm()
    assert reason_to_skip(matter(life, EventType.ITEM_DONE)) is None


def test_result_of_a_step_reaches_the_customer_also_if_the_category_was_corrected_since() -> None:
    life = Life().request().finish_step().reclassify(category="payment/invoice")
    assert reason_to_skip(matter(life, EventType.ITEM_DONE)) is None


def test_what_asks_for_something_or_says_why_it_waits_is_not_sent_after_the_resolution() -> None:
    life = Life().request().send_item().reject_item().tell_obstacle("change")
    kinds = (EventType.CHECKLIST_SET, EventType.ITEM_REJECTED, EventType.ITEM_OBSTRUCTED)
    assert [reason_to_skip(matter(life, kind)) for kind in kinds] == [None] * 3
    resolve(life, "not_possible")
    assert None not in [reason_to_skip(matter(life, kind)) for kind in kinds]


# --------------------------------------------------------------------------------- the customer


def test_customer_gives_a_material_with_files_and_a_note_with_words() -> None:
    life = Life().request().send_item("identity", "a" * 16)
    assert (item(life).state, item(life).files) == (ItemState.GIVEN, ("a" * 16,))
    life.send_item("identity", "b" * 16)
    assert item(life).files == ("a" * 16, "b" * 16)
    life.answer_item(text=" 12 Mill Lane ")
    assert life.events[-1].data == {"item": "new_details", "text": "12 Mill Lane"}
    assert item(life, "new_details").state == ItemState.GIVEN
    assert life.ticket == life.folded


def test_note_that_asks_for_no_answer_is_settled_when_the_customer_has_read_it() -> None:
    life = Life().request("payment/invoice").answer_item("no_change", "")
    assert states(life)["no_change"] == "accepted"
    assert life.events[-1].data == {"item": "no_change", "read": True}
    with pytest.raises(NotAllowedNow):
        life.answer_item("no_change", "")


@pytest.mark.parametrize(
    ("id_", "text", "expected"),
    [
        ("new_details", " ", {"/text required"}),
        ("new_details", "x" * 20_001, {"/text too_long"}),
        ("identity", "I have none", {" needs_file"}),
    ],
)
def test_wrong_answer_to_an_item_is_refused_with_its_fault(
    id_: str, text: str, expected: set[str]
) -> None:
    life = Life().request()
    with pytest.raises(InvalidInput) as refused:
        life.answer_item(id_, text)
    assert {f"{fault.pointer} {fault.code}" for fault in refused.value.faults} == expected


def test_words_for_a_note_that_asks_for_none_are_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        Life().request("payment/invoice").answer_item("no_change", "Why?")
    assert [fault.code for fault in refused.value.faults] == ["not_asked"]


def test_customer_can_give_neither_a_step_nor_an_item_that_the_checklist_does_not_have() -> None:
    life = Life().request()
    for id_ in ("change", "photo"):
        with pytest.raises(NotFound):
            life.answer_item(id_)
        with pytest.raises(NotFound):
            life.send_item(id_)
        assert checklists.room(life.ticket, id_) == 0


def test_number_of_files_of_one_item_is_bounded() -> None:
    life = Life().request().send_item("identity", *(f"{n:016x}" for n in range(MOST_FILES - 1)))
    assert checklists.room(life.ticket, "identity") == 1
    checklists.require_room(life.ticket, "identity")
    life.send_item()
    with pytest.raises(InvalidInput) as refused:
        checklists.require_room(life.ticket, "identity")
    assert [fault.code for fault in refused.value.faults] == ["too_many_files"]
    life.reject_item()
    assert checklists.room(life.ticket, "identity") == MOST_FILES, "it can be given again"
    life.send_item().accept_item()
    with pytest.raises(NotAllowedNow):
        checklists.require_room(life.ticket, "identity")


def test_item_whose_files_the_customer_has_withdrawn_is_missing_again() -> None:
    life = Life().request().reply().answer_item().accept_item("new_details")
    life.send_item("identity", "a" * 16, "b" * 16)
    assert resolution(life) is ClockState.RUNNING
    life.lose_file("a" * 16)
    assert (item(life).state, item(life).usable) == (ItemState.GIVEN, ("b" * 16,))
    assert resolution(life) is ClockState.RUNNING, "there is something to check"
    life.lose_file("b" * 16)
    assert item(life) == Item("identity", "material", event=life.ticket.version)
    assert resolution(life) is ClockState.PAUSED, "the customer knows what they have taken back"
    assert mails_after(life.events[-1]) == []
    assert life.ticket == life.folded


@pytest.mark.parametrize("by", [LIN, None])
def test_item_whose_files_others_have_taken_away_is_work_of_staff_and_has_room_again(
    by: Actor | None,
) -> None:
    """Nobody has told the customer. So the promise does not wait for them."""
    life = Life().request().reply().answer_item().accept_item("new_details")
    files = [f"{n:016x}" for n in range(MOST_FILES)]
    life.send_item("identity", *files)
    assert checklists.room(life.ticket, "identity") == 0
    for count, file in enumerate(files, start=1):
        life.lose_file(file, by)
        assert checklists.room(life.ticket, "identity") == count
    assert (item(life).state, resolution(life)) == (ItemState.GIVEN, ClockState.RUNNING)
    assert life.ticket == life.folded
    assert items.ticket_of(items.snapshot_doc(life.ticket)) == life.ticket
    life.send_item("identity", "c" * 16)
    assert item(life).usable == ("c" * 16,)
    life.reject_item()
    assert (item(life).files, item(life).lost) == ((), ())


def test_file_that_was_withdrawn_after_the_decision_changes_no_item() -> None:
    life = Life().request().send_item("identity", "a" * 16).accept_item()
    at, file = life.clock.now(), {"id": "a" * 16, "name": "id.jpg"}
    assert checklists.withdraw(life.ticket, life.plan, CUSTOMER, file, "Gone", at) is None
    life.lose_file("a" * 16, None)
    assert (item(life).state, item(life).lost) == (ItemState.ACCEPTED, ())


def test_resolved_request_takes_nothing_more_for_its_items() -> None:
    life = Life().request().reply()
    resolve(life, "not_completed_by_customer")
    assert checklists.room(life.ticket, "identity") == 0
    with pytest.raises(NotAllowedNow):
        life.answer_item()


# ------------------------------------------------------------------------------------- staff


def test_rejected_item_can_be_given_again_and_accepted() -> None:
    life = Life().request().send_item("identity", "a" * 16).reject_item()
    assert (item(life).state, item(life).files) == (ItemState.REJECTED, ())
    assert life.events[-1].data["to"] == life.ticket.contact.email
    life.send_item("identity", "b" * 16)
    assert (item(life).state, item(life).files) == (ItemState.GIVEN, ("b" * 16,))
    assert item(life.accept_item()).state == ItemState.ACCEPTED


def test_accepted_item_can_be_rejected_later() -> None:
    """Somebody may see later that what was accepted is wrong."""
    life = Life().request().send_item().accept_item().reject_item()
    assert item(life).state == ItemState.REJECTED


def test_item_that_came_in_another_way_is_accepted_only_with_a_word_how_or_with_its_files() -> None:
    life = Life().request()
    with pytest.raises(InvalidInput) as refused:
        life.accept_item()
    assert [fault.pointer for fault in refused.value.faults] == ["/text"]
    by_post = Life().request().accept_item(text="It came by post")
    assert (item(by_post).state, by_post.events[-1].data["text"]) == ("accepted", "It came by post")
    by_mail = Life().request().accept_item("identity", "", "a" * 16)
    assert item(by_mail).files == ("a" * 16,)
    assert by_mail.ticket == by_mail.folded


def test_acts_are_refused_on_items_that_they_do_not_fit() -> None:
    life = Life().request()
    nothing_given: Callable[[], Life] = life.reject_item
    of_step = partial(life.accept_item, "change", "x"), partial(life.reject_item, "change")
    for act in (nothing_given, *of_step, partial(life.finish_step, "identity")):
        with pytest.raises(NotAllowedNow):
            act()
    life.finish_step()
    with pytest.raises(NotAllowedNow):
        life.finish_step()
    with pytest.raises(NotAllowedNow):
        life.tell_obstacle()
    with pytest.raises(NotFound):
        life.accept_item("photo", "x")


@pytest.mark.parametrize("who", Responsible)
def test_obstacle_says_who_has_to_do_something_and_is_over_when_it_goes_on(
    who: Responsible,
) -> None:
    life = Life().request().reply().tell_obstacle(who=who)
    assert (item(life, "change").obstacle, life.events[-1].data["who"]) == (True, who.value)
    assert not item(life.finish_step(), "change").obstacle


def test_what_staff_tell_about_an_item_is_a_reaction_and_begins_the_next_update() -> None:
    life = Life().request().send_item().wait(hours=1).reject_item()
    assert (life.ticket.reacted, life.ticket.state) == (True, State.NEW)
    update = life.ticket.clocks[ClockName.UPDATE]
    assert update.started_at == START + timedelta(hours=1)


# ------------------------------------------------------------------------------- the promise


def test_promise_waits_for_the_customer_only_after_the_first_answer() -> None:
    """A message of the customer that nobody has answered never counts as paused time."""
    life = Life().request()
    assert resolution(life) is ClockState.RUNNING
    life.wait(hours=1).reply()
    assert resolution(life) is ClockState.PAUSED
    [promise] = [one for one in promises_of(life.ticket, START) if one.clock == "resolution"]
    assert (promise.state, promise.due_at, promise.waits_for) == ("paused", None, "customer")


def test_promise_waits_for_no_customer_who_was_never_told_of_the_list() -> None:
    """Who left only a phone number gets no mail with the list."""
    life = Life().request(contact=BY_PHONE).reply()
    assert resolution(life) is ClockState.RUNNING
    life.tell_obstacle("identity")
    assert resolution(life) is ClockState.RUNNING, "these words reached nobody"
    life.send_item().accept_item()
    assert resolution(life) is ClockState.PAUSED, "they have seen the list"
    assert life.folded == life.ticket


def test_promise_waits_once_words_about_an_item_went_through_a_connector() -> None:
    life = Life()
    life.plan = replace(life.plan, sms="sms")
    life.request(contact={"name": "Li Na", "phone": "138 0013 8000"}).reply()
    assert resolution(life) is ClockState.RUNNING
    life.tell_obstacle("identity")
    assert resolution(life) is ClockState.PAUSED


def number_of(life: Life, kind: EventType) -> int:
    return [one.number for one in life.events if one.type is kind][-1]


def key_of(life: Life, kind: EventType = EventType.CHECKLIST_SET, to: str = "customer") -> str:
    """The key of the mail after the last event of this type."""
    return f"{number_of(life, kind):06d}.checklist.{to}"


def test_promise_goes_on_when_the_mail_with_the_list_comes_back() -> None:
    life = Life().request().wait(hours=1).reply().wait(hours=2)
    office, before = life.plan.calendar("office"), life.ticket.clocks[ClockName.RESOLUTION].due_at
    life.note_mail("returned", about=key_of(life), to="customer")
    again = life.ticket.clocks[ClockName.RESOLUTION]
    assert (again.state, again.due_at) == (ClockState.RUNNING, office.add(before, 2 * 3600))
    assert life.ticket == life.folded
    assert items.ticket_of(items.snapshot_doc(life.ticket)) == life.ticket
    life.send_item().accept_item()
    assert resolution(life) is ClockState.PAUSED, "they have found the list on their page"
    life.note_mail("returned", about=key_of(life), to="customer")
    assert resolution(life) is ClockState.PAUSED


def test_promise_goes_on_when_nobody_knows_which_mail_to_the_customer_came_back() -> None:
    life = Life().request().reply().note_mail("returned", to="customer")
    assert resolution(life) is ClockState.RUNNING
    life = Life().request().reply().note_mail("returned", to="")
    assert resolution(life) is ClockState.PAUSED, "it may have been a notice to staff"


@pytest.mark.parametrize("why", ["delayed", "complained", "automatic", "stranger"])
def test_promise_waits_on_after_other_notices_about_the_mail_with_the_list(why: str) -> None:
    life = Life().request().reply()
    life.note_mail(why, about=key_of(life), to="customer")
    assert resolution(life) is ClockState.PAUSED


def test_promise_waits_on_when_the_mail_of_somebody_else_comes_back() -> None:
    life = Life().request().let_in("bo@example.net").reply()
    copy = key_of(life, EventType.REPLIED, "participants")
    life.note_mail("returned", about=copy, to="participants")
    life.note_mail("returned", about=key_of(life, EventType.OPENED), to="customer")
    assert resolution(life) is ClockState.PAUSED, "the list itself arrived"


def test_promise_goes_on_when_the_words_that_rejected_an_item_come_back() -> None:
    life = Life().request().reply().send_item().answer_item().accept_item("new_details")
    life.reject_item()
    assert resolution(life) is ClockState.PAUSED
    life.note_mail("returned", about=key_of(life, EventType.ITEM_REJECTED), to="customer")
    assert resolution(life) is ClockState.RUNNING
    life.tell_obstacle("identity")
    assert resolution(life) is ClockState.PAUSED, "they were told of it again"


def test_promise_waits_on_when_words_come_back_that_ask_for_nothing() -> None:
    life = Life().request().reply().tell_obstacle()
    life.note_mail("returned", about=key_of(life, EventType.ITEM_OBSTRUCTED), to="customer")
    assert resolution(life) is ClockState.PAUSED


def test_promise_goes_on_when_the_mail_with_the_list_is_not_sent_at_all() -> None:
    life = Life().request().reply()
    event, at = number_of(life, EventType.CHECKLIST_SET), life.clock.now()
    given = (event, key_of(life), "the address returned mail", at)
    unsent = by_system.note_unsent(life.ticket, life.plan, *given)
    assert unsent is not None
    life.take(unsent)
    assert mails_after(life.events[-1]) == [MailToSend("mail_returned", "agent")]
    assert resolution(life) is ClockState.RUNNING
    assert by_system.note_unsent(life.ticket, life.plan, *given) is None, "the job came twice"


def test_promise_goes_on_when_the_connector_did_not_take_the_list() -> None:
    life = Life().open_by_connector(kind="service_request", category=CATEGORY).assign()
    life.tell_progress()
    via = number_of(life, EventType.CHECKLIST_SET)
    answer, plan = life.events[via - 1], life.plan

    def report(state: AnswerState) -> None:
        later, at = life.events[via:], life.clock.now()
        given = (life.ticket, plan, SYSTEM, answer, state, "", later, at)
        life.take(by_system.report_answer(*given))

    life.reply()
    report(AnswerState.SENT)
    assert resolution(life) is ClockState.PAUSED
    report(AnswerState.FAILED)
    assert resolution(life) is ClockState.RUNNING
    report(AnswerState.DELIVERED)
    assert resolution(life) is ClockState.PAUSED, "a receipt of success came late"
    assert life.ticket == life.folded


def test_customer_who_was_told_in_an_earlier_version_knows_the_list_also_if_a_mail_comes_back() -> (
    None
):
    """The snapshot of that version does not say by which words they were told."""
    life = Life().request().reply()
    checklist = life.ticket.checklist
    assert checklist is not None
    before = replace(life.ticket, checklist=replace(checklist, told_by=0))
    mail = {"about": key_of(life), "to": "customer"}
    at = life.clock.now()
    after = by_system.note_mail(before, life.plan, "returned", "", "", at, mail).after
    assert after.checklist == before.checklist


# ------------------------------------------------------------------- words that reach nobody


def answered_for(hours: int = 48) -> Life:
    """A request of a customer without an address, whose conversation takes answers for a while.

    They have given everything, and it was accepted.
    """
    life = Life().open_by_connector(hours, kind="service_request", category=CATEGORY).assign()
    life.reply().send_item().accept_item().answer_item()
    return life.accept_item("new_details").wait(hours=hours + 12)


def test_request_is_finished_although_the_conversation_takes_no_answers_any_more() -> None:
    life = answered_for().finish_step()
    assert life.events[-1].data["untold"] == "window_ended"
    assert mails_after(life.events[-1]) == [MailToSend(ANSWER_FAILED, "agent")]
    assert states(life)["change"] == "done"
    assert resolve(life, "done").ticket.state is State.RESOLVED
    assert life.ticket == life.folded


def test_item_is_rejected_after_the_conversation_and_the_promise_waits_for_nobody() -> None:
    life = answered_for().reject_item()
    assert (item(life).state, life.events[-1].data["untold"]) == ("rejected", "window_ended")
    assert resolution(life) is ClockState.RUNNING, "the customer does not know of it"
    assert life.ticket.clocks[ClockName.UPDATE].started_at < life.clock.now()
    life.send_item("identity", "c" * 16)
    assert item(life).state == "given"


def test_obstacle_that_would_reach_nobody_is_refused_like_a_reply() -> None:
    with pytest.raises(AnswerWindowEnded):
        answered_for().tell_obstacle()


def test_result_for_who_left_only_a_phone_number_is_what_the_agent_has_said() -> None:
    life = Life().request(contact=BY_PHONE).reply().finish_step()
    assert not {"to", "via", "untold"} & life.events[-1].data.keys()


# ----------------------------------------------------------------------- the promise goes on


def test_promise_goes_on_while_staff_have_something_to_check() -> None:
    life = Life().request().wait(hours=1).reply().wait(hours=2)
    office, before = life.plan.calendar("office"), life.ticket.clocks[ClockName.RESOLUTION].due_at
    life.send_item()
    running = life.ticket.clocks[ClockName.RESOLUTION]
    assert running.state is ClockState.RUNNING
    assert running.due_at == office.add(before, 2 * 3600), "to the second"
    life.wait(hours=1).accept_item()
    assert resolution(life) is ClockState.PAUSED, "the answer is still missing"
    life.wait(hours=1).answer_item()
    assert resolution(life) is ClockState.RUNNING
    life.wait(minutes=30).accept_item("new_details")
    assert resolution(life) is ClockState.RUNNING, "nothing is missing; a step is work of staff"
    life.wait(minutes=30).reject_item()
    assert resolution(life) is ClockState.PAUSED
    assert [(wait.reason, wait.end - wait.begin) for wait in life.ticket.waits if wait.end] == [
        ("customer", timedelta(hours=2)),
        ("customer", timedelta(hours=1)),
    ]
    assert life.ticket == life.folded


def test_promise_does_not_wait_for_an_item_that_is_not_required() -> None:
    life = Life().request("payment/invoice").reply()
    life.answer_item("title", "Baker Ltd").accept_item("title").answer_item("no_change", "")
    assert states(life)["licence"] == "open"
    assert resolution(life) is ClockState.RUNNING


def test_unanswered_words_of_the_customer_are_never_paused_time() -> None:
    life = Life().request().reply().wait(hours=1).write("Which document do you mean?")
    assert resolution(life) is ClockState.RUNNING
    assert resolution(life.reply()) is ClockState.PAUSED


def test_waiting_request_is_open_again_when_the_customer_gives_something() -> None:
    life = Life().request().reply(wait_for_customer=True).send_item()
    assert (life.ticket.state, resolution(life)) == (State.OPEN, ClockState.RUNNING)


def test_note_that_was_only_read_answers_no_question_of_staff() -> None:
    life = Life().request("payment/invoice").reply(wait_for_customer=True)
    life.answer_item("no_change", "")
    assert (life.ticket.state, resolution(life)) == (State.WAITING, ClockState.PAUSED)


# ------------------------------------------------------------------------- blocking the end


def test_request_is_done_only_when_every_required_item_is_settled() -> None:
    """Story 13: the rule is in the domain, and unknown is not done."""
    life = Life().request().reply()
    for outcome in (None, "done", "upheld"):
        with pytest.raises(ChecklistOpen) as refused:
            resolve(life, outcome)
        assert [fault.pointer for fault in refused.value.faults] == [
            "/checklist/identity",
            "/checklist/new_details",
            "/checklist/change",
        ]
    finished(life)
    assert resolve(life, "done").ticket.state is State.RESOLVED


def test_item_in_a_state_of_a_later_version_is_not_settled() -> None:
    life = finished(Life().request().reply())
    checklist = life.ticket.checklist
    assert checklist is not None
    later = tuple(
        replace(one, state="half_done") if one.id == "change" else one for one in checklist.items
    )
    ticket = replace(life.ticket, checklist=replace(checklist, items=later))
    with pytest.raises(ChecklistOpen):
        by_staff.resolve(ticket, life.plan, MEI, "Done", None, None, None, life.clock.now())


def test_macro_does_not_close_past_the_checklist() -> None:
    life = Life().request().reply()

    def step(ticket: Any, plan: Any, /, *, by: Any, at: Any) -> Any:
        return by_staff.resolve(ticket, plan, by, "Done", None, None, None, at)

    act = Act("resolve", step)
    with pytest.raises(MacroRefused):
        macros.whole(life.ticket, life.plan, MEI_OF_STAFF, [act], life.clock.now(), _no_identity)


def _no_identity(*given: Any) -> None:
    """The plan asks for no verified identity."""


@pytest.mark.parametrize("outcome", ["not_completed_by_customer", "not_possible"])
def test_request_that_is_not_done_is_resolved_with_an_outcome_that_says_so(outcome: str) -> None:
    life = resolve(Life().request().reply(), outcome)
    assert life.ticket.resolution is not None
    assert (life.ticket.state, life.ticket.resolution.outcome) == (State.RESOLVED, outcome)
    assert life.events[-1].data["text"] == "It is done", "the customer is told"
    life.dispute().reply()
    assert resolution(life) is ClockState.PAUSED, "the items are still missing"


@pytest.mark.parametrize("kind", ["complaint", "inquiry"])
def test_outcome_of_a_request_is_refused_on_other_tickets(kind: str) -> None:
    life = Life().open(kind).assign()
    at = life.clock.now()
    with pytest.raises(InvalidInput) as refused:
        by_staff.resolve(life.ticket, life.plan, MEI, "Done", "not_possible", "none", "none", at)
    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [
        ("/outcome", "not_of_kind")
    ]


# ------------------------------------------------------------------------- rights, conflicts


def test_can_names_what_is_possible_on_an_item_now() -> None:
    acts = {"accept_item", "reject_item", "finish_step", "tell_obstacle"}

    def can(life: Life) -> set[str]:
        return acts & set(access.can(MEI_OF_STAFF, life.ticket))

    life = Life().request()
    assert can(life) == {"accept_item", "finish_step", "tell_obstacle"}
    assert can(life.send_item()) == acts
    assert can(finished(life)) == {"reject_item"}
    assert can(Life().open("service_request").assign()) == set()


def test_acts_on_different_items_do_not_conflict_and_acts_on_the_same_one_do() -> None:
    life = Life().request().send_item().answer_item()
    read = life.ticket.version
    life.accept_item()

    def stale(act: str, change: Any) -> bool:
        try:
            since = life.events[read:]
            conflicts.require_current(life.ticket, read, [act], lambda: since, change)
        except VersionConflict:
            return True
        return False

    now, plan, at = life.ticket, life.plan, life.clock.now()
    other = checklists.reject(now, plan, LIN, "new_details", "Which house number?", at)
    same = checklists.reject(now, plan, LIN, "identity", "It cannot be read", at)
    assert not stale("reject_item", other)
    assert stale("reject_item", same)
    assert not stale("reply", None), "an accepted item does not make the words of a reply wrong"
    life.reject_item("new_details")
    assert stale("reply", None)


def test_snapshot_keeps_the_items_and_is_read_as_it_was_written() -> None:
    life = finished(Life(plan=plan_1()).request().reply()).reject_item()
    assert items.ticket_of(items.snapshot_doc(life.ticket)) == life.ticket
