"""Use cases: each does one thing that somebody wants, with rules and one concrete store."""
