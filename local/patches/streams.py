"""Event sources: prompt polling, and DynamoDB streams delivered as AWS delivers them."""

from __future__ import annotations

import contextvars
import threading
import time
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import _request_account_id, _request_region
from ministack.services import dynamodb, eventbridge, lambda_svc, scheduler

from local.event_source import Delivery, Record, lanes_of, rules_of
from local.patches.checking import expect

type Mapping = dict[str, Any]

POLL_SECONDS = 0.25
SWEEP_SECONDS = 1.0
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0


def poll_often() -> None:
    """Queues and streams are polled at least every quarter of a second, schedules every second.

    AWS: uses long polling. A message or stream record reaches its function in well under a second,
    and so does a message that becomes visible again.
    Emulator: wakes up for a new message or record, but a message that becomes visible again may
    wait for a second. Schedules are checked every 10 seconds.
    Patch: its own polling loop, and shorter intervals for schedules.
    """
    expect(callable(lambda_svc._poll_sqs) and callable(lambda_svc._poll_kinesis), "the pollers")
    expect(scheduler._SCHEDULE_TICK_INTERVAL == 10, "schedules are swept every 10 seconds")
    expect(eventbridge._SCHEDULER_TICK_INTERVAL == 10, "rules are swept every 10 seconds")
    scheduler._SCHEDULE_TICK_INTERVAL = SWEEP_SECONDS
    eventbridge._SCHEDULER_TICK_INTERVAL = SWEEP_SECONDS

    def loop() -> None:
        while True:
            lambda_svc._esm_wake.clear()
            found = False
            # Look the pollers up in each round, because other patches replace them.
            for name in ("_poll_sqs", "_poll_dynamodb_streams"):
                try:
                    found = getattr(lambda_svc, name)() or found
                except Exception:
                    lambda_svc.logger.exception("%s failed", name)
            if not found:
                lambda_svc._esm_wake.wait(POLL_SECONDS)
                # Every write wakes this loop, even to a table without a mapping, so do not spin.
                time.sleep(0.01)

    lambda_svc._poll_loop = loop


def deliver_each_mapping_separately() -> None:
    """Each stream mapping is delivered on its own, in order, with its own settings.

    AWS: a slow or failing consumer delays only its own shard. A failed batch is retried until
    `MaximumRetryAttempts` or `MaximumRecordAgeInSeconds`; then it is described to the OnFailure
    destination and skipped. `BisectBatchOnFunctionError` retries halves of a batch.
    `ReportBatchItemFailures` continues from the first reported record. `ParallelizationFactor`
    batches of a shard run at once, with the records of one item in order. Two mappings may read the
    same stream, each with its own position.
    Emulator: delivers every table's stream in the one thread that also serves the queues, and
    ignores all of these settings but the age. A poison record blocks everything for ever.
    Patch: one background delivery per mapping, with all of these settings. A long batch is divided
    into `ParallelizationFactor` lanes; the next batch starts when all lanes have ended.
    """
    original = lambda_svc._poll_dynamodb_streams
    expect(original.__code__.co_argcount == 0, "_poll_dynamodb_streams()")
    for helper in ("_send_ddb_stream_failure_record", "_dispatch_esm_batch", "_iter_all_esms"):
        expect(callable(getattr(lambda_svc, helper, None)), helper)

    def poll() -> bool:
        found = False
        for account, region, mapping in lambda_svc._iter_all_esms():
            tokens = _request_account_id.set(account), _request_region.set(region)
            try:
                found = _begin(mapping) or found
            finally:
                _request_account_id.reset(tokens[0])
                _request_region.reset(tokens[1])
        return found

    lambda_svc._poll_dynamodb_streams = poll


def _table_of(mapping: Mapping) -> str | None:
    """The table whose current stream this mapping reads, or None."""
    try:
        source = parse_arn(mapping.get("EventSourceArn", ""))
    except ArnParseError:
        return None
    if source.service != "dynamodb":
        return None
    stream = lambda_svc._dynamodb_stream_table_from_arn_spec(source)
    table = dynamodb._tables.get(stream[0]) if stream else None
    if not table or table.get("LatestStreamArn") != mapping["EventSourceArn"]:
        return None
    return str(stream[0])


