"""Redress: customer service that keeps its promises.

One package per subject. Inside a package, cases import the store and the rules, and the store
imports the rules. Between packages, imports follow the order of `PACKAGES` in
`tests/test_architecture.py`, which enforces both.
"""

import gc

COLLECT_AFTER = 100_000
"""Python's garbage collector runs when this many objects were created and not freed.

Python's default is 2,000.

A start creates tens of thousands of objects and keeps nearly all of them. Running the collector
again and again would take a twelfth of a cold start. The price is that a reference cycle, with
everything that it references, stays in memory for many requests. Reading a mail, the largest object
that a function handles, leaves no cycles (`tests/mail/reader` checks this).
"""

gc.set_threshold(COLLECT_AFTER)
