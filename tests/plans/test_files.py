"""Tests of plan files: checking YAML and JSON files, and building plan-1.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local import plans
from redress.base.errors import InvalidInput
from tests.builders import START, plan_document


def test_the_shipped_json_is_built_from_the_yaml() -> None:
    """If this fails, run `make plan-build`."""
    assert plans.built() == plan_document()
    assert json.loads(plans.BUILT.read_text("utf-8")) == plan_document()


def check(file: Path, text: str) -> int:
    file.write_text(text, "utf-8")
    return plans.main(["check", str(file)], lambda: START)


def test_check_reports_every_fault_with_its_pointer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = plans.SOURCE.read_text("utf-8")
    text = text.replace("within: 30m }\n      first", "within: 30 }\n      first")
    text = text.replace("satisfaction: 30", "satisfaction: 40")
    assert check(tmp_path / "plan.yaml", text) == 1
    output = capsys.readouterr().err
    assert "/levels/complaint/promises/reaction/within: a duration" in output
    assert "/score/weights: weights add up to 110" in output
    assert "2 faults" in output


def test_check_reports_a_valid_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path / "plan.yaml", plans.SOURCE.read_text("utf-8")) == 0
    output = capsys.readouterr().out
    assert "service plan 1 is in order" in output
    assert "on 2027-05-23" in output
    assert check(tmp_path / "plan.json", plans.BUILT.read_text("utf-8")) == 0


@pytest.mark.parametrize(
    "text", ["a: [", "a: 1\na: 2", "\t", "- b\n: c", "a: !!python/object:os.x {}"]
)
def test_invalid_yaml_is_refused(text: str, tmp_path: Path) -> None:
    assert check(tmp_path / "plan.yaml", text) == 1


def test_check_reports_faults_of_holidays_together_with_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = plans.SOURCE.read_text("utf-8")
    text = text.replace("country: CN", "country: XX").replace("satisfaction: 30", "satisfaction: 3")
    assert check(tmp_path / "plan.yaml", text) == 1
    output = capsys.readouterr().err
    assert "/calendars/office/holidays: " in output
    assert "/score/weights: " in output
    assert "2 faults" in output


def test_plan_in_json_may_have_escapes_for_emoji(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`json.dumps` writes 🙏 as two escapes, which YAML does not join."""
    text = json.dumps(plan_document() | {"version": 2})
    assert "\\ud83d\\ude4f" in text
    assert check(tmp_path / "plan.json", text) == 0, capsys.readouterr().err


def test_check_reports_a_plan_that_is_too_large_with_limit_and_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = plan_document() | {"sources": {"text": "x" * 400_000}}
    assert check(tmp_path / "plan.json", json.dumps(document)) == 1
    assert "/: at most 400000 bytes" in capsys.readouterr().err


def test_check_reports_a_file_that_cannot_be_written_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = plans.SOURCE.read_text("utf-8") + "  true: a key that is no text\n"
    assert check(tmp_path / "plan.yaml", text) == 1
    assert "/: this cannot be written as JSON" in capsys.readouterr().err


def test_a_repeated_key_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text("version: 1\nversion: 2\n")
    with pytest.raises(InvalidInput, match="'version' is there twice"):
        plans.load(file)


def test_dates_are_read_as_texts(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text("review_by: 2027-05-23\n2026-10-01: []\n")
    assert plans.load(file) == {"review_by": "2027-05-23", "2026-10-01": []}


def test_check_of_a_missing_file_fails(tmp_path: Path) -> None:
    assert plans.main(["check", str(tmp_path / "none.yaml")]) == 2
