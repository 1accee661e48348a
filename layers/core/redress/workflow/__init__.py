"""The workflow of each ticket: timers, signals, repair, reconciliation."""
