"""Rehearsals and moves, from the manager's request to the report.

No state machine runs: `Manager.run` calls the functions in the order in which the machine does.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from copy import replace
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest

from redress.base.errors import Unavailable
from redress.base.observe import Failed
from redress.base.people import Member
from redress.clocks.rules.clocks import ClockName
from redress.db import keys
from redress.db.rows import Models
from redress.mail.outgoing.rules.table import MailToSend, mails_after
from redress.rehearsals import cases
from redress.rehearsals.rules.counting import Counts
from redress.rehearsals.store import JobKind, JobState, RehearsalStore
from redress.tickets.rules.change import Change
from redress.tickets.rules.steps import by_customer, by_staff, by_system
from redress.tickets.rules.ticket import EventType, Ticket
from redress.tickets.store.lists import TicketLists
from redress.tickets.store.tickets import TicketStore
from redress.tickets.store.transaction import Raced
from redress.wiring import staff as staff_wiring
from redress.workflow.store import ReconciliationReport, ReportStore
from tests.builders import BY_PHONE, MEI, START, Clock, plan_document, rehearsal_job
from tests.functions.conftest import MEMBERS
from tests.functions.staff.api import Api, Reply
from tests.wired import REGION, TABLE, set_environment
from tests.world import Act, Context, Opener, Stores, aws, create_idle_machine, read_sample

HOUR = 3600
Ends = Callable[..., bool]
JOB = "5f0e3a528f3c4c43"
"""The id of the job in the sample events."""


@pytest.fixture
def machine(table: str) -> None:
    """Creates an idle rehearsal machine in moto. `Manager.run` does its work."""
    create_idle_machine("redress-rehearsal")


class Manager:
    """Calls the API as a manager, and the functions as the state machine does."""

    def __init__(self, api: Api, rehearsal: ModuleType, mover: ModuleType) -> None:
        self.api, self._rehearsal, self._mover = api, rehearsal, mover

    def rehearse(self, draft: Any, **body: Any) -> Reply:
        body = {"period": "2026-11"} | body if "from" not in body else body
        return self.api("rehearsal-begin", body={"plan": draft, **body}, headers={KEY: ""})

    def move(self, version: int = 2, **body: Any) -> Reply:
        return self.api("plan-moves", body=body, version=str(version))

    def read(self, job: str) -> Reply:
        return self.api("rehearsal", id=job)

    def task(self, task: str, job: str, **event: Any) -> dict[str, Any]:
        module = self._mover if task == "move_part" else self._rehearsal
        given = json.loads(json.dumps({"task": task, "job": job, **event}))
        answer: dict[str, Any] = module.handler(given, Context())
        return answer

    def parts(self, job: str) -> list[str]:
        found: list[str] = self.task("list_parts", job)["parts"]
        return found

    def run(self, job: str) -> dict[str, Any]:
        """Run a job to its end, as the state machine does. Returns the job as the API shows it."""
        listed = self.task("list_parts", job)
        work = f"{listed['act']}_part"
        for part in listed["parts"]:
            while self.task(work, job, part=part)["state"] != "done":
                pass
        results = [{"part": part, "state": "done"} for part in listed["parts"]]
        assert self.task("finish", job, results=results)["failed"] == 0
        return dict(self.read(job).body)

    def report_of(self, begun: Reply) -> dict[str, Any]:
        assert begun.status == 202, begun.body
        done = self.run(begun.body["id"])
        assert done["state"] == "done"
        report: dict[str, Any] = done["report"]
        return report


KEY = "Idempotency-Key"


@pytest.fixture
def manager(
    machine: None,
    staff: dict[str, Member],
    load_function: Callable[[str], ModuleType],
    sample: Callable[[str], dict[str, Any]],
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
) -> Manager:
    monkeypatch.setattr(cases, "PIECES", 1)  # the tests have too few tickets for small pieces
    api = Api(load_function("staff"), sample, context)
    assert api("work", "wei").status == 200  # the first request takes the manager's item over
    return Manager(api, load_function("rehearsal"), load_function("mover"))


def draft(version: int = 2, **first_response: str) -> dict[str, Any]:
    """Plan 1 with a changed first response promise for complaints."""
    document = plan_document()
    document |= {"version": version, "note": "A draft"}
    document["levels"]["complaint"]["promises"]["first_response"] |= first_response
    return document


def stored_items() -> dict[tuple[str, str], Any]:
    """All items of the table by their keys."""
    found = aws("dynamodb").scan(TableName=TABLE)["Items"]
    return {(item["pk"]["S"], item["sk"]["S"]): item for item in found}


def ticket_items() -> dict[tuple[str, str], Any]:
    return {
        key: item for key, item in stored_items().items() if not key[0].startswith("REHEARSAL#")
    }


@pytest.fixture
def answered_complaints(open_ticket: Opener, act: Act, clock: Clock) -> list[Ticket]:
    """Three complaints, answered after 10, 14 and 20 hours."""
    found = []
    for hours in (10, 14, 20):
        clock.moment = START
        ticket = open_ticket()
        act(ticket, by_system.acknowledge)
        clock.advance(hours=hours)
        found.append(act(ticket, by_staff.reply, MEI, "An answer", False))
    clock.moment = START + timedelta(hours=21)
    return found


# ------------------------------------------------------------------------------- a rehearsal


def test_rehearsal_reports_its_progress_and_then_its_result(
    manager: Manager, answered_complaints: list[Ticket]
) -> None:
    begun = manager.rehearse(draft(within="12h"))
    assert begun.status == 202
    job = begun.body["id"]
    assert begun.headers["Location"] == f"rehearsals/{job}"
    waiting = manager.read(job).body
    assert (waiting["state"], waiting["progress"]) == ("waiting", {"done": 0, "listed": 0})
    assert (waiting["period"], waiting["begun_by"]) == (
        {"from": "2026-11", "to": "2026-11"},
        "m-wei",
    )

    parts = manager.parts(job)
    running = manager.read(job).body
    assert (running["state"], running["progress"]) == ("running", {"done": 0, "listed": 3})
    assert running["report"] is None
    for part in parts:
        assert manager.task("rehearse_part", job, part=part) == {"part": part, "state": "done"}
    assert manager.read(job).body["progress"] == {"done": 3, "listed": 3}

    done = manager.run(job)
    assert (done["state"], done["fault"]) == ("done", None)
    together = done["report"]["together"]
    assert (together["tickets"], together["changed"]) == (3, 3)
    [first] = [line for line in together["promises"] if line["clock"] == "first_response"]
    assert first["missed"] == {"real": 0, "draft": 2}
    assert first["due_earlier"]["mean_s"] == 12 * HOUR
    [turned] = first["turned"]
    assert sorted(turned["examples"]) == sorted(ticket.number for ticket in answered_complaints[1:])
    [group] = done["report"]["groups"]
    assert (group["kind"], group["team"]) == ("complaint", "complaints")


def test_rehearsal_changes_no_items_of_tickets(
    manager: Manager, answered_complaints: list[Ticket]
) -> None:
    before = ticket_items()
    manager.report_of(manager.rehearse(draft(within="1h")))
    assert ticket_items() == before
    mine = {sk.partition("#")[0] for pk, sk in stored_items() if pk.startswith("REHEARSAL#")}
    assert mine == {"JOB", "DRAFT", "PART", "REPORT"}


def test_rehearsal_of_the_current_plan_differs_only_in_rungs_that_no_workflow_fired(
    manager: Manager, answered_complaints: list[Ticket]
) -> None:
    """No workflow runs in this test, so no rung fired. Every promise has the same result."""
    together = manager.report_of(manager.rehearse(plan_document()))["together"]
    assert not any(line["turned"] for line in together["promises"])
    assert all(line["real"] == 0 < line["draft"] for line in together["rungs"])


def test_repeated_request_with_the_same_key_starts_no_second_rehearsal(manager: Manager) -> None:
    one, other = manager.api("rehearsal-begin"), manager.api("rehearsal-begin")
    assert one.status == other.status == 202
    assert one.body == other.body
    third = manager.api("rehearsal-begin", body={"plan": draft(3), "period": "2026-11"})
    assert third.status == 409
    assert third.body["type"] == "urn:redress:problem:key-reused"
    assert manager.rehearse(draft()).body["id"] != manager.rehearse(draft()).body["id"]


def test_state_machine_gets_only_the_id_of_the_job(manager: Manager) -> None:
    job = manager.api("rehearsal-begin").body["id"]
    [run] = aws("stepfunctions").list_executions(
        stateMachineArn=f"arn:aws:states:{REGION}:123456789012:stateMachine:redress-rehearsal"
    )["executions"]
    described = aws("stepfunctions").describe_execution(executionArn=run["executionArn"])
    assert (run["name"], json.loads(described["input"])) == (job, {"job": job})


@pytest.mark.parametrize("version", [1, 2, 7])
def test_draft_may_have_any_version_number(manager: Manager, version: int) -> None:
    assert manager.rehearse(draft(version)).status == 202


def test_all_faults_of_draft_and_period_are_reported_together(manager: Manager) -> None:
    document = draft(within="soon")
    document["calendars"]["office"]["holidays"]["country"] = "ZZ"
    document["time_zone"] = "Middle/Earth"
    found = manager.rehearse(document, period="2027-13")
    assert found.status == 422
    assert found.codes == {
        "/plan/calendars/office/holidays": "unknown_holidays",
        "/plan/levels/complaint/promises/first_response/within": "duration_expected",
        "/plan/time_zone": "unknown_zone",
        "/period": "period_expected",
    }
    assert [key for key in stored_items() if key[0].startswith("REHEARSAL#")] == []


def test_draft_that_is_too_large_for_an_item_is_refused(manager: Manager) -> None:
    found = manager.rehearse(draft() | {"sources": {"text": "x" * 400_000}})
    assert (found.status, found.codes) == (422, {"/plan": "too_large"})
    assert [key for key in stored_items() if key[0].startswith("REHEARSAL#")] == []
    assert manager.rehearse(draft() | {"sources": {"text": "x" * 200_000}}).status == 202


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ({"period": "2026-12"}, {"/period": "not_begun"}),
        ({"from": "2026-11"}, {"/to": "period_expected"}),
        (
            {"from": "1999-1", "to": "2026-13"},
            {"/from": "period_expected", "/to": "period_expected"},
        ),
        ({"from": "2026-11", "to": "2026-10"}, {"/to": "backwards"}),
        ({"from": "2016-10", "to": "2026-11"}, {"/to": "too_long"}),
        ({"from": "2026-10", "to": "2026-11", "period": "2026-11"}, {"/period": "not_both"}),
        ({"period": 11}, {"/period": "text_expected"}),
        ({"period": "2026-11", "team": "service"}, {"/team": "unknown"}),
    ],
)
def test_invalid_period_is_refused(
    manager: Manager, body: dict[str, Any], codes: dict[str, str]
) -> None:
    asked = {"plan": draft(), **body}
    found = manager.api("rehearsal-begin", body=asked)
    assert (found.status, found.codes) == (422, codes)


@pytest.mark.parametrize("document", [None, [], "a plan", {}])
def test_document_that_is_not_a_plan_is_refused(manager: Manager, document: Any) -> None:
    found = manager.rehearse(document)
    assert found.status == 422
    assert all(pointer.startswith("/plan") for pointer in found.pointers)


@pytest.mark.parametrize("job", ["5f0e3a528f3c4c43", "5F0E3A528F3C4C43", "x", "a" * 3000])
def test_unknown_rehearsal_is_not_found(manager: Manager, job: str) -> None:
    assert manager.read(job).status == 404


def test_period_begins_and_ends_in_the_time_zone_of_the_plan(
    manager: Manager, open_ticket: Opener, clock: Clock
) -> None:
    """November begins in Shanghai eight hours before it begins in UTC."""
    midnight = datetime(2026, 10, 31, 16, 0, tzinfo=UTC)
    for moment in (midnight - timedelta(seconds=1), midnight, midnight + timedelta(hours=9)):
        clock.moment = moment
        open_ticket()
    clock.moment = START

    def tickets(**months: str) -> int:
        count: int = manager.report_of(manager.rehearse(draft(), **months))["together"]["tickets"]
        return count

    assert tickets(period="2026-11") == 2
    assert tickets(period="2026-10") == 1
    assert tickets(**{"from": "2026-10", "to": "2026-12"}) == 3


def test_parts_of_a_short_period_cover_all_its_tickets(
    manager: Manager, open_ticket: Opener, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A month is divided into pieces, so that all workers have work if the period is one month."""
    monkeypatch.setattr(cases, "PIECES", 2)
    for hours in range(0, 22 * 24, 61):
        clock.moment = START - timedelta(hours=hours)
        open_ticket()
    clock.moment = START + timedelta(minutes=1)
    begun = manager.rehearse(draft())
    assert len(manager.parts(begun.body["id"])) == 2 * 2 * keys.SHARDS
    assert manager.report_of(begun)["together"]["tickets"] == len(open_ticket.opened)


