"""A WSGI application that stands for API Gateway in front of the handlers, without a deployment.

It behaves as an HTTP API with the routes of the template (AWS, "Create routes for HTTP APIs" and
"Control access to HTTP APIs with JWT authorizers"):

- A path segment of a route wins over a variable. A variable takes one segment that is not empty.
- Any other method or path goes to the default route, which is the customers' function. The gateway
  itself never answers 404 or 405.
- A route that needs a sign-in answers 401 itself if the token is missing or unknown.
- Parameters of paths and queries are decoded. Repeated ones are joined with commas. Names of
  headers are in lower case. A body that is not text is in base64. Absent parts have no key.
- A function that fails is answered with 500 and {"message": "Internal Server Error"}. So is an
  answer that is too large for Lambda: `tests.answers.checked` fails for it.

It does not throttle, and it does not bound the length of a request. The gateway on AWS refuses more
than 10,240 bytes of request line and headers, and more than 10 MB of body.
"""

from __future__ import annotations

import base64
import io
import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import cache
from http import HTTPStatus
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from werkzeug.serving import WSGIRequestHandler, make_server

from redress.base import people
from redress.connectors.rules.connector import Scope, Wanted
from redress.connectors.rules.secrets import Purpose, derive, webhook_secret
from redress.inspections.rules import DrawnList
from redress.inspections.store import InspectionStore
from redress.tickets.rules.attached import Attached, FileState
from redress.wiring import customer as customer_wiring
from redress.wiring import staff as staff_wiring
from redress.wiring import stores as wired_stores
from tests.answers import DOCUMENTS, resolved
from tests.builders import NUMBER, Clock, Life
from tests.customers.builders import new, profile
from tests.functions.conftest import BASE_ADDRESS, ENVIRONMENT, LINK_KEY, MEMBERS
from tests.functions.staff.api import claims_of, hold_mail
from tests.machines import signed_headers, webhook_headers
from tests.world import Context, Stores, aws, create_idle_machine, load

STAGE = "v1"
TEXT = re.compile(r"text/.*|application/(json|javascript|xml|.*\+json|.*\+xml)")
Environ = dict[str, Any]
Claims = Mapping[str, str]
Route = tuple[str, str, str]
"""Document (public, staff or machines), method in lower case, and path of an operation."""


@cache
def _routes() -> list[tuple[re.Pattern[str], str, frozenset[str], dict[str, bool]]]:
    """Each path of the API: pattern, template, methods, and whether a method needs a sign-in."""
    found = []
    for name, document in DOCUMENTS.items():
        for path, operations in document["paths"].items():
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path))
            usual = name == "staff"
            signed_in = {
                method.upper(): usual and one.get("security") != []
                for method, one in operations.items()
            }
            found.append((re.compile(pattern), path, frozenset(signed_in), signed_in))
    return sorted(found, key=lambda route: route[1].count("{"))


def function_of(method: str, path: str) -> str:
    """The function that serves a path of a route, such as `/staff/work`."""
    if path.startswith(("/staff/", "/machines/", "/connectors/")):
        return "staff"
    return "intake" if (method, path) == ("POST", "/tickets") else "customer"


class Gateway:
    """The API. `members` are the claims of the caller by token."""

    def __init__(self, members: Mapping[str, Claims]) -> None:
        self._members = members

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        given = self.answer(environ)
        status = HTTPStatus(given["statusCode"])
        body = given.get("body", "").encode()
        if given.get("isBase64Encoded"):
            body = base64.b64decode(body)
        start(f"{status.value} {status.phrase}", list(given["headers"].items()))
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

    def answer(self, environ: Environ) -> dict[str, Any]:
        """The answer to a request: that of a function, or the gateway's own."""
        method = environ["REQUEST_METHOD"]
        raw = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        path = raw.removeprefix(f"/{STAGE}")
        if path == raw:
            return _own(404, "Not Found")  # it is in no stage
        event = _event(environ, method, raw)
        function = "customer"
        for pattern, template, methods, signed_in in _routes():
            found = pattern.fullmatch(path)
            if not found or method not in methods:
                continue
            event["routeKey"] = event["requestContext"]["routeKey"] = f"{method} {template}"
            if found.groupdict():
                event["pathParameters"] = found.groupdict()
            if signed_in[method]:
                token = event["headers"].get("authorization", "").removeprefix("Bearer ")
                if token not in self._members:
                    return _own(401, "Unauthorized", {"www-authenticate": "Bearer"})
                jwt = {"claims": dict(self._members[token]), "scopes": None}
                event["requestContext"]["authorizer"] = {"jwt": jwt}
            function = function_of(method, template)
            break
        try:
            found_answer: dict[str, Any] = load(function).handler(event, Context())
        except Exception as error:
            print(f"{event['routeKey']}: {type(error).__name__}: {error}", flush=True)
            return _own(500, "Internal Server Error")
        return found_answer


