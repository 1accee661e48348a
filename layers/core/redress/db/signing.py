"""Signs the requests of `redress.db.aws_json` with AWS Signature Version 4.

Each of them is a POST to the path `/` without a query, which is the simplest case of the rules
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
botocore's signer handles every case, but loading it takes a fifth of a cold start
(docs/decisions/017-lean-clients.md). `tests/db/test_signing.py` compares both.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

_ALGORITHM = "AWS4-HMAC-SHA256"


class Credentials(NamedTuple):
    """AWS credentials.

    Lambda puts them into the environment. They stay valid while the execution environment exists.
    """

    access_key: str
    secret_key: str
    token: str | None


class Signer(NamedTuple):
    """Signs requests to one service in one region."""

    credentials: Credentials
    service: str
    region: str

    def signed(self, headers: Mapping[str, str], body: bytes, at: datetime) -> dict[str, str]:
        """Return the headers with those that the signature adds. All given ones are signed.

        `headers` must have the Host. Names are of any case. Values must be without spaces at their
        ends and without two spaces in a row, because they are signed as they are. `at` is an
        instant in UTC. AWS refuses a request that arrives some minutes earlier or later.
        """
        moment = at.strftime("%Y%m%dT%H%M%SZ")
        sent = {**headers, "X-Amz-Date": moment}
        if self.credentials.token is not None:
            sent["X-Amz-Security-Token"] = self.credentials.token
        signed = sorted((name.lower(), value) for name, value in sent.items())
        names = ";".join(name for name, _ in signed)
        lines = "".join(f"{name}:{value}\n" for name, value in signed)
        request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        scope = f"{moment[:8]}/{self.region}/{self.service}/aws4_request"
        digest = hashlib.sha256(request.encode()).hexdigest()
        signature = self._key(moment[:8], f"{_ALGORITHM}\n{moment}\n{scope}\n{digest}").hex()
        credential = f"{self.credentials.access_key}/{scope}"
        sent["Authorization"] = (
            f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
        )
        return sent

    def _key(self, day: str, text: str) -> bytes:
        """Sign a text with the key of a day, which is derived step by step from the secret."""
        key = f"AWS4{self.credentials.secret_key}".encode()
        for step in (day, self.region, self.service, "aws4_request", text):
            key = hmac.digest(key, step.encode(), "sha256")
        return key
