"""`can`: what the reader of a ticket may do with it now."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redress.base.errors import NotAllowedNow
from redress.base.people import Role
from redress.tickets.rules import access, checklist
from redress.tickets.rules.steps import by_customer
from redress.tickets.rules.ticket import State, Ticket
from tests.examples import TIMES
from tests.functions.conftest import MEMBERS
from tests.functions.staff.api import CHANGES, Api, Reply
from tests.world import Opener, Stores

DONE = {"text": "Done.", "outcome": "upheld", "remedy": "new", "root_cause": "seal"}

CONTENT: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "reply": ("reply", [{"text": "On it."}, {"text": "Which?", "wait_for_customer": True}]),
    "note": ("note", [{"text": "The same batch."}]),
    "tell_progress": ("progress", [{"text": "We are looking."}]),
    "resolve": ("resolution", [DONE]),
    "record_callback": (
        "callback",
        [{"outcome": "no_answer"}, {"outcome": "dissatisfied", "text": "Still broken."}],
    ),
    "reassign": ("assignment", [{"agent": None, "reason": "too much"}]),
    "accept": ("accepting", [{}]),
    "decline": ("declining", [{"reason": "I know nothing about pumps"}]),
    "reclassify": (
        "classification",
        [
            {"urgency": "low", "impact": "low", "reason": "small"},
            {"urgency": "high", "impact": "high", "reason": "large"},
        ],
    ),
    "correct_match": ("ticket-customer", [{"customer": None, "reason": "a shared address"}]),
    "set_tags": ("tags", [{"tags": ["kettle"]}]),
    "set_fields": ("fields", [{"fields": {"serial_number": "KX-1"}}, {"fields": {}}]),
    "promise": ("promise", [{"by": "2026-11-29T10:00:00+08:00", "text": "By Sunday."}]),
    "set_participants": ("participants", [{"participants": ["wang.wei@example.com"]}]),
    "set_about": ("about", [{"members": ["a-tao"], "reason": "named"}]),
    "set_mentions": ("mentions-end", [{"members": [], "reason": "He has answered"}]),
    "remind": (
        "reminder",
        [{"agent": one, "text": "Call her."} for one in ("a-mei", "a-jun", "s-lin", "m-wei")],
    ),
    "open_task": (
        "task-opening",
        [{"team": "service", "title": "A spare seal?", "text": "Is there one?"}],
    ),
    "accept_item": ("item-acceptance", [{"text": "It came by post."}]),
    "reject_item": ("item-rejection", [{"text": "The name cannot be read."}]),
    "finish_step": ("step-result", [{"text": "It is changed."}]),
    "tell_obstacle": ("obstacle", [{"text": "It is closed today.", "who": "third_party"}]),
    "propose_remedy": ("remedy-proposal", [CHANGES["remedy-proposal"]]),
    "approve_remedy": ("remedy-approval", [{}]),
    "refuse_remedy": ("remedy-refusal", [{"reason": "A spare part came in."}]),
    "withdraw_remedy": (
        "remedy-withdrawal",
        [{"reason": "They want a new one."}, {"reason": "So they said", "text": "我们换新。"}],
    ),
    "finish_remedy": ("remedy-completion", [{"proof": "Transfer 0113"}]),
    "write_post_mortem": ("post-mortem", [CHANGES["post-mortem"]]),
    "accept_mail": ("acceptance", [{}]),
    "link": ("linking", [{"kind": "related", "reason": "the same batch"}]),
    "unlink": ("unlinking", [{"kind": "related", "reason": "another one"}]),
    "merge_ticket": ("merging", [{"into_version": 1, "reason": "the same kettle"}]),
    "unmerge_ticket": ("unmerging", [{"reason": "another kettle"}]),
    "split_ticket": ("splitting", [CHANGES["splitting"]]),
    "unsplit_ticket": ("unsplitting", [{"reason": "the same matter"}]),
    "dismiss_duplicate": ("duplicate-dismissal", [{"reason": "two kettles"}]),
    "join_incident": ("incident-joining", [{"reason": "the same seal"}]),
    "leave_incident": ("incident-leaving", [{"reason": "another kettle"}]),
    "count_message": ("counting", [{}]),
    "hold": ("hold", [{"reason": "part", "text": "The pump is on its way."}]),
    "release": ("release", [{}]),
    "correct": (
        "correction",
        [
            {"clock": clock, "at": "2026-11-23T09:00:00+08:00", "reason": "called"}
            for clock in ("first_response", "next_reply", "reaction")
        ],
    ),
    "move_to_plan": ("plan-move", [{"plan_version": 1, "reason": "as promised"}]),
}
"""An action -> its sample event, and contents that together meet every step of the action."""


def not_allowed(found: Reply) -> bool:
    """Whether an answer says that the caller may not do this, or not in this state."""
    return found.status == 403 or (
        found.status == 409 and found.body["type"] == "urn:redress:problem:not-allowed-now"
    )


def test_actions_are_the_changes_of_the_api_with_the_roles_of_their_routes(api: Api) -> None:
    changes = {
        route.run.__name__: {role.value for role in route.roles}
        for (method, path), route in api.module.ROUTES.items()
        if path.startswith("/staff/tickets/{number}/")
        and method != "GET"
        # Whoever sees a ticket may send a file. It is part of the ticket once a message names it.
        and "/files" not in path
        # Who has a ticket open, and a text before it is sent, change nothing of it.
        and not path.endswith(("/presence", "/draft"))
        and "/macros/" not in path  # a macro makes several changes
    }
    assert set(changes) == set(access.ACTIONS) == set(CONTENT)
    leaders = {name for name, roles in changes.items() if "agent" not in roles}
    assert leaders == set(access.LEADERS_ONLY)


def ways(stores: Stores, api: Api) -> dict[str, Callable[[Ticket], Any]]:
    """Ways to change a ticket; each leads to another state, if it is possible."""

    def as_mei(name: str, **body: Any) -> Callable[[Ticket], Any]:
        def send(ticket: Ticket) -> None:
            api(name, "wei", number=ticket.number, body={"version": ticket.version, **body})

        return send

    def customer(step: Callable[..., Any], *given: Any) -> Callable[[Ticket], Any]:
        def act(ticket: Ticket) -> None:
            with contextlib.suppress(NotAllowedNow):
                stores.changes.change(ticket.number, lambda t, p, at: step(t, p, *given, at))

        return act

    return {
        "reply": as_mei("reply", text="We are on it."),
        "ask": as_mei("reply", text="Which one?", wait_for_customer=True),
        "hold": as_mei("hold", reason="part", text="The pump is on its way."),
        "release": as_mei("release"),
        "resolve": as_mei("resolution", **DONE),
        "dissatisfied": as_mei("callback", outcome="dissatisfied", text="Still broken."),
        "no answer": as_mei("callback", outcome="no_answer"),
        "write": customer(by_customer.write, "It got worse."),
        "withdraw": customer(by_customer.withdraw, ""),
        "confirm": customer(by_customer.confirm, MEMBERS["mei"].actor),
        "queue": as_mei("assignment", agent=None, reason="too much"),
    }


OF_A_PART = (
    *checklist.POSSIBLE,
    *("approve_remedy", "refuse_remedy", "withdraw_remedy", "finish_remedy"),
)
"""Actions on a part that the ticket must have (test_checklists.py, test_remedies.py)."""

WAYS = (
    "reply",
    "ask",
    "hold",
    "release",
    "resolve",
    "dissatisfied",
    "no answer",
    "write",
    "withdraw",
    "confirm",
    "queue",
)


def answers(
    api: Api, name: str, by: str, ticket: Ticket, event: int, other: str
) -> Iterator[Reply]:
    """The answers to an action, one for each content. Each is asked of the same ticket.

    `event` is the number of the event that logs a stranger's mail. The customer's thanks follow it.
    """
    sample, contents = CONTENT[name]
    if name == "count_message":
        contents = [{"event": event + 1}]
    if name in ("link", "unlink", "unsplit_ticket", "dismiss_duplicate"):
        contents = [one | {"ticket": other} for one in contents]
    if name == "merge_ticket":
        contents = [one | {"into": other} for one in contents]
    if name == "join_incident":
        declared = api("incident-declaration", "wei")
        contents = [one | {"incident": declared.body["id"]} for one in contents]
    for content in contents:
        version = {} if name in ("note", "remind") else {"version": ticket.version}
        own = {"Idempotency-Key": ticket.number} if name == "split_ticket" else {}
        path = {"number": ticket.number, "event": str(event)}
        found = api(sample, by, **path, headers=own, body=content | version)
        yield found
        if found.status in (200, 201):
            return  # the ticket has changed


@settings(
    max_examples=30 * TIMES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    path=st.lists(st.sampled_from(WAYS), max_size=5),
    by=st.sampled_from(["mei", "jun", "lin", "wei", "hua"]),
    name=st.sampled_from(sorted(set(CONTENT) - set(OF_A_PART))),
)
def test_action_is_possible_if_and_only_if_it_is_in_can(
    api: Api,
    noted: Callable[..., Ticket],
    open_ticket: Opener,
    stores: Stores,
    path: list[str],
    by: str,
    name: str,
) -> None:
    opened = open_ticket("complaint", agent=None).number
    noted_on = stores.changes.change(
        opened, lambda t, p, at: by_customer.write(t, p, "It leaks", at)
    )
    ticket = noted(ticket=noted_on)
    number, event = ticket.number, ticket.version
    ticket = stores.changes.change(number, lambda t, p, at: by_customer.write(t, p, "谢谢", at))
    other = open_ticket("complaint", agent=None).number
    taken = api(
        "assignment",
        "wei",
        number=number,
        body={"version": ticket.version, "agent": "a-mei", "reason": "hers"},
    )
    assert taken.status in (200, 409)  # she may have no room for one more
    for way in path:
        ways(stores, api)[way](stores.tickets.get(number))
    ticket = stores.tickets.get(number)
    read = api("ticket", by, number=number)
    if MEMBERS[by].name == "hua":
        assert read.status == 404
        return
    assert read.body["can"] == access.can(MEMBERS[by], ticket)
    found = list(answers(api, name, by, ticket, event, other))
    if name in read.body["can"]:
        assert not all(map(not_allowed, found)), [one.body for one in found]
        assert 403 not in {one.status for one in found}
    else:
        assert all(map(not_allowed, found)), [one.body for one in found]
        of_role = name in access.LEADERS_ONLY and MEMBERS[by].role is Role.AGENT
        instead = None if of_role else read.body["can"]
        assert [one.body.get("can") for one in found] == [instead] * len(found)


def test_answer_of_a_change_and_lists_say_what_the_reader_can_do(
    api: Api, open_ticket: Opener
) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "reason": "part", "text": "It is on its way."}
    assert api("hold", "mei", number=ticket.number, body=body).status == 409  # it is new
    reply = {"version": ticket.version, "text": "We are on it."}
    answered = api("reply", "mei", number=ticket.number, body=reply).body
    assert "hold" in answered["can"]
    assert "release" not in answered["can"]
    held = api("hold", "mei", number=ticket.number, body=body | {"version": answered["version"]})
    assert {"hold", "release"} <= set(held.body["can"])
    assert not {"correct", "move_to_plan", "record_callback"} & set(held.body["can"])
    [line] = api("work", "mei", query={}).body["items"]
    assert line["can"] == held.body["can"]
    assert api("ticket", "jun", number=ticket.number).body["can"] == ["note"]
    assert "correct" in api("ticket", "lin", number=ticket.number).body["can"]
    away = {"version": held.body["version"], "agent": None, "team": "service", "reason": "theirs"}
    gone = api("assignment", "mei", number=ticket.number, body=away)
    assert (gone.status, gone.body["can"]) == (200, [])


def test_closed_ticket_takes_only_notes_and_what_it_belongs_to(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    stores.changes.change(ticket.number, lambda t, p, at: by_customer.withdraw(t, p, "", at))
    found = api("ticket", "wei", number=ticket.number).body
    assert (found["state"], found["can"]) == (
        State.CLOSED,
        ["correct_match", "join_incident", "link", "note", "set_about", "unlink"],
    )


def test_refusal_says_what_the_caller_can_do_instead(
    api: Api, open_ticket: Opener, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    body = {"version": ticket.version, "text": "We are on it."}
    not_yours = api("reply", "jun", number=ticket.number, body=body)
    assert (not_yours.status, not_yours.body["can"]) == (403, ["note"])
    too_early = api("hold", "mei", number=ticket.number, body=body | {"reason": "part"})
    now = api("ticket", "mei", number=ticket.number).body["can"]
    assert (too_early.status, too_early.body["can"]) == (409, now)
    assert api("reply", "lin", number=ticket.number, body=body).status == 200
    late = api("reply", "mei", number=ticket.number, body=body)
    now = api("ticket", "mei", number=ticket.number).body["can"]
    assert (late.body["type"], late.body["can"]) == ("urn:redress:problem:version-conflict", now)
    assert "hold" in now
    full = {"version": late.body["current_version"], "agent": "a-jun", "reason": "free"}
    api("presence", "jun", body={"presence": "away"})
    away = api("assignment", "mei", number=ticket.number, body=full)
    assert (away.body["type"], away.body["can"]) == ("urn:redress:problem:agent-not-free", now)


def test_refusal_of_role_content_or_sight_says_nothing_of_what_is_possible(
    api: Api, open_ticket: Opener
) -> None:
    number = open_ticket(agent="a-mei").number
    for found in (
        api("correction", "mei", number=number),
        api("reply", "mei", number=number, body={"version": 1}),
        api("reply", "tao", number=number),
    ):
        assert found.status in (403, 404, 422)
        assert "can" not in found.body
