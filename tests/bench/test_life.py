"""Counting what Amazon bills for a ticket's life, and its price; without a cloud."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench import bill, life, script, units
from bench.bill import Bill
from local.filters import READERS
from local.meter import MACHINE, ApiRequest, Call, Invocation, Records
from local.template import template
from redress.console.rules.prices import Price

INDEX = {
    "IndexName": "owner",
    "KeySchema": [{"AttributeName": "owner_pk"}, {"AttributeName": "owner_sk"}],
    "Projection": {"ProjectionType": "KEYS_ONLY"},
}


def item(size: int, **attributes: str) -> dict[str, Any]:
    """An item of exactly this many bytes, including its other attributes."""
    found = {"pk": {"S": "a"}, "sk": {"S": "b"}} | {n: {"S": v} for n, v in attributes.items()}
    return found | {"doc": {"S": "x" * (size - units.item_bytes(found) - len("doc"))}}


def event(ticket: str) -> dict[str, Any]:
    """A ticket's first event, an item of 90 bytes that the stream delivers to the follower."""
    found = item(90)
    return found | {
        "pk": {"S": ticket},
        "sk": {"S": "EVENT#000001"},
        "type": {"S": "opened"},
        "doc": {"S": found["doc"]["S"][len("EVENT#00001" + "type" + "opened") :]},
    }


def call(operation: str, **more: Any) -> Call:
    return Call("dynamodb", operation, "redress-staff", **({"status": 200} | more))


def ran(function: str = "redress-staff", **more: Any) -> Invocation:
    values: dict[str, Any] = {"memory_mb": 1769, "seconds": 0.01, "cpu_seconds": 0.0}
    return Invocation(function, **(values | {"cold": False, "source": "api", "log": []} | more))


# ------------------------------------------------------------------------------ units


def test_item_size_is_the_sum_of_its_names_and_values() -> None:
    assert units.item_bytes({"pk": {"S": "投"}, "n": {"N": "-12.5"}, "yes": {"BOOL": True}}) == (
        2 + 3 + 1 + 4 + 3 + 1
    )
    assert units.item_bytes({"m": {"M": {"ab": {"S": "c"}}}, "l": {"L": [{"N": "100"}]}}) == (
        (1 + 3 + 1 + 2 + 1) + (1 + 3 + 1 + 2)
    )
    assert units.item_bytes(None) == 0


@pytest.mark.parametrize(("size", "wanted"), [(20, 1), (1024, 1), (1025, 2), (3000, 3)])
def test_write_is_billed_per_started_kilobyte_and_twice_in_a_transaction(
    size: int, wanted: int
) -> None:
    after = item(size)
    assert units.write_units(None, after, [], transaction=False) == wanted
    assert units.write_units(None, after, [], transaction=True) == 2 * wanted
    assert units.write_units(after, item(20), [], transaction=False) == wanted
    assert units.failed_write_units(after, transaction=True) == 2 * wanted


def test_index_entry_is_billed_once_and_twice_if_its_key_changes() -> None:
    out, here, there = (
        item(100),
        item(100, owner_pk="a", owner_sk="1"),
        item(100, owner_pk="a", owner_sk="2"),
    )

    def of_index(before: Any, after: Any) -> int:
        both = units.write_units(before, after, [INDEX], transaction=True)
        return both - units.write_units(before, after, [], transaction=True)

    assert of_index(None, out) == 0
    assert of_index(None, here) == 1
    assert of_index(here, out) == 1
    assert of_index(here, there) == 2
    assert of_index(here, item(200, owner_pk="a", owner_sk="1")) == 0


def test_read_is_billed_per_4_kb_half_if_not_consistent_and_even_if_nothing_is_found() -> None:
    def read(*items: Any, consistent: bool = True, together: bool = False) -> float:
        return units.read_units(items, consistent=consistent, together=together)

    assert read(item(4096)) == 1
    assert read(item(4097)) == 2
    assert read(item(4097), consistent=False) == 1
    assert read(None) == 1
    assert read(item(100), item(100)) == 2
    assert read(item(100), item(100), together=True) == 1
    assert read(together=True, consistent=False) == 0.5


# ------------------------------------------------------------------------------ counting


def test_every_entered_state_and_every_retry_is_a_transition() -> None:
    types = ["ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskFailed"]
    types += ["TaskScheduled"]
    types += ["TaskSucceeded", "TaskStateExited", "TaskStateEntered", "TaskScheduled"]
    types += ["TaskStateExited", "SucceedStateEntered", "SucceedStateExited", "ExecutionSucceeded"]
    assert bill.transitions([{"type": kind} for kind in types]) == 4