def _is_on(mapping: Mapping) -> bool:
    enabled = mapping.get("Enabled", True)
    return str(enabled).lower() != "false" and mapping["UUID"] in lambda_svc._esms


def _begin(mapping: Mapping) -> bool:
    """Starts to deliver the next batch unless a delivery is running. Whether it started one."""
    identity = mapping["UUID"]
    if not _is_on(mapping) or lambda_svc._esm_inflight.get(identity):
        return False
    table = _table_of(mapping)
    if table is None:
        return False
    positions = lambda_svc._dynamodb_stream_positions
    with lambda_svc._dynamodb_stream_positions_lock:
        if identity not in positions:
            latest = mapping.get("StartingPosition", "LATEST") != "TRIM_HORIZON"
            first, last = dynamodb.stream_start_position, dynamodb.stream_end_position
            positions[identity] = last(table) if latest else first(table)
        position = max(positions[identity], dynamodb.stream_start_position(table))
        if position > dynamodb.stream_end_position(table):
            # After a restart the emulator has positions but no records: read from the start.
            position = positions[identity] = dynamodb.stream_start_position(table)
    rules = rules_of(mapping)
    batch = list(dynamodb.stream_records_since(table, position, rules.batch_size))
    if not batch:
        return False

    def deliver() -> None:
        wanted = lambda_svc._apply_filter_criteria(batch, mapping)
        _deliver_lanes(mapping, lanes_of(wanted, rules.factor))
        with lambda_svc._dynamodb_stream_positions_lock:
            if identity in positions:
                positions[identity] = position + len(batch)

    lambda_svc._dispatch_esm_batch(identity, deliver)
    return True


def _deliver_lanes(mapping: Mapping, lanes: list[list[Record]]) -> None:
    """Delivers all lanes in parallel; returns when every lane has ended."""

    def deliver(lane: list[Record]) -> None:
        try:
            _deliver(mapping, lane)
        except Exception:
            lambda_svc.logger.exception("a delivery failed")

    # The emulator finds its stores by the account and region in the caller's context.
    threads = [
        threading.Thread(target=contextvars.copy_context().run, args=(deliver, lane), daemon=True)
        for lane in lanes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _deliver(mapping: Mapping, records: list[Record]) -> None:
    """Delivers records until they succeed, are given up, or the mapping is gone or off."""
    delivery, pause = Delivery(rules_of(mapping), records), FIRST_PAUSE
    while delivery.records and _is_on(mapping):
        function, config = lambda_svc._get_func_record_for_qualifier(
            mapping["FunctionName"], mapping.get("Qualifier")
        )
        if function is None or config is None:
            return
        record = lambda_svc._execution_record_for_config(function, config)
        result: dict[str, Any] = {}

        def invoke(batch: list[Record], record: Any = record, result: Any = result) -> Any:
            result |= lambda_svc._execute_function(record, {"Records": batch})
            return result

        batch = delivery.records
        given_up = delivery.attempt(invoke, time.time())
        if result.get("throttle"):
            time.sleep(FIRST_PAUSE)
            continue
        if given_up:
            lambda_svc._send_ddb_stream_failure_record(
                mapping,
                function,
                given_up.records,
                mapping["EventSourceArn"],
                result,
                given_up.condition,
            )
        elif not delivery.records or delivery.records[0] not in batch:
            mapping["LastProcessingResult"] = f"OK - {len(batch)} records"
            continue
        mapping["LastProcessingResult"] = "FAILED"
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def read_concurrency_as_a_number() -> None:
    """A queue's `MaximumConcurrency` may come from a parameter of the template.

    AWS: CloudFormation converts the parameter's text to the number that the property requires.
    Emulator: keeps the text and fails on each comparison, so no message is ever delivered.
    Patch: converts it to a number when the mapping is read.
    """
    original = lambda_svc._sqs_esm_concurrency
    expect(callable(original), "lambda_svc._sqs_esm_concurrency")

    def concurrency(esm: Mapping, *rest: Any, **more: Any) -> int:
        scaling = esm.get("ScalingConfig") or {}
        if isinstance(limit := scaling.get("MaximumConcurrency"), str):
            esm["ScalingConfig"] = scaling | {"MaximumConcurrency": int(limit)}
        return int(original(esm, *rest, **more))

    lambda_svc._sqs_esm_concurrency = concurrency
