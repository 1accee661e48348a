"""Connect a WeChat official account to Redress: a worked example of an adapter.

It needs nothing but Python. It runs behind whatever ends TLS for it, as the two addresses
`/wechat`, which is entered as the server address of the official account (plain text mode), and
`/answers`, which is the `answers_url` of the connector. docs/connectors.md shows how to set it up.

WeChat waits 5 s for an answer and sends a message three times. So a message is stored, WeChat is
answered, and a thread hands the message over to Redress until that has a final answer. Messages of
one customer are handed over in the order in which they came. If one opens a ticket, the customer
gets its number and its page, because Redress has no other way to acknowledge it. An account can
write to a customer for 48 hours after their last message: the connector has `answer_hours` 48.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import os
import sqlite3
import threading
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.parsers import expat

BODY_LIMIT = 64 * 1024
TEXT_BYTES = 2000
"""WeChat refuses a text of more than 2048 bytes (45002). The rest is on the customer's page."""
FINAL = {200, 201, 400, 409, 413, 415, 422}
"""After these answers of Redress a message is not sent again (docs/connectors.md)."""
STALE_TOKEN = {40001, 40014, 42001}
"""Codes of WeChat after which a new access token may help."""
LATER = {-1, 45009, 45011}
"""Codes of WeChat after which the same answer may be taken later: it is busy, or out of quota."""
SETUP = {40013, 40125, 40164, 45035, 48001, 48004, 50002, 61004}
"""Codes of WeChat that a person has to mend: the account, its secret, its rights, its IP list."""

NO_ANSWER = (OSError, http.client.HTTPException)
"""What a request raises if nothing answers, or something that is not HTTP."""
MOST_OLD = 600
"""The most seconds between WeChat's time of a request and the time here. WeChat's three attempts
come within seconds, so an older request was seen by somebody who sends it again."""
ACKNOWLEDGED = {
    "zh-CN": "您的留言已收到，编号 {number}。查看进展或补充说明：\n{url}",
    "zh-TW": "已收到您的訊息，案件編號 {number}。查看進度或補充說明：\n{url}",
    "en": "We have received your message. Its number is {number}. Follow it here:\n{url}",
}
"""What the customer gets when their message has opened a ticket, by language."""

Call = Callable[[str, bytes | None, Mapping[str, str]], tuple[int, bytes]]
"""Sends a request (a POST if it has a body) and returns status and body. Raises NO_ANSWER."""


def signature_of(token: str, timestamp: str, nonce: str) -> str:
    """WeChat's proof: SHA-1 of the three texts, sorted and joined."""
    return hashlib.sha1("".join(sorted([token, timestamp, nonce])).encode()).hexdigest()  # noqa: S324


def fields_of(body: bytes) -> dict[str, str]:
    """The fields of WeChat's flat XML. Raises ValueError for anything else.

    A document type is refused, because entities that it declares can grow without end or name files
    of this machine. Without one, XML has no entities but the five that it begins with.
    """
    if len(body) > BODY_LIMIT:
        raise ValueError("too long")
    found: dict[str, str] = {}
    path: list[str] = []

    def refuse(*_: Any) -> None:
        raise ValueError("a document type is not accepted")

    def text(data: str) -> None:
        if len(path) == 2:
            found[path[1]] = found.get(path[1], "") + data

    reader = expat.ParserCreate()
    reader.StartDoctypeDeclHandler = refuse
    reader.StartElementHandler = lambda name, _: path.append(name)
    reader.EndElementHandler = lambda _: path.pop()
    reader.CharacterDataHandler = text
    try:
        reader.Parse(body, True)
    except expat.ExpatError as error:
        raise ValueError("not XML") from error
    return found


