"""The dashboard, the saved queries and the access log: what operations see in the AWS console.

The dashboard's structure is that of "Dashboard Body Structure and Syntax" in the CloudWatch API
Reference. The emulator stores a dashboard unread, and has no saved queries.
"""

from __future__ import annotations

import json
import re
from functools import cache
from itertools import combinations
from typing import Any

import pytest

from redress.console.rules import deployed
from tests.builders import ROOT
from tests.template.documents import (
    Resource,
    expanded,
    folder_of,
    functions,
    of_type,
    refers_to,
    written,
)

DASHBOARD = "AWS::CloudWatch::Dashboard"
VARIABLE = re.compile(r"\$\{([\w:.]+)\}")


# ------------------------------------------------------------------ the dashboard


@cache
def dashboard() -> dict[str, Any]:
    """The body of the dashboard, with `<X>` for what the template refers to as `${X}`."""
    text, own = expanded()["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    names = {name: f"<{refers_to(value)}>" for name, value in own.items()}
    body: dict[str, Any] = json.loads(
        VARIABLE.sub(lambda found: names.get(found[1], f"<{found[1]}>"), text)
    )
    return body


def widgets(kind: str | None = None) -> list[dict[str, Any]]:
    return [one for one in dashboard()["widgets"] if kind in (None, one["type"])]


PROPERTIES = {
    "text": ({"markdown"}, {"background"}),
    "custom": ({"endpoint"}, {"title", "params", "updateOn"}),
    "alarm": ({"alarms"}, {"title", "sortBy", "states"}),
    "metric": ({"metrics", "region"}, {"title", "view", "stacked", "stat", "period"}),
    "log": ({"query", "region"}, {"title", "view", "stacked"}),
}
"""The properties that a widget of each type must have, and others that it may have."""
VIEWS = {"metric": {"timeSeries", "singleValue", "bar", "pie"}, "log": {"table", "timeSeries"}}
STATISTICS = re.compile(r"Sum|Average|Maximum|Minimum|SampleCount|p\d{1,2}(\.\d+)?")
PERIODS = {1, 5, 10, 30}


def test_every_widget_has_a_known_type_and_only_properties_of_that_type() -> None:
    assert {one["type"] for one in widgets()} == set(PROPERTIES)
    for widget in widgets():
        assert set(widget) == {"type", "x", "y", "width", "height", "properties"}
        needed, allowed = PROPERTIES[widget["type"]]
        given = set(widget["properties"])
        assert needed <= given <= needed | allowed, widget
        view = widget["properties"].get("view")
        assert view is None or view in VIEWS[widget["type"]]


def test_dashboard_has_only_properties_that_cloudwatch_knows() -> None:
    assert set(dashboard()) == {"start", "periodOverride", "widgets"}
    assert re.fullmatch(r"-P(T\d+H|\d+D)", dashboard()["start"])
    assert dashboard()["periodOverride"] in ("auto", "inherit")
    assert len(json.dumps(dashboard())) < 100_000


def test_widgets_fit_the_grid_and_do_not_overlap() -> None:
    for widget in widgets():
        assert 1 <= widget["width"] <= 24
        assert 0 <= widget["x"] <= 24 - widget["width"]
        assert 1 <= widget["height"] <= 1000
        assert widget["y"] >= 0
    for one, other in combinations(widgets(), 2):
        apart = (
            one["x"] + one["width"] <= other["x"]
            or other["x"] + other["width"] <= one["x"]
            or one["y"] + one["height"] <= other["y"]
            or other["y"] + other["height"] <= one["y"]
        )
        assert apart, (one, other)


def metrics() -> list[tuple[dict[str, Any], list[str], dict[str, Any]]]:
    """Each metric with its widget: the names in its line, and its own rendering properties."""
    return [
        (widget, [one for one in line if isinstance(one, str)], rendering_of(line))
        for widget in widgets("metric")
        for line in widget["properties"]["metrics"]
    ]


def rendering_of(line: list[Any]) -> dict[str, Any]:
    return next((one for one in line if isinstance(one, dict)), {})


def test_dashboard_stays_within_the_metrics_that_are_free() -> None:
    """Three dashboards of up to 50 metrics each are free (CloudWatch pricing)."""
    assert 40 <= len(metrics()) <= 50
    assert len(of_type(DASHBOARD)) == 1


def test_every_metric_has_a_statistic_and_a_period_that_cloudwatch_accepts() -> None:
    for widget, names, own in metrics():
        given = widget["properties"] | own
        assert STATISTICS.fullmatch(given["stat"]), names
        assert given["period"] in PERIODS or given["period"] % 60 == 0
        assert set(own) <= {"stat", "label", "color", "period"}
        assert widget["properties"]["region"] == "<AWS::Region>"


DIMENSIONS = {
    "AWS/ApiGateway": {"ApiId": "AWS::ApiGatewayV2::Api"},
    "AWS/Lambda": {"FunctionName": "AWS::Lambda::Function"},
    "AWS/States": {"StateMachineArn": "AWS::StepFunctions::StateMachine"},
    "AWS/SQS": {"QueueName": "AWS::SQS::Queue"},
    "AWS/DynamoDB": {"TableName": "AWS::DynamoDB::Table"},
    "AWS/SES": {},
}
"""The dimensions of AWS's own metrics, and the type of resource that each names."""
OF_SERVICES = {
    "AWS/ApiGateway": {"Count", "4xx", "5xx", "Latency", "IntegrationLatency", "DataProcessed"},
    "AWS/Lambda": {
        *("Errors", "Throttles", "Invocations", "Duration", "IteratorAge"),
        "ConcurrentExecutions",
    },
    "AWS/States": {
        *("ExecutionsStarted", "ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"),
    },
    "AWS/SQS": {
        *("ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible"),
        "ApproximateAgeOfOldestMessage",
    },
    "AWS/DynamoDB": {"ReadThrottleEvents", "WriteThrottleEvents"},
    "AWS/SES": {"Send", "Bounce", "Complaint", "Reject"},
}
"""Names of metrics, from the pages on monitoring of each service."""


def of_alarms() -> set[str]:
    """The metrics of the functions that alarms read. They exist only while something is wrong."""
    alarms = (one["Properties"] for one in of_type("AWS::CloudWatch::Alarm").values())
    return {str(one["MetricName"]) for one in alarms if isinstance(one["Namespace"], dict)}


def test_every_metric_of_an_alarm_is_on_the_dashboard() -> None:
    shown = {names[1] for _, names, _ in metrics() if names[0] == "Redress/<AWS::StackName>"}
    assert shown == of_alarms() != set()


def test_dimensions_of_every_metric_name_resources_of_the_template() -> None:
    for _, (namespace, name, *dimensions), _own in metrics():
        if namespace == "Redress/<AWS::StackName>":
            assert name in of_alarms(), "another metric of one's own costs US$0.30 a month"
            assert dimensions == []
            continue
        assert name in OF_SERVICES[namespace]
        pairs = list(zip(dimensions[::2], dimensions[1::2], strict=True))
        for dimension, value in pairs:
            named = value.strip("<>").partition(".")[0]
            assert expanded()[named]["Type"] == DIMENSIONS[namespace][dimension], (name, value)


def test_every_dead_letter_queue_is_on_the_dashboard() -> None:
    dead = {name for name in of_type("AWS::SQS::Queue") if name.endswith("DeadLetterQueue")}
    shown = {names[-1].strip("<>").partition(".")[0] for _, names, _ in metrics()}
    assert dead
    assert dead <= shown


def test_every_alarm_is_on_the_dashboard() -> None:
    [widget] = widgets("alarm")
    listed = [one.strip("<>").removesuffix(".Arn") for one in widget["properties"]["alarms"]]
    assert len(listed) == len(set(listed)) <= 100
    assert set(listed) == set(of_type("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"))


def test_custom_widgets_ask_the_console_function_for_everything_that_it_shows() -> None:
    shown = set()
    for widget in widgets("custom"):
        given = widget["properties"]
        assert given["endpoint"].startswith("<ConsoleFunction")
        assert set(given["updateOn"]) == {"refresh", "resize", "timeRange"}
        shown.add(given["params"]["show"])
    assert shown == {"state", "price", "ticket"}


def test_number_of_alarms_that_the_price_counts_is_that_of_the_template() -> None:
    alarms = of_type("AWS::CloudWatch::Alarm").values()
    assert not [one for one in alarms if "Condition" in one]
    assert functions()["ConsoleFunction"]["Environment"]["Variables"]["ALARMS"] == str(len(alarms))


def test_memory_of_functions_that_the_price_uses_is_that_of_the_template() -> None:
    found = {folder_of(name): given["MemorySize"] for name, given in functions().items()}
    assert found == deployed.FUNCTIONS
    untraced = {
        folder_of(name)
        for name, given in functions().items()
        if given["TracingConfig"]["Mode"] == "PassThrough"
    }
    assert untraced == set(deployed.UNTRACED)
    secrets = of_type("AWS::SecretsManager::Secret")
    assert len(secrets) == deployed.SECRETS


def test_queues_that_the_price_counts_are_those_that_functions_poll() -> None:
    polled = {
        refers_to(one["Properties"]["EventSourceArn"])
        for one in of_type("AWS::Lambda::EventSourceMapping").values()
    }
    variables = functions()["ConsoleFunction"]["Environment"]["Variables"]
    [separator, names] = variables["POLLED_QUEUES"]["Fn::Join"]
    assert separator == ","
    assert {refers_to(name) for name in names} == polled - {"Table", "ConnectRecordsStreamArn"}


# ------------------------------------------------------------------ saved queries

COMMANDS = {"fields", "filter", "stats", "sort", "limit", "display", "parse", "dedup"}
FUNCTION = re.compile(r"\b(count|min|max|avg|sum|pct|latest|bin)\s*\(")


def queries() -> dict[str, Resource]:
    return {n: r["Properties"] for n, r in of_type("AWS::Logs::QueryDefinition").items()}


def commands(query: str) -> list[tuple[str, str]]:
    """Each command of a query, and what follows it. A pipe inside a pattern separates nothing."""
    bare = re.sub(r"/[^/\n]*/", "//", query)
    found = []
    for part in bare.split("|"):
        command, _, rest = part.strip().partition(" ")
        found.append((command, rest.strip()))
    return found


def logs_in(listed: list[Any]) -> set[str]:
    return {str(refers_to(one.get("Fn::If", [None, one])[1])) for one in listed}


@pytest.mark.parametrize("name", sorted(queries()))
def test_saved_query_has_only_known_commands_and_ends_with_a_limit(name: str) -> None:
    found = commands(queries()[name]["QueryString"])
    assert {command for command, _ in found} <= COMMANDS
    assert found[-1][0] == "limit"
    assert 1 <= int(found[-1][1]) <= 10_000


@pytest.mark.parametrize("name", sorted(queries()))
def test_saved_query_reads_logs_of_this_stack_and_is_in_its_folder(name: str) -> None:
    given = queries()[name]
    assert given["Name"]["Fn::Sub"].startswith("${AWS::StackName}/")
    groups = logs_in(given["LogGroupNames"])
    assert groups <= set(of_type("AWS::Logs::LogGroup"))
    assert 0 < len(groups) <= 50, "Logs Insights reads up to 50 log groups in a query"
    assert of_type("AWS::Logs::QueryDefinition")[name]["Condition"] == "IsOnAws"


def test_what_happened_to_a_ticket_is_asked_of_every_log() -> None:
    query = queries()["TicketQuery"]
    assert logs_in(query["LogGroupNames"]) == set(of_type("AWS::Logs::LogGroup"))
    assert query["QueryString"] == deployed.WHAT_HAPPENED
    assert queries()["TicketMailQuery"]["QueryString"].count(deployed.EXAMPLE) == 1


def test_log_groups_that_the_console_names_are_those_of_the_template() -> None:
    named = {
        group["Properties"]["LogGroupName"]["Fn::Sub"].replace("${AWS::StackName}", "redress")
        for group in of_type("AWS::Logs::LogGroup").values()
    }
    assert set(deployed.log_groups("redress")) == named - {"/aws/vendedlogs/apigateway/redress"}


def test_guide_to_operations_names_every_query_every_alarm_and_every_widget() -> None:
    guide = (ROOT / "docs/operate.md").read_text()
    for given in queries().values():
        assert f"| `{given['Name']['Fn::Sub'].partition('/')[2]}` |" in guide
    for alarm in of_type("AWS::CloudWatch::Alarm").values():
        name = alarm["Properties"]["AlarmName"]["Fn::Sub"].replace("${AWS::StackName}", "redress")
        assert f"`{name}`" in guide
    for widget in widgets("custom"):
        assert f"*{widget['properties']['title']}*" in guide
    [name] = [one["Properties"]["DashboardName"] for one in of_type(DASHBOARD).values()]
    assert name == {"Fn::Sub": "${AWS::StackName}-${AWS::Region}"}
    assert "`redress-us-east-1`" in guide


# ------------------------------------------------------------------ the access log

CONTEXT = re.compile(r"\$context\.([\w.]+)")
LOGGED = {
    "requestId",
    "routeKey",
    "status",
    "error.responseType",
    "authorizer.error",
    "integrationErrorMessage",
    "responseLatency",
    "integrationLatency",
    "responseLength",
}
"""What the access log says of a request (API Gateway, "Customize HTTP API access logs")."""


def formats() -> tuple[str, str]:
    """The format with the address of the caller, and the one without."""
    [stage] = of_type("AWS::ApiGatewayV2::Stage").values()
    condition, settings, off = stage["Properties"]["AccessLogSettings"]["Fn::If"]
    assert (condition, off) == ("HasAccessLog", {"Ref": "AWS::NoValue"})
    assert refers_to(settings["DestinationArn"]) == "AccessLogs"
    condition, with_address, without = settings["Format"]["Fn::If"]
    assert condition == "LogsAddresses"
    return with_address, without


def test_access_log_names_the_route_and_never_the_path_the_query_or_the_token() -> None:
    """A path contains the secret of a link. A claim of a token is the identity of a person."""
    with_address, without = formats()
    assert set(CONTEXT.findall(without)) == LOGGED
    assert set(CONTEXT.findall(with_address)) == LOGGED | {"identity.sourceIp"}
    for text in (with_address, without):
        assert text.count("$") == len(CONTEXT.findall(text))
        line = json.loads(CONTEXT.sub("x", text))
        assert {"service", "route", "status", "fault"} <= set(line)


def test_access_log_is_off_unless_somebody_asks_for_it() -> None:
    parameter = written()["Parameters"]["AccessLog"]
    assert parameter["Default"] == "off"
    assert parameter["AllowedValues"] == ["off", "on", "with-addresses"]
    group = expanded()["AccessLogs"]
    assert group["Condition"] == "HasAccessLog"
    assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
