"""Customers: one profile for all addresses, numbers and accounts of a person."""