def message_of(fields: Mapping[str, str], language: str) -> dict[str, Any] | None:
    """The message as Redress takes it; None for an event such as a new follower."""
    kind = fields.get("MsgType")
    if kind in (None, "event"):
        return None
    said = fields.get("Content") or fields.get("Recognition")
    if not said:
        about = (fields.get(name, "") for name in ("PicUrl", "Label", "Title", "Url"))
        said = " ".join([f"[{kind}]", *filter(None, about)])
    customer = fields["FromUserName"]
    sent_at = datetime.fromtimestamp(int(fields["CreateTime"]), UTC)
    return {
        "conversation": customer,
        "message": fields["MsgId"],
        "channel": "social",
        "text": said,
        "language": language,
        # An account learns no name. The end of the OpenID tells customers apart.
        "customer": {"name": f"WeChat {customer[-6:]}"},
        "consent": True,
        "sent_at": sent_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def text_of(answer: Mapping[str, Any]) -> str:
    """The text for the customer. A resolution, files and a long text lead to their page.

    Before words about an item of a checklist stands which item it is.
    """
    text, url = str(answer["text"]), str(answer["status_url"])
    if "item" in answer:
        text = f"{answer['item']}\n{text}"
    raw = text.encode()
    is_long = len(raw) + len(url) + 2 > TEXT_BYTES
    if is_long:
        raw = raw[: TEXT_BYTES - len(url) - len("…\n\n".encode())]
        text = raw.decode(errors="ignore") + "…"
    needs_page = is_long or answer["files"] or answer["event"] == "resolved"
    return f"{text}\n\n{url}" if needs_page else text


def call(url: str, body: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
    request = urllib.request.Request(url, body, dict(headers))  # noqa: S310 - addresses of the settings
    try:
        with urllib.request.urlopen(request, timeout=3) as response:  # noqa: S310
            return response.status, response.read(BODY_LIMIT)
    except urllib.error.HTTPError as error:
        return error.code, error.read(BODY_LIMIT)


class Adapter:
    """Both directions. `settings` are the variables that `main` reads; `call` sends requests."""

    def __init__(self, settings: Mapping[str, str], call: Call = call) -> None:
        self._settings, self._call = settings, call
        self._lock, self._token = threading.Lock(), ("", 0.0)
        self._faults = {"Redress": "", "WeChat": ""}
        self._store = sqlite3.connect(settings["STORE"], check_same_thread=False)
        with self._store as store:
            store.execute("CREATE TABLE IF NOT EXISTS inbox (id TEXT PRIMARY KEY, body TEXT)")
            store.execute("CREATE TABLE IF NOT EXISTS sent (id TEXT PRIMARY KEY)")
            store.execute("CREATE TABLE IF NOT EXISTS opened (id TEXT PRIMARY KEY, body TEXT)")

    # ------------------------------------------------------------ from WeChat to Redress

    def from_wechat(self, query: Mapping[str, str], body: bytes | None) -> tuple[int, str]:
        """Answer WeChat: the echo of its check (no body), or `success` for a message."""
        given = [query.get(name, "") for name in ("timestamp", "nonce")]
        right = signature_of(self._settings["WECHAT_TOKEN"], *given)
        if not hmac.compare_digest(right, query.get("signature", "")):
            return 403, "wrong signature"
        if not _is_fresh(query["timestamp"], MOST_OLD):
            print("a request of WeChat is refused: it is old, or the clock here is wrong")
            return 403, "too old"
        if body is None:
            return 200, query.get("echostr", "")
        try:
            message = message_of(fields_of(body), self._settings["LANGUAGE"])
        except (KeyError, ValueError, OverflowError, OSError):
            return 400, "not a message in plain text mode"
        if message is not None:
            with self._lock, self._store as store:
                entry = (message["message"], json.dumps(message))
                store.execute("INSERT OR IGNORE INTO inbox VALUES (?, ?)", entry)
        return 200, "success"

    def forward(self, wait: Callable[[float], None] = time.sleep) -> None:
        """Hand over what waits, for ever. A fault is logged, and the same is tried again."""
        while True:
            try:
                left = self.hand_over() + self.acknowledge()
            except Exception:
                traceback.print_exc()
                left = 1
            wait(5 if left else 1)

    def hand_over(self) -> int:
        """Hand over all messages that wait. Return how many still do.

        After one that Redress did not take, the later ones of this customer wait, too: staff would
        read an answer before its question. If nothing answers, all of them wait for the next time.
        """
        with self._lock:
            waiting = self._store.execute(
                "SELECT id, body FROM inbox WHERE body <> '' ORDER BY rowid"
            ).fetchall()
        left, stopped, first = 0, set[str](), ""
        for place, (id_, text) in enumerate(waiting):
            customer = json.loads(text)["conversation"]
            if customer in stopped:
                left += 1
                continue
            try:
                fault = self._hand_over(id_, text.encode(), customer)
            except NO_ANSWER as error:
                first, left = type(error).__name__, left + len(waiting) - place
                break
            if fault:
                stopped.add(customer)
                first, left = first or fault, left + 1
        self._tell("Redress", first, left)
        return left

    def _hand_over(self, id_: str, body: bytes, customer: str) -> str:
        """Hand over a message. Return "" if Redress has given a final answer, or what is wrong.

        Raises NO_ANSWER.
        """
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "webhook-id": f"wechat_{id_}",
            "webhook-timestamp": timestamp,
            "webhook-signature": self._sign("WEBHOOK_SECRET", f"wechat_{id_}", timestamp, body),
        }
        url = f"{self._settings['REDRESS']}/connectors/{self._settings['CONNECTOR']}/messages"
        status, said = self._call(url, body, headers)
        if status not in FINAL:
            return f"status {status}"
        try:
            taken = json.loads(said) if status < 400 else {}
        except ValueError:
            return "an answer that was cut off"
        if status >= 400:
            print(f"Redress refused message {id_} ({status}): {said.decode(errors='replace')}")
        with self._lock, self._store as store:  # the id stays, so a repeat of WeChat is known
            store.execute("UPDATE inbox SET body = '' WHERE id = ?", (id_,))
            if taken.get("opened"):
                text = ACKNOWLEDGED[self._settings["LANGUAGE"]]
                text = text.format(number=taken["number"], url=taken["status_url"])
                entry = (id_, json.dumps([customer, text]))
                store.execute("INSERT OR IGNORE INTO opened VALUES (?, ?)", entry)
        return ""

    def _tell(self, side: str, fault: str, waiting: int) -> None:
        """Print what keeps messages from one side when that changes, and not in each round."""
        if fault != self._faults[side]:
            print(
                f"{side}: {fault}, {waiting} wait" if fault else f"{side}: nothing waits any more"
            )
            self._faults[side] = fault

    def acknowledge(self) -> int:
        """Tell customers the numbers of their new tickets. Return how many still wait for theirs.

        After one that WeChat does not take now, the others wait for the next time: each of them
        could take seconds, in which no message is handed over. If the process ends between WeChat's
        answer and the record of it, it is told twice.
        """
        with self._lock:
            waiting = self._store.execute("SELECT id, body FROM opened ORDER BY rowid").fetchall()
        for place, (id_, entry) in enumerate(waiting):
            try:
                code = self._send(*json.loads(entry))
                fault = f"errcode {code}" if _again(code) else ""
            except (*NO_ANSWER, ValueError, KeyError) as error:
                fault = type(error).__name__
            if fault:
                self._tell("WeChat", fault, len(waiting) - place)
                return len(waiting) - place
            if code != 0:
                print(f"WeChat refused the acknowledgement of message {id_} ({code})")
            with self._lock, self._store as store:
                store.execute("DELETE FROM opened WHERE id = ?", (id_,))
        self._tell("WeChat", "", 0)
        return 0

    # ------------------------------------------------------------ from Redress to WeChat

    def from_redress(self, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        """Send an answer to the customer, once. The status tells Redress what to do."""
        id_, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        right = self._sign("ANSWERS_SECRET", id_, timestamp, body)
        given = headers.get("webhook-signature", "").split()
        if not any(hmac.compare_digest(right, one) for one in given):
            return 401, "wrong signature"
        if not _is_fresh(timestamp, 300):
            return 401, "too old"
        answer = json.loads(body)
        with self._lock:
            if self._store.execute("SELECT 1 FROM sent WHERE id = ?", (id_,)).fetchone():
                return 200, "known"
        try:
            code = self._send(answer["conversation"], text_of(answer))
        except (*NO_ANSWER, ValueError, KeyError) as error:
            return 503, type(error).__name__
        if code == 0:
            with self._lock, self._store as store:
                store.execute("INSERT OR IGNORE INTO sent VALUES (?)", (id_,))
            return 200, "sent"
        # 45015: the 48 hours are over. 45047: too many messages until the customer writes again.
        # 43004: the customer does not follow the account any more.
        return (503 if _again(code) else 422), f"WeChat says {code}"

    def _send(self, customer: str, text: str) -> int:
        """Send a text to a customer. Return WeChat's `errcode`; 0 if it has taken the text."""
        content = {"touser": customer, "msgtype": "text", "text": {"content": text}}
        # WeChat shows escapes such as \u4f60 to the customer.
        body = json.dumps(content, ensure_ascii=False).encode()
        code = self._ask("message/custom/send", {"access_token": self._access_token()}, body)
        if code["errcode"] in STALE_TOKEN:
            self._token = ("", 0.0)
            code = self._ask("message/custom/send", {"access_token": self._access_token()}, body)
        return int(code["errcode"])

    def _access_token(self) -> str:
        """The token of the account, which is valid for two hours."""
        token, until = self._token
        if time.time() >= until:
            names = {"appid": "WECHAT_APP_ID", "secret": "WECHAT_APP_SECRET"}
            query = {name: self._settings[variable] for name, variable in names.items()}
            found = self._ask("token", {"grant_type": "client_credential"} | query, None)
            token = str(found["access_token"])  # KeyError: WeChat refused, and says why in errcode
            self._token = (token, time.time() + int(found["expires_in"]) - 300)
        return token

    def _ask(self, path: str, query: Mapping[str, str], body: bytes | None) -> dict[str, Any]:
        url = f"{self._settings['WECHAT_API']}/cgi-bin/{path}?{urllib.parse.urlencode(query)}"
        _, said = self._call(url, body, {"Content-Type": "application/json"} if body else {})
        found: dict[str, Any] = json.loads(said)
        return found

    def _sign(self, secret: str, id_: str, timestamp: str, body: bytes) -> str:
        key = base64.b64decode(self._settings[secret].removeprefix("whsec_"))
        made = hmac.new(key, f"{id_}.{timestamp}.".encode() + body, hashlib.sha256).digest()
        return f"v1,{base64.b64encode(made).decode()}"


def _again(code: int) -> bool:
    """Whether WeChat may take the same text later."""
    return code in LATER or code in SETUP or code in STALE_TOKEN


def _is_fresh(timestamp: str, most: int) -> bool:
    """Whether a time in seconds since 1970 is at most so many seconds from now."""
    is_time = timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 20
    return is_time and abs(time.time() - int(timestamp)) <= most


def handler_of(adapter: Adapter) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            path, query = self._asked()
            self._say(*(adapter.from_wechat(query, None) if path == "/wechat" else (404, "")))

        def do_POST(self) -> None:
            path, query = self._asked()
            length = int(self.headers.get("Content-Length") or 0)
            if length > BODY_LIMIT:
                return self._say(413, "too long")
            body = self.rfile.read(length)
            if path == "/wechat":
                return self._say(*adapter.from_wechat(query, body))
            if path == "/answers":
                headers = {name.lower(): value for name, value in self.headers.items()}
                return self._say(*adapter.from_redress(headers, body))
            return self._say(404, "")

        def _asked(self) -> tuple[str, dict[str, str]]:
            parts = urllib.parse.urlsplit(self.path)
            return parts.path, dict(urllib.parse.parse_qsl(parts.query))

        def _say(self, status: int, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: the addresses of WeChat have signatures."""

    return Handler


DEFAULTS = {"LANGUAGE": "zh-CN", "WECHAT_API": "https://api.weixin.qq.com", "STORE": "wechat.db"}
NEEDED = (
    "WECHAT_TOKEN",
    "WECHAT_APP_ID",
    "WECHAT_APP_SECRET",
    "REDRESS",
    "CONNECTOR",
    "WEBHOOK_SECRET",
    "ANSWERS_SECRET",
)


def main() -> None:
    settings = DEFAULTS | dict(os.environ)
    if missing := [name for name in NEEDED if not settings.get(name)]:
        raise SystemExit(f"missing: {', '.join(missing)}")
    if settings["LANGUAGE"] not in ACKNOWLEDGED:
        raise SystemExit(f"LANGUAGE: one of {', '.join(ACKNOWLEDGED)}")
    adapter = Adapter(settings)
    threading.Thread(target=adapter.forward, daemon=True).start()
    address = ("127.0.0.1", int(settings.get("PORT") or 8080))
    ThreadingHTTPServer(address, handler_of(adapter)).serve_forever()


if __name__ == "__main__":
    main()
