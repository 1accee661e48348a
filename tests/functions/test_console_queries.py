"""The saved queries find the lines that the functions really write.

Each function is called with sample events. A field that a query names must be in one of the lines,
or be one that CloudWatch Logs, Lambda, Step Functions or the access log of the API write.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, redirect_stdout, suppress
from types import ModuleType
from typing import Any

import pytest

from redress.base import observe
from redress.base.errors import RedressError
from redress.base.observe import Failed
from redress.base.people import Member
from tests.alarming import FAILED_LINES, HEALTHY_LINES
from tests.builders import NUMBER, Life
from tests.template.documents import written_of_type
from tests.template.test_console import CONTEXT, commands, formats, queries, widgets
from tests.wired import ACCOUNT, REGION, set_environment
from tests.world import Context, Stores, aws, create_idle_machine, logged_by

MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:redress-ticket"
OF_CLOUDWATCH = {"@timestamp", "@message", "@log", "@logStream"}
"""Fields that CloudWatch Logs gives every line."""
OF_STEP_FUNCTIONS = {
    "id": "7",
    "type": "ExecutionFailed",
    "details": {},
    "previous_event_id": "6",
    "event_timestamp": "1795395600123",
    "execution_arn": f"{MACHINE.replace(':stateMachine:', ':execution:')}:{NUMBER}-1",
}
"""A line of a state machine's log at the level ERROR, without data (Step Functions Developer Guide,
"Logging using CloudWatch Logs")."""
FUNCTIONS = ("relay", "mailer", "inbound", "workflow", "repair", "staff", "intake", "customer")

Line = dict[str, Any]


WRITTEN: list[Line] = []
"""What the functions wrote. They are called once, because no test changes it."""


@pytest.fixture
def lines(request: pytest.FixtureRequest) -> list[Line]:
    """What the functions write about the ticket of the samples, some of it with faults."""
    if not WRITTEN:
        WRITTEN.extend(request.getfixturevalue("written"))
    return WRITTEN


@pytest.fixture
def written(
    stores: Stores,
    staff: dict[str, Member],
    clock: Any,
    sample: Callable[[str], dict[str, Any]],
    load_function: Callable[[str], ModuleType],
    monkeypatch: pytest.MonkeyPatch,
) -> list[Line]:
    """What the functions write about the ticket of the samples, some of it with faults."""
    queue = aws("sqs").create_queue(QueueName="redress-dead")["QueueUrl"]
    aws("s3").create_bucket(Bucket="redress-mail")
    [record] = json.loads(sample("inbound-mail-came")["Records"][0]["body"])["Records"]
    raw = b"Subject: from nobody\r\n\r\nIt leaks."
    aws("s3").put_object(Bucket="redress-mail", Key=record["s3"]["object"]["key"], Body=raw)
    create_idle_machine("redress-ticket")
    set_environment(
        monkeypatch,
        MAIL_QUEUE_URL=queue,
        MAIL_DEAD_LETTER_QUEUE_URL=queue,
        DEAD_LETTER_QUEUE_URL=queue,
        CONFIGURATION_SET="redress",
        OPERATOR_ADDRESS="operations@example.org",
    )
    modules = {function: load_function(function) for function in FUNCTIONS}
    printed = io.StringIO()  # metrics are printed, not logged
    with ExitStack() as stack:
        logs = [stack.enter_context(logged_by(module)) for module in modules.values()]
        stack.enter_context(redirect_stdout(printed))

        def call(name: str, seconds_left: int = 900, **changed: Any) -> None:
            module = modules[name.partition("-")[0]]
            with suppress(Failed, RedressError):  # its line is written, too
                module.handler(sample(name) | changed, Context(seconds_left=seconds_left))

        call("repair-sweep")
        life = Life(clock).open()
        stores.tickets.open(life.last, life.last.after.created_at)
        call("repair-execution-ended")
        call("repair-reconcile")
        call("repair-reconcile", seconds_left=1)
        call("workflow-look")
        call("relay-poison")
        call("mailer-poison")
        call("mailer-send")
        call("mailer-bounce")
        call("inbound-mail-came")
        call("intake-submit", body="{}")
        call("customer-api-ticket")
        call("staff-ticket", pathParameters={"number": "R-11111-11111"})
        call("staff-machine-message")
        observe.unreadable(f"TICKET#{NUMBER}", "TIMER", ValueError("x"))
    return [line for written in (*logs, printed) for line in parsed(written)]


def parsed(written: io.StringIO) -> Iterator[Line]:
    for line in written.getvalue().splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def fields_of(line: Line, prefix: str = "") -> Iterator[str]:
    """The fields that CloudWatch discovers in a line of JSON: `report.found.followed`."""
    for name, value in line.items():
        yield f"{prefix}{name}"
        if isinstance(value, dict):
            yield from fields_of(value, f"{prefix}{name}.")


WORDS = {"as", "by", "desc", "asc", "in", "or", "and", "like", "not", "ispresent"}
CALLED = {"count", "min", "max", "ispresent"}


def named_by(query: str) -> set[str]:
    """The fields that a query names, without words of the language, texts and names of its own."""
    bare = re.sub(r'"[^"]*"|/[^/\n]*/', " ", query)
    own = set(re.findall(r"\bas (\w+)", bare))
    found = set()
    for command, rest in commands(bare):
        if command == "limit":
            continue
        called = set(re.findall(r"(\w+)\(", rest))
        assert called <= CALLED, called
        found |= set(re.findall(r"@?[a-zA-Z_][\w.]*", rest)) - WORDS - called
    return found - own


def test_reader_of_queries_finds_the_fields() -> None:
    query = (
        'filter a.b in ["x", "y"] or c like /d|e/\n| stats count(*) as n, max(@f) by g\n| sort n'
    )
    assert named_by(query) == {"a.b", "c", "@f", "g"}


@pytest.mark.parametrize("name", sorted(queries()))
def test_every_field_of_a_saved_query_is_in_a_line_that_something_writes(
    name: str, lines: list[Line]
) -> None:
    with_address, _ = formats()
    api = json.loads(CONTEXT.sub("x", with_address))
    of_lambda = [json.loads(line) for line in (*FAILED_LINES, HEALTHY_LINES[1])]
    written = (*lines, *of_lambda, api, OF_STEP_FUNCTIONS)
    known = {field for line in written for field in fields_of(line)}
    for field in named_by(queries()[name]["QueryString"]) - OF_CLOUDWATCH:
        if field.startswith(("report.found.", "done.")):
            assert field.rpartition(".")[2] in FINDINGS, field
            continue
        assert field in known, field


FINDINGS = {
    *("followed", "started", "stuck", "corrected", "rebuilt", "woken", "broken"),
    *("mail_sent_again", "signalled"),
}


def test_findings_that_a_saved_query_names_are_those_of_the_reconciliation_and_the_sweep() -> None:
    from redress.workflow.cases.reconciliation import Finding

    assert FINDINGS - {finding.value for finding in Finding} == {"signalled"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("RefusedQuery", "refused"),
        ("RefusedQuery", "request refused"),
        ("ReconciliationQuery", "reconciled"),
        ("ReconciliationQuery", "execution ended"),
        ("ReconciliationQuery", "swept"),
    ],
)
def test_message_that_a_saved_query_looks_for_is_written(
    name: str, message: str, lines: list[Line]
) -> None:
    assert f'"{message}"' in queries()[name]["QueryString"]
    assert message in {line.get("message") for line in lines}


def test_lines_about_a_ticket_contain_its_number(lines: list[Line]) -> None:
    """The saved query searches the whole line for it."""
    found = [line for line in lines if NUMBER in json.dumps(line)]
    assert {line.get("service") for line in found} >= {"mailer", "workflow", "repair"}
    assert any(line.get("ticket") == NUMBER for line in found)


def test_refused_request_is_logged_with_its_route_its_status_and_the_reason(
    lines: list[Line],
) -> None:
    refused = [one for one in lines if one.get("message") in ("refused", "request refused")]
    assert {one["service"] for one in refused} == {"staff", "intake", "customer"}
    for one in refused:
        assert one["route"]
        assert 400 <= one["status"] < 500
        assert one["fault"]


def test_query_of_the_mails_of_a_ticket_finds_a_mail_that_was_refused_for_ever(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A finding that rings an alarm has no `service`, so the query must not ask for it."""
    details = {"ticket": NUMBER, "mail": "MAIL#1", "fault": "MessageRejected"}
    observe.report(observe.Alarm.MAIL_NOT_SENT, "the mail can never be sent", details)
    [line] = parsed(io.StringIO(capsys.readouterr().out))
    asked = dict(commands(queries()["TicketMailQuery"]["QueryString"]))["filter"]
    assert named_by(f"filter {asked}") <= set(fields_of(line))


def test_failures_that_only_lambda_writes_of_are_found_by_query_and_dashboard() -> None:
    """A timeout may be in the report only, not as `Task timed out`.

    Source: DataBiosphere/azul, issue 8140.
    """
    asked = 'type = "platform.report" and record.status != "success"'
    [shown] = [one for one in widgets("log") if one["properties"]["title"] == "What failed"]
    for query in (queries()["FailureQuery"]["QueryString"], shown["properties"]["query"]):
        [levels] = re.findall(r"level in (\[[^]]*\])", query)
        assert asked in query

        def finds(line: str, levels: str = levels) -> bool:
            found = json.loads(line)
            failed = found.get("record", {}).get("status", "success") != "success"
            return failed or found.get("level") in json.loads(levels)

        assert all(map(finds, FAILED_LINES))
        assert not any(map(finds, HEALTHY_LINES[:2]))


def test_every_log_group_of_a_query_is_that_of_a_function_or_a_machine() -> None:
    assert len(written_of_type("AWS::Logs::QueryDefinition")) == len(queries()) == 8
