"""One item that cannot be read stops nothing else.

In each test one item of the table is damaged. The healthy items beside it are served as always. The
damaged one is reported with its keys, and it stays as it is until a person repairs it. Only a TIMER
is rebuilt, because a ticket's snapshot contains everything that it needs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError
from moto.awslambda_simple.models import LambdaSimpleBackend
from moto.core.config import default_user_config

from redress.base.errors import Unavailable, Unreadable
from redress.base.people import CUSTOMER, Member
from redress.db import encoding, keys
from redress.mail.incoming.cases.quarantine import Wanted
from redress.mail.incoming.store import IncomingRecord, MailState, Told
from redress.mail.outgoing.store import AddressChange, AddressMark, AddressStore, address_row
from redress.plans.cases import PlanCases
from redress.plans.store.plans import FRESH_FOR_S, Plans
from redress.scores.messages import AgentResult
from redress.tickets.cases.changes import TicketChanges
from redress.tickets.rules.steps import by_customer, by_staff
from redress.tickets.rules.ticket import Ticket
from redress.wiring import assigner, customer, repair, scoring
from redress.wiring import staff as staff_wiring
from redress.wiring import stores as wired_stores
from redress.workflow.cases.relay import RelayCase
from redress.workflow.cases.repair import PATIENCE
from redress.workflow.store import ReconciliationReport
from tests.builders import MEI, START, Clock, plan_document
from tests.functions.conftest import MEMBERS, altered
from tests.functions.staff.api import Api
from tests.wired import TABLE, rewire, set_environment
from tests.world import Act, Context, Opener, Stores, aws, create_idle_machine

Key = tuple[str, str]
Damage = Callable[[Key], None]
SERVICE = "service"
COMPLAINTS = "complaints"


# ------------------------------------------------------------------ damage


def stored(key: Key) -> dict[str, Any] | None:
    pk, sk = key
    found = aws("dynamodb").get_item(TableName=TABLE, Key={"pk": {"S": pk}, "sk": {"S": sk}})
    item: dict[str, Any] | None = found.get("Item")
    return item


def put(key: Key, **attributes: dict[str, Any] | None) -> None:
    """Replace attributes of an item; None removes one."""
    item = stored(key)
    assert item is not None
    for name, value in attributes.items():
        assert value is None or name in item or name == "armed", f"{key} has no {name}"
        if value is None:
            del item[name]
        else:
            item[name] = value
    aws("dynamodb").put_item(TableName=TABLE, Item=item)


def set_to(**attributes: dict[str, Any] | None) -> Damage:
    return lambda key: put(key, **attributes)


def edit_doc(change: Callable[[str], str]) -> Damage:
    def run(key: Key) -> None:
        item = stored(key)
        assert item is not None
        before = item["doc"]["S"]
        assert change(before) != before
        put(key, doc={"S": change(before)})

    return run


def field(name: str, value: Any) -> Damage:
    """Set a field of the value in `doc`."""
    return edit_doc(lambda doc: json.dumps(json.loads(doc) | {name: value}))


OF_ANY_DOC: dict[str, Damage] = {
    "no doc": set_to(doc=None),
    "doc is a number": set_to(doc={"N": "7"}),
    "doc is another value": set_to(doc={"S": "[7]"}),
    "doc is no JSON": set_to(doc={"S": "nonsense"}),
    "doc ends early": edit_doc(lambda doc: doc[: len(doc) // 2]),
    "doc is too deep": set_to(doc={"S": "[" * 9_000}),
}
OF_SNAPSHOT = OF_ANY_DOC | {
    "unknown state": field("state", "hibernating"),
    "unknown plan version": field("plan_version", 77),
    "version too big": field("version", 10**30),
    "seconds too big": edit_doc(lambda doc: doc.replace('"target_s":', '"target_s":9e30,"x":')),
    "created at another type": field("created_at", 7),
}
UNREADABLE_SNAPSHOT = {name: OF_SNAPSHOT[name] for name in OF_SNAPSHOT if "plan" not in name}
WAIT: dict[str, Any] = {"seq": {"N": "1"}, "phase": {"S": "acknowledgement"}}
OF_TIMER: dict[str, Damage] = {
    "no generation": set_to(gen=None),
    "generation is a text": set_to(gen={"S": "1"}),
    "generation too big": set_to(gen={"N": "9" * 30}),
    "no sequence": set_to(seq=None),
    "sequence is a list": set_to(seq={"L": []}),
    "sequence is negative": set_to(seq={"N": "-4"}),
    "unknown phase": set_to(phase={"S": "hibernation"}),
    "no phase": set_to(phase=None),
    "wake too big": set_to(next_wake_ms={"N": "9" * 30}),
    "wake is a text": set_to(next_wake_ms={"S": "soon"}),
    "armed without a token": set_to(armed={"M": WAIT}),
    "token is empty": set_to(armed={"M": WAIT | {"token": {"S": ""}}}),
    "token is too long": set_to(armed={"M": WAIT | {"token": {"S": "x" * 2049}}}),
    "armed is a text": set_to(armed={"S": "token"}),
    "awake since no time": set_to(awake_since={"S": "0000"}),
}
OF_AVAILABILITY: dict[str, Damage] = {
    "no capacity": set_to(capacity=None),
    "load is a text": set_to(load={"S": "1"}),
    "unknown presence": set_to(presence={"S": "dreaming"}),
    "no languages": set_to(languages=None),
    "languages is a text": set_to(languages={"S": "en"}),
    "no team": set_to(team=None),
    "no last assignment": set_to(last_assigned=None),
}
OF_MEMBER = OF_ANY_DOC | {"unknown role": field("role", "wizard")}
OF_MAIL = OF_ANY_DOC | {"unknown state": field("state", "lost"), "no sender": field("sender", 7)}
OF_FACT: dict[str, Damage] = {
    "seconds are no number": set_to(fr={"S": "1,soon"}),
    "another type": set_to(fr={"N": "1"}),
    "three fields": set_to(rd={"S": "complaint,1,0"}),
}


def each(damages: dict[str, Damage]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("damage", damages.values(), ids=damages.keys())


def head(ticket: Ticket) -> Key:
    return keys.ticket_pk(ticket.number), keys.TICKET


def timer(ticket: Ticket) -> Key:
    return keys.ticket_pk(ticket.number), keys.TIMER


def duty(member: str) -> Key:
    return keys.agent_pk(MEMBERS[member].id), keys.AVAILABILITY


def profile(member: str) -> Key:
    return keys.STAFF, keys.agent_pk(MEMBERS[member].id)


class Reports:
    """The reports of unreadable items that the test has caused so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys, self._written = capsys, ""

    def items(self) -> set[Key]:
        """The keys in the reports. They must contain nothing else of an item."""
        self._written += self._capsys.readouterr().out
        lines = [line for line in self._written.splitlines() if '"Unreadable"' in line]
        assert "leaks" not in "".join(lines)
        assert "example.com" not in "".join(lines)
        found = [json.loads(line) for line in lines]
        assert {(one["level"], one["Unreadable"][0]) for one in found} <= {("ERROR", 1.0)}
        return {(one["pk"], one["sk"]) for one in found}


