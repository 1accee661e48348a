"""Who is at work: presence over time, and shifts."""
