"""Tests of macros as a rule: several changes of one ticket, made as one or not at all."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.base.errors import (
    Fault,
    Forbidden,
    IdentityNeeded,
    InvalidInput,
    MacroRefused,
    RedressError,
    Unchanged,
)
from redress.base.people import Member, Role
from redress.scores.rules.facts import facts_of
from redress.tickets.rules import access, macros
from redress.tickets.rules import fold as folding
from redress.tickets.rules.change import Change
from redress.tickets.rules.macros import Act
from redress.tickets.rules.steps import by_staff
from redress.tickets.rules.ticket import EventType, State
from tests.builders import Life, life_at

MEI = Member("a-mei", "mei", "mei@example.com", Role.AGENT, "complaints", ("en",), 2)
JUN = Member("a-jun", "jun", "jun@example.com", Role.AGENT, "complaints", ("en",), 2)

REPLY = Act("reply", partial(by_staff.reply, text="On it.", wait_for_customer=False))
ASK = Act("reply", partial(by_staff.reply, text="Which?", wait_for_customer=True))
NOTE = Act("note", partial(by_staff.note, text="The same batch."))
TAG = Act("set_tags", partial(by_staff.set_tags, given=["kettle"]))
HOLD = Act("hold", partial(by_staff.hold, reason="part", text="It is on its way."))
RELEASE = Act("release", by_staff.release)
TO_QUEUE = Act("reassign", partial(by_staff.reassign, to=None, team=None, why="too much"))
DONE: dict[str, Any] = {"text": "Done.", "outcome": "upheld", "remedy": "new", "root_cause": "seal"}
RESOLVE = Act("resolve", partial(by_staff.resolve, **DONE))
NOTHING: dict[str, Any] = dict.fromkeys(DONE, None) | {"text": "Done."}
BARE = Act("resolve", partial(by_staff.resolve, **NOTHING))
ACTS = (REPLY, ASK, NOTE, TAG, HOLD, RELEASE, TO_QUEUE, RESOLVE, BARE)


def no_identity_needed(*_: Any) -> None:
    return None


def whole(
    life: Life, *acts: Act, by: Member = MEI, identity: Callable[..., None] = no_identity_needed
) -> Change:
    return macros.whole(life.ticket, life.plan, by, acts, life.clock.now(), identity)


def refused(life: Life, *acts: Act, **given: Any) -> list[tuple[str, str]]:
    with pytest.raises(MacroRefused) as error:
        whole(life, *acts, **given)
    return [(one.pointer, one.code) for one in error.value.faults]


def mine(state: State = State.NEW) -> Life:
    life = life_at(state)
    return life if life.ticket.assignee == MEI.id else life.assign(MEI.id)


def test_acts_are_decided_on_the_ticket_that_the_act_before_left() -> None:
    life = mine()
    change = whole(life, REPLY, HOLD, TAG)  # a new ticket alone cannot be put on hold
    types = [event.type for event in change.events]
    assert types == [EventType.REPLIED, EventType.HELD, EventType.TAGGED]
    first = life.ticket.version + 1
    assert [event.number for event in change.events] == [first, first + 1, first + 2]
    assert change.before == life.ticket
    assert (change.after.state, change.after.on_hold, change.after.tags) == (
        State.OPEN,
        "part",
        ("kettle",),
    )
    assert folding.fold([*life.events, *change.events], life.plan) == change.after


def test_every_refused_act_is_named_and_nothing_is_made() -> None:
    assert refused(mine(), TAG, RELEASE, BARE) == [
        ("/acts/1", "not_allowed_now"),
        ("/acts/2/outcome", "required"),
        ("/acts/2/remedy", "required"),
        ("/acts/2/root_cause", "required"),
    ]


def test_a_closed_ticket_refuses_every_act_of_a_macro_but_a_note() -> None:
    life = life_at(State.CLOSED)
    assert life.ticket.assignee == MEI.id
    assert refused(life, NOTE, REPLY, TAG, RESOLVE) == [
        (f"/acts/{index}", "not_allowed_now") for index in (1, 2, 3)
    ]


def test_a_macro_does_not_close_past_a_rule() -> None:
    """Story 13: a macro closed past the checklist (zammad 5774)."""
    life = mine()
    assert {pointer for pointer, _ in refused(life, REPLY, BARE)} == {
        "/acts/1/outcome",
        "/acts/1/remedy",
        "/acts/1/root_cause",
    }


def test_an_act_that_only_the_refused_one_would_allow_is_not_reported() -> None:
    def wrong(*_: Any, **__: Any) -> Change:
        raise InvalidInput([Fault("/text", "refused_word", "a word")])

    life = mine()
    assert refused(life, Act("reply", wrong), HOLD) == [("/acts/0/text", "refused_word")]
    assert refused(life, Act("set_tags", wrong), HOLD) == [
        ("/acts/0/text", "refused_word"),
        ("/acts/1", "not_allowed_now"),
    ]


def test_an_agent_who_has_given_the_ticket_away_does_nothing_more_with_it() -> None:
    life = mine()
    assert refused(life, TO_QUEUE, REPLY) == [("/acts/1", "forbidden")]
    assert len(whole(life, TO_QUEUE, NOTE).events) == 2  # whoever sees a ticket may add a note
    assert refused(life, REPLY, NOTE, by=JUN) == [("/acts/0", "forbidden")]


def test_an_act_without_effect_is_left_out() -> None:
    life = mine().tag("kettle")
    assert [event.type for event in whole(life, TAG, REPLY).events] == [EventType.REPLIED]
    with pytest.raises(Unchanged):
        whole(life, TAG)


def test_an_act_that_needs_a_verified_identity_is_refused_like_the_single_one() -> None:
    def identity(ticket: Any, plan: Any, act: str, at: Any) -> None:
        if act == "resolve":
            raise IdentityNeeded("verify first")

    assert refused(mine(), REPLY, RESOLVE, identity=identity) == [("/acts/1", "identity_needed")]


def test_a_macro_names_itself_in_each_of_its_events() -> None:
    change = macros.marked(whole(mine(), REPLY, TAG), {"macro": "ask"})
    assert [event.data["macro"] for event in change.events] == ["ask", "ask"]
    assert change.events[0].data["text"] == "On it."


def test_promises_of_a_macro_count_as_if_its_acts_were_made_alone() -> None:
    life = mine()
    alone = mine()
    for act in (REPLY, RESOLVE):
        alone.take(act.step(alone.ticket, alone.plan, by=MEI.actor, at=alone.clock.now()))
    together = whole(life, REPLY, RESOLVE)
    expected = {fact.name: fact for change in alone.changes[-2:] for fact in facts_of(change)}
    assert {fact.name: fact for fact in facts_of(together)} == expected
    assert together.after.clocks == alone.ticket.clocks


@given(st.lists(st.sampled_from(ACTS), min_size=1, max_size=6), st.sampled_from(list(State)))
def test_a_macro_does_what_its_acts_do_one_after_the_other_or_nothing(
    acts: list[Act], state: State
) -> None:
    """It is refused if and only if one of its acts alone would be refused in its turn."""
    life, alone = life_at(state), life_at(state)
    fails = False
    for act in acts:
        try:
            if not access.may_make(MEI, alone.ticket, act.name):
                raise Forbidden("not yours")
            alone.take(act.step(alone.ticket, alone.plan, by=MEI.actor, at=alone.clock.now()))
        except Unchanged:
            continue
        except RedressError:
            fails = True
            break
    if fails:
        assert refused(life, *acts)
    elif alone.ticket == life.ticket:
        with pytest.raises(Unchanged):
            whole(life, *acts)
    else:
        assert whole(life, *acts).after == alone.ticket
