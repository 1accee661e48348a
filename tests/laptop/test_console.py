"""`make console` writes what the widgets of a deployed stack show."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from local.operations import console
from local.operations.stacks import NoStack, Stack


class Function:
    """A client of Lambda with one function. It answers with what it was asked, or fails."""

    def __init__(self, answer: Any = None, error: str | None = None) -> None:
        self.answer, self.error = answer, error
        self.asked: list[dict[str, Any]] = []

    def invoke(self, **given: Any) -> dict[str, Any]:
        assert given["FunctionName"] == "shop-console:live", "the alias"
        event = json.loads(given["Payload"])
        self.asked.append(event)
        answer = f"<p>{event['show']}</p>" if self.answer is None else self.answer
        found = {"Payload": io.BytesIO(json.dumps(answer).encode())}
        return found | ({"FunctionError": self.error} if self.error else {})


def stack(function: Function) -> Stack:
    return Stack("shop", {}, lambda service: {"lambda": function}[service])


def test_page_shows_every_widget_in_both_themes(tmp_path: Path) -> None:
    function = Function()
    files = console.write(stack(function), tmp_path / "new", "R-7K3M9-QW0X2")
    assert [file.name for file in files] == ["light.html", "dark.html"]
    for file in files:
        written = file.read_text()
        assert all(f"<p>{shown}</p>" in written for shown in console.SHOWN)
    themes = [one["widgetContext"]["theme"] for one in function.asked]
    assert themes == ["light"] * 3 + ["dark"] * 3
    forms = [one["widgetContext"]["forms"]["all"] for one in function.asked]
    assert forms == [{"ticket": "R-7K3M9-QW0X2"}] * 6


def test_failure_of_the_function_is_told_with_its_answer() -> None:
    function = Function({"errorMessage": "Task timed out"}, "Unhandled")
    with pytest.raises(console.NotShown, match=r"shop-console:live failed: .*Task timed out"):
        console.drawn(stack(function), "state", "light")


def test_without_a_stack_the_command_says_how_to_start_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(name: str | None) -> Stack:
        raise NoStack("no stack runs here: start it by `make up`")

    monkeypatch.setattr("local.operations.stacks.found", missing)
    monkeypatch.setattr("sys.argv", ["console"])
    assert console.main() == 1
    assert "start it by `make up`" in capsys.readouterr().err
