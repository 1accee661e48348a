"""`python -m local.operations.verify`: compares a deployed stack with the template, read-only."""
