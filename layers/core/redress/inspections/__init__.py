"""Daily inspection: which tickets of a day a leader looks into, what they find, who signs it."""
