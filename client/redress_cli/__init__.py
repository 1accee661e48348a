"""`redress`: the terminal client of agents and supervisors.

It calls the staff API by the package `redress_staff`, which is generated from the OpenAPI document,
and by nothing else. Only sign-in (the user pool) and the sending of files (the bucket) are not part
of that document.
"""

__version__ = "0.1.0"
