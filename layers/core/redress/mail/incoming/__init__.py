"""Incoming mail: reading it, deciding what becomes of it, receiving and quarantining it."""
