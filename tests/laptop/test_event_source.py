"""Lambda's rules for batches of stream records, as its Developer Guide states them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from local.event_source import Delivery, Record, Rules, lanes_of, rules_of

EVERYTHING = Rules(halve=True, partial=True)


def batch(*names: str) -> list[Record]:
    """A record for each name, which is its sequence number and its key."""
    return [{"dynamodb": {"Keys": {"pk": {"S": n}}, "SequenceNumber": n}} for n in names]


class Function:
    """Answers with the next of these answers and records the batches; then everything succeeds."""

    def __init__(self, *answers: Mapping[str, Any]) -> None:
        self.answers, self.seen = list(answers), list[str]()

    def __call__(self, records: list[Record]) -> Mapping[str, Any]:
        self.seen.append("".join(record["dynamodb"]["SequenceNumber"] for record in records))
        return self.answers.pop(0) if self.answers else {"body": {"batchItemFailures": []}}

    def run(self, rules: Rules, names: str, now: float = 0.0) -> list[tuple[str, str]]:
        """Deliver until nothing is left. Return what was given up, and why."""
        delivery, lost = Delivery(rules, batch(*names)), []
        while delivery.records:
            if found := delivery.attempt(self, now):
                numbers = [record["dynamodb"]["SequenceNumber"] for record in found.records]
                lost.append(("".join(numbers), found.condition))
        return lost


def reported(*names: str | None) -> dict[str, Any]:
    return {"body": {"batchItemFailures": [{"itemIdentifier": name} for name in names]}}


RAISED = {"error": True, "body": {"errorType": "ValueError"}}


def test_reported_record_and_all_after_it_are_delivered_again_and_are_not_bisected() -> None:
    function = Function(reported("b"), reported("b"), reported("d"))
    assert function.run(EVERYTHING, "abcd") == []
    assert function.seen == ["abcd", "bcd", "bcd", "d"]


def test_lowest_of_several_reported_records_is_the_checkpoint() -> None:
    function = Function(reported("d", "b"))
    function.run(EVERYTHING, "abcd")
    assert function.seen == ["abcd", "bcd"]


def test_report_that_names_no_record_of_the_batch_fails_the_whole_batch() -> None:
    for strange in (reported(None), reported(""), reported("z")):
        function = Function(strange)
        function.run(EVERYTHING, "abc")
        assert function.seen == ["abc", "abc"]


def test_report_counts_only_if_the_mapping_asks_for_it() -> None:
    function = Function(reported("b"))
    function.run(Rules(), "abc")
    assert function.seen == ["abc"]


def test_error_bisects_the_batch_and_the_second_half_waits_for_the_first() -> None:
    function = Function(RAISED, RAISED, RAISED)
    function.run(EVERYTHING, "abcd")
    assert function.seen == ["abcd", "ab", "a", "a", "b", "cd"]


def test_batch_is_given_up_after_its_retries_and_the_rest_goes_on() -> None:
    function = Function(RAISED, RAISED, RAISED)
    assert function.run(Rules(attempts=1, halve=True), "ab") == [("a", "RetryAttemptsExhausted")]
    assert function.seen == ["ab", "a", "a", "b"]


def test_batch_is_given_up_when_its_oldest_record_is_too_old() -> None:
    records = batch("a", "b")
    records[0]["dynamodb"]["ApproximateCreationDateTime"] = 1000.0
    delivery = Delivery(Rules(age_s=60, partial=True), records)
    function = Function(reported("a"), reported("a"))
    assert delivery.attempt(function, 1060.0) is None
    found = delivery.attempt(function, 1061.0)
    assert found is not None
    assert (found.records, found.condition) == (records, "MaxRecordAgeExceeded")


def test_throttled_invocation_is_no_attempt() -> None:
    function = Function({"throttle": True}, {"throttle": True}, RAISED)
    assert function.run(Rules(attempts=0), "a") == [("a", "RetryAttemptsExhausted")]
    assert function.seen == ["a", "a", "a"]


def test_settings_of_a_mapping_may_be_texts_and_minus_one_is_no_limit() -> None:
    assert rules_of({"BatchSize": "7", "MaximumRetryAttempts": -1}) == Rules(batch_size=7)
    given = {"MaximumRecordAgeInSeconds": "60", "BisectBatchOnFunctionError": "true"}
    assert rules_of(given) == Rules(age_s=60, halve=True)


@given(st.lists(st.sampled_from("abcdefgh"), max_size=60), st.integers(1, 10))
def test_lanes_hold_every_record_once_with_the_records_of_an_item_in_order(
    names: list[str], factor: int
) -> None:
    records = [
        {"dynamodb": {"Keys": {"pk": {"S": n}}, "SequenceNumber": str(i)}}
        for i, n in enumerate(names)
    ]
    lanes = lanes_of(records, factor, worthwhile=1)
    assert len(lanes) <= factor
    assert all(lanes)
    for name in set(names):
        holding = [lane for lane in lanes if batch(name)[0]["dynamodb"]["Keys"] in keys_of(lane)]
        assert len(holding) == 1
    for lane in lanes:
        numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in lane]
        assert numbers == sorted(numbers)
    assert sum(map(len, lanes)) == len(records)


def keys_of(lane: list[Record]) -> list[Any]:
    return [record["dynamodb"]["Keys"] for record in lane]
