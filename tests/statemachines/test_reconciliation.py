"""Every open ticket has one running workflow, whatever happened to it, and however old it grows."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest

from redress.base.observe import Failed
from redress.db import encoding, keys
from redress.tickets.rules.steps import by_customer, by_staff
from redress.tickets.rules.ticket import Phase, Ticket
from redress.tickets.store.timers import TimerStore
from redress.workflow.cases import reconciliation
from redress.workflow.cases.reconciliation import LONGEST, OLDEST, OVERDUE, SETTLES, STUCK
from redress.workflow.executions import Executions
from redress.workflow.store import ReportStore
from tests.builders import BY_PHONE, LIN, MEI, START, Clock
from tests.functions.conftest import Context, load
from tests.statemachines.conftest import TABLE
from tests.statemachines.skipping import Sleepers
from tests.statemachines.world import World

LOOK = ["ActOnDueClocks", "WhichPhase"]
Definition = dict[str, Any]


@pytest.fixture
def settled(world: World) -> World:
    """A world whose machine was seen by a run before any ticket was opened."""
    world.reconcile()
    world.clock.moment += SETTLES
    return world


def asleep(world: World, **fields: Any) -> str:
    """A ticket whose workflow awaits the first response."""
    number = world.open(**fields)
    world.acknowledge(number)
    assert world.timer(number).asleep
    return number


def found(report: dict[str, Any]) -> dict[str, int]:
    counted: dict[str, int] = report["found"]
    return counted


def spoil(number: str, update: str, **values: Any) -> None:
    """Somebody or something wrote the TIMER as no change of a ticket does."""
    given = {f":{name}": value for name, value in values.items()}
    boto3.client("dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": keys.ticket_pk(number)}, "sk": {"S": keys.TIMER}},
        UpdateExpression=update,
        **({"ExpressionAttributeValues": given} if given else {}),
    )


# ------------------------------------------------------------------ nothing to repair


def test_a_stack_without_tickets_has_nothing_to_repair(world: World) -> None:
    report = world.reconcile()

    assert (found(report), report["open"], report["running"], report["items_read"]) == ({}, 0, 0, 0)
    assert report["stopped_at"] is None


def test_whoever_sleeps_until_the_right_time_is_left_alone(settled: World) -> None:
    numbers = [asleep(settled), asleep(settled, contact=BY_PHONE), settled.open()]
    before = [settled.timer(number) for number in numbers]
    report = settled.reconcile()

    assert found(report) == {}
    assert (report["open"], report["running"], report["items_read"]) == (3, 3, 9)
    assert [settled.timer(number) for number in numbers] == before


def test_a_ticket_that_is_just_being_signalled_is_the_sweeps_business(settled: World) -> None:
    number = settled.open(follow=False)
    report = settled.repair({"task": "reconcile"})

    assert found(report) == {"awake": 1}
    assert settled.timer(number).gen == 1
    settled.follow()
    assert settled.running() == [f"{number}-1"]


def test_closed_tickets_are_not_even_read(settled: World) -> None:
    settled.withdraw(settled.open())
    settled.clock.advance(days=1)
    report = settled.reconcile()
    assert (report["open"], found(report)) == (0, {})


# ------------------------------------------------------------------ an execution that is gone


def test_a_sleeping_ticket_whose_workflow_died_unheard_goes_on_in_the_next_generation(
    settled: World,
) -> None:
    number = asleep(settled)
    settled.abort(number)
    settled.pass_time(hours=1)
    assert settled.rungs(number) == [], "it would sleep for ever"
    assert not {"started", "signalled", "followed"} & set(settled.sweep()), "the sweep is blind"

    report = settled.reconcile()
    assert found(report) == {"followed": 1}
    assert report["examples"] == {"followed": [number]}
    assert settled.running() == [f"{number}-2"]
    assert [action for clock, action, _ in settled.rungs(number) if clock == "reaction"] == [
        "remind",
        "remind",
        "breach",
        "escalate",
    ]
    assert found(settled.reconcile()) == {}


def test_a_workflow_of_which_nothing_is_known_any_more_is_followed(settled: World) -> None:
    number = asleep(settled)
    settled.forget(number)
    assert found(settled.reconcile()) == {"followed": 1}
    assert settled.running() == [f"{number}-2"]


def test_after_a_restart_in_which_every_workflow_died_each_ticket_has_one_again(
    settled: World,
) -> None:
    numbers = [asleep(settled) for _ in range(6)]
    for number in numbers:
        settled.abort(number)

    assert found(settled.reconcile()) == {"followed": 6}
    assert settled.running() == sorted(f"{number}-2" for number in numbers)


def test_a_workflow_that_was_never_started_is_started(settled: World) -> None:
    number = settled.open(follow=False)
    assert settled.stream.records(), "and these are lost"
    settled.clock.advance(hours=3)

    assert found(settled.reconcile()) == {"started": 1}
    assert settled.running() == [f"{number}-1"]


def test_a_workflow_that_died_as_its_ticket_moved_need_not_wait_for_the_sweep(
    settled: World,
) -> None:
    number = asleep(settled)
    settled.abort(number)
    settled.reply(number)
    assert settled.timer(number).awake_since == settled.clock.moment
    assert found(settled.reconcile()) == {"followed": 1}
    assert settled.states(number, 2)[-1] == "AwaitResolution"


def test_an_execution_that_the_list_does_not_show_yet_is_not_followed(
    settled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = asleep(settled)
    monkeypatch.setattr(Executions, "running", lambda self: {})

    assert found(settled.reconcile()) == {}
    assert settled.timer(number).gen == 1


def test_a_ticket_that_no_signal_reached_for_an_hour_goes_on_in_the_next_generation(
    settled: World,
) -> None:
    number = asleep(settled)
    spoil(number, "REMOVE armed")  # the machine sleeps in a wait whose token nobody knows
    settled.reply(number)
    settled.clock.moment += STUCK + timedelta(seconds=1)
    assert found(settled.reconcile()) == {"stuck": 1}

    assert settled.states(number, 2)[-1] == "AwaitResolution"
    assert settled.running() == [f"{number}-2"], "the first could not be told, so it was stopped"
    assert settled.tell_end(number, 1) == {"followed": False}


def test_a_ticket_neither_asleep_nor_marked_is_nobodys_but_found(settled: World) -> None:
    number = asleep(settled)
    spoil(number, "REMOVE armed")
    assert found(settled.reconcile()) == {"stuck": 1}
    assert settled.timer(number).asleep


# ------------------------------------------------------------------ a TIMER that is wrong


def milliseconds(moment: datetime) -> dict[str, str]:
    return {"N": str(encoding.milliseconds(moment))}


def test_a_wake_that_is_too_late_is_corrected_and_the_machine_looks(settled: World) -> None:
    number = asleep(settled)
    right = settled.timer(number).next_wake
    spoil(number, "SET next_wake_ms = :at", at=milliseconds(START + timedelta(days=30)))

    report = settled.reconcile()
    assert found(report) == {"corrected": 1, "awake": 1}
    assert settled.timer(number).next_wake == right == settled.sleeps_until(number)
    assert settled.timer(number).asleep


def test_a_wake_that_is_too_early_is_corrected_and_the_machine_sleeps_on(settled: World) -> None:
    number = asleep(settled)
    before = settled.timer(number)
    spoil(number, "SET next_wake_ms = :at", at=milliseconds(START + timedelta(minutes=2)))

    assert found(settled.reconcile()) == {"corrected": 1}
    assert settled.timer(number) == before
    assert settled.states(number) == ["Acknowledge", "AwaitFirstResponse"]


def test_a_wrong_phase_is_corrected_and_the_machine_goes_where_the_ticket_is(
    settled: World,
) -> None:
    number = asleep(settled)
    settled.reply(number)
    spoil(number, "SET phase = :p", p={"S": "callback"})

    assert found(settled.reconcile())["corrected"] == 1
    assert settled.timer(number).phase is Phase.RESOLUTION
    assert settled.timer(number).asleep
    assert settled.states(number)[-1] == "AwaitResolution"


def test_a_change_at_the_same_instant_wins_over_a_correction(
    settled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = asleep(settled)
    spoil(number, "SET next_wake_ms = :at", at=milliseconds(START + timedelta(days=30)))
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


def test_a_sleeper_past_its_time_is_woken(settled: World) -> None:
    number = asleep(settled)
    wake = settled.timer(number).next_wake
    assert wake is not None
    settled.clock.moment = wake + OVERDUE + timedelta(seconds=1)  # and no timeout came
    assert found(settled.reconcile()) == {"woken": 1}

    assert settled.timer(number).gen == 1
    assert settled.rungs(number)[0][:2] == ("reaction", "remind")
    assert settled.sleeps_until(number) > settled.clock.moment


def test_a_sleeper_past_its_time_whose_token_is_void_is_followed(settled: World) -> None:
    number = asleep(settled)
    wake = settled.timer(number).next_wake
    assert wake is not None
    _void_token(number)
    settled.clock.moment = wake + OVERDUE + timedelta(seconds=1)
    assert found(settled.reconcile())["followed"] == 1
    assert settled.timer(number).gen == 2


def _void_token(number: str) -> None:
    boto3.client("dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": keys.ticket_pk(number)}, "sk": {"S": keys.TIMER}},
        UpdateExpression="SET armed.#t = :t",
        ExpressionAttributeNames={"#t": "token"},
        ExpressionAttributeValues={":t": {"S": "void"}},
    )


# ------------------------------------------------------------------ the next generation in time


def test_a_workflow_near_a_year_old_goes_on_in_the_next_generation(settled: World) -> None:
    number = asleep(settled)
    settled.reply(number, wait=True)
    settled.pass_time(days=OLDEST.days)
    assert settled.timer(number).gen == 1
    assert found(settled.reconcile()) == {}
    settled.pass_time(days=1)

    assert found(settled.reconcile()) == {"near_a_year": 1}
    assert settled.running() == [f"{number}-2"]
    assert settled.states(number, 1)[-3:] == [*LOOK, "YieldToNewerGeneration"]
    assert settled.status(number, 1) == "SUCCEEDED"
    assert settled.states(number, 2)[-1] == "AwaitResolution"
    assert found(settled.reconcile()) == {}


def test_a_workflow_with_a_long_history_goes_on_in_the_next_generation(
    settled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation, "LONGEST", 8)
    number = asleep(settled)
    for _ in range(3):
        settled.reply(number, wait=True)
        settled.write(number)
    assert found(settled.reconcile()) == {}, "opened is 1, and 7 more"
    settled.reply(number)
    settled.write(number)
    assert found(settled.reconcile()) == {"long_history": 1}

    assert settled.running() == [f"{number}-2"]
    assert settled.timer(number).gen_version == settled.tickets.get(number).version
    settled.reply(number)
    assert found(settled.reconcile()) == {}, "counted from the new generation on"


def test_the_bound_of_a_history_holds_for_what_a_look_adds(settled: World) -> None:
    """Every event of the ticket with a look of its own, the dearest way there is."""
    number = asleep(settled)
    before = _length(settled, number)
    for _ in range(10):
        settled.reply(number, wait=True)
        settled.write(number)
    added = _length(settled, number) - before
    assert 10 * 7 <= added <= 20 * 15, "moto writes what AWS writes, but for TaskSubmitted"
    assert LONGEST * 15 < 25_000


def _length(world: World, number: str) -> int:
    history = world.sfn.get_execution_history(
        executionArn=world.arn(f"{number}-1"), maxResults=1000
    )
    return len(history["events"])


# ------------------------------------------------------------------ a changed machine


def commented(document: Definition) -> None:
    document["Comment"] = "The same, said in other words."


def with_a_state_more(document: Definition) -> None:
    """Before it looks, the machine passes a new state, and the look is asked with a field more."""
    look = document["States"]["ActOnDueClocks"]
    for state in document["States"].values():
        for catcher in state.get("Catch", ()):
            if catcher["Next"] == "ActOnDueClocks":
                catcher["Next"] = "NoteTheLook"
    document["States"]["NoteTheLook"] = {
        "Type": "Pass",
        "Result": {"by": "a newer machine"},
        "ResultPath": "$.noted",
        "Next": "ActOnDueClocks",
    }
    look["Parameters"]["Payload"]["noted.$"] = "$.noted"


def as_it_was_first(document: Definition) -> None:
    """Its look is asked with the ticket and the generation only."""
    payload = document["States"]["ActOnDueClocks"]["Parameters"]["Payload"]
    for field in set(payload) - {"ticket.$", "gen.$"}:
        del payload[field]


def test_a_changed_machine_is_deployed_over_sleepers_twice_in_the_middle_of_a_story(
    settled: World,
) -> None:
    number = asleep(settled)
    settled.pass_time(minutes=16)  # a reminder has fired
    settled.deploy(commented)
    settled.reply(number)
    assert settled.states(number)[-1] == "AwaitResolution", "it goes on under its old definition"
    assert settled.running() == [f"{number}-1"]

    assert found(settled.reconcile()) == {"older_definition": 1}
    assert settled.running() == [f"{number}-2"]
    assert settled.status(number, 1) == "SUCCEEDED"
    assert found(settled.reconcile()) == {}, "moved once"

    settled.pass_time(hours=3)
    settled.deploy(with_a_state_more)
    assert found(settled.reconcile()) == {"older_definition": 1}
    assert settled.running() == [f"{number}-3"]
    assert settled.states(number, 3) == ["Acknowledge", "NoteTheLook", *LOOK, "AwaitResolution"]

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


def test_the_same_definition_deployed_again_moves_nobody(settled: World) -> None:
    asleep(settled)
    settled.deploy(lambda document: None)
    assert found(settled.reconcile()) == {}


def test_what_begins_between_the_deployment_and_the_run_is_moved_once_to_be_safe(
    settled: World,
) -> None:
    settled.deploy(commented)
    settled.clock.advance(hours=2)
    asleep(settled)
    settled.clock.advance(seconds=1)
    assert found(settled.reconcile()) == {"older_definition": 1}
    assert found(settled.reconcile()) == {}


def test_a_run_that_sees_a_definition_first_lets_it_hold_before_it_starts_anything(
    settled: World,
) -> None:
    """`UpdateStateMachine` holds a few seconds late: a start at once could be an old one's."""
    asleep(settled)
    settled.deploy(commented)
    before = settled.clock.moment
    settled.reconcile()
    assert settled.clock.moment == before + SETTLES


