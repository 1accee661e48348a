"""Rehearsals of a plan, and moves of open tickets to one."""
