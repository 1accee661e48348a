"""Rehearsals and moves, from the manager's request to the report; the machine is played by hand."""

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
from tests.builders import MEI, START, Clock, plan_document, rehearsal_job
from tests.functions.conftest import MEMBERS
from tests.functions.staff.api import Api, Reply
from tests.wired import REGION, TABLE, set_environment
from tests.world import Act, Context, Opener, Stores, aws, create_idle_machine, read_sample

HOUR = 3600
Ends = Callable[..., bool]
JOB = "5f0e3a528f3c4c43"
"""The job of the sample events."""


@pytest.fixture
def machine(table: str) -> None:
    """The rehearsal machine stands in moto; what it would do is done by `Desk.run`."""
    create_idle_machine("redress-rehearsal")


class Desk:
    """A manager at the API, and the machine's states one after the other."""

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
        """What the machine does; the job as the API tells it then."""
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
def desk(
    machine: None,
    staff: dict[str, Member],
    load_function: Callable[[str], ModuleType],
    sample: Callable[[str], dict[str, Any]],
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
) -> Desk:
    monkeypatch.setattr(cases, "PIECES", 1)  # so few tickets need no fine cut
    api = Api(load_function("staff"), sample, context)
    return Desk(api, load_function("rehearsal"), load_function("mover"))


def draft(version: int = 2, **first_response: str) -> dict[str, Any]:
    """Plan 1 with another first response for complaints."""
    document = plan_document()
    document |= {"version": version, "note": "A draft"}
    document["levels"]["complaint"]["promises"]["first_response"] |= first_response
    return document


def items() -> dict[tuple[str, str], Any]:
    """Everything in the table."""
    found = aws("dynamodb").scan(TableName=TABLE)["Items"]
    return {(item["pk"]["S"], item["sk"]["S"]): item for item in found}


def of_tickets() -> dict[tuple[str, str], Any]:
    return {key: item for key, item in items().items() if not key[0].startswith("REHEARSAL#")}


@pytest.fixture
def three(open_ticket: Opener, act: Act, clock: Clock) -> list[Ticket]:
    """Complaints answered after 10, 14 and 20 hours."""
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


def test_a_rehearsal_is_begun_watched_and_read(desk: Desk, three: list[Ticket]) -> None:
    begun = desk.rehearse(draft(within="12h"))
    assert begun.status == 202
    job = begun.body["id"]
    assert begun.headers["Location"] == f"rehearsals/{job}"
    waiting = desk.read(job).body
    assert (waiting["state"], waiting["progress"]) == ("waiting", {"done": 0, "listed": 0})
    assert (waiting["period"], waiting["begun_by"]) == (
        {"from": "2026-11", "to": "2026-11"},
        "m-wei",
    )

    parts = desk.parts(job)
    running = desk.read(job).body
    assert (running["state"], running["progress"]) == ("running", {"done": 0, "listed": 3})
    assert running["report"] is None
    for part in parts:
        assert desk.task("rehearse_part", job, part=part) == {"part": part, "state": "done"}
    assert desk.read(job).body["progress"] == {"done": 3, "listed": 3}

    done = desk.run(job)
    assert (done["state"], done["fault"]) == ("done", None)
    together = done["report"]["together"]
    assert (together["tickets"], together["changed"]) == (3, 3)
    [first] = [line for line in together["promises"] if line["clock"] == "first_response"]
    assert first["missed"] == {"real": 0, "draft": 2}
    assert first["due_earlier"]["mean_s"] == 12 * HOUR
    [turned] = first["turned"]
    assert sorted(turned["examples"]) == sorted(ticket.number for ticket in three[1:])
    [group] = done["report"]["groups"]
    assert (group["kind"], group["team"]) == ("complaint", "complaints")


