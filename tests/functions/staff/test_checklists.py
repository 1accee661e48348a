"""The checklist of a service request in the staff API: who decides, and what is told to whom."""

from __future__ import annotations

from copy import replace
from typing import Any

import pytest

from redress.base.people import CUSTOMER
from redress.plans.rules.document import parse
from redress.tickets.rules.attached import Attached, FileState
from redress.tickets.rules.steps import by_customer, by_staff, by_system, checklists
from redress.tickets.rules.ticket import EventType, Ticket
from redress.wiring import stores as wired_stores
from tests.builders import BY_PHONE, Clock, plan_document
from tests.functions.conftest import MEMBERS
from tests.functions.staff.api import ITEM_ACTS, Api, Reply
from tests.functions.staff.test_rights import about, suspend
from tests.world import Act, Opener, Stores, merge

FILE = "9f86d081884c7d65"
ITEM_OF = {"item-acceptance": "identity", "item-rejection": "new_details", "step-result": "change"}


@pytest.fixture
def request_of_tao(open_ticket: Opener, act: Act, clock: Clock) -> Ticket:
    """A request of the team of service, for which the customer has sent a file and an answer."""
    ticket = open_ticket("service_request", agent="a-tao", category="account/personal_data")
    keep(ticket.number, clock, event=ticket.version + 1)
    sent = [{"id": FILE, "name": "id.jpg", "type": "image/jpeg", "size": 9}]
    act(ticket, checklists.send, "identity", sent)
    return act(ticket, checklists.answer, "new_details", "12 Mill Lane")


def keep(number: str, clock: Clock, state: FileState = FileState.CLEAN, **fields: Any) -> None:
    """Store a file of the ticket, which the customer has sent."""
    file = Attached(FILE, "id.jpg", "image/jpeg", 9, CUSTOMER, clock.now(), state)
    assert wired_stores.attached().put_new(number, replace(file, **fields))


def decide(api: Api, name: str, ticket: Ticket, by: str = "tao", **body: Any) -> Reply:
    """An act on the item that it fits, of the ticket as it is now."""
    id_ = body.pop("id", ITEM_OF.get(name, "change"))
    read = api("ticket", "wei", number=ticket.number).body
    given = {"version": read["version"]} | ITEM_ACTS[name] | body
    return api(name, by, number=ticket.number, id=id_, body=given)


def item(found: Reply, id_: str) -> dict[str, Any]:
    listed: list[dict[str, Any]] = found.body["checklist"]
    return next(one for one in listed if one["id"] == id_)


def test_request_is_followed_to_the_end(
    api: Api, request_of_tao: Ticket, act: Act, stores: Stores
) -> None:
    """H8: materials are explained and checked, obstacles and the result are told."""
    ticket = request_of_tao
    shown = api("ticket", "tao", number=ticket.number)
    assert [(one["id"], one["state"]) for one in shown.body["checklist"]] == [
        ("identity", "given"),
        ("new_details", "given"),
        ("change", "open"),
    ]
    assert item(shown, "identity")["files"] == [FILE]
    assert item(shown, "identity")["text"]["zh-TW"].startswith("能看到您姓名的證件照片")
    accepted = decide(api, "item-acceptance", ticket, text=None)
    assert (accepted.status, item(accepted, "identity")["state"]) == (200, "accepted")
    rejected = decide(api, "item-rejection", ticket, text="Which house number?")
    assert item(rejected, "new_details")["state"] == "rejected"
    act(ticket, checklists.answer, "new_details", "12 Mill Lane, house B")
    assert decide(api, "item-acceptance", ticket, id="new_details", text=None).status == 200
    told = decide(api, "obstacle", ticket)
    assert item(told, "change")["obstacle"] is True
    body = {"text": "Your details are changed.", "version": told.body["version"]}
    early = api("resolution", "tao", number=ticket.number, body=body)
    assert (early.status, early.body["type"]) == (409, "urn:redress:problem:checklist-open")
    assert early.codes == {"/checklist/change": "item_not_settled"}
    done = decide(api, "step-result", ticket)
    assert item(done, "change") | {"event": 0} == item(done, "change") | {
        "state": "done",
        "obstacle": False,
        "event": 0,
    }
    solved = api(
        "resolution", "tao", number=ticket.number, body=body | {"version": done.body["version"]}
    )
    assert (solved.status, solved.body["state"]) == (200, "resolved")


