"""Redress: customer service that keeps its promises.

Imports flow one way: functions -> edge -> cases -> rules; cases call the store.
`tests/unit/test_architecture.py` enforces it.
"""

import gc

COLLECT_AFTER = 100_000
"""Objects made and not freed, after which Python looks for circles among them (2,000 by default).

A start makes tens of thousands, nearly all of which stay: looking through them again and again
takes a twelfth of a cold start. The price is that a circle lives for many requests, with all that
it holds. A mail, the largest thing that a function has in hand, leaves none (`tests/unit/inbound`).
"""

gc.set_threshold(COLLECT_AFTER)