def _own(status: int, message: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """An answer of the gateway itself."""
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json", **(headers or {})},
        "body": json.dumps({"message": message}),
    }


def _event(environ: Environ, method: str, raw: str) -> dict[str, Any]:
    """The event of a request, as the default route gets it (payload format 2.0)."""
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value.encode("latin-1").decode(
            "utf-8", "replace"
        )
        for name, value in environ.items()
        if name.startswith("HTTP_") or (name == "CONTENT_TYPE" and value)
    }
    query: dict[str, str] = {}
    for name, value in parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": raw,
        "rawQueryString": environ.get("QUERY_STRING", ""),
        "headers": headers,
        "requestContext": {
            "http": {"method": method, "path": raw, "sourceIp": "203.0.113.7"},
            "routeKey": "$default",
            "stage": STAGE,
        },
        "stageVariables": {"base_address": BASE_ADDRESS},
        "isBase64Encoded": False,
    }
    if query:
        event["queryStringParameters"] = query
    if body := environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)):
        media = headers.get("content-type", "").partition(";")[0].strip().lower()
        event["isBase64Encoded"] = TEXT.fullmatch(media) is None
        event["body"] = (
            base64.b64encode(body).decode()
            if event["isBase64Encoded"]
            else body.decode("utf-8", "replace")
        )
    return event


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: Any) -> None:
        """Print nothing: a run sends thousands of requests."""


@contextmanager
def served(gateway: Callable[..., Any]) -> Iterator[str]:
    """Serve the gateway on this machine. Gives the address of the stage."""
    server = make_server("127.0.0.1", 0, gateway, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/{STAGE}"
    finally:
        server.shutdown()
        thread.join()


# ------------------------------------------------------------------------------ calls

TOKEN = "the-token-of-the-caller"
AGENTS_TOKEN = "the-token-of-an-agent"
FOR_AGENTS = ("/staff/next",)
"""Paths of operations that only agents may call."""
SIGNED_IN = {"token_use": "id"}
HELD = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"
"""The mail in quarantine in the examples."""

DAY = date(2026, 11, 22)
"""The day of the examples, which has an inspection list."""

FILE = "9f86d081884c7d65"
"""The file in the examples."""

CUSTOMER, OTHER_CUSTOMER = "9f86d081884c7d659a2feaa0", "5f0e3a528f3c4c43aa10be77"
"""The customers in the examples."""
CONNECTOR = "crm"
"""The connector in the examples. It has every scope."""
IDS = {
    "/rehearsals/": "0" * 16,
    "/quarantine/": HELD,
    "/customers/": CUSTOMER,
    "/connectors/": CONNECTOR,
    "/tasks/": "1",
    "/remedies/": "1",
    "/checklist/": "identity",
    "/incidents/": "9f86d081884c7d65",
}
"""A part of a path, with the `id` that requests have there."""

_FORM = "application/x-www-form-urlencoded"


def routes() -> list[Route]:
    """Document, method and path of each operation."""
    return [
        (name, method, path)
        for name, document in DOCUMENTS.items()
        for path, operations in document["paths"].items()
        for method in operations
    ]


def example(route: Route) -> Any:
    """The first example of an operation's body; None without a body."""
    name, method, path = route
    document = DOCUMENTS[name]
    request = document["paths"][path][method].get("requestBody")
    if request is None:
        return None
    [content] = request["content"].values()
    if "example" in content:
        return content["example"]
    return resolved(document, next(iter(content["examples"].values())))["value"]


def parameters(route: Route) -> list[dict[str, Any]]:
    """The documented parameters of an operation."""
    name, method, path = route
    document = DOCUMENTS[name]
    found = document["paths"][path][method].get("parameters", [])
    return [resolved(document, one) for one in found]


def wsgi(text: str) -> str:
    """A text as WSGI passes it: each byte is a character. A lone surrogate is passed as `?`."""
    return text.encode("utf-8", "replace").decode("latin-1")


class Caller:
    """Sends requests to the gateway, with values that exist unless a test gives others."""

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        links = customer_wiring.links()
        later = clock.now().replace(year=clock.now().year + 1)
        self._gateway, self._clock, self._nonces = gateway, clock, count()
        self._status = links.status_token(NUMBER)
        self._tokens = dict.fromkeys("tr", self._status)
        self._tokens["s"] = links.survey_token(NUMBER, later)
        self._tokens["u"] = links.unsubscribe_token(NUMBER)
        self._tokens["f"] = links.return_token(NUMBER, FILE, "en", later)

    def __call__(
        self, route: Route, place: str = "", parameter: str = "", value: str = "", body: Any = None
    ) -> dict[str, Any]:
        """Send the first example of a route, with this value in one parameter, or with this body.

        `place` is path, query or header. Returns the answer.
        """
        name, method, path = route
        usual = {
            "number": NUMBER,
            "token": self._tokens.get(path.split("/")[1], ""),
            "agent": "a-mei",
            "period": "2026-10",
            "event": "1",
            "macro": "ask_for_photo",
            "version": "1",
            "date": DAY.isoformat(),
            "channel": "web",
            "entry": NUMBER,
            "id": next((id_ for part, id_ in IDS.items() if part in path), ""),
            "item": "identity",
            "action": "write",
            "name": "style.css",
            "file": FILE,
            "generation": "1",
        }
        if place == "path":
            usual[parameter] = value
        filled = re.sub(r"{(\w+)}", lambda found: usual[found[1]], path)
        token = AGENTS_TOKEN if path in FOR_AGENTS else TOKEN
        headers = {"Authorization": f"Bearer {token if name == 'staff' else self._status}"}
        if place == "header":
            headers[parameter] = value
        is_json = path.startswith(("/staff", "/tickets", "/links", "/machines", "/connectors"))
        media = "application/json" if is_json else _FORM
        given = example(route) if body is None else body
        raw = b""
        if given is not None:
            compact = json.dumps(given, separators=(",", ":"))
            raw = (compact if media != _FORM else urlencode(given)).encode()
        query = urlencode({parameter: wsgi(value)}) if place == "query" else ""
        if name == "machines":
            headers = self._signed(method.upper(), filled, query, raw) | headers
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method.upper(),
            "PATH_INFO": wsgi(f"/{STAGE}{filled}"),
            "QUERY_STRING": query,
            "CONTENT_TYPE": wsgi(headers.pop("Content-Type", media)) if raw else "",
            "CONTENT_LENGTH": str(len(raw)),
            "wsgi.input": io.BytesIO(raw),
            **{
                f"HTTP_{key.upper().replace('-', '_')}": wsgi(text) for key, text in headers.items()
            },
        }
        return self._gateway.answer(environ)

    def _signed(self, method: str, path: str, query: str, body: bytes) -> dict[str, str]:
        """The headers with which a machine signs a request."""
        number = str(next(self._nonces))
        if path.startswith("/connectors/"):
            key = derive(LINK_KEY, Purpose.WEBHOOK, CONNECTOR, 1)
            found = webhook_headers(webhook_secret(key), number, self._clock.now(), body)
        else:
            key = derive(LINK_KEY, Purpose.API, CONNECTOR, 1)
            encoded = quote(path.encode("utf-8", "replace"), safe="/-._~")
            url = f"{BASE_ADDRESS}{encoded}" + (f"?{query}" if query else "")
            found = signed_headers(
                f"{CONNECTOR}.1", key, method, url, body, self._clock.now(), nonce=number
            )
        return {header: value for header, value in found.items() if header != "content-type"}