def test_another_role_is_another_definition(settled: World) -> None:
    number = asleep(settled)
    settled.sfn.update_state_machine(
        stateMachineArn=settled.machine, roleArn="arn:aws:iam::123456789012:role/another"
    )
    assert found(settled.reconcile()) == {"older_definition": 1}
    assert settled.running() == [f"{number}-2"]


def test_an_execution_of_the_first_definition_is_served_by_the_functions_of_today(
    world: World, sleepers: Sleepers
) -> None:
    world.deploy(as_it_was_first)
    number = asleep(world)
    world.pass_time(minutes=16)
    assert world.rungs(number) == [("reaction", "remind", 0.25)]
    sleepers.refusals.extend(["AccessDeniedException"])
    world.pass_time(minutes=10)
    assert world.rungs(number)[-1] == ("reaction", "remind", 0.4)
    world.reply(number)
    assert world.states(number)[-1] == "AwaitResolution"
    assert world.status(number) == "RUNNING"


# ------------------------------------------------------------------ executions that nobody needs


def test_a_second_execution_of_a_ticket_is_ended(settled: World) -> None:
    number = asleep(settled)
    assert settled.timers.next_generation(number, 1, settled.clock.now())
    settled.follow()  # nobody told the first one, which sleeps on
    assert settled.running() == [f"{number}-1", f"{number}-2"]
    settled.clock.advance(minutes=3)

    assert found(settled.reconcile()) == {"stopped": 1}
    assert settled.running() == [f"{number}-2"]
    assert settled.tell_end(number, 1) == {"followed": False}


