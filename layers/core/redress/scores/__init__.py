"""Monthly scorecards of agents: the facts behind them, their arithmetic, storage and runs."""