def furnish(stores: Stores, clock: Clock) -> None:
    """Create what the examples in the OpenAPI documents refer to.

    These are a ticket with a file, a held mail, two customers, an inspection list, the state
    machines and the queues.
    """
    for name in ("redress-scores", "redress-rehearsal", "redress-ticket"):
        create_idle_machine(name)
    for name, setting in (
        ("redress-inbound", "INBOUND_QUEUE_URL"),
        ("redress-mail", "MAIL_QUEUE_URL"),
    ):
        assert aws("sqs").create_queue(QueueName=name)["QueueUrl"] == ENVIRONMENT[setting]
    for change in Life(clock).open().wait(minutes=1).assign("a-mei").changes:
        store = stores.tickets.open if change.before is None else stores.tickets.commit
        store(change, change.after.created_at)
    hold_mail(1, clock, identity=HELD)
    aws("s3").create_bucket(Bucket=ENVIRONMENT["FILES_BUCKET"])
    sender, state = people.CUSTOMER, FileState.CLEAN
    file = Attached(FILE, "cup.jpg", "image/jpeg", 1_200, sender, clock.now(), state, event=1)
    wired_stores.attached().put_new(NUMBER, file)
    entries: dict[str, tuple[str, ...]] = {"web": (NUMBER,)}
    InspectionStore(wired_stores.models()).put(
        DrawnList("complaints", DAY, clock.now(), "m-wei", 1, 5, complete=True, entries=entries)
    )
    wei = wired_stores.staff().member("m-wei")
    wanted = Wanted("The CRM", tuple(Scope), None)
    staff_wiring.connectors().make(wei, CONNECTOR, wanted, "for a test", "")
    wired_stores.customers().write([new(profile(one)) for one in (CUSTOMER, OTHER_CUSTOMER)])


def caller(clock: Clock) -> Caller:
    """Calls as a manager, as an agent where only agents may, or as the customer of the ticket."""
    by_token = {TOKEN: "wei", AGENTS_TOKEN: "mei"}
    claims = {token: claims_of(MEMBERS[name]) | SIGNED_IN for token, name in by_token.items()}
    return Caller(Gateway(claims), clock)
