"""What operations ask: the state now, the price of a month, what happened to a ticket."""
