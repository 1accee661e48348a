"""Monthly scorecards: facts, arithmetic, cards, runs."""