def test_request_that_the_customer_does_not_complete_is_resolved_as_that(
    api: Api, open_ticket: Opener
) -> None:
    ticket = open_ticket("service_request", agent="a-tao", category="payment/invoice")
    body = {
        "version": ticket.version,
        "text": "We have not heard from you for four weeks.",
        "outcome": "not_completed_by_customer",
    }
    found = api("resolution", "tao", number=ticket.number, body=body)
    assert (found.status, found.body["resolution"]["outcome"]) == (200, body["outcome"])
    wrong = open_ticket("inquiry", agent="a-tao")
    refused = api("resolution", "tao", number=wrong.number, body=body | {"version": wrong.version})
    assert refused.codes == {"/outcome": "not_of_kind"}


@pytest.mark.parametrize("name", ITEM_ACTS)
def test_only_who_may_act_on_the_ticket_decides_about_its_items(
    api: Api, request_of_tao: Ticket, stores: Stores, name: str
) -> None:
    for by in ("mei", "lin"):
        assert decide(api, name, request_of_tao, by=by).status == 404, "of another team"
    version = stores.tickets.get(request_of_tao.number).version
    assert version == request_of_tao.version
    assert decide(api, name, request_of_tao, by="hua").status == 200, "their supervisor"


@pytest.mark.parametrize("name", ITEM_ACTS)
def test_whom_a_conflict_of_interest_keeps_from_the_ticket_decides_nothing(
    api: Api, request_of_tao: Ticket, stores: Stores, name: str
) -> None:
    kept = about(stores, request_of_tao, "a-tao", "s-hua")
    for by in ("tao", "hua"):
        body = {"version": kept.version} | ITEM_ACTS[name]
        found = api(name, by, number=kept.number, id=ITEM_OF.get(name, "change"), body=body)
        assert found.status == 404
    assert stores.tickets.get(kept.number).version == kept.version
    assert decide(api, name, kept, by="wei").status == 200


@pytest.mark.parametrize("name", ITEM_ACTS)
def test_suspended_member_decides_nothing(
    api: Api, request_of_tao: Ticket, stores: Stores, clock: Clock, name: str
) -> None:
    body = {"version": request_of_tao.version} | ITEM_ACTS[name]
    suspend(stores, clock, "tao")
    found = api(
        name, "tao", number=request_of_tao.number, id=ITEM_OF.get(name, "change"), body=body
    )
    assert found.status == 403


def test_of_two_who_decide_about_one_item_one_wins_and_the_other_is_told(
    api: Api, request_of_tao: Ticket
) -> None:
    read = {"version": request_of_tao.version}
    number = request_of_tao.number
    first = read | {"text": "It is fine."}
    assert api("item-acceptance", "tao", number=number, id="identity", body=first).status == 200
    late = read | {"text": "It cannot be read."}
    refused = api("item-rejection", "hua", number=number, id="identity", body=late)
    assert (refused.status, refused.body["type"]) == (409, "urn:redress:problem:version-conflict")
    assert [one["type"] for one in refused.body["conflicts"]] == ["item_accepted"]
    other = api("item-rejection", "hua", number=number, id="new_details", body=late)
    assert other.status == 200, "another item does not conflict"


def test_who_has_not_seen_the_latest_file_is_told_before_they_accept(
    api: Api, request_of_tao: Ticket, act: Act
) -> None:
    read = request_of_tao.version
    sent = [{"id": "a" * 16, "name": "back.jpg", "type": "image/jpeg", "size": 9}]
    act(request_of_tao, checklists.send, "identity", sent)
    found = api(
        "item-acceptance",
        "tao",
        number=request_of_tao.number,
        id="identity",
        body={"version": read},
    )
    assert [one["type"] for one in found.body["conflicts"]] == ["item_given"]


