"""Rehearsals of a draft plan with real histories, and moves of open tickets to another plan."""
