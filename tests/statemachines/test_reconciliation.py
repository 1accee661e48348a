"""Reconciliation: every open ticket has exactly one running workflow, whatever happened to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from redress.base.observe import Failed
from redress.clocks.rules.clocks import ClockName
from redress.db import encoding, keys
from redress.tickets.rules.steps import by_customer, by_staff
from redress.tickets.rules.ticket import Phase, Ticket
from redress.tickets.store.timers import TimerStore
from redress.workflow.cases import reconciliation
from redress.workflow.cases.reconciliation import LONGEST, OLDEST, OVERDUE, SETTLES, STUCK
from redress.workflow.executions import Executions
from redress.workflow.store import ReportStore
from tests.builders import BY_PHONE, LIN, MEI, START, Clock
from tests.statemachines.skipping import Sleepers
from tests.statemachines.world import World
from tests.wired import TABLE
from tests.world import Context, aws, load

ACT = ["ActOnDueClocks", "WhichPhase"]
"""The states between two waits."""
Definition = dict[str, Any]


@pytest.fixture
def settled(world: World) -> World:
    """A world in which a first run has recorded the machine's definition, without tickets."""
    world.reconcile()
    world.clock.moment += SETTLES
    return world


def asleep(world: World, **fields: Any) -> str:
    """Opens a ticket whose workflow waits for the first response. Returns its number."""
    number = world.open(**fields)
    world.acknowledge(number)
    assert world.timer(number).asleep
    return number


def found(report: dict[str, Any]) -> dict[str, int]:
    """The findings about workflows. This world has no mailer, so each mail is missing."""
    counted: dict[str, int] = report["found"]
    return {name: number for name, number in counted.items() if not name.startswith("mail_")}


def corrupt_timer(number: str, update: str, **values: Any) -> None:
    """Updates a TIMER item directly, which no change of a ticket would do."""
    asked: dict[str, Any] = {
        "TableName": TABLE,
        "Key": {"pk": {"S": keys.ticket_pk(number)}, "sk": {"S": keys.TIMER}},
        "UpdateExpression": update,
    }
    if values:
        asked["ExpressionAttributeValues"] = {f":{name}": value for name, value in values.items()}
    aws("dynamodb").update_item(**asked)


# ------------------------------------------------------------------ nothing to repair


def test_stack_without_tickets_has_nothing_to_repair(world: World) -> None:
    report = world.reconcile()

    assert (found(report), report["open"], report["running"], report["items_read"]) == ({}, 0, 0, 0)
    assert report["stopped_at"] is None


def test_correct_sleepers_are_left_unchanged(settled: World) -> None:
    numbers = [asleep(settled), asleep(settled, contact=BY_PHONE), settled.open()]
    before = [settled.timer(number) for number in numbers]
    report = settled.reconcile()

    assert found(report) == {}
    assert (report["open"], report["running"], report["items_read"]) == (3, 3, 9)
    assert [settled.timer(number) for number in numbers] == before


def test_awake_ticket_is_left_to_the_sweep(settled: World) -> None:
    number = settled.open(follow=False)
    report = settled.repair({"task": "reconcile"})

    assert found(report) == {"awake": 1}
    assert settled.timer(number).gen == 1
    settled.follow()
    assert settled.running() == [f"{number}-1"]


def test_closed_tickets_are_not_read(settled: World) -> None:
    settled.withdraw(settled.open())
    settled.clock.advance(days=1)
    report = settled.reconcile()
    assert (report["open"], found(report)) == (0, {})


# ------------------------------------------------------------------ missing executions


def test_sleeping_ticket_whose_workflow_died_unnoticed_gets_a_new_generation(
    settled: World,
) -> None:
    number = asleep(settled)
    settled.abort(number)
    settled.pass_time(hours=1)
    assert settled.rungs(number) == [], "without repair it would sleep for ever"
    assert not {"started", "signalled", "followed"} & set(settled.sweep()), (
        "the sweep does not see it"
    )

    report = settled.reconcile()
    assert found(report) == {"followed": 1}
    assert report["examples"]["followed"] == [number]
    assert settled.running() == [f"{number}-2"]
    assert [action for clock, action, _ in settled.rungs(number) if clock == "reaction"] == [
        "remind",
        "remind",
        "breach",
        "escalate",
    ]
    assert found(settled.reconcile()) == {}


