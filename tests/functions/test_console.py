"""The widget of operations: what it shows of the table and of AWS's metrics, and in which form."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from types import ModuleType
from typing import Any

import pytest

from redress.base.people import Member
from redress.console.cases import state as state_module
from redress.console.rules import deployed, months
from redress.db import keys
from redress.tickets.rules.steps import by_staff
from redress.wiring import console as wiring
from tests.builders import MEI, Clock
from tests.wired import ACCOUNT, REGION, TABLE, set_environment
from tests.world import Act, Context, Opener, Stores, aws, logged_by

MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:redress-ticket"
ENVIRONMENT = {
    "STACK_NAME": "redress",
    "API_ID": "abcde12345",
    "TICKET_MACHINE_ARN": MACHINE,
    "MAIL_BUCKET": "redress-mail",
    "POLLED_QUEUES": "mails,inbound",
    "MAIL_FEEDBACK_TOPIC": "feedback",
    "INBOUND_TOPIC": "inbound",
    "OPERATIONS_TOPIC": "operations",
    "ALARMS": "10",
    "ARCHITECTURE": "arm64",
}
EXECUTION = f"https://{REGION}.console.aws.amazon.com/states/home?region={REGION}#"

Show = Callable[..., str]


@pytest.fixture
def console(
    table: str, load_function: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    set_environment(monkeypatch, **ENVIRONMENT)
    return load_function("console")


@pytest.fixture
def show(console: ModuleType, sample: Callable[[str], dict[str, Any]]) -> Show:
    """Invokes the function with a sample, of which a test may change parts."""

    def run(name: str, theme: str = "light", ticket: str | None = None, seconds: int = 30) -> str:
        event = sample(name)
        event["widgetContext"]["theme"] = theme
        if ticket is not None:
            event["widgetContext"]["forms"]["all"]["ticket"] = ticket
        answer = console.handler(event, Context(seconds_left=seconds))
        assert isinstance(answer, str)
        check(answer)
        return answer

    return run


class _Checker(HTMLParser):
    """Collects what CloudWatch removes from the HTML of a widget, and tags that are not closed."""

    VOID = frozenset({"br", "input", "rect"})
    REMOVED = frozenset({"script", "iframe", "use", "object", "embed", "link", "meta"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.REMOVED:
            self.wrong.append(tag)
        self.wrong += [name for name, _ in attrs if name.startswith("on")]
        self.wrong += [
            str(v) for n, v in attrs if n == "href" and not str(v).startswith("https://")
        ]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.wrong.append(f"</{tag}>")


def check(html: str) -> None:
    """CloudWatch removes scripts, frames and handlers of events (its guide, custom widgets)."""
    checker = _Checker()
    checker.feed(html)
    assert (checker.wrong, checker.open) == ([], [])


def words(html: str) -> str:
    """The text that a reader sees, with single spaces."""
    without = re.sub(r"<style>.*?</style>", " ", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", without).split())


def row_of(html: str, name: str) -> list[str]:
    """The cells of the first table row that contains this text."""
    [row, *_] = [one for one in re.findall(r"<tr>(.*?)</tr>", html) if name in one]
    return [words(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)]


# ------------------------------------------------------------------ the state


def test_state_counts_open_and_waiting_tickets_and_names_promises_by_team_and_clock(
    show: Show, open_ticket: Opener, staff: dict[str, Member], clock: Clock, stores: Stores
) -> None:
    ticket = open_ticket(agent="a-mei")
    queued = open_ticket()
    clock.advance(hours=30)
    html = show("console-state")
    team, _, promises, opened, without, overdue = row_of(html, "complaints")
    assert (team, opened, without, overdue) == ("complaints", "2", "1", "2")
    assert "first response: 2 broken" in promises
    assert row_of(html, "service")[3:] == ["0", "0", "0"]
    [line] = [row for row in re.findall(r"<tr>(.*?)</tr>", html) if queued.number in row][:1]
    assert f"{EXECUTION}/v2/executions/details/{EXECUTION_ARN}:{queued.number}-1" in line
    assert "broken" in words(line)
    assert ticket.number in html


EXECUTION_ARN = MACHINE.replace(":stateMachine:", ":execution:")


def test_state_says_when_a_promise_at_risk_is_due(
    show: Show, open_ticket: Opener, staff: dict[str, Member], act: Act, clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    act(ticket, by_staff.reply, MEI, "an answer", False)
    due = stores_due(ticket)
    clock.advance(seconds=(due - clock.now()).total_seconds() - 12 * 60)
    assert re.search(r"resolution in \d", words(show("console-state")))


def stores_due(ticket: Any) -> datetime:
    """When the resolution of a ticket is due."""
    found: datetime = {name.value: one.due_at for name, one in ticket.clocks.items()}["resolution"]
    return found


def test_state_names_timers_that_are_late_and_counts_workflows_that_are_awake(
    show: Show, open_ticket: Opener, clock: Clock
) -> None:
    ticket = open_ticket()
    assert "No timer of the examined tickets is over 1 min late" in words(show("console-state"))
    clock.advance(minutes=3)
    html = show("console-state")
    assert row_of(html.split("Late timers")[1], ticket.number)[3] == "3 min late"
    assert re.search(r'<b class="broken">1</b><span>workflows awake for over 1 min', html)


def test_state_says_that_it_shows_a_part_of_the_promises_only(
    show: Show, open_ticket: Opener, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        open_ticket()
    clock.advance(days=3)
    assert "of a part only" not in words(show("console-state"))
    monkeypatch.setattr(state_module, "MOST_EXAMINED", 2)
    html = show("console-state")
    assert "Promises are shown of a part only" in words(html)
    assert row_of(html, "complaints")[3:] == ["3", "3", "3"]


def test_state_counts_no_further_than_its_bound(
    show: Show, open_ticket: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(keys.SHARDS + 1):
        open_ticket()
    monkeypatch.setattr(state_module, "MOST_COUNTED", 1)
    shown = row_of(show("console-state"), "complaints")[3]
    assert re.fullmatch(r"[1-4] or more", shown)


def test_state_names_the_teams_for_which_no_time_was_left(show: Show, open_ticket: Opener) -> None:
    open_ticket()
    text = words(show("console-state", seconds=5))
    assert "There was no time left for these teams: complaints, " in text


def test_state_contains_no_data_of_a_person(
    show: Show, open_ticket: Opener, staff: dict[str, Member], clock: Clock
) -> None:
    ticket = open_ticket(agent="a-mei")
    clock.advance(days=2)
    for html in (show("console-state"), show("console-ticket", ticket=ticket.number)):
        assert ticket.number in html
        for private in (ticket.contact.name, ticket.contact.email, ticket.subject, "a-mei", "mei@"):
            assert private
            assert private not in html


def test_fault_of_the_table_names_what_could_not_be_read(
    show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws("dynamodb").delete_table(TableName=TABLE)
    text = words(show("console-state"))
    assert "The state could not be read from the table" in text
    assert "ResourceNotFoundException" in text


# ------------------------------------------------------------------ the price


class Reported:
    """Metrics as CloudWatch has them: a value belongs to exactly these dimensions.

    moto also returns the values of metrics with more dimensions.
    """

    def __init__(self) -> None:
        self._values: dict[Any, list[tuple[datetime, float]]] = {}

    def put(self, namespace: str, name: str, value: float, at: datetime, **dimensions: str) -> None:
        key = (namespace, name, frozenset(dimensions.items()))
        self._values.setdefault(key, []).append((at, value))

    def get_metric_statistics(self, **asked: Any) -> dict[str, Any]:
        given = frozenset((one["Name"], one["Value"]) for one in asked["Dimensions"])
        found = self._values.get((asked["Namespace"], asked["MetricName"], given), [])
        assert (asked["Period"], asked["Statistics"]) in ((86_400, ["Sum"]), (86_400, ["Average"]))
        return {
            "Datapoints": [
                {"Timestamp": at.replace(hour=0, minute=0), asked["Statistics"][0]: value}
                for at, value in found
                if asked["StartTime"] <= at < asked["EndTime"]
            ]
        }


def test_price_multiplies_the_counts_of_each_month_by_list_prices(
    show: Show, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported = Reported()
    put = reported.put
    monkeypatch.setattr(wiring.costs()._metrics, "_cloudwatch", reported)
    now = clock.now()
    hour_ago = now - timedelta(hours=1)
    last = now.replace(day=1) - timedelta(days=5)
    for at, calls in ((hour_ago, 3_000_000), (last, 5_000_000)):
        put("AWS/Lambda", "Invocations", calls, at, FunctionName="redress-intake")
        put("AWS/Lambda", "Duration", 60_000, at, FunctionName="redress-intake")
    put("AWS/States", "ExecutionsStarted", 1000, last, StateMachineArn=MACHINE)
    put("AWS/Lambda", "Invocations", 2000, last, FunctionName="redress-workflow")
    put("AWS/DynamoDB", "ConsumedWriteCapacityUnits", 400, hour_ago, TableName=TABLE)
    put(
        "AWS/DynamoDB",
        "ConsumedWriteCapacityUnits",
        100,
        hour_ago,
        TableName=TABLE,
        GlobalSecondaryIndexName="open",
    )
    html = show("console-price")
    this, before = html.split("<h4>")[1:]
    assert this.startswith(f"{now:%Y-%m}</h4>")
    assert before.startswith(f"{last:%Y-%m}</h4>")
    assert row_of(this, "invocations")[2:] == ["3,000,000", "0.6000", "0.4000"]
    assert row_of(before, "invocations")[2:] == ["5,002,000", "1.0004", "0.8004"]
    assert row_of(this, "GB-seconds")[2] == "60"
    assert row_of(this, "write units")[2] == "500"
    assert row_of(before, "transitions")[2] == "11,000"
    assert row_of(before, "secrets")[2:] == ["1.00", "0.4000", "0.4000"]
    assert row_of(before, "alarms")[2:] == ["10.00", "1.0000", "0.0000"]


@pytest.mark.parametrize(("architecture", "dollars"), [("arm64", "13.3334"), ("x86_64", "16.6667")])
def test_price_of_the_functions_time_is_that_of_their_processor(
    show: Show,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    architecture: str,
    dollars: str,
) -> None:
    set_environment(monkeypatch, ARCHITECTURE=architecture)
    reported = Reported()
    monkeypatch.setattr(wiring.costs()._metrics, "_cloudwatch", reported)
    hour_ago = clock.now() - timedelta(hours=1)
    of_intake = {"FunctionName": "redress-intake"}
    reported.put("AWS/Lambda", "Duration", 1_000_000_000, hour_ago, **of_intake)
    [this, _] = show("console-price").split("<h4>")[1:]
    assert row_of(this, "GB-seconds")[2:4] == ["1,000,000", dollars]


def test_price_reads_the_metrics_that_a_service_wrote(show: Show, clock: Clock) -> None:
    aws("cloudwatch").put_metric_data(
        Namespace="AWS/ApiGateway",
        MetricData=[
            {
                "MetricName": "Count",
                "Dimensions": [{"Name": "ApiId", "Value": ENVIRONMENT["API_ID"]}],
                "Timestamp": clock.now() - timedelta(hours=1),
                "Value": 1234,
            }
        ],
    )
    assert row_of(show("console-price"), "API requests")[2] == "1,234"


def test_price_says_its_date_and_that_the_bill_by_tags_comes_a_day_late(show: Show) -> None:
    text = words(show("console-price"))
    assert "list prices of us-east-1 of 2026-11-23" in text
    assert "comes a day late" in text
    assert "Left out: " in text


def test_price_of_a_running_month_counts_the_share_of_it_that_is_over() -> None:
    begin = datetime(2026, 11, 1, tzinfo=UTC)
    month = months.month_of(begin)
    assert month.share(begin) == 0
    assert month.share(begin + timedelta(days=15)) == 0.5
    assert month.share(begin + timedelta(days=40)) == 1
    assert months.before(month).name == "2026-10"


def test_price_names_the_metric_that_cloudwatch_did_not_give(
    show: Show, console: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = aws("cloudwatch")
    refusal = client.exceptions.ClientError({"Error": {"Code": "AccessDenied"}}, "Get")

    def refuse(**asked: Any) -> Any:
        if asked["Namespace"] == "AWS/SQS":
            raise refusal
        return {"Datapoints": []}

    monkeypatch.setattr(wiring.costs()._metrics, "_cloudwatch", _Only(refuse))
    with logged_by(console) as log:
        text = words(show("console-price"))
    assert "The price could not be read" in text
    asked = "CloudWatch did not give AWS/SQS NumberOfMessagesSent of QueueName mails: AccessDenied"
    assert asked in text
    assert asked in log.getvalue()


class _Only:
    """A client with one operation."""

    def __init__(self, get_metric_statistics: Callable[..., Any]) -> None:
        self.get_metric_statistics = get_metric_statistics


def test_price_names_the_table_whose_size_dynamodb_did_not_give(show: Show) -> None:
    aws("dynamodb").delete_table(TableName=TABLE)
    text = words(show("console-price"))
    asked = f"DynamoDB did not give the size of the table {TABLE}: ResourceNotFoundException"
    assert asked in text


# ------------------------------------------------------------------ one ticket


def test_ticket_shows_promises_events_mails_and_the_workflow(
    show: Show,
    open_ticket: Opener,
    staff: dict[str, Member],
    act: Act,
    stores: Stores,
    clock: Clock,
) -> None:
    ticket = open_ticket(agent="a-mei")
    act(ticket, by_staff.reply, MEI, "an answer", False)
    stores.mail_records.claim(ticket.number, "000003.reply.customer", clock.now(), timedelta(1))
    html = show("console-ticket", ticket=f" {ticket.number.lower()} ")
    assert row_of(html, "first response")[1] == "kept"
    assert row_of(html, "opened")[3] == "customer"
    assert row_of(html, "replied")[3] == "agent"
    assert row_of(html, "000003.reply.customer")[1] == "claimed"
    assert f"/v2/executions/details/{EXECUTION_ARN}:{ticket.number}-1" in html
    assert "redress/what happened to a ticket" in words(html)
    assert "an answer" not in html


def test_ticket_is_asked_for_with_a_button_that_invokes_this_function(show: Show) -> None:
    html = show("console-ticket", ticket="")
    assert '<input name="ticket"' in html
    action = (
        f'<cwdb-action action="call" display="widget" endpoint="{Context().invoked_function_arn}">'
    )
    assert f'{action}{{"show": "ticket"}}</cwdb-action>' in html


@pytest.mark.parametrize("typed", ["R-00000-00000", "7", '"><script>alert(1)</script>'])
def test_unknown_ticket_is_said_and_what_was_typed_is_escaped(show: Show, typed: str) -> None:
    assert "There is no such ticket" in words(show("console-ticket", ticket=typed))


def test_ticket_that_cannot_be_read_names_the_runbook(show: Show, open_ticket: Opener) -> None:
    ticket = open_ticket()
    aws("dynamodb").update_item(
        TableName=TABLE,
        Key={"pk": {"S": f"TICKET#{ticket.number}"}, "sk": {"S": "TICKET"}},
        UpdateExpression="SET doc = :doc",
        ExpressionAttributeValues={":doc": {"S": "{"}},
    )
    assert "docs/runbooks/unreadable-items.md" in show("console-ticket", ticket=ticket.number)


# ------------------------------------------------------------------ the widget


@pytest.mark.parametrize("name", ["console-state", "console-price", "console-ticket"])
def test_widget_is_drawn_in_the_colours_of_the_theme(show: Show, name: str) -> None:
    light, dark = show(name), show(name, "dark")
    assert "background: #ffffff" in light
    assert "background: #161d26" in dark
    assert words(light) == words(dark)


def test_every_rule_of_the_style_stays_inside_the_widget(show: Show) -> None:
    [style] = re.findall(r"<style>(.*?)</style>", show("console-state"), re.DOTALL)
    selectors = [one.strip() for one in re.findall(r"([^{}]+)\{", style)]
    parts = [part.strip() for one in selectors for part in one.split(",")]
    assert len(parts) > 10
    assert [part for part in parts if not part.startswith(".redress")] == []


def test_describe_answers_with_documentation_in_markdown(
    console: ModuleType, sample: Callable[[str], dict[str, Any]]
) -> None:
    answer = console.handler(sample("console-describe"), Context())
    assert answer.startswith("## ")
    for shown in ("state", "price", "ticket"):
        assert f"| `{shown}` |" in answer


def test_unknown_parameter_is_named(console: ModuleType) -> None:
    assert "`show` is state, price or ticket" in console.handler({"show": "all"}, Context())


def test_every_log_group_and_metric_has_the_name_of_the_stack() -> None:
    groups = deployed.log_groups("redress")
    assert len(groups) == len(deployed.FUNCTIONS) + len(deployed.MACHINES)
    assert "/aws/lambda/redress-console" in groups
