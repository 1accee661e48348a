"""Incoming mail: reading it, deciding whether it becomes a ticket or a message, quarantining it."""
