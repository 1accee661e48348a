"""The table: keys, rows, retries, the clients."""
