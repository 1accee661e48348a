"""The workflow of each ticket: its timer, signals, what follows events, repair, reconciliation."""
