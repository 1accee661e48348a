"""The bucket of mails: as they came, what was read of them, what was in them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from redress.base.errors import NotFound

LINK_S = 300
"""How long a link to a mail or an attachment opens."""


class MailBucket:
    def __init__(self, s3_client: Any, name: str) -> None:
        self._s3, self._name = s3_client, name

    def put(self, key: str, content: bytes, content_type: str) -> None:
        """Keep an object; what is there already under its name is the same."""
        self._s3.put_object(Bucket=self._name, Key=key, Body=content, ContentType=content_type)

    def get(self, key: str) -> bytes:
        """Raises NotFound for what is not there, or not any more."""
        try:
            found = self._s3.get_object(Bucket=self._name, Key=key)
        except self._s3.exceptions.NoSuchKey as error:
            raise NotFound("this mail is not kept any more") from error
        content: bytes = found["Body"].read()
        return content

    def link(self, key: str, name: str, content_type: str) -> str:
        """An address under which anybody can save this object for LINK_S seconds.

        The browser is told what it is and to save it, never to show it: whatever is in it runs
        nowhere. `name` is how it is saved.
        """
        plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)
        disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
        url: str = self._s3.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self._name,
                "Key": key,
                "ResponseContentType": content_type,
                "ResponseContentDisposition": disposition,
                "ResponseCacheControl": "private, no-store",
            },
            ExpiresIn=LINK_S,
        )
        return url
