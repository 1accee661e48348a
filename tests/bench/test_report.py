"""Reports of benchmarks: percentiles, figures and goals, the table, the JSON, complete runs."""

from __future__ import annotations

import contextlib
import io
import json
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from bench import __main__ as entry
from bench import report, sleepers
from bench.report import Figure, Machine
from local.stack import StackError
from redress.base.people import SYSTEM
from redress.tickets.rules.ticket import Event, EventType

MACHINE = Machine(
    "2026-11-23T09:00:00+00:00", 2, 4096, "Linux x86_64", "3.13.0", {"ministack": "1"}
)


@pytest.mark.parametrize(
    ("values", "share", "wanted"),
    [
        ([], 0.5, None),
        ([7.0], 0.0, 7.0),
        ([7.0], 1.0, 7.0),
        ([4.0, 1.0, 3.0, 2.0], 0.5, 2.0),
        (range(1, 11), 0.9, 9),
        (range(1, 101), 0.07, 7),
        (range(1, 101), 0.99, 99),
        (range(1, 101), 1.0, 100),
    ],
)
def test_percentile_is_always_a_measured_value(
    values: list[float], share: float, wanted: float | None
) -> None:
    assert report.percentile(values, share) == wanted


def test_goal_is_met_at_its_limit_and_missed_if_not_measured() -> None:
    assert report.at_most("late", 5.0, "s", 5).met is True
    assert report.at_most("late", 5.01, "s", 5).met is False
    assert report.at_most("late", None, "s", 5).met is False
    assert report.exactly("acted", 10, "", 10).met is True
    assert report.exactly("acted", None, "", 10).met is False


def test_goal_of_a_comparison_is_for_the_ratio() -> None:
    assert report.compared("a", 45.0, "ms", ("b", 100.0), most=0.45).met is True
    assert report.compared("a", 46.0, "ms", ("b", 100.0), most=0.45).met is False
    assert report.compared("a", 70.0, "/s", ("b", 100.0), least=0.7).met is True
    assert report.compared("a", 69.0, "/s", ("b", 100.0), least=0.7).met is False
    assert report.compared("a", 1.0, "/s", ("b", None), least=0.7).met is False
    assert report.compared("a", None, "/s", ("b", 1.0), most=1.0).met is False
    assert report.compared("a", 1.0, "/s", ("b", 2.0)).met is None


def test_table_shows_figure_reference_goal_and_whether_it_is_met() -> None:
    figures = [
        report.at_most("late: maximum", 1.234, "s", 5),
        report.exactly("acted", 9_990, "", 10_000),
        Figure("memory", None, "MB"),
        report.compared("intake", 300.0, "ms", ("typical", 750.0), most=0.45),
    ]
    console = Console(file=io.StringIO(), width=120)

    console.print(report.table("sleepers", figures))

    assert isinstance(console.file, io.StringIO)
    rows = [
        [cell.strip() for cell in line.strip("│").split("│")]
        for line in console.file.getvalue().splitlines()
        if line.startswith("│")
    ]
    assert rows == [
        ["late: maximum", "1.23 s", "", "", "≤ 5", "yes"],
        ["acted", "9,990", "", "", "= 10,000", "no"],
        ["memory", "not measured", "", "", "", ""],
        ["intake", "300 ms", "typical: 750 ms", "0.40 x", "≤ 0.45 x", "yes"],
    ]


def test_json_has_figures_and_machine(tmp_path: Path) -> None:
    figures = [report.compared("late", 1.5, "s", ("floor", 1.0), most=2)]
    path = tmp_path / "bench" / "sleepers.json"

    report.write(path, report.document("sleepers", figures, MACHINE, scale=1.0))

    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["machine"]["cpus"] == 2
    assert (found["benchmark"], found["scale"]) == ("sleepers", 1.0)
    assert found["figures"] == [
        {
            "name": "late",
            "value": 1.5,
            "unit": "s",
            "goal": "≤ 2 x",
            "met": True,
            "note": "floor: 1 s",
            "ratio": 1.5,
        }
    ]


def test_this_machine_is_described_with_its_load() -> None:
    machine = report.this_machine()
    machine.note_load("at the end")
    assert machine.cpus > 0
    assert machine.memory_mb > 0
    assert "at the end" in report.described(machine)


def test_lateness_counts_from_the_due_time_to_the_firing() -> None:
    at = datetime(2026, 11, 23, 9, 0, 1, 250_000, tzinfo=UTC)
    rung = Event(3, EventType.RUNG_FIRED, at, SYSTEM, {"due_at": "2026-11-23T09:00:00+00:00"})
    assert sleepers.lateness(rung) == 1.25


