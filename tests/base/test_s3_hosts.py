"""Links and forms of S3 name the host of the region, which answers from the first minute."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from redress.files.store.bucket import FilesBucket
from redress.wiring import clients
from tests.wired import enter, forget_wiring

BUCKET = "redress-filesbucket-1"


def hosts() -> set[str | None]:
    bucket = FilesBucket(clients.client("s3"), BUCKET)
    form = bucket.upload("uploads/a", {}, 10, 60)
    return {urlsplit(url).hostname for url in (form.url, bucket.link("files/a", "a.jpg"))}


@pytest.mark.parametrize(
    ("region", "domain"),
    [
        ("eu-central-1", "s3.eu-central-1.amazonaws.com"),
        ("ap-east-1", "s3.ap-east-1.amazonaws.com"),
        ("cn-north-1", "s3.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_link_and_form_name_the_host_of_the_region(
    monkeypatch: pytest.MonkeyPatch, region: str, domain: str
) -> None:
    """From the host without a region, S3 redirects for hours after a bucket was made."""
    enter(monkeypatch, AWS_REGION=region)
    forget_wiring()
    assert hosts() == {f"{BUCKET}.{domain}"}
    forget_wiring()


def test_endpoint_of_a_local_cloud_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    enter(monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    forget_wiring()
    assert hosts() == {"127.0.0.1"}
    forget_wiring()
