"""The adapter of docs/adapters: a WeChat official account at one side, Redress at the other."""

from __future__ import annotations

import http.client
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from standardwebhooks import Webhook

from tests.machines import webhook_headers
from tests.wechat import AT, SETTINGS, TEXT, load, proof


@dataclass
class Outside:
    """WeChat and Redress as the adapter sees them: what they were asked, and what they say."""

    asked: list[tuple[str, Any, Mapping[str, str]]] = field(default_factory=list)
    tokens: int = 0
    wechat: list[int] = field(default_factory=list)
    redress: int | Exception = 201
    says: dict[str, Any] = field(default_factory=dict)
    fails_for: str = ""
    """The id of a message that Redress does not take."""

    def call(self, url: str, body: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
        self.asked.append((url, body, headers))
        if url.startswith(SETTINGS["REDRESS"]):
            if isinstance(self.redress, Exception):
                raise self.redress
            if self.fails_for and headers["webhook-id"] == f"wechat_{self.fails_for}":
                return 503, b""
            return self.redress, json.dumps(self.says).encode()
        if urlsplit(url).path == "/cgi-bin/token":
            self.tokens += 1
            given = {"access_token": f"token-{self.tokens}", "expires_in": 7200}
            return 200, json.dumps(given).encode()
        code = self.wechat.pop(0) if self.wechat else 0
        return 200, json.dumps({"errcode": code, "errmsg": "-"}).encode()

    @property
    def handed_over(self) -> list[str]:
        """The ids of the messages that Redress got, in this order."""
        return [json.loads(body)["message"] for url, body, _ in self.asked if "/connectors/" in url]

    @property
    def sent(self) -> list[dict[str, Any]]:
        """What WeChat was asked to send."""
        return [json.loads(body) for url, body, _ in self.asked if "custom/send" in url]


@pytest.fixture
def outside() -> Outside:
    return Outside()


@pytest.fixture
def adapter(outside: Outside) -> Any:
    module = load()
    setattr(module, "time", SimpleNamespace(time=AT.timestamp))  # noqa: B010 - a module's attribute
    return module.Adapter(SETTINGS | {"STORE": ":memory:"}, outside.call)


def answer(number: int = 3, **fields: Any) -> tuple[dict[str, str], bytes]:
    """An answer of Redress, signed."""
    id_ = f"R-7K3M9-QW0X2-{number}"
    usual = {
        "type": "answer",
        "id": id_,
        "conversation": "oOpenId000042",
        "event": "replied",
        "text": "请发照片。",
        "files": [],
        "status_url": "https://redress.example.com/v1/t/R-7K3M9-QW0X2.signature",
    }
    body = json.dumps(usual | fields).encode()
    return webhook_headers(SETTINGS["ANSWERS_SECRET"], id_, AT, body), body


# ---------------------------------------------------------------------- from WeChat


def test_check_of_the_address_gets_its_echo_only_with_the_right_signature(adapter: Any) -> None:
    assert adapter.from_wechat(proof(echostr="58123"), None) == (200, "58123")
    wrong = proof(echostr="58123") | {"nonce": "other"}
    assert adapter.from_wechat(wrong, None)[0] == 403
    assert adapter.from_wechat({}, None)[0] == 403


def test_message_is_answered_at_once_and_handed_over_once(adapter: Any, outside: Outside) -> None:
    """WeChat waits for 5 s, and sends a message three times if it gets no answer."""
    for _ in range(3):
        assert adapter.from_wechat(proof(), TEXT.encode()) == (200, "success")
    assert outside.asked == [], "Redress is not waited for"
    assert adapter.hand_over() == 0
    assert adapter.hand_over() == 0
    assert adapter.from_wechat(proof(), TEXT.encode()) == (200, "success")
    assert adapter.hand_over() == 0
    [(url, body, headers)] = outside.asked
    assert url == "https://redress.example.com/v1/connectors/wechat/messages"
    right = Webhook(SETTINGS["WEBHOOK_SECRET"]).sign(headers["webhook-id"], AT, body.decode())
    assert headers["webhook-signature"] == right
    assert json.loads(body) == {
        "conversation": "oOpenId000042",
        "message": "23456789012345678",
        "channel": "social",
        "text": "水壶漏水 & <怎么办>？",
        "language": "zh-CN",
        "customer": {"name": "WeChat 000042"},
        "consent": True,
        "sent_at": "2026-11-23T01:00:00Z",
    }


@pytest.mark.parametrize(
    "says",
    [
        OSError("unreachable"),
        http.client.BadStatusLine("garbage"),
        http.client.IncompleteRead(b""),
        *(401, 403, 404, 429, 500, 503),
    ],
)
def test_message_waits_until_redress_has_taken_it(
    adapter: Any, outside: Outside, says: int | Exception
) -> None:
    outside.redress = says
    assert adapter.from_wechat(proof(), TEXT.encode()) == (200, "success")
    assert adapter.hand_over() == 1
    outside.redress = 200
    assert adapter.hand_over() == 0
    ids = {headers["webhook-id"] for _, _, headers in outside.asked}
    assert ids == {"wechat_23456789012345678"}


def message(number: int, customer: str = "oOpenId000042") -> bytes:
    """A message of WeChat with an id that ends with this number."""
    other = TEXT.replace("oOpenId000042", customer)
    return other.replace("23456789012345678", f"2345678901234567{number}").encode()


def test_later_messages_of_a_customer_wait_for_the_earlier_one(
    adapter: Any, outside: Outside
) -> None:
    """Staff would read "the second one, please" before the question that it answers."""
    for body in (message(1), message(2), message(3, "oOpenId000043")):
        assert adapter.from_wechat(proof(), body) == (200, "success")
    outside.fails_for = "23456789012345671"
    assert adapter.hand_over() == 2
    assert [id_[-1] for id_ in outside.handed_over] == ["1", "3"]
    outside.fails_for = ""
    assert adapter.hand_over() == 0
    assert [id_[-1] for id_ in outside.handed_over] == ["1", "3", "1", "2"]


class Stopped(BaseException):
    """Ends the endless loop of a test."""


@pytest.mark.parametrize("fault", [sqlite3.OperationalError("disk I/O error"), KeyError("number")])
def test_messages_go_on_after_a_fault_that_nobody_expected(
    adapter: Any,
    outside: Outside,
    fault: Exception,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The thread died silently, and WeChat was told of success until somebody restarted it."""
    hand_over, faults, waits = adapter.hand_over, [fault], list[float]()

    def once_broken() -> int:
        if faults:
            raise faults.pop()
        left: int = hand_over()
        return left

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            raise Stopped

    monkeypatch.setattr(adapter, "hand_over", once_broken)
    adapter.from_wechat(proof(), TEXT.encode())
    with pytest.raises(Stopped):
        adapter.forward(wait)
    assert len(outside.handed_over) == 1
    assert waits == [5, 1]
    assert type(fault).__name__ in capsys.readouterr().err, "it is logged"


@pytest.mark.parametrize("off", [timedelta(minutes=-11), timedelta(minutes=11)])
def test_old_request_with_the_right_signature_is_refused(
    adapter: Any, outside: Outside, off: timedelta
) -> None:
    assert adapter.from_wechat(proof(AT + off), TEXT.encode()) == (403, "too old")
    assert adapter.from_wechat(proof(AT + off, echostr="58123"), None) == (403, "too old")
    assert adapter.from_wechat(proof(AT - timedelta(minutes=9)), TEXT.encode())[0] == 200
    assert adapter.hand_over() == 0
    assert len(outside.handed_over) == 1


OPENED: dict[str, Any] = {
    "number": "R-7K3M9-QW0X2",
    "opened": True,
    "status_url": "https://redress.example.com/v1/t/R-7K3M9-QW0X2.signature",
}


def test_customer_gets_number_and_page_of_the_ticket_that_their_message_opened(
    adapter: Any, outside: Outside
) -> None:
    """The ticket counts as acknowledged by the answer to the connector, so somebody must do it."""
    outside.says = OPENED
    adapter.from_wechat(proof(), message(1))
    assert adapter.hand_over() == 0
    outside.redress, outside.says = 200, OPENED | {"opened": False}
    adapter.from_wechat(proof(), message(2))
    assert adapter.hand_over() == 0
    assert adapter.acknowledge() == 0
    assert adapter.acknowledge() == 0
    [told] = outside.sent
    assert told["touser"] == "oOpenId000042"
    text = "您的留言已收到，编号 R-7K3M9-QW0X2。查看进展或补充说明：\n" + OPENED["status_url"]
    assert told["text"]["content"] == text


@pytest.mark.parametrize(("code", "left", "sent"), [(-1, 1, 2), (45009, 1, 2), (45015, 0, 1)])
def test_acknowledgement_that_wechat_does_not_take_now_is_sent_later(
    adapter: Any, outside: Outside, code: int, left: int, sent: int
) -> None:
    outside.says, outside.wechat = OPENED, [code]
    adapter.from_wechat(proof(), TEXT.encode())
    adapter.hand_over()
    assert adapter.acknowledge() == left
    assert adapter.acknowledge() == 0
    assert len(outside.sent) == sent


@pytest.mark.parametrize("code", [-1, 45009, 48001])
def test_wechat_is_asked_once_in_a_round_while_it_takes_nothing(
    adapter: Any, outside: Outside, capsys: pytest.CaptureFixture[str], code: int
) -> None:
    """Each request can take seconds, in which no message is handed over."""
    outside.says = OPENED
    for number in range(3):
        adapter.from_wechat(proof(), message(number, f"oOpenId00004{number}"))
    adapter.hand_over()
    outside.wechat = [code, code]
    assert [adapter.acknowledge() for _ in range(3)] == [3, 3, 0]
    assert len(outside.sent) == 2 + 3
    printed = capsys.readouterr().out.splitlines()
    assert printed == [f"WeChat: errcode {code}, 3 wait", "WeChat: nothing waits any more"]


@pytest.mark.parametrize(
    ("says", "fault", "asked"),
    [(401, "status 401", 2), (503, "status 503", 2), (OSError("unreachable"), "OSError", 1)],
)
def test_messages_that_redress_does_not_take_are_said_once(
    adapter: Any,
    outside: Outside,
    capsys: pytest.CaptureFixture[str],
    says: int | Exception,
    fault: str,
    asked: int,
) -> None:
    """WeChat is told `success`, so nobody else would notice that a key was revoked."""
    for number in range(2):
        adapter.from_wechat(proof(), message(number, f"oOpenId00004{number}"))
    outside.redress = says
    assert [adapter.hand_over() for _ in range(2)] == [2, 2]
    assert len(outside.asked) == 2 * asked
    outside.redress = 200
    assert adapter.hand_over() == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed == [f"Redress: {fault}, 2 wait", "Redress: nothing waits any more"]


def test_answer_that_is_cut_off_is_asked_for_again(
    adapter: Any, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The repeat gets the same answer, so the customer still gets the number."""
    cut = json.dumps(OPENED).encode()[:20]
    with monkeypatch.context() as patch:
        patch.setattr(adapter, "_call", lambda *_: (201, cut))
        adapter.from_wechat(proof(), TEXT.encode())
        assert adapter.hand_over() == 1
    outside.says = OPENED
    assert adapter.hand_over() == 0
    assert adapter.acknowledge() == 0
    assert len(outside.sent) == 1


def test_message_that_redress_refuses_for_ever_is_not_sent_again(
    adapter: Any, outside: Outside, capsys: pytest.CaptureFixture[str]
) -> None:
    outside.redress = 422
    adapter.from_wechat(proof(), TEXT.encode())
    assert adapter.hand_over() == 0
    assert "refused message 23456789012345678 (422)" in capsys.readouterr().out


@pytest.mark.parametrize(
    "body",
    [
        '<!DOCTYPE xml [<!ENTITY a "aaaa">]><xml><MsgType>&a;</MsgType></xml>',
        '<!DOCTYPE xml SYSTEM "file:///etc/passwd"><xml/>',
        "<xml><Encrypt>abc</Encrypt><MsgType>text</MsgType></xml>",
        "<xml>",
        "not XML",
        TEXT.replace("1795395600", "soon"),
        TEXT.replace("1795395600", "9" * 30),
        "<xml>" + "x" * 70_000 + "</xml>",
    ],
)
def test_anything_but_a_flat_message_is_refused(adapter: Any, outside: Outside, body: str) -> None:
    assert adapter.from_wechat(proof(), body.encode())[0] == 400
    assert adapter.hand_over() == 0
    assert outside.asked == []


def test_new_follower_is_no_message(adapter: Any, outside: Outside) -> None:
    event = "<xml><MsgType>event</MsgType><Event>subscribe</Event></xml>"
    assert adapter.from_wechat(proof(), event.encode()) == (200, "success")
    assert adapter.hand_over() == 0
    assert outside.asked == []


def test_picture_is_handed_over_as_a_text_that_leads_to_it(adapter: Any, outside: Outside) -> None:
    picture = TEXT.replace("text", "image").replace(
        "<Content><![CDATA[水壶漏水 & <怎么办>？]]></Content>",
        "<PicUrl><![CDATA[https://mmbiz.example/1]]></PicUrl>",
    )
    adapter.from_wechat(proof(), picture.encode())
    adapter.hand_over()
    assert json.loads(outside.asked[0][1])["text"] == "[image] https://mmbiz.example/1"


# ---------------------------------------------------------------------- to WeChat


def test_answer_is_sent_to_the_customer_once(adapter: Any, outside: Outside) -> None:
    assert adapter.from_redress(*answer()) == (200, "sent")
    assert adapter.from_redress(*answer()) == (200, "known")
    assert outside.sent == [
        {"touser": "oOpenId000042", "msgtype": "text", "text": {"content": "请发照片。"}}
    ]
    url, raw, _ = outside.asked[-1]
    assert parse_qs(urlsplit(url).query) == {"access_token": ["token-1"]}
    assert "请发照片".encode() in raw, "WeChat shows escapes to the customer"
    assert adapter.from_redress(*answer(4)) == (200, "sent")
    assert outside.tokens == 1, "the token is valid for two hours"


def test_resolution_leads_to_the_page_where_the_customer_confirms_it(
    adapter: Any, outside: Outside
) -> None:
    adapter.from_redress(*answer(event="resolved", text="已换新壶。"))
    content = outside.sent[0]["text"]["content"]
    assert content == "已换新壶。\n\nhttps://redress.example.com/v1/t/R-7K3M9-QW0X2.signature"


def test_words_about_an_item_of_a_checklist_begin_with_the_item(
    adapter: Any, outside: Outside
) -> None:
    adapter.from_redress(*answer(event="item_rejected", item="身份证照片", text="看不清。"))
    assert outside.sent[0]["text"]["content"] == "身份证照片\n看不清。"


def test_long_answer_is_cut_to_what_wechat_takes(adapter: Any, outside: Outside) -> None:
    adapter.from_redress(*answer(text="很抱歉，" * 500))
    content = outside.sent[0]["text"]["content"]
    assert len(content.encode()) <= 2048
    assert content.startswith("很抱歉，很抱歉，")
    assert content.endswith("…\n\nhttps://redress.example.com/v1/t/R-7K3M9-QW0X2.signature")


def test_answer_is_asked_for_again_if_wechat_speaks_no_http(
    adapter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def garbage(*_: Any) -> tuple[int, bytes]:
        raise http.client.BadStatusLine("garbage")

    with monkeypatch.context() as patch:
        patch.setattr(adapter, "_call", garbage)
        assert adapter.from_redress(*answer()) == (503, "BadStatusLine")
    assert adapter.from_redress(*answer()) == (200, "sent")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (45015, 422),  # the 48 hours are over
        (45047, 422),  # too many messages until the customer writes again
        (43004, 422),  # the customer does not follow the account any more
        (-1, 503),  # busy
        (45009, 503),  # out of quota
        (48001, 503),  # the account may not use this: a person has to mend it
    ],
)
def test_refusal_of_wechat_says_whether_a_repeat_can_help(
    adapter: Any, outside: Outside, code: int, status: int
) -> None:
    outside.wechat = [code]
    assert adapter.from_redress(*answer()) == (status, f"WeChat says {code}")
    assert adapter.from_redress(*answer()) == (200, "sent"), "it was not remembered as sent"


def test_token_that_somebody_else_renewed_is_fetched_again(adapter: Any, outside: Outside) -> None:
    outside.wechat = [40001]
    assert adapter.from_redress(*answer()) == (200, "sent")
    assert outside.tokens == 2


def test_answer_that_redress_did_not_sign_is_refused(adapter: Any, outside: Outside) -> None:
    headers, body = answer()
    assert adapter.from_redress(headers, body.replace(b"0042", b"0043"))[0] == 401
    assert adapter.from_redress({}, body)[0] == 401
    old = webhook_headers(
        SETTINGS["ANSWERS_SECRET"], headers["webhook-id"], AT.replace(hour=0), body
    )
    assert adapter.from_redress(old, body) == (401, "too old")
    assert outside.asked == []