def test_workflow_without_any_record_gets_a_new_generation(settled: World) -> None:
    number = asleep(settled)
    settled.forget(number)
    assert found(settled.reconcile()) == {"followed": 1}
    assert settled.running() == [f"{number}-2"]


def test_after_all_workflows_died_each_ticket_gets_one_again(
    settled: World,
) -> None:
    numbers = [asleep(settled) for _ in range(6)]
    for number in numbers:
        settled.abort(number)

    assert found(settled.reconcile()) == {"followed": 6}
    assert settled.running() == sorted(f"{number}-2" for number in numbers)


def test_workflow_that_never_started_is_started(settled: World) -> None:
    number = settled.open(follow=False)
    assert settled.stream.records(), "these records are lost"
    settled.clock.advance(hours=3)

    assert found(settled.reconcile()) == {"started": 1}
    assert settled.running() == [f"{number}-1"]


def test_workflow_that_died_while_its_ticket_changed_is_replaced_before_the_sweep(
    settled: World,
) -> None:
    number = asleep(settled)
    settled.abort(number)
    settled.reply(number)
    assert settled.timer(number).awake_since == settled.clock.moment
    assert found(settled.reconcile()) == {"followed": 1}
    assert settled.states(number, 2)[-1] == "AwaitResolution"


def test_running_execution_missing_from_the_list_is_not_replaced(
    settled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = asleep(settled)
    monkeypatch.setattr(Executions, "running", lambda self: {})

    assert found(settled.reconcile()) == {}
    assert settled.timer(number).gen == 1


def test_ticket_that_no_signal_reached_for_an_hour_gets_a_new_generation(
    settled: World,
) -> None:
    number = asleep(settled)
    corrupt_timer(number, "REMOVE armed")  # the machine waits for a token that is no longer stored
    settled.reply(number)
    settled.clock.moment += STUCK + timedelta(seconds=1)
    assert found(settled.reconcile()) == {"stuck": 1}

    assert settled.states(number, 2)[-1] == "AwaitResolution"
    assert settled.running() == [f"{number}-2"], (
        "the first could not be signalled, so it was stopped"
    )
    assert settled.report_end(number, 1) == {"followed": False}


def test_ticket_neither_asleep_nor_awake_is_found(settled: World) -> None:
    number = asleep(settled)
    corrupt_timer(number, "REMOVE armed")
    assert found(settled.reconcile()) == {"stuck": 1}
    assert settled.timer(number).asleep


# ------------------------------------------------------------------ missing and damaged TIMERs


def delete_timer(number: str) -> None:
    key = {"pk": {"S": keys.ticket_pk(number)}, "sk": {"S": keys.TIMER}}
    aws("dynamodb").delete_item(TableName=TABLE, Key=key)


RUINS: dict[str, Callable[[str], None]] = {
    "missing": delete_timer,
    "no generation": lambda number: corrupt_timer(number, "REMOVE gen"),
    "sequence is a text": lambda number: corrupt_timer(number, "SET seq = :v", v={"S": "one"}),
    "no token": lambda number: corrupt_timer(number, "SET armed = :v", v={"S": "none"}),
}


def goes_on(world: World, number: str) -> None:
    """Exactly one execution runs, of a newer generation, and it fires each rung once."""
    [name] = world.running()
    gen = world.timer(number).gen
    assert name == f"{number}-{gen}"
    assert gen > 1
    world.pass_time(hours=3)
    fired = [rung[:2] for rung in world.rungs(number) if rung[0] == "reaction"]
    assert fired == [
        ("reaction", "remind"),
        ("reaction", "remind"),
        ("reaction", "breach"),
        ("reaction", "escalate"),
    ]
    assert world.running() == [f"{number}-{gen}"]
    assert found(world.reconcile()) == {}


@pytest.mark.parametrize("what", RUINS)
def test_workflow_that_wakes_rebuilds_the_timer_of_its_ticket(settled: World, what: str) -> None:
    number = asleep(settled)
    RUINS[what](number)
    settled.pass_time(minutes=16)
    assert settled.status(number, 1) == "SUCCEEDED"
    goes_on(settled, number)


@pytest.mark.parametrize("what", RUINS)
def test_sleeper_without_a_readable_timer_gets_a_new_one_and_its_old_execution_ends(
    settled: World, what: str
) -> None:
    number, other = asleep(settled), settled.open("feedback")
    settled.withdraw(other)
    RUINS[what](number)
    settled.clock.advance(minutes=5)
    report = settled.reconcile()
    assert found(report) == {"rebuilt": 1, "stopped": 1}
    assert report["examples"] == {"rebuilt": [number], "stopped": [f"{number}-1"]}
    goes_on(settled, number)


@pytest.mark.parametrize("what", list(RUINS)[:3])
def test_change_of_a_ticket_without_a_readable_timer_is_written_once(
    settled: World, what: str
) -> None:
    number = asleep(settled)
    RUINS[what](number)
    settled.reply(number)
    assert settled.timer(number).phase is Phase.RESOLUTION
    assert settled.states(number, settled.timer(number).gen)[-1] == "AwaitResolution"
    settled.pass_time(hours=1)
    assert settled.running() == [f"{number}-{settled.timer(number).gen}"]


def test_sweep_rebuilds_the_timer_of_an_awake_ticket(settled: World) -> None:
    number = asleep(settled)
    settled.reply(number, follow=False)
    assert settled.stream.records(), "these records are lost"
    corrupt_timer(number, "REMOVE gen")
    settled.clock.advance(minutes=3)
    assert settled.sweep()["rebuilt"] == 1
    settled.follow()
    assert settled.states(number, settled.timer(number).gen)[-1] == "AwaitResolution"


def test_change_at_the_same_moment_wins_over_a_rebuilt_timer(settled: World) -> None:
    number = asleep(settled)
    read = settled.tickets.get(number)
    settled.reply(number)
    corrupt_timer(number, "REMOVE gen")
    wake = read.clocks[ClockName.FIRST_RESPONSE].due_at
    assert not settled.timers.rebuild(read, wake, settled.clock.moment)


def test_only_one_of_two_rebuilds_is_written(settled: World) -> None:
    number = asleep(settled)
    delete_timer(number)
    ticket = settled.tickets.get(number)
    assert settled.timers.rebuild(ticket, None, settled.clock.moment)
    first = settled.timer(number)
    assert not settled.timers.rebuild(ticket, None, settled.clock.moment)
    assert settled.timer(number) == first


# ------------------------------------------------------------------ wrong TIMER items


def milliseconds(moment: datetime) -> dict[str, str]:
    return {"N": str(encoding.milliseconds(moment))}


def test_too_late_wake_time_is_corrected_and_the_machine_acts(settled: World) -> None:
    number = asleep(settled)
    right = settled.timer(number).next_wake
    corrupt_timer(number, "SET next_wake_ms = :at", at=milliseconds(START + timedelta(days=30)))

    report = settled.reconcile()
    assert found(report) == {"corrected": 1, "awake": 1}
    assert settled.timer(number).next_wake == right == settled.sleeps_until(number)
    assert settled.timer(number).asleep


def test_too_early_wake_time_is_corrected_and_the_machine_keeps_sleeping(settled: World) -> None:
    number = asleep(settled)
    before = settled.timer(number)
    corrupt_timer(number, "SET next_wake_ms = :at", at=milliseconds(START + timedelta(minutes=2)))

    assert found(settled.reconcile()) == {"corrected": 1}
    assert settled.timer(number) == before
    assert settled.states(number) == ["Acknowledge", "AwaitFirstResponse"]


def test_wrong_phase_is_corrected_and_the_machine_enters_the_right_wait(
    settled: World,
) -> None:
    number = asleep(settled)
    settled.reply(number)
    corrupt_timer(number, "SET phase = :p", p={"S": "callback"})

    assert found(settled.reconcile())["corrected"] == 1
    assert settled.timer(number).phase is Phase.RESOLUTION
    assert settled.timer(number).asleep
    assert settled.states(number)[-1] == "AwaitResolution"


def test_simultaneous_change_wins_over_a_correction(
    settled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = asleep(settled)
    corrupt_timer(number, "SET next_wake_ms = :at", at=milliseconds(START + timedelta(days=30)))
    correct = TimerStore.correct

    def raced(self: Any, ticket: Ticket, *given: Any) -> bool:
        settled.take(number, _noted, follow=False)
        written: bool = correct(self, ticket, *given)
        return written

    monkeypatch.setattr(TimerStore, "correct", raced)
    assert found(settled.reconcile()) == {}
    monkeypatch.undo()


def _noted(ticket: Ticket, plan: Any, at: datetime) -> Any:
    return by_staff.note(ticket, plan, MEI, "Inside", at)


def test_overdue_sleeper_is_woken(settled: World) -> None:
    number = asleep(settled)
    wake = settled.timer(number).next_wake
    assert wake is not None
    settled.clock.moment = wake + OVERDUE + timedelta(seconds=1)  # although no timeout came
    assert found(settled.reconcile()) == {"woken": 1}

    assert settled.timer(number).gen == 1
    assert settled.rungs(number)[0][:2] == ("reaction", "remind")
    assert settled.sleeps_until(number) > settled.clock.moment


def test_overdue_sleeper_with_an_invalid_token_gets_a_new_generation(settled: World) -> None:
    number = asleep(settled)
    wake = settled.timer(number).next_wake
    assert wake is not None
    _void_token(number)
    settled.clock.moment = wake + OVERDUE + timedelta(seconds=1)
    assert found(settled.reconcile())["followed"] == 1
    assert settled.timer(number).gen == 2


def _void_token(number: str) -> None:
    aws("dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": keys.ticket_pk(number)}, "sk": {"S": keys.TIMER}},
        UpdateExpression="SET armed.#t = :t",
        ExpressionAttributeNames={"#t": "token"},
        ExpressionAttributeValues={":t": {"S": "void"}},
    )


