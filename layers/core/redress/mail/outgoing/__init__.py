"""Outgoing mail: which mails follow an event, rendering, sending, and delivery reports."""
