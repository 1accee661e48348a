"""The files bucket: what was uploaded, and the files that belong to tickets.

`uploads/{number}/{file}` is where a browser puts a file. `files/{number}/{file}` is the copy that a
scanner judges. The bucket's policy denies reading a copy until its tag says that it is clean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn
from urllib.parse import quote

from botocore.exceptions import ClientError

from redress.base.errors import NotFound

UPLOADS = "uploads/"
FILES = "files/"

LINK_S = 60
"""How long a link to a file is valid, in seconds."""

FILENAME = "${filename}"
"""S3 replaces it in the fields of a form with the name of the file (S3 User Guide, "POST policy",
"Condition matching"). The policy then allows any value of this field."""

CONTENT_TYPE = "application/octet-stream"
"""The type of every object. No browser runs or shows a file of this type."""

_GONE = ("404", "NoSuchKey", "NoSuchVersion", "NotFound", "405", "MethodNotAllowed")
"""The codes of S3's answers for an object or a version that is not there. 405 is the answer for a
delete marker."""


@dataclass(frozen=True, slots=True)
class Post:
    """A permission to put one object into the bucket by a form.

    A client sends `fields` and then the file, in the field `file`, as multipart/form-data to `url`.
    """

    url: str
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as it is stored. `metadata` has the fields `x-amz-meta-` of the upload."""

    size: int
    version: str | None
    metadata: Mapping[str, str]


class FilesBucket:
    """Reads and writes the objects of the files bucket. Raises the errors of S3 and NotFound."""

    def __init__(self, s3_client: Any, name: str) -> None:
        self._s3, self._name = s3_client, name

    def upload(self, key: str, fields: Mapping[str, str], most_bytes: int, expires_s: int) -> Post:
        """Return the permission to put one object of 1 to `most_bytes` bytes under this key.

        The policy fixes the key and the value of each field, except one with the value FILENAME.
        S3 refuses anything else.
        """
        conditions: list[Any] = [["content-length-range", 1, most_bytes]]
        for name, value in fields.items():
            exact = value != FILENAME
            conditions.append({name: value} if exact else ["starts-with", f"${name}", ""])
        made = self._s3.generate_presigned_post(
            self._name,
            key,
            Fields=dict(fields),
            Conditions=conditions,
            ExpiresIn=expires_s,
        )
        return Post(made["url"], made["fields"])

    def head(self, key: str, version: str | None = None) -> Stored:
        """Return what is known about an object, or one version of it. Raises NotFound."""
        found = self._ask(self._s3.head_object, key, version)
        return Stored(found["ContentLength"], _version(found), found.get("Metadata", {}))

    def part(self, key: str, version: str | None, offset: int, count: int) -> bytes:
        """Return the bytes of an object from `offset`, at most `count`; b"" after its end.

        Raises NotFound.
        """
        wanted = f"bytes={offset}-{offset + count - 1}"
        try:
            found = self._ask(self._s3.get_object, key, version, Range=wanted)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("InvalidRange", "416"):
                return b""
            raise
        content: bytes = found["Body"].read()
        return content

    def copy(self, source: str, version: str | None, target: str) -> None:
        """Copy one version of an object. The copy has our content type, no tag and no metadata.

        A repeated copy writes another version with the same content.
        """
        named = {"Bucket": self._name, "Key": source}
        self._copy(named | ({"VersionId": version} if version else {}), target)

    def pass_on(self, source: str, version: str | None, target: str) -> None:
        """Move one version of an upload. It keeps its metadata, and S3 tells of it as of a new one.

        A repeated call does the same again. Raises NotFound if the upload is not there any more.
        """
        named = {"Bucket": self._name, "Key": source}
        try:
            self._s3.copy_object(
                Bucket=self._name,
                Key=target,
                CopySource=named | ({"VersionId": version} if version else {}),
                MetadataDirective="COPY",
                TaggingDirective="REPLACE",
            )
        except ClientError as error:
            raise_meant(error)
        self.remove(source)

    def take(self, bucket: str, source: str, target: str) -> None:
        """Copy an object of another bucket, as `copy` does."""
        self._copy({"Bucket": bucket, "Key": source}, target)

    def _copy(self, source: Mapping[str, str], target: str) -> None:
        try:
            self._s3.copy_object(
                Bucket=self._name,
                Key=target,
                CopySource=source,
                ContentType=CONTENT_TYPE,
                ContentDisposition="attachment",
                CacheControl="private, no-store",
                MetadataDirective="REPLACE",
                TaggingDirective="REPLACE",
            )
        except ClientError as error:
            raise_meant(error)

    def uploads(self, number: str) -> list[str]:
        """Return the ids of the uploads to a ticket that are there, oldest first, at most 1,000."""
        folder = f"{UPLOADS}{number}/"
        found = self._s3.list_objects_v2(Bucket=self._name, Prefix=folder).get("Contents", [])
        found.sort(key=lambda one: one["LastModified"])
        return [one["Key"].removeprefix(folder) for one in found]

    def all_uploads(self, before: datetime) -> Iterator[str]:
        """Yield the keys of all uploads that came before this time, in the order of their keys."""
        for page in self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._name, Prefix=UPLOADS
        ):
            for one in page.get("Contents", ()):
                if one["LastModified"] < before:
                    yield one["Key"]

    def remove(self, key: str) -> None:
        """Delete an object. S3 keeps its content as an old version until lifecycle removes it."""
        self._s3.delete_object(Bucket=self._name, Key=key)

    def link(self, key: str, name: str) -> str:
        """Return a URL that lets anybody download this object for LINK_S seconds.

        The answer makes a browser save the file under `name`. S3 refuses it if the object is not
        clean.
        """
        url: str = self._s3.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self._name,
                "Key": key,
                "ResponseContentType": CONTENT_TYPE,
                "ResponseContentDisposition": disposition(name),
                "ResponseCacheControl": "private, no-store",
            },
            ExpiresIn=LINK_S,
        )
        return url

    def _ask(self, call: Any, key: str, version: str | None, **given: Any) -> Any:
        if version:
            given["VersionId"] = version
        try:
            return call(Bucket=self._name, Key=key, **given)
        except ClientError as error:
            raise_meant(error)


def disposition(name: str) -> str:
    """Return the header that makes a browser save a file under this name (RFC 6266)."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def upload_key(number: str, file: str) -> str:
    """`uploads/R-7K3M9-QW0X2/9f86d081884c7d65`: where a browser puts a file."""
    return f"{UPLOADS}{number}/{file}"


def file_key(number: str, file: str) -> str:
    """`files/R-7K3M9-QW0X2/9f86d081884c7d65`: the copy of a file that belongs to a ticket."""
    return f"{FILES}{number}/{file}"


def raise_meant(error: ClientError) -> NoReturn:
    """Raise NotFound if the error says that the object is not there, or else the error itself."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code in _GONE:
        raise NotFound("there is no such object") from error
    raise error


def _version(found: Mapping[str, Any]) -> str | None:
    """The version of an answer. A bucket without versions has none, or the text `null`."""
    version: str | None = found.get("VersionId")
    return None if version == "null" else version
