"""What staff write goes back through connectors of the deployed stack, to other systems in TLS.

The other systems are servers of this process. The mailer of the stack takes them for hosts of the
internet (`LOCAL_HOSTS` of `local.patches.worker`) and trusts their certificate.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from standardwebhooks import Webhook

from local import stack, story
from local.endpoints import Staff, mailbox, submit_by_json, wait_for
from local.operations import versions
from local.patches.worker import HOSTS
from local.stack import Outputs
from local.story import World
from tests import wechat
from tests.local.living import complaint
from tests.local.systems import System, connected
from tests.mail.relay import certificate

HOST = "other.example.com"
MAILER = f"{stack.NAME}-mailer"


@dataclass
class Others:
    """Other systems behind one host, each at a path of its own."""

    port: int = 0
    systems: dict[str, Callable[[Mapping[str, str], bytes], int]] = field(default_factory=dict)
    """By path: what answers a request, given its headers and its body, with a status."""

    def serve(self, cert: tuple[Path, Path]) -> ThreadingHTTPServer:
        systems = self.systems

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.send_response(systems[self.path](headers, body))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*map(str, cert))
        server.socket = context.wrap_socket(server.socket, server_side=True)
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


@pytest.fixture(scope="module")
def others(deployed: Outputs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Others]:
    """The host, which the mailer can reach while these tests run."""
    found, cert = Others(), certificate(tmp_path_factory.mktemp("others"), HOST)
    server = found.serve(cert)
    functions: Any = boto3.client("lambda", **deployed.client_arguments())
    known = functions.get_function_configuration(FunctionName=MAILER)["Environment"]["Variables"]
    reaching = {HOSTS: f"{HOST}={found.port}", "SSL_CERT_FILE": str(cert[0])}
    _configure(functions, known | reaching)
    yield found
    _configure(functions, known)
    server.shutdown()


def _configure(functions: Any, variables: dict[str, str]) -> None:
    functions.update_function_configuration(
        FunctionName=MAILER, Environment={"Variables": variables}
    )
    versions.settle(functions, [MAILER])


class Inbox:
    """A generic social inbox, or a gateway for SMS: it checks signatures and keeps answers."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self.got: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.says = [200]
        """The statuses of its next answers; the last one stays."""

    def __call__(self, headers: Mapping[str, str], body: bytes) -> int:
        Webhook(self._secret).verify(body, dict(headers))
        self.ids.append(headers["webhook-id"])
        status = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        if status == 200:
            self.got.append(json.loads(body))
        return status


def _inbox(world: World, others: Others, name: str, **fields: Any) -> tuple[System, Inbox]:
    """A connector that takes answers at a path of the host, and the system behind it."""
    path = f"/{name}-{time.time_ns()}"
    scopes = ["messages:write", "receipts:write"]
    system = connected(world, name, scopes, answers_url=f"https://{HOST}{path}", **fields)
    inbox = Inbox(system.answers_secret)
    others.systems[path] = inbox
    return system, inbox


def _opened(world: World, system: System, text: str, **fields: Any) -> tuple[str, Staff]:
    usual = {"channel": "social", "customer": {"name": "Li Na"}, "kind": "complaint"}
    status, found = system.hand_over("msg_1", "m-1", text, **(usual | fields))
    assert status == 201, found
    number = found["number"]
    return number, story.agent_of(world, number)


def _states(world: World, number: str) -> list[str]:
    found = story.happened(world.manager.read(number), "answer_reported")
    return [one["data"]["state"] for one in found]


def test_answer_goes_back_signed_is_tried_again_under_its_id_and_its_receipt_is_shown(
    world: World, others: Others
) -> None:
    social, inbox = _inbox(world, others, "social")
    inbox.says = [503, 200]
    number, agent = _opened(world, social, "My kettle leaks.")
    agent.change(number, "replies", text="Please send a photo.")
    wait_for(lambda: inbox.got, "the answer comes after a refusal", 60)
    [got] = inbox.got
    assert (got["text"], got["conversation"]) == ("Please send a photo.", "c-1")
    assert set(inbox.ids) == {got["id"]}
    wait_for(lambda: _states(world, number) == ["sent"], "the timeline has it", 20)
    assert social.report("msg_2", answer=got["id"], state="delivered")[0] == 200
    assert _states(world, number) == ["sent", "delivered"]


