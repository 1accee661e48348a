"""The test file of EICAR, which every scanner reports and which harms nobody.

Without a scanner, this is all that is looked for (`Files=eicar`). It shows that a found file stays
closed and is told in words. It protects nobody: no malware contains this text.
"""

from __future__ import annotations

NAME = "EICAR-Test-File"

# In two parts, so that a scanner does not report this file itself.
TEST = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-" + rb"STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
"""The 68 bytes of the test file (EICAR, "Anti Malware Testfile")."""


class Search:
    """Looks for the test text in a content that comes in pieces. It may begin at any byte.

    It looks into no archive and decodes nothing.
    """

    def __init__(self) -> None:
        self.found = False
        self._end = b""

    def add(self, piece: bytes) -> None:
        joined = self._end + piece
        self.found = self.found or TEST in joined
        self._end = joined[-(len(TEST) - 1) :]
