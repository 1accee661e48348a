"""What the seed decides: operations, faults; and the mistakes that can be planted."""

from __future__ import annotations

import ast
from collections import Counter
from itertools import product
from pathlib import Path

import pytest

from local.faults import Do
from tests.builders import ROOT
from tests.chaos.load import RATES, STRETCH_S, WEIGHTS, planned
from tests.chaos.planted import CORE, MISTAKES, Edit, changed, planted
from tests.chaos.schedule import CALLS, CLOCKS, RESTART, STOP, scheduled

MINUTES_10 = 600.0


def test_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    assert list(planned(7, 60)) == list(planned(7, 60)) != list(planned(8, 60))
    assert scheduled(7, 60, "s", 10) == scheduled(7, 60, "s", 10) != scheduled(8, 60, "s", 10)


def test_load_mixes_all_operations_and_has_at_most_twenty_a_second() -> None:
    found = list(planned(1, MINUTES_10))
    assert {one.what for one in found} == set(WEIGHTS)
    in_second = Counter(int(one.at_s) for one in found)
    assert max(in_second.values()) <= max(RATES) == 20
    assert all(0 < one.at_s < MINUTES_10 for one in found)
    stretches = {int(one.at_s // STRETCH_S) for one in found}
    assert stretches == set(range(int(MINUTES_10 / STRETCH_S)))


@pytest.mark.parametrize("seed", range(3))
def test_ten_minutes_kill_each_function_before_and_after_each_of_its_calls(seed: int) -> None:
    hit = {
        (one.fault.do, one.fault.function, one.fault.service, one.fault.operation)
        for one in scheduled(seed, MINUTES_10, "stack", 7200)
        if one.fault is not None
    }
    for do, (function, calls) in product((Do.KILL_BEFORE, Do.KILL_AFTER), CALLS.items()):
        for service, operation in calls:
            assert (do, f"stack-{function}", service, operation) in hit


def test_run_has_stopped_executions_wrong_clocks_and_a_restart() -> None:
    found = scheduled(1, 120, "stack", 7200)
    kinds = Counter(one.what for one in found)
    assert kinds[STOP] > 5
    assert kinds[RESTART] == 1
    assert kinds[CLOCKS] == 2
    assert [one.at_s for one in found] == sorted(one.at_s for one in found)
    shifts = [s for one in found for s in (one.clocks or {}).values()]
    assert max(map(abs, shifts)) <= 7200
    assert min(shifts) < -1000 < 0 < 1000 < max(shifts)
    assert all(one.fault is None for one in found if one.what in (STOP, RESTART, CLOCKS))


def test_every_disturbed_function_is_deployed() -> None:
    text = (ROOT / "template.yaml").read_text()
    for function in CALLS:
        assert f"FunctionName: !Sub ${{AWS::StackName}}-{function}\n" in text


@pytest.mark.parametrize("name", sorted(MISTAKES))
def test_mistake_fits_the_source_and_is_planted_into_a_copy(name: str, tmp_path: Path) -> None:
    built = tmp_path / "built"
    modules = {edit.module for edit in MISTAKES[name].edits}
    for module in modules:
        file = built / CORE / module
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text((ROOT / "layers/core" / module).read_text())
    copy = planted(built, name)
    for module in modules:
        source = (built / CORE / module).read_text()
        wrong = (copy / CORE / module).read_text()
        assert ast.dump(ast.parse(wrong)) != ast.dump(ast.parse(source))
        assert list((copy / CORE / module).parent.glob("__pycache__/*.pyc")), "it is compiled"
        assert source == (ROOT / "layers/core" / module).read_text(), "the build stays as it is"


def test_mistake_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="0 times"):
        changed("other text", Edit("a/module.py", "a text", ""))
    with pytest.raises(ValueError, match="2 times"):
        changed("a text, a text", Edit("a/module.py", "a text", ""))
