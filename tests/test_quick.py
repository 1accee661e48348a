"""Tests that `make quick` runs the tests of the subject that changed."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from tests.builders import ROOT
from tests.quick import PRODUCT, TESTS_OF, find_tests, quick_tests

ARCHITECTURE = "tests/test_architecture.py"
OF_MAIL = f"{PRODUCT}/mail/incoming/decision.py"


@pytest.mark.parametrize(
    ("changed", "tests"),
    [
        ([], [ARCHITECTURE]),
        ([OF_MAIL], ["tests/mail", ARCHITECTURE]),
        ([OF_MAIL, "tests/mail/test_incoming.py"], ["tests/mail", ARCHITECTURE]),
        (["tests/mail/test_incoming.py"], ["tests/mail/test_incoming.py", ARCHITECTURE]),
        (["tests/contract/conftest.py"], ["tests/contract", ARCHITECTURE]),
        (["tests/local/test_stack.py", "tests/mail/test_removed.py"], [ARCHITECTURE]),
        (
            ["functions/staff/routes/plans.py"],
            ["tests/functions/staff", ARCHITECTURE],
        ),
        (
            ["statemachines/scores.asl.json"],
            [
                "tests/statemachines/test_scores_machine.py",
                "tests/template/test_state_machines.py",
                ARCHITECTURE,
            ],
        ),
        (["README.md", "docs/decisions/0001.md"], [ARCHITECTURE, "tests/test_docs.py"]),
        ([".ci/run"], [ARCHITECTURE]),
    ],
)
def test_a_change_runs_the_tests_of_its_subject(changed: list[str], tests: list[str]) -> None:
    assert quick_tests(changed) == tests


def _parts(folder: str) -> list[str]:
    """The folders in this folder, and its files but a Makefile.

    A folder that an earlier layout left behind holds only compiled modules. It is left out.
    """
    return sorted(
        f"{folder}/{path.name}"
        for path in (ROOT / folder).iterdir()
        if not path.name.startswith(("_", "Makefile")) and (path.is_file() or _has_files(path))
    )


def _has_files(folder: Path) -> bool:
    return any(path.is_file() and path.suffix != ".pyc" for path in folder.rglob("*"))


@pytest.mark.parametrize(
    "path", [*_parts(PRODUCT), *_parts("functions"), *_parts("statemachines"), "template.yaml"]
)
def test_every_part_of_the_product_has_quick_tests(path: str) -> None:
    found = list(find_tests(path if PurePosixPath(path).suffix else f"{path}/app.py"))
    assert found
    assert [test for test in found if not (ROOT / test).exists()] == []


def test_the_table_names_files_and_folders_that_exist() -> None:
    assert [path for path in TESTS_OF if not (ROOT / path).exists()] == []
