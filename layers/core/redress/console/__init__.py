"""The console of operations: the state of the product and the price of a month, for a dashboard."""