def test_words_about_an_item_are_checked_as_every_text_to_the_customer(
    api: Api, request_of_tao: Ticket
) -> None:
    for name in ("item-rejection", "step-result", "obstacle"):
        found = decide(api, name, request_of_tao, text="蠢货")
        assert found.codes == {"/text": "refused_word"}, name
    internal = decide(api, "item-acceptance", request_of_tao, text="蠢货")
    assert internal.status == 200, "only staff read how an item came"


@pytest.mark.parametrize(
    ("state", "event", "body", "expected"),
    [
        (FileState.CLEAN, 3, {"files": [FILE]}, {}),
        (FileState.HELD, 3, {"files": [FILE]}, {"/files/0": "file_not_open"}),
        (FileState.FOUND, 3, {"files": [FILE]}, {"/files/0": "file_not_open"}),
        (FileState.CLEAN, None, {"files": [FILE]}, {"/files/0": "unknown_file"}),
        (FileState.CLEAN, 3, {"files": ["0" * 16]}, {"/files/0": "unknown_file"}),
        (FileState.CLEAN, 3, {"files": [FILE, FILE]}, {"/files/1": "repeated"}),
        (FileState.CLEAN, 3, {}, {"/text": "required"}),
        (FileState.CLEAN, 3, {"text": "By post"}, {}),
    ],
)
def test_item_that_came_by_mail_is_accepted_with_files_that_somebody_could_open(
    api: Api,
    open_ticket: Opener,
    clock: Clock,
    state: FileState,
    event: int | None,
    body: dict[str, Any],
    expected: dict[str, str],
) -> None:
    ticket = open_ticket("service_request", agent="a-tao", category="account/personal_data")
    keep(ticket.number, clock, state, event=event)
    found = decide(api, "item-acceptance", ticket, **({"text": None} | body))
    assert (found.status, found.codes if expected else {}) == (422 if expected else 200, expected)


NOT_OPEN = [FileState.HELD, FileState.FOUND, FileState.WITHDRAWN]
SENT = {"id": FILE, "name": "id.jpg", "type": "image/jpeg", "size": 9}


@pytest.mark.parametrize("state", NOT_OPEN)
def test_material_whose_files_nobody_can_open_is_not_accepted_unseen(
    api: Api, open_ticket: Opener, act: Act, clock: Clock, state: FileState
) -> None:
    ticket = open_ticket("service_request", agent="a-tao", category="account/personal_data")
    keep(ticket.number, clock, state, event=ticket.version + 1)
    act(ticket, checklists.send, "identity", [SENT])
    assert decide(api, "item-acceptance", ticket, text=None).codes == {"/text": "file_not_open"}
    assert decide(api, "item-acceptance", ticket, text="I saw it at the counter").status == 200
    note = decide(api, "item-acceptance", ticket, id="new_details", files=[FILE])
    assert note.codes == {"/files": "no_files"}


@pytest.mark.parametrize("state", [FileState.CLEAN, *NOT_OPEN])
def test_material_that_came_with_a_merge_is_accepted_only_if_a_file_in_the_source_can_be_opened(
    api: Api,
    open_ticket: Opener,
    act: Act,
    clock: Clock,
    stores: Stores,
    state: FileState,
) -> None:
    source, target = (
        open_ticket("service_request", agent="a-tao", category="account/personal_data")
        for _ in range(2)
    )
    keep(source.number, clock, state, event=source.version + 1)
    act(source, checklists.send, "identity", [SENT])
    merge(stores, source.number, target.number, "9f86d081884c7d659a2feaa0")
    shown = item(api("ticket", "tao", number=target.number), "identity")
    assert (shown["state"], shown["files"]) == ("given", [])
    found = decide(api, "item-acceptance", target, text=None)
    if state is FileState.CLEAN:
        assert found.status == 200
        return
    assert found.codes == {"/text": "file_not_open"}
    assert decide(api, "item-acceptance", target, text="I saw it at the counter").status == 200


