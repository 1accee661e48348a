"""Redress: customer service that keeps its promises.

Imports flow one way: functions -> edge -> cases -> rules; cases call the store.
`tests/unit/test_architecture.py` enforces it.
"""
