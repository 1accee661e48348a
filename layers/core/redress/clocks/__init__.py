"""Calendars and clocks, which decide when a promise is due."""
