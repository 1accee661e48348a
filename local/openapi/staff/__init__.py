"""The staff API: answers and texts by subject, as its routes are.

`SUBJECT.py` holds the answers of `functions/staff/routes/SUBJECT.py`, `SUBJECT.yaml` the texts.
"""
