"""`python -m local.lifecycle` draws docs/lifecycle.md from the table of the lifecycle.

The table is `STEPS` in `tickets/rules/steps/table.py`: what the page says is what the product does.
"""

from __future__ import annotations

from collections import defaultdict

from local.process import ROOT
from redress.tickets.rules.steps.table import STEPS
from redress.tickets.rules.ticket import State

PAGE = ROOT / "docs" / "lifecycle.md"

_PAGE = """# The lifecycle of a ticket

Each change of a ticket is one of these steps. They are the table `STEPS` in
`tickets/rules/steps/table.py`, from which `make lifecycle` draws this page. A step in a state
without an entry is refused (409 `not-allowed-now`). Some steps need more than a state, such as a
right or an open task: the functions beside the table say what.

## Steps that change the state

```mermaid
{diagram}
```

## All steps

The entry is the state after the step. "." means that the state stays.

{table}
"""


def page() -> str:
    return _PAGE.format(diagram=_diagram(), table=_table())


def _diagram() -> str:
    """A state diagram of Mermaid, with one arrow for all steps from one state to another."""
    arrows = defaultdict[tuple[State, State], list[str]](list)
    for step, states in STEPS.items():
        for before, after in states.items():
            if before is not after:
                arrows[before, after].append(_words(step))
    order = list(State)
    lines = ["stateDiagram-v2", f"    [*] --> {State.NEW}: open"]
    for before, after in sorted(arrows, key=lambda pair: [order.index(state) for state in pair]):
        lines.append(f"    {before} --> {after}: {', '.join(arrows[before, after])}")
    lines.append(f"    {State.CLOSED} --> [*]")
    return "\n".join(lines)


def _table() -> str:
    """A table of Markdown with a line for each step and a column for each state before it."""
    rows = [
        ["step", *(state.value for state in State)],
        ["---"] * (len(State) + 1),
        *(
            [
                _words(step),
                *("." if states.get(one) is one else str(states.get(one, "")) for one in State),
            ]
            for step, states in STEPS.items()
        ),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _words(step: str) -> str:
    return step.replace("_", " ")


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"{PAGE.relative_to(ROOT)} is drawn")
