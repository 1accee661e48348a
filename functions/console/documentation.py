"""What CloudWatch shows under "Get documentation" of the widget, in Markdown."""

from __future__ import annotations

DOCUMENTATION = """## Redress: state, price and tickets

Shows what AWS's own metrics do not have. It reads, and changes nothing.

| parameter `show` | what it shows |
|---|---|
| `state` | tickets that wait, promises at risk and broken by team and clock, late timers |
| `price` | this month and the last one: counts of this stack times list prices, row by row |
| `ticket` | asks for a ticket number and shows its promises, events, mails and workflow |

### Example parameters

``` yaml
show: state
```

The widget shows ticket numbers and roles, but no name, address or text of a person.
`docs/operate.md` explains each figure.
"""
