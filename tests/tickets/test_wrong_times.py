"""Histories with events whose time is wrong: a machine with a fast or slow clock wrote them.

Versions of Redress before decision 28 wrote such events, and they stay in the table.
"""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from redress.base.errors import InvalidInput, NotAllowedNow
from redress.clocks.rules.clocks import ClockName, Standing
from redress.rehearsals.rules.rehearsal import rehearse
from redress.scores.rules.facts import facts_of
from redress.tickets import explaining
from redress.tickets.rules.explain import explain
from redress.tickets.rules.ticket import next_wake
from tests.builders import BY_MAIL, BY_PHONE, Clock, Life
from tests.examples import examples
from tests.tickets.test_fold import COMMANDS, DAY, HOUR, KINDS_OF_LIFE

AHEAD = st.sampled_from([0, 0, 0, 2 * HOUR, -2 * HOUR, HOUR])
"""By how many seconds the clock of a step's machine is wrong."""
MOVES = st.lists(
    st.tuples(
        st.sampled_from(sorted(COMMANDS)),
        st.one_of(st.integers(0, 2 * HOUR), st.integers(0, 3 * DAY)),
        AHEAD,
    ),
    max_size=12,
)


def lived(kind: str, by_mail: bool, ahead: int, moves: list[tuple[str, int, int]]) -> Life:
    """A life with these steps, each at the time of a machine that is so many seconds ahead."""
    life = Life(Clock())
    life.wait(seconds=ahead).open(kind, contact=BY_MAIL if by_mail else BY_PHONE)
    life.wait(seconds=-ahead)
    for name, seconds, wrong in moves:
        life.wait(seconds=seconds + wrong)
        try:
            COMMANDS[name](life)
        except (NotAllowedNow, InvalidInput):
            continue  # not possible in this state, or at this time
        finally:
            life.wait(seconds=-wrong)
    return life


@given(KINDS_OF_LIFE, AHEAD, MOVES)
@examples(200)
def test_nothing_that_is_measured_over_a_wrong_time_is_negative(
    kind: tuple[str, bool], ahead: int, moves: list[tuple[str, int, int]]
) -> None:
    life = lived(*kind, ahead, moves)
    plans = {change.plan.version: change.plan for change in life.changes}
    first, now = life.changes[0].plan, life.clock.now()
    assert life.folded == life.ticket
    for change in life.changes:
        for fact in facts_of(change):
            numbers = [value for value in fact.value.values() if not isinstance(value, str)]
            assert min(numbers) >= 0, fact
    for clock in life.ticket.clocks.values():
        assert clock.consumed_s >= 0
    for wait in life.ticket.waits:
        assert wait.end is None or wait.begin < wait.end
    for story in explain(life.events, first, plans.__getitem__, now):
        assert min(story.elapsed_s, story.ran_s, story.paused_s) >= 0
        assert all(pause.end is None or pause.begin <= pause.end for pause in story.pauses)
        assert explaining.sentence(story, "en").endswith(".")
    if any(event.at <= now for event in life.events):
        rehearse(life.events, first, plans.__getitem__, first, now)


@given(KINDS_OF_LIFE, AHEAD, MOVES)
@examples(100)
def test_workflow_does_not_wake_for_ever_after_a_wrong_time(
    kind: tuple[str, bool], ahead: int, moves: list[tuple[str, int, int]]
) -> None:
    """Each wake at the next due rung fires that rung, so the workflow comes to an end."""
    life = lived(*kind, ahead, moves)
    for _ in range(100):
        wake = next_wake(life.ticket, life.plan)
        if wake is None:
            return
        version = life.ticket.version
        life.clock.moment = max(life.clock.moment, wake)
        life.wake()
        assert life.ticket.version > version
    raise AssertionError("the workflow wakes without end")


def test_rehearsal_counts_what_followed_an_event_in_the_future() -> None:
    """Only the events after `until` are left out, not those that follow a wrong time."""
    life = Life().open("inquiry").acknowledge()
    life.wait(hours=5).assign().wait(hours=-4).reply()
    now = life.clock.now()
    found = rehearse(life.events, life.plan, {1: life.plan}.__getitem__, life.plan, now)
    assert len(found.real.events) == 4
    assert found.real.ticket.replies == 1


def test_pause_that_begins_in_the_future_is_told() -> None:
    life = Life().open("inquiry").acknowledge().assign()
    life.wait(hours=2).reply(wait_for_customer=True)
    now = life.clock.now() - timedelta(hours=1)
    stories = explain(life.events, life.plan, {1: life.plan}.__getitem__, now)
    [story] = [one for one in stories if one.name is ClockName.RESOLUTION]
    assert story.standing is Standing.PAUSED
    assert "aused" in explaining.sentence(story, "en")


def test_pause_that_begins_after_the_last_event_is_told() -> None:
    """The next event came from a machine whose clock was behind, and planned the promise anew."""
    life = Life().open("inquiry").acknowledge().assign()
    life.wait(hours=2).reply(wait_for_customer=True)
    life.wait(hours=-1).reclassify("service_request")
    stories = explain(life.events, life.plan, {1: life.plan}.__getitem__, life.clock.now())
    [story] = [one for one in stories if one.name is ClockName.RESOLUTION]
    assert story.standing is Standing.PAUSED
    assert "aused" in explaining.sentence(story, "en")


def test_wait_that_ends_before_its_wrong_begin_is_removed() -> None:
    life = Life().open("inquiry").acknowledge().assign()
    life.wait(hours=2).reply(wait_for_customer=True)
    assert [wait.begin for wait in life.ticket.waits] == [life.clock.now()]
    life.wait(hours=-1).write()
    assert life.ticket.waits == ()
