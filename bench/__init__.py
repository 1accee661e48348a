"""Benchmarks of the deployed local stack: `make bench` runs all, `make bench ONLY=NAME` one.

They measure and never fail a build. Figures depend on the machine, so each run describes the
machine. Each figure is shown with its goal, if it has one.
"""