# ------------------------------------------------------------------ generations before a limit


def test_workflow_nearly_a_year_old_gets_a_new_generation(settled: World) -> None:
    number = asleep(settled)
    settled.reply(number, wait=True)
    settled.pass_time(days=OLDEST.days)
    assert settled.timer(number).gen == 1
    assert found(settled.reconcile()) == {}
    settled.pass_time(days=1)

    assert found(settled.reconcile()) == {"near_a_year": 1}
    assert settled.running() == [f"{number}-2"]
    assert settled.states(number, 1)[-3:] == [*ACT, "YieldToNewerGeneration"]
    assert settled.status(number, 1) == "SUCCEEDED"
    assert settled.states(number, 2)[-1] == "AwaitResolution"
    assert found(settled.reconcile()) == {}


def test_workflow_with_a_long_history_gets_a_new_generation(
    settled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation, "LONGEST", 8)
    number = asleep(settled)
    for _ in range(3):
        settled.reply(number, wait=True)
        settled.write(number)
    assert found(settled.reconcile()) == {}, "opened is event 1, and 7 more follow"
    settled.reply(number)
    settled.write(number)
    assert found(settled.reconcile()) == {"long_history": 1}

    assert settled.running() == [f"{number}-2"]
    assert settled.timer(number).gen_version == settled.tickets.get(number).version
    settled.reply(number)
    assert found(settled.reconcile()) == {}, "events count from the new generation on"


