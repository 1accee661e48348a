"""Calendars and clocks: when a promise is due."""