def test_an_execution_of_a_closed_ticket_is_ended(settled: World) -> None:
    number = asleep(settled)
    settled.take(number, lambda t, p, at: by_customer.withdraw(t, p, "", at), follow=False)
    settled.stream.records()  # and these are lost
    settled.timers.clear_awake(number, 1, settled.timer(number).seq)
    settled.clock.advance(minutes=3)

    assert found(settled.reconcile()) == {"stopped": 1}
    assert settled.running() == []
    assert settled.tell_end(number) == {"followed": False}


def test_an_execution_that_is_just_ending_is_left_to_end(settled: World) -> None:
    number = asleep(settled)
    assert settled.timers.next_generation(number, 1, settled.clock.now())
    assert found(settled.repair({"task": "reconcile"})) == {"awake": 1}
    assert f"{number}-1" in settled.running()


@pytest.mark.parametrize("name", ["by-hand", "R-00000-00009-1"])
def test_an_execution_of_no_ticket_of_ours_is_left_alone_and_told(
    settled: World, name: str
) -> None:
    given = {"ticket": asleep(settled), "gen": 7, "seq": 7, "phase": "survey", "wait": 60}
    settled.sfn.start_execution(
        stateMachineArn=settled.machine, name=name, input=json.dumps(given | {"gen": 1, "seq": 2})
    )
    settled.rest()
    settled.clock.advance(minutes=3)
    report = settled.reconcile()
    assert report["examples"]["foreign"] == [name]
    assert name in settled.running()