def test_history_limit_covers_what_each_event_adds(settled: World) -> None:
    """In the worst case, the machine passes ActOnDueClocks for each event of the ticket."""
    number = asleep(settled)
    before = _length(settled, number)
    for _ in range(10):
        settled.reply(number, wait=True)
        settled.write(number)
    added = _length(settled, number) - before
    assert 10 * 7 <= added <= 20 * 15, "moto writes the same events as AWS except TaskSubmitted"
    assert LONGEST * 15 < 25_000


def _length(world: World, number: str) -> int:
    history = world.sfn.get_execution_history(
        executionArn=world.arn(f"{number}-1"), maxResults=1000
    )
    return len(history["events"])


# ------------------------------------------------------------------ a changed machine


def commented(document: Definition) -> None:
    document["Comment"] = "The same machine with another comment."


def with_another_state(document: Definition) -> None:
    """Adds a state before ActOnDueClocks, and a field to the payload of ActOnDueClocks."""
    act = document["States"]["ActOnDueClocks"]
    for state in document["States"].values():
        for catcher in state.get("Catch", ()):
            if catcher["Next"] == "ActOnDueClocks":
                catcher["Next"] = "NewState"
    document["States"]["NewState"] = {
        "Type": "Pass",
        "Result": {"by": "a newer machine"},
        "ResultPath": "$.noted",
        "Next": "ActOnDueClocks",
    }
    act["Parameters"]["Payload"]["noted.$"] = "$.noted"


