"""A client of staff that runs in a browser on another origin, such as a CRM.

The client's page comes from a server of the test at a free port. The test adds this origin to those
that the deployed API lists; everything else of its CORS is as the template has it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from playwright.sync_api import Browser, Page

from local.stack import Outputs
from tests.browser.conftest import TIMEOUT_MS

SIGN_IN = """
async ([pool, client, name, password]) => {
  const answer = await fetch(pool, {
    method: "POST",
    headers: {
      "Content-Type": "application/x-amz-json-1.1",
      "X-Amz-Target": "AWSCognitoIdentityProviderService.InitiateAuth",
    },
    body: JSON.stringify({
      AuthFlow: "USER_PASSWORD_AUTH",
      ClientId: client,
      AuthParameters: { USERNAME: name, PASSWORD: password },
    }),
  });
  return (await answer.json()).AuthenticationResult.IdToken;
}
"""
CALL = """
async ([address, method, headers, body]) => {
  try {
    const answer = await fetch(address, { method, headers, body, credentials: "omit" });
    const found = await answer.text();
    return { status: answer.status, body: found, location: answer.headers.get("Location") };
  } catch (error) {
    return { status: 0, body: error.name, location: null };
  }
}
"""


class Desk(BaseHTTPRequestHandler):
    """The page of a client."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>Desk</title>")

    def log_message(self, *_: Any) -> None:
        """Keep the output of the tests free of requests."""


@contextmanager
def origin() -> Iterator[str]:
    """The origin of a client's page, which a server of this process serves."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def listed(deployed: Outputs) -> Iterator[str]:
    """An origin that the API lists."""
    apis: Any = boto3.client("apigatewayv2", **deployed.client_arguments())
    api = deployed.stack["ApiId"]
    before = apis.get_api(ApiId=api)["CorsConfiguration"]
    with origin() as found:
        changed = before | {"AllowOrigins": [*before["AllowOrigins"], found]}
        apis.update_api(ApiId=api, CorsConfiguration=changed)
        yield found
    apis.update_api(ApiId=api, CorsConfiguration=before)


@pytest.fixture
def desk(browser: Browser) -> Iterator[Callable[[str], Page]]:
    """Opens the page of a client at an origin."""
    contexts = []

    def opened(at: str) -> Page:
        context = browser.new_context()
        contexts.append(context)
        context.set_default_timeout(TIMEOUT_MS)
        page = context.new_page()
        page.goto(f"{at}/")
        return page

    yield opened
    for context in contexts:
        context.close()


def asked(
    page: Page, address: str, token: str = "", method: str = "GET", body: Any = None
) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if body is not None:
        headers |= {"Content-Type": "application/json", "Idempotency-Key": "key-of-a-browser-1"}
    sent = None if body is None else json.dumps(body)
    found: dict[str, Any] = page.evaluate(CALL, [address, method, headers, sent])
    return found


def test_page_at_a_listed_origin_signs_in_works_and_reads_refusals(
    deployed: Outputs, listed: str, desk: Callable[[str], Page]
) -> None:
    page, base = desk(listed), deployed.base_url
    email = next(email for email, who in deployed.staff.items() if "agent" in who["groups"])
    client, password = deployed.stack["UserPoolClientId"], deployed.staff[email]["password"]
    token = page.evaluate(SIGN_IN, [deployed.endpoint_url, client, email, password])

    work = asked(page, f"{base}/staff/work", token)
    assert work["status"] == 200
    assert "items" in json.loads(work["body"])
    presence = asked(page, f"{base}/staff/presence", token, "PUT", {"presence": "available"})
    assert presence["status"] == 200

    refused = asked(page, f"{base}/staff/board?team=service", token)
    assert (refused["status"], json.loads(refused["body"])["title"]) == (
        403,
        "You may not do this",
    )
    assert asked(page, f"{base}/staff/tickets/R-7K3M9-QW0X2", token)["status"] == 404
    assert asked(page, f"{base}/staff/nothing", token)["status"] == 404


def test_page_at_a_listed_origin_opens_a_ticket_and_reads_where_it_is(
    deployed: Outputs, listed: str, desk: Callable[[str], Page]
) -> None:
    ticket = {
        "kind": "complaint",
        "subject": "Broken cups",
        "description": "Two of three.",
        "contact": {"name": "Tom", "email": "tom@customer.example"},
        "language": "en",
        "consent": True,
    }
    found = asked(desk(listed), f"{deployed.base_url}/tickets", "", "POST", ticket)
    assert found["status"] == 201
    assert found["location"] == json.loads(found["body"])["status_url"]


def test_page_at_another_origin_reads_nothing(
    deployed: Outputs, desk: Callable[[str], Page]
) -> None:
    with origin() as other:
        page = desk(other)
        for path, token in (("/staff/work", "a.b.c"), ("/openapi.json", "")):
            found = asked(page, f"{deployed.base_url}{path}", token)
            assert (found["status"], found["body"]) == (0, "TypeError"), path
