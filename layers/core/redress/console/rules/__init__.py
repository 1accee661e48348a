"""Prices, months and addresses of the AWS console: pure functions."""