def test_a_generation_that_the_table_does_not_know_yet_is_left_alone(settled: World) -> None:
    """After a restore the table is behind its executions."""
    number = asleep(settled)
    settled.timers.next_generation(number, 1, settled.clock.now())
    settled.follow()
    spoil(number, "SET gen = :g", g={"N": "1"})
    settled.clock.advance(minutes=3)
    report = settled.reconcile()
    assert report["examples"] == {"foreign": [f"{number}-2"]}


def test_a_table_that_was_restored_to_an_earlier_generation_catches_up(settled: World) -> None:
    number = asleep(settled)
    settled.abort(number)
    settled.tell_end(number)
    assert settled.running() == [f"{number}-2"]
    spoil(number, "SET gen = :g", g={"N": "1"})
    _void_token(number)

    assert found(settled.reconcile()) == {"followed": 1}
    assert settled.timer(number).gen == 2, "and its execution runs, in a wait that nobody can end"
    settled.clock.advance(hours=1, seconds=1)
    settled.reconcile()
    assert settled.running() == [f"{number}-3"]
    assert settled.timer(number).asleep


def test_a_ticket_of_a_team_that_nobody_is_in_any_more_is_found_by_its_execution_and_remembered(
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
    assert found(settled.reconcile()) == {"followed": 1}, "walked, though no execution led there"


# ------------------------------------------------------------------ what cannot be repaired


def test_a_ticket_that_cannot_be_read_is_reported_and_stops_nothing(settled: World) -> None:
    broken, number = asleep(settled), asleep(settled)
    boto3.client("dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": keys.ticket_pk(broken)}, "sk": {"S": keys.TICKET}},
        UpdateExpression="SET doc = :d",
        ExpressionAttributeValues={":d": {"S": '{"number": 7}'}},
    )
    settled.abort(number)
    report = settled.reconcile()
    assert found(report) == {"broken": 1, "followed": 1}
    assert report["examples"]["broken"] == [broken]


