"""Tickets: lifecycle, store, and what customers and staff do with them."""
