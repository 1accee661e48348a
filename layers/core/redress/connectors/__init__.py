"""Connectors: other systems that act as themselves, with keys and scopes of their own."""
