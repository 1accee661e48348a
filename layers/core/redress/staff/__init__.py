"""Members of staff: who is available, and who gets a ticket."""
