"""Mail that goes out: what follows from an event, rendered, sent, reported on."""