def test_bill_counts_the_product_but_no_outside_tools() -> None:
    key = {"pk": {"S": "a"}, "sk": {"S": "b"}}
    asked = {"TableName": "t", "Key": key, "ConsistentRead": True}
    mine = call("GetItem", request=asked, read=[item(100)])
    records = Records(
        api_requests=[ApiRequest("GET", "/", 200, 1000), ApiRequest("POST", "/form", 201, 500)],
        calls=[
            mine,
            Call("dynamodb", "GetItem", "", 200, asked, read=[item(100)]),
            Call("dynamodb", "UpdateItem", MACHINE, 200, {}, [item(100)], [item(100)]),
            call("TransactWriteItems", before=[None, item(2000)], after=[item(90), item(2000)]),
            call("TransactWriteItems", before=[None, None], after=[event("a"), event("b")]),
            call("TransactWriteItems", status=400, before=[item(2000)], after=[item(2000)]),
            Call("sqs", "SendMessageBatch", "redress-follower", 200),
            Call("ses", "POST", "redress-mailer", 200, {"ToAddresses": ["a", "b"]}),
            Call("ses", "POST", "redress-mailer", 400, {"ToAddresses": ["a"]}),
            Call("sns", "Publish", "redress-repair", 200),
        ],
        invocations=[
            ran(),
            ran("redress-mailer", source="sqs"),
            ran("redress-follower", source="stream", log=["one line"]),
        ],
    )
    history = [{"type": "TaskStateEntered"}]
    found = bill.bill_of(records, [history, history], [INDEX])
    assert found.transitions == 2
    assert (found.api_requests, found.out_bytes) == (2, 1500)
    assert found.invocations == 4
    assert found.read_units == 1
    assert found.write_units == 1 + (2 + 4) + (2 + 2) + 4
    assert found.queue_requests == 1 + 2 + 1, "SNS puts the event of SES into the queue"
    assert (found.mails, found.notices, found.publications) == (2, 1, 1)
    assert found.traces == 4 + 2
    assert found.stored_bytes == (90 + 90 + 90) + 3 * bill.INDEX_BYTES
    assert found.log_bytes == len("one line") + bill.LINE_BYTES


TIMER = {"pk": {"S": "a"}, "sk": {"S": "TIMER"}, "awake": {"S": "AWAKE#1"}}


def test_untraced_function_counts_no_trace() -> None:
    records = Records(invocations=[ran(), ran("redress-repair")])
    assert bill.bill_of(records, [], []).traces == 2
    assert bill.bill_of(records, [], [], {"redress-repair"}).traces == 1
    followed = call("PutItem", before=[None], after=[TIMER])
    assert bill.bill_of(Records(calls=[followed]), [], []).traces == 1
    assert bill.bill_of(Records(calls=[followed]), [], [], {"redress-relay"}).traces == 0
    called = ("repair", "planreview", "relay", "assigner", "mailer", "indexer")
    names = (*called, "checker", "scanner", "hotline")
    assert life.untraced() == {f"redress-{name}" for name in names}
    assert "redress-assigner" not in life.having("LINK_KEY_SECRET") > {"redress-customer"}


def test_call_without_a_billing_rule_raises() -> None:
    with pytest.raises(ValueError, match="Scan"):
        bill.read(call("Scan"))


def test_service_without_a_billing_rule_raises() -> None:
    bucket = Call("kms", "Decrypt", "redress-relay", 200)
    with pytest.raises(ValueError, match="kms"):
        bill.bill_of(Records(calls=[bucket]), [], [])
    assert bill.bill_of(Records(calls=[replace(bucket, by="")]), [], []) == Bill()


def test_stream_invokes_each_reader_once_for_each_ticket_in_a_change() -> None:
    def followed(before: list[Any], after: list[Any], status: int = 200) -> int:
        asked = call("TransactWriteItems", before=before, after=after, status=status)
        return sum(bill.deliveries(asked, reader) for reader in READERS)

    timer = {"pk": {"S": "a"}, "sk": {"S": "TIMER"}}
    moved = timer | {"awake": {"S": "AWAKE#1"}}
    assert followed([None, None], [event("a"), item(90)]) == 1
    assert followed([None, timer], [event("a"), moved]) == 2, "one partition key, two readers"
    assert followed([None, None], [event("a"), event("a") | {"sk": {"S": "EVENT#000002"}}]) == 1
    assert followed([None], [event("a") | {"type": {"S": "assigned"}}]) == 0, "nothing follows"
    assert followed([None, None], [event("a"), event("b")]) == 2
    assert followed([moved], [timer]) == 0, "the template's filter drops it"
    assert followed([moved], [moved]) == 0, "an unchanged item makes no record"
    assert followed([moved], [None]) == 0
    assert followed([None], [event("a")], status=400) == 0


def test_log_bytes_include_what_cloudwatch_adds_to_each_line() -> None:
    assert bill.bytes_of_platform(2) > 4 * bill.LINE_BYTES
    assert bill.logged(ran(log=["投诉", "a"])) == 6 + 1 + 2 * bill.LINE_BYTES


