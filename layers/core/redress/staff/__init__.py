"""Members of staff: presence, load, routing and assignment of tickets."""
