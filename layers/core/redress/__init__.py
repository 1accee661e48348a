"""Redress: customer service that keeps its promises.

One package per subject. Inside a package, cases import the store and the rules, and the store
imports the rules. Between packages, imports follow the order of `PACKAGES` in
`tests/test_architecture.py`, which enforces both.
"""

import gc

COLLECT_AFTER = 100_000
"""Objects made and not freed, after which Python looks for circles among them (2,000 by default).

A start makes tens of thousands, nearly all of which stay: looking through them again and again
takes a twelfth of a cold start. The price is that a circle lives for many requests, with all that
it holds. A mail, the largest thing that a function has in hand, leaves none (`tests/mail/reader`).
"""

gc.set_threshold(COLLECT_AFTER)