def test_answer_that_the_other_side_refuses_fails_and_its_agent_is_told(
    world: World, others: Others
) -> None:
    social, inbox = _inbox(world, others, "refusing")
    number, agent = _opened(world, social, "My kettle leaks.")
    inbox.says = [422]
    agent.change(number, "replies", text="Please send a photo.")
    wait_for(lambda: _states(world, number) == ["failed"], "the timeline has it", 30)
    address = world.manager.get(f"/members/{agent.id}")["email"]
    wait_for(
        lambda: [one for one in mailbox(world.endpoint_url, address) if number in one.subject],
        "the agent is told",
        30,
    )
    assert len(inbox.ids) == 1, "a refusal is final"


def test_customer_of_a_wechat_account_is_answered_there_by_the_adapter(
    world: World, others: Others, tmp_path: Path
) -> None:
    path = f"/wechat-{time.time_ns()}"
    sent: list[Any] = []
    numbers: list[str] = []
    url = f"https://{HOST}{path}"
    system = connected(world, "wechat", ["messages:write"], answers_url=url, answer_hours=48)
    module = wechat.load()

    def outside(url: str, body: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """WeChat's API as the adapter calls it; everything else is the deployed stack."""
        if not url.startswith(wechat.SETTINGS["WECHAT_API"]):
            status, said = module.call(url, body, headers)
            numbers.append(json.loads(said)["number"])
            return status, said
        if urlsplit(url).path == "/cgi-bin/token":
            return 200, b'{"access_token": "t", "expires_in": 7200}'
        sent.append(json.loads(body or b""))
        return 200, b'{"errcode": 0}'

    settings = wechat.SETTINGS | {
        "REDRESS": world.base_url,
        "CONNECTOR": system.id,
        "WEBHOOK_SECRET": system.webhook_secret,
        "ANSWERS_SECRET": system.answers_secret,
        "STORE": str(tmp_path / "wechat.db"),
    }
    adapter = module.Adapter(settings, outside)
    others.systems[path] = lambda headers, body: int(adapter.from_redress(headers, body)[0])
    now = datetime.now(UTC)
    message = wechat.TEXT.replace("1795395600", str(int(now.timestamp())))
    for _ in range(3):  # WeChat sends a message three times
        assert adapter.from_wechat(wechat.proof(now), message.encode()) == (200, "success")
    assert adapter.hand_over() == 0
    assert adapter.acknowledge() == 0
    [number] = numbers
    assert number in sent[0]["text"]["content"], "the customer learns the number there"
    world.manager.change(number, "replies", text="请发一张照片。")
    wait_for(lambda: sent[1:], "WeChat has the answer", 30)
    [_, answer] = sent
    assert (answer["touser"], answer["text"]["content"]) == ("oOpenId000042", "请发一张照片。")
    wait_for(lambda: _states(world, number) == ["sent"], "the timeline has it", 20)


def test_who_left_only_a_phone_is_answered_by_sms(world: World, others: Others) -> None:
    gateway, inbox = _inbox(world, others, "sms")
    digits = f"138{time.time_ns() // 1000 % 100_000_000:08}"
    plan = world.manager.get("/plan")
    named = {"version": plan["version"] + 1, "sms": {"connector": gateway.id}}
    world.manager.send("POST", "/plans", plan | named)
    time.sleep(6)  # a function may use the plan that it has read for 5 s
    body = complaint("sms") | {"contact": {"name": "Li Na", "phone": digits}}
    number = submit_by_json(world.base_url, body).number
    story.agent_of(world, number).change(number, "replies", text="Please send a photo.")
    wait_for(lambda: inbox.got, "the gateway has the answer", 30)
    assert [one["conversation"] for one in inbox.got] == [f"+86{digits}"]
    back = {"conversation": f"+86{digits}", "customer": {"name": "Li Na", "phone": digits}}
    status, found = gateway.hand_over("msg_2", "s-1", "It comes.", channel="social", **back)
    assert (status, found["number"]) == (200, number)