def test_every_due_ticket_must_act_once_not_early_and_in_time() -> None:
    acts = sleepers.Acts({"a": 0.5, "b": -0.1, "c": 6.0}, Counter(a=1, b=1, c=2))
    figures = {figure.name: figure for figure in sleepers.act_figures(acts, 4)}
    assert figures["due tickets that acted"].value == 3
    assert figures["acted more than once"].value == 1
    assert figures["acted early"].value == 1
    assert figures["late: median"].value == 0.5
    assert figures["late: maximum"].value == 6.0
    assert {figure.met for figure in figures.values()} == {False, None}


def test_quiet_period_counts_only_calls_of_the_table() -> None:
    found = sleepers.Quiet(
        30.0, {}, {"DynamoDB_20120810.GetItem": 2, "AmazonSQS.ReceiveMessage": 9}
    )
    invocations, reads = sleepers.quiet_figures(found)
    assert (invocations.value, reads.value) == (0, 2)
    assert (invocations.met, reads.met) == (True, False)


def test_second_run_at_the_same_time_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry, "DIRECTORY", tmp_path / "bench")
    with entry.alone(), pytest.raises(StackError, match="another `make bench`"), entry.alone():
        pytest.fail("the second run began")
    with entry.alone():
        assert (tmp_path / "bench").is_dir()


# --------------------------------------------------------------- a run of several benchmarks


class Runs:
    """Benchmarks that take no time; records the size that each was run with."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.sizes: dict[str, float] = {}
        self.file = io.StringIO()
        monkeypatch.setattr(entry, "DIRECTORY", tmp_path)
        monkeypatch.setattr(entry, "ROOT", tmp_path)
        monkeypatch.setattr(
            entry, "BENCHMARKS", {"quick": self.one("quick"), "missed": self.one("missed", 9)}
        )

    def one(
        self, name: str, value: float = 1, seconds: float = 0, error: Exception | None = None
    ) -> entry.Benchmark:
        def run(console: Console, directory: Path, machine: Machine, scale: float) -> list[Figure]:
            self.sizes[name] = scale
            time.sleep(seconds)
            if error:
                raise error
            return [report.at_most(f"{name}: late", value, "s", 5), Figure("other", 1)]

        return entry.Benchmark(f"what {name} is about", 60, run)

    def all(self, sizes: dict[str, float], whole_s: float = 60) -> bool:
        return entry.perform_all(sizes, whole_s, Console(file=self.file, width=200))

    @property
    def said(self) -> str:
        return self.file.getvalue()


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Runs:
    return Runs(monkeypatch, tmp_path)


def test_last_line_of_a_run_names_missed_goals(runs: Runs) -> None:
    assert runs.all({"quick": 1, "missed": 0.05}), "a missed goal is a finding, not a failure"
    assert runs.sizes == {"quick": 1, "missed": 0.05}
    assert "missed, at 0.05 of the full size: what missed is about" in runs.said
    assert "quick, at" not in runs.said
    last = runs.said.splitlines()[-1]
    assert "2 goals, 1 met; not met: missed: late; missed at 0.05 of its size; 0.0 min" in last


def test_slow_benchmark_is_stopped_and_reported_and_the_next_one_runs(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = replace(runs.one("quick", seconds=30), limit_s=0)
    monkeypatch.setitem(entry.BENCHMARKS, "quick", slow)
    assert not runs.all({"quick": 1, "missed": 1})
    assert "quick: did not end in time; ONLY=quick runs it alone" in runs.said
    assert "1 goals, 0 met; not met: missed: late; not measured: quick; " in runs.said


@pytest.mark.parametrize("error", [StackError("no Java"), AssertionError("no Java")])
def test_failed_benchmark_is_reported_and_the_next_one_runs(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setitem(entry.BENCHMARKS, "quick", runs.one("quick", error=error))
    assert not runs.all({"quick": 1, "missed": 1})
    assert "no Java" in runs.said
    assert "not met: missed: late; not measured: quick; " in runs.said.splitlines()[-1]


def test_run_of_all_benchmarks_keeps_its_time_limit(runs: Runs) -> None:
    assert not runs.all({"quick": 1}, whole_s=0)
    assert "0 goals, 0 met; not measured: quick; 0.0 minutes" in runs.said


def test_time_limit_ends_even_a_retry_loop() -> None:
    def try_again() -> None:
        while True:
            with contextlib.suppress(Exception):
                time.sleep(1)

    with pytest.raises(entry.OutOfTime), entry.within(0.05):
        try_again()
    with entry.within(0.05):
        pass
    time.sleep(0.1)  # the timer of the second block must not fire


def test_run_of_all_benchmarks_shrinks_one_of_the_longest_and_leaves_the_other_out() -> None:
    shares = {name: one.share for name, one in entry.BENCHMARKS.items() if one.share != 1}
    assert shares == {"sleepers": 0.05, "day": 0}
