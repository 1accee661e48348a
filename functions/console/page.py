"""Parts of HTML that a custom widget may contain: no script, and every value escaped.

The widget is drawn inside CloudWatch's own page, so each rule of its style begins with the class of
the widget. The colours follow the theme that CloudWatch names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape

from redress.console.rules import deployed, links

LIGHT = {
    "text": "#16191f",
    "soft": "#545b64",
    "line": "#d5dbdb",
    "page": "#ffffff",
    "broken": "#b3261e",
    "risk": "#9a5b00",
    "well": "#1d7a3c",
    "link": "#0a5ac2",
    "bar": "#3b6fc4",
}
DARK = {
    "text": "#e6e9ee",
    "soft": "#a8b1bd",
    "line": "#414d5c",
    "page": "#161d26",
    "broken": "#ff8a80",
    "risk": "#ffc266",
    "well": "#7fd99a",
    "link": "#7ab4ff",
    "bar": "#7aa5ec",
}
STYLE = """
.redress {{ color: {text}; background: {page}; font: 14px/1.45 sans-serif; padding: 2px 4px }}
.redress a {{ color: {link} }}
.redress h4 {{ margin: 14px 0 4px; font-size: 14px; color: {text} }}
.redress p {{ margin: 4px 0; color: {soft} }}
.redress strong {{ color: {text} }}
.redress .wide {{ overflow-x: auto }}
.redress table {{ border-collapse: collapse; width: 100%; margin: 2px 0 6px; background: {page} }}
.redress th, .redress td {{ text-align: left; padding: 3px 12px 3px 0; color: {text};
  border-bottom: 1px solid {line}; background: {page}; vertical-align: top }}
.redress th {{ color: {soft}; font-weight: 600; white-space: nowrap }}
.redress .short, .redress .moment {{ white-space: nowrap }}
.redress .number {{ text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }}
.redress .tiles {{ display: flex; flex-wrap: wrap; gap: 4px 28px }}
.redress .tile b {{ display: block; font-size: 26px; line-height: 1.2; font-weight: 600 }}
.redress .tile span {{ color: {soft} }}
.redress .broken {{ color: {broken} }}
.redress .risk {{ color: {risk} }}
.redress .well {{ color: {well} }}
.redress .fault {{ border-left: 4px solid {broken}; padding: 4px 10px; margin: 6px 0 }}
.redress input {{ font: inherit; padding: 4px 8px; color: {text}; background: {page};
  border: 1px solid {soft}; max-width: 100% }}
"""


@dataclass(frozen=True)
class Cell:
    """A cell of a table: HTML that is escaped already, and its class."""

    html: str
    kind: str = ""


@dataclass(frozen=True)
class Page:
    """Makes the parts of one answer.

    endpoint  the ARN of this function, which a button of the widget invokes
    machine   the ARN of the state machine of tickets
    """

    dark: bool
    endpoint: str
    machine: str
    stack: str

    @property
    def colours(self) -> dict[str, str]:
        return DARK if self.dark else LIGHT

    @property
    def partition(self) -> str:
        return self.machine.split(":")[1]

    @property
    def region(self) -> str:
        return self.machine.split(":")[3]

    def whole(self, *parts: str) -> str:
        style = STYLE.format(**self.colours)
        return f'<style>{style}</style><div class="redress">{"".join(parts)}</div>'

    def fault(self, title: str, text: str) -> str:
        """A message that names what failed."""
        return self.whole(
            f'<div class="fault"><strong class="broken">{escape(title)}</strong>'
            f"<p>{escape(text)}</p></div>"
        )

    def execution(self, name: str, text: str) -> str:
        """A link to an execution of the state machine of tickets; `text` if there is none."""
        if not name:
            return escape(text)
        arn = self.machine.replace(":stateMachine:", ":execution:") + f":{name}"
        return link(links.execution(arn), text)

    def logs(self, number: str, text: str, days: int) -> str:
        """A link to the saved query about one ticket, over the last days."""
        query = deployed.WHAT_HAPPENED.replace(deployed.EXAMPLE, number)
        groups = deployed.log_groups(self.stack)
        address = links.logs_query(self.partition, self.region, query, groups, 24 * days)
        return link(address, text)

    def button(self, text: str, **parameters: str) -> str:
        """A button that invokes this function again and shows the answer in the widget."""
        return (
            f'<a class="btn btn-primary">{escape(text)}</a>'
            f'<cwdb-action action="call" display="widget" endpoint="{escape(self.endpoint)}">'
            f"{escape(json.dumps(parameters), quote=False)}</cwdb-action>"
        )


def link(address: str, text: str) -> str:
    return f'<a href="{escape(address)}" target="_blank" rel="noopener">{escape(text)}</a>'


def table(heads: Sequence[str], rows: Iterable[Sequence[Cell]], numbers: int = 0) -> str:
    """A table. The last `numbers` heads are those of columns of numbers."""
    first = len(heads) - numbers
    head = "".join(
        f"<th{' class=number' if i >= first else ''}>{escape(text)}</th>"
        for i, text in enumerate(heads)
    )
    body = "".join(f"<tr>{''.join(map(_td, row))}</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _td(cell: Cell) -> str:
    kind = f' class="{cell.kind}"' if cell.kind else ""
    return f"<td{kind}>{cell.html}</td>"


def text(value: object, kind: str = "") -> Cell:
    return Cell(escape(str(value)), kind)


def at_moment(at: datetime | None) -> Cell:
    return text(moment(at) if at is not None else "", "moment")


def moment(at: datetime) -> str:
    """`2026-11-30 05:47:22 UTC`"""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def ago(since: datetime, now: datetime) -> str:
    """How long ago something was: `3 d 4 h`, `12 min`, `8 s`. The future is `in 12 min`."""
    if since > now:
        return f"in {_span(since - now)}"
    return _span(now - since)


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 86_400:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86_400} d {seconds % 86_400 // 3600} h"


def tile(number: object, label: str, kind: str = "") -> str:
    return (
        f'<div class="tile"><b class="{kind}">{escape(str(number))}</b>'
        f"<span>{escape(label)}</span></div>"
    )


def bar(parts: Sequence[tuple[float, str]], most: float, width: int = 160) -> str:
    """A horizontal bar as SVG. Each part is an amount and its colour; `most` fills the width."""
    drawn, at = [], 0.0
    for amount, colour in parts:
        length = width * amount / most if most else 0.0
        drawn.append(f'<rect x="{at:.1f}" y="2" width="{length:.1f}" height="10" fill="{colour}"/>')
        at += length
    return (
        f'<svg width="{width}" height="14" viewBox="0 0 {width} 14" role="img" '
        f'aria-hidden="true">{"".join(drawn)}</svg>'
    )
