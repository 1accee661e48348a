"""Benchmarks of the deployed local stack: `make bench` runs all, `make bench ONLY=NAME` one.

They measure and never fail a build: figures depend on the machine, so each run says what it was
measured on. Goals stand beside the figures.
"""