def test_long_period_is_divided_into_complete_months(
    manager: Manager, answered_complaints: list[Ticket]
) -> None:
    begun = manager.rehearse(draft(), **{"from": "2026-07", "to": "2026-11"})
    assert len(manager.parts(begun.body["id"])) == 6 * keys.SHARDS, (
        "months in UTC: June to November"
    )
    assert manager.report_of(begun)["together"]["tickets"] == 3


def test_rehearsal_ignores_events_after_its_start(
    manager: Manager, answered_complaints: list[Ticket], act: Act, open_ticket: Opener, clock: Clock
) -> None:
    begun = manager.rehearse(draft(within="24h"))
    clock.advance(hours=1)
    open_ticket()
    act(
        answered_complaints[0], by_staff.resolve, MEI, "Replaced.", "upheld", "a kettle", "the seal"
    )
    together = manager.report_of(begun)["together"]
    assert together["tickets"] == 3
    [resolution] = [line for line in together["promises"] if line["clock"] == "resolution"]
    assert resolution["open"] == {"real": 3, "draft": 3}


def test_history_of_a_moved_ticket_is_read_under_both_of_its_plans(
    manager: Manager, open_ticket: Opener, stores: Stores, act: Act, clock: Clock
) -> None:
    ticket = open_ticket()
    staff_wiring.plan_cases().publish(MEMBERS["wei"], draft(within="2h"))
    old, new = stores.plans.get(1), stores.plans.get(2)
    clock.advance(hours=1)
    by = replace(MEI, id="m-wei")
    act(ticket, lambda t, p, at: by_staff.move_to_plan(t, old, new, by, "a reason", at))
    clock.advance(hours=2)
    act(ticket, by_staff.reply, MEI, "An answer", False)
    together = manager.report_of(manager.rehearse(plan_document()))["together"]
    [first] = [line for line in together["promises"] if line["clock"] == "first_response"]
    assert (first["missed"], first["kept"]) == ({"real": 1, "draft": 0}, {"real": 0, "draft": 1})