def test_a_rehearsal_has_no_side_effect(desk: Desk, three: list[Ticket]) -> None:
    before = of_tickets()
    desk.report_of(desk.rehearse(draft(within="1h")))
    assert of_tickets() == before
    mine = {sk.partition("#")[0] for pk, sk in items() if pk.startswith("REHEARSAL#")}
    assert mine == {"JOB", "DRAFT", "PART", "REPORT"}


def test_the_plan_in_force_changes_nothing_but_what_a_late_workflow_did_not_do(
    desk: Desk, three: list[Ticket]
) -> None:
    """No workflow ran here: the rungs are the difference, and no promise turns."""
    together = desk.report_of(desk.rehearse(plan_document()))["together"]
    assert not any(line["turned"] for line in together["promises"])
    assert all(line["real"] == 0 < line["draft"] for line in together["rungs"])


def test_the_same_key_begins_nothing_new(desk: Desk) -> None:
    one, other = desk.api("rehearsal-begin"), desk.api("rehearsal-begin")
    assert one.status == other.status == 202
    assert one.body == other.body
    third = desk.api("rehearsal-begin", body={"plan": draft(3), "period": "2026-11"})
    assert third.status == 409
    assert third.body["type"] == "urn:redress:problem:key-reused"
    assert desk.rehearse(draft()).body["id"] != desk.rehearse(draft()).body["id"]


def test_the_machine_is_told_the_job_and_nothing_else(desk: Desk) -> None:
    job = desk.api("rehearsal-begin").body["id"]
    [run] = aws("stepfunctions").list_executions(
        stateMachineArn=f"arn:aws:states:{REGION}:123456789012:stateMachine:redress-rehearsal"
    )["executions"]
    told = aws("stepfunctions").describe_execution(executionArn=run["executionArn"])
    assert (run["name"], json.loads(told["input"])) == (job, {"job": job})


@pytest.mark.parametrize("version", [1, 2, 7])
def test_the_number_of_a_drafts_version_does_not_matter(desk: Desk, version: int) -> None:
    assert desk.rehearse(draft(version)).status == 202


def test_everything_that_is_wrong_is_said_at_once(desk: Desk) -> None:
    document = draft(within="soon")
    document["calendars"]["office"]["holidays"]["country"] = "ZZ"
    document["time_zone"] = "Middle/Earth"
    found = desk.rehearse(document, period="2027-13")
    assert found.status == 422
    assert found.codes == {
        "/plan/calendars/office/holidays": "unknown_holidays",
        "/plan/levels/complaint/promises/first_response/within": "duration_expected",
        "/plan/time_zone": "unknown_zone",
        "/period": "period_expected",
    }
    assert [key for key in items() if key[0].startswith("REHEARSAL#")] == []


def test_a_draft_that_no_item_would_hold_is_refused(desk: Desk) -> None:
    found = desk.rehearse(draft() | {"sources": {"text": "x" * 400_000}})
    assert (found.status, found.codes) == (422, {"/plan": "too_large"})
    assert [key for key in items() if key[0].startswith("REHEARSAL#")] == []
    assert desk.rehearse(draft() | {"sources": {"text": "x" * 380_000}}).status == 202


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
def test_a_period_is_a_month_or_a_row_of_months_that_has_begun(
    desk: Desk, body: dict[str, Any], codes: dict[str, str]
) -> None:
    asked = {"plan": draft(), **body}
    found = desk.api("rehearsal-begin", body=asked)
    assert (found.status, found.codes) == (422, codes)


@pytest.mark.parametrize("document", [None, [], "a plan", {}])
def test_what_is_no_plan_is_refused(desk: Desk, document: Any) -> None:
    found = desk.rehearse(document)
    assert found.status == 422
    assert all(pointer.startswith("/plan") for pointer in found.pointers)


@pytest.mark.parametrize("job", ["5f0e3a528f3c4c43", "5F0E3A528F3C4C43", "x", "a" * 3000])
def test_a_rehearsal_that_is_not_there_is_not_found(desk: Desk, job: str) -> None:
    assert desk.read(job).status == 404


