"""Macros: which a member may apply, and that one is done whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from redress.base.languages import LANGUAGES
from redress.mail.outgoing.messages import MailJob
from redress.tickets.rules.steps import by_customer, by_staff
from redress.tickets.rules.ticket import EventType, State
from redress.tickets.store.tickets import TicketStore
from redress.wiring import stores as wired_stores
from redress.workflow.subscribers import messages_after
from tests.builders import BY_PHONE, MEI, plan_document
from tests.functions.staff.api import Api, Reply
from tests.world import Act, Opener, Stores

LABEL = dict.fromkeys(LANGUAGES, "A macro")
TEXT = {"zh-CN": "我们正在处理。", "zh-TW": "我們正在處理。", "en": "We are on it."}


@pytest.fixture
def publish(stores: Stores) -> Callable[..., None]:
    """Publishes plan 2: plan 1 with these macros, by name."""

    def macros(*, roles: Any = None, **acts: list[dict[str, Any]]) -> None:
        role = {} if roles is None else {"roles": roles}
        entries = [
            {"name": name, "label": LABEL, "acts": done, **role} for name, done in acts.items()
        ]
        document = plan_document() | {"version": 2, "macros": entries}
        stores.plan_store.publish(document, 2, 1)
        wired_stores.plans().refresh()

    return macros


def apply(api: Api, name: str, number: str, by: str = "mei", **body: Any) -> Reply:
    return api("macro", by, number=number, macro=name, body=body)


def test_list_has_the_macros_of_the_callers_role_with_their_labels(
    api: Api, publish: Callable[..., None]
) -> None:
    found = api("macros", "mei").body["items"]
    assert found[0]["name"] == "ask_for_photo"
    assert set(found[0]["label"]) == set(LANGUAGES)
    assert [act["act"] for act in found[0]["acts"]] == ["reply", "set_tags"]
    publish(roles=["supervisor"], escalate=[{"act": "release"}])
    assert api("macros", "mei").body["items"] == []
    assert [one["name"] for one in api("macros", "lin").body["items"]] == ["escalate"]


def test_macro_is_one_change_in_the_language_of_the_ticket(
    api: Api, open_ticket: Opener, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = open_ticket(agent="a-mei", language="zh-TW")
    commits: list[Any] = []
    commit = TicketStore.commit

    def counted(*given: Any) -> None:
        commits.append(given)
        commit(*given)

    monkeypatch.setattr(TicketStore, "commit", counted)
    found = apply(api, "ask_for_photo", ticket.number, version=ticket.version)
    assert found.status == 200
    assert len(commits) == 1
    assert found.body["ticket"]["version"] == ticket.version + 2
    assert (found.body["ticket"]["state"], found.body["ticket"]["tags"]) == ("waiting", ["photo"])
    replied, tagged = stores.tickets.history(ticket.number)[-2:]
    assert (replied.type, tagged.type) == (EventType.REPLIED, EventType.TAGGED)
    assert "儘快處理" in replied.data["text"]
    assert replied.data["macro"] == tagged.data["macro"] == "ask_for_photo"
    assert replied.at == tagged.at
    assert [event["number"] for event in found.body["events"]] == [replied.number, tagged.number]


def test_dry_run_says_what_would_happen_and_writes_nothing(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    found = apply(api, "ask_for_photo", ticket.number, version=ticket.version, dry_run=True)
    assert (found.status, found.body["dry_run"]) == (200, True)
    assert found.body["ticket"]["state"] == "waiting"
    assert [event["type"] for event in found.body["events"]] == ["replied", "tagged"]
    assert stores.tickets.get(ticket.number) == ticket
    done = apply(api, "ask_for_photo", ticket.number, version=ticket.version)
    assert (done.status, done.body["dry_run"]) == (200, False)


@pytest.mark.parametrize("dry_run", [False, True])
def test_macro_half_of_whose_acts_are_refused_writes_nothing_and_names_them_all(
    api: Api, publish: Callable[..., None], open_ticket: Opener, stores: Stores, dry_run: bool
) -> None:
    done = [
        {"act": "reply", "text": TEXT},
        {"act": "release"},
        {"act": "set_tags", "add": ["kettle"]},
        {"act": "resolve", "text": TEXT, "outcome": "upheld"},
    ]
    publish(close=done)
    ticket = open_ticket(agent="a-mei")
    found = apply(api, "close", ticket.number, version=ticket.version, dry_run=dry_run)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:macro-refused")
    assert found.codes == {
        "/acts/1": "not_allowed_now",
        "/acts/3/remedy": "required",
        "/acts/3/root_cause": "required",
    }
    assert "reply" in found.body["can"]
    assert "release" not in found.body["can"]
    assert stores.tickets.get(ticket.number) == ticket


def test_word_that_the_plan_of_the_ticket_refuses_refuses_the_macro(
    api: Api, stores: Stores, open_ticket: Opener
) -> None:
    """The texts of a plan are checked when it is published; an older ticket has another plan."""
    rude = {
        "severity": "refuse",
        "words": {"zh-CN": ["正在"], "zh-TW": [], "en": []},
        "instead": TEXT,
    }
    lists = plan_document() | {"version": 2, "wording": {"rude": rude}}
    stores.plan_store.publish(lists, 2, 1)
    wired_stores.plans().refresh()
    stores.plans.refresh()
    ticket = open_ticket(agent="a-mei")
    assert ticket.plan_version == 2
    macro = {"name": "reply", "label": LABEL, "acts": [{"act": "reply", "text": TEXT}]}
    stores.plan_store.publish(plan_document() | {"version": 3, "macros": [macro]}, 3, 2)
    wired_stores.plans().refresh()
    found = apply(api, "reply", ticket.number, version=ticket.version)
    assert (found.status, found.codes) == (409, {"/acts/0/text": "refused_word"})


def test_macro_of_another_role_is_forbidden_and_an_unknown_one_is_not_there(
    api: Api, publish: Callable[..., None], open_ticket: Opener
) -> None:
    publish(roles="manager", thank=[{"act": "note", "text": TEXT}])
    ticket = open_ticket(agent="a-mei")
    assert apply(api, "thank", ticket.number, version=ticket.version).status == 403
    assert apply(api, "thank", ticket.number, by="wei", version=ticket.version).status == 200
    for name in ("ask_for_photo", "UPPER", "x" * 2_000):
        assert apply(api, name, ticket.number, version=ticket.version).status == 404


def test_macro_with_notes_only_is_for_everybody_who_sees_the_ticket(
    api: Api, publish: Callable[..., None], open_ticket: Opener
) -> None:
    publish(note=[{"act": "note", "text": TEXT}], reply=[{"act": "reply", "text": TEXT}])
    ticket = open_ticket(agent="a-mei")
    assert apply(api, "note", ticket.number, by="jun", version=ticket.version).status == 200
    assert apply(api, "reply", ticket.number, by="jun", version=ticket.version).status == 403


def test_second_of_two_macros_for_one_version_gets_a_conflict(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    assert apply(api, "ask_for_photo", ticket.number, version=ticket.version).status == 200
    found = apply(api, "ask_for_photo", ticket.number, version=ticket.version)
    assert (found.status, found.body["type"]) == (409, "urn:redress:problem:version-conflict")
    replies = [e for e in stores.tickets.history(ticket.number) if e.type is EventType.REPLIED]
    assert len(replies) == 1


def test_customer_who_writes_during_a_macro_stops_all_of_it(
    api: Api, open_ticket: Opener, stores: Stores, act: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = open_ticket(agent="a-mei")
    commit = TicketStore.commit

    def commit_afterwards(store: TicketStore, *given: Any) -> None:
        monkeypatch.setattr(TicketStore, "commit", commit)
        act(ticket, by_customer.write, "One thing more.")
        commit(store, *given)

    monkeypatch.setattr(TicketStore, "commit", commit_afterwards)
    found = apply(api, "ask_for_photo", ticket.number, version=ticket.version)
    assert (found.status, found.body["current_version"]) == (409, ticket.version + 1)
    assert stores.tickets.get(ticket.number).tags == ()


def test_macro_that_changes_nothing_says_so(
    api: Api, publish: Callable[..., None], open_ticket: Opener, act: Act
) -> None:
    publish(tag=[{"act": "set_tags", "add": ["ＶＩＰ"], "remove": ["new"]}])
    ticket = act(open_ticket(agent="a-mei"), by_staff.set_tags, MEI, ["vip"])
    found = apply(api, "tag", ticket.number, version=ticket.version)
    assert (found.status, found.codes) == (422, {"": "same_ticket"})


def test_macro_hands_a_ticket_to_another_team_as_its_last_act(
    api: Api, publish: Callable[..., None], open_ticket: Opener, stores: Stores
) -> None:
    publish(order=[{"act": "tell_progress", "text": TEXT}, {"act": "reassign", "team": "service"}])
    ticket = open_ticket(agent="a-mei")
    load = stores.staff.availability("a-mei").load
    found = apply(api, "order", ticket.number, version=ticket.version)
    assert found.status == 200
    after = stores.tickets.get(ticket.number)
    assert (after.assignee, after.team) == (None, "service")
    assert stores.staff.availability("a-mei").load == load - 1
    assert found.body["events"][-1]["data"]["why"] == "macro order"


def test_team_that_has_nobody_refuses_the_macro(
    api: Api, publish: Callable[..., None], open_ticket: Opener, stores: Stores
) -> None:
    document = plan_document() | {"version": 2}
    document["overrides"].append({"when": {"customer_type": ["vip"]}, "team": "moon"})
    acts = [{"act": "note", "text": TEXT}, {"act": "reassign", "team": "moon"}]
    document["macros"] = [{"name": "moon", "label": LABEL, "acts": acts}]
    stores.plan_store.publish(document, 2, 1)
    wired_stores.plans().refresh()
    ticket = open_ticket(agent="a-mei")
    found = apply(api, "moon", ticket.number, version=ticket.version)
    assert (found.status, found.codes) == (409, {"/acts/1/team": "unknown_team"})


def test_mails_of_a_macro_are_those_of_its_public_texts(
    api: Api, publish: Callable[..., None], open_ticket: Opener, stores: Stores
) -> None:
    publish(
        thank=[
            {"act": "note", "text": TEXT},
            {"act": "set_tags", "add": ["thanked"]},
            {"act": "resolve", "text": TEXT, "outcome": "upheld", "remedy": "r", "root_cause": "c"},
        ]
    )
    ticket = open_ticket(agent="a-mei")
    assert apply(api, "thank", ticket.number, version=ticket.version).status == 200
    events = stores.tickets.history(ticket.number)[ticket.version :]
    jobs = [m for e in events for m in messages_after(ticket.number, e) if isinstance(m, MailJob)]
    assert [(job.template, job.audience) for job in jobs] == [("resolution", "customer")]
    assert stores.tickets.get(ticket.number).state is State.RESOLVED


def test_timer_after_a_macro_is_that_of_the_ticket_after_its_last_act(
    api: Api, publish: Callable[..., None], open_ticket: Opener, stores: Stores
) -> None:
    """The ticket passes two phases in one change, and the workflow is woken once."""
    done = {"act": "resolve", "text": TEXT, "outcome": "upheld", "remedy": "r", "root_cause": "c"}
    publish(answer=[{"act": "reply", "text": TEXT}, done])
    ticket = open_ticket(agent="a-mei")
    before = stores.timers.get(ticket.number)
    assert apply(api, "answer", ticket.number, version=ticket.version).status == 200
    after, timer = stores.tickets.get(ticket.number), stores.timers.get(ticket.number)
    assert (timer.phase, timer.seq) == (after.phase, before.seq + 1)
    assert timer.awake_since is not None


@pytest.mark.parametrize("dry_run", [True, False])
def test_macro_says_which_promises_are_later_and_who_tells_the_customer(
    api: Api, open_ticket: Opener, publish: Callable[..., None], dry_run: bool
) -> None:
    publish(praise=[{"act": "reclassify", "kind": "feedback"}])
    ticket = open_ticket(agent="a-mei", contact=BY_PHONE)
    found = apply(api, "praise", ticket.number, version=ticket.version, dry_run=dry_run)
    assert found.status == 200
    later = found.body["ticket"]["lengthened"]
    assert later["told_by"] == "staff"
    assert "resolution" in {one["clock"] for one in later["promises"]}