def test_unreadable_history_is_reported_and_the_other_tickets_are_counted(
    manager: Manager, answered_complaints: list[Ticket]
) -> None:
    broken = answered_complaints[0].number
    aws("dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": keys.ticket_pk(broken)}, "sk": {"S": keys.event_sk(3)}},
        UpdateExpression="SET doc = :doc",
        ExpressionAttributeValues={":doc": {"S": '{"number": 3, "type": "sang"}'}},
    )
    report = manager.report_of(manager.rehearse(draft()))
    assert report["unreadable"] == {"tickets": 1, "examples": [broken]}
    assert report["together"]["tickets"] == 2


# ------------------------------------------------------------------------------- its parts


def test_part_that_runs_out_of_time_continues_where_it_was_saved(
    manager: Manager, open_ticket: Opener, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages have two tickets, and reading each ticket takes 15 seconds of the test's clock."""
    monkeypatch.setattr(cases, "PAGE", 2)
    while len({t for t in open_ticket.opened if keys.shard(t) == 0}) < 5:
        open_ticket()
    clock.advance(hours=1)
    begun = manager.rehearse(draft(within="1m")).body["id"]
    read = TicketStore.file
    seen: list[str] = []

    def read_slowly(self: TicketStore, number: str, **how: Any) -> Any:
        clock.advance(seconds=15)
        seen.append(number)
        return read(self, number, **how)

    monkeypatch.setattr(TicketStore, "file", read_slowly)
    part = next(
        name for name in manager.parts(begun) if name.endswith("#0") and "/2026-11-2" in name
    )
    states, counts = [], []
    while "done" not in states:
        states.append(manager.task("rehearse_part", begun, part=part)["state"])
        counts.append(manager.read(begun).body["progress"]["done"])
    assert (states, counts) == (["more", "done"], [4, 5])
    assert len(seen) == len(set(seen)) == 5
    manager.task("rehearse_part", begun, part=part)
    assert manager.read(begun).body["progress"]["done"] == 5, (
        "a finished part is not processed again"
    )


def test_part_that_two_invocations_process_at_once_is_counted_once(
    manager: Manager, answered_complaints: list[Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt that was believed dead saves first. The other one continues from there."""
    begun = manager.rehearse(draft()).body["id"]
    parts = manager.parts(begun)
    save, again = RehearsalStore.save_part, [True]

    def save_after_another_attempt(self: RehearsalStore, job: str, name: str, *given: Any) -> None:
        if again:
            again.pop()
            manager.task("rehearse_part", job, part=name)
        save(self, job, name, *given)

    monkeypatch.setattr(RehearsalStore, "save_part", save_after_another_attempt)
    for part in parts:
        again[:] = [True]
        assert manager.task("rehearse_part", begun, part=part)["state"] == "done"
    assert manager.read(begun).body["progress"] == {"done": 3, "listed": 3}
    assert manager.run(begun)["report"]["together"]["tickets"] == 3


@pytest.fixture
def ends(load_function: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> Ends:
    """Sends repair the event that an execution ended: `ends(name, status)`.

    The result is whether repair recorded the job as failed.
    """
    event = read_sample("repair-rehearsal-ended")
    machine = event["detail"]["stateMachineArn"]
    set_environment(monkeypatch, REHEARSAL_MACHINE_ARN=machine)
    repair = load_function("repair")

    def send(name: str, status: str = "ABORTED") -> bool:
        event["detail"] |= {"name": name, "status": status}
        failed: bool = repair.handler(event, Context())["failed"]
        return failed

    return send


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("status", ["ABORTED", "TIMED_OUT", "FAILED"])
def test_rehearsal_fails_if_its_execution_ends_without_a_result(
    manager: Manager, answered_complaints: list[Ticket], ends: Ends, status: str, begun: bool
) -> None:
    job = manager.rehearse(draft()).body["id"]
    if begun:
        manager.parts(job)
    assert ends(job, status)
    found = manager.read(job).body
    assert (found["state"], found["fault"]) == ("failed", f"execution {status}")
    assert not ends(job, status), "the second event about the same end records nothing"


def test_state_that_the_machine_recorded_is_kept_when_its_execution_ends(
    manager: Manager, answered_complaints: list[Ticket], ends: Ends
) -> None:
    failed, done = (manager.rehearse(draft(within=within)).body["id"] for within in ("2h", "3h"))
    manager.task("fail", failed, error="States.Timeout")
    manager.run(done)
    for job in (failed, done):
        assert not ends(job, "FAILED")
    assert manager.read(failed).body["fault"] == "States.Timeout"
    assert manager.read(done).body["state"] == "done"


@pytest.mark.parametrize(
    ("name", "status"), [("tried-by-hand", "ABORTED"), (JOB, "ABORTED"), (JOB, "SUCCEEDED")]
)
def test_end_of_an_execution_without_a_job_stores_nothing(
    manager: Manager, ends: Ends, name: str, status: str
) -> None:
    assert not ends(name, status)
    assert manager.read(JOB).status == 404


def test_rehearsal_with_a_failed_part_fails_and_has_no_report(
    manager: Manager, answered_complaints: list[Ticket]
) -> None:
    begun = manager.rehearse(draft()).body["id"]
    first, *others = manager.parts(begun)
    for part in others:
        manager.task("rehearse_part", begun, part=part)
    results = [{"part": part, "state": "done"} for part in others]
    results.append({"part": first, "state": "failed", "error": "Unavailable"})
    assert manager.task("finish", begun, results=results)["failed"] == 1
    found = manager.read(begun).body
    assert (found["state"], found["fault"], found["report"]) == ("failed", "Unavailable", None)


def test_failed_job_shows_the_error_as_its_fault(manager: Manager) -> None:
    begun = manager.rehearse(draft()).body["id"]
    manager.task("fail", begun, error="States.Timeout")
    assert manager.read(begun).body["fault"] == "States.Timeout"


# ------------------------------------------------------------------------------- as CSV


def csv_of(manager: Manager, job: str, **event: Any) -> dict[str, Any]:
    asked = manager.api.event("rehearsal", id=job, **event)
    given: dict[str, Any] = manager.api.module.handler(asked, Context())
    return given


@pytest.mark.parametrize(
    "event", [{"query": {"format": "csv"}}, {"headers": {"Accept": "text/csv, */*;q=0.1"}}]
)
def test_report_is_available_as_csv(
    manager: Manager, answered_complaints: list[Ticket], event: dict[str, Any]
) -> None:
    job = manager.rehearse(draft(within="12h")).body["id"]
    refused = csv_of(manager, job, **event)
    assert refused["statusCode"] == 409
    manager.run(job)
    given = csv_of(manager, job, **event)
    assert given["statusCode"] == 200
    headers = given["headers"]
    assert headers["Content-Type"] == "text/csv; charset=utf-8"
    assert headers["Content-Disposition"] == f'attachment; filename="rehearsal-{job}.csv"'
    assert headers["Cache-Control"] == "no-store"
    lines = list(csv.reader(given["body"].splitlines()))
    assert lines[0] == ["kind", "team", "clock", "measure", "real", "draft"]
    assert ["complaint", "complaints", "first_response", "missed", "0", "2"] in lines
    assert ["all", "all", "", "tickets", "", "3"] in lines


def test_format_in_the_query_has_precedence_over_the_accept_header(
    manager: Manager, answered_complaints: list[Ticket]
) -> None:
    job = manager.rehearse(draft()).body["id"]
    manager.run(job)
    browser = {"Accept": "text/csv"}
    given = csv_of(manager, job, query={"format": "json"}, headers=browser)
    assert json.loads(given["body"])["id"] == job
    assert manager.api("rehearsal", id=job, query={"format": "xml"}).codes == {
        "/format": "unknown_value"
    }


# ------------------------------------------------------------------------------- moves


@pytest.fixture
def published(manager: Manager, clock: Clock) -> int:
    """Publishes version 2: complaints are answered within 12 hours instead of 24."""
    version = staff_wiring.plan_cases().publish(MEMBERS["wei"], draft(within="12h")).about.version
    clock.advance(minutes=1)
    return version


@pytest.fixture
def open_tickets(open_ticket: Opener, clock: Clock, act: Act) -> list[Ticket]:
    """Three complaints and an inquiry, open under version 1. A fifth ticket is closed."""
    found = [open_ticket(), open_ticket(), open_ticket("inquiry"), open_ticket()]
    act(open_ticket(), by_customer.withdraw, "Never mind")
    act(found[1], by_staff.tell_progress, MEI, "We look")
    clock.advance(hours=1)
    return found


def test_dry_run_reports_what_would_move_and_changes_no_ticket(
    manager: Manager, open_tickets: list[Ticket], published: int, clock: Clock, act: Act
) -> None:
    clock.advance(hours=13)
    act(open_tickets[0], by_staff.reply, MEI, "An answer", False)
    before = ticket_items()
    report = manager.report_of(manager.move())
    assert ticket_items() == before
    together = report["together"]
    assert (together["tickets"], together["moved"], together["already_there"]) == (4, 4, 0)
    assert together["deadlines_changed"] == 2, (
        "one complaint is answered, and the inquiry has the same promises"
    )
    assert together["overdue_at_once"] == 2
    [first] = together["promises"]
    assert first["clock"] == "first_response"
    assert first["due_earlier"]["promises"] == 2
    assert sorted(first["overdue_examples"]) == sorted(
        ticket.number for ticket in (open_tickets[1], open_tickets[3])
    )
    assert [(g["kind"], g["moved"]) for g in report["groups"]] == [("complaint", 3), ("inquiry", 1)]


def test_applied_move_is_recorded_in_the_history_of_every_ticket(
    manager: Manager, open_tickets: list[Ticket], published: int, stores: Stores
) -> None:
    dry = manager.move()
    manager.report_of(dry)
    reason = "Complaints are answered within 12 hours"
    begun = manager.move(apply=True, dry_run=dry.body["id"], reason=reason)
    assert begun.headers["Location"] == f"../../rehearsals/{begun.body['id']}"
    report = manager.report_of(begun)
    assert report["together"]["moved"] == 4
    for ticket in open_tickets:
        now = stores.tickets.get(ticket.number)
        assert now.plan_version == published
        last = stores.tickets.event(ticket.number, now.version)
        assert last.type is EventType.PLAN_CHANGED
        assert last.by.id == MEMBERS["wei"].id
        queued = {} if now.assignee else {"queued": True}
        assert last.data == {"plan_version": 2, "from": 1, "why": reason} | queued
    complaint = stores.tickets.get(open_tickets[0].number)
    assert complaint.clocks[ClockName.FIRST_RESPONSE].due_at == START + timedelta(hours=12)
    shown = manager.read(begun.body["id"]).body
    assert (shown["apply"], shown["dry_run"], shown["reason"]) == (True, dry.body["id"], reason)
    assert shown["progress"] == {"done": 4, "listed": 4}

    again = manager.report_of(manager.move(apply=True, dry_run=dry.body["id"], reason=reason))
    assert (again["together"]["moved"], again["together"]["already_there"]) == (0, 4)


def test_move_asks_staff_to_tell_each_customer_whom_no_mail_can_tell(
    manager: Manager, stores: Stores, open_ticket: Opener, clock: Clock
) -> None:
    """The report names at most three of these tickets, so nobody would learn of the fourth."""
    tickets = [open_ticket(contact=BY_PHONE) for _ in range(4)]
    staff_wiring.plan_cases().publish(MEMBERS["wei"], draft(within="40h"))
    clock.advance(minutes=1)
    dry = manager.move()
    manager.report_of(dry)
    begun = manager.move(apply=True, dry_run=dry.body["id"], reason="Fewer people")
    assert manager.report_of(begun)["together"]["later_told_by_staff"] == 4
    for ticket in tickets:
        last = stores.tickets.history(ticket.number)[-1]
        assert mails_after(last) == [MailToSend("tell_moved", "agent")]


def test_move_wakes_the_workflow_if_the_next_reminder_is_earlier(
    manager: Manager,
    open_tickets: list[Ticket],
    published: int,
    stores: Stores,
    act: Act,
) -> None:
    """Version 2 brings the next reminder forward, so the workflow must not sleep longer."""
    number = open_tickets[1].number
    act(open_tickets[1], by_system.acknowledge)
    before = stores.timers.get(number)
    dry = manager.move()
    manager.report_of(dry)
    manager.report_of(manager.move(apply=True, dry_run=dry.body["id"], reason="a reason"))
    after = stores.timers.get(number)
    assert after.next_wake is not None
    assert before.next_wake is not None
    assert after.next_wake < before.next_wake
    assert after.seq == before.seq + 1


def test_move_decides_again_if_a_ticket_changed_between_read_and_write(
    manager: Manager,
    open_tickets: list[Ticket],
    published: int,
    stores: Stores,
    act: Act,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between read and write, one ticket is answered and another one is withdrawn."""
    dry = manager.move()
    manager.report_of(dry)
    commit = TicketStore.commit
    meanwhile: dict[str, tuple[Any, ...]] = {
        open_tickets[0].number: (by_staff.reply, MEI, "An answer", False),
        open_tickets[3].number: (by_customer.withdraw, "Never mind"),
    }

    def commit_after_a_change(self: TicketStore, given: Change, *more: Any) -> None:
        if (step := meanwhile.pop(given.after.number, None)) is not None:
            act(given.after, *step)
        commit(self, given, *more)

    monkeypatch.setattr(TicketStore, "commit", commit_after_a_change)
    report = manager.report_of(manager.move(apply=True, dry_run=dry.body["id"], reason="a reason"))
    together = report["together"]
    assert (together["moved"], together["closed_meanwhile"]) == (3, 1)
    answered = stores.tickets.get(open_tickets[0].number)
    assert (answered.plan_version, answered.state.value) == (2, "open")
    assert stores.tickets.get(open_tickets[3].number).plan_version == 1


def test_move_reads_the_index_again_until_no_ticket_is_left_to_move(
    manager: Manager,
    open_tickets: list[Ticket],
    published: int,
    stores: Stores,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A ticket may move in the index to a place that was already read. The next round finds it."""
    dry = manager.move()
    manager.report_of(dry)
    read = TicketLists.open_in_shard
    hidden = {open_tickets[0].number}

    def read_without_hidden(self: TicketLists, *given: Any) -> Any:
        page = read(self, *given)
        found = [number for number in page.numbers if number not in hidden]
        hidden.difference_update(page.numbers if len(found) < len(page.numbers) else ())
        return replace(page, numbers=found)

    monkeypatch.setattr(TicketLists, "open_in_shard", read_without_hidden)
    monkeypatch.setattr(keys, "shard", lambda number: 0)
    monkeypatch.setattr(cases, "PAGE", 100)
    begun = manager.move(apply=True, dry_run=dry.body["id"], reason="a reason")
    manager.report_of(begun)
    rounds = [part.rounds for part in store().parts(begun.body["id"])]
    assert max(rounds) <= cases.MOST_ROUNDS


def store() -> RehearsalStore:
    return RehearsalStore(Models(TABLE, REGION))


def test_ticket_that_changes_at_each_attempt_raises_unavailable(
    manager: Manager, open_tickets: list[Ticket], published: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dry = manager.move()
    manager.report_of(dry)

    def always_raced(self: TicketStore, *given: Any) -> None:
        raise Raced("as always")

    monkeypatch.setattr(TicketStore, "commit", always_raced)
    begun = manager.move(apply=True, dry_run=dry.body["id"], reason="a reason").body["id"]
    held = [part for part in manager.parts(begun) if part.startswith("complaints#")]
    shard = keys.shard(open_tickets[0].number)
    with pytest.raises(Unavailable):
        manager.task("move_part", begun, part=held[shard])


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ({"apply": True}, {"/reason": "required", "/dry_run": "required"}),
        (
            {"apply": True, "reason": "  ", "dry_run": "x"},
            {"/reason": "required", "/dry_run": "unknown"},
        ),
        ({"apply": True, "reason": "a", "dry_run": JOB}, {"/dry_run": "unknown"}),
        ({"apply": "yes"}, {"/apply": "boolean_expected"}),
        ({"dry_run": JOB}, {"/dry_run": "not_expected"}),
        ({"apply": True, "reason": "a" * 2001}, {"/reason": "too_long"}),
    ],
)
def test_applying_a_move_requires_a_reason_and_a_dry_run(
    manager: Manager, published: int, body: dict[str, Any], codes: dict[str, str]
) -> None:
    found = manager.move(**body)
    assert (found.status, found.codes) == (422, codes)


def test_move_is_refused_unless_its_dry_run_matches_is_done_and_is_recent(
    manager: Manager, published: int, clock: Clock
) -> None:
    def refused(job: str) -> str:
        found = manager.move(apply=True, dry_run=job, reason="a reason")
        return found.codes["/dry_run"] if found.status == 422 else str(found.status)

    rehearsed = manager.rehearse(draft()).body["id"]
    assert refused(rehearsed) == "other"
    other = manager.move(version=1).body["id"]
    assert refused(other) == "other"
    fitting = manager.move().body["id"]
    assert refused(fitting) == "not_done"
    manager.run(fitting)
    assert refused(fitting) == "202"
    applied = manager.move(apply=True, dry_run=fitting, reason="a reason").body["id"]
    assert refused(applied) == "other"
    clock.advance(hours=25)
    assert refused(fitting) == "too_old"


def test_move_to_a_plan_that_is_not_effective_yet_allows_a_dry_run_only(
    manager: Manager, clock: Clock, open_tickets: list[Ticket]
) -> None:
    document = draft(within="12h") | {"effective_from": (START + timedelta(days=9)).isoformat()}
    staff_wiring.plan_cases().publish(MEMBERS["wei"], document)
    clock.advance(minutes=1)
    dry = manager.move()
    assert manager.report_of(dry)["together"]["moved"] == 4
    found = manager.move(apply=True, dry_run=dry.body["id"], reason="a reason")
    assert found.codes == {"/apply": "not_effective_yet"}
    clock.advance(days=9)
    dry = manager.move()
    manager.report_of(dry)
    assert manager.move(apply=True, dry_run=dry.body["id"], reason="a reason").status == 202


@pytest.mark.parametrize("version", ["9", "0", "x", "1.0", "100000"])
def test_move_to_an_unpublished_version_is_not_found(manager: Manager, version: str) -> None:
    assert manager.api("plan-moves", body={}, version=version).status == 404


def test_move_includes_tickets_of_teams_that_only_the_last_reconciliation_names(
    manager: Manager, open_tickets: list[Ticket], published: int, act: Act
) -> None:
    act(open_tickets[0], by_staff.reassign, MEI, None, "a-team-of-old", "a reason")
    assert manager.report_of(manager.move())["together"]["tickets"] == 3
    ReportStore(Models(TABLE, REGION)).save(
        ReconciliationReport(START, "any", START, ("a-team-of-old",))
    )
    assert manager.report_of(manager.move())["together"]["tickets"] == 4


# ------------------------------------------------------------------------------- the functions


def test_rehearsal_function_processes_its_sample_events(
    manager: Manager,
    load_function: Callable[[str], ModuleType],
    sample: Callable[[str], dict[str, Any]],
    context: Context,
) -> None:
    store().begin(rehearsal_job(), draft(), START)
    handler = load_function("rehearsal").handler
    listed = handler(sample("rehearsal-list-parts"), context)
    assert (listed["job"], listed["act"]) == (JOB, "rehearse")
    assert len(listed["parts"]) == 2 * keys.SHARDS, (
        "in UTC, the month in Shanghai begins in October"
    )
    worked = handler(sample("rehearsal-rehearse-part"), context)
    assert worked["state"] == "done"
    finished = handler(sample("rehearsal-finish"), context)
    assert finished == {"job": JOB, "parts": 8, "failed": 8 - 1}
    assert handler(sample("rehearsal-fail"), context)["failed"] == 1
    assert manager.read(JOB).body["state"] == "failed"


def test_mover_function_processes_its_sample_event(
    manager: Manager,
    published: int,
    load_function: Callable[[str], ModuleType],
    sample: Callable[[str], dict[str, Any]],
    context: Context,
) -> None:
    move = rehearsal_job(kind=JobKind.MOVE, apply=True, reason="a reason", period=None)
    store().begin(move, None, START)
    moved = load_function("mover").handler(sample("mover-move-part"), context)
    assert moved == {"part": "complaints#0", "state": "done"}


def test_mover_refuses_the_job_of_a_dry_run(manager: Manager, published: int) -> None:
    dry = manager.move().body["id"]
    with pytest.raises(Failed, match="ValueError"):
        manager.task("move_part", dry, part="complaints#0")


@pytest.mark.parametrize("function", ["rehearsal", "mover"])
def test_functions_answer_warm_up_events_and_raise_for_an_unknown_task(
    table: str,
    load_function: Callable[[str], ModuleType],
    context: Context,
    function: str,
) -> None:
    handler = load_function(function).handler
    assert handler({"warm": True}, context) == {"warm": True}
    with pytest.raises(Failed, match="ValueError"):
        handler({"task": "dance", "job": JOB}, context)


def test_stored_counts_contain_no_texts_or_names(
    manager: Manager, answered_complaints: list[Ticket]
) -> None:
    """Counts may be kept without limit, so they hold only numbers, ids and names of the plan."""
    job = manager.rehearse(draft(within="12h")).body["id"]
    manager.run(job)
    assert store().job(job)[1].state is JobState.DONE
    whole = Counts()
    for part in store().parts(job):
        whole.include(part.counts)
    text = json.dumps([list(whole.counts), list(whole.examples.values())])
    for word in ("kettle", "Li Na", "li.na@example.com", "An answer"):
        assert word not in text
