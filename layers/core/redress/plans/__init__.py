"""The service plan: what it is, how it is read, published and stored."""
