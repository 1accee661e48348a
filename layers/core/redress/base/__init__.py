"""Modules that every package may import: errors, settings, page texts, logs and metrics."""
