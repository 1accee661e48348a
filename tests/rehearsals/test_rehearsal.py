"""Tests of rehearsals (a real history under another plan) and of the counts over many tickets."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable
from copy import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redress.base.errors import InvalidInput, NotAllowedNow, TasksOpen
from redress.clocks.rules.clocks import ClockName
from redress.plans.rules.document import parse
from redress.plans.rules.plan import Plan
from redress.rehearsals.rules import counting, rehearsal
from redress.rehearsals.rules.counting import BOUNDS_S, EXAMPLES, Counts
from redress.rehearsals.rules.rehearsal import Comparison, Verdict
from redress.tickets.rules import post_mortem
from redress.tickets.rules.steps import by_customer, by_staff, by_system
from redress.tickets.rules.ticket import EventType
from tests.builders import (
    BY_MAIL,
    BY_PHONE,
    JUN,
    LIN,
    MEI,
    START,
    Clock,
    Life,
    plan_1,
    plan_document,
)
from tests.examples import examples
from tests.tickets.test_fold import COMMANDS, DAY, HOUR, KINDS_OF_LIFE

Document = dict[str, Any]


def draft_of(*changes: Callable[[Document], object]) -> Plan:
    """Plan 1, as version 2, with these changes."""
    document = plan_document()
    document["version"] = 2
    document["classification"] = {}
    for change in changes:
        change(document)
    return parse(document)


def promising(kind: str, clock: str, **entry: Any) -> Callable[[Document], None]:
    """A change of one promise of a kind: the given fields replace its own."""

    def change(document: Document) -> None:
        document["levels"][kind]["promises"].setdefault(clock, {}).update(entry)

    return change


def rehearse(life: Life, draft: Plan, **later: float) -> Comparison:
    """Compare a life with the draft, up to the time of its clock plus `later`."""
    plans = {change.plan.version: change.plan for change in life.changes}
    first = life.changes[0].plan
    until = life.clock.moment + timedelta(**later)
    return rehearsal.rehearse(life.events, first, plans.__getitem__, draft, until)


def sleep(life: Life, **by: float) -> Life:
    """Let time pass, and wake the workflow at every rung in it."""
    return life.sleep_through(life.clock.moment + timedelta(**by))


def verdicts(found: Comparison, clock: ClockName) -> list[tuple[Verdict, Verdict]]:
    """The real verdict and that under the draft, for each promise of a clock."""
    keys = [key for key in found.real.promises if key[0] is clock]
    return [
        (found.real.promises[key].verdict, found.draft.promises[key].verdict)
        for key in sorted(keys, key=lambda key: key[1])
    ]


def report_of(*found: Comparison) -> Document:
    counts = Counts()
    for one in found:
        counting.add_comparison(counts, one)
    report: Document = counting.report(counts)
    return report


def promise_of(group: Document, clock: str) -> Document:
    [line] = [line for line in group["promises"] if line["clock"] == clock]
    return dict(line)


def rungs_of(group: Document, clock: str) -> dict[tuple[str, str | None], tuple[int, int]]:
    return {
        (line["action"], line["told"]): (line["real"], line["draft"])
        for line in group["rungs"]
        if line["clock"] == clock
    }


# --------------------------------------------------------------------- random lives

STEPS = sorted(set(COMMANDS) - {"plan"})
"""The steps of random lives, without moves to another plan, which a rehearsal does not repeat."""

STEPS_OF_LIFE = st.lists(
    st.tuples(st.sampled_from(STEPS), st.one_of(st.integers(0, 2 * HOUR), st.integers(0, 3 * DAY))),
    max_size=14,
)


def random_life(kind: tuple[str, bool], steps: list[tuple[str, int]], rest: int) -> Life:
    """A life with these steps, in which the workflow wakes on time.

    Its plan asks for no post-mortems, which a rehearsal leaves out, and nobody passes on what is
    owed on a ticket that needs no agent any more, which it leaves out, too.
    """
    plan = replace(plan_1(), urgent={})
    life = Life(Clock(), plan).open(kind[0], contact=BY_MAIL if kind[1] else BY_PHONE)
    for name, seconds in steps:
        sleep(life, seconds=seconds)
        if name == "reassign" and life.ticket.owes_work:
            continue
        try:
            COMMANDS[name](life)
        except NotAllowedNow:
            continue
    return sleep(life, seconds=rest)


@given(KINDS_OF_LIFE, STEPS_OF_LIFE, st.integers(0, 20 * DAY))
@examples(250)
def test_rehearsing_the_plan_of_the_real_life_changes_nothing(
    kind: tuple[str, bool], steps: list[tuple[str, int]], rest: int
) -> None:
    life = random_life(kind, steps, rest)
    found = rehearse(life, replace(life.plan, version=2, classification={}))
    assert found.draft.events == found.real.events == life.events
    assert replace(found.draft.ticket, plan_version=1) == found.real.ticket == life.ticket
    assert found.draft.promises == found.real.promises
    assert not found.skipped
    assert not found.changed
    report = report_of(found)["together"]
    assert (report["tickets"], report["changed"]) == (1, 0)
    assert not any(line["turned"] for line in report["promises"])


def resolve_with_remedy(life: Life) -> Life:
    """Resolves the ticket without a text for the remedy that the customer was promised."""
    at = life.clock.now()
    given = (life.ticket, life.plan, MEI, "The seal was replaced", "upheld", None, "a bad batch")
    return life.take(by_staff.resolve(*given, at))


WITH_REMEDIES: dict[str, Callable[[Life], object]] = {
    "promise_remedy": Life.promise_remedy,
    "propose_remedy": Life.propose_remedy,
    "approve_remedy": Life.approve_remedy,
    "finish_remedy": Life.finish_remedy,
    "withdraw_remedy": Life.withdraw_remedy,
    "resolve_with_remedy": resolve_with_remedy,
    "reply": Life.reply,
    "write": Life.write,
    "confirm": Life.confirm,
    "dispute": Life.dispute,
}
OF_A_REMEDY = ("approve_remedy", "finish_remedy", "withdraw_remedy")


@given(
    st.booleans(),
    st.lists(
        st.tuples(st.sampled_from(sorted(WITH_REMEDIES)), st.integers(0, 2 * DAY)), max_size=9
    ),
)
@examples(150)
def test_remedies_that_the_customer_has_are_no_difference_under_the_same_plan(
    by_mail: bool, steps: list[tuple[str, int]]
) -> None:
    life = Life(Clock(), replace(plan_1(), urgent={})).open(
        contact=BY_MAIL if by_mail else BY_PHONE
    )
    life.assign()
    for name, seconds in steps:
        sleep(life, seconds=seconds)
        if name in OF_A_REMEDY and not life.ticket.remedies:
            continue
        try:
            WITH_REMEDIES[name](life)
        except (NotAllowedNow, InvalidInput, TasksOpen):
            continue
    sleep(life, days=9)
    found = rehearse(life, replace(life.plan, version=2, classification={}))
    assert (dict(found.skipped), found.changed) == ({}, False)
    assert found.draft.promises == found.real.promises
    assert found.draft.ticket.state is found.real.ticket.state


def test_complaint_whose_customer_got_a_remedy_is_resolved_under_the_draft_too() -> None:
    life = Life(Clock()).open().acknowledge().assign().reply().promise_remedy().wait(hours=1)
    resolve_with_remedy(life).wait(hours=1).confirm()
    found = rehearse(sleep(life, days=12), draft_of())
    assert (dict(found.skipped), found.draft.ticket.state) == ({}, found.real.ticket.state)
    assert verdicts(found, ClockName.RESOLUTION) == [(Verdict.KEPT, Verdict.KEPT)]


def test_remedy_of_which_the_customer_does_not_know_is_no_reaction_under_the_draft_either() -> None:
    life = Life(Clock()).open(contact=BY_PHONE).assign().propose_remedy().approve_remedy()
    assert life.events[-1].data["untold"] == "no_address"
    sleep(life, days=2)
    found = rehearse(life, draft_of())
    assert verdicts(found, ClockName.REACTION) == [(Verdict.MISSED, Verdict.MISSED)]
    assert not found.skipped


def test_post_mortem_of_an_urgent_ticket_is_no_difference() -> None:
    life = Life(Clock()).open("urgent", contact=BY_MAIL).assign().reply().resolve().confirm()
    sleep(life, days=20)
    assert post_mortem.CLOCK in {event.data.get("clock") for event in life.events}
    found = rehearse(life, replace(life.plan, version=2, classification={}))
    assert (found.changed, dict(found.skipped)) == (False, {})
    assert report_of(found)["together"]["changed"] == 0


@given(KINDS_OF_LIFE, STEPS_OF_LIFE, st.integers(0, 20 * DAY), st.integers(0, 3))
@examples(150)
def test_under_any_draft_every_step_is_repeated_or_counted_as_skipped(
    kind: tuple[str, bool], steps: list[tuple[str, int]], rest: int, which: int
) -> None:
    life = random_life(kind, steps, rest)
    found = rehearse(life, DRAFTS[which], days=30)
    people = [event for event in life.events if event.by.is_person]
    again = [event for event in found.draft.events if event.by.is_person]
    # Assignments are left out: those that nobody decided are skipped, too, under the same name.
    skipped = sum(count for what, count in found.skipped.items() if what != "assigned")
    decided, repeated = (
        [event for event in events if event.type is not EventType.ASSIGNED]
        for events in (people, again)
    )
    assert len(repeated) + skipped >= len(decided)
    assert {(event.type, event.at) for event in again} <= {(e.type, e.at) for e in people} | {
        (EventType.CONFIRMED, event.at) for event in people if event.type is EventType.SURVEYED
    }
    numbers = [event.number for event in found.draft.events]
    assert numbers == list(range(1, len(numbers) + 1))
    assert found.draft.events == sorted(found.draft.events, key=lambda event: event.at)


def harsh(document: Document) -> None:
    for level in document["levels"].values():
        for promise in level["promises"].values():
            promise["within"] = "10m"
    for ladder in document["ladders"].values():
        ladder[-1] |= {"reassign": True, "incident": True, "watch": ["manager"]}


def bare(document: Document) -> None:
    for level in document["levels"].values():
        level["promises"] = {
            name: level["promises"][name]
            for name in ("acknowledgement", "first_response", "resolution")
        }
    document["overrides"] = []
    document["customer_types"] = ["standard"]


def one_team(document: Document) -> None:
    for level in document["levels"].values():
        level["team"] = "everything"


DRAFTS = [
    draft_of(harsh),
    draft_of(bare),
    draft_of(one_team),
    draft_of(lambda document: document["callback"].update(attempts=1)),
]


def test_every_event_type_has_an_entry_in_the_steps() -> None:
    assert set(rehearsal._STEPS) == set(EventType)


def test_a_history_without_its_opening_is_refused() -> None:
    with pytest.raises(ValueError, match="at least"):
        rehearsal.rehearse([], draft_of(), dict[int, Plan]().__getitem__, draft_of(), START)


# ------------------------------------------------------------------------------- examples


def test_a_shorter_first_response_breaks_two_promises_of_three() -> None:
    """The promise is 24 hours. With 12 hours, answers after 14 and 20 hours would be late."""
    draft = draft_of(promising("complaint", "first_response", within="12h"))
    found = []
    for index, hours in enumerate((10, 14, 20)):
        life = Life(Clock()).open(number=f"R-0000{index}-00000").acknowledge().assign()
        found.append(rehearse(sleep(life, hours=hours).reply(), draft))
    [group] = report_of(*found)["groups"]
    assert (group["kind"], group["team"]) == ("complaint", "complaints")
    first = promise_of(group, "first_response")
    assert first["kept"] == {"real": 3, "draft": 1}
    assert first["missed"] == {"real": 0, "draft": 2}
    assert first["turned"] == [
        {
            "real": "kept",
            "draft": "missed",
            "promises": 2,
            "examples": ["R-00001-00000", "R-00002-00000"],
        }
    ]
    assert first["due_earlier"]["promises"] == 3
    assert first["due_earlier"]["mean_s"] == 12 * HOUR
    assert first["due_earlier"]["median_at_most_s"] == 12 * HOUR
    assert first["due_later"]["promises"] == 0
    rungs = rungs_of(group, "first_response")
    assert rungs["breach", None] == (0, 2)
    assert rungs["breach", "supervisor"] == (0, 2)
    assert rungs["escalate", "manager"] == (0, 1), (
        "due after 18 hours, before which the first two were answered"
    )
    assert rungs["remind", "agent"] == (3, 6), "quiet until 7:00: half of 12 hours is 15:00"
    assert group["with_a_breach"] == {"real": 3, "draft": 3}, "the reaction was missed by all"
    assert group["changed"] == 3


def test_office_hours_keep_a_promise_that_the_weekend_broke() -> None:
    """A complaint of Friday 17:00 is answered on Monday at 10:00."""
    clock = Clock(START - timedelta(days=3) + timedelta(hours=8))
    life = Life(clock).open().acknowledge()
    sleep(life, hours=65).reply()
    draft = draft_of(promising("complaint", "first_response", within="8h", calendar="office"))
    found = rehearse(life, draft)
    assert verdicts(found, ClockName.FIRST_RESPONSE) == [(Verdict.MISSED, Verdict.KEPT)]
    [group] = report_of(found)["groups"]
    line = promise_of(group, "first_response")
    assert line["turned"][0]["draft"] == "kept"
    assert line["due_later"]["mean_s"] == 48 * HOUR, "from Saturday 17:00 to Monday 17:00"


def test_another_ladder_notifies_other_roles_and_returns_the_ticket_to_the_queue() -> None:
    def strict(document: Document) -> None:
        document["ladders"]["strict"] = [
            {
                "at": 1,
                "action": "breach",
                "notify": ["manager"],
                "reassign": True,
                "incident": True,
            }
        ]
        document["levels"]["complaint"]["promises"]["first_response"]["ladder"] = "strict"

    life = Life(Clock()).open().acknowledge().assign().tell_progress()
    sleep(life, hours=25).reply()
    found = rehearse(life, draft_of(strict))
    [group] = report_of(found)["groups"]
    assert rungs_of(group, "first_response") == {
        ("remind", None): (2, 0),
        ("remind", "agent"): (2, 0),
        ("breach", None): (1, 1),
        ("breach", "agent"): (1, 0),
        ("breach", "supervisor"): (1, 0),
        ("breach", "manager"): (0, 1),
    }
    assert group["taken_from_their_agent"] == {"real": 0, "draft": 1}
    assert group["incidents_proposed"] == {"real": 0, "draft": 1}
    line = promise_of(group, "first_response")
    assert line["turned"] == []
    assert line["due_earlier"]["promises"] == line["due_later"]["promises"] == 0


def test_another_team_gets_the_ticket_unless_a_person_chose_the_team() -> None:
    def care(document: Document) -> None:
        document["levels"]["complaint"]["team"] = "care"

    life = Life(Clock()).open().acknowledge().assign().wait(hours=1).reply()
    kept = rehearse(life, draft_of(care))
    assert kept.draft.ticket.team == "care", "the assignment itself does not choose a team"
    [group] = report_of(kept)["groups"]
    assert group["other_team"] == [
        {"real": "complaints", "draft": "care", "tickets": 1, "examples": [life.ticket.number]}
    ]
    life.reassign(None, "service", LIN)
    chosen = rehearse(life, draft_of(care))
    assert chosen.draft.ticket.team == "service", "a person chose it"


def test_a_rule_of_routing_moves_the_ticket_under_the_draft_as_it_does_in_real_life() -> None:
    def to_service(document: Document) -> None:
        rule = {"name": "complaints", "when": {"kind": "complaint"}, "team": "service"}
        document["routing"] = {"rules": [rule]}

    def without(document: Document) -> None:
        document["routing"] = {}

    ruled = draft_of(to_service)
    life = Life(plan=ruled).open().acknowledge()
    at = life.clock.now()
    life.take(by_system.assign(life.ticket, ruled, MEI.id, "longest without", at, "service"))
    same = rehearse(life, ruled)
    assert (same.draft.ticket.team, same.changed) == ("service", False)
    other = rehearse(life, draft_of(without))
    assert (other.real.ticket.team, other.draft.ticket.team) == ("service", "complaints")
    assert other.changed
    assert rehearse(Life().open().assign(), ruled).draft.ticket.team == "service"


def test_a_corrected_kind_takes_team_and_impact_from_the_draft_unless_a_person_set_them() -> None:
    def care(document: Document) -> None:
        document["levels"]["complaint"] |= {"team": "care", "impact": "high"}

    usual = Life(Clock()).open("inquiry").acknowledge().wait(hours=1).reclassify("complaint")
    found = rehearse(usual, draft_of(care)).draft.ticket
    assert (found.team, found.impact, found.priority) == ("care", "high", "urgent")
    chosen = Life(Clock()).open("inquiry").acknowledge().wait(hours=1)
    chosen.reclassify("complaint", urgency="low")
    assert rehearse(chosen, draft_of(care)).draft.ticket.urgency == "low"


def test_a_corrected_category_changes_nothing_under_a_draft_without_categories() -> None:
    def none(document: Document) -> None:
        del document["categories"]

    life = Life(Clock()).open("inquiry").acknowledge().wait(hours=1)
    life.reclassify(category="product/defect").reclassify("complaint", category="account")
    found = rehearse(life, draft_of(none))
    assert (found.real.ticket.kind, found.draft.ticket.kind) == ("complaint", "complaint")
    assert found.skipped == {}


def test_an_assignment_is_skipped_if_the_draft_left_the_ticket_with_its_agent() -> None:
    """In the real life a broken promise took the ticket from Mei, and the assigner chose Jun."""

    def taking(document: Document) -> None:
        for rung in document["ladders"]["promise"]:
            rung["reassign"] = rung["action"] == "breach"

    life = Life(Clock(), draft_of(taking)).open().acknowledge().assign(MEI.id).accept()
    sleep(life, minutes=31)
    assert life.ticket.assignee is None
    life.assign(JUN.id).wait(minutes=5).reply(by=JUN)
    found = rehearse(life, draft_of())
    assert (found.real.ticket.assignee, found.draft.ticket.assignee) == (JUN.id, MEI.id)
    assert dict(found.skipped) == {"assigned": 1}
    [group] = report_of(found)["groups"]
    assert group["taken_from_their_agent"] == {"real": 1, "draft": 0}
    assert group["skipped"] == {"assigned": 1}


def test_steps_after_the_draft_has_closed_the_ticket_are_skipped_and_counted() -> None:
    """The customer disputes after two days. With one attempt the ticket is closed by then."""
    life = Life(Clock()).open().acknowledge().assign().wait(minutes=5).resolve()
    sleep(life, days=2).dispute().assign().reply().resolve()
    found = rehearse(life, draft_of(lambda document: document["callback"].update(attempts=1)))
    assert found.draft.ticket.closure == "unconfirmed"
    assert dict(found.skipped) == {"disputed": 1, "assigned": 1, "replied": 1, "resolved": 1}
    [group] = report_of(found)["groups"]
    assert group["closed_unconfirmed"] == {"real": 0, "draft": 1}
    again = (ClockName.RESOLUTION, START + timedelta(days=2, minutes=5))
    assert again in found.real.promises
    assert again not in found.draft.promises
    assert promise_of(group, "resolution")["no_longer_promised"] == 1


def test_a_ticket_continues_if_the_draft_does_not_close_it() -> None:
    life = Life(Clock()).open("feedback").acknowledge().wait(hours=1).resolve()
    assert life.ticket.closure == "answered"
    found = rehearse(life, draft_of(promising("feedback", "callback", within="24h")), days=30)
    assert found.draft.ticket.closure == "unconfirmed"
    [group] = report_of(found)["groups"]
    assert rungs_of(group, "callback")["ask_again", None] == (0, 2)
    assert promise_of(group, "callback")["newly_promised"] == 1


def test_each_round_of_a_ticket_has_its_own_resolution_promise() -> None:
    life = Life(Clock()).open().acknowledge().assign().wait(minutes=1).reply()
    sleep(life, hours=40).resolve().wait(hours=1).dispute().assign()
    sleep(life, hours=10).resolve()
    draft = draft_of(promising("complaint", "resolution", within="24h"))
    assert verdicts(rehearse(life, draft), ClockName.RESOLUTION) == [
        (Verdict.KEPT, Verdict.MISSED),
        (Verdict.KEPT, Verdict.KEPT),
    ]


def test_a_running_promise_is_open_until_it_is_overdue() -> None:
    life = Life(Clock()).open().acknowledge().assign().tell_progress()
    sleep(life, hours=20)
    draft = draft_of(promising("complaint", "first_response", within="12h"))
    found = rehearse(life, draft)
    assert verdicts(found, ClockName.FIRST_RESPONSE) == [(Verdict.OPEN, Verdict.MISSED)]
    waiting = rehearse(life.reply(wait_for_customer=True), draft_of(), days=30)
    assert verdicts(waiting, ClockName.RESOLUTION) == [(Verdict.OPEN, Verdict.OPEN)]


def test_an_update_in_time_is_kept_and_a_late_one_is_missed() -> None:
    life = Life(Clock()).open().acknowledge().assign().reply()
    sleep(life, hours=20).tell_progress()
    sleep(life, hours=25).tell_progress()
    found = rehearse(life, draft_of(promising("complaint", "update", within="22h")))
    assert verdicts(found, ClockName.UPDATE) == [
        (Verdict.KEPT, Verdict.KEPT),
        (Verdict.MISSED, Verdict.MISSED),
        (Verdict.OPEN, Verdict.OPEN),
    ]
    stricter = rehearse(life, draft_of(promising("complaint", "update", within="8h")))
    assert verdicts(stricter, ClockName.UPDATE)[0] == (Verdict.KEPT, Verdict.MISSED)


def test_a_withdrawal_leaves_promises_that_were_not_due_yet_void() -> None:
    life = Life(Clock()).open().acknowledge().assign().tell_progress()
    sleep(life, hours=20).withdraw()
    found = rehearse(life, draft_of(promising("complaint", "first_response", within="12h")))
    assert verdicts(found, ClockName.FIRST_RESPONSE) == [(Verdict.VOID, Verdict.MISSED)]
    assert verdicts(found, ClockName.RESOLUTION) == [(Verdict.VOID, Verdict.VOID)]


def test_a_late_confirmation_by_the_customer_is_no_missed_promise() -> None:
    life = Life(Clock()).open().acknowledge().wait(minutes=1).resolve()
    sleep(life, hours=30).confirm()
    found = rehearse(life, draft_of())
    assert verdicts(found, ClockName.CALLBACK) == [(Verdict.VOID, Verdict.VOID)]


@pytest.mark.parametrize(("low", "closure"), [(2, "confirmed"), (3, "unconfirmed")])
def test_a_survey_confirms_only_if_its_score_is_not_low_under_the_draft(
    low: int, closure: str
) -> None:
    life = Life(Clock()).open().acknowledge().wait(minutes=1).resolve()
    sleep(life, hours=1).rate(overall=3)
    found = rehearse(life, draft_of(lambda document: document["survey"].update(low=low)), days=30)
    assert found.draft.ticket.closure == closure
    assert not found.skipped


def test_a_low_survey_confirms_under_a_draft_for_which_its_score_is_not_low() -> None:
    life = Life(Clock()).open().acknowledge().wait(minutes=1).resolve()
    sleep(life, hours=1).rate(overall=2)
    found = rehearse(life, draft_of(lambda document: document["survey"].update(low=1)))
    assert (found.real.ticket.closure, found.draft.ticket.closure) == (None, "confirmed")


def test_a_draft_applies_to_the_entire_life_even_if_the_ticket_was_moved_to_another_plan() -> None:
    life = Life(Clock()).open().acknowledge().wait(hours=1)
    life.move_to(draft_of(promising("complaint", "first_response", within="2h")))
    sleep(life, hours=2).reply()
    found = rehearse(life, draft_of())
    assert verdicts(found, ClockName.FIRST_RESPONSE) == [(Verdict.MISSED, Verdict.KEPT)]
    assert EventType.PLAN_CHANGED not in [event.type for event in found.draft.events]
    assert not found.skipped


def test_a_ticket_that_promises_no_acknowledgement_promises_none_under_a_draft() -> None:
    mail = {"id": "1", "key": "inbound/1", "unacknowledged": "list"}
    life = sleep(Life(Clock()).open(mail=mail), hours=1).reply()
    found = rehearse(life, draft_of())
    assert verdicts(found, ClockName.ACKNOWLEDGEMENT) == []
    assert (found.skipped, found.changed) == (Counter(), False)


def test_events_after_the_end_are_ignored() -> None:
    life = Life(Clock()).open().acknowledge()
    moment = life.clock.moment
    sleep(life, hours=10).reply()
    found = rehearsal.rehearse(
        life.events, life.plan, dict[int, Plan]().__getitem__, draft_of(), moment
    )
    assert [event.type for event in found.real.events] == [
        EventType.OPENED,
        EventType.ACKNOWLEDGED,
    ]


# --------------------------------------------------------------------------------- counts

SAMPLES = [
    rehearse(
        random_life(
            ("complaint" if index % 2 else "inquiry", index % 3 > 0),
            [(STEPS[(7 * index + n) % len(STEPS)], HOUR * n) for n in range(index % 12)],
            DAY * index,
        ),
        DRAFTS[index % len(DRAFTS)],
    )
    for index in range(24)
]


def counts_of(samples: list[Comparison]) -> Counts:
    counts = Counts()
    for index, found in enumerate(samples):
        counting.add_comparison(
            counts, replace(found, number=f"R-{SAMPLES.index(samples[index]):05}")
        )
    return counts


@given(st.lists(st.sampled_from(range(len(SAMPLES))), max_size=12), st.randoms())
def test_counts_of_parts_add_up_to_the_total_in_any_order_and_grouping(
    chosen: list[int], shuffler: random.Random
) -> None:
    total = counts_of([SAMPLES[index] for index in chosen])
    cuts = sorted(shuffler.sample(range(len(chosen) + 1), min(2, len(chosen) + 1)))
    bounds = [0, *cuts, len(chosen)]
    parts = [chosen[a:b] for a, b in itertools.pairwise(bounds)]
    shuffler.shuffle(parts)
    counts_of_parts = [counts_of([SAMPLES[index] for index in part]) for part in parts]
    left, right = Counts(), Counts()
    for one in counts_of_parts:
        left.include(one)
    for one in reversed(counts_of_parts):
        right = Counts().include(one).include(right)
    assert left == right == total
    assert counting.report(left) == counting.report(total)


def test_the_size_of_counts_does_not_grow_with_the_tickets() -> None:
    once, often = counts_of(SAMPLES), Counts()
    for _ in range(50):
        often.include(counts_of(SAMPLES))
    assert often.counts.keys() == once.counts.keys()
    assert all(len(numbers) <= EXAMPLES for numbers in often.examples.values())


@pytest.mark.parametrize(
    ("moves_s", "median", "p90"),
    [
        ([30], 60, 60),
        ([60, 61], 60, 120),
        ([HOUR] * 9 + [DAY], HOUR, HOUR),
        ([HOUR] * 8 + [DAY] * 2, HOUR, DAY),
        ([400 * DAY], None, None),
    ],
)
def test_median_and_p90_are_upper_bounds_of_steps(
    moves_s: list[int], median: int | None, p90: int | None
) -> None:
    counts = Counts()
    group = counts.group("complaint", "complaints")
    for seconds in moves_s:
        group.moved("resolution", START, START + timedelta(seconds=seconds))
    [found] = counting.report(counts)["groups"][0]["promises"]
    assert found["due_later"] == {
        "promises": len(moves_s),
        "mean_s": round(sum(moves_s) / len(moves_s)),
        "median_at_most_s": median,
        "p90_at_most_s": p90,
    }
    assert list(BOUNDS_S) == sorted(set(BOUNDS_S))


def test_the_table_has_every_number_of_the_report_once() -> None:
    counts = counts_of(SAMPLES)
    counting.add_unreadable(counts, "R-99999")
    report = counting.report(counts)
    header, *lines = list(counting.rows(report))
    assert header == ("kind", "team", "clock", "measure", "real", "draft")
    assert {len(line) for line in lines} == {len(header)}
    places = [line[:4] for line in lines]
    assert len(set(places)) == len(places)
    assert lines[0] == ("all", "all", "", "unreadable", "", 1)
    found = {line[:4]: line[4:] for line in lines}
    together = report["together"]
    assert found["all", "all", "", "tickets"] == ("", len(SAMPLES))
    first = promise_of(together, "first_response")
    assert found["all", "all", "first_response", "missed"] == (
        first["missed"]["real"],
        first["missed"]["draft"],
    )
    assert sum(int(v) for k, (_, v) in found.items() if k[0] != "all" and k[3] == "tickets") == len(
        SAMPLES
    )


def test_an_unreadable_ticket_is_counted_and_named() -> None:
    counts = Counts()
    counting.add_unreadable(counts, "R-1")
    report = counting.report(counts)
    assert report["unreadable"] == {"tickets": 1, "examples": ["R-1"]}
    assert report["groups"] == []
    assert report["together"]["tickets"] == 0


def test_files_of_the_customer_and_notes_about_files_are_repeated_like_messages() -> None:
    file = {"id": "9f86d081884c7d65", "name": "x.jpg", "size": 1, "type": "image/jpeg"}
    life = Life(Clock()).open().acknowledge().assign().reply().wait(hours=1)
    life.take(by_customer.attach(life.ticket, life.plan, [file], life.clock.now()))
    noted = [file | {"state": "refused"}]
    life.take(by_system.note_files(life.ticket, life.plan, "x", noted, life.clock.now()))
    found = rehearse(life.wait(hours=1).reply(), draft_of())
    assert verdicts(found, ClockName.NEXT_REPLY) == [(Verdict.KEPT, Verdict.KEPT)]


# ---------------------------------------------------------------------------- classification


def test_promise_goes_on_under_the_draft_when_the_mail_with_the_checklist_comes_back() -> None:
    life = Life().request().wait(hours=1).reply().wait(hours=1)
    life.note_mail("returned", about="000002.checklist.customer", to="customer")
    life.note_mail("automatic").wait(hours=1)
    found = rehearse(life, draft_of(lambda document: document.pop("checklists")), days=30)
    assert found.draft.ticket.checklist == found.real.ticket.checklist == life.ticket.checklist
    assert not found.skipped
    real, draft = (side.ticket.clocks[ClockName.RESOLUTION] for side in (found.real, found.draft))
    assert (draft.state, draft.due_at) == (real.state, real.due_at)


def test_checklist_of_the_real_life_is_that_under_the_draft() -> None:
    """Nobody knows what the customer would have given for the checklist of the draft."""
    life = Life(Clock()).request()
    sleep(life, hours=1).reply()
    sleep(life, days=2).send_item().accept_item().answer_item()
    sleep(life, hours=2).accept_item("new_details").finish_step()
    found = rehearse(life, draft_of(lambda document: document.pop("checklists")), days=30)
    assert found.draft.ticket.checklist == found.real.ticket.checklist == life.ticket.checklist
    assert found.draft.ticket.waits == found.real.ticket.waits
    assert verdicts(found, ClockName.RESOLUTION) == [(Verdict.MISSED, Verdict.MISSED)]
    assert not found.skipped


def classifying(*rules: Document) -> Callable[[Document], None]:
    """These rules instead of those of plan 1."""

    def change(document: Document) -> None:
        document["classification"] = {"rules": list(rules)}

    return change


def rule(when: Document, sets: dict[str, str], name: str = "a_rule") -> Document:
    why = dict.fromkeys(("zh-CN", "zh-TW", "en"), "why")
    return {"name": name, "when": when, "set": sets, "why": why}


LEAKS = {"words": {"en": ["leaks"]}}


def counted(found: Comparison) -> list[tuple[str, str | None, str | None, int]]:
    counts = Counts()
    counting.add_comparison(counts, found)
    together = counting.report(counts)["together"]
    return [
        (one["value"], one["real"], one["draft"], one["tickets"])
        for one in together["classified_otherwise"]
    ]


def test_rules_of_a_draft_are_rehearsed_with_their_promises(life: Life) -> None:
    """C1: a rule is tried on past tickets before it decides about new ones."""
    sleep(life.open("inquiry").assign(), hours=1).reply()
    draft = draft_of(classifying(rule(LEAKS, {"kind": "urgent", "category": "product/defect"})))
    found = rehearse(life, draft)
    assert (found.real.ticket.kind, found.draft.ticket.kind) == ("inquiry", "urgent")
    assert counted(found) == [
        ("category", None, "product/defect", 1),
        ("kind", "inquiry", "urgent", 1),
        ("priority", "normal", "urgent", 1),
        ("team", "service", "complaints", 1),
    ]
    # 5 minutes for the first response, of which an hour has passed
    missed = {name for (name, _), one in found.draft.promises.items() if one.verdict == "missed"}
    assert ClockName.FIRST_RESPONSE in missed
    assert found.changed


def test_classification_of_the_past_is_compared_with_that_of_the_draft(life: Life) -> None:
    life.open("complaint").classify(category="product/defect").assign().reply()
    same = draft_of(classifying(rule(LEAKS, {"category": "product/defect"})))
    assert (counted(rehearse(life, same)), rehearse(life, same).changed) == ([], False)
    other = draft_of(classifying(rule(LEAKS, {"category": "product/use"})))
    assert counted(rehearse(life, other)) == [("category", "product/defect", "product/use", 1)]


def test_rule_about_earlier_tickets_is_counted_as_undecided(life: Life) -> None:
    again = {"earlier": {"at_least": 1, "within": "24h"}}
    found = rehearse(
        life.open().assign().reply(), draft_of(classifying(rule(again, {"impact": "high"})))
    )
    counts = Counts()
    counting.add_comparison(counts, found)
    together = counting.report(counts)["together"]
    assert (together["undecided"], together["undecided_examples"]) == (1, [life.ticket.number])
    assert found.undecided == ("a_rule",)
    assert ("all", "all", "", "undecided", "", 1) in list(counting.rows(counting.report(counts)))