def first_definition(document: Definition) -> None:
    """Reduces the payload of ActOnDueClocks to ticket and generation."""
    payload = document["States"]["ActOnDueClocks"]["Parameters"]["Payload"]
    for field in set(payload) - {"ticket.$", "gen.$"}:
        del payload[field]


def test_sleeping_tickets_move_to_a_changed_machine_twice(
    settled: World,
) -> None:
    number = asleep(settled)
    settled.pass_time(minutes=16)  # a reminder has fired
    settled.deploy(commented)
    settled.reply(number)
    assert settled.states(number)[-1] == "AwaitResolution", "it continues under its old definition"
    assert settled.running() == [f"{number}-1"]

    assert found(settled.reconcile()) == {"older_definition": 1}
    assert settled.running() == [f"{number}-2"]
    assert settled.status(number, 1) == "SUCCEEDED"
    assert found(settled.reconcile()) == {}, "moved only once"

    settled.pass_time(hours=3)
    settled.deploy(with_another_state)
    assert found(settled.reconcile()) == {"older_definition": 1}
    assert settled.running() == [f"{number}-3"]
    assert settled.states(number, 3) == ["Acknowledge", "NewState", *ACT, "AwaitResolution"]

    settled.pass_time(hours=40)
    settled.resolve(number)
    settled.confirm(number)
    settled.answer_survey(number)
    fired = [rung[:2] for rung in settled.rungs(number)]
    assert fired == [
        ("reaction", "remind"),
        ("update", "remind"),
        ("resolution", "remind"),
        ("update", "breach"),
        ("resolution", "remind"),
    ]
    assert settled.running() == []
    assert settled.status(number, 3) == "SUCCEEDED"
    assert settled.at_rest(number)


def test_redeploying_the_same_definition_moves_no_ticket(settled: World) -> None:
    asleep(settled)
    settled.deploy(lambda document: None)
    assert found(settled.reconcile()) == {}


@pytest.mark.parametrize("seconds", [0, 3, 10, 300])
def test_only_executions_of_the_older_definition_are_moved(settled: World, seconds: int) -> None:
    """The run that first sees a definition knows which executions began under it."""
    old = asleep(settled)
    settled.clock.advance(minutes=1)
    settled.deploy(commented)
    settled.clock.advance(seconds=seconds)
    new = asleep(settled)
    settled.clock.advance(seconds=1)
    report = settled.reconcile()
    assert (found(report), report["examples"]) == (
        {"older_definition": 1},
        {"older_definition": [old]},
    )
    assert settled.running() == sorted([f"{new}-1", f"{old}-2"])
    assert found(settled.reconcile()) == {}


def test_execution_that_got_the_older_definition_after_the_deployment_is_moved(
    settled: World,
) -> None:
    """`UpdateStateMachine` takes effect after seconds."""
    late = asleep(settled)
    settled.clock.advance(seconds=-3)
    settled.deploy(commented)
    settled.clock.advance(minutes=1)
    new = asleep(settled)
    assert found(settled.reconcile()) == {"older_definition": 1}
    assert settled.running() == sorted([f"{new}-1", f"{late}-2"])


def test_other_settings_of_the_machine_make_no_older_definition(settled: World) -> None:
    before = asleep(settled)
    settled.clock.advance(minutes=3)
    settled.deploy(lambda document: None)
    settled.sfn.update_state_machine(
        stateMachineArn=settled.machine,
        loggingConfiguration={"level": "OFF", "includeExecutionData": True},
    )
    settled.clock.advance(minutes=3)
    after = asleep(settled)
    settled.clock.advance(minutes=3)
    assert found(settled.reconcile()) == {}
    assert settled.running() == sorted([f"{before}-1", f"{after}-1"])


def test_definition_that_came_back_leaves_no_execution_of_the_one_between(settled: World) -> None:
    settled.deploy(commented)
    between = asleep(settled)
    settled.clock.advance(minutes=3)
    settled.deploy(lambda document: document.pop("Comment"))
    settled.clock.advance(minutes=3)
    asleep(settled)
    report = settled.reconcile()
    assert report["examples"] == {"older_definition": [between]}


def test_run_asks_about_a_limited_number_of_executions(
    settled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation, "MOST_ASKED", 1)
    settled.deploy(commented)
    for _ in range(3):
        asleep(settled)
    settled.clock.advance(minutes=1)
    assert found(settled.reconcile()) == {"older_definition": 2}


