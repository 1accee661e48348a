"""The widget `price`: this month and the last one, row by row."""

from __future__ import annotations

from html import escape

from page import Cell, Page, bar, table, text

from redress.console.cases.costs import LEFT_OUT, Price
from redress.console.list_prices import list_prices

SMALL = 0.00005
"""Dollars below which a row is left out if nothing was used of it."""


def price_page(page: Page, months: list[Price]) -> str:
    this, last = months
    known = list_prices()
    return page.whole(
        '<div class="tiles">',
        _tile(this, f"{this.month.name}, until now"),
        _tile(last, f"{last.month.name}"),
        "</div>",
        _rows(page, this),
        _rows(page, last),
        f"<p>Counts of this stack, from AWS's own metrics, times the list prices of {known.region} "
        f"of {known.looked_up}. &quot;Beyond free&quot; is what is left if nothing else in this "
        "account uses the free amounts. It is no bill: the bill by tags (Billing and Cost "
        "Management, Cost Explorer) comes a day late, and is the one to pay.</p>",
        f"<p>Left out: {escape(LEFT_OUT)}.</p>",
        f"<p>Transitions are an estimate: {_words_of_transitions()}. Storage of both months is "
        "that of today. Data out is at most what the API processed.</p>",
    )


def _words_of_transitions() -> str:
    return "five for each started workflow, and three for each check of its clocks"


def _tile(price: Price, label: str) -> str:
    return (
        f'<div class="tile"><b>US${price.beyond_free:,.2f}</b><span>{escape(label)}, beyond free'
        f" (US${price.dollars:,.2f} without free amounts)</span></div>"
    )


def _rows(page: Page, price: Price) -> str:
    shown = [row for row in price.rows if row.amount or row.dollars > SMALL]
    most = max((row.dollars for row in shown), default=0.0)
    known = list_prices().prices
    cells = [
        [
            Cell(f'<span title="{escape(known[row.meter].unit)}">{escape(row.name)}</span>'),
            Cell(bar([(row.dollars, page.colours["bar"])], most, 100)),
            text(_amount(row.meter, row.amount), "number"),
            text(f"{row.dollars:,.4f}", "number"),
            text(f"{row.beyond_free:,.4f}", "number"),
        ]
        for row in shown
    ]
    sums = [
        Cell("<strong>together</strong>"),
        Cell(""),
        Cell(""),
        Cell(f"<strong>{price.dollars:,.4f}</strong>", "number"),
        Cell(f"<strong>{price.beyond_free:,.4f}</strong>", "number"),
    ]
    heads = ("what", "", "amount", "list price, US$", "beyond free, US$")
    return f"<h4>{escape(price.month.name)}</h4>" + table(heads, [*cells, sums], 3)


def _amount(meter: str, amount: float) -> str:
    if meter.endswith(("_gb", "_gb_month")):
        return f"{amount * 1000:,.3f} MB"
    if meter in ("alarm_month", "secret_month"):
        return f"{amount:,.2f}"
    return f"{amount:,.0f}"