def test_a_ticket_without_a_timer_is_reported(settled: World) -> None:
    number = asleep(settled)
    boto3.client("dynamodb").delete_item(
        TableName=TABLE, Key={"pk": {"S": keys.ticket_pk(number)}, "sk": {"S": keys.TIMER}}
    )
    assert found(settled.reconcile())["broken"] == 1


def test_one_run_does_so_much_and_tells_what_is_left(
    settled: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation, "FOLLOWED_A_RUN", 2)
    monkeypatch.setattr(reconciliation, "RENEWED_A_RUN", 3)
    dead = [asleep(settled) for _ in range(3)]
    for _ in range(5):
        asleep(settled)
    for number in dead:
        settled.abort(number)
    settled.deploy(commented)
    runs = [settled.reconcile() for _ in range(3)]

    assert [found(run) for run in runs] == [
        {"followed": 2, "older_definition": 3},
        {"followed": 1, "older_definition": 2},
        {},
    ]
    assert [run["left"] for run in runs] == [3, 0, 0]


def test_a_run_without_time_says_how_far_it_came_and_keeps_what_it_found(
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


def test_a_service_that_fails_ends_the_run_loudly_and_keeps_what_it_found(
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


def test_every_run_leaves_a_report_newest_first(settled: World) -> None:
    settled.clock.advance(days=1)
    number = asleep(settled)
    settled.abort(number)
    settled.reconcile()

    last, first = _reports(settled)
    assert first.began_at == START
    assert last.found == {"followed": 1}
    assert last.definition == first.definition
    assert last.definition_since == START


def test_two_runs_at_once_repair_once(settled: World, monkeypatch: pytest.MonkeyPatch) -> None:
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