def test_young_definition_hides_no_execution_near_a_year(settled: World) -> None:
    asleep(settled)
    settled.pass_time(days=OLDEST.days + 1)
    assert found(settled.reconcile()) == {"near_a_year": 1}


def test_first_run_with_a_new_definition_waits_until_it_is_in_effect(
    settled: World,
) -> None:
    """`UpdateStateMachine` takes effect after seconds; a start before could use the old one."""
    asleep(settled)
    settled.deploy(commented)
    before = settled.clock.moment
    settled.reconcile()
    assert settled.clock.moment == before + SETTLES


def test_changed_role_counts_as_a_changed_definition(settled: World) -> None:
    number = asleep(settled)
    settled.sfn.update_state_machine(
        stateMachineArn=settled.machine, roleArn="arn:aws:iam::123456789012:role/another"
    )
    assert found(settled.reconcile()) == {"older_definition": 1}
    assert settled.running() == [f"{number}-2"]


def test_todays_functions_serve_executions_of_the_first_definition(
    world: World, sleepers: Sleepers
) -> None:
    world.deploy(first_definition)
    number = asleep(world)
    world.pass_time(minutes=16)
    assert world.rungs(number) == [("reaction", "remind", 0.25)]
    sleepers.refusals.extend(["AccessDeniedException"])
    world.pass_time(minutes=10)
    assert world.rungs(number)[-1] == ("reaction", "remind", 0.4)
    world.reply(number)
    assert world.states(number)[-1] == "AwaitResolution"
    assert world.status(number) == "RUNNING"


# ------------------------------------------------------------------ superfluous executions


def test_second_execution_of_a_ticket_is_stopped(settled: World) -> None:
    number = asleep(settled)
    assert settled.timers.next_generation(number, 1, settled.clock.now())
    settled.follow()  # the first one was not signalled and keeps sleeping
    assert settled.running() == [f"{number}-1", f"{number}-2"]
    settled.clock.advance(minutes=3)

    assert found(settled.reconcile()) == {"stopped": 1}
    assert settled.running() == [f"{number}-2"]
    assert settled.report_end(number, 1) == {"followed": False}


def test_execution_of_a_closed_ticket_is_stopped(settled: World) -> None:
    number = asleep(settled)
    settled.take(number, lambda t, p, at: by_customer.withdraw(t, p, "", at), follow=False)
    settled.stream.records()  # these records are lost
    settled.timers.clear_awake(number, 1, settled.timer(number).seq)
    settled.clock.advance(minutes=3)

    assert found(settled.reconcile()) == {"stopped": 1}
    assert settled.running() == []
    assert settled.report_end(number) == {"followed": False}


def test_execution_that_is_about_to_end_is_not_stopped(settled: World) -> None:
    number = asleep(settled)
    assert settled.timers.next_generation(number, 1, settled.clock.now())
    assert found(settled.repair({"task": "reconcile"})) == {"awake": 1}
    assert f"{number}-1" in settled.running()


@pytest.mark.parametrize("name", ["by-hand", "R-00000-00009-1"])
def test_foreign_execution_is_reported_and_left_alone(settled: World, name: str) -> None:
    given = {"ticket": asleep(settled), "gen": 7, "seq": 7, "phase": "survey", "wait": 60}
    settled.sfn.start_execution(
        stateMachineArn=settled.machine, name=name, input=json.dumps(given | {"gen": 1, "seq": 2})
    )
    settled.rest()
    settled.clock.advance(minutes=3)
    report = settled.reconcile()
    assert report["examples"]["foreign"] == [name]
    assert name in settled.running()


def test_generation_newer_than_the_table_is_left_alone(settled: World) -> None:
    """After a restore the table may be older than its executions."""
    number = asleep(settled)
    settled.timers.next_generation(number, 1, settled.clock.now())
    settled.follow()
    corrupt_timer(number, "SET gen = :g", g={"N": "1"})
    settled.clock.advance(minutes=3)
    report = settled.reconcile()
    assert report["examples"] == {"foreign": [f"{number}-2"]}


def test_restored_table_catches_up_with_later_generations(settled: World) -> None:
    number = asleep(settled)
    settled.abort(number)
    settled.report_end(number)
    assert settled.running() == [f"{number}-2"]
    corrupt_timer(number, "SET gen = :g", g={"N": "1"})
    _void_token(number)

    assert found(settled.reconcile()) == {"followed": 1}
    assert settled.timer(number).gen == 2, "its execution runs, but in a wait that cannot be ended"
    settled.clock.advance(hours=1, seconds=1)
    settled.reconcile()
    assert settled.running() == [f"{number}-3"]
    assert settled.timer(number).asleep


