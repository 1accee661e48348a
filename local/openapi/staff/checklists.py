"""Answers about checklists. Every act answers with the ticket, which has its items."""