def test_metrics_are_counted_from_the_logs() -> None:
    written = {"CloudWatchMetrics": [{"Metrics": [{"Name": "MailSent"}]}], "Timestamp": 1}
    line = json.dumps(
        {"_aws": written, "service": "mailer", "MailSent": [1]}, separators=(",", ":")
    )
    assert bill.metrics([ran(log=[line, '{"level":"INFO"}']), ran(log=[line])]) == {
        "mailer/MailSent": 2
    }


def test_duration_is_billed_per_started_millisecond_times_memory() -> None:
    some = [ran(seconds=0.0101, memory_mb=512), ran("redress-relay", memory_mb=1024)]
    assert bill.gb_seconds(some) == pytest.approx(0.011 * 0.5 + 0.010)


def test_cpu_time_is_scaled_by_the_functions_share_of_a_cpu() -> None:
    half = bill.CORE_MB / 2
    one = ran(seconds=0.012, cpu_seconds=0.004, memory_mb=half)
    assert bill.gb_seconds([one]) == pytest.approx((0.004 * 2 + 0.008) * half / 1024)
    large = ran(seconds=0.012, cpu_seconds=0.004, memory_mb=3000)
    assert bill.gb_seconds([large]) == pytest.approx(0.012 * 3000 / 1024)
    cold = {"redress-staff": 500.0}
    assert bill.gb_seconds([one], cold) == pytest.approx(1.0 * half / 1024)


# ------------------------------------------------------------------------------ prices


def test_every_price_has_a_meter_a_name_and_a_source() -> None:
    known = bill.prices()
    assert known.looked_up >= "2026-11-23"
    for entry in known.prices.values():
        assert entry.price >= 0
        assert entry.name
        assert entry.source.startswith("https://aws.amazon.com/")
    assert set(bill.used(Bill(), 0.0)) <= set(life.NAMES) == set(known.prices)


def test_cost_is_amount_times_price_without_the_free_amount() -> None:
    meters = {"a": Price("a", 2.0, "one", 0, ""), "b": Price("b", 1.0, "one", 10, "")}
    known = bill.Prices("2026-11-23", "us-east-1", "", meters)
    assert bill.cost({"b": 12, "a": 1}, known) == {"b": 12.0, "a": 2.0}
    assert bill.cost({"b": 12, "a": 5}, known, free=True) == {"a": 10.0, "b": 2.0}
    assert bill.cost({"b": 9}, known, free=True) == {"b": 0.0}


def test_price_of_a_thousand_lives_leaves_out_mail() -> None:
    amounts = bill.used(Bill(transitions=6, mails=4), 0.0)
    assert life.cents(bill.cost(amounts, bill.prices())) == pytest.approx(15.0)


def test_first_trace_of_each_second_and_a_share_of_the_others_are_recorded() -> None:
    seconds = bill.HOURS * 3600
    assert bill.recorded(1000) == 1000
    assert bill.recorded(seconds + 100) == pytest.approx(seconds + 5)
    month = bill.month({"trace": 0.1}, {"trace": 7.0}, Bill(traces=2), 100)
    assert month["trace"] == 2 * 100 + 7


def test_typical_life_has_the_median_price() -> None:
    lives = [life.Life(Bill(transitions=n), Records()) for n in (7, 5, 6)]
    assert life.typical(lives, bill.prices()) is lives[2]


def test_every_function_has_a_cold_start(tmp_path: Path) -> None:
    rows = ["JSON intake", "status page", "staff's work list"]
    rows += [f"{logical}, ready" for logical in life.logical_ids().values()]
    figures = [{"name": name, "value": float(number)} for number, name in enumerate(rows)]
    assert life.cold_starts(tmp_path) == {}
    (tmp_path / "cold.json").write_text(json.dumps({"figures": figures}))
    found = life.cold_starts(tmp_path)
    assert set(found) == set(life.logical_ids())
    assert (found["redress-customer"], found["redress-relay"]) == (
        1.0,
        float(rows.index("RelayFunction, ready")),
    )
    (tmp_path / "cold.json").write_text(json.dumps({"figures": figures[:1]}))
    assert life.cold_starts(tmp_path) == {"redress-intake": 0.0}


def test_in_a_month_with_few_complaints_every_call_is_cold() -> None:
    one = life.Life(Bill(invocations=1), Records(invocations=[ran()]))

    def months(cold_ms: dict[str, float]) -> tuple[list[float | None], list[str]]:
        rows = life.month_figures(one, {}, bill.prices(), cold_ms)
        found = [row for row in rows if "mail and idle" in row.name]
        return [row.value for row in found], [row.note for row in found]

    (few, *many), notes = months({"redress-staff": 60_000.0})
    (few_warm, *many_warm), notes_warm = months({})
    assert few is not None
    assert few_warm is not None
    assert few > few_warm
    assert many == many_warm
    assert notes == ["", "", ""]
    assert notes_warm == ["no cold starts measured", "", ""]


