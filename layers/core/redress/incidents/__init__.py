"""Incidents: many tickets with one cause, one word to their customers, and what was learnt."""
