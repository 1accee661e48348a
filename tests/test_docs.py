"""The documents name files that exist, and define each term once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.builders import ROOT
from tests.template.documents import of_type
from tests.test_architecture import PACKAGES

DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")], key=lambda path: path.parts
)
PRODUCT = ROOT / "layers/core/redress"
TOP = tuple("bench client docs events functions layers local statemachines tests".split())
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(rf"`((?:{'|'.join((*TOP, *PACKAGES, 'data'))})/[\w./-]*)`")
"""A path in backticks: from the root of the repository, or from the product's package."""


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(path: Path) -> set[str]:
    """What `#...` can name in a document: its headings, as GitHub writes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for link in LINK.findall(document.read_text()):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = (document.parent / file).resolve() if file else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_files_that_a_document_names_exist(document: Path) -> None:
    named = PATH.findall(document.read_text())
    missing = [one for one in named if not any((base / one).exists() for base in (ROOT, PRODUCT))]
    assert missing == []


def test_there_are_documents_and_they_name_files() -> None:
    assert {"README.md", "CONTRIBUTING.md", "docs/architecture.md"} <= set(map(name_of, DOCUMENTS))
    assert len(PATH.findall((ROOT / "docs/architecture.md").read_text())) > 50


def test_the_map_of_the_architecture_lists_every_package_in_the_order_of_imports() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    rows = re.findall(r"^\| `(\w+)/(?:\w+/)?` \|", text, re.MULTILINE)
    assert list(dict.fromkeys(rows)) == list(PACKAGES)


def test_the_glossary_defines_each_term_once_in_alphabetical_order() -> None:
    terms = re.findall(r"^### (.+)$", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
    assert len(terms) > 100
    assert terms == sorted(set(terms), key=str.lower)


def test_both_readmes_have_the_same_sections_rows_and_commands() -> None:
    one, other = ((ROOT / name).read_text() for name in ("README.md", "README.zh-CN.md"))
    for pattern in (r"^#+ ", r"^\| ", r"^    (?:make|sam) [\w ]+", r"\]\((?!README)[^)]+\)"):
        assert len(re.findall(pattern, one, re.MULTILINE)) == len(
            re.findall(pattern, other, re.MULTILINE)
        )
    assert sorted(PATH.findall(one)) == sorted(PATH.findall(other))


NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty"
).split()


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("AWS::Lambda::Function", "functions"),
        ("AWS::StepFunctions::StateMachine", "state machines"),
        ("AWS::SQS::Queue", "queues"),
        ("AWS::Scheduler::Schedule", "schedules"),
        ("AWS::Events::Rule", "event rule"),
        ("AWS::DynamoDB::Table", "DynamoDB table"),
    ],
)
def test_the_chapter_on_deployment_counts_what_the_template_creates(kind: str, named: str) -> None:
    number = NUMBERS[len(of_type(kind))]
    assert f"{number} {named}" in (ROOT / "docs/deploy.md").read_text()


def test_log_texts_that_a_runbook_searches_for_are_logged() -> None:
    command = re.compile(r"/aws/lambda/redress-(\w+) .*--filter-pattern '\"(.+?)\"'")
    searches = [
        (path, *found)
        for path in (ROOT / "docs/runbooks").glob("*.md")
        for found in command.findall(path.read_text())
    ]
    assert searches
    for path, function, text in searches:
        sources = (ROOT / "functions" / function).glob("*.py")
        assert any(text in source.read_text() for source in sources), (path.name, text)
