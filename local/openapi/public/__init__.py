"""The public API: the JSON API of customers and their pages, with answers and texts by subject."""
