"""Results of a benchmark: figures and goals, as a table for people and as JSON."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.table import Table

PACKAGES = ("ministack", "pynamodb", "boto3", "aws-sam-cli")
"""Packages whose versions affect the figures most."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. `met` is None if there is no goal.

    `note` names the reference of the comparison (floor or peer, measured in the same run) with its
    number, or adds details. `ratio` is this number divided by the reference; the goal is then for
    the ratio.
    """

    name: str
    value: float | None
    unit: str = ""
    goal: str = ""
    met: bool | None = None
    note: str = ""
    ratio: float | None = None


def at_most(name: str, value: float | None, unit: str, limit: float) -> Figure:
    """A figure whose goal is at most `limit`. If it could not be measured, the goal is missed."""
    return Figure(name, value, unit, f"≤ {_number(limit)}", value is not None and value <= limit)


def at_least(name: str, value: float | None, unit: str, limit: float) -> Figure:
    """A figure whose goal is at least `limit`. If it could not be measured, the goal is missed."""
    return Figure(name, value, unit, f"≥ {_number(limit)}", value is not None and value >= limit)


def exactly(name: str, value: float | None, unit: str, wanted: float) -> Figure:
    """A figure whose goal is exactly `wanted`."""
    return Figure(name, value, unit, f"= {_number(wanted)}", value == wanted)


def compared(
    name: str,
    value: float | None,
    unit: str,
    reference: tuple[str, float | None],
    *,
    most: float | None = None,
    least: float | None = None,
) -> Figure:
    """A figure with a reference, floor or peer: (name, number in the same unit).

    The goal is for the ratio: at most `most`, or at least `least`; without either there is no goal.
    If one of the numbers could not be measured, the goal is missed.
    """
    peer, number = reference
    ratio = None if value is None or not number else value / number
    note = f"{peer}: {_measured(Figure(peer, number, unit))}"
    if most is not None:
        goal, met = f"≤ {_number(most)} x", ratio is not None and ratio <= most
        return Figure(name, value, unit, goal, met, note, ratio)
    if least is not None:
        goal, met = f"≥ {_number(least)} x", ratio is not None and ratio >= least
        return Figure(name, value, unit, goal, met, note, ratio)
    return Figure(name, value, unit, note=note, ratio=ratio)


def percentile(values: Iterable[float], share: float) -> float | None:
    """The smallest value that is at least as large as `share` (0 to 1) of all values.

    None if there are no values. Nearest rank: the result is always a measured value.
    """
    ordered = sorted(values)
    if not ordered:
        return None
    # Round first, because 0.07 * 100 is slightly more than 7 in binary fractions.
    rank = math.ceil(round(share * len(ordered), 9))
    return ordered[min(max(rank, 1), len(ordered)) - 1]


@dataclass(slots=True)
class Machine:
    """The machine of a measurement. `load` has one-minute load averages at the named moments."""

    date: str
    cpus: int
    memory_mb: int
    system: str
    python: str
    packages: dict[str, str]
    load: dict[str, float] = field(default_factory=dict)

    def note_load(self, moment: str) -> None:
        """Records how busy the machine is now, which is needed to judge the figures."""
        self.load[moment] = round(os.getloadavg()[0], 2)


def this_machine() -> Machine:
    return Machine(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        cpus=os.cpu_count() or 0,
        memory_mb=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        packages={name: version(name) for name in PACKAGES},
    )


def described(machine: Machine) -> str:
    """One line about the machine, to print below a table."""
    packages = ", ".join(f"{name} {number}" for name, number in machine.packages.items())
    load = ", ".join(f"{moment} {value}" for moment, value in machine.load.items())
    return (
        f"{machine.date}, {machine.cpus} CPUs, {machine.memory_mb} MB, {machine.system}, "
        f"Python {machine.python}, {packages}; load average: {load or 'not taken'}"
    )


def table(title: str, figures: Sequence[Figure]) -> Table:
    """A table of figures with reference or note, ratio, goal, and whether the goal is met."""
    shown = Table(title=title, title_justify="left")
    shown.add_column("figure")
    shown.add_column("measured", justify="right")
    shown.add_column("reference or note")
    shown.add_column("ratio", justify="right")
    shown.add_column("goal", justify="right")
    shown.add_column("met")
    for figure in figures:
        ratio = "" if figure.ratio is None else f"{_number(figure.ratio)} x"
        shown.add_row(figure.name, _measured(figure), figure.note, ratio, figure.goal, _met(figure))
    return shown


def summary(figures: Iterable[Figure], missing: Sequence[str]) -> str:
    """One line on the goals of all figures, and on the benchmarks that could not be measured."""
    goals = [figure for figure in figures if figure.met is not None]
    missed = [figure.name for figure in goals if not figure.met]
    text = f"{len(goals)} goals, {len(goals) - len(missed)} met"
    if missed:
        text += f"; [red]not met: {', '.join(missed)}[/]"
    if missing:
        text += f"; [red]not measured: {', '.join(missing)}[/]"
    return text


def document(name: str, figures: Sequence[Figure], machine: Machine, **more: Any) -> dict[str, Any]:
    """The same as JSON: {"benchmark", "machine", "figures": [{"name", "value", ...}], ...}."""
    found = {"benchmark": name, "machine": asdict(machine)}
    return found | {"figures": [asdict(figure) for figure in figures]} | more


def write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _measured(figure: Figure) -> str:
    if figure.value is None:
        return "not measured"
    return f"{_number(figure.value)} {figure.unit}".rstrip()


def _number(value: float) -> str:
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.2f}" if abs(value) >= 0.01 else f"{value:.1g}"


def _met(figure: Figure) -> str:
    return {None: "", True: "[green]yes[/]", False: "[red]no[/]"}[figure.met]
