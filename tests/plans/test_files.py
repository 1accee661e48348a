"""Service plans as files: YAML as people write it, and the JSON that is made of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local import plans
from redress.base.errors import InvalidInput
from tests.builders import START, plan_document


def test_the_json_that_ships_is_made_of_the_yaml_beside_it() -> None:
    """Change plan-1.yaml, then `make plan-build`."""
    assert plans.built() == plan_document()
    assert json.loads(plans.BUILT.read_text("utf-8")) == plan_document()


def check(file: Path, text: str) -> int:
    file.write_text(text, "utf-8")
    return plans.main(["check", str(file)], lambda: START)


def test_every_fault_of_a_file_is_told_by_its_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = plans.SOURCE.read_text("utf-8")
    text = text.replace("within: 30m }\n      first", "within: 30 }\n      first")
    text = text.replace("satisfaction: 30", "satisfaction: 40")
    assert check(tmp_path / "plan.yaml", text) == 1
    told = capsys.readouterr().err
    assert "/levels/complaint/promises/reaction/within: a duration" in told
    assert "/score/weights: weights add up to 110" in told
    assert "2 faults" in told


def test_a_plan_in_order_is_said_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path / "plan.yaml", plans.SOURCE.read_text("utf-8")) == 0
    told = capsys.readouterr().out
    assert "service plan 1 is in order" in told
    assert "on 2027-05-23" in told
    assert check(tmp_path / "plan.json", plans.BUILT.read_text("utf-8")) == 0


@pytest.mark.parametrize(
    "text", ["a: [", "a: 1\na: 2", "\t", "- b\n: c", "a: !!python/object:os.x {}"]
)
def test_what_is_no_yaml_is_one_fault(text: str, tmp_path: Path) -> None:
    assert check(tmp_path / "plan.yaml", text) == 1


def test_faults_of_holidays_and_of_the_rest_are_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = plans.SOURCE.read_text("utf-8")
    text = text.replace("country: CN", "country: XX").replace("satisfaction: 30", "satisfaction: 3")
    assert check(tmp_path / "plan.yaml", text) == 1
    told = capsys.readouterr().err
    assert "/calendars/office/holidays: " in told
    assert "/score/weights: " in told
    assert "2 faults" in told


def test_a_plan_that_no_item_would_hold_is_told_with_limit_and_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = plan_document() | {"sources": {"text": "x" * 400_000}}
    assert check(tmp_path / "plan.json", json.dumps(document)) == 1
    assert "/: at most 400000 bytes" in capsys.readouterr().err


def test_a_file_that_says_what_no_json_can_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = plans.SOURCE.read_text("utf-8") + "  true: a key that is no text\n"
    assert check(tmp_path / "plan.yaml", text) == 1
    assert "/: this cannot be written as JSON" in capsys.readouterr().err


def test_a_key_that_is_there_twice_is_a_slip_that_is_told(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text("version: 1\nversion: 2\n")
    with pytest.raises(InvalidInput, match="'version' is there twice"):
        plans.load(file)


def test_a_date_is_a_text_as_it_is_in_json(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text("review_by: 2027-05-23\n2026-10-01: []\n")
    assert plans.load(file) == {"review_by": "2027-05-23", "2026-10-01": []}


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert plans.main(["check", str(tmp_path / "none.yaml")]) == 2
