"""Rehearsals of a plan with real histories, and moves of open tickets to a published plan."""
