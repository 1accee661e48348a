"""SES: complete copies of sent mails, and events about their delivery."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from datetime import UTC, datetime
from typing import Any

from ministack.services import ses, ses_v2, sns

from local import mails
from local.patches.checking import expect

_MESSAGE_ID = re.compile(
    rb"^message-id:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*", re.IGNORECASE | re.MULTILINE
)


PUBLISHED_AFTER_S = 1.0
"""How long after the answer SES publishes that it accepted a mail. AWS names no time."""


def keep_complete_mails() -> None:
    """A sent mail is stored in the cloud's mailbox with all its headers and parts.

    AWS: the mail reaches its recipients as written, with a Message-ID of SES's own.
    Emulator: keeps only subject and text, and forwards a mail that it makes from these.
    Patch: puts the complete mail into the folder `mailbox` (`local.mails`).
    """
    original = ses_v2.handle_request

    async def handle(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Any:
        answer = await original(method, path, headers, body, query)
        if (sent := _sent(method, path, body, answer)) is not None and mails.FOLDER is not None:
            raw = base64.b64decode(sent["Content"]["Raw"]["Data"])
            head, blank, rest = raw.partition(b"\r\n\r\n")
            head = _MESSAGE_ID.sub(f"Message-ID: <{sent['MessageId']}>".encode(), head)
            mails.keep(mails.FOLDER, head + blank + rest)
        return answer

    ses_v2.handle_request = handle


def publish_mail_feedback() -> None:
    """That SES accepted a mail, and what the mailbox simulator does to it, goes to the
    configuration set's topic.

    AWS: each accepted mail causes the event Send, after the answer to the call. The addresses
    bounce@, complaint@ and suppressionlist@simulator.amazonses.com return or refuse a mail. The
    events that a configuration set asks for go to its topic, with the mail's tags.
    Emulator: knows the simulator and configuration sets, but publishes to the topics of identities
    only, and never a Send.
    Patch: publishes after the call, in SES's format (Developer Guide, "Contents of event data").
    """
    original = ses_v2.handle_request
    outcomes, detail = ses._SIMULATOR_OUTCOMES, ses._notification_detail
    expect("bounce" in outcomes and "complaint" in outcomes, "ses._SIMULATOR_OUTCOMES")
    expect(callable(sns.publish_internal), "sns.publish_internal")
    expect("bounce" in detail("Bounce", "a@b", "t", "General"), "ses._notification_detail")

    async def handle(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Any:
        answer = await original(method, path, headers, body, query)
        if (sent := _sent(method, path, body, answer)) is not None:
            later = asyncio.get_running_loop().call_later
            later(PUBLISHED_AFTER_S, _publish, sent, "Send", {"send": {}})
            for recipient in sent["Destination"]["ToAddresses"]:
                local, _, domain = recipient.partition("@")
                if domain.lower() == "simulator.amazonses.com":
                    for kind, subtype in outcomes.get(local.lower().partition("+")[0], ()):
                        _publish(sent, kind, detail(kind, recipient, _now(), subtype))
        return answer

    ses_v2.handle_request = handle


def _sent(method: str, path: str, body: bytes, answer: Any) -> dict[str, Any] | None:
    """The request of an accepted raw mail with the `MessageId` of the response; else None."""
    if method != "POST" or not path.rstrip("/").endswith("/outbound-emails") or answer[0] != 200:
        return None
    request: dict[str, Any] = json.loads(body)
    if "Raw" not in request.get("Content", {}):
        return None
    taken: dict[str, Any] = json.loads(answer[2])
    return request | taken


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _publish(sent: dict[str, Any], kind: str, detail: dict[str, Any]) -> None:
    """Publish an event about a mail. `detail` is the part that is specific to the kind."""
    known = ses_v2._config_sets.get(sent.get("ConfigurationSetName", "")) or {}
    mail = {
        "timestamp": _now(),
        "source": sent["FromEmailAddress"],
        # SES's events name a mail by its Message-ID without the domain.
        "messageId": sent["MessageId"].partition("@")[0],
        "destination": sent["Destination"]["ToAddresses"],
        "tags": {one["Name"]: [one["Value"]] for one in sent.get("EmailTags", [])},
    }
    event = {"eventType": kind, "mail": mail} | detail
    for destination in (known.get("EventDestinations") or {}).values():
        topic = (destination.get("SnsDestination") or {}).get("TopicArn")
        if topic and destination["Enabled"] and kind.upper() in destination["MatchingEventTypes"]:
            sns.publish_internal(topic, json.dumps(event), "Amazon SES Email Event Notification")