def test_team_without_members_is_found_through_an_execution_and_remembered(
    settled: World,
) -> None:
    number = asleep(settled)
    settled.take(
        number,
        lambda t, p, at: by_staff.reassign(t, p, LIN, None, "night shift", "theirs", at),
    )
    settled.clock.advance(minutes=3)
    assert "night shift" in settled.reconcile()["teams"]

    settled.abort(number)
    assert found(settled.reconcile()) == {"followed": 1}, (
        "the team is listed although no execution leads to it"
    )


# ------------------------------------------------------------------ failures


def test_unreadable_ticket_is_reported_and_the_run_continues(settled: World) -> None:
    broken, number = asleep(settled), asleep(settled)
    aws("dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": keys.ticket_pk(broken)}, "sk": {"S": keys.TICKET}},
        UpdateExpression="SET doc = :d",
        ExpressionAttributeValues={":d": {"S": '{"number": 7}'}},
    )
    settled.abort(number)
    report = settled.reconcile()
    assert found(report) == {"broken": 1, "followed": 1}
    assert report["examples"]["broken"] == [broken]


def test_run_repairs_a_limited_number_and_reports_the_rest(
    settled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation, "MOST_REPAIRS", 1)
    monkeypatch.setattr(reconciliation, "MOST_RENEWALS", 2)
    dead = [asleep(settled) for _ in range(2)]
    for _ in range(3):
        asleep(settled)
    for number in dead:
        settled.abort(number)
    settled.deploy(commented)
    runs = [settled.reconcile() for _ in range(3)]

    assert [found(run) for run in runs] == [
        {"followed": 1, "older_definition": 2},
        {"followed": 1, "older_definition": 1},
        {},
    ]
    assert [run["left"] for run in runs] == [2, 0, 0]


def test_run_out_of_time_records_its_position_and_findings(
    settled: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = asleep(settled)
    settled.abort(number)
    at = keys.shard(number)
    left = iter([900_000] * (at + 1) + [19_000])
    context = Context()
    monkeypatch.setattr(Context, "get_remaining_time_in_millis", lambda self: next(left))
    clock.advance(hours=1)
    where = f"complaints/{at + 1}" if at < 3 else "service/0"
    with pytest.raises(reconciliation.OutOfTime, match=f"no time left at {where}, 1 tickets"):
        load("repair").handler({"task": "reconcile"}, context)

    [report] = _reports(settled)[:1]
    assert (report.stopped_at, report.found, report.open) == (where, {"followed": 1}, 1)
    assert report.ended_at is not None


def test_failing_service_fails_the_run_but_its_findings_are_kept(
    settled: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled.abort(asleep(settled))

    def down(self: Any, name: str) -> str:
        raise ConnectionError("down")

    monkeypatch.setattr(Executions, "status", down)
    clock.advance(hours=1)
    with pytest.raises(Failed, match="ConnectionError"):
        settled.repair({"task": "reconcile"})
    [report] = _reports(settled)[:1]
    assert report.stopped_at is not None


# ------------------------------------------------------------------ reports


def _reports(world: World) -> list[Any]:
    return ReportStore(world.tickets._models).latest(10)


def test_every_run_stores_a_report_and_the_newest_comes_first(settled: World) -> None:
    settled.clock.advance(days=1)
    number = asleep(settled)
    settled.abort(number)
    settled.reconcile()

    last, first = _reports(settled)
    assert first.began_at == START
    assert last.found == {"followed": 1}
    assert last.definition == first.definition
    assert last.definition_since == last.began_at, "no execution runs that tells more"


def test_two_simultaneous_runs_repair_only_once(
    settled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = asleep(settled)
    settled.abort(number)
    status = Executions.status

    def meanwhile(self: Any, name: str) -> str:
        monkeypatch.setattr(Executions, "status", status)
        assert found(settled.repair({"task": "reconcile"})) == {"followed": 1}
        return status(self, name)

    monkeypatch.setattr(Executions, "status", meanwhile)
    settled.clock.advance(seconds=1)
    assert found(settled.reconcile()) == {}
    assert settled.running() == [f"{number}-2"]