def test_month_includes_idle_use_and_bills_metrics_by_the_hour() -> None:
    one = Bill(transitions=6, metrics={"mailer/MailSent": 3, "assigner/Assigned": 1})
    found = bill.month({"transition": 6.0}, {"secret_month": 1.0}, one, 100)
    assert found["transition"] == 600
    assert found["secret_month"] == 1
    assert found["metric_month"] == pytest.approx((300 + 100) / bill.HOURS)
    assert bill.month({}, {}, one, 1_000_000)["metric_month"] == 2


@pytest.mark.parametrize(
    ("expression", "times"),
    [
        ("rate(5 minutes)", 8760),
        ("rate(1 hour)", 730),
        ("cron(0 9 * * ? *)", 730 / 24),
        ("cron(0 6 1,2 * ? *)", 2),
    ],
)
def test_runs_a_month_of_a_schedule(expression: str, times: float) -> None:
    assert life.runs_a_month(expression) == pytest.approx(times)


def test_unknown_schedule_expression_raises() -> None:
    with pytest.raises(ValueError, match="no schedule"):
        life.runs_a_month("cron(0/5 * * * ? *)")


def test_sweep_during_a_life_is_left_out() -> None:
    own, sweep = call("GetItem"), Call("dynamodb", "Query", "redress-repair", 200)
    request = ApiRequest("GET", "/", 200, 9)
    seen = Records([request], [own, sweep], [ran(), ran("redress-repair")])
    assert life.unscheduled(seen) == Records([request], [own], [ran()])
    assert life.REPAIR in {name for name, _ in life.functions()}


def test_lives_with_different_counts_are_reported() -> None:
    usual = Bill(transitions=5, read_units=38.0, mails=3, log_bytes=9)
    other = Bill(transitions=5, read_units=44.5, mails=3, log_bytes=8, invocations=1)
    lives = [life.Life(one, Records()) for one in (usual, usual, other)]
    same = life.happy_figures(lives, bill.prices(), {})[0]
    assert (same.value, same.met) == (2, False)
    assert same.note == "invocations 1 for 0, read_units 44.5 for 38"


def test_idle_month_counts_what_the_template_keeps_without_a_ticket() -> None:
    sweep = life.Life(Bill(invocations=1, read_units=6.0), Records())
    complete = life.Life(Bill(invocations=1, read_units=15.0), Records())
    use = life.idle_use({"sweep": sweep, life.COMPLETE: complete})
    kinds = [one["Type"] for one in template()["Resources"].values() if "Condition" not in one]
    assert use["alarm_month"] == kinds.count("AWS::CloudWatch::Alarm")
    assert use["secret_month"] == kinds.count("AWS::SecretsManager::Secret")
    assert use["queue_request"] == 657_000 + 6 * 730, "and the hourly count of dead letters"
    assert use["read_unit"] == pytest.approx((6 + 6 + 15) / 3 * 8760)
    # The queue of mails to send, and the two of incoming mails.
    assert life.idle_use({}, with_mail_domain=True)["queue_request"] == 3 * 657_000 + 6 * 730


@pytest.mark.parametrize(
    ("with_mail_domain", "goal"),
    [(False, life.IDLE_DOLLARS), (True, life.IDLE_WITH_MAIL_DOLLARS)],
)
def test_idle_month_costs_little_beyond_what_is_free_for_ever(
    with_mail_domain: bool, goal: float
) -> None:
    use = life.idle_use({}, with_mail_domain=with_mail_domain)
    kept = bill.cost(use, bill.prices(), free=True)
    assert sum(kept.values()) < goal - 0.009, "the rest is for what the sweeps read"


# ------------------------------------------------------------------------------ the script


def test_happy_path_has_exactly_these_changes() -> None:
    assert len(script.HAPPY_PATH) == 16
    sent = [(step.who, step.path) for step in script.HAPPY_PATH if step.method == "POST"]
    assert sent == [
        ("customer", "/form"),
        ("agent", "/staff/tickets/{number}/replies"),
        ("agent", "/staff/tickets/{number}/resolution"),
        ("customer", "/t/{token}/confirm"),
        ("customer", "/t/{token}/survey"),
    ]


def test_wait_until_still_ends_when_the_count_stops_changing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(script, "STILL_S", 0.02)
    monkeypatch.setattr(script, "POLL_S", 0.001)
    counted = iter([1, 2, 3, 3])
    last = 3
    script.wait_until_still(lambda: next(counted, last))
    assert next(counted, None) is None