def test_a_period_is_cut_by_the_plans_zone(desk: Desk, open_ticket: Opener, clock: Clock) -> None:
    """November begins in Shanghai when October still has eight hours in UTC."""
    midnight = datetime(2026, 10, 31, 16, 0, tzinfo=UTC)
    for moment in (midnight - timedelta(seconds=1), midnight, midnight + timedelta(hours=9)):
        clock.moment = moment
        open_ticket()
    clock.moment = START

    def tickets(**months: str) -> int:
        count: int = desk.report_of(desk.rehearse(draft(), **months))["together"]["tickets"]
        return count

    assert tickets(period="2026-11") == 2
    assert tickets(period="2026-10") == 1
    assert tickets(**{"from": "2026-10", "to": "2026-12"}) == 3


def test_a_short_period_is_cut_into_pieces_that_lack_nothing(
    desk: Desk, open_ticket: Opener, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All workers have work then, also when it is a single month that is rehearsed."""
    monkeypatch.setattr(cases, "PIECES", 2)
    for hours in range(0, 22 * 24, 61):
        clock.moment = START - timedelta(hours=hours)
        open_ticket()
    clock.moment = START + timedelta(minutes=1)
    begun = desk.rehearse(draft())
    assert len(desk.parts(begun.body["id"])) == 2 * 2 * keys.SHARDS
    assert desk.report_of(begun)["together"]["tickets"] == len(open_ticket.opened)


def test_tickets_of_a_long_period_are_found_in_whole_months(
    desk: Desk, three: list[Ticket]
) -> None:
    begun = desk.rehearse(draft(), **{"from": "2026-07", "to": "2026-11"})
    assert len(desk.parts(begun.body["id"])) == 6 * keys.SHARDS, "June to November of UTC"
    assert desk.report_of(begun)["together"]["tickets"] == 3


def test_what_comes_after_its_beginning_is_none_of_a_rehearsals_business(
    desk: Desk, three: list[Ticket], act: Act, open_ticket: Opener, clock: Clock
) -> None:
    begun = desk.rehearse(draft(within="24h"))
    clock.advance(hours=1)
    open_ticket()
    act(three[0], by_staff.resolve, MEI, "Replaced.", "upheld", "a kettle", "the seal")
    together = desk.report_of(begun)["together"]
    assert together["tickets"] == 3
    [resolution] = [line for line in together["promises"] if line["clock"] == "resolution"]
    assert resolution["open"] == {"real": 3, "draft": 3}


def test_a_ticket_that_was_moved_is_read_under_the_plans_that_it_had(
    desk: Desk, open_ticket: Opener, stores: Stores, act: Act, clock: Clock
) -> None:
    ticket = open_ticket()
    staff_wiring.plan_cases().publish(MEMBERS["wei"], draft(within="2h"))
    old, new = stores.plans.get(1), stores.plans.get(2)
    clock.advance(hours=1)
    by = replace(MEI, id="m-wei")
    act(ticket, lambda t, p, at: by_staff.move_to_plan(t, old, new, by, "a reason", at))
    clock.advance(hours=2)
    act(ticket, by_staff.reply, MEI, "An answer", False)
    together = desk.report_of(desk.rehearse(plan_document()))["together"]
    [first] = [line for line in together["promises"] if line["clock"] == "first_response"]
    assert (first["missed"], first["kept"]) == ({"real": 1, "draft": 0}, {"real": 0, "draft": 1})


def test_one_history_that_cannot_be_read_does_not_cost_the_others(
    desk: Desk, three: list[Ticket]
) -> None:
    broken = three[0].number
    aws("dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": keys.ticket_pk(broken)}, "sk": {"S": keys.event_sk(3)}},
        UpdateExpression="SET doc = :doc",
        ExpressionAttributeValues={":doc": {"S": '{"number": 3, "type": "sang"}'}},
    )
    report = desk.report_of(desk.rehearse(draft()))
    assert report["unreadable"] == {"tickets": 1, "examples": [broken]}
    assert report["together"]["tickets"] == 2


# ------------------------------------------------------------------------------- its work


def test_a_part_that_takes_long_is_gone_on_with_where_it_was_saved(
    desk: Desk, open_ticket: Opener, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages of two tickets; reading one takes fifteen seconds."""
    monkeypatch.setattr(cases, "PAGE", 2)
    while len({t for t in open_ticket.opened if keys.shard(t) == 0}) < 5:
        open_ticket()
    clock.advance(hours=1)
    begun = desk.rehearse(draft(within="1m")).body["id"]
    read = TicketStore.file
    seen: list[str] = []

    def slowly(self: TicketStore, number: str, **how: Any) -> Any:
        clock.advance(seconds=15)
        seen.append(number)
        return read(self, number, **how)

    monkeypatch.setattr(TicketStore, "file", slowly)
    part = next(name for name in desk.parts(begun) if name.endswith("#0") and "/2026-11-2" in name)
    states, counts = [], []
    while "done" not in states:
        states.append(desk.task("rehearse_part", begun, part=part)["state"])
        counts.append(desk.read(begun).body["progress"]["done"])
    assert (states, counts) == (["more", "done"], [4, 5])
    assert len(seen) == len(set(seen)) == 5
    desk.task("rehearse_part", begun, part=part)
    assert desk.read(begun).body["progress"]["done"] == 5, "a part that is done stays done"


def test_work_that_two_invocations_do_at_once_is_counted_once(
    desk: Desk, three: list[Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A try that was thought dead saves first; the other one goes on from there."""
    begun = desk.rehearse(draft()).body["id"]
    parts = desk.parts(begun)
    save, again = RehearsalStore.save_part, [True]

    def overtaken(self: RehearsalStore, job: str, name: str, *given: Any) -> None:
        if again:
            again.pop()
            desk.task("rehearse_part", job, part=name)
        save(self, job, name, *given)

    monkeypatch.setattr(RehearsalStore, "save_part", overtaken)
    for part in parts:
        again[:] = [True]
        assert desk.task("rehearse_part", begun, part=part)["state"] == "done"
    assert desk.read(begun).body["progress"] == {"done": 3, "listed": 3}
    assert desk.run(begun)["report"]["together"]["tickets"] == 3


@pytest.fixture
def ends(load_function: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> Ends:
    """The bus tells repair that an execution ended: ends(name, status)."""
    event = read_sample("repair-rehearsal-ended")
    machine = event["detail"]["stateMachineArn"]
    set_environment(monkeypatch, REHEARSAL_MACHINE_ARN=machine)
    repair = load_function("repair")

    def tell(name: str, status: str = "ABORTED") -> bool:
        event["detail"] |= {"name": name, "status": status}
        failed: bool = repair.handler(event, Context())["failed"]
        return failed

    return tell


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("status", ["ABORTED", "TIMED_OUT", "FAILED"])
def test_a_rehearsal_that_was_stopped_by_hand_has_failed(
    desk: Desk, three: list[Ticket], ends: Ends, status: str, begun: bool
) -> None:
    job = desk.rehearse(draft()).body["id"]
    if begun:
        desk.parts(job)
    assert ends(job, status)
    found = desk.read(job).body
    assert (found["state"], found["fault"]) == ("failed", f"execution {status}")
    assert not ends(job, status), "told twice, it is kept once"


def test_what_the_machine_said_of_itself_stays(desk: Desk, three: list[Ticket], ends: Ends) -> None:
    failed, done = (desk.rehearse(draft(within=within)).body["id"] for within in ("2h", "3h"))
    desk.task("fail", failed, error="States.Timeout")
    desk.run(done)
    for job in (failed, done):
        assert not ends(job, "FAILED")
    assert desk.read(failed).body["fault"] == "States.Timeout"
    assert desk.read(done).body["state"] == "done"


@pytest.mark.parametrize(
    ("name", "status"), [("tried-by-hand", "ABORTED"), (JOB, "ABORTED"), (JOB, "SUCCEEDED")]
)
def test_the_end_of_an_execution_of_no_job_keeps_nothing(
    desk: Desk, ends: Ends, name: str, status: str
) -> None:
    assert not ends(name, status)
    assert desk.read(JOB).status == 404


def test_a_part_that_failed_leaves_no_sum(desk: Desk, three: list[Ticket]) -> None:
    begun = desk.rehearse(draft()).body["id"]
    first, *others = desk.parts(begun)
    for part in others:
        desk.task("rehearse_part", begun, part=part)
    results = [{"part": part, "state": "done"} for part in others]
    results.append({"part": first, "state": "failed", "error": "Unavailable"})
    assert desk.task("finish", begun, results=results)["failed"] == 1
    found = desk.read(begun).body
    assert (found["state"], found["fault"], found["report"]) == ("failed", "Unavailable", None)


def test_a_job_that_came_to_no_end_says_so(desk: Desk) -> None:
    begun = desk.rehearse(draft()).body["id"]
    desk.task("fail", begun, error="States.Timeout")
    assert desk.read(begun).body["fault"] == "States.Timeout"


# ------------------------------------------------------------------------------- the table


def table_of(desk: Desk, job: str, **event: Any) -> dict[str, Any]:
    asked = desk.api.event("rehearsal", id=job, **event)
    given: dict[str, Any] = desk.api.module.handler(asked, Context())
    return given


@pytest.mark.parametrize(
    "event", [{"query": {"format": "csv"}}, {"headers": {"Accept": "text/csv, */*;q=0.1"}}]
)
def test_a_report_can_be_had_as_a_table(
    desk: Desk, three: list[Ticket], event: dict[str, Any]
) -> None:
    job = desk.rehearse(draft(within="12h")).body["id"]
    refused = table_of(desk, job, **event)
    assert refused["statusCode"] == 409
    desk.run(job)
    given = table_of(desk, job, **event)
    assert given["statusCode"] == 200
    headers = given["headers"]
    assert headers["Content-Type"] == "text/csv; charset=utf-8"
    assert headers["Content-Disposition"] == f'attachment; filename="rehearsal-{job}.csv"'
    assert headers["Cache-Control"] == "no-store"
    lines = list(csv.reader(given["body"].splitlines()))
    assert lines[0] == ["kind", "team", "clock", "measure", "real", "draft"]
    assert ["complaint", "complaints", "first_response", "missed", "0", "2"] in lines
    assert ["all", "all", "", "tickets", "", "3"] in lines


def test_the_address_says_more_than_the_header(desk: Desk, three: list[Ticket]) -> None:
    job = desk.rehearse(draft()).body["id"]
    desk.run(job)
    browser = {"Accept": "text/csv"}
    given = table_of(desk, job, query={"format": "json"}, headers=browser)
    assert json.loads(given["body"])["id"] == job
    assert desk.api("rehearsal", id=job, query={"format": "xml"}).codes == {
        "/format": "unknown_value"
    }


# ------------------------------------------------------------------------------- moves


@pytest.fixture
def published(desk: Desk, clock: Clock) -> int:
    """Version 2: complaints are answered within 12 hours instead of 24."""
    version = staff_wiring.plan_cases().publish(MEMBERS["wei"], draft(within="12h")).about.version
    clock.advance(minutes=1)
    return version


@pytest.fixture
def open_ones(open_ticket: Opener, clock: Clock, act: Act) -> list[Ticket]:
    """Four open tickets under version 1: three complaints, an inquiry; and one that is closed."""
    found = [open_ticket(), open_ticket(), open_ticket("inquiry"), open_ticket()]
    act(open_ticket(), by_customer.withdraw, "Never mind")
    act(found[1], by_staff.tell_progress, MEI, "We look")
    clock.advance(hours=1)
    return found


def test_a_dry_run_says_what_would_move_and_writes_nothing(
    desk: Desk, open_ones: list[Ticket], published: int, clock: Clock, act: Act
) -> None:
    clock.advance(hours=13)
    act(open_ones[0], by_staff.reply, MEI, "An answer", False)
    before = of_tickets()
    report = desk.report_of(desk.move())
    assert of_tickets() == before
    together = report["together"]
    assert (together["tickets"], together["moved"], together["already_there"]) == (4, 4, 0)
    assert together["deadlines_changed"] == 2, "one complaint was answered, and the inquiry stays"
    assert together["overdue_at_once"] == 2
    [first] = together["promises"]
    assert first["clock"] == "first_response"
    assert first["due_earlier"]["promises"] == 2
    assert sorted(first["overdue_examples"]) == sorted(
        ticket.number for ticket in (open_ones[1], open_ones[3])
    )
    assert [(g["kind"], g["moved"]) for g in report["groups"]] == [("complaint", 3), ("inquiry", 1)]


def test_a_move_is_applied_and_recorded_in_every_ticket(
    desk: Desk, open_ones: list[Ticket], published: int, stores: Stores
) -> None:
    dry = desk.move()
    desk.report_of(dry)
    reason = "Complaints are answered within 12 hours"
    begun = desk.move(apply=True, dry_run=dry.body["id"], reason=reason)
    assert begun.headers["Location"] == f"../../rehearsals/{begun.body['id']}"
    report = desk.report_of(begun)
    assert report["together"]["moved"] == 4
    for ticket in open_ones:
        now = stores.tickets.get(ticket.number)
        assert now.plan_version == published
        last = stores.tickets.event(ticket.number, now.version)
        assert last.type is EventType.PLAN_CHANGED
        assert last.by.id == MEMBERS["wei"].id
        assert last.data == {"plan_version": 2, "from": 1, "why": reason}
    complaint = stores.tickets.get(open_ones[0].number)
    assert complaint.clocks[ClockName.FIRST_RESPONSE].due_at == START + timedelta(hours=12)
    told = desk.read(begun.body["id"]).body
    assert (told["apply"], told["dry_run"], told["reason"]) == (True, dry.body["id"], reason)
    assert told["progress"] == {"done": 4, "listed": 4}

    again = desk.report_of(desk.move(apply=True, dry_run=dry.body["id"], reason=reason))
    assert (again["together"]["moved"], again["together"]["already_there"]) == (0, 4)


def test_a_workflow_is_told_that_its_ticket_moved(
    desk: Desk,
    open_ones: list[Ticket],
    published: int,
    stores: Stores,
    act: Act,
) -> None:
    """An earlier reminder: the machine must not sleep on."""
    number = open_ones[1].number
    act(open_ones[1], by_system.acknowledge)
    before = stores.timers.get(number)
    dry = desk.move()
    desk.report_of(dry)
    desk.report_of(desk.move(apply=True, dry_run=dry.body["id"], reason="a reason"))
    after = stores.timers.get(number)
    assert after.next_wake is not None
    assert before.next_wake is not None
    assert after.next_wake < before.next_wake
    assert after.seq == before.seq + 1


def test_a_ticket_that_changes_meanwhile_is_decided_anew(
    desk: Desk,
    open_ones: list[Ticket],
    published: int,
    stores: Stores,
    act: Act,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between read and write one is answered and another withdrawn."""
    dry = desk.move()
    desk.report_of(dry)
    commit = TicketStore.commit
    meanwhile: dict[str, tuple[Any, ...]] = {
        open_ones[0].number: (by_staff.reply, MEI, "An answer", False),
        open_ones[3].number: (by_customer.withdraw, "Never mind"),
    }

    def raced(self: TicketStore, given: Change, *more: Any) -> None:
        if (step := meanwhile.pop(given.after.number, None)) is not None:
            act(given.after, *step)
        commit(self, given, *more)

    monkeypatch.setattr(TicketStore, "commit", raced)
    report = desk.report_of(desk.move(apply=True, dry_run=dry.body["id"], reason="a reason"))
    together = report["together"]
    assert (together["moved"], together["closed_meanwhile"]) == (3, 1)
    answered = stores.tickets.get(open_ones[0].number)
    assert (answered.plan_version, answered.state.value) == (2, "open")
    assert stores.tickets.get(open_ones[3].number).plan_version == 1


def test_a_part_goes_round_until_nothing_is_left_to_move(
    desk: Desk,
    open_ones: list[Ticket],
    published: int,
    stores: Stores,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A ticket that moved forward in the index behind the cursor's back is found the next time."""
    dry = desk.move()
    desk.report_of(dry)
    read = TicketLists.open_in_shard
    hidden = {open_ones[0].number}

    def overlooking(self: TicketLists, *given: Any) -> Any:
        page = read(self, *given)
        found = [number for number in page.numbers if number not in hidden]
        hidden.difference_update(page.numbers if len(found) < len(page.numbers) else ())
        return replace(page, numbers=found)

    monkeypatch.setattr(TicketLists, "open_in_shard", overlooking)
    monkeypatch.setattr(keys, "shard", lambda number: 0)
    monkeypatch.setattr(cases, "PAGE", 100)
    begun = desk.move(apply=True, dry_run=dry.body["id"], reason="a reason")
    desk.report_of(begun)
    rounds = [part.rounds for part in store().parts(begun.body["id"])]
    assert max(rounds) <= cases.MOST_ROUNDS


def store() -> RehearsalStore:
    return RehearsalStore(Models(TABLE, REGION))


def test_a_ticket_that_is_always_being_changed_is_tried_again_later(
    desk: Desk, open_ones: list[Ticket], published: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dry = desk.move()
    desk.report_of(dry)

    def lost(self: TicketStore, *given: Any) -> None:
        raise Raced("as always")

    monkeypatch.setattr(TicketStore, "commit", lost)
    begun = desk.move(apply=True, dry_run=dry.body["id"], reason="a reason").body["id"]
    held = [part for part in desk.parts(begun) if part.startswith("complaints#")]
    shard = keys.shard(open_ones[0].number)
    with pytest.raises(Unavailable):
        desk.task("move_part", begun, part=held[shard])


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
def test_a_move_is_applied_only_after_its_dry_run(
    desk: Desk, published: int, body: dict[str, Any], codes: dict[str, str]
) -> None:
    found = desk.move(**body)
    assert (found.status, found.codes) == (422, codes)


def test_the_dry_run_of_something_else_does_not_count(
    desk: Desk, published: int, clock: Clock
) -> None:
    def refused(job: str) -> str:
        found = desk.move(apply=True, dry_run=job, reason="a reason")
        return found.codes["/dry_run"] if found.status == 422 else str(found.status)

    rehearsed = desk.rehearse(draft()).body["id"]
    assert refused(rehearsed) == "other"
    other = desk.move(version=1).body["id"]
    assert refused(other) == "other"
    fitting = desk.move().body["id"]
    assert refused(fitting) == "not_done"
    desk.run(fitting)
    assert refused(fitting) == "202"
    applied = desk.move(apply=True, dry_run=fitting, reason="a reason").body["id"]
    assert refused(applied) == "other"
    clock.advance(hours=25)
    assert refused(fitting) == "too_old"


def test_a_plan_that_is_not_in_force_yet_can_be_tried_and_not_applied(
    desk: Desk, clock: Clock, open_ones: list[Ticket]
) -> None:
    document = draft(within="12h") | {"effective_from": (START + timedelta(days=9)).isoformat()}
    staff_wiring.plan_cases().publish(MEMBERS["wei"], document)
    clock.advance(minutes=1)
    dry = desk.move()
    assert desk.report_of(dry)["together"]["moved"] == 4
    found = desk.move(apply=True, dry_run=dry.body["id"], reason="a reason")
    assert found.codes == {"/apply": "not_effective_yet"}
    clock.advance(days=9)
    dry = desk.move()
    desk.report_of(dry)
    assert desk.move(apply=True, dry_run=dry.body["id"], reason="a reason").status == 202


@pytest.mark.parametrize("version", ["9", "0", "x", "1.0", "100000"])
def test_a_version_that_was_never_published_is_not_found(desk: Desk, version: str) -> None:
    assert desk.api("plan-moves", body={}, version=version).status == 404


def test_tickets_of_a_team_without_a_plan_or_members_are_found_by_the_last_reconciliation(
    desk: Desk, open_ones: list[Ticket], published: int, act: Act
) -> None:
    act(open_ones[0], by_staff.reassign, MEI, None, "a-team-of-old", "a reason")
    assert desk.report_of(desk.move())["together"]["tickets"] == 3
    ReportStore(Models(TABLE, REGION)).save(
        ReconciliationReport(START, "any", START, ("a-team-of-old",))
    )
    assert desk.report_of(desk.move())["together"]["tickets"] == 4


# ------------------------------------------------------------------------------- the functions


def test_the_sample_events_run_through(
    desk: Desk,
    load_function: Callable[[str], ModuleType],
    sample: Callable[[str], dict[str, Any]],
    context: Context,
) -> None:
    store().begin(rehearsal_job(), draft(), START)
    handler = load_function("rehearsal").handler
    listed = handler(sample("rehearsal-list-parts"), context)
    assert (listed["job"], listed["act"]) == (JOB, "rehearse")
    assert len(listed["parts"]) == 2 * keys.SHARDS, "October still has eight hours in UTC"
    worked = handler(sample("rehearsal-rehearse-part"), context)
    assert worked["state"] == "done"
    finished = handler(sample("rehearsal-finish"), context)
    assert finished == {"job": JOB, "parts": 8, "failed": 8 - 1}
    assert handler(sample("rehearsal-fail"), context)["failed"] == 1
    assert desk.read(JOB).body["state"] == "failed"


def test_the_movers_sample_runs_through(
    desk: Desk,
    published: int,
    load_function: Callable[[str], ModuleType],
    sample: Callable[[str], dict[str, Any]],
    context: Context,
) -> None:
    move = rehearsal_job(kind=JobKind.MOVE, apply=True, reason="a reason", period=None)
    store().begin(move, None, START)
    moved = load_function("mover").handler(sample("mover-move-part"), context)
    assert moved == {"part": "complaints#0", "state": "done"}


def test_a_job_that_is_not_applied_is_not_moved(desk: Desk, published: int) -> None:
    dry = desk.move().body["id"]
    with pytest.raises(Failed, match="ValueError"):
        desk.task("move_part", dry, part="complaints#0")


@pytest.mark.parametrize("function", ["rehearsal", "mover"])
def test_the_functions_warm_up_and_refuse_what_they_do_not_know(
    table: str,
    load_function: Callable[[str], ModuleType],
    context: Context,
    function: str,
) -> None:
    handler = load_function(function).handler
    assert handler({"warm": True}, context) == {"warm": True}
    with pytest.raises(Failed, match="ValueError"):
        handler({"task": "dance", "job": JOB}, context)


def test_a_moved_or_rehearsed_ticket_leaves_no_words_behind(
    desk: Desk, three: list[Ticket]
) -> None:
    """Numbers and ids only: a tally is kept for as long as anybody likes."""
    job = desk.rehearse(draft(within="12h")).body["id"]
    desk.run(job)
    assert store().job(job)[1].state is JobState.DONE
    whole = Counts()
    for part in store().parts(job):
        whole.include(part.counts)
    text = json.dumps([list(whole.counts), list(whole.examples.values())])
    for word in ("kettle", "Li Na", "li.na@example.com", "An answer"):
        assert word not in text
