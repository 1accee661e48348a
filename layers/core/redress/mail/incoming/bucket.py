"""The mail bucket: raw mails, the results of reading them, and their attachments."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from redress.base.errors import NotFound

LINK_S = 300
"""How long a link to a mail or an attachment is valid, in seconds."""


class MailBucket:
    """Reads and writes the objects of the mail bucket."""

    def __init__(self, s3_client: Any, name: str) -> None:
        self._s3, self._name = s3_client, name

    def put(self, key: str, content: bytes, content_type: str) -> None:
        """Write an object. If the key exists already, its object has the same content."""
        self._s3.put_object(Bucket=self._name, Key=key, Body=content, ContentType=content_type)

    def get(self, key: str) -> bytes:
        """Return an object's content. Raises NotFound if it never existed or was deleted."""
        try:
            found = self._s3.get_object(Bucket=self._name, Key=key)
        except self._s3.exceptions.NoSuchKey as error:
            raise NotFound("this mail is not kept any more") from error
        content: bytes = found["Body"].read()
        return content

    def link(self, key: str, name: str, content_type: str) -> str:
        """Return a URL that lets anybody download this object for LINK_S seconds.

        The response makes the browser save the file under `name` instead of showing it, so that no
        code in it can run.
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


def read_key(identity: str) -> str:
    """Return the key of the JSON object with everything that was read from a mail."""
    return f"read/{identity}.json"


def attachment_key(identity: str, number: int) -> str:
    """Return the key of an attachment. It never contains the file name that the sender chose."""
    return f"attachments/{identity}/{number}"
