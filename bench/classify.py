"""How often the rules of plan 1 find the category and the urgency that a careful person chose.

The texts and labels are in `bench/labels`. Their writer had not seen the rules, and no rule was
changed because of its results here (decision 57). Each text is classified as an inquiry by chat
whose customer chose nothing. Beside each figure is the share of the most common label, which a
rule without conditions would reach.

Complaints that people sent to an American authority (`../shared/data/complaints/cfpb.jsonl`, public
domain) are about banks, for which plan 1 has no categories. The few rules below were written from
the names of the authority's categories, to show what such rules reach on texts of real people.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.report import Figure, Machine, at_most, percentile
from local.process import ROOT
from redress.base.languages import LANGUAGES
from redress.plans.rules.document import parse
from redress.plans.rules.plan import GRADATIONS
from redress.staff.rules.classification import Facts, Found, Rules

ABOUT = "classify: categories and urgencies that the rules of plan 1 find in labelled texts"
LIMIT_S = 120
LABELS = Path(__file__).parent / "labels"
COMPLAINTS = ROOT.parent / "shared" / "data" / "complaints" / "cfpb.jsonl"
SLOWEST_MS = 50.0
"""The most milliseconds of CPU that the rules may take for one text, at the 99th percentile. The
assigner applies them before it asks agents."""

BANKS = {
    "Mortgage": ("mortgage", "escrow", "foreclosure"),
    "Student loan": ("student loan", "student loans"),
    "Vehicle loan or lease": ("auto loan", "car loan", "vehicle loan", "auto lease"),
    "Payday loan, title loan, or personal loan": ("payday loan", "personal loan", "title loan"),
    "Money transfer, virtual currency, or money service": (
        *("zelle", "money transfer", "wire transfer", "western union", "venmo", "cash app"),
        *("bitcoin", "cryptocurrency", "coinbase"),
    ),
    "Debt collection": ("debt collector", "collection agency", "collecting a debt"),
    "Credit reporting, credit repair services, or other personal consumer reports": (
        *("credit report", "credit reports", "credit reporting", "consumer report", "equifax"),
        *("experian", "transunion", "credit bureau", "credit bureaus", "fair credit reporting act"),
    ),
    "Credit card or prepaid card": ("credit card", "prepaid card", "gift card", "card member"),
    "Checking or savings account": (
        *("checking account", "savings account", "overdraft", "debit card", "bank account"),
    ),
}
"""Words for the categories of the authority's complaints. The first category that fits counts."""


@dataclass(frozen=True, slots=True)
class Text:
    text: str
    language: str
    category: str | None
    urgency: str | None = None


def run(console: Console, directory: Path, machine: Machine, scale: float) -> list[Figure]:
    shipped = resources.files("redress").joinpath("data/plan-1.json").read_bytes()
    plan = parse(json.loads(shipped))
    rules, usual = Rules(plan.classification), plan.level("inquiry").urgency
    figures: list[Figure] = []
    times: list[float] = []
    for language in LANGUAGES:
        texts = list(_labelled(LABELS / f"{language}.jsonl"))
        found = [_found(rules, one, times) for one in texts]
        figures += _of_language(language, texts, found, usual)
    figures.append(at_most("CPU of the rules for one text, p99", _p99(times), "ms", SLOWEST_MS))
    return figures + _of_complaints(console)


def _labelled(path: Path) -> Iterable[Text]:
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        yield Text(row["text"], row["language"], row["category"], row["urgency"])


def _found(rules: Rules, one: Text, times: list[float]) -> Found:
    facts = Facts(one.text, "inquiry", "chat", one.language)
    begun = time.thread_time()
    found = rules.found(facts)
    times.append((time.thread_time() - begun) * 1000)
    return found


def _p99(times: Sequence[float]) -> float | None:
    slow = percentile(times, 0.99)
    return None if slow is None else round(slow, 2)


def _of_language(
    language: str, texts: Sequence[Text], found: Sequence[Found], usual: str
) -> list[Figure]:
    labels = [one.category for one in texts]
    guesses = [one.values.get("category") for one in found]
    tops = [(label or "").partition("/")[0] for label in labels]
    top_guesses = [(guess or "").partition("/")[0] for guess in guesses]
    urgencies = [one.urgency for one in texts]
    urgency_guesses = [_urgency(one, usual) for one in found]
    return [
        _accuracy(f"{language}: category, both levels", labels, guesses),
        _accuracy(f"{language}: category, first level", tops, top_guesses),
        _share(f"{language}: texts that got a category", [guess is not None for guess in guesses]),
        _share(
            f"{language}: right if they got one, first level",
            [top == guess for top, guess in zip(tops, top_guesses, strict=True) if guess],
        ),
        _accuracy(f"{language}: urgency", urgencies, urgency_guesses),
        _share(
            f"{language}: high urgency that was found",
            [
                guess == "high"
                for label, guess in zip(urgencies, urgency_guesses, strict=True)
                if label == "high"
            ],
        ),
    ]


def _urgency(found: Found, usual: str) -> str:
    return max(usual, found.values.get("urgency", usual), key=GRADATIONS.index)


def _accuracy(name: str, labels: Sequence[Any], guesses: Sequence[Any]) -> Figure:
    """The share of right guesses, beside that of the most common label."""
    right = [label == guess for label, guess in zip(labels, guesses, strict=True)]
    [(label, most)] = Counter(labels).most_common(1)
    note = f"{len(labels)} texts; always {label or 'no category'}: {_percent(most / len(labels))} %"
    return Figure(name, _percent(sum(right) / len(right)), "%", note=note)


def _share(name: str, held: Sequence[bool]) -> Figure:
    share = _percent(sum(held) / len(held)) if held else None
    return Figure(name, share, "%", note=f"of {len(held)} texts")


def _percent(share: float) -> float:
    return round(100 * share, 1)


def _of_complaints(console: Console) -> list[Figure]:
    if not COMPLAINTS.exists():
        console.print(f"{COMPLAINTS} is not there, so its complaints are not measured")
        return []
    rows = [json.loads(line) for line in COMPLAINTS.read_text("utf-8").splitlines()]
    rules = Rules(
        {
            "rules": [
                {"name": f"bank_{n}", "when": {"words": {"en": words}}, "set": {"category": name}}
                for n, (name, words) in enumerate(BANKS.items())
            ]
        }
    )
    labels = [row["labels"]["category"] for row in rows]
    guesses = [
        rules.found(Facts(row["text"], "complaint", "web", "en")).values.get("category")
        for row in rows
    ]
    return [_accuracy("en: complaints about banks, category", labels, guesses)]