@pytest.fixture
def reported(capsys: pytest.CaptureFixture[str]) -> Reports:
    return Reports(capsys)


@pytest.fixture
def asked(table: str, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The requests to the assigner. The queues and the ticket machine of the functions exist."""
    monkeypatch.setitem(default_user_config, "lambda", {"use_docker": False})
    urls = [aws("sqs").create_queue(QueueName=n)["QueueUrl"] for n in ("mails", "dead-letters")]
    set_environment(monkeypatch, MAIL_QUEUE_URL=urls[0], DEAD_LETTER_QUEUE_URL=urls[1])
    create_idle_machine("redress-ticket")
    requests: list[Any] = []

    def invoked(self: Any, function_name: str, qualifier: Any, body: Any, *rest: Any) -> bytes:
        requests.append(json.loads(body))
        return b""

    monkeypatch.setattr(LambdaSimpleBackend, "invoke", invoked)
    return requests


@pytest.fixture
def staff_api(
    staff: dict[str, Member],
    load_function: Callable[[str], ModuleType],
    sample: Callable[[str], dict[str, Any]],
    context: Context,
) -> Api:
    return Api(load_function("staff"), sample, context)


def dead_letters() -> list[Any]:
    url = aws("sqs").get_queue_url(QueueName="dead-letters")["QueueUrl"]
    found = aws("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in found.get("Messages", [])]


def running() -> set[str]:
    machine = repair.settings().ticket_machine_arn
    found = aws("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    return {execution["name"] for execution in found}


def three(open_ticket: Opener, **fields: Any) -> list[Ticket]:
    return [open_ticket(**fields) for _ in range(3)]


# ------------------------------------------------------------------ the sweep


@each(OF_TIMER)
def test_sweep_rebuilds_a_damaged_timer_and_starts_the_others(
    damage: Damage,
    asked: list[Any],
    stores: Stores,
    open_ticket: Opener,
    clock: Clock,
    reported: Reports,
) -> None:
    first, bad, last = three(open_ticket)
    damage(timer(bad))
    before = stores.tickets.get(bad.number)
    clock.moment += PATIENCE + timedelta(seconds=1)

    assert repair.repair().sweep() == {"started": 2, "rebuilt": 1}
    assert running() == {f"{one.number}-1" for one in (first, last)}
    rebuilt = stores.timers.get(bad.number)
    assert (rebuilt.phase, rebuilt.gen_version) == (before.phase, before.version)
    assert rebuilt.gen > 1, "an execution of an earlier generation ends"
    assert rebuilt.awake_since == clock.now(), "so the stream starts the new generation"
    assert reported.items() == {timer(bad)}


@each(OF_SNAPSHOT)
def test_sweep_leaves_a_ticket_out_whose_snapshot_and_timer_are_damaged(
    damage: Damage, asked: list[Any], open_ticket: Opener, clock: Clock, reported: Reports
) -> None:
    first, bad, last = three(open_ticket)
    set_to(gen=None)(timer(bad))
    damage(head(bad))
    items = stored(timer(bad)), stored(head(bad))
    clock.moment += PATIENCE + timedelta(seconds=1)

    assert repair.repair().sweep() == {"started": 2, "unreadable": 1}
    assert running() == {f"{one.number}-1" for one in (first, last)}
    assert reported.items() > {timer(bad)}
    assert (stored(timer(bad)), stored(head(bad))) == items


@each(OF_MEMBER)
def test_sweep_drains_the_queues_of_the_teams_of_all_other_members(
    damage: Damage,
    asked: list[Any],
    staff: dict[str, Member],
    open_ticket: Opener,
    reported: Reports,
) -> None:
    open_ticket()
    damage(profile("hua"))
    assert repair.repair().drain_queues() == 1
    assert asked == [{"team": COMPLAINTS}]
    assert reported.items() == {profile("hua")}


@pytest.fixture(
    params=[
        ParamValidationError(report="Invalid length for parameter taskToken"),
        ClientError({"Error": {"Code": "ValidationException"}}, "SendTaskFailure"),
    ],
    ids=["client", "service"],
)
def refused(
    request: pytest.FixtureRequest,
    asked: list[Any],
    open_ticket: Opener,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> Ticket:
    """One of three awake tickets. Its TIMER has a value that only the service knows as wrong."""
    _, bad, _ = three(open_ticket)
    signal = RelayCase.signal

    def refused_for_one(self: RelayCase, number: str) -> None:
        if number == bad.number:
            raise request.param
        signal(self, number)

    monkeypatch.setattr(RelayCase, "signal", refused_for_one)
    clock.moment += PATIENCE + timedelta(seconds=1)
    return bad


def test_ticket_whose_request_a_service_refuses_does_not_end_the_sweep(
    refused: Ticket, reported: Reports
) -> None:
    assert repair.repair().sweep() == {"started": 2, "refused": 1}
    assert reported.items() == {timer(refused)}


def test_ticket_whose_request_a_service_refuses_does_not_end_the_reconciliation(
    refused: Ticket, reported: Reports
) -> None:
    report = reconcile()
    assert (report.found, report.stopped_at) == ({"broken": 1, "started": 2}, None)
    assert report.examples["broken"] == [refused.number]
    assert reported.items() == {timer(refused)}


@pytest.mark.parametrize("error", [Unavailable(), KeyError("a mistake of the code")])
def test_failing_service_or_a_mistake_of_the_code_ends_the_sweep(
    error: Exception,
    asked: list[Any],
    open_ticket: Opener,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    open_ticket()

    def fail(self: RelayCase, number: str) -> None:
        raise error

    monkeypatch.setattr(RelayCase, "signal", fail)
    clock.moment += PATIENCE + timedelta(seconds=1)
    with pytest.raises(type(error)):
        repair.repair().sweep()


def test_sweep_leaves_out_an_index_entry_that_is_no_ticket(
    asked: list[Any], open_ticket: Opener, clock: Clock, reported: Reports
) -> None:
    _, bad = open_ticket(), open_ticket()
    item = stored(timer(bad))
    assert item is not None
    aws("dynamodb").put_item(TableName=TABLE, Item=item | {"pk": {"S": "TICKET"}})
    clock.moment += PATIENCE + timedelta(seconds=1)
    assert repair.repair().sweep()["started"] == 2
    assert reported.items() == {("TICKET", keys.TIMER)}


@each(OF_TIMER)
def test_end_of_an_execution_is_followed_although_the_timer_is_damaged(
    damage: Damage, asked: list[Any], stores: Stores, open_ticket: Opener, clock: Clock
) -> None:
    ticket = open_ticket()
    damage(timer(ticket))
    assert repair.repair().follow_dead(f"{ticket.number}-1", "FAILED")
    rebuilt = stores.timers.get(ticket.number)
    assert (rebuilt.gen > 1, rebuilt.awake_since) == (True, clock.now())


def test_timer_that_somebody_else_rebuilds_meanwhile_does_not_count_as_rebuilt(
    asked: list[Any], open_ticket: Opener, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = open_ticket()
    OF_TIMER["no generation"](timer(ticket))
    monkeypatch.setattr(TicketChanges, "rebuild_timer", lambda self, number: False)
    clock.moment += PATIENCE + timedelta(seconds=1)
    assert repair.repair().sweep() == {"raced": 1}
    assert not repair.repair().follow_dead(f"{ticket.number}-1", "FAILED")


# ------------------------------------------------------------------ assignment


@each(OF_SNAPSHOT)
def test_drain_assigns_all_other_tickets_of_the_queue(
    damage: Damage,
    stores: Stores,
    staff: dict[str, Member],
    open_ticket: Opener,
    reported: Reports,
) -> None:
    first, bad, last = three(open_ticket)
    damage(head(bad))
    item = stored(head(bad))

    assert set(assigner.assignment().drain(COMPLAINTS)) == {first.number, last.number}
    [key] = reported.items()
    assert key in (head(bad), (keys.PLAN, keys.plan_sk(77)))
    assert stored(head(bad)) == item
    with pytest.raises(Unreadable):
        assigner.assignment().assign(bad.number)


def test_assigner_ends_well_for_one_unreadable_ticket(
    staff: dict[str, Member],
    open_ticket: Opener,
    load_function: Callable[[str], ModuleType],
    context: Context,
) -> None:
    """The sweep offers it again. A retry of the invocation could not succeed."""
    bad = open_ticket()
    OF_SNAPSHOT["no doc"](head(bad))
    assert load_function("assigner").handler({"ticket": bad.number}, context) == {"assigned": 0}


@each(OF_AVAILABILITY)
def test_drain_assigns_to_the_other_agents_of_the_team(
    damage: Damage,
    stores: Stores,
    staff: dict[str, Member],
    open_ticket: Opener,
    reported: Reports,
) -> None:
    tickets = three(open_ticket)
    damage(duty("mei"))
    assert len(assigner.assignment().drain(COMPLAINTS)) == staff["jun"].capacity
    given = [stores.tickets.get(ticket.number).assignee for ticket in tickets]
    assert set(given) == {staff["jun"].id, None}
    assert reported.items() == {duty("mei")}


@each({name: OF_SNAPSHOT[name] for name in ("no doc", "unknown state", "unknown plan version")})
def test_departing_agents_other_tickets_go_back_to_the_queue(
    damage: Damage, stores: Stores, staff: dict[str, Member], open_ticket: Opener
) -> None:
    good, bad = open_ticket(agent="a-mei"), open_ticket(agent="a-mei")
    damage(head(bad))
    led = staff_wiring.members().depart(staff["lin"], "a-mei", "203.0.113.7")
    assert led.queued == [good.number]


# ------------------------------------------------------------------ a change


@each({name: one for name, one in OF_TIMER.items() if name.startswith(("no", "gen", "seq"))})
def test_change_rebuilds_a_timer_that_it_cannot_update(
    damage: Damage, stores: Stores, staff: dict[str, Member], open_ticket: Opener, act: Act
) -> None:
    ticket = open_ticket(agent="a-mei")
    damage(timer(ticket))
    after = act(ticket, by_staff.reply, MEI, "An answer", True)
    assert after.version == ticket.version + 1, "the change is written once"
    assert stores.timers.get(ticket.number).phase is after.phase


def test_change_rebuilds_a_missing_timer(
    stores: Stores, staff: dict[str, Member], open_ticket: Opener, act: Act, reported: Reports
) -> None:
    ticket = open_ticket(agent="a-mei")
    pk, sk = timer(ticket)
    aws("dynamodb").delete_item(TableName=TABLE, Key={"pk": {"S": pk}, "sk": {"S": sk}})
    after = act(ticket, by_staff.reply, MEI, "An answer", True)
    assert after.version == ticket.version + 1
    found = stores.timers.get(ticket.number)
    assert (found.phase, found.awake_since is not None) == (after.phase, True)
    assert reported.items() == {timer(ticket)}


# ------------------------------------------------------------------ the stream


@each(OF_ANY_DOC | {"unknown type": field("type", "dreamt")})
def test_unreadable_event_is_set_aside_and_the_other_records_are_processed(
    damage: Damage,
    asked: list[Any],
    open_ticket: Opener,
    load_function: Callable[[str], ModuleType],
    context: Context,
) -> None:
    first, bad, last = three(open_ticket)
    event = keys.event_sk(1)
    damage((keys.ticket_pk(bad.number), event))
    given = {"Records": records(event, first, bad, last)}
    assert load_function("follower").handler(given, context) == {"batchItemFailures": []}

    assert [job["ticket"] for job in asked] == [first.number, last.number]
    [letter] = dead_letters()
    assert letter["keys"]["pk"]["S"] == keys.ticket_pk(bad.number)


@each(OF_TIMER)
def test_record_of_a_damaged_timer_holds_back_no_other_record(
    damage: Damage,
    asked: list[Any],
    stores: Stores,
    open_ticket: Opener,
    load_function: Callable[[str], ModuleType],
    context: Context,
) -> None:
    first, bad, last = three(open_ticket)
    damage(timer(bad))
    given = {"Records": records(keys.TIMER, first, bad, last)}
    assert load_function("relay").handler(given, context) == {"batchItemFailures": []}
    assert running() == {f"{one.number}-1" for one in (first, last)}


def records(sk: str, *tickets: Ticket) -> list[dict[str, Any]]:
    """The stream records of this item of each ticket, as it is stored now."""
    found = [stored((keys.ticket_pk(ticket.number), sk)) for ticket in tickets]
    return [
        {
            "eventName": "INSERT",
            "dynamodb": {
                "SequenceNumber": str(100 + place),
                "Keys": {"pk": item["pk"], "sk": item["sk"]},
                "NewImage": item,
            },
        }
        for place, item in enumerate(found)
        if item is not None
    ]


# ------------------------------------------------------------------ reconciliation


def reconcile() -> ReconciliationReport:
    return repair.reconciliation().run(lambda: 900.0)


@each(OF_SNAPSHOT)
def test_reconciliation_reports_a_broken_ticket_and_repairs_the_others(
    damage: Damage, asked: list[Any], open_ticket: Opener, clock: Clock, reported: Reports
) -> None:
    _, bad, _ = three(open_ticket)
    damage(head(bad))
    clock.moment += PATIENCE + timedelta(seconds=1)
    report = reconcile()
    assert report.found == {"broken": 1, "started": 2}
    assert report.examples["broken"] == [bad.number]
    assert report.stopped_at is None
    assert len(reported.items()) == 1


@each(OF_TIMER | {"missing": lambda key: None})
def test_reconciliation_rebuilds_a_timer_of_a_sleeper(
    damage: Damage,
    asked: list[Any],
    stores: Stores,
    open_ticket: Opener,
    clock: Clock,
    reported: Reports,
    request: pytest.FixtureRequest,
) -> None:
    _, bad, _ = three(open_ticket)
    pk, sk = timer(bad)
    damage((pk, sk))
    if request.node.callspec.id == "missing":
        aws("dynamodb").delete_item(TableName=TABLE, Key={"pk": {"S": pk}, "sk": {"S": sk}})
    clock.moment += PATIENCE + timedelta(seconds=1)
    report = reconcile()
    assert report.found == {"rebuilt": 1, "started": 2}
    assert report.examples["rebuilt"] == [bad.number]
    assert stores.timers.get(bad.number).awake_since == clock.now()
    assert reported.items() == {timer(bad)}


@each(OF_ANY_DOC | {"no teams": field("teams", {"S": "x"})})
def test_reconciliation_compares_the_teams_of_the_other_plan_versions(
    damage: Damage, asked: list[Any], stores: Stores, open_ticket: Opener, clock: Clock
) -> None:
    publish_2(stores)
    damage((keys.PLAN, keys.plan_sk(2)))
    rewire()
    open_ticket()
    clock.moment += PATIENCE + timedelta(seconds=1)
    assert reconcile().open == 1


@each(OF_ANY_DOC)
def test_reconciliation_takes_the_report_before_an_unreadable_one(
    damage: Damage, asked: list[Any], clock: Clock, reported: Reports
) -> None:
    first = reconcile()
    clock.advance(days=1)
    second = reconcile()
    bad = keys.RECONCILIATION, keys.run_sk(second.began_at)
    damage(bad)
    clock.advance(days=1)
    third = reconcile()
    assert [one.began_at for one in wired_stores.reports().latest(3)] == [
        third.began_at,
        first.began_at,
    ]
    assert reported.items() == {bad}


@pytest.mark.parametrize("is_stored", [True, False])
def test_mail_whose_record_is_unreadable_is_not_asked_for_again(
    is_stored: bool, asked: list[Any], stores: Stores, open_ticket: Opener, clock: Clock
) -> None:
    """It may have been sent. A mail without any record is asked for, or its absence explained."""
    ticket, key = open_ticket(), "000001.acknowledgement.customer"
    if is_stored:
        stores.mail_records.claim(ticket.number, key, clock.now(), timedelta(minutes=1))
        put((keys.ticket_pk(ticket.number), keys.mail_sk(key)), state={"N": "7"})
    clock.advance(minutes=20)
    found = reconcile().found
    assert ("mail_sent_again" in found or "mail_explained" in found) is not is_stored


# ------------------------------------------------------------------ lists of staff


@each(UNREADABLE_SNAPSHOT)
def test_work_list_and_board_show_all_other_tickets(
    damage: Damage, staff_api: Api, open_ticket: Opener, reported: Reports
) -> None:
    good, bad = open_ticket(agent="a-mei"), open_ticket(agent="a-mei")
    damage(head(bad))
    work = staff_api("work", "mei", query={})
    assert [item["number"] for item in work.body["items"]] == [good.number]
    board = staff_api("board", "lin")
    assert (board.status, board.body["open"]) == (200, 1)
    assert reported.items() == {head(bad)}


def test_work_list_and_board_show_a_ticket_of_an_unknown_plan(
    staff_api: Api, open_ticket: Opener, clock: Clock
) -> None:
    """A line of a list needs no plan. Only what is near its limit depends on it."""
    bad, good = open_ticket(agent="a-mei"), open_ticket(agent="a-mei")
    OF_SNAPSHOT["unknown plan version"](head(bad))
    clock.advance(hours=3)
    assert len(staff_api("work", "mei", query={}).body["items"]) == 2
    board = staff_api("board", "lin").body
    assert board["open"] == 2
    assert [line["number"] for line in board["near_limit"]] == [good.number]


@each(OF_AVAILABILITY)
def test_board_shows_all_other_agents(
    damage: Damage, staff: dict[str, Member], reported: Reports
) -> None:
    damage(duty("mei"))
    board = staff_wiring.board().board(staff["lin"], COMPLAINTS)
    assert [member.id for member, _ in board.present] == [staff["jun"].id]
    assert reported.items() == {duty("mei")}


@each(UNREADABLE_SNAPSHOT)
def test_answer_about_an_unreadable_ticket_says_so(
    damage: Damage, staff_api: Api, open_ticket: Opener
) -> None:
    good, bad = open_ticket(agent="a-mei"), open_ticket(agent="a-mei")
    damage(head(bad))
    found = staff_api("ticket", "mei", number=bad.number)
    assert (found.status, found.body["type"]) == (500, "urn:redress:problem:unreadable")
    assert staff_api("ticket", "mei", number=good.number).status == 200


@each(OF_SNAPSHOT)
def test_customer_of_an_unreadable_ticket_is_told_so(
    damage: Damage,
    open_ticket: Opener,
    load_function: Callable[[str], ModuleType],
    sample: Callable[[str], dict[str, Any]],
    context: Context,
) -> None:
    good, bad = open_ticket(), open_ticket()
    damage(head(bad))

    def ask(name: str, ticket: Ticket) -> dict[str, Any]:
        token = customer.links().status_token(ticket.number)
        event = altered(
            sample(name),
            path={"token": token} if name == "customer-status" else {"number": ticket.number},
            headers={"authorization": f"Bearer {token}"},
        )
        answer: dict[str, Any] = load_function("customer").handler(event, context)
        return answer

    found = ask("customer-api-ticket", bad)
    problem = json.loads(found["body"])
    assert (found["statusCode"], problem["type"]) == (500, "urn:redress:problem:unreadable")
    assert ask("customer-api-ticket", good)["statusCode"] == 200
    page = ask("customer-status", bad)
    assert (page["statusCode"], "<html" in page["body"]) == (500, True)
    assert ask("customer-status", good)["statusCode"] == 200


@each(OF_ANY_DOC)
def test_answer_about_a_ticket_with_an_unreadable_event_says_so(
    damage: Damage,
    staff_api: Api,
    open_ticket: Opener,
    reported: Reports,
) -> None:
    bad = open_ticket(agent="a-mei")
    event = keys.ticket_pk(bad.number), keys.event_sk(1)
    damage(event)
    found = staff_api("ticket", "mei", number=bad.number)
    assert (found.status, found.body["type"]) == (500, "urn:redress:problem:unreadable")
    assert reported.items() == {event}


@each(
    {
        "no state": set_to(state=None),
        "state is a number": set_to(state={"N": "7"}),
        "at no time": set_to(at={"S": "yesterday"}),
        "attempts too many": set_to(attempts={"S": "x"}),
    }
)
def test_ticket_is_shown_without_an_unreadable_record_of_a_mail(
    damage: Damage, stores: Stores, open_ticket: Opener, clock: Clock, reported: Reports
) -> None:
    ticket = open_ticket()
    for key in ("000001.acknowledgement.customer", "000002.reply.customer"):
        stores.mail_records.claim(ticket.number, key, clock.now(), timedelta(minutes=1))
    bad = keys.ticket_pk(ticket.number), keys.mail_sk("000001.acknowledgement.customer")
    damage(bad)
    file = stores.tickets.file(ticket.number)
    assert [one.key for one in file.mails] == ["000002.reply.customer"]
    assert file.mails == stores.mail_records.of_ticket(ticket.number)
    assert reported.items() == {bad}


# ------------------------------------------------------------------ held mail


def hold(place: int, team: str = COMPLAINTS) -> IncomingRecord:
    record = IncomingRecord(
        identity=f"{place:040x}",
        state=MailState.QUARANTINED,
        key=f"inbound/{place}",
        received_at=START + timedelta(seconds=place),
        sender="li.na@example.com",
        sender_name="Li Na",
        subject="Away",
        excerpt="it leaks",
        reason="automatic",
        team=team,
    )
    wired_stores.incoming_mails().hold(record)
    return record


def of_mail(record: IncomingRecord) -> Key:
    return keys.incoming_mail_pk(record.identity), keys.INCOMING_MAIL


@each(OF_MAIL)
@pytest.mark.parametrize("team", [None, COMPLAINTS])
def test_quarantine_lists_all_other_mails(
    team: str | None, damage: Damage, stores: Stores, staff: dict[str, Member], reported: Reports
) -> None:
    first, bad, last = hold(1), hold(2), hold(3)
    damage(of_mail(bad))
    page = staff_wiring.quarantine().held(staff["wei"], team, lambda: Wanted(25))
    assert [one.identity for one in page.records] == [last.identity, first.identity]
    assert reported.items() == {of_mail(bad)}


@each(OF_MAIL)
def test_watch_asks_for_a_digest_although_the_oldest_mail_is_unreadable(
    damage: Damage, asked: list[Any], clock: Clock, reported: Reports
) -> None:
    bad, good = hold(1), hold(2)
    damage(of_mail(bad))
    clock.advance(days=3)
    assert repair.held_mail().watch() == {"told": 1}
    assert reported.items() == {of_mail(bad)}
    assert wired_stores.incoming_mails().get(good.identity) == good


@each(OF_ANY_DOC)
def test_watch_asks_for_the_digests_of_all_other_teams(
    damage: Damage, asked: list[Any], clock: Clock, reported: Reports
) -> None:
    hold(1), hold(2, SERVICE)
    wired_stores.digests().tell(COMPLAINTS, Told(1, clock.now()))
    damage((keys.held_pk(COMPLAINTS), keys.DIGEST))
    clock.advance(days=3)
    assert repair.held_mail().watch() == {"told": 1}
    url = repair.settings().mail_queue_url
    [message] = aws("sqs").receive_message(QueueUrl=url)["Messages"]
    assert SERVICE in message["Body"]
    assert reported.items() == {(keys.held_pk(COMPLAINTS), keys.DIGEST)}


def test_unreadable_mark_of_an_address_concerns_that_address_only(
    stores: Stores, clock: Clock, reported: Reports
) -> None:
    models = wired_stores.models()
    mark = AddressMark(clock.now(), "5.1.1")
    for address in ("li@example.com", "na@example.com"):
        address_row(models, AddressChange(address, mark)).save()
    bad = keys.address_pk("li@example.com"), keys.ADDRESS
    put(bad, returned_at={"S": "yesterday"})
    addresses = AddressStore(models)
    with pytest.raises(Unreadable):
        addresses.returned("li@example.com")
    assert addresses.returned("na@example.com") == mark
    assert reported.items() == {bad}


# ------------------------------------------------------------------ scores


@each(OF_MEMBER)
def test_scoring_run_scores_all_other_agents(
    damage: Damage, stores: Stores, staff: dict[str, Member], reported: Reports
) -> None:
    damage(profile("mei"))
    month = scoring.scoring_jobs().list_agents("2026-11")
    assert month.agents == ["a-jun", "a-tao"]
    assert reported.items() == {profile("mei")}


@each(OF_FACT)
def test_agent_with_an_unreadable_fact_gets_no_wrong_card_and_others_get_theirs(
    damage: Damage,
    stores: Stores,
    staff: dict[str, Member],
    open_ticket: Opener,
    act: Act,
    reported: Reports,
) -> None:
    for agent in ("mei", "jun"):
        actor = staff[agent].actor
        ticket = open_ticket(agent=actor.id)
        act(ticket, by_staff.resolve, actor, "Replaced.", "upheld", "a kettle", "the seal")
        if agent == "mei":
            bad = keys.facts_pk("a-mei", "2026-11"), keys.fact_sk(ticket.number, 1)
    damage(bad)
    jobs = scoring.scoring_jobs()
    with pytest.raises(Unreadable):
        jobs.score_agent("a-mei", "2026-11", False, 1)
    assert jobs.score_agent("a-jun", "2026-11", False, 1).outcome == "stored"
    assert reported.items() == {bad}


@each(OF_ANY_DOC)
def test_cards_of_a_month_are_listed_without_an_unreadable_one(
    damage: Damage, stores: Stores, staff: dict[str, Member], reported: Reports
) -> None:
    jobs = scoring.scoring_jobs()
    for agent in ("a-mei", "a-jun"):
        jobs.score_agent(agent, "2026-11", False, 1)
    bad = keys.card_pk("2026-11"), keys.agent_pk("a-mei")
    damage(bad)
    cards = staff_wiring.scoring_cases().cards(staff["wei"], "2026-11")
    assert [card.scorecard.agent for card in cards] == ["a-jun"]
    assert reported.items() == {bad}


def test_plan_of_a_month_is_that_of_its_cards_if_its_summary_is_unreadable(
    stores: Stores, staff: dict[str, Member], clock: Clock
) -> None:
    jobs = scoring.scoring_jobs()
    clock.advance(days=10)
    month = jobs.list_agents("2026-11")
    assert not month.preview
    jobs.score_agent("a-jun", "2026-11", False, 1)
    jobs.finish("2026-11", False, 1, [])
    publish_2(stores)
    rewire()
    OF_ANY_DOC["doc ends early"]((keys.card_pk("2026-11"), keys.SUMMARY))
    assert scoring.scoring_jobs().list_agents("2026-11").plan_version == 1


OF_LATE: dict[str, Damage] = {
    "count is a text": set_to(late={"S": "1"}),
    "count too big": set_to(late={"N": "9" * 30}),
    "count is negative": set_to(late={"N": "-1"}),
    "since is no time": set_to(since={"S": "yesterday"}),
    "sequence is a text": set_to(seq={"S": "x"}),
    "sequence too big": set_to(seq={"N": "9" * 30}),
}


@each(OF_LATE)
def test_damaged_count_of_late_facts_stops_no_ticket_no_rating_and_no_card(
    damage: Damage,
    staff_api: Api,
    staff: dict[str, Member],
    open_ticket: Opener,
    act: Act,
    clock: Clock,
    reported: Reports,
) -> None:
    solved = []
    for _ in range(2):
        ticket = open_ticket(agent=MEI.id)
        solved.append(
            act(ticket, by_staff.resolve, MEI, "Replaced.", "upheld", "a kettle", "the seal")
        )
    clock.advance(days=8)
    jobs, cases = scoring.scoring_jobs(), staff_wiring.scoring_cases()
    jobs.score_agent(MEI.id, "2026-11", False, 1)
    act(solved[0], by_customer.dispute, CUSTOMER, "It leaks again.")
    bad = keys.late_facts_pk("2026-11"), keys.agent_pk(MEI.id)
    damage(bad)

    act(solved[1], by_customer.dispute, CUSTOMER, "So does this one.")
    rating = cases.rate(staff["lin"], "2026-11", MEI.id, lambda: {"attitude": 4, "knowledge": 4})
    assert rating.revision == 1
    assert jobs.score_agent(MEI.id, "2026-11", False, 1).outcome == "stored"
    card = staff_api("scorecard", "wei", period="2026-11", agent=MEI.id)
    unknown = {"since": None, "facts": None}
    assert (card.status, card.body["revision"], card.body["stale"]) == (200, 2, unknown)
    listed = staff_api("scorecards", "wei", period="2026-11")
    assert [one["stale"] for one in listed.body["cards"]] == [unknown]
    assert reported.items() == {bad}


@each(OF_ANY_DOC)
def test_cards_of_a_month_are_listed_although_its_summary_is_unreadable(
    damage: Damage, staff_api: Api, reported: Reports
) -> None:
    jobs = scoring.scoring_jobs()
    jobs.score_agent("a-jun", "2026-11", False, 1)
    jobs.finish("2026-11", False, 1, [AgentResult("a-jun", "stored")])
    bad = keys.card_pk("2026-11"), keys.SUMMARY
    damage(bad)
    for leader in ("lin", "wei"):
        listed = staff_api("scorecards", leader, period="2026-11")
        assert (listed.status, listed.body["last_run"]) == (200, None)
        assert [one["agent"] for one in listed.body["cards"]] == ["a-jun"]
    assert reported.items() == {bad}


# ------------------------------------------------------------------ plans and intake


def publish_2(stores: Stores) -> None:
    document = plan_document() | {"version": 2, "effective_from": START.isoformat()}
    stores.plan_store.publish(document, 2, 1)


@each(OF_ANY_DOC)
def test_plan_for_new_tickets_is_read_from_its_version_if_its_copy_is_unreadable(
    damage: Damage, stores: Stores, clock: Clock, reported: Reports
) -> None:
    publish_2(stores)
    damage((keys.PLAN, keys.CURRENT))
    assert Plans(stores.plan_store, clock.now).current().version == 2
    assert reported.items() == {(keys.PLAN, keys.CURRENT)}


@each(OF_ANY_DOC)
def test_plan_for_new_tickets_is_read_from_its_copy_if_its_version_is_unreadable(
    damage: Damage, stores: Stores, clock: Clock, reported: Reports
) -> None:
    moment = [0.0]
    warm = Plans(stores.plan_store, clock.now, lambda: moment[0])
    assert warm.current().version == 1
    publish_2(stores)
    damage((keys.PLAN, keys.plan_sk(2)))
    moment[0] += FRESH_FOR_S + 0.1
    assert warm.current().version == 2
    assert reported.items() == {(keys.PLAN, keys.plan_sk(2))}
    assert Plans(stores.plan_store, clock.now).current().version == 2


@each(OF_ANY_DOC)
def test_versions_are_listed_without_an_unreadable_one(
    damage: Damage, stores: Stores, clock: Clock
) -> None:
    publish_2(stores)
    stores.plan_store.publish(plan_document() | {"version": 3}, 3, 2)
    damage((keys.PLAN, keys.plan_sk(2)))
    rewire()
    page = PlanCases(stores.plan_store, wired_stores.plans(), clock.now).versions(25)
    assert [about.version for about, _ in page.items] == [3, 1]


@each(
    {
        "no answer": set_to(answer=None),
        "answer ends early": set_to(answer={"S": '{"number": "R-'}),
        "answer of another type": set_to(answer={"N": "7"}),
        "no fingerprint": set_to(fingerprint=None),
    }
)
def test_repeat_whose_answer_is_unreadable_opens_no_second_ticket(
    damage: Damage,
    stores: Stores,
    load_function: Callable[[str], ModuleType],
    sample: Callable[[str], dict[str, Any]],
    context: Context,
    reported: Reports,
) -> None:
    intake = load_function("intake").handler
    event = sample("intake-submit")
    assert intake(event, context)["statusCode"] == 201
    key = keys.idempotency_pk(encoding.key_digest(event["headers"]["idempotency-key"])), keys.KEY
    damage(key)
    before = aws("dynamodb").scan(TableName=TABLE)["Count"]

    refused = intake(event, context)
    problem = json.loads(refused["body"])
    assert (refused["statusCode"], problem["type"]) == (500, "urn:redress:problem:unreadable")
    assert aws("dynamodb").scan(TableName=TABLE)["Count"] == before
    assert {key} <= reported.items()
    event["headers"]["idempotency-key"] = "another key"
    assert intake(event, context)["statusCode"] == 201
