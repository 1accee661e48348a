"""What tests of the WeChat adapter share: the adapter, its settings, and what WeChat sends."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
from datetime import UTC, datetime
from types import ModuleType

from tests.builders import ROOT

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
SECRETS = {
    name: f"whsec_{base64.b64encode(name.encode().ljust(32)).decode()}"
    for name in ("WEBHOOK_SECRET", "ANSWERS_SECRET")
}
SETTINGS = SECRETS | {
    "WECHAT_TOKEN": "shop3token",
    "WECHAT_APP_ID": "wx1",
    "WECHAT_APP_SECRET": "s3cret",
    "WECHAT_API": "https://api.weixin.qq.com",
    "REDRESS": "https://redress.example.com/v1",
    "CONNECTOR": "wechat",
    "LANGUAGE": "zh-CN",
}
TEXT = """<xml><ToUserName><![CDATA[gh_1]]></ToUserName>
<FromUserName><![CDATA[oOpenId000042]]></FromUserName>
<CreateTime>1795395600</CreateTime><MsgType><![CDATA[text]]></MsgType>
<Content><![CDATA[水壶漏水 & <怎么办>？]]></Content><MsgId>23456789012345678</MsgId></xml>"""


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("wechat", ROOT / "docs/adapters/wechat.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def proof(at: datetime = AT, **more: str) -> dict[str, str]:
    """The query of a request of WeChat."""
    parts = [SETTINGS["WECHAT_TOKEN"], str(int(at.timestamp())), "n0nce"]
    made = hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()  # noqa: S324 - WeChat's
    return {"signature": made, "timestamp": parts[1], "nonce": parts[2]} | more