def test_file_of_the_merged_ticket_counts_no_more_after_the_customer_has_sent_another_one(
    api: Api, open_ticket: Opener, act: Act, clock: Clock, stores: Stores
) -> None:
    source, target = (
        open_ticket("service_request", agent="a-tao", category="account/personal_data")
        for _ in range(2)
    )
    keep(source.number, clock, FileState.CLEAN, event=source.version + 1)
    act(source, checklists.send, "identity", [SENT])
    merge(stores, source.number, target.number, "9f86d081884c7d659a2feaa0")
    assert decide(api, "item-rejection", target, id="identity", text="Illegible").status == 200
    again = stores.tickets.get(target.number)
    keep(target.number, clock, FileState.FOUND, event=again.version + 1)
    act(again, checklists.send, "identity", [SENT])
    found = decide(api, "item-acceptance", target, text=None)
    assert found.codes == {"/text": "file_not_open"}


def test_decision_about_an_item_needs_a_verified_customer_if_the_plan_says_so(
    api: Api, request_of_tao: Ticket, stores: Stores
) -> None:
    document = plan_document() | {"version": 2}
    document["customers"]["verified_for"] = ["reject_item"]
    stores.plan_store.publish(document, 2, 1)
    wei = MEMBERS["wei"].actor
    stores.changes.change(
        request_of_tao.number,
        lambda t, p, at: by_staff.move_to_plan(t, p, parse(document), wei, "so", at),
    )
    refused = decide(api, "item-rejection", request_of_tao)
    assert (refused.status, refused.body["type"]) == (409, "urn:redress:problem:identity-needed")
    assert decide(api, "obstacle", request_of_tao).status == 200


def test_running_request_keeps_its_checklist_when_a_plan_with_another_one_is_published(
    api: Api, request_of_tao: Ticket, stores: Stores, open_ticket: Opener
) -> None:
    document = plan_document() | {"version": 2}
    del document["checklists"]["account/personal_data"][0]
    stores.plan_store.publish(document, 2, 1)
    stores.plans.refresh()
    shown = api("ticket", "tao", number=request_of_tao.number)
    assert [one["id"] for one in shown.body["checklist"]] == ["identity", "new_details", "change"]
    new = open_ticket("service_request", agent="a-tao", category="account/personal_data")
    later = api("ticket", "tao", number=new.number)
    assert [one["id"] for one in later.body["checklist"]] == ["new_details", "change"]


def test_customer_without_an_address_is_sent_no_checklist_and_staff_see_it(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(
        "service_request", agent="a-tao", category="payment/invoice", contact=BY_PHONE
    )
    told = next(
        one for one in stores.tickets.history(ticket.number) if one.type is EventType.CHECKLIST_SET
    )
    assert "to" not in told.data
    assert len(api("ticket", "tao", number=ticket.number).body["checklist"]) == 4


def test_withdrawal_against_an_acceptance_closes_the_request_and_tells_staff(
    api: Api, request_of_tao: Ticket, act: Act
) -> None:
    act(request_of_tao, by_customer.withdraw, "")
    found = decide(api, "item-acceptance", request_of_tao)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:not-allowed-now")
    assert "accept_item" not in found.body["can"]


def test_rules_that_find_the_category_set_the_checklist_of_a_mailed_request(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket("service_request", agent=None)
    found = {"category": "payment/invoice"}
    stores.changes.change(
        ticket.number, lambda t, p, at: by_system.classify(t, p, found, {"category": {}}, at)
    )
    shown = api("ticket", "hua", number=ticket.number)
    assert [one["id"] for one in shown.body["checklist"]] == [
        "title",
        "licence",
        "no_change",
        "issue",
    ]
