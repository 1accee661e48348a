"""Mail that comes in: read, decided, received, quarantined."""
