"""The widget `state`: what waits, which promises are at risk or broken, whether timers are late."""

from __future__ import annotations

from html import escape

from page import Cell, Page, ago, bar, moment, table, text, tile

from redress.console.cases.state import (
    LATE,
    MOST_EXAMINED,
    MOST_NAMED,
    Count,
    Named,
    State,
    TeamState,
)
from redress.workflow.store import ReconciliationReport

MINUTE = f"{LATE.total_seconds() / 60:.0f} min"


def state_page(page: Page, state: State) -> str:
    return page.whole(
        _tiles(state),
        _teams(page, state),
        _promises(page, state),
        _timers(page, state),
        _reconciliation(state.report),
        f"<p>As of {moment(state.at)}. Numbers are those of the table at this moment.</p>",
    )


def _tiles(state: State) -> str:
    opened = sum((team.open for team in state.teams), Count(0))
    queued = sum((team.queued for team in state.teams), Count(0))
    overdue = sum((team.overdue for team in state.teams), Count(0))
    at_risk = sum(sum(team.at_risk.values()) for team in state.teams)
    waiting = ago(state.waiting_since, state.at) if state.waiting_since else "-"
    return (
        '<div class="tiles">'
        + tile(opened, "open tickets")
        + tile(queued, "without an agent", "risk" if queued.number else "")
        + tile(overdue, "tickets with a broken promise", "broken" if overdue.number else "well")
        + tile(at_risk, "promises at risk", "risk" if at_risk else "well")
        + tile(waiting, "longest wait for an answer")
        + tile(
            state.awake,
            f"workflows awake for over {MINUTE}",
            "broken" if state.awake.number else "well",
        )
        + "</div>"
    )


def _teams(page: Page, state: State) -> str:
    if not state.teams and not state.left_out:
        return "<p>No team is known yet.</p>"
    most = max((sum(t.at_risk.values()) + sum(t.broken.values()) for t in state.teams), default=0)
    rows = [_team(page, team, most) for team in state.teams]
    heads = ("team", "broken and at risk", "by promise", "open", "no agent", "overdue tickets")
    notes = ""
    if any(team.part for team in state.teams):
        notes += (
            f"<p>Promises are shown of a part only: of each team, the {MOST_EXAMINED} open tickets "
            "that are due next. The counts of tickets are of all.</p>"
        )
    if state.left_out:
        named = escape(", ".join(state.left_out))
        notes += f'<p class="broken">There was no time left for these teams: {named}</p>'
    return "<h4>Promises by team</h4>" + table(heads, rows, 3) + notes


def _team(page: Page, team: TeamState, most: float) -> list[Cell]:
    colours = page.colours
    broken, at_risk = sum(team.broken.values()), sum(team.at_risk.values())
    clocks = sorted({*team.broken, *team.at_risk})
    named = "<br>".join(
        f"{escape(_words(clock))}: "
        + ", ".join(
            f'<span class="{kind}">{count} {label}</span>'
            for count, kind, label in (
                (team.broken.get(clock, 0), "broken", "broken"),
                (team.at_risk.get(clock, 0), "risk", "at risk"),
            )
            if count
        )
        for clock in clocks
    )
    drawn = bar([(broken, colours["broken"]), (at_risk, colours["risk"])], most)
    return [
        text(team.team),
        Cell(drawn),
        Cell(named or "none"),
        text(team.open, "number"),
        text(team.queued, "number"),
        text(team.overdue, "number broken" if team.overdue.number else "number"),
    ]


def _promises(page: Page, state: State) -> str:
    if not state.promises:
        return "<h4>Promises at risk</h4><p>None.</p>"
    rows = [
        [
            Cell(page.execution(one.execution, one.number), "short"),
            text(one.team),
            text(_words(one.what)),
            _due(one, state),
            Cell(page.logs(one.number, "logs", 30)),
        ]
        for one in state.promises
    ]
    heads = ("ticket (opens its workflow)", "team", "promise", "due", "")
    title = f"<h4>The {MOST_NAMED} promises that are due first</h4>"
    return title + table(heads, rows)


def _due(one: Named, state: State) -> Cell:
    if one.at < state.at:
        return text(f"broken {ago(one.at, state.at)} ago", "short broken")
    return text(ago(one.at, state.at), "short risk")


def _timers(page: Page, state: State) -> str:
    if not state.late:
        return f"<h4>Timers</h4><p>No timer of the examined tickets is over {MINUTE} late.</p>"
    rows = [
        [
            Cell(page.execution(one.execution, one.number), "short"),
            text(one.team),
            text(_words(one.what)),
            text(f"{ago(one.at, state.at)} late", "short broken"),
        ]
        for one in state.late
    ]
    return "<h4>Late timers</h4>" + table(("ticket", "team", "phase", "late by"), rows)


def _reconciliation(report: ReconciliationReport | None) -> str:
    if report is None:
        return "<h4>Reconciliation</h4><p>It has not run yet.</p>"
    found = ", ".join(
        f"{_words(name)} {number}"
        for name, number in sorted(report.found.items())
        if name not in ("awake", "mail_explained")
    )
    if report.ended_at is not None:
        end = "complete"
    elif report.stopped_at is not None:
        end = f"stopped at {report.stopped_at}"
    else:
        end = "running, or ended without a report"
    return (
        f"<h4>Reconciliation</h4><p>{moment(report.began_at)}, {escape(end)}: "
        f"{report.open:,} open tickets compared. Found: {escape(found) or 'nothing'}."
        + (f" {report.left} left for the next run." if report.left else "")
        + "</p>"
    )


def _words(name: str) -> str:
    return name.replace("_", " ")
