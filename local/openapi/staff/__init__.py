"""The staff API: answers and texts by subject, like its routes.

`SUBJECT.py` has the answers of `functions/staff/routes/SUBJECT.py`. `SUBJECT.yaml` has the texts.
"""
