"""The workflow of each ticket: its timer, signals from the relay, repair and reconciliation."""
